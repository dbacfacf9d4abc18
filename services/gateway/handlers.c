/* handlers.c: API keys. The gateway's own door calls these over the bus like everyone's, with the
 * principal it has authenticated and the scopes of that credential; the terminal is the operator of
 * the machine and makes the first keys. */
#include "gen/common.h"
#include "gen/contract.h"
#include "id.h"
#include "service.h"

static bool is_terminal(const struct svc_request *req)
{
	return str_is(req->caller, "terminal");
}

static struct str asker_of(const struct svc_request *req)
{
	return req->principal.size > 0 ? req->principal : req->caller;
}

/* "<kind>:<subject>", as the door writes it. */
static bool asker_parse(const struct svc_request *req, enum gateway_principal_kind *ret_kind,
			struct str *ret_subject)
{
	struct str kind;

	if (!str_cut(req->principal, ':', &kind, ret_subject))
		return false;
	for (int i = 0; gateway_principal_kind_names[i]; i++)
		if (str_is(kind, gateway_principal_kind_names[i])) {
			*ret_kind = (enum gateway_principal_kind)(i + 1);
			return true;
		}
	return false;
}

static enum st evidence(struct svc_request *req, const char *operation, struct str who)
{
	char id[ID_TEXT_SIZE], digest[HASH_TEXT_SIZE];
	struct hash hash;

	id_make("evd", req->now_ms, id);
	sha256_of(req->body_text.data, req->body_text.size, &hash);
	hash_to_text(&hash, digest);
	struct common_evidence record = {
		.evidence_id = str_of(id),
		.timestamp_ms = req->now_ms,
		.agent_id = STR("gateway"),
		.trace_id = req->trace_id,
		.operation = { .type = str_of(operation),
			       .tool = STR("gateway"),
			       .parameters_hash = str_of(digest) },
		.policy_evaluation = { .decision = COMMON_EVIDENCE_POLICY_DECISION_ALLOW },
		.outcome = { .status = COMMON_EVIDENCE_OUTCOME_STATUS_SUCCESS },
		.domain = STR("default"),
	};
	record.context.user_id = who;
	record.context.user_id.size = utf8_cut(record.context.user_id, 128);
	return svc_emit(req, &EVT_EVIDENCE_RECORDED, record.evidence_id, &record);
}

/* ---- api_key_create ---- */

static enum st create_subject(struct svc_request *req,
			      const struct gateway_api_key_create_request *in,
			      struct gateway_api_key *key)
{
	bool known = asker_parse(req, &key->kind, &key->subject);
	bool named = in->kind != 0 || in->subject.data != NULL;

	if (!named && known)
		return ST_OK;
	if (in->kind == 0 || !in->subject.data)
		return svc_refuse(req, ST_MESSAGE_INVALID, in->kind == 0 ? "/kind" : "/subject",
				  "a key for someone names both kind and subject");
	bool own = known && key->kind == in->kind && str_equal(key->subject, in->subject);
	if (!own && !is_terminal(req) && !scopes_have(req->scopes, STR("keys:admin")))
		return svc_refuse(req, ST_SUBJECT_NOT_OWN, "/subject", "\"%.*s\"",
				  STR_ARG(in->subject));
	key->kind = in->kind;
	key->subject = in->subject;
	return ST_OK;
}

static enum st create_scopes(struct svc_request *req,
			     const struct gateway_api_key_create_request *in)
{
	for (size_t i = 0; i < in->scopes.count; i++) {
		struct str scope = in->scopes.items[i];
		if (!routes_scope_known(proto_calls, scope))
			return svc_refuse(req, ST_SCOPE_UNKNOWN, "/scopes", "\"%.*s\"",
					  STR_ARG(scope));
		if (!is_terminal(req) && !str_is(scope, GATEWAY_SCOPE_SELF) &&
		    !scopes_have(req->scopes, scope))
			return svc_refuse(req, ST_SCOPE_NOT_HELD, "/scopes", "\"%.*s\"",
					  STR_ARG(scope));
	}
	return ST_OK;
}

