/* Compilation: what is refused and where, other documents; what errors say; and every limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "schema.h"

#define ARENA_BYTES_MAX (32 * 1024 * 1024)

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

static const struct {
	const char *schema, *pointer;
} wrong_schemas[] = {
	{ "1", "" },
	{ "null", "" },
	{ "[]", "" },
	{ "\"x\"", "" },
	{ "{\"type\":\"int\"}", "/type" },
	{ "{\"type\":[]}", "/type" },
	{ "{\"type\":[\"null\",\"null\"]}", "/type" },
	{ "{\"type\":1}", "/type" },
	{ "{\"enum\":1}", "/enum" },
	{ "{\"multipleOf\":0}", "/multipleOf" },
	{ "{\"multipleOf\":-1}", "/multipleOf" },
	{ "{\"multipleOf\":\"1\"}", "/multipleOf" },
	{ "{\"maximum\":\"1\"}", "/maximum" },
	{ "{\"minimum\":null}", "/minimum" },
	{ "{\"exclusiveMaximum\":true}", "/exclusiveMaximum" },
	{ "{\"exclusiveMinimum\":true}", "/exclusiveMinimum" },
	{ "{\"maxLength\":-1}", "/maxLength" },
	{ "{\"minLength\":1.5}", "/minLength" },
	{ "{\"maxItems\":\"1\"}", "/maxItems" },
	{ "{\"minItems\":null}", "/minItems" },
	{ "{\"uniqueItems\":1}", "/uniqueItems" },
	{ "{\"maxContains\":-1}", "/maxContains" },
	{ "{\"minContains\":-1}", "/minContains" },
	{ "{\"maxProperties\":-1}", "/maxProperties" },
	{ "{\"minProperties\":-1}", "/minProperties" },
	{ "{\"required\":\"a\"}", "/required" },
	{ "{\"required\":[1]}", "/required" },
	{ "{\"required\":[\"a\",\"a\"]}", "/required" },
	{ "{\"dependentRequired\":[]}", "/dependentRequired" },
	{ "{\"dependentRequired\":{\"a\":\"b\"}}", "/dependentRequired" },
	{ "{\"properties\":[]}", "/properties" },
	{ "{\"properties\":{\"a\":1}}", "/properties/a" },
	{ "{\"additionalProperties\":1}", "/additionalProperties" },
	{ "{\"patternProperties\":[]}", "/patternProperties" },
	{ "{\"propertyNames\":\"a\"}", "/propertyNames" },
	{ "{\"dependentSchemas\":{\"a\":[]}}", "/dependentSchemas/a" },
	{ "{\"items\":[{}]}", "/items" },
	{ "{\"prefixItems\":{}}", "/prefixItems" },
	{ "{\"prefixItems\":[]}", "/prefixItems" },
	{ "{\"contains\":[]}", "/contains" },
	{ "{\"allOf\":[]}", "/allOf" },
	{ "{\"anyOf\":{}}", "/anyOf" },
	{ "{\"oneOf\":[1]}", "/oneOf/0" },
	{ "{\"not\":null}", "/not" },
	{ "{\"if\":1}", "/if" },
	{ "{\"then\":1}", "/then" },
	{ "{\"else\":1}", "/else" },
	{ "{\"unevaluatedItems\":1}", "/unevaluatedItems" },
	{ "{\"unevaluatedProperties\":1}", "/unevaluatedProperties" },
	{ "{\"$defs\":{\"a\":1}}", "/$defs/a" },
	{ "{\"$defs\":1}", "/$defs" },
	{ "{\"$id\":1}", "/$id" },
	{ "{\"$id\":\"a#b\"}", "/$id" },
	{ "{\"$anchor\":\"1a\"}", "/$anchor" },
	{ "{\"$anchor\":\"\"}", "/$anchor" },
	{ "{\"$dynamicAnchor\":\"a b\"}", "/$dynamicAnchor" },
	{ "{\"$ref\":1}", "/$ref" },
	{ "{\"$dynamicRef\":false}", "/$dynamicRef" },
	{ "{\"$comment\":1}", "/$comment" },
	{ "{\"$vocabulary\":{\"a:b\":1}}", "/$vocabulary" },
	{ "{\"$vocabulary\":[]}", "/$vocabulary" },
	{ "{\"$schema\":1}", "/$schema" },
	{ "{\"title\":1}", "/title" },
	{ "{\"description\":[]}", "/description" },
	{ "{\"deprecated\":1}", "/deprecated" },
	{ "{\"readOnly\":\"x\"}", "/readOnly" },
	{ "{\"writeOnly\":0}", "/writeOnly" },
	{ "{\"examples\":1}", "/examples" },
	{ "{\"format\":1}", "/format" },
	{ "{\"contentEncoding\":1}", "/contentEncoding" },
	{ "{\"contentMediaType\":1}", "/contentMediaType" },
	{ "{\"contentSchema\":1}", "/contentSchema" },
	{ "{\"pattern\":1}", "/pattern" },
	{ "{\"properties\":{\"a/b\":{\"allOf\":[true,{\"type\":\"x\"}]}}}",
	  "/properties/a~1b/allOf/1/type" },
};

/* Refused by us, fine for the meta-schema. */
static const struct {
	const char *schema, *pointer;
} unusable_schemas[] = {
	{ "{\"pattern\":\"(\"}", "/pattern" },
	{ "{\"patternProperties\":{\"(\":true}}", "/patternProperties" },
	{ "{\"$ref\":\"#/nowhere\"}", "/$ref" },
	{ "{\"$ref\":\"#nowhere\"}", "/$ref" },
	{ "{\"$ref\":\"#/~2\"}", "/$ref" },
	{ "{\"$ref\":\"#/enum\",\"enum\":[1]}", "/$ref" },
	{ "{\"$ref\":\"#/allOf/01\",\"allOf\":[true,true]}", "/$ref" },
	{ "{\"$ref\":\"http://x.test/other.json\"}", "/$ref" },
	{ "{\"$dynamicRef\":\"#nowhere\"}", "/$dynamicRef" },
	{ "{\"$schema\":\"http://json-schema.org/draft-07/schema#\"}", "/$schema" },
	{ "{\"items\":{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\"}}",
	  "/items/$schema" },
	{ "{\"$defs\":{\"a\":{\"$anchor\":\"x\"},\"b\":{\"$anchor\":\"x\"}}}", "/$defs/b/$anchor" },
	{ "{\"$defs\":{\"a\":{\"$id\":\"x\"},\"b\":{\"$id\":\"x\"}}}", "/$defs/b/$id" },
	{ "{\"multipleOf\":1.000000000000000001}", "/multipleOf" },
};

