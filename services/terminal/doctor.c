/* doctor.c: checks of an installation, each with what to do. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "clock.h"
#include "json.h"
#include "services/terminal/install.h"
#include "services/terminal/process.h"
#include "services/terminal/supervise.h"

#define DISK_BYTES_MIN ((uint64_t)2 * 1024 * 1024 * 1024)
#define CLOCK_APART_MS_MAX 2000

enum verdict { GOOD, WARNING, BAD };

struct doctor {
	struct terminal *t;
	struct table table;
	struct json *checks;
	int bad;
};

static void finding(struct doctor *d, enum verdict verdict, const char *check, const char *what,
		    const char *advice)
{
	static const char *const names[] = { "ok", "warning", "BAD" };
	struct arena *arena = &d->t->arena;
	struct json *out = json_new(arena, JSON_OBJECT);

	/* what is given may lie on the board, which is gone when the table is written */
	check = arena_copy(arena, str_of(check)).data;
	table_cell_c(&d->table, names[verdict]);
	table_cell_c(&d->table, check);
	table_cell(&d->table, arena_copy(arena, str_of(what)));
	table_cell(&d->table, arena_copy(arena, str_of(verdict == GOOD ? "" : advice)));
	json_set(arena, out, "check", json_new_string(arena, str_of(check)));
	json_set(arena, out, "ok", json_new_bool(arena, verdict != BAD));
	json_set(arena, out, "found", json_new_string(arena, arena_copy(arena, str_of(what))));
	if (verdict != GOOD)
		json_set(arena, out, "advice",
			 json_new_string(arena, arena_copy(arena, str_of(advice))));
	json_add(d->checks, out);
	d->bad += verdict == BAD;
}

static void problem_finding(struct doctor *d, enum st st, const char *check, const char *good,
			    const struct problem *problem)
{
	if (st == ST_OK)
		finding(d, GOOD, check, good, "");
	else
		finding(d, BAD, check,
			problem->detail[0] != '\0' ? problem->detail : st_info(st)->title,
			problem->hint);
}

static void check_machine(struct doctor *d)
{
	const struct site *site = &d->t->site;
	struct problem problem = { 0 };
	struct statvfs disk;
	char text[128];

	problem_finding(d, install_check_programs(site, &problem), "programs",
			"PostgreSQL, nats-server and the services are there", &problem);
	problem = (struct problem){ 0 };
	problem_finding(d, install_check_ports(site, &problem), "ports", "free or ours", &problem);
	if (statvfs(site->data, &disk) != 0) {
		finding(d, WARNING, "disk", "the data directory is not there yet",
			"start the system with: piopl up");
		return;
	}
	uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
	snprintf(text, sizeof(text), "%llu MiB free in %s",
		 (unsigned long long)(free_bytes / 1024 / 1024), site->data);
	finding(d, free_bytes >= DISK_BYTES_MIN ? GOOD : BAD, "disk", text,
		"free some space; the database stops when the disk is full");
}

/* What a program says to --version, its first line. */
static void version_of(const char *program, char *ret, size_t ret_size)
{
	char command[SITE_PATH_MAX + 32];
	FILE *pipe;

	snprintf(ret, ret_size, "%s says nothing", program);
	snprintf(command, sizeof(command), "'%s' --version 2>/dev/null", program);
	pipe = popen(command, "re");
	if (pipe && fgets(ret, (int)ret_size, pipe))
		ret[strcspn(ret, "\n")] = '\0';
	if (pipe)
		pclose(pipe);
}

static void check_versions(struct doctor *d)
{
	const struct site *site = &d->t->site;
	char program[SITE_PATH_MAX + 16];
	char postgres[128];
	char nats[128];
	char text[300];

	if (site->postgres_dir[0] == '\0' || site->nats_server[0] == '\0')
		return;
	snprintf(program, sizeof(program), "%s/postgres", site->postgres_dir);
	version_of(program, postgres, sizeof(postgres));
	version_of(site->nats_server, nats, sizeof(nats));
	snprintf(text, sizeof(text), "piopl " TERMINAL_VERSION "; %s; %s", postgres, nats);
	finding(d, GOOD, "versions", text, "");
}

