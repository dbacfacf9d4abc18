/* oidc_test.c: tokens of an OpenID Connect provider, made by a library that is not ours. Needs node
 * and the packages of this folder (npm ci). */
#include "client.h"

static struct client client;
static int provider_port;
static char url[128];

/* The body of GET http://127.0.0.1:<provider>/<path>; valid until the next call. */
static const char *provider_get(const char *path)
{
	struct client provider = { .port = provider_port };
	struct answer *answer = client_get(&provider, path, NULL);

	if (answer->status != 200)
		fail_msg("%s: %d: %s", path, answer->status, answer->body);
	if (strcasestr(answer->text, "transfer-encoding: chunked")) {
		char *line = strstr(answer->body, "\r\n");
		assert_non_null(line);
		answer->body = line + 2;
		answer->body[strcspn(answer->body, "\r")] = 0;
	}
	return answer->body;
}

static int start(void **state)
{
	static const char *const names[] = { "gateway", NULL };
	char script[600], port[16];
	const char *argv[] = { "/usr/bin/env", "node", script, port, NULL };
	const char *env[] = { "PIOPL_GATEWAY_OIDC_ISSUER=https://id.example",
			      "PIOPL_GATEWAY_OIDC_AUDIENCE=piopl", url,
			      "PIOPL_GATEWAY_ATTEMPTS=1000", NULL };

	(void)state;
	provider_port = harness_free_port();
	snprintf(url, sizeof(url), "PIOPL_GATEWAY_OIDC_KEYS_URL=http://127.0.0.1:%d/keys",
		 provider_port);
	client_start(&client, names, env);
	client_packages(&client);
	snprintf(script, sizeof(script), "%s/tests/integration/gateway/provider.mjs",
		 harness_root_folder());
	snprintf(port, sizeof(port), "%d", provider_port);
	harness_spawn(client.stack.harness, argv, NULL, "provider.log");
	assert_true(harness_wait_for(client_port_answers, &provider_port, 15000));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	stack_stop(&client.stack);
	return 0;
}

static struct answer *ask_with(const char *query)
{
	char path[512], token[8192];

	snprintf(path, sizeof(path), "/token?%s", query);
	snprintf(token, sizeof(token), "%s", provider_get(path));
	return client_get(&client, "/v1/whoami", token);
}

static void refused(const char *query, const char *code)
{
	struct answer *answer = ask_with(query);

	if (answer->status != 401 || strcmp(answer_code(answer), code) != 0)
		fail_msg("%s: %d %s, not %s", query, answer->status, answer_code(answer), code);
}

/* [GTW-3] the provider was away when the gateway started: its keys come with the first token, or
 * soon after */
static void a_token_of_each_algorithm_is_accepted(void **state)
{
	static const char *const algorithms[] = { "RS256", "ES256", "EdDSA" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char query[128];
		struct answer *answer;
		int64_t until = harness_now_ms() + 20000;
		snprintf(query, sizeof(query), "alg=%s&sub=ada.%s&scope=agents:read+keys:read",
			 algorithms[i], algorithms[i]);
		do {
			answer = ask_with(query);
			usleep(50000);
		} while (answer->status != 200 && harness_now_ms() < until);
		assert_int_equal(answer->status, 200);
		assert_non_null(strstr(answer->body, "\"principal\":\"human:ada."));
		assert_non_null(strstr(answer->body, "\"keys:read\""));
	}
}

/* [GTW-3] */
static void a_token_that_is_not_good_is_refused(void **state)
{
	(void)state;
	refused("iss=https://other.example", "credential_invalid");
	refused("aud=other", "credential_invalid");
	refused("flip=1", "credential_invalid");
	refused("alg=ES256&flip=1", "credential_invalid");
	refused("alg=EdDSA&flip=1", "credential_invalid");
	refused("none=1", "credential_invalid");
	refused("ttl=-61", "credential_expired");
	refused("nbf=90", "credential_expired");
	refused("iat=90", "credential_expired");
	refused("ttl=90000", "credential_invalid");
	refused("sub=with%20space", "credential_invalid");
	/* another key's name, and one that nobody knows */
	refused("alg=EdDSA&say=RS256", "credential_invalid");
	refused("alg=EdDSA&say=nobody", "credential_invalid");
}

/* [GTW-5] */
static void a_token_opens_only_what_its_scopes_say(void **state)
{
	char token[8192];

	(void)state;
	snprintf(token, sizeof(token), "%s", provider_get("/token?scope=agents:read"));
	struct answer *answer = client_get(&client, "/v1/api-keys", token);
	assert_int_equal(answer->status, 403);
	assert_string_equal(answer_code(answer), "scope_missing");
	snprintf(token, sizeof(token), "%s", provider_get("/token?scope=keys:read"));
	assert_int_equal(client_get(&client, "/v1/api-keys", token)->status, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_of_each_algorithm_is_accepted),
		cmocka_unit_test(a_token_that_is_not_good_is_refused),
		cmocka_unit_test(a_token_opens_only_what_its_scopes_say),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
