/* The database layer when the world fails: the server stops, a backend dies, transactions wait for
 * each other, the schema changes under a prepared statement. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <time.h>

#include "db_admin.h"
#include "db_internal.h"
#include "tests/lib/harness.h"

enum {
	ROW_INSERT,
	ROW_UPDATE,
	ROW_COUNT,
	SLOW_INSERT,
	BACKEND,
	SLEEP,
	SHAPE,
};

/* The longest wait between two tries, and what a busy machine takes to connect. */
#define READY_MS_MAX (DB_BACKOFF_MS_MAX + 3000)

static const struct db_statement statements[] = {
	[ROW_INSERT] = { "row_insert", "INSERT INTO entry (id, value) VALUES ($1, 0)", "i", "" },
	[ROW_UPDATE] = { "row_update", "UPDATE entry SET value = value + 1 WHERE id = $1", "i",
			 "" },
	[ROW_COUNT] = { "row_count", "SELECT count(*) FROM entry", "", "i" },
	[SLOW_INSERT] = { "slow_insert", "INSERT INTO slow (id) VALUES ($1)", "i", "" },
	[BACKEND] = { "backend", "SELECT pg_backend_pid()", "", "n" },
	[SLEEP] = { "sleep", "SELECT pg_sleep(8)::text", "", "t" },
	[SHAPE] = { "shape", "SELECT * FROM shape", "", "i" },
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
	harness_sql(harness,
		    "CREATE TABLE entry (id int8 PRIMARY KEY, value int8 NOT NULL);"
		    "CREATE TABLE slow (id int8 PRIMARY KEY); CREATE TABLE shape (a int8);"
		    "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS"
		    " $$ BEGIN PERFORM pg_sleep(8); RETURN NULL; END $$;"
		    /* the commit itself takes long */
		    "CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON slow"
		    " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slowly()");
	arena_init(&arena, (size_t)4 * 1024 * 1024);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	arena_free(&arena);
	harness_stop(harness);
	return 0;
}

static int fresh(void **state)
{
	(void)state;
	harness_pg_revive(harness); /* a test that failed may have left it stopped */
	harness_sql(harness, "TRUNCATE entry; TRUNCATE slow");
	arena_reset(&arena);
	db = harness_db_open(harness, NULL, tables, 1);
	return 0;
}

static int close_db(void **state)
{
	(void)state;
	db_close(db);
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

static void insert(struct db_tx *tx, int64_t id)
{
	assert_int_equal(db_write(tx, &statements[ROW_INSERT], 1, ST_ALREADY_EXISTS, DB_I64(id)),
			 ST_OK);
}

static void insert_and_commit(int64_t id)
{
	struct db_tx *tx = begin(db);

	insert(tx, id);
	assert_int_equal(db_commit(tx, NULL), ST_OK);
}

static int64_t count(void)
{
	return harness_sql_i64(harness, "SELECT count(*) FROM entry");
}

static int backend_of(struct db *on)
{
	struct db_tx *tx = begin(on);
	struct db_rows rows;

	assert_int_equal(db_query0(tx, &statements[BACKEND], &arena, &rows), ST_OK);
	db_rollback(tx);
	return (int)db_i64(&rows, 0, 0);
}

static void sleep_ms(int ms)
{
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L }, NULL);
}

static bool is_ready(void *context)
{
	return db_ready(context, NULL) == ST_OK;
}

/* does something to the server or a backend as soon as that sleeps, from another thread */

struct later {
	pthread_t thread;
	void (*act)(int backend);
	int backend;
};

static bool backend_sleeps(void *context)
{
	char sql[128];

	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM pg_stat_activity WHERE pid = %d AND wait_event = 'PgSleep'",
		 *(const int *)context);
	return harness_sql_i64(harness, sql) > 0;
}

static void *later_main(void *context)
{
	struct later *later = context;

	if (harness_wait_for(backend_sleeps, &later->backend, 20000))
		later->act(later->backend);
	return NULL;
}

static void later_start(struct later *later)
{
	assert_int_equal(pthread_create(&later->thread, NULL, later_main, later), 0);
}

static void later_end(struct later *later)
{
	pthread_join(later->thread, NULL);
}

static void kill_backend(int backend)
{
	harness_pg_crash(harness, backend);
}

static void end_backend(int backend)
{
	kill(backend, SIGTERM); /* what pg_terminate_backend does */
}

static void stop_server(int backend)
{
	(void)backend;
	harness_pg_stop(harness);
}

/* the server goes and comes [PLT-17] */

