#include "fixture.h"

static int start(void **state)
{
	(void)state;
	world_ready();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	world_stop();
	return 0;
}

static enum registry_agent_state state_of(const char *id)
{
	return agent_now(id)->identity.status;
}

static const char *activation(const char *id)
{
	return SIGNED(REGISTRY_AGENT_ACTIVATION_PURPOSE, "\"agent_id\":\"%s\",\"reason\":\"go\"",
		      id);
}

/* [AGT-8] */
static void pending_becomes_active_by_a_stewards_signature_only(void **state)
{
	const char *id = agent_made("A", GENERATOR), *other = agent_made("B", GENERATOR);
	struct signing_key stranger;

	(void)state;
	signing_key_generate(&stranger);
	REFUSED(ST_MESSAGE_INVALID, "/act", "agent_activate", "{\"agent_id\":\"%s\"}", id);
	REFUSED(ST_KEY_UNKNOWN, "/act/key_id", "agent_activate", "{\"agent_id\":\"%s\",\"act\":%s}",
		id,
		signed_by(&stranger, REGISTRY_AGENT_ACTIVATION_PURPOSE,
			  "\"agent_id\":\"%s\",\"reason\":\"go\"", id));
	REFUSED(ST_ACT_MISMATCH, "/act/payload/agent_id", "agent_activate",
		"{\"agent_id\":\"%s\",\"act\":%s}", id, activation(other));
	REFUSED(ST_SIGNATURE_INVALID, "/act/signature", "agent_activate",
		"{\"agent_id\":\"%s\",\"act\":%s}", id,
		SIGNED(REGISTRY_AGENT_RESUMPTION_PURPOSE, "\"agent_id\":\"%s\",\"reason\":\"go\"",
		       id));
	assert_int_equal(state_of(id), REGISTRY_AGENT_STATE_PENDING);
	agent_activated(id);
	assert_int_equal(state_of(id), REGISTRY_AGENT_STATE_ACTIVE);
	assert_true(str_is(agent_now(id)->lifecycle.approved_by, world.steward_id));
	assert_int_equal(events("registry.agent.activated"), 1);
	assert_int_equal(evidence("agent.activate", "refused"), 3);
}

/* [AGT-9] [AGT-12] */
static void a_signed_act_is_used_once(void **state)
{
	const char *id = agent_made("Once", GENERATOR);
	char act[4096];

	(void)state;
	snprintf(act, sizeof(act), "%s", activation(id));
	OK("agent_activate", "{\"agent_id\":\"%s\",\"act\":%s}", id, act);
	REFUSED(ST_SIGNATURE_REUSED, "/act", "agent_activate", "{\"agent_id\":\"%s\",\"act\":%s}",
		id, act);
	assert_int_equal(sql_i64("SELECT count(*) FROM registry.signed_act WHERE purpose = '%s'",
				 REGISTRY_AGENT_ACTIVATION_PURPOSE),
			 2);
}

/* [AGT-8] */
static void illegal_transitions_are_refused_and_leave_evidence(void **state)
{
	const char *id = agent_made("Illegal", GENERATOR);
	int64_t refused = evidence("agent.pause", "refused");

	(void)state;
	REFUSED(ST_TRANSITION_ILLEGAL, "/agent_id", "agent_pause",
		"{\"agent_id\":\"%s\",\"reason\":\"x\"}", id);
	assert_non_null(strstr(world.problem.detail, "pending"));
	REFUSED(ST_TRANSITION_ILLEGAL, "/agent_id", "agent_resume",
		"{\"agent_id\":\"%s\",\"reason\":\"x\"}", id);
	REFUSED(ST_TRANSITION_ILLEGAL, "/agent_id", "agent_throttle",
		"{\"agent_id\":\"%s\",\"throttled\":true,\"reason\":\"x\"}", id);
	assert_int_equal(evidence("agent.pause", "refused"), refused + 1);
	assert_int_equal(state_of(id), REGISTRY_AGENT_STATE_PENDING);
}

