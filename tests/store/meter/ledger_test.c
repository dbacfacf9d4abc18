/* ledger_test.c: wallets, deposits, withdrawals, transfers, reversals, statements, and what the
 * database itself refuses. */
#include "fixture.h"

#define USD(amount) "{\"amount\":\"" amount "\",\"currency\":\"USD\"}"

/* [WAL-1] [WAL-2] */
static void money_moves_between_wallets_and_the_books_balance(void **state)
{
	struct id a = wallet_made("ada"), b = wallet_made("bob");

	(void)state;
	deposited(a, "10.5");
	OK("wallet_transfer",
	   "{\"wallet_id\":\"%s\",\"to\":\"%s\",\"amount\":" USD("3.25") ",\"reference\":\"rent\"}",
	   a.text, b.text);
	const struct meter_posting_reply *answer = world.answer;
	assert_int_equal(answer->available.micros, 7250000);
	assert_true(str_is(answer->transfer.reference, "rent"));
	assert_true(str_is(answer->transfer.from_wallet, a.text));
	OK("wallet_withdraw", "{\"wallet_id\":\"%s\",\"amount\":" USD("0.25") "}", b.text);
	assert_int_equal(available(a), 7250000);
	assert_int_equal(available(b), 3000000);
	books_balance();
	assert_true(events("meter.transfer.posted") >= 3);
	assert_true(evidence("wallet.transfer", "success") >= 1);
}

/* [WAL-1] each its own code, the most that would pass, and nothing moved */
static void refusals_say_the_limit_and_move_nothing(void **state)
{
	struct id a = wallet_made("carl"), b = wallet_made("dora");

	(void)state;
	deposited(a, "2");
	int64_t transfers = sql_i64("SELECT count(*) FROM meter.transfer");
	REFUSED(ST_FUNDS_INSUFFICIENT, "/amount", "wallet_transfer",
		"{\"wallet_id\":\"%s\",\"to\":\"%s\",\"amount\":" USD("2.000001") "}", a.text,
		b.text);
	assert_string_equal(world.problem.hint, "at most 2 USD");
	REFUSED(ST_AMOUNT_NOT_POSITIVE, "/amount", "wallet_transfer",
		"{\"wallet_id\":\"%s\",\"to\":\"%s\",\"amount\":" USD("0") "}", a.text, b.text);
	REFUSED(ST_AMOUNT_NOT_POSITIVE, "/amount", "wallet_deposit",
		"{\"wallet_id\":\"%s\",\"amount\":" USD("-1") "}", a.text);
	REFUSED(ST_CURRENCY_MISMATCH, "/amount", "wallet_deposit",
		"{\"wallet_id\":\"%s\",\"amount\":{\"amount\":\"1\",\"currency\":\"EUR\"}}",
		a.text);
	REFUSED(ST_SAME_WALLET, "/to", "wallet_transfer",
		"{\"wallet_id\":\"%s\",\"to\":\"%s\",\"amount\":" USD("1") "}", a.text, a.text);
	REFUSED(ST_WALLET_UNKNOWN, "/to", "wallet_transfer",
		"{\"wallet_id\":\"%s\",\"to\":\"wal_00000000-0000-7000-8000-000000000000\","
		"\"amount\":" USD("1") "}",
		a.text);
	REFUSED(ST_WALLET_UNKNOWN, "/wallet_id", "wallet_show",
		"{\"wallet_id\":\"wal_00000000-0000-7000-8000-000000000000\"}");
	deposited(a, "9223372036852.775807"); /* up to what an int64 holds */
	REFUSED(ST_BALANCE_OVERFLOW, "/amount", "wallet_deposit",
		"{\"wallet_id\":\"%s\",\"amount\":" USD("0.000001") "}", a.text);
	assert_int_equal(available(a), INT64_MAX);
	assert_int_equal(sql_i64("SELECT count(*) FROM meter.transfer"), transfers + 1);
	OK("wallet_withdraw", "{\"wallet_id\":\"%s\",\"amount\":" USD("9223372036854.775807") "}",
	   a.text);
	assert_int_equal(available(a), 0);
	books_balance();
	assert_int_equal(evidence("wallet.deposit", "refused"), 3);
}

