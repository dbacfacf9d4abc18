/* kill_test.c: every part is killed or taken away while clients put items. What was acknowledged is
 * there once, what was told took effect once, and the service comes back by itself.
 *
 * PIOPL_SEED repeats a run's choices; CHAOS_SECONDS is how long parts are killed (default 20). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "probe/gen/probe.h"
#include "tests/lib/load.h"

#define CLIENTS 6
#define PAUSE_US 500
#define KILL_SECONDS 20
#define OUTAGE_MS 1500
#define SETTLE_MS 40000

static const char *const service_env[] = { "PIOPL_WORKERS=3", "PIOPL_LOG_LEVEL=warn",
					   "PIOPL_STUCK=4s", NULL };
static struct stack stack;
static int64_t items; /* acknowledged so far, in all tests */

static int group_start(void **state)
{
	static const char *const names[] = { "probe", NULL };

	(void)state;
	stack_start(&stack,
		    &(struct harness_options){ .postgres = true, .nats = true, .durable = true },
		    names);
	stack_service_start(&stack, "probe", service_env);
	return 0;
}

static int group_stop(void **state)
{
	(void)state;
	stack_stop(&stack);
	return 0;
}

static void load_open(struct load *load, const char *prefix)
{
	*load = (struct load){ .url = harness_nats_url(stack.harness),
			       .call = &CALL_PROBE_ITEM_PUT,
			       .prefix = prefix,
			       .clients = CLIENTS,
			       .pause_us = PAUSE_US,
			       .tell = true };
	load_start(load);
}

static void show_log(void)
{
	char *log = stack_log(&stack, "probe");
	size_t size = strlen(log);

	fprintf(stderr, "%s\n", size > 4000 ? log + size - 4000 : log);
	free(log);
}

/* The load ends, and all that must hold holds. */
static void load_close(struct load *load, const char *title)
{
	char faults[1000];
	bool good = load_finish(load);
	int64_t begin = harness_now_ms();

	load_print(load, title);
	items += load_acknowledged(load);
	bool settled = chaos_settled(&stack, SETTLE_MS);
	printf("%s: settled after %lld ms\n", title, (long long)(harness_now_ms() - begin));
	chaos_check(&stack, items, faults, sizeof(faults));
	bool ready = stack_service_ready(&stack, "probe", SETTLE_MS);
	if (!good || !settled || faults[0] || !ready) {
		show_log();
		fail_msg("%s: clients %s, events %s, service %s; %s", title,
			 good ? "served" : "failed", settled ? "settled" : "stuck",
			 ready ? "ready" : "not ready", faults);
	}
	assert_true(load_acknowledged(load) > 20);
}

/* ---- one part at random ---- */

enum part {
	PART_CHILD,   /* worker, relay, follower or ticker */
	PART_PARENT,  /* the service's own parent; started again at once */
	PART_BACKEND, /* a process of PostgreSQL: its postmaster restarts them all */
	PART_POSTMASTER,
	PART_NATS,
	PART_COUNT,
};

static const char *const part_names[PART_COUNT] = { "process", "parent", "backend", "postmaster",
						    "nats" };

/* Children die most often: they are what the library restarts by itself. */
static enum part part_choose(uint64_t *seed)
{
	static const enum part often[] = { PART_CHILD, PART_CHILD,   PART_CHILD,      PART_CHILD,
					   PART_CHILD, PART_CHILD,   PART_PARENT,     PART_BACKEND,
					   PART_NATS,  PART_BACKEND, PART_POSTMASTER, PART_NATS };

	return often[chaos_random(seed, sizeof(often) / sizeof(often[0]))];
}

static void child_kill(pid_t parent, uint64_t *seed)
{
	pid_t children[64];
	size_t count = stack_children(parent, children, 64);

	if (count > 0)
		kill(children[chaos_random(seed, count)], SIGKILL);
}

static void part_kill(enum part part, uint64_t *seed)
{
	pid_t parent = stack_service_get(&stack, "probe")->pid;

	switch (part) {
	case PART_CHILD:
		child_kill(parent, seed);
		break;
	case PART_PARENT:
		harness_kill9(stack.harness, parent);
		stack_service_spawn(&stack, "probe", service_env);
		break;
	case PART_BACKEND:
		child_kill(harness_pg_pid(stack.harness), seed);
		break;
	case PART_POSTMASTER:
		harness_pg_kill9(stack.harness);
		harness_pg_start(stack.harness);
		break;
	case PART_NATS:
		harness_nats_kill9(stack.harness);
		harness_nats_start(stack.harness);
		break;
	case PART_COUNT:
		break;
	}
}

/* [PLT-7] [PLT-8] [PLT-10] [PLT-22] */
static void killing_any_part_at_random_loses_and_doubles_nothing(void **state)
{
	int64_t until = harness_now_ms() + chaos_seconds("CHAOS_SECONDS", KILL_SECONDS) * 1000;
	uint64_t seed = chaos_seed("kill_test");
	int killed[PART_COUNT] = { 0 };
	struct load load;

	(void)state;
	load_open(&load, "kill");
	while (harness_now_ms() < until) {
		usleep((useconds_t)(100000 + chaos_random(&seed, 500000)));
		enum part part = part_choose(&seed);
		part_kill(part, &seed);
		harness_pg_revive(stack.harness);
		killed[part]++;
	}
	harness_pg_settle(stack.harness);
	for (int part = 0; part < PART_COUNT; part++)
		printf("kill: %s %d times\n", part_names[part], killed[part]);
	load_close(&load, "kill");
}

