/* svc_worker.c: calls. A batch of messages is run in one transaction and answered after its
 * commit. Handlers have no effect outside the transaction, so whatever goes wrong the batch is
 * rolled back and its messages are run again one at a time; what fails then is that message's own
 * answer. A refusal that wrote nothing costs no rollback. */
#include <stdio.h>
#include <time.h>

#include "clock.h"
#include "id.h"
#include "log.h"
#include "svc_internal.h"

#define DEADLINE_MS_MAX (24 * 3600 * 1000LL)

struct job {
	struct bus_message *message;
	const struct svc_call *call;
	struct svc_request req;
	char caller[BUS_NAME_MAX];
	char trace[33];
	enum st st;
	bool settled; /* answered without a transaction */
	bool grouped; /* handled with its group */
	struct str answer;
};

enum st svc_refuse(struct svc_request *req, enum st st, const char *pointer, const char *format,
		   ...)
{
	char detail[sizeof(req->problem.detail)];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	return problem_set(&req->problem, st, pointer, "%s", detail);
}

const struct svc_call *svc_call_find(const struct svc *svc, struct str name)
{
	for (const struct svc_call *c = svc->definition->calls; c && c->call; c++)
		if (str_is(name, c->call->name))
			return c;
	for (const struct svc_call *c = svc_library_calls; c->call; c++)
		if (str_is(name, c->call->name))
			return c;
	return NULL;
}

static bool caller_allowed(const struct proto_call *call, const char *caller)
{
	for (const char *const *c = call->callers; *c; c++)
		if (strcmp(*c, "*") == 0 || strcmp(*c, caller) == 0)
			return true;
	return false;
}

/* A broker may be made to deliver a stored event to any subject, a call's too (a consumer's target,
 * a stream that republishes): then it answers to nobody's inbox, still is an event, or says which
 * stream it comes from. A caller's inbox is its own: _INBOX.<caller>. */
static bool job_is_call(const struct job *job)
{
	static const char inbox[] = "_INBOX.";
	const char *reply = job->message->reply;
	size_t size = strlen(job->caller);

	if (bus_message_header(job->message, "ce-id") ||
	    bus_message_header(job->message, "Nats-Stream"))
		return false;
	if (!reply)
		return true;
	return strncmp(reply, inbox, sizeof(inbox) - 1) == 0 &&
	       strncmp(reply + sizeof(inbox) - 1, job->caller, size) == 0 &&
	       reply[sizeof(inbox) - 1 + size] == '.';
}

/* piopl.rpc.<service>.<call>.<caller> */
static enum st job_address(struct svc *svc, struct job *job)
{
	struct str rest = str_of(job->message->subject), part, call, caller;

	for (int i = 0; i < 3; i++)
		if (!str_cut(rest, '.', &part, &rest))
			return ST_NOT_FOUND;
	if (!str_cut(rest, '.', &call, &caller))
		return ST_NOT_FOUND;
	if (!str_copy(caller, job->caller, sizeof(job->caller)))
		return ST_CALLER_NOT_ALLOWED;
	if (!job_is_call(job)) {
		job->message->reply = NULL;
		return svc_refuse(&job->req, ST_CALLER_NOT_ALLOWED, "", "not a call of \"%s\"",
				  job->caller);
	}
	job->call = svc_call_find(svc, call);
	if (!job->call)
		return svc_refuse(&job->req, ST_NOT_FOUND, "", "no call \"%.*s\"", STR_ARG(call));
	if (!caller_allowed(job->call->call, job->caller))
		return svc_refuse(&job->req, ST_CALLER_NOT_ALLOWED, "",
				  "caller \"%s\", call \"%s\"", job->caller, job->call->call->name);
	return ST_OK;
}

static struct str header_str(const struct bus_message *message, const char *name)
{
	const char *value = bus_message_header(message, name);

	return value ? str_of(value) : (struct str){ "", 0 };
}

/* 00-<32 hex>-<16 hex>-01, or a trace of our own. */
static void job_trace(struct job *job)
{
	struct str parent = header_str(job->message, "traceparent");

	if (parent.size == 55 && strspn(parent.data + 3, "0123456789abcdef") == 32) {
		memcpy(job->trace, parent.data + 3, 32);
		job->trace[32] = 0;
	} else {
		trace_id_make(job->trace);
	}
}

