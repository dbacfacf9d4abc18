/* constitution.h: reading a constitution's text and putting one in force. */
#ifndef PIOPL_TERMINAL_CONSTITUTION_H
#define PIOPL_TERMINAL_CONSTITUTION_H

#include "gen/registry.h"
#include "services/terminal/terminal.h"

#define INVARIANTS_MAX 200

/* Lines "**INV-1:** text" are invariants: id "INV-1", its text word for word. ST_USAGE when there
 * is none, or more than INVARIANTS_MAX. Pure. */
MUST_CHECK enum st constitution_invariants(struct str text, struct arena *arena,
					   struct registry_invariant **ret, size_t *ret_count,
					   struct problem *problem);
MUST_CHECK enum st constitution_add(struct terminal *t, const char *path, struct str title,
				    struct registry_constitution_reply *ret,
				    struct problem *problem);
MUST_CHECK enum st constitution_activate(struct terminal *t, struct str hash, struct str reason,
					 struct registry_constitution_activate_reply *ret,
					 struct problem *problem);

#endif
