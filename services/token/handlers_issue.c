/* handlers_issue.c: tokens are made here, for a call or by the tick that renews them. */
#include <stdlib.h>

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

/* -- some together -- */

static int number_order(const void *a, const void *b)
{
	const struct issue_agent *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

/* Everything they are judged by. */
static enum st issue_load(const struct svc_scope *scope, const struct issuing *items, size_t count,
			  struct issue_agents *ret_agents, struct issue_rules *ret_rules)
{
	int64_t *numbers = ARENA_ARRAY(scope->arena, int64_t, count);
	size_t label_count = 0, n = 0;

	for (size_t i = 0; i < count; i++)
		label_count += items[i].order.wish.scopes.count;
	struct str *labels = ARENA_ARRAY(scope->arena, struct str, label_count);
	if (!numbers || !labels)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		const struct label_list *scopes = &items[i].order.wish.scopes;
		numbers[i] = items[i].order.number;
		for (size_t k = 0; k < scopes->count; k++)
			labels[n++] = scopes->items[k];
	}
	TRY(store_issue_agents(scope->tx, scope->arena, numbers, count, scope->now_ms, ret_agents));
	return store_issue_rules(scope->tx, scope->arena, (struct label_list){ labels, n },
				 ret_rules);
}

/* How many tokens it has. Those that a rule ended are told apart only when that decides. */
static enum st tokens_count(const struct svc_scope *scope, struct issue_agent *agent,
			    int64_t live_max, int64_t *ret)
{
	if (!agent->counted && agent->view.live_count + agent->made >= live_max) {
		TRY(store_live_count(scope->tx, scope->arena, agent->number, scope->now_ms,
				     &agent->view.live_count));
		agent->counted = true;
	}
	*ret = agent->view.live_count + agent->made;
	return ST_OK;
}

/* One: judged, filled in and signed. */
static enum st issue_one(struct token_service *token, struct issuing *item,
			 const struct issue_agents *agents, const struct issue_rules *rules)
{
	const struct issue_order *order = &item->order;
	const struct issue_agent wanted = { .number = order->number };
	struct issue_limits limits = token->issue;
	const struct signing_key *key;
	struct agent_view view = { 0 };
	struct issue_grant grant;

	struct issue_agent *agent =
		bsearch(&wanted, agents->items, agents->count, sizeof(wanted), number_order);
	/* The successor takes the place of the token it renews. */
	limits.live_max += order->renews != NULL;
	if (agent) {
		int64_t dead_ms = rules_dead_until_ms(rules, order->wish.scopes);
		view = agent->view;
		if (dead_ms > view.dead_until_ms)
			view.dead_until_ms = dead_ms;
		TRY(tokens_count(&item->scope, agent, limits.live_max, &view.live_count));
	}
	TRY(issue_decide(&limits, &view, &order->wish, item->scope.now_ms, &grant, item->problem));
	TRY(signing_key_get(&item->scope, token, rules->key_id, &key));
	TRY(capability_fill(&item->scope, order, &grant, &item->capability));
	TRY(sign(&item->scope, key, &item->capability, &item->text));
	ASSERT(agent); /* who is not known gets none */
	agent->made++;
	return ST_OK;
}

static enum st issue_write(const struct svc_scope *scope, const struct token_service *token,
			   const struct issuing *items, size_t count)
{
	struct token_new *made = ARENA_ARRAY(scope->arena, struct token_new, count);
	size_t n = 0;

	if (!made)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		const struct token_capability *c = &items[i].capability;
		if (items[i].st != ST_OK)
			continue;
		made[n++] = (struct token_new){
			.capability = c,
			.agent_number = items[i].order.number,
			.due_ms = token_notice_at_ms(c->issued_at_ms, c->expires_at_ms,
						     token->notice_ms),
		};
	}
	if (n == 0)
		return ST_OK;
	TRY(store_tokens_insert(scope->tx, scope->arena, made, n));
	for (size_t i = 0; i < count; i++) {
		struct token_capability_issued event = { .capability = items[i].capability };
		if (items[i].st == ST_OK)
			TRY(svc_emit_in(&items[i].scope, &EVT_TOKEN_CAPABILITY_ISSUED,
					&event.capability.token_id, &event, 1));
	}
	return ST_OK;
}

