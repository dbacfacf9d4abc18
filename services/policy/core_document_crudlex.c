/* core_document_crudlex.c: grants of operations, and what tools say of themselves. */
#include <assert.h>

#include "core_document.h"
#include "crudlex.h"

#define GRANTS_MAX DOCUMENT_RULES_MAX
#define PHASE_MAX 100

static const char *const operation_names[] = { "create", "read",    "update", "delete",
					       "list",   "execute", NULL };
static const char *const level_names[] = { "FULL",    "READ-WRITE", "READONLY", "SAFE",
					   "NO-SEND", "NO-DELETE",  NULL };
static const char *const risk_names[] = { "low", "medium", "high", "critical", NULL };
static const uint8_t levels[] = {
	CRUDLEX_ALL,
	CRUDLEX_ALL ^ CRUDLEX_EXECUTE,
	CRUDLEX_READ | CRUDLEX_LIST,
	CRUDLEX_READ | CRUDLEX_LIST | CRUDLEX_EXECUTE_REVERSIBLE,
	CRUDLEX_ALL ^ (CRUDLEX_EXECUTE | CRUDLEX_DELETE),
	CRUDLEX_ALL ^ CRUDLEX_DELETE,
};

static_assert(sizeof(levels) + 1 == sizeof(level_names) / sizeof(level_names[0]),
	      "each level has its operations");

const char *crudlex_operation_name(uint8_t operation)
{
	for (size_t i = 0; operation_names[i]; i++)
		if (operation == 1u << i)
			return operation_names[i];
	return "none";
}

bool crudlex_operation_find(struct str name, uint8_t *ret)
{
	for (size_t i = 0; operation_names[i]; i++) {
		if (!str_is(name, operation_names[i]))
			continue;
		*ret = (uint8_t)(1u << i);
		return true;
	}
	return false;
}

bool crudlex_level_find(struct str name, uint8_t *ret)
{
	for (size_t i = 0; level_names[i]; i++) {
		if (!str_is(name, level_names[i]))
			continue;
		*ret = levels[i];
		return true;
	}
	return false;
}

static enum st read_operations(struct reader *r, const struct json *node, uint8_t *ret)
{
	uint8_t operations = 0;
	size_t operation;

	TRY(read_list(r, node, "operations", 6));
	for (const struct json *child = node->first; child; child = child->next) {
		TRY(read_word(r, child, "operations", operation_names, &operation));
		operations = (uint8_t)(operations | 1u << operation);
	}
	*ret = operations;
	return ST_OK;
}

static enum st read_powers(struct reader *r, const struct json *node, struct grant *grant)
{
	const struct json *level = json_member(node, "level");
	const struct json *operations = json_member(node, "operations");
	const struct json *deny = json_member(node, "deny");
	size_t number;

	if (!!level + !!operations + !!deny != 1)
		return read_refuse(r, node, "a grant says one of level, operations or deny");
	if (operations)
		return read_operations(r, operations, &grant->operations);
	if (deny) {
		grant->deny = true;
		return read_operations(r, deny, &grant->operations);
	}
	TRY(read_word(r, level, "level", level_names, &number));
	grant->operations = levels[number];
	return ST_OK;
}

static enum st grant_begin(struct reader *r, const struct json *node,
			   enum crudlex_dimension dimension, struct grant **ret)
{
	struct document *d = r->document;
	struct grant *grant = &d->grants[d->grant_count++];
	const struct json *resource;

	*grant = (struct grant){ .line = line_of(r, node),
				 .number = (uint32_t)d->grant_count,
				 .dimension = dimension };
	TRY(need(r, node, "resource", &resource));
	TRY(read_patterns(r, resource, "resource", &grant->resources));
	*ret = grant;
	return read_powers(r, node, grant);
}

static enum st read_user(struct reader *r, const struct json *node)
{
	static const char *const members[] = { "user",       "resource", "level",
					       "operations", "deny",     NULL };
	const struct json *member;
	struct grant *grant;

	TRY(read_members(r, node, "a user's grant", members));
	TRY(grant_begin(r, node, CRUDLEX_USER, &grant));
	TRY(need(r, node, "user", &member));
	return read_pattern(r, member, "user", &grant->subject);
}

static enum st read_agent(struct reader *r, const struct json *node)
{
	static const char *const members[] = { "agent",      "role",     "unit",
					       "standing",   "resource", "level",
					       "operations", "deny",     NULL };
	const struct json *agent = json_member(node, "agent"), *role = json_member(node, "role");
	const struct json *unit = json_member(node, "unit");
	const struct json *standing = json_member(node, "standing");
	struct grant *grant;
	bool stands = false;

