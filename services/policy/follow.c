/* follow.c: what the registry and the token service tell, kept for decisions. */
#include "id.h"
#include "service.h"

static enum st number_of(struct svc_event *event, struct str agent_id, int64_t *ret)
{
	if (!agent_id_parse(agent_id, ret))
		return problem_set(&event->problem, ST_MESSAGE_INVALID, "", "agent \"%.*s\"",
				   STR_ARG(agent_id));
	return ST_OK;
}

static int64_t micros_of(double value)
{
	return (int64_t)(value * (double)NUMBER_ONE + 0.5);
}

static enum st agent_put(struct svc_event *event, const struct registry_agent *agent)
{
	const struct registry_agent_capability *c = &agent->capability;
	int64_t number;

	TRY(number_of(event, agent->identity.agent_id, &number));
	return db_write(
		event->tx, &policy_statements[POL_AGENT_PUT], 1, ST_INTERNAL, DB_I64(number),
		DB_TEXT(agent->identity.name), DB_TEXT(agent->identity.role),
		DB_TEXT(agent->identity.unit), DB_TEXT(agent->identity.owner),
		DB_I32(agent->identity.tier), DB_I32(agent->identity.status),
		DB_BOOL(agent->lifecycle.throttled), DB_TEXT(agent->governance.constitution_hash),
		DB_TEXTS(c->can_send_to.items, c->can_send_to.count),
		DB_TEXTS(c->never_sends.items, c->never_sends.count),
		DB_I64(c->max_spend_per_day.micros), DB_TEXT(str_of(c->max_spend_per_day.currency)),
		DB_I64(micros_of(c->output_confidence_floor)),
		DB_I64(micros_of(agent->governance.behaviour_score)),
		DB_I64(agent->identity.created_ms));
}

static enum st on_agent_created(struct svc_event *event)
{
	return agent_put(event, &((const struct registry_agent_created *)event->data)->agent);
}

static enum st on_agent_updated(struct svc_event *event)
{
	return agent_put(event, &((const struct registry_agent_updated *)event->data)->agent);
}

static enum st on_transition(struct svc_event *event)
{
	const struct registry_agent_transition *data = event->data;
	int64_t number;

	/* A kill order was carried out when it came. */
	if (data->kill_id.data)
		return ST_OK;
	TRY(number_of(event, data->agent_id, &number));
	return db_write(event->tx, &policy_statements[POL_AGENT_STATE], DB_ANY_ROWS, ST_INTERNAL,
			DB_I64(number), DB_I32(data->to), DB_BOOL(data->throttled));
}

static enum st on_kill_ordered(struct svc_event *event)
{
	const struct registry_kill_ordered *data = event->data;
	struct str value = str_or_empty(data->scope.value);
	int64_t number = 0;

	if (data->scope.kind == REGISTRY_KILL_SCOPE_KIND_AGENT)
		TRY(number_of(event, value, &number));
	if (data->scope.kind == REGISTRY_KILL_SCOPE_KIND_TIER && !str_to_i64(value, &number))
		return problem_set(&event->problem, ST_MESSAGE_INVALID, "", "tier \"%.*s\"",
				   STR_ARG(value));
	return db_write(event->tx, &policy_statements[POL_AGENTS_KILL], DB_ANY_ROWS, ST_INTERNAL,
			DB_I32(data->scope.kind), DB_I64(number), DB_TEXT(value));
}

static enum st on_constitution(struct svc_event *event)
{
	const struct registry_constitution_activated *data = event->data;

	return db_write(event->tx, &policy_statements[POL_CONSTITUTION], 1, ST_INTERNAL,
			DB_TEXT(data->hash));
}

static enum st on_person(struct svc_event *event)
{
	const struct registry_person_changed *data = event->data;
	int32_t roles[16];
	size_t count = data->person.roles.count < 16 ? data->person.roles.count : 16;

	for (size_t i = 0; i < count; i++)
		roles[i] = (int32_t)data->person.roles.items[i];
	return db_write(event->tx, &policy_statements[POL_PERSON_PUT], 1, ST_INTERNAL,
			DB_TEXT(data->person.person_id), DB_I32S(roles, count),
			DB_BOOL(data->change == REGISTRY_PERSON_CHANGE_KIND_REMOVED),
			DB_TEXT(data->person.name), DB_TEXT_OR_NULL(data->person.email));
}

static enum st on_token_key(struct svc_event *event)
{
	return db_write(event->tx, &policy_statements[POL_TOKEN_NEWS], 1, ST_INTERNAL, DB_I32(1),
			DB_BYTES(event->data_text), DB_I64(INT64_MAX));
}

static enum st on_revocation(struct svc_event *event)
{
	const struct token_revocation *data = event->data;

	return db_write(event->tx, &policy_statements[POL_TOKEN_NEWS], 1, ST_INTERNAL, DB_I32(2),
			DB_BYTES(event->data_text), DB_I64(data->until_ms));
}

static enum st on_heart_beat(struct svc_event *event)
{
	return db_write(event->tx, &policy_statements[POL_TOKEN_HEARD], 1, ST_INTERNAL,
			DB_I64(event->time_ms));
}

const struct svc_follow policy_follows[] = {
	{ .source = "registry", .event = &EVT_REGISTRY_AGENT_CREATED, .handle = on_agent_created },
	{ .source = "registry", .event = &EVT_REGISTRY_AGENT_UPDATED, .handle = on_agent_updated },
	{ .source = "registry", .event = &EVT_REGISTRY_AGENT_ACTIVATED, .handle = on_transition },
	{ .source = "registry", .event = &EVT_REGISTRY_AGENT_PAUSED, .handle = on_transition },
	{ .source = "registry", .event = &EVT_REGISTRY_AGENT_RESUMED, .handle = on_transition },
	{ .source = "registry", .event = &EVT_REGISTRY_AGENT_THROTTLED, .handle = on_transition },
	{ .source = "registry", .event = &EVT_REGISTRY_AGENT_TERMINATED, .handle = on_transition },
	{ .source = "registry", .event = &EVT_REGISTRY_KILL_ORDERED, .handle = on_kill_ordered },
	{ .source = "registry",
	  .event = &EVT_REGISTRY_CONSTITUTION_ACTIVATED,
	  .handle = on_constitution },
	{ .source = "registry", .event = &EVT_REGISTRY_PERSON_CHANGED, .handle = on_person },
	{ .source = "token", .event = &EVT_TOKEN_KEY_CHANGED, .handle = on_token_key },
	{ .source = "token", .event = &EVT_TOKEN_REVOCATION_ORDERED, .handle = on_revocation },
	{ .source = "token", .event = &EVT_TOKEN_HEART_BEAT, .handle = on_heart_beat },
	{ .source = "approval",
	  .event = &EVT_APPROVAL_REQUEST_APPROVED,
	  .handle = on_request_approved },
	{ .source = "approval",
	  .event = &EVT_APPROVAL_REQUEST_WITHDRAWN,
	  .handle = on_request_withdrawn },
	{ .source = "approval",
	  .event = &EVT_APPROVAL_PREAPPROVAL_ADDED,
	  .handle = on_preapproval_added },
	{ .source = "approval",
	  .event = &EVT_APPROVAL_PREAPPROVAL_REVOKED,
	  .handle = on_preapproval_revoked },
	{ .source = NULL, .event = NULL },
};
