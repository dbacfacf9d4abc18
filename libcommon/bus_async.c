/* bus_async.c: a table of requests in flight. A request's number is its slot and the slot's
 * generation, so that an answer that comes late finds nobody. Deadlines are looked for when their
 * earliest is past. */
#include <stdio.h>
#include <stdlib.h>

#include "bus_async.h"
#include "bus_internal.h"
#include "clock.h"
#include "id.h"

#define ANSWER_SLACK_MS 250 /* the service's own word about the deadline arrives first */
#define TAKE_MAX 64
#define PROBLEM_BYTES_MAX (64 * 1024)

struct slot {
	void *context;
	uint32_t generation; /* odd: in use; stays below 2^31 */
	uint32_t next_free;
	uint64_t until_ns;
	const char *service;
	uint32_t timeout_ms;
};

struct bus_async {
	struct bus *bus;
	struct mailbox *mailbox;
	struct bus_subscription *subscription;
	char inbox[BUS_NAME_MAX + 32];
	size_t inbox_size;
	size_t waiting;
	size_t capacity;
	uint32_t free_head;
	uint64_t earliest_ns;
	struct slot slots[];
};

static struct bus_async *async_new(struct bus *bus, size_t capacity)
{
	struct bus_async *async = calloc(1, sizeof(*async) + capacity * sizeof(struct slot));
	char random[TRACE_ID_TEXT_SIZE];

	if (!async)
		return NULL;
	trace_id_make(random);
	async->bus = bus;
	async->capacity = capacity;
	async->earliest_ns = UINT64_MAX;
	async->inbox_size = (size_t)snprintf(async->inbox, sizeof(async->inbox), "_INBOX.%s.%.16s.",
					     bus->name, random);
	for (size_t i = 0; i < capacity; i++)
		async->slots[i].next_free = (uint32_t)(i + 1);
	return async;
}

enum st bus_async_open(struct bus *bus, size_t in_flight_max, int notify_fd, struct bus_async **ret,
		       struct problem *problem)
{
	char subject[BUS_REPLY_MAX + 2];

	ASSERT(in_flight_max > 0 && in_flight_max <= BUS_ASYNC_IN_FLIGHT_MAX);
	struct bus_async *async = async_new(bus, in_flight_max);
	if (!async)
		return problem_set(problem, ST_NO_MEMORY, "", "no memory for requests");
	async->mailbox = mailbox_new(2 * in_flight_max, NULL);
	if (!async->mailbox) {
		free(async);
		return problem_set(problem, ST_NO_MEMORY, "", "no memory for answers");
	}
	mailbox_notify(async->mailbox, notify_fd);
	snprintf(subject, sizeof(subject), "%s*", async->inbox);
	enum st st =
		bus_subscribe(bus, subject, NULL, async->mailbox, &async->subscription, problem);
	if (st != ST_OK) {
		mailbox_free(async->mailbox);
		free(async);
		return st;
	}
	*ret = async;
	return ST_OK;
}

void bus_async_close(struct bus_async *async)
{
	if (!async)
		return;
	bus_unsubscribe(async->subscription);
	mailbox_free(async->mailbox);
	free(async);
}

size_t bus_async_waiting(const struct bus_async *async)
{
	return async->waiting;
}

static uint64_t number_of(size_t slot, uint32_t generation)
{
	return (uint64_t)generation << 32 | (uint64_t)slot;
}

static struct slot *slot_of(struct bus_async *async, uint64_t number)
{
	size_t i = (size_t)(number & UINT32_MAX);

	if (i >= async->capacity || async->slots[i].generation != (uint32_t)(number >> 32) ||
	    async->slots[i].generation % 2 == 0)
		return NULL;
	return &async->slots[i];
}

static void slot_release(struct bus_async *async, struct slot *slot)
{
	slot->generation = (slot->generation + 1) & INT32_MAX;
	slot->context = NULL;
	slot->next_free = async->free_head;
	async->free_head = (uint32_t)(slot - async->slots);
	async->waiting--;
}

static enum st request_publish(struct bus_async *async, const struct bus_request *request,
			       uint64_t number, uint32_t timeout_ms, struct problem *problem)
{
	const char *service =
		request->options.service ? request->options.service : request->call->service;
	char subject[BUS_SUBJECT_MAX], reply[BUS_REPLY_MAX];
	natsMsg *msg = NULL;

	snprintf(subject, sizeof(subject), "piopl.rpc.%s.%s.%s", service, request->call->name,
		 async->bus->name);
	snprintf(reply, sizeof(reply), "%s%llu", async->inbox, (unsigned long long)number);
	natsStatus status = bus_has_room(async->bus)
				    ? natsMsg_Create(&msg, subject, reply, request->body.data,
						     (int)request->body.size)
				    : NATS_INSUFFICIENT_BUFFER;
	if (status == NATS_OK)
		status = bus_headers_set(msg, &request->options, timeout_ms);
	if (status == NATS_OK)
		status = natsConnection_PublishMsg(async->bus->connection, msg);
	natsMsg_Destroy(msg);
	return status == NATS_OK ? ST_OK
				 : bus_problem(problem, ST_BUS_UNAVAILABLE, "request", status);
}

