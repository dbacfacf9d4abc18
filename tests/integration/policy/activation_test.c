/* As many people as documents want, and of their roles, let an action through; and where the root
 * wants it, people approve what is put in force: exactly that change, once. Registry, approval and
 * policy run together. */
#include "approval_stack.h"

static const char two_rules[] = "policy:\n  id: team-two\n  type: tool-access\n  unit: studio\n"
				"  tools:\n    - name: template.sell\n      allow: true\n"
				"      require_approval: true\n"
				"      approvers: {roles: [steward, approver], count: 2}\n";

static struct policy_decide_request sell(const char *approval_id)
{
	struct policy_decide_request in = publish(approval_id);

	in.tool = STR("template.sell");
	return in;
}

static struct signing_key sue_key;
static enum approval_approver_role both[] = { APPROVAL_APPROVER_ROLE_STEWARD,
					      APPROVAL_APPROVER_ROLE_APPROVER };

/* [APR-4] */
static void two_people_of_the_roles_let_it_pass(void **state)
{
	const struct approval_approver_group group = { .roles = { both, 2 } };
	struct policy_decide_request in = sell(NULL);
	struct policy_decision d = decided(in);
	char id[64], digest[80];

	(void)state;
	expect(d, POLICY_VERDICT_REQUIRE_APPROVAL, "2 of steward, approver");
	assert_int_equal(d.ask->needed, 2);
	assert_int_equal(d.ask->approvers->roles.count, 2);
	ask_group(group, d.ask->needed, &in, &d, id, digest);
	must_be(judge(&bob, id, digest, "approve"), ST_OK);
	in.approval_id = str_of(id);
	expect(decided(in), POLICY_VERDICT_REQUIRE_APPROVAL, "not known as approved");
	must_be(judge(&sue_key, id, digest, "approve"), ST_OK);
	wait_known(id);
	expect(decided(in), POLICY_VERDICT_ALLOW, "approved exactly this");
	expect(decided(in), POLICY_VERDICT_REQUIRE_APPROVAL, "used before");
}

/* [APR-4] Who asks with weaker terms than the documents want gets an approval that is not enough.
 */
static void weaker_terms_are_not_enough(void **state)
{
	const struct approval_approver_group group = { .roles = { both, 2 } };
	struct policy_decide_request in = sell(NULL);
	struct policy_decision d = decided(in);
	char id[64], digest[80];

	(void)state;
	ask_group(group, 1, &in, &d, id, digest);
	must_be(judge(&bob, id, digest, "approve"), ST_OK);
	wait_known(id);
	in.approval_id = str_of(id);
	d = decided(in);
	expect(d, POLICY_VERDICT_REQUIRE_APPROVAL, "more or other people");
	assert_true(d.approval_id.data == NULL);
	expect(decided(in), POLICY_VERDICT_REQUIRE_APPROVAL, "more or other people"); /* unused */
}

/* -- what is put in force -- */

#define ROOT_RULES(roles) ROOT_COUNTED(roles, "1")
#define ROOT_COUNTED(roles, count)                                                                 \
	"policy:\n  id: root-activation\n  type: validation\n  root: true\n  activation:\n"        \
	"    require_approval: true\n    approvers: {roles: [" roles "], count: " count            \
	"}\n  rules:\n"                                                                            \
	"    - {validation: nothing-else, threshold: 0}\n"

static char sue[64]; /* another steward, who owns no agent */

static const char *draft(const char *tool)
{
	static char text[300];

	snprintf(text, sizeof(text),
		 "policy:\n  id: team-draft\n  type: tool-access\n  unit: studio\n  tools:\n"
		 "    - {name: %s, allow: false}\n",
		 tool);
	return text;
}

static enum st as(const char *person, const struct proto_call *call, const void *in, void *ret)
{
	const struct bus_call_options options = { .principal = person, .timeout_ms = 10000 };

	problem = (struct problem){ 0 };
	return bus_call(stack.bus, call, in, &options, &stack.arena, ret, &problem);
}

static enum st apply_as(const char *person, struct policy_document_change change,
			const char *approval_id, int64_t *ret_version)
{
	struct policy_apply_request request = {
		.changes = { &change, 1 },
		.approval_id = approval_id ? str_of(approval_id) : (struct str){ 0 },
	};
	struct policy_version_reply reply;
	enum st st = as(person, &CALL_POLICY_APPLY, &request, &reply);

	if (st == ST_OK && ret_version)
		*ret_version = reply.version.version;
	return st;
}

