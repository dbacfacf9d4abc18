/* svc_main.c: from the command line to the supervising parent, and the connections of a child. */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "gen/contract.h"
#include "log.h"
#include "migrate.h"
#include "svc_internal.h"

#define CONNECT_WAIT_MS 500
#define KEYS_REFRESH_MS 1000
#define DATABASE_WAIT_MS 10000
#define MALLOC_KEEP_BYTES (64 * 1024 * 1024)

#define FIELD(member) CONFIG_MEMBER(struct svc_config, member)

static const char *const log_levels[] = { "debug", "info", "warn", "error", NULL };

const struct config_field svc_config_fields[] = {
	{ .name = "nats_url",
	  .type = CONFIG_TEXT,
	  FIELD(nats_url),
	  .default_value = "nats://127.0.0.1:4222",
	  .doc = "the bus; commas separate servers" },
	{ .name = "nkey_file",
	  .type = CONFIG_PATH,
	  FIELD(nkey_file),
	  .default_value = "",
	  .doc = "file with the nkey seed of this service's identity" },
	{ .name = "database",
	  .type = CONFIG_TEXT,
	  FIELD(database),
	  .default_value = NULL,
	  .doc = "libpq connection string" },
	{ .name = "signing_key_file",
	  .type = CONFIG_PATH,
	  FIELD(signing_key_file),
	  .default_value = NULL,
	  .doc = "file with the key that signs this service's events" },
	{ .name = "keyring_file",
	  .type = CONFIG_PATH,
	  FIELD(keyring_file),
	  .default_value = NULL,
	  .doc = "list of everyone's public keys, signed by the root key" },
	{ .name = "root_public_key_file",
	  .type = CONFIG_PATH,
	  FIELD(root_public_key_file),
	  .default_value = NULL,
	  .doc = "the installation's root public key, base64" },
	{ .name = "clock_file",
	  .type = CONFIG_PATH,
	  FIELD(clock_file),
	  .default_value = "",
	  .doc = "offset of the development clock, shared by the whole stack" },
	{ .name = "development",
	  .type = CONFIG_BOOL,
	  FIELD(development),
	  .default_value = "false",
	  .doc = "allows advancing the clock" },
	{ .name = "log_level",
	  .type = CONFIG_ENUM,
	  FIELD(log_level),
	  .default_value = "info",
	  .choices = log_levels,
	  .doc = "what is logged, and everything graver" },
	{ .name = "workers",
	  .type = CONFIG_I64,
	  FIELD(workers),
	  .default_value = "2",
	  .min = 1,
	  .max = 48,
	  .doc = "processes that answer calls" },
	{ .name = "tickers",
	  .type = CONFIG_I64,
	  FIELD(tickers),
	  .default_value = "1",
	  .min = 1,
	  .max = 8,
	  .doc = "processes that do timed work; more help a service that shares it out" },
	{ .name = "http_port",
	  .type = CONFIG_I64,
	  FIELD(http_port),
	  .default_value = "0",
	  .min = 0,
	  .max = 65535,
	  .doc = "port of /metrics, /healthz and /readyz; 0: none" },
	{ .name = "http_any_address",
	  .type = CONFIG_BOOL,
	  FIELD(http_any_address),
	  .default_value = "false",
	  .doc = "listen on all addresses, not on loopback alone" },
	{ .name = "drain",
	  .type = CONFIG_DURATION_MS,
	  FIELD(drain_ms),
	  .default_value = "10s",
	  .min = 100,
	  .max = 600000,
	  .doc = "how long stopping may take" },
	{ .name = "stuck",
	  .type = CONFIG_DURATION_MS,
	  FIELD(stuck_ms),
	  .default_value = "60s",
	  .min = 1000,
	  .max = 3600000,
	  .doc = "a process without a sign of life for this long is ended and started again" },
	{ .name = "mailbox",
	  .type = CONFIG_I64,
	  FIELD(mailbox),
	  .default_value = "4096",
	  .min = 1,
	  .max = 65536,
	  .doc = "messages a worker lets wait" },
	{ .name = "outbox_keep",
	  .type = CONFIG_DURATION_MS,
	  FIELD(outbox_keep_ms),
	  .default_value = "30d",
	  .min = 60000,
	  .max = 315360000000,
	  .doc = "how long sent events can be asked for again" },
	{ .name = "relay_batch",
	  .type = CONFIG_I64,
	  FIELD(relay_batch),
	  .default_value = "512",
	  .min = 1,
	  .max = BATCH_SIZE_MAX,
	  .doc = "events under one signature at most" },
	{ .name = NULL },
};

