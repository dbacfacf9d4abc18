/* svc_internal.h: what the sources of svc_*.c share; not for services. */
#ifndef PIOPL_SVC_INTERNAL_H
#define PIOPL_SVC_INTERNAL_H

#include <signal.h>

#include "batch.h"
#include "bus.h"
#include "keyring.h"
#include "log.h"
#include "metrics.h"
#include "svc.h"

#define SVC_PROCESSES_MAX 64
#define SVC_SOURCES_MAX 32
#define SVC_ARENA_BYTES_MAX (64 * 1024 * 1024)
#define SVC_IDLE_MS 200
#define SVC_HEADER_TEXT_MAX 255 /* bytes of a principal, of an idempotency key */
#define SVC_VERSION "0.1.0"

/* The library's own configuration of a service. */
struct svc_config {
	char nats_url[512];
	char nkey_file[256];
	char database[512];
	char signing_key_file[256];
	char keyring_file[256];
	char root_public_key_file[256];
	char clock_file[256];
	bool development;
	enum log_level log_level;
	int64_t workers;
	int64_t tickers;
	int64_t http_port;
	bool http_any_address;
	int64_t drain_ms;
	int64_t stuck_ms;
	int64_t mailbox;
	int64_t outbox_keep_ms;
	int64_t relay_batch;
};

extern const struct config_field svc_config_fields[];
extern const struct db_statement svc_statements[];

enum svc_role { SVC_WORKER, SVC_RELAY, SVC_FOLLOWER, SVC_TICKER, SVC_DOOR };

/* One process of the service, in memory shared with the parent. Written by that process; the
 * parent reads, and writes pid and the counts of ends. */
struct svc_process {
	enum svc_role role;
	pid_t pid;
	uint32_t ends;         /* how often it ended without being asked */
	int64_t restart_at_ms; /* monotonic; 0: running */
	uint32_t backoff_ms;
	int64_t started_ms;     /* monotonic */
	volatile bool database; /* connected */
	volatile bool bus;
	volatile bool ready;
	volatile bool leads;
	volatile bool hopeless;  /* starting again would end the same way */
	volatile uint32_t turns; /* of its loop; stands still when the process hangs */
	uint32_t turns_seen;     /* the parent's */
	int64_t still_ms;        /* how long the parent has seen no turn */
	/* follower: what it was applying when it died, to find a message that kills */
	char applying_source[64];
	int64_t applying_first;
	int64_t applying_last;
	uint32_t applying_deaths;
	struct bus_open_replies *open_replies; /* worker: shared, outlives the process */
};

struct svc_shared {
	uint32_t count;
	volatile bool draining;
	struct svc_process processes[SVC_PROCESSES_MAX];
};

/* Evidence of the transaction that is open, as text. */
struct svc_evidence_item {
	struct str text, evidence_id, trace_id;
	int64_t time_ms;
};

struct svc_evidence {
	size_t count;
	size_t capacity;
	struct svc_evidence_item *items;
};

/* Events of the transaction that is open, written in one statement before it commits. */
struct svc_outbox {
	struct svc_evidence evidence; /* becomes events when the transaction ends */
	size_t count;
	size_t capacity;
	struct str *event_ids;
	struct str *types;
	struct str *subjects;
	struct str *trace_ids;
	int64_t *times_ms;
	struct str *datas;
};

struct svc {
	const struct svc_definition *definition;
	struct svc_config config;
	void *state;
	struct svc_shared *shared;
	struct svc_process *process;
	unsigned process_index;
	struct db *db;
	char lock[128]; /* of the process that leads */
	struct bus *bus;
	struct mailbox *mailbox;
	struct keyring *keyring;
	struct signing_key signing_key;
	struct svc_outbox outbox;
	struct arena arena;  /* of the batch in work */
	bool database_noted; /* a fault of the database is logged once */
	int wake_fd;         /* workers tell the relay that there is something to send */
	struct batch_cache roots;
};

enum svc_metric {
	SVC_METRIC_CALLS,
	SVC_METRIC_REFUSALS,
	SVC_METRIC_FAULTS,
	SVC_METRIC_OVERLOADED,
	SVC_METRIC_RETRIES,
	SVC_METRIC_BATCHES,
	SVC_METRIC_CALL_MS,
	SVC_METRIC_EVENTS_PUBLISHED,
	SVC_METRIC_EVENTS_APPLIED,
	SVC_METRIC_EVENTS_SKIPPED,
	SVC_METRIC_EVENTS_REFUSED,
	SVC_METRIC_EVENTS_PARKED,
	SVC_METRIC_GAPS,
	SVC_METRIC_SOURCES_STOPPED,
	SVC_METRIC_OUTBOX_WAITING,
	SVC_METRIC_RESTARTS,
	SVC_METRIC_COUNT,
};
extern const struct metric_definition svc_metrics[];

