#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metrics.h"

enum { LIBRARY_CALLS, LIBRARY_REFUSED, LIBRARY_FAILED, LIBRARY_WAITING, LIBRARY_CALL_MS };
enum { OWN_ISSUED = METRIC_SERVICE_FIRST, OWN_OLDEST };

static const struct metric_definition library[] = {
	{ "piopl_calls_total", METRIC_COUNTER, "Calls answered.", NULL },
	{ "piopl_faults_total", METRIC_COUNTER, "Calls that failed.", "kind=\"refusal\"" },
	{ "piopl_faults_total", METRIC_COUNTER, "Calls that failed.", "kind=\"fault\"" },
	{ "piopl_waiting", METRIC_GAUGE, "Messages waiting.", NULL },
	{ "piopl_call_ms", METRIC_HISTOGRAM_MS, "Time to answer.", NULL },
	{ 0 },
};

static const struct metric_definition own[] = {
	{ "piopl_token_issued_total", METRIC_COUNTER, "Tokens issued.", NULL },
	{ "piopl_token_oldest", METRIC_GAUGE_MAX, "Age of the oldest.", NULL },
	{ 0 },
};

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return metrics_open("token", library, own, 4) != ST_OK;
}

static int teardown(void **state)
{
	(void)state;
	metrics_close();
	arena_free(&arena);
	return 0;
}

static const char *printed(void)
{
	struct buf buf;

	buf_init(&buf, &arena, 4096);
	metrics_print(&buf);
	return buf_str(&buf).data;
}

static void processes_write_their_own_slot_and_the_parent_adds_them(void **state)
{
	(void)state;
	for (size_t slot = 1; slot < 4; slot++) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			metrics_join(slot);
			for (int i = 0; i < 1000; i++)
				metric_add(LIBRARY_CALLS, 2);
			metric_add(OWN_ISSUED, slot);
			metric_set(LIBRARY_WAITING, (int64_t)slot * 10);
			metric_set(OWN_OLDEST, (int64_t)slot * 100);
			metric_observe(LIBRARY_CALL_MS, (double)slot);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
	metric_add(LIBRARY_CALLS, 1);
	assert_int_equal(metric_read(LIBRARY_CALLS), 6001);
	assert_int_equal(metric_read(OWN_ISSUED), 6);
	assert_int_equal(metric_read(LIBRARY_WAITING), 60);
	assert_int_equal(metric_read(OWN_OLDEST), 300);
	assert_int_equal(metric_read(LIBRARY_CALL_MS), 3);
	assert_int_equal(metric_read(LIBRARY_REFUSED), 0);
}

static void a_successor_keeps_the_counts_and_begins_its_gauges_anew(void **state)
{
	(void)state;
	metrics_join(2);
	metric_add(LIBRARY_CALLS, 5);
	metric_set(LIBRARY_WAITING, 7);
	metric_set(OWN_OLDEST, 9);
	metric_observe(LIBRARY_CALL_MS, 1);
	metrics_join(2);
	assert_int_equal(metric_read(LIBRARY_CALLS), 5);
	assert_int_equal(metric_read(LIBRARY_CALL_MS), 1);
	assert_int_equal(metric_read(LIBRARY_WAITING), 0);
	assert_int_equal(metric_read(OWN_OLDEST), 0);
}

static void gauges_may_be_negative(void **state)
{
	(void)state;
	for (size_t slot = 0; slot < 4; slot++) {
		metrics_join(slot);
		metric_set(LIBRARY_WAITING, -2);
		metric_set(OWN_OLDEST, -5 - (int64_t)slot);
	}
	assert_int_equal(metric_read(LIBRARY_WAITING), -8);
	assert_int_equal(metric_read(OWN_OLDEST), -5);
}

