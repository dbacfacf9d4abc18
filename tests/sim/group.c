/* group.c: scenarios side by side, from beginning to end: the runner, the clock, what dies. */
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "sim.h"
#include "tests/lib/load.h"

#define MINUTE_MS INT64_C(60000)
#define PAID_MS 250    /* how long a small move of the clock waits for the tick */
#define ENDED_MS 15000 /* how long everything may take to come to its end */

static struct sim_ask all_asks[SIM_ASKS_ALL]; /* under way at once */

/* ---- the runner ---- */

static void leases_read(struct group *g)
{
	static struct sim_ask asks[SIM_LANES];
	size_t count = 0;

	for (size_t l = 0; l < g->count; l++)
		count += scenario_leases(&g->lanes[l], &asks[count]);
	asks_run(g->sim, asks, count);
}

static void clock_move(struct group *g, int64_t ms)
{
	g->sim->report->clock_moves++;
	ASSERT(clock_advance(ms) == ST_OK);
	for (size_t l = 0; l < g->count; l++)
		scenario_lapse(&g->lanes[l]);
}

static void time_passes(struct group *g)
{
	uint64_t choice = chaos_random(&g->random, 100);

	if (choice < 62) {
		for (uint64_t n = 1 + chaos_random(&g->random, 4); n > 0; n--) {
			if (chaos_random(&g->random, 100) < 35)
				world_hurt(g->sim, &g->random);
			clock_move(g, 5000 + (int64_t)chaos_random(&g->random, 20000));
			(void)world_paid(g->sim, PAID_MS);
			leases_read(g);
		}
	} else if (choice < 90) {
		clock_move(g, 45000 + (int64_t)chaos_random(&g->random, 60000));
	} else if (choice < 96) {
		clock_move(g, (2 + (int64_t)chaos_random(&g->random, 40)) * MINUTE_MS);
	}
}

/* ---- all lanes at once ---- */

/* What every lane asks now, as `choose` says. */
static void lanes_ask(struct group *g,
		      size_t (*choose)(struct scenario *s, struct sim_ask ret[SIM_ASKS_MAX]))
{
	size_t count = 0;

	for (size_t l = 0; l < g->count; l++)
		count += choose(&g->lanes[l], &all_asks[count]);
	ASSERT(count <= SIM_ASKS_ALL);
	asks_run(g->sim, all_asks, count);
}

static void step(struct group *g)
{
	world_hurt(g->sim, &g->random);
	lanes_ask(g, scenario_acts);
	world_hurt(g->sim, &g->random);
	lanes_ask(g, scenario_boxes_begin);
	leases_read(g);
	time_passes(g);
}

/* Sandboxes that have not ended and holds that are open, of wallets whose owner begins like this.
 */
static int64_t open_count(struct sim *sim, const char *name)
{
	char sql[600];

	snprintf(sql, sizeof(sql),
		 "SELECT (SELECT count(*) FROM meter.sandbox b JOIN meter.wallet w ON w.number = "
		 "b.wallet WHERE owner LIKE 'sim.%s.%%' AND state < 4) + (SELECT count(*) FROM "
		 "meter.hold h JOIN meter.wallet w ON w.number = h.wallet WHERE owner LIKE "
		 "'sim.%s.%%' AND state = 1)",
		 name, name);
	return harness_sql_i64(sim->stack.harness, sql);
}

static bool is_over(void *context)
{
	struct group *g = context;
	char name[32];

	snprintf(name, sizeof(name), "%llu", (unsigned long long)g->seed);
	return open_count(g->sim, name) == 0;
}

/* Jobs are stopped, what ran ends, and what nobody speaks of any more is closed by time. */
static void group_end(struct group *g)
{
	int64_t until = harness_now_ms() + ENDED_MS;

	world_heal(g->sim);
	lanes_ask(g, scenario_jobs_stop);
	leases_read(g);
	lanes_ask(g, scenario_boxes_end);
	do {
		clock_move(g, 15 * MINUTE_MS);
		(void)harness_wait_for(is_over, g, 400);
		world_wake(g->sim);
	} while (!is_over(g) && harness_now_ms() < until);
	for (size_t l = 0; l < g->count; l++)
		if (open_count(g->sim, g->lanes[l].name) > 0)
			scenario_fail(&g->lanes[l], "a sandbox or a hold never comes to its end");
}

static bool any_failed(const struct group *g)
{
	for (size_t l = 0; l < g->count; l++)
		if (g->lanes[l].violation[0])
			return true;
	return false;
}

void group_run(struct group *g)
{
	struct harness *harness = g->sim->stack.harness;

	g->random = g->seed;
	g->transfers_before =
		harness_sql_i64(harness, "SELECT coalesce(max(id), 0) FROM meter.transfer");
	g->events_before =
		harness_sql_i64(harness, "SELECT coalesce(max(id), 0) FROM meter.outbox");
	for (size_t l = 0; l < g->count; l++) {
		struct scenario *s = &g->lanes[l];
		*s = (struct scenario){ .sim = g->sim, .random = g->seed * SIM_LANES + l + 1 };
		snprintf(s->name, sizeof(s->name), "%llu.%zu", (unsigned long long)g->seed, l);
	}
	lanes_ask(g, scenario_wallets_make);
	lanes_ask(g, scenario_jobs_make);
	for (uint64_t n = 3 + chaos_random(&g->random, 5); n > 0 && !any_failed(g); n--)
		step(g);
	group_end(g);
	if (!any_failed(g))
		group_check(g);
}
