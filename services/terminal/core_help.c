/* core_help.c: help, man page and completion, all from the command table. */
#include <stdio.h>

#include "services/terminal/command.h"

#define HELP_COLUMN 26 /* where descriptions of options begin */

static const char exit_codes[] = "  0  done\n"
				 "  1  refused: the system said no, and why\n"
				 "  2  the command line was not understood\n"
				 "  3  unavailable: something that is needed does not answer\n"
				 "  4  a fault of PIOPL itself\n";

static const char environment[] =
	"  PIOPL_DATA        data directory (default /var/lib/piopl as root, else\n"
	"                    ~/.local/share/piopl)\n"
	"  PIOPL_PORT_NATS   port of the bus (default 4222)\n"
	"  PIOPL_PORT_HTTP   first of the services' health ports (default 4601)\n"
	"  PIOPL_STEWARD_KEY the key file that signs weighty acts\n"
	"                    (default keys/people/steward.key in the data directory)\n"
	"  NO_COLOR          any value: no colours\n";

static void spaces(struct buf *buf, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_add_char(buf, ' ');
}

static void left_column(struct buf *buf, const char *text)
{
	size_t size = strlen(text);

	buf_add_c(buf, "  ");
	buf_add_c(buf, text);
	if (size + 4 > HELP_COLUMN) {
		buf_add_char(buf, '\n');
		spaces(buf, HELP_COLUMN);
	} else {
		spaces(buf, HELP_COLUMN - 2 - size);
	}
}

static void usage_write(const struct command *command, struct buf *buf)
{
	buf_printf(buf, "piopl %s", command->noun);
	if (command->verb)
		buf_printf(buf, " %s", command->verb);
	for (const struct option_spec *s = command->arguments; s && s->name; s++)
		buf_printf(buf, s->required ? " <%s>%s" : " [%s]%s", s->name,
			   s->repeated ? "..." : "");
	for (const struct option_spec *s = command->options; s && s->name; s++)
		if (s->required)
			buf_printf(buf, " --%s %s", s->name, s->value);
	for (const struct option_spec *s = command->options; s && s->name; s++)
		if (!s->required) {
			buf_add_c(buf, " [options]");
			return;
		}
}

static void option_write(const struct option_spec *spec, bool argument, struct buf *buf)
{
	char left[96];

	if (argument)
		snprintf(left, sizeof(left), "%s", spec->name);
	else if (spec->value)
		snprintf(left, sizeof(left), "--%s %s", spec->name, spec->value);
	else
		snprintf(left, sizeof(left), "--%s", spec->name);
	left_column(buf, left);
	buf_add_c(buf, spec->help);
	if (spec->kind == OPTION_CHOICE)
		buf_printf(buf, ": %s", spec->choices);
	if (spec->kind == OPTION_INTEGER)
		buf_printf(buf, " (%lld to %lld)", (long long)spec->min, (long long)spec->max);
	if (spec->required && !argument)
		buf_add_c(buf, "; needed");
	if (spec->repeated)
		buf_add_c(buf, "; can be repeated");
	buf_add_char(buf, '\n');
}

static void specs_write(const char *title, const struct option_spec *specs, bool argument,
			struct buf *buf)
{
	if (!specs || !specs->name)
		return;
	buf_printf(buf, "\n%s:\n", title);
	for (; specs->name; specs++)
		option_write(specs, argument, buf);
}

static void example_write(const char *example, const char *before, struct buf *buf)
{
	struct str rest = str_of(example);

	while (rest.data && rest.size > 0) {
		struct str line = rest;
		struct str tail = { 0 };

		if (!str_cut(rest, '\n', &line, &tail))
			tail = (struct str){ 0 };
		buf_printf(buf, "%s%.*s\n", before, STR_ARG(line));
		rest = tail;
	}
}

void help_command(const struct command *command, struct buf *buf)
{
	buf_printf(buf, "piopl %s%s%s: %s\n\nUsage: ", command->noun, command->verb ? " " : "",
		   command->verb ? command->verb : "", command->summary);
	usage_write(command, buf);
	buf_add_char(buf, '\n');
	if (command->about)
		buf_printf(buf, "\n%s\n", command->about);
	specs_write("Arguments", command->arguments, true, buf);
	specs_write("Options", command->options, false, buf);
	specs_write("Options of every command", common_options, false, buf);
	buf_add_c(buf, "\nExample:\n");
	example_write(command->example, "  ", buf);
}

