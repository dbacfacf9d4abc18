/* core_lease.c: how many minutes are paid, and until when. */
#include "meter.h"

int64_t minutes_paid(int64_t from_ms, int64_t paid_through_ms)
{
	int64_t past_first = paid_through_ms - from_ms - MINUTE_MS;

	return past_first <= 0 ? 1 : 1 + (past_first + MINUTE_MS - 1) / MINUTE_MS;
}

int64_t run_minutes(const struct run *run, int64_t paid_through_ms)
{
	return run->joined ? minutes_paid(run->from_ms, paid_through_ms) : 1;
}

int64_t run_lease_until_ms(const struct run *run, int64_t paid_through_ms)
{
	return run->from_ms + run_minutes(run, paid_through_ms) * MINUTE_MS;
}

int64_t paid_through_next(int64_t paid_through_ms, int64_t now_ms, int64_t lead_ms)
{
	int64_t wanted = now_ms + lead_ms;

	ASSERT(paid_through_ms >= 0 && lead_ms > 0);
	if (wanted <= paid_through_ms)
		return paid_through_ms;
	return paid_through_ms + (wanted - paid_through_ms + MINUTE_MS - 1) / MINUTE_MS * MINUTE_MS;
}
