/* http_test.c: the door from outside: documents, credentials, keys, limits, headers. */
#include "client.h"

static struct client client;
static char admin[96];

static const char *const admin_scopes[] = { "agents:read", "agents:write", "roles:read",
					    "people:read", "keys:read",    "keys:write",
					    "keys:admin",  "events:read",  "agents:kill",
					    "units:write", "units:read",   NULL };

static int start(void **state)
{
	static const char *const names[] = { "registry", "gateway", NULL };
	static const char *const env[] = { "PIOPL_GATEWAY_RATE=50", "PIOPL_GATEWAY_BURST=60",
					   "PIOPL_GATEWAY_ATTEMPTS=6", NULL };

	(void)state;
	client_start(&client, names, env);
	client_key(&client, GATEWAY_PRINCIPAL_KIND_HUMAN, "ada", admin_scopes, admin);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	stack_stop(&client.stack);
	return 0;
}

static void a_request_reaches_its_service_and_its_answer_comes_back(void **state)
{
	struct answer *answer = client_get(&client, "/v1/whoami", admin);

	(void)state;
	assert_int_equal(answer->status, 200);
	assert_non_null(strstr(answer->body, "\"principal\":\"human:ada\""));
	assert_non_null(strstr(answer->body, "\"keys:write\""));
	answer = client_get(&client, "/v1/roles", admin);
	assert_int_equal(answer->status, 200);
	assert_non_null(strstr(answer->body, "digital_product_generator"));
}

/* [GTW-2] */
static void a_refusal_is_a_problem_document_with_a_stable_code(void **state)
{
	struct answer *answer = client_get(&client, "/v1/agents/piopl_99999", admin);

	(void)state;
	assert_int_equal(answer->status, 404);
	assert_true(answer_has_header(answer, "Content-Type: application/problem+json"));
	assert_string_equal(answer_code(answer), "not_found");
	assert_non_null(strstr(answer->body, "\"type\":\"urn:piopl:problem:not_found\""));
	assert_non_null(strstr(answer->body, "\"status\":404"));
	assert_non_null(strstr(answer->body, "\"trace_id\":\""));
}

static void a_path_and_a_query_are_bound_by_their_types(void **state)
{
	(void)state;
	assert_int_equal(client_get(&client, "/v1/agents?limit=5", admin)->status, 200);
	struct answer *answer = client_get(&client, "/v1/agents?limit=many", admin);
	assert_int_equal(answer->status, 422);
	assert_non_null(strstr(answer->body, "\"pointer\":\"/limit\""));
	answer = client_get(&client, "/v1/agents?colour=red", admin);
	assert_int_equal(answer->status, 422);
	assert_non_null(strstr(answer->body, "/colour"));
	assert_int_equal(client_get(&client, "/v1/agents?limit=1&limit=2", admin)->status, 422);
	assert_int_equal(client_get(&client, "/v1/agents/%00", admin)->status, 400);
	assert_int_equal(client_get(&client, "/v1/agents/%zz", admin)->status, 400);
	answer = client_get(&client, "/v1/agents/a%2Fb", admin);
	assert_int_equal(answer->status, 422); /* the service's word: no such id */
}

static void an_unknown_route_and_a_wrong_method_say_so(void **state)
{
	(void)state;
	assert_string_equal(answer_code(client_get(&client, "/v1/nothing", admin)),
			    "route_unknown");
	struct answer *answer =
		client_ask(&client, "DELETE", "/v1/agents", admin, NULL, NULL, NULL);
	assert_int_equal(answer->status, 405);
	assert_true(answer_has_header(answer, "Allow: POST, GET") ||
		    answer_has_header(answer, "Allow: GET, POST"));
}

