/* handlers_read.c: prices, usage, horizons, and how the meter itself is. */
#include "clock.h"
#include "handlers.h"

#define USAGE_ROWS 1000

/* -- prices -- */

static enum st rate_check(struct svc_request *req, struct money rate, const char *pointer,
			  struct str code)
{
	if (!str_is(code, rate.currency))
		return svc_refuse(req, ST_CURRENCY_MISMATCH, pointer, "%s in a table of %.*s",
				  rate.currency, STR_ARG(code));
	if (rate.micros < 0)
		return svc_refuse(req, ST_MONEY_INVALID, pointer, "a price is zero or more");
	return ST_OK;
}

static enum st rates_check(struct svc_request *req, const struct meter_price_table_input *in)
{
	char pointer[64];

	TRY(rate_check(req, in->cpu_minute, "/cpu_minute", in->currency));
	TRY(rate_check(req, in->ram_gb_minute, "/ram_gb_minute", in->currency));
	TRY(rate_check(req, in->disk_gb_minute, "/disk_gb_minute", in->currency));
	for (size_t i = 0; i < in->classes.count; i++) {
		snprintf(pointer, sizeof(pointer), "/classes/%zu/minute", i);
		TRY(rate_check(req, in->classes.items[i].minute, pointer, in->currency));
		for (size_t k = 0; k < i; k++)
			if (str_equal(in->classes.items[i].image_class,
				      in->classes.items[k].image_class))
				return svc_refuse(req, ST_ALREADY_EXISTS, pointer,
						  "the class is there twice");
	}
	return ST_OK;
}

static enum st put(struct svc_request *req)
{
	const struct meter_price_table_input *in = req->body;
	struct meter_price_reply *out = req->answer;
	struct meter_price_changed told;
	int64_t currency;
	bool found;

	TRY(store_currency_find(req->tx, req->arena, in->currency, &currency, &found));
	if (!found)
		return svc_refuse(req, ST_CURRENCY_UNKNOWN, "/currency", "\"%.*s\"",
				  STR_ARG(in->currency));
	if (in->has_from_ms && in->from_ms < req->now_ms)
		return svc_refuse(req, ST_PRICE_IN_PAST, "/from", "%s", "");
	TRY(rates_check(req, in));
	out->price = (struct meter_price_table){
		.currency = in->currency,
		.from_ms = in->has_from_ms ? in->from_ms : req->now_ms,
		.cpu_minute = in->cpu_minute,
		.ram_gb_minute = in->ram_gb_minute,
		.disk_gb_minute = in->disk_gb_minute,
		.by = asker_of(req),
	};
	out->price.classes.items = in->classes.items;
	out->price.classes.count = in->classes.count;
	TRY(store_price_insert(req->tx, req->arena, currency, &out->price));
	told.price = out->price;
	return svc_emit(req, &EVT_METER_PRICE_CHANGED, in->currency, &told);
}

enum st on_price_put(struct svc_request *req)
{
	return recorded(req, "price.put", put);
}

enum st on_price_list(struct svc_request *req)
{
	const struct meter_price_list_request *in = req->body;

	return store_price_list(req->tx, req->arena, str_or_empty(in->currency),
				in->has_limit ? in->limit : 10, req->answer);
}

enum st on_price_quote(struct svc_request *req)
{
	const struct meter_price_quote_request *in = req->body;
	struct meter_price_quote_reply *out = req->answer;
	struct price_rates rates;
	int64_t price, total;
	bool found;

	TRY(store_price_find(req->tx, req->arena, in->currency, in->image_class, req->now_ms,
			     &rates, &out->version, &found));
	if (!found)
		return svc_refuse(req, ST_PRICE_UNKNOWN, "/image_class", "\"%.*s\" in %.*s",
				  STR_ARG(in->image_class), STR_ARG(in->currency));
	TRY(price_of_minute(&rates, in->cpu_milli, in->ram_mb, in->disk_mb, &price));
	out->minutes = in->has_minutes ? in->minutes : 1;
	TRY(micros_multiply(price, out->minutes, 1, MONEY_CEIL, &total));
	out->price_per_minute = money_of(price, in->currency);
	out->total = money_of(total, in->currency);
	return ST_OK;
}

/* -- usage -- */

