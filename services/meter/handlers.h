/* handlers.h: what the handlers share: the service's state, the ledger of an open transaction,
 * evidence, views as the contract has them. */
#ifndef PIOPL_METER_HANDLERS_H
#define PIOPL_METER_HANDLERS_H

#include "known.h"
#include "store.h"
#include "svc.h"

#define METER_DELTAS_MAX 4096

/* What the open transaction has done to accounts: whether it holds any wallet's lock, and what is
 * owed to the installation's own accounts, which are moved last (ledger_flush). */
struct ledger {
	bool holds;
	size_t delta_count;
	struct system_delta deltas[METER_DELTAS_MAX];
};

struct meter_service {
	struct ledger ledger;
	int64_t margin_ms;   /* every lease that goes on ends at least so much later than now */
	int64_t begin_ms;    /* from admission to proof of life */
	int64_t linger_ms;   /* from the end of a lease until a silent runner counts as gone */
	int64_t join_ms;     /* how often new sandboxes join their partition */
	int64_t forecast_ms; /* how often a forecast is kept though nothing changed */
	int64_t alive_ms, warning_ms, critical_ms;
	int64_t first_partition;
	int64_t retention_months; /* whole months of the ledger that are kept */
	int64_t month_until_ms;   /* months until then have their partition */
	struct known known;
};

extern const struct config_field meter_config[];
extern const struct svc_call meter_calls[];
extern const struct svc_group meter_groups[];
extern const struct svc_tick meter_ticks[];
extern const struct svc_tick meter_shared_ticks[];
extern const struct metric_definition meter_metrics[];
MUST_CHECK enum st meter_start(struct svc *svc, void *state);
MUST_CHECK enum st meter_batch(const struct svc_scope *scope, void *state,
			       enum svc_batch_step step);

/* -- moving money (ledger.c) -- */

/* A transaction begins: nothing is held, nothing is owed. */
MUST_CHECK enum st ledger_begin(const struct svc_scope *scope, struct meter_service *meter);
/* And ends: the installation's own accounts are moved. */
MUST_CHECK enum st ledger_flush(const struct svc_scope *scope, struct meter_service *meter);
/* Locks the accounts (any order, twice or of the installation allowed). ST_SERIALIZATION: another
 * one holds one of them, and this transaction may not wait. */
MUST_CHECK enum st ledger_lock(const struct svc_scope *scope, struct meter_service *meter,
			       const int64_t *ids, size_t count, struct account **ret,
			       size_t *ret_count);
/* Both accounts of a wallet: available, held. */
MUST_CHECK enum st ledger_lock_wallet(const struct svc_scope *scope, struct meter_service *meter,
				      int64_t wallet, struct account **ret);
/* Writes what postings_apply did: transfers, their notes, the accounts. */
MUST_CHECK enum st ledger_write(const struct svc_scope *scope, struct meter_service *meter,
				struct account *accounts, size_t account_count,
				struct posting *postings, size_t count);
/* The installation owes an account so much more; moved by ledger_flush. */
MUST_CHECK enum st ledger_owe(struct ledger *ledger, int64_t account, int64_t amount);
/* One or more movements of one wallet that is locked (`pair` of ledger_lock_wallet). */
MUST_CHECK enum st ledger_post(const struct svc_scope *scope, struct meter_service *meter,
			       struct account *pair, struct posting *postings, size_t count,
			       struct str code, struct problem *problem);

/* -- evidence (evidence.c) -- */

/* Runs the part of a handler that acts and records that it did. A refusal is recorded too, and
 * commits its record: everything is judged before anything is written. */
MUST_CHECK enum st recorded(struct svc_request *req, const char *operation,
			    enum st (*act)(struct svc_request *req));
/* The record alone. */
MUST_CHECK enum st evidence_emit(struct svc_request *req, const char *operation, bool refused);
/* The ledger quotes a wallet by its number; those who read a refusal know its id. Does nothing
 * where there is no quote. */
