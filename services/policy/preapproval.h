/* preapproval.h: what a person approved in advance, and whether it covers one action. Pure. */
#ifndef PIOPL_POLICY_PREAPPROVAL_H
#define PIOPL_POLICY_PREAPPROVAL_H

#include "action.h"
#include "decide.h"

/* Who may approve in advance, and goes on being one who may. */
#define PREAPPROVERS                                                                               \
	(APPROVER_BIT(APPROVAL_APPROVER_ROLE_APPROVER) |                                           \
	 APPROVER_BIT(APPROVAL_APPROVER_ROLE_STEWARD))

/* Who signed, as they are known now. */
struct signer {
	struct str person_id, name, email;
	uint32_t roles;
};

/* One that holds: not revoked, not over, with uses left. */
struct preapproval {
	struct str id;
	int64_t number; /* the agent's; 0: of a unit */
	struct str unit, tool, resource;
	enum approval_operation operation;
	struct money amount_max; /* at once */
	int64_t amount_left;     /* millionths of all uses together */
	int64_t uses, approved_ms;
	struct signer signer;
};

/* The id, address or name in a principal: what follows "human:", or all of it. */
struct str person_of(struct str principal);
/* "*" stands for characters but "/", "**" at the end for any; what leads out ("..") never matches.
 */
bool resource_pattern_matches(struct str pattern, struct str resource);
/* `money`: the tool may move some; then an action that does not say how much is not covered. */
bool preapproval_covers(const struct preapproval *given, const struct agent *agent,
			const struct approval_action *action, bool money,
			const struct approvers *wanted);

#endif
