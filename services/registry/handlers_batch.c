/* handlers_batch.c: many agents by one call. The call writes a plan; a tick carries it out in
 * chunks, each a transaction that also says how far it is, so that a restart goes on where the last
 * commit was. */
#include <stdio.h>

#include "handlers.h"
#include "id.h"

static enum st operation_emit(const struct svc_scope *scope,
			      const struct registry_operation *operation)
{
	struct registry_operation_progressed event = { .operation = *operation };

	return svc_emit_in(scope, &EVT_REGISTRY_OPERATION_PROGRESSED, &operation->operation_id,
			   &event, 1);
}

/* Planning */

static enum st batch_judge(struct svc_request *req, struct registry_agent *ret)
{
	const struct registry_agents_create_request *in = req->body;
	struct rules_loaded loaded;
	struct str name;

	TRY(batch_name_check(in->name_prefix, &req->problem));
	name = batch_name(in->name_prefix, in->count, req->arena);
	if (!name.data)
		return ST_TOO_LARGE;
	TRY(rules_load(req->tx, req->arena, in->profile.role, in->profile.unit, &loaded));
	profile_complete(&in->profile, name, &loaded.rules, req->now_ms, ret);
	return profile_validate(ret, &loaded.rules, "/profile", &req->problem);
}

static enum st agents_create(struct svc_request *req, struct note *note)
{
	const struct registry_agents_create_request *in = req->body;
	struct registry_operation_reply *answer = req->answer;
	struct registry_batch_plan plan = { in->name_prefix, in->profile };
	struct operation_row row = { 0 };
	struct registry_agent agent;
	struct svc_scope scope = svc_scope_of_request(req);
	char id[ID_TEXT_SIZE];

	TRY(batch_judge(req, &agent));
	TRY(proto_encode(&registry_batch_plan_type, &plan, req->arena, &row.plan));
	id_make("opn", req->now_ms, id);
	row.operation = (struct registry_operation){
		.operation_id = arena_copy(req->arena, str_of(id)),
		.kind = STR("agents.create"),
		.state = REGISTRY_OPERATION_STATE_RUNNING,
		.total = in->count,
		.started_at_ms = req->now_ms,
		.updated_at_ms = req->now_ms,
	};
	if (!row.operation.operation_id.data)
		return ST_TOO_LARGE;
	row.role = agent.identity.role;
	row.tier = agent.identity.tier;
	row.unit = agent.identity.unit;
	row.principal = note->user_id;
	row.trace_id = req->trace_id;
	row.parameters_hash = note->parameters_hash;
	TRY(store_operation_insert(req->tx, &row));
	TRY(operation_emit(&scope, &row.operation));
	answer->operation = row.operation;
	return ST_OK;
}

enum st on_agents_create(struct svc_request *req)
{
	return recorded(req, "agents.create", STR("registry"), agents_create);
}

enum st on_operation_get(struct svc_request *req)
{
	const struct registry_operation_get_request *in = req->body;
	struct registry_operation_reply *answer = req->answer;
	bool found;

	TRY(store_operation_get(req->tx, req->arena, in->operation_id, &answer->operation, &found));
	if (!found)
		return svc_refuse(req, ST_NOT_FOUND, "/operation_id", "no operation \"%.*s\"",
				  STR_ARG(in->operation_id));
	return ST_OK;
}

/* Carrying out */

struct chunk {
	const struct svc_scope *scope;
	struct operation_row *row;
	struct registry_agent agent; /* what all of them share */
	struct str name_prefix;
	size_t count;
	int64_t *numbers;
	struct str *names;
	struct str *ids;
};

static enum st chunk_name(struct chunk *chunk)
{
	struct arena *arena = chunk->scope->arena;
	size_t count = chunk->count;

	chunk->numbers = ARENA_ARRAY(arena, int64_t, count);
	chunk->names = ARENA_ARRAY(arena, struct str, count);
	chunk->ids = ARENA_ARRAY(arena, struct str, count);
	if (!chunk->numbers || !chunk->names || !chunk->ids)
		return ST_TOO_LARGE;
	TRY(store_agent_numbers(chunk->scope->tx, arena, chunk->numbers, count));
	for (size_t i = 0; i < count; i++) {
		int64_t ordinal = chunk->row->operation.done + (int64_t)i + 1;
		chunk->names[i] = batch_name(chunk->name_prefix, ordinal, arena);
		chunk->ids[i] = agent_id_of(chunk->numbers[i], arena);
		if (!chunk->names[i].data || !chunk->ids[i].data)
			return ST_TOO_LARGE;
	}
	return ST_OK;
}

