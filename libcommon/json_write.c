/* The writers. Numbers are laid out as ECMAScript's Number::toString does, which is what RFC 8785
 * asks for. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "json_internal.h"

/* Any decimal of this many digits survives a normal double: if a shorter form exists at all, this
 * many digits, without the zeros at their end, are it. */
#define DIGITS_SAFE 15
/* So many always give the same double back. */
#define DIGITS_ENOUGH 17
/* ECMAScript's thresholds: from 1e-7 to below 1e21 no exponent is written. */
#define POINT_MAX 21
#define POINT_MIN (-6)

#define PRETTY_INDENT 2

static const bool unescaped[256] = {
	[0x20 ... 0x21] = true,
	[0x23 ... 0x5b] = true,
	[0x5d ... 0xff] = true,
};

static void write_escape(struct buf *buf, unsigned char c)
{
	static const char from[] = "\"\\\b\f\n\r\t";
	static const char to[] = "\"\\bfnrt";
	const char *found = c ? strchr(from, c) : NULL;

	buf_add_char(buf, '\\');
	if (found)
		buf_add_char(buf, to[found - from]);
	else
		buf_printf(buf, "u%04x", c);
}

void json_write_string(struct buf *buf, struct str s)
{
	size_t start = 0;

	buf_add_char(buf, '"');
	for (size_t i = 0; i < s.size; i++) {
		unsigned char c = (unsigned char)s.data[i];

		if (unescaped[c])
			continue;
		buf_add(buf, s.data + start, i - start);
		write_escape(buf, c);
		start = i + 1;
	}
	if (s.size > start)
		buf_add(buf, s.data + start, s.size - start);
	buf_add_char(buf, '"');
}

struct decimal {
	char digits[DIGITS_ENOUGH + 1];
	int count;
	int point; /* 0.DIGITS * 10^point */
};

static bool reads_back(const struct decimal *decimal, double number)
{
	char text[48];
	double read;

	snprintf(text, sizeof(text), "0.%se%d", decimal->digits, decimal->point);
	read = strtod(text, NULL);
	return read >= number && read <= number;
}

/* `number` rounded to `count` significant digits. */
static void decimal_of(double number, int count, struct decimal *ret)
{
	char text[48];
	char *exponent;

	snprintf(text, sizeof(text), "%.*e", count - 1, number);
	exponent = strchr(text, 'e');
	ASSERT(exponent);
	ret->count = 0;
	for (const char *c = text; c < exponent; c++) {
		if (*c != '.')
			ret->digits[ret->count++] = *c;
	}
	ret->digits[ret->count] = '\0';
	ret->point = atoi(exponent + 1) + 1;
}

static void strip_zeros(struct decimal *decimal)
{
	while (decimal->count > 1 && decimal->digits[decimal->count - 1] == '0')
		decimal->count--;
	decimal->digits[decimal->count] = '\0';
}

/* The next larger decimal with the same number of digits. */
static void decimal_raise(struct decimal *decimal)
{
	int i = decimal->count - 1;

	while (i >= 0 && decimal->digits[i] == '9')
		decimal->digits[i--] = '0';
	if (i >= 0) {
		decimal->digits[i]++;
	} else {
		decimal->digits[0] = '1';
		decimal->point++;
	}
}

/* Of the decimals that read back as `number`, one with the fewest digits, and of those the nearest.
 * Below the normal range fewer digits than DIGITS_SAFE can be the shortest without being the
 * beginning of more; at a power of two the doubles below lie closer than those above, so the
 * shortest may be not the nearest but the one above it. */
static void shortest_of(double number, struct decimal *ret)
{
	int count = fpclassify(number) == FP_SUBNORMAL ? 1 : DIGITS_SAFE;
	int binary_exponent;
	double fraction = frexp(number, &binary_exponent);
	bool power_of_two = !(fraction > 0.5);

	for (; count < DIGITS_ENOUGH; count++) {
		decimal_of(number, count, ret);
		if (reads_back(ret, number))
			return;
		if (power_of_two) {
			decimal_raise(ret);
			if (reads_back(ret, number))
				return;
		}
	}
	decimal_of(number, DIGITS_ENOUGH, ret);
	ASSERT(reads_back(ret, number));
}

static void write_zeros(struct buf *buf, int count)
{
	for (int i = 0; i < count; i++)
		buf_add_char(buf, '0');
}

static void write_exponent_form(struct buf *buf, const struct decimal *d)
{
	buf_add_char(buf, d->digits[0]);
	if (d->count > 1) {
		buf_add_char(buf, '.');
		buf_add(buf, d->digits + 1, (size_t)d->count - 1);
	}
	buf_printf(buf, "e%+d", d->point - 1);
}

