/* approval.h: requests for a person's approval, verdicts, their single use, and approvals in
 * advance. What is decided is in core_*.c (pure), what is kept in store_*.c, what is answered in
 * handlers_*.c, what is told outside in notify*.c. */
#ifndef PIOPL_APPROVAL_H
#define PIOPL_APPROVAL_H

#include "action.h"
#include "gen/approval.h"
#include "gen/common.h"
#include "gen/registry.h"

#define APPROVAL_SCHEMA_VERSION 2
#define APPROVAL_OPEN_MAX 100 /* requests of one agent that wait or are approved and unused */
#define APPROVAL_LIST_DEFAULT 20
#define APPROVAL_VERDICTS_MAX 16 /* needed is at most 10, and one rejection ends a request */
#define APPROVAL_POLL_MS 1000    /* how often who waits without the event should ask */
#define APPROVAL_DUE_CHUNK 100   /* requests in one transaction of the tick */
#define PREAPPROVAL_LIST_DEFAULT 50
#define PREAPPROVAL_PREFIX_MIN 3 /* fixed characters a resource pattern begins with */
#define PREAPPROVAL_STARS_MAX 8
#define RESOURCE_BYTES_MAX 1024 /* 256 code points */

#define APPROVER_BIT(role) (1u << (unsigned)(role))
#define APPROVERS_DEFAULT APPROVER_BIT(APPROVAL_APPROVER_ROLE_APPROVER)
/* Who may approve in advance, and end such an approval. */
#define PREAPPROVERS                                                                               \
	(APPROVER_BIT(APPROVAL_APPROVER_ROLE_APPROVER) |                                           \
	 APPROVER_BIT(APPROVAL_APPROVER_ROLE_STEWARD))

/* Arrays of the contract are structs without a name; this copies one into another. */
#define LIST_COPY(to, from) ((to).items = (from).items, (to).count = (from).count)

struct agent_row {
	int64_t number;
	struct str name, owner, unit, role;
	int64_t tier;
	double score;
	enum registry_agent_state state;
};

struct person_row {
	struct str person_id, name, email; /* email .data NULL: none */
	uint32_t roles;
};

/* Everyone who holds one of the roles; of them those named, when people are named. */
struct group {
	uint32_t roles; /* 0: nobody */
	struct str *people;
	size_t people_count;
};

struct request_row {
	struct str request_id;
	int64_t agent_number;
	struct approval_action action;
	struct str digest;
	struct str reason, summary, parameters; /* the last two: .data NULL when none */
	enum approval_trigger trigger;
	struct str *rules;
	size_t rule_count;
	bool has_confidence;
	double confidence;
	struct group group, second;
	int64_t needed;
	bool own_allowed;
	int64_t escalate_ms, escalated_ms; /* 0: none */
	struct str owner, requested_by, asked_by, trace_id;
	int64_t created_ms, deadline_ms, validity_ms;
	enum approval_request_state state; /* as it is kept; request_state_at says what it is now */
	int64_t approved_ms, valid_until_ms, ended_ms; /* 0: not */
	struct str ended_by, end_reason;
	int64_t approvals;
};

/* -- asking (core_terms.c) -- */

struct approval_limits {
	int64_t deadline_default_ms, deadline_max_ms;
	int64_t validity_default_ms, validity_max_ms;
	int64_t preapproval_life_max_ms;
	int64_t preapproval_uses_max;
	int64_t preapproval_amount_max; /* whole units of whatever currency, all uses together */
};

uint32_t roles_of(const enum approval_approver_role *items, size_t count);
/* 0 for a name that is no role. */
uint32_t role_bit_of_registry(enum registry_person_role role);
/* Lists are shared with `in`. */
struct group group_of(const struct approval_approver_group *in);
/* The action of a request. */
struct approval_action action_of(const struct approval_approval_request_request *in);
/* Who is asked, how many, how long: into `ret`, which is otherwise untouched. `by_policy`: the
 * caller is the policy service. ST_APPROVAL_TERMS_OF_POLICY, ST_APPROVAL_TERMS_INVALID. */
MUST_CHECK enum st terms_decide(const struct approval_limits *limits,
				const struct approval_approval_request_request *in, bool by_policy,
				int64_t now_ms, struct request_row *ret, struct problem *problem);
/* ST_APPROVAL_PARAMETERS_DIFFER unless the text is what the hash says. */
MUST_CHECK enum st parameters_check(struct str parameters, struct str parameters_hash,
				    struct problem *problem);

/* -- judging (core_verdict.c) -- */

/* A passed time counts before the tick has written it down. */
enum approval_request_state request_state_at(const struct request_row *row, int64_t now_ms);
/* When the tick has to look at it next; 0: never more. */
int64_t request_due_ms(const struct request_row *row);

enum request_due {
	REQUEST_DUE_NOTHING,
	REQUEST_DUE_ESCALATE,
	REQUEST_DUE_EXPIRE,
	REQUEST_DUE_LAPSE
};
enum request_due request_due_at(const struct request_row *row, int64_t now_ms);

