/* Migrations: the folder is read, the record is read, the two are compared, what is missing is
 * applied. Names go into SQL as identifiers, so each is checked against a narrow alphabet first. */
#include "migrate.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "db_admin.h"

#define ARENA_BYTES_MAX ((size_t)64 * 1024 * 1024)
/* A file that writes much anew takes long: stopped half way it would only begin again. */
#define FILE_MS_MAX (INT64_C(24) * 3600 * 1000)
#define CHECKSUM_SIZE 64
#define FILE_NAME_BYTES_MAX 120
#define PASSWORD_BYTES_MAX 256
#define LIBRARY "library"

struct file {
	uint32_t number;
	struct str name; /* "0001_outbox.sql" */
	struct str text;
	char checksum[CHECKSUM_SIZE + 1];
};

struct set {
	const char *name; /* "library" or the service */
	struct file *files;
	size_t count;
	size_t applied;
};

struct run {
	const struct migrate_plan *plan;
	struct db *db;
	struct arena arena;
	struct problem *problem;
};

/* names */

static bool is_service_name(const char *name)
{
	size_t size = strlen(name);

	if (size == 0 || size > MIGRATE_SERVICE_NAME_BYTES_MAX)
		return false;
	if (name[0] < 'a' || name[0] > 'z')
		return false;
	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != size)
		return false;
	return strcmp(name, LIBRARY) != 0 && strcmp(name, "public") != 0 &&
	       strncmp(name, "pg_", 3) != 0;
}

/* NNNN_words.sql */
static bool is_file_name(const char *name)
{
	size_t size = strlen(name);

	return size > strlen("0000_.sql") && size <= FILE_NAME_BYTES_MAX &&
	       strspn(name, "0123456789") == 4 && name[4] == '_' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == size - 4 &&
	       strcmp(name + size - 4, ".sql") == 0;
}

/* the folder */

static enum st file_read(struct run *run, const char *path, size_t bytes_max, struct str *ret)
{
	FILE *file = fopen(path, "re");
	struct stat info;
	char *text;
	size_t size;

	if (!file)
		return problem_set(run->problem, ST_CONFIG_INVALID, "", "cannot read '%s': %s",
				   path, strerror(errno));
	if (fstat(fileno(file), &info) != 0 || (size_t)info.st_size > bytes_max) {
		fclose(file);
		return problem_set(run->problem, ST_CONFIG_INVALID, "",
				   "'%s' is larger than %zu bytes", path, bytes_max);
	}
	text = arena_alloc(&run->arena, (size_t)info.st_size + 1);
	size = text ? fread(text, 1, (size_t)info.st_size, file) : 0;
	fclose(file);
	if (!text)
		return problem_set(run->problem, ST_NO_MEMORY, "", "no memory for '%s'", path);
	if (memchr(text, '\0', size))
		return problem_set(run->problem, ST_CONFIG_INVALID, "", "'%s' holds a zero byte",
				   path);
	*ret = (struct str){ .data = text, .size = size };
	return ST_OK;
}

static void checksum_of(struct str text, char *out)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];

	SHA256((const unsigned char *)text.data, text.size, hash);
	for (size_t i = 0; i < sizeof(hash); i++)
		snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

static enum st set_add(struct run *run, const char *folder, const char *name, struct set *set)
{
	struct file *file = &set->files[set->count];
	struct str path = arena_printf(&run->arena, "%s/%s", folder, name);

	if (!path.data)
		return problem_set(run->problem, ST_NO_MEMORY, "", "no memory for '%s'", name);
	file->name = arena_copy(&run->arena, str_of(name));
	file->number = (uint32_t)strtoul(name, NULL, 10);
	TRY(file_read(run, path.data, MIGRATE_FILE_BYTES_MAX, &file->text));
	checksum_of(file->text, file->checksum);
	set->count++;
	return ST_OK;
}

static int file_order(const void *a, const void *b)
{
	return str_compare(((const struct file *)a)->name, ((const struct file *)b)->name);
}

