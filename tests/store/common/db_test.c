/* The database layer against a real PostgreSQL: declarations, transactions, pipelines,
 * copies. Values are in db_types_test.c, a server that goes away in db_fault_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "db_admin.h"
#include "db_internal.h"
#include "tests/lib/harness.h"

#define ARENA_BYTES ((size_t)64 * 1024 * 1024)

enum {
	ITEM_INSERT,
	ITEM_INSERT_MANY,
	ITEM_INSERT_RETURNING,
	ITEM_UPDATE,
	ITEM_DELETE_ALL,
	ITEM_COUNT,
	ITEM_NAMES,
	ITEM_ECHO_LARGE,
	VALUES_ARRAYS,
	VALUES_INT2,
	LOCK_NOWAIT,
	SHORT_TIMEOUT,
	SLEEP,
	WRITING_FUNCTION,
};

static const struct db_statement statements[] = {
	[ITEM_INSERT] = { "item_insert", "INSERT INTO item (id, name) VALUES ($1, $2)", "it", "" },
	[ITEM_INSERT_MANY] = { "item_insert_many",
			       "INSERT INTO item (id, name) SELECT * FROM"
			       " unnest($1::int8[], $2::text[])",
			       "IT", "" },
	[ITEM_INSERT_RETURNING] = { "item_insert_returning",
				    "INSERT INTO item (id, name) VALUES ($1, $2) RETURNING id",
				    "it", "i" },
	[ITEM_UPDATE] = { "item_update", "UPDATE item SET name = $2 WHERE id = $1", "it", "" },
	[ITEM_DELETE_ALL] = { "item_delete_all", "DELETE FROM item", "", "" },
	[ITEM_COUNT] = { "item_count", "SELECT count(*) FROM item", "", "i" },
	[ITEM_NAMES] = { "item_names", "SELECT id, name FROM item ORDER BY id", "", "it" },
	[ITEM_ECHO_LARGE] = { "item_echo_large",
			      "INSERT INTO item (id, name) VALUES ($1, $2) RETURNING name", "it",
			      "t" },
	[VALUES_ARRAYS] = { "values_arrays",
			    "SELECT $1::int8[], $2::text[], $3::bytea[], $4::float8[],"
			    " $5::bool[], $6::int4[]",
			    "ITXFBN", "ITXFBN" },
	[VALUES_INT2] = { "values_int2", "SELECT $1::int4::int2", "n", "n" },
	[LOCK_NOWAIT] = { "lock_nowait", "SELECT name FROM item WHERE id = $1 FOR UPDATE NOWAIT",
			  "i", "t" },
	[SHORT_TIMEOUT] = { "short_timeout", "SELECT set_config('statement_timeout', '30', true)",
			    "", "t" },
	[SLEEP] = { "sleep", "SELECT pg_sleep(5)::text", "", "t" },
	[WRITING_FUNCTION] = { "writing_function", "SELECT item_write($1)", "i", "i" },
	{ 0 },
};

static const struct db_statement *const tables[] = { statements };

static struct harness *harness;
static struct db *db;
static struct arena arena;

static int start(void **state)
{
	(void)state;
	harness = harness_start(.postgres = true);
	harness_sql(harness, "CREATE TABLE item (id int8 PRIMARY KEY, name text NOT NULL);"
			     "CREATE FUNCTION item_write(id int8) RETURNS int8 LANGUAGE sql AS"
			     " $$ INSERT INTO item VALUES (id, 'by function') RETURNING id $$");
	db = harness_db_open(harness, NULL, tables, 1);
	arena_init(&arena, ARENA_BYTES);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	db_close(db);
	arena_free(&arena);
	harness_stop(harness);
	return 0;
}

static int empty(void **state)
{
	(void)state;
	harness_sql(harness, "TRUNCATE item");
	arena_reset(&arena);
	return 0;
}

static struct db_tx *begin(struct db *on)
{
	struct problem problem = { .detail = "" };
	struct db_tx *tx = NULL;

	if (db_begin(on, &tx, &problem) != ST_OK)
		fail_msg("begin: %s", problem.detail);
	return tx;
}

static void insert(struct db_tx *tx, int64_t id, const char *name)
{
	assert_int_equal(db_write(tx, &statements[ITEM_INSERT], 1, ST_ALREADY_EXISTS, DB_I64(id),
				  DB_TEXT(str_of(name))),
			 ST_OK);
}

static int64_t count_items(void)
{
	return harness_sql_i64(harness, "SELECT count(*) FROM item");
}

/* declarations [PLT-17] */

