/* timed.c: what time does to tokens: their end is announced, some are renewed, they end, they are
 * forgotten. And the heartbeat by which verifiers know that they have heard everything. */
#include "handlers.h"

#define PHASE_ANNOUNCED 1
#define PHASE_ENDED 2

static enum st ending_told(const struct svc_scope *scope, const struct proto_event *event,
			   const struct token_capability *c)
{
	struct token_capability_ending data = {
		.token_id = c->token_id,
		.agent_id = c->agent_id,
		.expires_at_ms = c->expires_at_ms,
		.auto_renew = c->auto_renew,
		.renewed_by = c->renewed_by,
	};

	return svc_emit_in(scope, event, &c->token_id, &data, 1);
}

/* A token that may not be renewed any more ends like any other; that it was tried is evidence. */
static enum st renewed(const struct svc_scope *scope, struct token_service *token,
		       struct token_row *row)
{
	struct token_capability *c = &row->capability, successor;
	struct problem problem = { 0 };
	struct note note = { .operation = "token.renew",
			     .agent_id = c->agent_id,
			     .user_id = STR("token"),
			     .parameters_hash = hash_text_of(c->token_id, scope->arena) };
	struct str text;

	if (!note.parameters_hash.data)
		return ST_TOO_LARGE;
	enum st st = renew(scope, token, row, STR("token"), &successor, &text, &problem);
	if (st != ST_OK && st_info(st)->kind != ST_KIND_REFUSAL)
		return st;
	note.refused = st != ST_OK;
	note.token_id = note.refused ? c->token_id : successor.token_id;
	if (!note.refused)
		c->renewed_by = successor.token_id;
	return evidence_emit(scope, &note);
}

static enum st announced(const struct svc_scope *scope, const struct token_capability *c)
{
	TRY(ending_told(scope, &EVT_TOKEN_CAPABILITY_EXPIRING, c));
	return store_token_phase(scope->tx, c->token_id, PHASE_ANNOUNCED, c->expires_at_ms);
}

static enum st ended(const struct svc_scope *scope, const struct token_service *token,
		     const struct token_capability *c)
{
	int64_t from_ms = scope->now_ms > c->expires_at_ms ? scope->now_ms : c->expires_at_ms;

	return store_token_phase(scope->tx, c->token_id, PHASE_ENDED, from_ms + token->keep_ms);
}

static enum st step(const struct svc_scope *scope, struct token_service *token,
		    struct token_row *row)
{
	const struct token_capability *c = &row->capability;

	switch (token_step_due(row, scope->now_ms)) {
	case TOKEN_STEP_RENEW:
		TRY(renewed(scope, token, row));
		return announced(scope, c);
	case TOKEN_STEP_ANNOUNCE:
		return announced(scope, c);
	case TOKEN_STEP_EXPIRE:
		TRY(ending_told(scope, &EVT_TOKEN_CAPABILITY_EXPIRED, c));
		return ended(scope, token, c);
	case TOKEN_STEP_END:
		return ended(scope, token, c);
	case TOKEN_STEP_FORGET:
		return store_token_forget(scope->tx, c->token_id);
	}
	return ST_INTERNAL;
}

enum st tick_due(struct svc_tick_context *tick)
{
	struct svc_scope scope = svc_scope_of_tick(tick);
	struct token_rows rows;

	TRY(store_tokens_due(tick->tx, tick->arena, tick->now_ms, TOKEN_DUE_CHUNK, &rows));
	for (size_t i = 0; i < rows.count; i++)
		TRY(step(&scope, tick->state, &rows.items[i]));
	tick->again = rows.count == TOKEN_DUE_CHUNK;
	return ST_OK;
}

enum st tick_heart(struct svc_tick_context *tick)
{
	struct svc_scope scope = svc_scope_of_tick(tick);
	struct token_heart_beat beat = { .at_ms = tick->now_ms };
	struct str subject = STR("token");

	return svc_emit_in(&scope, &EVT_TOKEN_HEART_BEAT, &subject, &beat, 1);
}

enum st tick_forget(struct svc_tick_context *tick)
{
	const struct token_service *token = tick->state;

	return store_forget(tick->tx, tick->now_ms, token->keep_ms);
}
