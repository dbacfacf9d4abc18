#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "json.h"

#define CAP ((size_t)64 * 1024 * 1024)

static struct arena arena;
static struct problem problem;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, CAP);
	memset(&problem, 0, sizeof(problem));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct json *parsed(struct str text)
{
	struct json *root = NULL;
	enum st st = json_parse(&arena, text, &root, &problem);

	if (st != ST_OK)
		fail_msg("%.200s: %s, %s", text.data, problem.pointer, problem.detail);
	return root;
}

static struct str written(const struct json *node)
{
	struct buf buf;

	buf_init(&buf, &arena, 64);
	json_write(&buf, node);
	return buf_str(&buf);
}

static struct str pretty(const struct json *node)
{
	struct buf buf;

	buf_init(&buf, &arena, 64);
	json_write_pretty(&buf, node);
	return buf_str(&buf);
}

static struct str canonical(struct str text)
{
	struct str ret = { 0 };

	assert_int_equal(json_canonical(&arena, text, &ret, &problem), ST_OK);
	return ret;
}

static void assert_str(struct str s, const char *expected)
{
	assert_non_null(s.data);
	assert_string_equal(s.data, expected);
	assert_int_equal(s.size, strlen(expected));
}

static void every_kind_is_read_as_what_it_is(void **state)
{
	struct json *root = parsed(STR(" {\"n\":null,\"t\":true,\"f\":false,\"i\":-12,\"d\":1.5,"
				       "\"s\":\"x\",\"a\":[1,[],{}],\"o\":{\"\":0}}\r\n\t"));

	(void)state;
	assert_int_equal(root->kind, JSON_OBJECT);
	assert_int_equal(root->count, 8);
	assert_int_equal(json_member(root, "n")->kind, JSON_NULL);
	assert_true(json_member(root, "t")->boolean);
	assert_false(json_member(root, "f")->boolean);
	assert_true(json_member(root, "i")->number == -12);
	assert_true(str_is(json_member(root, "i")->text, "-12"));
	assert_true(json_member(root, "d")->number == 1.5);
	assert_str(json_member(root, "s")->text, "x");
	assert_int_equal(json_member(root, "a")->count, 3);
	assert_null(json_member(root, "a")->first->name.data);
	assert_int_equal(json_member(root, "a")->offset_bytes, 58);
	assert_str(json_member(root, "o")->first->name, "");
	assert_null(json_member(root, "x"));
	assert_null(json_member(json_member(root, "a"), "n"));
	assert_null(json_member(NULL, "n"));
}

static void escapes_are_decoded_and_a_nul_inside_is_kept(void **state)
{
	struct json *root = parsed(STR(
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u0041\\u00fc\\u20ac\\ud83d\\ude00\\uFFFF\""));
	struct str expected =
		STR("\"\\/\b\f\n\r\t\0A\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbf");

	(void)state;
	assert_int_equal(root->text.size, expected.size);
	assert_memory_equal(root->text.data, expected.data, expected.size + 1);
}

static void nodes_do_not_need_the_text_any_more(void **state)
{
	char text[] = "{\"a\":[12,\"b\"]}";
	struct json *root = parsed(str_of(text));

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_str(written(root), "{\"a\":[12,\"b\"]}");
}

struct refusal {
	const char *text;
	const char *pointer;
	const char *detail;
};

