/* cmd_stack.c: up, down, reset, status, migrate. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "json.h"
#include "log.h"
#include "migrate.h"
#include "services/terminal/demonstration.h"
#include "services/terminal/install.h"
#include "services/terminal/parts.h"
#include "services/terminal/process.h"
#include "services/terminal/supervise.h"

#define UP_MS_MAX (4 * 60 * 1000)
#define UP_FAILURES_MAX 5 /* restarts of a part that was never ready */
#define DOWN_MS_MAX 60000
#define DOWN_ASK_MS_MAX 5000 /* a supervisor that does not listen for so long is killed */
#define WAIT_MS 40

static void step(struct terminal *t, const char *what, int64_t since_ms)
{
	struct str took = duration_print(&t->arena, clock_boot_ms() - since_ms);

	terminal_say(t, "  %s%-6s%s %-28s %.*s\n", t->color ? "\033[32m" : "", "ok",
		     t->color ? "\033[0m" : "", what, STR_ARG(took));
}

static enum st install_all(struct terminal *t, struct problem *problem)
{
	int64_t start_ms = clock_boot_ms();
	bool first = !site_is_installed(&t->site);

	TRY(install_directories(&t->site, problem));
	TRY(install_keys(t, problem));
	if (first)
		step(t, "keys and key list", start_ms);
	start_ms = clock_boot_ms();
	TRY(install_cluster(&t->site, problem));
	if (first)
		step(t, "database cluster", start_ms);
	TRY(install_bus(t, problem));
	return install_finish(t, problem);
}

/* --- waiting --- */

static bool part_is_up(const struct board_part *part)
{
	return part->state == PART_READY || part->state == PART_DONE;
}

static enum st part_failed(struct terminal *t, const struct board_part *part,
			   struct problem *problem)
{
	struct site_text log = site_path(&t->site, "logs/%s.log", part->name);
	char words[300];

	log_complaint(log.text, words, sizeof(words));
	problem_set(problem, ST_UNAVAILABLE, "", "%s does not start: %s", part->name,
		    words[0] != '\0' ? words : part->note);
	problem_hint(problem, "see %s", log.text);
	return ST_UNAVAILABLE;
}

struct waiting {
	int64_t start_ms;
	bool said[PARTS_MAX];
	uint32_t restarts[PARTS_MAX]; /* before we looked */
};

static enum st wait_turn(struct terminal *t, const struct board *board, struct waiting *w,
			 bool *ret_all, struct problem *problem)
{
	bool all = board->part_count > 0;

	for (uint32_t i = 0; i < board->part_count; i++) {
		const struct board_part *part = &board->parts[i];

		if (part_is_up(part) && !w->said[i]) {
			w->said[i] = true;
			step(t, part->name,
			     part->started_ms > w->start_ms ? part->started_ms : w->start_ms);
		}
		if (!part_is_up(part) && part->restarts >= w->restarts[i] + UP_FAILURES_MAX)
			return part_failed(t, part, problem);
		all = all && part_is_up(part);
	}
	*ret_all = all;
	return ST_OK;
}

/* Until every part is ready, with a line for each. */
static enum st wait_ready(struct terminal *t, struct problem *problem)
{
	struct board *board = board_map(&t->site, false);
	struct waiting w = { .start_ms = clock_boot_ms() };
	bool all = false;
	enum st st = ST_OK;

	if (!board)
		return problem_set(problem, ST_INTERNAL, "", "the supervisor left no board");
	for (uint32_t i = 0; i < board->part_count; i++)
		w.restarts[i] = board->parts[i].restarts;
	while (st == ST_OK && !all) {
		st = wait_turn(t, board, &w, &all, problem);
		if (st != ST_OK || all)
			break;
		if (clock_boot_ms() - w.start_ms > UP_MS_MAX || !supervisor_runs(&t->site)) {
			st = problem_set(problem, ST_UNAVAILABLE, "", "not everything is ready");
			problem_hint(problem, "see: piopl status");
		}
		process_sleep_ms(WAIT_MS);
	}
	board_unmap(board);
	return st;
}

