/* fixture.h: the approval service's handlers on a real PostgreSQL, called the way a worker, a
 * follower and the ticker call them, one message a transaction; requests are JSON texts that go
 * through the contract's own decoder. */
#ifndef PIOPL_APPROVAL_FIXTURE_H
#define PIOPL_APPROVAL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "clock.h"
#include "libcommon/svc_internal.h"
#include "services/approval/handlers.h"
#include "tests/lib/harness.h"

#define START_MS INT64_C(1767225600000) /* 2026-01-01 */
#define PEOPLE 6

struct world {
	struct harness *harness;
	struct approval_service approval;
	struct svc_definition definition;
	struct svc svc;
	struct signing_key keys[PEOPLE];
	int64_t now_ms;
	int nonce;
	const char *caller;
	const char *principal;
	struct problem problem;
	void *answer;
};

/* Who is who; ANDY owns agent 1, LOST is an auditor only. */
enum { ANDY, BOB, CAROL, STEWARD, LOST, STRANGER };
static struct world world;

static inline const char *person_id(int person)
{
	static char text[4][48];
	static unsigned next;
	char *out = text[next++ % 4];

	snprintf(out, sizeof(text[0]), "per_01900000-0000-7000-8000-%012d", person);
	return out;
}

static inline void transaction_end(struct db_tx *tx, bool keep)
{
	struct problem problem = { 0 };

	if (!keep) {
		db_rollback(tx);
		return;
	}
	assert_int_equal(svc_outbox_write(&world.svc, tx), ST_OK);
	enum st st = db_commit(tx, &problem);
	if (st != ST_OK)
		fail_msg("commit: %s %s", st_info(st)->code, problem.detail);
}

static inline struct db_tx *transaction_begin(void)
{
	struct problem problem = { 0 };
	struct db_tx *tx;

	arena_reset(&world.svc.arena);
	svc_outbox_reset(&world.svc);
	world.now_ms += 10;
	assert_int_equal(db_begin(world.svc.db, &tx, &problem), ST_OK);
	return tx;
}

static inline const struct svc_call *call_named(const char *name)
{
	for (const struct svc_call *c = approval_calls; c->call; c++)
		if (strcmp(c->call->name, name) == 0)
			return c;
	fail_msg("no call %s", name);
	return NULL;
}

/* The answer stays until the next call. */
static inline enum st call_text(const char *name, struct str text)
{
	const struct svc_call *call = call_named(name);
	struct db_tx *tx = transaction_begin();

	world.problem = (struct problem){ 0 };
	world.answer = arena_alloc(&world.svc.arena, call->call->reply->size_bytes);
	struct svc_request req = {
		.svc = &world.svc,
		.state = &world.approval,
		.arena = &world.svc.arena,
		.tx = tx,
		.body = arena_alloc(&world.svc.arena, call->call->request->size_bytes),
		.body_text = text,
		.caller = str_of(world.caller),
		.principal = str_of(world.principal),
		.trace_id = STR("0123456789abcdef0123456789abcdef"),
		.now_ms = world.now_ms,
		.call = call->call,
		.answer = world.answer,
	};
	enum st st = proto_decode(call->call->request, text, PROTO_UNKNOWN_REFUSED,
				  &world.svc.arena, (void *)req.body, &world.problem);
	if (st != ST_OK) {
		transaction_end(tx, false);
		return st;
	}
	st = call->handle(&req);
	world.problem = req.problem;
	transaction_end(tx, st == ST_OK || req.keep_writes);
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
	static char text[64 * 1024];
	va_list args;

	va_start(args, format);
	int size = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	assert_true(size > 0 && (size_t)size < sizeof(text));
	return call_text(name, (struct str){ text, (size_t)size });
}

#define OK(...)                                                                                    \
	do {                                                                                       \
		enum st st_ = call(__VA_ARGS__);                                                   \
		if (st_ != ST_OK)                                                                  \
			fail_msg("%s at %s: %s", st_info(st_)->code, world.problem.pointer,        \
				 world.problem.detail);                                            \
	} while (0)
#define REFUSED(st, pointer_, ...)                                                                 \
	do {                                                                                       \
		assert_string_equal(st_info(call(__VA_ARGS__))->code, st_info(st)->code);          \
		assert_string_equal(world.problem.pointer, pointer_);                              \
	} while (0)

