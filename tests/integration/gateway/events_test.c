/* events_test.c: live events over HTTP: order, resuming, what is seen by whom, limits. */
#include "client.h"
#include "tests/lib/fleet.h"

#define COMES_MS_MAX 15000

static struct client client;
static char reader[96], agent[96];

static int start(void **state)
{
	static const char *const names[] = { "gateway", "registry", NULL };
	static const char *const env[] = { "PIOPL_GATEWAY_STREAMS_PER_PRINCIPAL=3",
					   "PIOPL_GATEWAY_HEARTBEAT=300ms",
					   "PIOPL_GATEWAY_RATE=1000", "PIOPL_GATEWAY_BURST=1000",
					   NULL };
	static const char *const scopes[] = { "events:read", NULL };

	(void)state;
	client_start(&client, names, env);
	client_key(&client, GATEWAY_PRINCIPAL_KIND_HUMAN, "ada", scopes, reader);
	client_key(&client, GATEWAY_PRINCIPAL_KIND_AGENT, "piopl_00001", scopes, agent);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	stack_stop(&client.stack);
	return 0;
}

struct stream {
	int fd;
	size_t size;
	char text[1024 * 1024];
};

static void stream_open(struct stream *stream, const char *token, const char *last_event_id)
{
	char head[1024];
	int size = snprintf(head, sizeof(head),
			    "GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
			    "%s%s%s\r\n",
			    token, last_event_id ? "Last-Event-ID: " : "",
			    last_event_id ? last_event_id : "", last_event_id ? "\r\n" : "");

	stream->size = 0;
	stream->text[0] = 0;
	stream->fd = client_connect(&client);
	client_send(stream->fd, head, (size_t)size);
}

