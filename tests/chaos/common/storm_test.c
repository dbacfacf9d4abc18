/* storm_test.c: events that come shuffled, twice, with holes, altered and forged, and an outbox
 * that was tampered with. An event that verifies takes effect once and in its order; nothing else
 * has any effect, and each refusal is counted.
 *
 * PIOPL_SEED repeats a run's order. */
#include <nats/nats.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "probe/gen/probe.h"
#include "tests/lib/load.h"

#define STORM_EVENTS 600
#define SETTLE_MS 30000
#define HEADERS 13
#define FOLLOWER_LOCK "hashtextextended('piopl/probe/follower', 0)"

static struct stack stack;
static natsConnection *connection;

static const char *const header_names[HEADERS] = {
	"ce-specversion", "ce-id",        "ce-source",   "ce-type",  "ce-time",
	"ce-subject",     "ce-sequence",  "ce-traceid",  "ce-keyid", "ce-signature",
	"ce-proof",       "content-type", "Nats-Msg-Id",
};

struct captured {
	char subject[128];
	char data[512];
	char headers[HEADERS][1024];
};

static struct captured events[STORM_EVENTS];

static int group_start(void **state)
{
	static const char *const names[] = { "probe", NULL };

	(void)state;
	stack_start(&stack, &(struct harness_options){ .postgres = true, .nats = true }, names);
	stack_service_start(&stack, "probe", NULL);
	assert_int_equal(natsConnection_ConnectTo(&connection, harness_nats_url(stack.harness)),
			 NATS_OK);
	return 0;
}

static int group_stop(void **state)
{
	(void)state;
	natsConnection_Destroy(connection);
	stack_stop(&stack);
	return 0;
}

static void make_events(const char *prefix, int64_t count)
{
	struct probe_items_put_reply reply;
	struct problem problem = { 0 };
	enum st st = stack_call(
		&stack, &CALL_PROBE_ITEMS_PUT,
		&(struct probe_items_put_request){ .prefix = str_of(prefix), .count = count },
		&reply, &problem);

	if (st != ST_OK)
		fail_msg("no events: %s", problem.detail);
}

static void tell(const char *name)
{
	struct probe_item_put_reply reply;
	struct problem problem = { 0 };

	assert_int_equal(stack_call(&stack, &CALL_PROBE_ITEM_PUT,
				    &(struct probe_item_put_request){
					    .name = str_of(name), .has_tell = true, .tell = true },
				    &reply, &problem),
			 ST_OK);
}

static int64_t applied(void)
{
	return harness_sql_i64(stack.harness, "SELECT count(*) FROM probe.applied");
}

static bool any_applied(void *context)
{
	(void)context;
	return applied() > 0;
}

static int64_t inbox(void)
{
	return harness_sql_i64(stack.harness, "SELECT coalesce(max(sequence), 0) FROM probe.inbox");
}

static void assert_settled(void)
{
	if (!chaos_settled(&stack, SETTLE_MS)) {
		char *log = stack_log(&stack, "probe");
		fail_msg("stuck: %s", log);
	}
	assert_int_equal(harness_sql_i64(stack.harness,
					 "SELECT count(*) FROM probe.applied WHERE times <> 1"),
			 0);
	assert_int_equal(applied(), inbox());
}

/* ---- capturing and sending again ---- */

static void capture(const natsMsg *message, struct captured *ret)
{
	snprintf(ret->subject, sizeof(ret->subject), "%s", natsMsg_GetSubject(message));
	snprintf(ret->data, sizeof(ret->data), "%.*s", natsMsg_GetDataLength(message),
		 natsMsg_GetData(message));
	for (int i = 0; i < HEADERS; i++) {
		const char *value = NULL;
		assert_int_equal(
			natsMsgHeader_Get((natsMsg *)(uintptr_t)message, header_names[i], &value),
			NATS_OK);
		snprintf(ret->headers[i], sizeof(ret->headers[i]), "%s", value);
	}
}

static void send_event(const struct captured *event)
{
	natsMsg *message = NULL;

	assert_int_equal(natsMsg_Create(&message, event->subject, NULL, event->data,
					(int)strlen(event->data)),
			 NATS_OK);
	for (int i = 0; i < HEADERS; i++)
		if (event->headers[i][0])
			assert_int_equal(
				natsMsgHeader_Set(message, header_names[i], event->headers[i]),
				NATS_OK);
	assert_int_equal(natsConnection_PublishMsg(connection, message), NATS_OK);
	natsMsg_Destroy(message);
}

