/* service.h: the service's state in one process, and what its sources share. */
#ifndef PIOPL_POLICY_SERVICE_H
#define PIOPL_POLICY_SERVICE_H

#include "decide.h"
#include "gen/approval.h"
#include "gen/policy.h"
#include "gen/registry.h"
#include "preapproval.h"
#include "svc.h"
#include "token_check.h"
#include "widen.h"

#define POLICY_SCHEMA_VERSION 5
#define AGENTS_MAX 100000
#define DOCUMENTS_MAX 50000
#define METERS_MAX (1u << 18) /* remembered by a worker; a power of two */
#define UUID_BYTES 16
#define DECISIONS_BATCH_MAX 8192    /* in one commit */
#define RESERVATION_MS (15 * 60000) /* default; then a reservation expires */
#define DECISIONS_KEEP_MS (INT64_C(30) * 86400000)
#define DIFFERENCES_MAX 500
#define ZONES_LOADED_MAX 64

enum document_state { DOCUMENT_DRAFT = 1, DOCUMENT_SIMULATE, DOCUMENT_ACTIVE, DOCUMENT_RETIRED };

/* A document in memory, in an arena of its own. */
struct loaded {
	struct arena arena;
	struct document *document;
	int64_t revision;
	enum document_state state;
};

struct agent_slot {
	struct arena arena; /* its texts */
	struct agent agent;
	struct chain *shadow; /* with documents in simulation; NULL: none concerns it */
};

struct meter {
	int64_t number;
	uint64_t kind_hash; /* 0: free */
	struct str kind;    /* only until the batch ends */
	int64_t window_ms, used;
	bool dirty;
};

/* The decisions of this batch, written as one row at its end. */
struct decision_rows {
	size_t count;
	uint8_t ids[DECISIONS_BATCH_MAX][UUID_BYTES];
	int64_t numbers[DECISIONS_BATCH_MAX];
	struct str tools[DECISIONS_BATCH_MAX];
	int32_t verdicts[DECISIONS_BATCH_MAX];
	int32_t shadows[DECISIONS_BATCH_MAX];
	struct str requests[DECISIONS_BATCH_MAX];
	struct str reasons[DECISIONS_BATCH_MAX];
	int64_t reserved[DECISIONS_BATCH_MAX];
	int32_t outcomes[DECISIONS_BATCH_MAX];
};

/* What one call added to a meter, to be taken back when it is refused after all. */
struct meter_change {
	struct meter *meter;
	int64_t amount;
};

/* Where a batch stood before a call. */
struct decision_mark {
	size_t rows, changes;
};

enum token_mode { TOKENS_REQUIRED, TOKENS_DEVELOPMENT };

struct policy_service {
	/* configuration */
	int tokens;
	int64_t reservation_ms;
	int64_t keep_ms;
	int64_t stale_ms;
	char zone_folder[256];
	char business_zone[64];
	char activation_role[32];
	char approver_roles[128];
	bool development;
	struct token_nonces nonces; /* mapped before the processes are forked */

	/* what is known, refreshed at the beginning of a batch */
	int64_t stamp, version, phase, token_heard_ms;
	char constitution_hash[80];
	struct agent_slot **agents; /* sorted by number */
	size_t agent_count;
	struct loaded **documents; /* sorted by node, then id and revision */
	size_t document_count;
	bool any_simulated;
	struct token_verifier *verifier;

	/* what a batch holds */
	bool batch_open;
	bool meters_locked, meters_valid;
	int64_t meter_stamp;
	struct meter *meters;
	size_t meter_count;
	struct meter *dirty[DECISIONS_BATCH_MAX * 2];
	size_t dirty_count;
	struct meter_change changes[DECISIONS_BATCH_MAX * 2];
	size_t change_count;
	struct decision_rows rows;

	/* time zones, read once */
	struct arena zone_arena;
	struct zone *zones[ZONES_LOADED_MAX];
	size_t zone_count;
	struct calendar business_hours;
	const struct calendar *calendars[1];
	struct condition_names names;
	struct document_environment environment;
	struct arena scratch;
};

extern const struct config_field policy_config[];
extern const struct db_statement policy_statements[];
extern const struct svc_call policy_calls[];
extern const struct svc_follow policy_follows[];
extern const struct svc_tick policy_ticks[];
MUST_CHECK enum st policy_start(struct svc *svc, void *state);
MUST_CHECK enum st policy_batch(const struct svc_scope *scope, void *state,
				enum svc_batch_step step);

