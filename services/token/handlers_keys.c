/* handlers_keys.c: the keys that sign tokens: made, sealed, rotated, revoked, published. One is
 * active, one is next and public already, so that no verifier meets a key it has not heard of. */
#include "clock.h"
#include "handlers.h"

#define KEY_LIST_ALL INT64_C(-1) /* retired whenever */

struct token_key key_fill(const struct key_row *row, struct arena *arena)
{
	char x[BASE64URL_SIZE(PUBLIC_KEY_BYTES)];

	base64url_encode(row->public_key, PUBLIC_KEY_BYTES, x);
	return (struct token_key){
		.kid = row->key_id,
		.kty = STR("OKP"),
		.crv = STR("Ed25519"),
		.alg = STR("EdDSA"),
		.use = STR("sig"),
		.x = arena_copy(arena, str_of(x)),
		.state = row->state,
		.created_at_ms = row->created_ms,
		.has_active_from_ms = row->active_ms > 0,
		.active_from_ms = row->active_ms,
		.has_retired_at_ms = row->retired_ms > 0,
		.retired_at_ms = row->retired_ms,
		.has_revoked_at_ms = row->revoked_ms > 0,
		.revoked_at_ms = row->revoked_ms,
	};
}

static enum st key_told(const struct svc_scope *scope, const struct key_row *row)
{
	struct token_key_changed event = { .key = key_fill(row, scope->arena) };

	return svc_emit_in(scope, &EVT_TOKEN_KEY_CHANGED, &row->key_id, &event, 1);
}

static enum st key_make(const struct svc_scope *scope, const struct token_service *token,
			enum token_key_state state, struct key_row *ret)
{
	uint8_t *sealed = arena_alloc(scope->arena, SEALED_BYTES_MAX);
	uint8_t seed[SEED_BYTES];
	struct signing_key key;
	size_t size;

	if (!sealed)
		return ST_TOO_LARGE;
	random_bytes(seed, sizeof(seed));
	signing_key_of_seed(seed, &key);
	key_seal(token->sealing_key, seed, sealed, &size);
	bytes_wipe(seed, sizeof(seed));
	struct key_row row = {
		.key_id = arena_copy(scope->arena, str_of(key.key_id)),
		.sealed = { (const char *)sealed, size },
		.state = state,
		.created_ms = scope->now_ms,
		.active_ms = state == TOKEN_KEY_STATE_ACTIVE ? scope->now_ms : 0,
	};
	memcpy(row.public_key, key.public_key, PUBLIC_KEY_BYTES);
	signing_key_clear(&key);
	if (!row.key_id.data)
		return ST_TOO_LARGE;
	TRY(store_key_insert(scope->tx, &row));
	TRY(key_told(scope, &row));
	*ret = row;
	return ST_OK;
}

static enum st key_moved(const struct svc_scope *scope, struct key_row *row,
			 enum token_key_state to)
{
	TRY(store_key_move(scope->tx, row->key_id, row->state, to, scope->now_ms));
	row->state = to;
	if (to == TOKEN_KEY_STATE_ACTIVE)
		row->active_ms = scope->now_ms;
	if (to == TOKEN_KEY_STATE_RETIRED)
		row->retired_ms = scope->now_ms;
	if (to == TOKEN_KEY_STATE_REVOKED)
		row->revoked_ms = scope->now_ms;
	return key_told(scope, row);
}

static struct key_row *key_in_state(const struct key_rows *keys, enum token_key_state state)
{
	for (size_t i = 0; i < keys->count; i++)
		if (keys->items[i].state == state)
			return &keys->items[i];
	return NULL;
}

/* The next key becomes the active one, and a new one is next. */
static enum st key_promoted(const struct svc_scope *scope, const struct token_service *token,
			    struct key_row *next, struct key_row *ret_next)
{
	TRY(key_moved(scope, next, TOKEN_KEY_STATE_ACTIVE));
	return key_make(scope, token, TOKEN_KEY_STATE_NEXT, ret_next);
}

enum st key_revoke(const struct svc_scope *scope, struct token_service *token,
		   const struct key_row *key)
{
	struct key_row gone = *key, fresh;
	enum token_key_state was = key->state;
	struct key_rows keys;

	TRY(store_key_list(scope->tx, scope->arena, KEY_LIST_ALL, &keys));
	TRY(key_moved(scope, &gone, TOKEN_KEY_STATE_REVOKED));
	if (was == TOKEN_KEY_STATE_NEXT)
		return key_make(scope, token, TOKEN_KEY_STATE_NEXT, &fresh);
	struct key_row *next = key_in_state(&keys, TOKEN_KEY_STATE_NEXT);
	if (was != TOKEN_KEY_STATE_ACTIVE || !next)
		return ST_OK;
	return key_promoted(scope, token, next, &fresh);
}

enum st signing_key_get(const struct svc_scope *scope, struct token_service *token,
			struct str key_id, const struct signing_key **ret)
{
	struct key_row row;
	bool found;

