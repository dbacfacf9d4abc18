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
#ifdef PIOPL_FAULTS
	MTR_ACCOUNTS_READ, /* a planted mistake */
#endif
	MTR_ACCOUNTS_MOVE,
	MTR_SYSTEM_MOVE,
	MTR_TRANSFERS_INSERT,
	MTR_REVERSALS_INSERT,
	MTR_TRANSFER_LOAD,
	MTR_BALANCE_AT,
	MTR_STATEMENT,
	MTR_AUDIT_SUMS,
	MTR_AUDIT_ACCOUNTS,
	MTR_AUDIT_CHARGES,
	MTR_AUDIT_PAGE,
	MTR_AUDIT_ACCOUNTS_PAGE,
	MTR_AUDIT_CHARGES_PAGE,
	MTR_AUDIT_OWN,
	MTR_TRANSFER_LAST,
	MTR_LEDGER_BEGINS,
	MTR_LEDGER_MONTHS,
	MTR_LEDGER_CUTS,
	MTR_LEDGER_EXTENT,
	MTR_LEDGER_ROWS,
	MTR_LEDGER_CUT,
	MTR_HOLD_INSERT,
	MTR_HOLD_LOAD,
	MTR_HOLD_CLOSE,
	MTR_HOLDS_DUE,
	MTR_JOB_INSERT,
	MTR_JOB_LOAD,
	MTR_JOB_FIND,
	MTR_JOB_COUNT,
	MTR_JOB_LIST,
	MTR_JOB_UPDATE,
	MTR_JOB_HELD,
	MTR_JOBS_CLOSED,
	MTR_JOBS_DUE,
	MTR_PRICE_FIND,
	MTR_PRICE_INSERT,
	MTR_PRICE_CLASSES_INSERT,
	MTR_PRICE_LIST,
	MTR_PRICE_CLASSES,
	MTR_SANDBOX_INSERT,
	MTR_SANDBOX_FIND,
	MTR_SANDBOXES_LOAD,
	MTR_SANDBOX_LIST,
	MTR_SANDBOX_COUNT,
	MTR_SANDBOX_BEGIN,
	MTR_SANDBOX_FAIL,
	MTR_SANDBOX_LEAVE,
	MTR_SANDBOX_GONE,
	MTR_SANDBOX_LIMITS,
	MTR_SILENT_GONE,
	MTR_SANDBOX_HOLD,
	MTR_RUN_INSERT,
	MTR_RUN_LIMITS,
	MTR_RUNS_OF,
	MTR_WAITING_OF,
	MTR_WAITING_DUE,
	MTR_RUNS_DELETE,
	MTR_ACTIVITY_INSERT,
	MTR_SANDBOXES_STOP,
	MTR_ACTIVITY_MOVE,
	MTR_ACTIVITY_MOVE_NOWAIT,
	MTR_LEASES,
	MTR_TICK_DUE,
	MTR_TICK_LEAD,
	MTR_TICK_LOCK,
	MTR_TICK_LOCK_NEW,
	MTR_TICK_GROUPS,
	MTR_TICK_RUNS,
	MTR_TICK_JOIN,
	MTR_TICK_CHARGE,
	MTR_TICK_ADVANCE,
	MTR_METER_SHOW,
	MTR_USAGE,
	MTR_USAGE_HOURS,
	MTR_HORIZON_OF,
	MTR_HORIZON_PUT,
	MTR_HORIZON_JOBS,
	MTR_HORIZON_LIST,
	MTR_FORECAST_INSERT,
	MTR_FORECAST_SETTLE,
	MTR_FORECAST_LIST,
	MTR_WALLETS_BY_NUMBER,
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
/* NULL reads as .data NULL. */
struct str text_or_none(const struct db_rows *rows, size_t row, size_t column);
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
/* The next `wallets` after a number; of a ledger too large for one statement. It proves these
 * wallets' accounts; the installation's own are proved by their entries (store_audit_own). */
MUST_CHECK enum st store_audit_page(struct db_tx *tx, struct arena *arena, int64_t after,
				    int64_t wallets, struct meter_wallet_audit_reply *ret);
/* Entries of the installation's own accounts among the next `numbers` transfers after one; the last
 * window has all that follow, and their balances are of its instant. A number is taken before its
 * transfer is committed: windows but the last stay AUDIT_NUMBERS_LATE away from the newest. */
#define AUDIT_NUMBERS_LATE 100000
MUST_CHECK enum st store_audit_own(struct db_tx *tx, struct arena *arena, int64_t after,
				   int64_t numbers, struct meter_wallet_audit_reply *ret);

/* -- months of the ledger (store_retention.c) -- */

/* Since when there are entries, and the greatest number that is not among them; 0 and 0 while
 * nothing was cut. */
