/* siwe_test.c: EIP-4361's grammar: what it has is read, and each single deviation is refused with
 * the line it is on and what belongs there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "siwe.h"

/* The example of the EIP, with everything that may be left out. */
static const char full[] = "https://example.com wants you to sign in with your Ethereum account:\n"
			   "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2\n"
			   "\n"
			   "I accept the ExampleOrg Terms of Service: https://example.com/tos\n"
			   "\n"
			   "URI: https://example.com/login\n"
			   "Version: 1\n"
			   "Chain ID: 1\n"
			   "Nonce: 32891756\n"
			   "Issued At: 2021-09-30T16:25:24Z\n"
			   "Expiration Time: 2021-09-30T17:25:24.5Z\n"
			   "Not Before: 2021-09-30T18:25:24+02:00\n"
			   "Request ID: some-id%20x\n"
			   "Resources:\n"
			   "- ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/\n"
			   "- https://example.com/my-web2-claim.json";

/* As short as it gets. */
static const char least[] = "example.com wants you to sign in with your Ethereum account:\n"
			    "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2\n"
			    "\n"
			    "\n"
			    "URI: urn:x:y\n"
			    "Version: 1\n"
			    "Chain ID: 0\n"
			    "Nonce: abcdEF12\n"
			    "Issued At: 2021-09-30T16:25:24Z";

static struct arena arena;
static struct siwe message;

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

/* `text` with the first `from` made `to`. */
static struct str changed(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	assert_non_null(at);
	return arena_printf(&arena, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

/* [GTW-4] */
static void everything_the_grammar_has_is_read(void **state)
{
	char address[ETHEREUM_ADDRESS_TEXT_SIZE];

	(void)state;
	assert_int_equal(siwe_parse(str_of(full), &message, NULL), ST_OK);
	assert_true(str_is(message.scheme, "https"));
	assert_true(str_is(message.domain, "example.com"));
	ethereum_address_to_text(&message.address, address);
	assert_string_equal(address, "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2");
	assert_true(str_is(message.statement,
			   "I accept the ExampleOrg Terms of Service: https://example.com/tos"));
	assert_true(str_is(message.uri, "https://example.com/login"));
	assert_int_equal(message.chain_id, 1);
	assert_true(str_is(message.nonce, "32891756"));
	assert_int_equal(message.issued_at_ms, 1633019124000);
	assert_true(message.has_expiration_ms);
	assert_int_equal(message.expiration_ms, 1633022724500);
	assert_true(message.has_not_before_ms);
	assert_int_equal(message.not_before_ms, 1633019124000);
	assert_true(str_is(message.request_id, "some-id%20x"));
	assert_int_equal(message.resource_count, 2);
	assert_true(str_is(message.resources[1], "https://example.com/my-web2-claim.json"));
}

/* [GTW-4] */
static void what_may_be_left_out_may_be_left_out(void **state)
{
	static const char *const optional[] = { "https://",
						"\nExpiration Time: 2021-09-30T17:25:24.5Z",
						"\nNot Before: 2021-09-30T18:25:24+02:00",
						"\nRequest ID: some-id%20x" };

	(void)state;
	assert_int_equal(siwe_parse(str_of(least), &message, NULL), ST_OK);
	assert_null(message.scheme.data);
	assert_null(message.statement.data);
	assert_null(message.request_id.data);
	assert_false(message.has_expiration_ms);
	assert_false(message.has_not_before_ms);
	assert_int_equal(message.resource_count, 0);
	for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]); i++)
		assert_int_equal(siwe_parse(changed(full, optional[i], ""), &message, NULL), ST_OK);
	assert_int_equal(siwe_parse(changed(full, "some-id%20x", ""), &message, NULL), ST_OK);
	assert_non_null(message.request_id.data);
	assert_int_equal(siwe_parse(changed(least, "24Z", "24Z\nResources:"), &message, NULL),
			 ST_OK);
}

struct deviation {
	const char *from, *to;
	const char *pointer;
	const char *why;
};

static void assert_refused(struct str text, const struct deviation *d)
{
	struct problem problem = { 0 };

	if (siwe_parse(text, &message, &problem) != ST_MESSAGE_INVALID)
		fail_msg("\"%s\" for \"%s\" is accepted", d->to, d->from);
	if (strcmp(problem.pointer, d->pointer) != 0 || !strstr(problem.detail, d->why))
		fail_msg("\"%s\" for \"%s\": %s: %s, not %s: %s", d->to, d->from, problem.pointer,
			 problem.detail, d->pointer, d->why);
}

