/* horizon.c: the horizon of every wallet of a partition, after its tick. A row is written only
 * where it differs from what was foretold: while nothing changes, a minute later there is a minute
 * less. */
#include "handlers.h"

#define FORETOLD_WITHIN_MS (2 * MINUTE_MS)
#define MINUTE_LEAST 1

struct horizon_thresholds thresholds_of(const struct meter_service *meter)
{
	return (struct horizon_thresholds){ .alive_minutes = meter->alive_ms / MINUTE_MS,
					    .warning_minutes = meter->warning_ms / MINUTE_MS,
					    .critical_minutes = meter->critical_ms / MINUTE_MS };
}

struct walk {
	const struct svc_scope *scope;
	const struct meter_service *meter;
	struct horizon_row *old;
	size_t old_count, old_at;
	struct horizon_row *changed;
	size_t changed_count;
	int64_t *quiet; /* wallets that burned and do not any more */
	size_t quiet_count;
};

static bool differs(const struct walk *w, const struct horizon_row *old, const struct horizon *h)
{
	int64_t was_ms = old->at_ms + old->horizon.minutes * MINUTE_MS;
	int64_t is_ms = w->scope->now_ms + h->minutes * MINUTE_MS;

	return old->horizon.state != h->state || old->horizon.binding != h->binding ||
	       old->horizon.burn != h->burn || is_ms - was_ms > FORETOLD_WITHIN_MS ||
	       was_ms - is_ms > FORETOLD_WITHIN_MS;
}

static void recomputed(struct walk *w, int64_t wallet, const struct horizon_row *old,
		       const struct horizon *h)
{
	int64_t now_ms = w->scope->now_ms;
	int64_t kept_ms = old ? old->forecast_ms : 0;
	bool dormant = h->state == METER_HORIZON_STATE_DORMANT;
	bool changed = !old || differs(w, old, h);
	bool hourly = now_ms - kept_ms >= w->meter->forecast_ms;

	if (!changed && !hourly)
		return;
	w->changed[w->changed_count++] =
		(struct horizon_row){ .wallet = wallet,
				      .horizon = *h,
				      .at_ms = now_ms,
				      .was = old ? old->horizon.state : METER_HORIZON_STATE_NONE,
				      .forecast = !dormant,
				      .forecast_ms = dormant ? kept_ms : now_ms };
}

/* The old row of a wallet; those of wallets before it burn no more. */
static const struct horizon_row *old_of(struct walk *w, int64_t wallet)
{
	while (w->old_at < w->old_count && w->old[w->old_at].wallet < wallet)
		w->quiet[w->quiet_count++] = w->old[w->old_at++].wallet;
	if (w->old_at < w->old_count && w->old[w->old_at].wallet == wallet)
		return &w->old[w->old_at++];
	return NULL;
}

static enum st burning_walk(struct walk *w, const struct burning *burning, size_t count)
{
	struct horizon_thresholds thresholds = thresholds_of(w->meter);
	struct horizon_job *jobs = ARENA_ARRAY(w->scope->arena, struct horizon_job, count);

	if (!jobs)
		return ST_TOO_LARGE;
	for (size_t from = 0, to; from < count; from = to) {
		ASSERT(from == 0 || burning[from - 1].wallet < burning[from].wallet);
		for (to = from; to < count && burning[to].wallet == burning[from].wallet; to++)
			jobs[to] = burning[to].job;
		struct horizon h = horizon_of(burning[from].available, MINUTE_LEAST, jobs + from,
					      to - from, &thresholds);
		recomputed(w, burning[from].wallet, old_of(w, burning[from].wallet), &h);
	}
	(void)old_of(w, INT64_MAX);
	return ST_OK;
}

static const struct horizon_row *old_find(const struct walk *w, int64_t wallet)
{
	size_t low = 0, high = w->old_count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (w->old[middle].wallet < wallet)
			low = middle + 1;
		else
			high = middle;
	}
	return low < w->old_count && w->old[low].wallet == wallet ? &w->old[low] : NULL;
}

/* Wallets without a running sandbox: limited by their jobs' time, if a job can pay anything. */
static enum st quiet_walk(struct walk *w)
{
	struct horizon_thresholds thresholds = thresholds_of(w->meter);
	struct db_rows rows;
	size_t r = 0;

	if (w->quiet_count == 0)
		return ST_OK;
	TRY(store_horizon_jobs(w->scope->tx, w->scope->arena, w->quiet, w->quiet_count, &rows));
	struct horizon_job *jobs = ARENA_ARRAY(w->scope->arena, struct horizon_job, rows.count);
	if (!jobs)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < w->quiet_count; i++) {
		int64_t available = 0;
		size_t from = r;
		for (; r < rows.count && db_i64(&rows, r, 0) == w->quiet[i]; r++) {
			jobs[r] = (struct horizon_job){
				.left = db_i64(&rows, r, 1),
				.time_left_ms = db_i64(&rows, r, 2) - w->scope->now_ms,
			};
			available = db_i64(&rows, r, 3);
		}
		struct horizon h =
			horizon_of(available, MINUTE_LEAST, jobs + from, r - from, &thresholds);
		recomputed(w, w->quiet[i], old_find(w, w->quiet[i]), &h);
	}
	return ST_OK;
}

