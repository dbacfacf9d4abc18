/* matrix_test.c: every route with every kind of principal, with and without its scope. What must
 * happen is computed from the contract; what happens is asked from outside. */
#include "client.h"
#include "gen/contract.h"

static struct client client;

static const struct {
	const char *subject;
	enum gateway_principal_kind kind;
	unsigned bit;
} kinds[] = {
	{ "ada", GATEWAY_PRINCIPAL_KIND_HUMAN, PROTO_HUMAN },
	{ "piopl_00001", GATEWAY_PRINCIPAL_KIND_AGENT, PROTO_AGENT },
	{ "opr_1", GATEWAY_PRINCIPAL_KIND_OPERATOR, PROTO_OPERATOR },
	{ "builder", GATEWAY_PRINCIPAL_KIND_SERVICE, PROTO_SERVICE },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static char full[KINDS][96], none[KINDS][96];

static size_t scopes_all(const char **ret, size_t max)
{
	size_t count = 0;

	for (const struct proto_call *const *c = proto_calls; *c; c++) {
		bool seen = !(*c)->http || (*c)->http->open;
		for (size_t i = 0; i < count && !seen; i++)
			seen = strcmp(ret[i], (*c)->http->scope) == 0;
		if (!seen && count < max)
			ret[count++] = (*c)->http->scope;
	}
	ret[count] = NULL;
	return count;
}

static int start(void **state)
{
	static const char *const names[] = { "gateway", NULL };
	static const char *const env[] = { "PIOPL_GATEWAY_RATE=100000",
					   "PIOPL_GATEWAY_BURST=100000", NULL };
	static const char *const only_self[] = { "self:read", NULL };
	const char *scopes[65];

	(void)state;
	client_start(&client, names, env);
	assert_true(scopes_all(scopes, 64) < 64);
	for (size_t i = 0; i < KINDS; i++) {
		client_key(&client, kinds[i].kind, kinds[i].subject, scopes, full[i]);
		client_key(&client, kinds[i].kind, kinds[i].subject, only_self, none[i]);
	}
	return 0;
}

static int stop(void **state)
{
	(void)state;
	stack_stop(&client.stack);
	return 0;
}

/* The path with `own` in its own hole and "x" in the others. */
static void path_make(const struct proto_call *call, const char *own, char *ret, size_t size)
{
	const char *path = call->http->path;
	size_t n = 0;

	for (; *path && n + 80 < size; path++) {
		if (*path != '{') {
			ret[n++] = *path;
			continue;
		}
		size_t length = strcspn(path + 1, "}");
		bool is_own = call->http->own && strlen(call->http->own) == length &&
			      strncmp(call->http->own, path + 1, length) == 0;
		n += (size_t)snprintf(ret + n, size - n, "%s", is_own ? own : "x");
		path += length + 1;
	}
	ret[n] = 0;
}

/* Where the gateway stops it: "" when it lets it through to the service. */
static const char *stopped_by(const struct proto_call *call, const char *token, const char *own)
{
	static const char *const own_codes[] = { "credential_missing",
						 "credential_invalid",
						 "principal_not_allowed",
						 "scope_missing",
						 "not_own",
						 NULL };
	bool get = strcmp(call->http->method, "GET") == 0;
	char path[512], body[256] = "{}";

	path_make(call, own, path, sizeof(path));
	if (call->http->own && !strstr(call->http->path, call->http->own)) {
		size_t n = strlen(path);
		if (get)
			snprintf(path + n, sizeof(path) - n, "?%s=%s", call->http->own, own);
		else
			snprintf(body, sizeof(body), "{\"%s\":\"%s\"}", call->http->own, own);
	}
	struct answer *answer = client_ask(&client, call->http->method, path, token,
					   get ? NULL : "matrix", NULL, get ? NULL : body);
	const char *code = answer_code(answer);
	assert_int_not_equal(answer->status, 0);
	for (const char *const *c = own_codes; *c; c++)
		if (strcmp(code, *c) == 0)
			return *c;
	assert_string_not_equal(code, "route_unknown");
	return "";
}

static const char *expected(const struct proto_call *call, size_t kind, bool scoped, bool own)
{
	const struct proto_http *http = call->http;
	bool narrow = kinds[kind].bit == PROTO_AGENT || kinds[kind].bit == PROTO_OPERATOR;

	if (!(http->principals & kinds[kind].bit))
		return "principal_not_allowed";
	if (!scoped && strcmp(http->scope, "self:read") != 0)
		return "scope_missing";
	if (narrow && http->own && !own)
		return "not_own";
	return "";
}

/* [GTW-5] */
static void every_route_lets_in_exactly_whom_the_contract_says(void **state)
{
	int checked = 0;

	(void)state;
	for (const struct proto_call *const *c = proto_calls; *c; c++) {
		if (!(*c)->http || (*c)->http->open)
			continue;
		assert_string_equal(stopped_by(*c, NULL, "x"), "credential_missing");
		for (size_t k = 0; k < KINDS; k++) {
			for (int scoped = 0; scoped < 2; scoped++)
				for (int own = 0; own < 2; own++) {
					const char *got =
						stopped_by(*c, scoped ? full[k] : none[k],
							   own ? kinds[k].subject : "piopl_00002");
					const char *want = expected(*c, k, scoped, own);
					if (strcmp(got, want) != 0)
						fail_msg("%s %s, %s, scope %d, own %d: \"%s\", not "
							 "\"%s\"",
							 (*c)->http->method, (*c)->http->path,
							 kinds[k].subject, scoped, own, got, want);
					checked++;
				}
		}
	}
	assert_true(checked > 500);
}

/* [GTW-5] what needs no credential is what gives one, and nothing else; with one it is the same */
static void only_login_needs_no_credential(void **state)
{
	int open = 0;

	(void)state;
	for (const struct proto_call *const *c = proto_calls; *c; c++) {
		if (!(*c)->http || !(*c)->http->open)
			continue;
		open++;
		assert_true(str_starts(str_of((*c)->http->path), "/v1/auth/"));
		assert_int_equal((*c)->http->principals, 0);
		assert_string_equal(stopped_by(*c, NULL, "x"), "");
		for (size_t k = 0; k < KINDS; k++)
			assert_string_equal(stopped_by(*c, full[k], "x"), "");
		assert_string_equal(stopped_by(*c, "not a credential", "x"), "");
	}
	assert_int_equal(open, 2);
}

/* [GTW-5] nothing is open to an agent or an operator by omission */
static void what_is_open_to_agents_names_them_or_is_theirs_by_nature(void **state)
{
	(void)state;
	for (const struct proto_call *const *c = proto_calls; *c; c++) {
		const struct proto_http *http = (*c)->http;
		if (!http || !(http->principals & PROTO_AGENT))
			continue;
		if (!http->own && strcmp(http->scope, "self:read") != 0)
			fail_msg("%s %s is open to agents and names none", http->method,
				 http->path);
	}
}

/* [GTW-5] */
static void keys_of_others_are_not_seen_without_keys_admin(void **state)
{
	static const char *const scopes[] = { "keys:read", "keys:write", NULL };
	struct gateway_api_key_create_reply other;
	char token[96], path[80];

	(void)state;
	client_key(&client, GATEWAY_PRINCIPAL_KIND_HUMAN, "mallory", scopes, token);
	client_key_full(&client, GATEWAY_PRINCIPAL_KIND_HUMAN, "victim", scopes, 0, &other);
	struct answer *answer = client_get(&client, "/v1/api-keys", token);
	assert_int_equal(answer->status, 200);
	assert_null(strstr(answer->body, "victim"));
	answer = client_get(&client, "/v1/api-keys?kind=human&subject=victim", token);
	assert_string_equal(answer_code(answer), "subject_not_own");
	snprintf(path, sizeof(path), "/v1/api-keys/%.*s/revoke", STR_ARG(other.key.key_id));
	answer = client_ask(&client, "POST", path, token, "r", NULL, NULL);
	assert_int_equal(answer->status, 404);
	answer = client_ask(&client, "POST", "/v1/api-keys", token, "c", NULL,
			    "{\"name\":\"x\",\"scopes\":[\"keys:read\"],\"kind\":\"human\","
			    "\"subject\":\"victim\"}");
	assert_string_equal(answer_code(answer), "subject_not_own");
}

/* [GTW-3] the limit of live keys, at it and one past it; lists come by page */
static void live_keys_are_bounded_and_listed_by_page(void **state)
{
	static const char *const scopes[] = { "keys:read", NULL };
	struct str scope = STR("keys:read");
	struct gateway_api_key_create_request in = { .name = STR("many"),
						     .kind = GATEWAY_PRINCIPAL_KIND_SERVICE,
						     .subject = STR("many"),
						     .scopes = { &scope, 1 } };
	struct gateway_api_key_create_reply reply;
	struct problem problem = { 0 };
	char token[96], path[128];

	(void)state;
	client_key(&client, GATEWAY_PRINCIPAL_KIND_SERVICE, "many", scopes, token);
	for (int i = 1; i < 100; i++)
		assert_int_equal(stack_call(&client.stack, &CALL_GATEWAY_API_KEY_CREATE, &in,
					    &reply, &problem),
				 ST_OK);
	assert_int_equal(
		stack_call(&client.stack, &CALL_GATEWAY_API_KEY_CREATE, &in, &reply, &problem),
		ST_KEYS_EXCEEDED);
	int pages = 0, keys = 0;
	snprintf(path, sizeof(path), "/v1/api-keys?limit=33");
	for (;;) {
		struct answer *answer = client_get(&client, path, token);
		assert_int_equal(answer->status, 200);
		pages++;
		for (const char *at = answer->body; (at = strstr(at, "\"key_id\"")); at++)
			keys++;
		const char *cursor = strstr(answer->body, "\"cursor\":\"");
		if (!cursor)
			break;
		snprintf(path, sizeof(path), "/v1/api-keys?limit=33&cursor=%.19s", cursor + 10);
	}
	assert_int_equal(keys, 100);
	assert_int_equal(pages, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route_lets_in_exactly_whom_the_contract_says),
		cmocka_unit_test(only_login_needs_no_credential),
		cmocka_unit_test(what_is_open_to_agents_names_them_or_is_theirs_by_nature),
		cmocka_unit_test(keys_of_others_are_not_seen_without_keys_admin),
		cmocka_unit_test(live_keys_are_bounded_and_listed_by_page),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