/* [AGT-8] [AGT-10] */
static void an_agent_is_throttled_paused_and_resumed(void **state)
{
	const char *id = agent_made("Cycle", GENERATOR);
	const struct registry_agent *agent;

	(void)state;
	agent_activated(id);
	OK("agent_throttle", "{\"agent_id\":\"%s\",\"throttled\":true,\"reason\":\"drift\"}", id);
	OK("agent_pause", "{\"agent_id\":\"%s\",\"reason\":\"look\"}", id);
	agent = agent_now(id);
	assert_int_equal(agent->identity.status, REGISTRY_AGENT_STATE_PAUSED);
	assert_true(agent->lifecycle.throttled);
	assert_true(str_is(agent->lifecycle.reason, "look"));
	REFUSED(ST_MESSAGE_INVALID, "/reason", "agent_resume", "{\"agent_id\":\"%s\"}", id);
	OK("agent_resume", "{\"agent_id\":\"%s\",\"reason\":\"fine\"}", id);
	assert_true(agent_now(id)->lifecycle.throttled);
	OK("agent_throttle", "{\"agent_id\":\"%s\",\"throttled\":false,\"reason\":\"ok\"}", id);
	assert_false(agent_now(id)->lifecycle.throttled);
	assert_int_equal(sql_i64("SELECT count(*) FROM registry.agent_transition WHERE number = "
				 "(SELECT number FROM registry.agent WHERE name = 'Cycle')"),
			 5);
	assert_true(events("registry.agent.paused") >= 1 && events("registry.agent.resumed") >= 1 &&
		    events("registry.agent.throttled") >= 2);
}

/* [AGT-10] */
static void after_an_automatic_pause_only_a_stewards_act_resumes(void **state)
{
	const char *id = agent_made("Auto", GENERATOR);

	(void)state;
	agent_activated(id);
	OK("agent_pause", "{\"agent_id\":\"%s\",\"reason\":\"score 41\",\"automatic\":true}", id);
	REFUSED(ST_STEWARD_REQUIRED, "/act", "agent_resume",
		"{\"agent_id\":\"%s\",\"reason\":\"fine\"}", id);
	REFUSED(ST_SIGNATURE_INVALID, "/act/signature", "agent_resume",
		"{\"agent_id\":\"%s\",\"reason\":\"fine\",\"act\":%s}", id, activation(id));
	assert_int_equal(state_of(id), REGISTRY_AGENT_STATE_PAUSED);
	OK("agent_resume", "{\"agent_id\":\"%s\",\"reason\":\"fine\",\"act\":%s}", id,
	   SIGNED(REGISTRY_AGENT_RESUMPTION_PURPOSE, "\"agent_id\":\"%s\",\"reason\":\"fine\"",
		  id));
	assert_int_equal(state_of(id), REGISTRY_AGENT_STATE_ACTIVE);
	assert_false(agent_now(id)->lifecycle.paused_automatically);
}

/* Kill */

static enum st kill_scope(const char *scope)
{
	return call(
		"kill", "{\"act\":%s}",
		SIGNED(REGISTRY_KILL_ORDER_PURPOSE, "\"scope\":%s,\"reason\":\"drill\"", scope));
}

static int64_t killed(void)
{
	return ((const struct registry_kill_reply *)world.answer)->terminated;
}

/* [AGT-9] */
static void a_kill_order_ends_one_agent_for_good(void **state)
{
	const char *id = agent_made("Victim", GENERATOR), *other = agent_made("Other", GENERATOR);
	char scope[128];

	(void)state;
	agent_activated(id);
	snprintf(scope, sizeof(scope), "{\"kind\":\"agent\",\"value\":\"%s\"}", id);
	assert_int_equal(kill_scope(scope), ST_OK);
	assert_int_equal(killed(), 1);
	assert_int_equal(state_of(id), REGISTRY_AGENT_STATE_TERMINATED);
	assert_int_equal(state_of(other), REGISTRY_AGENT_STATE_PENDING);
	assert_int_equal(evidence("agent.terminate", "success"), 1);
	assert_int_equal(evidence("kill.order", "success"), 1);
	REFUSED(ST_AGENT_TERMINATED, "/agent_id", "agent_activate",
		"{\"agent_id\":\"%s\",\"act\":%s}", id, activation(id));
	REFUSED(ST_AGENT_TERMINATED, "/agent_id", "agent_update",
		"{\"agent_id\":\"%s\",\"expected_version\":\"1.0.0\",\"change\":{\"name\":\"x\"}}",
		id);
	/* again is no error, and ends nobody twice */
	assert_int_equal(kill_scope(scope), ST_OK);
	assert_int_equal(killed(), 0);
	OK("agent_check_in", "{\"agent_id\":\"%s\",\"constitution_hash\":\"%s\"}", id, world.hash);
	assert_false(((const struct registry_agent_check_in_reply *)world.answer)->accepted);
}

