/* A private PostgreSQL cluster. initdb takes seconds, so it is done once for a build folder: every
 * run unpacks that template. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db_admin.h"
#include "harness_internal.h"
#include "migrate.h"

#define PG_BIN "/usr/lib/postgresql/15/bin"
#define TEMPLATE_NAME "pg-15-1.tar" /* the last figure changes with how it is made */
#define INITDB_MS_MAX 60000
#define PG_CHILD_END_MS 3000
#define CHILDREN_MAX 256

static void pg_user_find(struct harness *harness)
{
	const struct passwd *user;

	if (geteuid() != 0)
		return;
	user = getpwnam("postgres");
	if (!user)
		harness_die("there is no user 'postgres': run make deps");
	harness->pg_uid = user->pw_uid;
	harness->pg_gid = user->pw_gid;
}

static void pg_run(struct harness *harness, const char *const *argv)
{
	char log[96];
	struct harness_child child = { .argv = argv,
				       .logfile = log,
				       .uid = harness->pg_uid,
				       .gid = harness->pg_gid,
				       .death_signal = SIGKILL };

	snprintf(log, sizeof(log), "%s/setup.log", harness->folder);
	if (harness->pg_uid != 0) /* two users write to it, one after the other */
		harness_write_file(log, "");
	chmod(log, 0666);
	harness_run(&child, INITDB_MS_MAX);
}

static void own_run(struct harness *harness, const char *const *argv)
{
	char log[96];
	struct harness_child child = { .argv = argv, .logfile = log, .death_signal = SIGKILL };

	snprintf(log, sizeof(log), "%s/setup.log", harness->folder);
	harness_run(&child, INITDB_MS_MAX);
}

/* Made in our own folder, since PostgreSQL's user may not reach the build, and kept as one file,
 * which unpacks many times faster than a tree of a thousand files copies. */
static void template_make(struct harness *harness, const char *template)
{
	char near[PATH_MAX + 64], command[512];
	const char *const initdb[] = { PG_BIN "/initdb",
				       "-D",
				       harness->pg_data,
				       "-U",
				       "postgres",
				       "-E",
				       "UTF8",
				       "--locale=C",
				       "--auth=trust",
				       "--no-sync",
				       "--no-instructions",
				       NULL };
	const char *const create[] = { "sh", "-c", command, NULL };
	const char *const pack[] = { "tar", "-C", harness->folder, "-cf", near, "pg", NULL };
	const char *const remove[] = { "rm", "-rf", harness->pg_data, NULL };

	if (mkdir(harness->pg_data, 0700) != 0 ||
	    (harness->pg_uid != 0 && chown(harness->pg_data, harness->pg_uid, harness->pg_gid)))
		harness_die("cannot make '%s': %s", harness->pg_data, strerror(errno));
	pg_run(harness, initdb);
	snprintf(command, sizeof(command),
		 "echo 'CREATE DATABASE piopl' | " PG_BIN "/postgres --single -F -D %s postgres",
		 harness->pg_data);
	pg_run(harness, create);
	snprintf(near, sizeof(near), "%s.%d", template, (int)getpid());
	own_run(harness, pack);
	own_run(harness, remove);
	/* another program may have been first: then this one takes its place */
	if (rename(near, template) != 0)
		harness_die("cannot make '%s': %s", template, strerror(errno));
}

static void cluster_unpack(struct harness *harness)
{
	char cache[PATH_MAX + 16], template[PATH_MAX + 32];
	const char *const unpack[] = { "tar", "-C", harness->folder, "-xpf", template, NULL };

	snprintf(cache, sizeof(cache), "%s/cache", harness_build_folder());
	snprintf(template, sizeof(template), "%s/%s", cache, TEMPLATE_NAME);
	if (mkdir(cache, 0755) != 0 && errno != EEXIST)
		harness_die("cannot make '%s': %s", cache, strerror(errno));
	if (access(template, F_OK) != 0)
		template_make(harness, template);
	own_run(harness, unpack);
}

static void cluster_configure(struct harness *harness)
{
	char path[128], text[2048];
	const char *more = harness->options.pg_config ? harness->options.pg_config : "";

	snprintf(path, sizeof(path), "%s/postgresql.auto.conf", harness->pg_data);
	snprintf(text, sizeof(text),
		 "listen_addresses = ''\n"
		 "unix_socket_directories = '%s'\n"
		 "max_connections = 200\n"
		 "shared_buffers = 128MB\n"
		 "max_wal_size = 4GB\n"
		 "timezone = 'UTC'\n"
		 "log_timezone = 'UTC'\n"
		 "deadlock_timeout = 100ms\n"
		 "fsync = %s\n"
		 "full_page_writes = %s\n"
		 "%s\n",
		 harness->pg_data, harness->options.durable ? "on" : "off",
		 harness->options.durable ? "on" : "off", more);
	harness_write_file(path, text);
}

