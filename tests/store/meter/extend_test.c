/* extend_test.c: more for jobs and sandboxes that run: each bound at it and one past, reported
 * field by field, and what may not be extended. */
#include "fixture.h"

#define MONEY(amount) "{\"amount\":\"" amount "\",\"currency\":\"USD\"}"

static void whole(const struct meter_integer_grant *g, bool asked, int64_t granted,
		  enum meter_bound_by bound_by)
{
	assert_int_equal(g->has_requested, asked);
	assert_int_equal(g->granted, granted);
	assert_int_equal(g->bound_by, bound_by);
}

static void money(const struct meter_money_grant *g, bool asked, int64_t granted,
		  enum meter_bound_by bound_by)
{
	assert_int_equal(g->has_requested, asked);
	assert_int_equal(g->granted.micros, granted);
	assert_int_equal(g->bound_by, bound_by);
}

static const struct meter_sandbox_grant_reply *sandbox_extended(struct id sandbox, const char *more)
{
	OK("sandbox_extend", "{\"sandbox_id\":\"%s\"%s}", sandbox.text, more);
	return world.answer;
}

static const struct meter_job_grant_reply *job_extended(struct id job, const char *more)
{
	OK("job_extend", "{\"job_id\":\"%s\"%s}", job.text, more);
	return world.answer;
}

/* A wallet with money, and a job of ten minutes in money and in time. */
static struct id ten_minutes(const char *owner, struct id *ret_wallet)
{
	*ret_wallet = wallet_made(owner);
	deposited(*ret_wallet, "100");
	return job_made(*ret_wallet, ",\"max_spend\":" MONEY("0.00126") ",\"ttl_s\":600,"
									"\"idle_timeout_s\":400");
}

/* [JOB-2] what the job has left, and what the sandbox spent of it itself */
static void a_sandbox_gets_at_most_what_its_job_has_left(void **state)
{
	struct id wallet, job = ten_minutes("ann", &wallet);
	const struct meter_sandbox_grant_reply *r;

	(void)state;
	struct id a = admitted(job, ",\"spend_cap\":" MONEY("0.000252") ",\"ttl_s\":120,"
									"\"idle_timeout_s\":60");
	r = sandbox_extended(a, ",\"spend_cap\":" MONEY("0.00126")); /* admitted: its held minute */
	money(&r->grants.spend, true, 1260, METER_BOUND_BY_REQUESTED);
	struct id b = admitted(job, "");
	began(a), began(b);
	r = sandbox_extended(b, ",\"spend_cap\":" MONEY("0.001134"));
	assert_int_equal(r->grants.spend.remaining.micros, 9 * MINUTE_PRICE);
	money(&r->grants.spend, true, 1134, METER_BOUND_BY_REQUESTED);
	r = sandbox_extended(b, ",\"spend_cap\":" MONEY("0.001135"));
	money(&r->grants.spend, true, 1134, METER_BOUND_BY_JOB_REMAINING);
	assert_int_equal(r->sandbox.spend_cap.micros, 1134);
	assert_int_equal(r->grants.spend.requested.micros, 1135);
	/* time */
	r = sandbox_extended(a, ",\"ttl_s\":600");
	whole(&r->grants.ttl_s, true, 600, METER_BOUND_BY_REQUESTED);
	assert_int_equal(r->sandbox.expires_at_ms, world.now_ms + 600000);
	r = sandbox_extended(a, ",\"ttl_s\":601,\"idle_timeout_s\":401");
	whole(&r->grants.ttl_s, true, 600, METER_BOUND_BY_JOB_REMAINING);
	whole(&r->grants.idle_timeout_s, true, 400, METER_BOUND_BY_JOB_REMAINING);
	assert_int_equal(r->sandbox.idle_timeout_s, 400);
	assert_int_equal(sandbox_shown(a)->expires_at_ms, world.now_ms + 600000);
	assert_true(events("meter.sandbox.changed") >= 5);
	assert_true(evidence("sandbox.extend", "success") >= 5);
	OK("job_stop", "{\"job_id\":\"%s\"}", job.text);
	books_balance();
}

