/* cmd_wallet_key.c: a wallet's own key, and logging in by it over HTTP like any wallet does. */
#include <curl/curl.h>
#include <stdio.h>

#include "clock.h"
#include "gen/gateway.h"
#include "services/terminal/process.h"
#include "services/terminal/terminal.h"
#include "siwe.h"

#define ANSWER_BYTES_MAX (256 * 1024)
#define TIMEOUT_MS 10000
#define URL_SIZE 512

enum st cmd_wallet_new(struct terminal *t, struct problem *problem)
{
	const char *path = args_text(&t->args, "file");
	char address[ETHEREUM_ADDRESS_TEXT_SIZE];
	struct ethereum_key key;
	enum st st;

	ethereum_key_generate(&key);
	ethereum_address_to_text(&key.address, address);
	st = ethereum_key_create(path, &key, problem);
	ethereum_key_clear(&key);
	if (st == ST_OK && t->json)
		printf("{\"address\":\"%s\"}\n", address);
	if (st == ST_OK)
		terminal_say(t, "%s: its key is in %s\n", address, path);
	return st;
}

/* ---- HTTP ---- */

struct gateway_client {
	struct terminal *t;
	CURL *easy;
	char base[URL_SIZE]; /* without a slash at its end */
	struct buf answer;
};

static size_t answer_take(char *data, size_t size, size_t count, void *context)
{
	struct gateway_client *client = context;

	if (client->answer.size + size * count > ANSWER_BYTES_MAX)
		return 0; /* curl gives up */
	buf_add(&client->answer, data, size * count);
	return size * count;
}

static enum st client_open(struct terminal *t, struct gateway_client *ret, struct problem *problem)
{
	const char *url = args_text(&t->args, "url");
	size_t size;

	*ret = (struct gateway_client){ .t = t };
	if (url)
		snprintf(ret->base, sizeof(ret->base), "%s", url);
	else
		snprintf(ret->base, sizeof(ret->base), "http://127.0.0.1:%u",
			 (unsigned)site_door_port(&t->site));
	size = strlen(ret->base);
	if (size > 0 && ret->base[size - 1] == '/')
		ret->base[size - 1] = 0;
	if (url && strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
		return problem_set(problem, ST_USAGE, "", "\"%s\" is no http or https address",
				   url);
	ret->easy = curl_easy_init();
	return ret->easy ? ST_OK : problem_set(problem, ST_NO_MEMORY, "", "curl does not start");
}

static struct curl_slist *headers_make(void)
{
	char uuid[UUID_TEXT_SIZE], key[UUID_TEXT_SIZE + 20];
	struct curl_slist *list = NULL, *longer;

	uuid_make(clock_now_ms(), uuid);
	snprintf(key, sizeof(key), "Idempotency-Key: %s", uuid);
	const char *const lines[] = { "Content-Type: application/json", "Expect:", key };
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		longer = curl_slist_append(list, lines[i]);
		if (!longer) {
			curl_slist_free_all(list);
			return NULL;
		}
		list = longer;
	}
	return list;
}

/* The gateway's refusal, in its own words. */
static enum st refused(struct gateway_client *client, long status, struct problem *problem)
{
	struct common_problem said;
	struct str text = buf_str(&client->answer);
	struct problem ignored;

	if (!text.data || proto_decode(&common_problem_type, text, PROTO_UNKNOWN_IGNORED,
				       &client->t->arena, &said, &ignored) != ST_OK)
		return problem_set(problem, ST_UNAVAILABLE, "", "%s answers with status %ld",
				   client->base, status);
	problem_set(problem, st_of_code(said.code), "", "%.*s",
		    STR_ARG(said.detail.data ? said.detail : said.title));
	if (said.hint.data)
		problem_hint(problem, "%.*s", STR_ARG(said.hint));
	return problem->st;
}

static enum st client_post(struct gateway_client *client, const char *path,
			   const struct proto_type *type, const void *request,
			   const struct proto_type *reply_type, void *reply,
			   struct problem *problem)
{
	char url[URL_SIZE + 64];
	struct curl_slist *headers = headers_make();
	struct str body;
	long status = 0;
	CURLcode code;
	enum st st = proto_encode(type, request, &client->t->arena, &body);

	if (st != ST_OK || !headers) {
		curl_slist_free_all(headers);
		return st != ST_OK ? st : ST_NO_MEMORY;
	}
	snprintf(url, sizeof(url), "%s%s", client->base, path);
	buf_init(&client->answer, &client->t->arena, 4096);
	curl_easy_setopt(client->easy, CURLOPT_URL, url);
	curl_easy_setopt(client->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(client->easy, CURLOPT_POSTFIELDS, body.data);
	curl_easy_setopt(client->easy, CURLOPT_POSTFIELDSIZE, (long)body.size);
	curl_easy_setopt(client->easy, CURLOPT_WRITEFUNCTION, answer_take);
	curl_easy_setopt(client->easy, CURLOPT_WRITEDATA, client);
	curl_easy_setopt(client->easy, CURLOPT_TIMEOUT_MS,
			 (long)args_i64(&client->t->args, "timeout", TIMEOUT_MS));
	code = curl_easy_perform(client->easy);
	curl_slist_free_all(headers);
	if (code != CURLE_OK) {
		problem_set(problem, ST_UNAVAILABLE, "", "%s does not answer: %s", client->base,
			    curl_easy_strerror(code));
		problem_hint(problem, "start the system with: piopl up");
		return ST_UNAVAILABLE;
	}
	curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		return refused(client, status, problem);
	return proto_decode(reply_type, buf_str(&client->answer), PROTO_UNKNOWN_IGNORED,
			    &client->t->arena, reply, problem);
}

/* ---- login ---- */

/* A wallet signs for who it talks to and for nobody else, whatever it was given to sign. */
static enum st message_check(const struct gateway_client *client, const struct ethereum_key *key,
			     struct str text, struct problem *problem)
{
	const char *authority = strstr(client->base, "://");
	struct siwe *message = ARENA_NEW(&client->t->arena, struct siwe);
	struct str place;

