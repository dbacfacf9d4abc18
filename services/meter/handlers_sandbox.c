/* handlers_sandbox.c: what a runner and a provisioner ask about sandboxes: admission, proof of
 * life, limits, the end, leases, activity. */
#include "handlers.h"

/* a minute; so that no sum of minutes overflows */
#define PRICE_MICROS_MAX INT64_C(1000000000000)

/* -- admission -- */

struct admission {
	struct wallet_view wallet;
	struct job_view job;
	struct cap_limits caps;
	struct account *pair;
	struct sandbox_clamps clamps;
	struct sandbox_view sandbox;
};

static enum st too_little(struct svc_request *req, enum st st, const char *pointer, int64_t price,
			  int64_t has, struct str code)
{
	char needs[MONEY_TEXT_SIZE], left[MONEY_TEXT_SIZE];

	micros_print(price, needs);
	micros_print(has, left);
	svc_refuse(req, st, pointer, "a minute costs %s %.*s and %s is left", needs, STR_ARG(code),
		   left);
	problem_hint(&req->problem, "at least %s %.*s", needs, STR_ARG(code));
	return st;
}

static enum st sandbox_room(struct svc_request *req, struct admission *a)
{
	int64_t count;

	TRY(store_sandbox_count(req->tx, req->arena, a->wallet.number, &count));
	if (count < a->caps.sandboxes)
		return ST_OK;
	svc_refuse(req, ST_SANDBOX_LIMIT, "/job_id", "%lld are admitted or running",
		   (long long)count);
	problem_hint(&req->problem, "at most %lld at tier %lld", (long long)a->caps.sandboxes,
		     (long long)a->wallet.tier);
	return ST_SANDBOX_LIMIT;
}

static void admission_clamp(struct svc_request *req, struct admission *a)
{
	const struct meter_sandbox_admit_request *in = req->body;
	struct sandbox_wish wish = {
		.has_spend = in->has_spend_cap,
		.has_ttl = in->has_ttl_s,
		.has_idle = in->has_idle_timeout_s,
		.cpu_milli = in->shape.cpu_milli,
		.ram_mb = in->shape.ram_mb,
		.disk_mb = in->shape.disk_mb,
		.spend = in->spend_cap.micros,
		.ttl_s = in->ttl_s,
		.idle_s = in->idle_timeout_s,
	};

	a->clamps = sandbox_clamp(&a->caps, &wish, job_left(&a->job),
				  (a->job.expires_ms - req->now_ms) / 1000, a->job.idle_ms / 1000);
	a->sandbox.cpu_milli = a->clamps.cpu_milli.granted;
	a->sandbox.ram_mb = a->clamps.ram_mb.granted;
	a->sandbox.disk_mb = a->clamps.disk_mb.granted;
	a->sandbox.cap = a->clamps.spend.granted;
	a->sandbox.idle_ms = a->clamps.idle_s.granted * 1000;
	a->sandbox.expires_ms = req->now_ms + a->clamps.ttl_s.granted * 1000;
}

static enum st admission_price(struct svc_request *req, struct admission *a)
{
	const struct meter_sandbox_admit_request *in = req->body;
	struct sandbox_view *s = &a->sandbox;
	struct price_rates rates;
	bool found;

	TRY(store_price_find(req->tx, req->arena, a->job.code, in->shape.image_class, req->now_ms,
			     &rates, &s->price_version, &found));
	if (!found)
		return svc_refuse(req, ST_PRICE_UNKNOWN, "/shape/image_class", "\"%.*s\" in %.*s",
				  STR_ARG(in->shape.image_class), STR_ARG(a->job.code));
	TRY(price_of_minute(&rates, s->cpu_milli, s->ram_mb, s->disk_mb, &s->price));
	return s->price <= PRICE_MICROS_MAX ? ST_OK : ST_MONEY_OVERFLOW;
}

/* Does the first minute pass all that bounds it? */
static enum st admission_judge(struct svc_request *req, const struct admission *a)
{
	const struct sandbox_view *s = &a->sandbox;
	bool by_job = a->clamps.spend.bound_by == METER_BOUND_BY_JOB_REMAINING;

	if (s->cap < s->price)
		return too_little(req, by_job ? ST_JOB_BUDGET_EXHAUSTED : ST_SANDBOX_CAP_TOO_SMALL,
				  by_job ? "/job_id" : "/spend_cap", s->price,
				  s->cap > 0 ? s->cap : 0, a->job.code);
	if (s->expires_ms - req->now_ms < MINUTE_MS)
		return svc_refuse(req, ST_JOB_TIME_OVER, "/job_id", "it has %lld s left",
				  (long long)(a->job.expires_ms - req->now_ms) / 1000);
	return sandbox_room(req, (struct admission *)a);
}

