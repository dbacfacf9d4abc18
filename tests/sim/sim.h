/* sim.h: the money simulator. Scenarios are made of a seed: wallets, jobs and sandboxes of a
 * simulated runner, what happens to them, when the clock moves and what dies. They run one after
 * the other against one cluster, one bus and one meter (built with places to kill it,
 * libcommon/fault.h). After each the books of its wallets are checked. */
#ifndef PIOPL_TEST_SIM_H
#define PIOPL_TEST_SIM_H

#include "fault.h"
#include "gen/meter.h"
#include "tests/lib/stack.h"

#define SIM_LANES 20 /* scenarios that run side by side: they share the clock and what dies */
#define SIM_WALLETS_MAX 4
#define SIM_JOBS_MAX 8
#define SIM_SANDBOXES_MAX 24
#define SIM_HOLDS_MAX 16
#define SIM_ASKS_MAX 12 /* at once */
#define SIM_VIOLATION_SIZE 600
#define SIM_FOUND_SIZE (SIM_LANES * (SIM_VIOLATION_SIZE + 1))

struct sim_options {
	int64_t scenarios;
	uint64_t seed;    /* of the first SIM_LANES; the next have the next number */
	int planted;      /* a known mistake (meter.h), 0: none */
	bool until_found; /* stop at the first violation */
	bool quiet;
};

struct sim_report {
	int64_t scenarios, calls, repeated, kills, pauses, clock_moves, sandboxes, minutes;
	int64_t fired[FAULT_POINT_COUNT];
	int64_t violations;
	uint64_t first_seed;        /* of a violation */
	char found[SIM_FOUND_SIZE]; /* a line a scenario */
	int64_t took_ms;
};

/* The whole run, with servers of its own. Prints the seed before anything else. */
void sim_run(const struct sim_options *options, struct sim_report *ret);
void sim_print(const struct sim_report *report);

/* -- the world (world.c): servers, the meter, faults -- */

struct sim {
	struct stack stack;
	struct fault_table *faults;
	const struct sim_options *options;
	struct sim_report *report;
	char fault_path[512];
};

void world_start(struct sim *sim);
void world_stop(struct sim *sim);
/* Something may die or stop soon, as `random` says. */
void world_hurt(struct sim *sim, uint64_t *random);
/* Whatever stopped goes on; what died is there again. */
void world_wake(struct sim *sim);
void world_heal(struct sim *sim);
/* Waits until every sandbox that runs is paid beyond now; false after `timeout_ms`. */
bool world_paid(struct sim *sim, int timeout_ms);

/* -- scenarios (scenario.c) -- */

struct sim_job {
	char id[64];
	int wallet;
	bool ended;
};

enum runner_state { RUNNER_ADMITTED, RUNNER_RUNNING, RUNNER_GONE };

/* What the runner knows of a sandbox. */
struct sim_sandbox {
	char id[64];
	int wallet, job;
	enum runner_state state;
	bool closed;      /* the meter was told that it is gone */
	int64_t began_ms; /* as the meter said; 0: never */
	int64_t lease_ms; /* the latest it was ever told to run until */
	int64_t gone_ms;  /* when it stopped */
};

struct sim_hold {
	char id[64];
	int wallet;
	bool open;
};

struct scenario {
	struct sim *sim;
	char name[32]; /* "<seed>.<lane>", in the owner of each of its wallets */
	uint64_t random;
	int64_t call_number;
	int wallet_count, job_count, sandbox_count, hold_count;
	char owners[SIM_WALLETS_MAX][64];
	char wallets[SIM_WALLETS_MAX][64];
	struct sim_job jobs[SIM_JOBS_MAX];
	struct sim_sandbox sandboxes[SIM_SANDBOXES_MAX];
	struct sim_hold holds[SIM_HOLDS_MAX];
	char violation[SIM_VIOLATION_SIZE]; /* "": none; "; " is between two */
};

/* Scenarios of one seed. */
struct group {
	struct sim *sim;
	uint64_t seed, random;                   /* of clock and faults */
	int64_t transfers_before, events_before; /* the last ones */
	size_t count;
	struct scenario lanes[SIM_LANES];
};

void group_run(struct group *group);
/* Each violation is kept that there is room for. */
void scenario_fail(struct scenario *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
uint64_t scenario_random(struct scenario *s, uint64_t bound);
bool scenario_chance(struct scenario *s, uint64_t percent);

/* -- calls (ask.c) -- */

#define SIM_ASKS_ALL (SIM_LANES * SIM_ASKS_MAX)

/* A call that is made until it is answered, always with the same key. `done` takes the answer. */
struct sim_ask {
	struct scenario *s;
	bool answered;
	const struct proto_call *call;
	union {
		struct meter_wallet_create_request wallet_create;
		struct meter_wallet_deposit_request deposit;
		struct meter_wallet_withdraw_request withdraw;
		struct meter_wallet_transfer_request transfer;
		struct meter_job_create_request job_create;
		struct meter_job_extend_request job_extend;
		struct meter_job_stop_request job_stop;
		struct meter_sandbox_admit_request admit;
		struct meter_sandbox_begin_request begin;
		struct meter_sandbox_abort_request abort;
		struct meter_sandbox_stop_request stop;
		struct meter_sandbox_end_request end;
		struct meter_sandbox_extend_request extend;
		struct meter_activity_report_request activity;
		struct meter_lease_read_request lease_read;
		struct meter_hold_create_request hold_create;
		struct meter_hold_capture_request capture;
		struct meter_hold_release_request release;
	} in;
	struct meter_activity one;
	struct str ids[SIM_SANDBOXES_MAX];
	void (*done)(struct scenario *s, struct sim_ask *ask, enum st st, const void *reply);
	int subject; /* the place of the wallet, sandbox or hold it is about */
	char key[64];
	struct bus_ask *handle;
};

/* All of them at once; each is repeated while the world fails. A refusal is an outcome like others.
 */
void asks_run(struct sim *sim, struct sim_ask *asks, size_t count);

/* What a scenario asks at once: how many, in `ret` (SIM_ASKS_MAX). */
size_t scenario_wallets_make(struct scenario *s, struct sim_ask *ret);
size_t scenario_jobs_make(struct scenario *s, struct sim_ask *ret);
size_t scenario_acts(struct scenario *s, struct sim_ask *ret);
size_t scenario_boxes_begin(struct scenario *s, struct sim_ask *ret); /* most of the admitted */
size_t scenario_jobs_stop(struct scenario *s, struct sim_ask *ret);
size_t scenario_boxes_end(struct scenario *s, struct sim_ask *ret);
/* One question about all that runs, or none. */
size_t scenario_leases(struct scenario *s, struct sim_ask *ret);
/* The clock was moved: whoever heard of no longer lease has stopped by itself. */
void scenario_lapse(struct scenario *s);

/* -- what must hold (check.c) -- */

/* Everything of the scenarios has come to its end. */
void group_check(struct group *group);

#endif
