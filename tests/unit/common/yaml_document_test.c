/* YAML documents as JSON: what scalars mean, what is refused, and where things are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "yaml_document.h"

#define ARENA_BYTES_MAX (64 * 1024 * 1024)

static struct arena arena;

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

static struct yaml_document load(struct str text)
{
	struct problem problem = { 0 };
	struct yaml_document document = { 0 };

	if (yaml_parse(&arena, text, &document, &problem) != ST_OK)
		fail_msg("%.*s: %s: %s", STR_ARG(text), problem.pointer, problem.detail);
	return document;
}

static const char *as_json(struct str text)
{
	struct buf buf;

	buf_init(&buf, &arena, 256);
	json_write(&buf, load(text).root);
	return buf_str(&buf).data;
}

static const struct {
	const char *yaml, *json;
} rows[] = {
	{ "", "null" },
	{ "# nothing\n", "null" },
	{ "---\n...\n", "null" },
	{ "~", "null" },
	{ "null", "null" },
	{ "Null", "null" },
	{ "NULL", "null" },
	{ "nULL", "\"nULL\"" },
	{ "a:", "{\"a\":null}" },
	{ "[true, True, TRUE, false, False, FALSE]", "[true,true,true,false,false,false]" },
	{ "[tRue, yes, no, on, off, y, n, Yes, NO, On]",
	  "[\"tRue\",\"yes\",\"no\",\"on\",\"off\",\"y\",\"n\",\"Yes\",\"NO\",\"On\"]" },
	{ "[0, 7, -7, +7, 007, -0, 123456789012345678901234567890]",
	  "[0,7,-7,7,7,-0,123456789012345678901234567890]" },
	{ "[0x1F, 0o17, 0xffffffffffffffff]", "[31,15,18446744073709551615]" },
	{ "[0b11, 0x, 0o8, -0x1, 1_000, 0X1F, 017]",
	  "[\"0b11\",\"0x\",\"0o8\",\"-0x1\",\"1_000\",\"0X1F\",17]" },
	{ "[1.5, -.5, +.5, 5., 1e3, 1E-2, 0.10, 00.5]", "[1.5,-0.5,0.5,5.0,1e3,1E-2,0.10,0.5]" },
	{ "[., .e1, e1, 1e, 1e+, 1.2.3, '-', 12:30:45, 2024-01-01, +, 1 2]",
	  "[\".\",\".e1\",\"e1\",\"1e\",\"1e+\",\"1.2.3\",\"-\",\"12:30:45\",\"2024-01-01\",\"+\","
	  "\"1 2\"]" },
	{ "[+.nan, -.nan]", "[\"+.nan\",\"-.nan\"]" },
	{ "['1', \"true\", 'null', \"\", '~']", "[\"1\",\"true\",\"null\",\"\",\"~\"]" },
	{ "['it''s', \"tab\\tnew\\n\\u00e9\\x41\"]", "[\"it's\",\"tab\\tnew\\n\xc3\xa9"
						     "A\"]" },
	{ "a: |\n  one\n  two\nb: >-\n  one\n  two\n",
	  "{\"a\":\"one\\ntwo\\n\",\"b\":\"one two\"}" },
	{ "a: |\n  12\n", "{\"a\":\"12\\n\"}" },
	{ "[!!str 12, !!str, !!int '12', !!float 1, !!float '1.5', !!bool 'true', !!null '']",
	  "[\"12\",\"\",12,1,1.5,true,null]" },
	{ "!!map {a: !!seq [1]}", "{\"a\":[1]}" },
	{ "!<tag:yaml.org,2002:str> 5", "\"5\"" },
	{ "{1: a, true: b, 1.5: c, 'null': d, !!str e: f}",
	  "{\"1\":\"a\",\"true\":\"b\",\"1.5\":\"c\",\"null\":\"d\",\"e\":\"f\"}" },
	{ "'<<': 1", "{\"<<\":1}" },
	{ "- &a {k: [1, 2]}\n- *a\n- x: *a\n",
	  "[{\"k\":[1,2]},{\"k\":[1,2]},{\"x\":{\"k\":[1,2]}}]" },
	{ "- &a 1\n- *a\n- &a 2\n- *a\n", "[1,1,2,2]" },
	{ "? a\n: b\n? c\n", "{\"a\":\"b\",\"c\":null}" },
	{ "- - 1\n  - 2\n- - 3\n", "[[1,2],[3]]" },
	{ "rules:\n- id: r1\n  when: {amount: {above: 100}}\n",
	  "{\"rules\":[{\"id\":\"r1\",\"when\":{\"amount\":{\"above\":100}}}]}" },
	{ "%YAML 1.2\n---\na: 1\n", "{\"a\":1}" },
	{ "\xef\xbb\xbf"
	  "a: 1\r\nb: 2\r\n",
	  "{\"a\":1,\"b\":2}" },
	{ "a: \"x\\0y\"", "{\"a\":\"x\\u0000y\"}" },
};

static void documents_mean_what_the_core_schema_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		arena_reset(&arena);
		assert_string_equal(as_json(str_of(rows[i].yaml)), rows[i].json);
	}
}

static const struct {
	const char *yaml, *place, *reason;
} wrong[] = {
	{ "a: 1\na: 2\n", "line 2, column 1", "twice" },
	{ "{\"a\": 1, a: 2}", "line 1, column 10", "twice" },
	{ "x:\n  1: a\n  '1': b\n", "line 3, column 3", "twice" },
	{ "? [a]\n: b\n", "line 1, column 3", "name of a member" },
	{ "? {a: b}\n: c\n", "line 1, column 3", "name of a member" },
	{ "a: &x 1\n*x : 2\n", "line 2, column 1", "name of a member" },
	{ "&x a: 1", "line 1, column 1", "no anchor" },
	{ "!!int 1: a", "line 1, column 1", "no tag" },
	{ "~: a", "line 1, column 1", "null" },
	{ ": a", NULL, "" },
	{ "?\n: a\n", NULL, "null" },
	{ "\xef\xbb\xbf"
	  "a: .inf",
	  "line 1, column 4", "quote it" },
	{ "<<: {a: 1}", "line 1, column 1", "merge keys" },
	{ "a:\n  <<: *b\n", "line 2, column 3", "merge keys" },
	{ "a: !own x", "line 1, column 4", "tag" },
	{ "a: !!binary aGk=", "line 1, column 4", "tag" },
	{ "a: !!timestamp 2024-01-01", "line 1, column 4", "tag" },
	{ "a: ! x", "line 1, column 4", "tag" },
	{ "a: !!set {x: null}", "line 1, column 4", "tag" },
	{ "a: !!map [1]", "line 1, column 4", "tag" },
	{ "a: !!seq {b: 1}", "line 1, column 4", "tag" },
	{ "a: !!seq x", "line 1, column 4", "tag" },
	{ "a: !!str [x]", "line 1, column 4", "tag" },
	{ "a: !!int x", "line 1, column 4", "!!int" },
	{ "a: !!int 1.5", "line 1, column 4", "!!int" },
	{ "a: !!float x", "line 1, column 4", "!!float" },
	{ "a: !!bool yes", "line 1, column 4", "!!bool" },
	{ "a: !!null x", "line 1, column 4", "!!null" },
	{ "a: .inf", "line 1, column 4", "quote it" },
	{ "a: -.INF", "line 1, column 4", "quote it" },
	{ "a: .nan", "line 1, column 4", "quote it" },
	{ "a: 1e999", "line 1, column 4", "too large" },
	{ "a: 0x10000000000000000", "line 1, column 4", "64 bits" },
	{ "a: *b", "line 1, column 4", "not known" },
	{ "&a [*a]", "line 1, column 5", "itself" },
	{ "- &a 1\n- &a [*a]\n", "line 2, column 7", "itself" },
	{ "a: &a\n  b: *a\n", "line 2, column 6", "itself" },
	{ "--- 1\n--- 2\n", "line 2, column 1", "more documents than 1" },
	{ "a\n...\n---\nb\n", "line 3, column 1", "more documents than 1" },
	{ "a: [1", NULL, "" },
	{ "a: 'x", NULL, "" },
	{ "a: b: c", "line 1, column 5", "" },
	{ "\ta: 1", "line 1, column 1", "" },
	{ "a: 1\n b: 2\n", "line 2, column 3", "" },
	{ "a: @x", "line 1, column 4", "" },
	{ "a: \"\xc3\xa9\\q\"", "line 1, column 6", "" },
	{ "\xc3\xa9: 1\n\xc3\xa9: 2\n", "line 2, column 1", "twice" },
	{ "{\xc3\xa9\xe2\x82\xac: x, \xf0\x9f\x98\x80: .inf}", "line 1, column 12", "quote it" },
	{ "a: \x01", "line 1, column 4", "" },
	{ "a: \xff", "line 1, column 4", "UTF-8" },
	{ "%YAML 3.0\n---\na\n", NULL, "" },
};

static void what_is_wrong_is_refused_at_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct problem problem = { 0 };
		struct yaml_document document = { 0 };
		arena_reset(&arena);
		if (yaml_parse(&arena, str_of(wrong[i].yaml), &document, &problem) !=
		    ST_YAML_INVALID)
			fail_msg("let through: %s", wrong[i].yaml);
		assert_null(document.root);
		if (wrong[i].place && strcmp(problem.pointer, wrong[i].place) != 0)
			fail_msg("%s: at %s: %s", wrong[i].yaml, problem.pointer, problem.detail);
		if (!strstr(problem.detail, wrong[i].reason) || problem.detail[0] == '\0')
			fail_msg("%s: %s", wrong[i].yaml, problem.detail);
	}
}

static void a_zero_byte_is_refused(void **state)
{
	struct yaml_document document;
	struct problem problem = { 0 };

	(void)state;
	assert_int_equal(yaml_parse(&arena, STR("a: 1\n\0b: 2\n"), &document, &problem),
			 ST_YAML_INVALID);
	assert_string_equal(problem.pointer, "line 2, column 1");
}

static void expect_place(const struct yaml_document *document, const char *pointer, size_t line,
			 size_t column, size_t offset_bytes)
{
	struct json *node = json_at(document->root, str_of(pointer));
	size_t found_line, found_column;

	assert_non_null(node);
	yaml_position(document, node, &found_line, &found_column);
	assert_int_equal(found_line, line);
	assert_int_equal(found_column, column);
	assert_int_equal(node->offset_bytes, offset_bytes);
}

static void every_node_knows_its_place(void **state)
{
	struct yaml_document document;
	struct problem problem = { 0 };

	(void)state;
	arena_reset(&arena);
	document = load(STR("\xc3\xa9: \xe2\x82\xac\r\nb: [x, \"\xf0\x9f\x98\x80\", 3]\nc:\n  - &k "
			    "{d: 1}\n  - *k\n"));
	expect_place(&document, "", 1, 1, 0);
	expect_place(&document, "/\xc3\xa9", 1, 4, 4);
	expect_place(&document, "/b", 2, 4, 12);
	expect_place(&document, "/b/0", 2, 5, 13);
	expect_place(&document, "/b/1", 2, 8, 16);
	expect_place(&document, "/b/2", 2, 13, 24);
	expect_place(&document, "/c/0", 4, 5, 34);
	expect_place(&document, "/c/0/d", 4, 12, 41);
	expect_place(&document, "/c/1/d", 4, 12, 41);
	assert_int_equal(yaml_refuse(&document, json_at(document.root, STR("/b/2")),
				     ST_CONFIG_INVALID, &problem, "%d is too small", 3),
			 ST_CONFIG_INVALID);
	assert_string_equal(problem.pointer, "line 2, column 13");
	assert_string_equal(problem.detail, "3 is too small");
}

static void streams_of_documents_are_read_when_asked_for(void **state)
{
	struct yaml_documents documents;
	struct problem problem = { 0 };
	size_t line, column;

	(void)state;
	arena_reset(&arena);
	assert_int_equal(yaml_parse_many(&arena, STR("--- 1\n---\na: &x 2\n--- [3]\n"), &documents,
					 &problem),
			 ST_OK);
	assert_int_equal(documents.count, 3);
	assert_int_equal(documents.items[0].root->kind, JSON_NUMBER);
	assert_int_equal(documents.items[2].root->kind, JSON_ARRAY);
	yaml_position(&documents.items[2], documents.items[2].root, &line, &column);
	assert_int_equal(line, 4);
	assert_int_equal(column, 5);
	assert_int_equal(yaml_parse_many(&arena, STR(""), &documents, &problem), ST_OK);
	assert_int_equal(documents.count, 0);
	/* anchors end with their document */
	assert_int_equal(yaml_parse_many(&arena, STR("--- &x 1\n--- *x\n"), &documents, &problem),
			 ST_YAML_INVALID);
}

