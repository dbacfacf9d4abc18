/* stream.c: GET /v1/events, a client that reads events as they come. Each event's id is the place
 * in all sources, so that Last-Event-ID goes on exactly there. A client that reads slowly falls
 * behind and is served from the outboxes; its memory here does not grow. */
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "door.h"
#include "gen/contract.h"
#include "log.h"

#define STREAM_RETRY_MS 2000
#define STREAM_ASK_AGAIN_MS 1000

struct stream {
	enum asker asker;
	struct door *door;
	struct stream *next, *previous;
	struct MHD_Connection *handle;
	struct principal principal;
	char key_id[API_KEY_ID_SIZE];
	struct stream_position position;
	bool wanted[STREAM_SOURCES_MAX];
	char *out;
	size_t size, sent;
	bool suspended, ended;
	size_t asking; /* source + 1 */
	uint64_t number;
	uint64_t ask_at_ns;
	uint64_t wrote_ns;
};

static bool out_fits(const struct stream *stream, size_t size)
{
	return stream->size + size <= STREAM_BUFFER_BYTES;
}

static void out_add(struct stream *stream, const char *data, size_t size)
{
	if (!stream->out)
		stream->out = malloc(STREAM_BUFFER_BYTES);
	if (!stream->out) {
		stream->ended = true; /* it comes again and goes on where it was */
		return;
	}
	ASSERT(out_fits(stream, size));
	memcpy(stream->out + stream->size, data, size);
	stream->size += size;
	stream->wrote_ns = clock_mono_ns();
}

static void out_event(struct stream *stream, const char *name, struct str json)
{
	char head[STREAM_POSITION_SIZE + 200], position[STREAM_POSITION_SIZE];

	stream_position_format(&stream->position, position);
	int size = snprintf(head, sizeof(head), "id: %s\nevent: %s\ndata: ", position, name);
	ASSERT(size > 0 && (size_t)size < sizeof(head));
	out_add(stream, head, (size_t)size);
	out_add(stream, json.data, json.size);
	out_add(stream, "\n\n", 2);
}

static size_t event_bytes(struct str json)
{
	return json.size + STREAM_POSITION_SIZE + 210;
}

static void pass_event(struct stream *stream, size_t source, int64_t sequence, struct str type,
		       struct str subject, struct str data, struct str json)
{
	char name[160];

	stream->position.sequences[source] = sequence;
	if (!stream_event_visible(&stream->principal, subject, data, &stream->door->hub->arena) ||
	    !str_copy(type, name, sizeof(name)))
		return;
	out_event(stream, name, json);
}

static void ask_outbox(struct stream *stream, size_t source)
{
	struct door *door = stream->door;

	if (stream->asking || clock_mono_ns() < stream->ask_at_ns)
		return;
	if (source_ask(door, door->hub->names[source], stream->position.sequences[source], stream,
		       &stream->number) == ST_OK)
		stream->asking = source + 1;
	else
		stream->ask_at_ns = clock_mono_ns() + STREAM_ASK_AGAIN_MS * 1000000ull;
}

static void pump_source(struct stream *stream, size_t i)
{
	const struct source *source = stream->door->hub->sources[i];
	int64_t *at = &stream->position.sequences[i];

	/* Open since before the source was known: from its first event on, or from what its outbox
	 * told when it was asked. */
	if (*at < 0)
		*at = source->head < 0 ? -1 : source->began;
	while (*at >= 0 && *at < source->head) {
		const struct hub_event *event = source_event(source, *at + 1);
		if (!event) {
			ask_outbox(stream, i);
			return;
		}
		if (!out_fits(stream, event_bytes(event->json)))
			return;
		pass_event(stream, i, event->sequence, event->type, event->subject, event->data,
			   event->json);
	}
}

static void pump(struct stream *stream)
{
	for (size_t i = 0; i < stream->position.count && !stream->ended; i++)
		if (stream->wanted[i] && stream->asking != i + 1)
			pump_source(stream, i);
}

static void resume(struct stream *stream)
{
	if (!stream->suspended || (stream->size == 0 && !stream->ended))
		return;
	stream->suspended = false;
	MHD_resume_connection(stream->handle);
}

struct reading {
	struct stream *stream;
	size_t source;
	bool full;
};

