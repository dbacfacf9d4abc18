/* supervise.h: keeping the parts of the one-machine stack alive.
 *
 * The supervisor is a pair of processes. One supervises, the other only watches it; when the first
 * dies the second takes its place and makes itself a new watcher. What they know lies on the board,
 * a file both map, so the successor goes on where the other stopped: the parts keep running and
 * are taken over, not started again. The decision what to do with a part is pure (part_step). */
#ifndef PIOPL_TERMINAL_SUPERVISE_H
#define PIOPL_TERMINAL_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "services/terminal/site.h"

#define PARTS_MAX 32 /* also the bits of part_spec.needs */
#define PART_NAME_MAX 32
#define PART_NOTE_MAX 192
#define PART_BACKOFF_MS_MIN 50
#define PART_BACKOFF_MS_MAX 5000
#define PART_STEADY_MS 10000     /* running this long forgets the back-off */
#define PART_STOP_MS_MAX 20000   /* then SIGKILL */
#define PART_SILENT_MS_MAX 30000 /* runs and answers nothing this long: SIGKILL, and again */
#define PART_SILENT_STARTING_MS_MAX 600000 /* the bus reads its whole store before it answers */
#define PART_PROBE_MS 1000                 /* between questions to a part that is ready */
#define PART_PROBE_STARTING_MS 50          /* and to one that starts */
#define PART_LOG_BYTES_MAX (64 * 1024 * 1024)

#define BOARD_MAGIC 0x50424f31u

enum part_state {
	PART_WAITING,  /* for a part it needs */
	PART_STARTING, /* runs, was not ready yet */
	PART_READY,
	PART_UNREADY, /* runs, was ready, says it is not now */
	PART_BACKOFF, /* ended; starts again at retry_at_ms */
	PART_DONE,    /* runs once, and has */
	PART_STOPPING,
	PART_STOPPED,
};
const char *part_state_name(enum part_state state);

struct board_part {
	char name[PART_NAME_MAX];
	char note[PART_NOTE_MAX]; /* why it is not ready */
	enum part_state state;
	pid_t pid;          /* 0: none */
	uint64_t pid_ticks; /* the process's start, so that a reused pid is not taken for it */
	int64_t state_since_ms;
	int64_t started_ms;
	int64_t retry_at_ms;
	int64_t stop_by_ms;
	int64_t silent_since_ms; /* 0: it answers, or does not run */
	uint32_t backoff_ms;
	uint32_t restarts;
	int32_t last_exit; /* exit status, or 128 + signal; -1 unknown */
	bool killed;
};

struct board {
	uint32_t magic;
	uint32_t size_bytes;
	pid_t supervisor;
	pid_t guardian;
	int64_t started_ms;
	uint32_t takeovers;
	bool development;
	bool stopping;
	bool stopped;
	uint32_t part_count;
	struct board_part parts[PARTS_MAX];
};

/* What the world looks like to one part. */
struct part_seen {
	int64_t now_ms;
	bool alive;
	bool ready;
	bool silent;          /* the last question got no answer at all, not even a bad one */
	bool needs_met;       /* everything it needs is ready or done */
	bool once;            /* a task, not a server */
	bool stopping;        /* the stack stops */
	bool dependants_gone; /* nothing that needs it runs any more */
	int32_t exit_status;  /* when it has just ended */
};

enum part_action { PART_NOTHING, PART_START, PART_TERMINATE, PART_KILL };

/* Moves the part's state on and says what to do. After PART_START the caller fills pid. */
enum part_action part_step(struct board_part *part, const struct part_seen *seen);
uint32_t part_backoff_next(uint32_t backoff_ms);

/* Maps the board; creates it when `create`. NULL with errno when it is not there or not ours. */
struct board *board_map(const struct site *site, bool create);
void board_unmap(struct board *board);
/* The supervisor's pid, also from the board of another version, which board_map refuses. 0: none.
 */
pid_t board_supervisor(const struct site *site);
bool board_part_alive(const struct board_part *part);
/* Asks the process to end in good order; under a supervisor it starts again. */
void board_part_signal_stop(const struct board_part *part);

/* True while a supervisor or its guardian lives. */
bool supervisor_runs(const struct site *site);
/* The hidden command: never returns while the stack runs. Exit status. */
int supervisor_main(const struct site *site, bool development);
/* Starts it detached. ST_OK once it holds the lock. */
MUST_CHECK enum st supervisor_start(const struct site *site, bool development,
				    struct problem *problem);
/* Parts without a supervisor (both of the pair were killed): stops them. */
void board_stop_orphans(struct board *board);

/* What a part says of itself. Who says it is not ready is left alone: it waits for something. Who
 * says nothing hangs. */
enum part_answer { ANSWER_NONE, ANSWER_UNREADY, ANSWER_READY };

/* One part's probe; `note` says why it is not ready. */
enum part_answer probe_postgres(const struct site *site, char *note, size_t note_size);
enum part_answer probe_nats(const struct site *site, char *note, size_t note_size);
enum part_answer probe_http(uint16_t port, char *note, size_t note_size);
/* A page of a health port, read into `text`. False when it is not there. */
bool probe_page(uint16_t port, const char *path, char *text, size_t text_size, struct str *ret);

#endif
