/* profile.h: the options that describe a profile, as the contract's inputs. */
#ifndef PIOPL_TERMINAL_PROFILE_H
#define PIOPL_TERMINAL_PROFILE_H

#include "gen/registry.h"
#include "services/terminal/terminal.h"

/* Blocks for which no option was given stay NULL. `kinds` is what the agent never sends now;
 * options add to it. */
struct profile_blocks {
	struct registry_capability_input *capability;
	struct registry_governance_input *governance;
	struct registry_revenue_input *revenue;
};
MUST_CHECK enum st profile_blocks_read(struct terminal *t, const struct str *kinds,
				       size_t kind_count, struct profile_blocks *ret,
				       struct problem *problem);
/* Role, owner, unit, tier and blocks of a new agent. */
MUST_CHECK enum st profile_read(struct terminal *t, struct registry_profile_input *ret,
				struct problem *problem);

/* The filter's members have the same names in list, count and export. */
#define PROFILE_FILTER(t, request)                                                                 \
	do {                                                                                       \
		(request)->role = terminal_text((t), "role");                                      \
		(request)->has_tier = args_has(&(t)->args, "tier");                                \
		(request)->tier = args_i64(&(t)->args, "tier", 0);                                 \
		(request)->unit = terminal_text((t), "unit");                                      \
		(request)->state = (enum registry_agent_state)terminal_choice((t), "state");       \
		(request)->owner = terminal_text((t), "owner");                                    \
		(request)->has_score_min = args_has(&(t)->args, "score-min");                      \
		(request)->score_min = args_fraction(&(t)->args, "score-min", 0);                  \
		(request)->has_score_max = args_has(&(t)->args, "score-max");                      \
		(request)->score_max = args_fraction(&(t)->args, "score-max", 0);                  \
		(request)->capability = terminal_text((t), "capability");                          \
		(request)->has_must_restart = args_has(&(t)->args, "must-restart");                \
		(request)->must_restart = (request)->has_must_restart;                             \
	} while (0)

#endif
