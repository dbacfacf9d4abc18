/* request.c: one request from its head to its answer. Its steps: route and cheap refusals at the
 * head; the body; who asks; what they may; one call on the bus; the answer. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "door.h"
#include "gen/contract.h"
#include "log.h"

#define FREE_REQUESTS_MAX 512
#define BODY_CHUNK 4096

/* /v1/events and /v1/openapi.json are the door's own: they are no calls. */
#define PATH_EVENTS "/v1/events"
#define PATH_OPENAPI "/v1/openapi.json"
#define PATH_HEALTH "/healthz"

void *request_new(struct door *door, const char *uri, struct MHD_Connection *handle)
{
	struct request *request = door->free_requests;
	size_t size = strlen(uri);
	const char *query;

	if (request) {
		struct arena arena = request->arena;
		door->free_requests = request->next_waiting;
		door->free_count--;
		*request = (struct request){ .arena = arena };
	} else {
		request = calloc(1, sizeof(*request));
		if (!request)
			return NULL;
		arena_init(&request->arena, DOOR_REQUEST_BYTES_MAX);
	}
	request->door = door;
	request->handle = handle;
	request->started_ns = clock_mono_ns();
	request->uri_too_long = size > GATEWAY_URI_BYTES_MAX;
	request->uri =
		arena_copy(&request->arena, (struct str){ uri, request->uri_too_long ? 0 : size });
	if (!request->uri.data)
		request->uri = STR("");
	query = memchr(request->uri.data, '?', request->uri.size);
	request->path = request->uri;
	request->query = STR("");
	if (query) {
		request->path.size = (size_t)(query - request->uri.data);
		request->query =
			(struct str){ query + 1, request->uri.size - request->path.size - 1 };
	}
	door->busy++;
	return request;
}

void request_free(struct request *request)
{
	struct door *door = request->door;

	if (request->number)
		bus_async_forget(door->async, request->number);
	if (request->stream)
		stream_close(request->stream);
	bus_answer_free(&request->answer);
	door->bodies_bytes -= request->body_capacity;
	free(request->body);
	door->busy--;
	if (door->free_count < FREE_REQUESTS_MAX) {
		arena_reset(&request->arena);
		request->next_waiting = door->free_requests;
		door->free_requests = request;
		door->free_count++;
		return;
	}
	arena_free(&request->arena);
	free(request);
}

/* ---- what to say ---- */

void request_ready(struct request *request)
{
	bool waited = request->state == REQUEST_WAITING;

	request->state = REQUEST_ANSWERED;
	if (waited)
		MHD_resume_connection(request->handle);
}

void request_fail(struct request *request)
{
	request->status = st_info(request->problem.st)->http;
	request_ready(request);
}

void request_refuse(struct request *request, enum st st, const char *pointer, const char *format,
		    ...)
{
	char detail[sizeof(request->problem.detail)];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	request->problem = (struct problem){ 0 };
	problem_set(&request->problem, st, pointer, "%s", detail);
	request_fail(request);
}

static void request_text(struct request *request, struct str text)
{
	request->status = 200;
	request->text = text;
	request_ready(request);
}

/* ---- head ---- */

static const char *header(const struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->handle, MHD_HEADER_KIND, name);
}

static bool head_refused_method(struct request *request)
{
	enum st st = routes_match(request->door->routes, request->method, request->path,
				  &request->match);

	if (st == ST_METHOD_NOT_ALLOWED)
		request_refuse(request, st, "", "this route has %s", request->match.allow);
	else if (st != ST_OK)
		request_refuse(request, st, "", "%s", "see " PATH_OPENAPI);
	return st != ST_OK;
}

/* A POST that may do something carries a key, so that a repeat has one effect. */
static bool head_refused_idempotency(struct request *request)
{
	const struct proto_call *call = request->match.call;
	const char *key = header(request, "Idempotency-Key");

	if (key && !idempotency_key_is_valid(str_of(key))) {
		request_refuse(request, ST_IDEMPOTENCY_KEY_INVALID, "", "%s", "");
		return true;
	}
	/* AuthZEN's clients know no such header, and asking twice decides twice. */
	if (key || strcmp(call->http->method, "POST") != 0 || call->reads ||
	    str_starts(request->path, "/access/"))
		return false;
	problem_set(&request->problem, ST_IDEMPOTENCY_KEY_REQUIRED, "",
		    "this request has no Idempotency-Key header");
	problem_hint(&request->problem,
		     "send Idempotency-Key: <a new UUID>, and the same one when you repeat it");
	request_fail(request);
	return true;
}