static const struct refusal refusals[] = {
	{ "", "line 1, column 1", "found the end of the text where a value was expected" },
	{ " \n ", "line 2, column 2", "found the end of the text where a value was expected" },
	{ "\xef\xbb\xbf{}", "line 1, column 1",
	  "found \"\xef\xbb\xbf\" where a value was expected" },
	{ "nul", "line 1, column 1", "found \"n\" where a value was expected" },
	{ "True", "line 1, column 1", "found \"T\" where a value was expected" },
	{ "truex", "line 1, column 5", "found \"x\" where the end of the text was expected" },
	{ "NaN", "line 1, column 1", "found \"N\" where a value was expected" },
	{ "-Infinity", "line 1, column 2", "found \"I\" where a digit was expected" },
	{ "'a'", "line 1, column 1", "found \"'\" where a value was expected" },
	{ "// c\n1", "line 1, column 1", "found \"/\" where a value was expected" },
	{ "1 2", "line 1, column 3", "found \"2\" where the end of the text was expected" },
	{ "{}}", "line 1, column 3", "found \"}\" where the end of the text was expected" },
	{ "[", "line 1, column 2", "found the end of the text where a value was expected" },
	{ "[1", "line 1, column 3", "found the end of the text where \",\" or \"]\" was expected" },
	{ "[1,]", "line 1, column 4", "found \"]\" where a value was expected" },
	{ "[,1]", "line 1, column 2", "found \",\" where a value was expected" },
	{ "[1 2]", "line 1, column 4", "found \"2\" where \",\" or \"]\" was expected" },
	{ "[1}", "line 1, column 3", "found \"}\" where \",\" or \"]\" was expected" },
	{ "{", "line 1, column 2",
	  "found the end of the text where a member's name in quotes was expected" },
	{ "{a:1}", "line 1, column 2", "found \"a\" where a member's name in quotes was expected" },
	{ "{\"a\"}", "line 1, column 5", "found \"}\" where \":\" was expected" },
	{ "{\"a\":}", "line 1, column 6", "found \"}\" where a value was expected" },
	{ "{\"a\":1,}", "line 1, column 8",
	  "found \"}\" where a member's name in quotes was expected" },
	{ "{\"a\":1 \"b\":2}", "line 1, column 8",
	  "found \"\"\" where \",\" or \"}\" was expected" },
	{ "{\"a\":1]", "line 1, column 7", "found \"]\" where \",\" or \"}\" was expected" },
	{ "01", "line 1, column 1", "a number does not begin with a zero and a digit" },
	{ "-01", "line 1, column 1", "a number does not begin with a zero and a digit" },
	{ "+1", "line 1, column 1", "found \"+\" where a value was expected" },
	{ ".5", "line 1, column 1", "found \".\" where a value was expected" },
	{ "1.", "line 1, column 3", "found the end of the text where a digit was expected" },
	{ "1.e1", "line 1, column 3", "found \"e\" where a digit was expected" },
	{ "1e", "line 1, column 3", "found the end of the text where a digit was expected" },
	{ "1e+", "line 1, column 4", "found the end of the text where a digit was expected" },
	{ "-", "line 1, column 2", "found the end of the text where a digit was expected" },
	{ "0x1", "line 1, column 2", "found \"x\" where the end of the text was expected" },
	{ "1e309", "line 1, column 1", "the number is larger than a double can hold" },
	{ "[-1e999999999999]", "line 1, column 2", "the number is larger than a double can hold" },
	{ "\"a", "line 1, column 3",
	  "found the end of the text where the closing quote of a string was expected" },
	{ "\"a\nb\"", "line 1, column 3",
	  "found the byte 0x0a where its escaped form was expected" },
	{ "\"\x1f\"", "line 1, column 2",
	  "found the byte 0x1f where its escaped form was expected" },
	{ "\"\\x\"", "line 1, column 3",
	  "found \"x\" where one of \" \\ / b f n r t u was expected" },
	{ "\"\\", "line 1, column 3",
	  "found the end of the text where one of \" \\ / b f n r t u was expected" },
	{ "\"\\u12g4\"", "line 1, column 6", "found \"g\" where a hexadecimal digit was expected" },
	{ "\"\\u12", "line 1, column 6",
	  "found the end of the text where a hexadecimal digit was expected" },
	{ "\"\\ud800\"", "line 1, column 2", "the high surrogate has no low surrogate after it" },
	{ "\"\\ud800\\n\"", "line 1, column 2",
	  "the high surrogate has no low surrogate after it" },
	{ "\"\\ud800\\u0041\"", "line 1, column 2",
	  "the high surrogate has no low surrogate after it" },
	{ "\"\\udc00\\ud800\"", "line 1, column 2",
	  "the low surrogate has no high surrogate before it" },
	{ "\"\xff\"", "line 1, column 2", "found the byte 0xff where valid UTF-8 was expected" },
	{ "\"\xc0\xaf\"", "line 1, column 2",
	  "found the byte 0xc0 where valid UTF-8 was expected" },
	{ "\"\xed\xa0\x80\"", "line 1, column 2",
	  "found the byte 0xed where valid UTF-8 was expected" },
	{ "\"\xe2\x82", "line 1, column 2", "found the byte 0xe2 where valid UTF-8 was expected" },
	{ "{\"a\":1,\n \"a\":2}", "line 2, column 2", "the name \"a\" stands twice in one object" },
	{ "{\"a\":1,\"\\u0061\":2}", "line 1, column 8",
	  "the name \"a\" stands twice in one object" },
	{ "[{\"\":1,\"\":2}]", "line 1, column 8", "the name \"\" stands twice in one object" },
	{ "{\"\xc3\xbc\":x}", "line 1, column 6", "found \"x\" where a value was expected" },
	{ "[\v1]", "line 1, column 2", "found the byte 0x0b where a value was expected" },
};

