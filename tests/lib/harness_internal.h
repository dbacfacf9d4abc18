/* harness_internal.h: shared by the files of the harness. */
#ifndef PIOPL_TEST_HARNESS_INTERNAL_H
#define PIOPL_TEST_HARNESS_INTERNAL_H

#include <limits.h>

#include "arena.h"
#include "db.h"
#include "harness.h"

#define HARNESS_ROLES_MAX 32

struct harness {
	struct harness_options options;
	char folder[64];
	int janitor_pipe; /* closed by our end, whichever way that comes */
	pid_t janitor;
	pid_t processes[HARNESS_PROCESSES_MAX];
	size_t process_count;

	char pg_data[96];
	uid_t pg_uid; /* PostgreSQL refuses to run as root */
	gid_t pg_gid;
	pid_t pg_pid;
	char *conninfos[HARNESS_ROLES_MAX];
	size_t conninfo_count;
	struct db *admin;
	struct arena arena;

	char *nats_config;
	char nats_url[64];
	int nats_port;
	pid_t nats_pid;
};

/* How a child starts, when it is more than a command. */
struct harness_child {
	const char *const *argv;
	const char *const *env; /* added; NULL for none */
	const char *logfile;
	uid_t uid; /* 0: ours */
	gid_t gid;
	int death_signal; /* sent when the test program ends */
};

_Noreturn void harness_die(const char *format, ...) __attribute__((format(printf, 1, 2)));
pid_t harness_fork(const struct harness_child *child);
/* Runs a command to its end; its output is shown when it fails. */
void harness_run(const struct harness_child *child, int timeout_ms);
/* True when our child ended in time; reaped. */
bool harness_reap(pid_t pid, int timeout_ms, int *ret_status);
void harness_write_file(const char *path, const char *text);
void harness_show_file(const char *path);

void harness_pg_create(struct harness *harness);
void harness_pg_destroy(struct harness *harness);
void harness_nats_create(struct harness *harness);
void harness_nats_destroy(struct harness *harness);

#endif
