/* catalog.h: how rows of the table of commands are written, and the groups of rows: a file a group
 * of nouns, core_catalog_*.c, put together by core_catalog.c. Nothing else includes this. */
#ifndef PIOPL_TERMINAL_CATALOG_H
#define PIOPL_TERMINAL_CATALOG_H

#include "services/terminal/command.h"

#define CATALOG_COMMANDS_MAX 256 /* of all groups together */

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
#define SERVICES "registry|audit|token|approval|policy|meter|gateway"
#define DECISIONS "allow|modify|require_approval|defer|deny"
#define OUTCOMES "success|refused|failed|pending"

#define YES FLAG("yes", "do not ask for confirmation")
#define REASON NEEDED("reason", "TEXT", "why; it is kept as evidence")

/* Each ends with COMMAND_NONE. */
extern const struct command catalog_stack[];
extern const struct command catalog_agent[];
extern const struct command catalog_people[];
extern const struct command catalog_policy[];
extern const struct command catalog_access[];
extern const struct command catalog_audit[];
extern const struct command catalog_wallet_key[];
extern const struct command catalog_money[];
extern const struct command catalog_self[];

#endif
