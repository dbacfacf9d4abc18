/* ledger_test.c: when the file of a month may go again [WAL-4]. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/terminal/money.h"

/* [WAL-4] only the four by which the meter itself says that the month is still there */
static void only_a_refusal_of_the_cut_says_that_the_month_is_there(void **state)
{
	int refused = 0;

	(void)state;
	for (int st = ST_OK; st < ST_COUNT; st++)
		refused += ledger_cut_refused((enum st)st);
	assert_int_equal(refused, 4);
	assert_true(ledger_cut_refused(ST_LEDGER_RETAINED));
	assert_true(ledger_cut_refused(ST_LEDGER_NOT_OLDEST));
	assert_true(ledger_cut_refused(ST_LEDGER_EXPORT_DIFFERS));
	assert_true(ledger_cut_refused(ST_LEDGER_MONTH_UNKNOWN));
	/* refusals too, which come from this side, after the commit */
	assert_int_equal(st_info(ST_TOO_LARGE)->kind, ST_KIND_REFUSAL);
	assert_false(ledger_cut_refused(ST_TOO_LARGE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_refusal_of_the_cut_says_that_the_month_is_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
