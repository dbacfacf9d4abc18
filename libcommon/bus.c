/* bus.c: the connection, subscriptions and plain publishing. Calls made are in bus_call.c, streams
 * in bus_stream.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bus_loop.h"
#include "clock.h"
#include "fault.h"
#include "gen/common.h"
#include "mailbox.h"
#include "nkey.h"
#include "quote.h"

#define RECONNECT_WAIT_MS 100
#define RENEW_MS 500 /* a server that does not answer holds up the bus' owner for so long */
#define SEND_BUFFER_BYTES (256 * 1024)
#define RECONNECT_BUFFER_BYTES (8 * 1024 * 1024)
#define OVERLOADED_RETRY_MS 100
#define UNSUBSCRIBE_MS 1000
#define CONNECT_TRIES_MAX 4 /* a refused signature four times is a refusal */
#define REFUSALS_MAX 2
#define UNWRITTEN_BYTES_MAX (8 * 1024 * 1024) /* while the server does not read */

enum st bus_problem(struct problem *problem, enum st st, const char *what, natsStatus status)
{
	return problem_set(problem, st, "", "%s: %s", what, natsStatus_GetText(status));
}

static void on_async_error(natsConnection *connection, natsSubscription *subscription,
			   natsStatus status, void *closure)
{
	/* Slow consumers and permission errors surface where they matter: a full mailbox answers,
	 * a refused subject fails its call. The library's default would print to stderr. */
	(void)connection;
	(void)subscription;
	(void)status;
	(void)closure;
}

static natsStatus options_fill(natsOptions *options, const struct bus_options *in)
{
	char inbox[BUS_NAME_MAX + 16];
	int timeout_ms = in->connect_timeout_ms ? (int)in->connect_timeout_ms : 2000;
	natsStatus status = NATS_OK;

	snprintf(inbox, sizeof(inbox), "_INBOX.%s", in->name);
	if (strchr(in->url, ',')) {
		char copy[1024];
		const char *servers[16];
		int count = 0;
		snprintf(copy, sizeof(copy), "%s", in->url);
		for (char *save = NULL, *part = strtok_r(copy, ",", &save); part && count < 16;
		     part = strtok_r(NULL, ",", &save))
			servers[count++] = part;
		status = natsOptions_SetServers(options, servers, count);
	} else {
		status = natsOptions_SetURL(options, in->url);
	}
	if (status == NATS_OK)
		status = natsOptions_SetName(options, in->name);
	if (status == NATS_OK)
		status = natsOptions_SetTimeout(options, timeout_ms);
	if (status == NATS_OK)
		status = natsOptions_SetMaxReconnect(options, -1);
	if (status == NATS_OK)
		status = natsOptions_SetReconnectWait(options, RECONNECT_WAIT_MS);
	if (status == NATS_OK)
		status = natsOptions_SetReconnectBufSize(options, RECONNECT_BUFFER_BYTES);
	if (status == NATS_OK)
		status = natsOptions_SetIOBufSize(options, SEND_BUFFER_BYTES);
	if (status == NATS_OK)
		status = natsOptions_SetSendAsap(options, true);
	if (status == NATS_OK)
		status = natsOptions_SetCustomInboxPrefix(options, inbox);
	if (status == NATS_OK)
		status = natsOptions_SetErrorHandler(options, on_async_error, NULL);
	return status;
}

/* The bus' library wants the public key beside the seed's file; it follows from the seed. */
static enum st nkey_public_of_file(const char *path, char ret[NKEY_PUBLIC_SIZE],
				   struct problem *problem)
{
	char line[NKEY_SEED_SIZE + 2] = { 0 };
	uint8_t seed[SEED_BYTES];
	struct signing_key key;
	enum nkey_kind kind;
	FILE *file = fopen(path, "re");

	if (!file)
		return problem_set(problem, ST_CONFIG_INVALID, "", "cannot read \"%s\": %s", path,
				   strerror(errno));
	size_t size = fread(line, 1, sizeof(line) - 1, file);
	fclose(file);
	while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r'))
		size--;
	enum st st = nkey_seed_decode((struct str){ line, size }, &kind, seed);
	bytes_wipe(line, sizeof(line));
	if (st != ST_OK)
		return problem_set(problem, ST_CONFIG_INVALID, "", "\"%s\" holds no nkey seed",
				   path);
	signing_key_of_seed(seed, &key);
	nkey_public_encode(kind, key.public_key, ret);
	signing_key_clear(&key);
	bytes_wipe(seed, sizeof(seed));
	return ST_OK;
}

static enum st options_identity(natsOptions *options, const char *seed_file,
				struct problem *problem)
{
	char public_key[NKEY_PUBLIC_SIZE];
	enum st st = nkey_public_of_file(seed_file, public_key, problem);

