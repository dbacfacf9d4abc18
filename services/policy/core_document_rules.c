/* core_document_rules.c: the statements of the five types. */
#include "core_document.h"

#define AMOUNT_MAX (INT64_C(9000000000000) * 1000000)

static enum st rules_begin(struct reader *r, const struct json *body, const char *name,
			   const struct json **ret)
{
	TRY(need(r, body, name, ret));
	TRY(read_list(r, *ret, name, DOCUMENT_RULES_MAX));
	r->document->rules = ARENA_ARRAY(r->arena, struct rule, (*ret)->count);
	return r->document->rules ? ST_OK : ST_TOO_LARGE;
}

static struct rule *rule_add(struct reader *r, const struct json *node)
{
	struct document *d = r->document;
	struct rule *rule = &d->rules[d->rule_count++];

	*rule = (struct rule){
		.line = line_of(r, node),
		.number = (uint32_t)d->rule_count,
		.threshold = -1,
	};
	return rule;
}

/* "others: deny" */
static enum st read_others(struct reader *r, const struct json *body)
{
	static const char *const words[] = { "silent", "deny", NULL };
	const struct json *others = json_member(body, "others");
	size_t word = 0;

	if (others)
		TRY(read_word(r, others, "others", words, &word));
	r->document->others_denied = word == 1;
	return ST_OK;
}

static enum st read_rule_approvers(struct reader *r, const struct json *node, struct rule *rule)
{
	const struct json *approvers = json_member(node, "approvers");

	if (!approvers)
		return ST_OK;
	if (rule->require_approval != CHOICE_YES)
		return read_refuse(r, approvers,
				   "\"approvers\" stands beside \"require_approval: true\"");
	return read_approvers(r, approvers, &rule->approvers);
}

/* What tool-access and temporal rules share beside `allow`. */
static enum st read_limits(struct reader *r, const struct json *node, struct rule *rule)
{
	const struct json *approval = json_member(node, "require_approval");
	const struct json *amount = json_member(node, "amount_max");
	const struct json *rate = json_member(node, "rate_limit");

	if (approval)
		TRY(read_choice(r, approval, "require_approval", &rule->require_approval));
	TRY(read_rule_approvers(r, node, rule));
	if (amount) {
		TRY(read_number(r, amount, "amount_max", 0, AMOUNT_MAX, &rule->amount_max));
		rule->has_amount_max = true;
	}
	if (rate)
		TRY(read_rate(r, rate, &rule->rate));
	if (rule->allow == CHOICE_NO && (approval || amount || rate))
		return read_refuse(r,
				   approval ? approval
				   : amount ? amount
					    : rate,
				   "what is not allowed needs no approval and no limit");
	return ST_OK;
}

/* -- tool-access -- */

static enum st read_tool(struct reader *r, const struct json *node)
{
	static const char *const members[] = {
		"name",      "scope",      "allow",      "when", "require_approval",
		"approvers", "amount_max", "rate_limit", NULL
	};
	const struct json *member;
	struct rule *rule;

	TRY(read_members(r, node, "a tool", members));
	rule = rule_add(r, node);
	TRY(need(r, node, "name", &member));
	TRY(read_pattern(r, member, "name", &rule->name));
	TRY(need(r, node, "allow", &member));
	TRY(read_choice(r, member, "allow", &rule->allow));
	member = json_member(node, "scope");
	if (member)
		TRY(read_patterns(r, member, "scope", &rule->scope));
	TRY(read_limits(r, node, rule));
	member = json_member(node, "when");
	if (!member)
		return ST_OK;
	rule->has_condition = true;
	return read_condition(r, member, &rule->condition);
}

enum st read_tools(struct reader *r, const struct json *body)
{
	const struct json *tools;

	TRY(read_others(r, body));
	TRY(rules_begin(r, body, "tools", &tools));
	for (const struct json *tool = tools->first; tool; tool = tool->next)
		TRY(read_tool(r, tool));
	return ST_OK;
}

/* -- data-access -- */

static enum st read_access(struct reader *r, const struct json *node, struct rule *rule)
{
	static const char *const words[] = { "read", "write", "read-write", NULL };
	size_t word;

	if (node->kind == JSON_BOOL && !node->boolean) {
		rule->allow = CHOICE_NO;
		return ST_OK;
	}
	if (node->kind != JSON_STRING || read_word(r, node, "allow", words, &word) != ST_OK)
		return read_refuse(r, node, "\"allow\" is read, write, read-write or false");
	rule->allow = CHOICE_YES;
	rule->read = word != 1;
	rule->write = word != 0;
	return ST_OK;
}

static enum st read_class(struct reader *r, const struct json *node)
{
	static const char *const members[] = { "class", "allow", "require_tokenization", NULL };
	const struct json *member;
	struct rule *rule;

	TRY(read_members(r, node, "a data class", members));
	rule = rule_add(r, node);
	TRY(need(r, node, "class", &member));
	TRY(read_pattern(r, member, "class", &rule->name));
	TRY(need(r, node, "allow", &member));
	TRY(read_access(r, member, rule));
	member = json_member(node, "require_tokenization");
	if (!member)
		return ST_OK;
	if (rule->allow == CHOICE_NO)
		return read_refuse(r, member, "what is not allowed is not tokenized either");
	return read_choice(r, member, "require_tokenization", &rule->tokenize);
}

enum st read_data(struct reader *r, const struct json *body)
{
	const struct json *classes;

	TRY(read_others(r, body));
	TRY(rules_begin(r, body, "data_classes", &classes));
	for (const struct json *class = classes->first; class; class = class->next)
		TRY(read_class(r, class));
	return ST_OK;
}