static const struct wallet_view *view_of(const struct wallet_views *views, int64_t wallet)
{
	size_t low = 0, high = views->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (views->items[middle].number < wallet)
			low = middle + 1;
		else
			high = middle;
	}
	ASSERT(low < views->count && views->items[low].number == wallet);
	return &views->items[low];
}

struct meter_horizon horizon_view(const struct horizon *h, int64_t at_ms, struct str code)
{
	return (struct meter_horizon){ .state = h->state,
				       .minutes = h->minutes,
				       .binding = h->binding,
				       .burn_per_minute = money_of(h->burn, code),
				       .has_balance_minutes = h->has_balance,
				       .balance_minutes = h->balance_minutes,
				       .has_job_minutes = h->has_job,
				       .job_minutes = h->job_minutes,
				       .has_job_time_minutes = h->has_time,
				       .job_time_minutes = h->job_time_minutes,
				       .at_ms = at_ms };
}

/* A change of state is an event. */
static enum st states_tell(struct walk *w)
{
	struct arena *arena = w->scope->arena;
	int64_t *numbers = ARENA_ARRAY(arena, int64_t, w->changed_count);
	struct str *subjects = ARENA_ARRAY(arena, struct str, w->changed_count);
	struct meter_horizon_changed *told =
		ARENA_ARRAY(arena, struct meter_horizon_changed, w->changed_count);
	struct wallet_views views;
	size_t n = 0;

	if (!numbers || !subjects || !told)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < w->changed_count; i++)
		if (w->changed[i].was != w->changed[i].horizon.state)
			numbers[n++] = w->changed[i].wallet;
	if (n == 0)
		return ST_OK;
	TRY(store_wallets_by_number(w->scope->tx, arena, numbers, n, &views));
	n = 0;
	for (size_t i = 0; i < w->changed_count; i++) {
		const struct horizon_row *row = &w->changed[i];
		if (row->was == row->horizon.state)
			continue;
		const struct wallet_view *view = view_of(&views, row->wallet);
		subjects[n] = view->wallet_id;
		told[n++] = (struct meter_horizon_changed){
			.wallet_id = view->wallet_id,
			.owner = view->owner,
			.was = row->was,
			.horizon = horizon_view(&row->horizon, row->at_ms, view->code),
		};
	}
	return svc_emit_in(w->scope, &EVT_METER_HORIZON_CHANGED, subjects, told, n);
}

/* What was foretold of wallets that are dormant now is held against the time it is. */
static enum st forecasts_settle(struct walk *w)
{
	int64_t *wallets = ARENA_ARRAY(w->scope->arena, int64_t, w->changed_count);
	struct db_rows errors;
	size_t n = 0;

	if (!wallets)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < w->changed_count; i++)
		if (w->changed[i].horizon.state == METER_HORIZON_STATE_DORMANT)
			wallets[n++] = w->changed[i].wallet;
	if (n == 0)
		return ST_OK;
	TRY(store_forecasts_settle(w->scope->tx, w->scope->arena, wallets, n, w->scope->now_ms,
				   &errors));
	for (size_t i = 0; i < errors.count; i++) {
		int64_t error = db_i64(&errors, i, 0);
		metric_add(METER_METRIC_FORECASTS, 1);
		metric_add(METER_METRIC_FORECAST_ERROR, (uint64_t)(error < 0 ? -error : error));
	}
	return ST_OK;
}

enum st horizons_tick(const struct svc_scope *scope, struct meter_service *meter, int64_t partition,
		      const struct burning *burning, size_t count)
{
	struct walk w = { .scope = scope, .meter = meter };

	TRY(store_horizon_of(scope->tx, scope->arena, partition, &w.old, &w.old_count));
	w.changed = ARENA_ARRAY(scope->arena, struct horizon_row, count + w.old_count);
	w.quiet = ARENA_ARRAY(scope->arena, int64_t, w.old_count);
	if (!w.changed || !w.quiet)
		return ST_TOO_LARGE;
	TRY(burning_walk(&w, burning, count));
	TRY(quiet_walk(&w));
	if (w.changed_count == 0)
		return ST_OK;
	TRY(store_horizon_put(scope->tx, scope->arena, partition, w.changed, w.changed_count));
	TRY(store_forecasts_insert(scope->tx, scope->arena, w.changed, w.changed_count));
	TRY(forecasts_settle(&w));
	return states_tell(&w);
}
