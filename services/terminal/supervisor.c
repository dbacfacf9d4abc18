/* supervisor.c: the loop that keeps the parts alive, and its guardian. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "services/terminal/parts.h"
#include "services/terminal/process.h"
#include "services/terminal/supervise.h"

#define LOOP_MS_BUSY 25
#define LOOP_MS_STEADY 500
#define LOG_LOOK_MS 30000
#define LOCK_TRIES_MAX 50

struct supervisor {
	const struct site *site;
	struct board *board;
	const struct part_spec *specs;
	int pidfds[PARTS_MAX];
	int64_t probed_ms[PARTS_MAX];
	enum part_answer answers[PARTS_MAX];
	int signals;
	int64_t logs_looked_ms;
};

static void say(const char *level, const char *part, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void say(const char *level, const char *part, const char *format, ...)
{
	char message[256];
	va_list args;
	char time[TIME_TEXT_SIZE];

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	time_format(clock_wall_ms(), time);
	dprintf(STDERR_FILENO,
		"{\"time\":\"%s\",\"level\":\"%s\",\"service\":\"supervisor\","
		"\"category\":\"part\",\"subject\":\"%s\",\"message\":\"%s\"}\n",
		time, level, part, message);
}

/* --- one part's process --- */

static void part_exec(const struct supervisor *s, const struct part_spec *spec)
{
	sigset_t none;
	struct site_text log = site_path(s->site, "logs/%s.log", spec->name);
	int out = open(log.text, O_WRONLY | O_CREAT | O_APPEND, 0640);
	int null = open("/dev/null", O_RDONLY);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0);
	if (out < 0 || null < 0)
		_exit(126);
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	part_become(s->site, spec, s->board->development);
	dprintf(STDERR_FILENO, "cannot start %s: %s\n", spec->name, strerror(errno));
	_exit(127);
}

static void part_start(struct supervisor *s, size_t i)
{
	struct board_part *part = &s->board->parts[i];
	pid_t pid = fork();

	if (pid == 0)
		part_exec(s, &s->specs[i]);
	if (pid < 0) {
		say("error", part->name, "cannot fork");
		return;
	}
	part->pid = pid;
	part->pid_ticks = process_ticks(pid);
	s->pidfds[i] = pidfd_open(pid, 0);
	s->probed_ms[i] = 0;
	say("info", part->name, "started, pid %d", (int)pid);
}

/* True while the process runs; fills its exit status when it has just ended. A part that was taken
 * over is not our child: its status stays unknown. */
static bool part_look(struct supervisor *s, size_t i, int32_t *ret_exit)
{
	struct board_part *part = &s->board->parts[i];
	int status;
	pid_t got;

	*ret_exit = -1;
	if (part->pid <= 0)
		return false;
	got = waitpid(part->pid, &status, WNOHANG);
	if (got == 0)
		return true;
	if (got < 0 && board_part_alive(part))
		return true;
	if (got > 0)
		*ret_exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	if (s->pidfds[i] >= 0)
		close(s->pidfds[i]);
	s->pidfds[i] = -1;
	return false;
}

static void part_probe(struct supervisor *s, size_t i, int64_t now_ms)
{
	struct board_part *part = &s->board->parts[i];
	int64_t every_ms = part->state == PART_READY ? PART_PROBE_MS : PART_PROBE_STARTING_MS;
	char note[PART_NOTE_MAX] = "";

	if (s->specs[i].kind == PART_TASK || now_ms - s->probed_ms[i] < every_ms)
		return;
	s->answers[i] = part_ask(s->site, &s->specs[i], note, sizeof(note));
	s->probed_ms[i] = now_ms;
	memcpy(part->note, note, sizeof(note));
}

static bool needs_met(const struct supervisor *s, size_t i)
{
	for (size_t j = 0; j < s->board->part_count; j++) {
		enum part_state state = s->board->parts[j].state;

		if ((s->specs[i].needs & (1u << j)) && state != PART_READY && state != PART_DONE)
			return false;
	}
	return true;
}

static bool dependants_gone(const struct supervisor *s, size_t i)
{
	for (size_t j = 0; j < s->board->part_count; j++)
		if ((s->specs[j].needs & (1u << i)) && s->board->parts[j].pid > 0 &&
		    board_part_alive(&s->board->parts[j]))
			return false;
	return true;
}

static void part_signal(struct supervisor *s, size_t i, int number)
{
	say("info", s->board->parts[i].name, "signal %d", number);
	kill(s->board->parts[i].pid, number);
}

