/* install_keys.c: every secret of an installation and the signed list of public keys; the bus's
 * configuration, which names the identities by their public keys. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "gen/contract.h"
#include "json.h"
#include "keyring.h"
#include "nkey.h"
#include "services/terminal/install.h"
#include "services/terminal/process.h"

#define PASSWORD_BYTES 24

static enum st write_refuse(const char *path, struct problem *problem)
{
	enum st st = errno == ENOSPC ? ST_DISK_FULL : ST_UNAVAILABLE;

	return problem_set(problem, st, "", "cannot write \"%s\": %s", path, strerror(errno));
}

static enum st public_write(const char *path, const uint8_t public_key[PUBLIC_KEY_BYTES],
			    struct problem *problem)
{
	char text[PUBLIC_KEY_TEXT_SIZE + 1];
	size_t size = base64_encode(public_key, PUBLIC_KEY_BYTES, text);

	text[size++] = '\n';
	if (file_write(path, text, size, 0644))
		return ST_OK;
	return write_refuse(path, problem);
}

/* The key in a file; made there when the file is not there yet. */
static enum st key_ensure(const char *path, struct signing_key *ret, struct problem *problem)
{
	struct signing_key key;
	enum st st;

	if (access(path, F_OK) == 0)
		return signing_key_load(path, ret, problem);
	signing_key_generate(&key);
	st = signing_key_create(path, &key, problem);
	if (st == ST_OK)
		*ret = key;
	signing_key_clear(&key);
	return st;
}

/* The root key may be kept elsewhere: without it nothing is signed, and what was signed is checked
 * with the public one. A second root key is never made. */
static enum st root_ensure(const struct site *site, struct signing_key *ret, bool *ret_here,
			   struct problem *problem)
{
	struct site_text path = site_path(site, "keys/root.key");
	struct site_text public = site_path(site, "keys/root.pub");
	struct site_text list = site_path(site, "keys/keyring.json");

	*ret_here = access(path.text, F_OK) == 0 ||
		    (access(public.text, F_OK) != 0 && access(list.text, F_OK) != 0);
	if (!*ret_here) {
		*ret = (struct signing_key){ 0 };
		return public_key_load(public.text, ret->public_key, problem);
	}
	TRY(key_ensure(path.text, ret, problem));
	return public_write(public.text, ret->public_key, problem);
}

static enum st root_away(const struct site *site, const char *service, struct problem *problem)
{
	problem_set(problem, ST_CONFIG_INVALID, "",
		    "a key of %s has to be signed, and the root key is not here", service);
	problem_hint(problem, "put it back as \"%s\"", site_path(site, "keys/root.key").text);
	return ST_CONFIG_INVALID;
}

/* --- passwords of the database's roles --- */

static enum st password_ensure(const struct site *site, const char *role, struct problem *problem)
{
	struct site_text path = site_path(site, "keys/pg/password/%s", role);
	uint8_t bytes[PASSWORD_BYTES];
	char password[HEX_SIZE(PASSWORD_BYTES) + 1];
	char line[256];

	file_tail(path.text, 1, password, sizeof(password));
	if (password[0] == '\0') {
		random_bytes(bytes, sizeof(bytes));
		hex_encode(bytes, sizeof(bytes), password);
		if (!file_write(path.text, password, strlen(password), 0600))
			return write_refuse(path.text, problem);
	}
	snprintf(line, sizeof(line), "*:*:*:%s:%s\n", role, password);
	path = site_path(site, "keys/pg/%s.pass", role);
	if (!file_write(path.text, line, strlen(line), 0600))
		return write_refuse(path.text, problem);
	return ST_OK;
}

/* --- nkeys --- */

