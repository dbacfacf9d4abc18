/* handlers_query.c: what an agent may do, who may do something, which rules touch something. */
#include <stdlib.h>

#include "id.h"
#include "service.h"

#define TOOLS_MAX 1000
#define RULES_MAX 500
#define WHO_LIMIT 100

static enum st permission_of(struct svc_request *req, const struct agent *agent, struct str tool,
			     struct str resource, struct str user, struct outcome *ret)
{
	struct policy_delegation delegation = { .user = user };
	struct policy_decide_request in = {
		.tool = tool,
		.resource = resource,
		.on_behalf_of = user.data ? &delegation : NULL,
	};
	struct tool_declaration declaration;
	struct crudlex_answer granted;
	struct evaluation e;

	crudlex_declaration(agent->chain.documents, agent->chain.count, tool, &declaration);
	evaluation_fill(&in, agent, &declaration, req->now_ms, req->arena, &e);
	/* Asked is what may be done, not how well: confidence and amount are taken as good. */
	e.request.attributes[ATTRIBUTE_CONFIDENCE] =
		(struct value){ .type = VALUE_NUMBER, .i64 = NUMBER_ONE };
	e.request.attributes[ATTRIBUTE_AMOUNT] = (struct value){ .type = VALUE_NUMBER, .i64 = 0 };
	struct crudlex_subject subject = { agent->id, agent->name, agent->role, agent->unit, user };
	evaluate(&agent->chain, &e, ret);
	crudlex_decide(agent->chain.documents, agent->chain.count, &subject, declaration.operation,
		       declaration.reversible, &e.request, &granted);
	if (granted.result != CRUDLEX_GRANTED || agent->state != AGENT_ACTIVE)
		ret->verdict = VERDICT_DENY;
	return ST_OK;
}

static struct str strictest_words(const struct agent *agent, const struct outcome *out,
				  struct arena *arena)
{
	for (size_t i = 0; i < out->reason_count; i++)
		if (out->reasons[i].verdict == out->verdict)
			return reason_words(&agent->chain, &out->reasons[i], arena);
	return agent->state == AGENT_ACTIVE ? STR("no grant of the operation")
					    : STR("the agent is not active");
}

static bool has_tool(const struct policy_what_may_reply *out, struct str tool)
{
	for (size_t i = 0; i < out->tools.count; i++)
		if (str_equal(out->tools.items[i].tool, tool))
			return true;
	return false;
}

enum st on_what_may(struct svc_request *req)
{
	const struct policy_what_may_request *in = req->body;
	struct policy_service *policy = req->state;
	struct policy_what_may_reply *out = req->answer;
	struct outcome outcome;
	int64_t number = 0;

	const struct agent_slot *slot =
		agent_id_parse(in->agent_id, &number) ? agent_find(policy, number) : NULL;
	if (!slot)
		return svc_refuse(req, ST_NOT_FOUND, "/agent_id", "no such agent");
	out->agent_id = in->agent_id;
	out->version = policy->version;
	out->tools.items = ARENA_ARRAY(req->arena, struct policy_tool_permission, TOOLS_MAX);
	if (!out->tools.items)
		return ST_TOO_LARGE;
	const struct chain *chain = &slot->agent.chain;
	for (size_t d = 0; d < chain->count; d++) {
		const struct document *document = chain->documents[d];
		for (size_t g = 0; document->type == POLICY_TOOL_ACCESS &&
				   g < document->group_count && out->tools.count < TOOLS_MAX;
		     g++) {
			struct str tool = document->groups[g].name;
			if (has_tool(out, tool))
				continue;
			TRY(permission_of(req, &slot->agent, tool, in->resource, in->on_behalf_of,
					  &outcome));
			out->tools.items[out->tools.count++] = (struct policy_tool_permission){
				.tool = tool,
				.verdict = (enum policy_verdict)outcome.verdict,
				.words = strictest_words(&slot->agent, &outcome, req->arena),
			};
		}
	}
	return ST_OK;
}

enum st on_who_may(struct svc_request *req)
{
	const struct policy_who_may_request *in = req->body;
	struct policy_service *policy = req->state;
	struct policy_who_may_reply *out = req->answer;
	size_t limit = in->has_limit ? (size_t)in->limit : WHO_LIMIT;
	struct outcome outcome;
	int64_t after = 0;

