/* handlers_check.c: the verifier of those who have none of their own. It asks the tables, so what
 * it says is what holds at that moment. */
#include "handlers.h"
#include "keyring.h"

static enum st keys_load(struct svc_request *req, struct token_key_set *ret)
{
	const struct keyring *keyring = svc_keyring(req->svc);
	struct token_key_set set = { 0 };
	struct key_rows keys;

	TRY(store_key_list(req->tx, req->arena, req->now_ms - TOKEN_LIFE_MS_MAX, &keys));
	for (size_t i = 0; i < keys.count && set.count < TOKEN_KEYS_MAX; i++) {
		struct token_public_key *key = &set.items[set.count++];
		bool fits = str_copy(keys.items[i].key_id, key->key_id, sizeof(key->key_id));
		ASSERT(fits);
		memcpy(key->public_key, keys.items[i].public_key, PUBLIC_KEY_BYTES);
		key->state = keys.items[i].state;
		key->until_ms = keys.items[i].retired_ms ? keys.items[i].retired_ms : INT64_MAX;
	}
	for (size_t i = 0; keyring && i < keyring_count(keyring) && set.count < TOKEN_KEYS_MAX; i++)
		TRY(token_key_set_put_foreign(&set, str_of(keyring_at(keyring, i)->key_id)));
	*ret = set;
	return ST_OK;
}

static enum st grant_fill(const struct token_view *view, struct arena *arena,
			  struct token_grant *ret)
{
	char digest[HASH_TEXT_SIZE], holder[PUBLIC_KEY_TEXT_SIZE];

	hash_to_text(&view->digest, digest);
	*ret = (struct token_grant){
		.token_id = arena_copy(arena, str_of(view->token_id)),
		.agent_id = agent_text_of(view->agent_number, arena),
		.risk = view->risk,
		.issued_at_ms = view->issued_at_ms,
		.expires_at_ms = view->expires_at_ms,
		.key_id = arena_copy(arena, str_of(view->key_id)),
		.digest = arena_copy(arena, str_of(digest)),
		.bound = view->bound,
	};
	ret->scopes.items = (struct str *)view->scopes;
	ret->scopes.count = view->scope_count;
	if (view->bound) {
		base64_encode(view->holder_key, PUBLIC_KEY_BYTES, holder);
		ret->holder_key = arena_copy(arena, str_of(holder));
	}
	if (view->endpoints_limited || view->amount_limited) {
		ret->limits = ARENA_NEW(arena, struct token_limits);
		if (!ret->limits)
			return ST_TOO_LARGE;
		ret->limits->has_endpoints = view->endpoints_limited;
		ret->limits->endpoints.items = (struct str *)view->endpoints;
		ret->limits->endpoints.count = view->endpoint_count;
		ret->limits->has_amount_per_day = view->amount_limited;
		ret->limits->amount_per_day = view->amount_per_day;
	}
	ret->chain.items = ARENA_ARRAY(arena, struct token_chain_link, view->depth);
	ret->chain.count = view->depth;
	for (unsigned i = 0; ret->chain.items && i < view->depth; i++)
		ret->chain.items[i] = (struct token_chain_link){
			.signed_by = str_of(view->links[i].signed_by),
			.block = *view->links[i].block,
		};
	return arena->failed ? ST_TOO_LARGE : ST_OK;
}

static enum st check_use(const struct token_check_request *in, const struct token_grant *grant,
			 const struct token_view *view, struct problem *problem)
{
	if (in->agent_id.data && !str_equal(in->agent_id, grant->agent_id))
		return problem_set(problem, ST_TOKEN_AGENT_WRONG, "/agent_id", "it is of \"%.*s\"",
				   STR_ARG(grant->agent_id));
	if (in->scope.data && !token_has_scope(view, in->scope))
		return problem_set(problem, ST_TOKEN_SCOPE_MISSING, "/scope", "scope \"%.*s\"",
				   STR_ARG(in->scope));
	if (in->endpoint.data && !token_reaches(view, in->endpoint))
		return problem_set(problem, ST_TOKEN_ENDPOINT_DENIED, "/endpoint",
				   "endpoint \"%.*s\"", STR_ARG(in->endpoint));
	return ST_OK;
}

