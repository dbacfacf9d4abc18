/* core_catalog_self.c: the command line itself. */
#include "services/terminal/catalog.h"

const struct command catalog_self[] = {
	{
		.id = COMMAND_COMPLETION,
		.noun = "completion",
		.summary = "print the shell's completion",
		.example = "source <(piopl completion bash)",
		.arguments = LIST({ .name = "shell",
				    .value = "SHELL",
				    .kind = OPTION_CHOICE,
				    .choices = "bash",
				    .required = true,
				    .help = "bash" }),
	},
	{
		.id = COMMAND_MAN,
		.noun = "man",
		.summary = "print the manual page (troff)",
		.example = "piopl man > piopl.1\npiopl man | man -l -",
	},
	{
		.id = COMMAND_HELP,
		.noun = "help",
		.summary = "this list",
		.example = "piopl help",
	},
	{
		.id = COMMAND_VERSION,
		.noun = "version",
		.summary = "the version of this program",
		.example = "piopl version --json",
	},
	{ .id = COMMAND_NONE },
};