static void flush(void)
{
	assert_int_equal(natsConnection_FlushTimeout(connection, 5000), NATS_OK);
}

/* ---- forgeries ---- */

struct forgery {
	const char *what;
	const char *header; /* NULL: the data */
	const char *value;  /* NULL: the header is left out; "~": its last letters are changed */
};

static const struct forgery forgeries[] = {
	{ "other data", NULL, "{\"name\":\"forged\"}" },
	{ "no data", NULL, "" },
	{ "another id", "ce-id", "0190a000-0000-7000-8000-000000000000" },
	{ "no id", "ce-id", NULL },
	{ "another source", "ce-source", "piopl/other" },
	{ "a source without its prefix", "ce-source", "probe" },
	{ "no source", "ce-source", NULL },
	{ "another type", "ce-type", "piopl.probe.item.other" },
	{ "a type without its prefix", "ce-type", "x" },
	{ "no type", "ce-type", NULL },
	{ "another time", "ce-time", "2020-01-01T00:00:00.000Z" },
	{ "a time that is none", "ce-time", "yesterday" },
	{ "no time", "ce-time", NULL },
	{ "another subject", "ce-subject", "other" },
	{ "no subject", "ce-subject", NULL },
	{ "a later sequence", "ce-sequence", "99" },
	{ "the last sequence there can be", "ce-sequence", "9223372036854775807" },
	{ "a sequence past 64 bits", "ce-sequence", "9223372036854775808" },
	{ "a sequence with a sign", "ce-sequence", "+1" },
	{ "a sequence with leading zeros", "ce-sequence", "01" },
	{ "a sequence that is no number", "ce-sequence", "one" },
	{ "no sequence", "ce-sequence", NULL },
	{ "another signature", "ce-signature", "~" },
	{ "a signature that is no base64", "ce-signature", "@@@@" },
	{ "no signature", "ce-signature", NULL },
	{ "an unknown key", "ce-keyid", "key_0123456789abcdef" },
	{ "no key", "ce-keyid", NULL },
	{ "another proof", "ce-proof", "~" },
	{ "a proof for one leaf", "ce-proof", "0/1:" },
	{ "a proof past its size", "ce-proof", "9/8:" },
	{ "a proof that is none", "ce-proof", "proof" },
	{ "no proof", "ce-proof", NULL },
};

static void forge(const struct captured *real, const struct forgery *forgery, struct captured *ret)
{
	*ret = *real;
	if (!forgery->header) {
		snprintf(ret->data, sizeof(ret->data), "%s", forgery->value);
		return;
	}
	for (int i = 0; i < HEADERS; i++) {
		char *value = ret->headers[i];
		if (strcmp(header_names[i], forgery->header) != 0)
			continue;
		if (!forgery->value)
			value[0] = 0;
		else if (strcmp(forgery->value, "~") == 0)
			value[strlen(value) - 5] = value[strlen(value) - 5] == 'A' ? 'B' : 'A';
		else
			snprintf(value, sizeof(ret->headers[i]), "%s", forgery->value);
	}
}

static bool refused_reached(void *context)
{
	return stack_metric(&stack, "probe", "piopl_events_refused_total") >= *(double *)context;
}

/* ---- tests ---- */

/* The follower stands by and the workers do not answer, so events come from the bus alone. */
static void workers_signal(int signal_number)
{
	pid_t children[64];
	size_t count = stack_children(stack_service_get(&stack, "probe")->pid, children, 64);

	for (size_t i = 0; i < count; i++) {
		char path[64], name[32] = "";
		snprintf(path, sizeof(path), "/proc/%d/comm", (int)children[i]);
		FILE *file = fopen(path, "r");
		if (file && fgets(name, sizeof(name), file) && strncmp(name, "worker", 6) == 0)
			kill(children[i], signal_number);
		if (file)
			fclose(file);
	}
}

