#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "keyring.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOW INT64_C(1767225600000)

static char folder[64];
static char path[96];
static struct arena arena;
static struct signing_key root;

static int world_start(void **state)
{
	(void)state;
	arena_init(&arena, 32 * 1024 * 1024);
	signing_key_generate(&root);
	snprintf(folder, sizeof(folder), "/tmp/keyring_test.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/keys.json", folder);
	return 0;
}

static int world_end(void **state)
{
	(void)state;
	arena_free(&arena);
	unlink(path);
	return rmdir(folder);
}

static struct keyring_key key_make(const char *owner, enum key_state key_state)
{
	struct keyring_key key = { .from_ms = NOW, .until_ms = INT64_MAX, .state = key_state };
	struct signing_key pair;

	signing_key_generate(&pair);
	memcpy(key.public_key, pair.public_key, PUBLIC_KEY_BYTES);
	memcpy(key.key_id, pair.key_id, KEY_ID_SIZE);
	assert_true(str_copy(str_of(owner), key.owner, sizeof(key.owner)));
	return key;
}

static struct str list_text(int64_t version, const struct keyring_key *keys, size_t count)
{
	struct problem problem;
	struct str payload, text = { 0 };

	assert_int_equal(key_list_build(version, NOW, keys, count, &arena, &payload, &problem),
			 ST_OK);
	assert_int_equal(key_list_sign(&root, payload, &arena, &text), ST_OK);
	return text;
}

static void list_put(int64_t version, const struct keyring_key *keys, size_t count)
{
	struct problem problem = { 0 };

	assert_int_equal(key_list_write(path, list_text(version, keys, count), &problem), ST_OK);
}

static struct keyring *list_load(void)
{
	struct keyring *keyring = NULL;
	struct problem problem = { 0 };

	assert_int_equal(keyring_load(path, root.public_key, &keyring, &problem), ST_OK);
	return keyring;
}

static enum st find(const struct keyring *keyring, const struct keyring_key *key, const char *owner)
{
	struct problem problem;
	struct keyring_key found;

	return keyring_find(keyring, str_of(key->key_id), str_of(owner), &found, &problem);
}

/* Signs any payload: what a root key could have signed by mistake. */
static enum st parse_payload(const char *payload)
{
	struct problem problem;
	struct key_list list = { .version = 99 };
	struct str text;

	assert_int_equal(key_list_sign(&root, str_of(payload), &arena, &text), ST_OK);
	enum st st = key_list_parse(text, root.public_key, &arena, &list, &problem);
	if (st != ST_OK)
		assert_int_equal(list.version, 99);
	return st;
}

/* [PLT-6] */
static void a_list_comes_back_from_its_text(void **state)
{
	struct keyring_key keys[] = { key_make("registry", KEY_ACTIVE),
				      key_make("audit", KEY_RETIRED),
				      key_make("token", KEY_REVOKED) };
	struct key_list list;

	(void)state;
	keys[1].until_ms = NOW + 5000;
	assert_int_equal(
		key_list_parse(list_text(7, keys, 3), root.public_key, &arena, &list, NULL), ST_OK);
	assert_int_equal(list.version, 7);
	assert_int_equal(list.issued_at_ms, NOW);
	assert_int_equal(list.count, 3);
	for (size_t i = 0; i < 3; i++) {
		size_t matches = 0;

		for (size_t j = 0; j < 3; j++)
			matches += memcmp(&list.keys[i], &keys[j], sizeof(keys[j])) == 0;
		assert_int_equal(matches, 1);
		if (i > 0)
			assert_true(strcmp(list.keys[i - 1].key_id, list.keys[i].key_id) < 0);
	}
}

