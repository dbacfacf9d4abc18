/* process.h: processes, waiting and small files. */
#ifndef PIOPL_TERMINAL_PROCESS_H
#define PIOPL_TERMINAL_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* When the process started, in clock ticks since boot; 0 when there is none (or it is a zombie). */
uint64_t process_ticks(pid_t pid);
void process_sleep_ms(int64_t ms);
/* Milliseconds since boot: what the pair of supervisors and everyone who reads the board share. */
int64_t clock_boot_ms(void);
int64_t clock_wall_ms(void);

/* Runs a program to its end. Its output goes to `log` (appended), or is inherited when NULL.
 * `uid` 0 changes nothing. Exit status, 128 + signal, or 127. */
struct process_run {
	const char *const *argv;
	const char *log;
	uid_t uid;
	gid_t gid;
	const char *directory;
};
int process_run(const struct process_run *run);
/* In a child: become the user, for good. False when the system refuses. */
bool process_become(uid_t uid, gid_t gid);

/* Writes a whole file by way of a temporary one; mode is exact. */
bool file_write(const char *path, const void *data, size_t size, mode_t mode);
/* mkdir -p; the last one gets exactly this mode. */
bool directory_make(const char *path, mode_t mode);
/* Removes a tree, following no links, staying on its file system. */
bool tree_remove(const char *path);
/* The last `lines` lines of a file as one text in `buffer`. */
void file_tail(const char *path, size_t lines, char *buffer, size_t buffer_size);
/* What a log says went wrong last: the message of the last line of level error that is not about
 * processes ending, or else the last line. */
void log_complaint(const char *path, char *buffer, size_t buffer_size);
/* Who listens on a loopback TCP port: "nats-server (pid 123)"; false when nobody does. */
bool port_owner(uint16_t port, char *buffer, size_t buffer_size);

#endif
