/* life.c: how holds, sandboxes and jobs come to their end, for calls and for time alike. The wallet
 * is locked by whoever calls. */
#include "handlers.h"
#include "log.h"
#include "planted.h"

void hold_fill(const struct hold_view *v, struct meter_hold *ret)
{
	*ret = (struct meter_hold){
		.hold_id = v->hold_id,
		.wallet_id = v->wallet_id,
		.amount = money_of(v->amount, v->code),
		.captured = money_of(v->captured, v->code),
		.state = v->state,
		.created_at_ms = v->created_ms,
		.expires_at_ms = v->expires_ms,
		.has_closed_at_ms = v->closed_ms > 0,
		.closed_at_ms = v->closed_ms,
		.reference = v->reference,
		.sandbox_id = v->sandbox_id,
	};
}

void job_fill(const struct job_view *v, int64_t now_ms, struct meter_job *ret)
{
	int64_t left = v->expires_ms > now_ms ? (v->expires_ms - now_ms) / MINUTE_MS : 0;
	bool running = v->state == METER_JOB_STATE_RUNNING;

	if (v->burn > 0 && job_left(v) / v->burn < left)
		left = job_left(v) / v->burn;
	*ret = (struct meter_job){
		.job_id = v->job_id,
		.wallet_id = v->wallet_id,
		.purpose = v->purpose,
		.primary = v->primary,
		.state = v->state,
		.reason = v->reason,
		.max_spend = money_of(v->budget, v->code),
		.spent = money_of(v->closed + v->run_spent, v->code),
		.held = money_of(v->held, v->code),
		.remaining = money_of(job_left(v), v->code),
		.idle_timeout_s = v->idle_ms / 1000,
		.created_at_ms = v->created_ms,
		.expires_at_ms = v->expires_ms,
		.last_activity_at_ms = v->activity_ms,
		.has_ended_at_ms = v->ended_ms > 0,
		.ended_at_ms = v->ended_ms,
		.sandboxes = v->running,
		.burn_per_minute = money_of(v->burn, v->code),
		.has_minutes_left = running,
		.minutes_left = left,
	};
}

void sandbox_fill(const struct sandbox_view *v, struct meter_sandbox *ret)
{
	*ret = (struct meter_sandbox){
		.sandbox_id = v->sandbox_id,
		.wallet_id = v->wallet_id,
		.job_id = v->job_id,
		.agent_id = v->agent_id,
		.runner = v->runner,
		.state = v->state,
		.reason = v->reason,
		.note = v->note,
		.shape = { .image_class = v->image_class,
			   .cpu_milli = v->cpu_milli,
			   .ram_mb = v->ram_mb,
			   .disk_mb = v->disk_mb },
		.price_per_minute = money_of(v->price, v->code),
		.price_version = v->price_version,
		.spend_cap = money_of(v->cap, v->code),
		.spent = money_of(v->price * v->minutes, v->code),
		.minutes = v->minutes,
		.expires_at_ms = v->expires_ms,
		.idle_timeout_s = v->idle_ms / 1000,
		.admitted_at_ms = v->admitted_ms,
		.begin_by_ms = v->begin_by_ms,
		.has_began_at_ms = v->began_ms > 0,
		.began_at_ms = v->began_ms,
		.has_last_activity_at_ms = v->activity_ms > 0,
		.last_activity_at_ms = v->activity_ms,
		.has_lease_until_ms = v->paid_until_ms > 0,
		.lease_until_ms = v->paid_until_ms,
		.has_stop_at_ms = v->stop_at_ms > 0,
		.stop_at_ms = v->stop_at_ms,
		.has_ended_at_ms = v->ended_ms > 0,
		.ended_at_ms = v->ended_ms,
		.partition = wallet_partition(v->wallet),
	};
}

enum st sandbox_load(const struct svc_scope *scope, int64_t number, struct sandbox_view *ret)
{
	struct sandbox_views views;

	TRY(store_sandboxes_load(scope->tx, scope->arena, &number, 1, &views));
	if (views.count != 1)
		return ST_INTERNAL;
	*ret = views.items[0];
	return ST_OK;
}

enum st sandboxes_tell(const struct svc_scope *scope, const struct proto_event *event,
		       const int64_t *numbers, size_t count)
{
	struct sandbox_views views;

	TRY(store_sandboxes_load(scope->tx, scope->arena, numbers, count, &views));
	struct str *subjects = ARENA_ARRAY(scope->arena, struct str, views.count);
	struct meter_sandbox_changed *told =
		ARENA_ARRAY(scope->arena, struct meter_sandbox_changed, views.count);
	if (!subjects || !told)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < views.count; i++) {
		subjects[i] = views.items[i].sandbox_id;
		sandbox_fill(&views.items[i], &told[i].sandbox);
	}
	return svc_emit_in(scope, event, subjects, told, views.count);
}

enum st job_tell(const struct svc_scope *scope, const struct proto_event *event, int64_t number,
		 struct job_view *ret)
{
	struct meter_job_changed told;