static void reading_take(void *closure, const struct stream_event *event)
{
	struct reading *reading = closure;
	struct stream *stream = reading->stream;
	struct str json;

	if (reading->full || event->sequence != stream->position.sequences[reading->source] + 1)
		return;
	json = stream_event_json(event, &stream->door->hub->arena);
	if (!json.data || !out_fits(stream, event_bytes(json))) {
		reading->full = true;
		return;
	}
	pass_event(stream, reading->source, event->sequence, event->type, event->subject,
		   event->data, json);
}

/* Events that are older than what is kept: the reader is told what it missed, and goes on. */
static void tell_lost(struct stream *stream, size_t source, int64_t oldest)
{
	struct str json =
		arena_printf(&stream->door->hub->arena,
			     "{\"source\":\"%s\",\"after\":\"%lld\",\"oldest\":\"%lld\"}",
			     stream->door->hub->names[source],
			     (long long)stream->position.sequences[source], (long long)oldest);

	if (!json.data || !out_fits(stream, event_bytes(json)))
		return;
	stream->position.sequences[source] = oldest - 1;
	out_event(stream, "lost", json);
}

void stream_on_answer(struct stream *stream, struct bus_answer *answer)
{
	struct reading reading = { .stream = stream, .source = stream->asking - 1 };
	struct door *door = stream->door;
	int64_t head = 0, oldest = 0;
	enum st st = answer->st;

	ASSERT(stream->asking > 0);
	stream->asking = 0;
	stream->number = 0;
	arena_reset(&door->hub->arena);
	if (st == ST_OK)
		st = outbox_walk(door, door->hub->sources[reading.source], answer->body,
				 reading_take, &reading, &head, &oldest);
	bus_answer_free(answer);
	if (st != ST_OK)
		stream->ask_at_ns = clock_mono_ns() + STREAM_ASK_AGAIN_MS * 1000000ull;
	else if (oldest > stream->position.sequences[reading.source] + 1)
		tell_lost(stream, reading.source, oldest);
	/* A position that is ahead of the source is of another installation: from now on, then. */
	else if (head < stream->position.sequences[reading.source])
		stream->position.sequences[reading.source] = head;
	pump(stream);
	resume(stream);
}

void streams_wake(struct door *door)
{
	for (struct stream *s = door->hub->streams; s; s = s->next) {
		if (!s->suspended)
			continue;
		pump(s);
		resume(s);
	}
}

void streams_tick(struct door *door)
{
	uint64_t now_ns = clock_mono_ns();
	uint64_t beat_ns = (uint64_t)door->config->heartbeat_ms * 1000000u;

	for (struct stream *s = door->hub->streams; s; s = s->next) {
		s->ended = s->ended || door->draining || s->principal.expires_ms <= clock_now_ms();
		if (!s->suspended)
			continue;
		pump(s);
		if (now_ns - s->wrote_ns >= beat_ns && out_fits(s, 3))
			out_add(s, ":\n\n", 3);
		resume(s);
	}
	metric_set(GATEWAY_METRIC_STREAMS, (int64_t)door->hub->stream_count);
}

void streams_revoke(struct door *door, struct str key_id)
{
	for (struct stream *s = door->hub->streams; s; s = s->next)
		if (str_is(key_id, s->key_id)) {
			s->ended = true;
			resume(s);
		}
}

void streams_end(struct door *door)
{
	for (struct stream *s = door->hub->streams; s; s = s->next) {
		s->ended = true;
		resume(s);
	}
}

/* ---- HTTP ---- */

static ssize_t on_read(void *closure, uint64_t position, char *buffer, size_t max)
{
	struct stream *stream = closure;

	(void)position;
	if (stream->size == 0)
		pump(stream);
	if (stream->size == 0) {
		if (stream->ended)
			return MHD_CONTENT_READER_END_OF_STREAM;
		stream->suspended = true;
		MHD_suspend_connection(stream->handle);
		return 0;
	}
	size_t size = stream->size - stream->sent < max ? stream->size - stream->sent : max;
	memcpy(buffer, stream->out + stream->sent, size);
	stream->sent += size;
	if (stream->sent == stream->size) {
		stream->sent = stream->size = 0;
		free(stream->out);
		stream->out = NULL;
	}
	return (ssize_t)size;
}

