/* fixture.h: the token service's handlers on a real PostgreSQL, called the way a worker, a follower
 * and a ticker call them, one message a transaction; requests are JSON texts that go through the
 * contract's own decoder. */
#ifndef PIOPL_TOKEN_FIXTURE_H
#define PIOPL_TOKEN_FIXTURE_H

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
#include "services/token/handlers.h"
#include "tests/lib/harness.h"

#define START_MS INT64_C(1767225600000) /* 2026-01-01 */
#define DAY_MS INT64_C(86400000)
#define TEXT_MAX (64 * 1024)

struct world {
	struct harness *harness;
	struct token_service token;
	struct svc_definition definition;
	struct svc svc;
	struct signing_key holder;
	char holder_key[PUBLIC_KEY_TEXT_SIZE];
	int64_t now_ms;
	int64_t sequence;
	struct problem problem;
	void *answer;
	char token_text[TOKEN_BYTES_MAX + 1]; /* of the last token issued */
	char token_id[TOKEN_ID_SIZE];
};

static struct world world;

static inline enum st finish(struct db_tx *tx, enum st st, bool keep)
{
	struct problem problem = { 0 };

	if (st != ST_OK && !keep) {
		db_rollback(tx);
		return st;
	}
	enum st written = svc_outbox_write(&world.svc, tx);
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
	world.now_ms += 10;
	assert_int_equal(db_begin(world.svc.db, &tx, &problem), ST_OK);
	return tx;
}

