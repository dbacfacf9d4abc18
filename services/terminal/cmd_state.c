/* cmd_state.c: an agent's way through its states, and the kill switch. */
#include "gen/registry.h"
#include "services/terminal/terminal.h"

static void transition_say(struct terminal *t, const struct registry_agent *agent)
{
	terminal_say(t, "%.*s is %s%s\n", STR_ARG(agent->identity.agent_id),
		     registry_agent_state_names[agent->identity.status - 1],
		     agent->lifecycle.throttled ? ", throttled" : "");
}

static enum st transition(struct terminal *t, const struct proto_call *call, const void *request,
			  struct problem *problem)
{
	struct registry_agent_reply reply;
	bool printed;

	TRY(terminal_ask(t, call, request, &reply, &printed, problem));
	if (!printed)
		transition_say(t, &reply.agent);
	return ST_OK;
}

enum st cmd_agent_activate(struct terminal *t, struct problem *problem)
{
	struct registry_agent_activation act = {
		.agent_id = terminal_text(t, "agent"),
		.reason = terminal_text(t, "reason"),
		.nonce = terminal_nonce(t),
		.issued_at_ms = terminal_now_ms(t),
	};
	struct registry_agent_activate_request request = { .agent_id = act.agent_id };

	TRY(terminal_sign(t, REGISTRY_AGENT_ACTIVATION_PURPOSE, &registry_agent_activation_type,
			  &act, &request.act, problem));
	return transition(t, &CALL_REGISTRY_AGENT_ACTIVATE, &request, problem);
}

enum st cmd_agent_pause(struct terminal *t, struct problem *problem)
{
	struct registry_agent_pause_request request = {
		.agent_id = terminal_text(t, "agent"),
		.reason = terminal_text(t, "reason"),
	};

	return transition(t, &CALL_REGISTRY_AGENT_PAUSE, &request, problem);
}

enum st cmd_agent_resume(struct terminal *t, struct problem *problem)
{
	struct registry_agent_resumption act = {
		.agent_id = terminal_text(t, "agent"),
		.reason = terminal_text(t, "reason"),
		.nonce = terminal_nonce(t),
		.issued_at_ms = terminal_now_ms(t),
	};
	struct registry_agent_resume_request request = {
		.agent_id = act.agent_id,
		.reason = act.reason,
	};
	struct common_signed_act signed_act;

	if (args_has(&t->args, "sign")) {
		TRY(terminal_sign(t, REGISTRY_AGENT_RESUMPTION_PURPOSE,
				  &registry_agent_resumption_type, &act, &signed_act, problem));
		request.act = &signed_act;
	}
	return transition(t, &CALL_REGISTRY_AGENT_RESUME, &request, problem);
}

enum st cmd_agent_throttle(struct terminal *t, struct problem *problem)
{
	struct registry_agent_throttle_request request = {
		.agent_id = terminal_text(t, "agent"),
		.throttled = args_i64(&t->args, "switch", 0) == 0,
		.reason = terminal_text(t, "reason"),
	};

	return transition(t, &CALL_REGISTRY_AGENT_THROTTLE, &request, problem);
}

/* --- the kill switch --- */

static const struct {
	const char *option;
	enum registry_kill_scope_kind kind;
} kill_scopes[] = {
	{ "agent", REGISTRY_KILL_SCOPE_KIND_AGENT }, { "role", REGISTRY_KILL_SCOPE_KIND_ROLE },
	{ "tier", REGISTRY_KILL_SCOPE_KIND_TIER },   { "unit", REGISTRY_KILL_SCOPE_KIND_UNIT },
	{ "fleet", REGISTRY_KILL_SCOPE_KIND_FLEET },
};

static enum st kill_scope_read(struct terminal *t, struct registry_kill_scope *ret,
			       struct problem *problem)
{
	size_t given = 0;

	for (size_t i = 0; i < sizeof(kill_scopes) / sizeof(kill_scopes[0]); i++) {
		if (!args_has(&t->args, kill_scopes[i].option))
			continue;
		given++;
		*ret = (struct registry_kill_scope){
			.kind = kill_scopes[i].kind,
			.value = terminal_text(t, kill_scopes[i].option),
		};
	}
	if (given == 1)
		return ST_OK;
	problem_set(problem, ST_USAGE, "", "%s",
		    given == 0 ? "whom to terminate is missing" : "more than one scope is given");
	problem_hint(problem, "exactly one of --agent, --role, --tier, --unit, --fleet");
	return ST_USAGE;
}

static enum st kill_confirm(struct terminal *t, const struct registry_kill_scope *scope,
			    struct problem *problem)
{
	const char *kind = registry_kill_scope_kind_names[scope->kind - 1];
	struct str word = scope->value.data ? scope->value : STR("fleet");
	struct str question =
		arena_printf(&t->arena, "Every agent of this scope is terminated for good: %s %.*s",
			     kind, STR_ARG(scope->value));

	if (!question.data)
		return ST_NO_MEMORY;
	return terminal_confirm(t, question.data, word.data, problem);
}

enum st cmd_kill(struct terminal *t, struct problem *problem)
{
	struct registry_kill_order order = {
		.reason = terminal_text(t, "reason"),
		.nonce = terminal_nonce(t),
	};
	struct registry_kill_request request;
	struct registry_kill_reply reply;
	bool printed;

	TRY(kill_scope_read(t, &order.scope, problem));
	TRY(kill_confirm(t, &order.scope, problem));
	order.issued_at_ms = terminal_now_ms(t);
	TRY(terminal_sign(t, REGISTRY_KILL_ORDER_PURPOSE, &registry_kill_order_type, &order,
			  &request.act, problem));
	TRY(terminal_ask(t, &CALL_REGISTRY_KILL, &request, &reply, &printed, problem));
	if (!printed)
		terminal_say(t, "terminated %lld agents, cancelled %lld batches (%.*s)\n",
			     (long long)reply.terminated, (long long)reply.cancelled,
			     STR_ARG(reply.kill_id));
	return ST_OK;
}
