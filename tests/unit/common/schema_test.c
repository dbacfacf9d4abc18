/* Every keyword, by tables: a schema, instances that are valid, instances that are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "schema.h"

#define ARENA_BYTES_MAX (32 * 1024 * 1024)

struct row {
	const char *schema;
	const char *valid; /* a JSON array of instances */
	const char *invalid;
};

static struct arena arena;
static size_t case_count;

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

static struct json *parse(const char *text)
{
	struct problem problem = { 0 };
	struct json *root;

	if (json_parse(&arena, str_of(text), &root, &problem) != ST_OK)
		fail_msg("%s: %s: %s", text, problem.pointer, problem.detail);
	return root;
}

static struct schema *compile(const char *text, enum schema_formats formats)
{
	const struct schema_options options = { .formats = formats };
	struct problem problem = { 0 };
	struct schema *schema;

	if (schema_compile_text(&arena, str_of(text), &options, &schema, &problem) != ST_OK)
		fail_msg("%s: %s: %s", text, problem.pointer, problem.detail);
	return schema;
}

static void expect(const struct row *row, const struct schema *schema, const char *instances,
		   bool valid)
{
	const struct json *instance = parse(instances ? instances : "[]")->first;

	for (size_t i = 0; instance; instance = instance->next, i++) {
		struct schema_result result;
		assert_int_equal(schema_validate(schema, instance, &arena, &result), ST_OK);
		if (result.valid != valid)
			fail_msg("%s: instance %zu of %s is %s", row->schema, i, instances,
				 valid ? "refused" : "let through");
		assert_true(valid || result.error_count > 0);
		case_count++;
	}
}

static void run_rows(const struct row *rows, size_t count, enum schema_formats formats)
{
	for (size_t i = 0; i < count; i++) {
		struct schema *schema;
		arena_reset(&arena);
		schema = compile(rows[i].schema, formats);
		expect(&rows[i], schema, rows[i].valid, true);
		expect(&rows[i], schema, rows[i].invalid, false);
	}
}

#define RUN(rows) run_rows((rows), sizeof(rows) / sizeof((rows)[0]), SCHEMA_FORMATS_ANNOTATED)

/* [VAL-1] */
static void types_and_values_are_told_apart(void **state)
{
	static const struct row rows[] = {
		{ "true", "[1,null,\"x\",[],{}]", NULL },
		{ "false", NULL, "[1,null,\"x\",[],{}]" },
		{ "{}", "[1,null,\"x\",[],{}]", NULL },
		{ "{\"type\":\"null\"}", "[null]", "[0,false,\"\",[],{}]" },
		{ "{\"type\":\"boolean\"}", "[true,false]", "[0,null,\"true\",[],{}]" },
		{ "{\"type\":\"integer\"}", "[1,-1,1.0,1e3,0,100000000000000000000000,1.5e1]",
		  "[1.5,\"1\",null,1e-1,[1]]" },
		{ "{\"type\":\"number\"}", "[1,1.5,-0.0,1e300]", "[\"1\",null,true,{}]" },
		{ "{\"type\":\"string\"}", "[\"\",\"x\"]", "[1,null,[\"x\"]]" },
		{ "{\"type\":\"array\"}", "[[],[1]]", "[{},\"[]\",null]" },
		{ "{\"type\":\"object\"}", "[{},{\"a\":1}]", "[[],\"{}\",null]" },
		{ "{\"type\":[\"string\",\"null\"]}", "[\"x\",null]", "[1,[],{}]" },
		{ "{\"type\":[\"integer\",\"string\"]}", "[1,2.0,\"x\"]", "[1.5,null]" },
		{ "{\"enum\":[1,\"a\",null,[1,{\"x\":2}]]}", "[1,1.0,\"a\",null,[1,{\"x\":2.0}]]",
		  "[2,\"b\",false,[1,{\"x\":3}],[1],{\"x\":2}]" },
		{ "{\"enum\":[]}", NULL, "[1,null]" },
		{ "{\"enum\":[0]}", "[0,0.0,-0]", "[false,null,\"0\",[]]" },
		{ "{\"const\":{\"a\":1,\"b\":[true]}}", "[{\"b\":[true],\"a\":1}]",
		  "[{\"a\":1},{\"a\":1,\"b\":[1]},{\"a\":1,\"b\":[true],\"c\":0}]" },
		{ "{\"const\":9007199254740993}", "[9007199254740993,9007199254740993.0]",
		  "[9007199254740992,9007199254740994]" },
		{ "{\"const\":null}", "[null]", "[0,false,\"\"]" },
		{ "{\"const\":false}", "[false]", "[0,null,true,[false]]" },
		{ "{\"const\":\"a\\u0000b\"}", "[\"a\\u0000b\"]", "[\"a\",\"a\\u0000c\"]" },
	};

	(void)state;
	RUN(rows);
}

