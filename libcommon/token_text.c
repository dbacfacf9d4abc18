/* token_text.c: the text of a token and its chain; see token_check.h. */
#include <stdio.h>

#include "token_check.h"

#include "id.h"

#define FOOTER_SIZE (sizeof("{\"kid\":\"\"}") + KEY_ID_SIZE)
#define FOOTER_PREFIX "{\"kid\":\""
#define FOOTER_SUFFIX "\"}"

/* -- keys -- */

static struct token_public_key *find(struct token_key_set *set, struct str key_id)
{
	for (size_t i = 0; i < set->count; i++)
		if (str_is(key_id, set->items[i].key_id))
			return &set->items[i];
	return NULL;
}

const struct token_public_key *token_key_set_find(const struct token_key_set *set,
						  struct str key_id)
{
	return find((struct token_key_set *)set, key_id);
}

static enum st key_decode(const struct token_key *in, struct token_public_key *ret)
{
	char key_id[KEY_ID_SIZE];
	size_t size;

	if (base64url_decode(in->x, ret->public_key, PUBLIC_KEY_BYTES, &size) != ST_OK ||
	    size != PUBLIC_KEY_BYTES || !public_key_is_valid(ret->public_key))
		return ST_MESSAGE_INVALID;
	key_id_of(ret->public_key, key_id);
	if (!str_is(in->kid, key_id))
		return ST_MESSAGE_INVALID;
	memcpy(ret->key_id, key_id, KEY_ID_SIZE);
	ret->state = in->state;
	ret->until_ms = in->has_retired_at_ms ? in->retired_at_ms : INT64_MAX;
	return ST_OK;
}

enum st token_key_set_put(struct token_key_set *set, const struct token_key *key)
{
	struct token_public_key decoded = { 0 };

	TRY(key_decode(key, &decoded));
	struct token_public_key *slot = find(set, key->kid);
	if (slot && slot->state == TOKEN_KEY_STATE_REVOKED)
		return ST_OK;
	if (!slot && set->count == TOKEN_KEYS_MAX)
		return ST_TOO_LARGE;
	if (!slot)
		slot = &set->items[set->count++];
	*slot = decoded;
	return ST_OK;
}

enum st token_key_set_put_foreign(struct token_key_set *set, struct str key_id)
{
	struct token_public_key key = { .foreign = true };

	if (find(set, key_id))
		return ST_OK;
	if (set->count == TOKEN_KEYS_MAX)
		return ST_TOO_LARGE;
	if (!str_copy(key_id, key.key_id, sizeof(key.key_id)))
		return ST_MESSAGE_INVALID;
	set->items[set->count++] = key;
	return ST_OK;
}

/* -- writing -- */

static struct str footer_of(const char *key_id, char ret[FOOTER_SIZE])
{
	int size = snprintf(ret, FOOTER_SIZE, FOOTER_PREFIX "%s" FOOTER_SUFFIX, key_id);

	ASSERT(size > 0 && (size_t)size < FOOTER_SIZE);
	return (struct str){ ret, (size_t)size };
}

enum st token_mint(const struct signing_key *key, const struct token_claims *claims,
		   struct arena *arena, struct str *ret)
{
	char footer[FOOTER_SIZE];
	struct str payload, text;

	TRY(proto_encode(&token_claims_type, claims, arena, &payload));
	TRY(paseto_sign(key, payload, footer_of(key->key_id, footer), STR(TOKEN_ASSERTION), arena,
			&text));
	if (text.size > TOKEN_BYTES_MAX)
		return ST_TOKEN_TOO_LONG;
	*ret = text;
	return ST_OK;
}

/* NULL data: the arena is full. */
static struct str block_assertion(struct str before, struct arena *arena)
{
	struct buf buf;

	buf_init(&buf, arena, before.size + sizeof(TOKEN_BLOCK_ASSERTION) + 1);
	buf_add_c(&buf, TOKEN_BLOCK_ASSERTION "\n");
	buf_add_str(&buf, before);
	return buf_str(&buf);
}

enum st token_append(const struct signing_key *holder, struct str token,
		     const struct token_block *block, struct arena *arena, struct str *ret)
{
	char footer[FOOTER_SIZE];
	struct str payload, text;
	struct buf buf;

	if (token.size > TOKEN_BYTES_MAX)
		return ST_TOKEN_TOO_LONG;
	struct str assertion = block_assertion(token, arena);
	if (!assertion.data)
		return ST_TOO_LARGE;
	TRY(proto_encode(&token_block_type, block, arena, &payload));
	TRY(paseto_sign(holder, payload, footer_of(holder->key_id, footer), assertion, arena,
			&text));
	if (token.size + 1 + text.size > TOKEN_BYTES_MAX)
		return ST_TOKEN_TOO_LONG;
	buf_init(&buf, arena, token.size + text.size + 2);
	buf_add_str(&buf, token);
	buf_add_char(&buf, TOKEN_BLOCK_SEPARATOR);
	buf_add_str(&buf, text);
	text = buf_str(&buf);
	if (!text.data)
		return ST_TOO_LARGE;
	*ret = text;
	return ST_OK;
}

