/* handlers_ledger.c: months of the ledger: which there are, reading one out, and cutting the oldest
 * once it is past the retention; and what is said to those who ask about the time before. */
#include <stdlib.h>

#include "clock.h"
#include "handlers.h"

#define EXPORT_WINDOW 2000
#define CUTS_DEFAULT 100

/* The contract's form is 2026-01. */
static int64_t month_read(struct str text)
{
	return strtoll(text.data, NULL, 10) * 100 + strtoll(text.data + 5, NULL, 10);
}

static struct str month_text(struct arena *arena, int64_t month)
{
	return arena_printf(arena, "%04lld-%02lld", (long long)(month / 100),
			    (long long)(month % 100));
}

enum st ledger_since(struct svc_request *req, int64_t at_ms, const char *pointer)
{
	int64_t begins_ms, last;
	char text[TIME_TEXT_SIZE];

	TRY(store_ledger_begins(req->tx, req->arena, &begins_ms, &last));
	if (at_ms >= begins_ms)
		return ST_OK;
	time_format(begins_ms, text);
	svc_refuse(req, ST_LEDGER_CUT, pointer, "the ledger begins at %s", text);
	problem_hint(&req->problem, "a time from %s on; before it, the files that were exported",
		     text);
	return ST_LEDGER_CUT;
}

enum st transfer_missing(struct svc_request *req, int64_t id, struct str text, const char *pointer)
{
	int64_t begins_ms, last;

	TRY(store_ledger_begins(req->tx, req->arena, &begins_ms, &last));
	if (id > 0 && id <= last)
		return svc_refuse(req, ST_LEDGER_CUT, pointer,
				  "\"%.*s\" is in a file that was exported", STR_ARG(text));
	return svc_refuse(req, ST_TRANSFER_UNKNOWN, pointer, "\"%.*s\"", STR_ARG(text));
}

static enum st cut_fill(struct svc_request *req, const struct cut_row *row,
			struct meter_ledger_cut_record *ret)
{
	*ret = (struct meter_ledger_cut_record){ .month = month_text(req->arena, row->month),
						 .transfers = row->transfers,
						 .last = row->last,
						 .file = row->file,
						 .by = row->by,
						 .at_ms = row->at_ms };
	return ret->month.data ? ST_OK : ST_TOO_LARGE;
}

static enum st months_fill(struct svc_request *req, struct meter_ledger_list_reply *out)
{
	const struct meter_service *meter = req->state;
	struct month_row *months;
	size_t count;

	TRY(store_ledger_months(req->tx, req->arena, &months, &count));
	out->months.items = ARENA_ARRAY(req->arena, struct meter_ledger_month_kept, count);
	out->months.count = count;
	if (!out->months.items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		bool due = month_due(months[i].month, req->now_ms, meter->retention_months);
		out->months.items[i] = (struct meter_ledger_month_kept){
			.month = month_text(req->arena, months[i].month),
			.bytes = months[i].bytes,
			.due = due,
		};
	}
	return req->arena->failed ? ST_TOO_LARGE : ST_OK;
}

enum st on_ledger_list(struct svc_request *req)
{
	const struct meter_ledger_list_request *in = req->body;
	const struct meter_service *meter = req->state;
	struct meter_ledger_list_reply *out = req->answer;
	struct cut_row *cuts;
	size_t count;
	int64_t last;

	out->retention_months = meter->retention_months;
	TRY(store_ledger_begins(req->tx, req->arena, &out->begins_at_ms, &last));
	out->has_begins_at_ms = out->begins_at_ms > 0;
	TRY(months_fill(req, out));
	TRY(store_ledger_cuts(req->tx, req->arena, in->has_limit ? in->limit : CUTS_DEFAULT, &cuts,
			      &count));
	out->cuts.items = ARENA_ARRAY(req->arena, struct meter_ledger_cut_record, count);
	out->cuts.count = count;
	if (!out->cuts.items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++)
		TRY(cut_fill(req, &cuts[i], &out->cuts.items[i]));
	return ST_OK;
}

