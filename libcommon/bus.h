/* bus.h: NATS. A connection with an identity (nkey), calls made, messages received through a
 * bounded mailbox, and messages published. Callbacks of the NATS library only enqueue; everything
 * else happens on the thread that owns the bus. */
#ifndef PIOPL_BUS_H
#define PIOPL_BUS_H

#include "arena.h"
#include "proto.h"
#include "st.h"

#define BUS_NAME_MAX 64
#define BUS_SUBJECT_MAX 256
#define BUS_REPLY_MAX 128
#define BUS_PAYLOAD_MAX (1024 * 1024)

enum bus_sending {
	BUS_SEND_AT_ONCE,  /* each message is a system call: lowest latency, for clients */
	BUS_SEND_BUFFERED, /* one write for what comes together: for answering in batches */
};

struct bus_options {
	const char *url;            /* "nats://127.0.0.1:4222", commas separate servers */
	const char *name;           /* the identity; also its inbox: _INBOX.<name>.> */
	const char *nkey_seed_file; /* NULL: no authentication (tests of the library alone) */
	enum bus_sending sending;
	uint32_t connect_timeout_ms; /* 0: 2,000 */
};

struct bus;

/* Connects. A bus that sends at once reconnects for ever by itself; a buffered one when bus_renew
 * is called. ST_BUS_UNAVAILABLE with the reason. */
MUST_CHECK enum st bus_open(const struct bus_options *options, struct bus **ret,
			    struct problem *problem);
void bus_close(struct bus *bus);
bool bus_is_connected(const struct bus *bus);
/* It gave up reconnecting (its credentials were refused twice in a row) and will not come back. */
bool bus_is_closed(const struct bus *bus);
/* To be called now and then by the owner of a buffered bus: a connection that was lost is replaced
 * by a new one with the same subscriptions. What was not written is gone, as an answer is whose
 * asker went. True: connected. */
bool bus_renew(struct bus *bus);
/* A buffered bus sends nothing until bus_send. */
void bus_cork(struct bus *bus);
/* Writes what is buffered. ST_DEADLINE: the server does not read; the rest follows by itself.
 * ST_BUS_UNAVAILABLE: there is no connection. */
MUST_CHECK enum st bus_send(struct bus *bus, uint32_t timeout_ms);
/* Sends what is buffered and waits until the server has it. */
MUST_CHECK enum st bus_flush(struct bus *bus, uint32_t timeout_ms);

/* A call made. Encodes the request, waits for the answer, decodes it into `reply` (a struct of
 * call->reply, strings in `arena`). A refusal by the other side comes back as its own status with
 * its problem. ST_DEADLINE, ST_UNAVAILABLE (nobody listens), ST_BUS_UNAVAILABLE. */
struct bus_call_options {
	const char *service;         /* for the library's calls, which every service has */
	const char *idempotency_key; /* may be NULL */
	const char *principal;       /* may be NULL */
	const char *scopes;          /* of the principal's credential, for the gateway; or NULL */
	const char *trace_id;        /* 32 hex digits; NULL: a new one */
	uint32_t timeout_ms;         /* 0: the call's deadline */
};

MUST_CHECK enum st bus_call(struct bus *bus, const struct proto_call *call, const void *request,
			    const struct bus_call_options *options, struct arena *arena,
			    void *reply, struct problem *problem);
/* The same with texts: what an outside program would send and see. */
MUST_CHECK enum st bus_call_text(struct bus *bus, const struct proto_call *call, struct str body,
				 const struct bus_call_options *options, struct arena *arena,
				 struct str *ret_reply, struct problem *problem);

/* A call whose answer is fetched later, so that something else is done meanwhile. Begin gives a
 * handle that end (which waits) or drop takes back; `arena` is used for encoding only. */
struct bus_ask;
MUST_CHECK enum st bus_ask_begin(struct bus *bus, const struct proto_call *call,
				 const void *request, const struct bus_call_options *options,
				 struct arena *arena, struct bus_ask **ret,
				 struct problem *problem);
MUST_CHECK enum st bus_ask_end(struct bus_ask *ask, struct arena *arena, void *reply,
			       struct problem *problem);
void bus_ask_drop(struct bus_ask *ask);

/* Received messages. */
struct bus_message {
	void *handle; /* the NATS library's; freed by bus_message_free */
	const char *subject;
	const char *reply; /* NULL when no answer is awaited */
	struct str data;
	uint64_t received_ns; /* monotonic */
};

const char *bus_message_header(const struct bus_message *message, const char *name);
void bus_message_free(struct bus_message *message);

/* A ring of reply subjects in memory that outlives this process, so that a successor can answer
 * what a dead worker left open. Shared, zeroed memory; one writer. */
struct bus_open_replies {
	uint32_t head;
	uint32_t tail;
	char replies[][BUS_REPLY_MAX];
};

#define MAILBOX_BYTES_MAX (64 * 1024 * 1024)     /* waiting; past it a mailbox is full */
#define MAILBOX_TAKE_BYTES_MAX (2 * 1024 * 1024) /* of messages taken together; one always is */
struct mailbox;
struct mailbox *mailbox_new(size_t capacity, struct bus_open_replies *open_replies);
void mailbox_free(struct mailbox *mailbox);
/* Waits up to `timeout_ms` for the first message, then takes what is there, at most `max` and
 * MAILBOX_TAKE_BYTES_MAX. */
size_t mailbox_take(struct mailbox *mailbox, struct bus_message *ret, size_t max,
		    uint32_t timeout_ms);
/* The `count` messages taken first are answered; their reply subjects are forgotten. */
void mailbox_done(struct mailbox *mailbox, size_t count);
void mailbox_wake(struct mailbox *mailbox);
size_t mailbox_waiting(struct mailbox *mailbox);
/* An eventfd that is written when a message comes; for a thread that waits in epoll. -1: none. */
void mailbox_notify(struct mailbox *mailbox, int fd);
/* Messages that found it full since the last question. */
uint64_t mailbox_refused(struct mailbox *mailbox);

struct bus_subscription;
/* Full mailbox: an awaited answer gets ST_OVERLOADED at once, anything else is dropped and counted
 * (its reader sees a gap in the sequence and asks for it). */
MUST_CHECK enum st bus_subscribe(struct bus *bus, const char *subject, const char *queue_group,
				 struct mailbox *mailbox, struct bus_subscription **ret,
				 struct problem *problem);
/* Stops taking; what was delivered stays in the mailbox. */
void bus_unsubscribe(struct bus_subscription *subscription);

/* Published messages. */
MUST_CHECK enum st bus_publish(struct bus *bus, const char *subject, struct str data);
MUST_CHECK enum st bus_reply(struct bus *bus, const char *reply, struct str data);
MUST_CHECK enum st bus_reply_problem(struct bus *bus, const char *reply,
				     const struct problem *problem, const char *trace_id);

/* JetStream, for the relay: a stream that holds the events of one service, and runs of messages
 * published into it and settled together. One stream a connection. */
struct bus_header {
	const char *name;
	const char *value;
};

MUST_CHECK enum st bus_stream_ready(struct bus *bus, const char *service, int64_t age_s_max,
				    struct problem *problem);
MUST_CHECK enum st bus_stream_publish(struct bus *bus, const char *subject,
				      const struct bus_header *headers, size_t header_count,
				      struct str data);
/* Waits until everything published since the last settle is in the stream. ST_UNAVAILABLE: perhaps
 * not all of it; make the stream ready and publish the same again (what it has is dropped by its
 * Nats-Msg-Id). */
MUST_CHECK enum st bus_stream_settle(struct bus *bus, uint32_t timeout_ms);

#endif
