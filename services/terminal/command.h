/* command.h: the command line as a table. Parsing, help, the man page and completion are all made
 * from it, so they cannot disagree. Everything here is pure: no files, no clock, no terminal.
 *
 * Which commands there are: core_catalog_*.c. What they do: dispatch.c and the cmd_*.c files. */
#ifndef PIOPL_TERMINAL_COMMAND_H
#define PIOPL_TERMINAL_COMMAND_H

#include "arena.h"
#include "st.h"

#define ARGS_VALUES_MAX 128    /* options and arguments of one command line */
#define COMMAND_DISTANCE_MAX 3 /* letters a suggestion may be away */

enum command_id {
	COMMAND_NONE,
	COMMAND_UP,
	COMMAND_DOWN,
	COMMAND_RESET,
	COMMAND_STATUS,
	COMMAND_TOP,
	COMMAND_DOCTOR,
	COMMAND_MIGRATE,
	COMMAND_SUPERVISE,
	COMMAND_CLOCK_SHOW,
	COMMAND_CLOCK_ADVANCE,
	COMMAND_PARKED_LIST,
	COMMAND_PARKED_REPLAY,
	COMMAND_AGENT_CREATE,
	COMMAND_AGENT_BATCH,
	COMMAND_AGENT_GET,
	COMMAND_AGENT_LIST,
	COMMAND_AGENT_COUNT,
	COMMAND_AGENT_UPDATE,
	COMMAND_AGENT_VERSIONS,
	COMMAND_AGENT_ACTIVATE,
	COMMAND_AGENT_PAUSE,
	COMMAND_AGENT_RESUME,
	COMMAND_AGENT_THROTTLE,
	COMMAND_AGENT_EXPORT,
	COMMAND_ROLE_LIST,
	COMMAND_ROLE_GET,
	COMMAND_ROLE_PUT,
	COMMAND_CONSTITUTION_LIST,
	COMMAND_CONSTITUTION_SHOW,
	COMMAND_CONSTITUTION_ADD,
	COMMAND_CONSTITUTION_ACTIVATE,
	COMMAND_UNIT_CREATE,
	COMMAND_UNIT_LIST,
	COMMAND_PERSON_LIST,
	COMMAND_PERSON_ADD,
	COMMAND_PERSON_REMOVE,
	COMMAND_KEY_GENERATE,
	COMMAND_KEY_LIST,
	COMMAND_KEY_ADD,
	COMMAND_KEY_REMOVE,
	COMMAND_KEY_ROTATE,
	COMMAND_WALLET_NEW,
	COMMAND_WALLET_LOGIN,
	COMMAND_WALLET_CREATE,
	COMMAND_WALLET_SHOW,
	COMMAND_WALLET_LIST,
	COMMAND_WALLET_SET,
	COMMAND_WALLET_DEPOSIT,
	COMMAND_WALLET_WITHDRAW,
	COMMAND_WALLET_TRANSFER,
	COMMAND_WALLET_REVERSE,
	COMMAND_WALLET_BALANCE,
	COMMAND_WALLET_STATEMENT,
	COMMAND_WALLET_AUDIT,
	COMMAND_WALLET_HOLD,
	COMMAND_WALLET_CAPTURE,
	COMMAND_WALLET_RELEASE,
	COMMAND_LEDGER_LIST,
	COMMAND_LEDGER_EXPORT,
	COMMAND_LEDGER_CUT,
	COMMAND_JOB_CREATE,
	COMMAND_JOB_EXTEND,
	COMMAND_JOB_STOP,
	COMMAND_JOB_SHOW,
	COMMAND_JOB_LIST,
	COMMAND_METER_SHOW,
	COMMAND_METER_SANDBOXES,
	COMMAND_METER_USAGE,
	COMMAND_METER_HORIZON,
	COMMAND_PRICE_LIST,
	COMMAND_PRICE_QUOTE,
	COMMAND_PRICE_PUT,
	COMMAND_KILL,
	COMMAND_CALL,
	COMMAND_OPERATION_SHOW,
	COMMAND_AUDIT_QUERY,
	COMMAND_AUDIT_SHOW,
	COMMAND_AUDIT_VERIFY,
	COMMAND_AUDIT_CHECKPOINT,
	COMMAND_AUDIT_PROOF,
	COMMAND_AUDIT_EXPORT,
	COMMAND_AUDIT_IMPORT,
	COMMAND_AUDIT_WITNESS,
	COMMAND_AUDIT_HOLD,
	COMMAND_AUDIT_RETENTION,
	COMMAND_POLICY_VALIDATE,
	COMMAND_POLICY_TEST,
	COMMAND_POLICY_PUT,
	COMMAND_POLICY_PLAN,
	COMMAND_POLICY_APPLY,
	COMMAND_POLICY_SHADOW,
	COMMAND_POLICY_RETIRE,
	COMMAND_POLICY_ROLLBACK,
	COMMAND_POLICY_VERSIONS,
	COMMAND_POLICY_LIST,
	COMMAND_POLICY_SHOW,
	COMMAND_POLICY_EXPLAIN,
	COMMAND_POLICY_TRY,
	COMMAND_POLICY_DECIDE,
	COMMAND_POLICY_WHAT_MAY,
	COMMAND_POLICY_WHO_MAY,
	COMMAND_POLICY_TOUCHING,
	COMMAND_POLICY_REPLAY,
	COMMAND_GRANT_LIST,
	COMMAND_GRANT_ADD,
	COMMAND_GRANT_REMOVE,
	COMMAND_TOKEN_ISSUE,
	COMMAND_TOKEN_LIST,
	COMMAND_TOKEN_SHOW,
	COMMAND_TOKEN_REVOKE,
	COMMAND_TOKEN_KEYS,
	COMMAND_TOKEN_ROTATE,
	COMMAND_APPROVAL_LIST,
	COMMAND_APPROVAL_SHOW,
	COMMAND_APPROVAL_APPROVE,
	COMMAND_APPROVAL_REJECT,
	COMMAND_APPROVAL_PREAPPROVE,
	COMMAND_APPROVAL_PREAPPROVALS,
	COMMAND_APPROVAL_REVOKE,
	COMMAND_LOGIN,
	COMMAND_WHOAMI,
	COMMAND_COMPLETION,
	COMMAND_HELP,
	COMMAND_VERSION,
	COMMAND_MAN,
	COMMAND_COUNT,
};

