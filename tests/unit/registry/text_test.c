#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "services/registry/registry.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* [AGT-1] */
static void a_unit_path_is_labels_and_has_a_parent(void **state)
{
	static const struct {
		const char *path;
		enum st st;
		const char *parent;
	} table[] = {
		{ "content", ST_OK, "" },
		{ "content.alpha", ST_OK, "content" },
		{ "a.b.c", ST_OK, "a.b" },
		{ "a1.b-2.c_3", ST_OK, "a1.b-2" },
		{ "", ST_MESSAGE_INVALID, NULL },
		{ ".", ST_MESSAGE_INVALID, NULL },
		{ "a.", ST_MESSAGE_INVALID, NULL },
		{ ".a", ST_MESSAGE_INVALID, NULL },
		{ "a..b", ST_MESSAGE_INVALID, NULL },
		{ "1a", ST_MESSAGE_INVALID, NULL },
		{ "A", ST_MESSAGE_INVALID, NULL },
		{ "a b", ST_MESSAGE_INVALID, NULL },
		{ "a.b.c.d.e.f.g.h", ST_OK, "a.b.c.d.e.f.g" },
		{ "a.b.c.d.e.f.g.h.i", ST_UNIT_TOO_DEEP, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct str parent = { 0 };

		assert_int_equal(unit_path_check(str_of(table[i].path), &parent, NULL),
				 table[i].st);
		if (table[i].st == ST_OK)
			assert_true(str_is(parent, table[i].parent));
		else
			assert_null(parent.data);
	}
}

static void a_unit_path_of_256_bytes_is_the_longest(void **state)
{
	char path[UNIT_PATH_BYTES_MAX + 1];
	struct str parent;

	(void)state;
	memset(path, 'a', sizeof(path));
	assert_int_equal(unit_path_check((struct str){ path, UNIT_PATH_BYTES_MAX }, &parent, NULL),
			 ST_OK);
	assert_int_equal(
		unit_path_check((struct str){ path, UNIT_PATH_BYTES_MAX + 1 }, &parent, NULL),
		ST_MESSAGE_INVALID);
}

static void a_unit_is_under_itself_and_its_ancestors_only(void **state)
{
	(void)state;
	assert_true(unit_is_under(STR("a.b"), STR("a.b")));
	assert_true(unit_is_under(STR("a.b.c"), STR("a.b")));
	assert_true(unit_is_under(STR("a.b.c"), STR("a")));
	assert_false(unit_is_under(STR("a.bc"), STR("a.b")));
	assert_false(unit_is_under(STR("a"), STR("a.b")));
	assert_false(unit_is_under(STR("b.a"), STR("a")));
}

static enum st constitution(const char *text, struct registry_invariant *invariants, size_t count,
			    struct problem *problem)
{
	struct registry_constitution_add_request in = {
		.title = STR("t"),
		.text = str_of(text),
		.invariants = { invariants, count },
	};

	return constitution_check(&in, problem);
}

/* [AGT-7] */
static void an_invariant_stands_word_for_word_in_its_constitution(void **state)
{
	struct registry_invariant invariants[] = {
		{ STR("INV-1"), STR("Capability is not permission.") },
		{ STR("INV-2"), STR("No agent without a kill switch.") },
	};
	struct problem problem = { 0 };

	(void)state;
	assert_int_equal(constitution("1. Capability is not permission.\n"
				      "2. No agent without a kill switch.\n",
				      invariants, 2, &problem),
			 ST_OK);
	assert_int_equal(constitution("1. Capability is not permission.\n"
				      "2. No agent without a kill-switch.\n",
				      invariants, 2, &problem),
			 ST_INVARIANT_NOT_IN_TEXT);
	assert_string_equal(problem.pointer, "/invariants/1");
	invariants[1].invariant_id = STR("INV-1");
	assert_int_equal(constitution("Capability is not permission. No agent without a kill "
				      "switch.",
				      invariants, 2, &problem),
			 ST_ALREADY_EXISTS);
}

/* [AGT-13] */
static void names_of_a_batch_are_numbered_and_fit(void **state)
{
	char prefix[4 * AGENT_NAME_CODE_POINTS_MAX + 1] = "";
	struct arena arena;

	(void)state;
	arena_init(&arena, 4096);
	assert_true(str_is(batch_name(STR("crafter"), 1, &arena), "crafter_00001"));
	assert_true(str_is(batch_name(STR("crafter"), BATCH_AGENTS_MAX, &arena), "crafter_25000"));
	/* the limit counts characters, not bytes */
	for (int i = 0; i < AGENT_NAME_CODE_POINTS_MAX - BATCH_NAME_DIGITS; i++)
		strcat(prefix, "\xc3\xa9");
	assert_int_equal(batch_name_check(str_of(prefix), NULL), ST_OK);
	strcat(prefix, "e");
	assert_int_equal(batch_name_check(str_of(prefix), NULL), ST_BATCH_NAME_TOO_LONG);
	arena_free(&arena);
}

/* [AGT-12] */
static void a_steward_whose_key_does_not_end_has_to_stay(void **state)
{
	struct steward_key keys[] = {
		{ STR("per_a"), STR("key_a1"), false },
		{ STR("per_a"), STR("key_a2"), false },
		{ STR("per_b"), STR("key_b1"), true },
	};

	(void)state;
	assert_int_equal(steward_stays(keys, 3, STR("per_a"), STR(""), NULL), ST_LAST_STEWARD);
	assert_int_equal(steward_stays(keys, 3, STR("per_b"), STR(""), NULL), ST_OK);
	assert_int_equal(steward_stays(keys, 3, STR("per_c"), STR(""), NULL), ST_OK);
	assert_int_equal(steward_stays(keys, 3, STR(""), STR("key_a1"), NULL), ST_OK);
	assert_int_equal(steward_stays(&keys[1], 2, STR(""), STR("key_a2"), NULL), ST_LAST_STEWARD);
	keys[2].ends = false;
	assert_int_equal(steward_stays(keys, 3, STR("per_a"), STR(""), NULL), ST_OK);
	/* nobody signs any more, but who goes is not to blame */
	assert_int_equal(steward_stays(keys, 0, STR("per_c"), STR(""), NULL), ST_OK);
}

static void roles_of_people_read_and_print_the_same(void **state)
{
	(void)state;
	for (int i = 0; registry_person_role_names[i]; i++) {
		enum registry_person_role role =
			person_role_of(str_of(registry_person_role_names[i]));

		assert_int_equal(role, i + 1);
		assert_true(str_is(person_role_name(role), registry_person_role_names[i]));
	}
	assert_int_equal(person_role_of(STR("king")), REGISTRY_PERSON_ROLE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_unit_path_is_labels_and_has_a_parent),
		cmocka_unit_test(a_unit_path_of_256_bytes_is_the_longest),
		cmocka_unit_test(a_unit_is_under_itself_and_its_ancestors_only),
		cmocka_unit_test(an_invariant_stands_word_for_word_in_its_constitution),
		cmocka_unit_test(names_of_a_batch_are_numbered_and_fit),
		cmocka_unit_test(a_steward_whose_key_does_not_end_has_to_stay),
		cmocka_unit_test(roles_of_people_read_and_print_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