static struct policy_document_change active(const char *id, int64_t revision)
{
	return (struct policy_document_change){ .document_id = str_of(id),
						.has_revision = revision > 0,
						.revision = revision,
						.state = POLICY_DOCUMENT_STATE_ACTIVE };
}

/* What the steward asks for, approved by Bob, or by Bob and Sue, known to policy. */
static void approved_change(const struct policy_activation_terms_request *terms, int people,
			    char ret_id[64])
{
	struct policy_activation_terms_reply reply;
	struct approval_approval_reply asked;
	char digest[80];

	must_be(as_steward(&CALL_POLICY_ACTIVATION_TERMS, terms, &reply), ST_OK);
	assert_true(reply.required);
	struct approval_approver_group group = { .roles = { both, 2 } };
	struct approval_approval_request_request request = {
		.agent_id = reply.ask->agent_id,
		.tool = reply.ask->tool,
		.operation = (enum approval_operation)reply.ask->operation,
		.resource = reply.ask->resource,
		.parameters_hash = reply.ask->parameters_hash,
		.on_behalf_of = reply.ask->on_behalf_of,
		.reason = reply.ask->reason,
		.approvers = &group,
		.has_needed = true,
		.needed = people,
	};
	must_be(as_steward(&CALL_APPROVAL_APPROVAL_REQUEST, &request, &asked), ST_OK);
	snprintf(ret_id, 64, "%.*s", STR_ARG(asked.approval.request_id));
	snprintf(digest, sizeof(digest), "%.*s", STR_ARG(asked.approval.action_digest));
	assert_int_equal(judge(&fleet.steward, ret_id, digest, "approve"), ST_APPROVAL_OWN_AGENT);
	must_be(judge(&bob, ret_id, digest, "approve"), ST_OK);
	if (people > 1)
		must_be(judge(&sue_key, ret_id, digest, "approve"), ST_OK);
	wait_known(ret_id);
}

static void approved_apply(struct policy_document_change change, int people, char ret_id[64])
{
	const struct policy_activation_terms_request terms = { .has_changes = true,
							       .changes = { &change, 1 } };

	approved_change(&terms, people, ret_id);
}

/* Before anything is in force that wants approval. */
static void a_rule_that_nobody_could_meet_is_not_let_in(void **state)
{
	struct policy_document_change change = active("root-activation", 0);
	struct policy_activation_terms_request terms = { .has_changes = true,
							 .changes = { &change, 1 } };
	struct policy_activation_terms_reply reply;

	(void)state;
	must_be(document_put(ROOT_RULES("auditor")), ST_OK);
	must_be(as_steward(&CALL_POLICY_ACTIVATION_TERMS, &terms, &reply), ST_OK);
	assert_false(reply.required);
	assert_int_equal(apply_as(fleet.steward_id, change, NULL, NULL), ST_ACTIVATION_IMPOSSIBLE);
	must_be(document_put(ROOT_COUNTED("steward, approver", "9")), ST_OK);
	assert_int_equal(apply_as(fleet.steward_id, change, NULL, NULL), ST_ACTIVATION_IMPOSSIBLE);
	assert_non_null(strstr(problem.detail, "9 have to approve a change and "));
	document_activate(ROOT_RULES("steward, approver"), "root-activation");
}

/* [POL-5] */
static void without_approval_nothing_is_put_in_force(void **state)
{
	static const char refusals[] =
		"SELECT count(*) FROM policy.outbox WHERE type = 'policy.evidence.recorded' AND "
		"convert_from(data, 'UTF8')::jsonb @> '{\"operation\":{\"type\":\"policy.apply\"},"
		"\"outcome\":{\"status\":\"refused\"}}'";
	int64_t before = harness_sql_i64(stack.harness, refusals);
	int64_t version = harness_sql_i64(stack.harness, "SELECT version FROM policy.policy_state");
	struct policy_rollback_request back = { .version = version - 1, .reason = STR("r") };
	struct policy_version_reply reply;

	(void)state;
	must_be(document_put(draft("template.make")), ST_OK);
	assert_int_equal(apply_as(fleet.steward_id, active("team-draft", 0), NULL, NULL),
			 ST_ACTIVATION_NOT_APPROVED);
	assert_non_null(
		strstr(problem.detail, "\"root-activation\", line 6: 1 of steward, approver"));
	assert_non_null(strstr(problem.hint, "policy.apply of piopl_00000 on policy-versions"));
	assert_int_equal(as_steward(&CALL_POLICY_ROLLBACK, &back, &reply),
			 ST_ACTIVATION_NOT_APPROVED);
	assert_int_equal(apply_as(fleet.steward_id, active("team-draft", 0),
				  "apr_00000000-0000-7000-8000-000000000000", NULL),
			 ST_ACTIVATION_NOT_APPROVED);
	assert_int_equal(harness_sql_i64(stack.harness, refusals), before + 2);
	assert_int_equal(harness_sql_i64(stack.harness, "SELECT version FROM policy.policy_state"),
			 version);
}

