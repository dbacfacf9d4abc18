/* retention_test.c: months of the ledger are exported and cut, the oldest first and only past the
 * retention. What is said of any time after a cut is what was said before it; what is asked about
 * the time before is refused with where the books begin. */
#include <postgresql/libpq-fe.h>
#include <time.h>

#include "fixture.h"

#define USD(amount) "{\"amount\":\"" amount "\",\"currency\":\"USD\"}"
#define FEBRUARY_MS INT64_C(1769904000000)
#define MARCH_MS INT64_C(1772323200000)
#define APRIL_MS INT64_C(1775001600000)
#define MAY_MS INT64_C(1777593600000)
#define FILE_DIGEST "sha256:00000000000000000000000000000000000000000000000000000000000000ff"
#define TIMES 6

static struct id first, second, transferred, spanning, early;
static PGconn *owner;

/* -- what is said -- */

struct said {
	int64_t available[2][TIMES], held[2][TIMES];
	int64_t opening[2];
	size_t entries[2];
	int64_t sums[2], last_balance[2];
	int64_t minutes, cost;
};

static const char *time_text(int64_t ms)
{
	static char texts[4][TIME_TEXT_SIZE];
	static int next;
	char *text = texts[next++ % 4];

	time_format(ms, text);
	return text;
}

static void balances_read(struct said *ret, int64_t from_ms)
{
	const struct id *ids[] = { &first, &second };

	for (int w = 0; w < 2; w++)
		for (int i = 0; i < TIMES; i++) {
			OK("wallet_balance", "{\"wallet_id\":\"%s\",\"at\":\"%s\"}", ids[w]->text,
			   time_text(from_ms - 1 + i * INT64_C(300000)));
			const struct meter_wallet_balance_reply *r = world.answer;
			ret->available[w][i] = r->available.micros;
			ret->held[w][i] = r->held.micros;
		}
}

static void statements_read(struct said *ret, int64_t from_ms)
{
	const struct id *ids[] = { &first, &second };

	for (int w = 0; w < 2; w++) {
		OK("wallet_statement", "{\"wallet_id\":\"%s\",\"from\":\"%s\",\"limit\":500}",
		   ids[w]->text, time_text(from_ms));
		const struct meter_wallet_statement_reply *r = world.answer;
		ret->opening[w] = r->opening.micros;
		ret->entries[w] = r->entries.count;
		for (size_t i = 0; i < r->entries.count; i++) {
			ret->sums[w] += r->entries.items[i].amount.micros;
			ret->last_balance[w] = r->entries.items[i].balance.micros;
			assert_int_equal(ret->opening[w] + ret->sums[w], ret->last_balance[w]);
		}
	}
}

/* All that is said of the time from `from_ms` on. */
static struct said said_since(int64_t from_ms)
{
	struct said said = { 0 };

	balances_read(&said, from_ms);
	statements_read(&said, from_ms);
	OK("usage_read", "{\"wallet_id\":\"%s\",\"from\":\"%s\",\"to\":\"%s\"}", first.text,
	   time_text(from_ms), time_text(world.now_ms + 7200000));
	const struct meter_usage_read_reply *usage = world.answer;
	said.minutes = usage->total_minutes;
	said.cost = usage->total_cost.micros;
	return said;
}

/* -- acts -- */

/* Reads a month out as an exporter does; how many transfers there were. */
static int64_t exported(const char *month, int64_t *ret_last, int64_t *ret_amount)
{
	OK("ledger_month", "{\"month\":\"%s\"}", month);
	struct meter_ledger_month_reply extent =
		*(const struct meter_ledger_month_reply *)world.answer;
	int64_t count = 0, last = extent.last, next = extent.first;

	*ret_amount = 0;
	while (next <= last) {
		OK("ledger_export", "{\"month\":\"%s\",\"from\":\"%lld\"}", month, (long long)next);
		const struct meter_ledger_export_reply *page = world.answer;
		for (size_t i = 0; i < page->rows.count; i++) {
			assert_true(page->rows.items[i].number >= next);
			*ret_amount += page->rows.items[i].amount;
			count++;
		}
		assert_true(page->next > next);
		next = page->next;
	}
	*ret_last = last;
	assert_int_equal(count, extent.transfers);
	return count;
}

