/* credential.c: who asks. What was found good is remembered for a short time by the credential's
 * digest; a revocation on the bus makes it forgotten at once. A source that fails too often is not
 * asked any more about credentials that are not known to be good. */
#include <stdio.h>

#include "clock.h"
#include "door.h"
#include "gen/gateway.h"
#include "log.h"

static struct cache_entry *cache_set(struct door *door, const struct hash *digest)
{
	uint32_t way;

	memcpy(&way, digest->bytes, sizeof(way));
	return &door->cache[(size_t)(way % DOOR_CACHE_SETS) * DOOR_CACHE_WAYS];
}

static struct cache_entry *cache_find(struct door *door, const struct hash *digest)
{
	struct cache_entry *set = cache_set(door, digest);
	uint64_t now_ns = clock_mono_ns();

	for (size_t i = 0; i < DOOR_CACHE_WAYS; i++)
		if (set[i].until_ns > now_ns && hash_equal(&set[i].digest, digest) &&
		    set[i].principal.expires_ms > clock_now_ms())
			return &set[i];
	return NULL;
}

static const struct principal *cache_add(struct door *door, const struct hash *digest,
					 const struct principal *principal, const char *key_id,
					 int64_t keep_ms)
{
	struct cache_entry *set = cache_set(door, digest), *entry = &set[0];

	for (size_t i = 1; i < DOOR_CACHE_WAYS; i++)
		if (set[i].until_ns < entry->until_ns)
			entry = &set[i];
	*entry = (struct cache_entry){
		.digest = *digest,
		.until_ns = clock_mono_ns() + (uint64_t)keep_ms * 1000000u,
		.principal = *principal,
	};
	snprintf(entry->key_id, sizeof(entry->key_id), "%s", key_id);
	return &entry->principal;
}

void credential_forget(struct door *door, struct str key_id)
{
	door->revocations++;
	for (size_t i = 0; i < (size_t)DOOR_CACHE_SETS * DOOR_CACHE_WAYS; i++)
		if (door->cache[i].until_ns > 0 && str_is(key_id, door->cache[i].key_id))
			door->cache[i].until_ns = 0;
}

/* ---- refusals ---- */

void credential_failed(struct request *request)
{
	struct limit_state state;
	const char *address = request->connection->address;

	limit_take(&request->door->attempts, str_of(address), clock_mono_ns(), &state);
	metric_add(GATEWAY_METRIC_UNAUTHENTICATED, 1);
	log_write(LOG_WARN,
		  &(struct log_fields){ .category = "credential",
					.trace = request->trace,
					.subject = address,
					.status = st_info(request->problem.st)->code },
		  "a credential was refused: %s", request->problem.detail);
	/* What exactly is wrong is for the log; a guesser learns nothing from the answer. */
	if (request->problem.st == ST_CREDENTIAL_INVALID || request->problem.st == ST_KEY_UNKNOWN) {
		request->problem = (struct problem){ 0 };
		problem_set(&request->problem, ST_CREDENTIAL_INVALID, "", "%s", "");
	}
	request_fail(request);
}

void credential_refuse(struct request *request, enum st st)
{
	request->problem.st = st;
	if (st_info(st)->kind == ST_KIND_REFUSAL && st != ST_CREDENTIAL_MISSING)
		credential_failed(request);
	else
		request_fail(request);
}

bool credential_attempts_refused(struct request *request)
{
	struct limit_state state;

	limit_look(&request->door->attempts, str_of(request->connection->address), clock_mono_ns(),
		   &state);
	if (state.allowed)
		return false;
	metric_add(GATEWAY_METRIC_LIMITED, 1);
	problem_set(&request->problem, ST_ATTEMPTS_EXCEEDED, "", "%s", "");
	request->problem.retry_after_ms = state.retry_after_s * 1000;
	request_fail(request);
	return true;
}

/* ---- API keys ---- */

static enum st key_ask(struct request *request)
{
	struct door *door = request->door;
	char hash_text[HASH_TEXT_SIZE];
	struct gateway_api_key_check_request in;
	struct hash hash;
	struct str body;

	if (api_key_id_of(request->credential.text, request->key_id) != ST_OK)
		return problem_set(&request->problem, ST_CREDENTIAL_INVALID, "",
				   "it is not of the form of an API key");
	api_key_hash(str_of(door->config->key_secret), request->credential.text, &hash);
	hash_to_text(&hash, hash_text);
	in = (struct gateway_api_key_check_request){ .key_id = str_of(request->key_id),
						     .hash = str_of(hash_text) };
	TRY(proto_encode(&gateway_api_key_check_request_type, &in, &request->arena, &body));
	const struct bus_request message = { .call = &CALL_GATEWAY_API_KEY_CHECK,
					     .body = body,
					     .options = { .trace_id = request->trace },
					     .context = request };
	request->stage = STAGE_CREDENTIAL;
	request->revocations = door->revocations;
	return bus_async_send(door->async, &message, &request->number, &request->problem);
}

