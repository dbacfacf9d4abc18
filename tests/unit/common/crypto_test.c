#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char folder[64];

static const char *file_path(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void file_put(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void hashes_are_those_of_fips_180(void **state)
{
	static const struct {
		const char *text, *hash;
	} cases[] = {
		{ "", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc",
		  "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "sha256:248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	char text[HASH_TEXT_SIZE];
	struct hash hash, back;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		sha256_of(cases[i].text, strlen(cases[i].text), &hash);
		hash_to_text(&hash, text);
		assert_string_equal(text, cases[i].hash);
		assert_int_equal(hash_of_text(str_of(text), &back), ST_OK);
		assert_true(hash_equal(&hash, &back));
	}
}

static void a_hash_does_not_depend_on_how_its_data_is_cut(void **state)
{
	struct sha256 running;
	struct hash whole, pieces;
	uint8_t data[1000];

	(void)state;
	random_bytes(data, sizeof(data));
	sha256_of(data, sizeof(data), &whole);
	for (size_t step = 1; step < 200; step++) {
		sha256_init(&running);
		for (size_t at = 0; at < sizeof(data); at += step)
			sha256_add(&running, data + at,
				   at + step < sizeof(data) ? step : sizeof(data) - at);
		sha256_final(&running, &pieces);
		assert_true(hash_equal(&whole, &pieces));
	}
}

static void a_length_prefix_is_four_bytes_big_endian(void **state)
{
	struct sha256 running;
	struct hash prefixed, plain;
	char big[70000];

	(void)state;
	memset(big, 'x', sizeof(big));
	sha256_init(&running);
	sha256_add_prefixed(&running, STR("abc"));
	sha256_add_prefixed(&running, (struct str){ 0 });
	sha256_add_prefixed(&running, (struct str){ big, sizeof(big) });
	sha256_final(&running, &prefixed);
	sha256_init(&running);
	sha256_add(&running, "\0\0\0\3abc\0\0\0\0\0\1\x11\x70", 15);
	sha256_add(&running, big, sizeof(big));
	sha256_final(&running, &plain);
	assert_true(hash_equal(&prefixed, &plain));
}

static void only_the_one_text_form_is_a_hash(void **state)
{
	char text[HASH_TEXT_SIZE + 1];
	struct hash hash = { { 7 } };

	(void)state;
	sha256_of("", 0, &hash);
	hash_to_text(&hash, text);
	for (size_t size = 0; size < HASH_TEXT_SIZE - 1; size++)
		assert_int_equal(hash_of_text((struct str){ text, size }, &hash),
				 ST_MESSAGE_INVALID);
	text[HASH_TEXT_SIZE - 1] = '0';
	assert_int_equal(hash_of_text((struct str){ text, HASH_TEXT_SIZE }, &hash),
			 ST_MESSAGE_INVALID);
	text[HASH_TEXT_SIZE - 1] = '\0';
	memcpy(text, "SHA256:", 7);
	assert_int_equal(hash_of_text(str_of(text), &hash), ST_MESSAGE_INVALID);
	memcpy(text, "sha256:E", 8);
	assert_int_equal(hash_of_text(str_of(text), &hash), ST_MESSAGE_INVALID);
	memcpy(text, "sha256:g", 8);
	assert_int_equal(hash_of_text(str_of(text), &hash), ST_MESSAGE_INVALID);
	memcpy(text, "sha256:e", 8);
	assert_int_equal(hash_of_text(str_of(text), &hash), ST_OK);
}

static void base64_is_that_of_rfc_4648(void **state)
{
	static const char *const cases[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xff\xfe\xfb", "//77" },
		{ "\xfb\xef\xbe", "++++" },
	};
	char text[32], back[32];
	size_t size;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(base64_encode(cases[i][0], strlen(cases[i][0]), text),
				 strlen(cases[i][1]));
		assert_string_equal(text, cases[i][1]);
		assert_int_equal(base64_decode(str_of(text), back, sizeof(back), &size), ST_OK);
		assert_int_equal(size, strlen(cases[i][0]));
		assert_memory_equal(back, cases[i][0], size);
	}
}

static void loose_base64_is_refused(void **state)
{
	static const char *const cases[] = {
		"Zg",   "Zg=",    "Zh==", /* unused bits */
		"Zm9=", "Zg==\n", " Zg==", "Z g==", "Zg==Zg==", "====",
		"Z",    "Zm9v=",  "Zm8==", "-_-_",  "Zm9v\n",   "Zg==a",
	};
	size_t size = 99;
	char back[32];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(base64_decode(str_of(cases[i]), back, sizeof(back), &size),
				 ST_MESSAGE_INVALID);
	assert_int_equal(size, 99);
	/* at the capacity and one past it */
	assert_int_equal(base64_decode(STR("Zm9v"), back, 3, &size), ST_OK);
	assert_int_equal(base64_decode(STR("Zm9vYg=="), back, 3, &size), ST_MESSAGE_INVALID);
	/* exact: as long, one shorter, one longer */
	memset(back, 0, sizeof(back));
	assert_int_equal(base64_decode_exact(STR("Zm8="), back, 3), ST_MESSAGE_INVALID);
	assert_int_equal(base64_decode_exact(STR("Zm9vYg=="), back, 3), ST_MESSAGE_INVALID);
	assert_int_equal(back[0], 0);
	assert_int_equal(base64_decode_exact(STR("Zm9v"), back, 3), ST_OK);
	assert_memory_equal(back, "foo", 4);
}

/* Every text of four characters with any byte in it either is the one form of its bytes or is
 * refused. */
static void no_two_base64_texts_stand_for_the_same_bytes(void **state)
{
	static const char *const bases[] = { "AbZ9", "+/09", "Zm8=", "Zg==", "aaaa" };
	char text[5], again[16];
	uint8_t bytes[3];
	size_t size;

	(void)state;
	for (size_t i = 0; i < COUNT(bases); i++) {
		for (int at = 0; at < 4 * 4; at++) {
			for (int two = 0; two < 256 * 256; two++) {
				memcpy(text, bases[i], sizeof(text));
				text[at / 4] = (char)(two & 255);
				text[at % 4] = (char)(two >> 8);
				if (base64_decode((struct str){ text, 4 }, bytes, sizeof(bytes),
						  &size) != ST_OK)
					continue;
				assert_int_equal(base64_encode(bytes, size, again), 4);
				assert_memory_equal(again, text, 4);
			}
		}
	}
}

static void hex_comes_back_and_upper_case_is_refused(void **state)
{
	uint8_t bytes[256], back[256];
	char text[HEX_SIZE(256)];

	(void)state;
	for (int i = 0; i < 256; i++)
		bytes[i] = (uint8_t)i;
	hex_encode(bytes, sizeof(bytes), text);
	assert_memory_equal(text, "000102", 6);
	assert_string_equal(text + 508, "feff");
	assert_int_equal(hex_decode(str_of(text), back, sizeof(back)), ST_OK);
	assert_memory_equal(bytes, back, sizeof(bytes));
	assert_int_equal(hex_decode(STR("0A"), back, 1), ST_MESSAGE_INVALID);
	assert_int_equal(hex_decode(STR("0"), back, 1), ST_MESSAGE_INVALID);
	assert_int_equal(hex_decode(STR("000"), back, 1), ST_MESSAGE_INVALID);
	assert_int_equal(hex_decode(STR("g0"), back, 1), ST_MESSAGE_INVALID);
}

static void signatures_are_those_of_rfc_8032(void **state)
{
	static const struct {
		const char *seed, *public_key, *message, *signature;
	} cases[] = {
		{ "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
		  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
		  "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
		{ "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
		  "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "\x72",
		  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e"
		  "458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
	};
	uint8_t seed[SEED_BYTES], signature[SIGNATURE_BYTES];
	char text[HEX_SIZE(SIGNATURE_BYTES)];
	struct signing_key key;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(hex_decode(str_of(cases[i].seed), seed, sizeof(seed)), ST_OK);
		signing_key_of_seed(seed, &key);
		hex_encode(key.public_key, PUBLIC_KEY_BYTES, text);
		assert_string_equal(text, cases[i].public_key);
		sign_bytes(&key, str_of(cases[i].message), signature);
		hex_encode(signature, sizeof(signature), text);
		assert_string_equal(text, cases[i].signature);
		assert_int_equal(verify_bytes(key.public_key, str_of(cases[i].message), signature),
				 ST_OK);
	}
}

static void a_key_id_is_the_start_of_the_hash_of_the_key(void **state)
{
	struct signing_key key;
	struct hash hash;
	char text[HASH_TEXT_SIZE];

	(void)state;
	signing_key_generate(&key);
	sha256_of(key.public_key, PUBLIC_KEY_BYTES, &hash);
	hash_to_text(&hash, text);
	assert_memory_equal(key.key_id, "key_", 4);
	assert_memory_equal(key.key_id + 4, text + 7, 16);
	assert_int_equal(strlen(key.key_id), 20);
	assert_true(key_id_is_valid(str_of(key.key_id)));
	assert_false(key_id_is_valid(STR("key_0123456789abcde")));
	assert_false(key_id_is_valid(STR("key_0123456789abcdef0")));
	assert_false(key_id_is_valid(STR("key_0123456789abcdeF")));
	assert_false(key_id_is_valid(STR("kex_0123456789abcdef")));
}

static void every_changed_bit_of_a_signature_is_refused(void **state)
{
	uint8_t signature[SIGNATURE_BYTES];
	struct signing_key key, other;

	(void)state;
	signing_key_generate(&key);
	signing_key_generate(&other);
	assert_int_equal(sign_purpose(&key, "piopl/test/v1", STR("payload"), signature), ST_OK);
	assert_int_equal(verify_purpose(key.public_key, "piopl/test/v1", STR("payload"), signature),
			 ST_OK);
	assert_int_equal(
		verify_purpose(other.public_key, "piopl/test/v1", STR("payload"), signature),
		ST_SIGNATURE_INVALID);
	assert_int_equal(verify_purpose(key.public_key, "piopl/test/v1", STR("payloae"), signature),
			 ST_SIGNATURE_INVALID);
	for (int bit = 0; bit < SIGNATURE_BYTES * 8; bit++) {
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(
			verify_purpose(key.public_key, "piopl/test/v1", STR("payload"), signature),
			ST_SIGNATURE_INVALID);
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

/* Adds the group's order to s: the same signature for a verifier that does not look. */
static void a_second_form_of_a_signature_is_refused(void **state)
{
	static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
					   0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
					   0,    0,    0,    0,    0,    0,    0,    0,
					   0,    0,    0,    0,    0,    0,    0,    0x10 };
	uint8_t signature[SIGNATURE_BYTES];
	struct signing_key key;
	unsigned int carry = 0;

	(void)state;
	signing_key_generate(&key);
	sign_bytes(&key, STR("once"), signature);
	for (int i = 0; i < 32; i++) {
		carry += (unsigned int)signature[32 + i] + order[i];
		signature[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	assert_int_equal(verify_bytes(key.public_key, STR("once"), signature),
			 ST_SIGNATURE_INVALID);
}

static void keys_of_small_order_are_refused(void **state)
{
	static const char *const points[] = {
		"0100000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* not reduced
										     */
		"0200000000000000000000000000000000000000000000000000000000000000", /* off it */
	};
	uint8_t key[PUBLIC_KEY_BYTES], signature[SIGNATURE_BYTES] = { 1 };

	(void)state;
	for (size_t i = 0; i < COUNT(points); i++) {
		assert_int_equal(hex_decode(str_of(points[i]), key, sizeof(key)), ST_OK);
		assert_false(public_key_is_valid(key));
		/* R the neutral element and s = 0 holds for a small key under a loose check */
		assert_int_equal(verify_bytes(key, STR("anything"), signature),
				 ST_SIGNATURE_INVALID);
	}
}

static void a_signature_for_one_purpose_is_none_for_another(void **state)
{
	uint8_t signature[SIGNATURE_BYTES];
	struct signing_key key;

	(void)state;
	signing_key_generate(&key);
	assert_int_equal(sign_purpose(&key, "piopl/vote/v1", STR("yes"), signature), ST_OK);
	assert_int_equal(verify_purpose(key.public_key, "piopl/vote/v2", STR("yes"), signature),
			 ST_SIGNATURE_INVALID);
	assert_int_equal(
		verify_purpose(key.public_key, "piopl/kill-order/v1", STR("yes"), signature),
		ST_SIGNATURE_INVALID);
	assert_int_equal(verify_bytes(key.public_key, STR("yes"), signature), ST_SIGNATURE_INVALID);
	assert_int_equal(verify_bytes(key.public_key, STR("piopl/vote/v1\nyes"), signature), ST_OK);
}

static void a_purpose_has_one_shape(void **state)
{
	static const char *const wrong[] = {
		"",
		"piopl/vote",
		"piopl/vote/1",
		"piopl/vote/v",
		"piopl/vote/v0",
		"piopl/vote/v01",
		"piopl//v1",
		"piopl/Vote/v1",
		"piopl/vote/v1 ",
		"piopl/a/b/v1",
		"other/vote/v1",
		"piopl/vote/v-1",
		"piopl/vote\n/v1",
		"piopl/vote/v1\n",
		"piopl/vo te/v1",
	};
	char longest[PURPOSE_BYTES_MAX + 2];

	(void)state;
	assert_true(purpose_is_valid(STR("piopl/kill-order/v1")));
	assert_true(purpose_is_valid(STR("piopl/a2a/v12")));
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_false(purpose_is_valid(str_of(wrong[i])));
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "piopl/", 6);
	memcpy(longest + PURPOSE_BYTES_MAX - 3, "/v1", 3);
	assert_true(purpose_is_valid((struct str){ longest, PURPOSE_BYTES_MAX }));
	memcpy(longest + PURPOSE_BYTES_MAX - 3, "a/v1", 4);
	assert_false(purpose_is_valid((struct str){ longest, PURPOSE_BYTES_MAX + 1 }));
}

static void payloads_of_every_size_up_to_the_limit_are_signed(void **state)
{
	static const size_t sizes[] = { 0,
					1,
					CRYPTO_STACK_BYTES - 15,
					CRYPTO_STACK_BYTES - 14,
					CRYPTO_STACK_BYTES - 13,
					CRYPTO_STACK_BYTES,
					SIGN_PAYLOAD_BYTES_MAX };
	char *payload = calloc(1, SIGN_PAYLOAD_BYTES_MAX + 1);
	uint8_t signature[SIGNATURE_BYTES] = { 0 }, zero[SIGNATURE_BYTES] = { 0 };
	struct signing_key key;

	(void)state;
	assert_non_null(payload);
	signing_key_generate(&key);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct str text = { payload, sizes[i] };

		assert_int_equal(sign_purpose(&key, "piopl/test/v1", text, signature), ST_OK);
		assert_int_equal(verify_purpose(key.public_key, "piopl/test/v1", text, signature),
				 ST_OK);
	}
	memset(signature, 0, sizeof(signature));
	assert_int_equal(sign_purpose(&key, "piopl/test/v1",
				      (struct str){ payload, SIGN_PAYLOAD_BYTES_MAX + 1 },
				      signature),
			 ST_TOO_LARGE);
	assert_memory_equal(signature, zero, sizeof(zero));
	assert_int_equal(verify_purpose(key.public_key, "piopl/test/v1",
					(struct str){ payload, SIGN_PAYLOAD_BYTES_MAX + 1 },
					signature),
			 ST_TOO_LARGE);
	free(payload);
}

/* [PLT-13] */
static void a_key_file_is_made_for_its_owner_alone_and_read_back(void **state)
{
	const char *path = file_path("a.key");
	struct signing_key key, back;
	struct problem problem;
	struct stat info;
	mode_t mask = umask(0);

	(void)state;
	signing_key_generate(&key);
	assert_int_equal(signing_key_create(path, &key, &problem), ST_OK);
	umask(mask);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(info.st_size, 45);
	assert_int_equal(signing_key_load(path, &back, &problem), ST_OK);
	assert_memory_equal(&key, &back, sizeof(key));
	/* not replaced */
	signing_key_generate(&back);
	assert_int_equal(signing_key_create(path, &back, &problem), ST_ALREADY_EXISTS);
	assert_int_equal(signing_key_load(path, &back, &problem), ST_OK);
	assert_memory_equal(&key, &back, sizeof(key));
	signing_key_clear(&key);
	for (size_t i = 0; i < sizeof(key); i++)
		assert_int_equal(((const uint8_t *)&key)[i], 0);
}

static void a_key_file_others_could_use_is_refused(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0610, 0601, 0666 };
	const char *path = file_path("wide.key");
	struct problem problem;
	struct signing_key key;

	(void)state;
	file_put(path, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 0600);
	assert_int_equal(signing_key_load(path, &key, &problem), ST_OK);
	assert_int_equal(chmod(path, 0400), 0);
	assert_int_equal(signing_key_load(path, &key, &problem), ST_OK);
	for (size_t i = 0; i < COUNT(modes); i++) {
		assert_int_equal(chmod(path, modes[i]), 0);
		assert_int_equal(signing_key_load(path, &key, &problem), ST_CONFIG_INVALID);
		assert_non_null(strstr(problem.detail, path));
		assert_non_null(strstr(problem.hint, "chmod 600"));
	}
	assert_int_equal(chmod(path, 0600), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 65534, 65534), 0);
		assert_int_equal(signing_key_load(path, &key, &problem), ST_CONFIG_INVALID);
	}
}

static void a_key_file_with_anything_else_in_it_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= ",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nAAAA\n",
	};
	const char *path = file_path("bad.key");
	struct problem problem;
	struct signing_key key;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		file_put(path, texts[i], 0600);
		assert_int_equal(signing_key_load(path, &key, &problem), ST_CONFIG_INVALID);
	}
	/* without its newline it is whole */
	file_put(path, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 0600);
	assert_int_equal(signing_key_load(path, &key, &problem), ST_OK);
	assert_int_equal(signing_key_load(file_path("none.key"), &key, &problem),
			 ST_CONFIG_INVALID);
	assert_int_equal(signing_key_load(folder, &key, &problem), ST_CONFIG_INVALID);
	/* a pipe, although a whole key waits in it */
	assert_int_equal(mkfifo(file_path("pipe.key"), 0600), 0);
	int pipe_fd = open(file_path("pipe.key"), O_RDWR | O_CLOEXEC);
	assert_int_equal(write(pipe_fd, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 45), 45);
	assert_int_equal(signing_key_load(file_path("pipe.key"), &key, &problem),
			 ST_CONFIG_INVALID);
	close(pipe_fd);
	assert_int_equal(signing_key_create(file_path("no/such/a.key"), &key, &problem),
			 ST_CONFIG_INVALID);
}

