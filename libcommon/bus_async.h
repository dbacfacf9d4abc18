/* bus_async.h: calls whose answers are taken later, for a process that must not wait. One inbox for
 * all of them, `_INBOX.<name>.<connection>.<number>`; each request is answered exactly once, by the
 * service or by its deadline. What comes after the deadline is dropped. */
#ifndef PIOPL_BUS_ASYNC_H
#define PIOPL_BUS_ASYNC_H

#include "bus.h"

#define BUS_ASYNC_IN_FLIGHT_MAX 65536

struct bus_async;

struct bus_request {
	const struct proto_call *call;
	struct str body;                 /* JSON; copied */
	struct bus_call_options options; /* texts are copied */
	void *context;                   /* comes back with the answer */
};

struct bus_answer {
	void *context;
	enum st st;
	struct str body;            /* ST_OK: the reply's JSON, valid until bus_answer_free */
	struct problem problem;     /* else */
	struct bus_message message; /* what holds the body; .handle NULL when nothing came */
};

/* At most `in_flight_max` requests wait at a time. `notify_fd` is an eventfd that is written when
 * answers came. ST_NO_MEMORY, ST_BUS_UNAVAILABLE. */
MUST_CHECK enum st bus_async_open(struct bus *bus, size_t in_flight_max, int notify_fd,
				  struct bus_async **ret, struct problem *problem);
void bus_async_close(struct bus_async *async);
/* `ret_number` names the request for bus_async_forget, 0 is no request. ST_OVERLOADED when
 * `in_flight_max` wait, ST_MESSAGE_TOO_LARGE, ST_BUS_UNAVAILABLE. */
MUST_CHECK enum st bus_async_send(struct bus_async *async, const struct bus_request *request,
				  uint64_t *ret_number, struct problem *problem);
/* Nobody waits for it any more: its context never comes back. */
void bus_async_forget(struct bus_async *async, uint64_t number);
/* Answers that are there, and those whose deadline passed; does not wait. Ask at least each
 * 100 ms, which is how late a deadline may be told. */
size_t bus_async_take(struct bus_async *async, struct bus_answer *ret, size_t max);
void bus_answer_free(struct bus_answer *answer);
size_t bus_async_waiting(const struct bus_async *async);

#endif
