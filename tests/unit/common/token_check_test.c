/* The verifier: what it remembers, what it refuses, and what it does when it cannot know.
 * [TOK-2] [TOK-4] [TOK-6] [TOK-9] [TOK-10] */
#include <stdlib.h>

#include "token_fixture.h"

#define BODY STR("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")

static struct token_verifier *verifier;
static struct token_verifier_limits limits;
static struct problem problem;
static struct token_view view;

static void verifier_new(void)
{
	struct token_key key = public_of(&issuer, TOKEN_KEY_STATE_ACTIVE);

	token_verifier_free(verifier);
	verifier = token_verifier_new(&limits);
	assert_non_null(verifier);
	assert_int_equal(token_verifier_key(verifier, &key), ST_OK);
	token_verifier_heard(verifier, NOW_MS);
}

static int setup(void **state)
{
	fixture_setup(state);
	limits = token_verifier_defaults;
	limits.tokens_max = 64;
	limits.revocations_max = 32;
	limits.agents_max = 32;
	limits.nonces = token_nonces_map(4096);
	verifier_new();
	return 0;
}

static int teardown(void **state)
{
	token_verifier_free(verifier);
	verifier = NULL;
	return fixture_teardown(state);
}

static enum st used_at(struct str text, int64_t now_ms)
{
	const struct token_use use = { .token = text };

	problem = (struct problem){ 0 };
	return token_check(verifier, &use, now_ms, &view, &problem);
}

static enum st used(struct str text)
{
	return used_at(text, NOW_MS);
}

static void a_token_is_verified_once_and_then_remembered(void **state)
{
	struct token_claims claims = plain_claims();
	struct token_limits bounds = { .has_endpoints = true,
				       .has_amount_per_day = true,
				       .amount_per_day = { 7, "EUR" } };
	struct token_view first;

	(void)state;
	LIST(bounds.endpoints, STR("gumroad_api"));
	claims.limits = &bounds;
	struct str text = minted(&claims);
	assert_int_equal(used(text), ST_OK);
	first = view;
	for (int i = 0; i < 10; i++)
		assert_int_equal(used(text), ST_OK);
	assert_int_equal(token_verifier_opened(verifier), 1);
	assert_string_equal(view.token_id, first.token_id);
	assert_true(str_is(claims.jti, view.token_id));
	assert_string_equal(view.key_id, issuer.key_id);
	assert_int_equal(view.agent_number, 42);
	assert_int_equal(view.scope_count, 2);
	assert_true(str_is(view.scopes[0], "trend_scan"));
	assert_true(str_is(view.scopes[1], "gumroad_publish"));
	assert_true(view.endpoints_limited && str_is(view.endpoints[0], "gumroad_api"));
	assert_true(view.amount_limited && view.amount_per_day.micros == 7);
	assert_string_equal(view.amount_per_day.currency, "EUR");
	assert_int_equal(view.risk, TOKEN_RISK_LOW);
	assert_int_equal(view.expires_at_ms, claims.exp_ms);
	assert_false(view.bound);
	/* what does not verify is not remembered */
	char *broken = arena_alloc(&arena, text.size);
	memcpy(broken, text.data, text.size);
	broken[40] = broken[40] == 'A' ? 'B' : 'A';
	assert_int_not_equal(used((struct str){ broken, text.size }), ST_OK);
	assert_int_not_equal(used((struct str){ broken, text.size }), ST_OK);
	assert_int_equal(token_verifier_opened(verifier), 3);
	assert_int_equal(token_verifier_count(verifier), 1);
}

/* [TOK-10] clock */
static void time_ends_a_token_also_a_remembered_one(void **state)
{
	struct token_claims claims = plain_claims();
	struct str text;

	(void)state;
	text = minted(&claims);
	assert_int_equal(used_at(text, claims.exp_ms - 1), ST_OK);
	assert_int_equal(used_at(text, claims.exp_ms), ST_TOKEN_EXPIRED);
	assert_int_equal(used_at(text, NOW_MS - TOKEN_SKEW_MS), ST_OK);
	assert_int_equal(used_at(text, NOW_MS - TOKEN_SKEW_MS - 1), ST_TOKEN_FROM_FUTURE);
	/* a block from the future too */
	struct token_claims bound = bound_claims();
	bound.risk = TOKEN_RISK_LOW;
	struct token_block block = { .iat_ms = NOW_MS + TOKEN_SKEW_MS + 1 };
	assert_int_equal(used(appended(&holder, minted(&bound), &block)), ST_TOKEN_FROM_FUTURE);
}

