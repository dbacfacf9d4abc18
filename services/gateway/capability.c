/* capability.c: capability tokens with proof of possession. The token service is asked each time
 * and nothing is remembered: a proof is good once, and a revocation counts from its commit. When it
 * does not answer, no token is accepted (fail closed).
 *
 * A capability names its scopes as labels, "agents.read"; a route's scope is "agents:read". */
#include <stdio.h>

#include "door.h"
#include "gen/token.h"

static enum st proof_fill(struct request *request, struct token_proof *proof)
{
	const char *header =
		MHD_lookup_connection_value(request->handle, MHD_HEADER_KIND, "Piopl-Proof");
	char text[HASH_TEXT_SIZE];
	struct hash hash;

	if (!header)
		return ST_NOT_FOUND;
	sha256_of(request->body ? request->body : "", request->body_size, &hash);
	hash_to_text(&hash, text);
	*proof = (struct token_proof){
		.text = str_of(header),
		.method = str_of(request->method),
		.target = request->uri,
		.body_hash = arena_copy(&request->arena, str_of(text)),
	};
	return proof->body_hash.data ? ST_OK : ST_NO_MEMORY;
}

static enum st token_ask(struct request *request)
{
	struct token_proof proof;
	struct token_check_request in = { .token = request->credential.text };
	enum st st = proof_fill(request, &proof);
	struct str body;

	if (st == ST_OK)
		in.proof = &proof;
	else if (st != ST_NOT_FOUND)
		return st;
	/* What does not fit the contract is no proof of this request. */
	if (proto_encode(&token_check_request_type, &in, &request->arena, &body) != ST_OK)
		return problem_set(&request->problem, ST_PROOF_MALFORMED, "",
				   "token, Piopl-Proof or address is too long");
	const struct bus_request message = { .call = &CALL_TOKEN_TOKEN_CHECK,
					     .body = body,
					     .options = { .trace_id = request->trace },
					     .context = request };
	request->stage = STAGE_CREDENTIAL;
	return bus_async_send(request->door->async, &message, &request->number, &request->problem);
}

void capability_authenticate(struct request *request)
{
	enum st st = token_ask(request);

	if (st != ST_OK)
		credential_refuse(request, st);
}

static enum st verdict_read(struct request *request, const struct token_check_reply *reply,
			    struct principal *ret)
{
	const struct token_grant *grant = reply->grant;
	char scope[GATEWAY_SCOPE_BYTES_MAX + 1];

	if (!reply->verdict.valid || !grant) {
		enum st st = reply->verdict.reason.data ? st_of_code(reply->verdict.reason)
							: ST_CREDENTIAL_INVALID;
		problem_set(&request->problem, st, "", "%.*s", STR_ARG(reply->verdict.detail));
		return st_info(st)->http == 401 || st_info(st)->http == 503 ? st
									    : ST_CREDENTIAL_INVALID;
	}
	TRY(principal_set(ret, PROTO_AGENT, grant->agent_id));
	ret->expires_ms = grant->expires_at_ms;
	for (size_t i = 0; i < grant->scopes.count; i++) {
		struct str label = grant->scopes.items[i];
		if (!str_copy(label, scope, sizeof(scope)))
			continue;
		for (char *c = scope; *c; c++)
			if (*c == '.')
				*c = ':';
		/* a label that is no scope of a route opens none */
		(void)!principal_scope_add(ret, str_of(scope));
	}
	return ST_OK;
}

void capability_on_answer(struct request *request, struct bus_answer *answer)
{
	struct principal *principal = ARENA_NEW(&request->arena, struct principal);
	struct token_check_reply reply;
	enum st st = answer->st;

	if (st == ST_OK)
		st = proto_decode(&token_check_reply_type, answer->body, PROTO_UNKNOWN_IGNORED,
				  &request->arena, &reply, &request->problem);
	else
		request->problem = answer->problem;
	if (st == ST_OK)
		st = principal ? verdict_read(request, &reply, principal) : ST_NO_MEMORY;
	bus_answer_free(answer);
	if (st != ST_OK) {
		credential_refuse(request, st);
		return;
	}
	request->principal = principal;
	request_proceed(request);
}
