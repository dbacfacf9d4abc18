/* Scalars: null, booleans, numbers, strings. Numbers leave here as JSON writes them. */
#include "yaml_scalar.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <yaml.h>

static bool is_one_of(struct str text, const char *const *words)
{
	for (; *words; words++) {
		if (str_is(text, *words))
			return true;
	}
	return false;
}

bool yaml_is_null(struct str text)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL", NULL };

	return is_one_of(text, words);
}

static bool is_true(struct str text)
{
	static const char *const words[] = { "true", "True", "TRUE", NULL };

	return is_one_of(text, words);
}

static bool is_false(struct str text)
{
	static const char *const words[] = { "false", "False", "FALSE", NULL };

	return is_one_of(text, words);
}

static bool is_special_float(struct str text)
{
	static const char *const words[] = { ".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL };
	struct str rest = text;

	if (rest.size > 0 && (rest.data[0] == '+' || rest.data[0] == '-')) {
		rest.data++;
		rest.size--;
		if (rest.size > 1 && (rest.data[1] == 'n' || rest.data[1] == 'N'))
			return false;
	}
	return is_one_of(rest, words);
}

static size_t digits_at(struct str text, size_t start)
{
	size_t end = start;

	while (end < text.size && text.data[end] >= '0' && text.data[end] <= '9')
		end++;
	return end - start;
}

/* The parts of a decimal number, as places in its text. */
struct decimal {
	bool negative, has_point;
	size_t whole_at, whole_size, fraction_at, fraction_size, exponent_at; /* 0: no exponent */
};

static bool decimal_split(struct str text, struct decimal *ret)
{
	struct decimal d = { 0 };
	size_t at = 0;

	if (at < text.size && (text.data[at] == '-' || text.data[at] == '+'))
		d.negative = text.data[at++] == '-';
	d.whole_at = at;
	d.whole_size = digits_at(text, at);
	at += d.whole_size;
	if (at < text.size && text.data[at] == '.') {
		d.has_point = true;
		d.fraction_at = ++at;
		d.fraction_size = digits_at(text, at);
		at += d.fraction_size;
	}
	if (d.whole_size + d.fraction_size == 0)
		return false;
	if (at < text.size && (text.data[at] == 'e' || text.data[at] == 'E')) {
		size_t digits;
		d.exponent_at = at++;
		if (at < text.size && (text.data[at] == '-' || text.data[at] == '+'))
			at++;
		digits = digits_at(text, at);
		if (digits == 0)
			return false;
		at += digits;
	}
	if (at != text.size)
		return false;
	*ret = d;
	return true;
}

static struct str decimal_write(struct arena *arena, struct str text, const struct decimal *d)
{
	struct str whole = { .data = text.data + d->whole_at, .size = d->whole_size };
	struct buf buf;

	while (whole.size > 1 && whole.data[0] == '0') {
		whole.data++;
		whole.size--;
	}
	buf_init(&buf, arena, text.size + 4);
	if (d->negative)
		buf_add_char(&buf, '-');
	buf_add_str(&buf, whole.size ? whole : STR("0"));
	if (d->has_point) {
		buf_add_char(&buf, '.');
		buf_add(&buf, text.data + d->fraction_at, d->fraction_size);
		if (d->fraction_size == 0)
			buf_add_char(&buf, '0');
	}
	if (d->exponent_at)
		buf_add(&buf, text.data + d->exponent_at, text.size - d->exponent_at);
	return buf_str(&buf);
}

/* 0x and 0o: at most 64 bits. `ret_found` false: it is not of this form. */
static bool based_integer(struct str text, bool *ret_found, uint64_t *ret)
{
	int base = str_starts(text, "0x") ? 16 : str_starts(text, "0o") ? 8 : 0;
	const char *digits = base == 16 ? "0123456789abcdefABCDEF" : "01234567";

	*ret_found = base != 0 && text.size > 2 && strspn(text.data + 2, digits) == text.size - 2;
	if (!*ret_found)
		return true;
	errno = 0;
	*ret = strtoull(text.data + 2, NULL, base);
	return errno == 0;
}

/* `ret_found` false: not a number, `ret` untouched. */
static enum st number(struct arena *arena, struct str text, struct json *ret, bool *ret_found,
		      const char **ret_why)
{
	struct decimal d;
	uint64_t value = 0;
	struct str written;

	if (!based_integer(text, ret_found, &value)) {
		*ret_why = "has more than 64 bits";
		return ST_YAML_INVALID;
	}
	if (*ret_found) {
		written = arena_printf(arena, "%llu", (unsigned long long)value);
	} else {
		*ret_found = decimal_split(text, &d);
		if (!*ret_found)
			return ST_OK;
		written = decimal_write(arena, text, &d);
	}
	if (!written.data)
		return ST_TOO_LARGE;
	ret->number = strtod(written.data, NULL);
	if (!isfinite(ret->number)) {
		*ret_why = "is too large for a number";
		return ST_YAML_INVALID;
	}
	ret->kind = JSON_NUMBER;
	ret->text = written;
	return ST_OK;
}

static enum st plain(struct arena *arena, struct str text, struct json *ret, const char **ret_why)
{
	bool found;

	ret->kind = JSON_STRING;
	ret->text = text;
	if (yaml_is_null(text)) {
		ret->kind = JSON_NULL;
		ret->text = (struct str){ 0 };
		return ST_OK;
	}
	if (is_true(text) || is_false(text)) {
		ret->kind = JSON_BOOL;
		ret->boolean = is_true(text);
		ret->text = (struct str){ 0 };
		return ST_OK;
	}
	if (is_special_float(text)) {
		*ret_why = "is no number JSON can hold, quote it if it is a text";
		return ST_YAML_INVALID;
	}
	return number(arena, text, ret, &found, ret_why);
}

enum st yaml_scalar(struct arena *arena, struct str text, const char *tag, enum yaml_style style,
		    struct json *ret, const char **ret_why)
{
	static const struct {
		const char *tag;
		enum json_kind kind;
		const char *why;
	} tags[] = {
		{ YAML_NULL_TAG, JSON_NULL, "is tagged !!null but is not null" },
		{ YAML_BOOL_TAG, JSON_BOOL, "is tagged !!bool but is neither true nor false" },
		{ YAML_INT_TAG, JSON_NUMBER, "is tagged !!int but is not an integer" },
		{ YAML_FLOAT_TAG, JSON_NUMBER, "is tagged !!float but is not a number" },
	};

	if ((!tag && style == YAML_QUOTED) || (tag && strcmp(tag, YAML_STR_TAG) == 0)) {
		ret->kind = JSON_STRING;
		ret->text = text;
		return ST_OK;
	}
	if (!tag)
		return plain(arena, text, ret, ret_why);
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		if (strcmp(tag, tags[i].tag) != 0)
			continue;
		TRY(plain(arena, text, ret, ret_why));
		if (ret->kind == tags[i].kind && (strcmp(tag, YAML_INT_TAG) != 0 ||
						  !memchr(ret->text.data, '.', ret->text.size)))
			return ST_OK;
		*ret_why = tags[i].why;
		return ST_YAML_INVALID;
	}
	*ret_why = "has a tag that is not supported";
	return ST_YAML_INVALID;
}
