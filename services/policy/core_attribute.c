/* core_attribute.c: what a request can say of itself: names and types. */
#include <assert.h>

#include "condition.h"

static const struct {
	const char *name;
	enum value_type type;
} attributes[ATTRIBUTE_COUNT] = {
	[ATTRIBUTE_TOOL] = { "tool", VALUE_STRING },
	[ATTRIBUTE_OPERATION] = { "operation", VALUE_STRING },
	[ATTRIBUTE_RESOURCE] = { "resource", VALUE_STRING },
	[ATTRIBUTE_AMOUNT] = { "amount", VALUE_NUMBER },
	[ATTRIBUTE_CURRENCY] = { "currency", VALUE_STRING },
	[ATTRIBUTE_DATA_IN] = { "data_in", VALUE_LIST },
	[ATTRIBUTE_DATA_OUT] = { "data_out", VALUE_LIST },
	[ATTRIBUTE_ENDPOINT] = { "endpoint", VALUE_STRING },
	[ATTRIBUTE_CONFIDENCE] = { "confidence", VALUE_NUMBER },
	[ATTRIBUTE_TIME] = { "time", VALUE_TIME },
	[ATTRIBUTE_LOCATION] = { "location", VALUE_STRING },
	[ATTRIBUTE_URGENCY] = { "urgency", VALUE_STRING },
	[ATTRIBUTE_USER] = { "user", VALUE_STRING },
	[ATTRIBUTE_REVERSIBLE] = { "reversible", VALUE_BOOL },
	[ATTRIBUTE_AGENT_ID] = { "agent.id", VALUE_STRING },
	[ATTRIBUTE_AGENT_NAME] = { "agent.name", VALUE_STRING },
	[ATTRIBUTE_AGENT_ROLE] = { "agent.role", VALUE_STRING },
	[ATTRIBUTE_AGENT_TIER] = { "agent.tier", VALUE_NUMBER },
	[ATTRIBUTE_AGENT_UNIT] = { "agent.unit", VALUE_STRING },
	[ATTRIBUTE_AGENT_OWNER] = { "agent.owner", VALUE_STRING },
	[ATTRIBUTE_AGENT_SCORE] = { "agent.score", VALUE_NUMBER },
	[ATTRIBUTE_AGENT_SINCE] = { "agent.since", VALUE_TIME },
};

static_assert(ATTRIBUTE_COUNT < 63, "a mask of attributes is 64 bits");

const char *attribute_name(enum attribute attribute)
{
	ASSERT(attribute < ATTRIBUTE_COUNT);
	return attributes[attribute].name;
}

enum value_type attribute_type(enum attribute attribute)
{
	ASSERT(attribute < ATTRIBUTE_COUNT);
	return attributes[attribute].type;
}

bool attribute_find(struct str name, enum attribute *ret)
{
	for (unsigned i = 0; i < ATTRIBUTE_COUNT; i++) {
		if (!str_is(name, attributes[i].name))
			continue;
		*ret = (enum attribute)i;
		return true;
	}
	return false;
}

const char *value_type_name(enum value_type type)
{
	static const char *const names[VALUE_TYPE_COUNT] = {
		[VALUE_NONE] = "nothing",         [VALUE_BOOL] = "true or false",
		[VALUE_NUMBER] = "a number",      [VALUE_STRING] = "a text",
		[VALUE_LIST] = "a list of texts", [VALUE_TIME] = "a time",
		[VALUE_DURATION] = "a duration",
	};

	ASSERT(type < VALUE_TYPE_COUNT);
	return names[type];
}
