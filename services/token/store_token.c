/* store_token.c: tokens as they are kept. */
#include <assert.h>

#include "id.h"
#include "store.h"

#define STATEMENT(name) (&token_statements[TOK_##name])
#define LABELS(list) DB_TEXTS((list).items, (list).count)

static_assert(TOKEN_RISK_LOW == 1 && TOKEN_RISK_CRITICAL == 4, "risks are kept by their number");
static_assert(TOKEN_CAPABILITY_STATE_LIVE == 1 && TOKEN_CAPABILITY_STATE_REVOKED == 2 &&
		      TOKEN_CAPABILITY_STATE_EXPIRED == 3,
	      "states are asked for by their number");
static_assert(TOKEN_DEAD_ITSELF == 1 && TOKEN_DEAD_KEY == 2 && TOKEN_DEAD_ALL == 3 &&
		      TOKEN_DEAD_AGENT == 4 && TOKEN_DEAD_SCOPE == 5,
	      "deaths are told by their number");

/* Columns of TOKEN. */
enum {
	T_ID,
	T_AGENT,
	T_SCOPES,
	T_RISK,
	T_ISSUED,
	T_EXPIRES,
	T_KEY,
	T_DIGEST,
	T_HOLDER,
	T_ENDPOINTS,
	T_AMOUNT,
	T_CURRENCY,
	T_AUTO_RENEW,
	T_RENEWED_FROM,
	T_RENEWED_BY,
	T_ISSUED_BY,
	T_REVOKED,
	T_PHASE,
	T_AGENT_STATE,
	T_KILLED,
	T_DEATH,
};

struct str agent_text_of(int64_t number, struct arena *arena)
{
	char text[AGENT_ID_TEXT_SIZE];

	agent_id_format(number, text);
	return arena_copy(arena, str_of(text));
}

static struct label_list labels_at(const struct db_rows *rows, size_t row, size_t column)
{
	const struct db_value *value = db_at(rows, row, column);

	return (struct label_list){ value->items, value->count };
}

static void agent_view_read(const struct db_rows *rows, size_t row, struct agent_view *ret)
{
	*ret = (struct agent_view){
		.known = true,
		.state = (enum registry_agent_state)db_i64(rows, row, 1),
		.killed = db_bool(rows, row, 2),
		.tier = db_i64(rows, row, 3),
		.scopes = labels_at(rows, row, 4),
		.role_known = !db_is_null(rows, row, 5),
		.role_scopes = labels_at(rows, row, 5),
		.live_count = db_i64(rows, row, 6),
		.dead_until_ms = db_i64(rows, row, 7),
	};
}

enum st store_issue_agents(struct db_tx *tx, struct arena *arena, const int64_t *numbers,
			   size_t count, int64_t now_ms, struct issue_agents *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(ISSUE_AGENTS), arena, &rows, DB_I64S(numbers, count),
		     DB_I64(now_ms)));
	*ret = (struct issue_agents){ ARENA_ARRAY(arena, struct issue_agent, rows.count),
				      rows.count };
	if (!ret->items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++) {
		ret->items[i] = (struct issue_agent){ .number = db_i64(&rows, i, 0) };
		agent_view_read(&rows, i, &ret->items[i].view);
	}
	return ST_OK;
}

enum st store_live_count(struct db_tx *tx, struct arena *arena, int64_t number, int64_t now_ms,
			 int64_t *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(LIVE_COUNT), arena, &rows, DB_I64(number), DB_I64(now_ms)));
	*ret = db_i64(&rows, 0, 0);
	return ST_OK;
}

enum st store_issue_rules(struct db_tx *tx, struct arena *arena, struct label_list scopes,
			  struct issue_rules *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(ISSUE_RULES), arena, &rows, LABELS(scopes)));
	*ret = (struct issue_rules){ .all_until_ms = db_i64(&rows, 0, 1),
				     .scopes = labels_at(&rows, 0, 2),
				     .scopes_until_ms = db_at(&rows, 0, 3)->items };
	if (!db_is_null(&rows, 0, 0))
		ret->key_id = db_text(&rows, 0, 0);
	return ST_OK;
}