const struct metric_definition svc_metrics[] = {
	[SVC_METRIC_CALLS] = { "piopl_calls_total", METRIC_COUNTER, "calls answered", NULL },
	[SVC_METRIC_REFUSALS] = { "piopl_calls_failed_total", METRIC_COUNTER,
				  "calls answered with a failure", "kind=\"refusal\"" },
	[SVC_METRIC_FAULTS] = { "piopl_calls_failed_total", METRIC_COUNTER,
				"calls answered with a failure", "kind=\"fault\"" },
	[SVC_METRIC_OVERLOADED] = { "piopl_mailbox_full_total", METRIC_COUNTER,
				    "messages that found the mailbox full", NULL },
	[SVC_METRIC_RETRIES] = { "piopl_retries_total", METRIC_COUNTER,
				 "transactions repeated after meeting another one", NULL },
	[SVC_METRIC_BATCHES] = { "piopl_batches_total", METRIC_COUNTER,
				 "batches of calls committed together", NULL },
	[SVC_METRIC_CALL_MS] = { "piopl_call_milliseconds", METRIC_HISTOGRAM_MS,
				 "from mailbox to answer", NULL },
	[SVC_METRIC_EVENTS_PUBLISHED] = { "piopl_events_published_total", METRIC_COUNTER,
					  "events sent and acknowledged by the bus", NULL },
	[SVC_METRIC_EVENTS_APPLIED] = { "piopl_events_applied_total", METRIC_COUNTER,
					"events of others that took effect", NULL },
	[SVC_METRIC_EVENTS_SKIPPED] = { "piopl_events_skipped_total", METRIC_COUNTER,
					"events that came again or are not followed", NULL },
	[SVC_METRIC_EVENTS_REFUSED] = { "piopl_events_refused_total", METRIC_COUNTER,
					"events that did not verify; any is an alarm", NULL },
	[SVC_METRIC_EVENTS_PARKED] = { "piopl_events_parked_total", METRIC_COUNTER,
				       "events set aside after their tries", NULL },
	[SVC_METRIC_GAPS] = { "piopl_gaps_total", METRIC_COUNTER,
			      "gaps in a source's sequence that were asked for again", NULL },
	[SVC_METRIC_SOURCES_STOPPED] = { "piopl_sources_stopped", METRIC_GAUGE,
					 "sources whose outbox does not verify or lacks what is "
					 "missing; any is an alarm",
					 NULL },
	[SVC_METRIC_OUTBOX_WAITING] = { "piopl_outbox_waiting", METRIC_GAUGE_MAX,
					"events written and not yet sent", NULL },
	[SVC_METRIC_RESTARTS] = { "piopl_process_restarts_total", METRIC_COUNTER,
				  "processes that ended unasked and were started again", NULL },
	[SVC_METRIC_COUNT] = { .name = NULL },
};

void *svc_shared_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		fprintf(stderr, "no shared memory of %zu bytes\n", size);
		exit(1);
	}
	return memory;
}

void svc_outbox_wake_relay(struct svc *svc)
{
	uint64_t one = 1;

	(void)!write(svc->wake_fd, &one, sizeof(one));
}

void svc_note_database(struct svc *svc, enum st st, const struct problem *problem)
{
	bool connected = db_is_connected(svc->db);

	if (st != ST_OK && (svc->process->database || !svc->database_noted)) {
		log_write(
			LOG_ERROR,
			&(struct log_fields){ .category = "database", .status = st_info(st)->code },
			"%s", problem->detail);
		svc->database_noted = true;
	} else if (st == ST_OK && svc->database_noted) {
		log_write(LOG_INFO, &(struct log_fields){ .category = "database" },
			  "the database is back");
		svc->database_noted = false;
	}
	svc->process->database = st == ST_OK && connected;
}

/* A connection that gave up does not come back; a new process makes a new one. */
bool svc_bus_alive(struct svc *svc)
{
	if (bus_is_closed(svc->bus)) {
		log_write(LOG_ERROR, &(struct log_fields){ .category = "bus" },
			  "the bus refused this process for good, a new one takes its place");
		_exit(1);
	}
	svc->process->bus = bus_renew(svc->bus);
	return svc->process->bus;
}

/* A revocation takes effect when the list of keys is read again; so does a new key. */
void svc_keys_refresh(struct svc *svc)
{
	static uint64_t last_ns;
	struct problem problem = { 0 };

	if (clock_mono_ns() - last_ns < KEYS_REFRESH_MS * 1000000ull)
		return;
	last_ns = clock_mono_ns();
	enum st st = keyring_refresh(svc->keyring, &problem);
	if (st != ST_OK)
		log_write(LOG_ERROR,
			  &(struct log_fields){ .category = "keys", .status = st_info(st)->code },
			  "the list of keys is not taken, the one before stays: %s",
			  problem.detail);
}

