/* Approvals in advance: bounded in every way, and what they cover. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "services/approval/approval.h"

#define NOW_MS INT64_C(1767225600000)

static const struct approval_limits limits = { .preapproval_life_max_ms = 30 * 86400000LL,
					       .preapproval_uses_max = 1000,
					       .preapproval_amount_max = 10000 };
static struct problem problem;

static struct approval_preapproval_grant grant(void)
{
	return (struct approval_preapproval_grant){
		.agent_id = STR("piopl_00001"),
		.tool = STR("bank.transfer"),
		.operation = APPROVAL_OPERATION_EXECUTE,
		.resource = STR("accounts/**"),
		.amount_max = { 100 * MONEY_MICROS_PER_UNIT, "GBP" },
		.amount_total = { 1000 * MONEY_MICROS_PER_UNIT, "GBP" },
		.uses_max = 10,
		.valid_until_ms = NOW_MS + 86400000,
		.reason = STR("payday"),
	};
}

static enum st check(const struct approval_preapproval_grant *in)
{
	return grant_check(&limits, in, NOW_MS, &problem);
}

/* [APR-6] */
static void a_bounded_grant_is_taken(void **state)
{
	struct approval_preapproval_grant in = grant();

	(void)state;
	assert_int_equal(check(&in), ST_OK);
}

/* [APR-6] */
static void an_unbounded_grant_is_refused(void **state)
{
	static const char *const patterns[] = {
		"*", "**", "a*", "ab**", "abc**/x", "abc***", "abc*a*a*a*a*a*a*a*a*"
	};
	struct approval_preapproval_grant in = grant();

	(void)state;
	in.agent_id = (struct str){ 0 };
	assert_int_equal(check(&in), ST_PREAPPROVAL_UNBOUNDED);
	in = grant();
	in.unit = STR("content");
	assert_int_equal(check(&in), ST_PREAPPROVAL_UNBOUNDED);
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		in = grant();
		in.resource = str_of(patterns[i]);
		assert_int_equal(check(&in), ST_PREAPPROVAL_UNBOUNDED);
		assert_string_equal(problem.pointer, "/act/payload/resource");
	}
	in = grant();
	in.amount_max.micros = -1;
	assert_int_equal(check(&in), ST_PREAPPROVAL_UNBOUNDED);
}

static void patterns_at_their_limits_are_taken(void **state)
{
	static const char *const patterns[] = { "a", "abc*", "abc**", "abc*a*a*a*a*a*a*a*" };

	(void)state;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		assert_int_equal(resource_pattern_check(str_of(patterns[i]), "/x", &problem),
				 ST_OK);
}

/* [APR-6] Each limit at and one past. */
static void a_grant_stays_within_the_limits(void **state)
{
	struct approval_preapproval_grant in = grant();

	(void)state;
	in.uses_max = limits.preapproval_uses_max;
	in.valid_until_ms = NOW_MS + limits.preapproval_life_max_ms;
	in.amount_total.micros = limits.preapproval_amount_max * MONEY_MICROS_PER_UNIT;
	assert_int_equal(check(&in), ST_OK);
	in.uses_max++;
	assert_int_equal(check(&in), ST_PREAPPROVAL_TOO_WIDE);
	in.uses_max--;
	in.valid_until_ms++;
	assert_int_equal(check(&in), ST_PREAPPROVAL_TOO_WIDE);
	in.valid_until_ms--;
	in.amount_total.micros++;
	assert_int_equal(check(&in), ST_PREAPPROVAL_TOO_WIDE);
	in = grant();
	in.valid_until_ms = NOW_MS;
	assert_int_equal(check(&in), ST_PREAPPROVAL_TOO_WIDE);
	in = grant();
	in.amount_max.micros = in.amount_total.micros;
	assert_int_equal(check(&in), ST_OK);
	in.amount_max.micros++;
	assert_int_equal(check(&in), ST_PREAPPROVAL_TOO_WIDE);
	in = grant();
	memcpy(in.amount_max.currency, "EUR", 4);
	assert_int_equal(check(&in), ST_CURRENCY_MISMATCH);
}

/* The plainest possible reading of a pattern. */
static bool plain_match(const char *p, const char *r)
{
	if (!*p)
		return !*r;
	if (p[0] == '*' && p[1] == '*')
		return true;
	if (*p == '*')
		return plain_match(p + 1, r) || (*r && *r != '/' && plain_match(p, r + 1));
	return *p == *r && plain_match(p + 1, r + 1);
}

