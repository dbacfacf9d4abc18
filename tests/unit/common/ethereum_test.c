/* ethereum_test.c: Keccak-256, addresses, personal_sign and recovery against published vectors:
 * Keccak's own, those of EIP-55, and the account and signature of web3.js's documentation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ethereum.h"

static const char secret_text[] =
	"4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";
static const char address_text[] = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23";
static const char some_data_hash[] =
	"1da44b586eb0729ff70a73c326926f6ed5a25f5b056e7f47fbc6e58d86871655";
static const char some_data_signature[] =
	"0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd"
	"6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c";

static struct ethereum_key key_of(const char *text)
{
	uint8_t secret[ETHEREUM_SECRET_BYTES];
	struct ethereum_key key;

	assert_int_equal(hex_decode(str_of(text), secret, sizeof(secret)), ST_OK);
	assert_int_equal(ethereum_key_of_secret(secret, &key), ST_OK);
	return key;
}

static struct ethereum_signature signature_of(const char *text)
{
	struct ethereum_signature signature;

	assert_int_equal(ethereum_signature_of_text(str_of(text), &signature, NULL), ST_OK);
	return signature;
}

static void assert_hash(const struct hash *hash, const char *text)
{
	char hex[HEX_SIZE(HASH_BYTES)];

	hex_encode(hash->bytes, HASH_BYTES, hex);
	assert_string_equal(hex, text);
}

/* [GTW-3] the empty text, "abc", and both sides of a block */
static void keccak_gives_its_published_digests(void **state)
{
	static const struct {
		const char *text;
		const char *hex;
	} vectors[] = {
		{ "", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470" },
		{ "abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45" },
		{ "testing", "5f16f4c7f149ac4f9510d9cf8cf384038ad348b3bcdc01915f95de12df9d1b02" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "45d3b367a6904e6e8d502ee04999a7c27647f91fa845d456525fd352ae3d7371" },
		{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmno"
		  "pqklmnopqrlmnopqrsmnopqrstnopqrstu",
		  "f519747ed599024f3882238e5ab43960132572b7345fbeb9a90769dafd21ad67" },
	};
	struct hash hash;

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		keccak256_of(vectors[i].text, strlen(vectors[i].text), &hash);
		assert_hash(&hash, vectors[i].hex);
	}
}

/* A million times "a": more blocks than anyone's buffer. */
static void keccak_takes_a_long_text(void **state)
{
	char *text = malloc(1000000);
	struct hash hash;

	(void)state;
	memset(text, 'a', 1000000);
	keccak256_of(text, 1000000, &hash);
	assert_hash(&hash, "fadae6b49f129bbb812be8407b7b2894f34aecf6dbd1f9b0f0c7e9853098fc96");
	free(text);
}

/* [GTW-4] */
static void addresses_have_the_capitals_of_eip_55(void **state)
{
	static const char *const good[] = {
		"0x52908400098527886E0F7030069857D2E4169EE7",
		"0x8617E340B3D01FA5F11F306F4090FD50E238070D",
		"0xde709f2102306220921060314715629080e2fb77",
		"0x27b1fdb04752bbc536007a920d24acb045561c26",
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
		"0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
		"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
		"0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
	};
	char text[ETHEREUM_ADDRESS_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct ethereum_address address;
		assert_int_equal(ethereum_address_of_text(str_of(good[i]), &address, NULL), ST_OK);
		ethereum_address_to_text(&address, text);
		assert_string_equal(text, good[i]);
	}
}

/* [GTW-4] every letter of an address in the other case is refused, and so is every other form */
static void a_wrong_address_is_refused(void **state)
{
	static const char *const forms[] = {
		"",
		"0x",
		"5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
		"0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed0",
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg",
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe ",
	};
	char text[] = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
	struct ethereum_address address;
	struct problem problem = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		assert_int_equal(ethereum_address_of_text(str_of(forms[i]), &address, &problem),
				 ST_MESSAGE_INVALID);
		assert_non_null(strstr(problem.detail, "40 hex digits"));
	}
	for (size_t i = 2; i < sizeof(text) - 1; i++) {
		if (text[i] <= '9')
			continue;
		text[i] ^= 0x20;
		assert_int_equal(ethereum_address_of_text(str_of(text), &address, &problem),
				 ST_MESSAGE_INVALID);
		assert_non_null(strstr(problem.detail, "EIP-55"));
		text[i] ^= 0x20;
	}
}

