/* svc_test.c: the life of calls and events through a real service, bus and database. The probe
 * service (tests/probe) misbehaves on request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "gen/common.h"
#include "gen/contract.h"
#include "probe/gen/probe.h"
#include "tests/lib/stack.h"

static struct stack stack;

static int group_start(void **state)
{
	static const char *const names[] = { "probe", NULL };

	(void)state;
	stack_start(&stack, &(struct harness_options){ .postgres = true, .nats = true }, names);
	stack_service_start(&stack, "probe", NULL);
	return 0;
}

static int group_stop(void **state)
{
	(void)state;
	stack_stop(&stack);
	return 0;
}

static enum st put(const char *name, enum probe_behaviour behaviour, struct problem *problem)
{
	struct probe_item_put_reply reply;

	return stack_call(&stack, &CALL_PROBE_ITEM_PUT,
			  &(struct probe_item_put_request){
				  .name = str_of(name), .value = STR("v"), .behaviour = behaviour },
			  &reply, problem);
}

static enum st tell(const char *name, const char *value)
{
	struct probe_item_put_reply reply;
	struct problem problem = { 0 };

	return stack_call(&stack, &CALL_PROBE_ITEM_PUT,
			  &(struct probe_item_put_request){ .name = str_of(name),
							    .value = str_of(value),
							    .has_tell = true,
							    .tell = true },
			  &reply, &problem);
}

static int64_t rows_named(const char *name)
{
	char sql[200];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM probe.item WHERE name = '%s'", name);
	return harness_sql_i64(stack.harness, sql);
}

static bool all_applied(void *context)
{
	(void)context;
	return harness_sql_i64(stack.harness,
			       "SELECT (SELECT count(*) FROM probe.outbox) - (SELECT count(*) FROM "
			       "probe.applied) - (SELECT count(*) FROM probe.parked WHERE "
			       "replayed_ms IS NULL)") == 0;
}

static int64_t outbox_count(void)
{
	return harness_sql_i64(stack.harness, "SELECT count(*) FROM probe.outbox");
}

static void assert_all_applied_once(int timeout_ms)
{
	if (!harness_wait_for(all_applied, NULL, timeout_ms)) {
		char *log = stack_log(&stack, "probe");
		fail_msg("not all events took effect: %s", log);
	}
	assert_int_equal(harness_sql_i64(stack.harness,
					 "SELECT count(*) FROM probe.applied WHERE times <> 1"),
			 0);
}

/* [PLT-10] [PLT-11] */
static void a_call_writes_its_row_and_answers(void **state)
{
	struct problem problem = { 0 };

	(void)state;
	assert_int_equal(put("one", PROBE_BEHAVIOUR_NONE, &problem), ST_OK);
	assert_int_equal(rows_named("one"), 1);
}

/* [PLT-2] */
static void an_unknown_member_is_refused_with_its_pointer(void **state)
{
	struct problem problem = { 0 };
	struct str reply;

	(void)state;
	assert_int_equal(bus_call_text(stack.bus, &CALL_PROBE_ITEM_PUT,
				       STR("{\"name\":\"two\",\"surplus\":1}"), NULL, &stack.arena,
				       &reply, &problem),
			 ST_MESSAGE_INVALID);
	assert_string_equal(problem.pointer, "/surplus");
	assert_int_equal(rows_named("two"), 0);
}

static void a_message_that_is_not_json_is_refused(void **state)
{
	struct problem problem = { 0 };
	struct str reply;

	(void)state;
	assert_int_equal(bus_call_text(stack.bus, &CALL_PROBE_ITEM_PUT, STR("{\"name\":"), NULL,
				       &stack.arena, &reply, &problem),
			 ST_JSON_INVALID);
	assert_non_null(strstr(problem.pointer, "line 1"));
}

static void a_refusal_after_a_write_leaves_nothing(void **state)
{
	struct problem problem = { 0 };

	(void)state;
	assert_int_equal(put("refused", PROBE_BEHAVIOUR_REFUSE_AFTER_WRITE, &problem), ST_CONFLICT);
	assert_string_equal(problem.detail, "as asked");
	assert_string_equal(problem.pointer, "/behaviour");
	assert_int_equal(rows_named("refused"), 0);
}

