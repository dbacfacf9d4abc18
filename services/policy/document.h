/* document.h: policy documents. A document is one YAML text that says one type of thing about one
 * place of the hierarchy; loading it checks every word of it and compiles its conditions. What is
 * loaded is flat, is never changed, and points into its own arena only.
 *
 * Inside a document, statements about the same name add up; a name that one pattern allows and
 * another denies is denied, however specific either is. */
#ifndef PIOPL_POLICY_DOCUMENT_H
#define PIOPL_POLICY_DOCUMENT_H

#include "condition.h"
#include "yaml_document.h"

#define DOCUMENT_BYTES_MAX YAML_BYTES_MAX
#define DOCUMENT_RULES_MAX 1000
#define DOCUMENT_LIST_MAX 256 /* names in one list of a rule */
#define DOCUMENT_CALENDARS_MAX 16
#define DOCUMENT_SETS_MAX 64
#define DOCUMENT_ARENA_BYTES_MAX (16 * 1024 * 1024)
#define TOOL_INDEX_MAX 4096
#define APPROVERS_MAX 10 /* people that a rule may want */

/* A role of people as a bit: the role's number in the contract. */
#define APPROVER_BIT(role) (1u << (unsigned)(role))
#define APPROVER_ROLES_ALL 0x3eu

enum policy_type {
	POLICY_TOOL_ACCESS,
	POLICY_DATA_ACCESS,
	POLICY_TEMPORAL,
	POLICY_IDENTITY,
	POLICY_VALIDATION,
	POLICY_CRUDLEX,
	POLICY_TYPE_COUNT,
};

/* Growing strictness: the meet of verdicts is their maximum, and silence is its neutral element. */
enum verdict {
	VERDICT_SILENT,
	VERDICT_ALLOW,
	VERDICT_MODIFY,
	VERDICT_REQUIRE_APPROVAL,
	VERDICT_DEFER,
	VERDICT_DENY,
};

enum choice { CHOICE_UNSAID, CHOICE_NO, CHOICE_YES };

enum place_kind { PLACE_ROOT, PLACE_UNIT, PLACE_AGENT };

struct str_list {
	const struct str *items;
	size_t count;
};

struct rate_limit {
	int64_t count; /* 0: none */
	int64_t per_ms;
};

enum detection_action {
	DETECTION_NONE,
	DETECTION_BLOCK,
	DETECTION_BLOCK_AND_ALERT,
	DETECTION_TOKENIZE,
	DETECTION_MASK,
	DETECTION_ESCALATE,
};

/* Who approves: so many different people who hold one of the roles. */
struct approvers_said {
	uint8_t roles;
	uint8_t count; /* 0: nothing is said of it */
};

/* One statement. Which members count depends on the document's type. What deciding reads most
 * stands first. */
struct rule {
	enum choice allow;
	enum choice require_approval;
	bool has_condition;
	bool has_amount_max;
	bool defer;
	bool read, write;                /* data-access: what `allow` says */
	struct approvers_said approvers; /* with require_approval */
	struct str_list scope;           /* tool-access: resources; empty: any */
	struct str_list tools;           /* temporal: empty: any */
	struct rate_limit rate;
	int64_t amount_max; /* millionths */
	struct condition condition;
	enum choice tokenize;
	enum detection_action action;
	int64_t threshold;       /* millionths; -1: none */
	struct str name;         /* pattern of a tool, of a data class; a validation */
	struct str_list classes; /* validation */
	uint32_t line;
	uint32_t number; /* from 1, in its document */
	uint32_t group;  /* rules of one name */
};

/* Rules that name the same pattern, side by side in `rules` of the document. */
struct rule_group {
	struct str name;
	uint32_t first, count;
};

/* Which groups speak of a tool. */
struct tool_entry {
	uint64_t hash; /* 0: empty place */
	struct str tool;
	uint32_t first, count; /* in tool_groups */
};