/* [GTW-2] */
static void a_post_without_an_idempotency_key_is_refused(void **state)
{
	struct answer *answer =
		client_ask(&client, "POST", "/v1/api-keys", admin, NULL, NULL, "{}");

	(void)state;
	assert_int_equal(answer->status, 400);
	assert_string_equal(answer_code(answer), "idempotency_key_required");
	assert_non_null(strstr(answer->body, "hint"));
	answer = client_ask(&client, "POST", "/v1/api-keys", admin, "with space", NULL, "{}");
	assert_string_equal(answer_code(answer), "idempotency_key_invalid");
}

static void a_body_that_is_not_json_or_has_unknown_members_is_refused(void **state)
{
	struct answer *answer =
		client_ask(&client, "POST", "/v1/api-keys", admin, "k-json", NULL, "{\"a\":");

	(void)state;
	assert_int_equal(answer->status, 400);
	assert_string_equal(answer_code(answer), "json_invalid");
	answer = client_ask(&client, "POST", "/v1/api-keys", admin, "k-member", NULL,
			    "{\"name\":\"x\",\"scopes\":[\"agents:read\"],\"colour\":1}");
	assert_int_equal(answer->status, 422);
	assert_non_null(strstr(answer->body, "/colour"));
	answer = client_ask(&client, "POST", "/v1/api-keys", admin, "k-type",
			    "Content-Type: text/plain\r\nContent-Length: 2\r\n", NULL);
	assert_int_equal(answer->status, 415);
}

/* [GTW-3] */
static void a_key_is_shown_once_and_narrower_than_its_maker(void **state)
{
	static const char body[] = "{\"name\":\"ci\",\"scopes\":[\"agents:read\"]}";
	char token[96];
	struct answer *answer =
		client_ask(&client, "POST", "/v1/api-keys", admin, "make-1", NULL, body);
	const char *at = strstr(answer->body, "\"token\":\"");

	(void)state;
	assert_int_equal(answer->status, 200);
	assert_non_null(at);
	snprintf(token, sizeof(token), "%.84s", at + 9);
	assert_int_equal(client_get(&client, "/v1/agents", token)->status, 200);
	answer = client_get(&client, "/v1/roles", token);
	assert_int_equal(answer->status, 403);
	assert_string_equal(answer_code(answer), "scope_missing");
	/* asked again: the same record, no text */
	answer = client_ask(&client, "POST", "/v1/api-keys", admin, "make-1", NULL, body);
	assert_int_equal(answer->status, 200);
	assert_null(strstr(answer->body, "\"token\""));
	assert_non_null(strstr(answer->body, "\"key_id\":\"pk_"));
	answer = client_ask(&client, "POST", "/v1/api-keys", admin, "make-1", NULL,
			    "{\"name\":\"other\",\"scopes\":[\"agents:read\"]}");
	assert_string_equal(answer_code(answer), "idempotency_mismatch");
	answer = client_ask(&client, "POST", "/v1/api-keys", admin, "make-2", NULL,
			    "{\"name\":\"ci\",\"scopes\":[\"audit:export\"]}");
	assert_string_equal(answer_code(answer), "scope_not_held");
	answer = client_ask(&client, "POST", "/v1/api-keys", admin, "make-3", NULL,
			    "{\"name\":\"ci\",\"scopes\":[\"moon:walk\"]}");
	assert_string_equal(answer_code(answer), "scope_unknown");
	assert_int_equal(harness_sql_i64(client.stack.harness,
					 "SELECT count(*) FROM gateway.api_key WHERE name = 'ci'"),
			 1);
}

/* [GTW-3] */
static void a_key_is_kept_as_a_hash_only(void **state)
{
	char sql[300];

	(void)state;
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM gateway.api_key k WHERE k::text LIKE '%%%s%%'", admin + 20);
	assert_int_equal(harness_sql_i64(client.stack.harness, sql), 0);
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM gateway.outbox o WHERE convert_from(data, 'UTF8') "
		 "LIKE '%%%s%%'",
		 admin + 20);
	assert_int_equal(harness_sql_i64(client.stack.harness, sql), 0);
}