static struct str many(const char *item, size_t count, const char *head, const char *tail)
{
	struct buf buf;

	buf_init(&buf, &arena, 4096);
	buf_add_c(&buf, head);
	for (size_t i = 0; i < count; i++)
		buf_add_c(&buf, item);
	buf_add_c(&buf, tail);
	return buf_str(&buf);
}

static enum st parse(struct str text)
{
	struct yaml_document document;

	return yaml_parse(&arena, text, &document, NULL);
}

static void documents_in_a_stream_are_limited(void **state)
{
	struct yaml_documents documents;

	(void)state;
	arena_reset(&arena);
	assert_int_equal(yaml_parse_many(&arena, many("--- 1\n", YAML_DOCUMENTS_MAX, "", ""),
					 &documents, NULL),
			 ST_OK);
	assert_int_equal(documents.count, YAML_DOCUMENTS_MAX);
	assert_int_equal(yaml_parse_many(&arena, many("--- 1\n", YAML_DOCUMENTS_MAX + 1, "", ""),
					 &documents, NULL),
			 ST_YAML_INVALID);
}

static void the_size_is_limited(void **state)
{
	(void)state;
	arena_reset(&arena);
	assert_int_equal(parse(many("x", YAML_BYTES_MAX, "", "")), ST_OK);
	assert_int_equal(parse(many("x", YAML_BYTES_MAX + 1, "", "")), ST_MESSAGE_TOO_LARGE);
}

