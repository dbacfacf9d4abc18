/* shape.h: what shape.c and members.c share. */
#ifndef PIOPL_PROTO_SHAPE_H
#define PIOPL_PROTO_SHAPE_H

#include "compile.h"

/* The shape of a schema written in place or behind '$ref'; `ident` names an enum written in place.
 * NULL after a refusal. */
struct shape *shape_of(struct contract *contract, const struct document *document,
		       const cJSON *node, const char *ident);
struct shape *shape_of_schema(struct contract *contract, struct schema *schema);
/* Refuses keywords that are unknown or do not apply to `kind`. */
void check_keywords(const struct document *document, const cJSON *node, enum kind kind);

#endif
