/* accounts.c: see accounts.h. */
#include <stdio.h>
#include <stdlib.h>

#include "accounts.h"
#include "json.h"
#include "nkey.h"

#define CONFIG_BYTES (256 * 1024)

static _Noreturn void accounts_fail(const char *what, const char *words)
{
	fprintf(stderr, "accounts: %s: %s\n", what, words);
	exit(1);
}

const char *accounts_seed_file(struct stack *stack, const char *identity)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s.seed", harness_folder(stack->harness), identity);
	return path;
}

const char *accounts_env(struct stack *stack, const char *identity)
{
	static char text[600];

	snprintf(text, sizeof(text), "PIOPL_NKEY_FILE=%s", accounts_seed_file(stack, identity));
	return text;
}

static void key_make(struct stack *stack, const char *identity, char ret[NKEY_PUBLIC_SIZE])
{
	struct signing_key key;
	uint8_t seed[SEED_BYTES];
	char text[NKEY_SEED_SIZE];
	const char *path = accounts_seed_file(stack, identity);

	random_bytes(seed, sizeof(seed));
	nkey_seed_encode(NKEY_USER, seed, text);
	signing_key_of_seed(seed, &key);
	nkey_public_encode(NKEY_USER, key.public_key, ret);
	FILE *file = fopen(path, "w");
	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		accounts_fail(path, "cannot be written");
}

static void subjects_add(struct buf *buf, const char *name, const struct json *list)
{
	buf_printf(buf, "%s: {allow: [", name);
	for (const struct json *s = list ? list->first : NULL; s; s = s->next)
		buf_printf(buf, "\"%.*s\"%s", STR_ARG(s->text), s->next ? ", " : "");
	buf_printf(buf, "]}");
}

static struct str file_read(struct arena *arena, const char *path)
{
	char *text = arena_alloc(arena, CONFIG_BYTES);
	FILE *file = fopen(path, "r");

	if (!file || !text)
		accounts_fail(path, "cannot be read");
	size_t size = fread(text, 1, CONFIG_BYTES, file);
	fclose(file);
	return (struct str){ text, size };
}

static struct str config_make(struct stack *stack, const char *permissions)
{
	struct str text = file_read(&stack->arena, permissions);
	struct problem problem = { 0 };
	struct json *root;
	struct buf buf;

	if (json_parse(&stack->arena, text, &root, &problem) != ST_OK)
		accounts_fail(permissions, problem.detail);
	buf_init(&buf, &stack->arena, CONFIG_BYTES);
	buf_printf(&buf, "authorization {\n\ttimeout: 2\n\tusers: [\n");
	for (const struct json *i = root->first; i; i = i->next) {
		char public_key[NKEY_PUBLIC_SIZE], name[BUS_NAME_MAX];
		str_copy(i->name, name, sizeof(name));
		key_make(stack, name, public_key);
		buf_printf(&buf, "\t\t{nkey: %s, permissions: {", public_key);
		subjects_add(&buf, "publish", json_member(i, "publish"));
		buf_printf(&buf, ", ");
		subjects_add(&buf, "subscribe", json_member(i, "subscribe"));
		buf_printf(&buf, "}}\n");
	}
	buf_printf(&buf, "\t]\n}\n");
	return buf_str(&buf);
}

void accounts_start(struct stack *stack, const char *permissions)
{
	struct problem problem = { 0 };

	bus_close(stack->bus);
	arena_reset(&stack->arena);
	struct str config = config_make(stack, permissions);
	if (!config.data)
		accounts_fail(permissions, "the configuration is too large");
	harness_nats_stop(stack->harness);
	harness_nats_configure(stack->harness, config.data);
	harness_nats_start(stack->harness);
	const struct bus_options options = { .url = harness_nats_url(stack->harness),
					     .name = "terminal",
					     .nkey_seed_file =
						     accounts_seed_file(stack, "terminal"),
					     .sending = BUS_SEND_AT_ONCE };
	if (bus_open(&options, &stack->bus, &problem) != ST_OK)
		accounts_fail("bus", problem.detail);
}
