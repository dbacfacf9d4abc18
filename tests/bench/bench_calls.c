/* bench_calls.c [PLT-21]: a call that writes one row durably, through the bus, with four workers,
 * beside pgbench committing single rows over as many connections. */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

#define WORKERS 4
#define CALLS_ASKED 5000.0

static int item_body(void *context, int64_t number, char *out, size_t size)
{
	return snprintf(out, size, "{\"name\":\"%s%lld\",\"value\":\"some value\"}",
			(const char *)context, (long long)number);
}

/* Commits a second of pgbench's own, a single INSERT each. */
static double floor_commits(struct stack *stack)
{
	char path[600], command[1600], line[256];
	double rate = 0;

	harness_sql(stack->harness, "CREATE TABLE public.floor (id bigint GENERATED ALWAYS AS "
				    "IDENTITY PRIMARY KEY, name text, value text, ms bigint)");
	snprintf(path, sizeof(path), "%s/floor.sql", harness_folder(stack->harness));
	FILE *file = fopen(path, "w");
	fprintf(file,
		"INSERT INTO public.floor (name, value, ms) VALUES ('name', 'some value', 1);\n");
	fclose(file);
	snprintf(command, sizeof(command),
		 "/usr/lib/postgresql/15/bin/pgbench -n -M prepared -c %d -j 1 -T 4 -f %s \"%s\" "
		 "2>&1",
		 WORKERS, path, harness_conninfo(stack->harness, NULL));
	FILE *out = popen(command, "r");
	while (out && fgets(line, sizeof(line), out))
		if (strncmp(line, "tps = ", 6) == 0)
			rate = atof(line + 6);
	if (out)
		pclose(out);
	return rate;
}

void bench_calls(void)
{
	static const char *const names[] = { "probe", NULL };
	static const char *const env[] = { "PIOPL_WORKERS=4", NULL };
	struct bench_result full, half;
	struct stack stack;
	char note[200];

	stack_start(&stack,
		    &(struct harness_options){ .postgres = true, .nats = true, .durable = true },
		    names);
	double floor = floor_commits(&stack);
	stack_service_start(&stack, "probe", env);
	struct bench_load load = { .url = harness_nats_url(stack.harness),
				   .subject = "piopl.rpc.probe.item_put.terminal",
				   .body = item_body,
				   .context = "full",
				   .count = bench_size("BENCH_CALLS", 60000),
				   .in_flight = 512 };
	bench_load_run(&load, &full);
	snprintf(note, sizeof(note),
		 "4 workers, 512 in flight, %lld failed; floor: pgbench commits",
		 (long long)full.failed);
	bench_row("call.durable", full.per_second, "/s", floor, note);
	/* half of the rate that is asked of this class of machine, then half of what was reached */
	load.context = "asked";
	load.rate = CALLS_ASKED / 2;
	load.count = (int64_t)(load.rate * 4);
	bench_load_run(&load, &half);
	snprintf(note, sizeof(note), "at %.0f/s; p50 %.2f ms, %lld failed", half.per_second,
		 half.p50_ms, (long long)half.failed);
	bench_row("call.p99_ms", half.p99_ms, "ms", 0, note);
	load.context = "half";
	load.rate = full.per_second / 2;
	load.count = (int64_t)(load.rate * 4);
	bench_load_run(&load, &half);
	snprintf(note, sizeof(note), "at %.0f/s; p50 %.2f ms, %lld failed", half.per_second,
		 half.p50_ms, (long long)half.failed);
	bench_row("call.p99_half_ms", half.p99_ms, "ms", 0, note);
	stack_stop(&stack);
}
