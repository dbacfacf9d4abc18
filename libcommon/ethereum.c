/* ethereum.c: Keccak-256, addresses, personal_sign, recovery. */
#include "ethereum.h"

#include <nettle/sha3.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <stdio.h>

#define KECCAK_RATE 136 /* bytes taken in between two permutations, for a digest of 256 bits */
#define LANE_BYTES 8
#define MESSAGE_PREFIX                                                                             \
	"\x19"                                                                                     \
	"Ethereum Signed Message:\n"
#define V_OFFSET 27 /* what wallets add to the recovery id */

/* ---- Keccak-256 ---- */

struct keccak {
	struct sha3_state state;
	uint8_t block[KECCAK_RATE];
	size_t fill;
};

static void keccak_absorb(struct keccak *keccak)
{
	for (size_t i = 0; i < KECCAK_RATE; i++)
		keccak->state.a[i / LANE_BYTES] ^= (uint64_t)keccak->block[i]
						   << (8 * (i % LANE_BYTES));
	sha3_permute(&keccak->state);
	keccak->fill = 0;
}

static void keccak_add(struct keccak *keccak, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	while (size > 0) {
		size_t part = KECCAK_RATE - keccak->fill;
		if (part > size)
			part = size;
		memcpy(keccak->block + keccak->fill, bytes, part);
		keccak->fill += part;
		bytes += part;
		size -= part;
		if (keccak->fill == KECCAK_RATE)
			keccak_absorb(keccak);
	}
}

static void keccak_final(struct keccak *keccak, struct hash *ret)
{
	memset(keccak->block + keccak->fill, 0, KECCAK_RATE - keccak->fill);
	keccak->block[keccak->fill] = 0x01; /* the padding before NIST put domain bits into it */
	keccak->block[KECCAK_RATE - 1] |= 0x80;
	keccak_absorb(keccak);
	for (size_t i = 0; i < HASH_BYTES; i++)
		ret->bytes[i] =
			(uint8_t)(keccak->state.a[i / LANE_BYTES] >> (8 * (i % LANE_BYTES)));
}

void keccak256_of(const void *data, size_t size, struct hash *ret)
{
	struct keccak keccak = { 0 };

	keccak_add(&keccak, data, size);
	keccak_final(&keccak, ret);
}

/* ---- addresses ---- */