static bool noun_is_first(const struct command *table, const struct command *command)
{
	for (const struct command *c = table; c != command; c++)
		if (!c->hidden && strcmp(c->noun, command->noun) == 0)
			return false;
	return true;
}

void help_noun(const struct command *table, const char *noun, struct buf *buf)
{
	const char *summary = noun_summary(noun);

	buf_printf(buf, "piopl %s: %s\n\nVerbs:\n", noun, summary ? summary : "");
	for (const struct command *c = table; c->id != COMMAND_NONE; c++) {
		if (c->hidden || strcmp(c->noun, noun) != 0)
			continue;
		left_column(buf, c->verb ? c->verb : c->noun);
		buf_printf(buf, "%s\n", c->summary);
	}
	buf_printf(buf, "\nMore: piopl %s <verb> --help\n", noun);
}

void help_overview(const struct command *table, struct buf *buf)
{
	buf_add_c(buf, "piopl: deploy, govern and account for a fleet of agents\n\n"
		       "Usage: piopl <noun> [<verb>] [arguments] [options]\n\nCommands:\n");
	for (const struct command *c = table; c->id != COMMAND_NONE; c++) {
		const char *summary = noun_summary(c->noun);

		if (c->hidden || !noun_is_first(table, c))
			continue;
		left_column(buf, c->noun);
		buf_printf(buf, "%s\n", summary ? summary : c->summary);
	}
	specs_write("Options of every command", common_options, false, buf);
	buf_printf(buf, "\nExit codes:\n%s\nEnvironment:\n%s", exit_codes, environment);
	buf_add_c(buf, "\nExample:\n  piopl up\n  piopl agent list --state active\n"
		       "\nMore: piopl <noun> --help\n");
}

/* --- man page: troff, man(7) macros --- */

static void man_text(struct buf *buf, const char *text)
{
	for (const char *c = text; *c; c++) {
		bool line_start = c == text || c[-1] == '\n';

		if (line_start && (*c == '.' || *c == '\''))
			buf_add_c(buf, "\\&");
		if (*c == '\\')
			buf_add_c(buf, "\\e");
		else if (*c == '-')
			buf_add_c(buf, "\\-");
		else
			buf_add_char(buf, *c);
	}
}

static void man_option(const struct option_spec *spec, bool argument, struct buf *buf)
{
	buf_add_c(buf, ".TP\n\\fB");
	if (!argument)
		buf_add_c(buf, "\\-\\-");
	man_text(buf, spec->name);
	buf_add_c(buf, "\\fR");
	if (spec->value && !argument)
		buf_printf(buf, " \\fI%s\\fR", spec->value);
	buf_add_char(buf, '\n');
	man_text(buf, spec->help);
	if (spec->kind == OPTION_CHOICE) {
		buf_add_c(buf, ": ");
		man_text(buf, spec->choices);
	}
	buf_add_char(buf, '\n');
}

static void man_command(const struct command *command, struct buf *buf)
{
	buf_printf(buf, ".SS \"piopl %s%s%s\"\n", command->noun, command->verb ? " " : "",
		   command->verb ? command->verb : "");
	man_text(buf, command->summary);
	buf_add_c(buf, ".\n");
	if (command->about) {
		buf_add_c(buf, ".PP\n");
		man_text(buf, command->about);
		buf_add_char(buf, '\n');
	}
	for (const struct option_spec *s = command->arguments; s && s->name; s++)
		man_option(s, true, buf);
	for (const struct option_spec *s = command->options; s && s->name; s++)
		man_option(s, false, buf);
	buf_add_c(buf, ".PP\nExample:\n.PP\n.nf\n");
	man_text(buf, command->example);
	buf_add_c(buf, "\n.fi\n");
}

void help_man(const struct command *table, struct buf *buf)
{
	buf_add_c(buf, ".TH PIOPL 1 \"\" \"PIOPL\" \"User Commands\"\n.SH NAME\n"
		       "piopl \\- deploy, govern and account for a fleet of agents\n"
		       ".SH SYNOPSIS\n.B piopl\n\\fInoun\\fR [\\fIverb\\fR] [\\fIarguments\\fR] "
		       "[\\fIoptions\\fR]\n.SH OPTIONS\nOptions of every command.\n");
	for (const struct option_spec *s = common_options; s->name; s++)
		man_option(s, false, buf);
	buf_add_c(buf, ".SH COMMANDS\n");
	for (const struct command *c = table; c->id != COMMAND_NONE; c++)
		if (!c->hidden)
			man_command(c, buf);
	buf_add_c(buf, ".SH EXIT STATUS\n.nf\n");
	man_text(buf, exit_codes);
	buf_add_c(buf, ".fi\n.SH ENVIRONMENT\n.nf\n");
	man_text(buf, environment);
	buf_add_c(buf, ".fi\n");
}

