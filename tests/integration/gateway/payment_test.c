/* payment_test.c: a call that fails for want of money says what is missing; paid for and repeated
 * with the same key it happens once, whatever dies in between. Needs node and the packages of this
 * folder (npm ci). */
#include "client.h"
#include "gen/meter.h"
#include "json.h"

#define PAY_TO "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
#define ROUNDS 12

static struct client client;
static struct arena arena;
static char key[96], from[64], to[64];

static void wallet_make(const char *owner, char ret[64])
{
	struct meter_wallet_create_request in = { .owner = str_of(owner), .currency = STR("USD") };
	struct meter_wallet_reply reply;
	struct problem problem = { 0 };

	if (stack_call(&client.stack, &CALL_METER_WALLET_CREATE, &in, &reply, &problem) != ST_OK)
		fail_msg("%s", problem.detail);
	assert_true(str_copy(reply.wallet.wallet_id, ret, 64));
}

static int start(void **state)
{
	static const char *const names[] = { "gateway", "meter", NULL };
	static const char *const scopes[] = { "wallets:read", "wallets:write", NULL };
	static const char *const env[] = { "PIOPL_GATEWAY_X402_NETWORK=eip155:8453",
					   "PIOPL_GATEWAY_X402_ASSET="
					   "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
					   "PIOPL_GATEWAY_X402_PAY_TO=" PAY_TO, NULL };

	(void)state;
	arena_init(&arena, 16 * 1024 * 1024);
	client_start(&client, names, env);
	client_key(&client, GATEWAY_PRINCIPAL_KIND_HUMAN, "ada", scopes, key);
	wallet_make("ada", from);
	wallet_make("tom", to);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	stack_stop(&client.stack);
	arena_free(&arena);
	return 0;
}

static struct str member(struct str document, const char *name)
{
	struct json *root = NULL, *found;

	if (json_parse(&arena, document, &root, NULL) != ST_OK)
		fail_msg("%.*s", STR_ARG(document));
	found = json_at(root, str_of(name));
	return found ? found->text : (struct str){ 0 };
}

static struct answer *transfer(const char *amount, const char *idempotency_key)
{
	char path[128], body[256];

	snprintf(path, sizeof(path), "/v1/wallets/%s/transfers", from);
	snprintf(body, sizeof(body),
		 "{\"to\":\"%s\",\"amount\":{\"amount\":\"%s\",\"currency\":\"USD\"}}", to, amount);
	return client_ask(&client, "POST", path, key, idempotency_key, NULL, body);
}

static struct answer *deposit(const char *path, const char *amount, const char *idempotency_key)
{
	char body[128];

	snprintf(body, sizeof(body), "{\"amount\":{\"amount\":\"%s\",\"currency\":\"USD\"}}",
		 amount);
	return client_ask(&client, "POST", path, key, idempotency_key, NULL, body);
}

static int64_t balance(const char *wallet)
{
	char sql[256];

	snprintf(sql, sizeof(sql),
		 "SELECT balance FROM meter.account a JOIN meter.wallet w ON a.id = 2 * w.number "
		 "WHERE wallet_id = '%s'",
		 wallet);
	return harness_sql_i64(client.stack.harness, sql);
}

/* Repeats it like a client that was not answered: with the same key. */
static void until_done(struct answer *(*ask)(const char *, const char *), const char *amount,
		       const char *idempotency_key)
{
	int64_t until = harness_now_ms() + 30000;
	struct answer *answer = ask(amount, idempotency_key);

	while (answer->status != 200 && harness_now_ms() < until) {
		assert_true(answer->status >= 409);
		usleep(50000);
		answer = ask(amount, idempotency_key);
	}
	if (answer->status != 200)
		fail_msg("%d: %s", answer->status, answer->body);
}

static struct answer *deposit_from(const char *amount, const char *idempotency_key)
{
	char path[128];

	snprintf(path, sizeof(path), "/v1/wallets/%s/deposits", from);
	return deposit(path, amount, idempotency_key);
}