/* -- reading -- */

/* The only footer there is: a key id. One that breaks off is a text that was cut. */
static enum st footer_read(struct str footer, struct str *ret_key_id, struct problem *problem)
{
	const struct str prefix = STR(FOOTER_PREFIX), suffix = STR(FOOTER_SUFFIX);
	size_t whole = prefix.size + KEY_ID_SIZE - 1 + suffix.size;
	struct str key_id = { footer.data + prefix.size, KEY_ID_SIZE - 1 };

	if (footer.size == 0)
		return problem_set(problem, ST_TOKEN_TRUNCATED, "", "it ends before its footer");
	size_t head = footer.size < prefix.size ? footer.size : prefix.size;
	if (memcmp(footer.data, prefix.data, head) == 0 && footer.size < whole)
		return problem_set(problem, ST_TOKEN_TRUNCATED, "", "it ends in its footer");
	if (footer.size != whole || !str_starts(footer, FOOTER_PREFIX) ||
	    !str_ends(footer, FOOTER_SUFFIX) || !key_id_is_valid(key_id))
		return problem_set(problem, ST_TOKEN_MALFORMED, "", "its footer names no key");
	*ret_key_id = key_id;
	return ST_OK;
}

static enum st key_check(const struct token_public_key *key, struct str key_id,
			 struct problem *problem)
{
	if (!key)
		return problem_set(problem, ST_TOKEN_KEY_UNKNOWN, "", "key \"%.*s\"",
				   STR_ARG(key_id));
	if (key->foreign)
		return problem_set(problem, ST_TOKEN_KEY_FOREIGN, "", "key \"%.*s\"",
				   STR_ARG(key_id));
	if (key->state == TOKEN_KEY_STATE_REVOKED)
		return problem_set(problem, ST_TOKEN_KEY_REVOKED, "", "key \"%.*s\"",
				   STR_ARG(key_id));
	return ST_OK;
}

/* `st` for what is wrong with the claims, whatever the decoder calls it; its words are kept. */
static enum st decode_refused(enum st decoded, enum st st, const char *pointer,
			      struct problem *found, struct problem *problem)
{
	char place[sizeof(found->pointer) + 32];

	if (decoded == ST_TOO_LARGE)
		return decoded;
	snprintf(place, sizeof(place), "%s%s", pointer, found->pointer);
	return problem_set(problem, st, place, "%s", found->detail);
}

static enum st holder_take(struct token_view *view, const struct token_holder *holder)
{
	uint8_t key[PUBLIC_KEY_BYTES];

	if (!holder)
		return ST_OK;
	TRY(base64_decode_exact(holder->public_key, key, sizeof(key)));
	if (!public_key_is_valid(key))
		return ST_MESSAGE_INVALID;
	memcpy(view->holder_key, key, sizeof(key));
	view->bound = true;
	return ST_OK;
}

static void limits_take(struct token_view *view, const struct token_limits *limits)
{
	if (limits && limits->has_endpoints) {
		view->endpoints_limited = true;
		view->endpoint_count = limits->endpoints.count;
		for (size_t i = 0; i < limits->endpoints.count; i++)
			view->endpoints[i] = limits->endpoints.items[i];
	}
	if (limits && limits->has_amount_per_day) {
		view->amount_limited = true;
		view->amount_per_day = limits->amount_per_day;
	}
}

