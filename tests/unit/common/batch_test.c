#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "batch.h"

#define NOW INT64_C(1767225600000) /* 2026-01-01 */
#define EVENTS BATCH_SIZE_MAX

static char folder[64];
static char path[96];
static struct arena arena;
static struct signing_key root, registry_key, token_key;
static struct keyring *keyring;
static struct batch batch;

static struct event_head heads[EVENTS + 1];
static struct str data[EVENTS + 1];
static struct hash leaves[EVENTS + 1];

static struct keyring_key key_of(const struct signing_key *pair, const char *owner,
				 enum key_state key_state, int64_t until_ms)
{
	struct keyring_key key = { .until_ms = until_ms, .state = key_state };

	memcpy(key.public_key, pair->public_key, PUBLIC_KEY_BYTES);
	memcpy(key.key_id, pair->key_id, KEY_ID_SIZE);
	assert_true(str_copy(str_of(owner), key.owner, sizeof(key.owner)));
	return key;
}

/* Version `version` of the list, with the registry's key in `key_state`. */
static void keys_put(int64_t version, enum key_state key_state, int64_t until_ms)
{
	struct keyring_key keys[] = { key_of(&registry_key, "registry", key_state, until_ms),
				      key_of(&token_key, "token", KEY_ACTIVE, INT64_MAX) };
	struct problem problem;
	struct str payload, text;

	assert_int_equal(key_list_build(version, NOW, keys, 2, &arena, &payload, &problem), ST_OK);
	assert_int_equal(key_list_sign(&root, payload, &arena, &text), ST_OK);
	assert_int_equal(key_list_write(path, text, &problem), ST_OK);
}

static void events_make(const char *source)
{
	for (int64_t i = 0; i <= EVENTS; i++) {
		heads[i] = (struct event_head){
			.id = arena_printf(&arena, "018f0000-0000-7000-8000-%012d", (int)i),
			.source = str_of(source),
			.type = STR("piopl.registry.agent.created"),
			.time = STR("2026-01-01T00:00:00.123Z"),
			.subject = arena_printf(&arena, "piopl_%05d", (int)i),
			.sequence = 1000 + i,
		};
		data[i] = arena_printf(&arena, "{\"agent\":%d}", (int)i);
		event_leaf(&heads[i], data[i], &leaves[i]);
	}
}

static int world_start(void **state)
{
	(void)state;
	arena_init(&arena, 8 * 1024 * 1024);
	signing_key_generate(&root);
	signing_key_generate(&registry_key);
	signing_key_generate(&token_key);
	snprintf(folder, sizeof(folder), "/tmp/batch_test.XXXXXX");
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

static int test_start(void **state)
{
	struct problem problem = { 0 };

	(void)state;
	arena_reset(&arena);
	keys_put(1, KEY_ACTIVE, INT64_MAX);
	if (keyring_load(path, root.public_key, &keyring, &problem) != ST_OK)
		return -1;
	events_make("piopl/registry");
	return 0;
}

static int test_end(void **state)
{
	(void)state;
	keyring_free(keyring);
	return 0;
}

static struct batch_seal seal_of(size_t index, char proof[BATCH_PROOF_SIZE])
{
	batch_proof_text(&batch, index, proof);
	return (struct batch_seal){ str_of(batch.key_id), str_of(batch.signature), str_of(proof) };
}

static enum st verify(struct batch_cache *cache, const struct event_head *head, struct str text,
		      const struct batch_seal *seal)
{
	struct problem problem = { 0 };
	enum st st = batch_verify_event(keyring, cache, head, text, seal, NOW, &problem);

	assert_int_equal(st, problem.st); /* every refusal says why */
	return st;
}

/* [PLT-6] */
static void a_leaf_is_the_hash_of_the_length_prefixed_attributes(void **state)
{
	static const char bytes[] = "\0"
				    "\0\0\0\2"
				    "id"
				    "\0\0\0\x0epiopl/registry"
				    "\0\0\0\1t"
				    "\0\0\0\0"
				    "\0\0\0\3sub"
				    "\0\0\0\2"
				    "42"
				    "\0\0\0\2{}";
	const struct event_head head = { .id = STR("id"),
					 .source = STR("piopl/registry"),
					 .type = STR("t"),
					 .subject = STR("sub"),
					 .sequence = 42 };
	struct hash leaf, expected;

	(void)state;
	event_leaf(&head, STR("{}"), &leaf);
	sha256_of(bytes, sizeof(bytes) - 1, &expected);
	assert_true(hash_equal(&leaf, &expected));
}

/* [PLT-6] */
static void the_signed_text_is_that_of_the_contract(void **state)
{
	char base64[BASE64_SIZE(HASH_BYTES)];
	uint8_t signature[SIGNATURE_BYTES];
	struct hash expected;

	(void)state;
	batch_sign(&registry_key, STR("piopl/registry"), leaves, 300, &batch);
	merkle_root(leaves, 300, &expected);
	assert_true(hash_equal(&batch.root, &expected));
	base64_encode(expected.bytes, HASH_BYTES, base64);
	sign_bytes(&registry_key,
		   arena_printf(&arena, "piopl/event-batch/v1\npiopl/registry\n300\n%s\n", base64),
		   signature);
	char text[SIGNATURE_TEXT_SIZE];
	base64_encode(signature, sizeof(signature), text);
	assert_string_equal(batch.signature, text);
	assert_string_equal(batch.key_id, registry_key.key_id);
}

/* [PLT-6] */
static void every_event_of_every_size_of_batch_verifies_alone(void **state)
{
	static const size_t sizes[] = { 1, 2, 3, 5, 8, 100, 255, 256, 257, 511, BATCH_SIZE_MAX };
	char proof[BATCH_PROOF_SIZE];
	struct batch_seal seal;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct batch_cache cache = { 0 };

		batch_sign(&registry_key, STR("piopl/registry"), leaves, sizes[i], &batch);
		for (size_t index = 0; index < sizes[i]; index++) {
			seal = seal_of(index, proof);
			assert_int_equal(verify(&cache, &heads[index], data[index], &seal), ST_OK);
		}
		assert_int_equal(cache.misses, 1);
		assert_int_equal(cache.hits, sizes[i] - 1);
		assert_int_equal(verify(NULL, &heads[sizes[i] - 1], data[sizes[i] - 1], &seal),
				 ST_OK);
		assert_int_equal(batch_verify_all(keyring, heads, data, sizes[i], &seal, NOW, NULL),
				 ST_OK);
	}
}

