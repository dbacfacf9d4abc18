/* log.h: one JSON object a line on standard error, written with one write(2), so that lines of many
 * processes do not mix. Nothing is allocated. */
#ifndef PIOPL_LOG_H
#define PIOPL_LOG_H

#include "st.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* With the newline. Values and lines past their limits are cut and stay valid JSON; such a line
 * ends with "cut": true. Not above PIPE_BUF, so that lines into a pipe do not mix either. */
#define LOG_LINE_BYTES_MAX 4096
#define LOG_VALUE_BYTES_MAX 256    /* of each field, before escaping */
#define LOG_MESSAGE_BYTES_MAX 1024 /* before escaping */

struct log_pair {
	const char *name; /* snake_case */
	const char *value;
};

struct log_fields {           /* NULL or "": left out */
	const char *category; /* which part: "call", "relay" */
	const char *event;    /* event id */
	const char *subject;
	const char *agent;
	const char *trace;
	const char *status;          /* an st code */
	const struct log_pair *more; /* name NULL ends; may be NULL */
};

/* Before it is called, the service is "piopl" and the level LOG_INFO. Keeps `service`. */
void log_open(const char *service, enum log_level level);
bool log_level_parse(struct str s, enum log_level *ret);
const char *log_level_name(enum log_level level);
bool log_enabled(enum log_level level);

/* `fields` may be NULL. Keeps errno. Bytes that are not UTF-8 become U+FFFD. */
void log_write(enum log_level level, const struct log_fields *fields, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* From log_hold on this process keeps lines up to LOG_INFO until log_release, until they fill
 * LOG_LINE_BYTES_MAX, or until a graver one. For who writes many and comes by often. */
void log_hold(void);
void log_release(void);

#endif
