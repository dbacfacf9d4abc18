/* Time: reading it, moving it in development, writing and reading it as text. */
#include "clock.h"

#include <assert.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MS_PER_DAY INT64_C(86400000)

/* One page of memory all processes of the stack see; NULL unless in development. */
static _Atomic int64_t *shared_offset;

static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "the shared offset needs lock-free atomics");

int64_t clock_offset_ms(void)
{
	return shared_offset ? atomic_load_explicit(shared_offset, memory_order_acquire) : 0;
}

int64_t clock_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + clock_offset_ms();
}

uint64_t clock_mono_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* A new file gets its size from the first process; growing it to the same size again is harmless
 * when two come at once. */
static enum st offset_map(int fd, _Atomic int64_t **ret)
{
	struct stat status;
	void *page;
	int64_t offset;

	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
		return ST_CONFIG_INVALID;
	if (status.st_size == 0 && ftruncate(fd, sizeof(int64_t)) != 0)
		return ST_CONFIG_INVALID;
	if (status.st_size != 0 && status.st_size != sizeof(int64_t))
		return ST_CONFIG_INVALID;
	page = mmap(NULL, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return ST_CONFIG_INVALID;
	offset = atomic_load((_Atomic int64_t *)page);
	if (offset < 0 || offset > CLOCK_OFFSET_MS_MAX) {
		munmap(page, sizeof(int64_t));
		return ST_CONFIG_INVALID;
	}
	*ret = page;
	return ST_OK;
}

enum st clock_open(const char *path, bool development)
{
	_Atomic int64_t *mapped;
	enum st st;
	int fd;

	if (!development) {
		clock_close();
		return ST_OK;
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0660);
	if (fd < 0)
		return ST_CONFIG_INVALID;
	st = offset_map(fd, &mapped);
	close(fd);
	TRY(st);
	clock_close();
	shared_offset = mapped;
	return ST_OK;
}

void clock_close(void)
{
	if (shared_offset)
		munmap((void *)shared_offset, sizeof(int64_t));
	shared_offset = NULL;
}

bool clock_is_development(void)
{
	return shared_offset != NULL;
}

enum st clock_advance(int64_t ms)
{
	int64_t before;

