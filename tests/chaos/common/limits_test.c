/* limits_test.c: calls at their limits and one past, and headers that hold anything. */
#include <nats/nats.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "probe/gen/probe.h"
#include "tests/lib/stack.h"

#define MAILBOX 4
#define ANSWER_MS_MAX 20000
#define BODY_BYTES_MAX (256 * 1024)
#define SUBJECT "piopl.rpc.probe.item_put.terminal"

static const char *const service_env[] = { "PIOPL_MAILBOX=4", "PIOPL_WORKERS=1", NULL };
static struct stack stack;
static natsConnection *connection;

static int group_start(void **state)
{
	static const char *const names[] = { "probe", NULL };

	(void)state;
	stack_start(&stack, &(struct harness_options){ .postgres = true, .nats = true }, names);
	stack_service_start(&stack, "probe", service_env);
	natsOptions *options = NULL;
	assert_int_equal(natsOptions_Create(&options), NATS_OK);
	natsOptions_SetURL(options, harness_nats_url(stack.harness));
	natsOptions_SetCustomInboxPrefix(options, "_INBOX.terminal");
	assert_int_equal(natsConnection_Connect(&connection, options), NATS_OK);
	natsOptions_Destroy(options);
	return 0;
}

static int group_stop(void **state)
{
	(void)state;
	natsConnection_Destroy(connection);
	stack_stop(&stack);
	return 0;
}

static int64_t rows_like(const char *pattern)
{
	char sql[200];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM probe.item WHERE name LIKE '%s'", pattern);
	return harness_sql_i64(stack.harness, sql);
}

struct header {
	const char *name, *value;
};

static natsSubscription *ask_begin(struct str body, const struct header *headers)
{
	natsSubscription *subscription = NULL;
	natsMsg *request = NULL;
	char inbox[64];
	static int number;

	snprintf(inbox, sizeof(inbox), "_INBOX.terminal.ask%d", ++number);
	assert_int_equal(natsConnection_SubscribeSync(&subscription, connection, inbox), NATS_OK);
	assert_int_equal(natsMsg_Create(&request, SUBJECT, inbox, body.data, (int)body.size),
			 NATS_OK);
	for (; headers && headers->name; headers++)
		assert_int_equal(natsMsgHeader_Set(request, headers->name, headers->value),
				 NATS_OK);
	assert_int_equal(natsConnection_PublishMsg(connection, request), NATS_OK);
	natsMsg_Destroy(request);
	return subscription;
}

/* The answer's code, or "ok". */
static void assert_answered(natsSubscription *subscription, const char *expected)
{
	natsMsg *answer = NULL;
	const char *code = NULL;

	assert_int_equal(natsSubscription_NextMsg(&answer, subscription, ANSWER_MS_MAX), NATS_OK);
	assert_false(natsMsg_IsNoResponders(answer));
	if (natsMsgHeader_Get(answer, "Nats-Service-Error", &code) != NATS_OK)
		code = "ok";
	assert_string_equal(code, expected);
	natsMsg_Destroy(answer);
	natsSubscription_Destroy(subscription);
}

static void assert_answer(struct str body, const struct header *headers, const char *expected)
{
	assert_answered(ask_begin(body, headers), expected);
}

/* ---- the mailbox ---- */

static const struct header patient[] = { { "Piopl-Deadline", "60000" }, { NULL, NULL } };

static bool worker_waits(void *context)
{
	(void)context;
	return harness_sql_i64(stack.harness, "SELECT count(*) FROM pg_locks WHERE NOT granted") >
	       0;
}

static natsSubscription *put_begin(const char *name, int number)
{
	char body[64];

	snprintf(body, sizeof(body), "{\"name\":\"%s %d\"}", name, number);
	return ask_begin(str_of(body), patient);
}

/* The worker waits with the call it has taken until it is let go; the call counts until then. */
static natsSubscription *worker_hold(const char *name)
{
	natsSubscription *held;

	harness_sql(stack.harness, "BEGIN; LOCK TABLE probe.item IN EXCLUSIVE MODE");
	held = put_begin(name, 0);
	assert_true(harness_wait_for(worker_waits, NULL, 20000));
	return held;
}

