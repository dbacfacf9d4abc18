/* handlers_verdict.c: judging a request, and using what was approved. */
#include "handlers.h"

static enum st verdict_load(struct svc_request *req, struct note *note, struct act *ret_act,
			    struct approval_verdict *ret)
{
	const struct approval_approval_verdict_request *in = req->body;

	TRY(person_act(req, &in->act,
		       ACT_RULE(APPROVAL_VERDICT_PURPOSE, approval_verdict_type,
				struct approval_verdict, 0),
		       note, ret_act, ret));
	if (!str_equal(ret->request_id, in->request_id))
		return svc_refuse(req, ST_ACT_MISMATCH, "/act/payload/request_id",
				  "the act is about \"%.*s\"", STR_ARG(ret->request_id));
	return ST_OK;
}

static enum st given_before(struct svc_request *req, const struct request_row *row,
			    const struct person_row *person, bool *ret)
{
	struct verdict_row *verdicts;
	size_t count;

	TRY(store_verdict_list(req->tx, req->arena, row->request_id, &verdicts, &count));
	*ret = false;
	for (size_t i = 0; i < count; i++)
		*ret |= str_equal(verdicts[i].given.person_id, person->person_id);
	return ST_OK;
}

static enum st verdict_judge(struct svc_request *req, const struct request_row *row,
			     const struct person_row *person, struct str digest,
			     bool *ret_escalated)
{
	struct verdict_view view = { .row = row, .person = person };
	struct agent_row agent;

	TRY(agent_load(req, row->action.agent_id, "/request_id", &agent));
	view.owner_now = agent.owner;
	TRY(given_before(req, row, person, &view.given));
	return verdict_decide(&view, digest, req->now_ms, ret_escalated, &req->problem);
}

/* The row as it is after the verdict. */
static void outcome_apply(struct svc_request *req, const struct approval_verdict *verdict,
			  struct str person_id, struct request_row *row)
{
	row->state = verdict_outcome(row, verdict->verdict);
	if (verdict->verdict == APPROVAL_VERDICT_KIND_APPROVE)
		row->approvals++;
	if (row->state == APPROVAL_REQUEST_STATE_APPROVED) {
		row->approved_ms = req->now_ms;
		row->valid_until_ms = req->now_ms + row->validity_ms;
	} else if (row->state == APPROVAL_REQUEST_STATE_REJECTED) {
		row->ended_ms = req->now_ms;
		row->ended_by = person_id;
		row->end_reason = verdict->comment;
		row->parameters = (struct str){ 0 };
	}
}

static enum st verdict_tell(struct svc_request *req, const struct request_row *row,
			    const struct act *act, const struct approval_verdict *verdict,
			    bool escalated)
{
	const struct approval_approval_verdict_request *in = req->body;
	struct svc_scope scope = svc_scope_of_request(req);
	struct step step = { .step = row->state == APPROVAL_REQUEST_STATE_APPROVED
					     ? APPROVAL_REQUEST_STEP_APPROVED
					     : APPROVAL_REQUEST_STEP_REJECTED,
			     .by = act->person_id };
	struct approval_verdict_given event = {
		.request_id = row->request_id,
		.agent_id = row->action.agent_id,
		.person_id = act->person_id,
		.verdict = verdict->verdict,
		.escalated = escalated,
		.action_digest = row->digest,
		.act = in->act,
	};

	TRY(svc_emit(req, &EVT_APPROVAL_VERDICT_GIVEN, row->request_id, &event));
	if (row->state == APPROVAL_REQUEST_STATE_PENDING)
		return ST_OK;
	if (step.step == APPROVAL_REQUEST_STEP_APPROVED)
		TRY(approvers_list(req, row->request_id, &step.approvers, &step.approver_count));
	return step_take(&scope, req->state, row, &step);
}

static enum st judge(struct svc_request *req, struct note *note)
{
	const struct approval_approval_verdict_request *in = req->body;
	struct act *act = ARENA_NEW(req->arena, struct act);
	struct approval_verdict verdict;
	struct person_row person;
	struct request_row row;
	bool escalated;