/* A new handle for each try: the library's back-off is for services. */
static bool pg_connects(struct harness *harness)
{
	struct db *db = db_open(harness_conninfo(harness, NULL), NULL, 0);
	bool connects = db_ready(db, NULL) == ST_OK;

	db_close(db);
	return connects;
}

static bool pg_answers(void *context)
{
	struct harness *harness = context;
	int status;

	if (harness_reap(harness->pg_pid, 0, &status)) {
		char log[128];

		snprintf(log, sizeof(log), "%s/pg.log", harness->folder);
		harness_show_file(log);
		harness_die("PostgreSQL ended at its start");
	}
	return pg_connects(harness);
}

void harness_pg_start(struct harness *harness)
{
	char log[96];
	const char *const argv[] = { PG_BIN "/postgres", "-D", harness->pg_data, NULL };
	struct harness_child child = { .argv = argv,
				       .logfile = log,
				       .uid = harness->pg_uid,
				       .gid = harness->pg_gid,
				       /* the postmaster takes its children with it */
				       .death_signal = SIGQUIT };

	if (harness->pg_pid != 0)
		harness_die("PostgreSQL runs already");
	snprintf(log, sizeof(log), "%s/pg.log", harness->folder);
	/* as the product starts it */
	setenv("MALLOC_TRIM_THRESHOLD_", "67108864", 1);
	setenv("MALLOC_MMAP_THRESHOLD_", "4194304", 1);
	harness->pg_pid = harness_fork(&child);
	unsetenv("MALLOC_TRIM_THRESHOLD_");
	unsetenv("MALLOC_MMAP_THRESHOLD_");
	if (!harness_wait_for(pg_answers, harness, HARNESS_START_MS_MAX)) {
		harness_show_file(log);
		harness_die("PostgreSQL does not answer");
	}
}

pid_t harness_pg_pid(const struct harness *harness)
{
	return harness->pg_pid;
}

static void pg_end(struct harness *harness, int signal_number)
{
	if (harness->pg_pid == 0)
		return;
	kill(harness->pg_pid, signal_number);
	if (!harness_reap(harness->pg_pid, HARNESS_STOP_MS_MAX, NULL))
		harness_die("PostgreSQL does not stop");
	harness->pg_pid = 0;
}

void harness_pg_stop(struct harness *harness)
{
	pg_end(harness, SIGINT);
}

/* The children of a process, as the kernel lists them. */
static size_t children_of(pid_t pid, pid_t *children, size_t children_max)
{
	char path[96];
	size_t count = 0;
	FILE *file;
	int child;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	file = fopen(path, "r");
	while (file && count < children_max && fscanf(file, "%d", &child) == 1)
		children[count++] = child;
	if (file)
		fclose(file);
	return count;
}

static bool is_gone(void *context)
{
	return kill(*(const pid_t *)context, 0) != 0;
}

/* They are told to end; one that recovers looks seldom, and is killed too. */
static void children_wait(const pid_t *children, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		pid_t child = children[i];

		if (harness_wait_for(is_gone, &child, PG_CHILD_END_MS))
			continue;
		kill(child, SIGKILL);
		if (!harness_wait_for(is_gone, &child, HARNESS_STOP_MS_MAX))
			harness_die("PostgreSQL's process %d does not end", (int)child);
	}
}

/* The children notice that the postmaster is gone; before they end no new one can start. */
void harness_pg_kill9(struct harness *harness)
{
	pid_t children[CHILDREN_MAX];
	size_t count = children_of(harness->pg_pid, children, CHILDREN_MAX);
	char path[160];

	pg_end(harness, SIGKILL);
	children_wait(children, count);
	snprintf(path, sizeof(path), "%s/postmaster.pid", harness->pg_data);
	unlink(path);
}

void harness_pg_crash(struct harness *harness, pid_t backend)
{
	pid_t children[CHILDREN_MAX];
	size_t count = children_of(harness->pg_pid, children, CHILDREN_MAX);

	kill(backend, SIGKILL);
	children_wait(children, count);
}

void harness_pg_revive(struct harness *harness)
{
	if (harness->pg_pid != 0 && !harness_reap(harness->pg_pid, 0, NULL))
		return;
	harness->pg_pid = 0;
	harness_pg_start(harness);
}

static bool pg_is_back(void *context)
{
	harness_pg_revive(context);
	return pg_connects(context);
}

