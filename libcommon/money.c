#include "money.h"

#include <stdio.h>

bool currency_valid(struct str currency)
{
	if (currency.size != 3)
		return false;
	for (size_t i = 0; i < 3; i++) {
		if (currency.data[i] < 'A' || currency.data[i] > 'Z')
			return false;
	}
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits from `*at` on, at most `count_max`. Returns how many. */
static size_t take_digits(struct str s, size_t *at, size_t count_max, uint64_t *value)
{
	size_t count = 0;

	while (*at < s.size && is_digit(s.data[*at]) && count < count_max) {
		*value = *value * 10 + (uint64_t)(s.data[*at] - '0');
		(*at)++;
		count++;
	}
	return count;
}

enum st micros_parse(struct str amount, int64_t *ret)
{
	bool negative = amount.size && amount.data[0] == '-';
	size_t at = negative ? 1 : 0;
	size_t first = at, places = 0;
	uint64_t micros = 0; /* 13 + 6 digits fit, but not always into the signed type */
	size_t whole = take_digits(amount, &at, MONEY_WHOLE_DIGITS_MAX, &micros);

	if (whole == 0 || (whole > 1 && amount.data[first] == '0'))
		return ST_MONEY_INVALID;
	if (at < amount.size && amount.data[at] == '.') {
		at++;
		places = take_digits(amount, &at, MONEY_PLACES_MAX, &micros);
		if (places == 0)
			return ST_MONEY_INVALID;
	}
	if (at != amount.size)
		return ST_MONEY_INVALID;
	for (; places < MONEY_PLACES_MAX; places++)
		micros *= 10;
	if (negative && micros == 0)
		return ST_MONEY_INVALID;
	if (micros > (uint64_t)INT64_MAX + negative)
		return ST_MONEY_OVERFLOW;
	*ret = negative ? (int64_t)(0 - micros) : (int64_t)micros;
	return ST_OK;
}

enum st money_parse(struct str amount, struct str currency, struct money *ret)
{
	struct money money = { 0 };

	if (!currency_valid(currency))
		return ST_MONEY_INVALID;
	TRY(micros_parse(amount, &money.micros));
	memcpy(money.currency, currency.data, 3);
	*ret = money;
	return ST_OK;
}

size_t micros_print(int64_t micros, char ret[MONEY_TEXT_SIZE])
{
	uint64_t rest = micros < 0 ? 0 - (uint64_t)micros : (uint64_t)micros;
	uint64_t whole = rest / MONEY_MICROS_PER_UNIT;
	uint64_t fraction = rest % MONEY_MICROS_PER_UNIT;
	int places = MONEY_PLACES_MAX;
	int size;

	while (fraction && fraction % 10 == 0) {
		fraction /= 10;
		places--;
	}
	if (fraction)
		size = snprintf(ret, MONEY_TEXT_SIZE, "%s%llu.%0*llu", micros < 0 ? "-" : "",
				(unsigned long long)whole, places, (unsigned long long)fraction);
	else
		size = snprintf(ret, MONEY_TEXT_SIZE, "%s%llu", micros < 0 ? "-" : "",
				(unsigned long long)whole);
	ASSERT(size > 0 && size < MONEY_TEXT_SIZE);
	return (size_t)size;
}

size_t money_print(struct money money, char ret[MONEY_TEXT_SIZE])
{
	return micros_print(money.micros, ret);
}

bool money_same_currency(struct money a, struct money b)
{
	return memcmp(a.currency, b.currency, sizeof(a.currency)) == 0;
}

enum st money_add(struct money a, struct money b, struct money *ret)
{
	struct money sum = a;

	if (!money_same_currency(a, b))
		return ST_CURRENCY_MISMATCH;
	if (__builtin_add_overflow(a.micros, b.micros, &sum.micros))
		return ST_MONEY_OVERFLOW;
	*ret = sum;
	return ST_OK;
}

enum st money_sub(struct money a, struct money b, struct money *ret)
{
	struct money difference = a;

	if (!money_same_currency(a, b))
		return ST_CURRENCY_MISMATCH;
	if (__builtin_sub_overflow(a.micros, b.micros, &difference.micros))
		return ST_MONEY_OVERFLOW;
	*ret = difference;
	return ST_OK;
}

enum st money_compare(struct money a, struct money b, int *ret)
{
	if (!money_same_currency(a, b))
		return ST_CURRENCY_MISMATCH;
	*ret = (a.micros > b.micros) - (a.micros < b.micros);
	return ST_OK;
}

/* Is the floor one too low? `remainder` is from 0 to below the denominator. */
static bool rounds_up(__int128 floor, int64_t remainder, int64_t denominator,
		      enum money_rounding rounding)
{
	int64_t other = denominator - remainder;

	switch (rounding) {
	case MONEY_FLOOR:
		return false;
	case MONEY_CEIL:
		return remainder > 0;
	case MONEY_HALF_EVEN:
		return remainder > other || (remainder == other && floor % 2 != 0);
	}
	return false;
}

enum st micros_multiply(int64_t micros, int64_t numerator, int64_t denominator,
			enum money_rounding rounding, int64_t *ret)
{
	__int128 product = (__int128)micros * numerator;
	__int128 quotient, remainder;

	ASSERT(denominator > 0);
	quotient = product / denominator;
	remainder = product % denominator;
	if (remainder < 0) {
		remainder += denominator;
		quotient--;
	}
	ASSERT(remainder >= 0 && remainder < denominator);
	if (rounds_up(quotient, (int64_t)remainder, denominator, rounding))
		quotient++;
	if (quotient < INT64_MIN || quotient > INT64_MAX)
		return ST_MONEY_OVERFLOW;
	*ret = (int64_t)quotient;
	return ST_OK;
}

enum st money_multiply(struct money money, int64_t numerator, int64_t denominator,
		       enum money_rounding rounding, struct money *ret)
{
	int64_t micros;

	TRY(micros_multiply(money.micros, numerator, denominator, rounding, &micros));
	*ret = money;
	ret->micros = micros;
	return ST_OK;
}
