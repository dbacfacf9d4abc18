/* core_catalog.c: the table of all commands, put together from its groups, the options that every
 * command has, and a line about each noun. */
#include "services/terminal/catalog.h"

const struct option_spec common_options[] = {
	FLAG("json", "print JSON only, for programs"),
	FLAG("help", "explain the command"),
	FLAG("no-color", "no colours"),
	SPAN("timeout", "how long to wait for an answer"),
	{ 0 },
};

static const struct {
	const char *noun;
	const char *summary;
} nouns[] = {
	{ "clock", "show the stack's clock, move it in development" },
	{ "call", "make any call of the contract by its name" },
	{ "parked", "messages that were set aside after their tries were used up" },
	{ "agent", "the fleet: create, look at, change, pause, export" },
	{ "role", "templates of agents" },
	{ "constitution", "the governing text and its invariants" },
	{ "unit", "areas and teams" },
	{ "person", "people and what they may do" },
	{ "key", "keys of people and of services" },
	{ "wallet", "money, and the keys that reach it" },
	{ "ledger", "months of the books: keep, export, cut" },
	{ "job", "bounded spending windows" },
	{ "meter", "what runs, until when it is paid, and what it costs" },
	{ "price", "what a minute costs" },
	{ "operation", "long work and how far it is" },
	{ "policy", "what agents may do: write, test, plan, apply, explain" },
	{ "grant", "who may create, read, update, delete, list and execute" },
	{ "token", "capability tokens of agents, and the keys that sign them" },
	{ "approval", "what waits for a person, and what was approved in advance" },
	{ "audit", "evidence: search, prove, verify, export" },
};

const char *noun_summary(const char *noun)
{
	for (size_t i = 0; i < sizeof(nouns) / sizeof(nouns[0]); i++)
		if (strcmp(nouns[i].noun, noun) == 0)
			return nouns[i].summary;
	return NULL;
}

static const struct command *const groups[] = {
	catalog_stack, catalog_agent,      catalog_people, catalog_policy, catalog_access,
	catalog_audit, catalog_wallet_key, catalog_money,  catalog_self,
};

const struct command *command_table(void)
{
	static struct command table[CATALOG_COMMANDS_MAX];
	size_t count = 0;

	if (table[0].id != COMMAND_NONE)
		return table;
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (const struct command *c = groups[g]; c->id != COMMAND_NONE; c++) {
			ASSERT(count + 1 < CATALOG_COMMANDS_MAX);
			table[count++] = *c;
		}
	return table;
}
