/* core_test.c: routes, binding, principals, limits, documents, positions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gen/contract.h"
#include "gen/gateway.h"
#include "gen/registry.h"
#include "services/gateway/gateway.h"

static struct arena arena;
static struct routes *routes;

static int start(void **state)
{
	(void)state;
	arena_init(&arena, 64 * 1024 * 1024);
	routes = routes_build(&arena, proto_calls);
	return routes ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static enum st match(const char *method, const char *path, struct route_match *ret)
{
	return routes_match(routes, method, str_of(path), ret);
}

/* [GTW-1] */
static void every_route_of_the_contract_is_found(void **state)
{
	struct route_match found;
	char path[512];

	(void)state;
	for (const struct proto_call *const *c = proto_calls; *c; c++) {
		if (!(*c)->http)
			continue;
		size_t n = 0;
		for (const char *p = (*c)->http->path; *p; p++) {
			if (*p == '{') {
				p += strcspn(p, "}");
				path[n++] = 'x';
			} else {
				path[n++] = *p;
			}
		}
		path[n] = 0;
		assert_int_equal(match((*c)->http->method, path, &found), ST_OK);
		assert_string_equal(found.call->http->path, (*c)->http->path);
	}
}

static void what_is_no_route_is_not_found(void **state)
{
	static const char *const paths[] = { "",
					     "/",
					     "/v1",
					     "/v1/",
					     "/v1/agents/",
					     "/v1/agents//versions",
					     "/v2/agents",
					     "/v1/agents/a/b",
					     "v1/agents" };
	struct route_match found;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_int_equal(match("GET", paths[i], &found), ST_ROUTE_UNKNOWN);
	assert_int_equal(match("TRACE", "/v1/agents", &found), ST_METHOD_NOT_ALLOWED);
	assert_non_null(strstr(found.allow, "GET"));
	assert_non_null(strstr(found.allow, "POST"));
}

static enum st bind(const char *method, const char *path, const char *query, const char *body,
		    struct str *ret, struct problem *problem)
{
	struct route_match found;

	assert_int_equal(match(method, path, &found), ST_OK);
	*problem = (struct problem){ 0 };
	return gateway_bind(found.call, &found, str_of(query), str_of(body), &arena, ret, problem);
}

static void bound_is(const char *method, const char *path, const char *query, const char *body,
		     const char *wanted)
{
	struct problem problem;
	struct str got;

	enum st st = bind(method, path, query, body, &got, &problem);
	if (st != ST_OK)
		fail_msg("%s %s?%s: %s: %s", method, path, query, st_info(st)->code,
			 problem.detail);
	if (!str_is(got, wanted))
		fail_msg("\"%.*s\", not \"%s\"", STR_ARG(got), wanted);
}

static void bind_refused(const char *method, const char *path, const char *query, const char *body,
			 enum st wanted)
{
	struct problem problem;
	struct str got;
	enum st st = bind(method, path, query, body, &got, &problem);

	if (st != wanted)
		fail_msg("%s?%s: %s, not %s", path, query, st_info(st)->code,
			 st_info(wanted)->code);
}

static void path_query_and_body_become_the_request(void **state)
{
	(void)state;
	bound_is("GET", "/v1/agents/piopl_00001", "", "", "{\"agent_id\":\"piopl_00001\"}");
	bound_is("GET", "/v1/agents", "", "", "{}");
	bound_is("GET", "/v1/api-keys", "limit=5&cursor=a%22b", "",
		 "{\"limit\":5,\"cursor\":\"a\\\"b\"}");
	bound_is("GET", "/v1/api-keys", "subject=a+b%2Bc&&", "", "{\"subject\":\"a b+c\"}");
	bound_is("POST", "/v1/api-keys", "", "{\"name\": 1}", "{\"name\": 1}");
	bound_is("POST", "/v1/api-keys/pk_1/revoke", "", "", "{\"key_id\":\"pk_1\"}");
	bound_is("POST", "/v1/api-keys/pk_1/revoke", "", " {\"a\":1} ",
		 "{\"key_id\":\"pk_1\",\"a\":1} ");
	bound_is("POST", "/v1/api-keys/a+b/revoke", "", "{ }", "{\"key_id\":\"a+b\" }");
}

