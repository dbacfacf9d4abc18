/* acts.c: signed acts of people, found by the keys the registry told of. */
#include "handlers.h"

static struct act_source source_of(struct svc_request *req, struct key_source *keys)
{
	return (struct act_source){
		.tx = req->tx,
		.arena = req->arena,
		.now_ms = req->now_ms,
		.find = store_key_find,
		.find_context = keys,
		.statements = &approval_statements[APR_ACT_FIND],
	};
}

enum st person_act(struct svc_request *req, const struct common_signed_act *in,
		   const struct act_rule *rule, struct note *note, struct act *ret,
		   void *ret_payload)
{
	struct key_source keys = { req->tx, req->arena };
	struct act_source source = source_of(req, &keys);

	if (in->payload.size > ACT_PAYLOAD_BYTES_MAX)
		return svc_refuse(req, ST_MESSAGE_TOO_LARGE, "/act/payload",
				  "%zu bytes, and %d are the most", in->payload.size,
				  ACT_PAYLOAD_BYTES_MAX);
	TRY(act_accept(&source, in, rule, ret, ret_payload, &req->problem));
	note->act = ret;
	note->user_id = ret->person_id;
	return ST_OK;
}

enum st act_spent(struct svc_request *req, const struct act *act)
{
	struct act_source source = source_of(req, NULL);

	return act_spend(&source, act);
}

enum st signer_load(struct svc_request *req, const struct act *act, struct person_row *ret)
{
	bool found;

	TRY(store_person_get(req->tx, req->arena, act->person_id, ret, &found));
	if (!found)
		return svc_refuse(req, ST_KEY_UNKNOWN, "/act/key_id", "\"%.*s\" was removed",
				  STR_ARG(act->person_id));
	return ST_OK;
}