enum MHD_Result stream_respond(struct request *request)
{
	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, 16 * 1024, on_read, request->stream, NULL);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", "text/event-stream");
	MHD_add_response_header(response, "X-Accel-Buffering", "no");
	request_headers(request, response);
	result = MHD_queue_response(request->handle, 200, response);
	MHD_destroy_response(response);
	return result;
}

void stream_close(struct stream *stream)
{
	struct hub *hub = stream->door->hub;

	if (stream->number)
		bus_async_forget(stream->door->async, stream->number);
	if (stream->previous)
		stream->previous->next = stream->next;
	else
		hub->streams = stream->next;
	if (stream->next)
		stream->next->previous = stream->previous;
	hub->stream_count--;
	free(stream->out);
	free(stream);
}

/* ---- opening ---- */

static bool streams_refused(struct request *request)
{
	struct door *door = request->door;
	int64_t own = 0;

	for (const struct stream *s = door->hub->streams; s; s = s->next)
		own += strcmp(s->principal.text, request->principal->text) == 0;
	if (own < door->config->streams_per_principal &&
	    (int64_t)door->hub->stream_count < door->config->streams)
		return false;
	problem_set(&request->problem, ST_STREAMS_EXCEEDED, "", "at most %lld",
		    (long long)door->config->streams_per_principal);
	request->problem.retry_after_ms = 5000;
	request_fail(request);
	return true;
}

static enum st sources_named(struct request *request, bool named[STREAM_SOURCES_MAX], bool *ret_any)
{
	struct hub *hub = request->door->hub;
	struct str rest = request->query, name, value;

	while (query_next(&rest, &name, &value)) {
		bool found = false;
		if (!str_is(name, "source"))
			return problem_set(&request->problem, ST_MESSAGE_INVALID, "",
					   "only source=<service> can be asked for");
		for (size_t i = 0; i < hub->source_count; i++)
			if (str_is(value, hub->names[i]))
				found = named[i] = true;
		if (!found)
			return problem_set(&request->problem, ST_MESSAGE_INVALID, "/source",
					   "no such service");
		*ret_any = true;
	}
	return ST_OK;
}

static enum st stream_fill(struct request *request, struct stream *stream)
{
	struct hub *hub = request->door->hub;
	const char *last =
		MHD_lookup_connection_value(request->handle, MHD_HEADER_KIND, "Last-Event-ID");
	bool named[STREAM_SOURCES_MAX] = { false }, any = false, visible = false;

	TRY(sources_named(request, named, &any));
	stream->position.count = hub->source_count;
	stream->position.names = hub->names;
	for (size_t i = 0; i < hub->source_count; i++) {
		stream->wanted[i] = (!any || named[i]) &&
				    stream_source_visible(request->principal, hub->names[i]);
		visible = visible || stream->wanted[i];
		stream->position.sequences[i] = stream->wanted[i] ? hub->sources[i]->head : -1;
	}
	if (!visible)
		return problem_set(&request->problem, ST_SCOPE_MISSING, "",
				   "events need the scope \"" GATEWAY_SCOPE_EVENTS
				   "\" or events:<service>");
	if (last && last[0])
		return stream_position_parse(str_of(last), &stream->position, &request->problem);
	return ST_OK;
}

void stream_open(struct request *request)
{
	struct hub *hub = request->door->hub;
	struct stream *stream;
	char retry[32];
	enum st st;

	if (streams_refused(request))
		return;
	stream = calloc(1, sizeof(*stream));
	st = stream ? stream_fill(request, stream) : ST_NO_MEMORY;
	if (st != ST_OK) {
		free(stream);
		request->problem.st = st;
		request_fail(request);
		return;
	}
	stream->asker = ASKER_STREAM;
	stream->door = request->door;
	stream->handle = request->handle;
	stream->principal = *request->principal;
	if (request->credential.kind == CREDENTIAL_API_KEY)
		(void)!api_key_id_of(request->credential.text, stream->key_id);
	stream->next = hub->streams;
	if (hub->streams)
		hub->streams->previous = stream;
	hub->streams = stream;
	hub->stream_count++;
	snprintf(retry, sizeof(retry), "retry: %d\n", STREAM_RETRY_MS);
	out_add(stream, retry, strlen(retry));
	out_event(stream, "ready", STR("{}"));
	request->stream = stream;
	request->status = 200;
	request_ready(request);
}