static void a_refusal_that_keeps_its_writes_keeps_them(void **state)
{
	struct problem problem = { 0 };

	(void)state;
	assert_int_equal(put("kept", PROBE_BEHAVIOUR_REFUSE_AND_KEEP, &problem), ST_ROLE_REQUIRED);
	assert_int_equal(rows_named("kept"), 1);
}

/* [PLT-17] */
static void a_write_that_touches_other_rows_than_it_should_is_refused(void **state)
{
	struct problem problem = { 0 };

	(void)state;
	assert_int_equal(put("rows", PROBE_BEHAVIOUR_WRONG_ROWS, &problem), ST_VERSION_CONFLICT);
	assert_int_equal(rows_named("rows"), 0);
}

/* [PLT-11]: bounded, counted */
static void a_conflict_is_retried_and_then_reported(void **state)
{
	struct problem problem = { 0 };

	(void)state;
	assert_int_equal(put("conflict", PROBE_BEHAVIOUR_CONFLICT, &problem), ST_SERIALIZATION);
	assert_true(stack_metric(&stack, "probe", "piopl_retries_total") >= 5);
	assert_int_equal(rows_named("conflict"), 0);
}

/* [PLT-4] */
static void a_caller_that_is_not_declared_is_refused(void **state)
{
	const struct bus_options options = { .url = harness_nats_url(stack.harness),
					     .name = "stranger",
					     .sending = BUS_SEND_AT_ONCE };
	struct problem problem = { 0 };
	struct bus *stranger;
	struct str reply;

	(void)state;
	assert_int_equal(bus_open(&options, &stranger, &problem), ST_OK);
	assert_int_equal(bus_call_text(stranger, &CALL_PROBE_ITEM_PUT, STR("{\"name\":\"x\"}"),
				       NULL, &stack.arena, &reply, &problem),
			 ST_CALLER_NOT_ALLOWED);
	bus_close(stranger);
}

/* [PLT-22] */
static void the_same_key_gives_the_stored_answer_and_another_body_is_refused(void **state)
{
	const struct bus_call_options keyed = { .idempotency_key = "key-1" };
	struct problem problem = { 0 };
	struct str first, second;

	(void)state;
	assert_int_equal(bus_call_text(stack.bus, &CALL_PROBE_ITEM_PUT, STR("{\"name\":\"keyed\"}"),
				       &keyed, &stack.arena, &first, &problem),
			 ST_OK);
	assert_int_equal(bus_call_text(stack.bus, &CALL_PROBE_ITEM_PUT, STR("{\"name\":\"keyed\"}"),
				       &keyed, &stack.arena, &second, &problem),
			 ST_OK);
	assert_true(str_equal(first, second));
	assert_int_equal(rows_named("keyed"), 1);
	assert_int_equal(bus_call_text(stack.bus, &CALL_PROBE_ITEM_PUT, STR("{\"name\":\"other\"}"),
				       &keyed, &stack.arena, &second, &problem),
			 ST_IDEMPOTENCY_MISMATCH);
	assert_int_equal(rows_named("other"), 0);
}

/* [PLT-6] [PLT-7] [PLT-8] */
static void events_take_effect_once_in_their_order(void **state)
{
	struct probe_items_put_reply reply;
	struct problem problem = { 0 };

	(void)state;
	assert_int_equal(tell("told", "v"), ST_OK);
	assert_int_equal(stack_call(&stack, &CALL_PROBE_ITEMS_PUT,
				    &(struct probe_items_put_request){ .prefix = STR("many"),
								       .count = 3000 },
				    &reply, &problem),
			 ST_OK);
	assert_all_applied_once(10000);
	/* gapless: batches follow each other */
	assert_int_equal(harness_sql_i64(stack.harness,
					 "SELECT count(*) FROM (SELECT first, lag(first + count) "
					 "OVER (ORDER BY first) AS due FROM probe.outbox_batch) b "
					 "WHERE due IS NOT NULL AND first <> due"),
			 0);
	assert_int_equal(
		harness_sql_i64(stack.harness, "SELECT sum(count) FROM probe.outbox_batch"),
		outbox_count());
}