/* [WAL-2] */
static void the_reserve_stays(void **state)
{
	struct id a = wallet_made("eve"), b = wallet_made("fred");

	(void)state;
	deposited(a, "5");
	OK("wallet_set", "{\"wallet_id\":\"%s\",\"reserve\":" USD("3") "}", a.text);
	REFUSED(ST_RESERVE_PROTECTED, "/amount", "wallet_withdraw",
		"{\"wallet_id\":\"%s\",\"amount\":" USD("2.000001") "}", a.text);
	assert_string_equal(world.problem.hint, "at most 2 USD");
	REFUSED(ST_RESERVE_PROTECTED, "/amount", "wallet_transfer",
		"{\"wallet_id\":\"%s\",\"to\":\"%s\",\"amount\":" USD("2.5") "}", a.text, b.text);
	OK("wallet_withdraw", "{\"wallet_id\":\"%s\",\"amount\":" USD("2") "}", a.text);
	deposited(a, "1"); /* always */
	assert_int_equal(available(a), 4000000);
}

static enum st transferred(struct id from, struct id to, const char *amount)
{
	return call("wallet_transfer",
		    "{\"wallet_id\":\"%s\",\"to\":\"%s\",\"amount\":{\"amount\":\"%s\","
		    "\"currency\":\"USD\"}}",
		    from.text, to.text, amount);
}

/* [WAL-2] what is known of a wallet from before is none of what changes */
static void a_reserve_holds_for_wallets_that_are_known(void **state)
{
	struct id a = wallet_made("gus"), b = wallet_made("hal");

	(void)state;
	deposited(a, "5");
	assert_int_equal(transferred(a, b, "1"), ST_OK);
	OK("wallet_set", "{\"wallet_id\":\"%s\",\"reserve\":" USD("3") "}", a.text);
	assert_int_equal(transferred(a, b, "1.000001"), ST_RESERVE_PROTECTED);
	assert_int_equal(transferred(a, b, "1"), ST_OK);
	OK("wallet_set", "{\"wallet_id\":\"%s\",\"reserve\":" USD("0") "}", a.text);
	assert_int_equal(transferred(a, b, "3"), ST_OK);
	assert_int_equal(available(a), 0);
	/* minutes of what burns: nothing does */
	deposited(a, "1");
	OK("wallet_set", "{\"wallet_id\":\"%s\",\"reserve_minutes\":60}", a.text);
	assert_int_equal(transferred(a, b, "1"), ST_OK);
}

/* [WAL-2] of each wallet its own, and of a list whole or not at all */
static void a_list_stops_at_the_reserve_of_any(void **state)
{
	struct id a = wallet_made("kim"), b = wallet_made("lea"), c = wallet_made("max");

	(void)state;
	deposited(a, "5");
	deposited(b, "5");
	OK("wallet_set", "{\"wallet_id\":\"%s\",\"reserve\":" USD("1") "}", a.text);
	OK("wallet_set", "{\"wallet_id\":\"%s\",\"reserve\":" USD("3") "}", b.text);
#define MOVE "{\"wallet_id\":\"%s\",\"to\":\"%s\",\"amount\":"
	REFUSED(ST_RESERVE_PROTECTED, "/transfers/1/amount", "wallet_transfer_batch",
		"{\"transfers\":[" MOVE USD("4") "}," MOVE USD("2.5") "}]}", a.text, c.text, b.text,
		c.text);
	REFUSED(ST_RESERVE_PROTECTED, "/transfers/2/amount", "wallet_transfer_batch",
		"{\"transfers\":[" MOVE USD("2") "}," MOVE USD("2") "}," MOVE USD("0.5") "}]}",
		a.text, c.text, b.text, c.text, b.text, c.text);
	assert_int_equal(available(c), 0);
	OK("wallet_transfer_batch", "{\"transfers\":[" MOVE USD("4") "}," MOVE USD("2") "}]}",
	   a.text, c.text, b.text, c.text);
#undef MOVE
	assert_int_equal(available(c), 6000000);
	books_balance();
}