static void what_cannot_be_said_is_refused(void **state)
{
	(void)state;
	bind_refused("GET", "/v1/api-keys", "limit=1e", "", ST_MESSAGE_INVALID);
	bind_refused("GET", "/v1/api-keys", "limit=", "", ST_MESSAGE_INVALID);
	bind_refused("GET", "/v1/api-keys", "limit=1,\"x\":2", "", ST_MESSAGE_INVALID);
	bind_refused("GET", "/v1/api-keys", "limit=1&limit=2", "", ST_MESSAGE_INVALID);
	bind_refused("GET", "/v1/api-keys", "nothing=1", "", ST_MESSAGE_INVALID);
	bind_refused("GET", "/v1/agents/a", "agent_id=b", "", ST_MESSAGE_INVALID);
	bind_refused("GET", "/v1/agents/%00", "", "", ST_REQUEST_MALFORMED);
	bind_refused("GET", "/v1/agents/%f", "", "", ST_REQUEST_MALFORMED);
	bind_refused("GET", "/v1/agents/%ff", "", "", ST_REQUEST_MALFORMED);
	bind_refused("GET", "/v1/agents/a", "", "{}", ST_REQUEST_MALFORMED);
	bind_refused("POST", "/v1/api-keys", "a=b", "{}", ST_REQUEST_MALFORMED);
	bind_refused("POST", "/v1/api-keys/pk_1/revoke", "", "{\"key_id\":\"pk_2\"}",
		     ST_MESSAGE_INVALID);
	bind_refused("POST", "/v1/api-keys/pk_1/revoke", "", "[]", ST_MESSAGE_INVALID);
	bind_refused("POST", "/v1/api-keys/pk_1/revoke", "", "{\"key_id\"", ST_JSON_INVALID);
}

static void a_query_has_a_limit(void **state)
{
	char query[GATEWAY_PARAMETERS_MAX * 8 + 16];
	size_t n = 0;

	(void)state;
	for (int i = 0; i < GATEWAY_PARAMETERS_MAX + 1; i++)
		n += (size_t)snprintf(query + n, sizeof(query) - n, "&a=1");
	/* each is unknown, so the first refuses; the count refuses lists of one name */
	bind_refused("GET", "/v1/api-keys", query, "", ST_MESSAGE_INVALID);
}

static struct principal someone(enum proto_principal kind, const char *subject, const char *scope)
{
	struct principal principal;

	assert_int_equal(principal_set(&principal, kind, str_of(subject)), ST_OK);
	if (scope)
		assert_int_equal(principal_scope_add(&principal, str_of(scope)), ST_OK);
	return principal;
}

/* [GTW-5] */
static void a_principal_needs_kind_scope_and_its_own_name(void **state)
{
	struct principal human = someone(PROTO_HUMAN, "ada", "agents:read");
	struct principal agent = someone(PROTO_AGENT, "piopl_00001", "agents:read");
	struct principal poor = someone(PROTO_HUMAN, "bob", NULL);
	struct problem problem;

	(void)state;
	assert_int_equal(principal_may(&human, &CALL_REGISTRY_AGENT_GET,
				       STR("{\"agent_id\":\"piopl_00002\"}"), &arena, &problem),
			 ST_OK);
	assert_int_equal(principal_may(&agent, &CALL_REGISTRY_AGENT_GET,
				       STR("{\"agent_id\":\"piopl_00001\"}"), &arena, &problem),
			 ST_OK);
	assert_int_equal(principal_may(&agent, &CALL_REGISTRY_AGENT_GET,
				       STR("{\"agent_id\":\"piopl_00002\"}"), &arena, &problem),
			 ST_NOT_OWN);
	assert_int_equal(
		principal_may(&agent, &CALL_REGISTRY_AGENT_GET, STR("{}"), &arena, &problem),
		ST_NOT_OWN);
	assert_int_equal(
		principal_may(&agent, &CALL_REGISTRY_AGENT_LIST, STR("{}"), &arena, &problem),
		ST_PRINCIPAL_NOT_ALLOWED);
	assert_int_equal(
		principal_may(&poor, &CALL_REGISTRY_AGENT_LIST, STR("{}"), &arena, &problem),
		ST_SCOPE_MISSING);
	assert_int_equal(principal_may(&poor, &CALL_GATEWAY_WHOAMI, STR("{}"), &arena, &problem),
			 ST_OK);
}

