/* The translation of patterns. Every literal character leaves here as something PCRE2 can read in
 * one way only: a letter or digit, a byte above 0x7f, an escaped punctuation mark, or \x{...}. */
#include "regex_ecma.h"

#include <string.h>

#include "regex.h"

#define CLASS_SPACE                                                                                \
	"\\t-\\r \\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}" \
	"\\x{feff}"
/* The complement of the above, for use inside a class; surrogates are no characters. */
#define CLASS_NOT_SPACE                                                                            \
	"\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}"           \
	"\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}"             \
	"\\x{3001}-\\x{d7ff}\\x{e000}-\\x{fefe}\\x{ff00}-\\x{10ffff}"
#define ANY_BUT_LINE_END "[^\\n\\r\\x{2028}\\x{2029}]"

#define CODE_POINT_MAX 0x10ffff

struct translation {
	const char *base, *at, *end;
	struct buf *out;
	struct problem *problem;
	size_t groups;   /* open ones */
	bool repeatable; /* the last thing can take a quantifier */
};

struct category {
	const char *name, *property;
};

/* PCRE2 knows general categories by their short names only. */
static const struct category categories[] = {
	{ "Letter", "L" },
	{ "Cased_Letter", "L&" },
	{ "LC", "L&" },
	{ "Uppercase_Letter", "Lu" },
	{ "Lowercase_Letter", "Ll" },
	{ "Titlecase_Letter", "Lt" },
	{ "Modifier_Letter", "Lm" },
	{ "Other_Letter", "Lo" },
	{ "Mark", "M" },
	{ "Combining_Mark", "M" },
	{ "Nonspacing_Mark", "Mn" },
	{ "Spacing_Mark", "Mc" },
	{ "Enclosing_Mark", "Me" },
	{ "Number", "N" },
	{ "Decimal_Number", "Nd" },
	{ "digit", "Nd" },
	{ "Letter_Number", "Nl" },
	{ "Other_Number", "No" },
	{ "Symbol", "S" },
	{ "Math_Symbol", "Sm" },
	{ "Currency_Symbol", "Sc" },
	{ "Modifier_Symbol", "Sk" },
	{ "Other_Symbol", "So" },
	{ "Punctuation", "P" },
	{ "punct", "P" },
	{ "Connector_Punctuation", "Pc" },
	{ "Dash_Punctuation", "Pd" },
	{ "Open_Punctuation", "Ps" },
	{ "Close_Punctuation", "Pe" },
	{ "Initial_Punctuation", "Pi" },
	{ "Final_Punctuation", "Pf" },
	{ "Other_Punctuation", "Po" },
	{ "Separator", "Z" },
	{ "Space_Separator", "Zs" },
	{ "Line_Separator", "Zl" },
	{ "Paragraph_Separator", "Zp" },
	{ "Other", "C" },
	{ "Control", "Cc" },
	{ "cntrl", "Cc" },
	{ "Format", "Cf" },
	{ "Surrogate", "Cs" },
	{ "Private_Use", "Co" },
	{ "Unassigned", "Cn" },
};

