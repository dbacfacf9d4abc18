/* store_operation.c: long work that goes on in pieces, and what a kill order ends of it. */
#include <assert.h>

#include "store.h"

#define STATEMENT(name) (&registry_statements[REG_##name])

static_assert(REGISTRY_OPERATION_STATE_RUNNING == 1 && REGISTRY_OPERATION_STATE_CANCELLED == 4,
	      "states of operations are kept by their number");
static_assert(REGISTRY_KILL_SCOPE_KIND_AGENT == 1 && REGISTRY_KILL_SCOPE_KIND_FLEET == 5,
	      "kinds of scopes are kept by their number");

enum {
	O_ID,
	O_KIND,
	O_STATE,
	O_TOTAL,
	O_DONE,
	O_STARTED,
	O_UPDATED,
	O_FINISHED,
	O_ERROR_CODE,
	O_ERROR_DETAIL,
	O_FIRST,
	O_LAST,
	O_PLAN,
	O_ROLE,
	O_TIER,
	O_UNIT,
	O_PRINCIPAL,
	O_TRACE_ID,
	O_PARAMETERS_HASH,
};

static struct str text_or_null(const struct db_rows *rows, size_t row, size_t column)
{
	return db_is_null(rows, row, column) ? (struct str){ 0 } : db_text(rows, row, column);
}

static enum st operation_read(const struct db_rows *rows, size_t row, struct arena *arena,
			      struct registry_operation *ret)
{
	struct registry_operation operation = {
		.operation_id = db_text(rows, row, O_ID),
		.kind = db_text(rows, row, O_KIND),
		.state = (enum registry_operation_state)db_i64(rows, row, O_STATE),
		.total = db_i64(rows, row, O_TOTAL),
		.done = db_i64(rows, row, O_DONE),
		.started_at_ms = db_i64(rows, row, O_STARTED),
		.updated_at_ms = db_i64(rows, row, O_UPDATED),
		.has_finished_at_ms = !db_is_null(rows, row, O_FINISHED),
		.finished_at_ms = db_i64(rows, row, O_FINISHED),
		.error_code = text_or_null(rows, row, O_ERROR_CODE),
		.error_detail = text_or_null(rows, row, O_ERROR_DETAIL),
	};

	if (!db_is_null(rows, row, O_FIRST)) {
		operation.first_agent_id = agent_id_of(db_i64(rows, row, O_FIRST), arena);
		operation.last_agent_id = agent_id_of(db_i64(rows, row, O_LAST), arena);
		if (!operation.first_agent_id.data || !operation.last_agent_id.data)
			return ST_TOO_LARGE;
	}
	*ret = operation;
	return ST_OK;
}

enum st store_operation_insert(struct db_tx *tx, const struct operation_row *row)
{
	const struct registry_operation *operation = &row->operation;

	return db_write(tx, STATEMENT(OPERATION_INSERT), 1, ST_INTERNAL,
			DB_TEXT(operation->operation_id), DB_TEXT(operation->kind),
			DB_I32(operation->state), DB_I64(operation->total), DB_TEXT(row->plan),
			DB_TEXT(row->role), DB_I32(row->tier), DB_TEXT(row->unit),
			DB_TEXT(row->principal), DB_TEXT(row->trace_id),
			DB_TEXT(row->parameters_hash), DB_I64(operation->started_at_ms));
}

enum st store_operation_get(struct db_tx *tx, struct arena *arena, struct str operation_id,
			    struct registry_operation *ret, bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(OPERATION_GET), arena, &rows, DB_TEXT(operation_id)));
	if (rows.count > 0)
		TRY(operation_read(&rows, 0, arena, ret));
	*ret_found = rows.count > 0;
	return ST_OK;
}

