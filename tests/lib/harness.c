/* The folder of a run, the janitor that clears it away, processes, waiting.
 *
 * The janitor is a child that waits for the end of a pipe only this process writes to. However the
 * program ends - exit, crash, kill -9, a time limit - the pipe ends, and the janitor removes the
 * folder once the servers (which get their own death signal) are gone. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness_internal.h"

#define POLL_MS 5
#define STALL_SLEEP_MS 10
#define MEMORY_FOLDER "/dev/shm"
#define MEMORY_BYTES_MIN ((uint64_t)2 * 1024 * 1024 * 1024)

void harness_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "harness: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

int64_t harness_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void sleep_ms(long ms)
{
	struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&pause, NULL);
}

bool harness_wait_for(bool (*predicate)(void *context), void *context, int timeout_ms)
{
	int64_t deadline_ms = harness_now_ms() + timeout_ms;

	for (;;) {
		bool over = harness_now_ms() >= deadline_ms;

		if (predicate(context))
			return true;
		if (over)
			return false;
		sleep_ms(POLL_MS);
	}
}

const char *harness_build_folder(void)
{
	static char path[PATH_MAX];
	char *cut = NULL;
	ssize_t size;

	if (path[0])
		return path;
	size = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (size < 0)
		harness_die("cannot read /proc/self/exe: %s", strerror(errno));
	path[size] = '\0';
	for (char *at = strstr(path, "/test/"); at; at = strstr(at + 1, "/test/"))
		cut = at;
	if (!cut)
		cut = strrchr(path, '/');
	*cut = '\0';
	return path;
}

const char *harness_root_folder(void)
{
	static char path[PATH_MAX];
	const char *build = harness_build_folder();
	char try[PATH_MAX + 16];

	if (path[0])
		return path;
	snprintf(path, sizeof(path), "%s", build);
	for (;;) {
		char *cut = strrchr(path, '/');

		snprintf(try, sizeof(try), "%s/migrations", path);
		if (access(try, F_OK) == 0)
			return path;
		if (!cut || cut == path)
			break;
		*cut = '\0';
	}
	if (!getcwd(path, sizeof(path)))
		harness_die("no current folder: %s", strerror(errno));
	return path;
}

void harness_write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		harness_die("cannot write '%s': %s", path, strerror(errno));
}

void harness_show_file(const char *path)
{
	char line[512];
	FILE *file = fopen(path, "r");

	if (!file)
		return;
	while (fgets(line, sizeof(line), file))
		fputs(line, stderr);
	fclose(file);
}

/* processes */

static _Noreturn void child_main(const struct harness_child *child, pid_t parent)
{
	int log = open(child->logfile, O_WRONLY | O_CREAT | O_APPEND, 0666);
	int null = open("/dev/null", O_RDONLY);
	sigset_t none;

	if (log < 0 || null < 0)
		_exit(126);
	dup2(null, 0);
	dup2(log, 1);
	dup2(log, 2);
	closefrom(3);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0); /* a terminal's ^C is for the test program, which then ends us */
	if (child->uid != 0 && (setgid(child->gid) != 0 || setuid(child->uid) != 0))
		_exit(126);
	/* after setuid, which clears it */
	prctl(PR_SET_PDEATHSIG, child->death_signal);
	if (getppid() != parent)
		_exit(126);
	for (size_t i = 0; child->env && child->env[i]; i++)
		putenv((char *)child->env[i]);
	execvp(child->argv[0], (char *const *)child->argv);
	dprintf(2, "cannot run '%s': %s\n", child->argv[0], strerror(errno));
	_exit(127);
}

pid_t harness_fork(const struct harness_child *child)
{
	pid_t parent = getpid();
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		harness_die("cannot fork: %s", strerror(errno));
	if (pid == 0)
		child_main(child, parent);
	return pid;
}

bool harness_reap(pid_t pid, int timeout_ms, int *ret_status)
{
	int64_t deadline_ms = harness_now_ms() + timeout_ms;
	int status;

	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG);

		if (got == pid) {
			if (ret_status)
				*ret_status = status;
			return true;
		}
		if (got < 0 && errno != EINTR)
			return true; /* reaped before */
		if (harness_now_ms() >= deadline_ms)
			return false;
		sleep_ms(1);
	}
}

