/* world.c: servers, the meter with its places to be killed, and what happens to it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "sim.h"
#include "tests/lib/load.h"

#define READY_MS_MAX 20000
#define CHILDREN_MAX 64

static char fault_env[600];
static const char *const meter_env[] = { fault_env, "PIOPL_WORKERS=3", "PIOPL_LOG_LEVEL=error",
					 "PIOPL_METER_JOIN=100ms", NULL };

static void faults_open(struct sim *sim)
{
	int fd;

	snprintf(sim->fault_path, sizeof(sim->fault_path), "%s/faults",
		 harness_folder(sim->stack.harness));
	snprintf(fault_env, sizeof(fault_env), "PIOPL_FAULT_FILE=%s", sim->fault_path);
	fd = open(sim->fault_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT(fd >= 0 && ftruncate(fd, sizeof(*sim->faults)) == 0);
	sim->faults = mmap(NULL, sizeof(*sim->faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT(sim->faults != MAP_FAILED);
	close(fd);
	sim->faults->planted = sim->options->planted;
}

void world_start(struct sim *sim)
{
	static const char *const names[] = { "meter", NULL };
	struct stack_service *meter;

	stack_start(&sim->stack, &(struct harness_options){ .postgres = true, .nats = true },
		    names);
	ASSERT(clock_open(sim->stack.clock_path, true) == ST_OK);
	faults_open(sim);
	meter = stack_service_get(&sim->stack, "meter");
	snprintf(meter->program, sizeof(meter->program), "%s/sim/piopl-meter",
		 harness_build_folder());
	stack_service_start(&sim->stack, "meter", meter_env);
}

void world_stop(struct sim *sim)
{
	for (int p = 0; p < FAULT_POINT_COUNT; p++)
		sim->report->fired[p] = sim->faults->points[p].fired;
	munmap(sim->faults, sizeof(*sim->faults));
	clock_close();
	stack_stop(&sim->stack);
}

static pid_t child_choose(struct sim *sim, uint64_t *random)
{
	pid_t children[CHILDREN_MAX];
	size_t count = stack_children(stack_service_get(&sim->stack, "meter")->pid, children,
				      CHILDREN_MAX);

	return count > 0 ? children[chaos_random(random, count)] : 0;
}

static void place_arm(struct sim *sim, uint64_t *random, enum fault_action action)
{
	enum fault_point point = (enum fault_point)chaos_random(random, FAULT_POINT_COUNT);
	int32_t countdown = 1 + (int32_t)chaos_random(random, 4);

	sim->faults->points[point].action = (int32_t)action;
	__atomic_store_n(&sim->faults->points[point].countdown, countdown, __ATOMIC_SEQ_CST);
}

static void backend_end(struct sim *sim)
{
	harness_sql(sim->stack.harness,
		    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = "
		    "'meter' ORDER BY random() LIMIT 1");
}

void world_hurt(struct sim *sim, uint64_t *random)
{
	uint64_t choice = chaos_random(random, 100);
	pid_t child;

	if (choice < 30)
		return;
	if (choice < 62) {
		place_arm(sim, random, FAULT_KILL);
		sim->report->kills++;
	} else if (choice < 76) {
		place_arm(sim, random, FAULT_STOP);
		sim->report->pauses++;
	} else if (choice < 86) {
		child = child_choose(sim, random);
		if (child > 0)
			kill(child, SIGKILL);
		sim->report->kills++;
	} else if (choice < 95) {
		child = child_choose(sim, random);
		if (child > 0)
			kill(child, SIGSTOP);
		sim->report->pauses++;
	} else if (choice < 98) {
		backend_end(sim);
		sim->report->kills++;
	} else {
		harness_kill9(sim->stack.harness, stack_service_get(&sim->stack, "meter")->pid);
		stack_service_spawn(&sim->stack, "meter", meter_env);
		sim->report->kills++;
	}
}

void world_wake(struct sim *sim)
{
	pid_t children[CHILDREN_MAX];
	size_t count = stack_children(stack_service_get(&sim->stack, "meter")->pid, children,
				      CHILDREN_MAX);

	for (size_t i = 0; i < count; i++)
		kill(children[i], SIGCONT);
}

void world_heal(struct sim *sim)
{
	for (int p = 0; p < FAULT_POINT_COUNT; p++)
		__atomic_store_n(&sim->faults->points[p].countdown, 0, __ATOMIC_SEQ_CST);
	world_wake(sim);
}

bool world_paid(struct sim *sim, int timeout_ms)
{
	int64_t until = harness_now_ms() + timeout_ms;
	char sql[256];

	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM meter.run r JOIN meter.partition p ON p.id = r.part "
		 "WHERE p.paid_through_ms < %lld + 15000 OR NOT r.joined",
		 (long long)clock_now_ms());
	while (harness_sql_i64(sim->stack.harness, sql) > 0) {
		if (harness_now_ms() > until)
			return false;
		usleep(2000);
	}
	return true;
}
