/* core_clamp.c: requested, the policy's cap, what is left of the job; in this order. */
#include "meter.h"

#define HOUR_S INT64_C(3600)
#define DAY_S (24 * HOUR_S)
#define UNITS(n) ((n)*INT64_C(1000000))

static const struct cap_limits tier_caps[METER_TIERS] = {
	{ .jobs = 1,
	  .sandboxes = 8,
	  .job_spend = UNITS(50),
	  .job_ttl_s = 7 * DAY_S,
	  .sandbox_spend = UNITS(10),
	  .sandbox_ttl_s = DAY_S,
	  .idle_timeout_s = DAY_S,
	  .cpu_milli = 2000,
	  .ram_mb = 4096,
	  .disk_mb = 20480 },
	{ .jobs = 4,
	  .sandboxes = 64,
	  .job_spend = UNITS(1000),
	  .job_ttl_s = 31 * DAY_S,
	  .sandbox_spend = UNITS(100),
	  .sandbox_ttl_s = 7 * DAY_S,
	  .idle_timeout_s = 7 * DAY_S,
	  .cpu_milli = 8000,
	  .ram_mb = 32768,
	  .disk_mb = 204800 },
	{ .jobs = 16,
	  .sandboxes = 1024,
	  .job_spend = UNITS(50000),
	  .job_ttl_s = 366 * DAY_S,
	  .sandbox_spend = UNITS(5000),
	  .sandbox_ttl_s = 31 * DAY_S,
	  .idle_timeout_s = 31 * DAY_S,
	  .cpu_milli = 64000,
	  .ram_mb = 262144,
	  .disk_mb = 2097152 },
};

struct cap_limits caps_of(int64_t tier, const struct meter_caps *caps)
{
	ASSERT(tier >= 0 && tier < METER_TIERS);
	struct cap_limits limits = tier_caps[tier];

	if (!caps)
		return limits;
	if (caps->has_jobs)
		limits.jobs = caps->jobs;
	if (caps->has_sandboxes)
		limits.sandboxes = caps->sandboxes;
	if (caps->has_job_spend)
		limits.job_spend = caps->job_spend.micros;
	if (caps->has_job_ttl_s)
		limits.job_ttl_s = caps->job_ttl_s;
	if (caps->has_sandbox_spend)
		limits.sandbox_spend = caps->sandbox_spend.micros;
	if (caps->has_sandbox_ttl_s)
		limits.sandbox_ttl_s = caps->sandbox_ttl_s;
	if (caps->has_idle_timeout_s)
		limits.idle_timeout_s = caps->idle_timeout_s;
	if (caps->has_cpu_milli)
		limits.cpu_milli = caps->cpu_milli;
	if (caps->has_ram_mb)
		limits.ram_mb = caps->ram_mb;
	if (caps->has_disk_mb)
		limits.disk_mb = caps->disk_mb;
	return limits;
}

struct clamp clamp_of(bool has_requested, int64_t requested, int64_t cap, bool has_remaining,
		      int64_t remaining)
{
	struct clamp clamp = { .has_requested = has_requested,
			       .has_remaining = has_remaining,
			       .requested = requested,
			       .cap = cap,
			       .remaining = remaining };

	if (has_requested && requested <= cap) {
		clamp.granted = requested;
		clamp.bound_by = METER_BOUND_BY_REQUESTED;
	} else {
		clamp.granted = cap;
		clamp.bound_by = METER_BOUND_BY_POLICY_CAP;
	}
	if (has_remaining && remaining < clamp.granted) {
		clamp.granted = remaining;
		clamp.bound_by = METER_BOUND_BY_JOB_REMAINING;
	}
	return clamp;
}

struct clamp clamp_kept(struct clamp clamp, bool asked, int64_t had)
{
	if (asked && clamp.granted >= had)
		return clamp;
	clamp.has_requested = asked;
	clamp.granted = had;
	clamp.bound_by = METER_BOUND_BY_ALREADY_GRANTED;
	return clamp;
}

struct job_clamps job_clamp(const struct cap_limits *caps, const struct job_wish *wish)
{
	struct job_clamps clamps = {
		.spend = clamp_of(wish->has_spend, wish->spend, caps->job_spend, false, 0),
		.ttl_s = clamp_of(wish->has_ttl, wish->ttl_s, caps->job_ttl_s, false, 0),
	};

	/* Longer than the job lives it never idles. */
	clamps.idle_s = clamp_of(wish->has_idle, wish->idle_s, caps->idle_timeout_s, false, 0);
	return clamps;
}

struct sandbox_clamps sandbox_clamp(const struct cap_limits *caps, const struct sandbox_wish *wish,
				    int64_t job_left, int64_t job_left_s, int64_t job_idle_s)
{
	return (struct sandbox_clamps){
		.cpu_milli = clamp_of(true, wish->cpu_milli, caps->cpu_milli, false, 0),
		.ram_mb = clamp_of(true, wish->ram_mb, caps->ram_mb, false, 0),
		.disk_mb = clamp_of(true, wish->disk_mb, caps->disk_mb, false, 0),
		.spend =
			clamp_of(wish->has_spend, wish->spend, caps->sandbox_spend, true, job_left),
		.ttl_s =
			clamp_of(wish->has_ttl, wish->ttl_s, caps->sandbox_ttl_s, true, job_left_s),
		.idle_s = clamp_of(wish->has_idle, wish->idle_s, caps->idle_timeout_s, true,
				   job_idle_s),
	};
}