static bool head_refused_body(struct request *request)
{
	const char *length = header(request, "Content-Length");
	const char *type = header(request, "Content-Type");
	bool has_body =
		header(request, "Transfer-Encoding") || (length && strcmp(length, "0") != 0);
	int64_t size = 0;

	if (!has_body)
		return false;
	if (length && (!str_to_i64(str_of(length), &size) || size > GATEWAY_BODY_BYTES_MAX)) {
		request_refuse(request, ST_MESSAGE_TOO_LARGE, "", "a body has at most %d bytes",
			       GATEWAY_BODY_BYTES_MAX);
		return true;
	}
	if (!type || strncmp(type, "application/json", 16) != 0) {
		request_refuse(request, ST_MEDIA_TYPE_UNSUPPORTED, "",
			       "send Content-Type: application/json");
		return true;
	}
	return false;
}

static bool is_own_path(const struct request *request)
{
	return str_is(request->path, PATH_EVENTS) || str_is(request->path, PATH_OPENAPI) ||
	       str_is(request->path, PATH_HEALTH);
}

static void trace_begin(struct request *request)
{
	if (!traceparent_parse(header(request, "traceparent"), request->trace))
		trace_id_make(request->trace);
}

/* A browser's question before a request from another origin; only with an origin configured. */
static bool is_preflight(const struct request *request)
{
	const char *origin = header(request, "Origin");

	return strcmp(request->method, "OPTIONS") == 0 && request->door->config->cors_origin[0] &&
	       origin && strcmp(origin, request->door->config->cors_origin) == 0 &&
	       header(request, "Access-Control-Request-Method");
}

static void head_check(struct request *request)
{
	if (request->uri_too_long) {
		request_refuse(request, ST_URI_TOO_LONG, "", "at most %d bytes",
			       GATEWAY_URI_BYTES_MAX);
		return;
	}
	if (is_preflight(request)) {
		request->preflight = true;
		request->status = 204;
		request_ready(request);
		return;
	}
	if (is_own_path(request)) {
		if (strcmp(request->method, "GET") != 0) {
			strcpy(request->match.allow, "GET");
			request_refuse(request, ST_METHOD_NOT_ALLOWED, "", "this route has GET");
		}
		return;
	}
	if (head_refused_method(request) || head_refused_idempotency(request) ||
	    head_refused_body(request))
		return;
}

static void request_begin(struct request *request, const char *method)
{
	request->state = REQUEST_RECEIVING;
	if (!str_copy(str_of(method), request->method, sizeof(request->method)))
		strcpy(request->method, "?");
	trace_begin(request);
	head_check(request);
}

/* ---- body ---- */

/* False: no room for it, now or ever. */
static bool body_add(struct request *request, const char *data, size_t size)
{
	struct door *door = request->door;
	size_t need = request->body_size + size, capacity = request->body_capacity;

	if (need > GATEWAY_BODY_BYTES_MAX)
		return false;
	if (need > capacity) {
		capacity = capacity ? 2 * capacity : BODY_CHUNK;
		while (capacity < need)
			capacity *= 2;
		if (door->bodies_bytes - request->body_capacity + capacity > DOOR_BODIES_BYTES_MAX)
			return false;
		char *body = realloc(request->body, capacity);
		if (!body)
			return false;
		door->bodies_bytes += capacity - request->body_capacity;
		request->body = body;
		request->body_capacity = capacity;
	}
	memcpy(request->body + request->body_size, data, size);
	request->body_size = need;
	return true;
}

/* What comes after a refusal is read and thrown away, so that the client gets to read it. */
static void body_take(struct request *request, const char *data, size_t size)
{
	if (request->problem.st != ST_OK)
		return;
	if (body_add(request, data, size))
		return;
	if (request->body_size + size > GATEWAY_BODY_BYTES_MAX)
		problem_set(&request->problem, ST_MESSAGE_TOO_LARGE, "",
			    "a body has at most %d bytes", GATEWAY_BODY_BYTES_MAX);
	else
		problem_set(&request->problem, ST_OVERLOADED, "", "too many bodies at once");
}

/* ---- the call ---- */

static enum st call_send(struct request *request, struct str body)
{
	const struct principal *principal = request->principal;
	const struct bus_request message = {
		.call = request->match.call,
		.body = body,
		.options = { .principal = principal ? principal->text : NULL,
			     .scopes = principal ? principal->scopes : NULL,
			     .idempotency_key = header(request, "Idempotency-Key"),
			     .trace_id = request->trace },
		.context = request,
	};