#define HEAD " wants you to sign in with your Ethereum account:"
#define ADDRESS "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"

static const struct deviation deviations[] = {
	/* the first line */
	{ HEAD, " wants you to sign in with your Ethereum account", "line 1", "has to end" },
	{ HEAD, " Wants you to sign in with your Ethereum account:", "line 1", "has to end" },
	{ HEAD "\n", HEAD " \n", "line 1", "has to end" },
	{ HEAD "\n", HEAD "\r\n", "line 1", "has to end" },
	{ "https://", "1https://", "line 1", "no scheme" },
	{ "https://", "://", "line 1", "no scheme" },
	{ "https://", "ht tps://", "line 1", "no scheme" },
	{ "https://example.com", "", "line 1", "a host" },
	{ "https://example.com", "https://", "line 1", "a host" },
	{ "example.com w", "me@example.com w", "line 1", "a host" },
	{ "example.com w", "example.com/ w", "line 1", "a host" },
	{ "example.com w", "example.com:8x w", "line 1", "a host" },
	{ "example.com w", ":80 w", "line 1", "a host" },
	{ "example.com w", "exam ple.com w", "line 1", "a host" },
	{ "example.com w", "ex\xc3\xa4mple.com w", "line 1", "a host" },
	{ "example.com w", "[::g] w", "line 1", "a host" },
	/* the address */
	{ ADDRESS, "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2", "line 2", "EIP-55" },
	{ ADDRESS, "0xc02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", "line 2", "EIP-55" },
	{ ADDRESS, "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc", "line 2", "40 hex" },
	{ ADDRESS, ADDRESS " ", "line 2", "40 hex" },
	{ ADDRESS "\n", "", "line 2", "40 hex" },
	/* the empty lines and the statement */
	{ ADDRESS "\n\n", ADDRESS "\n", "line 3", "an empty line follows the address" },
	{ ADDRESS "\n\n", ADDRESS "\n \n", "line 3", "an empty line follows the address" },
	{ "/tos\n\n", "/tos\n", "line 5", "an empty line follows the statement" },
	{ "/tos\n", "/tos\nmore\n", "line 5", "an empty line follows the statement" },
	{ "I accept", "I \"accept\"", "line 4", "letters, digits" },
	{ "I accept", "I\taccept", "line 4", "letters, digits" },
	{ "I accept", "I accept\r", "line 4", "letters, digits" },
	{ "I accept", "\xc3\x8ch accept", "line 4", "letters, digits" },
	{ "I accept", "100% accept", "line 4", "letters, digits" },
	{ "\n\nI accept", "\n\n\nI accept", "line 5", "\"URI: \"" },
	/* the lines that have to be there */
	{ "URI: https", "Uri: https", "line 6", "\"URI: \"" },
	{ "URI: https", "URI:https", "line 6", "\"URI: \"" },
	{ "URI: https", "URI:  https", "line 6", "not one of RFC 3986" },
	{ "URI: https://example.com/login", "URI: /login", "line 6", "RFC 3986" },
	{ "URI: https://example.com/login", "URI: ", "line 6", "RFC 3986" },
	{ "/login", "/log in", "line 6", "RFC 3986" },
	{ "/login", "/log%2in", "line 6", "RFC 3986" },
	{ "/login", "/login\r", "line 6", "RFC 3986" },
	{ "URI: https://example.com/login\n", "", "line 6", "\"URI: \"" },
	{ "Version: 1\n", "", "line 7", "\"Version: \"" },
	{ "Version: 1\n", "Version: 1\nVersion: 1\n", "line 8", "\"Chain ID: \"" },
	{ "Version: 1", "Version: 2", "line 7", "the version is 1" },
	{ "Version: 1", "Version: 01", "line 7", "the version is 1" },
	{ "Version: 1", "Version: 1 ", "line 7", "the version is 1" },
	{ "Version: 1\nChain ID: 1", "Chain ID: 1\nVersion: 1", "line 7", "\"Version: \"" },
	{ "Chain ID: 1\n", "", "line 8", "\"Chain ID: \"" },
	{ "Chain ID: 1", "Chain Id: 1", "line 8", "\"Chain ID: \"" },
	{ "Chain ID: 1", "Chain ID: ", "line 8", "decimal number" },
	{ "Chain ID: 1", "Chain ID: 0x1", "line 8", "decimal number" },
	{ "Chain ID: 1", "Chain ID: -1", "line 8", "decimal number" },
	{ "Chain ID: 1", "Chain ID: 01", "line 8", "decimal number" },
	{ "Chain ID: 1", "Chain ID: 9223372036854775808", "line 8", "decimal number" },
	{ "Nonce: 32891756\n", "", "line 9", "\"Nonce: \"" },
	{ "Nonce: 32891756", "Nonce: 3289175", "line 9", "at least 8" },
	{ "Nonce: 32891756", "Nonce: 3289175-", "line 9", "at least 8" },
	{ "Nonce: 32891756", "Nonce: 32891756 ", "line 9", "at least 8" },
	{ "Issued At: 2021-09-30T16:25:24Z\n", "", "line 10", "\"Issued At: \"" },
	/* times */
	{ "Issued At: 2021", "Issued At: 1969", "line 10", "RFC 3339" },
	{ "Issued At: 2021-09-30", "Issued At: 2021-09-31", "line 10", "RFC 3339" },
	{ "Issued At: 2021-09-30", "Issued At: 2021-9-30", "line 10", "RFC 3339" },
	{ "T16:25:24Z", " 16:25:24Z", "line 10", "RFC 3339" },
	{ "T16:25:24Z", "t16:25:24z", "line 10", "RFC 3339" },
	{ "T16:25:24Z", "T24:25:24Z", "line 10", "RFC 3339" },
	{ "T16:25:24Z", "T16:25:60Z", "line 10", "RFC 3339" },
	{ "T16:25:24Z", "T16:25Z", "line 10", "RFC 3339" },
	{ "T16:25:24Z", "T16:25:24", "line 10", "RFC 3339" },
	{ "T16:25:24Z", "T16:25:24.Z", "line 10", "RFC 3339" },
	{ "T16:25:24Z", "T16:25:24.1234567890Z", "line 10", "RFC 3339" },
	{ "T16:25:24Z", "T16:25:24+0200", "line 10", "RFC 3339" },
	{ "T16:25:24Z", "T16:25:24+24:00", "line 10", "RFC 3339" },
	{ "T16:25:24Z", "T16:25:24+02:60", "line 10", "RFC 3339" },
	{ "T16:25:24Z", "T16:25:24Z ", "line 10", "RFC 3339" },
	{ "T17:25:24.5Z", "", "line 11", "RFC 3339" },
	{ "T18:25:24+02:00", "T18:25:24", "line 12", "RFC 3339" },
	/* what may be left out, in its order, once */
	{ "Expiration Time: ", "Expiration time: ", "line 11", "does not belong here" },
	{ "Not Before: 2021-09-30T18:25:24+02:00\n",
	  "Not Before: 2021-09-30T18:25:24+02:00\nExpiration Time: 2021-09-30T17:25:24Z\n",
	  "line 13", "does not belong here" },
	{ "Request ID: some", "Request ID: a\nRequest ID: some", "line 14",
	  "does not belong here" },
	{ "Request ID: some", "Request ID: so me", "line 13", "no path has" },
	{ "Request ID: some", "Request ID: a/b", "line 13", "no path has" },
	{ "some-id%20x", "some-id%2", "line 13", "no path has" },
	{ "Resources:", "Resources: ", "line 14", "begin on the line after" },
	{ "Resources:", "resources:", "line 14", "does not belong here" },
	{ "- ipfs", "-ipfs", "line 15", "does not belong here" },
	{ "- ipfs", "-  ipfs", "line 15", "not a URI" },
	{ "- ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/", "- x", "line 15",
	  "not a URI" },
	{ "my-web2-claim.json", "my-web2-claim.json\n", "line 17", "does not belong here" },
	{ "my-web2-claim.json", "my-web2-claim.json\nmore", "line 17", "does not belong here" },
};

