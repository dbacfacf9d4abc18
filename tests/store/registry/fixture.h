/* fixture.h: the registry's handlers on a real PostgreSQL, called the way a worker calls them, one
 * message a transaction; requests are JSON texts that go through the contract's own decoder. */
#ifndef PIOPL_REGISTRY_FIXTURE_H
#define PIOPL_REGISTRY_FIXTURE_H

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
#include "services/registry/handlers.h"
#include "tests/lib/harness.h"

#define START_MS INT64_C(1767225600000) /* 2026-01-01 */
#define TEXT_MAX (200 * 1024)

struct world {
	struct harness *harness;
	struct registry_service registry;
	struct svc_definition definition;
	struct svc svc;
	struct signing_key root;
	struct signing_key steward;
	char steward_id[64];
	char hash[HASH_TEXT_SIZE]; /* the constitution in force */
	int64_t now_ms;
	int nonce;
	struct problem problem;
	void *answer;
};

static struct world world;

static inline struct svc_request request_of(const struct svc_call *call, struct str body,
					    struct db_tx *tx)
{
	return (struct svc_request){
		.svc = &world.svc,
		.state = &world.registry,
		.arena = &world.svc.arena,
		.tx = tx,
		.body_text = body,
		.caller = STR("terminal"),
		.principal = STR(""),
		.trace_id = STR("0123456789abcdef0123456789abcdef"),
		.now_ms = world.now_ms,
		.call = call->call,
	};
}