static void numbers_are_compared_exactly(void **state)
{
	static const struct row rows[] = {
		{ "{\"maximum\":3}", "[3,2.9,-5,\"4\",null]", "[3.0000000000000000000001,4]" },
		{ "{\"minimum\":3}", "[3,4,\"1\"]", "[2.9999999999999999999999,-4]" },
		{ "{\"exclusiveMaximum\":3}", "[2.99,-3,[]]", "[3,3.0,4]" },
		{ "{\"exclusiveMinimum\":3}", "[3.01,1e2,{}]", "[3,30e-1,2]" },
		{ "{\"minimum\":-2}", "[-2,-1.5,0]", "[-2.0001,-3]" },
		{ "{\"maximum\":-0.5}", "[-0.5,-1]", "[-0.4,0,1]" },
		{ "{\"maximum\":0}", "[0,-0.0,-1e-300]", "[1e-300,1]" },
		{ "{\"maximum\":18446744073709551615}", "[18446744073709551615]",
		  "[18446744073709551616,1e20]" },
		{ "{\"minimum\":1e-5}", "[0.00001,0.1]", "[0.000009]" },
		{ "{\"multipleOf\":2}", "[0,2,-4,2e3,\"3\"]", "[1,3.0,2.5]" },
		{ "{\"multipleOf\":0.01}", "[0.07,4.35,19.99,1e10,0]", "[0.075,0.001]" },
		{ "{\"multipleOf\":0.0001}", "[0.0075]", "[0.00751]" },
		{ "{\"multipleOf\":1.5}", "[3,4.5,-1.5]", "[1,2,35]" },
		{ "{\"multipleOf\":0.123456789}", "[0.246913578]", "[1e308]" },
		{ "{\"multipleOf\":1e-8}", "[12391239123,1e300]", "[1e-9]" },
		{ "{\"multipleOf\":7}", "[700000000000000000000000000000007]",
		  "[700000000000000000000000000000008]" },
		{ "{\"multipleOf\":1e300}", "[2e300,0]", "[1e299,1]" },
		{ "{\"multipleOf\":999999999999999999}", "[999999999999999999]", "[1]" },
	};

	(void)state;
	RUN(rows);
}

static void strings_are_measured_in_code_points(void **state)
{
	static const struct row rows[] = {
		{ "{\"maxLength\":2}", "[\"\",\"ab\",\"\\ud83d\\ude00\\u00e9\",123456]",
		  "[\"abc\",\"\\ud83d\\ude00ab\"]" },
		{ "{\"minLength\":2}", "[\"ab\",\"\\u00e9\\u00e9\",1]",
		  "[\"\",\"a\",\"\\ud83d\\ude00\"]" },
		{ "{\"minLength\":2.0}", "[\"ab\"]", "[\"a\"]" },
		{ "{\"maxLength\":0}", "[\"\"]", "[\"a\"]" },
		{ "{\"maxLength\":1e30}", "[\"abc\"]", NULL },
		{ "{\"pattern\":\"^a*$\"}", "[\"\",\"aaa\",12,null]", "[\"ab\",\"a\\n\"]" },
		{ "{\"pattern\":\"a+\"}", "[\"xxaayy\"]", "[\"xx\",\"\"]" },
		{ "{\"pattern\":\"^\\\\d{3}$\"}", "[\"123\"]",
		  "[\"12\",\"1234\",\"\\u0661\\u0662\\u0663\"]" },
		{ "{\"pattern\":\"^\\\\p{Letter}+$\"}", "[\"caf\\u00e9\"]", "[\"a1\"]" },
		{ "{\"pattern\":\"^.$\"}", "[\"\\ud83d\\ude00\",\"x\"]", "[\"\\n\",\"xx\"]" },
	};

	(void)state;
	RUN(rows);
}

static void arrays_are_checked(void **state)
{
	static const struct row rows[] = {
		{ "{\"maxItems\":2}", "[[],[1,2],\"abc\",{}]", "[[1,2,3]]" },
		{ "{\"minItems\":1}", "[[1],\"\",{}]", "[[]]" },
		{ "{\"uniqueItems\":true}",
		  "[[],[1,2],[1,true],[0,false],[\"1\",1],[[1],[\"1\"]],[{\"a\":1},{\"a\":2}],["
		  "null,0,\"\",false,[],{}],5]",
		  "[[1,1],[1,1.0],[\"a\",\"b\",\"a\"],[{\"a\":1,\"b\":2},{\"b\":2,\"a\":1}],[[],[]]"
		  ",[null,null],[1e2,100],[{\"x\":[{}]},{\"x\":[{}]}],[9007199254740993,0,"
		  "9007199254740993]]" },
		{ "{\"uniqueItems\":true}", "[[9007199254740993,9007199254740992]]", NULL },
		{ "{\"uniqueItems\":false}", "[[1,1]]", NULL },
		{ "{\"items\":{\"type\":\"integer\"}}", "[[],[1,2],\"x\",{}]",
		  "[[1,\"x\"],[null]]" },
		{ "{\"items\":false}", "[[]]", "[[1]]" },
		{ "{\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}",
		  "[[],[1],[1,\"a\"],[1,\"a\",null],{}]", "[[\"a\"],[1,2]]" },
		{ "{\"prefixItems\":[{}],\"items\":false}", "[[],[1]]", "[[1,2]]" },
		{ "{\"prefixItems\":[{\"const\":1}],\"items\":{\"const\":2}}", "[[1],[1,2,2]]",
		  "[[2],[1,1],[1,2,3]]" },
		{ "{\"contains\":{\"const\":1}}", "[[1],[2,1],\"x\"]", "[[],[2]]" },
		{ "{\"contains\":{\"const\":1},\"minContains\":2}", "[[1,1],[1,2,1]]",
		  "[[1],[],[2]]" },
		{ "{\"contains\":{\"const\":1},\"maxContains\":1}", "[[1],[1,2]]", "[[1,1],[]]" },
		{ "{\"contains\":{\"const\":1},\"minContains\":0}", "[[],[2],[1]]", NULL },
		{ "{\"contains\":{\"const\":1},\"minContains\":0,\"maxContains\":1}", "[[],[1]]",
		  "[[1,1]]" },
		{ "{\"contains\":{\"const\":1},\"minContains\":2,\"maxContains\":3}",
		  "[[1,1],[1,1,1]]", "[[1],[1,1,1,1]]" },
		{ "{\"minContains\":3,\"maxContains\":0}", "[[],[1]]", NULL },
		{ "{\"contains\":true}", "[[null]]", "[[]]" },
		{ "{\"contains\":false}", "[{}]", "[[],[1]]" },
	};

	(void)state;
	RUN(rows);
}

