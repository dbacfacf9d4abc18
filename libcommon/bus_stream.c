/* bus_stream.c: JetStream as the relay uses it. The stream is for readers outside; the record is
 * the outbox, so a stream that is gone is simply made again.
 *
 * An acknowledgement a message would cost the server and this process more than the message. One
 * connection is one order, so only the last of a run is published with an acknowledgement: its
 * place in the stream tells whether all before it are there. When the place is another than
 * expected (a reconnect, a stream made anew, messages the stream had already), the run is
 * published again, each message acknowledged; the stream drops what it has by Nats-Msg-Id. */
#include <ctype.h>
#include <stdio.h>

#include "bus_internal.h"
#include "fault.h"

#define STREAM_DUPLICATES_S 120
#define STREAM_PENDING_MAX 4096
#define STREAM_WAIT_MS 2000
#define STREAM_WRITE_BYTES (64 * 1024) /* go out while more is prepared */
#define NANOSECONDS 1000000000LL

static void on_ack(jsCtx *stream, natsMsg *msg, jsPubAck *ack, jsPubAckErr *error, void *closure)
{
	struct bus *bus = closure;

	(void)stream;
	(void)ack;
	if (error)
		bus->stream_failures++;
	natsMsg_Destroy(msg);
}

static enum st context_ready(struct bus *bus, struct problem *problem)
{
	jsOptions options;

	if (bus->stream)
		return ST_OK;
	jsOptions_Init(&options);
	options.PublishAsync.MaxPending = STREAM_PENDING_MAX;
	options.PublishAsync.AckHandler = on_ack;
	options.PublishAsync.AckHandlerClosure = bus;
	options.PublishAsync.StallWait = 5000;
	options.Wait = STREAM_WAIT_MS;
	natsStatus status = natsConnection_JetStream(&bus->stream, bus->connection, &options);
	if (status != NATS_OK)
		return bus_problem(problem, ST_BUS_UNAVAILABLE, "jetstream", status);
	return ST_OK;
}

