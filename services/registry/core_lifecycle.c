/* core_lifecycle.c: what an agent may become, what lets it start, and whom a kill order means. */
#include <stdio.h>

#include "id.h"
#include "registry.h"

#define NO REGISTRY_AGENT_STATE_NONE
#define ACTIVE REGISTRY_AGENT_STATE_ACTIVE
#define PAUSED REGISTRY_AGENT_STATE_PAUSED
#define TERMINATED REGISTRY_AGENT_STATE_TERMINATED

/* from pending, active, paused; nothing leads out of terminated */
static const enum registry_agent_state next_state[AGENT_ACT_COUNT][3] = {
	[AGENT_ACTIVATE] = { ACTIVE, NO, NO },
	[AGENT_PAUSE] = { NO, PAUSED, NO },
	[AGENT_RESUME] = { NO, NO, ACTIVE },
	[AGENT_THROTTLE] = { NO, ACTIVE, NO },
	[AGENT_UNTHROTTLE] = { NO, ACTIVE, NO },
	[AGENT_TERMINATE] = { TERMINATED, TERMINATED, TERMINATED },
};

static const char *const act_words[AGENT_ACT_COUNT] = {
	[AGENT_ACTIVATE] = "activated",     [AGENT_PAUSE] = "paused",
	[AGENT_RESUME] = "resumed",         [AGENT_THROTTLE] = "throttled",
	[AGENT_UNTHROTTLE] = "unthrottled", [AGENT_TERMINATE] = "terminated",
};

static bool act_allowed(const struct agent_condition *from, enum agent_act act)
{
	return from->state != TERMINATED &&
	       next_state[act][from->state - REGISTRY_AGENT_STATE_PENDING] != NO &&
	       (act != AGENT_THROTTLE || !from->throttled) &&
	       (act != AGENT_UNTHROTTLE || from->throttled);
}

static enum st transition_refuse(const struct agent_condition *from, enum agent_act act, enum st st,
				 struct problem *problem)
{
	char can[sizeof(problem->hint)] = "";
	size_t size = 0;

	problem_set(problem, st, "/agent_id", "an agent that is \"%s\"%s cannot be %s",
		    registry_agent_state_names[from->state - 1],
		    from->throttled ? " and throttled" : "", act_words[act]);
	for (enum agent_act a = 0; a < AGENT_ACT_COUNT; a++)
		if (act_allowed(from, a) && size < sizeof(can))
			size += (size_t)snprintf(can + size, sizeof(can) - size, "%s%s",
						 size > 0 ? ", " : "", act_words[a]);
	if (size > 0)
		problem_hint(problem, "it can be: %s", can);
	return st;
}

enum st lifecycle_decide(const struct agent_condition *from, enum agent_act act, bool automatic,
			 struct agent_condition *ret, struct problem *problem)
{
	ASSERT(from->state != NO && act < AGENT_ACT_COUNT);
	if (from->state == TERMINATED)
		return transition_refuse(from, act, ST_AGENT_TERMINATED, problem);
	if (!act_allowed(from, act))
		return transition_refuse(from, act, ST_TRANSITION_ILLEGAL, problem);
	enum registry_agent_state to = next_state[act][from->state - REGISTRY_AGENT_STATE_PENDING];
	struct agent_condition next = {
		.state = to,
		/* a pause keeps the flag, so that a resumed agent is as fast as it was */
		.throttled = act == AGENT_THROTTLE ||
			     (from->throttled && act != AGENT_UNTHROTTLE && to != TERMINATED),
		.paused_automatically = act == AGENT_PAUSE && automatic,
	};
	ASSERT(next.state != REGISTRY_AGENT_STATE_PENDING);
	*ret = next;
	return ST_OK;
}

bool lifecycle_resume_needs_steward(const struct agent_condition *from)
{
	return from->state == PAUSED && from->paused_automatically;
}

struct check_in check_in_decide(enum registry_agent_state state, struct str bound,
				struct str presented, struct str in_force)
{
	if (state == TERMINATED)
		return (struct check_in){ .reason = REGISTRY_CHECK_IN_REASON_TERMINATED };
	if (!in_force.data)
		return (struct check_in){ .reason = REGISTRY_CHECK_IN_REASON_NO_CONSTITUTION };
	if (!str_equal(presented, in_force))
		return (struct check_in){ .reason = REGISTRY_CHECK_IN_REASON_CONSTITUTION_DIFFERS };
	return (struct check_in){ .accepted = true, .rebind = !str_equal(bound, in_force) };
}

static enum st scope_refuse(struct problem *problem, const char *what, struct str value)
{
	return problem_set(problem, ST_KILL_SCOPE_INVALID, "/act/payload/scope/value",
			   "%s, not \"%.*s\"", what, STR_ARG(value));
}

static enum st tier_parse(struct str value, int64_t *ret, struct problem *problem)
{
	int64_t tier;

	if (!str_to_i64(value, &tier) || tier < 0 || tier > 2)
		return scope_refuse(problem, "a tier is 0, 1 or 2", value);
	*ret = tier;
	return ST_OK;
}

enum st kill_scope_parse(const struct registry_kill_scope *in, struct kill_scope *ret,
			 struct problem *problem)
{
	struct kill_scope scope = { .kind = in->kind, .tier = -1, .text = STR("") };
	struct str value = str_or_empty(in->value), parent;

	switch (in->kind) {
	case REGISTRY_KILL_SCOPE_KIND_AGENT:
		if (!agent_id_parse(value, &scope.number))
			return scope_refuse(problem, "this scope takes an agent's id", value);
		break;
	case REGISTRY_KILL_SCOPE_KIND_ROLE:
		if (value.size == 0)
			return scope_refuse(problem, "this scope takes a role", value);
		scope.text = value;
		break;
	case REGISTRY_KILL_SCOPE_KIND_TIER:
		TRY(tier_parse(value, &scope.tier, problem));
		break;
	case REGISTRY_KILL_SCOPE_KIND_UNIT:
		if (unit_path_check(value, &parent, NULL) != ST_OK)
			return scope_refuse(problem, "this scope takes a unit's path", value);
		scope.text = value;
		break;
	case REGISTRY_KILL_SCOPE_KIND_FLEET:
		if (value.size > 0)
			return scope_refuse(problem, "the fleet takes no value", value);
		break;
	case REGISTRY_KILL_SCOPE_KIND_NONE:
		return scope_refuse(problem, "an order has a scope", value);
	}
	*ret = scope;
	return ST_OK;
}
