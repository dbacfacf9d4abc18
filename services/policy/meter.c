/* meter.c: what agents used up of daily caps and of rates. All meters change under one lock, the
 * row of meter_clock, taken by a batch when it first needs one and held until it commits; so two
 * decisions never pass a cap together, in whichever processes they are made. A worker remembers the
 * meters and, when it takes the lock, reads only those that others changed since. */
#include <stdlib.h>

#include "service.h"

#define DAY_MS INT64_C(86400000)

int64_t day_of(int64_t now_ms)
{
	return now_ms - now_ms % DAY_MS;
}

void meters_forget(struct policy_service *policy)
{
	memset(policy->meters, 0, METERS_MAX * sizeof(*policy->meters));
	policy->meter_count = 0;
	policy->meter_stamp = 0;
	policy->dirty_count = 0;
	policy->change_count = 0;
	policy->meters_locked = false;
}

/* The kind's hash stands for it: 64 bits of FNV among a few kinds of one agent. */
static struct meter *meter_place(struct policy_service *policy, int64_t number, struct str kind)
{
	uint64_t hash = tool_hash(kind);
	uint64_t at = (hash ^ (uint64_t)number * UINT64_C(0x9e3779b97f4a7c15)) >> 20;

	for (;; at++) {
		struct meter *meter = &policy->meters[at & (METERS_MAX - 1)];
		if (meter->kind_hash == 0) {
			*meter = (struct meter){ .number = number, .kind_hash = hash };
			policy->meter_count++;
			return meter;
		}
		if (meter->number == number && meter->kind_hash == hash)
			return meter;
	}
}

enum st meters_lock(const struct svc_scope *scope, struct policy_service *policy)
{
	struct db_rows clock, rows;

	if (policy->meters_locked)
		return ST_OK;
	TRY(db_query0(scope->tx, &policy_statements[POL_METER_LOCK], scope->arena, &clock));
	if (clock.count != 1)
		return ST_INTERNAL;
	int64_t stamp = db_i64(&clock, 0, 0);
	if (stamp != policy->meter_stamp + 1) {
		TRY(db_query(scope->tx, &policy_statements[POL_METERS_SINCE], scope->arena, &rows,
			     DB_I64(policy->meter_stamp)));
		if (policy->meter_count + rows.count > METERS_MAX / 2)
			return ST_TOO_LARGE;
		for (size_t i = 0; i < rows.count; i++) {
			struct meter *meter =
				meter_place(policy, db_i64(&rows, i, 0), db_text(&rows, i, 1));
			meter->window_ms = db_i64(&rows, i, 2);
			meter->used = db_i64(&rows, i, 3);
		}
	}
	policy->meter_stamp = stamp;
	policy->meters_locked = true;
	return ST_OK;
}

enum st meter_get(const struct svc_scope *scope, struct policy_service *policy, int64_t number,
		  struct str kind, int64_t window_ms, struct meter **ret)
{
	struct meter *meter;

	TRY(meters_lock(scope, policy));
	if (policy->meter_count >= METERS_MAX / 2 ||
	    policy->dirty_count == sizeof(policy->dirty) / sizeof(policy->dirty[0]) ||
	    policy->change_count == sizeof(policy->changes) / sizeof(policy->changes[0]))
		return ST_TOO_LARGE;
	meter = meter_place(policy, number, kind);
	if (meter->window_ms != window_ms) {
		meter->window_ms = window_ms;
		meter->used = 0;
	}
	meter->kind = kind;
	*ret = meter;
	return ST_OK;
}

void meter_add(struct policy_service *policy, struct meter *meter, int64_t amount)
{
	if (amount < -meter->used)
		amount = -meter->used;
	meter->used += amount;
	policy->changes[policy->change_count++] = (struct meter_change){ meter, amount };
	if (meter->dirty)
		return;
	meter->dirty = true;
	policy->dirty[policy->dirty_count++] = meter;
}

void meters_undo(struct policy_service *policy, size_t count)
{
	while (policy->change_count > count) {
		const struct meter_change *change = &policy->changes[--policy->change_count];
		change->meter->used -= change->amount;
	}
}

enum st meters_write(const struct svc_scope *scope, struct policy_service *policy)
{
	size_t count = policy->dirty_count;
	int64_t *numbers = ARENA_ARRAY(scope->arena, int64_t, count);
	int64_t *windows = ARENA_ARRAY(scope->arena, int64_t, count);
	int64_t *used = ARENA_ARRAY(scope->arena, int64_t, count);
	struct str *kinds = ARENA_ARRAY(scope->arena, struct str, count);

	if (count == 0)
		return ST_OK;
	if (!numbers || !windows || !used || !kinds)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		struct meter *meter = policy->dirty[i];
		numbers[i] = meter->number;
		windows[i] = meter->window_ms;
		used[i] = meter->used;
		kinds[i] = meter->kind;
		meter->dirty = false;
	}
	policy->dirty_count = 0;
	/* Each row is put in place of its own: they are as many, and need not be counted. */
	return db_write(scope->tx, &policy_statements[POL_METERS_PUT], DB_ANY_ROWS, ST_INTERNAL,
			DB_I64S(numbers, count), DB_TEXTS(kinds, count), DB_I64S(windows, count),
			DB_I64S(used, count), DB_I64(policy->meter_stamp));
}