static enum st nkey_ensure(const struct site *site, const char *name,
			   char ret_public[NKEY_PUBLIC_SIZE], struct problem *problem)
{
	struct site_text path = site_path(site, "keys/nkeys/%s.seed", name);
	char text[NKEY_SEED_SIZE + 1] = "";
	uint8_t seed[SEED_BYTES];
	enum nkey_kind kind;
	struct signing_key key;

	if (access(path.text, F_OK) != 0) {
		random_bytes(seed, sizeof(seed));
		nkey_seed_encode(NKEY_USER, seed, text);
		if (!file_write(path.text, text, strlen(text), 0600))
			return write_refuse(path.text, problem);
	}
	file_tail(path.text, 1, text, sizeof(text));
	if (nkey_seed_decode(str_of(text), &kind, seed) != ST_OK || kind != NKEY_USER) {
		problem_set(problem, ST_CONFIG_INVALID, "", "\"%s\" holds no user seed", path.text);
		problem_hint(problem, "remove it; piopl up makes another");
		return ST_CONFIG_INVALID;
	}
	signing_key_of_seed(seed, &key);
	nkey_public_encode(NKEY_USER, key.public_key, ret_public);
	signing_key_clear(&key);
	bytes_wipe(seed, sizeof(seed));
	bytes_wipe(text, sizeof(text));
	return ST_OK;
}

/* --- the key list --- */

static enum st list_publish(struct terminal *t, const struct signing_key *root, int64_t version,
			    const struct keyring_key *keys, size_t count, struct problem *problem)
{
	struct str payload;
	struct str text;

	TRY(key_list_build(version, terminal_now_ms(t), keys, count, &t->arena, &payload, problem));
	TRY(key_list_sign(root, payload, &t->arena, &text));
	return key_list_write(site_path(&t->site, "keys/keyring.json").text, text, problem);
}

static void key_entry(const struct signing_key *key, const char *owner, int64_t from_ms,
		      struct keyring_key *ret)
{
	*ret = (struct keyring_key){
		.from_ms = from_ms,
		.until_ms = INT64_MAX,
		.state = KEY_ACTIVE,
	};
	memcpy(ret->key_id, key->key_id, sizeof(ret->key_id));
	memcpy(ret->public_key, key->public_key, sizeof(ret->public_key));
	ASSERT(str_copy(str_of(owner), ret->owner, sizeof(ret->owner)));
}

static enum st list_read(struct terminal *t, const struct signing_key *root, struct key_list *ret,
			 struct problem *problem)
{
	struct str text;
	struct site_text path = site_path(&t->site, "keys/keyring.json");

	if (access(path.text, F_OK) != 0) {
		*ret = (struct key_list){ 0 };
		return ST_OK;
	}
	TRY(terminal_read_file(t, path.text, &text, problem));
	return key_list_parse(text, root->public_key, &t->arena, ret, problem);
}

static bool list_has(const struct key_list *list, const char *key_id)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->keys[i].key_id, key_id) == 0)
			return true;
	return false;
}

static size_t services_count(void)
{
	size_t count = 0;

	while (site_services[count])
		count++;
	return count;
}

/* Services that are new in this version get their keys; what is in the list stays. */
static enum st list_ensure(struct terminal *t, const struct signing_key *root, bool root_here,
			   struct problem *problem)
{
	struct key_list list;
	struct keyring_key *keys;
	size_t count;

	TRY(list_read(t, root, &list, problem));
	keys = ARENA_ARRAY(&t->arena, struct keyring_key, list.count + services_count());
	if (!keys)
		return ST_NO_MEMORY;
	if (list.count > 0)
		memcpy(keys, list.keys, list.count * sizeof(*keys));
	count = list.count;
	for (size_t i = 0; site_services[i]; i++) {
		struct signing_key key;

		TRY(key_ensure(site_path(&t->site, "keys/%s.key", site_services[i]).text, &key,
			       problem));
		TRY(public_write(site_path(&t->site, "keys/%s.pub", site_services[i]).text,
				 key.public_key, problem));
		bool signed_already = list_has(&list, key.key_id);
		if (!signed_already)
			key_entry(&key, site_services[i], terminal_now_ms(t), &keys[count++]);
		signing_key_clear(&key);
		if (!signed_already && !root_here)
			return root_away(&t->site, site_services[i], problem);
	}
	if (count == list.count)
		return ST_OK;
	return list_publish(t, root, list.version + 1, keys, count, problem);
}

