/* handlers_rules.c: roles, constitutions and units. */
#include "handlers.h"

/* Roles */

static enum st role_put(struct svc_request *req, struct note *note)
{
	const struct registry_role_put_request *in = req->body;
	struct registry_role_reply *answer = req->answer;
	struct registry_role_changed changed = { 0 };
	struct registry_role old;
	bool found;

	(void)note;
	TRY(store_role_get(req->tx, req->arena, in->name, &old, &found));
	if (!in->has_expected_revision && found)
		return svc_refuse(req, ST_ALREADY_EXISTS, "/name",
				  "role \"%.*s\" is at revision %lld", STR_ARG(in->name),
				  (long long)old.revision);
	if (in->has_expected_revision && !found)
		return svc_refuse(req, ST_NOT_FOUND, "/name", "no role \"%.*s\"",
				  STR_ARG(in->name));
	if (in->has_expected_revision && old.revision != in->expected_revision)
		return svc_refuse(req, ST_VERSION_CONFLICT, "/expected_revision",
				  "the role is at revision %lld", (long long)old.revision);
	answer->role = (struct registry_role){
		.name = in->name,
		.title = in->title,
		.template = in->template,
		.revision = found ? old.revision + 1 : 1,
		.updated_at_ms = req->now_ms,
	};
	TRY(found ? store_role_update(req->tx, &answer->role)
		  : store_role_insert(req->tx, &answer->role));
	changed.role = answer->role;
	return svc_emit(req, &EVT_REGISTRY_ROLE_CHANGED, in->name, &changed);
}

enum st on_role_put(struct svc_request *req)
{
	return recorded(req, "role.put", STR("registry"), role_put);
}

enum st on_role_get(struct svc_request *req)
{
	const struct registry_role_get_request *in = req->body;
	struct registry_role_reply *answer = req->answer;
	bool found;

	TRY(store_role_get(req->tx, req->arena, in->name, &answer->role, &found));
	if (!found)
		return svc_refuse(req, ST_NOT_FOUND, "/name", "no role \"%.*s\"",
				  STR_ARG(in->name));
	return ST_OK;
}

enum st on_role_list(struct svc_request *req)
{
	const struct registry_role_list_request *in = req->body;

	return store_role_list(req->tx, req->arena, str_or_empty(in->after),
			       in->has_limit ? in->limit : PAGE_DEFAULT, req->answer);
}

/* Constitutions */

static enum st constitution_add(struct svc_request *req, struct note *note)
{
	const struct registry_constitution_add_request *in = req->body;
	struct registry_constitution_reply *answer = req->answer;
	struct registry_constitution *constitution = &answer->constitution, old;
	struct hash hash;
	char hash_text[HASH_TEXT_SIZE];
	bool found;

	(void)note;
	TRY(constitution_check(in, &req->problem));
	sha256_of(in->text.data, in->text.size, &hash);
	hash_to_text(&hash, hash_text);
	*constitution = (struct registry_constitution){
		.hash = arena_copy(req->arena, str_of(hash_text)),
		.title = in->title,
		.size_bytes = (int64_t)in->text.size,
		.added_at_ms = req->now_ms,
		.text = in->text,
	};
	if (!constitution->hash.data)
		return ST_TOO_LARGE;
	LIST_COPY(constitution->invariants, in->invariants);
	TRY(store_constitution_get(req->tx, req->arena, constitution->hash, &old, &found));
	if (found)
		return svc_refuse(req, ST_ALREADY_EXISTS, "/text", "it is stored as \"%s\"",
				  hash_text);
	return store_constitution_insert(req->tx, constitution);
}

enum st on_constitution_add(struct svc_request *req)
{
	return recorded(req, "constitution.add", STR("registry"), constitution_add);
}

static enum st activation_judge(struct svc_request *req, struct str hash,
				const struct in_force *in_force, struct registry_constitution *ret)
{
	bool found;

	TRY(store_constitution_get(req->tx, req->arena, hash, ret, &found));
	if (!found)
		return svc_refuse(req, ST_NOT_FOUND, "/act/payload/hash",
				  "no constitution \"%.*s\"", STR_ARG(hash));
	if (in_force->hash.data && str_equal(in_force->hash, hash))
		return svc_refuse(req, ST_CONFLICT, "/act/payload/hash", "it is in force already");
	return ST_OK;
}

static enum st must_restart(struct svc_request *req, struct str hash,
			    struct registry_constitution_activate_reply *answer)
{
	struct agent_filter filter = {
		.role = STR(""),
		.unit = STR(""),
		.owner = STR(""),
		.capability = STR(""),
		.tier = -1,
		.score_max = 100,
		.must_restart = true,
	};

	TRY(store_agent_count(req->tx, req->arena, &filter, hash, &answer->must_restart_count));
	return store_must_restart(req->tx, req->arena, hash, PAGE_MAX, &answer->must_restart.items,
				  &answer->must_restart.count);
}

