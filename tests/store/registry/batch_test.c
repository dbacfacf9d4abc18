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

static struct registry_operation operation(void)
{
	return ((const struct registry_operation_reply *)world.answer)->operation;
}

static const char *batch_made(int64_t count, const char *prefix, const char *profile)
{
	OK("agents_create", "{\"count\":%lld,\"name_prefix\":\"%s\",\"profile\":%s}",
	   (long long)count, prefix, profile);
	assert_int_equal(operation().state, REGISTRY_OPERATION_STATE_RUNNING);
	assert_int_equal(operation().total, count);
	return text_of(operation().operation_id);
}

static struct registry_operation operation_now(const char *id)
{
	OK("operation_get", "{\"operation_id\":\"%s\"}", id);
	return operation();
}

/* [AGT-13] */
static void a_batch_is_made_in_chunks_with_progress_and_evidence(void **state)
{
	const char *id = batch_made(2 * BATCH_CHUNK + 1, "batch", GENERATOR);
	int64_t created = events("registry.agent.created");

	(void)state;
	assert_true(batch_ticked());
	assert_int_equal(operation_now(id).done, BATCH_CHUNK);
	assert_int_equal(operation().state, REGISTRY_OPERATION_STATE_RUNNING);
	assert_true(batch_ticked());
	assert_true(batch_ticked());
	assert_false(batch_ticked());
	assert_int_equal(operation_now(id).done, 2 * BATCH_CHUNK + 1);
	assert_int_equal(operation().state, REGISTRY_OPERATION_STATE_FINISHED);
	assert_true(operation().has_finished_at_ms);
	assert_true(str_is(operation().first_agent_id, "piopl_00001"));
	assert_true(str_is(operation().last_agent_id, "piopl_02001"));
	assert_int_equal(sql_i64("SELECT count(DISTINCT name) FROM registry.agent WHERE name "
				 "BETWEEN 'batch_00001' AND 'batch_02001'"),
			 2001);
	assert_int_equal(sql_i64("SELECT count(*) FROM registry.agent_version"), 2001);
	assert_int_equal(events("registry.agent.created") - created, 2001);
	assert_int_equal(evidence("agent.create", "success"), 2001);
	assert_int_equal(events("registry.operation.progressed"), 4);
	assert_true(str_is(agent_now("piopl_02001")->identity.name, "batch_02001"));
	assert_true(str_is(agent_now("piopl_02001")->identity.version, "1.0.0"));
}

/* A chunk that dies before its commit. */
static void chunk_lost(void)
{
	struct problem problem = { 0 };
	struct db_tx *tx;

	arena_reset(&world.svc.arena);
	svc_outbox_reset(&world.svc);
	assert_int_equal(db_begin(world.svc.db, &tx, &problem), ST_OK);
	struct svc_tick_context tick = { .svc = &world.svc,
					 .state = &world.registry,
					 .arena = &world.svc.arena,
					 .tx = tx,
					 .now_ms = world.now_ms };
	assert_int_equal(tick_batch(&tick), ST_OK);
	assert_int_equal(svc_outbox_write(&world.svc, tx), ST_OK);
	assert_int_equal(db_check(tx), ST_OK);
	db_rollback(tx);
}

/* [AGT-13] */
static void a_batch_goes_on_after_a_crash_without_a_gap_or_a_double(void **state)
{
	const char *id = batch_made(2 * BATCH_CHUNK, "crash", GENERATOR);

	(void)state;
	chunk_lost();
	assert_int_equal(operation_now(id).done, 0);
	batch_ticked();
	chunk_lost();
	assert_int_equal(operation_now(id).done, BATCH_CHUNK);
	batch_ticked();
	assert_int_equal(operation_now(id).state, REGISTRY_OPERATION_STATE_FINISHED);
	assert_int_equal(sql_i64("SELECT count(*) FROM registry.agent WHERE name ~ '^crash_'"),
			 2 * BATCH_CHUNK);
	assert_int_equal(sql_i64("SELECT count(DISTINCT name) FROM registry.agent "
				 "WHERE name ~ '^crash_'"),
			 2 * BATCH_CHUNK);
}

