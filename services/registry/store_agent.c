/* store_agent.c: agents, their versions and their changes of state. */
#include <assert.h>

#include "id.h"
#include "store.h"

#define STATEMENT(name) (&registry_statements[REG_##name])

static_assert(REGISTRY_AGENT_STATE_PENDING == 1 && REGISTRY_AGENT_STATE_ACTIVE == 2 &&
		      REGISTRY_AGENT_STATE_PAUSED == 3 && REGISTRY_AGENT_STATE_TERMINATED == 4,
	      "states are kept by their number");
static_assert(REGISTRY_EARNING_MODEL_REVENUE_SHARE == 1 && REGISTRY_EARNING_MODEL_HYBRID == 3,
	      "earning models are kept by their number");

/* Columns of PROFILE after the number, then of CONDITION, in their order. */
enum {
	A_NUMBER,
	A_NAME,
	A_ROLE,
	A_TIER,
	A_VERSION,
	A_CREATED,
	A_OWNER,
	A_UNIT,
	A_CAPABILITIES,
	A_SCOPES,
	A_CAN_SEND_TO,
	A_NEVER_SENDS,
	A_MAX_SPEND,
	A_CURRENCY,
	A_FLOOR,
	A_CONSTITUTION,
	A_INVARIANTS,
	A_AUDIT_CHAIN,
	A_SCORE,
	A_EARNING_MODEL,
	A_SHARE,
	A_SETTLEMENT,
	A_LIFETIME_REVENUE,
	A_COST_TO_DATE,
	A_STATE,
	A_THROTTLED,
	A_PAUSED_AUTOMATICALLY,
	A_CHANGED,
	A_REASON,
	A_APPROVED_BY,
	A_COUNT,
};

struct str agent_id_of(int64_t number, struct arena *arena)
{
	char text[AGENT_ID_TEXT_SIZE];

	agent_id_format(number, text);
	return arena_copy(arena, str_of(text));
}

enum st store_lock(struct db_tx *tx, struct arena *arena, int64_t lock)
{
	struct db_rows rows;

	return db_query(tx, STATEMENT(LOCK), arena, &rows, DB_I64(lock));
}

/* Calls lock agents in the order they come, and a kill order many: who waits for nobody cannot be
 * in a circle with them. */
enum st store_agents_heads(struct db_tx *tx, const int64_t *numbers, const struct str *heads,
			   size_t count)
{
	return db_write(tx, STATEMENT(AGENT_HEADS), DB_ANY_ROWS, ST_INTERNAL,
			DB_I64S(numbers, count), DB_TEXTS(heads, count));
}

enum st store_agent_numbers(struct db_tx *tx, struct arena *arena, int64_t *ret, size_t count)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(AGENT_NUMBERS), arena, &rows, DB_I64((int64_t)count),
		     DB_I64(REGISTRY_LOCK_AGENTS)));
	if (rows.count != count)
		return ST_INTERNAL;
	for (size_t i = 0; i < count; i++)
		ret[i] = db_i64(&rows, i, 0);
	return ST_OK;
}

enum st store_agents_insert(struct db_tx *tx, const struct registry_agent *agent,
			    const int64_t *numbers, const struct str *names, size_t count,
			    struct str changed_by)
{
	const struct registry_agent_identity *identity = &agent->identity;
	const struct registry_agent_capability *capability = &agent->capability;
	const struct registry_agent_governance *governance = &agent->governance;
	const struct registry_agent_revenue *revenue = &agent->revenue;

	ASSERT(identity->status == REGISTRY_AGENT_STATE_PENDING);
	ASSERT(str_is(identity->version, "1.0.0") && governance->kill_switch);
	return db_write(
		tx, STATEMENT(AGENT_INSERT_MANY), (int64_t)count, ST_INTERNAL,
		DB_I64S(numbers, count), DB_TEXTS(names, count), DB_TEXT(identity->role),
		DB_I32(identity->tier), DB_I64(identity->created_ms), DB_TEXT(identity->owner),
		DB_TEXT(identity->unit),
		DB_TEXTS(capability->capability_scopes.items, capability->capability_scopes.count),
		DB_TEXTS(capability->can_send_to.items, capability->can_send_to.count),
		DB_TEXTS(capability->never_sends.items, capability->never_sends.count),
		DB_I64(capability->max_spend_per_day.micros),
		DB_TEXT(str_of(capability->max_spend_per_day.currency)),
		DB_F64(capability->output_confidence_floor), DB_TEXT(governance->constitution_hash),
		DB_TEXTS(governance->invariants_enforced.items,
			 governance->invariants_enforced.count),
		DB_I32(revenue->earning_model), DB_I64(revenue->revenue_share_pct),
		DB_TEXT(revenue->settlement_account), DB_TEXT(changed_by));
}

