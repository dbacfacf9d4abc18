/* bench.c: runs the measurements named on the command line or in BENCH (none: all), prints a table
 * and writes bench.json into the build folder. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"

#define ROWS_MAX 64
#define ASKED_MAX 64

struct row {
	char name[64];
	double value;
	char unit[32];
	double floor;
	char note[512];
};

static struct row rows[ROWS_MAX];
static size_t row_count;

static void number_print(FILE *out, double value)
{
	fprintf(out, value >= 100 ? "%.0f" : value >= 1 ? "%.2f" : "%.4f", value);
}

void bench_row(const char *name, double value, const char *unit, double floor, const char *note)
{
	if (row_count >= ROWS_MAX)
		return;
	struct row *row = &rows[row_count++];
	snprintf(row->name, sizeof(row->name), "%s", name);
	snprintf(row->unit, sizeof(row->unit), "%s", unit);
	snprintf(row->note, sizeof(row->note), "%s", note);
	row->value = value;
	row->floor = floor;
	printf("%-22s %12.*f %-10s", name, value >= 100 ? 0 : 2, value, unit);
	if (floor > 0)
		printf(" floor %12.0f  ratio %5.2f", floor, value / floor);
	else
		printf(" %33s", "");
	printf("  %s\n", note);
	fflush(stdout);
}

static void json_save(void)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/bench.json", harness_build_folder());
	FILE *out = fopen(path, "w");
	if (!out) {
		fprintf(stderr, "cannot write %s\n", path);
		exit(1);
	}
	fprintf(out, "[\n");
	for (size_t i = 0; i < row_count; i++) {
		fprintf(out, "  {\"name\": \"%s\", \"value\": ", rows[i].name);
		number_print(out, rows[i].value);
		fprintf(out, ", \"unit\": \"%s\", \"floor\": ", rows[i].unit);
		if (rows[i].floor > 0)
			number_print(out, rows[i].floor);
		else
			fprintf(out, "null");
		fprintf(out, ", \"ratio\": ");
		if (rows[i].floor > 0)
			fprintf(out, "%.3f", rows[i].value / rows[i].floor);
		else
			fprintf(out, "null");
		fprintf(out, ", \"note\": \"%s\"}%s\n", rows[i].note, i + 1 < row_count ? "," : "");
	}
	fprintf(out, "]\n");
	fclose(out);
	printf("\nwritten to %s\n", path);
}

int64_t bench_size(const char *variable, int64_t otherwise)
{
	const char *text = getenv(variable);

	return text && *text ? atoll(text) : otherwise;
}

double bench_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_percentile(double *values, size_t count, double percent)
{
	if (count == 0)
		return 0;
	qsort(values, count, sizeof(*values), compare);
	size_t i = (size_t)((double)count * percent / 100);
	return values[i < count ? i : count - 1];
}

double bench_median(double *values, size_t count)
{
	return bench_percentile(values, count, 50);
}

/* What was asked for: groups ("policy") and figures ("policy.decide"); none: everything. */
static const char *asked[ASKED_MAX];
static size_t asked_count;

static void ask(char *text)
{
	for (char *word = strtok(text, " ,"); word; word = strtok(NULL, " ,"))
		if (asked_count < ASKED_MAX)
			asked[asked_count++] = word;
}

bool bench_wanted(const char *figure)
{
	size_t group = strcspn(figure, ".");

	for (size_t i = 0; i < asked_count; i++)
		if (strcmp(asked[i], figure) == 0 ||
		    (strlen(asked[i]) == group && strncmp(asked[i], figure, group) == 0))
			return true;
	return asked_count == 0;
}

static bool group_wanted(const char *const *figures)
{
	for (; *figures; figures++)
		if (bench_wanted(*figures))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	static const struct {
		void (*run)(void);
		const char *figures[8]; /* NULL ends */
	} all[] = {
		{ bench_calls, { "call.durable", "call.p99_ms", "call.p99_half_ms" } },
		{ bench_events, { "event.relay", "event.consume" } },
		{ bench_registry, { "registry.page_ms", "registry.kill_ms", "registry.create" } },
		{ bench_audit, { "audit.query_ms", "audit.verify", "audit.append" } },
		{ bench_evaluate, { "policy.evaluate_us", "policy.evaluate_many_us" } },
		{ bench_engines, { "policy.cedar_us", "policy.opa_us" } },
		{ bench_policy, { "policy.decide", "policy.decide_p99_ms", "policy.decide_bulk" } },
		{ bench_token_verify, { "token.verify_cached_us", "token.memory_mb" } },
		{ bench_token_issue, { "token.issue" } },
		{ bench_refusal, { "revoke.p99_ms", "kill.p99_ms" } },
		{ bench_approval, { "approval.roundtrip_ms" } },
		{ bench_gateway, { "gateway.rps", "gateway.idle" } },
		{ bench_ledger, { "wallet.transfer", "wallet.batch", "wallet.hot" } },
		{ bench_ledger_audit, { "wallet.audit_s", "ledger.export", "ledger.cut_s" } },
		{ bench_meter,
		  { "meter.tick_100k_s", "meter.tick_1m_s", "meter.bytes_per_minute",
		    "horizon.recompute_100k_s" } },
	};
	const char *variable = getenv("BENCH");
	char text[1024];

	snprintf(text, sizeof(text), "%s", variable ? variable : "");
	ask(text);
	for (int i = 1; i < argc; i++)
		ask(argv[i]);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (group_wanted(all[i].figures))
			all[i].run();
	if (row_count == 0) {
		fprintf(stderr, "nothing is measured under that name\n");
		return 2;
	}
	json_save();
	return 0;
}