static bool job_late(const struct job *job)
{
	struct str left = header_str(job->message, "Piopl-Deadline");
	int64_t left_ms = job->call->call->deadline_ms;

	if (left.size > 0 && !str_to_i64(left, &left_ms))
		return false;
	if (left_ms < 0 || left_ms > DEADLINE_MS_MAX)
		left_ms = left_ms < 0 ? 0 : DEADLINE_MS_MAX;
	return clock_mono_ns() - job->message->received_ns > (uint64_t)left_ms * 1000000u;
}

/* A header that is stored or compared. */
static bool header_is_text(struct str value)
{
	return value.size <= SVC_HEADER_TEXT_MAX && str_is_utf8(value);
}

static enum st job_decode(struct svc *svc, struct job *job)
{
	const struct proto_call *call = job->call->call;
	struct svc_request *req = &job->req;
	void *body = arena_alloc(&svc->arena, call->request->size_bytes);

	req->answer = arena_alloc(&svc->arena, call->reply->size_bytes);
	if (!body || !req->answer)
		return ST_TOO_LARGE;
	req->call = call;
	req->body = body;
	req->body_text = job->message->data;
	req->idempotency_key = header_str(job->message, "Idempotency-Key");
	return proto_decode(call->request, job->message->data, PROTO_UNKNOWN_REFUSED, &svc->arena,
			    body, &req->problem);
}

static void job_settle(struct job *job, enum st st)
{
	job->st = st;
	job->settled = true;
	if (job->req.problem.st != st)
		problem_set(&job->req.problem, st, "", "%s", "");
}

static void job_open(struct svc *svc, struct job *job, struct bus_message *message, int64_t now_ms)
{
	*job = (struct job){ .message = message };
	job->req = (struct svc_request){
		.svc = svc,
		.state = svc->state,
		.arena = &svc->arena,
		.now_ms = now_ms,
		.principal = header_str(message, "Piopl-Principal"),
		.scopes = header_str(message, "Piopl-Scopes"),
	};
	job_trace(job);
	job->req.trace_id = str_of(job->trace);
	enum st st = job_address(svc, job);
	if (st == ST_OK && job_late(job))
		st = svc_refuse(&job->req, ST_DEADLINE, "", "it waited too long in the mailbox");
	job->req.caller = str_of(job->caller);
	if (st == ST_OK && !header_is_text(job->req.principal))
		st = svc_refuse(&job->req, ST_MESSAGE_INVALID, "",
				"the principal is longer than %d bytes or not UTF-8",
				SVC_HEADER_TEXT_MAX);
	if (st == ST_OK)
		st = job_decode(svc, job);
	if (st != ST_OK)
		job_settle(job, st);
}

static enum st job_handle(struct job *job)
{
	struct svc_request *req = &job->req;
	bool keyed = req->call->idempotent && req->idempotency_key.size > 0;
	struct str stored = { 0 };

	if (keyed)
		TRY(svc_idempotency_find(req, &stored));
	if (stored.data) {
		job->answer = stored;
		return ST_OK;
	}
	TRY(job->call->handle(req));
	TRY(proto_encode(req->call->reply, req->answer, req->arena, &job->answer));
	if (keyed)
		TRY(svc_idempotency_store(req, job->answer));
	return ST_OK;
}

/* A refusal that wrote nothing, or wants its writes kept, leaves the transaction usable. */
static bool job_run(struct svc *svc, struct job *job, struct db_tx *tx)
{
	size_t writes = db_tx_writes(tx), events = svc->outbox.count;
	size_t evidence = svc->outbox.evidence.count;

	job->req.tx = tx;
	job->req.problem = (struct problem){ 0 };
	job->st = job_handle(job);
	if (job->st == ST_OK)
		return true;
	if (job->req.problem.st != job->st)
		problem_set(&job->req.problem, job->st, "", "%s", "");
	if (st_info(job->st)->kind != ST_KIND_REFUSAL || db_check_sticky(tx) != ST_OK)
		return false;
	if (job->req.keep_writes)
		return true;
	svc->outbox.count = events;
	svc->outbox.evidence.count = evidence;
	return db_tx_writes(tx) == writes;
}

