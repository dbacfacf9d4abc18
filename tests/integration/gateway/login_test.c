/* login_test.c: wallets of two libraries that are not ours log in at a running gateway, and what
 * must not get in does not. Needs node and the packages of this folder (npm ci). */
#include "client.h"
#include "clock.h"
#include "json.h"

#define DOMAIN "wallets.example"
#define NONCE_MS 300000

static struct client client, wallets;
static struct arena arena;

static int start(void **state)
{
	static const char *const names[] = { "gateway", NULL };
	static const char *const env[] = { "PIOPL_GATEWAY_LOGIN_DOMAIN=" DOMAIN,
					   "PIOPL_GATEWAY_LOGIN_CHAINS=1,10",
					   "PIOPL_GATEWAY_ATTEMPTS=1000", "PIOPL_DEVELOPMENT=true",
					   NULL };
	char script[600], port[16];
	const char *argv[] = { "/usr/bin/env", "node", script, port, NULL };

	(void)state;
	arena_init(&arena, 16 * 1024 * 1024);
	client_start(&client, names, env);
	assert_int_equal(clock_open(client.stack.clock_path, true), ST_OK);
	client_packages(&client);
	wallets.port = harness_free_port();
	snprintf(script, sizeof(script), "%s/tests/integration/gateway/wallets.mjs",
		 harness_root_folder());
	snprintf(port, sizeof(port), "%d", wallets.port);
	harness_spawn(client.stack.harness, argv, NULL, "wallets.log");
	assert_true(harness_wait_for(client_port_answers, &wallets.port, 30000));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	stack_stop(&client.stack);
	arena_free(&arena);
	return 0;
}

/* ---- wallets ---- */

static struct str wallet_ask(const char *path, struct str body)
{
	struct answer *answer =
		client_ask(&wallets, body.data ? "POST" : "GET", path, NULL, NULL, NULL, body.data);

	if (answer->status != 200)
		fail_msg("%s: %d: %s", path, answer->status, answer->body);
	return arena_copy(&arena, str_of(answer->body));
}

static struct str wallet_address(const char *wallet)
{
	char path[64];

	snprintf(path, sizeof(path), "/address?%s", wallet);
	return wallet_ask(path, (struct str){ 0 });
}

static struct str wallet_sign(const char *wallet, struct str text)
{
	char path[64];

	snprintf(path, sizeof(path), "/sign?%s", wallet);
	return wallet_ask(path, arena_copy(&arena, text));
}

/* ---- the gateway ---- */

static struct str member(struct str document, const char *name)
{
	struct json *root = NULL, *found;

	if (json_parse(&arena, document, &root, NULL) != ST_OK)
		fail_msg("%.*s", STR_ARG(document));
	found = json_at(root, str_of(name));
	return found ? found->text : (struct str){ 0 };
}

static struct str ask_nonce(struct str address, const char *more)
{
	struct str body = arena_printf(&arena, "{\"address\":\"%.*s\"%s}", STR_ARG(address), more);
	struct answer *answer =
		client_ask(&client, "POST", "/v1/auth/nonce", NULL, NULL, NULL, body.data);

	if (answer->status != 200)
		fail_msg("%d: %s", answer->status, answer->body);
	return arena_copy(&arena, str_of(answer->body));
}

static struct answer *verify(struct str message, struct str signature, const char *key)
{
	struct buf buf;

	buf_init(&buf, &arena, 4096);
	buf_add_c(&buf, "{\"message\":");
	json_write_string(&buf, message);
	buf_printf(&buf, ",\"signature\":\"%.*s\"}", STR_ARG(signature));
	return client_ask(&client, "POST", "/v1/auth/verify", NULL, key, NULL, buf_str(&buf).data);
}

static const char *fresh_key(void)
{
	static char key[32];
	static int count;

	snprintf(key, sizeof(key), "try-%d", ++count);
	return key;
}