/* Property: over random short patterns and resources both agree. */
static void patterns_match_as_the_plainest_reading_does(void **state)
{
	static const char letters[] = "ab/*";
	int matched = 0;

	(void)state;
	srand(1);
	for (int round = 0; round < 200000; round++) {
		char pattern[12] = { 0 }, resource[12] = { 0 };
		int p = rand() % 8, r = rand() % 9;

		for (int i = 0; i < p; i++)
			pattern[i] = letters[rand() % 4];
		for (int i = 0; i < r; i++)
			resource[i] = letters[rand() % 3];
		for (int i = 0; i + 1 < p; i++)
			if (pattern[i] == '*' && pattern[i + 1] == '*' && i + 2 < p)
				pattern[i] = 'a';
		bool expected = plain_match(pattern, resource);
		matched += expected;
		if (resource_matches(str_of(pattern), str_of(resource)) != expected)
			fail_msg("\"%s\" and \"%s\"", pattern, resource);
	}
	assert_true(matched > 1000);
}

static void a_resource_that_leads_out_is_never_covered(void **state)
{
	(void)state;
	assert_true(resource_matches(STR("files/**"), STR("files/a/b..c/...")));
	assert_false(resource_matches(STR("files/**"), STR("files/../secret")));
	assert_false(resource_matches(STR("files/**"), STR("files/a/..")));
}

struct world {
	struct preapproval_row row;
	struct agent_row agent;
	struct person_row signer;
	struct approval_action action;
	struct required required;
	struct use_view view;
};

static void world_make(struct world *world)
{
	struct approval_preapproval_grant in = grant();

	*world = (struct world){
		.row = { .preapproval = { .tool = in.tool,
					  .operation = in.operation,
					  .resource = in.resource,
					  .amount_max = in.amount_max,
					  .amount_total = in.amount_total,
					  .amount_used = { 0, "GBP" },
					  .uses_max = in.uses_max,
					  .valid_until_ms = in.valid_until_ms,
					  .approved_by = STR("per_b") },
			 .agent_number = 1 },
		.agent = { .number = 1,
			   .owner = STR("andy@css"),
			   .unit = STR("content.alpha"),
			   .state = REGISTRY_AGENT_STATE_ACTIVE },
		.signer = { .person_id = STR("per_b"),
			    .name = STR("Bob"),
			    .roles = APPROVERS_DEFAULT },
		.action = { .agent_id = STR("piopl_00001"),
			    .tool = in.tool,
			    .operation = in.operation,
			    .resource = STR("accounts/7"),
			    .has_amount = true,
			    .amount = in.amount_max },
		.required = { APPROVERS_DEFAULT, 1 },
	};
	world->view = (struct use_view){ &world->row, &world->agent, &world->signer, &world->action,
					 &world->required };
}

static enum st use(const struct world *world, int64_t now_ms)
{
	int64_t micros;

	return use_decide(&world->view, now_ms, &micros, &problem);
}

/* [APR-6] */
static void what_matches_is_covered(void **state)
{
	struct world world;
	int64_t micros = 0;

	(void)state;
	world_make(&world);
	assert_int_equal(use_decide(&world.view, NOW_MS, &micros, &problem), ST_OK);
	assert_int_equal(micros, world.action.amount.micros);
}

static void what_differs_is_not_covered(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		struct world world;

		world_make(&world);
		if (i == 0)
			world.agent.number = 2;
		else if (i == 1)
			world.action.tool = STR("bank.transfers");
		else if (i == 2)
			world.action.operation = APPROVAL_OPERATION_DELETE;
		else if (i == 3)
			world.action.resource = STR("account/7");
		else if (i == 4)
			world.action.resource = (struct str){ 0 };
		else {
			world.row.agent_number = 0;
			world.row.preapproval.unit = STR("content.al");
		}
		assert_int_equal(use(&world, NOW_MS), ST_PREAPPROVAL_NOT_MATCHING);
	}
}

static void a_unit_covers_its_agents(void **state)
{
	struct world world;

	(void)state;
	world_make(&world);
	world.row.agent_number = 0;
	world.row.preapproval.unit = STR("content");
	assert_int_equal(use(&world, NOW_MS), ST_OK);
	world.row.preapproval.unit = STR("content.alpha");
	assert_int_equal(use(&world, NOW_MS), ST_OK);
}

