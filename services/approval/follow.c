/* follow.c: what the registry tells, and the policy service of what its decisions used up. A
 * terminated agent's open requests end with it. */
#include "gen/policy.h"
#include "handlers.h"
#include "id.h"

static enum st number_of(struct svc_event *event, struct str agent_id, int64_t *ret)
{
	if (!agent_id_parse(agent_id, ret))
		return problem_set(&event->problem, ST_MESSAGE_INVALID, "", "agent \"%.*s\"",
				   STR_ARG(agent_id));
	return ST_OK;
}

static enum st agent_put(struct svc_event *event, const struct registry_agent *agent)
{
	int64_t number;

	TRY(number_of(event, agent->identity.agent_id, &number));
	return store_agent_put(event->tx, agent, number);
}

enum st on_agent_created(struct svc_event *event)
{
	return agent_put(event, &((const struct registry_agent_created *)event->data)->agent);
}

enum st on_agent_updated(struct svc_event *event)
{
	return agent_put(event, &((const struct registry_agent_updated *)event->data)->agent);
}

enum st on_agent_transition(struct svc_event *event)
{
	const struct registry_agent_transition *data = event->data;
	int64_t number;

	TRY(number_of(event, data->agent_id, &number));
	return store_agent_state(event->tx, number, data->to);
}

enum st on_agent_terminated(struct svc_event *event)
{
	const struct registry_agent_transition *data = event->data;
	struct svc_scope scope = svc_scope_of_event(event);
	struct request_row *rows;
	int64_t number;
	size_t count;

	TRY(on_agent_transition(event));
	TRY(number_of(event, data->agent_id, &number));
	TRY(store_request_open(event->tx, event->arena, number, &rows, &count));
	for (size_t i = 0; i < count; i++) {
		rows[i].state = APPROVAL_REQUEST_STATE_WITHDRAWN;
		rows[i].ended_ms = event->now_ms;
		rows[i].ended_by = STR("registry");
		rows[i].end_reason = STR("the agent was terminated");
		TRY(step_alone(&scope, event->state, &rows[i],
			       &(struct step){ .step = APPROVAL_REQUEST_STEP_WITHDRAWN,
					       .by = rows[i].ended_by }));
	}
	return ST_OK;
}

enum st on_person_changed(struct svc_event *event)
{
	const struct registry_person_changed *data = event->data;

	return store_person_put(event->tx, &data->person);
}

enum st on_key_changed(struct svc_event *event)
{
	const struct registry_key_changed *data = event->data;

	return store_key_put(event->tx, &data->key);
}

/* The decision was committed before this was heard: what became of the request in between does not
 * undo it. */
enum st on_approval_used(struct svc_event *event)
{
	const struct policy_approval_used *data = event->data;
	struct svc_scope scope = svc_scope_of_event(event);
	struct request_row row;
	bool found;

	TRY(store_request_lock(event->tx, event->arena, data->request_id, &row, &found));
	if (!found || row.approved_ms == 0)
		return problem_set(&event->problem, ST_NOT_FOUND, "/request_id",
				   "no approved request \"%.*s\"", STR_ARG(data->request_id));
	TRY(store_consume(event->tx, &row, event->source, data->evidence_id, data->used_at_ms));
	row.state = APPROVAL_REQUEST_STATE_CONSUMED;
	row.ended_ms = data->used_at_ms;
	row.ended_by = event->source;
	return step_alone(&scope, event->state, &row,
			  &(struct step){ .step = APPROVAL_REQUEST_STEP_CONSUMED,
					  .by = event->source,
					  .used_for = data->evidence_id });
}

static enum st use_evidence(struct svc_event *event, const struct policy_preapproval_used *data)
{
	struct svc_scope scope = svc_scope_of_event(event);
	const struct note note = {
		.operation = "preapproval.use",
		.agent_id = data->agent_id,
		.tool = data->tool,
		.user_id = event->source,
		.parameters_hash = data->action_digest,
		.applied = data->preapproval_id,
		.decision = COMMON_EVIDENCE_POLICY_DECISION_ALLOW,
		.status = COMMON_EVIDENCE_OUTCOME_STATUS_SUCCESS,
	};

	return evidence_emit(&scope, &note);
}

/* The bounds were held by the decision; that it was revoked in between does not undo the use. */
enum st on_preapproval_used(struct svc_event *event)
{
	const struct policy_preapproval_used *data = event->data;
	struct svc_scope scope = svc_scope_of_event(event);
	struct preapproval_use use = {
		.preapproval_id = data->preapproval_id,
		.use = data->use,
		.digest = data->action_digest,
		.caller = event->source,
		.used_for = data->evidence_id,
		.micros = data->has_amount ? data->amount.micros : 0,
		.now_ms = data->used_at_ms,
	};
	struct preapproval_row row;
	bool found;

	TRY(number_of(event, data->agent_id, &use.agent_number));
	TRY(store_preapproval_lock(event->tx, event->arena, data->preapproval_id, &row, &found));
	if (!found)
		return problem_set(&event->problem, ST_NOT_FOUND, "/preapproval_id",
				   "no pre-approval \"%.*s\"", STR_ARG(data->preapproval_id));
	TRY(store_preapproval_use(event->tx, &use));
	struct approval_preapproval_used told = {
		.preapproval_id = data->preapproval_id,
		.use = data->use,
		.agent_id = data->agent_id,
		.action_digest = data->action_digest,
		.approved_by = row.preapproval.approved_by,
		.uses_left = row.preapproval.uses_max - data->use,
		.amount_left = row.preapproval.amount_total,
		.used_for = data->evidence_id,
	};
	told.amount_left.micros -= row.preapproval.amount_used.micros + use.micros;
	TRY(svc_emit_in(&scope, &EVT_APPROVAL_PREAPPROVAL_USED, &told.preapproval_id, &told, 1));
	return use_evidence(event, data);
}
