/* The codec, over a contract that has every form (tests/unit/proto/sample). Its generated code is
 * included, not linked: its names are the sample's own. [PLT-2] [PLT-3] */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "gen-sample/common.c"
#include "gen-sample/sample.c"

#define ARENA_BYTES_MAX (1 << 20)

static struct arena arena;

#define PART_REQUIRED                                                                              \
	"\"text\":\"ab\",\"shade\":\"light-grey\",\"at\":\"2026-03-01T12:00:00.005Z\","            \
	"\"wide\":\"-9223372036854775808\",\"count\":-5,\"ratio\":0.25,\"flag\":true,"             \
	"\"list\":[\"x\",\"\"],\"part\":{\"name\":\"p\"},"                                         \
	"\"price\":{\"amount\":\"-12.345678\",\"currency\":\"GBP\"},\"notes\":{\"k\":\"v\"},"      \
	"\"any\":[null,{\"deep\":[1.5,\"s\"]}]"
#define PART_OPTIONAL                                                                              \
	"\"o_text\":\"\",\"o_key\":\"k_00ff\",\"o_shade\":\"b\",\"o_const\":\"always\","           \
	"\"o_at\":\"1970-01-01T00:00:00.000Z\",\"o_wide\":\"9223372036854775807\",\"o_count\":0,"  \
	"\"o_ratio\":-1e+300,\"o_flag\":false,\"o_list\":[],"                                      \
	"\"o_part\":{\"name\":\"a\",\"next\":{\"name\":\"b\",\"next\":{\"name\":\"c\"}}},"         \
	"\"o_price\":{\"amount\":\"0\",\"currency\":\"USD\"},\"o_notes\":{},\"o_any\":0,"          \
	"\"numbers\":[3,1,2],\"ratios\":[0.5,1],\"wides\":[\"1\",\"2\"],\"shades\":[\"2.5\","      \
	"\"dark\"],"                                                                               \
	"\"flags\":[true,false],\"times\":[\"2026-03-01T12:00:00.000Z\"],"                         \
	"\"prices\":[{\"amount\":\"1\",\"currency\":\"GBP\"}],\"anys\":[1,\"two\",{}],"            \
	"\"maps\":[{\"a\":\"1\"},{}]"
#define THING_LEAST "{" PART_REQUIRED "}"
#define THING_FULL "{" PART_REQUIRED "," PART_OPTIONAL "}"

static enum st decode_thing(const char *text, struct sample_thing *ret, struct problem *problem)
{
	return proto_decode(&sample_thing_type, str_of(text), PROTO_UNKNOWN_REFUSED, &arena, ret,
			    problem);
}

static void a_full_and_a_least_message_round_trip(void **state)
{
	static const char *const texts[] = { THING_FULL, THING_LEAST };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct problem problem = { 0 };
		struct sample_thing thing;
		struct str out;

		arena_reset(&arena);
		if (decode_thing(texts[i], &thing, &problem) != ST_OK)
			fail_msg("%s: %s (%s)", problem.pointer, problem.detail, problem.hint);
		assert_int_equal(proto_encode(&sample_thing_type, &thing, &arena, &out), ST_OK);
		assert_string_equal(out.data, texts[i]);
	}
}

static void decoded_values_are_where_the_struct_says(void **state)
{
	struct problem problem;
	struct sample_thing t;

	(void)state;
	assert_int_equal(decode_thing(THING_FULL, &t, &problem), ST_OK);
	assert_string_equal(t.text.data, "ab");
	assert_int_equal(t.shade, SAMPLE_SHADE_LIGHT_GREY);
	assert_int_equal(t.at_ms, 1772366400005);
	assert_int_equal(t.wide, INT64_MIN);
	assert_int_equal(t.count, -5);
	assert_true(t.ratio >= 0.25 && t.ratio <= 0.25);
	assert_true(t.flag);
	assert_int_equal(t.list.count, 2);
	assert_string_equal(t.list.items[0].data, "x");
	assert_string_equal(t.part.name.data, "p");
	assert_null(t.part.next);
	assert_int_equal(t.price.micros, -12345678);
	assert_string_equal(t.price.currency, "GBP");
	assert_int_equal(t.notes.count, 1);
	assert_string_equal(t.notes.items[0].name.data, "k");
	assert_int_equal(t.any->count, 2);
	assert_non_null(t.o_text.data);
	assert_int_equal(t.o_shade, SAMPLE_THING_O_SHADE_B);
	assert_true(t.has_o_at_ms && t.o_at_ms == 0);
	assert_true(t.has_o_list && t.o_list.count == 0);
	assert_string_equal(t.o_part->next->next->name.data, "c");
	assert_int_equal(t.shades.items[0], SAMPLE_SHADE_2_5);
	assert_int_equal(t.maps.items[1].count, 0);
}

