/* handlers.c: which call, event and tick goes where, and the configuration. */
#include "gen/registry.h"
#include "service.h"

const struct config_field audit_config[] = {
	{ .name = "origin",
	  .type = CONFIG_TEXT,
	  CONFIG_MEMBER(struct audit_service, origin),
	  .default_value = "piopl.local/audit",
	  .min = 1,
	  .max = NOTE_NAME_BYTES_MAX,
	  .doc = "name of this log in its checkpoints; never change it once one is signed" },
	{ .name = "seal_grace",
	  .type = CONFIG_DURATION_MS,
	  CONFIG_MEMBER(struct audit_service, seal_grace_ms),
	  .default_value = "10s",
	  .min = 0,
	  .max = 24 * 3600 * 1000,
	  .doc = "how long after an agent's end its last evidence may come before the seal" },
	{ .name = NULL },
};

const struct svc_call audit_calls[] = {
	{ &CALL_AUDIT_RECORD_GET, audit_record_get },
	{ &CALL_AUDIT_RECORD_FIND, audit_record_find },
	{ &CALL_AUDIT_RECORD_QUERY, audit_record_query },
	{ &CALL_AUDIT_PROOF_INCLUSION, audit_proof_inclusion },
	{ &CALL_AUDIT_PROOF_CONSISTENCY, audit_proof_consistency },
	{ &CALL_AUDIT_CHECKPOINT_GET, audit_checkpoint_get },
	{ &CALL_AUDIT_CHECKPOINT_LIST, audit_checkpoint_list },
	{ &CALL_AUDIT_CHECKPOINT_COSIGN, audit_checkpoint_cosign },
	{ &CALL_AUDIT_WITNESS_PUT, audit_witness_put },
	{ &CALL_AUDIT_WITNESS_LIST, audit_witness_list },
	{ &CALL_AUDIT_CHAIN_GET, audit_chain_get },
	{ &CALL_AUDIT_CHAIN_READ, audit_chain_read },
	{ &CALL_AUDIT_EXPORT_BEGIN, audit_export_begin },
	{ &CALL_AUDIT_EXPORT_READ, audit_export_read },
	{ &CALL_AUDIT_RETENTION_LIST, audit_retention_list },
	{ &CALL_AUDIT_RETENTION_PUT, audit_retention_put },
	{ &CALL_AUDIT_PARTITION_LIST, audit_partition_list },
	{ &CALL_AUDIT_HOLD_PUT, audit_hold_put },
	{ &CALL_AUDIT_HOLD_RELEASE, audit_hold_release },
	{ &CALL_AUDIT_HOLD_LIST, audit_hold_list },
	{ &CALL_AUDIT_ALARM_LIST, audit_alarm_list },
	{ NULL, NULL },
};

const struct svc_follow audit_follows[] = {
	{ .source = "*",
	  .event = &EVT_EVIDENCE_RECORDED,
	  .handle_batch = audit_on_evidence,
	  .strict = true },
	{ .source = "*",
	  .event = &EVT_EVIDENCE_PACKED,
	  .handle_batch = audit_on_evidence_packed,
	  .strict = true },
	{ .source = "registry",
	  .event = &EVT_REGISTRY_AGENT_TERMINATED,
	  .handle = audit_on_terminated },
	{ .source = NULL, .event = NULL },
};

const struct svc_tick audit_ticks[] = {
	{ "checkpoint", 1000, audit_tick_checkpoint },
	{ "index", 200, audit_tick_index },
	{ "heads", 2000, audit_tick_heads },
	{ "seal", 1000, audit_tick_seal },
	{ "sources", 10000, audit_tick_sources },
	{ "expiry", 60000, audit_tick_expiry },
	{ NULL, 0, NULL },
};