static inline enum st finish(struct svc_request *req, struct db_tx *tx, enum st st)
{
	struct problem problem = { 0 };

	world.problem = req->problem;
	if (st != ST_OK && !req->keep_writes) {
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

static inline const struct svc_call *call_named(const char *name)
{
	for (const struct svc_call *c = registry_calls; c->call; c++)
		if (strcmp(c->call->name, name) == 0)
			return c;
	fail_msg("no call %s", name);
	return NULL;
}

/* The answer stays until the next call. */
static inline enum st call_text(const char *name, struct str text)
{
	const struct svc_call *call = call_named(name);
	struct problem problem = { 0 };
	struct db_tx *tx;

	arena_reset(&world.svc.arena);
	svc_outbox_reset(&world.svc);
	world.problem = (struct problem){ 0 };
	world.now_ms += 10;
	void *body = arena_alloc(&world.svc.arena, call->call->request->size_bytes);
	world.answer = arena_alloc(&world.svc.arena, call->call->reply->size_bytes);
	enum st st = proto_decode(call->call->request, text, PROTO_UNKNOWN_REFUSED,
				  &world.svc.arena, body, &world.problem);
	if (st != ST_OK)
		return st;
	assert_int_equal(db_begin(world.svc.db, &tx, &problem), ST_OK);
	struct svc_request req = request_of(call, text, tx);
	req.body = body;
	req.answer = world.answer;
	st = finish(&req, tx, call->handle(&req));
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

#define OK(...) assert_int_equal(call(__VA_ARGS__), ST_OK)
#define REFUSED(st, pointer_, ...)                                                                 \
	do {                                                                                       \
		assert_int_equal(call(__VA_ARGS__), st);                                           \
		assert_string_equal(world.problem.pointer, pointer_);                              \
	} while (0)

/* JSON of a SignedAct over `payload`, which is the members but nonce and issued_at. */
__attribute__((format(printf, 3, 4))) static inline const char *
signed_by(const struct signing_key *key, const char *purpose, const char *format, ...)
{
	static char text[4][8192];
	static unsigned next;
	char members[2048], payload[3072], time[TIME_TEXT_SIZE], signature[SIGNATURE_TEXT_SIZE];
	uint8_t bytes[SIGNATURE_BYTES];
	struct arena arena;
	struct buf buf;
	va_list args;
	char *out = text[next++ % 4];

	va_start(args, format);
	vsnprintf(members, sizeof(members), format, args);
	va_end(args);
	time_format(world.now_ms, time);
	snprintf(payload, sizeof(payload), "{%s%s\"nonce\":\"nonce-%06d\",\"issued_at\":\"%s\"}",
		 members, members[0] ? "," : "", ++world.nonce, time);
	assert_int_equal(sign_purpose(key, purpose, str_of(payload), bytes), ST_OK);
	base64_encode(bytes, sizeof(bytes), signature);
	arena_init(&arena, 64 * 1024);
	buf_init(&buf, &arena, 4096);
	json_write_string(&buf, str_of(payload));
	snprintf(out, sizeof(text[0]), "{\"payload\":%s,\"key_id\":\"%s\",\"signature\":\"%s\"}",
		 buf_str(&buf).data, key->key_id, signature);
	arena_free(&arena);
	return out;
}

#define SIGNED(purpose, ...) signed_by(&world.steward, purpose, __VA_ARGS__)

/* Makes the call with the act twice: the second time it was used. */
static inline void used_once(const char *name, const char *act)
{
	char kept[8192];

	snprintf(kept, sizeof(kept), "%s", act);
	OK(name, "{\"act\":%s}", kept);
	REFUSED(ST_SIGNATURE_REUSED, "/act", name, "{\"act\":%s}", kept);
}

static inline const char *public_key_text(const struct signing_key *key)
{
	static char text[4][PUBLIC_KEY_TEXT_SIZE];
	static unsigned next;
	char *out = text[next++ % 4];

	base64_encode(key->public_key, PUBLIC_KEY_BYTES, out);
	return out;
}

static inline const char *text_of(struct str s)
{
	static char text[8][512];
	static unsigned next;
	char *out = text[next++ % 8];

	snprintf(out, sizeof(text[0]), "%.*s", STR_ARG(s));
	return out;
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

/* Events in the outbox of a type ("registry.agent.created"). */
static inline int64_t events(const char *type)
{
	return sql_i64("SELECT count(*) FROM registry.outbox WHERE type = '%s'", type);
}

/* Evidence of an operation with an outcome ("success", "refused"). */
static inline int64_t evidence(const char *operation, const char *outcome)
{
	return sql_i64("SELECT count(*) FROM registry.outbox WHERE type = "
		       "'registry.evidence.recorded' AND convert_from(data, 'UTF8')::jsonb @> "
		       "'{\"operation\":{\"type\":\"%s\"},\"outcome\":{\"status\":\"%s\"}}'",
		       operation, outcome);
}

static inline void world_start(void)
{
	static const struct db_statement *const tables[] = { svc_statements, registry_statements };

	crypto_init();
	world.now_ms = START_MS;
	world.harness = harness_start(.postgres = true);
	harness_migrate(world.harness, (const char *const[]){ "registry", NULL });
	world.definition = (struct svc_definition){ .name = "registry" };
	world.svc.definition = &world.definition;
	world.svc.state = &world.registry;
	world.svc.db = harness_db_open(world.harness, "registry", tables, 2);
	arena_init(&world.svc.arena, SVC_ARENA_BYTES_MAX);
	arena_init(&world.registry.kill_arena, KILL_ARENA_BYTES_MAX);
	struct problem problem = { 0 };
	enum st st = db_ready(world.svc.db, &problem);
	if (st != ST_OK)
		fail_msg("database: %s", problem.detail);
	signing_key_generate(&world.root);
	signing_key_generate(&world.steward);
	memcpy(world.registry.root_public_key, world.root.public_key, PUBLIC_KEY_BYTES);
	key_id_of(world.registry.root_public_key, world.registry.root_key_id);
}

static inline void world_stop(void)
{
	db_close(world.svc.db);
	arena_free(&world.svc.arena);
	arena_free(&world.registry.kill_arena);
	harness_stop(world.harness);
}

static inline void world_found(void)
{
	const char *act = signed_by(&world.root, REGISTRY_FOUNDING_PURPOSE,
				    "\"name\":\"Andy\",\"public_key\":\"%s\"",
				    public_key_text(&world.steward));

	OK("found", "{\"act\":%s}", act);
	const struct registry_person_reply *answer = world.answer;
	snprintf(world.steward_id, sizeof(world.steward_id), "%.*s",
		 STR_ARG(answer->person.person_id));
}

/* Stores a constitution and puts it in force. */
static inline void world_constitution(const char *text)
{
	OK("constitution_add",
	   "{\"title\":\"Constitution\",\"text\":\"%s One. Two.\",\"invariants\":["
	   "{\"invariant_id\":\"INV-1\",\"text\":\"One.\"},"
	   "{\"invariant_id\":\"INV-2\",\"text\":\"Two.\"}]}",
	   text);
	const struct registry_constitution_reply *answer = world.answer;
	snprintf(world.hash, sizeof(world.hash), "%.*s", STR_ARG(answer->constitution.hash));
	OK("constitution_activate", "{\"act\":%s}",
	   SIGNED(REGISTRY_CONSTITUTION_ACTIVATION_PURPOSE, "\"hash\":\"%s\",\"reason\":\"test\"",
		  world.hash));
}

static inline void world_units(void)
{
	OK("unit_create", "{\"path\":\"content\",\"title\":\"Content\"}");
	OK("unit_create", "{\"path\":\"content.alpha\",\"title\":\"Alpha\"}");
	OK("unit_create", "{\"path\":\"content.beta\",\"title\":\"Beta\"}");
	OK("unit_create", "{\"path\":\"sales\",\"title\":\"Sales\"}");
}

/* A founded registry in which agents can be made. */
static inline void world_ready(void)
{
	world_start();
	world_found();
	world_constitution("Text.");
	world_units();
}

#define PROFILE(role, unit)                                                                        \
	"{\"role\":\"" role "\",\"owner\":\"andy.jones@css\",\"unit\":\"" unit "\","               \
	"\"revenue\":{\"settlement_account\":\"acct_1\"}}"
#define GENERATOR PROFILE("digital_product_generator", "content.alpha")

/* Makes an agent and gives its id. */
static inline const char *agent_made(const char *name, const char *profile)
{
	OK("agent_create", "{\"name\":\"%s\",\"profile\":%s}", name, profile);
	const struct registry_agent_reply *answer = world.answer;
	return text_of(answer->agent.identity.agent_id);
}

static inline void agent_activated(const char *agent_id)
{
	OK("agent_activate", "{\"agent_id\":\"%s\",\"act\":%s}", agent_id,
	   SIGNED(REGISTRY_AGENT_ACTIVATION_PURPOSE, "\"agent_id\":\"%s\",\"reason\":\"ok\"",
		  agent_id));
}

static inline const struct registry_agent *agent_now(const char *agent_id)
{
	OK("agent_get", "{\"agent_id\":\"%s\"}", agent_id);
	return &((const struct registry_agent_reply *)world.answer)->agent;
}

/* Runs the batch tick once; true when there is more to do. */
static inline bool batch_ticked(void)
{
	struct problem problem = { 0 };
	struct db_tx *tx;

	arena_reset(&world.svc.arena);
	svc_outbox_reset(&world.svc);
	world.now_ms += 10;
	assert_int_equal(db_begin(world.svc.db, &tx, &problem), ST_OK);
	struct svc_tick_context tick = { .svc = &world.svc,
					 .state = &world.registry,
					 .arena = &world.svc.arena,
					 .tx = tx,
					 .now_ms = world.now_ms };
	assert_int_equal(tick_batch(&tick), ST_OK);
	assert_int_equal(svc_outbox_write(&world.svc, tx), ST_OK);
	assert_int_equal(db_commit(tx, &problem), ST_OK);
	return tick.again;
}

#endif
