/* runner_test.c: a simulated runner over the messages a real one uses, and a meter that is cut off
 * from it in each possible way. What runs, runs on paid minutes; a dead meter stops compute. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "gen/meter.h"
#include "services/meter/meter.h"
#include "tests/lib/stack.h"

#define SIMULATED 3
#define STEP_MS 5000
#define MARGIN_MS 20000 /* PIOPL_METER_MARGIN */
#define CHECK_MS 1000   /* how often a runner looks at its clock */
#define ANSWER_MS_MAX 10000
#define SILENCE_MS 1000   /* nobody answers for so long */
#define UNTICKED_MS 10000 /* so long after it was ready nothing more is paid */

static struct stack stack;

/* A sandbox as its runner keeps it. Its clock is wrong by `skew_ms`, within what is allowed. */
struct simulated {
	char id[64];
	int64_t skew_ms;
	int64_t lease_until_ms;
	bool runs;
	int64_t ended_ms; /* by the true clock */
};
static struct simulated fleet[SIMULATED];

static void called(const struct proto_call *call, const void *request, void *reply)
{
	struct problem problem = { 0 };
	enum st st = ST_UNAVAILABLE;

	for (int tries = 0; tries < 20 && st != ST_OK; tries++) {
		st = stack_call(&stack, call, request, reply, &problem);
		if (st_info(st)->kind == ST_KIND_REFUSAL)
			break;
	}
	if (st != ST_OK)
		fail_msg("%s: %s %s", call->name, st_info(st)->code, problem.detail);
}

static char wallet[64], job[64];

static void wallet_ready(const char *owner, int64_t micros)
{
	struct meter_wallet_create_request create = { .owner = str_of(owner),
						      .currency = STR("USD") };
	struct meter_wallet_reply made;
	struct meter_posting_reply posted;
	struct meter_job_grant_reply granted;

	called(&CALL_METER_WALLET_CREATE, &create, &made);
	assert_true(str_copy(made.wallet.wallet_id, wallet, sizeof(wallet)));
	struct meter_wallet_deposit_request deposit = {
		.wallet_id = str_of(wallet), .amount = { .micros = micros, .currency = "USD" }
	};
	called(&CALL_METER_WALLET_DEPOSIT, &deposit, &posted);
	struct meter_job_create_request open = { .wallet_id = str_of(wallet),
						 .purpose = STR("simulated") };
	called(&CALL_METER_JOB_CREATE, &open, &granted);
	assert_true(str_copy(granted.job.job_id, job, sizeof(job)));
}

static void sandbox_run(struct simulated *s, int64_t skew_ms)
{
	struct meter_sandbox_admit_request admit = {
		.job_id = str_of(job),
		.runner = STR("simulated"),
		.shape = { STR("standard"), 1000, 1024, 1024 },
	};
	struct meter_sandbox_admit_reply admitted;
	struct meter_lease_reply lease;

	called(&CALL_METER_SANDBOX_ADMIT, &admit, &admitted);
	*s = (struct simulated){ .skew_ms = skew_ms, .runs = true };
	assert_true(str_copy(admitted.sandbox.sandbox_id, s->id, sizeof(s->id)));
	struct meter_sandbox_begin_request begin = { .sandbox_id = str_of(s->id) };
	called(&CALL_METER_SANDBOX_BEGIN, &begin, &lease);
	s->lease_until_ms = lease.lease.lease_until_ms;
}

/* The runner's own rule: nobody has to tell it. It looks every CHECK_MS and may be as much late. */
static void runner_step(void)
{
	for (size_t i = 0; i < SIMULATED; i++) {
		struct simulated *s = &fleet[i];
		int64_t own_ms = clock_now_ms() + s->skew_ms;
		if (!s->runs || own_ms + 2 * CHECK_MS < s->lease_until_ms - METER_CLOCK_SKEW_MS)
			continue;
		s->runs = false;
		s->ended_ms = clock_now_ms();
	}
}

