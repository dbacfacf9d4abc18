/* What a person approved in advance covers what it says and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "services/policy/preapproval.h"

#define POUNDS(n) ((n)*INT64_C(1000000))

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
		if (resource_pattern_matches(str_of(pattern), str_of(resource)) != expected)
			fail_msg("\"%s\" and \"%s\"", pattern, resource);
	}
	assert_true(matched > 1000);
}

static void a_resource_that_leads_out_is_never_covered(void **state)
{
	(void)state;
	assert_true(resource_pattern_matches(STR("files/**"), STR("files/a/b..c/...")));
	assert_false(resource_pattern_matches(STR("files/**"), STR("files/../secret")));
	assert_false(resource_pattern_matches(STR("files/**"), STR("files/a/..")));
}

struct world {
	struct preapproval given;
	struct agent agent;
	struct approval_action action;
	struct approvers wanted;
	bool money; /* the tool may move some */
};

static struct world world_make(void)
{
	return (struct world){
		.given = { .id = STR("pre_1"),
			   .number = 1,
			   .tool = STR("bank.transfer"),
			   .operation = APPROVAL_OPERATION_EXECUTE,
			   .resource = STR("accounts/**"),
			   .amount_max = { POUNDS(100), "GBP" },
			   .amount_left = POUNDS(1000),
			   .signer = { .person_id = STR("per_b"),
				       .name = STR("Bob"),
				       .email = STR("bob@css"),
				       .roles = APPROVER_BIT(APPROVAL_APPROVER_ROLE_APPROVER) } },
		.agent = { .number = 1, .owner = STR("andy@css"), .unit = STR("content.alpha") },
		.action = { .agent_id = STR("piopl_00001"),
			    .tool = STR("bank.transfer"),
			    .operation = APPROVAL_OPERATION_EXECUTE,
			    .resource = STR("accounts/7"),
			    .has_amount = true,
			    .amount = { POUNDS(100), "GBP" } },
		.wanted = { PREAPPROVERS, 1 },
	};
}

static bool covers(const struct world *w)
{
	return preapproval_covers(&w->given, &w->agent, &w->action, w->money, &w->wanted);
}

/* [APR-6] */
static void what_differs_is_not_covered(void **state)
{
	struct world w = world_make();

	(void)state;
	assert_true(covers(&w));
	w.agent.number = 2;
	assert_false(covers(&w));
	w = world_make();
	w.action.tool = STR("bank.transfers");
	assert_false(covers(&w));
	w = world_make();
	w.action.operation = APPROVAL_OPERATION_DELETE;
	assert_false(covers(&w));
	w = world_make();
	w.action.resource = STR("account/7");
	assert_false(covers(&w));
	w.action.resource = (struct str){ 0 };
	assert_false(covers(&w));
}

/* [APR-6] */
static void a_unit_covers_its_agents_and_no_others(void **state)
{
	struct world w = world_make();

	(void)state;
	w.given.number = 0;
	w.given.unit = STR("content");
	assert_true(covers(&w));
	w.given.unit = STR("content.alpha");
	assert_true(covers(&w));
	w.given.unit = STR("content.al");
	assert_false(covers(&w));
	w.given.unit = STR("content.alpha.one");
	assert_false(covers(&w));
}

/* [APR-6] One amount and all of them together, at the bound and one past. */
static void amounts_hold_to_the_last_millionth(void **state)
{
	struct world w = world_make();

	(void)state;
	w.action.amount.micros++;
	assert_false(covers(&w));
	w = world_make();
	w.given.amount_left = POUNDS(100);
	assert_true(covers(&w));
	w.given.amount_left--;
	assert_false(covers(&w));
	w = world_make();
	w.action.amount.micros = -1;
	assert_false(covers(&w));
	w = world_make();
	memcpy(w.action.amount.currency, "EUR", 4);
	assert_false(covers(&w));
	w.action.has_amount = false;
	assert_true(covers(&w));
	w.money = true;
	assert_false(covers(&w)); /* of an amount that is not said nobody knows the ceiling */
}

/* [APR-3] [APR-6] */
static void the_signer_must_still_be_allowed_to(void **state)
{
	static const struct str own[] = {
		{ "per_b", 5 }, { "human:per_b", 11 }, { "BOB", 3 }, { "Bob@css", 7 }
	};
	struct world w = world_make();

	(void)state;
	w.given.signer.roles = APPROVER_BIT(APPROVAL_APPROVER_ROLE_AUDITOR);
	w.wanted.roles = w.given.signer.roles;
	assert_false(covers(&w)); /* wanted or not, auditors approve nothing in advance */
	w = world_make();
	w.wanted.roles = APPROVER_BIT(APPROVAL_APPROVER_ROLE_STEWARD);
	assert_false(covers(&w));
	w = world_make();
	w.wanted.count = 2; /* one person is not two */
	assert_false(covers(&w));
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		w = world_make();
		w.agent.owner = own[i];
		assert_false(covers(&w));
		w = world_make();
		w.action.on_behalf_of = own[i];
		assert_false(covers(&w));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_as_the_plainest_reading_does),
		cmocka_unit_test(a_resource_that_leads_out_is_never_covered),
		cmocka_unit_test(what_differs_is_not_covered),
		cmocka_unit_test(a_unit_covers_its_agents_and_no_others),
		cmocka_unit_test(amounts_hold_to_the_last_millionth),
		cmocka_unit_test(the_signer_must_still_be_allowed_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