static void absent_members_are_zero_and_have_no_flag(void **state)
{
	struct problem problem;
	struct sample_thing t;

	(void)state;
	memset(&t, 0xff, sizeof(t));
	assert_int_equal(decode_thing(THING_LEAST, &t, &problem), ST_OK);
	assert_null(t.o_text.data);
	assert_int_equal(t.o_shade, SAMPLE_THING_O_SHADE_NONE);
	assert_false(t.has_o_at_ms || t.has_o_wide || t.has_o_count || t.has_o_ratio ||
		     t.has_o_flag);
	assert_false(t.has_o_list || t.has_o_price || t.has_o_notes || t.has_numbers || t.has_maps);
	assert_null(t.o_part);
	assert_null(t.o_any);
}

/* ---- refusals ---- */

struct refusal {
	const char *find; /* in the full message */
	const char *replace;
	const char *pointer;
	const char *detail;
	const char *hint;
};

static const struct refusal refusals[] = {
	/* members */
	{ "\"text\":\"ab\",", "", "/text", "the member \"text\" is missing", "give a string" },
	{ "\"text\":\"ab\"", "\"odd\":1,\"text\":\"ab\"", "/odd", "there is no member \"odd\" here",
	  "members: \"text\", \"shade\"" },
	{ "\"text\":\"ab\"", "\"a/b~c\":1", "/a~1b~0c", "there is no member \"a/b~c\" here", NULL },
	{ "{\"name\":\"c\"}", "{\"nam\":\"c\"}", "/o_part/next/next/nam",
	  "there is no member \"nam\" here", "members: \"name\", \"next\"" },
	{ "{\"name\":\"c\"}", "{}", "/o_part/next/next/name", "the member \"name\" is missing",
	  "give a string" },
	/* kinds */
	{ "\"text\":\"ab\"", "\"text\":5", "/text", "a number is not a string", "give a string" },
	{ "\"text\":\"ab\"", "\"text\":null", "/text", "null is not a string",
	  "leave the member out, or give a string" },
	{ "\"count\":-5", "\"count\":\"-5\"", "/count", "a string is not a whole number",
	  "give a whole number" },
	{ "\"count\":-5", "\"count\":1.5", "/count", "a number is not a whole number",
	  "give a whole number" },
	{ "\"flag\":true", "\"flag\":1", "/flag", "a number is not true or false",
	  "give true or false" },
	{ "\"ratio\":0.25", "\"ratio\":{}", "/ratio", "an object is not a number",
	  "give a number" },
	{ "\"list\":[\"x\",\"\"]", "\"list\":{}", "/list", "an object is not an array",
	  "give an array" },
	{ "\"part\":{\"name\":\"p\"}", "\"part\":[]", "/part", "an array is not an object",
	  "give an object" },
	{ "\"notes\":{\"k\":\"v\"}", "\"notes\":true", "/notes",
	  "a boolean is not an object of strings", NULL },
	{ "\"wide\":\"-9223372036854775808\"", "\"wide\":5", "/wide",
	  "a number is not an integer as a string", NULL },
	{ "[\"x\",\"\"]", "[\"x\",5]", "/list/1", "a number is not a string", "give a string" },
	{ "\"notes\":{\"k\":\"v\"}", "\"notes\":{\"k/\":5}", "/notes/k~1",
	  "a number is not a string", NULL },
	/* text */
	{ "\"text\":\"ab\"", "\"text\":\"a\"", "/text", "1 characters are too few",
	  "2 to 4 characters" },
	{ "\"text\":\"ab\"", "\"text\":\"\xc3\xa9\"", "/text", "1 characters are too few",
	  "2 to 4 characters" },
	{ "\"text\":\"ab\"", "\"text\":\"abcde\"", "/text", "5 characters are too many",
	  "2 to 4 characters" },
	{ "\"text\":\"ab\"", "\"text\":\"ab\\u0000\"", "/text",
	  "the text holds the character U+0000", "text without U+0000" },
	{ "\"notes\":{\"k\":", "\"notes\":{\"k\\u0000\":", NULL,
	  "the text holds the character U+0000", NULL },
	{ "\"deep\":[1.5,\"s\"]", "\"deep\":[1.5,\"\\u0000\"]", "/any/1/deep/1",
	  "the text holds the character U+0000", NULL },
	{ "\"k_00ff\"", "\"k_00fg\"", "/o_key", "\"k_00fg\" does not have the form asked for",
	  "text that matches ^k_[0-9a-f]{4}$" },
	{ "\"k_00ff\"", "\"k_00f\"", "/o_key", "\"k_00f\" does not have the form asked for", NULL },
	{ "\"k_00ff\"", "\"k_000\\n\"", "/o_key", NULL, NULL },
	{ "\"shade\":\"light-grey\"", "\"shade\":\"light\"", "/shade",
	  "\"light\" is not among the values accepted",
	  "one of \"dark\", \"light-grey\", \"2.5\"" },
	{ "\"shade\":\"light-grey\"", "\"shade\":\"\"", "/shade",
	  "\"\" is not among the values accepted", NULL },
	{ "\"always\"", "\"never\"", "/o_const", "\"never\" is not among the values accepted",
	  "one of \"always\"" },
	/* formats */
	{ "2026-03-01T12:00:00.005Z", "2026-02-30T12:00:00.005Z", "/at",
	  "\"2026-02-30T12:00:00.005Z\" is not a time",
	  "RFC 3339 in UTC, like 2026-03-01T12:00:00.000Z" },
	{ "2026-03-01T12:00:00.005Z", "2026-03-01T12:00:00.005+00:00", "/at", NULL, NULL },
	{ "-9223372036854775808", "-9223372036854775809", "/wide",
	  "\"-9223372036854775809\" is not a decimal integer of 64 bits",
	  "digits without leading zeros, like \"42\"" },
	{ "-9223372036854775808", "01", "/wide", "\"01\" is not a decimal integer of 64 bits",
	  NULL },
	{ "-9223372036854775808", "", "/wide", "\"\" is not a decimal integer of 64 bits", NULL },
	{ "\"9223372036854775807\"", "\"-1\"", "/o_wide", "\"-1\" does not have the form asked for",
	  "text that matches ^[0-9]+$" },
	/* numbers */
	{ "\"count\":-5", "\"count\":-6", "/count", "-6 is out of range",
	  "a whole number from -5 to 9" },
	{ "\"count\":-5", "\"count\":10", "/count", "10 is out of range",
	  "a whole number from -5 to 9" },
	{ "\"o_count\":0", "\"o_count\":9007199254740992", "/o_count",
	  "9007199254740992 is out of range",
	  "a whole number from -9007199254740991 to 9007199254740991" },
	{ "\"ratio\":0.25", "\"ratio\":0", "/ratio", "0 is out of range", NULL },
	{ "\"ratio\":0.25", "\"ratio\":1.0000001", "/ratio", "1.0000001 is out of range", NULL },
	{ "\"flag\":true", "\"flag\":false", "/flag", "false is not accepted here", "only true" },
	/* arrays and pairs */
	{ "[\"x\",\"\"]", "[]", "/list", "0 items are too few", "1 to 3 items" },
	{ "[\"x\",\"\"]", "[\"1\",\"2\",\"3\",\"4\"]", "/list", "4 items are too many",
	  "1 to 3 items" },
	{ "[\"x\",\"\"]", "[\"a\",\"b\",\"a\"]", "/list/2",
	  "the same item stands earlier in the array", "each item once" },
	{ "[3,1,2]", "[3,1,3]", "/numbers/2", "the same item stands earlier in the array", NULL },
	{ "[0.5,1]", "[0.5,5e-1]", "/ratios/1", "the same item stands earlier in the array", NULL },
	{ "[\"1\",\"2\"]", "[\"2\",\"2\"]", "/wides/1", "the same item stands earlier in the array",
	  NULL },
	{ "[\"2.5\",\"dark\"]", "[\"dark\",\"dark\"]", "/shades/1",
	  "the same item stands earlier in the array", NULL },
	{ "[true,false]", "[true,false,true]", "/flags/2",
	  "the same item stands earlier in the array", NULL },
	{ "\"notes\":{\"k\":\"v\"}", "\"notes\":{}", "/notes", "0 members are too few",
	  "1 to 2 members" },
	{ "\"notes\":{\"k\":\"v\"}", "\"notes\":{\"a\":\"\",\"b\":\"\",\"c\":\"\"}", "/notes",
	  "3 members are too many", "1 to 2 members" },
	{ "\"notes\":{\"k\":\"v\"}", "\"notes\":{\"k\":\"123456789\"}", "/notes/k",
	  "9 characters are too many", "0 to 8 characters" },
	/* money */
	{ "\"-12.345678\"", "\"-12.3456789\"", "/price",
	  "\"-12.3456789\" and \"GBP\" are no amount and currency", NULL },
	{ "\"-12.345678\"", "12.5", "/price", "the object is not an amount and a currency",
	  "{\"amount\": \"12.5\", \"currency\": \"GBP\"}" },
	{ "\"currency\":\"GBP\"},\"notes\"", "\"currency\":\"gbp\"},\"notes\"", "/price", NULL,
	  NULL },
	{ "\"currency\":\"GBP\"},\"notes\"", "\"currency\":\"GBP\",\"x\":1},\"notes\"", "/price",
	  "the object is not an amount and a currency", NULL },
};

