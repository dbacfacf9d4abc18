/* preapproval.c: what people approved in advance, as the approval service tells of it, and one use
 * of it in the transaction of a decision that would ask for approval. */
#include "id.h"
#include "service.h"

/* More that hold for one tool at one time are not looked at: people are asked then. */
#define PREAPPROVALS_TRIED_MAX 256
#define PREAPPROVAL_KEEP_MS INT64_C(86400000)

static const struct db_statement *sql(enum policy_statement statement)
{
	return &policy_statements[statement];
}

/* -- what the approval service tells -- */

static enum st preapproval_put(struct svc_event *event, const struct approval_preapproval *p)
{
	struct db_value number = DB_I64(0);
	int64_t agent = 0;

	if (p->agent_id.data && !agent_id_parse(p->agent_id, &agent))
		return problem_set(&event->problem, ST_MESSAGE_INVALID, "", "agent \"%.*s\"",
				   STR_ARG(p->agent_id));
	number.i64 = agent;
	number.null = !p->agent_id.data;
	return db_write(
		event->tx, sql(POL_PREAPPROVAL_PUT), DB_ANY_ROWS, ST_INTERNAL,
		DB_TEXT(p->preapproval_id), number, DB_TEXT_OR_NULL(p->unit), DB_TEXT(p->tool),
		DB_I32(p->operation), DB_TEXT(p->resource), DB_TEXT(str_of(p->amount_max.currency)),
		DB_I64(p->amount_max.micros), DB_I64(p->amount_total.micros), DB_I64(p->uses_max),
		DB_I64(p->valid_until_ms), DB_TEXT(p->approved_by), DB_I64(p->approved_at_ms));
}

enum st on_preapproval_added(struct svc_event *event)
{
	const struct approval_preapproval_changed *data = event->data;

	return preapproval_put(event, &data->preapproval);
}

/* Known or not: what tells that it was given may have been set aside, and come again later. */
enum st on_preapproval_revoked(struct svc_event *event)
{
	const struct approval_preapproval_changed *data = event->data;

	TRY(preapproval_put(event, &data->preapproval));
	return db_write(event->tx, sql(POL_PREAPPROVAL_REVOKE), DB_ANY_ROWS, ST_INTERNAL,
			DB_TEXT(data->preapproval.preapproval_id));
}

enum st preapprovals_forget(struct svc_tick_context *tick)
{
	return db_write(tick->tx, sql(POL_PREAPPROVALS_FORGET), DB_ANY_ROWS, ST_INTERNAL,
			DB_I64(tick->now_ms - PREAPPROVAL_KEEP_MS));
}

/* -- finding one -- */

static uint32_t roles_at(const struct db_rows *rows, size_t i, size_t column)
{
	const struct db_value *value = db_at(rows, i, column);
	uint32_t roles = 0;

	for (size_t r = 0; r < value->count; r++) {
		int32_t role = ((const int32_t *)value->items)[r];
		if (role > 0 && role <= (int32_t)APPROVAL_APPROVER_ROLE_OWNER)
			roles |= APPROVER_BIT(role);
	}
	return roles;
}

static struct preapproval preapproval_read(const struct db_rows *rows, size_t i, struct str tool)
{
	struct preapproval given = {
		.id = db_text(rows, i, 0),
		.number = db_is_null(rows, i, 1) ? 0 : db_i64(rows, i, 1),
		.unit = db_is_null(rows, i, 2) ? (struct str){ 0 } : db_text(rows, i, 2),
		.tool = tool,
		.operation = (enum approval_operation)db_i64(rows, i, 3),
		.resource = db_text(rows, i, 4),
		.amount_max = { .micros = db_i64(rows, i, 6) },
		.amount_left = db_i64(rows, i, 7),
		.uses = db_i64(rows, i, 8),
		.approved_ms = db_i64(rows, i, 10),
		.signer = { .person_id = db_text(rows, i, 9),
			    .name = db_text(rows, i, 12),
			    .email = db_is_null(rows, i, 13) ? (struct str){ 0 }
							     : db_text(rows, i, 13),
			    .roles = roles_at(rows, i, 11) },
	};