	if (st != ST_OK)
		return st;
	natsStatus status = natsOptions_SetNKeyFromSeed(options, public_key, seed_file);
	if (status != NATS_OK)
		return bus_problem(problem, ST_CONFIG_INVALID, "nkey", status);
	return ST_OK;
}

/* The NATS library takes a signature whose first byte is zero for an empty one and sends none: one
 * nonce in 256 is refused. Another connection gets another nonce. */
static natsStatus connect_signed(natsConnection **ret, natsOptions *options)
{
	natsStatus status = NATS_OK;

	for (int tries = 0; tries < CONNECT_TRIES_MAX; tries++) {
		status = natsConnection_Connect(ret, options);
		if (status != NATS_CONNECTION_AUTH_FAILED)
			break;
	}
	return status;
}

enum st bus_open(const struct bus_options *in, struct bus **ret, struct problem *problem)
{
	natsOptions *options = NULL;
	struct bus *bus = calloc(1, sizeof(*bus));
	natsStatus status;
	enum st st = ST_OK;

	if (!bus)
		return problem_set(problem, ST_NO_MEMORY, "", "no memory for the bus");
	if (!in->url || !in->name || !str_copy(str_of(in->name), bus->name, sizeof(bus->name))) {
		free(bus);
		return problem_set(problem, ST_CONFIG_INVALID, "",
				   "the bus needs a url and a name");
	}
	status = natsOptions_Create(&options);
	if (status == NATS_OK)
		status = options_fill(options, in);
	if (status == NATS_OK && in->sending == BUS_SEND_BUFFERED)
		status = bus_loop_new(bus, options);
	if (status == NATS_OK && bus->loop)
		status = natsOptions_SetAllowReconnect(options, false);
	if (status != NATS_OK)
		st = bus_problem(problem, ST_CONFIG_INVALID, "bus options", status);
	if (st == ST_OK && in->nkey_seed_file)
		st = options_identity(options, in->nkey_seed_file, problem);
	if (st == ST_OK) {
		natsConnection *connection = NULL;
		status = connect_signed(&connection, options);
		bus->connection = connection;
		if (status != NATS_OK)
			st = problem_set(problem, ST_BUS_UNAVAILABLE, "",
					 "cannot connect to the bus at \"%s\": %s", in->url,
					 natsStatus_GetText(status));
	}
	if (st != ST_OK) {
		natsOptions_Destroy(options);
		bus_loop_free(bus->loop);
		free(bus);
		return st;
	}
	if (bus->loop) {
		status = natsOptions_SetTimeout(options, RENEW_MS);
		ASSERT(status == NATS_OK);
		bus->options = options;
	} else {
		natsOptions_Destroy(options);
	}
	*ret = bus;
	return ST_OK;
}

void bus_close(struct bus *bus)
{
	if (!bus)
		return;
	bus_stream_forget(bus);
	natsConnection_Close(bus->connection);
	bus_loop_free(bus->loop);
	natsConnection_Destroy(bus->connection);
	natsOptions_Destroy(bus->options);
	free(bus);
}

bool bus_is_connected(const struct bus *bus)
{
	return bus && natsConnection_Status(bus->connection) == NATS_CONN_STATUS_CONNECTED;
}

bool bus_is_closed(const struct bus *bus)
{
	if (bus && bus->loop)
		return bus->refusals >= REFUSALS_MAX;
	return bus && natsConnection_IsClosed(bus->connection);
}

bool bus_has_room(const struct bus *bus)
{
	return !bus->loop || natsConnection_Buffered(bus->connection) < UNWRITTEN_BYTES_MAX;
}

static natsStatus connection_replace(struct bus *bus, natsConnection *fresh)
{
	natsConnection *lost = bus->connection;
	natsStatus status = NATS_OK;

	bus_stream_forget(bus);
	bus->connection = fresh;
	for (struct bus_subscription *s = bus->delivered; s && status == NATS_OK; s = s->next)
		status = bus_subscription_renew(s, fresh);
	if (status == NATS_OK)
		status = bus_loop_renew(bus->loop, fresh);
	bus_loop_settle(bus->loop);
	natsConnection_Destroy(lost);
	return status;
}

