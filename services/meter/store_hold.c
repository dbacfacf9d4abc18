/* store_hold.c: money that is set aside. */
#include "store.h"

enum st store_hold_insert(struct db_tx *tx, struct arena *arena, struct hold_view *hold)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(HOLD_INSERT), arena, &rows, DB_TEXT(hold->hold_id),
		     DB_I64(hold->wallet), DB_I64(hold->amount), DB_I64(hold->created_ms),
		     DB_I64(hold->expires_ms), DB_TEXT_OR_NULL(hold->reference),
		     DB_I64(hold->sandbox)));
	hold->number = db_i64(&rows, 0, 0);
	return ST_OK;
}

enum st store_hold_load(struct db_tx *tx, struct arena *arena, struct str hold_id, int64_t number,
			struct hold_view *ret, bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(HOLD_LOAD), arena, &rows, DB_TEXT(hold_id), DB_I64(number)));
	*ret_found = rows.count > 0;
	if (rows.count == 0)
		return ST_OK;
	*ret = (struct hold_view){
		.number = db_i64(&rows, 0, 0),
		.hold_id = db_text(&rows, 0, 1),
		.wallet = db_i64(&rows, 0, 2),
		.wallet_id = db_text(&rows, 0, 3),
		.code = db_text(&rows, 0, 4),
		.currency = db_i64(&rows, 0, 5),
		.amount = db_i64(&rows, 0, 6),
		.captured = db_i64(&rows, 0, 7),
		.state = (enum meter_hold_state)db_i64(&rows, 0, 8),
		.created_ms = db_i64(&rows, 0, 9),
		.expires_ms = db_i64(&rows, 0, 10),
		.closed_ms = db_i64(&rows, 0, 11),
		.reference = text_or_none(&rows, 0, 12),
		.sandbox = db_i64(&rows, 0, 13),
		.sandbox_id = text_or_none(&rows, 0, 14),
	};
	return ST_OK;
}

enum st store_hold_close(struct db_tx *tx, int64_t number, enum meter_hold_state state,
			 int64_t captured, int64_t now_ms)
{
	return db_write(tx, STATEMENT(HOLD_CLOSE), 1, ST_SERIALIZATION, DB_I64(number),
			DB_I64(state), DB_I64(captured), DB_I64(now_ms));
}

enum st store_holds_due(struct db_tx *tx, struct arena *arena, int64_t now_ms, int64_t limit,
			struct db_rows *ret)
{
	return db_query(tx, STATEMENT(HOLDS_DUE), arena, ret, DB_I64(now_ms), DB_I64(limit));
}