static void expect_refused(const char *text, const char *pointer)
{
	struct problem problem = { 0 };
	struct schema *schema = NULL;

	assert_int_equal(schema_compile_text(&arena, str_of(text), NULL, &schema, &problem),
			 ST_SCHEMA_INVALID);
	assert_null(schema);
	assert_string_equal(problem.pointer, pointer);
	assert_true(problem.detail[0] != '\0');
}

static void wrong_schemas_are_refused_as_the_meta_schema_does(void **state)
{
	struct schema *meta;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong_schemas) / sizeof(wrong_schemas[0]); i++) {
		struct schema_result result;
		arena_reset(&arena);
		expect_refused(wrong_schemas[i].schema, wrong_schemas[i].pointer);
		assert_int_equal(schema_compile_meta(&arena, &meta, NULL), ST_OK);
		assert_int_equal(
			schema_validate(meta, parse(wrong_schemas[i].schema), &arena, &result),
			ST_OK);
		if (result.valid)
			fail_msg("the meta-schema takes %s", wrong_schemas[i].schema);
	}
}

static void unusable_schemas_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(unusable_schemas) / sizeof(unusable_schemas[0]); i++) {
		arena_reset(&arena);
		expect_refused(unusable_schemas[i].schema, unusable_schemas[i].pointer);
	}
}

