/* svc_relay.c: from outbox to bus. Rows become visible out of order, so the relay works in rounds:
 * every transaction below pg_snapshot_xmin has ended, hence the rows with xid in [low, high) are a
 * frozen set, and two rows about the same thing stand in it in the order of their ids (the second
 * was written under the first one's lock). A round is swept by id, numbered gaplessly in batches,
 * each batch signed once, all recorded in the same transaction, then published. What was recorded
 * but not acknowledged by the stream (the relay died, the broker's disk is full) is published again
 * later with the same numbers and signatures; numbering goes on meanwhile, since readers can ask
 * the outbox. */
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "gen/common.h"
#include "log.h"
#include "svc_internal.h"

#define RELAY_POLL_MS 50
#ifdef PIOPL_FAULTS
#define RELAY_STANDBY_MS 20
#else
#define RELAY_STANDBY_MS 500
#endif
#define RELAY_READ_MAX 4096
#define RELAY_BATCHES_MAX 64
#define RELAY_BATCH_BYTES_MAX (256 * 1024)
#define RELAY_SETTLE_MS 5000
#define RELAY_RETRY_MS 2000
#define HEAD_PERIOD_MS 1000
/* A turn costs a durable commit, which those of the workers wait for. While they make little at a
 * time, the next turn waits this long for more of it; what has fallen behind does not wait. */
#define RELAY_PACE_MS 4
#define RELAY_PACE_ROWS 512

struct relay {
	int64_t next;      /* sequence the next row gets */
	int64_t published; /* last one acknowledged by the stream */
	int64_t recorded;  /* published as the table has it */
	char xid_low[24];  /* every row below is numbered, but for the open round */
	char xid_high[24]; /* end of the open round; equal to xid_low: none is open */
	int64_t id_last;   /* swept in the open round */
	int64_t id_max;    /* last of the open round */
	uint64_t head_ns;  /* when the head was last told */
	uint64_t noted_ns; /* when `recorded` was last written by itself */
	uint64_t turn_ns;  /* when the last turn began */
	uint64_t retry_ns; /* the stream took nothing: not before then again */
	bool refused;      /* the stream took nothing the last time */
	struct svc *svc;
	struct arena *arena;
};

struct relay_batch {
	size_t from, count; /* rows */
	int64_t first;      /* sequence */
	struct batch sealed;
};

static enum st relay_load(struct relay *relay)
{
	struct problem problem = { 0 };
	struct db_rows rows, ids;
	struct db_tx *tx;

	TRY(db_begin(relay->svc->db, &tx, &problem));
	enum st st = db_query0(tx, &svc_statements[SVC_RELAY_LOAD], relay->arena, &rows);
	if (st == ST_OK)
		st = db_query(tx, &svc_statements[SVC_RELAY_ROUND_START], relay->arena, &ids,
			      DB_TEXT(db_text(&rows, 0, 1)), DB_TEXT(db_text(&rows, 0, 2)));
	db_rollback(tx);
	TRY(st);
	relay->next = db_i64(&rows, 0, 0);
	str_copy(db_text(&rows, 0, 1), relay->xid_low, sizeof(relay->xid_low));
	str_copy(db_text(&rows, 0, 2), relay->xid_high, sizeof(relay->xid_high));
	relay->id_last = db_i64(&rows, 0, 3);
	relay->id_max = db_i64(&ids, 0, 1);
	relay->published = relay->recorded = db_i64(&rows, 0, 4);
	return ST_OK;
}

static bool round_open(const struct relay *relay)
{
	return strcmp(relay->xid_low, relay->xid_high) != 0;
}

/* Opens the next round if there is anything in it. */
static enum st round_find(struct relay *relay, struct db_tx *tx)
{
	struct db_rows horizon, ids;

	TRY(db_query0(tx, &svc_statements[SVC_RELAY_HORIZON], relay->arena, &horizon));
	struct str high = db_text(&horizon, 0, 0);
	if (str_is(high, relay->xid_low))
		return ST_OK;
	TRY(db_query(tx, &svc_statements[SVC_RELAY_ROUND_START], relay->arena, &ids,
		     DB_TEXT(str_of(relay->xid_low)), DB_TEXT(high)));
	ASSERT(str_copy(high, relay->xid_high, sizeof(relay->xid_high)));
	relay->id_max = db_i64(&ids, 0, 1);
	relay->id_last = db_i64(&ids, 0, 0) - 1;
	if (relay->id_max == 0)
		memcpy(relay->xid_low, relay->xid_high, sizeof(relay->xid_low));
	return ST_OK;
}