/* Secrets that others can read. */
static int open_secrets(const char *directory, char *ret_name, size_t ret_size)
{
	DIR *entries = opendir(directory);
	const struct dirent *entry;
	int open = 0;

	while (entries && (entry = readdir(entries))) {
		struct stat status;
		struct str name = str_of(entry->d_name);

		if (fstatat(dirfd(entries), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
		    !S_ISREG(status.st_mode) || str_ends(name, ".pub") || str_ends(name, ".json"))
			continue;
		if ((status.st_mode & 077) == 0 && status.st_uid == geteuid())
			continue;
		open++;
		snprintf(ret_name, ret_size, "%s/%s", directory, entry->d_name);
	}
	if (entries)
		closedir(entries);
	return open;
}

static void check_keys(struct doctor *d)
{
	static const char *const places[] = { "keys", "keys/nkeys", "keys/pg", "keys/pg/password",
					      "keys/people" };
	char name[SITE_TEXT_MAX + 300] = "";
	char advice[SITE_TEXT_MAX + 320];
	int open = 0;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		open += open_secrets(site_path(&d->t->site, "%s", places[i]).text, name,
				     sizeof(name));
	if (open == 0) {
		finding(d, GOOD, "key files", "nobody else can read them", "");
		return;
	}
	snprintf(advice, sizeof(advice), "chmod 600 %s", name);
	finding(d, BAD, "key files", "others can read a secret", advice);
}

static void check_part(struct doctor *d, const struct board_part *part)
{
	char text[256];
	char advice[SITE_TEXT_MAX + 16];
	bool up = part->state == PART_READY || part->state == PART_DONE;

	snprintf(text, sizeof(text), "%s%s%s, %u restarts", part_state_name(part->state),
		 part->note[0] != '\0' && !up ? ": " : "", up ? "" : part->note, part->restarts);
	snprintf(advice, sizeof(advice), "see %s",
		 site_path(&d->t->site, "logs/%s.log", part->name).text);
	finding(d, !up ? BAD : part->restarts > 0 ? WARNING : GOOD, part->name, text, advice);
}

static bool check_parts(struct doctor *d)
{
	struct board *board = board_map(&d->t->site, false);

	if (!supervisor_runs(&d->t->site)) {
		finding(d, BAD, "supervisor", "the system is not running",
			"start it with: piopl up");
		board_unmap(board);
		return false;
	}
	for (uint32_t i = 0; board && i < board->part_count; i++)
		check_part(d, &board->parts[i]);
	board_unmap(board);
	return true;
}

static void check_sources(struct doctor *d, const char *service,
			  const struct common_service_status_reply *reply)
{
	char text[400];
	char advice[96];

	for (size_t i = 0; i < reply->sources.count; i++) {
		const struct common_source_position *s = &reply->sources.items[i];
		bool behind = s->has_head && s->head > s->sequence;

		if (!(s->has_stopped && s->stopped) && !behind)
			continue;
		snprintf(text, sizeof(text), "%s of %.*s at %lld of %lld%s%.*s",
			 s->has_stopped && s->stopped ? "stopped" : "behind", STR_ARG(s->source),
			 (long long)s->sequence, (long long)s->head, s->reason.data ? ": " : "",
			 STR_ARG(s->reason));
		snprintf(advice, sizeof(advice), "piopl parked list --service %s", service);
		finding(d, s->has_stopped && s->stopped ? BAD : WARNING, "events", text, advice);
	}
}

static void check_service(struct doctor *d, const char *service)
{
	struct common_service_status_request request = { 0 };
	struct common_service_status_reply reply;
	struct problem problem = { 0 };
	char text[128];
	char advice[96];
	int64_t apart_ms;

	if (terminal_call_service(d->t, service, &CALL_SERVICE_STATUS, &request, &reply,
				  &problem) != ST_OK) {
		finding(d, BAD, service, problem.detail, "see: piopl status");
		return;
	}
	snprintf(text, sizeof(text), "answers; %lld events sent, %lld waiting, %lld set aside",
		 (long long)reply.outbox_head, (long long)reply.outbox_waiting,
		 (long long)reply.parked);
	snprintf(advice, sizeof(advice), "piopl parked list --service %s", service);
	finding(d, reply.parked > 0 ? WARNING : GOOD, service, text, advice);
	check_sources(d, service, &reply);
	apart_ms = terminal_now_ms(d->t) - reply.time_ms;
	if (apart_ms > CLOCK_APART_MS_MAX || apart_ms < -CLOCK_APART_MS_MAX)
		finding(d, BAD, "clock", "a service sees another time than this terminal",
			"restart the system: piopl down, piopl up");
}

enum st cmd_doctor(struct terminal *t, struct problem *problem)
{
	struct doctor d = { .t = t, .checks = json_new(&t->arena, JSON_ARRAY) };
	struct buf buf;

	table_init(&d.table, &t->arena, "|check|found|what to do");
	check_machine(&d);
	check_versions(&d);
	if (site_is_installed(&t->site)) {
		check_keys(&d);
		if (check_parts(&d))
			for (size_t i = 0; site_services[i]; i++)
				check_service(&d, site_services[i]);
	}
	buf_init(&buf, &t->arena, 4096);
	if (t->json) {
		json_write_pretty(&buf, d.checks);
		buf_add_char(&buf, '\n');
		terminal_write(buf_str(&buf));
	} else {
		terminal_table(t, &d.table);
	}
	if (d.bad == 0)
		return ST_OK;
	return problem_set(problem, ST_UNAVAILABLE, "", "%d checks found something to do", d.bad);
}