/* Signs and sends what the wallet was given; "" when it is let in. */
static const char *try_message(const char *wallet, struct str message)
{
	struct answer *answer = verify(message, wallet_sign(wallet, message), fresh_key());

	return answer->status == 200 ? "" : answer_code(answer);
}

/* `text` with the first `from` made `to`. */
static struct str changed(struct str text, const char *from, const char *to)
{
	const char *at = memmem(text.data, text.size, from, strlen(from));

	assert_non_null(at);
	return arena_printf(&arena, "%.*s%s%.*s", (int)(at - text.data), text.data, to,
			    (int)(text.size - (size_t)(at - text.data) - strlen(from)),
			    at + strlen(from));
}

static struct str offered(const char *wallet, const char *more)
{
	return member(ask_nonce(wallet_address(wallet), more), "/message");
}

/* ---- tests ---- */

static const char *const both[] = { "lib=ethers&n=1", "lib=viem&n=2" };

/* [GTW-3] [GTW-4] the message that is offered, signed by each library; the key speaks for it */
static void a_wallet_gets_an_api_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct str address = wallet_address(both[i]);
		struct str message = offered(both[i], "");
		struct answer *answer = verify(message, wallet_sign(both[i], message), fresh_key());
		assert_int_equal(answer->status, 200);
		struct str reply = arena_copy(&arena, str_of(answer->body));
		assert_true(str_equal(member(reply, "/address"), address));
		assert_true(str_is(member(reply, "/key/kind"), "operator"));
		struct str token = member(reply, "/token");
		answer = client_get(&client, "/v1/whoami", token.data);
		assert_int_equal(answer->status, 200);
		assert_true(str_is(member(str_of(answer->body), "/principal"),
				   arena_printf(&arena, "operator:%.*s", STR_ARG(address)).data));
		assert_int_equal(client_get(&client, "/v1/api-keys", token.data)->status, 200);
	}
}

/* [GTW-4] a message composed by a library, not by us: the scopes are those that were signed */
static void a_message_of_ones_own_is_as_good(void **state)
{
	struct str address = wallet_address(both[1]);
	struct str nonce = ask_nonce(address, ",\"chain_id\":10");
	char now[TIME_TEXT_SIZE], later[TIME_TEXT_SIZE];

	(void)state;
	time_format(clock_now_ms(), now);
	time_format(clock_now_ms() + 60000, later);
	struct str message = wallet_ask(
		"/message",
		arena_printf(&arena,
			     "{\"domain\":\"" DOMAIN "\",\"scheme\":\"https\",\"address\":\"%.*s\","
			     "\"uri\":\"https://" DOMAIN "/app\",\"version\":\"1\",\"chainId\":10,"
			     "\"nonce\":\"%.*s\",\"issuedAt\":\"%s\",\"notBefore\":\"%s\","
			     "\"expirationTime\":\"%s\",\"requestId\":\"r-1\","
			     "\"resources\":[\"urn:piopl:scope:keys:read\"]}",
			     STR_ARG(address), STR_ARG(member(nonce, "/nonce")), now, now, later));
	struct answer *answer = verify(message, wallet_sign(both[1], message), fresh_key());
	if (answer->status != 200)
		fail_msg("%s\n%.*s", answer->body, STR_ARG(message));
	struct str reply = arena_copy(&arena, str_of(answer->body));
	assert_true(str_is(member(reply, "/key/scopes/0"), "keys:read"));
	assert_null(member(reply, "/key/scopes/1").data);
	answer = client_ask(&client, "POST", "/v1/api-keys", member(reply, "/token").data, "x",
			    NULL, "{\"name\":\"x\",\"scopes\":[\"keys:read\"]}");
	assert_string_equal(answer_code(answer), "scope_missing");
}