/* [TOK-2] */
static void a_token_is_for_its_agent_scope_and_endpoint(void **state)
{
	struct token_claims claims = plain_claims();
	struct token_limits bounds = { .has_endpoints = true };

	(void)state;
	LIST(bounds.endpoints, STR("gumroad_api"));
	claims.limits = &bounds;
	struct str text = minted(&claims);
	const struct {
		int64_t agent;
		struct str scope, endpoint;
		enum st st;
	} cases[] = {
		{ 0, STR(""), STR(""), ST_OK },
		{ 42, STR("trend_scan"), STR("gumroad_api"), ST_OK },
		{ 42, STR("gumroad_publish"), STR(""), ST_OK },
		{ 43, STR("trend_scan"), STR(""), ST_TOKEN_AGENT_WRONG },
		{ 42, STR("payout_request"), STR(""), ST_TOKEN_SCOPE_MISSING },
		{ 42, STR("trend"), STR(""), ST_TOKEN_SCOPE_MISSING },
		{ 42, STR("trend_scan"), STR("linkedin_api"), ST_TOKEN_ENDPOINT_DENIED },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct token_use use = { .token = text,
					       .agent_number = cases[i].agent,
					       .scope = cases[i].scope,
					       .endpoint = cases[i].endpoint };
		assert_int_equal(token_check(verifier, &use, NOW_MS, NULL, &problem), cases[i].st);
	}
}

/* -- revocation [TOK-4] -- */

static struct token_revocation revocation_of(enum token_revocation_kind kind)
{
	return (struct token_revocation){ .kind = kind,
					  .before_ms = NOW_MS,
					  .until_ms = NOW_MS + 90 * DAY_MS };
}

static void revoke_token(const struct token_claims *claims)
{
	struct token_revocation r = revocation_of(TOKEN_REVOCATION_KIND_TOKENS);
	struct str id = claims->jti;

	r.has_token_ids = true;
	r.token_ids.items = &id;
	r.token_ids.count = 1;
	r.until_ms = claims->exp_ms;
	token_verifier_revoke(verifier, &r, NOW_MS);
}

static void revoke_agent(const char *agent_id, int64_t before_ms)
{
	struct token_revocation r = revocation_of(TOKEN_REVOCATION_KIND_AGENTS);
	struct str id = str_of(agent_id);

	r.has_agent_ids = true;
	r.agent_ids.items = &id;
	r.agent_ids.count = 1;
	r.before_ms = before_ms;
	token_verifier_revoke(verifier, &r, NOW_MS);
}

static void one_token_dies_and_its_neighbour_lives(void **state)
{
	struct token_claims one = plain_claims(), two = plain_claims();
	struct str first = minted(&one), second = minted(&two);

	(void)state;
	assert_int_equal(used(first), ST_OK);
	revoke_token(&one);
	assert_int_equal(used(first), ST_TOKEN_REVOKED);
	assert_int_equal(used(second), ST_OK);
}

static void a_revocation_that_came_first_holds_too(void **state)
{
	struct token_claims claims = plain_claims();

	(void)state;
	revoke_token(&claims);
	assert_int_equal(used(minted(&claims)), ST_TOKEN_REVOKED);
}

static void all_of_an_agent_die_but_not_what_was_issued_later(void **state)
{
	struct token_claims old = plain_claims(), fresh = plain_claims(), other = plain_claims();

	(void)state;
	fresh.iat_ms = NOW_MS + 1;
	other.sub = STR("piopl_00043");
	revoke_agent("piopl_00042", NOW_MS);
	assert_int_equal(used(minted(&old)), ST_TOKEN_AGENT_REVOKED);
	assert_int_equal(used(minted(&fresh)), ST_OK);
	assert_int_equal(used(minted(&other)), ST_OK);
	/* terminated: for good */
	revoke_agent("piopl_00042", TIME_MS_MAX);
	assert_int_equal(used(minted(&fresh)), ST_TOKEN_AGENT_REVOKED);
	/* older news changes nothing */
	revoke_agent("piopl_00042", NOW_MS);
	assert_int_equal(used(minted(&fresh)), ST_TOKEN_AGENT_REVOKED);
}