/* -- statements -- */
enum policy_statement {
	POL_STATE,
	POL_AGENTS_SINCE,
	POL_DOCUMENTS_SINCE,
	POL_TOKENS_SINCE,
	POL_METER_LOCK,
	POL_METERS_SINCE,
	POL_METERS_PUT,
	POL_RUN_INSERT,
	POL_DECISION_GET,
	POL_DECISION_STATE,
	POL_OUTCOME_INSERT,
	POL_DECISIONS_RECENT,
	POL_RUNS_DUE,
	POL_DECISIONS_DUE,
	POL_RUNS_SWEPT,
	POL_RUNS_EXPIRE,
	POL_OUTCOMES_EXPIRE,
	POL_METER_RELEASE,
	POL_PERSON_ROLES,
	POL_PEOPLE_OF_ROLES,
	POL_DOCUMENT_INSERT,
	POL_DOCUMENT_GET,
	POL_DOCUMENT_IN_FORCE,
	POL_DOCUMENT_LIST,
	POL_DOCUMENT_STATE,
	POL_DOCUMENT_RETIRE_OTHERS,
	POL_VERSION_NEXT,
	POL_VERSION_INSERT,
	POL_VERSION_GET,
	POL_VERSION_LIST,
	POL_AGENT_PUT,
	POL_AGENT_STATE,
	POL_AGENTS_KILL,
	POL_CONSTITUTION,
	POL_PERSON_PUT,
	POL_TOKEN_NEWS,
	POL_TOKEN_HEARD,
	POL_TOKEN_FORGET,
	POL_APPROVAL_PUT,
	POL_APPROVAL_WITHDRAW,
	POL_APPROVAL_GET,
	POL_APPROVAL_USE,
	POL_APPROVALS_FORGET,
	POL_PREAPPROVAL_PUT,
	POL_PREAPPROVAL_REVOKE,
	POL_PREAPPROVALS_FIND,
	POL_PREAPPROVAL_USE,
	POL_PREAPPROVALS_FORGET,
	POL_STATEMENT_COUNT,
};

/* -- state.c: what is known -- */
MUST_CHECK enum st state_refresh(const struct svc_scope *scope, struct policy_service *policy);
const struct agent_slot *agent_find(const struct policy_service *policy, int64_t number);
/* Documents that apply to a place, active ones; for a new document of it. */
size_t documents_above(const struct policy_service *policy, enum place_kind place, struct str node,
		       const struct document **ret, size_t max);
/* The chain of an agent with these documents in place of those with the same ids. */
void chain_make(const struct policy_service *policy, const struct agent *agent,
		const struct loaded *const *instead, size_t instead_count, bool simulated,
		struct chain *ret);
MUST_CHECK enum st zones_init(struct policy_service *policy);
/* Loads a text as this installation reads it. */
MUST_CHECK enum st document_read(struct policy_service *policy, struct arena *arena,
				 struct str text, struct document **ret, struct problem *problem);

/* -- meter.c: caps and rates -- */
/* Once a batch; before anything else is locked that a decision or an outcome locks. */
MUST_CHECK enum st meters_lock(const struct svc_scope *scope, struct policy_service *policy);
/* Takes back what was added since `count` of changes. */
void meters_undo(struct policy_service *policy, size_t count);
/* Takes the lock if this batch does not hold it, and gives the window's use. */
MUST_CHECK enum st meter_get(const struct svc_scope *scope, struct policy_service *policy,
			     int64_t number, struct str kind, int64_t window_ms,
			     struct meter **ret);
void meter_add(struct policy_service *policy, struct meter *meter, int64_t amount);
MUST_CHECK enum st meters_write(const struct svc_scope *scope, struct policy_service *policy);
void meters_forget(struct policy_service *policy);
int64_t day_of(int64_t now_ms);

/* -- decision.c -- */
/* A decision with its evidence, row and reservation; `record` false: none of these. */
MUST_CHECK enum st decision_make(struct svc_request *req, const struct policy_decide_request *in,
				 bool record, struct policy_decision *ret);
/* Around a call: when it is refused, what it decided before that did not happen. */
struct decision_mark decisions_mark(const struct policy_service *policy);
enum st decisions_end(struct policy_service *policy, struct decision_mark mark, enum st st);
MUST_CHECK enum st decisions_write(const struct svc_scope *scope, struct policy_service *policy);
/* A request of the contract, as attributes; texts point into it. */
void evaluation_fill(const struct policy_decide_request *in, const struct agent *agent,
		     const struct tool_declaration *tool, int64_t now_ms, struct arena *arena,
		     struct evaluation *ret);
/* Decides a recorded request again with another chain. */
enum verdict recorded_verdict(const struct agent *agent, const struct chain *chain,
			      struct str request, struct arena *arena);

/* -- approval.c: what a person approved -- */
struct approval_found {
	bool usable;
	struct str words; /* who approved, or why it is not good; .data NULL: none was named */
	struct str preapproval_id; /* .data NULL: exactly this action was approved */
	int64_t use;               /* which of the pre-approval's it is */
	struct str approver;       /* the first of them, for evidence */
	int64_t approved_ms;
	uint32_t *approving; /* the roles of each who approved */
	size_t approving_count;
};
/* The action that a request is, for those who approve it. */
struct approval_action decision_action(const struct policy_decide_request *in, uint8_t operation);
/* Roles whose approval counts where no document says which. */
uint32_t approver_roles(const struct policy_service *policy);
/* The approval a request names, held against exactly this action. `lock`: nobody else uses it until
 * the transaction ends. */