static void the_largest_proof_fills_its_text(void **state)
{
	char proof[BATCH_PROOF_SIZE];

	(void)state;
	batch_sign(&registry_key, STR("piopl/registry"), leaves, BATCH_SIZE_MAX, &batch);
	batch_proof_text(&batch, BATCH_SIZE_MAX - 1, proof);
	assert_int_equal(strlen(proof), BATCH_PROOF_SIZE - 1);
	assert_memory_equal(proof, "511/512:", 8);
	batch_sign(&registry_key, STR("piopl/registry"), leaves, 1, &batch);
	batch_proof_text(&batch, 0, proof);
	assert_string_equal(proof, "0/1:");
}

/* [PLT-6] Any attribute changed, with a cold cache and a warm one. */
static void an_altered_event_is_refused(void **state)
{
	char proof[BATCH_PROOF_SIZE];
	struct batch_cache cache = { 0 };
	struct batch_seal seal;

	(void)state;
	batch_sign(&registry_key, STR("piopl/registry"), leaves, 100, &batch);
	seal = seal_of(7, proof);
	for (int warm = 0; warm < 2; warm++) {
		struct batch_cache *with = warm ? &cache : NULL;
		struct event_head head;

		assert_int_equal(verify(with, &heads[7], data[7], &seal), ST_OK);
		for (int part = 0; part < 6; part++) {
			head = heads[7];
			switch (part) {
			case 0:
				head.id = heads[8].id;
				break;
			case 1:
				head.type = STR("piopl.registry.agent.removed");
				break;
			case 2:
				head.time = STR("2026-01-01T00:00:00.124Z");
				break;
			case 3:
				head.subject = heads[8].subject;
				break;
			case 4:
				head.sequence++;
				break;
			default:
				head.id.size--;
				break;
			}
			assert_int_equal(verify(with, &head, data[7], &seal), ST_SIGNATURE_INVALID);
		}
		assert_int_equal(verify(with, &heads[7], data[8], &seal), ST_SIGNATURE_INVALID);
		seal = seal_of(8, proof);
		assert_int_equal(verify(with, &heads[7], data[7], &seal), ST_SIGNATURE_INVALID);
		seal = seal_of(7, proof);
		assert_int_equal(verify(with, &heads[7], data[7], &seal), ST_OK);
	}
}

