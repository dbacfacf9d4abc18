/* Decisions through the bus: the order of checks, evidence, kill, documents and their lifecycle. */
#include "policy_stack.h"

static const char *const env[] = { "PIOPL_POLICY_TOKENS=development", "PIOPL_WORKERS=2", NULL };

static int group_start(void **state)
{
	(void)state;
	policy_stack_start(env);
	return 0;
}

static int group_stop(void **state)
{
	(void)state;
	stack_stop(&stack);
	return 0;
}

static struct policy_decide_request allowed_request(void)
{
	return (struct policy_decide_request){ .agent_id = STR("piopl_00001"),
					       .tool = STR("trend.scan"),
					       .resource = STR("trends") };
}

static void expect_denied(struct policy_decide_request request, enum policy_check check)
{
	struct policy_decision d = decide(request);

	assert_int_equal(d.verdict, POLICY_VERDICT_DENY);
	assert_int_equal(d.valid_for_ms, 0);
	const struct policy_decision_reason *last = &d.reasons.items[d.reasons.count - 1];
	if (last->check != check)
		fail_msg("%s: %.*s", policy_check_names[last->check - 1], STR_ARG(last->words));
}

/* [POL-10] [POL-12] */
static void an_allowed_action_is_answered_with_its_rules_and_evidence(void **state)
{
	char sql[256];

	(void)state;
	struct policy_decision d = decide(allowed_request());
	if (d.verdict != POLICY_VERDICT_ALLOW)
		fail_msg("%.*s", STR_ARG(d.reasons.items[d.reasons.count - 1].words));
	assert_true(d.valid_for_ms > 0);
	assert_int_equal(d.version, 6);
	assert_true(str_is(d.reasons.items[0].document_id, "root-tools"));
	assert_true(str_is(d.reasons.items[0].level, "root"));
	assert_true(d.obligations.count >= 1); /* scans that are still to be made */
	snprintf(
		sql, sizeof(sql),
		"SELECT count(*) FROM policy.outbox WHERE subject = '%.*s' AND "
		"convert_from(data, 'UTF8')::jsonb -> 'policy_evaluation' ->> 'decision' = 'allow'",
		STR_ARG(d.evidence_id));
	assert_int_equal(harness_sql_i64(stack.harness, sql), 1);
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM policy.decision WHERE evidence_id = '%.*s' AND verdict = 1",
		 (int)d.evidence_id.size - 4, d.evidence_id.data + 4);
	assert_int_equal(harness_sql_i64(stack.harness, sql), 1);
}

/* [POL-11] */
static void the_first_check_that_fails_is_named(void **state)
{
	struct policy_decide_request r;
	struct str pii = STR("customer_pii"), internal = STR("internal.note");
	struct policy_delegation nobody = { .user = STR("someone") };

	(void)state;
	r = allowed_request();
	r.agent_id = STR("piopl_99999");
	expect_denied(r, POLICY_CHECK_AGENT);
	r.agent_id = STR("piopl_00002"); /* pending */
	expect_denied(r, POLICY_CHECK_AGENT);
	r = allowed_request();
	r.constitution_hash = STR(HASH_OF_NOTHING);
	expect_denied(r, POLICY_CHECK_CONSTITUTION);
	r = allowed_request();
	r.tool = STR("email.send"); /* high risk, tier 0 */
	expect_denied(r, POLICY_CHECK_TIER);
	r = allowed_request();
	r.endpoint = STR("evil.example");
	expect_denied(r, POLICY_CHECK_ENDPOINT);
	r = allowed_request();
	r.has_data_out = true;
	r.data_out.items = &pii;
	r.data_out.count = 1;
	expect_denied(r, POLICY_CHECK_NEVER_SENDS);
	r = allowed_request();
	r.tool = STR("template.make");
	expect_denied(r, POLICY_CHECK_CONFIDENCE_FLOOR); /* creates, says no confidence */
	r.has_confidence = true;
	r.confidence = 0.84;
	expect_denied(r, POLICY_CHECK_CONFIDENCE_FLOOR);
	r.confidence = 0.85;
	assert_int_equal(decide(r).verdict, POLICY_VERDICT_ALLOW);
	r = allowed_request();
	r.operation = POLICY_OPERATION_READ; /* trend.* lists */
	expect_denied(r, POLICY_CHECK_CRUDLEX);
	r = allowed_request();
	r.on_behalf_of = &nobody;
	expect_denied(r, POLICY_CHECK_CRUDLEX);
	r = allowed_request();
	r.has_data_out = true;
	r.data_out.items = &internal;
	r.data_out.count = 1;
	assert_int_equal(decide(r).verdict, POLICY_VERDICT_ALLOW);
	internal = STR("unheard.of");
	expect_denied(r, POLICY_CHECK_POLICY);
}