static void a_refusal_says_what_was_found_what_was_expected_and_where(void **state)
{
	struct json *const untouched = (struct json *)&arena;

	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct json *root = untouched;

		assert_int_equal(json_parse(&arena, str_of(refusals[i].text), &root, &problem),
				 ST_JSON_INVALID);
		assert_string_equal(problem.detail, refusals[i].detail);
		assert_string_equal(problem.pointer, refusals[i].pointer);
		assert_ptr_equal(root, untouched);
		assert_int_equal(json_parse(&arena, str_of(refusals[i].text), &root, NULL),
				 ST_JSON_INVALID);
	}
}

static void a_nul_byte_is_not_the_end(void **state)
{
	static const struct str texts[] = { STR("1\0"), STR("[\0]"), STR("\"a\0b\""), STR("\0") };
	struct json *root;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(json_parse(&arena, texts[i], &root, &problem), ST_JSON_INVALID);
		assert_non_null(strstr(problem.detail, "the byte 0x00"));
	}
}

static struct str nested(size_t depth)
{
	struct buf buf;

	buf_init(&buf, &arena, 16);
	for (size_t i = 0; i < depth; i++)
		buf_add_c(&buf, i % 2 ? "[" : "{\"a\":");
	buf_add_c(&buf, "1");
	for (size_t i = depth; i-- > 0;)
		buf_add_c(&buf, i % 2 ? "]" : "}");
	return buf_str(&buf);
}

static void depth_is_allowed_at_its_limit_and_refused_past_it(void **state)
{
	struct json *root;
	struct str text = nested(JSON_DEPTH_MAX);

	(void)state;
	assert_str(written(parsed(text)), text.data);
	assert_int_equal(json_parse(&arena, nested(JSON_DEPTH_MAX + 1), &root, &problem),
			 ST_JSON_INVALID);
	assert_string_equal(problem.detail, "arrays and objects are nested deeper than 64 levels");
	/* Depth counts what is open at once, not how much was opened. */
	text = STR(
		"[[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],"
		"[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],"
		"[[]],[[]],[[]]]");
	assert_int_equal(parsed(text)->count, 35);
}

static void size_is_allowed_at_its_limit_and_refused_past_it(void **state)
{
	char *text = malloc(JSON_BYTES_MAX + 1);
	struct json *root;

	(void)state;
	memset(text, 'x', JSON_BYTES_MAX + 1);
	text[0] = text[JSON_BYTES_MAX - 1] = '"';
	root = parsed((struct str){ text, JSON_BYTES_MAX });
	assert_int_equal(root->text.size, JSON_BYTES_MAX - 2);
	text[JSON_BYTES_MAX - 1] = 'x';
	text[JSON_BYTES_MAX] = '"';
	assert_int_equal(
		json_parse(&arena, (struct str){ text, JSON_BYTES_MAX + 1 }, &root, &problem),
		ST_MESSAGE_TOO_LARGE);
	free(text);
}

