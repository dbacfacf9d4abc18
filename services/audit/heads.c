/* heads.c: which chains moved, told to who keeps agents. Where the index is, table `chain` has each
 * head once however often it moved; behind it the records say it themselves. What a tick tells is
 * bounded; all chains have their turn, so the busiest do not keep others from it, nor are kept. */
#include "service.h"

#define HEADS_A_TICK 2000 /* and positions behind the index */
#define HEADS_AN_EVENT 200

static enum st heads_emit(struct svc_tick_context *tick, const struct audit_moved *moved,
			  size_t count)
{
	struct svc_scope scope = svc_scope_of_tick(tick);
	size_t events = (count + HEADS_AN_EVENT - 1) / HEADS_AN_EVENT;
	struct audit_heads_moved *data = ARENA_ARRAY(tick->arena, struct audit_heads_moved, events);
	struct audit_chain_head *heads = ARENA_ARRAY(tick->arena, struct audit_chain_head, count);
	struct str *subjects = ARENA_ARRAY(tick->arena, struct str, events);

	if (count == 0)
		return ST_OK;
	if (!data || !heads || !subjects)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		char *text = ARENA_ARRAY(tick->arena, char, HASH_TEXT_SIZE);

		if (!text)
			return ST_TOO_LARGE;
		hash_to_text(&moved[i].head, text);
		heads[i] = (struct audit_chain_head){ moved[i].agent_id, str_of(text) };
	}
	for (size_t i = 0; i < events; i++) {
		size_t from = i * HEADS_AN_EVENT, left = count - from;

		data[i].heads.items = heads + from;
		data[i].heads.count = left < HEADS_AN_EVENT ? left : HEADS_AN_EVENT;
		subjects[i] = STR("chains");
	}
	return svc_emit_in(&scope, &EVT_AUDIT_HEADS_MOVED, subjects, data, events);
}

/* Where the telling stands. pass_to 0: no pass over the chains is under way. */
struct told {
	int64_t position, pass_to;
	struct str pass_after;
};

/* The next chains of the pass. */
static enum st pass_tell(struct svc_tick_context *tick, struct told *told)
{
	struct audit_moved *moved = ARENA_ARRAY(tick->arena, struct audit_moved, HEADS_A_TICK);
	struct db_rows rows;

	TRY(db_query(tick->tx, &audit_statements[AUDIT_CHAIN_MOVED], tick->arena, &rows,
		     DB_I64(told->position), DB_TEXT(told->pass_after), DB_I64(HEADS_A_TICK)));
	if (!moved)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++) {
		struct str head = db_text(&rows, i, 1);

		if (head.size != HASH_BYTES)
			return ST_LOG_DAMAGED;
		moved[i].agent_id = db_text(&rows, i, 0);
		memcpy(moved[i].head.bytes, head.data, HASH_BYTES);
	}
	if (rows.count == HEADS_A_TICK) {
		told->pass_after = moved[rows.count - 1].agent_id;
	} else {
		told->position = told->pass_to;
		told->pass_to = 0;
		told->pass_after = STR("");
	}
	return heads_emit(tick, moved, rows.count);
}

static enum st tail_tell(struct svc_tick_context *tick, int64_t from, int64_t to)
{
	struct audit_moved *moved = ARENA_ARRAY(tick->arena, struct audit_moved, HEADS_A_TICK);
	struct db_rows rows;
	size_t count;

	if (!moved)
		return ST_TOO_LARGE;
	TRY(db_query(tick->tx, &audit_statements[AUDIT_INDEX_READ], tick->arena, &rows,
		     DB_I64(from), DB_I64(to)));
	if (rows.count == 0)
		return ST_OK;
	TRY(audit_moved_of(tick, &rows, moved, &count));
	return heads_emit(tick, moved, count);
}

enum st audit_tick_heads(struct svc_tick_context *tick)
{
	struct db_rows rows;
	int64_t size, indexed;

	TRY(db_query0(tick->tx, &audit_statements[AUDIT_HEADS_TOLD], tick->arena, &rows));
	if (rows.count != 1)
		return ST_LOG_DAMAGED;
	struct told told = { db_i64(&rows, 0, 0), db_i64(&rows, 0, 1), db_text(&rows, 0, 2) };
	size = db_i64(&rows, 0, 3);
	if (told.position >= size)
		return ST_OK;
	TRY(audit_indexed_to(tick->tx, tick->arena, &indexed));
	if (told.pass_to > 0 || told.position < indexed) {
		if (told.pass_to == 0)
			told.pass_to = indexed;
		TRY(pass_tell(tick, &told));
		tick->again = told.pass_to == 0 && told.position < size;
	} else {
		int64_t to =
			size - told.position > HEADS_A_TICK ? told.position + HEADS_A_TICK : size;

		TRY(tail_tell(tick, told.position, to));
		told.position = to;
	}
	return db_write(tick->tx, &audit_statements[AUDIT_HEADS_TELL], 1, ST_CONFLICT,
			DB_I64(told.position), DB_I64(told.pass_to), DB_TEXT(told.pass_after));
}