/* False: nothing answers for so long. */
static bool runner_asks(uint32_t timeout_ms)
{
	const struct bus_call_options options = { .timeout_ms = timeout_ms };
	struct str ids[SIMULATED];
	struct meter_lease_read_request request = { .sandbox_ids = { ids, SIMULATED } };
	struct meter_lease_read_reply reply;
	struct problem problem = { 0 };

	for (size_t i = 0; i < SIMULATED; i++)
		ids[i] = str_of(fleet[i].id);
	arena_reset(&stack.arena);
	if (bus_call(stack.bus, &CALL_METER_LEASE_READ, &request, &options, &stack.arena, &reply,
		     &problem) != ST_OK)
		return false;
	assert_int_equal(reply.leases.count, SIMULATED);
	for (size_t l = 0; l < reply.leases.count; l++)
		for (size_t i = 0; i < SIMULATED; i++)
			if (str_is(reply.leases.items[l].sandbox_id, fleet[i].id))
				fleet[i].lease_until_ms = reply.leases.items[l].lease_until_ms;
	return true;
}

static int64_t sandbox_value(const struct simulated *s, const char *column)
{
	char sql[600];

	snprintf(sql, sizeof(sql),
		 "SELECT coalesce(%s, 0) FROM meter.sandbox WHERE sandbox_id = '%s'", column,
		 s->id);
	return harness_sql_i64(stack.harness, sql);
}

/* All partitions ticked up to the clock? Their leases are then the margin ahead of it. */
static bool ticked(void *context)
{
	int64_t now_ms = clock_now_ms();

	(void)context;
	return harness_sql_i64(stack.harness, "SELECT min(paid_through_ms) FROM meter.partition") >=
	       now_ms + MARGIN_MS;
}

static bool none_new(void *context)
{
	(void)context;
	return harness_sql_i64(stack.harness, "SELECT count(*) FROM meter.run WHERE NOT joined") ==
	       0;
}

static void passed(int64_t ms)
{
	for (int64_t done = 0; done < ms; done += CHECK_MS) {
		assert_int_equal(clock_advance(CHECK_MS), ST_OK);
		runner_step();
	}
	assert_true(harness_wait_for(ticked, NULL, 20000));
	assert_true(runner_asks(ANSWER_MS_MAX));
}

static void books_balance(void)
{
	struct meter_wallet_audit_request request = { 0 };
	struct meter_wallet_audit_reply reply;

	called(&CALL_METER_WALLET_AUDIT, &request, &reply);
	assert_true(reply.balanced);
}

/* A new sandbox is ticked with its partition once it has joined; the clock, which goes faster here
 * than anybody ticks, waits for that. */
static void fleet_joined(void)
{
	assert_int_equal(clock_advance(11000), ST_OK);
	assert_true(harness_wait_for(none_new, NULL, 20000));
}

/* Partitions tick when their margin is no longer paid; the next one does so in a while? */
static bool nothing_is_due(void)
{
	return harness_sql_i64(stack.harness,
			       "SELECT min(p.paid_through_ms) FROM meter.partition p JOIN "
			       "meter.run r ON r.part = p.id") -
		       clock_now_ms() >=
	       MARGIN_MS + UNTICKED_MS;
}

/* A fleet that has run for some minutes, each with another error of its clock. */
static void fleet_ready(const char *owner)
{
	static const int64_t skews[SIMULATED] = { -METER_CLOCK_SKEW_MS, 0, METER_CLOCK_SKEW_MS };

	wallet_ready(owner, 1000000);
	for (size_t i = 0; i < SIMULATED; i++)
		sandbox_run(&fleet[i], skews[i]);
	fleet_joined();
	for (int i = 0; i < 30 || (i < 60 && !nothing_is_due()); i++)
		passed(STEP_MS);
	assert_true(runner_asks(ANSWER_MS_MAX));
	for (size_t i = 0; i < SIMULATED; i++)
		assert_true(fleet[i].runs);
}

