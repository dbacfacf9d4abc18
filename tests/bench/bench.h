/* bench.h: measurements. Each has a name, a value and a unit, and where there is one the bare floor
 * measured in the same run, so that it reads as a ratio on a noisy machine. */
#ifndef PIOPL_BENCH_H
#define PIOPL_BENCH_H

#include "tests/lib/stack.h"

/* `floor` 0: none. A ratio is value / floor. */
void bench_row(const char *name, double value, const char *unit, double floor, const char *note);
/* A size by environment variable, for everyday runs a smaller default. */
int64_t bench_size(const char *variable, int64_t otherwise);
double bench_seconds(void); /* monotonic */
double bench_median(double *values, size_t count);
double bench_percentile(double *values, size_t count, double percent);

/* Processor time so far of this program and its descendants, by process name. */
#define BENCH_CPU_NAMES_MAX 24
struct bench_cpu {
	size_t count;
	char names[BENCH_CPU_NAMES_MAX][20];
	double seconds[BENCH_CPU_NAMES_MAX];
};
void bench_cpu_read(struct bench_cpu *ret);
/* "cpu us each: worker 7.1, postgres 12.0": what came on top since `before`, for one of `pieces`.
 */
void bench_cpu_note(const struct bench_cpu *before, double pieces, char *ret, size_t size);

#define BENCH_BODY_BYTES_MAX (256 * 1024)
/* Calls kept in flight from one client; `body` is asked for each. */
struct bench_load {
	const char *url;
	const char *subject; /* piopl.rpc.<service>.<call>.terminal */
	int (*body)(void *context, int64_t number, char *out, size_t size);
	void *context;
	int64_t count;
	int in_flight;
	double rate; /* calls a second; 0: as fast as answers come */
};

struct bench_result {
	double per_second;
	double p50_ms, p99_ms;
	int64_t failed;
};

void bench_load_run(const struct bench_load *load, struct bench_result *ret);

/* What several measurements set up: a sealing key as a variable for the token service; the
 * catalogue's root documents, put and applied by "per_bench". */
void bench_sealing_key(struct stack *stack, char *ret_variable, size_t size);
void bench_documents(struct stack *stack);

/* Was this figure asked for, or its group, or nothing in particular? */
bool bench_wanted(const char *figure);

void bench_calls(void);
void bench_events(void);
void bench_registry(void);
void bench_audit(void);
void bench_evaluate(void);
void bench_engines(void);
void bench_policy(void);
void bench_token_verify(void);
void bench_token_issue(void);
void bench_refusal(void);
void bench_approval(void);
void bench_gateway(void);
void bench_ledger(void);
void bench_ledger_audit(void);
void bench_meter(void);

#endif
