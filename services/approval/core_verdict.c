/* core_verdict.c: what a request is at a time, who may judge it, what a verdict does, and whether
 * it may be used. */
#include <strings.h>

#include "approval.h"

enum approval_request_state request_state_at(const struct request_row *row, int64_t now_ms)
{
	if (row->state == APPROVAL_REQUEST_STATE_PENDING && now_ms >= row->deadline_ms)
		return APPROVAL_REQUEST_STATE_EXPIRED;
	if (row->state == APPROVAL_REQUEST_STATE_APPROVED && now_ms >= row->valid_until_ms)
		return APPROVAL_REQUEST_STATE_LAPSED;
	return row->state;
}

int64_t request_due_ms(const struct request_row *row)
{
	if (row->state == APPROVAL_REQUEST_STATE_APPROVED)
		return row->valid_until_ms;
	if (row->state != APPROVAL_REQUEST_STATE_PENDING)
		return 0;
	return row->escalate_ms && !row->escalated_ms ? row->escalate_ms : row->deadline_ms;
}

enum request_due request_due_at(const struct request_row *row, int64_t now_ms)
{
	enum approval_request_state state = request_state_at(row, now_ms);

	if (state != row->state)
		return state == APPROVAL_REQUEST_STATE_EXPIRED ? REQUEST_DUE_EXPIRE
							       : REQUEST_DUE_LAPSE;
	if (state == APPROVAL_REQUEST_STATE_PENDING && row->escalate_ms && !row->escalated_ms &&
	    now_ms >= row->escalate_ms)
		return REQUEST_DUE_ESCALATE;
	return REQUEST_DUE_NOTHING;
}

bool group_has(const struct group *group, const struct person_row *person)
{
	if (!(group->roles & person->roles))
		return false;
	for (size_t i = 0; i < group->people_count; i++)
		if (str_equal(group->people[i], person->person_id))
			return true;
	return group->people_count == 0;
}

static bool same_address(struct str a, struct str b)
{
	return a.size == b.size && a.size > 0 && strncasecmp(a.data, b.data, a.size) == 0;
}

bool person_is(const struct person_row *person, struct str name)
{
	static const char human[] = "human:";

	if (!name.data || name.size == 0)
		return false;
	if (str_starts(name, human))
		name = (struct str){ name.data + sizeof(human) - 1, name.size - sizeof(human) + 1 };
	return str_equal(name, person->person_id) || same_address(name, person->email) ||
	       same_address(name, person->name);
}

bool request_is_own(const struct request_row *row, struct str owner_now,
		    const struct person_row *person)
{
	return person_is(person, row->owner) || person_is(person, owner_now) ||
	       person_is(person, row->requested_by) || person_is(person, row->action.on_behalf_of);
}

static enum st pending_check(const struct request_row *row, int64_t now_ms, struct problem *problem)
{
	enum approval_request_state state = request_state_at(row, now_ms);

	if (state == APPROVAL_REQUEST_STATE_PENDING)
		return ST_OK;
	if (state == APPROVAL_REQUEST_STATE_EXPIRED)
		return problem_set(problem, ST_APPROVAL_DEADLINE_PASSED, "/request_id",
				   "nothing was decided in time, so the action is aborted");
	return problem_set(problem, ST_APPROVAL_NOT_PENDING, "/request_id", "it is %s",
			   approval_request_state_names[state - 1]);
}

static enum st group_check(const struct request_row *row, const struct person_row *person,
			   bool *ret_escalated, struct problem *problem)
{
	bool second = row->escalated_ms != 0;

	if (group_has(&row->group, person)) {
		*ret_escalated = false;
		return ST_OK;
	}
	if (second && group_has(&row->second, person)) {
		*ret_escalated = true;
		return ST_OK;
	}
	if (!((row->group.roles | (second ? row->second.roles : 0)) & person->roles))
		return problem_set(problem, ST_ROLE_REQUIRED, "/act/key_id",
				   "the signer does not hold a role that was asked");
	return problem_set(problem, ST_APPROVAL_NOT_IN_GROUP, "/act/key_id",
			   "other people were named");
}

