/* What the generator makes of the sample contract: code that compiles by itself, subjects,
 * permissions, OpenAPI, AsyncAPI, examples; and that files stay as they are when nothing changed.
 * [PLT-1] */
#include "generator.h"

#include "json.h"

#define ARENA_BYTES_MAX (64 << 20)
#define WARNINGS "-Wall -Wextra -Wconversion -Wshadow -Wvla -Wswitch-enum -Werror"

static struct arena arena;
static char *folder; /* of the sample's documents; its output is in out/ */

static const char *const sample_files[] = { "common.yaml", "sample.yaml", "silent-one.yaml" };
#define SAMPLE_FILES "common.yaml sample.yaml silent-one.yaml"

static int make_sample(void **state)
{
	char *said;

	(void)state;
	arena_init(&arena, ARENA_BYTES_MAX);
	folder = make_folder();
	for (size_t i = 0; i < sizeof(sample_files) / sizeof(sample_files[0]); i++) {
		char *text = read_in("tests/unit/proto/sample", sample_files[i]);

		write_in(folder, sample_files[i], text);
		free(text);
	}
	assert_int_equal(generate(folder, "--docs docs " SAMPLE_FILES, &said), 0);
	assert_string_equal(said, "");
	free(said);
	return 0;
}

static int remove_sample(void **state)
{
	(void)state;
	remove_folder(folder);
	arena_free(&arena);
	return 0;
}

static char *output(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "out/%s", name);
	return read_in(folder, path);
}

static struct json *output_json(const char *name)
{
	char *text = output(name);
	struct json *root = NULL;

	assert_int_equal(json_parse(&arena, str_of(text), &root, NULL), ST_OK);
	free(text);
	return root;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("nowhere: %s", part);
}

/* ---- files ---- */

static void modified(const char *name, struct timespec *ret)
{
	char path[4096];
	struct stat status;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(stat(path, &status), 0);
	*ret = status.st_mtim;
}

static bool is_rewritten(const char *name, const struct timespec *before)
{
	struct timespec now;

	modified(name, &now);
	return now.tv_sec != before->tv_sec || now.tv_nsec != before->tv_nsec;
}

static void files_whose_content_did_not_change_are_not_written_again(void **state)
{
	static const char *const names[] = { "out/status.h",   "out/common.h", "out/silent-one.c",
					     "out/contract.c", "out/sample.h", "docs/common.md",
					     "out/sample.c" };
	struct timespec before[7];
	char *text, *said, *at;

	(void)state;
	for (size_t i = 0; i < 7; i++)
		modified(names[i], &before[i]);
	usleep(20000);
	assert_int_equal(generate(folder, "--docs docs " SAMPLE_FILES, &said), 0);
	free(said);
	for (size_t i = 0; i < 7; i++)
		assert_false(is_rewritten(names[i], &before[i]));

	text = read_in(folder, "sample.yaml");
	at = strstr(text, "minimum: -5");
	memcpy(at, "minimum: -4", 11);
	write_in(folder, "sample.yaml", text);
	assert_int_equal(generate(folder, "--docs docs " SAMPLE_FILES, &said), 0);
	free(said);
	for (size_t i = 0; i < 6; i++)
		assert_false(is_rewritten(names[i], &before[i]));
	assert_true(is_rewritten("out/sample.c", &before[6]));
	memcpy(at, "minimum: -5", 11);
	write_in(folder, "sample.yaml", text);
	free(text);
	assert_int_equal(generate(folder, "--docs docs " SAMPLE_FILES, &said), 0);
	free(said);
}

static void the_order_of_the_files_changes_nothing(void **state)
{
	char *said;
	char command[8192];

	(void)state;
	snprintf(command, sizeof(command),
		 "cd '%s' && '%s' --out other silent-one.yaml sample.yaml common.yaml "
		 "2>&1 && diff -r out other 2>&1",
		 folder, generator_path());
	if (run(command, &said) != 0)
		fail_msg("%s", said);
	free(said);
}

