/* contention_test.c: many calls at once on two workers: one hot wallet, money going round in
 * circles, and keys that are sent twice in one batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gen/meter.h"
#include "tests/lib/stack.h"

#define FLIGHT 200
#define FLIGHTS 15
#define WALLETS 6
#define FIRST_MICROS 1000000

static struct stack stack;
static struct arena arena;
static char wallets[WALLETS][64];

static void called(const struct proto_call *call, const void *request, void *reply)
{
	struct problem problem = { 0 };
	enum st st = stack_call(&stack, call, request, reply, &problem);

	if (st != ST_OK)
		fail_msg("%s: %s %s", call->name, st_info(st)->code, problem.detail);
}

static int64_t available(int i)
{
	struct meter_wallet_show_request request = { .wallet_id = str_of(wallets[i]) };
	struct meter_wallet_reply reply;

	called(&CALL_METER_WALLET_SHOW, &request, &reply);
	return reply.wallet.available.micros;
}

static void books_balance(void)
{
	struct meter_wallet_audit_request request = { 0 };
	struct meter_wallet_audit_reply reply;

	called(&CALL_METER_WALLET_AUDIT, &request, &reply);
	assert_true(reply.balanced);
}

static struct bus_ask *sent(int from, int to, int64_t micros, const char *key)
{
	struct meter_wallet_transfer_request request = {
		.wallet_id = str_of(wallets[from]),
		.to = str_of(wallets[to]),
		.amount = { .micros = micros, .currency = "USD" },
	};
	struct bus_call_options options = { .idempotency_key = key, .timeout_ms = 30000 };
	struct problem problem = { 0 };
	struct bus_ask *ask;

	assert_int_equal(bus_ask_begin(stack.bus, &CALL_METER_WALLET_TRANSFER, &request, &options,
				       &arena, &ask, &problem),
			 ST_OK);
	return ask;
}

static enum st answered(struct bus_ask *ask, char ret_id[32])
{
	struct meter_posting_reply reply;
	struct problem problem = { 0 };
	enum st st = bus_ask_end(ask, &arena, &reply, &problem);

	if (st == ST_OK)
		assert_true(str_copy(reply.transfer.transfer_id, ret_id, 32));
	return st;
}

/* [WAL-5] [WAL-1] nobody waits in a circle, whichever way the money goes */
static void a_hot_wallet_and_circles_never_deadlock(void **state)
{
	struct bus_ask *asks[FLIGHT];
	int64_t sum = 0;
	char id[32];

	(void)state;
	for (int flight = 0; flight < FLIGHTS; flight++) {
		arena_reset(&arena);
		for (int i = 0; i < FLIGHT; i++) {
			int a = 1 + i % (WALLETS - 1), b = 1 + (i + 1 + i % 3) % (WALLETS - 1);
			asks[i] = i % 3 == 0 ? sent(0, a, 1, NULL)
				  : a == b   ? sent(a, 0, 1, NULL)
					     : sent(a, b, 1, NULL);
		}
		for (int i = 0; i < FLIGHT; i++)
			assert_int_equal(answered(asks[i], id), ST_OK);
	}
	for (int i = 0; i < WALLETS; i++)
		sum += available(i);
	assert_int_equal(sum, WALLETS * FIRST_MICROS);
	assert_int_equal(harness_sql_i64(stack.harness, "SELECT sum(deadlocks) FROM "
							"pg_stat_database"),
			 0);
	assert_int_equal(harness_sql_i64(stack.harness,
					 "SELECT count(*) FROM meter.transfer WHERE kind = 3"),
			 FLIGHT * FLIGHTS);
	books_balance();
}

/* [WAL-3] a key that is twice in one batch is one transfer, and another body is refused */
static void a_key_sent_twice_moves_money_once(void **state)
{
	struct bus_ask *asks[FLIGHT];
	int64_t before = available(1);
	char key[32], first[32], second[32];

	(void)state;
	arena_reset(&arena);
	for (int i = 0; i < FLIGHT; i++) {
		snprintf(key, sizeof(key), "twice-%d", i / 2);
		asks[i] = sent(1, 2, 10, key);
	}
	for (int i = 0; i < FLIGHT; i += 2) {
		enum st a = answered(asks[i], first), b = answered(asks[i + 1], second);
		/* on two workers at the same time one of them may hear that it is in flight */
		assert_true(a == ST_OK || a == ST_IDEMPOTENCY_IN_FLIGHT);
		assert_true(b == ST_OK || b == ST_IDEMPOTENCY_IN_FLIGHT);
		if (a == ST_OK && b == ST_OK)
			assert_string_equal(first, second);
		assert_true(a == ST_OK || b == ST_OK);
	}
	assert_int_equal(available(1), before - FLIGHT / 2 * 10);
	assert_int_equal(answered(sent(1, 2, 11, "twice-0"), first), ST_IDEMPOTENCY_MISMATCH);
	assert_int_equal(answered(sent(1, 2, 10, "twice-0"), first), ST_OK);
	assert_int_equal(available(1), before - FLIGHT / 2 * 10);
	books_balance();
}

