/* chain.h: do an agent's records follow each other? Pure. */
#ifndef PIOPL_TERMINAL_CHAIN_H
#define PIOPL_TERMINAL_CHAIN_H

#include "auditlog.h"

struct chain_check {
	struct hash previous; /* of the last record taken; zero before the first */
	int64_t count;
	int64_t gaps; /* records that do not follow the one taken before them */
};

/* The next record that is there: the hash it carries of the one before it, and its own. */
void chain_take(struct chain_check *check, const struct hash *previous, const struct hash *own);
/* Records expire, and then others no longer follow each other: as many gaps as records are missing
 * are possible, the end of the chain may be one of them. No gap without a missing record, no
 * missing record without a gap. Records that came after the head was asked for are not missing. */
bool chain_holds(const struct chain_check *check, int64_t length, const struct hash *head);

#endif
