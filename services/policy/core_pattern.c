/* core_pattern.c: patterns of names, and a name that two patterns have in common. */
#include "condition.h"

static bool is_separator(char c)
{
	return c == '.' || c == '/' || c == ':';
}

bool pattern_valid(struct str pattern)
{
	if (pattern.size == 0 || pattern.size > PATTERN_BYTES_MAX)
		return false;
	for (size_t i = 0; i < pattern.size; i++) {
		if ((unsigned char)pattern.data[i] <= ' ' || pattern.data[i] == 127)
			return false;
		if (i > 0 && pattern.data[i] == '*' && pattern.data[i - 1] == '*')
			return false;
	}
	return str_is_utf8(pattern);
}

bool pattern_is_literal(struct str pattern)
{
	return !memchr(pattern.data, '*', pattern.size);
}

/* The "*" at `at` is the whole last part. */
static bool is_rest(struct str pattern, size_t at)
{
	return at + 1 == pattern.size && (at == 0 || is_separator(pattern.data[at - 1]));
}

bool pattern_matches(struct str pattern, struct str name)
{
	size_t p = 0, n = 0, star = SIZE_MAX, mark = 0;

	while (n < name.size) {
		if (p < pattern.size && pattern.data[p] == '*') {
			if (is_rest(pattern, p))
				return true;
			star = p++;
			mark = n;
		} else if (p < pattern.size && pattern.data[p] == name.data[n]) {
			p++;
			n++;
		} else if (star != SIZE_MAX && !is_separator(name.data[mark])) {
			p = star + 1;
			n = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.size && pattern.data[p] == '*')
		p++;
	return p == pattern.size;
}

/* Both are walked at once; a state is a place in each. What led to a state first is remembered in
 * it, so that a name can be read back. */
struct walk {
	struct str a, b;
	uint8_t *seen;
	size_t columns;
};

enum step { STEP_NONE, STEP_START, STEP_BOTH, STEP_A, STEP_B, STEP_A_EMPTY, STEP_B_EMPTY };

static void state_mark(struct walk *w, size_t i, size_t j, enum step step)
{
	uint8_t *cell = &w->seen[i * w->columns + j];

	if (*cell == STEP_NONE)
		*cell = (uint8_t)step;
}

static bool star_takes(struct str pattern, size_t at, char c)
{
	return is_rest(pattern, at) || !is_separator(c);
}

static void walk_from(struct walk *w, size_t i, size_t j)
{
	bool more_a = i < w->a.size, more_b = j < w->b.size;
	bool star_a = more_a && w->a.data[i] == '*', star_b = more_b && w->b.data[j] == '*';

	if (star_a)
		state_mark(w, i + 1, j, STEP_A_EMPTY);
	if (star_b)
		state_mark(w, i, j + 1, STEP_B_EMPTY);
	if (more_a && more_b && !star_a && !star_b && w->a.data[i] == w->b.data[j])
		state_mark(w, i + 1, j + 1, STEP_BOTH);
	if (star_a && more_b && !star_b && star_takes(w->a, i, w->b.data[j]))
		state_mark(w, i, j + 1, STEP_B);
	if (star_b && more_a && !star_a && star_takes(w->b, j, w->a.data[i]))
		state_mark(w, i + 1, j, STEP_A);
}

/* Goes back one state; the character that was written on the way, 0 for none. */
static char step_back(const struct walk *w, size_t *i, size_t *j)
{
	enum step step = (enum step)w->seen[*i * w->columns + *j];

	if (step == STEP_BOTH || step == STEP_A || step == STEP_A_EMPTY)
		(*i)--;
	if (step == STEP_BOTH || step == STEP_B || step == STEP_B_EMPTY)
		(*j)--;
	if (step == STEP_BOTH || step == STEP_A)
		return w->a.data[*i];
	return step == STEP_B ? w->b.data[*j] : 0;
}

static bool walk_read(const struct walk *w, char *ret, size_t ret_size, size_t *ret_length)
{
	size_t i = w->a.size, j = w->b.size, length = 0;

	while (i > 0 || j > 0) {
		char c = step_back(w, &i, &j);
		if (c == 0)
			continue;
		if (length + 2 >= ret_size)
			return false;
		ret[length++] = c;
	}
	for (size_t k = 0; k < length / 2; k++) {
		char c = ret[k];
		ret[k] = ret[length - 1 - k];
		ret[length - 1 - k] = c;
	}
	/* "pii.*" and itself have "pii." in common; "pii.x" is a name people understand. */
	if (length == 0 || is_separator(ret[length - 1]))
		ret[length++] = 'x';
	struct str name = { ret, length };
	if (!pattern_matches(w->a, name) || !pattern_matches(w->b, name))
		name.size = --length;
	ret[length] = 0;
	*ret_length = length;
	return pattern_matches(w->a, name) && pattern_matches(w->b, name);
}

bool pattern_common(struct str a, struct str b, char *ret, size_t ret_size, size_t *ret_length)
{
	static _Thread_local uint8_t seen[(PATTERN_BYTES_MAX + 1) * (PATTERN_BYTES_MAX + 1)];
	struct walk w = { .a = a, .b = b, .seen = seen, .columns = b.size + 1 };

	ASSERT(a.size <= PATTERN_BYTES_MAX && b.size <= PATTERN_BYTES_MAX);
	memset(seen, 0, (a.size + 1) * (b.size + 1));
	seen[0] = STEP_START;
	for (size_t i = 0; i <= a.size; i++)
		for (size_t j = 0; j <= b.size; j++)
			if (seen[i * w.columns + j] != STEP_NONE)
				walk_from(&w, i, j);
	return seen[a.size * w.columns + b.size] != STEP_NONE &&
	       walk_read(&w, ret, ret_size, ret_length);
}