static enum st refuse(const struct translation *t, const char *why)
{
	return problem_set(t->problem, ST_PATTERN_INVALID, "",
			   "the regular expression has %s at byte %zu", why,
			   (size_t)(t->at - t->base));
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool ahead(const struct translation *t, const char *text)
{
	size_t size = strlen(text);

	return (size_t)(t->end - t->at) >= size && memcmp(t->at, text, size) == 0;
}

static bool take(struct translation *t, const char *text)
{
	if (!ahead(t, text))
		return false;
	t->at += strlen(text);
	return true;
}

static void put_code_point(struct translation *t, uint32_t c)
{
	if (c < 0x80 && (is_digit((char)c) || is_letter((char)c))) {
		buf_add_char(t->out, (char)c);
	} else {
		buf_printf(t->out, "\\x{%x}", c);
	}
}

/* The pattern was checked to be UTF-8, so a lead byte has its followers. */
static uint32_t take_character(struct translation *t)
{
	unsigned char lead = (unsigned char)*t->at++;
	int followers = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
	uint32_t c = followers ? lead & (0x3fU >> followers) : lead;

	for (int i = 0; i < followers; i++)
		c = c << 6 | ((unsigned char)*t->at++ & 0x3fU);
	return c;
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool take_hex(struct translation *t, int digits, uint32_t *ret)
{
	uint32_t value = 0;

	if (t->end - t->at < digits)
		return false;
	for (int i = 0; i < digits; i++) {
		int digit = hex_value(t->at[i]);
		if (digit < 0)
			return false;
		value = value << 4 | (uint32_t)digit;
	}
	t->at += digits;
	*ret = value;
	return true;
}

static bool take_hex_braced(struct translation *t, uint32_t *ret)
{
	uint32_t value = 0;
	const char *start = t->at;

	while (t->at < t->end && hex_value(*t->at) >= 0 && value <= CODE_POINT_MAX)
		value = value << 4 | (uint32_t)hex_value(*t->at++);
	if (t->at == start || value > CODE_POINT_MAX || !take(t, "}"))
		return false;
	*ret = value;
	return true;
}

/* After "\u". Half of a surrogate pair is no character and can match none. */
static bool take_unicode(struct translation *t, uint32_t *ret)
{
	uint32_t high, low;

	if (take(t, "{")) {
		if (!take_hex_braced(t, &high))
			return false;
	} else if (!take_hex(t, 4, &high)) {
		return false;
	} else if (high >= 0xd800 && high < 0xdc00) {
		if (!take(t, "\\u") || !take_hex(t, 4, &low) || low < 0xdc00 || low > 0xdfff)
			return false;
		high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	}
	if (high >= 0xd800 && high <= 0xdfff)
		return false;
	*ret = high;
	return true;
}

/* After the backslash: an escape that stands for one character. False and nothing taken when it is
 * none, or a broken one. */
static bool take_character_escape(struct translation *t, uint32_t *ret)
{
	static const char letters[] = "tnvfr", values[] = "\t\n\v\f\r";
	const char *start = t->at;
	const char *letter;
	char c;

	if (t->at == t->end)
		return false;
	c = *t->at++;
	letter = c ? strchr(letters, c) : NULL;
	if (letter) {
		*ret = (uint32_t)values[letter - letters];
		return true;
	}
	if (c == '0' && (t->at == t->end || !is_digit(*t->at))) {
		*ret = 0;
		return true;
	}
	if (c == 'c' && t->at < t->end && is_letter(*t->at)) {
		*ret = (uint32_t)*t->at++ & 0x1f;
		return true;
	}
	if ((c == 'x' && take_hex(t, 2, ret)) || (c == 'u' && take_unicode(t, ret)))
		return true;
	if ((unsigned char)c > 0x20 && (unsigned char)c < 0x7f && !is_letter(c) && !is_digit(c)) {
		*ret = (uint32_t)c;
		return true;
	}
	t->at = start;
	return false;
}

static bool name_is_plain(struct str name)
{
	for (size_t i = 0; i < name.size; i++) {
		char c = name.data[i];
		if (!is_letter(c) && !is_digit(c) && c != '_' && c != '=')
			return false;
	}
	return name.size > 0;
}

/* After "\p" or "\P": {name} or {property=value}. */
static enum st take_property(struct translation *t, char letter)
{
	const char *close;
	struct str name, head, tail;

	if (!take(t, "{"))
		return refuse(t, "a property escape without braces");
	close = memchr(t->at, '}', (size_t)(t->end - t->at));
	if (!close)
		return refuse(t, "a property escape without an end");
	name = (struct str){ .data = t->at, .size = (size_t)(close - t->at) };
	if (!name_is_plain(name))
		return refuse(t, "an unknown property");
	if (str_cut(name, '=', &head, &tail) &&
	    (str_is(head, "gc") || str_is(head, "General_Category")))
		name = tail;
	t->at = close + 1;
	for (size_t i = 0; i < sizeof(categories) / sizeof(categories[0]); i++) {
		if (str_is(name, categories[i].name))
			name = str_of(categories[i].property);
	}
	buf_printf(t->out, "\\%c{%.*s}", letter, STR_ARG(name));
	return ST_OK;
}

/* After the backslash: an escape that stands for a set. `ret` false: it is none, nothing taken. */
static enum st take_class_escape(struct translation *t, const char *space, const char *not_space,
				 bool *ret)
{
	char c = t->at < t->end ? *t->at : '\0';

	*ret = c && strchr("dDwWsSpP", c);
	if (!*ret)
		return ST_OK;
	t->at++;
	if (c == 'p' || c == 'P')
		return take_property(t, c);
	if (c == 's')
		buf_add_c(t->out, space);
	else if (c == 'S')
		buf_add_c(t->out, not_space);
	else
		buf_printf(t->out, "\\%c", c);
	return ST_OK;
}

/* One member of a class: a set (written at once, `ret_set` true) or a character. */
static enum st take_class_atom(struct translation *t, bool *ret_set, uint32_t *ret)
{
	*ret_set = false;
	if (!take(t, "\\")) {
		*ret = take_character(t);
		return ST_OK;
	}
	TRY(take_class_escape(t, CLASS_SPACE, CLASS_NOT_SPACE, ret_set));
	if (*ret_set)
		return ST_OK;
	if (take(t, "b")) {
		*ret = '\b';
		return ST_OK;
	}
	return take_character_escape(t, ret) ? ST_OK : refuse(t, "an unknown escape");
}

static enum st take_class_member(struct translation *t)
{
	uint32_t low, high;
	bool set, set_high;

	TRY(take_class_atom(t, &set, &low));
	if (t->end - t->at < 2 || t->at[0] != '-' || t->at[1] == ']') {
		if (!set)
			put_code_point(t, low);
		return ST_OK;
	}
	t->at++;
	if (set)
		return refuse(t, "a range that begins with a set");
	TRY(take_class_atom(t, &set_high, &high));
	if (set_high)
		return refuse(t, "a range that ends with a set");
	if (low > high)
		return refuse(t, "a range out of order");
	put_code_point(t, low);
	buf_add_char(t->out, '-');
	put_code_point(t, high);
	return ST_OK;
}

static enum st take_class(struct translation *t)
{
	buf_add_c(t->out, take(t, "^") ? "[^" : "[");
	while (!take(t, "]")) {
		if (t->at == t->end)
			return refuse(t, "a class without an end");
		TRY(take_class_member(t));
	}
	buf_add_char(t->out, ']');
	t->repeatable = true;
	return ST_OK;
}

static enum st take_group_name(struct translation *t)
{
	const char *start = t->at;

	while (t->at < t->end && (is_letter(*t->at) || is_digit(*t->at) || *t->at == '_'))
		t->at++;
	if (t->at == start || is_digit(*start) || t->at == t->end || *t->at != '>')
		return refuse(t, "a group name that is not letters, digits and \"_\"");
	t->at++;
	buf_add(t->out, start, (size_t)(t->at - start));
	return ST_OK;
}

static enum st take_group(struct translation *t)
{
	static const char *const openers[] = { "?:", "?=", "?!", "?<=", "?<!" };

	t->groups++;
	t->repeatable = false;
	buf_add_char(t->out, '(');
	for (size_t i = 0; i < sizeof(openers) / sizeof(openers[0]); i++) {
		if (take(t, openers[i])) {
			buf_add_c(t->out, openers[i]);
			return ST_OK;
		}
	}
	if (take(t, "?<")) {
		buf_add_c(t->out, "?<");
		return take_group_name(t);
	}
	if (ahead(t, "?"))
		return refuse(t, "an unknown kind of group");
	return ST_OK;
}

static enum st take_back_reference(struct translation *t)
{
	const char *start = t->at;

	while (t->at < t->end && is_digit(*t->at))
		t->at++;
	if (t->at - start > 3)
		return refuse(t, "a reference to a group that does not exist");
	buf_printf(t->out, "\\g{%.*s}", (int)(t->at - start), start);
	return ST_OK;
}

static enum st take_escape(struct translation *t)
{
	uint32_t c;
	bool set;

	t->repeatable = true;
	TRY(take_class_escape(t, "[" CLASS_SPACE "]", "[^" CLASS_SPACE "]", &set));
	if (set)
		return ST_OK;
	if (ahead(t, "b") || ahead(t, "B")) {
		t->repeatable = false;
		buf_printf(t->out, "\\%c", *t->at++);
		return ST_OK;
	}
	if (t->at < t->end && *t->at >= '1' && *t->at <= '9')
		return take_back_reference(t);
	if (take(t, "k<")) {
		buf_add_c(t->out, "\\k<");
		return take_group_name(t);
	}
	if (!take_character_escape(t, &c))
		return refuse(t, "an unknown escape");
	put_code_point(t, c);
	return ST_OK;
}

static bool take_number(struct translation *t, size_t *ret)
{
	size_t value = 0;
	const char *start = t->at;

	while (t->at < t->end && is_digit(*t->at)) {
		if (value <= REGEX_REPEAT_MAX)
			value = value * 10 + (size_t)(*t->at - '0');
		t->at++;
	}
	*ret = value;
	return t->at > start;
}

/* `ret_quantifier` false: the brace begins none and nothing was taken. */
static enum st take_braces(struct translation *t, bool *ret_quantifier)
{
	const char *start = t->at;
	size_t low, high;
	bool bounded = true;

	*ret_quantifier = false;
	t->at++;
	if (!take_number(t, &low))
		goto literal;
	high = low;
	if (take(t, ","))
		bounded = take_number(t, &high);
	if (!take(t, "}"))
		goto literal;
	if (low > REGEX_REPEAT_MAX || (bounded && high > REGEX_REPEAT_MAX))
		return problem_set(t->problem, ST_PATTERN_INVALID, "",
				   "the regular expression repeats more than %d times at byte %zu",
				   REGEX_REPEAT_MAX, (size_t)(start - t->base));
	if (bounded && low > high)
		return refuse(t, "a quantifier out of order");
	*ret_quantifier = true;
	buf_add(t->out, start, (size_t)(t->at - start));
	return ST_OK;
literal:
	t->at = start;
	return ST_OK;
}

/* `ret` false: no quantifier stands here. */
static enum st take_quantifier(struct translation *t, bool *ret)
{
	*ret = false;
	if (ahead(t, "{")) {
		TRY(take_braces(t, ret));
		if (!*ret)
			return ST_OK;
	} else if (ahead(t, "*") || ahead(t, "+") || ahead(t, "?")) {
		*ret = true;
		buf_add_char(t->out, *t->at++);
	} else {
		return ST_OK;
	}
	if (!t->repeatable)
		return refuse(t, "a quantifier with nothing to repeat");
	t->repeatable = false;
	if (take(t, "?"))
		buf_add_char(t->out, '?');
	return ST_OK;
}

static enum st take_term(struct translation *t)
{
	char c = *t->at;

	if (c == '^' || c == '$' || c == '|') {
		t->at++;
		t->repeatable = false;
		buf_add_char(t->out, c);
		return ST_OK;
	}
	if (take(t, "("))
		return take_group(t);
	if (take(t, ")")) {
		if (t->groups == 0)
			return refuse(t, "a \")\" without its \"(\"");
		t->groups--;
		t->repeatable = true;
		buf_add_char(t->out, ')');
		return ST_OK;
	}
	if (take(t, "["))
		return take_class(t);
	if (take(t, "\\"))
		return take_escape(t);
	t->repeatable = true;
	if (take(t, "."))
		buf_add_c(t->out, ANY_BUT_LINE_END);
	else
		put_code_point(t, take_character(t));
	return ST_OK;
}

enum st regex_translate(struct str pattern, struct buf *buf, struct problem *problem)
{
	struct translation t = {
		.base = pattern.data, .at = pattern.data, .out = buf, .problem = problem
	};
	bool quantifier;

	if (pattern.size > REGEX_BYTES_MAX)
		return problem_set(problem, ST_PATTERN_INVALID, "",
				   "the regular expression is longer than %d bytes",
				   REGEX_BYTES_MAX);
	if (!str_is_utf8(pattern))
		return problem_set(problem, ST_PATTERN_INVALID, "",
				   "the regular expression is not UTF-8");
	if (pattern.size == 0)
		return ST_OK;
	t.end = pattern.data + pattern.size;
	while (t.at < t.end) {
		TRY(take_quantifier(&t, &quantifier));
		if (!quantifier)
			TRY(take_term(&t));
	}
	if (t.groups > 0)
		return refuse(&t, "a \"(\" without its \")\"");
	return ST_OK;
}
