/* top.h: what a service's metrics page says, and what happened between two of them. Pure. */
#ifndef PIOPL_TERMINAL_TOP_H
#define PIOPL_TERMINAL_TOP_H

#include "arena.h"

#define TOP_BUCKETS_MAX 32

enum top_figure {
	TOP_CALLS,
	TOP_REFUSALS,
	TOP_FAULTS,
	TOP_EVENTS_OUT,
	TOP_EVENTS_IN,
	TOP_WAITING,
	TOP_RESTARTS,
	TOP_FIGURE_COUNT,
};

struct top_page {
	int64_t values[TOP_FIGURE_COUNT];
	double bounds_ms[TOP_BUCKETS_MAX]; /* of the time a call takes, rising; the last is infinite
					    */
	int64_t below[TOP_BUCKETS_MAX];
	size_t bucket_count;
};

/* Reads the Prometheus text form; lines that are not asked for are passed over. False when it is no
 * such page: the number of calls is not on it. */
bool top_read(struct str text, struct top_page *ret);
/* A second's worth of a counter that grew. 0 when it fell: the service was started anew. */
double top_rate(int64_t before, int64_t after, int64_t took_ms);
/* The bucket's bound under which the share `q` of the calls between the two pages stayed, in ms;
 * -1: there were none, or more than the largest bound. */
double top_quantile(const struct top_page *before, const struct top_page *after, double q);

#endif
