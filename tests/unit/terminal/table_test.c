/* table_test.c: tables for people, help texts, completion and the man page [PLT-20]. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "services/terminal/command.h"
#include "services/terminal/table.h"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 4 * 1024 * 1024);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static const char *written(const struct table *table, bool color)
{
	struct buf buf;

	buf_init(&buf, &arena, 256);
	table_write(table, color, &buf);
	return buf_str(&buf).data;
}

static void columns_are_aligned(void **state)
{
	struct table table;

	(void)state;
	table_init(&table, &arena, "agent|>score|note");
	table_cell_c(&table, "piopl_00001");
	table_cell_i64(&table, 100);
	table_cell_c(&table, "well");
	table_cell_c(&table, "x");
	table_cell_i64(&table, 7);
	table_cell_c(&table, "");
	assert_int_equal(table.count, 2);
	assert_string_equal(written(&table, false), "agent        score  note\n"
						    "piopl_00001    100  well\n"
						    "x                7  -\n");
}

static void only_the_header_is_coloured(void **state)
{
	struct table table;

	(void)state;
	table_init(&table, &arena, "a|b");
	table_cell_c(&table, "1");
	table_cell_c(&table, "2");
	assert_string_equal(written(&table, true), "\033[1ma  b\033[0m\n1  2\n");
}

static void width_is_counted_in_characters(void **state)
{
	struct table table;

	(void)state;
	assert_int_equal(text_width(STR("\u00a3\u2026x")), 3);
	table_init(&table, &arena, "name|z");
	table_cell_c(&table, "\u00e9\u00e9\u00e9\u00e9\u00e9");
	table_cell_c(&table, "1");
	table_cell_c(&table, "abc");
	table_cell_c(&table, "2");
	assert_string_equal(written(&table, false), "name   z\n"
						    "\u00e9\u00e9\u00e9\u00e9\u00e9  1\n"
						    "abc    2\n");
}

/* A name that someone stored must not drive the reader's terminal. */
static void control_characters_are_not_written(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, &arena, 64);
	text_write_safe(&buf,
			STR("a\033[2Jb\nc\x7f"
			    "d\xc2\x9b"
			    "e"),
			40);
	assert_string_equal(buf_str(&buf).data, "a?[2Jb?c?d?e");
}

static void cells_are_cut_at_their_limit(void **state)
{
	char at[TABLE_CELL_WIDTH_MAX + 1];
	char past[TABLE_CELL_WIDTH_MAX + 2];
	struct table table;
	struct buf buf;

	(void)state;
	memset(at, 'x', sizeof(at));
	at[sizeof(at) - 1] = '\0';
	memset(past, 'x', sizeof(past));
	past[sizeof(past) - 1] = '\0';
	buf_init(&buf, &arena, 64);
	text_write_safe(&buf, str_of(at), TABLE_CELL_WIDTH_MAX);
	assert_string_equal(buf_str(&buf).data, at);
	table_init(&table, &arena, "a|b");
	table_cell_c(&table, past);
	table_cell_c(&table, "1");
	assert_non_null(strstr(written(&table, false), "xx\u2026  1\n"));
}

