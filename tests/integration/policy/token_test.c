/* Decisions with capability tokens, required: none, a good one, one of another agent, a revoked
 * one; and without news from the token service, nothing of high risk. [POL-11] [POL-14] [TOK-2]
 * [TOK-4] */
#include <sys/stat.h>

#include "gen/token.h"
#include "id.h"
#include "policy_stack.h"

static char token[5000];
static char token_id[64];
static char sealing_variable[700];

static void token_service_start(void)
{
	uint8_t key[32];
	char path[600], text[BASE64_SIZE(32)];

	snprintf(path, sizeof(path), "%s/token.sealing", harness_folder(stack.harness));
	random_bytes(key, sizeof(key));
	base64_encode(key, sizeof(key), text);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	chmod(path, 0600);
	snprintf(sealing_variable, sizeof(sealing_variable), "PIOPL_TOKEN_SEALING_KEY_FILE=%s",
		 path);
	const char *const env[] = { sealing_variable, NULL };
	stack_service_start(&stack, "token", env);
}

static int group_start(void **state)
{
	static const char *const names[] = { "registry", "token", "policy", NULL };

	(void)state;
	stack_start(&stack, &(struct harness_options){ .postgres = true, .nats = true }, names);
	must_be(clock_open(stack.clock_path, true), ST_OK);
	stack_service_start(&stack, "registry", NULL);
	token_service_start();
	stack_service_start(&stack, "policy", NULL);
	fleet_found(&fleet, &stack);
	fleet_agents(&fleet, 3, "agent");
	wait_sql("SELECT count(*) / 3 FROM policy.agent");
	wait_sql("SELECT count(*) FROM policy.person");
	catalog_load();
	agent_activate("piopl_00001");
	agent_activate("piopl_00002");
	wait_sql("SELECT count(*) / 2 FROM policy.agent WHERE state = 2");
	return 0;
}

static int group_stop(void **state)
{
	(void)state;
	stack_stop(&stack);
	return 0;
}

static struct policy_decision with_token(const char *agent, const char *text)
{
	struct policy_decide_request r = { .agent_id = str_of(agent),
					   .tool = STR("trend.scan"),
					   .resource = STR("trends") };

	if (text)
		r.token = str_of(text);
	return decide(r);
}

static void expect_token_denied(struct policy_decision d, const char *words)
{
	assert_int_equal(d.verdict, POLICY_VERDICT_DENY);
	assert_int_equal(d.reasons.items[0].check, POLICY_CHECK_TOKEN);
	if (!strstr(d.reasons.items[0].words.data, words))
		fail_msg("%s", d.reasons.items[0].words.data);
}

static bool allowed(void *context)
{
	(void)context;
	return with_token("piopl_00001", token).verdict == POLICY_VERDICT_ALLOW;
}

static void a_token_of_the_scope_is_needed(void **state)
{
	struct str scope = STR("trend_scan");
	struct token_issue_request request = { .agent_id = STR("piopl_00001"),
					       .scopes = { &scope, 1 },
					       .risk = TOKEN_RISK_LOW };
	struct token_issue_reply reply;

	(void)state;
	expect_token_denied(with_token("piopl_00001", NULL), "a capability token is required");
	expect_token_denied(with_token("piopl_00001", "v4.public.nonsense"), "token");
	arena_reset(&stack.arena);
	must_be(as_steward(&CALL_TOKEN_TOKEN_ISSUE, &request, &reply), ST_OK);
	snprintf(token, sizeof(token), "%.*s", STR_ARG(reply.token));
	snprintf(token_id, sizeof(token_id), "%.*s", STR_ARG(reply.capability.token_id));
	if (!harness_wait_for(allowed, NULL, 5000)) {
		struct policy_decision d = with_token("piopl_00001", token);
		fail_msg("%.*s", STR_ARG(d.reasons.items[d.reasons.count - 1].words));
	}
	expect_token_denied(with_token("piopl_00002", token), "token_agent_wrong");
}

static void a_revoked_token_is_refused_at_once(void **state)
{
	struct token_revoke_request request = { .token_id = str_of(token_id),
						.reason = STR("test") };
	struct token_revoke_reply reply;

	(void)state;
	assert_true(allowed(NULL));
	arena_reset(&stack.arena);
	must_be(as_steward(&CALL_TOKEN_TOKEN_REVOKE, &request, &reply), ST_OK);
	int64_t begin = harness_awake_ms();
	while (allowed(NULL))
		assert_true(harness_awake_ms() - begin < 2000);
	printf("refused %lld ms after the revocation was answered\n",
	       (long long)(harness_awake_ms() - begin));
	expect_token_denied(with_token("piopl_00001", token), "token_revoked");
}

static bool stale(void *context)
{
	struct policy_decide_request r = { .agent_id = STR("piopl_00001"),
					   .tool = STR("email.send") };
	struct policy_decision d = decide(r);

	(void)context;
	return strstr(d.reasons.items[0].words.data, "too old") != NULL;
}

static void without_news_high_risk_is_denied(void **state)
{
	(void)state;
	assert_false(stale(NULL));
	stack_service_stop(&stack, "token");
	assert_true(harness_wait_for(stale, NULL, 15000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_of_the_scope_is_needed),
		cmocka_unit_test(a_revoked_token_is_refused_at_once),
		cmocka_unit_test(without_news_high_risk_is_denied),
	};

	return cmocka_run_group_tests_name("policy tokens", tests, group_start, group_stop);
}
