/* core_zone.c: time zones, read from the bytes of a TZif file (RFC 8536, version 2 and later): the
 * table of transitions, and after its end the rule in the footer. Not through the C library, whose
 * zone is one for the process and comes from its environment. */
#include <stdlib.h>

#include "condition.h"

#define ZONE_TRANSITIONS_MAX 4096
#define ZONE_HEADER_BYTES 44
#define DAY_S 86400

/* "M3.5.0/1": week 1 to 5 (5: the last) of a month, a weekday (0 is Sunday), a second of the day */
struct zone_change {
	int month, week, weekday;
	int32_t second;
};

struct zone {
	struct str name;
	size_t count;
	const int64_t *times;   /* transitions, growing */
	const int32_t *offsets; /* from the transition on */
	int32_t first_offset;
	bool has_rule;
	bool has_summer;
	int32_t standard_offset, summer_offset;
	struct zone_change begin, end; /* of summer time */
};

struct str zone_name(const struct zone *zone)
{
	return zone->name;
}

static uint32_t read_u32(const char *p)
{
	const unsigned char *b = (const unsigned char *)p;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static int64_t read_i64(const char *p)
{
	return (int64_t)((uint64_t)read_u32(p) << 32 | read_u32(p + 4));
}

/* Sizes of the data block behind a header. */
struct zone_counts {
	uint32_t utc, standard, leap, transition, type, letters;
};

static bool header_read(struct str bytes, struct zone_counts *ret)
{
	if (bytes.size < ZONE_HEADER_BYTES || memcmp(bytes.data, "TZif", 4) != 0)
		return false;
	*ret = (struct zone_counts){
		.utc = read_u32(bytes.data + 20),
		.standard = read_u32(bytes.data + 24),
		.leap = read_u32(bytes.data + 28),
		.transition = read_u32(bytes.data + 32),
		.type = read_u32(bytes.data + 36),
		.letters = read_u32(bytes.data + 40),
	};
	return ret->transition <= ZONE_TRANSITIONS_MAX && ret->type > 0 && ret->type <= 256 &&
	       ret->letters <= 4096 && ret->leap <= 4096 && ret->utc <= 256 && ret->standard <= 256;
}

static size_t block_bytes(const struct zone_counts *c, size_t time_size)
{
	return c->transition * time_size + c->transition + c->type * 6u + c->letters +
	       c->leap * (time_size + 4) + c->standard + c->utc;
}

/* -- the rule in the footer: "GMT0BST,M3.5.0/1,M10.5.0" -- */

static bool take_char(struct str *s, char c)
{
	if (s->size == 0 || s->data[0] != c)
		return false;
	s->data++;
	s->size--;
	return true;
}

static bool take_number(struct str *s, int max, int *ret)
{
	int value = 0;
	size_t digits = 0;

	while (digits < s->size && digits < 4 && s->data[digits] >= '0' && s->data[digits] <= '9')
		value = value * 10 + (s->data[digits++] - '0');
	if (digits == 0 || value > max)
		return false;
	s->data += digits;
	s->size -= digits;
	*ret = value;
	return true;
}

static bool take_name(struct str *s)
{
	bool quoted = take_char(s, '<');
	size_t n = 0;

	while (n < s->size && (quoted ? s->data[n] != '>'
				      : ((s->data[n] | 32) >= 'a' && (s->data[n] | 32) <= 'z')))
		n++;
	s->data += n;
	s->size -= n;
	return n >= 3 && (!quoted || take_char(s, '>'));
}

/* [+-]hh[:mm[:ss]] */
static bool take_clock(struct str *s, int32_t *ret)
{
	int32_t sign = take_char(s, '-') ? -1 : 1;
	int h, m = 0, sec = 0;

	if (sign == 1)
		take_char(s, '+');
	if (!take_number(s, 167, &h))
		return false;
	if (take_char(s, ':') && !take_number(s, 59, &m))
		return false;
	if (take_char(s, ':') && !take_number(s, 59, &sec))
		return false;
	*ret = sign * (h * 3600 + m * 60 + sec);
	return true;
}

static bool take_change(struct str *s, struct zone_change *ret)
{
	*ret = (struct zone_change){ .second = 7200 };
	if (!take_char(s, ',') || !take_char(s, 'M') || !take_number(s, 12, &ret->month) ||
	    !take_char(s, '.') || !take_number(s, 5, &ret->week) || !take_char(s, '.') ||
	    !take_number(s, 6, &ret->weekday))
		return false;
	return !take_char(s, '/') || take_clock(s, &ret->second);
}

/* False: a rule of another form; then the last transition's offset stays. */
static bool rule_read(struct str s, struct zone *zone)
{
	int32_t west;

	if (!take_name(&s) || !take_clock(&s, &west))
		return false;
	zone->standard_offset = -west;
	if (s.size == 0)
		return true;
	if (!take_name(&s))
		return false;
	zone->summer_offset = zone->standard_offset + 3600;
	if (s.size > 0 && s.data[0] != ',') {
		if (!take_clock(&s, &west))
			return false;
		zone->summer_offset = -west;
	}
	zone->has_summer = true;
	return take_change(&s, &zone->begin) && take_change(&s, &zone->end) && s.size == 0;
}

/* -- dates (proleptic Gregorian) -- */

static int64_t days_of(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int64_t year_of(int64_t days)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);

	return yoe + era * 400 + (doy >= 306 ? 1 : 0);
}