static enum st check_proof(struct svc_request *req, const struct token_view *view,
			   struct problem *problem)
{
	const struct token_check_request *in = req->body;
	struct hash nonce;
	int64_t made_at_ms;
	bool fresh;

	if (!view->bound)
		return view->risk >= TOKEN_RISK_HIGH
			       ? problem_set(problem, ST_TOKEN_UNBOUND, "", "%s", "")
			       : ST_OK;
	if (!in->proof)
		return problem_set(problem, ST_PROOF_REQUIRED, "/proof", "%s", "");
	TRY(token_proof_verify(view, in->proof, req->now_ms, TOKEN_PROOF_WINDOW_MS, &nonce,
			       &made_at_ms, problem));
	TRY(store_proof_take(req->tx, req->arena, &nonce, made_at_ms + TOKEN_PROOF_WINDOW_MS,
			     &fresh));
	return fresh ? ST_OK : problem_set(problem, ST_PROOF_REPLAYED, "/proof/text", "%s", "");
}

static enum st check_all(struct svc_request *req, const struct token_view *view,
			 const struct token_grant *grant, struct problem *problem)
{
	struct token_row *row = ARENA_NEW(req->arena, struct token_row);
	bool found;

	if (!row)
		return ST_TOO_LARGE;
	TRY(store_token_get(req->tx, req->arena, grant->token_id, row, &found));
	if (!found)
		return problem_set(problem, ST_TOKEN_UNKNOWN, "", "\"%.*s\"",
				   STR_ARG(grant->token_id));
	if (view->latest_ms > req->now_ms + TOKEN_SKEW_MS)
		return problem_set(problem, ST_TOKEN_FROM_FUTURE, "", "it is dated %lld ms ahead",
				   (long long)(view->latest_ms - req->now_ms));
	/* The chain may end before the token itself does. */
	row->capability.expires_at_ms = view->expires_at_ms;
	TRY(token_usable(row, req->now_ms, problem));
	TRY(check_use(req->body, grant, view, problem));
	return check_proof(req, view, problem);
}

static bool is_fault(enum st st)
{
	return st != ST_OK && (st_info(st)->kind != ST_KIND_REFUSAL || st == ST_TOO_LARGE);
}

enum st on_check(struct svc_request *req)
{
	const struct token_check_request *in = req->body;
	struct token_check_reply *answer = req->answer;
	struct svc_scope scope = svc_scope_of_request(req);
	struct token_view *view = ARENA_NEW(req->arena, struct token_view);
	struct token_key_set *keys = ARENA_NEW(req->arena, struct token_key_set);
	struct problem why = { 0 };
	struct note note = { .operation = "token.check",
			     .agent_id = STR("token"),
			     .user_id = asker_of(req),
			     .parameters_hash = hash_text_of(req->body_text, req->arena) };

	if (!view || !keys || !note.parameters_hash.data)
		return ST_TOO_LARGE;
	TRY(keys_load(req, keys));
	enum st st = token_open(keys, in->token, req->arena, view, &why);
	if (st == ST_OK) {
		answer->grant = ARENA_NEW(req->arena, struct token_grant);
		if (!answer->grant)
			return ST_TOO_LARGE;
		TRY(grant_fill(view, req->arena, answer->grant));
		note.agent_id = answer->grant->agent_id;
		note.token_id = answer->grant->token_id;
		st = check_all(req, view, answer->grant, &why);
	}
	if (is_fault(st))
		return st;
	answer->verdict = verdict_of(st, &why, req->arena);
	note.refused = st != ST_OK;
	return evidence_emit(&scope, &note);
}
