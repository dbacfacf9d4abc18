/* core_catalog_stack.c: the one-machine stack, its clock, any call, messages set aside. */
#include "services/terminal/catalog.h"

const struct command catalog_stack[] = {
	{
		.id = COMMAND_UP,
		.noun = "up",
		.summary = "start the whole system and run the demonstration once",
		.about = "Creates the installation the first time (keys, database cluster, bus),\n"
			 "starts everything under a supervisor and founds the fleet. Repeating it "
			 "is\n"
			 "harmless. The system keeps running when this command ends.",
		.example = "piopl up\nPIOPL_PORT_NATS=5222 piopl up --dev",
		.options = LIST(FLAG("dev", "development mode: the clock can be moved"),
				FLAG("bare", "start only, without the demonstration")),
	},
	{
		.id = COMMAND_DOWN,
		.noun = "down",
		.summary = "stop everything; data stays",
		.example = "piopl down",
	},
	{
		.id = COMMAND_RESET,
		.noun = "reset",
		.summary = "stop everything and forget the data, keys included",
		.example = "piopl reset --yes",
		.options = LIST(YES),
	},
	{
		.id = COMMAND_STATUS,
		.noun = "status",
		.summary = "every part: its state, process, restarts",
		.example = "piopl status\npiopl status --json",
	},
	{
		.id = COMMAND_TOP,
		.noun = "top",
		.summary = "how busy every service is, live",
		.about = "Calls and events a second, how long calls take, what waits to be sent, "
			 "read\n"
			 "from the services' metrics pages. Not on a terminal it looks once.",
		.example = "piopl top --times 1\npiopl top --every 5s --times 2 --json",
		.options = LIST(SPAN("every", "time between two looks (1s)"),
				WHOLE("times", "N", 1, 1000000, "looks, then end")),
	},
	{
		.id = COMMAND_DOCTOR,
		.noun = "doctor",
		.summary = "check the installation and say what to do",
		.example = "piopl doctor",
	},
	{
		.id = COMMAND_MIGRATE,
		.noun = "migrate",
		.summary = "bring the database's schemas up to this version",
		.about =
			"Applies the numbered migrations that are missing, in a transaction each,\n"
			"under a lock. piopl up does it by itself.",
		.example = "piopl migrate",
	},
	{
		.id = COMMAND_SUPERVISE,
		.noun = "supervise",
		.summary = "keep the parts running, in the foreground",
		.example = "piopl supervise",
		.options = LIST(FLAG("dev", "development mode")),
		.hidden = true,
	},
	{
		.id = COMMAND_CLOCK_SHOW,
		.noun = "clock",
		.verb = "show",
		.summary = "the time every service sees",
		.example = "piopl clock show",
	},
	{
		.id = COMMAND_CLOCK_ADVANCE,
		.noun = "clock",
		.verb = "advance",
		.summary = "move the whole stack's clock forward (development mode)",
		.example = "piopl clock advance 36h",
		.arguments = LIST({ .name = "by",
				    .value = "DURATION",
				    .kind = OPTION_DURATION,
				    .help = "how far: 90s, 15m, 36h, 30d",
				    .required = true }),
	},
	{
		.id = COMMAND_CALL,
		.noun = "call",
		.summary = "make any call of the contract by its name",
		.about = "The body is the request as JSON; the answer is printed as JSON. The "
			 "calls\n"
			 "are in docs/reference.",
		.example = "piopl call registry agent_get '{\"agent_id\":\"piopl_00001\"}'",
		.arguments = LIST({ .name = "service",
				    .value = "NAME",
				    .kind = OPTION_CHOICE,
				    .choices = SERVICES,
				    .help = "whose call it is",
				    .required = true },
				  NEEDED("call", "CALL", "its name, agent_get"),
				  { .name = "body",
				    .value = "JSON",
				    .help = "the request; {} when left out" }),
	},
	{
		.id = COMMAND_PARKED_LIST,
		.noun = "parked",
		.verb = "list",
		.summary = "messages that were set aside, and why",
		.example = "piopl parked list\npiopl parked list --service audit",
		.options = LIST(CHOICE("service", "NAME", SERVICES, "only this service"),
				WHOLE("limit", "N", 1, PAGE_MAX, "at most so many")),
	},
	{
		.id = COMMAND_PARKED_REPLAY,
		.noun = "parked",
		.verb = "replay",
		.summary = "try a message that was set aside again",
		.example = "piopl parked replay audit 17",
		.arguments =
			LIST({ .name = "service",
			       .value = "NAME",
			       .kind = OPTION_CHOICE,
			       .choices = SERVICES,
			       .help = "whose it is",
			       .required = true },
			     NEEDED_WHOLE("id", "N", 1, POSITION_MAX, "its number in the list")),
	},
	{ .id = COMMAND_NONE },
};