	if (in->after.data && !agent_id_parse(in->after, &after))
		return svc_refuse(req, ST_MESSAGE_INVALID, "/after", "not an agent's id");
	out->version = policy->version;
	out->agents.items = ARENA_ARRAY(req->arena, struct policy_agent_permission, limit);
	if (!out->agents.items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < policy->agent_count; i++) {
		const struct agent *agent = &policy->agents[i]->agent;
		if (agent->number <= after)
			continue;
		TRY(permission_of(req, agent, in->tool, in->resource, (struct str){ 0 }, &outcome));
		if (outcome.verdict == VERDICT_DENY)
			continue;
		if (out->agents.count == limit) {
			out->next = out->agents.items[limit - 1].agent_id;
			return ST_OK;
		}
		out->agents.items[out->agents.count++] = (struct policy_agent_permission){
			.agent_id = agent->id, .verdict = (enum policy_verdict)outcome.verdict
		};
	}
	return ST_OK;
}

static bool touches(const struct policy_which_policies_request *in, const struct document *d,
		    const struct rule *rule)
{
	if (d->type == POLICY_TOOL_ACCESS) {
		if (in->tool.data && !pattern_matches(rule->name, in->tool))
			return false;
		if (!in->resource.data)
			return in->tool.data != NULL;
		for (size_t i = 0; i < rule->scope.count; i++)
			if (pattern_matches(rule->scope.items[i], in->resource))
				return true;
		return rule->scope.count == 0;
	}
	if (d->type == POLICY_DATA_ACCESS)
		return in->data_class.data && pattern_matches(rule->name, in->data_class);
	if (d->type != POLICY_TEMPORAL || !in->tool.data)
		return false;
	for (size_t i = 0; i < rule->tools.count; i++)
		if (pattern_matches(rule->tools.items[i], in->tool))
			return true;
	return rule->tools.count == 0;
}

static bool is_over(const struct grant *grant, struct str resource)
{
	for (size_t i = 0; i < grant->resources.count; i++)
		if (pattern_matches(grant->resources.items[i], resource))
			return true;
	return false;
}

static void rule_put(struct policy_which_policies_reply *out, const struct document *d,
		     int64_t line, struct str words)
{
	if (out->rules.count < RULES_MAX)
		out->rules.items[out->rules.count++] = (struct policy_policy_rule){
			.document_id = d->id,
			.node = d->place == PLACE_ROOT ? STR("root") : d->node,
			.line = line,
			.words = words,
		};
}

/* What tools do, and who is granted it. */
static void crudlex_put(struct svc_request *req, const struct document *d,
			struct policy_which_policies_reply *out)
{
	const struct policy_which_policies_request *in = req->body;
	bool all = in->grants && !in->tool.data && !in->resource.data;

	for (size_t i = 0; i < d->declaration_count; i++)
		if (all || (in->tool.data && pattern_matches(d->declarations[i].name, in->tool)))
			rule_put(out, d, d->declarations[i].line,
				 declaration_words(&d->declarations[i], req->arena));
	for (size_t i = 0; i < d->grant_count; i++)
		if (all || (in->resource.data && is_over(&d->grants[i], in->resource)))
			rule_put(out, d, d->grants[i].line, grant_words(&d->grants[i], req->arena));
}

enum st on_which_policies(struct svc_request *req)
{
	const struct policy_which_policies_request *in = req->body;
	struct policy_service *policy = req->state;
	struct policy_which_policies_reply *out = req->answer;

	if (!in->tool.data && !in->resource.data && !in->data_class.data && !in->grants)
		return svc_refuse(req, ST_MESSAGE_INVALID, "",
				  "name a tool, a resource or a data_class");
	out->version = policy->version;
	out->rules.items = ARENA_ARRAY(req->arena, struct policy_policy_rule, RULES_MAX);
	if (!out->rules.items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < policy->document_count; i++) {
		const struct document *d = policy->documents[i]->document;
		if (policy->documents[i]->state != DOCUMENT_ACTIVE)
			continue;
		crudlex_put(req, d, out);
		for (size_t j = 0; j < d->rule_count && !in->grants; j++) {
			if (!touches(in, d, &d->rules[j]))
				continue;
			rule_put(out, d, d->rules[j].line, rule_words(d, &d->rules[j], req->arena));
		}
	}
	return ST_OK;
}