static void a_full_arena_is_a_refusal_at_every_point(void **state)
{
	static const struct str text = STR("{\"a\":[1,2,{\"b\":\"\\n\"}],\"c\":1,\"d\":1,\"e\":1,"
					   "\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,"
					   "\"l\":1,\"m\":1,\"n\":1,\"o\":1}");
	size_t cap = 1;
	enum st st = ST_TOO_LARGE;

	(void)state;
	for (; st != ST_OK; cap += 7) {
		struct arena small;
		struct str ret = { 0 };

		assert_true(cap < 10000);
		arena_init(&small, cap);
		st = json_canonical(&small, text, &ret, &problem);
		assert_true(st == ST_OK || st == ST_TOO_LARGE);
		assert_true((st == ST_OK) == (ret.data != NULL));
		arena_free(&small);
	}
	assert_true(cap > 1000);
}

/* `count` names, all different but the last, which repeats the one at `twice` (or none). */
static enum st parse_with_duplicate(int count, int twice)
{
	struct json *root;
	struct buf buf;

	arena_reset(&arena);
	buf_init(&buf, &arena, 1024);
	for (int i = 0; i < count; i++)
		buf_printf(&buf, "%c\"n%d\":%d", i ? ',' : '{',
			   (i == count - 1 && twice >= 0 ? twice : i) * 7 % 61, i);
	buf_add_c(&buf, "}");
	return json_parse(&arena, buf_str(&buf), &root, &problem);
}

static void a_duplicate_is_found_among_few_and_among_many(void **state)
{
	(void)state;
	for (int count = 1; count < 60; count++) {
		char detail[64];

		assert_int_equal(parse_with_duplicate(count, -1), ST_OK);
		for (int twice = 0; twice < count - 1; twice++) {
			assert_int_equal(parse_with_duplicate(count, twice), ST_JSON_INVALID);
			snprintf(detail, sizeof(detail),
				 "the name \"n%d\" stands twice in one object", twice * 7 % 61);
			assert_string_equal(problem.detail, detail);
		}
	}
}

static void many_names_cost_no_more_than_sorting_them(void **state)
{
	struct buf buf;
	struct json *root;
	uint64_t started_ns;

	(void)state;
	buf_init(&buf, &arena, JSON_BYTES_MAX);
	for (int i = 0; i < 80000; i++)
		buf_printf(&buf, "%c\"%06d\":0", i ? ',' : '{', (i * 7919) % 80000);
	buf_add_c(&buf, "}");
	assert_true(buf_str(&buf).size < JSON_BYTES_MAX);
	started_ns = clock_mono_ns();
	root = parsed(buf_str(&buf));
	assert_int_equal(root->count, 80000);
	/* Milliseconds; comparing all with all takes more than ten seconds. */
	assert_true(clock_mono_ns() - started_ns < UINT64_C(4000000000));
}

static double from_bits(uint64_t bits)
{
	double number;

	memcpy(&number, &bits, sizeof(number));
	return number;
}

static struct str double_text(double number)
{
	struct buf buf;

	buf_init(&buf, &arena, 32);
	json_write_double(&buf, number);
	return buf_str(&buf);
}

