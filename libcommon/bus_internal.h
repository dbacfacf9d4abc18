/* bus_internal.h: what the bus' sources share; not for services. */
#ifndef PIOPL_BUS_INTERNAL_H
#define PIOPL_BUS_INTERNAL_H

#include <nats/nats.h>

#include "bus.h"

struct bus {
	natsConnection *connection;
	jsCtx *stream;
	char name[BUS_NAME_MAX];
	char stream_name[BUS_NAME_MAX + 16];
	_Atomic uint64_t stream_failures;
};

/* Problem from the library's own words. */
enum st bus_problem(struct problem *problem, enum st st, const char *what, natsStatus status);

#endif
