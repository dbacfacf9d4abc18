/* install.c: checks before, directories, the database cluster, and the mark that all is done. */
#include "services/terminal/install.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "db_admin.h"
#include "json.h"
#include "services/terminal/parts.h"
#include "services/terminal/process.h"
#include "services/terminal/supervise.h"

enum st install_check_programs(const struct site *site, struct problem *problem)
{
	char service[SITE_PATH_MAX + 64];
	bool postgres = site->postgres_dir[0] == '\0' || site->postgres_user_missing;
	bool nats = site->nats_server[0] == '\0';

	if (postgres || nats) {
		problem_set(problem, ST_UNAVAILABLE, "", "missing on this machine:%s%s%s",
			    postgres ? " PostgreSQL 15" : "", postgres && nats ? "," : "",
			    nats ? " nats-server" : "");
		problem_hint(problem, "%sapt-get install --yes%s%s", site->root ? "" : "sudo ",
			     postgres ? " postgresql-15" : "", nats ? " nats-server" : "");
		return ST_UNAVAILABLE;
	}
	for (size_t i = 0; site_services[i]; i++) {
		snprintf(service, sizeof(service), "%s/piopl-%s", site->bin_dir, site_services[i]);
		if (access(service, X_OK) == 0)
			continue;
		problem_set(problem, ST_UNAVAILABLE, "", "there is no program \"%s\"", service);
		problem_hint(problem, "build it with: make all");
		return ST_UNAVAILABLE;
	}
	return ST_OK;
}

static bool port_is_ours(const struct site *site, uint16_t port)
{
	struct board *board = board_map(site, false);
	char note[PART_NOTE_MAX];
	bool ours = false;

	for (uint32_t i = 0; board && i < board->part_count; i++) {
		const struct board_part *part = &board->parts[i];
		bool bus = strcmp(part->name, "nats") == 0;
		bool service = !bus && strcmp(part->name, "postgres") != 0 &&
			       strcmp(part->name, "migrate") != 0;

		if (!board_part_alive(part))
			continue;
		if (bus && port == site->port_nats)
			ours = probe_nats(site, note, sizeof(note)) == ANSWER_READY;
		if (service && port == site_http_port(site, part->name))
			ours = true;
		if (strcmp(part->name, "gateway") == 0 && port == site_door_port(site))
			ours = true;
	}
	board_unmap(board);
	return ours;
}

static enum st port_check(const struct site *site, uint16_t port, const char *what,
			  const char *variable, struct problem *problem)
{
	char owner[128];

	if (!port_owner(port, owner, sizeof(owner)) || port_is_ours(site, port))
		return ST_OK;
	problem_set(problem, ST_UNAVAILABLE, "", "port %u, for %s, is taken by %s", (unsigned)port,
		    what, owner);
	problem_hint(problem, "choose another: %s=%u piopl up", variable, (unsigned)port + 1000);
	return ST_UNAVAILABLE;
}

enum st install_check_ports(const struct site *site, struct problem *problem)
{
	TRY(port_check(site, site->port_nats, "the bus", "PIOPL_PORT_NATS", problem));
	TRY(port_check(site, site_door_port(site), "the HTTP door", "PIOPL_PORT_HTTP", problem));
	for (size_t i = 0; site_services[i]; i++)
		TRY(port_check(site, site_http_port(site, site_services[i]), site_services[i],
			       "PIOPL_PORT_HTTP", problem));
	return ST_OK;
}

/* --- directories --- */

static enum st directory_refuse(const char *path, struct problem *problem)
{
	enum st st = errno == ENOSPC ? ST_DISK_FULL : ST_UNAVAILABLE;

	problem_set(problem, st, "", "cannot make \"%s\": %s", path, strerror(errno));
	problem_hint(problem, "choose another place with PIOPL_DATA");
	return st;
}

/* Every directory above the data must let the database's user through. */
static enum st traverse_check(const struct site *site, struct problem *problem)
{
	char path[SITE_PATH_MAX];
	struct stat status;

	if (!site->root)
		return ST_OK;
	snprintf(path, sizeof(path), "%s", site->data);
	for (char *slash = path + strlen(path); slash; slash = strrchr(path, '/')) {
		*slash = '\0';
		if (path[0] == '\0' || stat(path, &status) != 0)
			continue;
		if (status.st_mode & S_IXOTH)
			continue;
		problem_set(problem, ST_CONFIG_INVALID, "PIOPL_DATA",
			    "the database's user \"postgres\" cannot pass \"%s\"", path);
		problem_hint(problem, "choose a place outside it, or: chmod o+x %s", path);
		return ST_CONFIG_INVALID;
	}
	return ST_OK;
}

enum st install_directories(const struct site *site, struct problem *problem)
{
	static const struct {
		const char *path;
		mode_t mode;
	} directories[] = {
		{ "keys", 0700 },       { "keys/pg", 0700 },        { "keys/pg/password", 0700 },
		{ "keys/nkeys", 0700 }, { "keys/people", 0700 },    { "logs", 0750 },
		{ "nats", 0700 },       { "nats/jetstream", 0700 },
	};
	struct site_text run = site_path(site, "run");

	if (!directory_make(site->data, 0755))
		return directory_refuse(site->data, problem);
	TRY(traverse_check(site, problem));
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		struct site_text path = site_path(site, "%s", directories[i].path);

		if (!directory_make(path.text, directories[i].mode))
			return directory_refuse(path.text, problem);
	}
	if (!directory_make(run.text, 0755))
		return directory_refuse(run.text, problem);
	if (!directory_make(site->socket_dir, 0700) ||
	    chown(site->socket_dir, site->postgres_uid, site->postgres_gid) != 0)
		return directory_refuse(site->socket_dir, problem);
	return ST_OK;
}

