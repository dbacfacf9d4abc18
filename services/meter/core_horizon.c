/* core_horizon.c: how long a wallet's sandboxes can go on. */
#include "meter.h"

enum meter_horizon_state horizon_state(int64_t minutes, const struct horizon_thresholds *t)
{
	ASSERT(t->alive_minutes >= t->warning_minutes && t->warning_minutes >= t->critical_minutes);
	if (minutes < 1)
		return METER_HORIZON_STATE_DORMANT;
	if (minutes >= t->alive_minutes)
		return METER_HORIZON_STATE_ALIVE;
	if (minutes >= t->warning_minutes)
		return METER_HORIZON_STATE_WARNING;
	return minutes >= t->critical_minutes ? METER_HORIZON_STATE_CRITICAL
					      : METER_HORIZON_STATE_EMERGENCY;
}

static int64_t not_negative(int64_t value)
{
	return value < 0 ? 0 : value;
}

/* The job's own two runways; the shorter one is how long it lasts. */
static int64_t job_lasts(const struct horizon_job *job, struct horizon *h)
{
	int64_t time = not_negative(job->time_left_ms) / MINUTE_MS;

	h->has_time = true;
	h->job_time_minutes = time;
	h->binding = METER_BINDING_JOB_TIME;
	h->has_job = job->burn > 0;
	h->job_minutes = h->has_job ? not_negative(job->left) / job->burn : 0;
	if (!h->has_job || h->job_minutes >= time)
		return time;
	h->binding = METER_BINDING_JOB_BUDGET;
	return h->job_minutes;
}

static struct horizon nothing_runs(struct horizon h)
{
	h.minutes = 0;
	h.state = METER_HORIZON_STATE_DORMANT;
	return h;
}

/* The job that lasts longest among those that burn, or, when none does, among those that could pay
 * a minute. */
static int64_t longest_job(int64_t minute_least, const struct horizon_job *jobs, size_t count,
			   struct horizon *h)
{
	int64_t longest = -1;

	for (size_t i = 0; i < count; i++) {
		struct horizon one = *h;
		bool counts = h->burn > 0 ? jobs[i].burn > 0 : jobs[i].left >= minute_least;
		int64_t lasts = counts ? job_lasts(&jobs[i], &one) : -1;
		if (lasts <= longest)
			continue;
		longest = lasts;
		*h = one;
	}
	return longest;
}

struct horizon horizon_of(int64_t available, int64_t minute_least, const struct horizon_job *jobs,
			  size_t job_count, const struct horizon_thresholds *thresholds)
{
	struct horizon h = { .binding = METER_BINDING_NOTHING_RUNS };

	ASSERT(available >= 0 && minute_least > 0);
	for (size_t i = 0; i < job_count; i++)
		h.burn = jobs[i].burn > INT64_MAX - h.burn ? INT64_MAX : h.burn + jobs[i].burn;
	int64_t longest = longest_job(minute_least, jobs, job_count, &h);
	if (longest < 0)
		return nothing_runs(h);
	h.minutes = longest;
	if (h.burn == 0 && available < minute_least) {
		h.binding = METER_BINDING_BALANCE;
		return nothing_runs(h);
	}
	if (h.burn > 0) {
		h.has_balance = true;
		h.balance_minutes = available / h.burn;
		if (h.balance_minutes < h.minutes) {
			h.minutes = h.balance_minutes;
			h.binding = METER_BINDING_BALANCE;
		}
	}
	h.state = horizon_state(h.minutes, thresholds);
	return h;
}
