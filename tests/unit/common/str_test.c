#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "str.h"

static void comparing_is_by_bytes_then_by_length(void **state)
{
	(void)state;
	assert_true(str_equal(STR("a"), STR("a")));
	assert_true(str_equal(STR(""), (struct str){ 0 }));
	assert_false(str_equal(STR("a"), STR("b")));
	assert_false(str_equal(STR("a"), STR("ab")));
	assert_true(str_is(STR("ab"), "ab"));
	assert_false(str_is(STR("a\0b"), "a"));
	assert_int_equal(str_compare(STR("a"), STR("b")), -1);
	assert_int_equal(str_compare(STR("b"), STR("a")), 1);
	assert_int_equal(str_compare(STR("ab"), STR("a")), 1);
	assert_int_equal(str_compare(STR("a"), STR("ab")), -1);
	assert_int_equal(str_compare(STR("\xff"), STR("a")), 1);
	assert_int_equal(str_compare((struct str){ 0 }, STR("")), 0);
}

static void a_null_c_string_is_an_empty_view(void **state)
{
	(void)state;
	assert_null(str_of(NULL).data);
	assert_int_equal(str_of(NULL).size, 0);
	assert_int_equal(str_of("abc").size, 3);
}

static void starts_and_ends_look_no_further_than_the_view(void **state)
{
	(void)state;
	assert_true(str_starts(STR("piopl.rpc"), "piopl."));
	assert_true(str_starts(STR("a"), ""));
	assert_true(str_starts((struct str){ 0 }, ""));
	assert_false(str_starts((struct str){ "piopl", 2 }, "pio"));
	assert_true(str_ends(STR("piopl.rpc"), ".rpc"));
	assert_true(str_ends((struct str){ 0 }, ""));
	assert_false(str_ends(STR("c"), "rpc"));
}

static void cut_splits_at_the_first_separator_only(void **state)
{
	struct str head = STR("x"), tail = STR("y");

	(void)state;
	assert_true(str_cut(STR("a.b.c"), '.', &head, &tail));
	assert_true(str_is(head, "a"));
	assert_true(str_is(tail, "b.c"));
	assert_true(str_cut(STR("."), '.', &head, &tail));
	assert_true(str_is(head, "") && str_is(tail, ""));
	head = tail = STR("kept");
	assert_false(str_cut(STR("abc"), '.', &head, &tail));
	assert_false(str_cut((struct str){ 0 }, '.', &head, &tail));
	assert_true(str_is(head, "kept") && str_is(tail, "kept"));
}

static void copy_needs_room_for_the_nul(void **state)
{
	char buffer[4] = "zzz";

	(void)state;
	assert_true(str_copy(STR("abc"), buffer, sizeof(buffer)));
	assert_string_equal(buffer, "abc");
	assert_false(str_copy(STR("abcd"), buffer, sizeof(buffer)));
	assert_string_equal(buffer, "abc");
	assert_true(str_copy((struct str){ 0 }, buffer, sizeof(buffer)));
	assert_string_equal(buffer, "");
	assert_false(str_copy(STR(""), buffer, 0));
}

static void integers_are_strict_and_in_range(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
	} good[] = {
		{ "0", 0 },
		{ "7", 7 },
		{ "-1", -1 },
		{ "9223372036854775807", INT64_MAX },
		{ "-9223372036854775808", INT64_MIN },
	};
	static const char *const bad[] = {
		"",
		"-",
		"+1",
		" 1",
		"1 ",
		"01",
		"-0",
		"-01",
		"00",
		"1.0",
		"1e3",
		"0x1",
		"a",
		"--1",
		"9223372036854775808",
		"-9223372036854775809",
		"99999999999999999999999",
	};
	int64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		value = 42;
		assert_true(str_to_i64(str_of(good[i].text), &value));
		assert_int_equal(value, good[i].value);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		value = 42;
		if (str_to_i64(str_of(bad[i]), &value))
			fail_msg("\"%s\" was accepted", bad[i]);
		assert_int_equal(value, 42);
	}
	assert_false(str_to_i64(STR("1\0"), &value));
}

static void utf8_knows_the_edges_of_every_length(void **state)
{
	static const struct {
		const char *bytes;
		size_t size; /* 0: not a character */
	} cases[] = {
		{ "a", 1 },
		{ "\x7f", 1 },
		{ "\x80", 0 },     /* a continuation alone */
		{ "\xc1\xbf", 0 }, /* overlong */
		{ "\xc2\x80", 2 },
		{ "\xdf\xbf", 2 },
		{ "\xc2", 0 },         /* cut */
		{ "\xe0\x9f\xbf", 0 }, /* overlong */
		{ "\xe0\xa0\x80", 3 },
		{ "\xed\x9f\xbf", 3 },
		{ "\xed\xa0\x80", 0 }, /* a surrogate */
		{ "\xee\x80\x80", 3 },
		{ "\xef\xbf\xbf", 3 },
		{ "\xe2\x82", 0 },
		{ "\xe2\x82\x28", 0 },
		{ "\xf0\x8f\xbf\xbf", 0 }, /* overlong */
		{ "\xf0\x90\x80\x80", 4 },
		{ "\xf4\x8f\xbf\xbf", 4 },
		{ "\xf4\x90\x80\x80", 0 }, /* past U+10FFFF */
		{ "\xf5\x80\x80\x80", 0 },
		{ "\xf0\x90\x80", 0 },
		{ "\xf0\x90\x80\x28", 0 },
		{ "\xff", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t size = utf8_size(str_of(cases[i].bytes));

		if (size != cases[i].size)
			fail_msg("case %zu gives %zu", i, size);
		assert_true(str_is_utf8(str_of(cases[i].bytes)) == (cases[i].size > 0));
	}
	assert_int_equal(utf8_size((struct str){ 0 }), 0);
	assert_true(str_is_utf8((struct str){ 0 }));
	assert_true(str_is_utf8(STR("gr\xc3\xbc\xc3\x9f\x65 \xf0\x9f\x98\x80 \0")));
	assert_false(str_is_utf8(STR("ok until \xc3")));
}

static void cutting_never_splits_a_character(void **state)
{
	struct str s = STR("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80"); /* 1 + 2 + 3 + 4 bytes */
	static const size_t kept[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10 };

	(void)state;
	for (size_t max = 0; max < sizeof(kept) / sizeof(kept[0]); max++)
		assert_int_equal(utf8_cut(s, max), kept[max]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comparing_is_by_bytes_then_by_length),
		cmocka_unit_test(a_null_c_string_is_an_empty_view),
		cmocka_unit_test(starts_and_ends_look_no_further_than_the_view),
		cmocka_unit_test(cut_splits_at_the_first_separator_only),
		cmocka_unit_test(copy_needs_room_for_the_nul),
		cmocka_unit_test(integers_are_strict_and_in_range),
		cmocka_unit_test(utf8_knows_the_edges_of_every_length),
		cmocka_unit_test(cutting_never_splits_a_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
