/* run.c: many scenarios, one after the other. */
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

#define PROGRESS 100

static void violation_note(const struct sim_options *options, struct sim_report *report,
			   const struct group *group, const struct scenario *s)
{
	size_t size = strlen(report->found);

	if (report->violations++ == 0)
		report->first_seed = group->seed;
	snprintf(report->found + size, sizeof(report->found) - size, "%s\n", s->violation);
	if (!options->quiet)
		printf("sim: scenario %s: %s (again: make sim SCENARIOS=%d SEED=%llu)\n", s->name,
		       s->violation, SIM_LANES, (unsigned long long)group->seed);
}

static void group_note(const struct sim_options *options, struct sim_report *report,
		       const struct group *group, int64_t begin_ms)
{
	report->scenarios += (int64_t)group->count;
	for (size_t l = 0; l < group->count; l++)
		if (group->lanes[l].violation[0])
			violation_note(options, report, group, &group->lanes[l]);
	if (!options->quiet && report->scenarios % PROGRESS == 0)
		printf("sim: %lld scenarios in %lld s, %lld violations\n",
		       (long long)report->scenarios,
		       (long long)(harness_now_ms() - begin_ms) / 1000,
		       (long long)report->violations);
	fflush(stdout);
}

void sim_run(const struct sim_options *options, struct sim_report *ret)
{
	struct sim *sim = calloc(1, sizeof(*sim));
	struct group *group = calloc(1, sizeof(*group));
	int64_t begin_ms;

	ASSERT(sim && group);
	*ret = (struct sim_report){ 0 };
	sim->options = options;
	sim->report = ret;
	printf("sim: %lld scenarios, seed %llu\n", (long long)options->scenarios,
	       (unsigned long long)options->seed);
	fflush(stdout);
	world_start(sim);
	begin_ms = harness_now_ms();
	for (uint64_t i = 0; ret->scenarios < options->scenarios; i++) {
		int64_t left = options->scenarios - ret->scenarios;
		group->sim = sim;
		group->seed = options->seed + i;
		group->count = left < SIM_LANES ? (size_t)left : SIM_LANES;
		group_run(group);
		world_heal(sim);
		group_note(options, ret, group, begin_ms);
		if (ret->violations > 0 && options->until_found)
			break;
	}
	ret->took_ms = harness_now_ms() - begin_ms;
	world_stop(sim);
	free(group);
	free(sim);
}

void sim_print(const struct sim_report *report)
{
	static const char *const places[FAULT_POINT_COUNT] = {
		"before commit",  "after commit",  "before answer", "after answer",
		"before publish", "after publish", "before ack",    "after ack",
	};

	printf("sim: %lld scenarios in %lld.%lld s: %lld calls (%lld repeated), %lld sandboxes, "
	       "%lld paid minutes, %lld kills and %lld pauses ordered, %lld moves of the clock; "
	       "fired",
	       (long long)report->scenarios, (long long)report->took_ms / 1000,
	       (long long)report->took_ms % 1000 / 100, (long long)report->calls,
	       (long long)report->repeated, (long long)report->sandboxes,
	       (long long)report->minutes, (long long)report->kills, (long long)report->pauses,
	       (long long)report->clock_moves);
	for (int p = 0; p < FAULT_POINT_COUNT; p++)
		printf("%s %s %lld", p ? "," : "", places[p], (long long)report->fired[p]);
	printf("; %lld violations\n", (long long)report->violations);
}
