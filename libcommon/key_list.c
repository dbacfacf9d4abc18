/* The signed key list: its text both ways and its file. The copy a process looks keys up in is
 * keyring.c. */
#include "keyring.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"
#include "json.h"

#define VERSION_MAX ((int64_t)1 << 53) /* exclusive; what a JSON number holds */

static_assert(KEYRING_FILE_BYTES_MAX <= JSON_BYTES_MAX, "a key list is one JSON text");

static const char *const state_names[] = {
	[KEY_ACTIVE] = "active",
	[KEY_RETIRED] = "retired",
	[KEY_REVOKED] = "revoked",
};

/* What holds for every key, read or written */

static bool owner_is_valid(const char *owner)
{
	if (owner[0] < 'a' || owner[0] > 'z')
		return false;
	for (const char *c = owner; *c; c++) {
		if (!(*c >= 'a' && *c <= 'z') && !(*c >= '0' && *c <= '9') && *c != '_' &&
		    *c != '-')
			return false;
	}
	return true;
}

static const char *key_fault(const struct keyring_key *key)
{
	char key_id[KEY_ID_SIZE];

	key_id_of(key->public_key, key_id);
	if (!public_key_is_valid(key->public_key))
		return "its public key is no Ed25519 key";
	if (strcmp(key_id, key->key_id) != 0)
		return "its id is not that of its public key";
	if (!owner_is_valid(key->owner))
		return "its owner is not a lower-case name";
	if (key->state < KEY_ACTIVE || key->state > KEY_REVOKED)
		return "its state is unknown";
	if (key->from_ms < 0 || key->from_ms > TIME_MS_MAX || key->until_ms <= key->from_ms ||
	    (key->until_ms > TIME_MS_MAX && key->until_ms != INT64_MAX))
		return "it does not end after it begins";
	if (key->state == KEY_RETIRED && key->until_ms == INT64_MAX)
		return "it is retired and has no end";
	return NULL;
}

static int key_order(const void *a, const void *b)
{
	return strcmp(((const struct keyring_key *)a)->key_id,
		      ((const struct keyring_key *)b)->key_id);
}

static enum st list_check(struct key_list *list, struct problem *problem)
{
	if (list->version < 1 || list->version >= VERSION_MAX)
		return problem_set(problem, ST_MESSAGE_INVALID, "/version",
				   "the version of a key list is from 1 to 2^53 - 1");
	if (list->issued_at_ms < 0 || list->issued_at_ms > TIME_MS_MAX)
		return problem_set(problem, ST_MESSAGE_INVALID, "/issued_at",
				   "the time of a key list is outside 1970 to 9999");
	if (list->count > 1)
		qsort(list->keys, list->count, sizeof(*list->keys), key_order);
	for (size_t i = 0; i < list->count; i++) {
		const char *fault = key_fault(&list->keys[i]);

		if (fault)
			return problem_set(problem, ST_MESSAGE_INVALID, "/keys", "key \"%s\": %s",
					   list->keys[i].key_id, fault);
		if (i > 0 && key_order(&list->keys[i - 1], &list->keys[i]) == 0)
			return problem_set(problem, ST_MESSAGE_INVALID, "/keys",
					   "key \"%s\" is listed twice", list->keys[i].key_id);
	}
	return ST_OK;
}

/* Reading */

static bool member_text(const struct json *object, const char *name, struct str *ret)
{
	const struct json *member = json_member(object, name);

	if (!member || member->kind != JSON_STRING)
		return false;
	*ret = member->text;
	return true;
}

static bool member_time(const struct json *object, const char *name, int64_t *ret)
{
	struct str text;

	return member_text(object, name, &text) && time_parse(text, ret);
}

static bool state_of_text(struct str text, enum key_state *ret)
{
	for (int state = KEY_ACTIVE; state <= KEY_REVOKED; state++) {
		if (str_is(text, state_names[state])) {
			*ret = (enum key_state)state;
			return true;
		}
	}
	return false;
}

/* Exactly the members of the format: a member we do not know could be one that limits the key. */
static bool key_decode(const struct json *node, struct keyring_key *ret)
{
	struct str key_id, owner, public_key, state;
	bool ends = json_member(node, "until") != NULL;

	ret->until_ms = INT64_MAX;
	return node->kind == JSON_OBJECT && node->count == (ends ? 6 : 5) &&
	       member_text(node, "key_id", &key_id) && key_id_is_valid(key_id) &&
	       str_copy(key_id, ret->key_id, sizeof(ret->key_id)) &&
	       member_text(node, "owner", &owner) &&
	       str_copy(owner, ret->owner, sizeof(ret->owner)) &&
	       strlen(ret->owner) == owner.size && /* no NUL inside */
	       member_text(node, "public_key", &public_key) &&
	       base64_decode_exact(public_key, ret->public_key, PUBLIC_KEY_BYTES) == ST_OK &&
	       member_time(node, "from", &ret->from_ms) &&
	       (!ends || member_time(node, "until", &ret->until_ms)) &&
	       member_text(node, "state", &state) && state_of_text(state, &ret->state);
}

