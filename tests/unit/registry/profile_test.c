#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "services/registry/registry.h"

#define HASH "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define HASH_OTHER "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define NOW_MS INT64_C(1767225600000)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct str role_scopes[] = { { "trend_scan", 10 }, { "template_gen", 12 } };
static struct str role_endpoints[] = { { "gumroad_api", 11 }, { "linkedin_api", 12 } };
static struct str invariants[] = { { "INV-1", 5 }, { "INV-2", 5 } };

static struct registry_role role_make(int64_t tier)
{
	return (struct registry_role){
		.name = STR("digital_product_generator"),
		.title = STR("Digital product generator"),
		.template = { .tier = tier,
			      .capability_scopes = { role_scopes, COUNT(role_scopes) },
			      .can_send_to = { role_endpoints, COUNT(role_endpoints) },
			      .output_confidence_floor = 0.85,
			      .earning_model = REGISTRY_EARNING_MODEL_REVENUE_SHARE,
			      .revenue_share_pct = 80 },
		.revision = 1,
	};
}

static struct profile_rules rules_make(const struct registry_role *role)
{
	return (struct profile_rules){
		.role = role,
		.unit_known = true,
		.constitution_hash = STR(HASH),
		.invariant_ids = { invariants, COUNT(invariants) },
	};
}

static struct registry_revenue_input revenue = { .settlement_account = { "acct_1", 6 } };

static struct registry_profile_input input_make(void)
{
	return (struct registry_profile_input){
		.role = STR("digital_product_generator"),
		.owner = STR("andy.jones@css"),
		.unit = STR("content.alpha"),
		.revenue = &revenue,
	};
}

static struct registry_agent agent_make(const struct profile_rules *rules)
{
	struct registry_profile_input in = input_make();
	struct registry_agent agent;

	profile_complete(&in, STR("ContentCrafter_Alpha"), rules, NOW_MS, &agent);
	return agent;
}

/* [AGT-1] [AGT-2] [AGT-3] [AGT-4] */
static void a_profile_is_completed_from_its_role_and_is_valid(void **state)
{
	struct registry_role role = role_make(0);
	struct profile_rules rules = rules_make(&role);
	struct registry_agent agent = agent_make(&rules);
	struct problem problem = { 0 };

	(void)state;
	assert_int_equal(profile_validate(&agent, &rules, "/profile", &problem), ST_OK);
	assert_int_equal(agent.identity.status, REGISTRY_AGENT_STATE_PENDING);
	assert_true(str_is(agent.identity.version, "1.0.0"));
	assert_int_equal(agent.identity.tier, 0);
	assert_int_equal(agent.identity.created_ms, NOW_MS);
	assert_int_equal(agent.capability.capabilities.count, 0);
	assert_int_equal(agent.capability.capability_scopes.count, 2);
	assert_int_equal(agent.capability.never_sends.count, 3);
	assert_int_equal(agent.capability.max_spend_per_day.micros, 0);
	assert_true(agent.capability.output_confidence_floor == 0.85);
	assert_true(agent.governance.kill_switch);
	assert_true(str_is(agent.governance.constitution_hash, HASH));
	assert_int_equal(agent.governance.invariants_enforced.count, 2);
	assert_true(agent.governance.behaviour_score == 100);
	assert_int_equal(agent.revenue.earning_model, REGISTRY_EARNING_MODEL_REVENUE_SHARE);
	assert_int_equal(agent.revenue.revenue_share_pct, 80);
	assert_int_equal(agent.revenue.lifetime_revenue.micros, 0);
	assert_int_equal(agent.revenue.cost_to_date.micros, 0);
}

