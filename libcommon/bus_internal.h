/* bus_internal.h: what the bus' sources share; not for services. */
#ifndef PIOPL_BUS_INTERNAL_H
#define PIOPL_BUS_INTERNAL_H

#include <nats/nats.h>

#include "bus.h"

struct bus_loop;

struct bus_subscription {
	natsSubscription *subscription;
	struct mailbox *mailbox;
	struct bus *bus;
	bool followed; /* by the bus' loop */
	struct bus_subscription *next;
};

struct bus {
	natsConnection *connection;
	struct bus_loop *loop; /* NULL: the library's own threads read and write */
	char name[BUS_NAME_MAX];
	/* the stream this process publishes into (bus_stream.c) */
	jsCtx *stream;
	char stream_name[BUS_NAME_MAX + 16];
	natsMsg *stream_held; /* published by the next publish or by settle */
	uint64_t stream_last; /* sequence of the stream's last message, while stream_known */
	uint64_t stream_sent; /* since the last settle */
	bool stream_known;
	bool stream_careful; /* each message is acknowledged */
	_Atomic uint64_t stream_failures;
};

natsStatus bus_headers_set(natsMsg *msg, const struct bus_call_options *options,
			   uint32_t timeout_ms);
/* The refusal in an answer that carries Nats-Service-Error; ST_INTERNAL when it does not decode. */
enum st bus_problem_of_reply(natsMsg *reply, struct arena *arena, struct problem *problem);
/* Problem from the library's own words. */
enum st bus_problem(struct problem *problem, enum st st, const char *what, natsStatus status);

/* Takes the message: to its mailbox, or (false) answers that it is full. */
bool bus_deliver(struct bus_subscription *subscription, natsMsg *msg);

#endif
