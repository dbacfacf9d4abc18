/* core_preapproval.c: approvals in advance: bounded in who, what, where, how often, how much and
 * how long, and what they cover. */
#include <ctype.h>

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

/* A segment ".." would lead out of what the fixed text says. */
static bool leads_out(struct str resource)
{
	struct str segment, rest = resource;

	while (str_cut(rest, '/', &segment, &rest))
		if (str_is(segment, ".."))
			return true;
	return str_is(rest, "..");
}

/* Back to the last star: enough, because a star that crosses no "/" is followed by others that do
 * not either, and "**" ends the pattern. */
bool resource_matches(struct str pattern, struct str resource)
{
	size_t p = 0, r = 0, star = SIZE_MAX, star_r = 0;
	bool rest = str_ends(pattern, "**");
	size_t size = rest ? pattern.size - 2 : pattern.size;

	if (leads_out(resource))
		return false;
	for (;;) {
		if (p == size && (rest || r == resource.size))
			return true;
		if (p < size && pattern.data[p] == '*') {
			star = p++;
			star_r = r;
			continue;
		}
		if (p < size && r < resource.size && pattern.data[p] == resource.data[r]) {
			p++;
			r++;
			continue;
		}
		if (star == SIZE_MAX || star_r >= resource.size || resource.data[star_r] == '/')
			return false;
		r = ++star_r;
		p = star + 1;
	}
}

bool unit_is_under(struct str path, struct str under)
{
	if (path.size < under.size || memcmp(path.data, under.data, under.size) != 0)
		return false;
	return path.size == under.size || path.data[under.size] == '.';
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

static enum st action_covered(const struct use_view *view, struct problem *problem)
{
	const struct approval_preapproval *given = &view->row->preapproval;
	const struct approval_action *action = view->action;
	const char *place = NULL;

	if (view->row->agent_number ? view->row->agent_number != view->agent->number
				    : !unit_is_under(view->agent->unit, given->unit))
		place = "/action/agent_id";
	else if (!str_equal(given->tool, action->tool))
		place = "/action/tool";
	else if (given->operation != action->operation)
		place = "/action/operation";
	else if (!action->resource.data || !resource_matches(given->resource, action->resource))
		place = "/action/resource";
	if (place)
		return problem_set(problem, ST_PREAPPROVAL_NOT_MATCHING, place,
				   "this is not what was approved in advance");
	return ST_OK;
}

static enum st people_check(const struct use_view *view, struct problem *problem)
{
	const struct person_row *signer = view->signer;

	if (!signer || !(signer->roles & PREAPPROVERS))
		return problem_set(problem, ST_PREAPPROVAL_SIGNER_LOST, "/preapproval_id",
				   "\"%.*s\" may not approve now",
				   STR_ARG(view->row->preapproval.approved_by));
	if (view->required->needed > 1 || !(signer->roles & view->required->roles))
		return problem_set(problem, ST_APPROVAL_TERMS_WEAKER, "/required",
				   "one person signed the pre-approval, and not of a role required "
				   "or not enough of them");
	if (person_is(signer, view->agent->owner) || person_is(signer, view->action->on_behalf_of))
		return problem_set(problem, ST_APPROVAL_OWN_AGENT, "/preapproval_id",
				   "the signer owns the agent, or it is done for them");
	return ST_OK;
}

static enum st amount_check(const struct use_view *view, int64_t *ret_micros,
			    struct problem *problem)
{
	const struct approval_preapproval *given = &view->row->preapproval;
	const struct approval_action *action = view->action;
	int64_t left = given->amount_total.micros - given->amount_used.micros;
	int64_t micros = action->has_amount ? action->amount.micros : 0;

	if (action->has_amount && !money_same_currency(action->amount, given->amount_max))
		return problem_set(problem, ST_CURRENCY_MISMATCH, "/action/amount/currency",
				   "it was approved in %s", given->amount_max.currency);
	if (micros < 0 || micros > given->amount_max.micros || micros > left)
		return problem_set(problem, ST_PREAPPROVAL_AMOUNT_EXCEEDED, "/action/amount",
				   "more than one use takes, or than is left");
	*ret_micros = micros;
	return ST_OK;
}

bool preapproval_usable(const struct approval_preapproval *preapproval, int64_t now_ms)
{
	return !preapproval->has_revoked_at_ms && now_ms < preapproval->valid_until_ms &&
	       preapproval->uses < preapproval->uses_max;
}

enum st use_decide(const struct use_view *view, int64_t now_ms, int64_t *ret_micros,
		   struct problem *problem)
{
	const struct approval_preapproval *given = &view->row->preapproval;
	int64_t micros = 0;

	if (view->agent->state == REGISTRY_AGENT_STATE_TERMINATED)
		return problem_set(problem, ST_APPROVAL_AGENT_ENDED, "/action/agent_id",
				   "\"%.*s\" was terminated", STR_ARG(view->action->agent_id));
	TRY(action_covered(view, problem));
	if (given->has_revoked_at_ms)
		return problem_set(problem, ST_PREAPPROVAL_REVOKED, "/preapproval_id",
				   "by \"%.*s\"", STR_ARG(given->revoked_by));
	if (now_ms >= given->valid_until_ms)
		return problem_set(problem, ST_PREAPPROVAL_ENDED, "/preapproval_id", "it ended");
	TRY(people_check(view, problem));
	if (given->uses >= given->uses_max)
		return problem_set(problem, ST_PREAPPROVAL_USED_UP, "/preapproval_id",
				   "all %lld uses are gone", (long long)given->uses_max);
	TRY(amount_check(view, &micros, problem));
	ASSERT(given->uses < given->uses_max);
	ASSERT(given->amount_used.micros + micros <= given->amount_total.micros);
	*ret_micros = micros;
	return ST_OK;
}