enum st key_secret_make(struct svc_request *req, struct key_row *row, struct str *ret_token)
{
	const struct gateway_config *config = req->state;
	uint8_t id[8], secret[32];
	char id_text[HEX_SIZE(8)], secret_text[HEX_SIZE(32)];
	struct hash *hash = ARENA_NEW(req->arena, struct hash);

	random_bytes(id, sizeof(id));
	random_bytes(secret, sizeof(secret));
	hex_encode(id, sizeof(id), id_text);
	hex_encode(secret, sizeof(secret), secret_text);
	row->key.key_id = arena_printf(req->arena, "pk_%s", id_text);
	*ret_token = arena_printf(req->arena, "pk_%s_%s", id_text, secret_text);
	bytes_wipe(secret, sizeof(secret));
	bytes_wipe(secret_text, sizeof(secret_text));
	if (!hash || !row->key.key_id.data || !ret_token->data)
		return ST_TOO_LARGE;
	api_key_hash(str_of(config->key_secret), *ret_token, hash);
	row->hash = (struct str){ (const char *)hash->bytes, sizeof(hash->bytes) };
	return ST_OK;
}

/* Asked again with the same key: the same record, without the text, which is told once. */
static enum st create_again(struct svc_request *req, const struct key_row *row, struct str digest)
{
	struct gateway_api_key_create_reply *out = req->answer;

	if (!str_equal(row->request_digest, digest))
		return svc_refuse(req, ST_IDEMPOTENCY_MISMATCH, "", "key \"%.*s\"",
				  STR_ARG(req->idempotency_key));
	out->key = row->key;
	return ST_OK;
}

enum st key_add(struct svc_request *req, struct key_row *row, int64_t ttl_ms, const char *operation)
{
	row->key.created_at_ms = req->now_ms;
	row->key.expires_at_ms = req->now_ms + ttl_ms;
	TRY(key_insert(req->tx, row));
	TRY(evidence(req, operation, row->key.created_by));
	return svc_emit(req, &EVT_GATEWAY_API_KEY_CREATED, row->key.key_id, &row->key);
}

static enum st create_new(struct svc_request *req, struct key_row *row, int64_t ttl_s)
{
	struct gateway_api_key_create_reply *out = req->answer;
	int64_t live = 0;

	if (ttl_s > GATEWAY_KEY_TTL_S_MAX)
		return svc_refuse(req, ST_EXPIRY_OUT_OF_RANGE, "/ttl_s", "at most %d s",
				  GATEWAY_KEY_TTL_S_MAX);
	TRY(key_count_live(req->tx, req->arena, row->key.kind, row->key.subject, req->now_ms,
			   &live));
	if (live >= GATEWAY_KEYS_MAX)
		return svc_refuse(req, ST_KEYS_EXCEEDED, "", "%d keys are live; revoke one",
				  GATEWAY_KEYS_MAX);
	row->key.created_by = asker_of(req);
	TRY(key_secret_make(req, row, &out->token));
	TRY(key_add(req, row, ttl_s * 1000, "api_key.create"));
	out->key = row->key;
	return ST_OK;
}

static enum st on_create(struct svc_request *req)
{
	const struct gateway_api_key_create_request *in = req->body;
	struct key_row row = { 0 }, before;
	struct hash digest;
	char request_key[ID_TEXT_SIZE];
	bool found = false;

