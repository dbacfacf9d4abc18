/* Bounded strings. Nothing here allocates. */
#include "str.h"

struct str str_of(const char *c_string)
{
	if (!c_string)
		return (struct str){ 0 };
	return (struct str){ .data = c_string, .size = strlen(c_string) };
}

struct str str_or_empty(struct str s)
{
	return s.data ? s : STR("");
}

bool str_equal(struct str a, struct str b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool str_is(struct str a, const char *c_string)
{
	return str_equal(a, str_of(c_string));
}

int str_compare(struct str a, struct str b)
{
	size_t common = a.size < b.size ? a.size : b.size;
	int order = common ? memcmp(a.data, b.data, common) : 0;

	if (order != 0)
		return order < 0 ? -1 : 1;
	return (a.size > b.size) - (a.size < b.size);
}

bool str_starts(struct str s, const char *prefix)
{
	size_t size = strlen(prefix);

	return s.size >= size && (size == 0 || memcmp(s.data, prefix, size) == 0);
}

bool str_ends(struct str s, const char *suffix)
{
	size_t size = strlen(suffix);

	return s.size >= size && (size == 0 || memcmp(s.data + (s.size - size), suffix, size) == 0);
}

bool str_cut(struct str s, char separator, struct str *ret_head, struct str *ret_tail)
{
	const char *at = s.size ? memchr(s.data, separator, s.size) : NULL;
	size_t head_size;

	if (!at)
		return false;
	head_size = (size_t)(at - s.data);
	*ret_head = (struct str){ .data = s.data, .size = head_size };
	*ret_tail = (struct str){ .data = at + 1, .size = s.size - head_size - 1 };
	return true;
}

bool str_copy(struct str s, char *buffer, size_t buffer_size)
{
	if (s.size >= buffer_size)
		return false;
	if (s.size)
		memcpy(buffer, s.data, s.size);
	buffer[s.size] = '\0';
	return true;
}

bool str_to_i64(struct str s, int64_t *ret)
{
	bool negative = s.size && s.data[0] == '-';
	size_t i = negative ? 1 : 0;
	int64_t value = 0;

	if (i == s.size || (s.data[i] == '0' && s.size > 1))
		return false;
	/* Counted downwards, because the negative side reaches one further. */
	for (; i < s.size; i++) {
		if (s.data[i] < '0' || s.data[i] > '9')
			return false;
		if (__builtin_mul_overflow(value, (int64_t)10, &value) ||
		    __builtin_sub_overflow(value, (int64_t)(s.data[i] - '0'), &value))
			return false;
	}
	if (!negative && value == INT64_MIN)
		return false;
	*ret = negative ? value : -value;
	return true;
}

size_t utf8_size(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.data;
	unsigned char low = 0x80, high = 0xbf; /* bounds of the second byte */
	size_t size;

	if (s.size == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	size = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (s.size < size)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f; /* surrogates are not characters */
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < size; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return size;
}

bool str_is_utf8(struct str s)
{
	while (s.size) {
		size_t size = utf8_size(s);

		if (size == 0)
			return false;
		s.data += size;
		s.size -= size;
	}
	return true;
}

size_t utf8_cut(struct str s, size_t bytes_max)
{
	size_t size = bytes_max;

	if (s.size <= bytes_max)
		return s.size;
	while (size > 0 && bytes_max - size < 3 && ((unsigned char)s.data[size] & 0xc0) == 0x80)
		size--;
	return size;
}