static void all_of_a_scope_die(void **state)
{
	struct token_revocation r = revocation_of(TOKEN_REVOCATION_KIND_SCOPE);
	struct token_claims with = plain_claims(), without = plain_claims(), fresh = plain_claims();

	(void)state;
	LIST(without.scopes, STR("template_gen"));
	fresh.iat_ms = NOW_MS + 1;
	struct str text = minted(&with);
	assert_int_equal(used(text), ST_OK);
	r.scope = STR("gumroad_publish");
	token_verifier_revoke(verifier, &r, NOW_MS);
	assert_int_equal(used(text), ST_TOKEN_SCOPE_REVOKED);
	assert_int_equal(used(minted(&without)), ST_OK);
	assert_int_equal(used(minted(&fresh)), ST_OK);
}

static void all_under_a_key_die(void **state)
{
	struct token_revocation r = revocation_of(TOKEN_REVOCATION_KIND_KEY);
	struct token_key next = public_of(&stranger, TOKEN_KEY_STATE_ACTIVE);
	struct token_claims claims = plain_claims();
	struct str remembered = minted(&claims), other;

	(void)state;
	assert_int_equal(token_verifier_key(verifier, &next), ST_OK);
	assert_int_equal(token_mint(&stranger, &claims, &arena, &other), ST_OK);
	assert_int_equal(used(remembered), ST_OK);
	r.key_id = str_of(issuer.key_id);
	token_verifier_revoke(verifier, &r, NOW_MS);
	assert_int_equal(used(remembered), ST_TOKEN_KEY_REVOKED);
	claims = plain_claims();
	assert_int_equal(used(minted(&claims)), ST_TOKEN_KEY_REVOKED);
	assert_int_equal(used(other), ST_OK);
	/* heard before the key itself */
	r.key_id = str_of(second_holder.key_id);
	token_verifier_revoke(verifier, &r, NOW_MS);
	struct token_key late = public_of(&second_holder, TOKEN_KEY_STATE_ACTIVE);
	assert_int_equal(token_verifier_key(verifier, &late), ST_OK);
	assert_int_equal(token_mint(&second_holder, &claims, &arena, &other), ST_OK);
	assert_int_equal(used(other), ST_TOKEN_KEY_REVOKED);
}

static void everything_issued_until_a_time_dies(void **state)
{
	struct token_revocation r = revocation_of(TOKEN_REVOCATION_KIND_ALL);
	struct token_claims old = plain_claims(), fresh = plain_claims();

	(void)state;
	fresh.iat_ms = NOW_MS + 1;
	token_verifier_revoke(verifier, &r, NOW_MS);
	assert_int_equal(used(minted(&old)), ST_TOKEN_ALL_REVOKED);
	assert_int_equal(used(minted(&fresh)), ST_OK);
}

/* [TOK-7] */
static void revoking_a_parent_kills_its_chain(void **state)
{
	struct token_claims claims = bound_claims();
	struct token_block block = { .iat_ms = NOW_MS + 5 };

	(void)state;
	claims.risk = TOKEN_RISK_LOW;
	struct str child = appended(&holder, minted(&claims), &block);
	struct str grandchild = appended(&holder, child, &block);
	assert_int_equal(used(grandchild), ST_PROOF_REQUIRED);
	revoke_token(&claims);
	assert_int_equal(used(child), ST_TOKEN_REVOKED);
	assert_int_equal(used(grandchild), ST_TOKEN_REVOKED);
	/* a block's own time does not lift it over a rule */
	struct token_claims other = bound_claims();
	other.risk = TOKEN_RISK_LOW;
	child = appended(&holder, minted(&other), &block);
	revoke_agent("piopl_00042", NOW_MS);
	assert_int_equal(used(child), ST_TOKEN_AGENT_REVOKED);
}

