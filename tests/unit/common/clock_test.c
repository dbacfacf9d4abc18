#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

static void times_are_written_with_milliseconds(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 1, "1970-01-01T00:00:00.001Z" },
		{ 951782400000, "2000-02-29T00:00:00.000Z" },
		{ 951868799999, "2000-02-29T23:59:59.999Z" },
		{ 951868800000, "2000-03-01T00:00:00.000Z" },
		{ 4107542400000, "2100-03-01T00:00:00.000Z" },
		{ 1709164800000, "2024-02-29T00:00:00.000Z" },
		{ 1767225599999, "2025-12-31T23:59:59.999Z" },
		{ TIME_MS_MAX, "9999-12-31T23:59:59.999Z" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[TIME_TEXT_SIZE];
		int64_t ms = -1;

		time_format(cases[i].ms, text);
		assert_string_equal(text, cases[i].text);
		assert_true(time_parse(str_of(text), &ms));
		assert_int_equal(ms, cases[i].ms);
	}
}

static void times_agree_with_the_c_library(void **state)
{
	uint64_t x = 88172645463325252u;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		char text[TIME_TEXT_SIZE], expected[64];
		struct tm tm;
		time_t seconds;
		int64_t ms, back;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		ms = (int64_t)(x % (uint64_t)(TIME_MS_MAX + 1));
		seconds = ms / 1000;
		gmtime_r(&seconds, &tm);
		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S", &tm);
		snprintf(expected + 19, sizeof(expected) - 19, ".%03dZ", (int)(ms % 1000));
		time_format(ms, text);
		assert_string_equal(text, expected);
		assert_true(time_parse(str_of(text), &back));
		assert_true(back == ms);
	}
}

static void a_fraction_has_one_to_three_digits_or_is_left_out(void **state)
{
	int64_t ms;

	(void)state;
	assert_true(time_parse(STR("1970-01-01T00:00:01Z"), &ms));
	assert_int_equal(ms, 1000);
	assert_true(time_parse(STR("1970-01-01T00:00:01.5Z"), &ms));
	assert_int_equal(ms, 1500);
	assert_true(time_parse(STR("1970-01-01T00:00:01.05Z"), &ms));
	assert_int_equal(ms, 1050);
}

static void anything_else_is_not_a_time(void **state)
{
	static const char *const bad[] = {
		"",
		"Z",
		"2026-01-02",
		"2026-01-02T03:04:05",
		"2026-01-02T03:04:05+00:00",
		"2026-01-02T03:04:05.678+00:00",
		"2026-01-02t03:04:05Z",
		"2026-01-02T03:04:05z",
		"2026-01-02 03:04:05Z",
		"2026-1-02T03:04:05Z",
		"2026-01-02T03:04:05.Z",
		"2026-01-02T03:04:05.1234Z",
		"2026-01-02T03:04:05,123Z",
		"2026-01-02T03:04Z",
		"2026-01-02T03:04:05.12aZ",
		"1969-12-31T23:59:59.999Z",
		"0000-01-01T00:00:00Z",
		"12026-01-02T03:04:05Z",
		"2026-00-01T00:00:00Z",
		"2026-13-01T00:00:00Z",
		"2026-01-00T00:00:00Z",
		"2026-01-32T00:00:00Z",
		"2026-04-31T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"2100-02-29T00:00:00Z",
		"2024-02-30T00:00:00Z",
		"2026-01-01T24:00:00Z",
		"2026-01-01T23:60:00Z",
		"2026-01-01T23:59:60Z",
		" 2026-01-02T03:04:05Z",
		"2026-01-02T03:04:05Z ",
		"2026-01-02T03:04:05ZZ",
		"-026-01-02T03:04:05Z",
		"2026-01-02T03:04:-5Z",
		"2026/01/02T03:04:05Z",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t ms = 42;

		if (time_parse(str_of(bad[i]), &ms))
			fail_msg("\"%s\" was accepted", bad[i]);
		assert_int_equal(ms, 42);
	}
}

static void durations_are_a_number_and_a_unit(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {
		{ "0s", 0 },
		{ "250ms", 250 },
		{ "90s", 90000 },
		{ "15m", 900000 },
		{ "1h", 3600000 },
		{ "30d", INT64_C(30) * 86400000 },
		{ "36500d", DURATION_MS_MAX },
		{ "3153600000000ms", DURATION_MS_MAX },
	};
	static const char *const bad[] = { "",
					   "s",
					   "1",
					   "1 s",
					   "01s",
					   "-1s",
					   "+1s",
					   "1.5s",
					   "1S",
					   "1min",
					   "1h30m",
					   "1sec",
					   " 1s",
					   "1s ",
					   "36501d",
					   "3153600000001ms",
					   "99999999999999999999d",
					   "9223372036854775807d" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ms = -1;

		assert_true(duration_parse(str_of(cases[i].text), &ms));
		assert_int_equal(ms, cases[i].ms);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t ms = 42;

		if (duration_parse(str_of(bad[i]), &ms))
			fail_msg("\"%s\" was accepted", bad[i]);
		assert_int_equal(ms, 42);
	}
}