static enum st cut(const char *month, int64_t transfers, int64_t last)
{
	return call("ledger_cut",
		    "{\"month\":\"%s\",\"transfers\":\"%lld\",\"last\":\"%lld\",\"file\":"
		    "\"" FILE_DIGEST "\"}",
		    month, (long long)transfers, (long long)last);
}

static void refused_by_trigger(const char *sql)
{
	PGresult *r = PQexec(owner, sql);

	assert_int_equal(PQresultStatus(r), PGRES_FATAL_ERROR);
	assert_non_null(strstr(PQresultErrorMessage(r), "append only"));
	PQclear(r);
}

/* What the function in the database answers to its owner. */
static const char *cut_by_owner(int64_t month, int64_t transfers, int64_t last)
{
	static char why[32];
	char sql[200];

	snprintf(sql, sizeof(sql),
		 "SELECT meter.ledger_cut_month(%lld, %lld, %lld, 'sha256:', 'owner', 0)",
		 (long long)month, (long long)transfers, (long long)last);
	PGresult *r = PQexec(owner, sql);
	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		fail_msg("%s", PQresultErrorMessage(r));
	snprintf(why, sizeof(why), "%s", PQgetvalue(r, 0, 0));
	PQclear(r);
	return why;
}

static void moved_last(int64_t ms)
{
	char sql[120];

	snprintf(sql, sizeof(sql),
		 "UPDATE meter.account SET last_ms = %lld WHERE id = (SELECT max(id) FROM "
		 "meter.account)",
		 (long long)ms);
	harness_sql(world.harness, sql);
}

/* -- the story -- */

/* Money goes from the first wallet to the second, and back by a reversal. */
static void moved_and_reversed(void)
{
	OK("wallet_transfer", "{\"wallet_id\":\"%s\",\"to\":\"%s\",\"amount\":" USD("0.1") "}",
	   first.text, second.text);
	struct id moved =
		id_of(((const struct meter_posting_reply *)world.answer)->transfer.transfer_id);
	OK("transfer_reverse", "{\"transfer_id\":\"%s\",\"reference\":\"twice\"}", moved.text);
}

/* January: money moves in each way, a sandbox lives and ends, another one runs into February. */
static void january(void)
{
	first = wallet_made("ada");
	second = wallet_made("bob");
	deposited(first, "10");
	OK("wallet_transfer", "{\"wallet_id\":\"%s\",\"to\":\"%s\",\"amount\":" USD("3") "}",
	   first.text, second.text);
	transferred =
		id_of(((const struct meter_posting_reply *)world.answer)->transfer.transfer_id);
	moved_and_reversed();
	struct id job = job_made(first, "");
	early = admitted(job, "");
	began(early);
	passed(3 * MINUTE_MS);
	OK("job_stop", "{\"job_id\":\"%s\"}", job.text);
	OK("sandbox_end", "{\"sandbox_id\":\"%s\"}", early.text);
	world.now_ms = FEBRUARY_MS - 10 * MINUTE_MS;
	OK("hold_create", "{\"wallet_id\":\"%s\",\"amount\":" USD("0.5") ",\"ttl_s\":2592000}",
	   second.text);
	job = job_made(first, "");
	spanning = admitted(job, "");
	began(spanning);
}

static void february(void)
{
	passed(30 * MINUTE_MS);
	deposited(second, "2");
	OK("wallet_transfer", "{\"wallet_id\":\"%s\",\"to\":\"%s\",\"amount\":" USD("1") "}",
	   second.text, first.text);
	moved_and_reversed();
	struct id job = job_made(second, "");
	struct id brief = admitted(job, "");
	began(brief);
	passed(MINUTE_MS);
	OK("job_stop", "{\"job_id\":\"%s\"}", job.text);
	OK("sandbox_end", "{\"sandbox_id\":\"%s\"}", brief.text);
}