static char *replaced(const char *find, const char *replace)
{
	const char *at = strstr(THING_FULL, find);
	char *out = calloc(1, sizeof(THING_FULL) + strlen(replace));

	if (!at)
		fail_msg("the full message has no %s", find);
	memcpy(out, THING_FULL, sizeof(THING_FULL) - 1 - strlen(at));
	strcat(out, replace);
	strcat(out, at + strlen(find));
	return out;
}

static void check_refusal(const struct refusal *refusal)
{
	char *text = replaced(refusal->find, refusal->replace);
	struct sample_thing thing, before;
	struct problem problem = { 0 };
	enum st st;

	arena_reset(&arena);
	memset(&thing, 0x5a, sizeof(thing));
	memcpy(&before, &thing, sizeof(thing));
	st = decode_thing(text, &thing, &problem);
	if (st != ST_MESSAGE_INVALID || problem.st != ST_MESSAGE_INVALID)
		fail_msg("%s: status %d, %s", refusal->replace, st, problem.detail);
	if (refusal->pointer)
		assert_string_equal(problem.pointer, refusal->pointer);
	if (refusal->detail)
		assert_string_equal(problem.detail, refusal->detail);
	if (refusal->hint && strncmp(problem.hint, refusal->hint, strlen(refusal->hint)) != 0)
		fail_msg("%s: hint \"%s\"", refusal->replace, problem.hint);
	assert_true(problem.hint[0]);
	assert_memory_equal(&thing, &before, sizeof(thing));
	free(text);
}