static void assert_mismatch(struct db_statement statement, const char *words)
{
	const struct db_statement table[] = { statement, { 0 } };
	const struct db_statement *const list[] = { table };
	struct db *other = harness_db_open(harness, NULL, list, 1);
	struct problem problem = { .detail = "" };

	assert_int_equal(db_ready(other, &problem), ST_SCHEMA_MISMATCH);
	assert_false(db_is_connected(other));
	if (!strstr(problem.detail, words))
		fail_msg("'%s' does not say '%s'", problem.detail, words);
	db_close(other);
}

static void a_statement_declared_wrongly_refuses_to_start(void **state)
{
	(void)state;
	assert_mismatch((struct db_statement){ "s", "SELECT id FROM nowhere", "", "i" },
			"statement 's' does not prepare");
	assert_mismatch((struct db_statement){ "s", "SELECT id FROM item", "i", "i" },
			"has 0 parameters, declared are 1");
	assert_mismatch((struct db_statement){ "s", "SELECT id FROM item WHERE id = $1", "n", "i" },
			"parameter $1: declared int4, the server expects int8");
	assert_mismatch((struct db_statement){ "s", "SELECT id FROM item", "", "ii" },
			"answers 1 columns, declared are 2");
	assert_mismatch((struct db_statement){ "s", "SELECT id, name FROM item", "", "ix" },
			"column 2 'name': declared bytea, the server answers text");
	assert_mismatch((struct db_statement){ "s", "SELECT count(*) FROM item", "", "n" },
			"column 1 'count': declared int4, the server answers int8");
	assert_mismatch((struct db_statement){ "s", "SELECT ctid FROM item", "", "t" },
			"the type with oid 27");
}

static void sessions_speak_utc_and_have_timeouts(void **state)
{
	static const struct db_statement table[] = {
		{ "settings",
		  "SELECT current_setting('TimeZone'), current_setting('statement_timeout'),"
		  " current_setting('application_name')",
		  "", "ttt" },
		{ 0 },
	};
	static const struct db_statement *const list[] = { table };
	struct db *other = harness_db_open(harness, NULL, list, 1);
	struct db_tx *tx = begin(other);
	struct db_rows got;

	(void)state;
	assert_int_equal(db_query0(tx, &table[0], &arena, &got), ST_OK);
	assert_true(str_is(db_text(&got, 0, 0), "UTC"));
	assert_true(str_is(db_text(&got, 0, 1), "10s"));
	assert_true(str_is(db_text(&got, 0, 2), "piopl"));
	db_rollback(tx);
	db_close(other);
}

/* writes and their counts [PLT-17] */

static void a_committed_write_is_there(void **state)
{
	struct db_tx *tx = begin(db);

	(void)state;
	assert_int_equal(db_tx_writes(tx), 0);
	insert(tx, 1, "one");
	assert_int_equal(db_tx_writes(tx), 1);
	assert_int_equal(db_commit(tx, NULL), ST_OK);
	assert_int_equal(count_items(), 1);
}

static void a_rolled_back_write_is_not(void **state)
{
	struct db_tx *tx = begin(db);

	(void)state;
	insert(tx, 1, "one");
	db_rollback(tx);
	assert_int_equal(count_items(), 0);
	tx = begin(db);
	insert(tx, 1, "one");
	assert_int_equal(db_check(tx), ST_OK);
	db_rollback(tx);
	assert_int_equal(count_items(), 0);
}

static void a_question_sees_the_writes_queued_before_it(void **state)
{
	struct db_tx *tx = begin(db);
	struct db_rows got;

	(void)state;
	insert(tx, 1, "one");
	insert(tx, 2, "two");
	assert_int_equal(db_query0(tx, &statements[ITEM_NAMES], &arena, &got), ST_OK);
	assert_int_equal(got.count, 2);
	assert_int_equal(got.columns, 2);
	assert_true(str_is(db_text(&got, 1, 1), "two"));
	assert_int_equal(db_commit(tx, NULL), ST_OK);
}

