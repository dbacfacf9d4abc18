/* store_horizon.c: usage, horizons and forecasts. */
#include "store.h"

enum st store_usage(struct db_tx *tx, struct arena *arena, const struct usage_query *q,
		    struct db_rows *ret)
{
	const struct db_statement *statement = q->by == METER_USAGE_READ_REQUEST_BY_HOUR
						       ? STATEMENT(USAGE_HOURS)
						       : STATEMENT(USAGE);

	return db_query(tx, statement, arena, ret, DB_I64(q->wallet), DB_I64(q->job),
			DB_I64(q->sandbox), DB_I64(q->from_ms), DB_I64(q->to_ms), DB_I64(q->by),
			DB_I64(q->limit));
}

enum st store_horizon_of(struct db_tx *tx, struct arena *arena, int64_t partition,
			 struct horizon_row **ret, size_t *ret_count)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(HORIZON_OF), arena, &rows, DB_I64(partition)));
	struct horizon_row *items = ARENA_ARRAY(arena, struct horizon_row, rows.count);
	if (!items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		items[i] = (struct horizon_row){
			.wallet = db_i64(&rows, i, 0),
			.horizon = { .state = (enum meter_horizon_state)db_i64(&rows, i, 1),
				     .binding = (enum meter_binding)db_i64(&rows, i, 2),
				     .minutes = db_i64(&rows, i, 3),
				     .burn = db_i64(&rows, i, 4) },
			.at_ms = db_i64(&rows, i, 5),
			.forecast_ms = db_i64(&rows, i, 6),
		};
	*ret = items;
	*ret_count = rows.count;
	return ST_OK;
}

#define PUT_COLUMNS 9

enum st store_horizon_put(struct db_tx *tx, struct arena *arena, int64_t partition,
			  const struct horizon_row *rows, size_t count)
{
	int64_t *c[PUT_COLUMNS];

	for (size_t k = 0; k < PUT_COLUMNS; k++) {
		c[k] = ARENA_ARRAY(arena, int64_t, count);
		if (!c[k])
			return ST_TOO_LARGE;
	}
	for (size_t i = 0; i < count; i++) {
		const struct horizon *h = &rows[i].horizon;
		c[0][i] = rows[i].wallet;
		c[1][i] = h->state;
		c[2][i] = h->binding;
		c[3][i] = h->minutes;
		c[4][i] = h->burn;
		c[5][i] = h->has_balance ? h->balance_minutes : -1;
		c[6][i] = h->has_job ? h->job_minutes : -1;
		c[7][i] = h->has_time ? h->job_time_minutes : -1;
		c[8][i] = rows[i].forecast_ms;
	}
	return db_write(tx, STATEMENT(HORIZON_PUT), (int64_t)count, ST_INTERNAL, DB_I64(partition),
			DB_I64(rows[0].at_ms), DB_I64S(c[0], count), DB_I64S(c[1], count),
			DB_I64S(c[2], count), DB_I64S(c[3], count), DB_I64S(c[4], count),
			DB_I64S(c[5], count), DB_I64S(c[6], count), DB_I64S(c[7], count),
			DB_I64S(c[8], count));
}

enum st store_horizon_jobs(struct db_tx *tx, struct arena *arena, const int64_t *wallets,
			   size_t count, struct db_rows *ret)
{
	return db_query(tx, STATEMENT(HORIZON_JOBS), arena, ret, DB_I64S(wallets, count));
}

static void horizon_at(const struct db_rows *rows, size_t i, struct meter_horizon *ret)
{
	struct money burn = { .micros = db_i64(rows, i, 5) };

	memcpy(burn.currency, db_text(rows, i, 1).data, 3);
	*ret = (struct meter_horizon){
		.state = (enum meter_horizon_state)db_i64(rows, i, 2),
		.binding = (enum meter_binding)db_i64(rows, i, 3),
		.minutes = db_i64(rows, i, 4),
		.burn_per_minute = burn,
		.has_balance_minutes = db_i64(rows, i, 6) >= 0,
		.balance_minutes = db_i64(rows, i, 6),
		.has_job_minutes = db_i64(rows, i, 7) >= 0,
		.job_minutes = db_i64(rows, i, 7),
		.has_job_time_minutes = db_i64(rows, i, 8) >= 0,
		.job_time_minutes = db_i64(rows, i, 8),
		.at_ms = db_i64(rows, i, 9),
	};
}

