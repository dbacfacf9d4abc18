/* core_catalog_agent.c: the fleet. */
#include "services/terminal/catalog.h"

/* What narrows an inventory. */
#define AGENT_FILTER                                                                               \
	TEXT("role", "ROLE", "only this role"), WHOLE("tier", "N", 0, 2, "only this tier"),        \
		TEXT("unit", "PATH", "this unit and everything below it"),                         \
		CHOICE("state", "STATE", STATES, "only this state"),                               \
		TEXT("owner", "NAME", "only this owner"),                                          \
		FRACTION("score-min", "N", "behaviour score of at least"),                         \
		FRACTION("score-max", "N", "behaviour score of at most"),                          \
		TEXT("capability", "NAME", "holding this capability scope or token"),              \
		FLAG("must-restart", "bound to another constitution than the one in force")

/* The parts of a profile; what is left out comes from the role. */
#define PROFILE                                                                                    \
	MANY("scope", "NAME", "a capability scope it may be given tokens for"),                    \
		MANY("send-to", "ENDPOINT", "an endpoint it may send to"),                         \
		MANY("never-send", "KIND", "one more kind of data it never sends"),                \
		TEXT("spend", "AMOUNT", "most it may spend in a day, as \"10.00 GBP\""),           \
		FRACTION("floor", "N", "output confidence below which it halts, 0 to 1"),          \
		MANY("invariant", "ID", "an invariant it enforces"),                               \
		CHOICE("earning", "MODEL", "revenue_share|fixed_stipend|hybrid", "earning model"), \
		WHOLE("share", "PCT", 0, 100, "percentage kept by the house"),                     \
		TEXT("account", "ACCOUNT", "where its earnings are settled; a profile needs one")

