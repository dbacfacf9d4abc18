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

void bench_calls(void);
void bench_events(void);
void bench_registry(void);
void bench_audit(void);
void bench_policy(void);
void bench_token(void);
void bench_gateway(void);

#endif
