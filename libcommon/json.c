/* The parser. It works in a copy of the text that ends with a NUL, so it needs no bounds checks (a
 * NUL is not allowed anywhere in JSON) and decodes strings in place. It does not recurse: open
 * arrays and objects are on a stack of fixed depth. */
#include "json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "json_internal.h"

/* Up to this many members, duplicate names are found by comparing all with all. */
#define MEMBERS_FEW 12
/* Powers of ten that a double holds exactly. */
#define EXACT_POWER_MAX 22
#define EXACT_INTEGER_MAX (UINT64_C(1) << 53)

struct parser {
	struct arena *arena;
	struct problem *problem;
	struct str source; /* as received, for positions */
	char *base;        /* the copy */
	char *at;
	char *end;
	struct str name; /* of the value that comes next */
	size_t depth;
	struct json *open[JSON_DEPTH_MAX];
};

static const bool plain[256] = {
	[0x20 ... 0x21] = true,
	[0x23 ... 0x5b] = true,
	[0x5d ... 0x7f] = true,
};

void text_position(struct str text, size_t offset_bytes, size_t *ret_line, size_t *ret_column)
{
	size_t line = 1, column = 1;

	for (size_t i = 0; i < offset_bytes && i < text.size; i++) {
		if (text.data[i] == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)text.data[i] & 0xc0) != 0x80) {
			column++;
		}
	}
	*ret_line = line;
	*ret_column = column;
}

static void describe_found(const struct parser *p, const char *at, char *ret, size_t size)
{
	size_t rest = (size_t)(p->end - at);
	size_t bytes = utf8_size((struct str){ .data = at, .size = rest });
	unsigned char c = (unsigned char)*at;

	if (at == p->end)
		snprintf(ret, size, "the end of the text");
	else if (c < 0x20 || c == 0x7f || bytes == 0)
		snprintf(ret, size, "the byte 0x%02x", c);
	else
		snprintf(ret, size, "\"%.*s\"", (int)bytes, at);
}

static void position_print(const struct parser *p, const char *at, char *ret, size_t size)
{
	size_t line, column;

	text_position(p->source, (size_t)(at - p->base), &line, &column);
	snprintf(ret, size, "line %zu, column %zu", line, column);
}

/* Refuses what stands at `at`: "found X where Y was expected". */
static enum st refuse(const struct parser *p, const char *at, const char *expected)
{
	char found[40], place[64];

	describe_found(p, at, found, sizeof(found));
	position_print(p, at, place, sizeof(place));
	return problem_set(p->problem, ST_JSON_INVALID, place, "found %s where %s was expected",
			   found, expected);
}

static enum st refuse_why(const struct parser *p, const char *at, const char *why)
{
	char place[64];

	position_print(p, at, place, sizeof(place));
	return problem_set(p->problem, ST_JSON_INVALID, place, "%s", why);
}

static enum st refuse_depth(const struct parser *p)
{
	char place[64];

	position_print(p, p->at, place, sizeof(place));
	return problem_set(p->problem, ST_JSON_INVALID, place,
			   "arrays and objects are nested deeper than %d levels", JSON_DEPTH_MAX);
}

static enum st refuse_arena(const struct parser *p)
{
	return problem_set(p->problem, ST_TOO_LARGE, "",
			   "the JSON text needs more memory than the %zu bytes there are for it",
			   p->arena->used_bytes_max);
}

