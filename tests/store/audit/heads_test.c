/* Heads of chains that moved are told: each once, the last one, before and behind the index. */
#include "world.h"

#define AGENTS 40
#define HEADS_A_TICK 2000 /* as heads.c */

static struct world world;

/* From the outbox, in its order: what a follower that keeps the last head of each would have. */
#define TOLD                                                                                       \
	"SELECT h->>'agent_id' AS agent, h->>'head_hash' AS head, o.id FROM audit.outbox o, "      \
	"jsonb_array_elements(convert_from(o.data, 'UTF8')::jsonb->'heads') AS h WHERE o.type = "  \
	"'audit.heads.moved'"

static int64_t told(void)
{
	return harness_sql_i64(world.harness, "SELECT count(*) FROM (" TOLD ") AS t");
}

static void told_is_the_head(const char *agent_id)
{
	struct audit_chain_get_request get = { .agent_id = str_of(agent_id) };
	struct audit_chain chain = { 0 };
	char sql[600];

	snprintf(sql, sizeof(sql),
		 "SELECT head FROM (" TOLD ") AS t WHERE agent = '%s' ORDER BY id "
		 "DESC LIMIT 1",
		 agent_id);
	assert_int_equal(world_call(&world, audit_chain_get, &get, &chain), ST_OK);
	assert_string_equal(chain.head_hash.data, harness_sql_text(world.harness, sql));
}

static void all_are_told(void)
{
	for (int i = 0; i < AGENTS; i++) {
		char agent_id[32];

		snprintf(agent_id, sizeof(agent_id), "piopl_%05d", i);
		told_is_the_head(agent_id);
	}
}

static int setup(void **state)
{
	(void)state;
	world_start(&world);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop(&world);
	return 0;
}

static void nothing_is_told_of_an_empty_log(void **state)
{
	(void)state;
	assert_int_equal(world_tick(&world, audit_tick_heads), ST_OK);
	assert_int_equal(told(), 0);
}

/* [AGT-3] */
static void heads_are_told_before_anything_is_indexed(void **state)
{
	(void)state;
	world_append(&world, 600, AGENTS, NULL);
	assert_int_equal(world_tick(&world, audit_tick_heads), ST_OK);
	assert_int_equal(told(), AGENTS);
	all_are_told();
	assert_int_equal(world_tick(&world, audit_tick_heads), ST_OK);
	assert_int_equal(told(), AGENTS);
	world_append(&world, 1, 1, NULL);
	assert_int_equal(world_tick(&world, audit_tick_heads), ST_OK);
	assert_int_equal(told(), AGENTS + 1);
	told_is_the_head("piopl_00000");
}

/* [AGT-3] What moved often is told once, and what came after the index is told with it. */
static void heads_behind_the_index_are_told_once(void **state)
{
	int64_t before = told();

	(void)state;
	world_append(&world, AUDIT_SEGMENT + 700, AGENTS, NULL);
	assert_int_equal(world_tick(&world, audit_tick_index), ST_OK);
	assert_int_equal(world_tick(&world, audit_tick_heads), ST_OK);
	assert_in_range(told(), before + AGENTS, before + 2 * AGENTS);
	all_are_told();
}

/* A tick is bounded: it goes on where it was, and passes over nobody. */
static void more_heads_than_a_tick_tells_come_with_the_next(void **state)
{
	int64_t before = told();

	(void)state;
	world_append(&world, 2 * AUDIT_SEGMENT, 4 * HEADS_A_TICK, NULL);
	assert_int_equal(world_tick(&world, audit_tick_index), ST_OK);
	assert_int_equal(world_tick(&world, audit_tick_heads), ST_OK);
	assert_in_range(told(), before + 1, before + HEADS_A_TICK);
	for (int tick = 0; tick < 8; tick++)
		assert_int_equal(world_tick(&world, audit_tick_heads), ST_OK);
	all_are_told();
	assert_int_equal(
		harness_sql_i64(world.harness,
				"SELECT count(*) FROM audit.heads_told h, audit.tree t WHERE "
				"h.position = t.size"),
		1);
}

/* While others go on acting, more than a tick can tell, each still has its turn. */
static void the_busiest_do_not_keep_others_from_their_turn(void **state)
{
	(void)state;
	for (int round = 0; round < 8; round++) {
		world_append(&world, AUDIT_SEGMENT, 4 * HEADS_A_TICK, NULL);
		assert_int_equal(world_tick(&world, audit_tick_index), ST_OK);
		assert_int_equal(world_tick(&world, audit_tick_heads), ST_OK);
	}
	assert_int_equal(
		harness_sql_i64(
			world.harness,
			"SELECT count(*) FROM audit.chain c WHERE last_position < (SELECT "
			"size FROM audit.tree) - 8 * 8192 AND NOT EXISTS (SELECT FROM (" TOLD
			") AS t WHERE t.agent = c.agent_id)"),
		0);
	assert_true(harness_sql_i64(world.harness,
				    "SELECT count(DISTINCT agent) FROM (" TOLD ") AS t") > 6000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_told_of_an_empty_log),
		cmocka_unit_test(heads_are_told_before_anything_is_indexed),
		cmocka_unit_test(heads_behind_the_index_are_told_once),
		cmocka_unit_test(more_heads_than_a_tick_tells_come_with_the_next),
		cmocka_unit_test(the_busiest_do_not_keep_others_from_their_turn),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
