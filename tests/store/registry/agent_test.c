#include "fixture.h"

#include "db_internal.h"
#include "gen/audit.h"

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

static const struct registry_agent *answered(void)
{
	return &((const struct registry_agent_reply *)world.answer)->agent;
}

/* [AGT-1] [AGT-6] */
static void an_agent_is_made_with_four_blocks_from_its_role(void **state)
{
	const char *id = agent_made("ContentCrafter_Alpha", GENERATOR);
	const struct registry_agent *agent;

	(void)state;
	assert_string_equal(id, "piopl_00001");
	agent = agent_now(id);
	assert_true(str_is(agent->identity.name, "ContentCrafter_Alpha"));
	assert_true(str_is(agent->identity.version, "1.0.0"));
	assert_int_equal(agent->identity.status, REGISTRY_AGENT_STATE_PENDING);
	assert_int_equal(agent->identity.tier, 0);
	assert_int_equal(agent->capability.capability_scopes.count, 3);
	assert_int_equal(agent->capability.never_sends.count, 3);
	assert_true(str_is(agent->governance.constitution_hash, world.hash));
	assert_int_equal(agent->governance.invariants_enforced.count, 2);
	assert_true(str_is(agent->governance.audit_chain, HASH_ZERO_TEXT));
	assert_true(str_is(agent->revenue.settlement_account, "acct_1"));
	assert_int_equal(events("registry.agent.created"), 1);
	assert_int_equal(evidence("agent.create", "success"), 1);
}

/* As the follower hears it, in a transaction of its own. */
static enum st heads_told(struct audit_chain_head *heads, size_t count)
{
	struct audit_heads_moved data = { .heads = { heads, count } };
	struct problem problem = { 0 };
	struct db_tx *tx;

	assert_int_equal(db_begin(world.svc.db, &tx, &problem), ST_OK);
	struct svc_event event = {
		.svc = &world.svc, .arena = &world.svc.arena, .tx = tx, .data = &data
	};
	enum st st = registry_follows[0].handle(&event);
	if (st != ST_OK)
		db_rollback(tx);
	return st == ST_OK ? db_commit(tx, &problem) : st;
}

/* [AGT-3] What the evidence log tells of heads; of agents that are not here, and of services,
 * nothing. */
static void the_head_of_a_chain_is_what_the_log_told(void **state)
{
	static const char head[] =
		"sha256:00000000000000000000000000000000000000000000000000000000000000ff";
	struct audit_chain_head heads[] = { { STR("registry"), str_of(head) },
					    { STR("piopl_00001"), str_of(head) },
					    { STR("piopl_77777"), str_of(head) } };

	(void)state;
	assert_int_equal(heads_told(heads, 3), ST_OK);
	assert_true(str_is(agent_now("piopl_00001")->governance.audit_chain, head));
	assert_int_equal(sql_i64("SELECT count(*) FROM registry.agent_version WHERE number = 1"),
			 1);
}

/* It would close a circle with calls, which lock agents in the order they come. */
static void who_tells_of_heads_waits_for_nobody(void **state)
{
	static const char head[] =
		"sha256:00000000000000000000000000000000000000000000000000000000000000fe";
	struct audit_chain_head heads[] = { { STR("piopl_00001"), str_of(head) } };
	int64_t begin_ms = harness_now_ms();

	(void)state;
	harness_sql(world.harness, "BEGIN; SELECT FROM registry.agent WHERE number = 1 FOR UPDATE");
	assert_int_equal(heads_told(heads, 1), ST_SERIALIZATION);
	assert_true(harness_now_ms() - begin_ms < DB_LOCK_TIMEOUT_MS);
	harness_sql(world.harness, "COMMIT");
	assert_int_equal(heads_told(heads, 1), ST_OK);
	assert_true(str_is(agent_now("piopl_00001")->governance.audit_chain, head));
}

