/* handlers_people.c: people and their keys. Who may sign is itself changed by signature only; the
 * first steward is made by the installation's root key, once. All changes take one lock, so that
 * two stewards cannot remove each other at the same time. */
#include "handlers.h"
#include "id.h"

static enum st person_emit(struct svc_request *req, enum registry_person_change_kind change,
			   const struct registry_person *person)
{
	struct registry_person_changed event = { change, *person };

	return svc_emit(req, &EVT_REGISTRY_PERSON_CHANGED, person->person_id, &event);
}

static enum st key_emit(struct svc_request *req, enum registry_person_change_kind change,
			const struct registry_key *key)
{
	struct registry_key_changed event = { change, *key };

	return svc_emit(req, &EVT_REGISTRY_KEY_CHANGED, key->key_id, &event);
}

/* Adding: judged first (key_judge), written later. */

static enum st key_judge(struct svc_request *req, struct str public_key, struct str person_id,
			 struct registry_key *ret)
{
	static const char place[] = "/act/payload/public_key";
	uint8_t bytes[PUBLIC_KEY_BYTES];
	char key_id[KEY_ID_SIZE];
	struct registry_key old;
	bool found;

	if (base64_decode_exact(public_key, bytes, sizeof(bytes)) != ST_OK ||
	    !public_key_is_valid(bytes))
		return svc_refuse(req, ST_MESSAGE_INVALID, place, "not an Ed25519 public key");
	key_id_of(bytes, key_id);
	TRY(store_key_get(req->tx, req->arena, str_of(key_id), &old, &found));
	if (found)
		return svc_refuse(req, ST_ALREADY_EXISTS, place, "\"%s\" is a key of \"%.*s\"",
				  key_id, STR_ARG(old.person_id));
	*ret = (struct registry_key){
		.key_id = arena_copy(req->arena, str_of(key_id)),
		.person_id = person_id,
		.public_key = public_key,
		.valid_from_ms = req->now_ms,
	};
	return ret->key_id.data ? ST_OK : ST_TOO_LARGE;
}

static enum st key_write(struct svc_request *req, const struct registry_key *key)
{
	TRY(store_key_insert(req->tx, key));
	return key_emit(req, REGISTRY_PERSON_CHANGE_KIND_ADDED, key);
}

static struct str person_id_new(struct svc_request *req)
{
	char id[ID_TEXT_SIZE];

	id_make("per", req->now_ms, id);
	return arena_copy(req->arena, str_of(id));
}

/* `key` NULL: a person without one. */
static enum st person_write(struct svc_request *req, const struct registry_person *person,
			    const struct registry_key *key)
{
	struct registry_person_reply *answer = req->answer;

	TRY(store_person_insert(req->tx, person));
	TRY(person_emit(req, REGISTRY_PERSON_CHANGE_KIND_ADDED, person));
	answer->person = *person;
	if (!key)
		return ST_OK;
	TRY(key_write(req, key));
	answer->keys.items = ARENA_NEW(req->arena, struct registry_key);
	if (!answer->keys.items)
		return ST_TOO_LARGE;
	answer->keys.items[0] = *key;
	answer->keys.count = 1;
	return ST_OK;
}

/* Founding */

static enum st found(struct svc_request *req, struct note *note)
{
	static enum registry_person_role steward[] = { REGISTRY_PERSON_ROLE_STEWARD };
	const struct registry_found_request *in = req->body;
	struct registry_founding payload;
	struct act *act = ARENA_NEW(req->arena, struct act);
	struct registry_key key;
	bool any;

	if (!act)
		return ST_TOO_LARGE;
	TRY(store_lock(req->tx, req->arena, REGISTRY_LOCK_PEOPLE));
	TRY(root_act(req, &in->act,
		     ACT_RULE(REGISTRY_FOUNDING_PURPOSE, registry_founding_type,
			      struct registry_founding, 0),
		     note, act, &payload));
	TRY(store_person_any(req->tx, req->arena, &any));
	if (any)
		return svc_refuse(req, ST_ALREADY_FOUNDED, "",
				  "stewards are added by a steward's signature now");
	struct registry_person person = {
		.person_id = person_id_new(req),
		.name = payload.name,
		.email = payload.email,
		.roles = { steward, 1 },
		.added_at_ms = req->now_ms,
	};
	if (!person.person_id.data)
		return ST_TOO_LARGE;
	TRY(key_judge(req, payload.public_key, person.person_id, &key));
	TRY(act_spent(req, act));
	return person_write(req, &person, &key);
}