/* A call that touches no database has no transaction, and does not wait for one. */
static void run_pure(struct job *job)
{
	job_settle(job, job_handle(job));
}

static bool all_settled(const struct job *jobs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!jobs[i].settled)
			return false;
	return true;
}

static enum st batch_step(struct svc *svc, struct db_tx *tx, int64_t now_ms,
			  enum svc_batch_step step)
{
	struct svc_scope scope = { .svc = svc, .arena = &svc->arena, .tx = tx, .now_ms = now_ms };

	return svc->definition->batch ? svc->definition->batch(&scope, svc->state, step) : ST_OK;
}

static enum st commit_batch(struct svc *svc, struct db_tx *tx, int64_t now_ms,
			    struct problem *problem)
{
	enum st st = batch_step(svc, tx, now_ms, SVC_BATCH_END);

	if (st == ST_OK)
		st = svc_outbox_write(svc, tx);
	if (st != ST_OK) {
		db_rollback(tx);
		return problem_set(problem, st, "", "the events could not be written");
	}
	bool emitted = svc->outbox.count > 0;
	st = db_commit(tx, problem);
	if (st == ST_OK && emitted)
		svc_outbox_wake_relay(svc);
	/* The commit stands: whatever this says, nothing may be run again. */
	if (st == ST_OK && batch_step(svc, NULL, now_ms, SVC_BATCH_DONE) != ST_OK)
		log_write(LOG_ERROR, &(struct log_fields){ .category = "call" },
			  "what follows a committed batch failed");
	return st;
}

/* -- groups -- */

static bool same_key(const struct job *a, const struct job *b)
{
	return str_equal(a->req.idempotency_key, b->req.idempotency_key) &&
	       str_equal(a->req.principal, b->req.principal) && strcmp(a->caller, b->caller) == 0;
}

/* A key that is twice in a batch is one act: the second message is handled after the group. */
static bool key_is_taken(const struct job *jobs, const size_t *members, size_t count, size_t j)
{
	if (jobs[j].req.idempotency_key.size == 0)
		return false;
	for (size_t i = 0; i < count; i++)
		if (same_key(&jobs[members[i]], &jobs[j]))
			return true;
	return false;
}

/* Takes the job into the group; a key whose answer is stored, or that is refused, settles it here.
 */
static enum st group_take(struct job *job, bool *ret_member)
{
	struct svc_request *req = &job->req;
	struct str stored = { 0 };

	*ret_member = true;
	req->problem = (struct problem){ 0 };
	if (!req->call->idempotent || req->idempotency_key.size == 0)
		return ST_OK;
	enum st st = svc_idempotency_find(req, &stored);
	if (st == ST_OK && !stored.data)
		return ST_OK;
	*ret_member = false;
	if (st != ST_OK && st != ST_IDEMPOTENCY_MISMATCH && st != ST_IDEMPOTENCY_IN_FLIGHT)
		return st;
	job->answer = stored;
	job->st = st;
	job->grouped = true;
	return ST_OK;
}

static enum st group_answer(struct job *job, enum st st)
{
	struct svc_request *req = &job->req;

	job->grouped = true;
	job->st = st;
	if (st != ST_OK) {
		if (req->problem.st != st)
			problem_set(&req->problem, st, "", "%s", "");
		return st_info(st)->kind == ST_KIND_REFUSAL ? ST_OK : st;
	}
	TRY(proto_encode(req->call->reply, req->answer, req->arena, &job->answer));
	if (req->call->idempotent && req->idempotency_key.size > 0)
		return svc_idempotency_store(req, job->answer);
	return ST_OK;
}

static enum st group_run(const struct svc_group *group, struct job *jobs, size_t count,
			 struct db_tx *tx)
{
	static struct svc_request *reqs[SVC_BATCH_MAX];
	static size_t members[SVC_BATCH_MAX];
	static enum st outcomes[SVC_BATCH_MAX];
	size_t n = 0;
	bool member;

