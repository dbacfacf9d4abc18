/* handlers_agent.c: agents are made, read, changed, and ask whether they may start. */
#include "handlers.h"
#include "id.h"

enum st rules_load(struct db_tx *tx, struct arena *arena, struct str role, struct str unit,
		   struct rules_loaded *ret)
{
	struct in_force in_force;
	bool role_known;

	*ret = (struct rules_loaded){ 0 };
	TRY(store_role_get(tx, arena, role, &ret->role, &role_known));
	TRY(store_constitution_in_force(tx, arena, &in_force));
	TRY(store_unit_exists(tx, arena, unit, &ret->rules.unit_known));
	ret->rules.role = role_known ? &ret->role : NULL;
	ret->rules.constitution_hash = in_force.hash;
	ret->rules.invariant_ids = in_force.invariant_ids;
	return ST_OK;
}

static enum st agent_missing(struct svc_request *req, struct str agent_id)
{
	return svc_refuse(req, ST_NOT_FOUND, "/agent_id", "no agent \"%.*s\"", STR_ARG(agent_id));
}

enum st agent_load(struct svc_request *req, struct str agent_id, int64_t *ret_number,
		   struct registry_agent *ret)
{
	bool found = false;

	if (agent_id_parse(agent_id, ret_number))
		TRY(store_agent_lock(req->tx, req->arena, *ret_number, ret, &found));
	return found ? ST_OK : agent_missing(req, agent_id);
}

/* Creating */

static enum st agent_insert(struct svc_request *req, struct registry_agent *agent,
			    struct note *note)
{
	struct registry_agent_created created = { 0 };
	int64_t number;

	TRY(store_agent_numbers(req->tx, req->arena, &number, 1));
	agent->identity.agent_id = agent_id_of(number, req->arena);
	if (!agent->identity.agent_id.data)
		return ST_TOO_LARGE;
	TRY(store_agents_insert(req->tx, agent, &number, &agent->identity.name, 1, note->user_id));
	note->agent_id = agent->identity.agent_id;
	created.agent = *agent;
	return svc_emit(req, &EVT_REGISTRY_AGENT_CREATED, note->agent_id, &created);
}

static enum st agent_create(struct svc_request *req, struct note *note)
{
	const struct registry_agent_create_request *in = req->body;
	struct registry_agent_reply *answer = req->answer;
	const struct registry_profile_input *profile = &in->profile;
	struct rules_loaded loaded;
	struct registry_agent agent;

	TRY(rules_load(req->tx, req->arena, profile->role, profile->unit, &loaded));
	profile_complete(profile, in->name, &loaded.rules, req->now_ms, &agent);
	TRY(profile_validate(&agent, &loaded.rules, "/profile", &req->problem));
	TRY(agent_insert(req, &agent, note));
	answer->agent = agent;
	return ST_OK;
}

enum st on_agent_create(struct svc_request *req)
{
	return recorded(req, "agent.create", STR("registry"), agent_create);
}

/* Reading */

enum st on_agent_get(struct svc_request *req)
{
	const struct registry_agent_get_request *in = req->body;
	struct registry_agent_reply *answer = req->answer;
	int64_t number;
	bool found = false;

	if (!agent_id_parse(in->agent_id, &number))
		return agent_missing(req, in->agent_id);
	if (in->has_as_of_ms)
		TRY(store_agent_as_of(req->tx, req->arena, number, in->as_of_ms, &answer->agent,
				      &found));
	else
		TRY(store_agent_get(req->tx, req->arena, number, &answer->agent, &found));
	if (!found && in->has_as_of_ms)
		return svc_refuse(req, ST_NOT_FOUND, "/agent_id",
				  "there was no agent \"%.*s\" at that time",
				  STR_ARG(in->agent_id));
	return found ? ST_OK : agent_missing(req, in->agent_id);
}

enum st on_agent_versions(struct svc_request *req)
{
	const struct registry_agent_versions_request *in = req->body;
	struct registry_agent_versions_reply *answer = req->answer;
	int64_t before_ms = in->has_before_ms ? in->before_ms : INT64_MAX;
	int64_t number;

	if (!agent_id_parse(in->agent_id, &number))
		return agent_missing(req, in->agent_id);
	TRY(store_agent_versions(req->tx, req->arena, number, before_ms,
				 in->has_limit ? in->limit : PAGE_DEFAULT, answer));
	if (answer->versions.count == 0 && !in->has_before_ms)
		return agent_missing(req, in->agent_id);
	answer->agent_id = in->agent_id;
	return ST_OK;
}

/* Changing */

