/* permissions_test.c: who may do what on the bus is decided by the server, from the permissions
 * that the contract generates. [PLT-4] */
#include <nats/nats.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "nkey.h"
#include "probe/gen/probe.h"
#include "tests/lib/accounts.h"

#define DENIED_WAIT_MS 2000

static struct stack stack;

/* A client that remembers what the server refused it. */
struct client {
	natsConnection *connection;
	_Atomic int denied;
};

static int group_start(void **state)
{
	static const char *const names[] = { "probe", NULL };
	char permissions[600];

	(void)state;
	stack_start(&stack, &(struct harness_options){ .postgres = true, .nats = true }, names);
	snprintf(permissions, sizeof(permissions), "%s/probe/gen/nats-permissions.json",
		 harness_build_folder());
	accounts_start(&stack, permissions);
	const char *const env[] = { accounts_env(&stack, "probe"), NULL };
	stack_service_start(&stack, "probe", env);
	return 0;
}

static int group_stop(void **state)
{
	(void)state;
	stack_stop(&stack);
	return 0;
}

static void on_error(natsConnection *connection, natsSubscription *subscription, natsStatus status,
		     void *closure)
{
	struct client *client = closure;

	(void)connection;
	(void)subscription;
	if (status == NATS_NOT_PERMITTED)
		client->denied++;
}

static natsStatus client_try(struct client *client, const char *seed_file, const char *public_key)
{
	natsOptions *options = NULL;

	*client = (struct client){ 0 };
	assert_int_equal(natsOptions_Create(&options), NATS_OK);
	natsOptions_SetURL(options, harness_nats_url(stack.harness));
	natsOptions_SetAllowReconnect(options, false);
	natsOptions_SetErrorHandler(options, on_error, client);
	if (seed_file)
		assert_int_equal(natsOptions_SetNKeyFromSeed(options, public_key, seed_file),
				 NATS_OK);
	natsStatus status = NATS_OK;
	/* the NATS library sends no signature when its first byte is zero: another nonce then */
	for (int tries = 0; tries < 4; tries++) {
		status = natsConnection_Connect(&client->connection, options);
		if (status == NATS_OK || !seed_file)
			break;
	}
	natsOptions_Destroy(options);
	return status;
}

static void seed_public(const char *seed_file, char ret[NKEY_PUBLIC_SIZE])
{
	char line[NKEY_SEED_SIZE + 2] = { 0 };
	FILE *file = fopen(seed_file, "r");
	uint8_t seed[SEED_BYTES];
	struct signing_key key;
	enum nkey_kind kind;

	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	assert_int_equal(nkey_seed_decode(str_of(line), &kind, seed), ST_OK);
	signing_key_of_seed(seed, &key);
	nkey_public_encode(kind, key.public_key, ret);
}

static void client_open(struct client *client, const char *identity)
{
	const char *path = accounts_seed_file(&stack, identity);
	char public_key[NKEY_PUBLIC_SIZE];

	seed_public(path, public_key);
	assert_int_equal(client_try(client, path, public_key), NATS_OK);
}

static void client_close(struct client *client)
{
	natsConnection_Destroy(client->connection);
}

static bool denied(void *context)
{
	return ((struct client *)context)->denied > 0;
}

static void assert_cannot_publish(const char *identity, const char *subject)
{
	struct client client;

	client_open(&client, identity);
	assert_int_equal(natsConnection_PublishString(client.connection, subject, "{}"), NATS_OK);
	natsConnection_FlushTimeout(client.connection, 2000);
	if (!harness_wait_for(denied, &client, DENIED_WAIT_MS))
		fail_msg("\"%s\" may publish \"%s\"", identity, subject);
	client_close(&client);
}

static void assert_cannot_subscribe(const char *identity, const char *subject)
{
	natsSubscription *subscription = NULL;
	struct client client;

	client_open(&client, identity);
	assert_int_equal(natsConnection_SubscribeSync(&subscription, client.connection, subject),
			 NATS_OK);
	natsConnection_FlushTimeout(client.connection, 2000);
	if (!harness_wait_for(denied, &client, DENIED_WAIT_MS))
		fail_msg("\"%s\" may subscribe to \"%s\"", identity, subject);
	natsSubscription_Destroy(subscription);
	client_close(&client);
}

static enum st tell(const char *name)
{
	struct probe_item_put_reply reply;
	struct problem problem = { 0 };

	return stack_call(&stack, &CALL_PROBE_ITEM_PUT,
			  &(struct probe_item_put_request){
				  .name = str_of(name), .has_tell = true, .tell = true },
			  &reply, &problem);
}

static bool is_applied(void *context)
{
	char sql[200];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM probe.applied WHERE name = '%s'",
		 (const char *)context);
	return harness_sql_i64(stack.harness, sql) == 1;
}

static void a_service_answers_and_its_events_flow_within_its_permissions(void **state)
{
	char name[] = "permitted";

	(void)state;
	assert_int_equal(tell(name), ST_OK);
	assert_true(harness_wait_for(is_applied, name, 10000));
	assert_true(stack_service_ready(&stack, "probe", 5000));
}

