/* command_test.c: from words to a command and its values [PLT-20]. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "services/terminal/command.h"

#define NOW_MS INT64_C(1771254000000) /* 2026-02-16T15:00:00Z */
#define WORDS_MAX 600

static struct args args;
static struct problem problem;

/* Splits at spaces; "quoted words" stay together. */
static int split(char *line, const char **words)
{
	int count = 0;

	while (*line) {
		char end = ' ';

		while (*line == ' ')
			line++;
		if (!*line)
			break;
		if (*line == '"') {
			end = '"';
			line++;
		}
		words[count++] = line;
		while (*line && *line != end)
			line++;
		if (*line)
			*line++ = '\0';
	}
	return count;
}

static enum st parse(const char *text)
{
	static char line[4096];
	const char *words[WORDS_MAX];
	int count;

	snprintf(line, sizeof(line), "%s", text);
	count = split(line, words);
	args = (struct args){ 0 };
	problem = (struct problem){ 0 };
	return args_parse(command_table(), count, words, NOW_MS, &args, &problem);
}

static void accepted(const char *line)
{
	if (parse(line) != ST_OK)
		fail_msg("\"%s\": %s %s", line, problem.pointer, problem.detail);
}

static void refused(const char *line, const char *pointer, const char *detail, const char *hint)
{
	assert_int_equal(parse(line), ST_USAGE);
	assert_string_equal(problem.pointer, pointer);
	assert_string_equal(problem.detail, detail);
	assert_string_equal(problem.hint, hint);
}

static void a_command_is_found_by_noun_and_verb(void **state)
{
	(void)state;
	accepted("agent count");
	assert_int_equal(args.command->id, COMMAND_AGENT_COUNT);
	accepted("status");
	assert_int_equal(args.command->id, COMMAND_STATUS);
	accepted("--json agent count");
	assert_int_equal(args.command->id, COMMAND_AGENT_COUNT);
	assert_true(args_has(&args, "json"));
}

static void no_words_are_no_command_and_no_mistake(void **state)
{
	(void)state;
	accepted("");
	assert_null(args.command);
}

static void values_are_typed(void **state)
{
	(void)state;
	accepted("agent list --tier 2 --state paused --score-min 60.5 --role r --limit=7");
	assert_int_equal(args_i64(&args, "tier", -1), 2);
	assert_int_equal(args_i64(&args, "state", -1), 2);
	assert_true(args_fraction(&args, "score-min", 0) == 60.5);
	assert_string_equal(args_text(&args, "role"), "r");
	assert_int_equal(args_i64(&args, "limit", -1), 7);
	assert_null(args_text(&args, "owner"));
	assert_int_equal(args_i64(&args, "score-max", 42), 42);
}

static void repeated_options_keep_their_order(void **state)
{
	(void)state;
	accepted("agent create x --role r --unit u --owner o --scope a --scope b --scope c");
	assert_int_equal(args_times(&args, "scope"), 3);
	assert_string_equal(args_nth(&args, "scope", 0), "a");
	assert_string_equal(args_nth(&args, "scope", 2), "c");
	assert_null(args_nth(&args, "scope", 3));
}

static void arguments_and_options_mix(void **state)
{
	(void)state;
	accepted("agent pause --reason \"odd listings\" piopl_00001");
	assert_string_equal(args_text(&args, "agent"), "piopl_00001");
	assert_string_equal(args_text(&args, "reason"), "odd listings");
}

static void two_dashes_end_the_options(void **state)
{
	(void)state;
	accepted("role put -- --odd-name.json");
	assert_string_equal(args_text(&args, "file"), "--odd-name.json");
	accepted("role put -");
	assert_string_equal(args_text(&args, "file"), "-");
}

static void times_are_absolute_or_ago(void **state)
{
	(void)state;
	accepted("audit query --since 24h --until 2026-02-16T15:00:00Z");
	assert_int_equal(args_i64(&args, "since", 0), NOW_MS - 86400000);
	assert_int_equal(args_i64(&args, "until", 0), NOW_MS);
	refused("audit query --since yesterday", "--since", "\"yesterday\" is not a time",
		"a time such as 2026-02-16T15:00:00.000Z, or how long ago: 90s, 15m, 36h, 30d");
}

static void durations_have_a_unit(void **state)
{
	(void)state;
	accepted("clock advance 36h");
	assert_int_equal(args_i64(&args, "by", 0), 36 * 3600000);
	refused("clock advance 36", "by", "\"36\" is not a duration",
		"a number and a unit: 500ms, 90s, 15m, 36h, 30d");
}

