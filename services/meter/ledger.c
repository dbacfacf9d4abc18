/* ledger.c: money moves in the open transaction. */
#include <stdlib.h>

#include "handlers.h"

#define MONTH_AHEAD_MS (INT64_C(20) * 86400000)

enum st ledger_begin(const struct svc_scope *scope, struct meter_service *meter)
{
	meter->ledger.holds = false;
	meter->ledger.delta_count = 0;
	known_begin(&meter->known, db_tx_connection(scope->tx));
	if (scope->now_ms < meter->month_until_ms)
		return ST_OK;
	TRY(store_month_ensure(scope->tx, scope->arena, scope->now_ms));
	TRY(store_month_ensure(scope->tx, scope->arena, scope->now_ms + MONTH_AHEAD_MS));
	/* Whoever reads this number and finds it later has both months; a month is longer. */
	meter->month_until_ms = scope->now_ms + MONTH_AHEAD_MS / 2;
	return ST_OK;
}

static int delta_order(const void *a, const void *b)
{
	int64_t x = ((const struct system_delta *)a)->account;
	int64_t y = ((const struct system_delta *)b)->account;

	return x < y ? -1 : x > y;
}

enum st ledger_flush(const struct svc_scope *scope, struct meter_service *meter)
{
	struct ledger *ledger = &meter->ledger;

	if (ledger->delta_count == 0)
		return ST_OK;
	qsort(ledger->deltas, ledger->delta_count, sizeof(ledger->deltas[0]), delta_order);
	enum st st =
		store_system_move(scope->tx, scope->arena, ledger->deltas, ledger->delta_count);
	ledger->delta_count = 0;
	return st;
}

enum st ledger_owe(struct ledger *ledger, int64_t account, int64_t amount)
{
	for (size_t i = 0; i < ledger->delta_count; i++) {
		struct system_delta *delta = &ledger->deltas[i];
		if (delta->account != account)
			continue;
		if ((amount > 0 && delta->amount > INT64_MAX - amount) ||
		    (amount < 0 && delta->amount < INT64_MIN - amount))
			return ST_BALANCE_OVERFLOW;
		delta->amount += amount;
		return ST_OK;
	}
	if (ledger->delta_count == METER_DELTAS_MAX)
		return ST_TOO_LARGE;
	ledger->deltas[ledger->delta_count++] = (struct system_delta){ account, amount };
	return ST_OK;
}

static int id_order(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

enum st ledger_lock(const struct svc_scope *scope, struct meter_service *meter, const int64_t *ids,
		    size_t count, struct account **ret, size_t *ret_count)
{
	int64_t *sorted = ARENA_ARRAY(scope->arena, int64_t, count);
	size_t n = 0, unique = 0;

	if (!sorted)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++)
		if (!account_is_system(ids[i]))
			sorted[n++] = ids[i];
	qsort(sorted, n, sizeof(*sorted), id_order);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || sorted[i] != sorted[i - 1])
			sorted[unique++] = sorted[i];
	bool wait = !meter->ledger.holds;
	meter->ledger.holds = true;
	return store_accounts_lock(scope->tx, scope->arena, sorted, unique, wait, ret, ret_count);
}

enum st ledger_lock_wallet(const struct svc_scope *scope, struct meter_service *meter,
			   int64_t wallet, struct account **ret)
{
	int64_t ids[2] = { account_available(wallet), account_held(wallet) };
	size_t count;

	TRY(ledger_lock(scope, meter, ids, 2, ret, &count));
	return count == 2 ? ST_OK : ST_INTERNAL;
}

enum st ledger_write(const struct svc_scope *scope, struct meter_service *meter,
		     struct account *accounts, size_t account_count, struct posting *postings,
		     size_t count)
{
	TRY(store_postings_insert(scope->tx, scope->arena, postings, count));
	if (account_count > 0)
		TRY(store_accounts_move(scope->tx, scope->arena, accounts, account_count));
	for (size_t i = 0; i < count; i++) {
		const struct posting *p = &postings[i];
		if (account_is_system(p->from))
			TRY(ledger_owe(&meter->ledger, p->from, -p->amount));
		if (account_is_system(p->to))
			TRY(ledger_owe(&meter->ledger, p->to, p->amount));
	}
	return ST_OK;
}

enum st ledger_post(const struct svc_scope *scope, struct meter_service *meter,
		    struct account *pair, struct posting *postings, size_t count, struct str code,
		    struct problem *problem)
{
	char text[8] = "";
	size_t failed;

	(void)str_copy(code, text, sizeof(text));
	TRY(postings_apply(pair, 2, postings, count, scope->now_ms, text, &failed, problem));
	return ledger_write(scope, meter, pair, 2, postings, count);
}