/* [WAL-2] */
static void minutes_of_what_burns_stay(void **state)
{
	struct id a = wallet_made("ned"), b = wallet_made("ola");

	(void)state;
	deposited(a, "1");
	began(admitted(job_made(a, ""), ""));
	OK("wallet_show", "{\"wallet_id\":\"%s\"}", a.text);
	int64_t burn =
		((const struct meter_wallet_reply *)world.answer)->wallet.burn_per_minute.micros;
	assert_true(burn > 0 && burn * 60 < available(a));
	OK("wallet_set", "{\"wallet_id\":\"%s\",\"reserve_minutes\":60}", a.text);
	char most[MONEY_TEXT_SIZE];
	(void)micros_print(available(a) - burn * 60 + 1, most);
	assert_int_equal(transferred(a, b, most), ST_RESERVE_PROTECTED);
	REFUSED(ST_RESERVE_PROTECTED, "/amount", "wallet_withdraw",
		"{\"wallet_id\":\"%s\",\"amount\":{\"amount\":\"%s\",\"currency\":\"USD\"}}",
		a.text, most);
	(void)micros_print(available(a) - burn * 60, most);
	assert_int_equal(transferred(a, b, most), ST_OK);
}

/* A database that was put back in time may have other wallets: nothing is known on a new
 * connection. */
static void what_is_known_goes_with_the_connection(void **state)
{
	struct id a = wallet_made("ida"), b = wallet_made("jim");
	struct known_wallet known;

	(void)state;
	deposited(a, "2");
	assert_int_equal(transferred(a, b, "1"), ST_OK);
	assert_true(known_find(&world.meter.known, str_of(a.text), &known));
	assert_int_equal(known.number, sql_i64("SELECT max(number) - 1 FROM meter.wallet"));
	harness_sql(world.harness, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
				   "usename = 'meter'");
	(void)call("wallet_show", "{\"wallet_id\":\"%s\"}", a.text); /* it is lost here */
	deposited(a, "1");
	assert_false(known_find(&world.meter.known, str_of(a.text), &known));
	assert_int_equal(transferred(a, b, "1"), ST_OK);
	assert_true(known_find(&world.meter.known, str_of(a.text), &known));
}

/* [WAL-1] corrections are reversals */
static void a_transfer_is_reversed_once(void **state)
{
	struct id a = wallet_made("gus"), b = wallet_made("hal");
	const struct meter_posting_reply *answer;

	(void)state;
	deposited(a, "5");
	OK("wallet_transfer", "{\"wallet_id\":\"%s\",\"to\":\"%s\",\"amount\":" USD("4") "}",
	   a.text, b.text);
	answer = world.answer;
	struct id transfer = id_of(answer->transfer.transfer_id);
	OK("transfer_reverse", "{\"transfer_id\":\"%s\",\"reference\":\"wrong wallet\"}",
	   transfer.text);
	answer = world.answer;
	struct id reversal = id_of(answer->transfer.transfer_id);
	assert_true(str_is(answer->transfer.reverses, transfer.text));
	assert_int_equal(available(a), 5000000);
	REFUSED(ST_TRANSFER_REVERSED, "/transfer_id", "transfer_reverse",
		"{\"transfer_id\":\"%s\",\"reference\":\"again\"}", transfer.text);
	REFUSED(ST_TRANSFER_NOT_REVERSIBLE, "/transfer_id", "transfer_reverse",
		"{\"transfer_id\":\"%s\",\"reference\":\"back\"}", reversal.text);
	REFUSED(ST_TRANSFER_UNKNOWN, "/transfer_id", "transfer_reverse",
		"{\"transfer_id\":\"trf_999999999\",\"reference\":\"none\"}");
	books_balance();
}