	for (size_t j = 0; j < count; j++) {
		if (jobs[j].settled || jobs[j].req.call != group->call ||
		    key_is_taken(jobs, members, n, j))
			continue;
		jobs[j].req.tx = tx;
		TRY(group_take(&jobs[j], &member));
		if (!member)
			continue;
		reqs[n] = &jobs[j].req;
		outcomes[n] = ST_INTERNAL;
		members[n++] = j;
	}
	if (n == 0)
		return ST_OK;
	TRY(group->handle(reqs, n, outcomes));
	for (size_t i = 0; i < n; i++)
		TRY(group_answer(&jobs[members[i]], outcomes[i]));
	return db_check_sticky(tx);
}

static enum st groups_run(struct svc *svc, struct job *jobs, size_t count, struct db_tx *tx)
{
	for (const struct svc_group *g = svc->definition->groups; g && g->call; g++)
		TRY(group_run(g, jobs, count, tx));
	return ST_OK;
}

/* All in one transaction. ST_COMMIT_UNKNOWN: it may have happened, so it is not tried again. Any
 * other failure: nothing happened, run them singly. */
static enum st run_together(struct svc *svc, struct job *jobs, size_t count, int64_t now_ms)
{
	struct problem problem = { 0 };
	struct db_tx *tx;

	svc_outbox_reset(svc);
	TRY(db_begin(svc->db, &tx, &problem));
	enum st begun = batch_step(svc, tx, now_ms, SVC_BATCH_BEGIN);
	if (begun != ST_OK) {
		db_rollback(tx);
		return begun;
	}
	if (groups_run(svc, jobs, count, tx) != ST_OK) {
		db_rollback(tx);
		return ST_CONFLICT;
	}
	for (size_t i = 0; i < count; i++) {
		if (jobs[i].settled || jobs[i].grouped)
			continue;
		if (!job_run(svc, &jobs[i], tx)) {
			db_rollback(tx);
			return ST_CONFLICT;
		}
	}
	return commit_batch(svc, tx, now_ms, &problem);
}

static enum st run_once(struct svc *svc, struct job *job)
{
	struct problem problem = { 0 };
	struct db_tx *tx;

	svc_outbox_reset(svc);
	enum st st = db_begin(svc->db, &tx, &problem);
	if (st != ST_OK) {
		svc_note_database(svc, st, &problem);
		return problem_set(&job->req.problem, st, "", "%s", "");
	}
	st = batch_step(svc, tx, job->req.now_ms, SVC_BATCH_BEGIN);
	if (st != ST_OK) {
		db_rollback(tx);
		return problem_set(&job->req.problem, st, "", "%s", "");
	}
	if (!job_run(svc, job, tx)) {
		if (job->st == ST_INTERNAL)
			log_write(LOG_ERROR,
				  &(struct log_fields){ .category = "call", .trace = job->trace },
				  "call \"%s\" failed in the database: %s", job->req.call->name,
				  db_tx_error(tx));
		db_rollback(tx);
		return job->st;
	}
	st = commit_batch(svc, tx, job->req.now_ms, &problem);
	if (st != ST_OK) {
		job->req.problem = problem;
		job->req.problem.st = st;
	}
	return st == ST_OK ? job->st : st;
}

static void run_singly(struct svc *svc, struct job *job, int64_t now_ms)
{
	for (int attempt = 0; attempt <= SVC_RETRIES_MAX; attempt++) {
		arena_reset(&svc->arena);
		job_open(svc, job, job->message, now_ms);
		if (!job->settled && job->req.call->pure)
			run_pure(job);
		if (job->settled)
			return;
		job->st = run_once(svc, job);
		if (job->st != ST_SERIALIZATION)
			return;
		metric_add(SVC_METRIC_RETRIES, 1);
		svc_pause(1u << attempt);
	}
}

static void job_answer(struct svc *svc, struct job *job)
{
	const struct st_info *info = st_info(job->st);
	double ms = (double)(clock_mono_ns() - job->message->received_ns) / 1e6;

	metric_add(SVC_METRIC_CALLS, 1);
	metric_observe(SVC_METRIC_CALL_MS, ms);
	if (job->st != ST_OK)
		metric_add(info->kind == ST_KIND_REFUSAL ? SVC_METRIC_REFUSALS : SVC_METRIC_FAULTS,
			   1);
	log_write(info->kind == ST_KIND_BUG ? LOG_ERROR : LOG_DEBUG,
		  &(struct log_fields){ .category = "call",
					.subject = job->message->subject,
					.trace = job->trace,
					.status = info->code },
		  "%s", job->req.problem.detail[0] ? job->req.problem.detail : "answered");
	if (!job->message->reply)
		return;
	if (job->st == ST_OK) {
		(void)!bus_reply(svc->bus, job->message->reply, job->answer);
		return;
	}
	job->req.problem.st = job->st;
	(void)!bus_reply_problem(svc->bus, job->message->reply, &job->req.problem, job->trace);
}

