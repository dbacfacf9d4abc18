/* store.h: what the approval service keeps. Every statement is in store.c's table; functions are in
 * store_*.c. Strings that come back live in the arena given. "Not there" is an answer
 * (`ret_found`), not a failure. */
#ifndef PIOPL_APPROVAL_STORE_H
#define PIOPL_APPROVAL_STORE_H

#include "act.h"
#include "approval.h"
#include "db.h"

enum approval_statement {
	APR_ACT_FIND, /* these two stand together, see act.h */
	APR_ACT_INSERT,
	APR_AGENT_PUT,
	APR_AGENT_STATE,
	APR_AGENT_GET,
	APR_PERSON_PUT,
	APR_PERSON_GET,
	APR_PERSON_ADDRESSES,
	APR_KEY_PUT,
	APR_KEY_FIND,
	APR_AGENT_LOCK,
	APR_OPEN_COUNT,
	APR_REQUEST_INSERT,
	APR_REQUEST_GET,
	APR_REQUEST_LOCK,
	APR_REQUEST_UPDATE,
	APR_REQUEST_LIST,
	APR_REQUEST_DUE,
	APR_REQUEST_OPEN,
	APR_SIMILAR,
	APR_VERDICT_INSERT,
	APR_VERDICT_LIST,
	APR_CONSUMPTION_INSERT,
	APR_PREAPPROVAL_INSERT,
	APR_PREAPPROVAL_GET,
	APR_PREAPPROVAL_LOCK,
	APR_PREAPPROVAL_LIST,
	APR_PREAPPROVAL_REVOKE,
	APR_PREAPPROVAL_TAKE,
	APR_USE_INSERT,
	APR_NOTIFY_INSERT,
	APR_NOTIFY_MINE,
	APR_NOTIFY_CLAIM,
	APR_NOTIFY_FINISH,
	APR_NOTIFY_ORPHANS,
	APR_STATEMENT_COUNT,
};
extern const struct db_statement approval_statements[];

/* -- what the registry tells (store_people.c) -- */

MUST_CHECK enum st store_agent_put(struct db_tx *tx, const struct registry_agent *agent,
				   int64_t number);
MUST_CHECK enum st store_agent_state(struct db_tx *tx, int64_t number,
				     enum registry_agent_state state);
MUST_CHECK enum st store_agent_get(struct db_tx *tx, struct arena *arena, int64_t number,
				   struct agent_row *ret, bool *ret_found);
MUST_CHECK enum st store_person_put(struct db_tx *tx, const struct registry_person *person);
/* Removed people are not found. */
MUST_CHECK enum st store_person_get(struct db_tx *tx, struct arena *arena, struct str person_id,
				    struct person_row *ret, bool *ret_found);
/* Addresses of a group, at most NOTIFY_ADDRESSES_MAX. */
#define NOTIFY_ADDRESSES_MAX 50
MUST_CHECK enum st store_addresses(struct db_tx *tx, struct arena *arena, const struct group *group,
				   struct str **ret, size_t *ret_count);
MUST_CHECK enum st store_key_put(struct db_tx *tx, const struct registry_key *key);

/* An act_key_find; the context is this. Removed people's keys are not found. */
struct key_source {
	struct db_tx *tx;
	struct arena *arena;
};
MUST_CHECK enum st store_key_find(void *context, struct str key_id, struct act_key *ret,
				  bool *ret_found);

/* -- requests (store_request.c) -- */

/* How many requests of the agent are open; the agent's row is locked, so that two requests at once
 * count each other. */
MUST_CHECK enum st store_open_count(struct db_tx *tx, struct arena *arena, int64_t agent_number,
				    int64_t *ret);
MUST_CHECK enum st store_request_insert(struct db_tx *tx, const struct request_row *row);
MUST_CHECK enum st store_request_get(struct db_tx *tx, struct arena *arena, struct str request_id,
				     struct request_row *ret, bool *ret_found);
/* The same, and nobody else changes it until the transaction ends. */
MUST_CHECK enum st store_request_lock(struct db_tx *tx, struct arena *arena, struct str request_id,
				      struct request_row *ret, bool *ret_found);
/* Keeps state, escalation, approval and end; what was shown of the parameters goes with the end. */
MUST_CHECK enum st store_request_update(struct db_tx *tx, const struct request_row *row);

