#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "id.h"

#define NOW INT64_C(1767225599999)

static void an_id_is_a_prefix_and_a_uuid_of_its_time(void **state)
{
	char id[ID_TEXT_SIZE];
	int64_t ms = 0;

	(void)state;
	id_make("sbx", NOW + 1000000, id);
	assert_int_equal(strlen(id), 40);
	assert_true(id_valid(str_of(id), "sbx"));
	assert_false(id_valid(str_of(id), "evd"));
	assert_false(id_valid(str_of(id), "sb"));
	assert_false(id_valid(str_of(id), "sbx_"));
	assert_true(uuid_time_ms(str_of(id + 4), &ms));
	assert_int_equal(ms, NOW + 1000000);
	assert_int_equal(id[4 + 14], '7');
	assert_non_null(strchr("89ab", id[4 + 19]));
}

static void the_first_and_last_times_fit(void **state)
{
	char uuid[UUID_TEXT_SIZE];
	int64_t ms = 0;
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		/* In a child, because the times are before and after all others. */
		uuid_make(0, uuid);
		if (!uuid_time_ms(str_of(uuid), &ms) || ms != 0)
			_exit(1);
		uuid_make((INT64_C(1) << 48) - 1, uuid);
		if (!uuid_time_ms(str_of(uuid), &ms) || ms != (INT64_C(1) << 48) - 1)
			_exit(2);
		_exit(strncmp(uuid, "ffffffff-ffff-7", 15) != 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* More in one millisecond than the counter holds, and a clock that is set back. */
static void ids_of_a_process_grow(void **state)
{
	char before[UUID_TEXT_SIZE] = "", uuid[UUID_TEXT_SIZE];
	int64_t times[] = { NOW + 2000000, NOW + 1000000, NOW + 2000001, NOW };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		for (int j = 0; j < 9000; j++) {
			uuid_make(times[i], uuid);
			assert_true(uuid_valid(str_of(uuid)));
			assert_true(strcmp(uuid, before) > 0);
			memcpy(before, uuid, sizeof(before));
		}
	}
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static void randomness_does_not_repeat_and_has_all_bits(void **state)
{
	enum { COUNT = 20000 };
	static unsigned char drawn[COUNT][16];
	unsigned ones = 0;

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		random_bytes(drawn[i], 16);
		for (size_t j = 0; j < 16; j++)
			ones += (unsigned)__builtin_popcount(drawn[i][j]);
	}
	/* 2,560,000 fair bits; the bounds are about twenty deviations wide. */
	assert_in_range(ones, 1264000, 1296000);
	qsort(drawn, COUNT, 16, compare);
	for (size_t i = 1; i < COUNT; i++)
		assert_true(memcmp(drawn[i - 1], drawn[i], 16) != 0);
}

static void large_draws_do_not_pass_through_the_pool(void **state)
{
	static unsigned char large[5000], zero[64];

	(void)state;
	random_bytes(large, sizeof(large));
	for (size_t i = 0; i + sizeof(zero) <= sizeof(large); i += sizeof(zero))
		assert_memory_not_equal(large + i, zero, sizeof(zero));
	random_bytes(large, 0);
}

static void a_child_does_not_draw_what_its_parent_draws(void **state)
{
	char ours[3][UUID_TEXT_SIZE], theirs[3][UUID_TEXT_SIZE];
	int channel[2], status;
	pid_t child;

	(void)state;
	uuid_make(NOW + 3000000, ours[0]); /* the pool is filled */
	assert_int_equal(pipe(channel), 0);
	child = fork();
	for (int i = 0; i < 3; i++)
		uuid_make(NOW + 4000000, ours[i]);
	if (child == 0)
		_exit(write(channel[1], ours, sizeof(ours)) != sizeof(ours));
	assert_int_equal(read(channel[0], theirs, sizeof(theirs)), sizeof(theirs));
	assert_int_equal(waitpid(child, &status, 0), child);
	for (int i = 0; i < 3; i++) {
		for (int j = 0; j < 3; j++)
			assert_string_not_equal(ours[i] + 24, theirs[j] + 24);
	}
	close(channel[0]);
	close(channel[1]);
}

static void only_uuids_in_lower_case_are_valid(void **state)
{
	static const char *const bad[] = {
		"",
		"0190f2a1-7c3e-7b52-9d4e-0f6a1b2c3d4",
		"0190f2a1-7c3e-7b52-9d4e-0f6a1b2c3d4ef",
		"0190F2a1-7c3e-7b52-9d4e-0f6a1b2c3d4e",
		"0190f2a17-c3e-7b52-9d4e-0f6a1b2c3d4e",
		"0190f2a1-7c3e-7b52-7d4e-0f6a1b2c3d4e",
		"0190f2a1-7c3e-7b52-cd4e-0f6a1b2c3d4e",
		"0190f2a1-7c3e-7b52-9d4e-0f6a1b2c3d4g",
		"{190f2a1-7c3e-7b52-9d4e-0f6a1b2c3d4}",
	};
	int64_t ms = 42;

	(void)state;
	assert_true(uuid_valid(STR("0190f2a1-7c3e-7b52-9d4e-0f6a1b2c3d4e")));
	assert_true(uuid_valid(STR("0190f2a1-7c3e-4b52-9d4e-0f6a1b2c3d4e")));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(uuid_valid(str_of(bad[i])));
		assert_false(uuid_time_ms(str_of(bad[i]), &ms));
	}
	assert_false(uuid_time_ms(STR("0190f2a1-7c3e-4b52-9d4e-0f6a1b2c3d4e"), &ms));
	assert_int_equal(ms, 42);
	assert_false(id_valid(STR("evd_0190f2a1-7c3e-4b52-9d4e-0f6a1b2c3d4e"), "evd"));
	assert_true(id_valid(STR("evd_0190f2a1-7c3e-7b52-9d4e-0f6a1b2c3d4e"), "evd"));
	assert_false(id_valid(STR("evd"), "evd"));
	assert_false(id_valid(STR("evd_"), "evd"));
	assert_false(id_valid(STR("evd-0190f2a1-7c3e-7b52-9d4e-0f6a1b2c3d4e"), "evd"));
}

