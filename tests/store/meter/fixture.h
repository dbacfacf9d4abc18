/* fixture.h: the meter's handlers on a real PostgreSQL, called the way a worker and a ticker call
 * them, one message a transaction; requests are JSON texts that go through the contract's own
 * decoder. */
#ifndef PIOPL_METER_FIXTURE_H
#define PIOPL_METER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "clock.h"
#include "id.h"
#include "libcommon/svc_internal.h"
#include "services/meter/handlers.h"
#include "tests/lib/harness.h"

#define START_MS INT64_C(1767225600000) /* 2026-01-01 */
#define TEXT_MAX (256 * 1024)

struct world {
	struct harness *harness;
	struct meter_service meter;
	struct svc_definition definition;
	struct svc svc;
	int64_t now_ms;
	struct problem problem;
	void *answer;
};

static struct world world;

static inline struct svc_scope scope_of(struct db_tx *tx)
{
	return (struct svc_scope){ .svc = &world.svc,
				   .arena = &world.svc.arena,
				   .tx = tx,
				   .now_ms = world.now_ms,
				   .trace_id = STR("0123456789abcdef0123456789abcdef") };
}

static inline enum st finish(struct db_tx *tx, enum st st, bool keep)
{
	struct svc_scope scope = scope_of(tx);
	struct problem problem = { 0 };

	if (st != ST_OK && !keep) {
		db_rollback(tx);
		return st;
	}
	enum st written = meter_batch(&scope, &world.meter, SVC_BATCH_END);
	if (written == ST_OK)
		written = svc_outbox_write(&world.svc, tx);
	if (written == ST_OK)
		written = db_commit(tx, &problem);
	else
		db_rollback(tx);
	return written == ST_OK ? st : written;
}

static inline struct db_tx *begin(void)
{
	struct problem problem = { 0 };
	struct db_tx *tx;

	arena_reset(&world.svc.arena);
	svc_outbox_reset(&world.svc);
	world.problem = (struct problem){ 0 };
	assert_int_equal(db_begin(world.svc.db, &tx, &problem), ST_OK);
	struct svc_scope scope = scope_of(tx);
	assert_int_equal(meter_batch(&scope, &world.meter, SVC_BATCH_BEGIN), ST_OK);
	return tx;
}

static inline const struct svc_call *call_named(const char *name)
{
	for (const struct svc_call *c = meter_calls; c->call; c++)
		if (strcmp(c->call->name, name) == 0)
			return c;
	fail_msg("no call %s", name);
	return NULL;
}

/* The answer stays until the next call. */
static inline enum st call_text(const char *name, struct str text)
{
	const struct svc_call *call = call_named(name);
	struct db_tx *tx = begin();
	void *body = arena_alloc(&world.svc.arena, call->call->request->size_bytes);

	world.answer = arena_alloc(&world.svc.arena, call->call->reply->size_bytes);
	enum st st = proto_decode(call->call->request, text, PROTO_UNKNOWN_REFUSED,
				  &world.svc.arena, body, &world.problem);
	if (st != ST_OK) {
		db_rollback(tx);
		return st;
	}
	struct svc_request req = {
		.svc = &world.svc,
		.state = &world.meter,
		.arena = &world.svc.arena,
		.tx = tx,
		.body = body,
		.body_text = text,
		.answer = world.answer,
		.caller = STR("terminal"),
		.principal = STR(""),
		.trace_id = STR("0123456789abcdef0123456789abcdef"),
		.now_ms = world.now_ms,
		.call = call->call,
	};
	st = call->handle(&req);
	world.problem = req.problem;
	if (st != ST_OK && st_info(st)->kind == ST_KIND_BUG)
		fprintf(stderr, "%s: %s\n", name, db_tx_error(tx));
	st = finish(tx, st, req.keep_writes);
	if (st == ST_OK) { /* what is answered obeys the contract too */
		struct str encoded;
		assert_int_equal(
			proto_encode(call->call->reply, world.answer, &world.svc.arena, &encoded),
			ST_OK);
	}
	return st;
}

__attribute__((format(printf, 2, 3))) static inline enum st call(const char *name,
								 const char *format, ...)
{
	static char text[TEXT_MAX];
	va_list args;

	va_start(args, format);
	int size = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	assert_true(size > 0 && (size_t)size < sizeof(text));
	return call_text(name, (struct str){ text, (size_t)size });
}