static enum st usage_subject(struct svc_request *req, struct usage_query *query, struct str *code)
{
	const struct meter_usage_read_request *in = req->body;
	int named = !!in->wallet_id.data + !!in->job_id.data + !!in->sandbox_id.data;
	struct svc_scope scope = svc_scope_of_request(req);
	struct wallet_view wallet;
	struct sandbox_view sandbox;
	struct job_view job;
	int64_t number, ignored;
	bool found;

	if (named != 1)
		return svc_refuse(req, ST_USAGE_SUBJECT, "", "%d are named", named);
	if (in->wallet_id.data) {
		TRY(wallet_found(req, in->wallet_id, "/wallet_id", &wallet));
		query->wallet = wallet.number;
		*code = wallet.code;
		return ST_OK;
	}
	if (in->job_id.data) {
		TRY(store_job_find(req->tx, req->arena, in->job_id, &number, &ignored, &found));
		if (!found)
			return svc_refuse(req, ST_JOB_UNKNOWN, "/job_id", "%s", "");
		TRY(store_job_load(req->tx, req->arena, number, &job));
		query->job = number;
		*code = job.code;
		return ST_OK;
	}
	TRY(store_sandbox_find(req->tx, req->arena, in->sandbox_id, &number, &ignored, &ignored,
			       &found));
	if (!found)
		return svc_refuse(req, ST_SANDBOX_UNKNOWN, "/sandbox_id", "%s", "");
	TRY(sandbox_load(&scope, number, &sandbox));
	query->sandbox = number;
	*code = sandbox.code;
	return ST_OK;
}

static enum st usage_rows(struct svc_request *req, const struct db_rows *rows, bool hours,
			  struct str code)
{
	struct meter_usage_read_reply *out = req->answer;
	char time[TIME_TEXT_SIZE];
	int64_t cost = 0, at_ms;

	out->rows.items = ARENA_ARRAY(req->arena, struct meter_usage_row, rows->count);
	out->rows.count = rows->count;
	if (!out->rows.items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows->count; i++) {
		struct meter_usage_row *row = &out->rows.items[i];
		row->key = db_text(rows, i, 0);
		row->minutes = db_i64(rows, i, 1);
		row->cost = money_of(db_i64(rows, i, 2), code);
		out->total_minutes += row->minutes;
		cost += row->cost.micros;
		if (!hours)
			continue;
		if (!str_to_i64(row->key, &at_ms))
			return ST_INTERNAL;
		time_format(at_ms, time);
		row->key = arena_copy(req->arena, str_of(time));
	}
	out->total_cost = money_of(cost, code);
	return ST_OK;
}

enum st on_usage_read(struct svc_request *req)
{
	const struct meter_usage_read_request *in = req->body;
	struct usage_query query = { .from_ms = in->from_ms,
				     .to_ms = in->to_ms,
				     .by = in->by ? in->by : METER_USAGE_READ_REQUEST_BY_TOTAL,
				     .limit = in->has_limit ? in->limit : USAGE_ROWS };
	struct db_rows rows;
	struct str code;

	if (in->to_ms <= in->from_ms)
		return svc_refuse(req, ST_USAGE_SPAN, "/to", "%s", "");
	TRY(usage_subject(req, &query, &code));
	TRY(store_usage(req->tx, req->arena, &query, &rows));
	TRY(ledger_since(req, in->from_ms, "/from"));
	return usage_rows(req, &rows, query.by == METER_USAGE_READ_REQUEST_BY_HOUR, code);
}

/* -- horizons and the meter -- */

enum st on_horizon_list(struct svc_request *req)
{
	const struct meter_horizon_list_request *in = req->body;

	return store_horizon_list(req->tx, req->arena, in,
				  in->has_limit ? in->limit : METER_PAGE_DEFAULT, req->now_ms,
				  req->answer);
}

enum st on_forecast_list(struct svc_request *req)
{
	const struct meter_forecast_list_request *in = req->body;
	struct wallet_view wallet;

	TRY(wallet_found(req, in->wallet_id, "/wallet_id", &wallet));
	return store_forecast_list(req->tx, req->arena, wallet.number,
				   in->has_limit ? in->limit : METER_PAGE_DEFAULT, req->answer);
}

enum st on_meter_show(struct svc_request *req)
{
	const struct meter_meter_show_request *in = req->body;
	struct meter_meter_show_reply *out = req->answer;

	out->now_ms = req->now_ms;
	TRY(store_meter_show(req->tx, req->arena, out));
	if (!in->has_partitions || !in->partitions)
		out->partitions.count = 0;
	return ST_OK;
}