/* [JOB-2] the owner's caps, at them and one past */
static void a_sandbox_gets_at_most_what_the_caps_allow(void **state)
{
	struct id wallet = wallet_made("bob");
	const struct meter_sandbox_grant_reply *r;

	(void)state;
	deposited(wallet, "100");
	struct id job = job_made(wallet, ",\"ttl_s\":7200");
	struct id a = admitted(job, ",\"spend_cap\":" MONEY("0.0005") ",\"ttl_s\":100,"
								      "\"idle_timeout_s\":60");
	OK("wallet_set",
	   "{\"wallet_id\":\"%s\",\"caps\":{\"sandbox_spend\":" MONEY(
		   "0.001") ",\"sandbox_ttl_s\":300,\"idle_timeout_s\":90}}",
	   wallet.text);
	began(a);
	r = sandbox_extended(a, ",\"spend_cap\":" MONEY("0.001") ",\"ttl_s\":300,"
								 "\"idle_timeout_s\":90");
	money(&r->grants.spend, true, 1000, METER_BOUND_BY_REQUESTED);
	whole(&r->grants.ttl_s, true, 300, METER_BOUND_BY_REQUESTED);
	whole(&r->grants.idle_timeout_s, true, 90, METER_BOUND_BY_REQUESTED);
	r = sandbox_extended(a, ",\"spend_cap\":" MONEY("0.001001") ",\"ttl_s\":301,"
								    "\"idle_timeout_s\":91");
	money(&r->grants.spend, true, 1000, METER_BOUND_BY_POLICY_CAP);
	whole(&r->grants.ttl_s, true, 300, METER_BOUND_BY_POLICY_CAP);
	whole(&r->grants.idle_timeout_s, true, 90, METER_BOUND_BY_POLICY_CAP);
	assert_int_equal(r->grants.spend.cap.micros, 1000);
	assert_int_equal(r->sandbox.spend_cap.micros, 1000);
	assert_int_equal(r->sandbox.expires_at_ms, world.now_ms + 300000);
	OK("job_stop", "{\"job_id\":\"%s\"}", job.text);
}

/* [JOB-2] an extension takes nothing away, and says what is in force */
static void what_was_granted_stays_granted(void **state)
{
	struct id wallet = wallet_made("cai");
	const struct meter_sandbox_grant_reply *r;

	(void)state;
	deposited(wallet, "100");
	struct id job = job_made(wallet, "");
	struct id a = admitted(job, ",\"spend_cap\":" MONEY("5") ",\"ttl_s\":3600,"
								 "\"idle_timeout_s\":600");
	struct id other = admitted(job, ",\"ttl_s\":3600");
	began(a), began(other);
	int64_t expires_ms = sandbox_shown(a)->expires_at_ms;
	r = sandbox_extended(a, ",\"spend_cap\":" MONEY("4.999999") ",\"ttl_s\":3599,"
								    "\"idle_timeout_s\":599");
	money(&r->grants.spend, true, 5000000, METER_BOUND_BY_ALREADY_GRANTED);
	whole(&r->grants.ttl_s, true, 3600, METER_BOUND_BY_ALREADY_GRANTED);
	whole(&r->grants.idle_timeout_s, true, 600, METER_BOUND_BY_ALREADY_GRANTED);
	/* the caps become smaller than what it has; asked for nothing, and for more */
	OK("wallet_set",
	   "{\"wallet_id\":\"%s\",\"caps\":{\"sandbox_spend\":" MONEY(
		   "1") ",\"sandbox_ttl_s\":60,\"cpu_milli\":1,\"ram_mb\":1,\"disk_mb\":0,"
			"\"idle_timeout_s\":60}}",
	   wallet.text);
	r = sandbox_extended(a, "");
	money(&r->grants.spend, false, 5000000, METER_BOUND_BY_ALREADY_GRANTED);
	whole(&r->grants.ttl_s, false, 3600, METER_BOUND_BY_ALREADY_GRANTED);
	whole(&r->grants.cpu_milli, false, 1000, METER_BOUND_BY_ALREADY_GRANTED);
	whole(&r->grants.ram_mb, false, 1024, METER_BOUND_BY_ALREADY_GRANTED);
	whole(&r->grants.disk_mb, false, 1024, METER_BOUND_BY_ALREADY_GRANTED);
	r = sandbox_extended(a, ",\"ttl_s\":7200");
	whole(&r->grants.ttl_s, true, 3600, METER_BOUND_BY_ALREADY_GRANTED);
	assert_int_equal(r->sandbox.expires_at_ms, expires_ms);
	assert_int_equal(r->sandbox.spend_cap.micros, 5000000);
	assert_int_equal(r->sandbox.price_per_minute.micros, MINUTE_PRICE);
	/* the one beside it has nothing of it */
	assert_int_equal(sandbox_shown(other)->expires_at_ms, expires_ms);
	assert_int_equal(sandbox_shown(other)->idle_timeout_s, 86400);
	OK("job_stop", "{\"job_id\":\"%s\"}", job.text);
}

