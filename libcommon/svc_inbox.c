/* svc_inbox.c: the transaction in which events of a source take effect. The inbox row is locked
 * first and moved last, so an event has one effect however often and by however many it comes. */
#include <stdio.h>

#include "clock.h"
#include "svc_follow.h"

const struct svc_follow *svc_follow_find(const struct svc *svc, struct str source, struct str type)
{
	for (const struct svc_follow *f = svc->definition->follows; f && f->event; f++) {
		if (strcmp(f->source, "*") != 0 && !str_is(source, f->source))
			continue;
		if (f->event->service && str_is(type, f->event->type))
			return f;
		/* the library's own: <source>.<type> */
		if (!f->event->service && type.size > source.size + 1 &&
		    memcmp(type.data, source.data, source.size) == 0 &&
		    type.data[source.size] == '.' &&
		    str_is((struct str){ type.data + source.size + 1, type.size - source.size - 1 },
			   f->event->type))
			return f;
	}
	return NULL;
}

enum st follow_event_fill(struct svc *svc, const struct svc_follow *follow,
			  const struct follow_item *item, struct arena *arena, struct db_tx *tx,
			  int64_t now_ms, struct svc_event *ret)
{
	struct str prefix, source;
	void *data = arena_alloc(arena, follow->event->data->size_bytes);
	struct problem problem = { 0 };

	if (!data)
		return ST_TOO_LARGE;
	if (!str_cut(item->head.source, '/', &prefix, &source))
		source = item->head.source;
	enum st st = proto_decode(follow->event->data, item->data,
				  follow->strict ? PROTO_UNKNOWN_REFUSED : PROTO_UNKNOWN_IGNORED,
				  arena, data, &problem);
	*ret = (struct svc_event){
		.svc = svc,
		.state = svc->state,
		.arena = arena,
		.tx = tx,
		.event = follow->event,
		.data = data,
		.data_text = item->data,
		.id = item->head.id,
		.source = source,
		.subject = item->head.subject,
		.trace_id = item->trace_id,
		.sequence = item->sequence,
		.time_ms = item->time_ms,
		.now_ms = now_ms,
		.problem = problem,
	};
	return st;
}

static enum st apply_run(struct svc *svc, const struct svc_follow *follow,
			 const struct follow_item *const *items, size_t count, struct db_tx *tx,
			 struct problem *problem)
{
	int64_t now_ms = clock_now_ms();
	struct svc_event *events = ARENA_ARRAY(&svc->arena, struct svc_event, count);

	if (!events)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		enum st st = follow_event_fill(svc, follow, items[i], &svc->arena, tx, now_ms,
					       &events[i]);
		if (st != ST_OK) {
			*problem = events[i].problem;
			return st;
		}
	}
	if (follow->handle_batch) {
		enum st st = follow->handle_batch(events, count);
		*problem = events[0].problem;
		return st;
	}
	for (size_t i = 0; i < count; i++) {
		enum st st = follow->handle(&events[i]);
		*problem = events[i].problem;
		if (st != ST_OK)
			return st;
	}
	return ST_OK;
}

static enum st inbox_lock(struct svc *svc, struct db_tx *tx, const char *source, int64_t after)
{
	struct db_rows rows;

	TRY(db_query(tx, &svc_statements[SVC_INBOX_LOCK], &svc->arena, &rows,
		     DB_TEXT(str_of(source))));
	if (rows.count != 1 || db_i64(&rows, 0, 0) != after)
		return ST_SERIALIZATION;
	return ST_OK;
}

static enum st inbox_advance(struct db_tx *tx, const char *source, int64_t after, int64_t to,
			     int64_t head)
{
	return db_write(tx, &svc_statements[SVC_INBOX_ADVANCE], 1, ST_SERIALIZATION,
			DB_TEXT(str_of(source)), DB_I64(to), DB_I64(head > to ? head : to),
			DB_I64(clock_now_ms()), DB_I64(after));
}

/* Events that nobody follows here do not part those around them. */
static enum st apply_all(struct svc *svc, const char *source, const struct follow_item *items,
			 size_t count, struct db_tx *tx, struct problem *problem)
{
	const struct follow_item **run =
		ARENA_ARRAY(&svc->arena, const struct follow_item *, count);
	const struct svc_follow *running = NULL;
	size_t n = 0;

	if (!run)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		const struct svc_follow *follow =
			svc_follow_find(svc, str_of(source), items[i].type);
		if (!follow) {
			metric_add(SVC_METRIC_EVENTS_SKIPPED, 1);
			continue;
		}
		if (n > 0 && follow != running) {
			TRY(apply_run(svc, running, run, n, tx, problem));
			n = 0;
		}
		running = follow;
		run[n++] = &items[i];
	}
	return n > 0 ? apply_run(svc, running, run, n, tx, problem) : ST_OK;
}

enum st follow_apply(struct svc *svc, const char *source, int64_t after,
		     const struct follow_item *items, size_t count, int64_t head,
		     struct problem *problem)
{
	struct db_tx *tx;

	ASSERT(count > 0 && items[0].sequence == after + 1);
	svc_outbox_reset(svc);
	TRY(db_begin(svc->db, &tx, problem));
	enum st st = inbox_lock(svc, tx, source, after);
	if (st == ST_OK)
		st = apply_all(svc, source, items, count, tx, problem);
	if (st == ST_OK)
		st = inbox_advance(tx, source, after, items[count - 1].sequence, head);
	if (st == ST_OK)
		st = svc_outbox_write(svc, tx);
	if (st != ST_OK) {
		/* A write that failed says more than the step that stumbled over it. */
		if (db_check_sticky(tx) != ST_OK)
			problem_set(problem, st, "", "%s", db_tx_error(tx));
		db_rollback(tx);
		return st;
	}
	TRY(db_commit(tx, problem));
	metric_add(SVC_METRIC_EVENTS_APPLIED, count);
	if (svc->outbox.count > 0)
		svc_outbox_wake_relay(svc);
	return ST_OK;
}

enum st follow_park(struct svc *svc, const char *source, int64_t after,
		    const struct follow_item *item, uint32_t tries, const char *error)
{
	struct problem problem = { 0 };
	struct db_tx *tx;

	TRY(db_begin(svc->db, &tx, &problem));
	enum st st = inbox_lock(svc, tx, source, after);
	if (st == ST_OK)
		st = db_write(tx, &svc_statements[SVC_PARKED_INSERT], 1, ST_CONFLICT,
			      DB_TEXT(str_of(source)), DB_I64(item->sequence),
			      DB_TEXT(item->head.id), DB_TEXT(item->type),
			      DB_TEXT(item->head.subject), DB_TEXT(item->trace_id),
			      DB_I64(item->time_ms), DB_BYTES(item->data), DB_I32((int32_t)tries),
			      DB_TEXT(str_of(error)), DB_I64(clock_now_ms()));
	if (st == ST_OK)
		st = inbox_advance(tx, source, after, item->sequence, 0);
	if (st != ST_OK) {
		db_rollback(tx);
		return st;
	}
	TRY(db_commit(tx, &problem));
	metric_add(SVC_METRIC_EVENTS_PARKED, 1);
	return ST_OK;
}