/* [GTW-4] */
static void each_deviation_is_refused_with_its_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(deviations) / sizeof(deviations[0]); i++) {
		arena_reset(&arena);
		assert_refused(changed(full, deviations[i].from, deviations[i].to), &deviations[i]);
	}
}

/* [GTW-4] cut anywhere it is not a message, unless the cut is where it may end */
static void a_message_cut_short_is_refused(void **state)
{
	size_t good = 0;

	(void)state;
	for (size_t size = 0; size < sizeof(least) - 1; size++)
		good += siwe_parse((struct str){ least, size }, &message, NULL) == ST_OK;
	assert_int_equal(good, 0);
	assert_int_equal(siwe_parse(STR(""), &message, NULL), ST_MESSAGE_INVALID);
}

static void a_nul_is_no_character(void **state)
{
	static const char *const after[] = { "example",  "0xC0", "I acc", "/login",
					     "Nonce: 3", "some", "ipfs:" };

	(void)state;
	for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
		char text[sizeof(full)];
		memcpy(text, full, sizeof(full));
		strstr(text, after[i])[strlen(after[i])] = 0;
		assert_int_equal(siwe_parse((struct str){ text, sizeof(full) - 1 }, &message, NULL),
				 ST_MESSAGE_INVALID);
	}
}

