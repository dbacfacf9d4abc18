#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "st.h"

static void every_status_has_a_code_of_its_own_that_finds_it(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ST_COUNT; i++) {
		const struct st_info *info = st_info((enum st)i);

		assert_non_null(info->code);
		assert_non_null(info->title);
		assert_int_equal(st_of_code(str_of(info->code)), i);
		if (i == ST_OK)
			continue;
		assert_true(info->http >= 400 && info->http <= 599);
		assert_true(info->kind != ST_KIND_OK);
		assert_true(info->kind != ST_KIND_UNAVAILABLE || info->retry);
	}
}

static void an_unknown_code_is_a_fault_of_ours(void **state)
{
	(void)state;
	assert_int_equal(st_of_code(STR("no_such_code")), ST_INTERNAL);
	assert_int_equal(st_of_code(STR("")), ST_INTERNAL);
	assert_int_equal(st_of_code(STR("not_found")), ST_NOT_FOUND);
	assert_int_equal(st_of_code(STR("not_foun")), ST_INTERNAL);
}

static void a_problem_says_what_where_and_what_would_do(void **state)
{
	struct problem problem;

	(void)state;
	memset(&problem, 'x', sizeof(problem));
	assert_int_equal(problem_set(&problem, ST_NOT_FOUND, "/a/b", "no agent \"%s\"", "p"),
			 ST_NOT_FOUND);
	problem_hint(&problem, "one of %d", 3);
	assert_int_equal(problem.st, ST_NOT_FOUND);
	assert_string_equal(problem.pointer, "/a/b");
	assert_string_equal(problem.detail, "no agent \"p\"");
	assert_string_equal(problem.hint, "one of 3");
	assert_int_equal(problem.retry_after_ms, 0);
	problem_set(&problem, ST_CONFLICT, NULL, "%s", "again");
	assert_string_equal(problem.pointer, "");
	assert_string_equal(problem.hint, "");
}

static void a_problem_nobody_wants_is_allowed(void **state)
{
	(void)state;
	assert_int_equal(problem_set(NULL, ST_CONFLICT, "/x", "y"), ST_CONFLICT);
	problem_hint(NULL, "z");
}

static void a_problem_may_be_made_of_itself(void **state)
{
	struct problem problem;

	(void)state;
	problem_set(&problem, ST_NOT_FOUND, "/place", "first");
	problem_set(&problem, ST_CONFLICT, problem.pointer, "after \"%s\"", problem.detail);
	assert_string_equal(problem.pointer, "/place");
	assert_string_equal(problem.detail, "after \"first\"");
}

static void long_texts_are_cut_between_characters(void **state)
{
	static const char *const characters[] = { "x", "\xc3\xbc", "\xe2\x82\xac",
						  "\xf0\x9f\x98\x80" };
	char text[1200];
	struct problem problem;

	(void)state;
	for (size_t width = 1; width <= 4; width++) {
		for (size_t shift = 0; shift < width; shift++) {
			size_t size = 0;

			for (size_t i = 0; i < shift; i++)
				text[size++] = 'a';
			while (size < 1000) {
				memcpy(text + size, characters[width - 1], width);
				size += width;
			}
			text[size] = '\0';
			problem_set(&problem, ST_CONFLICT, text, "%s", text);
			problem_hint(&problem, "%s", text);
			assert_true(str_is_utf8(str_of(problem.pointer)));
			assert_true(str_is_utf8(str_of(problem.detail)));
			assert_true(str_is_utf8(str_of(problem.hint)));
			assert_true(strlen(problem.pointer) + width >= sizeof(problem.pointer));
			assert_true(strlen(problem.detail) + width >= sizeof(problem.detail));
			assert_true(strlen(problem.hint) + width >= sizeof(problem.hint));
		}
	}
	memset(text, 'y', sizeof(text));
	text[sizeof(problem.detail) - 1] = '\0';
	problem_set(&problem, ST_CONFLICT, "", "%s", text);
	assert_int_equal(strlen(problem.detail), sizeof(problem.detail) - 1);
}

static enum st tries(enum st first, int *reached)
{
	TRY(first);
	(*reached)++;
	return ST_CONFLICT;
}

static void try_returns_the_first_failure(void **state)
{
	int reached = 0;

	(void)state;
	assert_int_equal(tries(ST_NOT_FOUND, &reached), ST_NOT_FOUND);
	assert_int_equal(reached, 0);
	assert_int_equal(tries(ST_OK, &reached), ST_CONFLICT);
	assert_int_equal(reached, 1);
}

static void a_failed_assertion_says_where_and_ends_the_program(void **state)
{
	char said[256] = "";
	int channel[2], status;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(channel), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		signal(SIGABRT, SIG_DFL);
		dup2(channel[1], STDERR_FILENO);
		ASSERT(1 + 1 == 3);
		_exit(0);
	}
	close(channel[1]);
	assert_true(read(channel[0], said, sizeof(said) - 1) > 0);
	close(channel[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_non_null(strstr(said, "st_test.c:"));
	assert_non_null(strstr(said, "1 + 1 == 3"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_status_has_a_code_of_its_own_that_finds_it),
		cmocka_unit_test(an_unknown_code_is_a_fault_of_ours),
		cmocka_unit_test(a_problem_says_what_where_and_what_would_do),
		cmocka_unit_test(a_problem_nobody_wants_is_allowed),
		cmocka_unit_test(a_problem_may_be_made_of_itself),
		cmocka_unit_test(long_texts_are_cut_between_characters),
		cmocka_unit_test(try_returns_the_first_failure),
		cmocka_unit_test(a_failed_assertion_says_where_and_ends_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
