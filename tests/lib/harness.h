/* harness.h: a private PostgreSQL cluster and nats-server for one test program, and processes of
 * its own. Nothing is shared between programs: own folder (in memory, or under /tmp when durable or
 * when memory is short), own socket, own port.
 *
 * Everything is bounded in time. What cannot be started ends the program with a message and exit
 * status 1. When the program ends in whatever way, its servers end with it and its folder goes. */
#ifndef PIOPL_TEST_HARNESS_H
#define PIOPL_TEST_HARNESS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HARNESS_START_MS_MAX 20000
#define HARNESS_STOP_MS_MAX 20000
#define HARNESS_PROCESSES_MAX 64

struct harness_options {
	bool postgres;
	bool nats;
	bool durable;            /* fsync on: for chaos and bench */
	const char *nats_config; /* more lines for nats-server's configuration, or NULL */
	const char *pg_config;   /* more lines for postgresql.conf, or NULL */
};

struct harness;
struct db;
struct db_statement;

struct harness *harness_start_with(const struct harness_options *options);
/* harness_start(.postgres = true, .nats = true) */
#define harness_start(...) harness_start_with(&(const struct harness_options){ __VA_ARGS__ })
/* Stops all and removes the folder. NULL is allowed. */
void harness_stop(struct harness *harness);
/* The folder of this run, for whatever the test wants to keep there. */
const char *harness_folder(const struct harness *harness);

/* PostgreSQL. The database is "piopl"; any role that exists may connect (trust). */

/* Connection string of a role; NULL: the superuser. Valid until harness_stop. */
const char *harness_conninfo(struct harness *harness, const char *role);
void harness_pg_stop(struct harness *harness);  /* like an administrator: fast shutdown */
void harness_pg_kill9(struct harness *harness); /* like a power cut for its processes */
/* Kills one backend, upon which the server ends them all; returns when those of before are gone:
 * who connects earlier may be let in by a server that has not noticed yet, and be thrown out again.
 */
void harness_pg_crash(struct harness *harness, pid_t backend);
void harness_pg_start(struct harness *harness);
/* Like a supervisor: started again if it ended by itself, as it does when what recovers it dies. */
void harness_pg_revive(struct harness *harness);
/* The same until it answers: it may need seconds to give up. */
void harness_pg_settle(struct harness *harness);
pid_t harness_pg_pid(const struct harness *harness);
/* A connection of the library's, made when it is there: asked again for as long as a start may take
 * when the server does not answer in time. To be closed before harness_stop. */
struct db *harness_db_open(struct harness *harness, const char *role,
			   const struct db_statement *const *tables, size_t table_count);
/* SQL as the superuser. harness_sql_text gives the first value of the last row set ("" for none),
 * valid until the next call. */
void harness_sql(struct harness *harness, const char *sql);
int64_t harness_sql_i64(struct harness *harness, const char *sql);
const char *harness_sql_text(struct harness *harness, const char *sql);
/* Roles, schemas and migrations of these services (names, NULL ends), from migrations/, or from
 * a folder of the same shape. */
void harness_migrate(struct harness *harness, const char *const *services);
void harness_migrate_from(struct harness *harness, const char *folder, const char *const *services);

/* nats-server with JetStream, its store in the folder. The port stays the same over a restart. */

const char *harness_nats_url(const struct harness *harness);
int harness_nats_port(const struct harness *harness);
void harness_nats_stop(struct harness *harness);
void harness_nats_kill9(struct harness *harness);
void harness_nats_start(struct harness *harness);
void harness_nats_wipe_store(struct harness *harness); /* while it is stopped */
/* Another configuration for the next start. */
void harness_nats_configure(struct harness *harness, const char *config);
/* Asks a running server to read its configuration again. */
void harness_nats_reload(struct harness *harness);

/* Processes of the test. */

/* `env` (NAME=value, NULL ends; may be NULL) is added to the environment; output goes to the file
 * (in the folder unless absolute). The process is killed when the test program ends. */
pid_t harness_spawn(struct harness *harness, const char *const *argv, const char *const *env,
		    const char *logfile);
void harness_signal(struct harness *harness, pid_t pid, int signal_number);
/* True when it ended in time; `ret_status` (may be NULL) as of waitpid. */
bool harness_wait_exit(struct harness *harness, pid_t pid, int timeout_ms, int *ret_status);
/* SIGKILL and wait. */
void harness_kill9(struct harness *harness, pid_t pid);

/* Asks until it is true, 5 ms apart; false when it is not when the time is over. */
bool harness_wait_for(bool (*predicate)(void *context), void *context, int timeout_ms);
int64_t harness_now_ms(void); /* monotonic */
/* How long the machine stood still since the first call: a thread that sleeps 10 ms at a time adds
 * up what it overslept. The thread ends with harness_stop or the program. */
int64_t harness_stall_ms(void);
/* harness_now_ms without that: what took so long, took it of a machine that ran. */
int64_t harness_awake_ms(void);
/* Of loopback TCP, free a moment ago. No other call or program gets it here while this one runs,
 * nor does the kernel give it to who asks for any. */
int harness_free_port(void);
/* The build folder this program is in, and the root of the repository. */
const char *harness_build_folder(void);
const char *harness_root_folder(void);

#endif