/* --- the database cluster --- */

static const char cluster_settings[] =
	"# Written by piopl up; changes belong into postgresql.auto.conf (ALTER SYSTEM).\n"
	"listen_addresses = ''\n"
	"password_encryption = 'scram-sha-256'\n"
	"max_connections = 200\n"
	"shared_buffers = '256MB'\n"
	"max_wal_size = '2GB'\n"
	"wal_compression = on\n"
	"checkpoint_completion_target = 0.9\n"
	"timezone = 'UTC'\n"
	"log_timezone = 'UTC'\n"
	"log_line_prefix = '%m [%p] %u '\n"
	"log_statement = 'none'\n"
	"idle_in_transaction_session_timeout = '60s'\n";

static const char cluster_access[] = "# Written by piopl up. Nothing listens on TCP.\n"
				     "local all all scram-sha-256\n"
				     "local replication postgres scram-sha-256\n";

static enum st cluster_refuse(const struct site *site, const char *what, struct problem *problem)
{
	char words[200];

	file_tail(site_path(site, "logs/install.log").text, 1, words, sizeof(words));
	problem_set(problem, ST_UNAVAILABLE, "", "%s: %s", what, words);
	problem_hint(problem, "see %s", site_path(site, "logs/install.log").text);
	return ST_UNAVAILABLE;
}

/* initdb reads the superuser's password from a file its user can read, for as long as it runs. */
static enum st cluster_init(const struct site *site, struct problem *problem)
{
	struct site_text password = site_path(site, "keys/pg/password/postgres");
	char program[SITE_PATH_MAX + 16];
	char pwfile[SITE_PATH_MAX + 32];
	char text[128];
	int status;

	file_tail(password.text, 1, text, sizeof(text));
	snprintf(pwfile, sizeof(pwfile), "--pwfile=%s/.initdb", site->socket_dir);
	if (!file_write(pwfile + 9, text, strlen(text), 0600) ||
	    chown(pwfile + 9, site->postgres_uid, site->postgres_gid) != 0)
		return directory_refuse(pwfile + 9, problem);
	snprintf(program, sizeof(program), "%s/initdb", site->postgres_dir);
	status = process_run(&(const struct process_run){
		.argv = (const char *const[]){ program, "--pgdata", site_path(site, "pg.new").text,
					       "--username=postgres", "--auth=scram-sha-256",
					       "--encoding=UTF8", "--locale=C.UTF-8",
					       "--data-checksums", pwfile, NULL },
		.log = site_path(site, "logs/install.log").text,
		.uid = site->postgres_uid,
		.gid = site->postgres_gid,
		.directory = "/",
	});
	unlink(pwfile + 9);
	return status == 0 ? ST_OK : cluster_refuse(site, "initdb failed", problem);
}

static enum st cluster_write(const struct site *site, const char *name, const char *text,
			     struct problem *problem)
{
	struct site_text path = site_path(site, "pg.new/%s", name);

	if (file_write(path.text, text, strlen(text), 0600) &&
	    chown(path.text, site->postgres_uid, site->postgres_gid) == 0)
		return ST_OK;
	return directory_refuse(path.text, problem);
}

/* Made beside its place and moved there whole: an interrupted initdb leaves nothing half done. */
enum st install_cluster(const struct site *site, struct problem *problem)
{
	struct site_text made = site_path(site, "pg.new");
	struct site_text place = site_path(site, "pg");

	if (access(site_path(site, "pg/PG_VERSION").text, F_OK) == 0)
		return ST_OK;
	if (!tree_remove(made.text) || !directory_make(made.text, 0700) ||
	    chown(made.text, site->postgres_uid, site->postgres_gid) != 0)
		return directory_refuse(made.text, problem);
	TRY(cluster_init(site, problem));
	TRY(cluster_write(site, "postgresql.conf", cluster_settings, problem));
	TRY(cluster_write(site, "pg_hba.conf", cluster_access, problem));
	if (rename(made.text, place.text) != 0)
		return directory_refuse(place.text, problem);
	return ST_OK;
}

/* The database itself, once the server runs. */
enum st install_database(const struct site *site, struct problem *problem)
{
	struct db *db = db_open(site_conninfo(site, "postgres", "postgres").text, NULL, 0);
	struct arena arena;
	struct db_rows rows = { 0 };
	enum st st;

	if (!db)
		return ST_NO_MEMORY;
	arena_init(&arena, 64 * 1024);
	st = db_ready(db, problem);
	if (st == ST_OK)
		st = db_simple_rows(db,
				    "SELECT 1 FROM pg_database WHERE datname = '" SITE_DATABASE "'",
				    &arena, &rows, problem);
	if (st == ST_OK && rows.count == 0)
		st = db_simple(db, "CREATE DATABASE " SITE_DATABASE, problem);
	arena_free(&arena);
	db_close(db);
	return st;
}

/* --- done --- */

enum st install_finish(struct terminal *t, struct problem *problem)
{
	struct site_text path = site_path(&t->site, "install.json");
	struct str text = arena_printf(&t->arena,
				       "{\"version\":1,\"made_by\":\"" TERMINAL_VERSION
				       "\",\"port_nats\":%u,\"port_http\":%u}\n",
				       (unsigned)t->site.port_nats, (unsigned)t->site.port_http);

	if (text.data && file_write(path.text, text.data, text.size, 0644))
		return ST_OK;
	return directory_refuse(path.text, problem);
}
