/* supervise_test.c: what is done with a part, given what is seen of it [PLT-18]; and where the
 * invariants stand in a constitution. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "services/terminal/constitution.h"
#include "services/terminal/supervise.h"

static struct part_seen at(int64_t now_ms)
{
	return (struct part_seen){ .now_ms = now_ms, .needs_met = true, .exit_status = -1 };
}

static struct part_seen running(int64_t now_ms, bool ready)
{
	struct part_seen seen = at(now_ms);

	seen.alive = true;
	seen.ready = ready;
	return seen;
}

static void a_part_waits_for_what_it_needs(void **state)
{
	struct board_part part = { 0 };
	struct part_seen seen = at(10);

	(void)state;
	seen.needs_met = false;
	assert_int_equal(part_step(&part, &seen), PART_NOTHING);
	assert_int_equal(part.state, PART_WAITING);
	seen.needs_met = true;
	assert_int_equal(part_step(&part, &seen), PART_START);
	assert_int_equal(part.state, PART_STARTING);
	assert_int_equal(part.started_ms, 10);
}

static void readiness_comes_and_goes(void **state)
{
	struct board_part part = { .state = PART_STARTING, .pid = 7 };
	struct part_seen seen = running(100, false);

	(void)state;
	part_step(&part, &seen);
	assert_int_equal(part.state, PART_STARTING);
	seen = running(200, true);
	part_step(&part, &seen);
	assert_int_equal(part.state, PART_READY);
	assert_int_equal(part.state_since_ms, 200);
	seen = running(300, true);
	part_step(&part, &seen);
	assert_int_equal(part.state_since_ms, 200);
	seen = running(400, false);
	part_step(&part, &seen);
	assert_int_equal(part.state, PART_UNREADY);
	seen = running(500, true);
	part_step(&part, &seen);
	assert_int_equal(part.state, PART_READY);
}

static void a_dead_part_starts_again_after_its_pause(void **state)
{
	struct board_part part = { .state = PART_READY, .pid = 7, .started_ms = 0 };
	struct part_seen seen = at(100);

	(void)state;
	seen.exit_status = 137;
	assert_int_equal(part_step(&part, &seen), PART_NOTHING);
	assert_int_equal(part.state, PART_BACKOFF);
	assert_int_equal(part.pid, 0);
	assert_int_equal(part.last_exit, 137);
	assert_int_equal(part.restarts, 1);
	assert_int_equal(part.backoff_ms, PART_BACKOFF_MS_MIN);
	seen = at(100 + PART_BACKOFF_MS_MIN - 1);
	assert_int_equal(part_step(&part, &seen), PART_NOTHING);
	seen = at(100 + PART_BACKOFF_MS_MIN);
	assert_int_equal(part_step(&part, &seen), PART_START);
}

/* [PLT-18] It lives, and that is all: killed after its time, and again only after another. */
static void a_part_that_hangs_is_killed(void **state)
{
	struct board_part part = { .state = PART_READY, .pid = 7 };
	struct part_seen seen = running(1000, false);

	(void)state;
	seen.silent = true;
	assert_int_equal(part_step(&part, &seen), PART_NOTHING);
	seen.now_ms = 1000 + PART_SILENT_MS_MAX - 1;
	assert_int_equal(part_step(&part, &seen), PART_NOTHING);
	seen.now_ms++;
	assert_int_equal(part_step(&part, &seen), PART_KILL);
	assert_int_equal(part_step(&part, &seen), PART_NOTHING);
	seen = at(seen.now_ms + 10);
	assert_int_equal(part_step(&part, &seen), PART_NOTHING);
	assert_int_equal(part.state, PART_BACKOFF);
}

/* [PLT-18] Starting may take longer than answering. */
static void a_part_that_starts_has_more_time(void **state)
{
	struct board_part part = { .state = PART_STARTING, .pid = 7 };
	struct part_seen seen = running(1000, false);

	(void)state;
	seen.silent = true;
	assert_int_equal(part_step(&part, &seen), PART_NOTHING);
	seen.now_ms = 1000 + PART_SILENT_STARTING_MS_MAX - 1;
	assert_int_equal(part_step(&part, &seen), PART_NOTHING);
	seen.now_ms++;
	assert_int_equal(part_step(&part, &seen), PART_KILL);
}

