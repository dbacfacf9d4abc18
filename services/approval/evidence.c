/* evidence.c: what was asked, judged, used or refused, in the transaction of the act. */
#include "handlers.h"
#include "id.h"

#define EVIDENCE_USER_BYTES_MAX 128

struct str asker_of(const struct svc_request *req)
{
	struct str asker = req->principal.size > 0 ? req->principal : req->caller;

	asker.size = utf8_cut(asker, EVIDENCE_USER_BYTES_MAX);
	return asker;
}

static struct str body_hash_of(const struct svc_request *req)
{
	struct hash hash;
	char text[HASH_TEXT_SIZE];

	sha256_of(req->body_text.data, req->body_text.size, &hash);
	hash_to_text(&hash, text);
	return arena_copy(req->arena, str_of(text));
}

enum st evidence_emit(const struct svc_scope *scope, const struct note *note)
{
	struct common_evidence_approval approval = { .required = true };
	char id[ID_TEXT_SIZE];

	if (note->act) {
		approval.approver = note->act->person_id;
		approval.has_approved_at_ms =
			note->decision == COMMON_EVIDENCE_POLICY_DECISION_ALLOW;
		approval.approved_at_ms = note->act->issued_at_ms;
	}
	id_make("evd", scope->now_ms, id);
	struct common_evidence evidence = {
		.evidence_id = str_of(id),
		.timestamp_ms = scope->now_ms,
		.agent_id = note->agent_id,
		.trace_id = scope->trace_id,
		.operation = { .type = str_of(note->operation),
			       .tool = note->tool,
			       .parameters_hash = note->parameters_hash },
		.context = { .user_id = note->user_id, .capability_applied = note->applied },
		.policy_evaluation = { .decision = note->decision, .approval = &approval },
		.outcome = { .status = note->status },
		.domain = STR("default"),
	};
	return svc_emit_in(scope, &EVT_EVIDENCE_RECORDED, &evidence.evidence_id, &evidence, 1);
}

enum st recorded(struct svc_request *req, const char *operation,
		 enum st (*act)(struct svc_request *req, struct note *note))
{
	struct note note = {
		.operation = operation,
		.agent_id = STR("approval"),
		.tool = STR("approval"),
		.user_id = asker_of(req),
		.parameters_hash = body_hash_of(req),
		.decision = COMMON_EVIDENCE_POLICY_DECISION_ALLOW,
		.status = COMMON_EVIDENCE_OUTCOME_STATUS_SUCCESS,
	};
	struct svc_scope scope = svc_scope_of_request(req);
	size_t writes = db_tx_writes(req->tx);

	if (!note.parameters_hash.data)
		return ST_TOO_LARGE;
	enum st st = act(req, &note);
	if (st == ST_OK)
		return evidence_emit(&scope, &note);
	/* A write that found the row changed refuses late: then nothing of it may stay. */
	if (st_info(st)->kind != ST_KIND_REFUSAL || db_tx_writes(req->tx) != writes)
		return st;
	note.decision = COMMON_EVIDENCE_POLICY_DECISION_DENY;
	note.status = COMMON_EVIDENCE_OUTCOME_STATUS_REFUSED;
	TRY(evidence_emit(&scope, &note));
	req->keep_writes = true;
	return st;
}