static void objects_are_checked(void **state)
{
	static const struct row rows[] = {
		{ "{\"maxProperties\":1}", "[{},{\"a\":1},[1,2]]", "[{\"a\":1,\"b\":2}]" },
		{ "{\"minProperties\":1}", "[{\"a\":1},[]]", "[{}]" },
		{ "{\"required\":[\"a\",\"b\"]}", "[{\"a\":1,\"b\":null},[],\"a\"]",
		  "[{},{\"a\":1},{\"b\":1}]" },
		{ "{\"required\":[]}", "[{}]", NULL },
		{ "{\"required\":[\"\"]}", "[{\"\":1}]", "[{}]" },
		{ "{\"required\":[\"__proto__\",\"toString\"]}",
		  "[{\"__proto__\":1,\"toString\":1}]", "[{},{\"toString\":1}]" },
		{ "{\"dependentRequired\":{\"a\":[\"b\",\"c\"]}}",
		  "[{},{\"b\":1},{\"a\":1,\"b\":1,\"c\":1},[\"a\"]]",
		  "[{\"a\":1},{\"a\":1,\"b\":1}]" },
		{ "{\"dependentSchemas\":{\"a\":{\"required\":[\"b\"]},\"n\":false}}",
		  "[{},{\"a\":1,\"b\":2},\"a\"]", "[{\"a\":1},{\"n\":1}]" },
		{ "{\"properties\":{\"a\":{\"type\":\"string\"},\"b\":false,\"c\":true}}",
		  "[{},{\"a\":\"x\"},{\"c\":1},{\"z\":1},[]]", "[{\"a\":1},{\"b\":1}]" },
		{ "{\"properties\":{\"a/b\":{\"const\":1},\"\":{\"const\":2},\"~\":{\"const\":3}}}",
		  "[{\"a/b\":1,\"\":2,\"~\":3}]", "[{\"a/b\":0},{\"\":0},{\"~\":0}]" },
		{ "{\"patternProperties\":{\"^x\":{\"type\":\"integer\"},\"y$\":{\"minimum\":5}}}",
		  "[{\"x\":1},{\"xy\":5},{\"zy\":\"s\"},{\"a\":null}]",
		  "[{\"x\":\"1\"},{\"xy\":4},{\"ay\":1}]" },
		{ "{\"patternProperties\":{\"b\":false}}", "[{\"a\":1}]",
		  "[{\"b\":1},{\"abc\":1}]" },
		{ "{\"additionalProperties\":false}", "[{},[1]]", "[{\"a\":1}]" },
		{ "{\"properties\":{\"a\":{}},\"additionalProperties\":false}", "[{},{\"a\":1}]",
		  "[{\"b\":1},{\"a\":1,\"b\":1}]" },
		{ "{\"properties\":{\"a\":{}},\"patternProperties\":{\"^x\":{}},"
		  "\"additionalProperties\":{\"type\":\"null\"}}",
		  "[{\"a\":1,\"xx\":2,\"other\":null}]", "[{\"other\":1}]" },
		{ "{\"allOf\":[{\"properties\":{\"a\":{}}}],\"additionalProperties\":false}",
		  "[{}]", "[{\"a\":1}]" },
		{ "{\"propertyNames\":{\"maxLength\":2}}", "[{},{\"ab\":1},[\"abc\"]]",
		  "[{\"abc\":1},{\"a\":1,\"abc\":2}]" },
		{ "{\"propertyNames\":{\"pattern\":\"^[a-z]+$\"}}", "[{\"abc\":1}]",
		  "[{\"A\":1},{\"\":1}]" },
		{ "{\"propertyNames\":false}", "[{}]", "[{\"a\":1}]" },
		{ "{\"propertyNames\":{\"enum\":[\"a\",\"b\"]}}", "[{\"a\":1,\"b\":2}]",
		  "[{\"c\":1}]" },
	};

	(void)state;
	RUN(rows);
}

static void logic_combines(void **state)
{
	static const struct row rows[] = {
		{ "{\"allOf\":[{\"minimum\":1},{\"maximum\":3}]}", "[1,2,3,\"x\"]", "[0,4]" },
		{ "{\"allOf\":[true,false]}", NULL, "[1]" },
		{ "{\"anyOf\":[{\"type\":\"integer\"},{\"minimum\":2}]}", "[1,2.5,3,\"x\"]",
		  "[1.5]" },
		{ "{\"anyOf\":[false,false]}", NULL, "[1,null]" },
		{ "{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":2}]}", "[1,2.5]", "[3,1.5]" },
		{ "{\"oneOf\":[true,true]}", NULL, "[1]" },
		{ "{\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}",
		  "[{\"a\":1},{\"b\":1}]", "[{},{\"a\":1,\"b\":1}]" },
		{ "{\"not\":{\"type\":\"integer\"}}", "[\"x\",1.5]", "[1]" },
		{ "{\"not\":{\"not\":{\"type\":\"string\"}}}", "[\"x\"]", "[1]" },
		{ "{\"not\":true}", NULL, "[1,null]" },
		{ "{\"not\":false}", "[1,null]", NULL },
		{ "{\"if\":{\"minimum\":10},\"then\":{\"multipleOf\":2},\"else\":{\"multipleOf\":3}"
		  "}",
		  "[12,9,0]", "[11,8]" },
		{ "{\"if\":{\"const\":1},\"then\":false}", "[2]", "[1]" },
		{ "{\"if\":{\"const\":1},\"else\":false}", "[1]", "[2]" },
		{ "{\"then\":false,\"else\":false}", "[1]", NULL },
		{ "{\"if\":false}", "[1]", NULL },
		{ "{\"if\":true,\"then\":{\"const\":1},\"else\":{\"const\":2}}", "[1]", "[2]" },
		{ "{\"allOf\":[{\"anyOf\":[{\"const\":1},{\"const\":2}]},{\"not\":{\"const\":2}}]}",
		  "[1]", "[2,3]" },
	};

	(void)state;
	RUN(rows);
}