static enum st set_check_numbers(struct run *run, const char *folder, const struct set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		if (set->files[i].number != i + 1)
			return problem_set(run->problem, ST_SCHEMA_MISMATCH, "",
					   "'%s/%s' should have number %04zu: migrations are "
					   "numbered from 0001 without gaps",
					   folder, set->files[i].name.data, i + 1);
	}
	return ST_OK;
}

/* Every regular name ending in .sql must be a migration: a misnamed one would be left out. */
static enum st entry_read(struct run *run, const char *folder, const char *name, struct set *set)
{
	if (!str_ends(str_of(name), ".sql"))
		return ST_OK;
	if (!is_file_name(name))
		return problem_set(run->problem, ST_CONFIG_INVALID, "",
				   "'%s/%s' is not named like 0001_words.sql", folder, name);
	if (set->count == MIGRATE_FILES_MAX)
		return problem_set(run->problem, ST_CONFIG_INVALID, "",
				   "'%s' holds more than %d migrations", folder, MIGRATE_FILES_MAX);
	return set_add(run, folder, name, set);
}

static enum st set_read(struct run *run, const char *name, struct set *ret)
{
	struct str folder = arena_printf(&run->arena, "%s/%s", run->plan->folder, name);
	struct set set = { .name = name };
	const struct dirent *entry;
	enum st st = ST_OK;
	DIR *dir;

	set.files = ARENA_ARRAY(&run->arena, struct file, MIGRATE_FILES_MAX);
	if (!folder.data || !set.files)
		return problem_set(run->problem, ST_NO_MEMORY, "", "no memory for migrations");
	dir = opendir(folder.data);
	if (!dir)
		return problem_set(run->problem, ST_CONFIG_INVALID, "", "cannot read '%s': %s",
				   folder.data, strerror(errno));
	while (st == ST_OK && (entry = readdir(dir)))
		st = entry_read(run, folder.data, entry->d_name, &set);
	closedir(dir);
	TRY(st);
	qsort(set.files, set.count, sizeof(set.files[0]), file_order);
	TRY(set_check_numbers(run, folder.data, &set));
	*ret = set;
	return ST_OK;
}

/* SQL with names in it; the names were checked. */
static enum st sql_run(struct run *run, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static enum st sql_run(struct run *run, const char *format, ...)
{
	struct str sql;
	va_list args;

	va_start(args, format);
	sql = arena_vprintf(&run->arena, format, args);
	va_end(args);
	if (!sql.data)
		return problem_set(run->problem, ST_NO_MEMORY, "", "no memory for migrations");
	return db_simple(run->db, sql.data, run->problem);
}

/* the record */

static enum st recorded_compare(struct run *run, const char *service, struct set *set,
				const struct db_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		struct str name = db_text(rows, i, 1);

		if (i >= set->count)
			return problem_set(run->problem, ST_SCHEMA_MISMATCH, "",
					   "schema '%s' has migration '%s/%s', which this version "
					   "does not know: the database is newer",
					   service, set->name, name.data);
		if (!str_equal(name, set->files[i].name))
			return problem_set(run->problem, ST_SCHEMA_MISMATCH, "",
					   "schema '%s' has migration '%s/%s', but the folder has "
					   "'%s' in its place: a file that was applied is missing",
					   service, set->name, name.data, set->files[i].name.data);
		if (!str_is(db_text(rows, i, 2), set->files[i].checksum))
			return problem_set(run->problem, ST_SCHEMA_MISMATCH, "",
					   "'%s/%s' was changed after it was applied to schema "
					   "'%s': put it back and write a new migration",
					   set->name, name.data, service);
	}
	set->applied = rows->count;
	return ST_OK;
}

static enum st set_compare(struct run *run, const char *service, struct set *set)
{
	struct db_rows rows;
	struct str sql = arena_printf(&run->arena,
				      "SELECT number, name, checksum FROM \"%s\".migration"
				      " WHERE set = '%s' ORDER BY number",
				      service, set->name);

