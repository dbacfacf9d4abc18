/* bus_call.c: calls made, the client side of a request. */
#include <stdio.h>
#include <sys/random.h>

#include "bus_internal.h"
#include "gen/common.h"

/* A caller waits a little longer than it grants the service, so that the service's own answer
 * about the deadline arrives. */
#define DEADLINE_SLACK_MS 250

static void trace_new(char trace[33])
{
	unsigned char bytes[16] = { 0 };

	ASSERT(getrandom(bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(trace + 2 * i, 3, "%02x", bytes[i]);
}

natsStatus bus_headers_set(natsMsg *msg, const struct bus_call_options *options,
			   uint32_t timeout_ms)
{
	char trace[33], parent[64], deadline[16];
	natsStatus status;

	if (options->trace_id)
		snprintf(trace, sizeof(trace), "%s", options->trace_id);
	else
		trace_new(trace);
	snprintf(parent, sizeof(parent), "00-%s-%.16s-01", trace, trace);
	snprintf(deadline, sizeof(deadline), "%u", timeout_ms);
	status = natsMsgHeader_Set(msg, "traceparent", parent);
	if (status == NATS_OK)
		status = natsMsgHeader_Set(msg, "Piopl-Deadline", deadline);
	if (status == NATS_OK && options->idempotency_key)
		status = natsMsgHeader_Set(msg, "Idempotency-Key", options->idempotency_key);
	if (status == NATS_OK && options->principal)
		status = natsMsgHeader_Set(msg, "Piopl-Principal", options->principal);
	if (status == NATS_OK && options->scopes)
		status = natsMsgHeader_Set(msg, "Piopl-Scopes", options->scopes);
	return status;
}

enum st bus_problem_of_reply(natsMsg *reply, struct arena *arena, struct problem *problem)
{
	struct common_problem wire;
	struct str body = { natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply) };
	struct problem local;
	enum st st = proto_decode(&common_problem_type, body, PROTO_UNKNOWN_IGNORED, arena, &wire,
				  &local);

	if (st != ST_OK)
		return problem_set(problem, ST_INTERNAL, "", "the refusal does not decode: %s",
				   local.detail);
	st = st_of_code(wire.code);
	problem_set(problem, st, "", "%s", "");
	if (problem) {
		str_copy(wire.pointer, problem->pointer, sizeof(problem->pointer));
		str_copy(wire.detail, problem->detail, sizeof(problem->detail));
		str_copy(wire.hint, problem->hint, sizeof(problem->hint));
		problem->retry_after_ms = (uint32_t)wire.retry_after_ms;
	}
	return st == ST_OK ? ST_INTERNAL : st;
}

static enum st status_of_request(natsStatus status, const char *service, uint32_t timeout_ms,
				 struct problem *problem)
{
	if (status == NATS_NO_RESPONDERS)
		return problem_set(problem, ST_UNAVAILABLE, "", "nobody answers for \"%s\"",
				   service);
	if (status == NATS_TIMEOUT)
		return problem_set(problem, ST_DEADLINE, "",
				   "\"%s\" did not answer within %u ms", service, timeout_ms);
	return bus_problem(problem, ST_BUS_UNAVAILABLE, "request", status);
}

enum st bus_call_text(struct bus *bus, const struct proto_call *call, struct str body,
		      const struct bus_call_options *options, struct arena *arena,
		      struct str *ret_reply, struct problem *problem)
{
	static const struct bus_call_options none;
	natsMsg *msg = NULL, *reply = NULL;
	char subject[BUS_SUBJECT_MAX];
	const char *code = NULL;

	if (!options)
		options = &none;
	const char *service = options->service ? options->service : call->service;
	uint32_t timeout_ms = options->timeout_ms ? options->timeout_ms : call->deadline_ms;
	ASSERT(service);
	if (body.size > BUS_PAYLOAD_MAX)
		return problem_set(problem, ST_MESSAGE_TOO_LARGE, "", "%zu bytes", body.size);
	snprintf(subject, sizeof(subject), "piopl.rpc.%s.%s.%s", service, call->name, bus->name);
	natsStatus status = natsMsg_Create(&msg, subject, NULL, body.data, (int)body.size);
	if (status == NATS_OK)
		status = bus_headers_set(msg, options, timeout_ms);
	if (status == NATS_OK)
		status = natsConnection_RequestMsg(&reply, bus->connection, msg,
						   timeout_ms + DEADLINE_SLACK_MS);
	natsMsg_Destroy(msg);
	if (status != NATS_OK)
		return status_of_request(status, service, timeout_ms, problem);
	enum st st = ST_OK;
	struct str copy = { 0 };
	if (natsMsgHeader_Get(reply, "Nats-Service-Error", &code) == NATS_OK) {
		st = bus_problem_of_reply(reply, arena, problem);
	} else {
		copy = arena_copy(arena, (struct str){ natsMsg_GetData(reply),
						       (size_t)natsMsg_GetDataLength(reply) });
		if (!copy.data)
			st = problem_set(problem, ST_TOO_LARGE, "", "the answer is too large");
	}
	natsMsg_Destroy(reply);
	if (st == ST_OK)
		*ret_reply = copy;
	return st;
}

enum st bus_call(struct bus *bus, const struct proto_call *call, const void *request,
		 const struct bus_call_options *options, struct arena *arena, void *reply,
		 struct problem *problem)
{
	struct str body, answer;
	enum st st = proto_encode(call->request, request, arena, &body);

	if (st != ST_OK)
		return problem_set(problem, st, "", "the request does not encode");
	TRY(bus_call_text(bus, call, body, options, arena, &answer, problem));
	return proto_decode(call->reply, answer, PROTO_UNKNOWN_IGNORED, arena, reply, problem);
}