	if (!shared_offset)
		return ST_DEVELOPMENT_ONLY;
	if (ms < 0 || ms > CLOCK_OFFSET_MS_MAX)
		return ST_CONFIG_INVALID;
	before = atomic_load(shared_offset);
	do {
		if (before > CLOCK_OFFSET_MS_MAX - ms)
			return ST_CONFIG_INVALID;
	} while (!atomic_compare_exchange_weak(shared_offset, &before, before + ms));
	return ST_OK;
}

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01, counting years from March so that the leap day is a year's last. */
static int64_t days_of_date(int year, int month, int day)
{
	int y = month <= 2 ? year - 1 : year;
	int m = month <= 2 ? month + 9 : month - 3;
	int era = y / 400;
	int year_of_era = y - era * 400;
	int day_of_year = (153 * m + 2) / 5 + day - 1;
	int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return (int64_t)era * 146097 + day_of_era - 719468;
}

static void date_of_days(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
	int shifted = (int)(days + 719468);
	int era = shifted / 146097;
	int day_of_era = shifted - era * 146097;
	int year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int m = (5 * day_of_year + 2) / 153;

	*ret_day = day_of_year - (153 * m + 2) / 5 + 1;
	*ret_month = m < 10 ? m + 3 : m - 9;
	*ret_year = year_of_era + era * 400 + (*ret_month <= 2);
}

static void put_digits(char *at, int count, int value)
{
	for (int i = count - 1; i >= 0; i--) {
		at[i] = (char)('0' + value % 10);
		value /= 10;
	}
}

void time_format(int64_t ms, char ret[TIME_TEXT_SIZE])
{
	int year, month, day;
	int rest = (int)(ms % MS_PER_DAY);

	ASSERT(ms >= 0 && ms <= TIME_MS_MAX);
	date_of_days(ms / MS_PER_DAY, &year, &month, &day);
	memcpy(ret, "0000-00-00T00:00:00.000Z", TIME_TEXT_SIZE);
	put_digits(ret, 4, year);
	put_digits(ret + 5, 2, month);
	put_digits(ret + 8, 2, day);
	put_digits(ret + 11, 2, rest / 3600000);
	put_digits(ret + 14, 2, rest / 60000 % 60);
	put_digits(ret + 17, 2, rest / 1000 % 60);
	put_digits(ret + 20, 3, rest % 1000);
}

/* `shape` has a 0 for each digit; everything else must be the same. */
static bool has_shape(struct str s, const char *shape)
{
	for (size_t i = 0; shape[i]; i++) {
		bool digit = s.data[i] >= '0' && s.data[i] <= '9';

		if (shape[i] == '0' ? !digit : s.data[i] != shape[i])
			return false;
	}
	return true;
}

static int get_digits(const char *at, int count)
{
	int value = 0;

	for (int i = 0; i < count; i++)
		value = value * 10 + (at[i] - '0');
	return value;
}

/* The fraction after the seconds, without the "Z": nothing, or a point and one to three digits. */
static bool parse_fraction(struct str s, int *ret_ms)
{
	static const int scale[] = { 0, 100, 10, 1 };

	if (s.size == 0) {
		*ret_ms = 0;
		return true;
	}
	if (s.data[0] != '.' || s.size < 2 || s.size > 4)
		return false;
	for (size_t i = 1; i < s.size; i++) {
		if (s.data[i] < '0' || s.data[i] > '9')
			return false;
	}
	*ret_ms = get_digits(s.data + 1, (int)s.size - 1) * scale[s.size - 1];
	return true;
}

bool time_parse(struct str s, int64_t *ret)
{
	static const size_t seconds_size = sizeof("2026-01-02T03:04:05") - 1;
	int year, month, day, hour, minute, second, ms;
	struct str fraction;

	if (s.size < seconds_size + 1 || s.data[s.size - 1] != 'Z' ||
	    !has_shape(s, "0000-00-00T00:00:00"))
		return false;
	fraction = (struct str){ s.data + seconds_size, s.size - seconds_size - 1 };
	if (!parse_fraction(fraction, &ms))
		return false;
	year = get_digits(s.data, 4);
	month = get_digits(s.data + 5, 2);
	day = get_digits(s.data + 8, 2);
	hour = get_digits(s.data + 11, 2);
	minute = get_digits(s.data + 14, 2);
	second = get_digits(s.data + 17, 2);
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_of_month(year, month))
		return false;
	if (hour > 23 || minute > 59 || second > 59)
		return false;
	*ret = days_of_date(year, month, day) * MS_PER_DAY +
	       (int64_t)(hour * 3600 + minute * 60 + second) * 1000 + ms;
	return true;
}

static const struct unit {
	const char *name;
	int64_t ms;
} units[] = {
	{ "d", MS_PER_DAY }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
};

#define UNIT_COUNT (sizeof(units) / sizeof(units[0]))

bool duration_parse(struct str s, int64_t *ret_ms)
{
	size_t digits = 0;
	int64_t count;

	while (digits < s.size && s.data[digits] >= '0' && s.data[digits] <= '9')
		digits++;
	if (!str_to_i64((struct str){ s.data, digits }, &count))
		return false;
	for (size_t i = 0; i < UNIT_COUNT; i++) {
		if (!str_is((struct str){ s.data + digits, s.size - digits }, units[i].name))
			continue;
		if (count > DURATION_MS_MAX / units[i].ms)
			return false;
		*ret_ms = count * units[i].ms;
		return true;
	}
	return false;
}

void duration_format(int64_t ms, char ret[DURATION_TEXT_SIZE])
{
	size_t i = 0;

	ASSERT(ms >= 0);
	if (ms == 0) {
		memcpy(ret, "0s", 3);
		return;
	}
	while (ms % units[i].ms != 0)
		i++;
	snprintf(ret, DURATION_TEXT_SIZE, "%lld%s", (long long)(ms / units[i].ms), units[i].name);
}