static void part_turn(struct supervisor *s, size_t i)
{
	struct board_part *part = &s->board->parts[i];
	struct part_seen seen = { .once = s->specs[i].kind == PART_TASK };
	enum part_state before = part->state;

	seen.alive = part_look(s, i, &seen.exit_status);
	seen.now_ms = clock_boot_ms();
	if (seen.alive)
		part_probe(s, i, seen.now_ms);
	seen.ready = seen.alive && s->answers[i] == ANSWER_READY;
	seen.silent = seen.alive && s->answers[i] == ANSWER_NONE;
	seen.stopping = s->board->stopping;
	seen.needs_met = needs_met(s, i);
	seen.dependants_gone = dependants_gone(s, i);
	switch (part_step(part, &seen)) {
	case PART_START:
		s->answers[i] = ANSWER_UNREADY;
		part_start(s, i);
		break;
	case PART_TERMINATE:
		part_signal(s, i, s->specs[i].stop_signal);
		break;
	case PART_KILL:
		part_signal(s, i, SIGKILL);
		break;
	case PART_NOTHING:
		break;
	}
	if (part->state == PART_BACKOFF && before != PART_BACKOFF)
		say("warning", part->name, "ended with status %d, again in %u ms", part->last_exit,
		    part->backoff_ms);
	else if (part->state != before && part->state != PART_STARTING)
		say("info", part->name, "%s", part_state_name(part->state));
}

/* --- the pair --- */

static void guardian_watch(struct supervisor *s, pid_t watched);

static void guardian_ensure(struct supervisor *s)
{
	pid_t self = getpid();
	pid_t pid;

	if (s->board->guardian > 0) {
		int status;
		pid_t got = waitpid(s->board->guardian, &status, WNOHANG);

		if (got == 0)
			return;
		say("warning", "guardian", "ended, starting another");
	}
	/* A child returns from the watch when it has become the supervisor: then it needs one too.
	 */
	while ((pid = fork()) == 0) {
		guardian_watch(s, self);
		self = getpid();
	}
	s->board->guardian = pid > 0 ? pid : 0;
}

static void pidfds_close(struct supervisor *s)
{
	for (size_t i = 0; i < PARTS_MAX; i++) {
		if (s->pidfds[i] >= 0)
			close(s->pidfds[i]);
		s->pidfds[i] = -1;
	}
}

static void pidfds_open(struct supervisor *s)
{
	for (size_t i = 0; i < s->board->part_count; i++)
		if (board_part_alive(&s->board->parts[i]))
			s->pidfds[i] = pidfd_open(s->board->parts[i].pid, 0);
}

/* Returns when the watched process has died without having finished its work. */
static void guardian_watch(struct supervisor *s, pid_t watched)
{
	int fd = pidfd_open(watched, 0);
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	prctl(PR_SET_NAME, "piopl-guardian");
	pidfds_close(s);
	while (fd >= 0 && getppid() == watched && poll(&wait, 1, -1) < 0 && errno == EINTR)
		;
	if (fd >= 0)
		close(fd);
	if (s->board->stopped)
		_exit(0);
	prctl(PR_SET_NAME, "piopl-supervise");
	s->board->supervisor = getpid();
	s->board->guardian = 0;
	s->board->takeovers++;
	pidfds_open(s);
	say("warning", "supervisor", "pid %d died, pid %d goes on", (int)watched, (int)getpid());
}

/* --- the loop --- */

static void signals_read(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD || info.ssi_signo == SIGHUP)
			continue;
		if (!s->board->stopping)
			say("info", "supervisor", "stopping");
		s->board->stopping = true;
	}
}

static bool is_steady(const struct board *board)
{
	for (size_t i = 0; i < board->part_count; i++)
		if (board->parts[i].state != PART_READY && board->parts[i].state != PART_DONE)
			return false;
	return true;
}

static bool is_stopped(const struct board *board)
{
	for (size_t i = 0; i < board->part_count; i++)
		if (board->parts[i].state != PART_STOPPED)
			return false;
	return board->stopping;
}