enum st on_found(struct svc_request *req)
{
	return recorded(req, "person.found", STR("registry"), found);
}

/* People */

static enum st person_add(struct svc_request *req, struct note *note)
{
	const struct registry_person_add_request *in = req->body;
	struct registry_person_addition payload;
	struct act *act = ARENA_NEW(req->arena, struct act);
	struct registry_key key;
	bool keyed;

	if (!act)
		return ST_TOO_LARGE;
	TRY(store_lock(req->tx, req->arena, REGISTRY_LOCK_PEOPLE));
	TRY(person_act(req, &in->act,
		       ACT_RULE(REGISTRY_PERSON_ADDITION_PURPOSE, registry_person_addition_type,
				struct registry_person_addition, ROLE_BITS_STEWARD),
		       note, act, &payload));
	struct registry_person person = {
		.person_id = person_id_new(req),
		.name = payload.name,
		.email = payload.email,
		.added_at_ms = req->now_ms,
	};
	if (!person.person_id.data)
		return ST_TOO_LARGE;
	LIST_COPY(person.roles, payload.roles);
	keyed = payload.public_key.data != NULL;
	if (keyed)
		TRY(key_judge(req, payload.public_key, person.person_id, &key));
	TRY(act_spent(req, act));
	return person_write(req, &person, keyed ? &key : NULL);
}

enum st on_person_add(struct svc_request *req)
{
	return recorded(req, "person.add", STR("registry"), person_add);
}

static enum st person_load(struct svc_request *req, struct str person_id, const char *pointer,
			   struct registry_person *ret)
{
	bool there;

	TRY(store_person_get(req->tx, req->arena, person_id, ret, &there));
	if (!there)
		return svc_refuse(req, ST_NOT_FOUND, pointer, "no person \"%.*s\"",
				  STR_ARG(person_id));
	return ST_OK;
}

static enum st person_load_present(struct svc_request *req, struct str person_id,
				   struct registry_person *ret)
{
	TRY(person_load(req, person_id, "/act/payload/person_id", ret));
	if (ret->has_removed_at_ms)
		return svc_refuse(req, ST_NOT_FOUND, "/act/payload/person_id",
				  "\"%.*s\" was removed", STR_ARG(person_id));
	return ST_OK;
}

static enum st steward_still_there(struct svc_request *req, struct str person_gone,
				   struct str key_gone)
{
	struct steward_key *keys;
	size_t count;

	TRY(store_steward_keys(req->tx, req->arena, req->now_ms, &keys, &count));
	return steward_stays(keys, count, person_gone, key_gone, &req->problem);
}

static bool key_is_open(const struct registry_key *key, int64_t now_ms)
{
	return !key->has_valid_until_ms || key->valid_until_ms > now_ms;
}

static enum st key_end(struct svc_request *req, struct registry_key *key)
{
	TRY(store_key_end(req->tx, key->key_id, req->now_ms));
	key->has_valid_until_ms = true;
	key->valid_until_ms = req->now_ms;
	return key_emit(req, REGISTRY_PERSON_CHANGE_KIND_REMOVED, key);
}

static enum st person_end(struct svc_request *req, struct registry_person *person,
			  struct registry_key_list_reply *keys)
{
	struct registry_person_reply *answer = req->answer;

	TRY(store_person_remove(req->tx, person->person_id, req->now_ms));
	person->has_removed_at_ms = true;
	person->removed_at_ms = req->now_ms;
	for (size_t i = 0; i < keys->keys.count; i++)
		if (key_is_open(&keys->keys.items[i], req->now_ms))
			TRY(key_end(req, &keys->keys.items[i]));
	answer->person = *person;
	LIST_COPY(answer->keys, keys->keys);
	return person_emit(req, REGISTRY_PERSON_CHANGE_KIND_REMOVED, person);
}

static enum st person_remove(struct svc_request *req, struct note *note)
{
	const struct registry_person_remove_request *in = req->body;
	struct registry_person_removal payload;
	struct act *act = ARENA_NEW(req->arena, struct act);
	struct registry_key_list_reply keys = { 0 };
	struct registry_person person;

	if (!act)
		return ST_TOO_LARGE;
	TRY(store_lock(req->tx, req->arena, REGISTRY_LOCK_PEOPLE));
	TRY(person_act(req, &in->act,
		       ACT_RULE(REGISTRY_PERSON_REMOVAL_PURPOSE, registry_person_removal_type,
				struct registry_person_removal, ROLE_BITS_STEWARD),
		       note, act, &payload));
	TRY(person_load_present(req, payload.person_id, &person));
	TRY(steward_still_there(req, payload.person_id, STR("")));
	TRY(store_key_list(req->tx, req->arena, payload.person_id, STR(""), PAGE_MAX, &keys));
	TRY(act_spent(req, act));
	return person_end(req, &person, &keys);
}

