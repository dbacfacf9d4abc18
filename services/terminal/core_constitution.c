/* core_constitution.c: where the invariants stand in a constitution's text. */
#include "services/terminal/constitution.h"

#define MARK_OPEN "**INV-"
#define MARK_CLOSE ":** "

/* One line; false when it is no invariant. */
static bool invariant_read(struct str line, struct registry_invariant *ret)
{
	size_t open = sizeof("**") - 1;
	size_t at;

	if (!str_starts(line, MARK_OPEN))
		return false;
	for (at = open; at + sizeof(MARK_CLOSE) - 1 < line.size; at++)
		if (memcmp(line.data + at, MARK_CLOSE, sizeof(MARK_CLOSE) - 1) == 0)
			break;
	if (at + sizeof(MARK_CLOSE) - 1 >= line.size)
		return false;
	ret->invariant_id = (struct str){ line.data + open, at - open };
	at += sizeof(MARK_CLOSE) - 1;
	ret->text = (struct str){ line.data + at, line.size - at };
	return true;
}

enum st constitution_invariants(struct str text, struct arena *arena,
				struct registry_invariant **ret, size_t *ret_count,
				struct problem *problem)
{
	struct registry_invariant *items =
		ARENA_ARRAY(arena, struct registry_invariant, INVARIANTS_MAX);
	struct str rest = text;
	size_t count = 0;

	if (!items)
		return ST_NO_MEMORY;
	while (rest.size > 0) {
		struct str line = rest;
		struct str tail = { 0 };
		struct registry_invariant invariant;

		if (!str_cut(rest, '\n', &line, &tail))
			tail = (struct str){ 0 };
		rest = tail;
		if (!invariant_read(line, &invariant))
			continue;
		if (count == INVARIANTS_MAX)
			return problem_set(problem, ST_USAGE, "", "more than %d invariants",
					   INVARIANTS_MAX);
		items[count++] = invariant;
	}
	if (count == 0) {
		problem_set(problem, ST_USAGE, "", "the text has no invariants");
		problem_hint(problem, "a line each: **INV-1:** An agent has a kill switch.");
		return ST_USAGE;
	}
	*ret = items;
	*ret_count = count;
	return ST_OK;
}