static bool follower_leads(void *context)
{
	(void)context;
	return harness_sql_i64(
		       stack.harness,
		       "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND "
		       "granted AND ((classid::bigint << 32) | objid::bigint) = " FOLLOWER_LOCK
		       " AND pid <> pg_backend_pid()") == 1;
}

static bool follower_stands_by(void *context)
{
	return !follower_leads(context);
}

/* Takes the follower's lock: whoever held it ends first. */
static void follower_hold(void)
{
	harness_sql(
		stack.harness,
		"SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND "
		"((classid::bigint << 32) | objid::bigint) = " FOLLOWER_LOCK
		" AND pid <> pg_backend_pid()");
	harness_sql(stack.harness, "SELECT pg_advisory_lock(" FOLLOWER_LOCK ")");
	assert_true(harness_wait_for(follower_stands_by, NULL, 5000));
	usleep(300000); /* it finds out with its next look at the mailbox */
}

static void follower_release(void)
{
	harness_sql(stack.harness, "SELECT pg_advisory_unlock(" FOLLOWER_LOCK ")");
}

static void capture_storm(void)
{
	natsSubscription *subscription = NULL;

	assert_int_equal(
		natsConnection_SubscribeSync(&subscription, connection, "piopl.evt.probe.>"),
		NATS_OK);
	flush();
	make_events("storm", STORM_EVENTS);
	for (int i = 0; i < STORM_EVENTS; i++) {
		natsMsg *message = NULL;
		assert_int_equal(natsSubscription_NextMsg(&message, subscription, 10000), NATS_OK);
		capture(message, &events[i]);
		natsMsg_Destroy(message);
	}
	natsSubscription_Destroy(subscription);
}

/* Each event up to three times or not at all, in any order. */
static void send_shuffled(uint64_t *seed, uint64_t holes_of_10)
{
	static size_t order[STORM_EVENTS * 3];
	size_t count = 0;

	for (size_t i = 0; i < STORM_EVENTS; i++) {
		size_t copies =
			chaos_random(seed, 10) < holes_of_10 ? 0 : 1 + chaos_random(seed, 3);
		for (size_t c = 0; c < copies; c++)
			order[count++] = i;
	}
	for (size_t i = count; i > 1; i--) {
		size_t other = chaos_random(seed, i), held = order[i - 1];
		order[i - 1] = order[other];
		order[other] = held;
	}
	for (size_t i = 0; i < count; i++)
		send_event(&events[order[i]]);
	flush();
}

/* [PLT-6] [PLT-8] */
static void a_storm_of_shuffled_doubled_and_forged_events_takes_effect_once(void **state)
{
	uint64_t seed = chaos_seed("storm_test");
	size_t n = sizeof(forgeries) / sizeof(forgeries[0]);
	struct captured forged;

	(void)state;
	follower_hold();
	capture_storm();
	assert_int_equal(applied(), 0);
	workers_signal(SIGSTOP);
	follower_release();
	assert_true(harness_wait_for(follower_leads, NULL, 20000));
	usleep(300000);
	double refused = stack_metric(&stack, "probe", "piopl_events_refused_total");
	for (size_t i = 0; i < n; i++) {
		forge(&events[0], &forgeries[i], &forged);
		send_event(&forged);
	}
	flush();
	double due = refused + (double)n;
	bool all = harness_wait_for(refused_reached, &due, 20000);
	double counted = stack_metric(&stack, "probe", "piopl_events_refused_total");
	if (!all || counted > due)
		fail_msg("%.0f forgeries were refused, not %zu", counted - refused, n);
	assert_int_equal(applied(), 0);
	/* real ones: what is next in order is applied, nothing twice and nothing early */
	send_shuffled(&seed, 2);
	send_shuffled(&seed, 2);
	for (int i = 0; i < STORM_EVENTS / 2; i++)
		send_event(&events[i]);
	flush();
	assert_true(harness_wait_for(any_applied, NULL, 20000));
	int64_t live = applied();
	assert_int_equal(harness_sql_i64(stack.harness,
					 "SELECT (SELECT count(*) FROM probe.applied) - (SELECT "
					 "max(sequence) FROM probe.inbox)"),
			 0);
	/* then the outbox answers again, while the storm goes on */
	workers_signal(SIGCONT);
	send_shuffled(&seed, 2);
	assert_settled();
	printf("storm: %zu forgeries refused, %lld of %d events from the bus, the rest from the "
	       "outbox\n",
	       n, (long long)live, STORM_EVENTS);
	assert_int_equal(applied(), STORM_EVENTS);
	assert_true(stack_service_ready(&stack, "probe", 20000));
}

