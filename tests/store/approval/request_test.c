/* Requests, verdicts and uses, on a real database. */
#include "fixture.h"

static int start(void **state)
{
	(void)state;
	world_start();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	world_stop();
	return 0;
}

static int each(void **state)
{
	(void)state;
	world.caller = "policy";
	world.principal = "";
	harness_sql(world.harness,
		    "UPDATE approval.request SET state = 5, due_ms = NULL, ended_ms = 1 "
		    "WHERE state <= 2");
	return 0;
}

/* [APR-2] */
static void a_request_is_kept_told_and_recorded(void **state)
{
	int64_t told = events("request.created");
	struct asked one = asked("");
	const struct approval_approval_reply *answer = world.answer;

	(void)state;
	assert_int_equal(answer->approval.state, APPROVAL_REQUEST_STATE_PENDING);
	assert_int_equal(answer->approval.deadline_ms - answer->approval.created_at_ms, 900000);
	assert_true(str_is(answer->approval.agent.owner, "andy@css"));
	assert_true(answer->approval.agent.score > 97.4);
	assert_non_null(answer->wait);
	assert_true(str_is(answer->wait->subject, one.request_id));
	assert_int_equal(events("request.created"), told + 1);
	assert_int_equal(evidence("approval.request", "require_approval", "pending"), 1);
}

static void a_request_for_nobody_is_refused_and_recorded(void **state)
{
	(void)state;
	REFUSED(ST_APPROVAL_AGENT_UNKNOWN, "/agent_id", "approval_request",
		"{" ACTION_OF("piopl_00099") ",\"reason\":\"x\"}");
	assert_int_equal(evidence("approval.request", "deny", "refused"), 1);
}

static void parameters_are_shown_until_the_end_and_then_forgotten(void **state)
{
	struct asked one = asked("\"parameters\":\"{}\",");

	(void)state;
	OK("approval_get", "{\"request_id\":\"%s\"}", one.request_id);
	assert_true(str_is(((struct approval_approval_reply *)world.answer)->approval.parameters,
			   "{}"));
	OK(VERDICT(one, BOB, "reject"));
	assert_int_equal(
		sql_i64("SELECT count(*) FROM approval.request WHERE parameters IS NOT NULL "
			"AND request_id = '%s'",
			one.request_id),
		0);
	REFUSED(ST_APPROVAL_PARAMETERS_DIFFER, "/parameters", "approval_request",
		"{" ACTION ",\"reason\":\"x\",\"parameters\":\"{ }\"}");
}

/* [APR-3] */
static void the_gateway_cannot_loosen_terms(void **state)
{
	(void)state;
	world.caller = "gateway";
	REFUSED(ST_APPROVAL_TERMS_OF_POLICY, "/own_agent_allowed", "approval_request",
		"{" ACTION ",\"reason\":\"x\",\"own_agent_allowed\":true}");
	REFUSED(ST_APPROVAL_TERMS_OF_POLICY, "/escalation", "approval_request",
		"{" ACTION ",\"reason\":\"x\",\"escalation\":{\"after_s\":1,\"group\":{\"roles\":"
		"[\"steward\"]}}}");
}

static void open_requests_of_an_agent_are_bounded(void **state)
{
	(void)state;
	for (int i = 0; i < APPROVAL_OPEN_MAX; i++)
		(void)asked("");
	REFUSED(ST_APPROVAL_TOO_MANY_PENDING, "/agent_id", "approval_request",
		"{" ACTION ",\"reason\":\"x\"}");
}

/* [APR-2] [APR-7] */
static void an_approval_lets_one_action_through_once(void **state)
{
	struct asked one = asked("");

	(void)state;
	REFUSED(ST_APPROVAL_NOT_GIVEN, "/request_id", CONSUME(one));
	OK(VERDICT(one, BOB, "approve"));
	assert_int_equal(state_of(&one), APPROVAL_REQUEST_STATE_APPROVED);
	OK(CONSUME(one));
	const struct approval_approval_consume_reply *answer = world.answer;
	assert_int_equal(answer->approvers.count, 1);
	assert_true(str_is(answer->approvers.items[0], person_id(BOB)));
	REFUSED(ST_APPROVAL_USED, "/request_id", CONSUME(one));
	assert_int_equal(state_of(&one), APPROVAL_REQUEST_STATE_CONSUMED);
	assert_int_equal(
		sql_i64("SELECT count(*) FROM approval.consumption WHERE request_id = '%s'",
			one.request_id),
		1);
}

