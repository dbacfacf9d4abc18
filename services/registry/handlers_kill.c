/* handlers_kill.c: the kill switch. One signed order, one transaction: every agent in its scope is
 * terminated, or none. Nothing configures it and nothing turns it off. The order's own event goes
 * first, so that a reader can refuse by scope before the agents' own events arrive. */
#include "handlers.h"
#include "id.h"

static struct svc_scope kill_scope_of(struct svc_request *req)
{
	struct registry_service *registry = req->state;
	struct svc_scope scope = svc_scope_of_request(req);

	if (registry->kill_now_ms != req->now_ms) {
		arena_reset(&registry->kill_arena);
		registry->kill_now_ms = req->now_ms;
	}
	scope.arena = &registry->kill_arena;
	return scope;
}

/* An order about nothing is a mistake that must not look like a success. */
static enum st scope_exists(struct svc_request *req, const struct kill_scope *scope)
{
	struct registry_role role;
	struct registry_agent agent;
	bool found = true;

	if (scope->kind == REGISTRY_KILL_SCOPE_KIND_AGENT)
		TRY(store_agent_get(req->tx, req->arena, scope->number, &agent, &found));
	else if (scope->kind == REGISTRY_KILL_SCOPE_KIND_ROLE)
		TRY(store_role_get(req->tx, req->arena, scope->text, &role, &found));
	else if (scope->kind == REGISTRY_KILL_SCOPE_KIND_UNIT)
		TRY(store_unit_exists(req->tx, req->arena, scope->text, &found));
	if (!found)
		return svc_refuse(req, ST_KILL_SCOPE_INVALID, "/act/payload/scope/value",
				  "there is none of this name");
	return ST_OK;
}

static enum st ordered_emit(const struct svc_scope *scope, const struct registry_kill_order *order,
			    const struct kill *kill, size_t terminated,
			    const struct common_signed_act *act)
{
	struct registry_kill_ordered event = {
		.kill_id = kill->kill_id,
		.scope = order->scope,
		.reason = order->reason,
		.terminated = (int64_t)terminated,
		.ordered_by = kill->ordered_by,
		.ordered_at_ms = kill->ordered_ms,
		.act = *act,
	};

	return svc_emit_in(scope, &EVT_REGISTRY_KILL_ORDERED, &kill->kill_id, &event, 1);
}

static struct registry_agent_transition
terminated_event(const struct kill *kill, const struct killed *killed, struct str agent_id)
{
	return (struct registry_agent_transition){
		.agent_id = agent_id,
		.role = killed->role,
		.tier = killed->tier,
		.unit = killed->unit,
		.from = killed->from,
		.to = REGISTRY_AGENT_STATE_TERMINATED,
		.reason = kill->reason,
		.by = kill->ordered_by,
		.at_ms = kill->ordered_ms,
		.kill_id = kill->kill_id,
	};
}

static enum st terminated_emit(const struct svc_scope *scope, const struct kill *kill,
			       const struct killed *killed, size_t count, struct str *ret_ids)
{
	struct registry_agent_transition *events =
		ARENA_ARRAY(scope->arena, struct registry_agent_transition, KILL_CHUNK);

	if (!events)
		return ST_TOO_LARGE;
	for (size_t from = 0; from < count; from += KILL_CHUNK) {
		size_t some = count - from < KILL_CHUNK ? count - from : KILL_CHUNK;

		for (size_t i = 0; i < some; i++) {
			ret_ids[from + i] = agent_id_of(killed[from + i].number, scope->arena);
			if (!ret_ids[from + i].data)
				return ST_TOO_LARGE;
			events[i] = terminated_event(kill, &killed[from + i], ret_ids[from + i]);
		}
		TRY(svc_emit_in(scope, &EVT_REGISTRY_AGENT_TERMINATED, &ret_ids[from], events,
				some));
	}
	return ST_OK;
}

static enum st cancelled_emit(const struct svc_scope *scope,
			      const struct registry_operation *operations, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct registry_operation_progressed event = { .operation = operations[i] };

		TRY(svc_emit_in(scope, &EVT_REGISTRY_OPERATION_PROGRESSED,
				&operations[i].operation_id, &event, 1));
	}
	return ST_OK;
}

static enum st kill_carry_out(struct svc_request *req, const struct registry_kill_order *order,
			      const struct kill *kill, const struct note *note)
{
	const struct registry_kill_request *in = req->body;
	struct registry_kill_reply *answer = req->answer;
	struct svc_scope scope = kill_scope_of(req);
	struct note each = *note;
	struct registry_operation *operations;
	struct killed *killed;
	size_t count, cancelled;

	/* Operations first, as the tick that carries them out does: no deadlock with it. */
	TRY(store_kill_operations(req->tx, scope.arena, kill, &operations, &cancelled));
	TRY(store_kill(req->tx, scope.arena, kill, &killed, &count));
	TRY(store_kill_keep(req->tx, kill, (int64_t)count, (int64_t)cancelled));
	struct str *ids = ARENA_ARRAY(scope.arena, struct str, count);
	if (!ids)
		return ST_TOO_LARGE;
	TRY(ordered_emit(&scope, order, kill, count, &in->act));
	TRY(terminated_emit(&scope, kill, killed, count, ids));
	TRY(cancelled_emit(&scope, operations, cancelled));
	each.operation = "agent.terminate";
	TRY(evidence_emit_agents(&scope, &each, ids, count));
	*answer = (struct registry_kill_reply){
		.kill_id = kill->kill_id,
		.scope = order->scope,
		.terminated = (int64_t)count,
		.cancelled = (int64_t)cancelled,
		.ordered_by = kill->ordered_by,
		.ordered_at_ms = kill->ordered_ms,
	};
	return ST_OK;
}

static enum st kill_order(struct svc_request *req, struct note *note)
{
	const struct registry_kill_request *in = req->body;
	struct registry_kill_order *order = ARENA_NEW(req->arena, struct registry_kill_order);
	struct act *act = ARENA_NEW(req->arena, struct act);
	struct kill kill = { .ordered_ms = req->now_ms };
	char id[ID_TEXT_SIZE];

	id_make("kil", req->now_ms, id);
	kill.kill_id = arena_copy(req->arena, str_of(id));
	if (!order || !act || !kill.kill_id.data)
		return ST_TOO_LARGE;
	TRY(person_act(req, &in->act,
		       ACT_RULE(REGISTRY_KILL_ORDER_PURPOSE, registry_kill_order_type,
				struct registry_kill_order, ROLE_BITS_STEWARD),
		       note, act, order));
	TRY(kill_scope_parse(&order->scope, &kill.scope, &req->problem));
	TRY(scope_exists(req, &kill.scope));
	kill.scope_value = order->scope.value;
	kill.reason = order->reason;
	kill.ordered_by = act->person_id;
	TRY(act_spent(req, act));
	return kill_carry_out(req, order, &kill, note);
}

enum st on_kill(struct svc_request *req)
{
	return recorded(req, "kill.order", STR("registry"), kill_order);
}
