/* handlers.c: the meter's calls and ticks, its configuration and metrics. */
#include "handlers.h"
#include "log.h"

#define TICK_PERIOD_MS 200
#define DUE_PERIOD_MS 500
#define PROOF_PERIOD_MS 5000
#define FIELD(member) CONFIG_MEMBER(struct meter_service, member)

const struct config_field meter_config[] = {
	{ .name = "margin",
	  .type = CONFIG_DURATION_MS,
	  FIELD(margin_ms),
	  .default_value = "20s",
	  .min = 2 * METER_CLOCK_SKEW_MS,
	  .max = 45000,
	  .doc = "how long before its end a lease is extended; what the tick may be late" },
	{ .name = "join",
	  .type = CONFIG_DURATION_MS,
	  FIELD(join_ms),
	  .default_value = "10s",
	  .min = 100,
	  .max = 30000,
	  .doc = "how often sandboxes that began join the ticks of their partition" },
	{ .name = "begin",
	  .type = CONFIG_DURATION_MS,
	  FIELD(begin_ms),
	  .default_value = "2m",
	  .min = 1000,
	  .max = 3600000,
	  .doc = "how long an admitted sandbox may take to prove its life" },
	{ .name = "linger",
	  .type = CONFIG_DURATION_MS,
	  FIELD(linger_ms),
	  .default_value = "5m",
	  .min = 1000,
	  .max = 86400000,
	  .doc = "how long after its lease a sandbox whose runner is silent counts as stopping" },
	{ .name = "forecast",
	  .type = CONFIG_DURATION_MS,
	  FIELD(forecast_ms),
	  .default_value = "1h",
	  .min = MINUTE_MS,
	  .max = 86400000,
	  .doc = "how often a forecast is kept while nothing changes" },
	{ .name = "retention_months",
	  .type = CONFIG_I64,
	  FIELD(retention_months),
	  .default_value = "120",
	  .min = 1,
	  .max = 1200,
	  .doc = "whole months of the ledger that are kept; older ones may be exported and cut" },
	{ .name = "alive",
	  .type = CONFIG_DURATION_MS,
	  FIELD(alive_ms),
	  .default_value = "48h",
	  .min = MINUTE_MS,
	  .max = INT64_C(366) * 86400000,
	  .doc = "a horizon of at least this is alive" },
	{ .name = "warning",
	  .type = CONFIG_DURATION_MS,
	  FIELD(warning_ms),
	  .default_value = "36h",
	  .min = MINUTE_MS,
	  .max = INT64_C(366) * 86400000,
	  .doc = "a shorter one of at least this is a warning" },
	{ .name = "critical",
	  .type = CONFIG_DURATION_MS,
	  FIELD(critical_ms),
	  .default_value = "24h",
	  .min = MINUTE_MS,
	  .max = INT64_C(366) * 86400000,
	  .doc = "a shorter one of at least this is critical, below it is an emergency" },
	{ .name = NULL },
};

