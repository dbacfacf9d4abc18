/* core_limit.c: who gets another minute. */
#include "arena.h"
#include "meter.h"

enum meter_stop_reason limit_own(const struct run *run, const struct job_state *job,
				 int64_t paid_through_ms, int64_t next_ms, int64_t now_ms)
{
	int64_t until_ms = run->from_ms + minutes_paid(run->from_ms, next_ms) * MINUTE_MS;
	int64_t idle_ms = run->idle_ms;

	if (run_lease_until_ms(run, paid_through_ms) <= now_ms)
		return METER_STOP_REASON_LEASE_ENDED;
	/* Nothing more to pay: nothing to refuse but idleness. */
	if (minutes_paid(run->from_ms, next_ms) > run_minutes(run, paid_through_ms) &&
	    (until_ms > run->expires_ms || until_ms > job->expires_ms))
		return METER_STOP_REASON_TIME_TO_LIVE;
	if (run->activity_ms + idle_ms <= now_ms)
		return METER_STOP_REASON_IDLE;
	return METER_STOP_REASON_NONE;
}

/* Both counts of minutes are at most time / minute, prices at most what a wallet can hold; a
 * product that does not fit is more than any cap. */
static int64_t cost_of(int64_t price, int64_t minutes)
{
	int64_t cost;

	if (micros_multiply(price, minutes, 1, MONEY_CEIL, &cost) != ST_OK)
		return INT64_MAX;
	return cost;
}

static const struct job_state *job_find(const struct limit_input *in, int64_t job, size_t *ret)
{
	size_t low = 0, high = in->job_count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (in->jobs[middle].job < job)
			low = middle + 1;
		else
			high = middle;
	}
	ASSERT(low < in->job_count && in->jobs[low].job == job);
	*ret = low;
	return &in->jobs[low];
}

static int64_t add_capped(int64_t a, int64_t b)
{
	return a > INT64_MAX - b ? INT64_MAX : a + b;
}

/* What the running sandboxes of each job have spent already. */
static void jobs_left(const struct limit_input *in, int64_t *left)
{
	for (size_t j = 0; j < in->job_count; j++)
		left[j] = in->jobs[j].budget - in->jobs[j].closed - in->jobs[j].held;
	for (size_t i = 0; i < in->run_count; i++) {
		const struct run *run = &in->runs[i];
		size_t j;
		job_find(in, run->job, &j);
		left[j] -= cost_of(run->price, run_minutes(run, in->paid_through_ms));
	}
}

static enum meter_stop_reason money_reason(const struct run *run, int64_t spent, int64_t cost,
					   int64_t job_left, int64_t available)
{
	if (add_capped(spent, cost) > run->cap)
		return METER_STOP_REASON_SANDBOX_CAP;
	if (cost > job_left)
		return METER_STOP_REASON_JOB_CAP;
	if (cost > available)
		return METER_STOP_REASON_ACCOUNT;
	return METER_STOP_REASON_NONE;
}

void limits_decide(const struct limit_input *in, enum meter_stop_reason *ret_reasons,
		   struct arena *arena)
{
	int64_t available = in->available;
	int64_t *left = ARENA_ARRAY(arena, int64_t, in->job_count);

	ASSERT(left && in->next_ms >= in->paid_through_ms && available >= 0);
	jobs_left(in, left);
	for (size_t i = 0; i < in->run_count; i++) {
		const struct run *run = &in->runs[i];
		size_t j;
		const struct job_state *job = job_find(in, run->job, &j);
		int64_t had = run_minutes(run, in->paid_through_ms);
		int64_t more = minutes_paid(run->from_ms, in->next_ms) - had;
		int64_t cost = cost_of(run->price, more);
		enum meter_stop_reason own =
			limit_own(run, job, in->paid_through_ms, in->next_ms, in->now_ms);
		enum meter_stop_reason reason =
			money_reason(run, cost_of(run->price, had), cost, left[j], available);

		ASSERT(more >= 0);
		if (own == METER_STOP_REASON_LEASE_ENDED || reason == METER_STOP_REASON_NONE)
			reason = own;
		ret_reasons[i] = reason;
		if (reason != METER_STOP_REASON_NONE)
			continue;
		left[j] -= cost;
		available -= cost;
		ASSERT(left[j] >= 0 && available >= 0);
	}
}
