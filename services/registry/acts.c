/* acts.c: acts of people, found by the registry's own keys, and of the installation's root key. */
#include "handlers.h"

static struct act_source source_of(struct svc_request *req, act_key_find find, void *context)
{
	return (struct act_source){
		.tx = req->tx,
		.arena = req->arena,
		.now_ms = req->now_ms,
		.find = find,
		.find_context = context,
		.statements = &registry_statements[REG_ACT_FIND],
	};
}

static enum st accept(struct svc_request *req, const struct act_source *source,
		      const struct common_signed_act *in, const struct act_rule *rule,
		      struct note *note, struct act *ret, void *ret_payload)
{
	TRY(act_accept(source, in, rule, ret, ret_payload, &req->problem));
	note->act = ret;
	note->user_id = ret->person_id;
	return ST_OK;
}

enum st person_act(struct svc_request *req, const struct common_signed_act *in,
		   const struct act_rule *rule, struct note *note, struct act *ret,
		   void *ret_payload)
{
	struct key_source keys = { req->tx, req->arena };
	struct act_source source = source_of(req, store_key_find, &keys);

	return accept(req, &source, in, rule, note, ret, ret_payload);
}

static enum st root_key_find(void *context, struct str key_id, struct act_key *ret, bool *ret_found)
{
	const struct registry_service *registry = context;

	*ret_found = str_is(key_id, registry->root_key_id);
	if (!*ret_found)
		return ST_OK;
	*ret = (struct act_key){ .person_id = STR("root"), .valid_until_ms = INT64_MAX };
	memcpy(ret->public_key, registry->root_public_key, PUBLIC_KEY_BYTES);
	return ST_OK;
}

enum st root_act(struct svc_request *req, const struct common_signed_act *in,
		 const struct act_rule *rule, struct note *note, struct act *ret, void *ret_payload)
{
	struct act_source source = source_of(req, root_key_find, req->state);

	return accept(req, &source, in, rule, note, ret, ret_payload);
}

enum st act_spent(struct svc_request *req, const struct act *act)
{
	struct act_source source = source_of(req, NULL, NULL);

	return act_spend(&source, act);
}