	TRY(create_subject(req, in, &row.key));
	TRY(create_scopes(req, in));
	sha256_of(req->body_text.data, req->body_text.size, &digest);
	row.request_digest = (struct str){ (const char *)digest.bytes, sizeof(digest.bytes) };
	row.key.name = in->name;
	row.key.scopes.items = in->scopes.items;
	row.key.scopes.count = in->scopes.count;
	row.request_key = req->idempotency_key;
	if (row.request_key.size == 0) {
		id_make("req", req->now_ms, request_key);
		row.request_key = str_of(request_key);
	} else {
		TRY(key_find_request(req->tx, req->arena, asker_of(req), row.request_key, &before,
				     &found));
	}
	if (found)
		return create_again(req, &before, row.request_digest);
	return create_new(req, &row, in->has_ttl_s ? in->ttl_s : GATEWAY_KEY_TTL_S);
}

/* ---- list, revoke ---- */

static enum st list_whose(struct svc_request *req, enum gateway_principal_kind *ret_kind,
			  struct str *ret_subject)
{
	const struct gateway_api_key_list_request *in = req->body;
	bool known = asker_parse(req, ret_kind, ret_subject);
	bool admin = is_terminal(req) || scopes_have(req->scopes, STR("keys:admin"));

	if (in->kind == 0 && !in->subject.data) {
		if (!known && admin) {
			*ret_kind = (enum gateway_principal_kind)0;
			*ret_subject = STR("");
		}
		return known || admin ? ST_OK : ST_SUBJECT_NOT_OWN;
	}
	if (in->kind == 0 || !in->subject.data)
		return svc_refuse(req, ST_MESSAGE_INVALID, in->kind == 0 ? "/kind" : "/subject",
				  "whose keys: name both kind and subject");
	if (!admin && !(known && *ret_kind == in->kind && str_equal(*ret_subject, in->subject)))
		return svc_refuse(req, ST_SUBJECT_NOT_OWN, "/subject", "\"%.*s\"",
				  STR_ARG(in->subject));
	*ret_kind = in->kind;
	*ret_subject = in->subject;
	return ST_OK;
}

static enum st list_from(struct svc_request *req, struct str cursor, int64_t *ret_serial)
{
	struct key_row row;
	bool found = false;

	*ret_serial = INT64_MAX;
	if (!cursor.data)
		return ST_OK;
	TRY(key_find(req->tx, req->arena, cursor, &row, &found));
	if (!found)
		return svc_refuse(req, ST_NOT_FOUND, "/cursor", "it is not of this listing");
	*ret_serial = row.serial;
	return ST_OK;
}

static size_t key_bytes(const struct gateway_api_key *key)
{
	size_t bytes = 512 + 6 * key->name.size;

	for (size_t i = 0; i < key->scopes.count; i++)
		bytes += key->scopes.items[i].size + 3;
	return bytes;
}

static enum st on_list(struct svc_request *req)
{
	const struct gateway_api_key_list_request *in = req->body;
	struct gateway_api_key_list_reply *out = req->answer;
	int64_t limit = in->has_limit ? in->limit : GATEWAY_PAGE, serial;
	enum gateway_principal_kind kind = (enum gateway_principal_kind)0;
	struct str subject = STR("");
	struct key_row *rows;
	size_t count, bytes = 0, n = 0;

	TRY(list_whose(req, &kind, &subject));
	TRY(list_from(req, in->cursor, &serial));
	TRY(key_list(req->tx, req->arena, kind, subject, serial, limit + 1, &rows, &count));
	out->items.items = ARENA_ARRAY(req->arena, struct gateway_api_key, count);
	if (!out->items.items)
		return ST_TOO_LARGE;
	for (; n < count && n < (size_t)limit; n++) {
		bytes += key_bytes(&rows[n].key);
		if (n > 0 && bytes > GATEWAY_PAGE_BYTES_MAX)
			break;
		out->items.items[n] = rows[n].key;
	}
	out->items.count = n;
	if (n < count && n > 0)
		out->cursor = rows[n - 1].key.key_id;
	return ST_OK;
}