/* One answer in between, be it a bad one, and its time begins anew. */
static void a_part_that_says_it_is_not_ready_is_left_alone(void **state)
{
	struct board_part part = { .state = PART_READY, .pid = 7 };
	struct part_seen seen = running(1000, false);

	(void)state;
	seen.silent = true;
	part_step(&part, &seen);
	seen = running(20000, false);
	part_step(&part, &seen);
	seen.silent = true;
	seen.now_ms = 1000 + PART_SILENT_MS_MAX;
	assert_int_equal(part_step(&part, &seen), PART_NOTHING);
	seen = running(1000 + 10 * PART_SILENT_MS_MAX, false);
	assert_int_equal(part_step(&part, &seen), PART_NOTHING);
	assert_int_equal(part.state, PART_UNREADY);
}

static void the_pause_grows_to_its_limit(void **state)
{
	static const uint32_t expected[] = { 50, 100, 200, 400, 800, 1600, 3200, 5000, 5000 };
	uint32_t backoff_ms = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		backoff_ms = part_backoff_next(backoff_ms);
		assert_int_equal(backoff_ms, expected[i]);
	}
	assert_int_equal(part_backoff_next(UINT32_MAX), PART_BACKOFF_MS_MAX);
}

static void running_long_enough_forgets_the_pause(void **state)
{
	struct board_part part = { .state = PART_READY, .pid = 7, .backoff_ms = 3200 };
	struct part_seen seen = at(PART_STEADY_MS - 1);

	(void)state;
	part_step(&part, &seen);
	assert_int_equal(part.backoff_ms, PART_BACKOFF_MS_MAX);
	part = (struct board_part){ .state = PART_READY, .pid = 7, .backoff_ms = 3200 };
	seen = at(PART_STEADY_MS);
	part_step(&part, &seen);
	assert_int_equal(part.backoff_ms, PART_BACKOFF_MS_MIN);
}

static void a_part_does_not_start_again_before_what_it_needs_is_back(void **state)
{
	struct board_part part = { .state = PART_BACKOFF, .retry_at_ms = 50 };
	struct part_seen seen = at(1000);

	(void)state;
	seen.needs_met = false;
	assert_int_equal(part_step(&part, &seen), PART_NOTHING);
	assert_int_equal(part.state, PART_BACKOFF);
}

static void a_task_is_done_only_when_it_succeeds(void **state)
{
	struct board_part part = { .state = PART_STARTING, .pid = 7 };
	struct part_seen seen = at(100);

	(void)state;
	seen.once = true;
	seen.exit_status = 1;
	part_step(&part, &seen);
	assert_int_equal(part.state, PART_BACKOFF);
	part.state = PART_STARTING;
	seen.exit_status = 0;
	part_step(&part, &seen);
	assert_int_equal(part.state, PART_DONE);
	assert_int_equal(part_step(&part, &seen), PART_NOTHING);
	assert_int_equal(part.state, PART_DONE);
}

static void a_part_stops_after_those_that_need_it(void **state)
{
	struct board_part part = { .state = PART_READY, .pid = 7 };
	struct part_seen seen = running(1000, true);

	(void)state;
	seen.stopping = true;
	assert_int_equal(part_step(&part, &seen), PART_NOTHING);
	assert_int_equal(part.state, PART_READY);
	seen.dependants_gone = true;
	assert_int_equal(part_step(&part, &seen), PART_TERMINATE);
	assert_int_equal(part.state, PART_STOPPING);
	assert_int_equal(part_step(&part, &seen), PART_NOTHING);
	seen.alive = false;
	assert_int_equal(part_step(&part, &seen), PART_NOTHING);
	assert_int_equal(part.state, PART_STOPPED);
}

static void a_part_that_does_not_stop_is_killed_once(void **state)
{
	struct board_part part = { .state = PART_READY, .pid = 7 };
	struct part_seen seen = running(1000, true);

	(void)state;
	seen.stopping = true;
	seen.dependants_gone = true;
	assert_int_equal(part_step(&part, &seen), PART_TERMINATE);
	seen.now_ms = 1000 + PART_STOP_MS_MAX - 1;
	assert_int_equal(part_step(&part, &seen), PART_NOTHING);
	seen.now_ms = 1000 + PART_STOP_MS_MAX;
	assert_int_equal(part_step(&part, &seen), PART_KILL);
	assert_int_equal(part_step(&part, &seen), PART_NOTHING);
}

static void nothing_starts_while_the_stack_stops(void **state)
{
	static const enum part_state states[] = { PART_WAITING, PART_BACKOFF, PART_DONE };

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct board_part part = { .state = states[i] };
		struct part_seen seen = at(10000);

		seen.stopping = true;
		assert_int_equal(part_step(&part, &seen), PART_NOTHING);
		assert_int_equal(part.state, PART_STOPPED);
	}
}