static void the_text_is_what_prometheus_reads(void **state)
{
	(void)state;
	metric_add(LIBRARY_CALLS, 3);
	metric_add(LIBRARY_FAILED, 2);
	metric_observe(LIBRARY_CALL_MS, 0.1);
	metric_observe(LIBRARY_CALL_MS, 3);
	metric_observe(LIBRARY_CALL_MS, 20000.5);
	assert_string_equal(printed(), "# HELP piopl_calls_total Calls answered.\n"
				       "# TYPE piopl_calls_total counter\n"
				       "piopl_calls_total{service=\"token\"} 3\n"
				       "# HELP piopl_faults_total Calls that failed.\n"
				       "# TYPE piopl_faults_total counter\n"
				       "piopl_faults_total{service=\"token\",kind=\"refusal\"} 0\n"
				       "piopl_faults_total{service=\"token\",kind=\"fault\"} 2\n"
				       "# HELP piopl_waiting Messages waiting.\n"
				       "# TYPE piopl_waiting gauge\n"
				       "piopl_waiting{service=\"token\"} 0\n"
				       "# HELP piopl_call_ms Time to answer.\n"
				       "# TYPE piopl_call_ms histogram\n"
				       "piopl_call_ms_bucket{service=\"token\",le=\"0.1\"} 1\n"
				       "piopl_call_ms_bucket{service=\"token\",le=\"0.25\"} 1\n"
				       "piopl_call_ms_bucket{service=\"token\",le=\"0.5\"} 1\n"
				       "piopl_call_ms_bucket{service=\"token\",le=\"1\"} 1\n"
				       "piopl_call_ms_bucket{service=\"token\",le=\"2.5\"} 1\n"
				       "piopl_call_ms_bucket{service=\"token\",le=\"5\"} 2\n"
				       "piopl_call_ms_bucket{service=\"token\",le=\"10\"} 2\n"
				       "piopl_call_ms_bucket{service=\"token\",le=\"25\"} 2\n"
				       "piopl_call_ms_bucket{service=\"token\",le=\"50\"} 2\n"
				       "piopl_call_ms_bucket{service=\"token\",le=\"100\"} 2\n"
				       "piopl_call_ms_bucket{service=\"token\",le=\"250\"} 2\n"
				       "piopl_call_ms_bucket{service=\"token\",le=\"500\"} 2\n"
				       "piopl_call_ms_bucket{service=\"token\",le=\"1000\"} 2\n"
				       "piopl_call_ms_bucket{service=\"token\",le=\"2500\"} 2\n"
				       "piopl_call_ms_bucket{service=\"token\",le=\"5000\"} 2\n"
				       "piopl_call_ms_bucket{service=\"token\",le=\"10000\"} 2\n"
				       "piopl_call_ms_bucket{service=\"token\",le=\"+Inf\"} 3\n"
				       "piopl_call_ms_sum{service=\"token\"} 20003.600\n"
				       "piopl_call_ms_count{service=\"token\"} 3\n"
				       "# HELP piopl_token_issued_total Tokens issued.\n"
				       "# TYPE piopl_token_issued_total counter\n"
				       "piopl_token_issued_total{service=\"token\"} 0\n"
				       "# HELP piopl_token_oldest Age of the oldest.\n"
				       "# TYPE piopl_token_oldest gauge\n"
				       "piopl_token_oldest{service=\"token\"} 0\n");
}

static void odd_observations_are_counted_and_do_no_harm(void **state)
{
	(void)state;
	metric_observe(LIBRARY_CALL_MS, -1);
	metric_observe(LIBRARY_CALL_MS, NAN);
	metric_observe(LIBRARY_CALL_MS, 0);
	assert_non_null(strstr(printed(), "le=\"0.1\"} 3\n"));
	assert_non_null(strstr(printed(), "piopl_call_ms_sum{service=\"token\"} 0.000\n"));
	metric_observe(LIBRARY_CALL_MS, INFINITY);
	assert_int_equal(metric_read(LIBRARY_CALL_MS), 4);
	assert_non_null(strstr(printed(), "le=\"10000\"} 3\n"));
}

static void without_memory_shared_nothing_is_kept(void **state)
{
	(void)state;
	metrics_close();
	metric_add(LIBRARY_CALLS, 1);
	metric_set(LIBRARY_WAITING, 1);
	metric_observe(LIBRARY_CALL_MS, 1);
	metrics_join(3);
	assert_int_equal(metric_read(LIBRARY_CALLS), 0);
	assert_string_equal(printed(), "");
}

static void tables_may_be_missing_and_full(void **state)
{
	static struct metric_definition full[METRIC_SERVICE_FIRST + 1];

	(void)state;
	for (size_t i = 0; i < METRIC_SERVICE_FIRST; i++)
		full[i] = (struct metric_definition){ "m_total", METRIC_COUNTER, "M.", NULL };
	assert_int_equal(metrics_open("token", full, NULL, METRIC_SLOTS_MAX), ST_OK);
	metrics_join(METRIC_SLOTS_MAX - 1);
	metric_add(METRIC_SERVICE_FIRST - 1, 1);
	assert_int_equal(metric_read(METRIC_SERVICE_FIRST - 1), 1);
	assert_int_equal(metrics_open("token", NULL, own, 1), ST_OK);
	metric_add(OWN_ISSUED, 1);
	assert_int_equal(metric_read(OWN_ISSUED), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(processes_write_their_own_slot_and_the_parent_adds_them),
		TEST(a_successor_keeps_the_counts_and_begins_its_gauges_anew),
		TEST(gauges_may_be_negative),
		TEST(the_text_is_what_prometheus_reads),
		TEST(odd_observations_are_counted_and_do_no_harm),
		TEST(without_memory_shared_nothing_is_kept),
		TEST(tables_may_be_missing_and_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