/* [POL-12] a denial is an answer, with evidence */
static void a_denial_leaves_evidence(void **state)
{
	struct policy_decide_request r = allowed_request();
	char sql[256];

	(void)state;
	r.agent_id = STR("piopl_99999");
	struct policy_decision d = decide(r);
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM policy.outbox WHERE subject = '%.*s' AND "
		 "convert_from(data, 'UTF8')::jsonb -> 'policy_evaluation' ->> 'decision' = 'deny'",
		 STR_ARG(d.evidence_id));
	assert_int_equal(harness_sql_i64(stack.harness, sql), 1);
}

/* [POL-15] */
static void many_decisions_come_in_their_order(void **state)
{
	struct policy_decide_request items[3] = { allowed_request(), allowed_request(),
						  allowed_request() };
	struct policy_decide_many_request request = { .requests = { items, 3 } };
	struct policy_decide_many_reply reply;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		items[i].parameters_hash = STR(HASH_OF_NOTHING);
	items[1].agent_id = STR("piopl_00002");
	must_be(stack_call(&stack, &CALL_POLICY_DECIDE_MANY, &request, &reply, &problem), ST_OK);
	assert_int_equal(reply.decisions.count, 3);
	assert_int_equal(reply.decisions.items[0].verdict, POLICY_VERDICT_ALLOW);
	assert_int_equal(reply.decisions.items[1].verdict, POLICY_VERDICT_DENY);
	assert_int_equal(reply.decisions.items[2].verdict, POLICY_VERDICT_ALLOW);
}

#define MANY 500

static void many_fill(struct policy_decide_request *items)
{
	for (size_t i = 0; i < MANY; i++) {
		items[i] = allowed_request();
		items[i].parameters_hash = STR(HASH_OF_NOTHING);
	}
}

/* [POL-12] [POL-15] */
static void the_evidence_of_many_decisions_is_packed_and_complete(void **state)
{
	static struct policy_decide_request items[MANY];
	struct policy_decide_many_request request = { .requests = { items, MANY } };
	struct policy_decide_many_reply reply;
	static char ids[MANY][ID_TEXT_SIZE];
	static char sql[sizeof(EVIDENCE_IDS) + 256];

	(void)state;
	arena_reset(&stack.arena);
	many_fill(items);
	int64_t packs = harness_sql_i64(stack.harness, "SELECT count(*) FROM policy.outbox WHERE "
						       "type = 'policy.evidence.packed'");
	must_be(stack_call(&stack, &CALL_POLICY_DECIDE_MANY, &request, &reply, &problem), ST_OK);
	assert_int_equal(reply.decisions.count, MANY);
	for (size_t i = 0; i < MANY; i++)
		snprintf(ids[i], sizeof(ids[i]), "%.*s",
			 STR_ARG(reply.decisions.items[i].evidence_id));
	/* 500 records are several rows, none above its limit, and few. */
	packs = harness_sql_i64(stack.harness, "SELECT count(*) FROM policy.outbox WHERE "
					       "type = 'policy.evidence.packed'") -
		packs;
	assert_in_range(packs, 2, 10);
	assert_int_equal(harness_sql_i64(stack.harness,
					 "SELECT count(*) FROM policy.outbox WHERE type = "
					 "'policy.evidence.packed' AND (length(data) > 65536 OR "
					 "jsonb_array_length(convert_from(data, 'UTF8')::jsonb -> "
					 "'records') > 256)"),
			 0);
	for (size_t i = 0; i < MANY; i += 99) {
		struct policy_explain_request explain = { .evidence_id = str_of(ids[i]) };
		struct policy_explanation explanation;
		must_be(stack_call(&stack, &CALL_POLICY_EXPLAIN, &explain, &explanation, &problem),
			ST_OK);
		assert_string_equal(explanation.agent_id.data, "piopl_00001");
		snprintf(sql, sizeof(sql),
			 "SELECT count(*) FROM " EVIDENCE_IDS " WHERE e.id = '%.50s'", ids[i]);
		assert_int_equal(harness_sql_i64(stack.harness, sql), 1);
	}
	assert_int_equal(
		harness_sql_i64(stack.harness, "SELECT count(*) FROM policy.decision"),
		harness_sql_i64(stack.harness,
				"SELECT count(*) FROM " EVIDENCE_IDS
				" JOIN policy.decision d ON e.id = 'evd_' || d.evidence_id"));
}

