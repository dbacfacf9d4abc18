/* crypto.h: hashes, signatures, text forms of bytes. SHA-256 is OpenSSL's (it uses the CPU's SHA
 * instructions, libsodium's does not: 350 ns against 2 us for 600 bytes); Ed25519 is libsodium's
 * (verify 37 us against OpenSSL's 64, and it refuses small-order keys and non-canonical values).
 * Nothing here keeps state or allocates, but for signing payloads past CRYPTO_STACK_BYTES. */
#ifndef PIOPL_CRYPTO_H
#define PIOPL_CRYPTO_H

#include "id.h" /* random_bytes */
#include "st.h"

#define HASH_BYTES 32
#define HASH_TEXT_SIZE (sizeof("sha256:") + 64) /* with the NUL */
#define PUBLIC_KEY_BYTES 32
#define SECRET_KEY_BYTES 64
#define SEED_BYTES 32
#define SIGNATURE_BYTES 64
#define SIGNATURE_TEXT_SIZE 89  /* base64 and a NUL */
#define PUBLIC_KEY_TEXT_SIZE 45 /* base64 and a NUL */
#define KEY_ID_SIZE 21          /* "key_", 16 hex digits, NUL */
#define PURPOSE_BYTES_MAX 64
#define SIGN_PAYLOAD_BYTES_MAX (1024 * 1024)
#define CRYPTO_STACK_BYTES 4096

#define BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1) /* with the NUL */
#define HEX_SIZE(n) ((n)*2 + 1)                /* with the NUL */

/* Once, at the start of the process; again is harmless. Asserts when the system has no randomness.
 */
void crypto_init(void);
/* True when equal; its time depends on `size` only. */
bool bytes_equal(const void *a, const void *b, size_t size);
void bytes_wipe(void *bytes, size_t size);

struct hash {
	uint8_t bytes[HASH_BYTES];
};

/* SHA-256, piece by piece. After sha256_final the state is spent; sha256_init starts again. */
struct sha256 {
	uint32_t opaque[28];
};

void sha256_init(struct sha256 *state);
void sha256_add(struct sha256 *state, const void *data, size_t size);
/* 4 bytes big-endian length, then the bytes; `s` is shorter than 4 GiB (asserted). */
void sha256_add_prefixed(struct sha256 *state, struct str s);
void sha256_final(struct sha256 *state, struct hash *ret);
void sha256_of(const void *data, size_t size, struct hash *ret);

bool hash_equal(const struct hash *a, const struct hash *b);
/* "sha256:<64 lower-case hex digits>" */
void hash_to_text(const struct hash *hash, char ret[HASH_TEXT_SIZE]);
/* ST_MESSAGE_INVALID for anything else, upper case included. */
MUST_CHECK enum st hash_of_text(struct str text, struct hash *ret);

/* Lower-case hex. `ret` holds HEX_SIZE(size). */
void hex_encode(const void *bytes, size_t size, char *ret);
/* Exactly `size` bytes of lower-case hex, else ST_MESSAGE_INVALID. */
MUST_CHECK enum st hex_decode(struct str text, void *ret, size_t size);

/* Base64, standard alphabet, padded. `ret` holds BASE64_SIZE(size). Returns the text's length. */
size_t base64_encode(const void *bytes, size_t size, char *ret);
/* Strict: whole text, padding present, unused bits zero, no white space. ST_MESSAGE_INVALID when it
 * is not base64 or decodes to more than `capacity`; `ret` may be partly written then. */
MUST_CHECK enum st base64_decode(struct str text, void *ret, size_t capacity, size_t *ret_size);
/* The same, and exactly `size` bytes; `ret` is untouched on failure. `size` is at most 256. */
MUST_CHECK enum st base64_decode_exact(struct str text, void *ret, size_t size);

/* An Ed25519 key pair. Clear it when done. */
struct signing_key {
	uint8_t secret[SECRET_KEY_BYTES];
	uint8_t public_key[PUBLIC_KEY_BYTES];
	char key_id[KEY_ID_SIZE];
};

void signing_key_generate(struct signing_key *ret);
void signing_key_of_seed(const uint8_t seed[SEED_BYTES], struct signing_key *ret);
void signing_key_clear(struct signing_key *key);
/* "key_" and the first 16 hex digits of SHA-256(public key). */
void key_id_of(const uint8_t public_key[PUBLIC_KEY_BYTES], char ret[KEY_ID_SIZE]);
bool key_id_is_valid(struct str text);
/* Not of small order, canonical, on the curve's main subgroup. */
bool public_key_is_valid(const uint8_t public_key[PUBLIC_KEY_BYTES]);

/* A key file is one line: the base64 of the 32-byte seed. Loading refuses (ST_CONFIG_INVALID, the
 * problem names the file) a file that is missing, is not regular, belongs to another user, can be
 * read or written by group or others, or holds anything else. */
MUST_CHECK enum st signing_key_load(const char *path, struct signing_key *ret,
				    struct problem *problem);
/* Creates with mode 600 and syncs; ST_ALREADY_EXISTS rather than replace. */
MUST_CHECK enum st signing_key_create(const char *path, const struct signing_key *key,
				      struct problem *problem);

/* One line of base64, 32 bytes, a valid key. ST_CONFIG_INVALID, the problem names the file. */
MUST_CHECK enum st public_key_load(const char *path, uint8_t ret[PUBLIC_KEY_BYTES],
				   struct problem *problem);

/* Signatures are over `<purpose>\n` || payload, so that none can pass as another. A purpose is
 * `piopl/<lower-case words and dashes>/v<number>`; another shape is our bug (asserted).
 * ST_TOO_LARGE past SIGN_PAYLOAD_BYTES_MAX, ST_NO_MEMORY, ST_SIGNATURE_INVALID. */
bool purpose_is_valid(struct str purpose);
MUST_CHECK enum st sign_purpose(const struct signing_key *key, const char *purpose,
				struct str payload, uint8_t ret[SIGNATURE_BYTES]);
MUST_CHECK enum st verify_purpose(const uint8_t public_key[PUBLIC_KEY_BYTES], const char *purpose,
				  struct str payload, const uint8_t signature[SIGNATURE_BYTES]);
/* The bare bytes, for formats whose first line is no purpose of ours (C2SP notes, nkeys). */
void sign_bytes(const struct signing_key *key, struct str message, uint8_t ret[SIGNATURE_BYTES]);
MUST_CHECK enum st verify_bytes(const uint8_t public_key[PUBLIC_KEY_BYTES], struct str message,
				const uint8_t signature[SIGNATURE_BYTES]);

#endif