static enum st claims_take(const struct token_claims *claims, struct token_view *view,
			   struct problem *problem)
{
	if (!str_copy(claims->jti, view->token_id, sizeof(view->token_id)) ||
	    !id_valid(claims->jti, "tok"))
		return problem_set(problem, ST_TOKEN_CLAIMS_INVALID, "/jti", "it is no token id");
	if (!agent_id_parse(claims->sub, &view->agent_number))
		return problem_set(problem, ST_TOKEN_CLAIMS_INVALID, "/sub", "it is no agent id");
	if (claims->exp_ms <= claims->iat_ms)
		return problem_set(problem, ST_TOKEN_CLAIMS_INVALID, "/exp",
				   "it ends before it begins");
	if (claims->exp_ms - claims->iat_ms > TOKEN_LIFE_MS_MAX)
		return problem_set(problem, ST_TOKEN_LIFE_TOO_LONG, "/exp", "it lives %lld days",
				   (long long)((claims->exp_ms - claims->iat_ms) / 86400000));
	if (claims->limits && claims->limits->has_amount_per_day &&
	    claims->limits->amount_per_day.micros < 0)
		return problem_set(problem, ST_TOKEN_CLAIMS_INVALID, "/limits/amount_per_day",
				   "it is below zero");
	view->risk = claims->risk;
	view->issued_at_ms = view->latest_ms = claims->iat_ms;
	view->expires_at_ms = claims->exp_ms;
	view->scope_count = claims->scopes.count;
	for (size_t i = 0; i < claims->scopes.count; i++)
		view->scopes[i] = claims->scopes.items[i];
	limits_take(view, claims->limits);
	if (holder_take(view, claims->cnf) != ST_OK)
		return problem_set(problem, ST_TOKEN_CLAIMS_INVALID, "/cnf/public_key",
				   "it is no usable key");
	return ST_OK;
}

static enum st root_open(const struct token_key_set *keys, struct str text, struct arena *arena,
			 struct token_view *view, struct problem *problem)
{
	struct problem found = { 0 };
	struct token_claims claims;
	struct paseto paseto;
	struct str key_id;

	TRY(paseto_parse(text, arena, &paseto, problem));
	TRY(footer_read(paseto.footer, &key_id, problem));
	const struct token_public_key *key = token_key_set_find(keys, key_id);
	TRY(key_check(key, key_id, problem));
	enum st st = paseto_verify(&paseto, key->public_key, STR(TOKEN_ASSERTION), arena);
	if (st != ST_OK)
		return problem_set(problem, st, "", "key \"%s\"", key->key_id);
	st = proto_decode(&token_claims_type, paseto.message, PROTO_UNKNOWN_REFUSED, arena, &claims,
			  &found);
	if (st != ST_OK)
		return decode_refused(st, ST_TOKEN_CLAIMS_INVALID, "", &found, problem);
	if (key->until_ms != INT64_MAX && claims.iat_ms - TOKEN_SKEW_MS > key->until_ms)
		return problem_set(problem, ST_TOKEN_KEY_UNKNOWN, "",
				   "key \"%s\" was retired before the token was issued",
				   key->key_id);
	memcpy(view->key_id, key->key_id, KEY_ID_SIZE);
	return claims_take(&claims, view, problem);
}

/* -- narrowing -- */

static bool list_has(const struct str *items, size_t count, struct str item)
{
	for (size_t i = 0; i < count; i++)
		if (str_equal(items[i], item))
			return true;
	return false;
}

static bool list_within(const struct str *inner, size_t inner_count, const struct str *outer,
			size_t outer_count)
{
	for (size_t i = 0; i < inner_count; i++)
		if (!list_has(outer, outer_count, inner[i]))
			return false;
	return true;
}

static enum st widens(struct problem *problem, const char *pointer, const char *member,
		      const char *how)
{
	char place[96];

	snprintf(place, sizeof(place), "%s%s", pointer, member);
	return problem_set(problem, ST_TOKEN_CHAIN_WIDENS, place, "%s", how);
}

static enum st limits_narrow(const struct token_view *view, const struct token_limits *limits,
			     const char *pointer, struct problem *problem)
{
	const struct money amount = limits->amount_per_day;

	if (limits->has_endpoints && view->endpoints_limited &&
	    !list_within(limits->endpoints.items, limits->endpoints.count, view->endpoints,
			 view->endpoint_count))
		return widens(problem, pointer, "/limits/endpoints",
			      "it reaches an endpoint that its parent does not");
	if (!limits->has_amount_per_day)
		return ST_OK;
	if (amount.micros < 0)
		return widens(problem, pointer, "/limits/amount_per_day", "it is below zero");
	if (view->amount_limited && (!money_same_currency(amount, view->amount_per_day) ||
				     amount.micros > view->amount_per_day.micros))
		return widens(problem, pointer, "/limits/amount_per_day",
			      "it is more than its parent's, or in another currency");
	return ST_OK;
}

enum st token_narrow(struct token_view *view, const struct token_block *block, const char *pointer,
		     struct problem *problem)
{
	struct token_view next = *view;

