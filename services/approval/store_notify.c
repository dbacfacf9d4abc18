/* store_notify.c: what is told outside: one row for a channel and a step, claimed before it is
 * sent, finished after. */
#include "store.h"

#define STATEMENT(name) (&approval_statements[APR_##name])

enum st store_notice_insert(struct db_tx *tx, const struct notice *notice, int64_t now_ms)
{
	return db_write(tx, STATEMENT(NOTIFY_INSERT), DB_ANY_ROWS, ST_INTERNAL,
			DB_TEXT(notice->request_id), DB_I32(notice->step), DB_I32(notice->channel),
			DB_I64(now_ms));
}

static enum st notices_read(const struct db_rows *rows, struct arena *arena, struct notice **ret,
			    size_t *ret_count)
{
	struct notice *notices = ARENA_ARRAY(arena, struct notice, rows->count);

	if (!notices)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows->count; i++)
		notices[i] = (struct notice){
			.request_id = db_text(rows, i, 0),
			.step = (enum approval_request_step)db_i64(rows, i, 1),
			.channel = (enum notify_channel)db_i64(rows, i, 2),
			.tries = db_i64(rows, i, 3),
		};
	*ret = notices;
	*ret_count = rows->count;
	return ST_OK;
}

enum st store_notices_mine(struct db_tx *tx, struct arena *arena, struct str claim,
			   struct notice **ret, size_t *ret_count)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(NOTIFY_MINE), arena, &rows, DB_TEXT(claim)));
	return notices_read(&rows, arena, ret, ret_count);
}

enum st store_notices_claim(struct db_tx *tx, struct arena *arena, struct str claim, int64_t limit,
			    int64_t now_ms, struct notice **ret, size_t *ret_count)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(NOTIFY_CLAIM), arena, &rows, DB_TEXT(claim), DB_I64(limit),
		     DB_I64(now_ms)));
	return notices_read(&rows, arena, ret, ret_count);
}

enum st store_notice_finish(struct db_tx *tx, const struct notice *notice, struct str claim,
			    enum notify_state state, int64_t due_ms, int64_t now_ms,
			    const char *error)
{
	ASSERT(state != NOTIFY_SENDING);
	return db_write(tx, STATEMENT(NOTIFY_FINISH), DB_ANY_ROWS, ST_INTERNAL,
			DB_TEXT(notice->request_id), DB_I32(notice->step), DB_I32(notice->channel),
			DB_TEXT(claim), DB_I32(state), DB_I64(due_ms), DB_I64(now_ms),
			DB_TEXT(str_of(error)));
}

enum st store_notice_orphans(struct db_tx *tx, struct str claim, int64_t before_ms, int64_t now_ms)
{
	return db_write(tx, STATEMENT(NOTIFY_ORPHANS), DB_ANY_ROWS, ST_INTERNAL, DB_TEXT(claim),
			DB_I64(before_ms), DB_I64(now_ms));
}
