/* store_key.c: signing keys, their seeds sealed. */
#include <assert.h>

#include "store.h"

#define STATEMENT(name) (&token_statements[TOK_##name])

static_assert(TOKEN_KEY_STATE_NEXT == 1 && TOKEN_KEY_STATE_ACTIVE == 2 &&
		      TOKEN_KEY_STATE_RETIRED == 3 && TOKEN_KEY_STATE_REVOKED == 4,
	      "states are kept by their number");

static struct key_row row_read(const struct db_rows *rows, size_t row)
{
	struct str public_key = db_text(rows, row, 1);
	struct key_row key = {
		.key_id = db_text(rows, row, 0),
		.sealed = db_is_null(rows, row, 2) ? (struct str){ 0 } : db_text(rows, row, 2),
		.state = (enum token_key_state)db_i64(rows, row, 3),
		.created_ms = db_i64(rows, row, 4),
		.active_ms = db_i64(rows, row, 5),
		.retired_ms = db_i64(rows, row, 6),
		.revoked_ms = db_i64(rows, row, 7),
	};

	ASSERT(public_key.size == PUBLIC_KEY_BYTES);
	memcpy(key.public_key, public_key.data, PUBLIC_KEY_BYTES);
	return key;
}

enum st store_key_list(struct db_tx *tx, struct arena *arena, int64_t retired_after_ms,
		       struct key_rows *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(KEY_LIST), arena, &rows, DB_I64(retired_after_ms)));
	struct key_row *items = ARENA_ARRAY(arena, struct key_row, rows.count);
	if (!items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		items[i] = row_read(&rows, i);
	*ret = (struct key_rows){ items, rows.count };
	return ST_OK;
}

enum st store_key_get(struct db_tx *tx, struct arena *arena, struct str key_id, struct key_row *ret,
		      bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(KEY_GET), arena, &rows, DB_TEXT(key_id)));
	*ret_found = rows.count > 0;
	if (rows.count > 0)
		*ret = row_read(&rows, 0);
	return ST_OK;
}

enum st store_key_lock(struct db_tx *tx, struct arena *arena)
{
	struct db_rows rows;

	return db_query0(tx, STATEMENT(KEY_LOCK), arena, &rows);
}

enum st store_key_insert(struct db_tx *tx, const struct key_row *key)
{
	return db_write(tx, STATEMENT(KEY_INSERT), 1, ST_SERIALIZATION, DB_TEXT(key->key_id),
			DB_BYTES(((struct str){ (const char *)key->public_key, PUBLIC_KEY_BYTES })),
			DB_BYTES(key->sealed), DB_I32(key->state), DB_I64(key->created_ms),
			key->active_ms ? DB_I64(key->active_ms) : DB_NULL('i'));
}

enum st store_key_move(struct db_tx *tx, struct str key_id, enum token_key_state from,
		       enum token_key_state to, int64_t now_ms)
{
	return db_write(tx, STATEMENT(KEY_MOVE), 1, ST_SERIALIZATION, DB_TEXT(key_id), DB_I32(from),
			DB_I32(to), DB_I64(now_ms));
}