	TRY(store_job_load(scope->tx, scope->arena, number, ret));
	job_fill(ret, scope->now_ms, &told.job);
	return svc_emit_in(scope, event, &ret->job_id, &told, 1);
}

enum st hold_give_back(const struct svc_scope *scope, struct meter_service *meter,
		       struct account *pair, int64_t number, enum meter_hold_state state)
{
	struct meter_hold_changed told;
	struct hold_view hold;
	bool found;

	if (PLANTED(METER_PLANTED_HOLD_KEPT))
		return ST_OK;
	TRY(store_hold_load(scope->tx, scope->arena, STR(""), number, &hold, &found));
	if (!found || hold.state != METER_HOLD_STATE_ACTIVE)
		return ST_SERIALIZATION;
	struct posting p = { .kind = METER_TRANSFER_KIND_RELEASE,
			     .from = account_held(hold.wallet),
			     .to = account_available(hold.wallet),
			     .amount = hold.amount };
	TRY(ledger_post(scope, meter, pair, &p, 1, hold.code, NULL));
	TRY(store_hold_close(scope->tx, number, state, 0, scope->now_ms));
	hold.state = state;
	hold.closed_ms = scope->now_ms;
	hold_fill(&hold, &told.hold);
	return svc_emit_in(scope, &EVT_METER_HOLD_CHANGED, &hold.hold_id, &told, 1);
}

enum st sandbox_fail(const struct svc_scope *scope, struct meter_service *meter,
		     struct account *pair, const struct sandbox_view *s,
		     enum meter_stop_reason reason, struct str note)
{
	bool late = reason == METER_STOP_REASON_NEVER_BEGAN;

	TRY(hold_give_back(scope, meter, pair, s->hold,
			   late ? METER_HOLD_STATE_EXPIRED : METER_HOLD_STATE_RELEASED));
	TRY(store_job_held(scope->tx, s->job, -s->price, 0));
	TRY(store_sandbox_fail(scope->tx, s->number, reason, note, scope->now_ms));
	return sandboxes_tell(scope, &EVT_METER_SANDBOX_ENDED, &s->number, 1);
}

enum st runs_stop(const struct svc_scope *scope, int64_t partition, const struct run_stop *stops,
		  size_t count)
{
	int64_t *numbers = ARENA_ARRAY(scope->arena, int64_t, count);

	if (count == 0)
		return ST_OK;
	if (!numbers)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		numbers[i] = stops[i].run.sandbox;
		metric_add(METER_METRIC_STOPS, 1);
		if (stops[i].reason == METER_STOP_REASON_LEASE_ENDED)
			metric_add(METER_METRIC_LAPSED, 1);
	}
	TRY(store_runs_stop(scope->tx, scope->arena, partition, stops, count));
	if (PLANTED(METER_PLANTED_LOST_STOP))
		return ST_OK;
	return sandboxes_tell(scope, &EVT_METER_SANDBOX_STOPPING, numbers, count);
}

static enum st job_runs_stop(const struct svc_scope *scope, const struct job_view *job)
{
	struct run_list runs;
	int64_t through_ms;

	TRY(store_runs_of(scope->tx, scope->arena, job->wallet, job->number, &runs, &through_ms));
	struct run_stop *stops = ARENA_ARRAY(scope->arena, struct run_stop, runs.count);
	if (!stops)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < runs.count; i++)
		stops[i] = (struct run_stop){ .run = runs.items[i],
					      .minutes = run_minutes(&runs.items[i], through_ms),
					      .stop_at_ms = scope->now_ms,
					      .reason = METER_STOP_REASON_JOB_ENDED };
	return runs_stop(scope, wallet_partition(job->wallet), stops, runs.count);
}

enum st job_end(const struct svc_scope *scope, struct meter_service *meter, struct account *pair,
		int64_t number, enum meter_job_reason reason)
{
	struct job_view job;
	struct db_rows waiting;

	TRY(store_job_load(scope->tx, scope->arena, number, &job));
	ASSERT(job.state == METER_JOB_STATE_RUNNING);
	TRY(job_runs_stop(scope, &job));
	TRY(store_waiting_of(scope->tx, scope->arena, number, &waiting));
	for (size_t i = 0; i < waiting.count; i++) {
		struct sandbox_view s = { .number = db_i64(&waiting, i, 0),
					  .wallet = db_i64(&waiting, i, 1),
					  .job = db_i64(&waiting, i, 2),
					  .hold = db_i64(&waiting, i, 3),
					  .price = db_i64(&waiting, i, 4) };
		TRY(sandbox_fail(scope, meter, pair, &s, METER_STOP_REASON_JOB_ENDED,
				 (struct str){ 0 }));
	}
	job.state = METER_JOB_STATE_ENDED;
	job.reason = reason;
	job.ended_ms = scope->now_ms;
	TRY(store_job_update(scope->tx, &job));
	return job_tell(scope, &EVT_METER_JOB_ENDED, number, &job);
}