	if (!key_id.data)
		return ST_SIGNING_KEY_MISSING;
	if (!str_is(key_id, token->key.key_id)) {
		TRY(store_key_get(scope->tx, scope->arena, key_id, &row, &found));
		/* It was retired a moment ago: the retry meets its successor. */
		if (!found || !row.sealed.data)
			return ST_SERIALIZATION;
		TRY(key_unseal(token->sealing_key, row.sealed, key_id, &token->key));
	}
	*ret = &token->key;
	return ST_OK;
}

/* -- calls and ticks -- */

enum st on_keys(struct svc_request *req)
{
	const struct token_keys_request *in = req->body;
	struct token_keys_reply *answer = req->answer;
	bool all = in->has_all && in->all;
	struct key_rows keys;

	TRY(store_key_list(req->tx, req->arena,
			   all ? KEY_LIST_ALL : req->now_ms - TOKEN_LIFE_MS_MAX, &keys));
	answer->keys.items = ARENA_ARRAY(req->arena, struct token_key, keys.count);
	if (!answer->keys.items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < keys.count; i++)
		answer->keys.items[i] = key_fill(&keys.items[i], req->arena);
	answer->keys.count = keys.count;
	answer->at_ms = req->now_ms;
	return ST_OK;
}

static enum st rotate(const struct svc_scope *scope, const struct token_service *token,
		      const struct key_rows *keys, struct key_row *ret_active,
		      struct key_row *ret_next, struct key_row *ret_retired)
{
	struct key_row *active = key_in_state(keys, TOKEN_KEY_STATE_ACTIVE);
	struct key_row *next = key_in_state(keys, TOKEN_KEY_STATE_NEXT);

	if (!active || !next)
		return ST_SIGNING_KEY_MISSING;
	TRY(key_moved(scope, active, TOKEN_KEY_STATE_RETIRED));
	TRY(key_promoted(scope, token, next, ret_next));
	*ret_active = *next;
	*ret_retired = *active;
	return ST_OK;
}

static enum st rotate_act(struct svc_request *req, struct note *note)
{
	struct token_key_rotate_reply *answer = req->answer;
	struct svc_scope scope = svc_scope_of_request(req);
	struct key_row active, next, retired;
	struct key_rows keys;

	(void)note;
	TRY(store_key_lock(req->tx, req->arena));
	TRY(store_key_list(req->tx, req->arena, req->now_ms, &keys));
	TRY(rotate(&scope, req->state, &keys, &active, &next, &retired));
	answer->active = key_fill(&active, req->arena);
	answer->next = key_fill(&next, req->arena);
	answer->retired = key_fill(&retired, req->arena);
	return ST_OK;
}

enum st on_key_rotate(struct svc_request *req)
{
	return recorded(req, "token.key_rotate", STR("token"), rotate_act);
}

static enum key_step step_of(const struct key_rows *keys, int64_t rotation_ms, int64_t now_ms)
{
	const struct key_row *active = key_in_state(keys, TOKEN_KEY_STATE_ACTIVE);
	struct key_states states = {
		.has_next = key_in_state(keys, TOKEN_KEY_STATE_NEXT) != NULL,
		.has_active = active != NULL,
		.active_since_ms = active ? active->active_ms : 0,
	};

	return key_step_due(&states, rotation_ms, now_ms);
}

static enum st step(const struct svc_scope *scope, const struct token_service *token,
		    enum key_step step, const struct key_rows *keys)
{
	struct key_row active, next, retired, *waiting;

	switch (step) {
	case KEY_STEP_NONE:
		return ST_OK;
	case KEY_STEP_CREATE_ACTIVE:
		waiting = key_in_state(keys, TOKEN_KEY_STATE_NEXT);
		if (waiting)
			return key_moved(scope, waiting, TOKEN_KEY_STATE_ACTIVE);
		return key_make(scope, token, TOKEN_KEY_STATE_ACTIVE, &active);
	case KEY_STEP_CREATE_NEXT:
		return key_make(scope, token, TOKEN_KEY_STATE_NEXT, &next);
	case KEY_STEP_ROTATE:
		return rotate(scope, token, keys, &active, &next, &retired);
	}
	return ST_INTERNAL;
}

enum st tick_keys(struct svc_tick_context *tick)
{
	struct token_service *token = tick->state;
	struct svc_scope scope = svc_scope_of_tick(tick);
	struct key_rows keys;
	struct note note = { .operation = "token.key_rotate",
			     .agent_id = STR("token"),
			     .user_id = STR("token"),
			     .parameters_hash = hash_text_of(STR(""), tick->arena) };

	TRY(store_key_list(tick->tx, tick->arena, tick->now_ms, &keys));
	if (step_of(&keys, token->rotation_ms, tick->now_ms) == KEY_STEP_NONE)
		return ST_OK;
	TRY(store_key_lock(tick->tx, tick->arena));
	TRY(store_key_list(tick->tx, tick->arena, tick->now_ms, &keys));
	enum key_step due = step_of(&keys, token->rotation_ms, tick->now_ms);
	TRY(step(&scope, token, due, &keys));
	tick->again = due != KEY_STEP_NONE;
	return due == KEY_STEP_NONE ? ST_OK : evidence_emit(&scope, &note);
}
