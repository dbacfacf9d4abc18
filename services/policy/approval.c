/* approval.c: what a person approved lets one action through once. The approval service tells what
 * was approved; it is used here, in the transaction of the decision, and told back. */
#include <assert.h>

#include "id.h"
#include "service.h"

#define APPROVAL_KEEP_MS INT64_C(86400000)
#define APPROVING_MAX 16 /* the contract's, of one request */
#define ASK_RULES_MAX 8
#define ASK_REASON_BYTES_MAX 500
#define ASK_RULE_BYTES_MAX 160

static_assert((int)POLICY_APPROVER_ROLE_STEWARD == (int)APPROVAL_APPROVER_ROLE_STEWARD &&
		      (int)POLICY_APPROVER_ROLE_OWNER == (int)APPROVAL_APPROVER_ROLE_OWNER,
	      "roles have one order in both contracts");
static_assert((int)POLICY_OPERATION_EXECUTE == (int)APPROVAL_OPERATION_EXECUTE,
	      "operations have one order in both contracts");

static const struct db_statement *sql(enum policy_statement statement)
{
	return &policy_statements[statement];
}

/* -- what the approval service tells -- */

static uint32_t role_named(struct str name)
{
	for (int i = 0; i < (int)APPROVAL_APPROVER_ROLE_OWNER; i++)
		if (str_is(name, approval_approver_role_names[i]))
			return APPROVER_BIT(i + 1);
	return 0;
}

uint32_t approver_roles(const struct policy_service *policy)
{
	struct str rest = str_of(policy->approver_roles), one;
	uint32_t roles = 0;

	while (str_cut(rest, ' ', &one, &rest))
		roles |= role_named(one);
	return roles | role_named(rest);
}

static const struct approval_given_approval *
approver_find(const struct policy_service *policy, const struct approval_request_changed *data)
{
	for (size_t i = 0; i < data->approvers.count; i++) {
		const struct approval_given_approval *a = &data->approvers.items[i];
		for (size_t r = 0; r < a->roles.count; r++)
			if (approver_roles(policy) & APPROVER_BIT(a->roles.items[r]))
				return a;
	}
	return NULL;
}

/* Services that ask for themselves use the approval themselves. */
static bool is_for_decisions(const struct approval_request_changed *data)
{
	return str_is(data->asked_by, "gateway") || str_is(data->asked_by, "terminal");
}

enum st on_request_approved(struct svc_event *event)
{
	const struct approval_request_changed *data = event->data;
	const struct approval_given_approval *approver = approver_find(event->state, data);
	struct str people[APPROVING_MAX];
	int32_t roles[APPROVING_MAX] = { 0 };
	size_t count =
		data->approvers.count < APPROVING_MAX ? data->approvers.count : APPROVING_MAX;
	int64_t number;

	if (!is_for_decisions(data) || !approver || !data->has_valid_until_ms)
		return ST_OK;
	if (!agent_id_parse(data->agent_id, &number))
		return problem_set(&event->problem, ST_MESSAGE_INVALID, "", "agent \"%.*s\"",
				   STR_ARG(data->agent_id));
	for (size_t i = 0; i < count; i++) {
		const struct approval_given_approval *a = &data->approvers.items[i];
		people[i] = a->person_id;
		for (size_t r = 0; r < a->roles.count; r++)
			roles[i] |= (int32_t)APPROVER_BIT(a->roles.items[r]);
	}
	return db_write(event->tx, sql(POL_APPROVAL_PUT), DB_ANY_ROWS, ST_INTERNAL,
			DB_TEXT(data->request_id), DB_I64(number), DB_TEXT(data->action_digest),
			DB_TEXT(approver->person_id), DB_I64(event->time_ms),
			DB_I64(data->valid_until_ms), DB_TEXTS(people, count),
			DB_I32S(roles, count));
}

enum st on_request_withdrawn(struct svc_event *event)
{
	const struct approval_request_changed *data = event->data;

	return db_write(event->tx, sql(POL_APPROVAL_WITHDRAW), DB_ANY_ROWS, ST_INTERNAL,
			DB_TEXT(data->request_id));
}

enum st approvals_forget(struct svc_tick_context *tick)
{
	return db_write(tick->tx, sql(POL_APPROVALS_FORGET), DB_ANY_ROWS, ST_INTERNAL,
			DB_I64(tick->now_ms - APPROVAL_KEEP_MS));
}