static void references_are_followed(void **state)
{
	static const struct row rows[] = {
		{ "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"type\":\"integer\"}}}", "[1]",
		  "[\"x\"]" },
		{ "{\"$ref\":\"#/$defs/a\",\"maximum\":5,\"$defs\":{\"a\":{\"type\":\"integer\"}}}",
		  "[5]", "[6,1.5]" },
		{ "{\"properties\":{\"next\":{\"$ref\":\"#\"}},\"additionalProperties\":false}",
		  "[{},{\"next\":{\"next\":{}}}]", "[{\"next\":{\"nxt\":{}}},{\"x\":1}]" },
		{ "{\"$ref\":\"#a\",\"$defs\":{\"x\":{\"$anchor\":\"a\",\"const\":1}}}", "[1]",
		  "[2]" },
		{ "{\"$ref\":\"#/$defs/a~1b\",\"$defs\":{\"a/b\":{\"const\":1}}}", "[1]", "[2]" },
		{ "{\"$ref\":\"#/$defs/a~0b\",\"$defs\":{\"a~b\":{\"const\":1}}}", "[1]", "[2]" },
		{ "{\"$ref\":\"#/$defs/a%25b%22\",\"$defs\":{\"a%b\\\"\":{\"const\":1}}}", "[1]",
		  "[2]" },
		{ "{\"$ref\":\"#/prefixItems/1\",\"prefixItems\":[true,{\"const\":1}]}", "[1]",
		  "[2]" },
		{ "{\"$ref\":\"#/definitions/a\",\"definitions\":{\"a\":{\"const\":1}}}", "[1]",
		  "[2]" },
		{ "{\"$ref\":\"#/x-own/a\",\"x-own\":{\"a\":{\"const\":1}}}", "[1]", "[2]" },
		{ "{\"$ref\":\"#/$defs/$ref\",\"$defs\":{\"$ref\":{\"const\":1}}}", "[1]", "[2]" },
		{ "{\"properties\":{\"$ref\":{\"type\":\"string\"}}}", "[{\"$ref\":\"a\"}]",
		  "[{\"$ref\":2}]" },
		{ "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":true}}", "[1,null]", NULL },
		{ "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":false}}", NULL, "[1,null]" },
		{ "{\"$id\":\"http://x.test/"
		  "root.json\",\"$ref\":\"leaf.json\",\"$defs\":{\"l\":{\"$id\":\"leaf.json\","
		  "\"const\":1}}}",
		  "[1]", "[2]" },
		{ "{\"$id\":\"http://x.test/d/root.json\",\"$ref\":\"../"
		  "leaf\",\"$defs\":{\"l\":{\"$id\":\"/leaf\",\"const\":1}}}",
		  "[1]", "[2]" },
		{ "{\"$id\":\"http://x.test/root.json\",\"$ref\":\"leaf#/$defs/"
		  "k\",\"$defs\":{\"l\":{\"$id\":\"leaf\",\"$defs\":{\"k\":{\"const\":1}}}}}",
		  "[1]", "[2]" },
		{ "{\"$id\":\"http://x.test/"
		  "root.json\",\"$ref\":\"leaf#k\",\"$defs\":{\"l\":{\"$id\":\"leaf\",\"$defs\":{"
		  "\"k\":{\"$anchor\":\"k\",\"const\":1}}},\"m\":{\"$anchor\":\"k\",\"const\":2}}}",
		  "[1]", "[2]" },
		{ "{\"$id\":\"http://x.test/root.json\",\"items\":{\"$id\":\"sub/"
		  "item.json\",\"$ref\":\"other.json\"},\"$defs\":{\"o\":{\"$id\":\"http://x.test/"
		  "sub/other.json\",\"const\":1}}}",
		  "[[1]]", "[[2]]" },
		{ "{\"$id\":\"urn:uuid:deadbeef-1234-00ff-ff00-4321feebdaed\",\"$ref\":\"#/$defs/"
		  "a\",\"$defs\":{\"a\":{\"const\":1}}}",
		  "[1]", "[2]" },
		{ "{\"$id\":\"urn:uuid:deadbeef-1234-00ff-ff00-4321feebdaed\",\"$ref\":\"urn:uuid:"
		  "deadbeef-1234-00ff-ff00-4321feebdaed#a\",\"$defs\":{\"a\":{\"$anchor\":\"a\","
		  "\"const\":1}}}",
		  "[1]", "[2]" },
		{ "{\"$id\":\"http://x.test/a/b\",\"$ref\":\"http://x.test/a/./c/../"
		  "l\",\"$defs\":{\"l\":{\"$id\":\"l\",\"const\":1}}}",
		  "[1]", "[2]" },
		{ "{\"$id\":\"http://x.test/"
		  "a?q=1\",\"$ref\":\"?q=2\",\"$defs\":{\"l\":{\"$id\":\"?q=2\",\"const\":1}}}",
		  "[1]", "[2]" },
		{ "{\"$id\":\"http://x.test/a\",\"$ref\":\"//y.test/"
		  "b\",\"$defs\":{\"l\":{\"$id\":\"http://y.test/b\",\"const\":1}}}",
		  "[1]", "[2]" },
		{ "{\"enum\":[{\"$id\":\"http://x.test/e\",\"const\":1}]}",
		  "[{\"$id\":\"http://x.test/e\",\"const\":1}]", "[1]" },
		{ "{\"$ref\":\"https://json-schema.org/draft/2020-12/schema\"}",
		  "[{},true,{\"type\":\"integer\"},{\"properties\":{\"a\":{\"minLength\":1}}}]",
		  "[1,{\"type\":\"int\"},{\"properties\":{\"a\":{\"minLength\":-1}}},{\"required\":"
		  "[\"a\",\"a\"]},{\"allOf\":[]},{\"$id\":\"a#b\"},{\"multipleOf\":0}]" },
	};

	(void)state;
	RUN(rows);
}