/* [AGT-9] The order's own event is before those of the agents. */
static void a_kill_order_tells_its_scope_first(void **state)
{
	(void)state;
	agent_made("Ordered", GENERATOR);
	assert_int_equal(kill_scope("{\"kind\":\"role\",\"value\":\"digital_product_generator\"}"),
			 ST_OK);
	assert_true(killed() >= 1);
	assert_int_equal(sql_i64("SELECT count(*) FROM registry.outbox a JOIN registry.outbox k "
				 "ON a.xid = k.xid WHERE k.type = 'registry.kill.ordered' AND "
				 "a.type = 'registry.agent.terminated' AND a.id < k.id"),
			 0);
	assert_int_equal(sql_i64("SELECT count(*) FROM registry.outbox a JOIN registry.outbox k "
				 "ON a.xid = k.xid WHERE k.type = 'registry.kill.ordered' AND "
				 "a.type = 'registry.agent.terminated' AND a.id > k.id"),
			 events("registry.agent.terminated"));
	/* a reader can check the signature for itself */
	assert_int_equal(sql_i64("SELECT count(*) FROM registry.outbox WHERE type = "
				 "'registry.kill.ordered' AND convert_from(data, 'UTF8')::jsonb "
				 "-> 'act' ->> 'signature' <> ''"),
			 events("registry.kill.ordered"));
}

#define LIVING(where) sql_i64("SELECT count(*) FROM registry.agent WHERE state <> 4 AND " where)

/* [AGT-9] */
static void a_kill_order_reaches_its_scope_and_nothing_else(void **state)
{
	(void)state;
	agent_made("a1", PROFILE("digital_product_generator", "content.alpha"));
	agent_made("a2", PROFILE("social_promoter", "content.beta"));
	agent_made("a3", PROFILE("revenue_operator", "sales"));
	agent_made("a4", PROFILE("customer_supporter", "sales"));
	agent_made("a5", PROFILE("marketplace_publisher", "content"));
	assert_int_equal(LIVING("tier = 2"), 2);
	assert_int_equal(kill_scope("{\"kind\":\"tier\",\"value\":\"2\"}"), ST_OK);
	assert_int_equal(killed(), 2);
	assert_int_equal(LIVING("tier = 2"), 0);
	assert_int_equal(kill_scope("{\"kind\":\"role\",\"value\":\"social_promoter\"}"), ST_OK);
	assert_int_equal(killed(), 1);
	int64_t below = LIVING("unit ~ '^content[.]'");
	assert_int_equal(kill_scope("{\"kind\":\"unit\",\"value\":\"content.alpha\"}"), ST_OK);
	assert_int_equal(killed(), below);
	assert_int_equal(LIVING("unit = 'content'"), 1);
	assert_int_equal(kill_scope("{\"kind\":\"unit\",\"value\":\"content\"}"), ST_OK);
	assert_int_equal(LIVING("unit = 'content'"), 0);
	agent_made("a6", PROFILE("social_promoter", "sales"));
	agent_made("a7", GENERATOR);
	assert_int_equal(kill_scope("{\"kind\":\"fleet\"}"), ST_OK);
	assert_int_equal(killed(), 2);
	assert_int_equal(LIVING("true"), 0);
}

/* [AGT-9] */
static void a_kill_order_about_nothing_is_refused(void **state)
{
	static const char *const scopes[] = {
		"{\"kind\":\"agent\",\"value\":\"piopl_77777\"}",
		"{\"kind\":\"role\",\"value\":\"nobody\"}",
		"{\"kind\":\"unit\",\"value\":\"nowhere\"}",
		"{\"kind\":\"tier\",\"value\":\"3\"}",
		"{\"kind\":\"fleet\",\"value\":\"all\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
		assert_int_equal(kill_scope(scopes[i]), ST_KILL_SCOPE_INVALID);
		assert_string_equal(world.problem.pointer, "/act/payload/scope/value");
	}
}

