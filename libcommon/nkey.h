/* nkey.h: NATS nkeys, the text form of Ed25519 keys that nats-server's configuration takes: a
 * prefix byte that says the kind, the key, CRC-16, all in base32 without padding. A seed is the
 * secret
 * ("SU..." a user's), a public key names an identity ("U..."). */
#ifndef PIOPL_NKEY_H
#define PIOPL_NKEY_H

#include "crypto.h"

#define NKEY_SEED_SIZE 59   /* 58 characters and a NUL */
#define NKEY_PUBLIC_SIZE 57 /* 56 characters and a NUL */

enum nkey_kind {
	NKEY_ACCOUNT = 0 << 3,   /* A */
	NKEY_CLUSTER = 2 << 3,   /* C */
	NKEY_SERVER = 13 << 3,   /* N */
	NKEY_OPERATOR = 14 << 3, /* O */
	NKEY_USER = 20 << 3,     /* U */
};

void nkey_seed_encode(enum nkey_kind kind, const uint8_t seed[SEED_BYTES],
		      char ret[NKEY_SEED_SIZE]);
void nkey_public_encode(enum nkey_kind kind, const uint8_t public_key[PUBLIC_KEY_BYTES],
			char ret[NKEY_PUBLIC_SIZE]);
/* ST_MESSAGE_INVALID: length, alphabet, unused bits, checksum, or a kind that is not in the list.
 */
MUST_CHECK enum st nkey_seed_decode(struct str text, enum nkey_kind *ret_kind,
				    uint8_t ret_seed[SEED_BYTES]);
MUST_CHECK enum st nkey_public_decode(struct str text, enum nkey_kind *ret_kind,
				      uint8_t ret_public_key[PUBLIC_KEY_BYTES]);

#endif