/* Everybody is gone by the end of what is paid, though nobody could tell them, and though their
 * clocks are wrong. Afterwards nothing more was charged than was paid for until then. */
static void cut_off(const char *owner, void (*cut)(void), void (*mend)(void))
{
	int64_t until_ms[SIMULATED];

	fleet_ready(owner);
	cut();
	assert_false(runner_asks(SILENCE_MS));
	for (size_t i = 0; i < SIMULATED; i++)
		until_ms[i] = fleet[i].lease_until_ms;
	for (int step = 0; step < 300; step++) {
		assert_int_equal(clock_advance(CHECK_MS), ST_OK);
		runner_step();
	}
	for (size_t i = 0; i < SIMULATED; i++) {
		assert_false(fleet[i].runs);
		assert_true(fleet[i].ended_ms <= until_ms[i]);
		/* and it used what it paid for but the allowed error of its clock */
		assert_true(fleet[i].ended_ms >=
			    until_ms[i] - 2 * METER_CLOCK_SKEW_MS - 2 * CHECK_MS);
	}
	mend();
	assert_true(harness_wait_for(ticked, NULL, 60000));
	for (size_t i = 0; i < SIMULATED; i++) {
		assert_true(sandbox_value(&fleet[i], "state") >= METER_SANDBOX_STATE_STOPPING);
		assert_int_equal(sandbox_value(&fleet[i], "reason"), METER_STOP_REASON_LEASE_ENDED);
		assert_int_equal(sandbox_value(&fleet[i], "paid_until_ms"), until_ms[i]);
		assert_int_equal(sandbox_value(&fleet[i], "paid_until_ms - began_ms"),
				 60000 * sandbox_value(&fleet[i], "minutes"));
	}
	books_balance();
}

static void meter_cut(void)
{
	kill(stack_service_get(&stack, "meter")->pid, SIGKILL);
	(void)harness_wait_exit(stack.harness, stack_service_get(&stack, "meter")->pid, 10000,
				NULL);
	sleep(1);
}

static void meter_mend(void)
{
	stack_service_start(&stack, "meter", (const char *[]){ "PIOPL_TICKERS=2", NULL });
}

static void nats_cut(void)
{
	harness_nats_stop(stack.harness);
	/* the meter itself goes on: it is cut off from the runner, and so that it does not go on
	 * paying for what is gone it is stopped too */
	meter_cut();
}

static void nats_mend(void)
{
	harness_nats_start(stack.harness);
	meter_mend();
}

static void database_cut(void)
{
	harness_pg_stop(stack.harness);
}

static void database_mend(void)
{
	harness_pg_start(stack.harness);
	assert_true(stack_service_ready(&stack, "meter", 30000));
}

/* [MET-3] */
static void a_dead_meter_stops_compute(void **state)
{
	(void)state;
	cut_off("ada", meter_cut, meter_mend);
}

/* [MET-3] */
static void a_lost_bus_stops_compute(void **state)
{
	(void)state;
	cut_off("bea", nats_cut, nats_mend);
}

/* What the meter has paid of one that it believes to run. */
static int64_t paid_until(const struct simulated *s)
{
	char sql[600];

	snprintf(sql, sizeof(sql),
		 "SELECT r.from_ms + 60000 * (1 + greatest((p.paid_through_ms - r.from_ms - 1) / "
		 "60000, 0)) FROM meter.run r JOIN meter.partition p ON p.id = r.part JOIN "
		 "meter.sandbox s ON s.number = r.sandbox WHERE s.sandbox_id = '%s'",
		 s->id);
	return harness_sql_i64(stack.harness, sql);
}

static void ended_are_told(void)
{
	for (size_t i = 0; i < SIMULATED; i++) {
		struct meter_sandbox_end_request end = { .sandbox_id = str_of(fleet[i].id),
							 .has_ended_at_ms = true,
							 .ended_at_ms = fleet[i].ended_ms };
		struct meter_sandbox_reply reply;
		called(&CALL_METER_SANDBOX_END, &end, &reply);
		assert_int_equal(reply.sandbox.state, METER_SANDBOX_STATE_ENDED);
		assert_int_equal(reply.sandbox.reason, METER_STOP_REASON_RUNNER);
	}
}