/* [JOB-2] [MET-2] to the minute: it pays as many as it was given, and no other */
static void what_is_extended_runs_as_long_as_it_may(void **state)
{
	struct id wallet, other_wallet, job = ten_minutes("dee", &wallet);
	struct id beside = ten_minutes("eva", &other_wallet);

	(void)state;
	struct id a = admitted(job, ",\"spend_cap\":" MONEY("0.000378"));
	struct id b = admitted(beside, ",\"spend_cap\":" MONEY("0.000378"));
	began(a), began(b);
	passed(MINUTE_MS);
	(void)sandbox_extended(a, ",\"spend_cap\":" MONEY("0.00063"));
	passed(8 * MINUTE_MS);
	assert_int_equal(sandbox_shown(a)->minutes, 5);
	assert_int_equal(sandbox_shown(a)->reason, METER_STOP_REASON_SANDBOX_CAP);
	assert_int_equal(sandbox_shown(b)->minutes, 3); /* another's wallet: its own cap */
	assert_int_equal(sandbox_shown(b)->reason, METER_STOP_REASON_SANDBOX_CAP);
	books_balance();
}

/* [JOB-2] only what runs or waits to; each refusal at its place, and nothing changes */
static void what_has_ended_is_not_extended(void **state)
{
	struct id wallet, job = ten_minutes("fin", &wallet);

	(void)state;
	struct id failed = admitted(job, ""), ended = admitted(job, ""), runs = admitted(job, "");
	OK("sandbox_abort", "{\"sandbox_id\":\"%s\"}", failed.text);
	began(ended), began(runs);
	OK("sandbox_end", "{\"sandbox_id\":\"%s\"}", ended.text);
	int64_t changes = events("meter.sandbox.changed");
#define EXTEND_REFUSED(st, pointer, id_, more)                                                     \
	REFUSED(st, pointer, "sandbox_extend", "{\"sandbox_id\":\"%s\"" more "}", id_)
	EXTEND_REFUSED(ST_SANDBOX_NOT_RUNNING, "/sandbox_id", failed.text, ",\"ttl_s\":300");
	assert_string_equal(world.problem.detail, "it is failed");
	EXTEND_REFUSED(ST_SANDBOX_NOT_RUNNING, "/sandbox_id", ended.text, ",\"ttl_s\":300");
	assert_string_equal(world.problem.detail, "it is ended");
	EXTEND_REFUSED(ST_SANDBOX_UNKNOWN, "/sandbox_id",
		       "sbx_00000000-0000-7000-8000-000000000000", "");
	EXTEND_REFUSED(ST_CURRENCY_MISMATCH, "/spend_cap", runs.text,
		       ",\"spend_cap\":{\"amount\":\"1\",\"currency\":\"EUR\"}");
	EXTEND_REFUSED(ST_AMOUNT_NOT_POSITIVE, "/spend_cap", runs.text,
		       ",\"spend_cap\":" MONEY("0"));
	assert_int_equal(events("meter.sandbox.changed"), changes);
	OK("job_stop", "{\"job_id\":\"%s\"}", job.text);
	EXTEND_REFUSED(ST_SANDBOX_NOT_RUNNING, "/sandbox_id", runs.text, ",\"ttl_s\":300");
	assert_string_equal(world.problem.detail, "it is stopping");
	REFUSED(ST_JOB_CLOSED, "/job_id", "job_extend", "{\"job_id\":\"%s\",\"ttl_s\":900}",
		job.text);
	REFUSED(ST_JOB_UNKNOWN, "/job_id", "job_extend",
		"{\"job_id\":\"job_00000000-0000-7000-8000-000000000000\"}");
	assert_int_equal(evidence("sandbox.extend", "refused"), 6);
	assert_int_equal(evidence("job.extend", "refused"), 2);
}