/* [POL-12] [POL-13] */
static void an_outcome_belongs_to_one_of_many(void **state)
{
	static struct policy_decide_request items[MANY];
	struct policy_decide_many_request request = { .requests = { items, MANY } };
	struct policy_outcome_report_request report = { .status = POLICY_OUTCOME_STATUS_SUCCESS };
	struct policy_outcome_report_reply outcome;
	struct policy_decide_many_reply reply;
	char id[ID_TEXT_SIZE], sql[512];

	(void)state;
	arena_reset(&stack.arena);
	many_fill(items);
	must_be(stack_call(&stack, &CALL_POLICY_DECIDE_MANY, &request, &reply, &problem), ST_OK);
	snprintf(id, sizeof(id), "%.*s", STR_ARG(reply.decisions.items[MANY / 2].evidence_id));
	report.evidence_id = str_of(id);
	must_be(stack_call(&stack, &CALL_POLICY_OUTCOME_REPORT, &report, &outcome, &problem),
		ST_OK);
	/* Again is the same; another outcome is not. */
	must_be(stack_call(&stack, &CALL_POLICY_OUTCOME_REPORT, &report, &outcome, &problem),
		ST_OK);
	report.status = POLICY_OUTCOME_STATUS_FAILED;
	must_be(stack_call(&stack, &CALL_POLICY_OUTCOME_REPORT, &report, &outcome, &problem),
		ST_OUTCOME_KNOWN);
	snprintf(
		sql, sizeof(sql),
		"SELECT count(*) FROM policy.decision WHERE outcome = 1 AND run = (SELECT run FROM "
		"policy.decision WHERE 'evd_' || evidence_id = '%s')",
		id);
	assert_int_equal(harness_sql_i64(stack.harness, sql), 1);
}

/* Of a call that is refused nothing stays: no decision, no evidence, no money taken. [POL-12] */
static void a_bulk_call_that_is_refused_leaves_nothing(void **state)
{
	static struct policy_decide_request items[3];
	struct policy_decide_many_request request = { .requests = { items, 3 } };
	struct policy_decide_many_reply reply;
	static const char rows[] = "SELECT (SELECT count(*) FROM policy.decision) + "
				   "(SELECT count(*) FROM policy.outbox)";
	static const char spent[] = "SELECT coalesce(sum(used), 0)::bigint FROM policy.meter WHERE "
				    "number = 5 AND kind = 'spend'";

	(void)state;
	agent_may_spend(5, "10");
	for (size_t i = 0; i < 3; i++) {
		items[i] = allowed_request();
		items[i].agent_id = STR("piopl_00005");
		items[i].parameters_hash = STR(HASH_OF_NOTHING);
		items[i].has_amount = true;
		items[i].amount = (struct money){ MONEY_MICROS_PER_UNIT, "GBP" };
	}
	items[2].agent_id = STR("piopl_000005"); /* no spelling of an agent's id */
	int64_t before = harness_sql_i64(stack.harness, rows);
	must_be(stack_call(&stack, &CALL_POLICY_DECIDE_MANY, &request, &reply, &problem),
		ST_MESSAGE_INVALID);
	assert_int_equal(harness_sql_i64(stack.harness, rows), before);
	assert_int_equal(harness_sql_i64(stack.harness, spent), 0);
	/* The workers' memory of what is spent took it back as well. */
	items[2].agent_id = STR("piopl_00005");
	for (int i = 0; i < 3; i++)
		must_be(stack_call(&stack, &CALL_POLICY_DECIDE_MANY, &request, &reply, &problem),
			ST_OK);
	assert_true(reply.decisions.items[2].has_reserved);
	assert_int_equal(harness_sql_i64(stack.harness, spent), 9 * MONEY_MICROS_PER_UNIT);
}