/* [PLT-14]: the trace of the caller is in the event */
static void a_trace_follows_the_request_into_its_event(void **state)
{
	const struct bus_call_options traced = { .trace_id = "0123456789abcdef0123456789abcdef" };
	struct problem problem = { 0 };
	struct str reply;

	(void)state;
	assert_int_equal(bus_call_text(stack.bus, &CALL_PROBE_ITEM_PUT,
				       STR("{\"name\":\"traced\",\"tell\":true}"), &traced,
				       &stack.arena, &reply, &problem),
			 ST_OK);
	assert_string_equal(harness_sql_text(stack.harness, "SELECT trace_id FROM probe.outbox "
							    "WHERE subject = 'traced'"),
			    "0123456789abcdef0123456789abcdef");
}

static bool one_restart(void *context)
{
	(void)context;
	return stack_metric(&stack, "probe", "piopl_process_restarts_total") >= 1;
}

/* [PLT-10] */
static void a_worker_that_dies_is_replaced_and_its_caller_gets_an_answer(void **state)
{
	struct problem problem = { 0 };

	(void)state;
	assert_int_equal(put("died", PROBE_BEHAVIOUR_DIE, &problem), ST_WORKER_DIED);
	assert_int_equal(rows_named("died"), 0);
	assert_true(harness_wait_for(one_restart, NULL, 20000));
	assert_true(stack_service_ready(&stack, "probe", 20000));
	assert_int_equal(put("after death", PROBE_BEHAVIOUR_NONE, &problem), ST_OK);
}

struct captured {
	struct mailbox *mailbox;
	struct bus_subscription *subscription;
	struct bus_message message;
};

static void republish(const struct bus_message *message, const char *data, const char *sequence)
{
	static const char *const names[] = { "ce-specversion", "ce-id",      "ce-source",
					     "ce-type",        "ce-time",    "ce-subject",
					     "ce-sequence",    "ce-traceid", "ce-keyid",
					     "ce-signature",   "ce-proof",   "content-type" };
	struct bus_header headers[12];
	struct problem problem = { 0 };
	size_t n = sizeof(names) / sizeof(names[0]);

	for (size_t i = 0; i < n; i++) {
		headers[i].name = names[i];
		headers[i].value = bus_message_header(message, names[i]);
		if (sequence && strcmp(names[i], "ce-sequence") == 0)
			headers[i].value = sequence;
		assert_non_null(headers[i].value);
	}
	assert_int_equal(bus_stream_ready(stack.bus, "probe", 3600, &problem), ST_OK);
	assert_int_equal(bus_stream_publish(stack.bus, message->subject, headers, n,
					    data ? str_of(data) : message->data),
			 ST_OK);
	assert_int_equal(bus_stream_settle(stack.bus, 5000), ST_OK);
}

static void capture(struct captured *captured)
{
	struct problem problem = { 0 };

	captured->mailbox = mailbox_new(64, NULL);
	assert_int_equal(bus_subscribe(stack.bus, "piopl.evt.probe.>", NULL, captured->mailbox,
				       &captured->subscription, &problem),
			 ST_OK);
	assert_int_equal(bus_flush(stack.bus, 2000), ST_OK);
	assert_int_equal(tell("captured", "v"), ST_OK);
	/* those told before may come late */
	for (;;) {
		assert_int_equal(mailbox_take(captured->mailbox, &captured->message, 1, 20000), 1);
		if (strcmp(bus_message_header(&captured->message, "ce-subject"), "captured") == 0)
			return;
		mailbox_done(captured->mailbox, 1);
		bus_message_free(&captured->message);
	}
}

static void capture_end(struct captured *captured)
{
	bus_message_free(&captured->message);
	bus_unsubscribe(captured->subscription);
	mailbox_free(captured->mailbox);
}