static struct event_head head_of_row(const struct relay *relay, const struct db_rows *rows,
				     size_t row, int64_t sequence)
{
	const char *service = relay->svc->definition->name;
	char time[25];

	time_format(db_i64(rows, row, 5), time);
	return (struct event_head){
		.id = db_text(rows, row, 1),
		.source = arena_printf(relay->arena, "piopl/%s", service),
		.type = arena_printf(relay->arena, "piopl.%.*s", STR_ARG(db_text(rows, row, 2))),
		.time = arena_copy(relay->arena, str_of(time)),
		.subject = db_text(rows, row, 3),
		.sequence = sequence,
	};
}

struct relay_work {
	struct db_rows rows;
	struct event_head *heads;
	struct hash *leaves;
	struct relay_batch batches[RELAY_BATCHES_MAX];
	size_t batch_count;
	size_t row_count; /* rows that fit into the batches */
};

/* Cuts the rows into batches by count and bytes. */
static void work_cut(struct relay_work *work, size_t rows_max)
{
	size_t row = 0;

	while (row < work->rows.count && work->batch_count < RELAY_BATCHES_MAX) {
		struct relay_batch *batch = &work->batches[work->batch_count++];
		size_t bytes = 0;
		batch->from = row;
		batch->count = 0;
		while (row < work->rows.count && batch->count < rows_max) {
			bytes += db_text(&work->rows, row, 6).size;
			if (batch->count > 0 && bytes > RELAY_BATCH_BYTES_MAX)
				break;
			batch->count++;
			row++;
		}
	}
	work->row_count = row;
}

static enum st work_sign(struct relay *relay, struct relay_work *work, int64_t first)
{
	size_t n = work->row_count;

	work->heads = ARENA_ARRAY(relay->arena, struct event_head, n);
	work->leaves = ARENA_ARRAY(relay->arena, struct hash, n);
	if (!work->heads || !work->leaves)
		return ST_NO_MEMORY;
	for (size_t i = 0; i < n; i++) {
		work->heads[i] = head_of_row(relay, &work->rows, i, first + (int64_t)i);
		if (!work->heads[i].time.data)
			return ST_NO_MEMORY;
		event_leaf(&work->heads[i], db_text(&work->rows, i, 6), &work->leaves[i]);
	}
	for (size_t b = 0; b < work->batch_count; b++) {
		struct relay_batch *batch = &work->batches[b];
		batch->first = first + (int64_t)batch->from;
		batch_sign(&relay->svc->signing_key, work->heads[0].source,
			   &work->leaves[batch->from], batch->count, &batch->sealed);
	}
	return ST_OK;
}

/* The batches, and how far the round got, in the open transaction. */
static enum st work_record(struct relay *relay, struct relay_work *work, struct db_tx *tx)
{
	int64_t firsts[RELAY_BATCHES_MAX], id_firsts[RELAY_BATCHES_MAX],
		id_lasts[RELAY_BATCHES_MAX];
	int32_t counts[RELAY_BATCHES_MAX];
	struct str signatures[RELAY_BATCHES_MAX];
	uint8_t raw[RELAY_BATCHES_MAX][SIGNATURE_BYTES];
	size_t n = work->batch_count;

	for (size_t b = 0; b < n; b++) {
		struct relay_batch *batch = &work->batches[b];
		firsts[b] = batch->first;
		counts[b] = (int32_t)batch->count;
		id_firsts[b] = db_i64(&work->rows, batch->from, 0);
		id_lasts[b] = db_i64(&work->rows, batch->from + batch->count - 1, 0);
		TRY(base64_decode_exact(str_of(batch->sealed.signature), raw[b], SIGNATURE_BYTES));
		signatures[b] = (struct str){ (const char *)raw[b], SIGNATURE_BYTES };
	}
	struct str low = str_of(relay->xid_low), high = str_of(relay->xid_high);
	TRY(db_write(tx, &svc_statements[SVC_RELAY_BATCHES_INSERT], (int64_t)n, ST_CONFLICT,
		     DB_I64S(firsts, n), DB_I32S(counts, n), DB_I64S(id_firsts, n),
		     DB_I64S(id_lasts, n), DB_TEXT(low), DB_TEXT(high),
		     DB_TEXT(str_of(relay->svc->signing_key.key_id)), DB_BYTESS(signatures, n),
		     DB_I64(clock_now_ms())));
	bool ended = id_lasts[n - 1] >= relay->id_max;
	return db_write(tx, &svc_statements[SVC_RELAY_ADVANCE], 1, ST_CONFLICT,
			DB_I64(relay->next + (int64_t)work->row_count), DB_TEXT(ended ? high : low),
			DB_TEXT(high), DB_I64(id_lasts[n - 1]), DB_I64(relay->published),
			DB_I64(relay->next));
}

