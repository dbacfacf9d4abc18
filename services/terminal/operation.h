/* operation.h: long work of the registry. */
#ifndef PIOPL_TERMINAL_OPERATION_H
#define PIOPL_TERMINAL_OPERATION_H

#include "gen/registry.h"
#include "services/terminal/terminal.h"

/* Draws its progress until it ends. A failed or cancelled one is an answer, not an error. */
MUST_CHECK enum st operation_wait(struct terminal *t, struct str operation_id,
				  struct registry_operation *ret, struct problem *problem);
void operation_say(struct terminal *t, const struct registry_operation *operation);
void inventory_show(struct terminal *t, const struct registry_agent_list_reply *page);

#endif
