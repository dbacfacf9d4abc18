/* behind_test.c: a reader that is far behind. The follower is kept from leading while events are
 * made; then it catches up from the outbox while new events keep coming.
 *
 * BEHIND=1000000 sets how far (default 100,000); PIOPL_SEED is not needed, nothing is random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "probe/gen/probe.h"
#include "tests/lib/load.h"

#define BEHIND_DEFAULT 100000
#define CHUNK 20000
#define EVENTS_PER_SECOND_MIN 2000 /* far below what is measured: for a machine with other work */
#define LOCK "hashtextextended('piopl/probe/follower', 0)"

static struct stack stack;

static int group_start(void **state)
{
	static const char *const names[] = { "probe", NULL };

	(void)state;
	stack_start(&stack, &(struct harness_options){ .postgres = true, .nats = true }, names);
	/* Who holds the lock stands in for a leader: the follower stands by. */
	harness_sql(stack.harness, "SELECT pg_advisory_lock(" LOCK ")");
	stack_service_start(&stack, "probe", NULL);
	return 0;
}

static int group_stop(void **state)
{
	(void)state;
	stack_stop(&stack);
	return 0;
}

static void make_events(int64_t count)
{
	for (int64_t made = 0; made < count; made += CHUNK) {
		struct probe_items_put_reply reply;
		struct problem problem = { 0 };
		char prefix[32];
		snprintf(prefix, sizeof(prefix), "b%lld-", (long long)made);
		enum st st = stack_call(&stack, &CALL_PROBE_ITEMS_PUT,
					&(struct probe_items_put_request){
						.prefix = str_of(prefix),
						.count = CHUNK,
						.value = STR("what an event says"),
					},
					&reply, &problem);
		if (st != ST_OK)
			fail_msg("no events: %s", problem.detail);
	}
}

static bool all_published(void *context)
{
	(void)context;
	return chaos_sql_i64(&stack, "SELECT (SELECT count(*) FROM probe.outbox) - published FROM "
				     "probe.relay") == 0;
}

/* [PLT-8] */
static void a_reader_far_behind_catches_up_while_new_events_come(void **state)
{
	int64_t behind = chaos_seconds("BEHIND", BEHIND_DEFAULT) / CHUNK * CHUNK;
	struct load load = { .url = harness_nats_url(stack.harness),
			     .call = &CALL_PROBE_ITEM_PUT,
			     .prefix = "live",
			     .clients = 2,
			     .pause_us = 2000,
			     .tell = true };
	char faults[1000];
	int limit_ms = (int)(behind * 1000 / EVENTS_PER_SECOND_MIN) + 10000;

	(void)state;
	make_events(behind);
	assert_true(harness_wait_for(all_published, NULL, limit_ms));
	assert_int_equal(chaos_sql_i64(&stack, "SELECT count(*) FROM probe.applied"), 0);
	load_start(&load);
	usleep(300000);
	int64_t begin = harness_now_ms();
	harness_sql(stack.harness, "SELECT pg_advisory_unlock(" LOCK ")");
	while (chaos_sql_i64(&stack, "SELECT coalesce(max(sequence), 0) FROM probe.inbox") <
	       behind) {
		if (harness_now_ms() - begin > limit_ms)
			fail_msg("not caught up in %d ms", limit_ms);
		usleep(10000);
	}
	int64_t took_ms = harness_now_ms() - begin;
	assert_true(load_finish(&load));
	assert_true(chaos_settled(&stack, limit_ms));
	printf("behind: %lld events caught up in %lld ms (%lld/s) while %lld live ones came\n",
	       (long long)behind, (long long)took_ms, (long long)(behind * 1000 / (took_ms + 1)),
	       (long long)load_acknowledged(&load));
	chaos_check(&stack, load_acknowledged(&load), faults, sizeof(faults));
	assert_string_equal(faults, "");
	assert_true(load_acknowledged(&load) > 10);
	assert_int_equal(chaos_sql_i64(&stack, "SELECT count(*) FROM probe.applied"),
			 behind + load_acknowledged(&load));
	assert_true(stack_service_ready(&stack, "probe", 5000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_far_behind_catches_up_while_new_events_come),
	};

	return cmocka_run_group_tests(tests, group_start, group_stop);
}