/* Reading */

static struct str text_or_null(const struct db_rows *rows, size_t row, size_t column)
{
	return db_is_null(rows, row, column) ? (struct str){ 0 } : db_text(rows, row, column);
}

static struct money money_at(const struct db_rows *rows, size_t row, size_t column)
{
	struct money money = { .micros = db_i64(rows, row, column) };
	bool fits =
		str_copy(db_text(rows, row, A_CURRENCY), money.currency, sizeof(money.currency));

	ASSERT(fits);
	return money;
}

#define LIST_AT(list, rows, row, column)                                                           \
	((list).items = (struct str *)db_at((rows), (row), (column))->items,                       \
	 (list).count = db_at((rows), (row), (column))->count)

static void capability_read(const struct db_rows *rows, size_t row,
			    struct registry_agent_capability *ret)
{
	LIST_AT(ret->capabilities, rows, row, A_CAPABILITIES);
	LIST_AT(ret->capability_scopes, rows, row, A_SCOPES);
	LIST_AT(ret->can_send_to, rows, row, A_CAN_SEND_TO);
	LIST_AT(ret->never_sends, rows, row, A_NEVER_SENDS);
	ret->max_spend_per_day = money_at(rows, row, A_MAX_SPEND);
	ret->output_confidence_floor = db_f64(rows, row, A_FLOOR);
}

static void governance_read(const struct db_rows *rows, size_t row,
			    struct registry_agent_governance *ret)
{
	ret->constitution_hash = db_text(rows, row, A_CONSTITUTION);
	LIST_AT(ret->invariants_enforced, rows, row, A_INVARIANTS);
	ret->kill_switch = true;
	ret->audit_chain = db_text(rows, row, A_AUDIT_CHAIN);
	ret->behaviour_score = db_f64(rows, row, A_SCORE);
}

static void revenue_read(const struct db_rows *rows, size_t row, struct registry_agent_revenue *ret)
{
	ret->earning_model = (enum registry_earning_model)db_i64(rows, row, A_EARNING_MODEL);
	ret->revenue_share_pct = db_i64(rows, row, A_SHARE);
	ret->settlement_account = db_text(rows, row, A_SETTLEMENT);
	ret->lifetime_revenue = money_at(rows, row, A_LIFETIME_REVENUE);
	ret->cost_to_date = money_at(rows, row, A_COST_TO_DATE);
}

static enum st agent_read(const struct db_rows *rows, size_t row, struct arena *arena,
			  struct registry_agent *ret)
{
	struct registry_agent agent = { 0 };

	ASSERT(rows->columns == A_COUNT);
	agent.identity = (struct registry_agent_identity){
		.agent_id = agent_id_of(db_i64(rows, row, A_NUMBER), arena),
		.name = db_text(rows, row, A_NAME),
		.role = db_text(rows, row, A_ROLE),
		.tier = db_i64(rows, row, A_TIER),
		.version = db_text(rows, row, A_VERSION),
		.created_ms = db_i64(rows, row, A_CREATED),
		.status = (enum registry_agent_state)db_i64(rows, row, A_STATE),
		.owner = db_text(rows, row, A_OWNER),
		.unit = db_text(rows, row, A_UNIT),
	};
	if (!agent.identity.agent_id.data)
		return ST_TOO_LARGE;
	capability_read(rows, row, &agent.capability);
	governance_read(rows, row, &agent.governance);
	revenue_read(rows, row, &agent.revenue);
	agent.lifecycle = (struct registry_agent_lifecycle){
		.throttled = db_bool(rows, row, A_THROTTLED),
		.paused_automatically = db_bool(rows, row, A_PAUSED_AUTOMATICALLY),
		.changed_at_ms = db_i64(rows, row, A_CHANGED),
		.reason = text_or_null(rows, row, A_REASON),
		.approved_by = text_or_null(rows, row, A_APPROVED_BY),
	};
	*ret = agent;
	return ST_OK;
}

static enum st agent_first(const struct db_rows *rows, struct arena *arena,
			   struct registry_agent *ret, bool *ret_found)
{
	if (rows->count > 0)
		TRY(agent_read(rows, 0, arena, ret));
	*ret_found = rows->count > 0;
	return ST_OK;
}

