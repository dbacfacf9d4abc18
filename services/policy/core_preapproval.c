/* core_preapproval.c: does what a person approved in advance cover this action? */
#include <strings.h>

#include "preapproval.h"

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
bool resource_pattern_matches(struct str pattern, struct str resource)
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

static bool unit_is_under(struct str path, struct str under)
{
	if (path.size < under.size || memcmp(path.data, under.data, under.size) != 0)
		return false;
	return path.size == under.size || path.data[under.size] == '.';
}

static bool same_text(struct str a, struct str b)
{
	return a.size == b.size && a.size > 0 && strncasecmp(a.data, b.data, a.size) == 0;
}

struct str person_of(struct str principal)
{
	static const char human[] = "human:";

	if (!str_starts(principal, human))
		return principal;
	return (struct str){ principal.data + sizeof(human) - 1,
			     principal.size - sizeof(human) + 1 };
}

/* By id, address or name. */
static bool signer_is(const struct signer *signer, struct str name)
{
	if (!name.data || name.size == 0)
		return false;
	name = person_of(name);
	return str_equal(name, signer->person_id) || same_text(name, signer->email) ||
	       same_text(name, signer->name);
}

/* One person signed it: never enough where two are wanted, never for their own agent. */
static bool signer_counts(const struct preapproval *given, const struct agent *agent,
			  const struct approval_action *action, const struct approvers *wanted)
{
	const struct signer *signer = &given->signer;

	return (signer->roles & PREAPPROVERS) && (signer->roles & wanted->roles) &&
	       wanted->count <= 1 && !signer_is(signer, agent->owner) &&
	       !signer_is(signer, action->on_behalf_of);
}

/* A tool that may move money moves an amount nobody knows when none is said: no ceiling holds it.
 */
static bool amount_fits(const struct preapproval *given, const struct approval_action *action,
			bool money)
{
	if (!action->has_amount)
		return !money;
	return money_same_currency(action->amount, given->amount_max) &&
	       action->amount.micros >= 0 && action->amount.micros <= given->amount_max.micros &&
	       action->amount.micros <= given->amount_left;
}

bool preapproval_covers(const struct preapproval *given, const struct agent *agent,
			const struct approval_action *action, bool money,
			const struct approvers *wanted)
{
	bool whose = given->number ? given->number == agent->number
				   : unit_is_under(agent->unit, given->unit);

	return whose && str_equal(given->tool, action->tool) &&
	       given->operation == action->operation && action->resource.data &&
	       resource_pattern_matches(given->resource, action->resource) &&
	       amount_fits(given, action, money) && signer_counts(given, agent, action, wanted);
}