static enum st admission_hold(struct svc_request *req, struct admission *a, struct str *ret_hold_id)
{
	struct svc_scope scope = svc_scope_of_request(req);
	struct sandbox_view *s = &a->sandbox;
	struct hold_view hold = { .wallet = s->wallet,
				  .amount = s->price,
				  .created_ms = req->now_ms,
				  .expires_ms = s->begin_by_ms,
				  .sandbox = 0 };
	struct posting p = { .kind = METER_TRANSFER_KIND_HOLD,
			     .from = account_available(s->wallet),
			     .to = account_held(s->wallet),
			     .amount = s->price };

	TRY(ledger_post(&scope, req->state, a->pair, &p, 1, a->job.code, &req->problem));
	TRY(store_sandbox_insert(req->tx, req->arena, s));
	hold.sandbox = s->number;
	TRY(new_id("hld", req->now_ms, req->arena, &hold.hold_id));
	TRY(store_hold_insert(req->tx, req->arena, &hold));
	*ret_hold_id = hold.hold_id;
	TRY(store_sandbox_hold(req->tx, s->number, hold.number));
	return store_job_held(req->tx, s->job, s->price, req->now_ms);
}

static enum st admit(struct svc_request *req)
{
	const struct meter_sandbox_admit_request *in = req->body;
	struct meter_sandbox_admit_reply *out = req->answer;
	const struct meter_service *meter = req->state;
	struct svc_scope scope = svc_scope_of_request(req);
	struct admission *a = ARENA_NEW(req->arena, struct admission);
	struct sandbox_view *s;

	if (!a)
		return ST_TOO_LARGE;
	TRY(job_locked(req, in->job_id, &a->job, &a->pair));
	TRY(wallet_found(req, a->job.wallet_id, "/job_id", &a->wallet));
	TRY(wallet_limits(req, &a->wallet, &a->caps));
	if (in->has_spend_cap)
		TRY(amount_check(req, in->spend_cap, "/spend_cap", a->job.code));
	s = &a->sandbox;
	*s = (struct sandbox_view){ .wallet = a->job.wallet,
				    .job = a->job.number,
				    .runner = in->runner,
				    .agent_id = in->agent_id,
				    .image_class = in->shape.image_class,
				    .admitted_ms = req->now_ms,
				    .begin_by_ms = req->now_ms + meter->begin_ms };
	admission_clamp(req, a);
	TRY(admission_price(req, a));
	TRY(admission_judge(req, a));
	TRY(new_id("sbx", req->now_ms, req->arena, &s->sandbox_id));
	TRY(admission_hold(req, a, &out->hold_id));
	TRY(sandboxes_tell(&scope, &EVT_METER_SANDBOX_ADMITTED, &s->number, 1));
	TRY(sandbox_load(&scope, s->number, s));
	sandbox_fill(s, &out->sandbox);
	sandbox_grants(&a->clamps, a->job.code, &out->grants);
	return ST_OK;
}

enum st on_sandbox_admit(struct svc_request *req)
{
	return recorded(req, "sandbox.admit", admit);
}

/* -- life -- */

/* The sandbox, its wallet locked. */
static enum st sandbox_locked(struct svc_request *req, struct str sandbox_id,
			      struct sandbox_view *ret, struct account **ret_pair)
{
	struct svc_scope scope = svc_scope_of_request(req);
	int64_t number, wallet, job;
	bool found;

	TRY(store_sandbox_find(req->tx, req->arena, sandbox_id, &number, &wallet, &job, &found));
	if (!found)
		return svc_refuse(req, ST_SANDBOX_UNKNOWN, "/sandbox_id", "no sandbox \"%.*s\"",
				  STR_ARG(sandbox_id));
	TRY(ledger_lock_wallet(&scope, req->state, wallet, ret_pair));
	return sandbox_load(&scope, number, ret);
}

static void lease_fill(const struct sandbox_view *s, struct meter_lease *ret)
{
	*ret = (struct meter_lease){ .sandbox_id = s->sandbox_id,
				     .state = s->state,
				     .lease_until_ms = s->paid_until_ms,
				     .has_stop_at_ms = s->stop_at_ms > 0,
				     .stop_at_ms = s->stop_at_ms,
				     .reason = s->reason };
}