static void each_refusal_names_its_place_and_what_would_pass(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		check_refusal(&refusals[i]);
}

static void a_refusal_needs_no_problem_to_write_to(void **state)
{
	struct sample_thing thing;

	(void)state;
	assert_int_equal(decode_thing("{}", &thing, NULL), ST_MESSAGE_INVALID);
	assert_int_equal(decode_thing("{", &thing, NULL), ST_JSON_INVALID);
}

static void a_message_that_is_no_object_is_refused_at_its_root(void **state)
{
	struct problem problem = { 0 };
	struct sample_thing thing;

	(void)state;
	assert_int_equal(decode_thing("[]", &thing, &problem), ST_MESSAGE_INVALID);
	assert_string_equal(problem.pointer, "");
	assert_string_equal(problem.detail, "an array is not an object");
	assert_int_equal(decode_thing("{\"a\":1,\"a\":1}", &thing, &problem), ST_JSON_INVALID);
}

static void a_long_pointer_is_cut_between_characters(void **state)
{
	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		char text[1024];
		struct problem problem = { 0 };
		struct sample_part part;

		snprintf(text, sizeof(text), "{\"%.*s", (int)shift, "abc");
		for (size_t i = 0; i < 100; i++)
			strcat(text, "\xf0\x9f\x98\x80");
		strcat(text, "\":1}");
		assert_int_equal(proto_decode(&sample_part_type, str_of(text),
					      PROTO_UNKNOWN_REFUSED, &arena, &part, &problem),
				 ST_MESSAGE_INVALID);
		assert_in_range(strlen(problem.pointer), sizeof(problem.pointer) - 4,
				sizeof(problem.pointer) - 1);
		assert_true(str_is_utf8(str_of(problem.pointer)));
		assert_true(str_is_utf8(str_of(problem.detail)));
	}
}

