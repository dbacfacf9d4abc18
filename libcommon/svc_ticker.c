/* svc_ticker.c: timed work, one process a service at a time. Each tick is a transaction; a tick
 * that says `again` is repeated at once. Due times come from the stack's clock, so that advancing
 * it makes ticks due. */
#include <stdio.h>

#include "clock.h"
#include "log.h"
#include "svc_internal.h"

#define TICKS_MAX 32
#ifdef PIOPL_FAULTS
#define TICK_STANDBY_MS 20
#define TICK_POLL_MS 5
#else
#define TICK_POLL_MS 50
#define TICK_STANDBY_MS 500
#endif

struct timer {
	const struct svc_tick *tick;
	bool shared;
	int64_t due_ms;
	uint32_t failures;
};

static size_t timers_add(struct timer *timers, size_t count, const struct svc_tick *ticks,
			 bool shared)
{
	for (; ticks && ticks->name; ticks++) {
		ASSERT(count < TICKS_MAX);
		timers[count++] = (struct timer){ .tick = ticks, .shared = shared };
	}
	return count;
}

static enum st tick_run(struct svc *svc, const struct svc_tick *tick, bool *ret_again,
			struct problem *problem)
{
	struct db_tx *tx;

	arena_reset(&svc->arena);
	svc_outbox_reset(svc);
	TRY(db_begin(svc->db, &tx, problem));
	struct svc_tick_context context = { .svc = svc,
					    .state = svc->state,
					    .arena = &svc->arena,
					    .tx = tx,
					    .now_ms = clock_now_ms() };
	enum st st = tick->handle(&context);
	if (st == ST_OK)
		st = svc_outbox_write(svc, tx);
	if (st != ST_OK) {
		problem_set(problem, st, "", "%s", db_tx_error(tx));
		db_rollback(tx);
		return st;
	}
	TRY(db_commit(tx, problem));
	if (svc->outbox.count > 0)
		svc_outbox_wake_relay(svc);
	*ret_again = context.again;
	return ST_OK;
}

static void timer_fire(struct svc *svc, struct timer *timer)
{
	bool again = true;

	while (again && !svc_stopping()) {
		struct problem problem = { 0 };
		again = false;
		enum st st = tick_run(svc, timer->tick, &again, &problem);
		if (st == ST_OK) {
			timer->failures = 0;
			continue;
		}
		/* A tick that met another, or failed by itself, says nothing of the database. */
		if (!db_is_connected(svc->db))
			svc_note_database(svc, st, &problem);
		if (st != ST_SERIALIZATION && timer->failures++ == 0)
			log_write(LOG_ERROR,
				  &(struct log_fields){ .category = "tick",
							.subject = timer->tick->name,
							.status = st_info(st)->code },
				  "tick \"%s\" failed and is tried again: %s", timer->tick->name,
				  problem.detail);
	}
	timer->due_ms = clock_now_ms() + timer->tick->period_ms;
}

static void timers_fire(struct svc *svc, struct timer *timers, size_t count, bool leads)
{
	int64_t now_ms = clock_now_ms();
	struct problem none = { 0 };

	for (size_t i = 0; i < count && !svc_stopping(); i++)
		if ((leads || timers[i].shared) && now_ms >= timers[i].due_ms)
			timer_fire(svc, &timers[i]);
	(void)svc_bus_alive(svc);
	if (db_is_connected(svc->db))
		svc_note_database(svc, ST_OK, &none);
	svc_pause(TICK_POLL_MS);
}

/* Shared ticks go on while standing by. */
static void ticker_stand_by(struct svc *svc, struct timer *timers, size_t count)
{
	uint64_t until_ns = clock_mono_ns() + TICK_STANDBY_MS * UINT64_C(1000000);

	while (!svc_stopping() && clock_mono_ns() < until_ns)
		timers_fire(svc, timers, count, false);
}

void svc_ticker_run(struct svc *svc)
{
	struct timer timers[TICKS_MAX];
	size_t count = timers_add(timers, 0, svc->definition->ticks, false);

	count = timers_add(timers, count, svc_library_ticks, false);
	count = timers_add(timers, count, svc->definition->shared_ticks, true);
	if (svc_connect(svc, BUS_SEND_AT_ONCE) != ST_OK)
		return;
	while (!svc_stopping()) {
		if (svc_lead(svc, "ticker"))
			while (svc_leads(svc))
				timers_fire(svc, timers, count, true);
		if (!svc_stopping())
			ticker_stand_by(svc, timers, count);
	}
	svc_disconnect(svc);
}