static void documents_of_the_set_are_reached_and_no_others(void **state)
{
	struct schema_document documents[] = {
		{ STR("http://x.test/leaf.json"), NULL },
		{ STR("http://x.test/meta.json"), NULL },
		{ STR("http://x.test/bad.json"), NULL },
	};
	struct schema_options options = { .documents = documents,
					  .document_count = 3,
					  .base_uri = STR("http://x.test/root.json") };
	struct problem problem = { 0 };
	struct schema_result result;
	struct schema *schema;

	(void)state;
	arena_reset(&arena);
	documents[0].root = parse("{\"$defs\":{\"a\":{\"const\":1}}}");
	documents[1].root =
		parse("{\"$vocabulary\":{\"https://json-schema.org/draft/2020-12/vocab/core\":true,"
		      "\"https://json-schema.org/draft/2020-12/vocab/applicator\":true}}");
	documents[2].root = parse("{\"items\":{\"type\":\"nonsense\"},\"$vocabulary\":{\"https://"
				  "x.test/own\":true}}");
	assert_int_equal(schema_compile_text(&arena, STR("{\"$ref\":\"leaf.json#/$defs/a\"}"),
					     &options, &schema, &problem),
			 ST_OK);
	assert_int_equal(schema_validate(schema, parse("2"), &arena, &result), ST_OK);
	assert_false(result.valid);
	assert_string_equal(result.errors[0].schema.data, "http://x.test/leaf.json#/$defs/a/const");
	/* a meta-schema without the validation vocabulary switches its keywords off */
	assert_int_equal(schema_compile_text(&arena,
					     STR("{\"$schema\":\"http://x.test/"
						 "meta.json\",\"minimum\":5,\"items\":false}"),
					     &options, &schema, &problem),
			 ST_OK);
	assert_int_equal(schema_validate(schema, parse("1"), &arena, &result), ST_OK);
	assert_true(result.valid);
	assert_int_equal(schema_validate(schema, parse("[1]"), &arena, &result), ST_OK);
	assert_false(result.valid);
	/* a mistake in another document says which */
	assert_int_equal(schema_compile_text(&arena, STR("{\"$ref\":\"bad.json\"}"), &options,
					     &schema, &problem),
			 ST_SCHEMA_INVALID);
	assert_string_equal(problem.pointer, "http://x.test/bad.json#/items/type");
	assert_int_equal(schema_compile_text(&arena,
					     STR("{\"$schema\":\"http://x.test/bad.json\"}"),
					     &options, &schema, &problem),
			 ST_SCHEMA_INVALID);
	assert_string_equal(problem.pointer, "/$schema");
	assert_int_equal(schema_compile_text(&arena, STR("{\"$ref\":\"none.json\"}"), &options,
					     &schema, &problem),
			 ST_SCHEMA_INVALID);
	assert_non_null(strstr(problem.detail, "http://x.test/none.json"));
}

static void errors_name_instance_schema_and_reason(void **state)
{
	struct schema_result result;
	struct problem problem = { 0 };
	struct schema *schema;

	(void)state;
	arena_reset(&arena);
	schema = compile("{\"properties\":{\"a/b\":{\"items\":{\"$ref\":\"#/$defs/"
			 "n\"}}},\"required\":[\"z\"],"
			 "\"$defs\":{\"n\":{\"type\":\"integer\",\"minimum\":3}}}",
			 SCHEMA_FORMATS_ANNOTATED);
	assert_int_equal(schema_validate(schema, parse("{\"a/b\":[5,\"x\",1]}"), &arena, &result),
			 ST_OK);
	assert_int_equal(result.error_count, 3);
	assert_string_equal(result.errors[0].instance.data, "");
	assert_string_equal(result.errors[0].schema.data, "/required");
	assert_string_equal(result.errors[0].sentence.data, "the property \"z\" is missing");
	assert_string_equal(result.errors[1].instance.data, "/a~1b/1");
	assert_string_equal(result.errors[1].schema.data, "/$defs/n/type");
	assert_string_equal(result.errors[1].sentence.data,
			    "it is of type string where integer is wanted");
	assert_string_equal(result.errors[2].instance.data, "/a~1b/2");
	assert_int_equal(schema_check(schema, parse("{\"z\":0,\"a/b\":[1]}"), &arena, &problem),
			 ST_MESSAGE_INVALID);
	assert_string_equal(problem.pointer, "/a~1b/0");
	assert_string_equal(problem.detail, "it is less than 3");
	assert_int_equal(schema_check(schema, parse("{\"z\":0}"), &arena, &problem), ST_OK);
}

