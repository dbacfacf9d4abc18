/* hub.c: the last events of every service, verified and without a gap, for the streams. They come
 * live from the bus; what is missing is asked from the source's outbox. The gateway's own
 * revocations pass here too. */
#include <stdio.h>
#include <stdlib.h>

#include "batch.h"
#include "clock.h"
#include "door.h"
#include "gen/common.h"
#include "gen/contract.h"
#include "log.h"

#define HUB_MAILBOX 8192
#define HUB_TAKE 256
#define HUB_ASK_MS 500
#define HUB_ASK_AGAIN_MS 5000
#define HUB_ARENA_BYTES_MAX (16 * 1024 * 1024)
#define HEAD_OF_ALL                                                                                \
	INT64_C(4611686018427387904) /* after this there is nothing: asks for the head */

const struct hub_event *source_event(const struct source *source, int64_t sequence)
{
	const struct hub_event *event = &source->ring[(uint64_t)sequence % HUB_RING];

	return sequence > 0 && event->block && event->sequence == sequence ? event : NULL;
}

static struct str put(char **at, struct str s)
{
	struct str copy = { *at, s.size };

	memcpy(*at, s.data, s.size);
	*at += s.size;
	return copy;
}

static void source_add(struct door *door, struct source *source, const struct stream_event *event)
{
	struct hub_event *place = &source->ring[(uint64_t)event->sequence % HUB_RING];
	struct str json = stream_event_json(event, &door->hub->arena);
	size_t size = json.size + event->subject.size + event->type.size + event->data.size;
	char *block = json.data ? malloc(size + 1) : NULL, *at = block;

	source->head = event->sequence;
	free(place->block);
	*place = (struct hub_event){ .sequence = event->sequence, .block = block };
	if (block) {
		place->subject = put(&at, event->subject);
		place->type = put(&at, event->type);
		place->data = put(&at, event->data);
		place->json = put(&at, json);
	}
	metric_add(GATEWAY_METRIC_EVENTS, 1);
	if (str_is(event->type, "piopl.gateway.api_key.revoked")) {
		credential_forget(door, event->subject);
		streams_revoke(door, event->subject);
	}
}

/* ---- asking an outbox ---- */

enum st source_ask(struct door *door, const char *service, int64_t after, void *context,
		   uint64_t *ret_number)
{
	struct common_outbox_read_request in = { .after = after };
	struct problem problem;
	struct str body;

	TRY(proto_encode(&common_outbox_read_request_type, &in, &door->hub->arena, &body));
	const struct bus_request message = { .call = &CALL_OUTBOX_READ,
					     .body = body,
					     .options = { .service = service },
					     .context = context };
	return bus_async_send(door->async, &message, ret_number, &problem);
}

static enum st batch_walk(struct door *door, const char *source_text,
			  const struct common_outbox_batch *batch,
			  void (*take)(void *closure, const struct stream_event *event),
			  void *closure)
{
	struct arena *arena = &door->hub->arena;
	size_t count = batch->events.count;
	struct event_head *heads = ARENA_ARRAY(arena, struct event_head, count);
	struct str *datas = ARENA_ARRAY(arena, struct str, count);
	const struct batch_seal seal = { .key_id = batch->key_id, .signature = batch->signature };
	struct problem problem = { 0 };

	if (!heads || !datas)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		const struct common_outbox_event *event = &batch->events.items[i];
		heads[i] = (struct event_head){
			.id = event->id,
			.source = str_of(source_text),
			.type = arena_printf(arena, "piopl.%.*s", STR_ARG(event->type)),
			.time = event->time,
			.subject = event->subject,
			.sequence = batch->first + (int64_t)i,
		};
		datas[i] = event->data;
	}
	TRY(batch_verify_all(svc_keyring(door->svc), heads, datas, count, &seal, clock_now_ms(),
			     &problem));
	for (size_t i = 0; i < count; i++)
		take(closure, &(struct stream_event){ .id = heads[i].id,
						      .source = heads[i].source,
						      .type = heads[i].type,
						      .time = heads[i].time,
						      .subject = heads[i].subject,
						      .trace_id = batch->events.items[i].trace_id,
						      .data = datas[i],
						      .sequence = heads[i].sequence });
	return ST_OK;
}

