/* evidence.c: what was done or refused, in the transaction of the act. */
#include "handlers.h"
#include "id.h"

struct str asker_of(const struct svc_request *req)
{
	struct str asker = req->principal.size > 0 ? req->principal : req->caller;

	asker.size = utf8_cut(asker, TOKEN_BY_BYTES_MAX);
	return asker;
}

struct str hash_text_of(struct str bytes, struct arena *arena)
{
	struct hash hash;
	char text[HASH_TEXT_SIZE];

	sha256_of(bytes.data, bytes.size, &hash);
	hash_to_text(&hash, text);
	return arena_copy(arena, str_of(text));
}

enum st new_id(const char *prefix, int64_t now_ms, struct arena *arena, struct str *ret)
{
	char id[ID_TEXT_SIZE];

	id_make(prefix, now_ms, id);
	struct str copy = arena_copy(arena, str_of(id));
	if (!copy.data)
		return ST_TOO_LARGE;
	*ret = copy;
	return ST_OK;
}

enum st evidence_emit(const struct svc_scope *scope, const struct note *note)
{
	struct common_evidence evidence = {
		.timestamp_ms = scope->now_ms,
		.agent_id = note->agent_id,
		.trace_id = scope->trace_id,
		.operation = { .type = str_of(note->operation),
			       .tool = STR("token"),
			       .parameters_hash = note->parameters_hash },
		.context = { .user_id = note->user_id, .capability_applied = note->token_id },
		.policy_evaluation = { .decision =
					       note->refused
						       ? COMMON_EVIDENCE_POLICY_DECISION_DENY
						       : COMMON_EVIDENCE_POLICY_DECISION_ALLOW },
		.outcome = { .status = note->refused ? COMMON_EVIDENCE_OUTCOME_STATUS_REFUSED
						     : COMMON_EVIDENCE_OUTCOME_STATUS_SUCCESS },
		.domain = STR("default"),
	};

	TRY(new_id("evd", scope->now_ms, scope->arena, &evidence.evidence_id));
	return svc_evidence_emit(scope, &evidence);
}

enum st act_note(const struct svc_request *req, const char *operation, struct str agent_id,
		 struct note *ret)
{
	*ret = (struct note){
		.operation = operation,
		.agent_id = agent_id,
		.user_id = asker_of(req),
		.parameters_hash = hash_text_of(req->body_text, req->arena),
	};
	return ret->parameters_hash.data ? ST_OK : ST_TOO_LARGE;
}

enum st recorded(struct svc_request *req, const char *operation, struct str agent_id,
		 enum st (*act)(struct svc_request *req, struct note *note))
{
	struct svc_scope scope = svc_scope_of_request(req);
	size_t writes = db_tx_writes(req->tx);
	struct note note;

	TRY(act_note(req, operation, agent_id, &note));
	enum st st = act(req, &note);
	if (st == ST_OK)
		return evidence_emit(&scope, &note);
	/* A write that found the row changed refuses late: then nothing of it may stay. */
	if (st_info(st)->kind != ST_KIND_REFUSAL || db_tx_writes(req->tx) != writes)
		return st;
	note.refused = true;
	TRY(evidence_emit(&scope, &note));
	req->keep_writes = true;
	return st;
}