static inline const struct svc_call *call_named(const char *name)
{
	for (const struct svc_call *c = token_calls; c->call; c++)
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
		.state = &world.token,
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

/* An event of the registry, the next in its sequence. */
static inline void heard(enum st (*handle)(struct svc_event *), const void *data)
{
	struct db_tx *tx = begin();
	struct svc_event event = {
		.svc = &world.svc,
		.state = &world.token,
		.arena = &world.svc.arena,
		.tx = tx,
		.data = data,
		.data_text = STR("{}"),
		.source = STR("piopl/registry"),
		.trace_id = STR("0123456789abcdef0123456789abcdef"),
		.sequence = ++world.sequence,
		.now_ms = world.now_ms,
	};
	assert_int_equal(finish(tx, handle(&event), false), ST_OK);
}

/* True when there is more to do. */
static inline bool ticked(enum st (*handle)(struct svc_tick_context *))
{
	struct db_tx *tx = begin();
	struct svc_tick_context tick = { .svc = &world.svc,
					 .state = &world.token,
					 .arena = &world.svc.arena,
					 .tx = tx,
					 .now_ms = world.now_ms };
	assert_int_equal(finish(tx, handle(&tick), false), ST_OK);
	return tick.again;
}

static inline void keys_ticked(void)
{
	while (ticked(tick_keys))
		;
}

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

/* Events in the outbox of a type ("token.capability.issued"). */
static inline int64_t events(const char *type)
{
	return sql_i64("SELECT count(*) FROM token.outbox WHERE type = '%s'", type);
}

/* Evidence of an operation with an outcome ("success", "refused"). */
static inline int64_t evidence(const char *operation, const char *outcome)
{
	return sql_i64("SELECT count(*) FROM token.outbox WHERE type = "
		       "'token.evidence.recorded' AND convert_from(data, 'UTF8')::jsonb @> "
		       "'{\"operation\":{\"type\":\"%s\"},\"outcome\":{\"status\":\"%s\"}}'",
		       operation, outcome);
}

static inline void world_start(void)
{
	static const struct db_statement *const tables[] = { svc_statements, token_statements };
	struct problem problem = { 0 };

	crypto_init();
	world.now_ms = START_MS;
	world.harness = harness_start(.postgres = true);
	harness_migrate(world.harness, (const char *const[]){ "token", NULL });
	world.definition = (struct svc_definition){ .name = "token" };
	world.svc.definition = &world.definition;
	world.svc.state = &world.token;
	world.svc.db = harness_db_open(world.harness, "token", tables, 2);
	arena_init(&world.svc.arena, SVC_ARENA_BYTES_MAX);
	enum st st = db_ready(world.svc.db, &problem);
	if (st != ST_OK)
		fail_msg("database: %s", problem.detail);
	world.token.issue = (struct issue_limits){ .life_default_ms = 30 * DAY_MS,
						   .life_max_ms = 60 * DAY_MS,
						   .live_max = 4 };
	world.token.notice_ms = 3 * DAY_MS;
	world.token.rotation_ms = 30 * DAY_MS;
	world.token.keep_ms = 90 * DAY_MS;
	random_bytes(world.token.sealing_key, SEALING_KEY_BYTES);
	signing_key_generate(&world.holder);
	base64_encode(world.holder.public_key, PUBLIC_KEY_BYTES, world.holder_key);
}

static inline void world_stop(void)
{
	db_close(world.svc.db);
	arena_free(&world.svc.arena);
	harness_stop(world.harness);
}

#define SCOPES(...)                                                                                \
	(struct label_list)                                                                        \
	{                                                                                          \
		(const struct str[]){ __VA_ARGS__ },                                               \
			sizeof((const struct str[]){ __VA_ARGS__ }) / sizeof(struct str)           \
	}

static inline struct registry_agent agent_of(const char *id, const char *role, int64_t tier,
					     const char *unit, struct label_list scopes)
{
	struct registry_agent agent = {
		.identity = { .agent_id = str_of(id),
			      .role = str_of(role),
			      .tier = tier,
			      .unit = str_of(unit),
			      .status = REGISTRY_AGENT_STATE_PENDING },
	};

	agent.capability.capability_scopes.items = (struct str *)scopes.items;
	agent.capability.capability_scopes.count = scopes.count;
	return agent;
}

static inline void agent_made(const char *id, const char *role, int64_t tier, const char *unit,
			      struct label_list scopes)
{
	struct registry_agent_created data = { .agent = agent_of(id, role, tier, unit, scopes) };

	heard(on_agent_created, &data);
}

static inline struct registry_agent_transition transition_of(const char *id,
							     enum registry_agent_state to)
{
	return (struct registry_agent_transition){
		.agent_id = str_of(id), .to = to, .reason = STR("test"), .by = STR("steward")
	};
}

static inline void agent_is(const char *id, enum registry_agent_state to)
{
	struct registry_agent_transition data = transition_of(id, to);

	heard(on_agent_transition, &data);
}

static inline void kill_heard(enum registry_kill_scope_kind kind, const char *value)
{
	static int number;
	static char id[32];
	struct registry_kill_ordered data = {
		.scope = { .kind = kind, .value = value ? str_of(value) : (struct str){ 0 } },
		.reason = STR("out of hand"),
	};

	snprintf(id, sizeof(id), "kil_%d", ++number);
	data.kill_id = str_of(id);
	heard(on_kill_ordered, &data);
}

/* A running service with keys, and agents 1 (tier 0), 2 (tier 2) and 3 (tier 1, another unit). */
static inline void world_ready(void)
{
	world_start();
	keys_ticked();
	agent_made("piopl_00001", "generator", 0, "studio.alpha",
		   SCOPES(STR("trend_scan"), STR("template_gen")));
	agent_made("piopl_00002", "operator", 2, "studio.beta",
		   SCOPES(STR("sales_read"), STR("payout_request")));
	agent_made("piopl_00003", "publisher", 1, "sales", SCOPES(STR("listing_create")));
}

static inline const struct token_capability *kept_issue(void)
{
	const struct token_issue_reply *answer = world.answer;

	snprintf(world.token_text, sizeof(world.token_text), "%.*s", STR_ARG(answer->token));
	snprintf(world.token_id, sizeof(world.token_id), "%.*s",
		 STR_ARG(answer->capability.token_id));
	return &answer->capability;
}

/* Issues a low token; its id and text are in the world. */
static inline const struct token_capability *issued(const char *agent_id, const char *scope)
{
	OK("token_issue", "{\"agent_id\":\"%s\",\"scopes\":[\"%s\"],\"risk\":\"low\"}", agent_id,
	   scope);
	return kept_issue();
}

/* A critical token of agent 2, bound to the world's holder. */
static inline const struct token_capability *issued_bound(void)
{
	OK("token_issue",
	   "{\"agent_id\":\"piopl_00002\",\"scopes\":[\"payout_request\"],\"risk\":\"critical\","
	   "\"holder_key\":\"%s\"}",
	   world.holder_key);
	return kept_issue();
}

/* The verdict's reason for a token as it is kept: "" when it is good. */
static inline const char *shown(const char *token_id)
{
	static char reason[64];

	OK("token_show", "{\"token_id\":\"%s\"}", token_id);
	const struct token_show_reply *answer = world.answer;
	snprintf(reason, sizeof(reason), "%.*s", STR_ARG(answer->verdict.reason));
	return reason;
}

/* The same for a text. */
static inline const char *checked(const char *token, const char *more)
{
	static char reason[64];

	OK("token_check", "{\"token\":\"%s\"%s}", token, more);
	const struct token_check_reply *answer = world.answer;
	snprintf(reason, sizeof(reason), "%.*s", STR_ARG(answer->verdict.reason));
	return reason;
}

#endif
