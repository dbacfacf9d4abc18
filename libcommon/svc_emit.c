/* svc_emit.c: events leave through the outbox. They are collected while handlers run and written
 * by one statement before the transaction commits, so that a batch of calls costs one insert. */
#include <stdio.h>

#include "id.h"
#include "svc_internal.h"

#define OUTBOX_STEP 64

struct svc_scope svc_scope_of_request(struct svc_request *req)
{
	return (struct svc_scope){ req->svc, req->arena, req->tx, req->now_ms, req->trace_id };
}

struct svc_scope svc_scope_of_event(struct svc_event *event)
{
	return (struct svc_scope){ event->svc, event->arena, event->tx, event->now_ms,
				   event->trace_id };
}

struct svc_scope svc_scope_of_tick(struct svc_tick_context *tick)
{
	static const char zero[] = "00000000000000000000000000000000";

	return (struct svc_scope){
		tick->svc, tick->arena, tick->tx, tick->now_ms, { zero, sizeof(zero) - 1 }
	};
}

void svc_outbox_reset(struct svc *svc)
{
	svc->outbox = (struct svc_outbox){ 0 };
}

static void *grow(struct arena *arena, const void *old, size_t count, size_t capacity, size_t size)
{
	void *grown = arena_array(arena, capacity, size);

	if (grown && count > 0)
		memcpy(grown, old, count * size);
	return grown;
}

static enum st outbox_reserve(struct svc_outbox *outbox, struct arena *arena, size_t more)
{
	size_t capacity = outbox->capacity;

	if (outbox->count + more <= capacity)
		return ST_OK;
	while (capacity < outbox->count + more)
		capacity = capacity ? capacity * 2 : OUTBOX_STEP;
	struct svc_outbox next = { .evidence = outbox->evidence,
				   .count = outbox->count,
				   .capacity = capacity };
	size_t n = outbox->count;
	next.event_ids = grow(arena, outbox->event_ids, n, capacity, sizeof(struct str));
	next.types = grow(arena, outbox->types, n, capacity, sizeof(struct str));
	next.subjects = grow(arena, outbox->subjects, n, capacity, sizeof(struct str));
	next.trace_ids = grow(arena, outbox->trace_ids, n, capacity, sizeof(struct str));
	next.times_ms = grow(arena, outbox->times_ms, n, capacity, sizeof(int64_t));
	next.datas = grow(arena, outbox->datas, n, capacity, sizeof(struct str));
	if (!next.event_ids || !next.types || !next.subjects || !next.trace_ids || !next.times_ms ||
	    !next.datas)
		return ST_TOO_LARGE;
	*outbox = next;
	return ST_OK;
}

/* "registry.agent.created"; the library's own events carry the emitting service's name. */
static struct str type_of(const struct svc *svc, struct arena *arena,
			  const struct proto_event *event)
{
	if (event->service)
		return str_of(event->type);
	return arena_printf(arena, "%s.%s", svc->definition->name, event->type);
}

/* There is room for it. */
static enum st outbox_put(const struct svc_scope *scope, struct str type, struct str subject,
			  struct str text)
{
	struct svc_outbox *outbox = &scope->svc->outbox;
	char id[UUID_TEXT_SIZE];

	if (text.size > SVC_OUTBOX_ROW_BYTES_MAX)
		return ST_MESSAGE_TOO_LARGE;
	uuid_make(scope->now_ms, id);
	struct str id_text = arena_copy(scope->arena, str_of(id));
	struct str subject_text = arena_copy(scope->arena, subject);
	if (!id_text.data || !subject_text.data)
		return ST_TOO_LARGE;
	size_t n = outbox->count++;
	outbox->event_ids[n] = id_text;
	outbox->types[n] = type;
	outbox->subjects[n] = subject_text;
	outbox->trace_ids[n] = scope->trace_id;
	outbox->times_ms[n] = scope->now_ms;
	outbox->datas[n] = text;
	return ST_OK;
}

enum st svc_emit_in(const struct svc_scope *scope, const struct proto_event *event,
		    const struct str *subjects, const void *data, size_t count)
{
	struct svc *svc = scope->svc;
	struct str type = type_of(svc, scope->arena, event);

	ASSERT(!event->service || strcmp(event->service, svc->definition->name) == 0);
	if (!type.data)
		return ST_TOO_LARGE;
	TRY(outbox_reserve(&svc->outbox, scope->arena, count));
	for (size_t i = 0; i < count; i++) {
		struct str text;
		TRY(proto_encode(event->data, (const char *)data + i * event->data->size_bytes,
				 scope->arena, &text));
		TRY(outbox_put(scope, type, subjects[i], text));
	}
	return ST_OK;
}

enum st svc_outbox_add(struct svc *svc, const struct proto_event *event,
		       const struct svc_evidence_item *from, struct str subject, struct str text)
{
	const struct svc_scope scope = { .svc = svc,
					 .arena = &svc->arena,
					 .now_ms = from->time_ms,
					 .trace_id = from->trace_id };
	struct str type = type_of(svc, &svc->arena, event);

	if (!type.data)
		return ST_TOO_LARGE;
	TRY(outbox_reserve(&svc->outbox, &svc->arena, 1));
	return outbox_put(&scope, type, subject, text);
}

enum st svc_emit(struct svc_request *req, const struct proto_event *event, struct str subject,
		 const void *data)
{
	struct svc_scope scope = svc_scope_of_request(req);

	return svc_emit_in(&scope, event, &subject, data, 1);
}

enum st svc_emit_many(struct svc_request *req, const struct proto_event *event,
		      const struct str *subjects, const void *data, size_t count)
{
	struct svc_scope scope = svc_scope_of_request(req);

	return svc_emit_in(&scope, event, subjects, data, count);
}

enum st svc_outbox_write(struct svc *svc, struct db_tx *tx)
{
	const struct svc_outbox *outbox = &svc->outbox;

	TRY(svc_evidence_pack(svc));
	size_t n = outbox->count;
	if (n == 0)
		return ST_OK;
	/* Arrays of one length make as many rows or fail: they need not be counted, so that the
	 * insert may travel with its COMMIT. */
	return db_write(tx, &svc_statements[SVC_OUTBOX_INSERT], DB_ANY_ROWS, ST_INTERNAL,
			DB_TEXTS(outbox->event_ids, n), DB_TEXTS(outbox->types, n),
			DB_TEXTS(outbox->subjects, n), DB_TEXTS(outbox->trace_ids, n),
			DB_I64S(outbox->times_ms, n), DB_BYTESS(outbox->datas, n));
}
