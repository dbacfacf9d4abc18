/* parts.h: what the one-machine stack consists of. */
#ifndef PIOPL_TERMINAL_PARTS_H
#define PIOPL_TERMINAL_PARTS_H

#include <stddef.h>

#include "services/terminal/supervise.h"

enum part_kind {
	PART_POSTGRES,
	PART_BUS,
	PART_TASK, /* piopl migrate */
	PART_SERVICE,
};

struct part_spec {
	const char *name;
	enum part_kind kind;
	uint32_t needs; /* bits: indexes of parts that must be ready or done first */
	int stop_signal;
};

/* In the order they start. */
const struct part_spec *parts_of(const struct site *site, size_t *ret_count);
/* In a child: sets user and environment, and becomes the program. Returns only on failure. */
void part_become(const struct site *site, const struct part_spec *spec, bool development);
enum part_answer part_ask(const struct site *site, const struct part_spec *spec, char *note,
			  size_t note_size);
/* The environment a service runs in. */
void part_environment(const struct site *site, const char *service, bool development);

#endif
