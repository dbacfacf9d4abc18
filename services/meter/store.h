/* store.h: what the meter keeps. Every statement is in store.c's table; functions are in store_*.c.
 * Strings that come back live in the arena given.
 *
 * Locks. A wallet is locked by its two account rows, and whatever hangs on it (jobs, holds,
 * sandboxes that run) is changed under that lock. A transaction waits for a wallet's lock only
 * while it holds none; otherwise it asks without waiting, and a lock that is taken is
 * ST_SERIALIZATION: the worker then runs its messages one at a time. Several wallets are locked in
 * the order of their accounts, in one statement. The installation's own accounts are moved last, in
 * their order. So no circle of waiting can form. */
#ifndef PIOPL_METER_STORE_H
#define PIOPL_METER_STORE_H

#include "db.h"
#include "meter.h"

enum meter_statement {
	MTR_MONTH_ENSURE,
	MTR_CURRENCY_FIND,
	MTR_WALLET_INSERT,
	MTR_WALLET_ACCOUNTS_INSERT,
	MTR_WALLETS_FIND,
	MTR_WALLET_OWNED,
	MTR_WALLET_LOAD,
	MTR_WALLET_LIST,
	MTR_WALLET_UPDATE,
	MTR_WALLET_IDS,
	MTR_ACCOUNTS_LOCK,
	MTR_ACCOUNTS_LOCK_NOWAIT,
	MTR_ACCOUNTS_MOVE,
	MTR_SYSTEM_MOVE,
	MTR_TRANSFERS_INSERT,
	MTR_NOTES_INSERT,
	MTR_TRANSFER_LOAD,
	MTR_BALANCE_AT,
	MTR_STATEMENT,
	MTR_AUDIT_SUMS,
	MTR_AUDIT_ACCOUNTS,
	MTR_AUDIT_CHARGES,
	MTR_STATEMENT_COUNT,
};
extern const struct db_statement meter_statements[];
#define STATEMENT(name) (&meter_statements[MTR_##name])

/* -- the ledger (store_ledger.c) -- */

/* Locks the accounts (sorted by id, none of the installation's), waiting or not. Those that are not
 * there are left out. */
MUST_CHECK enum st store_accounts_lock(struct db_tx *tx, struct arena *arena, const int64_t *ids,
				       size_t count, bool wait, struct account **ret,
				       size_t *ret_count);
/* Their balances as they are now. */
MUST_CHECK enum st store_accounts_move(struct db_tx *tx, struct arena *arena,
				       const struct account *accounts, size_t count);
struct system_delta {
	int64_t account, amount;
};
MUST_CHECK enum st store_system_move(struct db_tx *tx, struct arena *arena,
				     const struct system_delta *deltas, size_t count);
/* Fills their ids. */
MUST_CHECK enum st store_postings_insert(struct db_tx *tx, struct arena *arena,
					 struct posting *postings, size_t count);
/* The month of a time has its partition afterwards. */
MUST_CHECK enum st store_month_ensure(struct db_tx *tx, struct arena *arena, int64_t at_ms);

struct transfer_row {
	struct posting posting;
	struct str code;
	int64_t reversed_by; /* 0: by none */
};
MUST_CHECK enum st store_transfer_load(struct db_tx *tx, struct arena *arena, int64_t id,
				       struct transfer_row *ret, bool *ret_found);
/* Of the account after everything until `at_ms`. */
MUST_CHECK enum st store_balance_at(struct db_tx *tx, struct arena *arena, int64_t account,
				    int64_t at_ms, int64_t *ret);

struct statement_query {
	int64_t account;
	int64_t from_ms, to_ms; /* from <= at < to */
	int64_t after;          /* transfer; 0: from the first */
	int64_t limit;
};
struct statement_row {
	int64_t id, at_ms, amount, balance, counter, reverses;
	enum meter_transfer_kind kind;
	struct str reference;
};
MUST_CHECK enum st store_statement(struct db_tx *tx, struct arena *arena,
				   const struct statement_query *query, struct statement_row **ret,
				   size_t *ret_count);
MUST_CHECK enum st store_audit(struct db_tx *tx, struct arena *arena, int64_t wallet,
			       struct meter_wallet_audit_reply *ret);

/* -- wallets (store_wallet.c) -- */

/* What does not change under way, or matters only for the next act. */
struct wallet_view {
	int64_t number;
	struct str wallet_id, owner;
	int64_t currency;
	struct str code;
	int64_t tier;
	int64_t reserve, reserve_minutes;
	struct str title;
	struct str caps; /* JSON; .data NULL: none of its own */
	int64_t created_ms;
	int64_t burn, running; /* only of store_wallet_load and store_wallet_list */
	int64_t available, held;
};
struct wallet_views {
	struct wallet_view *items;
	size_t count;
};
MUST_CHECK enum st store_currency_find(struct db_tx *tx, struct arena *arena, struct str code,
				       int64_t *ret, bool *ret_found);
MUST_CHECK enum st store_wallet_insert(struct db_tx *tx, struct arena *arena,
				       struct wallet_view *wallet, int64_t now_ms);
MUST_CHECK enum st store_wallet_owned(struct db_tx *tx, struct arena *arena, struct str owner,
				      int64_t currency, bool *ret);
/* Those that exist, by wallet_id. */
MUST_CHECK enum st store_wallets_find(struct db_tx *tx, struct arena *arena, const struct str *ids,
				      size_t count, struct wallet_views *ret);
MUST_CHECK enum st store_wallet_load(struct db_tx *tx, struct arena *arena, struct str wallet_id,
				     struct wallet_view *ret, bool *ret_found);
MUST_CHECK enum st store_wallet_list(struct db_tx *tx, struct arena *arena, struct str owner,
				     struct str after, int64_t limit, struct wallet_views *ret);
MUST_CHECK enum st store_wallet_update(struct db_tx *tx, const struct wallet_view *wallet);
/* wallet_id of each number; "" for one that is not there. */
MUST_CHECK enum st store_wallet_ids(struct db_tx *tx, struct arena *arena, const int64_t *numbers,
				    size_t count, struct str *ret);

#endif