/* --- bash completion --- */

static void completion_nouns(const struct command *table, struct buf *buf)
{
	for (const struct command *c = table; c->id != COMMAND_NONE; c++)
		if (!c->hidden && noun_is_first(table, c))
			buf_printf(buf, "%s ", c->noun);
}

static void completion_verbs(const struct command *table, struct buf *buf)
{
	for (const struct command *c = table; c->id != COMMAND_NONE; c++) {
		if (c->hidden || !c->verb || !noun_is_first(table, c))
			continue;
		buf_printf(buf, "\t%s) verbs=\"", c->noun);
		for (const struct command *v = c; v->id != COMMAND_NONE; v++)
			if (!v->hidden && v->verb && strcmp(v->noun, c->noun) == 0)
				buf_printf(buf, "%s%s", v == c ? "" : " ", v->verb);
		buf_add_c(buf, "\" ;;\n");
	}
}

static void completion_options(const struct command *table, struct buf *buf)
{
	for (const struct command *c = table; c->id != COMMAND_NONE; c++) {
		if (c->hidden)
			continue;
		buf_printf(buf, "\t\"%s%s%s\") options=\"", c->noun, c->verb ? " " : "",
			   c->verb ? c->verb : "");
		for (const struct option_spec *s = c->options; s && s->name; s++)
			buf_printf(buf, "--%s ", s->name);
		for (const struct option_spec *s = common_options; s->name; s++)
			buf_printf(buf, "%s--%s", s == common_options ? "" : " ", s->name);
		buf_add_c(buf, "\" ;;\n");
	}
}

/* "agent list --state" is completed with its choices. */
static void completion_choices(const struct command *table, struct buf *buf)
{
	for (const struct command *c = table; c->id != COMMAND_NONE; c++)
		for (const struct option_spec *s = c->options; !c->hidden && s && s->name; s++) {
			if (s->kind != OPTION_CHOICE && s->kind != OPTION_FILE)
				continue;
			buf_printf(buf, "\t\"%s%s%s --%s\") ", c->noun, c->verb ? " " : "",
				   c->verb ? c->verb : "", s->name);
			if (s->kind == OPTION_FILE)
				buf_add_c(buf, "files=1 ;;\n");
			else
				buf_printf(buf, "choices=\"%s\" ;;\n", s->choices);
		}
}

void help_completion_bash(const struct command *table, struct buf *buf)
{
	buf_add_c(buf, "# bash completion for piopl; load with: source <(piopl completion bash)\n"
		       "_piopl() {\n"
		       "\tlocal word=\"${COMP_WORDS[COMP_CWORD]}\" noun=\"${COMP_WORDS[1]}\"\n"
		       "\tlocal before=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
		       "\tlocal verbs=\"\" options=\"\" choices=\"\" files=\"\" command\n"
		       "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n"
		       "\t\tmapfile -t COMPREPLY < <(compgen -W \"");
	completion_nouns(table, buf);
	buf_add_c(buf, "--help --version\" -- \"$word\")\n\t\treturn\n\tfi\n\tcase \"$noun\" in\n");
	completion_verbs(table, buf);
	buf_add_c(buf, "\tesac\n"
		       "\tif [ -n \"$verbs\" ] && [ \"$COMP_CWORD\" -eq 2 ]; then\n"
		       "\t\tmapfile -t COMPREPLY < <(compgen -W \"$verbs --help\" -- \"$word\")\n"
		       "\t\treturn\n\tfi\n"
		       "\tcommand=\"$noun${verbs:+ ${COMP_WORDS[2]}}\"\n"
		       "\tcase \"$command $before\" in\n");
	completion_choices(table, buf);
	buf_add_c(buf, "\tesac\n"
		       "\tif [ -n \"$choices\" ]; then\n"
		       "\t\tmapfile -t COMPREPLY < <(compgen -W \"${choices//|/ }\" -- \"$word\")\n"
		       "\t\treturn\n\tfi\n"
		       "\tif [ -n \"$files\" ] || [[ \"$word\" != -* ]]; then\n"
		       "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
		       "\t\treturn\n\tfi\n"
		       "\tcase \"$command\" in\n");
	completion_options(table, buf);
	buf_add_c(buf, "\tesac\n"
		       "\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
		       "}\ncomplete -F _piopl piopl\n");
}