	if (!sql.data)
		return problem_set(run->problem, ST_NO_MEMORY, "", "no memory for migrations");
	TRY(db_simple_rows(run->db, sql.data, &run->arena, &rows, run->problem));
	return recorded_compare(run, service, set, &rows);
}

static enum st exists(struct run *run, const char *sql, const char *name, bool *ret)
{
	struct str text = arena_printf(&run->arena, sql, name);
	struct db_rows rows;

	if (!text.data)
		return problem_set(run->problem, ST_NO_MEMORY, "", "no memory for migrations");
	TRY(db_simple_rows(run->db, text.data, &run->arena, &rows, run->problem));
	*ret = rows.count > 0;
	return ST_OK;
}

static enum st has_record(struct run *run, const char *service, bool *ret)
{
	return exists(run, "SELECT 1 WHERE to_regclass('\"%s\".migration') IS NOT NULL", service,
		      ret);
}

static enum st service_compare(struct run *run, const char *service)
{
	struct set sets[2];
	bool recorded;

	if (!is_service_name(service))
		return problem_set(run->problem, ST_CONFIG_INVALID, "",
				   "'%s' cannot be the name of a service", service);
	TRY(set_read(run, LIBRARY, &sets[0]));
	TRY(set_read(run, service, &sets[1]));
	TRY(has_record(run, service, &recorded));
	if (!recorded)
		return ST_OK;
	TRY(set_compare(run, service, &sets[0]));
	return set_compare(run, service, &sets[1]);
}

/* roles and schema */

static enum st role_create(struct run *run, const char *role, const char *attributes)
{
	bool there;

	TRY(exists(run, "SELECT 1 FROM pg_roles WHERE rolname = '%s'", role, &there));
	return sql_run(run,
		       "%s ROLE \"%s\" NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOINHERIT "
		       "%s",
		       there ? "ALTER" : "CREATE", role, attributes);
}

static enum st password_set(struct run *run, const char *service)
{
	struct str path, text;

	if (!run->plan->password_folder)
		return ST_OK;
	path = arena_printf(&run->arena, "%s/%s", run->plan->password_folder, service);
	if (!path.data)
		return problem_set(run->problem, ST_NO_MEMORY, "", "no memory for migrations");
	TRY(file_read(run, path.data, PASSWORD_BYTES_MAX, &text));
	while (text.size > 0 && strchr("\r\n", text.data[text.size - 1]))
		text.size--;
	if (text.size == 0 || memchr(text.data, '\n', text.size))
		return problem_set(run->problem, ST_CONFIG_INVALID, "",
				   "'%s' should hold one line, the password", path.data);
	text = arena_copy(&run->arena, text);
	if (!text.data)
		return problem_set(run->problem, ST_NO_MEMORY, "", "no memory for migrations");
	return db_simple_password(run->db, service, text.data, run->problem);
}

static enum st schema_create(struct run *run, const char *s)
{
	return sql_run(run,
		       "BEGIN;"
		       "CREATE SCHEMA IF NOT EXISTS \"%1$s\" AUTHORIZATION \"%1$s_owner\";"
		       "REVOKE ALL ON SCHEMA \"%1$s\" FROM PUBLIC;"
		       "GRANT USAGE ON SCHEMA \"%1$s\" TO \"%1$s\";"
		       "ALTER ROLE \"%1$s\" SET search_path = \"%1$s\";"
		       "ALTER DEFAULT PRIVILEGES FOR ROLE \"%1$s_owner\""
		       " REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;"
		       "ALTER DEFAULT PRIVILEGES FOR ROLE \"%1$s_owner\" IN SCHEMA \"%1$s\""
		       " GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO \"%1$s\";"
		       "ALTER DEFAULT PRIVILEGES FOR ROLE \"%1$s_owner\" IN SCHEMA \"%1$s\""
		       " GRANT USAGE, SELECT ON SEQUENCES TO \"%1$s\";"
		       "ALTER DEFAULT PRIVILEGES FOR ROLE \"%1$s_owner\" IN SCHEMA \"%1$s\""
		       " GRANT EXECUTE ON FUNCTIONS TO \"%1$s\";"
		       "CREATE TABLE IF NOT EXISTS \"%1$s\".migration ("
		       " set text NOT NULL, number int NOT NULL, name text NOT NULL,"
		       " checksum text NOT NULL, applied_at timestamptz NOT NULL,"
		       " PRIMARY KEY (set, number));"
		       "GRANT SELECT ON \"%1$s\".migration TO \"%1$s\";"
		       "COMMIT",
		       s);
}