static void work_advance(struct relay *relay, const struct relay_work *work)
{
	const struct relay_batch *last = &work->batches[work->batch_count - 1];

	relay->next += (int64_t)work->row_count;
	relay->recorded = relay->published;
	relay->id_last = db_i64(&work->rows, last->from + last->count - 1, 0);
	if (relay->id_last >= relay->id_max)
		memcpy(relay->xid_low, relay->xid_high, sizeof(relay->xid_low));
}

static enum st publish_row(struct relay *relay, const struct event_head *head,
			   const struct db_rows *rows, size_t row, const struct batch *sealed,
			   const char *proof)
{
	char subject[BUS_SUBJECT_MAX], message_id[128], sequence[24];
	struct str type = db_text(rows, row, 2);
	const struct bus_header headers[] = {
		{ "Nats-Msg-Id", message_id },
		{ "ce-specversion", "1.0" },
		{ "ce-id", head->id.data },
		{ "ce-source", head->source.data },
		{ "ce-type", head->type.data },
		{ "ce-time", head->time.data },
		{ "ce-subject", head->subject.data },
		{ "ce-sequence", sequence },
		{ "ce-traceid", db_text(rows, row, 4).data },
		{ "ce-keyid", sealed->key_id },
		{ "ce-signature", sealed->signature },
		{ "ce-proof", proof },
		{ "content-type", "application/json" },
	};

	snprintf(sequence, sizeof(sequence), "%lld", (long long)head->sequence);
	snprintf(subject, sizeof(subject), "piopl.evt.%.*s", STR_ARG(type));
	snprintf(message_id, sizeof(message_id), "%s:%s", relay->svc->definition->name, sequence);
	return bus_stream_publish(relay->svc->bus, subject, headers,
				  sizeof(headers) / sizeof(headers[0]), db_text(rows, row, 6));
}

static enum st publish_batch(struct relay *relay, const struct relay_work *work,
			     const struct relay_batch *batch)
{
	char proof[BATCH_PROOF_SIZE];

	for (size_t i = 0; i < batch->count; i++) {
		size_t row = batch->from + i;
		batch_proof_text(&batch->sealed, i, proof);
		TRY(publish_row(relay, &work->heads[row], &work->rows, row, &batch->sealed, proof));
	}
	return ST_OK;
}

static void tell_head(struct relay *relay)
{
	struct common_relay_head head = { .sequence = relay->next - 1 };
	char subject[BUS_SUBJECT_MAX];
	struct str text;

	relay->head_ns = clock_mono_ns();
	snprintf(subject, sizeof(subject), "piopl.head.%s", relay->svc->definition->name);
	if (proto_encode(&common_relay_head_type, &head, relay->arena, &text) == ST_OK)
		(void)!bus_publish(relay->svc->bus, subject, text);
}

static enum st publish_once(struct relay *relay, const struct relay_work *work,
			    struct problem *problem)
{
	struct svc *svc = relay->svc;

	TRY(bus_stream_ready(svc->bus, svc->definition->name, svc->config.outbox_keep_ms / 1000,
			     problem));
	for (size_t b = 0; b < work->batch_count; b++)
		TRY(publish_batch(relay, work, &work->batches[b]));
	enum st st = bus_stream_settle(svc->bus, RELAY_SETTLE_MS);
	if (st != ST_OK)
		problem_set(problem, st, "", "not all of them were acknowledged");
	return st;
}

static void note_refused(struct relay *relay, bool refused, const char *words)
{
	if (refused && !relay->refused)
		log_write(LOG_ERROR, &(struct log_fields){ .category = "relay" },
			  "the stream takes no events, they wait in the outbox: %s", words);
	if (!refused && relay->refused)
		log_write(LOG_INFO, &(struct log_fields){ .category = "relay" },
			  "the stream takes events again");
	relay->refused = refused;
	relay->svc->process->bus = !refused;
	if (refused)
		relay->retry_ns = clock_mono_ns() + RELAY_RETRY_MS * 1000000ull;
}

