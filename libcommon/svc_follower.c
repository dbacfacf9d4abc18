/* svc_follower.c: events of others into this service. Live events come from the bus; whatever is
 * missing (a gap, a lost tail, a start after a stop, a broker that forgot) is asked from the
 * source's outbox in whole signed batches, which is also the faster way when far behind. Both end
 * in follow_apply. A message that does not verify is dropped and counted: if it was real it is
 * missing now, and will be asked for. */
#include <stdio.h>

#include "clock.h"
#include "gen/common.h"
#include "gen/contract.h"
#include "log.h"
#include "svc_follow.h"

#define FOLLOW_STANDBY_MS 500
#define FOLLOW_ASK_AGAIN_MS 500
#define FOLLOW_EVEN_MS 50 /* hints are not signed: they cannot make this reader ask more often */
#define FOLLOW_STOPPED_MS 5000
#define FOLLOW_SILENCE_MS 3000 /* a head comes each second: its silence hides what may be there */
#define FOLLOW_DEATHS_MAX 3
#define FOLLOW_READ_TIMEOUT_MS 5000

struct source {
	const char *name;
	char event_source[80]; /* piopl/<name> */
	int64_t sequence;      /* applied */
	int64_t head;          /* known to exist */
	bool behind;           /* ask the outbox before taking live events */
	bool stopped;          /* its outbox did not verify, or no longer has what is missing */
	uint64_t ask_at_ns;
	uint64_t heard_ns;
	size_t live_count;
	struct follow_item live[SVC_BATCH_MAX];
	struct bus_subscription *events, *heads;
	struct bus_ask *ask; /* the next read of its outbox, under way */
	int64_t asked_after;
};

struct follower {
	struct svc *svc;
	struct source sources[SVC_SOURCES_MAX];
	size_t source_count;
};

static void ask_later(struct source *source, uint32_t ms)
{
	source->ask_at_ns = clock_mono_ns() + ms * 1000000ull;
}

static void source_stop(struct follower *follower, struct source *source, const char *reason)
{
	struct svc *svc = follower->svc;
	struct problem problem = { 0 };
	struct db_tx *tx;

	ask_later(source, FOLLOW_STOPPED_MS);
	if (source->stopped)
		return;
	source->stopped = true;
	log_write(LOG_ERROR, &(struct log_fields){ .category = "follow", .status = "stopped" },
		  "source \"%s\" is stopped after sequence %lld: %s", source->name,
		  (long long)source->sequence, reason);
	if (db_begin(svc->db, &tx, &problem) != ST_OK)
		return;
	if (db_write(tx, &svc_statements[SVC_INBOX_STOP], 1, ST_CONFLICT,
		     DB_TEXT(str_of(source->name)), DB_TEXT(str_of(reason)),
		     DB_I64(clock_now_ms())) == ST_OK)
		(void)!db_commit(tx, &problem);
	else
		db_rollback(tx);
}

static void source_resume(struct follower *follower, struct source *source)
{
	struct svc *svc = follower->svc;
	struct problem problem = { 0 };
	struct db_tx *tx;

	if (!source->stopped)
		return;
	log_write(LOG_INFO, &(struct log_fields){ .category = "follow" },
		  "source \"%s\" is followed again after sequence %lld", source->name,
		  (long long)source->sequence);
	if (db_begin(svc->db, &tx, &problem) != ST_OK)
		return;
	if (db_write(tx, &svc_statements[SVC_INBOX_RESUME], 1, ST_CONFLICT,
		     DB_TEXT(str_of(source->name)), DB_I64(clock_now_ms())) != ST_OK) {
		db_rollback(tx);
		return;
	}
	source->stopped = db_commit(tx, &problem) != ST_OK;
}

/* Was the follower killed by something in this range before? */
static bool deadly(const struct svc_process *process, const struct source *source, int64_t first,
		   int64_t last)
{
	return process->applying_deaths > 0 &&
	       strcmp(process->applying_source, source->name) == 0 &&
	       first <= process->applying_last && last >= process->applying_first;
}

