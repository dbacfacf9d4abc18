/* The text of a token: every way it can be wrong has its own reason, and a chain only narrows.
 * [TOK-1] [TOK-7] [TOK-10] */
#include <stdlib.h>

#include "token_fixture.h"

static enum st opened(struct str text, struct token_view *ret, struct problem *problem)
{
	*problem = (struct problem){ 0 };
	return token_open(&keys, text, &arena, ret, problem);
}

#define REFUSED(st_, pointer_, text)                                                               \
	do {                                                                                       \
		struct problem problem_;                                                           \
		struct token_view view_;                                                           \
		enum st got_ = opened(text, &view_, &problem_);                                    \
		if (got_ != (st_))                                                                 \
			fail_msg("line %d: %s at \"%s\": %s", __LINE__, st_info(got_)->code,       \
				 problem_.pointer, problem_.detail);                               \
		assert_string_equal(problem_.pointer, pointer_);                                   \
	} while (0)

static struct str signed_payload(const struct signing_key *key, const char *payload,
				 const char *footer, const char *assertion)
{
	struct str text;

	assert_int_equal(
		paseto_sign(key, str_of(payload), str_of(footer), str_of(assertion), &arena, &text),
		ST_OK);
	return text;
}

static const char *footer_of(const struct signing_key *key)
{
	static char text[64];

	snprintf(text, sizeof(text), "{\"kid\":\"%s\"}", key->key_id);
	return text;
}

/* [TOK-1] */
static void a_token_says_what_was_put_into_it(void **state)
{
	struct token_claims claims = bound_claims();
	struct token_limits limits = { .has_endpoints = true,
				       .has_amount_per_day = true,
				       .amount_per_day = { 12500000, "GBP" } };
	struct problem problem;
	struct token_view view;

	(void)state;
	LIST(limits.endpoints, STR("gumroad_api"));
	claims.limits = &limits;
	struct str text = minted(&claims);
	assert_int_equal(opened(text, &view, &problem), ST_OK);
	assert_true(str_is(claims.jti, view.token_id));
	assert_int_equal(view.agent_number, 42);
	assert_int_equal(view.risk, TOKEN_RISK_CRITICAL);
	assert_int_equal(view.issued_at_ms, NOW_MS);
	assert_int_equal(view.expires_at_ms, NOW_MS + 30 * DAY_MS);
	assert_int_equal(view.scope_count, 2);
	assert_true(token_has_scope(&view, STR("trend_scan")));
	assert_false(token_has_scope(&view, STR("trend_sca")));
	assert_true(token_reaches(&view, STR("gumroad_api")));
	assert_false(token_reaches(&view, STR("linkedin_api")));
	assert_int_equal(view.amount_per_day.micros, 12500000);
	assert_true(view.bound);
	assert_memory_equal(view.holder_key, holder.public_key, PUBLIC_KEY_BYTES);
	assert_string_equal(view.key_id, issuer.key_id);
	assert_int_equal(view.depth, 0);
	struct hash digest;
	sha256_of(text.data, text.size, &digest);
	assert_true(hash_equal(&digest, &view.digest));
}

/* [TOK-10] truncated */
static void every_prefix_is_refused_and_a_cut_is_called_so(void **state)
{
	struct token_claims claims = plain_claims();
	struct str text = minted(&claims);
	size_t truncated = 0;

	(void)state;
	for (size_t cut = 0; cut < text.size; cut++) {
		struct problem problem;
		struct token_view view;
		enum st st = opened((struct str){ text.data, cut }, &view, &problem);
		assert_int_not_equal(st, ST_OK);
		/* In the middle of a base64 quantum its unused bits tell nothing: malformed. */
		assert_true(st == ST_TOKEN_TRUNCATED || st == ST_TOKEN_MALFORMED);
		truncated += st == ST_TOKEN_TRUNCATED;
	}
	assert_true(truncated > text.size / 2);
}