static void authzen_is_answered_with_true_and_false(void **state)
{
	struct str reply;

	(void)state;
	arena_reset(&stack.arena);
	must_be(bus_call_text(stack.bus, &CALL_POLICY_ACCESS_EVALUATION,
			      STR("{\"subject\":{\"type\":\"agent\",\"id\":\"piopl_00001\"},"
				  "\"action\":{\"name\":\"trend.scan\"},"
				  "\"resource\":{\"type\":\"any\",\"id\":\"trends\"}}"),
			      NULL, &stack.arena, &reply, &problem),
		ST_OK);
	assert_non_null(strstr(reply.data, "\"decision\":true"));
	must_be(bus_call_text(stack.bus, &CALL_POLICY_ACCESS_EVALUATIONS,
			      STR("{\"subject\":{\"type\":\"agent\",\"id\":\"piopl_00001\"},"
				  "\"resource\":{\"type\":\"any\",\"id\":\"trends\"},"
				  "\"options\":{\"evaluations_semantic\":\"deny_on_first_deny\"},"
				  "\"evaluations\":[{\"action\":{\"name\":\"trend.scan\"}},"
				  "{\"action\":{\"name\":\"bank.transfer\"}},"
				  "{\"action\":{\"name\":\"trend.scan\"}}]}"),
			      NULL, &stack.arena, &reply, &problem),
		ST_OK);
	assert_non_null(strstr(reply.data, "\"decision\":true"));
	const char *denied = strstr(reply.data, "\"decision\":false");
	assert_non_null(denied);
	assert_null(strstr(denied, "\"decision\":true"));
}

/* [POL-4] */
static void a_document_that_widens_is_refused_with_a_request(void **state)
{
	(void)state;
	must_be(document_put("policy:\n  id: wide\n  type: tool-access\n  unit: studio\n  tools:\n"
			     "    - {name: bank.transfer, allow: true}\n"),
		ST_POLICY_WIDENS);
	assert_non_null(strstr(problem.detail, "tool \"bank.transfer\""));
	assert_string_equal(problem.pointer, "line 6, column 1");
}

/* [POL-2] */
static void a_document_with_a_mistake_is_refused_with_its_place(void **state)
{
	(void)state;
	must_be(document_put("policy:\n  id: bad\n  type: temporal-and-thresholds\n  root: true\n"
			     "  rules:\n    - condition: amont > 1\n      allow: false\n"),
		ST_POLICY_INVALID);
	assert_string_equal(problem.pointer, "line 6, column 18");
}

/* [POL-5] */
static void only_the_role_puts_documents_in_force(void **state)
{
	struct policy_document_change change = { .document_id = STR("root-tools"),
						 .state = POLICY_DOCUMENT_STATE_RETIRED };
	struct policy_apply_request request = { .changes = { &change, 1 } };
	struct policy_version_reply reply;
	int64_t before = harness_sql_i64(stack.harness, "SELECT version FROM policy.policy_state");

	(void)state;
	must_be(stack_call(&stack, &CALL_POLICY_APPLY, &request, &reply, &problem),
		ST_ROLE_REQUIRED);
	assert_int_equal(harness_sql_i64(stack.harness, "SELECT version FROM policy.policy_state"),
			 before);
	assert_int_equal(harness_sql_i64(stack.harness,
					 "SELECT count(*) FROM policy.outbox WHERE "
					 "convert_from(data, 'UTF8')::jsonb -> 'operation' ->> "
					 "'type' = 'policy.apply' AND convert_from(data, "
					 "'UTF8')::jsonb -> 'outcome' ->> 'status' = 'refused'"),
			 1);
}