/* [PLT-6] [PLT-8] */
static void duplicate_forged_and_early_events_change_nothing(void **state)
{
	struct captured captured;
	char early[24];

	(void)state;
	capture(&captured);
	assert_all_applied_once(5000);
	double skipped = stack_metric(&stack, "probe", "piopl_events_skipped_total");
	double refused = stack_metric(&stack, "probe", "piopl_events_refused_total");
	republish(&captured.message, NULL, NULL);
	long long next = atoll(bus_message_header(&captured.message, "ce-sequence")) + 1;
	snprintf(early, sizeof(early), "%lld", next);
	republish(&captured.message, "{\"name\":\"forged\"}", early);
	snprintf(early, sizeof(early), "%lld", next + 5);
	republish(&captured.message, NULL, early);
	assert_int_equal(tell("after forgery", "v"), ST_OK);
	assert_all_applied_once(5000);
	assert_int_equal(harness_sql_i64(stack.harness, "SELECT count(*) FROM probe.applied WHERE "
							"name = 'forged'"),
			 0);
	assert_true(stack_metric(&stack, "probe", "piopl_events_skipped_total") > skipped);
	assert_true(stack_metric(&stack, "probe", "piopl_events_refused_total") >= refused + 2);
	capture_end(&captured);
}

/* [PLT-9] */
static void a_poisoned_event_is_parked_listed_and_replayed(void **state)
{
	struct common_parked_list_reply list;
	struct common_parked_replay_reply replayed;
	const struct bus_call_options probe = { .service = "probe" };
	struct problem problem = { 0 };

	(void)state;
	assert_int_equal(tell("poisoned", "poison"), ST_OK);
	assert_int_equal(tell("after poison", "v"), ST_OK);
	assert_all_applied_once(5000);
	int64_t until = harness_now_ms() + 10000;
	do {
		arena_reset(&stack.arena);
		assert_int_equal(bus_call(stack.bus, &CALL_PARKED_LIST,
					  &(struct common_parked_list_request){ 0 }, &probe,
					  &stack.arena, &list, &problem),
				 ST_OK);
		usleep(20000);
	} while (list.items.count == 0 && harness_now_ms() < until);
	assert_int_equal(list.items.count, 1);
	assert_true(str_is(list.items.items[0].subject, "poisoned"));
	assert_non_null(strstr(list.items.items[0].error.data, "it is poisoned"));
	int64_t id = list.items.items[0].id;
	/* still poisoned: the replay says so and it stays */
	assert_int_equal(bus_call(stack.bus, &CALL_PARKED_REPLAY,
				  &(struct common_parked_replay_request){ .id = id }, &probe,
				  &stack.arena, &replayed, &problem),
			 ST_CONFLICT);
	harness_sql(stack.harness, "UPDATE probe.parked SET data = '{\"name\":\"poisoned\"}'");
	assert_int_equal(bus_call(stack.bus, &CALL_PARKED_REPLAY,
				  &(struct common_parked_replay_request){ .id = id }, &probe,
				  &stack.arena, &replayed, &problem),
			 ST_OK);
	assert_true(replayed.replayed);
	assert_int_equal(harness_sql_i64(stack.harness, "SELECT count(*) FROM probe.applied WHERE "
							"name = 'poisoned'"),
			 1);
	assert_int_equal(bus_call(stack.bus, &CALL_PARKED_REPLAY,
				  &(struct common_parked_replay_request){ .id = id }, &probe,
				  &stack.arena, &replayed, &problem),
			 ST_NOT_FOUND);
}

static bool deadly_parked(void *context)
{
	(void)context;
	return harness_sql_i64(stack.harness,
			       "SELECT count(*) FROM probe.parked WHERE subject = 'killer'") == 1;
}

/* [PLT-9] */
static void an_event_that_kills_its_follower_is_parked_alone(void **state)
{

	(void)state;
	assert_int_equal(tell("before killer", "v"), ST_OK);
	assert_int_equal(tell("killer", "deadly"), ST_OK);
	assert_int_equal(tell("after killer", "v"), ST_OK);
	assert_true(harness_wait_for(deadly_parked, NULL, 15000));
	assert_all_applied_once(10000);
	assert_true(stack_service_ready(&stack, "probe", 10000));
}

/* [PLT-17] */
static void a_database_that_goes_and_comes_back_loses_nothing(void **state)
{
	struct problem problem = { 0 };

	(void)state;
	harness_pg_stop(stack.harness);
	enum st st = put("no database", PROBE_BEHAVIOUR_NONE, &problem);
	assert_int_equal(st, ST_DATABASE_UNAVAILABLE);
	harness_pg_start(stack.harness);
	assert_true(stack_service_ready(&stack, "probe", 15000));
	assert_int_equal(put("database back", PROBE_BEHAVIOUR_NONE, &problem), ST_OK);
	assert_int_equal(tell("told after database", "v"), ST_OK);
	assert_all_applied_once(15000);
}

