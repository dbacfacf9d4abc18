/* handlers_job.c: bounded spending windows. */
#include "handlers.h"

static struct meter_integer_grant integer_grant(const struct clamp *c)
{
	return (struct meter_integer_grant){ .has_requested = c->has_requested,
					     .requested = c->requested,
					     .has_cap = true,
					     .cap = c->cap,
					     .has_remaining = c->has_remaining,
					     .remaining = c->remaining,
					     .granted = c->granted,
					     .bound_by = c->bound_by };
}

static struct meter_money_grant money_grant(const struct clamp *c, struct str code)
{
	return (struct meter_money_grant){ .has_requested = c->has_requested,
					   .requested = money_of(c->requested, code),
					   .has_cap = true,
					   .cap = money_of(c->cap, code),
					   .has_remaining = c->has_remaining,
					   .remaining = money_of(c->remaining, code),
					   .granted = money_of(c->granted, code),
					   .bound_by = c->bound_by };
}

static void job_grants(const struct job_clamps *c, struct str code, struct meter_job_grants *ret)
{
	ret->spend = money_grant(&c->spend, code);
	ret->ttl_s = integer_grant(&c->ttl_s);
	ret->idle_timeout_s = integer_grant(&c->idle_s);
}

void sandbox_grants(const struct sandbox_clamps *c, struct str code,
		    struct meter_sandbox_grants *ret)
{
	ret->cpu_milli = integer_grant(&c->cpu_milli);
	ret->ram_mb = integer_grant(&c->ram_mb);
	ret->disk_mb = integer_grant(&c->disk_mb);
	ret->spend = money_grant(&c->spend, code);
	ret->ttl_s = integer_grant(&c->ttl_s);
	ret->idle_timeout_s = integer_grant(&c->idle_s);
}

enum st wallet_limits(struct svc_request *req, const struct wallet_view *wallet,
		      struct cap_limits *ret)
{
	struct meter_caps *own;

	TRY(caps_read(req->arena, wallet, &own));
	*ret = caps_of(wallet->tier, own);
	return ST_OK;
}

static enum st may_have_another(struct svc_request *req, const struct wallet_view *wallet,
				const struct cap_limits *caps, bool *ret_primary)
{
	int64_t running;
	bool has_primary;

	TRY(store_job_count(req->tx, req->arena, wallet->number, &running, &has_primary));
	if (running >= caps->jobs) {
		svc_refuse(req, ST_JOB_LIMIT, "/wallet_id", "%lld are running", (long long)running);
		problem_hint(&req->problem, "at most %lld at tier %lld", (long long)caps->jobs,
			     (long long)wallet->tier);
		return ST_JOB_LIMIT;
	}
	*ret_primary = !has_primary;
	return ST_OK;
}

static enum st create(struct svc_request *req)
{
	const struct meter_job_create_request *in = req->body;
	struct meter_job_grant_reply *out = req->answer;
	struct svc_scope scope = svc_scope_of_request(req);
	struct job_wish wish = { in->has_max_spend,    in->has_ttl_s, in->has_idle_timeout_s,
				 in->max_spend.micros, in->ttl_s,     in->idle_timeout_s };
	struct account *pair;
	struct wallet_view wallet;
	struct cap_limits caps;
	struct job_view job = { .purpose = in->purpose, .created_ms = req->now_ms };

	TRY(wallet_found(req, in->wallet_id, "/wallet_id", &wallet));
	if (in->has_max_spend)
		TRY(amount_check(req, in->max_spend, "/max_spend", wallet.code));
	TRY(ledger_lock_wallet(&scope, req->state, wallet.number, &pair));
	TRY(wallet_limits(req, &wallet, &caps));
	TRY(may_have_another(req, &wallet, &caps, &job.primary));
	struct job_clamps clamps = job_clamp(&caps, &wish);
	if (clamps.spend.granted <= 0)
		return svc_refuse(req, ST_JOB_CAP_ZERO, "/max_spend", "%s", "");
	job.wallet = wallet.number;
	job.budget = clamps.spend.granted;
	job.idle_ms = clamps.idle_s.granted * 1000;
	job.expires_ms = req->now_ms + clamps.ttl_s.granted * 1000;
	TRY(new_id("job", req->now_ms, req->arena, &job.job_id));
	TRY(store_job_insert(req->tx, req->arena, &job));
	TRY(job_tell(&scope, &EVT_METER_JOB_CREATED, job.number, &job));
	job_fill(&job, req->now_ms, &out->job);
	job_grants(&clamps, wallet.code, &out->grants);
	return ST_OK;
}

enum st on_job_create(struct svc_request *req)
{
	return recorded(req, "job.create", create);
}

/* The job, its wallet locked. */
enum st job_locked(struct svc_request *req, struct str job_id, struct job_view *ret,
		   struct account **ret_pair)
{
	struct svc_scope scope = svc_scope_of_request(req);
	int64_t number, wallet;
	bool found;