enum option_kind {
	OPTION_FLAG,
	OPTION_TEXT,
	OPTION_FILE,     /* text, completed as a path; "-" is standard input or output */
	OPTION_INTEGER,  /* min..max */
	OPTION_NUMBER,   /* a decimal fraction, kept as text and as a double */
	OPTION_CHOICE,   /* one of `choices` */
	OPTION_DURATION, /* 500ms, 90s, 15m, 36h, 30d; kept in ms */
	OPTION_TIME,     /* RFC 3339 in UTC, or a duration meaning so long ago; kept in ms */
};

struct option_spec {
	const char *name;    /* without dashes; for an argument only its name in help */
	const char *value;   /* what stands for the value in help; NULL for a flag */
	const char *help;    /* a phrase, lower case, no full stop */
	const char *choices; /* OPTION_CHOICE: "low|medium|high" */
	int64_t min, max;    /* OPTION_INTEGER */
	enum option_kind kind;
	bool required;
	bool repeated;
};

struct command {
	enum command_id id;
	const char *noun;
	const char *verb;                    /* NULL: the noun alone is the command */
	const char *summary;                 /* a phrase, lower case, no full stop */
	const char *about;                   /* a paragraph, or NULL */
	const char *example;                 /* command lines, one a line */
	const struct option_spec *arguments; /* in order, name NULL ends; may be NULL */
	const struct option_spec *options;   /* name NULL ends; may be NULL */
	bool hidden;
};

/* Every command: id COMMAND_NONE ends. Options of every command. */
const struct command *command_table(void);
extern const struct option_spec common_options[];
/* One line about each noun that has verbs, for help; NULL when there is none. */
const char *noun_summary(const char *noun);

struct arg_value {
	const struct option_spec *spec;
	const char *text; /* NULL for a flag */
	int64_t number;   /* integer, duration in ms, time in ms, index of the choice */
	double fraction;
};

struct args {
	const struct command *command; /* NULL only with `help` or without any words */
	const char *noun;              /* the first word, when it names a noun */
	struct arg_value values[ARGS_VALUES_MAX];
	size_t count;
};

/* `argv` without the program's name. ST_USAGE with one sentence and a hint that says what would
 * be accepted. --help is understood before anything that is missing is missed. `now_ms` is what
 * "ago" counts from. */
MUST_CHECK enum st args_parse(const struct command *table, int argc, const char *const *argv,
			      int64_t now_ms, struct args *ret, struct problem *problem);
bool args_has(const struct args *args, const char *name);
/* NULL when it was not given. Asserts that the command has such an option. */
const char *args_text(const struct args *args, const char *name);
int64_t args_i64(const struct args *args, const char *name, int64_t otherwise);
double args_fraction(const struct args *args, const char *name, double otherwise);
/* The nth value of a repeated option, NULL past the last. */
const char *args_nth(const struct args *args, const char *name, size_t nth);
size_t args_times(const struct args *args, const char *name);

/* Edit distance in bytes (insert, remove, change, swap of neighbours). */
size_t word_distance(const char *a, const char *b);
/* The nearest command ("agent create") to the words given, NULL when none is near. */
const struct command *command_nearest(const struct command *table, const char *noun,
				      const char *verb);
const struct command *command_find(const struct command *table, const char *noun, const char *verb);
bool command_is_noun(const struct command *table, const char *noun);

/* Short, for people: "1.2 s", "3 min", "5 h", "2 d". */
struct str duration_print(struct arena *arena, int64_t ms);

/* Texts made from the table. */
void help_overview(const struct command *table, struct buf *buf);
void help_noun(const struct command *table, const char *noun, struct buf *buf);
void help_command(const struct command *command, struct buf *buf);
void help_man(const struct command *table, struct buf *buf);
void help_completion_bash(const struct command *table, struct buf *buf);

#endif
