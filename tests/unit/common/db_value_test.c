/* PostgreSQL's binary formats and what statements and SQLSTATEs say, without a server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "db_value.h"

#define ARENA_BYTES ((size_t)1024 * 1024)

static struct arena arena;

static int start(void **state)
{
	(void)state;
	arena_init(&arena, ARENA_BYTES);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct str encode(struct db_value value)
{
	size_t size = db_value_size(&value);
	char *out = malloc(size + 1); /* exact, so that a byte too many is seen by the sanitizer */
	struct str wire;

	assert_non_null(out);
	assert_int_equal(db_value_write(&value, out), ST_OK);
	out[size] = '\0';
	wire = arena_copy(&arena, (struct str){ out, size });
	free(out);
	return wire;
}

static void assert_wire(struct db_value value, const char *bytes, size_t size)
{
	struct str wire = encode(value);

	assert_int_equal(wire.size, size);
	assert_memory_equal(wire.data, bytes, size);
}
#define ASSERT_WIRE(value, bytes) assert_wire((value), (bytes), sizeof(bytes) - 1)

static enum st decode(char type, struct str wire, struct db_value *ret)
{
	return db_value_read(type, wire, &arena, ret);
}

static void scalars_have_the_bytes_the_server_expects(void **state)
{
	(void)state;
	ASSERT_WIRE(DB_I64(1), "\0\0\0\0\0\0\0\1");
	ASSERT_WIRE(DB_I64(-2), "\377\377\377\377\377\377\377\376");
	ASSERT_WIRE(DB_I64(INT64_MIN), "\200\0\0\0\0\0\0\0");
	ASSERT_WIRE(DB_I32(258), "\0\0\1\2");
	ASSERT_WIRE(DB_F64(-1.5), "\277\370\0\0\0\0\0\0");
	ASSERT_WIRE(DB_BOOL(true), "\1");
	ASSERT_WIRE(DB_BOOL(false), "\0");
	ASSERT_WIRE(DB_TEXT(STR("a\0b")), "a\0b");
	ASSERT_WIRE(DB_BYTES(((struct str){ 0 })), "");
	ASSERT_WIRE(DB_JSON(STR("{}")), "\1{}");
	ASSERT_WIRE(DB_UUID(STR("0193e0a0-7b1c-7DEF-8123-456789abcdef")),
		    "\x01\x93\xe0\xa0\x7b\x1c\x7d\xef\x81\x23\x45\x67\x89\xab\xcd\xef");
}

static void arrays_have_the_bytes_the_server_expects(void **state)
{
	const int64_t longs[] = { 1, -1 };
	const struct str texts[] = { STR("a"), { 0 }, STR("") };
	const bool bools[] = { true };

	(void)state;
	ASSERT_WIRE(DB_I64S(NULL, 0), "\0\0\0\0\0\0\0\0\0\0\0\x14");
	ASSERT_WIRE(DB_I64S(longs, 2), "\0\0\0\1\0\0\0\0\0\0\0\x14\0\0\0\2\0\0\0\1"
				       "\0\0\0\10\0\0\0\0\0\0\0\1"
				       "\0\0\0\10\377\377\377\377\377\377\377\377");
	ASSERT_WIRE(DB_TEXTS(texts, 3), "\0\0\0\1\0\0\0\1\0\0\0\x19\0\0\0\3\0\0\0\1"
					"\0\0\0\1a\377\377\377\377\0\0\0\0");
	ASSERT_WIRE(DB_BOOLS(bools, 1), "\0\0\0\1\0\0\0\0\0\0\0\x10\0\0\0\1\0\0\0\1\0\0\0\1\1");
}

static void what_is_written_reads_back(void **state)
{
	static const int64_t values[] = { 0, 1, -1, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN };
	struct db_value got;

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		assert_int_equal(decode('i', encode(DB_I64(values[i])), &got), ST_OK);
		assert_true(got.i64 == values[i]);
		assert_int_equal(decode('f', encode(DB_F64((double)values[i])), &got), ST_OK);
		assert_true(got.f64 == (double)values[i]);
	}
	assert_int_equal(decode('I', encode(DB_I64S(values, 7)), &got), ST_OK);
	assert_int_equal(got.count, 7);
	assert_memory_equal(got.items, values, sizeof(values));
	assert_int_equal(
		decode('g', encode(DB_UUID(STR("0193E0A0-7b1c-7def-8123-456789abcdef"))), &got),
		ST_OK);
	assert_string_equal(got.text.data, "0193e0a0-7b1c-7def-8123-456789abcdef");
	assert_int_equal(decode('j', encode(DB_JSON(STR("[1]"))), &got), ST_OK);
	assert_string_equal(got.text.data, "[1]");
}

static void an_int4_takes_its_range_and_not_one_more(void **state)
{
	static const struct {
		int64_t value;
		enum st st;
	} rows[] = {
		{ INT32_MAX, ST_OK },
		{ INT32_MIN, ST_OK },
		{ (int64_t)INT32_MAX + 1, ST_INTERNAL },
		{ (int64_t)INT32_MIN - 1, ST_INTERNAL },
	};
	char out[4];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(db_value_write(&DB_I32(rows[i].value), out), rows[i].st);
}