static void more_revocations_than_fit_refuse_everything(void **state)
{
	struct token_claims innocent = plain_claims();
	struct str text = minted(&innocent);

	(void)state;
	for (size_t i = 0; i < limits.revocations_max; i++) {
		struct token_claims claims = plain_claims();
		revoke_token(&claims);
	}
	assert_int_equal(used(text), ST_OK);
	struct token_claims one_more = plain_claims();
	revoke_token(&one_more);
	assert_int_equal(used(text), ST_TOKEN_VERIFIER_FULL);
}

static void revocations_of_expired_tokens_make_room(void **state)
{
	struct token_claims innocent = plain_claims();

	(void)state;
	for (size_t i = 0; i < limits.revocations_max; i++) {
		struct token_claims claims = plain_claims();
		claims.exp_ms = NOW_MS - 1000;
		revoke_token(&claims);
	}
	struct token_claims one_more = plain_claims();
	revoke_token(&one_more);
	assert_int_equal(used(minted(&innocent)), ST_OK);
	assert_int_equal(used(minted(&one_more)), ST_TOKEN_REVOKED);
}

static void more_revoked_agents_than_fit_refuse_everything(void **state)
{
	struct token_claims innocent = plain_claims();
	struct str text = minted(&innocent);
	char id[AGENT_ID_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i <= limits.agents_max; i++) {
		assert_int_equal(used(text), ST_OK);
		agent_id_format(1000 + (int64_t)i, id);
		revoke_agent(id, TIME_MS_MAX);
	}
	assert_int_equal(used(text), ST_TOKEN_VERIFIER_FULL);
}

static void a_revocation_that_makes_no_sense_refuses_everything(void **state)
{
	struct token_claims claims = plain_claims();
	struct str text = minted(&claims);

	(void)state;
	revoke_agent("piopl_what", NOW_MS);
	assert_int_equal(used(text), ST_TOKEN_VERIFIER_FULL);
	verifier_new();
	struct token_revocation r = { 0 };
	assert_int_equal(used(text), ST_OK);
	token_verifier_revoke(verifier, &r, NOW_MS);
	assert_int_equal(used(text), ST_TOKEN_VERIFIER_FULL);
}

/* -- proofs [TOK-6] -- */

static enum st proved(struct str text, const struct signing_key *by, const char *nonce,
		      int64_t now_ms)
{
	char made[TOKEN_PROOF_SIZE_MAX];

	assert_int_equal(token_proof_make(by, text, STR("POST"), STR("/v1/decisions"), BODY,
					  str_of(nonce), now_ms, made),
			 ST_OK);
	const struct token_proof proof = { .text = str_of(made),
					   .method = STR("POST"),
					   .target = STR("/v1/decisions"),
					   .body_hash = BODY };
	const struct token_use use = { .token = text, .proof = &proof };
	problem = (struct problem){ 0 };
	return token_check(verifier, &use, now_ms, &view, &problem);
}

static void a_bound_token_needs_its_holders_proof_each_time(void **state)
{
	struct token_claims claims = bound_claims();
	struct str text = minted(&claims);

	(void)state;
	assert_int_equal(used(text), ST_PROOF_REQUIRED);
	assert_int_equal(proved(text, &holder, "nonce-number-0001", NOW_MS), ST_OK);
	assert_int_equal(proved(text, &holder, "nonce-number-0001", NOW_MS), ST_PROOF_REPLAYED);
	assert_int_equal(proved(text, &holder, "nonce-number-0001", NOW_MS + 10),
			 ST_PROOF_REPLAYED);
	assert_int_equal(proved(text, &holder, "nonce-number-0002", NOW_MS), ST_OK);
	assert_int_equal(proved(text, &stranger, "nonce-number-0003", NOW_MS),
			 ST_PROOF_SIGNATURE_INVALID);
	/* a refused proof uses nothing up */
	assert_int_equal(proved(text, &holder, "nonce-number-0003", NOW_MS), ST_OK);
	/* low risk and bound: the same */
	claims = bound_claims();
	claims.risk = TOKEN_RISK_LOW;
	assert_int_equal(used(minted(&claims)), ST_PROOF_REQUIRED);
}