static void the_payload_is_canonical_and_the_file_has_the_form_of_the_contract(void **state)
{
	struct keyring_key key = key_make("registry", KEY_ACTIVE);
	char public_key[PUBLIC_KEY_TEXT_SIZE];
	struct problem problem;
	struct str payload, text, expected;

	(void)state;
	base64_encode(key.public_key, PUBLIC_KEY_BYTES, public_key);
	assert_int_equal(key_list_build(3, NOW, &key, 1, &arena, &payload, &problem), ST_OK);
	expected = arena_printf(
		&arena,
		"{\"issued_at\":\"2026-01-01T00:00:00.000Z\",\"keys\":[{\"from\":"
		"\"2026-01-01T00:00:00.000Z\",\"key_id\":\"%s\",\"owner\":\"registry\","
		"\"public_key\":\"%s\",\"state\":\"active\"}],\"version\":3}",
		key.key_id, public_key);
	assert_true(str_equal(payload, expected));
	assert_int_equal(key_list_sign(&root, payload, &arena, &text), ST_OK);
	assert_true(str_starts(text, "{\"payload\":\"{\\\"issued_at\\\":"));
}

static void a_list_that_its_root_did_not_sign_is_refused(void **state)
{
	struct keyring_key key = key_make("registry", KEY_ACTIVE);
	struct str text = list_text(1, &key, 1);
	char *copy = malloc(text.size);
	struct signing_key other;
	struct problem problem;
	struct key_list list;

	(void)state;
	signing_key_generate(&other);
	assert_int_equal(key_list_parse(text, other.public_key, &arena, &list, &problem),
			 ST_KEY_UNKNOWN);
	assert_non_null(copy);
	memcpy(copy, text.data, text.size);
	/* every byte but the newline at the end, which JSON does not count */
	for (size_t i = 0; i + 1 < text.size; i++) {
		copy[i] ^= 1;
		arena_reset(&arena);
		assert_int_not_equal(key_list_parse((struct str){ copy, text.size },
						    root.public_key, &arena, &list, &problem),
				     ST_OK);
		copy[i] ^= 1;
	}
	assert_int_equal(key_list_parse((struct str){ copy, text.size }, root.public_key, &arena,
					&list, &problem),
			 ST_OK);
	free(copy);
}

static void another_purpose_is_refused(void **state)
{
	struct keyring_key key = key_make("registry", KEY_ACTIVE);
	uint8_t signature[SIGNATURE_BYTES];
	char base64[SIGNATURE_TEXT_SIZE];
	struct problem problem;
	struct str payload, text;
	struct key_list list;
	struct buf buf;

	(void)state;
	assert_int_equal(key_list_build(3, NOW, &key, 1, &arena, &payload, &problem), ST_OK);
	assert_int_equal(sign_purpose(&root, "piopl/vote/v1", payload, signature), ST_OK);
	base64_encode(signature, sizeof(signature), base64);
	buf_init(&buf, &arena, 1024);
	buf_add_c(&buf, "{\"payload\":\"");
	for (size_t i = 0; i < payload.size; i++) {
		if (payload.data[i] == '"')
			buf_add_char(&buf, '\\');
		buf_add_char(&buf, payload.data[i]);
	}
	buf_printf(&buf, "\",\"key_id\":\"%s\",\"signature\":\"%s\"}", root.key_id, base64);
	text = buf_str(&buf);
	assert_int_equal(key_list_parse(text, root.public_key, &arena, &list, &problem),
			 ST_SIGNATURE_INVALID);
}

static void a_file_of_another_form_is_refused(void **state)
{
	static const struct {
		const char *text;
		enum st st;
	} cases[] = {
		{ "", ST_JSON_INVALID },
		{ "{", ST_JSON_INVALID },
		{ "[]", ST_MESSAGE_INVALID },
		{ "{}", ST_MESSAGE_INVALID },
		{ "{\"payload\":1,\"key_id\":\"\",\"signature\":\"\"}", ST_MESSAGE_INVALID },
		{ "{\"payload\":\"\",\"key_id\":\"\",\"signature\":\"AAAA\"}", ST_MESSAGE_INVALID },
		{ "{\"payload\":\"\",\"key_id\":\"\",\"signature\":\"\",\"more\":1}",
		  ST_MESSAGE_INVALID },
	};
	struct problem problem;
	struct key_list list;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(key_list_parse(str_of(cases[i].text), root.public_key, &arena,
						&list, &problem),
				 cases[i].st);
}

#define TIME "\"2026-01-01T00:00:00.000Z\""
#define LATER "\"2027-01-01T00:00:00.000Z\""