/* A clock that runs ahead opens nothing: what counts is when money last moved. */
static void young_by_its_own_time(int64_t transfers, int64_t last)
{
	moved_last(MARCH_MS - 1);
	assert_string_equal(cut_by_owner(202601, transfers, last), "young");
	assert_int_equal(cut("2026-01", transfers, last), ST_LEDGER_RETAINED);
	assert_string_equal(world.problem.pointer, "/month");
	assert_string_equal(world.problem.detail, "no whole month lies between \"2026-01\" and the "
						  "last transfer");
	moved_last(MARCH_MS);
	assert_string_equal(cut_by_owner(202601, transfers + 1, last), "differs");
}

/* [WAL-4] */
static void a_month_is_cut_only_past_the_retention_and_the_oldest_first(void **state)
{
	int64_t last, amount;

	(void)state;
	world.meter.retention_months = 1;
	january();
	february();
	int64_t transfers = exported("2026-01", &last, &amount);
	assert_int_equal(amount, sql_i64("SELECT sum(amount) FROM meter.transfer_202601"));
	world.now_ms = MARCH_MS - 1; /* one whole month lies between: not yet */
	assert_int_equal(cut("2026-01", transfers, last), ST_LEDGER_RETAINED);
	assert_string_equal(world.problem.pointer, "/month");
	assert_string_equal(world.problem.detail, "1 whole months are kept");
	world.now_ms = MARCH_MS;
	REFUSED(ST_LEDGER_MONTH_UNKNOWN, "/month", "ledger_month", "{\"month\":\"2025-12\"}");
	assert_int_equal(cut("2025-12", 0, 0), ST_LEDGER_MONTH_UNKNOWN);
	assert_int_equal(cut("2026-02", 0, 0), ST_LEDGER_RETAINED);
	young_by_its_own_time(transfers, last);
	/* nothing goes that was not exported */
	assert_int_equal(cut("2026-01", transfers - 1, last), ST_LEDGER_EXPORT_DIFFERS);
	assert_string_equal(world.problem.pointer, "/transfers");
	assert_int_equal(cut("2026-01", transfers + 1, last), ST_LEDGER_EXPORT_DIFFERS);
	assert_int_equal(cut("2026-01", transfers, last - 1), ST_LEDGER_EXPORT_DIFFERS);
	world.now_ms = APRIL_MS;
	ticked(tick_proof);
	assert_int_equal(metric_read(METER_METRIC_LEDGER_DUE), 2);
	int64_t february_last, february_count = exported("2026-02", &february_last, &amount);
	assert_int_equal(cut("2026-02", february_count, february_last), ST_LEDGER_NOT_OLDEST);
	assert_int_equal(sql_i64("SELECT count(*) FROM meter.transfer_202601"), transfers);
	assert_int_equal(evidence("ledger.cut", "refused"), 8);
	books_balance();
}

/* Each by itself: what another one carries is none of its faults. */
static void each_wallet_balances(void)
{
	const struct id *ids[] = { &first, &second };

	for (int w = 0; w < 2; w++) {
		OK("wallet_audit", "{\"wallet_id\":\"%s\"}", ids[w]->text);
		const struct meter_wallet_audit_reply *audit = world.answer;
		assert_int_equal(audit->faults.count, 0);
		assert_true(audit->balanced);
		assert_int_equal(audit->accounts, 2);
	}
}