static void a_wrong_row_count_fails_with_the_given_status_and_rolls_back(void **state)
{
	struct problem problem = { .detail = "" };
	struct db_tx *tx = begin(db);

	(void)state;
	insert(tx, 1, "one");
	assert_int_equal(db_write(tx, &statements[ITEM_UPDATE], 1, ST_NOT_FOUND, DB_I64(7),
				  DB_TEXT(STR("x"))),
			 ST_OK);
	assert_int_equal(db_commit(tx, &problem), ST_NOT_FOUND);
	assert_int_equal(problem.st, ST_NOT_FOUND);
	assert_string_equal(db_tx_error(tx), "statement 'item_update' touched 0 rows, expected 1");
	assert_int_equal(count_items(), 0);
}

static void a_wrong_row_count_is_found_by_the_next_question(void **state)
{
	struct db_tx *tx = begin(db);
	struct db_rows got = { .count = 99 };

	(void)state;
	insert(tx, 1, "one");
	insert(tx, 2, "two");
	assert_int_equal(db_write0(tx, &statements[ITEM_DELETE_ALL], 3, ST_VERSION_CONFLICT),
			 ST_OK);
	assert_int_equal(db_query0(tx, &statements[ITEM_COUNT], &arena, &got), ST_VERSION_CONFLICT);
	assert_int_equal(got.count, 99);
	db_rollback(tx);
}

static void the_first_failure_stays(void **state)
{
	struct db_tx *tx = begin(db);
	struct db_rows got;

	(void)state;
	assert_int_equal(db_write0(tx, &statements[ITEM_DELETE_ALL], 1, ST_NOT_FOUND), ST_OK);
	assert_int_equal(db_check(tx), ST_NOT_FOUND);
	assert_int_equal(db_write(tx, &statements[ITEM_INSERT], 1, ST_CONFLICT, DB_I64(1),
				  DB_TEXT(STR("x"))),
			 ST_NOT_FOUND);
	assert_int_equal(db_query0(tx, &statements[ITEM_COUNT], &arena, &got), ST_NOT_FOUND);
	assert_int_equal(db_check(tx), ST_NOT_FOUND);
	assert_int_equal(db_commit(tx, NULL), ST_NOT_FOUND);
	assert_int_equal(count_items(), 0);
}

static void any_number_of_rows_is_accepted_when_said_so(void **state)
{
	struct db_tx *tx = begin(db);

	(void)state;
	insert(tx, 1, "one");
	insert(tx, 2, "two");
	assert_int_equal(db_write0(tx, &statements[ITEM_DELETE_ALL], DB_ANY_ROWS, ST_OK), ST_OK);
	assert_int_equal(db_commit(tx, NULL), ST_OK);
}

static void a_unique_violation_gives_the_status_of_the_write(void **state)
{
	struct db_tx *tx = begin(db);

	(void)state;
	insert(tx, 1, "one");
	assert_int_equal(db_commit(tx, NULL), ST_OK);
	tx = begin(db);
	insert(tx, 2, "two");
	assert_int_equal(db_write(tx, &statements[ITEM_INSERT], 1, ST_CONFLICT, DB_I64(1),
				  DB_TEXT(STR("again"))),
			 ST_OK);
	insert(tx, 3, "three");
	assert_int_equal(db_commit(tx, NULL), ST_CONFLICT);
	assert_non_null(strstr(db_tx_error(tx), "statement 'item_insert': 23505"));
	assert_int_equal(count_items(), 1);
}

static void a_unique_violation_of_a_question_is_already_exists(void **state)
{
	struct db_tx *tx = begin(db);
	struct db_rows got;

	(void)state;
	insert(tx, 1, "one");
	assert_int_equal(db_query(tx, &statements[ITEM_INSERT_RETURNING], &arena, &got, DB_I64(1),
				  DB_TEXT(STR("x"))),
			 ST_ALREADY_EXISTS);
	assert_int_equal(db_commit(tx, NULL), ST_ALREADY_EXISTS);
}