static enum st payload_parse(struct str text, struct arena *arena, struct key_list *ret,
			     struct problem *problem)
{
	const struct json *version, *keys;
	struct json *root;
	size_t i = 0;

	TRY(json_parse(arena, text, &root, problem));
	version = json_member(root, "version");
	keys = json_member(root, "keys");
	if (root->kind != JSON_OBJECT || root->count != 3 || !version ||
	    !json_is_integer(version) || version->number < 1 ||
	    version->number >= (double)VERSION_MAX || !keys || keys->kind != JSON_ARRAY ||
	    !member_time(root, "issued_at", &ret->issued_at_ms))
		return problem_set(problem, ST_MESSAGE_INVALID, "",
				   "a key list has a version, issued_at and keys");
	if (keys->count > KEYRING_KEYS_MAX)
		return problem_set(problem, ST_TOO_LARGE, "/keys",
				   "a key list has at most %d keys, not %zu", KEYRING_KEYS_MAX,
				   keys->count);
	ret->version = (int64_t)version->number;
	ret->count = keys->count;
	ret->keys = ARENA_ARRAY(arena, struct keyring_key, keys->count + 1);
	if (!ret->keys)
		return ST_NO_MEMORY;
	for (const struct json *key = keys->first; key; key = key->next, i++) {
		if (!key_decode(key, &ret->keys[i]))
			return problem_set(problem, ST_MESSAGE_INVALID, "/keys",
					   "key %zu is not key_id, owner, public_key, from, until "
					   "if it ends, and state",
					   i);
	}
	return list_check(ret, problem);
}

/* The file's members, when it is signed by this root. */
static enum st envelope_open(struct str text, const uint8_t root_public_key[PUBLIC_KEY_BYTES],
			     struct arena *arena, struct str *ret_payload, struct problem *problem)
{
	char root_id[KEY_ID_SIZE];
	uint8_t raw[SIGNATURE_BYTES];
	struct str payload, key_id, signature;
	struct json *file;

	if (text.size > KEYRING_FILE_BYTES_MAX)
		return problem_set(problem, ST_TOO_LARGE, "", "a key list has at most %d bytes",
				   KEYRING_FILE_BYTES_MAX);
	TRY(json_parse(arena, text, &file, problem));
	if (file->kind != JSON_OBJECT || file->count != 3 ||
	    !member_text(file, "payload", &payload) || !member_text(file, "key_id", &key_id) ||
	    !member_text(file, "signature", &signature) ||
	    base64_decode_exact(signature, raw, sizeof(raw)) != ST_OK)
		return problem_set(problem, ST_MESSAGE_INVALID, "",
				   "a key list's file has payload, key_id and signature");
	key_id_of(root_public_key, root_id);
	if (!str_is(key_id, root_id))
		return problem_set(problem, ST_KEY_UNKNOWN, "/key_id",
				   "the key list is signed by \"%.*s\", the root key is \"%s\"",
				   STR_ARG(key_id), root_id);
	if (verify_purpose(root_public_key, KEYRING_PURPOSE, payload, raw) != ST_OK)
		return problem_set(problem, ST_SIGNATURE_INVALID, "/signature",
				   "the root key's signature of the key list does not verify");
	*ret_payload = payload;
	return ST_OK;
}

enum st key_list_parse(struct str text, const uint8_t root_public_key[PUBLIC_KEY_BYTES],
		       struct arena *arena, struct key_list *ret, struct problem *problem)
{
	struct key_list list;
	struct str payload;

	TRY(envelope_open(text, root_public_key, arena, &payload, problem));
	TRY(payload_parse(payload, arena, &list, problem));
	*ret = list;
	return ST_OK;
}

/* Writing */

static struct json *key_encode(struct arena *arena, const struct keyring_key *key)
{
	char public_key[PUBLIC_KEY_TEXT_SIZE], from[TIME_TEXT_SIZE], until[TIME_TEXT_SIZE];
	struct json *node = json_new(arena, JSON_OBJECT);