/* -- using one -- */

static enum policy_operation operation_of(uint8_t bit)
{
	for (int i = 0; i < 6; i++)
		if (bit == 1u << i)
			return (enum policy_operation)(i + 1);
	return POLICY_OPERATION_NONE;
}

struct approval_action decision_action(const struct policy_decide_request *in, uint8_t operation)
{
	return (struct approval_action){
		.agent_id = in->agent_id,
		.tool = in->tool,
		.operation = (enum approval_operation)operation_of(operation),
		.resource = in->resource,
		.has_amount = in->has_amount,
		.amount = in->amount,
		.parameters_hash = in->parameters_hash,
		.on_behalf_of = in->on_behalf_of ? in->on_behalf_of->user : (struct str){ 0 },
	};
}

/* Why it cannot be used; NULL: it can. */
static const char *refusal_of(const struct db_rows *rows, const char *digest, int64_t now_ms)
{
	if (rows->count == 0)
		return "is not known as approved";
	if (!str_is(db_text(rows, 0, 0), digest))
		return "was given for another action: another tool, resource, amount, user or "
		       "other parameters";
	if (!db_is_null(rows, 0, 4))
		return "was used before; an approval is used once";
	if (db_bool(rows, 0, 3))
		return "was taken back";
	if (now_ms >= db_i64(rows, 0, 2))
		return "is not valid any more";
	return NULL;
}

/* "per_a, per_b approved exactly this, in ..." */
static enum st found_read(struct svc_request *req, const struct db_rows *rows,
			  struct str approval_id, struct approval_found *ret)
{
	const struct db_value *people = db_at(rows, 0, 6), *roles = db_at(rows, 0, 7);
	struct buf words;

	*ret = (struct approval_found){
		.usable = true,
		.approver = db_text(rows, 0, 1),
		.approved_ms = db_i64(rows, 0, 5),
		.approving = ARENA_ARRAY(req->arena, uint32_t, roles->count),
		.approving_count = roles->count,
	};
	if (!ret->approving)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < roles->count; i++)
		ret->approving[i] = (uint32_t)((const int32_t *)roles->items)[i];
	buf_init(&words, req->arena, 128);
	for (size_t i = 0; i < people->count; i++)
		buf_printf(&words, "%s%.*s", i > 0 ? ", " : "",
			   STR_ARG(((const struct str *)people->items)[i]));
	buf_printf(&words, " approved exactly this, in \"%.*s\"", STR_ARG(approval_id));
	ret->words = buf_str(&words);
	return ret->words.data ? ST_OK : ST_TOO_LARGE;
}

enum st approval_check(struct svc_request *req, const struct approval_action *action,
		       struct str approval_id, struct approval_found *ret)
{
	char digest[HASH_TEXT_SIZE];
	struct db_rows rows;
	const char *why;

	*ret = (struct approval_found){ 0 };
	TRY(action_digest(action, req->arena, digest));
	TRY(db_query(req->tx, sql(POL_APPROVAL_GET), req->arena, &rows, DB_TEXT(approval_id)));
	why = refusal_of(&rows, digest, req->now_ms);
	if (why) {
		ret->words = arena_printf(req->arena, "the approval \"%.*s\" %s",
					  STR_ARG(approval_id), why);
		return ret->words.data ? ST_OK : ST_TOO_LARGE;
	}
	return found_read(req, &rows, approval_id, ret);
}

enum st approval_find(struct svc_request *req, const struct policy_decide_request *in,
		      uint8_t operation, bool lock, struct approval_found *ret)
{
	const struct approval_action action = decision_action(in, operation);
	struct svc_scope scope = svc_scope_of_request(req);

	*ret = (struct approval_found){ 0 };
	if (!in->approval_id.data)
		return ST_OK;
	/* One lock for everything that is used up, and it comes first. */
	if (lock)
		TRY(meters_lock(&scope, req->state));
	return approval_check(req, &action, in->approval_id, ret);
}

enum st approval_use(struct svc_request *req, const struct policy_decide_request *in,
		     struct str evidence_id)
{
	struct policy_approval_used event = { .request_id = in->approval_id,
					      .evidence_id = evidence_id,
					      .agent_id = in->agent_id,
					      .used_at_ms = req->now_ms };
	struct str uuid = { evidence_id.data + 4, evidence_id.size - 4 };