MUST_CHECK enum st store_ledger_begins(struct db_tx *tx, struct arena *arena, int64_t *ret_ms,
				       int64_t *ret_last);
struct month_row {
	int64_t month, bytes;
};
/* Those that are there, the oldest first. */
MUST_CHECK enum st store_ledger_months(struct db_tx *tx, struct arena *arena,
				       struct month_row **ret, size_t *ret_count);
struct cut_row {
	int64_t month, transfers, last, at_ms;
	struct str file, by;
};
/* The last first. */
MUST_CHECK enum st store_ledger_cuts(struct db_tx *tx, struct arena *arena, int64_t limit,
				     struct cut_row **ret, size_t *ret_count);
struct month_extent {
	int64_t transfers, first, last, next;
};
/* Of what is among the next `numbers` after one; next: 0 with the last of such windows. */
MUST_CHECK enum st store_ledger_extent(struct db_tx *tx, struct arena *arena, int64_t month,
				       int64_t after, int64_t numbers, struct month_extent *ret);
/* Transfers of the month with numbers in [from, to), or the first of them that fit in a message. */
MUST_CHECK enum st store_ledger_rows(struct db_tx *tx, struct arena *arena, int64_t month,
				     int64_t from, int64_t to,
				     struct meter_ledger_export_reply *ret);
/* ST_LEDGER_MONTH_UNKNOWN, ST_LEDGER_NOT_OLDEST, ST_LEDGER_RETAINED (nothing moved since a whole
 * month after it), ST_LEDGER_EXPORT_DIFFERS: nothing is cut, and nothing was written. */
MUST_CHECK enum st store_ledger_cut(struct db_tx *tx, struct arena *arena,
				    const struct cut_row *cut);

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

/* -- holds (store_hold.c) -- */

struct hold_view {
	int64_t number, wallet, amount, captured, created_ms, expires_ms, closed_ms, sandbox;
	enum meter_hold_state state;
	struct str hold_id, wallet_id, code, reference, sandbox_id;
	int64_t currency;
};
MUST_CHECK enum st store_hold_insert(struct db_tx *tx, struct arena *arena, struct hold_view *hold);
/* By its id, or by its number when the id is "". */
MUST_CHECK enum st store_hold_load(struct db_tx *tx, struct arena *arena, struct str hold_id,
				   int64_t number, struct hold_view *ret, bool *ret_found);
MUST_CHECK enum st store_hold_close(struct db_tx *tx, int64_t number, enum meter_hold_state state,
				    int64_t captured, int64_t now_ms);
/* Holds of no sandbox whose time is over: their numbers and wallets. */
MUST_CHECK enum st store_holds_due(struct db_tx *tx, struct arena *arena, int64_t now_ms,
				   int64_t limit, struct db_rows *ret);

/* -- jobs (store_job.c) -- */

struct job_view {
	int64_t number, wallet, budget, closed, held, idle_ms;
	int64_t created_ms, expires_ms, activity_ms, ended_ms;
	int64_t run_spent, burn, running; /* of its sandboxes that run */
	bool primary;
	enum meter_job_state state;
	enum meter_job_reason reason;
	struct str job_id, wallet_id, code, purpose;
};
struct job_views {
	struct job_view *items;
	size_t count;
};
int64_t job_left(const struct job_view *job); /* of its budget */
MUST_CHECK enum st store_job_insert(struct db_tx *tx, struct arena *arena, struct job_view *job);
MUST_CHECK enum st store_job_load(struct db_tx *tx, struct arena *arena, int64_t number,
				  struct job_view *ret);
/* Its number and its wallet's; they never change. */
MUST_CHECK enum st store_job_find(struct db_tx *tx, struct arena *arena, struct str job_id,
				  int64_t *ret_number, int64_t *ret_wallet, bool *ret_found);
/* Running ones, and whether one of them is the primary job. */
MUST_CHECK enum st store_job_count(struct db_tx *tx, struct arena *arena, int64_t wallet,
				   int64_t *ret, bool *ret_primary);
MUST_CHECK enum st store_job_list(struct db_tx *tx, struct arena *arena,
				  const struct meter_job_list_request *filter, int64_t limit,
				  struct job_views *ret);
/* Limits, state and reason. */
MUST_CHECK enum st store_job_update(struct db_tx *tx, const struct job_view *job);
MUST_CHECK enum st store_job_held(struct db_tx *tx, int64_t number, int64_t more, int64_t now_ms);
/* Running jobs of a partition whose time or idle timeout may be over. */
MUST_CHECK enum st store_jobs_due(struct db_tx *tx, struct arena *arena, int64_t now_ms,
				  int64_t limit, struct db_rows *ret);

/* -- prices (store_price.c) -- */

