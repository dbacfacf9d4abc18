/* store_job.c: jobs as they are kept. */
#include "store.h"

int64_t job_left(const struct job_view *job)
{
	return job->budget - job->closed - job->held - job->run_spent;
}

static struct job_view job_at(const struct db_rows *rows, size_t i)
{
	return (struct job_view){
		.number = db_i64(rows, i, 0),
		.job_id = db_text(rows, i, 1),
		.wallet = db_i64(rows, i, 2),
		.wallet_id = db_text(rows, i, 3),
		.code = db_text(rows, i, 4),
		.primary = db_bool(rows, i, 5),
		.purpose = db_text(rows, i, 6),
		.state = (enum meter_job_state)db_i64(rows, i, 7),
		.reason = (enum meter_job_reason)db_i64(rows, i, 8),
		.budget = db_i64(rows, i, 9),
		.closed = db_i64(rows, i, 10),
		.held = db_i64(rows, i, 11),
		.idle_ms = db_i64(rows, i, 12),
		.created_ms = db_i64(rows, i, 13),
		.expires_ms = db_i64(rows, i, 14),
		.activity_ms = db_i64(rows, i, 15),
		.ended_ms = db_i64(rows, i, 16),
		.run_spent = db_i64(rows, i, 17),
		.burn = db_i64(rows, i, 18),
		.running = db_i64(rows, i, 19),
	};
}

enum st store_job_insert(struct db_tx *tx, struct arena *arena, struct job_view *job)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(JOB_INSERT), arena, &rows, DB_TEXT(job->job_id),
		     DB_I64(job->wallet), DB_I64(wallet_partition(job->wallet)),
		     DB_BOOL(job->primary), DB_TEXT(job->purpose), DB_I64(job->budget),
		     DB_I64(job->idle_ms), DB_I64(job->created_ms), DB_I64(job->expires_ms)));
	job->number = db_i64(&rows, 0, 0);
	return ST_OK;
}

enum st store_job_load(struct db_tx *tx, struct arena *arena, int64_t number, struct job_view *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(JOB_LOAD), arena, &rows, DB_I64(number)));
	if (rows.count != 1)
		return ST_INTERNAL;
	*ret = job_at(&rows, 0);
	return ST_OK;
}

enum st store_job_find(struct db_tx *tx, struct arena *arena, struct str job_id,
		       int64_t *ret_number, int64_t *ret_wallet, bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(JOB_FIND), arena, &rows, DB_TEXT(job_id)));
	*ret_found = rows.count > 0;
	if (rows.count == 0)
		return ST_OK;
	*ret_number = db_i64(&rows, 0, 0);
	*ret_wallet = db_i64(&rows, 0, 1);
	return ST_OK;
}

enum st store_job_count(struct db_tx *tx, struct arena *arena, int64_t wallet, int64_t *ret,
			bool *ret_primary)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(JOB_COUNT), arena, &rows, DB_I64(wallet)));
	*ret = db_i64(&rows, 0, 0);
	*ret_primary = db_bool(&rows, 0, 1);
	return ST_OK;
}

enum st store_job_list(struct db_tx *tx, struct arena *arena,
		       const struct meter_job_list_request *filter, int64_t limit,
		       struct job_views *ret)
{
	struct str wallet = str_or_empty(filter->wallet_id);
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(JOB_LIST), arena, &rows, DB_TEXT(wallet), DB_I64(filter->state),
		     DB_TEXT(str_or_empty(filter->after)), DB_I64(limit)));
	ret->items = ARENA_ARRAY(arena, struct job_view, rows.count);
	ret->count = rows.count;
	if (!ret->items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		ret->items[i] = job_at(&rows, i);
	return ST_OK;
}

enum st store_job_update(struct db_tx *tx, const struct job_view *job)
{
	return db_write(tx, STATEMENT(JOB_UPDATE), 1, ST_INTERNAL, DB_I64(job->number),
			DB_I64(job->budget), DB_I64(job->idle_ms), DB_I64(job->expires_ms),
			DB_I64(job->activity_ms), DB_I64(job->state), DB_I64(job->reason),
			DB_I64(job->ended_ms));
}

enum st store_job_held(struct db_tx *tx, int64_t number, int64_t more, int64_t now_ms)
{
	return db_write(tx, STATEMENT(JOB_HELD), 1, ST_INTERNAL, DB_I64(number), DB_I64(more),
			DB_I64(now_ms));
}

enum st store_jobs_due(struct db_tx *tx, struct arena *arena, int64_t now_ms, int64_t limit,
		       struct db_rows *ret)
{
	return db_query(tx, STATEMENT(JOBS_DUE), arena, ret, DB_I64(now_ms), DB_I64(limit));
}