static enum st begin_judge(struct svc_request *req, const struct sandbox_view *s,
			   struct job_view *job)
{
	if (s->state != METER_SANDBOX_STATE_ADMITTED)
		return svc_refuse(req, ST_SANDBOX_NOT_ADMITTED, "/sandbox_id", "it is %s",
				  meter_sandbox_state_names[s->state - 1]);
	if (s->begin_by_ms <= req->now_ms)
		return svc_refuse(req, ST_HOLD_EXPIRED, "/sandbox_id", "it had to begin before");
	TRY(store_job_load(req->tx, req->arena, s->job, job));
	if (job->state != METER_JOB_STATE_RUNNING)
		return svc_refuse(req, ST_JOB_CLOSED, "/sandbox_id", "%s", "");
	if (req->now_ms + MINUTE_MS > s->expires_ms || req->now_ms + MINUTE_MS > job->expires_ms)
		return svc_refuse(req, ST_JOB_TIME_OVER, "/sandbox_id",
				  "its first minute would end after its time");
	return ST_OK;
}

/* The minute that was held is paid: captured, and no longer set aside by the job. */
static enum st first_minute(struct svc_request *req, const struct sandbox_view *s,
			    struct account *pair)
{
	struct svc_scope scope = svc_scope_of_request(req);
	struct hold_view hold;
	bool found;

	TRY(store_hold_load(req->tx, req->arena, STR(""), s->hold, &hold, &found));
	if (!found || hold.state != METER_HOLD_STATE_ACTIVE)
		return ST_INTERNAL;
	struct posting p = { .kind = METER_TRANSFER_KIND_CAPTURE,
			     .from = account_held(s->wallet),
			     .to = account_system(hold.currency, SYSTEM_REVENUE,
						  wallet_partition(s->wallet)),
			     .amount = hold.amount };
	TRY(ledger_post(&scope, req->state, pair, &p, 1, s->code, &req->problem));
	TRY(store_hold_close(req->tx, s->hold, METER_HOLD_STATE_CAPTURED, hold.amount,
			     req->now_ms));
	metric_add(METER_METRIC_MINUTES, 1);
	return store_job_held(req->tx, s->job, -s->price, req->now_ms);
}

static enum st begin(struct svc_request *req)
{
	const struct meter_sandbox_begin_request *in = req->body;
	struct meter_lease_reply *out = req->answer;
	struct svc_scope scope = svc_scope_of_request(req);
	struct account *pair;
	struct sandbox_view s;
	struct job_view job;

	TRY(sandbox_locked(req, in->sandbox_id, &s, &pair));
	out->now_ms = req->now_ms;
	/* Told twice it is the same life. */
	if (s.state != METER_SANDBOX_STATE_RUNNING) {
		TRY(begin_judge(req, &s, &job));
		TRY(first_minute(req, &s, pair));
		TRY(store_sandbox_begin(req->tx, &s, req->now_ms));
		TRY(sandboxes_tell(&scope, &EVT_METER_SANDBOX_BEGAN, &s.number, 1));
		TRY(sandbox_load(&scope, s.number, &s));
		ASSERT(s.paid_until_ms == req->now_ms + MINUTE_MS);
	}
	lease_fill(&s, &out->lease);
	return ST_OK;
}

enum st on_sandbox_begin(struct svc_request *req)
{
	return recorded(req, "sandbox.begin", begin);
}

static enum st answered(struct svc_request *req, int64_t number)
{
	struct meter_sandbox_reply *out = req->answer;
	struct svc_scope scope = svc_scope_of_request(req);
	struct sandbox_view s;

	TRY(sandbox_load(&scope, number, &s));
	sandbox_fill(&s, &out->sandbox);
	return ST_OK;
}

static enum st abort_(struct svc_request *req)
{
	const struct meter_sandbox_abort_request *in = req->body;
	struct svc_scope scope = svc_scope_of_request(req);
	struct account *pair;
	struct sandbox_view s;

	TRY(sandbox_locked(req, in->sandbox_id, &s, &pair));
	if (s.state == METER_SANDBOX_STATE_FAILED)
		return answered(req, s.number);
	if (s.state != METER_SANDBOX_STATE_ADMITTED)
		return svc_refuse(req, ST_SANDBOX_NOT_ADMITTED, "/sandbox_id", "it is %s",
				  meter_sandbox_state_names[s.state - 1]);
	TRY(sandbox_fail(&scope, req->state, pair, &s, METER_STOP_REASON_RUNNER, in->note));
	return answered(req, s.number);
}

enum st on_sandbox_abort(struct svc_request *req)
{
	return recorded(req, "sandbox.abort", abort_);
}

/* -- the end -- */

