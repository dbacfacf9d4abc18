/* cmd_call.c: any call of the contract by its name, for contributors and for whatever has no
 * command of its own. The body is checked before it is sent, like any other request. */
#include <stdio.h>

#include "gen/contract.h"
#include "services/terminal/terminal.h"

static const struct proto_call *call_find(const char *service, const char *name)
{
	for (const struct proto_call *const *c = proto_calls; *c; c++)
		if (strcmp((*c)->service, service) == 0 && strcmp((*c)->name, name) == 0)
			return *c;
	return NULL;
}

static enum st call_unknown(struct terminal *t, const char *service, const char *name,
			    struct problem *problem)
{
	struct buf names;

	buf_init(&names, &t->arena, 256);
	for (const struct proto_call *const *c = proto_calls; *c; c++)
		if (strcmp((*c)->service, service) == 0)
			buf_printf(&names, "%s%s", names.size > 0 ? ", " : "", (*c)->name);
	problem_set(problem, ST_NOT_FOUND, "", "\"%s\" has no call \"%s\"", service, name);
	problem_hint(problem, "it has: %.*s", STR_ARG(buf_str(&names)));
	return ST_NOT_FOUND;
}

enum st cmd_call(struct terminal *t, struct problem *problem)
{
	const char *service = args_text(&t->args, "service");
	const char *name = args_text(&t->args, "call");
	const char *body = args_text(&t->args, "body");
	const struct proto_call *call = call_find(service, name);
	void *request, *reply;

	if (!call)
		return call_unknown(t, service, name, problem);
	request = arena_alloc(&t->arena, call->request->size_bytes);
	reply = arena_alloc(&t->arena, call->reply->size_bytes);
	if (!request || !reply)
		return ST_NO_MEMORY;
	TRY(proto_decode(call->request, str_of(body ? body : "{}"), PROTO_UNKNOWN_REFUSED,
			 &t->arena, request, problem));
	TRY(terminal_call(t, call, request, reply, problem));
	return terminal_json(t, call->reply, reply);
}