/* The writer appends, so a copy and a cut lose at most what is written between the two. */
static void log_turn(const char *path)
{
	struct stat status;
	char old[SITE_TEXT_MAX + 8];
	int from;
	int to;
	off_t done = 0;

	if (stat(path, &status) != 0 || status.st_size < PART_LOG_BYTES_MAX)
		return;
	snprintf(old, sizeof(old), "%s.1", path);
	from = open(path, O_RDWR | O_CLOEXEC);
	to = open(old, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	while (from >= 0 && to >= 0 && done < status.st_size) {
		ssize_t size = copy_file_range(from, NULL, to, NULL, (size_t)status.st_size, 0);

		if (size <= 0)
			break;
		done += size;
	}
	if (from >= 0 && ftruncate(from, 0) != 0)
		say("error", "supervisor", "cannot cut a log");
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
}

static void logs_turn(struct supervisor *s, int64_t now_ms)
{
	if (now_ms - s->logs_looked_ms < LOG_LOOK_MS)
		return;
	s->logs_looked_ms = now_ms;
	for (size_t i = 0; i < s->board->part_count; i++)
		log_turn(site_path(s->site, "logs/%s.log", s->specs[i].name).text);
}

static void loop_wait(struct supervisor *s)
{
	struct pollfd waits[PARTS_MAX + 1];
	nfds_t count = 0;
	int timeout_ms = is_steady(s->board) ? LOOP_MS_STEADY : LOOP_MS_BUSY;

	waits[count++] = (struct pollfd){ .fd = s->signals, .events = POLLIN };
	for (size_t i = 0; i < s->board->part_count; i++)
		if (s->pidfds[i] >= 0)
			waits[count++] = (struct pollfd){ .fd = s->pidfds[i], .events = POLLIN };
	poll(waits, count, timeout_ms);
}

static void loop(struct supervisor *s)
{
	while (!is_stopped(s->board)) {
		guardian_ensure(s);
		for (size_t i = 0; i < s->board->part_count; i++)
			part_turn(s, i);
		logs_turn(s, clock_boot_ms());
		loop_wait(s);
		signals_read(s);
	}
}

/* --- life --- */

static int lock_take(const struct site *site)
{
	int fd = open(site_path(site, "run/supervisor.lock").text, O_RDWR | O_CREAT | O_CLOEXEC,
		      0600);

	for (int i = 0; fd >= 0 && i < LOCK_TRIES_MAX; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return fd;
		process_sleep_ms(20);
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Parts that still run from a pair that was killed are taken over; all others begin anew. */
static void board_begin(struct board *board, const struct part_spec *specs, size_t count,
			bool development)
{
	struct board old = *board;

	memset(board->parts, 0, sizeof(board->parts));
	for (size_t i = 0; i < count; i++) {
		struct board_part *part = &board->parts[i];

		for (size_t j = 0; j < old.part_count; j++)
			if (strcmp(old.parts[j].name, specs[i].name) == 0 &&
			    board_part_alive(&old.parts[j]))
				*part = old.parts[j];
		snprintf(part->name, sizeof(part->name), "%s", specs[i].name);
		if (part->pid == 0)
			part->state_since_ms = clock_boot_ms();
	}
	board->part_count = (uint32_t)count;
	board->supervisor = getpid();
	board->guardian = 0;
	board->started_ms = clock_boot_ms();
	board->takeovers = 0;
	board->development = development;
	board->stopping = false;
	board->stopped = false;
}

static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int supervisor_main(const struct site *site, bool development)
{
	struct supervisor s = { .site = site, .logs_looked_ms = clock_boot_ms() };
	int lock = lock_take(site);
	size_t count;

	if (lock < 0) {
		say("error", "supervisor", "another one runs here");
		return 1;
	}
	prctl(PR_SET_NAME, "piopl-supervise");
	umask(0027);
	s.board = board_map(site, true);
	s.specs = parts_of(site, &count);
	s.signals = signals_open();
	if (!s.board || s.signals < 0 || count > PARTS_MAX) {
		say("error", "supervisor", "cannot map the board or read signals");
		return 4;
	}
	for (size_t i = 0; i < PARTS_MAX; i++)
		s.pidfds[i] = -1;
	board_begin(s.board, s.specs, count, development);
	pidfds_open(&s);
	loop(&s);
	s.board->stopped = true;
	if (s.board->guardian > 0)
		kill(s.board->guardian, SIGKILL);
	say("info", "supervisor", "stopped");
	return 0;
}

static void start_child(const struct site *site, bool development)
{
	struct site_text program = site_path(site, "logs/supervisor.log");
	int out = open(program.text, O_WRONLY | O_CREAT | O_APPEND, 0640);
	int null = open("/dev/null", O_RDONLY);
	char path[SITE_PATH_MAX + 8];

	setsid();
	if (out < 0 || null < 0 || chdir("/") != 0)
		_exit(126);
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	snprintf(path, sizeof(path), "%s/piopl", site->bin_dir);
	if (fork() == 0) {
		setenv("PIOPL_DATA", site->data, 1);
		execl(path, "piopl", "supervise", development ? "--dev" : (char *)NULL,
		      (char *)NULL);
		_exit(127);
	}
	_exit(0);
}

/* The board may still show what a pair that was killed left on it. */
static bool board_is_begun(const struct site *site)
{
	struct board *board = board_map(site, false);
	bool begun = board && !board->stopped && process_ticks(board->supervisor) != 0;

	board_unmap(board);
	return begun;
}

enum st supervisor_start(const struct site *site, bool development, struct problem *problem)
{
	pid_t pid = fork();

	if (pid == 0)
		start_child(site, development);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	for (int i = 0; pid > 0 && i < LOCK_TRIES_MAX * 5; i++) {
		if (supervisor_runs(site) && board_is_begun(site))
			return ST_OK;
		process_sleep_ms(20);
	}
	problem_set(problem, ST_INTERNAL, "", "the supervisor did not start");
	problem_hint(problem, "see %s", site_path(site, "logs/supervisor.log").text);
	return ST_INTERNAL;
}
