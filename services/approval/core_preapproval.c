/* core_preapproval.c: approvals in advance: bounded in who, what, where, how often, how much and
 * how long. */
#include "approval.h"

static enum st unbounded(struct problem *problem, const char *pointer, const char *why)
{
	return problem_set(problem, ST_PREAPPROVAL_UNBOUNDED, pointer, "%s", why);
}

enum st resource_pattern_check(struct str pattern, const char *pointer, struct problem *problem)
{
	size_t fixed = 0, stars = 0;

	while (fixed < pattern.size && pattern.data[fixed] != '*')
		fixed++;
	if (fixed < PREAPPROVAL_PREFIX_MIN && fixed < pattern.size)
		return unbounded(problem, pointer,
				 "a pattern begins with at least three fixed characters");
	for (size_t i = 0; i < pattern.size; i++) {
		if (pattern.data[i] != '*')
			continue;
		stars++;
		if (i + 1 < pattern.size && pattern.data[i + 1] == '*') {
			if (i + 2 != pattern.size)
				return unbounded(problem, pointer, "\"**\" stands at the end only");
			break;
		}
	}
	if (stars > PREAPPROVAL_STARS_MAX)
		return unbounded(problem, pointer, "a pattern has at most eight stars");
	return ST_OK;
}

static enum st too_wide(struct problem *problem, const char *pointer, int64_t found, int64_t most)
{
	return problem_set(problem, ST_PREAPPROVAL_TOO_WIDE, pointer, "%lld, and %lld is the most",
			   (long long)found, (long long)most);
}

static enum st amounts_check(const struct approval_limits *limits,
			     const struct approval_preapproval_grant *grant,
			     struct problem *problem)
{
	int64_t most;

	if (!money_same_currency(grant->amount_max, grant->amount_total))
		return problem_set(problem, ST_CURRENCY_MISMATCH, "/act/payload/amount_total",
				   "both amounts are of one currency");
	if (grant->amount_max.micros < 0)
		return unbounded(problem, "/act/payload/amount_max", "an amount is not negative");
	if (grant->amount_total.micros < grant->amount_max.micros)
		return problem_set(problem, ST_PREAPPROVAL_TOO_WIDE, "/act/payload/amount_max",
				   "one use takes no more than all of them");
	TRY(micros_multiply(limits->preapproval_amount_max, MONEY_MICROS_PER_UNIT, 1, MONEY_FLOOR,
			    &most));
	if (grant->amount_total.micros > most)
		return too_wide(problem, "/act/payload/amount_total",
				grant->amount_total.micros / MONEY_MICROS_PER_UNIT,
				limits->preapproval_amount_max);
	return ST_OK;
}

enum st grant_check(const struct approval_limits *limits,
		    const struct approval_preapproval_grant *grant, int64_t now_ms,
		    struct problem *problem)
{
	int64_t life_ms = grant->valid_until_ms - now_ms;

	if (!grant->agent_id.data == !grant->unit.data)
		return unbounded(problem, "/act/payload", "it names one of agent_id and unit");
	TRY(resource_pattern_check(grant->resource, "/act/payload/resource", problem));
	TRY(amounts_check(limits, grant, problem));
	if (grant->uses_max > limits->preapproval_uses_max)
		return too_wide(problem, "/act/payload/uses_max", grant->uses_max,
				limits->preapproval_uses_max);
	if (life_ms <= 0)
		return problem_set(problem, ST_PREAPPROVAL_TOO_WIDE, "/act/payload/valid_until",
				   "it ends before it begins");
	if (life_ms > limits->preapproval_life_max_ms)
		return too_wide(problem, "/act/payload/valid_until", life_ms / 1000,
				limits->preapproval_life_max_ms / 1000);
	return ST_OK;
}

bool preapproval_usable(const struct approval_preapproval *preapproval, int64_t now_ms)
{
	return !preapproval->has_revoked_at_ms && now_ms < preapproval->valid_until_ms &&
	       preapproval->uses < preapproval->uses_max;
}
