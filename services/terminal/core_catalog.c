/* core_catalog.c: every command, its arguments and options. */
#include "services/terminal/command.h"

#define FLAG(n, h)                                                                                 \
	{                                                                                          \
		.name = (n), .help = (h), .kind = OPTION_FLAG                                      \
	}
#define TEXT(n, v, h)                                                                              \
	{                                                                                          \
		.name = (n), .value = (v), .help = (h), .kind = OPTION_TEXT                        \
	}
#define NEEDED(n, v, h)                                                                            \
	{                                                                                          \
		.name = (n), .value = (v), .help = (h), .kind = OPTION_TEXT, .required = true      \
	}
#define MANY(n, v, h)                                                                              \
	{                                                                                          \
		.name = (n), .value = (v), .help = (h), .kind = OPTION_TEXT, .repeated = true      \
	}
#define PATH(n, h)                                                                                 \
	{                                                                                          \
		.name = (n), .value = "FILE", .help = (h), .kind = OPTION_FILE                     \
	}
#define NEEDED_PATH(n, h)                                                                          \
	{                                                                                          \
		.name = (n), .value = "FILE", .help = (h), .kind = OPTION_FILE, .required = true   \
	}
#define WHOLE(n, v, lo, hi, h)                                                                     \
	{                                                                                          \
		.name = (n), .value = (v), .help = (h), .kind = OPTION_INTEGER, .min = (lo),       \
		.max = (hi)                                                                        \
	}
#define NEEDED_WHOLE(n, v, lo, hi, h)                                                              \
	{                                                                                          \
		.name = (n), .value = (v), .help = (h), .kind = OPTION_INTEGER, .min = (lo),       \
		.max = (hi), .required = true                                                      \
	}
#define FRACTION(n, v, h)                                                                          \
	{                                                                                          \
		.name = (n), .value = (v), .help = (h), .kind = OPTION_NUMBER                      \
	}
#define CHOICE(n, v, c, h)                                                                         \
	{                                                                                          \
		.name = (n), .value = (v), .help = (h), .choices = (c), .kind = OPTION_CHOICE      \
	}
#define NEEDED_CHOICE(n, v, c, h)                                                                  \
	{                                                                                          \
		.name = (n), .value = (v), .help = (h), .choices = (c), .kind = OPTION_CHOICE,     \
		.required = true                                                                   \
	}
#define MANY_CHOICE(n, v, c, h)                                                                    \
	{                                                                                          \
		.name = (n), .value = (v), .help = (h), .choices = (c), .kind = OPTION_CHOICE,     \
		.repeated = true                                                                   \
	}
#define SPAN(n, h)                                                                                 \
	{                                                                                          \
		.name = (n), .value = "DURATION", .help = (h), .kind = OPTION_DURATION             \
	}
#define MOMENT(n, h)                                                                               \
	{                                                                                          \
		.name = (n), .value = "TIME", .help = (h), .kind = OPTION_TIME                     \
	}
#define LIST(...)                                                                                  \
	(const struct option_spec[])                                                               \
	{                                                                                          \
		__VA_ARGS__,                                                                       \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}

#define POSITION_MAX INT64_MAX
#define PAGE_MAX 1000

#define STATES "pending|active|paused|terminated"
#define ROLES "steward|lt_member|approver|auditor|owner"
#define SERVICES "registry|audit|token|approval|policy|gateway"
#define DECISIONS "allow|modify|require_approval|defer|deny"
#define OUTCOMES "success|refused|failed|pending"

#define YES FLAG("yes", "do not ask for confirmation")
#define REASON NEEDED("reason", "TEXT", "why; it is kept as evidence")

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
	{ "operation", "long work and how far it is" },
	{ "audit", "evidence: search, prove, verify, export" },
};

const char *noun_summary(const char *noun)
{
	for (size_t i = 0; i < sizeof(nouns) / sizeof(nouns[0]); i++)
		if (strcmp(nouns[i].noun, noun) == 0)
			return nouns[i].summary;
	return NULL;
}