static void numbers_have_a_range(void **state)
{
	(void)state;
	accepted("agent list --limit 1000");
	accepted("agent list --limit 1");
	refused("agent list --limit 1001", "--limit", "\"1001\" is not a whole number in range",
		"a whole number from 1 to 1000");
	refused("agent list --limit 0", "--limit", "\"0\" is not a whole number in range",
		"a whole number from 1 to 1000");
	refused("agent list --limit 1x", "--limit", "\"1x\" is not a whole number in range",
		"a whole number from 1 to 1000");
	refused("agent list --score-min 6o", "--score-min", "\"6o\" is not a number", "");
}

static void choices_are_named(void **state)
{
	(void)state;
	refused("agent list --state acti", "--state", "\"acti\" is not one of its choices",
		"one of pending|active|paused|terminated");
	refused("agent list --state active|paused", "--state",
		"\"active|paused\" is not one of its choices",
		"one of pending|active|paused|terminated");
}

static void unknown_words_get_the_nearest_command(void **state)
{
	(void)state;
	refused("agnet list", "", "there is no command \"agnet list\"",
		"did you mean: piopl agent list");
	refused("agent lsit", "", "there is no command \"agent lsit\"",
		"did you mean: piopl agent list");
	refused("sattus", "", "there is no command \"sattus\"", "did you mean: piopl status");
	refused("frobnicate", "", "there is no command \"frobnicate\"", "see: piopl --help");
}

static void unknown_options_get_the_nearest_option(void **state)
{
	(void)state;
	refused("agent list --stat active", "", "there is no option \"--stat\"",
		"did you mean --state?");
	refused("agent list --zzzzzz", "", "there is no option \"--zzzzzz\"",
		"see: piopl agent list --help");
	refused("agent list -x", "", "there is no option \"--x\"", "see: piopl agent list --help");
}

static void hidden_commands_are_never_suggested(void **state)
{
	(void)state;
	refused("supervis", "", "there is no command \"supervis\"", "see: piopl --help");
	accepted("supervise");
}

static void what_is_missing_is_named(void **state)
{
	(void)state;
	refused("agent", "", "\"piopl agent\" needs a verb", "see: piopl agent --help");
	refused("agent get", "agent", "it is missing", "see: piopl agent get --help");
	refused("agent pause piopl_00001", "", "--reason is missing",
		"see: piopl agent pause --help");
	refused("agent list --limit", "--limit", "it needs a value", "--limit N");
}

static void what_is_too_much_is_named(void **state)
{
	(void)state;
	refused("agent get a b", "", "\"b\" is one word too many", "see: piopl agent get --help");
	refused("agent list --limit 1 --limit 2", "--limit", "it can be given once only", "");
	refused("agent list --all=yes", "--all=yes", "it takes no value", "");
}

static void help_needs_nothing_else(void **state)
{
	(void)state;
	accepted("agent create --help");
	assert_true(args_has(&args, "help"));
	accepted("agent create -h");
	assert_true(args_has(&args, "help"));
	accepted("agent --help");
	assert_null(args.command);
	assert_string_equal(args.noun, "agent");
}

/* ARGS_VALUES_MAX values pass, one more does not. */
static void the_number_of_values_is_bounded(void **state)
{
	char line[4096] = "agent create x --role r --unit u --owner o";

	(void)state;
	for (int i = 4; i < ARGS_VALUES_MAX; i++)
		strcat(line, " --scope s");
	accepted(line);
	assert_int_equal(args.count, ARGS_VALUES_MAX);
	strcat(line, " --scope s");
	refused(line, "", "more than 128 options and arguments", "");
}

static void text_that_is_not_utf8_is_refused(void **state)
{
	(void)state;
	refused("agent get \xff\xfe", "agent", "\"(bytes)\" is not UTF-8 text", "");
}

static void refused_words_leave_the_answer_alone(void **state)
{
	static const char *const words[] = { "nothing" };
	struct args before = { .count = 77 };

	(void)state;
	assert_int_equal(args_parse(command_table(), 1, words, NOW_MS, &before, &problem),
			 ST_USAGE);
	assert_int_equal(before.count, 77);
}

