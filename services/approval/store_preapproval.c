/* store_preapproval.c: approvals in advance and their uses. */
#include "store.h"

#define STATEMENT(name) (&approval_statements[APR_##name])

enum st store_preapproval_insert(struct db_tx *tx, const struct preapproval_row *row,
				 const struct act *act)
{
	const struct approval_preapproval *p = &row->preapproval;
	struct str signature = { (const char *)act->signature, SIGNATURE_BYTES };
	struct db_value number = DB_I64(row->agent_number);

	number.null = row->agent_number == 0;
	return db_write(tx, STATEMENT(PREAPPROVAL_INSERT), 1, ST_INTERNAL,
			DB_TEXT(p->preapproval_id), number, DB_TEXT_OR_NULL(p->unit),
			DB_TEXT(p->tool), DB_I32(p->operation), DB_TEXT(p->resource),
			DB_I64(p->amount_max.micros), DB_I64(p->amount_total.micros),
			DB_TEXT(str_of(p->amount_max.currency)), DB_I64(p->uses_max),
			DB_I64(p->valid_until_ms), DB_TEXT(p->reason), DB_TEXT(p->approved_by),
			DB_TEXT(act->key_id), DB_BYTES(act->payload), DB_BYTES(signature),
			DB_I64(p->approved_at_ms));
}

static struct money money_at(const struct db_rows *rows, size_t i, size_t column)
{
	struct money money = { .micros = db_i64(rows, i, column) };

	ASSERT(str_copy(db_text(rows, i, 8), money.currency, sizeof(money.currency)));
	return money;
}

static void revoked_read(const struct db_rows *rows, size_t i, struct approval_preapproval *ret)
{
	ret->has_revoked_at_ms = !db_is_null(rows, i, 16);
	if (!ret->has_revoked_at_ms)
		return;
	ret->revoked_at_ms = db_i64(rows, i, 16);
	ret->revoked_by = db_text(rows, i, 17);
	ret->revoke_reason = db_text(rows, i, 18);
}

static enum st preapproval_read(const struct db_rows *rows, size_t i, struct arena *arena,
				struct preapproval_row *ret)
{
	struct preapproval_row row = {
		.preapproval = {
			.preapproval_id = db_text(rows, i, 0),
			.tool = db_text(rows, i, 3),
			.operation = (enum approval_operation)db_i64(rows, i, 4),
			.resource = db_text(rows, i, 5),
			.amount_max = money_at(rows, i, 6),
			.amount_total = money_at(rows, i, 7),
			.uses_max = db_i64(rows, i, 9),
			.valid_until_ms = db_i64(rows, i, 10),
			.reason = db_text(rows, i, 11),
			.approved_by = db_text(rows, i, 12),
			.approved_at_ms = db_i64(rows, i, 13),
			.uses = db_i64(rows, i, 14),
			.amount_used = money_at(rows, i, 15),
		},
		.agent_number = db_i64(rows, i, 1),
	};
	char agent_id[AGENT_ID_TEXT_SIZE];

	revoked_read(rows, i, &row.preapproval);
	if (row.agent_number) {
		agent_id_format(row.agent_number, agent_id);
		row.preapproval.agent_id = arena_copy(arena, str_of(agent_id));
		if (!row.preapproval.agent_id.data)
			return ST_TOO_LARGE;
	} else {
		row.preapproval.unit = db_text(rows, i, 2);
	}
	*ret = row;
	return ST_OK;
}

static enum st one_read(struct db_tx *tx, const struct db_statement *statement, struct arena *arena,
			struct str id, struct preapproval_row *ret, bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, statement, arena, &rows, DB_TEXT(id)));
	if (rows.count > 0)
		TRY(preapproval_read(&rows, 0, arena, ret));
	*ret_found = rows.count > 0;
	return ST_OK;
}

enum st store_preapproval_get(struct db_tx *tx, struct arena *arena, struct str id,
			      struct preapproval_row *ret, bool *ret_found)
{
	return one_read(tx, STATEMENT(PREAPPROVAL_GET), arena, id, ret, ret_found);
}

enum st store_preapproval_lock(struct db_tx *tx, struct arena *arena, struct str id,
			       struct preapproval_row *ret, bool *ret_found)
{
	return one_read(tx, STATEMENT(PREAPPROVAL_LOCK), arena, id, ret, ret_found);
}

enum st store_preapproval_list(struct db_tx *tx, struct arena *arena, int64_t agent_number,
			       bool ended, struct str before, int64_t limit, int64_t now_ms,
			       struct preapproval_row **ret, size_t *ret_count)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(PREAPPROVAL_LIST), arena, &rows, DB_I64(agent_number),
		     DB_BOOL(ended), DB_TEXT(before), DB_I64(limit), DB_I64(now_ms)));
	struct preapproval_row *list = ARENA_ARRAY(arena, struct preapproval_row, rows.count);
	if (!list)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		TRY(preapproval_read(&rows, i, arena, &list[i]));
	*ret = list;
	*ret_count = rows.count;
	return ST_OK;
}

enum st store_preapproval_revoke(struct db_tx *tx, struct str id, struct str by, struct str reason,
				 int64_t now_ms)
{
	return db_write(tx, STATEMENT(PREAPPROVAL_REVOKE), 1, ST_PREAPPROVAL_REVOKED, DB_TEXT(id),
			DB_I64(now_ms), DB_TEXT(by), DB_TEXT(reason));
}

enum st store_preapproval_use(struct db_tx *tx, const struct preapproval_use *use)
{
	TRY(db_write(tx, STATEMENT(PREAPPROVAL_TAKE), 1, ST_CONFLICT, DB_TEXT(use->preapproval_id),
		     DB_I64(use->use), DB_I64(use->micros)));
	return db_write(tx, STATEMENT(USE_INSERT), 1, ST_CONFLICT, DB_TEXT(use->preapproval_id),
			DB_I64(use->use), DB_I64(use->agent_number), DB_TEXT(use->digest),
			DB_I64(use->micros), DB_TEXT(use->caller), DB_TEXT_OR_NULL(use->used_for),
			DB_I64(use->now_ms));
}
