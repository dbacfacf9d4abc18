/* Migrations and the roles they make, against a real PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db_admin.h"
#include "migrate.h"
#include "tests/lib/harness.h"

static struct harness *harness;
static struct problem problem;
static char folder[128];
static int applied;

static const char *const shop[] = { "shop", NULL };
static const char *const both[] = { "shop", "ledger-two", NULL };

static void write_file(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void remove_file(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(unlink(path), 0);
}

static void count_progress(void *context, const char *service, const char *file)
{
	(void)context;
	assert_non_null(service);
	assert_non_null(file);
	applied++;
}

static enum st migrate(const char *const *services)
{
	struct migrate_plan plan = { .conninfo = harness_conninfo(harness, NULL),
				     .folder = folder,
				     .services = services,
				     .progress = count_progress };

	applied = 0;
	problem = (struct problem){ .st = ST_OK };
	return migrate_run(&plan, &problem);
}

static void assert_refused(const char *const *services, enum st st, const char *words)
{
	assert_int_equal(migrate(services), st);
	if (!strstr(problem.detail, words))
		fail_msg("'%s' does not say '%s'", problem.detail, words);
}

static int start(void **state)
{
	(void)state;
	harness = harness_start(.postgres = true);
	snprintf(folder, sizeof(folder), "%s/migrations", harness_folder(harness));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	harness_stop(harness);
	return 0;
}

static void make_folder(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

/* A folder with a library and two services, nothing applied. */
static int fresh(void **state)
{
	char command[512];

	(void)state;
	harness_sql(harness, "DROP SCHEMA IF EXISTS shop CASCADE;"
			     "DROP SCHEMA IF EXISTS \"ledger-two\" CASCADE");
	snprintf(command, sizeof(command),
		 "rm -rf %s && mkdir %s && cp -r %s/migrations/library %s", folder, folder,
		 harness_root_folder(), folder);
	assert_int_equal(system(command), 0);
	make_folder("shop");
	make_folder("ledger-two");
	write_file("shop/0001_init.sql",
		   "CREATE TABLE thing (id bigint PRIMARY KEY, name text NOT NULL);"
		   "CREATE TABLE log (id bigint GENERATED ALWAYS AS IDENTITY, words text);"
		   "REVOKE UPDATE, DELETE ON log FROM shop;"
		   "CREATE FUNCTION twice(n bigint) RETURNS bigint LANGUAGE sql AS"
		   " 'SELECT 2 * n';");
	write_file("ledger-two/0001_init.sql", "CREATE TABLE secret (id bigint);");
	return 0;
}

static struct db *open_as(const char *role)
{
	return db_open(harness_conninfo(harness, role), NULL, 0);
}

static enum st run_as(const char *role, const char *sql)
{
	struct db *db = open_as(role);
	enum st st;

	problem = (struct problem){ .st = ST_OK };
	st = db_simple(db, sql, &problem);
	db_close(db);
	return st;
}

static void assert_allowed(const char *role, const char *sql)
{
	if (run_as(role, sql) != ST_OK)
		fail_msg("%s: '%s': %s", role, sql, problem.detail);
}

static void assert_forbidden(const char *role, const char *sql)
{
	if (run_as(role, sql) == ST_OK)
		fail_msg("%s may '%s'", role, sql);
	if (!strstr(problem.detail, "permission denied") &&
	    !strstr(problem.detail, "must be owner") &&
	    !strstr(problem.detail, "must be superuser"))
		fail_msg("%s: '%s' failed otherwise: %s", role, sql, problem.detail);
}

#define LIBRARY_FILES MIGRATE_LIBRARY_VERSION /* applied into every schema */

/* applying [PLT-16] */

static void migrations_are_applied_once_and_recorded(void **state)
{
	(void)state;
	assert_int_equal(migrate(both), ST_OK);
	assert_int_equal(applied, 2 * (LIBRARY_FILES + 1));
	assert_int_equal(migrate(both), ST_OK);
	assert_int_equal(applied, 0);
	assert_int_equal(harness_sql_i64(harness, "SELECT count(*) FROM shop.migration"),
			 LIBRARY_FILES + 1);
	assert_string_equal(
		harness_sql_text(harness,
				 "SELECT string_agg(set || '/' || name, ' ' ORDER BY set, number)"
				 " FROM shop.migration"),
		"library/0001_outbox.sql library/0002_compression.sql shop/0001_init.sql");
	assert_int_equal(harness_sql_i64(harness, "SELECT min(length(checksum)) FROM"
						  " shop.migration"),
			 64);
	write_file("shop/0002_more.sql", "ALTER TABLE thing ADD COLUMN note text;");
	assert_int_equal(migrate(both), ST_OK);
	assert_int_equal(applied, 1);
}

