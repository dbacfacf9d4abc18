/* core_command.c: from words to a command and its values. */
#include "services/terminal/command.h"

#include <stdio.h>
#include <stdlib.h>

#include "clock.h"

#define WORD_SIZE_MAX 64

/* One parse in progress. */
struct parse {
	const struct command *table;
	int argc;
	const char *const *argv;
	int at;
	int64_t now_ms;
	struct args *args;
	size_t arguments_seen;
	bool options_ended;
	struct problem *problem;
};

static bool same(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

const struct command *command_find(const struct command *table, const char *noun, const char *verb)
{
	for (const struct command *c = table; c->id != COMMAND_NONE; c++) {
		if (!same(c->noun, noun))
			continue;
		if (!c->verb || (verb && same(c->verb, verb)))
			return c;
	}
	return NULL;
}

bool command_is_noun(const struct command *table, const char *noun)
{
	for (const struct command *c = table; c->id != COMMAND_NONE; c++)
		if (same(c->noun, noun))
			return true;
	return false;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t word_distance(const char *a, const char *b)
{
	size_t rows[3][WORD_SIZE_MAX + 1];
	size_t a_size = strlen(a);
	size_t b_size = strlen(b);

	if (a_size > WORD_SIZE_MAX || b_size > WORD_SIZE_MAX)
		return WORD_SIZE_MAX;
	for (size_t j = 0; j <= b_size; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_size; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i + 2) % 3];
		const size_t *above2 = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_size; j++) {
			size_t change = a[i - 1] == b[j - 1] ? 0 : 1;

			row[j] = smaller(above[j - 1] + change, smaller(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = smaller(row[j], above2[j - 2] + 1);
		}
	}
	return rows[a_size % 3][b_size];
}

/* "agnet lsit" is near "agent list"; "frobnicate" is near nothing. */
const struct command *command_nearest(const struct command *table, const char *noun,
				      const char *verb)
{
	const struct command *best = NULL;
	size_t best_distance = COMMAND_DISTANCE_MAX + 1;
	bool noun_known = command_is_noun(table, noun);

	for (const struct command *c = table; c->id != COMMAND_NONE; c++) {
		size_t distance = word_distance(noun, c->noun);
		size_t limit = strlen(c->noun);

		if (c->hidden || (noun_known && distance > 0))
			continue;
		if (c->verb && verb) {
			distance += word_distance(verb, c->verb);
			limit += strlen(c->verb);
		}
		if (distance < best_distance && distance * 2 < limit + 1) {
			best_distance = distance;
			best = c;
		}
	}
	return best;
}

struct str duration_print(struct arena *arena, int64_t ms)
{
	if (ms < 0)
		ms = 0;
	if (ms < 1000)
		return arena_printf(arena, "%lld ms", (long long)ms);
	if (ms < 10000)
		return arena_printf(arena, "%.1f s", (double)ms / 1000);
	if (ms < 120000)
		return arena_printf(arena, "%lld s", (long long)(ms / 1000));
	if (ms < 7200000)
		return arena_printf(arena, "%lld min", (long long)(ms / 60000));
	if (ms < 172800000)
		return arena_printf(arena, "%lld h", (long long)(ms / 3600000));
	return arena_printf(arena, "%lld d", (long long)(ms / 86400000));
}

/* --- values --- */

static bool choice_parse(const char *choices, const char *text, int64_t *ret)
{
	struct str rest = str_of(choices);
	struct str head = rest;

	for (int64_t i = 0; rest.data; i++) {
		struct str tail = { 0 };

		if (!str_cut(rest, '|', &head, &tail))
			head = rest;
		if (str_is(head, text)) {
			*ret = i;
			return true;
		}
		rest = tail;
	}
	return false;
}

static const char *shown(const struct option_spec *spec, char *buffer, size_t size, bool argument)
{
	snprintf(buffer, size, argument ? "%s" : "--%s", spec->name);
	return buffer;
}

static enum st value_refuse(struct parse *parse, const struct option_spec *spec, bool argument,
			    const char *text, const char *what)
{
	char name[WORD_SIZE_MAX];

	return problem_set(parse->problem, ST_USAGE, shown(spec, name, sizeof(name), argument),
			   "\"%s\" is not %s", text, what);
}

static bool fraction_parse(const char *text, double *ret)
{
	char *end = NULL;
	double value;

	if (text[strspn(text, "0123456789.-")] != '\0' || text[0] == '\0')
		return false;
	value = strtod(text, &end);
	if (*end != '\0')
		return false;
	*ret = value;
	return true;
}

static enum st integer_parse(struct parse *parse, const struct option_spec *spec, bool argument,
			     const char *text, int64_t *ret)
{
	if (str_to_i64(str_of(text), ret) && *ret >= spec->min && *ret <= spec->max)
		return ST_OK;
	value_refuse(parse, spec, argument, text, "a whole number in range");
	problem_hint(parse->problem, "a whole number from %lld to %lld", (long long)spec->min,
		     (long long)spec->max);
	return ST_USAGE;
}

static enum st moment_parse(struct parse *parse, const struct option_spec *spec, bool argument,
			    const char *text, int64_t *ret)
{
	int64_t ago_ms;

	if (duration_parse(str_of(text), &ago_ms)) {
		*ret = parse->now_ms - ago_ms;
		return ST_OK;
	}
	if (time_parse(str_of(text), ret))
		return ST_OK;
	value_refuse(parse, spec, argument, text, "a time");
	problem_hint(
		parse->problem,
		"a time such as 2026-02-16T15:00:00.000Z, or how long ago: 90s, 15m, 36h, 30d");
	return ST_USAGE;
}

static enum st value_parse(struct parse *parse, const struct option_spec *spec, bool argument,
			   const char *text, struct arg_value *ret)
{
	ret->spec = spec;
	ret->text = text;
	switch (spec->kind) {
	case OPTION_FLAG:
	case OPTION_TEXT:
	case OPTION_FILE:
		if (str_is_utf8(str_of(text)))
			return ST_OK;
		return value_refuse(parse, spec, argument, "(bytes)", "UTF-8 text");
	case OPTION_INTEGER:
		return integer_parse(parse, spec, argument, text, &ret->number);
	case OPTION_NUMBER:
		if (fraction_parse(text, &ret->fraction))
			return ST_OK;
		return value_refuse(parse, spec, argument, text, "a number");
	case OPTION_CHOICE:
		if (choice_parse(spec->choices, text, &ret->number))
			return ST_OK;
		value_refuse(parse, spec, argument, text, "one of its choices");
		problem_hint(parse->problem, "one of %s", spec->choices);
		return ST_USAGE;
	case OPTION_DURATION:
		if (duration_parse(str_of(text), &ret->number))
			return ST_OK;
		value_refuse(parse, spec, argument, text, "a duration");
		problem_hint(parse->problem, "a number and a unit: 500ms, 90s, 15m, 36h, 30d");
		return ST_USAGE;
	case OPTION_TIME:
		return moment_parse(parse, spec, argument, text, &ret->number);
	}
	return ST_USAGE;
}

/* --- options and arguments --- */

static const struct option_spec *spec_find(const struct option_spec *specs, struct str name)
{
	for (; specs && specs->name; specs++)
		if (str_is(name, specs->name))
			return specs;
	return NULL;
}

static const struct option_spec *option_find(const struct command *command, struct str name)
{
	const struct option_spec *spec = spec_find(common_options, name);

	if (!spec && command)
		spec = spec_find(command->options, name);
	return spec;
}

static const char *option_nearest(const struct command *command, struct str name)
{
	const struct option_spec *lists[] = { command ? command->options : NULL, common_options };
	char word[WORD_SIZE_MAX];
	size_t best_distance = COMMAND_DISTANCE_MAX;
	const char *best = NULL;

	if (!str_copy(name, word, sizeof(word)))
		return NULL;
	for (size_t i = 0; i < 2; i++) {
		for (const struct option_spec *s = lists[i]; s && s->name; s++) {
			size_t distance = word_distance(word, s->name);

			if (distance < best_distance && distance < strlen(s->name)) {
				best_distance = distance;
				best = s->name;
			}
		}
	}
	return best;
}

static void hint_help(struct parse *parse)
{
	const struct command *command = parse->args->command;

	if (!command)
		problem_hint(parse->problem, "see: piopl --help");
	else
		problem_hint(parse->problem, "see: piopl %s%s%s --help", command->noun,
			     command->verb ? " " : "", command->verb ? command->verb : "");
}

static enum st value_add(struct parse *parse, const struct arg_value *value, bool argument)
{
	struct args *args = parse->args;
	char name[WORD_SIZE_MAX];

	if (!value->spec->repeated && args_times(args, value->spec->name) > 0)
		return problem_set(parse->problem, ST_USAGE,
				   shown(value->spec, name, sizeof(name), argument),
				   "it can be given once only");
	if (args->count == ARGS_VALUES_MAX)
		return problem_set(parse->problem, ST_USAGE, "",
				   "more than %d options and arguments", ARGS_VALUES_MAX);
	args->values[args->count++] = *value;
	return ST_OK;
}

static enum st option_unknown(struct parse *parse, struct str name)
{
	const char *near = option_nearest(parse->args->command, name);

	problem_set(parse->problem, ST_USAGE, "", "there is no option \"--%.*s\"", STR_ARG(name));
	if (near)
		problem_hint(parse->problem, "did you mean --%s?", near);
	else
		hint_help(parse);
	return ST_USAGE;
}

/* "--name value", "--name=value", "--flag", "-h". */
static enum st option_take(struct parse *parse)
{
	const char *word = parse->argv[parse->at++];
	struct str name = str_of(word);
	struct str inline_value = { 0 };
	struct arg_value value = { 0 };
	const struct option_spec *spec;

	if (same(word, "-h"))
		word = "--help";
	if (word[1] != '-')
		return option_unknown(parse, (struct str){ word + 1, strlen(word + 1) });
	name = str_of(word + 2);
	if (!str_cut(name, '=', &name, &inline_value))
		inline_value.data = NULL;
	spec = option_find(parse->args->command, name);
	if (!spec)
		return option_unknown(parse, name);
	if (spec->kind == OPTION_FLAG) {
		if (inline_value.data)
			return problem_set(parse->problem, ST_USAGE, word, "it takes no value");
		value.spec = spec;
		return value_add(parse, &value, false);
	}
	if (!inline_value.data) {
		if (parse->at == parse->argc) {
			problem_set(parse->problem, ST_USAGE, word, "it needs a value");
			problem_hint(parse->problem, "%s %s", word, spec->value);
			return ST_USAGE;
		}
		inline_value = str_of(parse->argv[parse->at++]);
	}
	TRY(value_parse(parse, spec, false, inline_value.data, &value));
	return value_add(parse, &value, false);
}

static enum st argument_take(struct parse *parse)
{
	const struct option_spec *specs = parse->args->command->arguments;
	const char *word = parse->argv[parse->at++];
	struct arg_value value = { 0 };
	size_t index = 0;

	while (specs && specs[index].name && index < parse->arguments_seen &&
	       !specs[index].repeated)
		index++;
	if (!specs || !specs[index].name) {
		problem_set(parse->problem, ST_USAGE, "", "\"%s\" is one word too many", word);
		hint_help(parse);
		return ST_USAGE;
	}
	parse->arguments_seen++;
	TRY(value_parse(parse, &specs[index], true, word, &value));
	return value_add(parse, &value, true);
}

static enum st required_check(struct parse *parse)
{
	const struct command *command = parse->args->command;

	for (const struct option_spec *s = command->arguments; s && s->name; s++)
		if (s->required && args_times(parse->args, s->name) == 0) {
			problem_set(parse->problem, ST_USAGE, s->name, "it is missing");
			hint_help(parse);
			return ST_USAGE;
		}
	for (const struct option_spec *s = command->options; s && s->name; s++)
		if (s->required && args_times(parse->args, s->name) == 0) {
			problem_set(parse->problem, ST_USAGE, "", "--%s is missing", s->name);
			hint_help(parse);
			return ST_USAGE;
		}
	return ST_OK;
}

/* --- the command --- */

static enum st command_unknown(struct parse *parse, const char *noun, const char *verb)
{
	const struct command *near = command_nearest(parse->table, noun, verb);

	problem_set(parse->problem, ST_USAGE, "", "there is no command \"%s%s%s\"", noun,
		    verb ? " " : "", verb ? verb : "");
	if (near)
		problem_hint(parse->problem, "did you mean: piopl %s%s%s", near->noun,
			     near->verb ? " " : "", near->verb ? near->verb : "");
	else
		hint_help(parse);
	return ST_USAGE;
}

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1] != '\0';
}

