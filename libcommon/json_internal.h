/* json_internal.h: what the files of the JSON module share and nobody else includes. */
#ifndef PIOPL_JSON_INTERNAL_H
#define PIOPL_JSON_INTERNAL_H

#include "json.h"

/* The members of an object in the order of their names' UTF-16 code units, in the arena; NULL when
 * it is full. The object keeps its own order. */
const struct json **json_sorted_members(struct arena *arena, const struct json *object);

/* Appends a child without regard to names. */
void json_append(struct json *parent, struct json *child);

#endif
