/* handlers.c: the meter's calls and ticks, its configuration and metrics. */
#include "handlers.h"

const struct config_field meter_config[] = {
	{ .name = NULL },
};

const struct metric_definition meter_metrics[] = {
	{ .name = NULL },
};

const struct svc_call meter_calls[] = {
	{ &CALL_METER_WALLET_CREATE, on_wallet_create },
	{ &CALL_METER_WALLET_SHOW, on_wallet_show },
	{ &CALL_METER_WALLET_LIST, on_wallet_list },
	{ &CALL_METER_WALLET_SET, on_wallet_set },
	{ &CALL_METER_WALLET_DEPOSIT, on_wallet_deposit },
	{ &CALL_METER_WALLET_WITHDRAW, on_wallet_withdraw },
	{ &CALL_METER_WALLET_TRANSFER, on_wallet_transfer },
	{ &CALL_METER_WALLET_TRANSFER_BATCH, on_wallet_transfer_batch },
	{ &CALL_METER_WALLET_BALANCE, on_wallet_balance },
	{ &CALL_METER_WALLET_STATEMENT, on_wallet_statement },
	{ &CALL_METER_WALLET_AUDIT, on_wallet_audit },
	{ &CALL_METER_TRANSFER_SHOW, on_transfer_show },
	{ &CALL_METER_TRANSFER_REVERSE, on_transfer_reverse },
	{ .call = NULL },
};

const struct svc_tick meter_ticks[] = {
	{ .name = NULL },
};

enum st meter_start(struct svc *svc, void *state)
{
	(void)svc;
	(void)state;
	crypto_init();
	return ST_OK;
}

enum st meter_batch(const struct svc_scope *scope, void *state, enum svc_batch_step step)
{
	switch (step) {
	case SVC_BATCH_BEGIN:
		return ledger_begin(scope, state);
	case SVC_BATCH_END:
		return ledger_flush(scope, state);
	case SVC_BATCH_DONE:
		return ST_OK;
	}
	return ST_INTERNAL;
}
