/* cmd_login.c: an API key for the HTTP door, kept in a file that nobody else can read; and who it
 * speaks for, asked through the door itself. */
#include <curl/curl.h>
#include <stdio.h>

#include "gen/contract.h"
#include "gen/gateway.h"
#include "services/terminal/process.h"
#include "services/terminal/terminal.h"

#define SCOPES_MAX 64
#define ANSWER_BYTES_MAX (64 * 1024)
#define DOOR_MS_MAX 10000

static const char *key_path(struct terminal *t, const char *option)
{
	static struct site_text own;
	const char *given = args_text(&t->args, option);

	own = site_path(&t->site, "keys/people/door.key");
	return given ? given : own.text;
}

/* Every scope that only reads. */
static enum st scopes_reading(struct terminal *t, struct str **ret, size_t *ret_count)
{
	struct str *scopes = ARENA_ARRAY(&t->arena, struct str, SCOPES_MAX);
	size_t count = 0;

	if (!scopes)
		return ST_NO_MEMORY;
	for (const struct proto_call *const *c = proto_calls; *c && count < SCOPES_MAX; c++) {
		struct str scope;
		bool there = false;

		if (!(*c)->http || !(*c)->reads)
			continue;
		scope = str_of((*c)->http->scope);
		for (size_t i = 0; i < count; i++)
			there |= str_equal(scopes[i], scope);
		if (!there && str_ends(scope, ":read"))
			scopes[count++] = scope;
	}
	*ret = scopes;
	*ret_count = count;
	return ST_OK;
}

static enum st subject_read(struct terminal *t, struct gateway_api_key_create_request *in,
			    struct problem *problem)
{
	struct str agent = terminal_text(t, "agent"), service = terminal_text(t, "service");

	if (agent.data && service.data)
		return problem_set(problem, ST_USAGE, "", "--agent and --service are two things");
	in->kind = agent.data     ? GATEWAY_PRINCIPAL_KIND_AGENT
		   : service.data ? GATEWAY_PRINCIPAL_KIND_SERVICE
				  : GATEWAY_PRINCIPAL_KIND_HUMAN;
	in->subject = agent.data ? agent : service;
	if (in->subject.data)
		return ST_OK;
	TRY(terminal_person(t, &in->subject, problem));
	t->principal = NULL; /* the machine makes the key for them */
	return ST_OK;
}

enum st cmd_login(struct terminal *t, struct problem *problem)
{
	struct gateway_api_key_create_request request = {
		.name = STR("piopl login"),
		.has_ttl_s = args_has(&t->args, "for"),
		.ttl_s = args_i64(&t->args, "for", 0) / 1000,
	};
	struct gateway_api_key_create_reply reply;
	const char *path = key_path(t, "output");
	struct str line;

	TRY(subject_read(t, &request, problem));
	if (args_has(&t->args, "scope"))
		TRY(terminal_texts(t, "scope", &request.scopes.items, &request.scopes.count));
	else
		TRY(scopes_reading(t, &request.scopes.items, &request.scopes.count));
	TRY(terminal_call(t, &CALL_GATEWAY_API_KEY_CREATE, &request, &reply, problem));
	line = arena_printf(&t->arena, "%.*s\n", STR_ARG(reply.token));
	if (!line.data || !file_write(path, line.data, line.size, 0600))
		return problem_set(problem, ST_UNAVAILABLE, "", "cannot write \"%s\"", path);
	if (t->json)
		return terminal_json(t, &gateway_api_key_type, &reply.key);
	terminal_say(t, "%.*s speaks for %s %.*s until %s; it is in %s\n",
		     STR_ARG(reply.key.key_id), gateway_principal_kind_names[reply.key.kind - 1],
		     STR_ARG(reply.key.subject), terminal_time(t, reply.key.expires_at_ms), path);
	return ST_OK;
}

/* --- through the door --- */

struct answer {
	char text[ANSWER_BYTES_MAX];
	size_t size;
};

static size_t answer_take(char *data, size_t size, size_t count, void *context)
{
	struct answer *answer = context;
	size_t bytes = size * count;

	if (bytes > sizeof(answer->text) - answer->size)
		return 0;
	memcpy(answer->text + answer->size, data, bytes);
	answer->size += bytes;
	return bytes;
}

static enum st door_get(struct terminal *t, const char *path, struct str key, struct str *ret,
			long *ret_status, struct problem *problem)
{
	struct answer *answer = ARENA_NEW(&t->arena, struct answer);
	struct str header = arena_printf(&t->arena, "Authorization: Bearer %.*s", STR_ARG(key));
	struct curl_slist *headers = header.data ? curl_slist_append(NULL, header.data) : NULL;
	CURL *curl = curl_easy_init();
	CURLcode code = CURLE_OUT_OF_MEMORY;
	char url[256];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", (unsigned)site_door_port(&t->site),
		 path);
	if (curl && headers && answer) {
		curl_easy_setopt(curl, CURLOPT_URL, url);
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(curl, CURLOPT_PROXY, "");
		curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)DOOR_MS_MAX);
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, answer_take);
		curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
		code = curl_easy_perform(curl);
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
		*ret = (struct str){ answer->text, answer->size };
	}
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	if (code == CURLE_OK)
		return ST_OK;
	problem_set(problem, ST_UNAVAILABLE, "", "%s: %s", url, curl_easy_strerror(code));
	problem_hint(problem, "see: piopl status");
	return ST_UNAVAILABLE;
}

static enum st refusal_read(struct terminal *t, struct str text, struct problem *problem)
{
	struct common_problem refused;
	enum st st = ST_UNAVAILABLE;

	if (proto_decode(&common_problem_type, text, PROTO_UNKNOWN_IGNORED, &t->arena, &refused,
			 problem) != ST_OK)
		return problem_set(problem, st, "", "the door answered with something else");
	*problem = (struct problem){ 0 };
	st = st_of_code(refused.code);
	return problem_set(problem, st == ST_OK ? ST_UNAVAILABLE : st, "", "%.*s",
			   STR_ARG(refused.detail));
}

static enum st kept_key(struct terminal *t, struct str *ret, struct problem *problem)
{
	enum st st = terminal_read_file(t, key_path(t, "file"), ret, problem);

	if (st != ST_OK)
		problem_hint(problem, "make one with: piopl login");
	while (st == ST_OK && ret->size > 0 && ret->data[ret->size - 1] == '\n')
		ret->size--;
	return st;
}

enum st cmd_whoami(struct terminal *t, struct problem *problem)
{
	struct gateway_whoami_reply reply;
	struct str key, text;
	long status = 0;

	TRY(kept_key(t, &key, problem));
	TRY(door_get(t, "/v1/whoami", key, &text, &status, problem));
	if (status != 200)
		return refusal_read(t, text, problem);
	TRY(proto_decode(&gateway_whoami_reply_type, text, PROTO_UNKNOWN_IGNORED, &t->arena, &reply,
			 problem));
	if (t->json)
		return terminal_json(t, &gateway_whoami_reply_type, &reply);
	terminal_say(t, "%.*s\n", STR_ARG(reply.principal));
	for (size_t i = 0; i < reply.scopes.count; i++)
		terminal_say(t, "  %.*s\n", STR_ARG(reply.scopes.items[i]));
	return ST_OK;
}
