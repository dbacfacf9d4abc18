/* token_check.h: capability tokens as holders and verifiers see them. Three layers, each usable
 * without the next: the text of a token and its chain (token_text.c), the proof that its presenter
 * holds the key it is bound to (token_proof.c), and a verifier (token_check.c) that remembers what
 * it verified and knows what was revoked. No I/O, no clock.
 *
 * A token is a PASETO v4.public message of the token service, handed on by blocks that its holders
 * append: <token>~<block>~<block>. A block is PASETO v4.public too, signed with the key the text
 * before it is bound to, that text being its implicit assertion. A block can only narrow.
 *
 * A token that is bound to a key (cnf) is worthless without a proof made with it, whatever its
 * risk: so a receiver of a narrower token cannot use the wider one that stands before it. */
#ifndef PIOPL_TOKEN_CHECK_H
#define PIOPL_TOKEN_CHECK_H

#include "gen/token.h"
#include "paseto.h"

#define TOKEN_BYTES_MAX 4096
#define TOKEN_DEPTH_MAX 4
#define TOKEN_SCOPES_MAX 16
#define TOKEN_ENDPOINTS_MAX 16
#define TOKEN_KEYS_MAX 64
#define TOKEN_LIFE_MS_MAX (INT64_C(90) * 86400000)
#define TOKEN_SKEW_MS 30000         /* how far ahead of ours an issuer's clock may be */
#define TOKEN_SILENCE_MS 5000       /* without news, high and critical tokens are refused */
#define TOKEN_PROOF_WINDOW_MS 60000 /* a proof's time, before and after ours */
#define TOKEN_ID_SIZE 41
#define TOKEN_BLOCK_SEPARATOR '~'
#define TOKEN_ASSERTION "piopl/token/v1"
#define TOKEN_BLOCK_ASSERTION "piopl/token-block/v1" /* then a newline and the text before it */
#define TOKEN_PROOF_PURPOSE "piopl/token-proof/v1"

/* -- keys that sign tokens -- */

struct token_public_key {
	char key_id[KEY_ID_SIZE];
	uint8_t public_key[PUBLIC_KEY_BYTES];
	enum token_key_state state;
	int64_t until_ms; /* INT64_MAX, or when it was retired: nothing it signed later counts */
	bool foreign;     /* a known key that signs other things, for a clearer refusal */
};

struct token_key_set {
	struct token_public_key items[TOKEN_KEYS_MAX];
	size_t count;
};

/* Adds a key or changes one that is there. ST_MESSAGE_INVALID: it does not hash to its id or is
 * unusable; ST_TOO_LARGE past TOKEN_KEYS_MAX. A revoked key stays revoked. */
MUST_CHECK enum st token_key_set_put(struct token_key_set *set, const struct token_key *key);
/* Of another service. ST_TOO_LARGE. */
MUST_CHECK enum st token_key_set_put_foreign(struct token_key_set *set, struct str key_id);
const struct token_public_key *token_key_set_find(const struct token_key_set *set,
						  struct str key_id);

/* -- the text -- */

struct token_link {
	char signed_by[KEY_ID_SIZE];
	const struct token_block *block;
};

/* What a token allows at the end of its chain. */
struct token_view {
	char token_id[TOKEN_ID_SIZE];
	char key_id[KEY_ID_SIZE]; /* that signed the token itself */
	int64_t agent_number;
	enum token_risk risk;
	int64_t issued_at_ms; /* of the token itself; revocations go by it */
	int64_t latest_ms;    /* the latest time of issue in the chain */
	int64_t expires_at_ms;
	size_t scope_count;
	struct str scopes[TOKEN_SCOPES_MAX];
	bool endpoints_limited;
	size_t endpoint_count;
	struct str endpoints[TOKEN_ENDPOINTS_MAX];
	bool amount_limited;
	struct money amount_per_day;
	bool bound;
	uint8_t holder_key[PUBLIC_KEY_BYTES];     /* of the last holder; zeros unless bound */
	struct hash digest;                       /* of the whole text */
	unsigned depth;                           /* blocks */
	struct token_link links[TOKEN_DEPTH_MAX]; /* token_open only */
};

/* Signs. ST_TOKEN_TOO_LONG past TOKEN_BYTES_MAX. */
MUST_CHECK enum st token_mint(const struct signing_key *key, const struct token_claims *claims,
			      struct arena *arena, struct str *ret);
/* Appends a block signed with the holder's key. Does not judge: what widens is refused by whoever
 * opens it, so open it before handing it on. */
MUST_CHECK enum st token_append(const struct signing_key *holder, struct str token,
				const struct token_block *block, struct arena *arena,
				struct str *ret);
/* Takes a text apart and checks all that does not depend on the time and on revocations: shape,
 * signatures, claims, that each block narrows. Every refusal has its own status, see x-status of
 * proto/token.yaml; a block's pointer is "/chain/<n>/<member>". Texts of `ret` live in `arena`. */