enum st bus_async_send(struct bus_async *async, const struct bus_request *request,
		       uint64_t *ret_number, struct problem *problem)
{
	uint32_t timeout_ms = request->options.timeout_ms ? request->options.timeout_ms
							  : request->call->deadline_ms;

	ASSERT(request->options.service || request->call->service);
	if (request->body.size > BUS_PAYLOAD_MAX)
		return problem_set(problem, ST_MESSAGE_TOO_LARGE, "", "%zu bytes",
				   request->body.size);
	if (async->free_head >= async->capacity)
		return problem_set(problem, ST_OVERLOADED, "", "%zu requests wait already",
				   async->waiting);
	if (!bus_is_connected(async->bus))
		return problem_set(problem, ST_BUS_UNAVAILABLE, "", "%s", "");
	struct slot *slot = &async->slots[async->free_head];
	uint64_t number = number_of((size_t)(slot - async->slots), slot->generation + 1);
	TRY(request_publish(async, request, number, timeout_ms, problem));
	async->free_head = slot->next_free;
	async->waiting++;
	slot->generation++;
	slot->context = request->context;
	slot->service =
		request->options.service ? request->options.service : request->call->service;
	slot->timeout_ms = timeout_ms;
	slot->until_ns = clock_mono_ns() + (uint64_t)(timeout_ms + ANSWER_SLACK_MS) * 1000000u;
	if (slot->until_ns < async->earliest_ns)
		async->earliest_ns = slot->until_ns;
	*ret_number = number;
	return ST_OK;
}

void bus_async_forget(struct bus_async *async, uint64_t number)
{
	struct slot *slot = slot_of(async, number);

	if (slot)
		slot_release(async, slot);
}

static enum st answer_read(struct slot *slot, struct bus_message *message, struct bus_answer *ret)
{
	struct arena arena;
	enum st st;

	if (natsMsg_IsNoResponders(message->handle))
		return problem_set(&ret->problem, ST_UNAVAILABLE, "", "nobody answers for \"%s\"",
				   slot->service);
	if (!bus_message_header(message, "Nats-Service-Error")) {
		ret->body = message->data;
		return ST_OK;
	}
	arena_init(&arena, PROBLEM_BYTES_MAX);
	st = bus_problem_of_reply(message->handle, &arena, &ret->problem);
	arena_free(&arena);
	return st;
}

/* False: nobody waits for it. */
static bool answer_of_message(struct bus_async *async, struct bus_message *message,
			      struct bus_answer *ret)
{
	struct str subject = str_of(message->subject);
	int64_t number;

	if (subject.size <= async->inbox_size ||
	    !str_to_i64((struct str){ subject.data + async->inbox_size,
				      subject.size - async->inbox_size },
			&number))
		return false;
	struct slot *slot = slot_of(async, (uint64_t)number);
	if (!slot)
		return false;
	*ret = (struct bus_answer){ .context = slot->context, .message = *message };
	ret->st = answer_read(slot, message, ret);
	slot_release(async, slot);
	return true;
}

static size_t take_late(struct bus_async *async, struct bus_answer *ret, size_t max)
{
	uint64_t now_ns = clock_mono_ns(), earliest_ns = UINT64_MAX;
	size_t count = 0;

	if (now_ns < async->earliest_ns)
		return 0;
	for (size_t i = 0; i < async->capacity; i++) {
		struct slot *slot = &async->slots[i];
		if (slot->generation % 2 == 0)
			continue;
		if (slot->until_ns > now_ns || count == max) {
			earliest_ns = slot->until_ns < earliest_ns ? slot->until_ns : earliest_ns;
			continue;
		}
		ret[count] = (struct bus_answer){ .context = slot->context };
		ret[count].st = problem_set(&ret[count].problem, ST_DEADLINE, "",
					    "\"%s\" did not answer within %u ms", slot->service,
					    slot->timeout_ms);
		slot_release(async, slot);
		count++;
	}
	async->earliest_ns = earliest_ns;
	return count;
}

size_t bus_async_take(struct bus_async *async, struct bus_answer *ret, size_t max)
{
	struct bus_message messages[TAKE_MAX];
	size_t count = 0, taken;

	/* the lock of the mailbox is the delivering thread's too: taken once for many */
	do {
		size_t room = max - count < TAKE_MAX ? max - count : TAKE_MAX;
		taken = mailbox_take(async->mailbox, messages, room, 0);
		mailbox_done(async->mailbox, taken);
		for (size_t i = 0; i < taken; i++) {
			if (answer_of_message(async, &messages[i], &ret[count]))
				count++;
			else
				bus_message_free(&messages[i]);
		}
	} while (taken == TAKE_MAX && count < max);
	return count + take_late(async, ret + count, max - count);
}

void bus_answer_free(struct bus_answer *answer)
{
	if (answer->message.handle)
		bus_message_free(&answer->message);
	answer->message.handle = NULL;
}
