/* svc_supervise.c: the parent. Starts the processes, restarts the ones that end with a growing
 * pause, serves health and metrics, and on SIGTERM lets them finish within a limit. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "svc_internal.h"

#ifdef PIOPL_FAULTS /* a simulator kills all the time and waits for nothing */
#define BACKOFF_MS_MIN 5
#define BACKOFF_MS_MAX 20
#else
#define BACKOFF_MS_MIN 50
#define BACKOFF_MS_MAX 5000
#endif
#define BACKOFF_FORGET_MS 30000
#ifdef PIOPL_FAULTS
#define LOOP_MS 5
#else
#define LOOP_MS 50
#endif
/* One look counts for no more than this, so that a parent that was stopped itself ends nobody. */
#define LOOK_MS_MAX 1000

static volatile sig_atomic_t stop_asked;
static bool hopeless;
static struct svc_process *self; /* NULL in the parent */

static int64_t mono_ms(void)
{
	return (int64_t)(clock_mono_ns() / 1000000);
}

static void on_stop(int signal_number)
{
	(void)signal_number;
	stop_asked = 1;
}

bool svc_stopping(void)
{
	if (self)
		self->turns++;
	return stop_asked != 0;
}

void svc_pause(uint32_t ms)
{
	for (uint32_t slept = 0; slept < ms && !stop_asked; slept += 20)
		usleep((ms - slept < 20 ? ms - slept : 20) * 1000);
}

