/* What a person approves lets exactly that action through, once, while it is valid. Registry,
 * approval and policy run together; the requests come from an agent through the gateway's name. */
#include <sys/wait.h>

#include "approval_stack.h"

#define OTHER_HASH "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define BOTH 2

/* [APR-1] a policy says so; a threshold is passed; the agent itself is not sure */
static void a_person_is_asked_for_each_of_three_reasons(void **state)
{
	struct policy_decide_request in = publish(NULL);
	struct policy_decision d = decided(in);
	struct json *context;

	(void)state;
	expect(d, POLICY_VERDICT_REQUIRE_APPROVAL, "human's approval");
	assert_int_equal(d.ask->trigger, POLICY_APPROVAL_TRIGGER_POLICY);
	assert_int_equal(d.ask->operation, POLICY_OPERATION_CREATE);
	assert_true(str_is(d.ask->rules.items[0], "team-tools:6"));
	assert_int_equal(d.valid_for_ms, 0);

	in.tool = STR("template.make");
	must_be(json_parse(&stack.arena, STR("{\"pages\":100}"), &context, NULL), ST_OK);
	in.context = context;
	expect(decided(in), POLICY_VERDICT_ALLOW, NULL); /* at the threshold */
	must_be(json_parse(&stack.arena, STR("{\"pages\":101}"), &context, NULL), ST_OK);
	in.context = context;
	d = decided(in);
	expect(d, POLICY_VERDICT_REQUIRE_APPROVAL, NULL);
	assert_int_equal(d.ask->trigger, POLICY_APPROVAL_TRIGGER_THRESHOLD);
	assert_true(str_is(d.ask->rules.items[0], "team-thresholds:6"));

	in = publish(NULL);
	in.tool = STR("asset.make");
	in.confidence = 0.9;
	expect(decided(in), POLICY_VERDICT_ALLOW, NULL);
	in.confidence = 0.89;
	d = decided(in);
	expect(d, POLICY_VERDICT_REQUIRE_APPROVAL, NULL);
	assert_int_equal(d.ask->trigger, POLICY_APPROVAL_TRIGGER_LOW_CONFIDENCE);
	assert_true(str_is(d.ask->rules.items[0], "team-thresholds:9"));
}

/* [APR-2] [APR-7] */
static void an_approved_action_passes_once_with_evidence_and_is_told(void **state)
{
	struct policy_decide_request in = publish(NULL);
	char id[64], evidence[64], sql[800];

	(void)state;
	approved(&in, id);
	in.approval_id = str_of(id);
	struct policy_decision d = decided(in);
	expect(d, POLICY_VERDICT_ALLOW, "approved exactly this");
	assert_true(str_is(d.approval_id, id));
	assert_true(d.valid_for_ms > 0);
	assert_true(d.ask == NULL);
	snprintf(evidence, sizeof(evidence), "%.*s", STR_ARG(d.evidence_id));
	expect(decided(in), POLICY_VERDICT_REQUIRE_APPROVAL, "used before");
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM approval.request r JOIN approval.consumption c USING "
		 "(request_id) WHERE r.request_id = '%s' AND r.state = 6 AND c.used_for = '%s'",
		 id, evidence);
	wait_sql(sql);
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM (SELECT convert_from(data, 'UTF8')::jsonb AS r FROM "
		 "policy.outbox WHERE type = 'policy.evidence.recorded' UNION ALL SELECT "
		 "jsonb_array_elements(convert_from(data, 'UTF8')::jsonb -> 'records') FROM "
		 "policy.outbox WHERE type = 'policy.evidence.packed') AS e WHERE r ->> "
		 "'evidence_id' "
		 "= '%s' AND r #>> '{context,capability_applied}' = '%s' AND r #>> "
		 "'{policy_evaluation,approval,approver}' LIKE 'per_%%'",
		 evidence, id);
	assert_int_equal(harness_sql_i64(stack.harness, sql), 1);
}

/* [APR-7] */
static void a_changed_action_needs_an_approval_of_its_own(void **state)
{
	struct policy_decide_request in = publish(NULL), changed;
	char id[64];

	(void)state;
	approved(&in, id);
	in.approval_id = str_of(id);
	changed = in;
	changed.parameters_hash = STR(OTHER_HASH);
	expect(decided(changed), POLICY_VERDICT_REQUIRE_APPROVAL, "another action");
	changed = in;
	changed.resource = STR("templates.autumn");
	expect(decided(changed), POLICY_VERDICT_REQUIRE_APPROVAL, "another action");
	changed = in;
	changed.approval_id = STR("apr_00000000-0000-7000-8000-000000000000");
	expect(decided(changed), POLICY_VERDICT_REQUIRE_APPROVAL, "not known as approved");
	expect(decided(in), POLICY_VERDICT_ALLOW, NULL); /* none of that used it up */
}

