/* Metrics. The shared region is `slots` times `stride` cells of 64 bits; a counter or gauge has one
 * cell, a histogram one for each bucket, one for what is above them, and one for the sum in
 * microseconds. */
#include "metrics.h"

#include <assert.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define CELLS_PER_LINE 8 /* a slot begins on its own cache line */
#define HISTOGRAM_CELLS (METRIC_BUCKET_COUNT + 2)
#define CELL_ABOVE METRIC_BUCKET_COUNT
#define CELL_SUM (METRIC_BUCKET_COUNT + 1)
#define SUM_US_MAX 1e15 /* of one observation */

typedef _Atomic int64_t cell;

static const struct {
	double ms;
	const char *text;
} buckets[METRIC_BUCKET_COUNT] = {
	{ 0.1, "0.1" },   { 0.25, "0.25" }, { 0.5, "0.5" },   { 1, "1" },
	{ 2.5, "2.5" },   { 5, "5" },       { 10, "10" },     { 25, "25" },
	{ 50, "50" },     { 100, "100" },   { 250, "250" },   { 500, "500" },
	{ 1000, "1000" }, { 2500, "2500" }, { 5000, "5000" }, { 10000, "10000" },
};

static struct {
	const char *service;
	const struct metric_definition *definitions[METRIC_COUNT_MAX]; /* NULL: no such metric */
	size_t offsets[METRIC_COUNT_MAX];
	size_t slots;
	size_t stride;
	cell *cells; /* NULL: not open */
	cell *own;
} metrics;

static bool label_name_char(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || c == '_' || (!first && c >= '0' && c <= '9');
}

static bool name_valid(const char *name)
{
	for (size_t i = 0; name[i]; i++) {
		if (!label_name_char(name[i], i == 0))
			return false;
	}
	return name[0] != '\0';
}

static bool one_line(const char *text)
{
	return !strchr(text, '\n') && !strchr(text, '\\');
}

static size_t cells_of(const struct metric_definition *definition)
{
	return definition->kind == METRIC_HISTOGRAM_MS ? HISTOGRAM_CELLS : 1;
}

static size_t table_add(const struct metric_definition *table, size_t first, size_t end,
			size_t cells)
{
	size_t i = first;

	for (; table && table->name; table++, i++) {
		ASSERT(i < end);
		ASSERT(name_valid(table->name) && one_line(table->help));
		metrics.definitions[i] = table;
		metrics.offsets[i] = cells;
		cells += cells_of(table);
	}
	return cells;
}