static void progress_is_drawn(void **state)
{
	static const struct {
		int64_t done, total;
		const char *text;
	} cases[] = {
		{ 0, 10, "[..........]   0%  0 of 10" },
		{ 5, 10, "[#####.....]  50%  5 of 10" },
		{ 10, 10, "[##########] 100%  10 of 10" },
		{ 12, 10, "[##########] 100%  10 of 10" },
		{ -1, 10, "[..........]   0%  0 of 10" },
		{ 0, 0, "[..........]   0%  0 of 0" },
		{ 1000, 25000, "[..........]   4%  1,000 of 25,000" },
		{ 1234567, 1234567, "[##########] 100%  1,234,567 of 1,234,567" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf buf;

		buf_init(&buf, &arena, 64);
		progress_write(&buf, cases[i].done, cases[i].total, 10);
		assert_string_equal(buf_str(&buf).data, cases[i].text);
	}
}

static void durations_are_short(void **state)
{
	(void)state;
	assert_string_equal(duration_print(&arena, -5).data, "0 ms");
	assert_string_equal(duration_print(&arena, 999).data, "999 ms");
	assert_string_equal(duration_print(&arena, 1500).data, "1.5 s");
	assert_string_equal(duration_print(&arena, 119999).data, "119 s");
	assert_string_equal(duration_print(&arena, 120000).data, "2 min");
	assert_string_equal(duration_print(&arena, 7200000).data, "2 h");
	assert_string_equal(duration_print(&arena, 172800000).data, "2 d");
}

/* --- help --- */

static const struct option_spec some_options[] = {
	{ .name = "by", .value = "WHO", .help = "whose", .kind = OPTION_TEXT, .required = true },
	{ .name = "size",
	  .value = "N",
	  .help = "how many",
	  .kind = OPTION_INTEGER,
	  .min = 1,
	  .max = 9 },
	{ .name = "kind",
	  .value = "KIND",
	  .help = "which",
	  .kind = OPTION_CHOICE,
	  .choices = "old|new",
	  .repeated = true },
	{ 0 },
};

static const struct option_spec some_arguments[] = {
	{ .name = "thing", .value = "ID", .help = "its id", .kind = OPTION_TEXT, .required = true },
	{ 0 },
};

static const struct command some[] = {
	{ .id = COMMAND_UP,
	  .noun = "thing",
	  .verb = "make",
	  .summary = "make a thing",
	  .about = "Things are made.\n.But not these.",
	  .example = "piopl thing make a\npiopl thing make b",
	  .arguments = some_arguments,
	  .options = some_options },
	{ .id = COMMAND_DOWN, .noun = "look", .summary = "look at it", .example = "piopl look" },
	{ .id = COMMAND_SUPERVISE,
	  .noun = "secret",
	  .summary = "not shown",
	  .example = "piopl secret",
	  .hidden = true },
	{ .id = COMMAND_NONE },
};

static void help_of_a_command_is_as_agreed(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, &arena, 1024);
	help_command(&some[0], &buf);
	assert_string_equal(buf_str(&buf).data,
			    "piopl thing make: make a thing\n"
			    "\n"
			    "Usage: piopl thing make <thing> --by WHO [options]\n"
			    "\n"
			    "Things are made.\n.But not these.\n"
			    "\n"
			    "Arguments:\n"
			    "  thing                   its id\n"
			    "\n"
			    "Options:\n"
			    "  --by WHO                whose; needed\n"
			    "  --size N                how many (1 to 9)\n"
			    "  --kind KIND             which: old|new; can be repeated\n"
			    "\n"
			    "Options of every command:\n"
			    "  --json                  print JSON only, for programs\n"
			    "  --help                  explain the command\n"
			    "  --no-color              no colours\n"
			    "  --timeout DURATION      how long to wait for an answer\n"
			    "\n"
			    "Example:\n"
			    "  piopl thing make a\n"
			    "  piopl thing make b\n");
}

static void the_overview_names_every_noun_and_exit_code(void **state)
{
	struct buf buf;
	const char *text;

	(void)state;
	buf_init(&buf, &arena, 1024);
	help_overview(some, &buf);
	text = buf_str(&buf).data;
	assert_non_null(strstr(text, "  thing "));
	assert_non_null(strstr(text, "  look                    look at it\n"));
	assert_null(strstr(text, "secret"));
	assert_non_null(strstr(text, "  0  done\n"));
	assert_non_null(strstr(text, "  4  a fault of PIOPL itself\n"));
}

static void the_man_page_has_every_command_and_no_stray_macro(void **state)
{
	struct buf buf;
	const char *text;

	(void)state;
	buf_init(&buf, &arena, 1024);
	help_man(some, &buf);
	text = buf_str(&buf).data;
	assert_non_null(strstr(text, ".SS \"piopl thing make\"\n"));
	assert_non_null(strstr(text, "\n\\&.But not these.\n"));
	assert_non_null(strstr(text, "\\fB\\-\\-size\\fR \\fIN\\fR\n"));
	assert_non_null(strstr(text, ".SH EXIT STATUS"));
	assert_null(strstr(text, "secret"));
}

static void completion_knows_nouns_verbs_options_and_choices(void **state)
{
	struct buf buf;
	const char *text;

	(void)state;
	buf_init(&buf, &arena, 1024);
	help_completion_bash(some, &buf);
	text = buf_str(&buf).data;
	assert_non_null(strstr(text, "compgen -W \"thing look --help --version\""));
	assert_non_null(strstr(text, "\tthing) verbs=\"make\" ;;\n"));
	assert_non_null(strstr(text, "\t\"thing make --kind\") choices=\"old|new\" ;;\n"));
	assert_non_null(strstr(text, "\"thing make\") options=\"--by --size --kind --json"));
	assert_null(strstr(text, "secret"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_aligned),
		cmocka_unit_test(only_the_header_is_coloured),
		cmocka_unit_test(width_is_counted_in_characters),
		cmocka_unit_test(control_characters_are_not_written),
		cmocka_unit_test(cells_are_cut_at_their_limit),
		cmocka_unit_test(progress_is_drawn),
		cmocka_unit_test(durations_are_short),
		cmocka_unit_test(help_of_a_command_is_as_agreed),
		cmocka_unit_test(the_overview_names_every_noun_and_exit_code),
		cmocka_unit_test(the_man_page_has_every_command_and_no_stray_macro),
		cmocka_unit_test(completion_knows_nouns_verbs_options_and_choices),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
