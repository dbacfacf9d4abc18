/* store_request.c: requests, verdicts and uses. */
#include <assert.h>

#include "store.h"

#define STATEMENT(name) (&approval_statements[APR_##name])

static_assert(APPROVAL_REQUEST_STATE_PENDING == 1 && APPROVAL_REQUEST_STATE_APPROVED == 2 &&
		      APPROVAL_REQUEST_STATE_REJECTED == 3 && APPROVAL_REQUEST_STATE_EXPIRED == 4 &&
		      APPROVAL_REQUEST_STATE_WITHDRAWN == 5 &&
		      APPROVAL_REQUEST_STATE_CONSUMED == 6 && APPROVAL_REQUEST_STATE_LAPSED == 7 &&
		      APPROVAL_VERDICT_KIND_APPROVE == 1,
	      "statements and constraints say states by their number");

static struct db_value i64_or_null(int64_t value)
{
	struct db_value v = DB_I64(value);

	v.null = value == 0;
	return v;
}

enum st store_open_count(struct db_tx *tx, struct arena *arena, int64_t agent_number, int64_t *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(AGENT_LOCK), arena, &rows, DB_I64(agent_number)));
	TRY(db_query(tx, STATEMENT(OPEN_COUNT), arena, &rows, DB_I64(agent_number)));
	*ret = db_i64(&rows, 0, 0);
	return ST_OK;
}

enum st store_request_insert(struct db_tx *tx, const struct request_row *row)
{
	const struct approval_action *action = &row->action;
	struct db_value amount = DB_I64(action->amount.micros);
	struct db_value currency = DB_TEXT(str_of(action->amount.currency));
	struct db_value confidence = DB_F64(row->confidence);

	ASSERT(row->state == APPROVAL_REQUEST_STATE_PENDING);
	amount.null = currency.null = !action->has_amount;
	confidence.null = !row->has_confidence;
	return db_write(
		tx, STATEMENT(REQUEST_INSERT), 1, ST_INTERNAL, DB_TEXT(row->request_id),
		DB_I64(row->agent_number), DB_TEXT(action->tool), DB_I32(action->operation),
		DB_TEXT_OR_NULL(action->resource), amount, currency,
		DB_TEXT(action->parameters_hash), DB_TEXT_OR_NULL(action->on_behalf_of),
		DB_TEXT(row->digest), DB_TEXT(row->reason), DB_I32(row->trigger),
		DB_TEXTS(row->rules, row->rule_count), confidence, DB_TEXT_OR_NULL(row->summary),
		DB_TEXT_OR_NULL(row->parameters), DB_I32(row->group.roles),
		DB_TEXTS(row->group.people, row->group.people_count), DB_I32(row->needed),
		DB_BOOL(row->own_allowed), DB_I32(row->second.roles),
		DB_TEXTS(row->second.people, row->second.people_count),
		i64_or_null(row->escalate_ms), DB_TEXT(row->owner), DB_TEXT(row->requested_by),
		DB_TEXT(row->asked_by), DB_TEXT(row->trace_id), DB_I64(row->created_ms),
		DB_I64(row->deadline_ms), DB_I64(row->validity_ms), DB_I64(request_due_ms(row)));
}

static struct str text_or_none(const struct db_rows *rows, size_t row, size_t column)
{
	return db_is_null(rows, row, column) ? (struct str){ 0 } : db_text(rows, row, column);
}

static struct str *texts_at(const struct db_rows *rows, size_t row, size_t column,
			    size_t *ret_count)
{
	const struct db_value *value = db_at(rows, row, column);

	*ret_count = value->count;
	return (struct str *)value->items;
}

static enum st action_read(const struct db_rows *rows, size_t i, struct arena *arena,
			   struct approval_action *ret)
{
	char agent_id[AGENT_ID_TEXT_SIZE];

	agent_id_format(db_i64(rows, i, 1), agent_id);
	*ret = (struct approval_action){
		.agent_id = arena_copy(arena, str_of(agent_id)),
		.tool = db_text(rows, i, 2),
		.operation = (enum approval_operation)db_i64(rows, i, 3),
		.resource = text_or_none(rows, i, 4),
		.has_amount = !db_is_null(rows, i, 5),
		.amount = { .micros = db_i64(rows, i, 5) },
		.parameters_hash = db_text(rows, i, 7),
		.on_behalf_of = text_or_none(rows, i, 8),
	};
	if (!ret->agent_id.data)
		return ST_TOO_LARGE;
	if (ret->has_amount)
		ASSERT(str_copy(db_text(rows, i, 6), ret->amount.currency,
				sizeof(ret->amount.currency)));
	return ST_OK;
}