static void a_public_key_file_may_be_read_by_all_and_holds_a_point(void **state)
{
	const char *path = file_path("root.pub");
	char text[PUBLIC_KEY_TEXT_SIZE + 1];
	uint8_t back[PUBLIC_KEY_BYTES];
	struct problem problem;
	struct signing_key key;

	(void)state;
	signing_key_generate(&key);
	base64_encode(key.public_key, PUBLIC_KEY_BYTES, text);
	file_put(path, text, 0644);
	assert_int_equal(public_key_load(path, back, &problem), ST_OK);
	assert_memory_equal(back, key.public_key, sizeof(back));
	file_put(path, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 0644);
	assert_int_equal(public_key_load(path, back, &problem), ST_CONFIG_INVALID);
	assert_memory_equal(back, key.public_key, sizeof(back));
}

/* A purpose of another shape is our bug: the process ends. */
static void signing_for_no_purpose_ends_the_process(void **state)
{
	uint8_t signature[SIGNATURE_BYTES];
	struct signing_key key;
	int status;
	pid_t child;

	(void)state;
	signing_key_generate(&key);
	child = fork();
	if (child == 0) {
		signal(SIGABRT, SIG_DFL);
		if (!freopen("/dev/null", "w", stderr))
			_exit(3);
		_exit(sign_purpose(&key, "free text", STR(""), signature) == ST_OK ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

static void bytes_are_compared_and_wiped(void **state)
{
	uint8_t a[4] = { 1, 2, 3, 4 }, b[4] = { 1, 2, 3, 4 };

	(void)state;
	assert_true(bytes_equal(a, b, 4));
	assert_true(bytes_equal(NULL, NULL, 0));
	b[3] = 5;
	assert_false(bytes_equal(a, b, 4));
	assert_true(bytes_equal(a, b, 3));
	bytes_wipe(a, sizeof(a));
	assert_memory_equal(a, "\0\0\0\0", 4);
}

static int folder_make(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/crypto_test.XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int folder_remove(void **state)
{
	static const char *const names[] = { "a.key", "wide.key", "bad.key", "pipe.key",
					     "root.pub" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		unlink(file_path(names[i]));
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_are_those_of_fips_180),
		cmocka_unit_test(a_hash_does_not_depend_on_how_its_data_is_cut),
		cmocka_unit_test(a_length_prefix_is_four_bytes_big_endian),
		cmocka_unit_test(only_the_one_text_form_is_a_hash),
		cmocka_unit_test(base64_is_that_of_rfc_4648),
		cmocka_unit_test(loose_base64_is_refused),
		cmocka_unit_test(no_two_base64_texts_stand_for_the_same_bytes),
		cmocka_unit_test(hex_comes_back_and_upper_case_is_refused),
		cmocka_unit_test(signatures_are_those_of_rfc_8032),
		cmocka_unit_test(a_key_id_is_the_start_of_the_hash_of_the_key),
		cmocka_unit_test(every_changed_bit_of_a_signature_is_refused),
		cmocka_unit_test(a_second_form_of_a_signature_is_refused),
		cmocka_unit_test(keys_of_small_order_are_refused),
		cmocka_unit_test(a_signature_for_one_purpose_is_none_for_another),
		cmocka_unit_test(a_purpose_has_one_shape),
		cmocka_unit_test(payloads_of_every_size_up_to_the_limit_are_signed),
		cmocka_unit_test(a_key_file_is_made_for_its_owner_alone_and_read_back),
		cmocka_unit_test(a_key_file_others_could_use_is_refused),
		cmocka_unit_test(a_key_file_with_anything_else_in_it_is_refused),
		cmocka_unit_test(a_public_key_file_may_be_read_by_all_and_holds_a_point),
		cmocka_unit_test(signing_for_no_purpose_ends_the_process),
		cmocka_unit_test(bytes_are_compared_and_wiped),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