static void before_the_cut_is_refused(void)
{
	char detail[80];

	snprintf(detail, sizeof(detail), "the ledger begins at %s", time_text(FEBRUARY_MS));
	REFUSED(ST_LEDGER_CUT, "/at", "wallet_balance", "{\"wallet_id\":\"%s\",\"at\":\"%s\"}",
		first.text, time_text(FEBRUARY_MS - 2));
	assert_string_equal(world.problem.detail, detail);
	REFUSED(ST_LEDGER_CUT, "/from", "wallet_statement",
		"{\"wallet_id\":\"%s\",\"from\":\"%s\"}", first.text, time_text(FEBRUARY_MS - 1));
	assert_string_equal(world.problem.detail, detail);
	REFUSED(ST_LEDGER_CUT, "/to", "wallet_statement", "{\"wallet_id\":\"%s\",\"to\":\"%s\"}",
		first.text, time_text(FEBRUARY_MS - 1));
	REFUSED(ST_LEDGER_CUT, "/after", "wallet_statement",
		"{\"wallet_id\":\"%s\",\"after\":\"%s\"}", first.text, transferred.text);
	REFUSED(ST_LEDGER_CUT, "/from", "usage_read",
		"{\"wallet_id\":\"%s\",\"from\":\"%s\",\"to\":\"%s\"}", first.text,
		time_text(FEBRUARY_MS - 1), time_text(MARCH_MS));
	REFUSED(ST_LEDGER_CUT, "/transfer_id", "transfer_show", "{\"transfer_id\":\"%s\"}",
		transferred.text);
	REFUSED(ST_LEDGER_CUT, "/transfer_id", "transfer_reverse",
		"{\"transfer_id\":\"%s\",\"reference\":\"late\"}", transferred.text);
	REFUSED(ST_TRANSFER_UNKNOWN, "/transfer_id", "transfer_show",
		"{\"transfer_id\":\"trf_999999999\"}");
	REFUSED(ST_TRANSFER_UNKNOWN, "/after", "wallet_statement",
		"{\"wallet_id\":\"%s\",\"after\":\"trf_999999999\"}", first.text);
}

static void cut_now(const char *month)
{
	int64_t last, amount, transfers = exported(month, &last, &amount);
	enum st st = cut(month, transfers, last);

	if (st != ST_OK)
		fail_msg("%s: %s", st_info(st)->code, world.problem.detail);
	assert_true(
		str_is(((const struct meter_ledger_cut_reply *)world.answer)->cut.month, month));
}

/* [WAL-4] [WAL-1] [MET-8] */
static void after_a_cut_the_books_say_the_same(void **state)
{
	(void)state;
	struct said before = said_since(FEBRUARY_MS);

	assert_true(before.opening[0] > 0 && before.entries[0] >= 10 && before.minutes >= 10);
	assert_true(before.held[1][0] > 0);
	assert_int_equal(sql_i64("SELECT count(*) FROM meter.reversal"), 2);
	cut_now("2026-01");
	struct said after = said_since(FEBRUARY_MS);
	assert_memory_equal(&before, &after, sizeof(before));
	books_balance();
	each_wallet_balances();
	before_the_cut_is_refused();
	/* what went, and what stays */
	assert_int_equal(
		sql_i64("SELECT count(*) FROM meter.reversal r JOIN meter.transfer t ON t.id "
			"= r.transfer WHERE t.reverses = r.reversed"),
		1); /* February's */
	assert_int_equal(sql_i64("SELECT count(*) FROM meter.reversal"), 1);
	assert_int_equal(sql_i64("SELECT count(*) FROM meter.activity"), 1); /* February's */
	assert_int_equal(sql_i64("SELECT count(*) FROM pg_class WHERE relname = 'transfer_202601'"),
			 0);
	assert_int_equal(sql_i64("SELECT sum(balance) FROM meter.opening"), 0);
	assert_int_equal(evidence("ledger.cut", "success"), 1);
	OK("sandbox_show", "{\"sandbox_id\":\"%s\"}", early.text);
	refused_by_trigger("DELETE FROM meter.reversal");
	refused_by_trigger("UPDATE meter.reversal SET transfer = 1");
	refused_by_trigger("UPDATE meter.transfer SET reference = 'x'");
	refused_by_trigger("UPDATE meter.ledger_cut SET transfers = 0");
	refused_by_trigger("TRUNCATE meter.ledger_cut");
}

