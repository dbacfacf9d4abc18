/* config.h: configuration of a service from constant tables. For a field `workers` of the service
 * `token` the first of these that is there, and not empty, counts:
 *   the variables PIOPL_TOKEN_WORKERS and PIOPL_WORKERS of the environment,
 *   the same two names in the file that PIOPL_TOKEN_CONFIG_FILE or PIOPL_CONFIG_FILE names,
 *   the default.
 * The file is this service's alone: lines NAME=VALUE, blank lines and lines that begin with "#"; a
 * name no field has, and a name given twice, are refused. Values are not quoted. */
#ifndef PIOPL_CONFIG_H
#define PIOPL_CONFIG_H

#include <stdio.h>

#include "st.h"

#define CONFIG_FILE_BYTES_MAX (64 * 1024)
#define CONFIG_FILE_LINES_MAX 256 /* settings */
#define CONFIG_SECRET_BYTES_MAX 4096
#define CONFIG_VARIABLE_SIZE 128

enum config_type {                     /* and what the member is */
		   CONFIG_TEXT,        /* char array; no control characters */
		   CONFIG_I64,         /* int64_t */
		   CONFIG_DURATION_MS, /* int64_t; "90s", "15m", "1h" */
		   CONFIG_BOOL,        /* bool; true or false */
		   CONFIG_ENUM,        /* int or an enum; the place of the value in `choices` */
		   CONFIG_PATH,        /* char array */
		   CONFIG_SECRET_FILE, /* char array; the value names a file, the member gets what
					* is in it, without one newline at its end. Others must have
					* no rights on it. */
};

struct config_field {
	const char *name; /* lower case; NULL ends a table */
	enum config_type type;
	size_t offset; /* CONFIG_MEMBER sets this and the next */
	size_t size_bytes;
	const char *default_value; /* as one would write it; "": may be left out and is then zero;
				    * NULL: must be given */
	int64_t min, max; /* numbers and durations (ms): the value; text and secrets: bytes.
			   * Both 0: any that fits */
	const char *const *choices; /* CONFIG_ENUM; NULL ends */
	const char *doc;            /* one line */
};

#define CONFIG_MEMBER(type, member)                                                                \
	.offset = offsetof(type, member), .size_bytes = sizeof(((type *)0)->member)

/* A table and the struct that its offsets are in. */
struct config_section {
	const struct config_field *fields;
	void *target;
};

/* Checks everything, then fills all targets. ST_CONFIG_INVALID with the variable as the problem's
 * pointer and one sentence that names variable, value, range and default; of a secret's variable
 * the value is not shown. */
MUST_CHECK enum st config_load(const char *service, const struct config_section *sections,
			       size_t section_count, struct problem *problem);
/* What --help prints: each variable, its type and range, its default and its meaning. */
void config_help(const char *service, const struct config_section *sections, size_t section_count,
		 FILE *out);
/* PIOPL_<SERVICE>_<NAME>, or PIOPL_<NAME> when `service` is NULL. */
void config_variable(const char *service, const char *name, char ret[CONFIG_VARIABLE_SIZE]);

#endif