static void distances_count_letters(void **state)
{
	(void)state;
	assert_int_equal(word_distance("", ""), 0);
	assert_int_equal(word_distance("agent", "agent"), 0);
	assert_int_equal(word_distance("agent", "agnet"), 1);
	assert_int_equal(word_distance("agent", "agents"), 1);
	assert_int_equal(word_distance("list", "lost"), 1);
	assert_int_equal(word_distance("", "abc"), 3);
	assert_int_equal(word_distance("kitten", "sitting"), 3);
}

/* The suggestion never depends on the order of the two words. */
static void distances_are_symmetric(void **state)
{
	(void)state;
	for (const struct command *a = command_table(); a->id != COMMAND_NONE; a++)
		for (const struct command *b = command_table(); b->id != COMMAND_NONE; b++)
			assert_int_equal(word_distance(a->noun, b->noun),
					 word_distance(b->noun, a->noun));
}

/* --- the catalog --- */

static void every_command_is_in_the_catalog_once(void **state)
{
	int seen[COMMAND_COUNT] = { 0 };

	(void)state;
	for (const struct command *c = command_table(); c->id != COMMAND_NONE; c++)
		seen[c->id]++;
	for (int id = COMMAND_NONE + 1; id < COMMAND_COUNT; id++)
		if (seen[id] != 1)
			fail_msg("command %d is there %d times", id, seen[id]);
}

static void specs_are_sound(const struct command *command, const struct option_spec *specs)
{
	for (const struct option_spec *s = specs; s && s->name; s++) {
		assert_non_null(s->help);
		if (s->kind == OPTION_CHOICE)
			assert_non_null(s->choices);
		if (s->kind == OPTION_INTEGER)
			assert_true(s->min <= s->max);
		if (s->kind != OPTION_FLAG)
			assert_non_null(s->value);
		for (const struct option_spec *c = common_options; c->name; c++)
			if (strcmp(c->name, s->name) == 0)
				fail_msg("%s %s: --%s is common", command->noun,
					 command->verb ? command->verb : "", s->name);
		for (const struct option_spec *other = s + 1; other->name; other++)
			if (strcmp(other->name, s->name) == 0)
				fail_msg("%s: --%s is there twice", command->noun, s->name);
	}
}

static void every_option_is_sound(void **state)
{
	(void)state;
	for (const struct command *c = command_table(); c->id != COMMAND_NONE; c++) {
		specs_are_sound(c, c->arguments);
		specs_are_sound(c, c->options);
		assert_non_null(c->summary);
		if (c->verb && !c->hidden)
			assert_non_null(noun_summary(c->noun));
	}
}

/* A reader who copies an example gets a command line that is understood. */
static void every_example_is_understood(void **state)
{
	int examples = 0;

	(void)state;
	for (const struct command *c = command_table(); c->id != COMMAND_NONE; c++) {
		char text[2048];
		char *rest = text;
		char *line;
		bool own = false;

		snprintf(text, sizeof(text), "%s", c->example);
		while ((line = strsep(&rest, "\n"))) {
			char *start = strstr(line, "piopl ");
			char *end;

			assert_non_null(start);
			end = start + strcspn(start, ">|)");
			*end = '\0';
			accepted(start + strlen("piopl "));
			own = own || args.command == c;
			examples++;
		}
		assert_true(own);
	}
	assert_true(examples >= COMMAND_COUNT - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_is_found_by_noun_and_verb),
		cmocka_unit_test(no_words_are_no_command_and_no_mistake),
		cmocka_unit_test(values_are_typed),
		cmocka_unit_test(repeated_options_keep_their_order),
		cmocka_unit_test(arguments_and_options_mix),
		cmocka_unit_test(two_dashes_end_the_options),
		cmocka_unit_test(times_are_absolute_or_ago),
		cmocka_unit_test(durations_have_a_unit),
		cmocka_unit_test(numbers_have_a_range),
		cmocka_unit_test(choices_are_named),
		cmocka_unit_test(unknown_words_get_the_nearest_command),
		cmocka_unit_test(unknown_options_get_the_nearest_option),
		cmocka_unit_test(hidden_commands_are_never_suggested),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(what_is_too_much_is_named),
		cmocka_unit_test(help_needs_nothing_else),
		cmocka_unit_test(the_number_of_values_is_bounded),
		cmocka_unit_test(text_that_is_not_utf8_is_refused),
		cmocka_unit_test(refused_words_leave_the_answer_alone),
		cmocka_unit_test(distances_count_letters),
		cmocka_unit_test(distances_are_symmetric),
		cmocka_unit_test(every_command_is_in_the_catalog_once),
		cmocka_unit_test(every_option_is_sound),
		cmocka_unit_test(every_example_is_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