	TRY(db_write(req->tx, sql(POL_APPROVAL_USE), 1, ST_CONFLICT, DB_TEXT(in->approval_id),
		     DB_UUID(uuid)));
	return svc_emit(req, &EVT_POLICY_APPROVAL_USED, in->approval_id, &event);
}

/* -- what to ask a person -- */

static bool reads(const struct rule *rule, enum attribute attribute)
{
	return (rule->condition.attributes & (UINT64_C(1) << attribute)) != 0;
}

/* The strongest reason for asking: confidence, then a threshold, then that the policy says so. */
static enum policy_approval_trigger trigger_of(const struct agent *agent,
					       const struct outcome *outcome)
{
	enum policy_approval_trigger trigger = POLICY_APPROVAL_TRIGGER_POLICY;

	for (size_t i = 0; i < outcome->reason_count; i++) {
		const struct reason *r = &outcome->reasons[i];
		if (r->verdict != VERDICT_REQUIRE_APPROVAL || !r->rule ||
		    r->document == UINT16_MAX ||
		    agent->chain.documents[r->document]->type != POLICY_TEMPORAL)
			continue;
		if (reads(r->rule, ATTRIBUTE_CONFIDENCE))
			return POLICY_APPROVAL_TRIGGER_LOW_CONFIDENCE;
		trigger = POLICY_APPROVAL_TRIGGER_THRESHOLD;
	}
	return trigger;
}

enum st approvers_group(struct arena *arena, uint32_t roles, struct policy_approver_group **ret)
{
	struct policy_approver_group *group = ARENA_NEW(arena, struct policy_approver_group);
	enum policy_approver_role *items =
		ARENA_ARRAY(arena, enum policy_approver_role, POLICY_APPROVER_ROLE_OWNER);
	size_t count = 0;

	if (!group || !items)
		return ST_TOO_LARGE;
	for (int i = POLICY_APPROVER_ROLE_STEWARD; i <= (int)POLICY_APPROVER_ROLE_OWNER; i++)
		if (roles & APPROVER_BIT(i))
			items[count++] = (enum policy_approver_role)i;
	*group = (struct policy_approver_group){ .roles = { items, count } };
	*ret = group;
	return ST_OK;
}

enum st approval_ask_fill(struct svc_request *req, const struct decide_input *input,
			  const struct outcome *outcome, struct policy_decision *out)
{
	const struct approvers wanted = approvers_wanted(input, outcome);
	struct policy_approval_ask *ask = ARENA_NEW(req->arena, struct policy_approval_ask);
	struct str *rules = ARENA_ARRAY(req->arena, struct str, ASK_RULES_MAX);
	struct buf words;

	if (!ask || !rules)
		return ST_TOO_LARGE;
	buf_init(&words, req->arena, 256);
	*ask = (struct policy_approval_ask){ .operation = operation_of(input->tool.operation),
					     .trigger = trigger_of(input->agent, outcome),
					     .rules = { rules, 0 } };
	if (outcome->approvers.count > 0) {
		TRY(approvers_group(req->arena, wanted.roles, &ask->approvers));
		ask->has_needed = true;
		ask->needed = wanted.count;
	}
	for (size_t i = 0; i < out->reasons.count; i++) {
		const struct policy_decision_reason *r = &out->reasons.items[i];
		if (r->verdict != POLICY_VERDICT_REQUIRE_APPROVAL)
			continue;
		buf_printf(&words, "%s%.*s", words.size > 0 ? "; " : "", STR_ARG(r->words));
		if (!r->document_id.data || ask->rules.count == ASK_RULES_MAX)
			continue;
		struct str rule = arena_printf(req->arena, "%.*s:%lld", STR_ARG(r->document_id),
					       (long long)r->line);
		rule.size = utf8_cut(rule, ASK_RULE_BYTES_MAX);
		rules[ask->rules.count++] = rule;
	}
	ask->reason = buf_str(&words);
	ask->reason.size = utf8_cut(ask->reason, ASK_REASON_BYTES_MAX);
	out->ask = ask;
	return ask->reason.data ? ST_OK : ST_TOO_LARGE;
}