/* [WAL-1] the money to take back may be gone: then nothing happens */
static void a_reversal_never_overdraws(void **state)
{
	struct id a = wallet_made("ida"), b = wallet_made("jon");

	(void)state;
	deposited(a, "5");
	OK("wallet_transfer", "{\"wallet_id\":\"%s\",\"to\":\"%s\",\"amount\":" USD("4") "}",
	   a.text, b.text);
	struct id transfer =
		id_of(((const struct meter_posting_reply *)world.answer)->transfer.transfer_id);
	OK("wallet_withdraw", "{\"wallet_id\":\"%s\",\"amount\":" USD("1") "}", b.text);
	REFUSED(ST_FUNDS_INSUFFICIENT, "/amount", "transfer_reverse",
		"{\"transfer_id\":\"%s\",\"reference\":\"late\"}", transfer.text);
	assert_int_equal(available(b), 3000000);
	books_balance();
}

/* [WAL-1] all or nothing, in order */
static void a_batch_is_all_or_nothing(void **state)
{
	struct id a = wallet_made("kim"), b = wallet_made("leo"), c = wallet_made("mia");
#define MOVE(amount)                                                                               \
	"{\"wallet_id\":\"%s\",\"to\":\"%s\",\"amount\":{\"amount\":\"" amount                     \
	"\",\"currency\":\"USD\"}}"

	(void)state;
	deposited(a, "1");
	/* b can pay only because a paid it before */
	OK("wallet_transfer_batch", "{\"transfers\":[" MOVE("1") "," MOVE("0.75") "]}", a.text,
	   b.text, b.text, c.text);
	assert_int_equal(available(b), 250000);
	REFUSED(ST_FUNDS_INSUFFICIENT, "/transfers/1/amount", "wallet_transfer_batch",
		"{\"transfers\":[" MOVE("0.2") "," MOVE("0.06") "]}", b.text, a.text, b.text,
		c.text);
	assert_int_equal(available(b), 250000);
	assert_int_equal(available(c), 750000);
	books_balance();
}

/* [WAL-4] */
static void a_statement_adds_up(void **state)
{
	struct id a = wallet_made("ned"), b = wallet_made("ola");
	int64_t balance = 0, at_ms[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		world.now_ms += 60000;
		at_ms[i] = world.now_ms;
		deposited(a, "1.5");
		OK("wallet_transfer",
		   "{\"wallet_id\":\"%s\",\"to\":\"%s\",\"amount\":" USD("0.5") "}", a.text,
		   b.text);
	}
	OK("wallet_statement", "{\"wallet_id\":\"%s\",\"limit\":4}", a.text);
	const struct meter_wallet_statement_reply *page = world.answer;
	assert_int_equal(page->entries.count, 4);
	assert_int_equal(page->opening.micros, 0);
	for (size_t i = 0; i < page->entries.count; i++) {
		balance += page->entries.items[i].amount.micros;
		assert_int_equal(page->entries.items[i].balance.micros, balance);
	}
	struct id next = id_of(page->next);
	OK("wallet_statement", "{\"wallet_id\":\"%s\",\"limit\":4,\"after\":\"%s\"}", a.text,
	   next.text);
	page = world.answer;
	assert_int_equal(page->entries.count, 2);
	assert_int_equal(page->opening.micros, balance);
	assert_null(page->next.data);
	char time[TIME_TEXT_SIZE];
	for (int i = 0; i < 3; i++) {
		time_format(at_ms[i], time);
		OK("wallet_balance", "{\"wallet_id\":\"%s\",\"at\":\"%s\"}", a.text, time);
		assert_int_equal(
			((const struct meter_wallet_balance_reply *)world.answer)->available.micros,
			1000000 * (i + 1));
		time_format(at_ms[i] - 1, time);
		OK("wallet_balance", "{\"wallet_id\":\"%s\",\"at\":\"%s\"}", a.text, time);
		assert_int_equal(
			((const struct meter_wallet_balance_reply *)world.answer)->available.micros,
			1000000 * i);
	}
}