static void skip_space(struct parser *p)
{
	while (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t')
		p->at++;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Four hex digits after "\u"; leaves `at` on the first that is none. */
static enum st parse_hex4(struct parser *p, uint32_t *ret)
{
	uint32_t unit = 0;

	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(*p->at);

		if (digit < 0)
			return refuse(p, p->at, "a hexadecimal digit");
		unit = unit << 4 | (uint32_t)digit;
		p->at++;
	}
	*ret = unit;
	return ST_OK;
}

static char *utf8_put(char *out, uint32_t point)
{
	if (point < 0x80) {
		*out++ = (char)point;
	} else if (point < 0x800) {
		*out++ = (char)(0xc0 | point >> 6);
		*out++ = (char)(0x80 | (point & 0x3f));
	} else if (point < 0x10000) {
		*out++ = (char)(0xe0 | point >> 12);
		*out++ = (char)(0x80 | (point >> 6 & 0x3f));
		*out++ = (char)(0x80 | (point & 0x3f));
	} else {
		*out++ = (char)(0xf0 | point >> 18);
		*out++ = (char)(0x80 | (point >> 12 & 0x3f));
		*out++ = (char)(0x80 | (point >> 6 & 0x3f));
		*out++ = (char)(0x80 | (point & 0x3f));
	}
	return out;
}

/* After "\u". What is written is never longer than the escape it replaces. */
static enum st parse_unicode(struct parser *p, char **out)
{
	const char *start = p->at - 2;
	uint32_t high, low;

	TRY(parse_hex4(p, &high));
	if (high >= 0xdc00 && high <= 0xdfff)
		return refuse_why(p, start, "the low surrogate has no high surrogate before it");
	if (high >= 0xd800 && high <= 0xdbff) {
		if (p->at[0] != '\\' || p->at[1] != 'u')
			return refuse_why(p, start,
					  "the high surrogate has no low surrogate after it");
		p->at += 2;
		TRY(parse_hex4(p, &low));
		if (low < 0xdc00 || low > 0xdfff)
			return refuse_why(p, start,
					  "the high surrogate has no low surrogate after it");
		high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	}
	*out = utf8_put(*out, high);
	return ST_OK;
}

/* After the backslash. */
static enum st parse_escape(struct parser *p, char **out)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	char c = *p->at;
	const char *found;

	if (c == 'u') {
		p->at++;
		return parse_unicode(p, out);
	}
	found = c ? strchr(from, c) : NULL;
	if (!found)
		return refuse(p, p->at, "one of \" \\ / b f n r t u");
	*(*out)++ = to[found - from];
	p->at++;
	return ST_OK;
}

/* From the first byte that is not plain, to the closing quote. */
static enum st parse_string_rest(struct parser *p, char **out)
{
	while (*p->at != '"') {
		unsigned char c = (unsigned char)*p->at;
		size_t size;

		if (plain[c]) {
			*(*out)++ = *p->at++;
			continue;
		}
		if (c == '\\') {
			p->at++;
			TRY(parse_escape(p, out));
			continue;
		}
		if (p->at == p->end)
			return refuse(p, p->at, "the closing quote of a string");
		if (c < 0x20)
			return refuse(p, p->at, "its escaped form");
		size = utf8_size((struct str){ .data = p->at, .size = (size_t)(p->end - p->at) });
		if (size == 0)
			return refuse(p, p->at, "valid UTF-8");
		memmove(*out, p->at, size);
		*out += size;
		p->at += size;
	}
	return ST_OK;
}

/* After the opening quote. */
static enum st parse_string(struct parser *p, struct str *ret)
{
	char *start = p->at;
	char *out;

	while (plain[(unsigned char)*p->at])
		p->at++;
	out = p->at;
	if (*p->at != '"')
		TRY(parse_string_rest(p, &out));
	p->at++;
	*out = '\0';
	*ret = (struct str){ .data = start, .size = (size_t)(out - start) };
	return ST_OK;
}

struct number {
	uint64_t digits; /* the first 19 significant ones */
	int count;       /* how many there are; above 19 `digits` is not the whole */
	int exponent;    /* of ten, from the fraction's places */
};

static enum st parse_digits(struct parser *p, struct number *number)
{
	if (*p->at < '0' || *p->at > '9')
		return refuse(p, p->at, "a digit");
	for (; *p->at >= '0' && *p->at <= '9'; p->at++) {
		if (number->count == 0 && *p->at == '0')
			continue;
		if (number->count++ < 19)
			number->digits = number->digits * 10 + (uint64_t)(*p->at - '0');
	}
	return ST_OK;
}