bool svc_lead(struct svc *svc, const char *part)
{
	struct problem problem = { 0 };
	enum st st = db_ready(svc->db, &problem);

	svc_note_database(svc, st, &problem);
	snprintf(svc->lock, sizeof(svc->lock), "piopl/%s/%s", svc->definition->name, part);
	svc->process->leads = st == ST_OK && db_lead(svc->db, svc->lock);
	svc->process->ready = st == ST_OK;
	return svc->process->leads;
}

bool svc_leads(struct svc *svc)
{
	return !svc_stopping() && db_leads(svc->db, svc->lock);
}

void svc_watch(struct svc *svc, bool idle)
{
	struct problem problem = { 0 };

	svc_keys_refresh(svc);
	(void)svc_bus_alive(svc);
	if (db_is_connected(svc->db))
		svc_note_database(svc, ST_OK, &problem);
	else if (idle)
		svc_note_database(svc, db_ready(svc->db, &problem), &problem);
}

static enum st connect_bus(struct svc *svc, enum bus_sending sending)
{
	const struct bus_options options = {
		.url = svc->config.nats_url,
		.name = svc->definition->name,
		.nkey_seed_file = svc->config.nkey_file[0] ? svc->config.nkey_file : NULL,
		.sending = sending,
	};
	bool noted = false;

	while (!svc_stopping()) {
		struct problem problem = { 0 };
		enum st st = bus_open(&options, &svc->bus, &problem);
		if (st == ST_OK)
			return ST_OK;
		if (st == ST_CONFIG_INVALID) {
			svc->process->hopeless = true;
			log_write(LOG_ERROR, &(struct log_fields){ .category = "bus" },
				  "PIOPL_NKEY_FILE: %s", problem.detail);
			return st;
		}
		if (!noted)
			log_write(LOG_ERROR,
				  &(struct log_fields){ .category = "bus",
							.status = st_info(st)->code },
				  "%s", problem.detail);
		noted = true;
		svc_pause(CONNECT_WAIT_MS);
	}
	return ST_UNAVAILABLE;
}

enum st svc_connect(struct svc *svc, enum bus_sending sending)
{
	static const struct db_statement *tables[2];
	struct problem problem = { 0 };

	tables[0] = svc_statements;
	tables[1] = svc->definition->statements;
	arena_init(&svc->arena, SVC_ARENA_BYTES_MAX);
	svc->db = db_open(svc->config.database, tables, tables[1] ? 2 : 1);
	if (!svc->db)
		return ST_NO_MEMORY;
	TRY(connect_bus(svc, sending));
	svc->process->bus = true;
	while (!svc_stopping()) {
		enum st st = db_ready(svc->db, &problem);
		svc_note_database(svc, st, &problem);
		(void)svc_bus_alive(svc); /* it may be lost while the database is waited for */
		if (st == ST_OK)
			return ST_OK;
		if (st_info(st)->kind != ST_KIND_UNAVAILABLE) {
			svc->process->hopeless = true;
			return st;
		}
		svc_pause(CONNECT_WAIT_MS);
	}
	return ST_UNAVAILABLE;
}

void svc_disconnect(struct svc *svc)
{
	if (svc->bus)
		(void)!bus_flush(svc->bus, 1000);
	bus_close(svc->bus);
	svc->bus = NULL;
	mailbox_free(svc->mailbox);
	svc->mailbox = NULL;
	db_close(svc->db);
	svc->db = NULL;
	arena_free(&svc->arena);
}

const struct keyring *svc_keyring(const struct svc *svc)
{
	return svc->keyring;
}

const struct signing_key *svc_signing_key(const struct svc *svc)
{
	return &svc->signing_key;
}

static enum st root_key_load(const char *path, uint8_t ret[PUBLIC_KEY_BYTES],
			     struct problem *problem)
{
	char line[PUBLIC_KEY_TEXT_SIZE + 2] = { 0 };
	FILE *file = fopen(path, "re");