/* [AGT-1] */
static void ids_go_on_and_grow_past_five_digits(void **state)
{
	(void)state;
	assert_string_equal(agent_made("Second", GENERATOR), "piopl_00002");
	harness_sql(world.harness, "SELECT setval('registry.agent_number', 99998)");
	assert_string_equal(agent_made("Last", GENERATOR), "piopl_99999");
	assert_string_equal(agent_made("Wide", GENERATOR), "piopl_100000");
	assert_true(str_is(agent_now("piopl_100000")->identity.name, "Wide"));
}

/* [AGT-1] An id is not given again, not even one that a rolled back call took. */
static void an_id_of_a_failed_call_is_not_reused(void **state)
{
	struct problem problem = { 0 };
	struct db_tx *tx;
	int64_t number, next;

	(void)state;
	assert_int_equal(db_begin(world.svc.db, &tx, &problem), ST_OK);
	assert_int_equal(store_agent_numbers(tx, &world.svc.arena, &number, 1), ST_OK);
	db_rollback(tx);
	assert_int_equal(db_begin(world.svc.db, &tx, &problem), ST_OK);
	assert_int_equal(store_agent_numbers(tx, &world.svc.arena, &next, 1), ST_OK);
	db_rollback(tx);
	assert_true(next > number);
}

/* [AGT-2] [AGT-3] [AGT-4] [AGT-6] */
static void what_breaks_a_rule_is_not_made_and_leaves_evidence(void **state)
{
	int64_t agents = sql_i64("SELECT count(*) FROM registry.agent");
	int64_t refused = evidence("agent.create", "refused");

	(void)state;
#define CREATE(profile) "agent_create", "{\"name\":\"x\",\"profile\":{" profile "}}"
#define BASE "\"role\":\"digital_product_generator\",\"owner\":\"o\",\"unit\":\"content\""
#define PAID ",\"revenue\":{\"settlement_account\":\"a\"}"
	REFUSED(ST_PROFILE_INCOMPLETE, "/profile/revenue/settlement_account", CREATE(BASE));
	REFUSED(ST_ROLE_UNKNOWN, "/profile/role",
		CREATE("\"role\":\"nobody\",\"owner\":\"o\",\"unit\":\"content\"" PAID));
	REFUSED(ST_UNIT_UNKNOWN, "/profile/unit",
		CREATE("\"role\":\"social_promoter\",\"owner\":\"o\",\"unit\":\"nowhere\"" PAID));
	REFUSED(ST_KILL_SWITCH_REQUIRED, "/profile/governance/kill_switch",
		CREATE(BASE PAID ",\"governance\":{\"kill_switch\":false}"));
	REFUSED(ST_TIER_CANNOT_SPEND, "/profile/capability/max_spend_per_day",
		CREATE(BASE PAID ",\"capability\":{\"max_spend_per_day\":{\"amount\":\"0.01\","
				 "\"currency\":\"GBP\"}}"));
	REFUSED(ST_NEVER_SENDS_REQUIRED, "/profile/capability/never_sends",
		CREATE(BASE PAID ",\"capability\":{\"never_sends\":[\"customer_pii\"]}"));
	REFUSED(ST_SCOPE_NOT_OF_ROLE, "/profile/capability/capability_scopes/0",
		CREATE(BASE PAID ",\"capability\":{\"capability_scopes\":[\"payout\"]}"));
	REFUSED(ST_MESSAGE_INVALID, "/profile/owner",
		CREATE("\"role\":\"social_promoter\",\"owner\":\"\",\"unit\":\"content\"" PAID));
	assert_int_equal(sql_i64("SELECT count(*) FROM registry.agent"), agents);
	/* what does not match its schema never reached a handler */
	assert_int_equal(evidence("agent.create", "refused"), refused + 7);
}