/* [GTW-4] */
static void nothing_is_given_that_was_not_signed(void **state)
{
	struct str message = offered(both[0], ",\"scopes\":[]");

	(void)state;
	struct answer *answer = verify(message, wallet_sign(both[0], message), fresh_key());
	assert_int_equal(answer->status, 200);
	struct str reply = arena_copy(&arena, str_of(answer->body));
	assert_true(str_is(member(reply, "/key/scopes/0"), "self:read"));
	assert_null(member(reply, "/key/scopes/1").data);
	message = offered(both[0], ",\"scopes\":[\"keys:read\"]");
	message = changed(message, "keys:read", "keys:admin");
	assert_string_equal(try_message(both[0], message), "scope_unknown");
	answer = client_ask(&client, "POST", "/v1/auth/nonce", NULL, NULL, NULL,
			    "{\"address\":\"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\","
			    "\"scopes\":[\"keys:admin\"]}");
	assert_string_equal(answer_code(answer), "scope_unknown");
}

/* [GTW-4] used once, by whatever key; the same request again is told the same without the secret */
static void a_nonce_is_good_for_one_login(void **state)
{
	struct str message = offered(both[0], ""), signature = wallet_sign(both[0], message);
	struct answer *answer = verify(message, signature, "the-same");

	(void)state;
	assert_int_equal(answer->status, 200);
	struct str first = arena_copy(&arena, str_of(answer->body));
	assert_non_null(member(first, "/token").data);
	answer = verify(message, signature, "another");
	assert_int_equal(answer->status, 401);
	assert_string_equal(answer_code(answer), "login_nonce_used");
	answer = verify(message, signature, "the-same");
	assert_int_equal(answer->status, 200);
	assert_null(member(str_of(answer->body), "/token").data);
	assert_true(str_equal(member(str_of(answer->body), "/key/key_id"),
			      member(first, "/key/key_id")));
	struct str other = offered(both[0], "");
	answer = verify(other, wallet_sign(both[0], other), "the-same");
	assert_string_equal(answer_code(answer), "idempotency_mismatch");
	answer = verify(other, wallet_sign(both[0], other), NULL);
	assert_string_equal(answer_code(answer), "idempotency_key_required");
}

/* [GTW-4] */
static void another_place_or_chain_is_refused(void **state)
{
	struct str message = offered(both[0], "");

	(void)state;
	assert_string_equal(try_message(both[0], changed(message, DOMAIN " ", "evil.example ")),
			    "login_domain_mismatch");
	assert_string_equal(
		try_message(both[0], changed(message, "URI: https://" DOMAIN, "URI: https://e.x")),
		"login_uri_mismatch");
	assert_string_equal(try_message(both[0], changed(message, "Chain ID: 1", "Chain ID: 5")),
			    "login_chain_mismatch");
	/* an accepted one that the nonce was not given for */
	assert_string_equal(try_message(both[0], changed(message, "Chain ID: 1", "Chain ID: 10")),
			    "login_nonce_unknown");
	/* another wallet's nonce */
	struct str theirs =
		changed(message, wallet_address(both[0]).data, wallet_address(both[1]).data);
	assert_string_equal(try_message(both[1], theirs), "login_nonce_unknown");
	assert_string_equal(try_message(both[0], changed(message, "Version: 1", "Version: 2")),
			    "login_message_invalid");
	struct answer *answer =
		client_ask(&client, "POST", "/v1/auth/nonce", NULL, NULL, NULL,
			   "{\"address\":\"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\","
			   "\"chain_id\":5}");
	assert_string_equal(answer_code(answer), "login_chain_mismatch");
	answer = client_ask(&client, "POST", "/v1/auth/nonce", NULL, NULL, NULL,
			    "{\"address\":\"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed\"}");
	assert_int_equal(answer->status, 422);
	assert_non_null(strstr(answer->body, "EIP-55"));
	/* after all of that the nonce itself is still good */
	assert_string_equal(try_message(both[0], message), "");
}

/* The line with `label` becomes one with the time that is so far from now; none with `label` goes
 * before the resources. */