static void applying(struct svc *svc, const struct source *source, int64_t first, int64_t last)
{
	struct svc_process *process = svc->process;

	str_copy(str_of(source->name), process->applying_source, sizeof(process->applying_source));
	process->applying_last = last;
	process->applying_first = first;
}

static void applied(struct svc *svc)
{
	svc->process->applying_first = 0;
	svc->process->applying_deaths = 0;
}

static enum st park(struct follower *follower, struct source *source,
		    const struct follow_item *item, uint32_t tries, const char *error)
{
	log_write(LOG_ERROR, &(struct log_fields){ .category = "follow", .status = "parked" },
		  "event %lld of \"%s\" is parked after %u tries: %s", (long long)item->sequence,
		  source->name, tries, error);
	enum st st = follow_park(follower->svc, source->name, source->sequence, item, tries, error);
	if (st == ST_OK)
		source->sequence = item->sequence;
	return st;
}

/* One event until it is applied or parked; only the world's faults come back. */
static enum st apply_one(struct follower *follower, struct source *source,
			 const struct follow_item *item)
{
	struct svc *svc = follower->svc;
	struct problem problem = { 0 };
	enum st st = ST_OK;

	if (deadly(svc->process, source, item->sequence, item->sequence) &&
	    svc->process->applying_first == svc->process->applying_last &&
	    svc->process->applying_deaths >= FOLLOW_DEATHS_MAX) {
		st = park(follower, source, item, FOLLOW_DEATHS_MAX,
			  "the process that applied it died");
		applied(svc);
		return st;
	}
	for (uint32_t attempt = 1; attempt <= SVC_RETRIES_MAX; attempt++) {
		if (svc->process->applying_first != item->sequence ||
		    svc->process->applying_last != item->sequence)
			svc->process->applying_deaths = 0;
		applying(svc, source, item->sequence, item->sequence);
		problem = (struct problem){ 0 };
		st = follow_apply(svc, source->name, source->sequence, item, 1, source->head,
				  &problem);
		if (st == ST_OK) {
			source->sequence = item->sequence;
			applied(svc);
			return ST_OK;
		}
		if (st_info(st)->kind == ST_KIND_UNAVAILABLE)
			return st;
		svc_pause(10u << attempt);
	}
	char error[512];
	snprintf(error, sizeof(error), "%s: %s", st_info(st)->code, problem.detail);
	return park(follower, source, item, SVC_RETRIES_MAX, error);
}

static enum st apply_items(struct follower *follower, struct source *source,
			   const struct follow_item *items, size_t count)
{
	struct svc *svc = follower->svc;
	struct problem problem = { 0 };
	enum st st;

	if (count == 0)
		return ST_OK;
	if (!deadly(svc->process, source, items[0].sequence, items[count - 1].sequence)) {
		applying(svc, source, items[0].sequence, items[count - 1].sequence);
		st = follow_apply(svc, source->name, source->sequence, items, count, source->head,
				  &problem);
		if (st == ST_OK) {
			source->sequence = items[count - 1].sequence;
			applied(svc);
			return ST_OK;
		}
		if (st_info(st)->kind == ST_KIND_UNAVAILABLE)
			return st;
	}
	for (size_t i = 0; i < count && !svc_stopping(); i++)
		TRY(apply_one(follower, source, &items[i]));
	return ST_OK;
}

/* After a fault of the world, or when another follower moved the inbox: begin from the table. */
static enum st source_load(struct follower *follower, struct source *source)
{
	struct svc *svc = follower->svc;
	struct problem problem = { 0 };
	struct db_rows rows = { 0 };
	struct db_tx *tx;

