/* core_stream.c: positions in the services' event streams, and events as a client sees them. */
#include <stdio.h>

#include "gateway.h"

void stream_position_format(const struct stream_position *position, char ret[STREAM_POSITION_SIZE])
{
	size_t size = 0;

	ret[0] = 0;
	for (size_t i = 0; i < position->count; i++) {
		if (position->sequences[i] < 0)
			continue;
		int n = snprintf(ret + size, STREAM_POSITION_SIZE - size, "%s%s.%lld",
				 size > 0 ? "," : "", position->names[i],
				 (long long)position->sequences[i]);
		ASSERT(n > 0 && (size_t)n < STREAM_POSITION_SIZE - size);
		size += (size_t)n;
	}
}

static enum st part_parse(struct str part, struct stream_position *position, uint32_t *seen,
			  struct problem *problem)
{
	struct str name, number;
	int64_t sequence;

	if (!str_cut(part, '.', &name, &number) || !str_to_i64(number, &sequence) || sequence < 0)
		return problem_set(problem, ST_CURSOR_UNKNOWN, "",
				   "it is <source>.<sequence> and commas between");
	for (size_t i = 0; i < position->count; i++) {
		if (!str_is(name, position->names[i]))
			continue;
		if (*seen & UINT32_C(1) << i)
			return problem_set(problem, ST_CURSOR_UNKNOWN, "",
					   "a source is named twice");
		*seen |= UINT32_C(1) << i;
		position->sequences[i] = sequence;
		return ST_OK;
	}
	return problem_set(problem, ST_CURSOR_UNKNOWN, "", "it names a source that is not here");
}

enum st stream_position_parse(struct str text, struct stream_position *position,
			      struct problem *problem)
{
	struct str part, rest = text;
	uint32_t seen = 0;

	_Static_assert(STREAM_SOURCES_MAX <= 32, "a bit each");
	while (str_cut(rest, ',', &part, &rest))
		TRY(part_parse(part, position, &seen, problem));
	return part_parse(rest, position, &seen, problem);
}

static void member_add(struct buf *buf, const char *name, struct str value)
{
	buf_add_c(buf, name);
	json_write_string(buf, value);
}

struct str stream_event_json(const struct stream_event *event, struct arena *arena)
{
	struct buf buf;

	buf_init(&buf, arena, event->data.size + 512);
	member_add(&buf, "{\"specversion\":\"1.0\",\"id\":", event->id);
	member_add(&buf, ",\"source\":", event->source);
	member_add(&buf, ",\"type\":", event->type);
	member_add(&buf, ",\"time\":", event->time);
	member_add(&buf, ",\"subject\":", event->subject);
	buf_printf(&buf, ",\"sequence\":\"%lld\"", (long long)event->sequence);
	if (event->trace_id.size > 0)
		member_add(&buf, ",\"traceid\":", event->trace_id);
	buf_add_c(&buf, ",\"datacontenttype\":\"application/json\",\"data\":");
	/* Outside strings, where JSON has raw line ends, a space says the same. */
	for (size_t i = 0; i < event->data.size; i++) {
		char c = event->data.data[i];
		buf_add_char(&buf, c == '\n' || c == '\r' ? ' ' : c);
	}
	buf_add_char(&buf, '}');
	return buf_str(&buf);
}

bool stream_source_visible(const struct principal *principal, const char *source)
{
	struct str scopes = str_of(principal->scopes);
	char scope[GATEWAY_SCOPE_BYTES_MAX + 1];

	if (scopes_have(scopes, STR(GATEWAY_SCOPE_EVENTS)))
		return true;
	snprintf(scope, sizeof(scope), "events:%s", source);
	return scopes_have(scopes, str_of(scope));
}

static bool names_subject(const struct json *data, const char *member,
			  const struct principal *principal)
{
	const struct json *value = json_member(data, member);

	return value && value->kind == JSON_STRING && str_is(value->text, principal->subject);
}

bool stream_event_visible(const struct principal *principal, struct str subject, struct str data,
			  struct arena *arena)
{
	struct json *root = NULL;
	struct problem problem;

	if (principal->kind == PROTO_HUMAN || principal->kind == PROTO_SERVICE)
		return true;
	if (str_is(subject, principal->subject))
		return true;
	if (json_parse(arena, data, &root, &problem) != ST_OK)
		return false;
	return names_subject(root, principal->kind == PROTO_AGENT ? "agent_id" : "operator_id",
			     principal);
}
