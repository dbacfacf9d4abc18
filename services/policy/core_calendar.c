/* core_calendar.c: is a time inside a calendar's hours, in the calendar's own zone? */
#include "condition.h"

#define DAY_MINUTES 1440

static int64_t floor_divide(int64_t a, int64_t b)
{
	return a / b - (a % b < 0 ? 1 : 0);
}

static bool is_holiday(const struct calendar *calendar, int64_t day)
{
	size_t low = 0, high = calendar->holiday_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (calendar->holidays[middle] < day)
			low = middle + 1;
		else
			high = middle;
	}
	return low < calendar->holiday_count && calendar->holidays[low] == day;
}

bool calendar_holds(const struct calendar *calendar, int64_t time_ms)
{
	int64_t utc_s = floor_divide(time_ms, 1000);
	int64_t local_minute = floor_divide(utc_s + zone_offset_s(calendar->zone, utc_s), 60);
	int64_t day = floor_divide(local_minute, DAY_MINUTES);
	int64_t minute = local_minute - day * DAY_MINUTES;
	int64_t weekday = ((day + 3) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */

	if (!(calendar->days >> weekday & 1) || is_holiday(calendar, day))
		return false;
	for (size_t i = 0; i < calendar->range_count; i++)
		if (minute >= calendar->ranges[i].begin_minute &&
		    minute < calendar->ranges[i].end_minute)
			return true;
	return false;
}

static bool digits(struct str s, size_t from, size_t count, int *ret)
{
	int value = 0;

	for (size_t i = from; i < from + count; i++) {
		if (s.data[i] < '0' || s.data[i] > '9')
			return false;
		value = value * 10 + (s.data[i] - '0');
	}
	*ret = value;
	return true;
}

bool calendar_day_parse(struct str s, int32_t *ret)
{
	static const uint8_t lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year, month, day;

	if (s.size != 10 || s.data[4] != '-' || s.data[7] != '-' || !digits(s, 0, 4, &year) ||
	    !digits(s, 5, 2, &month) || !digits(s, 8, 2, &day) || year < 1970 || month < 1 ||
	    month > 12 || day < 1)
		return false;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	if (day > lengths[month - 1] + (month == 2 && leap))
		return false;
	int y = month <= 2 ? year - 1 : year;
	int doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	*ret = y * 365 + y / 4 - y / 100 + y / 400 + doy - 719468;
	return true;
}