/* [JOB-1] [JOB-2] */
static void a_job_gets_at_most_what_the_caps_allow(void **state)
{
	struct id wallet, job = ten_minutes("gia", &wallet);
	const struct meter_job_grant_reply *r;

	(void)state;
	r = job_extended(job, ",\"max_spend\":" MONEY("50") ",\"ttl_s\":604800,"
							    "\"idle_timeout_s\":86400");
	money(&r->grants.spend, true, 50000000, METER_BOUND_BY_REQUESTED);
	whole(&r->grants.ttl_s, true, 604800, METER_BOUND_BY_REQUESTED);
	whole(&r->grants.idle_timeout_s, true, 86400, METER_BOUND_BY_REQUESTED);
	r = job_extended(job, ",\"max_spend\":" MONEY("50.000001") ",\"ttl_s\":604801,"
								   "\"idle_timeout_s\":86401");
	money(&r->grants.spend, true, 50000000, METER_BOUND_BY_POLICY_CAP);
	whole(&r->grants.ttl_s, true, 604800, METER_BOUND_BY_POLICY_CAP);
	whole(&r->grants.idle_timeout_s, true, 86400, METER_BOUND_BY_POLICY_CAP);
	assert_int_equal(r->job.max_spend.micros, 50000000);
	assert_int_equal(r->job.expires_at_ms, world.now_ms + INT64_C(604800000));
	r = job_extended(job, ",\"max_spend\":" MONEY("49"));
	money(&r->grants.spend, true, 50000000, METER_BOUND_BY_ALREADY_GRANTED);
	whole(&r->grants.ttl_s, false, 604800, METER_BOUND_BY_ALREADY_GRANTED);
	whole(&r->grants.idle_timeout_s, false, 86400, METER_BOUND_BY_ALREADY_GRANTED);
	assert_int_equal(r->job.max_spend.micros, 50000000);
	REFUSED(ST_CURRENCY_MISMATCH, "/max_spend", "job_extend",
		"{\"job_id\":\"%s\",\"max_spend\":{\"amount\":\"1\",\"currency\":\"EUR\"}}",
		job.text);
	REFUSED(ST_AMOUNT_NOT_POSITIVE, "/max_spend", "job_extend",
		"{\"job_id\":\"%s\",\"max_spend\":" MONEY("0") "}", job.text);
	assert_int_equal(events("meter.job.extended"), 3);
	OK("job_stop", "{\"job_id\":\"%s\"}", job.text);
}

/* [JOB-1] [MET-2] with more budget and time its sandboxes go on, by as much and no more */
static void a_job_that_is_extended_pays_more_minutes(void **state)
{
	struct id wallet = wallet_made("hal");

	(void)state;
	deposited(wallet, "1");
	struct id job = job_made(wallet, ",\"max_spend\":" MONEY("0.000378"));
	struct id a = admitted(job, "");
	began(a);
	REFUSED(ST_JOB_BUDGET_EXHAUSTED, "/job_id", "sandbox_admit",
		"{\"job_id\":\"%s\",\"runner\":\"mock\",\"shape\":{\"image_class\":\"standard\","
		"\"cpu_milli\":2000,\"ram_mb\":4096,\"disk_mb\":20480}}",
		job.text);
	(void)job_extended(job, ",\"max_spend\":" MONEY("0.000756"));
	(void)sandbox_extended(a, ",\"spend_cap\":" MONEY("0.001"));
	assert_int_equal(sandbox_shown(a)->spend_cap.micros, 6 * MINUTE_PRICE);
	passed(10 * MINUTE_MS);
	assert_int_equal(sandbox_shown(a)->minutes, 6);
	assert_int_equal(job_shown(job)->spent.micros, 6 * MINUTE_PRICE);
	assert_int_equal(job_shown(job)->reason, METER_JOB_REASON_BUDGET);
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
		cmocka_unit_test(a_sandbox_gets_at_most_what_its_job_has_left),
		cmocka_unit_test(a_sandbox_gets_at_most_what_the_caps_allow),
		cmocka_unit_test(what_was_granted_stays_granted),
		cmocka_unit_test(what_is_extended_runs_as_long_as_it_may),
		cmocka_unit_test(what_has_ended_is_not_extended),
		cmocka_unit_test(a_job_gets_at_most_what_the_caps_allow),
		cmocka_unit_test(a_job_that_is_extended_pays_more_minutes),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
