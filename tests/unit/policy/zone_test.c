/* Time zones and calendars: every zone of the machine agrees with the C library at its changes and
 * between them; business hours around the change of the clocks, holidays. */
#include "policy_test.h"

#include <dirent.h>
#include <time.h>

#include "clock.h"

static int64_t at(const char *time)
{
	int64_t ms;

	assert_true(time_parse(str_of(time), &ms));
	return ms;
}

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void compare_zone(const char *name, uint64_t *random)
{
	const struct zone *zone = test_zone(NULL, str_of(name));

	if (!zone)
		fail_msg("zone %s does not read", name);
	setenv("TZ", name, 1);
	tzset();
	for (int i = 0; i < 4000; i++) {
		/* 1970 to 2100; the later half lies behind the tables, in the rule */
		time_t t = (time_t)(next_random(random) % UINT64_C(4102444800));
		struct tm tm;
		localtime_r(&t, &tm);
		if (tm.tm_gmtoff != zone_offset_s(zone, t))
			fail_msg("%s at %lld: %ld, not %d", name, (long long)t, tm.tm_gmtoff,
				 zone_offset_s(zone, t));
	}
}

static void zones_agree_with_the_c_library(void **state)
{
	static const char *const folders[] = { "Europe",    "America", "Asia",      "Africa",
					       "Australia", "Pacific", "Antarctica" };
	uint64_t random = (uint64_t)time(NULL);
	int zones = 0;

	(void)state;
	printf("seed %llu\n", (unsigned long long)random);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		char path[128], name[400];
		snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", folders[i]);
		DIR *dir = opendir(path);
		assert_non_null(dir);
		for (struct dirent *e; (e = readdir(dir));) {
			if (e->d_name[0] == '.' || e->d_type != DT_REG)
				continue;
			snprintf(name, sizeof(name), "%s/%s", folders[i], e->d_name);
			compare_zone(name, &random);
			zones++;
		}
		closedir(dir);
	}
	unsetenv("TZ");
	tzset();
	assert_true(zones > 200);
}

static struct calendar hours_in(const char *zone)
{
	struct calendar calendar;

	calendar_business_hours(test_zone(NULL, str_of(zone)), &calendar);
	return calendar;
}

/* [POL-2] the clock changes, the office does not */
static void business_hours_follow_the_change_of_the_clocks(void **state)
{
	static const struct {
		const char *zone, *time;
		bool open;
	} cases[] = {
		/* London: winter UTC, summer UTC+1; the change is on 2026-03-29 */
		{ "Europe/London", "2026-03-27T09:00:00Z", true },
		{ "Europe/London", "2026-03-27T08:59:59.999Z", false },
		{ "Europe/London", "2026-03-27T16:59:59.999Z", true },
		{ "Europe/London", "2026-03-27T17:00:00Z", false },
		{ "Europe/London", "2026-03-30T08:00:00Z", true },
		{ "Europe/London", "2026-03-30T07:59:59.999Z", false },
		{ "Europe/London", "2026-03-30T15:59:59.999Z", true },
		{ "Europe/London", "2026-03-30T16:00:00Z", false },
		{ "Europe/London", "2026-10-26T09:00:00Z", true },
		{ "Europe/London", "2026-10-26T08:59:59Z", false },
		/* New York, changes on 2026-03-08 and 2026-11-01 */
		{ "America/New_York", "2026-03-06T14:00:00Z", true },
		{ "America/New_York", "2026-03-06T13:59:59Z", false },
		{ "America/New_York", "2026-03-09T13:00:00Z", true },
		{ "America/New_York", "2026-03-09T12:59:59Z", false },
		/* a zone of the southern half, and one with a quarter of an hour */
		{ "Australia/Sydney", "2026-01-04T22:00:00Z", true },
		{ "Australia/Sydney", "2026-07-05T22:00:00Z", false },
		{ "Australia/Sydney", "2026-07-05T23:00:00Z", true },
		{ "Asia/Kathmandu", "2026-01-05T03:15:00Z", true },
		{ "Asia/Kathmandu", "2026-01-05T03:14:59Z", false },
		/* a Sunday in Auckland is a Saturday elsewhere; weekends stay closed */
		{ "Pacific/Auckland", "2026-01-04T20:30:00Z", true },
		{ "Europe/London", "2026-01-04T12:00:00Z", false },
		{ "Europe/London", "2026-01-03T12:00:00Z", false },
		/* behind the table's end, by the rule */
		{ "Europe/London", "2061-07-06T08:00:00Z", true },
		{ "Europe/London", "2061-01-06T08:00:00Z", false },
		{ "Asia/Tokyo", "2061-07-06T00:00:00Z", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct calendar calendar = hours_in(cases[i].zone);
		if (calendar_holds(&calendar, at(cases[i].time)) != cases[i].open)
			fail_msg("%s %s", cases[i].zone, cases[i].time);
	}
}

static void holidays_are_closed_in_the_calendars_own_zone(void **state)
{
	struct calendar calendar = hours_in("Pacific/Auckland");
	int32_t days[2];

	(void)state;
	assert_true(calendar_day_parse(STR("2026-02-06"), &days[0]));
	assert_true(calendar_day_parse(STR("2026-12-25"), &days[1]));
	calendar.holidays = days;
	calendar.holiday_count = 2;
	assert_false(calendar_holds(&calendar, at("2026-02-05T20:30:00Z"))); /* 6 February there */
	assert_true(calendar_holds(&calendar, at("2026-02-04T20:30:00Z")));
	assert_false(calendar_holds(&calendar, at("2026-12-24T21:00:00Z")));
}

static void days_that_do_not_exist_are_refused(void **state)
{
	static const char *const wrong[] = { "2026-02-29", "2026-13-01", "2026-00-01", "2026-04-31",
					     "1969-12-31", "2026-1-01",  "2100-02-29", "20260101ab",
					     "",           "2026-01-00" };
	int32_t day;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(calendar_day_parse(str_of(wrong[i]), &day));
	assert_true(calendar_day_parse(STR("1970-01-01"), &day) && day == 0);
	assert_true(calendar_day_parse(STR("2028-02-29"), &day));
	assert_true(calendar_day_parse(STR("2000-02-29"), &day) && day == 11016);
}

static void bytes_that_are_no_zone_are_refused_wherever_they_are_cut(void **state)
{
	struct str bytes;
	struct zone *zone;

	(void)state;
	arena_reset(&test_arena);
	assert_true(test_file_read(&test_arena, "/usr/share/zoneinfo/Europe/London", &bytes));
	for (size_t size = 0; size < bytes.size; size++) {
		struct arena small;
		char *cut = malloc(size + 1); /* so that a reader past its end is caught */
		assert_non_null(cut);
		memcpy(cut, bytes.data, size);
		arena_init(&small, 1024 * 1024);
		assert_int_not_equal(zone_parse(&small, STR("x"), (struct str){ cut, size }, &zone),
				     ST_OK);
		arena_free(&small);
		free(cut);
	}
	assert_int_equal(zone_parse(&test_arena, STR("x"), bytes, &zone), ST_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zones_agree_with_the_c_library),
		cmocka_unit_test(business_hours_follow_the_change_of_the_clocks),
		cmocka_unit_test(holidays_are_closed_in_the_calendars_own_zone),
		cmocka_unit_test(days_that_do_not_exist_are_refused),
		cmocka_unit_test(bytes_that_are_no_zone_are_refused_wherever_they_are_cut),
	};

	arena_init(&test_arena, 64 * 1024 * 1024);
	return cmocka_run_group_tests_name("policy zones", tests, NULL, NULL);
}