static void generated_headers_and_sources_compile_by_themselves(void **state)
{
	static const char *const compilers[] = { "gcc", "clang" };
	static const char *const files[] = { "common.h",   "sample.h",     "silent-one.h",
					     "contract.h", "status.h",     "common.c",
					     "sample.c",   "silent-one.c", "contract.c",
					     "status.c" };
	char root[2048];

	(void)state;
	assert_non_null(getcwd(root, sizeof(root)));
	for (size_t i = 0; i < 2 * sizeof(files) / sizeof(files[0]); i++) {
		const char *file = files[i / 2];
		char command[8192], *said;

		/* the sample's own statuses stand in for the product's: gen/status.h is its */
		snprintf(command, sizeof(command),
			 "cd '%s' && ln -sfn out gen && %s -std=c17 -D_GNU_SOURCE " WARNINGS
			 " -I. -I'%s/libcommon' -fsyntax-only -x c %s out/%s 2>&1",
			 folder, compilers[i % 2], root,
			 strstr(file, ".h") ? "-Wno-unused-macros -Wno-unknown-warning-option" : "",
			 file);
		if (run(command, &said) != 0)
			fail_msg("%s: %s", command, said);
		free(said);
	}
}

/* ---- C ---- */

static void statuses_have_their_kind_and_say_whether_to_retry(void **state)
{
	char *header = output("status.h"), *table = output("status.c");

	(void)state;
	assert_has(header, "enum st {\n\tST_OK = 0,\n\tST_NOT_FOUND,");
	assert_has(header,
		   "ST_INTERNAL, /* a fault of ours */\n\tST_THING_ODD, /* the thing is odd */\n"
		   "\tST_THING_BUSY, /* the thing is busy */\n\tST_COUNT,\n};");
	assert_has(table, "[ST_THING_ODD] = { \"thing_odd\", \"the thing is odd\", "
			  "ST_KIND_REFUSAL, 422, false },");
	assert_has(table, "[ST_THING_BUSY] = { \"thing_busy\", \"the thing is busy\", "
			  "ST_KIND_UNAVAILABLE, 409, true },");
	assert_has(
		table,
		"[ST_INTERNAL] = { \"internal\", \"a fault of ours\", ST_KIND_BUG, 500, false },");
	free(header);
	free(table);
}

static void calls_events_and_purposes_have_their_names(void **state)
{
	char *header = output("sample.h"), *source = output("sample.c"),
	     *contract = output("contract.c");
	char *library = output("common.c"), *silent = output("silent-one.c");

	(void)state;
	assert_has(header, "extern const struct proto_call CALL_SAMPLE_THING_PUT;");
	assert_has(header, "extern const struct proto_call CALL_SAMPLE_PING;");
	assert_has(header, "extern const struct proto_event EVT_SAMPLE_THING_MADE;");
	assert_has(header, "#define SAMPLE_ORDER_PURPOSE \"piopl/sample-order/v1\"");
	assert_has(source, "callers_SAMPLE_THING_PUT[] = { \"gateway\", \"silent-one\", NULL };");
	assert_has(
		source,
		"http_SAMPLE_THING_PUT = { \"POST\", \"/v1/things/{text}\", \"things:write\", 9, "
		"NULL, false };");
	assert_has(source, "\t.deadline_ms = 5000,\n\t.idempotent = true,\n\t.reads = false,\n");
	assert_has(source, "\t.deadline_ms = 2000,\n\t.idempotent = false,\n\t.reads = true,\n");
	assert_has(source, "\t.service = \"sample\",\n\t.type = \"sample.thing.made\",\n");
	assert_has(library, "CALL_PING = {\n\t.service = NULL,");
	assert_has(library, "EVT_PROOF_KEPT = {\n\t.service = NULL, /* any service's */\n\t.type = "
			    "\"proof.kept\",");
	assert_has(silent, "CALL_SILENT_ONE_PING = {\n\t.service = \"silent-one\",");
	assert_has(contract, "\t&CALL_SAMPLE_THING_FIND,\n\t&CALL_SAMPLE_PING,\n\t&CALL_SILENT_ONE_"
			     "PING,\n\tNULL,");
	assert_has(contract, "\t&EVT_PROOF_KEPT,\n\t&EVT_SAMPLE_THING_MADE,\n\tNULL,");
	assert_has(contract, "proto_services[] = { \"sample\", \"silent-one\", NULL };");
	assert_null(strstr(library, "EVT_HEAD"));
	free(header);
	free(source);
	free(contract);
	free(library);
	free(silent);
}

