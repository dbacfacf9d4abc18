/* respond.c: answers as HTTP has them, with the headers that every answer carries, and the line of
 * the access log: method, path without query, status, time, principal; no bodies, no secrets. */
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "door.h"
#include "log.h"

static void header_add(struct MHD_Response *response, const char *name, const char *value)
{
	(void)MHD_add_response_header(response, name, value);
}

static void header_number(struct MHD_Response *response, const char *name, uint32_t value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	header_add(response, name, text);
}

static void headers_cors(const struct request *request, struct MHD_Response *response)
{
	const char *allowed = request->door->config->cors_origin;
	const char *origin =
		MHD_lookup_connection_value(request->handle, MHD_HEADER_KIND, "Origin");

	if (!allowed[0])
		return;
	header_add(response, "Vary", "Origin");
	if (!origin || strcmp(origin, allowed) != 0)
		return;
	header_add(response, "Access-Control-Allow-Origin", allowed);
	header_add(response, "Access-Control-Expose-Headers",
		   "X-Request-Id, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, "
		   "Retry-After, PAYMENT-REQUIRED");
	if (!request->preflight)
		return;
	header_add(response, "Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE");
	header_add(response, "Access-Control-Allow-Headers",
		   "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, traceparent");
	header_add(response, "Access-Control-Max-Age", "600");
}

static void headers_refusal(struct request *request, struct MHD_Response *response)
{
	struct arena *arena = &request->arena;
	uint32_t retry_s = (request->problem.retry_after_ms + 999) / 1000;

	if (request->status == 401)
		header_add(response, "WWW-Authenticate",
			   request->credential.kind == CREDENTIAL_NONE
				   ? "Bearer realm=\"piopl\""
				   : "Bearer realm=\"piopl\", error=\"invalid_token\"");
	if (request->status == 402) {
		struct str quote =
			x402_header(&request->door->config->x402, &request->problem.quote,
				    request->uri, st_info(request->problem.st)->title, arena);
		if (quote.data)
			header_add(response, "PAYMENT-REQUIRED", quote.data);
	}
	if (request->status == 405 && request->match.allow[0])
		header_add(response, "Allow", request->match.allow);
	if (retry_s == 0 && (request->status == 429 || request->status == 503))
		retry_s = 1;
	if (retry_s > 0)
		header_number(response, "Retry-After", retry_s);
}

void request_headers(const struct request *request, struct MHD_Response *response)
{
	header_add(response, "X-Request-Id", request->trace);
	header_add(response, "Cache-Control", "no-store");
	header_add(response, "X-Content-Type-Options", "nosniff");
	header_add(response, "Content-Security-Policy",
		   "default-src 'none'; frame-ancestors 'none'");
	header_add(response, "Referrer-Policy", "no-referrer");
	if (request->door->tls)
		header_add(response, "Strict-Transport-Security", "max-age=31536000");
	if (request->door->draining)
		header_add(response, "Connection", "close");
	headers_cors(request, response);
	if (request->rated) {
		header_number(response, "RateLimit-Limit", (uint32_t)request->door->config->burst);
		header_number(response, "RateLimit-Remaining", request->rate.remaining);
		header_number(response, "RateLimit-Reset", request->rate.reset_s);
	}
}

static void access_log(const struct request *request)
{
	double ms = (double)(clock_mono_ns() - request->started_ns) / 1e6;
	char status[8], took[24], path[256];
	struct str shown = request->path;

	metric_observe(GATEWAY_METRIC_REQUEST_MS, ms);
	metric_add(request->status < 400   ? GATEWAY_METRIC_OK
		   : request->status < 500 ? GATEWAY_METRIC_REFUSED
					   : GATEWAY_METRIC_FAILED,
		   1);
	if (!log_enabled(LOG_INFO))
		return;
	shown.size = utf8_cut(shown, sizeof(path) - 1);
	memcpy(path, shown.data, shown.size);
	path[shown.size] = 0;
	snprintf(status, sizeof(status), "%u", request->status);
	snprintf(took, sizeof(took), "%.2f", ms);
	const struct log_pair more[] = {
		{ "method", request->method },
		{ "path", path },
		{ "http", status },
		{ "ms", took },
		{ "principal", request->principal ? request->principal->text : "" },
		{ "address", request->connection ? request->connection->address : "" },
		{ NULL, NULL },
	};
	log_write(LOG_INFO,
		  &(struct log_fields){
			  .category = "access",
			  .trace = request->trace,
			  .status = request->status < 400 ? "" : st_info(request->problem.st)->code,
			  .more = more },
		  "%s", request->status < 400 ? "answered" : "refused");
}

static void answer_release(void *closure)
{
	bus_message_free(&(struct bus_message){ .handle = closure });
}

static struct MHD_Response *response_ok(struct request *request)
{
	struct bus_answer *answer = &request->answer;
	struct MHD_Response *response;

	if (request->preflight)
		return MHD_create_response_from_buffer(0, (void *)(uintptr_t) "",
						       MHD_RESPMEM_PERSISTENT);
	if (!answer->message.handle)
		return MHD_create_response_from_buffer(request->text.size,
						       (void *)(uintptr_t)request->text.data,
						       MHD_RESPMEM_PERSISTENT);
	response = MHD_create_response_from_buffer_with_free_callback_cls(
		answer->body.size, (void *)(uintptr_t)answer->body.data, answer_release,
		answer->message.handle);
	if (response)
		answer->message.handle = NULL; /* the response frees it */
	return response;
}

static struct MHD_Response *response_problem(struct request *request)
{
	struct str text = problem_document(&request->problem, request->trace, &request->arena);

	if (!text.data)
		text = STR("{\"code\":\"internal\",\"title\":\"a fault of ours\",\"status\":500,"
			   "\"retry\":false}");
	return MHD_create_response_from_buffer(text.size, (void *)(uintptr_t)text.data,
					       MHD_RESPMEM_MUST_COPY);
}

enum MHD_Result request_respond(struct request *request)
{
	struct MHD_Response *response;
	enum MHD_Result result;

	if (request->state == REQUEST_DONE)
		return MHD_YES;
	request->state = REQUEST_DONE;
	access_log(request);
	if (request->stream && request->status == 200)
		return stream_respond(request);
	response = request->status < 400 ? response_ok(request) : response_problem(request);
	if (!response)
		return MHD_NO;
	header_add(response, "Content-Type",
		   request->status < 400 ? "application/json" : "application/problem+json");
	request_headers(request, response);
	if (request->status >= 400)
		headers_refusal(request, response);
	result = MHD_queue_response(request->handle, request->status, response);
	MHD_destroy_response(response);
	return result;
}
