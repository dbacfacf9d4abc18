/* paseto.h: PASETO v4.public (Ed25519) by its published specification: three or four parts between
 * dots, "v4.public.<message and signature>[.<footer>]" in base64url without padding, the signature
 * over PAE(header, message, footer, implicit assertion). Nothing here knows what a message means.
 *
 * base64url is read strictly (no padding, unused bits zero), so a token has one text only. */
#ifndef PIOPL_PASETO_H
#define PIOPL_PASETO_H

#include "arena.h"
#include "crypto.h"

#define PASETO_HEADER "v4.public."
#define PASETO_BYTES_MAX 8192       /* of one token's text */
#define PASETO_FOOTER_BYTES_MAX 256 /* decoded */
#define PASETO_IMPLICIT_BYTES_MAX 8192

#define BASE64URL_SIZE(n) (((n)*4 + 2) / 3 + 1) /* with the NUL */

/* `ret` holds BASE64URL_SIZE(size). Returns the text's length. */
size_t base64url_encode(const void *bytes, size_t size, char *ret);
/* ST_MESSAGE_INVALID when it is not base64url or decodes to more than `capacity`; `ret` may be
 * partly written then. */
MUST_CHECK enum st base64url_decode(struct str text, void *ret, size_t capacity, size_t *ret_size);

/* A token taken apart; views live in the arena. Nothing is verified yet. */
struct paseto {
	struct str message;
	struct str footer; /* "" when there is none */
	uint8_t signature[SIGNATURE_BYTES];
};

/* ST_TOKEN_VERSION_WRONG (another version or purpose), ST_TOKEN_TRUNCATED (ends before the
 * signature does), ST_TOKEN_MALFORMED, ST_TOKEN_TOO_LONG past PASETO_BYTES_MAX, ST_TOO_LARGE when
 * the arena is full. */
MUST_CHECK enum st paseto_parse(struct str text, struct arena *arena, struct paseto *ret,
				struct problem *problem);
/* ST_TOKEN_SIGNATURE_INVALID. */
MUST_CHECK enum st paseto_verify(const struct paseto *paseto,
				 const uint8_t public_key[PUBLIC_KEY_BYTES], struct str implicit,
				 struct arena *arena);
/* ST_TOKEN_TOO_LONG, ST_TOO_LARGE. A footer that is "" is left out, as the specification has it. */
MUST_CHECK enum st paseto_sign(const struct signing_key *key, struct str message, struct str footer,
			       struct str implicit, struct arena *arena, struct str *ret);

#endif
