/* PASETO v4.public against its published test vectors, and against texts that are not tokens.
 * [TOK-1] [TOK-10] */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "paseto.h"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	crypto_init();
	arena_init(&arena, 1024 * 1024);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* The published vectors 4-S-1 to 4-S-3. */
#define VECTOR_SEED "b4cbfb43df4ce210727d953e4a713307fa19bb7d9f85041438d9e11b942a3774"
#define VECTOR_PUBLIC "1eb9dbbbbc047c03fd70604e0071f0987e16b28b757225c11f00415d0e20b1a2"
#define VECTOR_MESSAGE                                                                             \
	"{\"data\":\"this is a signed message\",\"exp\":\"2022-01-01T00:00:00+00:00\"}"
#define VECTOR_BODY                                                                                \
	"v4.public.eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIiwiZXhwIjoiMjAyMi0wMS0wMVQwMDowMD" \
	"owMCswMDowMCJ9"
#define VECTOR_FOOTER "{\"kid\":\"zVhMiPBP9fRf2snEcT7gFTioeA9COcNy9DfgL1W60haN\"}"
#define VECTOR_FOOTER_TEXT                                                                         \
	".eyJraWQiOiJ6VmhNaVBCUDlmUmYyc25FY1Q3Z0ZUaW9lQTlDT2NOeTlEZmdMMVc2MGhhTiJ9"

static const struct vector {
	const char *footer, *implicit, *text;
} vectors[] = {
	{ "", "",
	  VECTOR_BODY
	  "bg_XBBzds8lTZShVlwwKSgeKpLT3yukTw6JUz3W4h_ExsQV-P0V54zemZDcAxFaSeef1QlXEFtkqxT1"
	  "ciiQEDA" },
	{ VECTOR_FOOTER, "",
	  VECTOR_BODY
	  "v3Jt8mx_TdM2ceTGoqwrh4yDFn0XsHvvV_D0DtwQxVrJEBMl0F2caAdgnpKlt4p7xBnx1HcO-SPo8FP"
	  "p214HDw" VECTOR_FOOTER_TEXT },
	{ VECTOR_FOOTER, "{\"test-vector\":\"4-S-3\"}",
	  VECTOR_BODY
	  "NPWciuD3d0o5eXJXG5pJy-DiVEoyPYWs1YSTwWHNJq6DZD3je5gf-0M4JR9ipdUSJbIovzmBECeaWma"
	  "qcaP0DQ" VECTOR_FOOTER_TEXT },
};

static void vector_key(struct signing_key *ret)
{
	uint8_t seed[SEED_BYTES], public_key[PUBLIC_KEY_BYTES];

	assert_int_equal(hex_decode(STR(VECTOR_SEED), seed, sizeof(seed)), ST_OK);
	assert_int_equal(hex_decode(STR(VECTOR_PUBLIC), public_key, sizeof(public_key)), ST_OK);
	signing_key_of_seed(seed, ret);
	assert_memory_equal(ret->public_key, public_key, sizeof(public_key));
}

static void signs_the_published_vectors(void **state)
{
	struct signing_key key;

	(void)state;
	vector_key(&key);
	for (size_t i = 0; i < 3; i++) {
		struct str text;
		assert_int_equal(paseto_sign(&key, STR(VECTOR_MESSAGE), str_of(vectors[i].footer),
					     str_of(vectors[i].implicit), &arena, &text),
				 ST_OK);
		assert_string_equal(text.data, vectors[i].text);
	}
}

static void verifies_the_published_vectors_and_nothing_near_them(void **state)
{
	struct signing_key key, other;
	struct paseto paseto;

	(void)state;
	vector_key(&key);
	signing_key_generate(&other);
	for (size_t i = 0; i < 3; i++) {
		struct str implicit = str_of(vectors[i].implicit);
		assert_int_equal(paseto_parse(str_of(vectors[i].text), &arena, &paseto, NULL),
				 ST_OK);
		assert_true(str_is(paseto.message, VECTOR_MESSAGE));
		assert_true(str_is(paseto.footer, vectors[i].footer));
		assert_int_equal(paseto_verify(&paseto, key.public_key, implicit, &arena), ST_OK);
		assert_int_equal(paseto_verify(&paseto, other.public_key, implicit, &arena),
				 ST_TOKEN_SIGNATURE_INVALID);
		assert_int_equal(paseto_verify(&paseto, key.public_key, STR("another"), &arena),
				 ST_TOKEN_SIGNATURE_INVALID);
		paseto.footer = STR("{}");
		assert_int_equal(paseto_verify(&paseto, key.public_key, implicit, &arena),
				 ST_TOKEN_SIGNATURE_INVALID);
	}
}

