/* What is issued and what is refused, rule by rule. [TOK-3] [TOK-6] */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/token/service.h"

#define NOW_MS INT64_C(1767225600000)
#define DAY_MS INT64_C(86400000)

static const struct issue_limits limits = {
	.life_default_ms = 30 * DAY_MS,
	.life_max_ms = 60 * DAY_MS,
	.live_max = 3,
};

static const struct str both[] = { { "trend_scan", 10 }, { "gumroad_publish", 15 } };
static const struct str one[] = { { "trend_scan", 10 } };
static char key_text[PUBLIC_KEY_TEXT_SIZE];

static struct agent_view good_agent(void)
{
	return (struct agent_view){
		.known = true,
		.state = REGISTRY_AGENT_STATE_ACTIVE,
		.tier = 0,
		.scopes = { both, 2 },
		.role_known = true,
		.role_scopes = { both, 2 },
	};
}

static struct issue_wish good_wish(void)
{
	return (struct issue_wish){ .scopes = { one, 1 }, .risk = TOKEN_RISK_LOW };
}

static int setup(void **state)
{
	struct signing_key key;

	(void)state;
	crypto_init();
	signing_key_generate(&key);
	base64_encode(key.public_key, PUBLIC_KEY_BYTES, key_text);
	return 0;
}

static enum st decided(const struct agent_view *agent, const struct issue_wish *wish,
		       struct issue_grant *grant, struct problem *problem)
{
	*problem = (struct problem){ 0 };
	return issue_decide(&limits, agent, wish, NOW_MS, grant, problem);
}

#define REFUSED(st_, pointer_, agent, wish)                                                        \
	do {                                                                                       \
		struct problem problem_;                                                           \
		struct issue_grant grant_ = { .issued_at_ms = -1 };                                \
		assert_int_equal(decided(agent, wish, &grant_, &problem_), st_);                   \
		assert_string_equal(problem_.pointer, pointer_);                                   \
		assert_int_equal(grant_.issued_at_ms, -1);                                         \
	} while (0)

static void a_token_lives_thirty_days_unless_it_is_said(void **state)
{
	struct agent_view agent = good_agent();
	struct issue_wish wish = good_wish();
	struct issue_grant grant;
	struct problem problem;

	(void)state;
	assert_int_equal(decided(&agent, &wish, &grant, &problem), ST_OK);
	assert_int_equal(grant.issued_at_ms, NOW_MS);
	assert_int_equal(grant.expires_at_ms, NOW_MS + 30 * DAY_MS);
	assert_false(grant.bound);
	wish.life_ms = limits.life_max_ms;
	assert_int_equal(decided(&agent, &wish, &grant, &problem), ST_OK);
	assert_int_equal(grant.expires_at_ms, NOW_MS + limits.life_max_ms);
	wish.life_ms++;
	REFUSED(ST_TOKEN_LIFE_TOO_LONG, "/life_s", &agent, &wish);
}

static void only_pending_and_active_agents_get_tokens(void **state)
{
	static const struct {
		enum registry_agent_state state;
		enum st st;
	} cases[] = {
		{ REGISTRY_AGENT_STATE_PENDING, ST_OK },
		{ REGISTRY_AGENT_STATE_ACTIVE, ST_OK },
		{ REGISTRY_AGENT_STATE_PAUSED, ST_AGENT_NOT_LIVE },
		{ REGISTRY_AGENT_STATE_TERMINATED, ST_AGENT_NOT_LIVE },
	};
	struct issue_wish wish = good_wish();
	struct agent_view agent;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct issue_grant grant;
		struct problem problem;
		agent = good_agent();
		agent.state = cases[i].state;
		assert_int_equal(decided(&agent, &wish, &grant, &problem), cases[i].st);
	}
	agent = good_agent();
	agent.killed = true;
	REFUSED(ST_AGENT_NOT_LIVE, "/agent_id", &agent, &wish);
	agent = (struct agent_view){ 0 };
	REFUSED(ST_AGENT_UNKNOWN, "/agent_id", &agent, &wish);
}

static void a_scope_is_the_roles_and_the_agents(void **state)
{
	struct agent_view agent = good_agent();
	struct issue_wish wish = good_wish();
	struct issue_grant grant;
	struct problem problem;

	(void)state;
	wish.scopes = (struct label_list){ both, 2 };
	assert_int_equal(decided(&agent, &wish, &grant, &problem), ST_OK);
	agent.role_scopes = (struct label_list){ one, 1 };
	REFUSED(ST_TOKEN_SCOPE_NOT_OF_ROLE, "/scopes", &agent, &wish);
	agent = good_agent();
	agent.scopes = (struct label_list){ one, 1 };
	REFUSED(ST_TOKEN_SCOPE_NOT_OF_AGENT, "/scopes", &agent, &wish);
	/* a role nobody told of: the profile was held against it when it was made */
	agent = good_agent();
	agent.role_known = false;
	agent.role_scopes = (struct label_list){ 0 };
	assert_int_equal(decided(&agent, &wish, &grant, &problem), ST_OK);
}

