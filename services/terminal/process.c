/* process.c: processes, small files, and who has a port. */
#include "services/terminal/process.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

uint64_t process_ticks(pid_t pid)
{
	char path[64];
	char text[1024];
	FILE *file;
	char *at;
	unsigned long long ticks = 0;
	char state = 'Z';

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	at = strrchr(text, ')'); /* the name before it may hold anything */
	if (!at || sscanf(at,
			  ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
			  "%*d %*d %llu",
			  &state, &ticks) != 2)
		return 0;
	return state == 'Z' || state == 'X' ? 0 : ticks;
}

void process_sleep_ms(int64_t ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

static int64_t clock_ms(clockid_t id)
{
	struct timespec time;

	clock_gettime(id, &time);
	return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

int64_t clock_boot_ms(void)
{
	return clock_ms(CLOCK_BOOTTIME);
}

int64_t clock_wall_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

bool process_become(uid_t uid, gid_t gid)
{
	if (uid == geteuid())
		return true;
	return setgroups(0, NULL) == 0 && setgid(gid) == 0 && setuid(uid) == 0;
}

static void run_child(const struct process_run *run)
{
	int fd = run->log ? open(run->log, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
	int null = open("/dev/null", O_RDONLY);

	if (null >= 0)
		dup2(null, STDIN_FILENO);
	if (fd >= 0) {
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
	}
	if (run->uid != 0 && !process_become(run->uid, run->gid))
		_exit(126);
	if (run->directory && chdir(run->directory) != 0)
		_exit(126);
	execv(run->argv[0], (char *const *)(uintptr_t)run->argv);
	_exit(127);
}

int process_run(const struct process_run *run)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return 127;
	if (pid == 0)
		run_child(run);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 127;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t wrote = write(fd, data, size);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return false;
		data += wrote;
		size -= (size_t)wrote;
	}
	return true;
}

bool file_write(const char *path, const void *data, size_t size, mode_t mode)
{
	char temporary[1024];
	int fd;
	bool done;

	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary))
		return false;
	unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return false;
	done = fchmod(fd, mode) == 0 && write_all(fd, data, size) && fsync(fd) == 0;
	close(fd);
	if (done && rename(temporary, path) == 0)
		return true;
	unlink(temporary);
	return false;
}

bool directory_make(const char *path, mode_t mode)
{
	char part[1024];

	if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
		return false;
	for (char *at = part + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(part, 0755) != 0 && errno != EEXIST)
			return false;
		*at = '/';
	}
	if (mkdir(part, mode) != 0 && errno != EEXIST)
		return false;
	return chmod(part, mode) == 0;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	return remove(path);
}

bool tree_remove(const char *path)
{
	return nftw(path, remove_entry, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0 ||
	       errno == ENOENT;
}

#define TAIL_BYTES_MAX 4096

void file_tail(const char *path, size_t lines, char *buffer, size_t buffer_size)
{
	char text[TAIL_BYTES_MAX + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	ssize_t size = 0;
	char *at;

	buffer[0] = '\0';
	if (fd < 0)
		return;
	if (fstat(fd, &status) == 0) {
		off_t from = status.st_size > TAIL_BYTES_MAX ? status.st_size - TAIL_BYTES_MAX : 0;

		size = pread(fd, text, TAIL_BYTES_MAX, from);
	}
	close(fd);
	if (size <= 0)
		return;
	while (size > 0 && text[size - 1] == '\n')
		size--;
	text[size] = '\0';
	for (at = text + size; at > text; at--)
		if (at[-1] == '\n' && --lines == 0)
			break;
	snprintf(buffer, buffer_size, "%s", at);
}

/* The text of "message" in a JSON line, escapes left as they are. */
static void log_message(const char *line, char *buffer, size_t buffer_size)
{
	const char *at = strstr(line, "\"message\":\"");
	size_t size = 0;

	if (!at) {
		snprintf(buffer, buffer_size, "%s", line);
		return;
	}
	for (at += strlen("\"message\":\""); *at && *at != '"' && size + 1 < buffer_size; at++) {
		if (*at == '\\' && at[1] != '\0')
			at++;
		buffer[size++] = *at;
	}
	buffer[size] = '\0';
}

void log_complaint(const char *path, char *buffer, size_t buffer_size)
{
	char text[TAIL_BYTES_MAX + 1];
	char *rest = text;
	char *line;
	const char *best = NULL;
	const char *last = "";

	file_tail(path, SIZE_MAX, text, sizeof(text));
	while ((line = strsep(&rest, "\n"))) {
		last = line;
		if (strstr(line, "\"level\":\"error\"") &&
		    !strstr(line, "\"category\":\"process\""))
			best = line;
	}
	log_message(best ? best : last, buffer, buffer_size);
}

/* --- who has a port --- */

static unsigned long port_inode(const char *table, uint16_t port)
{
	FILE *file = fopen(table, "re");
	char line[512];
	unsigned long found = 0;

	while (file && !found && fgets(line, sizeof(line), file)) {
		unsigned local_port;
		unsigned state;
		unsigned long inode;

		if (sscanf(line, " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*d %*d %lu",
			   &local_port, &state, &inode) == 3 &&
		    local_port == port && state == 0x0a)
			found = inode;
	}
	if (file)
		fclose(file);
	return found;
}

static bool process_has_inode(const char *pid, unsigned long inode)
{
	char path[300];
	char wanted[64];
	DIR *directory;
	const struct dirent *entry;
	bool found = false;

	snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	directory = opendir(path);
	while (directory && !found && (entry = readdir(directory))) {
		char target[64];
		ssize_t size =
			readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);

		if (size > 0) {
			target[size] = '\0';
			found = strcmp(target, wanted) == 0;
		}
	}
	if (directory)
		closedir(directory);
	return found;
}

static void process_name(const char *pid, char *buffer, size_t buffer_size)
{
	char path[300];
	char name[64] = "a process";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	file = fopen(path, "re");
	if (file && fgets(name, sizeof(name), file))
		name[strcspn(name, "\n")] = '\0';
	if (file)
		fclose(file);
	snprintf(buffer, buffer_size, "%s (pid %s)", name, pid);
}

bool port_owner(uint16_t port, char *buffer, size_t buffer_size)
{
	unsigned long inode = port_inode("/proc/net/tcp", port);
	DIR *directory;
	const struct dirent *entry;

	if (!inode)
		inode = port_inode("/proc/net/tcp6", port);
	if (!inode)
		return false;
	snprintf(buffer, buffer_size, "a process of another user");
	directory = opendir("/proc");
	while (directory && (entry = readdir(directory)))
		if (entry->d_name[strspn(entry->d_name, "0123456789")] == '\0' &&
		    process_has_inode(entry->d_name, inode)) {
			process_name(entry->d_name, buffer, buffer_size);
			break;
		}
	if (directory)
		closedir(directory);
	return true;
}