enum st store_agent_get(struct db_tx *tx, struct arena *arena, int64_t number,
			struct registry_agent *ret, bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(AGENT_GET), arena, &rows, DB_I64(number)));
	return agent_first(&rows, arena, ret, ret_found);
}

enum st store_agent_lock(struct db_tx *tx, struct arena *arena, int64_t number,
			 struct registry_agent *ret, bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(AGENT_LOCK), arena, &rows, DB_I64(number)));
	return agent_first(&rows, arena, ret, ret_found);
}

enum st store_agent_as_of(struct db_tx *tx, struct arena *arena, int64_t number, int64_t as_of_ms,
			  struct registry_agent *ret, bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(AGENT_AS_OF), arena, &rows, DB_I64(number), DB_I64(as_of_ms)));
	return agent_first(&rows, arena, ret, ret_found);
}

/* Changing */

enum st store_agent_update(struct db_tx *tx, int64_t number, const struct registry_agent *agent,
			   int64_t now_ms, struct str changed_by)
{
	const struct registry_agent_identity *identity = &agent->identity;
	const struct registry_agent_capability *capability = &agent->capability;
	const struct registry_agent_governance *governance = &agent->governance;
	const struct registry_agent_revenue *revenue = &agent->revenue;

	TRY(db_write(
		tx, STATEMENT(AGENT_UPDATE), 1, ST_CONFLICT, DB_I64(number),
		DB_TEXT(identity->name), DB_TEXT(identity->role), DB_I32(identity->tier),
		DB_TEXT(identity->version), DB_TEXT(identity->owner), DB_TEXT(identity->unit),
		DB_TEXTS(capability->capability_scopes.items, capability->capability_scopes.count),
		DB_TEXTS(capability->can_send_to.items, capability->can_send_to.count),
		DB_TEXTS(capability->never_sends.items, capability->never_sends.count),
		DB_I64(capability->max_spend_per_day.micros),
		DB_TEXT(str_of(capability->max_spend_per_day.currency)),
		DB_F64(capability->output_confidence_floor), DB_TEXT(governance->constitution_hash),
		DB_TEXTS(governance->invariants_enforced.items,
			 governance->invariants_enforced.count),
		DB_I32(revenue->earning_model), DB_I64(revenue->revenue_share_pct),
		DB_TEXT(revenue->settlement_account)));
	return db_write(tx, STATEMENT(AGENT_VERSION_ADD), 1, ST_INTERNAL, DB_I64(number),
			DB_I64(now_ms), DB_TEXT(changed_by));
}

enum st store_agent_versions(struct db_tx *tx, struct arena *arena, int64_t number,
			     int64_t before_ms, int64_t limit,
			     struct registry_agent_versions_reply *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(AGENT_VERSIONS), arena, &rows, DB_I64(number), DB_I64(before_ms),
		     DB_I64(limit)));
	ret->versions.items = arena_array(arena, rows.count, sizeof(*ret->versions.items));
	if (!ret->versions.items)
		return ST_TOO_LARGE;
	ret->versions.count = rows.count;
	for (size_t i = 0; i < rows.count; i++)
		ret->versions.items[i] = (struct registry_agent_version){
			.version = db_text(&rows, i, 0),
			.valid_from_ms = db_i64(&rows, i, 1),
			.changed_by = db_text(&rows, i, 2),
		};
	return ST_OK;
}

enum st store_transition(struct db_tx *tx, const struct transition *transition)
{
	const struct agent_condition *to = &transition->to;

	TRY(db_write(tx, STATEMENT(AGENT_SET_CONDITION), 1, ST_CONFLICT, DB_I64(transition->number),
		     DB_I32(transition->from), DB_I32(to->state), DB_BOOL(to->throttled),
		     DB_BOOL(to->paused_automatically), DB_I64(transition->at_ms),
		     DB_TEXT(transition->reason), DB_TEXT_OR_NULL(transition->approved_by)));
	return db_write(tx, STATEMENT(AGENT_TRANSITION_ADD), 1, ST_INTERNAL,
			DB_I64(transition->number), DB_I32(transition->from), DB_I32(to->state),
			DB_BOOL(to->throttled), DB_BOOL(to->paused_automatically),
			DB_I64(transition->at_ms), DB_TEXT(transition->reason),
			DB_TEXT_OR_NULL(transition->approved_by), DB_TEXT(transition->by));
}