static enum st request_read(const struct db_rows *rows, size_t i, struct arena *arena,
			    struct request_row *ret)
{
	struct request_row row = {
		.request_id = db_text(rows, i, 0),
		.agent_number = db_i64(rows, i, 1),
		.digest = db_text(rows, i, 9),
		.reason = db_text(rows, i, 10),
		.trigger = (enum approval_trigger)db_i64(rows, i, 11),
		.has_confidence = !db_is_null(rows, i, 13),
		.confidence = db_f64(rows, i, 13),
		.summary = text_or_none(rows, i, 14),
		.parameters = text_or_none(rows, i, 15),
		.group = { .roles = (uint32_t)db_i64(rows, i, 16) },
		.needed = db_i64(rows, i, 18),
		.own_allowed = db_bool(rows, i, 19),
		.second = { .roles = (uint32_t)db_i64(rows, i, 20) },
		.escalate_ms = db_i64(rows, i, 22),
		.escalated_ms = db_i64(rows, i, 23),
		.owner = db_text(rows, i, 24),
		.requested_by = db_text(rows, i, 25),
		.asked_by = db_text(rows, i, 26),
		.trace_id = db_text(rows, i, 27),
		.created_ms = db_i64(rows, i, 28),
		.deadline_ms = db_i64(rows, i, 29),
		.validity_ms = db_i64(rows, i, 30),
		.state = (enum approval_request_state)db_i64(rows, i, 31),
		.approved_ms = db_i64(rows, i, 32),
		.valid_until_ms = db_i64(rows, i, 33),
		.ended_ms = db_i64(rows, i, 34),
		.ended_by = text_or_none(rows, i, 35),
		.end_reason = text_or_none(rows, i, 36),
		.approvals = db_i64(rows, i, 37),
	};

	row.rules = texts_at(rows, i, 12, &row.rule_count);
	row.group.people = texts_at(rows, i, 17, &row.group.people_count);
	row.second.people = texts_at(rows, i, 21, &row.second.people_count);
	TRY(action_read(rows, i, arena, &row.action));
	*ret = row;
	return ST_OK;
}

enum st store_request_get(struct db_tx *tx, struct arena *arena, struct str request_id,
			  struct request_row *ret, bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(REQUEST_GET), arena, &rows, DB_TEXT(request_id)));
	if (rows.count > 0)
		TRY(request_read(&rows, 0, arena, ret));
	*ret_found = rows.count > 0;
	return ST_OK;
}

/* Read after the lock, in a statement of its own: what someone else committed while this one waited
 * is seen then, their verdicts too. */
enum st store_request_lock(struct db_tx *tx, struct arena *arena, struct str request_id,
			   struct request_row *ret, bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(REQUEST_LOCK), arena, &rows, DB_TEXT(request_id)));
	return store_request_get(tx, arena, request_id, ret, ret_found);
}

enum st store_request_update(struct db_tx *tx, const struct request_row *row)
{
	return db_write(tx, STATEMENT(REQUEST_UPDATE), 1, ST_CONFLICT, DB_TEXT(row->request_id),
			DB_I32(row->state), i64_or_null(row->escalated_ms),
			i64_or_null(row->approved_ms), i64_or_null(row->valid_until_ms),
			i64_or_null(row->ended_ms), DB_TEXT_OR_NULL(row->ended_by),
			DB_TEXT_OR_NULL(row->end_reason), i64_or_null(request_due_ms(row)));
}

static enum st requests_read(const struct db_rows *rows, struct arena *arena,
			     struct request_row **ret, size_t *ret_count)
{
	struct request_row *requests = ARENA_ARRAY(arena, struct request_row, rows->count);

	if (!requests)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows->count; i++)
		TRY(request_read(rows, i, arena, &requests[i]));
	*ret = requests;
	*ret_count = rows->count;
	return ST_OK;
}

