/* bus_loop.h: the sockets of buffered buses. Not for services. */
#ifndef PIOPL_BUS_LOOP_H
#define PIOPL_BUS_LOOP_H

#include "bus_internal.h"

/* Before connecting: the library reads and writes through the loop from then on. */
natsStatus bus_loop_new(struct bus *bus, natsOptions *options);
/* A new connection has taken the place of the one that was lost: its subscriptions do, too. */
natsStatus bus_loop_renew(struct bus_loop *loop, natsConnection *connection);
/* Whoever was in the middle of the connection before has left it when this returns. */
void bus_loop_settle(struct bus_loop *loop);
/* After the connection was closed, before it is destroyed. */
void bus_loop_free(struct bus_loop *loop);
/* Messages of the subscription go to its mailbox until it is forgotten. */
void bus_loop_follow(struct bus_loop *loop, struct bus_subscription *subscription);
/* Nothing of it is left to be delivered when this returns. */
void bus_loop_forget(struct bus_loop *loop, struct bus_subscription *subscription);
void bus_loop_cork(struct bus_loop *loop);
/* ST_DEADLINE: not all of it is written; it follows as the server reads. */
MUST_CHECK enum st bus_loop_send(struct bus_loop *loop, uint32_t timeout_ms);

#endif
