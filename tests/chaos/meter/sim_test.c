/* sim_test.c: money under faults, from seeds; and the simulator itself under known mistakes.
 *
 * PIOPL_SEED is the first seed (one of the clock when it is not given); by hand: make sim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "services/meter/planted.h"
#include "tests/lib/load.h"
#include "tests/sim/sim.h"

#define SCENARIOS 40
#define SCENARIOS_FOUND_MAX 400 /* within which each mistake has to be found */

/* [MET-7] */
static void money_is_right_whatever_dies(void **state)
{
	struct sim_options options = { .scenarios = SCENARIOS,
				       .seed = chaos_seed("sim") % 1000000000 };
	struct sim_report report;
	int64_t fired = 0;

	(void)state;
	sim_run(&options, &report);
	sim_print(&report);
	for (int p = 0; p < FAULT_POINT_COUNT; p++)
		fired += report.fired[p];
	assert_int_equal(report.violations, 0);
	assert_int_equal(report.scenarios, SCENARIOS);
	/* it did something, and something was done to it */
	assert_true(report.sandboxes > SCENARIOS && report.minutes > SCENARIOS);
	assert_true(report.kills > 0 && report.pauses + fired > 0);
}

static void found(int mistake, uint64_t seed, const char *word)
{
	struct sim_options options = { .scenarios = SCENARIOS_FOUND_MAX,
				       .seed = seed,
				       .planted = mistake,
				       .until_found = true };
	struct sim_report report;

	sim_run(&options, &report);
	sim_print(&report);
	if (report.violations == 0)
		fail_msg("mistake %d is not found in %lld scenarios", mistake,
			 (long long)report.scenarios);
	if (!strstr(report.found, word))
		fail_msg("mistake %d is found as something else: %s", mistake, report.found);
}

/* [MET-7] */
static void a_charge_after_its_lease_is_found(void **state)
{
	(void)state;
	found(METER_PLANTED_CHARGE_AFTER_LEASE, 2001, "what was charged");
}

/* [MET-7] */
static void a_lost_stop_is_found(void **state)
{
	(void)state;
	found(METER_PLANTED_LOST_STOP, 1001, "nobody was told");
}

/* [MET-7] */
static void a_double_catch_up_is_found(void **state)
{
	(void)state;
	found(METER_PLANTED_DOUBLE_CATCH_UP, 3001, "what was charged");
}

/* [MET-7] */
static void a_floor_outside_the_lock_is_found(void **state)
{
	(void)state;
	found(METER_PLANTED_FLOOR_OUTSIDE_LOCK, 1001, "");
}

/* [MET-7] */
static void a_hold_that_is_kept_is_found(void **state)
{
	(void)state;
	found(METER_PLANTED_HOLD_KEPT, 1001, "never comes to its end");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(money_is_right_whatever_dies),
		cmocka_unit_test(a_charge_after_its_lease_is_found),
		cmocka_unit_test(a_lost_stop_is_found),
		cmocka_unit_test(a_double_catch_up_is_found),
		cmocka_unit_test(a_floor_outside_the_lock_is_found),
		cmocka_unit_test(a_hold_that_is_kept_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