/* %1: key id, %2: public key, of a pair that fits */
static const char *const wrong_keys[] = {
	"{\"key_id\":\"%1\",\"owner\":\"a\",\"public_key\":\"%2\",\"from\":" TIME "}",
	"{\"key_id\":\"%1\",\"owner\":\"a\",\"public_key\":\"%2\",\"from\":" TIME
	",\"state\":\"lost\"}",
	"{\"key_id\":\"%1\",\"owner\":\"a\",\"public_key\":\"%2\",\"from\":" TIME
	",\"state\":\"active\",\"scope\":\"x\"}",
	"{\"key_id\":\"%1\",\"owner\":\"a\",\"public_key\":\"%2\",\"from\":\"today\""
	",\"state\":\"active\"}",
	"{\"key_id\":\"%1\",\"owner\":\"a\",\"public_key\":\"%2\",\"from\":" LATER
	",\"until\":" TIME ",\"state\":\"active\"}",
	"{\"key_id\":\"%1\",\"owner\":\"a\",\"public_key\":\"%2\",\"from\":" TIME ",\"until\":" TIME
	",\"state\":\"active\"}",
	"{\"key_id\":\"%1\",\"owner\":\"a\",\"public_key\":\"%2\",\"from\":" TIME
	",\"until\":null,\"state\":\"active\"}",
	"{\"key_id\":\"%1\",\"owner\":\"a\",\"public_key\":\"%2\",\"from\":" TIME
	",\"state\":\"retired\"}",
	"{\"key_id\":\"%1\",\"owner\":\"A\",\"public_key\":\"%2\",\"from\":" TIME
	",\"state\":\"active\"}",
	"{\"key_id\":\"%1\",\"owner\":\"\",\"public_key\":\"%2\",\"from\":" TIME
	",\"state\":\"active\"}",
	"{\"key_id\":\"%1\",\"owner\":\"a\\u0000b\",\"public_key\":\"%2\",\"from\":" TIME
	",\"state\":\"active\"}",
	"{\"key_id\":\"%1\",\"owner\":\"a/b\",\"public_key\":\"%2\",\"from\":" TIME
	",\"state\":\"active\"}",
	"{\"key_id\":\"key_0000000000000000\",\"owner\":\"a\",\"public_key\":\"%2\",\"from\":" TIME
	",\"state\":\"active\"}",
	"{\"key_id\":\"%1\",\"owner\":\"a\",\"public_key\":\"AAAA\",\"from\":" TIME
	",\"state\":\"active\"}",
	"{\"key_id\":\"%1\",\"owner\":\"a\",\"public_key\":"
	"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"from\":" TIME ",\"state\":\"active\"}",
	"7",
};
static const char *const wrong_payloads[] = {
	"[]",
	"{}",
	"{\"version\":1,\"issued_at\":" TIME "}",
	"{\"version\":1,\"issued_at\":" TIME ",\"keys\":{}}",
	"{\"version\":0,\"issued_at\":" TIME ",\"keys\":[]}",
	"{\"version\":-1,\"issued_at\":" TIME ",\"keys\":[]}",
	"{\"version\":1.5,\"issued_at\":" TIME ",\"keys\":[]}",
	"{\"version\":9007199254740992,\"issued_at\":" TIME ",\"keys\":[]}",
	"{\"version\":\"1\",\"issued_at\":" TIME ",\"keys\":[]}",
	"{\"version\":1,\"issued_at\":1,\"keys\":[]}",
	"{\"version\":1,\"issued_at\":" TIME ",\"keys\":[],\"more\":1}",
};

