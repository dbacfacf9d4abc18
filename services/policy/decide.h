/* decide.h: one decision from everything that was loaded for it: the checks in their order, the
 * first that fails named. Pure: the caller loads, records and answers. */
#ifndef PIOPL_POLICY_DECIDE_H
#define PIOPL_POLICY_DECIDE_H

#include "crudlex.h"
#include "evaluate.h"

#define DECISION_VALID_MS 60000 /* how long an allow is good for */
#define THROTTLED_COUNT 6       /* actions of a throttled agent */
#define THROTTLED_PER_MS 60000
#define CHECKS_MAX 8

/* As in the contract: value i is check i + 1. */
enum check {
	CHECK_AGENT,
	CHECK_CONSTITUTION,
	CHECK_TOKEN,
	CHECK_TIER,
	CHECK_ENDPOINT,
	CHECK_NEVER_SENDS,
	CHECK_SPEND_CAP,
	CHECK_CONFIDENCE_FLOOR,
	CHECK_CRUDLEX,
	CHECK_POLICY,
	CHECK_RATE_LIMIT,
	CHECK_PHASE,
};

enum agent_state { AGENT_PENDING = 1, AGENT_ACTIVE, AGENT_PAUSED, AGENT_TERMINATED };

struct agent {
	int64_t number;
	struct str id, name, role, unit, owner, constitution_hash;
	int tier;
	enum agent_state state;
	bool throttled;
	struct str_list can_send_to, never_sends;
	int64_t spend_max; /* millionths a day */
	char currency[4];
	int64_t floor, score; /* millionths */
	int64_t since_ms;
	struct chain chain;
};

/* What a token check said. */
struct token_answer {
	bool required; /* false: this installation runs without tokens (development) */
	bool given;
	enum st st;   /* ST_OK: it verifies and gives the scope */
	uint8_t risk; /* 1 low .. 4 critical */
	bool amount_limited;
	int64_t amount_max; /* a day */
};

/* A rate's counter, one more taken: false when the limit is reached. */
typedef bool (*rate_take)(void *context, struct str subject, const struct rate_limit *rate);

struct decide_input {
	const struct agent *agent;         /* NULL: nobody knows it */
	struct str constitution_hash;      /* in force; empty: none */
	struct str said_constitution_hash; /* by the agent; empty: nothing */
	struct token_answer token;
	struct tool_declaration tool;
	uint8_t operation; /* asked for; 0: what the tool declares */
	const struct evaluation *evaluation;
	struct str currency;       /* of the amount */
	int64_t spent_today;       /* captured and reserved, in the agent's currency */
	int64_t phase;             /* of the installation */
	bool stale;                /* what is known of others is older than its limit */
	bool approved;             /* somebody approved exactly this */
	const uint32_t *approving; /* roles of each who did */
	size_t approving_count;
	uint32_t approver_roles;   /* that let an action through at all */
	struct str approval_words; /* who approved, or why what was named is no approval; or "" */
	rate_take take;
	void *take_context;
};

struct check_note {
	enum check check;
	enum verdict verdict;
	struct str words;
};

struct decision {
	enum verdict verdict;
	size_t note_count;
	struct check_note notes[CHECKS_MAX]; /* of checks other than the policies */
	bool evaluated;                      /* then `outcome` counts */
	struct outcome outcome;
	bool approval_used;  /* without the approval it would not have passed */
	bool approval_short; /* others or more people have to approve */
	int64_t reserve;     /* to be reserved with the decision; 0: nothing */
};

/* What is wanted of those who approve. */
struct approvers {
	uint32_t roles;
	int64_t count;
};
/* Of what was decided: the roles that count and that every rule would have. */
struct approvers approvers_wanted(const struct decide_input *in, const struct outcome *outcome);

/* Words live in `arena`. */
void decide(const struct decide_input *in, struct arena *arena, struct decision *ret);
/* What a tool's use risks, said or not: 1 low .. 4 critical. */
uint8_t tool_risk(const struct tool_declaration *tool);

#endif