static enum st extended(const char *sandbox, int64_t ttl_s, const char *key,
			int64_t *ret_expires_ms)
{
	struct meter_sandbox_extend_request request = { .sandbox_id = str_of(sandbox),
							.has_ttl_s = true,
							.ttl_s = ttl_s };
	struct bus_call_options options = { .idempotency_key = key, .timeout_ms = 30000 };
	struct meter_sandbox_grant_reply reply;
	struct problem problem = { 0 };
	enum st st = bus_call(stack.bus, &CALL_METER_SANDBOX_EXTEND, &request, &options, &arena,
			      &reply, &problem);

	if (st == ST_OK)
		*ret_expires_ms = reply.sandbox.expires_at_ms;
	return st;
}

static void sandbox_admitted(char ret_id[64])
{
	struct meter_job_create_request open = { .wallet_id = str_of(wallets[5]),
						 .purpose = STR("keys") };
	struct meter_job_grant_reply job;
	struct meter_sandbox_admit_reply admitted;
	char job_id[64];

	called(&CALL_METER_JOB_CREATE, &open, &job);
	assert_true(str_copy(job.job.job_id, job_id, sizeof(job_id)));
	struct meter_sandbox_admit_request admit = {
		.job_id = str_of(job_id),
		.runner = STR("mock"),
		.shape = { STR("standard"), 1000, 1024, 1024 },
		.has_ttl_s = true,
		.ttl_s = 60,
	};
	called(&CALL_METER_SANDBOX_ADMIT, &admit, &admitted);
	assert_true(str_copy(admitted.sandbox.sandbox_id, ret_id, 64));
}

/* [WAL-3] [JOB-2] an extension is "from now on": told again later it is still the first one */
static void an_extension_told_again_gives_the_first_answer(void **state)
{
	int64_t first, again;
	char sandbox[64];

	(void)state;
	arena_reset(&arena);
	sandbox_admitted(sandbox);
	assert_int_equal(extended(sandbox, 600, "extend-1", &first), ST_OK);
	usleep(20000);
	assert_int_equal(extended(sandbox, 600, "extend-1", &again), ST_OK);
	assert_int_equal(again, first);
	assert_int_equal(extended(sandbox, 601, "extend-1", &again), ST_IDEMPOTENCY_MISMATCH);
	assert_int_equal(harness_sql_i64(stack.harness, "SELECT expires_ms FROM meter.sandbox"),
			 first);
	assert_int_equal(extended(sandbox, 600, "extend-2", &again), ST_OK);
	assert_true(again > first);
}

/* One that cannot be paid is refused by itself; the others of its batch are made. */
static void a_refusal_is_its_own(void **state)
{
	struct bus_ask *asks[FLIGHT];
	int64_t before = available(3), after;
	char id[32];

	(void)state;
	arena_reset(&arena);
	for (int i = 0; i < FLIGHT; i++)
		asks[i] = i % 2 ? sent(3, 4, 1, NULL) : sent(3, 4, 9000000000000, NULL);
	for (int i = 0; i < FLIGHT; i++)
		assert_int_equal(answered(asks[i], id), i % 2 ? ST_OK : ST_FUNDS_INSUFFICIENT);
	after = available(3);
	assert_int_equal(after, before - FLIGHT / 2);
	books_balance();
}

static int start(void **state)
{
	static const char *const names[] = { "meter", NULL };

	(void)state;
	arena_init(&arena, 64 * 1024 * 1024);
	stack_start(&stack, &(struct harness_options){ .postgres = true, .nats = true }, names);
	stack_service_start(&stack, "meter", (const char *[]){ "PIOPL_WORKERS=2", NULL });
	for (int i = 0; i < WALLETS; i++) {
		struct meter_wallet_create_request create = { .owner = STR("crowd"),
							      .currency = STR("USD"),
							      .has_another = true,
							      .another = true };
		struct meter_wallet_reply made;
		struct meter_posting_reply posted;
		called(&CALL_METER_WALLET_CREATE, &create, &made);
		assert_true(str_copy(made.wallet.wallet_id, wallets[i], sizeof(wallets[i])));
		struct meter_wallet_deposit_request deposit = { .wallet_id = str_of(wallets[i]),
								.amount = { .micros = FIRST_MICROS,
									    .currency = "USD" } };
		called(&CALL_METER_WALLET_DEPOSIT, &deposit, &posted);
	}
	return 0;
}

static int stop(void **state)
{
	(void)state;
	stack_stop(&stack);
	arena_free(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hot_wallet_and_circles_never_deadlock),
		cmocka_unit_test(a_key_sent_twice_moves_money_once),
		cmocka_unit_test(an_extension_told_again_gives_the_first_answer),
		cmocka_unit_test(a_refusal_is_its_own),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