static void worker_go(natsSubscription *held)
{
	harness_sql(stack.harness, "COMMIT");
	assert_answered(held, "ok");
}

/* [PLT-9] */
static void a_mailbox_takes_its_limit_and_refuses_one_past(void **state)
{
	natsSubscription *held, *fit[MAILBOX];

	(void)state;
	held = worker_hold("fits");
	for (int i = 1; i < MAILBOX; i++)
		fit[i] = put_begin("fits", i);
	assert_answer(STR("{\"name\":\"one past\"}"), patient, "overloaded");
	worker_go(held);
	for (int i = 1; i < MAILBOX; i++)
		assert_answered(fit[i], "ok");
	assert_int_equal(rows_like("fits%"), MAILBOX);
	assert_int_equal(rows_like("one past"), 0);
	assert_answer(STR("{\"name\":\"room again\"}"), patient, "ok");
}

/* [PLT-9] */
static void a_message_whose_deadline_passed_in_the_mailbox_is_answered_and_not_run(void **state)
{
	const struct header late[] = { { "Piopl-Deadline", "100" }, { NULL, NULL } };
	natsSubscription *held, *passed, *others[MAILBOX];

	(void)state;
	held = worker_hold("held");
	passed = ask_begin(STR("{\"name\":\"late\"}"), late);
	for (int i = 2; i < MAILBOX; i++)
		others[i] = put_begin("early", i);
	/* one past: so those before have come */
	assert_answer(STR("{\"name\":\"one past\"}"), patient, "overloaded");
	usleep(150000);
	worker_go(held);
	assert_answered(passed, "deadline");
	for (int i = 2; i < MAILBOX; i++)
		assert_answered(others[i], "ok");
	assert_int_equal(rows_like("late"), 0);
	assert_int_equal(rows_like("early%"), MAILBOX - 2);
}

/* ---- sizes ---- */

static struct str body_of(size_t size)
{
	static char body[BODY_BYTES_MAX + 16];
	int length = snprintf(body, sizeof(body), "{\"name\":\"size%zu\"}", size);

	memset(body + length, ' ', size - (size_t)length);
	return (struct str){ body, size };
}

/* [PLT-2] */
static void a_message_at_the_limit_is_taken_and_one_past_refused(void **state)
{
	(void)state;
	assert_answer(body_of(BODY_BYTES_MAX), NULL, "ok");
	assert_answer(body_of(BODY_BYTES_MAX + 1), NULL, "message_too_large");
	assert_int_equal(rows_like("size%"), 1);
}

static void a_message_without_a_body_is_refused(void **state)
{
	(void)state;
	assert_answer(STR(""), NULL, "json_invalid");
}

/* ---- headers ---- */

static const char *repeated(char letter, size_t count)
{
	static char text[64 * 1024];

	memset(text, letter, count);
	text[count] = 0;
	return text;
}

static void put_keyed(const char *name, const char *key, const char *expected)
{
	const struct header headers[] = { { "Idempotency-Key", key }, { NULL, NULL } };
	char body[128];

	snprintf(body, sizeof(body), "{\"name\":\"%s\"}", name);
	assert_answer(str_of(body), headers, expected);
}

/* [PLT-22] */
static void an_idempotency_key_has_a_limit_and_is_text(void **state)
{
	(void)state;
	put_keyed("key 255", repeated('k', 255), "ok");
	put_keyed("key 255", repeated('k', 255), "ok");
	put_keyed("key 256", repeated('k', 256), "message_invalid");
	put_keyed("key 60000", repeated('k', 60000), "message_invalid");
	put_keyed("key not text", "\xff\xfe", "message_invalid");
	put_keyed("key cut", "\xc3", "message_invalid");
	put_keyed("key text", "\xc3\xa9 '; DROP TABLE item; --", "ok");
	assert_int_equal(rows_like("key%"), 2);
}

static void put_for(const char *name, const char *principal, const char *expected)
{
	const struct header headers[] = { { "Piopl-Principal", principal },
					  { "Idempotency-Key", "same" },
					  { NULL, NULL } };
	char body[128];

	snprintf(body, sizeof(body), "{\"name\":\"%s\"}", name);
	assert_answer(str_of(body), headers, expected);
}

