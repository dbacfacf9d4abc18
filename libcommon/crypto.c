/* Hashes, text forms of bytes, Ed25519 and key files. What is signed and in which form lives with
 * its format: batch.c, note.c, keyring.c. */
#define OPENSSL_SUPPRESS_DEPRECATED /* EVP costs 50 ns more a hash, which is half of a node's */
#include "crypto.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_LINE_SIZE 45 /* base64 of 32 bytes and a newline */
#define BASE64_EXACT_BYTES_MAX 256

static_assert(sizeof(struct sha256) == sizeof(SHA256_CTX), "the state is OpenSSL's");
static_assert(_Alignof(struct sha256) >= _Alignof(SHA256_CTX), "and aligned like it");
static_assert(HASH_BYTES == SHA256_DIGEST_LENGTH, "one size of hash");
static_assert(SEED_BYTES == crypto_sign_SEEDBYTES, "sizes of Ed25519");
static_assert(SECRET_KEY_BYTES == crypto_sign_SECRETKEYBYTES, "sizes of Ed25519");
static_assert(SIGNATURE_BYTES == crypto_sign_BYTES, "sizes of Ed25519");
static_assert(KEY_LINE_SIZE == BASE64_SIZE(SEED_BYTES), "a newline in place of the NUL");

void crypto_init(void)
{
	int started = sodium_init();

	ASSERT(started >= 0);
}

bool bytes_equal(const void *a, const void *b, size_t size)
{
	return size == 0 || sodium_memcmp(a, b, size) == 0;
}

void bytes_wipe(void *bytes, size_t size)
{
	if (size)
		sodium_memzero(bytes, size);
}

/* SHA-256 */

void sha256_init(struct sha256 *state)
{
	SHA256_Init((SHA256_CTX *)state);
}

void sha256_add(struct sha256 *state, const void *data, size_t size)
{
	if (size)
		SHA256_Update((SHA256_CTX *)state, data, size);
}

void sha256_add_prefixed(struct sha256 *state, struct str s)
{
	uint8_t prefix[4];

	ASSERT(s.size <= UINT32_MAX);
	for (int i = 0; i < 4; i++)
		prefix[i] = (uint8_t)(s.size >> (24 - 8 * i));
	sha256_add(state, prefix, sizeof(prefix));
	sha256_add(state, s.data, s.size);
}

void sha256_final(struct sha256 *state, struct hash *ret)
{
	SHA256_Final(ret->bytes, (SHA256_CTX *)state);
}

void sha256_of(const void *data, size_t size, struct hash *ret)
{
	struct sha256 state;

	sha256_init(&state);
	sha256_add(&state, data, size);
	sha256_final(&state, ret);
}

bool hash_equal(const struct hash *a, const struct hash *b)
{
	return memcmp(a->bytes, b->bytes, HASH_BYTES) == 0;
}

void hash_to_text(const struct hash *hash, char ret[HASH_TEXT_SIZE])
{
	memcpy(ret, "sha256:", 7);
	hex_encode(hash->bytes, HASH_BYTES, ret + 7);
}

enum st hash_of_text(struct str text, struct hash *ret)
{
	if (text.size != HASH_TEXT_SIZE - 1 || !str_starts(text, "sha256:"))
		return ST_MESSAGE_INVALID;
	return hex_decode((struct str){ text.data + 7, text.size - 7 }, ret->bytes, HASH_BYTES);
}

/* Text forms */

void hex_encode(const void *bytes, size_t size, char *ret)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *in = bytes;

	for (size_t i = 0; i < size; i++) {
		ret[2 * i] = digits[in[i] >> 4];
		ret[2 * i + 1] = digits[in[i] & 15];
	}
	ret[2 * size] = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

enum st hex_decode(struct str text, void *ret, size_t size)
{
	uint8_t *out = ret;

	if (text.size != 2 * size)
		return ST_MESSAGE_INVALID;
	for (size_t i = 0; i < text.size; i++) {
		if (hex_digit(text.data[i]) < 0)
			return ST_MESSAGE_INVALID;
	}
	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)(hex_digit(text.data[2 * i]) << 4 |
				   hex_digit(text.data[2 * i + 1]));
	return ST_OK;
}

