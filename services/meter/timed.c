/* timed.c: what time does beside the tick: holds and admissions expire, jobs end, runners that say
 * nothing count as gone, and the books are proved again and again. */
#include "handlers.h"
#include "log.h"
#include "planted.h"

#define DUE_CHUNK 100

/* Locks the wallets of a chunk of rows at once; column `wallet` says whose. */
static enum st chunk_lock(const struct svc_scope *scope, struct meter_service *meter,
			  const struct db_rows *rows, size_t wallet, struct account **ret,
			  size_t *ret_count)
{
	int64_t ids[2 * DUE_CHUNK];

	for (size_t i = 0; i < rows->count; i++) {
		ids[2 * i] = account_available(db_i64(rows, i, wallet));
		ids[2 * i + 1] = account_held(db_i64(rows, i, wallet));
	}
	return ledger_lock(scope, meter, ids, 2 * rows->count, ret, ret_count);
}

static struct account *pair_of(struct account *accounts, size_t count, int64_t wallet)
{
	for (size_t i = 0; i + 1 < count; i++)
		if (accounts[i].id == account_available(wallet))
			return &accounts[i];
	assert_fail("its accounts are locked", __FILE__, __LINE__);
}

static enum st holds_expire(const struct svc_scope *scope, struct meter_service *meter,
			    bool *ret_more)
{
	struct account *accounts;
	struct hold_view hold;
	struct db_rows due;
	size_t count;
	bool found;

	TRY(store_holds_due(scope->tx, scope->arena, scope->now_ms, DUE_CHUNK, &due));
	if (due.count == 0)
		return ST_OK;
	TRY(chunk_lock(scope, meter, &due, 1, &accounts, &count));
	for (size_t i = 0; i < due.count; i++) {
		TRY(store_hold_load(scope->tx, scope->arena, STR(""), db_i64(&due, i, 0), &hold,
				    &found));
		if (hold.state != METER_HOLD_STATE_ACTIVE)
			continue;
		TRY(hold_give_back(scope, meter, pair_of(accounts, count, hold.wallet), hold.number,
				   METER_HOLD_STATE_EXPIRED));
	}
	*ret_more = due.count == DUE_CHUNK;
	return ST_OK;
}

static enum st admissions_expire(const struct svc_scope *scope, struct meter_service *meter,
				 bool *ret_more)
{
	struct account *accounts;
	struct sandbox_view s;
	struct db_rows due;
	size_t count;

	TRY(store_waiting_due(scope->tx, scope->arena, scope->now_ms, DUE_CHUNK, &due));
	if (due.count == 0)
		return ST_OK;
	TRY(chunk_lock(scope, meter, &due, 1, &accounts, &count));
	for (size_t i = 0; i < due.count; i++) {
		TRY(sandbox_load(scope, db_i64(&due, i, 0), &s));
		if (s.state != METER_SANDBOX_STATE_ADMITTED)
			continue;
		TRY(sandbox_fail(scope, meter, pair_of(accounts, count, s.wallet), &s,
				 METER_STOP_REASON_NEVER_BEGAN, (struct str){ 0 }));
	}
	*ret_more = *ret_more || due.count == DUE_CHUNK;
	return ST_OK;
}

static enum st jobs_expire(const struct svc_scope *scope, struct meter_service *meter,
			   bool *ret_more)
{
	struct account *accounts;
	struct job_view job;
	struct db_rows due;
	size_t count;

	TRY(store_jobs_due(scope->tx, scope->arena, scope->now_ms, DUE_CHUNK, &due));
	if (due.count == 0)
		return ST_OK;
	TRY(chunk_lock(scope, meter, &due, 1, &accounts, &count));
	for (size_t i = 0; i < due.count; i++) {
		TRY(store_job_load(scope->tx, scope->arena, db_i64(&due, i, 0), &job));
		bool time = job.expires_ms <= scope->now_ms;
		bool idle = job.activity_ms + job.idle_ms <= scope->now_ms;
		if (job.state != METER_JOB_STATE_RUNNING || (!time && !idle))
			continue;
		TRY(job_end(scope, meter, pair_of(accounts, count, job.wallet), job.number,
			    time ? METER_JOB_REASON_TIME : METER_JOB_REASON_IDLE));
	}
	*ret_more = *ret_more || due.count == DUE_CHUNK;
	return ST_OK;
}

static enum st silent_gone(const struct svc_scope *scope, struct meter_service *meter)
{
	struct db_rows gone;

	TRY(store_silent_gone(scope->tx, scope->arena, scope->now_ms - meter->linger_ms, DUE_CHUNK,
			      scope->now_ms, &gone));
	if (gone.count == 0)
		return ST_OK;
	int64_t *numbers = ARENA_ARRAY(scope->arena, int64_t, gone.count);
	if (!numbers)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < gone.count; i++)
		numbers[i] = db_i64(&gone, i, 0);
	return sandboxes_tell(scope, &EVT_METER_SANDBOX_ENDED, numbers, gone.count);
}

/* Only the first of them that has work does it: each locks wallets, and a transaction that holds
 * some may not wait for others. */
enum st tick_due(struct svc_tick_context *tick)
{
	struct meter_service *meter = tick->state;
	struct svc_scope scope = svc_scope_of_tick(tick);
	bool more = false;

	TRY(ledger_begin(&scope, meter));
	TRY(planted_charges_make(&scope, meter));
	TRY(holds_expire(&scope, meter, &more));
	if (!meter->ledger.holds)
		TRY(admissions_expire(&scope, meter, &more));
	if (!meter->ledger.holds)
		TRY(jobs_expire(&scope, meter, &more));
	tick->again = meter->ledger.holds || more;
	TRY(silent_gone(&scope, meter));
	return ledger_flush(&scope, meter);
}

/* Nothing is cut by itself, so somebody has to hear of it. */
static enum st months_due(struct svc_tick_context *tick)
{
	const struct meter_service *meter = tick->state;
	struct month_row *months;
	int64_t due = 0;
	size_t count;

	TRY(store_ledger_months(tick->tx, tick->arena, &months, &count));
	for (size_t i = 0; i < count; i++)
		due += month_due(months[i].month, tick->now_ms, meter->retention_months);
	metric_set(METER_METRIC_LEDGER_DUE, due);
	return ST_OK;
}

/* The sum over all accounts is zero, at every instant: one statement is one instant. */
enum st tick_proof(struct svc_tick_context *tick)
{
	struct db_rows rows;

	TRY(db_query0(tick->tx, STATEMENT(AUDIT_SUMS), tick->arena, &rows));
	int64_t unbalanced = 0;
	for (size_t i = 0; i < rows.count; i++)
		unbalanced += db_i64(&rows, i, 1) != 0;
	metric_add(METER_METRIC_PROOFS, 1);
	metric_set(METER_METRIC_UNBALANCED, unbalanced);
	if (unbalanced > 0)
		log_write(LOG_ERROR, &(struct log_fields){ .category = "books" },
			  "the books do not balance in %lld currencies: run piopl wallet audit",
			  (long long)unbalanced);
	return months_due(tick);
}
