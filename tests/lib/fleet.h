/* fleet.h: a founded installation on a stack with registry: steward, constitution, a unit, agents.
 */
#ifndef PIOPL_TEST_FLEET_H
#define PIOPL_TEST_FLEET_H

#include "gen/registry.h"
#include "tests/lib/stack.h"

#define FLEET_UNIT "studio"
#define FLEET_ROLE "digital_product_generator"

struct fleet {
	struct stack *stack;
	struct signing_key steward;
	char steward_id[64];
};

/* Ends the program when something is refused. */
void fleet_found(struct fleet *fleet, struct stack *stack);
/* `count` agents in one batch; waits until it is finished. */
void fleet_agents(struct fleet *fleet, int64_t count, const char *prefix);
/* Signs an act of the contract as the steward; texts live in the stack's arena. */
struct common_signed_act fleet_sign(struct fleet *fleet, const char *purpose,
				    const struct proto_type *type, const void *act);
struct str fleet_nonce(struct fleet *fleet);
enum st fleet_kill(struct fleet *fleet, const struct registry_kill_scope *scope,
		   struct registry_kill_reply *ret, struct problem *problem);

#endif