void ethereum_address_to_text(const struct ethereum_address *address,
			      char ret[ETHEREUM_ADDRESS_TEXT_SIZE])
{
	char *digits = ret + 2;
	struct hash hash;

	memcpy(ret, "0x", 2);
	hex_encode(address->bytes, sizeof(address->bytes), digits);
	keccak256_of(digits, (size_t)2 * ETHEREUM_ADDRESS_BYTES, &hash);
	for (size_t i = 0; i < (size_t)2 * ETHEREUM_ADDRESS_BYTES; i++) {
		uint8_t nibble = (uint8_t)(hash.bytes[i / 2] >> (i % 2 ? 0 : 4)) & 0xf;
		if (digits[i] >= 'a' && nibble >= 8)
			digits[i] = (char)(digits[i] - 'a' + 'A');
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* "0x" and exactly `size` bytes of hex in either case. */
static bool prefixed_hex_decode(struct str text, uint8_t *ret, size_t size)
{
	if (text.size != 2 + 2 * size || text.data[0] != '0' || text.data[1] != 'x')
		return false;
	for (size_t i = 0; i < size; i++) {
		int high = hex_digit(text.data[2 + 2 * i]), low = hex_digit(text.data[3 + 2 * i]);
		if (high < 0 || low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

enum st ethereum_address_of_text(struct str text, struct ethereum_address *ret,
				 struct problem *problem)
{
	struct ethereum_address address;
	char right[ETHEREUM_ADDRESS_TEXT_SIZE];

	if (!prefixed_hex_decode(text, address.bytes, sizeof(address.bytes)))
		return problem_set(problem, ST_MESSAGE_INVALID, "",
				   "an address is 0x and 40 hex digits");
	ethereum_address_to_text(&address, right);
	if (!str_is(text, right)) {
		problem_set(problem, ST_MESSAGE_INVALID, "",
			    "the address does not have the capitals of its checksum (EIP-55)");
		problem_hint(problem, "if every digit is right it is %s", right);
		return ST_MESSAGE_INVALID;
	}
	*ret = address;
	return ST_OK;
}

bool ethereum_address_equal(const struct ethereum_address *a, const struct ethereum_address *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* ---- messages and signatures ---- */

void ethereum_message_hash(struct str message, struct hash *ret)
{
	struct keccak keccak = { 0 };
	char length[16];

	ASSERT(message.size <= ETHEREUM_MESSAGE_BYTES_MAX);
	snprintf(length, sizeof(length), "%zu", message.size);
	keccak_add(&keccak, MESSAGE_PREFIX, sizeof(MESSAGE_PREFIX) - 1);
	keccak_add(&keccak, length, strlen(length));
	keccak_add(&keccak, message.data, message.size);
	keccak_final(&keccak, ret);
}

enum st ethereum_signature_of_text(struct str text, struct ethereum_signature *ret,
				   struct problem *problem)
{
	struct ethereum_signature signature;

	if (!prefixed_hex_decode(text, signature.bytes, sizeof(signature.bytes)))
		return problem_set(problem, ST_SIGNATURE_INVALID, "",
				   "a signature is 0x and 130 hex digits: r, s, v");
	*ret = signature;
	return ST_OK;
}

void ethereum_signature_to_text(const struct ethereum_signature *signature,
				char ret[ETHEREUM_SIGNATURE_TEXT_SIZE])
{
	memcpy(ret, "0x", 2);
	hex_encode(signature->bytes, sizeof(signature->bytes), ret + 2);
}

static struct ethereum_address address_of_point(const secp256k1_pubkey *point)
{
	uint8_t bytes[65];
	size_t size = sizeof(bytes);
	struct ethereum_address address;
	struct hash hash;

	ASSERT(secp256k1_ec_pubkey_serialize(secp256k1_context_static, bytes, &size, point,
					     SECP256K1_EC_UNCOMPRESSED));
	keccak256_of(bytes + 1, size - 1, &hash);
	memcpy(address.bytes, hash.bytes + HASH_BYTES - ETHEREUM_ADDRESS_BYTES,
	       ETHEREUM_ADDRESS_BYTES);
	return address;
}

/* True when s is in the upper half of the group. */
static bool s_is_high(const uint8_t compact[64])
{
	secp256k1_ecdsa_signature plain, low;

	ASSERT(secp256k1_ecdsa_signature_parse_compact(secp256k1_context_static, &plain, compact));
	return secp256k1_ecdsa_signature_normalize(secp256k1_context_static, &low, &plain);
}

enum st ethereum_recover(const struct hash *hash, const struct ethereum_signature *signature,
			 struct ethereum_address *ret, struct problem *problem)
{
	secp256k1_ecdsa_recoverable_signature parsed;
	secp256k1_pubkey point;
	int v = signature->bytes[64];

	if (v >= V_OFFSET)
		v -= V_OFFSET;
	if (v > 1)
		return problem_set(problem, ST_SIGNATURE_INVALID, "", "v is %d, not 27, 28, 0 or 1",
				   signature->bytes[64]);
	if (!secp256k1_ecdsa_recoverable_signature_parse_compact(secp256k1_context_static, &parsed,
								 signature->bytes, v))
		return problem_set(problem, ST_SIGNATURE_INVALID, "",
				   "r or s is not below the order of the curve's group");
	if (s_is_high(signature->bytes))
		return problem_set(
			problem, ST_SIGNATURE_INVALID, "",
			"s is in the upper half of the group: the signature was altered");
	if (!secp256k1_ecdsa_recover(secp256k1_context_static, &point, &parsed, hash->bytes))
		return problem_set(problem, ST_SIGNATURE_INVALID, "",
				   "no key could have made this signature");
	*ret = address_of_point(&point);
	return ST_OK;
}

/* ---- keys ---- */

/* For what touches a secret: blinded, and gone with the call. */
static secp256k1_context *context_make(void)
{
	secp256k1_context *context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
	uint8_t seed[32];

	ASSERT(context);
	random_bytes(seed, sizeof(seed));
	ASSERT(secp256k1_context_randomize(context, seed));
	bytes_wipe(seed, sizeof(seed));
	return context;
}

enum st ethereum_key_of_secret(const uint8_t secret[ETHEREUM_SECRET_BYTES],
			       struct ethereum_key *ret)
{
	secp256k1_context *context = context_make();
	secp256k1_pubkey point;
	bool good = secp256k1_ec_pubkey_create(context, &point, secret);

	secp256k1_context_destroy(context);
	if (!good)
		return ST_MESSAGE_INVALID;
	memcpy(ret->secret, secret, sizeof(ret->secret));
	ret->address = address_of_point(&point);
	return ST_OK;
}

void ethereum_key_generate(struct ethereum_key *ret)
{
	uint8_t secret[ETHEREUM_SECRET_BYTES];

	do
		random_bytes(secret, sizeof(secret)); /* one in 2^128 is no key */
	while (ethereum_key_of_secret(secret, ret) != ST_OK);
	bytes_wipe(secret, sizeof(secret));
}

void ethereum_key_clear(struct ethereum_key *key)
{
	bytes_wipe(key, sizeof(*key));
}

void ethereum_sign(const struct ethereum_key *key, const struct hash *hash,
		   struct ethereum_signature *ret)
{
	secp256k1_context *context = context_make();
	secp256k1_ecdsa_recoverable_signature signature;
	int recovery = 0;

	ASSERT(secp256k1_ecdsa_sign_recoverable(context, &signature, hash->bytes, key->secret, NULL,
						NULL));
	ASSERT(secp256k1_ecdsa_recoverable_signature_serialize_compact(context, ret->bytes,
								       &recovery, &signature));
	secp256k1_context_destroy(context);
	ASSERT(recovery <= 1); /* r past the order: one in 2^128 */
	ret->bytes[64] = (uint8_t)(V_OFFSET + recovery);
}

enum st ethereum_key_load(const char *path, struct ethereum_key *ret, struct problem *problem)
{
	struct signing_key file;
	enum st st;

	TRY(signing_key_load(path, &file, problem));
	st = ethereum_key_of_secret(file.secret, ret);
	signing_key_clear(&file);
	if (st != ST_OK)
		return problem_set(problem, ST_CONFIG_INVALID, path,
				   "\"%s\" does not hold a secp256k1 key", path);
	return ST_OK;
}

enum st ethereum_key_create(const char *path, const struct ethereum_key *key,
			    struct problem *problem)
{
	struct signing_key file;
	enum st st;

	signing_key_of_seed(key->secret, &file);
	st = signing_key_create(path, &file, problem);
	signing_key_clear(&file);
	return st;
}