enum st issue_all(const struct svc_scope *scope, struct token_service *token, struct issuing *items,
		  size_t count)
{
	struct issue_agents agents;
	struct issue_rules rules;

	TRY(issue_load(scope, items, count, &agents, &rules));
	for (size_t i = 0; i < count; i++) {
		if (items[i].st == ST_OK)
			items[i].st = issue_one(token, &items[i], &agents, &rules);
		if (items[i].st != ST_OK && st_info(items[i].st)->kind != ST_KIND_REFUSAL)
			return items[i].st;
	}
	return issue_write(scope, token, items, count);
}

/* -- a call -- */

static void issue_ask(struct svc_request *req, struct issuing *ret)
{
	const struct token_issue_request *in = req->body;

	*ret = (struct issuing){
		.scope = svc_scope_of_request(req),
		.order = { .agent_id = in->agent_id,
			   .wish = { .scopes = { in->scopes.items, in->scopes.count },
				     .risk = in->risk,
				     .life_ms = in->has_life_s ? in->life_s * 1000 : 0,
				     .holder_key = in->holder_key,
				     .limits = in->limits },
			   .auto_renew = in->has_auto_renew && in->auto_renew,
			   .by = asker_of(req) },
		.problem = &req->problem,
	};
	if (!agent_id_parse(in->agent_id, &ret->order.number))
		ret->st = svc_refuse(req, ST_AGENT_UNKNOWN, "/agent_id", "%s", "");
}

static enum st issue_answer(struct svc_request *req, const struct issuing *item)
{
	const struct token_issue_request *in = req->body;
	struct token_issue_reply *answer = req->answer;
	struct note note;

	TRY(act_note(req, "token.issue", in->agent_id, &note));
	note.refused = item->st != ST_OK;
	if (!note.refused) {
		answer->capability = item->capability;
		answer->token = item->text;
		note.token_id = item->capability.token_id;
	}
	return evidence_emit(&item->scope, &note);
}

enum st on_issues(struct svc_request *const *reqs, size_t count, enum st *ret)
{
	struct svc_scope scope = svc_scope_of_request(reqs[0]);
	struct issuing *items = ARENA_ARRAY(scope.arena, struct issuing, count);

	if (!items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++)
		issue_ask(reqs[i], &items[i]);
	TRY(issue_all(&scope, reqs[0]->state, items, count));
	for (size_t i = 0; i < count; i++) {
		ret[i] = items[i].st;
		TRY(issue_answer(reqs[i], &items[i]));
	}
	return ST_OK;
}

/* A message by itself is a group of one. */
enum st on_issue(struct svc_request *req)
{
	enum st outcome = ST_INTERNAL;

	TRY(on_issues(&req, 1, &outcome));
	req->keep_writes = outcome != ST_OK;
	return outcome;
}

/* -- renewing -- */

enum st renew(const struct svc_scope *scope, struct token_service *token,
	      const struct token_row *row, struct str by, struct token_capability *ret,
	      struct str *ret_text, struct problem *problem)
{
	const struct token_capability *c = &row->capability;
	struct issuing item = { .scope = *scope, .problem = problem };
	struct issue_order *order = &item.order;

	*order = (struct issue_order){
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
	if (order->wish.life_ms > token->issue.life_max_ms)
		order->wish.life_ms = token->issue.life_max_ms;
	if (!agent_id_parse(c->agent_id, &order->number))
		return ST_INTERNAL;
	TRY(issue_all(scope, token, &item, 1));
	TRY(item.st);
	*ret = item.capability;
	*ret_text = item.text;
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
	struct issue_rules rules;
	struct hash digest;
	bool found;

	if (!row)
		return ST_TOO_LARGE;
	TRY(store_token_lock(scope->tx, scope->arena, token_id, row, &found));
	if (!found)
		return problem_set(problem, ST_NOT_FOUND, "/token_id", "its successor is gone");
	TRY(token_usable(row, scope->now_ms, problem));
	*ret = row->capability;
	TRY(store_issue_rules(scope->tx, scope->arena, (struct label_list){ 0 }, &rules));
	TRY(signing_key_get(scope, token, rules.key_id, &key));
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