/* -- keeping -- */

/* A column of each, and what they point to. */
struct columns {
	struct str *ids, *scopes, *keys, *digests, *holders, *endpoints, *currencies, *origins, *by;
	int64_t *agents, *issued, *expires, *micros, *due;
	int32_t *risks;
	bool *confined, *renews;
};

static enum st columns_make(struct arena *arena, size_t count, struct columns *c)
{
	struct str **texts[] = { &c->ids,        &c->scopes,  &c->keys,
				 &c->digests,    &c->holders, &c->endpoints,
				 &c->currencies, &c->origins, &c->by };
	int64_t **numbers[] = { &c->agents, &c->issued, &c->expires, &c->micros, &c->due };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = ARENA_ARRAY(arena, struct str, count);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		*numbers[i] = ARENA_ARRAY(arena, int64_t, count);
	c->risks = ARENA_ARRAY(arena, int32_t, count);
	c->confined = ARENA_ARRAY(arena, bool, count);
	c->renews = ARENA_ARRAY(arena, bool, count);
	return arena->failed ? ST_TOO_LARGE : ST_OK;
}

static struct str labels_text(struct label_list list, struct arena *arena)
{
	size_t size = 0;

	for (size_t i = 0; i < list.count; i++)
		size += list.items[i].size + 1;
	char *text = arena_alloc(arena, size + 1), *out = text;
	if (!text)
		return (struct str){ 0 };
	for (size_t i = 0; i < list.count; i++) {
		if (i > 0)
			*out++ = ' ';
		memcpy(out, list.items[i].data, list.items[i].size);
		out += list.items[i].size;
	}
	return (struct str){ text, (size_t)(out - text) };
}

static void limits_put(const struct token_limits *limits, struct columns *c, size_t i,
		       struct arena *arena)
{
	c->confined[i] = limits && limits->has_endpoints;
	c->endpoints[i] = c->confined[i]
				  ? labels_text((struct label_list){ limits->endpoints.items,
								     limits->endpoints.count },
						arena)
				  : STR("");
	bool capped = limits && limits->has_amount_per_day;
	c->micros[i] = capped ? limits->amount_per_day.micros : -1;
	c->currencies[i] = capped ? str_of(limits->amount_per_day.currency) : STR("");
}

static enum st column_put(const struct token_new *token, struct columns *c, size_t i,
			  struct arena *arena)
{
	const struct token_capability *t = token->capability;
	char *bytes = arena_alloc(arena, HASH_BYTES + PUBLIC_KEY_BYTES);
	struct hash digest;

	if (!bytes)
		return ST_TOO_LARGE;
	TRY(hash_of_text(t->digest, &digest));
	memcpy(bytes, digest.bytes, HASH_BYTES);
	c->digests[i] = (struct str){ bytes, HASH_BYTES };
	c->holders[i] = (struct str){ bytes + HASH_BYTES, t->bound ? PUBLIC_KEY_BYTES : 0 };
	if (t->bound)
		TRY(base64_decode_exact(t->holder_key, (uint8_t *)bytes + HASH_BYTES,
					PUBLIC_KEY_BYTES));
	c->ids[i] = t->token_id;
	c->agents[i] = token->agent_number;
	c->scopes[i] = labels_text((struct label_list){ t->scopes.items, t->scopes.count }, arena);
	c->risks[i] = (int32_t)t->risk;
	c->issued[i] = t->issued_at_ms;
	c->expires[i] = t->expires_at_ms;
	c->keys[i] = t->key_id;
	c->renews[i] = t->auto_renew;
	c->origins[i] = str_or_empty(t->renewed_from);
	c->by[i] = t->issued_by;
	c->due[i] = token->due_ms;
	limits_put(t->limits, c, i, arena);
	return arena->failed ? ST_TOO_LARGE : ST_OK;
}

