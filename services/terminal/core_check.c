/* core_check.c: a request is encoded by a copy of its type that has no limits, then decoded by the
 * real one, which knows how to say what is wrong. */
#include "services/terminal/check.h"

#include <math.h>

static const struct proto_type *type_loosen(const struct proto_type *type, struct arena *arena,
					    int depth);

static struct proto_value value_loosen(const struct proto_value *value, struct arena *arena,
				       int depth)
{
	struct proto_value loose = *value;

	loose.pattern = NULL;
	loose.min = 0;
	loose.max = INT64_MAX;
	if (value->kind == PROTO_INTEGER || value->kind == PROTO_I64)
		loose.min = INT64_MIN;
	loose.number_min = -INFINITY;
	loose.number_max = INFINITY;
	loose.unique = false;
	if (value->object)
		loose.object = type_loosen(value->object, arena, depth + 1);
	if (value->items) {
		struct proto_value *items = ARENA_NEW(arena, struct proto_value);

		if (items)
			*items = value_loosen(value->items, arena, depth + 1);
		loose.items = items;
	}
	return loose;
}

static const struct proto_type *type_loosen(const struct proto_type *type, struct arena *arena,
					    int depth)
{
	struct proto_type *loose = ARENA_NEW(arena, struct proto_type);
	struct proto_field *fields = ARENA_ARRAY(arena, struct proto_field, type->field_count);

	ASSERT(depth < CHECK_DEPTH_MAX);
	if (!loose || !fields)
		return type;
	*loose = *type;
	loose->fields = fields;
	for (size_t i = 0; i < type->field_count; i++) {
		fields[i] = type->fields[i];
		fields[i].value = value_loosen(&type->fields[i].value, arena, depth);
	}
	return loose;
}

enum st request_check(const struct proto_type *type, const void *request, struct arena *arena,
		      struct problem *problem)
{
	struct str text;
	void *copy;
	enum st st = proto_encode(type, request, arena, &text);

	if (st != ST_INTERNAL)
		return st;
	TRY(proto_encode(type_loosen(type, arena, 0), request, arena, &text));
	copy = arena_alloc(arena, type->size_bytes);
	if (!copy)
		return ST_NO_MEMORY;
	st = proto_decode(type, text, PROTO_UNKNOWN_REFUSED, arena, copy, problem);
	return st == ST_MESSAGE_INVALID ? ST_USAGE : st;
}
