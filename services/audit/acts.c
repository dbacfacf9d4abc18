/* acts.c: what the audit service itself does is evidence like everyone's: it goes into its own
 * outbox and comes back as an event. */
#include <stdio.h>

#include "service.h"

struct str audit_hash_text(struct arena *arena, const struct hash *hash)
{
	char text[HASH_TEXT_SIZE];

	hash_to_text(hash, text);
	return arena_copy(arena, str_of(text));
}

static struct str text_hash(struct arena *arena, struct str text)
{
	struct hash hash;

	sha256_of(text.data, text.size, &hash);
	return audit_hash_text(arena, &hash);
}

static struct str trace_of(const struct svc_scope *scope)
{
	char made[TRACE_ID_TEXT_SIZE];

	if (scope->trace_id.size == TRACE_ID_TEXT_SIZE - 1)
		return scope->trace_id;
	trace_id_make(made);
	return arena_copy(scope->arena, str_of(made));
}

enum st audit_act_emit(const struct svc_scope *scope, const struct audit_act *act)
{
	char id[ID_TEXT_SIZE];

	id_make("evd", scope->now_ms, id);

	struct common_evidence evidence = {
		.evidence_id = arena_copy(scope->arena, str_of(id)),
		.timestamp_ms = scope->now_ms,
		.agent_id = act->agent_id,
		.trace_id = trace_of(scope),
		.operation = { .type = str_of(act->type),
			       .tool = str_of(act->tool),
			       .parameters_hash = text_hash(scope->arena, act->parameters) },
		.context = { .user_id = act->user_id },
		.policy_evaluation = { .decision = COMMON_EVIDENCE_POLICY_DECISION_ALLOW },
		.outcome = { .status = COMMON_EVIDENCE_OUTCOME_STATUS_SUCCESS,
			     .result_hash = text_hash(scope->arena, act->result) },
		.domain = STR("audit"),
	};

	if (!evidence.evidence_id.data || !evidence.trace_id.data ||
	    !evidence.operation.parameters_hash.data || !evidence.outcome.result_hash.data)
		return ST_TOO_LARGE;
	return svc_emit_in(scope, &EVT_EVIDENCE_RECORDED, &act->agent_id, &evidence, 1);
}

enum st audit_alarm_raise(const struct svc_scope *scope, enum audit_alarm_kind kind,
			  struct str subject, int64_t log_id, const char *detail)
{
	struct audit_alarm alarm = {
		.kind = kind,
		.raised_at_ms = scope->now_ms,
		.subject = subject,
		.has_log_id = log_id >= 0,
		.log_id = log_id,
		.detail = str_of(detail),
	};
	struct db_value position = log_id >= 0 ? DB_I64(log_id) : DB_NULL('i');
	struct db_rows rows;

	TRY(db_query(scope->tx, &audit_statements[AUDIT_ALARM_INSERT], scope->arena, &rows,
		     DB_TEXT(str_of(audit_alarm_kind_names[kind - 1])), DB_I64(scope->now_ms),
		     DB_TEXT(subject), position, DB_TEXT(str_of(detail))));
	if (rows.count != 1)
		return ST_LOG_DAMAGED;
	alarm.alarm_id = db_i64(&rows, 0, 0);
	return svc_emit_in(scope, &EVT_AUDIT_ALARM_RAISED, &alarm.subject, &alarm, 1);
}
