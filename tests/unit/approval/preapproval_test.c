/* Approvals in advance: bounded in every way. */
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

static void one_that_ended_is_not_usable(void **state)
{
	struct approval_preapproval given = { .uses_max = 2, .valid_until_ms = NOW_MS };

	(void)state;
	assert_true(preapproval_usable(&given, NOW_MS - 1));
	assert_false(preapproval_usable(&given, NOW_MS));
	given.uses = 1;
	assert_true(preapproval_usable(&given, NOW_MS - 1));
	given.uses = 2;
	assert_false(preapproval_usable(&given, NOW_MS - 1));
	given.uses = 0;
	given.has_revoked_at_ms = true;
	assert_false(preapproval_usable(&given, NOW_MS - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bounded_grant_is_taken),
		cmocka_unit_test(an_unbounded_grant_is_refused),
		cmocka_unit_test(patterns_at_their_limits_are_taken),
		cmocka_unit_test(a_grant_stays_within_the_limits),
		cmocka_unit_test(one_that_ended_is_not_usable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
