/* chain_test.c: an agent's chain whole, with expired records, and tampered with [AUD-6] [AUD-8]. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "services/terminal/chain.h"

#define LENGTH 6

/* Record n carries hash n and hash n + 1 is its own: a chain, and its head is hash LENGTH. */
static struct hash hash_of(int n)
{
	struct hash hash = { 0 };

	hash.bytes[0] = (unsigned char)n;
	return hash;
}

/* The chain without the records whose letter is '-': "rrrrrr" is all of it. */
static bool holds(const char *there, int64_t length)
{
	struct chain_check check = { .count = 0 };
	struct hash head = hash_of((int)length);

	for (int i = 0; there[i]; i++) {
		struct hash previous = hash_of(i), own = hash_of(i + 1);

		if (there[i] == 'x') /* another record in its place */
			own.bytes[1] = 1;
		if (there[i] != '-')
			chain_take(&check, &previous, &own);
	}
	return chain_holds(&check, length, &head);
}

static void a_whole_chain_holds(void **state)
{
	(void)state;
	assert_true(holds("rrrrrr", LENGTH));
	assert_true(holds("", 0));
	assert_true(holds("r", 1));
}

static void a_chain_whose_records_expired_holds(void **state)
{
	static const char *const chains[] = { "--rrrr", "r--rrr", "rrrr--",
					      "r-r-r-", "------", "-rr-r-" };

	(void)state;
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++)
		assert_true(holds(chains[i], LENGTH));
}

static void records_that_came_meanwhile_are_no_fault(void **state)
{
	(void)state;
	assert_true(holds("rrrrrrr", LENGTH));
	assert_false(holds("rrxrrrr", LENGTH));
}

static void what_was_put_in_or_changed_is_seen(void **state)
{
	static const char *const chains[] = { "rrxrrr", "xrrrrr", "rrrrrx" };

	(void)state;
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++)
		assert_false(holds(chains[i], LENGTH));
	assert_false(holds("-xrxrr", LENGTH)); /* more gaps than records are missing */
}

/* Fewer records than the chain has, and yet each follows the other: its head is not theirs. */
static void a_chain_that_was_made_anew_is_seen(void **state)
{
	struct chain_check check = { .count = 0 };
	struct hash zero = hash_of(0), one = hash_of(1);

	(void)state;
	chain_take(&check, &zero, &one);
	assert_false(chain_holds(&check, 2, &one));
	assert_true(chain_holds(&check, 1, &one));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_chain_holds),
		cmocka_unit_test(a_chain_whose_records_expired_holds),
		cmocka_unit_test(records_that_came_meanwhile_are_no_fault),
		cmocka_unit_test(what_was_put_in_or_changed_is_seen),
		cmocka_unit_test(a_chain_that_was_made_anew_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
