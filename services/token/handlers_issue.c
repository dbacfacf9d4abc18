/* handlers_issue.c: tokens are made here, for a call or by the tick that renews them. */
#include "handlers.h"
#include "id.h"

static enum st sign(const struct svc_scope *scope, const struct signing_key *key,
		    struct token_capability *c, struct str *ret_text)
{
	struct token_holder holder = { .public_key = c->holder_key };
	struct token_claims claims = {
		.jti = c->token_id,
		.sub = c->agent_id,
		.risk = c->risk,
		.iat_ms = c->issued_at_ms,
		.exp_ms = c->expires_at_ms,
		.limits = c->limits,
		.cnf = c->bound ? &holder : NULL,
	};
	struct str text;

	claims.scopes.items = c->scopes.items;
	claims.scopes.count = c->scopes.count;
	TRY(token_mint(key, &claims, scope->arena, &text));
	c->key_id = arena_copy(scope->arena, str_of(key->key_id));
	c->digest = hash_text_of(text, scope->arena);
	if (!c->key_id.data || !c->digest.data)
		return ST_TOO_LARGE;
	*ret_text = text;
	return ST_OK;
}

static enum st capability_fill(const struct svc_scope *scope, const struct issue_order *order,
			       const struct issue_grant *grant, struct token_capability *ret)
{
	*ret = (struct token_capability){
		.agent_id = order->agent_id,
		.risk = order->wish.risk,
		.state = TOKEN_CAPABILITY_STATE_LIVE,
		.issued_at_ms = grant->issued_at_ms,
		.expires_at_ms = grant->expires_at_ms,
		.limits = (struct token_limits *)order->wish.limits,
		.bound = grant->bound,
		.holder_key = grant->bound ? order->wish.holder_key : (struct str){ 0 },
		.auto_renew = order->auto_renew,
		.renewed_from = order->renews ? order->renews->token_id : (struct str){ 0 },
		.issued_by = order->by,
	};
	ret->scopes.items = (struct str *)order->wish.scopes.items;
	ret->scopes.count = order->wish.scopes.count;
	return new_id("tok", grant->issued_at_ms, scope->arena, &ret->token_id);
}

enum st issue(const struct svc_scope *scope, struct token_service *token,
	      const struct issue_order *order, struct token_capability *ret, struct str *ret_text,
	      struct problem *problem)
{
	struct issue_limits limits = token->issue;
	const struct signing_key *key;
	struct token_capability c;
	struct issue_grant grant;
	struct issue_view view;
	struct str text;

	/* The successor takes the place of the token it renews. */
	limits.live_max += order->renews != NULL;
	TRY(store_issue_load(scope->tx, scope->arena, order->number, order->wish.scopes,
			     scope->now_ms, limits.live_max, &view));
	TRY(issue_decide(&limits, &view.agent, &order->wish, scope->now_ms, &grant, problem));
	TRY(signing_key_get(scope, token, view.key_id, &key));
	TRY(capability_fill(scope, order, &grant, &c));
	TRY(sign(scope, key, &c, &text));
	TRY(store_token_insert(
		scope->tx, &c, order->number,
		token_notice_at_ms(c.issued_at_ms, c.expires_at_ms, token->notice_ms)));
	struct token_capability_issued event = { .capability = c };
	TRY(svc_emit_in(scope, &EVT_TOKEN_CAPABILITY_ISSUED, &c.token_id, &event, 1));
	*ret = c;
	*ret_text = text;
	return ST_OK;
}

static enum st issue_act(struct svc_request *req, struct note *note)
{
	const struct token_issue_request *in = req->body;
	struct token_issue_reply *answer = req->answer;
	struct svc_scope scope = svc_scope_of_request(req);
	struct issue_order order = {
		.agent_id = in->agent_id,
		.wish = { .scopes = { in->scopes.items, in->scopes.count },
			  .risk = in->risk,
			  .life_ms = in->has_life_s ? in->life_s * 1000 : 0,
			  .holder_key = in->holder_key,
			  .limits = in->limits },
		.auto_renew = in->has_auto_renew && in->auto_renew,
		.by = asker_of(req),
	};