static void a_payload_of_another_form_is_refused(void **state)
{
	struct keyring_key key = key_make("a", KEY_ACTIVE);
	char public_key[PUBLIC_KEY_TEXT_SIZE];
	struct buf buf;

	(void)state;
	base64_encode(key.public_key, PUBLIC_KEY_BYTES, public_key);
	for (size_t i = 0; i < COUNT(wrong_payloads); i++)
		assert_int_equal(parse_payload(wrong_payloads[i]), ST_MESSAGE_INVALID);
	assert_int_equal(parse_payload("{"), ST_JSON_INVALID);
	assert_int_equal(parse_payload("{\"version\":1,\"issued_at\":" TIME ",\"keys\":[]}"),
			 ST_OK);
	assert_int_equal(
		parse_payload("{\"version\":9007199254740991,\"issued_at\":" TIME ",\"keys\":[]}"),
		ST_OK);
	for (size_t i = 0; i < COUNT(wrong_keys) + 1; i++) {
		/* the last is right, so that each of the others is refused for its one fault */
		const char *text = i < COUNT(wrong_keys)
					   ? wrong_keys[i]
					   : "{\"key_id\":\"%1\",\"owner\":\"a\",\"public_key\":"
					     "\"%2\",\"from\":" TIME ",\"state\":\"active\"}";

		buf_init(&buf, &arena, 512);
		buf_add_c(&buf, "{\"version\":1,\"issued_at\":" TIME ",\"keys\":[");
		for (; *text; text++) {
			if (*text != '%') {
				buf_add_char(&buf, *text);
				continue;
			}
			text++;
			buf_add_c(&buf, *text == '1' ? key.key_id : public_key);
		}
		buf_add_c(&buf, "]}");
		assert_int_equal(parse_payload(buf_str(&buf).data),
				 i < COUNT(wrong_keys) ? ST_MESSAGE_INVALID : ST_OK);
	}
}

static void lists_that_would_not_be_read_are_not_built(void **state)
{
	struct keyring_key keys[2] = { key_make("registry", KEY_ACTIVE) };
	struct problem problem;
	struct str payload;

	(void)state;
	keys[1] = keys[0];
	assert_int_equal(key_list_build(1, NOW, keys, 1, &arena, &payload, &problem), ST_OK);
	assert_int_equal(key_list_build(1, NOW, keys, 2, &arena, &payload, &problem),
			 ST_MESSAGE_INVALID);
	assert_non_null(strstr(problem.detail, "twice"));
	assert_int_equal(key_list_build(0, NOW, keys, 1, &arena, &payload, &problem),
			 ST_MESSAGE_INVALID);
	assert_int_equal(key_list_build(1, -1, keys, 1, &arena, &payload, &problem),
			 ST_MESSAGE_INVALID);
	assert_int_equal(key_list_build(1, TIME_MS_MAX + 1, keys, 1, &arena, &payload, &problem),
			 ST_MESSAGE_INVALID);
	keys[0].key_id[5] ^= 1;
	assert_int_equal(key_list_build(1, NOW, keys, 1, &arena, &payload, &problem),
			 ST_MESSAGE_INVALID);
	keys[0] = keys[1];
	keys[0].state = 0;
	assert_int_equal(key_list_build(1, NOW, keys, 1, &arena, &payload, &problem),
			 ST_MESSAGE_INVALID);
	keys[0] = keys[1];
	keys[0].until_ms = TIME_MS_MAX + 1;
	assert_int_equal(key_list_build(1, NOW, keys, 1, &arena, &payload, &problem),
			 ST_MESSAGE_INVALID);
}

static void the_largest_list_fits_and_one_more_key_does_not(void **state)
{
	struct keyring_key *keys = calloc(KEYRING_KEYS_MAX + 1, sizeof(*keys));
	char owner[KEYRING_OWNER_SIZE];
	struct problem problem;
	struct key_list list;
	struct str text;

	(void)state;
	assert_non_null(keys);
	memset(owner, 'o', sizeof(owner) - 1);
	owner[sizeof(owner) - 1] = '\0';
	for (size_t i = 0; i <= KEYRING_KEYS_MAX; i++) {
		keys[i] = key_make(owner, KEY_RETIRED);
		keys[i].until_ms = NOW + 1;
	}
	arena_reset(&arena);
	text = list_text(1, keys, KEYRING_KEYS_MAX);
	assert_in_range(text.size, 1, KEYRING_FILE_BYTES_MAX);
	assert_int_equal(key_list_parse(text, root.public_key, &arena, &list, NULL), ST_OK);
	assert_int_equal(list.count, KEYRING_KEYS_MAX);
	assert_string_equal(list.keys[0].owner, owner);
	assert_int_equal(
		key_list_build(1, NOW, keys, KEYRING_KEYS_MAX + 1, &arena, &text, &problem),
		ST_TOO_LARGE);
	/* a file at its limit and one past it: spaces after the text do not matter to JSON */
	text = list_text(1, keys, KEYRING_KEYS_MAX);
	char *file = malloc(KEYRING_FILE_BYTES_MAX + 1);
	assert_non_null(file);
	memset(file, ' ', KEYRING_FILE_BYTES_MAX + 1);
	memcpy(file, text.data, text.size);
	assert_int_equal(key_list_parse((struct str){ file, KEYRING_FILE_BYTES_MAX },
					root.public_key, &arena, &list, &problem),
			 ST_OK);
	assert_int_equal(key_list_parse((struct str){ file, KEYRING_FILE_BYTES_MAX + 1 },
					root.public_key, &arena, &list, &problem),
			 ST_TOO_LARGE);
	free(file);
	free(keys);
	arena_reset(&arena);
}