static void scopes_are_whole_words(void **state)
{
	struct str scopes = STR("agents:read keys:write");

	(void)state;
	assert_true(scopes_have(scopes, STR("agents:read")));
	assert_true(scopes_have(scopes, STR("keys:write")));
	assert_false(scopes_have(scopes, STR("agents")));
	assert_false(scopes_have(scopes, STR("read")));
	assert_false(scopes_have(scopes, STR("")));
	assert_false(scopes_have(STR(""), STR("")));
}

static void a_subject_cannot_end_a_header_or_a_field(void **state)
{
	static const char *const bad[] = { "", "a b", "a\r\nb", "a\x01", "\xc3\xa9", "a\"b" };
	struct principal principal;
	char longest[GATEWAY_SUBJECT_SIZE + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(principal_set(&principal, PROTO_HUMAN, str_of(bad[i])),
				 ST_CREDENTIAL_INVALID);
	memset(longest, 'a', sizeof(longest));
	assert_int_equal(principal_set(&principal, PROTO_OPERATOR,
				       (struct str){ longest, GATEWAY_SUBJECT_SIZE - 1 }),
			 ST_OK);
	assert_int_equal(principal_set(&principal, PROTO_OPERATOR,
				       (struct str){ longest, GATEWAY_SUBJECT_SIZE }),
			 ST_CREDENTIAL_INVALID);
}

static void scopes_of_a_credential_are_bounded(void **state)
{
	struct principal principal = someone(PROTO_HUMAN, "ada", NULL);
	char scope[GATEWAY_SCOPE_BYTES_MAX + 2];

	(void)state;
	memset(scope, 'a', sizeof(scope));
	for (int i = 0; i < GATEWAY_SCOPES_MAX; i++)
		assert_int_equal(
			principal_scope_add(&principal,
					    (struct str){ scope, GATEWAY_SCOPE_BYTES_MAX }),
			ST_OK);
	assert_int_equal(principal_scope_add(&principal, STR("a")), ST_CREDENTIAL_INVALID);
	principal = someone(PROTO_HUMAN, "ada", NULL);
	assert_int_equal(
		principal_scope_add(&principal, (struct str){ scope, GATEWAY_SCOPE_BYTES_MAX + 1 }),
		ST_CREDENTIAL_INVALID);
	assert_int_equal(principal_scope_add(&principal, STR("a b")), ST_CREDENTIAL_INVALID);
}

static void credentials_are_told_apart(void **state)
{
	struct credential credential;

	(void)state;
	assert_int_equal(credential_parse(NULL, &credential), ST_OK);
	assert_int_equal(credential.kind, CREDENTIAL_NONE);
	assert_int_equal(credential_parse("Bearer pk_1", &credential), ST_OK);
	assert_int_equal(credential.kind, CREDENTIAL_API_KEY);
	assert_int_equal(credential_parse("bearer a.b.c", &credential), ST_OK);
	assert_int_equal(credential.kind, CREDENTIAL_JWT);
	assert_int_equal(credential_parse("BEARER v4.public.abc", &credential), ST_OK);
	assert_int_equal(credential.kind, CREDENTIAL_CAPABILITY);
	assert_int_equal(credential_parse("Bearer ", &credential), ST_CREDENTIAL_INVALID);
	assert_int_equal(credential_parse("Bearer x", &credential), ST_CREDENTIAL_UNSUPPORTED);
	assert_int_equal(credential_parse("Basic x", &credential), ST_CREDENTIAL_UNSUPPORTED);
	assert_int_equal(credential_parse("", &credential), ST_CREDENTIAL_UNSUPPORTED);
}

static void an_api_key_has_one_form(void **state)
{
	char text[] = "pk_0123456789abcdef_"
		      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	char id[API_KEY_ID_SIZE];
	struct hash a, b;

	(void)state;
	assert_int_equal(api_key_id_of(str_of(text), id), ST_OK);
	assert_string_equal(id, "pk_0123456789abcdef");
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		char kept = text[i];
		text[i] = 'G';
		assert_int_equal(api_key_id_of(str_of(text), id), ST_CREDENTIAL_INVALID);
		text[i] = kept;
		assert_int_equal(api_key_id_of((struct str){ text, i }, id), ST_CREDENTIAL_INVALID);
	}
	api_key_hash(STR("one secret"), str_of(text), &a);
	api_key_hash(STR("another secret"), str_of(text), &b);
	assert_false(hash_equal(&a, &b));
}