/* [APR-7] */
static void a_changed_action_is_refused(void **state)
{
	struct asked one = asked(""), other;

	(void)state;
	OK(VERDICT(one, BOB, "approve"));
	other = one;
	other.digest[10] = other.digest[10] == '0' ? '1' : '0';
	REFUSED(ST_APPROVAL_DIGEST_DIFFERS, "/action_digest", CONSUME(other));
	OK(CONSUME(one));
}

/* [APR-7] */
static void a_late_use_is_refused_before_and_after_the_tick(void **state)
{
	struct asked one = asked("\"validity_s\":1,");

	(void)state;
	OK(VERDICT(one, BOB, "approve"));
	world.now_ms += 1000;
	REFUSED(ST_APPROVAL_LAPSED, "/request_id", CONSUME(one));
	ticked(0);
	assert_int_equal(state_of(&one), APPROVAL_REQUEST_STATE_LAPSED);
	REFUSED(ST_APPROVAL_LAPSED, "/request_id", CONSUME(one));
	assert_int_equal(evidence("approval.lapse", "deny", "success"), 1);
}

/* [APR-2] [APR-4] */
static void the_deadline_aborts_before_and_after_the_tick(void **state)
{
	struct asked one = asked("\"deadline_s\":60,");

	(void)state;
	world.now_ms += 60000;
	REFUSED(ST_APPROVAL_DEADLINE_PASSED, "/request_id", VERDICT(one, BOB, "approve"));
	REFUSED(ST_APPROVAL_DEADLINE_PASSED, "/request_id", CONSUME(one));
	ticked(0);
	assert_int_equal(state_of(&one), APPROVAL_REQUEST_STATE_EXPIRED);
	REFUSED(ST_APPROVAL_DEADLINE_PASSED, "/request_id", VERDICT(one, BOB, "approve"));
	assert_int_equal(evidence("approval.expire", "deny", "success"), 1);
}

static void a_rejection_aborts(void **state)
{
	struct asked one = asked("");

	(void)state;
	OK(VERDICT(one, BOB, "reject"));
	REFUSED(ST_APPROVAL_REJECTED, "/request_id", CONSUME(one));
	REFUSED(ST_APPROVAL_NOT_PENDING, "/request_id", VERDICT(one, CAROL, "approve"));
	assert_int_equal(evidence("approval.verdict", "deny", "success"), 2);
}

/* [APR-5] */
static void a_verdict_stays(void **state)
{
	struct asked one = asked("\"needed\":2,");

	(void)state;
	OK(VERDICT(one, BOB, "approve"));
	REFUSED(ST_APPROVAL_VERDICT_GIVEN, "/act/key_id", VERDICT(one, BOB, "reject"));
	assert_int_equal(state_of(&one), APPROVAL_REQUEST_STATE_PENDING);
	assert_int_equal(
		sql_i64("SELECT count(*) FROM pg_class c, aclexplode(relacl) a, pg_roles r "
			"WHERE relname = 'verdict' AND relnamespace = 'approval'::regnamespace "
			"AND r.oid = a.grantee AND rolname = 'approval' AND privilege_type IN "
			"('UPDATE', 'DELETE', 'TRUNCATE')"),
		0);
}

/* [APR-4] */
static void k_of_n_different_people_approve(void **state)
{
	struct asked one = asked("\"needed\":2,");

	(void)state;
	OK(VERDICT(one, BOB, "approve"));
	REFUSED(ST_APPROVAL_NOT_GIVEN, "/request_id", CONSUME(one));
	OK(VERDICT(one, CAROL, "approve"));
	OK("approval_consume",
	   "{\"request_id\":\"%s\",\"action_digest\":\"%s\",\"required\":{\"roles\":[\"approver\"],"
	   "\"needed\":2}}",
	   one.request_id, one.digest);
}

static void fewer_than_the_policy_requires_are_refused(void **state)
{
	struct asked one = asked("");

	(void)state;
	OK(VERDICT(one, BOB, "approve"));
	REFUSED(ST_APPROVAL_TERMS_WEAKER, "/required", "approval_consume",
		"{\"request_id\":\"%s\",\"action_digest\":\"%s\",\"required\":{\"roles\":"
		"[\"approver\"],\"needed\":2}}",
		one.request_id, one.digest);
	REFUSED(ST_APPROVAL_TERMS_WEAKER, "/required", "approval_consume",
		"{\"request_id\":\"%s\",\"action_digest\":\"%s\",\"required\":{\"roles\":"
		"[\"steward\"],\"needed\":1}}",
		one.request_id, one.digest);
	OK(CONSUME(one));
}