/* [PLT-8]: the broker's whole store is lost in the middle */
static void a_broker_that_forgets_everything_loses_nothing(void **state)
{
	struct probe_items_put_reply reply;
	struct problem problem = { 0 };

	(void)state;
	assert_int_equal(stack_call(&stack, &CALL_PROBE_ITEMS_PUT,
				    &(struct probe_items_put_request){ .prefix = STR("before loss"),
								       .count = 5000 },
				    &reply, &problem),
			 ST_OK);
	harness_nats_kill9(stack.harness);
	harness_nats_wipe_store(stack.harness);
	/* events are made while the broker is away */
	harness_sql(
		stack.harness,
		"INSERT INTO probe.outbox (event_id, type, subject, trace_id, time_ms, data) "
		"SELECT gen_random_uuid(), 'probe.item.changed', 'lost' || g, '', 1700000000000, "
		"convert_to('{\"name\":\"lost' || g || '\"}', 'UTF8') FROM "
		"generate_series(1, 1000) g");
	harness_nats_start(stack.harness);
	assert_all_applied_once(30000);
	assert_true(stack_service_ready(&stack, "probe", 10000));
}

static void put_many_without_waiting(struct bus *bus, int count)
{
	for (int i = 0; i < count; i++) {
		char subject[] = "piopl.rpc.probe.item_put.terminal", body[100];
		snprintf(body, sizeof(body), "{\"name\":\"flood%d\"}", i);
		assert_int_equal(bus_publish(bus, subject, str_of(body)), ST_OK);
	}
}

/* [PLT-9] */
static void a_full_mailbox_answers_overloaded_at_once(void **state)
{
	static const char *const small[] = { "PIOPL_MAILBOX=2", "PIOPL_WORKERS=1", NULL };
	struct problem problem = { 0 };

	(void)state;
	assert_int_equal(stack_service_stop(&stack, "probe"), 0);
	stack_service_start(&stack, "probe", small);
	/* the worker waits for this with what it has taken */
	harness_sql(stack.harness, "BEGIN; LOCK TABLE probe.item IN EXCLUSIVE MODE");
	put_many_without_waiting(stack.bus, 8);
	enum st st = put("crowded", PROBE_BEHAVIOUR_NONE, &problem);
	harness_sql(stack.harness, "COMMIT");
	assert_int_equal(st, ST_OVERLOADED);
	assert_true(problem.retry_after_ms > 0);
	assert_int_equal(stack_service_stop(&stack, "probe"), 0);
	stack_service_start(&stack, "probe", NULL);
}

/* [PLT-15] */
static void stopping_finishes_what_was_taken(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		char body[100];
		snprintf(body, sizeof(body), "{\"name\":\"drained%d\",\"behaviour\":\"%s\"}", i,
			 i == 0 ? "slow" : "conflict");
		if (i > 0)
			snprintf(body, sizeof(body), "{\"name\":\"drained%d\"}", i);
		assert_int_equal(
			bus_publish(stack.bus, "piopl.rpc.probe.item_put.terminal", str_of(body)),
			ST_OK);
	}
	assert_int_equal(bus_flush(stack.bus, 2000), ST_OK);
	usleep(50000);
	assert_int_equal(stack_service_stop(&stack, "probe"), 0);
	assert_int_equal(harness_sql_i64(stack.harness, "SELECT count(*) FROM probe.item WHERE "
							"name LIKE 'drained%'"),
			 20);
	stack_service_start(&stack, "probe", NULL);
}

/* [PLT-15]: what hangs does not keep the service from stopping; it is ended, and that is a failure
 */
static void what_does_not_drain_is_ended_at_the_limit(void **state)
{
	static const char *const env[] = { "PIOPL_DRAIN=1s", NULL };
	pid_t children[64];

	(void)state;
	assert_int_equal(stack_service_stop(&stack, "probe"), 0);
	stack_service_start(&stack, "probe", env);
	size_t count = stack_children(stack_service_get(&stack, "probe")->pid, children, 64);
	assert_true(count >= 4);
	kill(children[0], SIGSTOP);
	int64_t begin_ms = harness_now_ms(), begin_awake_ms = harness_awake_ms();
	assert_int_equal(stack_service_stop(&stack, "probe"), 1);
	assert_true(harness_now_ms() - begin_ms >= 1000);
	assert_true(harness_awake_ms() - begin_awake_ms <= 5000);
	for (size_t i = 0; i < count; i++)
		assert_int_not_equal(kill(children[i], 0), 0);
	stack_service_start(&stack, "probe", NULL);
}

