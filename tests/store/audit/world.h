/* world.h: the audit service's statements and handlers against a real PostgreSQL, as its own role,
 * without processes or bus: batches, ticks and calls are made by hand and the time is the test's.
 */
#ifndef PIOPL_TEST_AUDIT_WORLD_H
#define PIOPL_TEST_AUDIT_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/audit/service.h"
#include "svc_internal.h"
#include "tests/lib/harness.h"
#include "tests/unit/audit/sample.h"

#define WORLD_START_MS INT64_C(1772366400000) /* 2026-03-01T12:00:00Z */
#define WORLD_DAY_MS INT64_C(86400000)

static struct audit_service world_audit;

struct world {
	struct harness *harness;
	struct svc svc;
	struct svc_definition definition;
	struct problem problem;
	struct sample_random random;
	int64_t now_ms;
	int64_t sequence; /* of source "registry" */
	size_t emitted;   /* events of the last transaction */
	struct str last_type;
	struct arena keep; /* what tests look at after a transaction */
};

/* What a refusal's test needs to know of roles. */
#define WORLD_REFUSED_FUNCTION                                                                     \
	"CREATE FUNCTION public.refused(r text, q text) RETURNS boolean LANGUAGE plpgsql AS $$ "   \
	"BEGIN EXECUTE format('SET LOCAL ROLE %I', r); SET LOCAL search_path = audit; EXECUTE q; " \
	"RESET ROLE; RETURN false; EXCEPTION WHEN insufficient_privilege THEN RESET ROLE; "        \
	"RETURN true; END $$"

static inline void world_open_db(struct world *w)
{
	static const struct db_statement *tables[2];

	tables[0] = svc_statements;
	tables[1] = audit_statements;
	w->svc.db = harness_db_open(w->harness, "audit", tables, 2);
	enum st st = db_ready(w->svc.db, &w->problem);
	if (st != ST_OK)
		fprintf(stderr, "%s\n", w->problem.detail);
	assert_int_equal(st, ST_OK);
}

static inline void world_start(struct world *w)
{
	static const char *const services[] = { "audit", NULL };
	uint8_t seed[SEED_BYTES] = { 9 };

	crypto_init();
	memset(w, 0, sizeof(*w));
	w->harness = harness_start(.postgres = true);
	harness_migrate(w->harness, services);
	w->definition = (struct svc_definition){ .name = "audit" };
	w->svc.definition = &w->definition;
	w->svc.state = &world_audit;
	arena_free(&world_audit.scratch);
	memset(&world_audit, 0, sizeof(world_audit));
	strcpy(world_audit.origin, SAMPLE_ORIGIN);
	signing_key_of_seed(seed, &w->svc.signing_key);
	arena_init(&w->svc.arena, SVC_ARENA_BYTES_MAX);
	arena_init(&w->keep, SVC_ARENA_BYTES_MAX);
	w->random.state = 99;
	w->now_ms = WORLD_START_MS;
	world_open_db(w);
	harness_sql(w->harness, WORLD_REFUSED_FUNCTION);
}

static inline void world_stop(struct world *w)
{
	db_close(w->svc.db);
	arena_free(&w->svc.arena);
	arena_free(&w->keep);
	arena_free(&world_audit.scratch);
	harness_stop(w->harness);
}

static inline struct db_tx *world_begin(struct world *w)
{
	struct db_tx *tx = NULL;

	arena_reset(&w->svc.arena);
	svc_outbox_reset(&w->svc);
	assert_int_equal(db_begin(w->svc.db, &tx, &w->problem), ST_OK);
	return tx;
}

/* Like the library: the outbox is written, then all is committed, or nothing. */
static inline enum st world_end(struct world *w, struct db_tx *tx, enum st st)
{
	w->emitted = w->svc.outbox.count;
	if (w->emitted > 0)
		w->last_type = arena_copy(&w->keep, w->svc.outbox.types[w->emitted - 1]);
	if (st == ST_OK)
		st = svc_outbox_write(&w->svc, tx);
	if (st != ST_OK) {
		if (db_check_sticky(tx) != ST_OK)
			fprintf(stderr, "%s: %s\n", st_info(st)->code, db_tx_error(tx));
		db_rollback(tx);
		return st;
	}
	return db_commit(tx, &w->problem);
}

/* Evidence of "registry" of agents piopl_00000 .. piopl_<agents - 1>; `change` (may be NULL) makes
 * it what the test needs. */
typedef void world_change(struct world *w, size_t index, struct common_evidence *evidence);

