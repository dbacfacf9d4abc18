/* store_ledger.c: accounts, transfers, statements. */
#include <assert.h>

#include "planted.h"

static_assert(METER_TRANSFER_KIND_DEPOSIT == 1 && METER_TRANSFER_KIND_CAPTURE == 6 &&
		      METER_TRANSFER_KIND_CHARGE == 7 && METER_TRANSFER_KIND_REVERSAL == 8,
	      "kinds are kept by their number");

enum st store_month_ensure(struct db_tx *tx, struct arena *arena, int64_t at_ms)
{
	struct db_rows rows;

	return db_query(tx, STATEMENT(MONTH_ENSURE), arena, &rows, DB_I64(at_ms));
}

enum st store_accounts_lock(struct db_tx *tx, struct arena *arena, const int64_t *ids, size_t count,
			    bool wait, struct account **ret, size_t *ret_count)
{
	const struct db_statement *statement =
		wait ? STATEMENT(ACCOUNTS_LOCK) : STATEMENT(ACCOUNTS_LOCK_NOWAIT);
	struct db_rows rows;

#ifdef PIOPL_FAULTS
	if (PLANTED(METER_PLANTED_FLOOR_OUTSIDE_LOCK))
		statement = STATEMENT(ACCOUNTS_READ);
#endif
	TRY(db_query(tx, statement, arena, &rows, DB_I64S(ids, count)));
	struct account *accounts = ARENA_ARRAY(arena, struct account, rows.count);
	if (!accounts)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		accounts[i] = (struct account){ .id = db_i64(&rows, i, 0),
						.balance = db_i64(&rows, i, 1),
						.last_ms = db_i64(&rows, i, 2),
						.currency = db_i64(&rows, i, 3),
						.kept = db_bool(&rows, i, 4) };
	*ret = accounts;
	*ret_count = rows.count;
	return ST_OK;
}

enum st store_accounts_move(struct db_tx *tx, struct arena *arena, const struct account *accounts,
			    size_t count)
{
	int64_t *columns = ARENA_ARRAY(arena, int64_t, 3 * count);

	if (!columns)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		columns[i] = accounts[i].id;
		columns[count + i] = accounts[i].balance;
		columns[2 * count + i] = accounts[i].last_ms;
	}
	return db_write(tx, STATEMENT(ACCOUNTS_MOVE), (int64_t)count, ST_INTERNAL,
			DB_I64S(columns, count), DB_I64S(columns + count, count),
			DB_I64S(columns + 2 * count, count));
}

enum st store_system_move(struct db_tx *tx, struct arena *arena, const struct system_delta *deltas,
			  size_t count)
{
	int64_t *columns = ARENA_ARRAY(arena, int64_t, 2 * count);

	if (!columns)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		columns[i] = deltas[i].account;
		columns[count + i] = deltas[i].amount;
	}
	return db_write(tx, STATEMENT(SYSTEM_MOVE), (int64_t)count, ST_INTERNAL,
			DB_I64S(columns, count), DB_I64S(columns + count, count));
}

/* A transfer is reversed once: the second is refused by the key. */
static enum st reversals_insert(struct db_tx *tx, struct arena *arena,
				const struct posting *postings, size_t count)
{
	int64_t *reversed = ARENA_ARRAY(arena, int64_t, count);
	int64_t *ids = ARENA_ARRAY(arena, int64_t, count);
	size_t n = 0;

	if (!reversed || !ids)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		if (postings[i].reverses == 0)
			continue;
		reversed[n] = postings[i].reverses;
		ids[n++] = postings[i].id;
	}
	if (n == 0)
		return ST_OK;
	return db_write(tx, STATEMENT(REVERSALS_INSERT), (int64_t)n, ST_TRANSFER_REVERSED,
			DB_I64S(reversed, n), DB_I64S(ids, n));
}