enum st store_operation_next(struct db_tx *tx, struct arena *arena, struct operation_row *ret,
			     bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query0(tx, STATEMENT(OPERATION_NEXT), arena, &rows));
	*ret_found = rows.count > 0;
	if (rows.count == 0)
		return ST_OK;
	struct operation_row row = {
		.plan = db_text(&rows, 0, O_PLAN),
		.role = db_text(&rows, 0, O_ROLE),
		.tier = db_i64(&rows, 0, O_TIER),
		.unit = db_text(&rows, 0, O_UNIT),
		.principal = db_text(&rows, 0, O_PRINCIPAL),
		.trace_id = db_text(&rows, 0, O_TRACE_ID),
		.parameters_hash = db_text(&rows, 0, O_PARAMETERS_HASH),
		.first_number = db_i64(&rows, 0, O_FIRST),
		.last_number = db_i64(&rows, 0, O_LAST),
	};
	TRY(operation_read(&rows, 0, arena, &row.operation));
	*ret = row;
	return ST_OK;
}

enum st store_operation_progress(struct db_tx *tx, const struct operation_row *row)
{
	const struct registry_operation *operation = &row->operation;
	struct db_value first = DB_I64(row->first_number), last = DB_I64(row->last_number);
	struct db_value finished = DB_I64(operation->finished_at_ms);

	first.null = last.null = row->first_number == 0;
	finished.null = !operation->has_finished_at_ms;
	return db_write(tx, STATEMENT(OPERATION_PROGRESS), 1, ST_CONFLICT,
			DB_TEXT(operation->operation_id), DB_I32(operation->state),
			DB_I64(operation->done), DB_I64(operation->updated_at_ms), finished,
			DB_TEXT_OR_NULL(operation->error_code),
			DB_TEXT_OR_NULL(operation->error_detail), first, last);
}

/* Kill */

static enum st plan_for_values(struct db_tx *tx, struct arena *arena)
{
	struct db_rows rows;

	return db_query0(tx, STATEMENT(CUSTOM_PLANS), arena, &rows);
}

enum st store_kill(struct db_tx *tx, struct arena *arena, const struct kill *kill,
		   struct killed **ret, size_t *ret_count)
{
	const struct kill_scope *scope = &kill->scope;
	struct db_rows rows;

	TRY(store_lock(tx, arena, REGISTRY_LOCK_AGENTS));
	TRY(plan_for_values(tx, arena));
	TRY(db_query(tx, STATEMENT(KILL_AGENTS), arena, &rows, DB_I32(scope->kind),
		     DB_I64(scope->number), DB_TEXT(scope->text), DB_I32(scope->tier),
		     DB_I64(kill->ordered_ms), DB_TEXT(kill->reason), DB_TEXT(kill->ordered_by),
		     DB_TEXT(kill->kill_id)));
	struct killed *killed = ARENA_ARRAY(arena, struct killed, rows.count);
	if (!killed)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		killed[i] = (struct killed){
			.number = db_i64(&rows, i, 0),
			.from = (enum registry_agent_state)db_i64(&rows, i, 1),
			.role = db_text(&rows, i, 2),
			.tier = db_i64(&rows, i, 3),
			.unit = db_text(&rows, i, 4),
		};
	*ret = killed;
	*ret_count = rows.count;
	return ST_OK;
}

enum st store_kill_operations(struct db_tx *tx, struct arena *arena, const struct kill *kill,
			      struct registry_operation **ret, size_t *ret_count)
{
	const struct kill_scope *scope = &kill->scope;
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(KILL_CANCEL), arena, &rows, DB_I32(scope->kind),
		     DB_I64(scope->number), DB_TEXT(scope->text), DB_I32(scope->tier),
		     DB_I64(kill->ordered_ms), DB_TEXT(kill->reason)));
	struct registry_operation *operations =
		ARENA_ARRAY(arena, struct registry_operation, rows.count);
	if (!operations)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		TRY(operation_read(&rows, i, arena, &operations[i]));
	*ret = operations;
	*ret_count = rows.count;
	return ST_OK;
}

enum st store_kill_keep(struct db_tx *tx, const struct kill *kill, int64_t terminated,
			int64_t cancelled)
{
	const struct kill_scope *scope = &kill->scope;

	return db_write(tx, STATEMENT(KILL_INSERT), 1, ST_INTERNAL, DB_TEXT(kill->kill_id),
			DB_I32(scope->kind), DB_TEXT_OR_NULL(kill->scope_value),
			DB_TEXT(kill->reason), DB_TEXT(kill->ordered_by), DB_I64(kill->ordered_ms),
			DB_I64(terminated), DB_I64(cancelled));
}
