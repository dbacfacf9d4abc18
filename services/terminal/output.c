/* output.c: answers on standard output, questions and progress on the terminal. */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "json.h"
#include "services/terminal/terminal.h"

#define PROGRESS_WIDTH 30
#define FIELD_WIDTH 16

void terminal_write(struct str text)
{
	fwrite(text.data, 1, text.size, stdout);
}

void terminal_say(struct terminal *t, const char *format, ...)
{
	va_list args;

	if (t->json)
		return;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	fflush(stdout);
}

void terminal_table(struct terminal *t, const struct table *table)
{
	struct buf buf;

	buf_init(&buf, &t->arena, 4096);
	table_write(table, t->color, &buf);
	terminal_write(buf_str(&buf));
}

void terminal_field(struct terminal *t, const char *name, struct str value)
{
	struct buf buf;

	if (value.size == 0 || t->json)
		return;
	buf_init(&buf, &t->arena, 256);
	buf_printf(&buf, "%-*s ", FIELD_WIDTH, name);
	text_write_safe(&buf, value, SIZE_MAX);
	buf_add_char(&buf, '\n');
	terminal_write(buf_str(&buf));
}

enum st terminal_json(struct terminal *t, const struct proto_type *type, const void *value)
{
	struct str text;
	struct json *node;
	struct buf buf;

	TRY(proto_encode(type, value, &t->arena, &text));
	TRY(json_parse(&t->arena, text, &node, NULL));
	buf_init(&buf, &t->arena, text.size * 2);
	json_write_pretty(&buf, node);
	buf_add_char(&buf, '\n');
	if (buf.failed)
		return ST_NO_MEMORY;
	terminal_write(buf_str(&buf));
	return ST_OK;
}

enum st terminal_confirm(struct terminal *t, const char *question, const char *word,
			 struct problem *problem)
{
	char line[300];

	if (args_has(&t->args, "yes"))
		return ST_OK;
	if (!isatty(STDIN_FILENO)) {
		problem_set(problem, ST_USAGE, "", "this cannot be undone and nobody can be asked");
		problem_hint(problem, "add --yes");
		return ST_USAGE;
	}
	fprintf(stderr, "%s\nType \"%s\" to go on: ", question, word);
	if (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, word) == 0)
			return ST_OK;
	}
	return problem_set(problem, ST_USAGE, "", "not confirmed, nothing was done");
}

void terminal_progress(struct terminal *t, const char *what, int64_t done, int64_t total)
{
	struct buf buf;

	if (!t->tty)
		return;
	buf_init(&buf, &t->arena, 256);
	progress_write(&buf, done, total, PROGRESS_WIDTH);
	fprintf(stderr, "\r\033[K%s %.*s", what, STR_ARG(buf_str(&buf)));
	fflush(stderr);
}

void terminal_progress_end(struct terminal *t)
{
	if (t->tty)
		fputs("\r\033[K", stderr);
}

const char *terminal_time(struct terminal *t, int64_t ms)
{
	char text[TIME_TEXT_SIZE];

	if (ms <= 0)
		return "";
	time_format(ms, text);
	return arena_copy(&t->arena, str_of(text)).data;
}
