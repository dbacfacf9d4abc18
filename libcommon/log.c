/* Log lines, made in a buffer on the stack. The end of the buffer is kept free for what closes the
 * object, so a line that is cut is still an object. */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"

static const char closing_cut[] = "\",\"cut\":true}\n";

/* For everything up to the closing quote of a value, which closing_cut has room for. */
#define LINE_ROOM (LOG_LINE_BYTES_MAX - (sizeof(closing_cut) - 1))

static const char *log_service = "piopl";
static enum log_level log_level = LOG_INFO;

static const char *const level_names[] = { "debug", "info", "warn", "error" };

#define LEVEL_COUNT (sizeof(level_names) / sizeof(level_names[0]))

struct line {
	size_t size;
	bool full; /* nothing more goes in */
	bool cut;  /* something was left out */
	char data[LOG_LINE_BYTES_MAX];
};

void log_open(const char *service, enum log_level level)
{
	log_service = service;
	log_level = level;
}

bool log_level_parse(struct str s, enum log_level *ret)
{
	for (size_t i = 0; i < LEVEL_COUNT; i++) {
		if (str_is(s, level_names[i])) {
			*ret = (enum log_level)i;
			return true;
		}
	}
	return false;
}

const char *log_level_name(enum log_level level)
{
	ASSERT((size_t)level < LEVEL_COUNT);
	return level_names[level];
}

bool log_enabled(enum log_level level)
{
	return level >= log_level;
}

/* All of it or nothing. */
static bool add(struct line *line, const char *data, size_t size)
{
	if (line->full || line->size + size > LINE_ROOM) {
		line->full = line->cut = true;
		return false;
	}
	memcpy(line->data + line->size, data, size);
	line->size += size;
	return true;
}

static bool add_character(struct line *line, const char *at, size_t size)
{
	unsigned char c = (unsigned char)*at;
	char escape[8];

	if (size == 0)
		return add(line, "\xef\xbf\xbd", 3);
	if (c == '"' || c == '\\') {
		escape[0] = '\\';
		escape[1] = *at;
		return add(line, escape, 2);
	}
	if (c >= 0x20 && c != 0x7f)
		return add(line, at, size);
	snprintf(escape, sizeof(escape), "\\u%04x", c);
	return add(line, escape, 6);
}

static void add_escaped(struct line *line, const char *text, size_t bytes_max)
{
	struct str rest = str_of(text);
	size_t size_whole = rest.size;

	rest.size = utf8_cut(rest, bytes_max);
	line->cut = line->cut || rest.size < size_whole;
	while (rest.size) {
		size_t size = utf8_size(rest);

		if (!add_character(line, rest.data, size))
			return;
		rest.data += size ? size : 1;
		rest.size -= size ? size : 1;
	}
}

/* ,"name":"value" with room kept for the quote that ends the value. A field whose beginning does
 * not fit is left out whole. */
static void add_field(struct line *line, const char *name, const char *value, size_t bytes_max)
{
	size_t name_size = strlen(name);

	if (!value || !*value)
		return;
	if (line->full || line->size + name_size + sizeof(",\"\":\"") > LINE_ROOM) {
		line->full = line->cut = true;
		return;
	}
	add(line, ",\"", 2);
	add(line, name, name_size);
	add(line, "\":\"", 3);
	add_escaped(line, value, bytes_max);
	line->data[line->size++] = '"';
}

static void line_end(struct line *line)
{
	if (line->cut) {
		memcpy(line->data + line->size, closing_cut + 1, sizeof(closing_cut) - 2);
		line->size += sizeof(closing_cut) - 2;
	} else {
		memcpy(line->data + line->size, "}\n", 2);
		line->size += 2;
	}
	ASSERT(line->size <= sizeof(line->data));
}

static void add_fields(struct line *line, const struct log_fields *fields)
{
	add_field(line, "category", fields->category, LOG_VALUE_BYTES_MAX);
	add_field(line, "event", fields->event, LOG_VALUE_BYTES_MAX);
	add_field(line, "subject", fields->subject, LOG_VALUE_BYTES_MAX);
	add_field(line, "agent", fields->agent, LOG_VALUE_BYTES_MAX);
	add_field(line, "trace", fields->trace, LOG_VALUE_BYTES_MAX);
	add_field(line, "status", fields->status, LOG_VALUE_BYTES_MAX);
}

static void write_all(const char *data, size_t size)
{
	ssize_t written;

	do {
		written = write(STDERR_FILENO, data, size);
	} while (written < 0 && errno == EINTR);
}

/* One system call for some lines; not above PIPE_BUF together, as one line is not. */
static bool holding;
static size_t held_size;
static char held_data[LOG_LINE_BYTES_MAX];

void log_hold(void)
{
	holding = true;
}

void log_release(void)
{
	if (held_size > 0)
		write_all(held_data, held_size);
	held_size = 0;
}

void log_write(enum log_level level, const struct log_fields *fields, const char *format, ...)
{
	static const struct log_fields none;
	int errno_before = errno;
	char time[TIME_TEXT_SIZE];
	char message[LOG_MESSAGE_BYTES_MAX + 4];
	struct line line;
	va_list args;

	if (!log_enabled(level))
		return;
	fields = fields ? fields : &none;
	line.size = 0;
	line.full = line.cut = false;
	time_format(clock_now_ms(), time);
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	add(&line, "{\"time\":\"", 9);
	add(&line, time, sizeof(time) - 1);
	add(&line, "\"", 1);
	add_field(&line, "level", log_level_name(level), LOG_VALUE_BYTES_MAX);
	add_field(&line, "service", log_service, LOG_VALUE_BYTES_MAX);
	add_fields(&line, fields);
	add_field(&line, "message", message, LOG_MESSAGE_BYTES_MAX);
	for (const struct log_pair *pair = fields->more; pair && pair->name; pair++)
		add_field(&line, pair->name, pair->value, LOG_VALUE_BYTES_MAX);
	line_end(&line);
	if (held_size + line.size > sizeof(held_data))
		log_release();
	if (holding && level <= LOG_INFO && line.size <= sizeof(held_data)) {
		memcpy(held_data + held_size, line.data, line.size);
		held_size += line.size;
	} else {
		log_release();
		write_all(line.data, line.size);
	}
	errno = errno_before;
}