	if (!agent_id_parse(in->agent_id, &order.number))
		return svc_refuse(req, ST_AGENT_UNKNOWN, "/agent_id", "%s", "");
	TRY(issue(&scope, req->state, &order, &answer->capability, &answer->token, &req->problem));
	note->token_id = answer->capability.token_id;
	return ST_OK;
}

enum st on_issue(struct svc_request *req)
{
	const struct token_issue_request *in = req->body;

	return recorded(req, "token.issue", in->agent_id, issue_act);
}

/* -- renewing -- */

enum st renew(const struct svc_scope *scope, struct token_service *token,
	      const struct token_row *row, struct str by, struct token_capability *ret,
	      struct str *ret_text, struct problem *problem)
{
	const struct token_capability *c = &row->capability;
	struct issue_order order = {
		.agent_id = c->agent_id,
		.wish = { .scopes = { c->scopes.items, c->scopes.count },
			  .risk = c->risk,
			  .life_ms = c->expires_at_ms - c->issued_at_ms,
			  .holder_key = c->holder_key,
			  .limits = c->limits },
		.auto_renew = true,
		.renews = c,
		.by = by,
	};

	TRY(renew_decide(row, token->notice_ms, scope->now_ms, problem));
	/* The installation's limit may be lower than when it was issued. */
	if (order.wish.life_ms > token->issue.life_max_ms)
		order.wish.life_ms = token->issue.life_max_ms;
	if (!agent_id_parse(c->agent_id, &order.number))
		return ST_INTERNAL;
	TRY(issue(scope, token, &order, ret, ret_text, problem));
	return store_token_renewed(scope->tx, c->token_id, ret->token_id);
}

/* The text is not kept, but the claims are and Ed25519 is deterministic: the same key gives the
 * same text again. A key that came since gives another one, of the same claims. */
static enum st signed_again(const struct svc_scope *scope, struct token_service *token,
			    struct str token_id, struct token_capability *ret, struct str *ret_text,
			    struct problem *problem)
{
	struct token_row *row = ARENA_NEW(scope->arena, struct token_row);
	const struct signing_key *key;
	struct issue_view view;
	struct hash digest;
	int64_t number;
	bool found;

	if (!row)
		return ST_TOO_LARGE;
	TRY(store_token_lock(scope->tx, scope->arena, token_id, row, &found));
	if (!found)
		return problem_set(problem, ST_NOT_FOUND, "/token_id", "its successor is gone");
	TRY(token_usable(row, scope->now_ms, problem));
	*ret = row->capability;
	if (!agent_id_parse(ret->agent_id, &number))
		return ST_INTERNAL;
	TRY(store_issue_load(scope->tx, scope->arena, number,
			     (struct label_list){ ret->scopes.items, ret->scopes.count },
			     scope->now_ms, token->issue.live_max, &view));
	TRY(signing_key_get(scope, token, view.key_id, &key));
	bool same = str_is(ret->key_id, key->key_id);
	TRY(sign(scope, key, ret, ret_text));
	ret->state = TOKEN_CAPABILITY_STATE_LIVE;
	if (same)
		return ST_OK;
	TRY(hash_of_text(ret->digest, &digest));
	return store_token_resigned(scope->tx, ret->token_id, ret->key_id, &digest);
}

static enum st renew_act(struct svc_request *req, struct note *note)
{
	const struct token_renew_request *in = req->body;
	struct token_issue_reply *answer = req->answer;
	struct svc_scope scope = svc_scope_of_request(req);
	struct token_row *row = ARENA_NEW(req->arena, struct token_row);
	enum st st;
	bool found;

	if (!row)
		return ST_TOO_LARGE;
	TRY(store_token_lock(req->tx, req->arena, in->token_id, row, &found));
	if (!found)
		return svc_refuse(req, ST_NOT_FOUND, "/token_id", "\"%.*s\"",
				  STR_ARG(in->token_id));
	note->agent_id = row->capability.agent_id;
	if (row->capability.renewed_by.data)
		st = signed_again(&scope, req->state, row->capability.renewed_by,
				  &answer->capability, &answer->token, &req->problem);
	else
		st = renew(&scope, req->state, row, asker_of(req), &answer->capability,
			   &answer->token, &req->problem);
	TRY(st);
	note->token_id = answer->capability.token_id;
	return ST_OK;
}

enum st on_renew(struct svc_request *req)
{
	return recorded(req, "token.renew", STR("token"), renew_act);
}