/* The first one or two words; options before them belong to every command. */
static enum st command_take(struct parse *parse)
{
	const char *noun;
	const char *verb = NULL;

	while (parse->at < parse->argc && is_option(parse->argv[parse->at]))
		TRY(option_take(parse));
	if (parse->at == parse->argc)
		return ST_OK;
	noun = parse->argv[parse->at++];
	if (parse->at < parse->argc && !is_option(parse->argv[parse->at]))
		verb = parse->argv[parse->at];
	if (!command_is_noun(parse->table, noun))
		return command_unknown(parse, noun, verb);
	parse->args->noun = noun;
	parse->args->command = command_find(parse->table, noun, verb);
	if (!parse->args->command && verb)
		return command_unknown(parse, noun, verb);
	if (parse->args->command && parse->args->command->verb)
		parse->at++;
	return ST_OK;
}

static enum st values_take(struct parse *parse)
{
	while (parse->at < parse->argc) {
		const char *word = parse->argv[parse->at];

		if (!parse->options_ended && same(word, "--")) {
			parse->options_ended = true;
			parse->at++;
			continue;
		}
		if (!parse->options_ended && is_option(word))
			TRY(option_take(parse));
		else if (parse->args->command)
			TRY(argument_take(parse));
		else
			return command_unknown(parse, parse->args->noun, word);
	}
	return ST_OK;
}