bool group_has(const struct group *group, const struct person_row *person);
/* Is the person meant by this name: their id (also as a principal, "human:per_..."), address or
 * name? */
bool person_is(const struct person_row *person, struct str name);
/* Did the person's own agent, or the person, ask for it, or is it done for them? */
bool request_is_own(const struct request_row *row, struct str owner_now,
		    const struct person_row *person);

struct verdict_view {
	const struct request_row *row;
	struct str owner_now;
	const struct person_row *person;
	bool given; /* this person gave a verdict before */
};
/* `ret_escalated`: counts as one of the second group. ST_APPROVAL_DIGEST_DIFFERS,
 * ST_APPROVAL_VERDICT_GIVEN, ST_APPROVAL_DEADLINE_PASSED, ST_APPROVAL_NOT_PENDING,
 * ST_ROLE_REQUIRED, ST_APPROVAL_NOT_IN_GROUP, ST_APPROVAL_OWN_AGENT; the first that holds. */
MUST_CHECK enum st verdict_decide(const struct verdict_view *view, struct str digest,
				  int64_t now_ms, bool *ret_escalated, struct problem *problem);
/* What the request is after this verdict: one rejection ends it, enough approvals approve. */
enum approval_request_state verdict_outcome(const struct request_row *row,
					    enum approval_verdict_kind verdict);

/* -- using (core_verdict.c) -- */

struct approving {
	struct str person_id;
	uint32_t roles; /* when they signed */
};
struct required {
	uint32_t roles;
	int64_t needed;
};
/* ST_APPROVAL_DIGEST_DIFFERS, ST_APPROVAL_NOT_GIVEN, ST_APPROVAL_REJECTED,
 * ST_APPROVAL_DEADLINE_PASSED, ST_APPROVAL_WITHDRAWN, ST_APPROVAL_USED, ST_APPROVAL_LAPSED,
 * ST_APPROVAL_TERMS_WEAKER. */
MUST_CHECK enum st consume_decide(const struct request_row *row, const struct approving *approving,
				  size_t count, struct str digest, const struct required *required,
				  int64_t now_ms, struct problem *problem);

/* -- in advance (core_preapproval.c) -- */

struct preapproval_row {
	struct approval_preapproval preapproval; /* usable not yet filled */
	int64_t agent_number;                    /* 0: of a unit */
};

/* Begins with fixed text, few stars, "**" at the end only. ST_PREAPPROVAL_UNBOUNDED with `pointer`.
 */
MUST_CHECK enum st resource_pattern_check(struct str pattern, const char *pointer,
					  struct problem *problem);
/* Bounded in every way? ST_PREAPPROVAL_UNBOUNDED, ST_PREAPPROVAL_TOO_WIDE, ST_CURRENCY_MISMATCH. */
MUST_CHECK enum st grant_check(const struct approval_limits *limits,
			       const struct approval_preapproval_grant *grant, int64_t now_ms,
			       struct problem *problem);

bool preapproval_usable(const struct approval_preapproval *preapproval, int64_t now_ms);

/* -- telling (core_notify.c) -- */

#define NOTIFY_TRIES_MAX 8
#define NOTIFY_BACKOFF_FIRST_MS 1000
#define NOTIFY_BACKOFF_MAX_MS (10 * 60 * 1000)
#define NOTIFY_SECRET_BYTES_MIN 16
#define NOTIFY_BODY_BYTES_MAX (64 * 1024)
#define WEBHOOK_SIGNATURE_SIZE 96 /* "t=<seconds>,v1=<64 hex digits>" and a NUL */

enum notify_channel { NOTIFY_WEBHOOK = 1, NOTIFY_MAIL };
enum notify_state { NOTIFY_DUE = 1, NOTIFY_SENDING, NOTIFY_SENT, NOTIFY_FAILED, NOTIFY_UNKNOWN };

/* Is this step told over this channel? */
bool notify_wanted(enum notify_channel channel, enum approval_request_step step);
/* After `tries` tries failed. */
int64_t notify_backoff_ms(int64_t tries);
/* What an HTTP answer, or none (0), says. */
enum notify_state webhook_outcome(long http_status, int64_t tries);
/* What an SMTP session says: finished, its last code, and whether the whole message had been given
 * before it ended. */
enum notify_state mail_outcome(bool finished, long smtp_code, bool all_given, int64_t tries);
void webhook_signature(struct str secret, int64_t now_ms, struct str delivery_id, struct str body,
		       char ret[WEBHOOK_SIGNATURE_SIZE]);
/* "apr_.../created/webhook": the same at each try. */
struct str delivery_id_of(struct str request_id, enum approval_request_step step,
			  enum notify_channel channel, struct arena *arena);

struct mail {
	struct str from, delivery_id, subject, text;
	int64_t now_ms;
};
/* A whole message: headers, and the text in base64. Nothing in it can add a header. */
struct str mail_message(const struct mail *mail, struct arena *arena);

#endif