/* [GTW-3] */
static void personal_sign_gives_the_published_signature(void **state)
{
	struct ethereum_key key = key_of(secret_text);
	char text[ETHEREUM_ADDRESS_TEXT_SIZE], hex[ETHEREUM_SIGNATURE_TEXT_SIZE];
	struct ethereum_signature signature;
	struct ethereum_address signer;
	struct hash hash;

	(void)state;
	ethereum_address_to_text(&key.address, text);
	assert_string_equal(text, address_text);
	ethereum_message_hash(STR("Some data"), &hash);
	assert_hash(&hash, some_data_hash);
	ethereum_sign(&key, &hash, &signature);
	ethereum_signature_to_text(&signature, hex);
	assert_string_equal(hex, some_data_signature);
	assert_int_equal(ethereum_recover(&hash, &signature, &signer, NULL), ST_OK);
	assert_true(ethereum_address_equal(&signer, &key.address));
}

/* [GTW-3] the length of the message is in the hash as a decimal number of bytes, over blocks too */
static void messages_of_every_length_come_back_to_their_signer(void **state)
{
	struct ethereum_key key;
	char text[400];

	(void)state;
	memset(text, 'm', sizeof(text));
	ethereum_key_generate(&key);
	for (size_t size = 0; size < sizeof(text); size += 1 + size / 40) {
		char whole[512];
		struct hash hash, by_hand;
		struct ethereum_signature signature;
		struct ethereum_address signer;
		int n = snprintf(whole, sizeof(whole),
				 "\x19"
				 "Ethereum Signed Message:\n%zu%.*s",
				 size, (int)size, text);
		ethereum_message_hash((struct str){ text, size }, &hash);
		keccak256_of(whole, (size_t)n, &by_hand);
		assert_true(hash_equal(&hash, &by_hand));
		ethereum_sign(&key, &hash, &signature);
		assert_true(signature.bytes[64] == 27 || signature.bytes[64] == 28);
		assert_int_equal(ethereum_recover(&hash, &signature, &signer, NULL), ST_OK);
		assert_true(ethereum_address_equal(&signer, &key.address));
		signature.bytes[64] = (uint8_t)(signature.bytes[64] - 27); /* the other writing */
		assert_int_equal(ethereum_recover(&hash, &signature, &signer, NULL), ST_OK);
		assert_true(ethereum_address_equal(&signer, &key.address));
	}
}

static void assert_no_signer(const char *text, const char *why)
{
	struct ethereum_signature signature = signature_of(text);
	struct ethereum_address signer;
	struct problem problem = { 0 };
	struct hash hash;

	ethereum_message_hash(STR("Some data"), &hash);
	assert_int_equal(ethereum_recover(&hash, &signature, &signer, &problem),
			 ST_SIGNATURE_INVALID);
	if (!strstr(problem.detail, why))
		fail_msg("\"%s\" does not say \"%s\"", problem.detail, why);
}

/* [GTW-4] n - s with the other v is the same signature to the curve: it is refused */
static void a_signature_that_is_not_one_is_refused(void **state)
{
	(void)state;
	assert_no_signer("0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd"
			 "9ff818b327d1fc847ffe79bdd03d25e84d3a83f6c96bcfb1209f1b8bd795a1181b",
			 "upper half");
	assert_no_signer("0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd"
			 "6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291d",
			 "v is 29");
	assert_no_signer("0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd"
			 "6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a02902",
			 "v is 2");
	assert_no_signer("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
			 "6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c",
			 "not below the order");
	assert_no_signer("0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd"
			 "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd03641411c",
			 "not below the order");
	assert_no_signer("0x0000000000000000000000000000000000000000000000000000000000000000"
			 "6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c",
			 "no key");
	assert_no_signer("0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd"
			 "00000000000000000000000000000000000000000000000000000000000000001c",
			 "no key");
}