/* Each breaks one rule of a valid profile or of what it is judged against. */
static void break_name(struct registry_agent *a, struct profile_rules *r)
{
	(void)r;
	a->identity.name = STR("");
}
static void break_owner(struct registry_agent *a, struct profile_rules *r)
{
	(void)r;
	a->identity.owner = STR("");
}
static void break_role(struct registry_agent *a, struct profile_rules *r)
{
	(void)a;
	r->role = NULL;
}
static void break_tier(struct registry_agent *a, struct profile_rules *r)
{
	(void)r;
	a->identity.tier = 2;
}
static void break_unit(struct registry_agent *a, struct profile_rules *r)
{
	(void)a;
	r->unit_known = false;
}
static void break_kill_switch(struct registry_agent *a, struct profile_rules *r)
{
	(void)r;
	a->governance.kill_switch = false;
}
static void break_constitution_missing(struct registry_agent *a, struct profile_rules *r)
{
	(void)a;
	r->constitution_hash = (struct str){ 0 };
}
static void break_constitution(struct registry_agent *a, struct profile_rules *r)
{
	(void)r;
	a->governance.constitution_hash = STR(HASH_OTHER);
}
static void break_invariants(struct registry_agent *a, struct profile_rules *r)
{
	(void)r;
	a->governance.invariants_enforced.count = 0;
}
static void break_invariant(struct registry_agent *a, struct profile_rules *r)
{
	static struct str unknown[] = { { "INV-1", 5 }, { "INV-9", 5 } };

	(void)r;
	a->governance.invariants_enforced.items = unknown;
}
static void break_audit_chain(struct registry_agent *a, struct profile_rules *r)
{
	(void)r;
	a->governance.audit_chain = STR("");
}
static void break_score(struct registry_agent *a, struct profile_rules *r)
{
	(void)r;
	a->governance.behaviour_score = 100.5;
}
static void break_score_nan(struct registry_agent *a, struct profile_rules *r)
{
	(void)r;
	a->governance.behaviour_score = (double)NAN;
}
static void break_scope(struct registry_agent *a, struct profile_rules *r)
{
	static struct str scopes[] = { { "trend_scan", 10 }, { "stripe_payout", 13 } };

	(void)r;
	a->capability.capability_scopes.items = scopes;
}
static void break_endpoint(struct registry_agent *a, struct profile_rules *r)
{
	static struct str endpoints[] = { { "evil_api", 8 } };

	(void)r;
	a->capability.can_send_to.items = endpoints;
	a->capability.can_send_to.count = 1;
}
static void break_never_sends(struct registry_agent *a, struct profile_rules *r)
{
	(void)r;
	a->capability.never_sends.count = 2;
}
static void break_never_sends_empty(struct registry_agent *a, struct profile_rules *r)
{
	(void)r;
	a->capability.never_sends.count = 0;
}
static void break_floor(struct registry_agent *a, struct profile_rules *r)
{
	(void)r;
	a->capability.output_confidence_floor = 1.0001;
}
static void break_spend(struct registry_agent *a, struct profile_rules *r)
{
	(void)r;
	a->capability.max_spend_per_day.micros = 1;
}
static void break_spend_negative(struct registry_agent *a, struct profile_rules *r)
{
	(void)r;
	a->capability.max_spend_per_day.micros = -1;
}
static void break_currency(struct registry_agent *a, struct profile_rules *r)
{
	(void)r;
	memcpy(a->revenue.cost_to_date.currency, "EUR", 4);
}
static void break_earning_model(struct registry_agent *a, struct profile_rules *r)
{
	(void)r;
	a->revenue.earning_model = REGISTRY_EARNING_MODEL_NONE;
}
static void break_share(struct registry_agent *a, struct profile_rules *r)
{
	(void)r;
	a->revenue.revenue_share_pct = 101;
}
static void break_settlement(struct registry_agent *a, struct profile_rules *r)
{
	(void)r;
	a->revenue.settlement_account = STR("");
}