	request->stage = STAGE_CALL;
	return bus_async_send(request->door->async, &message, &request->number, &request->problem);
}

static enum st call_begin(struct request *request)
{
	struct str body = { request->body ? request->body : "", request->body_size };
	struct problem *problem = &request->problem;
	struct str bound;

	TRY(gateway_bind(request->match.call, &request->match, request->query, body,
			 &request->arena, &bound, problem));
	if (bound.size == 0)
		bound = STR("{}");
	if (!request->match.call->http->open)
		TRY(principal_may(request->principal, request->match.call, bound, &request->arena,
				  problem));
	return call_send(request, bound);
}

/* Suspends unless it waits already. */
static void request_wait(struct request *request)
{
	if (request->state == REQUEST_WAITING)
		return;
	request->state = REQUEST_WAITING;
	MHD_suspend_connection(request->handle);
}

/* By who asks; nobody in particular counts by address. */
static bool rate_refused(struct request *request)
{
	struct door *door = request->door;
	char name[DOOR_ADDRESS_SIZE + sizeof("open@")];

	snprintf(name, sizeof(name), "open@%s", request->connection->address);
	limit_take(&door->rates, str_of(request->principal ? request->principal->text : name),
		   clock_mono_ns(), &request->rate);
	request->rated = true;
	if (request->rate.allowed)
		return false;
	metric_add(GATEWAY_METRIC_LIMITED, 1);
	problem_set(&request->problem, ST_RATE_EXCEEDED, "", "at most %lld a second",
		    (long long)door->config->rate);
	request->problem.retry_after_ms = request->rate.retry_after_s * 1000;
	request_fail(request);
	return true;
}

void request_proceed(struct request *request)
{
	enum st st;

	ASSERT(request->principal);
	if (rate_refused(request))
		return;
	if (str_is(request->path, PATH_EVENTS)) {
		stream_open(request);
		return;
	}
	st = principal_may_enter(request->principal, request->match.call, &request->problem);
	if (st == ST_OK)
		st = call_begin(request);
	if (st != ST_OK) {
		request->problem.st = st;
		request_fail(request);
		return;
	}
	request_wait(request);
}

/* A route that needs no credential: it is how one gets the first one, so what fails counts. */
static void request_proceed_open(struct request *request)
{
	enum st st;

	if (credential_attempts_refused(request) || rate_refused(request))
		return;
	st = call_begin(request);
	if (st != ST_OK) {
		request->problem.st = st;
		request_fail(request);
		return;
	}
	request_wait(request);
}

void request_on_answer(struct request *request, struct bus_answer *answer)
{
	request->number = 0;
	if (request->stage == STAGE_CREDENTIAL) {
		credential_on_answer(request, answer);
		return;
	}
	if (answer->st != ST_OK) {
		request->problem = answer->problem;
		request->problem.st = answer->st;
		bus_answer_free(answer);
		if (request->match.call->http->open &&
		    st_info(request->problem.st)->kind == ST_KIND_REFUSAL)
			credential_failed(request);
		else
			request_fail(request);
		return;
	}
	request->answer = *answer;
	request->status = 200;
	request_ready(request);
}

void request_on_keys(struct request *request)
{
	credential_authenticate(request);
}

static void request_go(struct request *request)
{
	if (request->problem.st != ST_OK) {
		request_fail(request);
		return;
	}
	if (str_is(request->path, PATH_HEALTH)) {
		request_text(request, STR("{\"status\":\"ok\"}"));
		return;
	}
	if (str_is(request->path, PATH_OPENAPI)) {
		request_text(request, (struct str){ gateway_openapi, gateway_openapi_size });
		return;
	}
	if (request->match.call && request->match.call->http->open)
		request_proceed_open(request);
	else
		credential_authenticate(request);
}

enum MHD_Result request_step(struct request *request, const char *method, const char *upload,
			     size_t *upload_size)
{
	if (request->state == REQUEST_NEW) {
		request_begin(request, method);
		return request->state == REQUEST_ANSWERED ? request_respond(request) : MHD_YES;
	}
	if (*upload_size > 0) {
		body_take(request, upload, *upload_size);
		*upload_size = 0;
		return MHD_YES;
	}
	if (request->state == REQUEST_RECEIVING)
		request_go(request);
	if (request->state == REQUEST_ANSWERED)
		return request_respond(request);
	if (request->state == REQUEST_RECEIVING) {
		/* it waits for something: the connection is looked at again when that is there */
		request->state = REQUEST_WAITING;
		MHD_suspend_connection(request->handle);
	}
	return MHD_YES;
}
