/* login.h: the pure half of a wallet's login (core_login.c). */
#ifndef PIOPL_GATEWAY_LOGIN_H
#define PIOPL_GATEWAY_LOGIN_H

#include "gateway.h"
#include "siwe.h"

#define LOGIN_CHAINS_MAX 16
#define LOGIN_RANDOM_BYTES 16
#define LOGIN_NONCE_SIZE 77        /* random, end, tag in hex, NUL */
#define LOGIN_DOMAIN_BYTES_MAX 255 /* of the one that is configured */
#define LOGIN_URI_SIZE 512
#define LOGIN_SKEW_MS 30000 /* a wallet's clock may be this much ahead */
#define LOGIN_SCOPE_URN "urn:piopl:scope:"

/* What an installation says. Views: they live as long as the configuration. */
struct login_rules {
	struct str domain; /* empty: no wallet can log in */
	char uri[LOGIN_URI_SIZE];
	int64_t chains[LOGIN_CHAINS_MAX]; /* the first is meant when none is named */
	size_t chain_count;
	int64_t nonce_ms; /* how long a nonce lives, and how old a message may be */
};

/* `uri` empty: https at the domain, http when that is this machine itself. `nonce_ms` is left 0.
 * ST_CONFIG_INVALID. */
MUST_CHECK enum st login_rules_make(struct str domain, struct str uri, struct str chains,
				    struct login_rules *ret, struct problem *problem);

/* Of `message` address, chain and domain count; the domain is the rules'. */
void login_nonce_make(struct str secret, const uint8_t random[LOGIN_RANDOM_BYTES], int64_t end_ms,
		      const struct siwe *message, char ret[LOGIN_NONCE_SIZE]);

struct login_ask {
	const struct login_rules *rules;
	struct ethereum_address address;
	struct str nonce;
	int64_t chain_id, now_ms, end_ms;
	const struct str *scopes;
	size_t scope_count; /* at most GATEWAY_SCOPES_MAX */
};

/* ST_TOO_LARGE when the arena is full. */
MUST_CHECK enum st login_message_make(const struct login_ask *ask, struct arena *arena,
				      struct str *ret);

struct login_try {
	struct str message, signature;
	int64_t now_ms;
};

/* Everything but whether the nonce was used before. In this order: ST_LOGIN_DISABLED,
 * _MESSAGE_INVALID, _DOMAIN_MISMATCH, _URI_MISMATCH, _CHAIN_MISMATCH, _TOO_OLD, _NOT_YET_VALID,
 * _EXPIRED, _NONCE_UNKNOWN, _NONCE_EXPIRED, _SIGNATURE_INVALID. */
MUST_CHECK enum st login_check(const struct login_rules *rules, struct str secret,
			       const struct login_try *in, struct siwe *ret, int64_t *ret_end_ms,
			       struct problem *problem);
/* The scopes that were signed, each once; none is none. ST_SCOPE_UNKNOWN: one that no route for
 * operators has. */
MUST_CHECK enum st login_scopes(const struct siwe *message, const struct proto_call *const *calls,
				struct str ret[GATEWAY_SCOPES_MAX], size_t *ret_count,
				struct problem *problem);
/* Every scope of the routes that let operators in. */
size_t login_scopes_all(const struct proto_call *const *calls, struct str ret[GATEWAY_SCOPES_MAX]);

#endif
