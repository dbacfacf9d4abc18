#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/registry/registry.h"

#define NOW_MS INT64_C(1767225600000)

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct agent_filter filter_any(void)
{
	return (struct agent_filter){
		.role = STR(""),
		.unit = STR(""),
		.owner = STR(""),
		.capability = STR(""),
		.tier = -1,
		.score_max = 100,
	};
}

static struct cursor cursor_make(enum registry_agent_sort sort, enum registry_sort_order order)
{
	return (struct cursor){
		.sort = sort,
		.order = order,
		.number = 42,
		.name = STR("Ol\xc3\xa1 \"x\" y"),
		.score = 61.300000000000004,
		.created_ms = NOW_MS,
	};
}

static void key_equal(const struct cursor *a, const struct cursor *b)
{
	assert_int_equal(a->sort, b->sort);
	assert_int_equal(a->order, b->order);
	assert_int_equal(a->number, b->number);
	if (a->sort == REGISTRY_AGENT_SORT_NAME)
		assert_true(str_equal(a->name, b->name));
	if (a->sort == REGISTRY_AGENT_SORT_SCORE)
		assert_memory_equal(&a->score, &b->score, sizeof(a->score));
	if (a->sort == REGISTRY_AGENT_SORT_CREATED)
		assert_int_equal(a->created_ms, b->created_ms);
}

/* [AGT-11] */
static void a_cursor_comes_back_as_it_was(void **state)
{
	struct agent_filter filter = filter_any();

	(void)state;
	for (int sort = REGISTRY_AGENT_SORT_ID; sort <= REGISTRY_AGENT_SORT_CREATED; sort++) {
		for (int order = 1; order <= 2; order++) {
			struct cursor cursor = cursor_make((enum registry_agent_sort)sort,
							   (enum registry_sort_order)order);
			struct cursor back;
			struct str text = cursor_write(&cursor, &filter, &arena);

			assert_int_equal(cursor_read(text, cursor.sort, cursor.order, &filter,
						     &arena, &back, NULL),
					 ST_OK);
			key_equal(&cursor, &back);
		}
	}
}

static void no_cursor_is_the_first_page(void **state)
{
	struct agent_filter filter = filter_any();
	struct cursor cursor;

	(void)state;
	assert_int_equal(cursor_read((struct str){ 0 }, REGISTRY_AGENT_SORT_NAME,
				     REGISTRY_SORT_ORDER_DESCENDING, &filter, &arena, &cursor,
				     NULL),
			 ST_OK);
	assert_int_equal(cursor.number, 0);
	assert_int_equal(cursor.sort, REGISTRY_AGENT_SORT_NAME);
}

static void refused(struct str text, enum registry_agent_sort sort, enum registry_sort_order order,
		    const struct agent_filter *filter)
{
	struct cursor cursor = { .number = 7 };
	struct problem problem = { 0 };

	assert_int_equal(cursor_read(text, sort, order, filter, &arena, &cursor, &problem),
			 ST_CURSOR_INVALID);
	assert_string_equal(problem.pointer, "/cursor");
	assert_int_equal(cursor.number, 7);
}

static void a_cursor_fits_only_its_own_listing(void **state)
{
	struct cursor cursor = cursor_make(REGISTRY_AGENT_SORT_NAME, REGISTRY_SORT_ORDER_ASCENDING);
	struct agent_filter filter = filter_any(), other;
	struct str text = cursor_write(&cursor, &filter, &arena);

	(void)state;
	refused(text, REGISTRY_AGENT_SORT_ID, cursor.order, &filter);
	refused(text, cursor.sort, REGISTRY_SORT_ORDER_DESCENDING, &filter);
	other = filter;
	other.role = STR("social_promoter");
	refused(text, cursor.sort, cursor.order, &other);
	other = filter;
	other.tier = 0;
	refused(text, cursor.sort, cursor.order, &other);
	other = filter;
	other.unit = STR("a");
	refused(text, cursor.sort, cursor.order, &other);
	other = filter;
	other.state = REGISTRY_AGENT_STATE_ACTIVE;
	refused(text, cursor.sort, cursor.order, &other);
	other = filter;
	other.score_min = 0.5;
	refused(text, cursor.sort, cursor.order, &other);
	other = filter;
	other.must_restart = true;
	refused(text, cursor.sort, cursor.order, &other);
}