	if (block->has_exp_ms && block->exp_ms > view->expires_at_ms)
		return widens(problem, pointer, "/exp", "it ends after its parent");
	if (block->risk && block->risk > view->risk)
		return widens(problem, pointer, "/risk", "its risk is above its parent's");
	if (block->has_scopes &&
	    !list_within(block->scopes.items, block->scopes.count, view->scopes, view->scope_count))
		return widens(problem, pointer, "/scopes",
			      "it gives a scope that its parent does not");
	if (block->limits)
		TRY(limits_narrow(view, block->limits, pointer, problem));
	if (holder_take(&next, block->cnf) != ST_OK)
		return problem_set(problem, ST_TOKEN_CHAIN_CLAIMS_INVALID, pointer,
				   "its holder's key is not usable");
	if (block->has_exp_ms)
		next.expires_at_ms = block->exp_ms;
	if (block->risk)
		next.risk = block->risk;
	if (block->has_scopes) {
		next.scope_count = block->scopes.count;
		for (size_t i = 0; i < block->scopes.count; i++)
			next.scopes[i] = block->scopes.items[i];
	}
	limits_take(&next, block->limits);
	if (block->iat_ms > next.latest_ms)
		next.latest_ms = block->iat_ms;
	ASSERT(next.expires_at_ms <= view->expires_at_ms && next.risk <= view->risk);
	ASSERT(next.scope_count <= view->scope_count);
	*view = next;
	return ST_OK;
}

/* A block's own text faults are faults of the token; only what is particular to a chain has a
 * status of its own. */
static enum st block_open(struct str text, struct str before, struct arena *arena,
			  struct token_view *view, struct problem *problem)
{
	struct token_block *block = ARENA_NEW(arena, struct token_block);
	struct token_link *link = &view->links[view->depth];
	char pointer[16], holder[KEY_ID_SIZE];
	struct problem found = { 0 };
	struct paseto paseto;
	struct str key_id;

	snprintf(pointer, sizeof(pointer), "/chain/%u", view->depth);
	struct str assertion = block_assertion(before, arena);
	if (!block || !assertion.data)
		return ST_TOO_LARGE;
	TRY(paseto_parse(text, arena, &paseto, problem));
	TRY(footer_read(paseto.footer, &key_id, problem));
	if (!view->bound)
		return problem_set(problem, ST_TOKEN_CHAIN_UNBOUND, pointer,
				   "its parent is bound to no key");
	key_id_of(view->holder_key, holder);
	if (!str_is(key_id, holder))
		return problem_set(problem, ST_TOKEN_CHAIN_KEY_WRONG, pointer,
				   "it is signed with \"%.*s\", its parent is bound to \"%s\"",
				   STR_ARG(key_id), holder);
	enum st st = paseto_verify(&paseto, view->holder_key, assertion, arena);
	if (st == ST_TOKEN_SIGNATURE_INVALID)
		return problem_set(problem, ST_TOKEN_CHAIN_SIGNATURE_INVALID, pointer, "key \"%s\"",
				   holder);
	TRY(st);
	st = proto_decode(&token_block_type, paseto.message, PROTO_UNKNOWN_REFUSED, arena, block,
			  &found);
	if (st != ST_OK)
		return decode_refused(st, ST_TOKEN_CHAIN_CLAIMS_INVALID, pointer, &found, problem);
	memcpy(link->signed_by, holder, KEY_ID_SIZE);
	link->block = block;
	TRY(token_narrow(view, block, pointer, problem));
	view->depth++;
	return ST_OK;
}

enum st token_open(const struct token_key_set *keys, struct str text, struct arena *arena,
		   struct token_view *ret, struct problem *problem)
{
	struct token_view *view = ARENA_NEW(arena, struct token_view);
	struct str root = text, rest = { 0 }, block;

	if (!view)
		return ST_TOO_LARGE;
	if (text.size > TOKEN_BYTES_MAX)
		return problem_set(problem, ST_TOKEN_TOO_LONG, "", "it has %zu bytes", text.size);
	bool more = str_cut(text, TOKEN_BLOCK_SEPARATOR, &root, &rest);
	TRY(root_open(keys, root, arena, view, problem));
	while (more) {
		struct str before = { text.data, (size_t)(rest.data - text.data) - 1 };
		if (view->depth == TOKEN_DEPTH_MAX)
			return problem_set(problem, ST_TOKEN_CHAIN_TOO_DEEP, "/chain",
					   "it has more than %d blocks", TOKEN_DEPTH_MAX);
		block = rest;
		more = str_cut(block, TOKEN_BLOCK_SEPARATOR, &block, &rest);
		TRY(block_open(block, before, arena, view, problem));
	}
	sha256_of(text.data, text.size, &view->digest);
	*ret = *view;
	return ST_OK;
}

bool token_has_scope(const struct token_view *view, struct str scope)
{
	return list_has(view->scopes, view->scope_count, scope);
}

bool token_reaches(const struct token_view *view, struct str endpoint)
{
	return !view->endpoints_limited ||
	       list_has(view->endpoints, view->endpoint_count, endpoint);
}