static void refuses_every_single_changed_character(void **state)
{
	const struct vector *vector = &vectors[2];
	size_t size = strlen(vector->text);
	struct signing_key key;
	char text[512];

	(void)state;
	vector_key(&key);
	for (size_t i = 0; i < size; i++) {
		struct paseto paseto;
		arena_reset(&arena);
		memcpy(text, vector->text, size);
		text[i] = text[i] == 'A' ? 'B' : 'A';
		enum st st = paseto_parse((struct str){ text, size }, &arena, &paseto, NULL);
		if (st == ST_OK)
			st = paseto_verify(&paseto, key.public_key, str_of(vector->implicit),
					   &arena);
		assert_int_not_equal(st, ST_OK);
	}
}

static void refuses_every_prefix(void **state)
{
	const struct vector *vector = &vectors[2];
	size_t size = strlen(vector->text);
	struct signing_key key;

	(void)state;
	vector_key(&key);
	for (size_t cut = 0; cut < size; cut++) {
		struct paseto paseto;
		arena_reset(&arena);
		enum st st = paseto_parse((struct str){ vector->text, cut }, &arena, &paseto, NULL);
		if (st == ST_OK)
			st = paseto_verify(&paseto, key.public_key, str_of(vector->implicit),
					   &arena);
		assert_int_not_equal(st, ST_OK);
	}
}

static void names_what_is_wrong_with_a_text(void **state)
{
	static const struct {
		const char *text;
		enum st st;
	} cases[] = {
		{ "", ST_TOKEN_TRUNCATED },
		{ "v4.pub", ST_TOKEN_TRUNCATED },
		{ "v4.public", ST_TOKEN_TRUNCATED },
		{ "v4.public.", ST_TOKEN_TRUNCATED },
		{ "v4.public.AAAA", ST_TOKEN_TRUNCATED },
		{ "v4.public.AAAA.", ST_TOKEN_TRUNCATED },
		{ "v4.public.AAAAA", ST_TOKEN_TRUNCATED },
		{ "v4.local.AAAA", ST_TOKEN_VERSION_WRONG },
		{ "v3.public.AAAA", ST_TOKEN_VERSION_WRONG },
		{ "v2.public.AAAA", ST_TOKEN_VERSION_WRONG },
		{ "v1.public.AAAA", ST_TOKEN_VERSION_WRONG },
		{ "v4.Public.AAAA", ST_TOKEN_VERSION_WRONG },
		{ "v4.secretsecretsecretsecret.AAAA", ST_TOKEN_VERSION_WRONG },
		{ "eyJhbGciOiJub25lIn0.e30.", ST_TOKEN_MALFORMED },
		{ "hello", ST_TOKEN_MALFORMED },
		{ " v4.public.AAAA", ST_TOKEN_MALFORMED },
		{ "v4.public.AA=A", ST_TOKEN_MALFORMED },
		{ "v4.public.AA+A", ST_TOKEN_MALFORMED },
		{ "v4.public.AAAB.AAAB", ST_TOKEN_TRUNCATED },
		{ "v4.public.AAAA.AA=A", ST_TOKEN_MALFORMED },
		{ "v4.public.AAAA.AAAA.AAAA", ST_TOKEN_MALFORMED },
		{ "v4.public.AAB", ST_TOKEN_MALFORMED }, /* unused bits are not zero */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct paseto paseto;
		struct problem problem = { 0 };
		enum st st = paseto_parse(str_of(cases[i].text), &arena, &paseto, &problem);
		if (st != cases[i].st)
			fail_msg("\"%s\": %s", cases[i].text, st_info(st)->code);
		assert_true(problem.detail[0] != 0);
	}
}