/* Wherever it ended. */
static int workers_go_on(void **state)
{
	(void)state;
	workers_signal(SIGCONT);
	return 0;
}

/* [PLT-6] [PLT-8]: old events and forgeries among live ones */
static void live_events_pass_through_a_storm(void **state)
{
	uint64_t seed = chaos_seed("storm_test");
	int64_t before = applied();

	(void)state;
	for (int i = 0; i < 200; i++) {
		char name[32];
		struct captured forged;
		size_t n = sizeof(forgeries) / sizeof(forgeries[0]);
		snprintf(name, sizeof(name), "through%d", i);
		forge(&events[chaos_random(&seed, STORM_EVENTS)],
		      &forgeries[chaos_random(&seed, n)], &forged);
		snprintf(forged.headers[6], sizeof(forged.headers[6]), "%lld",
			 (long long)(STORM_EVENTS + 1 + i));
		send_event(&forged);
		send_event(&events[chaos_random(&seed, STORM_EVENTS)]);
		flush();
		tell(name);
	}
	assert_settled();
	assert_int_equal(applied(), before + 200);
}

static double outbox_questions(void)
{
	return stack_metric(&stack, "probe", "piopl_calls_total");
}

static void send_head(const char *body)
{
	assert_int_equal(
		natsConnection_Publish(connection, "piopl.head.probe", body, (int)strlen(body)),
		NATS_OK);
}

/* [PLT-8]: a head is a hint, not signed */
static void a_forged_head_neither_wedges_nor_busies_the_follower(void **state)
{
	static const char *const heads[] = {
		"{\"sequence\":\"9223372036854775807\"}",
		"{\"sequence\":\"-1\"}",
		"{}",
		"",
		"{\"sequence\":\"1e9\"}",
	};

	(void)state;
	assert_settled();
	double before = outbox_questions();
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		send_head(heads[i]);
	flush();
	usleep(1500000);
	assert_true(outbox_questions() - before < 10);
	/* a storm of them: asked at most every 50 ms */
	before = outbox_questions();
	int64_t begin_ms = harness_now_ms();
	for (int i = 0; i < 1000; i++) {
		send_head(heads[0]);
		flush();
		usleep(1000);
	}
	double asked = outbox_questions() - before;
	int64_t took_ms = harness_now_ms() - begin_ms;
	printf("heads: 1000 forged heads made the follower ask %.0f times in %lld ms\n", asked,
	       (long long)took_ms);
	assert_true(asked <= (double)took_ms / 50 + 10);
	tell("after the heads");
	assert_settled();
	/* what is told about the source is what it has */
	assert_int_equal(harness_sql_i64(stack.harness,
					 "SELECT count(*) FROM probe.inbox WHERE head <> sequence"),
			 0);
}

static bool source_stopped(void *context)
{
	(void)context;
	return stack_metric(&stack, "probe", "piopl_sources_stopped") == 1;
}

static bool source_goes_on(void *context)
{
	(void)context;
	return stack_metric(&stack, "probe", "piopl_sources_stopped") == 0;
}

static void assert_stopped(const char *reason)
{
	int status;

	if (!harness_wait_for(source_stopped, NULL, 10000))
		fail_msg("the source is not stopped: %s", stack_log(&stack, "probe"));
	char *words = strdup(harness_sql_text(
		stack.harness, "SELECT coalesce(stopped_reason, '') FROM probe.inbox"));
	if (!strstr(words, reason))
		fail_msg("reason is \"%s\", not \"%s\"", words, reason);
	free(words);
	/* live events do not pass a source that is stopped */
	int64_t before = inbox();
	tell(reason);
	usleep(300000);
	assert_int_equal(inbox(), before);
	stack_http_get(&stack, "probe", "/readyz", &status);
	assert_int_equal(status, 503);
}

static void assert_goes_on(void)
{
	assert_true(harness_wait_for(source_goes_on, NULL, 15000));
	assert_settled();
	assert_true(stack_service_ready(&stack, "probe", 5000));
	assert_int_equal(harness_sql_i64(stack.harness, "SELECT count(*) FROM probe.inbox WHERE "
							"stopped_reason IS NOT NULL"),
			 0);
}