bool bus_renew(struct bus *bus)
{
	natsConnection *fresh = NULL;

	if (!bus->loop || !natsConnection_IsClosed(bus->connection))
		return bus_is_connected(bus);
	if (clock_mono_ns() < bus->renew_ns)
		return false;
	uint64_t began_ns = clock_mono_ns();
	natsStatus status = connect_signed(&fresh, bus->options);
	if (status == NATS_OK)
		status = connection_replace(bus, fresh);
	if (status == NATS_CONNECTION_AUTH_FAILED)
		bus->refusals++;
	else
		bus->refusals = 0;
	/* A server that does not even refuse must not take all of our time, nor one that takes us
	 * only to send us away. */
	uint64_t ended_ns = clock_mono_ns();
	bus->renew_ns = ended_ns + 4 * (ended_ns - began_ns) + RECONNECT_WAIT_MS * 1000000ull;
	if (status == NATS_OK)
		return true;
	natsConnection_Close(bus->connection); /* one without all its subscriptions is none */
	return false;
}

void bus_cork(struct bus *bus)
{
	if (bus->loop)
		bus_loop_cork(bus->loop);
}

enum st bus_send(struct bus *bus, uint32_t timeout_ms)
{
	return bus->loop ? bus_loop_send(bus->loop, timeout_ms) : ST_OK;
}

enum st bus_flush(struct bus *bus, uint32_t timeout_ms)
{
	if (bus->loop)
		TRY(bus_loop_send(bus->loop, timeout_ms));
	natsStatus status = natsConnection_FlushTimeout(bus->connection, timeout_ms);

	return status == NATS_OK ? ST_OK : ST_BUS_UNAVAILABLE;
}

const char *bus_message_header(const struct bus_message *message, const char *name)
{
	const char *value = NULL;

	if (natsMsgHeader_Get(message->handle, name, &value) != NATS_OK)
		return NULL;
	return value;
}

void bus_message_free(struct bus_message *message)
{
	natsMsg_Destroy(message->handle);
	message->handle = NULL;
}

static void answer_overloaded(struct bus *bus, const char *reply)
{
	struct problem problem = { 0 };

	problem_set(&problem, ST_OVERLOADED, "", "the mailbox is full");
	problem.retry_after_ms = OVERLOADED_RETRY_MS;
	(void)!bus_reply_problem(bus, reply, &problem, NULL);
}

bool bus_deliver(struct bus_subscription *self, natsMsg *msg)
{
	struct bus_message message = {
		.handle = msg,
		.subject = natsMsg_GetSubject(msg),
		.reply = natsMsg_GetReply(msg),
		.data = { natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg) },
		.received_ns = clock_mono_ns(),
	};
	if (mailbox_put(self->mailbox, &message))
		return true;
	if (message.reply)
		answer_overloaded(self->bus, message.reply);
	natsMsg_Destroy(msg);
	return false;
}

static void on_message(natsConnection *connection, natsSubscription *subscription, natsMsg *msg,
		       void *closure)
{
	(void)connection;
	(void)subscription;
	(void)bus_deliver(closure, msg);
}

static void subscription_leave(void *closure)
{
	struct bus_subscription *self = closure;

	if (atomic_fetch_sub(&self->users, 1) == 1)
		free(self);
}

/* With a loop the library only queues, and the loop takes it from there. Answers it has to deliver
 * itself: whoever asks it for the next message never sees the one that says that nobody listens. */
static natsStatus subscribe(struct bus_subscription *self, natsConnection *connection,
			    natsSubscription **ret)
{
	const char *subject = self->subject;
	const char *group = self->queue_group[0] ? self->queue_group : NULL;

	if (self->followed)
		return group ? natsConnection_QueueSubscribeSync(ret, connection, subject, group)
			     : natsConnection_SubscribeSync(ret, connection, subject);
	natsStatus status =
		group ? natsConnection_QueueSubscribe(ret, connection, subject, group, on_message,
						      self)
		      : natsConnection_Subscribe(ret, connection, subject, on_message, self);
	if (status != NATS_OK)
		return status;
	self->users++;
	return natsSubscription_SetOnCompleteCB(*ret, subscription_leave, self);
}

natsStatus bus_subscription_renew(struct bus_subscription *self, natsConnection *connection)
{
	natsSubscription *fresh = NULL;
	natsStatus status = subscribe(self, connection, &fresh);

	/* The bound is the mailbox; the library's own queue only has to be deeper than a burst. */
	if (status == NATS_OK)
		status = natsSubscription_SetPendingLimits(fresh, -1, 256 * 1024 * 1024);
	if (status != NATS_OK) {
		natsSubscription_Destroy(fresh);
		return status;
	}
	natsSubscription_Destroy(self->subscription);
	self->subscription = fresh;
	return NATS_OK;
}

enum st bus_subscribe(struct bus *bus, const char *subject, const char *queue_group,
		      struct mailbox *mailbox, struct bus_subscription **ret,
		      struct problem *problem)
{
	struct bus_subscription *self = calloc(1, sizeof(*self));