static void a_writing_question_counts_as_a_write_and_commits(void **state)
{
	struct db_tx *tx = begin(db);
	struct db_rows got;

	(void)state;
	assert_int_equal(db_query(tx, &statements[ITEM_INSERT_RETURNING], &arena, &got, DB_I64(5),
				  DB_TEXT(STR("x"))),
			 ST_OK);
	assert_int_equal(db_tx_writes(tx), 1);
	assert_int_equal(db_i64(&got, 0, 0), 5);
	assert_int_equal(db_commit(tx, NULL), ST_OK);
	tx = begin(db);
	assert_int_equal(db_query(tx, &statements[WRITING_FUNCTION], &arena, &got, DB_I64(6)),
			 ST_OK);
	assert_int_equal(db_tx_writes(tx), 1);
	assert_int_equal(db_commit(tx, NULL), ST_OK);
	assert_int_equal(count_items(), 2);
}

static void reading_transactions_follow_each_other_without_waiting(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		struct db_tx *tx = begin(db);
		struct db_rows got;

		arena_reset(&arena);
		assert_int_equal(db_query0(tx, &statements[ITEM_COUNT], &arena, &got), ST_OK);
		assert_int_equal(db_tx_writes(tx), 0);
		if (i % 2)
			db_rollback(tx);
		else
			assert_int_equal(db_commit(tx, NULL), ST_OK);
	}
	assert_int_equal(harness_sql_i64(harness, "SELECT count(*) FROM pg_stat_activity"
						  " WHERE state LIKE 'idle in transaction%'"),
			 0);
}

/* pipelines */

static void writes_are_queued_past_the_pipelines_limit(void **state)
{
	static const int counts[] = { 2000,
				      DB_PIPELINE_MAX - 2,
				      DB_PIPELINE_MAX - 1,
				      DB_PIPELINE_MAX,
				      DB_PIPELINE_MAX + 1,
				      10000 };

	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		struct db_tx *tx;

		empty(state);
		tx = begin(db);
		for (int i = 0; i < counts[c]; i++)
			insert(tx, i, "name");
		assert_int_equal(db_commit(tx, NULL), ST_OK);
		assert_int_equal(count_items(), counts[c]);
	}
}

/* Both sides send more than the buffers between them hold: neither may wait for the other. */
static void large_writes_with_large_answers_do_not_block(void **state)
{
	size_t size = 16 * 1024;
	char *large = malloc(size);
	struct db_tx *tx = begin(db);

	(void)state;
	assert_non_null(large);
	memset(large, 'x', size);
	for (int i = 0; i < 2000; i++)
		assert_int_equal(db_write(tx, &statements[ITEM_ECHO_LARGE], 1, ST_CONFLICT,
					  DB_I64(i), DB_TEXT(((struct str){ large, size }))),
				 ST_OK);
	assert_int_equal(db_commit(tx, NULL), ST_OK);
	assert_int_equal(count_items(), 2000);
	free(large);
}

static void a_failure_in_a_long_pipeline_undoes_all_of_it(void **state)
{
	struct db_tx *tx = begin(db);

	(void)state;
	for (int i = 0; i < 2000; i++)
		insert(tx, i == 1500 ? 3 : i, "name");
	assert_int_equal(db_commit(tx, NULL), ST_ALREADY_EXISTS);
	assert_int_equal(count_items(), 0);
	tx = begin(db);
	insert(tx, 1, "after");
	assert_int_equal(db_commit(tx, NULL), ST_OK);
}

static void a_long_pipeline_can_be_given_up(void **state)
{
	struct db_tx *tx = begin(db);

	(void)state;
	for (int i = 0; i < DB_PIPELINE_MAX - 1; i++)
		insert(tx, i, "name");
	db_rollback(tx);
	assert_int_equal(count_items(), 0);
}

static void one_statement_inserts_an_array_of_rows(void **state)
{
	int64_t ids[512];
	struct str names[512];
	struct db_tx *tx = begin(db);

	(void)state;
	for (int i = 0; i < 512; i++) {
		ids[i] = i;
		names[i] = STR("a name");
	}
	assert_int_equal(db_write(tx, &statements[ITEM_INSERT_MANY], 512, ST_ALREADY_EXISTS,
				  DB_I64S(ids, 512), DB_TEXTS(names, 512)),
			 ST_OK);
	assert_int_equal(db_commit(tx, NULL), ST_OK);
	assert_int_equal(count_items(), 512);
}

/* others in between */