enum st outbox_walk(struct door *door, const struct source *source, struct str body,
		    void (*take)(void *closure, const struct stream_event *event), void *closure,
		    int64_t *ret_head, int64_t *ret_oldest)
{
	struct common_outbox_read_reply reply;
	struct problem problem;
	char source_text[BATCH_SOURCE_BYTES_MAX + 1];

	snprintf(source_text, sizeof(source_text), BATCH_SOURCE_PREFIX "%s", source->name);
	TRY(proto_decode(&common_outbox_read_reply_type, body, PROTO_UNKNOWN_IGNORED,
			 &door->hub->arena, &reply, &problem));
	for (size_t i = 0; i < reply.batches.count; i++)
		TRY(batch_walk(door, source_text, &reply.batches.items[i], take, closure));
	*ret_head = reply.head;
	*ret_oldest = reply.has_oldest ? reply.oldest : reply.head + 1;
	return ST_OK;
}

struct filling {
	struct door *door;
	struct source *source;
};

static void fill_take(void *closure, const struct stream_event *event)
{
	struct filling *filling = closure;

	if (event->sequence == filling->source->head + 1)
		source_add(filling->door, filling->source, event);
}

static void source_refused(struct source *source, const char *reason)
{
	source->ask_at_ns = clock_mono_ns() + HUB_ASK_AGAIN_MS * 1000000ull;
	log_write(LOG_ERROR, &(struct log_fields){ .category = "events" },
		  "events of \"%s\" after %lld are not taken: %s", source->name,
		  (long long)source->head, reason);
}

void source_on_answer(struct door *door, struct source *source, struct bus_answer *answer)
{
	struct filling filling = { door, source };
	int64_t head = 0, oldest = 0;

	source->asking = false;
	source->ask_at_ns = clock_mono_ns() + HUB_ASK_MS * 1000000ull;
	if (answer->st != ST_OK) {
		if (answer->st != ST_UNAVAILABLE) /* nobody listens yet, or again */
			source->ask_at_ns = clock_mono_ns() + HUB_ASK_AGAIN_MS * 1000000ull;
		bus_answer_free(answer);
		return;
	}
	arena_reset(&door->hub->arena);
	enum st st = outbox_walk(door, source, answer->body, fill_take, &filling, &head, &oldest);
	bus_answer_free(answer);
	if (st != ST_OK) {
		source_refused(source, st_info(st)->title);
		return;
	}
	/* What is not kept any more is told to the streams as lost when they come to it. */
	if (source->head < 0)
		source->head = source->began = head;
	else if (oldest > source->head + 1)
		source->head = oldest - 1;
	source->behind = source->head < head;
	if (source->behind)
		source->ask_at_ns = 0;
	streams_wake(door);
}

static void sources_ask(struct door *door)
{
	uint64_t now_ns = clock_mono_ns(), number;

	for (size_t i = 0; i < door->hub->source_count; i++) {
		struct source *source = door->hub->sources[i];
		if (source->asking || now_ns < source->ask_at_ns ||
		    (source->head >= 0 && !source->behind))
			continue;
		arena_reset(&door->hub->arena);
		source->asking = source_ask(door, source->name,
					    source->head >= 0 ? source->head : HEAD_OF_ALL, source,
					    &number) == ST_OK;
		if (!source->asking)
			source->ask_at_ns = now_ns + HUB_ASK_MS * 1000000ull;
	}
}

/* ---- live ---- */

static struct str header_str(const struct bus_message *message, const char *name)
{
	const char *value = bus_message_header(message, name);

	return value ? str_of(value) : (struct str){ "", 0 };
}

static struct source *source_of(struct door *door, const char *subject, size_t prefix)
{
	struct str name = str_of(subject + prefix), tail;

	(void)!str_cut(name, '.', &name, &tail);
	for (size_t i = 0; i < door->hub->source_count; i++)
		if (str_is(name, door->hub->names[i]))
			return door->hub->sources[i];
	return NULL;
}

static bool event_verifies(struct door *door, const struct source *source,
			   const struct bus_message *message, const struct stream_event *event)
{
	static struct batch_cache roots;
	const struct event_head head = { .id = event->id,
					 .source = event->source,
					 .type = event->type,
					 .time = event->time,
					 .subject = event->subject,
					 .sequence = event->sequence };
	const struct batch_seal seal = { .key_id = header_str(message, "ce-keyid"),
					 .signature = header_str(message, "ce-signature"),
					 .proof = header_str(message, "ce-proof") };
	struct problem problem = { 0 };
	char wanted[BATCH_SOURCE_BYTES_MAX + 1];

	snprintf(wanted, sizeof(wanted), BATCH_SOURCE_PREFIX "%s", source->name);
	return str_is(event->source, wanted) &&
	       batch_verify_event(svc_keyring(door->svc), &roots, &head, event->data, &seal,
				  clock_now_ms(), &problem) == ST_OK;
}

