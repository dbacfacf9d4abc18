/* act.c: acts are used once: their digests are kept, with all that shows who signed what. */
#include "act.h"

enum { ACT_FIND, ACT_INSERT };

enum st act_accept(const struct act_source *source, const struct common_signed_act *in,
		   const struct act_rule *rule, struct act *ret, void *ret_payload,
		   struct problem *problem)
{
	struct act_key key;
	struct act act;
	struct db_rows rows;
	bool found = false;

	TRY(source->find(source->find_context, in->key_id, &key, &found));
	TRY(act_check(in, rule, found ? &key : NULL, source->now_ms, source->arena, &act,
		      ret_payload, problem));
	struct str digest = { (const char *)act.digest.bytes, HASH_BYTES };
	TRY(db_query(source->tx, &source->statements[ACT_FIND], source->arena, &rows,
		     DB_BYTES(digest)));
	if (rows.count > 0)
		return problem_set(problem, ST_SIGNATURE_REUSED, "/act",
				   "this act was used before; sign a new one with another nonce");
	*ret = act;
	return ST_OK;
}

enum st act_spend(const struct act_source *source, const struct act *act)
{
	struct str digest = { (const char *)act->digest.bytes, HASH_BYTES };
	struct str signature = { (const char *)act->signature, SIGNATURE_BYTES };

	return db_write(source->tx, &source->statements[ACT_INSERT], 1, ST_SIGNATURE_REUSED,
			DB_BYTES(digest), DB_TEXT(str_of(act->purpose)), DB_TEXT(act->key_id),
			DB_BYTES(act->payload), DB_BYTES(signature), DB_I64(source->now_ms));
}