static bool all_published(void *context)
{
	(void)context;
	return harness_sql_i64(stack.harness, "SELECT (SELECT count(*) FROM probe.outbox) - "
					      "published FROM probe.relay") == 0;
}

static void make_events_unseen(const char *prefix)
{
	follower_hold();
	make_events(prefix, 100);
	assert_true(harness_wait_for(all_published, NULL, 10000));
}

/* [PLT-6] */
static void a_tampered_outbox_stops_its_source_until_it_is_repaired(void **state)
{
	(void)state;
	make_events_unseen("tamper");
	double refused = stack_metric(&stack, "probe", "piopl_events_refused_total");
	harness_sql(stack.harness,
		    "UPDATE probe.outbox SET data = convert_to('{\"name\":\"evil\"}', "
		    "'UTF8') WHERE subject = 'tamper50'");
	follower_release();
	assert_stopped("signature");
	assert_true(stack_metric(&stack, "probe", "piopl_events_refused_total") > refused);
	assert_int_equal(harness_sql_i64(stack.harness,
					 "SELECT count(*) FROM probe.applied WHERE name = 'evil'"),
			 0);
	harness_sql(stack.harness, "UPDATE probe.outbox SET data = convert_to('{\"name\":"
				   "\"tamper50\"}', 'UTF8') WHERE subject = 'tamper50'");
	assert_goes_on();
}

/* [PLT-8] */
static void an_outbox_with_a_row_missing_stops_its_source_until_it_is_repaired(void **state)
{
	(void)state;
	make_events_unseen("missing");
	harness_sql(stack.harness, "CREATE TABLE public.held AS SELECT * FROM probe.outbox WHERE "
				   "subject = 'missing50'");
	harness_sql(stack.harness, "DELETE FROM probe.outbox WHERE subject = 'missing50'");
	follower_release();
	assert_stopped("cannot be read");
	harness_sql(stack.harness, "INSERT INTO probe.outbox OVERRIDING SYSTEM VALUE SELECT * FROM "
				   "public.held");
	assert_goes_on();
}

/* [PLT-8]: kept shorter than a reader was away */
static void an_outbox_that_forgot_what_is_missing_stops_its_source(void **state)
{
	(void)state;
	make_events_unseen("forgot");
	harness_sql(stack.harness, "CREATE TABLE public.batches AS SELECT * FROM "
				   "probe.outbox_batch WHERE first + count > (SELECT sequence + 1 "
				   "FROM probe.inbox)");
	harness_sql(stack.harness,
		    "DELETE FROM probe.outbox_batch WHERE first IN (SELECT first FROM "
		    "public.batches)");
	follower_release();
	assert_stopped("no longer has what is missing");
	harness_sql(stack.harness, "INSERT INTO probe.outbox_batch SELECT * FROM public.batches");
	assert_goes_on();
}

/* [PLT-8]: a source that came back from an old backup would give numbers a second time */
static void an_outbox_that_ends_before_what_was_applied_stops_its_source(void **state)
{
	(void)state;
	follower_hold();
	harness_sql(stack.harness, "UPDATE probe.inbox SET sequence = sequence + 1000");
	follower_release();
	assert_stopped("ends before what was applied");
	harness_sql(stack.harness, "UPDATE probe.inbox SET sequence = sequence - 1000");
	assert_goes_on();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			a_storm_of_shuffled_doubled_and_forged_events_takes_effect_once,
			workers_go_on),
		cmocka_unit_test(live_events_pass_through_a_storm),
		cmocka_unit_test(a_forged_head_neither_wedges_nor_busies_the_follower),
		cmocka_unit_test(a_tampered_outbox_stops_its_source_until_it_is_repaired),
		cmocka_unit_test(
			an_outbox_with_a_row_missing_stops_its_source_until_it_is_repaired),
		cmocka_unit_test(an_outbox_that_forgot_what_is_missing_stops_its_source),
		cmocka_unit_test(an_outbox_that_ends_before_what_was_applied_stops_its_source),
	};

	return cmocka_run_group_tests(tests, group_start, group_stop);
}