/* A receiver of a narrower token has the wider one in his hands, and no use for it. */
static void the_parent_in_a_chain_is_useless_to_the_next_holder(void **state)
{
	struct token_claims claims = bound_claims();
	struct token_block block = { .iat_ms = NOW_MS, .cnf = holder_of(&second_holder) };
	struct str parent = minted(&claims), child = appended(&holder, parent, &block);

	(void)state;
	assert_int_equal(proved(child, &second_holder, "nonce-number-0010", NOW_MS), ST_OK);
	assert_int_equal(proved(parent, &second_holder, "nonce-number-0011", NOW_MS),
			 ST_PROOF_SIGNATURE_INVALID);
	assert_int_equal(proved(child, &holder, "nonce-number-0012", NOW_MS),
			 ST_PROOF_SIGNATURE_INVALID);
}

static void without_a_memory_for_proofs_bound_tokens_are_refused(void **state)
{
	struct token_claims claims = bound_claims();

	(void)state;
	limits.nonces = (struct token_nonces){ 0 };
	verifier_new();
	assert_int_equal(proved(minted(&claims), &holder, "nonce-number-0001", NOW_MS),
			 ST_PROOF_REQUIRED);
}

static void high_risk_that_is_bound_to_nobody_is_refused(void **state)
{
	struct token_claims claims = plain_claims();

	(void)state;
	claims.risk = TOKEN_RISK_MEDIUM;
	assert_int_equal(used(minted(&claims)), ST_OK);
	claims.risk = TOKEN_RISK_HIGH;
	assert_int_equal(used(minted(&claims)), ST_TOKEN_UNBOUND);
	claims.risk = TOKEN_RISK_CRITICAL;
	assert_int_equal(used(minted(&claims)), ST_TOKEN_UNBOUND);
}

/* [TOK-4] fail closed */
static void silence_refuses_high_and_critical_and_nothing_else(void **state)
{
	struct token_claims claims = bound_claims(), low = plain_claims();
	struct str critical = minted(&claims);
	int64_t last = NOW_MS + TOKEN_SILENCE_MS;

	(void)state;
	claims.risk = TOKEN_RISK_HIGH;
	struct str high = minted(&claims);
	claims.risk = TOKEN_RISK_MEDIUM;
	struct str medium = minted(&claims);
	assert_int_equal(proved(critical, &holder, "nonce-number-0001", last), ST_OK);
	assert_int_equal(proved(critical, &holder, "nonce-number-0002", last + 1),
			 ST_TOKEN_VERIFIER_STALE);
	assert_int_equal(proved(high, &holder, "nonce-number-0003", last + 1),
			 ST_TOKEN_VERIFIER_STALE);
	assert_int_equal(proved(medium, &holder, "nonce-number-0004", last + 1), ST_OK);
	assert_int_equal(used_at(minted(&low), last + 1), ST_OK);
	/* heard again; an older message does not count */
	token_verifier_heard(verifier, last);
	token_verifier_heard(verifier, NOW_MS);
	assert_int_equal(proved(high, &holder, "nonce-number-0005", last + 1), ST_OK);
	/* never heard */
	token_verifier_free(verifier);
	verifier = token_verifier_new(&limits);
	struct token_key key = public_of(&issuer, TOKEN_KEY_STATE_ACTIVE);
	assert_int_equal(token_verifier_key(verifier, &key), ST_OK);
	assert_int_equal(proved(high, &holder, "nonce-number-0006", NOW_MS),
			 ST_TOKEN_VERIFIER_STALE);
}

/* -- memory [TOK-9] -- */

static void the_oldest_remembered_goes_when_the_table_is_full(void **state)
{
	static struct str texts[200];

	(void)state;
	for (size_t i = 0; i < 200; i++) {
		struct token_claims claims = plain_claims();
		texts[i] = minted(&claims);
		assert_int_equal(used(texts[i]), ST_OK);
		assert_int_equal(used(texts[i]), ST_OK);
	}
	assert_int_equal(token_verifier_count(verifier), limits.tokens_max);
	assert_int_equal(token_verifier_opened(verifier), 200);
	/* the newest are remembered, all of them */
	for (size_t i = 200 - limits.tokens_max; i < 200; i++)
		assert_int_equal(used(texts[i]), ST_OK);
	assert_int_equal(token_verifier_opened(verifier), 200);
	/* the others are verified again */
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(used(texts[i]), ST_OK);
	assert_int_equal(token_verifier_opened(verifier), 220);
}

