/* core_chain.c: counts where a chain does not go on. */
#include "services/terminal/chain.h"

void chain_take(struct chain_check *check, const struct hash *previous, const struct hash *own)
{
	if (!hash_equal(previous, &check->previous))
		check->gaps++;
	check->previous = *own;
	check->count++;
}

bool chain_holds(const struct chain_check *check, int64_t length, const struct hash *head)
{
	int64_t missing = length - check->count;
	int64_t gaps = check->gaps;

	if (missing < 0)
		return gaps == 0;
	if (!hash_equal(&check->previous, head))
		gaps++;
	return missing == 0 ? gaps == 0 : gaps >= 1 && gaps <= missing;
}