	if (!self)
		return problem_set(problem, ST_NO_MEMORY, "", "no memory for a subscription");
	self->mailbox = mailbox;
	self->bus = bus;
	self->users = 1;
	self->followed = bus->loop && strncmp(subject, "_INBOX.", 7) != 0;
	bool fits = str_copy(str_of(subject), self->subject, sizeof(self->subject)) &&
		    str_copy(str_of(queue_group ? queue_group : ""), self->queue_group,
			     sizeof(self->queue_group));
	ASSERT(fits);
	natsStatus status = bus_subscription_renew(self, bus->connection);
	if (status != NATS_OK) {
		subscription_leave(self);
		return bus_problem(problem, ST_BUS_UNAVAILABLE, subject, status);
	}
	if (self->followed) {
		bus_loop_follow(bus->loop, self);
	} else if (bus->loop) {
		self->next = bus->delivered;
		bus->delivered = self;
	}
	*ret = self;
	return ST_OK;
}

void bus_subscription_unlink(struct bus_subscription **list, const struct bus_subscription *self)
{
	for (struct bus_subscription **s = list; *s; s = &(*s)->next) {
		if (*s == self) {
			*s = self->next;
			return;
		}
	}
}

void bus_unsubscribe(struct bus_subscription *self)
{
	if (!self)
		return;
	struct bus_loop *loop = self->bus->loop;
	natsSubscription *subscription = self->subscription;
	if (loop)
		(void)!bus_loop_send(loop, UNSUBSCRIBE_MS);
	natsStatus status = natsSubscription_DrainTimeout(subscription, UNSUBSCRIBE_MS);
	if (status == NATS_OK)
		status = natsSubscription_WaitForDrainCompletion(subscription, UNSUBSCRIBE_MS);
	if (status != NATS_OK)
		natsSubscription_Unsubscribe(subscription);
	if (self->followed)
		bus_loop_forget(loop, self);
	else
		bus_subscription_unlink(&self->bus->delivered, self);
	natsSubscription_Destroy(subscription);
	subscription_leave(self);
}

enum st bus_publish(struct bus *bus, const char *subject, struct str data)
{
	if (!bus_has_room(bus))
		return ST_BUS_UNAVAILABLE;
	natsStatus status =
		natsConnection_Publish(bus->connection, subject, data.data, (int)data.size);

	return status == NATS_OK ? ST_OK : ST_BUS_UNAVAILABLE;
}

enum st bus_reply(struct bus *bus, const char *reply, struct str data)
{
	FAULT(FAULT_ANSWER_BEFORE);
	enum st st = bus_publish(bus, reply, data);
	FAULT(FAULT_ANSWER_AFTER);
	return st;
}

static struct common_problem problem_to_wire(const struct problem *problem)
{
	const struct st_info *info = st_info(problem->st);

	return (struct common_problem){
		.code = str_of(info->code),
		.title = str_of(info->title),
		.status = info->http,
		.detail = problem->detail[0] ? str_of(problem->detail) : (struct str){ 0 },
		.pointer = problem->pointer[0] ? str_of(problem->pointer) : (struct str){ 0 },
		.hint = problem->hint[0] ? str_of(problem->hint) : (struct str){ 0 },
		.retry = info->retry,
		.has_retry_after_ms = problem->retry_after_ms > 0,
		.retry_after_ms = problem->retry_after_ms,
	};
}

enum st bus_reply_problem(struct bus *bus, const char *reply, const struct problem *problem,
			  const char *trace_id)
{
	const struct st_info *info = st_info(problem->st);
	struct common_problem wire = problem_to_wire(problem);
	struct quote_wire quote;
	struct arena arena;
	struct str body;
	char status_text[16];
	natsMsg *msg = NULL;

	arena_init(&arena, 64 * 1024);
	if (trace_id && trace_id[0])
		wire.trace_id = str_of(trace_id);
	wire.quote = quote_to_wire(&problem->quote, &quote);
	enum st st = proto_encode(&common_problem_type, &wire, &arena, &body);
	if (st != ST_OK) {
		arena_free(&arena);
		return st;
	}
	snprintf(status_text, sizeof(status_text), "%u", info->http);
	natsStatus status = natsMsg_Create(&msg, reply, NULL, body.data, (int)body.size);
	if (status == NATS_OK)
		status = natsMsgHeader_Set(msg, "Nats-Service-Error-Code", status_text);
	if (status == NATS_OK)
		status = natsMsgHeader_Set(msg, "Nats-Service-Error", info->code);
	if (status == NATS_OK)
		status = natsConnection_PublishMsg(bus->connection, msg);
	natsMsg_Destroy(msg);
	arena_free(&arena);
	return status == NATS_OK ? ST_OK : ST_BUS_UNAVAILABLE;
}