/* Reads until `text` came `count` times, the stream ended, or the time is over. */
static bool stream_until(struct stream *stream, const char *text, int count, int timeout_ms)
{
	int64_t until = harness_now_ms() + timeout_ms;
	struct timeval limit = { .tv_usec = 50000 };

	setsockopt(stream->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	for (;;) {
		bool over = harness_now_ms() >= until;
		ssize_t got = read(stream->fd, stream->text + stream->size,
				   sizeof(stream->text) - 1 - stream->size);
		int found = 0;

		if (got > 0)
			stream->size += (size_t)got;
		stream->text[stream->size] = 0;
		for (const char *at = stream->text; (at = strstr(at, text)); at++)
			found++;
		if (found >= count)
			return true;
		if (got == 0 || over)
			return false;
	}
}

static bool stream_ended(struct stream *stream, int timeout_ms)
{
	int64_t until = harness_awake_ms() + timeout_ms;

	while (harness_awake_ms() < until)
		if ((!stream_until(stream, "\r\n0\r\n", 1, 100) &&
		     recv(stream->fd, stream->text, 1, MSG_PEEK | MSG_DONTWAIT) == 0) ||
		    strstr(stream->text, "\r\n0\r\n"))
			return true;
	return false;
}

static void last_id(const struct stream *stream, char *ret, size_t size)
{
	const char *at = stream->text, *last = NULL;

	while ((at = strstr(at, "id: "))) {
		last = at;
		at += 4;
	}
	assert_non_null(last);
	snprintf(ret, size, "%.*s", (int)strcspn(last + 4, "\r\n"), last + 4);
}

static void keys_make(int count)
{
	static const char *const scopes[] = { "agents:read", NULL };
	struct gateway_api_key_create_reply reply;
	static int number;

	for (int i = 0; i < count; i++) {
		char subject[32];
		snprintf(subject, sizeof(subject), "s%d", number++);
		client_key_full(&client, GATEWAY_PRINCIPAL_KIND_SERVICE, subject, scopes, 0,
				&reply);
	}
}

/* [GTW-7] the registry came up after the gateway had asked it in vain where its events are */
static void events_of_a_service_that_came_later_arrive_from_the_first_on(void **state)
{
	static struct stream stream;
	struct fleet fleet;

	(void)state;
	stream_open(&stream, reader, NULL);
	assert_true(stream_until(&stream, "event: ready", 1, COMES_MS_MAX));
	fleet_found(&fleet, &client.stack);
	assert_true(stream_until(&stream, "event: piopl.registry.unit.created", 1, COMES_MS_MAX));
	assert_non_null(strstr(stream.text, ",registry.1\n"));
	close(stream.fd);
}

/* [GTW-7] */
static void events_arrive_as_they_happen(void **state)
{
	static struct stream stream;

	(void)state;
	stream_open(&stream, reader, NULL);
	assert_true(stream_until(&stream, "event: ready", 1, COMES_MS_MAX));
	assert_non_null(strstr(stream.text, "Content-Type: text/event-stream"));
	keys_make(3);
	assert_true(stream_until(&stream, "event: piopl.gateway.api_key.created", 3, COMES_MS_MAX));
	assert_non_null(strstr(stream.text, "\"specversion\":\"1.0\""));
	assert_true(stream_until(&stream, "\n:\n", 1, COMES_MS_MAX)); /* a sign of life */
	close(stream.fd);
}

/* [GTW-7] what happened between is neither lost nor told twice */
static void a_stream_goes_on_where_it_was(void **state)
{
	static struct stream stream;
	char id[512];

	(void)state;
	stream_open(&stream, reader, NULL);
	assert_true(stream_until(&stream, "event: ready", 1, COMES_MS_MAX));
	keys_make(1);
	assert_true(stream_until(&stream, "event: piopl.gateway.api_key.created", 1, COMES_MS_MAX));
	assert_true(
		stream_until(&stream, "event: piopl.gateway.evidence.recorded", 1, COMES_MS_MAX));
	last_id(&stream, id, sizeof(id));
	close(stream.fd);
	keys_make(7);
	stream_open(&stream, reader, id);
	assert_true(stream_until(&stream, "event: piopl.gateway.api_key.created", 7, COMES_MS_MAX));
	usleep(300000);
	assert_false(stream_until(&stream, "event: piopl.gateway.api_key.created", 8, 300));
	close(stream.fd);
}

/* [GTW-7] further back than the door remembers: from the outbox, also after a restart */
static void a_stream_goes_on_from_long_ago(void **state)
{
	static struct stream stream;

	(void)state;
	keys_make(300); /* with their evidence more than the door keeps */
	stream_open(&stream, reader, "gateway.0");
	int64_t made = harness_sql_i64(client.stack.harness,
				       "SELECT count(*) FROM gateway.outbox WHERE type = "
				       "'gateway.api_key.created'");
	assert_true(made > 300);
	assert_true(stream_until(&stream, "event: piopl.gateway.api_key.created", (int)made,
				 COMES_MS_MAX));
	close(stream.fd);
}

static void a_position_that_is_not_ours_is_refused(void **state)
{
	static struct stream stream;

	(void)state;
	stream_open(&stream, reader, "moon.12");
	assert_true(stream_until(&stream, "cursor_unknown", 1, COMES_MS_MAX));
	close(stream.fd);
	stream_open(&stream, reader, "gateway.1,gateway.2");
	assert_true(stream_until(&stream, "cursor_unknown", 1, COMES_MS_MAX));
	close(stream.fd);
}

/* [GTW-7] [GTW-5] */
static void an_agent_sees_what_is_about_itself_only(void **state)
{
	static struct stream stream;
	static const char *const scopes[] = { "events:read", NULL };
	struct gateway_api_key_create_reply reply;

	(void)state;
	stream_open(&stream, agent, "gateway.0");
	assert_true(stream_until(&stream, "event: ready", 1, COMES_MS_MAX));
	client_key_full(&client, GATEWAY_PRINCIPAL_KIND_AGENT, "piopl_00001", scopes, 0, &reply);
	keys_make(1);
	assert_false(stream_until(&stream, "api_key.created", 1, 1000));
	close(stream.fd);
}

/* [GTW-5] */
static void a_stream_needs_its_scope(void **state)
{
	static struct stream stream;
	static const char *const scopes[] = { "agents:read", NULL };
	char token[96];

	(void)state;
	client_key(&client, GATEWAY_PRINCIPAL_KIND_HUMAN, "bob", scopes, token);
	stream_open(&stream, token, NULL);
	assert_true(stream_until(&stream, "scope_missing", 1, COMES_MS_MAX));
	close(stream.fd);
}

/* [GTW-6] */
static void streams_of_one_principal_are_bounded(void **state)
{
	static struct stream streams[4];
	static const char *const scopes[] = { "events:read", NULL };
	char token[96];

	(void)state;
	client_key(&client, GATEWAY_PRINCIPAL_KIND_HUMAN, "greedy", scopes, token);
	for (int i = 0; i < 3; i++) {
		stream_open(&streams[i], token, NULL);
		assert_true(stream_until(&streams[i], "event: ready", 1, COMES_MS_MAX));
	}
	stream_open(&streams[3], token, NULL);
	assert_true(stream_until(&streams[3], "streams_exceeded", 1, COMES_MS_MAX));
	for (int i = 0; i < 4; i++)
		close(streams[i].fd);
	/* a place is free again when its client is gone */
	int64_t until = harness_now_ms() + COMES_MS_MAX;
	bool open = false;
	while (!open && harness_now_ms() < until) {
		stream_open(&streams[0], token, NULL);
		open = stream_until(&streams[0], "event: ready", 1, 500);
		close(streams[0].fd);
	}
	assert_true(open);
}

/* [GTW-3] [GTW-7] */
static void a_revoked_key_ends_its_streams(void **state)
{
	static struct stream stream;
	static const char *const scopes[] = { "events:read", NULL };
	struct gateway_api_key_create_reply reply;
	struct gateway_api_key_reply revoked;
	struct problem problem = { 0 };
	char token[96], key_id[32];

	(void)state;
	client_key_full(&client, GATEWAY_PRINCIPAL_KIND_HUMAN, "leaver", scopes, 0, &reply);
	snprintf(token, sizeof(token), "%.*s", STR_ARG(reply.token));
	snprintf(key_id, sizeof(key_id), "%.*s", STR_ARG(reply.key.key_id));
	stream_open(&stream, token, NULL);
	assert_true(stream_until(&stream, "event: ready", 1, COMES_MS_MAX));
	assert_int_equal(
		stack_call(&client.stack, &CALL_GATEWAY_API_KEY_REVOKE,
			   &(struct gateway_api_key_revoke_request){ .key_id = str_of(key_id) },
			   &revoked, &problem),
		ST_OK);
	assert_true(stream_ended(&stream, 3000));
	close(stream.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_of_a_service_that_came_later_arrive_from_the_first_on),
		cmocka_unit_test(events_arrive_as_they_happen),
		cmocka_unit_test(a_stream_goes_on_where_it_was),
		cmocka_unit_test(a_stream_goes_on_from_long_ago),
		cmocka_unit_test(a_position_that_is_not_ours_is_refused),
		cmocka_unit_test(an_agent_sees_what_is_about_itself_only),
		cmocka_unit_test(a_stream_needs_its_scope),
		cmocka_unit_test(streams_of_one_principal_are_bounded),
		cmocka_unit_test(a_revoked_key_ends_its_streams),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