/* [AGT-9] */
static void there_is_no_kill_without_a_fresh_stewards_signature(void **state)
{
	const char *fleet = "\"scope\":{\"kind\":\"fleet\"},\"reason\":\"x\"";
	struct signing_key auditor;
	char act[4096];

	(void)state;
	agent_made("Survivor", GENERATOR);
	signing_key_generate(&auditor);
	OK("person_add", "{\"act\":%s}",
	   SIGNED(REGISTRY_PERSON_ADDITION_PURPOSE,
		  "\"name\":\"Aud\",\"roles\":[\"auditor\",\"lt_member\"],\"public_key\":\"%s\"",
		  public_key_text(&auditor)));
	REFUSED(ST_MESSAGE_INVALID, "/act", "kill", "{}");
	REFUSED(ST_ROLE_REQUIRED, "/act/key_id", "kill", "{\"act\":%s}",
		signed_by(&auditor, REGISTRY_KILL_ORDER_PURPOSE, "%s", fleet));
	REFUSED(ST_KEY_UNKNOWN, "/act/key_id", "kill", "{\"act\":%s}",
		signed_by(&world.root, REGISTRY_KILL_ORDER_PURPOSE, "%s", fleet));
	snprintf(act, sizeof(act), "%s", SIGNED(REGISTRY_KILL_ORDER_PURPOSE, "%s", fleet));
	world.now_ms += ACT_AGE_MS_MAX + 1000;
	REFUSED(ST_SIGNATURE_EXPIRED, "/act/payload/issued_at", "kill", "{\"act\":%s}", act);
	assert_true(LIVING("true") >= 1);
	assert_true(evidence("kill.order", "refused") >= 3);
}

/* [AGT-9] */
static void a_kill_order_is_used_once(void **state)
{
	(void)state;
	used_once("kill", SIGNED(REGISTRY_KILL_ORDER_PURPOSE,
				 "\"scope\":{\"kind\":\"tier\",\"value\":\"2\"},"
				 "\"reason\":\"drill\""));
}

/* [AGT-9] One transaction: what fails late ends nobody. */
static void a_kill_order_ends_all_or_none(void **state)
{
	int64_t living;

	(void)state;
	agent_made("None", GENERATOR);
	living = LIVING("true");
	harness_sql(world.harness, "ALTER TABLE registry.kill_order ADD CONSTRAINT broken "
				   "CHECK (reason <> 'drill') NOT VALID");
	assert_int_not_equal(kill_scope("{\"kind\":\"fleet\"}"), ST_OK);
	assert_int_equal(LIVING("true"), living);
	harness_sql(world.harness, "ALTER TABLE registry.kill_order DROP CONSTRAINT broken");
	assert_int_equal(kill_scope("{\"kind\":\"fleet\"}"), ST_OK);
	assert_int_equal(LIVING("true"), 0);
}

static bool lock_is_free(void *question)
{
	return sql_i64("%s", (const char *)question) == 1;
}

/* [AGT-9] A kill order waits for agents that are being made, so that none slips through. A rollback
 * is sent and not waited for, so the lock is free soon after it, not at once. */
static void agents_being_made_hold_back_a_kill_order(void **state)
{
	char question[128];
	struct problem problem = { 0 };
	struct db_tx *tx;
	int64_t number;

	(void)state;
	snprintf(question, sizeof(question), "SELECT pg_try_advisory_xact_lock(%lld)::int",
		 (long long)REGISTRY_LOCK_AGENTS);
	assert_int_equal(sql_i64("%s", question), 1);
	assert_int_equal(db_begin(world.svc.db, &tx, &problem), ST_OK);
	assert_int_equal(store_agent_numbers(tx, &world.svc.arena, &number, 1), ST_OK);
	assert_int_equal(sql_i64("%s", question), 0);
	db_rollback(tx);
	assert_true(harness_wait_for(lock_is_free, question, 5000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pending_becomes_active_by_a_stewards_signature_only),
		cmocka_unit_test(a_signed_act_is_used_once),
		cmocka_unit_test(illegal_transitions_are_refused_and_leave_evidence),
		cmocka_unit_test(an_agent_is_throttled_paused_and_resumed),
		cmocka_unit_test(after_an_automatic_pause_only_a_stewards_act_resumes),
		cmocka_unit_test(a_kill_order_ends_one_agent_for_good),
		cmocka_unit_test(a_kill_order_tells_its_scope_first),
		cmocka_unit_test(a_kill_order_reaches_its_scope_and_nothing_else),
		cmocka_unit_test(a_kill_order_about_nothing_is_refused),
		cmocka_unit_test(there_is_no_kill_without_a_fresh_stewards_signature),
		cmocka_unit_test(a_kill_order_is_used_once),
		cmocka_unit_test(a_kill_order_ends_all_or_none),
		cmocka_unit_test(agents_being_made_hold_back_a_kill_order),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