static void an_altered_signature_is_refused_although_its_root_is_known(void **state)
{
	char proof[BATCH_PROOF_SIZE], signature[SIGNATURE_TEXT_SIZE];
	struct batch_cache cache = { 0 };
	struct batch_seal seal;

	(void)state;
	batch_sign(&registry_key, STR("piopl/registry"), leaves, 100, &batch);
	seal = seal_of(7, proof);
	assert_int_equal(verify(&cache, &heads[7], data[7], &seal), ST_OK);
	memcpy(signature, batch.signature, sizeof(signature));
	signature[3] = signature[3] == 'A' ? 'B' : 'A';
	seal.signature = str_of(signature);
	assert_int_equal(verify(&cache, &heads[7], data[7], &seal), ST_SIGNATURE_INVALID);
	seal.signature.size--;
	assert_int_equal(verify(&cache, &heads[7], data[7], &seal), ST_MESSAGE_INVALID);
	seal.signature = (struct str){ 0 };
	assert_int_equal(verify(&cache, &heads[7], data[7], &seal), ST_MESSAGE_INVALID);
	/* the wrong signature took no place in the cache */
	assert_int_equal(cache.count, 1);
}

/* [PLT-6] */
static void a_service_cannot_sign_for_another(void **state)
{
	char proof[BATCH_PROOF_SIZE];
	struct batch_seal seal;

	(void)state;
	batch_sign(&token_key, STR("piopl/registry"), leaves, 10, &batch);
	seal = seal_of(3, proof);
	assert_int_equal(verify(NULL, &heads[3], data[3], &seal), ST_KEY_UNKNOWN);
	/* its own batch under another's name */
	batch_sign(&token_key, STR("piopl/token"), leaves, 10, &batch);
	seal = seal_of(3, proof);
	assert_int_equal(verify(NULL, &heads[3], data[3], &seal), ST_KEY_UNKNOWN);
	seal.key_id = str_of(registry_key.key_id);
	assert_int_equal(verify(NULL, &heads[3], data[3], &seal), ST_SIGNATURE_INVALID);
}

static void a_source_is_a_service_of_ours(void **state)
{
	static const char *const sources[] = { "", "piopl/", "registry", "other/registry",
					       "piopl" };
	char proof[BATCH_PROOF_SIZE], longest[BATCH_SOURCE_BYTES_MAX + 2];
	struct batch_seal seal;

	(void)state;
	batch_sign(&registry_key, STR("piopl/registry"), leaves, 10, &batch);
	seal = seal_of(3, proof);
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		heads[3].source = str_of(sources[i]);
		assert_int_equal(verify(NULL, &heads[3], data[3], &seal), ST_MESSAGE_INVALID);
	}
	memset(longest, 'o', sizeof(longest));
	memcpy(longest, "piopl/", 6);
	heads[3].source = (struct str){ longest, BATCH_SOURCE_BYTES_MAX };
	assert_int_equal(verify(NULL, &heads[3], data[3], &seal), ST_KEY_UNKNOWN);
	heads[3].source.size++;
	assert_int_equal(verify(NULL, &heads[3], data[3], &seal), ST_MESSAGE_INVALID);
}

/* [PLT-6] */
static void rotation_keeps_old_events_and_revocation_does_not(void **state)
{
	char proof[BATCH_PROOF_SIZE];
	struct batch_cache cache = { 0 };
	struct problem problem;
	struct batch_seal seal;

	(void)state;
	batch_sign(&registry_key, STR("piopl/registry"), leaves, 10, &batch);
	seal = seal_of(3, proof);
	assert_int_equal(verify(&cache, &heads[3], data[3], &seal), ST_OK);
	keys_put(2, KEY_RETIRED, NOW + 124); /* the events are of NOW + 123 */
	assert_int_equal(keyring_refresh(keyring, &problem), ST_OK);
	assert_int_equal(verify(&cache, &heads[3], data[3], &seal), ST_OK);
	assert_int_equal(batch_verify_all(keyring, heads, data, 10, &seal, NOW, &problem), ST_OK);
	keys_put(3, KEY_RETIRED, NOW + 123);
	assert_int_equal(keyring_refresh(keyring, &problem), ST_OK);
	assert_int_equal(verify(&cache, &heads[3], data[3], &seal), ST_KEY_UNKNOWN);
	assert_int_equal(batch_verify_all(keyring, heads, data, 10, &seal, NOW, &problem),
			 ST_KEY_UNKNOWN);
	keys_put(4, KEY_REVOKED, INT64_MAX);
	assert_int_equal(keyring_refresh(keyring, &problem), ST_OK);
	assert_int_equal(verify(&cache, &heads[3], data[3], &seal), ST_KEY_UNKNOWN);
	assert_int_equal(batch_verify_all(keyring, heads, data, 10, &seal, NOW, &problem),
			 ST_KEY_UNKNOWN);
}