/* [APR-6] Time, uses, one amount and all amounts, each at its limit and one past. */
static void its_bounds_hold(void **state)
{
	struct world world;

	(void)state;
	world_make(&world);
	assert_int_equal(use(&world, world.row.preapproval.valid_until_ms - 1), ST_OK);
	assert_int_equal(use(&world, world.row.preapproval.valid_until_ms), ST_PREAPPROVAL_ENDED);
	world.row.preapproval.uses = 9;
	assert_int_equal(use(&world, NOW_MS), ST_OK);
	world.row.preapproval.uses = 10;
	assert_int_equal(use(&world, NOW_MS), ST_PREAPPROVAL_USED_UP);
	world_make(&world);
	world.action.amount.micros++;
	assert_int_equal(use(&world, NOW_MS), ST_PREAPPROVAL_AMOUNT_EXCEEDED);
	world.action.amount.micros--;
	world.row.preapproval.amount_used.micros = 900 * MONEY_MICROS_PER_UNIT;
	assert_int_equal(use(&world, NOW_MS), ST_OK);
	world.row.preapproval.amount_used.micros++;
	assert_int_equal(use(&world, NOW_MS), ST_PREAPPROVAL_AMOUNT_EXCEEDED);
	world_make(&world);
	world.action.amount.micros = -1;
	assert_int_equal(use(&world, NOW_MS), ST_PREAPPROVAL_AMOUNT_EXCEEDED);
	world_make(&world);
	memcpy(world.action.amount.currency, "EUR", 4);
	assert_int_equal(use(&world, NOW_MS), ST_CURRENCY_MISMATCH);
}

/* [APR-3] [APR-6] */
static void the_signer_must_still_be_allowed_to(void **state)
{
	struct world world;

	(void)state;
	world_make(&world);
	world.signer.roles = APPROVER_BIT(APPROVAL_APPROVER_ROLE_AUDITOR);
	assert_int_equal(use(&world, NOW_MS), ST_PREAPPROVAL_SIGNER_LOST);
	world_make(&world);
	world.view.signer = NULL;
	assert_int_equal(use(&world, NOW_MS), ST_PREAPPROVAL_SIGNER_LOST);
	world_make(&world);
	world.agent.owner = STR("bob");
	assert_int_equal(use(&world, NOW_MS), ST_APPROVAL_OWN_AGENT);
	world_make(&world);
	world.action.on_behalf_of = STR("per_b");
	assert_int_equal(use(&world, NOW_MS), ST_APPROVAL_OWN_AGENT);
	world_make(&world);
	world.required.needed = 2;
	assert_int_equal(use(&world, NOW_MS), ST_APPROVAL_TERMS_WEAKER);
	world_make(&world);
	world.required.roles = APPROVER_BIT(APPROVAL_APPROVER_ROLE_STEWARD);
	assert_int_equal(use(&world, NOW_MS), ST_APPROVAL_TERMS_WEAKER);
}

static void a_revoked_one_and_a_terminated_agent_are_refused(void **state)
{
	struct world world;

	(void)state;
	world_make(&world);
	world.row.preapproval.has_revoked_at_ms = true;
	assert_int_equal(use(&world, NOW_MS), ST_PREAPPROVAL_REVOKED);
	assert_false(preapproval_usable(&world.row.preapproval, NOW_MS));
	world_make(&world);
	assert_true(preapproval_usable(&world.row.preapproval, NOW_MS));
	world.agent.state = REGISTRY_AGENT_STATE_TERMINATED;
	assert_int_equal(use(&world, NOW_MS), ST_APPROVAL_AGENT_ENDED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bounded_grant_is_taken),
		cmocka_unit_test(an_unbounded_grant_is_refused),
		cmocka_unit_test(patterns_at_their_limits_are_taken),
		cmocka_unit_test(a_grant_stays_within_the_limits),
		cmocka_unit_test(patterns_match_as_the_plainest_reading_does),
		cmocka_unit_test(a_resource_that_leads_out_is_never_covered),
		cmocka_unit_test(what_matches_is_covered),
		cmocka_unit_test(what_differs_is_not_covered),
		cmocka_unit_test(a_unit_covers_its_agents),
		cmocka_unit_test(its_bounds_hold),
		cmocka_unit_test(the_signer_must_still_be_allowed_to),
		cmocka_unit_test(a_revoked_one_and_a_terminated_agent_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
