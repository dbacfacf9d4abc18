/* ethereum.h: what an Ethereum wallet says of itself: Keccak-256, addresses with their checksum
 * (EIP-55), messages people sign (EIP-191, "personal_sign") and the address a signature comes from.
 * Externally owned accounts only: a contract's signature (EIP-1271) needs a chain to ask.
 *
 * The curve is libsecp256k1's, the permutation nettle's (its SHA-3 pads another way, so the sponge
 * around it is here). Nothing keeps state or allocates. */
#ifndef PIOPL_ETHEREUM_H
#define PIOPL_ETHEREUM_H

#include "crypto.h"

#define ETHEREUM_ADDRESS_BYTES 20
#define ETHEREUM_ADDRESS_TEXT_SIZE 43 /* "0x", 40 hex digits, NUL */
#define ETHEREUM_SECRET_BYTES 32
#define ETHEREUM_SIGNATURE_BYTES 65        /* r, s, v */
#define ETHEREUM_SIGNATURE_TEXT_SIZE 133   /* "0x", 130 hex digits, NUL */
#define ETHEREUM_MESSAGE_BYTES_MAX 9999999 /* of a text that is signed */

/* Keccak-256 as Ethereum has it: not SHA3-256, whose padding differs. */
void keccak256_of(const void *data, size_t size, struct hash *ret);

struct ethereum_address {
	uint8_t bytes[ETHEREUM_ADDRESS_BYTES];
};

/* With the checksum's capitals. */
void ethereum_address_to_text(const struct ethereum_address *address,
			      char ret[ETHEREUM_ADDRESS_TEXT_SIZE]);
/* "0x" and 40 hex digits with exactly the checksum's capitals: a text all in lower case checks
 * nothing. ST_MESSAGE_INVALID, the problem says whether form or checksum is wrong. */
MUST_CHECK enum st ethereum_address_of_text(struct str text, struct ethereum_address *ret,
					    struct problem *problem);
bool ethereum_address_equal(const struct ethereum_address *a, const struct ethereum_address *b);

/* Keccak-256("\x19Ethereum Signed Message:\n" || decimal length || message). `message` has at most
 * ETHEREUM_MESSAGE_BYTES_MAX bytes (asserted). */
void ethereum_message_hash(struct str message, struct hash *ret);

struct ethereum_signature {
	uint8_t bytes[ETHEREUM_SIGNATURE_BYTES];
};

/* "0x" and 130 hex digits in either case. ST_SIGNATURE_INVALID. */
MUST_CHECK enum st ethereum_signature_of_text(struct str text, struct ethereum_signature *ret,
					      struct problem *problem);
void ethereum_signature_to_text(const struct ethereum_signature *signature,
				char ret[ETHEREUM_SIGNATURE_TEXT_SIZE]);
/* Who signed. v is 27, 28, 0 or 1. Of the two forms of a signature (s and n - s) only the one with
 * the low s passes, so that nobody makes a second signature out of one. ST_SIGNATURE_INVALID, the
 * problem says why. */
MUST_CHECK enum st ethereum_recover(const struct hash *hash,
				    const struct ethereum_signature *signature,
				    struct ethereum_address *ret, struct problem *problem);

/* A key of a wallet. Clear it when done. */
struct ethereum_key {
	uint8_t secret[ETHEREUM_SECRET_BYTES];
	struct ethereum_address address;
};

void ethereum_key_generate(struct ethereum_key *ret);
/* ST_MESSAGE_INVALID: zero, or not below the group's order. */
MUST_CHECK enum st ethereum_key_of_secret(const uint8_t secret[ETHEREUM_SECRET_BYTES],
					  struct ethereum_key *ret);
void ethereum_key_clear(struct ethereum_key *key);
/* RFC 6979, low s, v 27 or 28. */
void ethereum_sign(const struct ethereum_key *key, const struct hash *hash,
		   struct ethereum_signature *ret);

/* A key file is like every other secret key's (crypto.h): one line of base64, mode 600, refused and
 * never replaced for the same reasons. */
MUST_CHECK enum st ethereum_key_load(const char *path, struct ethereum_key *ret,
				     struct problem *problem);
MUST_CHECK enum st ethereum_key_create(const char *path, const struct ethereum_key *key,
				       struct problem *problem);

#endif