	base64_encode(key->public_key, PUBLIC_KEY_BYTES, public_key);
	time_format(key->from_ms, from);
	json_set(arena, node, "key_id", json_new_string(arena, str_of(key->key_id)));
	json_set(arena, node, "owner", json_new_string(arena, str_of(key->owner)));
	json_set(arena, node, "public_key", json_new_string(arena, str_of(public_key)));
	json_set(arena, node, "from", json_new_string(arena, str_of(from)));
	if (key->until_ms != INT64_MAX) {
		time_format(key->until_ms, until);
		json_set(arena, node, "until", json_new_string(arena, str_of(until)));
	}
	json_set(arena, node, "state", json_new_string(arena, str_of(state_names[key->state])));
	return node;
}

enum st key_list_build(int64_t version, int64_t issued_at_ms, const struct keyring_key *keys,
		       size_t count, struct arena *arena, struct str *ret, struct problem *problem)
{
	struct key_list list = { .version = version, .issued_at_ms = issued_at_ms, .count = count };
	char issued_at[TIME_TEXT_SIZE];
	struct json *root, *nodes;
	struct buf buf;

	if (count > KEYRING_KEYS_MAX)
		return problem_set(problem, ST_TOO_LARGE, "/keys",
				   "a key list has at most %d keys, not %zu", KEYRING_KEYS_MAX,
				   count);
	list.keys = ARENA_ARRAY(arena, struct keyring_key, count + 1);
	if (!list.keys)
		return ST_NO_MEMORY;
	if (count)
		memcpy(list.keys, keys, count * sizeof(*keys));
	TRY(list_check(&list, problem));
	time_format(issued_at_ms, issued_at);
	root = json_new(arena, JSON_OBJECT);
	nodes = json_new(arena, JSON_ARRAY);
	for (size_t i = 0; i < count; i++)
		json_add(nodes, key_encode(arena, &list.keys[i]));
	json_set(arena, root, "version", json_new_i64(arena, version));
	json_set(arena, root, "issued_at", json_new_string(arena, str_of(issued_at)));
	json_set(arena, root, "keys", nodes);
	buf_init(&buf, arena, 256 + count * 256);
	json_write_canonical(&buf, root);
	struct str text = buf_str(&buf);
	if (!text.data)
		return ST_NO_MEMORY;
	*ret = text;
	return ST_OK;
}

enum st key_list_sign(const struct signing_key *root, struct str payload, struct arena *arena,
		      struct str *ret)
{
	uint8_t signature[SIGNATURE_BYTES];
	char base64[SIGNATURE_TEXT_SIZE];
	struct buf buf;

	TRY(sign_purpose(root, KEYRING_PURPOSE, payload, signature));
	base64_encode(signature, sizeof(signature), base64);
	buf_init(&buf, arena, payload.size + payload.size / 4 + 256);
	buf_add_c(&buf, "{\"payload\":");
	json_write_string(&buf, payload);
	buf_printf(&buf, ",\"key_id\":\"%s\",\"signature\":\"%s\"}\n", root->key_id, base64);
	struct str text = buf_str(&buf);
	if (!text.data)
		return ST_NO_MEMORY;
	if (text.size > KEYRING_FILE_BYTES_MAX)
		return ST_TOO_LARGE;
	*ret = text;
	return ST_OK;
}

static enum st write_fault(const char *path, struct problem *problem)
{
	return problem_set(problem, errno == ENOSPC ? ST_DISK_FULL : ST_UNAVAILABLE, "",
			   "cannot write key list \"%s\": %s", path, strerror(errno));
}

static bool write_synced(int fd, struct str text)
{
	while (text.size > 0) {
		ssize_t size = write(fd, text.data, text.size);

		if (size < 0 && errno == EINTR)
			continue;
		if (size <= 0)
			return false;
		text.data += size;
		text.size -= (size_t)size;
	}
	return fchmod(fd, 0644) == 0 && fsync(fd) == 0;
}

enum st key_list_write(const char *path, struct str file_text, struct problem *problem)
{
	char temporary[PATH_MAX];
	int size = snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
	int fd;

	if (size < 0 || (size_t)size >= sizeof(temporary)) {
		errno = ENAMETOOLONG;
		return write_fault(path, problem);
	}
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return write_fault(path, problem);
	bool written = write_synced(fd, file_text);
	int error = errno;
	if (close(fd) != 0 && written) {
		written = false;
		error = errno;
	}
	if (!written || rename(temporary, path) != 0) {
		errno = written ? errno : error;
		enum st st = write_fault(path, problem);
		unlink(temporary);
		return st;
	}
	return directory_sync(path) ? ST_OK : write_fault(path, problem);
}