static void the_library_has_its_tables_in_every_schema(void **state)
{
	(void)state;
	assert_int_equal(migrate(both), ST_OK);
	assert_int_equal(harness_sql_i64(harness,
					 "SELECT count(*) FROM pg_tables WHERE schemaname IN"
					 " ('shop', 'ledger-two') AND tablename IN ('outbox',"
					 " 'outbox_batch', 'relay', 'inbox', 'idempotency',"
					 " 'parked', 'signed_act')"),
			 14);
	assert_int_equal(harness_sql_i64(harness, "SELECT next FROM shop.relay"), 1);
}

static void a_file_that_fails_leaves_nothing_of_itself(void **state)
{
	(void)state;
	write_file("shop/0002_bad.sql", "CREATE TABLE half (id bigint); SELECT nonsense;");
	assert_refused(shop, ST_SCHEMA_MISMATCH, "'shop/0002_bad.sql' failed: ERROR:  column");
	assert_string_equal(harness_sql_text(harness,
					     "SELECT count(*) FROM pg_tables WHERE tablename ="
					     " 'half'"),
			    "0");
	assert_int_equal(harness_sql_i64(harness, "SELECT count(*) FROM shop.migration"),
			 LIBRARY_FILES + 1);
	write_file("shop/0002_bad.sql", "CREATE TABLE half (id bigint);");
	assert_int_equal(migrate(shop), ST_OK);
	assert_int_equal(applied, 1);
}

static void a_file_that_ends_its_transaction_is_refused(void **state)
{
	(void)state;
	write_file("shop/0002_bad.sql", "CREATE TABLE half (id bigint); COMMIT;");
	assert_refused(shop, ST_SCHEMA_MISMATCH, "holds no BEGIN, COMMIT");
	assert_int_equal(harness_sql_i64(harness, "SELECT count(*) FROM shop.migration"),
			 LIBRARY_FILES + 1);
}

static void two_at_a_time_apply_everything_once(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	/* a connection string of both before the fork, which must not touch the harness */
	harness_conninfo(harness, NULL);
	pid = fork();
	if (pid == 0)
		_exit(migrate(both) == ST_OK ? applied : 100);
	assert_int_equal(migrate(both), ST_OK);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status) + applied, 2 * (LIBRARY_FILES + 1));
}

/* refusals [PLT-16] */

static void a_changed_file_is_refused(void **state)
{
	(void)state;
	assert_int_equal(migrate(both), ST_OK);
	write_file("shop/0002_more.sql", "CREATE TABLE more (id bigint);");
	write_file("ledger-two/0001_init.sql", "CREATE TABLE secret (id int);");
	assert_refused(both, ST_SCHEMA_MISMATCH,
		       "'ledger-two/0001_init.sql' was changed after it was applied");
	/* compared first: nothing of the other service was applied either */
	assert_int_equal(harness_sql_i64(harness, "SELECT count(*) FROM shop.migration"),
			 LIBRARY_FILES + 1);
}

static void a_missing_file_is_refused(void **state)
{
	(void)state;
	write_file("shop/0002_more.sql", "CREATE TABLE more (id bigint);");
	assert_int_equal(migrate(shop), ST_OK);
	remove_file("shop/0001_init.sql");
	assert_refused(shop, ST_SCHEMA_MISMATCH, "should have number 0001");
	remove_file("shop/0002_more.sql");
	write_file("shop/0001_other.sql", "SELECT 1;");
	assert_refused(shop, ST_SCHEMA_MISMATCH, "a file that was applied is missing");
}

static void a_record_newer_than_the_folder_is_refused(void **state)
{
	(void)state;
	write_file("shop/0002_more.sql", "CREATE TABLE more (id bigint);");
	assert_int_equal(migrate(shop), ST_OK);
	remove_file("shop/0002_more.sql");
	assert_refused(shop, ST_SCHEMA_MISMATCH, "the database is newer");
}

static void gaps_and_doubles_in_the_numbers_are_refused(void **state)
{
	(void)state;
	write_file("shop/0003_gap.sql", "SELECT 1;");
	assert_refused(shop, ST_SCHEMA_MISMATCH, "0003_gap.sql' should have number 0002");
	remove_file("shop/0003_gap.sql");
	write_file("shop/0001_twice.sql", "SELECT 1;");
	assert_refused(shop, ST_SCHEMA_MISMATCH, "should have number 0002");
}

