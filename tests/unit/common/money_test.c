#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "money.h"

static const struct {
	const char *text;
	int64_t micros;
} amounts[] = {
	{ "0", 0 },
	{ "1", 1000000 },
	{ "-1", -1000000 },
	{ "0.000001", 1 },
	{ "-0.000001", -1 },
	{ "12.345678", 12345678 },
	{ "0.1", 100000 },
	{ "10.01", 10010000 },
	{ "9223372036854.775807", INT64_MAX },
	{ "-9223372036854.775808", INT64_MIN },
	{ "9223372036854", 9223372036854000000 },
};

static void amounts_read_and_print_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
		struct money money;
		char text[MONEY_TEXT_SIZE];

		assert_int_equal(money_parse(str_of(amounts[i].text), STR("GBP"), &money), ST_OK);
		assert_int_equal(money.micros, amounts[i].micros);
		assert_string_equal(money.currency, "GBP");
		assert_int_equal(money_print(money, text), strlen(amounts[i].text));
		assert_string_equal(text, amounts[i].text);
	}
}

static void zeros_at_the_end_are_read_but_not_printed(void **state)
{
	int64_t micros;
	char text[MONEY_TEXT_SIZE];

	(void)state;
	assert_int_equal(micros_parse(STR("1.500000"), &micros), ST_OK);
	assert_int_equal(micros, 1500000);
	micros_print(micros, text);
	assert_string_equal(text, "1.5");
	assert_int_equal(micros_parse(STR("0.000000"), &micros), ST_OK);
	assert_int_equal(micros, 0);
}

static void anything_else_is_not_an_amount(void **state)
{
	static const char *const bad[] = {
		"",
		"-",
		".",
		"1.",
		".5",
		"+1",
		" 1",
		"1 ",
		"01",
		"00",
		"-01",
		"-0",
		"-0.0",
		"-0.000000",
		"1.0000001",
		"1.1234567",
		"1e3",
		"1,5",
		"0x1",
		"1.5.5",
		"--1",
		"1.-5",
		"12345678901234",
		"NaN",
		"\xd9\xa1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t micros = 42;

		if (micros_parse(str_of(bad[i]), &micros) != ST_MONEY_INVALID)
			fail_msg("\"%s\" was accepted", bad[i]);
		assert_int_equal(micros, 42);
	}
}

static void amounts_past_the_limit_are_refused(void **state)
{
	static const char *const bad[] = { "9223372036854.775808", "-9223372036854.775809",
					   "9223372036855", "9999999999999.999999",
					   "-9999999999999.999999" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t micros = 42;

		assert_int_equal(micros_parse(str_of(bad[i]), &micros), ST_MONEY_OVERFLOW);
		assert_int_equal(micros, 42);
	}
}

static void a_currency_is_three_capital_letters(void **state)
{
	static const char *const bad[] = { "", "GB", "GBPX", "gbp", "G P", "GB1", "\xc3\x9cZ" };
	struct money money;

	(void)state;
	assert_true(currency_valid(STR("EUR")));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(currency_valid(str_of(bad[i])));
		assert_int_equal(money_parse(STR("1"), str_of(bad[i]), &money), ST_MONEY_INVALID);
	}
}

static struct money gbp(int64_t micros)
{
	return (struct money){ .micros = micros, .currency = "GBP" };
}

static void sums_and_differences_refuse_to_overflow(void **state)
{
	struct money kept = gbp(7), ret = kept;

	(void)state;
	assert_int_equal(money_add(gbp(INT64_MAX - 1), gbp(1), &ret), ST_OK);
	assert_int_equal(ret.micros, INT64_MAX);
	assert_int_equal(money_sub(gbp(INT64_MIN + 1), gbp(1), &ret), ST_OK);
	assert_int_equal(ret.micros, INT64_MIN);
	ret = kept;
	assert_int_equal(money_add(gbp(INT64_MAX), gbp(1), &ret), ST_MONEY_OVERFLOW);
	assert_int_equal(money_add(gbp(INT64_MIN), gbp(-1), &ret), ST_MONEY_OVERFLOW);
	assert_int_equal(money_sub(gbp(INT64_MIN), gbp(1), &ret), ST_MONEY_OVERFLOW);
	assert_int_equal(money_sub(gbp(0), gbp(INT64_MIN), &ret), ST_MONEY_OVERFLOW);
	assert_int_equal(ret.micros, kept.micros);
	assert_int_equal(money_add(ret, gbp(1), &ret), ST_OK);
	assert_int_equal(ret.micros, 8);
}

static void currencies_do_not_mix(void **state)
{
	struct money eur = { .micros = 1, .currency = "EUR" }, ret = gbp(7);
	int order = 42;

	(void)state;
	assert_int_equal(money_add(eur, gbp(1), &ret), ST_CURRENCY_MISMATCH);
	assert_int_equal(money_sub(eur, gbp(1), &ret), ST_CURRENCY_MISMATCH);
	assert_int_equal(money_compare(eur, gbp(1), &order), ST_CURRENCY_MISMATCH);
	assert_int_equal(ret.micros, 7);
	assert_int_equal(order, 42);
	assert_int_equal(money_compare(gbp(1), gbp(2), &order), ST_OK);
	assert_int_equal(order, -1);
	assert_int_equal(money_compare(gbp(2), gbp(2), &order), ST_OK);
	assert_int_equal(order, 0);
	assert_int_equal(money_compare(gbp(3), gbp(2), &order), ST_OK);
	assert_int_equal(order, 1);
}