/* The second, counted as the wall clock before the change shows it. */
static int64_t change_s(const struct zone_change *change, int64_t year)
{
	int64_t first = days_of(year, change->month, 1);
	int64_t weekday = ((first + 4) % 7 + 7) % 7;
	int64_t day = first + (change->weekday - weekday + 7) % 7 + (change->week - 1) * 7;
	int64_t next =
		change->month == 12 ? days_of(year + 1, 1, 1) : days_of(year, change->month + 1, 1);

	if (day >= next)
		day -= 7;
	return day * DAY_S + change->second;
}

static int32_t rule_offset(const struct zone *zone, int64_t utc_s)
{
	if (!zone->has_summer)
		return zone->standard_offset;
	int64_t local = utc_s + zone->standard_offset;
	int64_t days = local >= 0 ? local / DAY_S : (local - DAY_S + 1) / DAY_S;
	int64_t year = year_of(days);
	int64_t begin = change_s(&zone->begin, year) - zone->standard_offset;
	int64_t end = change_s(&zone->end, year) - zone->summer_offset;
	bool summer = begin < end ? utc_s >= begin && utc_s < end : utc_s >= begin || utc_s < end;

	return summer ? zone->summer_offset : zone->standard_offset;
}

int32_t zone_offset_s(const struct zone *zone, int64_t utc_s)
{
	size_t low = 0, high = zone->count;

	if (zone->count == 0 || utc_s < zone->times[0])
		return zone->count == 0 && zone->has_rule ? rule_offset(zone, utc_s)
							  : zone->first_offset;
	if (utc_s >= zone->times[zone->count - 1] && zone->has_rule)
		return rule_offset(zone, utc_s);
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (zone->times[middle] <= utc_s)
			low = middle;
		else
			high = middle;
	}
	return zone->offsets[low];
}

static enum st tables_read(struct arena *arena, const char *data, const struct zone_counts *c,
			   struct zone *zone)
{
	const char *indexes = data + c->transition * 8u, *types = indexes + c->transition;
	int64_t *times = ARENA_ARRAY(arena, int64_t, c->transition);
	int32_t *offsets = ARENA_ARRAY(arena, int32_t, c->transition);

	if (!times || !offsets)
		return ST_NO_MEMORY;
	for (uint32_t i = 0; i < c->transition; i++) {
		unsigned type = (unsigned char)indexes[i];
		times[i] = read_i64(data + i * 8u);
		if (type >= c->type || (i > 0 && times[i] <= times[i - 1]))
			return ST_POLICY_INVALID;
		offsets[i] = (int32_t)read_u32(types + type * 6u);
		if (abs(offsets[i]) > 2 * DAY_S)
			return ST_POLICY_INVALID;
	}
	zone->count = c->transition;
	zone->times = times;
	zone->offsets = offsets;
	zone->first_offset = (int32_t)read_u32(types);
	return ST_OK;
}

enum st zone_parse(struct arena *arena, struct str name, struct str bytes, struct zone **ret)
{
	struct zone_counts counts;
	struct zone *zone = ARENA_NEW(arena, struct zone);
	struct str rest = bytes, rule;

	if (!zone)
		return ST_NO_MEMORY;
	if (!header_read(rest, &counts) || rest.data[4] < '2')
		return ST_POLICY_INVALID;
	size_t skip = ZONE_HEADER_BYTES + block_bytes(&counts, 4);
	if (rest.size < skip)
		return ST_POLICY_INVALID;
	rest = (struct str){ rest.data + skip, rest.size - skip };
	if (!header_read(rest, &counts))
		return ST_POLICY_INVALID;
	size_t block = ZONE_HEADER_BYTES + block_bytes(&counts, 8);
	if (rest.size < block + 2)
		return ST_POLICY_INVALID;
	TRY(tables_read(arena, rest.data + ZONE_HEADER_BYTES, &counts, zone));
	rule = (struct str){ rest.data + block, rest.size - block };
	if (!take_char(&rule, '\n') || rule.data[rule.size - 1] != '\n')
		return ST_POLICY_INVALID;
	rule.size--;
	zone->has_rule = rule.size > 0 && rule_read(rule, zone);
	zone->name = arena_copy(arena, name);
	*ret = zone;
	return ST_OK;
}