	TRY(db_begin(svc->db, &tx, &problem));
	enum st st = db_write(tx, &svc_statements[SVC_INBOX_ADD], DB_ANY_ROWS, ST_INTERNAL,
			      DB_TEXT(str_of(source->name)), DB_I64(clock_now_ms()));
	if (st == ST_OK)
		st = db_query(tx, &svc_statements[SVC_INBOX_LOCK], &svc->arena, &rows,
			      DB_TEXT(str_of(source->name)));
	if (st != ST_OK) {
		db_rollback(tx);
		return st;
	}
	source->sequence = db_i64(&rows, 0, 0);
	source->behind = true;
	source->live_count = 0;
	return db_commit(tx, &problem);
}

/* ---- from the outbox of the source ---- */

static struct follow_item item_of_outbox(struct follower *follower, const struct source *source,
					 const struct common_outbox_event *event, int64_t sequence)
{
	struct arena *arena = &follower->svc->arena;
	struct follow_item item = {
		.head = {
			.id = event->id,
			.source = str_of(source->event_source),
			.type = arena_printf(arena, "piopl.%.*s", STR_ARG(event->type)),
			.time = event->time,
			.subject = event->subject,
			.sequence = sequence,
		},
		.data = event->data,
		.type = event->type,
		.trace_id = str_or_empty(event->trace_id),
		.sequence = sequence,
	};

	if (!time_parse(event->time, &item.time_ms))
		item.time_ms = 0;
	return item;
}

static enum st take_batch(struct follower *follower, struct source *source,
			  const struct common_outbox_batch *batch)
{
	struct arena *arena = &follower->svc->arena;
	size_t count = batch->events.count, from = 0;
	struct follow_item *items = ARENA_ARRAY(arena, struct follow_item, count);
	struct event_head *heads = ARENA_ARRAY(arena, struct event_head, count);
	struct str *datas = ARENA_ARRAY(arena, struct str, count);
	struct batch_seal seal = { .key_id = batch->key_id, .signature = batch->signature };
	struct problem problem = { 0 };

	if (!items || !heads || !datas)
		return ST_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		items[i] = item_of_outbox(follower, source, &batch->events.items[i],
					  batch->first + (int64_t)i);
		heads[i] = items[i].head;
		datas[i] = items[i].data;
	}
	if (batch_verify_all(follower->svc->keyring, heads, datas, count, &seal, clock_now_ms(),
			     &problem) != ST_OK) {
		metric_add(SVC_METRIC_EVENTS_REFUSED, count);
		source_stop(follower, source, problem.detail);
		return ST_SIGNATURE_INVALID;
	}
	while (from < count && items[from].sequence <= source->sequence)
		from++;
	if (from < count && items[from].sequence != source->sequence + 1) {
		source_stop(follower, source, "its outbox no longer has what is missing");
		return ST_NOT_FOUND;
	}
	return apply_items(follower, source, items + from, count - from);
}

/* The outbox holds nothing after what is applied: both are even, or it can never say more. */
static void take_nothing(struct follower *follower, struct source *source, int64_t head)
{
	source->behind = source->sequence != head;
	ask_later(source, FOLLOW_EVEN_MS);
	if (source->sequence < head)
		source_stop(follower, source, "its outbox no longer has what is missing");
	else if (source->sequence > head)
		source_stop(follower, source, "its outbox ends before what was applied of it");
	else
		source_resume(follower, source);
}

/* Asks for what comes after `after`; the answer is fetched by outbox_answer. */
static enum st outbox_ask(struct follower *follower, struct source *source, int64_t after,
			  struct problem *problem)
{
	const struct common_outbox_read_request request = { .after = after };
	const struct bus_call_options options = { .service = source->name,
						  .timeout_ms = FOLLOW_READ_TIMEOUT_MS };

	bus_ask_drop(source->ask);
	source->ask = NULL;
	source->asked_after = after;
	return bus_ask_begin(follower->svc->bus, &CALL_OUTBOX_READ, &request, &options,
			     &follower->svc->arena, &source->ask, problem);
}