enum st on_person_remove(struct svc_request *req)
{
	return recorded(req, "person.remove", STR("registry"), person_remove);
}

enum st on_person_get(struct svc_request *req)
{
	const struct registry_person_get_request *in = req->body;
	struct registry_person_reply *answer = req->answer;
	struct registry_key_list_reply keys = { 0 };

	TRY(person_load(req, in->person_id, "/person_id", &answer->person));
	TRY(store_key_list(req->tx, req->arena, in->person_id, STR(""), PAGE_MAX, &keys));
	LIST_COPY(answer->keys, keys.keys);
	return ST_OK;
}

enum st on_person_list(struct svc_request *req)
{
	const struct registry_person_list_request *in = req->body;
	struct str role = in->role ? person_role_name(in->role) : STR("");

	return store_person_list(req->tx, req->arena, role, in->has_removed && in->removed,
				 str_or_empty(in->after), in->has_limit ? in->limit : PAGE_DEFAULT,
				 req->answer);
}

/* Keys */

static enum st key_add(struct svc_request *req, struct note *note)
{
	const struct registry_key_add_request *in = req->body;
	struct registry_key_reply *answer = req->answer;
	struct registry_key_addition payload;
	struct act *act = ARENA_NEW(req->arena, struct act);
	struct registry_person person;

	if (!act)
		return ST_TOO_LARGE;
	TRY(store_lock(req->tx, req->arena, REGISTRY_LOCK_PEOPLE));
	TRY(person_act(req, &in->act,
		       ACT_RULE(REGISTRY_KEY_ADDITION_PURPOSE, registry_key_addition_type,
				struct registry_key_addition, ROLE_BITS_STEWARD),
		       note, act, &payload));
	TRY(person_load_present(req, payload.person_id, &person));
	if (payload.has_valid_until_ms && payload.valid_until_ms <= req->now_ms)
		return svc_refuse(req, ST_MESSAGE_INVALID, "/act/payload/valid_until",
				  "a key ends after it begins");
	TRY(key_judge(req, payload.public_key, payload.person_id, &answer->key));
	answer->key.has_valid_until_ms = payload.has_valid_until_ms;
	answer->key.valid_until_ms = payload.valid_until_ms;
	TRY(act_spent(req, act));
	return key_write(req, &answer->key);
}

enum st on_key_add(struct svc_request *req)
{
	return recorded(req, "key.add", STR("registry"), key_add);
}

static enum st key_load_open(struct svc_request *req, struct str key_id, struct registry_key *ret)
{
	bool there;

	TRY(store_key_get(req->tx, req->arena, key_id, ret, &there));
	if (!there)
		return svc_refuse(req, ST_NOT_FOUND, "/act/payload/key_id", "no key \"%.*s\"",
				  STR_ARG(key_id));
	if (!key_is_open(ret, req->now_ms))
		return svc_refuse(req, ST_CONFLICT, "/act/payload/key_id", "it has ended already");
	return ST_OK;
}

static enum st key_remove(struct svc_request *req, struct note *note)
{
	const struct registry_key_remove_request *in = req->body;
	struct registry_key_reply *answer = req->answer;
	struct registry_key_removal payload;
	struct act *act = ARENA_NEW(req->arena, struct act);

	if (!act)
		return ST_TOO_LARGE;
	TRY(store_lock(req->tx, req->arena, REGISTRY_LOCK_PEOPLE));
	TRY(person_act(req, &in->act,
		       ACT_RULE(REGISTRY_KEY_REMOVAL_PURPOSE, registry_key_removal_type,
				struct registry_key_removal, ROLE_BITS_STEWARD),
		       note, act, &payload));
	TRY(key_load_open(req, payload.key_id, &answer->key));
	TRY(steward_still_there(req, STR(""), payload.key_id));
	TRY(act_spent(req, act));
	return key_end(req, &answer->key);
}

enum st on_key_remove(struct svc_request *req)
{
	return recorded(req, "key.remove", STR("registry"), key_remove);
}

enum st on_key_list(struct svc_request *req)
{
	const struct registry_key_list_request *in = req->body;

	return store_key_list(req->tx, req->arena, str_or_empty(in->person_id),
			      str_or_empty(in->after), in->has_limit ? in->limit : PAGE_DEFAULT,
			      req->answer);
}