void harness_run(const struct harness_child *child, int timeout_ms)
{
	pid_t pid = harness_fork(child);
	int status = -1;

	if (!harness_reap(pid, timeout_ms, &status)) {
		kill(pid, SIGKILL);
		harness_reap(pid, 1000, NULL);
		harness_die("'%s' took longer than %d ms", child->argv[0], timeout_ms);
	}
	if (status != 0) {
		harness_show_file(child->logfile);
		harness_die("'%s' failed with wait status %d", child->argv[0], status);
	}
}

pid_t harness_spawn(struct harness *harness, const char *const *argv, const char *const *env,
		    const char *logfile)
{
	char path[PATH_MAX];
	struct harness_child child = {
		.argv = argv, .env = env, .logfile = path, .death_signal = SIGKILL
	};
	pid_t pid;

	if (harness->process_count == HARNESS_PROCESSES_MAX)
		harness_die("more than %d processes at a time", HARNESS_PROCESSES_MAX);
	if (logfile[0] == '/')
		snprintf(path, sizeof(path), "%s", logfile);
	else
		snprintf(path, sizeof(path), "%s/%s", harness->folder, logfile);
	pid = harness_fork(&child);
	harness->processes[harness->process_count++] = pid;
	return pid;
}

static void process_forget(struct harness *harness, pid_t pid)
{
	for (size_t i = 0; i < harness->process_count; i++) {
		if (harness->processes[i] == pid)
			harness->processes[i] = harness->processes[--harness->process_count];
	}
}

static bool process_is_ours(const struct harness *harness, pid_t pid)
{
	for (size_t i = 0; i < harness->process_count; i++) {
		if (harness->processes[i] == pid)
			return true;
	}
	return false;
}

void harness_signal(struct harness *harness, pid_t pid, int signal_number)
{
	if (!process_is_ours(harness, pid))
		harness_die("process %d was not started here, or has ended", (int)pid);
	kill(pid, signal_number);
}

bool harness_wait_exit(struct harness *harness, pid_t pid, int timeout_ms, int *ret_status)
{
	if (!harness_reap(pid, timeout_ms, ret_status))
		return false;
	process_forget(harness, pid);
	return true;
}

void harness_kill9(struct harness *harness, pid_t pid)
{
	harness_signal(harness, pid, SIGKILL);
	if (!harness_wait_exit(harness, pid, HARNESS_STOP_MS_MAX, NULL))
		harness_die("process %d does not die", (int)pid);
}

/* the janitor */

static bool pid_file_is_alive(const char *path)
{
	char text[32] = "";
	FILE *file = fopen(path, "r");
	long pid;

	if (!file)
		return false;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	pid = strtol(text, NULL, 10);
	return pid > 1 && kill((pid_t)pid, 0) == 0;
}

static _Noreturn void janitor_main(int pipe_end, const char *folder)
{
	int null = open("/dev/null", O_RDWR);
	char pid_file[160];
	char byte;

	setsid();
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	dup2(pipe_end, 3);
	closefrom(4);
	while (read(3, &byte, 1) < 0 && errno == EINTR)
		;
	snprintf(pid_file, sizeof(pid_file), "%s/pg/postmaster.pid", folder);
	for (int tries = 0; tries < 1000 && pid_file_is_alive(pid_file); tries++)
		sleep_ms(POLL_MS);
	if (chdir("/") == 0)
		execlp("rm", "rm", "-rf", folder, (char *)NULL);
	_exit(1);
}

static void janitor_start(struct harness *harness)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		harness_die("cannot make a pipe: %s", strerror(errno));
	fflush(NULL);
	harness->janitor = fork();
	if (harness->janitor < 0)
		harness_die("cannot fork: %s", strerror(errno));
	if (harness->janitor == 0)
		janitor_main(ends[0], harness->folder);
	close(ends[0]);
	harness->janitor_pipe = ends[1];
}