/* JSON of a SignedAct over the members, a nonce and the time. */
__attribute__((format(printf, 3, 4))) static inline const char *
signed_by(int person, const char *purpose, const char *format, ...)
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
	snprintf(payload, sizeof(payload), "{%s,\"nonce\":\"nonce-%06d\",\"issued_at\":\"%s\"}",
		 members, ++world.nonce, time);
	assert_int_equal(sign_purpose(&world.keys[person], purpose, str_of(payload), bytes), ST_OK);
	base64_encode(bytes, sizeof(bytes), signature);
	arena_init(&arena, 64 * 1024);
	buf_init(&buf, &arena, 4096);
	json_write_string(&buf, str_of(payload));
	snprintf(out, sizeof(text[0]), "{\"payload\":%s,\"key_id\":\"%s\",\"signature\":\"%s\"}",
		 buf_str(&buf).data, world.keys[person].key_id, signature);
	arena_free(&arena);
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

/* Events in the outbox of a type ("request.created"). */
static inline int64_t events(const char *type)
{
	return sql_i64("SELECT count(*) FROM approval.outbox WHERE type = 'approval.%s'", type);
}

/* Evidence of an operation with a decision and an outcome. */
static inline int64_t evidence(const char *operation, const char *decision, const char *outcome)
{
	return sql_i64("SELECT count(*) FROM approval.outbox WHERE type = "
		       "'approval.evidence.recorded' AND convert_from(data, 'UTF8')::jsonb @> "
		       "'{\"operation\":{\"type\":\"%s\"},\"policy_evaluation\":{\"decision\":"
		       "\"%s\"},\"outcome\":{\"status\":\"%s\"}}'",
		       operation, decision, outcome);
}

/* An event of the registry, applied. */
static inline void tell(enum st (*handle)(struct svc_event *event), const void *data)
{
	struct db_tx *tx = transaction_begin();
	struct svc_event event = { .svc = &world.svc,
				   .state = &world.approval,
				   .arena = &world.svc.arena,
				   .tx = tx,
				   .data = data,
				   .trace_id = STR("0123456789abcdef0123456789abcdef"),
				   .now_ms = world.now_ms };

	assert_int_equal(handle(&event), ST_OK);
	transaction_end(tx, true);
}

static inline void person_told(int person, const char *name, enum registry_person_role role,
			       bool removed)
{
	struct registry_person_changed data = {
		.change = REGISTRY_PERSON_CHANGE_KIND_ADDED,
		.person = { .person_id = str_of(person_id(person)),
			    .name = str_of(name),
			    .email = str_of(name),
			    .roles = { &role, 1 },
			    .added_at_ms = world.now_ms,
			    .has_removed_at_ms = removed,
			    .removed_at_ms = world.now_ms },
	};

	tell(on_person_changed, &data);
}

static inline void key_told(int person)
{
	char public_key[PUBLIC_KEY_TEXT_SIZE];

	base64_encode(world.keys[person].public_key, PUBLIC_KEY_BYTES, public_key);
	struct registry_key_changed data = {
		.change = REGISTRY_PERSON_CHANGE_KIND_ADDED,
		.key = { .key_id = str_of(world.keys[person].key_id),
			 .person_id = str_of(person_id(person)),
			 .public_key = str_of(public_key),
			 .valid_from_ms = START_MS },
	};

	tell(on_key_changed, &data);
}

static inline void agent_told(const char *agent_id, const char *owner, const char *unit)
{
	struct registry_agent_created data = {
		.agent = { .identity = { .agent_id = str_of(agent_id),
					 .name = STR("Ann"),
					 .role = STR("digital_product_generator"),
					 .status = REGISTRY_AGENT_STATE_ACTIVE,
					 .owner = str_of(owner),
					 .unit = str_of(unit) },
			   .governance = { .behaviour_score = 97.5 } },
	};

	tell(on_agent_created, &data);
}

static inline void agent_transition_told(const char *agent_id, enum registry_agent_state to)
{
	struct registry_agent_transition data = { .agent_id = str_of(agent_id), .to = to };

	tell(to == REGISTRY_AGENT_STATE_TERMINATED ? on_agent_terminated : on_agent_transition,
	     &data);
}

static inline void ticked(int64_t ms)
{
	struct db_tx *tx;

	world.now_ms += ms;
	tx = transaction_begin();
	struct svc_tick_context tick = { .svc = &world.svc,
					 .state = &world.approval,
					 .arena = &world.svc.arena,
					 .tx = tx,
					 .now_ms = world.now_ms };
	assert_int_equal(tick_due(&tick), ST_OK);
	transaction_end(tx, true);
}