static void stream_name_of(const char *service, char *name, size_t size)
{
	int length = snprintf(name, size, "PIOPL_EVT_%s", service);

	ASSERT(length > 0 && (size_t)length < size);
	for (char *c = name; *c; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

static enum st stream_make(struct bus *bus, const char *service, int64_t age_s_max,
			   struct problem *problem)
{
	char subject[BUS_SUBJECT_MAX];
	const char *subjects[1] = { subject };
	jsStreamConfig config;
	jsErrCode code = 0;

	snprintf(subject, sizeof(subject), "piopl.evt.%s.>", service);
	jsStreamConfig_Init(&config);
	config.Name = bus->stream_name;
	config.Description = "events of one service; the record is its outbox";
	config.Subjects = subjects;
	config.SubjectsLen = 1;
	config.Storage = js_FileStorage;
	config.Retention = js_LimitsPolicy;
	config.Discard = js_DiscardOld;
	config.MaxAge = age_s_max * NANOSECONDS;
	config.Duplicates =
		(age_s_max < STREAM_DUPLICATES_S ? age_s_max : STREAM_DUPLICATES_S) * NANOSECONDS;
	natsStatus status = js_AddStream(NULL, bus->stream, &config, NULL, &code);
	if (status != NATS_OK)
		return problem_set(problem, ST_BUS_UNAVAILABLE, "", "stream \"%s\": %s (%d)",
				   bus->stream_name, natsStatus_GetText(status), (int)code);
	bus->stream_last = 0;
	return ST_OK;
}

enum st bus_stream_ready(struct bus *bus, const char *service, int64_t age_s_max,
			 struct problem *problem)
{
	jsStreamInfo *info = NULL;
	jsErrCode code = 0;

	(void)bus_renew(bus);
	if (bus->stream && bus->stream_known)
		return ST_OK;
	(void)!bus_send(bus, STREAM_WAIT_MS); /* answers are waited for below */
	TRY(context_ready(bus, problem));
	stream_name_of(service, bus->stream_name, sizeof(bus->stream_name));
	natsStatus status = js_GetStreamInfo(&info, bus->stream, bus->stream_name, NULL, &code);
	if (status == NATS_OK)
		bus->stream_last = info->State.LastSeq;
	jsStreamInfo_Destroy(info);
	if (status != NATS_OK && status != NATS_NOT_FOUND)
		return bus_problem(problem, ST_BUS_UNAVAILABLE, "stream info", status);
	if (status == NATS_NOT_FOUND)
		TRY(stream_make(bus, service, age_s_max, problem));
	bus->stream_known = true;
	return ST_OK;
}

/* The message held back is not the last one after all. */
static natsStatus held_send(struct bus *bus)
{
	natsMsg *msg = bus->stream_held;

	if (!msg)
		return NATS_OK;
	bus->stream_held = NULL;
	natsStatus status;
	if (bus->stream_careful) {
		status = js_PublishMsgAsync(bus->stream, &msg, NULL);
		natsMsg_Destroy(msg); /* NULL when it was taken */
		return status;
	}
	bus_cork(bus);
	status = natsConnection_PublishMsg(bus->connection, msg);
	natsMsg_Destroy(msg);
	if (status == NATS_OK && natsConnection_Buffered(bus->connection) >= STREAM_WRITE_BYTES &&
	    bus_send(bus, STREAM_WAIT_MS) != ST_OK)
		return NATS_TIMEOUT;
	return status;
}

enum st bus_stream_publish(struct bus *bus, const char *subject, const struct bus_header *headers,
			   size_t header_count, struct str data)
{
	natsMsg *msg = NULL;
	FAULT(FAULT_PUBLISH_BEFORE);
	natsStatus status = held_send(bus);
	FAULT(FAULT_PUBLISH_AFTER);

	if (status == NATS_OK)
		status = natsMsg_Create(&msg, subject, NULL, data.data, (int)data.size);
	for (size_t i = 0; i < header_count && status == NATS_OK; i++)
		status = natsMsgHeader_Set(msg, headers[i].name, headers[i].value);
	if (status != NATS_OK) {
		natsMsg_Destroy(msg);
		(void)!bus_send(bus, 0); /* nobody ends a run that was given up */
		return ST_BUS_UNAVAILABLE;
	}
	bus->stream_held = msg;
	bus->stream_sent++;
	return ST_OK;
}

/* Every message was acknowledged by itself. */
static bool settle_carefully(struct bus *bus, uint32_t timeout_ms)
{
	jsPubOptions options;

	jsPubOptions_Init(&options);
	options.MaxWait = timeout_ms;
	natsStatus status = held_send(bus);
	if (status == NATS_OK)
		status = js_PublishAsyncComplete(bus->stream, &options);
	return status == NATS_OK && bus->stream_failures == 0;
}

/* The last one's place tells of all. */
static bool settle_by_last(struct bus *bus, uint32_t timeout_ms)
{
	jsPubOptions options;
	jsPubAck *ack = NULL;
	jsErrCode code = 0;
	natsMsg *msg = bus->stream_held;

	bus->stream_held = NULL;
	jsPubOptions_Init(&options);
	options.MaxWait = timeout_ms;
	natsStatus status = js_PublishMsg(&ack, bus->stream, msg, &options, &code);
	natsMsg_Destroy(msg);
	bool all = status == NATS_OK && !ack->Duplicate &&
		   ack->Sequence == bus->stream_last + bus->stream_sent;
	if (all)
		bus->stream_last = ack->Sequence;
	jsPubAck_Destroy(ack);
	return all;
}

void bus_stream_forget(struct bus *bus)
{
	natsMsg_Destroy(bus->stream_held);
	bus->stream_held = NULL;
	jsCtx_Destroy(bus->stream);
	bus->stream = NULL;
	bus->stream_failures = 0;
	bus->stream_sent = 0;
	bus->stream_known = false;
}

enum st bus_stream_settle(struct bus *bus, uint32_t timeout_ms)
{
	bool settled;

	if (bus->stream_sent == 0)
		return ST_OK;
	FAULT(FAULT_ACK_BEFORE);
	(void)!bus_send(bus, timeout_ms); /* what is not sent is not acknowledged */
	if (bus->stream_careful || !bus->stream_held)
		settled = settle_carefully(bus, timeout_ms);
	else
		settled = settle_by_last(bus, timeout_ms);
	FAULT(FAULT_ACK_AFTER);
	/* After a careful run the stream's last place has to be asked again. */
	bus->stream_known = settled && !bus->stream_careful;
	bus->stream_careful = !settled;
	bus->stream_sent = 0;
	if (settled)
		return ST_OK;
	/* What is still pending belongs to a stream or a server that is gone. */
	bus_stream_forget(bus);
	return ST_UNAVAILABLE;
}
