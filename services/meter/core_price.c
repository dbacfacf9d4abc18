/* core_price.c: what a minute of a shape costs. */
#include "meter.h"

static enum st part_add(int64_t *sum, int64_t rate, int64_t amount, int64_t unit)
{
	int64_t part;

	TRY(micros_multiply(rate, amount, unit, MONEY_CEIL, &part));
	if (part > INT64_MAX - *sum)
		return ST_MONEY_OVERFLOW;
	*sum += part;
	return ST_OK;
}

enum st price_of_minute(const struct price_rates *rates, int64_t cpu_milli, int64_t ram_mb,
			int64_t disk_mb, int64_t *ret)
{
	int64_t sum = rates->class;

	ASSERT(rates->cpu >= 0 && rates->ram >= 0 && rates->disk >= 0 && rates->class >= 0);
	ASSERT(cpu_milli >= 0 && ram_mb >= 0 && disk_mb >= 0);
	TRY(part_add(&sum, rates->cpu, cpu_milli, 1000));
	TRY(part_add(&sum, rates->ram, ram_mb, 1024));
	TRY(part_add(&sum, rates->disk, disk_mb, 1024));
	*ret = sum > 0 ? sum : 1;
	return ST_OK;
}
