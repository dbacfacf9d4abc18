/* The token service beside the registry, and a verifier that knows of both only what the bus tells.
 * [TOK-1] [TOK-3] [TOK-4] [TOK-5] [TOK-9] [AGT-9] */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "id.h"
#include "tests/lib/fleet.h"
#include "token_check.h"

#define AGENTS 160
#define REVOCATIONS 100
#define KILLS 100 /* of the last agents */
#define P99_MS_MAX 100
#define CAUGHT_UP_MS 20000

static struct stack stack;
static struct fleet fleet;
static struct mailbox *mailbox;
static struct bus_subscription *subscription;
static struct token_verifier *verifier;
static struct arena news;
static const char *environment[2];
static char sealing_variable[640];

static void sealing_key_write(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void service_start(void)
{
	uint8_t key[32];
	char path[600], text[BASE64_SIZE(32)];

	snprintf(path, sizeof(path), "%s/token.sealing", harness_folder(stack.harness));
	random_bytes(key, sizeof(key));
	base64_encode(key, sizeof(key), text);
	sealing_key_write(path, text, 0600);
	snprintf(sealing_variable, sizeof(sealing_variable), "PIOPL_TOKEN_SEALING_KEY_FILE=%s",
		 path);
	environment[0] = sealing_variable;
	stack_service_start(&stack, "token", environment);
}

static int start(void **state)
{
	static const char *const names[] = { "registry", "token", NULL };
	struct problem problem;

	(void)state;
	stack_start(&stack, &(struct harness_options){ .postgres = true, .nats = true }, names);
	stack_service_start(&stack, "registry", NULL);
	arena_init(&news, 16 * 1024 * 1024);
	mailbox = mailbox_new(65536, NULL);
	assert_int_equal(bus_subscribe(stack.bus, "piopl.evt.token.>", NULL, mailbox, &subscription,
				       &problem),
			 ST_OK);
	verifier = token_verifier_new(&token_verifier_defaults);
	service_start();
	fleet_found(&fleet, &stack);
	fleet_agents(&fleet, AGENTS, "agent");
	return 0;
}

static int stop(void **state)
{
	(void)state;
	token_verifier_free(verifier);
	bus_unsubscribe(subscription);
	mailbox_free(mailbox);
	stack_stop(&stack);
	arena_free(&news);
	return 0;
}

/* -- a verifier fed by events -- */

static bool is_type(const struct bus_message *message, const struct proto_event *event)
{
	const char *type = bus_message_header(message, "ce-type");

	return type && strncmp(type, "piopl.", 6) == 0 && strcmp(type + 6, event->type) == 0;
}

static void decode(const struct bus_message *message, const struct proto_event *event, void *ret)
{
	struct problem problem = { 0 };

	if (proto_decode(event->data, message->data, PROTO_UNKNOWN_IGNORED, &news, ret, &problem) !=
	    ST_OK)
		fail_msg("%s: %s %s", event->type, problem.pointer, problem.detail);
}

static void apply(const struct bus_message *message)
{
	struct token_revocation revocation;
	struct token_key_changed key;
	struct token_heart_beat beat;

	arena_reset(&news);
	if (is_type(message, &EVT_TOKEN_REVOCATION_ORDERED)) {
		decode(message, &EVT_TOKEN_REVOCATION_ORDERED, &revocation);
		token_verifier_revoke(verifier, &revocation, clock_now_ms());
	} else if (is_type(message, &EVT_TOKEN_KEY_CHANGED)) {
		decode(message, &EVT_TOKEN_KEY_CHANGED, &key);
		assert_int_equal(token_verifier_key(verifier, &key.key), ST_OK);
	} else if (is_type(message, &EVT_TOKEN_HEART_BEAT)) {
		decode(message, &EVT_TOKEN_HEART_BEAT, &beat);
		token_verifier_heard(verifier, beat.at_ms);
	}
}

static void listen_ms(uint32_t ms)
{
	static struct bus_message messages[512];
	size_t count = mailbox_take(mailbox, messages, 512, ms);

	for (size_t i = 0; i < count; i++) {
		apply(&messages[i]);
		bus_message_free(&messages[i]);
	}
	mailbox_done(mailbox, count);
}

static enum st used(const char *token)
{
	const struct token_use use = { .token = str_of(token), .scope = STR("trend_scan") };
	struct problem problem = { 0 };

	return token_check(verifier, &use, clock_now_ms(), NULL, &problem);
}

/* Of a machine that runs. */
static int64_t awake_ns(void)
{
	int64_t stall_ns = harness_stall_ms() * 1000000;

	return (int64_t)clock_mono_ns() - stall_ns;
}

/* Until the verifier says so; milliseconds since `begin`. */
static double refused_after(const char *token, enum st st, int64_t begin)
{
	int64_t until = harness_now_ms() + CAUGHT_UP_MS;

	while (used(token) != st) {
		assert_true(harness_now_ms() < until);
		listen_ms(20);
	}
	return (double)(awake_ns() - begin) / 1e6;
}

/* -- calls -- */

struct issued {
	char token[TOKEN_BYTES_MAX + 1];
	char token_id[TOKEN_ID_SIZE];
};

static enum st issue_with(const char *agent_id, const char *key, struct issued *ret)
{
	struct str scope = STR("trend_scan");
	struct token_issue_request request = { .agent_id = str_of(agent_id),
					       .risk = TOKEN_RISK_LOW };
	const struct bus_call_options options = { .idempotency_key = key };
	struct token_issue_reply reply;
	struct problem problem = { 0 };

	request.scopes.items = &scope;
	request.scopes.count = 1;
	arena_reset(&stack.arena);
	enum st st = bus_call(stack.bus, &CALL_TOKEN_TOKEN_ISSUE, &request, &options, &stack.arena,
			      &reply, &problem);
	if (st != ST_OK)
		return st;
	snprintf(ret->token, sizeof(ret->token), "%.*s", STR_ARG(reply.token));
	snprintf(ret->token_id, sizeof(ret->token_id), "%.*s", STR_ARG(reply.capability.token_id));
	return ST_OK;
}

/* The projection follows the registry; an agent made a moment ago may not be known yet. */
static void issued(int64_t number, struct issued *ret)
{
	int64_t until = harness_now_ms() + CAUGHT_UP_MS;
	char id[AGENT_ID_TEXT_SIZE];
	enum st st;

	agent_id_format(number, id);
	while ((st = issue_with(id, NULL, ret)) != ST_OK) {
		if (harness_now_ms() > until ||
		    (st != ST_AGENT_UNKNOWN && st != ST_SIGNING_KEY_MISSING))
			fail_msg("not issued: %s", st_info(st)->code);
		usleep(5000);
	}
}

static void token_revoked(const char *token_id)
{
	struct token_revoke_request request = { .token_id = str_of(token_id),
						.reason = STR("test") };
	struct token_revoke_reply reply;
	struct problem problem = { 0 };

	assert_int_equal(stack_call(&stack, &CALL_TOKEN_TOKEN_REVOKE, &request, &reply, &problem),
			 ST_OK);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* By the nearest rank. */
static double p99(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[(count * 99 + 99) / 100 - 1];
}

/* -- the tests, in this order -- */

static void an_agent_of_the_registry_gets_a_token_that_the_bus_alone_verifies(void **state)
{
	static struct issued token;

	(void)state;
	issued(1, &token);
	refused_after(token.token, ST_OK, awake_ns());
}

static void the_same_key_gives_the_same_token(void **state)
{
	static struct issued one, two;

	(void)state;
	assert_int_equal(issue_with("piopl_00001", "the-key", &one), ST_OK);
	assert_int_equal(issue_with("piopl_00001", "the-key", &two), ST_OK);
	assert_string_equal(one.token, two.token);
	assert_int_equal(issue_with("piopl_00002", "the-key", &two), ST_IDEMPOTENCY_MISMATCH);
}

/* [TOK-4] from the call to a verifier at the other end of the bus */
static void a_revocation_reaches_a_verifier_in_time(void **state)
{
	static struct issued token;
	double took[REVOCATIONS];

	(void)state;
	for (int i = 0; i < REVOCATIONS; i++) {
		issued(1 + i % AGENTS, &token);
		assert_int_equal(used(token.token), ST_OK);
		int64_t begin = awake_ns();
		token_revoked(token.token_id);
		took[i] = refused_after(token.token, ST_TOKEN_REVOKED, begin);
	}
	double worst = p99(took, REVOCATIONS);
	print_message("revocation, call to refusal: median %.1f ms, p99 %.1f ms\n",
		      took[REVOCATIONS / 2], worst);
	assert_true(worst < P99_MS_MAX);
}

/* [AGT-9] from the registry's commit over the token service to a verifier */
static void a_kill_order_reaches_a_verifier_in_time(void **state)
{
	static struct issued tokens[KILLS];
	double took[KILLS];

	(void)state;
	for (int i = 0; i < KILLS; i++)
		issued(AGENTS - i, &tokens[i]);
	for (int i = 0; i < KILLS; i++) {
		char id[AGENT_ID_TEXT_SIZE];
		agent_id_format(AGENTS - i, id);
		struct registry_kill_scope scope = { .kind = REGISTRY_KILL_SCOPE_KIND_AGENT,
						     .value = str_of(id) };
		struct registry_kill_reply reply;
		struct problem problem = { 0 };
		assert_int_equal(used(tokens[i].token), ST_OK);
		int64_t begin = awake_ns();
		assert_int_equal(fleet_kill(&fleet, &scope, &reply, &problem), ST_OK);
		took[i] = refused_after(tokens[i].token, ST_TOKEN_AGENT_REVOKED, begin);
		static struct issued none;
		assert_int_equal(issue_with(id, NULL, &none), ST_AGENT_NOT_LIVE);
	}
	double worst = p99(took, KILLS);
	print_message("kill, order to refusal: median %.1f ms, p99 %.1f ms\n", took[KILLS / 2],
		      worst);
	assert_true(worst < P99_MS_MAX);
}

/* [TOK-4] a verifier that was not there asks */
static void a_verifier_that_starts_later_asks_for_keys_and_revocations(void **state)
{
	static struct issued dead, alive;
	struct token_keys_reply keys;
	struct token_revocation_list_reply list;
	struct problem problem = { 0 };
	struct token_verifier *saved = verifier;
	int64_t after = 0;

	(void)state;
	issued(2, &dead);
	issued(3, &alive);
	token_revoked(dead.token_id);
	verifier = token_verifier_new(&token_verifier_defaults);
	assert_int_equal(used(alive.token), ST_TOKEN_KEY_UNKNOWN);
	assert_int_equal(stack_call(&stack, &CALL_TOKEN_TOKEN_KEYS,
				    &(struct token_keys_request){ 0 }, &keys, &problem),
			 ST_OK);
	for (size_t i = 0; i < keys.keys.count; i++)
		assert_int_equal(token_verifier_key(verifier, &keys.keys.items[i]), ST_OK);
	do {
		struct token_revocation_list_request request = {
			.has_after = true, .after = after, .has_limit = true, .limit = 50
		};
		assert_int_equal(
			stack_call(&stack, &CALL_TOKEN_REVOCATION_LIST, &request, &list, &problem),
			ST_OK);
		for (size_t i = 0; i < list.revocations.count; i++) {
			token_verifier_revoke(verifier, &list.revocations.items[i], clock_now_ms());
			after = list.revocations.items[i].number;
		}
	} while (list.more);
	assert_int_equal(used(alive.token), ST_OK);
	assert_int_equal(used(dead.token), ST_TOKEN_REVOKED);
	token_verifier_free(verifier);
	verifier = saved;
}

static void keys_outlive_the_processes_that_use_them(void **state)
{
	static struct issued before, after;
	pid_t children[16];

	(void)state;
	issued(4, &before);
	pid_t parent = stack_service_get(&stack, "token")->pid;
	size_t count = stack_children(parent, children, 16);
	assert_true(count > 0);
	for (size_t i = 0; i < count; i++)
		kill(children[i], SIGKILL);
	usleep(200000);
	assert_true(stack_service_ready(&stack, "token", CAUGHT_UP_MS));
	int64_t until = harness_now_ms() + CAUGHT_UP_MS;
	while (issue_with("piopl_00004", NULL, &after) != ST_OK)
		assert_true(harness_now_ms() < until);
	refused_after(after.token, ST_OK, awake_ns());
	assert_int_equal(used(before.token), ST_OK);
	assert_int_equal(stack_service_stop(&stack, "token"), 0);
	stack_service_start(&stack, "token", environment);
	until = harness_now_ms() + CAUGHT_UP_MS;
	while (issue_with("piopl_00004", NULL, &after) != ST_OK)
		assert_true(harness_now_ms() < until);
	refused_after(after.token, ST_OK, awake_ns());
}

/* [TOK-4] the whole fleet at once */
static void a_fleet_kill_leaves_no_token_alive(void **state)
{
	static struct issued tokens[3];
	struct registry_kill_scope scope = { .kind = REGISTRY_KILL_SCOPE_KIND_FLEET };
	struct registry_kill_reply reply;
	struct problem problem = { 0 };

	(void)state;
	for (int i = 0; i < 3; i++)
		issued(40 + i, &tokens[i]);
	for (int i = 0; i < 3; i++)
		refused_after(tokens[i].token, ST_OK, awake_ns());
	int64_t begin = awake_ns();
	assert_int_equal(fleet_kill(&fleet, &scope, &reply, &problem), ST_OK);
	for (int i = 0; i < 3; i++)
		refused_after(tokens[i].token, ST_TOKEN_ALL_REVOKED, begin);
	print_message("fleet kill, order to refusal: %.1f ms\n",
		      (double)(awake_ns() - begin) / 1e6);
	static struct issued none;
	assert_int_equal(issue_with("piopl_00050", NULL, &none), ST_AGENT_NOT_LIVE);
}

/* [PLT-13] [TOK-5] */
static void without_a_good_sealing_key_the_service_does_not_start(void **state)
{
	char path[600], variable[700];
	const char *env[] = { variable, NULL };
	static const struct {
		const char *text;
		mode_t mode;
	} cases[] = {
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 0644 },
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 0600 },
		{ "AAAA", 0600 },
	};

	(void)state;
	assert_int_equal(stack_service_stop(&stack, "token"), 0);
	snprintf(path, sizeof(path), "%s/wrong.sealing", harness_folder(stack.harness));
	snprintf(variable, sizeof(variable), "PIOPL_TOKEN_SEALING_KEY_FILE=%s", path);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sealing_key_write(path, cases[i].text, cases[i].mode);
		stack_service_spawn(&stack, "token", env);
		assert_false(stack_service_ready(&stack, "token", 1500));
		struct stack_service *service = stack_service_get(&stack, "token");
		harness_kill9(stack.harness, service->pid);
		service->pid = 0;
		unlink(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_agent_of_the_registry_gets_a_token_that_the_bus_alone_verifies),
		cmocka_unit_test(the_same_key_gives_the_same_token),
		cmocka_unit_test(a_revocation_reaches_a_verifier_in_time),
		cmocka_unit_test(a_kill_order_reaches_a_verifier_in_time),
		cmocka_unit_test(a_verifier_that_starts_later_asks_for_keys_and_revocations),
		cmocka_unit_test(keys_outlive_the_processes_that_use_them),
		cmocka_unit_test(a_fleet_kill_leaves_no_token_alive),
		cmocka_unit_test(without_a_good_sealing_key_the_service_does_not_start),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