/* ---- permissions ---- */

static bool list_has(struct json *root, const char *identity, const char *list, const char *subject)
{
	struct json *entry = json_member(json_member(root, identity), list);

	assert_non_null(entry);
	for (const struct json *item = entry->first; item; item = item->next) {
		if (str_is(item->text, subject))
			return true;
	}
	return false;
}

/* [PLT-4] */
static void an_identity_may_do_what_the_contract_says_and_no_more(void **state)
{
	static const struct {
		const char *identity, *list, *subject;
		bool allowed;
	} cases[] = {
		{ "silent-one", "publish", "piopl.rpc.sample.thing_put.silent-one", true },
		{ "gateway", "publish", "piopl.rpc.sample.thing_put.gateway", true },
		{ "terminal", "publish", "piopl.rpc.sample.thing_put.terminal", false },
		{ "terminal", "publish", "piopl.rpc.sample.thing_find.terminal", true },
		{ "silent-one", "publish", "piopl.rpc.sample.thing_find.silent-one", false },
		{ "external", "publish", "piopl.rpc.sample.thing_put.external", false },
		{ "external", "publish", "piopl.rpc.*.ping.external", true },
		{ "sample", "publish", "piopl.rpc.*.ping.sample", true },
		{ "sample", "publish", "piopl.evt.sample.>", true },
		{ "sample", "publish", "piopl.head.sample", true },
		{ "sample", "publish", "piopl.evt.silent-one.>", false },
		{ "sample", "subscribe", "piopl.rpc.sample.>", true },
		{ "sample", "subscribe", "piopl.rpc.silent-one.>", false },
		{ "sample", "subscribe", "piopl.evt.>", true },
		{ "sample", "subscribe", "piopl.head.>", true },
		{ "sample", "subscribe", "_INBOX.sample.>", true },
		{ "sample", "subscribe", "_INBOX.>", false },
		{ "sample", "publish", "_INBOX.>", true },
		{ "sample", "publish", "$JS.API.STREAM.CREATE.PIOPL_EVT_SAMPLE", true },
		{ "sample", "publish", "$JS.API.STREAM.CREATE.PIOPL_EVT_SILENT_ONE", false },
		{ "silent-one", "publish", "$JS.API.STREAM.UPDATE.PIOPL_EVT_SILENT_ONE", true },
		{ "terminal", "publish", "_INBOX.>", false },
		{ "terminal", "publish", "piopl.evt.terminal.>", false },
		{ "terminal", "subscribe", "piopl.evt.>", true },
		{ "external", "publish", "$JS.API.CONSUMER.MSG.NEXT.PIOPL_EVT_SAMPLE.>", true },
		{ "external", "publish", "$JS.API.STREAM.CREATE.PIOPL_EVT_SAMPLE", false },
		{ "external", "publish", "$JS.ACK.PIOPL_EVT_SILENT_ONE.>", true },
		{ "terminal", "publish", "$JS.ACK.PIOPL_EVT_SAMPLE.>", false },
	};
	struct json *root = output_json("nats-permissions.json");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (list_has(root, cases[i].identity, cases[i].list, cases[i].subject) !=
		    cases[i].allowed)
			fail_msg("%s %s %s", cases[i].identity, cases[i].list, cases[i].subject);
	}
}