/* RFC 8785, appendix B, and cases of the thresholds. */
static const struct {
	uint64_t bits;
	const char *text;
} doubles[] = {
	{ 0x0000000000000000, "0" },
	{ 0x8000000000000000, "0" },
	{ 0x0000000000000001, "5e-324" },
	{ 0x8000000000000001, "-5e-324" },
	{ 0x7fefffffffffffff, "1.7976931348623157e+308" },
	{ 0xffefffffffffffff, "-1.7976931348623157e+308" },
	{ 0x4340000000000000, "9007199254740992" },
	{ 0xc340000000000000, "-9007199254740992" },
	{ 0x4430000000000000, "295147905179352830000" },
	{ 0x44b52d02c7e14af5, "9.999999999999997e+22" },
	{ 0x44b52d02c7e14af6, "1e+23" },
	{ 0x44b52d02c7e14af7, "1.0000000000000001e+23" },
	{ 0x444b1ae4d6e2ef4e, "999999999999999700000" },
	{ 0x444b1ae4d6e2ef4f, "999999999999999900000" },
	{ 0x444b1ae4d6e2ef50, "1e+21" },
	{ 0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7" },
	{ 0x3eb0c6f7a0b5ed8d, "0.000001" },
	{ 0x41b3de4355555553, "333333333.3333332" },
	{ 0x41b3de4355555554, "333333333.33333325" },
	{ 0x41b3de4355555555, "333333333.3333333" },
	{ 0x41b3de4355555556, "333333333.3333334" },
	{ 0x41b3de4355555557, "333333333.33333343" },
	{ 0xbecbf647612f3696, "-0.0000033333333333333333" },
	{ 0x43143ff3c1cb0959, "1424953923781206.2" },
	/* 2^-44: the nearest 16 digits end in 1 and do not read back, those above them do */
	{ 0x3d30000000000000, "5.684341886080802e-14" },
	/* and where the 16 digits below end in a zero */
	{ 0x0e80000000000000, "7.678447687145631e-239" },
	{ 0xf5e0000000000000, "-6.150157786156811e+259" },
	{ 0x0010000000000000, "2.2250738585072014e-308" },
	{ 0x000fffffffffffff, "2.225073858507201e-308" },
	{ 0x3ff8000000000000, "1.5" },
	{ 0x3fb999999999999a, "0.1" },
	{ 0x3fd3333333333334, "0.30000000000000004" },
	{ 0x3e7ad7f29abcaf48, "1e-7" },
	{ 0x4415af1d78b58c40, "100000000000000000000" },
	{ 0x4340000000000001, "9007199254740994" },
	{ 0x4059000000000000, "100" },
	{ 0x405edd2f1a9fbe77, "123.456" },
};

static void numbers_are_written_as_ecmascript_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(doubles) / sizeof(doubles[0]); i++)
		assert_str(double_text(from_bits(doubles[i].bits)), doubles[i].text);
}