/* The rows are recorded: what the stream does not take now is published again later. */
static void work_publish(struct relay *relay, const struct relay_work *work)
{
	const struct relay_batch *last = &work->batches[work->batch_count - 1];
	struct problem problem = { 0 };

	if (svc_stopping())
		return;
	enum st st = publish_once(relay, work, &problem);
	/* A run that met a reconnect is not acknowledged whole; the same again mostly is. */
	if (st == ST_UNAVAILABLE && !relay->refused)
		st = publish_once(relay, work, &problem);
	note_refused(relay, st != ST_OK, problem.detail);
	if (st == ST_OK) {
		relay->published = last->first + (int64_t)last->count - 1;
		metric_add(SVC_METRIC_EVENTS_PUBLISHED, work->row_count);
	}
	tell_head(relay);
}

/* One step: numbers up to RELAY_READ_MAX rows. ST_NOT_FOUND: nothing to do. */
static enum st relay_step(struct relay *relay, struct relay_work *work)
{
	struct svc *svc = relay->svc;
	struct problem problem = { 0 };
	struct db_tx *tx;
	enum st st = ST_OK;

	work->batch_count = 0;
	TRY(db_begin(svc->db, &tx, &problem));
	if (!round_open(relay))
		st = round_find(relay, tx);
	if (st == ST_OK && !round_open(relay))
		st = ST_NOT_FOUND;
	if (st == ST_OK)
		st = db_query(tx, &svc_statements[SVC_RELAY_READ], relay->arena, &work->rows,
			      DB_I64(relay->id_last), DB_I64(relay->id_max),
			      DB_TEXT(str_of(relay->xid_low)), DB_TEXT(str_of(relay->xid_high)),
			      DB_I64(RELAY_READ_MAX));
	if (st == ST_OK && work->rows.count == 0) {
		memcpy(relay->xid_low, relay->xid_high, sizeof(relay->xid_low));
		st = ST_NOT_FOUND;
	}
	if (st == ST_OK) {
		work_cut(work, (size_t)svc->config.relay_batch);
		st = work_sign(relay, work, relay->next);
	}
	if (st == ST_OK)
		st = work_record(relay, work, tx);
	if (st != ST_OK) {
		db_rollback(tx);
		return st;
	}
	return db_commit(tx, &problem);
}

/* The oldest batch that is recorded and not acknowledged, as it was signed then. */
static enum st waiting_load(struct relay *relay, struct relay_work *work)
{
	struct problem problem = { 0 };
	struct db_rows batches;
	struct db_tx *tx;

	work->batch_count = 0;
	TRY(db_begin(relay->svc->db, &tx, &problem));
	enum st st = db_query(tx, &svc_statements[SVC_BATCHES_AFTER], relay->arena, &batches,
			      DB_I64(relay->published), DB_I64(1), DB_I64(SVC_BATCH_MAX));
	if (st == ST_OK && batches.count == 0)
		st = ST_NOT_FOUND;
	if (st == ST_OK)
		st = db_query(tx, &svc_statements[SVC_BATCH_ROWS], relay->arena, &work->rows,
			      DB_I64(db_i64(&batches, 0, 4)), DB_I64(db_i64(&batches, 0, 5)),
			      DB_TEXT(db_text(&batches, 0, 2)), DB_TEXT(db_text(&batches, 0, 3)));
	db_rollback(tx);
	TRY(st);
	/* rows that are gone cannot be sent; their readers find out from the outbox */
	if ((int64_t)work->rows.count != db_i64(&batches, 0, 1)) {
		relay->published = db_i64(&batches, 0, 0) + db_i64(&batches, 0, 1) - 1;
		return ST_INTERNAL;
	}
	work->batches[0].from = 0;
	work->batches[0].count = work->rows.count;
	work->batch_count = 1;
	work->row_count = work->rows.count;
	TRY(work_sign(relay, work, db_i64(&batches, 0, 0)));
	struct batch *sealed = &work->batches[0].sealed;
	struct str signature = db_text(&batches, 0, 7);
	ASSERT(signature.size == SIGNATURE_BYTES);
	base64_encode(signature.data, signature.size, sealed->signature);
	str_copy(db_text(&batches, 0, 6), sealed->key_id, sizeof(sealed->key_id));
	return ST_OK;
}

