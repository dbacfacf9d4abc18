/* store.c: every statement on API keys and on nonces that were used. */
#include "service.h"

#define COLUMNS                                                                                    \
	"key_id, hash, name, kind, subject, scopes, created_ms, created_by, expires_ms, "          \
	"revoked_ms, revoked_by, last_used_ms, request_key, request_digest, serial"
#define COLUMN_TYPES "txtntTitiititxi"

enum statement {
	KEY_FIND,
	KEY_FIND_REQUEST,
	KEY_INSERT,
	KEY_REVOKE,
	KEY_USED,
	KEY_LOCK,
	KEY_COUNT,
	KEY_LIST,
	KEY_FIND_OLDEST,
	NONCE_USE,
	NONCE_FORGET,
};

const struct db_statement gateway_statements[] = {
	[KEY_FIND] = { "gateway_key_find", "SELECT " COLUMNS " FROM api_key WHERE key_id = $1", "t",
		       COLUMN_TYPES },
	[KEY_FIND_REQUEST] = { "gateway_key_find_request",
			       "SELECT " COLUMNS
			       " FROM api_key WHERE created_by = $1 AND request_key = $2",
			       "tt", COLUMN_TYPES },
	[KEY_INSERT] = { "gateway_key_insert",
			 "INSERT INTO api_key (key_id, hash, name, kind, subject, scopes, "
			 "created_ms, created_by, expires_ms, request_key, request_digest) "
			 "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
			 "txtntTititx", "" },
	[KEY_REVOKE] = { "gateway_key_revoke",
			 "UPDATE api_key SET revoked_ms = $2, revoked_by = $3 "
			 "WHERE key_id = $1 AND revoked_ms IS NULL",
			 "tit", "" },
	[KEY_USED] = { "gateway_key_used",
		       "UPDATE api_key SET last_used_ms = $2 "
		       "WHERE key_id = $1 AND coalesce(last_used_ms, 0) <= $3",
		       "tii", "" },
	[KEY_LOCK] = { "gateway_key_lock",
		       "SELECT true FROM (SELECT pg_advisory_xact_lock(hashtextextended($1, 0))) "
		       "AS l",
		       "t", "b" },
	[KEY_COUNT] = { "gateway_key_count",
			"SELECT count(*) FROM api_key WHERE kind = $1 AND subject = $2 "
			"AND revoked_ms IS NULL AND expires_ms > $3",
			"nti", "i" },
	[KEY_LIST] = { "gateway_key_list",
		       "SELECT " COLUMNS
		       " FROM api_key WHERE ($1 = 0 OR kind = $1 AND subject = $2) "
		       "AND serial < $3 ORDER BY serial DESC LIMIT $4",
		       "ntii", COLUMN_TYPES },
	[KEY_FIND_OLDEST] = { "gateway_key_find_oldest",
			      "SELECT " COLUMNS
			      " FROM api_key WHERE kind = $1 AND subject = $2 AND name = $3 "
			      "AND revoked_ms IS NULL AND expires_ms > $4 ORDER BY serial LIMIT 1",
			      "ntti", COLUMN_TYPES },
	[NONCE_USE] = { "gateway_nonce_use",
			"INSERT INTO login_nonce (nonce, address, key_id, used_ms, expires_ms) "
			"VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING true",
			"tttii", "b" },
	[NONCE_FORGET] = { "gateway_nonce_forget", "DELETE FROM login_nonce WHERE expires_ms <= $1",
			   "i", "" },
	{ .name = NULL },
};

static enum st row_read(const struct db_rows *rows, size_t i, struct arena *arena,
			struct key_row *ret)
{
	const struct db_value *scopes = db_at(rows, i, 5);
	struct str *copy = ARENA_ARRAY(arena, struct str, scopes->count);

	if (!copy)
		return ST_TOO_LARGE;
	if (scopes->count > 0)
		memcpy(copy, scopes->items, scopes->count * sizeof(*copy));
	*ret = (struct key_row){
		.key = { .key_id = db_text(rows, i, 0),
			 .name = db_text(rows, i, 2),
			 .kind = (enum gateway_principal_kind)db_i64(rows, i, 3),
			 .subject = db_text(rows, i, 4),
			 .created_at_ms = db_i64(rows, i, 6),
			 .created_by = db_text(rows, i, 7),
			 .expires_at_ms = db_i64(rows, i, 8),
			 .has_revoked_at_ms = !db_is_null(rows, i, 9),
			 .revoked_at_ms = db_i64(rows, i, 9),
			 .has_last_used_at_ms = !db_is_null(rows, i, 11),
			 .last_used_at_ms = db_i64(rows, i, 11) },
		.hash = db_text(rows, i, 1),
		.request_key = db_text(rows, i, 12),
		.request_digest = db_text(rows, i, 13),
		.serial = db_i64(rows, i, 14),
	};
	ret->key.scopes.items = copy;
	ret->key.scopes.count = scopes->count;
	if (!db_is_null(rows, i, 10))
		ret->key.revoked_by = db_text(rows, i, 10);
	return ST_OK;
}