static struct str timed(struct str text, const char *label, int64_t from_now_ms)
{
	char time[TIME_TEXT_SIZE];
	const char *at = strstr(text.data, label);
	struct str line;

	time_format(clock_now_ms() + from_now_ms, time);
	line = arena_printf(&arena, "%s%s", label, time);
	if (!at)
		return changed(text, "\nResources:",
			       arena_printf(&arena, "\n%.*s\nResources:", STR_ARG(line)).data);
	return changed(text, arena_printf(&arena, "%.*s", (int)strcspn(at, "\n"), at).data,
		       line.data);
}

/* [GTW-4] the clock of the whole stack is moved; the same message is good before and not after */
static void times_are_checked(void **state)
{
	struct str message = offered(both[0], ""), early, brief, stale;

	(void)state;
	early = timed(message, "Not Before: ", 60000);
	assert_string_equal(try_message(both[0], early), "login_not_yet_valid");
	assert_int_equal(clock_advance(61000), ST_OK);
	assert_string_equal(try_message(both[0], early), "");

	message = offered(both[0], "");
	brief = timed(message, "Expiration Time: ", 60000);
	assert_int_equal(clock_advance(61000), ST_OK);
	assert_string_equal(try_message(both[0], brief), "login_expired");
	assert_int_equal(clock_advance(NONCE_MS), ST_OK);
	assert_string_equal(try_message(both[0], message), "login_too_old");
	/* issued now, over a nonce that has ended */
	stale = timed(timed(message, "Issued At: ", 0), "Expiration Time: ", 60000);
	assert_string_equal(try_message(both[0], stale), "login_nonce_expired");
}

/* Both digits of a byte of the signature changed by `mask`. */
static struct str flipped(struct str signature, size_t byte, unsigned mask)
{
	unsigned value;
	char digits[3];

	assert_int_equal(sscanf(signature.data + 2 + 2 * byte, "%2x", &value), 1);
	snprintf(digits, sizeof(digits), "%02x", value ^ mask);
	struct str copy = arena_copy(&arena, signature);
	memcpy((char *)(uintptr_t)copy.data + 2 + 2 * byte, digits, 2);
	return copy;
}

/* The other signature that the curve takes for the same: n - s, and the other v. */
static struct str malleated(struct str signature)
{
	static const char order[] =
		"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
	uint8_t n[32], s[32];
	char hex[65];
	int borrow = 0;

	assert_int_equal(hex_decode(str_of(order), n, 32), ST_OK);
	assert_int_equal(hex_decode((struct str){ signature.data + 66, 64 }, s, 32), ST_OK);
	for (int i = 31; i >= 0; i--) {
		int digit = n[i] - s[i] - borrow;
		borrow = digit < 0;
		s[i] = (uint8_t)(digit + 256 * borrow);
	}
	hex_encode(s, 32, hex);
	struct str copy = flipped(signature, 64, 0x1b ^ 0x1c);
	memcpy((char *)(uintptr_t)copy.data + 66, hex, 64);
	return copy;
}

/* [GTW-4] */
static void another_signature_is_refused(void **state)
{
	struct str message = offered(both[0], ""), signature = wallet_sign(both[0], message);
	const struct str bad[] = {
		flipped(signature, 0, 1),
		flipped(signature, 63, 1),
		flipped(signature, 64, 0x1b ^ 0x1c),
		malleated(signature),
		wallet_sign(both[1], message),
		wallet_sign(both[0], changed(message, "Log in", "Log on")),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct answer *answer = verify(message, bad[i], fresh_key());
		assert_int_equal(answer->status, 401);
		assert_string_equal(answer_code(answer), "login_signature_invalid");
		if (i == 3)
			assert_non_null(strstr(answer->body, "upper half"));
	}
	struct answer *answer =
		verify(changed(message, "Log in", "Log on"), signature, fresh_key());
	assert_string_equal(answer_code(answer), "login_signature_invalid");
	assert_int_equal(verify(message, signature, fresh_key())->status, 200);
}