	ASSERT(str_copy(db_text(rows, i, 5), given.amount_max.currency,
			sizeof(given.amount_max.currency)));
	return given;
}

/* The one that ends first of those that cover it. */
static enum st covering_find(struct svc_request *req, const struct decide_input *input,
			     const struct approval_action *action, const struct approvers *wanted,
			     struct preapproval *ret, bool *ret_found)
{
	struct db_rows rows;

	*ret_found = false;
	TRY(db_query(req->tx, sql(POL_PREAPPROVALS_FIND), req->arena, &rows, DB_TEXT(action->tool),
		     DB_I64(req->now_ms), DB_I64(input->agent->number),
		     DB_I64(PREAPPROVALS_TRIED_MAX)));
	for (size_t i = 0; i < rows.count && !*ret_found; i++) {
		*ret = preapproval_read(&rows, i, action->tool);
		*ret_found =
			preapproval_covers(ret, input->agent, action, input->tool.money, wanted);
	}
	return ST_OK;
}

enum st preapproval_find(struct svc_request *req, const struct policy_decide_request *in,
			 const struct decide_input *input, const struct approvers *wanted,
			 bool lock, struct approval_found *ret)
{
	struct policy_service *policy = req->state;
	const struct approval_action action = decision_action(in, input->tool.operation);
	struct svc_scope scope = svc_scope_of_request(req);
	struct preapproval given;
	bool found;

	*ret = (struct approval_found){ 0 };
	TRY(covering_find(req, input, &action, wanted, &given, &found));
	/* Asked without the lock first, so that what nobody approved does not wait for it. */
	if (found && lock && !policy->meters_locked) {
		TRY(meters_lock(&scope, policy));
		TRY(covering_find(req, input, &action, wanted, &given, &found));
	}
	if (!found)
		return ST_OK;
	*ret = (struct approval_found){ .usable = true,
					.preapproval_id = given.id,
					.use = given.uses + 1,
					.approver = given.signer.person_id,
					.approved_ms = given.approved_ms,
					.approving = ARENA_NEW(req->arena, uint32_t),
					.approving_count = 1 };
	if (!ret->approving)
		return ST_TOO_LARGE;
	*ret->approving = given.signer.roles;
	ret->words = arena_printf(req->arena, "%.*s approved such actions in advance, in \"%.*s\"",
				  STR_ARG(ret->approver), STR_ARG(given.id));
	return ret->words.data ? ST_OK : ST_TOO_LARGE;
}

/* -- using it -- */

enum st preapproval_use(struct svc_request *req, const struct policy_decide_request *in,
			uint8_t operation, const struct approval_found *found,
			struct str evidence_id)
{
	const struct approval_action action = decision_action(in, operation);
	char digest[HASH_TEXT_SIZE];

	ASSERT(((struct policy_service *)req->state)->meters_locked);
	TRY(action_digest(&action, req->arena, digest));
	/* Revoked since it was read: it is decided again, and a person asked. */
	TRY(db_write(req->tx, sql(POL_PREAPPROVAL_USE), 1, ST_SERIALIZATION,
		     DB_TEXT(found->preapproval_id), DB_I64(found->use),
		     DB_I64(in->has_amount ? in->amount.micros : 0)));
	struct policy_preapproval_used event = {
		.preapproval_id = found->preapproval_id,
		.use = found->use,
		.evidence_id = evidence_id,
		.agent_id = in->agent_id,
		.tool = in->tool,
		.action_digest = str_of(digest),
		.has_amount = in->has_amount,
		.amount = in->amount,
		.used_at_ms = req->now_ms,
	};
	return svc_emit(req, &EVT_POLICY_PREAPPROVAL_USED, found->preapproval_id, &event);
}
