/* core_bind.c: a request's path, query and body as the JSON its call takes. Types come from the
 * contract's tables; whether the result matches the schema is the service's to say. */
#include "gateway.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static enum st decode(struct str text, char plus, struct arena *arena, struct str *ret)
{
	char *out = arena_alloc(arena, text.size + 1);
	size_t size = 0;

	if (!out)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < text.size; i++) {
		char c = text.data[i];
		if (c == '+') {
			c = plus;
		} else if (c == '%') {
			int high = i + 2 < text.size ? hex_digit(text.data[i + 1]) : -1;
			int low = i + 2 < text.size ? hex_digit(text.data[i + 2]) : -1;
			if (high < 0 || low < 0)
				return ST_REQUEST_MALFORMED;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (c == 0)
			return ST_REQUEST_MALFORMED;
		out[size++] = c;
	}
	struct str decoded = { out, size };
	if (!str_is_utf8(decoded))
		return ST_REQUEST_MALFORMED;
	*ret = decoded;
	return ST_OK;
}

enum st uri_decode_plain(struct str text, struct arena *arena, struct str *ret)
{
	return decode(text, '+', arena, ret);
}

enum st uri_decode_query(struct str text, struct arena *arena, struct str *ret)
{
	return decode(text, ' ', arena, ret);
}

bool query_next(struct str *rest, struct str *ret_name, struct str *ret_value)
{
	struct str part, tail;

	do {
		if (rest->size == 0)
			return false;
		if (str_cut(*rest, '&', &part, &tail)) {
			*rest = tail;
		} else {
			part = *rest;
			*rest = (struct str){ "", 0 };
		}
	} while (part.size == 0);
	if (!str_cut(part, '=', ret_name, ret_value)) {
		*ret_name = part;
		*ret_value = (struct str){ "", 0 };
	}
	return true;
}

static const struct proto_field *field_of(const struct proto_type *type, struct str name)
{
	for (size_t i = 0; i < type->field_count; i++)
		if (str_is(name, type->fields[i].name))
			return &type->fields[i];
	return NULL;
}

/* -?digits[.digits][e[+-]digits], as JSON has it. */
static bool is_json_number(struct str s)
{
	struct arena arena;
	struct json *node = NULL;
	struct problem problem;

	if (s.size == 0 || s.size > 64 ||
	    !(s.data[0] == '-' || (s.data[0] >= '0' && s.data[0] <= '9')))
		return false;
	arena_init(&arena, 4096);
	bool ok = json_parse(&arena, s, &node, &problem) == ST_OK && node->kind == JSON_NUMBER;
	arena_free(&arena);
	return ok;
}

static enum st value_refuse(struct problem *problem, struct str name, const char *wanted)
{
	char pointer[64];

	name.size = utf8_cut(name, sizeof(pointer) - 2);
	pointer[0] = '/';
	memcpy(pointer + 1, name.data, name.size);
	pointer[1 + name.size] = 0;
	return problem_set(problem, ST_MESSAGE_INVALID, pointer, "%s", wanted);
}

static enum st value_add(struct buf *buf, const struct proto_value *shape, struct str name,
			 struct str value, struct problem *problem)
{
	switch (shape->kind) {
	case PROTO_STRING:
	case PROTO_ENUM:
	case PROTO_TIME:
	case PROTO_I64:
		json_write_string(buf, value);
		return ST_OK;
	case PROTO_INTEGER:
	case PROTO_NUMBER:
		if (!is_json_number(value))
			return value_refuse(problem, name, "a number is expected");
		buf_add_str(buf, value);
		return ST_OK;
	case PROTO_BOOL:
		if (!str_is(value, "true") && !str_is(value, "false"))
			return value_refuse(problem, name, "true or false is expected");
		buf_add_str(buf, value);
		return ST_OK;
	case PROTO_ARRAY:
	case PROTO_OBJECT:
	case PROTO_MONEY:
	case PROTO_PAIRS:
	case PROTO_ANY:
		break;
	}
	return value_refuse(problem, name, "it cannot be in an address");
}

static void name_add(struct buf *buf, struct str name)
{
	if (buf->size > 1)
		buf_add_char(buf, ',');
	json_write_string(buf, name);
	buf_add_char(buf, ':');
}

static enum st path_add(struct buf *buf, const struct proto_call *call,
			const struct route_match *match, struct arena *arena,
			struct problem *problem)
{
	struct str value;

	for (size_t i = 0; i < match->count; i++) {
		const struct proto_field *field = field_of(call->request, match->names[i]);
		ASSERT(field); /* the generator refuses another path */
		if (uri_decode_plain(match->values[i], arena, &value) != ST_OK)
			return problem_set(problem, ST_REQUEST_MALFORMED, "",
					   "the path is not well encoded");
		name_add(buf, match->names[i]);
		TRY(value_add(buf, &field->value, match->names[i], value, problem));
	}
	return ST_OK;
}

struct parameter {
	const struct proto_field *field;
	struct str name;
	struct str value;
};