static void a_connection_without_a_key_is_refused(void **state)
{
	struct client client;

	(void)state;
	assert_int_not_equal(client_try(&client, NULL, NULL), NATS_OK);
}

static void a_key_that_is_not_listed_is_refused(void **state)
{
	char path[512], text[NKEY_SEED_SIZE], public_key[NKEY_PUBLIC_SIZE];
	uint8_t seed[SEED_BYTES];
	struct client client;

	(void)state;
	random_bytes(seed, sizeof(seed));
	nkey_seed_encode(NKEY_USER, seed, text);
	snprintf(path, sizeof(path), "%s/stranger.seed", harness_folder(stack.harness));
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	seed_public(path, public_key);
	assert_int_not_equal(client_try(&client, path, public_key), NATS_OK);
	/* a listed name with another's signature */
	seed_public(accounts_seed_file(&stack, "terminal"), public_key);
	assert_int_not_equal(client_try(&client, path, public_key), NATS_OK);
}

static void nobody_calls_under_anothers_name(void **state)
{
	(void)state;
	assert_cannot_publish("external", "piopl.rpc.probe.item_put.terminal");
	assert_cannot_publish("external", "piopl.rpc.probe.item_get.terminal");
	assert_cannot_publish("probe", "piopl.rpc.probe.item_put.terminal");
	assert_cannot_publish("terminal", "piopl.rpc.probe.item_get.external");
}

static void nobody_makes_a_call_that_is_not_open_to_him(void **state)
{
	(void)state;
	assert_cannot_publish("external", "piopl.rpc.probe.item_put.external");
	assert_cannot_publish("external", "piopl.rpc.probe.parked_replay.external");
	assert_cannot_publish("terminal", "piopl.rpc.probe.no_such_call.terminal");
}

static void nobody_publishes_events_or_heads_of_another(void **state)
{
	(void)state;
	assert_cannot_publish("terminal", "piopl.evt.probe.item.changed");
	assert_cannot_publish("external", "piopl.evt.probe.item.changed");
	assert_cannot_publish("probe", "piopl.evt.registry.agent.created");
	assert_cannot_publish("external", "piopl.head.probe");
	assert_cannot_publish("probe", "piopl.head.registry");
}

static void nobody_listens_to_anothers_inbox_or_calls(void **state)
{
	(void)state;
	assert_cannot_subscribe("external", "_INBOX.>");
	assert_cannot_subscribe("external", "_INBOX.terminal.>");
	assert_cannot_subscribe("external", "piopl.rpc.>");
	assert_cannot_subscribe("external", "piopl.rpc.probe.*.*");
	assert_cannot_subscribe("terminal", "piopl.rpc.probe.*.*");
	assert_cannot_subscribe("probe", "piopl.rpc.registry.*.*");
	assert_cannot_subscribe("probe", "_INBOX.terminal.>");
	assert_cannot_subscribe("external", "$JS.>");
	assert_cannot_subscribe("external", ">");
}

static void an_outsider_reads_the_streams_and_changes_nothing(void **state)
{
	(void)state;
	assert_cannot_publish("external", "$JS.API.STREAM.DELETE.PIOPL_EVT_PROBE");
	assert_cannot_publish("external", "$JS.API.STREAM.PURGE.PIOPL_EVT_PROBE");
	assert_cannot_publish("external", "$JS.API.STREAM.UPDATE.PIOPL_EVT_PROBE");
	assert_cannot_publish("external", "$JS.API.STREAM.CREATE.OTHER");
	assert_cannot_publish("external", "$JS.API.STREAM.MSG.DELETE.PIOPL_EVT_PROBE");
	assert_cannot_publish("external", "_INBOX.terminal.x");
	assert_cannot_publish("terminal", "$JS.API.STREAM.DELETE.PIOPL_EVT_PROBE");
	assert_cannot_publish("probe", "$JS.API.STREAM.DELETE.PIOPL_EVT_PROBE");
	assert_cannot_publish("probe", "$JS.API.STREAM.CREATE.PIOPL_EVT_REGISTRY");
}

/* A request to the server's stream interface, its answer in `ret`. */
static void stream_ask(struct client *client, const char *identity, const char *subject,
		       const char *body, char *ret, size_t size)
{
	natsSubscription *subscription = NULL;
	natsMsg *answer = NULL;
	char inbox[100];

	snprintf(inbox, sizeof(inbox), "_INBOX.%s.ask", identity);
	assert_int_equal(natsConnection_SubscribeSync(&subscription, client->connection, inbox),
			 NATS_OK);
	assert_int_equal(
		natsConnection_PublishRequestString(client->connection, subject, inbox, body),
		NATS_OK);
	assert_int_equal(natsSubscription_NextMsg(&answer, subscription, 5000), NATS_OK);
	snprintf(ret, size, "%.*s", natsMsg_GetDataLength(answer), natsMsg_GetData(answer));
	natsMsg_Destroy(answer);
	natsSubscription_Destroy(subscription);
}