/* [GTW-3] a key that was good a moment ago, and is remembered, ends with its revocation */
static void a_revoked_key_is_refused_at_once(void **state)
{
	static const char *const scopes[] = { "agents:read", NULL };
	struct gateway_api_key_create_reply reply;
	char token[96], path[64];

	(void)state;
	client_key_full(&client, GATEWAY_PRINCIPAL_KIND_HUMAN, "ada", scopes, 0, &reply);
	snprintf(token, sizeof(token), "%.*s", STR_ARG(reply.token));
	snprintf(path, sizeof(path), "/v1/api-keys/%.*s/revoke", STR_ARG(reply.key.key_id));
	assert_int_equal(client_get(&client, "/v1/agents", token)->status, 200);
	assert_int_equal(client_ask(&client, "POST", path, admin, "revoke-1", NULL, NULL)->status,
			 200);
	int64_t until = harness_awake_ms() + 2000; /* the cache alone would keep it for 5 s */
	while (client_get(&client, "/v1/agents", token)->status == 200 &&
	       harness_awake_ms() < until)
		usleep(5000);
	assert_true(harness_awake_ms() < until);
	assert_string_equal(answer_code(client_get(&client, "/v1/agents", token)),
			    "credential_invalid");
}

static void an_expired_key_is_refused(void **state)
{
	static const char *const scopes[] = { "agents:read", NULL };
	struct gateway_api_key_create_reply reply;
	char token[96];

	(void)state;
	client_key_full(&client, GATEWAY_PRINCIPAL_KIND_HUMAN, "eve", scopes, 60, &reply);
	snprintf(token, sizeof(token), "%.*s", STR_ARG(reply.token));
	harness_sql(client.stack.harness,
		    "UPDATE gateway.api_key SET expires_ms = created_ms + 1 WHERE subject = 'eve'");
	struct answer *answer = client_get(&client, "/v1/agents", token);
	assert_int_equal(answer->status, 401);
	assert_string_equal(answer_code(answer), "credential_expired");
}

/* [GTW-9] */
static void every_answer_carries_the_security_headers(void **state)
{
	static const char *const paths[] = { "/v1/whoami", "/v1/nothing", "/healthz",
					     "/v1/openapi.json" };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct answer *answer = client_get(&client, paths[i], admin);
		assert_true(answer_has_header(answer, "X-Content-Type-Options: nosniff"));
		assert_true(answer_has_header(answer, "Cache-Control: no-store"));
		assert_true(answer_has_header(answer, "Content-Security-Policy: default-src"));
		assert_true(answer_has_header(answer, "Referrer-Policy: no-referrer"));
		assert_true(answer_has_header(answer, "X-Request-Id: "));
		assert_false(answer_has_header(answer, "Access-Control-Allow-Origin"));
		assert_false(answer_has_header(answer, "Server:"));
	}
}

/* [GTW-9] [PLT-14] */
static void a_trace_of_the_client_is_kept(void **state)
{
	struct answer *answer = client_ask(
		&client, "GET", "/v1/whoami", admin, NULL,
		"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n", NULL);

	(void)state;
	assert_true(answer_has_header(answer, "X-Request-Id: 0af7651916cd43dd8448eb211c80319c"));
}

/* [GTW-9] */
static void the_access_log_holds_no_secret_and_no_body(void **state)
{
	(void)state;
	client_get(&client, "/v1/whoami?padding=hush-hush-query", admin);
	client_ask(&client, "POST", "/v1/api-keys", admin, "log-1", NULL,
		   "{\"name\":\"hush-hush-body\",\"scopes\":[\"agents:read\"]}");
	char *log = stack_log(&client.stack, "gateway");
	assert_non_null(strstr(log, "\"access\""));
	assert_non_null(strstr(log, "/v1/api-keys"));
	assert_null(strstr(log, "hush-hush"));
	assert_null(strstr(log, admin + 20));
	free(log);
}