MUST_CHECK enum st store_price_find(struct db_tx *tx, struct arena *arena, struct str code,
				    struct str image_class, int64_t now_ms, struct price_rates *ret,
				    int64_t *ret_version, bool *ret_found);
MUST_CHECK enum st store_price_insert(struct db_tx *tx, struct arena *arena, int64_t currency,
				      struct meter_price_table *table);
MUST_CHECK enum st store_price_list(struct db_tx *tx, struct arena *arena, struct str code,
				    int64_t limit, struct meter_price_list_reply *ret);

/* -- sandboxes (store_sandbox.c) -- */

struct sandbox_view {
	int64_t number, wallet, job, hold;
	struct str sandbox_id, wallet_id, job_id, runner, agent_id, image_class, code, note;
	int64_t cpu_milli, ram_mb, disk_mb, price, price_version, cap, idle_ms, expires_ms;
	enum meter_sandbox_state state;
	enum meter_stop_reason reason;
	int64_t admitted_ms, begin_by_ms, began_ms, activity_ms, minutes, paid_until_ms, stop_at_ms,
		ended_ms;
};
struct sandbox_views {
	struct sandbox_view *items;
	size_t count;
};
MUST_CHECK enum st store_sandbox_insert(struct db_tx *tx, struct arena *arena,
					struct sandbox_view *sandbox);
MUST_CHECK enum st store_sandbox_find(struct db_tx *tx, struct arena *arena, struct str sandbox_id,
				      int64_t *ret_number, int64_t *ret_wallet, int64_t *ret_job,
				      bool *ret_found);
/* By number, growing. */
MUST_CHECK enum st store_sandboxes_load(struct db_tx *tx, struct arena *arena,
					const int64_t *numbers, size_t count,
					struct sandbox_views *ret);
MUST_CHECK enum st store_sandbox_list(struct db_tx *tx, struct arena *arena,
				      const struct meter_sandbox_list_request *filter,
				      int64_t limit, struct sandbox_views *ret);
/* Admitted and running ones of a wallet. */
MUST_CHECK enum st store_sandbox_count(struct db_tx *tx, struct arena *arena, int64_t wallet,
				       int64_t *ret);
MUST_CHECK enum st store_sandbox_hold(struct db_tx *tx, int64_t number, int64_t hold);
MUST_CHECK enum st store_sandbox_begin(struct db_tx *tx, const struct sandbox_view *sandbox,
				       int64_t now_ms);
MUST_CHECK enum st store_sandbox_fail(struct db_tx *tx, int64_t number,
				      enum meter_stop_reason reason, struct str note,
				      int64_t now_ms);
/* It has left: `stopping` becomes `ended`. */
MUST_CHECK enum st store_sandbox_gone(struct db_tx *tx, int64_t number, struct str note,
				      int64_t ended_ms);
MUST_CHECK enum st store_sandbox_leave(struct db_tx *tx, int64_t number, int64_t stop_at_ms);
MUST_CHECK enum st store_sandbox_limits(struct db_tx *tx, const struct sandbox_view *sandbox);

/* Those that had to be gone by `before_ms` and whose runner said nothing: they are `ended`. */
MUST_CHECK enum st store_silent_gone(struct db_tx *tx, struct arena *arena, int64_t before_ms,
				     int64_t limit, int64_t now_ms, struct db_rows *ret);

struct run_list {
	struct run *items;
	size_t count;
};
/* Running sandboxes of a wallet (of one job, or of all when 0), oldest first. */
MUST_CHECK enum st store_runs_of(struct db_tx *tx, struct arena *arena, int64_t wallet, int64_t job,
				 struct run_list *ret, int64_t *ret_paid_through_ms);
/* Sandboxes of a job that were admitted and did not begin. */
MUST_CHECK enum st store_waiting_of(struct db_tx *tx, struct arena *arena, int64_t job,
				    struct db_rows *ret);
/* Sandboxes that had to begin by now: number, wallet, job, hold, price. */
MUST_CHECK enum st store_waiting_due(struct db_tx *tx, struct arena *arena, int64_t now_ms,
				     int64_t limit, struct db_rows *ret);

struct run_stop {
	struct run run;
	int64_t minutes;
	int64_t stop_at_ms;
	enum meter_stop_reason reason;
};
/* They run no more: their minutes become activity, and their jobs' spending is closed. All of one
 * partition. */
MUST_CHECK enum st store_runs_stop(struct db_tx *tx, struct arena *arena, int64_t partition,
				   const struct run_stop *stops, size_t count);
MUST_CHECK enum st store_activity_move(struct db_tx *tx, struct arena *arena, const struct str *ids,
				       const int64_t *at_ms, size_t count, bool wait,
				       int64_t *ret_moved);
MUST_CHECK enum st store_leases(struct db_tx *tx, struct arena *arena, const struct str *ids,
				size_t count, struct meter_lease_read_reply *ret);