/* What comes after the applied sequence; perhaps it was asked for while the last was applied. */
static enum st outbox_answer(struct follower *follower, struct source *source,
			     struct common_outbox_read_reply *reply)
{
	struct problem problem = { 0 };
	enum st st = ST_OK;

	if (!source->ask || source->asked_after != source->sequence)
		st = outbox_ask(follower, source, source->sequence, &problem);
	if (st != ST_OK)
		return st;
	struct bus_ask *ask = source->ask;
	source->ask = NULL;
	return bus_ask_end(ask, &follower->svc->arena, reply, &problem);
}

/* The source reads its outbox while what it sent before is applied here. */
static void outbox_ask_ahead(struct follower *follower, struct source *source,
			     const struct common_outbox_read_reply *reply)
{
	const struct common_outbox_batch *last = &reply->batches.items[reply->batches.count - 1];
	int64_t end = last->first + (int64_t)last->events.count - 1;
	struct problem problem = { 0 };

	if (end < reply->head)
		(void)!outbox_ask(follower, source, end, &problem);
}

static enum st ask_outbox(struct follower *follower, struct source *source)
{
	struct svc *svc = follower->svc;
	struct common_outbox_read_reply reply;

	arena_reset(&svc->arena);
	enum st st = outbox_answer(follower, source, &reply);
	if (st != ST_OK) {
		ask_later(source, FOLLOW_ASK_AGAIN_MS);
		if (st_info(st)->kind != ST_KIND_UNAVAILABLE)
			source_stop(follower, source, "its outbox cannot be read");
		return st;
	}
	source->head = reply.head;
	if (reply.batches.count == 0) {
		take_nothing(follower, source, reply.head);
		return ST_OK;
	}
	outbox_ask_ahead(follower, source, &reply);
	for (size_t i = 0; i < reply.batches.count && !svc_stopping(); i++)
		TRY(take_batch(follower, source, &reply.batches.items[i]));
	source_resume(follower, source);
	return ST_OK;
}

/* ---- live ---- */

static struct str header_str(const struct bus_message *message, const char *name)
{
	const char *value = bus_message_header(message, name);

	return value ? str_of(value) : (struct str){ "", 0 };
}

static bool item_of_message(struct follower *follower, const struct bus_message *message,
			    struct follow_item *ret)
{
	struct str prefix, type;
	struct follow_item item = {
		.head = {
			.id = header_str(message, "ce-id"),
			.source = header_str(message, "ce-source"),
			.type = header_str(message, "ce-type"),
			.time = header_str(message, "ce-time"),
			.subject = header_str(message, "ce-subject"),
		},
		.data = message->data,
		.trace_id = header_str(message, "ce-traceid"),
	};

	(void)follower;
	if (!str_to_i64(header_str(message, "ce-sequence"), &item.sequence) ||
	    !time_parse(item.head.time, &item.time_ms) ||
	    !str_cut(item.head.type, '.', &prefix, &type))
		return false;
	item.type = type;
	item.head.sequence = item.sequence;
	*ret = item;
	return true;
}

static bool item_verifies(struct follower *follower, const struct source *source,
			  const struct bus_message *message, const struct follow_item *item)
{
	struct svc *svc = follower->svc;
	struct problem problem = { 0 };
	struct batch_seal seal = {
		.key_id = header_str(message, "ce-keyid"),
		.signature = header_str(message, "ce-signature"),
		.proof = header_str(message, "ce-proof"),
	};

	enum st st = ST_SIGNATURE_INVALID;
	if (str_is(item->head.source, source->event_source))
		st = batch_verify_event(svc->keyring, &svc->roots, &item->head, item->data, &seal,
					clock_now_ms(), &problem);
	if (st == ST_OK)
		return true;
	metric_add(SVC_METRIC_EVENTS_REFUSED, 1);
	log_write(LOG_ERROR,
		  &(struct log_fields){ .category = "follow",
					.subject = message->subject,
					.status = "signature_invalid" },
		  "an event of \"%s\" does not verify and is dropped: %s", source->name,
		  problem.detail);
	return false;
}