enum st store_postings_insert(struct db_tx *tx, struct arena *arena, struct posting *postings,
			      size_t count)
{
	struct str *references = ARENA_ARRAY(arena, struct str, count);
	struct str *by = ARENA_ARRAY(arena, struct str, count);
	int64_t *c[8];
	struct db_rows rows;

	for (size_t i = 0; i < 8; i++)
		c[i] = ARENA_ARRAY(arena, int64_t, count);
	if (arena->failed)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		const struct posting *p = &postings[i];
		ASSERT(p->amount > 0 && p->from != p->to);
		c[0][i] = p->at_ms;
		c[1][i] = p->from;
		c[2][i] = p->to;
		c[3][i] = p->amount;
		c[4][i] = p->from_balance;
		c[5][i] = p->to_balance;
		c[6][i] = p->kind;
		c[7][i] = p->reverses;
		references[i] = str_or_empty(p->reference);
		by[i] = str_or_empty(p->by);
	}
	TRY(db_query(tx, STATEMENT(TRANSFERS_INSERT), arena, &rows, DB_I64S(c[0], count),
		     DB_I64S(c[1], count), DB_I64S(c[2], count), DB_I64S(c[3], count),
		     DB_I64S(c[4], count), DB_I64S(c[5], count), DB_I64S(c[6], count),
		     DB_TEXTS(references, count), DB_TEXTS(by, count), DB_I64S(c[7], count)));
	if (rows.count != count)
		return ST_INTERNAL;
	for (size_t i = 0; i < count; i++)
		postings[i].id = db_i64(&rows, i, 0);
	return reversals_insert(tx, arena, postings, count);
}

enum st store_transfer_load(struct db_tx *tx, struct arena *arena, int64_t id,
			    struct transfer_row *ret, bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(TRANSFER_LOAD), arena, &rows, DB_I64(id)));
	*ret_found = rows.count > 0;
	if (rows.count == 0)
		return ST_OK;
	*ret = (struct transfer_row){
		.posting = { .id = db_i64(&rows, 0, 0),
			     .at_ms = db_i64(&rows, 0, 1),
			     .from = db_i64(&rows, 0, 2),
			     .to = db_i64(&rows, 0, 3),
			     .amount = db_i64(&rows, 0, 4),
			     .kind = (enum meter_transfer_kind)db_i64(&rows, 0, 5),
			     .reference = db_text(&rows, 0, 6),
			     .by = db_text(&rows, 0, 7),
			     .reverses = db_i64(&rows, 0, 8) },
		.code = db_text(&rows, 0, 9),
		.reversed_by = db_i64(&rows, 0, 10),
	};
	if (db_is_null(&rows, 0, 6))
		ret->posting.reference = (struct str){ 0 };
	if (db_is_null(&rows, 0, 7))
		ret->posting.by = (struct str){ 0 };
	return ST_OK;
}

enum st store_balance_at(struct db_tx *tx, struct arena *arena, int64_t account, int64_t at_ms,
			 int64_t *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(BALANCE_AT), arena, &rows, DB_I64(account), DB_I64(at_ms)));
	*ret = rows.count > 0 ? db_i64(&rows, 0, 0) : 0;
	return ST_OK;
}

enum st store_statement(struct db_tx *tx, struct arena *arena, const struct statement_query *query,
			struct statement_row **ret, size_t *ret_count)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(STATEMENT), arena, &rows, DB_I64(query->account),
		     DB_I64(query->from_ms), DB_I64(query->to_ms), DB_I64(query->after),
		     DB_I64(query->limit)));
	struct statement_row *out = ARENA_ARRAY(arena, struct statement_row, rows.count);
	if (!out)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		out[i] = (struct statement_row){
			.id = db_i64(&rows, i, 0),
			.at_ms = db_i64(&rows, i, 1),
			.amount = db_i64(&rows, i, 2),
			.balance = db_i64(&rows, i, 3),
			.counter = db_i64(&rows, i, 4),
			.kind = (enum meter_transfer_kind)db_i64(&rows, i, 5),
			.reference =
				db_is_null(&rows, i, 6) ? (struct str){ 0 } : db_text(&rows, i, 6),
			.reverses = db_i64(&rows, i, 7),
		};
	*ret = out;
	*ret_count = rows.count;
	return ST_OK;
}

#define FAULTS_MAX 100

static enum st audit_sums(struct db_tx *tx, struct arena *arena,
			  struct meter_wallet_audit_reply *ret)
{
	struct db_rows rows;

	TRY(db_query0(tx, STATEMENT(AUDIT_SUMS), arena, &rows));
	ret->currencies.items = ARENA_ARRAY(arena, struct meter_currency_sum, rows.count);
	if (!ret->currencies.items)
		return ST_TOO_LARGE;
	ret->currencies.count = rows.count;
	for (size_t i = 0; i < rows.count; i++) {
		ret->currencies.items[i] = (struct meter_currency_sum){
			.currency = db_text(&rows, i, 0),
			.sum = db_i64(&rows, i, 1),
			.wallets = db_i64(&rows, i, 2),
			.external = db_i64(&rows, i, 3),
			.revenue = db_i64(&rows, i, 4),
		};
		ret->balanced = ret->balanced && ret->currencies.items[i].sum == 0;
	}
	return ST_OK;
}

