/* [APR-7] The service's processes are killed at every step, again and again, while one who asks,
 * one who judges and one who executes repeat their calls with their idempotency keys until they are
 * answered. Nothing is executed twice, and nothing that was not approved. */
#include <sys/wait.h>

#include "fixture.h"

#define ROUNDS 16
#define ANSWERED_MS_MAX 60000

static const char *const service_env[] = { "PIOPL_WORKERS=6", "PIOPL_LOG_LEVEL=warn", NULL };
static unsigned kills;
static uint64_t random_state = 88172645463325252u;

static int start(void **state)
{
	(void)state;
	world_start(service_env);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	world_stop();
	return 0;
}

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	return random_state ^= random_state << 17;
}

/* A process of its own that kills one of the service's in a moment, while the call is on its way.
 */
static pid_t killer_start(void)
{
	pid_t children[16];
	pid_t parent = stack_service_get(&stack, "approval")->pid;
	size_t count = stack_children(parent, children, 16);
	useconds_t pause = (useconds_t)(random_next() % 3000);
	size_t one = count > 0 ? random_next() % count : 0;
	pid_t pid = fork();

	if (pid == 0) {
		usleep(pause);
		if (count > 0)
			kill(children[one], SIGKILL);
		_exit(0);
	}
	kills++;
	return pid;
}

/* Repeats while the world is at fault; a refusal is an answer. */
static enum st call_until(struct bus *bus, const struct proto_call *call, const void *request,
			  const char *key, void *reply, struct problem *problem)
{
	int64_t until_ms = harness_now_ms() + ANSWERED_MS_MAX;

	for (int attempt = 0; harness_now_ms() < until_ms; attempt++) {
		pid_t killer = attempt == 0 ? killer_start() : 0;
		int status;

		arena_reset(&stack.arena);
		*problem = (struct problem){ 0 };
		enum st st = bus_call(
			bus, call, request,
			&(struct bus_call_options){ .idempotency_key = key, .timeout_ms = 1500 },
			&stack.arena, reply, problem);
		if (killer > 0)
			waitpid(killer, &status, 0);
		if (st_info(st)->kind != ST_KIND_UNAVAILABLE)
			return st;
		usleep(20000);
	}
	fail_msg("%s was never answered", call->name);
	return ST_INTERNAL;
}

struct asked {
	char request_id[48];
	char digest[HASH_TEXT_SIZE];
};

static void ask(int round, struct asked *ret)
{
	struct approval_approval_request_request request = request_of();
	struct approval_approval_reply reply;
	struct problem problem;
	char key[32], reason[32];

	snprintf(key, sizeof(key), "ask-%d", round);
	snprintf(reason, sizeof(reason), "round %d", round);
	request.reason = str_of(reason);
	enum st st = call_until(policy, &CALL_APPROVAL_APPROVAL_REQUEST, &request, key, &reply,
				&problem);
	if (st != ST_OK)
		fail_msg("request: %s %s", st_info(st)->code, problem.detail);
	snprintf(ret->request_id, sizeof(ret->request_id), "%.*s",
		 STR_ARG(reply.approval.request_id));
	snprintf(ret->digest, sizeof(ret->digest), "%.*s", STR_ARG(reply.approval.action_digest));
}

static void judge(int round, const struct asked *asked, const char *verdict)
{
	struct approval_approval_reply reply;
	struct signed_text text;
	struct problem problem;
	char key[32];

	snprintf(key, sizeof(key), "judge-%d", round);
	struct approval_approval_verdict_request request = {
		.request_id = str_of(asked->request_id),
		.act = verdict_of(&text, &bob, asked->request_id, asked->digest, verdict),
	};
	enum st st = call_until(stack.bus, &CALL_APPROVAL_APPROVAL_VERDICT, &request, key, &reply,
				&problem);
	if (st != ST_OK)
		fail_msg("verdict: %s %s", st_info(st)->code, problem.detail);
}