enum st metrics_open(const char *service, const struct metric_definition *library,
		     const struct metric_definition *own, size_t slot_count)
{
	size_t cells;
	void *region;

	ASSERT(slot_count > 0 && slot_count <= METRIC_SLOTS_MAX);
	metrics_close();
	cells = table_add(library, 0, METRIC_SERVICE_FIRST, 0);
	cells = table_add(own, METRIC_SERVICE_FIRST, METRIC_COUNT_MAX, cells);
	metrics.stride = (cells + CELLS_PER_LINE - 1) / CELLS_PER_LINE * CELLS_PER_LINE;
	if (metrics.stride == 0)
		metrics.stride = CELLS_PER_LINE;
	region = mmap(NULL, slot_count * metrics.stride * sizeof(cell), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (region == MAP_FAILED)
		return ST_NO_MEMORY;
	metrics.service = service;
	metrics.slots = slot_count;
	metrics.cells = region;
	metrics.own = region;
	return ST_OK;
}

void metrics_close(void)
{
	if (metrics.cells)
		munmap((void *)metrics.cells, metrics.slots * metrics.stride * sizeof(cell));
	memset(&metrics, 0, sizeof(metrics));
}

static const struct metric_definition *definition_of(unsigned metric)
{
	ASSERT(metric < METRIC_COUNT_MAX && metrics.definitions[metric]);
	return metrics.definitions[metric];
}

static bool is_gauge(const struct metric_definition *definition)
{
	return definition->kind == METRIC_GAUGE || definition->kind == METRIC_GAUGE_MAX;
}

void metrics_join(size_t slot)
{
	if (!metrics.cells)
		return;
	ASSERT(slot < metrics.slots);
	metrics.own = metrics.cells + slot * metrics.stride;
	for (unsigned i = 0; i < METRIC_COUNT_MAX; i++) {
		if (metrics.definitions[i] && is_gauge(metrics.definitions[i]))
			metric_set(i, 0);
	}
}

/* One writer a cell: a load and a store are enough. Wraps like the sum that Prometheus expects. */
static void cell_add(cell *at, uint64_t amount)
{
	uint64_t value = (uint64_t)atomic_load_explicit(at, memory_order_relaxed);

	atomic_store_explicit(at, (int64_t)(value + amount), memory_order_relaxed);
}

void metric_add(unsigned metric, uint64_t amount)
{
	if (!metrics.cells)
		return;
	ASSERT(definition_of(metric)->kind == METRIC_COUNTER);
	cell_add(metrics.own + metrics.offsets[metric], amount);
}

void metric_set(unsigned metric, int64_t value)
{
	if (!metrics.cells)
		return;
	ASSERT(is_gauge(definition_of(metric)));
	atomic_store_explicit(metrics.own + metrics.offsets[metric], value, memory_order_relaxed);
}

void metric_observe(unsigned metric, double ms)
{
	cell *cells;
	size_t bucket = 0;
	double us = ms > 0 ? ms * 1000 : 0; /* also for not-a-number */

	if (!metrics.cells)
		return;
	ASSERT(definition_of(metric)->kind == METRIC_HISTOGRAM_MS);
	cells = metrics.own + metrics.offsets[metric];
	while (bucket < METRIC_BUCKET_COUNT && us > buckets[bucket].ms * 1000)
		bucket++;
	cell_add(cells + bucket, 1);
	cell_add(cells + CELL_SUM, (uint64_t)(us < SUM_US_MAX ? us : SUM_US_MAX));
}

static int64_t sum_of(unsigned metric, size_t part)
{
	uint64_t sum = 0;

	for (size_t slot = 0; slot < metrics.slots; slot++)
		sum += (uint64_t)atomic_load_explicit(metrics.cells + slot * metrics.stride +
							      metrics.offsets[metric] + part,
						      memory_order_relaxed);
	return (int64_t)sum;
}

static int64_t largest_of(unsigned metric)
{
	int64_t largest = INT64_MIN;

	for (size_t slot = 0; slot < metrics.slots; slot++) {
		int64_t value = atomic_load_explicit(metrics.cells + slot * metrics.stride +
							     metrics.offsets[metric],
						     memory_order_relaxed);

		if (value > largest)
			largest = value;
	}
	return largest;
}

int64_t metric_read(unsigned metric)
{
	int64_t sum = 0;

	if (!metrics.cells)
		return 0;
	switch (definition_of(metric)->kind) {
	case METRIC_COUNTER:
	case METRIC_GAUGE:
		return sum_of(metric, 0);
	case METRIC_GAUGE_MAX:
		return largest_of(metric);
	case METRIC_HISTOGRAM_MS:
		for (size_t part = 0; part <= CELL_ABOVE; part++)
			sum += sum_of(metric, part);
		return sum;
	}
	return 0;
}

static const char *type_name(enum metric_kind kind)
{
	switch (kind) {
	case METRIC_COUNTER:
		return "counter";
	case METRIC_GAUGE:
	case METRIC_GAUGE_MAX:
		return "gauge";
	case METRIC_HISTOGRAM_MS:
		return "histogram";
	}
	return "untyped";
}

/* name{service="token",more */
static void print_name(struct buf *buf, const struct metric_definition *definition,
		       const char *suffix)
{
	buf_printf(buf, "%s%s{service=\"%s\"", definition->name, suffix, metrics.service);
	if (definition->labels)
		buf_printf(buf, ",%s", definition->labels);
}

static void print_histogram(struct buf *buf, unsigned metric)
{
	const struct metric_definition *definition = metrics.definitions[metric];
	int64_t below = 0;
	int64_t sum_us = sum_of(metric, CELL_SUM);

	for (size_t i = 0; i <= METRIC_BUCKET_COUNT; i++) {
		below += sum_of(metric, i);
		print_name(buf, definition, "_bucket");
		buf_printf(buf, ",le=\"%s\"} %lld\n",
			   i < METRIC_BUCKET_COUNT ? buckets[i].text : "+Inf", (long long)below);
	}
	print_name(buf, definition, "_sum");
	buf_printf(buf, "} %lld.%03lld\n", (long long)(sum_us / 1000), (long long)(sum_us % 1000));
	print_name(buf, definition, "_count");
	buf_printf(buf, "} %lld\n", (long long)below);
}

static void print_metric(struct buf *buf, unsigned metric)
{
	const struct metric_definition *definition = metrics.definitions[metric];

	if (definition->kind == METRIC_HISTOGRAM_MS) {
		print_histogram(buf, metric);
		return;
	}
	print_name(buf, definition, "");
	buf_printf(buf, "} %lld\n", (long long)metric_read(metric));
}

void metrics_print(struct buf *buf)
{
	const char *name_before = "";

	if (!metrics.cells)
		return;
	for (unsigned i = 0; i < METRIC_COUNT_MAX; i++) {
		const struct metric_definition *definition = metrics.definitions[i];

		if (!definition)
			continue;
		if (strcmp(definition->name, name_before) != 0)
			buf_printf(buf, "# HELP %s %s\n# TYPE %s %s\n", definition->name,
				   definition->help, definition->name, type_name(definition->kind));
		name_before = definition->name;
		print_metric(buf, i);
	}
}