/* [AGT-5] */
static void a_change_raises_the_version_by_what_it_touches(void **state)
{
	const char *id = agent_made("Changing", GENERATOR);

	(void)state;
	OK("agent_update",
	   "{\"agent_id\":\"%s\",\"expected_version\":\"1.0.0\",\"change\":{\"name\":\"Renamed\"}}",
	   id);
	assert_true(str_is(answered()->identity.version, "1.0.1"));
	OK("agent_update",
	   "{\"agent_id\":\"%s\",\"expected_version\":\"1.0.1\",\"change\":{\"capability\":"
	   "{\"output_confidence_floor\":0.9}}}",
	   id);
	assert_true(str_is(answered()->identity.version, "1.1.0"));
	OK("agent_update",
	   "{\"agent_id\":\"%s\",\"expected_version\":\"1.1.0\",\"change\":{\"role\":"
	   "\"social_promoter\",\"capability\":{\"max_spend_per_day\":{\"amount\":\"2.5\","
	   "\"currency\":\"GBP\"}}}}",
	   id);
	assert_true(str_is(answered()->identity.version, "2.0.0"));
	assert_int_equal(answered()->identity.tier, 1);
	assert_int_equal(answered()->capability.max_spend_per_day.micros, 2500000);
	assert_true(str_is(agent_now(id)->identity.name, "Renamed"));
	assert_true(str_is(agent_now(id)->identity.version, "2.0.0"));
	assert_int_equal(events("registry.agent.updated"), 3);
}

/* [AGT-5] */
static void the_second_of_two_editors_is_told(void **state)
{
	const char *id = agent_made("Edited", GENERATOR);

	(void)state;
	OK("agent_update",
	   "{\"agent_id\":\"%s\",\"expected_version\":\"1.0.0\",\"change\":{\"name\":\"A\"}}", id);
	REFUSED(ST_VERSION_CONFLICT, "/expected_version", "agent_update",
		"{\"agent_id\":\"%s\",\"expected_version\":\"1.0.0\",\"change\":{\"name\":\"B\"}}",
		id);
	assert_non_null(strstr(world.problem.detail, "1.0.1"));
	assert_true(str_is(agent_now(id)->identity.name, "A"));
}

static void a_change_of_nothing_makes_no_version(void **state)
{
	const char *id = agent_made("Still", GENERATOR);

	(void)state;
	OK("agent_update",
	   "{\"agent_id\":\"%s\",\"expected_version\":\"1.0.0\",\"change\":{\"name\":\"Still\"}}",
	   id);
	assert_true(str_is(answered()->identity.version, "1.0.0"));
	OK("agent_versions", "{\"agent_id\":\"%s\"}", id);
	const struct registry_agent_versions_reply *answer = world.answer;
	assert_int_equal(answer->versions.count, 1);
}

static void a_change_that_breaks_a_rule_changes_nothing(void **state)
{
	const char *id = agent_made("Guarded", GENERATOR);

	(void)state;
	REFUSED(ST_TIER_NOT_OF_ROLE, "/change/tier", "agent_update",
		"{\"agent_id\":\"%s\",\"expected_version\":\"1.0.0\",\"change\":{\"tier\":2}}", id);
	REFUSED(ST_CURRENCY_MISMATCH, "/change/capability/max_spend_per_day", "agent_update",
		"{\"agent_id\":\"%s\",\"expected_version\":\"1.0.0\",\"change\":{\"capability\":{"
		"\"max_spend_per_day\":{\"amount\":\"0\",\"currency\":\"EUR\"}}}}",
		id);
	assert_true(str_is(agent_now(id)->identity.version, "1.0.0"));
}