static enum st consume(const char *key, const struct asked *asked)
{
	enum approval_approver_role role = APPROVAL_APPROVER_ROLE_APPROVER;
	struct approval_approval_consume_request request = {
		.request_id = str_of(asked->request_id),
		.action_digest = str_of(asked->digest),
		.required = { .roles = { &role, 1 }, .needed = 1 },
	};
	struct approval_approval_consume_reply reply;
	struct problem problem;

	return call_until(policy, &CALL_APPROVAL_APPROVAL_CONSUME, &request, key, &reply, &problem);
}

/* Two executors race for one approval, each with a key of its own; each executes when it is let. */
static int executed(int round, const struct asked *asked, enum st otherwise)
{
	char key[2][32];
	int count = 0;

	for (int executor = 0; executor < 2; executor++) {
		snprintf(key[executor], sizeof(key[executor]), "use-%d-%d", round, executor);
		enum st st = consume(key[executor], asked);
		if (st == ST_OK)
			count++;
		else
			assert_string_equal(st_info(st)->code, st_info(otherwise)->code);
	}
	return count;
}

static bool everything_is_told(void *context)
{
	(void)context;
	return harness_sql_i64(stack.harness,
			       "SELECT (SELECT count(*) FROM approval.outbox) - (SELECT "
			       "coalesce(sum(count), 0) FROM approval.outbox_batch)") == 0;
}

static void nothing_is_executed_twice_or_unapproved(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		bool approve = round % 4 != 3;
		struct asked asked;

		ask(round, &asked);
		assert_int_equal(executed(1000 + round, &asked, ST_APPROVAL_NOT_GIVEN), 0);
		judge(round, &asked, approve ? "approve" : "reject");
		assert_int_equal(
			executed(round, &asked, approve ? ST_APPROVAL_USED : ST_APPROVAL_REJECTED),
			approve ? 1 : 0);
	}
	assert_true(kills > ROUNDS);
}

static void what_the_database_says_agrees(void **state)
{
	(void)state;
	assert_int_equal(harness_sql_i64(stack.harness, "SELECT count(*) FROM approval.request"),
			 ROUNDS);
	assert_int_equal(harness_sql_i64(stack.harness, "SELECT count(*) FROM approval.verdict"),
			 ROUNDS);
	assert_int_equal(
		harness_sql_i64(stack.harness, "SELECT count(*) FROM approval.consumption"),
		ROUNDS - ROUNDS / 4);
	assert_int_equal(
		harness_sql_i64(stack.harness,
				"SELECT count(*) FROM approval.consumption c LEFT JOIN "
				"approval.verdict v ON v.request_id = c.request_id AND v.verdict "
				"= 1 AND v.given_ms <= c.used_ms WHERE v.request_id IS NULL"),
		0);
	assert_int_equal(
		harness_sql_i64(stack.harness,
				"SELECT count(*) FROM approval.request WHERE state NOT IN (3, "
				"6)"),
		0);
}

/* [APR-2] Each step that counts has its event and its evidence, once. */
static void every_step_has_its_event_and_its_evidence(void **state)
{
	static const char *const types[] = { "approval.request.created", "approval.verdict.given" };
	char sql[400];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		snprintf(sql, sizeof(sql), "SELECT count(*) FROM approval.outbox WHERE type = '%s'",
			 types[i]);
		assert_int_equal(harness_sql_i64(stack.harness, sql), ROUNDS);
	}
	assert_int_equal(harness_sql_i64(stack.harness,
					 "SELECT count(*) FROM approval.outbox WHERE type "
					 "= 'approval.request.consumed'"),
			 ROUNDS - ROUNDS / 4);
	assert_int_equal(
		harness_sql_i64(
			stack.harness,
			"SELECT count(*) FROM approval.outbox WHERE type = "
			"'approval.evidence.recorded' AND convert_from(data, 'UTF8')::jsonb @> "
			"'{\"operation\":{\"type\":\"approval.consume\"},\"outcome\":{\"status\":"
			"\"success\"}}'"),
		ROUNDS - ROUNDS / 4);
	assert_true(harness_wait_for(everything_is_told, NULL, FOLLOW_MS_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_executed_twice_or_unapproved),
		cmocka_unit_test(what_the_database_says_agrees),
		cmocka_unit_test(every_step_has_its_event_and_its_evidence),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
