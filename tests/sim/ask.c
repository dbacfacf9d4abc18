/* ask.c: calls that are repeated with one key until they are answered, many under way at once. */
#include <stdio.h>
#include <unistd.h>

#include "sim.h"

#define TRY_TIMEOUT_MS 500
#define TRIES_MAX 200

static void ask_begin(struct sim *sim, struct sim_ask *ask)
{
	struct stack *stack = &sim->stack;
	const struct bus_call_options options = {
		.idempotency_key = ask->call->reads ? NULL : ask->key,
		.timeout_ms = TRY_TIMEOUT_MS,
	};
	struct problem problem;

	sim->report->calls++;
	if (bus_ask_begin(stack->bus, ask->call, &ask->in, &options, &stack->arena, &ask->handle,
			  &problem) != ST_OK)
		ask->handle = NULL;
}

/* False: the world failed, and it is asked again. */
static bool ask_end(struct sim *sim, struct sim_ask *ask)
{
	struct stack *stack = &sim->stack;
	struct problem problem = { 0 };
	void *reply = arena_alloc(&stack->arena, ask->call->reply->size_bytes);
	enum st st = ask->handle && reply ? bus_ask_end(ask->handle, &stack->arena, reply, &problem)
					  : ST_BUS_UNAVAILABLE;

	ask->handle = NULL;
	if (st_info(st)->kind == ST_KIND_UNAVAILABLE)
		return false;
	if (st_info(st)->kind == ST_KIND_BUG || st == ST_MESSAGE_INVALID ||
	    st == ST_IDEMPOTENCY_MISMATCH)
		scenario_fail(ask->s, "%s: %s: %s %s", ask->call->name, st_info(st)->code,
			      problem.pointer, problem.detail);
	else if (ask->done)
		ask->done(ask->s, ask, st, reply);
	return true;
}

void asks_run(struct sim *sim, struct sim_ask *asks, size_t count)
{
	size_t left = count;

	for (size_t i = 0; i < count; i++)
		snprintf(asks[i].key, sizeof(asks[i].key), "sim-%s-%lld", asks[i].s->name,
			 (long long)asks[i].s->call_number++);
	for (int try = 0; left > 0 && try < TRIES_MAX; try++) {
		arena_reset(&sim->stack.arena);
		for (size_t i = 0; i < count; i++)
			if (!asks[i].answered)
				ask_begin(sim, &asks[i]);
		for (size_t i = 0; i < count; i++) {
			if (asks[i].answered)
				continue;
			asks[i].answered = ask_end(sim, &asks[i]);
			left -= asks[i].answered;
			sim->report->repeated += !asks[i].answered;
			/* Whoever was stopped has been for long enough; others wait for it too. */
			if (!asks[i].answered)
				world_wake(sim);
		}
		if (left > 0)
			usleep(5000);
	}
	for (size_t i = 0; i < count; i++)
		if (!asks[i].answered)
			scenario_fail(asks[i].s, "a call was never answered: %s",
				      asks[i].call->name);
}
