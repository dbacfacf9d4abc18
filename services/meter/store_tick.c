/* store_tick.c: the tick's statements, each about a whole partition. */
#include "store.h"

enum st store_tick_due(struct db_tx *tx, struct arena *arena, int64_t wanted_ms, int64_t now_ms,
		       struct db_rows *ret)
{
	return db_query(tx, STATEMENT(TICK_DUE), arena, ret, DB_I64(wanted_ms), DB_I64(now_ms));
}

enum st store_tick_lead(struct db_tx *tx, struct arena *arena, int64_t partition,
			struct partition_state *ret, bool *ret_leads)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(TICK_LEAD), arena, &rows, DB_I64(partition)));
	*ret_leads = rows.count > 0;
	if (rows.count > 0)
		*ret = (struct partition_state){ .paid_through_ms = db_i64(&rows, 0, 0),
						 .join_ms = db_i64(&rows, 0, 1),
						 .has_new = db_bool(&rows, 0, 2) };
	return ST_OK;
}

enum st store_tick_lock(struct db_tx *tx, struct arena *arena, int64_t partition, bool new_only,
			struct account **ret, size_t *ret_count)
{
	struct db_rows rows;

	TRY(db_query(tx, new_only ? STATEMENT(TICK_LOCK_NEW) : STATEMENT(TICK_LOCK), arena, &rows,
		     DB_I64(partition)));
	struct account *accounts = ARENA_ARRAY(arena, struct account, rows.count);
	if (!accounts)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		accounts[i] = (struct account){ .id = db_i64(&rows, i, 0),
						.balance = db_i64(&rows, i, 1),
						.last_ms = db_i64(&rows, i, 2),
						.currency = db_i64(&rows, i, 3) };
	*ret = accounts;
	*ret_count = rows.count;
	return ST_OK;
}

static struct run_group group_at(const struct db_rows *rows, size_t i)
{
	return (struct run_group){
		.wallet = db_i64(rows, i, 0),
		.count = db_i64(rows, i, 2),
		.burn = db_i64(rows, i, 3),
		.cost = db_i64(rows, i, 4),
		.spent = db_i64(rows, i, 5),
		.until_ms_max = db_i64(rows, i, 6),
		.exceptional = db_bool(rows, i, 7),
		.more = db_i64(rows, i, 13),
		.job = { .job = db_i64(rows, i, 1),
			 .budget = db_i64(rows, i, 8),
			 .closed = db_i64(rows, i, 9),
			 .held = db_i64(rows, i, 10),
			 .expires_ms = db_i64(rows, i, 11),
			 .idle_ms = db_i64(rows, i, 12) },
	};
}

enum st store_tick_groups(struct db_tx *tx, struct arena *arena, int64_t partition,
			  int64_t paid_through_ms, int64_t next_ms, int64_t now_ms, bool new_only,
			  struct run_group **ret, size_t *ret_count)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(TICK_GROUPS), arena, &rows, DB_I64(partition),
		     DB_I64(paid_through_ms), DB_I64(next_ms), DB_I64(now_ms), DB_BOOL(new_only)));
	struct run_group *groups = ARENA_ARRAY(arena, struct run_group, rows.count);
	if (!groups)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		groups[i] = group_at(&rows, i);
	*ret = groups;
	*ret_count = rows.count;
	return ST_OK;
}

enum st store_tick_join(struct db_tx *tx, int64_t partition, const int64_t *wallets, size_t count)
{
	return db_write(tx, STATEMENT(TICK_JOIN), DB_ANY_ROWS, ST_INTERNAL, DB_I64(partition),
			DB_I64S(wallets, count));
}

enum st store_tick_charge(struct db_tx *tx, struct arena *arena, int64_t revenue,
			  const struct charge *charges, size_t count)
{
	int64_t *c[4];

	for (size_t k = 0; k < 4; k++) {
		c[k] = ARENA_ARRAY(arena, int64_t, count);
		if (!c[k])
			return ST_TOO_LARGE;
	}
	for (size_t i = 0; i < count; i++) {
		ASSERT(charges[i].amount > 0 && charges[i].balance >= 0);
		c[0][i] = charges[i].at_ms;
		c[1][i] = charges[i].account;
		c[2][i] = charges[i].amount;
		c[3][i] = charges[i].balance;
	}
	TRY(db_write(tx, STATEMENT(TICK_CHARGE), (int64_t)count, ST_INTERNAL, DB_I64(revenue),
		     DB_I64S(c[0], count), DB_I64S(c[1], count), DB_I64S(c[2], count),
		     DB_I64S(c[3], count)));
	return db_write(tx, STATEMENT(ACCOUNTS_MOVE), (int64_t)count, ST_INTERNAL,
			DB_I64S(c[1], count), DB_I64S(c[3], count), DB_I64S(c[0], count));
}

enum st store_tick_advance(struct db_tx *tx, int64_t partition, int64_t was_ms,
			   int64_t paid_through_ms, int64_t next_ms, int64_t join_ms)
{
	return db_write(tx, STATEMENT(TICK_ADVANCE), 1, ST_SERIALIZATION, DB_I64(partition),
			DB_I64(was_ms), DB_I64(paid_through_ms), DB_I64(next_ms), DB_I64(join_ms));
}

enum st store_meter_show(struct db_tx *tx, struct arena *arena, struct meter_meter_show_reply *ret)
{
	struct db_rows rows;

	TRY(db_query0(tx, STATEMENT(METER_SHOW), arena, &rows));
	struct meter_meter_partition *items =
		ARENA_ARRAY(arena, struct meter_meter_partition, rows.count);
	if (!items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++) {
		items[i] = (struct meter_meter_partition){ .partition = db_i64(&rows, i, 0),
							   .paid_through_ms = db_i64(&rows, i, 1),
							   .next_at_ms = db_i64(&rows, i, 2),
							   .running = db_i64(&rows, i, 3) };
		ret->running += items[i].running;
		ret->wallets_burning += db_i64(&rows, i, 4);
		if (i == 0 || items[i].paid_through_ms < ret->paid_through_oldest_ms)
			ret->paid_through_oldest_ms = items[i].paid_through_ms;
	}
	ret->partitions.items = items;
	ret->partitions.count = rows.count;
	return ST_OK;
}