/* [GTW-8] */
static void what_is_missing_is_said_and_paying_it_is_enough(void **state)
{
	struct answer *answer = transfer("2.5", "buy-1");

	(void)state;
	assert_int_equal(answer->status, 402);
	assert_string_equal(answer_code(answer), "funds_insufficient");
	struct str refusal = arena_copy(&arena, str_of(answer->body));
	assert_true(str_is(member(refusal, "/quote/wallet_id"), from));
	assert_true(str_is(member(refusal, "/quote/needed/amount"), "2.5"));
	assert_true(str_is(member(refusal, "/quote/available/amount"), "0"));
	assert_true(str_is(member(refusal, "/quote/missing/amount"), "2.5"));
	struct str pay = member(refusal, "/quote/pay"), missing;
	assert_int_equal(deposit(pay.data, "1", "pay-0")->status, 200);
	answer = transfer("2.5", "buy-1"); /* not enough yet: the rest is asked for */
	assert_int_equal(answer->status, 402);
	refusal = arena_copy(&arena, str_of(answer->body));
	assert_true(str_is(member(refusal, "/quote/available/amount"), "1"));
	missing = member(refusal, "/quote/missing/amount");
	assert_true(str_is(missing, "1.5"));
	assert_int_equal(deposit(pay.data, missing.data, "pay-1")->status, 200);
	answer = transfer("2.5", "buy-1");
	assert_int_equal(answer->status, 200);
	struct str first = arena_copy(&arena, str_of(answer->body));
	answer = transfer("2.5", "buy-1");
	assert_int_equal(answer->status, 200);
	assert_true(str_is(first, answer->body));
	assert_int_equal(balance(from), 0);
	assert_int_equal(balance(to), 2500000);
}

/* [GTW-8] the header is read by x402's own library */
static void the_header_is_one_that_clients_of_x402_read(void **state)
{
	char command[8192], line[512] = "", expected[512];
	const char *at;
	struct answer *answer = transfer("0.25", "buy-2");

	(void)state;
	assert_int_equal(answer->status, 402);
	at = strcasestr(answer->text, "\r\nPAYMENT-REQUIRED: ");
	assert_non_null(at);
	at += strlen("\r\nPAYMENT-REQUIRED: ");
	snprintf(command, sizeof(command),
		 "cd %s/tests/integration/gateway && { test -d node_modules/@x402 || npm ci "
		 "--no-audit --no-fund >/dev/null; } && node x402.mjs %.*s",
		 harness_root_folder(), (int)strcspn(at, "\r"), at);
	FILE *pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_non_null(fgets(line, sizeof(line), pipe));
	assert_int_equal(pclose(pipe), 0);
	snprintf(expected, sizeof(expected),
		 "250000 eip155:8453 " PAY_TO " %s /v1/wallets/%s/transfers\n", from, from);
	assert_string_equal(line, expected);
}

/* [GTW-8] the meter dies between refusal and payment, and again while what was paid for is done */
static void a_crash_in_between_neither_doubles_nor_swallows(void **state)
{
	int64_t before = balance(to);

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct stack_service *meter = stack_service_get(&client.stack, "meter");
		char buy[32], pay[32], sleep_s[16];
		pid_t killer;

		snprintf(buy, sizeof(buy), "crash-buy-%d", i);
		snprintf(pay, sizeof(pay), "crash-pay-%d", i);
		assert_int_equal(transfer("1", buy)->status, 402);
		if (i % 4 == 0) {
			harness_kill9(client.stack.harness, meter->pid);
			stack_service_start(&client.stack, "meter", NULL);
		}
		until_done(deposit_from, "1", pay);
		/* everyone's worker, at some moment of the call */
		snprintf(sleep_s, sizeof(sleep_s), "0.%03d", i * 3);
		const char *const argv[] = { "/bin/sh", "-c", "sleep $0; pkill -9 -P $1",
					     sleep_s,   NULL, NULL };
		char parent[16];
		const char *copy[6];
		memcpy(copy, argv, sizeof(argv));
		snprintf(parent, sizeof(parent), "%d", (int)meter->pid);
		copy[4] = parent;
		killer = harness_spawn(client.stack.harness, copy, NULL, "killer.log");
		until_done(transfer, "1", buy);
		assert_true(harness_wait_exit(client.stack.harness, killer, 10000, NULL));
		until_done(transfer, "1", buy);
		assert_int_equal(balance(from), 0);
		assert_int_equal(balance(to), before + (i + 1) * 1000000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_missing_is_said_and_paying_it_is_enough),
		cmocka_unit_test(the_header_is_one_that_clients_of_x402_read),
		cmocka_unit_test(a_crash_in_between_neither_doubles_nor_swallows),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