static void durations_print_in_their_largest_whole_unit(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{ 0, "0s" },
		{ 1, "1ms" },
		{ 1500, "1500ms" },
		{ 90000, "90s" },
		{ 60000, "1m" },
		{ 5400000, "90m" },
		{ 7200000, "2h" },
		{ 86400000, "1d" },
		{ DURATION_MS_MAX, "36500d" },
		{ INT64_MAX, "9223372036854775807ms" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[DURATION_TEXT_SIZE];

		duration_format(cases[i].ms, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void the_clock_reads_the_machines_time(void **state)
{
	int64_t before = (int64_t)time(NULL) * 1000;
	int64_t now = clock_now_ms();
	uint64_t mono = clock_mono_ns();

	(void)state;
	assert_true(now >= before && now < before + 60000);
	assert_true(clock_mono_ns() >= mono);
	assert_int_equal(clock_offset_ms(), 0);
}

static char path[64];

static int make_path(void **state)
{
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/piopl-clock-XXXXXX");
	fd = mkstemp(path);
	close(fd);
	unlink(path);
	return fd < 0;
}

static int remove_path(void **state)
{
	(void)state;
	clock_close();
	unlink(path);
	return 0;
}

/* [PLT-12] */
static void the_clock_stands_where_it_is_outside_development(void **state)
{
	(void)state;
	assert_int_equal(clock_advance(1000), ST_DEVELOPMENT_ONLY);
	assert_int_equal(clock_open(path, false), ST_OK);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(clock_advance(1000), ST_DEVELOPMENT_ONLY);
	assert_false(clock_is_development());
	assert_int_equal(clock_offset_ms(), 0);
}

/* [PLT-12] */
static void an_advance_is_seen_at_once_by_every_process(void **state)
{
	int asked[2], answered[2], status;
	int64_t offset = 0;
	int64_t before = clock_now_ms();
	pid_t child;

	(void)state;
	assert_int_equal(pipe(asked), 0);
	assert_int_equal(pipe(answered), 0);
	assert_int_equal(clock_open(path, true), ST_OK);
	child = fork();
	if (child == 0) {
		char c;

		clock_close();
		if (clock_open(path, true) != ST_OK || read(asked[0], &c, 1) != 1)
			_exit(1);
		offset = clock_offset_ms();
		_exit(write(answered[1], &offset, sizeof(offset)) != sizeof(offset));
	}
	assert_int_equal(clock_advance(86400000), ST_OK);
	assert_int_equal(write(asked[1], "x", 1), 1);
	assert_int_equal(read(answered[0], &offset, sizeof(offset)), sizeof(offset));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(offset, 86400000);
	assert_true(clock_now_ms() >= before + 86400000);
	assert_true(clock_is_development());
	for (int i = 0; i < 2; i++) {
		close(asked[i]);
		close(answered[i]);
	}
}

static void the_offset_outlives_the_process_that_made_it(void **state)
{
	(void)state;
	assert_int_equal(clock_open(path, true), ST_OK);
	assert_int_equal(clock_advance(5), ST_OK);
	clock_close();
	assert_int_equal(clock_offset_ms(), 0);
	assert_int_equal(clock_open(path, true), ST_OK);
	assert_int_equal(clock_offset_ms(), 5);
	assert_int_equal(clock_open(path, false), ST_OK);
	assert_int_equal(clock_offset_ms(), 0);
}

static void the_clock_moves_forward_only_and_not_past_its_limit(void **state)
{
	(void)state;
	assert_int_equal(clock_open(path, true), ST_OK);
	assert_int_equal(clock_advance(-1), ST_CONFIG_INVALID);
	assert_int_equal(clock_advance(CLOCK_OFFSET_MS_MAX + 1), ST_CONFIG_INVALID);
	assert_int_equal(clock_offset_ms(), 0);
	assert_int_equal(clock_advance(CLOCK_OFFSET_MS_MAX), ST_OK);
	assert_int_equal(clock_advance(0), ST_OK);
	assert_int_equal(clock_advance(1), ST_CONFIG_INVALID);
	assert_int_equal(clock_offset_ms(), CLOCK_OFFSET_MS_MAX);
}

static void a_file_that_is_no_offset_is_refused(void **state)
{
	int64_t values[] = { -1, CLOCK_OFFSET_MS_MAX + 1 };
	FILE *file;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		file = fopen(path, "w");
		assert_int_equal(fwrite(&values[i], sizeof(values[i]), 1, file), 1);
		fclose(file);
		assert_int_equal(clock_open(path, true), ST_CONFIG_INVALID);
	}
	file = fopen(path, "w");
	fputs("some text", file);
	fclose(file);
	assert_int_equal(clock_open(path, true), ST_CONFIG_INVALID);
	assert_int_equal(clock_open("/tmp", true), ST_CONFIG_INVALID);
	assert_int_equal(clock_open("/nowhere/at/all", true), ST_CONFIG_INVALID);
	assert_false(clock_is_development());
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, make_path, remove_path)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_written_with_milliseconds),
		cmocka_unit_test(times_agree_with_the_c_library),
		cmocka_unit_test(a_fraction_has_one_to_three_digits_or_is_left_out),
		cmocka_unit_test(anything_else_is_not_a_time),
		cmocka_unit_test(durations_are_a_number_and_a_unit),
		cmocka_unit_test(durations_print_in_their_largest_whole_unit),
		cmocka_unit_test(the_clock_reads_the_machines_time),
		FILE_TEST(the_clock_stands_where_it_is_outside_development),
		FILE_TEST(an_advance_is_seen_at_once_by_every_process),
		FILE_TEST(the_offset_outlives_the_process_that_made_it),
		FILE_TEST(the_clock_moves_forward_only_and_not_past_its_limit),
		FILE_TEST(a_file_that_is_no_offset_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