const struct command commands[] = {
	/* the stack */
	{
		.id = COMMAND_UP,
		.noun = "up",
		.summary = "start the whole system and run the demonstration once",
		.about = "Creates the installation the first time (keys, database cluster, bus),\n"
			 "starts everything under a supervisor and founds the fleet. Repeating it "
			 "is\n"
			 "harmless. The system keeps running when this command ends.",
		.example = "piopl up\nPIOPL_PORT_NATS=5222 piopl up --dev",
		.options = LIST(FLAG("dev", "development mode: the clock can be moved"),
				FLAG("bare", "start only, without the demonstration")),
	},
	{
		.id = COMMAND_DOWN,
		.noun = "down",
		.summary = "stop everything; data stays",
		.example = "piopl down",
	},
	{
		.id = COMMAND_RESET,
		.noun = "reset",
		.summary = "stop everything and forget the data, keys included",
		.example = "piopl reset --yes",
		.options = LIST(YES),
	},
	{
		.id = COMMAND_STATUS,
		.noun = "status",
		.summary = "every part: its state, process, restarts",
		.example = "piopl status\npiopl status --json",
	},
	{
		.id = COMMAND_DOCTOR,
		.noun = "doctor",
		.summary = "check the installation and say what to do",
		.example = "piopl doctor",
	},
	{
		.id = COMMAND_MIGRATE,
		.noun = "migrate",
		.summary = "bring the database's schemas up to this version",
		.about =
			"Applies the numbered migrations that are missing, in a transaction each,\n"
			"under a lock. piopl up does it by itself.",
		.example = "piopl migrate",
	},
	{
		.id = COMMAND_SUPERVISE,
		.noun = "supervise",
		.summary = "keep the parts running, in the foreground",
		.example = "piopl supervise",
		.options = LIST(FLAG("dev", "development mode")),
		.hidden = true,
	},
	{
		.id = COMMAND_CLOCK_SHOW,
		.noun = "clock",
		.verb = "show",
		.summary = "the time every service sees",
		.example = "piopl clock show",
	},
	{
		.id = COMMAND_CLOCK_ADVANCE,
		.noun = "clock",
		.verb = "advance",
		.summary = "move the whole stack's clock forward (development mode)",
		.example = "piopl clock advance 36h",
		.arguments = LIST({ .name = "by",
				    .value = "DURATION",
				    .kind = OPTION_DURATION,
				    .help = "how far: 90s, 15m, 36h, 30d",
				    .required = true }),
	},
	{
		.id = COMMAND_CALL,
		.noun = "call",
		.summary = "make any call of the contract by its name",
		.about = "The body is the request as JSON; the answer is printed as JSON. The "
			 "calls\n"
			 "are in docs/reference.",
		.example = "piopl call registry agent_get '{\"agent_id\":\"piopl_00001\"}'",
		.arguments = LIST({ .name = "service",
				    .value = "NAME",
				    .kind = OPTION_CHOICE,
				    .choices = SERVICES,
				    .help = "whose call it is",
				    .required = true },
				  NEEDED("call", "CALL", "its name, agent_get"),
				  { .name = "body",
				    .value = "JSON",
				    .help = "the request; {} when left out" }),
	},
	{
		.id = COMMAND_PARKED_LIST,
		.noun = "parked",
		.verb = "list",
		.summary = "messages that were set aside, and why",
		.example = "piopl parked list\npiopl parked list --service audit",
		.options = LIST(CHOICE("service", "NAME", SERVICES, "only this service"),
				WHOLE("limit", "N", 1, PAGE_MAX, "at most so many")),
	},
	{
		.id = COMMAND_PARKED_REPLAY,
		.noun = "parked",
		.verb = "replay",
		.summary = "try a message that was set aside again",
		.example = "piopl parked replay audit 17",
		.arguments =
			LIST({ .name = "service",
			       .value = "NAME",
			       .kind = OPTION_CHOICE,
			       .choices = SERVICES,
			       .help = "whose it is",
			       .required = true },
			     NEEDED_WHOLE("id", "N", 1, POSITION_MAX, "its number in the list")),
	},

	/* agents */
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

	/* roles, constitutions, units */
	{
		.id = COMMAND_ROLE_LIST,
		.noun = "role",
		.verb = "list",
		.summary = "all roles",
		.example = "piopl role list",
	},
	{
		.id = COMMAND_ROLE_GET,
		.noun = "role",
		.verb = "get",
		.summary = "one role with its template",
		.example = "piopl role get digital_product_generator",
		.arguments = LIST(NEEDED("role", "ROLE", "its name")),
	},
	{
		.id = COMMAND_ROLE_PUT,
		.noun = "role",
		.verb = "put",
		.summary = "add a role or change one, from a JSON file",
		.about = "The file holds what piopl role get --json prints under \"role\"; a "
			 "revision in\n"
			 "it is the one that is expected to be current.",
		.example = "piopl role get digital_product_generator --json > role.json\n"
			   "piopl role put role.json",
		.arguments = LIST(NEEDED_PATH("file", "JSON, \"-\" for standard input")),
	},
	{
		.id = COMMAND_CONSTITUTION_LIST,
		.noun = "constitution",
		.verb = "list",
		.summary = "all constitutions, newest first",
		.example = "piopl constitution list",
	},
	{
		.id = COMMAND_CONSTITUTION_SHOW,
		.noun = "constitution",
		.verb = "show",
		.summary = "the one in force, or the one with a hash",
		.example = "piopl constitution show\npiopl constitution show --invariants",
		.arguments = LIST(TEXT("hash", "HASH", "sha256:...; the one in force if left out")),
		.options = LIST(FLAG("invariants", "its invariants only")),
	},
	{
		.id = COMMAND_CONSTITUTION_ADD,
		.noun = "constitution",
		.verb = "add",
		.summary = "store a text; it is not in force by that",
		.about = "Lines that begin with **INV-...:** are its invariants, word for word.",
		.example = "piopl constitution add constitution.md --title \"Second constitution\"",
		.arguments = LIST(NEEDED_PATH("file", "the text, UTF-8")),
		.options = LIST(NEEDED("title", "TEXT", "its title")),
	},
	{
		.id = COMMAND_CONSTITUTION_ACTIVATE,
		.noun = "constitution",
		.verb = "activate",
		.summary = "put a stored one in force, signed by the steward",
		.example = "piopl constitution activate sha256:... --reason \"board decision 12\"",
		.arguments = LIST(NEEDED("hash", "HASH", "sha256:...")),
		.options = LIST(REASON, YES, PATH("key", "the steward's key file")),
	},
	{
		.id = COMMAND_UNIT_CREATE,
		.noun = "unit",
		.verb = "create",
		.summary = "add an area, or a team below one",
		.example = "piopl unit create studio.beta --title \"Studio, second team\"",
		.arguments = LIST(NEEDED("path", "PATH", "area or area.team")),
		.options = LIST(NEEDED("title", "TEXT", "its title")),
	},
	{
		.id = COMMAND_UNIT_LIST,
		.noun = "unit",
		.verb = "list",
		.summary = "units by path",
		.example = "piopl unit list --under studio",
		.options = LIST(TEXT("under", "PATH", "this one and everything below"),
				WHOLE("limit", "N", 1, PAGE_MAX, "at most so many")),
	},

	/* people and keys */
	{
		.id = COMMAND_PERSON_LIST,
		.noun = "person",
		.verb = "list",
		.summary = "people and their roles",
		.example = "piopl person list --removed",
		.options = LIST(FLAG("removed", "removed ones too")),
	},
	{
		.id = COMMAND_PERSON_ADD,
		.noun = "person",
		.verb = "add",
		.summary = "add a person, signed by the steward",
		.example = "piopl person add \"Tom Maher\" --role approver --public-key tom.pub",
		.arguments = LIST(NEEDED("name", "NAME", "their name")),
		.options = LIST({ .name = "role",
				  .value = "ROLE",
				  .help = "what they may do",
				  .choices = ROLES,
				  .kind = OPTION_CHOICE,
				  .required = true,
				  .repeated = true },
				TEXT("email", "ADDRESS", "their address"),
				PATH("public-key", "file with their public key"),
				PATH("key", "the steward's key file")),
	},
	{
		.id = COMMAND_PERSON_REMOVE,
		.noun = "person",
		.verb = "remove",
		.summary = "remove a person and end their keys, signed by the steward",
		.example = "piopl person remove per_0190... --reason \"left the company\"",
		.arguments = LIST(NEEDED("person", "ID", "their id")),
		.options = LIST(REASON, YES, PATH("key", "the steward's key file")),
	},
	{
		.id = COMMAND_KEY_GENERATE,
		.noun = "key",
		.verb = "generate",
		.summary = "make a key pair; the secret half never leaves the file",
		.about = "Writes FILE (mode 600, the secret) and FILE.pub (the public half).",
		.example = "piopl key generate tom.key",
		.arguments = LIST(NEEDED_PATH("file", "where the secret goes")),
	},
	{
		.id = COMMAND_KEY_LIST,
		.noun = "key",
		.verb = "list",
		.summary = "keys of people, or of services",
		.example = "piopl key list\npiopl key list --services",
		.options = LIST(TEXT("person", "ID", "only this person's"),
				FLAG("services", "the keys that sign events and checkpoints")),
	},
	{
		.id = COMMAND_KEY_ADD,
		.noun = "key",
		.verb = "add",
		.summary = "add a public key to a person, signed by the steward",
		.example = "piopl key add per_0190... --public-key tom.key.pub",
		.arguments = LIST(NEEDED("person", "ID", "whose it is")),
		.options = LIST(NEEDED_PATH("public-key", "file with the public key"),
				SPAN("for", "valid for so long"),
				PATH("key", "the steward's key file")),
	},
	{
		.id = COMMAND_KEY_REMOVE,
		.noun = "key",
		.verb = "remove",
		.summary = "end a person's key now, signed by the steward",
		.example = "piopl key remove key_0123456789abcdef --reason \"laptop lost\"",
		.arguments = LIST(NEEDED("key-id", "ID", "key_...")),
		.options = LIST(REASON, YES, PATH("key", "the steward's key file")),
	},
	{
		.id = COMMAND_KEY_ROTATE,
		.noun = "key",
		.verb = "rotate",
		.summary = "give a service a new signing key; what it signed stays verifiable",
		.example = "piopl key rotate registry",
		.arguments = LIST({ .name = "service",
				    .value = "NAME",
				    .kind = OPTION_CHOICE,
				    .choices = SERVICES,
				    .help = "whose key",
				    .required = true }),
	},

	/* the kill switch */
	{
		.id = COMMAND_KILL,
		.noun = "kill",
		.summary = "terminate agents for good, signed by the steward",
		.about = "Give exactly one of --agent, --role, --tier, --unit and --fleet. "
			 "Terminated is\n"
			 "final. It asks for the scope to be typed again.",
		.example = "piopl kill --agent piopl_00001 --reason \"sent customer data\"",
		.options = LIST(TEXT("agent", "ID", "this agent"),
				TEXT("role", "ROLE", "every agent of this role"),
				WHOLE("tier", "N", 0, 2, "every agent of this tier"),
				TEXT("unit", "PATH", "every agent of this unit and below"),
				FLAG("fleet", "every agent"), REASON, YES,
				PATH("key", "the steward's key file")),
	},
	{
		.id = COMMAND_OPERATION_SHOW,
		.noun = "operation",
		.verb = "show",
		.summary = "how far a batch is",
		.example = "piopl operation show opn_0190... --watch",
		.arguments = LIST(NEEDED("operation", "ID", "opn_...")),
		.options = LIST(FLAG("watch", "until it has ended")),
	},

	/* evidence */
	{
		.id = COMMAND_AUDIT_QUERY,
		.noun = "audit",
		.verb = "query",
		.summary = "search the evidence",
		.example = "piopl audit query --agent piopl_00001 --since 24h\n"
			   "piopl audit query --decision deny --limit 20",
		.options = LIST(
			TEXT("agent", "ID", "about this agent"),
			TEXT("user", "ID", "for this user"), TEXT("trace", "ID", "of this trace"),
			MOMENT("since", "from this time on"), MOMENT("until", "before this time"),
			TEXT("type", "TYPE", "operations of this type"),
			TEXT("tool", "TOOL", "operations with this tool"),
			CHOICE("decision", "WHAT", DECISIONS, "decided so"),
			CHOICE("outcome", "HOW", OUTCOMES, "ended so"),
			TEXT("domain", "DOMAIN", "of this domain"),
			TEXT("provenance", "TEXT", "of this provenance"),
			FLAG("oldest", "oldest first"),
			WHOLE("limit", "N", 1, PAGE_MAX, "at most so many (50)"),
			TEXT("cursor", "TEXT", "the page after")),
	},
	{
		.id = COMMAND_AUDIT_SHOW,
		.noun = "audit",
		.verb = "show",
		.summary = "one record with its hashes",
		.example = "piopl audit show 42\npiopl audit show evd_0190...",
		.arguments = LIST(NEEDED("record", "ID", "its position, or its evidence id")),
	},
	{
		.id = COMMAND_AUDIT_VERIFY,
		.noun = "audit",
		.verb = "verify",
		.summary = "check the log, a range, a chain or an exported file",
		.about = "With --file it needs nothing but the file and the public key: no "
			 "service, no\n"
			 "network. Any record that was altered, removed, inserted or reordered is "
			 "named\n"
			 "by its position.",
		.example = "piopl audit verify\npiopl audit verify --agent piopl_00001\n"
			   "piopl audit verify --file evidence.jsonl --public-key audit.pub",
		.options = LIST(PATH("file", "an exported file, offline"),
				PATH("public-key", "file with the log's public key; from the "
						   "key list when left out"),
				TEXT("agent", "ID", "only this agent's chain"),
				WHOLE("first", "N", 0, POSITION_MAX, "first position"),
				WHOLE("end", "N", 1, POSITION_MAX, "first position not checked")),
	},
	{
		.id = COMMAND_AUDIT_CHECKPOINT,
		.noun = "audit",
		.verb = "checkpoint",
		.summary = "the latest signed tree head, or the one of a size",
		.example = "piopl audit checkpoint\npiopl audit checkpoint --list",
		.options = LIST(WHOLE("size", "N", 0, POSITION_MAX, "of this size"),
				FLAG("list", "all of them, smallest first"),
				WHOLE("after", "N", 0, POSITION_MAX, "with --list: larger than"),
				FLAG("alarms", "alarms about the log instead")),
	},
	{
		.id = COMMAND_AUDIT_PROOF,
		.noun = "audit",
		.verb = "proof",
		.summary = "prove that a record is in the log, or that the log only grew",
		.example = "piopl audit proof 42\npiopl audit proof --from 100 --to 200",
		.arguments = LIST({ .name = "record",
				    .value = "N",
				    .kind = OPTION_INTEGER,
				    .min = 0,
				    .max = POSITION_MAX,
				    .help = "a record's position" }),
		.options =
			LIST(WHOLE("size", "N", 1, POSITION_MAX, "in the tree of this size"),
			     WHOLE("from", "N", 1, POSITION_MAX, "consistency: the smaller size"),
			     WHOLE("to", "N", 1, POSITION_MAX, "consistency: the larger size")),
	},
	{
		.id = COMMAND_AUDIT_EXPORT,
		.noun = "audit",
		.verb = "export",
		.summary = "records with their proofs as JSON Lines",
		.example = "piopl audit export --output evidence.jsonl",
		.options = LIST(PATH("output", "where to; standard output when left out"),
				WHOLE("first", "N", 0, POSITION_MAX, "first position"),
				WHOLE("end", "N", 1, POSITION_MAX, "first position not exported")),
	},
	{
		.id = COMMAND_AUDIT_IMPORT,
		.noun = "audit",
		.verb = "import",
		.summary = "check an exported file and take its records out of it",
		.example = "piopl audit import evidence.jsonl --output records.jsonl",
		.arguments = LIST(NEEDED_PATH("file", "an exported file")),
		.options = LIST(PATH("output", "the records, one a line"),
				PATH("public-key", "file with the log's public key")),
	},
	{
		.id = COMMAND_AUDIT_WITNESS,
		.noun = "audit",
		.verb = "witness",
		.summary = "cosign the log as a witness, or manage witnesses",
		.about = "A witness keeps the last tree head it saw in a state file, checks that "
			 "the log\n"
			 "only grew, and signs the new one.",
		.example = "piopl audit witness list\n"
			   "piopl audit witness add --name observer.example --public-key w.key.pub "
			   "--reason \"external auditor\"\n"
			   "piopl audit witness sign --name observer.example --key w.key --state "
			   "w.state",
		.arguments = LIST({ .name = "action",
				    .value = "ACTION",
				    .kind = OPTION_CHOICE,
				    .choices = "list|add|end|sign",
				    .required = true,
				    .help = "list, add, end or sign" }),
		.options = LIST(TEXT("name", "NAME", "the witness's name"),
				PATH("public-key", "add, end: file with its public key"),
				TEXT("reason", "TEXT", "add, end: why"),
				PATH("key", "sign: the witness's key file"),
				PATH("state", "sign: file that keeps what was seen last"),
				FLAG("watch", "sign: go on, each second")),
	},
	{
		.id = COMMAND_AUDIT_HOLD,
		.noun = "audit",
		.verb = "hold",
		.summary = "legal holds: what they cover does not expire",
		.example = "piopl audit hold place --agent piopl_00001 --reason \"case 2026-12\"\n"
			   "piopl audit hold list\npiopl audit hold release hld_0190... --reason "
			   "closed",
		.arguments = LIST({ .name = "action",
				    .value = "ACTION",
				    .kind = OPTION_CHOICE,
				    .choices = "list|place|release",
				    .required = true,
				    .help = "list, place or release" },
				  TEXT("hold", "ID", "release: hld_...")),
		.options = LIST(TEXT("domain", "DOMAIN", "place: records of this domain"),
				TEXT("agent", "ID", "place: records of this agent"),
				MOMENT("since", "place: from this time on"),
				MOMENT("until", "place: before this time"),
				TEXT("reason", "TEXT", "why"),
				FLAG("released", "list: released ones too")),
	},
	{
		.id = COMMAND_AUDIT_RETENTION,
		.noun = "audit",
		.verb = "retention",
		.summary = "how long the records of each domain are kept",
		.example = "piopl audit retention list\n"
			   "piopl audit retention set --domain finance --days 2557 --reason law\n"
			   "piopl audit retention partitions",
		.arguments = LIST({ .name = "action",
				    .value = "ACTION",
				    .kind = OPTION_CHOICE,
				    .choices = "list|set|partitions",
				    .required = true,
				    .help = "list, set or partitions" }),
		.options = LIST(TEXT("domain", "DOMAIN", "set, partitions: this domain"),
				WHOLE("days", "N", 1, 36525, "set: how long"),
				TEXT("reason", "TEXT", "set: why")),
	},

	/* the command line itself */
	{
		.id = COMMAND_COMPLETION,
		.noun = "completion",
		.summary = "print the shell's completion",
		.example = "source <(piopl completion bash)",
		.arguments = LIST({ .name = "shell",
				    .value = "SHELL",
				    .kind = OPTION_CHOICE,
				    .choices = "bash",
				    .required = true,
				    .help = "bash" }),
	},
	{
		.id = COMMAND_MAN,
		.noun = "man",
		.summary = "print the manual page (troff)",
		.example = "piopl man > piopl.1\npiopl man | man -l -",
	},
	{
		.id = COMMAND_HELP,
		.noun = "help",
		.summary = "this list",
		.example = "piopl help",
	},
	{
		.id = COMMAND_VERSION,
		.noun = "version",
		.summary = "the version of this program",
		.example = "piopl version --json",
	},
	{ .id = COMMAND_NONE },
};
