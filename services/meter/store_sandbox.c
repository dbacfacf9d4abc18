/* store_sandbox.c: metered sandboxes, those that run, their leases and paid minutes. */
#include <assert.h>

#include "store.h"

static_assert(METER_SANDBOX_STATE_ADMITTED == 1 && METER_SANDBOX_STATE_RUNNING == 2 &&
		      METER_SANDBOX_STATE_STOPPING == 3 && METER_SANDBOX_STATE_ENDED == 4 &&
		      METER_SANDBOX_STATE_FAILED == 5,
	      "states are kept by their number");

static struct sandbox_view sandbox_at(const struct db_rows *rows, size_t i)
{
	return (struct sandbox_view){
		.number = db_i64(rows, i, 0),
		.wallet = db_i64(rows, i, 1),
		.job = db_i64(rows, i, 2),
		.hold = db_i64(rows, i, 3),
		.sandbox_id = db_text(rows, i, 4),
		.wallet_id = db_text(rows, i, 5),
		.job_id = db_text(rows, i, 6),
		.runner = db_text(rows, i, 7),
		.agent_id = text_or_none(rows, i, 8),
		.image_class = db_text(rows, i, 9),
		.code = db_text(rows, i, 10),
		.note = text_or_none(rows, i, 11),
		.cpu_milli = db_i64(rows, i, 12),
		.ram_mb = db_i64(rows, i, 13),
		.disk_mb = db_i64(rows, i, 14),
		.price = db_i64(rows, i, 15),
		.price_version = db_i64(rows, i, 16),
		.cap = db_i64(rows, i, 17),
		.idle_ms = db_i64(rows, i, 18),
		.expires_ms = db_i64(rows, i, 19),
		.state = (enum meter_sandbox_state)db_i64(rows, i, 20),
		.reason = (enum meter_stop_reason)db_i64(rows, i, 21),
		.admitted_ms = db_i64(rows, i, 22),
		.begin_by_ms = db_i64(rows, i, 23),
		.began_ms = db_i64(rows, i, 24),
		.activity_ms = db_i64(rows, i, 25),
		.minutes = db_i64(rows, i, 26),
		.paid_until_ms = db_i64(rows, i, 27),
		.stop_at_ms = db_i64(rows, i, 28),
		.ended_ms = db_i64(rows, i, 29),
	};
}

static enum st sandboxes_of(const struct db_rows *rows, struct arena *arena,
			    struct sandbox_views *ret)
{
	ret->items = ARENA_ARRAY(arena, struct sandbox_view, rows->count);
	ret->count = rows->count;
	if (!ret->items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows->count; i++)
		ret->items[i] = sandbox_at(rows, i);
	return ST_OK;
}

enum st store_sandbox_insert(struct db_tx *tx, struct arena *arena, struct sandbox_view *s)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(SANDBOX_INSERT), arena, &rows, DB_TEXT(s->sandbox_id),
		     DB_I64(s->wallet), DB_I64(s->job), DB_I64(wallet_partition(s->wallet)),
		     DB_TEXT(s->runner), DB_TEXT_OR_NULL(s->agent_id), DB_TEXT(s->image_class),
		     DB_I64(s->cpu_milli), DB_I64(s->ram_mb), DB_I64(s->disk_mb), DB_I64(s->price),
		     DB_I64(s->price_version), DB_I64(s->cap), DB_I64(s->idle_ms),
		     DB_I64(s->expires_ms), DB_I64(s->admitted_ms), DB_I64(s->begin_by_ms)));
	s->number = db_i64(&rows, 0, 0);
	return ST_OK;
}

enum st store_sandbox_hold(struct db_tx *tx, int64_t number, int64_t hold)
{
	return db_write(tx, STATEMENT(SANDBOX_HOLD), 1, ST_INTERNAL, DB_I64(number), DB_I64(hold));
}

enum st store_sandbox_find(struct db_tx *tx, struct arena *arena, struct str sandbox_id,
			   int64_t *ret_number, int64_t *ret_wallet, int64_t *ret_job,
			   bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(SANDBOX_FIND), arena, &rows, DB_TEXT(sandbox_id)));
	*ret_found = rows.count > 0;
	if (rows.count == 0)
		return ST_OK;
	*ret_number = db_i64(&rows, 0, 0);
	*ret_wallet = db_i64(&rows, 0, 1);
	*ret_job = db_i64(&rows, 0, 2);
	return ST_OK;
}

enum st store_sandboxes_load(struct db_tx *tx, struct arena *arena, const int64_t *numbers,
			     size_t count, struct sandbox_views *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(SANDBOXES_LOAD), arena, &rows, DB_I64S(numbers, count)));
	return sandboxes_of(&rows, arena, ret);
}

enum st store_sandbox_list(struct db_tx *tx, struct arena *arena,
			   const struct meter_sandbox_list_request *filter, int64_t limit,
			   struct sandbox_views *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(SANDBOX_LIST), arena, &rows,
		     DB_TEXT(str_or_empty(filter->wallet_id)),
		     DB_TEXT(str_or_empty(filter->job_id)), DB_TEXT(str_or_empty(filter->runner)),
		     DB_I64(filter->state), DB_TEXT(str_or_empty(filter->after)), DB_I64(limit)));
	return sandboxes_of(&rows, arena, ret);
}