/* -- the tick (store_tick.c) -- */

struct partition_state {
	int64_t paid_through_ms, join_ms;
	bool has_new; /* sandboxes that did not join yet */
};
/* Partitions with something to do, the one that is longest due first. */
MUST_CHECK enum st store_tick_due(struct db_tx *tx, struct arena *arena, int64_t wanted_ms,
				  int64_t now_ms, struct db_rows *ret);
/* False: another process works on it. Until the transaction ends nobody else does. */
MUST_CHECK enum st store_tick_lead(struct db_tx *tx, struct arena *arena, int64_t partition,
				   struct partition_state *ret, bool *ret_leads);
MUST_CHECK enum st store_tick_lock(struct db_tx *tx, struct arena *arena, int64_t partition,
				   bool new_only, struct account **ret, size_t *ret_count);

/* Running sandboxes of one job, added up. */
struct run_group {
	int64_t wallet;
	struct job_state job;
	int64_t count, burn, cost, spent, until_ms_max, more; /* minutes */
	bool exceptional; /* one of them may not pass by itself, or is new */
};
MUST_CHECK enum st store_tick_groups(struct db_tx *tx, struct arena *arena, int64_t partition,
				     int64_t paid_through_ms, int64_t next_ms, int64_t now_ms,
				     bool new_only, struct run_group **ret, size_t *ret_count);
/* Of these wallets (growing), by wallet, from_ms, sandbox. */
MUST_CHECK enum st store_tick_runs(struct db_tx *tx, struct arena *arena, int64_t partition,
				   const int64_t *wallets, size_t count, struct run_list *ret);
MUST_CHECK enum st store_tick_join(struct db_tx *tx, int64_t partition, const int64_t *wallets,
				   size_t count);
/* One transfer a wallet to the installation's `revenue` account. */
struct charge {
	int64_t account, amount, balance, at_ms;
};
MUST_CHECK enum st store_tick_charge(struct db_tx *tx, struct arena *arena, int64_t revenue,
				     const struct charge *charges, size_t count);
MUST_CHECK enum st store_tick_advance(struct db_tx *tx, int64_t partition, int64_t was_ms,
				      int64_t paid_through_ms, int64_t next_ms, int64_t join_ms);
MUST_CHECK enum st store_meter_show(struct db_tx *tx, struct arena *arena,
				    struct meter_meter_show_reply *ret);

/* -- usage and the horizon (store_usage.c, store_horizon.c) -- */

struct usage_query {
	int64_t wallet, job, sandbox; /* one of them; the others 0 */
	int64_t from_ms, to_ms;
	enum meter_usage_read_request_by by;
	int64_t limit;
};
MUST_CHECK enum st store_usage(struct db_tx *tx, struct arena *arena,
			       const struct usage_query *query, struct db_rows *ret);

struct horizon_row {
	int64_t wallet;
	struct horizon horizon;
	int64_t at_ms, forecast_ms;
	enum meter_horizon_state was; /* 0: there was none */
	bool forecast;                /* to be kept as one */
};
/* Those of a partition that are not dormant, by wallet. */
MUST_CHECK enum st store_horizon_of(struct db_tx *tx, struct arena *arena, int64_t partition,
				    struct horizon_row **ret, size_t *ret_count);
MUST_CHECK enum st store_horizon_put(struct db_tx *tx, struct arena *arena, int64_t partition,
				     const struct horizon_row *rows, size_t count);
/* Running jobs of wallets, by wallet: wallet, left, expires_ms. */
MUST_CHECK enum st store_horizon_jobs(struct db_tx *tx, struct arena *arena, const int64_t *wallets,
				      size_t count, struct db_rows *ret);
MUST_CHECK enum st store_horizon_list(struct db_tx *tx, struct arena *arena,
				      const struct meter_horizon_list_request *filter,
				      int64_t limit, int64_t now_ms,
				      struct meter_horizon_list_reply *ret);
MUST_CHECK enum st store_forecasts_insert(struct db_tx *tx, struct arena *arena,
					  const struct horizon_row *rows, size_t count);
/* The wallets' open forecasts have come to their end: how far off each was, in minutes. */
MUST_CHECK enum st store_forecasts_settle(struct db_tx *tx, struct arena *arena,
					  const int64_t *wallets, size_t count, int64_t now_ms,
					  struct db_rows *ret);
MUST_CHECK enum st store_forecast_list(struct db_tx *tx, struct arena *arena, int64_t wallet,
				       int64_t limit, struct meter_forecast_list_reply *ret);
/* By number; those that exist. */
MUST_CHECK enum st store_wallets_by_number(struct db_tx *tx, struct arena *arena,
					   const int64_t *numbers, size_t count,
					   struct wallet_views *ret);

#endif
