/* store_inventory.c: pages and counts. One statement for each sort and direction, planned anew for
 * the filter at hand. */
#include "store.h"

#define STATEMENT(name) (&registry_statements[REG_##name])

enum {
	S_NUMBER,
	S_NAME,
	S_ROLE,
	S_TIER,
	S_UNIT,
	S_OWNER,
	S_STATE,
	S_THROTTLED,
	S_VERSION,
	S_SCORE,
	S_CREATED,
	S_CAPABILITIES,
	S_SCOPES,
	S_TOOLS,
	S_CONSTITUTION,
	S_APPROVED_BY,
};

#define FILTER_COUNT 9

static void filter_values(const struct agent_filter *filter, struct str in_force,
			  struct db_value ret[FILTER_COUNT])
{
	const struct db_value values[FILTER_COUNT] = {
		DB_TEXT(filter->role),
		DB_I32(filter->tier),
		DB_TEXT(filter->unit),
		DB_I32(filter->state),
		DB_TEXT(filter->owner),
		DB_F64(filter->score_min),
		DB_F64(filter->score_max),
		DB_TEXT(filter->capability),
		DB_TEXT(filter->must_restart ? in_force : STR("")),
	};

	memcpy(ret, values, sizeof(values));
}

static enum st plan_for_values(struct db_tx *tx, struct arena *arena)
{
	struct db_rows rows;

	return db_query0(tx, STATEMENT(CUSTOM_PLANS), arena, &rows);
}

#define LIST_AT(list, rows, row, column)                                                           \
	((list).items = (struct str *)db_at((rows), (row), (column))->items,                       \
	 (list).count = db_at((rows), (row), (column))->count)

static enum st summary_read(const struct db_rows *rows, size_t row, struct arena *arena,
			    struct registry_agent_summary *ret)
{
	*ret = (struct registry_agent_summary){
		.agent_id = agent_id_of(db_i64(rows, row, S_NUMBER), arena),
		.name = db_text(rows, row, S_NAME),
		.role = db_text(rows, row, S_ROLE),
		.tier = db_i64(rows, row, S_TIER),
		.unit = db_text(rows, row, S_UNIT),
		.owner = db_text(rows, row, S_OWNER),
		.state = (enum registry_agent_state)db_i64(rows, row, S_STATE),
		.throttled = db_bool(rows, row, S_THROTTLED),
		.version = db_text(rows, row, S_VERSION),
		.score = db_f64(rows, row, S_SCORE),
		.created_ms = db_i64(rows, row, S_CREATED),
		.constitution_hash = db_text(rows, row, S_CONSTITUTION),
	};
	LIST_AT(ret->capabilities, rows, row, S_CAPABILITIES);
	LIST_AT(ret->capability_scopes, rows, row, S_SCOPES);
	LIST_AT(ret->tools, rows, row, S_TOOLS);
	if (!db_is_null(rows, row, S_APPROVED_BY))
		ret->approved_by = db_text(rows, row, S_APPROVED_BY);
	return ret->agent_id.data ? ST_OK : ST_TOO_LARGE;
}

static enum st page_read(const struct db_rows *rows, struct arena *arena, struct agent_page *ret)
{
	struct agent_page page = {
		.items = ARENA_ARRAY(arena, struct registry_agent_summary, rows->count),
		.numbers = ARENA_ARRAY(arena, int64_t, rows->count),
		.count = rows->count,
	};

	if (!page.items || !page.numbers)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows->count; i++) {
		page.numbers[i] = db_i64(rows, i, S_NUMBER);
		TRY(summary_read(rows, i, arena, &page.items[i]));
	}
	*ret = page;
	return ST_OK;
}

static const struct db_statement *list_statement(const struct cursor *cursor)
{
	bool down = cursor->order == REGISTRY_SORT_ORDER_DESCENDING;

	switch (cursor->sort) {
	case REGISTRY_AGENT_SORT_NAME:
		return down ? STATEMENT(LIST_NAME_DESC) : STATEMENT(LIST_NAME_ASC);
	case REGISTRY_AGENT_SORT_SCORE:
		return down ? STATEMENT(LIST_SCORE_DESC) : STATEMENT(LIST_SCORE_ASC);
	case REGISTRY_AGENT_SORT_CREATED:
		return down ? STATEMENT(LIST_CREATED_DESC) : STATEMENT(LIST_CREATED_ASC);
	case REGISTRY_AGENT_SORT_ID:
	case REGISTRY_AGENT_SORT_NONE:
		break;
	}
	return down ? STATEMENT(LIST_ID_DESC) : STATEMENT(LIST_ID_ASC);
}

static size_t key_value(const struct cursor *cursor, struct db_value *ret)
{
	switch (cursor->sort) {
	case REGISTRY_AGENT_SORT_NAME:
		*ret = DB_TEXT(cursor->name);
		return 1;
	case REGISTRY_AGENT_SORT_SCORE:
		*ret = DB_F64(cursor->score);
		return 1;
	case REGISTRY_AGENT_SORT_CREATED:
		*ret = DB_I64(cursor->created_ms);
		return 1;
	case REGISTRY_AGENT_SORT_ID:
	case REGISTRY_AGENT_SORT_NONE:
		break;
	}
	return 0;
}

enum st store_agent_list(struct db_tx *tx, struct arena *arena, const struct agent_filter *filter,
			 struct str in_force, const struct cursor *cursor, int64_t limit,
			 struct agent_page *ret)
{
	struct db_value values[FILTER_COUNT + 4];
	struct db_rows rows;
	size_t count = FILTER_COUNT;

	filter_values(filter, in_force, values);
	values[count++] = DB_BOOL(cursor->number == 0);
	values[count++] = DB_I64(cursor->number);
	values[count++] = DB_I64(limit);
	count += key_value(cursor, &values[count]);
	TRY(plan_for_values(tx, arena));
	TRY(db_query_(tx, list_statement(cursor), arena, &rows, values, count));
	return page_read(&rows, arena, ret);
}

enum st store_agent_count(struct db_tx *tx, struct arena *arena, const struct agent_filter *filter,
			  struct str in_force, int64_t *ret)
{
	struct db_value values[FILTER_COUNT];
	struct db_rows rows;

	filter_values(filter, in_force, values);
	TRY(plan_for_values(tx, arena));
	TRY(db_query_(tx, STATEMENT(AGENT_COUNT), arena, &rows, values, FILTER_COUNT));
	*ret = db_i64(&rows, 0, 0);
	return ST_OK;
}

enum st store_must_restart(struct db_tx *tx, struct arena *arena, struct str in_force,
			   int64_t limit, struct str **ret_ids, size_t *ret_count)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(MUST_RESTART), arena, &rows, DB_TEXT(in_force), DB_I64(limit)));
	struct str *ids = ARENA_ARRAY(arena, struct str, rows.count);
	if (!ids)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++) {
		ids[i] = agent_id_of(db_i64(&rows, i, 0), arena);
		if (!ids[i].data)
			return ST_TOO_LARGE;
	}
	*ret_ids = ids;
	*ret_count = rows.count;
	return ST_OK;
}
