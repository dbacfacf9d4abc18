/* store.h: what the token service keeps. Every statement is in store.c's table; functions are in
 * store_*.c. Strings that come back live in the arena given. "Not there" is an answer
 * (`ret_found`), not a failure. */
#ifndef PIOPL_TOKEN_STORE_H
#define PIOPL_TOKEN_STORE_H

#include "db.h"
#include "service.h"

enum token_statement {
	TOK_ISSUE_AGENTS,
	TOK_ISSUE_RULES,
	TOK_LIVE_COUNT,
	TOK_INSERT,
	TOK_GET,
	TOK_LOCK,
	TOK_LIST,
	TOK_LIST_AGENT,
	TOK_DUE,
	TOK_PHASE,
	TOK_FORGET,
	TOK_RENEWED,
	TOK_RESIGNED,
	TOK_REVOKE,
	TOK_SHRINK_AGENT,
	TOK_SHRINK_ROLE,
	TOK_NEWEST,
	TOK_AGENT_PUT,
	TOK_AGENT_STATE,
	TOK_AGENTS_REVOKE,
	TOK_ROLE_PUT,
	TOK_KILL_INSERT,
	TOK_KILL_AGENTS,
	TOK_KEY_LIST,
	TOK_KEY_GET,
	TOK_KEY_LOCK,
	TOK_KEY_INSERT,
	TOK_KEY_MOVE,
	TOK_REVOCATION_INSERT,
	TOK_REVOCATION_LIST,
	TOK_REVOCATION_FORGET,
	TOK_SCOPE_REVOKE,
	TOK_ALL_REVOKE,
	TOK_PROOF_TAKE,
	TOK_PROOF_FORGET,
	TOK_STATEMENT_COUNT,
};
extern const struct db_statement token_statements[];

/* -- tokens (store_token.c) -- */

struct issue_agent {
	int64_t number;
	struct agent_view view; /* live_count: not less than it is */
	bool counted;           /* live_count is exact */
	int64_t made;           /* tokens in this transaction that are not yet kept */
};
struct issue_agents {
	struct issue_agent *items;
	size_t count;
};
/* Those that are known, by number, growing. */
MUST_CHECK enum st store_issue_agents(struct db_tx *tx, struct arena *arena, const int64_t *numbers,
				      size_t count, int64_t now_ms, struct issue_agents *ret);
/* Which of its tokens a rule ended costs more to ask. */
MUST_CHECK enum st store_live_count(struct db_tx *tx, struct arena *arena, int64_t number,
				    int64_t now_ms, int64_t *ret);
MUST_CHECK enum st store_issue_rules(struct db_tx *tx, struct arena *arena,
				     struct label_list scopes, struct issue_rules *ret);
struct token_new {
	const struct token_capability *capability;
	int64_t agent_number;
	int64_t due_ms;
};
MUST_CHECK enum st store_tokens_insert(struct db_tx *tx, struct arena *arena,
				       const struct token_new *tokens, size_t count);
MUST_CHECK enum st store_token_get(struct db_tx *tx, struct arena *arena, struct str token_id,
				   struct token_row *ret, bool *ret_found);
/* The same, and nobody else renews it until the transaction ends. */
MUST_CHECK enum st store_token_lock(struct db_tx *tx, struct arena *arena, struct str token_id,
				    struct token_row *ret, bool *ret_found);

struct token_filter {
	int64_t agent_number;              /* 0: any */
	struct str scope;                  /* "": any */
	enum token_capability_state state; /* 0: any */
	struct str after;
	int64_t limit;
	int64_t now_ms;
};
struct token_rows {
	struct token_row *items;
	size_t count;
};
MUST_CHECK enum st store_token_list(struct db_tx *tx, struct arena *arena,
				    const struct token_filter *filter, struct token_rows *ret);
/* Tokens whose next phase is due, locked; those that others work on are left out. */
MUST_CHECK enum st store_tokens_due(struct db_tx *tx, struct arena *arena, int64_t now_ms,
				    int64_t limit, struct token_rows *ret);
MUST_CHECK enum st store_token_phase(struct db_tx *tx, struct str token_id, int64_t phase,
				     int64_t due_ms);
MUST_CHECK enum st store_token_forget(struct db_tx *tx, struct str token_id);
MUST_CHECK enum st store_token_renewed(struct db_tx *tx, struct str token_id, struct str successor);
/* Another key signed the same claims. */
MUST_CHECK enum st store_token_resigned(struct db_tx *tx, struct str token_id, struct str key_id,
					const struct hash *digest);