static void rounding_is_as_stated(void **state)
{
	static const struct {
		int64_t micros, numerator, denominator, floor, ceil, half_even;
	} cases[] = {
		{ 10, 1, 1, 10, 10, 10 },
		{ 1, 1, 2, 0, 1, 0 },
		{ 3, 1, 2, 1, 2, 2 },
		{ 5, 1, 2, 2, 3, 2 },
		{ -1, 1, 2, -1, 0, 0 },
		{ -3, 1, 2, -2, -1, -2 },
		{ 1, -3, 2, -2, -1, -2 },
		{ 1, 1, 3, 0, 1, 0 },
		{ 2, 1, 3, 0, 1, 1 },
		{ -1, 1, 3, -1, 0, 0 },
		{ -2, 1, 3, -1, 0, -1 },
		{ 0, 5, 7, 0, 0, 0 },
		{ INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX },
		{ INT64_MIN, INT64_MAX, INT64_MAX, INT64_MIN, INT64_MIN, INT64_MIN },
		{ INT64_MAX, 1, INT64_MAX, 1, 1, 1 },
		{ 1, 1, INT64_MAX, 0, 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t expected[] = { cases[i].floor, cases[i].ceil, cases[i].half_even };

		for (int rounding = MONEY_FLOOR; rounding <= MONEY_HALF_EVEN; rounding++) {
			struct money ret;

			assert_int_equal(money_multiply(gbp(cases[i].micros), cases[i].numerator,
							cases[i].denominator,
							(enum money_rounding)rounding, &ret),
					 ST_OK);
			assert_int_equal(ret.micros, expected[rounding]);
			assert_string_equal(ret.currency, "GBP");
		}
	}
}

static void a_product_past_the_limit_is_refused(void **state)
{
	int64_t ret = 42;

	(void)state;
	assert_int_equal(micros_multiply(INT64_MAX, 2, 1, MONEY_FLOOR, &ret), ST_MONEY_OVERFLOW);
	assert_int_equal(micros_multiply(INT64_MIN, -1, 1, MONEY_FLOOR, &ret), ST_MONEY_OVERFLOW);
	assert_int_equal(micros_multiply(INT64_MIN, INT64_MIN, 1, MONEY_CEIL, &ret),
			 ST_MONEY_OVERFLOW);
	/* One past only by rounding: 2^63 - 1/2. */
	assert_int_equal(micros_multiply(INT64_MAX, 2, 2, MONEY_CEIL, &ret), ST_OK);
	ret = 42;
	assert_int_equal(micros_multiply(6148914691236517205, 3000001, 2000000, MONEY_CEIL, &ret),
			 ST_MONEY_OVERFLOW);
	assert_int_equal(ret, 42);
}

static void rounded_products_are_within_one_of_the_exact(void **state)
{
	(void)state;
	srand(3);
	for (int i = 0; i < 100000; i++) {
		int64_t micros = (int64_t)rand() * (rand() % 2 ? 1 : -1);
		int64_t numerator = rand() % 1000000, denominator = 1 + rand() % 1000000;
		int64_t floor, ceil, even;
		__int128 exact = (__int128)micros * numerator;

		assert_int_equal(
			micros_multiply(micros, numerator, denominator, MONEY_FLOOR, &floor),
			ST_OK);
		assert_int_equal(micros_multiply(micros, numerator, denominator, MONEY_CEIL, &ceil),
				 ST_OK);
		assert_int_equal(
			micros_multiply(micros, numerator, denominator, MONEY_HALF_EVEN, &even),
			ST_OK);
		assert_true((__int128)floor * denominator <= exact);
		assert_true((__int128)(floor + 1) * denominator > exact);
		assert_true((__int128)ceil * denominator >= exact);
		assert_true((__int128)(ceil - 1) * denominator < exact);
		assert_true(even == floor || even == ceil);
		exact = 2 * (exact - (__int128)even * denominator);
		assert_true(exact <= denominator && exact >= -denominator);
		if (exact == denominator || exact == -denominator)
			assert_true(even % 2 == 0);
	}
}

static void any_integer_prints_and_reads_back(void **state)
{
	uint64_t x = 88172645463325252u;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		char text[MONEY_TEXT_SIZE];
		int64_t micros, back;
		size_t size;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		micros = (int64_t)x >> (x % 64);
		size = micros_print(micros, text);
		assert_int_equal(size, strlen(text));
		assert_int_equal(micros_parse(str_of(text), &back), ST_OK);
		assert_true(back == micros);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(amounts_read_and_print_the_same),
		cmocka_unit_test(zeros_at_the_end_are_read_but_not_printed),
		cmocka_unit_test(anything_else_is_not_an_amount),
		cmocka_unit_test(amounts_past_the_limit_are_refused),
		cmocka_unit_test(a_currency_is_three_capital_letters),
		cmocka_unit_test(sums_and_differences_refuse_to_overflow),
		cmocka_unit_test(currencies_do_not_mix),
		cmocka_unit_test(rounding_is_as_stated),
		cmocka_unit_test(a_product_past_the_limit_is_refused),
		cmocka_unit_test(rounded_products_are_within_one_of_the_exact),
		cmocka_unit_test(any_integer_prints_and_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
