/* svc_library.c: the calls and the timed work that every service has: reading the outbox, parked
 * messages, how the service is, and forgetting what has been kept long enough. */
#include <stdio.h>

#include "clock.h"
#include "gen/common.h"
#include "svc_follow.h"

#define OUTBOX_READ_BATCHES 32
#define OUTBOX_READ_BYTES (640 * 1024)
#define PARKED_PAGE 100
#define EXPIRE_ROWS 5000
#define EXPIRE_BATCHES 20
#define EXPIRE_PERIOD_MS 60000

static enum st fill_events(struct svc_request *req, const struct db_rows *rows,
			   struct common_outbox_batch *batch, size_t *bytes)
{
	batch->events.items = ARENA_ARRAY(req->arena, struct common_outbox_event, rows->count);
	batch->events.count = rows->count;
	if (!batch->events.items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows->count; i++) {
		char time[TIME_TEXT_SIZE];
		time_format(db_i64(rows, i, 5), time);
		batch->events.items[i] = (struct common_outbox_event){
			.id = db_text(rows, i, 1),
			.type = db_text(rows, i, 2),
			.time = arena_copy(req->arena, str_of(time)),
			.subject = db_text(rows, i, 3),
			.trace_id = db_text(rows, i, 4),
			.data = db_text(rows, i, 6),
		};
		*bytes += db_text(rows, i, 6).size + 256;
	}
	return ST_OK;
}

static enum st fill_batch(struct svc_request *req, const struct db_rows *batches, size_t b,
			  struct common_outbox_batch *batch, size_t *bytes)
{
	struct db_rows rows;
	char *signature = arena_alloc(req->arena, SIGNATURE_TEXT_SIZE);

	if (!signature)
		return ST_TOO_LARGE;
	TRY(db_query(req->tx, &svc_statements[SVC_BATCH_ROWS], req->arena, &rows,
		     DB_I64(db_i64(batches, b, 4)), DB_I64(db_i64(batches, b, 5)),
		     DB_TEXT(db_text(batches, b, 2)), DB_TEXT(db_text(batches, b, 3))));
	if ((int64_t)rows.count != db_i64(batches, b, 1))
		return ST_INTERNAL;
	struct str raw = db_text(batches, b, 7);
	base64_encode(raw.data, raw.size, signature);
	batch->first = db_i64(batches, b, 0);
	batch->key_id = db_text(batches, b, 6);
	batch->signature = str_of(signature);
	return fill_events(req, &rows, batch, bytes);
}

static enum st on_outbox_read(struct svc_request *req)
{
	const struct common_outbox_read_request *in = req->body;
	struct common_outbox_read_reply *out = req->answer;
	struct db_rows relay, batches, oldest;
	size_t bytes = 0, count = 0;

	TRY(db_query0(req->tx, &svc_statements[SVC_RELAY_LOAD], req->arena, &relay));
	TRY(db_query0(req->tx, &svc_statements[SVC_OLDEST_BATCH], req->arena, &oldest));
	TRY(db_query(req->tx, &svc_statements[SVC_BATCHES_AFTER], req->arena, &batches,
		     DB_I64(in->after), DB_I64(OUTBOX_READ_BATCHES), DB_I64(SVC_BATCH_MAX)));
	out->head = db_i64(&relay, 0, 0) - 1;
	out->has_oldest = oldest.count > 0;
	out->oldest = oldest.count > 0 ? db_i64(&oldest, 0, 0) : 0;
	out->batches.items = ARENA_ARRAY(req->arena, struct common_outbox_batch, batches.count);
	if (!out->batches.items)
		return ST_TOO_LARGE;
	/* A batch holds at most 256 KiB of data; escaped and with its heads two of them fit. */
	while (count < batches.count && bytes < OUTBOX_READ_BYTES / 2) {
		TRY(fill_batch(req, &batches, count, &out->batches.items[count], &bytes));
		if (count > 0 && bytes > OUTBOX_READ_BYTES)
			break;
		count++;
	}
	out->batches.count = count;
	return ST_OK;
}

static enum st on_parked_list(struct svc_request *req)
{
	const struct common_parked_list_request *in = req->body;
	struct common_parked_list_reply *out = req->answer;
	int64_t limit = in->has_limit ? in->limit : PARKED_PAGE;
	struct db_rows rows;

	TRY(db_query(req->tx, &svc_statements[SVC_PARKED_LIST], req->arena, &rows,
		     DB_I64(in->has_after ? in->after : 0), DB_I64(limit)));
	out->items.items = ARENA_ARRAY(req->arena, struct common_parked_message, rows.count);
	if (!out->items.items)
		return ST_TOO_LARGE;
	out->items.count = rows.count;
	for (size_t i = 0; i < rows.count; i++)
		out->items.items[i] = (struct common_parked_message){
			.id = db_i64(&rows, i, 0),
			.source = db_text(&rows, i, 1),
			.sequence = db_i64(&rows, i, 2),
			.type = db_text(&rows, i, 3),
			.subject = db_text(&rows, i, 4),
			.tries = db_i64(&rows, i, 5),
			.error = db_text(&rows, i, 6),
			.parked_at_ms = db_i64(&rows, i, 7),
		};
	return ST_OK;
}

