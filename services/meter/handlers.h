/* handlers.h: what the handlers share: the service's state, the ledger of an open transaction,
 * evidence, views as the contract has them. */
#ifndef PIOPL_METER_HANDLERS_H
#define PIOPL_METER_HANDLERS_H

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
	int64_t month_until_ms; /* months until then have their partition */
};

extern const struct config_field meter_config[];
extern const struct svc_call meter_calls[];
extern const struct svc_tick meter_ticks[];
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
enum st on_wallet_transfer_batch(struct svc_request *req);
enum st on_wallet_balance(struct svc_request *req);
enum st on_wallet_statement(struct svc_request *req);
enum st on_wallet_audit(struct svc_request *req);
enum st on_transfer_show(struct svc_request *req);
enum st on_transfer_reverse(struct svc_request *req);

#endif
