/* core_catalog_policy.c: policy documents, grants, and the questions around decisions. */
#include "services/terminal/catalog.h"

#define WHAT                                                                                       \
	NEEDED("what", "PATH|ID", "a file, a folder of *.yaml files, or a stored document's id")
#define RETIRE MANY("retire", "ID", "take this document out of force with it")
#define PERSON_KEY PATH("key", "key file of the person who does it; the steward's when left out")
#define ACTIVATION                                                                                 \
	FLAG("ask", "ask people to approve it, where the root's documents want that"),             \
		TEXT("approval", "ID", "what people approved of exactly this")
#define LEVELS "FULL|READ-WRITE|READONLY|SAFE|NO-SEND|NO-DELETE"
#define OPERATIONS "create|read|update|delete|list|execute"

/* What an agent would do. */
#define ACTION                                                                                     \
	TEXT("resource", "NAME", "on what"),                                                       \
		TEXT("amount", "AMOUNT", "the money it moves, as \"10.00 GBP\""),                  \
		FRACTION("confidence", "N", "how sure the agent is, 0 to 1"),                      \
		MANY("data-in", "CLASS", "a class of data it reads"),                              \
		MANY("data-out", "CLASS", "a class of data that leaves"),                          \
		TEXT("endpoint", "NAME", "where it sends to"),                                     \
		TEXT("for", "USER", "the person it acts for"),                                     \
		TEXT("hash", "HASH", "SHA-256 of its parameters; of nothing when left out"),       \
		TEXT("context", "JSON", "more about it: {\"pages\": 3}"),                          \
		PATH("token", "file with its capability token"),                                   \
		PATH("holder-key", "key file of the token's holder, for the proof"),               \
		TEXT("approval", "ID", "the approval it was given")

