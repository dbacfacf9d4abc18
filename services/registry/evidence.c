/* evidence.c: what was done or refused, in the transaction of the act. */
#include "handlers.h"
#include "id.h"

#define EVIDENCE_USER_BYTES_MAX 128

struct str asker_of(const struct svc_request *req)
{
	return req->principal.size > 0 ? req->principal : req->caller;
}

struct str parameters_hash_of(const struct svc_request *req)
{
	struct hash hash;
	char text[HASH_TEXT_SIZE];

	sha256_of(req->body_text.data, req->body_text.size, &hash);
	hash_to_text(&hash, text);
	return arena_copy(req->arena, str_of(text));
}

static void evidence_fill(const struct svc_scope *scope, const struct note *note,
			  struct str agent_id, const struct common_evidence_approval *approval,
			  struct common_evidence *ret)
{
	struct str user = note->user_id;

	user.size = utf8_cut(user, EVIDENCE_USER_BYTES_MAX);
	*ret = (struct common_evidence){
		.timestamp_ms = scope->now_ms,
		.agent_id = agent_id,
		.trace_id = scope->trace_id,
		.operation = { .type = str_of(note->operation),
			       .tool = STR("registry"),
			       .parameters_hash = note->parameters_hash },
		.context = { .user_id = user },
		.policy_evaluation = { .decision = note->refused
							   ? COMMON_EVIDENCE_POLICY_DECISION_DENY
							   : COMMON_EVIDENCE_POLICY_DECISION_ALLOW,
				       .approval = (struct common_evidence_approval *)approval },
		.outcome = { .status = note->refused ? COMMON_EVIDENCE_OUTCOME_STATUS_REFUSED
						     : COMMON_EVIDENCE_OUTCOME_STATUS_SUCCESS },
		.domain = STR("default"),
	};
}

enum st evidence_emit_agents(const struct svc_scope *scope, const struct note *note,
			     const struct str *agent_ids, size_t count)
{
	struct common_evidence_approval approval = { .required = true };
	struct common_evidence evidence;
	char id[ID_TEXT_SIZE];

	if (note->act) {
		approval.approver = note->act->person_id;
		approval.has_approved_at_ms = true;
		approval.approved_at_ms = note->act->issued_at_ms;
	}
	for (size_t i = 0; i < count; i++) {
		evidence_fill(scope, note, agent_ids[i], note->act ? &approval : NULL, &evidence);
		id_make("evd", scope->now_ms, id);
		evidence.evidence_id = str_of(id);
		TRY(svc_emit_in(scope, &EVT_EVIDENCE_RECORDED, &evidence.evidence_id, &evidence,
				1));
	}
	return ST_OK;
}

static enum st note_emit(struct svc_request *req, const struct note *note)
{
	struct svc_scope scope = svc_scope_of_request(req);

	return evidence_emit_agents(&scope, note, &note->agent_id, 1);
}

enum st recorded(struct svc_request *req, const char *operation, struct str agent_id,
		 enum st (*act)(struct svc_request *req, struct note *note))
{
	struct note note = {
		.operation = operation,
		.agent_id = agent_id,
		.user_id = asker_of(req),
		.parameters_hash = parameters_hash_of(req),
	};
	size_t writes = db_tx_writes(req->tx);

	if (!note.parameters_hash.data)
		return ST_TOO_LARGE;
	enum st st = act(req, &note);
	if (st == ST_OK)
		return note_emit(req, &note);
	/* A write that found the row changed refuses late: then nothing of it may stay. */
	if (st_info(st)->kind != ST_KIND_REFUSAL || db_tx_writes(req->tx) != writes)
		return st;
	note.refused = true;
	TRY(note_emit(req, &note));
	req->keep_writes = true;
	return st;
}
