/* Regular expressions: the dialect, what is refused, and that no search takes long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "regex.h"

#define ARENA_BYTES_MAX (16 * 1024 * 1024)

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, ARENA_BYTES_MAX);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct regex *metered(const char *pattern)
{
	struct problem problem = { 0 };
	struct regex *regex;

	if (regex_compile(&arena, str_of(pattern), &regex, &problem) != ST_OK)
		fail_msg("%s: %s", pattern, problem.detail);
	return regex;
}

static struct regex *fixed(const char *pattern)
{
	struct problem problem = { 0 };
	struct regex *regex;

	if (regex_compile_fixed(str_of(pattern), &regex, &problem) != ST_OK)
		fail_msg("%s: %s", pattern, problem.detail);
	return regex;
}

static struct str repeated(char c, size_t count, const char *tail)
{
	char *text = arena_alloc(&arena, count + strlen(tail) + 1);

	assert_non_null(text);
	memset(text, c, count);
	memcpy(text + count, tail, strlen(tail));
	return (struct str){ .data = text, .size = count + strlen(tail) };
}

static const struct {
	const char *pattern, *subject;
	bool matches;
} rows[] = {
	{ "", "", true },
	{ "", "x", true },
	{ "b", "abc", true },
	{ "^b", "abc", false },
	{ "c$", "abc", true },
	{ "^abc$", "abc\n", false },
	{ "^a", "x\na", false },
	{ "a|b|", "z", true },
	{ "^(a|b)c$", "bc", true },
	{ "^(?:ab){2,3}$", "ababab", true },
	{ "^(?:ab){2,3}$", "ab", false },
	{ "^a{2}$", "aa", true },
	{ "^a{2,}$", "a", false },
	{ "^a*?b+?c??$", "aabb", true },
	{ "^.$", "\xc3\xa9", true },
	{ "^.$", "\xf0\x9f\x98\x80", true },
	{ "^.$", "\n", false },
	{ "^.$", "\r", false },
	{ "^.$", "\xe2\x80\xa8", false },
	{ "^.$", "\x0b", true },
	{ "^[^]$", "\n", true },
	{ "[]", "a", false },
	{ "^[a-c-]+$", "a-c", true },
	{ "^[\\w.-]+$", "a.b-c", true },
	{ "^[\\d-]+$", "1-2", true },
	{ "^[[:alpha:]]$", "a]", true },
	{ "^[[:alpha:]]$", "z", false },
	{ "^[\\]\\[^-]$", "^", true },
	{ "^[\\b]$", "\b", true },
	{ "^[^\\S]$", " ", true },
	{ "^[^\\S]$", "a", false },
	{ "^[\\S]$", "a", true },
	{ "^[\\S]$", "\xc2\xa0", false },
	{ "^\\d$", "\xd9\xa1", false },
	{ "^\\w$", "\xc3\xa9", false },
	{ "^\\W$", "\xc3\xa9", true },
	{ "^\\s$", "\xc2\xa0", true },
	{ "^\\s$", "\xef\xbb\xbf", true },
	{ "^\\S$", "\xe2\x80\xa9", false },
	{ "^\\t\\n\\v\\f\\r$", "\t\n\v\f\r", true },
	{ "^\\x41\\u0042\\u{43}$", "ABC", true },
	{ "^\\ud83d\\ude00$", "\xf0\x9f\x98\x80", true },
	{ "^\\u{1F600}$", "\xf0\x9f\x98\x80", true },
	{ "^[\\u{1F600}-\\u{1F64F}]$", "\xf0\x9f\x98\x81", true },
	{ "^\\cA\\cz$", "\x01\x1a", true },
	{ "^\\.\\*\\/\\-\\_\\@\\{$", ".*/-_@{", true },
	{ "^a{,2}$", "a{,2}", true },
	{ "^{}]$", "{}]", true },
	{ "^x{a}$", "x{a}", true },
	{ "^\\p{L}+$", "caf\xc3\xa9", true },
	{ "^\\p{Letter}+$", "caf\xc3\xa9", true },
	{ "^\\p{Lowercase_Letter}$", "A", false },
	{ "^\\p{gc=Decimal_Number}$", "\xd9\xa1", true },
	{ "^\\P{L}$", "1", true },
	{ "^[\\p{Lu}\\d]+$", "A1", true },
	{ "^\\p{Script=Greek}$", "\xce\xb1", true },
	{ "^(a)\\1$", "aa", true },
	{ "^(a)?\\1$", "", true },
	{ "^\\1(a)$", "a", true },
	{ "^(?<x>a|b)\\k<x>$", "bb", true },
	{ "^(?<x>a|b)\\k<x>$", "ab", false },
	{ "\\bfoo\\b", "a foo b", true },
	{ "\\Bo", "foo", true },
	{ "^(?=.*\\d)(?!.*x).+$", "ab1", true },
	{ "^(?=.*\\d)(?!.*x).+$", "ab1x", false },
	{ "(?<=a)b", "ab", true },
	{ "(?<!a)b", "ab", false },
	{ "^a\\0b$", "a", false },
	{ "^piopl_[0-9]{5,18}$", "piopl_00001", true },
	{ "^piopl_[0-9]{5,18}$", "piopl_0001", false },
	{ "a#b c", "xa#b c", true },
	{ "x", "\xff", false },
};