/* [PLT-14] */
static void health_readiness_and_metrics_are_served(void **state)
{
	int status;

	(void)state;
	stack_http_get(&stack, "probe", "/healthz", &status);
	assert_int_equal(status, 200);
	stack_http_get(&stack, "probe", "/readyz", &status);
	assert_int_equal(status, 200);
	const char *metrics = stack_http_get(&stack, "probe", "/metrics", &status);
	assert_int_equal(status, 200);
	assert_non_null(strstr(metrics, "# TYPE piopl_calls_total counter"));
	stack_http_get(&stack, "probe", "/other", &status);
	assert_int_equal(status, 404);
}

static int start_and_end(const char *const *env)
{
	struct stack_service *service = stack_service_get(&stack, "probe");
	int status = 0;

	stack_service_spawn(&stack, "probe", env);
	assert_true(harness_wait_exit(stack.harness, service->pid, 20000, &status));
	service->pid = 0;
	return WEXITSTATUS(status);
}

/* [PLT-13] [PLT-16] */
static void a_wrong_configuration_or_schema_stops_the_start_with_a_sentence(void **state)
{
	static const char *const wrong[] = { "PIOPL_WORKERS=0", NULL };

	(void)state;
	assert_int_equal(stack_service_stop(&stack, "probe"), 0);
	assert_int_equal(start_and_end(wrong), 2);
	char *log = stack_log(&stack, "probe");
	assert_non_null(strstr(log, "PIOPL_WORKERS"));
	assert_non_null(strstr(log, "48"));
	free(log);
	harness_sql(stack.harness,
		    "INSERT INTO probe.migration SELECT 'service', 2, '0002_newer.sql', checksum, "
		    "applied_at FROM probe.migration LIMIT 1");
	assert_int_equal(start_and_end(NULL), 2);
	log = stack_log(&stack, "probe");
	assert_non_null(strstr(log, "is at version"));
	free(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_writes_its_row_and_answers),
		cmocka_unit_test(an_unknown_member_is_refused_with_its_pointer),
		cmocka_unit_test(a_message_that_is_not_json_is_refused),
		cmocka_unit_test(a_refusal_after_a_write_leaves_nothing),
		cmocka_unit_test(a_refusal_that_keeps_its_writes_keeps_them),
		cmocka_unit_test(a_write_that_touches_other_rows_than_it_should_is_refused),
		cmocka_unit_test(a_conflict_is_retried_and_then_reported),
		cmocka_unit_test(a_caller_that_is_not_declared_is_refused),
		cmocka_unit_test(the_same_key_gives_the_stored_answer_and_another_body_is_refused),
		cmocka_unit_test(events_take_effect_once_in_their_order),
		cmocka_unit_test(a_trace_follows_the_request_into_its_event),
		cmocka_unit_test(a_worker_that_dies_is_replaced_and_its_caller_gets_an_answer),
		cmocka_unit_test(duplicate_forged_and_early_events_change_nothing),
		cmocka_unit_test(a_poisoned_event_is_parked_listed_and_replayed),
		cmocka_unit_test(an_event_that_kills_its_follower_is_parked_alone),
		cmocka_unit_test(a_database_that_goes_and_comes_back_loses_nothing),
		cmocka_unit_test(a_broker_that_forgets_everything_loses_nothing),
		cmocka_unit_test(a_full_mailbox_answers_overloaded_at_once),
		cmocka_unit_test(stopping_finishes_what_was_taken),
		cmocka_unit_test(what_does_not_drain_is_ended_at_the_limit),
		cmocka_unit_test(health_readiness_and_metrics_are_served),
		cmocka_unit_test(a_wrong_configuration_or_schema_stops_the_start_with_a_sentence),
	};

	return cmocka_run_group_tests(tests, group_start, group_stop);
}