/* -- agents and roles (store_agent.c) -- */

MUST_CHECK enum st store_agent_put(struct db_tx *tx, const struct registry_agent *agent,
				   int64_t number, int64_t sequence);
/* Terminated: its tokens are dead for good. An agent nobody told of has none. */
MUST_CHECK enum st store_agent_state(struct db_tx *tx, int64_t number,
				     enum registry_agent_state state);
MUST_CHECK enum st store_role_put(struct db_tx *tx, const struct registry_role *role);
struct kill_rule {
	struct str kill_id;
	enum registry_kill_scope_kind kind;
	int64_t number;  /* agent or tier */
	struct str text; /* role or unit; "" otherwise */
	int64_t sequence;
};
MUST_CHECK enum st store_kill_insert(struct db_tx *tx, const struct kill_rule *rule);
/* Numbers of the agents in its scope that live, growing. */
MUST_CHECK enum st store_kill_agents(struct db_tx *tx, struct arena *arena,
				     const struct kill_rule *rule, int64_t **ret,
				     size_t *ret_count);

/* -- keys (store_key.c) -- */

struct key_row {
	struct str key_id;
	uint8_t public_key[PUBLIC_KEY_BYTES];
	struct str sealed; /* .data NULL: gone */
	enum token_key_state state;
	int64_t created_ms;
	int64_t active_ms, retired_ms, revoked_ms; /* 0: not yet */
};
struct key_rows {
	struct key_row *items;
	size_t count;
};
/* Newest first. Of retired ones only those retired after `retired_after_ms`. */
MUST_CHECK enum st store_key_list(struct db_tx *tx, struct arena *arena, int64_t retired_after_ms,
				  struct key_rows *ret);
MUST_CHECK enum st store_key_get(struct db_tx *tx, struct arena *arena, struct str key_id,
				 struct key_row *ret, bool *ret_found);
/* Keys change one transaction after the other. */
MUST_CHECK enum st store_key_lock(struct db_tx *tx, struct arena *arena);
MUST_CHECK enum st store_key_insert(struct db_tx *tx, const struct key_row *key);
/* To another state, from `from`; ST_SERIALIZATION when it is in another by now. */
MUST_CHECK enum st store_key_move(struct db_tx *tx, struct str key_id, enum token_key_state from,
				  enum token_key_state to, int64_t now_ms);

/* -- revocations (store_revocation.c) -- */

/* Keeps the revocation; its number is filled. */
MUST_CHECK enum st store_revocation_keep(struct db_tx *tx, struct arena *arena,
					 struct token_revocation *revocation);
/* The same, and puts it into effect. A key's own state is moved by store_key_move. */
MUST_CHECK enum st store_revoke(struct db_tx *tx, struct arena *arena,
				struct token_revocation *revocation);
MUST_CHECK enum st store_revocation_list(struct db_tx *tx, struct arena *arena, int64_t after,
					 int64_t limit, int64_t now_ms,
					 struct token_revocation_list_reply *ret);
/* The latest time of issue that any token may have; at least `now_ms`. */
MUST_CHECK enum st store_newest_issue(struct db_tx *tx, struct arena *arena, int64_t now_ms,
				      int64_t *ret);
/* Tokens that go further than the agent's profile, or than the role's template, now allow: their
 * ids, and when the last of them would have ended. */
struct shrunk {
	struct str *token_ids;
	size_t count;
	int64_t until_ms;
};
MUST_CHECK enum st store_shrunk_of_agent(struct db_tx *tx, struct arena *arena, int64_t number,
					 struct label_list scopes, enum token_risk risk_max,
					 int64_t now_ms, struct shrunk *ret);
MUST_CHECK enum st store_shrunk_of_role(struct db_tx *tx, struct arena *arena, struct str role,
					struct label_list scopes, int64_t now_ms,
					struct shrunk *ret);
/* False: it was used before. */
MUST_CHECK enum st store_proof_take(struct db_tx *tx, struct arena *arena, const struct hash *nonce,
				    int64_t until_ms, bool *ret_new);
/* What nobody needs any more. */
MUST_CHECK enum st store_forget(struct db_tx *tx, int64_t now_ms, int64_t keep_ms);

/* NULL data: no memory. */
struct str agent_text_of(int64_t number, struct arena *arena);

#endif
