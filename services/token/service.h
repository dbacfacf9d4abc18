/* service.h: capability tokens: what may be issued, when a token ends, which key signs. The token's
 * text and chain are libcommon's (token_check.h). What is decided is in core_*.c (pure), what is
 * kept in store*.c, what is answered in handlers_*.c. */
#ifndef PIOPL_TOKEN_SERVICE_H
#define PIOPL_TOKEN_SERVICE_H

#include "gen/common.h"
#include "gen/registry.h"
#include "gen/token.h"
#include "token_check.h"

#define TOKEN_SCHEMA_VERSION 2
#define TOKEN_PAGE_DEFAULT 100
#define TOKEN_REVOCATION_PAGE 1000
#define TOKEN_REVOCATION_IDS_PAGE 12000 /* ids in one page of revocations, so that it fits */
#define TOKEN_EVENT_IDS_MAX 500         /* ids in one revocation */
#define TOKEN_LIVE_MAX 256              /* what a profile of the registry can list */
#define TOKEN_DUE_CHUNK 200             /* tokens in one transaction of the tick */
#define TOKEN_BY_BYTES_MAX 128
#define SEALED_BYTES_MAX 128
#define SEALING_KEY_BYTES 32

struct label_list {
	const struct str *items;
	size_t count;
};

/* -- issuing (core_issue.c) -- */

struct issue_limits {
	int64_t life_default_ms;
	int64_t life_max_ms;
	int64_t live_max; /* tokens of one agent */
};

/* What issuing is judged by. */
struct agent_view {
	bool known;
	enum registry_agent_state state;
	bool killed; /* a kill order covers it whose own event has not come yet */
	int64_t tier;
	struct label_list scopes;
	bool role_known;
	struct label_list role_scopes;
	int64_t live_count;    /* exact when it matters, else not less than it is */
	int64_t dead_until_ms; /* tokens issued until then are revoked already */
};

/* What holds for every agent. */
struct issue_rules {
	struct str key_id; /* of the active key; .data NULL: none */
	int64_t all_until_ms;
	struct label_list scopes; /* that were revoked */
	const int64_t *scopes_until_ms;
};
/* Tokens of these scopes issued until then are revoked already; 0: none. */
int64_t rules_dead_until_ms(const struct issue_rules *rules, struct label_list scopes);

struct issue_wish {
	struct label_list scopes;
	enum token_risk risk;
	int64_t life_ms;       /* 0: the default */
	struct str holder_key; /* base64; .data NULL: none */
	const struct token_limits *limits;
};

struct issue_grant {
	int64_t issued_at_ms;
	int64_t expires_at_ms;
	bool bound;
	uint8_t holder_key[PUBLIC_KEY_BYTES];
};

/* The highest risk at a tier: 0 low, 1 medium, 2 critical. */
enum token_risk tier_risk_max(int64_t tier);
/* ST_AGENT_UNKNOWN, ST_AGENT_NOT_LIVE, ST_TOKEN_SCOPE_NOT_OF_ROLE, ST_TOKEN_SCOPE_NOT_OF_AGENT,
 * ST_RISK_ABOVE_TIER, ST_TOKEN_LIFE_TOO_LONG, ST_HOLDER_KEY_REQUIRED, ST_HOLDER_KEY_INVALID,
 * ST_TOO_MANY_TOKENS; in this order, the first that holds, with its place in the request. */
MUST_CHECK enum st issue_decide(const struct issue_limits *limits, const struct agent_view *agent,
				const struct issue_wish *wish, int64_t now_ms,
				struct issue_grant *ret, struct problem *problem);

/* -- the end of a token (core_life.c) -- */

/* Why a token is dead, in the order of asking; kept by number in a statement of the store. */
enum token_death {
	TOKEN_LIVES,
	TOKEN_DEAD_ITSELF,
	TOKEN_DEAD_KEY,
	TOKEN_DEAD_ALL,
	TOKEN_DEAD_AGENT,
	TOKEN_DEAD_SCOPE,
};

/* A token as it is kept. */
struct token_row {
	struct token_capability capability; /* its state not yet filled */
	struct token_limits limits;         /* capability.limits points here when there are any */
	enum token_death death;
	enum registry_agent_state agent_state; /* 0: unknown */
	bool agent_killed;
	int64_t phase;
};

enum token_capability_state token_state_of(const struct token_row *row, int64_t now_ms);
/* What a verifier would say, apart from proof and use. */
MUST_CHECK enum st token_usable(const struct token_row *row, int64_t now_ms,
				struct problem *problem);
/* The last part of a life, in which its end is announced and it can be renewed: the notice time, at
 * most a third of the life. */
int64_t token_notice_at_ms(int64_t issued_ms, int64_t expires_ms, int64_t notice_ms);
/* ST_RENEWAL_NOT_ALLOWED, ST_RENEWAL_TOO_EARLY, or why it is not usable. */
MUST_CHECK enum st renew_decide(const struct token_row *row, int64_t notice_ms, int64_t now_ms,
				struct problem *problem);

enum token_step {
	TOKEN_STEP_ANNOUNCE,
	TOKEN_STEP_RENEW,
	TOKEN_STEP_EXPIRE,
	TOKEN_STEP_END,
	TOKEN_STEP_FORGET
};
/* What is due for a token now. Ended without a word: it was revoked before. */
enum token_step token_step_due(const struct token_row *row, int64_t now_ms);

/* Which of the five a revocation names; ST_REVOCATION_TARGET, ST_REVOCATION_FROM_FUTURE. */
MUST_CHECK enum st revocation_kind(const struct token_revoke_request *in, int64_t now_ms,
				   enum token_revocation_kind *ret, struct problem *problem);

/* -- keys (core_keys.c) -- */

struct key_states {
	bool has_next, has_active;
	int64_t active_since_ms;
};
enum key_step { KEY_STEP_NONE, KEY_STEP_CREATE_ACTIVE, KEY_STEP_CREATE_NEXT, KEY_STEP_ROTATE };
enum key_step key_step_due(const struct key_states *states, int64_t rotation_ms, int64_t now_ms);
/* A seed at rest: a random nonce and the secretbox. `ret_size` at most SEALED_BYTES_MAX. */
void key_seal(const uint8_t sealing[SEALING_KEY_BYTES], const uint8_t seed[SEED_BYTES],
	      uint8_t ret[SEALED_BYTES_MAX], size_t *ret_size);
/* ST_SIGNING_KEY_SEALED: another sealing key, an altered box, or another key than `key_id`. */
MUST_CHECK enum st key_unseal(const uint8_t sealing[SEALING_KEY_BYTES], struct str sealed,
			      struct str key_id, struct signing_key *ret);

#endif
