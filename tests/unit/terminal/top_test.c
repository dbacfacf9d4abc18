/* top_test.c: what a metrics page says, and what happened between two of them [CLI-1]. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "services/terminal/top.h"

#define BUCKETS(a, b, c, d)                                                                        \
	"piopl_call_milliseconds_bucket{service=\"x\",le=\"1\"} " a "\n"                           \
	"piopl_call_milliseconds_bucket{service=\"x\",le=\"2.5\"} " b "\n"                         \
	"piopl_call_milliseconds_bucket{service=\"x\",le=\"10\"} " c "\n"                          \
	"piopl_call_milliseconds_bucket{service=\"x\",le=\"+Inf\"} " d "\n"

static const char page_text[] =
	"# HELP piopl_calls_total calls answered\n"
	"# TYPE piopl_calls_total counter\n"
	"piopl_calls_total{service=\"x\"} 120\n"
	"piopl_calls_failed_total{service=\"x\",kind=\"refusal\"} 7\n"
	"piopl_calls_failed_total{service=\"x\",kind=\"fault\"} 2\n"
	"piopl_events_published_total{service=\"x\"} 9007199254740993\n"
	"piopl_events_applied_total 5\n"
	"piopl_outbox_waiting{service=\"x\"} 3\n"
	"piopl_process_restarts_total{service=\"x\"} 1\n"
	"piopl_calls_total_of_another_kind{service=\"x\"} 999\n" BUCKETS("50", "90", "119", "120");

static void the_figures_of_a_page_are_read(void **state)
{
	struct top_page page;

	(void)state;
	assert_true(top_read(STR(page_text), &page));
	assert_int_equal(page.values[TOP_CALLS], 120);
	assert_int_equal(page.values[TOP_REFUSALS], 7);
	assert_int_equal(page.values[TOP_FAULTS], 2);
	assert_int_equal(page.values[TOP_EVENTS_IN], 5);
	assert_int_equal(page.values[TOP_WAITING], 3);
	assert_int_equal(page.values[TOP_RESTARTS], 1);
	assert_int_equal(page.bucket_count, 4);
	assert_int_equal(page.below[2], 119);
}

/* Counts are whole: the first that a double cannot hold is still told from its neighbour. */
static void large_counts_lose_nothing(void **state)
{
	struct top_page page;

	(void)state;
	assert_true(top_read(STR(page_text), &page));
	assert_int_equal(page.values[TOP_EVENTS_OUT], 9007199254740993);
}

static void what_is_no_such_page_is_not_taken_for_one(void **state)
{
	static const char *const texts[] = {
		"",
		"\n\n",
		"404 not found",
		"piopl_calls_total",
		"piopl_calls_total ",
		"piopl_calls_total x",
		"piopl_calls_total 1x",
		"piopl_calls_total_of_another_kind 4\n",
		"# piopl_calls_total 4\n",
	};
	struct top_page page = { .bucket_count = 77 };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(top_read(str_of(texts[i]), &page));
	assert_int_equal(page.bucket_count, 77);
	assert_true(top_read(STR("piopl_calls_total 4"), &page));
}

static void more_buckets_than_fit_are_left_out(void **state)
{
	static char text[TOP_BUCKETS_MAX * 128];
	size_t size = 0;
	struct top_page page;

	(void)state;
	for (int i = 0; i <= TOP_BUCKETS_MAX; i++)
		size += (size_t)snprintf(text + size, sizeof(text) - size,
					 "piopl_call_milliseconds_bucket{le=\"%d\"} %d\n", i, i);
	size += (size_t)snprintf(text + size, sizeof(text) - size, "piopl_calls_total 1\n");
	assert_true(top_read((struct str){ text, size }, &page));
	assert_int_equal(page.bucket_count, TOP_BUCKETS_MAX);
}

static void a_rate_is_what_was_added_in_the_time(void **state)
{
	(void)state;
	assert_true(top_rate(100, 150, 1000) == 50);
	assert_true(top_rate(100, 150, 500) == 100);
	assert_true(top_rate(100, 100, 1000) == 0);
	assert_true(top_rate(100, 20, 1000) == 0); /* started anew */
	assert_true(top_rate(0, 1, 0) == 0);
}

static void a_quantile_is_of_the_calls_in_between(void **state)
{
	static const char old_text[] =
		"piopl_calls_total 100\n" BUCKETS("100", "100", "100", "100");
	static const char new_text[] =
		"piopl_calls_total 200\n" BUCKETS("140", "180", "199", "200");
	struct top_page old, new;

	(void)state;
	assert_true(top_read(STR(old_text), &old));
	assert_true(top_read(STR(new_text), &new));
	assert_true(top_quantile(&old, &new, 0.4) == 1);
	assert_true(top_quantile(&old, &new, 0.5) == 2.5);
	assert_true(top_quantile(&old, &new, 0.99) == 10);
	assert_true(top_quantile(&old, &new, 1) == -1);   /* above the largest bound */
	assert_true(top_quantile(&old, &old, 0.5) == -1); /* nothing happened */
	assert_true(top_quantile(&new, &old, 0.5) == -1); /* started anew */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_figures_of_a_page_are_read),
		cmocka_unit_test(large_counts_lose_nothing),
		cmocka_unit_test(what_is_no_such_page_is_not_taken_for_one),
		cmocka_unit_test(more_buckets_than_fit_are_left_out),
		cmocka_unit_test(a_rate_is_what_was_added_in_the_time),
		cmocka_unit_test(a_quantile_is_of_the_calls_in_between),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
