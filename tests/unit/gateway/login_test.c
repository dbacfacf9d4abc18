/* login_test.c: whether a signed message is good here and now. Every rule at its limit and past it,
 * one at a time, each with its own status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gen/contract.h"
#include "services/gateway/login.h"

#define NOW_MS INT64_C(1700000000000)
#define NONCE_MS 300000

static const struct str secret = { "0123456789abcdef0123456789abcdef", 32 };
static struct arena arena;
static struct login_rules rules;
static struct ethereum_key wallet;

static int start(void **state)
{
	(void)state;
	crypto_init();
	arena_init(&arena, 16 * 1024 * 1024);
	ethereum_key_generate(&wallet);
	if (login_rules_make(STR("app.example"), STR(""), STR("1,137"), &rules, NULL) != ST_OK)
		return -1;
	rules.nonce_ms = NONCE_MS;
	return 0;
}

static int stop(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* A message that is good, with a nonce made for it. */
static struct siwe good_message(void)
{
	static const uint8_t random[LOGIN_RANDOM_BYTES] = { 1, 2, 3 };
	char nonce[LOGIN_NONCE_SIZE];
	struct siwe message = { .domain = rules.domain,
				.uri = str_of(rules.uri),
				.address = wallet.address,
				.chain_id = 1,
				.issued_at_ms = NOW_MS };

	login_nonce_make(secret, random, NOW_MS + NONCE_MS, &message, nonce);
	message.nonce = arena_copy(&arena, str_of(nonce));
	return message;
}

static enum st check_text(struct str text, const struct ethereum_signature *signature,
			  int64_t now_ms, struct problem *problem)
{
	char hex[ETHEREUM_SIGNATURE_TEXT_SIZE];
	struct siwe *ret = ARENA_NEW(&arena, struct siwe);
	int64_t end_ms = 0;

	*problem = (struct problem){ 0 };
	ethereum_signature_to_text(signature, hex);
	enum st st = login_check(&rules, secret, &(struct login_try){ text, str_of(hex), now_ms },
				 ret, &end_ms, problem);
	if (st == ST_OK)
		assert_int_equal(end_ms, NOW_MS + NONCE_MS);
	return st;
}

/* Prints, signs, checks. */
static enum st check_at(const struct siwe *message, int64_t now_ms)
{
	struct ethereum_signature signature;
	struct problem problem;
	struct hash hash;
	struct str text = siwe_print(message, &arena);

	ethereum_message_hash(text, &hash);
	ethereum_sign(&wallet, &hash, &signature);
	return check_text(text, &signature, now_ms, &problem);
}

/* [GTW-4] */
static void a_good_message_passes(void **state)
{
	struct siwe message = good_message();

	(void)state;
	assert_int_equal(check_at(&message, NOW_MS), ST_OK);
	message.scheme = STR("https");
	assert_int_equal(check_at(&message, NOW_MS), ST_OK);
	message.uri = STR("https://app.example/login?x=1#y");
	assert_int_equal(check_at(&message, NOW_MS), ST_OK);
	message.statement = STR("anything");
	assert_int_equal(check_at(&message, NOW_MS), ST_OK);
}

/* [GTW-4] */
static void another_place_is_refused(void **state)
{
	struct siwe message = good_message();

	(void)state;
	message.domain = STR("evil.example");
	assert_int_equal(check_at(&message, NOW_MS), ST_LOGIN_DOMAIN_MISMATCH);
	message.domain = STR("App.example");
	assert_int_equal(check_at(&message, NOW_MS), ST_LOGIN_DOMAIN_MISMATCH);
	message.domain = STR("app.example:443");
	assert_int_equal(check_at(&message, NOW_MS), ST_LOGIN_DOMAIN_MISMATCH);
	message = good_message();
	message.uri = STR("https://evil.example");
	assert_int_equal(check_at(&message, NOW_MS), ST_LOGIN_URI_MISMATCH);
	message.uri = STR("http://app.example");
	assert_int_equal(check_at(&message, NOW_MS), ST_LOGIN_URI_MISMATCH);
	message.uri = STR("https://app.example@evil.example/");
	assert_int_equal(check_at(&message, NOW_MS), ST_LOGIN_URI_MISMATCH);
	message.uri = STR("https:app.example");
	assert_int_equal(check_at(&message, NOW_MS), ST_LOGIN_URI_MISMATCH);
	message = good_message();
	message.scheme = STR("http");
	assert_int_equal(check_at(&message, NOW_MS), ST_LOGIN_URI_MISMATCH);
	message = good_message();
	message.chain_id = 5;
	assert_int_equal(check_at(&message, NOW_MS), ST_LOGIN_CHAIN_MISMATCH);
	message.chain_id = 137; /* accepted, and not what the nonce is for */
	assert_int_equal(check_at(&message, NOW_MS), ST_LOGIN_NONCE_UNKNOWN);
}

