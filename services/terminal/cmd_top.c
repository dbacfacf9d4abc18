/* cmd_top.c: how busy every service is, read from its metrics page and drawn again and again. */
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "json.h"
#include "services/terminal/process.h"
#include "services/terminal/supervise.h"
#include "services/terminal/terminal.h"
#include "services/terminal/top.h"

#define TOP_PAGE_BYTES_MAX (256 * 1024)
#define TOP_LOOK_MS 50

struct top_look {
	struct top_page pages[PARTS_MAX];
	bool there[PARTS_MAX];
	int64_t at_ms;
};

static struct top_look before, after;
static char page_text[TOP_PAGE_BYTES_MAX];

static void look(const struct site *site, struct top_look *ret)
{
	ret->at_ms = clock_boot_ms();
	for (size_t i = 0; site_services[i]; i++) {
		struct str text;

		ret->there[i] = probe_page(site_http_port(site, site_services[i]), "/metrics",
					   page_text, sizeof(page_text), &text) &&
				top_read(text, &ret->pages[i]);
	}
}

static double rate(size_t service, enum top_figure figure)
{
	return top_rate(before.pages[service].values[figure], after.pages[service].values[figure],
			after.at_ms - before.at_ms);
}

static void cell_rate(struct table *table, double value)
{
	if (value > 0)
		table_cell(table, arena_printf(table->arena, value < 10 ? "%.1f" : "%.0f", value));
	else
		table_cell_c(table, "");
}

static void cell_ms(struct table *table, double value)
{
	if (value >= 0)
		table_cell(table, arena_printf(table->arena, "%g", value));
	else
		table_cell_c(table, "");
}

static void draw(struct terminal *t)
{
	struct table table;

	table_init(&table, &t->arena,
		   "service|>calls/s|>refused/s|>faults/s|>p50 ms|>p99 ms|>events out/s|"
		   ">events in/s|>waiting|>restarts");
	for (size_t i = 0; site_services[i]; i++) {
		table_cell_c(&table, site_services[i]);
		if (!before.there[i] || !after.there[i]) {
			table_cell_c(&table, "away");
			for (int k = 0; k < 8; k++)
				table_cell_c(&table, "");
			continue;
		}
		cell_rate(&table, rate(i, TOP_CALLS));
		cell_rate(&table, rate(i, TOP_REFUSALS));
		cell_rate(&table, rate(i, TOP_FAULTS));
		cell_ms(&table, top_quantile(&before.pages[i], &after.pages[i], 0.5));
		cell_ms(&table, top_quantile(&before.pages[i], &after.pages[i], 0.99));
		cell_rate(&table, rate(i, TOP_EVENTS_OUT));
		cell_rate(&table, rate(i, TOP_EVENTS_IN));
		table_cell_i64(&table, after.pages[i].values[TOP_WAITING]);
		table_cell_i64(&table, after.pages[i].values[TOP_RESTARTS]);
	}
	terminal_table(t, &table);
}

/* Left out when there were no calls. */
static void quantile_json(struct arena *arena, struct json *out, const char *name, size_t i,
			  double q)
{
	double value = top_quantile(&before.pages[i], &after.pages[i], q);

	if (value >= 0)
		json_set(arena, out, name, json_new_number(arena, value));
}

static struct json *service_json(struct arena *arena, size_t i)
{
	static const char *const names[TOP_FIGURE_COUNT] = {
		[TOP_CALLS] = "calls_per_s",         [TOP_REFUSALS] = "refused_per_s",
		[TOP_FAULTS] = "faults_per_s",       [TOP_EVENTS_OUT] = "events_out_per_s",
		[TOP_EVENTS_IN] = "events_in_per_s", [TOP_WAITING] = "waiting",
		[TOP_RESTARTS] = "restarts",
	};
	struct json *out = json_new(arena, JSON_OBJECT);
	bool there = before.there[i] && after.there[i];

	json_set(arena, out, "service", json_new_string(arena, str_of(site_services[i])));
	json_set(arena, out, "there", json_new_bool(arena, there));
	if (there) {
		quantile_json(arena, out, "p50_ms", i, 0.5);
		quantile_json(arena, out, "p99_ms", i, 0.99);
	}
	for (size_t k = 0; there && k < TOP_FIGURE_COUNT; k++)
		json_set(arena, out, names[k],
			 json_new_i64(arena,
				      k == TOP_WAITING || k == TOP_RESTARTS
					      ? after.pages[i].values[k]
					      : (int64_t)(rate(i, (enum top_figure)k) + 0.5)));
	return out;
}

/* One line a look, so that a program can read on. */
static void draw_json(struct terminal *t)
{
	struct json *out = json_new(&t->arena, JSON_OBJECT);
	struct json *services = json_new(&t->arena, JSON_ARRAY);
	struct buf buf;

	for (size_t i = 0; site_services[i]; i++)
		json_add(services, service_json(&t->arena, i));
	json_set(&t->arena, out, "services", services);
	buf_init(&buf, &t->arena, 4096);
	json_write(&buf, out);
	buf_add_char(&buf, '\n');
	terminal_write(buf_str(&buf));
	fflush(stdout);
}

/* On a terminal the picture stays where it is; elsewhere one follows the other. */
static void show(struct terminal *t)
{
	if (t->json) {
		draw_json(t);
	} else {
		if (isatty(STDOUT_FILENO))
			terminal_say(t, "\033[H\033[J");
		draw(t);
		terminal_say(t, isatty(STDOUT_FILENO) ? "every %lld ms; stop with Ctrl-C\n" : "\n",
			     (long long)(after.at_ms - before.at_ms));
	}
	arena_reset(&t->arena); /* holds nothing but this picture */
}

enum st cmd_top(struct terminal *t, struct problem *problem)
{
	int64_t every_ms = args_i64(&t->args, "every", 1000);
	int64_t times = args_i64(&t->args, "times", isatty(STDOUT_FILENO) ? INT64_MAX : 1);

	if (!supervisor_runs(&t->site)) {
		problem_set(problem, ST_UNAVAILABLE, "", "the system is not running in \"%s\"",
			    t->site.data);
		problem_hint(problem, "start it with: piopl up");
		return ST_UNAVAILABLE;
	}
	look(&t->site, &before);
	for (int64_t i = 0; i < times; i++) {
		for (int64_t begin_ms = clock_boot_ms();
		     clock_boot_ms() - begin_ms < every_ms - TOP_LOOK_MS;)
			process_sleep_ms(TOP_LOOK_MS);
		look(&t->site, &after);
		show(t);
		before = after;
	}
	return ST_OK;
}