/* ---- each part in turn, so that none is left to chance ---- */

struct kin {
	pid_t pids[64];
	size_t count;
};

/* [PLT-10]: a killed process is replaced, whatever it was doing */
static void each_process_of_the_service_is_replaced(void **state)
{
	pid_t parent = stack_service_get(&stack, "probe")->pid, children[64];
	struct load load;

	(void)state;
	size_t count = stack_children(parent, children, 64);
	assert_true(count >= 6); /* three workers, relay, follower, ticker */
	load_open(&load, "each");
	for (size_t i = 0; i < count; i++) {
		usleep(150000);
		kill(children[i], SIGKILL);
	}
	usleep(500000);
	load_close(&load, "each");
	for (size_t i = 0; i < count; i++)
		assert_int_not_equal(kill(children[i], 0), 0);
	assert_int_equal(stack_children(parent, children, 64), count);
}

static bool all_are_others(void *context)
{
	const struct kin *old = context;
	pid_t parent = stack_service_get(&stack, "probe")->pid, now[64];
	size_t count = stack_children(parent, now, 64);

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < old->count; j++)
			if (now[i] == old->pids[j])
				return false;
	return count == old->count;
}

static bool all_are_gone(void *context)
{
	const struct kin *old = context;

	for (size_t i = 0; i < old->count; i++)
		if (kill(old->pids[i], 0) == 0)
			return false;
	return true;
}

/* [PLT-10]: a process that lives and does nothing is ended and replaced */
static void each_process_that_hangs_is_replaced(void **state)
{
	struct kin kin;
	struct load load;

	(void)state;
	kin.count = stack_children(stack_service_get(&stack, "probe")->pid, kin.pids, 64);
	assert_true(kin.count >= 6);
	load_open(&load, "hang");
	for (size_t i = 0; i < kin.count; i++)
		kill(kin.pids[i], SIGSTOP);
	assert_true(harness_wait_for(all_are_others, &kin, 30000));
	usleep(2500000); /* clients wait for what was stopped up to their deadline */
	load_close(&load, "hang");
}

/* [PLT-10]: a stopped process has nobody to end it once its parent is gone; it goes with it */
static void what_is_stopped_does_not_outlive_its_parent(void **state)
{
	pid_t parent = stack_service_get(&stack, "probe")->pid;
	struct kin kin;

	(void)state;
	kin.count = stack_children(parent, kin.pids, 64);
	assert_true(kin.count >= 6);
	for (size_t i = 0; i < kin.count; i++)
		kill(kin.pids[i], SIGSTOP);
	harness_kill9(stack.harness, parent);
	assert_true(harness_wait_for(all_are_gone, &kin, 5000));
	stack_service_start(&stack, "probe", service_env);
}

/* ---- outages ---- */

/* [PLT-8]: the broker comes back with an empty disk */
static void a_broker_that_loses_its_store_under_load_costs_nothing(void **state)
{
	struct load load;

	(void)state;
	load_open(&load, "store");
	usleep(500000);
	harness_nats_kill9(stack.harness);
	harness_nats_wipe_store(stack.harness);
	usleep(OUTAGE_MS * 1000);
	harness_nats_start(stack.harness);
	usleep(1000000);
	load_close(&load, "store");
}

/* [PLT-17] */
static void a_database_that_stops_under_load_costs_nothing(void **state)
{
	struct load load;

	(void)state;
	load_open(&load, "database");
	usleep(500000);
	harness_pg_stop(stack.harness);
	usleep(OUTAGE_MS * 1000);
	harness_pg_start(stack.harness);
	usleep(1000000);
	load_close(&load, "database");
}

/* [PLT-8] [PLT-17] */
static void both_gone_at_once_cost_nothing(void **state)
{
	struct load load;

	(void)state;
	load_open(&load, "both");
	usleep(500000);
	harness_pg_stop(stack.harness);
	harness_nats_kill9(stack.harness);
	harness_nats_wipe_store(stack.harness);
	usleep(OUTAGE_MS * 1000);
	harness_nats_start(stack.harness);
	usleep(300000);
	harness_pg_start(stack.harness);
	usleep(1000000);
	load_close(&load, "both");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_process_of_the_service_is_replaced),
		cmocka_unit_test(each_process_that_hangs_is_replaced),
		cmocka_unit_test(what_is_stopped_does_not_outlive_its_parent),
		cmocka_unit_test(a_broker_that_loses_its_store_under_load_costs_nothing),
		cmocka_unit_test(a_database_that_stops_under_load_costs_nothing),
		cmocka_unit_test(both_gone_at_once_cost_nothing),
		cmocka_unit_test(killing_any_part_at_random_loses_and_doubles_nothing),
	};

	return cmocka_run_group_tests(tests, group_start, group_stop);
}