static bool waiting(const struct relay *relay)
{
	return relay->published < relay->next - 1;
}

/* One batch of those. */
static enum st waiting_publish(struct relay *relay, struct relay_work *work)
{
	if (!waiting(relay) || clock_mono_ns() < relay->retry_ns)
		return ST_OK;
	enum st st = waiting_load(relay, work);
	if (st == ST_OK)
		work_publish(relay, work);
	/* forgotten already: kept shorter than the stream was away */
	if (st == ST_NOT_FOUND)
		relay->published = relay->next - 1;
	return st == ST_NOT_FOUND ? ST_OK : st;
}

static void note_published(struct relay *relay)
{
	struct problem problem = { 0 };
	struct db_tx *tx;

	relay->noted_ns = clock_mono_ns();
	if (relay->recorded == relay->published || db_begin(relay->svc->db, &tx, &problem) != ST_OK)
		return;
	enum st st = db_write(tx, &svc_statements[SVC_RELAY_PUBLISHED], 1, ST_CONFLICT,
			      DB_I64(relay->published));
	if (st == ST_OK)
		st = db_commit(tx, &problem);
	else
		db_rollback(tx);
	if (st == ST_OK)
		relay->recorded = relay->published;
}

static void relay_wait(struct svc *svc)
{
	struct pollfd fd = { .fd = svc->wake_fd, .events = POLLIN };
	uint64_t count;

	if (poll(&fd, 1, RELAY_POLL_MS) > 0)
		(void)!read(svc->wake_fd, &count, sizeof(count));
}

/* Little by little costs a commit each: see RELAY_PACE_MS. */
static void relay_pace(const struct relay *relay, const struct relay_work *work)
{
	uint64_t pace_ns = RELAY_PACE_MS * 1000000ull;
	uint64_t gone_ns = clock_mono_ns() - relay->turn_ns;

	if (work->row_count >= RELAY_PACE_ROWS || gone_ns >= pace_ns)
		return;
	nanosleep(&(struct timespec){ .tv_nsec = (long)(pace_ns - gone_ns) }, NULL);
}

static bool is_due(uint64_t then_ns)
{
	return clock_mono_ns() - then_ns > HEAD_PERIOD_MS * 1000000ull;
}

/* New rows get their numbers; they are published at once when nothing older waits. */
static enum st relay_turn(struct relay *relay, struct relay_work *work)
{
	TRY(waiting_publish(relay, work));
	arena_reset(relay->arena);
	bool first = !waiting(relay);
	TRY(relay_step(relay, work));
	work_advance(relay, work);
	if (first)
		work_publish(relay, work);
	else
		tell_head(relay);
	return ST_OK;
}

/* While this process leads; returns to stand by when something breaks. */
static void relay_lead(struct relay *relay)
{
	static struct relay_work work;
	struct svc *svc = relay->svc;

	arena_reset(relay->arena);
	enum st st = relay_load(relay);
	while (st == ST_OK && svc_leads(svc)) {
		arena_reset(relay->arena);
		relay->turn_ns = clock_mono_ns();
		st = relay_turn(relay, &work);
		if (st == ST_OK)
			relay_pace(relay, &work);
		if (st != ST_NOT_FOUND)
			continue;
		st = ST_OK;
		/* Were it lost, some would be published twice, and the stream would drop them. */
		if (is_due(relay->noted_ns))
			note_published(relay);
		if (is_due(relay->head_ns))
			tell_head(relay);
		svc->process->bus = svc_bus_alive(svc) && !relay->refused;
		if (!waiting(relay) || relay->refused)
			relay_wait(svc);
	}
	note_published(relay);
	if (st != ST_OK)
		log_write(LOG_WARN,
			  &(struct log_fields){ .category = "relay", .status = st_info(st)->code },
			  "the relay starts over");
}

void svc_relay_run(struct svc *svc)
{
	struct relay relay = { .svc = svc, .arena = &svc->arena };

	if (svc_connect(svc, BUS_SEND_BUFFERED) != ST_OK)
		return;
	while (!svc_stopping()) {
		bool leads = svc_lead(svc, "relay");
		if (leads)
			relay_lead(&relay);
		else
			(void)svc_bus_alive(svc);
		svc_pause(leads ? RELAY_POLL_MS : RELAY_STANDBY_MS);
	}
	svc_disconnect(svc);
}