/* [GTW-4] each time at its limit and a millisecond past it */
static void times_are_held_to_the_millisecond(void **state)
{
	struct siwe message = good_message();

	(void)state;
	message.issued_at_ms = NOW_MS - NONCE_MS + 1;
	assert_int_equal(check_at(&message, NOW_MS), ST_OK);
	message.issued_at_ms = NOW_MS - NONCE_MS;
	assert_int_equal(check_at(&message, NOW_MS), ST_LOGIN_TOO_OLD);
	message.issued_at_ms = NOW_MS + LOGIN_SKEW_MS;
	assert_int_equal(check_at(&message, NOW_MS), ST_OK);
	message.issued_at_ms = NOW_MS + LOGIN_SKEW_MS + 1;
	assert_int_equal(check_at(&message, NOW_MS), ST_LOGIN_NOT_YET_VALID);
	message = good_message();
	message.has_not_before_ms = true;
	message.not_before_ms = NOW_MS;
	assert_int_equal(check_at(&message, NOW_MS), ST_OK);
	message.not_before_ms = NOW_MS + 1;
	assert_int_equal(check_at(&message, NOW_MS), ST_LOGIN_NOT_YET_VALID);
	message = good_message();
	message.has_expiration_ms = true;
	message.expiration_ms = NOW_MS + 1;
	assert_int_equal(check_at(&message, NOW_MS), ST_OK);
	message.expiration_ms = NOW_MS;
	assert_int_equal(check_at(&message, NOW_MS), ST_LOGIN_EXPIRED);
	message = good_message();
	message.issued_at_ms = NOW_MS + NONCE_MS; /* the wallet's clock is ahead */
	assert_int_equal(check_at(&message, NOW_MS + NONCE_MS - 1), ST_OK);
	assert_int_equal(check_at(&message, NOW_MS + NONCE_MS), ST_LOGIN_NONCE_EXPIRED);
}

/* [GTW-4] a nonce is for one wallet, one chain, one domain, one installation; every digit counts */
static void a_nonce_is_bound_to_what_it_was_given_for(void **state)
{
	struct siwe message = good_message();
	struct ethereum_key other, kept = wallet;
	char nonce[LOGIN_NONCE_SIZE];

	(void)state;
	for (size_t i = 0; i < LOGIN_NONCE_SIZE - 1; i++) {
		assert_true(str_copy(good_message().nonce, nonce, sizeof(nonce)));
		nonce[i] = nonce[i] == '0' ? '1' : '0';
		message.nonce = str_of(nonce);
		assert_int_equal(check_at(&message, NOW_MS), ST_LOGIN_NONCE_UNKNOWN);
	}
	message.nonce = STR("12345678");
	assert_int_equal(check_at(&message, NOW_MS), ST_LOGIN_NONCE_UNKNOWN);
	assert_true(str_copy(good_message().nonce, nonce, sizeof(nonce)));
	for (char *c = nonce; *c; c++)
		*c = (char)(*c >= 'a' ? *c - 32 : *c);
	message.nonce = str_of(nonce);
	assert_int_equal(check_at(&message, NOW_MS), ST_LOGIN_NONCE_UNKNOWN);
	message.nonce = arena_printf(&arena, "%.*s0", STR_ARG(good_message().nonce));
	assert_int_equal(check_at(&message, NOW_MS), ST_LOGIN_NONCE_UNKNOWN);

	message = good_message();
	ethereum_key_generate(&other);
	wallet = other;
	message.address = other.address;
	assert_int_equal(check_at(&message, NOW_MS), ST_LOGIN_NONCE_UNKNOWN);
	wallet = kept;

	uint8_t random[LOGIN_RANDOM_BYTES] = { 0 };
	message = good_message();
	login_nonce_make(STR("another secret of 32 bytes......"), random, NOW_MS + NONCE_MS,
			 &message, nonce);
	message.nonce = str_of(nonce);
	assert_int_equal(check_at(&message, NOW_MS), ST_LOGIN_NONCE_UNKNOWN);
	struct siwe elsewhere = message;
	elsewhere.domain = STR("other.example");
	login_nonce_make(secret, random, NOW_MS + NONCE_MS, &elsewhere, nonce);
	assert_int_equal(check_at(&message, NOW_MS), ST_LOGIN_NONCE_UNKNOWN);
}

