/* core_reason.c: why, in words. */
#include "evaluate.h"

const char *obligation_kind_name(enum obligation_kind kind)
{
	static const char *const names[] = { "tokenize", "mask", "rate_limit", "validate",
					     "alert" };

	return names[kind];
}

static const char *const words[] = {
	[REASON_RULE] = "",
	[REASON_OUTSIDE_SCOPE] = "the request is outside of what this allows: ",
	[REASON_OTHERS_DENIED] = "what is not listed is denied here",
	[REASON_AMOUNT] = "the amount is above this limit or not said: ",
	[REASON_USER_NOT_NAMED] = "the user is not one of those: ",
	[REASON_AGENT_NOT_NAMED] = "the agent is not one that may act on behalf of others here",
	[REASON_NOT_AUTHENTICATED] = "the user was not identified in the way asked for",
	[REASON_CONFIDENCE] = "the confidence is below this or not said: ",
	[REASON_TOOL_NOT_ALLOWED] = "no level allows this tool",
	[REASON_DATA_NOT_ALLOWED] = "no level allows this class of data: ",
	[REASON_USER_NOT_ALLOWED] = "no level lets the agent act on behalf of this user",
	[REASON_TOO_MANY] =
		"the request has more classes of data or obligations than can be handled",
};

static bool tells_rule(enum reason_kind kind)
{
	return kind == REASON_RULE || kind == REASON_OUTSIDE_SCOPE || kind == REASON_AMOUNT ||
	       kind == REASON_USER_NOT_NAMED || kind == REASON_CONFIDENCE;
}

struct str reason_words(const struct chain *chain, const struct reason *reason, struct arena *arena)
{
	struct buf buf;

	buf_init(&buf, arena, 128);
	buf_add_c(&buf, words[reason->kind]);
	if (reason->document != UINT16_MAX && reason->rule && tells_rule(reason->kind))
		buf_add_str(&buf,
			    rule_words(chain->documents[reason->document], reason->rule, arena));
	if (reason->subject.size > 0)
		buf_printf(&buf, "%s%.*s", reason->kind == REASON_DATA_NOT_ALLOWED ? "" : " for ",
			   STR_ARG(reason->subject));
	return buf_str(&buf);
}