/* [POL-5] */
static void an_approved_change_goes_through_once(void **state)
{
	char id[64], sql[600];
	int64_t version = 0, before;

	(void)state;
	before = harness_sql_i64(stack.harness, "SELECT version FROM policy.policy_state");
	approved_apply(active("team-draft", 0), 1, id);
	assert_int_equal(apply_as(sue, active("team-draft", 0), id, NULL),
			 ST_ACTIVATION_NOT_APPROVED); /* asked for by another person */
	assert_non_null(strstr(problem.detail, "another action"));
	/* by another door than it was asked through: the person is the same */
	char through_http[80];
	snprintf(through_http, sizeof(through_http), "human:%s", fleet.steward_id);
	must_be(apply_as(through_http, active("team-draft", 0), id, &version), ST_OK);
	assert_int_equal(version, before + 1);
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM policy.outbox WHERE type = 'policy.evidence.recorded' AND "
		 "convert_from(data, 'UTF8')::jsonb @> '{\"operation\":{\"type\":\"policy.apply\"},"
		 "\"context\":{\"capability_applied\":\"%s\"}}' AND convert_from(data, "
		 "'UTF8')::jsonb #>> '{policy_evaluation,approval,approver}' LIKE 'per_%%'",
		 id);
	assert_int_equal(harness_sql_i64(stack.harness, sql), 1);
	assert_int_equal(apply_as(fleet.steward_id, active("team-draft", 0), id, NULL),
			 ST_ACTIVATION_NOT_APPROVED);
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM approval.request r JOIN approval.consumption c USING "
		 "(request_id) WHERE r.request_id = '%s' AND r.state = 6",
		 id);
	wait_sql(sql);
}

/* [POL-5] */
static void what_changed_after_the_approval_is_refused(void **state)
{
	char id[64];
	int64_t revision;

	(void)state;
	must_be(document_put(draft("template.lend")), ST_OK);
	revision = harness_sql_i64(stack.harness, "SELECT max(revision) FROM policy.document WHERE "
						  "document_id = 'team-draft'");
	approved_apply(active("team-draft", 0), 1, id);
	must_be(document_put(draft("template.rent")), ST_OK);
	assert_int_equal(apply_as(fleet.steward_id, active("team-draft", 0), id, NULL),
			 ST_ACTIVATION_NOT_APPROVED);
	assert_non_null(strstr(problem.detail, "another action"));
	struct policy_document_change shadow = active("team-draft", revision);
	shadow.state = POLICY_DOCUMENT_STATE_SIMULATE;
	assert_int_equal(apply_as(fleet.steward_id, shadow, id, NULL), ST_ACTIVATION_NOT_APPROVED);
	must_be(apply_as(fleet.steward_id, active("team-draft", revision), id, NULL), ST_OK);
}

/* [POL-5] A used approval stays used, whatever version is in force. */
static void the_same_approval_is_not_used_twice_for_a_rollback(void **state)
{
	int64_t version = harness_sql_i64(stack.harness, "SELECT version FROM policy.policy_state");
	const struct policy_activation_terms_request terms = { .has_rollback_to = true,
							       .rollback_to = version - 1 };
	struct policy_rollback_request back = { .version = version - 1, .reason = STR("r") };
	struct policy_version_reply reply;
	char id[64], sql[200];

	(void)state;
	approved_change(&terms, 1, id);
	back.approval_id = str_of(id);
	must_be(as_steward(&CALL_POLICY_ROLLBACK, &back, &reply), ST_OK);
	assert_int_equal(as_steward(&CALL_POLICY_ROLLBACK, &back, &reply),
			 ST_ACTIVATION_NOT_APPROVED);
	/* As if that version were in force again: it is the use that is refused then. */
	snprintf(sql, sizeof(sql),
		 "UPDATE policy.policy_state SET version = %lld, stamp = stamp + 1",
		 (long long)version);
	harness_sql(stack.harness, sql);
	assert_int_equal(as_steward(&CALL_POLICY_ROLLBACK, &back, &reply),
			 ST_ACTIVATION_NOT_APPROVED);
	assert_non_null(strstr(problem.detail, "used before"));
	snprintf(sql, sizeof(sql),
		 "UPDATE policy.policy_state SET version = %lld, stamp = stamp + 1",
		 (long long)version + 1);
	harness_sql(stack.harness, sql);
}