static uint64_t random_u64(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static size_t digit_count(const char *text)
{
	size_t count = 0, zeros = 0;

	for (; *text && *text != 'e'; text++) {
		if (*text < '0' || *text > '9' || (*text == '0' && count == 0))
			continue;
		zeros = *text == '0' ? zeros + 1 : 0;
		count++;
	}
	return count - zeros;
}

static void any_double_reads_back_and_has_the_fewest_digits(void **state)
{
	(void)state;
	for (int i = 0; i < 60000; i++) {
		double number = from_bits(random_u64());
		char shorter[40];
		struct str text;
		size_t digits;

		if (i % 4 == 0)
			number = (double)(int64_t)random_u64() / 1e6;
		if (i % 16 == 1)
			number = from_bits(random_u64() & 0x800fffffffffffff);
		if (i % 16 == 2)
			number = from_bits(random_u64() & 0xfff0000000000000);
		if (!isfinite(number))
			continue;
		arena_reset(&arena);
		text = double_text(number);
		assert_true(strtod(text.data, NULL) == number);
		assert_true(parsed(text)->number == number);
		digits = digit_count(text.data);
		if (digits < 2)
			continue;
		snprintf(shorter, sizeof(shorter), "%.*e", (int)digits - 2, number);
		assert_false(strtod(shorter, NULL) == number);
	}
}

static void reading_a_number_rounds_as_the_c_library_does(void **state)
{
	(void)state;
	for (int i = 0; i < 60000; i++) {
		char text[64];
		int places = (int)(random_u64() % 20);
		int shift = (int)(random_u64() >> 58);

		snprintf(text, sizeof(text), "%s%llu.%0*llue%d", i % 2 ? "-" : "",
			 (unsigned long long)(random_u64() >> shift), places + 1,
			 (unsigned long long)(random_u64() % 1000000),
			 (int)(random_u64() % 60) - 30);
		arena_reset(&arena);
		assert_true(parsed(str_of(text))->number == strtod(text, NULL));
	}
}

/* RFC 8785, 3.2.2 and 3.2.3. */
static void the_canonical_form_is_that_of_the_rfc(void **state)
{
	(void)state;
	assert_str(canonical(STR("{\"numbers\": [333333333.33333329, 1E30, 4.50, 2e-3, "
				 "0.000000000000000000000000001],\n\"string\": "
				 "\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\n"
				 "\"literals\": [null, true, false]}")),
		   "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,"
		   "1e-27],\"string\":\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
	assert_str(canonical(STR("{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\","
				 "\"\\ufb33\":\"Hebrew Letter Dalet With Dagesh\",\"1\":\"One\","
				 "\"\\ud83d\\ude00\":\"Emoji: Grinning Face\","
				 "\"\\u0080\":\"Control\","
				 "\"\\u00f6\":\"Latin Small Letter O With Diaeresis\"}")),
		   "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\","
		   "\"\xc3\xb6\":\"Latin Small Letter O With Diaeresis\","
		   "\"\xe2\x82\xac\":\"Euro Sign\","
		   "\"\xf0\x9f\x98\x80\":\"Emoji: Grinning Face\","
		   "\"\xef\xac\xb3\":\"Hebrew Letter Dalet With Dagesh\"}");
	assert_str(canonical(STR("{\"b\":{\"z\":1,\"a\":[{\"d\":-0,\"c\":1.0}]},\"a\":[]}")),
		   "{\"a\":[],\"b\":{\"a\":[{\"c\":1,\"d\":0}],\"z\":1}}");
	/* Above U+FFFF sorts before U+E000, whichever comes first in the text. */
	assert_str(canonical(STR("{\"\\ud83d\\ude00\":1,\"\\ue000\":2}")),
		   "{\"\xf0\x9f\x98\x80\":1,\"\xee\x80\x80\":2}");
	assert_str(canonical(STR("{\"\\uffff\":1,\"\\ud83d\\ude00\":2,\"\\ud7ff\":3}")),
		   "{\"\xed\x9f\xbf\":3,\"\xf0\x9f\x98\x80\":2,\"\xef\xbf\xbf\":1}");
	assert_str(canonical(STR("{\"aa\":1,\"a\":2,\"\":3}")), "{\"\":3,\"a\":2,\"aa\":1}");
}

static void writing_keeps_order_and_the_text_of_numbers(void **state)
{
	(void)state;
	assert_str(
		written(parsed(STR("{ \"b\" : 1.50 , \"a\" : [ 1E2, -0 , \"\\u001f\\u007f\" ] }"))),
		"{\"b\":1.50,\"a\":[1E2,-0,\"\\u001f\x7f\"]}");
	assert_str(pretty(parsed(STR("{\"b\":1,\"a\":[1,{}],\"c\":[]}"))),
		   "{\n  \"b\": 1,\n  \"a\": [\n    1,\n    {}\n  ],\n  \"c\": []\n}");
}

static struct json *random_tree(int depth)
{
	static const char *const texts[] = {
		"", "a", "\"\\\n", "\xc3\xbc", "\xf0\x9f\x98\x80", "~/"
	};
	uint64_t pick = random_u64();
	struct json *node;

	switch (pick % (depth > 0 ? 7 : 5)) {
	case 0:
		return json_new(&arena, JSON_NULL);
	case 1:
		return json_new_bool(&arena, pick & 1024);
	case 2:
		return json_new_number(&arena, (double)(int64_t)random_u64() / 1e9);
	case 3:
		return json_new_i64(&arena, (int64_t)random_u64());
	case 4:
		return json_new_string(&arena, str_of(texts[pick / 64 % 6]));
	case 5:
		node = json_new(&arena, JSON_ARRAY);
		for (uint64_t i = 0; i < pick / 64 % 5; i++)
			json_add(node, random_tree(depth - 1));
		return node;
	default:
		node = json_new(&arena, JSON_OBJECT);
		for (uint64_t i = 0; i < pick / 64 % 20; i++)
			json_set(&arena, node, texts[random_u64() % 6], random_tree(depth - 1));
		return node;
	}
}

static void what_is_written_reads_back_equal(void **state)
{
	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct json *tree, *again;
		struct str text, once;

		arena_reset(&arena);
		tree = random_tree(5);
		text = written(tree);
		again = parsed(text);
		assert_true(json_equal(tree, again));
		assert_true(json_equal(parsed(pretty(tree)), tree));
		assert_str(written(again), text.data);
		once = canonical(text);
		assert_true(json_equal(parsed(once), tree));
		assert_str(canonical(once), once.data);
		assert_str(canonical(pretty(tree)), once.data);
	}
}

static void equality_is_of_values(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} cases[] = {
		{ "1", "1.0", true },
		{ "100", "1e2", true },
		{ "0", "-0", true },
		{ "1", "\"1\"", false },
		{ "1", "2", false },
		{ "true", "false", false },
		{ "null", "null", true },
		{ "{\"a\":1,\"b\":[2]}", "{\"b\":[2],\"a\":1}", true },
		{ "{\"a\":1,\"b\":2}", "{\"a\":1,\"c\":2}", false },
		{ "{\"a\":1}", "{\"a\":1,\"b\":1}", false },
		{ "[1,2]", "[2,1]", false },
		{ "[1]", "[1,1]", false },
		{ "[]", "{}", false },
		{ "\"\\u0061\"", "\"a\"", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *a = parsed(str_of(cases[i].a)), *b = parsed(str_of(cases[i].b));

		assert_true(json_equal(a, b) == cases[i].equal);
		assert_true(json_equal(b, a) == cases[i].equal);
	}
	assert_true(json_equal(NULL, NULL));
	assert_false(json_equal(parsed(STR("1")), NULL));
}

static void integers_have_no_fraction(void **state)
{
	(void)state;
	assert_true(json_is_integer(parsed(STR("1"))));
	assert_true(json_is_integer(parsed(STR("1.0"))));
	assert_true(json_is_integer(parsed(STR("-1e300"))));
	assert_false(json_is_integer(parsed(STR("1.5"))));
	assert_false(json_is_integer(parsed(STR("\"1\""))));
	assert_false(json_is_integer(NULL));
}

/* RFC 6901, section 5. */
static void pointers_find_what_the_rfc_says(void **state)
{
	struct json *root =
		parsed(STR("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,"
			   "\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}"));
	static const char *const one_each[] = { "/",     "/a~1b", "/c%d", "/e^f", "/g|h",
						"/i\\j", "/k\"l", "/ ",   "/m~0n" };
	static const char *const nowhere[] = { "foo",     "/foo/2", "/foo/-",  "/foo/01", "/foo/-1",
					       "/foo/0/", "/foo/",  "/a~b",    "/m~n",    "/m~",
					       "/x",      "/a/b",   "/foo/1e0" };

	(void)state;
	assert_ptr_equal(json_at(root, STR("")), root);
	assert_int_equal(json_at(root, STR("/foo"))->count, 2);
	assert_str(json_at(root, STR("/foo/0"))->text, "bar");
	assert_str(json_at(root, STR("/foo/1"))->text, "baz");
	for (size_t i = 0; i < 9; i++)
		assert_true(json_at(root, str_of(one_each[i]))->number == (double)i);
	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++)
		assert_null(json_at(root, str_of(nowhere[i])));
	assert_null(json_at(NULL, STR("/a")));
}

