/* core_text.c: paths of units, texts of constitutions, names of a batch. */
#include <stdio.h>

#include "registry.h"

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool label_is_valid(struct str label)
{
	if (label.size == 0 || !is_lower(label.data[0]))
		return false;
	for (size_t i = 1; i < label.size; i++) {
		char c = label.data[i];
		if (!is_lower(c) && !(c >= '0' && c <= '9') && c != '_' && c != '-')
			return false;
	}
	return true;
}

enum st unit_path_check(struct str path, struct str *ret_parent, struct problem *problem)
{
	struct str rest = path, label, parent = { path.data, 0 };
	int depth = 0;
	bool more = true;

	if (path.size > UNIT_PATH_BYTES_MAX)
		return problem_set(problem, ST_MESSAGE_INVALID, "/path", "more than %d bytes",
				   UNIT_PATH_BYTES_MAX);
	while (more) {
		label = rest;
		parent.size = path.size - rest.size;
		more = str_cut(rest, '.', &label, &rest);
		if (!label_is_valid(label))
			return problem_set(problem, ST_MESSAGE_INVALID, "/path",
					   "\"%.*s\" is no label of a path", STR_ARG(label));
		depth++;
	}
	if (depth > UNIT_DEPTH_MAX)
		return problem_set(problem, ST_UNIT_TOO_DEEP, "/path", "%d labels, at most %d",
				   depth, UNIT_DEPTH_MAX);
	if (parent.size > 0)
		parent.size--; /* the point */
	*ret_parent = parent;
	return ST_OK;
}

bool unit_is_under(struct str path, struct str under)
{
	if (path.size < under.size || memcmp(path.data, under.data, under.size) != 0)
		return false;
	return path.size == under.size || path.data[under.size] == '.';
}

static bool text_contains(struct str text, struct str part)
{
	return memmem(text.data, text.size, part.data, part.size) != NULL;
}

enum st constitution_check(const struct registry_constitution_add_request *in,
			   struct problem *problem)
{
	char pointer[64];

	for (size_t i = 0; i < in->invariants.count; i++) {
		const struct registry_invariant *invariant = &in->invariants.items[i];

		snprintf(pointer, sizeof(pointer), "/invariants/%zu", i);
		for (size_t j = 0; j < i; j++)
			if (str_equal(in->invariants.items[j].invariant_id,
				      invariant->invariant_id))
				return problem_set(problem, ST_ALREADY_EXISTS, pointer,
						   "invariant \"%.*s\" is given twice",
						   STR_ARG(invariant->invariant_id));
		if (!text_contains(in->text, invariant->text))
			return problem_set(problem, ST_INVARIANT_NOT_IN_TEXT, pointer,
					   "invariant \"%.*s\"", STR_ARG(invariant->invariant_id));
	}
	return ST_OK;
}

static size_t code_points(struct str s)
{
	size_t count = 0;

	for (size_t i = 0; i < s.size; i++)
		if (((unsigned char)s.data[i] & 0xc0) != 0x80)
			count++;
	return count;
}

enum st batch_name_check(struct str prefix, struct problem *problem)
{
	size_t size = code_points(prefix);

	if (size + BATCH_NAME_DIGITS > AGENT_NAME_CODE_POINTS_MAX)
		return problem_set(problem, ST_BATCH_NAME_TOO_LONG, "/name_prefix",
				   "%zu characters, at most %d", size,
				   AGENT_NAME_CODE_POINTS_MAX - BATCH_NAME_DIGITS);
	return ST_OK;
}

struct str batch_name(struct str prefix, int64_t ordinal, struct arena *arena)
{
	ASSERT(ordinal >= 1 && ordinal <= BATCH_AGENTS_MAX);
	return arena_printf(arena, "%.*s_%05d", STR_ARG(prefix), (int)ordinal);
}