/* Base64 is our own: libsodium 1.0.18 takes some bytes past 0x7f for digits, so that two texts
 * would stand for the same bytes, and takes five times as long; OpenSSL's skips white space. */
static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* One more than the digit's value; 0 is no digit. */
static const uint8_t base64_values[256] = {
	['A'] = 1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,         12,         13,
	['N'] = 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,         25,         26,
	['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37,         38,         39,
	['n'] = 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50,         51,         52,
	['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, ['+'] = 63, ['/'] = 64,
};

size_t base64_encode(const void *bytes, size_t size, char *ret)
{
	const uint8_t *in = bytes;
	char *out = ret;

	for (; size >= 3; size -= 3, in += 3) {
		uint32_t word = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];

		*out++ = base64_digits[word >> 18];
		*out++ = base64_digits[word >> 12 & 63];
		*out++ = base64_digits[word >> 6 & 63];
		*out++ = base64_digits[word & 63];
	}
	if (size > 0) {
		uint32_t word = (uint32_t)in[0] << 16 | (size > 1 ? (uint32_t)in[1] << 8 : 0);

		*out++ = base64_digits[word >> 18];
		*out++ = base64_digits[word >> 12 & 63];
		*out++ = size > 1 ? base64_digits[word >> 6 & 63] : '=';
		*out++ = '=';
	}
	*out = '\0';
	return (size_t)(out - ret);
}

/* Four digits into 24 bits; false when one is none. */
static bool base64_word(const char digits[4], uint32_t *ret)
{
	uint32_t a = base64_values[(uint8_t)digits[0]], b = base64_values[(uint8_t)digits[1]];
	uint32_t c = base64_values[(uint8_t)digits[2]], d = base64_values[(uint8_t)digits[3]];

	*ret = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
	return a != 0 && b != 0 && c != 0 && d != 0;
}

/* The last four characters, with one or two of padding; the bits they do not use are zero. */
static bool base64_tail(const char digits[4], size_t padding, uint8_t *ret)
{
	char whole[4] = { digits[0], digits[1], padding == 2 ? 'A' : digits[2], 'A' };
	uint32_t word;

	if (!base64_word(whole, &word) || (word & (padding == 2 ? 0xffff : 0xff)) != 0)
		return false;
	ret[0] = (uint8_t)(word >> 16);
	if (padding == 1)
		ret[1] = (uint8_t)(word >> 8);
	return true;
}

enum st base64_decode(struct str text, void *ret, size_t capacity, size_t *ret_size)
{
	uint8_t *out = ret;
	size_t padding = 0, quads = text.size / 4;
	uint32_t word;

	if (text.size % 4 != 0)
		return ST_MESSAGE_INVALID;
	if (quads > 0 && text.data[text.size - 1] == '=')
		padding = text.data[text.size - 2] == '=' ? 2 : 1;
	if (quads * 3 - padding > capacity)
		return ST_MESSAGE_INVALID;
	for (size_t i = 0; i < quads - (padding > 0 ? 1 : 0); i++) {
		if (!base64_word(text.data + 4 * i, &word))
			return ST_MESSAGE_INVALID;
		*out++ = (uint8_t)(word >> 16);
		*out++ = (uint8_t)(word >> 8);
		*out++ = (uint8_t)word;
	}
	if (padding > 0 && !base64_tail(text.data + text.size - 4, padding, out))
		return ST_MESSAGE_INVALID;
	*ret_size = quads * 3 - padding;
	return ST_OK;
}

enum st base64_decode_exact(struct str text, void *ret, size_t size)
{
	uint8_t bytes[BASE64_EXACT_BYTES_MAX];
	size_t got;

	ASSERT(size <= sizeof(bytes));
	if (text.size != BASE64_SIZE(size) - 1)
		return ST_MESSAGE_INVALID;
	TRY(base64_decode(text, bytes, sizeof(bytes), &got));
	if (got != size)
		return ST_MESSAGE_INVALID;
	memcpy(ret, bytes, size);
	bytes_wipe(bytes, size);
	return ST_OK;
}

/* Keys */

void signing_key_of_seed(const uint8_t seed[SEED_BYTES], struct signing_key *ret)
{
	crypto_sign_seed_keypair(ret->public_key, ret->secret, seed);
	key_id_of(ret->public_key, ret->key_id);
}

void signing_key_generate(struct signing_key *ret)
{
	uint8_t seed[SEED_BYTES];

	random_bytes(seed, sizeof(seed));
	signing_key_of_seed(seed, ret);
	bytes_wipe(seed, sizeof(seed));
}

void signing_key_clear(struct signing_key *key)
{
	bytes_wipe(key, sizeof(*key));
}

void key_id_of(const uint8_t public_key[PUBLIC_KEY_BYTES], char ret[KEY_ID_SIZE])
{
	struct hash hash;

	sha256_of(public_key, PUBLIC_KEY_BYTES, &hash);
	memcpy(ret, "key_", 4);
	hex_encode(hash.bytes, 8, ret + 4);
}

bool key_id_is_valid(struct str text)
{
	uint8_t bytes[8];

	return text.size == KEY_ID_SIZE - 1 && str_starts(text, "key_") &&
	       hex_decode((struct str){ text.data + 4, text.size - 4 }, bytes, sizeof(bytes)) ==
		       ST_OK;
}

bool public_key_is_valid(const uint8_t public_key[PUBLIC_KEY_BYTES])
{
	return crypto_core_ed25519_is_valid_point(public_key) == 1;
}

/* Signatures */

bool purpose_is_valid(struct str purpose)
{
	struct str rest, name, version;
	int64_t number;

	if (purpose.size > PURPOSE_BYTES_MAX || !str_starts(purpose, "piopl/"))
		return false;
	rest = (struct str){ purpose.data + 6, purpose.size - 6 };
	if (!str_cut(rest, '/', &name, &version) || name.size == 0)
		return false;
	for (size_t i = 0; i < name.size; i++) {
		char c = name.data[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
			return false;
	}
	return str_starts(version, "v") &&
	       str_to_i64((struct str){ version.data + 1, version.size - 1 }, &number) &&
	       number > 0;
}

void sign_bytes(const struct signing_key *key, struct str message, uint8_t ret[SIGNATURE_BYTES])
{
	crypto_sign_detached(ret, NULL, (const uint8_t *)message.data, message.size, key->secret);
}

enum st verify_bytes(const uint8_t public_key[PUBLIC_KEY_BYTES], struct str message,
		     const uint8_t signature[SIGNATURE_BYTES])
{
	return crypto_sign_verify_detached(signature, (const uint8_t *)message.data, message.size,
					   public_key) == 0
		       ? ST_OK
		       : ST_SIGNATURE_INVALID;
}

/* Purpose, newline and payload in one piece, which Ed25519 needs because it reads its message twice
 * (and libsodium's takes it whole). The copy is a hundredth of what hashing it costs. */
struct signed_text {
	char stack[CRYPTO_STACK_BYTES];
	char *heap;
	struct str text;
};

static enum st signed_text_make(const char *purpose, struct str payload, struct signed_text *ret)
{
	size_t purpose_size = strlen(purpose), size = purpose_size + 1 + payload.size;
	char *at = ret->stack;

	ASSERT(purpose_is_valid(str_of(purpose)));
	ret->heap = NULL;
	if (payload.size > SIGN_PAYLOAD_BYTES_MAX)
		return ST_TOO_LARGE;
	if (size > sizeof(ret->stack)) {
		ret->heap = malloc(size);
		if (!ret->heap)
			return ST_NO_MEMORY;
		at = ret->heap;
	}
	memcpy(at, purpose, purpose_size);
	at[purpose_size] = '\n';
	if (payload.size)
		memcpy(at + purpose_size + 1, payload.data, payload.size);
	ret->text = (struct str){ at, size };
	return ST_OK;
}

enum st sign_purpose(const struct signing_key *key, const char *purpose, struct str payload,
		     uint8_t ret[SIGNATURE_BYTES])
{
	struct signed_text text;

	TRY(signed_text_make(purpose, payload, &text));
	sign_bytes(key, text.text, ret);
	free(text.heap);
	return ST_OK;
}

enum st verify_purpose(const uint8_t public_key[PUBLIC_KEY_BYTES], const char *purpose,
		       struct str payload, const uint8_t signature[SIGNATURE_BYTES])
{
	struct signed_text text;

	TRY(signed_text_make(purpose, payload, &text));
	enum st st = verify_bytes(public_key, text.text, signature);
	free(text.heap);
	return st;
}

/* Key files */

/* One line of base64 that is 32 bytes. The file is read through one descriptor, so what was checked
 * is what was read. */
static enum st key_line_read(const char *path, bool secret, uint8_t ret[SEED_BYTES],
			     struct problem *problem)
{
	char line[KEY_LINE_SIZE + 1];
	struct stat info;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return problem_set(problem, ST_CONFIG_INVALID, path,
				   "cannot open key file \"%s\": %s", path, strerror(errno));
	if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
		close(fd);
		return problem_set(problem, ST_CONFIG_INVALID, path,
				   "key file \"%s\" is not a regular file", path);
	}
	if (secret && ((info.st_mode & 077) != 0 || info.st_uid != geteuid())) {
		close(fd);
		problem_set(problem, ST_CONFIG_INVALID, path,
			    "key file \"%s\" has mode %03o and owner %u, others could use it", path,
			    (unsigned)info.st_mode & 0777, (unsigned)info.st_uid);
		problem_hint(problem, "chmod 600 \"%s\", and own it", path);
		return ST_CONFIG_INVALID;
	}
	ssize_t size = read(fd, line, sizeof(line));
	close(fd);
	if (size == KEY_LINE_SIZE && line[size - 1] == '\n')
		size--;
	enum st st =
		size == KEY_LINE_SIZE - 1
			? base64_decode_exact((struct str){ line, (size_t)size }, ret, SEED_BYTES)
			: ST_MESSAGE_INVALID;
	bytes_wipe(line, sizeof(line));
	if (st != ST_OK)
		return problem_set(problem, ST_CONFIG_INVALID, path,
				   "key file \"%s\" is not one line of the base64 of 32 bytes",
				   path);
	return ST_OK;
}

enum st signing_key_load(const char *path, struct signing_key *ret, struct problem *problem)
{
	uint8_t seed[SEED_BYTES];

	TRY(key_line_read(path, true, seed, problem));
	signing_key_of_seed(seed, ret);
	bytes_wipe(seed, sizeof(seed));
	return ST_OK;
}

enum st public_key_load(const char *path, uint8_t ret[PUBLIC_KEY_BYTES], struct problem *problem)
{
	uint8_t key[PUBLIC_KEY_BYTES];

	TRY(key_line_read(path, false, key, problem));
	if (!public_key_is_valid(key))
		return problem_set(problem, ST_CONFIG_INVALID, path,
				   "\"%s\" does not hold an Ed25519 public key", path);
	memcpy(ret, key, sizeof(key));
	return ST_OK;
}

enum st signing_key_create(const char *path, const struct signing_key *key, struct problem *problem)
{
	char line[KEY_LINE_SIZE];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno == EEXIST)
		return problem_set(problem, ST_ALREADY_EXISTS, path,
				   "key file \"%s\" exists and is not replaced", path);
	if (fd < 0)
		return problem_set(problem, ST_CONFIG_INVALID, path,
				   "cannot create key file \"%s\": %s", path, strerror(errno));
	base64_encode(key->secret, SEED_BYTES, line);
	line[KEY_LINE_SIZE - 1] = '\n';
	/* The mode again, because a strange umask could have taken the owner's own rights. */
	bool written = fchmod(fd, 0600) == 0 &&
		       write(fd, line, sizeof(line)) == (ssize_t)sizeof(line) && fsync(fd) == 0;
	int error = errno;
	bytes_wipe(line, sizeof(line));
	if (close(fd) == 0 && written)
		return ST_OK;
	unlink(path);
	return problem_set(problem, error == ENOSPC ? ST_DISK_FULL : ST_UNAVAILABLE, path,
			   "cannot write key file \"%s\": %s", path, strerror(error));
}
