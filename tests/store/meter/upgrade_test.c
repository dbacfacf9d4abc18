/* upgrade_test.c: an installation with money in it gets the migrations that came later. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/harness.h"

static struct harness *harness;
static char folder[160];

static int start(void **state)
{
	(void)state;
	harness = harness_start(.postgres = true);
	snprintf(folder, sizeof(folder), "%s/migrations", harness_folder(harness));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	harness_stop(harness);
	return 0;
}

/* Migrates the meter with the files whose names begin so. */
static void migrated_with(const char *names)
{
	static const char *const services[] = { "meter", NULL };
	char command[600];

	snprintf(command, sizeof(command),
		 "mkdir -p %s/meter && cp -r migrations/library %s/ && cp migrations/meter/%s "
		 "%s/meter/",
		 folder, folder, names, folder);
	assert_int_equal(system(command), 0);
	harness_migrate_from(harness, folder, services);
}

/* [WAL-1] what was said of a transfer before stands in it, and what was reversed stays reversed */
static void notes_move_into_their_transfers(void **state)
{
	(void)state;
	migrated_with("000[12]_*");
	harness_sql(
		harness,
		"SET search_path = meter; SELECT ledger_month_ensure(1000);"
		"INSERT INTO transfer (id, at_ms, from_account, to_account, amount, kind)"
		" VALUES (1, 1000, 2, 4, 5, 3), (2, 1000, 4, 2, 5, 8), (3, 1000, 2, -1100, 1, 7);"
		"INSERT INTO transfer_note VALUES (1, 'lunch', NULL, 'ada'),"
		" (2, NULL, 1, 'bob')");
	migrated_with("000*");
	assert_string_equal(
		harness_sql_text(harness,
				 "SELECT string_agg(concat_ws(',', id, reference, said_by, "
				 "reverses), ' ' ORDER BY id) FROM meter.transfer"),
		"1,lunch,ada 2,bob,1 3");
	assert_string_equal(harness_sql_text(harness, "SELECT reversed || ',' || transfer FROM "
						      "meter.reversal"),
			    "1,2");
	/* the books are closed again */
	assert_int_equal(harness_sql_i64(harness,
					 "SELECT count(*) FROM pg_trigger WHERE tgrelid IN "
					 "('meter.transfer'::regclass, "
					 "'meter.transfer_197001'::regclass) AND tgname = "
					 "'transfer_append_only' AND tgenabled = 'O'"),
			 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notes_move_into_their_transfers),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
