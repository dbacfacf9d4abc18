/* core_act.c: is this act signed by who it must be, now, with this content? */
#include <stdio.h>
#include <stdlib.h>

#include "act.h"

static enum st act_refuse(struct problem *problem, enum st st, const char *place, const char *why)
{
	return problem_set(problem, st, place, "%s", why);
}

static bool key_is_valid(const struct act_key *key, int64_t now_ms)
{
	return key && key->valid_from_ms <= now_ms && now_ms < key->valid_until_ms;
}

static void act_digest(const char *purpose, struct str payload, struct hash *ret)
{
	struct sha256 state;

	sha256_init(&state);
	sha256_add(&state, purpose, strlen(purpose));
	sha256_add(&state, "\n", 1);
	sha256_add(&state, payload.data, payload.size);
	sha256_final(&state, ret);
}

static enum st payload_decode(const struct act_rule *rule, struct str payload, struct arena *arena,
			      void *ret, struct problem *problem)
{
	struct problem inner = { 0 };
	enum st st =
		proto_decode(rule->payload, payload, PROTO_UNKNOWN_REFUSED, arena, ret, &inner);
	char pointer[sizeof(inner.pointer) + sizeof("/act/payload: ")];

	if (st == ST_OK)
		return ST_OK;
	snprintf(pointer, sizeof(pointer), "/act/payload%s%s",
		 inner.pointer[0] == '/' || !inner.pointer[0] ? "" : ": ", inner.pointer);
	problem_set(problem, st, pointer, "%s", inner.detail);
	problem_hint(problem, "%s", inner.hint);
	return st;
}

static enum st issued_at_check(int64_t issued_at_ms, int64_t now_ms, struct problem *problem)
{
	if (issued_at_ms < now_ms - ACT_AGE_MS_MAX || issued_at_ms > now_ms + ACT_FUTURE_MS_MAX) {
		enum st st = problem_set(problem, ST_SIGNATURE_EXPIRED, "/act/payload/issued_at",
					 "issued %lld seconds %s",
					 (long long)(llabs(now_ms - issued_at_ms) / 1000),
					 issued_at_ms < now_ms ? "ago" : "ahead");
		problem_hint(problem, "sign it again; it is taken for %d seconds",
			     ACT_AGE_MS_MAX / 1000);
		return st;
	}
	return ST_OK;
}

enum st act_check(const struct common_signed_act *in, const struct act_rule *rule,
		  const struct act_key *key, int64_t now_ms, struct arena *arena, struct act *ret,
		  void *ret_payload, struct problem *problem)
{
	struct act act = { .purpose = rule->purpose, .key_id = in->key_id, .payload = in->payload };

	if (!key_is_valid(key, now_ms))
		return act_refuse(problem, ST_KEY_UNKNOWN, "/act/key_id",
				  key ? "the key is not valid now" : "nobody has this key");
	if (base64_decode_exact(in->signature, act.signature, SIGNATURE_BYTES) != ST_OK ||
	    verify_purpose(key->public_key, rule->purpose, in->payload, act.signature) != ST_OK) {
		act_refuse(problem, ST_SIGNATURE_INVALID, "/act/signature",
			   "the signature is not of this purpose, payload and key");
		problem_hint(problem, "sign \"%s\", a newline and the payload", rule->purpose);
		return ST_SIGNATURE_INVALID;
	}
	TRY(payload_decode(rule, in->payload, arena, ret_payload, problem));
	memcpy(&act.issued_at_ms, (const char *)ret_payload + rule->issued_at_offset,
	       sizeof(act.issued_at_ms));
	TRY(issued_at_check(act.issued_at_ms, now_ms, problem));
	if (rule->roles && !(key->roles & rule->roles))
		return act_refuse(problem, ST_ROLE_REQUIRED, "/act/key_id",
				  "the signer does not hold a role this act needs");
	act.person_id = key->person_id;
	act_digest(rule->purpose, in->payload, &act.digest);
	*ret = act;
	return ST_OK;
}