/* -- temporal-and-thresholds -- */

static enum st read_temporal_rule(struct reader *r, const struct json *node)
{
	static const char *const members[] = { "condition",        "tools",      "allow",
					       "require_approval", "approvers",  "defer",
					       "amount_max",       "rate_limit", NULL };
	const struct json *member;
	struct rule *rule;

	TRY(read_members(r, node, "a rule", members));
	rule = rule_add(r, node);
	TRY(need(r, node, "condition", &member));
	TRY(read_condition(r, member, &rule->condition));
	rule->has_condition = true;
	member = json_member(node, "tools");
	if (member)
		TRY(read_patterns(r, member, "tools", &rule->tools));
	member = json_member(node, "allow");
	if (member)
		TRY(read_choice(r, member, "allow", &rule->allow));
	TRY(read_limits(r, node, rule));
	member = json_member(node, "defer");
	if (member)
		TRY(read_bool(r, member, "defer", &rule->defer));
	if (rule->allow == CHOICE_UNSAID && rule->require_approval == CHOICE_UNSAID &&
	    !rule->defer && !rule->has_amount_max && rule->rate.count == 0)
		return read_refuse(r, node,
				   "a rule says one of allow, require_approval, defer, amount_max "
				   "or rate_limit");
	return ST_OK;
}

enum st read_temporal(struct reader *r, const struct json *body)
{
	const struct json *rules;

	TRY(rules_begin(r, body, "rules", &rules));
	for (const struct json *rule = rules->first; rule; rule = rule->next)
		TRY(read_temporal_rule(r, rule));
	return ST_OK;
}

/* -- identity -- */

static enum st read_authentication(struct reader *r, const struct json *node)
{
	static const char *const members[] = { "method", "issuer", NULL };
	static const char *const methods[] = { "oauth2", "key", "session", NULL };
	const struct json *member;
	size_t method;

	TRY(read_members(r, node, "\"authentication\"", members));
	TRY(need(r, node, "method", &member));
	TRY(read_word(r, member, "method", methods, &method));
	r->document->method = str_of(methods[method]);
	member = json_member(node, "issuer");
	if (member)
		return read_text(r, member, "issuer", 256, &r->document->issuer);
	if (method == 0)
		return read_refuse(r, node, "oauth2 needs an \"issuer\"");
	return ST_OK;
}

static enum st read_delegation(struct reader *r, const struct json *node)
{
	static const char *const members[] = { "on_behalf_of", "scope_limited_to", NULL };
	const struct json *users = json_member(node, "on_behalf_of");
	const struct json *agents = json_member(node, "scope_limited_to");

	TRY(read_members(r, node, "\"delegation\"", members));
	if (users) {
		TRY(read_patterns(r, users, "on_behalf_of", &r->document->users));
		r->document->has_users = true;
	}
	if (agents) {
		TRY(read_patterns(r, agents, "scope_limited_to", &r->document->agents));
		r->document->has_agents = true;
	}
	return ST_OK;
}

enum st read_identity(struct reader *r, const struct json *body)
{
	const struct json *authentication = json_member(body, "authentication");
	const struct json *delegation = json_member(body, "delegation");

	if (!authentication && !delegation)
		return read_refuse(r, body,
				   "an identity policy has \"authentication\" or \"delegation\"");
	if (authentication)
		TRY(read_authentication(r, authentication));
	if (delegation)
		TRY(read_delegation(r, delegation));
	/* One rule stands for the document in reasons. */
	r->document->rules = ARENA_NEW(r->arena, struct rule);
	if (!r->document->rules)
		return ST_TOO_LARGE;
	rule_add(r, authentication ? authentication : delegation);
	return ST_OK;
}

/* -- validation -- */

static const char *const action_names[] = { "block", "block-and-alert", "tokenize",
					    "mask",  "escalate",        NULL };

const char *detection_action_name(enum detection_action action)
{
	return action == DETECTION_NONE ? "none" : action_names[action - 1];
}

static enum st read_validation_rule(struct reader *r, const struct json *node)
{
	static const char *const members[] = { "validation", "threshold", "data_classes",
					       "action_on_detection", NULL };
	const struct json *member;
	struct rule *rule;
	size_t action;

	TRY(read_members(r, node, "a rule", members));
	rule = rule_add(r, node);
	TRY(need(r, node, "validation", &member));
	TRY(read_pattern(r, member, "validation", &rule->name));
	if (!pattern_is_literal(rule->name))
		return read_refuse(r, member, "\"validation\" names one validation");
	member = json_member(node, "threshold");
	if (member)
		TRY(read_number(r, member, "threshold", 0, NUMBER_ONE, &rule->threshold));
	member = json_member(node, "data_classes");
	if (member)
		TRY(read_patterns(r, member, "data_classes", &rule->classes));
	member = json_member(node, "action_on_detection");
	if (member) {
		TRY(read_word(r, member, "action_on_detection", action_names, &action));
		rule->action = (enum detection_action)(action + 1);
	}
	if (rule->threshold < 0 && rule->action == DETECTION_NONE)
		return read_refuse(
			r, node, "a validation has a \"threshold\" or an \"action_on_detection\"");
	if (rule->action == DETECTION_TOKENIZE && rule->classes.count == 0)
		return read_refuse(r, node, "to tokenize, say which \"data_classes\"");
	return ST_OK;
}

enum st read_validation(struct reader *r, const struct json *body)
{
	const struct json *rules;

	TRY(rules_begin(r, body, "rules", &rules));
	for (const struct json *rule = rules->first; rule; rule = rule->next)
		TRY(read_validation_rule(r, rule));
	return ST_OK;
}