static void batch_run(struct svc *svc, struct bus_message *messages, struct job *jobs, size_t count)
{
	int64_t now_ms = clock_now_ms();

	arena_reset(&svc->arena);
	for (size_t i = 0; i < count; i++)
		job_open(svc, &jobs[i], &messages[i], now_ms);
	metric_add(SVC_METRIC_BATCHES, 1);
	for (size_t i = 0; i < count; i++)
		if (!jobs[i].settled && jobs[i].req.call->pure)
			run_pure(&jobs[i]);
	enum st st = all_settled(jobs, count) ? ST_OK : run_together(svc, jobs, count, now_ms);
	if (st == ST_OK || st == ST_COMMIT_UNKNOWN) {
		bus_cork(svc->bus);
		for (size_t i = 0; i < count; i++) {
			if (st != ST_OK && !jobs[i].settled)
				job_settle(&jobs[i], st);
			job_answer(svc, &jobs[i]);
		}
	} else {
		/* Each is answered before the next is run: the arena holds one answer. */
		for (size_t i = 0; i < count; i++) {
			run_singly(svc, &jobs[i], now_ms);
			job_answer(svc, &jobs[i]);
		}
	}
	(void)!bus_send(svc->bus, 1000);
}

/* Answers what a dead predecessor left open. False: not now; whoever comes next still finds it. */
static bool answer_left_open(struct svc *svc)
{
	struct bus_open_replies *open = svc->process->open_replies;
	struct problem problem = { 0 };

	problem_set(&problem, ST_WORKER_DIED, "",
		    "the worker ended; repeat with the same idempotency key");
	for (uint32_t i = open->tail; i != open->head; i++) {
		const char *reply = open->replies[i % (uint32_t)svc->config.mailbox];
		if (reply[0])
			(void)!bus_reply_problem(svc->bus, reply, &problem, NULL);
	}
	if (bus_flush(svc->bus, 1000) != ST_OK)
		return false;
	open->head = open->tail = 0;
	return true;
}

void svc_worker_run(struct svc *svc)
{
	static struct bus_message messages[SVC_BATCH_MAX];
	static struct job jobs[SVC_BATCH_MAX];
	struct bus_subscription *subscription = NULL;
	struct problem problem = { 0 };
	char subject[BUS_SUBJECT_MAX];

	if (svc_connect(svc, BUS_SEND_BUFFERED) != ST_OK)
		return;
	if (!answer_left_open(svc))
		return;
	svc->mailbox = mailbox_new((size_t)svc->config.mailbox, svc->process->open_replies);
	snprintf(subject, sizeof(subject), "piopl.rpc.%s.*.*", svc->definition->name);
	if (!svc->mailbox || bus_subscribe(svc->bus, subject, svc->definition->name, svc->mailbox,
					   &subscription, &problem) != ST_OK) {
		log_write(LOG_ERROR, &(struct log_fields){ .category = "bus" }, "%s",
			  problem.detail);
		return;
	}
	(void)!bus_flush(svc->bus, 2000);
	svc->process->ready = true;
	while (!svc_stopping() || mailbox_waiting(svc->mailbox) > 0) {
		if (svc_stopping() && subscription) {
			bus_unsubscribe(subscription);
			subscription = NULL;
		}
		size_t count = mailbox_take(svc->mailbox, messages, SVC_BATCH_MAX, SVC_IDLE_MS);
		metric_add(SVC_METRIC_OVERLOADED, mailbox_refused(svc->mailbox));
		svc_watch(svc, count == 0);
		if (count == 0)
			continue;
		batch_run(svc, messages, jobs, count);
		mailbox_done(svc->mailbox, count);
		for (size_t i = 0; i < count; i++)
			bus_message_free(&messages[i]);
	}
	bus_unsubscribe(subscription);
	svc_disconnect(svc);
}