static void write_decimal(struct buf *buf, const struct decimal *d)
{
	if (d->point > POINT_MAX || d->point < POINT_MIN + 1) {
		write_exponent_form(buf, d);
	} else if (d->point <= 0) {
		buf_add_c(buf, "0.");
		write_zeros(buf, -d->point);
		buf_add(buf, d->digits, (size_t)d->count);
	} else if (d->point >= d->count) {
		buf_add(buf, d->digits, (size_t)d->count);
		write_zeros(buf, d->point - d->count);
	} else {
		buf_add(buf, d->digits, (size_t)d->point);
		buf_add_char(buf, '.');
		buf_add(buf, d->digits + d->point, (size_t)(d->count - d->point));
	}
}

void json_write_double(struct buf *buf, double number)
{
	struct decimal decimal;

	ASSERT(isfinite(number));
	if (fabs(number) < 0x1p53 && !(fabs(number - trunc(number)) > 0)) {
		buf_add_i64(buf, (int64_t)number);
		return;
	}
	if (number < 0)
		buf_add_char(buf, '-');
	shortest_of(fabs(number), &decimal);
	strip_zeros(&decimal);
	write_decimal(buf, &decimal);
}

/* How a tree is laid out. */
enum layout { LAYOUT_COMPACT, LAYOUT_PRETTY, LAYOUT_CANONICAL };

static void write_node(struct buf *buf, const struct json *node, enum layout layout, size_t depth);

static void write_break(struct buf *buf, enum layout layout, size_t depth)
{
	if (layout != LAYOUT_PRETTY)
		return;
	buf_add_char(buf, '\n');
	for (size_t i = 0; i < depth * PRETTY_INDENT; i++)
		buf_add_char(buf, ' ');
}

static void write_name(struct buf *buf, const struct json *member, enum layout layout)
{
	json_write_string(buf, member->name);
	buf_add_c(buf, layout == LAYOUT_PRETTY ? ": " : ":");
}

static void write_children(struct buf *buf, const struct json *node, enum layout layout,
			   size_t depth)
{
	for (const struct json *child = node->first; child; child = child->next) {
		if (child != node->first)
			buf_add_char(buf, ',');
		write_break(buf, layout, depth);
		if (node->kind == JSON_OBJECT)
			write_name(buf, child, layout);
		write_node(buf, child, layout, depth);
	}
}

static void write_sorted(struct buf *buf, const struct json *node, size_t depth)
{
	const struct json **members = json_sorted_members(buf->arena, node);

	if (!members) {
		buf->failed = true;
		return;
	}
	for (size_t i = 0; i < node->count; i++) {
		if (i > 0)
			buf_add_char(buf, ',');
		write_name(buf, members[i], LAYOUT_CANONICAL);
		write_node(buf, members[i], LAYOUT_CANONICAL, depth);
	}
}

static void write_container(struct buf *buf, const struct json *node, enum layout layout,
			    size_t depth)
{
	bool is_object = node->kind == JSON_OBJECT;

	if (depth == JSON_DEPTH_MAX) {
		buf->failed = true;
		return;
	}
	buf_add_char(buf, is_object ? '{' : '[');
	if (is_object && layout == LAYOUT_CANONICAL)
		write_sorted(buf, node, depth + 1);
	else
		write_children(buf, node, layout, depth + 1);
	if (node->first)
		write_break(buf, layout, depth);
	buf_add_char(buf, is_object ? '}' : ']');
}

static void write_node(struct buf *buf, const struct json *node, enum layout layout, size_t depth)
{
	switch (node->kind) {
	case JSON_NULL:
		buf_add_c(buf, "null");
		break;
	case JSON_BOOL:
		buf_add_c(buf, node->boolean ? "true" : "false");
		break;
	case JSON_NUMBER:
		if (node->text.data && layout != LAYOUT_CANONICAL)
			buf_add_str(buf, node->text);
		else
			json_write_double(buf, node->number);
		break;
	case JSON_STRING:
		json_write_string(buf, node->text);
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		write_container(buf, node, layout, depth);
		break;
	}
}

void json_write(struct buf *buf, const struct json *node)
{
	write_node(buf, node, LAYOUT_COMPACT, 0);
}

void json_write_pretty(struct buf *buf, const struct json *node)
{
	write_node(buf, node, LAYOUT_PRETTY, 0);
}

void json_write_canonical(struct buf *buf, const struct json *node)
{
	write_node(buf, node, LAYOUT_CANONICAL, 0);
}

enum st json_canonical(struct arena *arena, struct str text, struct str *ret,
		       struct problem *problem)
{
	struct json *root;
	struct buf buf;
	struct str canonical;

	TRY(json_parse(arena, text, &root, problem));
	buf_init(&buf, arena, text.size + 1);
	json_write_canonical(&buf, root);
	canonical = buf_str(&buf);
	if (!canonical.data)
		return problem_set(problem, ST_TOO_LARGE, "",
				   "the canonical form needs more memory than there is for it");
	*ret = canonical;
	return ST_OK;
}