static enum st parameters_read(const struct proto_call *call, const struct route_match *match,
			       struct str query, struct arena *arena, struct parameter *ret,
			       size_t *ret_count, struct problem *problem)
{
	struct str name, value;
	size_t count = 0;

	while (query_next(&query, &name, &value)) {
		if (count == GATEWAY_PARAMETERS_MAX)
			return problem_set(problem, ST_REQUEST_MALFORMED, "",
					   "a query has at most %d parameters",
					   GATEWAY_PARAMETERS_MAX);
		if (uri_decode_query(name, arena, &name) != ST_OK ||
		    uri_decode_query(value, arena, &value) != ST_OK)
			return problem_set(problem, ST_REQUEST_MALFORMED, "",
					   "the query is not well encoded");
		const struct proto_field *field = field_of(call->request, name);
		if (!field)
			return value_refuse(problem, name, "this call has no such parameter");
		for (size_t i = 0; i < match->count; i++)
			if (str_equal(match->names[i], name))
				return value_refuse(problem, name, "the path says it already");
		for (size_t i = 0; i < count && field->value.kind != PROTO_ARRAY; i++)
			if (ret[i].field == field)
				return value_refuse(problem, name, "it is there twice");
		ret[count++] = (struct parameter){ field, name, value };
	}
	*ret_count = count;
	return ST_OK;
}

/* All values of a list stand where its first one does. */
static enum st list_add(struct buf *buf, struct parameter *parameters, size_t count, size_t first,
			struct problem *problem)
{
	const struct proto_field *field = parameters[first].field;

	buf_add_char(buf, '[');
	for (size_t i = first; i < count; i++) {
		if (parameters[i].field != field)
			continue;
		if (i > first)
			buf_add_char(buf, ',');
		TRY(value_add(buf, field->value.items, parameters[i].name, parameters[i].value,
			      problem));
		if (i > first)
			parameters[i].field = NULL;
	}
	buf_add_char(buf, ']');
	return ST_OK;
}

static enum st query_add(struct buf *buf, const struct proto_call *call,
			 const struct route_match *match, struct str query, struct arena *arena,
			 struct problem *problem)
{
	struct parameter *parameters = ARENA_ARRAY(arena, struct parameter, GATEWAY_PARAMETERS_MAX);
	size_t count = 0;

	if (!parameters)
		return ST_TOO_LARGE;
	TRY(parameters_read(call, match, query, arena, parameters, &count, problem));
	for (size_t i = 0; i < count; i++) {
		const struct proto_field *field = parameters[i].field;
		if (!field)
			continue;
		name_add(buf, parameters[i].name);
		if (field->value.kind == PROTO_ARRAY)
			TRY(list_add(buf, parameters, count, i, problem));
		else
			TRY(value_add(buf, &field->value, parameters[i].name, parameters[i].value,
				      problem));
	}
	return ST_OK;
}

/* The body's own bytes behind what the path says, so that what was sent is what is kept. */
static enum st body_add(struct buf *buf, const struct route_match *match, struct str body,
			struct arena *arena, struct problem *problem)
{
	struct json *root = NULL;
	const char *open;

	TRY(json_parse(arena, body, &root, problem));
	if (root->kind != JSON_OBJECT)
		return problem_set(problem, ST_MESSAGE_INVALID, "", "a body is an object");
	for (size_t i = 0; i < match->count; i++)
		if (json_member_str(root, match->names[i]))
			return value_refuse(problem, match->names[i], "the path says it already");
	open = memchr(body.data, '{', body.size);
	ASSERT(open);
	struct str rest = { open + 1, body.size - (size_t)(open + 1 - body.data) };
	if (root->count > 0)
		buf_add_char(buf, ',');
	buf_add_str(buf, rest);
	return ST_OK;
}

static enum st bind_all(const struct proto_call *call, const struct route_match *match,
			struct str query, struct str body, struct arena *arena, struct buf *buf,
			struct problem *problem)
{
	bool get = strcmp(call->http->method, "GET") == 0;

	buf_add_char(buf, '{');
	TRY(path_add(buf, call, match, arena, problem));
	if (get)
		TRY(query_add(buf, call, match, query, arena, problem));
	else if (query.size > 0)
		return problem_set(problem, ST_REQUEST_MALFORMED, "",
				   "a query goes with GET only; send a body");
	if (!get && body.size > 0)
		return body_add(buf, match, body, arena, problem);
	buf_add_char(buf, '}');
	return ST_OK;
}

enum st gateway_bind(const struct proto_call *call, const struct route_match *match,
		     struct str query, struct str body, struct arena *arena, struct str *ret,
		     struct problem *problem)
{
	struct buf buf;

	ASSERT(call->http);
	if (strcmp(call->http->method, "GET") != 0 && match->count == 0 && query.size == 0 &&
	    body.size > 0) {
		*ret = body;
		return ST_OK;
	}
	if (strcmp(call->http->method, "GET") == 0 && body.size > 0)
		return problem_set(problem, ST_REQUEST_MALFORMED, "", "a GET has no body");
	buf_init(&buf, arena, 256 + body.size);
	enum st st = bind_all(call, match, query, body, arena, &buf, problem);
	if (st == ST_OK && !buf_str(&buf).data)
		st = problem_set(problem, ST_TOO_LARGE, "", "%s", "");
	if (st == ST_OK)
		*ret = buf_str(&buf);
	return st;
}