	if (!file)
		return problem_set(problem, ST_CONFIG_INVALID, "PIOPL_ROOT_PUBLIC_KEY_FILE",
				   "cannot read \"%s\"", path);
	size_t size = fread(line, 1, sizeof(line) - 1, file);
	fclose(file);
	while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r'))
		size--;
	if (base64_decode_exact((struct str){ line, size }, ret, PUBLIC_KEY_BYTES) != ST_OK)
		return problem_set(problem, ST_CONFIG_INVALID, "PIOPL_ROOT_PUBLIC_KEY_FILE",
				   "\"%s\" holds no base64 public key", path);
	return ST_OK;
}

/* A call of the contract without a handler is our bug, found at the first start. */
static enum st calls_check(const struct svc *svc, struct problem *problem)
{
	for (const struct proto_call *const *c = proto_calls; *c; c++)
		if (strcmp((*c)->service, svc->definition->name) == 0 &&
		    !svc_call_find(svc, str_of((*c)->name)))
			return problem_set(problem, ST_INTERNAL, "",
					   "the contract's call \"%s\" has no handler", (*c)->name);
	return ST_OK;
}

static enum st keys_load(struct svc *svc, struct problem *problem)
{
	uint8_t root[PUBLIC_KEY_BYTES];

	TRY(signing_key_load(svc->config.signing_key_file, &svc->signing_key, problem));
	TRY(root_key_load(svc->config.root_public_key_file, root, problem));
	return keyring_load(svc->config.keyring_file, root, &svc->keyring, problem);
}

/* A schema this binary does not know stops the start; a database that is away does not, the
 * processes wait for it. */
static enum st schema_check(struct svc *svc, struct problem *problem)
{
	struct db *db = db_open(svc->config.database, NULL, 0);
	enum st st = ST_DATABASE_UNAVAILABLE;

	if (!db)
		return problem_set(problem, ST_NO_MEMORY, "", "no memory for a connection");
	for (int waited = 0; waited < DATABASE_WAIT_MS && st == ST_DATABASE_UNAVAILABLE;
	     waited += CONNECT_WAIT_MS) {
		st = db_ready(db, problem);
		if (st == ST_OK)
			st = migrate_check(db, svc->definition->name,
					   svc->definition->schema_version, problem);
		if (st == ST_DATABASE_UNAVAILABLE)
			usleep(CONNECT_WAIT_MS * 1000);
	}
	db_close(db);
	return st == ST_DATABASE_UNAVAILABLE ? ST_OK : st;
}

static enum st prepare(struct svc *svc, struct problem *problem)
{
	const char *clock_file = svc->config.clock_file;

	log_open(svc->definition->name, svc->config.log_level);
	if (clock_file[0])
		TRY(clock_open(clock_file, svc->config.development));
	TRY(calls_check(svc, problem));
	TRY(keys_load(svc, problem));
	TRY(schema_check(svc, problem));
	svc->shared = svc_shared_memory(sizeof(*svc->shared));
	svc->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (svc->wake_fd < 0)
		return problem_set(problem, ST_NO_MEMORY, "", "no event descriptor");
	return metrics_open(svc->definition->name, svc_metrics, svc->definition->metrics,
			    SVC_PROCESSES_MAX + 1);
}

int svc_main(int argc, char **argv, const struct svc_definition *definition)
{
	static struct svc svc;
	struct problem problem = { 0 };
	struct config_section sections[2] = {
		{ svc_config_fields, &svc.config },
		{ definition->config, definition->state },
	};
	size_t count = definition->config ? 2 : 1;

	svc.definition = definition;
	svc.state = definition->state;
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		printf("piopl-%s %s: a service of PIOPL, configured by its environment\n\n",
		       definition->name, SVC_VERSION);
		config_help(definition->name, sections, count, stdout);
		return 0;
	}
	if (argc > 1) {
		fprintf(stderr, "piopl-%s takes no arguments but --help\n", definition->name);
		return 2;
	}
	crypto_init();
	/* Bursts come again: keep what the allocator has, do not fault it in anew each time. */
	mallopt(M_TRIM_THRESHOLD, MALLOC_KEEP_BYTES);
	mallopt(M_MMAP_THRESHOLD, MALLOC_KEEP_BYTES);
	enum st st = config_load(definition->name, sections, count, &problem);
	if (st == ST_OK)
		st = prepare(&svc, &problem);
	if (st != ST_OK) {
		/* The sentence of a configuration names its variable itself. */
		bool named = strncmp(problem.detail, problem.pointer, strlen(problem.pointer)) == 0;
		fprintf(stderr, "piopl-%s: %s%s%s%s%s\n", definition->name,
			named ? "" : problem.pointer, named ? "" : ": ", problem.detail,
			problem.hint[0] ? "; " : "", problem.hint);
		return 2;
	}
	return svc_supervise(&svc);
}