/* [WAL-4] openings add up; what is tampered with is found; life goes on */
static void cuts_follow_each_other(void **state)
{
	(void)state;
	world.now_ms = APRIL_MS + MINUTE_MS;
	ticked(tick_partitions), ticked(tick_due); /* the one that spanned has lapsed long ago */
	assert_int_equal(sandbox_shown(spanning)->reason, METER_STOP_REASON_LEASE_ENDED);
	int64_t paid = sandbox_shown(spanning)->minutes;
	deposited(first, "1");
	struct id job = job_made(first, "");
	struct id now = admitted(job, "");
	began(now);
	passed(2 * MINUTE_MS);
	struct said before = said_since(MARCH_MS);
	refused_by_trigger("DELETE FROM meter.activity"); /* no cut covers it */
	cut_now("2026-02");
	struct said after = said_since(MARCH_MS);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(sql_i64("SELECT count(*) FROM meter.activity"), 0);
	assert_int_equal(sql_i64("SELECT used FROM meter.opening WHERE account = 2"),
			 (3 + paid) * MINUTE_PRICE + MINUTE_PRICE);
	books_balance();
	OK("ledger_list", "{}");
	const struct meter_ledger_list_reply *list = world.answer;
	assert_int_equal(list->begins_at_ms, MARCH_MS);
	assert_int_equal(list->cuts.count, 2);
	assert_true(str_is(list->cuts.items[0].month, "2026-02"));
	assert_true(str_is(list->cuts.items[0].file, FILE_DIGEST));
	for (size_t i = 0; i < list->months.count; i++)
		assert_false(list->months.items[i].due);
	ticked(tick_proof);
	assert_int_equal(metric_read(METER_METRIC_LEDGER_DUE), 0);
	harness_sql(world.harness, "UPDATE meter.opening SET balance = balance + 1 WHERE account = "
				   "2");
	OK("wallet_audit", "{}");
	assert_false(((const struct meter_wallet_audit_reply *)world.answer)->balanced);
	harness_sql(world.harness, "UPDATE meter.opening SET balance = balance - 1, used = used + "
				   "1 WHERE account = 2");
	OK("wallet_audit", "{}");
	assert_false(((const struct meter_wallet_audit_reply *)world.answer)->balanced);
	harness_sql(world.harness, "UPDATE meter.opening SET used = used - 1 WHERE account = 2");
	books_balance();
}

static bool waits_for_lock(void *context)
{
	(void)context;
	return sql_i64("SELECT count(*) FROM pg_locks WHERE NOT granted") > 0;
}

/* [WAL-4] what is written while a month is counted is not lost with it */
static void a_month_that_is_written_to_is_not_cut(void **state)
{
	PGconn *writer = PQconnectdb(harness_conninfo(world.harness, NULL));
	int64_t march = (int64_t)MARCH_MS;
	char sql[200];

	(void)state;
	sql_i64("SELECT meter.ledger_month_ensure(%lld)::int", (long long)march);
	moved_last(MAY_MS);
	PQclear(PQexec(writer, "BEGIN"));
	snprintf(sql, sizeof(sql),
		 "INSERT INTO meter.transfer (at_ms, from_account, to_account, amount, kind) "
		 "VALUES (%lld, -1000, 2, 1, 1)",
		 (long long)march);
	PGresult *r = PQexec(writer, sql);
	assert_int_equal(PQresultStatus(r), PGRES_COMMAND_OK);
	PQclear(r);
	assert_int_equal(PQsendQuery(owner, "SELECT meter.ledger_cut_month(202603, 0, 0, "
					    "'sha256:', 'owner', 0)"),
			 1);
	assert_true(harness_wait_for(waits_for_lock, NULL, 20000));
	PQclear(PQexec(writer, "COMMIT"));
	r = PQgetResult(owner);
	assert_int_equal(PQresultStatus(r), PGRES_TUPLES_OK);
	assert_string_equal(PQgetvalue(r, 0, 0), "differs");
	PQclear(r);
	assert_null(PQgetResult(owner));
	r = PQexec(owner, "SET session_replication_role = replica; DELETE FROM "
			  "meter.transfer_202603; RESET session_replication_role");
	assert_int_equal(PQresultStatus(r), PGRES_COMMAND_OK);
	PQclear(r);
	PQfinish(writer);
}