static void builders_replace_and_keep_the_order(void **state)
{
	struct json *object = json_new(&arena, JSON_OBJECT);

	(void)state;
	json_set(&arena, object, "a", json_new_i64(&arena, INT64_MIN));
	json_set(&arena, object, "b", json_new_number(&arena, 0.1));
	json_set(&arena, object, "c", json_new_bool(&arena, true));
	json_set(&arena, object, "a", json_new(&arena, JSON_NULL));
	json_set(&arena, object, "c", json_new_string(&arena, STR("x")));
	json_set(&arena, object, "d", json_new(&arena, JSON_ARRAY));
	assert_str(written(object), "{\"a\":null,\"b\":0.1,\"c\":\"x\",\"d\":[]}");
	assert_int_equal(object->count, 4);
	assert_str(written(json_new_i64(&arena, INT64_MIN)), "-9223372036854775808");
}

static void builders_bear_a_full_arena(void **state)
{
	struct arena small;
	struct json *object, *item;

	(void)state;
	arena_init(&small, 200);
	object = json_new(&small, JSON_OBJECT);
	assert_non_null(object);
	do {
		item = json_new_string(&small, STR("xyz"));
		json_set(&small, object, "name", item);
	} while (item);
	assert_true(small.failed);
	json_set(&small, NULL, "x", NULL);
	json_add(NULL, object);
	json_add(json_new(&arena, JSON_ARRAY), NULL);
	arena_free(&small);
}