enum st store_tokens_insert(struct db_tx *tx, struct arena *arena, const struct token_new *tokens,
			    size_t count)
{
	struct columns c;

	TRY(columns_make(arena, count, &c));
	for (size_t i = 0; i < count; i++)
		TRY(column_put(&tokens[i], &c, i, arena));
	return db_write(
		tx, STATEMENT(INSERT), (int64_t)count, ST_INTERNAL, DB_TEXTS(c.ids, count),
		DB_I64S(c.agents, count), DB_TEXTS(c.scopes, count), DB_I32S(c.risks, count),
		DB_I64S(c.issued, count), DB_I64S(c.expires, count), DB_TEXTS(c.keys, count),
		DB_BYTESS(c.digests, count), DB_BYTESS(c.holders, count),
		DB_BOOLS(c.confined, count), DB_TEXTS(c.endpoints, count), DB_I64S(c.micros, count),
		DB_TEXTS(c.currencies, count), DB_BOOLS(c.renews, count),
		DB_TEXTS(c.origins, count), DB_TEXTS(c.by, count), DB_I64S(c.due, count));
}

/* -- reading -- */

static struct str text_or_none(const struct db_rows *rows, size_t row, size_t column)
{
	return db_is_null(rows, row, column) ? (struct str){ 0 } : db_text(rows, row, column);
}

static void limits_read(const struct db_rows *rows, size_t row, struct token_row *ret)
{
	struct token_limits *limits = &ret->limits;

	limits->has_endpoints = !db_is_null(rows, row, T_ENDPOINTS);
	if (limits->has_endpoints) {
		struct label_list list = labels_at(rows, row, T_ENDPOINTS);
		limits->endpoints.items = (struct str *)list.items;
		limits->endpoints.count = list.count;
	}
	limits->has_amount_per_day = !db_is_null(rows, row, T_AMOUNT);
	if (limits->has_amount_per_day) {
		limits->amount_per_day.micros = db_i64(rows, row, T_AMOUNT);
		bool fits =
			str_copy(db_text(rows, row, T_CURRENCY), limits->amount_per_day.currency,
				 sizeof(limits->amount_per_day.currency));
		ASSERT(fits);
	}
	if (limits->has_endpoints || limits->has_amount_per_day)
		ret->capability.limits = limits;
}

static struct str hash_text(struct str bytes, struct arena *arena)
{
	char text[HASH_TEXT_SIZE];
	struct hash hash;

	ASSERT(bytes.size == HASH_BYTES);
	memcpy(hash.bytes, bytes.data, HASH_BYTES);
	hash_to_text(&hash, text);
	return arena_copy(arena, str_of(text));
}

static enum st row_read(const struct db_rows *rows, size_t row, struct arena *arena,
			struct token_row *ret)
{
	struct token_capability *c = &ret->capability;
	struct label_list scopes = labels_at(rows, row, T_SCOPES);
	char holder[PUBLIC_KEY_TEXT_SIZE];

	*ret = (struct token_row){
		.capability = { .token_id = db_text(rows, row, T_ID),
				.agent_id = agent_text_of(db_i64(rows, row, T_AGENT), arena),
				.risk = (enum token_risk)db_i64(rows, row, T_RISK),
				.issued_at_ms = db_i64(rows, row, T_ISSUED),
				.expires_at_ms = db_i64(rows, row, T_EXPIRES),
				.key_id = db_text(rows, row, T_KEY),
				.digest = hash_text(db_text(rows, row, T_DIGEST), arena),
				.bound = !db_is_null(rows, row, T_HOLDER),
				.auto_renew = db_bool(rows, row, T_AUTO_RENEW),
				.renewed_from = text_or_none(rows, row, T_RENEWED_FROM),
				.renewed_by = text_or_none(rows, row, T_RENEWED_BY),
				.issued_by = db_text(rows, row, T_ISSUED_BY),
				.has_revoked_at_ms = !db_is_null(rows, row, T_REVOKED),
				.revoked_at_ms = db_i64(rows, row, T_REVOKED) },
		.phase = db_i64(rows, row, T_PHASE),
		.agent_state = (enum registry_agent_state)db_i64(rows, row, T_AGENT_STATE),
		.agent_killed = db_bool(rows, row, T_KILLED),
		.death = (enum token_death)db_i64(rows, row, T_DEATH),
	};
	c->scopes.items = (struct str *)scopes.items;
	c->scopes.count = scopes.count;
	if (c->bound) {
		base64_encode(db_text(rows, row, T_HOLDER).data, PUBLIC_KEY_BYTES, holder);
		c->holder_key = arena_copy(arena, str_of(holder));
	}
	limits_read(rows, row, ret);
	return arena->failed ? ST_TOO_LARGE : ST_OK;
}