const struct metric_definition meter_metrics[] = {
	{ "piopl_meter_ticks_total", METRIC_COUNTER, "Ticks of a partition.", NULL },
	{ "piopl_meter_tick_ms", METRIC_HISTOGRAM_MS, "A tick of a partition.", NULL },
	{ "piopl_meter_minutes_total", METRIC_COUNTER, "Sandbox minutes paid.", NULL },
	{ "piopl_meter_charges_total", METRIC_COUNTER, "Charges, one a wallet and tick.", NULL },
	{ "piopl_meter_stops_total", METRIC_COUNTER, "Sandboxes put on the stop list.", NULL },
	{ "piopl_meter_lapsed_total", METRIC_COUNTER,
	  "Sandboxes whose lease ended before it was extended.", NULL },
	{ "piopl_meter_late_ms", METRIC_GAUGE_MAX, "How late the last tick was.", NULL },
	{ "piopl_meter_proofs_total", METRIC_COUNTER, "Times the books were added up.", NULL },
	{ "piopl_meter_unbalanced", METRIC_GAUGE, "Currencies whose accounts do not sum to zero.",
	  NULL },
	{ "piopl_meter_ledger_due", METRIC_GAUGE, "Months of the ledger past the retention.",
	  NULL },
	{ "piopl_meter_forecasts_total", METRIC_COUNTER, "Forecasts held against what happened.",
	  NULL },
	{ "piopl_meter_forecast_error_minutes_total", METRIC_COUNTER,
	  "How far off they were, added up.", NULL },
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
	{ &CALL_METER_LEDGER_LIST, on_ledger_list },
	{ &CALL_METER_LEDGER_MONTH, on_ledger_month },
	{ &CALL_METER_LEDGER_EXPORT, on_ledger_export },
	{ &CALL_METER_LEDGER_CUT, on_ledger_cut },
	{ &CALL_METER_TRANSFER_SHOW, on_transfer_show },
	{ &CALL_METER_TRANSFER_REVERSE, on_transfer_reverse },
	{ &CALL_METER_HOLD_CREATE, on_hold_create },
	{ &CALL_METER_HOLD_CAPTURE, on_hold_capture },
	{ &CALL_METER_HOLD_RELEASE, on_hold_release },
	{ &CALL_METER_HOLD_SHOW, on_hold_show },
	{ &CALL_METER_JOB_CREATE, on_job_create },
	{ &CALL_METER_JOB_EXTEND, on_job_extend },
	{ &CALL_METER_JOB_STOP, on_job_stop },
	{ &CALL_METER_JOB_SHOW, on_job_show },
	{ &CALL_METER_JOB_LIST, on_job_list },
	{ &CALL_METER_SANDBOX_ADMIT, on_sandbox_admit },
	{ &CALL_METER_SANDBOX_BEGIN, on_sandbox_begin },
	{ &CALL_METER_SANDBOX_ABORT, on_sandbox_abort },
	{ &CALL_METER_SANDBOX_EXTEND, on_sandbox_extend },
	{ &CALL_METER_SANDBOX_STOP, on_sandbox_stop },
	{ &CALL_METER_SANDBOX_END, on_sandbox_end },
	{ &CALL_METER_SANDBOX_SHOW, on_sandbox_show },
	{ &CALL_METER_SANDBOX_LIST, on_sandbox_list },
	{ &CALL_METER_LEASE_READ, on_lease_read },
	{ &CALL_METER_ACTIVITY_REPORT, on_activity_report },
	{ &CALL_METER_USAGE_READ, on_usage_read },
	{ &CALL_METER_HORIZON_LIST, on_horizon_list },
	{ &CALL_METER_FORECAST_LIST, on_forecast_list },
	{ &CALL_METER_PRICE_PUT, on_price_put },
	{ &CALL_METER_PRICE_LIST, on_price_list },
	{ &CALL_METER_PRICE_QUOTE, on_price_quote },
	{ &CALL_METER_METER_SHOW, on_meter_show },
	{ .call = NULL },
};

const struct svc_group meter_groups[] = {
	{ &CALL_METER_WALLET_TRANSFER, on_wallet_transfers },
	{ &CALL_METER_WALLET_TRANSFER_BATCH, on_wallet_transfers },
	{ .call = NULL },
};

const struct svc_tick meter_shared_ticks[] = {
	{ .name = "partitions", .period_ms = TICK_PERIOD_MS, .handle = tick_partitions },
	{ .name = NULL },
};

const struct svc_tick meter_ticks[] = {
	{ .name = "due", .period_ms = DUE_PERIOD_MS, .handle = tick_due },
	{ .name = "proof", .period_ms = PROOF_PERIOD_MS, .handle = tick_proof },
	{ .name = NULL },
};

enum st meter_start(struct svc *svc, void *state)
{
	const struct meter_service *meter = state;

	(void)svc;
	crypto_init();
	if (meter->alive_ms >= meter->warning_ms && meter->warning_ms >= meter->critical_ms)
		return ST_OK;
	log_write(
		LOG_ERROR, &(struct log_fields){ .category = "config" },
		"PIOPL_METER_ALIVE is at least PIOPL_METER_WARNING, and that PIOPL_METER_CRITICAL");
	return ST_CONFIG_INVALID;
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
