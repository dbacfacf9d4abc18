/* cmd_operation.c: how far long work is. */
#include "services/terminal/operation.h"
#include "services/terminal/process.h"

#define WATCH_MS 200

enum st operation_wait(struct terminal *t, struct str operation_id, struct registry_operation *ret,
		       struct problem *problem)
{
	struct registry_operation_get_request request = { .operation_id = operation_id };
	struct registry_operation_reply reply;

	for (;;) {
		TRY(terminal_call(t, &CALL_REGISTRY_OPERATION_GET, &request, &reply, problem));
		if (reply.operation.state != REGISTRY_OPERATION_STATE_RUNNING)
			break;
		terminal_progress(t, "agents", reply.operation.done, reply.operation.total);
		process_sleep_ms(WATCH_MS);
	}
	terminal_progress_end(t);
	*ret = reply.operation;
	return ST_OK;
}

void operation_say(struct terminal *t, const struct registry_operation *o)
{
	terminal_say(t, "%.*s: %s, %lld of %lld", STR_ARG(o->operation_id),
		     registry_operation_state_names[o->state - 1], (long long)o->done,
		     (long long)o->total);
	if (o->first_agent_id.data)
		terminal_say(t, ", %.*s to %.*s", STR_ARG(o->first_agent_id),
			     STR_ARG(o->last_agent_id));
	if (o->error_code.data)
		terminal_say(t, "; %.*s (%.*s)", STR_ARG(o->error_detail), STR_ARG(o->error_code));
	terminal_say(t, "\n");
}

enum st cmd_operation_show(struct terminal *t, struct problem *problem)
{
	struct registry_operation_get_request request = {
		.operation_id = terminal_text(t, "operation"),
	};
	struct registry_operation_reply reply;

	if (args_has(&t->args, "watch"))
		TRY(operation_wait(t, request.operation_id, &reply.operation, problem));
	else
		TRY(terminal_call(t, &CALL_REGISTRY_OPERATION_GET, &request, &reply, problem));
	if (t->json)
		return terminal_json(t, &registry_operation_reply_type, &reply);
	if (t->tty && reply.operation.state == REGISTRY_OPERATION_STATE_RUNNING) {
		struct buf buf;

		buf_init(&buf, &t->arena, 128);
		progress_write(&buf, reply.operation.done, reply.operation.total, 30);
		terminal_say(t, "%.*s\n", STR_ARG(buf_str(&buf)));
	}
	operation_say(t, &reply.operation);
	return ST_OK;
}
