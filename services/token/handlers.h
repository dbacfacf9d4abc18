/* handlers.h: what the handlers share: the service's state, evidence, issuing, revoking, keys. */
#ifndef PIOPL_TOKEN_HANDLERS_H
#define PIOPL_TOKEN_HANDLERS_H

#include "store.h"
#include "svc.h"

#define SEALING_TEXT_SIZE 64

struct token_service {
	char sealing_key_text[SEALING_TEXT_SIZE]; /* as in its file; wiped at start */
	uint8_t sealing_key[SEALING_KEY_BYTES];
	struct issue_limits issue;
	int64_t notice_ms;      /* how long before its end a token is announced and renewed */
	int64_t rotation_ms;    /* how long a key is the active one */
	int64_t keep_ms;        /* how long ended tokens are kept */
	struct signing_key key; /* the active one as it was last seen; key_id "": none */
};

extern const struct config_field token_config[];
extern const struct svc_call token_calls[];
extern const struct svc_group token_groups[];
extern const struct svc_follow token_follows[];
extern const struct svc_tick token_ticks[];
MUST_CHECK enum st token_start(struct svc *svc, void *state);

/* -- evidence (evidence.c) -- */

/* What one act leaves behind. */
struct note {
	const char *operation; /* "token.issue" */
	struct str agent_id;   /* the agent, or "token" for an act about none or many */
	struct str user_id;
	struct str parameters_hash;
	struct str token_id; /* .data NULL: none */
	bool refused;
};
MUST_CHECK enum st evidence_emit(const struct svc_scope *scope, const struct note *note);
/* Runs the part of a handler that acts and records that it did. A refusal is recorded too, and
 * commits its record: everything is judged before anything is written. */
MUST_CHECK enum st recorded(struct svc_request *req, const char *operation, struct str agent_id,
			    enum st (*act)(struct svc_request *req, struct note *note));
/* What is known of an act before it is judged. */
MUST_CHECK enum st act_note(const struct svc_request *req, const char *operation,
			    struct str agent_id, struct note *ret);
/* "sha256:..."; NULL data: no memory. */
struct str hash_text_of(struct str bytes, struct arena *arena);
/* On whose behalf: the principal, or the caller itself; cut to what the contract holds. */
struct str asker_of(const struct svc_request *req);
MUST_CHECK enum st new_id(const char *prefix, int64_t now_ms, struct arena *arena, struct str *ret);

/* -- issuing (handlers_issue.c) -- */

struct issue_order {
	struct str agent_id;
	int64_t number;
	struct issue_wish wish;
	bool auto_renew;
	const struct token_capability *renews; /* NULL: none */
	struct str by;
};
/* One of some tokens that are issued together. */
struct issuing {
	struct svc_scope scope; /* the call's own */
	struct issue_order order;
	struct problem *problem;
	enum st st; /* ST_OK, or why not; anything but ST_OK beforehand: left alone */
	struct token_capability capability;
	struct str text; /* the token */
};
/* Judges, signs, keeps, tells, in their order. */
MUST_CHECK enum st issue_all(const struct svc_scope *scope, struct token_service *token,
			     struct issuing *items, size_t count);
/* The successor of a token that may be renewed. */
MUST_CHECK enum st renew(const struct svc_scope *scope, struct token_service *token,
			 const struct token_row *row, struct str by, struct token_capability *ret,
			 struct str *ret_text, struct problem *problem);
enum st on_issue(struct svc_request *req);
enum st on_issues(struct svc_request *const *reqs, size_t count, enum st *ret);
enum st on_renew(struct svc_request *req);

/* -- revoking (handlers_revoke.c) -- */

/* Fills id and times of a revocation whose kind, subject, before, until, reason and by are there,
 * puts it into effect (or only keeps it), tells it and records it. */
MUST_CHECK enum st revoke_now(const struct svc_scope *scope, struct token_revocation *revocation,
			      const struct note *note);
MUST_CHECK enum st revoke_kept(const struct svc_scope *scope, struct token_revocation *revocation,
			       const struct note *note);
/* Tokens by id, as many revocations as it takes. */
MUST_CHECK enum st revoke_tokens(const struct svc_scope *scope, const struct shrunk *tokens,
				 const char *reason, const struct note *note);
enum st on_revoke(struct svc_request *req);
enum st on_revocation_list(struct svc_request *req);

/* -- keys (handlers_keys.c) -- */

/* The key with that id, unsealed. ST_SIGNING_KEY_MISSING when `key_id` is none. */
MUST_CHECK enum st signing_key_get(const struct svc_scope *scope, struct token_service *token,
				   struct str key_id, const struct signing_key **ret);
struct token_key key_fill(const struct key_row *row, struct arena *arena);
/* Revokes it; when it was to sign, another takes its place at once. */
MUST_CHECK enum st key_revoke(const struct svc_scope *scope, struct token_service *token,
			      const struct key_row *key);
enum st on_keys(struct svc_request *req);
enum st on_key_rotate(struct svc_request *req);
enum st tick_keys(struct svc_tick_context *tick);

/* -- reading (handlers_read.c), checking (handlers_check.c) -- */
enum st on_list(struct svc_request *req);
enum st on_show(struct svc_request *req);
enum st on_check(struct svc_request *req);
struct token_verdict verdict_of(enum st st, const struct problem *problem, struct arena *arena);

/* -- the registry's events (follow.c), timed work (timed.c) -- */
enum st on_agent_created(struct svc_event *event);
enum st on_agent_updated(struct svc_event *event);
enum st on_agent_transition(struct svc_event *event);
enum st on_agent_terminated(struct svc_event *event);
enum st on_kill_ordered(struct svc_event *event);
enum st on_role_changed(struct svc_event *event);
enum st tick_due(struct svc_tick_context *tick);
enum st tick_heart(struct svc_tick_context *tick);
enum st tick_forget(struct svc_tick_context *tick);

#endif
