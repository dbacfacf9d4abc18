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
		"SET search_path = meter; SELECT ledger_month_ensure(1000), "
		"ledger_month_ensure(3000000000);"
		"INSERT INTO transfer (id, at_ms, from_account, to_account, amount, kind)"
		" VALUES (1, 1000, 2, 4, 5, 3), (2, 1000, 4, 2, 5, 8), (4, 3000000000, 2, -1100, "
		"1, 7);"
		"INSERT INTO wallet (number, wallet_id, owner, currency, tier, created_ms, "
		"reserve, reserve_minutes) OVERRIDING SYSTEM VALUE VALUES (1, 'a', 'a', 1, 1, 0, "
		"0, 0), (2, 'b', 'b', 1, 1, 0, 5, 0), (3, 'c', 'c', 1, 1, 0, 0, 5);"
		"INSERT INTO account (id, part, currency, floor) SELECT 2 * i + k, i, 1, 0 FROM "
		"generate_series(1, 3) AS i, generate_series(0, 1) AS k;"
		"INSERT INTO transfer_note VALUES (1, 'lunch', NULL, 'ada'),"
		" (2, NULL, 1, 'bob')");
	migrated_with("000*");
	assert_string_equal(
		harness_sql_text(harness,
				 "SELECT string_agg(concat_ws(',', id, reference, said_by, "
				 "reverses), ' ' ORDER BY id) FROM meter.transfer"),
		"1,lunch,ada 2,bob,1 4");
	assert_string_equal(harness_sql_text(harness, "SELECT reversed || ',' || transfer FROM "
						      "meter.reversal"),
			    "1,2");
	/* the books are closed again */
	assert_int_equal(harness_sql_i64(harness,
					 "SELECT count(*) FROM pg_trigger WHERE tgrelid IN "
					 "('meter.transfer'::regclass, "
					 "'meter.transfer_197001'::regclass, "
					 "'meter.transfer_197002'::regclass) AND tgname = "
					 "'transfer_append_only' AND tgenabled = 'O'"),
			 3);
	assert_int_equal(harness_sql_i64(harness, "SELECT count(*) FROM meter.transfer_197001"), 2);
}

/* [WAL-2] reserves of before are kept, and whatever changes one says so where it is looked for */
static void reserves_are_seen_on_their_accounts(void **state)
{
	static const char kept[] = "SELECT string_agg(id::text, ' ' ORDER BY id) FROM "
				   "meter.account WHERE kept";

	(void)state;
	assert_string_equal(harness_sql_text(harness, kept), "4 6");
	harness_sql(harness, "UPDATE meter.wallet SET reserve = 0 WHERE number = 2;"
			     "UPDATE meter.wallet SET reserve = 1 WHERE number = 1");
	assert_string_equal(harness_sql_text(harness, kept), "2 6");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notes_move_into_their_transfers),
		cmocka_unit_test(reserves_are_seen_on_their_accounts),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