	TRY(store_job_find(req->tx, req->arena, job_id, &number, &wallet, &found));
	if (!found)
		return svc_refuse(req, ST_JOB_UNKNOWN, "/job_id", "no job \"%.*s\"",
				  STR_ARG(job_id));
	TRY(ledger_lock_wallet(&scope, req->state, wallet, ret_pair));
	TRY(store_job_load(req->tx, req->arena, number, ret));
	if (ret->state == METER_JOB_STATE_RUNNING)
		return ST_OK;
	return svc_refuse(req, ST_JOB_CLOSED, "/job_id", "it ended by %s",
			  ret->reason ? meter_job_reason_names[ret->reason - 1] : "nothing");
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* It only ever gets more: what was granted stays granted. */
static struct job_clamps job_extended(const struct cap_limits *caps, const struct job_wish *wish,
				      const struct job_view *job, int64_t now_ms)
{
	struct job_clamps c = job_clamp(caps, wish);

	c.spend = clamp_kept(c.spend, wish->has_spend, job->budget);
	c.ttl_s = clamp_kept(c.ttl_s, wish->has_ttl, (job->expires_ms - now_ms) / 1000);
	c.idle_s = clamp_kept(c.idle_s, wish->has_idle, job->idle_ms / 1000);
	return c;
}

static enum st extend(struct svc_request *req)
{
	const struct meter_job_extend_request *in = req->body;
	struct meter_job_grant_reply *out = req->answer;
	struct svc_scope scope = svc_scope_of_request(req);
	struct account *pair;
	struct wallet_view wallet;
	struct cap_limits caps;
	struct job_view job;

	TRY(job_locked(req, in->job_id, &job, &pair));
	if (in->has_max_spend)
		TRY(amount_check(req, in->max_spend, "/max_spend", job.code));
	TRY(wallet_found(req, job.wallet_id, "/job_id", &wallet));
	TRY(wallet_limits(req, &wallet, &caps));
	struct job_wish wish = { in->has_max_spend,    in->has_ttl_s, in->has_idle_timeout_s,
				 in->max_spend.micros, in->ttl_s,     in->idle_timeout_s };
	struct job_clamps clamps = job_extended(&caps, &wish, &job, req->now_ms);
	job.budget = clamps.spend.granted;
	job.expires_ms = larger(job.expires_ms, req->now_ms + clamps.ttl_s.granted * 1000);
	job.idle_ms = larger(job.idle_ms, clamps.idle_s.granted * 1000);
	job.activity_ms = req->now_ms;
	TRY(store_job_update(req->tx, &job));
	TRY(job_tell(&scope, &EVT_METER_JOB_EXTENDED, job.number, &job));
	job_fill(&job, req->now_ms, &out->job);
	job_grants(&clamps, job.code, &out->grants);
	return ST_OK;
}

enum st on_job_extend(struct svc_request *req)
{
	return recorded(req, "job.extend", extend);
}

static enum st stop(struct svc_request *req)
{
	const struct meter_job_stop_request *in = req->body;
	struct meter_job_reply *out = req->answer;
	struct svc_scope scope = svc_scope_of_request(req);
	struct account *pair;
	struct job_view job;

	TRY(job_locked(req, in->job_id, &job, &pair));
	TRY(job_end(&scope, req->state, pair, job.number, METER_JOB_REASON_STOP));
	TRY(store_job_load(req->tx, req->arena, job.number, &job));
	job_fill(&job, req->now_ms, &out->job);
	return ST_OK;
}

enum st on_job_stop(struct svc_request *req)
{
	return recorded(req, "job.stop", stop);
}

enum st on_job_show(struct svc_request *req)
{
	const struct meter_job_show_request *in = req->body;
	struct meter_job_reply *out = req->answer;
	struct job_view job;
	int64_t number, wallet;
	bool found;

	TRY(store_job_find(req->tx, req->arena, in->job_id, &number, &wallet, &found));
	if (!found)
		return svc_refuse(req, ST_JOB_UNKNOWN, "/job_id", "no job \"%.*s\"",
				  STR_ARG(in->job_id));
	TRY(store_job_load(req->tx, req->arena, number, &job));
	job_fill(&job, req->now_ms, &out->job);
	return ST_OK;
}

enum st on_job_list(struct svc_request *req)
{
	const struct meter_job_list_request *in = req->body;
	struct meter_job_list_reply *out = req->answer;
	int64_t limit = in->has_limit ? in->limit : METER_PAGE_DEFAULT;
	struct job_views views;

	TRY(store_job_list(req->tx, req->arena, in, limit, &views));
	out->jobs.items = ARENA_ARRAY(req->arena, struct meter_job, views.count);
	out->jobs.count = views.count;
	if (!out->jobs.items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < views.count; i++)
		job_fill(&views.items[i], req->now_ms, &out->jobs.items[i]);
	if ((int64_t)views.count == limit)
		out->next = views.items[views.count - 1].job_id;
	return ST_OK;
}