static enum st run_stopped(const struct svc_scope *scope, const struct sandbox_view *s,
			   enum meter_stop_reason reason, int64_t stop_at_ms)
{
	struct run_stop stop = { .run = { .sandbox = s->number,
					  .wallet = s->wallet,
					  .job = s->job,
					  .price = s->price,
					  .from_ms = s->began_ms,
					  .activity_ms = s->activity_ms },
				 .minutes = s->minutes,
				 .stop_at_ms = stop_at_ms,
				 .reason = reason };

	return runs_stop(scope, wallet_partition(s->wallet), &stop, 1);
}

static enum st stop(struct svc_request *req)
{
	const struct meter_sandbox_stop_request *in = req->body;
	struct meter_service *meter = req->state;
	struct svc_scope scope = svc_scope_of_request(req);
	struct account *pair;
	struct sandbox_view s;

	TRY(sandbox_locked(req, in->sandbox_id, &s, &pair));
	if (s.state == METER_SANDBOX_STATE_ADMITTED)
		TRY(sandbox_fail(&scope, meter, pair, &s, METER_STOP_REASON_ASKED, in->note));
	else if (s.state == METER_SANDBOX_STATE_RUNNING)
		TRY(run_stopped(&scope, &s, METER_STOP_REASON_ASKED, req->now_ms));
	else if (s.state == METER_SANDBOX_STATE_STOPPING && s.stop_at_ms > req->now_ms) {
		TRY(store_sandbox_leave(req->tx, s.number, req->now_ms));
		TRY(sandboxes_tell(&scope, &EVT_METER_SANDBOX_STOPPING, &s.number, 1));
	}
	return answered(req, s.number);
}

enum st on_sandbox_stop(struct svc_request *req)
{
	return recorded(req, "sandbox.stop", stop);
}

static enum st end(struct svc_request *req)
{
	const struct meter_sandbox_end_request *in = req->body;
	struct svc_scope scope = svc_scope_of_request(req);
	int64_t at_ms = in->has_ended_at_ms && in->ended_at_ms < req->now_ms ? in->ended_at_ms
									     : req->now_ms;
	struct account *pair;
	struct sandbox_view s;

	TRY(sandbox_locked(req, in->sandbox_id, &s, &pair));
	if (s.state == METER_SANDBOX_STATE_ADMITTED)
		TRY(sandbox_fail(&scope, req->state, pair, &s, METER_STOP_REASON_RUNNER, in->note));
	if (s.state == METER_SANDBOX_STATE_RUNNING)
		TRY(run_stopped(&scope, &s, METER_STOP_REASON_RUNNER, at_ms));
	if (s.state == METER_SANDBOX_STATE_RUNNING || s.state == METER_SANDBOX_STATE_STOPPING) {
		TRY(store_sandbox_gone(req->tx, s.number, in->note, at_ms));
		TRY(sandboxes_tell(&scope, &EVT_METER_SANDBOX_ENDED, &s.number, 1));
	}
	return answered(req, s.number);
}

enum st on_sandbox_end(struct svc_request *req)
{
	return recorded(req, "sandbox.end", end);
}

/* -- limits -- */

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Its shape stays; its own spending is part of what the job may spend on it. */
static struct sandbox_clamps sandbox_extended(const struct cap_limits *caps,
					      const struct sandbox_wish *wish,
					      const struct sandbox_view *s,
					      const struct job_view *job, int64_t now_ms)
{
	struct sandbox_clamps c =
		sandbox_clamp(caps, wish, job_left(job) + s->price * larger(s->minutes, 1),
			      (job->expires_ms - now_ms) / 1000, job->idle_ms / 1000);

	c.cpu_milli = clamp_kept(c.cpu_milli, false, s->cpu_milli);
	c.ram_mb = clamp_kept(c.ram_mb, false, s->ram_mb);
	c.disk_mb = clamp_kept(c.disk_mb, false, s->disk_mb);
	c.spend = clamp_kept(c.spend, wish->has_spend, s->cap);
	c.ttl_s = clamp_kept(c.ttl_s, wish->has_ttl, (s->expires_ms - now_ms) / 1000);
	c.idle_s = clamp_kept(c.idle_s, wish->has_idle, s->idle_ms / 1000);
	return c;
}

static enum st extend(struct svc_request *req)
{
	const struct meter_sandbox_extend_request *in = req->body;
	struct meter_sandbox_grant_reply *out = req->answer;
	struct svc_scope scope = svc_scope_of_request(req);
	struct account *pair;
	struct wallet_view wallet;
	struct cap_limits caps;
	struct sandbox_view s;
	struct job_view job;

