/* PASETO texts from anyone. What parses has one text only: written again it is the same. */
#include "paseto.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_again(const struct paseto *paseto, struct str text, struct arena *arena)
{
	size_t body = paseto->message.size + SIGNATURE_BYTES;
	uint8_t *whole = arena_alloc(arena, body);
	char *again = arena_alloc(arena, sizeof(PASETO_HEADER) + BASE64URL_SIZE(body) +
						 BASE64URL_SIZE(paseto->footer.size) + 1);

	ASSERT(whole && again);
	memcpy(whole, paseto->message.data, paseto->message.size);
	memcpy(whole + paseto->message.size, paseto->signature, SIGNATURE_BYTES);
	memcpy(again, PASETO_HEADER, sizeof(PASETO_HEADER));
	size_t length = sizeof(PASETO_HEADER) - 1;
	length += base64url_encode(whole, body, again + length);
	if (paseto->footer.size > 0) {
		again[length++] = '.';
		length +=
			base64url_encode(paseto->footer.data, paseto->footer.size, again + length);
	}
	ASSERT(str_equal((struct str){ again, length }, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const uint8_t seed[SEED_BYTES] = { 1 };
	struct str text = { (const char *)bytes, size }, made;
	struct problem problem;
	struct signing_key key;
	struct paseto paseto;
	struct arena arena;

	crypto_init();
	signing_key_of_seed(seed, &key);
	arena_init(&arena, 256 * 1024);
	if (paseto_parse(text, &arena, &paseto, &problem) == ST_OK) {
		check_again(&paseto, text, &arena);
		(void)!paseto_verify(&paseto, key.public_key, STR(""), &arena);
	}
	/* the bytes as a message: what is signed verifies, and not as something else */
	if (size > 0 && paseto_sign(&key, text, STR("f"), STR("i"), &arena, &made) == ST_OK) {
		ASSERT(paseto_parse(made, &arena, &paseto, &problem) == ST_OK);
		ASSERT(str_equal(paseto.message, text));
		ASSERT(paseto_verify(&paseto, key.public_key, STR("i"), &arena) == ST_OK);
		ASSERT(paseto_verify(&paseto, key.public_key, STR("j"), &arena) != ST_OK);
	}
	arena_free(&arena);
	return 0;
}