static struct json *ones(size_t count)
{
	struct json *array = json_new(&arena, JSON_ARRAY);

	for (size_t i = 0; i < count; i++)
		json_add(array, json_new_i64(&arena, (int64_t)i));
	return array;
}

static void at_most_the_limit_of_errors_is_kept(void **state)
{
	struct schema_result result;
	struct schema *schema;

	(void)state;
	arena_reset(&arena);
	schema = compile("{\"items\":false}", SCHEMA_FORMATS_ANNOTATED);
	assert_int_equal(schema_validate(schema, ones(SCHEMA_ERRORS_MAX - 1), &arena, &result),
			 ST_OK);
	assert_int_equal(result.error_count, SCHEMA_ERRORS_MAX - 1);
	assert_int_equal(schema_validate(schema, ones(SCHEMA_ERRORS_MAX + 1), &arena, &result),
			 ST_OK);
	assert_int_equal(result.error_count, SCHEMA_ERRORS_MAX);
}

static void a_schema_that_never_ends_is_refused(void **state)
{
	static const char *const endless[] = {
		"{\"$ref\":\"#\"}",
		"{\"$ref\":\"#b\",\"items\":{\"$anchor\":\"b\",\"$ref\":\"#\"}}",
		"{\"anyOf\":[{\"$ref\":\"#\"},{\"$ref\":\"#\"}]}",
		"{\"not\":{\"$dynamicRef\":\"#a\"},\"$dynamicAnchor\":\"a\"}",
	};
	struct schema_result result;

	(void)state;
	for (size_t i = 0; i < sizeof(endless) / sizeof(endless[0]); i++) {
		struct schema *schema;
		arena_reset(&arena);
		schema = compile(endless[i], SCHEMA_FORMATS_ANNOTATED);
		assert_int_equal(schema_validate(schema, parse("1"), &arena, &result),
				 ST_SCHEMA_TOO_COSTLY);
	}
}

/* A chain of `count` references, then true. */
static struct schema *chain(size_t count)
{
	struct buf buf;
	struct problem problem = { 0 };
	struct schema *schema;

	buf_init(&buf, &arena, 65536);
	buf_add_c(&buf, "{\"$ref\":\"#/$defs/0\",\"$defs\":{");
	for (size_t i = 0; i + 2 < count; i++)
		buf_printf(&buf, "\"%zu\":{\"$ref\":\"#/$defs/%zu\"},", i, i + 1);
	buf_printf(&buf, "\"%zu\":true}}", count - 2);
	assert_int_equal(schema_compile_text(&arena, buf_str(&buf), NULL, &schema, &problem),
			 ST_OK);
	return schema;
}

static void depth_is_bounded(void **state)
{
	struct schema_result result;

	(void)state;
	arena_reset(&arena);
	assert_int_equal(schema_validate(chain(SCHEMA_DEPTH_MAX), parse("1"), &arena, &result),
			 ST_OK);
	assert_true(result.valid);
	assert_int_equal(schema_validate(chain(SCHEMA_DEPTH_MAX + 1), parse("1"), &arena, &result),
			 ST_SCHEMA_TOO_COSTLY);
}