	ASSERT(authority);
	if (!message)
		return ST_NO_MEMORY;
	place = str_of(authority + 3);
	place.size = strcspn(place.data, "/?#");
	TRY(siwe_parse(text, message, problem));
	if (!ethereum_address_equal(&message->address, &key->address))
		return problem_set(
			problem, ST_MESSAGE_INVALID, "",
			"the gateway gave a message for another wallet; nothing was signed");
	if (!str_equal(message->domain, place)) {
		problem_set(
			problem, ST_MESSAGE_INVALID, "",
			"the gateway's message is for \"%.*s\", not \"%.*s\"; nothing was signed",
			STR_ARG(message->domain), STR_ARG(place));
		problem_hint(problem, "use --url with the gateway's own name "
				      "(PIOPL_GATEWAY_LOGIN_DOMAIN)");
		return ST_MESSAGE_INVALID;
	}
	return ST_OK;
}

static enum st message_ask(struct gateway_client *client, const struct ethereum_key *key,
			   struct str *ret, struct problem *problem)
{
	const struct args *args = &client->t->args;
	char address[ETHEREUM_ADDRESS_TEXT_SIZE];
	struct gateway_auth_nonce_request request = {
		.has_chain_id = args_has(args, "chain"),
		.chain_id = args_i64(args, "chain", 0),
		.has_scopes = args_has(args, "scope"),
	};
	struct gateway_auth_nonce_reply reply;
	size_t count = args_times(args, "scope");

	ethereum_address_to_text(&key->address, address);
	request.address = str_of(address);
	request.scopes.items = ARENA_ARRAY(&client->t->arena, struct str, count);
	if (!request.scopes.items)
		return ST_NO_MEMORY;
	for (; request.scopes.count < count; request.scopes.count++)
		request.scopes.items[request.scopes.count] =
			str_of(args_nth(args, "scope", request.scopes.count));
	TRY(client_post(client, "/v1/auth/nonce", &gateway_auth_nonce_request_type, &request,
			&gateway_auth_nonce_reply_type, &reply, problem));
	TRY(message_check(client, key, reply.message, problem));
	*ret = reply.message;
	return ST_OK;
}

static enum st token_tell(struct terminal *t, const struct gateway_auth_verify_reply *reply,
			  struct problem *problem)
{
	const char *path = args_text(&t->args, "token");

	if (path) {
		struct str line = arena_printf(&t->arena, "%.*s\n", STR_ARG(reply->token));
		if (!line.data || !file_write(path, line.data, line.size, 0600))
			return problem_set(problem, ST_UNAVAILABLE, "", "cannot write \"%s\"",
					   path);
	}
	if (t->json)
		return terminal_json(t, &gateway_auth_verify_reply_type, reply);
	terminal_say(t, "%.*s until %s, %zu scopes\n", STR_ARG(reply->principal),
		     terminal_time(t, reply->key.expires_at_ms), reply->key.scopes.count);
	if (path)
		terminal_say(t, "the API key %.*s is in %s\n", STR_ARG(reply->key.key_id), path);
	else
		terminal_say(t, "%.*s\n", STR_ARG(reply->token));
	return ST_OK;
}

static enum st login(struct gateway_client *client, const struct ethereum_key *key,
		     struct problem *problem)
{
	char text[ETHEREUM_SIGNATURE_TEXT_SIZE];
	struct gateway_auth_verify_request request;
	struct gateway_auth_verify_reply reply;
	struct ethereum_signature signature;
	struct hash hash;

	TRY(message_ask(client, key, &request.message, problem));
	ethereum_message_hash(request.message, &hash);
	ethereum_sign(key, &hash, &signature);
	ethereum_signature_to_text(&signature, text);
	request.signature = str_of(text);
	TRY(client_post(client, "/v1/auth/verify", &gateway_auth_verify_request_type, &request,
			&gateway_auth_verify_reply_type, &reply, problem));
	return token_tell(client->t, &reply, problem);
}

enum st cmd_wallet_login(struct terminal *t, struct problem *problem)
{
	struct gateway_client client;
	struct ethereum_key key;
	enum st st;

	TRY(ethereum_key_load(args_text(&t->args, "file"), &key, problem));
	st = client_open(t, &client, problem);
	if (st == ST_OK)
		st = login(&client, &key, problem);
	ethereum_key_clear(&key);
	if (client.easy)
		curl_easy_cleanup(client.easy);
	return st;
}