static void the_depth_is_limited(void **state)
{
	struct buf buf;

	(void)state;
	for (size_t depth = YAML_DEPTH_MAX; depth <= YAML_DEPTH_MAX + 1; depth++) {
		arena_reset(&arena);
		buf_init(&buf, &arena, 1024);
		buf_add_str(&buf, many("[", depth, "", ""));
		buf_add_str(&buf, many("]", depth, "", ""));
		assert_int_equal(parse(buf_str(&buf)),
				 depth == YAML_DEPTH_MAX ? ST_OK : ST_YAML_INVALID);
	}
	/* aliases nest as well: 40 levels inside 40 */
	arena_reset(&arena);
	buf_init(&buf, &arena, 1024);
	buf_add_c(&buf, "- &a ");
	buf_add_str(&buf, many("[", 40, "", ""));
	buf_add_str(&buf, many("]", 40, "", "\n- "));
	buf_add_str(&buf, many("[", 40, "", "*a"));
	buf_add_str(&buf, many("]", 40, "", "\n"));
	assert_int_equal(parse(buf_str(&buf)), ST_YAML_INVALID);
	arena_reset(&arena);
	assert_int_equal(parse(many("[", 5000, "", "")), ST_YAML_INVALID);
}

static void nodes_are_limited_those_of_aliases_included(void **state)
{
	(void)state;
	arena_reset(&arena);
	assert_int_equal(parse(many("0,", YAML_NODES_MAX - 2, "[", "0]")), ST_OK);
	arena_reset(&arena);
	assert_int_equal(parse(many("0,", YAML_NODES_MAX - 1, "[", "0]")), ST_YAML_INVALID);
	arena_reset(&arena);
	assert_int_equal(
		parse(STR("a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
			  "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
			  "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
			  "g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: &h "
			  "[*g,*g,*g,*g,*g,*g,*g,*g,*g]\n")),
		ST_YAML_INVALID);
}

