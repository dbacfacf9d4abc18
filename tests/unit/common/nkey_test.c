#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nkey.h"

/* Made with @nats-io/nkeys 2.0.3 from the seed 1, 8, 15, ... (i * 7 + 1). */
static const struct {
	enum nkey_kind kind;
	const char *seed;
	const char *public_key;
} vectors[] = {
	{ NKEY_USER, "SUAACCAPCYOSIKZSHFAEOTSVLRRWU4LYP6DI3FE3UKU3BN56YXGNHWVCJA",
	  "UDSAGCMYZ7K22FZDYFU7SVVKBOPLQYM3LGJL2YJMFL2CR26HT6G7AGME" },
	{ NKEY_ACCOUNT, "SAAACCAPCYOSIKZSHFAEOTSVLRRWU4LYP6DI3FE3UKU3BN56YXGNHWSRQQ",
	  "ADSAGCMYZ7K22FZDYFU7SVVKBOPLQYM3LGJL2YJMFL2CR26HT6G7BC73" },
	{ NKEY_OPERATOR, "SOAACCAPCYOSIKZSHFAEOTSVLRRWU4LYP6DI3FE3UKU3BN56YXGNHWQ56Y",
	  "ODSAGCMYZ7K22FZDYFU7SVVKBOPLQYM3LGJL2YJMFL2CR26HT6G7BUT5" },
	{ NKEY_SERVER, "SNAACCAPCYOSIKZSHFAEOTSVLRRWU4LYP6DI3FE3UKU3BN56YXGNHWQ6KM",
	  "NDSAGCMYZ7K22FZDYFU7SVVKBOPLQYM3LGJL2YJMFL2CR26HT6G7A7QP" },
	{ NKEY_CLUSTER, "SCAACCAPCYOSIKZSHFAEOTSVLRRWU4LYP6DI3FE3UKU3BN56YXGNHWSTII",
	  "CDSAGCMYZ7K22FZDYFU7SVVKBOPLQYM3LGJL2YJMFL2CR26HT6G7AQ5H" },
};

static void seed_fill(uint8_t ret[SEED_BYTES])
{
	for (int i = 0; i < SEED_BYTES; i++)
		ret[i] = (uint8_t)(i * 7 + 1);
}

/* [PLT-4] */
static void keys_are_written_as_another_implementation_writes_them(void **state)
{
	uint8_t seed[SEED_BYTES];
	struct signing_key key;
	char text[NKEY_SEED_SIZE], public_text[NKEY_PUBLIC_SIZE];

	(void)state;
	seed_fill(seed);
	signing_key_of_seed(seed, &key);
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		nkey_seed_encode(vectors[i].kind, seed, text);
		nkey_public_encode(vectors[i].kind, key.public_key, public_text);
		assert_string_equal(text, vectors[i].seed);
		assert_string_equal(public_text, vectors[i].public_key);
	}
}

static void a_key_comes_back_from_its_text(void **state)
{
	uint8_t seed[SEED_BYTES], back[SEED_BYTES];
	char text[NKEY_SEED_SIZE], public_text[NKEY_PUBLIC_SIZE];
	enum nkey_kind kind = NKEY_SERVER;

	(void)state;
	for (int i = 0; i < 500; i++) {
		random_bytes(seed, sizeof(seed));
		nkey_seed_encode(NKEY_USER, seed, text);
		assert_int_equal(strlen(text), NKEY_SEED_SIZE - 1);
		assert_memory_equal(text, "SU", 2);
		assert_int_equal(nkey_seed_decode(str_of(text), &kind, back), ST_OK);
		assert_int_equal(kind, NKEY_USER);
		assert_memory_equal(back, seed, sizeof(seed));
		nkey_public_encode(NKEY_ACCOUNT, seed, public_text);
		assert_int_equal(public_text[0], 'A');
		assert_int_equal(nkey_public_decode(str_of(public_text), &kind, back), ST_OK);
		assert_int_equal(kind, NKEY_ACCOUNT);
		assert_memory_equal(back, seed, sizeof(seed));
	}
}

