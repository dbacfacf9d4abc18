/* handlers_request.c: asking, looking, taking back. */
#include "handlers.h"
#include "id.h"

static enum st digest_of(struct svc_request *req, const struct approval_action *action,
			 struct str *ret)
{
	char text[HASH_TEXT_SIZE];

	TRY(action_digest(action, req->arena, text));
	*ret = arena_copy(req->arena, str_of(text));
	return ret->data ? ST_OK : ST_TOO_LARGE;
}

static enum st row_make(struct svc_request *req, const struct agent_row *agent,
			struct request_row *ret)
{
	const struct approval_approval_request_request *in = req->body;
	char id[ID_TEXT_SIZE];

	id_make("apr", req->now_ms, id);
	*ret = (struct request_row){
		.request_id = arena_copy(req->arena, str_of(id)),
		.agent_number = agent->number,
		.action = action_of(in),
		.reason = in->reason,
		.summary = in->summary,
		.parameters = in->parameters,
		.trigger = in->trigger ? in->trigger : APPROVAL_TRIGGER_POLICY,
		.rules = in->rules.items,
		.rule_count = in->has_rules ? in->rules.count : 0,
		.has_confidence = in->has_confidence,
		.confidence = in->confidence,
		.owner = agent->owner,
		.requested_by = asker_of(req),
		.asked_by = req->caller,
		.trace_id = req->trace_id,
		.state = APPROVAL_REQUEST_STATE_PENDING,
	};
	return ret->request_id.data ? digest_of(req, &ret->action, &ret->digest) : ST_TOO_LARGE;
}

static enum st agent_may_ask(struct svc_request *req, const struct agent_row *agent)
{
	int64_t open;

	if (agent->state == REGISTRY_AGENT_STATE_TERMINATED)
		return svc_refuse(req, ST_APPROVAL_AGENT_ENDED, "/agent_id", "it was terminated");
	TRY(store_open_count(req->tx, req->arena, agent->number, &open));
	if (open >= APPROVAL_OPEN_MAX)
		return svc_refuse(req, ST_APPROVAL_TOO_MANY_PENDING, "/agent_id",
				  "%lld requests are open", (long long)open);
	return ST_OK;
}

static enum st ask(struct svc_request *req, struct note *note)
{
	const struct approval_approval_request_request *in = req->body;
	const struct approval_service *approval = req->state;
	struct svc_scope scope = svc_scope_of_request(req);
	struct request_row row;
	struct agent_row agent;

	TRY(agent_load(req, in->agent_id, "/agent_id", &agent));
	note->agent_id = in->agent_id;
	note->tool = in->tool;
	TRY(row_make(req, &agent, &row));
	note->parameters_hash = row.digest;
	TRY(parameters_check(in->parameters, in->parameters_hash, &req->problem));
	TRY(terms_decide(&approval->limits, in, str_is(req->caller, "policy"), req->now_ms, &row,
			 &req->problem));
	TRY(agent_may_ask(req, &agent));
	TRY(store_request_insert(req->tx, &row));
	note->applied = row.request_id;
	note->decision = COMMON_EVIDENCE_POLICY_DECISION_REQUIRE_APPROVAL;
	note->status = COMMON_EVIDENCE_OUTCOME_STATUS_PENDING;
	TRY(step_tell(
		&scope, approval, &row,
		&(struct step){ .step = APPROVAL_REQUEST_STEP_CREATED, .by = row.requested_by }));
	return request_answer(req, &row, req->answer);
}

enum st on_approval_request(struct svc_request *req)
{
	return recorded(req, "approval.request", ask);
}

enum st on_approval_get(struct svc_request *req)
{
	const struct approval_approval_get_request *in = req->body;
	struct request_row row;
	bool found;

	TRY(store_request_get(req->tx, req->arena, in->request_id, &row, &found));
	if (found && in->agent_id.data)
		found = str_equal(in->agent_id, row.action.agent_id);
	if (!found)
		return svc_refuse(req, ST_NOT_FOUND, "/request_id", "no request \"%.*s\"",
				  STR_ARG(in->request_id));
	return request_answer(req, &row, req->answer);
}