static void an_outsider_reads_an_event_through_a_consumer(void **state)
{
	char answer[4096];
	struct client client;

	(void)state;
	assert_int_equal(tell("for outsiders"), ST_OK);
	client_open(&client, "external");
	stream_ask(&client, "external", "$JS.API.CONSUMER.DURABLE.CREATE.PIOPL_EVT_PROBE.reader",
		   "{\"stream_name\":\"PIOPL_EVT_PROBE\",\"config\":{\"durable_name\":\"reader\","
		   "\"ack_policy\":\"explicit\",\"deliver_policy\":\"all\"}}",
		   answer, sizeof(answer));
	assert_null(strstr(answer, "\"error\""));
	stream_ask(&client, "external", "$JS.API.CONSUMER.MSG.NEXT.PIOPL_EVT_PROBE.reader", "1",
		   answer, sizeof(answer));
	assert_non_null(strstr(answer, "\"name\""));
	assert_int_equal(client.denied, 0);
	client_close(&client);
}

static int64_t item_count(const char *name)
{
	char sql[200];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM probe.item WHERE name = '%s'", name);
	return harness_sql_i64(stack.harness, sql);
}

static bool one_refused(void *context)
{
	(void)context;
	return stack_metric(&stack, "probe",
			    "piopl_calls_failed_total{service=\"probe\",kind=\"refusal\"}") >= 1;
}

/* The stream server publishes where a consumer or a stream tells it to, with its own rights: such a
 * message in a call's subject is nobody's call. */
static void a_consumer_delivering_into_a_calls_subject_calls_nothing(void **state)
{
	char answer[4096];
	struct client client;

	(void)state;
	assert_int_equal(tell("smuggled"), ST_OK);
	assert_int_equal(item_count("smuggled"), 1);
	harness_sql(stack.harness, "DELETE FROM probe.item WHERE name = 'smuggled'");
	client_open(&client, "external");
	stream_ask(&client, "external", "$JS.API.CONSUMER.DURABLE.CREATE.PIOPL_EVT_PROBE.smuggler",
		   "{\"stream_name\":\"PIOPL_EVT_PROBE\",\"config\":{\"durable_name\":\"smuggler\","
		   "\"ack_policy\":\"none\",\"deliver_policy\":\"all\",\"deliver_subject\":"
		   "\"piopl.rpc.probe.item_put.terminal\",\"deliver_group\":\"probe\"}}",
		   answer, sizeof(answer));
	client_close(&client);
	usleep(500000);
	assert_int_equal(item_count("smuggled"), 0);
}

static void a_stream_republishing_into_a_calls_subject_calls_nothing(void **state)
{
	char answer[4096];
	struct client client;

	(void)state;
	/* a broker without the stream: whoever makes it first says what it does */
	assert_int_equal(stack_service_stop(&stack, "probe"), 0);
	harness_nats_stop(stack.harness);
	harness_nats_wipe_store(stack.harness);
	harness_nats_start(stack.harness);
	client_open(&client, "probe");
	stream_ask(&client, "probe", "$JS.API.STREAM.CREATE.PIOPL_EVT_PROBE",
		   "{\"name\":\"PIOPL_EVT_PROBE\",\"subjects\":[\"piopl.evt.probe.>\"],"
		   "\"retention\":\"limits\",\"storage\":\"file\",\"num_replicas\":1,"
		   "\"max_consumers\":-1,\"max_msgs\":-1,\"max_bytes\":-1,\"discard\":\"old\","
		   "\"duplicate_window\":120000000000,\"max_age\":2592000000000000,"
		   "\"republish\":{\"src\":\"piopl.evt.probe.item.changed\",\"dest\":\"piopl.rpc."
		   "probe.item_put.terminal\"}}",
		   answer, sizeof(answer));
	assert_null(strstr(answer, "\"error\""));
	const char *const env[] = { accounts_env(&stack, "probe"), NULL };
	stack_service_start(&stack, "probe", env);
	assert_int_equal(natsConnection_PublishString(client.connection,
						      "piopl.evt.probe.item.changed",
						      "{\"name\":\"republished\"}"),
			 NATS_OK);
	natsConnection_FlushTimeout(client.connection, 2000);
	assert_true(harness_wait_for(one_refused, NULL, 20000));
	assert_int_equal(item_count("republished"), 0);
	client_close(&client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_answers_and_its_events_flow_within_its_permissions),
		cmocka_unit_test(a_connection_without_a_key_is_refused),
		cmocka_unit_test(a_key_that_is_not_listed_is_refused),
		cmocka_unit_test(nobody_calls_under_anothers_name),
		cmocka_unit_test(nobody_makes_a_call_that_is_not_open_to_him),
		cmocka_unit_test(nobody_publishes_events_or_heads_of_another),
		cmocka_unit_test(nobody_listens_to_anothers_inbox_or_calls),
		cmocka_unit_test(an_outsider_reads_the_streams_and_changes_nothing),
		cmocka_unit_test(an_outsider_reads_an_event_through_a_consumer),
		cmocka_unit_test(a_consumer_delivering_into_a_calls_subject_calls_nothing),
		cmocka_unit_test(a_stream_republishing_into_a_calls_subject_calls_nothing),
	};

	return cmocka_run_group_tests(tests, group_start, group_stop);
}
