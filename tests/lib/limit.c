/* limit: runs one program within a time limit and leaves nothing of it behind.
 *
 *   limit SECONDS PROGRAM [ARGUMENT...]
 *
 * Every process the program starts stays a descendant of this one, daemons included (subreaper).
 * When the program ends, the others get LINGER_MS to follow: helpers that clear folders away need
 * some of it. Who is still there is named, killed, and makes the run a failure. Exit status: the
 * program's, or 128 + its signal; 124 over the limit; 125 when something was left running or
 * nothing could be run. A signal to end stops the program, then
 * the tree, in the same way. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINGER_MS 10000
#define LOOK_MS 20
#define KILL_ROUNDS_MAX 1000
#define PROCESSES_MAX 32768

#define EXIT_OVER_LIMIT 124
#define EXIT_NOT_CLEAN 125

struct process {
	pid_t pid;
	pid_t parent;
	bool ours;
};

static struct process processes[PROCESSES_MAX];
static volatile sig_atomic_t asked_to_end;

static void on_end(int signal_number)
{
	asked_to_end = signal_number;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* True when the process lives; zombies do not. */
static bool process_read(const char *pid, struct process *ret)
{
	char path[300], text[512];
	FILE *file;
	size_t size;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	file = fopen(path, "r");
	if (!file)
		return false;
	size = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[size] = '\0';
	/* the name may hold spaces and brackets: the last bracket ends it */
	const char *end = strrchr(text, ')');
	if (!end || strlen(end) < 5 || end[2] == 'Z' || end[2] == 'X')
		return false;
	*ret = (struct process){ .pid = (pid_t)strtol(pid, NULL, 10),
				 .parent = (pid_t)strtol(end + 4, NULL, 10) };
	return true;
}

static size_t processes_read(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	size_t count = 0;

	while (proc && count < PROCESSES_MAX && (entry = readdir(proc)))
		if (isdigit((unsigned char)entry->d_name[0]) &&
		    process_read(entry->d_name, &processes[count]))
			count++;
	if (proc)
		closedir(proc);
	return count;
}

/* Marks every living descendant; how many there are. `ret_total` entries of processes[] are valid.
 */
static size_t descendants_find(size_t *ret_total)
{
	size_t total = processes_read(), found = 0;
	bool more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < total; i++) {
			bool child = processes[i].parent == getpid();

			for (size_t k = 0; k < total && !child; k++)
				child = processes[k].ours &&
					processes[k].pid == processes[i].parent;
			if (!child || processes[i].ours)
				continue;
			processes[i].ours = true;
			more = true;
			found++;
		}
	}
	*ret_total = total;
	return found;
}

static void descendants_name(void)
{
	char path[64], name[256];
	size_t total;

	descendants_find(&total);
	for (size_t i = 0; i < total; i++) {
		if (!processes[i].ours)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)processes[i].pid);
		FILE *file = fopen(path, "r");
		size_t size = file ? fread(name, 1, sizeof(name) - 1, file) : 0;
		if (file)
			fclose(file);
		for (size_t k = 0; k < size; k++)
			if (name[k] == '\0')
				name[k] = ' ';
		name[size] = '\0';
		fprintf(stderr, "limit: left running: %d %s\n", (int)processes[i].pid, name);
	}
}

static void pause_for_child(void)
{
	struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigtimedwait(&child, NULL, &pause);
}

/* Reaps what has ended; true when `pid` was among it. */
static bool reap(pid_t pid, int *ret_status)
{
	bool ended = false;
	int status;
	pid_t got;

	while ((got = waitpid(-1, &status, WNOHANG)) > 0) {
		if (got != pid)
			continue;
		*ret_status = status;
		ended = true;
	}
	return ended;
}

static void descendants_kill(void)
{
	int ignored;

	for (int round = 0; round < KILL_ROUNDS_MAX; round++) {
		size_t total;

		if (descendants_find(&total) == 0)
			return;
		for (size_t i = 0; i < total; i++)
			if (processes[i].ours)
				kill(processes[i].pid, SIGKILL);
		pause_for_child();
		reap(0, &ignored);
	}
}

/* True when all followed by themselves. */
static bool descendants_leave(void)
{
	int64_t until_ms = now_ms() + LINGER_MS;
	int ignored;
	size_t total;

	while (now_ms() < until_ms) {
		reap(0, &ignored);
		if (descendants_find(&total) == 0)
			return true;
		pause_for_child();
	}
	return false;
}

static pid_t program_start(char **argv, const sigset_t *mask)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	setpgid(0, 0);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(argv[0], argv);
	fprintf(stderr, "limit: cannot run '%s': %s\n", argv[0], strerror(errno));
	_exit(EXIT_NOT_CLEAN);
}

/* True when the program ended in time. */
static bool program_wait(pid_t pid, long limit_s, int *ret_status)
{
	int64_t until_ms = now_ms() + limit_s * 1000;

	while (!asked_to_end) {
		if (reap(pid, ret_status))
			return true;
		if (now_ms() >= until_ms)
			return false;
		pause_for_child();
	}
	return false;
}

static void signals_set(sigset_t *ret_before)
{
	struct sigaction end = { .sa_handler = on_end };
	sigset_t child;

	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
	sigaction(SIGHUP, &end, NULL);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, ret_before);
}

int main(int argc, char **argv)
{
	long limit_s = argc > 2 ? strtol(argv[1], NULL, 10) : 0;
	sigset_t before;
	int status = 0;
	pid_t pid;

	if (limit_s <= 0) {
		fprintf(stderr, "usage: limit SECONDS PROGRAM [ARGUMENT...]\n");
		return EXIT_NOT_CLEAN;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signals_set(&before);
	pid = program_start(argv + 2, &before);
	if (pid < 0) {
		fprintf(stderr, "limit: cannot fork: %s\n", strerror(errno));
		return EXIT_NOT_CLEAN;
	}
	if (!program_wait(pid, limit_s, &status)) {
		kill(pid, SIGKILL);
		descendants_leave(); /* its helpers clear its folders away */
		descendants_kill();
		return asked_to_end ? 128 + asked_to_end : EXIT_OVER_LIMIT;
	}
	if (!descendants_leave()) {
		descendants_name();
		descendants_kill();
		return asked_to_end ? 128 + asked_to_end : EXIT_NOT_CLEAN;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
