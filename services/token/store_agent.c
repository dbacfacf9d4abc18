/* store_agent.c: what the registry's events say about agents, roles and kill orders. */
#include <assert.h>

#include "clock.h"
#include "store.h"

#define STATEMENT(name) (&token_statements[TOK_##name])

static_assert(REGISTRY_AGENT_STATE_PENDING == 1 && REGISTRY_AGENT_STATE_ACTIVE == 2 &&
		      REGISTRY_AGENT_STATE_PAUSED == 3 && REGISTRY_AGENT_STATE_TERMINATED == 4,
	      "states are kept by their number");
static_assert(REGISTRY_KILL_SCOPE_KIND_AGENT == 1 && REGISTRY_KILL_SCOPE_KIND_ROLE == 2 &&
		      REGISTRY_KILL_SCOPE_KIND_TIER == 3 && REGISTRY_KILL_SCOPE_KIND_UNIT == 4 &&
		      REGISTRY_KILL_SCOPE_KIND_FLEET == 5,
	      "kinds are kept by their number");

enum st store_agent_put(struct db_tx *tx, const struct registry_agent *agent, int64_t number,
			int64_t sequence)
{
	return db_write(tx, STATEMENT(AGENT_PUT), 1, ST_INTERNAL, DB_I64(number),
			DB_TEXT(agent->identity.role), DB_I32(agent->identity.tier),
			DB_TEXT(agent->identity.unit), DB_I32(agent->identity.status),
			DB_TEXTS(agent->capability.capability_scopes.items,
				 agent->capability.capability_scopes.count),
			DB_I64(sequence));
}

enum st store_agent_state(struct db_tx *tx, int64_t number, enum registry_agent_state state)
{
	return db_write(tx, STATEMENT(AGENT_STATE), DB_ANY_ROWS, ST_INTERNAL, DB_I64(number),
			DB_I32(state), DB_I64(TIME_MS_MAX));
}

enum st store_role_put(struct db_tx *tx, const struct registry_role *role)
{
	return db_write(tx, STATEMENT(ROLE_PUT), 1, ST_INTERNAL, DB_TEXT(role->name),
			DB_TEXTS(role->template.capability_scopes.items,
				 role->template.capability_scopes.count));
}

enum st store_kill_insert(struct db_tx *tx, const struct kill_rule *rule)
{
	return db_write(tx, STATEMENT(KILL_INSERT), 1, ST_CONFLICT, DB_TEXT(rule->kill_id),
			DB_I32(rule->kind), DB_I64(rule->number), DB_TEXT(rule->text),
			DB_I64(rule->sequence));
}

enum st store_kill_agents(struct db_tx *tx, struct arena *arena, const struct kill_rule *rule,
			  int64_t **ret, size_t *ret_count)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(KILL_AGENTS), arena, &rows, DB_I32(rule->kind),
		     DB_I64(rule->number), DB_TEXT(rule->text), DB_I64(rule->sequence)));
	int64_t *numbers = ARENA_ARRAY(arena, int64_t, rows.count);
	if (!numbers)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		numbers[i] = db_i64(&rows, i, 0);
	*ret = numbers;
	*ret_count = rows.count;
	return ST_OK;
}