static struct source *source_of_subject(struct follower *follower, const char *subject)
{
	/* piopl.evt.<source>.... or piopl.head.<source> */
	struct str rest = str_of(subject), part;

	if (!str_cut(rest, '.', &part, &rest) || !str_cut(rest, '.', &part, &rest))
		return NULL;
	struct str name = rest, tail;
	(void)!str_cut(rest, '.', &name, &tail);
	for (size_t i = 0; i < follower->source_count; i++)
		if (str_is(name, follower->sources[i].name))
			return &follower->sources[i];
	return NULL;
}

static void take_head(struct follower *follower, struct source *source,
		      const struct bus_message *message)
{
	struct common_relay_head head;
	struct problem problem;

	if (proto_decode(&common_relay_head_type, message->data, PROTO_UNKNOWN_IGNORED,
			 &follower->svc->arena, &head, &problem) != ST_OK)
		return;
	int64_t have = source->live_count > 0 ? source->live[source->live_count - 1].sequence
					      : source->sequence;
	if (head.sequence > have)
		source->behind = true;
}

static void take_live(struct follower *follower, struct source *source,
		      const struct bus_message *message)
{
	struct follow_item item;

	if (!item_of_message(follower, message, &item)) {
		metric_add(SVC_METRIC_EVENTS_REFUSED, 1);
		return;
	}
	/* A stopped source goes on from its outbox only. */
	if (source->stopped) {
		source->behind = true;
		return;
	}
	int64_t have = source->live_count > 0 ? source->live[source->live_count - 1].sequence
					      : source->sequence;
	if (item.sequence <= have) {
		metric_add(SVC_METRIC_EVENTS_SKIPPED, 1);
		return;
	}
	if (!item_verifies(follower, source, message, &item))
		return;
	if (item.sequence > have + 1) {
		if (!source->behind)
			metric_add(SVC_METRIC_GAPS, 1);
		source->behind = true;
		return;
	}
	source->live[source->live_count++] = item;
}

/* True when everything that was there is applied. */
static void take_messages(struct follower *follower, struct bus_message *messages, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct source *source = source_of_subject(follower, messages[i].subject);
		if (!source)
			continue;
		source->heard_ns = clock_mono_ns();
		if (strncmp(messages[i].subject, "piopl.head.", 11) == 0)
			take_head(follower, source, &messages[i]);
		else
			take_live(follower, source, &messages[i]);
	}
	for (size_t s = 0; s < follower->source_count; s++) {
		struct source *source = &follower->sources[s];
		enum st st = apply_items(follower, source, source->live, source->live_count);
		source->live_count = 0;
		if (st != ST_OK)
			source->behind = true;
	}
}

static bool ask_those_behind(struct follower *follower)
{
	bool asked = false;

	for (size_t s = 0; s < follower->source_count && !svc_stopping(); s++) {
		struct source *source = &follower->sources[s];
		uint64_t now_ns = clock_mono_ns();
		if (now_ns - source->heard_ns > FOLLOW_SILENCE_MS * 1000000ull) {
			source->behind = true;
			source->heard_ns = now_ns;
		}
		if (!source->behind || now_ns < source->ask_at_ns)
			continue;
		/* what stopped it may have been repaired in our own table */
		enum st st = source->stopped ? source_load(follower, source) : ST_OK;
		if (st == ST_OK)
			st = ask_outbox(follower, source);
		asked = asked || st == ST_OK;
		if (st_info(st)->kind == ST_KIND_UNAVAILABLE) {
			ask_later(source, FOLLOW_ASK_AGAIN_MS);
			(void)!source_load(follower, source);
		}
	}
	return asked;
}