const struct command catalog_agent[] = {
	{
		.id = COMMAND_AGENT_CREATE,
		.noun = "agent",
		.verb = "create",
		.summary = "register one agent; it is pending until it is activated",
		.example = "piopl agent create ContentCrafter --role digital_product_generator "
			   "--unit studio.alpha --owner andy@css --account ledger:studio",
		.arguments = LIST(NEEDED("name", "NAME", "its label")),
		.options = LIST(NEEDED("role", "ROLE", "its role"),
				NEEDED("unit", "PATH", "its place: area.team"),
				NEEDED("owner", "NAME", "who is responsible for it"),
				WHOLE("tier", "N", 0, 2, "must be its role's"), PROFILE),
	},
	{
		.id = COMMAND_AGENT_BATCH,
		.noun = "agent",
		.verb = "batch",
		.summary = "register many agents in one call",
		.about = "The agents are named PREFIX_00001, PREFIX_00002 and so on. The work goes "
			 "on\n"
			 "when this command is interrupted; see piopl operation show.",
		.example = "piopl agent batch 25000 --prefix Crafter --role "
			   "digital_product_generator --unit studio.alpha --owner andy@css "
			   "--account ledger:studio",
		.arguments = LIST(NEEDED_WHOLE("count", "N", 1, 25000, "how many, to 25,000")),
		.options = LIST(NEEDED("prefix", "TEXT", "what their names begin with"),
				NEEDED("role", "ROLE", "their role"),
				NEEDED("unit", "PATH", "their place: area.team"),
				NEEDED("owner", "NAME", "who is responsible for them"),
				WHOLE("tier", "N", 0, 2, "must be the role's"),
				FLAG("no-wait", "do not wait for the end"), PROFILE),
	},
	{
		.id = COMMAND_AGENT_GET,
		.noun = "agent",
		.verb = "get",
		.summary = "one agent with its whole profile, now or as of a time",
		.example = "piopl agent get piopl_00001\npiopl agent get piopl_00001 --as-of 24h",
		.arguments = LIST(NEEDED("agent", "ID", "its id")),
		.options = LIST(MOMENT("as-of", "the profile of that time")),
	},
	{
		.id = COMMAND_AGENT_LIST,
		.noun = "agent",
		.verb = "list",
		.summary = "the inventory, filtered and sorted",
		.example = "piopl agent list --unit studio --state active --sort score",
		.options = LIST(
			AGENT_FILTER, CHOICE("sort", "BY", "id|name|score|created", "sorted by"),
			FLAG("descending", "largest first"),
			WHOLE("limit", "N", 1, PAGE_MAX, "a page of so many (100)"),
			TEXT("cursor", "TEXT", "the page after"), FLAG("all", "every page")),
	},
	{
		.id = COMMAND_AGENT_COUNT,
		.noun = "agent",
		.verb = "count",
		.summary = "how many agents there are",
		.example = "piopl agent count --state active",
		.options = LIST(AGENT_FILTER),
	},
	{
		.id = COMMAND_AGENT_UPDATE,
		.noun = "agent",
		.verb = "update",
		.summary = "change a profile; its version is raised",
		.about = "Without --expect the version that is current now is expected, so that a\n"
			 "change made by someone else in between is never overwritten unseen.",
		.example = "piopl agent update piopl_00001 --name ContentCrafter_Beta",
		.arguments = LIST(NEEDED("agent", "ID", "its id")),
		.options =
			LIST(TEXT("expect", "VERSION", "refuse unless this version is current"),
			     TEXT("name", "NAME", "its label"), TEXT("role", "ROLE", "its role"),
			     TEXT("unit", "PATH", "its place: area.team"),
			     TEXT("owner", "NAME", "who is responsible for it"),
			     WHOLE("tier", "N", 0, 2, "must be its role's"),
			     TEXT("constitution", "HASH", "bind it to the one in force"), PROFILE),
	},
	{
		.id = COMMAND_AGENT_VERSIONS,
		.noun = "agent",
		.verb = "versions",
		.summary = "the versions of one profile, newest first",
		.example = "piopl agent versions piopl_00001",
		.arguments = LIST(NEEDED("agent", "ID", "its id")),
		.options = LIST(WHOLE("limit", "N", 1, PAGE_MAX, "at most so many"),
				MOMENT("before", "made before this time")),
	},
	{
		.id = COMMAND_AGENT_ACTIVATE,
		.noun = "agent",
		.verb = "activate",
		.summary = "pending to active, signed by the steward",
		.example = "piopl agent activate piopl_00001 --reason \"first of the studio\"",
		.arguments = LIST(NEEDED("agent", "ID", "its id")),
		.options = LIST(REASON, PATH("key", "the steward's key file")),
	},
	{
		.id = COMMAND_AGENT_PAUSE,
		.noun = "agent",
		.verb = "pause",
		.summary = "freeze an active agent; its state is kept",
		.example = "piopl agent pause piopl_00001 --reason \"odd listings\"",
		.arguments = LIST(NEEDED("agent", "ID", "its id")),
		.options = LIST(REASON),
	},
	{
		.id = COMMAND_AGENT_RESUME,
		.noun = "agent",
		.verb = "resume",
		.summary = "paused to active again",
		.example = "piopl agent resume piopl_00001 --reason \"listings checked\" --sign",
		.arguments = LIST(NEEDED("agent", "ID", "its id")),
		.options = LIST(REASON, FLAG("sign", "sign it; needed after an automatic pause"),
				PATH("key", "the steward's key file")),
	},
	{
		.id = COMMAND_AGENT_THROTTLE,
		.noun = "agent",
		.verb = "throttle",
		.summary = "set or clear the throttle of an active agent",
		.example = "piopl agent throttle piopl_00001 on --reason \"score fell\"",
		.arguments = LIST(NEEDED("agent", "ID", "its id"), { .name = "switch",
								     .value = "on|off",
								     .kind = OPTION_CHOICE,
								     .choices = "on|off",
								     .help = "on or off",
								     .required = true }),
		.options = LIST(REASON),
	},
	{
		.id = COMMAND_AGENT_EXPORT,
		.noun = "agent",
		.verb = "export",
		.summary = "the inventory as CSV or JSON Lines",
		.example = "piopl agent export --format csv --output fleet.csv",
		.options = LIST(NEEDED_CHOICE("format", "FORMAT", "csv|json", "its form"),
				PATH("output", "where to; standard output when left out"),
				AGENT_FILTER),
	},
	{ .id = COMMAND_NONE },
};