/* [POL-5] [POL-6] */
static void a_document_is_simulated_activated_and_rolled_back(void **state)
{
	struct policy_rollback_request back = { .reason = STR("too strict") };
	struct policy_explain_request explain = { 0 };
	struct policy_explanation explanation;
	struct policy_version_reply reply;
	int64_t version;
	char id[64];

	(void)state;
	back.version = harness_sql_i64(stack.harness, "SELECT version FROM policy.policy_state");
	must_be(document_put("policy:\n  id: studio-trends\n  type: tool-access\n  unit: studio\n"
			     "  tools:\n    - {name: \"trend.*\", allow: false}\n"),
		ST_OK);
	assert_int_equal(decide(allowed_request()).verdict, POLICY_VERDICT_ALLOW);
	must_be(document_apply("studio-trends", POLICY_DOCUMENT_STATE_SIMULATE, NULL), ST_OK);
	struct policy_decision d = decide(allowed_request());
	assert_int_equal(d.verdict, POLICY_VERDICT_ALLOW);
	snprintf(id, sizeof(id), "%.*s", STR_ARG(d.evidence_id));
	explain.evidence_id = str_of(id);
	must_be(stack_call(&stack, &CALL_POLICY_EXPLAIN, &explain, &explanation, &problem), ST_OK);
	assert_int_equal(explanation.verdict, POLICY_VERDICT_ALLOW);
	assert_int_equal(explanation.shadow, POLICY_VERDICT_DENY);
	must_be(document_apply("studio-trends", POLICY_DOCUMENT_STATE_ACTIVE, &version), ST_OK);
	d = decide(allowed_request());
	assert_int_equal(d.verdict, POLICY_VERDICT_DENY);
	assert_int_equal(d.version, version);
	must_be(as_steward(&CALL_POLICY_ROLLBACK, &back, &reply), ST_OK);
	assert_int_equal(reply.version.version, version + 1);
	assert_int_equal(decide(allowed_request()).verdict, POLICY_VERDICT_ALLOW);
}

/* [POL-5] [POL-6] */
static void a_plan_and_a_replay_list_what_would_change(void **state)
{
	struct policy_document_change change = { .document_id = STR("plan-trends"),
						 .state = POLICY_DOCUMENT_STATE_ACTIVE };
	struct policy_apply_request plan = { .changes = { &change, 1 } };
	struct policy_replay_request replay = { .document_id = STR("plan-trends") };
	struct policy_replay_reply replayed;
	struct policy_plan_reply planned;

	(void)state;
	must_be(document_put("policy:\n  id: plan-trends\n  type: tool-access\n  unit: studio\n"
			     "  tools:\n    - {name: trend.scan, allow: true, require_approval: "
			     "true}\n"),
		ST_OK);
	decide(allowed_request());
	arena_reset(&stack.arena);
	must_be(as_steward(&CALL_POLICY_PLAN, &plan, &planned), ST_OK);
	assert_true(planned.compared > 0 && planned.differences.count > 0);
	assert_int_equal(planned.differences.items[0].was, POLICY_VERDICT_ALLOW);
	assert_int_equal(planned.differences.items[0].would_be, POLICY_VERDICT_REQUIRE_APPROVAL);
	must_be(as_steward(&CALL_POLICY_REPLAY, &replay, &replayed), ST_OK);
	assert_int_equal(replayed.differences.count, planned.differences.count);
	assert_int_equal(decide(allowed_request()).verdict, POLICY_VERDICT_ALLOW);
}

/* [POL-5] A draft that came later is not what counts. */
static void retiring_ends_the_revision_that_is_in_force(void **state)
{
	static const char text[] = "policy:\n  id: short\n  type: tool-access\n  unit: studio\n"
				   "  tools:\n    - {name: trend.scan, allow: false}\n";

	(void)state;
	document_activate(text, "short");
	must_be(document_put(text), ST_OK);
	assert_int_equal(decide(allowed_request()).verdict, POLICY_VERDICT_DENY);
	must_be(document_apply("short", POLICY_DOCUMENT_STATE_RETIRED, NULL), ST_OK);
	assert_int_equal(decide(allowed_request()).verdict, POLICY_VERDICT_ALLOW);
	assert_int_equal(harness_sql_i64(stack.harness,
					 "SELECT sum(revision * state) FROM policy.document WHERE "
					 "document_id = 'short'"),
			 1 * 4 + 2 * 1);
}