static void steps_are_bounded(void **state)
{
	/* doubles at each level */
	struct buf buf;
	struct problem problem = { 0 };
	struct schema_result result;
	struct schema *schema;

	(void)state;
	arena_reset(&arena);
	buf_init(&buf, &arena, 65536);
	buf_add_c(&buf, "{\"$ref\":\"#/$defs/0\",\"$defs\":{");
	for (int i = 0; i < 40; i++)
		buf_printf(
			&buf,
			"\"%d\":{\"allOf\":[{\"$ref\":\"#/$defs/%d\"},{\"$ref\":\"#/$defs/%d\"}]},",
			i, i + 1, i + 1);
	buf_add_c(&buf, "\"40\":true}}");
	assert_int_equal(schema_compile_text(&arena, buf_str(&buf), NULL, &schema, &problem),
			 ST_OK);
	assert_int_equal(schema_validate(schema, parse("1"), &arena, &result),
			 ST_SCHEMA_TOO_COSTLY);
	/* what is spent is what the limit counts: the same answer at a cost just within it */
	schema = compile("{\"items\":{\"const\":-1}}", SCHEMA_FORMATS_ANNOTATED);
	assert_int_equal(schema_validate(schema, ones(1000), &arena, &result), ST_OK);
	assert_true(result.steps > 10 && result.steps < SCHEMA_STEPS_MAX);
}

static void costly_patterns_are_refused(void **state)
{
	struct schema *schema;
	struct schema_result result;
	struct str text;
	struct json *node;

	(void)state;
	arena_reset(&arena);
	schema = compile("{\"pattern\":\"^(a+)+$\"}", SCHEMA_FORMATS_ANNOTATED);
	text = arena_printf(&arena, "%0*dX", 64, 0);
	for (size_t i = 0; i < 64; i++)
		((char *)(uintptr_t)text.data)[i] = 'a';
	node = json_new_string(&arena, text);
	assert_int_equal(schema_validate(schema, node, &arena, &result), ST_PATTERN_TOO_COSTLY);
}

static enum st compile_many(size_t count, const char *item)
{
	struct buf buf;
	struct problem problem = { 0 };
	struct schema *schema;

	arena_reset(&arena);
	buf_init(&buf, &arena, 65536);
	buf_add_c(&buf, "{\"$defs\":{");
	for (size_t i = 0; i < count; i++) {
		buf_printf(&buf, "%s\"%zu\":", i ? "," : "", i);
		buf_printf(&buf, item[0] == 'i' ? "{\"$id\":\"x%zu\"}" : "{}", i);
	}
	buf_add_c(&buf, "}}");
	return schema_compile_text(&arena, buf_str(&buf), NULL, &schema, &problem);
}

static void subschemas_and_resources_are_bounded(void **state)
{
	(void)state;
	assert_int_equal(compile_many(SCHEMA_NODES_MAX - 1, "n"), ST_OK);
	assert_int_equal(compile_many(SCHEMA_NODES_MAX, "n"), ST_SCHEMA_INVALID);
	assert_int_equal(compile_many(SCHEMA_RESOURCES_MAX - 1, "i"), ST_OK);
	assert_int_equal(compile_many(SCHEMA_RESOURCES_MAX, "i"), ST_SCHEMA_INVALID);
}

static void a_full_arena_is_refused(void **state)
{
	struct arena small;
	struct problem problem = { 0 };

	(void)state;
	for (size_t bytes = 64; bytes < 32768; bytes += 64) {
		struct schema *schema;
		enum st st;
		arena_init(&small, bytes);
		st = schema_compile_meta(&small, &schema, &problem);
		assert_true(st == ST_TOO_LARGE || st == ST_OK);
		arena_free(&small);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_schemas_are_refused_as_the_meta_schema_does),
		cmocka_unit_test(unusable_schemas_are_refused),
		cmocka_unit_test(documents_of_the_set_are_reached_and_no_others),
		cmocka_unit_test(errors_name_instance_schema_and_reason),
		cmocka_unit_test(at_most_the_limit_of_errors_is_kept),
		cmocka_unit_test(a_schema_that_never_ends_is_refused),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(steps_are_bounded),
		cmocka_unit_test(costly_patterns_are_refused),
		cmocka_unit_test(subschemas_and_resources_are_bounded),
		cmocka_unit_test(a_full_arena_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