/* After the "e". A written exponent beyond any double's is kept at a bound, not overflowed. */
static enum st parse_exponent(struct parser *p, struct number *number)
{
	bool negative = *p->at == '-';
	int value = 0;

	if (*p->at == '-' || *p->at == '+')
		p->at++;
	if (*p->at < '0' || *p->at > '9')
		return refuse(p, p->at, "a digit");
	for (; *p->at >= '0' && *p->at <= '9'; p->at++) {
		if (value < 100000)
			value = value * 10 + (*p->at - '0');
	}
	number->exponent += negative ? -value : value;
	return ST_OK;
}

/* Exact when digits and power of ten are both doubles without rounding; else the C library's. */
static double number_value(const struct number *number, const char *text)
{
	static const double powers[EXACT_POWER_MAX + 1] = {
		1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
		1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
	};
	double digits = (double)number->digits;

	if (number->count > 19 || number->digits > EXACT_INTEGER_MAX ||
	    number->exponent > EXACT_POWER_MAX || number->exponent < -EXACT_POWER_MAX)
		return strtod(text, NULL);
	if (*text == '-')
		digits = -digits;
	return number->exponent < 0 ? digits / powers[-number->exponent]
				    : digits * powers[number->exponent];
}

static enum st parse_number(struct parser *p, struct json *node)
{
	const char *start = p->at;
	struct number number = { 0 };

	node->kind = JSON_NUMBER;
	if (*p->at == '-')
		p->at++;
	if (*p->at == '0' && p->at[1] >= '0' && p->at[1] <= '9')
		return refuse_why(p, start, "a number does not begin with a zero and a digit");
	TRY(parse_digits(p, &number));
	if (*p->at == '.') {
		const char *fraction = ++p->at;

		TRY(parse_digits(p, &number));
		number.exponent -= (int)(p->at - fraction);
	}
	if (*p->at == 'e' || *p->at == 'E') {
		p->at++;
		TRY(parse_exponent(p, &number));
	}
	node->text = (struct str){ .data = start, .size = (size_t)(p->at - start) };
	node->number = number_value(&number, start);
	if (!isfinite(node->number))
		return refuse_why(p, start, "the number is larger than a double can hold");
	return ST_OK;
}

static enum st parse_word(struct parser *p, struct json *node)
{
	static const struct {
		const char *word;
		enum json_kind kind;
		bool boolean;
	} words[] = {
		{ "true", JSON_BOOL, true },
		{ "false", JSON_BOOL, false },
		{ "null", JSON_NULL, false },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t size = strlen(words[i].word);

		if (strncmp(p->at, words[i].word, size) == 0) {
			node->kind = words[i].kind;
			node->boolean = words[i].boolean;
			p->at += size;
			return ST_OK;
		}
	}
	return refuse(p, p->at, "a value");
}

static enum st parse_open(struct parser *p, struct json *node, enum json_kind kind)
{
	if (p->depth == JSON_DEPTH_MAX)
		return refuse_depth(p);
	node->kind = kind;
	p->open[p->depth++] = node;
	p->at++;
	return ST_OK;
}

static enum st parse_value(struct parser *p, struct json **ret)
{
	struct json *node = ARENA_NEW(p->arena, struct json);

	if (!node)
		return refuse_arena(p);
	node->offset_bytes = (size_t)(p->at - p->base);
	if (p->depth > 0) {
		struct json *parent = p->open[p->depth - 1];

		if (parent->kind == JSON_OBJECT)
			node->name = p->name;
		json_append(parent, node);
	}
	*ret = node;
	switch (*p->at) {
	case '{':
		return parse_open(p, node, JSON_OBJECT);
	case '[':
		return parse_open(p, node, JSON_ARRAY);
	case '"':
		p->at++;
		node->kind = JSON_STRING;
		return parse_string(p, &node->text);
	case '-':
	case '0' ... '9':
		return parse_number(p, node);
	default:
		return parse_word(p, node);
	}
}