static void more_keys_than_the_limit_are_refused_when_read(void **state)
{
	struct buf buf;

	(void)state;
	for (int count = KEYRING_KEYS_MAX; count <= KEYRING_KEYS_MAX + 1; count++) {
		buf_init(&buf, &arena, 4096);
		buf_add_c(&buf, "{\"version\":1,\"issued_at\":" TIME ",\"keys\":[0");
		for (int i = 1; i < count; i++)
			buf_add_c(&buf, ",0");
		buf_add_c(&buf, "]}");
		assert_int_equal(parse_payload(buf_str(&buf).data),
				 count > KEYRING_KEYS_MAX ? ST_TOO_LARGE : ST_MESSAGE_INVALID);
	}
}

/* [PLT-6] */
static void a_key_counts_for_its_owner_only(void **state)
{
	struct keyring_key keys[] = { key_make("registry", KEY_ACTIVE),
				      key_make("token", KEY_ACTIVE) };
	struct keyring_key found, unknown = key_make("registry", KEY_ACTIVE);
	struct problem problem;

	(void)state;
	list_put(1, keys, 2);
	struct keyring *keyring = list_load();
	assert_int_equal(keyring_version(keyring), 1);
	assert_int_equal(keyring_count(keyring), 2);
	assert_int_equal(
		keyring_find(keyring, str_of(keys[0].key_id), STR("registry"), &found, &problem),
		ST_OK);
	assert_memory_equal(&found, &keys[0], sizeof(found));
	assert_int_equal(find(keyring, &keys[1], "token"), ST_OK);
	assert_int_equal(find(keyring, &keys[0], "token"), ST_KEY_UNKNOWN);
	assert_int_equal(find(keyring, &keys[1], "registry"), ST_KEY_UNKNOWN);
	assert_int_equal(find(keyring, &unknown, "registry"), ST_KEY_UNKNOWN);
	assert_int_equal(
		keyring_find(keyring, (struct str){ 0 }, STR("registry"), &found, &problem),
		ST_KEY_UNKNOWN);
	keyring_free(keyring);
	keyring_free(NULL);
}

/* [PLT-6] */
static void a_retired_key_counts_for_what_it_signed_and_a_revoked_one_for_nothing(void **state)
{
	struct keyring_key keys[] = { key_make("registry", KEY_RETIRED),
				      key_make("registry", KEY_REVOKED),
				      key_make("registry", KEY_ACTIVE) };
	struct problem problem;

	(void)state;
	keys[0].until_ms = NOW + 1000;
	list_put(1, keys, 3);
	struct keyring *keyring = list_load();
	assert_int_equal(find(keyring, &keys[0], "registry"), ST_OK);
	assert_int_equal(find(keyring, &keys[1], "registry"), ST_KEY_UNKNOWN);
	assert_int_equal(keyring_key_counts(&keys[0], NOW + 999, NOW + 100000, &problem), ST_OK);
	assert_int_equal(keyring_key_counts(&keys[0], NOW + 1000, NOW + 100000, &problem),
			 ST_KEY_UNKNOWN);
	assert_int_equal(keyring_key_counts(&keys[1], NOW, NOW, &problem), ST_KEY_UNKNOWN);
	/* older than its key: it waited in an outbox while keys changed */
	assert_int_equal(keyring_key_counts(&keys[2], NOW - 100000, NOW, &problem), ST_OK);
	/* a key before its time, but for the slack between clocks */
	assert_int_equal(keyring_key_counts(&keys[2], NOW, NOW - KEYRING_CLOCK_SLACK_MS, &problem),
			 ST_OK);
	assert_int_equal(
		keyring_key_counts(&keys[2], NOW, NOW - KEYRING_CLOCK_SLACK_MS - 1, &problem),
		ST_KEY_UNKNOWN);
	keyring_free(keyring);
}

