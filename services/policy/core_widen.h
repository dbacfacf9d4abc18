/* core_widen.h: what the two halves of the search share; not for others. */
#ifndef PIOPL_POLICY_CORE_WIDEN_H
#define PIOPL_POLICY_CORE_WIDEN_H

#include "widen.h"

struct candidates {
	struct arena *arena;
	size_t counts[ATTRIBUTE_COUNT];
	struct value items[ATTRIBUTE_COUNT][WIDEN_CANDIDATES_MAX];
};

/* Boundary values of everything that two rules depend on. */
void candidates_of_pair(struct candidates *c, const struct document *d1, const struct rule *below,
			const struct document *d2, const struct rule *above);
void candidate_text(struct candidates *c, enum attribute attribute, struct str text);
/* A name that the pattern matches; the pattern itself when it is one. */
struct str pattern_example(struct arena *arena, struct str pattern);
struct str common_example(struct arena *arena, struct str a, struct str b);
struct str request_words(struct arena *arena, const struct request *request);

#endif