static enum st filter_make(struct svc_request *req, struct person_row *person,
			   struct request_filter *ret)
{
	const struct approval_approval_list_request *in = req->body;
	bool found = true;

	*ret = (struct request_filter){
		.state = in->state ? in->state : APPROVAL_REQUEST_STATE_PENDING,
		.after = str_or_empty(in->after),
		.limit = in->has_limit ? in->limit : APPROVAL_LIST_DEFAULT,
		.now_ms = req->now_ms,
	};
	if (in->agent_id.data)
		(void)agent_id_parse(in->agent_id, &ret->agent_number);
	if (in->person_id.data) {
		TRY(store_person_get(req->tx, req->arena, in->person_id, person, &found));
		ret->person = person;
	}
	if (!found)
		return svc_refuse(req, ST_NOT_FOUND, "/person_id", "no person \"%.*s\"",
				  STR_ARG(in->person_id));
	return ST_OK;
}

enum st on_approval_list(struct svc_request *req)
{
	struct approval_approval_list_reply *answer = req->answer;
	struct request_filter filter;
	struct person_row person;
	struct request_row *rows;
	size_t count;

	TRY(filter_make(req, &person, &filter));
	filter.limit++;
	TRY(store_request_list(req->tx, req->arena, &filter, &rows, &count));
	if ((int64_t)count == filter.limit)
		answer->next = rows[--count - 1].request_id;
	answer->items.items = ARENA_ARRAY(req->arena, struct approval_approval, count);
	if (!answer->items.items)
		return ST_TOO_LARGE;
	answer->items.count = count;
	for (size_t i = 0; i < count; i++)
		TRY(request_view(req, &rows[i], false, &answer->items.items[i]));
	return ST_OK;
}

/* Who made it, or the agent it is about (the gateway made sure that it is the agent who asks); a
 * policy and an operator at the terminal take back any. */
static bool may_withdraw(const struct svc_request *req, const struct request_row *row)
{
	const struct approval_approval_withdraw_request *in = req->body;

	if (!str_is(req->caller, "gateway"))
		return true;
	if (str_equal(asker_of(req), row->requested_by))
		return true;
	return in->agent_id.data && str_equal(in->agent_id, row->action.agent_id) &&
	       str_starts(req->principal, "agent:");
}

static enum st withdraw(struct svc_request *req, struct note *note)
{
	const struct approval_approval_withdraw_request *in = req->body;
	struct svc_scope scope = svc_scope_of_request(req);
	struct request_row row;
	enum approval_request_state state;

	TRY(request_load(req, in->request_id, note, &row));
	if (!may_withdraw(req, &row))
		return svc_refuse(req, ST_APPROVAL_NOT_YOURS, "/request_id",
				  "it was made by \"%.*s\"", STR_ARG(row.requested_by));
	state = request_state_at(&row, req->now_ms);
	if (state != APPROVAL_REQUEST_STATE_PENDING && state != APPROVAL_REQUEST_STATE_APPROVED)
		return svc_refuse(req, ST_APPROVAL_NOT_OPEN, "/request_id", "it is %s",
				  approval_request_state_names[state - 1]);
	row.state = APPROVAL_REQUEST_STATE_WITHDRAWN;
	row.ended_ms = req->now_ms;
	row.ended_by = asker_of(req);
	row.end_reason = in->reason;
	row.parameters = (struct str){ 0 };
	note->decision = COMMON_EVIDENCE_POLICY_DECISION_DENY;
	TRY(step_take(
		&scope, req->state, &row,
		&(struct step){ .step = APPROVAL_REQUEST_STEP_WITHDRAWN, .by = row.ended_by }));
	return request_answer(req, &row, req->answer);
}

enum st on_approval_withdraw(struct svc_request *req)
{
	return recorded(req, "approval.withdraw", withdraw);
}