static bool refused_by_database(const char *sql)
{
	static const struct db_statement *const tables[] = { svc_statements };
	struct db_statement statement = { "outsider", sql, "", "" };
	const struct db_statement table[] = { statement, { .name = NULL } };
	struct problem problem = { 0 };
	struct db_tx *tx;

	(void)tables;
	const struct db_statement *const own[] = { table };
	struct db *db = harness_db_open(world.harness, "meter", own, 1);
	if (db_ready(db, &problem) != ST_OK)
		fail_msg("%s: %s", sql, problem.detail);
	assert_int_equal(db_begin(db, &tx, &problem), ST_OK);
	enum st st = db_write0(tx, &table[0], DB_ANY_ROWS, ST_INTERNAL);
	if (st == ST_OK)
		st = db_check(tx);
	db_rollback(tx);
	db_close(db);
	return st != ST_OK;
}

/* [WAL-1] by privileges, and below them by triggers and constraints */
static void the_database_itself_keeps_the_books(void **state)
{
	struct id a = wallet_made("pia");

	(void)state;
	deposited(a, "1");
	assert_true(refused_by_database("UPDATE transfer SET amount = amount + 1"));
	assert_true(refused_by_database("DELETE FROM transfer"));
	assert_true(refused_by_database("UPDATE reversal SET transfer = 1"));
	assert_true(refused_by_database("DELETE FROM account"));
	assert_true(refused_by_database("DELETE FROM activity"));
	assert_true(refused_by_database("UPDATE price_table SET cpu = 0"));
	assert_true(refused_by_database("UPDATE account SET balance = -1 WHERE id > 0"));
	assert_true(refused_by_database("DELETE FROM transfer_202601"));
	assert_true(refused_by_database("DELETE FROM reversal"));
	assert_true(sql_i64("SELECT count(*) FROM meter.reversal") > 0);
	assert_true(refused_by_database("INSERT INTO reversal SELECT reversed, transfer + 1 FROM "
					"reversal"));
	assert_true(refused_by_database("UPDATE opening SET balance = 0"));
	assert_true(refused_by_database("DELETE FROM ledger_cut"));
	assert_false(refused_by_database("UPDATE wallet SET title = title"));
	/* the owner is refused by the trigger */
	assert_int_equal(sql_i64("SELECT count(*) FROM pg_trigger WHERE tgname LIKE "
				 "'%%append_only' AND NOT tgisinternal"),
			 sql_i64("SELECT 6 + count(*) FROM pg_class WHERE relname ~ "
				 "'^transfer_[0-9]{6}$'"));
}

/* [WAL-4] a book that was altered behind our back is found */
static void the_audit_finds_what_does_not_add_up(void **state)
{
	struct id a = wallet_made("quin");

	(void)state;
	deposited(a, "1");
	books_balance();
	harness_sql(world.harness,
		    "UPDATE meter.account SET balance = balance + 7 WHERE id = (SELECT max(number) "
		    "* 2 FROM meter.wallet)");
	OK("wallet_audit", "{}");
	const struct meter_wallet_audit_reply *audit = world.answer;
	assert_false(audit->balanced);
	assert_int_equal(audit->faults.count, 1);
	assert_int_equal(audit->faults.items[0].rule,
			 METER_AUDIT_FAULT_RULE_BALANCE_IS_SUM_OF_ENTRIES);
	assert_int_equal(audit->faults.items[0].found, audit->faults.items[0].expected + 7);
	harness_sql(world.harness,
		    "UPDATE meter.account SET balance = balance - 7 WHERE id = (SELECT max(number) "
		    "* 2 FROM meter.wallet)");
	books_balance();
}

