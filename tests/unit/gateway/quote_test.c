/* quote_test.c: what a refusal for lack of balance says: in the document always, in the header of
 * x402 where that is configured. Others' readers of the header: tests/integration/gateway. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gen/common.h"
#include "json.h"
#include "quote.h"
#include "services/gateway/x402.h"

#define WALLET "wal_0190a000-0000-7000-8000-000000000001"

static const struct x402 base = { .network = "eip155:8453",
				  .asset = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
				  .asset_name = "USDC",
				  .asset_version = "2",
				  .pay_to = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
				  .currency = "USD" };
static struct arena arena;

static int start(void **state)
{
	(void)state;
	arena_init(&arena, 1024 * 1024);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct problem refusal(void)
{
	struct problem problem = { 0 };

	problem_set(&problem, ST_INTERNAL, "", "the wallet has 0.25 USD");
	problem.st = ST_NOT_FOUND; /* any refusal */
	problem_quote(&problem, STR(WALLET), STR("USD"), 1000000, 250000);
	return problem;
}

/* [GTW-8] */
static void a_quote_is_in_the_document(void **state)
{
	struct problem problem = refusal();
	struct str text = problem_document(&problem, "", &arena);
	struct json *root;

	(void)state;
	assert_int_equal(json_parse(&arena, text, &root, NULL), ST_OK);
	assert_true(str_is(json_at(root, STR("/quote/wallet_id"))->text, WALLET));
	assert_true(str_is(json_at(root, STR("/quote/needed/amount"))->text, "1"));
	assert_true(str_is(json_at(root, STR("/quote/available/amount"))->text, "0.25"));
	assert_true(str_is(json_at(root, STR("/quote/missing/amount"))->text, "0.75"));
	assert_true(str_is(json_at(root, STR("/quote/missing/currency"))->text, "USD"));
	assert_true(
		str_is(json_at(root, STR("/quote/pay"))->text, "/v1/wallets/" WALLET "/deposits"));
	problem_set(&problem, ST_NOT_FOUND, "", "no money in it");
	text = problem_document(&problem, "", &arena);
	assert_null(memmem(text.data, text.size, "quote", 5));
}

static void a_quote_survives_the_bus(void **state)
{
	struct problem problem = refusal();
	struct quote_wire wire;
	struct quote again = quote_of_wire(quote_to_wire(&problem.quote, &wire));

	(void)state;
	assert_memory_equal(&again, &problem.quote, sizeof(again));
	again = quote_of_wire(NULL);
	assert_int_equal(again.currency[0], 0);
	wire.wire.available.micros = wire.wire.needed.micros; /* nothing is missing */
	assert_int_equal(quote_of_wire(&wire.wire).currency[0], 0);
	wire.wire.available.micros = 0;
	memcpy(wire.wire.available.currency, "EUR", 4);
	assert_int_equal(quote_of_wire(&wire.wire).currency[0], 0);
	assert_null(quote_to_wire(&again, &wire));
}

static void a_quote_that_does_not_fit_is_none(void **state)
{
	struct problem problem = { 0 };
	char wallet[65];

	(void)state;
	memset(wallet, 'w', sizeof(wallet));
	problem_quote(&problem, (struct str){ wallet, 64 }, STR("USD"), 2, 1);
	assert_int_equal(problem.quote.currency[0], 0);
	problem_quote(&problem, (struct str){ wallet, 63 }, STR("USDC"), 2, 1);
	assert_int_equal(problem.quote.currency[0], 0);
	problem_quote(&problem, (struct str){ wallet, 63 }, STR("USD"), 2, 1);
	assert_string_equal(problem.quote.currency, "USD");
	problem_quote(NULL, STR("w"), STR("USD"), 2, 1);
}

/* [GTW-8] */
static void the_header_is_base64_of_json(void **state)
{
	struct problem problem = refusal();
	struct str header = x402_header(&base, &problem.quote, STR("/v1/holds"), "why", &arena);
	uint8_t text[2048];
	size_t size;
	struct json *root;

	(void)state;
	assert_int_equal(base64_decode(header, text, sizeof(text), &size), ST_OK);
	assert_int_equal(json_parse(&arena, (struct str){ (char *)text, size }, &root, NULL),
			 ST_OK);
	assert_true(str_is(json_at(root, STR("/x402Version"))->text, "2"));
	assert_true(str_is(json_at(root, STR("/resource/url"))->text, "/v1/holds"));
	assert_true(str_is(json_at(root, STR("/accepts/0/scheme"))->text, "exact"));
	assert_true(str_is(json_at(root, STR("/accepts/0/network"))->text, "eip155:8453"));
	assert_true(str_is(json_at(root, STR("/accepts/0/amount"))->text, "750000"));
	assert_true(str_is(json_at(root, STR("/accepts/0/payTo"))->text, base.pay_to));
	assert_true(str_is(json_at(root, STR("/accepts/0/extra/walletId"))->text, WALLET));
}

/* [GTW-8] */
static void without_configuration_or_in_another_currency_there_is_no_header(void **state)
{
	struct problem problem = refusal();
	struct x402 x402 = base;

	(void)state;
	x402.network[0] = 0;
	assert_null(x402_header(&x402, &problem.quote, STR("/"), "", &arena).data);
	x402 = base;
	memcpy(x402.currency, "EUR", 4);
	assert_null(x402_header(&x402, &problem.quote, STR("/"), "", &arena).data);
	problem.quote = (struct quote){ 0 };
	assert_null(x402_header(&base, &problem.quote, STR("/"), "", &arena).data);
}

static void a_configuration_is_whole_or_refused(void **state)
{
	static const char *const networks[] = { "base", ":8453",      "eip155:",
						"ei:1", "eip155:a b", "toolongname:1" };
	struct problem problem;
	struct x402 x402 = base;

	(void)state;
	assert_int_equal(x402_check(&x402, &problem), ST_OK);
	assert_int_equal(x402_check(&(struct x402){ 0 }, &problem), ST_OK);
	for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
		strcpy(x402.network, networks[i]);
		assert_int_equal(x402_check(&x402, &problem), ST_CONFIG_INVALID);
		assert_string_equal(problem.pointer, "x402_network");
	}
	x402 = base;
	x402.asset[0] = 0;
	assert_int_equal(x402_check(&x402, &problem), ST_CONFIG_INVALID);
	assert_string_equal(problem.pointer, "x402_asset");
	x402 = base;
	x402.pay_to[0] = 0;
	assert_int_equal(x402_check(&x402, &problem), ST_CONFIG_INVALID);
	assert_string_equal(problem.pointer, "x402_pay_to");
	x402 = base;
	x402.currency[0] = 'u';
	assert_int_equal(x402_check(&x402, &problem), ST_CONFIG_INVALID);
	assert_string_equal(problem.pointer, "x402_currency");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quote_is_in_the_document),
		cmocka_unit_test(a_quote_survives_the_bus),
		cmocka_unit_test(a_quote_that_does_not_fit_is_none),
		cmocka_unit_test(the_header_is_base64_of_json),
		cmocka_unit_test(without_configuration_or_in_another_currency_there_is_no_header),
		cmocka_unit_test(a_configuration_is_whole_or_refused),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