static const struct {
	void (*break_it)(struct registry_agent *agent, struct profile_rules *rules);
	enum st st;
	const char *pointer;
} broken[] = {
	{ break_name, ST_PROFILE_INCOMPLETE, "/p/name" },
	{ break_owner, ST_PROFILE_INCOMPLETE, "/p/owner" },
	{ break_role, ST_ROLE_UNKNOWN, "/p/role" },
	{ break_tier, ST_TIER_NOT_OF_ROLE, "/p/tier" },
	{ break_unit, ST_UNIT_UNKNOWN, "/p/unit" },
	{ break_kill_switch, ST_KILL_SWITCH_REQUIRED, "/p/governance/kill_switch" },
	{ break_constitution_missing, ST_CONSTITUTION_MISSING, "/p/governance/constitution_hash" },
	{ break_constitution, ST_CONSTITUTION_NOT_IN_FORCE, "/p/governance/constitution_hash" },
	{ break_invariants, ST_INVARIANTS_REQUIRED, "/p/governance/invariants_enforced" },
	{ break_invariant, ST_INVARIANT_UNKNOWN, "/p/governance/invariants_enforced/1" },
	{ break_audit_chain, ST_PROFILE_INCOMPLETE, "/p/governance/audit_chain" },
	{ break_score, ST_PROFILE_INCOMPLETE, "/p/governance/behaviour_score" },
	{ break_score_nan, ST_PROFILE_INCOMPLETE, "/p/governance/behaviour_score" },
	{ break_scope, ST_SCOPE_NOT_OF_ROLE, "/p/capability/capability_scopes/1" },
	{ break_endpoint, ST_ENDPOINT_NOT_OF_ROLE, "/p/capability/can_send_to/0" },
	{ break_never_sends, ST_NEVER_SENDS_REQUIRED, "/p/capability/never_sends" },
	{ break_never_sends_empty, ST_NEVER_SENDS_REQUIRED, "/p/capability/never_sends" },
	{ break_floor, ST_PROFILE_INCOMPLETE, "/p/capability/output_confidence_floor" },
	{ break_spend, ST_TIER_CANNOT_SPEND, "/p/capability/max_spend_per_day" },
	{ break_spend_negative, ST_MONEY_INVALID, "/p/capability/max_spend_per_day" },
	{ break_currency, ST_CURRENCY_MISMATCH, "/p/capability/max_spend_per_day" },
	{ break_earning_model, ST_PROFILE_INCOMPLETE, "/p/revenue/earning_model" },
	{ break_share, ST_PROFILE_INCOMPLETE, "/p/revenue/revenue_share_pct" },
	{ break_settlement, ST_PROFILE_INCOMPLETE, "/p/revenue/settlement_account" },
};

/* [AGT-1] [AGT-2] [AGT-3] [AGT-4] */
static void each_broken_rule_is_refused_by_name_and_place(void **state)
{
	struct registry_role role = role_make(0);

	(void)state;
	for (size_t i = 0; i < COUNT(broken); i++) {
		struct profile_rules rules = rules_make(&role);
		struct registry_agent agent = agent_make(&rules);
		struct problem problem = { 0 };

		broken[i].break_it(&agent, &rules);
		assert_int_equal(profile_validate(&agent, &rules, "/p", &problem), broken[i].st);
		assert_int_equal(problem.st, broken[i].st);
		assert_string_equal(problem.pointer, broken[i].pointer);
		assert_true(problem.detail[0]);
	}
}

/* [AGT-2] */
static void above_tier_0_an_agent_may_spend(void **state)
{
	struct registry_role role = role_make(1);
	struct profile_rules rules = rules_make(&role);
	struct registry_agent agent = agent_make(&rules);

	(void)state;
	agent.capability.max_spend_per_day.micros = 1;
	assert_int_equal(profile_validate(&agent, &rules, "", NULL), ST_OK);
}

/* [AGT-2] */
static void the_blocklist_can_be_added_to(void **state)
{
	static struct str more[] = { { "health_records", 14 },
				     { "unauthorised_prompts", 20 },
				     { "customer_pii", 12 },
				     { "financial_credentials", 21 } };
	struct registry_role role = role_make(0);
	struct profile_rules rules = rules_make(&role);
	struct registry_agent agent = agent_make(&rules);

	(void)state;
	agent.capability.never_sends.items = more;
	agent.capability.never_sends.count = 4;
	assert_int_equal(profile_validate(&agent, &rules, "", NULL), ST_OK);
	agent.capability.never_sends.count = 3;
	assert_int_equal(profile_validate(&agent, &rules, "", NULL), ST_NEVER_SENDS_REQUIRED);
}