static void a_server_that_is_not_there_is_unavailable_at_once(void **state)
{
	struct db *nowhere = db_open("host=/nonexistent user=x dbname=x", NULL, 0);
	struct problem problem = { .detail = "" };
	struct db_tx *tx = NULL;
	int64_t start_ms = harness_awake_ms();

	(void)state;
	assert_int_equal(db_begin(nowhere, &tx, &problem), ST_DATABASE_UNAVAILABLE);
	assert_non_null(strstr(problem.detail, "nonexistent"));
	assert_null(tx);
	assert_int_equal(db_begin(nowhere, &tx, &problem), ST_DATABASE_UNAVAILABLE);
	assert_true(harness_awake_ms() - start_ms < 1000);
	db_close(nowhere);
}

static void a_restart_between_transactions_is_not_noticed(void **state)
{
	(void)state;
	insert_and_commit(1);
	harness_pg_stop(harness);
	harness_pg_start(harness);
	insert_and_commit(2);
	assert_int_equal(count(), 2);
}

static void a_restart_after_a_reading_transaction_is_not_noticed(void **state)
{
	struct db_tx *tx = begin(db);
	struct db_rows rows;

	(void)state;
	assert_int_equal(db_query0(tx, &statements[ROW_COUNT], &arena, &rows), ST_OK);
	assert_int_equal(db_commit(tx, NULL), ST_OK); /* its answer is still on the way */
	harness_pg_stop(harness);
	harness_pg_start(harness);
	insert_and_commit(2);
}

static void a_stop_within_a_transaction_makes_it_unavailable_and_rolls_back(void **state)
{
	struct db_tx *tx = begin(db);

	(void)state;
	insert(tx, 1);
	assert_int_equal(db_check(tx), ST_OK);
	harness_pg_stop(harness);
	insert(tx, 2);
	assert_int_equal(db_check(tx), ST_DATABASE_UNAVAILABLE);
	assert_int_equal(db_commit(tx, NULL), ST_DATABASE_UNAVAILABLE);
	assert_false(db_is_connected(db));
	harness_pg_start(harness);
	assert_true(harness_wait_for(is_ready, db, READY_MS_MAX));
	assert_int_equal(count(), 0);
	insert_and_commit(3);
}

static void a_stop_during_a_question_makes_it_unavailable(void **state)
{
	struct later later = { .act = stop_server, .backend = backend_of(db) };
	struct db_tx *tx = begin(db);
	struct db_rows rows;

	(void)state;
	later_start(&later);
	assert_int_equal(db_query0(tx, &statements[SLEEP], &arena, &rows), ST_DATABASE_UNAVAILABLE);
	later_end(&later);
	db_rollback(tx);
	harness_pg_start(harness);
	assert_true(harness_wait_for(is_ready, db, READY_MS_MAX));
}

static void reconnecting_backs_off_and_stays_within_its_limits(void **state)
{
	struct problem problem = { .detail = "" };
	int64_t start_ms, retry_at_ms;
	int tries = 0;

	(void)state;
	insert_and_commit(1);
	harness_pg_stop(harness);
	start_ms = db_monotonic_ms();
	assert_int_equal(db_ready(db, &problem), ST_DATABASE_UNAVAILABLE);
	assert_int_equal(db->backoff_ms, DB_BACKOFF_MS_MIN);
	/* asked while it waits, it answers at once and does not try */
	retry_at_ms = db->retry_at_ms;
	for (;;) {
		int backoff_ms;

		assert_int_equal(db_ready(db, &problem), ST_DATABASE_UNAVAILABLE);
		backoff_ms = db->backoff_ms;
		if (db_monotonic_ms() >= retry_at_ms)
			break;
		assert_int_equal(backoff_ms, DB_BACKOFF_MS_MIN);
		sleep_ms(1);
	}
	tries += db->backoff_ms != DB_BACKOFF_MS_MIN;
	while (db->backoff_ms < DB_BACKOFF_MS_MAX) {
		int before_ms = db->backoff_ms;

		assert_int_equal(db_ready(db, &problem), ST_DATABASE_UNAVAILABLE);
		tries += db->backoff_ms != before_ms;
		assert_true(db_monotonic_ms() - start_ms < 20000);
		sleep_ms(2);
	}
	assert_int_equal(tries, 6); /* 100, 200, 400, 800, 1600, 2000 */
	assert_int_equal(db->backoff_ms, DB_BACKOFF_MS_MAX);
	assert_true(db_monotonic_ms() - start_ms >= 50 + 100 + 200 + 400 + 800 + 1600);
	harness_pg_start(harness);
	assert_true(harness_wait_for(is_ready, db, READY_MS_MAX));
	assert_int_equal(db->backoff_ms, 0);
}