enum st store_horizon_list(struct db_tx *tx, struct arena *arena,
			   const struct meter_horizon_list_request *filter, int64_t limit,
			   int64_t now_ms, struct meter_horizon_list_reply *ret)
{
	struct db_rows rows;

	(void)now_ms;
	TRY(db_query(tx, STATEMENT(HORIZON_LIST), arena, &rows, DB_I64(filter->state),
		     DB_TEXT(str_or_empty(filter->after)), DB_I64(limit)));
	ret->horizons.items = ARENA_ARRAY(arena, struct meter_wallet_horizon, rows.count);
	ret->horizons.count = rows.count;
	if (!ret->horizons.items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++) {
		ret->horizons.items[i].wallet_id = db_text(&rows, i, 0);
		horizon_at(&rows, i, &ret->horizons.items[i].horizon);
	}
	if ((int64_t)rows.count == limit)
		ret->next = db_text(&rows, rows.count - 1, 0);
	return ST_OK;
}

enum st store_forecasts_insert(struct db_tx *tx, struct arena *arena,
			       const struct horizon_row *rows, size_t count)
{
	int64_t *c[5];
	size_t n = 0;

	for (size_t k = 0; k < 5; k++) {
		c[k] = ARENA_ARRAY(arena, int64_t, count);
		if (!c[k])
			return ST_TOO_LARGE;
	}
	for (size_t i = 0; i < count; i++) {
		if (!rows[i].forecast)
			continue;
		c[0][n] = rows[i].wallet;
		c[1][n] = rows[i].at_ms;
		c[2][n] = rows[i].at_ms + rows[i].horizon.minutes * MINUTE_MS;
		c[3][n] = rows[i].horizon.minutes;
		c[4][n++] = rows[i].horizon.binding;
	}
	if (n == 0)
		return ST_OK;
	return db_write(tx, STATEMENT(FORECAST_INSERT), DB_ANY_ROWS, ST_INTERNAL, DB_I64S(c[0], n),
			DB_I64S(c[1], n), DB_I64S(c[2], n), DB_I64S(c[3], n), DB_I64S(c[4], n));
}

enum st store_forecasts_settle(struct db_tx *tx, struct arena *arena, const int64_t *wallets,
			       size_t count, int64_t now_ms, struct db_rows *ret)
{
	return db_query(tx, STATEMENT(FORECAST_SETTLE), arena, ret, DB_I64S(wallets, count),
			DB_I64(now_ms));
}

enum st store_forecast_list(struct db_tx *tx, struct arena *arena, int64_t wallet, int64_t limit,
			    struct meter_forecast_list_reply *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(FORECAST_LIST), arena, &rows, DB_I64(wallet), DB_I64(limit)));
	ret->forecasts.items = ARENA_ARRAY(arena, struct meter_forecast, rows.count);
	ret->forecasts.count = rows.count;
	if (!ret->forecasts.items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		ret->forecasts.items[i] = (struct meter_forecast){
			.made_at_ms = db_i64(&rows, i, 0),
			.ends_at_ms = db_i64(&rows, i, 1),
			.minutes = db_i64(&rows, i, 2),
			.binding = (enum meter_binding)db_i64(&rows, i, 3),
			.has_ended_at_ms = db_i64(&rows, i, 4) > 0,
			.ended_at_ms = db_i64(&rows, i, 4),
			.has_error_minutes = db_i64(&rows, i, 4) > 0,
			.error_minutes = db_i64(&rows, i, 5),
		};
	return ST_OK;
}
