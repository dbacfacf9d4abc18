/* bus_internal.h: what the bus' sources share; not for services. */
#ifndef PIOPL_BUS_INTERNAL_H
#define PIOPL_BUS_INTERNAL_H

#include <nats/nats.h>
#include <stdatomic.h>

#include "bus.h"

struct bus_loop;

struct bus_subscription {
	natsSubscription *subscription;
	struct mailbox *mailbox;
	struct bus *bus;
	char subject[BUS_SUBJECT_MAX];
	char queue_group[BUS_NAME_MAX]; /* "": none */
	bool followed;                  /* by the bus' loop; else the library delivers */
	atomic_int users;               /* this one, and subscriptions that may still deliver */
	struct bus_subscription *next;  /* in the loop's list, or in the bus' */
};

struct bus {
	_Atomic(natsConnection *) connection;
	struct bus_loop *loop;              /* NULL: the library's own threads read and write */
	natsOptions *options;               /* of a bus with a loop, for the next connection */
	struct bus_subscription *delivered; /* subscriptions of such a bus that no loop follows */
	uint64_t renew_ns;                  /* not before */
	int refusals;                       /* of our credentials, in a row */
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

/* The same subject of another connection; the old subscription goes. */
natsStatus bus_subscription_renew(struct bus_subscription *subscription,
				  natsConnection *connection);
/* Out of the list it is in, if it is. */
void bus_subscription_unlink(struct bus_subscription **list, const struct bus_subscription *self);
/* The stream's context is of a connection that is gone. */
void bus_stream_forget(struct bus *bus);
/* False: the server does not read, and enough waits for it already. */
bool bus_has_room(const struct bus *bus);
/* Takes the message: to its mailbox, or (false) answers that it is full. */
bool bus_deliver(struct bus_subscription *subscription, natsMsg *msg);

#endif