/* [APR-3] */
static void an_owner_does_not_approve_unless_the_policy_says_so(void **state)
{
	struct asked one = asked(""), own;

	(void)state;
	REFUSED(ST_APPROVAL_OWN_AGENT, "/act/key_id", VERDICT(one, ANDY, "approve"));
	own = asked("\"own_agent_allowed\":true,");
	OK(VERDICT(own, ANDY, "approve"));
}

/* [APR-3] */
static void who_lost_the_role_or_was_removed_cannot(void **state)
{
	struct asked one = asked("\"needed\":3,");

	(void)state;
	REFUSED(ST_ROLE_REQUIRED, "/act/key_id", VERDICT(one, LOST, "approve"));
	REFUSED(ST_KEY_UNKNOWN, "/act/key_id", VERDICT(one, STRANGER, "approve"));
	person_told(CAROL, "carol@css", REGISTRY_PERSON_ROLE_OWNER, false);
	REFUSED(ST_ROLE_REQUIRED, "/act/key_id", VERDICT(one, CAROL, "approve"));
	person_told(CAROL, "carol@css", REGISTRY_PERSON_ROLE_APPROVER, true);
	REFUSED(ST_KEY_UNKNOWN, "/act/key_id", VERDICT(one, CAROL, "approve"));
	person_told(CAROL, "carol@css", REGISTRY_PERSON_ROLE_APPROVER, false);
	OK(VERDICT(one, CAROL, "approve"));
}

static void a_signed_verdict_is_for_one_request_and_used_once(void **state)
{
	struct asked one = asked("\"needed\":2,"), two = asked("");
	char act[8192];

	(void)state;
	snprintf(act, sizeof(act), "%s", verdict_act(BOB, &one, "approve"));
	REFUSED(ST_ACT_MISMATCH, "/act/payload/request_id", "approval_verdict",
		"{\"request_id\":\"%s\",\"act\":%s}", two.request_id, act);
	OK("approval_verdict", "{\"request_id\":\"%s\",\"act\":%s}", one.request_id, act);
	REFUSED(ST_SIGNATURE_REUSED, "/act", "approval_verdict",
		"{\"request_id\":\"%s\",\"act\":%s}", one.request_id, act);
	REFUSED(ST_SIGNATURE_INVALID, "/act/signature", "approval_verdict",
		"{\"request_id\":\"%s\",\"act\":%s}", two.request_id,
		signed_by(BOB, APPROVAL_PREAPPROVAL_GRANT_PURPOSE,
			  "\"request_id\":\"%s\",\"action_digest\":\"%s\",\"verdict\":\"approve\"",
			  two.request_id, two.digest));
}

static void a_verdict_longer_than_its_limit_is_refused(void **state)
{
	static char spaces[ACT_PAYLOAD_BYTES_MAX + 2];
	struct asked one = asked("");

	(void)state;
	memset(spaces, ' ', sizeof(spaces) - 1);
	REFUSED(ST_MESSAGE_TOO_LARGE, "/act/payload", "approval_verdict",
		"{\"request_id\":\"%s\",\"act\":{\"payload\":\"%s\",\"key_id\":\"%s\","
		"\"signature\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		"AAAAAAAAAAAAAAAAAAAAA==\"}}",
		one.request_id, spaces, world.keys[BOB].key_id);
	spaces[ACT_PAYLOAD_BYTES_MAX] = 0;
	REFUSED(ST_SIGNATURE_INVALID, "/act/signature", "approval_verdict",
		"{\"request_id\":\"%s\",\"act\":{\"payload\":\"%s\",\"key_id\":\"%s\","
		"\"signature\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		"AAAAAAAAAAAAAAAAAAAAA==\"}}",
		one.request_id, spaces, world.keys[BOB].key_id);
}

/* [APR-4] */
static void a_second_group_is_asked_where_the_policy_permits_it(void **state)
{
	struct asked one = asked("\"deadline_s\":600,\"escalation\":{\"after_s\":60,\"group\":"
				 "{\"roles\":[\"steward\"]}},");
	int64_t told = events("request.escalated");

	(void)state;
	REFUSED(ST_ROLE_REQUIRED, "/act/key_id", VERDICT(one, STEWARD, "approve"));
	ticked(60000);
	assert_int_equal(events("request.escalated"), told + 1);
	assert_int_equal(evidence("approval.escalate", "require_approval", "pending"), 1);
	ticked(1000);
	assert_int_equal(events("request.escalated"), told + 1);
	OK(VERDICT(one, STEWARD, "approve"));
	const struct approval_approval_reply *answer = world.answer;
	assert_true(answer->verdicts.items[0].escalated);
	OK(CONSUME(one));
}