static void a_text_that_is_no_uuid_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"0193e0a0-7b1c-7def-8123-456789abcde",
		"0193e0a0-7b1c-7def-8123-456789abcdef0",
		"0193e0a07-b1c-7def-8123-456789abcdef",
		"0193e0a0-7b1c-7def-8123-456789abcdeg",
		"{193e0a0-7b1c-7def-8123-456789abcde}",
		"0193e0a0-7b1c-7def-8123_456789abcdef",
	};
	char out[16];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(db_value_write(&DB_UUID(str_of(bad[i])), out), ST_MESSAGE_INVALID);
}

static void bytes_that_are_not_the_declared_type_are_refused(void **state)
{
	static const struct {
		char type;
		struct str wire;
	} rows[] = {
		{ 'i', STR("\0\0\0\1") },
		{ 'i', STR("") },
		{ 'n', STR("\0\0\0") },
		{ 'b', STR("") },
		{ 'f', STR("\0\0\0\0") },
		{ 'g', STR("\0\0\0\0") },
		{ 'j', STR("") },
		{ 'j', STR("\2{}") },
		{ 'I', STR("") },
		/* text[] where int8[] is declared */
		{ 'I', STR("\0\0\0\0\0\0\0\0\0\0\0\x19") },
		/* two dimensions */
		{ 'I', STR("\0\0\0\2\0\0\0\0\0\0\0\x14\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1") },
		/* more items than bytes */
		{ 'I', STR("\0\0\0\1\0\0\0\0\0\0\0\x14\377\377\377\377\0\0\0\1") },
		{ 'I', STR("\0\0\0\1\0\0\0\0\0\0\0\x14\0\0\0\1\0\0\0\1\0\0\0\10\0\0") },
		/* a NULL item has no form in an int8[] */
		{ 'I', STR("\0\0\0\1\0\0\0\1\0\0\0\x14\0\0\0\1\0\0\0\1\377\377\377\377") },
		/* an item of another size */
		{ 'N', STR("\0\0\0\1\0\0\0\0\0\0\0\x17\0\0\0\1\0\0\0\1\0\0\0\2\0\0") },
		/* an item longer than the rest */
		{ 'T', STR("\0\0\0\1\0\0\0\0\0\0\0\x19\0\0\0\1\0\0\0\1\0\0\0\2a") },
		/* bytes left over */
		{ 'T', STR("\0\0\0\1\0\0\0\0\0\0\0\x19\0\0\0\1\0\0\0\1\0\0\0\1ab") },
		{ 'T', STR("\0\0\0\0\0\0\0\0\0\0\0\x19z") },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct db_value got = { .type = '?' };

		assert_int_equal(decode(rows[i].type, rows[i].wire, &got), ST_INTERNAL);
		assert_int_equal(got.type, '?');
	}
}

/* Whatever the bytes, reading ends with a value or a refusal and stays inside them. */
static void no_bytes_make_reading_leave_its_bounds(void **state)
{
	static const char letters[] = "infbtxjgITXFBN";
	uint64_t random = 88172645463325252U;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		char bytes[64];
		char *exact;
		struct db_value got;
		size_t size;

		for (size_t b = 0; b < sizeof(bytes); b++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			/* small figures, so that lengths are often plausible */
			bytes[b] = (char)(random % 8 < 6 ? random >> 60 & 1 : random >> 32 & 255);
		}
		size = random % sizeof(bytes);
		exact = malloc(size + 1);
		assert_non_null(exact);
		memcpy(exact, bytes, size);
		arena_reset(&arena);
		(void)!decode(letters[(random >> 8) % (sizeof(letters) - 1)],
			      (struct str){ exact, size }, &got);
		free(exact);
	}
}

static void a_full_arena_is_too_large(void **state)
{
	struct arena small;
	struct db_value got;

	(void)state;
	arena_init(&small, 16);
	assert_int_equal(db_value_read('t', STR("123456789012345"), &small, &got), ST_OK);
	arena_reset(&small);
	assert_int_equal(db_value_read('t', STR("1234567890123456"), &small, &got), ST_TOO_LARGE);
	arena_free(&small);
}

static void columns_read_by_their_letter(void **state)
{
	(void)state;
	assert_true(db_type_reads('n', 23));
	assert_true(db_type_reads('n', 21)); /* int2 */
	assert_false(db_type_reads('i', 21));
	assert_false(db_type_reads('n', 20));
	assert_string_equal(db_type_name('X'), "bytea[]");
	assert_string_equal(db_oid_name(1700), "numeric");
	assert_null(db_oid_name(4));
}

/* what a statement's text promises */