/* Random bytes as one line of base64, made once: what a service seals or hashes with. */
static enum st secret_ensure(const struct site *site, const char *name, struct problem *problem)
{
	struct site_text path = site_path(site, "keys/%s", name);
	char text[BASE64_SIZE(SEED_BYTES)];
	uint8_t bytes[SEED_BYTES];

	if (access(path.text, F_OK) == 0)
		return ST_OK;
	random_bytes(bytes, sizeof(bytes));
	size_t size = base64_encode(bytes, sizeof(bytes), text);
	bool written = file_write(path.text, text, size, 0600);
	bytes_wipe(bytes, sizeof(bytes));
	bytes_wipe(text, sizeof(text));
	return written ? ST_OK : write_refuse(path.text, problem);
}

enum st install_keys(struct terminal *t, struct problem *problem)
{
	struct signing_key root;
	bool root_here;
	enum st st;

	TRY(root_ensure(&t->site, &root, &root_here, problem));
	st = list_ensure(t, &root, root_here, problem);
	signing_key_clear(&root);
	TRY(st);
	TRY(secret_ensure(&t->site, "token.sealing", problem));
	TRY(secret_ensure(&t->site, "gateway.secret", problem));
	TRY(password_ensure(&t->site, "postgres", problem));
	for (size_t i = 0; site_services[i]; i++)
		TRY(password_ensure(&t->site, site_services[i], problem));
	return ST_OK;
}

/* --- rotation: the new key is in the list before anything is signed with it, and the old one
 * counts until the service has come back with the new file --- */

struct list_work {
	struct signing_key root;
	struct key_list list;
	struct keyring_key *keys; /* a copy with room for one more */
};

static enum st list_open(struct terminal *t, const char *service, struct list_work *ret,
			 struct problem *problem)
{
	bool here;

	TRY(root_ensure(&t->site, &ret->root, &here, problem));
	if (!here)
		return root_away(&t->site, service, problem);
	TRY(list_read(t, &ret->root, &ret->list, problem));
	ret->keys = ARENA_ARRAY(&t->arena, struct keyring_key, ret->list.count + 1);
	if (!ret->keys)
		return ST_NO_MEMORY;
	if (ret->list.count > 0)
		memcpy(ret->keys, ret->list.keys, ret->list.count * sizeof(*ret->keys));
	return ST_OK;
}

static enum st list_close(struct terminal *t, struct list_work *work, size_t count,
			  struct problem *problem)
{
	enum st st =
		list_publish(t, &work->root, work->list.version + 1, work->keys, count, problem);

	signing_key_clear(&work->root);
	return st;
}

enum st install_rotate(struct terminal *t, const char *service, char ret_key_id[KEY_ID_SIZE],
		       struct problem *problem)
{
	struct site_text path = site_path(&t->site, "keys/%s.key", service);
	struct site_text next = site_path(&t->site, "keys/%s.key.next", service);
	struct list_work work;
	struct signing_key key;

	TRY(list_open(t, service, &work, problem));
	TRY(key_ensure(next.text, &key, problem));
	if (!list_has(&work.list, key.key_id)) {
		key_entry(&key, service, terminal_now_ms(t), &work.keys[work.list.count]);
		TRY(list_close(t, &work, work.list.count + 1, problem));
	}
	TRY(public_write(site_path(&t->site, "keys/%s.pub", service).text, key.public_key,
			 problem));
	if (rename(next.text, path.text) != 0)
		return write_refuse(path.text, problem);
	memcpy(ret_key_id, key.key_id, KEY_ID_SIZE);
	signing_key_clear(&key);
	return ST_OK;
}

