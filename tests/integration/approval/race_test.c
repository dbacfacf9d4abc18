/* Two at the same moment, through workers of their own: two who use one approval, and two who give
 * the last verdicts a request needs. */
#include <pthread.h>

#include "fixture.h"

#define ROUNDS 25

static const char *const service_env[] = { "PIOPL_WORKERS=4", "PIOPL_LOG_LEVEL=warn", NULL };

/* Connections of their own; a process of its own each would draw the same inbox after fork. */
static struct bus *buses[2];
static pthread_barrier_t barrier;

static int start(void **state)
{
	struct problem problem = { 0 };

	(void)state;
	world_start(service_env);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
			bus_open(&(struct bus_options){ .url = harness_nats_url(stack.harness),
							.name = i ? "policy" : "terminal",
							.sending = BUS_SEND_AT_ONCE },
				 &buses[i], &problem),
			ST_OK);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++)
		bus_close(buses[i]);
	world_stop();
	return 0;
}

struct asked {
	char request_id[48];
	char digest[HASH_TEXT_SIZE];
};

static struct asked ask(int64_t needed)
{
	static enum approval_approver_role roles[] = { APPROVAL_APPROVER_ROLE_APPROVER,
						       APPROVAL_APPROVER_ROLE_STEWARD };
	struct approval_approver_group group = { .roles = { roles, 2 } };
	struct approval_approval_request_request request = request_of();
	struct approval_approval_reply reply;
	struct problem problem = { 0 };
	struct asked asked;

	request.approvers = &group;
	request.has_needed = true;
	request.needed = needed;
	arena_reset(&stack.arena);
	assert_int_equal(bus_call(policy, &CALL_APPROVAL_APPROVAL_REQUEST, &request, NULL,
				  &stack.arena, &reply, &problem),
			 ST_OK);
	snprintf(asked.request_id, sizeof(asked.request_id), "%.*s",
		 STR_ARG(reply.approval.request_id));
	snprintf(asked.digest, sizeof(asked.digest), "%.*s", STR_ARG(reply.approval.action_digest));
	return asked;
}

struct racer {
	struct bus *bus;
	const struct proto_call *call;
	const void *request;
	enum st st;
};

static void *race_one(void *context)
{
	struct racer *racer = context;
	struct problem problem = { 0 };
	struct arena arena;

	arena_init(&arena, 16 * 1024 * 1024);
	void *reply = arena_alloc(&arena, racer->call->reply->size_bytes);
	pthread_barrier_wait(&barrier);
	racer->st =
		bus_call(racer->bus, racer->call, racer->request, NULL, &arena, reply, &problem);
	arena_free(&arena);
	return NULL;
}

static void race(struct racer racers[2])
{
	pthread_t threads[2];

	pthread_barrier_init(&barrier, NULL, 2);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, race_one, &racers[i]), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	pthread_barrier_destroy(&barrier);
}

static void judge(const struct asked *asked)
{
	struct approval_approval_reply reply;
	struct signed_text text;
	struct approval_approval_verdict_request request = {
		.request_id = str_of(asked->request_id),
		.act = verdict_of(&text, &bob, asked->request_id, asked->digest, "approve"),
	};

	CALL(CALL_APPROVAL_APPROVAL_VERDICT, &reply, &request);
}

static void race_to_use(const struct asked *asked, enum st ret[2])
{
	enum approval_approver_role role = APPROVAL_APPROVER_ROLE_APPROVER;
	struct approval_approval_consume_request request = {
		.request_id = str_of(asked->request_id),
		.action_digest = str_of(asked->digest),
		.required = { .roles = { &role, 1 }, .needed = 1 },
	};
	struct racer racers[2];

	for (int i = 0; i < 2; i++)
		racers[i] = (struct racer){ i ? buses[1] : policy, &CALL_APPROVAL_APPROVAL_CONSUME,
					    &request, ST_INTERNAL };
	race(racers);
	ret[0] = racers[0].st;
	ret[1] = racers[1].st;
}

static void race_to_judge(const struct asked *asked, enum st ret[2])
{
	struct approval_approval_verdict_request requests[2];
	struct signed_text texts[2];
	struct racer racers[2];

	for (int i = 0; i < 2; i++) {
		requests[i] = (struct approval_approval_verdict_request){
			.request_id = str_of(asked->request_id),
			.act = verdict_of(&texts[i], i ? &bob : &steward, asked->request_id,
					  asked->digest, "approve"),
		};
		racers[i] =
			(struct racer){ i ? stack.bus : buses[0], &CALL_APPROVAL_APPROVAL_VERDICT,
					&requests[i], ST_INTERNAL };
	}
	race(racers);
	ret[0] = racers[0].st;
	ret[1] = racers[1].st;
}

/* [APR-7] */
static void of_two_who_use_one_approval_one_may(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct asked asked = ask(1);

		enum st st[2];

		judge(&asked);
		race_to_use(&asked, st);
		assert_true(st[0] == ST_OK || st[1] == ST_OK);
		assert_int_equal(st[0] == ST_OK ? st[1] : st[0], ST_APPROVAL_USED);
	}
	assert_int_equal(
		harness_sql_i64(stack.harness, "SELECT count(*) FROM approval.consumption"),
		ROUNDS);
}

/* [APR-4] Each counts the other's verdict: no request is left waiting for one that was given. */
static void two_last_verdicts_at_once_approve(void **state)
{
	char sql[200];

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct asked asked = ask(2);

		enum st st[2];

		race_to_judge(&asked, st);
		assert_int_equal(st[0], ST_OK);
		assert_int_equal(st[1], ST_OK);
		snprintf(sql, sizeof(sql),
			 "SELECT count(*) FROM approval.request WHERE request_id = '%s' AND state "
			 "= 2",
			 asked.request_id);
		assert_int_equal(harness_sql_i64(stack.harness, sql), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_two_who_use_one_approval_one_may),
		cmocka_unit_test(two_last_verdicts_at_once_approve),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