/* One bit of it, or of the message, changed: another signer or none. */
static void another_message_has_another_signer(void **state)
{
	struct ethereum_key key = key_of(secret_text);
	struct hash hash;

	(void)state;
	ethereum_message_hash(STR("Some data"), &hash);
	for (size_t bit = 0; bit < 8 * sizeof(hash.bytes); bit += 3) {
		struct ethereum_signature signature = signature_of(some_data_signature);
		struct ethereum_address signer;
		struct hash other = hash;
		other.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (ethereum_recover(&other, &signature, &signer, NULL) == ST_OK)
			assert_false(ethereum_address_equal(&signer, &key.address));
		signature.bytes[bit / 4] ^= (uint8_t)(1 << bit % 8);
		if (ethereum_recover(&hash, &signature, &signer, NULL) == ST_OK)
			assert_false(ethereum_address_equal(&signer, &key.address));
	}
}

static void texts_that_are_no_signature_are_refused(void **state)
{
	char text[ETHEREUM_SIGNATURE_TEXT_SIZE];
	struct ethereum_signature signature;

	(void)state;
	strcpy(text, some_data_signature);
	for (size_t size = 0; size < sizeof(text) - 1; size++)
		assert_int_equal(
			ethereum_signature_of_text((struct str){ text, size }, &signature, NULL),
			ST_SIGNATURE_INVALID);
	text[50] = 'g';
	assert_int_equal(ethereum_signature_of_text(str_of(text), &signature, NULL),
			 ST_SIGNATURE_INVALID);
	for (char *c = text + 2; *c; c++)
		*c = *c == 'g' ? '0' : (char)(*c >= 'a' ? *c - 32 : *c);
	assert_int_equal(ethereum_signature_of_text(str_of(text), &signature, NULL), ST_OK);
}

static void zero_and_the_order_are_no_keys(void **state)
{
	static const char *const texts[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
	};
	uint8_t secret[ETHEREUM_SECRET_BYTES];
	struct ethereum_key key;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(hex_decode(str_of(texts[i]), secret, sizeof(secret)), ST_OK);
		assert_int_equal(ethereum_key_of_secret(secret, &key), ST_MESSAGE_INVALID);
	}
	secret[31]--; /* the largest one */
	assert_int_equal(ethereum_key_of_secret(secret, &key), ST_OK);
}

static void a_key_file_is_its_owners_alone(void **state)
{
	char folder[] = "/tmp/piopl-ethereum-XXXXXX", path[64];
	struct ethereum_key key, again;
	struct problem problem = { 0 };
	struct stat info;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/wallet", folder);
	ethereum_key_generate(&key);
	assert_int_equal(ethereum_key_create(path, &key, &problem), ST_OK);
	assert_int_equal(ethereum_key_create(path, &key, &problem), ST_ALREADY_EXISTS);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_int_equal(ethereum_key_load(path, &again, &problem), ST_OK);
	assert_memory_equal(&again, &key, sizeof(key));
	chmod(path, 0640);
	assert_int_equal(ethereum_key_load(path, &again, &problem), ST_CONFIG_INVALID);
	ethereum_key_clear(&key);
	for (size_t i = 0; i < sizeof(key); i++)
		assert_int_equal(((uint8_t *)&key)[i], 0);
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keccak_gives_its_published_digests),
		cmocka_unit_test(keccak_takes_a_long_text),
		cmocka_unit_test(addresses_have_the_capitals_of_eip_55),
		cmocka_unit_test(a_wrong_address_is_refused),
		cmocka_unit_test(personal_sign_gives_the_published_signature),
		cmocka_unit_test(messages_of_every_length_come_back_to_their_signer),
		cmocka_unit_test(a_signature_that_is_not_one_is_refused),
		cmocka_unit_test(another_message_has_another_signer),
		cmocka_unit_test(texts_that_are_no_signature_are_refused),
		cmocka_unit_test(zero_and_the_order_are_no_keys),
		cmocka_unit_test(a_key_file_is_its_owners_alone),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