enum st verdict_decide(const struct verdict_view *view, struct str digest, int64_t now_ms,
		       bool *ret_escalated, struct problem *problem)
{
	const struct request_row *row = view->row;
	bool escalated = false;

	if (!str_equal(digest, row->digest))
		return problem_set(problem, ST_APPROVAL_DIGEST_DIFFERS,
				   "/act/payload/action_digest", "the request is about \"%.*s\"",
				   STR_ARG(row->digest));
	if (view->given)
		return problem_set(problem, ST_APPROVAL_VERDICT_GIVEN, "/act/key_id",
				   "\"%.*s\" has judged it", STR_ARG(view->person->person_id));
	TRY(pending_check(row, now_ms, problem));
	TRY(group_check(row, view->person, &escalated, problem));
	if (!row->own_allowed && request_is_own(row, view->owner_now, view->person)) {
		problem_set(problem, ST_APPROVAL_OWN_AGENT, "/act/key_id",
			    "the signer owns the agent, asked for it, or it is done for them");
		problem_hint(problem, "someone else of the group has to judge it");
		return ST_APPROVAL_OWN_AGENT;
	}
	*ret_escalated = escalated;
	return ST_OK;
}

enum approval_request_state verdict_outcome(const struct request_row *row,
					    enum approval_verdict_kind verdict)
{
	ASSERT(row->state == APPROVAL_REQUEST_STATE_PENDING);
	if (verdict == APPROVAL_VERDICT_KIND_REJECT)
		return APPROVAL_REQUEST_STATE_REJECTED;
	return row->approvals + 1 >= row->needed ? APPROVAL_REQUEST_STATE_APPROVED
						 : APPROVAL_REQUEST_STATE_PENDING;
}

static enum st state_usable(enum approval_request_state state, struct problem *problem)
{
	static const enum st refusals[] = {
		[APPROVAL_REQUEST_STATE_NONE] = ST_INTERNAL,
		[APPROVAL_REQUEST_STATE_PENDING] = ST_APPROVAL_NOT_GIVEN,
		[APPROVAL_REQUEST_STATE_APPROVED] = ST_OK,
		[APPROVAL_REQUEST_STATE_REJECTED] = ST_APPROVAL_REJECTED,
		[APPROVAL_REQUEST_STATE_EXPIRED] = ST_APPROVAL_DEADLINE_PASSED,
		[APPROVAL_REQUEST_STATE_WITHDRAWN] = ST_APPROVAL_WITHDRAWN,
		[APPROVAL_REQUEST_STATE_CONSUMED] = ST_APPROVAL_USED,
		[APPROVAL_REQUEST_STATE_LAPSED] = ST_APPROVAL_LAPSED,
	};

	if (refusals[state] == ST_OK)
		return ST_OK;
	return problem_set(problem, refusals[state], "/request_id", "it is %s",
			   approval_request_state_names[state - 1]);
}

enum st consume_decide(const struct request_row *row, const struct approving *approving,
		       size_t count, struct str digest, const struct required *required,
		       int64_t now_ms, struct problem *problem)
{
	int64_t counted = 0;

	if (!str_equal(digest, row->digest)) {
		problem_set(problem, ST_APPROVAL_DIGEST_DIFFERS, "/action_digest",
			    "\"%.*s\" was approved", STR_ARG(row->digest));
		problem_hint(problem, "a changed action needs an approval of its own");
		return ST_APPROVAL_DIGEST_DIFFERS;
	}
	TRY(state_usable(request_state_at(row, now_ms), problem));
	for (size_t i = 0; i < count; i++)
		if (approving[i].roles & required->roles)
			counted++;
	if (counted < required->needed)
		return problem_set(problem, ST_APPROVAL_TERMS_WEAKER, "/required",
				   "%lld of these roles approved and %lld are required",
				   (long long)counted, (long long)required->needed);
	ASSERT(count > 0 && (int64_t)count >= row->needed && now_ms < row->valid_until_ms);
	return ST_OK;
}
