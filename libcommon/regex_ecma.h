/* regex_ecma.h: from ECMA-262's regular expressions to PCRE2's; of regex.c only. */
#ifndef PIOPL_REGEX_ECMA_H
#define PIOPL_REGEX_ECMA_H

#include "arena.h"
#include "st.h"

/* Appends the translation. ST_PATTERN_INVALID says what is wrong at which byte. Beyond the grammar
 * of ECMA-262 with "u", a backslash before any ASCII punctuation is accepted, and so are "]", "}"
 * and a "{" that begins no quantifier as themselves: all read in one way only. */
MUST_CHECK enum st regex_translate(struct str pattern, struct buf *buf, struct problem *problem);

#endif