static void take_event(struct door *door, const struct bus_message *message)
{
	struct source *source = source_of(door, message->subject, sizeof("piopl.evt.") - 1);
	struct stream_event event = {
		.id = header_str(message, "ce-id"),
		.source = header_str(message, "ce-source"),
		.type = header_str(message, "ce-type"),
		.time = header_str(message, "ce-time"),
		.subject = header_str(message, "ce-subject"),
		.trace_id = header_str(message, "ce-traceid"),
		.data = message->data,
	};

	if (!source || !str_to_i64(header_str(message, "ce-sequence"), &event.sequence) ||
	    event.sequence <= source->head)
		return;
	if (!event_verifies(door, source, message, &event)) {
		log_write(LOG_ERROR, &(struct log_fields){ .category = "events" },
			  "an event of \"%s\" does not verify and is dropped", source->name);
		return;
	}
	/* Where a source that was not there yet is, its first event tells as well as an answer. */
	if (source->head < 0)
		source->head = source->began = event.sequence - 1;
	if (event.sequence == source->head + 1)
		source_add(door, source, &event);
	else
		source->behind = true;
}

static void take_head(struct door *door, const struct bus_message *message)
{
	struct source *source = source_of(door, message->subject, sizeof("piopl.head.") - 1);
	struct common_relay_head head;
	struct problem problem;

	if (!source || proto_decode(&common_relay_head_type, message->data, PROTO_UNKNOWN_IGNORED,
				    &door->hub->arena, &head, &problem) != ST_OK)
		return;
	if (head.sequence > source->head)
		source->behind = true;
}

void hub_run(struct door *door)
{
	static struct bus_message messages[HUB_TAKE];
	struct hub *hub = door->hub;
	size_t count = mailbox_take(hub->mailbox, messages, HUB_TAKE, 0);

	arena_reset(&hub->arena);
	for (size_t i = 0; i < count; i++) {
		if (strncmp(messages[i].subject, "piopl.head.", 11) == 0)
			take_head(door, &messages[i]);
		else
			take_event(door, &messages[i]);
		bus_message_free(&messages[i]);
	}
	mailbox_done(hub->mailbox, count);
	sources_ask(door);
	if (count > 0)
		streams_wake(door);
}

enum st hub_open(struct door *door, struct problem *problem)
{
	struct hub *hub = ARENA_NEW(&door->arena, struct hub);

	if (!hub)
		return ST_NO_MEMORY;
	door->hub = hub;
	arena_init(&hub->arena, HUB_ARENA_BYTES_MAX);
	for (const char *const *name = proto_services; *name; name++) {
		struct source *source = calloc(1, sizeof(*source));
		ASSERT(hub->source_count < STREAM_SOURCES_MAX);
		if (!source)
			return ST_NO_MEMORY;
		source->asker = ASKER_SOURCE;
		source->name = *name;
		source->head = -1;
		hub->names[hub->source_count] = *name;
		hub->sources[hub->source_count++] = source;
	}
	hub->mailbox = mailbox_new(HUB_MAILBOX, NULL);
	if (!hub->mailbox)
		return ST_NO_MEMORY;
	mailbox_notify(hub->mailbox, door->event_fd);
	TRY(bus_subscribe(svc_bus(door->svc), "piopl.evt.>", NULL, hub->mailbox, &hub->events,
			  problem));
	return bus_subscribe(svc_bus(door->svc), "piopl.head.>", NULL, hub->mailbox, &hub->heads,
			     problem);
}

void hub_close(struct door *door)
{
	struct hub *hub = door->hub;

	if (!hub)
		return;
	bus_unsubscribe(hub->events);
	bus_unsubscribe(hub->heads);
	mailbox_free(hub->mailbox);
	for (size_t i = 0; i < hub->source_count; i++) {
		for (size_t e = 0; e < HUB_RING; e++)
			free(hub->sources[i]->ring[e].block);
		free(hub->sources[i]);
	}
	arena_free(&hub->arena);
	door->hub = NULL;
}