/* [WAL-4] page by page it finds what the whole finds, and counts every transfer once */
static void the_audit_goes_by_page(void **state)
{
	OK("wallet_audit", "{}");
	struct meter_wallet_audit_reply whole =
		*(const struct meter_wallet_audit_reply *)world.answer;
	int64_t wallets = sql_i64("SELECT count(*) FROM meter.wallet");
	int64_t victim = sql_i64("SELECT max(number) / 2 FROM meter.wallet");

	(void)state;
	assert_true(wallets >= 12);
	for (int64_t size = 1; size <= wallets + 1; size += 3) {
		int64_t accounts = 0, transfers = 0, after = 0, pages = 0, found = 0;
		harness_sql(world.harness,
			    size == 4 ? "UPDATE meter.account SET balance = balance + 7 "
					"WHERE id = (SELECT max(number) / 2 * 2 FROM "
					"meter.wallet)"
				      : "SELECT 1");
		bool more = true;
		while (more) {
			OK("wallet_audit", "{\"wallets\":%lld,\"after\":\"%lld\"}", (long long)size,
			   (long long)after);
			const struct meter_wallet_audit_reply *page = world.answer;
			assert_int_equal(page->currencies.count > 0, after == 0);
			accounts += page->accounts;
			transfers += page->transfers;
			for (size_t i = 0; i < page->faults.count; i++)
				assert_int_equal(page->faults.items[i].account, 2 * victim);
			found += (int64_t)page->faults.count;
			more = page->has_next;
			assert_true(!more || page->next > after);
			after = page->next;
			pages++;
		}
		assert_int_equal(accounts, 2 * wallets);
		assert_int_equal(transfers, whole.transfers);
		assert_int_equal(pages, wallets / size + 1);
		assert_int_equal(found, size >= 4);
	}
	harness_sql(world.harness, "UPDATE meter.account SET balance = balance - 7 WHERE id = "
				   "(SELECT max(number) / 2 * 2 FROM meter.wallet)");
	books_balance();
}

/* [WAL-4] what is moved between accounts of the installation leaves every wallet and the sum over
 * all as they were, and is found; windows end where numbers may still be under way */
static void the_audit_of_the_own_accounts_goes_by_number(void **state)
{
	int64_t windows;

	(void)state;
	sql_i64("SELECT setval('meter.transfer_number', %d + 250)", AUDIT_NUMBERS_LATE);
	deposited(wallet_made("vera"), "2"); /* number 251 past it */
	assert_int_equal(own_faults(1, &windows), 0);
	assert_int_equal(windows, 252);
	assert_int_equal(own_faults(251, &windows), 0);
	assert_int_equal(windows, 2);
	assert_int_equal(own_faults(252, &windows), 0);
	assert_int_equal(windows, 1);
	harness_sql(world.harness,
		    "UPDATE meter.account SET balance = balance + id * 2 + 2001 WHERE "
		    "id IN (-1000, -1001)");
	OK("wallet_audit", "{\"wallets\":10000}");
	assert_true(((const struct meter_wallet_audit_reply *)world.answer)->balanced);
	assert_int_equal(own_faults(100, &windows), 2);
	harness_sql(world.harness,
		    "UPDATE meter.account SET balance = balance - id * 2 - 2001 WHERE "
		    "id IN (-1000, -1001)");
	books_balance();
}

static void an_audit_is_asked_for_one_thing(void **state)
{
	struct id a = wallet_made("walt");

	(void)state;
	REFUSED(ST_MESSAGE_INVALID, "/wallets", "wallet_audit",
		"{\"wallet_id\":\"%s\",\"wallets\":1}", a.text);
	REFUSED(ST_MESSAGE_INVALID, "/numbers", "wallet_audit",
		"{\"wallet_id\":\"%s\",\"numbers\":1}", a.text);
	REFUSED(ST_MESSAGE_INVALID, "/numbers", "wallet_audit", "{\"wallets\":1,\"numbers\":1}");
	REFUSED(ST_MESSAGE_INVALID, "/after", "wallet_audit", "{\"after\":\"1\"}");
	assert_int_not_equal(call("wallet_audit", "{\"numbers\":0}"), ST_OK);
	assert_int_not_equal(call("wallet_audit", "{\"numbers\":1000000001}"), ST_OK);
}