static enum st service_create(struct run *run, const char *service)
{
	struct str owner = arena_printf(&run->arena, "%s_owner", service);

	if (!owner.data)
		return problem_set(run->problem, ST_NO_MEMORY, "", "no memory for migrations");
	TRY(role_create(run, owner.data, "NOLOGIN"));
	TRY(role_create(run, service, "LOGIN"));
	TRY(password_set(run, service));
	TRY(sql_run(run,
		    "DO $$ BEGIN EXECUTE format('GRANT CONNECT ON DATABASE %%I TO %%I',"
		    " current_database(), '%s'); END $$",
		    service));
	return schema_create(run, service);
}

/* What PUBLIC may do is what every role may do. */
static enum st public_revoke(struct run *run)
{
	return db_simple(run->db,
			 "DO $$ BEGIN"
			 " EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC',"
			 " current_database());"
			 " IF to_regnamespace('public') IS NOT NULL THEN"
			 " REVOKE ALL ON SCHEMA public FROM PUBLIC; END IF; END $$",
			 run->problem);
}

/* applying */

static int64_t now_s(void)
{
	return (int64_t)time(NULL);
}

/* The server's words, after the name of the file they are about. */
static enum st apply_failed(struct run *run, const char *set, const char *file)
{
	struct problem words = { .detail = "" };
	struct problem ignored;

	if (run->problem)
		words = *run->problem;
	if (db_simple(run->db, "ROLLBACK", &ignored) != ST_OK)
		return words.st != ST_OK ? words.st : ST_DATABASE_UNAVAILABLE;
	if (words.st == ST_DATABASE_UNAVAILABLE || words.st == ST_DISK_FULL)
		return words.st;
	return problem_set(run->problem, ST_SCHEMA_MISMATCH, "", "'%s/%s' failed: %.300s", set,
			   file, words.detail);
}

static enum st still_inside(struct run *run, const char *service, bool *ret)
{
	struct str sql =
		arena_printf(&run->arena, "SELECT 1 WHERE current_user = '%s_owner'", service);
	struct db_rows rows;

	if (!sql.data)
		return ST_NO_MEMORY;
	TRY(db_simple_rows(run->db, sql.data, &run->arena, &rows, run->problem));
	*ret = rows.count > 0;
	return ST_OK;
}

static enum st file_apply(struct run *run, const char *service, const char *set,
			  const struct file *file)
{
	bool inside = false;

	/* local settings end with the transaction: if they are gone, the file ended it */
	if (sql_run(run, "BEGIN; SET LOCAL ROLE \"%s_owner\"; SET LOCAL search_path = \"%s\"",
		    service, service) != ST_OK ||
	    db_simple_within(run->db, file->text.data, FILE_MS_MAX, run->problem) != ST_OK ||
	    still_inside(run, service, &inside) != ST_OK)
		return apply_failed(run, set, file->name.data);
	if (!inside) {
		problem_set(run->problem, ST_SCHEMA_MISMATCH, "",
			    "a migration holds no BEGIN, COMMIT, ROLLBACK or SET ROLE");
		return apply_failed(run, set, file->name.data);
	}
	if (sql_run(run,
		    "RESET ROLE;"
		    "INSERT INTO \"%s\".migration (set, number, name, checksum, applied_at)"
		    " VALUES ('%s', %u, '%s', '%s', to_timestamp(%lld)); COMMIT",
		    service, set, file->number, file->name.data, file->checksum,
		    (long long)now_s()) != ST_OK)
		return apply_failed(run, set, file->name.data);
	if (run->plan->progress)
		run->plan->progress(run->plan->context, service, file->name.data);
	return ST_OK;
}