enum st key_end(struct svc_request *req, struct key_row *row, struct str by)
{
	TRY(key_revoke(req->tx, row->key.key_id, req->now_ms, by));
	row->key.has_revoked_at_ms = true;
	row->key.revoked_at_ms = req->now_ms;
	row->key.revoked_by = by;
	TRY(evidence(req, "api_key.revoke", by));
	return svc_emit(req, &EVT_GATEWAY_API_KEY_REVOKED, row->key.key_id, &row->key);
}

static enum st on_revoke(struct svc_request *req)
{
	const struct gateway_api_key_revoke_request *in = req->body;
	struct gateway_api_key_reply *out = req->answer;
	enum gateway_principal_kind kind = (enum gateway_principal_kind)0;
	struct str subject = STR("");
	struct key_row row;
	bool found = false;
	bool known = asker_parse(req, &kind, &subject);
	bool admin = is_terminal(req) || scopes_have(req->scopes, STR("keys:admin"));

	TRY(key_find(req->tx, req->arena, in->key_id, &row, &found));
	/* Another's key is told apart from none only to those who may see it. */
	if (!found ||
	    (!admin && !(known && row.key.kind == kind && str_equal(row.key.subject, subject))))
		return svc_refuse(req, ST_NOT_FOUND, "/key_id", "no key \"%.*s\"",
				  STR_ARG(in->key_id));
	if (!row.key.has_revoked_at_ms)
		TRY(key_end(req, &row, asker_of(req)));
	out->key = row.key;
	return ST_OK;
}

/* ---- for the door ---- */

static enum st on_check(struct svc_request *req)
{
	const struct gateway_api_key_check_request *in = req->body;
	struct gateway_api_key_check_reply *out = req->answer;
	struct key_row row;
	struct hash hash;
	bool found = false;

	TRY(hash_of_text(in->hash, &hash));
	TRY(key_find(req->tx, req->arena, in->key_id, &row, &found));
	if (!found || row.hash.size != sizeof(hash.bytes) ||
	    !bytes_equal(row.hash.data, hash.bytes, sizeof(hash.bytes)) ||
	    row.key.has_revoked_at_ms)
		return ST_CREDENTIAL_INVALID;
	if (row.key.expires_at_ms <= req->now_ms)
		return ST_CREDENTIAL_EXPIRED;
	if (!row.key.has_last_used_at_ms ||
	    row.key.last_used_at_ms + GATEWAY_USED_MS <= req->now_ms)
		TRY(key_used(req->tx, in->key_id, req->now_ms));
	out->kind = row.key.kind;
	out->subject = row.key.subject;
	out->scopes.items = row.key.scopes.items;
	out->scopes.count = row.key.scopes.count;
	out->expires_at_ms = row.key.expires_at_ms;
	return ST_OK;
}

static enum st on_whoami(struct svc_request *req)
{
	struct gateway_whoami_reply *out = req->answer;
	struct str rest = req->scopes, part;
	struct str *items = ARENA_ARRAY(req->arena, struct str, GATEWAY_SCOPES_MAX);

	if (!items)
		return ST_TOO_LARGE;
	out->principal = asker_of(req);
	out->time_ms = req->now_ms;
	out->scopes.items = items;
	while (rest.size > 0 && out->scopes.count < GATEWAY_SCOPES_MAX) {
		if (!str_cut(rest, ' ', &part, &rest)) {
			part = rest;
			rest = STR("");
		}
		items[out->scopes.count++] = part;
	}
	return ST_OK;
}

const struct svc_call gateway_calls[] = {
	{ &CALL_GATEWAY_API_KEY_CREATE, on_create },   { &CALL_GATEWAY_API_KEY_LIST, on_list },
	{ &CALL_GATEWAY_API_KEY_REVOKE, on_revoke },   { &CALL_GATEWAY_API_KEY_CHECK, on_check },
	{ &CALL_GATEWAY_WHOAMI, on_whoami },           { &CALL_GATEWAY_AUTH_NONCE, on_auth_nonce },
	{ &CALL_GATEWAY_AUTH_VERIFY, on_auth_verify }, { NULL, NULL },
};