/* Nobody may publish a request under another's name: a subject's last token is its own. */
static void no_identity_may_call_under_another_name(void **state)
{
	struct json *root = output_json("nats-permissions.json");

	(void)state;
	for (const struct json *identity = root->first; identity; identity = identity->next) {
		const struct json *publish = json_member(identity, "publish");

		for (const struct json *item = publish->first; item; item = item->next) {
			const char *last = strrchr(item->text.data, '.');

			if (str_starts(item->text, "piopl.rpc."))
				assert_true(str_is(identity->name, last + 1));
			assert_false(str_is(item->text, ">") || str_is(item->text, "piopl.>"));
		}
	}
}

/* ---- documents ---- */

struct expectation {
	const char *pointer;
	const char *value; /* a string; "" something; NULL nothing */
};

static void check_document(const char *name, const struct expectation *expected, size_t count)
{
	struct json *root = output_json(name);

	for (size_t i = 0; i < count; i++) {
		const struct json *node = json_at(root, str_of(expected[i].pointer));

		if (!node != !expected[i].value)
			fail_msg("%s %s", expected[i].pointer, node ? "is there" : "is not there");
		if (node && expected[i].value[0] && !str_is(node->text, expected[i].value))
			fail_msg("%s is %.*s", expected[i].pointer, STR_ARG(node->text));
	}
}

static void openapi_has_every_route_and_splits_its_request(void **state)
{
	static const struct expectation expected[] = {
		{ "/openapi", "3.1.0" },
		{ "/paths/~1v1~1things~1{text}/post/operationId", "sample_thing_put" },
		{ "/paths/~1v1~1things~1{text}/post/security/0/bearer/0", "things:write" },
		{ "/paths/~1v1~1things~1{text}/post/parameters/0/name", "text" },
		{ "/paths/~1v1~1things~1{text}/post/parameters/0/in", "path" },
		{ "/paths/~1v1~1things~1{text}/post/parameters/1/name", "Idempotency-Key" },
		{ "/paths/~1v1~1things~1{text}/post/parameters/1/schema/maxLength", "255" },
		{ "/paths/~1v1~1things~1{text}/post/parameters/2", NULL },
		{ "/paths/~1v1~1things~1{text}/post/requestBody/content/application~1json/schema/"
		  "properties/shade",
		  "" },
		{ "/paths/~1v1~1things~1{text}/post/requestBody/content/application~1json/schema/"
		  "properties/text",
		  NULL },
		{ "/paths/~1v1~1things~1{text}/post/responses/422/description",
		  "thing_odd: the thing is odd" },
		{ "/paths/~1v1~1things~1{text}/post/responses/409/description",
		  "thing_busy: the thing is busy" },
		{ "/paths/~1v1~1things~1{text}/post/responses/404", "" },
		{ "/paths/~1v1~1things~1{text}/post/responses/default/content/"
		  "application~1problem+json/schema/$ref",
		  "#/components/schemas/Problem" },
		{ "/paths/~1v1~1things~1{text}/post/responses/200/content/application~1json/schema/"
		  "$ref",
		  "#/components/schemas/SampleThingReply" },
		{ "/paths/~1v1~1things/get/parameters/0/in", "query" },
		{ "/paths/~1v1~1things/get/parameters/2/name", "limit" },
		{ "/paths/~1v1~1things/get/requestBody", NULL },
		{ "/components/schemas/SamplePart/properties/next/$ref",
		  "#/components/schemas/SamplePart" },
		{ "/components/schemas/Money/x-money", NULL },
		{ "/components/schemas/SampleOrder", NULL },
	};

	(void)state;
	check_document("openapi.json", expected, sizeof(expected) / sizeof(expected[0]));
}

