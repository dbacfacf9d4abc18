/* Key lists: the bytes as a file, and as a payload that the root key signed by mistake. A payload
 * that is accepted, built and signed again gives the same list. */
#include "keyring.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static struct signing_key root;

static void check_list(struct str text, struct arena *arena)
{
	struct key_list list, again;
	struct problem problem;
	struct str payload, file;

	if (key_list_parse(text, root.public_key, arena, &list, &problem) != ST_OK)
		return;
	ASSERT(list.version > 0 && list.count <= KEYRING_KEYS_MAX);
	ASSERT(key_list_build(list.version, list.issued_at_ms, list.keys, list.count, arena,
			      &payload, &problem) == ST_OK);
	ASSERT(key_list_sign(&root, payload, arena, &file) == ST_OK);
	ASSERT(key_list_parse(file, root.public_key, arena, &again, &problem) == ST_OK);
	ASSERT(again.version == list.version && again.issued_at_ms == list.issued_at_ms &&
	       again.count == list.count);
	for (size_t i = 0; i < list.count; i++)
		ASSERT(memcmp(&list.keys[i], &again.keys[i], sizeof(list.keys[i])) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const uint8_t seed[SEED_BYTES];
	struct str text = { (const char *)bytes, size }, file;
	struct arena arena;

	crypto_init();
	signing_key_of_seed(seed, &root);
	arena_init(&arena, 16 * 1024 * 1024);
	check_list(text, &arena);
	/* A payload that is not UTF-8 makes no JSON string. */
	if (str_is_utf8(text) && key_list_sign(&root, text, &arena, &file) == ST_OK)
		check_list(file, &arena);
	arena_free(&arena);
	return 0;
}