enum st args_parse(const struct command *table, int argc, const char *const *argv, int64_t now_ms,
		   struct args *ret, struct problem *problem)
{
	struct args args = { 0 };
	struct parse parse = {
		.table = table,
		.argc = argc,
		.argv = argv,
		.now_ms = now_ms,
		.args = &args,
		.problem = problem,
	};

	TRY(command_take(&parse));
	TRY(values_take(&parse));
	if (args.command && !args_has(&args, "help"))
		TRY(required_check(&parse));
	if (!args.command && args.noun && !args_has(&args, "help")) {
		problem_set(problem, ST_USAGE, "", "\"piopl %s\" needs a verb", args.noun);
		problem_hint(problem, "see: piopl %s --help", args.noun);
		return ST_USAGE;
	}
	*ret = args;
	return ST_OK;
}

/* --- asking --- */

size_t args_times(const struct args *args, const char *name)
{
	size_t times = 0;

	for (size_t i = 0; i < args->count; i++)
		times += same(args->values[i].spec->name, name);
	return times;
}

static const struct arg_value *value_at(const struct args *args, const char *name, size_t nth)
{
	for (size_t i = 0; i < args->count; i++)
		if (same(args->values[i].spec->name, name) && nth-- == 0)
			return &args->values[i];
	/* Asking for what the command does not have is our own mistake. */
	ASSERT(!args->command || option_find(args->command, str_of(name)) ||
	       spec_find(args->command->arguments, str_of(name)));
	return NULL;
}

bool args_has(const struct args *args, const char *name)
{
	return value_at(args, name, 0) != NULL;
}

const char *args_nth(const struct args *args, const char *name, size_t nth)
{
	const struct arg_value *value = value_at(args, name, nth);

	return value ? value->text : NULL;
}

const char *args_text(const struct args *args, const char *name)
{
	return args_nth(args, name, 0);
}

int64_t args_i64(const struct args *args, const char *name, int64_t otherwise)
{
	const struct arg_value *value = value_at(args, name, 0);

	return value ? value->number : otherwise;
}

double args_fraction(const struct args *args, const char *name, double otherwise)
{
	const struct arg_value *value = value_at(args, name, 0);

	return value ? value->fraction : otherwise;
}
