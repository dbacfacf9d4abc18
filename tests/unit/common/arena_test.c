#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "arena.h"

#define CAP ((size_t)100000)

static void pieces_are_zeroed_and_aligned_also_after_a_reset(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, CAP);
	for (int round = 0; round < 3; round++) {
		for (size_t size = 0; size < 300; size++) {
			unsigned char *piece = arena_alloc(&arena, size);

			assert_non_null(piece);
			assert_int_equal((uintptr_t)piece % ARENA_ALIGNMENT, 0);
			for (size_t i = 0; i < size; i++)
				assert_int_equal(piece[i], 0);
			memset(piece, 0xaa, size);
		}
		arena_reset(&arena);
		assert_int_equal(arena.used_bytes, 0);
	}
	arena_free(&arena);
}

static void the_cap_is_reached_exactly_and_not_passed(void **state)
{
	struct arena arena;

	(void)state;
	for (size_t cap = 1; cap < 40; cap++) {
		arena_init(&arena, cap);
		assert_null(arena_alloc(&arena, cap + 1));
		assert_true(arena.failed);
		arena_reset(&arena);
		assert_false(arena.failed);
		assert_non_null(arena_alloc(&arena, cap));
		assert_int_equal(arena.used_bytes, cap);
		assert_null(arena_alloc(&arena, 1));
		assert_true(arena.failed);
		arena_free(&arena);
	}
}

static void a_refused_piece_leaves_the_arena_usable(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 1000);
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_null(arena_alloc(&arena, SIZE_MAX - 15));
	assert_null(arena_array(&arena, SIZE_MAX / 2, 3));
	assert_null(arena_copy(&arena, (struct str){ "", SIZE_MAX }).data);
	assert_int_equal(arena.used_bytes, 0);
	assert_non_null(arena_alloc(&arena, 1000));
	arena_free(&arena);
}

static size_t block_count(const struct arena *arena)
{
	struct arena warm = *arena;
	size_t count = 0;

	/* The first member of a block is the next one. */
	for (struct arena_block *b = warm.blocks; b; b = *(struct arena_block **)b)
		count++;
	return count;
}

static void a_warm_arena_takes_no_new_blocks(void **state)
{
	struct arena arena;
	size_t blocks;

	(void)state;
	srand(7);
	arena_init(&arena, CAP);
	for (int round = 0; round < 50; round++) {
		while (arena_alloc(&arena, (size_t)rand() % 5000))
			continue;
		arena_reset(&arena);
	}
	blocks = block_count(&arena);
	assert_true(blocks <= 6);
	for (int round = 0; round < 200; round++) {
		while (arena_alloc(&arena, (size_t)rand() % 20000))
			continue;
		arena_reset(&arena);
	}
	assert_true(block_count(&arena) <= 6);
	arena_free(&arena);
	assert_null(arena.blocks);
	arena_free(NULL);
}

static void copies_and_prints_end_with_a_nul(void **state)
{
	struct arena arena;
	struct str s;

	(void)state;
	arena_init(&arena, CAP);
	s = arena_copy(&arena, (struct str){ "abcdef", 3 });
	assert_int_equal(s.size, 3);
	assert_string_equal(s.data, "abc");
	s = arena_copy(&arena, (struct str){ 0 });
	assert_non_null(s.data);
	assert_string_equal(s.data, "");
	s = arena_printf(&arena, "%s-%d", "x", 42);
	assert_int_equal(s.size, 4);
	assert_string_equal(s.data, "x-42");
	arena_free(&arena);
	arena_init(&arena, 4);
	assert_null(arena_printf(&arena, "%s", "four").data);
	assert_null(arena_copy(&arena, STR("four")).data);
	assert_non_null(arena_copy(&arena, STR("for")).data);
	arena_free(&arena);
}

static void pieces_never_overlap(void **state)
{
	enum { COUNT = 400 };
	struct arena arena;
	unsigned char *pieces[COUNT];
	size_t sizes[COUNT];

	(void)state;
	srand(11);
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < COUNT; i++) {
		sizes[i] = (size_t)rand() % 2000;
		pieces[i] = arena_alloc(&arena, sizes[i]);
		assert_non_null(pieces[i]);
		memset(pieces[i], (int)(i % 251), sizes[i]);
	}
	for (size_t i = 0; i < COUNT; i++) {
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(pieces[i][j], i % 251);
	}
	arena_free(&arena);
}

static void a_buffer_grows_and_keeps_what_it_has(void **state)
{
	struct arena arena;
	struct buf buf;
	struct str s;

	(void)state;
	arena_init(&arena, CAP);
	buf_init(&buf, &arena, 0);
	for (int i = 0; i < 3000; i++) {
		buf_add_char(&buf, (char)('a' + i % 26));
		if (i % 500 == 0)
			arena_alloc(&arena, 10); /* it can no longer grow where it is */
	}
	s = buf_str(&buf);
	assert_int_equal(s.size, 3000);
	for (size_t i = 0; i < s.size; i++)
		assert_int_equal(s.data[i], 'a' + (int)i % 26);
	assert_int_equal(s.data[s.size], 0);
	buf_add_c(&buf, "!");
	buf_add_str(&buf, STR("?"));
	buf_add_i64(&buf, INT64_MIN);
	buf_add_i64(&buf, 0);
	buf_add_i64(&buf, INT64_MAX);
	buf_printf(&buf, "%05d", 42);
	buf_add(&buf, NULL, 0);
	s = buf_str(&buf);
	assert_string_equal(s.data + 3000, "!?-9223372036854775808092233720368547758070"
					   "0042");
	assert_false(buf.failed);
	arena_free(&arena);
}

static void a_full_buffer_fails_once_and_for_all(void **state)
{
	struct arena arena;
	struct buf buf;

	(void)state;
	arena_init(&arena, 64);
	buf_init(&buf, &arena, 1);
	for (int i = 0; i < 63; i++)
		buf_add_char(&buf, 'x');
	assert_int_equal(buf_str(&buf).size, 63);
	buf_add_char(&buf, 'x');
	assert_true(buf.failed);
	assert_null(buf_str(&buf).data);
	buf_add_c(&buf, "y");
	buf_printf(&buf, "z");
	assert_int_equal(buf.size, 63);
	assert_null(buf_str(&buf).data);
	arena_reset(&arena);
	buf_init(&buf, &arena, 65);
	assert_true(buf.failed);
	assert_null(buf_str(&buf).data);
	arena_free(&arena);
}

static void a_buffer_that_could_not_double_still_takes_what_fits(void **state)
{
	struct arena arena;
	struct buf buf;

	(void)state;
	arena_init(&arena, 1024);
	buf_init(&buf, &arena, 400);
	arena_alloc(&arena, 16);
	for (int i = 0; i < 500; i++)
		buf_add_char(&buf, 'x');
	assert_int_equal(buf_str(&buf).size, 500);
	assert_false(arena.failed);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_zeroed_and_aligned_also_after_a_reset),
		cmocka_unit_test(the_cap_is_reached_exactly_and_not_passed),
		cmocka_unit_test(a_refused_piece_leaves_the_arena_usable),
		cmocka_unit_test(a_warm_arena_takes_no_new_blocks),
		cmocka_unit_test(copies_and_prints_end_with_a_nul),
		cmocka_unit_test(pieces_never_overlap),
		cmocka_unit_test(a_buffer_grows_and_keeps_what_it_has),
		cmocka_unit_test(a_full_buffer_fails_once_and_for_all),
		cmocka_unit_test(a_buffer_that_could_not_double_still_takes_what_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
