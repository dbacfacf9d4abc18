/* handlers_revoke.c: ending tokens before their time. */
#include "clock.h"
#include "handlers.h"
#include "id.h"

static enum st told(const struct svc_scope *scope, const struct token_revocation *revocation,
		    const struct note *note)
{
	TRY(svc_emit_in(scope, &EVT_TOKEN_REVOCATION_ORDERED, &revocation->revocation_id,
			revocation, 1));
	return evidence_emit(scope, note);
}

static enum st complete(const struct svc_scope *scope, struct token_revocation *revocation)
{
	revocation->at_ms = scope->now_ms;
	return new_id("rev", scope->now_ms, scope->arena, &revocation->revocation_id);
}

enum st revoke_now(const struct svc_scope *scope, struct token_revocation *revocation,
		   const struct note *note)
{
	TRY(complete(scope, revocation));
	TRY(store_revoke(scope->tx, scope->arena, revocation));
	return told(scope, revocation, note);
}

enum st revoke_kept(const struct svc_scope *scope, struct token_revocation *revocation,
		    const struct note *note)
{
	TRY(complete(scope, revocation));
	TRY(store_revocation_keep(scope->tx, scope->arena, revocation));
	return told(scope, revocation, note);
}

enum st revoke_tokens(const struct svc_scope *scope, const struct shrunk *tokens,
		      const char *reason, const struct note *note)
{
	for (size_t from = 0; from < tokens->count; from += TOKEN_EVENT_IDS_MAX) {
		size_t left = tokens->count - from;
		struct token_revocation revocation = {
			.kind = TOKEN_REVOCATION_KIND_TOKENS,
			.has_token_ids = true,
			.before_ms = scope->now_ms,
			.until_ms = tokens->until_ms,
			.reason = str_of(reason),
			.by = note->user_id,
		};
		revocation.token_ids.items = tokens->token_ids + from;
		revocation.token_ids.count =
			left < TOKEN_EVENT_IDS_MAX ? left : TOKEN_EVENT_IDS_MAX;
		TRY(revoke_now(scope, &revocation, note));
	}
	return ST_OK;
}

/* -- the call -- */

static enum st token_named(struct svc_request *req, struct token_revocation *revocation,
			   struct note *note)
{
	const struct token_revoke_request *in = req->body;
	struct token_row *row = ARENA_NEW(req->arena, struct token_row);
	bool found;

	if (!row)
		return ST_TOO_LARGE;
	TRY(store_token_get(req->tx, req->arena, in->token_id, row, &found));
	if (!found)
		return svc_refuse(req, ST_NOT_FOUND, "/token_id", "\"%.*s\"",
				  STR_ARG(in->token_id));
	note->agent_id = row->capability.agent_id;
	note->token_id = row->capability.token_id;
	revocation->has_token_ids = true;
	revocation->token_ids.items = &row->capability.token_id;
	revocation->token_ids.count = 1;
	revocation->until_ms = row->capability.expires_at_ms;
	return ST_OK;
}

static enum st agent_named(struct svc_request *req, struct token_revocation *revocation,
			   struct note *note)
{
	const struct token_revoke_request *in = req->body;
	struct issue_agents agents;
	int64_t number;

	if (!agent_id_parse(in->agent_id, &number))
		return svc_refuse(req, ST_AGENT_UNKNOWN, "/agent_id", "%s", "");
	TRY(store_issue_agents(req->tx, req->arena, &number, 1, req->now_ms, &agents));
	if (agents.count == 0)
		return svc_refuse(req, ST_AGENT_UNKNOWN, "/agent_id", "%s", "");
	note->agent_id = in->agent_id;
	revocation->has_agent_ids = true;
	revocation->agent_ids.items = (struct str *)&in->agent_id;
	revocation->agent_ids.count = 1;
	return ST_OK;
}

static enum st key_named(struct svc_request *req, struct token_revocation *revocation)
{
	const struct token_revoke_request *in = req->body;
	struct svc_scope scope = svc_scope_of_request(req);
	struct key_row key;
	bool found;

	TRY(store_key_lock(req->tx, req->arena));
	TRY(store_key_get(req->tx, req->arena, in->key_id, &key, &found));
	if (!found)
		return svc_refuse(req, ST_TOKEN_KEY_UNKNOWN, "/key_id", "\"%.*s\"",
				  STR_ARG(in->key_id));
	revocation->key_id = in->key_id;
	/* A key that comes back from a list that is older must stay dead for good. */
	revocation->until_ms = TIME_MS_MAX;
	if (key.state == TOKEN_KEY_STATE_REVOKED)
		return ST_OK;
	return key_revoke(&scope, req->state, &key);
}

static enum st revoke_act(struct svc_request *req, struct note *note)
{
	const struct token_revoke_request *in = req->body;
	struct token_revoke_reply *answer = req->answer;
	struct svc_scope scope = svc_scope_of_request(req);
	struct token_revocation *revocation = &answer->revocation;
	enum token_revocation_kind kind;
	int64_t newest_ms;

	TRY(revocation_kind(in, req->now_ms, &kind, &req->problem));
	TRY(store_newest_issue(req->tx, req->arena, req->now_ms, &newest_ms));
	*revocation = (struct token_revocation){
		.kind = kind,
		.scope = in->scope,
		.before_ms = in->has_before_ms ? in->before_ms : newest_ms,
		.until_ms = newest_ms + TOKEN_LIFE_MS_MAX,
		.reason = in->reason,
		.by = note->user_id,
	};
	if (kind == TOKEN_REVOCATION_KIND_TOKENS)
		TRY(token_named(req, revocation, note));
	else if (kind == TOKEN_REVOCATION_KIND_AGENTS)
		TRY(agent_named(req, revocation, note));
	else if (kind == TOKEN_REVOCATION_KIND_KEY)
		TRY(key_named(req, revocation));
	TRY(complete(&scope, revocation));
	TRY(store_revoke(req->tx, req->arena, revocation));
	return svc_emit(req, &EVT_TOKEN_REVOCATION_ORDERED, revocation->revocation_id, revocation);
}

enum st on_revoke(struct svc_request *req)
{
	return recorded(req, "token.revoke", STR("token"), revoke_act);
}

enum st on_revocation_list(struct svc_request *req)
{
	const struct token_revocation_list_request *in = req->body;

	return store_revocation_list(req->tx, req->arena, in->has_after ? in->after : 0,
				     in->has_limit ? in->limit : TOKEN_REVOCATION_PAGE, req->now_ms,
				     req->answer);
}