/* `ret_older`: how many months stand before it. */
static enum st month_found(struct svc_request *req, struct str text, int64_t *ret,
			   size_t *ret_older)
{
	int64_t month = month_read(text);
	struct month_row *months;
	size_t count;

	TRY(store_ledger_months(req->tx, req->arena, &months, &count));
	for (size_t i = 0; i < count; i++) {
		if (months[i].month == month) {
			*ret = month;
			*ret_older = i;
			return ST_OK;
		}
	}
	return svc_refuse(req, ST_LEDGER_MONTH_UNKNOWN, "/month", "\"%.*s\"", STR_ARG(text));
}

enum st on_ledger_month(struct svc_request *req)
{
	const struct meter_ledger_month_request *in = req->body;
	struct meter_ledger_month_reply *out = req->answer;
	struct month_extent extent;
	int64_t month;
	size_t older;

	TRY(month_found(req, in->month, &month, &older));
	TRY(store_ledger_extent(req->tx, req->arena, month, in->after > 0 ? in->after : 0,
				in->has_numbers ? in->numbers : INT64_MAX, &extent));
	*out = (struct meter_ledger_month_reply){ .month = in->month,
						  .transfers = extent.transfers,
						  .first = extent.first,
						  .last = extent.last,
						  .has_next = extent.next > 0,
						  .next = extent.next };
	return ST_OK;
}

/* A window of numbers, not of rows: numbers are nearly dense, and no page reads what another did.
 */
enum st on_ledger_export(struct svc_request *req)
{
	const struct meter_ledger_export_request *in = req->body;
	int64_t from = in->from > 0 ? in->from : 0, month;
	size_t older;

	TRY(month_found(req, in->month, &month, &older));
	if (from > INT64_MAX - EXPORT_WINDOW)
		from = INT64_MAX - EXPORT_WINDOW;
	return store_ledger_rows(req->tx, req->arena, month, from, from + EXPORT_WINDOW,
				 req->answer);
}

/* What the database itself judged: nothing of it is written, so that it was asked for stays. */
static enum st cut_refused(struct svc_request *req, enum st st)
{
	const struct meter_ledger_cut_request *in = req->body;

	if (st == ST_LEDGER_EXPORT_DIFFERS)
		svc_refuse(req, st, "/transfers", "not %lld to number %lld",
			   (long long)in->transfers, (long long)in->last);
	else
		svc_refuse(req, st, "/month",
			   st == ST_LEDGER_RETAINED
				   ? "no whole month lies between \"%.*s\" and the last transfer"
				   : "\"%.*s\"",
			   STR_ARG(in->month));
	TRY(evidence_emit(req, "ledger.cut", true));
	req->keep_writes = true;
	return st;
}

static enum st cut(struct svc_request *req)
{
	const struct meter_ledger_cut_request *in = req->body;
	const struct meter_service *meter = req->state;
	struct meter_ledger_cut_reply *out = req->answer;
	struct cut_row row = { .month = month_read(in->month),
			       .transfers = in->transfers,
			       .last = in->last,
			       .file = in->file,
			       .by = asker_of(req),
			       .at_ms = req->now_ms };
	size_t older;
	enum st st;

	if (!month_due(row.month, req->now_ms, meter->retention_months)) {
		svc_refuse(req, ST_LEDGER_RETAINED, "/month", "%lld whole months are kept",
			   (long long)meter->retention_months);
		problem_hint(&req->problem, "PIOPL_METER_RETENTION_MONTHS says how many");
		return ST_LEDGER_RETAINED;
	}
	TRY(month_found(req, in->month, &row.month, &older));
	if (older > 0)
		return svc_refuse(req, ST_LEDGER_NOT_OLDEST, "/month", "%zu stand before \"%.*s\"",
				  older, STR_ARG(in->month));
	st = store_ledger_cut(req->tx, req->arena, &row);
	if (st == ST_LEDGER_EXPORT_DIFFERS || st == ST_LEDGER_RETAINED ||
	    st == ST_LEDGER_NOT_OLDEST || st == ST_LEDGER_MONTH_UNKNOWN)
		return cut_refused(req, st);
	TRY(st);
	return cut_fill(req, &row, &out->cut);
}

enum st on_ledger_cut(struct svc_request *req)
{
	return recorded(req, "ledger.cut", cut);
}