/* [GTW-3] 100 keys are live at most; a login more ends the oldest of logins, not the wallet's way
 * in */
static void the_oldest_login_gives_way(void **state)
{
	static const char wallet[] = "lib=viem&n=77";
	struct str address = wallet_address(wallet), first = { 0 };

	(void)state;
	for (int i = 0; i < 101; i++) {
		struct str message = member(ask_nonce(address, ",\"scopes\":[]"), "/message");
		struct answer *answer = verify(message, wallet_sign(wallet, message), fresh_key());
		assert_int_equal(answer->status, 200);
		if (i == 0)
			first = member(arena_copy(&arena, str_of(answer->body)), "/token");
		if (i == 99)
			assert_int_equal(client_get(&client, "/v1/whoami", first.data)->status,
					 200);
	}
	int64_t until = harness_now_ms() + 8000;
	while (client_get(&client, "/v1/whoami", first.data)->status != 401 &&
	       harness_now_ms() < until)
		usleep(20000);
	assert_int_equal(client_get(&client, "/v1/whoami", first.data)->status, 401);
}

/* [GTW-4] used nonces go when they would have ended */
static void used_nonces_are_not_kept_for_ever(void **state)
{
	(void)state;
	assert_true(harness_sql_i64(client.stack.harness,
				    "SELECT count(*) FROM gateway.login_nonce") > 0);
	assert_int_equal(clock_advance(NONCE_MS + 61000), ST_OK);
	int64_t until = harness_now_ms() + 10000;
	while (harness_sql_i64(client.stack.harness, "SELECT count(*) FROM gateway.login_nonce") >
		       0 &&
	       harness_now_ms() < until)
		usleep(50000);
	assert_int_equal(
		harness_sql_i64(client.stack.harness, "SELECT count(*) FROM gateway.login_nonce"),
		0);
}

/* [GTW-3] what fails is in the log with its address, and too much of it is stopped for a while */
static void failed_logins_are_limited_and_logged(void **state)
{
	static const char *const names[] = { "gateway", NULL };
	static const char *const env[] = { "PIOPL_GATEWAY_LOGIN_DOMAIN=" DOMAIN,
					   "PIOPL_GATEWAY_ATTEMPTS=3", NULL };
	struct client outer = client, strict = { 0 };
	struct str bad;
	char signature[133];

	(void)state;
	memset(signature, '1', sizeof(signature));
	memcpy(signature, "0x", 2);
	signature[132] = 0;
	bad = str_of(signature);
	client_start(&strict, names, env);
	client = strict;
	for (int i = 0; i < 3; i++) {
		struct answer *answer = verify(STR("no message"), bad, fresh_key());
		assert_string_equal(answer_code(answer), "login_message_invalid");
	}
	struct answer *answer = verify(STR("no message"), bad, fresh_key());
	assert_int_equal(answer->status, 429);
	assert_string_equal(answer_code(answer), "attempts_exceeded");
	assert_true(answer_has_header(answer, "Retry-After:"));
	char *log = stack_log(&client.stack, "gateway");
	assert_non_null(strstr(log, "login_message_invalid"));
	assert_non_null(strstr(log, "a credential was refused: line 1"));
	free(log);
	strict = client;
	stack_stop(&strict.stack);
	client = outer;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wallet_gets_an_api_key),
		cmocka_unit_test(a_message_of_ones_own_is_as_good),
		cmocka_unit_test(nothing_is_given_that_was_not_signed),
		cmocka_unit_test(a_nonce_is_good_for_one_login),
		cmocka_unit_test(another_place_or_chain_is_refused),
		cmocka_unit_test(times_are_checked),
		cmocka_unit_test(another_signature_is_refused),
		cmocka_unit_test(the_oldest_login_gives_way),
		cmocka_unit_test(used_nonces_are_not_kept_for_ever),
		cmocka_unit_test(failed_logins_are_limited_and_logged),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