static enum st rows_read(const struct db_rows *rows, struct arena *arena, struct token_rows *ret)
{
	struct token_row *items = ARENA_ARRAY(arena, struct token_row, rows->count);

	if (!items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows->count; i++)
		TRY(row_read(rows, i, arena, &items[i]));
	*ret = (struct token_rows){ items, rows->count };
	return ST_OK;
}

static enum st one_read(const struct db_rows *rows, struct arena *arena, struct token_row *ret,
			bool *ret_found)
{
	if (rows->count > 0)
		TRY(row_read(rows, 0, arena, ret));
	*ret_found = rows->count > 0;
	return ST_OK;
}

enum st store_token_get(struct db_tx *tx, struct arena *arena, struct str token_id,
			struct token_row *ret, bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(GET), arena, &rows, DB_TEXT(token_id)));
	return one_read(&rows, arena, ret, ret_found);
}

enum st store_token_lock(struct db_tx *tx, struct arena *arena, struct str token_id,
			 struct token_row *ret, bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(LOCK), arena, &rows, DB_TEXT(token_id)));
	return one_read(&rows, arena, ret, ret_found);
}

enum st store_token_list(struct db_tx *tx, struct arena *arena, const struct token_filter *filter,
			 struct token_rows *ret)
{
	struct db_rows rows;

	if (filter->agent_number > 0)
		TRY(db_query(tx, STATEMENT(LIST_AGENT), arena, &rows, DB_I64(filter->now_ms),
			     DB_TEXT(filter->scope), DB_I32(filter->state), DB_TEXT(filter->after),
			     DB_I64(filter->limit), DB_I64(filter->agent_number)));
	else
		TRY(db_query(tx, STATEMENT(LIST), arena, &rows, DB_I64(filter->now_ms),
			     DB_TEXT(filter->scope), DB_I32(filter->state), DB_TEXT(filter->after),
			     DB_I64(filter->limit)));
	return rows_read(&rows, arena, ret);
}

enum st store_tokens_due(struct db_tx *tx, struct arena *arena, int64_t now_ms, int64_t limit,
			 struct token_rows *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(DUE), arena, &rows, DB_I64(now_ms), DB_I64(limit)));
	return rows_read(&rows, arena, ret);
}

enum st store_token_phase(struct db_tx *tx, struct str token_id, int64_t phase, int64_t due_ms)
{
	return db_write(tx, STATEMENT(PHASE), 1, ST_SERIALIZATION, DB_TEXT(token_id), DB_I32(phase),
			DB_I64(due_ms));
}

enum st store_token_forget(struct db_tx *tx, struct str token_id)
{
	return db_write(tx, STATEMENT(FORGET), 1, ST_SERIALIZATION, DB_TEXT(token_id));
}

enum st store_token_renewed(struct db_tx *tx, struct str token_id, struct str successor)
{
	return db_write(tx, STATEMENT(RENEWED), 1, ST_SERIALIZATION, DB_TEXT(token_id),
			DB_TEXT(successor));
}

enum st store_token_resigned(struct db_tx *tx, struct str token_id, struct str key_id,
			     const struct hash *digest)
{
	return db_write(tx, STATEMENT(RESIGNED), 1, ST_SERIALIZATION, DB_TEXT(token_id),
			DB_TEXT(key_id),
			DB_BYTES(((struct str){ (const char *)digest->bytes, HASH_BYTES })));
}
