/* cmd_meta.c: the command line about itself. */
#include <stdio.h>

#include "services/terminal/terminal.h"

#define TEXT_BYTES 65536

enum st cmd_completion(struct terminal *t, struct problem *problem)
{
	struct buf buf;

	(void)problem;
	buf_init(&buf, &t->arena, TEXT_BYTES);
	help_completion_bash(command_table(), &buf);
	terminal_write(buf_str(&buf));
	return ST_OK;
}

enum st cmd_man(struct terminal *t, struct problem *problem)
{
	struct buf buf;

	(void)problem;
	buf_init(&buf, &t->arena, TEXT_BYTES);
	help_man(command_table(), &buf);
	terminal_write(buf_str(&buf));
	return ST_OK;
}

enum st cmd_help(struct terminal *t, struct problem *problem)
{
	struct buf buf;

	(void)problem;
	buf_init(&buf, &t->arena, TEXT_BYTES);
	help_overview(command_table(), &buf);
	terminal_write(buf_str(&buf));
	return ST_OK;
}

enum st cmd_version(struct terminal *t, struct problem *problem)
{
	(void)problem;
	if (t->json)
		terminal_write(STR("{\"version\":\"" TERMINAL_VERSION "\"}\n"));
	terminal_say(t, "piopl " TERMINAL_VERSION "\n");
	return ST_OK;
}