/* ---- limits ---- */

static enum st decode_text(const char *find, const char *replace)
{
	char *text = replaced(find, replace);
	struct sample_thing thing;
	enum st st;

	arena_reset(&arena);
	st = decode_thing(text, &thing, NULL);
	free(text);
	return st;
}

static void values_at_their_limits_are_accepted(void **state)
{
	static const char *const accepted[][2] = {
		{ "\"text\":\"ab\"", "\"text\":\"abcd\"" },
		{ "\"text\":\"ab\"",
		  "\"text\":\"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\"" },
		{ "\"count\":-5", "\"count\":9" },
		{ "\"count\":-5", "\"count\":-5.0" },
		{ "\"count\":-5", "\"count\":9e0" },
		{ "\"o_count\":0", "\"o_count\":9007199254740991" },
		{ "\"o_count\":0", "\"o_count\":-9007199254740991" },
		{ "\"ratio\":0.25", "\"ratio\":1" },
		{ "\"ratio\":0.25", "\"ratio\":5e-324" },
		{ "[\"x\",\"\"]", "[\"1\"]" },
		{ "[\"x\",\"\"]", "[\"1\",\"2\",\"3\"]" },
		{ "\"notes\":{\"k\":\"v\"}", "\"notes\":{\"a\":\"12345678\",\"b\":\"\"}" },
		{ "2026-03-01T12:00:00.005Z", "9999-12-31T23:59:59.999Z" },
		{ "-9223372036854775808", "9223372036854775807" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		if (decode_text(accepted[i][0], accepted[i][1]) != ST_OK)
			fail_msg("%s", accepted[i][1]);
	}
}

static void a_message_may_have_its_limit_of_bytes_and_not_one_more(void **state)
{
	char text[4098];
	struct problem problem = { 0 };
	struct sample_thing thing;
	size_t size = strlen(THING_LEAST);

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, THING_LEAST, size);
	assert_int_equal(proto_decode(&sample_thing_type, (struct str){ text, 4096 },
				      PROTO_UNKNOWN_REFUSED, &arena, &thing, &problem),
			 ST_OK);
	assert_int_equal(proto_decode(&sample_thing_type, (struct str){ text, 4097 },
				      PROTO_UNKNOWN_REFUSED, &arena, &thing, &problem),
			 ST_MESSAGE_TOO_LARGE);
	assert_string_equal(problem.detail, "the message has 4097 bytes");
	assert_string_equal(problem.hint, "at most 4096 bytes");
}

static void a_name_in_pairs_has_at_most_its_limit_of_characters(void **state)
{
	char name[PROTO_PAIR_NAME_CHARS_MAX + 2] = "";
	char replace[256];

	(void)state;
	memset(name, 'n', PROTO_PAIR_NAME_CHARS_MAX);
	snprintf(replace, sizeof(replace), "\"notes\":{\"%s\":\"v\"}", name);
	assert_int_equal(decode_text("\"notes\":{\"k\":\"v\"}", replace), ST_OK);
	name[PROTO_PAIR_NAME_CHARS_MAX] = 'n';
	snprintf(replace, sizeof(replace), "\"notes\":{\"%s\":\"v\"}", name);
	assert_int_equal(decode_text("\"notes\":{\"k\":\"v\"}", replace), ST_MESSAGE_INVALID);
}