/* An approval does not overrule a denial, and is not used up by one. */
static void what_is_denied_stays_denied(void **state)
{
	struct policy_decide_request in = publish(NULL);
	char id[64];

	(void)state;
	approved(&in, id);
	in.approval_id = str_of(id);
	in.confidence = 0.5; /* below the agent's floor; no part of the action */
	struct policy_decision d = decided(in);
	expect(d, POLICY_VERDICT_DENY, NULL);
	assert_true(d.approval_id.data == NULL);
	in.confidence = 0.95;
	expect(decided(in), POLICY_VERDICT_ALLOW, NULL);
}

/* Trying uses nothing up. */
static void a_try_leaves_the_approval_as_it_is(void **state)
{
	struct policy_decide_request in = publish(NULL);
	struct policy_decision d = { 0 };
	char id[64];

	(void)state;
	approved(&in, id);
	in.approval_id = str_of(id);
	for (int i = 0; i < 2; i++) {
		must_be(stack_call(&stack, &CALL_POLICY_TRY, &in, &d, &problem), ST_OK);
		expect(d, POLICY_VERDICT_ALLOW, NULL);
	}
	expect(decided(in), POLICY_VERDICT_ALLOW, NULL);
}

/* [APR-7] late; taken back */
static void a_late_or_withdrawn_approval_is_refused(void **state)
{
	struct policy_decide_request in = publish(NULL);
	struct approval_approval_withdraw_request withdraw = { .agent_id = STR("piopl_00001"),
							       .reason = STR("not needed") };
	struct approval_approval_reply reply;
	char id[64], sql[200];

	(void)state;
	approved(&in, id);
	withdraw.request_id = str_of(id);
	must_be(bus_call(gateway, &CALL_APPROVAL_APPROVAL_WITHDRAW, &withdraw,
			 &(struct bus_call_options){ .principal = "agent:piopl_00001" },
			 &stack.arena, &reply, &problem),
		ST_OK);
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM policy.approval WHERE request_id = '%s' AND withdrawn", id);
	wait_sql(sql);
	in.approval_id = str_of(id);
	expect(decided(in), POLICY_VERDICT_REQUIRE_APPROVAL, "taken back");
	in.approval_id = (struct str){ 0 };
	approved(&in, id);
	in.approval_id = str_of(id);
	must_be(clock_advance(5 * 60000), ST_OK);
	expect(decided(in), POLICY_VERDICT_REQUIRE_APPROVAL, "not valid any more");
}

/* [APR-3] a role that does not count here approves nothing here */
static void only_roles_that_count_let_an_action_through(void **state)
{
	struct policy_decide_request in = publish(NULL);
	struct policy_decision d = decided(in);
	struct policy_decide_request other = in;
	char id[64], digest[80], other_id[64];

	(void)state;
	ask(APPROVAL_APPROVER_ROLE_AUDITOR, &in, &d, id, digest);
	must_be(judge(&eve, id, digest, "approve"), ST_OK);
	other.resource = STR("templates.other"); /* told later, so hers was heard before */
	approved(&other, other_id);
	in.approval_id = str_of(id);
	expect(decided(in), POLICY_VERDICT_REQUIRE_APPROVAL, "not known as approved");
}

/* [APR-7] what agents ask for is used by the decision and nowhere else: one way, one use */
static void no_other_service_uses_what_is_for_decisions(void **state)
{
	enum approval_approver_role role = APPROVAL_APPROVER_ROLE_APPROVER;
	struct policy_decide_request in = publish(NULL);
	struct policy_decision d = decided(in);
	struct approval_approval_consume_reply reply;
	char id[64], digest[80];
	struct bus *egress;

	(void)state;
	ask(APPROVAL_APPROVER_ROLE_APPROVER, &in, &d, id, digest);
	must_be(judge(&bob, id, digest, "approve"), ST_OK);
	must_be(bus_open(&(struct bus_options){ .url = harness_nats_url(stack.harness),
						.name = "egress",
						.sending = BUS_SEND_AT_ONCE },
			 &egress, &problem),
		ST_OK);
	struct approval_approval_consume_request consume = {
		.request_id = str_of(id),
		.action_digest = str_of(digest),
		.required = { .roles = { &role, 1 }, .needed = 1 },
	};
	assert_int_equal(bus_call(egress, &CALL_APPROVAL_APPROVAL_CONSUME, &consume, NULL,
				  &stack.arena, &reply, &problem),
			 ST_APPROVAL_OF_DECISION);
	bus_close(egress);
}