static inline void world_start(void)
{
	static const struct db_statement *const tables[] = { svc_statements, approval_statements };
	struct problem problem = { 0 };

	crypto_init();
	world.now_ms = START_MS;
	world.caller = "policy";
	world.principal = "";
	world.approval.limits =
		(struct approval_limits){ 900000,          604800000, 300000, 86400000,
					  30 * 86400000LL, 1000,      10000 };
	world.harness = harness_start(.postgres = true);
	harness_migrate(world.harness, (const char *const[]){ "approval", NULL });
	world.definition = (struct svc_definition){ .name = "approval" };
	world.svc.definition = &world.definition;
	world.svc.state = &world.approval;
	world.svc.db = harness_db_open(world.harness, "approval", tables, 2);
	arena_init(&world.svc.arena, SVC_ARENA_BYTES_MAX);
	enum st st = db_ready(world.svc.db, &problem);
	if (st != ST_OK)
		fail_msg("database: %s", problem.detail);
	for (int i = 0; i < PEOPLE; i++)
		signing_key_generate(&world.keys[i]);
	person_told(ANDY, "andy@css", REGISTRY_PERSON_ROLE_APPROVER, false);
	person_told(BOB, "bob@css", REGISTRY_PERSON_ROLE_APPROVER, false);
	person_told(CAROL, "carol@css", REGISTRY_PERSON_ROLE_APPROVER, false);
	person_told(STEWARD, "sue@css", REGISTRY_PERSON_ROLE_STEWARD, false);
	person_told(LOST, "lost@css", REGISTRY_PERSON_ROLE_AUDITOR, false);
	for (int i = ANDY; i <= LOST; i++)
		key_told(i);
	agent_told("piopl_00001", "andy@css", "content.alpha");
	agent_told("piopl_00002", "dora@css", "content.beta");
}

static inline void world_stop(void)
{
	db_close(world.svc.db);
	arena_free(&world.svc.arena);
	harness_stop(world.harness);
}

#define ACTION_OF(agent)                                                                           \
	"\"agent_id\":\"" agent "\",\"tool\":\"bank.transfer\",\"operation\":\"execute\","         \
	"\"resource\":\"accounts/1\",\"amount\":{\"amount\":\"12.5\",\"currency\":\"GBP\"},"       \
	"\"parameters_hash\":\"sha256:"                                                            \
	"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\""
#define ACTION ACTION_OF("piopl_00001")
#define REQUIRED "\"required\":{\"roles\":[\"approver\",\"steward\"],\"needed\":1}"

struct asked {
	char request_id[48];
	char digest[HASH_TEXT_SIZE];
};

/* Makes a request with more members ("" or "\"needed\":2,"). */
static inline struct asked asked(const char *more)
{
	struct asked asked;

	OK("approval_request", "{%s%s,\"reason\":\"above the threshold\"}", more, ACTION);
	const struct approval_approval_reply *answer = world.answer;
	snprintf(asked.request_id, sizeof(asked.request_id), "%s",
		 text_of(answer->approval.request_id));
	snprintf(asked.digest, sizeof(asked.digest), "%s", text_of(answer->approval.action_digest));
	return asked;
}

static inline const char *verdict_act(int person, const struct asked *asked, const char *verdict)
{
	return signed_by(person, APPROVAL_VERDICT_PURPOSE,
			 "\"request_id\":\"%s\",\"action_digest\":\"%s\",\"verdict\":\"%s\"",
			 asked->request_id, asked->digest, verdict);
}

#define VERDICT(asked, person, verdict)                                                            \
	"approval_verdict", "{\"request_id\":\"%s\",\"act\":%s}", (asked).request_id,              \
		verdict_act((person), &(asked), (verdict))
#define CONSUME(asked)                                                                             \
	"approval_consume", "{\"request_id\":\"%s\",\"action_digest\":\"%s\"," REQUIRED "}",       \
		(asked).request_id, (asked).digest

static inline enum approval_request_state state_of(const struct asked *asked)
{
	OK("approval_get", "{\"request_id\":\"%s\"}", asked->request_id);
	return ((const struct approval_approval_reply *)world.answer)->approval.state;
}

#endif
