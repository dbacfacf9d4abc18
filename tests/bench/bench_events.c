/* bench_events.c [PLT-21]: the relay alone (outbox to acknowledged in the stream, signed), then the
 * follower alone (asked from the outbox, verified, applied). The other one stands by meanwhile. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"
#include "probe/gen/probe.h"

static void let_lead(struct stack *stack, const char *part)
{
	char sql[128];

	snprintf(sql, sizeof(sql),
		 "SELECT pg_advisory_unlock(hashtextextended('piopl/probe/%s', 0))", part);
	harness_sql(stack->harness, sql);
}

static void make_events(struct stack *stack, int64_t count)
{
	for (int64_t made = 0; made < count; made += 20000) {
		struct probe_items_put_reply reply;
		struct problem problem = { 0 };
		char prefix[32];
		snprintf(prefix, sizeof(prefix), "e%lld-", (long long)made);
		if (stack_call(
			    stack, &CALL_PROBE_ITEMS_PUT,
			    &(struct probe_items_put_request){
				    .prefix = str_of(prefix),
				    .count = 20000,
				    .value = STR("an event of a size that is usual for one, with "
						 "some words in it so that it is neither tiny "
						 "nor large, about two hundred and fifty bytes "
						 "of text that the reader has to hash, decode "
						 "and store, as it would in real life.") },
			    &reply, &problem) != ST_OK) {
			fprintf(stderr, "no events: %s\n", problem.detail);
			exit(1);
		}
	}
}

static double wait_i64(struct stack *stack, const char *sql, int64_t want)
{
	double begin = bench_seconds();

	while (harness_sql_i64(stack->harness, sql) < want) {
		if (bench_seconds() - begin > 120) {
			fprintf(stderr, "waited too long for: %s\n", sql);
			exit(1);
		}
		usleep(10000);
	}
	return bench_seconds();
}

/* Rows a second of bare inserts in batches of 500, as a reader that verifies nothing would. */
static double floor_insert(struct stack *stack, int64_t count)
{
	harness_sql(stack->harness, "CREATE TABLE public.floor_applied (name text PRIMARY KEY, "
				    "times integer NOT NULL DEFAULT 1)");
	double begin = bench_seconds();
	for (int64_t i = 0; i < count; i += 500) {
		char sql[200];
		snprintf(sql, sizeof(sql),
			 "INSERT INTO public.floor_applied (name) SELECT 'e' || g FROM "
			 "generate_series(%lld, %lld) g",
			 (long long)i, (long long)i + 499);
		harness_sql(stack->harness, sql);
	}
	return (double)count / (bench_seconds() - begin);
}

void bench_events(void)
{
	static const char *const names[] = { "probe", NULL };
	int64_t count = bench_size("BENCH_EVENTS", 200000);
	struct stack stack;
	char note[200];

	count = (count + 19999) / 20000 * 20000;
	stack_start(&stack,
		    &(struct harness_options){ .postgres = true, .nats = true, .durable = true },
		    names);
	/* Who holds its lock stands in for the leader: relay and follower stand by meanwhile. */
	harness_sql(stack.harness,
		    "SELECT pg_advisory_lock(hashtextextended('piopl/probe/relay', 0)), "
		    "pg_advisory_lock(hashtextextended('piopl/probe/follower', 0))");
	stack_service_start(&stack, "probe", NULL);
	make_events(&stack, count);
	double begin = bench_seconds();
	let_lead(&stack, "relay");
	double end = wait_i64(&stack, "SELECT published FROM probe.relay", count);
	snprintf(note, sizeof(note), "%lld events of 280 bytes, signed, acknowledged by the stream",
		 (long long)count);
	bench_row("event.relay", (double)count / (end - begin), "/s", 0, note);
	double floor = floor_insert(&stack, count);
	begin = bench_seconds();
	let_lead(&stack, "follower");
	end = wait_i64(&stack, "SELECT coalesce(max(sequence), 0) FROM probe.inbox", count);
	bench_row("event.consume", (double)count / (end - begin), "/s", floor,
		  "verified, decoded, one row each; floor: the same rows in batches of 500");
	stack_stop(&stack);
}