enum st store_sandbox_count(struct db_tx *tx, struct arena *arena, int64_t wallet, int64_t *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(SANDBOX_COUNT), arena, &rows, DB_I64(wallet)));
	*ret = db_i64(&rows, 0, 0);
	return ST_OK;
}

enum st store_sandbox_begin(struct db_tx *tx, const struct sandbox_view *s, int64_t now_ms)
{
	TRY(db_write(tx, STATEMENT(SANDBOX_BEGIN), 1, ST_SERIALIZATION, DB_I64(s->number),
		     DB_I64(now_ms)));
	return db_write(tx, STATEMENT(RUN_INSERT), 1, ST_INTERNAL, DB_I64(s->number),
			DB_I64(s->wallet), DB_I64(s->job), DB_I64(s->price), DB_I64(s->cap),
			DB_I64(now_ms), DB_I64(s->expires_ms), DB_I64(s->idle_ms),
			DB_I64(wallet_partition(s->wallet)));
}

enum st store_sandbox_fail(struct db_tx *tx, int64_t number, enum meter_stop_reason reason,
			   struct str note, int64_t now_ms)
{
	return db_write(tx, STATEMENT(SANDBOX_FAIL), 1, ST_SERIALIZATION, DB_I64(number),
			DB_I64(reason), DB_TEXT_OR_NULL(note), DB_I64(now_ms));
}

enum st store_sandbox_gone(struct db_tx *tx, int64_t number, struct str note, int64_t ended_ms)
{
	return db_write(tx, STATEMENT(SANDBOX_GONE), 1, ST_SERIALIZATION, DB_I64(number),
			DB_TEXT_OR_NULL(note), DB_I64(ended_ms));
}

enum st store_sandbox_leave(struct db_tx *tx, int64_t number, int64_t stop_at_ms)
{
	return db_write(tx, STATEMENT(SANDBOX_LEAVE), 1, ST_SERIALIZATION, DB_I64(number),
			DB_I64(stop_at_ms));
}

enum st store_sandbox_limits(struct db_tx *tx, const struct sandbox_view *s)
{
	TRY(db_write(tx, STATEMENT(SANDBOX_LIMITS), 1, ST_INTERNAL, DB_I64(s->number),
		     DB_I64(s->cap), DB_I64(s->expires_ms), DB_I64(s->idle_ms)));
	if (s->state != METER_SANDBOX_STATE_RUNNING)
		return ST_OK;
	return db_write(tx, STATEMENT(RUN_LIMITS), 1, ST_INTERNAL,
			DB_I64(wallet_partition(s->wallet)), DB_I64(s->number), DB_I64(s->cap),
			DB_I64(s->expires_ms), DB_I64(s->idle_ms));
}

/* -- those that run -- */

static struct run run_at(const struct db_rows *rows, size_t i)
{
	return (struct run){
		.sandbox = db_i64(rows, i, 0),
		.wallet = db_i64(rows, i, 1),
		.job = db_i64(rows, i, 2),
		.price = db_i64(rows, i, 3),
		.cap = db_i64(rows, i, 4),
		.from_ms = db_i64(rows, i, 5),
		.expires_ms = db_i64(rows, i, 6),
		.activity_ms = db_i64(rows, i, 7),
		.idle_ms = db_i64(rows, i, 8),
		.joined = db_bool(rows, i, 9),
	};
}

enum st store_runs_of(struct db_tx *tx, struct arena *arena, int64_t wallet, int64_t job,
		      struct run_list *ret, int64_t *ret_paid_through_ms)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(RUNS_OF), arena, &rows, DB_I64(wallet), DB_I64(job),
		     DB_I64(wallet_partition(wallet))));
	ret->items = ARENA_ARRAY(arena, struct run, rows.count);
	ret->count = 0;
	if (!ret->items || rows.count == 0)
		return rows.count == 0 ? ST_INTERNAL : ST_TOO_LARGE;
	*ret_paid_through_ms = db_i64(&rows, 0, 10);
	for (size_t i = 0; i < rows.count; i++)
		if (!db_is_null(&rows, i, 0))
			ret->items[ret->count++] = run_at(&rows, i);
	return ST_OK;
}

enum st store_tick_runs(struct db_tx *tx, struct arena *arena, int64_t partition,
			const int64_t *wallets, size_t count, struct run_list *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(TICK_RUNS), arena, &rows, DB_I64(partition),
		     DB_I64S(wallets, count)));
	ret->items = ARENA_ARRAY(arena, struct run, rows.count);
	ret->count = rows.count;
	if (!ret->items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		ret->items[i] = run_at(&rows, i);
	return ST_OK;
}

enum st store_waiting_of(struct db_tx *tx, struct arena *arena, int64_t job, struct db_rows *ret)
{
	return db_query(tx, STATEMENT(WAITING_OF), arena, ret, DB_I64(job));
}

