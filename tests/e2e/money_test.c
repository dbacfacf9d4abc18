/* money_test.c: money as people meet it: a wallet, holds, the proof, and months of the ledger that
 * go into files. The tests run in order, on one installation whose clock can be moved. */
#include <time.h>

#include "clock.h"
#include "shell.h"

#define UP_MS_MAX 180000
#define MONTH_LEFT_MS 3600000

static bool stands;
static char wallet[64];

static int needs_the_system(void **state)
{
	(void)state;
	return stands ? 0 : -1;
}

/* The first word of that kind in what was said. */
static const char *word(const char *start)
{
	static char text[128];
	const char *at = strstr(output, start);

	if (!at)
		fail_msg("no \"%s...\" in:\n%s", start, output);
	size_t size = strspn(at, "abcdefghijklmnopqrstuvwxyz_0123456789-:");
	if (at[size - 1] == ':')
		size--;
	snprintf(text, sizeof(text), "%.*s", (int)size, at);
	return text;
}

static int month_in(int64_t ms)
{
	time_t at = (time_t)((clock_now_ms() + ms) / 1000);
	struct tm tm;

	return gmtime_r(&at, &tm)->tm_mon;
}

/* What is written here and by the demonstration, which moves the clock by minutes, is of one month:
 * when one is about to end, the installation begins with the next. */
static void clock_within_month(void)
{
	char path[128];

	if (month_in(0) == month_in(MONTH_LEFT_MS))
		return;
	must(0, run("mkdir -m 700 $PIOPL_DATA"));
	snprintf(path, sizeof(path), "%s/data/clock", folder);
	assert_int_equal(clock_open(path, true), ST_OK);
	assert_int_equal(clock_advance(MONTH_LEFT_MS), ST_OK);
	clock_close();
}

static void a_wallet_is_made_and_filled(void **state)
{
	int64_t start_ms = harness_now_ms();

	(void)state;
	clock_within_month();
	must(0, run("export PIOPL_METER_RETENTION_MONTHS=1; piopl up --dev"));
	assert_true(harness_now_ms() - start_ms < UP_MS_MAX);
	stands = true;
	must(0, run("piopl wallet create mira"));
	snprintf(wallet, sizeof(wallet), "%s", word("wal_"));
	must(0, run("piopl wallet deposit %s 25 --reference =formula", wallet));
}

/* [WAL-3] */
static void a_hold_is_captured_in_part_or_released(void **state)
{
	char hold[64];

	(void)state;
	must(0, run("piopl wallet hold %s 3 --ttl 1h --reference room", wallet));
	says("3 USD, active until ");
	snprintf(hold, sizeof(hold), "%s", word("hld_"));
	must(1, run("piopl wallet capture %s --amount 3.000001", hold));
	says("(capture_above_hold)");
	must(0, run("piopl wallet capture %s --amount 2", hold));
	says("3 USD, captured, 2 USD of it");
	must(1, run("piopl wallet release %s", hold));
	says("(hold_closed)");
	must(0, run("piopl wallet hold %s 23", wallet));
	snprintf(hold, sizeof(hold), "%s", word("hld_"));
	must(1, run("piopl wallet hold %s 0.000001", wallet));
	says("at most 0 USD");
	must(0, run("piopl wallet release %s", hold));
	says("23 USD, released");
	must(0, run("piopl wallet balance %s", wallet));
	says("available 23 USD, held 0 USD");
}

/* Behind the back of the system, by who owns its database: from one account of the installation to
 * another. */
static void own_accounts_altered(int amount)
{
	must(0,
	     run("PGPASSFILE=$PIOPL_DATA/keys/pg/postgres.pass psql -qX -h $PIOPL_DATA/run/pg -p "
		 "5432 -U postgres -d piopl -c \"UPDATE meter.account SET balance = "
		 "balance + (id * 2 + 2001) * %d WHERE id IN (-1000, -1001)\"",
		 amount));
}

/* [WAL-4] */
static void a_month_goes_into_a_file_and_the_books_still_balance(void **state)
{
	char digest[128], month[16];

	(void)state;
	must(0, run("piopl clock show"));
	snprintf(month, sizeof(month), "%.7s", output);
	must(0, run("piopl ledger export %s --output month.csv && grep -c . month.csv", month));
	must(0, run("grep -q ',25000000,.*\"room\\|,3000000,.*\"room\"' month.csv"));
	must(0, run("grep -q \"\\\"'=formula\\\"\" month.csv")); /* no spreadsheet runs it */
	must(2, run("piopl ledger export %s --output month.csv", month));
	says("File exists");
	must(1, run("piopl ledger cut %s --output early.csv --yes", month));
	says("(ledger_retained)");
	must(0, run("test ! -e early.csv"));
	must(1, run("piopl ledger cut 2019-01 --output early.csv --yes"));
	says("(ledger_month_unknown)");
	must(0, run("test ! -e early.csv"));
	must(0, run("piopl clock advance 70d"));
	must(0, run("piopl wallet deposit %s 1", wallet));
	must(0, run("piopl ledger list"));
	says("due");
	must(0, run("piopl ledger cut %s --output cut.csv --yes", month));
	snprintf(digest, sizeof(digest), "%s", word("sha256:"));
	must(0, run("test sha256:$(sha256sum cut.csv | cut -d' ' -f1) = %s", digest));
	must(0, run("piopl ledger list"));
	says(digest);
	must(0, run("piopl ledger list --json | grep -q '\"by\": *\"per_'"));
	must(0, run("piopl wallet audit"));
	says("the books balance");
	own_accounts_altered(1);
	must(1, run("piopl wallet audit"));
	says("account -1000: balance_is_sum_of_entries broken");
	says("account -1001: balance_is_sum_of_entries broken");
	says("NOT in balance");
	own_accounts_altered(-1);
	must(0, run("piopl wallet audit"));
	must(0, run("piopl wallet balance %s", wallet));
	says("available 24 USD");
	must(1, run("piopl wallet balance %s --at 2026-01-01T00:00:00Z", wallet));
	says("the ledger begins at ");
	must(1, run("piopl wallet reverse trf_1 --reason odd"));
	says("(ledger_cut)");
	must(0, run("piopl audit query --type ledger.cut"));
	says("refused");
	says("success");
}

#define TEST(name) cmocka_unit_test_setup(name, needs_the_system)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wallet_is_made_and_filled),
		TEST(a_hold_is_captured_in_part_or_released),
		TEST(a_month_goes_into_a_file_and_the_books_still_balance),
	};

	return cmocka_run_group_tests_name("money", tests, shell_start, shell_stop);
}
