/* evidence.c: what was done or refused, in the transaction of the act. */
#include "handlers.h"
#include "id.h"

struct str asker_of(const struct svc_request *req)
{
	struct str asker = req->principal.size > 0 ? req->principal : req->caller;

	asker.size = utf8_cut(asker, METER_TEXT_BYTES_MAX);
	return asker;
}

enum st evidence_emit(struct svc_request *req, const char *operation, bool refused)
{
	struct common_evidence evidence;
	char id[ID_TEXT_SIZE], digest[HASH_TEXT_SIZE];
	struct hash hash;

	sha256_of(req->body_text.data, req->body_text.size, &hash);
	hash_to_text(&hash, digest);
	id_make("evd", req->now_ms, id);
	evidence = (struct common_evidence){
		.evidence_id = str_of(id),
		.timestamp_ms = req->now_ms,
		.agent_id = STR("meter"),
		.trace_id = req->trace_id,
		.operation = { .type = str_of(operation),
			       .tool = STR("meter"),
			       .parameters_hash = str_of(digest) },
		.context = { .user_id = asker_of(req) },
		.policy_evaluation = { .decision =
					       refused ? COMMON_EVIDENCE_POLICY_DECISION_DENY
						       : COMMON_EVIDENCE_POLICY_DECISION_ALLOW },
		.outcome = { .status = refused ? COMMON_EVIDENCE_OUTCOME_STATUS_REFUSED
					       : COMMON_EVIDENCE_OUTCOME_STATUS_SUCCESS },
		.domain = STR("default"),
	};
	return svc_emit(req, &EVT_EVIDENCE_RECORDED, evidence.evidence_id, &evidence);
}

enum st quote_name(struct svc_request *req)
{
	struct quote *quote = &req->problem.quote;
	struct str id = { 0 };
	int64_t number;

	if (!quote->currency[0] || !str_to_i64(str_of(quote->wallet_id), &number))
		return ST_OK;
	TRY(store_wallet_ids(req->tx, req->arena, &number, 1, &id));
	if (id.size == 0 || !str_copy(id, quote->wallet_id, sizeof(quote->wallet_id)))
		*quote = (struct quote){ 0 };
	return ST_OK;
}

enum st recorded(struct svc_request *req, const char *operation,
		 enum st (*act)(struct svc_request *req))
{
	size_t writes = db_tx_writes(req->tx);
	enum st st = act(req);

	if (st == ST_OK)
		return evidence_emit(req, operation, false);
	/* A write that found the row changed refuses late: then nothing of it may stay. */
	if (st_info(st)->kind != ST_KIND_REFUSAL || db_tx_writes(req->tx) != writes)
		return st;
	TRY(quote_name(req));
	TRY(evidence_emit(req, operation, true));
	req->keep_writes = true;
	return st;
}