MUST_CHECK enum st approval_find(struct svc_request *req, const struct policy_decide_request *in,
				 uint8_t operation, bool lock, struct approval_found *ret);
MUST_CHECK enum st approval_use(struct svc_request *req, const struct policy_decide_request *in,
				struct str evidence_id);
/* What a request for approval says, from the reasons of a decision. */
MUST_CHECK enum st approval_ask_fill(struct svc_request *req, const struct decide_input *input,
				     const struct outcome *outcome, struct policy_decision *out);
/* Those of a list of the contract. */
MUST_CHECK enum st approvers_group(struct arena *arena, uint32_t roles,
				   struct policy_approver_group **ret);
enum st on_request_approved(struct svc_event *event);
enum st on_request_withdrawn(struct svc_event *event);
MUST_CHECK enum st approvals_forget(struct svc_tick_context *tick);

/* -- preapproval.c: what a person approved in advance -- */
/* One that covers the action; `lock`: its uses stay as they are until the transaction ends. */
MUST_CHECK enum st preapproval_find(struct svc_request *req, const struct policy_decide_request *in,
				    const struct decide_input *input,
				    const struct approvers *wanted, bool lock,
				    struct approval_found *ret);
MUST_CHECK enum st preapproval_use(struct svc_request *req, const struct policy_decide_request *in,
				   uint8_t operation, const struct approval_found *found,
				   struct str evidence_id);
enum st on_preapproval_added(struct svc_event *event);
enum st on_preapproval_revoked(struct svc_event *event);
MUST_CHECK enum st preapprovals_forget(struct svc_tick_context *tick);

/* An approval by its id, held against an action; nothing is locked. */
MUST_CHECK enum st approval_check(struct svc_request *req, const struct approval_action *action,
				  struct str approval_id, struct approval_found *ret);

/* -- activation.c: people approve what is put in force, where the root says so -- */
struct activation_wanted {
	struct approvers approvers;
	const struct document *document; /* that wants most; NULL: none does */
};
/* False: no document of the root wants approval. */
bool activation_wanted_now(const struct policy_service *policy, struct activation_wanted *ret);
/* ST_ACTIVATION_IMPOSSIBLE when nobody could approve what comes after these changes. */
MUST_CHECK enum st activation_stays_possible(struct svc_request *req,
					     const struct loaded *const *changes, size_t count);
MUST_CHECK enum st activation_hash_changes(struct svc_request *req,
					   const struct loaded *const *changes, size_t count,
					   char ret[HASH_TEXT_SIZE]);
MUST_CHECK enum st activation_hash_rollback(struct svc_request *req, int64_t version,
					    char ret[HASH_TEXT_SIZE]);
/* `ret` usable: it has to be used with the change. ST_ACTIVATION_NOT_APPROVED with what to ask. */
MUST_CHECK enum st activation_judge(struct svc_request *req, const char *tool, const char *hash,
				    struct str approval_id, struct approval_found *ret);
MUST_CHECK enum st activation_use(struct svc_request *req, struct str approval_id,
				  struct str evidence_id);
MUST_CHECK enum st activation_ask_fill(struct svc_request *req, const char *tool, const char *hash,
				       struct policy_activation_terms_reply *out);

/* -- act.c: who asks, and evidence of what people do with documents -- */
/* The role that puts documents in force, as the registry numbers it; 0: there is no such role. */
int32_t activation_role_number(const struct policy_service *policy);
/* The id of the person who asks, by whichever door. */
struct str principal_person(const struct svc_request *req);
MUST_CHECK enum st activation_allowed(struct svc_request *req, struct str *ret_by);
MUST_CHECK enum st policy_evidence(struct svc_request *req, const char *operation, struct str by,
				   bool refused);
/* Of what people approved; its id was made before. */
MUST_CHECK enum st policy_evidence_approved(struct svc_request *req, const char *operation,
					    struct str by, const struct approval_found *found,
					    struct str approval_id, struct str evidence_id);

enum st on_decide(struct svc_request *req);
enum st on_decide_many(struct svc_request *req);
enum st on_try(struct svc_request *req);
enum st on_outcome_report(struct svc_request *req);
enum st on_explain(struct svc_request *req);
enum st on_access_evaluation(struct svc_request *req);
enum st on_access_evaluations(struct svc_request *req);
enum st on_what_may(struct svc_request *req);
enum st on_who_may(struct svc_request *req);
enum st on_which_policies(struct svc_request *req);
enum st on_document_check(struct svc_request *req);
enum st on_document_put(struct svc_request *req);
enum st on_document_get(struct svc_request *req);
enum st on_document_list(struct svc_request *req);
enum st on_plan(struct svc_request *req);
enum st on_activation_terms(struct svc_request *req);
enum st on_apply(struct svc_request *req);
enum st on_rollback(struct svc_request *req);
enum st on_version_list(struct svc_request *req);
enum st on_replay(struct svc_request *req);

enum st tick_due(struct svc_tick_context *tick);
enum st tick_forget(struct svc_tick_context *tick);

#endif