static void a_tree_too_deep_to_read_is_not_written(void **state)
{
	struct json *root = json_new(&arena, JSON_ARRAY), *at = root;
	struct buf buf;

	(void)state;
	for (int depth = 1; depth < JSON_DEPTH_MAX; depth++) {
		struct json *child = json_new(&arena, JSON_ARRAY);

		json_add(at, child);
		at = child;
	}
	assert_true(json_equal(parsed(written(root)), root));
	json_add(at, json_new(&arena, JSON_ARRAY));
	buf_init(&buf, &arena, 16);
	json_write(&buf, root);
	assert_true(buf.failed);
}

static void positions_count_lines_and_characters(void **state)
{
	struct str text = STR("ab\n\xc3\xbc"
			      "c\n");
	static const size_t expected[][2] = { { 1, 1 }, { 1, 2 }, { 1, 3 }, { 2, 1 }, { 2, 2 },
					      { 2, 2 }, { 2, 3 }, { 3, 1 }, { 3, 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		size_t line, column;

		text_position(text, i, &line, &column);
		assert_int_equal(line, expected[i][0]);
		assert_int_equal(column, expected[i][1]);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_kind_is_read_as_what_it_is),
		TEST(escapes_are_decoded_and_a_nul_inside_is_kept),
		TEST(nodes_do_not_need_the_text_any_more),
		TEST(a_refusal_says_what_was_found_what_was_expected_and_where),
		TEST(a_nul_byte_is_not_the_end),
		TEST(depth_is_allowed_at_its_limit_and_refused_past_it),
		TEST(size_is_allowed_at_its_limit_and_refused_past_it),
		TEST(a_full_arena_is_a_refusal_at_every_point),
		TEST(a_duplicate_is_found_among_few_and_among_many),
		TEST(many_names_cost_no_more_than_sorting_them),
		TEST(numbers_are_written_as_ecmascript_does),
		TEST(any_double_reads_back_and_has_the_fewest_digits),
		TEST(reading_a_number_rounds_as_the_c_library_does),
		TEST(the_canonical_form_is_that_of_the_rfc),
		TEST(writing_keeps_order_and_the_text_of_numbers),
		TEST(what_is_written_reads_back_equal),
		TEST(equality_is_of_values),
		TEST(integers_have_no_fraction),
		TEST(pointers_find_what_the_rfc_says),
		TEST(builders_replace_and_keep_the_order),
		TEST(builders_bear_a_full_arena),
		TEST(a_tree_too_deep_to_read_is_not_written),
		TEST(positions_count_lines_and_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