static enum st refuse_duplicate(const struct parser *p, const struct json *member)
{
	char place[64];

	position_print(p, member->name.data - 1, place, sizeof(place));
	return problem_set(p->problem, ST_JSON_INVALID, place,
			   "the name \"%.*s\" stands twice in one object", STR_ARG(member->name));
}

static enum st check_names_sorted(struct parser *p, const struct json *object)
{
	const struct json **members = json_sorted_members(p->arena, object);

	if (!members)
		return refuse_arena(p);
	for (size_t i = 1; i < object->count; i++) {
		if (str_equal(members[i - 1]->name, members[i]->name))
			return refuse_duplicate(p, members[i]);
	}
	return ST_OK;
}

static enum st check_names(struct parser *p, const struct json *object)
{
	if (object->count > MEMBERS_FEW)
		return check_names_sorted(p, object);
	for (const struct json *a = object->first; a; a = a->next) {
		for (const struct json *b = a->next; b; b = b->next) {
			if (a->name.size == b->name.size && str_equal(a->name, b->name))
				return refuse_duplicate(p, b);
		}
	}
	return ST_OK;
}

static enum st parse_close(struct parser *p)
{
	struct json *node = p->open[--p->depth];

	p->at++;
	return node->kind == JSON_OBJECT ? check_names(p, node) : ST_OK;
}

/* A member's name and its colon, to where the value begins. */
static enum st parse_name(struct parser *p)
{
	if (*p->at != '"')
		return refuse(p, p->at, "a member's name in quotes");
	p->at++;
	TRY(parse_string(p, &p->name));
	skip_space(p);
	if (*p->at != ':')
		return refuse(p, p->at, "\":\"");
	p->at++;
	skip_space(p);
	return ST_OK;
}

/* From the end of a value (or of an opening bracket) to the beginning of the next one, closing what
 * ends between them. With depth 0 the document is complete. */
static enum st parse_between(struct parser *p)
{
	while (p->depth > 0) {
		const struct json *parent = p->open[p->depth - 1];
		bool in_object = parent->kind == JSON_OBJECT;

		skip_space(p);
		if (*p->at == (in_object ? '}' : ']')) {
			TRY(parse_close(p));
			continue;
		}
		if (parent->count > 0) {
			if (*p->at != ',')
				return refuse(p, p->at,
					      in_object ? "\",\" or \"}\"" : "\",\" or \"]\"");
			p->at++;
			skip_space(p);
		}
		return in_object ? parse_name(p) : ST_OK;
	}
	return ST_OK;
}

enum st json_parse(struct arena *arena, struct str text, struct json **ret, struct problem *problem)
{
	struct parser p;
	struct json *root, *node;

	if (text.size > JSON_BYTES_MAX)
		return problem_set(problem, ST_MESSAGE_TOO_LARGE, "",
				   "the JSON text has %zu bytes, more than the %d that are allowed",
				   text.size, JSON_BYTES_MAX);
	p.arena = arena;
	p.problem = problem;
	p.source = text;
	p.name = (struct str){ 0 };
	p.depth = 0;
	p.base = (char *)(uintptr_t)arena_copy(arena, text).data;
	if (!p.base)
		return refuse_arena(&p);
	p.at = p.base;
	p.end = p.base + text.size;

	skip_space(&p);
	TRY(parse_value(&p, &root));
	TRY(parse_between(&p));
	while (p.depth > 0) {
		TRY(parse_value(&p, &node));
		TRY(parse_between(&p));
	}
	skip_space(&p);
	if (p.at != p.end)
		return refuse(&p, p.at, "the end of the text");
	*ret = root;
	return ST_OK;
}