MUST_CHECK enum st token_open(const struct token_key_set *keys, struct str text,
			      struct arena *arena, struct token_view *ret, struct problem *problem);
/* Applies one block; ST_TOKEN_CHAIN_WIDENS with the member. `view` is unchanged then. Scopes and
 * endpoints become views of the block's. */
MUST_CHECK enum st token_narrow(struct token_view *view, const struct token_block *block,
				const char *pointer, struct problem *problem);
bool token_has_scope(const struct token_view *view, struct str scope);
bool token_reaches(const struct token_view *view, struct str endpoint);

/* -- proof of possession -- */

#define TOKEN_NONCE_CHARS_MIN 16
#define TOKEN_NONCE_CHARS_MAX 64
#define TOKEN_PROOF_SIZE_MAX 192 /* with the NUL */

/* Proofs that were used, in memory that processes may share (map it before they fork): a set of
 * 64-bit slots in buckets of 64, changed by compare-and-swap, never locked. An entry dies with the
 * window of its proof. A full bucket refuses rather than forgets. */
#define TOKEN_NONCE_BUCKET 64
struct token_nonces {
	_Atomic uint64_t *slots; /* zeroed at first; not owned */
	size_t slot_count;       /* a power of two, at least TOKEN_NONCE_BUCKET */
};
/* A mapping shared with processes forked later; NULL slots when there is no memory. */
struct token_nonces token_nonces_map(size_t slot_count);
/* ST_PROOF_REPLAYED, ST_PROOF_CACHE_FULL. */
MUST_CHECK enum st token_nonce_take(const struct token_nonces *nonces, const struct hash *nonce,
				    int64_t made_at_ms, int64_t now_ms, int64_t window_ms);

/* A proof as it is carried: "<nonce>.<milliseconds>.<base64url signature>". */
MUST_CHECK enum st token_proof_make(const struct signing_key *holder, struct str token,
				    struct str method, struct str target, struct str body_hash,
				    struct str nonce, int64_t now_ms,
				    char ret[TOKEN_PROOF_SIZE_MAX]);
/* ST_PROOF_MALFORMED, ST_PROOF_TIME_WRONG, ST_PROOF_SIGNATURE_INVALID. That it was used before is
 * not known here: take `ret_nonce` (holder and nonce hashed) from a cache or a table after it. */
MUST_CHECK enum st token_proof_verify(const struct token_view *view,
				      const struct token_proof *proof, int64_t now_ms,
				      int64_t window_ms, struct hash *ret_nonce,
				      int64_t *ret_made_at_ms, struct problem *problem);

/* -- a verifier -- */

struct token_verifier_limits {
	size_t tokens_max;      /* remembered; further ones push others out */
	size_t revocations_max; /* of single tokens that have not expired */
	size_t agents_max;      /* whose tokens were revoked */
	int64_t skew_ms;
	int64_t silence_ms_max;
	int64_t proof_window_ms;
	struct token_nonces nonces;
};
extern const struct token_verifier_limits token_verifier_defaults; /* without nonces */

struct token_verifier; /* owns its memory; one thread */

/* NULL: no memory. Address space for all limits is taken at once, memory as it fills. */
struct token_verifier *token_verifier_new(const struct token_verifier_limits *limits);
void token_verifier_free(struct token_verifier *verifier);

/* What the token service said, from its events or from its calls token_keys and revocation_list, in
 * any order, again and again: the same news twice changes nothing. */
MUST_CHECK enum st token_verifier_key(struct token_verifier *verifier, const struct token_key *key);
MUST_CHECK enum st token_verifier_foreign_key(struct token_verifier *verifier, struct str key_id);
/* When it does not fit, every token is refused from then on (ST_TOKEN_VERIFIER_FULL). */
void token_verifier_revoke(struct token_verifier *verifier,
			   const struct token_revocation *revocation, int64_t now_ms);
/* The time of the newest event applied, all earlier ones being applied. */
void token_verifier_heard(struct token_verifier *verifier, int64_t time_ms);

/* What is asked of a token. */
struct token_use {
	struct str token;
	int64_t agent_number;            /* 0: any */
	struct str scope;                /* "": any */
	struct str endpoint;             /* "": none */
	const struct token_proof *proof; /* NULL: none came */
};

/* May it be used so, now? A text that was verified before is not verified again. `ret` (may be
 * NULL) and its texts are valid until the next call. A refusal has its own status. */
MUST_CHECK enum st token_check(struct token_verifier *verifier, const struct token_use *use,
			       int64_t now_ms, struct token_view *ret, struct problem *problem);

/* For figures. */
size_t token_verifier_count(const struct token_verifier *verifier);
uint64_t token_verifier_opened(const struct token_verifier *verifier); /* signatures verified */

#endif
