/* slow_test.c: a subscriber outside that stops reading. The server holds producers back for it, but
 * no longer than its write deadline; then the subscriber is cut off and the relay goes on. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "probe/gen/probe.h"
#include "tests/lib/load.h"

#define WRITE_DEADLINE_MS 2000
/* The deadline, the server's look at it, and the time such a run takes anyway. */
#define RUN_MS_MAX (WRITE_DEADLINE_MS + 3000)
#define RUN_EVENTS 20000

static struct stack stack;

static int group_start(void **state)
{
	static const char *const names[] = { "probe", NULL };

	(void)state;
	stack_start(&stack,
		    &(struct harness_options){ .postgres = true,
					       .nats = true,
					       .nats_config = "write_deadline: \"2s\"\n"
							      "max_pending: 4MB\n" },
		    names);
	stack_service_start(&stack, "probe", NULL);
	return 0;
}

static int group_stop(void **state)
{
	(void)state;
	stack_stop(&stack);
	return 0;
}

/* A subscriber of all events that never reads what comes: what a stopped process looks like to the
 * server. */
static int subscribe_and_stop(void)
{
	static const char words[] =
		"CONNECT {\"verbose\":false,\"headers\":true,\"protocol\":1}\r\n"
		"SUB piopl.evt.> 1\r\nPING\r\n";
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port =
					       htons((uint16_t)harness_nats_port(stack.harness)),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 4096;
	char answer[4096];
	size_t size = 0;

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(write(fd, words, sizeof(words) - 1), (ssize_t)sizeof(words) - 1);
	do {
		ssize_t got = read(fd, answer + size, sizeof(answer) - 1 - size);
		assert_true(got > 0);
		size += (size_t)got;
		answer[size] = 0;
	} while (!strstr(answer, "PONG"));
	return fd;
}

static int64_t run_ms(const char *prefix)
{
	struct probe_items_put_reply reply;
	struct problem problem = { 0 };
	int64_t begin = harness_awake_ms();
	enum st st = stack_call(&stack, &CALL_PROBE_ITEMS_PUT,
				&(struct probe_items_put_request){
					.prefix = str_of(prefix),
					.count = RUN_EVENTS,
					.value = STR("an event of a size that is usual for one") },
				&reply, &problem);

	if (st != ST_OK)
		fail_msg("no events: %s", problem.detail);
	assert_true(chaos_settled(&stack, 60000));
	return harness_awake_ms() - begin;
}

static void still_answers(void *context)
{
	struct probe_item_put_reply reply;
	struct problem problem = { 0 };

	(void)context;
	assert_int_equal(stack_call(&stack, &CALL_PROBE_ITEM_PUT,
				    &(struct probe_item_put_request){ .name = STR("meanwhile"),
								      .has_tell = true,
								      .tell = true },
				    &reply, &problem),
			 ST_OK);
}

/* [PLT-5] [PLT-7] */
static void
a_subscriber_that_stops_reading_holds_the_relay_no_longer_than_the_deadline(void **state)
{
	int subscribers[4];

	(void)state;
	int64_t alone_ms = run_ms("alone");
	for (size_t i = 0; i < 4; i++)
		subscribers[i] = subscribe_and_stop();
	int64_t held_ms = run_ms("held");
	int64_t begin = harness_awake_ms();
	still_answers(NULL);
	assert_true(harness_awake_ms() - begin < 1000);
	for (size_t i = 0; i < 4; i++)
		close(subscribers[i]);
	printf("slow: %d events in %lld ms, with four stopped subscribers in %lld ms; deadline %d "
	       "ms\n",
	       RUN_EVENTS, (long long)alone_ms, (long long)held_ms, WRITE_DEADLINE_MS);
	assert_true(held_ms - alone_ms < RUN_MS_MAX);
	assert_int_equal(harness_sql_i64(stack.harness,
					 "SELECT count(*) FROM probe.applied WHERE times <> 1"),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_subscriber_that_stops_reading_holds_the_relay_no_longer_than_the_deadline),
	};

	return cmocka_run_group_tests(tests, group_start, group_stop);
}