enum st store_waiting_due(struct db_tx *tx, struct arena *arena, int64_t now_ms, int64_t limit,
			  struct db_rows *ret)
{
	return db_query(tx, STATEMENT(WAITING_DUE), arena, ret, DB_I64(now_ms), DB_I64(limit));
}

enum {
	S_SANDBOX,
	S_WALLET,
	S_JOB,
	S_FROM,
	S_MINUTES,
	S_PRICE,
	S_REASON,
	S_UNTIL,
	S_STOP,
	S_ACTIVITY,
	S_SPENT,
	S_COLUMNS
};

static enum st stop_columns(struct arena *arena, const struct run_stop *stops, size_t count,
			    int64_t *c[S_COLUMNS])
{
	for (size_t k = 0; k < S_COLUMNS; k++) {
		c[k] = ARENA_ARRAY(arena, int64_t, count);
		if (!c[k])
			return ST_TOO_LARGE;
	}
	for (size_t i = 0; i < count; i++) {
		const struct run *run = &stops[i].run;
		c[S_SANDBOX][i] = run->sandbox;
		c[S_WALLET][i] = run->wallet;
		c[S_JOB][i] = run->job;
		c[S_FROM][i] = run->from_ms;
		c[S_MINUTES][i] = stops[i].minutes;
		c[S_PRICE][i] = run->price;
		c[S_REASON][i] = stops[i].reason;
		c[S_UNTIL][i] = run->from_ms + stops[i].minutes * MINUTE_MS;
		c[S_STOP][i] = stops[i].stop_at_ms;
		c[S_ACTIVITY][i] = run->activity_ms;
		TRY(micros_multiply(run->price, stops[i].minutes, 1, MONEY_CEIL, &c[S_SPENT][i]));
	}
	return ST_OK;
}

enum st store_runs_stop(struct db_tx *tx, struct arena *arena, int64_t partition,
			const struct run_stop *stops, size_t count)
{
	int64_t *c[S_COLUMNS];

	TRY(stop_columns(arena, stops, count, c));
	TRY(db_write(tx, STATEMENT(RUNS_DELETE), (int64_t)count, ST_SERIALIZATION,
		     DB_I64(partition), DB_I64S(c[S_SANDBOX], count)));
	TRY(db_write(tx, STATEMENT(ACTIVITY_INSERT), (int64_t)count, ST_INTERNAL,
		     DB_I64S(c[S_SANDBOX], count), DB_I64S(c[S_WALLET], count),
		     DB_I64S(c[S_JOB], count), DB_I64S(c[S_FROM], count),
		     DB_I64S(c[S_MINUTES], count), DB_I64S(c[S_PRICE], count)));
	TRY(db_write(tx, STATEMENT(SANDBOXES_STOP), (int64_t)count, ST_SERIALIZATION,
		     DB_I64S(c[S_SANDBOX], count), DB_I64S(c[S_REASON], count),
		     DB_I64S(c[S_MINUTES], count), DB_I64S(c[S_UNTIL], count),
		     DB_I64S(c[S_STOP], count), DB_I64S(c[S_ACTIVITY], count)));
	return db_write(tx, STATEMENT(JOBS_CLOSED), DB_ANY_ROWS, ST_INTERNAL,
			DB_I64S(c[S_JOB], count), DB_I64S(c[S_SPENT], count),
			DB_I64S(c[S_ACTIVITY], count));
}

enum st store_activity_move(struct db_tx *tx, struct arena *arena, const struct str *ids,
			    const int64_t *at_ms, size_t count, bool wait, int64_t *ret_moved)
{
	const struct db_statement *statement =
		wait ? STATEMENT(ACTIVITY_MOVE) : STATEMENT(ACTIVITY_MOVE_NOWAIT);
	struct db_rows rows;

	TRY(db_query(tx, statement, arena, &rows, DB_TEXTS(ids, count), DB_I64S(at_ms, count)));
	*ret_moved = db_i64(&rows, 0, 0);
	return ST_OK;
}

enum st store_leases(struct db_tx *tx, struct arena *arena, const struct str *ids, size_t count,
		     struct meter_lease_read_reply *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(LEASES), arena, &rows, DB_TEXTS(ids, count)));
	ret->leases.items = ARENA_ARRAY(arena, struct meter_lease, rows.count);
	ret->leases.count = rows.count;
	if (!ret->leases.items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		ret->leases.items[i] = (struct meter_lease){
			.sandbox_id = db_text(&rows, i, 0),
			.state = (enum meter_sandbox_state)db_i64(&rows, i, 1),
			.reason = (enum meter_stop_reason)db_i64(&rows, i, 2),
			.has_stop_at_ms = db_i64(&rows, i, 3) > 0,
			.stop_at_ms = db_i64(&rows, i, 3),
			.lease_until_ms = db_i64(&rows, i, 4),
		};
	return ST_OK;
}

enum st store_silent_gone(struct db_tx *tx, struct arena *arena, int64_t before_ms, int64_t limit,
			  int64_t now_ms, struct db_rows *ret)
{
	return db_query(tx, STATEMENT(SILENT_GONE), arena, ret, DB_I64(before_ms), DB_I64(limit),
			DB_I64(now_ms));
}