static void dynamic_references_look_outwards(void **state)
{
	static const struct row rows[] = {
		/* the same resource: as a $ref */
		{ "{\"$dynamicRef\":\"#n\",\"$defs\":{\"a\":{\"$dynamicAnchor\":\"n\",\"type\":"
		  "\"string\"}}}",
		  "[\"x\"]", "[1]" },
		{ "{\"$dynamicRef\":\"#n\",\"$defs\":{\"a\":{\"$anchor\":\"n\",\"type\":\"string\"}"
		  "}}",
		  "[\"x\"]", "[1]" },
		{ "{\"$dynamicRef\":\"#/$defs/"
		  "a\",\"$defs\":{\"a\":{\"$dynamicAnchor\":\"n\",\"type\":\"string\"}}}",
		  "[\"x\"]", "[1]" },
		/* the outermost resource wins */
		{ "{\"$id\":\"http://x.test/"
		  "root\",\"$ref\":\"list\",\"$defs\":{\"s\":{\"$dynamicAnchor\":\"item\",\"type\":"
		  "\"string\"},"
		  "\"l\":{\"$id\":\"list\",\"items\":{\"$dynamicRef\":\"#item\"},\"$defs\":{\"d\":{"
		  "\"$dynamicAnchor\":\"item\"}}}}}",
		  "[[\"a\"],[]]", "[[1],[\"a\",1]]" },
		/* without a dynamic anchor at the start it does not look */
		{ "{\"$id\":\"http://x.test/"
		  "root\",\"$ref\":\"list\",\"$defs\":{\"s\":{\"$dynamicAnchor\":\"item\",\"type\":"
		  "\"string\"},"
		  "\"l\":{\"$id\":\"list\",\"items\":{\"$dynamicRef\":\"#item\"},\"$defs\":{\"d\":{"
		  "\"$anchor\":\"item\"}}}}}",
		  "[[\"a\"],[1]]", NULL },
		/* a plain anchor of the same name outside is no answer */
		{ "{\"$id\":\"http://x.test/"
		  "root\",\"$ref\":\"list\",\"$defs\":{\"s\":{\"$anchor\":\"item\",\"type\":"
		  "\"string\"},"
		  "\"l\":{\"$id\":\"list\",\"items\":{\"$dynamicRef\":\"#item\"},\"$defs\":{\"d\":{"
		  "\"$dynamicAnchor\":\"item\"}}}}}",
		  "[[\"a\"],[1]]", NULL },
		/* $ref to a dynamic anchor is a plain reference */
		{ "{\"$id\":\"http://x.test/"
		  "root\",\"$ref\":\"list\",\"$defs\":{\"s\":{\"$dynamicAnchor\":\"item\",\"type\":"
		  "\"string\"},"
		  "\"l\":{\"$id\":\"list\",\"items\":{\"$ref\":\"#item\"},\"$defs\":{\"d\":{\"$"
		  "dynamicAnchor\":\"item\",\"type\":\"integer\"}}}}}",
		  "[[1]]", "[[\"a\"]]" },
		/* a strict tree over a loose one */
		{ "{\"$id\":\"http://x.test/"
		  "strict\",\"$dynamicAnchor\":\"node\",\"$ref\":\"tree\","
		  "\"unevaluatedProperties\":false,"
		  "\"$defs\":{\"t\":{\"$id\":\"tree\",\"$dynamicAnchor\":\"node\",\"type\":"
		  "\"object\",\"properties\":{\"data\":true,"
		  "\"children\":{\"type\":\"array\",\"items\":{\"$dynamicRef\":\"#node\"}}}}}}",
		  "[{\"children\":[{\"data\":1}]},{}]",
		  "[{\"children\":[{\"daat\":1}]},{\"x\":1},1]" },
		/* a scope that was left does not count */
		{ "{\"$id\":\"http://x.test/"
		  "main\",\"if\":{\"$id\":\"first\",\"$defs\":{\"t\":{\"$dynamicAnchor\":\"th\","
		  "\"type\":\"number\"}}},"
		  "\"then\":{\"$id\":\"second\",\"$ref\":\"start\",\"$defs\":{\"t\":{\"$"
		  "dynamicAnchor\":\"th\",\"type\":\"null\"}}},"
		  "\"$defs\":{\"s\":{\"$id\":\"start\",\"$dynamicRef\":\"inner#th\"},\"i\":{\"$"
		  "id\":\"inner\",\"$dynamicAnchor\":\"th\",\"type\":\"string\"}}}",
		  "[null]", "[42,\"a string\"]" },
	};

	(void)state;
	RUN(rows);
}

