/* core_terms.c: who is asked, how many of them, for how long. */
#include <assert.h>

#include "approval.h"

static_assert((int)APPROVAL_APPROVER_ROLE_STEWARD == (int)REGISTRY_PERSON_ROLE_STEWARD &&
		      (int)APPROVAL_APPROVER_ROLE_LT_MEMBER ==
			      (int)REGISTRY_PERSON_ROLE_LT_MEMBER &&
		      (int)APPROVAL_APPROVER_ROLE_APPROVER == (int)REGISTRY_PERSON_ROLE_APPROVER &&
		      (int)APPROVAL_APPROVER_ROLE_AUDITOR == (int)REGISTRY_PERSON_ROLE_AUDITOR &&
		      (int)APPROVAL_APPROVER_ROLE_OWNER == (int)REGISTRY_PERSON_ROLE_OWNER,
	      "the registry's roles are kept by their number");

uint32_t roles_of(const enum approval_approver_role *items, size_t count)
{
	uint32_t roles = 0;

	for (size_t i = 0; i < count; i++)
		roles |= APPROVER_BIT(items[i]);
	return roles;
}

uint32_t role_bit_of_registry(enum registry_person_role role)
{
	return role == REGISTRY_PERSON_ROLE_NONE ? 0 : 1u << (unsigned)role;
}

struct group group_of(const struct approval_approver_group *in)
{
	struct group group = { .roles = roles_of(in->roles.items, in->roles.count) };

	if (in->has_people) {
		group.people = in->people.items;
		group.people_count = in->people.count;
	}
	return group;
}

struct approval_action action_of(const struct approval_approval_request_request *in)
{
	return (struct approval_action){
		.agent_id = in->agent_id,
		.tool = in->tool,
		.operation = in->operation,
		.resource = in->resource,
		.has_amount = in->has_amount,
		.amount = in->amount,
		.parameters_hash = in->parameters_hash,
		.on_behalf_of = in->on_behalf_of,
	};
}

static enum st policy_only(const struct approval_approval_request_request *in, bool by_policy,
			   struct problem *problem)
{
	if (by_policy)
		return ST_OK;
	if (in->escalation)
		return problem_set(problem, ST_APPROVAL_TERMS_OF_POLICY, "/escalation",
				   "escalation is asked for by the policy service");
	if (in->has_own_agent_allowed && in->own_agent_allowed)
		return problem_set(problem, ST_APPROVAL_TERMS_OF_POLICY, "/own_agent_allowed",
				   "this is permitted by the policy service");
	return ST_OK;
}

static enum st duration_decide(bool has, int64_t value_s, int64_t default_ms, int64_t max_ms,
			       const char *pointer, int64_t *ret_ms, struct problem *problem)
{
	int64_t ms = has ? value_s * 1000 : default_ms;

	if (ms > max_ms)
		return problem_set(problem, ST_APPROVAL_TERMS_INVALID, pointer,
				   "%lld seconds, and %lld are the most", (long long)(ms / 1000),
				   (long long)(max_ms / 1000));
	*ret_ms = ms;
	return ST_OK;
}

static enum st escalation_decide(const struct approval_approval_request_request *in,
				 struct request_row *row, struct problem *problem)
{
	if (!in->escalation) {
		if (row->group.people_count > 0 && (int64_t)row->group.people_count < row->needed)
			return problem_set(problem, ST_APPROVAL_TERMS_INVALID, "/needed",
					   "%lld have to approve and %zu are named",
					   (long long)row->needed, row->group.people_count);
		return ST_OK;
	}
	row->second = group_of(&in->escalation->group);
	row->escalate_ms = row->created_ms + in->escalation->after_s * 1000;
	if (row->escalate_ms >= row->deadline_ms)
		return problem_set(problem, ST_APPROVAL_TERMS_INVALID, "/escalation/after_s",
				   "escalation comes before the deadline");
	return ST_OK;
}

enum st terms_decide(const struct approval_limits *limits,
		     const struct approval_approval_request_request *in, bool by_policy,
		     int64_t now_ms, struct request_row *ret, struct problem *problem)
{
	struct request_row row = *ret;
	int64_t deadline_ms = 0;

	TRY(policy_only(in, by_policy, problem));
	TRY(duration_decide(in->has_deadline_s, in->deadline_s, limits->deadline_default_ms,
			    limits->deadline_max_ms, "/deadline_s", &deadline_ms, problem));
	TRY(duration_decide(in->has_validity_s, in->validity_s, limits->validity_default_ms,
			    limits->validity_max_ms, "/validity_s", &row.validity_ms, problem));
	row.group = in->approvers ? group_of(in->approvers)
				  : (struct group){ .roles = APPROVERS_DEFAULT };
	row.needed = in->has_needed ? in->needed : 1;
	row.own_allowed = in->has_own_agent_allowed && in->own_agent_allowed;
	row.created_ms = now_ms;
	row.deadline_ms = now_ms + deadline_ms;
	TRY(escalation_decide(in, &row, problem));
	ASSERT(row.deadline_ms > now_ms && row.group.roles != 0 && row.needed > 0);
	*ret = row;
	return ST_OK;
}

enum st parameters_check(struct str parameters, struct str parameters_hash, struct problem *problem)
{
	struct hash hash;
	char text[HASH_TEXT_SIZE];

	if (!parameters.data)
		return ST_OK;
	sha256_of(parameters.data, parameters.size, &hash);
	hash_to_text(&hash, text);
	if (!str_is(parameters_hash, text))
		return problem_set(problem, ST_APPROVAL_PARAMETERS_DIFFER, "/parameters",
				   "their hash is \"%s\"", text);
	return ST_OK;
}
