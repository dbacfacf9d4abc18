/* handlers_login.c: the two calls of a wallet's login. */
#include "gen/contract.h"
#include "id.h"
#include "service.h"

#define KEY_NAME "wallet login"

enum st gateway_start(struct svc *svc, void *state)
{
	struct gateway_config *config = state;
	struct problem problem = { 0 };
	enum st st = login_rules_make(str_of(config->login_domain), str_of(config->login_uri),
				      str_of(config->login_chains), &config->login, &problem);

	(void)svc;
	if (st == ST_OK)
		st = x402_check(&config->x402, &problem);
	config->login.nonce_ms = config->login_nonce_ms;
	if (st != ST_OK)
		log_write(LOG_ERROR, &(struct log_fields){ .category = "config" }, "%s: %s",
			  problem.pointer, problem.detail);
	return st;
}

/* ---- auth_nonce ---- */

static enum st nonce_scopes(struct svc_request *req, const struct gateway_auth_nonce_request *in,
			    struct login_ask *ask)
{
	struct str *all = ARENA_ARRAY(req->arena, struct str, GATEWAY_SCOPES_MAX);
	size_t count;

	if (!all)
		return ST_TOO_LARGE;
	count = login_scopes_all(proto_calls, all);
	ask->scopes = all;
	ask->scope_count = count;
	if (!in->has_scopes)
		return ST_OK;
	for (size_t i = 0; i < in->scopes.count; i++) {
		bool known = false;
		for (size_t j = 0; j < count && !known; j++)
			known = str_equal(all[j], in->scopes.items[i]);
		if (!known)
			return svc_refuse(req, ST_SCOPE_UNKNOWN, "/scopes",
					  "no route for operators has the scope \"%.*s\"",
					  STR_ARG(in->scopes.items[i]));
	}
	ask->scopes = in->scopes.items;
	ask->scope_count = in->scopes.count;
	return ST_OK;
}

static enum st nonce_chain(struct svc_request *req, const struct gateway_auth_nonce_request *in,
			   const struct login_rules *rules, int64_t *ret)
{
	if (!in->has_chain_id) {
		*ret = rules->chains[0];
		return ST_OK;
	}
	for (size_t i = 0; i < rules->chain_count; i++)
		if (rules->chains[i] == in->chain_id) {
			*ret = in->chain_id;
			return ST_OK;
		}
	return svc_refuse(req, ST_LOGIN_CHAIN_MISMATCH, "/chain_id", "chain %lld is not accepted",
			  (long long)in->chain_id);
}

enum st on_auth_nonce(struct svc_request *req)
{
	const struct gateway_auth_nonce_request *in = req->body;
	struct gateway_auth_nonce_reply *out = req->answer;
	const struct gateway_config *config = req->state;
	struct login_ask ask = { .rules = &config->login, .now_ms = req->now_ms };
	uint8_t random[LOGIN_RANDOM_BYTES];
	char nonce[LOGIN_NONCE_SIZE];

	if (config->login.domain.size == 0)
		return svc_refuse(req, ST_LOGIN_DISABLED, "", "no domain is configured");
	if (ethereum_address_of_text(in->address, &ask.address, &req->problem) != ST_OK) {
		strcpy(req->problem.pointer, "/address");
		return ST_MESSAGE_INVALID;
	}
	TRY(nonce_chain(req, in, &config->login, &ask.chain_id));
	TRY(nonce_scopes(req, in, &ask));
	random_bytes(random, sizeof(random));
	ask.end_ms = req->now_ms + config->login.nonce_ms;
	login_nonce_make(str_of(config->key_secret), random, ask.end_ms,
			 &(struct siwe){ .domain = config->login.domain,
					 .address = ask.address,
					 .chain_id = ask.chain_id },
			 nonce);
	ask.nonce = out->nonce = arena_copy(req->arena, str_of(nonce));
	if (!out->nonce.data)
		return ST_TOO_LARGE;
	out->domain = config->login.domain;
	out->uri = str_of(config->login.uri);
	out->chain_id = ask.chain_id;
	out->issued_at_ms = req->now_ms;
	out->expires_at_ms = ask.end_ms;
	return login_message_make(&ask, req->arena, &out->message);
}

/* ---- auth_verify ---- */

/* A wallet that logs in again and again is not locked out by its own keys: the oldest gives way. */
static enum st keys_make_room(struct svc_request *req, const struct key_row *row)
{
	struct key_row oldest;
	int64_t live = 0;
	bool found = false;