/* [PLT-6] */
static void an_unknown_key_is_looked_for_in_the_file_again(void **state)
{
	struct keyring_key keys[] = { key_make("registry", KEY_ACTIVE),
				      key_make("registry", KEY_ACTIVE) };

	(void)state;
	list_put(1, keys, 1);
	struct keyring *keyring = list_load();
	assert_int_equal(find(keyring, &keys[1], "registry"), ST_KEY_UNKNOWN);
	list_put(2, keys, 2);
	assert_int_equal(keyring_version(keyring), 1);
	assert_int_equal(find(keyring, &keys[0], "registry"), ST_OK); /* known: no look */
	assert_int_equal(keyring_version(keyring), 1);
	assert_int_equal(find(keyring, &keys[1], "registry"), ST_OK);
	assert_int_equal(keyring_version(keyring), 2);
	assert_string_equal(keyring_at(keyring, 0)->owner, "registry");
	keyring_free(keyring);
}

static void a_revocation_takes_effect_at_the_next_refresh(void **state)
{
	struct keyring_key key = key_make("registry", KEY_ACTIVE);
	struct problem problem;

	(void)state;
	list_put(1, &key, 1);
	struct keyring *keyring = list_load();
	key.state = KEY_REVOKED;
	list_put(2, &key, 1);
	assert_int_equal(keyring_refresh(keyring, &problem), ST_OK);
	assert_int_equal(find(keyring, &key, "registry"), ST_KEY_UNKNOWN);
	keyring_free(keyring);
}

static void the_list_does_not_go_back(void **state)
{
	struct keyring_key old = key_make("registry", KEY_ACTIVE),
			   key = key_make("registry", KEY_ACTIVE);
	struct problem problem = { 0 };

	(void)state;
	list_put(5, &key, 1);
	struct keyring *keyring = list_load();
	list_put(4, &old, 1);
	assert_int_equal(keyring_refresh(keyring, &problem), ST_VERSION_CONFLICT);
	assert_int_equal(keyring_refresh(keyring, &problem), ST_VERSION_CONFLICT); /* still */
	assert_int_equal(find(keyring, &old, "registry"), ST_KEY_UNKNOWN);
	assert_int_equal(find(keyring, &key, "registry"), ST_OK);
	/* the same version with other keys */
	list_put(5, &old, 1);
	assert_int_equal(keyring_refresh(keyring, &problem), ST_VERSION_CONFLICT);
	assert_int_equal(find(keyring, &old, "registry"), ST_KEY_UNKNOWN);
	/* the same version as it was */
	list_put(5, &key, 1);
	assert_int_equal(keyring_refresh(keyring, &problem), ST_OK);
	list_put(6, &old, 1);
	assert_int_equal(keyring_refresh(keyring, &problem), ST_OK);
	assert_int_equal(keyring_version(keyring), 6);
	keyring_free(keyring);
}