/* [GTW-6] */
static void what_is_too_large_gets_its_status(void **state)
{
	size_t size = GATEWAY_TEST_BODY_MAX + 1;
	char *text = malloc(size + 1);

	(void)state;
	memset(text, ' ', size);
	text[size] = 0;
	struct answer *answer =
		client_ask(&client, "POST", "/v1/api-keys", admin, "large-1", NULL, text);
	assert_int_equal(answer->status, 413);
	text[size - 1] = 0; /* at the limit it is read, and is no JSON */
	answer = client_ask(&client, "POST", "/v1/api-keys", admin, "large-2", NULL, text);
	assert_int_equal(answer->status, 400);
	assert_string_equal(answer_code(answer), "json_invalid");
	memset(text, 'a', 9000);
	memcpy(text, "/v1/agents?x=", 13);
	text[9000] = 0;
	assert_int_equal(client_get(&client, text, admin)->status, 414);
	memset(text, 'a', 40000);
	memcpy(text, "X-Large: ", 9);
	memcpy(text + 40000, "\r\n", 3);
	assert_int_equal(client_ask(&client, "GET", "/v1/whoami", admin, NULL, text, NULL)->status,
			 431);
	free(text);
}

/* [GTW-6] a body without a length is counted as it comes */
static void a_chunked_body_is_counted_too(void **state)
{
	static struct answer answer;
	static char chunk[8192 + 16];
	int fd = client_connect(&client);
	char head[512];
	int size = snprintf(head, sizeof(head),
			    "POST /v1/api-keys HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
			    "Authorization: Bearer %s\r\nIdempotency-Key: chunked\r\n"
			    "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
			    admin);

	(void)state;
	client_send(fd, head, (size_t)size);
	memset(chunk, ' ', sizeof(chunk));
	memcpy(chunk, "2000\r\n", 6);
	memcpy(chunk + 6 + 8192, "\r\n", 2);
	for (int i = 0; i < 33; i++)
		client_send(fd, chunk, 6 + 8192 + 2);
	client_send(fd, "0\r\n\r\n", 5);
	client_receive(fd, &answer);
	close(fd);
	assert_int_equal(answer.status, 413);
}

/* [GTW-6] */
static void a_principal_that_is_too_fast_is_told_when_to_come_again(void **state)
{
	static const char *const scopes[] = { "agents:read", NULL };
	struct answer *answer = NULL;
	char token[96];
	int refused = 0;

	(void)state;
	client_key(&client, GATEWAY_PRINCIPAL_KIND_SERVICE, "eager", scopes, token);
	answer = client_get(&client, "/v1/whoami", token);
	assert_true(answer_has_header(answer, "RateLimit-Limit: 60"));
	assert_true(answer_has_header(answer, "RateLimit-Remaining: 59"));
	for (int64_t until = harness_now_ms() + 60000; !refused && harness_now_ms() < until;) {
		answer = client_get(&client, "/v1/whoami", token);
		refused = answer->status == 429;
	}
	assert_true(refused);
	assert_string_equal(answer_code(answer), "rate_exceeded");
	assert_true(answer_has_header(answer, "Retry-After: "));
	assert_true(answer_has_header(answer, "RateLimit-Remaining: 0"));
	/* it is this one's limit, not everyone's */
	assert_int_equal(client_get(&client, "/v1/whoami", admin)->status, 200);
}

static void no_credential_and_unknown_kinds_are_refused(void **state)
{
	struct answer *answer = client_get(&client, "/v1/whoami", NULL);

	(void)state;
	assert_int_equal(answer->status, 401);
	assert_string_equal(answer_code(answer), "credential_missing");
	assert_true(answer_has_header(answer, "WWW-Authenticate: Bearer"));
	answer = client_ask(&client, "GET", "/v1/whoami", NULL, NULL,
			    "Authorization: Basic YTpi\r\n", NULL);
	assert_string_equal(answer_code(answer), "credential_unsupported");
}

