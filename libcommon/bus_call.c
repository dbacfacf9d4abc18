/* bus_call.c: calls made, the client side of a request. */
#include <stdio.h>
#include <stdlib.h>

#include "bus_internal.h"
#include "gen/common.h"
#include "id.h"
#include "quote.h"

/* A caller waits a little longer than it grants the service, so that the service's own answer
 * about the deadline arrives. */
#define DEADLINE_SLACK_MS 250

natsStatus bus_headers_set(natsMsg *msg, const struct bus_call_options *options,
			   uint32_t timeout_ms)
{
	char trace[33], parent[64], deadline[16];
	natsStatus status;

	if (options->trace_id)
		snprintf(trace, sizeof(trace), "%s", options->trace_id);
	else
		trace_id_make(trace);
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
		problem->quote = quote_of_wire(wire.quote);
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
		return problem_set(problem, ST_DEADLINE, "", "\"%s\" did not answer within %u ms",
				   service, timeout_ms);
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

/* The answer as the caller sees it: a decoded refusal, or the decoded reply. */
static enum st reply_take(const struct proto_call *call, natsMsg *reply, struct arena *arena,
			  void *ret, struct problem *problem)
{
	const char *code = NULL;

	if (natsMsgHeader_Get(reply, "Nats-Service-Error", &code) == NATS_OK)
		return bus_problem_of_reply(reply, arena, problem);
	struct str text = arena_copy(arena, (struct str){ natsMsg_GetData(reply),
							  (size_t)natsMsg_GetDataLength(reply) });
	if (!text.data)
		return problem_set(problem, ST_TOO_LARGE, "", "the answer is too large");
	return proto_decode(call->reply, text, PROTO_UNKNOWN_IGNORED, arena, ret, problem);
}

struct bus_ask {
	const struct proto_call *call;
	natsSubscription *answer;
	char service[BUS_NAME_MAX];
	uint32_t timeout_ms;
};

enum st bus_ask_begin(struct bus *bus, const struct proto_call *call, const void *request,
		      const struct bus_call_options *options, struct arena *arena,
		      struct bus_ask **ret, struct problem *problem)
{
	struct bus_ask *ask = calloc(1, sizeof(*ask));
	char subject[BUS_SUBJECT_MAX], inbox[BUS_SUBJECT_MAX], unique[TRACE_ID_TEXT_SIZE];
	natsMsg *msg = NULL;
	struct str body;

	if (!ask)
		return problem_set(problem, ST_NO_MEMORY, "", "no memory for a call");
	enum st st = proto_encode(call->request, request, arena, &body);
	ask->call = call;
	ask->timeout_ms = options->timeout_ms ? options->timeout_ms : call->deadline_ms;
	snprintf(ask->service, sizeof(ask->service), "%s",
		 options->service ? options->service : call->service);
	trace_id_make(unique);
	snprintf(inbox, sizeof(inbox), "_INBOX.%s.ask.%s", bus->name, unique);
	snprintf(subject, sizeof(subject), "piopl.rpc.%s.%s.%s", ask->service, call->name,
		 bus->name);
	natsStatus status = st == ST_OK ? NATS_OK : NATS_ERR;
	if (status == NATS_OK)
		status = natsConnection_SubscribeSync(&ask->answer, bus->connection, inbox);
	if (status == NATS_OK)
		status = natsMsg_Create(&msg, subject, inbox, body.data, (int)body.size);
	if (status == NATS_OK)
		status = bus_headers_set(msg, options, ask->timeout_ms);
	if (status == NATS_OK)
		status = natsConnection_PublishMsg(bus->connection, msg);
	natsMsg_Destroy(msg);
	if (status != NATS_OK) {
		bus_ask_drop(ask);
		return bus_problem(problem, ST_BUS_UNAVAILABLE, "request", status);
	}
	*ret = ask;
	return ST_OK;
}

enum st bus_ask_end(struct bus_ask *ask, struct arena *arena, void *reply, struct problem *problem)
{
	natsMsg *msg = NULL;
	natsStatus status =
		natsSubscription_NextMsg(&msg, ask->answer, ask->timeout_ms + DEADLINE_SLACK_MS);
	enum st st;

	/* The server tells at once when nobody listens: an empty message with this header. */
	const char *code = NULL;
	if (status == NATS_OK && natsMsg_GetDataLength(msg) == 0 &&
	    natsMsgHeader_Get(msg, "Status", &code) == NATS_OK && strcmp(code, "503") == 0)
		status = NATS_NO_RESPONDERS;
	if (status == NATS_OK)
		st = reply_take(ask->call, msg, arena, reply, problem);
	else
		st = status_of_request(status, ask->service, ask->timeout_ms, problem);
	natsMsg_Destroy(msg);
	bus_ask_drop(ask);
	return st;
}

void bus_ask_drop(struct bus_ask *ask)
{
	if (!ask)
		return;
	if (ask->answer)
		natsSubscription_Unsubscribe(ask->answer);
	natsSubscription_Destroy(ask->answer);
	free(ask);
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
