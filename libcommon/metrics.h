/* metrics.h: counters, gauges and histograms of one service, in memory its processes share. Each
 * process writes its own slot and nothing else, so there are no locks; the parent adds the slots
 *and prints them in Prometheus' text format.
 *
 * Metrics are declared in constant tables, the library's and the service's; a metric's number is
 *its place: from 0 in the library's, from METRIC_SERVICE_FIRST in the service's.
 *
 *	enum token_metric { TOKEN_METRIC_ISSUED = METRIC_SERVICE_FIRST, ... };
 */
#ifndef PIOPL_METRICS_H
#define PIOPL_METRICS_H

#include "arena.h"
#include "st.h"

#define METRIC_SERVICE_FIRST 64
#define METRIC_COUNT_MAX 256
#define METRIC_SLOTS_MAX 128
#define METRIC_BUCKET_COUNT 16 /* 0.1 ms to 10 s, and above them "+Inf" */

enum metric_kind {
	METRIC_COUNTER,
	METRIC_GAUGE,     /* the sum over the processes */
	METRIC_GAUGE_MAX, /* the largest over the processes */
	METRIC_HISTOGRAM_MS,
};

struct metric_definition {
	const char *name; /* "piopl_calls_total"; rows of one name stand together */
	enum metric_kind kind;
	const char *help; /* a sentence on one line */
	const char
		*labels; /* "kind=\"refusal\"" or NULL; the service's own label is put before it */
};

/* Maps the shared memory; before the first fork. Tables end with a NULL name, `own` may be NULL.
 * ST_NO_MEMORY. Until it is called metrics are not kept. */
MUST_CHECK enum st metrics_open(const char *service, const struct metric_definition *library,
				const struct metric_definition *own, size_t slot_count);
void metrics_close(void);
/* This process writes slot `slot` from now on (0 until called). What the slot's former process
 * counted stays, its gauges go back to 0. */
void metrics_join(size_t slot);

void metric_add(unsigned metric, uint64_t amount); /* counters */
void metric_set(unsigned metric, int64_t value);   /* gauges */
void metric_observe(unsigned metric, double ms);   /* histograms; below 0 counts as 0 */

/* Sums over the slots; of a histogram the count. For tests and readiness. */
int64_t metric_read(unsigned metric);
void metrics_print(struct buf *buf);

#endif