/* [GTW-3] last: it uses up this address' attempts */
static void failed_attempts_are_limited_and_logged(void **state)
{
	char wrong[96];
	struct answer *answer = NULL;

	(void)state;
	assert_int_equal(client_get(&client, "/v1/whoami", admin)->status, 200);
	snprintf(wrong, sizeof(wrong), "%s", admin);
	wrong[83] = wrong[83] == '0' ? '1' : '0';
	for (int i = 0; i < 12; i++) {
		answer = client_get(&client, "/v1/whoami", wrong);
		if (answer->status == 429)
			break;
		assert_int_equal(answer->status, 401);
	}
	assert_int_equal(answer->status, 429);
	assert_string_equal(answer_code(answer), "attempts_exceeded");
	assert_true(answer_has_header(answer, "Retry-After: "));
	/* what is known to be good goes on */
	assert_int_equal(client_get(&client, "/v1/whoami", admin)->status, 200);
	char *log = stack_log(&client.stack, "gateway");
	assert_non_null(strstr(log, "a credential was refused"));
	assert_null(strstr(log, wrong + 20));
	free(log);
}

static void the_openapi_document_is_served(void **state)
{
	struct answer *answer = client_get(&client, "/v1/openapi.json", NULL);

	(void)state;
	assert_int_equal(answer->status, 200);
	assert_non_null(strstr(answer->body, "\"3.1.0\""));
	assert_non_null(strstr(answer->body, "/v1/api-keys"));
}

static void a_service_that_is_away_makes_503_and_no_internals(void **state)
{
	(void)state;
	stack_service_stop(&client.stack, "registry");
	struct answer *answer = client_get(&client, "/v1/agents", admin);
	assert_int_equal(answer->status, 503);
	assert_string_equal(answer_code(answer), "unavailable");
	assert_null(strstr(answer->body, "detail"));
	assert_true(answer_has_header(answer, "Retry-After: "));
	stack_service_start(&client.stack, "registry", NULL);
	assert_int_equal(client_get(&client, "/v1/agents", admin)->status, 200);
}

static void registry_signal(int signal_number)
{
	pid_t children[64];
	size_t count =
		stack_children(stack_service_get(&client.stack, "registry")->pid, children, 64);

	for (size_t i = 0; i < count; i++)
		kill(children[i], signal_number);
}

/* [PLT-9] an answer that comes after its deadline finds nobody, and hurts nobody */
static void a_service_that_hangs_makes_504_within_its_deadline(void **state)
{
	int64_t begin = harness_now_ms(), begin_awake = harness_awake_ms();

	(void)state;
	registry_signal(SIGSTOP);
	struct answer *answer = client_get(&client, "/v1/agents", admin);
	int64_t took = harness_now_ms() - begin, took_awake = harness_awake_ms() - begin_awake;
	registry_signal(SIGCONT);
	assert_int_equal(answer->status, 504);
	assert_string_equal(answer_code(answer), "deadline");
	assert_true(took >= 1900 && took_awake <= 4000);
	assert_int_equal(client_get(&client, "/v1/agents", admin)->status, 200);
}

/* [GTW-2] [PLT-22] the key travels to the owning service: one effect, the same answer */
static void a_repeated_request_has_one_effect(void **state)
{
	static const char body[] = "{\"path\":\"rep\",\"title\":\"Repeated\"}";
	static char first[4096];
	struct answer *answer =
		client_ask(&client, "POST", "/v1/units", admin, "unit-1", NULL, body);

	(void)state;
	assert_int_equal(answer->status, 200);
	snprintf(first, sizeof(first), "%s", answer->body);
	answer = client_ask(&client, "POST", "/v1/units", admin, "unit-1", NULL, body);
	assert_int_equal(answer->status, 200);
	assert_string_equal(answer->body, first);
	answer = client_ask(&client, "POST", "/v1/units", admin, "unit-1", NULL,
			    "{\"path\":\"other\",\"title\":\"Other\"}");
	assert_string_equal(answer_code(answer), "idempotency_mismatch");
	answer = client_ask(&client, "POST", "/v1/units", admin, "unit-2", NULL, body);
	assert_int_equal(answer->status, 409);
	assert_int_equal(harness_sql_i64(client.stack.harness,
					 "SELECT count(*) FROM registry.unit WHERE path = 'rep'"),
			 1);
}