/* [POL-8] */
static void questions_about_permissions_are_answered(void **state)
{
	struct policy_what_may_request what = { .agent_id = STR("piopl_00001") };
	struct policy_who_may_request who = { .tool = STR("trend.scan"), .resource = STR("x") };
	struct policy_which_policies_request which = { .tool = STR("bank.transfer") };
	struct policy_which_policies_reply rules;
	struct policy_what_may_reply tools;
	struct policy_who_may_reply agents;
	bool transfer = false;

	(void)state;
	must_be(stack_call(&stack, &CALL_POLICY_WHAT_MAY, &what, &tools, &problem), ST_OK);
	assert_true(tools.tools.count >= 10);
	for (size_t i = 0; i < tools.tools.count; i++)
		if (str_is(tools.tools.items[i].tool, "bank.transfer"))
			transfer = tools.tools.items[i].verdict == POLICY_VERDICT_DENY;
	assert_true(transfer);
	must_be(stack_call(&stack, &CALL_POLICY_WHO_MAY, &who, &agents, &problem), ST_OK);
	assert_int_equal(agents.agents.count, 1);
	assert_true(str_is(agents.agents.items[0].agent_id, "piopl_00001"));
	must_be(stack_call(&stack, &CALL_POLICY_WHICH_POLICIES, &which, &rules, &problem), ST_OK);
	assert_true(rules.rules.count >= 1);
	assert_true(str_is(rules.rules.items[0].document_id, "root-thresholds") ||
		    str_is(rules.rules.items[0].document_id, "root-tools"));
	which = (struct policy_which_policies_request){ .has_grants = true, .grants = true };
	must_be(stack_call(&stack, &CALL_POLICY_WHICH_POLICIES, &which, &rules, &problem), ST_OK);
	assert_int_equal(rules.rules.count, 18); /* 13 declarations, 5 grants */
	for (size_t i = 0; i < rules.rules.count; i++)
		assert_true(str_is(rules.rules.items[i].document_id, "root-crudlex"));
	which = (struct policy_which_policies_request){ 0 };
	must_be(stack_call(&stack, &CALL_POLICY_WHICH_POLICIES, &which, &rules, &problem),
		ST_MESSAGE_INVALID);
}

/* [POL-12] [POL-13] */
static void a_reservation_is_captured_released_or_expires(void **state)
{
	struct policy_decide_request r = allowed_request();
	struct policy_outcome_report_request report = { .status = POLICY_OUTCOME_STATUS_SUCCESS };
	struct policy_outcome_report_reply reply;
	char id[64];

	(void)state;
	const char *used = "SELECT used FROM policy.meter WHERE number = 3 AND kind = 'spend'";
	assert_true(stack_clock_off_boundary());
	agent_may_spend(3, "10");
	r.agent_id = STR("piopl_00003");
	r.has_amount = true;
	r.amount = (struct money){ 6000000, "GBP" };
	struct policy_decision d = decide(r);
	if (d.verdict == POLICY_VERDICT_DENY)
		fail_msg("%.*s", STR_ARG(d.reasons.items[d.reasons.count - 1].words));
	assert_true(d.has_reserved);
	snprintf(id, sizeof(id), "%.*s", STR_ARG(d.evidence_id));
	assert_int_equal(harness_sql_i64(stack.harness, used), 6000000);
	expect_denied(r, POLICY_CHECK_SPEND_CAP); /* 12 of 10 */
	r.amount.micros = 4000001;
	expect_denied(r, POLICY_CHECK_SPEND_CAP);
	report.evidence_id = str_of(id);
	report.has_amount = true;
	report.amount = (struct money){ 6000001, "GBP" };
	must_be(stack_call(&stack, &CALL_POLICY_OUTCOME_REPORT, &report, &reply, &problem),
		ST_MONEY_INVALID);
	report.amount.micros = 5000000;
	must_be(stack_call(&stack, &CALL_POLICY_OUTCOME_REPORT, &report, &reply, &problem), ST_OK);
	assert_true(str_is(reply.captured, "5"));
	assert_int_equal(harness_sql_i64(stack.harness, used), 5000000);
	/* the same again changes nothing, another one is refused */
	must_be(stack_call(&stack, &CALL_POLICY_OUTCOME_REPORT, &report, &reply, &problem), ST_OK);
	report.status = POLICY_OUTCOME_STATUS_FAILED;
	must_be(stack_call(&stack, &CALL_POLICY_OUTCOME_REPORT, &report, &reply, &problem),
		ST_OUTCOME_KNOWN);
	assert_int_equal(harness_sql_i64(stack.harness, used), 5000000);
	r.amount.micros = 5000000; /* exactly the rest */
	d = decide(r);
	assert_true(d.has_reserved);
	snprintf(id, sizeof(id), "%.*s", STR_ARG(d.evidence_id));
	must_be(clock_advance(16 * 60000), ST_OK);
	wait_sql("SELECT count(*) FROM policy.decision WHERE number = 3 AND overdue");
	struct policy_explain_request explain = { .evidence_id = str_of(id) };
	struct policy_explanation explanation;
	must_be(stack_call(&stack, &CALL_POLICY_EXPLAIN, &explain, &explanation, &problem), ST_OK);
	assert_true(explanation.overdue);
	assert_true(harness_sql_i64(stack.harness,
				    "SELECT count(*) FROM policy.outbox WHERE type LIKE "
				    "'%decision.overdue'") >= 1);
}