enum crudlex_operation {
	CRUDLEX_CREATE = 1,
	CRUDLEX_READ = 2,
	CRUDLEX_UPDATE = 4,
	CRUDLEX_DELETE = 8,
	CRUDLEX_LIST = 16,
	CRUDLEX_EXECUTE = 32,
	CRUDLEX_EXECUTE_REVERSIBLE = 64, /* only on operations that can be undone */
};
#define CRUDLEX_ALL 63u

enum crudlex_dimension { CRUDLEX_USER, CRUDLEX_AGENT, CRUDLEX_STANDING, CRUDLEX_CONTEXT };

struct grant {
	uint32_t line;
	uint32_t number;
	enum crudlex_dimension dimension;
	struct str subject; /* pattern of a user or an agent */
	struct str role;    /* instead of a subject, for agents; empty: none */
	struct str unit;    /* the same: this unit and everything below */
	struct str_list resources;
	uint8_t operations;
	bool deny;
	bool has_condition;
	struct condition condition;
};

struct tool_declaration {
	uint32_t line;
	struct str name; /* pattern */
	uint8_t operation;
	bool reversible;
	bool money;       /* may move money: then a request without an amount misses it */
	int64_t phase;    /* needed of the installation; 0: none */
	struct str scope; /* of the token it needs; empty: the tool's name */
	uint8_t risk;     /* 1 low .. 4 critical; 0 unsaid */
};

struct document {
	enum policy_type type;
	enum place_kind place;
	struct rule *rules;
	size_t rule_count;
	const char *packed_end; /* from `rules` to here is what deciding reads of them */
	/* tool-access: open addressing, a power of two */
	struct tool_entry *tool_entries;
	uint32_t *tool_groups;
	struct rule_group *groups;
	size_t group_count;
	uint32_t tool_mask;
	bool others_denied; /* tool-access, data-access: what is not listed is denied here */
	uint32_t pattern_group_count;
	uint32_t tool_link_count; /* in tool_groups */
	uint32_t *pattern_groups; /* groups whose name is a pattern: for tools not in the index */

	struct approvers_said activation; /* of root: who approves changes of what is in force */
	uint32_t activation_line;

	struct str id;
	struct str title;
	struct str node; /* unit path; agent's id or name */
	struct str text; /* as it was written */

	/* identity */
	struct str method, issuer;
	bool has_users, has_agents;
	struct str_list users;  /* on_behalf_of */
	struct str_list agents; /* scope_limited_to */

	/* crudlex */
	struct grant *grants;
	size_t grant_count;
	struct tool_declaration *declarations;
	size_t declaration_count;

	struct condition_names names;
};

/* What a document may name that stands outside of it. */
struct document_environment {
	const struct condition_names *names;
	/* NULL when there is no such zone. */
	const struct zone *(*zone_find)(void *context, struct str name);
	void *zone_context;
};

/* Everything lives in `arena`. ST_YAML_INVALID or ST_POLICY_INVALID, with "line L, column C" as the
 * problem's pointer and a sentence; ST_MESSAGE_TOO_LARGE, ST_TOO_LARGE. */
MUST_CHECK enum st document_load(struct arena *arena, struct str text,
				 const struct document_environment *environment,
				 struct document **ret, struct problem *problem);

const char *policy_type_name(enum policy_type type);
const char *verdict_name(enum verdict verdict);
bool verdict_find(struct str name, enum verdict *ret);
const char *detection_action_name(enum detection_action action);
/* "line 12: ledger.write over company-A needs approval", for people. */
struct str rule_words(const struct document *document, const struct rule *rule,
		      struct arena *arena);
/* "2 of steward, approver" */
void approvers_words(struct buf *buf, const struct approvers_said *said);
uint64_t tool_hash(struct str tool);

/* Calendars that every installation has until it says otherwise: business_hours, Monday to Friday,
 * 09:00 to 17:00, in `zone`. */
void calendar_business_hours(const struct zone *zone, struct calendar *ret);

#endif