static void without_escalation_nobody_else_is_asked(void **state)
{
	struct asked one = asked("\"deadline_s\":600,");
	int64_t told = events("request.escalated");

	(void)state;
	ticked(599000);
	assert_int_equal(events("request.escalated"), told);
	REFUSED(ST_ROLE_REQUIRED, "/act/key_id", VERDICT(one, STEWARD, "approve"));
}

static void who_asked_takes_back_and_nobody_else_does(void **state)
{
	struct asked one;

	(void)state;
	world.caller = "gateway";
	world.principal = "human:x";
	one = asked("");
	world.principal = "human:y";
	REFUSED(ST_APPROVAL_NOT_YOURS, "/request_id", "approval_withdraw",
		"{\"request_id\":\"%s\",\"reason\":\"r\"}", one.request_id);
	REFUSED(ST_APPROVAL_NOT_YOURS, "/request_id", "approval_withdraw",
		"{\"request_id\":\"%s\",\"agent_id\":\"piopl_00001\",\"reason\":\"r\"}",
		one.request_id);
	world.principal = "human:x";
	OK(VERDICT(one, BOB, "approve"));
	OK("approval_withdraw", "{\"request_id\":\"%s\",\"reason\":\"r\"}", one.request_id);
	REFUSED(ST_APPROVAL_NOT_OPEN, "/request_id", "approval_withdraw",
		"{\"request_id\":\"%s\",\"reason\":\"r\"}", one.request_id);
	world.caller = "policy";
	REFUSED(ST_APPROVAL_WITHDRAWN, "/request_id", CONSUME(one));
}

static void an_agent_sees_and_takes_back_its_own(void **state)
{
	struct asked one = asked("");

	(void)state;
	world.caller = "gateway";
	world.principal = "agent:piopl_00002";
	REFUSED(ST_NOT_FOUND, "/request_id", "approval_get",
		"{\"request_id\":\"%s\",\"agent_id\":\"piopl_00002\"}", one.request_id);
	REFUSED(ST_APPROVAL_NOT_YOURS, "/request_id", "approval_withdraw",
		"{\"request_id\":\"%s\",\"agent_id\":\"piopl_00002\",\"reason\":\"r\"}",
		one.request_id);
	world.principal = "agent:piopl_00001";
	OK("approval_get", "{\"request_id\":\"%s\",\"agent_id\":\"piopl_00001\"}", one.request_id);
	OK("approval_withdraw",
	   "{\"request_id\":\"%s\",\"agent_id\":\"piopl_00001\",\"reason\":\"r\"}", one.request_id);
}

static void a_terminated_agents_open_requests_end(void **state)
{
	struct asked one, two;

	(void)state;
	agent_told("piopl_00003", "dora@css", "content");
	OK("approval_request", "{" ACTION_OF("piopl_00003") ",\"reason\":\"x\"}");
	snprintf(one.request_id, sizeof(one.request_id), "%s",
		 text_of(((struct approval_approval_reply *)world.answer)->approval.request_id));
	snprintf(one.digest, sizeof(one.digest), "%s",
		 text_of(((struct approval_approval_reply *)world.answer)->approval.action_digest));
	OK(VERDICT(one, BOB, "approve"));
	two = asked("");
	agent_transition_told("piopl_00003", REGISTRY_AGENT_STATE_TERMINATED);
	REFUSED(ST_APPROVAL_WITHDRAWN, "/request_id", CONSUME(one));
	assert_int_equal(state_of(&two), APPROVAL_REQUEST_STATE_PENDING);
	REFUSED(ST_APPROVAL_AGENT_ENDED, "/agent_id", "approval_request",
		"{" ACTION_OF("piopl_00003") ",\"reason\":\"x\"}");
}

