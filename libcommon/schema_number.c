/* Numbers by their text, so neither size nor decimal places are lost to a double. */
#include "schema_internal.h"

/* Exponents past this are equal in effect: nothing else in a document is so large or so small. */
#define EXPONENT_MAX 1000000000

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int64_t read_exponent(const char *at, const char *end)
{
	int64_t value = 0;
	bool negative = false;

	if (at < end && (*at == '-' || *at == '+'))
		negative = *at++ == '-';
	for (; at < end && is_digit(*at); at++) {
		if (value < EXPONENT_MAX)
			value = value * 10 + (*at - '0');
	}
	return negative ? -value : value;
}

void schema_number_read(struct str text, struct schema_number *ret)
{
	const char *at = text.data, *end = text.data + text.size, *mantissa_end, *point = NULL;
	const char *first = NULL, *last = NULL;
	int64_t exponent = 0;

	*ret = (struct schema_number){ .negative = at < end && *at == '-' };
	if (ret->negative)
		at++;
	for (mantissa_end = at;
	     mantissa_end < end && (is_digit(*mantissa_end) || *mantissa_end == '.');
	     mantissa_end++) {
		if (*mantissa_end == '.') {
			point = mantissa_end;
		} else if (*mantissa_end != '0') {
			first = first ? first : mantissa_end;
			last = mantissa_end;
		}
	}
	if (!first) {
		ret->negative = false;
		return;
	}
	if (mantissa_end < end)
		exponent = read_exponent(mantissa_end + 1, end);
	ret->first = first;
	ret->size = (size_t)(last - first) + 1 - (point && point > first && point < last);
	if (!point)
		point = mantissa_end;
	ret->exponent = exponent + (last < point ? point - last - 1 : point - last);
}

static int digit_at(const char **at)
{
	if (**at == '.')
		(*at)++;
	return *(*at)++ - '0';
}

static int compare_magnitude(const struct schema_number *a, const struct schema_number *b)
{
	int64_t top_a = a->exponent + (int64_t)a->size, top_b = b->exponent + (int64_t)b->size;
	const char *at_a = a->first, *at_b = b->first;
	size_t shorter = a->size < b->size ? a->size : b->size;

	if (a->size == 0 || b->size == 0)
		return (a->size > 0) - (b->size > 0);
	if (top_a != top_b)
		return top_a < top_b ? -1 : 1;
	for (size_t i = 0; i < shorter; i++) {
		int difference = digit_at(&at_a) - digit_at(&at_b);
		if (difference != 0)
			return difference < 0 ? -1 : 1;
	}
	/* The last digit is not zero, so the one with more digits is larger. */
	return (a->size > b->size) - (a->size < b->size);
}

int schema_number_compare(const struct schema_number *a, const struct schema_number *b)
{
	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	return a->negative ? compare_magnitude(b, a) : compare_magnitude(a, b);
}

bool schema_number_is_integer(const struct schema_number *number)
{
	return number->size == 0 || number->exponent >= 0;
}

static uint64_t multiply_mod(uint64_t a, uint64_t b, uint64_t m)
{
	return (uint64_t)((unsigned __int128)a * b % m);
}

static uint64_t power_of_ten_mod(uint64_t exponent, uint64_t m)
{
	uint64_t result = 1 % m, base = 10 % m;

	for (; exponent > 0; exponent >>= 1) {
		if (exponent & 1)
			result = multiply_mod(result, base, m);
		base = multiply_mod(base, base, m);
	}
	return result;
}

bool schema_number_is_multiple(const struct schema_number *number,
			       const struct schema_number *divisor)
{
	int64_t shift = number->exponent - divisor->exponent;
	const char *at = divisor->first;
	uint64_t m = 0, rest = 0;

	ASSERT(divisor->size > 0 && divisor->size <= SCHEMA_MULTIPLE_DIGITS_MAX);
	if (number->size == 0)
		return true;
	/* The number ends in a digit that is not zero, so it cannot take a power of ten away. */
	if (shift < 0)
		return false;
	for (size_t i = 0; i < divisor->size; i++)
		m = m * 10 + (uint64_t)digit_at(&at);
	at = number->first;
	for (size_t i = 0; i < number->size; i++)
		rest = (uint64_t)(((unsigned __int128)rest * 10 + (unsigned)digit_at(&at)) % m);
	return multiply_mod(rest, power_of_ten_mod((uint64_t)shift, m), m) == 0;
}

uint64_t schema_number_hash(const struct schema_number *number)
{
	uint64_t hash = 14695981039346656037U ^ number->negative;
	const char *at = number->first;

	for (size_t i = 0; i < number->size; i++)
		hash = (hash ^ (uint64_t)digit_at(&at)) * 1099511628211U;
	return (hash ^ (uint64_t)number->exponent) * 1099511628211U;
}

uint64_t schema_number_count(const struct schema_number *number)
{
	const char *at = number->first;
	uint64_t value = 0;

	ASSERT(!number->negative && schema_number_is_integer(number));
	if (number->size == 0)
		return 0;
	if (number->size + (uint64_t)number->exponent > 19)
		return UINT64_MAX;
	for (size_t i = 0; i < number->size; i++)
		value = value * 10 + (uint64_t)digit_at(&at);
	for (int64_t i = 0; i < number->exponent; i++)
		value *= 10;
	return value;
}

size_t schema_string_length(struct str text)
{
	size_t length = 0;

	for (size_t i = 0; i < text.size; i++)
		length += ((unsigned char)text.data[i] & 0xc0) != 0x80;
	return length;
}

bool schema_number_of(struct arena *arena, const struct json *node, struct schema_number *ret)
{
	struct str text = node->text;
	struct buf buf;

	ASSERT(node->kind == JSON_NUMBER);
	if (text.size == 0) {
		buf_init(&buf, arena, 32);
		json_write_double(&buf, node->number);
		text = buf_str(&buf);
		if (!text.data)
			return false;
	}
	schema_number_read(text, ret);
	return true;
}
