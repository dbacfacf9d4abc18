/* action.h: the digest of one exact action, the same wherever it is computed: by who asks for an
 * approval, by the person who signs a verdict, and by who uses it. */
#ifndef PIOPL_ACTION_H
#define PIOPL_ACTION_H

#include "crypto.h"
#include "gen/approval.h"

/* SHA-256 of the action's RFC 8785 form; what is absent is left out, an amount is written without
 * zeros at its end. ST_TOO_LARGE when the arena is full. */
MUST_CHECK enum st action_digest(const struct approval_action *action, struct arena *arena,
				 char ret[HASH_TEXT_SIZE]);

#endif