/* The clock goes on while one waits, and so does the runner. */
static bool ticked_meanwhile(void *context)
{
	runner_step();
	return ticked(context);
}

/* [MET-3] [MET-1] The meter and its database live and only the bus is gone: nobody can tell the
 * runner, it ends what it runs by itself, and what ran was paid. The meter pays on, for it cannot
 * know, until it is told that they have ended. */
static void a_bus_that_is_lost_alone_stops_compute(void **state)
{
	int64_t until_ms[SIMULATED], minutes[SIMULATED];

	(void)state;
	fleet_ready("eve");
	harness_nats_stop(stack.harness);
	assert_false(runner_asks(SILENCE_MS));
	for (size_t i = 0; i < SIMULATED; i++)
		until_ms[i] = fleet[i].lease_until_ms;
	for (int step = 1; step <= 300; step++) {
		assert_int_equal(clock_advance(CHECK_MS), ST_OK);
		runner_step();
		if (step % 15 == 0)
			assert_true(harness_wait_for(ticked_meanwhile, NULL, 20000));
		for (size_t i = 0; i < SIMULATED && step % 15 == 0; i++)
			assert_true(!fleet[i].runs || clock_now_ms() < paid_until(&fleet[i]));
	}
	for (size_t i = 0; i < SIMULATED; i++) {
		assert_false(fleet[i].runs);
		assert_true(fleet[i].ended_ms <= until_ms[i]);
		assert_true(paid_until(&fleet[i]) > until_ms[i]);
	}
	harness_nats_start(stack.harness);
	assert_true(stack_service_ready(&stack, "meter", 30000));
	ended_are_told();
	for (size_t i = 0; i < SIMULATED; i++)
		minutes[i] = sandbox_value(&fleet[i], "minutes");
	passed(3 * MINUTE_MS);
	for (size_t i = 0; i < SIMULATED; i++) {
		assert_int_equal(sandbox_value(&fleet[i], "minutes"), minutes[i]);
		assert_true(sandbox_value(&fleet[i], "ended_ms") <= until_ms[i]);
	}
	books_balance();
}

/* [MET-3] */
static void a_lost_database_stops_compute(void **state)
{
	(void)state;
	cut_off("cleo", database_cut, database_mend);
}

/* [MET-2] [MET-1] two replicas share the partitions and charge each minute once */
static void the_money_ends_to_the_minute_under_two_tickers(void **state)
{
	(void)state;
	wallet_ready("dora", 15 * 126);
	for (size_t i = 0; i < SIMULATED; i++)
		sandbox_run(&fleet[i], 0);
	fleet_joined();
	for (int step = 0; step < 100; step++)
		passed(STEP_MS);
	for (size_t i = 0; i < SIMULATED; i++) {
		assert_int_equal(sandbox_value(&fleet[i], "minutes"), 5);
		assert_int_equal(sandbox_value(&fleet[i], "reason"), METER_STOP_REASON_ACCOUNT);
		assert_false(fleet[i].runs);
		assert_true(fleet[i].ended_ms <= sandbox_value(&fleet[i], "paid_until_ms"));
	}
	books_balance();
}

static int start(void **state)
{
	static const char *const names[] = { "meter", NULL };

	(void)state;
	stack_start(&stack, &(struct harness_options){ .postgres = true, .nats = true }, names);
	assert_int_equal(clock_open(stack.clock_path, true), ST_OK);
	meter_mend();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	stack_stop(&stack);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_money_ends_to_the_minute_under_two_tickers),
		cmocka_unit_test(a_dead_meter_stops_compute),
		cmocka_unit_test(a_lost_database_stops_compute),
		cmocka_unit_test(a_lost_bus_stops_compute),
		cmocka_unit_test(a_bus_that_is_lost_alone_stops_compute),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