static enum st row_one(const struct db_rows *rows, struct arena *arena, struct key_row *ret,
		       bool *ret_found)
{
	*ret_found = rows->count == 1;
	return rows->count == 1 ? row_read(rows, 0, arena, ret) : ST_OK;
}

enum st key_find(struct db_tx *tx, struct arena *arena, struct str key_id, struct key_row *ret,
		 bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, &gateway_statements[KEY_FIND], arena, &rows, DB_TEXT(key_id)));
	return row_one(&rows, arena, ret, ret_found);
}

enum st key_find_request(struct db_tx *tx, struct arena *arena, struct str created_by,
			 struct str request_key, struct key_row *ret, bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, &gateway_statements[KEY_FIND_REQUEST], arena, &rows, DB_TEXT(created_by),
		     DB_TEXT(request_key)));
	return row_one(&rows, arena, ret, ret_found);
}

enum st key_find_oldest(struct db_tx *tx, struct arena *arena, struct str subject, struct str name,
			int64_t now_ms, struct key_row *ret, bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, &gateway_statements[KEY_FIND_OLDEST], arena, &rows,
		     DB_I32(GATEWAY_PRINCIPAL_KIND_OPERATOR), DB_TEXT(subject), DB_TEXT(name),
		     DB_I64(now_ms)));
	return row_one(&rows, arena, ret, ret_found);
}

enum st key_insert(struct db_tx *tx, const struct key_row *row)
{
	const struct gateway_api_key *key = &row->key;

	return db_write(tx, &gateway_statements[KEY_INSERT], 1, ST_SERIALIZATION,
			DB_TEXT(key->key_id), DB_BYTES(row->hash), DB_TEXT(key->name),
			DB_I32((int32_t)key->kind), DB_TEXT(key->subject),
			DB_TEXTS(key->scopes.items, key->scopes.count), DB_I64(key->created_at_ms),
			DB_TEXT(key->created_by), DB_I64(key->expires_at_ms),
			DB_TEXT(row->request_key), DB_BYTES(row->request_digest));
}

enum st key_revoke(struct db_tx *tx, struct str key_id, int64_t now_ms, struct str by)
{
	return db_write(tx, &gateway_statements[KEY_REVOKE], 1, ST_SERIALIZATION, DB_TEXT(key_id),
			DB_I64(now_ms), DB_TEXT(by));
}

enum st key_used(struct db_tx *tx, struct str key_id, int64_t now_ms)
{
	return db_write(tx, &gateway_statements[KEY_USED], DB_ANY_ROWS, ST_INTERNAL,
			DB_TEXT(key_id), DB_I64(now_ms), DB_I64(now_ms - GATEWAY_USED_MS));
}

enum st key_count_live(struct db_tx *tx, struct arena *arena, enum gateway_principal_kind kind,
		       struct str subject, int64_t now_ms, int64_t *ret)
{
	struct db_rows rows;
	struct str lock = arena_printf(arena, "api_key/%d/%.*s", (int)kind, STR_ARG(subject));

	if (!lock.data)
		return ST_TOO_LARGE;
	TRY(db_query(tx, &gateway_statements[KEY_LOCK], arena, &rows, DB_TEXT(lock)));
	TRY(db_query(tx, &gateway_statements[KEY_COUNT], arena, &rows, DB_I32((int32_t)kind),
		     DB_TEXT(subject), DB_I64(now_ms)));
	*ret = db_i64(&rows, 0, 0);
	return ST_OK;
}

enum st key_list(struct db_tx *tx, struct arena *arena, enum gateway_principal_kind kind,
		 struct str subject, int64_t serial, int64_t limit, struct key_row **ret,
		 size_t *ret_count)
{
	struct db_rows rows;

	TRY(db_query(tx, &gateway_statements[KEY_LIST], arena, &rows, DB_I32((int32_t)kind),
		     DB_TEXT(subject), DB_I64(serial), DB_I64(limit)));
	struct key_row *list = ARENA_ARRAY(arena, struct key_row, rows.count);
	if (!list)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		TRY(row_read(&rows, i, arena, &list[i]));
	*ret = list;
	*ret_count = rows.count;
	return ST_OK;
}

enum st login_nonce_use(struct db_tx *tx, struct arena *arena, const struct login_nonce *nonce,
			bool *ret_fresh)
{
	struct db_rows rows;

	TRY(db_query(tx, &gateway_statements[NONCE_USE], arena, &rows, DB_TEXT(nonce->nonce),
		     DB_TEXT(nonce->address), DB_TEXT(nonce->key_id), DB_I64(nonce->used_ms),
		     DB_I64(nonce->end_ms)));
	*ret_fresh = rows.count == 1;
	return ST_OK;
}

enum st login_nonce_forget(struct db_tx *tx, int64_t now_ms)
{
	return db_write(tx, &gateway_statements[NONCE_FORGET], DB_ANY_ROWS, ST_INTERNAL,
			DB_I64(now_ms));
}