static void a_principal_has_a_limit_and_is_text(void **state)
{
	(void)state;
	put_for("principal 255", repeated('p', 255), "ok");
	put_for("principal 256", repeated('p', 256), "message_invalid");
	put_for("principal 60000", repeated('p', 60000), "message_invalid");
	put_for("principal not text", "\xff", "message_invalid");
	assert_int_equal(rows_like("principal%"), 1);
}

/* [PLT-14] */
static void a_traceparent_that_is_none_is_passed_over(void **state)
{
	static const char *const parents[] = {
		"",
		"x",
		"00",
		"00-zz-01",
		"00-0123456789ABCDEF0123456789ABCDEF-0123456789abcdef-01",
		"00-0123456789abcdef0123456789abcdef-0123456789abcdef",
		"-------------------------------------------------------",
		"\xff\xff\xff",
		"00-0123456789abcdef0123456789abcde'-0123456789abcdef-01",
	};
	char body[128], trace[64];

	(void)state;
	for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
		const struct header headers[] = { { "traceparent", parents[i] }, { NULL, NULL } };
		snprintf(body, sizeof(body), "{\"name\":\"trace %zu\",\"tell\":true}", i);
		assert_answer(str_of(body), headers, "ok");
	}
	const struct header huge[] = { { "traceparent", repeated('0', 60000) }, { NULL, NULL } };
	assert_answer(STR("{\"name\":\"trace huge\",\"tell\":true}"), huge, "ok");
	snprintf(trace, sizeof(trace), "%s",
		 harness_sql_text(stack.harness,
				  "SELECT count(*) FROM probe.outbox WHERE subject LIKE "
				  "'trace %' AND trace_id !~ '^[0-9a-f]{32}$'"));
	assert_string_equal(trace, "0");
	assert_int_equal(harness_sql_i64(stack.harness,
					 "SELECT count(DISTINCT trace_id) FROM "
					 "probe.outbox WHERE subject LIKE 'trace %'"),
			 10);
}

static void a_deadline_that_is_none_or_too_far_is_passed_over(void **state)
{
	static const char *const far[] = { "",
					   "x",
					   "1e9",
					   " 5",
					   "9223372036854775807",
					   "9223372036854775808",
					   "18446744073710",
					   "86400000",
					   "86400001" };
	char body[128];

	(void)state;
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		const struct header headers[] = { { "Piopl-Deadline", far[i] }, { NULL, NULL } };
		snprintf(body, sizeof(body), "{\"name\":\"deadline %zu\"}", i);
		assert_answer(str_of(body), headers, "ok");
	}
	const struct header past[] = { { "Piopl-Deadline", "-1" }, { NULL, NULL } };
	assert_answer(STR("{\"name\":\"deadline past\"}"), past, "deadline");
}

/* Whatever came: nothing of it is our fault. */
static void nothing_of_this_was_a_fault_of_ours(void **state)
{
	(void)state;
	char *log = stack_log(&stack, "probe");
	assert_null(strstr(log, "\"internal\""));
	assert_null(strstr(log, "ended by signal"));
	free(log);
	assert_true(stack_service_ready(&stack, "probe", 5000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mailbox_takes_its_limit_and_refuses_one_past),
		cmocka_unit_test(
			a_message_whose_deadline_passed_in_the_mailbox_is_answered_and_not_run),
		cmocka_unit_test(a_message_at_the_limit_is_taken_and_one_past_refused),
		cmocka_unit_test(a_message_without_a_body_is_refused),
		cmocka_unit_test(an_idempotency_key_has_a_limit_and_is_text),
		cmocka_unit_test(a_principal_has_a_limit_and_is_text),
		cmocka_unit_test(a_traceparent_that_is_none_is_passed_over),
		cmocka_unit_test(a_deadline_that_is_none_or_too_far_is_passed_over),
		cmocka_unit_test(nothing_of_this_was_a_fault_of_ours),
	};

	return cmocka_run_group_tests(tests, group_start, group_stop);
}