/* [AGT-5] */
static void every_version_is_readable_as_of_its_time(void **state)
{
	const char *id = agent_made("Was", GENERATOR);
	int64_t made_ms = world.now_ms, changed_ms;
	char before[TIME_TEXT_SIZE], at[TIME_TEXT_SIZE], earlier[TIME_TEXT_SIZE];

	(void)state;
	OK("agent_update",
	   "{\"agent_id\":\"%s\",\"expected_version\":\"1.0.0\",\"change\":{\"name\":\"Is\"}}", id);
	changed_ms = world.now_ms;
	agent_activated(id);
	time_format(made_ms - 1, earlier);
	time_format(changed_ms - 1, before);
	time_format(changed_ms, at);
	OK("agent_get", "{\"agent_id\":\"%s\",\"as_of\":\"%s\"}", id, before);
	assert_true(str_is(answered()->identity.name, "Was"));
	assert_true(str_is(answered()->identity.version, "1.0.0"));
	OK("agent_get", "{\"agent_id\":\"%s\",\"as_of\":\"%s\"}", id, at);
	assert_true(str_is(answered()->identity.name, "Is"));
	assert_int_equal(answered()->identity.status, REGISTRY_AGENT_STATE_PENDING);
	REFUSED(ST_NOT_FOUND, "/agent_id", "agent_get", "{\"agent_id\":\"%s\",\"as_of\":\"%s\"}",
		id, earlier);
	assert_non_null(strstr(world.problem.detail, "at that time"));
	time_format(world.now_ms, at);
	OK("agent_get", "{\"agent_id\":\"%s\",\"as_of\":\"%s\"}", id, at);
	assert_int_equal(answered()->identity.status, REGISTRY_AGENT_STATE_ACTIVE);
	assert_true(str_is(answered()->lifecycle.approved_by, world.steward_id));
}

/* [AGT-5] The one who was served later came with an earlier time: it waited, or its clock is
 * behind. */
static void history_keeps_its_order_when_clocks_do_not_agree(void **state)
{
	const char *id = agent_made("Order", GENERATOR);
	const struct registry_agent_versions_reply *answer;
	int64_t ahead_ms = world.now_ms + 500;
	char at[TIME_TEXT_SIZE], before[TIME_TEXT_SIZE];

	(void)state;
	time_format(ahead_ms + 100, at);
	agent_activated(id);
	world.now_ms = ahead_ms;
	OK("agent_pause", "{\"agent_id\":\"%s\",\"reason\":\"look\"}", id);
	OK("agent_update",
	   "{\"agent_id\":\"%s\",\"expected_version\":\"1.0.0\",\"change\":{\"name\":\"V2\"}}", id);
	world.now_ms -= 300;
	OK("agent_resume", "{\"agent_id\":\"%s\",\"reason\":\"looked\"}", id);
	OK("agent_update",
	   "{\"agent_id\":\"%s\",\"expected_version\":\"1.0.1\",\"change\":{\"name\":\"V3\"}}", id);
	OK("agent_get", "{\"agent_id\":\"%s\",\"as_of\":\"%s\"}", id, at);
	assert_int_equal(answered()->identity.status, REGISTRY_AGENT_STATE_ACTIVE);
	assert_true(str_is(answered()->identity.name, "V3"));
	OK("agent_versions", "{\"agent_id\":\"%s\",\"limit\":1}", id);
	answer = world.answer;
	assert_true(str_is(answer->versions.items[0].version, "1.0.2"));
	time_format(answer->versions.items[0].valid_from_ms, before);
	OK("agent_versions", "{\"agent_id\":\"%s\",\"before\":\"%s\",\"limit\":1}", id, before);
	answer = world.answer; /* no page skips a version of the same millisecond */
	assert_true(str_is(answer->versions.items[0].version, "1.0.1"));
	OK("kill", "{\"act\":%s}",
	   SIGNED(REGISTRY_KILL_ORDER_PURPOSE,
		  "\"scope\":{\"kind\":\"agent\",\"value\":\"%s\"},\"reason\":\"drill\"", id));
	OK("agent_get", "{\"agent_id\":\"%s\",\"as_of\":\"%s\"}", id, at);
	assert_int_equal(answered()->identity.status, REGISTRY_AGENT_STATE_TERMINATED);
}