/* [TOK-10] wrong key, other service's key, retired, revoked */
static void the_key_decides(void **state)
{
	struct token_claims claims = plain_claims();
	struct token_key_set saved = keys;
	struct token_key changed;
	struct problem problem;
	struct token_view view;
	struct str text, other;

	(void)state;
	text = minted(&claims);
	assert_int_equal(token_mint(&stranger, &claims, &arena, &other), ST_OK);
	REFUSED(ST_TOKEN_KEY_UNKNOWN, "", other);
	assert_int_equal(token_key_set_put_foreign(&keys, str_of(stranger.key_id)), ST_OK);
	REFUSED(ST_TOKEN_KEY_FOREIGN, "", other);
	/* signed by a stranger who claims to be the issuer */
	const char *payload = "{}";
	REFUSED(ST_TOKEN_SIGNATURE_INVALID, "",
		signed_payload(&stranger, payload, footer_of(&issuer), TOKEN_ASSERTION));
	/* signed by the issuer for something else */
	REFUSED(ST_TOKEN_SIGNATURE_INVALID, "",
		signed_payload(&issuer, payload, footer_of(&issuer), ""));
	changed = public_of(&issuer, TOKEN_KEY_STATE_NEXT);
	assert_int_equal(token_key_set_put(&keys, &changed), ST_OK);
	assert_int_equal(opened(text, &view, &problem), ST_OK);
	changed = public_of(&issuer, TOKEN_KEY_STATE_RETIRED);
	changed.has_retired_at_ms = true;
	changed.retired_at_ms = NOW_MS - TOKEN_SKEW_MS;
	assert_int_equal(token_key_set_put(&keys, &changed), ST_OK);
	assert_int_equal(opened(text, &view, &problem), ST_OK);
	changed.retired_at_ms--;
	assert_int_equal(token_key_set_put(&keys, &changed), ST_OK);
	REFUSED(ST_TOKEN_KEY_UNKNOWN, "", text);
	changed.state = TOKEN_KEY_STATE_REVOKED;
	assert_int_equal(token_key_set_put(&keys, &changed), ST_OK);
	REFUSED(ST_TOKEN_KEY_REVOKED, "", text);
	/* older news does not bring it back */
	changed.state = TOKEN_KEY_STATE_ACTIVE;
	assert_int_equal(token_key_set_put(&keys, &changed), ST_OK);
	REFUSED(ST_TOKEN_KEY_REVOKED, "", text);
	keys = saved;
}

static void a_key_that_is_not_what_its_id_says_is_not_taken(void **state)
{
	struct token_key_set set = { 0 };
	struct token_key key = public_of(&issuer, TOKEN_KEY_STATE_ACTIVE);

	(void)state;
	key.kid = keep(holder.key_id);
	assert_int_equal(token_key_set_put(&set, &key), ST_MESSAGE_INVALID);
	key = public_of(&issuer, TOKEN_KEY_STATE_ACTIVE);
	key.x.size--;
	assert_int_equal(token_key_set_put(&set, &key), ST_MESSAGE_INVALID);
	assert_int_equal(set.count, 0);
}

static void as_many_keys_as_fit_and_no_more(void **state)
{
	struct token_key_set set = { 0 };
	struct token_key key;

	(void)state;
	for (size_t i = 0; i <= TOKEN_KEYS_MAX; i++) {
		struct signing_key one;
		signing_key_generate(&one);
		key = public_of(&one, TOKEN_KEY_STATE_ACTIVE);
		assert_int_equal(token_key_set_put(&set, &key),
				 i < TOKEN_KEYS_MAX ? ST_OK : ST_TOO_LARGE);
	}
	assert_int_equal(token_key_set_put_foreign(&set, str_of(stranger.key_id)), ST_TOO_LARGE);
}