MUST_CHECK enum st quote_name(struct svc_request *req);
/* On whose behalf: the principal, or the caller itself; at most METER_TEXT_BYTES_MAX. */
struct str asker_of(const struct svc_request *req);

/* -- as the contract has it (view.c) -- */

struct money money_of(int64_t micros, struct str code);
MUST_CHECK enum st wallet_fill(struct arena *arena, const struct wallet_view *view,
			       struct meter_wallet *ret);
/* Wallet ids come from `wallets` where they are there. */
MUST_CHECK enum st transfer_fill(const struct svc_scope *scope, const struct posting *posting,
				 struct str code, struct meter_transfer *ret);
MUST_CHECK enum st caps_read(struct arena *arena, const struct wallet_view *view,
			     struct meter_caps **ret);
/* The wallet, or ST_WALLET_UNKNOWN. */
MUST_CHECK enum st wallet_found(struct svc_request *req, struct str wallet_id, const char *pointer,
				struct wallet_view *ret);
/* ST_LEDGER_CUT: what happened then is not in the ledger any more. Asked after the ledger was read:
 * a month that is cut in between is missing from what was read, and known here. */
MUST_CHECK enum st ledger_since(struct svc_request *req, int64_t at_ms, const char *pointer);
/* Refuses: it is not there any more (ST_LEDGER_CUT), or never was. */
MUST_CHECK enum st transfer_missing(struct svc_request *req, int64_t id, struct str text,
				    const char *pointer);
/* ST_CURRENCY_MISMATCH, ST_AMOUNT_NOT_POSITIVE. */
MUST_CHECK enum st amount_check(struct svc_request *req, struct money amount, const char *pointer,
				struct str code);
MUST_CHECK enum st new_id(const char *prefix, int64_t now_ms, struct arena *arena, struct str *ret);

enum st on_wallet_create(struct svc_request *req);
enum st on_wallet_show(struct svc_request *req);
enum st on_wallet_list(struct svc_request *req);
enum st on_wallet_set(struct svc_request *req);
enum st on_wallet_deposit(struct svc_request *req);
enum st on_wallet_withdraw(struct svc_request *req);
enum st on_wallet_transfer(struct svc_request *req);
/* All transfers of a batch of messages, single ones or lists: the wallets are locked at once. */
enum st on_wallet_transfers(struct svc_request *const *reqs, size_t count, enum st *ret);
enum st on_wallet_transfer_batch(struct svc_request *req);
enum st on_wallet_balance(struct svc_request *req);
enum st on_wallet_statement(struct svc_request *req);
enum st on_wallet_audit(struct svc_request *req);
enum st on_ledger_list(struct svc_request *req);
enum st on_ledger_month(struct svc_request *req);
enum st on_ledger_export(struct svc_request *req);
enum st on_ledger_cut(struct svc_request *req);
enum st on_transfer_show(struct svc_request *req);
enum st on_transfer_reverse(struct svc_request *req);

enum st on_hold_create(struct svc_request *req);
enum st on_hold_capture(struct svc_request *req);
enum st on_hold_release(struct svc_request *req);
enum st on_hold_show(struct svc_request *req);
enum st on_job_create(struct svc_request *req);
enum st on_job_extend(struct svc_request *req);
enum st on_job_stop(struct svc_request *req);
enum st on_job_show(struct svc_request *req);
enum st on_job_list(struct svc_request *req);
enum st on_sandbox_admit(struct svc_request *req);
enum st on_sandbox_begin(struct svc_request *req);
enum st on_sandbox_abort(struct svc_request *req);
enum st on_sandbox_extend(struct svc_request *req);
enum st on_sandbox_stop(struct svc_request *req);
enum st on_sandbox_end(struct svc_request *req);
enum st on_sandbox_show(struct svc_request *req);
enum st on_sandbox_list(struct svc_request *req);
enum st on_lease_read(struct svc_request *req);
enum st on_activity_report(struct svc_request *req);
enum st on_usage_read(struct svc_request *req);
enum st on_horizon_list(struct svc_request *req);
enum st on_forecast_list(struct svc_request *req);
enum st on_price_put(struct svc_request *req);
enum st on_price_list(struct svc_request *req);
enum st on_price_quote(struct svc_request *req);
enum st on_meter_show(struct svc_request *req);