/* Raises the version, keeps it and tells it. */
static enum st agent_write(struct svc_request *req, int64_t number,
			   const struct registry_agent *old, struct registry_agent *agent,
			   enum registry_change_level level, struct str by)
{
	struct registry_agent_updated updated = { .previous_version = old->identity.version,
						  .level = level };
	char version[VERSION_TEXT_SIZE];

	TRY(version_raise(old->identity.version, level, version));
	agent->identity.version = arena_copy(req->arena, str_of(version));
	if (!agent->identity.version.data)
		return ST_TOO_LARGE;
	TRY(store_agent_update(req->tx, number, agent, req->now_ms, by));
	updated.agent = *agent;
	return svc_emit(req, &EVT_REGISTRY_AGENT_UPDATED, agent->identity.agent_id, &updated);
}

static enum st update_check(struct svc_request *req, const struct registry_agent *agent,
			    struct str expected_version)
{
	struct str version = agent->identity.version;

	if (agent->identity.status == REGISTRY_AGENT_STATE_TERMINATED)
		return svc_refuse(req, ST_AGENT_TERMINATED, "/agent_id",
				  "an agent that is \"terminated\" cannot be changed");
	if (!str_equal(version, expected_version)) {
		enum st st = svc_refuse(req, ST_VERSION_CONFLICT, "/expected_version",
					"the agent is at version \"%.*s\"", STR_ARG(version));
		problem_hint(&req->problem, "read the agent again, then repeat the change");
		return st;
	}
	return ST_OK;
}

/* An agent that still has to restart under a new constitution can be changed in everything else:
 * its governance is judged by what it is bound to. */
static void rules_keep_binding(struct profile_rules *rules, const struct registry_agent *old)
{
	rules->constitution_hash = old->governance.constitution_hash;
	rules->invariant_ids = LIST_VIEW(old->governance.invariants_enforced);
}

static enum st agent_update(struct svc_request *req, struct note *note)
{
	const struct registry_agent_update_request *in = req->body;
	struct registry_agent_reply *answer = req->answer;
	const struct registry_profile_change *change = &in->change;
	struct registry_agent old, agent;
	struct rules_loaded loaded;
	int64_t number;

	TRY(agent_load(req, in->agent_id, &number, &old));
	TRY(update_check(req, &old, in->expected_version));
	TRY(rules_load(req->tx, req->arena, change->role.data ? change->role : old.identity.role,
		       change->unit.data ? change->unit : old.identity.unit, &loaded));
	if (!change->governance)
		rules_keep_binding(&loaded.rules, &old);
	profile_apply(&old, change, &loaded.rules, &agent);
	TRY(profile_validate(&agent, &loaded.rules, "/change", &req->problem));
	enum registry_change_level level = profile_change_level(&old, &agent);
	if (level != REGISTRY_CHANGE_LEVEL_NONE)
		TRY(agent_write(req, number, &old, &agent, level, note->user_id));
	answer->agent = agent;
	return ST_OK;
}

enum st on_agent_update(struct svc_request *req)
{
	const struct registry_agent_update_request *in = req->body;

	return recorded(req, "agent.update", in->agent_id, agent_update);
}

/* Starting */

static enum st agent_rebind(struct svc_request *req, int64_t number, struct registry_agent *agent,
			    const struct in_force *in_force, struct str by)
{
	struct registry_agent old = *agent;
	struct registry_agent_governance *governance = &agent->governance;

	governance->constitution_hash = in_force->hash;
	governance->invariants_enforced.items = (struct str *)in_force->invariant_ids.items;
	governance->invariants_enforced.count = in_force->invariant_ids.count;
	return agent_write(req, number, &old, agent, REGISTRY_CHANGE_LEVEL_MAJOR, by);
}

static enum st agent_check_in(struct svc_request *req, struct note *note)
{
	const struct registry_agent_check_in_request *in = req->body;
	struct registry_agent_check_in_reply *answer = req->answer;
	struct registry_agent agent;
	struct in_force in_force;
	int64_t number;

	TRY(agent_load(req, in->agent_id, &number, &agent));
	TRY(store_constitution_in_force(req->tx, req->arena, &in_force));
	struct check_in decided =
		check_in_decide(agent.identity.status, agent.governance.constitution_hash,
				in->constitution_hash, in_force.hash);
	if (decided.rebind)
		TRY(agent_rebind(req, number, &agent, &in_force, note->user_id));
	*answer = (struct registry_agent_check_in_reply){
		.accepted = decided.accepted,
		.reason = decided.reason,
		.expected_hash = in_force.hash,
		.state = agent.identity.status,
		.version = agent.identity.version,
	};
	note->refused = !decided.accepted;
	return ST_OK;
}

enum st on_agent_check_in(struct svc_request *req)
{
	const struct registry_agent_check_in_request *in = req->body;

	return recorded(req, "agent.check_in", in->agent_id, agent_check_in);
}
