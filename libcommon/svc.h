/* svc.h: a service is a constant definition handed to svc_main. The library owns processes, the
 * bus, transactions, retries, events and their order; a service owns its rules and its tables.
 *
 * Processes of one service: a parent (supervises, serves /metrics /healthz /readyz, touches no
 * data), N workers (calls), and one each of relay (outbox to bus), follower (events of others into
 * this service) and ticker (timed work); of those three the one that holds the service's advisory
 * lock works, the others stand by. */
#ifndef PIOPL_SVC_H
#define PIOPL_SVC_H

#include "bus.h"
#include "config.h"
#include "crypto.h"
#include "db.h"
#include "metrics.h"
#include "proto.h"

#define SVC_BATCH_MAX 512 /* messages in one commit */
#define SVC_MAILBOX_MAX 4096
#define SVC_RETRIES_MAX 5
#define SVC_OUTBOX_ROW_BYTES_MAX (64 * 1024)

struct svc; /* the running process: state, database, bus, keys */

/* Who and what a message is about, for handlers. */
struct svc_request {
	struct svc *svc;
	void *state;         /* svc_definition.state */
	struct arena *arena; /* of this message */
	struct db_tx *tx;
	const void *body;     /* decoded, valid, bounded */
	struct str body_text; /* the bytes received */
	struct str caller;    /* proved by the bus: the subject's last token */
	struct str principal; /* on whose behalf the caller speaks (header Piopl-Principal) or "" */
	struct str scopes;    /* of the principal's credential, a space between (header
			       * Piopl-Scopes, which only the gateway sends) or "" */
	struct str trace_id;  /* 32 hex digits, always there */
	struct str idempotency_key;
	int64_t now_ms;         /* of the batch; the only clock a handler sees */
	struct problem problem; /* fill through svc_refuse */
	const struct proto_call *call;
	void *answer;     /* zeroed struct of call->reply; fill it, return ST_OK */
	bool keep_writes; /* set before refusing: what was written is committed all the
			   * same (a denial whose evidence must stay) */
};

struct svc_call {
	const struct proto_call *call;
	enum st (*handle)(struct svc_request *req);
};

/* Calls that are worth handling together: all of one kind in a worker's batch, in one go, before
 * the others. Each has its own outcome in `ret`, and a refusal leaves behind only what is to be
 * kept. Anything but ST_OK rolls the batch back, and each message is then handled by itself. */
struct svc_group {
	const struct proto_call *call;
	enum st (*handle)(struct svc_request *const *reqs, size_t count, enum st *ret);
};

/* An event of another service, verified. */
struct svc_event {
	struct svc *svc;
	void *state;
	struct arena *arena;
	struct db_tx *tx;
	const struct proto_event *event;
	const void *data;     /* decoded */
	struct str data_text; /* the signed bytes */
	struct str id, source, subject, trace_id;
	int64_t sequence; /* in its source, gapless */
	int64_t time_ms;  /* when its source made it */
	int64_t now_ms;
	struct problem problem;
};

struct svc_follow {
	const char *source; /* whose events are followed; "*": every service */
	const struct proto_event *event;
	enum st (*handle)(struct svc_event *event);
	/* Optional: a run of such events of one source, in one transaction. Replaces `handle`; on
	 * failure the library repeats it one event at a time to find the poisoned one. */
	enum st (*handle_batch)(struct svc_event *events, size_t count);
	bool strict; /* a member the schema does not know is refused, not passed over */
};

struct svc_tick_context {
	struct svc *svc;
	void *state;
	struct arena *arena;
	struct db_tx *tx;
	int64_t now_ms;
	bool again; /* set: run again at once (more to do) */
};

struct svc_tick {
	const char *name;
	uint32_t period_ms;
	enum st (*handle)(struct svc_tick_context *tick);
};

struct svc_scope;
enum svc_batch_step {
	SVC_BATCH_BEGIN, /* before the first handler; never followed by DONE: not committed */
	SVC_BATCH_END,   /* after the last one, before the events are written */
	SVC_BATCH_DONE,  /* committed; scope.tx is NULL */
};

struct svc_definition {
	const char *name;
	uint32_t schema_version; /* highest migration this binary knows */
	void *state;
	size_t state_size_bytes;
	const struct config_field *config; /* name NULL ends; offsets into state */
	const struct db_statement *statements;
	const struct metric_definition *metrics; /* name NULL ends; may be NULL */
	const struct svc_call *calls;            /* call NULL ends; every call of the contract */
	const struct svc_group *groups;          /* call NULL ends; may be NULL */
	const struct svc_follow *follows;        /* event NULL ends; may be NULL */
	const struct svc_tick *ticks;            /* name NULL ends; may be NULL */
	const struct svc_tick *shared_ticks;     /* run by every ticker of every replica, leading
						  * or not: the handler shares the work out; may be
						  * NULL */
	enum st (*start)(struct svc *svc,
			 void *state); /* each process, after config; may be NULL */
	/* A worker's transaction, around the handlers of its messages; may be NULL. Memory of the
	 * arena lives until the answers are sent. Any failure rolls back and answers with it. */
	enum st (*batch)(const struct svc_scope *scope, void *state, enum svc_batch_step step);
	void (*door)(struct svc *svc, void *state); /* one more process, with a body of its own;
						     * may be NULL. See below. */
};

/* A door is a supervised process that waits for something else than the bus: it runs when the
 * database and the bus are there, asks svc_door_continues at least twice a second, and returns when
 * that says so. The bus is buffered, and nothing waits for it to be flushed. */
bool svc_door_continues(struct svc *svc, bool ready);
struct bus *svc_bus(struct svc *svc);

/* The whole life of the program; returns its exit status. */
int svc_main(int argc, char **argv, const struct svc_definition *definition);

/* Refuses with a rule, a place and a sentence; returns `st`. */
enum st svc_refuse(struct svc_request *req, enum st st, const char *pointer, const char *format,
		   ...) __attribute__((format(printf, 4, 5)));

/* Outbox row in the request's transaction. `subject` is the entity's id (CloudEvents subject). */
MUST_CHECK enum st svc_emit(struct svc_request *req, const struct proto_event *event,
			    struct str subject, const void *data);
/* The same for many, in one statement; `data` holds `count` structs of event->data. */
MUST_CHECK enum st svc_emit_many(struct svc_request *req, const struct proto_event *event,
				 const struct str *subjects, const void *data, size_t count);

/* Where the three contexts above meet: code that serves calls, events and ticks alike takes this.
 */
struct svc_scope {
	struct svc *svc;
	struct arena *arena;
	struct db_tx *tx;
	int64_t now_ms;
	struct str trace_id;
};
struct svc_scope svc_scope_of_request(struct svc_request *req);
struct svc_scope svc_scope_of_event(struct svc_event *event);
struct svc_scope svc_scope_of_tick(struct svc_tick_context *tick);
MUST_CHECK enum st svc_emit_in(const struct svc_scope *scope, const struct proto_event *event,
			       const struct str *subjects, const void *data, size_t count);

/* Evidence of an act. Alone in its transaction it is told as evidence.recorded; several are told
 * together as evidence.packed, which costs everyone on the way an event instead of many. */
#define SVC_EVIDENCE_PACK_MAX 256
struct common_evidence;
MUST_CHECK enum st svc_evidence_emit(const struct svc_scope *scope,
				     const struct common_evidence *evidence);

/* The service's own signing key and everyone's public ones. */
const struct keyring *svc_keyring(const struct svc *svc);
const struct signing_key *svc_signing_key(const struct svc *svc);

#endif