static void agents_have_numbers_of_at_least_five_digits(void **state)
{
	static const struct {
		int64_t number;
		const char *id;
	} cases[] = {
		{ 0, "piopl_00000" },
		{ 1, "piopl_00001" },
		{ 99999, "piopl_99999" },
		{ 100000, "piopl_100000" },
		{ AGENT_NUMBER_MAX, "piopl_999999999999999999" },
	};
	static const char *const bad[] = {
		"",
		"piopl_",
		"piopl_1",
		"piopl_0001",
		"piopl_000001",
		"piopl_0000a",
		"piopl_-0001",
		"PIOPL_00001",
		"piopl-00001",
		"piopl_00001 ",
		" piopl_00001",
		"piopl_+0001",
		"piopl_1000000000000000000",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char id[AGENT_ID_TEXT_SIZE];
		int64_t number = -1;

		agent_id_format(cases[i].number, id);
		assert_string_equal(id, cases[i].id);
		assert_true(agent_id_parse(str_of(id), &number));
		assert_int_equal(number, cases[i].number);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t number = 42;

		if (agent_id_parse(str_of(bad[i]), &number))
			fail_msg("\"%s\" was accepted", bad[i]);
		assert_int_equal(number, 42);
	}
}

static void a_trace_id_is_32_hex_digits(void **state)
{
	char a[TRACE_ID_TEXT_SIZE], b[TRACE_ID_TEXT_SIZE];

	(void)state;
	trace_id_make(a);
	trace_id_make(b);
	assert_int_equal(strspn(a, "0123456789abcdef"), 32);
	assert_int_equal(strlen(a), 32);
	assert_string_not_equal(a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_is_a_prefix_and_a_uuid_of_its_time),
		cmocka_unit_test(the_first_and_last_times_fit),
		cmocka_unit_test(ids_of_a_process_grow),
		cmocka_unit_test(randomness_does_not_repeat_and_has_all_bits),
		cmocka_unit_test(large_draws_do_not_pass_through_the_pool),
		cmocka_unit_test(a_child_does_not_draw_what_its_parent_draws),
		cmocka_unit_test(only_uuids_in_lower_case_are_valid),
		cmocka_unit_test(agents_have_numbers_of_at_least_five_digits),
		cmocka_unit_test(a_trace_id_is_32_hex_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