static void a_stop_begun_by_a_dead_supervisor_ends_as_a_restart(void **state)
{
	struct board_part part = { .state = PART_STOPPING, .pid = 7 };
	struct part_seen seen = running(100, true);

	(void)state;
	assert_int_equal(part_step(&part, &seen), PART_NOTHING);
	assert_int_equal(part.state, PART_STOPPING);
	seen = at(200);
	part_step(&part, &seen);
	assert_int_equal(part.state, PART_BACKOFF);
}

static void every_state_has_a_name(void **state)
{
	(void)state;
	for (int i = PART_WAITING; i <= PART_STOPPED; i++)
		assert_string_not_equal(part_state_name((enum part_state)i), "unknown");
	assert_string_equal(part_state_name((enum part_state)99), "unknown");
}

/* --- invariants of a constitution [AGT-7] --- */

static struct registry_invariant *invariants;
static size_t invariant_count;
static struct problem problem;

static enum st read_invariants(struct arena *arena, const char *text)
{
	problem = (struct problem){ 0 };
	return constitution_invariants(str_of(text), arena, &invariants, &invariant_count,
				       &problem);
}

static void invariants_are_taken_word_for_word(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 1024 * 1024);
	assert_int_equal(read_invariants(&arena,
					 "# A text\n\n**INV-1:** One rule.\nwords\n"
					 "**INV-2a:** Another; with **bold:** words.\n"
					 "**INV-3** no colon\n not at the start **INV-4:** x\n"
					 "**INV-5:** \n**INV-6:** last"),
			 ST_OK);
	assert_int_equal(invariant_count, 3);
	assert_true(str_is(invariants[0].invariant_id, "INV-1"));
	assert_true(str_is(invariants[0].text, "One rule."));
	assert_true(str_is(invariants[1].invariant_id, "INV-2a"));
	assert_true(str_is(invariants[1].text, "Another; with **bold:** words."));
	assert_true(str_is(invariants[2].text, "last"));
	arena_free(&arena);
}

static void a_text_without_invariants_is_refused(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 1024 * 1024);
	assert_int_equal(read_invariants(&arena, ""), ST_USAGE);
	assert_int_equal(read_invariants(&arena, "no rules here\n"), ST_USAGE);
	assert_string_equal(problem.detail, "the text has no invariants");
	arena_free(&arena);
}

static void the_number_of_invariants_is_bounded(void **state)
{
	struct arena arena;
	struct buf buf;

	(void)state;
	arena_init(&arena, 1024 * 1024);
	buf_init(&buf, &arena, 16384);
	for (int i = 0; i < INVARIANTS_MAX; i++)
		buf_printf(&buf, "**INV-%d:** a rule\n", i);
	assert_int_equal(read_invariants(&arena, buf_str(&buf).data), ST_OK);
	assert_int_equal(invariant_count, INVARIANTS_MAX);
	buf_add_c(&buf, "**INV-x:** one more\n");
	assert_int_equal(read_invariants(&arena, buf_str(&buf).data), ST_USAGE);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_part_waits_for_what_it_needs),
		cmocka_unit_test(readiness_comes_and_goes),
		cmocka_unit_test(a_dead_part_starts_again_after_its_pause),
		cmocka_unit_test(a_part_that_hangs_is_killed),
		cmocka_unit_test(a_part_that_starts_has_more_time),
		cmocka_unit_test(a_part_that_says_it_is_not_ready_is_left_alone),
		cmocka_unit_test(the_pause_grows_to_its_limit),
		cmocka_unit_test(running_long_enough_forgets_the_pause),
		cmocka_unit_test(a_part_does_not_start_again_before_what_it_needs_is_back),
		cmocka_unit_test(a_task_is_done_only_when_it_succeeds),
		cmocka_unit_test(a_part_stops_after_those_that_need_it),
		cmocka_unit_test(a_part_that_does_not_stop_is_killed_once),
		cmocka_unit_test(nothing_starts_while_the_stack_stops),
		cmocka_unit_test(a_stop_begun_by_a_dead_supervisor_ends_as_a_restart),
		cmocka_unit_test(every_state_has_a_name),
		cmocka_unit_test(invariants_are_taken_word_for_word),
		cmocka_unit_test(a_text_without_invariants_is_refused),
		cmocka_unit_test(the_number_of_invariants_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
