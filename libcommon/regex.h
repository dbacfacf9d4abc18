/* regex.h: regular expressions of ECMA-262 (the dialect of JSON Schema and AsyncAPI, with the "u"
 * flag) over PCRE2. A pattern is translated first, so what is a mistake in ECMA-262 is refused and
 * what PCRE2 would read in its own way (\Z, (*UTF), possessive quantifiers, POSIX classes) never
 * reaches it. A search is unanchored; subjects are UTF-8, one that is not matches nothing.
 *
 * Two ways to compile, because two kinds of people write patterns:
 *   regex_compile       somebody's document: lives in the arena, and every search is metered
 *   regex_compile_fixed our own contract: lives as long as the process, compiled to machine code
 * A search that reaches a limit is a refusal, ST_PATTERN_TOO_COSTLY, never a wait. */
#ifndef PIOPL_REGEX_H
#define PIOPL_REGEX_H

#include "arena.h"
#include "st.h"

#define REGEX_BYTES_MAX 4096      /* of a pattern */
#define REGEX_REPEAT_MAX 4096     /* the largest n and m in {n,m} */
#define REGEX_STEPS_MAX 1000000   /* of one metered search */
#define REGEX_MATCH_LIMIT 1000000 /* of one start position, PCRE2's own count */
#define REGEX_DEPTH_LIMIT 100000  /* nested backtracking points */
#define REGEX_HEAP_KIB_LIMIT (16 * 1024)
#define REGEX_STEP_BYTES 16 /* so many bytes of the subject passed over are one step */

struct regex;

/* ST_PATTERN_INVALID with what is wrong and where (no JSON pointer: the caller knows it);
 * ST_TOO_LARGE when the arena is full. Nothing to free. */
MUST_CHECK enum st regex_compile(struct arena *arena, struct str pattern, struct regex **ret,
				 struct problem *problem);
/* ST_PATTERN_INVALID, ST_NO_MEMORY. The caller keeps it for good or gives it to regex_free. */
MUST_CHECK enum st regex_compile_fixed(struct str pattern, struct regex **ret,
				       struct problem *problem);
/* Of regex_compile_fixed; NULL is allowed. */
void regex_free(struct regex *regex);

/* Does `subject` contain a match? `steps` is what may be spent and is reduced by what was; NULL
 * gives the search REGEX_STEPS_MAX. A fixed pattern spends nothing and has PCRE2's limits only.
 * ST_PATTERN_TOO_COSTLY, ST_NO_MEMORY. */
MUST_CHECK enum st regex_search(const struct regex *regex, struct str subject, uint64_t *steps,
				bool *ret);
/* For callers to whom a search past its limits is no match. */
bool regex_matches(const struct regex *regex, struct str subject);

/* The pattern of a slot, compiled by regex_compile_fixed at first use (proto.h's proto_pattern:
 * `regex` and `compiled`). The pattern is our own: one that does not compile is our bug. */
const struct regex *regex_of_slot(const char *pattern, void **slot);

#endif
