/* core_catalog_audit.c: evidence. */
#include "services/terminal/catalog.h"

const struct command catalog_audit[] = {
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
		.example = "piopl audit checkpoint\npiopl audit checkpoint --list\n"
			   "piopl audit checkpoint --key",
		.options = LIST(WHOLE("size", "N", 0, POSITION_MAX, "of this size"),
				FLAG("list", "all of them, smallest first"),
				WHOLE("after", "N", 0, POSITION_MAX, "with --list: larger than"),
				FLAG("alarms", "alarms about the log instead"),
				FLAG("key", "the log's public keys instead, a line each, as "
					    "auditors and witnesses take them")),
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
	{ .id = COMMAND_NONE },
};