static void names_are_told_apart_in_a_large_mapping(void **state)
{
	struct buf buf;

	(void)state;
	arena_reset(&arena);
	buf_init(&buf, &arena, YAML_BYTES_MAX);
	for (int i = 0; i < 30000; i++)
		buf_printf(&buf, "%d: x\n", i);
	assert_int_equal(load(buf_str(&buf)).root->count, 30000);
	buf_add_c(&buf, "17: y\n");
	assert_int_equal(parse(buf_str(&buf)), ST_YAML_INVALID);
}

static void anchors_are_limited(void **state)
{
	struct buf buf;

	(void)state;
	for (int count = YAML_ANCHORS_MAX; count <= YAML_ANCHORS_MAX + 1; count++) {
		arena_reset(&arena);
		buf_init(&buf, &arena, 8192);
		for (int i = 0; i < count; i++)
			buf_printf(&buf, "- &a%d x\n", i);
		assert_int_equal(parse(buf_str(&buf)),
				 count == YAML_ANCHORS_MAX ? ST_OK : ST_YAML_INVALID);
	}
}

static void a_full_arena_is_refused(void **state)
{
	struct str text = STR("a: &a [1, 0x2, 'x', {b: c}]\nd: *a\n");
	struct yaml_document document;
	struct arena small;
	size_t refused = 0, done = 0;

	(void)state;
	for (size_t bytes = 64; bytes < 16384; bytes += 32) {
		enum st st;
		arena_init(&small, bytes);
		st = yaml_parse(&small, text, &document, NULL);
		assert_true(st == ST_OK || st == ST_TOO_LARGE);
		refused += st == ST_TOO_LARGE;
		done += st == ST_OK;
		arena_free(&small);
	}
	assert_true(refused > 0 && done > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_mean_what_the_core_schema_says),
		cmocka_unit_test(what_is_wrong_is_refused_at_its_place),
		cmocka_unit_test(a_zero_byte_is_refused),
		cmocka_unit_test(every_node_knows_its_place),
		cmocka_unit_test(streams_of_documents_are_read_when_asked_for),
		cmocka_unit_test(documents_in_a_stream_are_limited),
		cmocka_unit_test(the_size_is_limited),
		cmocka_unit_test(the_depth_is_limited),
		cmocka_unit_test(nodes_are_limited_those_of_aliases_included),
		cmocka_unit_test(names_are_told_apart_in_a_large_mapping),
		cmocka_unit_test(anchors_are_limited),
		cmocka_unit_test(a_full_arena_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