/* Thousands of scopes: the table of labels starts anew and forgets no revocation. */
static void more_labels_than_fit_lose_no_revoked_scope(void **state)
{
	struct token_revocation r = revocation_of(TOKEN_REVOCATION_KIND_SCOPE);
	struct token_claims revoked = plain_claims();
	struct str texts[8];

	(void)state;
	r.scope = STR("gumroad_publish");
	token_verifier_revoke(verifier, &r, NOW_MS);
	for (int i = 0; i < 400; i++) {
		struct token_claims claims = plain_claims();
		struct str scopes[TOKEN_SCOPES_MAX];
		for (int s = 0; s < TOKEN_SCOPES_MAX; s++)
			scopes[s] = arena_printf(&arena, "scope_%d_%d", i, s);
		claims.scopes.items = scopes;
		claims.scopes.count = TOKEN_SCOPES_MAX;
		struct str text = minted(&claims);
		assert_int_equal(used(text), ST_OK);
		assert_int_equal(used(text), ST_OK);
		assert_true(str_equal(view.scopes[3], scopes[3]));
		texts[i % 8] = text;
		if (i % 50 == 0)
			assert_int_equal(used(minted(&revoked)), ST_TOKEN_SCOPE_REVOKED);
	}
	for (int i = 0; i < 8; i++)
		assert_int_equal(used(texts[i]), ST_OK);
	assert_int_equal(used(minted(&revoked)), ST_TOKEN_SCOPE_REVOKED);
}

static void texts_that_are_no_tokens_have_their_reason_here_too(void **state)
{
	static char long_text[TOKEN_BYTES_MAX + 1];

	(void)state;
	memset(long_text, 'A', sizeof(long_text));
	assert_int_equal(used(STR("")), ST_TOKEN_TRUNCATED);
	assert_int_equal(used(STR("v4.local.AAAA")), ST_TOKEN_VERSION_WRONG);
	assert_int_equal(used((struct str){ long_text, sizeof(long_text) }), ST_TOKEN_TOO_LONG);
	struct token_claims claims = plain_claims();
	struct str text;
	assert_int_equal(token_mint(&stranger, &claims, &arena, &text), ST_OK);
	assert_int_equal(used(text), ST_TOKEN_KEY_UNKNOWN);
	assert_int_equal(token_verifier_foreign_key(verifier, str_of(stranger.key_id)), ST_OK);
	assert_int_equal(used(text), ST_TOKEN_KEY_FOREIGN);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_token_is_verified_once_and_then_remembered),
		TEST(time_ends_a_token_also_a_remembered_one),
		TEST(a_token_is_for_its_agent_scope_and_endpoint),
		TEST(one_token_dies_and_its_neighbour_lives),
		TEST(a_revocation_that_came_first_holds_too),
		TEST(all_of_an_agent_die_but_not_what_was_issued_later),
		TEST(all_of_a_scope_die),
		TEST(all_under_a_key_die),
		TEST(everything_issued_until_a_time_dies),
		TEST(revoking_a_parent_kills_its_chain),
		TEST(more_revocations_than_fit_refuse_everything),
		TEST(revocations_of_expired_tokens_make_room),
		TEST(more_revoked_agents_than_fit_refuse_everything),
		TEST(a_revocation_that_makes_no_sense_refuses_everything),
		TEST(a_bound_token_needs_its_holders_proof_each_time),
		TEST(the_parent_in_a_chain_is_useless_to_the_next_holder),
		TEST(without_a_memory_for_proofs_bound_tokens_are_refused),
		TEST(high_risk_that_is_bound_to_nobody_is_refused),
		TEST(silence_refuses_high_and_critical_and_nothing_else),
		TEST(the_oldest_remembered_goes_when_the_table_is_full),
		TEST(more_labels_than_fit_lose_no_revoked_scope),
		TEST(texts_that_are_no_tokens_have_their_reason_here_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