void harness_pg_settle(struct harness *harness)
{
	if (!harness_wait_for(pg_is_back, harness, HARNESS_START_MS_MAX))
		harness_die("PostgreSQL does not come back");
}

void harness_pg_create(struct harness *harness)
{
	pg_user_find(harness);
	snprintf(harness->pg_data, sizeof(harness->pg_data), "%s/pg", harness->folder);
	cluster_unpack(harness);
	cluster_configure(harness);
	if (harness->pg_uid != 0) {
		char log[96];

		snprintf(log, sizeof(log), "%s/pg.log", harness->folder);
		harness_write_file(log, "");
		if (chown(log, harness->pg_uid, harness->pg_gid) != 0)
			harness_die("cannot give '%s' away: %s", log, strerror(errno));
	}
	harness_pg_start(harness);
	harness->admin = harness_db_open(harness, NULL, NULL, 0);
}

void harness_pg_destroy(struct harness *harness)
{
	db_close(harness->admin);
	pg_end(harness, SIGQUIT); /* nothing of it is kept */
	for (size_t i = 0; i < harness->conninfo_count; i++)
		free(harness->conninfos[i]);
}

const char *harness_conninfo(struct harness *harness, const char *role)
{
	char *conninfo;

	if (asprintf(&conninfo, "host=%s user=%s dbname=piopl", harness->pg_data,
		     role ? role : "postgres") < 0)
		harness_die("no memory");
	for (size_t i = 0; i < harness->conninfo_count; i++) {
		if (strcmp(harness->conninfos[i], conninfo) == 0) {
			free(conninfo);
			return harness->conninfos[i];
		}
	}
	if (harness->conninfo_count == HARNESS_ROLES_MAX)
		harness_die("more than %d roles", HARNESS_ROLES_MAX);
	harness->conninfos[harness->conninfo_count++] = conninfo;
	return conninfo;
}

/* A new handle for each try: no back-off here. */
struct db *harness_db_open(struct harness *harness, const char *role,
			   const struct db_statement *const *tables, size_t table_count)
{
	int64_t deadline_ms = harness_now_ms() + HARNESS_START_MS_MAX;

	for (;;) {
		struct db *db = db_open(harness_conninfo(harness, role), tables, table_count);

		if (db_ready(db, NULL) != ST_DATABASE_UNAVAILABLE ||
		    harness_now_ms() >= deadline_ms)
			return db;
		db_close(db);
		usleep(5000);
	}
}

static void admin_refresh(struct harness *harness)
{
	if (db_ready(harness->admin, NULL) == ST_OK)
		return;
	/* the server was restarted in between */
	db_close(harness->admin);
	harness->admin = harness_db_open(harness, NULL, NULL, 0);
}

static struct db_rows admin_rows(struct harness *harness, const char *sql)
{
	struct problem problem = { .st = ST_OK };
	struct db_rows rows = { .count = 0 };

	admin_refresh(harness);
	arena_reset(&harness->arena);
	if (db_simple_rows(harness->admin, sql, &harness->arena, &rows, &problem) != ST_OK)
		harness_die("'%s': %s", sql, problem.detail);
	return rows;
}

void harness_sql(struct harness *harness, const char *sql)
{
	(void)admin_rows(harness, sql);
}

const char *harness_sql_text(struct harness *harness, const char *sql)
{
	struct db_rows rows = admin_rows(harness, sql);

	return rows.count > 0 ? db_text(&rows, 0, 0).data : "";
}

int64_t harness_sql_i64(struct harness *harness, const char *sql)
{
	const char *text = harness_sql_text(harness, sql);
	char *end;
	int64_t value = strtoll(text, &end, 10);

	if (*text == '\0' || *end != '\0')
		harness_die("'%s' gave '%s', not a number", sql, text);
	return value;
}

void harness_migrate_from(struct harness *harness, const char *folder, const char *const *services)
{
	struct problem problem = { .st = ST_OK };
	struct migrate_plan plan = { .conninfo = harness_conninfo(harness, NULL),
				     .folder = folder,
				     .services = services };
	int64_t deadline_ms = harness_now_ms() + HARNESS_START_MS_MAX;
	enum st st;

	do
		st = migrate_run(&plan, &problem);
	while (st == ST_DATABASE_UNAVAILABLE && harness_now_ms() < deadline_ms);
	if (st != ST_OK)
		harness_die("migrations: %s", problem.detail);
}

void harness_migrate(struct harness *harness, const char *const *services)
{
	char folder[PATH_MAX + 16];

	snprintf(folder, sizeof(folder), "%s/migrations", harness_root_folder());
	harness_migrate_from(harness, folder, services);
}