/* A supervisor runs, and its board is not one this program can read. */
static bool runs_another_version(const struct site *site)
{
	struct board *board = board_map(site, false);
	bool unknown = !board && supervisor_runs(site) && board_supervisor(site) > 1;

	board_unmap(board);
	return unknown;
}

static enum st another_version(struct problem *problem)
{
	problem_set(problem, ST_UNAVAILABLE, "",
		    "the system runs, started by another version of piopl");
	problem_hint(problem, "piopl down, then: piopl up");
	return ST_UNAVAILABLE;
}

static bool runs_in_development(const struct site *site)
{
	struct board *board = board_map(site, false);
	bool development = board && board->development;

	board_unmap(board);
	return development;
}

enum st cmd_up(struct terminal *t, struct problem *problem)
{
	bool development = args_has(&t->args, "dev");
	int64_t start_ms = clock_boot_ms();
	bool runs = supervisor_runs(&t->site);
	struct str took;

	if (runs_another_version(&t->site))
		return another_version(problem);
	if (runs && development && !runs_in_development(&t->site)) {
		problem_set(problem, ST_UNAVAILABLE, "",
			    "the system runs, not in development mode");
		problem_hint(problem, "piopl down, then: piopl up --dev");
		return ST_UNAVAILABLE;
	}
	terminal_say(t, "%s %s\n", runs ? "already running in" : "starting in", t->site.data);
	if (!runs) {
		TRY(install_check_programs(&t->site, problem));
		TRY(install_check_ports(&t->site, problem));
		TRY(install_all(t, problem));
		TRY(supervisor_start(&t->site, development, problem));
	}
	TRY(wait_ready(t, problem));
	took = duration_print(&t->arena, clock_boot_ms() - start_ms);
	terminal_say(t, "everything is ready after %.*s%s\n", STR_ARG(took),
		     runs_in_development(&t->site) ? " (development mode)" : "");
	if (!args_has(&t->args, "bare"))
		TRY(demonstration_run(t, problem));
	return t->json ? cmd_status(t, problem) : ST_OK;
}

/* --- down, reset --- */

struct stopping {
	bool said[PARTS_MAX];
	pid_t asked;
	int64_t asked_ms;
};

/* Without its board nothing is known of its parts: it is asked to end them, and waited for. */
static void stop_other_version(const struct site *site, int64_t until_ms)
{
	kill(board_supervisor(site), SIGTERM);
	while (supervisor_runs(site) && clock_boot_ms() < until_ms)
		process_sleep_ms(WAIT_MS);
}

/* After a takeover there is another one to ask. One that does not listen is killed: its guardian
 * takes its place, and listens. */
static void stop_ask(const struct board *board, struct stopping *s)
{
	if (board->supervisor <= 1)
		return;
	if (board->supervisor != s->asked) {
		s->asked = board->supervisor;
		s->asked_ms = clock_boot_ms();
		kill(s->asked, SIGTERM);
	} else if (!board->stopping && clock_boot_ms() - s->asked_ms > DOWN_ASK_MS_MAX) {
		kill(s->asked, SIGKILL);
	}
}

static void stopped_say(struct terminal *t, const struct board *board, struct stopping *s)
{
	for (uint32_t i = 0; i < board->part_count; i++) {
		if (board->parts[i].state != PART_STOPPED || s->said[i])
			continue;
		s->said[i] = true;
		terminal_say(t, "  stopped %s\n", board->parts[i].name);
	}
}

static enum st stop_supervisor(struct terminal *t, struct problem *problem)
{
	struct board *board = board_map(&t->site, false);
	int64_t until_ms = clock_boot_ms() + DOWN_MS_MAX;
	struct stopping stopping = { 0 };

	if (runs_another_version(&t->site))
		stop_other_version(&t->site, until_ms);
	while (board && supervisor_runs(&t->site) && clock_boot_ms() < until_ms) {
		stop_ask(board, &stopping);
		stopped_say(t, board, &stopping);
		process_sleep_ms(WAIT_MS);
	}
	if (board)
		stopped_say(t, board, &stopping);
	board_unmap(board);
	if (!supervisor_runs(&t->site))
		return ST_OK;
	problem_set(problem, ST_UNAVAILABLE, "", "the supervisor did not stop within %d s",
		    DOWN_MS_MAX / 1000);
	problem_hint(problem, "see %s", site_path(&t->site, "logs/supervisor.log").text);
	return ST_UNAVAILABLE;
}