/* [GTW-4] */
static void only_the_wallets_own_signature_passes(void **state)
{
	struct siwe message = good_message();
	struct str text = siwe_print(&message, &arena), other;
	struct ethereum_key stranger;
	struct ethereum_signature signature, bad;
	struct problem problem;
	struct hash hash;

	(void)state;
	ethereum_message_hash(text, &hash);
	ethereum_sign(&wallet, &hash, &signature);
	assert_int_equal(check_text(text, &signature, NOW_MS, &problem), ST_OK);
	for (size_t i = 0; i < ETHEREUM_SIGNATURE_BYTES; i++) {
		bad = signature;
		bad.bytes[i] ^= 1;
		assert_int_equal(check_text(text, &bad, NOW_MS, &problem),
				 ST_LOGIN_SIGNATURE_INVALID);
		assert_string_equal(problem.pointer, "/signature");
	}
	message.statement = STR("give everything away");
	other = siwe_print(&message, &arena);
	assert_int_equal(check_text(other, &signature, NOW_MS, &problem),
			 ST_LOGIN_SIGNATURE_INVALID);
	ethereum_key_generate(&stranger);
	ethereum_sign(&stranger, &hash, &bad);
	assert_int_equal(check_text(text, &bad, NOW_MS, &problem), ST_LOGIN_SIGNATURE_INVALID);
	sha256_of(text.data, text.size, &hash); /* signed, but not as personal_sign does */
	ethereum_sign(&wallet, &hash, &bad);
	assert_int_equal(check_text(text, &bad, NOW_MS, &problem), ST_LOGIN_SIGNATURE_INVALID);
}

/* [GTW-4] */
static void what_is_no_message_says_the_line(void **state)
{
	struct siwe message = good_message();
	struct str text = siwe_print(&message, &arena);
	struct ethereum_signature signature = { 0 };
	struct problem problem;

	(void)state;
	text = arena_printf(&arena, "%.*s\n", STR_ARG(text));
	assert_int_equal(check_text(text, &signature, NOW_MS, &problem), ST_LOGIN_MESSAGE_INVALID);
	assert_string_equal(problem.pointer, "/message");
	assert_non_null(strstr(problem.detail, "line 10: "));
}

/* [GTW-4] nothing is given that was not signed; what nobody has is refused */
static void scopes_are_those_that_were_signed(void **state)
{
	struct siwe message = good_message();
	struct str scopes[GATEWAY_SCOPES_MAX], all[GATEWAY_SCOPES_MAX];
	struct problem problem = { 0 };
	size_t count = 99;

	(void)state;
	assert_int_equal(login_scopes(&message, proto_calls, scopes, &count, &problem), ST_OK);
	assert_int_equal(count, 0);
	message.resources[0] = STR("https://app.example/terms");
	message.resources[1] = STR("urn:piopl:scope:keys:read");
	message.resources[2] = STR("urn:piopl:scope:keys:read");
	message.resource_count = 3;
	assert_int_equal(login_scopes(&message, proto_calls, scopes, &count, &problem), ST_OK);
	assert_int_equal(count, 1);
	assert_true(str_is(scopes[0], "keys:read"));
	message.resources[0] = STR("urn:piopl:scope:keys:admin");
	assert_int_equal(login_scopes(&message, proto_calls, scopes, &count, &problem),
			 ST_SCOPE_UNKNOWN);
	count = login_scopes_all(proto_calls, all);
	assert_true(count >= 3);
	for (size_t i = 0; i < count; i++) {
		bool open_to_operators = false;
		for (const struct proto_call *const *c = proto_calls; *c; c++)
			open_to_operators |= (*c)->http && str_is(all[i], (*c)->http->scope) &&
					     ((*c)->http->principals & PROTO_OPERATOR);
		assert_true(open_to_operators);
	}
}

