/* core_month.c: months of the ledger, as 202601; and which of them may be cut. */
#include "meter.h"

#define DAY_MS INT64_C(86400000)

static int64_t month_at(int64_t index)
{
	return index / 12 * 100 + index % 12 + 1;
}

static int64_t month_index(int64_t month)
{
	return month / 100 * 12 + month % 100 - 1;
}

bool month_valid(int64_t month)
{
	return month >= 197001 && month <= 999912 && month % 100 >= 1 && month % 100 <= 12;
}

/* Days since 1970 of the first of a month: years that begin in March, so that a leap day is a
 * year's last; 400 of them have 146,097 days. */
int64_t month_first_ms(int64_t month)
{
	ASSERT(month_valid(month));
	int64_t from_march = month_index(month) - 2;
	int64_t year = from_march / 12, months = from_march % 12;
	int64_t days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * months + 2) / 5;

	return (days - 719468) * DAY_MS;
}

int64_t month_after(int64_t month)
{
	return month_at(month_index(month) + 1);
}

int64_t month_of(int64_t ms)
{
	ASSERT(ms >= 0);
	/* a month has 28 days or more: at most a month too late, then step back */
	int64_t index = month_index(197001) + ms / (28 * DAY_MS);

	while (month_first_ms(month_at(index)) > ms)
		index -= (month_first_ms(month_at(index)) - ms) / (31 * DAY_MS) + 1;
	while (month_first_ms(month_at(index + 1)) <= ms)
		index++;
	return month_at(index);
}

bool month_due(int64_t month, int64_t now_ms, int64_t retention_months)
{
	ASSERT(retention_months >= 1);
	return month_index(month_of(now_ms)) - month_index(month) > retention_months;
}