static void a_worse_file_changes_nothing(void **state)
{
	struct keyring_key key = key_make("registry", KEY_ACTIVE),
			   other = key_make("registry", KEY_ACTIVE);
	struct signing_key mallory, kept = root;
	struct problem problem = { 0 };

	(void)state;
	list_put(1, &key, 1);
	struct keyring *keyring = list_load();
	signing_key_generate(&mallory);
	root = mallory;
	list_put(2, &other, 1);
	root = kept;
	assert_int_equal(keyring_refresh(keyring, &problem), ST_KEY_UNKNOWN);
	assert_int_equal(find(keyring, &other, "registry"), ST_KEY_UNKNOWN);
	assert_int_equal(find(keyring, &key, "registry"), ST_OK);
	assert_int_equal(key_list_write(path, STR("{"), &problem), ST_OK);
	assert_int_equal(keyring_refresh(keyring, &problem), ST_JSON_INVALID);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(keyring_refresh(keyring, &problem), ST_CONFIG_INVALID);
	assert_int_equal(find(keyring, &other, "registry"), ST_KEY_UNKNOWN);
	assert_int_equal(find(keyring, &key, "registry"), ST_OK);
	list_put(2, &other, 1);
	assert_int_equal(find(keyring, &other, "registry"), ST_OK);
	keyring_free(keyring);
}

static void a_file_that_cannot_be_read_does_not_load(void **state)
{
	struct keyring *keyring = (struct keyring *)path;
	struct problem problem = { 0 };
	struct keyring_key key = key_make("registry", KEY_ACTIVE);

	(void)state;
	unlink(path);
	assert_int_equal(keyring_load(path, root.public_key, &keyring, &problem),
			 ST_CONFIG_INVALID);
	assert_non_null(strstr(problem.detail, path));
	assert_int_equal(keyring_load(folder, root.public_key, &keyring, &problem),
			 ST_CONFIG_INVALID);
	list_put(1, &key, 1);
	assert_int_equal(truncate(path, 100), 0);
	assert_int_equal(keyring_load(path, root.public_key, &keyring, &problem), ST_JSON_INVALID);
	assert_int_equal(truncate(path, KEYRING_FILE_BYTES_MAX + 1), 0);
	assert_int_equal(keyring_load(path, root.public_key, &keyring, &problem), ST_TOO_LARGE);
	assert_ptr_equal(keyring, path);
}

static void writing_leaves_one_readable_file_and_nothing_beside_it(void **state)
{
	struct keyring_key key = key_make("registry", KEY_ACTIVE);
	char long_path[5000], target[128];
	struct problem problem;
	struct dirent *entry;
	struct stat info;
	int files = 0;

	(void)state;
	list_put(1, &key, 1);
	list_put(2, &key, 1);
	/* a target that cannot be replaced: the temporary file goes away */
	snprintf(target, sizeof(target), "%s/folder", folder);
	assert_int_equal(mkdir(target, 0700), 0);
	assert_int_equal(key_list_write(target, STR("x"), &problem), ST_UNAVAILABLE);
	assert_int_equal(rmdir(target), 0);
	DIR *directory = opendir(folder);
	assert_non_null(directory);
	while ((entry = readdir(directory)))
		files += entry->d_name[0] != '.';
	closedir(directory);
	assert_int_equal(files, 1);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0644);
	assert_int_equal(key_list_write("/nowhere/keys.json", STR("x"), &problem), ST_UNAVAILABLE);
	memset(long_path, 'p', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(key_list_write(long_path, STR("x"), &problem), ST_UNAVAILABLE);
}

static int arena_clean(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

#define TEST(name) cmocka_unit_test_teardown(name, arena_clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_list_comes_back_from_its_text),
		TEST(the_payload_is_canonical_and_the_file_has_the_form_of_the_contract),
		TEST(a_list_that_its_root_did_not_sign_is_refused),
		TEST(another_purpose_is_refused),
		TEST(a_file_of_another_form_is_refused),
		TEST(a_payload_of_another_form_is_refused),
		TEST(lists_that_would_not_be_read_are_not_built),
		TEST(the_largest_list_fits_and_one_more_key_does_not),
		TEST(more_keys_than_the_limit_are_refused_when_read),
		TEST(a_key_counts_for_its_owner_only),
		TEST(a_retired_key_counts_for_what_it_signed_and_a_revoked_one_for_nothing),
		TEST(an_unknown_key_is_looked_for_in_the_file_again),
		TEST(a_revocation_takes_effect_at_the_next_refresh),
		TEST(the_list_does_not_go_back),
		TEST(a_worse_file_changes_nothing),
		TEST(a_file_that_cannot_be_read_does_not_load),
		TEST(writing_leaves_one_readable_file_and_nothing_beside_it),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, world_start, world_end);
}
