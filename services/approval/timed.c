/* timed.c: deadlines, escalations, approvals that were not used in time. Verdicts and uses look at
 * the clock themselves; this writes down what has come, and tells it. */
#include "handlers.h"

static enum st due_take(const struct svc_scope *scope, const struct approval_service *approval,
			struct request_row *row)
{
	struct step step = { 0 };

	switch (request_due_at(row, scope->now_ms)) {
	case REQUEST_DUE_NOTHING:
		return ST_OK;
	case REQUEST_DUE_ESCALATE:
		row->escalated_ms = scope->now_ms;
		step.step = APPROVAL_REQUEST_STEP_ESCALATED;
		break;
	case REQUEST_DUE_EXPIRE:
		row->state = APPROVAL_REQUEST_STATE_EXPIRED;
		row->ended_ms = scope->now_ms;
		row->end_reason = STR("the deadline passed");
		step.step = APPROVAL_REQUEST_STEP_EXPIRED;
		break;
	case REQUEST_DUE_LAPSE:
		row->state = APPROVAL_REQUEST_STATE_LAPSED;
		row->ended_ms = scope->now_ms;
		row->end_reason = STR("it was not used in time");
		step.step = APPROVAL_REQUEST_STEP_LAPSED;
		break;
	}
	return step_alone(scope, approval, row, &step);
}

enum st tick_due(struct svc_tick_context *tick)
{
	struct svc_scope scope = svc_scope_of_tick(tick);
	struct request_row *rows;
	size_t count;

	TRY(store_request_due(tick->tx, tick->arena, tick->now_ms, &rows, &count));
	for (size_t i = 0; i < count; i++) {
		scope.trace_id = rows[i].trace_id;
		TRY(due_take(&scope, tick->state, &rows[i]));
	}
	tick->again = count == APPROVAL_DUE_CHUNK;
	return ST_OK;
}
