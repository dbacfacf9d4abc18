/* store_revocation.c: what was revoked, and what can be forgotten. */
#include <assert.h>

#include "id.h"
#include "store.h"

#define STATEMENT(name) (&token_statements[TOK_##name])

static_assert(TOKEN_REVOCATION_KIND_TOKENS == 1 && TOKEN_REVOCATION_KIND_AGENTS == 2 &&
		      TOKEN_REVOCATION_KIND_SCOPE == 3 && TOKEN_REVOCATION_KIND_KEY == 4 &&
		      TOKEN_REVOCATION_KIND_ALL == 5,
	      "kinds are kept by their number");

static enum st numbers_of(const struct token_revocation *revocation, struct arena *arena,
			  int64_t **ret)
{
	int64_t *numbers = ARENA_ARRAY(arena, int64_t, revocation->agent_ids.count);

	if (!numbers)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < revocation->agent_ids.count; i++)
		if (!agent_id_parse(revocation->agent_ids.items[i], &numbers[i]))
			return ST_INTERNAL;
	*ret = numbers;
	return ST_OK;
}

static enum st effect(struct db_tx *tx, const struct token_revocation *r, const int64_t *numbers)
{
	switch (r->kind) {
	case TOKEN_REVOCATION_KIND_TOKENS:
		return db_write(tx, STATEMENT(REVOKE), DB_ANY_ROWS, ST_INTERNAL,
				DB_TEXTS(r->token_ids.items, r->token_ids.count), DB_I64(r->at_ms));
	case TOKEN_REVOCATION_KIND_AGENTS:
		return db_write(tx, STATEMENT(AGENTS_REVOKE), DB_ANY_ROWS, ST_INTERNAL,
				DB_I64S(numbers, r->agent_ids.count), DB_I64(r->before_ms));
	case TOKEN_REVOCATION_KIND_SCOPE:
		return db_write(tx, STATEMENT(SCOPE_REVOKE), 1, ST_INTERNAL, DB_TEXT(r->scope),
				DB_I64(r->before_ms));
	case TOKEN_REVOCATION_KIND_ALL:
		return db_write(tx, STATEMENT(ALL_REVOKE), 1, ST_INTERNAL, DB_I64(r->before_ms));
	case TOKEN_REVOCATION_KIND_KEY:
		return ST_OK;
	case TOKEN_REVOCATION_KIND_NONE:
		break;
	}
	return ST_INTERNAL;
}

static enum st keep(struct db_tx *tx, struct arena *arena, struct token_revocation *r,
		    const int64_t *numbers)
{
	struct db_rows rows;

	ASSERT(r->kind && r->until_ms >= 0 && r->reason.size > 0);
	TRY(db_query(tx, STATEMENT(REVOCATION_INSERT), arena, &rows, DB_TEXT(r->revocation_id),
		     DB_I32(r->kind),
		     r->has_token_ids ? DB_TEXTS(r->token_ids.items, r->token_ids.count)
				      : DB_NULL('T'),
		     r->has_agent_ids ? DB_I64S(numbers, r->agent_ids.count) : DB_NULL('I'),
		     DB_TEXT_OR_NULL(r->scope), DB_TEXT_OR_NULL(r->key_id), DB_I64(r->before_ms),
		     DB_I64(r->until_ms), DB_TEXT(r->reason), DB_TEXT(r->by), DB_I64(r->at_ms)));
	if (rows.count != 1)
		return ST_INTERNAL;
	r->number = db_i64(&rows, 0, 0);
	return ST_OK;
}

enum st store_revocation_keep(struct db_tx *tx, struct arena *arena, struct token_revocation *r)
{
	int64_t *numbers;

	TRY(numbers_of(r, arena, &numbers));
	return keep(tx, arena, r, numbers);
}

enum st store_revoke(struct db_tx *tx, struct arena *arena, struct token_revocation *r)
{
	int64_t *numbers;

	TRY(numbers_of(r, arena, &numbers));
	TRY(effect(tx, r, numbers));
	return keep(tx, arena, r, numbers);
}

static struct str text_or_none(const struct db_rows *rows, size_t row, size_t column)
{
	return db_is_null(rows, row, column) ? (struct str){ 0 } : db_text(rows, row, column);
}

static enum st ids_read(const struct db_rows *rows, size_t row, struct arena *arena,
			struct token_revocation *ret)
{
	const struct db_value *tokens = db_at(rows, row, 3), *agents = db_at(rows, row, 4);

	if (!tokens->null) {
		ret->has_token_ids = true;
		ret->token_ids.items = (struct str *)tokens->items;
		ret->token_ids.count = tokens->count;
	}
	if (agents->null)
		return ST_OK;
	const int64_t *numbers = agents->items;
	ret->has_agent_ids = true;
	ret->agent_ids.count = agents->count;
	ret->agent_ids.items = ARENA_ARRAY(arena, struct str, agents->count);
	if (!ret->agent_ids.items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < agents->count; i++)
		ret->agent_ids.items[i] = agent_text_of(numbers[i], arena);
	return arena->failed ? ST_TOO_LARGE : ST_OK;
}