static enum st service_apply(struct run *run, const char *service)
{
	const char *const names[] = { LIBRARY, service };
	struct set set;

	TRY(service_create(run, service));
	for (size_t n = 0; n < 2; n++) {
		TRY(set_read(run, names[n], &set));
		TRY(set_compare(run, service, &set));
		for (size_t i = set.applied; i < set.count; i++)
			TRY(file_apply(run, service, set.name, &set.files[i]));
	}
	return ST_OK;
}

static enum st run_all(struct run *run)
{
	/* a second migration waits for the first, but not for ever */
	TRY(db_simple(run->db,
		      "SET statement_timeout = 0; SET lock_timeout = '60s';"
		      "SET idle_in_transaction_session_timeout = 0;"
		      "SET client_min_messages = warning;"
		      "SELECT pg_advisory_lock(hashtextextended('piopl/migrate', 0))",
		      run->problem));
	for (size_t i = 0; run->plan->services[i]; i++) {
		arena_reset(&run->arena);
		TRY(service_compare(run, run->plan->services[i]));
	}
	TRY(public_revoke(run));
	for (size_t i = 0; run->plan->services[i]; i++) {
		arena_reset(&run->arena);
		TRY(service_apply(run, run->plan->services[i]));
	}
	return ST_OK;
}

enum st migrate_run(const struct migrate_plan *plan, struct problem *problem)
{
	struct problem unused;
	struct run run = { .plan = plan, .problem = problem ? problem : &unused };
	enum st st;

	*run.problem = (struct problem){ .st = ST_OK };
	run.db = db_open(plan->conninfo, NULL, 0);
	arena_init(&run.arena, ARENA_BYTES_MAX);
	st = run_all(&run);
	arena_free(&run.arena);
	db_close(run.db); /* the lock goes with the session */
	return st;
}

/* at a service's start */

static enum st versions_compare(const struct db_rows *rows, const char *service,
				uint32_t schema_version, struct problem *problem)
{
	int64_t library = 0, own = 0;

	for (size_t i = 0; i < rows->count; i++) {
		int64_t number = 0;

		if (!str_to_i64(db_text(rows, i, 1), &number))
			return problem_set(problem, ST_INTERNAL, "", "the record cannot be read");
		if (str_is(db_text(rows, i, 0), LIBRARY))
			library = number;
		else
			own = number;
	}
	if (own == schema_version && library == MIGRATE_LIBRARY_VERSION)
		return ST_OK;
	problem_set(problem, ST_SCHEMA_MISMATCH, "",
		    "schema '%s' is at version %lld (library %lld), this program knows version %u "
		    "(library %d)",
		    service, (long long)own, (long long)library, schema_version,
		    MIGRATE_LIBRARY_VERSION);
	if (own > schema_version || library > MIGRATE_LIBRARY_VERSION)
		problem_hint(problem, "the database is newer: start the version that migrated it");
	else
		problem_hint(problem, "run piopl migrate");
	return ST_SCHEMA_MISMATCH;
}

enum st migrate_check(struct db *db, const char *service, uint32_t schema_version,
		      struct problem *problem)
{
	struct problem words = { .st = ST_OK };
	struct arena arena;
	struct db_rows rows;
	enum st st;

	arena_init(&arena, 64 * 1024);
	st = db_simple_rows(
		db, "SELECT set, max(number)::text FROM migration GROUP BY set ORDER BY set",
		&arena, &rows, &words);
	if (st == ST_OK) {
		st = versions_compare(&rows, service, schema_version, problem);
	} else if (st_info(st)->kind == ST_KIND_UNAVAILABLE) {
		problem_set(problem, st, "", "%s", words.detail);
	} else { /* no table, or no right to it */
		st = problem_set(problem, ST_SCHEMA_MISMATCH, "",
				 "schema '%s' was never migrated: %s", service, words.detail);
		problem_hint(problem, "run piopl migrate");
	}
	arena_free(&arena);
	return st;
}
