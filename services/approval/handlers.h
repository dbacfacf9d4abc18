/* handlers.h: what the handlers share: the service's state, evidence, acts of people, and the steps
 * of a request. */
#ifndef PIOPL_APPROVAL_HANDLERS_H
#define PIOPL_APPROVAL_HANDLERS_H

#include "store.h"
#include "svc.h"

#define ACT_PAYLOAD_BYTES_MAX 8192 /* of a verdict or a pre-approval, as it was signed */

enum mail_tls { MAIL_TLS_NONE, MAIL_TLS_IF_OFFERED, MAIL_TLS_REQUIRED };

struct approval_service {
	struct approval_limits limits;
	char webhook_url[512]; /* "": no such channel */
	char webhook_secret[CONFIG_SECRET_BYTES_MAX + 1];
	char smtp_url[512]; /* "": no such channel */
	char smtp_from[256];
	char smtp_user[256];
	char smtp_password[CONFIG_SECRET_BYTES_MAX + 1];
	int smtp_tls; /* enum mail_tls */
};

extern const struct config_field approval_config[];
extern const struct metric_definition approval_metrics[];
extern const struct svc_call approval_calls[];
extern const struct svc_follow approval_follows[];
extern const struct svc_tick approval_ticks[];
MUST_CHECK enum st approval_start(struct svc *svc, void *state);

enum approval_metric {
	APPROVAL_METRIC_SENT = METRIC_SERVICE_FIRST,
	APPROVAL_METRIC_AGAIN,
	APPROVAL_METRIC_FAILED,
	APPROVAL_METRIC_UNKNOWN,
};

/* -- evidence (evidence.c) -- */

/* What one act leaves behind. */
struct note {
	const char *operation; /* "approval.request" */
	struct str agent_id;   /* the agent, or "approval" for an act about none that is known */
	struct str tool;       /* the action's, or "approval" */
	struct str user_id;    /* who asked; the signer of an act */
	struct str
		parameters_hash; /* the action's digest once it is known, before that the body's */
	struct str applied;      /* the request or pre-approval; .data NULL: none yet */
	const struct act *act;   /* the signed act that allowed it; NULL: none */
	enum common_evidence_policy_decision decision;
	enum common_evidence_outcome_status status;
};

/* Runs the part of a handler that acts and records that it did. A refusal is recorded too, and
 * commits its record: everything is judged before anything is written, so a refused act has
 * written nothing else. */
MUST_CHECK enum st recorded(struct svc_request *req, const char *operation,
			    enum st (*act)(struct svc_request *req, struct note *note));
MUST_CHECK enum st evidence_emit(const struct svc_scope *scope, const struct note *note);
/* On whose behalf: the principal, or the caller itself. */
struct str asker_of(const struct svc_request *req);

/* -- acts (acts.c) -- */

/* The act of a person who holds one of the rule's roles; not yet spent. Also puts it into the
 * note. `ret` has to live as long as the note. */
MUST_CHECK enum st person_act(struct svc_request *req, const struct common_signed_act *in,
			      const struct act_rule *rule, struct note *note, struct act *ret,
			      void *ret_payload);
MUST_CHECK enum st act_spent(struct svc_request *req, const struct act *act);
/* The signer, who is there when their key was found. */
MUST_CHECK enum st signer_load(struct svc_request *req, const struct act *act,
			       struct person_row *ret);

/* -- requests as they are told (view.c) -- */

/* ST_APPROVAL_AGENT_UNKNOWN with the place. */
MUST_CHECK enum st agent_load(struct svc_request *req, struct str agent_id, const char *pointer,
			      struct agent_row *ret);
/* Locked; ST_NOT_FOUND with the place. The note knows of it from then on. */
MUST_CHECK enum st request_load(struct svc_request *req, struct str request_id, struct note *note,
				struct request_row *ret);
MUST_CHECK enum st request_view(struct svc_request *req, const struct request_row *row,
				bool parameters, struct approval_approval *ret);
MUST_CHECK enum st group_view(const struct group *group, struct arena *arena,
			      struct approval_approver_group *ret);
/* The whole answer about one request. */
MUST_CHECK enum st request_answer(struct svc_request *req, const struct request_row *row,
				  struct approval_approval_reply *ret);
MUST_CHECK enum st changed_view(const struct request_row *row, enum approval_request_step step,
				struct arena *arena, struct approval_request_changed *ret);

/* -- steps (step.c) -- */

struct step {
	enum approval_request_step step;
	struct str by;                             /* .data NULL: time */
	struct str used_for;                       /* .data NULL: none */
	struct approval_given_approval *approvers; /* with the step approved */
	size_t approver_count;
};
/* Who approved, for the event that tells it. */
MUST_CHECK enum st approvers_list(struct svc_request *req, struct str request_id,
				  struct approval_given_approval **ret, size_t *ret_count);
/* Writes the row, tells the event, and puts what is told outside into its table. Not for the first
 * step, whose row is inserted. */
MUST_CHECK enum st step_take(const struct svc_scope *scope, const struct approval_service *approval,
			     const struct request_row *row, const struct step *step);
MUST_CHECK enum st step_tell(const struct svc_scope *scope, const struct approval_service *approval,
			     const struct request_row *row, const struct step *step);
/* The same with evidence, for what no call did. */
MUST_CHECK enum st step_alone(const struct svc_scope *scope,
			      const struct approval_service *approval,
			      const struct request_row *row, const struct step *step);

/* -- calls -- */
enum st on_approval_request(struct svc_request *req);
enum st on_approval_get(struct svc_request *req);
enum st on_approval_list(struct svc_request *req);
enum st on_approval_verdict(struct svc_request *req);
enum st on_approval_withdraw(struct svc_request *req);
enum st on_approval_consume(struct svc_request *req);
enum st on_preapproval_add(struct svc_request *req);
enum st on_preapproval_revoke(struct svc_request *req);
enum st on_preapproval_list(struct svc_request *req);

/* -- the registry's events (follow.c) -- */
enum st on_agent_created(struct svc_event *event);
enum st on_agent_updated(struct svc_event *event);
enum st on_agent_transition(struct svc_event *event);
enum st on_agent_terminated(struct svc_event *event);
enum st on_person_changed(struct svc_event *event);
enum st on_key_changed(struct svc_event *event);
/* The policy service's. */
enum st on_approval_used(struct svc_event *event);
enum st on_preapproval_used(struct svc_event *event);

/* -- time (timed.c), telling (notify.c) -- */
enum st tick_due(struct svc_tick_context *tick);
enum st tick_notify(struct svc_tick_context *tick);

#endif