/* [AGT-3] */
static void asking_for_no_kill_switch_is_refused(void **state)
{
	struct registry_role role = role_make(0);
	struct profile_rules rules = rules_make(&role);
	struct registry_governance_input governance = { .has_kill_switch = true };
	struct registry_profile_input in = input_make();
	struct registry_agent agent;

	(void)state;
	in.governance = &governance;
	profile_complete(&in, STR("x"), &rules, NOW_MS, &agent);
	assert_int_equal(profile_validate(&agent, &rules, "/profile", NULL),
			 ST_KILL_SWITCH_REQUIRED);
	governance.kill_switch = true;
	profile_complete(&in, STR("x"), &rules, NOW_MS, &agent);
	assert_int_equal(profile_validate(&agent, &rules, "/profile", NULL), ST_OK);
}

static void what_is_given_counts_more_than_the_role(void **state)
{
	static struct str scope[] = { { "trend_scan", 10 } };
	struct registry_role role = role_make(1);
	struct profile_rules rules = rules_make(&role);
	struct registry_capability_input capability = {
		.has_capability_scopes = true,
		.capability_scopes = { scope, 1 },
		.has_max_spend_per_day = true,
		.max_spend_per_day = { 5000000, "EUR" },
		.has_output_confidence_floor = true,
		.output_confidence_floor = 0.5,
	};
	struct registry_revenue_input hybrid = {
		.earning_model = REGISTRY_EARNING_MODEL_HYBRID,
		.has_revenue_share_pct = true,
		.revenue_share_pct = 70,
		.settlement_account = STR("acct_2"),
	};
	struct registry_profile_input in = input_make();
	struct registry_agent agent;

	(void)state;
	in.capability = &capability;
	in.revenue = &hybrid;
	profile_complete(&in, STR("x"), &rules, NOW_MS, &agent);
	assert_int_equal(profile_validate(&agent, &rules, "", NULL), ST_OK);
	assert_int_equal(agent.capability.capability_scopes.count, 1);
	assert_int_equal(agent.capability.can_send_to.count, 2);
	assert_true(agent.capability.output_confidence_floor == 0.5);
	assert_int_equal(agent.revenue.revenue_share_pct, 70);
	assert_string_equal(agent.revenue.lifetime_revenue.currency, "EUR");
	assert_int_equal(agent.revenue.lifetime_revenue.micros, 0);
}

/* Changes */

static enum registry_change_level level_of(const struct registry_profile_change *change,
					   struct registry_role *role)
{
	struct registry_role old_role = role_make(0);
	struct profile_rules old_rules = rules_make(&old_role);
	struct profile_rules rules = rules_make(role ? role : &old_role);
	struct registry_agent old = agent_make(&old_rules), agent;

	profile_apply(&old, change, &rules, &agent);
	return profile_change_level(&old, &agent);
}

/* [AGT-5] */
static void a_change_has_the_level_of_what_it_touches(void **state)
{
	static struct str scope[] = { { "trend_scan", 10 } };
	static struct str invariant[] = { { "INV-1", 5 } };
	struct registry_role other = role_make(1);
	struct registry_capability_input scopes = { .has_capability_scopes = true,
						    .capability_scopes = { scope, 1 } };
	struct registry_capability_input floor = { .has_output_confidence_floor = true,
						   .output_confidence_floor = 0.9 };
	struct registry_governance_input hash = { .constitution_hash = STR(HASH_OTHER) };
	struct registry_governance_input fewer = { .has_invariants_enforced = true,
						   .invariants_enforced = { invariant, 1 } };
	struct registry_revenue_input account = { .settlement_account = STR("acct_2") };

	(void)state;
	other.name = STR("social_promoter");
#define LEVEL(role, ...) level_of(&(struct registry_profile_change){ __VA_ARGS__ }, role)
	assert_int_equal(LEVEL(NULL, .name = STR("Other")), REGISTRY_CHANGE_LEVEL_PATCH);
	assert_int_equal(LEVEL(NULL, .owner = STR("someone")), REGISTRY_CHANGE_LEVEL_PATCH);
	assert_int_equal(LEVEL(NULL, .unit = STR("content")), REGISTRY_CHANGE_LEVEL_MINOR);
	assert_int_equal(LEVEL(NULL, .capability = &scopes), REGISTRY_CHANGE_LEVEL_MINOR);
	assert_int_equal(LEVEL(NULL, .capability = &floor), REGISTRY_CHANGE_LEVEL_MINOR);
	assert_int_equal(LEVEL(NULL, .revenue = &account), REGISTRY_CHANGE_LEVEL_MINOR);
	assert_int_equal(LEVEL(NULL, .governance = &hash), REGISTRY_CHANGE_LEVEL_MAJOR);
	assert_int_equal(LEVEL(NULL, .governance = &fewer), REGISTRY_CHANGE_LEVEL_MAJOR);
	assert_int_equal(LEVEL(NULL, .has_tier = true, .tier = 1), REGISTRY_CHANGE_LEVEL_MAJOR);
	assert_int_equal(LEVEL(&other, .role = STR("social_promoter"), .name = STR("Other")),
			 REGISTRY_CHANGE_LEVEL_MAJOR);
	assert_int_equal(LEVEL(NULL, .name = STR("ContentCrafter_Alpha")),
			 REGISTRY_CHANGE_LEVEL_NONE);
	assert_int_equal(LEVEL(NULL, .name = { 0 }), REGISTRY_CHANGE_LEVEL_NONE);
#undef LEVEL
}