/* [POL-5] Of several documents of the root the strictest counts. */
static void as_many_approve_as_the_strictest_wants(void **state)
{
	struct policy_document_change end = { .document_id = STR("root-two"),
					      .state = POLICY_DOCUMENT_STATE_RETIRED };
	char id[64];

	(void)state;
	must_be(document_put("policy:\n  id: root-two\n  type: validation\n  root: true\n"
			     "  activation: {require_approval: true, approvers: {count: 2}}\n"
			     "  rules:\n    - {validation: nothing-else, threshold: 0}\n"),
		ST_OK);
	approved_apply(active("root-two", 0), 1, id);
	must_be(apply_as(fleet.steward_id, active("root-two", 0), id, NULL), ST_OK);
	approved_apply(end, 1, id);
	assert_int_equal(apply_as(fleet.steward_id, end, id, NULL), ST_ACTIVATION_NOT_APPROVED);
	assert_non_null(strstr(problem.detail, "\"root-two\", line 5: 2 of"));
	approved_apply(end, 2, id);
	must_be(apply_as(fleet.steward_id, end, id, NULL), ST_OK);
}

/* [POL-5] The rule itself is taken out of force the same way, and then nobody is asked. */
static void the_rule_ends_with_an_approval(void **state)
{
	struct policy_document_change end = { .document_id = STR("root-activation"),
					      .state = POLICY_DOCUMENT_STATE_RETIRED };
	char id[64];

	(void)state;
	assert_int_equal(apply_as(fleet.steward_id, end, NULL, NULL), ST_ACTIVATION_NOT_APPROVED);
	approved_apply(end, 1, id);
	must_be(apply_as(fleet.steward_id, end, id, NULL), ST_OK);
	must_be(apply_as(fleet.steward_id, active("team-draft", 0), NULL, NULL), ST_OK);
}

#define ROOT_OTHER                                                                                 \
	"policy:\n  id: root-other\n  type: validation\n  root: true\n  activation:\n"             \
	"    require_approval: true\n    approvers: {roles: [steward]}\n  rules:\n"                \
	"    - {validation: something-else, threshold: 0}\n"

/* [POL-5] Another revision of a document beside it, not in its place, does not end what it wants.
 */
static void a_revision_tried_in_the_shadow_does_not_hide_the_one_in_force(void **state)
{
	struct policy_document_change changes[2] = {
		{ .document_id = STR("root-activation"), .state = POLICY_DOCUMENT_STATE_SIMULATE },
		active("root-other", 0),
	};
	const struct policy_activation_terms_request terms = { .has_changes = true,
							       .changes = { changes, 2 } };
	struct policy_apply_request request = { .changes = { changes, 2 } };
	struct policy_version_reply reply;
	char id[64];

	(void)state;
	document_activate(ROOT_RULES("approver"), "root-activation");
	must_be(document_put(ROOT_RULES("steward, approver")), ST_OK);
	must_be(document_put(ROOT_OTHER), ST_OK);
	approved_change(&terms, 1, id);
	request.approval_id = str_of(id);
	assert_int_equal(as(fleet.steward_id, &CALL_POLICY_APPLY, &request, &reply),
			 ST_ACTIVATION_IMPOSSIBLE);
}

static int start(void **state)
{
	group_start(state);
	person_add("Sue", REGISTRY_PERSON_ROLE_STEWARD, &sue_key);
	wait_sql("SELECT count(*) FROM policy.person WHERE name = 'Sue'");
	snprintf(sue, sizeof(sue), "%s",
		 harness_sql_text(stack.harness,
				  "SELECT person_id FROM policy.person WHERE name = 'Sue'"));
	wait_sql("SELECT count(*) / 4 FROM approval.person_key");
	document_activate(two_rules, "team-two");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_people_of_the_roles_let_it_pass),
		cmocka_unit_test(weaker_terms_are_not_enough),
		cmocka_unit_test(a_rule_that_nobody_could_meet_is_not_let_in),
		cmocka_unit_test(without_approval_nothing_is_put_in_force),
		cmocka_unit_test(an_approved_change_goes_through_once),
		cmocka_unit_test(what_changed_after_the_approval_is_refused),
		cmocka_unit_test(the_same_approval_is_not_used_twice_for_a_rollback),
		cmocka_unit_test(as_many_approve_as_the_strictest_wants),
		cmocka_unit_test(the_rule_ends_with_an_approval),
		cmocka_unit_test(a_revision_tried_in_the_shadow_does_not_hide_the_one_in_force),
	};

	return cmocka_run_group_tests_name("policy approvers and activation", tests, start,
					   group_stop);
}