static void what_is_no_cursor_is_refused(void **state)
{
	static const char *const texts[] = { "", "0", "00", "zz", "2020202020", "7b7d" };
	struct cursor cursor =
		cursor_make(REGISTRY_AGENT_SORT_SCORE, REGISTRY_SORT_ORDER_ASCENDING);
	struct agent_filter filter = filter_any();
	struct str text = cursor_write(&cursor, &filter, &arena);
	char long_text[2 * CURSOR_BYTES_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		refused(str_of(texts[i]), cursor.sort, cursor.order, &filter);
	for (size_t cut = 0; cut <= 48; cut++) /* up to the key */
		refused((struct str){ text.data, cut }, cursor.sort, cursor.order, &filter);
	memset(long_text, '0', sizeof(long_text));
	refused((struct str){ long_text, sizeof(long_text) }, cursor.sort, cursor.order, &filter);
}

/* No text makes it do anything but refuse or answer. */
static void a_cursor_with_any_byte_changed_is_read_or_refused(void **state)
{
	struct cursor cursor =
		cursor_make(REGISTRY_AGENT_SORT_CREATED, REGISTRY_SORT_ORDER_ASCENDING);
	struct agent_filter filter = filter_any();
	struct str text = cursor_write(&cursor, &filter, &arena);
	char copy[512];

	(void)state;
	assert_true(text.size < sizeof(copy));
	for (size_t i = 0; i < text.size; i++) {
		for (const char *c = "0123456789abcdefg"; *c; c++) {
			struct cursor back = { 0 };

			memcpy(copy, text.data, text.size);
			copy[i] = *c;
			enum st st = cursor_read((struct str){ copy, text.size }, cursor.sort,
						 cursor.order, &filter, &arena, &back, NULL);
			assert_true(st == ST_OK || st == ST_CURSOR_INVALID);
			if (st == ST_OK)
				assert_true(back.number > 0);
		}
		arena_reset(&arena);
		text = cursor_write(&cursor, &filter, &arena);
	}
}

static void csv_fields_are_quoted_where_they_must_be(void **state)
{
	static const struct {
		struct str value;
		const char *csv;
	} table[] = {
		{ { "plain", 5 }, "plain" },
		{ { "", 0 }, "" },
		{ { "a,b", 3 }, "\"a,b\"" },
		{ { "say \"hi\"", 8 }, "\"say \"\"hi\"\"\"" },
		{ { "two\nlines", 9 }, "\"two\nlines\"" },
		{ { "\r", 1 }, "\"\r\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct buf buf;

		buf_init(&buf, &arena, 16);
		csv_field(&buf, table[i].value);
		assert_string_equal(buf_str(&buf).data, table[i].csv);
	}
}

static struct str scopes[] = { { "trend_scan", 10 }, { "template_gen", 12 } };

static struct registry_agent_summary summary_make(void)
{
	return (struct registry_agent_summary){
		.agent_id = STR("piopl_00001"),
		.name = STR("Crafter, the \"first\""),
		.role = STR("digital_product_generator"),
		.tier = 0,
		.unit = STR("content.alpha"),
		.owner = STR("andy.jones@css"),
		.state = REGISTRY_AGENT_STATE_ACTIVE,
		.throttled = true,
		.version = STR("1.2.3"),
		.score = 87.5,
		.created_ms = NOW_MS,
		.capability_scopes = { scopes, 2 },
		.tools = { scopes, 1 },
		.constitution_hash = STR(HASH_ZERO_TEXT),
	};
}

/* [AGT-11] */
static void a_csv_row_has_a_field_for_each_column(void **state)
{
	struct registry_agent_summary summary = summary_make();
	struct buf buf;

	(void)state;
	buf_init(&buf, &arena, 64);
	csv_row(&buf, &summary);
	assert_string_equal(buf_str(&buf).data,
			    "piopl_00001,\"Crafter, the \"\"first\"\"\","
			    "digital_product_generator,0,content.alpha,andy.jones@css,active,true,"
			    "1.2.3,87.5,2026-01-01T00:00:00.000Z,,trend_scan;template_gen,"
			    "trend_scan," HASH_ZERO_TEXT ",\r\n");
	buf_init(&buf, &arena, 64);
	csv_header(&buf);
	size_t commas = 0;
	for (const char *c = buf_str(&buf).data; *c; c++)
		commas += *c == ',';
	assert_int_equal(commas, 15);
}

static void the_bound_of_a_summary_is_above_its_size(void **state)
{
	struct registry_agent_summary summary = summary_make();
	struct str text;

	(void)state;
	assert_int_equal(proto_encode(&registry_agent_summary_type, &summary, &arena, &text),
			 ST_OK);
	assert_true(summary_bytes_max(&summary) >= text.size);
	assert_true(summary_bytes_max(&summary) < text.size * 2);
	summary.name = STR("\x01\x02\x03\"\"\"\\\\\\");
	summary.approved_by = STR("per_00000000-0000-0000-0000-000000000000");
	summary.score = 61.300000000000004;
	assert_int_equal(proto_encode(&registry_agent_summary_type, &summary, &arena, &text),
			 ST_OK);
	assert_true(summary_bytes_max(&summary) >= text.size);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_cursor_comes_back_as_it_was),
		TEST(no_cursor_is_the_first_page),
		TEST(a_cursor_fits_only_its_own_listing),
		TEST(what_is_no_cursor_is_refused),
		TEST(a_cursor_with_any_byte_changed_is_read_or_refused),
		TEST(csv_fields_are_quoted_where_they_must_be),
		TEST(a_csv_row_has_a_field_for_each_column),
		TEST(the_bound_of_a_summary_is_above_its_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