static void a_killed_server_is_found_again(void **state)
{
	struct db_tx *tx = begin(db);

	(void)state;
	insert(tx, 1);
	assert_int_equal(db_check(tx), ST_OK);
	harness_pg_kill9(harness);
	insert(tx, 2);
	assert_int_not_equal(db_commit(tx, NULL), ST_OK);
	harness_pg_start(harness);
	assert_true(harness_wait_for(is_ready, db, READY_MS_MAX));
	assert_int_equal(count(), 0);
	insert_and_commit(3);
}

/* a backend dies */

static void a_terminated_backend_is_replaced(void **state)
{
	int backend = backend_of(db);
	struct db_tx *tx = begin(db);

	(void)state;
	insert(tx, 1);
	assert_int_equal(db_check(tx), ST_OK);
	end_backend(backend);
	insert(tx, 2);
	assert_int_equal(db_check(tx), ST_DATABASE_UNAVAILABLE);
	assert_non_null(strstr(db_tx_error(tx), "terminating connection"));
	db_rollback(tx);
	insert_and_commit(3); /* at once: there was no failed try to connect */
	assert_int_not_equal(backend_of(db), backend);
	assert_int_equal(count(), 1);
}

static void a_backend_killed_during_a_question_makes_it_unavailable(void **state)
{
	struct later later = { .act = kill_backend, .backend = backend_of(db) };
	struct db_tx *tx = begin(db);
	struct db_rows rows;

	(void)state;
	later_start(&later);
	assert_int_equal(db_query0(tx, &statements[SLEEP], &arena, &rows), ST_DATABASE_UNAVAILABLE);
	later_end(&later);
	db_rollback(tx);
	/* the whole server recovers after a crash of one backend */
	assert_true(harness_wait_for(is_ready, db, 10000));
}

static void a_connection_lost_during_commit_is_commit_unknown(void **state)
{
	void (*const acts[])(int) = { kill_backend, end_backend };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct later later = { .act = acts[i] };
		struct problem problem = { .detail = "" };
		struct db_tx *tx;

		later.backend = backend_of(db);
		tx = begin(db);
		assert_int_equal(
			db_write(tx, &statements[SLOW_INSERT], 1, ST_ALREADY_EXISTS, DB_I64(1)),
			ST_OK);
		later_start(&later);
		assert_int_equal(db_commit(tx, &problem), ST_COMMIT_UNKNOWN);
		assert_int_equal(problem.st, ST_COMMIT_UNKNOWN);
		later_end(&later);
		assert_true(harness_wait_for(is_ready, db, 10000));
	}
}

static void a_failed_write_before_a_lost_commit_is_no_unknown(void **state)
{
	int backend = backend_of(db);
	struct db_tx *tx;

	(void)state;
	insert_and_commit(1);
	tx = begin(db);
	insert(tx, 1);
	assert_int_equal(db_check(tx), ST_ALREADY_EXISTS);
	end_backend(backend);
	assert_int_equal(db_commit(tx, NULL), ST_ALREADY_EXISTS);
}

/* transactions wait for each other [PLT-11] */

struct crossing {
	struct db *db;
	int64_t first, second;
	pthread_barrier_t *both;
	enum st st;
};

static void *crossing_main(void *context)
{
	struct crossing *crossing = context;
	struct db_tx *tx = NULL;

	crossing->st = db_begin(crossing->db, &tx, NULL);
	if (crossing->st == ST_OK)
		crossing->st = db_write(tx, &statements[ROW_UPDATE], 1, ST_NOT_FOUND,
					DB_I64(crossing->first));
	if (crossing->st == ST_OK)
		crossing->st = db_check(tx);
	pthread_barrier_wait(crossing->both);
	if (crossing->st == ST_OK)
		crossing->st = db_write(tx, &statements[ROW_UPDATE], 1, ST_NOT_FOUND,
					DB_I64(crossing->second));
	crossing->st = db_commit(tx, NULL);
	return NULL;
}

static void of_two_in_a_deadlock_one_commits_and_one_may_repeat(void **state)
{
	struct db *other = harness_db_open(harness, NULL, tables, 1);
	pthread_barrier_t both;
	struct crossing crossings[] = { { db, 1, 2, &both, ST_OK }, { other, 2, 1, &both, ST_OK } };
	pthread_t threads[2];

	(void)state;
	insert_and_commit(1);
	insert_and_commit(2);
	assert_int_equal(pthread_barrier_init(&both, NULL, 2), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, crossing_main, &crossings[i]),
				 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_true((crossings[0].st == ST_OK && crossings[1].st == ST_SERIALIZATION) ||
		    (crossings[0].st == ST_SERIALIZATION && crossings[1].st == ST_OK));
	pthread_barrier_destroy(&both);
	db_close(other);
}