/* An event's sender may be newer: what is not known is skipped, what is known is still checked. */
static void unknown_members_are_ignored_where_the_reader_says_so(void **state)
{
	static const char text[] =
		"{\"new\":{\"a\":[1]},\"text\":\"t\",\"part\":{\"name\":\"p\",\"new\":1}}";
	static const char wrong[] = "{\"new\":1,\"text\":\"t\",\"part\":{\"name\":1}}";
	struct sample_thing_reply reply;
	struct problem problem;

	(void)state;
	assert_int_equal(proto_decode(&sample_thing_reply_type, STR(text), PROTO_UNKNOWN_IGNORED,
				      &arena, &reply, &problem),
			 ST_OK);
	assert_string_equal(reply.part->name.data, "p");
	assert_int_equal(proto_decode(&sample_thing_reply_type, STR(text), PROTO_UNKNOWN_REFUSED,
				      &arena, &reply, &problem),
			 ST_MESSAGE_INVALID);
	assert_string_equal(problem.pointer, "/new");
	assert_int_equal(proto_decode(&sample_thing_reply_type, STR(wrong), PROTO_UNKNOWN_IGNORED,
				      &arena, &reply, &problem),
			 ST_MESSAGE_INVALID);
	assert_string_equal(problem.pointer, "/part/name");
}

static void members_in_any_order_are_found(void **state)
{
	struct sample_find_request request;
	struct problem problem;

	(void)state;
	assert_int_equal(proto_decode(&sample_find_request_type,
				      STR("{\"limit\":7,\"keys\":[\"k_0000\"],\"shade\":\"dark\"}"),
				      PROTO_UNKNOWN_REFUSED, &arena, &request, &problem),
			 ST_OK);
	assert_int_equal(request.limit, 7);
	assert_int_equal(request.keys.count, 1);
	assert_int_equal(request.shade, SAMPLE_SHADE_DARK);
}

static void an_empty_schema_decodes_and_encodes(void **state)
{
	struct common_empty empty;
	struct str out;

	(void)state;
	assert_int_equal(proto_decode(&common_empty_type, STR("{}"), PROTO_UNKNOWN_REFUSED, &arena,
				      &empty, NULL),
			 ST_OK);
	assert_int_equal(proto_encode(&common_empty_type, &empty, &arena, &out), ST_OK);
	assert_string_equal(out.data, "{}");
}

static void built_nodes_with_a_name_twice_are_refused(void **state)
{
	struct json second = { .kind = JSON_STRING, .text = STR("a"), .name = STR("name") };
	struct json first = {
		.kind = JSON_STRING, .text = STR("a"), .name = STR("name"), .next = &second
	};
	const struct json object = {
		.kind = JSON_OBJECT, .first = &first, .last = &second, .count = 2
	};
	struct problem problem = { 0 };
	struct sample_part part;

	(void)state;
	assert_int_equal(proto_decode_node(&sample_part_type, &object, PROTO_UNKNOWN_REFUSED,
					   &arena, &part, &problem),
			 ST_MESSAGE_INVALID);
	assert_string_equal(problem.detail, "the member \"name\" stands twice");
}

/* With every cap too small the answer is a refusal and nothing is written; then it works. */
static void a_full_arena_is_a_refusal_at_every_step(void **state)
{
	size_t cap = 16;
	enum st st = ST_TOO_LARGE;

	(void)state;
	for (; st != ST_OK && cap < ARENA_BYTES_MAX; cap += 16) {
		struct sample_thing thing;
		struct problem problem = { 0 };
		struct arena small;

		arena_init(&small, cap);
		memset(&thing, 0x5a, sizeof(thing));
		st = proto_decode(&sample_thing_type, STR(THING_FULL), PROTO_UNKNOWN_REFUSED,
				  &small, &thing, &problem);
		if (st != ST_OK) {
			assert_int_equal(st, ST_TOO_LARGE);
			assert_int_equal(problem.st, ST_TOO_LARGE);
			assert_int_equal(*(unsigned char *)&thing, 0x5a);
		}
		arena_free(&small);
	}
	assert_int_equal(st, ST_OK);
	assert_true(cap > 1024);
}

/* ---- encoding ---- */

