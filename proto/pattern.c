/* pattern.c: the subset of regular expressions that ECMA-262 (AsyncAPI and OpenAPI tools) and PCRE2
 * (our decoder) read alike, and a text that matches, for examples. */
#include "compile.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define REPEAT_MAX 65535
#define DEPTH_MAX 16

struct matcher {
	const char *at;
	const char *fault;
	struct text example;
	bool muted;     /* parse, but add nothing to the example */
	unsigned extra; /* repetitions above the least, where allowed */
	unsigned depth;
};

static void parse_alternation(struct matcher *m);

static void fault(struct matcher *m, const char *sentence)
{
	if (!m->fault)
		m->fault = sentence;
}

static void add_char(struct matcher *m, char c)
{
	if (!m->muted && !m->fault)
		text_add(&m->example, "%c", c);
}

/* After a backslash: the character it stands for; 'd' and 'w' set `ret_class`. */
static char parse_escape(struct matcher *m, bool in_class, bool *ret_class)
{
	char c = *m->at;

	*ret_class = c == 'd' || c == 'w';
	if (!*ret_class &&
	    (!c || !strchr(in_class ? "^$\\.*+?()[]{}|/-" : "^$\\.*+?()[]{}|/", c))) {
		fault(m, "an escape is \\d, \\w or escaped punctuation");
		return 'x';
	}
	m->at++;
	if (c == 'd')
		return '0';
	return c == 'w' ? 'a' : c;
}

/* One end of a range, or one character of a class. */
static unsigned char parse_class_char(struct matcher *m, bool *ret_class)
{
	unsigned char c = (unsigned char)*m->at;

	*ret_class = false;
	if (c == '\0' || c == '[' || c >= 0x7f || c < 0x20) {
		fault(m, "a character in a class is plain ASCII, '[' escaped");
		return 'x';
	}
	m->at++;
	if (c == '\\')
		return (unsigned char)parse_escape(m, true, ret_class);
	return c;
}

static void class_add(bool set[128], unsigned from, unsigned to)
{
	for (unsigned c = from; c <= to && c < 128; c++)
		set[c] = true;
}

static char class_example(const bool set[128], bool negated, char first)
{
	static const char choices[] = "aA0-_. ";

	if (!negated)
		return first;
	for (const char *c = choices; *c; c++) {
		if (!set[(unsigned char)*c])
			return *c;
	}
	return '~';
}

static void parse_class(struct matcher *m)
{
	bool set[128] = { false };
	bool negated = *m->at == '^';
	char first = '\0';

	if (negated)
		m->at++;
	while (*m->at != ']' && !m->fault) {
		bool shorthand, end_shorthand;
		unsigned char from = parse_class_char(m, &shorthand), to = from;

		if (!shorthand && m->at[0] == '-' && m->at[1] != ']') {
			m->at++;
			to = parse_class_char(m, &end_shorthand);
			if (end_shorthand || to < from)
				fault(m, "a range runs backwards");
		}
		class_add(set, from, to);
		if (!first)
			first = (char)from;
	}
	if (!first)
		fault(m, "a class is empty");
	if (!m->fault)
		m->at++;
	add_char(m, class_example(set, negated, first));
}

static void parse_group(struct matcher *m)
{
	if (m->at[0] == '?') {
		if (m->at[1] != ':')
			fault(m, "a group is ( ) or (?: )");
		else
			m->at += 2;
	}
	if (++m->depth > DEPTH_MAX)
		fault(m, "groups are nested too deep");
	if (!m->fault)
		parse_alternation(m);
	m->depth--;
	if (*m->at != ')')
		fault(m, "a group is not closed");
	else
		m->at++;
}

static void parse_atom(struct matcher *m)
{
	char c = *m->at++;
	bool shorthand;

	if (c == '(')
		parse_group(m);
	else if (c == '[')
		parse_class(m);
	else if (c == '.')
		add_char(m, 'x');
	else if (c == '\\')
		add_char(m, parse_escape(m, false, &shorthand));
	else if (strchr("*+?{}]^$", c) || (unsigned char)c >= 0x7f || (unsigned char)c < 0x20)
		fault(m, "'*+?{}]^$' and what is not ASCII stand for themselves only when escaped");
	else
		add_char(m, c);
}

static unsigned parse_count(struct matcher *m)
{
	unsigned long count = 0;

	if (!isdigit((unsigned char)*m->at))
		fault(m, "a repetition is {n}, {n,} or {n,m}");
	while (isdigit((unsigned char)*m->at) && count <= REPEAT_MAX)
		count = count * 10 + (unsigned long)(*m->at++ - '0');
	if (count > REPEAT_MAX)
		fault(m, "a repetition is too large");
	return (unsigned)count;
}

static void parse_braces(struct matcher *m, unsigned *ret_least, unsigned *ret_most)
{
	*ret_least = *ret_most = parse_count(m);
	if (*m->at == ',') {
		m->at++;
		*ret_most = *m->at == '}' ? REPEAT_MAX : parse_count(m);
	}
	if (*m->at != '}' || *ret_most < *ret_least)
		fault(m, "a repetition is {n}, {n,} or {n,m}");
	else
		m->at++;
}

static void parse_quantifier(struct matcher *m, unsigned *ret_least, unsigned *ret_most)
{
	char c = *m->at;

	*ret_least = c == '*' || c == '?' ? 0 : 1;
	*ret_most = c == '*' || c == '+' ? REPEAT_MAX : 1;
	if (c != '*' && c != '+' && c != '?' && c != '{')
		return;
	m->at++;
	if (c == '{')
		parse_braces(m, ret_least, ret_most);
	if (*m->at && strchr("*+?{", *m->at))
		fault(m, "a repetition of a repetition");
}

static void parse_repeated(struct matcher *m)
{
	const char *start = m->at, *end;
	bool muted = m->muted;
	unsigned least, most, count;

	m->muted = true;
	parse_atom(m);
	if (m->fault)
		return;
	parse_quantifier(m, &least, &most);
	end = m->at;
	m->muted = muted;
	count = least + m->extra < most ? least + m->extra : most;
	for (unsigned i = 0; i < count && !muted && !m->fault; i++) {
		m->at = start;
		parse_atom(m);
	}
	m->at = end;
}

static void parse_sequence(struct matcher *m)
{
	while (*m->at && *m->at != '|' && *m->at != ')' && !(m->at[0] == '$' && !m->at[1]) &&
	       !m->fault)
		parse_repeated(m);
}

/* The example takes the first alternative. */
static void parse_alternation(struct matcher *m)
{
	bool muted = m->muted;

	parse_sequence(m);
	m->muted = true;
	while (*m->at == '|' && !m->fault) {
		m->at++;
		parse_sequence(m);
	}
	m->muted = muted;
}

static void parse_pattern(struct matcher *m, const char *pattern)
{
	m->at = pattern;
	if (*m->at++ != '^') {
		fault(m, "it does not start with '^'");
		return;
	}
	parse_sequence(m);
	if (*m->at == '|')
		fault(m, "put alternatives in a group");
	else if (strcmp(m->at, "$") != 0)
		fault(m, "it does not end with '$'");
}

const char *pattern_fault(const char *pattern)
{
	struct matcher m = { .muted = true };

	parse_pattern(&m, pattern);
	return m.fault;
}

char *pattern_example(const char *pattern, size_t length_min)
{
	for (unsigned extra = 0;; extra++) {
		struct matcher m = { .extra = extra };

		parse_pattern(&m, pattern);
		if (m.example.size >= length_min || extra > length_min || m.fault)
			return region_printf("%s", m.example.data ? m.example.data : "");
	}
}
