/* svc_idempotency.c: a call that carries a key happens once. The stored answer commits with the
 * effect; a transaction-level advisory lock tells one in flight from one that is done. */
#include "svc_internal.h"

#define IDEMPOTENCY_KEEP_MS (24 * 3600 * 1000LL)

static struct str principal_of(const struct svc_request *req)
{
	return req->principal.size > 0 ? req->principal : req->caller;
}

static struct str digest_of(struct svc_request *req)
{
	struct hash *hash = ARENA_NEW(req->arena, struct hash);

	if (!hash)
		return (struct str){ 0 };
	sha256_of(req->body_text.data, req->body_text.size, hash);
	return (struct str){ (const char *)hash->bytes, sizeof(hash->bytes) };
}

enum st svc_idempotency_find(struct svc_request *req, struct str *ret_answer)
{
	struct db_rows rows;

	if (req->idempotency_key.size > SVC_HEADER_TEXT_MAX || !str_is_utf8(req->idempotency_key))
		return svc_refuse(req, ST_MESSAGE_INVALID, "",
				  "the idempotency key is longer than %d bytes or not UTF-8",
				  SVC_HEADER_TEXT_MAX);
	TRY(db_query(req->tx, &svc_statements[SVC_IDEMPOTENCY_FIND], req->arena, &rows,
		     DB_TEXT(principal_of(req)), DB_TEXT(str_of(req->call->name)),
		     DB_TEXT(req->idempotency_key), DB_I64(req->now_ms)));
	/* Stored is done, whoever still holds the lock: a transaction that only read lets go of it
	 * after its caller was answered. */
	if (db_is_null(&rows, 0, 1)) {
		if (db_bool(&rows, 0, 0))
			return ST_OK;
		req->problem.retry_after_ms = 100;
		return svc_refuse(req, ST_IDEMPOTENCY_IN_FLIGHT, "", "key \"%.*s\"",
				  STR_ARG(req->idempotency_key));
	}
	if (!str_equal(db_text(&rows, 0, 1), digest_of(req)))
		return svc_refuse(req, ST_IDEMPOTENCY_MISMATCH, "", "key \"%.*s\"",
				  STR_ARG(req->idempotency_key));
	*ret_answer = db_text(&rows, 0, 2);
	return ST_OK;
}

enum st svc_idempotency_store(struct svc_request *req, struct str answer)
{
	struct str digest = digest_of(req);

	if (!digest.data)
		return ST_TOO_LARGE;
	return db_write(req->tx, &svc_statements[SVC_IDEMPOTENCY_INSERT], 1, ST_SERIALIZATION,
			DB_TEXT(principal_of(req)), DB_TEXT(str_of(req->call->name)),
			DB_TEXT(req->idempotency_key), DB_BYTES(digest), DB_BYTES(answer),
			DB_I64(req->now_ms + IDEMPOTENCY_KEEP_MS), DB_I64(req->now_ms));
}