/* whatever was sent above */
static void no_process_has_ended_unasked(void **state)
{
	(void)state;
	assert_true(stack_metric(&client.stack, "gateway", "piopl_process_restarts_total") == 0);
	assert_true(stack_metric(&client.stack, "gateway", "piopl_http_requests_total") > 100);
}

/* [GTW-6] by a gateway of their own: others may be slow on a slow machine */
static void slow_clients_are_ended(void **state)
{
	static const char *const env[] = { "PIOPL_GATEWAY_HEADER_TIMEOUT=600ms",
					   "PIOPL_GATEWAY_BODY_TIMEOUT=600ms", NULL };
	static struct answer answer;
	char head[512];

	(void)state;
	assert_int_equal(stack_service_stop(&client.stack, "gateway"), 0);
	client_gateway_start(&client, env);
	int fd = client_connect(&client);
	client_send(fd, "GET /v1/who", 11); /* a head that does not end */
	client_receive(fd, &answer);
	assert_int_equal(answer.status, 408);
	close(fd);
	fd = client_connect(&client);
	int size = snprintf(head, sizeof(head),
			    "POST /v1/api-keys HTTP/1.1\r\nHost: x\r\nIdempotency-Key: s\r\n"
			    "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
			    "Content-Length: 100\r\n\r\n{",
			    admin);
	client_send(fd, head, (size_t)size);
	client_receive(fd, &answer);
	assert_int_equal(answer.status, 408);
	close(fd);
}

static void a_stop_answers_what_is_under_way(void **state)
{
	(void)state;
	assert_int_equal(client_get(&client, "/v1/whoami", admin)->status, 200);
	assert_int_equal(stack_service_stop(&client.stack, "gateway"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_reaches_its_service_and_its_answer_comes_back),
		cmocka_unit_test(a_refusal_is_a_problem_document_with_a_stable_code),
		cmocka_unit_test(a_path_and_a_query_are_bound_by_their_types),
		cmocka_unit_test(an_unknown_route_and_a_wrong_method_say_so),
		cmocka_unit_test(a_post_without_an_idempotency_key_is_refused),
		cmocka_unit_test(a_body_that_is_not_json_or_has_unknown_members_is_refused),
		cmocka_unit_test(a_key_is_shown_once_and_narrower_than_its_maker),
		cmocka_unit_test(a_key_is_kept_as_a_hash_only),
		cmocka_unit_test(a_revoked_key_is_refused_at_once),
		cmocka_unit_test(an_expired_key_is_refused),
		cmocka_unit_test(every_answer_carries_the_security_headers),
		cmocka_unit_test(a_trace_of_the_client_is_kept),
		cmocka_unit_test(the_access_log_holds_no_secret_and_no_body),
		cmocka_unit_test(what_is_too_large_gets_its_status),
		cmocka_unit_test(a_chunked_body_is_counted_too),
		cmocka_unit_test(a_principal_that_is_too_fast_is_told_when_to_come_again),
		cmocka_unit_test(the_openapi_document_is_served),
		cmocka_unit_test(a_service_that_is_away_makes_503_and_no_internals),
		cmocka_unit_test(a_service_that_hangs_makes_504_within_its_deadline),
		cmocka_unit_test(a_repeated_request_has_one_effect),
		cmocka_unit_test(no_credential_and_unknown_kinds_are_refused),
		cmocka_unit_test(failed_attempts_are_limited_and_logged),
		cmocka_unit_test(no_process_has_ended_unasked),
		cmocka_unit_test(slow_clients_are_ended),
		cmocka_unit_test(a_stop_answers_what_is_under_way),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