static void a_changed_character_is_refused(void **state)
{
	uint8_t back[SEED_BYTES];
	char text[NKEY_SEED_SIZE], public_text[NKEY_PUBLIC_SIZE];
	enum nkey_kind kind;

	(void)state;
	for (size_t i = 0; i < NKEY_SEED_SIZE - 1; i++) {
		memcpy(text, vectors[0].seed, sizeof(text));
		text[i] = text[i] == 'A' ? 'B' : 'A';
		assert_int_equal(nkey_seed_decode(str_of(text), &kind, back), ST_MESSAGE_INVALID);
		text[i] = '1'; /* not in the alphabet, as are lower case and padding */
		assert_int_equal(nkey_seed_decode(str_of(text), &kind, back), ST_MESSAGE_INVALID);
	}
	for (size_t i = 0; i < NKEY_PUBLIC_SIZE - 1; i++) {
		memcpy(public_text, vectors[0].public_key, sizeof(public_text));
		public_text[i] = public_text[i] == 'A' ? 'B' : 'A';
		assert_int_equal(nkey_public_decode(str_of(public_text), &kind, back),
				 ST_MESSAGE_INVALID);
		public_text[i] = 'a';
		assert_int_equal(nkey_public_decode(str_of(public_text), &kind, back),
				 ST_MESSAGE_INVALID);
	}
}

static void a_wrong_length_or_kind_is_refused(void **state)
{
	struct str seed = str_of(vectors[0].seed), public_key = str_of(vectors[0].public_key);
	enum nkey_kind kind = NKEY_SERVER;
	uint8_t back[SEED_BYTES] = { 9 };
	char longer[NKEY_SEED_SIZE + 1];

	(void)state;
	memcpy(longer, seed.data, seed.size);
	longer[seed.size] = 'A';
	assert_int_equal(nkey_seed_decode((struct str){ longer, seed.size + 1 }, &kind, back),
			 ST_MESSAGE_INVALID);
	for (size_t size = 0; size < seed.size; size++)
		assert_int_equal(nkey_seed_decode((struct str){ seed.data, size }, &kind, back),
				 ST_MESSAGE_INVALID);
	for (size_t size = 0; size < public_key.size; size++)
		assert_int_equal(
			nkey_public_decode((struct str){ public_key.data, size }, &kind, back),
			ST_MESSAGE_INVALID);
	/* a seed is not a public key, nor the other way */
	assert_int_equal(nkey_public_decode(seed, &kind, back), ST_MESSAGE_INVALID);
	assert_int_equal(nkey_seed_decode(public_key, &kind, back), ST_MESSAGE_INVALID);
	/* prefix 23 << 3 ("X", a curve key) with a right checksum */
	assert_int_equal(
		nkey_public_decode(STR("XAAQQDYWDUSCWMRZIBDU4VK4MNVHC6D7Q2GZJG5CVGYLPPWFZTJ5VHDB"),
				   &kind, back),
		ST_MESSAGE_INVALID);
	assert_int_equal(kind, NKEY_SERVER);
	assert_int_equal(back[0], 9);
}

static void bits_past_the_key_are_zero(void **state)
{
	enum nkey_kind kind;
	uint8_t back[SEED_BYTES];
	char text[NKEY_SEED_SIZE];
	int accepted = 0;

	(void)state;
	/* 58 characters carry 290 bits for 288: of the four last characters that give the same
	 * bytes, one is canonical */
	for (const char *c = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"; *c; c++) {
		memcpy(text, vectors[0].seed, sizeof(text));
		text[NKEY_SEED_SIZE - 2] = *c;
		if (nkey_seed_decode(str_of(text), &kind, back) == ST_OK)
			accepted++;
	}
	assert_int_equal(accepted, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_written_as_another_implementation_writes_them),
		cmocka_unit_test(a_key_comes_back_from_its_text),
		cmocka_unit_test(a_changed_character_is_refused),
		cmocka_unit_test(a_wrong_length_or_kind_is_refused),
		cmocka_unit_test(bits_past_the_key_are_zero),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