/* how long the machine stood still */

/* One word, so that it is read as it was written: above, what was overslept; below, when the
 * present sleep is due. Both in ms since the thread began. */
static _Atomic uint64_t stall_word;
static _Atomic bool stall_over;
static int64_t stall_begun_ms;
static pthread_t stall_thread;
static pid_t stall_pid; /* a fork has no thread: there it begins anew */

static uint64_t stall_read(uint64_t word, uint64_t *ret_now)
{
	uint64_t due = word & UINT32_MAX;

	*ret_now = (uint64_t)(harness_now_ms() - stall_begun_ms);
	return (word >> 32) + (*ret_now > due ? *ret_now - due : 0);
}

static void *stall_run(void *unused)
{
	while (!stall_over) {
		uint64_t now, stall;

		sleep_ms(STALL_SLEEP_MS);
		stall = stall_read(stall_word, &now);
		stall_word = stall << 32 | (now + STALL_SLEEP_MS);
	}
	return unused;
}

static void stall_start(void)
{
	sigset_t all, before;

	stall_pid = getpid();
	stall_begun_ms = harness_now_ms();
	stall_word = stall_word >> 32 << 32 | STALL_SLEEP_MS;
	stall_over = false;
	sigfillset(&all); /* signals are for the test's threads */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&stall_thread, NULL, stall_run, NULL) != 0)
		harness_die("cannot start a thread");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void stall_stop(void)
{
	if (stall_pid != getpid())
		return;
	stall_over = true;
	pthread_join(stall_thread, NULL);
	stall_pid = 0;
}

static uint64_t stall_word_now(void)
{
	static pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&starting);
	if (stall_pid != getpid())
		stall_start();
	pthread_mutex_unlock(&starting);
	return stall_word;
}

int64_t harness_stall_ms(void)
{
	uint64_t now;

	return (int64_t)stall_read(stall_word_now(), &now);
}

int64_t harness_awake_ms(void)
{
	uint64_t now;
	uint64_t stall = stall_read(stall_word_now(), &now);

	return stall_begun_ms + (int64_t)now - (int64_t)stall;
}

/* the life of a harness */

/* Memory where there is enough of it: a cluster is a thousand small files made and removed, which
 * takes a disk most of a second. What should be durable goes to the disk. */
static const char *parent_folder(const struct harness_options *options)
{
	struct statvfs info;

	if (options->durable || statvfs(MEMORY_FOLDER, &info) != 0 ||
	    (uint64_t)info.f_bavail * info.f_frsize < MEMORY_BYTES_MIN)
		return "/tmp";
	return access(MEMORY_FOLDER, W_OK) == 0 ? MEMORY_FOLDER : "/tmp";
}

struct harness *harness_start_with(const struct harness_options *options)
{
	struct harness *harness = calloc(1, sizeof(*harness));

	if (!harness)
		harness_die("no memory");
	harness->options = *options;
	snprintf(harness->folder, sizeof(harness->folder), "%s/piopl-test-XXXXXX",
		 parent_folder(options));
	if (!mkdtemp(harness->folder) || chmod(harness->folder, 0755) != 0)
		harness_die("cannot make '%s': %s", harness->folder, strerror(errno));
	janitor_start(harness);
	arena_init(&harness->arena, (size_t)64 * 1024 * 1024);
	if (options->postgres)
		harness_pg_create(harness);
	if (options->nats)
		harness_nats_create(harness);
	return harness;
}

void harness_stop(struct harness *harness)
{
	stall_stop();
	if (!harness)
		return;
	while (harness->process_count > 0)
		harness_kill9(harness, harness->processes[0]);
	if (harness->options.nats)
		harness_nats_destroy(harness);
	if (harness->options.postgres)
		harness_pg_destroy(harness);
	close(harness->janitor_pipe);
	harness_reap(harness->janitor, HARNESS_STOP_MS_MAX, NULL);
	arena_free(&harness->arena);
	free(harness);
}

const char *harness_folder(const struct harness *harness)
{
	return harness->folder;
}
