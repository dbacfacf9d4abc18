/* door.h: the HTTP half of the gateway: one process, one thread, one epoll. A connection that waits
 * for an answer from the bus is suspended; nothing here waits for anything but epoll. */
#ifndef PIOPL_GATEWAY_DOOR_H
#define PIOPL_GATEWAY_DOOR_H

#include <microhttpd.h>

#include "bus_async.h"
#include "service.h"

#define DOOR_CONNECTION_BYTES (16 * 1024) /* of one, idle ones too: the head must fit */
#define DOOR_REQUEST_BYTES_MAX (8 * 1024 * 1024)
#define DOOR_BODIES_BYTES_MAX (64 * 1024 * 1024) /* of all requests being received */
#define DOOR_TICK_MS 100
#define DOOR_DRAIN_MS 5000
#define DOOR_CACHE_SETS 512 /* of 8 credentials each */
#define DOOR_CACHE_WAYS 8
#define DOOR_LIMIT_SETS 8192 /* of 8 principals each */
#define DOOR_OIDC_CACHE_MS 60000
#define DOOR_OIDC_FETCH_MS 5000
#define DOOR_OIDC_AGAIN_MS 30000 /* keys are not asked for more often */
#define DOOR_OIDC_KEEP_MS 600000 /* keys are asked for again */
#define DOOR_ADDRESS_SIZE 48

struct door;
struct request;
struct stream;

/* What the bus' contexts begin with, so that an answer finds who asked. */
enum asker { ASKER_REQUEST, ASKER_SOURCE, ASKER_STREAM };

enum connection_state { CONNECTION_FRESH, CONNECTION_BUSY, CONNECTION_IDLE };

struct connection {
	struct connection *next, *previous;
	struct MHD_Connection *handle;
	int fd;
	uint64_t since_ns; /* of what it is doing */
	enum connection_state state;
	bool ended;                      /* shut down by us */
	char address[DOOR_ADDRESS_SIZE]; /* an IPv6 address counts by its /64 */
};

enum request_state {
	REQUEST_NEW,
	REQUEST_RECEIVING,
	REQUEST_WAITING,  /* the connection is suspended */
	REQUEST_ANSWERED, /* what to say is known */
	REQUEST_DONE,
};

enum request_stage { STAGE_CREDENTIAL, STAGE_CALL };

struct request {
	enum asker asker;
	struct door *door;
	struct connection *connection;
	struct MHD_Connection *handle;
	struct request *next_waiting; /* for keys of the provider; or in the list of free ones */
	struct arena arena;
	enum request_state state;
	enum request_stage stage;
	struct str uri, path, query;
	bool uri_too_long;
	char method[8];
	struct route_match match;
	char *body;
	size_t body_size, body_capacity;
	struct credential credential;
	struct hash digest; /* of the credential */
	const struct principal *principal;
	char trace[TRACE_ID_TEXT_SIZE];
	char key_id[API_KEY_ID_SIZE];
	uint64_t number;      /* of the request on the bus, 0: none */
	uint64_t revocations; /* door's, when the credential's check was sent */
	uint64_t started_ns;
	struct limit_state rate;
	bool rated, preflight;
	unsigned status;
	struct problem problem;   /* status is not 200 */
	struct bus_answer answer; /* status is 200 and it is the body */
	struct str text;          /* status is 200 and this is the body */
	struct stream *stream;
};

struct cache_entry {
	struct hash digest;
	uint64_t until_ns; /* 0: free */
	char key_id[API_KEY_ID_SIZE];
	struct principal principal;
};

struct oidc; /* oidc.c */
struct hub;

struct door {
	struct svc *svc;
	const struct gateway_config *config;
	struct MHD_Daemon *daemon;
	int epoll_fd, event_fd;
	struct bus_async *async;
	struct arena arena; /* of the door's life */
	struct routes *routes;
	struct limit rates, attempts;
	struct cache_entry *cache;
	struct oidc *oidc;
	struct hub *hub;
	struct connection *connections;
	struct request *free_requests;
	size_t free_count;
	size_t busy; /* requests between their head and their end */
	size_t connection_count;
	size_t bodies_bytes;
	uint64_t revocations;
	bool tls, draining;
};

enum gateway_metric {
	GATEWAY_METRIC_OK = METRIC_SERVICE_FIRST,
	GATEWAY_METRIC_REFUSED,
	GATEWAY_METRIC_FAILED,
	GATEWAY_METRIC_UNAUTHENTICATED,
	GATEWAY_METRIC_LIMITED,
	GATEWAY_METRIC_SLOW,
	GATEWAY_METRIC_CONNECTIONS,
	GATEWAY_METRIC_STREAMS,
	GATEWAY_METRIC_EVENTS,
	GATEWAY_METRIC_REQUEST_MS,
};
extern const struct metric_definition gateway_metrics[];