static void versions_are_listed_newest_first_by_page(void **state)
{
	const char *id = agent_made("Versions", GENERATOR);
	const struct registry_agent_versions_reply *answer;
	char before[TIME_TEXT_SIZE];

	(void)state;
	OK("agent_update",
	   "{\"agent_id\":\"%s\",\"expected_version\":\"1.0.0\",\"change\":{\"name\":\"V2\"}}", id);
	OK("agent_versions", "{\"agent_id\":\"%s\",\"limit\":1}", id);
	answer = world.answer;
	assert_int_equal(answer->versions.count, 1);
	assert_true(str_is(answer->versions.items[0].version, "1.0.1"));
	assert_true(str_is(answer->versions.items[0].changed_by, "terminal"));
	time_format(answer->versions.items[0].valid_from_ms, before);
	OK("agent_versions", "{\"agent_id\":\"%s\",\"before\":\"%s\"}", id, before);
	answer = world.answer;
	assert_int_equal(answer->versions.count, 1);
	assert_true(str_is(answer->versions.items[0].version, "1.0.0"));
	REFUSED(ST_NOT_FOUND, "/agent_id", "agent_versions", "{\"agent_id\":\"piopl_77777\"}");
}

static const struct registry_agent_check_in_reply *checked_in(const char *id, const char *hash)
{
	OK("agent_check_in", "{\"agent_id\":\"%s\",\"constitution_hash\":\"%s\"}", id, hash);
	return world.answer;
}

/* [AGT-7] */
static void another_constitution_is_refused_and_the_refusal_is_evidence(void **state)
{
	const char *id = agent_made("Starting", GENERATOR);
	int64_t refused = evidence("agent.check_in", "refused");

	(void)state;
	assert_true(checked_in(id, world.hash)->accepted);
	const struct registry_agent_check_in_reply *answer = checked_in(id, HASH_ZERO_TEXT);
	assert_false(answer->accepted);
	assert_int_equal(answer->reason, REGISTRY_CHECK_IN_REASON_CONSTITUTION_DIFFERS);
	assert_true(str_is(answer->expected_hash, world.hash));
	assert_int_equal(evidence("agent.check_in", "refused"), refused + 1);
	assert_int_equal(evidence("agent.check_in", "success"), 1);
}

/* [AGT-7] */
static void agents_follow_a_new_constitution_when_they_restart(void **state)
{
	const char *id = agent_made("Restarting", GENERATOR);
	const struct registry_constitution_activate_reply *activated;
	char old_hash[HASH_TEXT_SIZE];
	int64_t bound;

	(void)state;
	strcpy(old_hash, world.hash);
	world_constitution("Another text.");
	activated = world.answer;
	assert_true(str_is(activated->previous_hash, old_hash));
	bound = sql_i64("SELECT count(*) FROM registry.agent WHERE state <> 4");
	assert_int_equal(activated->must_restart_count, bound);
	assert_int_equal(activated->must_restart.count, bound);
	OK("agent_count", "{\"must_restart\":true}");
	assert_int_equal(((const struct registry_agent_count_reply *)world.answer)->count, bound);
	assert_false(checked_in(id, old_hash)->accepted);
	assert_true(checked_in(id, world.hash)->accepted);
	assert_true(str_is(agent_now(id)->governance.constitution_hash, world.hash));
	assert_true(str_is(agent_now(id)->identity.version, "2.0.0"));
	OK("agent_count", "{\"must_restart\":true}");
	assert_int_equal(((const struct registry_agent_count_reply *)world.answer)->count,
			 bound - 1);
}