	TRY(key_count_live(req->tx, req->arena, row->key.kind, row->key.subject, req->now_ms,
			   &live));
	if (live < GATEWAY_KEYS_MAX)
		return ST_OK;
	TRY(key_find_oldest(req->tx, req->arena, row->key.subject, STR(KEY_NAME), req->now_ms,
			    &oldest, &found));
	if (!found)
		return svc_refuse(req, ST_KEYS_EXCEEDED, "", "%d keys are live; revoke one",
				  GATEWAY_KEYS_MAX);
	return key_end(req, &oldest, row->key.created_by);
}

static enum st key_of_login(struct svc_request *req, const struct siwe *message,
			    struct key_row *ret)
{
	char address[ETHEREUM_ADDRESS_TEXT_SIZE], id[ID_TEXT_SIZE];
	struct str *scopes = ARENA_ARRAY(req->arena, struct str, GATEWAY_SCOPES_MAX);
	struct hash *digest = ARENA_NEW(req->arena, struct hash);

	if (!scopes || !digest)
		return ST_TOO_LARGE;
	TRY(login_scopes(message, proto_calls, scopes, &ret->key.scopes.count, &req->problem));
	ret->key.scopes.items = scopes;
	if (ret->key.scopes.count == 0) { /* nothing was asked for: it knows who it is */
		scopes[0] = STR(GATEWAY_SCOPE_SELF);
		ret->key.scopes.count = 1;
	}
	ethereum_address_to_text(&message->address, address);
	ret->key.name = STR(KEY_NAME);
	ret->key.kind = GATEWAY_PRINCIPAL_KIND_OPERATOR;
	ret->key.subject = arena_copy(req->arena, str_of(address));
	ret->key.created_by = arena_printf(req->arena, "operator:%s", address);
	ret->request_key = req->idempotency_key;
	if (ret->request_key.size == 0) {
		id_make("req", req->now_ms, id);
		ret->request_key = arena_copy(req->arena, str_of(id));
	}
	sha256_of(req->body_text.data, req->body_text.size, digest);
	ret->request_digest = (struct str){ (const char *)digest->bytes, sizeof(digest->bytes) };
	return ret->key.subject.data && ret->key.created_by.data && ret->request_key.data
		       ? ST_OK
		       : ST_TOO_LARGE;
}

static enum st key_from_nonce(struct svc_request *req, const struct siwe *message, int64_t end_ms,
			      struct key_row *row, struct str *ret_token)
{
	const struct gateway_config *config = req->state;
	bool fresh = false;

	TRY(key_secret_make(req, row, ret_token));
	TRY(login_nonce_use(req->tx, req->arena,
			    &(struct login_nonce){ .nonce = message->nonce,
						   .address = row->key.subject,
						   .key_id = row->key.key_id,
						   .used_ms = req->now_ms,
						   .end_ms = end_ms },
			    &fresh));
	if (!fresh) {
		svc_refuse(req, ST_LOGIN_NONCE_USED, "/message", "this nonce was used before");
		problem_hint(&req->problem, "ask POST /v1/auth/nonce for another");
		return ST_LOGIN_NONCE_USED;
	}
	TRY(keys_make_room(req, row));
	return key_add(req, row, config->login_key_ttl_ms, "wallet.login");
}

enum st on_auth_verify(struct svc_request *req)
{
	const struct gateway_auth_verify_request *in = req->body;
	struct gateway_auth_verify_reply *out = req->answer;
	const struct gateway_config *config = req->state;
	struct key_row row = { 0 }, before;
	struct siwe *message = ARENA_NEW(req->arena, struct siwe);
	int64_t end_ms = 0;
	bool found = false;

	if (!message)
		return ST_TOO_LARGE;
	TRY(login_check(&config->login, str_of(config->key_secret),
			&(struct login_try){ in->message, in->signature, req->now_ms }, message,
			&end_ms, &req->problem));
	TRY(key_of_login(req, message, &row));
	TRY(key_find_request(req->tx, req->arena, row.key.created_by, row.request_key, &before,
			     &found));
	if (found && !str_equal(before.request_digest, row.request_digest))
		return svc_refuse(req, ST_IDEMPOTENCY_MISMATCH, "", "key \"%.*s\"",
				  STR_ARG(req->idempotency_key));
	if (found)
		row = before; /* without the text, which is told once */
	else
		TRY(key_from_nonce(req, message, end_ms, &row, &out->token));
	out->address = row.key.subject;
	out->principal = row.key.created_by;
	out->key = row.key;
	return ST_OK;
}

/* ---- by the clock ---- */

static enum st forget_nonces(struct svc_tick_context *tick)
{
	return login_nonce_forget(tick->tx, tick->now_ms);
}

const struct svc_tick gateway_ticks[] = {
	{ "login_nonces", 60000, forget_nonces },
	{ .name = NULL },
};