static void an_idempotency_key_is_printable_and_bounded(void **state)
{
	char key[GATEWAY_IDEMPOTENCY_KEY_MAX + 1];

	(void)state;
	memset(key, 'k', sizeof(key));
	assert_true(idempotency_key_is_valid((struct str){ key, GATEWAY_IDEMPOTENCY_KEY_MAX }));
	assert_false(
		idempotency_key_is_valid((struct str){ key, GATEWAY_IDEMPOTENCY_KEY_MAX + 1 }));
	assert_false(idempotency_key_is_valid(STR("")));
	assert_false(idempotency_key_is_valid(STR("a b")));
	assert_false(idempotency_key_is_valid(STR("a\x7f")));
}

static void a_traceparent_is_taken_or_left(void **state)
{
	char trace[TRACE_ID_TEXT_SIZE];

	(void)state;
	assert_true(traceparent_parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
				      trace));
	assert_string_equal(trace, "0af7651916cd43dd8448eb211c80319c");
	assert_false(traceparent_parse(NULL, trace));
	assert_false(traceparent_parse("00-00000000000000000000000000000000-b7ad6b7169203331-01",
				       trace));
	assert_false(traceparent_parse("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
				       trace));
	assert_false(
		traceparent_parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", trace));
}

/* [GTW-6] */
static void a_bucket_empties_and_fills_by_its_rate(void **state)
{
	struct limit_state at;
	struct limit limit;
	uint64_t now = 1000000000;

	(void)state;
	assert_true(limit_init(&limit, 4, 10, 3));
	for (uint32_t i = 0; i < 3; i++) {
		limit_take(&limit, STR("a"), now, &at);
		assert_true(at.allowed);
		assert_int_equal(at.remaining, 2 - i);
	}
	limit_take(&limit, STR("a"), now, &at);
	assert_false(at.allowed);
	assert_int_equal(at.retry_after_s, 1);
	limit_take(&limit, STR("b"), now, &at);
	assert_true(at.allowed);
	limit_take(&limit, STR("a"), now + 99000000, &at);
	assert_false(at.allowed);
	limit_take(&limit, STR("a"), now + 101000000, &at);
	assert_true(at.allowed);
	limit_look(&limit, STR("a"), now + 10000000000, &at);
	assert_int_equal(at.remaining, 3); /* never more than the burst */
	limit_free(&limit);
}

static void a_full_table_forgets_who_was_not_seen_longest(void **state)
{
	struct limit_state at;
	struct limit limit;
	char name[16];

	(void)state;
	assert_true(limit_init(&limit, 1, 0.001, 1));
	for (int i = 0; i < LIMIT_WAYS + 1; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		limit_take(&limit, str_of(name), 1000u + (uint64_t)i, &at);
		assert_true(at.allowed);
	}
	limit_look(&limit, STR("n1"), 2000, &at);
	assert_false(at.allowed); /* it is still known */
	limit_look(&limit, STR("n0"), 3000, &at);
	assert_true(at.allowed); /* it gave way to the last one */
	limit_free(&limit);
}

/* [GTW-2] */
static void a_problem_of_ours_says_no_internals(void **state)
{
	struct problem problem = { 0 };

	(void)state;
	problem_set(&problem, ST_INTERNAL, "/secret", "relation \"x\" does not exist");
	problem_hint(&problem, "look at table y");
	struct str text = problem_document(&problem, "0af7651916cd43dd8448eb211c80319c", &arena);
	assert_non_null(strstr(text.data, "\"code\":\"internal\""));
	assert_null(strstr(text.data, "relation"));
	assert_null(strstr(text.data, "secret"));
	assert_null(strstr(text.data, "table"));
	problem = (struct problem){ 0 };
	problem_set(&problem, ST_NOT_FOUND, "/agent_id", "no agent \"x\"");
	text = problem_document(&problem, NULL, &arena);
	assert_non_null(strstr(text.data, "no agent"));
	assert_non_null(strstr(text.data, "/agent_id"));
	assert_non_null(strstr(text.data, "\"status\":404"));
}