static const struct row left_over[] = {
	{ "{\"unevaluatedProperties\":false}", "[{},[1]]", "[{\"a\":1}]" },
	{ "{\"unevaluatedProperties\":true}", "[{\"a\":1}]", NULL },
	{ "{\"unevaluatedProperties\":{\"type\":\"integer\"}}", "[{\"a\":1}]", "[{\"a\":\"x\"}]" },
	{ "{\"properties\":{\"a\":{}},\"unevaluatedProperties\":false}", "[{\"a\":1}]",
	  "[{\"a\":1,\"b\":2}]" },
	{ "{\"patternProperties\":{\"^a\":{}},\"unevaluatedProperties\":false}", "[{\"ab\":1}]",
	  "[{\"b\":1}]" },
	{ "{\"additionalProperties\":true,\"unevaluatedProperties\":false}", "[{\"a\":1}]", NULL },
	{ "{\"allOf\":[{\"properties\":{\"a\":{}}},{\"properties\":{\"b\":{}}}],"
	  "\"unevaluatedProperties\":false}",
	  "[{\"a\":1,\"b\":2}]", "[{\"c\":1}]" },
	{ "{\"anyOf\":[{\"properties\":{\"a\":{\"const\":1}},\"required\":[\"a\"]},{"
	  "\"properties\":{\"b\":{}},\"required\":[\"b\"]}],\"unevaluatedProperties\":"
	  "false}",
	  "[{\"a\":1},{\"b\":1},{\"a\":1,\"b\":2}]", "[{\"a\":2,\"b\":1},{\"a\":1,\"c\":1}]" },
	{ "{\"oneOf\":[{\"properties\":{\"a\":{}},\"required\":[\"a\"]},{\"properties\":{"
	  "\"b\":{}},\"required\":[\"b\"]}],\"unevaluatedProperties\":false}",
	  "[{\"a\":1},{\"b\":1}]", "[{\"a\":1,\"c\":1},{\"a\":1,\"b\":1}]" },
	{ "{\"not\":{\"not\":{\"properties\":{\"a\":{}}}},\"unevaluatedProperties\":false}", "[{}]",
	  "[{\"a\":1}]" },
	{ "{\"if\":{\"properties\":{\"a\":{\"const\":1}},\"required\":[\"a\"]},\"then\":{"
	  "\"properties\":{\"b\":{}}},\"else\":{\"properties\":{\"c\":{}}},"
	  "\"unevaluatedProperties\":false}",
	  "[{\"a\":1,\"b\":1},{\"c\":1}]", "[{\"a\":2},{\"a\":1,\"c\":1},{\"b\":1}]" },
	{ "{\"if\":{\"properties\":{\"a\":{}}},\"unevaluatedProperties\":false}", "[{\"a\":1}]",
	  "[{\"b\":1}]" },
	{ "{\"dependentSchemas\":{\"a\":{\"properties\":{\"b\":{}}}},\"properties\":{\"a\":"
	  "{}},\"unevaluatedProperties\":false}",
	  "[{\"a\":1,\"b\":1}]", "[{\"b\":1}]" },
	{ "{\"$ref\":\"#/$defs/"
	  "x\",\"unevaluatedProperties\":false,\"$defs\":{\"x\":{\"properties\":{\"a\":{}}}"
	  "}}",
	  "[{\"a\":1}]", "[{\"b\":1}]" },
	{ "{\"$dynamicRef\":\"#x\",\"unevaluatedProperties\":false,\"$defs\":{\"x\":{\"$"
	  "dynamicAnchor\":\"x\",\"properties\":{\"a\":{}}}}}",
	  "[{\"a\":1}]", "[{\"b\":1}]" },
	/* a cousin's are not seen */
	{ "{\"allOf\":[{\"properties\":{\"a\":{}}},{\"unevaluatedProperties\":false}]}", "[{}]",
	  "[{\"a\":1}]" },
	/* a nested one counts for the outer one */
	{ "{\"allOf\":[{\"unevaluatedProperties\":true}],\"unevaluatedProperties\":false}",
	  "[{\"a\":1}]", NULL },
	{ "{\"properties\":{\"n\":{\"properties\":{\"a\":{}}}},\"unevaluatedProperties\":"
	  "false}",
	  "[{\"n\":{\"z\":1}}]", "[{\"a\":1}]" },
	/* more than one machine word of marks */
	{ "{\"patternProperties\":{\"^p\":{}},\"unevaluatedProperties\":false}",
	  "[{\"p0\":0,\"p1\":0,\"p2\":0,\"p3\":0,\"p4\":0,\"p5\":0,\"p6\":0,\"p7\":0,"
	  "\"p8\":0,\"p9\":0,"
	  "\"pa0\":0,\"pa1\":0,\"pa2\":0,\"pa3\":0,\"pa4\":0,\"pa5\":0,\"pa6\":0,\"pa7\":0,"
	  "\"pa8\":0,\"pa9\":0,"
	  "\"pb0\":0,\"pb1\":0,\"pb2\":0,\"pb3\":0,\"pb4\":0,\"pb5\":0,\"pb6\":0,\"pb7\":0,"
	  "\"pb8\":0,\"pb9\":0,"
	  "\"pc0\":0,\"pc1\":0,\"pc2\":0,\"pc3\":0,\"pc4\":0,\"pc5\":0,\"pc6\":0,\"pc7\":0,"
	  "\"pc8\":0,\"pc9\":0,"
	  "\"pd0\":0,\"pd1\":0,\"pd2\":0,\"pd3\":0,\"pd4\":0,\"pd5\":0,\"pd6\":0,\"pd7\":0,"
	  "\"pd8\":0,\"pd9\":0,"
	  "\"pe0\":0,\"pe1\":0,\"pe2\":0,\"pe3\":0,\"pe4\":0,\"pe5\":0,\"pe6\":0,\"pe7\":0,"
	  "\"pe8\":0,\"pe9\":0,"
	  "\"pf0\":0,\"pf1\":0,\"pf2\":0,\"pf3\":0,\"pf4\":0,\"pf5\":0,\"pf6\":0,\"pf7\":0}"
	  "]",
	  NULL },
	{ "{\"unevaluatedItems\":false}", "[[],{}]", "[[1]]" },
	{ "{\"unevaluatedItems\":{\"type\":\"string\"}}", "[[\"a\"]]", "[[1]]" },
	{ "{\"prefixItems\":[{}],\"unevaluatedItems\":false}", "[[1]]", "[[1,2]]" },
	{ "{\"items\":true,\"unevaluatedItems\":false}", "[[1,2]]", NULL },
	{ "{\"contains\":{\"type\":\"string\"},\"unevaluatedItems\":{\"type\":\"integer\"}"
	  "}",
	  "[[\"a\",1],[1,\"a\",2]]", "[[\"a\",null],[1]]" },
	{ "{\"contains\":{\"const\":1},\"minContains\":0,\"unevaluatedItems\":false}", "[[],[1,1]]",
	  "[[2],[1,2]]" },
	{ "{\"allOf\":[{\"prefixItems\":[{}]},{\"prefixItems\":[true,{\"const\":2}]}],"
	  "\"unevaluatedItems\":false}",
	  "[[1],[1,2]]", "[[1,3],[1,2,3]]" },
	{ "{\"anyOf\":[{\"prefixItems\":[{},{\"const\":2}]},{\"prefixItems\":[{},{},{"
	  "\"const\":3}]}],\"unevaluatedItems\":false}",
	  "[[1,2],[1,9,3],[1,2,3]]", "[[1,2,9],[1,2,3,4]]" },
	{ "{\"if\":{\"prefixItems\":[{\"const\":1}]},\"then\":{\"prefixItems\":[{},{}]},"
	  "\"else\":{\"items\":true},\"unevaluatedItems\":false}",
	  "[[1,2],[9,9,9]]", "[[1,2,3]]" },
	{ "{\"$ref\":\"#/$defs/"
	  "x\",\"unevaluatedItems\":false,\"$defs\":{\"x\":{\"prefixItems\":[{}]}}}",
	  "[[1]]", "[[1,2]]" },
	{ "{\"allOf\":[{\"prefixItems\":[{}]},{\"unevaluatedItems\":false}]}", "[[]]", "[[1]]" },
	{ "{\"allOf\":[{\"unevaluatedItems\":true}],\"unevaluatedItems\":false}", "[[1,2]]", NULL },
};