static void break_text_absent(struct sample_thing *t)
{
	t->text.data = NULL;
}
static void break_text_short(struct sample_thing *t)
{
	t->text = STR("a");
}
static void break_text_long(struct sample_thing *t)
{
	t->text = STR("abcde");
}
static void break_text_nul(struct sample_thing *t)
{
	t->text = STR("a\0b");
}
static void break_text_not_utf8(struct sample_thing *t)
{
	t->text = STR("a\xff");
}
static void break_pattern(struct sample_thing *t)
{
	t->o_key = STR("k_00f");
}
static void break_enum_absent(struct sample_thing *t)
{
	t->shade = SAMPLE_SHADE_NONE;
}
static void break_enum_past(struct sample_thing *t)
{
	t->shade = (enum sample_shade)4;
}
static void break_time_negative(struct sample_thing *t)
{
	t->at_ms = -1;
}
static void break_time_late(struct sample_thing *t)
{
	t->at_ms = INT64_MAX;
}
static void break_wide(struct sample_thing *t)
{
	t->o_wide = -1;
}
static void break_count(struct sample_thing *t)
{
	t->count = 10;
}
static void break_wider_than_53_bits(struct sample_thing *t)
{
	t->o_count = INT64_C(9007199254740992);
}
static void break_ratio(struct sample_thing *t)
{
	t->ratio = 0;
}
static void break_nan(struct sample_thing *t)
{
	t->o_ratio = NAN;
}
static void break_flag(struct sample_thing *t)
{
	t->flag = false;
}
static void break_list_empty(struct sample_thing *t)
{
	t->list.count = 0;
}
static void break_list_long(struct sample_thing *t)
{
	t->list.count = 4;
}
static void break_list_null(struct sample_thing *t)
{
	t->list.items = NULL;
}
static void break_part(struct sample_thing *t)
{
	t->part.name = STR("");
}
static void break_part_deep(struct sample_thing *t)
{
	t->o_part->next->next->name.data = NULL;
}
static void break_currency(struct sample_thing *t)
{
	memcpy(t->price.currency, "gbp", 4);
}
static void break_currency_open(struct sample_thing *t)
{
	memcpy(t->price.currency, "GBPX", 4);
}
static void break_notes(struct sample_thing *t)
{
	t->notes.count = 0;
}
static void break_note_value(struct sample_thing *t)
{
	t->notes.items[0].value = STR("123456789");
}
static void break_note_name(struct sample_thing *t)
{
	t->notes.items[0].name.data = NULL;
}
static void break_note_name_long(struct sample_thing *t)
{
	static const char name[PROTO_PAIR_NAME_CHARS_MAX + 2] = {
		[0 ... PROTO_PAIR_NAME_CHARS_MAX] = 'n'
	};

	t->notes.items[0].name = str_of(name);
}
static void break_any(struct sample_thing *t)
{
	t->any = NULL;
}

static void a_struct_that_breaks_its_schema_is_not_encoded(void **state)
{
	static void (*const breaks[])(struct sample_thing *) = {
		break_text_absent,
		break_text_short,
		break_text_long,
		break_text_nul,
		break_text_not_utf8,
		break_pattern,
		break_enum_absent,
		break_enum_past,
		break_time_negative,
		break_time_late,
		break_wide,
		break_count,
		break_wider_than_53_bits,
		break_ratio,
		break_nan,
		break_flag,
		break_list_empty,
		break_list_long,
		break_list_null,
		break_part,
		break_part_deep,
		break_currency,
		break_currency_open,
		break_notes,
		break_note_value,
		break_note_name,
		break_note_name_long,
		break_any,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
		struct str out = STR("untouched");
		struct sample_thing thing;
		struct buf buf;

		arena_reset(&arena);
		assert_int_equal(decode_thing(THING_FULL, &thing, NULL), ST_OK);
		breaks[i](&thing);
		if (proto_encode(&sample_thing_type, &thing, &arena, &out) != ST_INTERNAL)
			fail_msg("break %zu was encoded as %s", i, out.data);
		assert_string_equal(out.data, "untouched");
		buf_init(&buf, &arena, 16);
		proto_encode_to(&sample_thing_type, &thing, &buf);
		assert_true(buf.failed);
	}
}

static void encoding_stops_at_the_limit_of_bytes(void **state)
{
	struct sample_thing thing;
	struct json *any;
	char filler[4096];
	struct str out;
	size_t size;

	(void)state;
	memset(filler, 'f', sizeof(filler));
	assert_int_equal(decode_thing(THING_LEAST, &thing, NULL), ST_OK);
	any = json_new_string(&arena, STR(""));
	thing.any = any;
	assert_int_equal(proto_encode(&sample_thing_type, &thing, &arena, &out), ST_OK);
	size = 4096 - out.size;
	any->text = (struct str){ filler, size };
	assert_int_equal(proto_encode(&sample_thing_type, &thing, &arena, &out), ST_OK);
	assert_int_equal(out.size, 4096);
	any->text.size++;
	assert_int_equal(proto_encode(&sample_thing_type, &thing, &arena, &out),
			 ST_MESSAGE_TOO_LARGE);
}

