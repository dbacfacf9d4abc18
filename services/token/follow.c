/* follow.c: what the registry tells. Whatever makes an agent less than it was ends the tokens that
 * go further, in the transaction that learns of it. */
#include "clock.h"
#include "handlers.h"
#include "id.h"

static struct note note_of(struct svc_event *event, const char *operation)
{
	return (struct note){
		.operation = operation,
		.agent_id = STR("token"),
		.user_id = STR("registry"),
		.parameters_hash = hash_text_of(event->data_text, event->arena),
	};
}

static enum st number_of(struct svc_event *event, struct str agent_id, int64_t *ret)
{
	if (!agent_id_parse(agent_id, ret))
		return problem_set(&event->problem, ST_MESSAGE_INVALID, "", "agent \"%.*s\"",
				   STR_ARG(agent_id));
	return ST_OK;
}

enum st on_agent_created(struct svc_event *event)
{
	const struct registry_agent_created *data = event->data;
	int64_t number;

	TRY(number_of(event, data->agent.identity.agent_id, &number));
	return store_agent_put(event->tx, &data->agent, number, event->sequence);
}

enum st on_agent_updated(struct svc_event *event)
{
	const struct registry_agent_updated *data = event->data;
	const struct registry_agent *agent = &data->agent;
	struct svc_scope scope = svc_scope_of_event(event);
	struct note note = note_of(event, "token.revoke");
	struct shrunk shrunk;
	int64_t number;

	TRY(number_of(event, agent->identity.agent_id, &number));
	TRY(store_agent_put(event->tx, agent, number, event->sequence));
	TRY(store_shrunk_of_agent(event->tx, event->arena, number,
				  (struct label_list){ agent->capability.capability_scopes.items,
						       agent->capability.capability_scopes.count },
				  tier_risk_max(agent->identity.tier), event->now_ms, &shrunk));
	note.agent_id = agent->identity.agent_id;
	return revoke_tokens(&scope, &shrunk, "the agent's profile does not allow it any more",
			     &note);
}

enum st on_role_changed(struct svc_event *event)
{
	const struct registry_role_changed *data = event->data;
	const struct registry_role_template *template = &data->role.template;
	struct svc_scope scope = svc_scope_of_event(event);
	struct note note = note_of(event, "token.revoke");
	struct shrunk shrunk;

	TRY(store_role_put(event->tx, &data->role));
	TRY(store_shrunk_of_role(event->tx, event->arena, data->role.name,
				 (struct label_list){ template->capability_scopes.items,
						      template->capability_scopes.count },
				 event->now_ms, &shrunk));
	return revoke_tokens(&scope, &shrunk, "the role does not list its scope any more", &note);
}

enum st on_agent_transition(struct svc_event *event)
{
	const struct registry_agent_transition *data = event->data;
	int64_t number;

	TRY(number_of(event, data->agent_id, &number));
	return store_agent_state(event->tx, number, data->to);
}

/* Agents are done with for good: what they hold is dead whenever it was issued. */
static enum st agents_revoked(struct svc_event *event, struct str *agent_ids, size_t count,
			      struct str reason, struct note *note)
{
	struct svc_scope scope = svc_scope_of_event(event);

	for (size_t from = 0; from < count; from += TOKEN_EVENT_IDS_MAX) {
		size_t left = count - from;
		struct token_revocation revocation = {
			.kind = TOKEN_REVOCATION_KIND_AGENTS,
			.has_agent_ids = true,
			.before_ms = TIME_MS_MAX,
			.until_ms = event->now_ms + TOKEN_LIFE_MS_MAX,
			.reason = reason,
			.by = note->user_id,
		};
		revocation.agent_ids.items = agent_ids + from;
		revocation.agent_ids.count =
			left < TOKEN_EVENT_IDS_MAX ? left : TOKEN_EVENT_IDS_MAX;
		TRY(revoke_kept(&scope, &revocation, note));
	}
	return ST_OK;
}

enum st on_agent_terminated(struct svc_event *event)
{
	const struct registry_agent_transition *data = event->data;
	struct note note = note_of(event, "token.revoke");
	struct str agent_id = data->agent_id;

	TRY(on_agent_transition(event));
	/* The order of a kill was carried out when it came. */
	if (data->kill_id.data)
		return ST_OK;
	note.agent_id = agent_id;
	return agents_revoked(event, &agent_id, 1, data->reason, &note);
}

static enum st rule_of(struct svc_event *event, struct kill_rule *ret)
{
	const struct registry_kill_ordered *data = event->data;
	struct kill_rule rule = {
		.kill_id = data->kill_id,
		.kind = data->scope.kind,
		.text = STR(""),
		.sequence = event->sequence,
	};

	if (rule.kind == REGISTRY_KILL_SCOPE_KIND_AGENT)
		TRY(number_of(event, data->scope.value, &rule.number));
	else if (rule.kind == REGISTRY_KILL_SCOPE_KIND_TIER &&
		 !str_to_i64(data->scope.value, &rule.number))
		return problem_set(&event->problem, ST_MESSAGE_INVALID, "", "tier \"%.*s\"",
				   STR_ARG(data->scope.value));
	else if (rule.kind == REGISTRY_KILL_SCOPE_KIND_ROLE ||
		 rule.kind == REGISTRY_KILL_SCOPE_KIND_UNIT)
		rule.text = data->scope.value;
	*ret = rule;
	return ST_OK;
}

/* A fleet's end needs no list: whatever was issued until now is dead. */
static enum st fleet_revoked(struct svc_event *event, struct str reason, struct note *note)
{
	struct svc_scope scope = svc_scope_of_event(event);
	struct token_revocation revocation = {
		.kind = TOKEN_REVOCATION_KIND_ALL,
		.reason = reason,
		.by = note->user_id,
	};

	TRY(store_newest_issue(event->tx, event->arena, event->now_ms, &revocation.before_ms));
	revocation.until_ms = revocation.before_ms + TOKEN_LIFE_MS_MAX;
	return revoke_now(&scope, &revocation, note);
}

enum st on_kill_ordered(struct svc_event *event)
{
	const struct registry_kill_ordered *data = event->data;
	struct note note = note_of(event, "token.revoke");
	struct kill_rule rule;
	int64_t *numbers;
	size_t count;

	TRY(rule_of(event, &rule));
	TRY(store_kill_insert(event->tx, &rule));
	if (rule.kind == REGISTRY_KILL_SCOPE_KIND_FLEET)
		return fleet_revoked(event, data->reason, &note);
	TRY(store_kill_agents(event->tx, event->arena, &rule, &numbers, &count));
	struct str *agent_ids = ARENA_ARRAY(event->arena, struct str, count);
	if (!agent_ids)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++)
		agent_ids[i] = agent_text_of(numbers[i], event->arena);
	if (event->arena->failed)
		return ST_TOO_LARGE;
	if (count == 1)
		note.agent_id = agent_ids[0];
	return agents_revoked(event, agent_ids, count, data->reason, &note);
}