static void a_time_that_is_none_is_refused(void **state)
{
	static const char *const times[] = { "", "now", "2026-01-01",
					     "2026-01-01T00:00:00.000+01:00" };
	char proof[BATCH_PROOF_SIZE];
	struct batch_seal seal;

	(void)state;
	batch_sign(&registry_key, STR("piopl/registry"), leaves, 10, &batch);
	seal = seal_of(3, proof);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		heads[3].time = str_of(times[i]);
		assert_int_equal(verify(NULL, &heads[3], data[3], &seal), ST_MESSAGE_INVALID);
	}
}

static void malformed_proofs_are_refused(void **state)
{
	static const char *const proofs[] = {
		"",
		":",
		"/",
		"/:",
		"0:",
		"0/1",
		"1/1:",
		"0/0:",
		"-0/1:",
		"-1/1:",
		"00/1:",
		"0/01:",
		"0 /1:",
		"0/1: ",
		"0/-1:",
		"0/1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", /* one hash too many */
		"0/2:",                                             /* and too few */
		"0/2:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", /* 31 bytes */
		"0/2:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", /* 33 */
		"0/2:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",  /* no padding */
		"0/2:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=", /* unused bits */
		"0/9223372036854775808:",
	};
	static const uint8_t zeros[2 * HASH_BYTES];
	struct batch_proof proof = { .count = 5 };
	char text[BATCH_PROOF_SIZE] = "2/3:";

	(void)state;
	for (size_t i = 0; i < sizeof(proofs) / sizeof(proofs[0]); i++)
		assert_int_equal(batch_proof_parse(str_of(proofs[i]), &proof), ST_PROOF_INVALID);
	/* the last of three has one sibling, not two */
	base64_encode(zeros, 2 * HASH_BYTES, text + 4);
	assert_int_equal(batch_proof_parse(str_of(text), &proof), ST_PROOF_INVALID);
	assert_int_equal(proof.count, 5);
	base64_encode(zeros, HASH_BYTES, text + 4);
	assert_int_equal(batch_proof_parse(str_of(text), &proof), ST_OK);
	assert_int_equal(batch_proof_parse(STR("0/1:"), &proof), ST_OK);
	assert_int_equal(proof.count, 0);
	/* the limit and one past it: the first of 513 has ten hashes, the last has one */
	batch_sign(&registry_key, STR("piopl/registry"), leaves, BATCH_SIZE_MAX, &batch);
	batch_proof_text(&batch, 0, text);
	assert_int_equal(batch_proof_parse(str_of(text), &proof), ST_OK);
	assert_int_equal(proof.count, BATCH_PATH_MAX);
	assert_int_equal(
		batch_proof_parse(STR("512/513:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
				  &proof),
		ST_PROOF_INVALID);
}

static void a_malformed_proof_refuses_the_event(void **state)
{
	char proof[BATCH_PROOF_SIZE];
	struct batch_seal seal;

	(void)state;
	batch_sign(&registry_key, STR("piopl/registry"), leaves, 10, &batch);
	seal = seal_of(3, proof);
	seal.proof.size--;
	assert_int_equal(verify(NULL, &heads[3], data[3], &seal), ST_PROOF_INVALID);
	seal.proof = (struct str){ 0 };
	assert_int_equal(verify(NULL, &heads[3], data[3], &seal), ST_PROOF_INVALID);
}

static void the_oldest_root_leaves_a_full_cache(void **state)
{
	static struct batch_cache cache;
	char proofs[BATCH_CACHE_SIZE + 1][BATCH_PROOF_SIZE];
	char signatures[BATCH_CACHE_SIZE + 1][SIGNATURE_TEXT_SIZE];
	struct batch_seal seal = { .key_id = str_of(registry_key.key_id) };

	(void)state;
	for (size_t i = 0; i <= BATCH_CACHE_SIZE; i++) {
		batch_sign(&registry_key, STR("piopl/registry"), leaves + i, 1, &batch);
		batch_proof_text(&batch, 0, proofs[i]);
		memcpy(signatures[i], batch.signature, SIGNATURE_TEXT_SIZE);
	}
	for (size_t i = 0; i < BATCH_CACHE_SIZE; i++) {
		seal.signature = str_of(signatures[i]);
		seal.proof = str_of(proofs[i]);
		assert_int_equal(verify(&cache, &heads[i], data[i], &seal), ST_OK);
	}
	assert_int_equal(cache.misses, BATCH_CACHE_SIZE);
	seal.signature = str_of(signatures[0]); /* still there */
	seal.proof = str_of(proofs[0]);
	assert_int_equal(verify(&cache, &heads[0], data[0], &seal), ST_OK);
	assert_int_equal(cache.hits, 1);
	seal.signature = str_of(signatures[BATCH_CACHE_SIZE]); /* one more */
	seal.proof = str_of(proofs[BATCH_CACHE_SIZE]);
	assert_int_equal(verify(&cache, &heads[BATCH_CACHE_SIZE], data[BATCH_CACHE_SIZE], &seal),
			 ST_OK);
	seal.signature = str_of(signatures[1]);
	seal.proof = str_of(proofs[1]);
	assert_int_equal(verify(&cache, &heads[1], data[1], &seal), ST_OK);
	assert_int_equal(cache.hits, 2);
	seal.signature = str_of(signatures[0]); /* gone, and verified again */
	seal.proof = str_of(proofs[0]);
	assert_int_equal(verify(&cache, &heads[0], data[0], &seal), ST_OK);
	assert_int_equal(cache.hits, 2);
	assert_int_equal(cache.misses, BATCH_CACHE_SIZE + 2);
	assert_int_equal(cache.count, BATCH_CACHE_SIZE);
}

/* [PLT-8] What a source gives again is whole batches. */
static void a_whole_batch_verifies_only_whole_and_in_order(void **state)
{
	struct problem problem = { 0 };
	struct batch_seal seal;
	struct event_head head;

	(void)state;
	batch_sign(&registry_key, STR("piopl/registry"), leaves, 10, &batch);
	seal = (struct batch_seal){ .key_id = str_of(batch.key_id),
				    .signature = str_of(batch.signature) };
	assert_int_equal(batch_verify_all(keyring, heads, data, 10, &seal, NOW, &problem), ST_OK);
	assert_int_equal(batch_verify_all(keyring, heads, data, 9, &seal, NOW, &problem),
			 ST_SIGNATURE_INVALID);
	assert_int_equal(batch_verify_all(keyring, heads, data, 11, &seal, NOW, &problem),
			 ST_SIGNATURE_INVALID);
	assert_int_equal(batch_verify_all(keyring, heads + 1, data + 1, 10, &seal, NOW, &problem),
			 ST_SIGNATURE_INVALID);
	head = heads[4];
	heads[4] = heads[5];
	heads[5] = head;
	assert_int_equal(batch_verify_all(keyring, heads, data, 10, &seal, NOW, &problem),
			 ST_SIGNATURE_INVALID);
	heads[5] = heads[4];
	heads[4] = head;
	assert_int_equal(batch_verify_all(keyring, heads, data, 10, &seal, NOW, &problem), ST_OK);
	heads[9].source = STR("piopl/token");
	assert_int_equal(batch_verify_all(keyring, heads, data, 10, &seal, NOW, &problem),
			 ST_MESSAGE_INVALID);
	heads[9].source = heads[8].source;
	heads[9].time = STR("x");
	assert_int_equal(batch_verify_all(keyring, heads, data, 10, &seal, NOW, &problem),
			 ST_MESSAGE_INVALID);
	assert_int_equal(batch_verify_all(keyring, heads, data, 0, &seal, NOW, &problem),
			 ST_MESSAGE_INVALID);
	assert_int_equal(
		batch_verify_all(keyring, heads, data, BATCH_SIZE_MAX + 1, &seal, NOW, &problem),
		ST_TOO_LARGE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_start, test_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_leaf_is_the_hash_of_the_length_prefixed_attributes),
		TEST(the_signed_text_is_that_of_the_contract),
		TEST(every_event_of_every_size_of_batch_verifies_alone),
		TEST(the_largest_proof_fills_its_text),
		TEST(an_altered_event_is_refused),
		TEST(an_altered_signature_is_refused_although_its_root_is_known),
		TEST(a_service_cannot_sign_for_another),
		TEST(a_source_is_a_service_of_ours),
		TEST(rotation_keeps_old_events_and_revocation_does_not),
		TEST(a_time_that_is_none_is_refused),
		TEST(malformed_proofs_are_refused),
		TEST(a_malformed_proof_refuses_the_event),
		TEST(the_oldest_root_leaves_a_full_cache),
		TEST(a_whole_batch_verifies_only_whole_and_in_order),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, world_start, world_end);
}