static void note_state(struct follower *follower)
{
	struct svc *svc = follower->svc;
	int64_t stopped = 0;

	svc_keys_refresh(svc);
	for (size_t s = 0; s < follower->source_count; s++)
		stopped += follower->sources[s].stopped;
	metric_set(SVC_METRIC_SOURCES_STOPPED, stopped);
	(void)svc_bus_alive(svc);
	svc->process->database = db_is_connected(svc->db);
	svc->process->ready = stopped == 0;
}

static void follow_lead(struct follower *follower)
{
	static struct bus_message messages[SVC_BATCH_MAX];
	struct svc *svc = follower->svc;

	for (size_t s = 0; s < follower->source_count; s++)
		if (source_load(follower, &follower->sources[s]) != ST_OK)
			return;
	while (svc_leads(svc)) {
		bool busy = ask_those_behind(follower);
		note_state(follower);
		arena_reset(&svc->arena);
		size_t count = mailbox_take(svc->mailbox, messages, SVC_BATCH_MAX,
					    busy ? 0 : SVC_IDLE_MS / 4);
		if (count == 0)
			continue;
		take_messages(follower, messages, count);
		mailbox_done(svc->mailbox, count);
		for (size_t i = 0; i < count; i++)
			bus_message_free(&messages[i]);
	}
}

static void follower_source_add(struct follower *follower, const char *name)
{
	for (size_t s = 0; s < follower->source_count; s++)
		if (strcmp(follower->sources[s].name, name) == 0)
			return;
	ASSERT(follower->source_count < SVC_SOURCES_MAX);
	struct source *source = &follower->sources[follower->source_count++];
	source->name = name;
	snprintf(source->event_source, sizeof(source->event_source), "piopl/%s", name);
}

static void follower_sources(struct follower *follower)
{
	for (const struct svc_follow *f = follower->svc->definition->follows; f && f->event; f++) {
		if (strcmp(f->source, "*") != 0) {
			follower_source_add(follower, f->source);
			continue;
		}
		for (const char *const *name = proto_services; *name; name++)
			follower_source_add(follower, *name);
	}
}

static enum st follower_subscribe(struct follower *follower)
{
	struct svc *svc = follower->svc;
	struct problem problem = { 0 };
	char subject[BUS_SUBJECT_MAX];

	for (size_t s = 0; s < follower->source_count; s++) {
		struct source *source = &follower->sources[s];
		snprintf(subject, sizeof(subject), "piopl.evt.%s.>", source->name);
		TRY(bus_subscribe(svc->bus, subject, NULL, svc->mailbox, &source->events,
				  &problem));
		snprintf(subject, sizeof(subject), "piopl.head.%s", source->name);
		TRY(bus_subscribe(svc->bus, subject, NULL, svc->mailbox, &source->heads, &problem));
	}
	return bus_flush(svc->bus, 2000);
}

static void follower_unsubscribe(struct follower *follower)
{
	for (size_t s = 0; s < follower->source_count; s++) {
		bus_unsubscribe(follower->sources[s].events);
		bus_unsubscribe(follower->sources[s].heads);
		bus_ask_drop(follower->sources[s].ask);
		follower->sources[s].ask = NULL;
		follower->sources[s].events = follower->sources[s].heads = NULL;
	}
}

void svc_follower_run(struct svc *svc)
{
	static struct follower follower;

	follower.svc = svc;
	follower_sources(&follower);
	if (svc_connect(svc, BUS_SEND_AT_ONCE) != ST_OK)
		return;
	svc->mailbox = mailbox_new((size_t)svc->config.mailbox, NULL);
	while (!svc_stopping()) {
		bool leads = svc_lead(svc, "follower");
		svc->process->ready = svc->process->ready && !leads;
		if (leads && follower_subscribe(&follower) == ST_OK)
			follow_lead(&follower);
		follower_unsubscribe(&follower);
		if (!svc_stopping())
			svc_pause(FOLLOW_STANDBY_MS);
	}
	svc_disconnect(svc);
}