static enum st chunk_emit(struct chunk *chunk)
{
	const struct operation_row *row = chunk->row;
	struct registry_agent_created created = {
		.agent = chunk->agent,
		.operation_id = row->operation.operation_id,
	};
	struct note note = {
		.operation = "agent.create",
		.user_id = row->principal,
		.parameters_hash = row->parameters_hash,
	};

	for (size_t i = 0; i < chunk->count; i++) {
		created.agent.identity.agent_id = chunk->ids[i];
		created.agent.identity.name = chunk->names[i];
		TRY(svc_emit_in(chunk->scope, &EVT_REGISTRY_AGENT_CREATED, &chunk->ids[i], &created,
				1));
	}
	return evidence_emit_agents(chunk->scope, &note, chunk->ids, chunk->count);
}

static void chunk_advance(const struct chunk *chunk)
{
	struct operation_row *row = chunk->row;
	struct registry_operation *operation = &row->operation;

	if (row->first_number == 0) {
		row->first_number = chunk->numbers[0];
		operation->first_agent_id = chunk->ids[0];
	}
	row->last_number = chunk->numbers[chunk->count - 1];
	operation->last_agent_id = chunk->ids[chunk->count - 1];
	operation->done += (int64_t)chunk->count;
	if (operation->done == operation->total) {
		operation->state = REGISTRY_OPERATION_STATE_FINISHED;
		operation->has_finished_at_ms = true;
		operation->finished_at_ms = chunk->scope->now_ms;
	}
}

static enum st chunk_write(struct chunk *chunk)
{
	TRY(chunk_name(chunk));
	TRY(store_agents_insert(chunk->scope->tx, &chunk->agent, chunk->numbers, chunk->names,
				chunk->count, chunk->row->principal));
	TRY(chunk_emit(chunk));
	chunk_advance(chunk);
	return ST_OK;
}

/* The plan is judged for every chunk: role, unit and constitution may have changed since. */
static enum st chunk_judge(struct chunk *chunk, struct problem *problem)
{
	const struct svc_scope *scope = chunk->scope;
	struct registry_batch_plan *plan = ARENA_NEW(scope->arena, struct registry_batch_plan);
	struct rules_loaded *loaded = ARENA_NEW(scope->arena, struct rules_loaded);

	if (!plan || !loaded)
		return ST_TOO_LARGE;
	TRY(proto_decode(&registry_batch_plan_type, chunk->row->plan, PROTO_UNKNOWN_REFUSED,
			 scope->arena, plan, problem));
	TRY(rules_load(scope->tx, scope->arena, plan->profile.role, plan->profile.unit, loaded));
	profile_complete(&plan->profile, plan->name_prefix, &loaded->rules, scope->now_ms,
			 &chunk->agent);
	chunk->name_prefix = plan->name_prefix;
	return profile_validate(&chunk->agent, &loaded->rules, "/profile", problem);
}

static enum st operation_fail(struct chunk *chunk, const struct problem *problem)
{
	struct registry_operation *operation = &chunk->row->operation;

	operation->state = REGISTRY_OPERATION_STATE_FAILED;
	operation->has_finished_at_ms = true;
	operation->finished_at_ms = chunk->scope->now_ms;
	operation->error_code = str_of(st_info(problem->st)->code);
	operation->error_detail =
		arena_printf(chunk->scope->arena, "%s %s", problem->pointer, problem->detail);
	return operation->error_detail.data ? ST_OK : ST_TOO_LARGE;
}

static enum st batch_step(const struct svc_scope *scope, struct operation_row *row)
{
	struct registry_operation *operation = &row->operation;
	int64_t left = operation->total - operation->done;
	struct chunk chunk = { .scope = scope, .row = row };
	struct problem problem = { 0 };

	ASSERT(left > 0);
	chunk.count = (size_t)(left < BATCH_CHUNK ? left : BATCH_CHUNK);
	enum st st = chunk_judge(&chunk, &problem);
	if (st != ST_OK && st_info(st)->kind != ST_KIND_REFUSAL)
		return st;
	if (st != ST_OK)
		TRY(operation_fail(&chunk, &problem));
	else
		TRY(chunk_write(&chunk));
	operation->updated_at_ms = scope->now_ms;
	TRY(store_operation_progress(scope->tx, row));
	return operation_emit(scope, operation);
}

enum st tick_batch(struct svc_tick_context *tick)
{
	struct svc_scope scope = svc_scope_of_tick(tick);
	struct operation_row row;
	bool found;

	TRY(store_operation_next(tick->tx, tick->arena, &row, &found));
	if (!found)
		return ST_OK;
	scope.trace_id = row.trace_id;
	tick->again = true;
	return batch_step(&scope, &row);
}