static struct follow_item item_of_parked(struct svc_request *req, const struct db_rows *rows)
{
	return (struct follow_item){
		.head = {
			.id = db_text(rows, 0, 2),
			.source = arena_printf(req->arena, "piopl/%.*s",
					       STR_ARG(db_text(rows, 0, 0))),
			.type = arena_printf(req->arena, "piopl.%.*s",
					     STR_ARG(db_text(rows, 0, 3))),
			.subject = db_text(rows, 0, 4),
			.sequence = db_i64(rows, 0, 1),
		},
		.type = db_text(rows, 0, 3),
		.trace_id = db_text(rows, 0, 5),
		.time_ms = db_i64(rows, 0, 6),
		.data = db_text(rows, 0, 7),
		.sequence = db_i64(rows, 0, 1),
	};
}

/* In this call's transaction: when the handler fails again nothing changes and the caller is told
 * why; the message stays parked. */
static enum st on_parked_replay(struct svc_request *req)
{
	const struct common_parked_replay_request *in = req->body;
	struct common_parked_replay_reply *out = req->answer;
	struct svc_event event;
	struct db_rows rows;

	TRY(db_query(req->tx, &svc_statements[SVC_PARKED_GET], req->arena, &rows, DB_I64(in->id)));
	if (rows.count == 0)
		return svc_refuse(req, ST_NOT_FOUND, "/id", "no parked message %lld",
				  (long long)in->id);
	struct follow_item item = item_of_parked(req, &rows);
	const struct svc_follow *follow =
		svc_follow_find(req->svc, db_text(&rows, 0, 0), item.type);
	if (follow) {
		enum st st = follow_event_fill(req->svc, follow, &item, req->arena, req->tx,
					       req->now_ms, &event);
		if (st == ST_OK)
			st = follow->handle_batch ? follow->handle_batch(&event, 1)
						  : follow->handle(&event);
		if (st != ST_OK)
			return svc_refuse(req, st, "", "it fails again: %s", event.problem.detail);
	}
	out->replayed = true;
	return db_write(req->tx, &svc_statements[SVC_PARKED_DONE], 1, ST_CONFLICT, DB_I64(in->id),
			DB_I64(req->now_ms));
}

static enum st on_service_status(struct svc_request *req)
{
	struct common_service_status_reply *out = req->answer;
	const struct svc *svc = req->svc;
	struct db_rows rows, sources;

	TRY(db_query0(req->tx, &svc_statements[SVC_STATUS], req->arena, &rows));
	TRY(db_query0(req->tx, &svc_statements[SVC_INBOX_LIST], req->arena, &sources));
	out->service = str_of(svc->definition->name);
	out->version = STR(SVC_VERSION);
	out->time_ms = req->now_ms;
	out->ready = svc_is_ready(svc);
	out->has_outbox_head = out->has_outbox_waiting = out->has_parked = true;
	out->outbox_head = db_i64(&rows, 0, 0);
	out->outbox_waiting = db_i64(&rows, 0, 1);
	out->parked = db_i64(&rows, 0, 2);
	out->has_schema_version = true;
	out->schema_version = svc->definition->schema_version;
	out->has_sources = sources.count > 0;
	out->sources.count = sources.count;
	out->sources.items = ARENA_ARRAY(req->arena, struct common_source_position, sources.count);
	if (!out->sources.items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < sources.count; i++)
		out->sources.items[i] = (struct common_source_position){
			.source = db_text(&sources, i, 0),
			.sequence = db_i64(&sources, i, 1),
			.has_head = true,
			.head = db_i64(&sources, i, 2),
			.has_stopped = true,
			.stopped = !db_is_null(&sources, i, 3),
			.reason = db_is_null(&sources, i, 3) ? (struct str){ 0 }
							     : db_text(&sources, i, 3),
		};
	return ST_OK;
}

const struct svc_call svc_library_calls[] = {
	{ &CALL_OUTBOX_READ, on_outbox_read },
	{ &CALL_PARKED_LIST, on_parked_list },
	{ &CALL_PARKED_REPLAY, on_parked_replay },
	{ &CALL_SERVICE_STATUS, on_service_status },
	{ NULL, NULL },
};

static enum st on_expire_idempotency(struct svc_tick_context *tick)
{
	return db_write(tick->tx, &svc_statements[SVC_IDEMPOTENCY_EXPIRE], DB_ANY_ROWS, ST_INTERNAL,
			DB_I64(tick->now_ms), DB_I64(EXPIRE_ROWS));
}

static enum st on_expire_outbox(struct svc_tick_context *tick)
{
	int64_t before_ms = tick->now_ms - tick->svc->config.outbox_keep_ms;

	TRY(db_write(tick->tx, &svc_statements[SVC_OUTBOX_EXPIRE], DB_ANY_ROWS, ST_INTERNAL,
		     DB_I64(before_ms), DB_I64(EXPIRE_BATCHES)));
	return db_write(tick->tx, &svc_statements[SVC_BATCH_EXPIRE], DB_ANY_ROWS, ST_INTERNAL,
			DB_I64(before_ms), DB_I64(EXPIRE_BATCHES));
}

const struct svc_tick svc_library_ticks[] = {
	{ "expire_idempotency", EXPIRE_PERIOD_MS, on_expire_idempotency },
	{ "expire_outbox", EXPIRE_PERIOD_MS / 6, on_expire_outbox },
	{ NULL, 0, NULL },
};