static enum st stop_all(struct terminal *t, bool *ret_ran, struct problem *problem)
{
	struct board *board;
	bool ran = supervisor_runs(&t->site);

	if (ran)
		TRY(stop_supervisor(t, problem));
	board = board_map(&t->site, false);
	for (uint32_t i = 0; board && i < board->part_count; i++)
		ran = ran || board_part_alive(&board->parts[i]);
	if (board)
		board_stop_orphans(board);
	board_unmap(board);
	*ret_ran = ran;
	return ST_OK;
}

enum st cmd_down(struct terminal *t, struct problem *problem)
{
	bool ran;

	TRY(stop_all(t, &ran, problem));
	if (t->json)
		terminal_write(ran ? STR("{\"stopped\":true}\n") : STR("{\"stopped\":false}\n"));
	terminal_say(t, ran ? "stopped; the data stays in %s\n" : "nothing runs in %s\n",
		     t->site.data);
	return ST_OK;
}

enum st cmd_reset(struct terminal *t, struct problem *problem)
{
	static const char *const owned[] = { "pg",   "pg.new", "nats",  "keys",
					     "logs", "run",    "clock", "demonstration" };
	struct str question =
		arena_printf(&t->arena, "All agents, evidence and keys in %s are removed for good.",
			     t->site.data);
	bool ran;

	if (!site_is_installed(&t->site) && access(site_path(&t->site, "keys").text, F_OK) != 0) {
		terminal_say(t, "there is nothing in %s\n", t->site.data);
		return ST_OK;
	}
	TRY(terminal_confirm(t, question.data, "reset", problem));
	TRY(stop_all(t, &ran, problem));
	unlink(site_path(&t->site, "install.json").text);
	for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++) {
		struct site_text path = site_path(&t->site, "%s", owned[i]);

		if (!tree_remove(path.text))
			return problem_set(problem, ST_UNAVAILABLE, "", "cannot remove \"%s\": %s",
					   path.text, strerror(errno));
	}
	tree_remove(t->site.socket_dir);
	rmdir(t->site.data);
	terminal_say(t, "forgotten: %s\n", t->site.data);
	return ST_OK;
}

/* --- status --- */

static struct json *part_json(struct terminal *t, const struct board_part *part, bool runs,
			      int64_t now_ms)
{
	struct json *out = json_new(&t->arena, JSON_OBJECT);
	bool alive = board_part_alive(part);

	json_set(&t->arena, out, "part", json_new_string(&t->arena, str_of(part->name)));
	json_set(&t->arena, out, "state",
		 json_new_string(&t->arena, str_of(part_state_name(part->state))));
	json_set(&t->arena, out, "ready", json_new_bool(&t->arena, runs && part_is_up(part)));
	if (alive)
		json_set(&t->arena, out, "pid", json_new_i64(&t->arena, part->pid));
	json_set(&t->arena, out, "for_ms", json_new_i64(&t->arena, now_ms - part->state_since_ms));
	json_set(&t->arena, out, "restarts", json_new_i64(&t->arena, part->restarts));
	if (part->note[0] != '\0')
		json_set(&t->arena, out, "note", json_new_string(&t->arena, str_of(part->note)));
	return out;
}