struct request_filter {
	enum approval_request_state state;
	int64_t agent_number;            /* 0: any */
	const struct person_row *person; /* NULL: any */
	struct str after;                /* "": from the oldest */
	int64_t limit;
	int64_t now_ms;
};
MUST_CHECK enum st store_request_list(struct db_tx *tx, struct arena *arena,
				      const struct request_filter *filter, struct request_row **ret,
				      size_t *ret_count);
/* Those the tick has to look at, locked; others' locks are passed over. */
MUST_CHECK enum st store_request_due(struct db_tx *tx, struct arena *arena, int64_t now_ms,
				     struct request_row **ret, size_t *ret_count);
/* The agent's open ones, locked. */
MUST_CHECK enum st store_request_open(struct db_tx *tx, struct arena *arena, int64_t agent_number,
				      struct request_row **ret, size_t *ret_count);
MUST_CHECK enum st store_similar(struct db_tx *tx, struct arena *arena,
				 const struct request_row *row,
				 struct approval_similar_verdicts *ret);

/* -- verdicts, uses (store_request.c) -- */

struct verdict_row {
	struct approval_given_verdict given;
	uint32_t roles;
};
MUST_CHECK enum st store_verdict_insert(struct db_tx *tx, struct str request_id,
					const struct act *act,
					const struct approval_verdict *verdict, uint32_t roles,
					bool escalated, int64_t now_ms);
MUST_CHECK enum st store_verdict_list(struct db_tx *tx, struct arena *arena, struct str request_id,
				      struct verdict_row **ret, size_t *ret_count);
/* ST_APPROVAL_USED when there is one. */
MUST_CHECK enum st store_consume(struct db_tx *tx, const struct request_row *row, struct str caller,
				 struct str used_for, int64_t now_ms);

/* -- in advance (store_preapproval.c) -- */

MUST_CHECK enum st store_preapproval_insert(struct db_tx *tx, const struct preapproval_row *row,
					    const struct act *act);
MUST_CHECK enum st store_preapproval_get(struct db_tx *tx, struct arena *arena, struct str id,
					 struct preapproval_row *ret, bool *ret_found);
MUST_CHECK enum st store_preapproval_lock(struct db_tx *tx, struct arena *arena, struct str id,
					  struct preapproval_row *ret, bool *ret_found);
MUST_CHECK enum st store_preapproval_list(struct db_tx *tx, struct arena *arena,
					  int64_t agent_number, bool ended, struct str before,
					  int64_t limit, int64_t now_ms,
					  struct preapproval_row **ret, size_t *ret_count);
MUST_CHECK enum st store_preapproval_revoke(struct db_tx *tx, struct str id, struct str by,
					    struct str reason, int64_t now_ms);
struct preapproval_use {
	struct str preapproval_id;
	int64_t use; /* from 1; the one after row's uses */
	int64_t agent_number;
	struct str digest, caller, used_for; /* used_for .data NULL: none */
	int64_t micros;
	int64_t now_ms;
};
MUST_CHECK enum st store_preapproval_use(struct db_tx *tx, const struct preapproval_use *use);

/* -- what is told outside (store_notify.c) -- */

struct notice {
	struct str request_id;
	enum approval_request_step step;
	enum notify_channel channel;
	int64_t tries;
};
MUST_CHECK enum st store_notice_insert(struct db_tx *tx, const struct notice *notice,
				       int64_t now_ms);
/* What is being sent under this claim. */
MUST_CHECK enum st store_notices_mine(struct db_tx *tx, struct arena *arena, struct str claim,
				      struct notice **ret, size_t *ret_count);
/* Takes at most `limit` that are due. */
MUST_CHECK enum st store_notices_claim(struct db_tx *tx, struct arena *arena, struct str claim,
				       int64_t limit, int64_t now_ms, struct notice **ret,
				       size_t *ret_count);
/* `due_ms`: when it is tried again, for NOTIFY_DUE. Nothing happens when it is not this claim's. */
MUST_CHECK enum st store_notice_finish(struct db_tx *tx, const struct notice *notice,
				       struct str claim, enum notify_state state, int64_t due_ms,
				       int64_t now_ms, const char *error);
/* Those whose sender ended: a webhook is due again, mail may have arrived. */
MUST_CHECK enum st store_notice_orphans(struct db_tx *tx, struct str claim, int64_t before_ms,
					int64_t now_ms);

#endif