enum st store_request_list(struct db_tx *tx, struct arena *arena,
			   const struct request_filter *filter, struct request_row **ret,
			   size_t *ret_count)
{
	const struct person_row *person = filter->person;
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(REQUEST_LIST), arena, &rows, DB_I32(filter->state),
		     DB_I64(filter->agent_number), DB_TEXT(person ? person->person_id : STR("")),
		     DB_I32(person ? person->roles : 0), DB_TEXT(filter->after),
		     DB_I64(filter->limit), DB_I64(filter->now_ms)));
	return requests_read(&rows, arena, ret, ret_count);
}

enum st store_request_due(struct db_tx *tx, struct arena *arena, int64_t now_ms,
			  struct request_row **ret, size_t *ret_count)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(REQUEST_DUE), arena, &rows, DB_I64(now_ms),
		     DB_I64(APPROVAL_DUE_CHUNK)));
	return requests_read(&rows, arena, ret, ret_count);
}

enum st store_request_open(struct db_tx *tx, struct arena *arena, int64_t agent_number,
			   struct request_row **ret, size_t *ret_count)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(REQUEST_OPEN), arena, &rows, DB_I64(agent_number)));
	return requests_read(&rows, arena, ret, ret_count);
}

enum st store_similar(struct db_tx *tx, struct arena *arena, const struct request_row *row,
		      struct approval_similar_verdicts *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(SIMILAR), arena, &rows, DB_I64(row->agent_number),
		     DB_TEXT(row->action.tool), DB_I32(row->action.operation),
		     DB_TEXT(row->request_id)));
	*ret = (struct approval_similar_verdicts){
		.approved = db_i64(&rows, 0, 0),
		.rejected = db_i64(&rows, 0, 1),
		.expired = db_i64(&rows, 0, 2),
	};
	return ST_OK;
}

enum st store_verdict_insert(struct db_tx *tx, struct str request_id, const struct act *act,
			     const struct approval_verdict *verdict, uint32_t roles, bool escalated,
			     int64_t now_ms)
{
	struct str signature = { (const char *)act->signature, SIGNATURE_BYTES };

	return db_write(tx, STATEMENT(VERDICT_INSERT), 1, ST_APPROVAL_VERDICT_GIVEN,
			DB_TEXT(request_id), DB_TEXT(act->person_id), DB_I32(verdict->verdict),
			DB_TEXT_OR_NULL(verdict->comment), DB_I32(roles), DB_BOOL(escalated),
			DB_TEXT(act->key_id), DB_BYTES(act->payload), DB_BYTES(signature),
			DB_I64(now_ms));
}

static enum st verdict_read(const struct db_rows *rows, size_t i, struct arena *arena,
			    struct verdict_row *ret)
{
	struct str signature = db_text(rows, i, 7);
	char text[SIGNATURE_TEXT_SIZE];

	ASSERT(signature.size == SIGNATURE_BYTES);
	base64_encode(signature.data, signature.size, text);
	*ret = (struct verdict_row){
		.given = {
			.person_id = db_text(rows, i, 0),
			.verdict = (enum approval_verdict_kind)db_i64(rows, i, 1),
			.comment = text_or_none(rows, i, 2),
			.escalated = db_bool(rows, i, 4),
			.given_at_ms = db_i64(rows, i, 8),
			.act = { .payload = db_text(rows, i, 6),
				 .key_id = db_text(rows, i, 5),
				 .signature = arena_copy(arena, str_of(text)) },
		},
		.roles = (uint32_t)db_i64(rows, i, 3),
	};
	return ret->given.act.signature.data ? ST_OK : ST_TOO_LARGE;
}

enum st store_verdict_list(struct db_tx *tx, struct arena *arena, struct str request_id,
			   struct verdict_row **ret, size_t *ret_count)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(VERDICT_LIST), arena, &rows, DB_TEXT(request_id)));
	struct verdict_row *verdicts = ARENA_ARRAY(arena, struct verdict_row, rows.count);
	if (!verdicts)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		TRY(verdict_read(&rows, i, arena, &verdicts[i]));
	*ret = verdicts;
	*ret_count = rows.count;
	return ST_OK;
}

enum st store_consume(struct db_tx *tx, const struct request_row *row, struct str caller,
		      struct str used_for, int64_t now_ms)
{
	return db_write(tx, STATEMENT(CONSUMPTION_INSERT), 1, ST_APPROVAL_USED,
			DB_TEXT(row->request_id), DB_TEXT(row->digest), DB_TEXT(caller),
			DB_TEXT_OR_NULL(used_for), DB_I64(now_ms));
}