/* [TOK-10] malformed */
static void claims_that_break_their_schema_are_refused_by_name(void **state)
{
#define JTI "\"jti\":\"tok_0190b0a0-0000-7000-8000-000000000000\""
#define SUB "\"sub\":\"piopl_00001\""
#define SCOPES "\"scopes\":[\"a\"]"
#define RISK "\"risk\":\"low\""
#define IAT "\"iat\":\"2026-01-01T00:00:00.000Z\""
#define EXP "\"exp\":\"2026-01-02T00:00:00.000Z\""
	static const struct {
		const char *payload, *pointer;
		enum st st;
	} cases[] = {
		{ "{" JTI "," SUB "," SCOPES "," RISK "," IAT "," EXP "}", "", ST_OK },
		{ "not json", "line 1, column 1", ST_TOKEN_CLAIMS_INVALID },
		{ "[]", "", ST_TOKEN_CLAIMS_INVALID },
		{ "{}", "/jti", ST_TOKEN_CLAIMS_INVALID },
		{ "{" SUB "," SCOPES "," RISK "," IAT "," EXP "}", "/jti",
		  ST_TOKEN_CLAIMS_INVALID },
		{ "{" JTI "," SUB "," SCOPES "," RISK "," IAT "," EXP ",\"admin\":true}", "/admin",
		  ST_TOKEN_CLAIMS_INVALID },
		{ "{" JTI "," SUB ",\"scopes\":[]," RISK "," IAT "," EXP "}", "/scopes",
		  ST_TOKEN_CLAIMS_INVALID },
		{ "{" JTI "," SUB ",\"scopes\":[\"a\",\"a\"]," RISK "," IAT "," EXP "}",
		  "/scopes/1", ST_TOKEN_CLAIMS_INVALID },
		{ "{" JTI "," SUB "," SCOPES ",\"risk\":\"none\"," IAT "," EXP "}", "/risk",
		  ST_TOKEN_CLAIMS_INVALID },
		{ "{\"jti\":\"tok_0190b0a0-0000-4000-8000-000000000000\"," SUB "," SCOPES "," RISK
		  "," IAT "," EXP "}",
		  "/jti", ST_TOKEN_CLAIMS_INVALID },
		{ "{" JTI "," SUB "," SCOPES "," RISK "," IAT "," IAT "," EXP "}",
		  "line 1, column 132", ST_TOKEN_CLAIMS_INVALID },
		{ "{" JTI "," SUB "," SCOPES "," RISK "," IAT
		  ",\"exp\":\"2026-01-01T00:00:00.000Z\"}",
		  "/exp", ST_TOKEN_CLAIMS_INVALID },
		{ "{" JTI "," SUB "," SCOPES "," RISK "," IAT
		  ",\"exp\":\"2026-04-01T00:00:00.000Z\"}",
		  "", ST_OK },
		{ "{" JTI "," SUB "," SCOPES "," RISK "," IAT
		  ",\"exp\":\"2026-04-01T00:00:00.001Z\"}",
		  "/exp", ST_TOKEN_LIFE_TOO_LONG },
		{ "{" JTI "," SUB "," SCOPES "," RISK "," IAT "," EXP
		  ",\"cnf\":{\"public_key\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}}",
		  "/cnf/public_key", ST_TOKEN_CLAIMS_INVALID },
		{ "{" JTI "," SUB "," SCOPES "," RISK "," IAT "," EXP
		  ",\"limits\":{\"amount_per_day\":{\"amount\":\"-1\",\"currency\":\"GBP\"}}}",
		  "/limits/amount_per_day", ST_TOKEN_CLAIMS_INVALID },
		{ "{" JTI "," SUB "," SCOPES "," RISK "," IAT "," EXP
		  ",\"limits\":{\"anything\":1}}",
		  "/limits/anything", ST_TOKEN_CLAIMS_INVALID },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct problem problem;
		struct token_view view;
		struct str text = signed_payload(&issuer, cases[i].payload, footer_of(&issuer),
						 TOKEN_ASSERTION);
		enum st st = opened(text, &view, &problem);
		if (st != cases[i].st || strcmp(problem.pointer, cases[i].pointer) != 0)
			fail_msg("case %zu: %s at \"%s\": %s", i, st_info(st)->code,
				 problem.pointer, problem.detail);
	}
}