static void a_lock_not_to_be_had_is_worth_a_repetition(void **state)
{
	struct db *other = harness_db_open(harness, NULL, tables, 1);
	struct db_tx *tx = begin(db);
	struct db_tx *second;
	struct db_rows got;

	(void)state;
	insert(tx, 1, "one");
	assert_int_equal(db_commit(tx, NULL), ST_OK);
	tx = begin(db);
	assert_int_equal(db_query(tx, &statements[LOCK_NOWAIT], &arena, &got, DB_I64(1)), ST_OK);
	second = begin(other);
	assert_int_equal(db_query(second, &statements[LOCK_NOWAIT], &arena, &got, DB_I64(1)),
			 ST_SERIALIZATION);
	db_rollback(second);
	db_rollback(tx);
	db_close(other);
}

static void a_serialization_failure_is_worth_a_repetition(void **state)
{
	struct db *other;
	struct db_tx *tx, *second;
	struct db_rows got;

	(void)state;
	harness_sql(harness, "DROP ROLE IF EXISTS careful; CREATE ROLE careful LOGIN SUPERUSER;"
			     "ALTER ROLE careful SET default_transaction_isolation ="
			     " 'repeatable read'; INSERT INTO item VALUES (1, 'one')");
	other = harness_db_open(harness, "careful", tables, 1);
	second = begin(other);
	assert_int_equal(db_query0(second, &statements[ITEM_COUNT], &arena, &got), ST_OK);
	tx = begin(db);
	assert_int_equal(db_write(tx, &statements[ITEM_UPDATE], 1, ST_NOT_FOUND, DB_I64(1),
				  DB_TEXT(STR("a"))),
			 ST_OK);
	assert_int_equal(db_commit(tx, NULL), ST_OK);
	assert_int_equal(db_write(second, &statements[ITEM_UPDATE], 1, ST_NOT_FOUND, DB_I64(1),
				  DB_TEXT(STR("b"))),
			 ST_OK);
	assert_int_equal(db_commit(second, NULL), ST_SERIALIZATION);
	db_close(other);
}

static void a_statement_over_its_time_is_a_missed_deadline(void **state)
{
	struct db_tx *tx = begin(db);
	struct db_rows got;

	(void)state;
	assert_int_equal(db_query0(tx, &statements[SHORT_TIMEOUT], &arena, &got), ST_OK);
	assert_int_equal(db_query0(tx, &statements[SLEEP], &arena, &got), ST_DEADLINE);
	db_rollback(tx);
}

/* copies */

static struct db_copy *copy_begin(struct db_tx *tx)
{
	struct db_copy *copy = NULL;

	assert_int_equal(
		db_copy_begin(tx, "COPY item (id, name) FROM STDIN (FORMAT binary)", "it", &copy),
		ST_OK);
	return copy;
}

static void a_copy_inserts_its_rows_in_the_transaction(void **state)
{
	struct db_tx *tx = begin(db);
	struct db_copy *copy;
	struct db_rows got;

	(void)state;
	insert(tx, -1, "before");
	copy = copy_begin(tx);
	for (int i = 0; i < 20000; i++) {
		const struct db_value row[] = { DB_I64(i), DB_TEXT(STR("a copied name")) };

		assert_int_equal(db_copy_row(copy, row), ST_OK);
	}
	assert_int_equal(db_copy_end(copy, 20000), ST_OK);
	insert(tx, -2, "after");
	assert_int_equal(db_query0(tx, &statements[ITEM_COUNT], &arena, &got), ST_OK);
	assert_int_equal(db_i64(&got, 0, 0), 20002);
	assert_int_equal(db_commit(tx, NULL), ST_OK);
	assert_int_equal(count_items(), 20002);
}

static void a_copy_that_the_server_refuses_rolls_back(void **state)
{
	const struct db_value twice[] = { DB_I64(1), DB_TEXT(STR("x")) };
	const struct db_value null[] = { DB_I64(2), DB_NULL('t') };
	struct db_tx *tx = begin(db);
	struct db_copy *copy = copy_begin(tx);

	(void)state;
	assert_int_equal(db_copy_row(copy, twice), ST_OK);
	assert_int_equal(db_copy_row(copy, twice), ST_OK);
	assert_int_equal(db_copy_end(copy, 2), ST_ALREADY_EXISTS);
	assert_int_equal(db_commit(tx, NULL), ST_ALREADY_EXISTS);
	tx = begin(db);
	copy = copy_begin(tx);
	assert_int_equal(db_copy_row(copy, null), ST_OK);
	assert_int_equal(db_copy_end(copy, 1), ST_INTERNAL);
	db_rollback(tx);
	assert_int_equal(count_items(), 0);
}