static void waiting_too_long_for_a_lock_is_worth_a_repetition(void **state)
{
	struct db *other = harness_db_open(harness, NULL, tables, 1);
	struct db_tx *holder, *waiter;
	int64_t start_ms, start_awake_ms;

	(void)state;
	insert_and_commit(1);
	holder = begin(other);
	assert_int_equal(db_write(holder, &statements[ROW_UPDATE], 1, ST_NOT_FOUND, DB_I64(1)),
			 ST_OK);
	assert_int_equal(db_check(holder), ST_OK);
	waiter = begin(db);
	assert_int_equal(db_write(waiter, &statements[ROW_UPDATE], 1, ST_NOT_FOUND, DB_I64(1)),
			 ST_OK);
	start_ms = harness_now_ms();
	start_awake_ms = harness_awake_ms();
	assert_int_equal(db_commit(waiter, NULL), ST_SERIALIZATION);
	assert_true(harness_now_ms() - start_ms >= DB_LOCK_TIMEOUT_MS - 50);
	assert_true(harness_awake_ms() - start_awake_ms <= DB_LOCK_TIMEOUT_MS + 1500);
	assert_int_equal(db_commit(holder, NULL), ST_OK);
	db_close(other);
}

/* a table changes under a prepared statement */

static void a_changed_table_is_a_mismatch_until_it_fits_again(void **state)
{
	struct problem problem = { .detail = "" };
	struct db_rows rows;
	struct db_tx *tx = begin(db);

	(void)state;
	assert_int_equal(db_query0(tx, &statements[SHAPE], &arena, &rows), ST_OK);
	db_rollback(tx);
	harness_sql(harness, "ALTER TABLE shape ADD COLUMN b int8");
	tx = begin(db);
	assert_int_equal(db_query0(tx, &statements[SHAPE], &arena, &rows), ST_SCHEMA_MISMATCH);
	db_rollback(tx);
	assert_int_equal(db_begin(db, &tx, &problem), ST_SCHEMA_MISMATCH);
	assert_non_null(strstr(problem.detail, "statement 'shape' answers 2 columns"));
	harness_sql(harness, "ALTER TABLE shape DROP COLUMN b");
	assert_true(harness_wait_for(is_ready, db, READY_MS_MAX));
}

/* leadership */

static void one_connection_leads_until_it_goes(void **state)
{
	struct db *other = harness_db_open(harness, NULL, tables, 1);
	int leader = backend_of(db);

	(void)state;
	assert_true(db_lead(db, "relay/one"));
	assert_true(db_lead(db, "relay/one"));
	assert_false(db_lead(other, "relay/one"));
	assert_true(db_lead(other, "relay/two"));
	insert_and_commit(1);
	assert_true(db_lead(db, "relay/one"));
	assert_false(db_lead(other, "relay/one"));
	end_backend(leader);
	while (kill(leader, 0) == 0)
		sleep_ms(1);
	assert_true(db_lead(other, "relay/one"));
	assert_false(db_lead(db, "relay/one")); /* it notices, connects again, and is second */
	db_close(other);
	other = NULL;
	while (!db_lead(db, "relay/one"))
		sleep_ms(1);
}

static void leadership_is_not_claimed_while_the_server_is_away(void **state)
{
	(void)state;
	assert_true(db_lead(db, "relay/one"));
	harness_pg_stop(harness);
	assert_false(db_lead(db, "relay/one"));
	harness_pg_start(harness);
	assert_true(harness_wait_for(is_ready, db, READY_MS_MAX));
	assert_true(db_lead(db, "relay/one"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, close_db)
	const struct CMUnitTest tests[] = {
		TEST(a_server_that_is_not_there_is_unavailable_at_once),
		TEST(a_restart_between_transactions_is_not_noticed),
		TEST(a_restart_after_a_reading_transaction_is_not_noticed),
		TEST(a_stop_within_a_transaction_makes_it_unavailable_and_rolls_back),
		TEST(a_stop_during_a_question_makes_it_unavailable),
		TEST(reconnecting_backs_off_and_stays_within_its_limits),
		TEST(a_killed_server_is_found_again),
		TEST(a_terminated_backend_is_replaced),
		TEST(a_backend_killed_during_a_question_makes_it_unavailable),
		TEST(a_connection_lost_during_commit_is_commit_unknown),
		TEST(a_failed_write_before_a_lost_commit_is_no_unknown),
		TEST(of_two_in_a_deadlock_one_commits_and_one_may_repeat),
		TEST(waiting_too_long_for_a_lock_is_worth_a_repetition),
		TEST(a_changed_table_is_a_mismatch_until_it_fits_again),
		TEST(one_connection_leads_until_it_goes),
		TEST(leadership_is_not_claimed_while_the_server_is_away),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