	TRY(sandbox_locked(req, in->sandbox_id, &s, &pair));
	if (s.state != METER_SANDBOX_STATE_ADMITTED && s.state != METER_SANDBOX_STATE_RUNNING)
		return svc_refuse(req, ST_SANDBOX_NOT_RUNNING, "/sandbox_id", "it is %s",
				  meter_sandbox_state_names[s.state - 1]);
	if (in->has_spend_cap)
		TRY(amount_check(req, in->spend_cap, "/spend_cap", s.code));
	TRY(store_job_load(req->tx, req->arena, s.job, &job));
	TRY(wallet_found(req, s.wallet_id, "/sandbox_id", &wallet));
	TRY(wallet_limits(req, &wallet, &caps));
	struct sandbox_wish wish = {
		.has_spend = in->has_spend_cap,
		.has_ttl = in->has_ttl_s,
		.has_idle = in->has_idle_timeout_s,
		.spend = in->spend_cap.micros,
		.ttl_s = in->ttl_s,
		.idle_s = in->idle_timeout_s,
	};
	struct sandbox_clamps clamps = sandbox_extended(&caps, &wish, &s, &job, req->now_ms);
	s.cap = clamps.spend.granted;
	s.expires_ms = larger(s.expires_ms, req->now_ms + clamps.ttl_s.granted * 1000);
	s.idle_ms = larger(s.idle_ms, clamps.idle_s.granted * 1000);
	TRY(store_sandbox_limits(req->tx, &s));
	TRY(sandboxes_tell(&scope, &EVT_METER_SANDBOX_CHANGED, &s.number, 1));
	sandbox_fill(&s, &out->sandbox);
	sandbox_grants(&clamps, s.code, &out->grants);
	return ST_OK;
}

enum st on_sandbox_extend(struct svc_request *req)
{
	return recorded(req, "sandbox.extend", extend);
}

/* -- reading, leases, activity -- */

enum st on_sandbox_show(struct svc_request *req)
{
	const struct meter_sandbox_show_request *in = req->body;
	int64_t number, wallet, job;
	bool found;

	TRY(store_sandbox_find(req->tx, req->arena, in->sandbox_id, &number, &wallet, &job,
			       &found));
	if (!found)
		return svc_refuse(req, ST_SANDBOX_UNKNOWN, "/sandbox_id", "no sandbox \"%.*s\"",
				  STR_ARG(in->sandbox_id));
	return answered(req, number);
}

enum st on_sandbox_list(struct svc_request *req)
{
	const struct meter_sandbox_list_request *in = req->body;
	struct meter_sandbox_list_reply *out = req->answer;
	int64_t limit = in->has_limit ? in->limit : METER_PAGE_DEFAULT;
	struct sandbox_views views;

	TRY(store_sandbox_list(req->tx, req->arena, in, limit, &views));
	out->sandboxes.items = ARENA_ARRAY(req->arena, struct meter_sandbox, views.count);
	out->sandboxes.count = views.count;
	if (!out->sandboxes.items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < views.count; i++)
		sandbox_fill(&views.items[i], &out->sandboxes.items[i]);
	if ((int64_t)views.count == limit)
		out->next = views.items[views.count - 1].sandbox_id;
	return ST_OK;
}

enum st on_lease_read(struct svc_request *req)
{
	const struct meter_lease_read_request *in = req->body;
	struct meter_lease_read_reply *out = req->answer;

	out->now_ms = req->now_ms;
	return store_leases(req->tx, req->arena, in->sandbox_ids.items, in->sandbox_ids.count, out);
}

/* Locks of running sandboxes rank above those of wallets: after this the transaction waits for
 * nothing. */
enum st on_activity_report(struct svc_request *req)
{
	const struct meter_activity_report_request *in = req->body;
	struct meter_activity_report_reply *out = req->answer;
	struct meter_service *meter = req->state;
	size_t count = in->items.count;
	struct str *ids = ARENA_ARRAY(req->arena, struct str, count);
	int64_t *at_ms = ARENA_ARRAY(req->arena, int64_t, count);
	bool wait = !meter->ledger.holds;

	if (!ids || !at_ms)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		const struct meter_activity *item = &in->items.items[i];
		ids[i] = item->sandbox_id;
		at_ms[i] = item->has_at_ms && item->at_ms < req->now_ms ? item->at_ms : req->now_ms;
	}
	meter->ledger.holds = true;
	return store_activity_move(req->tx, req->arena, ids, at_ms, count, wait, &out->moved);
}
