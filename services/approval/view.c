/* view.c: requests as they are answered and told. */
#include <assert.h>

#include "handlers.h"

static_assert((int)APPROVAL_AGENT_VIEW_STATE_PENDING == (int)REGISTRY_AGENT_STATE_PENDING &&
		      (int)APPROVAL_AGENT_VIEW_STATE_TERMINATED ==
			      (int)REGISTRY_AGENT_STATE_TERMINATED,
	      "an agent's state is shown by its number");

enum st agent_load(struct svc_request *req, struct str agent_id, const char *pointer,
		   struct agent_row *ret)
{
	int64_t number = 0;
	bool found = false;

	if (agent_id_parse(agent_id, &number))
		TRY(store_agent_get(req->tx, req->arena, number, ret, &found));
	if (!found)
		return svc_refuse(req, ST_APPROVAL_AGENT_UNKNOWN, pointer, "no agent \"%.*s\"",
				  STR_ARG(agent_id));
	return ST_OK;
}

enum st request_load(struct svc_request *req, struct str request_id, struct note *note,
		     struct request_row *ret)
{
	bool found;

	TRY(store_request_lock(req->tx, req->arena, request_id, ret, &found));
	if (!found)
		return svc_refuse(req, ST_NOT_FOUND, "/request_id", "no request \"%.*s\"",
				  STR_ARG(request_id));
	note->agent_id = ret->action.agent_id;
	note->tool = ret->action.tool;
	note->parameters_hash = ret->digest;
	note->applied = ret->request_id;
	return ST_OK;
}

enum st group_view(const struct group *group, struct arena *arena,
		   struct approval_approver_group *ret)
{
	enum approval_approver_role *roles =
		ARENA_ARRAY(arena, enum approval_approver_role, APPROVAL_APPROVER_ROLE_OWNER);
	size_t count = 0;

	if (!roles)
		return ST_TOO_LARGE;
	for (int r = APPROVAL_APPROVER_ROLE_STEWARD; r <= APPROVAL_APPROVER_ROLE_OWNER; r++)
		if (group->roles & APPROVER_BIT(r))
			roles[count++] = (enum approval_approver_role)r;
	*ret = (struct approval_approver_group){
		.roles = { roles, count },
		.has_people = group->people_count > 0,
		.people = { group->people, group->people_count },
	};
	return ST_OK;
}

static enum st escalation_view(const struct request_row *row, struct arena *arena,
			       struct approval_approval *ret)
{
	if (!row->escalate_ms)
		return ST_OK;
	ret->escalation = ARENA_NEW(arena, struct approval_escalation);
	if (!ret->escalation)
		return ST_TOO_LARGE;
	ret->escalation->after_s = (row->escalate_ms - row->created_ms) / 1000;
	ret->has_escalated_at_ms = row->escalated_ms != 0;
	ret->escalated_at_ms = row->escalated_ms;
	return group_view(&row->second, arena, &ret->escalation->group);
}

static enum st agent_view(struct svc_request *req, const struct request_row *row,
			  struct approval_agent_view *ret)
{
	struct agent_row agent;
	bool found;

	TRY(store_agent_get(req->tx, req->arena, row->agent_number, &agent, &found));
	ASSERT(found);
	*ret = (struct approval_agent_view){
		.name = agent.name,
		.owner = agent.owner,
		.unit = agent.unit,
		.role = agent.role,
		.tier = agent.tier,
		.score = agent.score,
		.state = (enum approval_agent_view_state)agent.state,
	};
	return ST_OK;
}

static void times_view(const struct request_row *row, struct approval_approval *ret)
{
	ret->created_at_ms = row->created_ms;
	ret->deadline_ms = row->deadline_ms;
	ret->validity_s = row->validity_ms / 1000;
	ret->has_approved_at_ms = row->approved_ms != 0;
	ret->approved_at_ms = row->approved_ms;
	ret->has_valid_until_ms = row->valid_until_ms != 0;
	ret->valid_until_ms = row->valid_until_ms;
	ret->has_ended_at_ms = row->ended_ms != 0;
	ret->ended_at_ms = row->ended_ms;
	ret->ended_by = row->ended_by;
	ret->end_reason = row->end_reason;
}

enum st request_view(struct svc_request *req, const struct request_row *row, bool parameters,
		     struct approval_approval *ret)
{
	*ret = (struct approval_approval){
		.request_id = row->request_id,
		.state = request_state_at(row, req->now_ms),
		.action = row->action,
		.action_digest = row->digest,
		.reason = row->reason,
		.trigger = row->trigger,
		.has_rules = row->rule_count > 0,
		.rules = { row->rules, row->rule_count },
		.has_confidence = row->has_confidence,
		.confidence = row->confidence,
		.summary = row->summary,
		.parameters = parameters ? row->parameters : (struct str){ 0 },
		.needed = row->needed,
		.approvals = row->approvals,
		.own_agent_allowed = row->own_allowed,
		.requested_by = row->requested_by,
		.asked_by = row->asked_by,
	};
	times_view(row, ret);
	TRY(group_view(&row->group, req->arena, &ret->group));
	TRY(escalation_view(row, req->arena, ret));
	TRY(agent_view(req, row, &ret->agent));
	return store_similar(req->tx, req->arena, row, &ret->similar);
}

enum st request_answer(struct svc_request *req, const struct request_row *row,
		       struct approval_approval_reply *ret)
{
	struct verdict_row *verdicts;
	size_t count;

	TRY(request_view(req, row, true, &ret->approval));
	TRY(store_verdict_list(req->tx, req->arena, row->request_id, &verdicts, &count));
	ASSERT(count <= APPROVAL_VERDICTS_MAX);
	ret->verdicts.items = ARENA_ARRAY(req->arena, struct approval_given_verdict, count);
	if (!ret->verdicts.items)
		return ST_TOO_LARGE;
	ret->verdicts.count = count;
	for (size_t i = 0; i < count; i++)
		ret->verdicts.items[i] = verdicts[i].given;
	if (ret->approval.state != APPROVAL_REQUEST_STATE_PENDING)
		return ST_OK;
	ret->wait = ARENA_NEW(req->arena, struct approval_waiting);
	if (!ret->wait)
		return ST_TOO_LARGE;
	*ret->wait = (struct approval_waiting){
		.events = STR("piopl.evt.approval.request.*"),
		.subject = row->request_id,
		.poll_after_ms = APPROVAL_POLL_MS,
	};
	return ST_OK;
}

enum st changed_view(const struct request_row *row, enum approval_request_step step,
		     struct arena *arena, struct approval_request_changed *ret)
{
	*ret = (struct approval_request_changed){
		.request_id = row->request_id,
		.agent_id = row->action.agent_id,
		.state = row->state,
		.step = step,
		.tool = row->action.tool,
		.operation = row->action.operation,
		.resource = row->action.resource,
		.has_amount = row->action.has_amount,
		.amount = row->action.amount,
		.action_digest = row->digest,
		.requested_by = row->requested_by,
		.reason = row->reason,
		.needed = row->needed,
		.approvals = row->approvals,
		.deadline_ms = row->deadline_ms,
		.has_valid_until_ms = row->valid_until_ms != 0,
		.valid_until_ms = row->valid_until_ms,
	};
	return group_view(step == APPROVAL_REQUEST_STEP_ESCALATED ? &row->second : &row->group,
			  arena, &ret->group);
}