static void names_that_are_none_are_refused(void **state)
{
	static const char *const bad_services[] = { "Shop",    "",       "a b",     "a\"b",
						    "pg_shop", "public", "library", "1shop" };
	char long_name[MIGRATE_SERVICE_NAME_BYTES_MAX + 2] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(bad_services) / sizeof(bad_services[0]); i++) {
		const char *const services[] = { bad_services[i], NULL };

		assert_refused(services, ST_CONFIG_INVALID, "cannot be the name of a service");
	}
	memset(long_name, 'a', MIGRATE_SERVICE_NAME_BYTES_MAX);
	const char *const services[] = { long_name, NULL };
	assert_refused(services, ST_CONFIG_INVALID, "cannot read"); /* a name, but no folder */
	long_name[MIGRATE_SERVICE_NAME_BYTES_MAX] = 'a';
	assert_refused(services, ST_CONFIG_INVALID, "cannot be the name of a service");
	write_file("shop/2_short.sql", "SELECT 1;");
	assert_refused(shop, ST_CONFIG_INVALID, "is not named like 0001_words.sql");
}

static void files_past_their_limits_are_refused(void **state)
{
	size_t size = MIGRATE_FILE_BYTES_MAX + 1;
	char *text = malloc(size + 1);

	(void)state;
	assert_non_null(text);
	memset(text, ' ', size);
	text[size] = '\0';
	write_file("shop/0002_large.sql", text);
	assert_refused(shop, ST_CONFIG_INVALID, "is larger than 1048576 bytes");
	text[size - 1] = '\0';
	write_file("shop/0002_large.sql", text);
	assert_int_equal(migrate(shop), ST_OK);
	free(text);
}

static void no_server_is_unavailable(void **state)
{
	struct migrate_plan plan = { .conninfo = "host=/nonexistent user=x dbname=x",
				     .folder = folder,
				     .services = shop };

	(void)state;
	assert_int_equal(migrate_run(&plan, &problem), ST_DATABASE_UNAVAILABLE);
}

/* a start against the schema [PLT-16] */

static enum st check_as_shop(uint32_t version)
{
	struct db *db = open_as("shop");
	enum st st;

	problem = (struct problem){ .st = ST_OK };
	st = migrate_check(db, "shop", version, &problem);
	db_close(db);
	return st;
}

static void a_service_starts_only_on_the_schema_it_knows(void **state)
{
	(void)state;
	assert_int_equal(migrate(shop), ST_OK);
	assert_int_equal(check_as_shop(1), ST_OK);
	assert_int_equal(check_as_shop(2), ST_SCHEMA_MISMATCH);
	assert_non_null(strstr(problem.detail, "is at version 1"));
	assert_non_null(strstr(problem.hint, "run piopl migrate"));
	write_file("shop/0002_more.sql", "CREATE TABLE more (id bigint);");
	assert_int_equal(migrate(shop), ST_OK);
	assert_int_equal(check_as_shop(1), ST_SCHEMA_MISMATCH);
	assert_non_null(strstr(problem.hint, "the database is newer"));
	harness_sql(harness, "INSERT INTO shop.migration VALUES ('library', 99, 'x', 'x',"
			     " to_timestamp(0))");
	assert_int_equal(check_as_shop(2), ST_SCHEMA_MISMATCH);
}

static void a_service_does_not_start_on_a_schema_never_migrated(void **state)
{
	(void)state;
	assert_int_equal(migrate(shop), ST_OK);
	harness_sql(harness, "DROP SCHEMA shop CASCADE");
	assert_int_equal(check_as_shop(1), ST_SCHEMA_MISMATCH);
	assert_non_null(strstr(problem.detail, "was never migrated"));
}

/* roles [PLT-16] */

static void a_role_works_in_its_own_schema_by_short_names(void **state)
{
	(void)state;
	assert_int_equal(migrate(both), ST_OK);
	assert_allowed("shop", "INSERT INTO thing VALUES (1, 'one'); UPDATE thing SET name = 'x';"
			       "SELECT * FROM thing; DELETE FROM thing; SELECT twice(2)");
	assert_allowed("shop", "INSERT INTO log (words) VALUES ('a')");
	assert_allowed("ledger-two", "INSERT INTO outbox (event_id, type, subject, trace_id,"
				     " time_ms, data) VALUES"
				     " ('0193e0a0-7b1c-7def-8123-456789abcdef', 't', 's', 'r', 1,"
				     " '')");
}