enum st install_retire(struct terminal *t, const char *service, const char *key_id,
		       struct problem *problem)
{
	struct list_work work;
	int64_t now_ms = terminal_now_ms(t);

	TRY(list_open(t, service, &work, problem));
	for (size_t i = 0; i < work.list.count; i++) {
		struct keyring_key *key = &work.keys[i];

		if (strcmp(key->owner, service) != 0 || key->state != KEY_ACTIVE ||
		    strcmp(key->key_id, key_id) == 0)
			continue;
		key->state = KEY_RETIRED;
		key->until_ms = now_ms > key->from_ms ? now_ms : key->from_ms + 1;
	}
	return list_close(t, &work, work.list.count, problem);
}

/* --- the bus --- */

static void subjects_write(struct buf *buf, const char *name, const struct json *list)
{
	buf_printf(buf, " %s: {allow: [", name);
	for (const struct json *s = list ? list->first : NULL; s; s = s->next) {
		json_write_string(buf, s->text);
		if (s->next)
			buf_add_c(buf, ", ");
	}
	buf_add_c(buf, "]}");
}

static enum st user_write(struct terminal *t, const struct json *identity, struct buf *buf,
			  struct problem *problem)
{
	struct str name = arena_copy(&t->arena, identity->name);
	char public_key[NKEY_PUBLIC_SIZE];

	if (!name.data)
		return ST_NO_MEMORY;
	TRY(nkey_ensure(&t->site, name.data, public_key, problem));
	buf_printf(buf, "    # %.*s\n    {nkey: %s, permissions: {", STR_ARG(name), public_key);
	subjects_write(buf, "publish", json_member(identity, "publish"));
	buf_add_char(buf, ',');
	subjects_write(buf, "subscribe", json_member(identity, "subscribe"));
	buf_add_c(buf, "}}\n");
	return ST_OK;
}

static enum st bus_configuration(struct terminal *t, const struct json *identities, struct str *ret,
				 struct problem *problem)
{
	struct buf buf;

	buf_init(&buf, &t->arena, 65536);
	buf_printf(&buf,
		   "# Written by piopl up from the contract's permissions.\n"
		   "server_name: piopl\n"
		   "listen: \"127.0.0.1:%u\"\n"
		   "max_payload: %d\n"
		   "max_connections: 4096\n"
		   "write_deadline: \"5s\"\n"
		   "jetstream {store_dir: \"%s\", max_file_store: 8GB, max_memory_store: 256MB}\n"
		   "authorization {\n  timeout: 2\n  users: [\n",
		   (unsigned)t->site.port_nats, BUS_PAYLOAD_MAX,
		   site_path(&t->site, "nats/jetstream").text);
	for (const struct json *i = identities->first; i; i = i->next)
		TRY(user_write(t, i, &buf, problem));
	buf_add_c(&buf, "  ]\n}\n");
	*ret = buf_str(&buf);
	return ret->data ? ST_OK : ST_NO_MEMORY;
}

enum st install_bus(struct terminal *t, struct problem *problem)
{
	char permissions[SITE_PATH_MAX + 32];
	struct site_text path = site_path(&t->site, "nats/nats.conf");
	struct str text;
	struct json *root;

	snprintf(permissions, sizeof(permissions), "%s/nats-permissions.json", t->site.gen_dir);
	TRY(terminal_read_file(t, permissions, &text, problem));
	TRY(json_parse(&t->arena, text, &root, problem));
	if (root->kind != JSON_OBJECT || !root->first)
		return problem_set(problem, ST_INTERNAL, "", "\"%s\" lists no identities",
				   permissions);
	TRY(bus_configuration(t, root, &text, problem));
	if (!file_write(path.text, text.data, text.size, 0600))
		return write_refuse(path.text, problem);
	return ST_OK;
}