/* All processes connected, and none stuck? */
bool svc_is_ready(const struct svc *svc);
/* Asked to stop (SIGTERM) since the process started? Every loop of a process asks, so asking is
 * also its sign of life: who does not ask for `stuck_ms` is ended by the parent and started again.
 */
bool svc_stopping(void);
/* Sleeps, but not past a wish to stop. */
void svc_pause(uint32_t ms);

/* The process bodies; each returns when it was asked to stop. */
void svc_worker_run(struct svc *svc);
void svc_relay_run(struct svc *svc);
void svc_follower_run(struct svc *svc);
void svc_ticker_run(struct svc *svc);
void svc_door_run(struct svc *svc);

/* Connections of a child process. Bus: waits until there is one, or until asked to stop. */
MUST_CHECK enum st svc_connect(struct svc *svc, enum bus_sending sending);
void svc_disconnect(struct svc *svc);
/* Keeps the process' state for readiness; when idle, reconnects to a database that was lost. */
void svc_watch(struct svc *svc, bool idle);
/* Connected? Ends the process when it never will be again. */
bool svc_bus_alive(struct svc *svc);
/* Reads the list of keys again when it changed, at most each second. */
void svc_keys_refresh(struct svc *svc);
/* Takes or keeps the leadership of `part` ("relay"); svc_leads: still has it, by this connection.
 */
bool svc_lead(struct svc *svc, const char *part);
bool svc_leads(struct svc *svc);
/* Log a problem of the world once when it begins, and its end. */
void svc_note_database(struct svc *svc, enum st st, const struct problem *problem);

/* Outbox (svc_emit.c) */
MUST_CHECK enum st svc_outbox_write(struct svc *svc, struct db_tx *tx);
void svc_outbox_reset(struct svc *svc);
/* An event whose text is made already; time and trace are those of `from`. */
MUST_CHECK enum st svc_outbox_add(struct svc *svc, const struct proto_event *event,
				  const struct svc_evidence_item *from, struct str subject,
				  struct str text);
/* What was collected by svc_evidence_emit becomes events (svc_evidence.c). */
MUST_CHECK enum st svc_evidence_pack(struct svc *svc);
void svc_outbox_wake_relay(struct svc *svc);

/* Idempotency (svc_idempotency.c). `ret_answer.data` is set when an answer is stored already. */
MUST_CHECK enum st svc_idempotency_find(struct svc_request *req, struct str *ret_answer);
MUST_CHECK enum st svc_idempotency_store(struct svc_request *req, struct str answer);

/* The library's own calls and ticks (svc_library.c). */
extern const struct svc_call svc_library_calls[];
extern const struct svc_tick svc_library_ticks[];
const struct svc_call *svc_call_find(const struct svc *svc, struct str name);

/* Following (svc_inbox.c): the handler for an event of a source, NULL when it is not followed. */
const struct svc_follow *svc_follow_find(const struct svc *svc, struct str source, struct str type);

/* Parent (svc_supervise.c, svc_http.c) */
int svc_supervise(struct svc *svc);
MUST_CHECK enum st svc_http_start(struct svc *svc, struct problem *problem);
void svc_http_run(uint32_t timeout_ms);
void svc_http_stop(void);
/* A child closes the listening socket it inherited. */
void svc_http_stop_in_child(void);
/* Zeroed memory that forked processes share. */
void *svc_shared_memory(size_t size);

/* Statements (svc_store.c) */
enum svc_statement {
	SVC_OUTBOX_INSERT,
	SVC_OUTBOX_INSERT_ONE,
	SVC_RELAY_LOAD,
	SVC_RELAY_HORIZON,
	SVC_RELAY_ROUND_START,
	SVC_RELAY_READ,
	SVC_RELAY_BATCHES_INSERT,
	SVC_RELAY_ADVANCE,
	SVC_RELAY_PUBLISHED,
	SVC_OLDEST_BATCH,
	SVC_BATCH_ROWS,
	SVC_BATCHES_AFTER,
	SVC_INBOX_LOCK,
	SVC_INBOX_ADD,
	SVC_INBOX_ADVANCE,
	SVC_INBOX_STOP,
	SVC_INBOX_RESUME,
	SVC_INBOX_LIST,
	SVC_IDEMPOTENCY_FIND,
	SVC_IDEMPOTENCY_INSERT,
	SVC_IDEMPOTENCY_EXPIRE,
	SVC_PARKED_INSERT,
	SVC_PARKED_LIST,
	SVC_PARKED_GET,
	SVC_PARKED_DONE,
	SVC_STATUS,
	SVC_OUTBOX_EXPIRE,
	SVC_BATCH_EXPIRE,
	SVC_SIGNED_ACT_INSERT,
	SVC_STATEMENT_COUNT,
};

#endif