/* The process' body (door.c). */
void gateway_door(struct svc *svc, void *state);

/* -- request.c: from the head of a request to its answer -- */
void *request_new(struct door *door, const char *uri, struct MHD_Connection *handle);
enum MHD_Result request_step(struct request *request, const char *method, const char *upload,
			     size_t *upload_size);
void request_free(struct request *request);
/* The answer of the bus to what this request waits for; takes the answer over. */
void request_on_answer(struct request *request, struct bus_answer *answer);
/* Goes on after waiting for the provider's keys. */
void request_on_keys(struct request *request);
/* For the parts of request.c and credential.c: the answer is a refusal. */
void request_refuse(struct request *request, enum st st, const char *pointer, const char *format,
		    ...) __attribute__((format(printf, 4, 5)));
/* What to say is known: the connection goes on. */
void request_ready(struct request *request);
/* With the problem as it is in the request. */
void request_fail(struct request *request);
/* The credential is known: who it is, or `problem` says why not. Goes on to the call. */
void request_proceed(struct request *request);

/* -- respond.c -- */
enum MHD_Result request_respond(struct request *request);
/* The headers that every answer carries. */
void request_headers(const struct request *request, struct MHD_Response *response);

/* -- credential.c -- */
/* Something that should prove who asks does not: counted, logged, answered with the problem. */
void credential_failed(struct request *request);
/* True when too many failed from this address: the request is answered. */
bool credential_attempts_refused(struct request *request);
/* The credential is refused with `st`; request->problem may say why. */
void credential_refuse(struct request *request, enum st st);
/* Finds who asks: at once (then request_proceed or request_fail was called), or later. */
void credential_authenticate(struct request *request);
void credential_on_answer(struct request *request, struct bus_answer *answer);
void credential_forget(struct door *door, struct str key_id);

/* -- capability.c -- */
void capability_authenticate(struct request *request);
void capability_on_answer(struct request *request, struct bus_answer *answer);

/* -- oidc.c -- */
MUST_CHECK enum st oidc_open(struct door *door, struct problem *problem);
void oidc_close(struct door *door);
bool oidc_is_configured(const struct door *door);
/* ST_KEY_UNKNOWN: the request waits for the keys and request_on_keys is called. */
MUST_CHECK enum st oidc_check(struct request *request, struct principal *ret,
			      struct problem *problem);
/* Moves a fetch on; each turn of the loop while one runs. */
void oidc_run(struct door *door);
bool oidc_is_busy(const struct door *door);

/* -- hub.c: the last events of every service; stream.c: those who read them -- */
#define HUB_RING 512 /* events of a source that are kept for those who are close */
#define STREAM_BUFFER_BYTES (192 * 1024)

struct hub_event {
	int64_t sequence;
	struct str subject, type, data, json;
	char *block; /* what holds them */
};

struct source {
	enum asker asker;
	const char *name;
	int64_t head;  /* the last one that is here, with all before it; -1: not known yet */
	int64_t began; /* what it was when it became known */
	bool asking, behind;
	uint64_t ask_at_ns;
	struct hub_event ring[HUB_RING];
};

struct hub {
	struct mailbox *mailbox;
	struct bus_subscription *events, *heads;
	struct arena arena;
	size_t source_count;
	const char *names[STREAM_SOURCES_MAX];
	struct source *sources[STREAM_SOURCES_MAX];
	struct stream *streams;
	size_t stream_count;
};

/* NULL: older than the ring, or not there yet. */
const struct hub_event *source_event(const struct source *source, int64_t sequence);
MUST_CHECK enum st source_ask(struct door *door, const char *service, int64_t after, void *context,
			      uint64_t *ret_number);
/* The verified events of an answer of outbox_read, in order, to `take`. */
MUST_CHECK enum st outbox_walk(struct door *door, const struct source *source, struct str body,
			       void (*take)(void *closure, const struct stream_event *event),
			       void *closure, int64_t *ret_head, int64_t *ret_oldest);
void streams_wake(struct door *door);
void streams_tick(struct door *door);
void streams_revoke(struct door *door, struct str key_id);
void stream_on_answer(struct stream *stream, struct bus_answer *answer);

MUST_CHECK enum st hub_open(struct door *door, struct problem *problem);
void hub_close(struct door *door);
/* Takes what came from the bus, wakes streams, tells heartbeats. */
void hub_run(struct door *door);
void source_on_answer(struct door *door, struct source *source, struct bus_answer *answer);
/* GET /v1/events of an authenticated principal: the request gets a stream, or a refusal. */
void stream_open(struct request *request);
enum MHD_Result stream_respond(struct request *request);
void stream_close(struct stream *stream);
void streams_end(struct door *door);

extern const char gateway_openapi[];
extern const size_t gateway_openapi_size;

#endif