/* [PLT-5] */
static void the_expanded_asyncapi_stands_alone(void **state)
{
	static const struct expectation expected[] = {
		{ "/asyncapi", "3.0.0" },
		{ "/id", "urn:piopl:sample" },
		{ "/channels/thing_put/address", "piopl.rpc.sample.thing_put.{caller}" },
		{ "/channels/thing_put/messages/request/payload/$ref",
		  "#/components/schemas/SampleThing" },
		{ "/channels/thing_put/messages/reply", NULL },
		{ "/channels/thing_put_reply/messages/reply/payload/$ref",
		  "#/components/schemas/SampleThingReply" },
		{ "/channels/thing_put_reply/messages/problem/payload/$ref",
		  "#/components/schemas/Problem" },
		{ "/operations/thing_put/reply/channel/$ref", "#/channels/thing_put_reply" },
		{ "/operations/thing_put/x-callers/1", "silent-one" },
		{ "/channels/ping/address", "piopl.rpc.sample.ping.{caller}" },
		{ "/channels/proof_kept/address", "piopl.evt.sample.proof.kept" },
		{ "/channels/head/address", "piopl.head.sample" },
		{ "/channels/head/messages/event/headers", NULL },
		{ "/channels/thing_made/x-stream", "PIOPL_EVT_SAMPLE" },
		{ "/channels/thing_made/messages/event/name", "piopl.sample.thing.made" },
		{ "/channels/thing_made/messages/event/headers/$ref",
		  "#/components/schemas/EventHeaders" },
		{ "/components/schemas/EventHeaders/properties/ce-signature", "" },
		{ "/components/schemas/SampleThing/properties/wide/pattern",
		  "^(0|-?[1-9][0-9]{0,18})$" },
		{ "/components/schemas/SampleThing/properties/o_wide/pattern", "^[0-9]+$" },
		{ "/components/schemas/SampleThing/properties/any/x-any", NULL },
	};
	static const struct expectation silent[] = {
		{ "/channels/ping/address", "piopl.rpc.silent-one.ping.{caller}" },
		{ "/channels/proof_kept/x-stream", "PIOPL_EVT_SILENT_ONE" },
	};

	(void)state;
	check_document("asyncapi/sample.json", expected, sizeof(expected) / sizeof(expected[0]));
	check_document("asyncapi/silent-one.json", silent, sizeof(silent) / sizeof(silent[0]));
}

static void the_reference_shows_limits_refusals_and_examples(void **state)
{
	char *page = read_in(folder, "docs/sample.md"), *index = read_in(folder, "docs/README.md");

	(void)state;
	assert_has(page, "| `text` | string | yes | 2 to 4 characters | Two to four characters. |");
	assert_has(page, "| `count` | integer | yes | -5 to 9 |");
	assert_has(page, "| `flag` | boolean | yes | always true |");
	assert_has(page, "| `shade` | one of | yes | `dark` `light-grey` `2.5` |");
	assert_has(page, "| `price` | [Money](common.md#money) | yes |");
	assert_has(page, "| `o_part` | [Part](#part) |  | | An optional part. |");
	assert_has(page, "| `list` | array of string | yes | 1 to 3 items each once each: at most "
			 "8 characters |");
	assert_has(page, "| `limit` | integer |  | 1 to 100 default `10` |");
	assert_has(page, "At most 4096 bytes.");
	assert_has(page, "Signed as `piopl/sample-order/v1`.");
	assert_has(page, "- refusal `thing_odd`: the thing is odd");
	assert_has(page, "- HTTP: `POST /v1/things/{text}`, scope `things:write`");
	assert_has(page, "| `thing_busy` | unavailable | 409 | the thing is busy |");
	assert_has(index, "- [Silent service](silent-one.md): Has only what every service has.");
	free(page);
	free(index);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_whose_content_did_not_change_are_not_written_again),
		cmocka_unit_test(the_order_of_the_files_changes_nothing),
		cmocka_unit_test(generated_headers_and_sources_compile_by_themselves),
		cmocka_unit_test(statuses_have_their_kind_and_say_whether_to_retry),
		cmocka_unit_test(calls_events_and_purposes_have_their_names),
		cmocka_unit_test(an_identity_may_do_what_the_contract_says_and_no_more),
		cmocka_unit_test(no_identity_may_call_under_another_name),
		cmocka_unit_test(openapi_has_every_route_and_splits_its_request),
		cmocka_unit_test(the_expanded_asyncapi_stands_alone),
		cmocka_unit_test(the_reference_shows_limits_refusals_and_examples),
	};

	return cmocka_run_group_tests(tests, make_sample, remove_sample);
}