	TRY(read_members(r, node, "an agent's grant", members));
	TRY(grant_begin(r, node, CRUDLEX_AGENT, &grant));
	if (!!agent + !!role + !!unit != 1)
		return read_refuse(r, node, "an agent's grant names one of agent, role or unit");
	if (agent)
		TRY(read_pattern(r, agent, "agent", &grant->subject));
	if (role)
		TRY(read_text(r, role, "role", 128, &grant->role));
	if (unit)
		TRY(read_text(r, unit, "unit", 256, &grant->unit));
	if (standing)
		TRY(read_bool(r, standing, "standing", &stands));
	if (stands)
		grant->dimension = CRUDLEX_STANDING;
	return ST_OK;
}

static enum st read_context_grant(struct reader *r, const struct json *node)
{
	static const char *const members[] = { "condition",  "resource", "level",
					       "operations", "deny",     NULL };
	const struct json *condition = json_member(node, "condition");
	struct grant *grant;

	TRY(read_members(r, node, "a context's grant", members));
	TRY(grant_begin(r, node, CRUDLEX_CONTEXT, &grant));
	if (!condition)
		return ST_OK;
	grant->has_condition = true;
	return read_condition(r, condition, &grant->condition);
}

static enum st read_declaration(struct reader *r, const struct json *node)
{
	static const char *const members[] = { "name",  "operation",  "reversible", "money",
					       "phase", "capability", "risk",       NULL };
	struct tool_declaration *tool =
		&r->document->declarations[r->document->declaration_count++];
	const struct json *member;
	size_t word;

	TRY(read_members(r, node, "a tool", members));
	tool->line = line_of(r, node);
	TRY(need(r, node, "name", &member));
	TRY(read_pattern(r, member, "name", &tool->name));
	TRY(need(r, node, "operation", &member));
	TRY(read_word(r, member, "operation", operation_names, &word));
	tool->operation = (uint8_t)(1u << word);
	member = json_member(node, "reversible");
	if (member)
		TRY(read_bool(r, member, "reversible", &tool->reversible));
	tool->money = tool->operation == CRUDLEX_EXECUTE;
	member = json_member(node, "money");
	if (member)
		TRY(read_bool(r, member, "money", &tool->money));
	member = json_member(node, "phase");
	if (member) {
		TRY(read_number(r, member, "phase", NUMBER_ONE, PHASE_MAX * NUMBER_ONE,
				&tool->phase));
		tool->phase /= NUMBER_ONE;
	}
	member = json_member(node, "capability");
	if (member)
		TRY(read_text(r, member, "capability", 128, &tool->scope));
	member = json_member(node, "risk");
	if (!member)
		return ST_OK;
	TRY(read_word(r, member, "risk", risk_names, &word));
	tool->risk = (uint8_t)(word + 1);
	return ST_OK;
}

static enum st read_each(struct reader *r, const struct json *list, const char *what,
			 enum st (*one)(struct reader *r, const struct json *node))
{
	if (!list)
		return ST_OK;
	TRY(read_list(r, list, what, GRANTS_MAX));
	for (const struct json *node = list->first; node; node = node->next) {
		if (node->kind != JSON_OBJECT)
			return read_refuse(r, node, "each of \"%s\" is made of names and values",
					   what);
		TRY(one(r, node));
	}
	return ST_OK;
}

enum st read_crudlex(struct reader *r, const struct json *body)
{
	const struct json *users = json_member(body, "users"),
			  *agents = json_member(body, "agents");
	const struct json *contexts = json_member(body, "contexts");
	const struct json *tools = json_member(body, "tools");
	size_t grants = (users ? users->count : 0) + (agents ? agents->count : 0) +
			(contexts ? contexts->count : 0);

	if (!users && !agents && !contexts && !tools)
		return read_refuse(r, body,
				   "a crudlex document has tools, users, agents or contexts");
	r->document->grants = ARENA_ARRAY(r->arena, struct grant, grants);
	r->document->declarations =
		ARENA_ARRAY(r->arena, struct tool_declaration, tools ? tools->count : 0);
	if (!r->document->grants || !r->document->declarations)
		return ST_TOO_LARGE;
	TRY(read_each(r, tools, "tools", read_declaration));
	TRY(read_each(r, users, "users", read_user));
	TRY(read_each(r, agents, "agents", read_agent));
	return read_each(r, contexts, "contexts", read_context_grant);
}