/* [AGT-13] */
static void a_batch_is_judged_before_it_starts(void **state)
{
	char prefix[AGENT_NAME_CODE_POINTS_MAX + 1] = "";

	(void)state;
	REFUSED(ST_MESSAGE_INVALID, "/count", "agents_create",
		"{\"count\":25001,\"name_prefix\":\"x\",\"profile\":%s}", GENERATOR);
	REFUSED(ST_MESSAGE_INVALID, "/count", "agents_create",
		"{\"count\":0,\"name_prefix\":\"x\",\"profile\":%s}", GENERATOR);
	REFUSED(ST_ROLE_UNKNOWN, "/profile/role", "agents_create",
		"{\"count\":1,\"name_prefix\":\"x\",\"profile\":%s}", PROFILE("nobody", "content"));
	memset(prefix, 'x', AGENT_NAME_CODE_POINTS_MAX - BATCH_NAME_DIGITS + 1);
	REFUSED(ST_BATCH_NAME_TOO_LONG, "/name_prefix", "agents_create",
		"{\"count\":1,\"name_prefix\":\"%s\",\"profile\":%s}", prefix, GENERATOR);
	prefix[AGENT_NAME_CODE_POINTS_MAX - BATCH_NAME_DIGITS] = 0;
	const char *id = batch_made(1, prefix, GENERATOR);
	batch_ticked();
	assert_int_equal(operation_now(id).state, REGISTRY_OPERATION_STATE_FINISHED);
}

/* [AGT-13] */
static void a_batch_whose_role_changed_in_between_fails_and_says_why(void **state)
{
	const char *id;

	(void)state;
	id = batch_made(BATCH_CHUNK + 5, "fails",
			"{\"role\":\"social_promoter\",\"owner\":\"o\",\"unit\":\"content\","
			"\"tier\":1,\"revenue\":{\"settlement_account\":\"a\"}}");
	batch_ticked();
	harness_sql(world.harness, "UPDATE registry.role SET tier = 2 "
				   "WHERE name = 'social_promoter'");
	batch_ticked();
	assert_int_equal(operation_now(id).state, REGISTRY_OPERATION_STATE_FAILED);
	assert_int_equal(operation().done, BATCH_CHUNK);
	assert_true(str_is(operation().error_code, "tier_not_of_role"));
	assert_non_null(strstr(text_of(operation().error_detail), "/profile/tier"));
	assert_false(batch_ticked());
}

/* [AGT-9] [AGT-13] */
static void a_kill_order_ends_the_batches_in_its_scope(void **state)
{
	char other[64];
	const char *id;

	(void)state;
	snprintf(other, sizeof(other), "%s",
		 batch_made(10, "spared", PROFILE("revenue_operator", "sales")));
	id = batch_made(2 * BATCH_CHUNK, "ended", GENERATOR);
	OK("kill", "{\"act\":%s}",
	   SIGNED(REGISTRY_KILL_ORDER_PURPOSE,
		  "\"scope\":{\"kind\":\"unit\",\"value\":\"content\"},\"reason\":\"drill\""));
	const struct registry_kill_reply *answer = world.answer;
	assert_int_equal(answer->cancelled, 1);
	assert_int_equal(operation_now(id).state, REGISTRY_OPERATION_STATE_CANCELLED);
	assert_int_equal(operation_now(other).state, REGISTRY_OPERATION_STATE_RUNNING);
	while (batch_ticked()) {
	}
	assert_int_equal(operation_now(id).done, 0);
	assert_int_equal(operation_now(other).state, REGISTRY_OPERATION_STATE_FINISHED);
}

static void an_operation_that_does_not_exist_is_not_found(void **state)
{
	(void)state;
	REFUSED(ST_NOT_FOUND, "/operation_id", "operation_get",
		"{\"operation_id\":\"opn_00000000-0000-7000-8000-000000000000\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_is_made_in_chunks_with_progress_and_evidence),
		cmocka_unit_test(a_batch_goes_on_after_a_crash_without_a_gap_or_a_double),
		cmocka_unit_test(a_batch_is_judged_before_it_starts),
		cmocka_unit_test(a_batch_whose_role_changed_in_between_fails_and_says_why),
		cmocka_unit_test(a_kill_order_ends_the_batches_in_its_scope),
		cmocka_unit_test(an_operation_that_does_not_exist_is_not_found),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