static inline void world_events(struct world *w, struct db_tx *tx, const char *source, size_t count,
				int agents, world_change *change, struct svc_event *events)
{
	struct arena *arena = &w->svc.arena;
	struct common_evidence *evidence = ARENA_ARRAY(arena, struct common_evidence, count);

	for (size_t i = 0; i < count; i++) {
		int agent = (int)(sample_next(&w->random) % (uint64_t)agents);

		sample_evidence(&w->random, arena, arena_printf(arena, "piopl_%05d", agent).data,
				&evidence[i]);
		evidence[i].timestamp_ms = w->now_ms;
		if (change)
			change(w, i, &evidence[i]);
		events[i] = (struct svc_event){
			.svc = &w->svc,
			.state = &world_audit,
			.arena = arena,
			.tx = tx,
			.event = &EVT_EVIDENCE_RECORDED,
			.data = &evidence[i],
			.source = str_of(source),
			.sequence = ++w->sequence,
			.time_ms = w->now_ms,
			.now_ms = w->now_ms,
			.trace_id = evidence[i].trace_id,
		};
	}
}

static inline enum st world_try_append(struct world *w, const char *source, size_t count,
				       int agents, world_change *change)
{
	static struct svc_event events[2 * SVC_BATCH_MAX];
	struct db_tx *tx = world_begin(w);

	world_events(w, tx, source, count, agents, change, events);
	enum st st = audit_on_evidence(events, count);
	w->problem = events[0].problem;
	return world_end(w, tx, st);
}

static inline void world_append(struct world *w, size_t count, int agents, world_change *change)
{
	while (count > 0) {
		size_t n = count < SVC_BATCH_MAX ? count : SVC_BATCH_MAX;

		assert_int_equal(world_try_append(w, "registry", n, agents, change), ST_OK);
		count -= n;
	}
}

/* Until it does not say `again`. */
static inline enum st world_tick(struct world *w, enum st (*handle)(struct svc_tick_context *))
{
	bool again = true;

	while (again) {
		struct db_tx *tx = world_begin(w);
		struct svc_tick_context tick = { .svc = &w->svc,
						 .state = &world_audit,
						 .arena = &w->svc.arena,
						 .tx = tx,
						 .now_ms = w->now_ms };
		enum st st = world_end(w, tx, handle(&tick));

		if (st != ST_OK)
			return st;
		again = tick.again;
	}
	return ST_OK;
}

/* The answer lives until the next transaction. */
static inline enum st world_call(struct world *w, enum st (*handle)(struct svc_request *),
				 const void *body, void *answer)
{
	struct db_tx *tx = world_begin(w);
	struct svc_request req = { .svc = &w->svc,
				   .state = &world_audit,
				   .arena = &w->svc.arena,
				   .tx = tx,
				   .body = body,
				   .body_text = STR("{}"),
				   .caller = STR("terminal"),
				   .principal = STR("ada"),
				   .trace_id = STR("0123456789abcdef0123456789abcdef"),
				   .now_ms = w->now_ms,
				   .answer = answer };
	enum st st = handle(&req);

	if (st == ST_INTERNAL || st == ST_LOG_DAMAGED)
		fprintf(stderr, "call: %s: %s\n", st_info(st)->code, db_tx_error(tx));
	w->problem = req.problem;
	return world_end(w, tx, st);
}

/* The events that the last transaction left in the outbox, as evidence come back by the bus. */
static inline size_t world_follow_own(struct world *w)
{
	static struct svc_event events[64];
	static struct common_evidence evidence[64];
	int64_t first = harness_sql_i64(w->harness, "SELECT coalesce(max(last_sequence), 0) FROM "
						    "audit.evidence_source WHERE source = 'audit'");
	int64_t count =
		harness_sql_i64(w->harness, "SELECT count(*) FROM audit.outbox WHERE type = "
					    "'audit.evidence.recorded'");
	struct db_tx *tx = world_begin(w);
	size_t taken = 0;

	for (int64_t i = first; i < count; i++) {
		char sql[256];

		snprintf(sql, sizeof(sql),
			 "SELECT convert_from(data, 'UTF8') FROM audit.outbox WHERE type = "
			 "'audit.evidence.recorded' ORDER BY id OFFSET %lld LIMIT 1",
			 (long long)i);
		struct str text =
			arena_copy(&w->svc.arena, str_of(harness_sql_text(w->harness, sql)));

		assert_int_equal(proto_decode(&common_evidence_type, text, PROTO_UNKNOWN_REFUSED,
					      &w->svc.arena, &evidence[taken], &w->problem),
				 ST_OK);
		events[taken] = (struct svc_event){ .svc = &w->svc,
						    .state = &world_audit,
						    .arena = &w->svc.arena,
						    .tx = tx,
						    .event = &EVT_EVIDENCE_RECORDED,
						    .data = &evidence[taken],
						    .source = STR("audit"),
						    .sequence = i + 1,
						    .now_ms = w->now_ms,
						    .trace_id = evidence[taken].trace_id };
		taken++;
	}
	assert_int_equal(world_end(w, tx, taken ? audit_on_evidence(events, taken) : ST_OK), ST_OK);
	return taken;
}

#endif