static void a_role_touches_nothing_outside_its_schema(void **state)
{
	static const char *const forbidden[] = {
		"SELECT * FROM \"ledger-two\".secret",
		"INSERT INTO \"ledger-two\".secret VALUES (1)",
		"SELECT * FROM \"ledger-two\".outbox",
		"SELECT * FROM \"ledger-two\".migration",
		"CREATE TABLE \"ledger-two\".mine (id int)",
		"CREATE TABLE public.mine (id int)",
		"CREATE TABLE mine (id int)",
		"CREATE TEMP TABLE mine (id int)",
		"CREATE SCHEMA mine",
		"CREATE ROLE mine",
		"CREATE DATABASE mine",
		"SET ROLE \"ledger-two\"",
		"SET ROLE shop_owner",
		"SET ROLE postgres",
		"ALTER TABLE thing ADD COLUMN more int",
		"DROP TABLE thing",
		"TRUNCATE thing",
		"UPDATE log SET words = ''",
		"DELETE FROM log",
		"GRANT DELETE ON log TO shop; DELETE FROM log",
		"CREATE TRIGGER t BEFORE INSERT ON log EXECUTE FUNCTION twice()",
		"UPDATE migration SET number = 9",
		"DELETE FROM migration",
		"SELECT * FROM pg_authid",
		"SELECT pg_read_file('/etc/passwd')",
		"COPY thing TO PROGRAM 'true'",
		"COPY thing TO '/tmp/x'",
		"SELECT \"ledger-two\".nothing()",
	};

	(void)state;
	write_file("ledger-two/0002_function.sql",
		   "CREATE FUNCTION nothing() RETURNS int LANGUAGE sql AS 'SELECT 1';");
	assert_int_equal(migrate(both), ST_OK);
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
		assert_forbidden("shop", forbidden[i]);
	assert_int_equal(run_as("shop_owner", "SELECT 1"), ST_DATABASE_UNAVAILABLE);
	assert_non_null(strstr(problem.detail, "not permitted to log in"));
}

static void a_right_taken_away_stays_away_after_another_run(void **state)
{
	(void)state;
	assert_int_equal(migrate(shop), ST_OK);
	assert_int_equal(migrate(shop), ST_OK);
	assert_forbidden("shop", "DELETE FROM log");
}

static void a_role_made_mighty_by_hand_is_put_right(void **state)
{
	(void)state;
	assert_int_equal(migrate(shop), ST_OK);
	harness_sql(harness, "ALTER ROLE shop SUPERUSER CREATEDB");
	assert_int_equal(migrate(shop), ST_OK);
	assert_forbidden("shop", "CREATE ROLE mine");
}

static void passwords_come_from_files(void **state)
{
	struct migrate_plan plan = { .conninfo = harness_conninfo(harness, NULL),
				     .folder = folder,
				     .services = shop,
				     .password_folder = folder };

	(void)state;
	assert_int_equal(migrate_run(&plan, &problem),
			 ST_CONFIG_INVALID); /* a folder, not a file */
	make_folder("passwords");
	char passwords[160];
	snprintf(passwords, sizeof(passwords), "%s/passwords", folder);
	plan.password_folder = passwords;
	assert_int_equal(migrate_run(&plan, &problem), ST_CONFIG_INVALID);
	assert_non_null(strstr(problem.detail, "cannot read"));
	write_file("passwords/shop", "two\nlines\n");
	assert_int_equal(migrate_run(&plan, &problem), ST_CONFIG_INVALID);
	assert_non_null(strstr(problem.detail, "should hold one line"));
	write_file("passwords/shop", "it's a \"password\"\n");
	assert_int_equal(migrate_run(&plan, &problem), ST_OK);
	assert_string_equal(harness_sql_text(harness, "SELECT left(rolpassword, 13) FROM pg_authid"
						      " WHERE rolname = 'shop'"),
			    "SCRAM-SHA-256");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, fresh)
	const struct CMUnitTest tests[] = {
		TEST(migrations_are_applied_once_and_recorded),
		TEST(the_library_has_its_tables_in_every_schema),
		TEST(a_file_that_fails_leaves_nothing_of_itself),
		TEST(a_file_that_ends_its_transaction_is_refused),
		TEST(two_at_a_time_apply_everything_once),
		TEST(a_changed_file_is_refused),
		TEST(a_missing_file_is_refused),
		TEST(a_record_newer_than_the_folder_is_refused),
		TEST(gaps_and_doubles_in_the_numbers_are_refused),
		TEST(names_that_are_none_are_refused),
		TEST(files_past_their_limits_are_refused),
		TEST(no_server_is_unavailable),
		TEST(a_service_starts_only_on_the_schema_it_knows),
		TEST(a_service_does_not_start_on_a_schema_never_migrated),
		TEST(a_role_works_in_its_own_schema_by_short_names),
		TEST(a_role_touches_nothing_outside_its_schema),
		TEST(a_right_taken_away_stays_away_after_another_run),
		TEST(a_role_made_mighty_by_hand_is_put_right),
		TEST(passwords_come_from_files),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