static void signals_set(void)
{
	struct sigaction stop = { .sa_handler = on_stop };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

static const char *role_name(enum svc_role role)
{
	static const char *const names[] = { "worker", "relay", "follower", "ticker", "door" };

	return names[role];
}

static _Noreturn void process_body(struct svc *svc, pid_t parent)
{
	/* not SIGTERM: what is stopped or hangs would outlive the parent, with nobody to end it */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	prctl(PR_SET_NAME, role_name(svc->process->role));
	self = svc->process;
	svc_http_stop_in_child();
	metrics_join(svc->process_index + 1);
	if (svc->definition->start) {
		enum st st = svc->definition->start(svc, svc->state);
		if (st != ST_OK) {
			log_write(LOG_ERROR, &(struct log_fields){ .category = "start" },
				  "the service does not start: %s", st_info(st)->title);
			_exit(1);
		}
	}
	switch (svc->process->role) {
	case SVC_WORKER:
		svc_worker_run(svc);
		break;
	case SVC_RELAY:
		svc_relay_run(svc);
		break;
	case SVC_FOLLOWER:
		svc_follower_run(svc);
		break;
	case SVC_TICKER:
		svc_ticker_run(svc);
		break;
	case SVC_DOOR:
		svc_door_run(svc);
		break;
	}
	fflush(NULL);
	_exit(stop_asked ? 0 : 1);
}

static void process_start(struct svc *svc, unsigned index)
{
	struct svc_process *process = &svc->shared->processes[index];
	pid_t parent = getpid();

	svc->process = process;
	svc->process_index = index;
	process->database = process->bus = process->ready = process->leads = false;
	process->restart_at_ms = 0;
	process->still_ms = 0;
	pid_t pid = fork();
	if (pid == 0)
		process_body(svc, parent);
	if (pid < 0) {
		process->restart_at_ms = mono_ms() + BACKOFF_MS_MAX;
		log_write(LOG_ERROR, &(struct log_fields){ .category = "process" },
			  "cannot fork: %s", strerror(errno));
		return;
	}
	process->pid = pid;
	process->started_ms = mono_ms();
}

static void process_ended(struct svc_process *process, int status)
{
	int64_t now_ms = mono_ms();

	if (now_ms - process->started_ms > BACKOFF_FORGET_MS)
		process->backoff_ms = 0;
	process->backoff_ms = process->backoff_ms ? process->backoff_ms * 2 : BACKOFF_MS_MIN;
	if (process->backoff_ms > BACKOFF_MS_MAX)
		process->backoff_ms = BACKOFF_MS_MAX;
	process->ends++;
	hopeless = hopeless || process->hopeless;
	process->restart_at_ms = now_ms + process->backoff_ms;
	process->database = process->bus = process->ready = process->leads = false;
	if (process->role == SVC_FOLLOWER && process->applying_first > 0)
		process->applying_deaths++;
	metric_add(SVC_METRIC_RESTARTS, 1);
	log_write(LOG_ERROR, &(struct log_fields){ .category = "process" },
		  "%s %d ended by %s %d, a new one starts in %u ms", role_name(process->role),
		  (int)process->pid, WIFSIGNALED(status) ? "signal" : "exit",
		  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
		  process->backoff_ms);
	process->pid = 0;
}

static void reap(struct svc *svc, bool restart)
{
	int status;

	for (unsigned i = 0; i < svc->shared->count; i++) {
		struct svc_process *process = &svc->shared->processes[i];
		if (process->pid == 0 || waitpid(process->pid, &status, WNOHANG) != process->pid)
			continue;
		if (restart)
			process_ended(process, status);
		else
			process->pid = 0;
	}
}

static void restart_due(struct svc *svc)
{
	int64_t now_ms = mono_ms();

	for (unsigned i = 0; i < svc->shared->count; i++) {
		struct svc_process *process = &svc->shared->processes[i];
		if (process->pid == 0 && now_ms >= process->restart_at_ms)
			process_start(svc, i);
	}
}

/* What hangs is ended; it starts again like any process that died. */
static void stuck_end(struct svc *svc, int64_t look_ms)
{
	for (unsigned i = 0; i < svc->shared->count; i++) {
		struct svc_process *process = &svc->shared->processes[i];
		uint32_t turns = process->turns;

		if (process->pid == 0 || turns != process->turns_seen)
			process->still_ms = 0;
		else
			process->still_ms += look_ms < LOOK_MS_MAX ? look_ms : LOOK_MS_MAX;
		process->turns_seen = turns;
		if (process->still_ms < svc->config.stuck_ms)
			continue;
		process->still_ms = 0;
		log_write(LOG_ERROR, &(struct log_fields){ .category = "process" },
			  "%s %d gave no sign of life for %lld ms, it is ended",
			  role_name(process->role), (int)process->pid,
			  (long long)svc->config.stuck_ms);
		kill(process->pid, SIGKILL);
	}
}

static void signal_all(struct svc *svc, int signal_number)
{
	for (unsigned i = 0; i < svc->shared->count; i++)
		if (svc->shared->processes[i].pid > 0)
			kill(svc->shared->processes[i].pid, signal_number);
}

static bool any_left(const struct svc *svc)
{
	for (unsigned i = 0; i < svc->shared->count; i++)
		if (svc->shared->processes[i].pid > 0)
			return true;
	return false;
}

static int drain(struct svc *svc)
{
	uint64_t until_ns = clock_mono_ns() + (uint64_t)svc->config.drain_ms * 1000000u;

	svc->shared->draining = true;
	signal_all(svc, SIGTERM);
	while (any_left(svc) && clock_mono_ns() < until_ns) {
		reap(svc, false);
		usleep(10000);
	}
	if (!any_left(svc))
		return 0;
	log_write(LOG_ERROR, &(struct log_fields){ .category = "process" },
		  "not drained within %lld ms, the rest is ended", (long long)svc->config.drain_ms);
	signal_all(svc, SIGKILL);
	while (any_left(svc)) {
		reap(svc, false);
		usleep(10000);
	}
	return 1;
}

static void process_add(struct svc *svc, enum svc_role role)
{
	ASSERT(svc->shared->count < SVC_PROCESSES_MAX);
	struct svc_process *process = &svc->shared->processes[svc->shared->count++];

	process->role = role;
	if (role == SVC_WORKER)
		process->open_replies =
			svc_shared_memory(sizeof(struct bus_open_replies) +
					  (size_t)svc->config.mailbox * BUS_REPLY_MAX);
}

bool svc_is_ready(const struct svc *svc)
{
	if (svc->shared->draining)
		return false;
	for (unsigned i = 0; i < svc->shared->count; i++) {
		const struct svc_process *process = &svc->shared->processes[i];
		if (!process->ready || !process->bus || !process->database)
			return false;
	}
	return true;
}

int svc_supervise(struct svc *svc)
{
	struct problem problem = { 0 };

	signals_set();
	for (int64_t i = 0; i < svc->config.workers; i++)
		process_add(svc, SVC_WORKER);
	process_add(svc, SVC_RELAY);
	for (int64_t i = 0; i < svc->config.tickers; i++)
		process_add(svc, SVC_TICKER);
	if (svc->definition->follows && svc->definition->follows[0].event)
		process_add(svc, SVC_FOLLOWER);
	if (svc->definition->door)
		process_add(svc, SVC_DOOR);
	if (svc_http_start(svc, &problem) != ST_OK) {
		fprintf(stderr, "%s: %s\n", svc->definition->name, problem.detail);
		return 2;
	}
	log_write(LOG_INFO, &(struct log_fields){ .category = "process" },
		  "started with %lld workers", (long long)svc->config.workers);
	for (int64_t looked_ms = mono_ms(), now_ms; !stop_asked && !hopeless; looked_ms = now_ms) {
		restart_due(svc);
		svc_http_run(LOOP_MS);
		reap(svc, true);
		now_ms = mono_ms();
		stuck_end(svc, now_ms - looked_ms);
	}
	int status = drain(svc);
	svc_http_stop();
	log_write(LOG_INFO, &(struct log_fields){ .category = "process" }, "stopped");
	return hopeless ? 2 : status;
}
