/* core_catalog_access.c: capability tokens, approvals, and who one is over HTTP. */
#include "services/terminal/catalog.h"

#define RISKS "low|medium|high|critical"
#define OPERATIONS "create|read|update|delete|list|execute"
#define REQUEST_STATES "pending|approved|rejected|expired|withdrawn|consumed|lapsed"
#define JUDGE_KEY PATH("key", "your key file; the steward's when left out")

const struct command catalog_access[] = {
	/* tokens */
	{
		.id = COMMAND_TOKEN_ISSUE,
		.noun = "token",
		.verb = "issue",
		.summary = "give an agent a capability; its text is shown once",
		.about = "A token is not permission: policy still decides each time. High and "
			 "critical\n"
			 "ones are bound to the agent's own key.",
		.example =
			"piopl token issue piopl_00001 --scope trend_scan --output token.txt\n"
			"piopl token issue piopl_00001 --scope trend_scan --holder agent.key.pub "
			"--for 7d",
		.arguments = LIST(NEEDED("agent", "ID", "whose it is")),
		.options = LIST({ .name = "scope",
				  .value = "NAME",
				  .help = "what for; its role's template lists it",
				  .kind = OPTION_TEXT,
				  .required = true,
				  .repeated = true },
				CHOICE("risk", "RISK", RISKS, "low when left out"),
				SPAN("for", "how long it lives (30d)"),
				MANY("endpoint", "NAME", "an endpoint it reaches; no others"),
				TEXT("spend", "AMOUNT", "most that is spent with it in a day"),
				PATH("holder", "file with the public key it is bound to"),
				FLAG("renew", "the service makes its successor before it ends"),
				PATH("output", "file for its text, mode 600; shown when left out")),
	},
	{
		.id = COMMAND_TOKEN_LIST,
		.noun = "token",
		.verb = "list",
		.summary = "tokens by id",
		.example = "piopl token list --agent piopl_00001 --state live",
		.options =
			LIST(TEXT("agent", "ID", "only this agent's"),
			     TEXT("scope", "NAME", "only with this scope"),
			     CHOICE("state", "STATE", "live|revoked|expired", "only in this state"),
			     WHOLE("limit", "N", 1, 500, "at most so many (100)"),
			     TEXT("after", "ID", "the page after this token")),
	},
	{
		.id = COMMAND_TOKEN_SHOW,
		.noun = "token",
		.verb = "show",
		.summary = "every field of a token, its chain, and why it would be refused now",
		.about = "An id shows what is kept; a token's text, or a file with it, is verified "
			 "as any\n"
			 "receiver does, with the chain of those it was handed on by.",
		.example = "piopl token show tok_01a22b50-1d98-728e-a7ec-3af6fc4c4048\n"
			   "piopl token show token.txt --scope trend_scan",
		.arguments =
			LIST(NEEDED("token", "ID|FILE", "tok_..., a file, \"-\", or its text")),
		.options = LIST(TEXT("agent", "ID", "would it be good for this agent"),
				TEXT("scope", "NAME", "would it be good for this scope"),
				TEXT("endpoint", "NAME", "would it reach this endpoint")),
	},
	{
		.id = COMMAND_TOKEN_REVOKE,
		.noun = "token",
		.verb = "revoke",
		.summary = "end tokens now, everywhere",
		.about = "Give exactly one of --token, --agent, --scope, --key-id and --before.",
		.example = "piopl token revoke --agent piopl_00001 --reason \"laptop lost\"\n"
			   "piopl token revoke --before 1h --reason \"a leak\" --yes",
		.options = LIST(TEXT("token", "ID", "this token"),
				TEXT("agent", "ID", "all of this agent"),
				TEXT("scope", "NAME", "all with this scope"),
				TEXT("key-id", "ID", "all signed with this key, which ends too"),
				MOMENT("before", "all that were issued until then"), REASON, YES),
	},
	{
		.id = COMMAND_TOKEN_KEYS,
		.noun = "token",
		.verb = "keys",
		.summary = "the public keys that verify tokens",
		.example = "piopl token keys --all",
		.options = LIST(FLAG("all", "retired ones too whose tokens have all expired")),
	},
	{
		.id = COMMAND_TOKEN_ROTATE,
		.noun = "token",
		.verb = "rotate",
		.summary = "make the next signing key the active one now",
		.example = "piopl token rotate --reason \"every quarter\" --yes",
		.options = LIST(REASON, YES),
	},

	/* approvals */
	{
		.id = COMMAND_APPROVAL_LIST,
		.noun = "approval",
		.verb = "list",
		.summary = "what waits for a person, oldest first",
		.example = "piopl approval list\npiopl approval list --mine --key bob.key",
		.options = LIST(CHOICE("state", "STATE", REQUEST_STATES, "in this state (pending)"),
				TEXT("agent", "ID", "only of this agent"),
				FLAG("mine", "only what the key's person is asked about"),
				WHOLE("limit", "N", 1, 32, "at most so many (20)"),
				TEXT("after", "ID", "the page after this request"), JUDGE_KEY),
	},
	{
		.id = COMMAND_APPROVAL_SHOW,
		.noun = "approval",
		.verb = "show",
		.summary = "one request with everything that is needed to judge it",
		.example =
			"piopl approval show apr_01a22b50-1d98-728e-a7ec-3af6fc4c4048 --wait 10m",
		.arguments = LIST(NEEDED("request", "ID", "apr_...")),
		.options = LIST(SPAN("wait", "wait so long for its end")),
	},
	{
		.id = COMMAND_APPROVAL_APPROVE,
		.noun = "approval",
		.verb = "approve",
		.summary = "let exactly this action through once, signed with your key",
		.example = "piopl approval approve apr_01a22b50-1d98-728e-a7ec-3af6fc4c4048 --key "
			   "bob.key --comment \"invoice checked\"",
		.arguments = LIST(NEEDED("request", "ID", "apr_...")),
		.options = LIST(TEXT("comment", "TEXT", "is signed with it"), YES, JUDGE_KEY),
	},
	{
		.id = COMMAND_APPROVAL_REJECT,
		.noun = "approval",
		.verb = "reject",
		.summary = "abort the action, signed with your key",
		.example = "piopl approval reject apr_01a22b50-1d98-728e-a7ec-3af6fc4c4048 --key "
			   "bob.key --comment \"wrong account\"",
		.arguments = LIST(NEEDED("request", "ID", "apr_...")),
		.options = LIST(TEXT("comment", "TEXT", "is signed with it"), YES, JUDGE_KEY),
	},
	{
		.id = COMMAND_APPROVAL_PREAPPROVE,
		.noun = "approval",
		.verb = "preapprove",
		.summary = "approve a bounded number of like actions in advance, signed",
		.example = "piopl approval preapprove --agent piopl_00001 --tool template.publish "
			   "--operation create --resource \"templates/spring/*\" --each \"0 GBP\" "
			   "--total \"0 GBP\" --uses 10 --for 7d --reason spring --key bob.key",
		.options =
			LIST(TEXT("agent", "ID", "this agent; or --unit"),
			     TEXT("unit", "PATH", "agents of this unit and below"),
			     NEEDED("tool", "TOOL", "one tool"),
			     NEEDED_CHOICE("operation", "OP", OPERATIONS, "what it does"),
			     NEEDED("resource", "PATTERN", "three fixed characters first, then *"),
			     NEEDED("each", "AMOUNT", "most at once"),
			     NEEDED("total", "AMOUNT", "most all together"),
			     NEEDED_WHOLE("uses", "N", 1, 1000000, "how often"),
			     { .name = "for",
			       .value = "DURATION",
			       .kind = OPTION_DURATION,
			       .help = "for how long",
			       .required = true },
			     REASON, YES, JUDGE_KEY),
	},
	{
		.id = COMMAND_APPROVAL_PREAPPROVALS,
		.noun = "approval",
		.verb = "preapprovals",
		.summary = "pre-approvals and what is left of them",
		.example = "piopl approval preapprovals --ended",
		.options = LIST(TEXT("agent", "ID", "only of this agent"),
				FLAG("ended", "those too that ended or are used up")),
	},
	{
		.id = COMMAND_APPROVAL_REVOKE,
		.noun = "approval",
		.verb = "revoke",
		.summary = "end a pre-approval now, signed; or take a request back",
		.example =
			"piopl approval revoke pre_01a22b50-1d98-728e-a7ec-3af6fc4c4048 --reason "
			"\"spring is over\" --key bob.key",
		.arguments = LIST(NEEDED("id", "ID", "pre_..., or apr_... of a request")),
		.options = LIST(REASON, YES, JUDGE_KEY),
	},

	/* over HTTP */
	{
		.id = COMMAND_LOGIN,
		.noun = "login",
		.summary = "make an API key for the HTTP door and keep it in a file, mode 600",
		.about = "It speaks for the person of the key file, or for --agent or --service. A "
			 "key that\n"
			 "was kept before is replaced; the old one goes on until it is revoked.",
		.example = "piopl login --scope decisions:write --scope approvals:read\n"
			   "piopl login --agent piopl_00001 --scope decisions:write --output "
			   "agent.door",
		.options =
			LIST(MANY("scope", "SCOPE", "what it may do; every reading when left out"),
			     SPAN("for", "how long it lives (90d)"),
			     TEXT("agent", "ID", "it speaks for this agent"),
			     TEXT("service", "NAME", "it speaks for a program of yours"),
			     PATH("output", "where to keep it"), JUDGE_KEY),
	},
	{
		.id = COMMAND_WHOAMI,
		.noun = "whoami",
		.summary = "who the kept API key speaks for over HTTP, and what it may do",
		.example = "piopl whoami\npiopl whoami --file agent.door --json",
		.options = LIST(PATH("file", "the file that login wrote")),
	},
	{ .id = COMMAND_NONE },
};