static void holds_its_limits(void **state)
{
	static char text[PASETO_BYTES_MAX + 2];
	struct signing_key key;
	struct paseto paseto;
	struct str out;

	(void)state;
	signing_key_generate(&key);
	memset(text, 'A', sizeof(text));
	memcpy(text, PASETO_HEADER, sizeof(PASETO_HEADER) - 1);
	/* 8192 - 10 characters are 4 * 2045 + 2 */
	assert_int_equal(
		paseto_parse((struct str){ text, PASETO_BYTES_MAX }, &arena, &paseto, NULL), ST_OK);
	assert_int_equal(
		paseto_parse((struct str){ text, PASETO_BYTES_MAX + 1 }, &arena, &paseto, NULL),
		ST_TOKEN_TOO_LONG);
	size_t most = (PASETO_BYTES_MAX - sizeof(PASETO_HEADER)) / 4 * 3 - SIGNATURE_BYTES;
	while (sizeof(PASETO_HEADER) + BASE64URL_SIZE(most + SIGNATURE_BYTES) + BASE64URL_SIZE(0) <=
	       PASETO_BYTES_MAX)
		most++;
	assert_int_equal(
		paseto_sign(&key, (struct str){ text, most - 1 }, STR(""), STR(""), &arena, &out),
		ST_OK);
	assert_int_equal(
		paseto_sign(&key, (struct str){ text, most }, STR(""), STR(""), &arena, &out),
		ST_TOKEN_TOO_LONG);
}

static void a_footer_has_a_limit(void **state)
{
	char text[2048];
	struct paseto paseto;

	(void)state;
	for (size_t over = 0; over < 2; over++) {
		size_t digits = BASE64URL_SIZE(PASETO_FOOTER_BYTES_MAX + over) - 1;
		memset(text, 'A', sizeof(text));
		memcpy(text, PASETO_HEADER, 10);
		text[10 + 100] = '.';
		assert_int_equal(
			paseto_parse((struct str){ text, 111 + digits }, &arena, &paseto, NULL),
			over ? ST_TOKEN_MALFORMED : ST_OK);
	}
}

static void base64url_is_its_own_inverse_and_strict(void **state)
{
	uint8_t bytes[70], back[70];
	char text[BASE64URL_SIZE(70)];

	(void)state;
	for (size_t size = 0; size <= sizeof(bytes); size++) {
		size_t got = 0;
		random_bytes(bytes, size);
		size_t length = base64url_encode(bytes, size, text);
		assert_int_equal(length, BASE64URL_SIZE(size) - 1);
		assert_int_equal(base64url_decode((struct str){ text, length }, back, size, &got),
				 ST_OK);
		assert_int_equal(got, size);
		assert_memory_equal(bytes, back, size);
		if (size > 0)
			assert_int_equal(base64url_decode((struct str){ text, length }, back,
							  size - 1, &got),
					 ST_MESSAGE_INVALID);
	}
	static const char *const wrong[] = { "A",    "AAAAA", "AB",   "AAB",   "AA=",     "AA==",
					     "A+AA", "A/AA",  "AA A", "AAA\n", "\xc3\xa9" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		size_t got;
		assert_int_equal(base64url_decode(str_of(wrong[i]), back, sizeof(back), &got),
				 ST_MESSAGE_INVALID);
	}
}

static void a_full_arena_is_told(void **state)
{
	struct arena small;
	struct signing_key key;
	struct paseto paseto;
	struct str out;

	(void)state;
	signing_key_generate(&key);
	arena_init(&small, 128);
	assert_int_equal(paseto_sign(&key, STR(VECTOR_MESSAGE), STR(""), STR(""), &small, &out),
			 ST_TOO_LARGE);
	arena_reset(&small);
	assert_int_equal(paseto_parse(str_of(vectors[0].text), &small, &paseto, NULL),
			 ST_TOO_LARGE);
	arena_free(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signs_the_published_vectors),
		cmocka_unit_test(verifies_the_published_vectors_and_nothing_near_them),
		cmocka_unit_test(refuses_every_single_changed_character),
		cmocka_unit_test(refuses_every_prefix),
		cmocka_unit_test(names_what_is_wrong_with_a_text),
		cmocka_unit_test(holds_its_limits),
		cmocka_unit_test(a_footer_has_a_limit),
		cmocka_unit_test(base64url_is_its_own_inverse_and_strict),
		cmocka_unit_test(a_full_arena_is_told),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