const struct command catalog_policy[] = {
	{
		.id = COMMAND_POLICY_VALIDATE,
		.noun = "policy",
		.verb = "validate",
		.summary = "read documents and say what is wrong with them; nothing is stored",
		.about =
			"Each document is held against what is in force above its place: one that "
			"would\n"
			"allow what a level above denies is refused, with a request that shows it.",
		.example = "piopl policy validate team.yaml\npiopl policy validate policies/",
		.arguments = LIST(NEEDED_PATH("what", "a file, or a folder of *.yaml files")),
	},
	{
		.id = COMMAND_POLICY_TEST,
		.noun = "policy",
		.verb = "test",
		.summary = "run the tests of a folder, offline, with coverage of rules",
		.about = "Documents are the folder's *.yaml, tests its *.test.yaml. No system has "
			 "to run.",
		.example = "piopl policy test services/policy/catalog",
		.arguments = LIST(NEEDED_PATH("folder", "documents and tests")),
	},
	{
		.id = COMMAND_POLICY_PUT,
		.noun = "policy",
		.verb = "put",
		.summary = "store documents as drafts; they are not in force by that",
		.example = "piopl policy put team.yaml --note \"after the review\"",
		.arguments = LIST(NEEDED_PATH("what", "a file, or a folder of *.yaml files")),
		.options = LIST(TEXT("note", "TEXT", "a remark that is kept"), PERSON_KEY),
	},
	{
		.id = COMMAND_POLICY_PLAN,
		.noun = "policy",
		.verb = "plan",
		.summary = "what documents would change, judged against recorded decisions",
		.about = "Files are stored as drafts where they differ from what is stored. "
			 "Nothing is put\nin force.",
		.example = "piopl policy plan team.yaml\npiopl policy plan policies/ --retire "
			   "old-rules",
		.arguments = LIST(WHAT),
		.options = LIST(RETIRE, PERSON_KEY),
	},
	{
		.id = COMMAND_POLICY_APPLY,
		.noun = "policy",
		.verb = "apply",
		.summary = "put documents in force, all at once, as one new version",
		.about = "Shows the plan and asks. It needs the steward's role; the key says who "
			 "asks.",
		.example = "piopl policy apply team.yaml --reason \"spring rules\"",
		.arguments = LIST(WHAT),
		.options = LIST(REASON, ACTIVATION, RETIRE, YES, PERSON_KEY),
	},
	{
		.id = COMMAND_POLICY_SHADOW,
		.noun = "policy",
		.verb = "shadow",
		.summary = "have documents evaluated and recorded beside the real verdict",
		.example = "piopl policy shadow team.yaml --reason \"a week of looking\"",
		.arguments = LIST(WHAT),
		.options = LIST(REASON, ACTIVATION, PERSON_KEY),
	},
	{
		.id = COMMAND_POLICY_RETIRE,
		.noun = "policy",
		.verb = "retire",
		.summary = "take a document out of force, or out of shadow",
		.example = "piopl policy retire team-tools --reason \"replaced\"",
		.arguments = LIST(NEEDED("document", "ID", "its id")),
		.options = LIST(REASON, ACTIVATION, YES, PERSON_KEY),
	},
	{
		.id = COMMAND_POLICY_ROLLBACK,
		.noun = "policy",
		.verb = "rollback",
		.summary = "put the documents of an earlier version in force again",
		.example = "piopl policy rollback 3 --reason \"too strict\"",
		.arguments =
			LIST(NEEDED_WHOLE("version", "N", 0, POSITION_MAX, "see: policy versions")),
		.options = LIST(REASON, ACTIVATION, YES, PERSON_KEY),
	},
	{
		.id = COMMAND_POLICY_VERSIONS,
		.noun = "policy",
		.verb = "versions",
		.summary = "what was in force when, newest first",
		.example = "piopl policy versions",
		.options = LIST(WHOLE("limit", "N", 1, PAGE_MAX, "at most so many (20)")),
	},
	{
		.id = COMMAND_POLICY_LIST,
		.noun = "policy",
		.verb = "list",
		.summary = "documents by id",
		.example =
			"piopl policy list\npiopl policy list --state active --node studio.alpha",
		.options = LIST(CHOICE("state", "STATE", "draft|simulate|active|retired",
				       "only in this state"),
				TEXT("node", "NODE", "only of root, this unit or this agent")),
	},
	{
		.id = COMMAND_POLICY_SHOW,
		.noun = "policy",
		.verb = "show",
		.summary = "one document with its text",
		.example = "piopl policy show root-tools",
		.arguments = LIST(NEEDED("document", "ID", "its id")),
		.options =
			LIST(WHOLE("revision", "N", 1, POSITION_MAX, "the newest when left out")),
	},
	{
		.id = COMMAND_POLICY_EXPLAIN,
		.noun = "policy",
		.verb = "explain",
		.summary = "why a decision came out as it did, level by level",
		.example = "piopl policy explain evd_01a22b50-1d98-728e-a7ec-3af6fc4c4048",
		.arguments = LIST(NEEDED("decision", "ID", "its evidence id, evd_...")),
	},
	{
		.id = COMMAND_POLICY_TRY,
		.noun = "policy",
		.verb = "try",
		.summary = "what would be decided about an action now; nothing is recorded",
		.example = "piopl policy try piopl_00001 trend.scan --token token.txt",
		.arguments = LIST(NEEDED("agent", "ID", "who would do it"),
				  NEEDED("tool", "TOOL", "with which tool")),
		.options = LIST(ACTION),
	},
	{
		.id = COMMAND_POLICY_DECIDE,
		.noun = "policy",
		.verb = "decide",
		.summary = "decide about an action as a caller does, with its evidence",
		.example =
			"piopl policy decide piopl_00001 template.make --confidence 0.95 --token "
			"token.txt",
		.arguments = LIST(NEEDED("agent", "ID", "who would do it"),
				  NEEDED("tool", "TOOL", "with which tool")),
		.options = LIST(ACTION, FLAG("ask", "ask a person when one is needed")),
	},
	{
		.id = COMMAND_POLICY_WHAT_MAY,
		.noun = "policy",
		.verb = "what-may",
		.summary = "what an agent may do: each tool a document names, with the verdict",
		.example = "piopl policy what-may piopl_00001",
		.arguments = LIST(NEEDED("agent", "ID", "the agent")),
		.options = LIST(TEXT("resource", "NAME", "on this resource"),
				TEXT("for", "USER", "acting for this person")),
	},
	{
		.id = COMMAND_POLICY_WHO_MAY,
		.noun = "policy",
		.verb = "who-may",
		.summary = "which agents may use a tool",
		.example = "piopl policy who-may template.make --resource templates.spring",
		.arguments = LIST(NEEDED("tool", "TOOL", "the tool")),
		.options = LIST(TEXT("resource", "NAME", "on this resource"),
				WHOLE("limit", "N", 1, PAGE_MAX, "at most so many (100)"),
				TEXT("after", "ID", "the page after this agent")),
	},
	{
		.id = COMMAND_POLICY_TOUCHING,
		.noun = "policy",
		.verb = "touching",
		.summary = "which rules in force speak of a tool, a resource or a class of data",
		.example = "piopl policy touching --tool payment.send\n"
			   "piopl policy touching --data pii.name",
		.options =
			LIST(TEXT("tool", "TOOL", "a tool"), TEXT("resource", "NAME", "a resource"),
			     TEXT("data", "CLASS", "a class of data")),
	},
	{
		.id = COMMAND_POLICY_REPLAY,
		.noun = "policy",
		.verb = "replay",
		.summary = "run a draft against recorded decisions and list the differences",
		.example = "piopl policy replay team-tools --limit 1000",
		.arguments = LIST(NEEDED("document", "ID", "its id")),
		.options = LIST(WHOLE("revision", "N", 1, POSITION_MAX, "the newest when left out"),
				WHOLE("limit", "N", 1, 10000, "how many decisions (1,000)")),
	},
	{
		.id = COMMAND_GRANT_LIST,
		.noun = "grant",
		.verb = "list",
		.summary = "who is granted which operations, and what tools do",
		.example = "piopl grant list\npiopl grant list --resource templates.spring",
		.options = LIST(TEXT("resource", "NAME", "only grants over this resource"),
				TEXT("tool", "TOOL", "only what is declared of this tool")),
	},
	{
		.id = COMMAND_GRANT_ADD,
		.noun = "grant",
		.verb = "add",
		.summary = "put one grant in force, as a document of its own",
		.about = "Give one of --agent, --role, --unit and --user. A --deny wins over every "
			 "grant;\n"
			 "--standing is for agents that act for nobody.",
		.example =
			"piopl grant add studio-templates --node studio --unit studio --resource "
			"\"templates.*\" --level SAFE --reason \"spring\"",
		.arguments = LIST(NEEDED("grant", "ID", "the document's id")),
		.options = LIST(TEXT("node", "NODE",
				     "where it counts: root (when left out), a unit, "
				     "an agent"),
				TEXT("agent", "ID", "an agent, by id or name"),
				TEXT("role", "ROLE", "agents of this role"),
				TEXT("unit", "PATH", "agents of this unit and below"),
				TEXT("user", "USER", "a person agents act for"),
				FLAG("standing", "also when it acts for nobody"),
				NEEDED("resource", "PATTERN", "over what"),
				CHOICE("level", "LEVEL", LEVELS, "a level"),
				MANY_CHOICE("operation", "OP", OPERATIONS, "a single operation"),
				FLAG("deny", "take away instead"), REASON, ACTIVATION, YES,
				PERSON_KEY),
	},
	{
		.id = COMMAND_GRANT_REMOVE,
		.noun = "grant",
		.verb = "remove",
		.summary = "take a grant's document out of force",
		.example = "piopl grant remove studio-templates --reason \"spring is over\"",
		.arguments = LIST(NEEDED("document", "ID", "the document's id")),
		.options = LIST(REASON, ACTIVATION, YES, PERSON_KEY),
	},
	{ .id = COMMAND_NONE },
};
