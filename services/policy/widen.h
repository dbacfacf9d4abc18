/* widen.h: a document can only restrict. Would a document say yes where one of a level above says
 * no? Looked for as a concrete request, in a finite world made of the names, patterns and
 * thresholds that both mention and of the values just beside them.
 *
 * A rule above counts against a rule below when the rule below speaks of everything that the one
 * above depends on: "ledger.write is allowed" does not contradict "no more than 1000", which goes
 * on holding; "ledger.write is allowed up to 2000" does. Whatever the search misses (arithmetic
 * over several attributes) widens nothing: verdicts are composed by their strictest. */
#ifndef PIOPL_POLICY_WIDEN_H
#define PIOPL_POLICY_WIDEN_H

#include "evaluate.h"

#define WIDEN_CANDIDATES_MAX 48 /* values tried of one attribute */
#define WIDEN_STEPS_MAX 200000  /* requests tried for two rules */

struct widening {
	const struct document *above;
	uint32_t line, line_above;
	struct str request; /* "tool bank.transfer, amount 1000000.000001" */
	struct str words;   /* a whole sentence */
};

/* `above` are documents of levels above, of all types. Texts of `ret` live in `arena`. */
bool widening_find(struct arena *arena, const struct document *document,
		   const struct document *const *above, size_t above_count, struct widening *ret);

#endif
