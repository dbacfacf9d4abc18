/* siwe.h: messages of EIP-4361, "Sign-In with Ethereum", by its grammar and nothing beside it: the
 * order of the lines, one line each, one line feed between them and none at the end. Pure: whether
 * a message is meant for us, now, is somebody else's question. */
#ifndef PIOPL_SIWE_H
#define PIOPL_SIWE_H

#include "arena.h"
#include "ethereum.h"

#define SIWE_BYTES_MAX 8192
#define SIWE_RESOURCES_MAX 128
#define SIWE_NONCE_BYTES_MIN 8

struct siwe {
	struct str scheme;    /* `.data` NULL: none */
	struct str domain;    /* host and perhaps port */
	struct str statement; /* `.data` NULL: none */
	struct str uri;
	struct str nonce;
	struct str request_id; /* `.data` NULL: none; may be empty */
	struct ethereum_address address;
	int64_t chain_id;
	int64_t issued_at_ms;
	bool has_expiration_ms, has_not_before_ms;
	int64_t expiration_ms, not_before_ms;
	size_t resource_count;
	struct str resources[SIWE_RESOURCES_MAX];
};

/* Views into `text`. ST_MESSAGE_INVALID, the problem's pointer is the line ("line 3") and its
 * sentence says what belongs there. Beyond the grammar it refuses user information in the domain, a
 * chain id that is padded or past int64_t, years before 1970, leap seconds, and "t" or "z". */
MUST_CHECK enum st siwe_parse(struct str text, struct siwe *ret, struct problem *problem);

/* The text of `message`: what siwe_parse gives back the same, for whatever it accepts. `.data` NULL
 * when the arena is full. Times are written in UTC. */
struct str siwe_print(const struct siwe *message, struct arena *arena);

/* RFC 3339 with any offset and up to nine digits of a fraction (cut to milliseconds). */
bool siwe_time_parse(struct str text, int64_t *ret_ms);

#endif