static enum st row_read(const struct db_rows *rows, size_t row, struct arena *arena,
			struct token_revocation *ret)
{
	*ret = (struct token_revocation){
		.number = db_i64(rows, row, 0),
		.revocation_id = db_text(rows, row, 1),
		.kind = (enum token_revocation_kind)db_i64(rows, row, 2),
		.scope = text_or_none(rows, row, 5),
		.key_id = text_or_none(rows, row, 6),
		.before_ms = db_i64(rows, row, 7),
		.until_ms = db_i64(rows, row, 8),
		.reason = db_text(rows, row, 9),
		.by = db_text(rows, row, 10),
		.at_ms = db_i64(rows, row, 11),
	};
	return ids_read(rows, row, arena, ret);
}

/* The page ends early when its ids would make the answer too large. */
enum st store_revocation_list(struct db_tx *tx, struct arena *arena, int64_t after, int64_t limit,
			      int64_t now_ms, struct token_revocation_list_reply *ret)
{
	struct db_rows rows;
	size_t ids = 0, count = 0;

	TRY(db_query(tx, STATEMENT(REVOCATION_LIST), arena, &rows, DB_I64(after), DB_I64(now_ms),
		     DB_I64(limit + 1)));
	struct token_revocation *items = ARENA_ARRAY(arena, struct token_revocation, rows.count);
	if (!items)
		return ST_TOO_LARGE;
	while (count < rows.count && count < (size_t)limit) {
		TRY(row_read(&rows, count, arena, &items[count]));
		/* A reason may be as long as many ids. */
		ids += items[count].token_ids.count + items[count].agent_ids.count + 10 +
		       items[count].reason.size / 30;
		if (count > 0 && ids > TOKEN_REVOCATION_IDS_PAGE)
			break;
		count++;
	}
	ret->revocations.items = items;
	ret->revocations.count = count;
	ret->more = count < rows.count;
	return ST_OK;
}

enum st store_newest_issue(struct db_tx *tx, struct arena *arena, int64_t now_ms, int64_t *ret)
{
	struct db_rows rows;
	int64_t newest_ms = now_ms, id_ms;

	TRY(db_query0(tx, STATEMENT(NEWEST), arena, &rows));
	if (rows.count == 1 && !db_is_null(&rows, 0, 0)) {
		struct str id = db_text(&rows, 0, 0);
		struct str uuid = { id.data + sizeof("tok_") - 1, id.size - sizeof("tok_") + 1 };
		if (uuid_time_ms(uuid, &id_ms) && id_ms > newest_ms)
			newest_ms = id_ms;
	}
	*ret = newest_ms;
	return ST_OK;
}

static enum st shrunk_read(const struct db_rows *rows, struct arena *arena, struct shrunk *ret)
{
	struct shrunk shrunk = { .token_ids = ARENA_ARRAY(arena, struct str, rows->count),
				 .count = rows->count };

	if (!shrunk.token_ids)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows->count; i++) {
		shrunk.token_ids[i] = db_text(rows, i, 0);
		if (db_i64(rows, i, 1) > shrunk.until_ms)
			shrunk.until_ms = db_i64(rows, i, 1);
	}
	*ret = shrunk;
	return ST_OK;
}

enum st store_shrunk_of_agent(struct db_tx *tx, struct arena *arena, int64_t number,
			      struct label_list scopes, enum token_risk risk_max, int64_t now_ms,
			      struct shrunk *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(SHRINK_AGENT), arena, &rows, DB_I64(number),
		     DB_TEXTS(scopes.items, scopes.count), DB_I32(risk_max), DB_I64(now_ms)));
	return shrunk_read(&rows, arena, ret);
}

enum st store_shrunk_of_role(struct db_tx *tx, struct arena *arena, struct str role,
			     struct label_list scopes, int64_t now_ms, struct shrunk *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(SHRINK_ROLE), arena, &rows, DB_TEXT(role),
		     DB_TEXTS(scopes.items, scopes.count), DB_I64(now_ms)));
	return shrunk_read(&rows, arena, ret);
}

enum st store_proof_take(struct db_tx *tx, struct arena *arena, const struct hash *nonce,
			 int64_t until_ms, bool *ret_new)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(PROOF_TAKE), arena, &rows,
		     DB_BYTES(((struct str){ (const char *)nonce->bytes, HASH_BYTES })),
		     DB_I64(until_ms)));
	*ret_new = rows.count == 1;
	return ST_OK;
}

enum st store_forget(struct db_tx *tx, int64_t now_ms, int64_t keep_ms)
{
	TRY(db_write(tx, STATEMENT(PROOF_FORGET), DB_ANY_ROWS, ST_INTERNAL, DB_I64(now_ms)));
	return db_write(tx, STATEMENT(REVOCATION_FORGET), DB_ANY_ROWS, ST_INTERNAL,
			DB_I64(now_ms - keep_ms));
}