static void status_json(struct terminal *t, const struct board *board, bool runs)
{
	struct json *out = json_new(&t->arena, JSON_OBJECT);
	struct json *parts = json_new(&t->arena, JSON_ARRAY);
	struct buf buf;
	int64_t now_ms = clock_boot_ms();

	json_set(&t->arena, out, "data", json_new_string(&t->arena, str_of(t->site.data)));
	json_set(&t->arena, out, "running", json_new_bool(&t->arena, runs));
	if (board && runs) {
		json_set(&t->arena, out, "supervisor", json_new_i64(&t->arena, board->supervisor));
		json_set(&t->arena, out, "guardian", json_new_i64(&t->arena, board->guardian));
		json_set(&t->arena, out, "takeovers", json_new_i64(&t->arena, board->takeovers));
		json_set(&t->arena, out, "development",
			 json_new_bool(&t->arena, board->development));
	}
	for (uint32_t i = 0; board && i < board->part_count; i++)
		json_add(parts, part_json(t, &board->parts[i], runs, now_ms));
	json_set(&t->arena, out, "parts", parts);
	buf_init(&buf, &t->arena, 4096);
	json_write_pretty(&buf, out);
	buf_add_char(&buf, '\n');
	terminal_write(buf_str(&buf));
}

static void status_table(struct terminal *t, const struct board *board)
{
	struct table table;
	int64_t now_ms = clock_boot_ms();

	table_init(&table, &t->arena, "part|state|>pid|>for|>restarts|note");
	for (uint32_t i = 0; i < board->part_count; i++) {
		const struct board_part *part = &board->parts[i];

		table_cell_c(&table, part->name);
		table_cell_c(&table, part_state_name(part->state));
		if (board_part_alive(part))
			table_cell_i64(&table, part->pid);
		else
			table_cell_c(&table, "");
		table_cell(&table, duration_print(&t->arena, now_ms - part->state_since_ms));
		table_cell_i64(&table, part->restarts);
		table_cell_c(&table, part_is_up(part) ? "" : part->note);
	}
	terminal_table(t, &table);
}

enum st cmd_status(struct terminal *t, struct problem *problem)
{
	struct board *board = board_map(&t->site, false);
	bool runs = supervisor_runs(&t->site);
	bool ready = runs;

	if (runs_another_version(&t->site))
		return another_version(problem);
	for (uint32_t i = 0; board && i < board->part_count; i++)
		ready = ready && part_is_up(&board->parts[i]);
	if (t->json)
		status_json(t, board, runs);
	else if (board && runs) {
		status_table(t, board);
		terminal_say(t, "supervisor %d, guardian %d, %u takeovers%s; data in %s\n",
			     (int)board->supervisor, (int)board->guardian, board->takeovers,
			     board->development ? ", development mode" : "", t->site.data);
	}
	board_unmap(board);
	if (ready)
		return ST_OK;
	problem_set(problem, ST_UNAVAILABLE, "",
		    runs ? "not every part is ready" : "the system is not running in \"%s\"",
		    t->site.data);
	problem_hint(problem, runs ? "see: piopl doctor" : "start it with: piopl up");
	return ST_UNAVAILABLE;
}

/* --- migrate, supervise --- */

static void migrated(void *context, const char *service, const char *file)
{
	terminal_say(context, "  applied %s: %s\n", service, file);
}

enum st cmd_migrate(struct terminal *t, struct problem *problem)
{
	struct site_text conninfo = site_conninfo(&t->site, "postgres", SITE_DATABASE);
	struct site_text passwords = site_path(&t->site, "keys/pg/password");
	struct migrate_plan plan = {
		.conninfo = conninfo.text,
		.folder = t->site.migrations_dir,
		.services = site_services,
		.password_folder = passwords.text,
		.progress = migrated,
		.context = t,
	};

	if (!site_is_installed(&t->site)) {
		problem_set(problem, ST_UNAVAILABLE, "", "there is no installation in \"%s\"",
			    t->site.data);
		problem_hint(problem, "start one with: piopl up");
		return ST_UNAVAILABLE;
	}
	TRY(install_database(&t->site, problem));
	TRY(migrate_run(&plan, problem));
	terminal_say(t, "schemas are up to date\n");
	if (t->json)
		terminal_write(STR("{\"migrated\":true}\n"));
	return ST_OK;
}

enum st cmd_supervise(struct terminal *t, struct problem *problem)
{
	int status = supervisor_main(&t->site, args_has(&t->args, "dev"));

	if (status == 0)
		return ST_OK;
	return problem_set(problem, status == 1 ? ST_CONFLICT : ST_INTERNAL, "",
			   "the supervisor ended with status %d", status);
}