static void only_harmless_selects_count_as_reading(void **state)
{
	static const char *const reading[] = {
		"SELECT pg_total_relation_size(c.oid) FROM pg_class c",
		"SELECT 1",
		"  select id FROM t WHERE (a = $1) AND b IN (SELECT c FROM (SELECT 1) AS d)",
		"SELECT count(*), coalesce(max(id), 0) FROM t",
		"SELECT id FROM t WHERE id = ANY ($1) FOR UPDATE",
		"SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))",
	};
	static const char *const other[] = {
		"INSERT INTO t VALUES (1)",
		"UPDATE t SET a = 1",
		"WITH w AS (DELETE FROM t RETURNING id) SELECT count(*) FROM w",
		"SELECT make_partition($1)",
		"SELECT audit.count($1)",
		"SELECT \"count\"($1)",
		"SELECT \"count \" ($1)",
		"SELECT nextval('s')",
		"SELECT pg_notify($1, $2)",
		"SELECTED(1)",
		"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(reading) / sizeof(reading[0]); i++) {
		if (!db_sql_reads(reading[i]))
			fail_msg("reads: %s", reading[i]);
	}
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		if (db_sql_reads(other[i]))
			fail_msg("may write: %s", other[i]);
	}
}

static void a_lock_of_the_transaction_is_seen(void **state)
{
	(void)state;
	assert_true(db_sql_locks("SELECT pg_try_advisory_xact_lock($1)"));
	assert_true(db_sql_locks("SELECT id FROM t WHERE id = $1 for update"));
	assert_false(db_sql_locks("SELECT id FROM t"));
}

static void only_one_tuple_of_values_is_sure_to_insert_one(void **state)
{
	static const char *const sure[] = {
		"INSERT INTO t (a, b) VALUES ($1, $2)",
		" insert into t values ($1, least($2, 3)) returning id",
		"INSERT INTO t (a) VALUES (($1::text)::xid8)  ",
	};
	static const char *const unsure[] = {
		"INSERT INTO t (a) VALUES ($1), ($2)",
		"INSERT INTO t (a) VALUES ($1) , ($2)",
		"INSERT INTO t (a) VALUES ($1) ON CONFLICT DO NOTHING",
		"INSERT INTO t (a) SELECT $1",
		"INSERT INTO t (a) SELECT a FROM (VALUES ($1)) AS v (a)",
		"INSERT INTO t (a) VALUES ('), (')",
		"INSERT INTO t DEFAULT VALUES",
		"UPDATE t SET a = $1",
		"WITH w AS (SELECT 1) INSERT INTO t (a) VALUES ($1)",
		"INSERTS INTO t (a) VALUES ($1)",
		"INSERT INTO t (a) VALUES ($1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sure) / sizeof(sure[0]); i++) {
		if (!db_sql_inserts_one(sure[i]))
			fail_msg("inserts one: %s", sure[i]);
	}
	for (size_t i = 0; i < sizeof(unsure) / sizeof(unsure[0]); i++) {
		if (db_sql_inserts_one(unsure[i]))
			fail_msg("not sure: %s", unsure[i]);
	}
}

static void sqlstates_have_their_status(void **state)
{
	static const struct {
		const char *sqlstate;
		enum st st;
	} rows[] = {
		{ "00000", ST_OK },
		{ "40001", ST_SERIALIZATION },
		{ "40P01", ST_SERIALIZATION },
		{ "55P03", ST_SERIALIZATION },
		{ "57P01", ST_DATABASE_UNAVAILABLE },
		{ "57P02", ST_DATABASE_UNAVAILABLE },
		{ "57P03", ST_DATABASE_UNAVAILABLE },
		{ "08006", ST_DATABASE_UNAVAILABLE },
		{ "53300", ST_DATABASE_UNAVAILABLE },
		{ "25006", ST_DATABASE_UNAVAILABLE },
		{ "53100", ST_DISK_FULL },
		{ "53200", ST_NO_MEMORY },
		{ "23505", ST_ALREADY_EXISTS },
		{ "57014", ST_DEADLINE },
		{ "22021", ST_MESSAGE_INVALID },
		{ "0A000", ST_SCHEMA_MISMATCH },
		{ "26000", ST_SCHEMA_MISMATCH },
		{ "23502", ST_INTERNAL },
		{ "23503", ST_INTERNAL },
		{ "42P01", ST_INTERNAL },
		{ "XX000", ST_INTERNAL },
		{ "", ST_DATABASE_UNAVAILABLE },
		{ NULL, ST_DATABASE_UNAVAILABLE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(db_status_of_sqlstate(rows[i].sqlstate), rows[i].st);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(scalars_have_the_bytes_the_server_expects),
		TEST(arrays_have_the_bytes_the_server_expects),
		TEST(what_is_written_reads_back),
		TEST(an_int4_takes_its_range_and_not_one_more),
		TEST(a_text_that_is_no_uuid_is_refused),
		TEST(bytes_that_are_not_the_declared_type_are_refused),
		TEST(no_bytes_make_reading_leave_its_bounds),
		TEST(a_full_arena_is_too_large),
		TEST(columns_read_by_their_letter),
		TEST(only_harmless_selects_count_as_reading),
		TEST(a_lock_of_the_transaction_is_seen),
		TEST(only_one_tuple_of_values_is_sure_to_insert_one),
		TEST(sqlstates_have_their_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
