/* handlers_preapproval.c: approving in advance and ending that. */
#include "handlers.h"
#include "id.h"

static enum st preapproval_load(struct svc_request *req, struct str id, struct note *note,
				struct preapproval_row *ret)
{
	bool found;

	TRY(store_preapproval_lock(req->tx, req->arena, id, ret, &found));
	if (!found)
		return svc_refuse(req, ST_NOT_FOUND, "/preapproval_id", "no pre-approval \"%.*s\"",
				  STR_ARG(id));
	note->tool = ret->preapproval.tool;
	note->applied = ret->preapproval.preapproval_id;
	if (ret->preapproval.agent_id.data)
		note->agent_id = ret->preapproval.agent_id;
	return ST_OK;
}

static enum st row_make(struct svc_request *req, const struct approval_preapproval_grant *grant,
			const struct act *act, struct preapproval_row *ret)
{
	char id[ID_TEXT_SIZE];

	id_make("pre", req->now_ms, id);
	ret->preapproval = (struct approval_preapproval){
		.preapproval_id = arena_copy(req->arena, str_of(id)),
		.agent_id = grant->agent_id,
		.unit = grant->unit,
		.tool = grant->tool,
		.operation = grant->operation,
		.resource = grant->resource,
		.amount_max = grant->amount_max,
		.uses_max = grant->uses_max,
		.amount_total = grant->amount_total,
		.amount_used = grant->amount_total,
		.valid_until_ms = grant->valid_until_ms,
		.reason = grant->reason,
		.approved_by = act->person_id,
		.approved_at_ms = req->now_ms,
		.usable = true,
	};
	ret->preapproval.amount_used.micros = 0;
	return ret->preapproval.preapproval_id.data ? ST_OK : ST_TOO_LARGE;
}

/* Whose agent it is: of a unit that is asked at each use. */
static enum st agent_judge(struct svc_request *req, const struct approval_preapproval_grant *grant,
			   const struct act *act, struct preapproval_row *row)
{
	struct agent_row agent;
	struct person_row signer;

	if (!grant->agent_id.data)
		return ST_OK;
	TRY(agent_load(req, grant->agent_id, "/act/payload/agent_id", &agent));
	if (agent.number == 0)
		return svc_refuse(req, ST_PREAPPROVAL_UNBOUNDED, "/act/payload/agent_id",
				  "changes of the installation itself are approved one by one");
	if (agent.state == REGISTRY_AGENT_STATE_TERMINATED)
		return svc_refuse(req, ST_APPROVAL_AGENT_ENDED, "/act/payload/agent_id",
				  "it was terminated");
	TRY(signer_load(req, act, &signer));
	if (person_is(&signer, agent.owner))
		return svc_refuse(req, ST_APPROVAL_OWN_AGENT, "/act/key_id",
				  "the signer owns the agent");
	row->agent_number = agent.number;
	return ST_OK;
}

static enum st add(struct svc_request *req, struct note *note)
{
	const struct approval_preapproval_add_request *in = req->body;
	const struct approval_service *approval = req->state;
	struct approval_preapproval_reply *answer = req->answer;
	struct act *act = ARENA_NEW(req->arena, struct act);
	struct approval_preapproval_grant grant;
	struct preapproval_row row = { 0 };

	if (!act)
		return ST_TOO_LARGE;
	TRY(person_act(req, &in->act,
		       ACT_RULE(APPROVAL_PREAPPROVAL_GRANT_PURPOSE, approval_preapproval_grant_type,
				struct approval_preapproval_grant, PREAPPROVERS),
		       note, act, &grant));
	note->tool = grant.tool;
	if (grant.agent_id.data)
		note->agent_id = grant.agent_id;
	TRY(grant_check(&approval->limits, &grant, req->now_ms, &req->problem));
	TRY(agent_judge(req, &grant, act, &row));
	TRY(row_make(req, &grant, act, &row));
	TRY(act_spent(req, act));
	TRY(store_preapproval_insert(req->tx, &row, act));
	note->applied = row.preapproval.preapproval_id;
	answer->preapproval = row.preapproval;
	struct approval_preapproval_changed event = { row.preapproval, in->act };
	return svc_emit(req, &EVT_APPROVAL_PREAPPROVAL_ADDED, row.preapproval.preapproval_id,
			&event);
}

enum st on_preapproval_add(struct svc_request *req)
{
	return recorded(req, "preapproval.add", add);
}

static enum st revoke(struct svc_request *req, struct note *note)
{
	const struct approval_preapproval_revoke_request *in = req->body;
	struct approval_preapproval_reply *answer = req->answer;
	struct act *act = ARENA_NEW(req->arena, struct act);
	struct approval_preapproval_revocation order;
	struct preapproval_row row;

	if (!act)
		return ST_TOO_LARGE;
	TRY(preapproval_load(req, in->preapproval_id, note, &row));
	TRY(person_act(req, &in->act,
		       ACT_RULE(APPROVAL_PREAPPROVAL_REVOCATION_PURPOSE,
				approval_preapproval_revocation_type,
				struct approval_preapproval_revocation, PREAPPROVERS),
		       note, act, &order));
	if (!str_equal(order.preapproval_id, in->preapproval_id))
		return svc_refuse(req, ST_ACT_MISMATCH, "/act/payload/preapproval_id",
				  "the act is about \"%.*s\"", STR_ARG(order.preapproval_id));
	if (row.preapproval.has_revoked_at_ms)
		return svc_refuse(req, ST_PREAPPROVAL_REVOKED, "/preapproval_id", "by \"%.*s\"",
				  STR_ARG(row.preapproval.revoked_by));
	TRY(act_spent(req, act));
	TRY(store_preapproval_revoke(req->tx, in->preapproval_id, act->person_id, order.reason,
				     req->now_ms));
	row.preapproval.has_revoked_at_ms = true;
	row.preapproval.revoked_at_ms = req->now_ms;
	row.preapproval.revoked_by = act->person_id;
	row.preapproval.revoke_reason = order.reason;
	note->decision = COMMON_EVIDENCE_POLICY_DECISION_DENY;
	answer->preapproval = row.preapproval;
	struct approval_preapproval_changed event = { row.preapproval, in->act };
	return svc_emit(req, &EVT_APPROVAL_PREAPPROVAL_REVOKED, in->preapproval_id, &event);
}

enum st on_preapproval_revoke(struct svc_request *req)
{
	return recorded(req, "preapproval.revoke", revoke);
}

enum st on_preapproval_list(struct svc_request *req)
{
	const struct approval_preapproval_list_request *in = req->body;
	struct approval_preapproval_list_reply *answer = req->answer;
	int64_t limit = in->has_limit ? in->limit : PREAPPROVAL_LIST_DEFAULT, number = 0;
	struct preapproval_row *rows;
	size_t count;

	if (in->agent_id.data)
		(void)agent_id_parse(in->agent_id, &number);
	TRY(store_preapproval_list(req->tx, req->arena, number, in->has_ended && in->ended,
				   str_or_empty(in->before), limit + 1, req->now_ms, &rows,
				   &count));
	if ((int64_t)count > limit)
		answer->next = rows[--count - 1].preapproval.preapproval_id;
	answer->items.items = ARENA_ARRAY(req->arena, struct approval_preapproval, count);
	if (!answer->items.items)
		return ST_TOO_LARGE;
	answer->items.count = count;
	for (size_t i = 0; i < count; i++) {
		answer->items.items[i] = rows[i].preapproval;
		answer->items.items[i].usable =
			preapproval_usable(&rows[i].preapproval, req->now_ms);
	}
	return ST_OK;
}
