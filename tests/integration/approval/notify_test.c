/* People are told: a webhook and mail, received by programs that are not ours, which first refuse
 * for the moment. */
#include <openssl/hmac.h>
#include <sys/stat.h>

#include "fixture.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define TOLD_MS_MAX 60000

static char received_path[512], secret_path[512];
static int http_port, smtp_port;
static char env_text[5][640];
static const char *env[] = { env_text[0],
			     env_text[1],
			     env_text[2],
			     "PIOPL_APPROVAL_SMTP_FROM=piopl@css.example",
			     "PIOPL_APPROVAL_SMTP_TLS=none",
			     "PIOPL_LOG_LEVEL=warn",
			     NULL };

static const char *received(void)
{
	static char text[512 * 1024];
	FILE *file = fopen(received_path, "r");
	size_t size = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	text[size] = 0;
	if (file)
		fclose(file);
	return text;
}

static size_t times(const char *needle)
{
	size_t count = 0;

	for (const char *at = received(); (at = strstr(at, needle)); at += strlen(needle))
		count++;
	return count;
}

static bool is_ready(void *context)
{
	(void)context;
	return times("\"ready\"") > 0;
}

static pid_t receiver_start(const char *fail, const char *hang)
{
	char script[512], http[16], smtp[16];

	snprintf(script, sizeof(script), "%s/tests/integration/approval/receiver.mjs",
		 harness_root_folder());
	snprintf(http, sizeof(http), "%d", http_port);
	snprintf(smtp, sizeof(smtp), "%d", smtp_port);
	unlink(received_path);
	const char *argv[] = { "node", script, http, smtp, received_path, fail, hang, NULL };
	pid_t pid = harness_spawn(stack.harness, argv, NULL, "receiver.log");
	assert_true(harness_wait_for(is_ready, NULL, 20000));
	return pid;
}

static int start(void **state)
{
	char folder[] = "/tmp/piopl-approval-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(folder));
	http_port = harness_free_port();
	smtp_port = harness_free_port();
	snprintf(received_path, sizeof(received_path), "%s/received", folder);
	snprintf(secret_path, sizeof(secret_path), "%s/secret", folder);
	FILE *file = fopen(secret_path, "w");
	assert_non_null(file);
	fputs(SECRET "\n", file);
	fclose(file);
	chmod(secret_path, 0600);
	snprintf(env_text[0], sizeof(env_text[0]),
		 "PIOPL_APPROVAL_WEBHOOK_URL=http://127.0.0.1:%d/hook", http_port);
	snprintf(env_text[1], sizeof(env_text[1]), "PIOPL_APPROVAL_WEBHOOK_SECRET_FILE=%s",
		 secret_path);
	snprintf(env_text[2], sizeof(env_text[2]), "PIOPL_APPROVAL_SMTP_URL=smtp://127.0.0.1:%d",
		 smtp_port);
	world_start(env);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	world_stop();
	unlink(received_path);
	unlink(secret_path);
	*strrchr(secret_path, '/') = 0;
	rmdir(secret_path);
	return 0;
}

static void ask(char request_id[48], char digest[HASH_TEXT_SIZE])
{
	struct approval_approval_request_request request = request_of();
	struct approval_approval_reply reply;
	struct problem problem = { 0 };

	arena_reset(&stack.arena);
	assert_int_equal(bus_call(policy, &CALL_APPROVAL_APPROVAL_REQUEST, &request, NULL,
				  &stack.arena, &reply, &problem),
			 ST_OK);
	snprintf(request_id, 48, "%.*s", STR_ARG(reply.approval.request_id));
	snprintf(digest, HASH_TEXT_SIZE, "%.*s", STR_ARG(reply.approval.action_digest));
}

static bool in_state(void *context)
{
	return harness_sql_i64(stack.harness, context) > 0;
}

/* Waits until as many deliveries of the request are in the state. */
static void assert_delivered(const char *request_id, const char *channel_and_state)
{
	char sql[400];

	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM approval.notification WHERE request_id = '%s' AND %s",
		 request_id, channel_and_state);
	if (!harness_wait_for(in_state, sql, TOLD_MS_MAX)) {
		char *log = stack_log(&stack, "approval");
		fail_msg("%s: %s\nreceived: %s", channel_and_state, log, received());
	}
}