static void what_is_left_over_is_unevaluated(void **state)
{
	(void)state;
	RUN(left_over);
}

static void annotations_change_nothing(void **state)
{
	static const struct row rows[] = {
		{ "{\"title\":\"t\",\"description\":\"d\",\"default\":5,\"deprecated\":true,"
		  "\"readOnly\":true,\"writeOnly\":false,\"examples\":[1],\"$comment\":\"c\"}",
		  "[1,\"x\",null]", NULL },
		{ "{\"contentMediaType\":\"application/"
		  "json\",\"contentEncoding\":\"base64\",\"contentSchema\":{\"type\":\"object\"}}",
		  "[\"!\",\"e30=\",1]", NULL },
		{ "{\"format\":\"date-time\"}", "[\"never\",1]", NULL },
		{ "{\"format\":\"no-such-format\"}", "[\"x\"]", NULL },
		{ "{\"x-unknown\":{\"type\":\"nonsense\"},\"dependencies\":{\"a\":[\"b\"]}}",
		  "[{\"a\":1}]", NULL },
		{ "{\"$schema\":\"https://json-schema.org/draft/2020-12/"
		  "schema\",\"type\":\"integer\"}",
		  "[1]", "[\"x\"]" },
		{ "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema#\"}", "[1]", NULL },
		{ "{\"$vocabulary\":{\"https://x.test/v\":true}}", "[1]", NULL },
	};

	(void)state;
	RUN(rows);
}