static enum st principal_of_reply(const struct gateway_api_key_check_reply *reply,
				  struct principal *ret)
{
	enum proto_principal kind;

	if (!principal_kind_parse(str_of(gateway_principal_kind_names[reply->kind - 1]), &kind))
		return ST_INTERNAL;
	TRY(principal_set(ret, kind, reply->subject));
	for (size_t i = 0; i < reply->scopes.count; i++)
		TRY(principal_scope_add(ret, reply->scopes.items[i]));
	ret->expires_ms = reply->expires_at_ms;
	return ST_OK;
}

void credential_on_answer(struct request *request, struct bus_answer *answer)
{
	struct door *door = request->door;
	struct gateway_api_key_check_reply reply;
	struct principal *principal;
	enum st st = answer->st;

	if (request->credential.kind == CREDENTIAL_CAPABILITY) {
		capability_on_answer(request, answer);
		return;
	}
	principal = ARENA_NEW(&request->arena, struct principal);

	if (st == ST_OK)
		st = proto_decode(&gateway_api_key_check_reply_type, answer->body,
				  PROTO_UNKNOWN_IGNORED, &request->arena, &reply,
				  &request->problem);
	else
		request->problem = answer->problem;
	if (st == ST_OK)
		st = principal ? principal_of_reply(&reply, principal) : ST_NO_MEMORY;
	bus_answer_free(answer);
	if (st != ST_OK) {
		credential_refuse(request, st);
		return;
	}
	request->principal = principal;
	/* A key that was ended while this was on its way is not remembered. */
	if (door->revocations == request->revocations)
		(void)cache_add(door, &request->digest, principal, request->key_id,
				door->config->key_cache_ms);
	request_proceed(request);
}

/* ---- tokens ---- */

static void jwt_authenticate(struct request *request)
{
	struct principal *principal = ARENA_NEW(&request->arena, struct principal);
	enum st st;

	if (!principal) {
		credential_refuse(request, ST_NO_MEMORY);
		return;
	}
	if (!oidc_is_configured(request->door)) {
		problem_set(&request->problem, ST_CREDENTIAL_UNSUPPORTED, "",
			    "no identity provider is configured");
		credential_refuse(request, ST_CREDENTIAL_UNSUPPORTED);
		return;
	}
	st = oidc_check(request, principal, &request->problem);
	if (st == ST_KEY_UNKNOWN && request->problem.st == ST_OK)
		return; /* it waits for the provider's keys */
	if (st != ST_OK) {
		credential_refuse(request, st);
		return;
	}
	request->problem = (struct problem){ 0 };
	request->principal = principal;
	(void)cache_add(request->door, &request->digest, principal, "", DOOR_OIDC_CACHE_MS);
	request_proceed(request);
}

static void credential_ask(struct request *request)
{
	enum st st;

	switch (request->credential.kind) {
	case CREDENTIAL_API_KEY:
		st = key_ask(request);
		if (st != ST_OK)
			credential_refuse(request, st);
		return;
	case CREDENTIAL_JWT:
		jwt_authenticate(request);
		return;
	case CREDENTIAL_CAPABILITY:
		capability_authenticate(request);
		return;
	case CREDENTIAL_NONE:
		break;
	}
	credential_refuse(request, ST_CREDENTIAL_MISSING);
}

void credential_authenticate(struct request *request)
{
	const char *header =
		MHD_lookup_connection_value(request->handle, MHD_HEADER_KIND, "Authorization");
	enum st st = credential_parse(header, &request->credential);
	const struct cache_entry *known;

	request->problem = (struct problem){ 0 };
	if (st == ST_OK && request->credential.kind == CREDENTIAL_NONE) {
		problem_set(&request->problem, ST_CREDENTIAL_MISSING, "",
			    "send Authorization: Bearer <credential>");
		request_fail(request);
		return;
	}
	if (st == ST_OK) {
		sha256_of(request->credential.text.data, request->credential.text.size,
			  &request->digest);
		known = cache_find(request->door, &request->digest);
		if (known) {
			/* a copy: the place may be another's before this request ends */
			struct principal *copy = ARENA_NEW(&request->arena, struct principal);
			if (copy)
				*copy = known->principal;
			request->principal = copy;
			if (copy)
				request_proceed(request);
			else
				credential_refuse(request, ST_NO_MEMORY);
			return;
		}
	}
	if (credential_attempts_refused(request))
		return;
	if (st != ST_OK)
		credential_refuse(request, st);
	else
		credential_ask(request);
}