#define OK(...)                                                                                    \
	do {                                                                                       \
		enum st ok_ = call(__VA_ARGS__);                                                   \
		if (ok_ != ST_OK)                                                                  \
			fail_msg("line %d: %s at \"%s\": %s", __LINE__, st_info(ok_)->code,        \
				 world.problem.pointer, world.problem.detail);                     \
	} while (0)
#define REFUSED(st, pointer_, ...)                                                                 \
	do {                                                                                       \
		assert_int_equal(call(__VA_ARGS__), st);                                           \
		assert_string_equal(world.problem.pointer, pointer_);                              \
	} while (0)

static inline int64_t sql_i64(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline int64_t sql_i64(const char *format, ...)
{
	char sql[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(sql, sizeof(sql), format, args);
	va_end(args);
	return harness_sql_i64(world.harness, sql);
}

/* Events in the outbox of a type ("meter.wallet.created"). */
static inline int64_t events(const char *type)
{
	return sql_i64("SELECT count(*) FROM meter.outbox WHERE type = '%s'", type);
}

/* Evidence of an operation with an outcome ("success", "refused"). */
static inline int64_t evidence(const char *operation, const char *outcome)
{
	return sql_i64("SELECT count(*) FROM meter.outbox WHERE type = "
		       "'meter.evidence.recorded' AND convert_from(data, 'UTF8')::jsonb @> "
		       "'{\"operation\":{\"type\":\"%s\"},\"outcome\":{\"status\":\"%s\"}}'",
		       operation, outcome);
}

static inline void world_open(void)
{
	static const struct db_statement *const tables[] = { svc_statements, meter_statements };
	struct problem problem = { 0 };

	crypto_init();
	world.now_ms = START_MS;
	world.meter.margin_ms = 20000;
	world.meter.join_ms = 10000;
	world.meter.begin_ms = 120000;
	world.meter.linger_ms = 300000;
	world.meter.forecast_ms = 3600000;
	world.meter.retention_months = 12;
	world.meter.alive_ms = INT64_C(48) * 3600000;
	world.meter.warning_ms = INT64_C(36) * 3600000;
	world.meter.critical_ms = INT64_C(24) * 3600000;
	world.definition = (struct svc_definition){ .name = "meter" };
	world.svc.definition = &world.definition;
	world.svc.state = &world.meter;
	world.svc.db = harness_db_open(world.harness, "meter", tables, 2);
	arena_init(&world.svc.arena, SVC_ARENA_BYTES_MAX);
	enum st st = db_ready(world.svc.db, &problem);
	if (st != ST_OK)
		fail_msg("database: %s", problem.detail);
}

static inline void world_start(void)
{
	world.harness = harness_start(.postgres = true);
	harness_migrate(world.harness, (const char *const[]){ "meter", NULL });
	world_open();
}

static inline void world_stop(void)
{
	db_close(world.svc.db);
	arena_free(&world.svc.arena);
	harness_stop(world.harness);
}

/* Ids outlive the arena. */
struct id {
	char text[ID_TEXT_SIZE];
};
static inline struct id id_of(struct str text)
{
	struct id id = { "" };

	assert_true(str_copy(text, id.text, sizeof(id.text)));
	return id;
}

static inline struct id wallet_made(const char *owner)
{
	OK("wallet_create", "{\"owner\":\"%s\",\"currency\":\"USD\",\"another\":true}", owner);
	return id_of(((const struct meter_wallet_reply *)world.answer)->wallet.wallet_id);
}

static inline void deposited(struct id wallet, const char *amount)
{
	OK("wallet_deposit",
	   "{\"wallet_id\":\"%s\",\"amount\":{\"amount\":\"%s\",\"currency\":\"USD\"}}",
	   wallet.text, amount);
}

static inline const struct meter_wallet *shown(struct id wallet)
{
	OK("wallet_show", "{\"wallet_id\":\"%s\"}", wallet.text);
	return &((const struct meter_wallet_reply *)world.answer)->wallet;
}

static inline int64_t available(struct id wallet)
{
	return shown(wallet)->available.micros;
}

static inline int64_t held(struct id wallet)
{
	return shown(wallet)->held.micros;
}

/* How many of the installation's own accounts are not what they open with and the entries of all
 * windows of so many numbers. */
static inline int64_t own_faults(int64_t numbers, int64_t *ret_windows)
{
	static int64_t entries[4096];
	int64_t after = 0, faults = 0;
	bool more = true;

	memset(entries, 0, sizeof(entries));
	for (*ret_windows = 0; more; (*ret_windows)++) {
		OK("wallet_audit", "{\"numbers\":%lld,\"after\":\"%lld\"}", (long long)numbers,
		   (long long)after);
		const struct meter_wallet_audit_reply *r = world.answer;
		assert_true(r->has_own && r->own.count >= 128 && r->own.count <= 4096);
		for (size_t i = 0; i < r->own.count; i++) {
			entries[i] += r->own.items[i].entries;
			if (!r->has_next)
				faults += r->own.items[i].opening + entries[i] !=
					  r->own.items[i].balance;
		}
		more = r->has_next;
		assert_true(!more || r->next == after + numbers);
		after = r->next;
	}
	return faults;
}

/* The books balance, and the audit says so. */
static inline void books_balance(void)
{
	OK("wallet_audit", "{}");
	const struct meter_wallet_audit_reply *audit = world.answer;
	for (size_t i = 0; i < audit->faults.count; i++)
		fprintf(stderr, "account %lld breaks %s: %lld, %lld\n",
			(long long)audit->faults.items[i].account,
			meter_audit_fault_rule_names[audit->faults.items[i].rule - 1],
			(long long)audit->faults.items[i].expected,
			(long long)audit->faults.items[i].found);
	assert_true(audit->balanced);
	OK("wallet_audit", "{\"wallets\":10000}"); /* the same by page */
	assert_true(((const struct meter_wallet_audit_reply *)world.answer)->balanced);
	int64_t windows;
	assert_int_equal(own_faults(1000000000, &windows), 0);
	assert_int_equal(windows, 1);
	assert_int_equal(sql_i64("SELECT sum(balance) FROM meter.account"), 0);
}

/* -- jobs, sandboxes, time -- */

/* A shape of 1 cpu, 1024 MB, 1024 MB: 100 + 25 + 1 = 126 micro-units a minute. */
#define MINUTE_PRICE 126
#define SHAPE "{\"image_class\":\"standard\",\"cpu_milli\":1000,\"ram_mb\":1024,\"disk_mb\":1024}"

static inline struct id job_made(struct id wallet, const char *more)
{
	OK("job_create", "{\"wallet_id\":\"%s\",\"purpose\":\"test\"%s}", wallet.text, more);
	return id_of(((const struct meter_job_grant_reply *)world.answer)->job.job_id);
}

static inline struct id admitted(struct id job, const char *more)
{
	OK("sandbox_admit", "{\"job_id\":\"%s\",\"runner\":\"mock\",\"shape\":" SHAPE "%s}",
	   job.text, more);
	return id_of(((const struct meter_sandbox_admit_reply *)world.answer)->sandbox.sandbox_id);
}

/* Its lease's end. */
static inline int64_t began(struct id sandbox)
{
	OK("sandbox_begin", "{\"sandbox_id\":\"%s\"}", sandbox.text);
	return ((const struct meter_lease_reply *)world.answer)->lease.lease_until_ms;
}

static inline const struct meter_sandbox *sandbox_shown(struct id sandbox)
{
	OK("sandbox_show", "{\"sandbox_id\":\"%s\"}", sandbox.text);
	return &((const struct meter_sandbox_reply *)world.answer)->sandbox;
}

static inline const struct meter_job *job_shown(struct id job)
{
	OK("job_show", "{\"job_id\":\"%s\"}", job.text);
	return &((const struct meter_job_reply *)world.answer)->job;
}

/* Runs a tick of the service until it has nothing more to do. */
static inline void ticked(enum st (*handle)(struct svc_tick_context *))
{
	struct svc_tick_context tick;

	do {
		struct db_tx *tx = begin();
		tick = (struct svc_tick_context){ .svc = &world.svc,
						  .state = &world.meter,
						  .arena = &world.svc.arena,
						  .tx = tx,
						  .now_ms = world.now_ms };
		enum st st = handle(&tick);
		if (st != ST_OK)
			fprintf(stderr, "tick: %s\n", db_tx_error(tx));
		assert_int_equal(finish(tx, st, false), ST_OK);
	} while (tick.again);
}

/* Time passes, in steps as the tickers see it. */
static inline void passed(int64_t ms)
{
	for (int64_t until_ms = world.now_ms + ms; world.now_ms < until_ms;) {
		int64_t left = until_ms - world.now_ms;
		world.now_ms += left < 5000 ? left : 5000;
		ticked(tick_partitions);
		ticked(tick_due);
	}
}

#endif
