/* bus_stream.c: JetStream as the relay uses it. The stream is for readers outside; the record is
 * the outbox, so a stream that is gone is simply made again. */
#include <stdio.h>
#include <ctype.h>

#include "bus_internal.h"

#define STREAM_DUPLICATES_S 120
#define STREAM_PENDING_MAX 4096
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
	options.Wait = 2000;
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
		*c = (char)toupper((unsigned char)*c);
}

enum st bus_stream_ready(struct bus *bus, const char *service, int64_t age_s_max,
			 struct problem *problem)
{
	char subject[BUS_SUBJECT_MAX];
	const char *subjects[1] = { subject };
	jsStreamConfig config;
	jsStreamInfo *info = NULL;
	jsErrCode code = 0;

	TRY(context_ready(bus, problem));
	stream_name_of(service, bus->stream_name, sizeof(bus->stream_name));
	natsStatus status = js_GetStreamInfo(&info, bus->stream, bus->stream_name, NULL, &code);
	jsStreamInfo_Destroy(info);
	if (status == NATS_OK)
		return ST_OK;
	if (status != NATS_NOT_FOUND)
		return bus_problem(problem, ST_BUS_UNAVAILABLE, "stream info", status);
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
	config.Duplicates = STREAM_DUPLICATES_S * NANOSECONDS;
	status = js_AddStream(NULL, bus->stream, &config, NULL, &code);
	if (status != NATS_OK)
		return problem_set(problem, ST_BUS_UNAVAILABLE, "", "stream \"%s\": %s (%d)",
				   bus->stream_name, natsStatus_GetText(status), (int)code);
	return ST_OK;
}

enum st bus_stream_publish(struct bus *bus, const char *subject, const struct bus_header *headers,
			   size_t header_count, struct str data)
{
	natsMsg *msg = NULL;
	natsStatus status = natsMsg_Create(&msg, subject, NULL, data.data, (int)data.size);

	for (size_t i = 0; i < header_count && status == NATS_OK; i++)
		status = natsMsgHeader_Set(msg, headers[i].name, headers[i].value);
	if (status == NATS_OK)
		status = js_PublishMsgAsync(bus->stream, &msg, NULL);
	natsMsg_Destroy(msg);
	return status == NATS_OK ? ST_OK : ST_BUS_UNAVAILABLE;
}

enum st bus_stream_settle(struct bus *bus, uint32_t timeout_ms)
{
	jsPubOptions options;

	jsPubOptions_Init(&options);
	options.MaxWait = timeout_ms;
	natsStatus status = js_PublishAsyncComplete(bus->stream, &options);
	uint64_t failures = bus->stream_failures;
	bus->stream_failures = 0;
	if (status != NATS_OK || failures > 0) {
		/* What is still pending belongs to a stream or a server that is gone. */
		jsCtx_Destroy(bus->stream);
		bus->stream = NULL;
		bus->stream_failures = 0;
		return ST_UNAVAILABLE;
	}
	return ST_OK;
}