/* In March, from account -1000 to 2, with notes as long as they may be. */
static void transfers_made(int64_t first_number, int64_t count, int reference, int by)
{
	sql_i64("WITH t AS (INSERT INTO meter.transfer (id, at_ms, from_account, to_account, "
		"amount, kind, reference, said_by) SELECT %lld + i, %lld, -1000, 2, 1, 1, "
		"nullif(repeat(chr(1), %d), ''), nullif(repeat(chr(1), %d), '') FROM "
		"generate_series(0, %lld) AS i RETURNING id) SELECT "
		"setval('meter.transfer_number', %lld)",
		(long long)first_number, (long long)MARCH_MS, reference, by, (long long)count - 1,
		(long long)(first_number + count - 1));
}

/* How many rows the page has, which a message holds. */
static size_t page_read(int64_t from, int64_t *ret_next)
{
	struct str encoded;

	OK("ledger_export", "{\"month\":\"2026-03\",\"from\":\"%lld\"}", (long long)from);
	const struct meter_ledger_export_reply *page = world.answer;
	assert_int_equal(
		proto_encode(CALL_METER_LEDGER_EXPORT.reply, page, &world.svc.arena, &encoded),
		ST_OK);
	assert_true(encoded.size <= 1000000);
	*ret_next = page->next;
	return page->rows.count;
}

/* [WAL-4] */
static void a_page_is_what_a_message_holds(void **state)
{
	int64_t last, amount, next, base = 1000000;

	(void)state;
	sql_i64("SELECT meter.ledger_month_ensure(%lld)::int", (long long)MARCH_MS);
	transfers_made(base, 2001, 0, 0);
	assert_int_equal(page_read(base, &next), 2000);
	assert_int_equal(next, base + 2000);
	transfers_made(2 * base, 2001, METER_TEXT_BYTES_MAX, 200);
	size_t rows = page_read(2 * base, &next);
	assert_true(rows > 300 && rows < 2000);
	assert_int_equal(next, 2 * base + (int64_t)rows);
	assert_int_equal(page_read(next, &next), rows);
	assert_int_equal(exported("2026-03", &last, &amount), 4002);
	assert_int_equal(last, 2 * base + 2000);
}

/* [WAL-4] a month too large for one statement is counted by windows */
static void a_month_is_counted_by_windows(void **state)
{
	int64_t transfers = 0, after = 0, windows = 0;

	(void)state;
	for (bool more = true; more; windows++) {
		OK("ledger_month", "{\"month\":\"2026-03\",\"numbers\":400400,\"after\":\"%lld\"}",
		   (long long)after);
		const struct meter_ledger_month_reply *r = world.answer;
		transfers += r->transfers;
		more = r->has_next;
		assert_true(!more || r->next == after + 400400);
		assert_true(r->transfers == 0 || (r->first > after && r->last >= r->first));
		assert_true(!more || r->last <= r->next);
		after = r->next;
	}
	assert_int_equal(transfers, 4002);
	assert_int_equal(windows, 5); /* 2,002,000 numbers for 2,002,000 */
	OK("ledger_month", "{\"month\":\"2026-03\"}");
	const struct meter_ledger_month_reply *whole = world.answer;
	assert_int_equal(whole->transfers, 4002);
	assert_int_equal(whole->first, 1000000);
	assert_int_equal(whole->last, 2002000);
	assert_false(whole->has_next);
}

static int start(void **state)
{
	(void)state;
	assert_int_equal(metrics_open("meter", svc_metrics, meter_metrics, 1), ST_OK);
	world_start();
	owner = PQconnectdb(harness_conninfo(world.harness, NULL));
	return PQstatus(owner) == CONNECTION_OK ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	PQfinish(owner);
	metrics_close();
	world_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_month_is_cut_only_past_the_retention_and_the_oldest_first),
		cmocka_unit_test(after_a_cut_the_books_say_the_same),
		cmocka_unit_test(cuts_follow_each_other),
		cmocka_unit_test(a_month_that_is_written_to_is_not_cut),
		cmocka_unit_test(a_page_is_what_a_message_holds),
		cmocka_unit_test(a_month_is_counted_by_windows),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