/* root-tools: listing.* 60 per 1h */
static void a_rate_is_kept_at_its_limit_over_calls_and_workers(void **state)
{
	static struct policy_decide_request items[40];
	struct policy_decide_many_request request = { .requests = { items, 40 } };
	struct policy_decide_many_reply reply;
	int allowed = 0, limited = 0;

	(void)state;
	assert_true(stack_clock_off_boundary());
	agent_may_spend(5, "10");
	for (size_t i = 0; i < 40; i++)
		items[i] =
			(struct policy_decide_request){ .agent_id = STR("piopl_00005"),
							.tool = STR("listing.create"),
							.resource = STR("shop"),
							.has_confidence = true,
							.confidence = 0.9,
							.parameters_hash = STR(HASH_OF_NOTHING) };
	for (int call = 0; call < 3; call++) {
		must_be(stack_call(&stack, &CALL_POLICY_DECIDE_MANY, &request, &reply, &problem),
			ST_OK);
		for (size_t i = 0; i < reply.decisions.count; i++) {
			const struct policy_decision *d = &reply.decisions.items[i];
			if (d->verdict <= POLICY_VERDICT_MODIFY)
				allowed++;
			else if (d->reasons.items[0].check == POLICY_CHECK_RATE_LIMIT)
				limited++;
		}
	}
	assert_int_equal(allowed, 60);
	assert_int_equal(limited, 60);
}

static bool kill_refused(void *context)
{
	(void)context;
	return decide(allowed_request()).verdict == POLICY_VERDICT_DENY;
}

/* [AGT-9] */
static void after_a_kill_order_every_decision_is_refused(void **state)
{
	struct registry_kill_scope scope = { .kind = REGISTRY_KILL_SCOPE_KIND_UNIT,
					     .value = STR("studio") };
	struct registry_kill_reply reply;

	(void)state;
	assert_int_equal(decide(allowed_request()).verdict, POLICY_VERDICT_ALLOW);
	must_be(fleet_kill(&fleet, &scope, &reply, &problem), ST_OK);
	int64_t begin = harness_awake_ms();
	assert_true(harness_wait_for(kill_refused, NULL, 20000));
	int64_t took = harness_awake_ms() - begin;
	printf("refused %lld ms after the kill order was answered\n", (long long)took);
	assert_true(took <= 2000);
	expect_denied(allowed_request(), POLICY_CHECK_AGENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_allowed_action_is_answered_with_its_rules_and_evidence),
		cmocka_unit_test(the_first_check_that_fails_is_named),
		cmocka_unit_test(a_denial_leaves_evidence),
		cmocka_unit_test(many_decisions_come_in_their_order),
		cmocka_unit_test(the_evidence_of_many_decisions_is_packed_and_complete),
		cmocka_unit_test(an_outcome_belongs_to_one_of_many),
		cmocka_unit_test(authzen_is_answered_with_true_and_false),
		cmocka_unit_test(a_document_that_widens_is_refused_with_a_request),
		cmocka_unit_test(a_document_with_a_mistake_is_refused_with_its_place),
		cmocka_unit_test(only_the_role_puts_documents_in_force),
		cmocka_unit_test(a_document_is_simulated_activated_and_rolled_back),
		cmocka_unit_test(a_plan_and_a_replay_list_what_would_change),
		cmocka_unit_test(retiring_ends_the_revision_that_is_in_force),
		cmocka_unit_test(questions_about_permissions_are_answered),
		cmocka_unit_test(a_reservation_is_captured_released_or_expires),
		cmocka_unit_test(a_rate_is_kept_at_its_limit_over_calls_and_workers),
		cmocka_unit_test(a_bulk_call_that_is_refused_leaves_nothing),
		cmocka_unit_test(after_a_kill_order_every_decision_is_refused),
	};

	return cmocka_run_group_tests_name("policy decisions", tests, group_start, group_stop);
}