/* [AGT-7] An agent that has not restarted yet can still be renamed, but not activated. */
static void an_agent_bound_to_an_old_constitution_is_not_activated(void **state)
{
	const char *id = agent_made("Waiting", GENERATOR);

	(void)state;
	world_constitution("A third text.");
	OK("agent_update",
	   "{\"agent_id\":\"%s\",\"expected_version\":\"1.0.0\",\"change\":{\"name\":\"Still\"}}",
	   id);
	REFUSED(ST_CONSTITUTION_NOT_IN_FORCE, "/agent_id/governance/constitution_hash",
		"agent_activate", "{\"agent_id\":\"%s\",\"act\":%s}", id,
		SIGNED(REGISTRY_AGENT_ACTIVATION_PURPOSE, "\"agent_id\":\"%s\",\"reason\":\"x\"",
		       id));
}

static void an_agent_that_does_not_exist_is_not_found(void **state)
{
	(void)state;
	REFUSED(ST_NOT_FOUND, "/agent_id", "agent_get", "{\"agent_id\":\"piopl_77777\"}");
	REFUSED(ST_NOT_FOUND, "/agent_id", "agent_get", "{\"agent_id\":\"piopl_000001\"}");
	REFUSED(ST_NOT_FOUND, "/agent_id", "agent_check_in",
		"{\"agent_id\":\"piopl_77777\",\"constitution_hash\":\"%s\"}", world.hash);
}

/* [AGT-3] The table itself holds what the code decides. */
static void the_table_refuses_an_agent_without_a_kill_switch(void **state)
{
	(void)state;
	assert_int_equal(sql_i64("SELECT count(*) FROM pg_constraint WHERE conrelid = "
				 "'registry.agent'::regclass AND contype = 'c' AND "
				 "pg_get_constraintdef(oid) = 'CHECK (kill_switch)'"),
			 1);
}

/* [AGT-12] [PLT-16] */
static void the_service_can_delete_nobody_and_rewrite_no_history(void **state)
{
	(void)state;
	assert_int_equal(sql_i64("SELECT count(*) FROM information_schema.table_privileges "
				 "WHERE grantee = 'registry' AND privilege_type = 'DELETE' AND "
				 "table_name IN ('agent', 'agent_version', 'agent_transition', "
				 "'person', 'person_key', 'kill_order')"),
			 0);
	assert_int_equal(sql_i64("SELECT count(*) FROM information_schema.table_privileges "
				 "WHERE grantee = 'registry' AND privilege_type = 'UPDATE' AND "
				 "table_name IN ('agent_version', 'agent_transition', "
				 "'kill_order')"),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_agent_is_made_with_four_blocks_from_its_role),
		cmocka_unit_test(the_head_of_a_chain_is_what_the_log_told),
		cmocka_unit_test(who_tells_of_heads_waits_for_nobody),
		cmocka_unit_test(ids_go_on_and_grow_past_five_digits),
		cmocka_unit_test(an_id_of_a_failed_call_is_not_reused),
		cmocka_unit_test(what_breaks_a_rule_is_not_made_and_leaves_evidence),
		cmocka_unit_test(a_change_raises_the_version_by_what_it_touches),
		cmocka_unit_test(the_second_of_two_editors_is_told),
		cmocka_unit_test(a_change_of_nothing_makes_no_version),
		cmocka_unit_test(a_change_that_breaks_a_rule_changes_nothing),
		cmocka_unit_test(every_version_is_readable_as_of_its_time),
		cmocka_unit_test(history_keeps_its_order_when_clocks_do_not_agree),
		cmocka_unit_test(versions_are_listed_newest_first_by_page),
		cmocka_unit_test(another_constitution_is_refused_and_the_refusal_is_evidence),
		cmocka_unit_test(agents_follow_a_new_constitution_when_they_restart),
		cmocka_unit_test(an_agent_bound_to_an_old_constitution_is_not_activated),
		cmocka_unit_test(an_agent_that_does_not_exist_is_not_found),
		cmocka_unit_test(the_table_refuses_an_agent_without_a_kill_switch),
		cmocka_unit_test(the_service_can_delete_nobody_and_rewrite_no_history),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