static void both_kinds_of_regex_read_ecma_262(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct regex *jit = fixed(rows[i].pattern);
		struct str subject = str_of(rows[i].subject);
		if (regex_matches(metered(rows[i].pattern), subject) != rows[i].matches ||
		    regex_matches(jit, subject) != rows[i].matches)
			fail_msg("\"%s\" on \"%s\"", rows[i].pattern, rows[i].subject);
		regex_free(jit);
	}
	arena_reset(&arena);
}

static const char *const wrong[] = {
	"(",
	")",
	"(a",
	"a)",
	"[a",
	"[b-a]",
	"[\\d-z]",
	"[a-\\d]",
	"*",
	"+a",
	"?",
	"a**",
	"a*+",
	"a{2}+",
	"a{2}{3}",
	"^*",
	"\\",
	"\\Z",
	"\\A",
	"\\z",
	"\\G",
	"\\a",
	"\\e",
	"\\h",
	"\\R",
	"\\X",
	"\\Q..\\E",
	"\\K",
	"\\C",
	"\\N",
	"\\00",
	"\\x1",
	"\\u12",
	"\\u{110000}",
	"\\u{}",
	"\\ud800",
	"\\udc00",
	"\\ud83dx",
	"\\c1",
	"\\p",
	"\\pL",
	"\\p{",
	"\\p{}",
	"\\p{No_such}",
	"\\p{^L}",
	"\\2(a)",
	"\\k<x>",
	"\\k",
	"\\9999",
	"(?",
	"(?a)",
	"(?i)a",
	"(?>a)",
	"(?|a)",
	"(?#c)",
	"(?R)",
	"(?1)",
	"(?C1)",
	"(?P<n>a)",
	"(*UTF)a",
	"(*LIMIT_MATCH=9)",
	"(?<1>a)",
	"(?<>a)",
	"(?<n",
	"(?<n>a)(?<n>b)",
	"(?<=a*)b",
	"a{3,2}",
	"(?<=",
	"[\\Z]",
	"[\\",
	"a|*",
	"(?:",
	"((ab){4000}){4000}",
	"\\\xc3\xa9",
};

static void what_is_wrong_is_refused_with_a_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct problem problem = { 0 };
		struct regex *regex = NULL;
		if (regex_compile(&arena, str_of(wrong[i]), &regex, &problem) != ST_PATTERN_INVALID)
			fail_msg("\"%s\" is let through", wrong[i]);
		assert_null(regex);
		assert_true(strlen(problem.detail) > 20);
		assert_int_equal(regex_compile_fixed(str_of(wrong[i]), &regex, NULL),
				 ST_PATTERN_INVALID);
		assert_null(regex);
	}
	arena_reset(&arena);
}

static void a_pattern_that_is_not_utf8_is_refused(void **state)
{
	struct regex *regex;

	(void)state;
	assert_int_equal(regex_compile(&arena, STR("a\xff"), &regex, NULL), ST_PATTERN_INVALID);
	assert_int_equal(regex_compile(&arena, STR("\\\xc3"), &regex, NULL), ST_PATTERN_INVALID);
}

static void zero_bytes_are_characters(void **state)
{
	(void)state;
	assert_true(regex_matches(metered("^a\\0b$"), STR("a\0b")));
	assert_true(regex_matches(metered("^.{3}$"), STR("a\0b")));
	assert_true(regex_matches(metered("^$"), (struct str){ 0 }));
}

static void the_length_of_a_pattern_is_limited(void **state)
{
	struct regex *regex;

	(void)state;
	assert_int_equal(regex_compile(&arena, repeated('a', REGEX_BYTES_MAX, ""), &regex, NULL),
			 ST_OK);
	assert_int_equal(
		regex_compile(&arena, repeated('a', REGEX_BYTES_MAX + 1, ""), &regex, NULL),
		ST_PATTERN_INVALID);
	arena_reset(&arena);
}