static void formats_are_asserted_on_request(void **state)
{
	static const struct row rows[] = {
		{ "{\"format\":\"date-time\"}",
		  "[\"2024-02-29T12:00:00Z\",\"1998-12-31T23:59:60Z\",\"1998-12-31T15:59:60.123-08:"
		  "00\",\"2024-01-01t00:00:00z\",12]",
		  "[\"2023-02-29T12:00:00Z\",\"2024-01-01 "
		  "00:00:00Z\",\"2024-01-01T24:00:00Z\",\"2024-01-01T00:00:00\",\"2024-01-01T22:59:"
		  "60Z\",\"2024-13-01T00:00:00Z\"]" },
		{ "{\"format\":\"date\"}", "[\"2000-02-29\",\"1963-06-19\"]",
		  "[\"1900-02-29\",\"2020-11-31\",\"2020-1-01\",\"20200101\",\"\",\"2020-00-01\","
		  "\"2020-01-00\"]" },
		{ "{\"format\":\"time\"}", "[\"08:30:06Z\",\"08:30:06.28+01:00\"]",
		  "[\"08:30:06\",\"8:30:06Z\",\"08:60:00Z\",\"08:30:06.Z\",\"08:30:06+24:00\",\"08:"
		  "30:06+01:60\"]" },
		{ "{\"format\":\"duration\"}",
		  "[\"P4DT12H30M5S\",\"P1W\",\"PT0S\",\"P1Y2M3D\",\"PT36H\",\"P1M\"]",
		  "[\"P\",\"PT\",\"P1\",\"P1D1Y\",\"P1Y2W\",\"P1Y2D\",\"PT1D\",\"4DT\",\"P2S\","
		  "\"P1WT1H\",\"pt1s\"]" },
		{ "{\"format\":\"email\"}",
		  "[\"a@b.test\",\"a.b+c@d\",\"\\\"a "
		  "b\\\"@c.test\",\"a@[127.0.0.1]\",\"a@[IPv6:::1]\"]",
		  "[\"a\",\"@b\",\"a@\",\".a@b\",\"a.@b\",\"a..b@c\",\"a@b@c\",\"a@[300.0.0.1]\","
		  "\"\\u00e9@b\"]" },
		{ "{\"format\":\"hostname\"}",
		  "[\"a\",\"www.example.com\",\"xn--nxasmq6b\",\"1.2\"]",
		  "[\"\",\"-a\",\"a-\",\"a_b\",\"a..b\",\".a\",\"a.\",\"ab--cd\",\"xn--\","
		  "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]" },
		{ "{\"format\":\"ipv4\"}", "[\"0.0.0.0\",\"255.255.255.255\"]",
		  "[\"256.0.0.0\",\"1.2.3\",\"1.2.3.4.5\",\"01.2.3.4\",\"1.2.3.4 "
		  "\",\"0x7f000001\",\"1.2.3.4\\u0000\"]" },
		{ "{\"format\":\"ipv6\"}",
		  "[\"::\",\"::1\",\"1:2:3:4:5:6:7:8\",\"::ffff:1.2.3.4\"]",
		  "[\":::\",\"1::2::3\",\"12345::\",\"1:2:3:4:5:6:7\",\"fe80::a%eth1\",\"1.2.3.4\","
		  "\"\"]" },
		{ "{\"format\":\"uri\"}",
		  "[\"http://a.test/b?c#d\",\"urn:x:y\",\"mailto:a@b\",\"http://[::1]:80/\"]",
		  "[\"/a\",\"a\",\"http://a "
		  "b\",\"http://a/<>\",\"http://[::1\",\"http://a:x/\",\":a\",\"http://\\u00e9/"
		  "\",\"a:%zz\"]" },
		{ "{\"format\":\"uri-reference\"}", "[\"/a\",\"\",\"a/b:c\",\"#f\",\"?q\"]",
		  "[\"\\\\a\",\"1a:b\",\"#a#b\",\"%2\"]" },
		{ "{\"format\":\"iri\"}", "[\"http://\\u00e9.test/\"]",
		  "[\"/\\u00e9\",\"http://a b\"]" },
		{ "{\"format\":\"iri-reference\"}", "[\"/\\u00e9\"]", "[\"\\\\\\u00e9\"]" },
		{ "{\"format\":\"uri-template\"}", "[\"/a/{b}\",\"{+x,y*}{?z:3}\",\"\",\"{a.b}\"]",
		  "[\"{\",\"{}\",\"}\",\"{a\",\"{a:0}\",\"{a:99999}\",\"{a.}\",\"<\",\"{a b}\"]" },
		{ "{\"format\":\"uuid\"}",
		  "[\"2eb8aa08-aa98-11ea-b4aa-73b441d16380\",\"2EB8AA08-AA98-11EA-B4AA-"
		  "73B441D16380\"]",
		  "[\"2eb8aa08aa9811eab4aa73b441d16380\",\"2eb8aa08-aa98-11ea-b4ga-73b441d16380\","
		  "\"\"]" },
		{ "{\"format\":\"json-pointer\"}", "[\"\",\"/\",\"/a~0b~1c\"]",
		  "[\"a\",\"/~\",\"/~2\",\"#/a\"]" },
		{ "{\"format\":\"relative-json-pointer\"}", "[\"0\",\"1/a\",\"10#\"]",
		  "[\"\",\"/a\",\"-1/a\",\"01\",\"0##\",\"1a\"]" },
		{ "{\"format\":\"regex\"}", "[\"^a+$\",\"([a-z])\\\\1\",\"\"]",
		  "[\"(\",\"^(abc]\",\"a**\",\"\\\\Z\"]" },
		{ "{\"format\":\"idn-email\"}", "[\"\\u00e9@\\u00e9.test\"]",
		  "[\"\\u00e9\",\"@a\"]" },
		{ "{\"format\":\"no-such-format\"}", "[\"x\"]", NULL },
	};

	(void)state;
	run_rows(rows, sizeof(rows) / sizeof(rows[0]), SCHEMA_FORMATS_ASSERTED);
}

static void the_table_is_large_enough(void **state)
{
	(void)state;
	print_message("%zu cases\n", case_count);
	assert_true(case_count >= 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_and_values_are_told_apart),
		cmocka_unit_test(numbers_are_compared_exactly),
		cmocka_unit_test(strings_are_measured_in_code_points),
		cmocka_unit_test(arrays_are_checked),
		cmocka_unit_test(objects_are_checked),
		cmocka_unit_test(logic_combines),
		cmocka_unit_test(references_are_followed),
		cmocka_unit_test(dynamic_references_look_outwards),
		cmocka_unit_test(what_is_left_over_is_unevaluated),
		cmocka_unit_test(annotations_change_nothing),
		cmocka_unit_test(formats_are_asserted_on_request),
		cmocka_unit_test(the_table_is_large_enough),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