/* The signature of the last webhook, made again with another implementation. */
static void assert_signed(const char *delivery_id)
{
	struct problem problem = { 0 };
	struct json *line = NULL;
	struct str rest = str_of(received()), text;
	char base[64 * 1024], expected[80], time[32];
	uint8_t mac[32];
	unsigned size = sizeof(mac);

	arena_reset(&stack.arena);
	while (str_cut(rest, '\n', &text, &rest)) {
		assert_int_equal(json_parse(&stack.arena, text, &line, &problem), ST_OK);
		struct json *delivery = json_member(line, "delivery");
		if (!delivery || !str_is(delivery->text, delivery_id))
			continue;
		struct str signature = json_member(line, "signature")->text;
		struct str body = json_member(line, "body")->text;
		assert_int_equal(sscanf(signature.data, "t=%31[0-9],", time), 1);
		int length = snprintf(base, sizeof(base), "%s.%s.%.*s", time, delivery_id,
				      STR_ARG(body));
		HMAC(EVP_sha256(), SECRET, sizeof(SECRET) - 1, (uint8_t *)base, (size_t)length, mac,
		     &size);
		hex_encode(mac, sizeof(mac), expected);
		assert_non_null(strstr(signature.data, expected));
		return;
	}
	fail_msg("no delivery %s", delivery_id);
}

/* [APR-8] */
static void both_channels_are_tried_again_and_told_once(void **state)
{
	char request_id[48], digest[HASH_TEXT_SIZE], delivery[128];
	pid_t receiver = receiver_start("1", "no");

	(void)state;
	ask(request_id, digest);
	assert_delivered(request_id, "channel = 1 AND step = 1 AND state = 3 AND tries = 2");
	assert_delivered(request_id, "channel = 2 AND step = 1 AND state = 3 AND tries = 2");
	snprintf(delivery, sizeof(delivery), "%s/created/webhook", request_id);
	assert_signed(delivery);
	usleep(1500000);
	assert_int_equal(times("\"kind\":\"webhook\",\"failed\":false"), 1);
	assert_int_equal(times("\"kind\":\"mail\",\"failed\":false"), 1);
	assert_int_equal(times("\"to\":[\"bob@css.example\"]"), 2);
	snprintf(delivery, sizeof(delivery), "Message-ID: <%s.created.mail@css.example>",
		 request_id);
	assert_int_equal(times(delivery), 2);
	harness_kill9(stack.harness, receiver);
}

/* [APR-8] */
static void the_end_is_told_to_programs(void **state)
{
	char request_id[48], digest[HASH_TEXT_SIZE];
	struct approval_approval_reply reply;
	struct signed_text text;
	pid_t receiver = receiver_start("0", "no");

	(void)state;
	ask(request_id, digest);
	assert_delivered(request_id, "channel = 1 AND step = 1 AND state = 3");
	struct approval_approval_verdict_request request = {
		.request_id = str_of(request_id),
		.act = verdict_of(&text, &bob, request_id, digest, "approve"),
	};
	CALL(CALL_APPROVAL_APPROVAL_VERDICT, &reply, &request);
	assert_delivered(request_id, "channel = 1 AND step = 3 AND state = 3");
	assert_int_equal(times("\\\"step\\\":\\\"approved\\\""), 2);
	harness_kill9(stack.harness, receiver);
}

/* [APR-8] Nothing listens: the request is there all the same, and is judged and used. */
static void a_channel_that_fails_does_not_lose_the_request(void **state)
{
	char request_id[48], digest[HASH_TEXT_SIZE];
	struct approval_approval_reply reply;
	struct signed_text text;

	(void)state;
	ask(request_id, digest);
	assert_delivered(request_id, "channel = 1 AND tries >= 1 AND error IS NOT NULL");
	struct approval_approval_verdict_request request = {
		.request_id = str_of(request_id),
		.act = verdict_of(&text, &bob, request_id, digest, "approve"),
	};
	CALL(CALL_APPROVAL_APPROVAL_VERDICT, &reply, &request);
	assert_int_equal(reply.approval.state, APPROVAL_REQUEST_STATE_APPROVED);
	/* what was to be judged is not told any more once it is decided */
	assert_delivered(request_id, "channel = 2 AND step = 1 AND state = 4");
}

/* [APR-8] The server takes the message and never says so. */
static void mail_that_may_have_arrived_is_not_sent_twice(void **state)
{
	char request_id[48], digest[HASH_TEXT_SIZE];
	pid_t receiver = receiver_start("0", "hang");

	(void)state;
	ask(request_id, digest);
	assert_delivered(request_id, "channel = 2 AND state = 5");
	usleep(3000000);
	assert_int_equal(times("\"kind\":\"mail\""), 1);
	harness_kill9(stack.harness, receiver);
}

static void a_short_secret_is_refused_at_the_start(void **state)
{
	FILE *file = fopen(secret_path, "w");

	(void)state;
	assert_int_equal(stack_service_stop(&stack, "approval"), 0);
	fputs("fifteen-letters\n", file);
	fclose(file);
	stack_service_spawn(&stack, "approval", env);
	assert_false(stack_service_ready(&stack, "approval", 2000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_channels_are_tried_again_and_told_once),
		cmocka_unit_test(the_end_is_told_to_programs),
		cmocka_unit_test(a_channel_that_fails_does_not_lose_the_request),
		cmocka_unit_test(mail_that_may_have_arrived_is_not_sent_twice),
		cmocka_unit_test(a_short_secret_is_refused_at_the_start),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
