/* client.c: calls to services, signed acts, and files that commands read. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "gen/registry.h"
#include "id.h"
#include "json.h"
#include "money.h"
#include "services/terminal/check.h"
#include "services/terminal/process.h"
#include "services/terminal/supervise.h"
#include "services/terminal/terminal.h"

#define NONCE_BYTES 18
#define RETRY_PAUSE_MS 250

enum st terminal_connect(struct terminal *t, struct problem *problem)
{
	struct site_text seed = site_path(&t->site, "keys/nkeys/" TERMINAL_IDENTITY ".seed");
	struct site_text url = site_nats_url(&t->site);
	struct bus_options options = {
		.url = getenv("PIOPL_NATS_URL"),
		.name = TERMINAL_IDENTITY,
		.nkey_seed_file = seed.text,
		.sending = BUS_SEND_AT_ONCE,
	};
	enum st st;

	if (t->bus)
		return ST_OK;
	if (!site_is_installed(&t->site)) {
		problem_set(problem, ST_UNAVAILABLE, "", "there is no installation in \"%s\"",
			    t->site.data);
		problem_hint(problem, "start one with: piopl up");
		return ST_UNAVAILABLE;
	}
	if (!options.url || options.url[0] == '\0')
		options.url = url.text;
	st = bus_open(&options, &t->bus, problem);
	if (st != ST_OK && !supervisor_runs(&t->site)) {
		problem_set(problem, ST_BUS_UNAVAILABLE, "", "the system is not running");
		problem_hint(problem, "start it with: piopl up");
	}
	return st;
}

static bool worth_repeating(enum st st)
{
	return st == ST_UNAVAILABLE || st == ST_OVERLOADED || st == ST_WORKER_DIED ||
	       st == ST_DATABASE_UNAVAILABLE || st == ST_BUS_UNAVAILABLE;
}

static enum st call_with(struct terminal *t, const struct proto_call *call, const void *request,
			 struct bus_call_options *options, void *reply, struct problem *problem)
{
	enum st st;
	int64_t timeout_ms = args_i64(&t->args, "timeout", 0);

	TRY(request_check(call->request, request, &t->arena, problem));
	TRY(terminal_connect(t, problem));
	options->principal = t->principal;
	options->timeout_ms = timeout_ms > INT32_MAX ? INT32_MAX : (uint32_t)timeout_ms;
	for (int tries = 1;; tries++) {
		*problem = (struct problem){ 0 };
		st = bus_call(t->bus, call, request, options, &t->arena, reply, problem);
		if (!worth_repeating(st) || tries == TERMINAL_RETRIES_MAX ||
		    (!call->reads && !call->idempotent))
			break;
		process_sleep_ms(RETRY_PAUSE_MS * tries);
	}
	if ((st == ST_UNAVAILABLE || st == ST_DEADLINE) && problem->hint[0] == '\0')
		problem_hint(problem, "see: piopl status");
	return st;
}

enum st terminal_call(struct terminal *t, const struct proto_call *call, const void *request,
		      void *reply, struct problem *problem)
{
	char key[ID_TEXT_SIZE];
	struct bus_call_options options = { 0 };

	if (call->idempotent) {
		id_make("idem", clock_now_ms(), key);
		options.idempotency_key = key;
	}
	return call_with(t, call, request, &options, reply, problem);
}

enum st terminal_call_service(struct terminal *t, const char *service,
			      const struct proto_call *call, const void *request, void *reply,
			      struct problem *problem)
{
	struct bus_call_options options = { .service = service };

	return call_with(t, call, request, &options, reply, problem);
}

enum st terminal_ask(struct terminal *t, const struct proto_call *call, const void *request,
		     void *reply, bool *ret_printed, struct problem *problem)
{
	TRY(terminal_call(t, call, request, reply, problem));
	*ret_printed = t->json;
	return t->json ? terminal_json(t, call->reply, reply) : ST_OK;
}

/* --- signing --- */

static const char *key_option(const struct terminal *t)
{
	const struct option_spec *spec = t->args.command->options;

	for (; spec && spec->name; spec++)
		if (strcmp(spec->name, "key") == 0)
			return args_text(&t->args, "key");
	return NULL;
}

enum st terminal_key(struct terminal *t, struct signing_key *ret, struct problem *problem)
{
	const char *given = key_option(t);
	struct site_text own = site_steward_key(&t->site);
	enum st st = signing_key_load(given ? given : own.text, ret, problem);

	if (st != ST_OK && problem->hint[0] == '\0')
		problem_hint(problem, "name a key file with --key or PIOPL_STEWARD_KEY");
	return st;
}

enum st terminal_person(struct terminal *t, struct str *ret_id, struct problem *problem)
{
	struct registry_key_list_request request = { 0 };
	struct registry_key_list_reply reply;
	struct signing_key key;
	char key_id[KEY_ID_SIZE];

	TRY(terminal_key(t, &key, problem));
	memcpy(key_id, key.key_id, sizeof(key_id));
	signing_key_clear(&key);
	TRY(terminal_call(t, &CALL_REGISTRY_KEY_LIST, &request, &reply, problem));
	for (size_t i = 0; i < reply.keys.count; i++) {
		struct str person = reply.keys.items[i].person_id;

		if (!str_is(reply.keys.items[i].key_id, key_id) || !person.data)
			continue;
		person = arena_printf(&t->arena, "%.*s", STR_ARG(person));
		if (!person.data)
			return ST_NO_MEMORY;
		t->principal = person.data;
		*ret_id = person;
		return ST_OK;
	}
	problem_set(problem, ST_KEY_UNKNOWN, "", "the registry knows no person with the key %s",
		    key_id);
	problem_hint(problem, "name a person's key file with --key; see: piopl key list");
	return ST_KEY_UNKNOWN;
}