MUST_CHECK enum st job_locked(struct svc_request *req, struct str job_id, struct job_view *ret,
			      struct account **ret_pair);
MUST_CHECK enum st wallet_limits(struct svc_request *req, const struct wallet_view *wallet,
				 struct cap_limits *ret);
void sandbox_grants(const struct sandbox_clamps *clamps, struct str code,
		    struct meter_sandbox_grants *ret);

/* -- what calls and time both do (life.c); the wallet is locked -- */

/* A hold that ends without being captured: its money goes back. */
MUST_CHECK enum st hold_give_back(const struct svc_scope *scope, struct meter_service *meter,
				  struct account *pair, int64_t number,
				  enum meter_hold_state state);
/* An admitted sandbox never begins: its hold is released, with it what its job had set aside. */
MUST_CHECK enum st sandbox_fail(const struct svc_scope *scope, struct meter_service *meter,
				struct account *pair, const struct sandbox_view *sandbox,
				enum meter_stop_reason reason, struct str note);
/* Running sandboxes of one partition get no further minute; tells it. */
MUST_CHECK enum st runs_stop(const struct svc_scope *scope, int64_t partition,
			     const struct run_stop *stops, size_t count);
/* A job ends and takes all its sandboxes with it. */
MUST_CHECK enum st job_end(const struct svc_scope *scope, struct meter_service *meter,
			   struct account *pair, int64_t job, enum meter_job_reason reason);
void sandbox_fill(const struct sandbox_view *view, struct meter_sandbox *ret);
void job_fill(const struct job_view *view, int64_t now_ms, struct meter_job *ret);
void hold_fill(const struct hold_view *view, struct meter_hold *ret);
MUST_CHECK enum st sandboxes_tell(const struct svc_scope *scope, const struct proto_event *event,
				  const int64_t *numbers, size_t count);
MUST_CHECK enum st sandbox_load(const struct svc_scope *scope, int64_t number,
				struct sandbox_view *ret);
MUST_CHECK enum st job_tell(const struct svc_scope *scope, const struct proto_event *event,
			    int64_t number, struct job_view *ret);

/* -- time (tick.c, timed.c) -- */

/* One partition: every wallet in it that burns is charged, or only sandboxes that began since are
 * taken in. `ret_did`: something was due and nobody else was at it. */
MUST_CHECK enum st partition_tick(const struct svc_scope *scope, struct meter_service *meter,
				  int64_t partition, bool *ret_did);
enum st tick_partitions(struct svc_tick_context *tick);
enum st tick_due(struct svc_tick_context *tick);
enum st tick_proof(struct svc_tick_context *tick);
/* The horizons of a partition after its tick (horizon.c). `groups`: what burns now, by wallet. */
struct burning {
	int64_t wallet, available;
	struct horizon_job job;
};
MUST_CHECK enum st horizons_tick(const struct svc_scope *scope, struct meter_service *meter,
				 int64_t partition, const struct burning *burning, size_t count);
struct horizon_thresholds thresholds_of(const struct meter_service *meter);
struct meter_horizon horizon_view(const struct horizon *h, int64_t at_ms, struct str code);

enum meter_metric {
	METER_METRIC_TICKS = METRIC_SERVICE_FIRST,
	METER_METRIC_TICK_MS,
	METER_METRIC_MINUTES,
	METER_METRIC_CHARGED,
	METER_METRIC_STOPS,
	METER_METRIC_LAPSED,
	METER_METRIC_LATE_MS,
	METER_METRIC_PROOFS,
	METER_METRIC_UNBALANCED,
	METER_METRIC_LEDGER_DUE,
	METER_METRIC_FORECASTS,
	METER_METRIC_FORECAST_ERROR,
};

#endif
