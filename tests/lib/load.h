/* load.h: clients that never give up, and what must be true after they were served through faults.
 * Each client puts items through a call that takes an idempotency key; an answer that says the
 * world failed is repeated with the same key until the item is acknowledged. */
#ifndef PIOPL_TEST_LOAD_H
#define PIOPL_TEST_LOAD_H

#include <pthread.h>

#include "tests/lib/stack.h"

#define LOAD_CLIENTS_MAX 16
#define LOAD_FINISH_MS_MAX 60000

struct load_client {
	struct load *load;
	unsigned number;
	pthread_t thread;
	int64_t acknowledged;
	int64_t repeated;
	int64_t worst_ms;          /* from the first try to the acknowledgement */
	int64_t answers[ST_COUNT]; /* by status */
	char fault[512];           /* an answer that must not be: ends the client */
};

struct load {
	const char *url;
	const struct proto_call *call; /* probe's item_put */
	const char *prefix;            /* of the items' names */
	unsigned clients;
	uint32_t pause_us; /* between two items of a client */
	bool tell;         /* each item is told of by an event */
	volatile bool stop;
	struct load_client client[LOAD_CLIENTS_MAX];
};

void load_start(struct load *load);
/* No new items; waits until what was begun is acknowledged. False when one got an answer that must
 * not be or was not acknowledged in time; its words are printed. */
bool load_finish(struct load *load);
int64_t load_acknowledged(const struct load *load);
/* One line a client's answers summed, to stdout. */
void load_print(const struct load *load, const char *title);

/* Seed of this run: PIOPL_SEED or one of the clock; printed, so that a failure can be repeated. */
uint64_t chaos_seed(const char *test);
/* splitmix64: the next number below `bound`. */
uint64_t chaos_random(uint64_t *state, uint64_t bound);
/* Seconds from the environment, or `otherwise`. */
int chaos_seconds(const char *variable, int otherwise);

/* The first value of an answer, through a connection of its own and as long as it takes for the
 * database to come back (30 s); ends the program after that. */
int64_t chaos_sql_i64(struct stack *stack, const char *sql);
void chaos_sql_text(struct stack *stack, const char *sql, char *ret, size_t size);
/* The probe followed itself to the end of its outbox, nothing stopped, nothing waiting. */
bool chaos_settled(struct stack *stack, int timeout_ms);
/* What must hold when the probe is settled: `items` rows with different names, each outbox row in
 * one batch, batches gapless, each told item applied once, nothing parked. Words in `ret` when not;
 * `ret` is "" when all holds. */
void chaos_check(struct stack *stack, int64_t items, char *ret, size_t size);

#endif