static enum st activated_emit(struct svc_request *req, const struct in_force *old,
			      const struct registry_constitution *constitution,
			      const struct act *act)
{
	const struct registry_constitution_activate_request *in = req->body;
	const struct registry_constitution_activate_reply *answer = req->answer;
	size_t count = constitution->invariants.count;
	struct registry_constitution_activated event = {
		.hash = constitution->hash,
		.previous_hash = old->hash,
		.title = constitution->title,
		.must_restart_count = answer->must_restart_count,
		.activated_by = act->person_id,
		.activated_at_ms = req->now_ms,
		.act = in->act,
	};

	event.invariants.items = ARENA_ARRAY(req->arena, struct str, count);
	if (!event.invariants.items)
		return ST_TOO_LARGE;
	event.invariants.count = count;
	for (size_t i = 0; i < count; i++)
		event.invariants.items[i] = constitution->invariants.items[i].invariant_id;
	return svc_emit(req, &EVT_REGISTRY_CONSTITUTION_ACTIVATED, event.hash, &event);
}

static enum st constitution_activate(struct svc_request *req, struct note *note)
{
	const struct registry_constitution_activate_request *in = req->body;
	struct registry_constitution_activate_reply *answer = req->answer;
	struct registry_constitution_activation payload;
	struct registry_constitution constitution;
	struct act *act = ARENA_NEW(req->arena, struct act);
	struct in_force old;

	if (!act)
		return ST_TOO_LARGE;
	TRY(person_act(req, &in->act,
		       ACT_RULE(REGISTRY_CONSTITUTION_ACTIVATION_PURPOSE,
				registry_constitution_activation_type,
				struct registry_constitution_activation, ROLE_BITS_STEWARD),
		       note, act, &payload));
	TRY(store_constitution_in_force(req->tx, req->arena, &old));
	TRY(activation_judge(req, payload.hash, &old, &constitution));
	TRY(act_spent(req, act));
	TRY(store_constitution_activate(req->tx, payload.hash, old.hash, act->person_id,
					req->now_ms, payload.reason));
	answer->hash = payload.hash;
	answer->previous_hash = old.hash;
	TRY(must_restart(req, payload.hash, answer));
	return activated_emit(req, &old, &constitution, act);
}

enum st on_constitution_activate(struct svc_request *req)
{
	return recorded(req, "constitution.activate", STR("registry"), constitution_activate);
}

enum st on_constitution_get(struct svc_request *req)
{
	const struct registry_constitution_get_request *in = req->body;
	struct registry_constitution_reply *answer = req->answer;
	struct str hash = in->hash;
	struct in_force in_force;
	bool found;

	if (!hash.data) {
		TRY(store_constitution_in_force(req->tx, req->arena, &in_force));
		if (!in_force.hash.data)
			return svc_refuse(req, ST_CONSTITUTION_MISSING, "",
					  "add one, then a steward activates it");
		hash = in_force.hash;
	}
	TRY(store_constitution_get(req->tx, req->arena, hash, &answer->constitution, &found));
	if (!found)
		return svc_refuse(req, ST_NOT_FOUND, "/hash", "no constitution \"%.*s\"",
				  STR_ARG(hash));
	return ST_OK;
}

enum st on_constitution_list(struct svc_request *req)
{
	const struct registry_constitution_list_request *in = req->body;

	return store_constitution_list(req->tx, req->arena,
				       in->has_limit ? in->limit : PAGE_DEFAULT, req->answer);
}

/* Units */

static enum st unit_create(struct svc_request *req, struct note *note)
{
	const struct registry_unit_create_request *in = req->body;
	struct registry_unit_reply *answer = req->answer;
	struct registry_unit_created created = { 0 };
	struct str parent;
	bool there = true;

	(void)note;
	TRY(unit_path_check(in->path, &parent, &req->problem));
	if (parent.size > 0)
		TRY(store_unit_exists(req->tx, req->arena, parent, &there));
	if (!there)
		return svc_refuse(req, ST_UNIT_UNKNOWN, "/path", "no unit \"%.*s\" to be in",
				  STR_ARG(parent));
	TRY(store_unit_exists(req->tx, req->arena, in->path, &there));
	if (there)
		return svc_refuse(req, ST_ALREADY_EXISTS, "/path", "unit \"%.*s\"",
				  STR_ARG(in->path));
	answer->unit = (struct registry_unit){ in->path, in->title, req->now_ms };
	TRY(store_unit_insert(req->tx, &answer->unit));
	created.unit = answer->unit;
	return svc_emit(req, &EVT_REGISTRY_UNIT_CREATED, in->path, &created);
}

enum st on_unit_create(struct svc_request *req)
{
	return recorded(req, "unit.create", STR("registry"), unit_create);
}

enum st on_unit_list(struct svc_request *req)
{
	const struct registry_unit_list_request *in = req->body;

	return store_unit_list(req->tx, req->arena, str_or_empty(in->under),
			       str_or_empty(in->after), in->has_limit ? in->limit : PAGE_DEFAULT,
			       req->answer);
}