/* [GTW-4] the message that is offered is one that passes once it is signed */
static void the_message_that_is_offered_is_good(void **state)
{
	struct str scopes[] = { STR("keys:read"), STR("self:read") };
	struct siwe as_parsed, message = good_message();
	struct login_ask ask = { .rules = &rules,
				 .address = wallet.address,
				 .nonce = message.nonce,
				 .chain_id = 1,
				 .now_ms = NOW_MS,
				 .end_ms = NOW_MS + NONCE_MS,
				 .scopes = scopes,
				 .scope_count = 2 };
	struct str text;

	(void)state;
	assert_int_equal(login_message_make(&ask, &arena, &text), ST_OK);
	assert_int_equal(siwe_parse(text, &as_parsed, NULL), ST_OK);
	assert_int_equal(check_at(&as_parsed, NOW_MS), ST_OK);
	assert_int_equal(as_parsed.resource_count, 2);
	assert_true(str_is(as_parsed.resources[0], "urn:piopl:scope:keys:read"));
}

static void rules_that_contradict_themselves_are_refused(void **state)
{
	struct login_rules made;
	struct problem problem = { 0 };

	(void)state;
	assert_int_equal(login_rules_make(STR(""), STR("nonsense"), STR("x"), &made, &problem),
			 ST_OK);
	assert_int_equal(
		login_rules_make(STR("a.b"), STR("https://a.b/x"), STR("1"), &made, &problem),
		ST_OK);
	assert_int_equal(login_rules_make(STR("127.0.0.1:80"), STR(""), STR("1"), &made, &problem),
			 ST_OK);
	assert_string_equal(made.uri, "http://127.0.0.1:80");
	static const char *const uris[] = { "https://c.d", "ftp://a.b", "a.b", "https://a.b/ " };
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(
			login_rules_make(STR("a.b"), str_of(uris[i]), STR("1"), &made, &problem),
			ST_CONFIG_INVALID);
	static const char *const chains[] = {
		"", "1,", ",1", "1,x", "-1", "1 ,2", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"
	};
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(
			login_rules_make(STR("a.b"), STR(""), str_of(chains[i]), &made, &problem),
			ST_CONFIG_INVALID);
	assert_int_equal(login_rules_make(STR("a.b"), STR(""),
					  STR("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16"), &made,
					  &problem),
			 ST_OK);
	assert_int_equal(made.chain_count, LOGIN_CHAINS_MAX);
}

/* [GTW-4] */
static void without_a_domain_nobody_logs_in(void **state)
{
	struct login_rules kept = rules;
	struct siwe message = good_message();

	(void)state;
	rules.domain = STR("");
	message.domain = STR("app.example");
	assert_int_equal(check_at(&message, NOW_MS), ST_LOGIN_DISABLED);
	rules = kept;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_message_passes),
		cmocka_unit_test(another_place_is_refused),
		cmocka_unit_test(times_are_held_to_the_millisecond),
		cmocka_unit_test(a_nonce_is_bound_to_what_it_was_given_for),
		cmocka_unit_test(only_the_wallets_own_signature_passes),
		cmocka_unit_test(what_is_no_message_says_the_line),
		cmocka_unit_test(scopes_are_those_that_were_signed),
		cmocka_unit_test(the_message_that_is_offered_is_good),
		cmocka_unit_test(rules_that_contradict_themselves_are_refused),
		cmocka_unit_test(without_a_domain_nobody_logs_in),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
