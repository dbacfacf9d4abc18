#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "bus.h"
#include "mailbox.h"

#define CAPACITY 512
#define MIB (1024 * 1024)

static struct mailbox *mailbox;

static int make(void **state)
{
	(void)state;
	mailbox = mailbox_new(CAPACITY, NULL);
	return mailbox ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	mailbox_free(mailbox);
	return 0;
}

/* The bytes are counted, not read. */
static bool put(size_t size)
{
	static const char nothing[1];
	const struct bus_message message = { .subject = "piopl.evt.x", .data = { nothing, size } };

	return mailbox_put(mailbox, &message);
}

static size_t take(size_t max)
{
	static struct bus_message messages[CAPACITY];
	size_t count = mailbox_take(mailbox, messages, max, 0);

	mailbox_done(mailbox, count);
	return count;
}

/* [PLT-9] */
static void a_mailbox_holds_its_bytes_and_not_one_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < MAILBOX_BYTES_MAX / MIB - 1; i++)
		assert_true(put(MIB));
	assert_true(put(MIB));
	assert_false(put(1));
	assert_int_equal(mailbox_refused(mailbox), 1);
	assert_int_equal(take(1), 1);
	assert_false(put(MIB + 1));
	assert_true(put(MIB));
}

/* [PLT-9] */
static void what_is_taken_together_has_a_limit_in_bytes(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		assert_true(put(MAILBOX_TAKE_BYTES_MAX / 2));
	assert_int_equal(take(CAPACITY), 2);
	assert_true(put(1)); /* does not fit with the two before it */
	assert_int_equal(take(CAPACITY), 2);
	assert_int_equal(take(CAPACITY), 1);
	assert_int_equal(take(CAPACITY), 0);
}

/* [PLT-9] */
static void one_message_is_taken_however_long(void **state)
{
	(void)state;
	assert_true(put(MAILBOX_TAKE_BYTES_MAX + 1));
	assert_true(put(1));
	assert_int_equal(take(CAPACITY), 1);
	assert_int_equal(take(CAPACITY), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_mailbox_holds_its_bytes_and_not_one_more, make,
						end),
		cmocka_unit_test_setup_teardown(what_is_taken_together_has_a_limit_in_bytes, make,
						end),
		cmocka_unit_test_setup_teardown(one_message_is_taken_however_long, make, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