	if (!act)
		return ST_TOO_LARGE;
	TRY(request_load(req, in->request_id, note, &row));
	TRY(verdict_load(req, note, act, &verdict));
	TRY(signer_load(req, act, &person));
	TRY(verdict_judge(req, &row, &person, verdict.action_digest, &escalated));
	TRY(act_spent(req, act));
	TRY(store_verdict_insert(req->tx, row.request_id, act, &verdict, person.roles, escalated,
				 req->now_ms));
	if (verdict.verdict == APPROVAL_VERDICT_KIND_REJECT)
		note->decision = COMMON_EVIDENCE_POLICY_DECISION_DENY;
	outcome_apply(req, &verdict, act->person_id, &row);
	TRY(verdict_tell(req, &row, act, &verdict, escalated));
	return request_answer(req, &row, req->answer);
}

enum st on_approval_verdict(struct svc_request *req)
{
	return recorded(req, "approval.verdict", judge);
}

static enum st approving_load(struct svc_request *req, const struct request_row *row,
			      struct approving **ret, size_t *ret_count)
{
	struct verdict_row *verdicts;
	size_t count, n = 0;

	TRY(store_verdict_list(req->tx, req->arena, row->request_id, &verdicts, &count));
	struct approving *approving = ARENA_ARRAY(req->arena, struct approving, count);
	if (!approving)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++)
		if (verdicts[i].given.verdict == APPROVAL_VERDICT_KIND_APPROVE)
			approving[n++] = (struct approving){ verdicts[i].given.person_id,
							     verdicts[i].roles };
	*ret = approving;
	*ret_count = n;
	return ST_OK;
}

enum st approvers_list(struct svc_request *req, struct str request_id,
		       struct approval_given_approval **ret, size_t *ret_count)
{
	struct request_row row = { .request_id = request_id };
	struct approval_given_approval *items;
	struct approving *approving;
	size_t count;

	TRY(approving_load(req, &row, &approving, &count));
	items = ARENA_ARRAY(req->arena, struct approval_given_approval, count);
	if (!items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		struct approval_approver_group group;
		struct group held = { .roles = approving[i].roles };
		TRY(group_view(&held, req->arena, &group));
		items[i].person_id = approving[i].person_id;
		items[i].roles.items = group.roles.items;
		items[i].roles.count = group.roles.count;
	}
	*ret = items;
	*ret_count = count;
	return ST_OK;
}

static enum st consumed_answer(struct svc_request *req, const struct request_row *row,
			       const struct approving *approving, size_t count)
{
	struct approval_approval_consume_reply *answer = req->answer;

	answer->request_id = row->request_id;
	answer->action_digest = row->digest;
	answer->consumed_at_ms = req->now_ms;
	answer->approvers.items = ARENA_ARRAY(req->arena, struct str, count);
	if (!answer->approvers.items)
		return ST_TOO_LARGE;
	answer->approvers.count = count;
	for (size_t i = 0; i < count; i++)
		answer->approvers.items[i] = approving[i].person_id;
	return ST_OK;
}

static enum st consume(struct svc_request *req, struct note *note)
{
	const struct approval_approval_consume_request *in = req->body;
	struct svc_scope scope = svc_scope_of_request(req);
	struct required required = { roles_of(in->required.roles.items, in->required.roles.count),
				     in->required.needed };
	struct approving *approving;
	struct request_row row;
	size_t count;

	TRY(request_load(req, in->request_id, note, &row));
	TRY(approving_load(req, &row, &approving, &count));
	TRY(consume_decide(&row, approving, count, in->action_digest, &required, req->now_ms,
			   &req->problem));
	if (str_is(row.asked_by, "gateway") || str_is(row.asked_by, "terminal"))
		return svc_refuse(req, ST_APPROVAL_OF_DECISION, "/request_id",
				  "name the approval in policy.decide, as approval_id");
	TRY(store_consume(req->tx, &row, req->caller, in->used_for, req->now_ms));
	row.state = APPROVAL_REQUEST_STATE_CONSUMED;
	row.ended_ms = req->now_ms;
	row.ended_by = req->caller;
	TRY(step_take(&scope, req->state, &row,
		      &(struct step){ .step = APPROVAL_REQUEST_STEP_CONSUMED,
				      .by = req->caller,
				      .used_for = in->used_for }));
	return consumed_answer(req, &row, approving, count);
}

enum st on_approval_consume(struct svc_request *req)
{
	return recorded(req, "approval.consume", consume);
}