enum st terminal_sign_with(struct terminal *t, const struct signing_key *key, const char *purpose,
			   const struct proto_type *type, const void *act,
			   struct common_signed_act *ret, struct problem *problem)
{
	uint8_t signature[SIGNATURE_BYTES];
	char text[SIGNATURE_TEXT_SIZE];
	struct str encoded;
	struct str payload;

	TRY(proto_encode(type, act, &t->arena, &encoded));
	TRY(json_canonical(&t->arena, encoded, &payload, problem));
	TRY(sign_purpose(key, purpose, payload, signature));
	base64_encode(signature, sizeof(signature), text);
	*ret = (struct common_signed_act){
		.payload = payload,
		.key_id = arena_copy(&t->arena, str_of(key->key_id)),
		.signature = arena_copy(&t->arena, str_of(text)),
	};
	return ret->key_id.data && ret->signature.data ? ST_OK : ST_NO_MEMORY;
}

enum st terminal_sign(struct terminal *t, const char *purpose, const struct proto_type *type,
		      const void *act, struct common_signed_act *ret, struct problem *problem)
{
	struct signing_key key;
	enum st st;

	TRY(terminal_key(t, &key, problem));
	st = terminal_sign_with(t, &key, purpose, type, act, ret, problem);
	signing_key_clear(&key);
	return st;
}

struct str terminal_nonce(struct terminal *t)
{
	uint8_t bytes[NONCE_BYTES];
	char text[HEX_SIZE(NONCE_BYTES)];

	random_bytes(bytes, sizeof(bytes));
	hex_encode(bytes, sizeof(bytes), text);
	return arena_copy(&t->arena, str_of(text));
}

int64_t terminal_now_ms(struct terminal *t)
{
	struct board *board = board_map(&t->site, false);

	if (board && board->development && !clock_is_development() &&
	    clock_open(site_path(&t->site, "clock").text, true) != ST_OK)
		fprintf(stderr, "piopl: the development clock cannot be read\n");
	board_unmap(board);
	return clock_now_ms();
}

/* --- files and options --- */

static enum st file_refuse(const char *path, struct problem *problem)
{
	return problem_set(problem, ST_USAGE, "", "cannot read \"%s\": %s", path, strerror(errno));
}

static enum st read_all(struct terminal *t, int fd, const char *path, struct str *ret,
			struct problem *problem)
{
	struct buf buf;
	char chunk[16384];

	buf_init(&buf, &t->arena, sizeof(chunk));
	for (;;) {
		ssize_t size = read(fd, chunk, sizeof(chunk));

		if (size == 0)
			break;
		if (size < 0)
			return file_refuse(path, problem);
		if (buf.size + (size_t)size > TERMINAL_FILE_BYTES_MAX)
			return problem_set(problem, ST_USAGE, "", "\"%s\" is larger than %d MiB",
					   path, TERMINAL_FILE_BYTES_MAX / 1024 / 1024);
		buf_add(&buf, chunk, (size_t)size);
	}
	*ret = buf_str(&buf);
	return ret->data ? ST_OK : ST_NO_MEMORY;
}

enum st terminal_read_file(struct terminal *t, const char *path, struct str *ret,
			   struct problem *problem)
{
	int fd;
	enum st st;

	if (strcmp(path, "-") == 0)
		return read_all(t, STDIN_FILENO, "standard input", ret, problem);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return file_refuse(path, problem);
	st = read_all(t, fd, path, ret, problem);
	close(fd);
	return st;
}

enum st terminal_public_key_file(struct terminal *t, const char *path, struct str *ret,
				 struct problem *problem)
{
	uint8_t bytes[PUBLIC_KEY_BYTES];
	struct str text;

	TRY(terminal_read_file(t, path, &text, problem));
	while (text.size > 0 &&
	       (text.data[text.size - 1] == '\n' || text.data[text.size - 1] == ' '))
		text.size--;
	if (base64_decode_exact(text, bytes, sizeof(bytes)) != ST_OK ||
	    !public_key_is_valid(bytes)) {
		problem_set(problem, ST_USAGE, "", "\"%s\" holds no Ed25519 public key", path);
		problem_hint(problem, "one line of base64, as piopl key generate writes it");
		return ST_USAGE;
	}
	*ret = arena_copy(&t->arena, text);
	return ret->data ? ST_OK : ST_NO_MEMORY;
}

struct str terminal_text(const struct terminal *t, const char *name)
{
	const char *text = args_text(&t->args, name);

	return text ? str_of(text) : (struct str){ 0 };
}

enum st terminal_texts(struct terminal *t, const char *name, struct str **ret, size_t *ret_count)
{
	size_t count = args_times(&t->args, name);
	struct str *items = ARENA_ARRAY(&t->arena, struct str, count + 1);

	if (!items)
		return ST_NO_MEMORY;
	for (size_t i = 0; i < count; i++)
		items[i] = str_of(args_nth(&t->args, name, i));
	*ret = items;
	*ret_count = count;
	return ST_OK;
}

enum st terminal_money(struct terminal *t, const char *name, struct money *ret,
		       struct problem *problem)
{
	struct str text = terminal_text(t, name), amount, currency;

	if (str_cut(text, ' ', &amount, &currency) && money_parse(amount, currency, ret) == ST_OK)
		return ST_OK;
	problem_set(problem, ST_USAGE, name, "\"%.*s\" is not an amount", STR_ARG(text));
	problem_hint(problem, "an amount and a currency, as \"10.00 GBP\"");
	return ST_USAGE;
}

int terminal_choice(const struct terminal *t, const char *name)
{
	return (int)args_i64(&t->args, name, -1) + 1;
}