/* [APR-9] */
static void the_list_has_what_is_needed_to_judge(void **state)
{
	struct asked one = asked("");
	const struct approval_approval_list_reply *answer;

	(void)state;
	harness_sql(world.harness,
		    "UPDATE approval.request SET state = 5, due_ms = NULL, ended_ms = 1 "
		    "WHERE state <= 2");
	OK("approval_list", "{}");
	answer = world.answer;
	assert_int_equal(answer->items.count, 0);
	one = asked("\"rules\":[\"root-tools line 3\"],\"trigger\":\"threshold\",");
	OK("approval_list", "{\"person_id\":\"%s\"}", person_id(BOB));
	answer = world.answer;
	assert_int_equal(answer->items.count, 1);
	const struct approval_approval *item = &answer->items.items[0];
	assert_int_equal(item->trigger, APPROVAL_TRIGGER_THRESHOLD);
	assert_int_equal(item->rules.count, 1);
	assert_true(item->similar.approved > 0 && item->similar.rejected > 0 &&
		    item->similar.expired > 0);
	OK("approval_list", "{\"person_id\":\"%s\"}", person_id(LOST));
	assert_int_equal(((struct approval_approval_list_reply *)world.answer)->items.count, 0);
	OK(VERDICT(one, BOB, "approve"));
	OK("approval_list", "{\"state\":\"approved\"}");
	assert_int_equal(((struct approval_approval_list_reply *)world.answer)->items.count, 1);
}

static void the_list_comes_by_page(void **state)
{
	char after[48] = "";
	size_t seen = 0;

	(void)state;
	for (int i = 0; i < 7; i++)
		(void)asked("");
	for (int page = 0; page < 4; page++) {
		if (after[0])
			OK("approval_list", "{\"limit\":2,\"after\":\"%s\"}", after);
		else
			OK("approval_list", "{\"limit\":2}");
		const struct approval_approval_list_reply *answer = world.answer;
		seen += answer->items.count;
		assert_int_equal(answer->next.data != NULL, page < 3);
		if (answer->next.data)
			snprintf(after, sizeof(after), "%s", text_of(answer->next));
	}
	assert_int_equal(seen, 7);
}

static void the_widest_page_fits_its_message(void **state)
{
	static char more[32 * 1024];
	char summary[1000 * 6 + 1] = "", rules[9 * 1024] = "";

	(void)state;
	for (int i = 0; i < 1000; i++)
		strcat(summary, "\\u0001");
	for (int r = 0; r < 8; r++) {
		strcat(rules, r ? ",\"" : "\"");
		for (int i = 0; i < 128; i++)
			strcat(rules, "\\u0001");
		strcat(rules, "\"");
	}
	snprintf(more, sizeof(more), "\"summary\":\"%s\",\"rules\":[%s],", summary, rules);
	for (int i = 0; i < 33; i++)
		(void)asked(more);
	OK("approval_list", "{\"limit\":32}");
	assert_int_equal(((struct approval_approval_list_reply *)world.answer)->items.count, 32);
	assert_int_equal(call("approval_list", "{\"limit\":33}"), ST_MESSAGE_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_request_is_kept_told_and_recorded, each),
		cmocka_unit_test_setup(a_request_for_nobody_is_refused_and_recorded, each),
		cmocka_unit_test_setup(parameters_are_shown_until_the_end_and_then_forgotten, each),
		cmocka_unit_test_setup(the_gateway_cannot_loosen_terms, each),
		cmocka_unit_test_setup(open_requests_of_an_agent_are_bounded, each),
		cmocka_unit_test_setup(an_approval_lets_one_action_through_once, each),
		cmocka_unit_test_setup(a_changed_action_is_refused, each),
		cmocka_unit_test_setup(a_late_use_is_refused_before_and_after_the_tick, each),
		cmocka_unit_test_setup(the_deadline_aborts_before_and_after_the_tick, each),
		cmocka_unit_test_setup(a_rejection_aborts, each),
		cmocka_unit_test_setup(a_verdict_stays, each),
		cmocka_unit_test_setup(k_of_n_different_people_approve, each),
		cmocka_unit_test_setup(fewer_than_the_policy_requires_are_refused, each),
		cmocka_unit_test_setup(an_owner_does_not_approve_unless_the_policy_says_so, each),
		cmocka_unit_test_setup(who_lost_the_role_or_was_removed_cannot, each),
		cmocka_unit_test_setup(a_signed_verdict_is_for_one_request_and_used_once, each),
		cmocka_unit_test_setup(a_verdict_longer_than_its_limit_is_refused, each),
		cmocka_unit_test_setup(a_second_group_is_asked_where_the_policy_permits_it, each),
		cmocka_unit_test_setup(without_escalation_nobody_else_is_asked, each),
		cmocka_unit_test_setup(who_asked_takes_back_and_nobody_else_does, each),
		cmocka_unit_test_setup(an_agent_sees_and_takes_back_its_own, each),
		cmocka_unit_test_setup(a_terminated_agents_open_requests_end, each),
		cmocka_unit_test_setup(the_list_has_what_is_needed_to_judge, each),
		cmocka_unit_test_setup(the_list_comes_by_page, each),
		cmocka_unit_test_setup(the_widest_page_fits_its_message, each),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