static void a_copy_of_another_number_of_rows_fails(void **state)
{
	const struct db_value row[] = { DB_I64(1), DB_TEXT(STR("x")) };
	struct db_tx *tx = begin(db);
	struct db_copy *copy = copy_begin(tx);

	(void)state;
	assert_int_equal(db_copy_row(copy, row), ST_OK);
	assert_int_equal(db_copy_end(copy, 2), ST_INTERNAL);
	assert_int_equal(db_commit(tx, NULL), ST_INTERNAL);
	assert_int_equal(count_items(), 0);
}

static void a_copy_that_cannot_begin_fails_the_transaction_only(void **state)
{
	struct db_tx *tx = begin(db);
	struct db_copy *copy = NULL;

	(void)state;
	assert_int_equal(db_copy_begin(tx, "COPY nowhere FROM STDIN (FORMAT binary)", "i", &copy),
			 ST_INTERNAL);
	assert_null(copy);
	db_rollback(tx);
	tx = begin(db);
	insert(tx, 1, "one");
	assert_int_equal(db_commit(tx, NULL), ST_OK);
}

static void a_copy_given_up_leaves_nothing(void **state)
{
	const struct db_value row[] = { DB_I64(1), DB_TEXT(STR("x")) };
	struct db_tx *tx = begin(db);
	struct db_copy *copy = copy_begin(tx);

	(void)state;
	assert_int_equal(db_copy_row(copy, row), ST_OK);
	db_rollback(tx);
	tx = begin(db);
	insert(tx, 2, "two");
	assert_int_equal(db_commit(tx, NULL), ST_OK);
	assert_int_equal(count_items(), 1);
}

/* plain SQL */

static void plain_sql_gives_rows_as_text_and_failures_with_the_servers_words(void **state)
{
	struct problem problem = { .detail = "" };
	struct db_rows got;

	(void)state;
	assert_int_equal(db_simple_rows(db, "SELECT 1; SELECT 2, NULL", &arena, &got, &problem),
			 ST_OK);
	assert_true(str_is(db_text(&got, 0, 0), "2"));
	assert_true(db_is_null(&got, 0, 1));
	assert_int_equal(db_simple(db, "SELECT 1; SELECT nonsense", &problem), ST_INTERNAL);
	assert_non_null(strstr(problem.detail, "nonsense"));
	a_committed_write_is_there(state);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, empty)
	const struct CMUnitTest tests[] = {
		TEST(a_statement_declared_wrongly_refuses_to_start),
		TEST(sessions_speak_utc_and_have_timeouts),
		TEST(a_committed_write_is_there),
		TEST(a_rolled_back_write_is_not),
		TEST(a_question_sees_the_writes_queued_before_it),
		TEST(a_wrong_row_count_fails_with_the_given_status_and_rolls_back),
		TEST(a_wrong_row_count_is_found_by_the_next_question),
		TEST(the_first_failure_stays),
		TEST(any_number_of_rows_is_accepted_when_said_so),
		TEST(a_unique_violation_gives_the_status_of_the_write),
		TEST(a_unique_violation_of_a_question_is_already_exists),
		TEST(a_writing_question_counts_as_a_write_and_commits),
		TEST(reading_transactions_follow_each_other_without_waiting),
		TEST(writes_are_queued_past_the_pipelines_limit),
		TEST(large_writes_with_large_answers_do_not_block),
		TEST(a_failure_in_a_long_pipeline_undoes_all_of_it),
		TEST(a_long_pipeline_can_be_given_up),
		TEST(one_statement_inserts_an_array_of_rows),
		TEST(a_lock_not_to_be_had_is_worth_a_repetition),
		TEST(a_serialization_failure_is_worth_a_repetition),
		TEST(a_statement_over_its_time_is_a_missed_deadline),
		TEST(a_copy_inserts_its_rows_in_the_transaction),
		TEST(a_copy_that_the_server_refuses_rolls_back),
		TEST(a_copy_of_another_number_of_rows_fails),
		TEST(a_copy_that_cannot_begin_fails_the_transaction_only),
		TEST(a_copy_given_up_leaves_nothing),
		TEST(plain_sql_gives_rows_as_text_and_failures_with_the_servers_words),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