static void audit_take(const struct db_rows *rows, struct meter_wallet_audit_reply *ret)
{
	for (size_t i = 0; i < rows->count; i++) {
		if (db_i64(rows, i, 1) == 0) {
			ret->accounts += db_i64(rows, i, 2);
			ret->transfers += db_i64(rows, i, 3);
			continue;
		}
		ret->balanced = false;
		if (ret->faults.count < FAULTS_MAX)
			ret->faults.items[ret->faults.count++] = (struct meter_audit_fault){
				.account = db_i64(rows, i, 0),
				.rule = (enum meter_audit_fault_rule)db_i64(rows, i, 1),
				.expected = db_i64(rows, i, 2),
				.found = db_i64(rows, i, 3),
			};
	}
}

enum st store_audit_page(struct db_tx *tx, struct arena *arena, int64_t after, int64_t wallets,
			 struct meter_wallet_audit_reply *ret)
{
	struct db_rows rows;

	ret->balanced = true;
	ret->faults.items = ARENA_ARRAY(arena, struct meter_audit_fault, FAULTS_MAX);
	if (!ret->faults.items)
		return ST_TOO_LARGE;
	if (after == 0)
		TRY(audit_sums(tx, arena, ret));
	TRY(db_query(tx, STATEMENT(AUDIT_PAGE), arena, &rows, DB_I64(after), DB_I64(wallets)));
	int64_t last = db_i64(&rows, 0, 0);
	ret->has_next = db_i64(&rows, 0, 1) == wallets;
	ret->next = last;
	if (db_i64(&rows, 0, 1) == 0)
		return ST_OK;
	TRY(db_query(tx, STATEMENT(AUDIT_ACCOUNTS_PAGE), arena, &rows, DB_I64(after),
		     DB_I64(last)));
	audit_take(&rows, ret);
	TRY(db_query(tx, STATEMENT(AUDIT_CHARGES_PAGE), arena, &rows, DB_I64(after), DB_I64(last)));
	audit_take(&rows, ret);
	return ST_OK;
}

enum st store_audit_own(struct db_tx *tx, struct arena *arena, int64_t after, int64_t numbers,
			struct meter_wallet_audit_reply *ret)
{
	struct db_rows rows;

	TRY(db_query0(tx, STATEMENT(TRANSFER_LAST), arena, &rows));
	int64_t settled = db_i64(&rows, 0, 0) - AUDIT_NUMBERS_LATE;
	ret->has_next = after < settled && numbers <= settled - after;
	ret->next = ret->has_next ? after + numbers : 0;
	TRY(db_query(tx, STATEMENT(AUDIT_OWN), arena, &rows, DB_I64(after),
		     DB_I64(ret->has_next ? ret->next : INT64_MAX)));
	ret->own.items = ARENA_ARRAY(arena, struct meter_own_account, rows.count);
	if (!ret->own.items)
		return ST_TOO_LARGE;
	ret->own.count = rows.count;
	ret->has_own = true;
	for (size_t i = 0; i < rows.count; i++)
		ret->own.items[i] = (struct meter_own_account){ .account = db_i64(&rows, i, 0),
								.entries = db_i64(&rows, i, 1),
								.opening = db_i64(&rows, i, 2),
								.balance = db_i64(&rows, i, 3) };
	ret->balanced = true;
	return ST_OK;
}

enum st store_audit(struct db_tx *tx, struct arena *arena, int64_t wallet,
		    struct meter_wallet_audit_reply *ret)
{
	struct db_rows rows;

	ret->balanced = true;
	ret->faults.items = ARENA_ARRAY(arena, struct meter_audit_fault, FAULTS_MAX);
	if (!ret->faults.items)
		return ST_TOO_LARGE;
	TRY(audit_sums(tx, arena, ret));
	TRY(db_query(tx, STATEMENT(AUDIT_ACCOUNTS), arena, &rows, DB_I64(wallet)));
	audit_take(&rows, ret);
	TRY(db_query(tx, STATEMENT(AUDIT_CHARGES), arena, &rows, DB_I64(wallet)));
	audit_take(&rows, ret);
	return ST_OK;
}
