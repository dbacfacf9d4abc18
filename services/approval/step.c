/* step.c: a step of a request: its row, its event, what is told outside, and its evidence. */
#include "handlers.h"

static const struct proto_event *step_event(enum approval_request_step step)
{
	static const struct proto_event *const events[] = {
		[APPROVAL_REQUEST_STEP_CREATED] = &EVT_APPROVAL_REQUEST_CREATED,
		[APPROVAL_REQUEST_STEP_ESCALATED] = &EVT_APPROVAL_REQUEST_ESCALATED,
		[APPROVAL_REQUEST_STEP_APPROVED] = &EVT_APPROVAL_REQUEST_APPROVED,
		[APPROVAL_REQUEST_STEP_REJECTED] = &EVT_APPROVAL_REQUEST_REJECTED,
		[APPROVAL_REQUEST_STEP_EXPIRED] = &EVT_APPROVAL_REQUEST_EXPIRED,
		[APPROVAL_REQUEST_STEP_WITHDRAWN] = &EVT_APPROVAL_REQUEST_WITHDRAWN,
		[APPROVAL_REQUEST_STEP_CONSUMED] = &EVT_APPROVAL_REQUEST_CONSUMED,
		[APPROVAL_REQUEST_STEP_LAPSED] = &EVT_APPROVAL_REQUEST_LAPSED,
	};

	ASSERT(step != APPROVAL_REQUEST_STEP_NONE);
	return events[step];
}

static enum st notices_put(const struct svc_scope *scope, const struct approval_service *approval,
			   const struct request_row *row, enum approval_request_step step)
{
	const bool there[] = { [NOTIFY_WEBHOOK] = approval->webhook_url[0] != 0,
			       [NOTIFY_MAIL] = approval->smtp_url[0] != 0 };

	for (int channel = NOTIFY_WEBHOOK; channel <= NOTIFY_MAIL; channel++) {
		struct notice notice = { .request_id = row->request_id,
					 .step = step,
					 .channel = (enum notify_channel)channel };
		if (there[channel] && notify_wanted(notice.channel, step))
			TRY(store_notice_insert(scope->tx, &notice, scope->now_ms));
	}
	return ST_OK;
}

enum st step_tell(const struct svc_scope *scope, const struct approval_service *approval,
		  const struct request_row *row, const struct step *step)
{
	struct approval_request_changed *event =
		ARENA_NEW(scope->arena, struct approval_request_changed);

	if (!event)
		return ST_TOO_LARGE;
	TRY(changed_view(row, step->step, scope->arena, event));
	event->by = step->by;
	event->used_for = step->used_for;
	event->asked_by = row->asked_by;
	event->has_approvers = step->approver_count > 0;
	event->approvers.items = step->approvers;
	event->approvers.count = step->approver_count;
	TRY(svc_emit_in(scope, step_event(step->step), &row->request_id, event, 1));
	return notices_put(scope, approval, row, step->step);
}

enum st step_take(const struct svc_scope *scope, const struct approval_service *approval,
		  const struct request_row *row, const struct step *step)
{
	TRY(store_request_update(scope->tx, row));
	return step_tell(scope, approval, row, step);
}

static const char *step_operation(enum approval_request_step step)
{
	switch (step) {
	case APPROVAL_REQUEST_STEP_ESCALATED:
		return "approval.escalate";
	case APPROVAL_REQUEST_STEP_EXPIRED:
		return "approval.expire";
	case APPROVAL_REQUEST_STEP_LAPSED:
		return "approval.lapse";
	case APPROVAL_REQUEST_STEP_WITHDRAWN:
		return "approval.withdraw";
	case APPROVAL_REQUEST_STEP_CONSUMED:
		return "approval.consume";
	case APPROVAL_REQUEST_STEP_NONE:
	case APPROVAL_REQUEST_STEP_CREATED:
	case APPROVAL_REQUEST_STEP_APPROVED:
	case APPROVAL_REQUEST_STEP_REJECTED:
		break;
	}
	ASSERT(false);
	return "";
}

enum st step_alone(const struct svc_scope *scope, const struct approval_service *approval,
		   const struct request_row *row, const struct step *step)
{
	bool escalated = step->step == APPROVAL_REQUEST_STEP_ESCALATED;
	bool consumed = step->step == APPROVAL_REQUEST_STEP_CONSUMED;
	struct note note = {
		.operation = step_operation(step->step),
		.agent_id = row->action.agent_id,
		.tool = row->action.tool,
		.user_id = step->by.data ? step->by : STR("approval"),
		.parameters_hash = row->digest,
		.applied = row->request_id,
		.decision = escalated  ? COMMON_EVIDENCE_POLICY_DECISION_REQUIRE_APPROVAL
			    : consumed ? COMMON_EVIDENCE_POLICY_DECISION_ALLOW
				       : COMMON_EVIDENCE_POLICY_DECISION_DENY,
		.status = escalated ? COMMON_EVIDENCE_OUTCOME_STATUS_PENDING
				    : COMMON_EVIDENCE_OUTCOME_STATUS_SUCCESS,
	};

	TRY(step_take(scope, approval, row, step));
	return evidence_emit(scope, &note);
}