static void encoding_into_a_full_arena_is_a_refusal(void **state)
{
	struct sample_thing thing;
	struct arena small;
	struct str out;
	enum st st = ST_TOO_LARGE;

	(void)state;
	assert_int_equal(decode_thing(THING_FULL, &thing, NULL), ST_OK);
	for (size_t cap = 16; st != ST_OK && cap < ARENA_BYTES_MAX; cap += 64) {
		arena_init(&small, cap);
		st = proto_encode(&sample_thing_type, &thing, &small, &out);
		assert_true(st == ST_OK || st == ST_TOO_LARGE);
		arena_free(&small);
	}
	assert_int_equal(st, ST_OK);
}

static void encode_to_appends_to_what_is_there(void **state)
{
	const struct sample_part part = { .name = STR("p") };
	struct buf buf;

	(void)state;
	buf_init(&buf, &arena, 4);
	buf_add_c(&buf, "[");
	proto_encode_to(&sample_part_type, &part, &buf);
	buf_add_c(&buf, "]");
	assert_string_equal(buf_str(&buf).data, "[{\"name\":\"p\"}]");
}

/* Whatever stands at whatever place, the quick way and the plain writer say the same. */
static void text_is_escaped_wherever_the_odd_character_stands(void **state)
{
	static const char *const odd[] = { "\"", "\\",   "\n",       "\x1f", " ",
					   "~",  "\x7f", "\xc3\xa9", "\t" };

	(void)state;
	for (size_t size = 0; size < 24; size++) {
		for (size_t at = 0; at <= size; at++) {
			for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
				struct sample_thing_reply reply = { 0 };
				struct buf plain;
				char text[32];
				struct str out;

				arena_reset(&arena);
				memset(text, 'a', size);
				memcpy(text + at, odd[i], strlen(odd[i]) + 1);
				reply.text = str_of(text);
				assert_int_equal(proto_encode(&sample_thing_reply_type, &reply,
							      &arena, &out),
						 ST_OK);
				buf_init(&plain, &arena, 64);
				buf_add_c(&plain, "{\"text\":");
				json_write_string(&plain, reply.text);
				buf_add_c(&plain, "}");
				assert_string_equal(out.data, buf_str(&plain).data);
			}
		}
	}
}

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, ARENA_BYTES_MAX);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_and_a_least_message_round_trip),
		cmocka_unit_test(decoded_values_are_where_the_struct_says),
		cmocka_unit_test(absent_members_are_zero_and_have_no_flag),
		cmocka_unit_test(each_refusal_names_its_place_and_what_would_pass),
		cmocka_unit_test(a_refusal_needs_no_problem_to_write_to),
		cmocka_unit_test(a_message_that_is_no_object_is_refused_at_its_root),
		cmocka_unit_test(a_long_pointer_is_cut_between_characters),
		cmocka_unit_test(values_at_their_limits_are_accepted),
		cmocka_unit_test(a_message_may_have_its_limit_of_bytes_and_not_one_more),
		cmocka_unit_test(a_name_in_pairs_has_at_most_its_limit_of_characters),
		cmocka_unit_test(unknown_members_are_ignored_where_the_reader_says_so),
		cmocka_unit_test(members_in_any_order_are_found),
		cmocka_unit_test(an_empty_schema_decodes_and_encodes),
		cmocka_unit_test(built_nodes_with_a_name_twice_are_refused),
		cmocka_unit_test(a_full_arena_is_a_refusal_at_every_step),
		cmocka_unit_test(a_struct_that_breaks_its_schema_is_not_encoded),
		cmocka_unit_test(encoding_stops_at_the_limit_of_bytes),
		cmocka_unit_test(encoding_into_a_full_arena_is_a_refusal),
		cmocka_unit_test(encode_to_appends_to_what_is_there),
		cmocka_unit_test(text_is_escaped_wherever_the_odd_character_stands),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