/* [WAL-4] a page reads what was captured of its wallets alone, however many holds there are */
static void a_page_of_the_audit_reads_no_other_hold(void **state)
{
	char sql[4096];

	(void)state;
	snprintf(sql, sizeof(sql),
		 "SET search_path = meter; SET enable_seqscan = off; SET plan_cache_mode = "
		 "force_generic_plan; PREPARE page (bigint, bigint) AS %s; EXPLAIN (FORMAT JSON, "
		 "COSTS off) EXECUTE page(0, 5)",
		 meter_statements[MTR_AUDIT_CHARGES_PAGE].sql);
	assert_non_null(strstr(harness_sql_text(world.harness, sql), "\"hold_captured\""));
}

static void wallets_are_listed_by_owner(void **state)
{
	(void)state;
	OK("wallet_create", "{\"owner\":\"rosa\",\"currency\":\"USD\",\"tier\":2}");
	assert_int_equal(((const struct meter_wallet_reply *)world.answer)->wallet.caps.sandboxes,
			 1024);
	REFUSED(ST_WALLET_EXISTS, "/owner", "wallet_create",
		"{\"owner\":\"rosa\",\"currency\":\"USD\"}");
	REFUSED(ST_CURRENCY_UNKNOWN, "/currency", "wallet_create",
		"{\"owner\":\"rosa\",\"currency\":\"XAU\"}");
	OK("wallet_create", "{\"owner\":\"rosa\",\"currency\":\"EUR\"}");
	OK("wallet_list", "{\"owner\":\"rosa\"}");
	assert_int_equal(((const struct meter_wallet_list_reply *)world.answer)->wallets.count, 2);
}

/* Months come and go by the clock; an account's own times never go back. */
static void the_clock_may_jump(void **state)
{
	struct id a = wallet_made("sam");

	(void)state;
	deposited(a, "1");
	world.now_ms += INT64_C(100) * 86400000;
	deposited(a, "1");
	world.now_ms -= 5000; /* another worker's clock */
	deposited(a, "1");
	OK("wallet_statement", "{\"wallet_id\":\"%s\"}", a.text);
	const struct meter_wallet_statement_reply *page = world.answer;
	assert_int_equal(page->entries.count, 3);
	assert_int_equal(page->entries.items[2].at_ms, page->entries.items[1].at_ms);
	assert_int_equal(page->entries.items[2].balance.micros, 3000000);
	books_balance();
}

static int start(void **state)
{
	(void)state;
	world_start();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	world_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(money_moves_between_wallets_and_the_books_balance),
		cmocka_unit_test(refusals_say_the_limit_and_move_nothing),
		cmocka_unit_test(the_reserve_stays),
		cmocka_unit_test(a_reserve_holds_for_wallets_that_are_known),
		cmocka_unit_test(a_list_stops_at_the_reserve_of_any),
		cmocka_unit_test(minutes_of_what_burns_stay),
		cmocka_unit_test(what_is_known_goes_with_the_connection),
		cmocka_unit_test(a_transfer_is_reversed_once),
		cmocka_unit_test(a_reversal_never_overdraws),
		cmocka_unit_test(a_batch_is_all_or_nothing),
		cmocka_unit_test(a_statement_adds_up),
		cmocka_unit_test(the_database_itself_keeps_the_books),
		cmocka_unit_test(the_audit_finds_what_does_not_add_up),
		cmocka_unit_test(the_audit_goes_by_page),
		cmocka_unit_test(the_audit_of_the_own_accounts_goes_by_number),
		cmocka_unit_test(an_audit_is_asked_for_one_thing),
		cmocka_unit_test(a_page_of_the_audit_reads_no_other_hold),
		cmocka_unit_test(wallets_are_listed_by_owner),
		cmocka_unit_test(the_clock_may_jump),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