static void repetition_is_limited(void **state)
{
	struct regex *regex;
	char pattern[32];

	(void)state;
	snprintf(pattern, sizeof(pattern), "^a{0,%d}$", REGEX_REPEAT_MAX);
	assert_true(regex_matches(metered(pattern), STR("aaa")));
	snprintf(pattern, sizeof(pattern), "a{0,%d}", REGEX_REPEAT_MAX + 1);
	assert_int_equal(regex_compile(&arena, str_of(pattern), &regex, NULL), ST_PATTERN_INVALID);
	snprintf(pattern, sizeof(pattern), "a{%d}", REGEX_REPEAT_MAX + 1);
	assert_int_equal(regex_compile(&arena, str_of(pattern), &regex, NULL), ST_PATTERN_INVALID);
	assert_int_equal(regex_compile(&arena, STR("a{99999999999999999999}"), &regex, NULL),
			 ST_PATTERN_INVALID);
}

static void searches_that_explode_are_refused(void **state)
{
	static const char *const patterns[] = { "^(a+)+$",   "^(a|a)*$",       "^(a|aa)+$",
						"(a*)*[bc]", "a*a*a*a*a*[bc]", "(?=(a+)+[bc])" };
	struct str subject = repeated('a', 5000, "!");

	(void)state;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		bool found = true;
		if (regex_search(metered(patterns[i]), subject, NULL, &found) !=
		    ST_PATTERN_TOO_COSTLY)
			fail_msg("\"%s\" is let through", patterns[i]);
		assert_true(found);
		assert_false(regex_matches(metered(patterns[i]), subject));
	}
	arena_reset(&arena);
}

static void a_quadratic_search_is_refused_when_the_subject_is_long(void **state)
{
	struct str subject = repeated('a', 200 * 1024, "!");
	bool found;

	(void)state;
	assert_int_equal(regex_search(metered("a*[bc]"), subject, NULL, &found),
			 ST_PATTERN_TOO_COSTLY);
	/* the same length is nothing to a search that goes over it once */
	assert_int_equal(regex_search(metered("^a*!$"), subject, NULL, &found), ST_OK);
	assert_true(found);
	arena_reset(&arena);
}

static void fixed_patterns_have_limits_too(void **state)
{
	struct regex *regex = fixed("^(a|aa)+$");
	bool found;

	(void)state;
	assert_int_equal(regex_search(regex, repeated('a', 200, "!"), NULL, &found),
			 ST_PATTERN_TOO_COSTLY);
	assert_int_equal(regex_search(regex, repeated('a', 200, ""), NULL, &found), ST_OK);
	assert_true(found);
	regex_free(regex);
	regex_free(NULL);
	arena_reset(&arena);
}

static void steps_are_taken_from_the_budget_to_the_last(void **state)
{
	struct regex *regex = metered("^a+b$");
	uint64_t steps = 1000, spent;
	bool found = false;

	(void)state;
	assert_int_equal(regex_search(regex, STR("aaaab"), &steps, &found), ST_OK);
	assert_true(found);
	assert_true(steps < 1000);
	spent = 1000 - steps;
	steps = spent;
	assert_int_equal(regex_search(regex, STR("aaaab"), &steps, &found), ST_OK);
	assert_int_equal(steps, 0);
	steps = spent - 1;
	assert_int_equal(regex_search(regex, STR("aaaab"), &steps, &found), ST_PATTERN_TOO_COSTLY);
	assert_int_equal(steps, 0);
}

static void a_full_arena_is_refused(void **state)
{
	struct arena small;
	struct regex *regex;
	size_t refused = 0;

	(void)state;
	for (size_t bytes = 64; bytes < 8192; bytes += 64) {
		enum st st;
		arena_init(&small, bytes);
		st = regex_compile(&small, STR("^(?<n>[a-z]+|\\d{1,9})*\\k<n>$"), &regex, NULL);
		assert_true(st == ST_OK || st == ST_TOO_LARGE);
		refused += st == ST_TOO_LARGE;
		arena_free(&small);
	}
	assert_true(refused > 0 && refused < 127);
}

static void a_slot_is_compiled_once(void **state)
{
	void *slot = NULL;
	const struct regex *first = regex_of_slot("^a$", &slot);

	(void)state;
	assert_ptr_equal(regex_of_slot("^a$", &slot), first);
	assert_true(regex_matches(first, STR("a")));
	regex_free(slot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_kinds_of_regex_read_ecma_262),
		cmocka_unit_test(what_is_wrong_is_refused_with_a_reason),
		cmocka_unit_test(a_pattern_that_is_not_utf8_is_refused),
		cmocka_unit_test(zero_bytes_are_characters),
		cmocka_unit_test(the_length_of_a_pattern_is_limited),
		cmocka_unit_test(repetition_is_limited),
		cmocka_unit_test(searches_that_explode_are_refused),
		cmocka_unit_test(a_quadratic_search_is_refused_when_the_subject_is_long),
		cmocka_unit_test(fixed_patterns_have_limits_too),
		cmocka_unit_test(steps_are_taken_from_the_budget_to_the_last),
		cmocka_unit_test(a_full_arena_is_refused),
		cmocka_unit_test(a_slot_is_compiled_once),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