/* [APR-10] who waits polls within a limit, or is told by the event */
static void who_waits_polls_or_is_told(void **state)
{
	struct policy_decide_request in = publish(NULL);
	struct policy_decision d = decided(in);
	struct approval_approval_reply reply;
	char id[64], digest[80], sql[300];

	(void)state;
	ask(APPROVAL_APPROVER_ROLE_APPROVER, &in, &d, id, digest);
	struct approval_approval_get_request get = { .request_id = str_of(id) };
	must_be(stack_call(&stack, &CALL_APPROVAL_APPROVAL_GET, &get, &reply, &problem), ST_OK);
	assert_int_equal(reply.approval.state, APPROVAL_REQUEST_STATE_PENDING);
	assert_true(reply.wait->poll_after_ms > 0);
	assert_true(str_is(reply.wait->subject, id));
	assert_true(str_is(reply.wait->events, "piopl.evt.approval.request.*"));
	must_be(judge(&bob, id, digest, "reject"), ST_OK);
	must_be(stack_call(&stack, &CALL_APPROVAL_APPROVAL_GET, &get, &reply, &problem), ST_OK);
	assert_int_equal(reply.approval.state, APPROVAL_REQUEST_STATE_REJECTED);
	assert_true(reply.wait == NULL);
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM approval.outbox WHERE subject = '%s' AND type LIKE "
		 "'%%approval.request.rejected'",
		 id);
	assert_int_equal(harness_sql_i64(stack.harness, sql), 1);
	in.approval_id = str_of(id);
	expect(decided(in), POLICY_VERDICT_REQUIRE_APPROVAL, "not known as approved");
}

/* [APR-7] many processes with the same approval at once, and the service killed under them */
static void processes_that_race_and_die_use_it_once(void **state)
{
	for (int round = 0; round < 4; round++) {
		struct policy_decide_request in = publish(NULL), items[8];
		struct policy_decide_many_reply reply;
		pid_t children[16], racers[BOTH];
		char id[64], sql[200];

		approved(&in, id);
		in.approval_id = str_of(id);
		for (size_t i = 0; i < 8; i++)
			items[i] = in;
		struct policy_decide_many_request request = { .requests = { items, 8 } };
		for (int r = 0; r < BOTH; r++) {
			racers[r] = fork();
			if (racers[r] == 0) {
				struct bus *bus;
				if (bus_open(&(struct bus_options){ .url = harness_nats_url(
									    stack.harness),
								    .name = "external",
								    .sending = BUS_SEND_AT_ONCE },
					     &bus, &problem) == ST_OK)
					(void)!bus_call(bus, &CALL_POLICY_DECIDE_MANY, &request,
							NULL, &stack.arena, &reply, &problem);
				_exit(0);
			}
		}
		size_t count =
			stack_children(stack_service_get(&stack, "policy")->pid, children, 16);
		usleep((useconds_t)(4000 * round));
		if (round > 0 && count > 0)
			kill(children[(size_t)round % count], SIGKILL);
		for (int r = 0; r < BOTH; r++)
			waitpid(racers[r], NULL, 0);
		usleep(300000);
		for (int tries = 0; tries < 20; tries++) {
			if (stack_call(&stack, &CALL_POLICY_DECIDE_MANY, &request, &reply,
				       &problem) == ST_OK)
				break;
			usleep(100000);
		}
		snprintf(sql, sizeof(sql),
			 "SELECT count(*) FROM policy.outbox WHERE subject = '%s' AND type LIKE "
			 "'%%policy.approval.used'",
			 id);
		assert_int_equal(harness_sql_i64(stack.harness, sql), 1);
	}
	(void)state;
	wait_sql("SELECT 1 - count(*) FROM approval.request r JOIN policy.approval p USING "
		 "(request_id) WHERE p.used_by IS NOT NULL AND r.state <> 6");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_person_is_asked_for_each_of_three_reasons),
		cmocka_unit_test(an_approved_action_passes_once_with_evidence_and_is_told),
		cmocka_unit_test(a_changed_action_needs_an_approval_of_its_own),
		cmocka_unit_test(what_is_denied_stays_denied),
		cmocka_unit_test(a_try_leaves_the_approval_as_it_is),
		cmocka_unit_test(no_other_service_uses_what_is_for_decisions),
		cmocka_unit_test(who_waits_polls_or_is_told),
		cmocka_unit_test(processes_that_race_and_die_use_it_once),
		cmocka_unit_test(only_roles_that_count_let_an_action_through),
		cmocka_unit_test(a_late_or_withdrawn_approval_is_refused),
	};

	return cmocka_run_group_tests_name("policy and approval", tests, group_start, group_stop);
}