/* [GTW-4] the limits, at them and one past */
static void sizes_are_bounded(void **state)
{
	struct buf buf;

	(void)state;
	for (size_t count = SIWE_RESOURCES_MAX; count <= SIWE_RESOURCES_MAX + 1; count++) {
		buf_init(&buf, &arena, 4096);
		buf_add_c(&buf, least);
		buf_add_c(&buf, "\nResources:");
		for (size_t i = 0; i < count; i++)
			buf_add_c(&buf, "\n- a:b");
		assert_int_equal(siwe_parse(buf_str(&buf), &message, NULL),
				 count == SIWE_RESOURCES_MAX ? ST_OK : ST_MESSAGE_INVALID);
	}
	for (size_t size = SIWE_BYTES_MAX; size <= SIWE_BYTES_MAX + 1; size++) {
		buf_init(&buf, &arena, SIWE_BYTES_MAX + 2);
		buf_add_c(&buf, least);
		buf_add_c(&buf, "\nRequest ID: ");
		while (buf.size < size)
			buf_add_char(&buf, 'x');
		assert_int_equal(siwe_parse(buf_str(&buf), &message, NULL),
				 size == SIWE_BYTES_MAX ? ST_OK : ST_MESSAGE_INVALID);
	}
}

static void what_is_printed_is_read_the_same(void **state)
{
	static const char *const texts[] = { full, least };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct str once, twice;
		assert_int_equal(siwe_parse(str_of(texts[i]), &message, NULL), ST_OK);
		once = siwe_print(&message, &arena);
		assert_int_equal(siwe_parse(once, &message, NULL), ST_OK);
		twice = siwe_print(&message, &arena);
		assert_true(str_equal(once, twice));
	}
	assert_true(str_ends(siwe_print(&message, &arena), "Issued At: 2021-09-30T16:25:24.000Z"));
}

static void times_have_offsets_and_fractions(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} times[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "1970-01-01T00:00:00.001999999Z", 1 },
		{ "1970-01-01T00:00:00.9Z", 900 },
		{ "1970-01-01T05:30:00+05:30", 0 },
		{ "1970-01-01T00:00:00-23:59", 86340000 },
		{ "2024-02-29T23:59:59.999+00:00", 1709251199999 },
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		assert_true(siwe_time_parse(str_of(times[i].text), &ms));
		assert_int_equal(ms, times[i].ms);
	}
	assert_false(siwe_time_parse(STR("1970-01-01T00:00:00+00:01"), &ms));
	assert_false(siwe_time_parse(STR("9999-12-31T23:59:59-00:01"), &ms));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_the_grammar_has_is_read),
		cmocka_unit_test(what_may_be_left_out_may_be_left_out),
		cmocka_unit_test(each_deviation_is_refused_with_its_reason),
		cmocka_unit_test(a_message_cut_short_is_refused),
		cmocka_unit_test(a_nul_is_no_character),
		cmocka_unit_test(sizes_are_bounded),
		cmocka_unit_test(what_is_printed_is_read_the_same),
		cmocka_unit_test(times_have_offsets_and_fractions),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