static void a_new_role_brings_its_tier_and_lists(void **state)
{
	static struct str scopes[] = { { "social_post", 11 } };
	struct registry_role old_role = role_make(0), role = role_make(1);
	struct profile_rules old_rules = rules_make(&old_role), rules = rules_make(&role);
	struct registry_agent old = agent_make(&old_rules), agent;
	struct registry_profile_change change = { .role = STR("social_promoter") };

	(void)state;
	role.name = STR("social_promoter");
	role.template.capability_scopes.items = scopes;
	role.template.capability_scopes.count = 1;
	profile_apply(&old, &change, &rules, &agent);
	assert_int_equal(profile_validate(&agent, &rules, "/change", NULL), ST_OK);
	assert_int_equal(agent.identity.tier, 1);
	assert_true(str_is(agent.capability.capability_scopes.items[0], "social_post"));
}

/* [AGT-5] */
static void versions_rise_by_level(void **state)
{
	static const struct {
		const char *from;
		enum registry_change_level level;
		const char *to;
	} table[] = {
		{ "1.0.0", REGISTRY_CHANGE_LEVEL_PATCH, "1.0.1" },
		{ "1.0.9", REGISTRY_CHANGE_LEVEL_PATCH, "1.0.10" },
		{ "1.2.3", REGISTRY_CHANGE_LEVEL_MINOR, "1.3.0" },
		{ "1.2.3", REGISTRY_CHANGE_LEVEL_MAJOR, "2.0.0" },
		{ "0.0.999999998", REGISTRY_CHANGE_LEVEL_PATCH, "0.0.999999999" },
		{ "0.999999999.1", REGISTRY_CHANGE_LEVEL_MAJOR, "1.0.0" },
	};
	char text[VERSION_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		assert_int_equal(version_raise(str_of(table[i].from), table[i].level, text), ST_OK);
		assert_string_equal(text, table[i].to);
	}
	strcpy(text, "untouched");
	assert_int_equal(version_raise(STR("0.0.999999999"), REGISTRY_CHANGE_LEVEL_PATCH, text),
			 ST_TOO_LARGE);
	assert_int_equal(version_raise(STR("999999999.0.0"), REGISTRY_CHANGE_LEVEL_MAJOR, text),
			 ST_TOO_LARGE);
	assert_string_equal(text, "untouched");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_profile_is_completed_from_its_role_and_is_valid),
		cmocka_unit_test(each_broken_rule_is_refused_by_name_and_place),
		cmocka_unit_test(above_tier_0_an_agent_may_spend),
		cmocka_unit_test(the_blocklist_can_be_added_to),
		cmocka_unit_test(asking_for_no_kill_switch_is_refused),
		cmocka_unit_test(what_is_given_counts_more_than_the_role),
		cmocka_unit_test(a_change_has_the_level_of_what_it_touches),
		cmocka_unit_test(a_new_role_brings_its_tier_and_lists),
		cmocka_unit_test(versions_rise_by_level),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