/* [TOK-10] */
static void a_footer_is_a_key_id_and_nothing_else(void **state)
{
	static const struct {
		const char *footer;
		enum st st;
	} cases[] = {
		{ "", ST_TOKEN_TRUNCATED },
		{ "{", ST_TOKEN_TRUNCATED },
		{ "{\"kid\":\"key_0123", ST_TOKEN_TRUNCATED },
		{ "{\"kid\":\"key_0123456789abcdef\"", ST_TOKEN_TRUNCATED },
		{ "{\"kid\":\"key_0123456789abcdef\"}", ST_TOKEN_KEY_UNKNOWN },
		{ "{\"kid\":\"key_0123456789abcdeF\"}", ST_TOKEN_MALFORMED },
		{ "{\"kid\":\"key_0123456789abcdef\"} ", ST_TOKEN_MALFORMED },
		{ "{\"kid\":\"key_0123456789abcdef\",\"x\":1}", ST_TOKEN_MALFORMED },
		{ "{\"wpk\":\"key_0123456789abcdef\"}", ST_TOKEN_MALFORMED },
		{ "key_0123456789abcdef", ST_TOKEN_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		REFUSED(cases[i].st, "",
			signed_payload(&issuer, "{}", cases[i].footer, TOKEN_ASSERTION));
}

static void a_token_has_at_most_its_bytes(void **state)
{
	static struct str many[TOKEN_ENDPOINTS_MAX], scopes[TOKEN_SCOPES_MAX];
	struct token_limits limits = { .has_endpoints = true };
	struct token_claims claims = plain_claims();
	struct str text;
	char label[129];

	(void)state;
	limits.endpoints.items = many;
	claims.limits = &limits;
	claims.scopes.items = scopes;
	claims.scopes.count = TOKEN_SCOPES_MAX;
	memset(label, 'x', sizeof(label));
	label[128] = 0;
	for (size_t i = 0; i < TOKEN_SCOPES_MAX; i++) {
		label[0] = (char)('a' + i);
		scopes[i] = many[i] = keep(label);
	}
	enum st st = ST_OK;
	size_t last = 0;
	for (size_t n = 0; n <= TOKEN_ENDPOINTS_MAX && st == ST_OK; n++) {
		limits.endpoints.count = n;
		st = token_mint(&issuer, &claims, &arena, &text);
		last = st == ST_OK ? text.size : last;
	}
	assert_int_equal(st, ST_TOKEN_TOO_LONG);
	assert_true(last <= TOKEN_BYTES_MAX && last > TOKEN_BYTES_MAX - 200);
	/* one byte more than its limit is refused before anything is read */
	char *long_text = arena_alloc(&arena, TOKEN_BYTES_MAX + 1);
	memset(long_text, 'A', TOKEN_BYTES_MAX + 1);
	REFUSED(ST_TOKEN_TOO_LONG, "", ((struct str){ long_text, TOKEN_BYTES_MAX + 1 }));
	REFUSED(ST_TOKEN_MALFORMED, "", ((struct str){ long_text, TOKEN_BYTES_MAX }));
}

/* -- chains [TOK-7] -- */

static void a_block_narrows_each_member(void **state)
{
	struct token_claims claims = bound_claims();
	struct token_limits limits = { .has_endpoints = true,
				       .has_amount_per_day = true,
				       .amount_per_day = { 5000000, "GBP" } };
	struct token_block block = { .iat_ms = NOW_MS + 1000,
				     .has_exp_ms = true,
				     .exp_ms = NOW_MS + DAY_MS,
				     .has_scopes = true,
				     .risk = TOKEN_RISK_MEDIUM,
				     .limits = &limits,
				     .cnf = holder_of(&second_holder) };
	struct problem problem;
	struct token_view view;

	(void)state;
	LIST(block.scopes, STR("trend_scan"));
	LIST(limits.endpoints, STR("gumroad_api"));
	struct str text = appended(&holder, minted(&claims), &block);
	assert_int_equal(opened(text, &view, &problem), ST_OK);
	assert_int_equal(view.depth, 1);
	assert_string_equal(view.links[0].signed_by, holder.key_id);
	assert_int_equal(view.scope_count, 1);
	assert_int_equal(view.risk, TOKEN_RISK_MEDIUM);
	assert_int_equal(view.expires_at_ms, NOW_MS + DAY_MS);
	assert_int_equal(view.issued_at_ms, NOW_MS);
	assert_int_equal(view.latest_ms, NOW_MS + 1000);
	assert_int_equal(view.amount_per_day.micros, 5000000);
	assert_false(token_reaches(&view, STR("linkedin_api")));
	assert_memory_equal(view.holder_key, second_holder.public_key, PUBLIC_KEY_BYTES);
	assert_true(str_is(claims.jti, view.token_id));
}

static void every_widening_is_refused_by_its_member(void **state)
{
	struct token_claims claims = bound_claims();
	struct token_limits parent = { .has_endpoints = true,
				       .has_amount_per_day = true,
				       .amount_per_day = { 5000000, "GBP" } };
	struct token_limits limits = { 0 };
	struct token_block block = { .iat_ms = NOW_MS };
	struct str text;

	(void)state;
	LIST(parent.endpoints, STR("gumroad_api"), STR("linkedin_api"));
	claims.limits = &parent;
	claims.risk = TOKEN_RISK_MEDIUM;
	text = minted(&claims);
#define WIDENS(pointer, ...)                                                                       \
	do {                                                                                       \
		block = (struct token_block){ .iat_ms = NOW_MS };                                  \
		limits = (struct token_limits){ 0 };                                               \
		__VA_ARGS__;                                                                       \
		REFUSED(ST_TOKEN_CHAIN_WIDENS, pointer, appended(&holder, text, &block));          \
	} while (0)
	WIDENS("/chain/0/exp", block.has_exp_ms = true, block.exp_ms = claims.exp_ms + 1);
	WIDENS("/chain/0/risk", block.risk = TOKEN_RISK_HIGH);
	WIDENS("/chain/0/scopes", block.has_scopes = true;
	       LIST(block.scopes, STR("trend_scan"), STR("payout_request")));
	WIDENS("/chain/0/limits/endpoints", block.limits = &limits, limits.has_endpoints = true;
	       LIST(limits.endpoints, STR("gumroad_api"), STR("stripe_api")));
	WIDENS("/chain/0/limits/amount_per_day", block.limits = &limits,
	       limits.has_amount_per_day = true,
	       limits.amount_per_day = ((struct money){ 5000001, "GBP" }));
	WIDENS("/chain/0/limits/amount_per_day", block.limits = &limits,
	       limits.has_amount_per_day = true,
	       limits.amount_per_day = ((struct money){ 1000000, "USD" }));
	WIDENS("/chain/0/limits/amount_per_day", block.limits = &limits,
	       limits.has_amount_per_day = true,
	       limits.amount_per_day = ((struct money){ -1, "GBP" }));
	/* what is the same, or not said, is no widening */
	struct problem problem;
	struct token_view view;
	block = (struct token_block){ .iat_ms = NOW_MS,
				      .has_exp_ms = true,
				      .exp_ms = claims.exp_ms,
				      .risk = TOKEN_RISK_MEDIUM,
				      .limits = &parent };
	assert_int_equal(opened(appended(&holder, text, &block), &view, &problem), ST_OK);
	block = (struct token_block){ .iat_ms = NOW_MS };
	assert_int_equal(opened(appended(&holder, text, &block), &view, &problem), ST_OK);
	assert_int_equal(view.endpoint_count, 2);
}

static void a_chain_is_four_deep_and_not_five(void **state)
{
	struct token_claims claims = bound_claims();
	struct token_block block = { .iat_ms = NOW_MS };
	struct problem problem;
	struct token_view view;

	(void)state;
	struct str text = minted(&claims);
	for (unsigned depth = 1; depth <= TOKEN_DEPTH_MAX; depth++) {
		text = appended(&holder, text, &block);
		assert_int_equal(opened(text, &view, &problem), ST_OK);
		assert_int_equal(view.depth, depth);
	}
	REFUSED(ST_TOKEN_CHAIN_TOO_DEEP, "/chain", appended(&holder, text, &block));
}

static void only_the_holder_hands_on(void **state)
{
	struct token_claims bound = bound_claims(), plain = plain_claims();
	struct token_block block = { .iat_ms = NOW_MS };
	struct str text = minted(&bound), child;

	(void)state;
	REFUSED(ST_TOKEN_CHAIN_UNBOUND, "/chain/0", appended(&holder, minted(&plain), &block));
	REFUSED(ST_TOKEN_CHAIN_KEY_WRONG, "/chain/0", appended(&stranger, text, &block));
	/* handed on to another holder: the first one has nothing to say any more */
	block.cnf = holder_of(&second_holder);
	child = appended(&holder, text, &block);
	block.cnf = NULL;
	REFUSED(ST_TOKEN_CHAIN_KEY_WRONG, "/chain/1", appended(&holder, child, &block));
	struct problem problem;
	struct token_view view;
	assert_int_equal(opened(appended(&second_holder, child, &block), &view, &problem), ST_OK);
}

static void a_block_belongs_to_the_text_before_it(void **state)
{
	struct token_claims one = bound_claims(), other = bound_claims();
	struct token_block block = { .iat_ms = NOW_MS, .risk = TOKEN_RISK_LOW };
	struct token_block harmless = { .iat_ms = NOW_MS };
	struct str first = minted(&one), second = minted(&other);
	struct str chained = appended(&holder, first, &block);
	struct str tail = { chained.data + first.size, chained.size - first.size };

	(void)state;
	/* moved to another token of the same holder */
	REFUSED(ST_TOKEN_CHAIN_SIGNATURE_INVALID, "/chain/0",
		arena_printf(&arena, "%.*s%.*s", STR_ARG(second), STR_ARG(tail)));
	/* the block in the middle left out, or two changed about */
	struct str third = appended(&holder, chained, &harmless);
	struct str last = { third.data + chained.size, third.size - chained.size };
	REFUSED(ST_TOKEN_CHAIN_SIGNATURE_INVALID, "/chain/0",
		arena_printf(&arena, "%.*s%.*s", STR_ARG(first), STR_ARG(last)));
	REFUSED(ST_TOKEN_CHAIN_SIGNATURE_INVALID, "/chain/0",
		arena_printf(&arena, "%.*s%.*s%.*s", STR_ARG(first), STR_ARG(last), STR_ARG(tail)));
	/* a block is no token, and a token no block */
	REFUSED(ST_TOKEN_KEY_UNKNOWN, "", ((struct str){ tail.data + 1, tail.size - 1 }));
	REFUSED(ST_TOKEN_CHAIN_KEY_WRONG, "/chain/0",
		arena_printf(&arena, "%.*s~%.*s", STR_ARG(first), STR_ARG(second)));
	REFUSED(ST_TOKEN_TRUNCATED, "", arena_printf(&arena, "%.*s~", STR_ARG(first)));
	REFUSED(ST_TOKEN_TRUNCATED, "", arena_printf(&arena, "~%.*s", STR_ARG(first)));
}

static void claims_of_a_block_that_break_their_schema_are_refused(void **state)
{
	static const struct {
		const char *payload, *pointer;
	} cases[] = {
		{ "{}", "/chain/0/iat" },
		{ "{\"iat\":\"2026-01-01T00:00:00.000Z\",\"sub\":\"piopl_00001\"}",
		  "/chain/0/sub" },
		{ "{\"iat\":\"2026-01-01T00:00:00.000Z\",\"scopes\":[]}", "/chain/0/scopes" },
		{ "{\"iat\":\"2026-01-01T00:00:00.000Z\",\"cnf\":{\"public_key\":"
		  "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}}",
		  "/chain/0" },
	};
	struct token_claims claims = bound_claims();
	struct str text = minted(&claims);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str assertion =
			arena_printf(&arena, TOKEN_BLOCK_ASSERTION "\n%.*s", STR_ARG(text));
		struct str block = signed_payload(&holder, cases[i].payload, footer_of(&holder),
						  assertion.data);
		REFUSED(ST_TOKEN_CHAIN_CLAIMS_INVALID, cases[i].pointer,
			arena_printf(&arena, "%.*s~%.*s", STR_ARG(text), STR_ARG(block)));
	}
}

static void a_chain_has_at_most_the_bytes_of_a_token(void **state)
{
	static struct str many[TOKEN_ENDPOINTS_MAX];
	struct token_claims claims = bound_claims();
	struct token_limits limits = { .has_endpoints = true };
	struct token_block block = { .iat_ms = NOW_MS, .limits = &limits };
	struct str text = minted(&claims), longer;
	char label[129];

	(void)state;
	memset(label, 'x', sizeof(label));
	label[128] = 0;
	for (size_t i = 0; i < TOKEN_ENDPOINTS_MAX; i++) {
		label[0] = (char)('a' + i);
		many[i] = keep(label);
	}
	limits.endpoints.items = many;
	limits.endpoints.count = TOKEN_ENDPOINTS_MAX;
	text = appended(&holder, text, &block);
	assert_int_equal(token_append(&holder, text, &block, &arena, &longer), ST_TOKEN_TOO_LONG);
}

/* -- the property: a chain never allows what its parent does not [TOK-7] --
 *
 * Small worlds: six scopes, four endpoints and none, amounts from 1 to 4 in two currencies, four
 * times, four risks. The obvious checker asks each question of parent and child. */

#define SCOPES_ALL 6
#define ENDPOINTS_ALL 4

static const char *const scope_names[SCOPES_ALL] = { "a", "b", "c", "d", "e", "f" };
static const char *const endpoint_names[ENDPOINTS_ALL] = { "w", "x", "y", "z" };
static const char currencies[2][4] = { "GBP", "USD" };

struct model {
	unsigned scopes; /* bits */
	bool endpoints_limited;
	unsigned endpoints;
	bool amount_limited;
	int64_t amount;
	int currency;
	int64_t last_time;
	int risk;
};

static uint64_t random_state;

static unsigned random_below(unsigned bound)
{
	random_state += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = random_state;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (unsigned)((z ^ (z >> 31)) % bound);
}

/* May it be used for a scope, at an endpoint (-1: none), for an amount, at a time, at a risk? */
static bool allows(const struct model *m, int scope, int endpoint, int64_t amount, int currency,
		   int64_t time, int risk)
{
	if (!(m->scopes & 1u << scope))
		return false;
	if (endpoint >= 0 && m->endpoints_limited && !(m->endpoints & 1u << endpoint))
		return false;
	if (m->amount_limited && (currency != m->currency || amount > m->amount))
		return false;
	return time <= m->last_time && risk <= m->risk;
}

static bool allows_only_what(const struct model *child, const struct model *parent)
{
	for (int scope = 0; scope < SCOPES_ALL; scope++)
		for (int endpoint = -1; endpoint < ENDPOINTS_ALL; endpoint++)
			for (int64_t amount = 1; amount <= 4; amount++)
				for (int currency = 0; currency < 2; currency++)
					for (int64_t time = 0; time < 4; time++)
						for (int risk = 1; risk <= 4; risk++)
							if (allows(child, scope, endpoint, amount,
								   currency, time, risk) &&
							    !allows(parent, scope, endpoint, amount,
								    currency, time, risk))
								return false;
	return true;
}

struct random_block {
	struct token_block block;
	struct token_limits limits;
	struct str scopes[SCOPES_ALL], endpoints[ENDPOINTS_ALL];
	struct model said; /* the parent with what the block says in its place */
};

/* Mostly within the parent, or chains would hardly ever be longer than one. */
static unsigned subset_mostly(unsigned parent, unsigned all, bool empty_allowed)
{
	unsigned bits = random_below(all + 1);

	if (random_below(8) > 0)
		bits &= parent;
	return bits == 0 && !empty_allowed ? parent : bits;
}

static void block_scopes(struct random_block *r, const struct model *parent)
{
	unsigned bits = subset_mostly(parent->scopes, (1u << SCOPES_ALL) - 1, false);
	size_t n = 0;

	for (int i = 0; i < SCOPES_ALL; i++)
		if (bits & 1u << i)
			r->scopes[n++] = str_of(scope_names[i]);
	r->block.has_scopes = true;
	r->block.scopes.items = r->scopes;
	r->block.scopes.count = n;
	r->said.scopes = bits;
}

static void block_endpoints(struct random_block *r, const struct model *parent)
{
	unsigned bits = subset_mostly(parent->endpoints_limited ? parent->endpoints : 15,
				      (1u << ENDPOINTS_ALL) - 1, true);
	size_t n = 0;

	for (int i = 0; i < ENDPOINTS_ALL; i++)
		if (bits & 1u << i)
			r->endpoints[n++] = str_of(endpoint_names[i]);
	r->block.limits = &r->limits;
	r->limits.has_endpoints = true;
	r->limits.endpoints.items = r->endpoints;
	r->limits.endpoints.count = n;
	r->said.endpoints_limited = true;
	r->said.endpoints = bits;
}

static void block_amount(struct random_block *r, const struct model *parent)
{
	int currency = random_below(8) > 0 ? parent->currency : 1 - parent->currency;
	int64_t amount = 1 + random_below(random_below(8) > 0 && parent->amount_limited
						  ? (unsigned)parent->amount
						  : 4);

	r->block.limits = &r->limits;
	r->limits.has_amount_per_day = true;
	r->limits.amount_per_day.micros = amount;
	memcpy(r->limits.amount_per_day.currency, currencies[currency], 4);
	r->said.amount_limited = true;
	r->said.amount = amount;
	r->said.currency = currency;
}

static void block_random(struct random_block *r, const struct model *parent)
{
	*r = (struct random_block){ .block = { .iat_ms = NOW_MS }, .said = *parent };
	if (random_below(2))
		block_scopes(r, parent);
	if (random_below(2))
		block_endpoints(r, parent);
	if (random_below(2))
		block_amount(r, parent);
	if (random_below(2)) {
		r->said.last_time =
			random_below(random_below(8) > 0 ? (unsigned)parent->last_time + 1 : 4);
		r->block.has_exp_ms = true;
		r->block.exp_ms = NOW_MS + 1 + r->said.last_time;
	}
	if (random_below(2)) {
		r->said.risk =
			1 + (int)random_below(random_below(8) > 0 ? (unsigned)parent->risk : 4);
		r->block.risk = (enum token_risk)r->said.risk;
	}
}

static bool view_is(const struct token_view *view, const struct model *m)
{
	unsigned scopes = 0, endpoints = 0;

	for (int i = 0; i < SCOPES_ALL; i++)
		if (token_has_scope(view, str_of(scope_names[i])))
			scopes |= 1u << i;
	for (int i = 0; i < ENDPOINTS_ALL; i++)
		if (token_reaches(view, str_of(endpoint_names[i])))
			endpoints |= 1u << i;
	return scopes == m->scopes &&
	       endpoints == (m->endpoints_limited ? m->endpoints : (1u << ENDPOINTS_ALL) - 1) &&
	       view->endpoints_limited == m->endpoints_limited &&
	       view->amount_limited == m->amount_limited &&
	       (!m->amount_limited ||
		(view->amount_per_day.micros == m->amount &&
		 strcmp(view->amount_per_day.currency, currencies[m->currency]) == 0)) &&
	       view->expires_at_ms == NOW_MS + 1 + m->last_time && (int)view->risk == m->risk;
}

static struct model whole_model(void)
{
	return (struct model){ .scopes = (1u << SCOPES_ALL) - 1, .last_time = 3, .risk = 4 };
}

static struct token_claims whole_claims(void)
{
	static struct str scopes[SCOPES_ALL];
	struct token_claims claims = bound_claims();

	for (int i = 0; i < SCOPES_ALL; i++)
		scopes[i] = str_of(scope_names[i]);
	claims.scopes.items = scopes;
	claims.scopes.count = SCOPES_ALL;
	claims.exp_ms = NOW_MS + 1 + 3;
	return claims;
}

static void seed_random(void)
{
	const char *text = getenv("PIOPL_SEED");

	random_state = text ? strtoull(text, NULL, 10) : (uint64_t)clock_mono_ns();
	print_message("seed %llu\n", (unsigned long long)random_state);
}

static void no_chain_of_a_hundred_thousand_allows_more_than_its_parent(void **state)
{
	struct token_claims claims = whole_claims();
	size_t refused = 0, deep = 0;
	struct token_view whole;
	struct problem problem;

	(void)state;
	seed_random();
	assert_int_equal(opened(minted(&claims), &whole, &problem), ST_OK);
	for (int chain = 0; chain < 120000; chain++) {
		static struct random_block blocks[TOKEN_DEPTH_MAX];
		struct model model = whole_model();
		struct token_view view = whole;
		for (size_t depth = 0; depth < TOKEN_DEPTH_MAX; depth++) {
			struct token_view before = view;
			block_random(&blocks[depth], &model);
			bool narrower = allows_only_what(&blocks[depth].said, &model);
			enum st st = token_narrow(&view, &blocks[depth].block, "", &problem);
			assert_int_equal(st, narrower ? ST_OK : ST_TOKEN_CHAIN_WIDENS);
			if (!narrower) {
				assert_true(view_is(&view, &model));
				assert_memory_equal(&before, &view, sizeof(view));
				refused++;
				break;
			}
			model = blocks[depth].said;
			assert_true(view_is(&view, &model));
			deep += depth == TOKEN_DEPTH_MAX - 1;
		}
	}
	/* the worlds are neither too strict nor too lax to tell anything */
	assert_true(refused > 20000 && deep > 20000);
}

static void signed_chains_are_judged_the_same_way(void **state)
{
	struct token_claims claims = whole_claims();
	const struct signing_key *holders[] = { &holder, &second_holder };

	(void)state;
	for (int chain = 0; chain < 400; chain++) {
		struct model model = whole_model();
		const struct signing_key *by = &holder;
		struct random_block r;
		struct problem problem;
		struct token_view view;
		bool narrower = true;
		arena_reset(&arena);
		claims = whole_claims();
		struct str text = minted(&claims);
		unsigned depth = 1 + random_below(TOKEN_DEPTH_MAX);
		for (unsigned i = 0; i < depth; i++) {
			const struct signing_key *next = holders[random_below(2)];
			block_random(&r, &model);
			narrower = narrower && allows_only_what(&r.said, &model);
			r.block.cnf = holder_of(next);
			text = appended(by, text, &r.block);
			by = next;
			model = r.said;
		}
		enum st st = opened(text, &view, &problem);
		assert_int_equal(st, narrower ? ST_OK : ST_TOKEN_CHAIN_WIDENS);
		if (narrower) {
			assert_true(view_is(&view, &model));
			assert_memory_equal(view.holder_key, by->public_key, PUBLIC_KEY_BYTES);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_says_what_was_put_into_it),
		cmocka_unit_test(every_prefix_is_refused_and_a_cut_is_called_so),
		cmocka_unit_test(the_key_decides),
		cmocka_unit_test(a_key_that_is_not_what_its_id_says_is_not_taken),
		cmocka_unit_test(as_many_keys_as_fit_and_no_more),
		cmocka_unit_test(claims_that_break_their_schema_are_refused_by_name),
		cmocka_unit_test(a_footer_is_a_key_id_and_nothing_else),
		cmocka_unit_test(a_token_has_at_most_its_bytes),
		cmocka_unit_test(a_block_narrows_each_member),
		cmocka_unit_test(every_widening_is_refused_by_its_member),
		cmocka_unit_test(a_chain_is_four_deep_and_not_five),
		cmocka_unit_test(only_the_holder_hands_on),
		cmocka_unit_test(a_block_belongs_to_the_text_before_it),
		cmocka_unit_test(claims_of_a_block_that_break_their_schema_are_refused),
		cmocka_unit_test(a_chain_has_at_most_the_bytes_of_a_token),
		cmocka_unit_test(no_chain_of_a_hundred_thousand_allows_more_than_its_parent),
		cmocka_unit_test(signed_chains_are_judged_the_same_way),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