static void the_tier_bounds_the_risk(void **state)
{
	static const bool allowed[3][5] = {
		{ false, true, false, false, false },
		{ false, true, true, false, false },
		{ false, true, true, true, true },
	};

	(void)state;
	for (int tier = 0; tier <= 2; tier++)
		for (int risk = TOKEN_RISK_LOW; risk <= TOKEN_RISK_CRITICAL; risk++) {
			struct agent_view agent = good_agent();
			struct issue_wish wish = good_wish();
			struct issue_grant grant;
			struct problem problem;
			agent.tier = tier;
			wish.risk = (enum token_risk)risk;
			wish.holder_key = str_of(key_text);
			assert_int_equal(decided(&agent, &wish, &grant, &problem),
					 allowed[tier][risk] ? ST_OK : ST_RISK_ABOVE_TIER);
		}
}

static void high_risk_needs_the_agents_key(void **state)
{
	struct agent_view agent = good_agent();
	struct issue_wish wish = good_wish();
	struct issue_grant grant;
	struct problem problem;

	(void)state;
	agent.tier = 2;
	wish.risk = TOKEN_RISK_MEDIUM;
	assert_int_equal(decided(&agent, &wish, &grant, &problem), ST_OK);
	wish.risk = TOKEN_RISK_HIGH;
	REFUSED(ST_HOLDER_KEY_REQUIRED, "/holder_key", &agent, &wish);
	wish.holder_key = str_of(key_text);
	assert_int_equal(decided(&agent, &wish, &grant, &problem), ST_OK);
	assert_true(grant.bound);
	wish.holder_key = STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
	REFUSED(ST_HOLDER_KEY_INVALID, "/holder_key", &agent, &wish);
	wish.holder_key = STR("short");
	REFUSED(ST_HOLDER_KEY_INVALID, "/holder_key", &agent, &wish);
}

static void live_tokens_are_counted(void **state)
{
	struct agent_view agent = good_agent();
	struct issue_wish wish = good_wish();
	struct issue_grant grant;
	struct problem problem;

	(void)state;
	agent.live_count = limits.live_max - 1;
	assert_int_equal(decided(&agent, &wish, &grant, &problem), ST_OK);
	agent.live_count++;
	REFUSED(ST_TOO_MANY_TOKENS, "/agent_id", &agent, &wish);
}

static void an_amount_is_not_below_zero(void **state)
{
	struct agent_view agent = good_agent();
	struct issue_wish wish = good_wish();
	struct token_limits bounds = { .has_amount_per_day = true,
				       .amount_per_day = { -1, "GBP" } };
	struct issue_grant grant;
	struct problem problem;

	(void)state;
	wish.limits = &bounds;
	REFUSED(ST_MONEY_INVALID, "/limits/amount_per_day", &agent, &wish);
	bounds.amount_per_day.micros = 0;
	assert_int_equal(decided(&agent, &wish, &grant, &problem), ST_OK);
}

static void a_token_issued_at_a_revocation_is_a_new_one(void **state)
{
	struct agent_view agent = good_agent();
	struct issue_wish wish = good_wish();
	struct issue_grant grant;
	struct problem problem;

	(void)state;
	agent.dead_until_ms = NOW_MS - 1;
	assert_int_equal(decided(&agent, &wish, &grant, &problem), ST_OK);
	assert_int_equal(grant.issued_at_ms, NOW_MS);
	agent.dead_until_ms = NOW_MS + 3;
	assert_int_equal(decided(&agent, &wish, &grant, &problem), ST_OK);
	assert_int_equal(grant.issued_at_ms, NOW_MS + 4);
	assert_int_equal(grant.expires_at_ms, NOW_MS + 4 + 30 * DAY_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_lives_thirty_days_unless_it_is_said),
		cmocka_unit_test(only_pending_and_active_agents_get_tokens),
		cmocka_unit_test(a_scope_is_the_roles_and_the_agents),
		cmocka_unit_test(the_tier_bounds_the_risk),
		cmocka_unit_test(high_risk_needs_the_agents_key),
		cmocka_unit_test(live_tokens_are_counted),
		cmocka_unit_test(an_amount_is_not_below_zero),
		cmocka_unit_test(a_token_issued_at_a_revocation_is_a_new_one),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
