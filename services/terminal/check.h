/* check.h: does what was typed fit the contract? */
#ifndef PIOPL_TERMINAL_CHECK_H
#define PIOPL_TERMINAL_CHECK_H

#include "arena.h"
#include "proto.h"
#include "st.h"

#define CHECK_DEPTH_MAX 16

/* ST_USAGE with the place and what would fit, in the decoder's words: the encoder, which takes its
 * values from code, calls the same thing a fault. Pure. */
MUST_CHECK enum st request_check(const struct proto_type *type, const void *request,
				 struct arena *arena, struct problem *problem);

#endif