/* [GTW-7] */
static void a_position_is_read_as_it_was_written(void **state)
{
	static const char *const names[] = { "audit", "gateway", "registry" };
	struct stream_position out = { .count = 3, .names = names, .sequences = { 12, -1, 0 } };
	struct stream_position in = { .count = 3, .names = names, .sequences = { 7, 7, 7 } };
	char text[STREAM_POSITION_SIZE];
	struct problem problem;

	(void)state;
	stream_position_format(&out, text);
	assert_string_equal(text, "audit.12,registry.0");
	assert_int_equal(stream_position_parse(str_of(text), &in, &problem), ST_OK);
	assert_int_equal(in.sequences[0], 12);
	assert_int_equal(in.sequences[1], 7);
	assert_int_equal(in.sequences[2], 0);
	static const char *const bad[] = { "",         "audit",           "audit.",
					   "audit.-1", "moon.1",          "audit.1,",
					   ",audit.1", "audit.1,audit.2", "audit.01" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(stream_position_parse(str_of(bad[i]), &in, &problem),
				 ST_CURSOR_UNKNOWN);
}

/* A line end in data would end the event. */
static void an_event_is_one_line(void **state)
{
	const struct stream_event event = { .id = STR("1"),
					    .source = STR("piopl/x"),
					    .type = STR("a\nb"),
					    .time = STR("t"),
					    .subject = STR("s"),
					    .data = STR("{\n\"a\":\r\n1}"),
					    .sequence = 5 };
	struct str text = stream_event_json(&event, &arena);
	struct problem problem;
	struct json *root;

	(void)state;
	assert_null(memchr(text.data, '\n', text.size));
	assert_null(memchr(text.data, '\r', text.size));
	assert_int_equal(json_parse(&arena, text, &root, &problem), ST_OK);
}

/* [GTW-7] */
static void agents_see_events_about_themselves(void **state)
{
	struct principal agent = someone(PROTO_AGENT, "piopl_00001", "events:registry");
	struct principal human = someone(PROTO_HUMAN, "ada", "events:read");

	(void)state;
	assert_true(stream_event_visible(&agent, STR("piopl_00001"), STR("{}"), &arena));
	assert_true(stream_event_visible(&agent, STR("x"), STR("{\"agent_id\":\"piopl_00001\"}"),
					 &arena));
	assert_false(stream_event_visible(&agent, STR("piopl_00002"), STR("{}"), &arena));
	assert_false(stream_event_visible(&agent, STR("x"), STR("{\"agent_id\":[]}"), &arena));
	assert_false(stream_event_visible(&agent, STR("x"), STR("no json"), &arena));
	assert_true(stream_event_visible(&human, STR("piopl_00002"), STR("{}"), &arena));
	assert_true(stream_source_visible(&agent, "registry"));
	assert_false(stream_source_visible(&agent, "audit"));
	assert_true(stream_source_visible(&human, "audit"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route_of_the_contract_is_found),
		cmocka_unit_test(what_is_no_route_is_not_found),
		cmocka_unit_test(path_query_and_body_become_the_request),
		cmocka_unit_test(what_cannot_be_said_is_refused),
		cmocka_unit_test(a_query_has_a_limit),
		cmocka_unit_test(a_principal_needs_kind_scope_and_its_own_name),
		cmocka_unit_test(scopes_are_whole_words),
		cmocka_unit_test(a_subject_cannot_end_a_header_or_a_field),
		cmocka_unit_test(scopes_of_a_credential_are_bounded),
		cmocka_unit_test(credentials_are_told_apart),
		cmocka_unit_test(an_api_key_has_one_form),
		cmocka_unit_test(an_idempotency_key_is_printable_and_bounded),
		cmocka_unit_test(a_traceparent_is_taken_or_left),
		cmocka_unit_test(a_bucket_empties_and_fills_by_its_rate),
		cmocka_unit_test(a_full_table_forgets_who_was_not_seen_longest),
		cmocka_unit_test(a_problem_of_ours_says_no_internals),
		cmocka_unit_test(a_position_is_read_as_it_was_written),
		cmocka_unit_test(an_event_is_one_line),
		cmocka_unit_test(agents_see_events_about_themselves),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
