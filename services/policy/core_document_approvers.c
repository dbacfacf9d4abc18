/* core_document_approvers.c: who approves and how many, in a rule and for putting documents in
 * force. */
#include <assert.h>

#include "core_document.h"
#include "gen/approval.h"

static_assert((int)APPROVAL_APPROVER_ROLE_STEWARD == 1 &&
		      (int)APPROVAL_APPROVER_ROLE_LT_MEMBER == 2 &&
		      (int)APPROVAL_APPROVER_ROLE_APPROVER == 3 &&
		      (int)APPROVAL_APPROVER_ROLE_AUDITOR == 4 &&
		      (int)APPROVAL_APPROVER_ROLE_OWNER == 5,
	      "roles stand in the contract's order");

static const char *const role_names[] = { "steward", "lt_member", "approver",
					  "auditor", "owner",     NULL };

static enum st read_roles(struct reader *r, const struct json *node, uint8_t *ret)
{
	const struct json *child = node->kind == JSON_ARRAY ? node->first : node;
	size_t word;

	if (!child)
		return read_refuse(r, node, "\"roles\" lists at least one; leave it out for any");
	for (; child; child = node->kind == JSON_ARRAY ? child->next : NULL) {
		TRY(read_word(r, child, "roles", role_names, &word));
		*ret |= (uint8_t)APPROVER_BIT(word + 1);
	}
	return ST_OK;
}

static enum st read_count(struct reader *r, const struct json *node, uint8_t *ret)
{
	int64_t count;

	TRY(read_number(r, node, "count", NUMBER_ONE, APPROVERS_MAX * NUMBER_ONE, &count));
	if (count % NUMBER_ONE != 0)
		return read_refuse(r, node, "\"count\" is a whole number of people");
	*ret = (uint8_t)(count / NUMBER_ONE);
	return ST_OK;
}

enum st read_approvers(struct reader *r, const struct json *node, struct approvers_said *ret)
{
	static const char *const members[] = { "roles", "count", NULL };
	const struct json *roles, *count;

	TRY(read_members(r, node, "\"approvers\"", members));
	roles = json_member(node, "roles");
	count = json_member(node, "count");
	if (!roles && !count)
		return read_refuse(r, node, "\"approvers\" says \"roles\", \"count\" or both");
	*ret = (struct approvers_said){ .count = 1 };
	if (roles)
		TRY(read_roles(r, roles, &ret->roles));
	else
		ret->roles = APPROVER_ROLES_ALL;
	return count ? read_count(r, count, &ret->count) : ST_OK;
}

/* Changes of what is in force are everybody's: only the root says how they are approved. */
enum st read_activation(struct reader *r, const struct json *body)
{
	static const char *const members[] = { "require_approval", "approvers", NULL };
	const struct json *node = json_member(body, "activation"), *member;
	struct document *d = r->document;
	bool required = false;

	if (!node)
		return ST_OK;
	if (d->place != PLACE_ROOT)
		return read_refuse(r, node, "\"activation\" is said by a document of the root");
	TRY(read_members(r, node, "\"activation\"", members));
	TRY(need(r, node, "require_approval", &member));
	TRY(read_bool(r, member, "require_approval", &required));
	if (!required)
		return read_refuse(
			r, member,
			"\"require_approval\" is true here, or \"activation\" is left out");
	d->activation = (struct approvers_said){ APPROVER_ROLES_ALL, 1 };
	d->activation_line = line_of(r, node);
	member = json_member(node, "approvers");
	return member ? read_approvers(r, member, &d->activation) : ST_OK;
}

void approvers_words(struct buf *buf, const struct approvers_said *said)
{
	const char *before = " of ";

	buf_printf(buf, "%u", (unsigned)said->count);
	if (said->roles == APPROVER_ROLES_ALL)
		return;
	for (size_t i = 0; role_names[i]; i++) {
		if (!(said->roles & APPROVER_BIT(i + 1)))
			continue;
		buf_printf(buf, "%s%s", before, role_names[i]);
		before = ", ";
	}
}
