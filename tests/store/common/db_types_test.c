/* Values of every type through a real PostgreSQL and back. */
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
	ITEM_ECHO_LARGE,
	VALUES_SCALARS,
	VALUES_ARRAYS,
	VALUES_INT2,
};

static const struct db_statement statements[] = {
	[ITEM_INSERT] = { "item_insert", "INSERT INTO item (id, name) VALUES ($1, $2)", "it", "" },
	[ITEM_ECHO_LARGE] = { "item_echo_large",
			      "INSERT INTO item (id, name) VALUES ($1, $2) RETURNING name", "it",
			      "t" },
	[VALUES_SCALARS] = { "values_scalars",
			     "SELECT $1::int8, $2::int4, $3::float8, $4::bool, $5::text,"
			     " $6::bytea, $7::jsonb, $8::uuid",
			     "infbtxjg", "infbtxjg" },
	[VALUES_ARRAYS] = { "values_arrays",
			    "SELECT $1::int8[], $2::text[], $3::bytea[], $4::float8[],"
			    " $5::bool[], $6::int4[]",
			    "ITXFBN", "ITXFBN" },
	[VALUES_INT2] = { "values_int2", "SELECT $1::int4::int2", "n", "n" },
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
	harness_sql(harness, "CREATE TABLE item (id int8 PRIMARY KEY, name text NOT NULL)");
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

static void assert_str(struct str got, const char *data, size_t size)
{
	assert_int_equal(got.size, size);
	assert_memory_equal(got.data, data, size);
	assert_int_equal(got.data[size], 0);
}

static void scalars_come_back_as_they_went(void **state)
{
	static const struct {
		int64_t i64, i32;
		double f64;
		bool boolean;
	} rows[] = {
		{ 0, 0, 0.0, false },
		{ 1, -1, -0.5, true },
		{ INT64_MAX, INT32_MAX, 1e300, true },
		{ INT64_MIN, INT32_MIN, 5e-324, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct db_tx *tx = begin(db);
		struct db_rows got;

		assert_int_equal(db_query(tx, &statements[VALUES_SCALARS], &arena, &got,
					  DB_I64(rows[i].i64), DB_I32(rows[i].i32),
					  DB_F64(rows[i].f64), DB_BOOL(rows[i].boolean),
					  DB_TEXT(STR("größe")), DB_BYTES(STR("a\0\377b")),
					  DB_JSON(STR("{\"a\": [1, null]}")),
					  DB_UUID(STR("0193e0a0-7b1c-7def-8123-456789abcdef"))),
				 ST_OK);
		assert_int_equal(got.count, 1);
		assert_true(db_i64(&got, 0, 0) == rows[i].i64);
		assert_true(db_i64(&got, 0, 1) == rows[i].i32);
		assert_true(db_f64(&got, 0, 2) == rows[i].f64);
		assert_true(db_bool(&got, 0, 3) == rows[i].boolean);
		assert_str(db_text(&got, 0, 4), "größe", strlen("größe"));
		assert_str(db_text(&got, 0, 5), "a\0\377b", 4);
		assert_str(db_text(&got, 0, 6), "{\"a\": [1, null]}", 16);
		assert_str(db_text(&got, 0, 7), "0193e0a0-7b1c-7def-8123-456789abcdef", 36);
		db_rollback(tx);
	}
}

static void every_scalar_can_be_null_and_reads_as_nothing(void **state)
{
	struct db_tx *tx = begin(db);
	struct db_rows got;

	(void)state;
	assert_int_equal(db_query(tx, &statements[VALUES_SCALARS], &arena, &got, DB_NULL('i'),
				  DB_NULL('n'), DB_NULL('f'), DB_NULL('b'),
				  DB_TEXT_OR_NULL(((struct str){ 0 })), DB_NULL('x'), DB_NULL('j'),
				  DB_NULL('g')),
			 ST_OK);
	for (size_t column = 0; column < 8; column++)
		assert_true(db_is_null(&got, 0, column));
	assert_int_equal(db_i64(&got, 0, 0), 0);
	assert_false(db_bool(&got, 0, 3));
	assert_str(db_text(&got, 0, 4), "", 0);
	db_rollback(tx);
}

static void an_empty_text_without_data_is_empty_and_not_null(void **state)
{
	struct db_tx *tx = begin(db);
	struct db_rows got;

	(void)state;
	assert_int_equal(db_query(tx, &statements[VALUES_SCALARS], &arena, &got, DB_NULL('i'),
				  DB_NULL('n'), DB_NULL('f'), DB_NULL('b'),
				  DB_TEXT(((struct str){ 0 })), DB_BYTES(((struct str){ 0 })),
				  DB_NULL('j'), DB_NULL('g')),
			 ST_OK);
	assert_false(db_is_null(&got, 0, 4));
	assert_false(db_is_null(&got, 0, 5));
	assert_str(db_text(&got, 0, 4), "", 0);
	db_rollback(tx);
}

static void arrays_come_back_with_zero_bytes_and_null_items(void **state)
{
	const int64_t longs[] = { 0, -1, INT64_MAX, INT64_MIN };
	const struct str texts[] = { STR(""), { 0 }, STR("ü"), STR("with \"quotes\", {braces}") };
	const struct str bytes[] = { STR("\0\0"), STR("a\0b"), { 0 } };
	const double floats[] = { 0.25, -1e10 };
	const bool bools[] = { true, false, true };
	const int32_t ints[] = { INT32_MIN, 7 };
	struct db_tx *tx = begin(db);
	struct db_rows got;

	(void)state;
	assert_int_equal(db_query(tx, &statements[VALUES_ARRAYS], &arena, &got, DB_I64S(longs, 4),
				  DB_TEXTS(texts, 4), DB_BYTESS(bytes, 3), DB_F64S(floats, 2),
				  DB_BOOLS(bools, 3), DB_I32S(ints, 2)),
			 ST_OK);
	assert_int_equal(db_at(&got, 0, 0)->count, 4);
	assert_memory_equal(db_at(&got, 0, 0)->items, longs, sizeof(longs));
	const struct str *got_texts = db_at(&got, 0, 1)->items;
	assert_str(got_texts[0], "", 0);
	assert_null(got_texts[1].data);
	assert_str(got_texts[3], texts[3].data, texts[3].size);
	const struct str *got_bytes = db_at(&got, 0, 2)->items;
	assert_str(got_bytes[0], "\0\0", 2);
	assert_str(got_bytes[1], "a\0b", 3);
	assert_null(got_bytes[2].data);
	assert_memory_equal(db_at(&got, 0, 3)->items, floats, sizeof(floats));
	assert_memory_equal(db_at(&got, 0, 4)->items, bools, sizeof(bools));
	assert_memory_equal(db_at(&got, 0, 5)->items, ints, sizeof(ints));
	db_rollback(tx);
}

static void empty_arrays_come_back_empty(void **state)
{
	struct db_tx *tx = begin(db);
	struct db_rows got;

	(void)state;
	assert_int_equal(db_query(tx, &statements[VALUES_ARRAYS], &arena, &got, DB_I64S(NULL, 0),
				  DB_TEXTS(NULL, 0), DB_BYTESS(NULL, 0), DB_F64S(NULL, 0),
				  DB_BOOLS(NULL, 0), DB_NULL('N')),
			 ST_OK);
	for (size_t column = 0; column < 5; column++) {
		assert_false(db_is_null(&got, 0, column));
		assert_int_equal(db_at(&got, 0, column)->count, 0);
	}
	assert_true(db_is_null(&got, 0, 5));
	db_rollback(tx);
}

static void a_small_integer_column_reads_as_int4(void **state)
{
	struct db_tx *tx = begin(db);
	struct db_rows got;

	(void)state;
	assert_int_equal(db_query(tx, &statements[VALUES_INT2], &arena, &got, DB_I32(-32768)),
			 ST_OK);
	assert_int_equal(db_i64(&got, 0, 0), -32768);
	db_rollback(tx);
}

static void a_value_of_a_mebibyte_goes_both_ways(void **state)
{
	size_t size = 1024 * 1024;
	char *large = malloc(size);
	struct db_tx *tx = begin(db);
	struct db_rows got;

	(void)state;
	assert_non_null(large);
	memset(large, 'x', size);
	assert_int_equal(db_query(tx, &statements[ITEM_ECHO_LARGE], &arena, &got, DB_I64(1),
				  DB_TEXT(((struct str){ large, size }))),
			 ST_OK);
	assert_str(db_text(&got, 0, 0), large, size);
	assert_int_equal(db_commit(tx, NULL), ST_OK);
	free(large);
}

static void an_answer_larger_than_its_arena_is_refused(void **state)
{
	struct arena small;
	struct db_tx *tx = begin(db);
	struct db_rows got = { .count = 99 };

	(void)state;
	arena_init(&small, 1024);
	insert(tx, 1, "one");
	assert_int_equal(db_query(tx, &statements[VALUES_SCALARS], &small, &got, DB_I64(1),
				  DB_I32(1), DB_F64(1), DB_BOOL(1),
				  DB_TEXT(arena_printf(&arena, "%2000d", 1)), DB_NULL('x'),
				  DB_NULL('j'), DB_NULL('g')),
			 ST_TOO_LARGE);
	assert_int_equal(got.count, 99);
	assert_int_equal(db_commit(tx, NULL), ST_TOO_LARGE);
	assert_int_equal(count_items(), 0);
	arena_free(&small);
}

static void text_that_no_column_can_hold_is_the_callers_fault(void **state)
{
	const struct str bad[] = { STR("a\0b"), STR("\377\376") };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct db_tx *tx = begin(db);

		assert_int_equal(db_write(tx, &statements[ITEM_INSERT], 1, ST_ALREADY_EXISTS,
					  DB_I64(1), DB_TEXT(bad[i])),
				 ST_OK);
		assert_int_equal(db_commit(tx, NULL), ST_MESSAGE_INVALID);
	}
}

static void a_uuid_that_is_none_fails_the_transaction_before_it_is_sent(void **state)
{
	struct db_tx *tx = begin(db);
	struct db_rows got;

	(void)state;
	assert_int_equal(db_query(tx, &statements[VALUES_SCALARS], &arena, &got, DB_I64(1),
				  DB_I32(1), DB_F64(1), DB_BOOL(1), DB_TEXT(STR("")), DB_NULL('x'),
				  DB_NULL('j'), DB_UUID(STR("not-a-uuid"))),
			 ST_MESSAGE_INVALID);
	assert_int_equal(db_commit(tx, NULL), ST_MESSAGE_INVALID);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, empty)
	const struct CMUnitTest tests[] = {
		TEST(scalars_come_back_as_they_went),
		TEST(every_scalar_can_be_null_and_reads_as_nothing),
		TEST(an_empty_text_without_data_is_empty_and_not_null),
		TEST(arrays_come_back_with_zero_bytes_and_null_items),
		TEST(empty_arrays_come_back_empty),
		TEST(a_small_integer_column_reads_as_int4),
		TEST(a_value_of_a_mebibyte_goes_both_ways),
		TEST(an_answer_larger_than_its_arena_is_refused),
		TEST(text_that_no_column_can_hold_is_the_callers_fault),
		TEST(a_uuid_that_is_none_fails_the_transaction_before_it_is_sent),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
