/* core_document_names.c: what a document names for its conditions: calendars, sets, attributes. */
#include <stdlib.h>

#include "core_document.h"

static const char *const day_names[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL };

/* Words a condition knows already, so a set or a calendar of that name would never be found. */
static enum st name_free(struct reader *r, const struct json *node)
{
	static const char *const words[] = { "AND", "OR", "NOT", "IN", "LIKE", "true",
					     "and", "or", "not", "in", "like", "false" };
	enum attribute attribute;
	bool good = node->name.size > 0 && node->name.size <= 64;

	for (size_t i = 0; i < node->name.size; i++) {
		char c = node->name.data[i];
		good = good &&
		       ((c >= 'a' && c <= 'z') || c == '_' || (i > 0 && c >= '0' && c <= '9'));
	}
	if (!good)
		return read_refuse(r, node, "names are small letters, digits and \"_\"");
	if (attribute_find(node->name, &attribute))
		return read_refuse(r, node, "\"%.*s\" is an attribute of every request",
				   STR_ARG(node->name));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_is(node->name, words[i]))
			return read_refuse(r, node, "\"%s\" is a word of conditions", words[i]);
	return ST_OK;
}

static enum st read_clock(struct reader *r, const struct json *node, struct str text, int16_t *ret)
{
	bool good = text.size == 5 && text.data[2] == ':';
	int value[4] = { 0 };

	for (size_t i = 0; good && i < 4; i++) {
		char c = text.data[i < 2 ? i : i + 1];
		good = c >= '0' && c <= '9';
		value[i] = c - '0';
	}
	int minutes = (value[0] * 10 + value[1]) * 60 + value[2] * 10 + value[3];
	if (!good || value[2] > 5 || minutes > 1440)
		return read_refuse(r, node, "hours are written like \"09:00-17:30\"");
	*ret = (int16_t)minutes;
	return ST_OK;
}

static enum st read_range(struct reader *r, const struct json *node, struct calendar_range *ret)
{
	struct str text, begin, end;

	TRY(read_text(r, node, "hours", 64, &text));
	if (!str_cut(text, '-', &begin, &end))
		return read_refuse(r, node, "hours are written like \"09:00-17:30\"");
	TRY(read_clock(r, node, begin, &ret->begin_minute));
	TRY(read_clock(r, node, end, &ret->end_minute));
	if (ret->begin_minute >= ret->end_minute)
		return read_refuse(r, node,
				   "hours end after they begin; for a night write two ranges");
	return ST_OK;
}

static enum st read_hours(struct reader *r, const struct json *node, struct calendar *calendar)
{
	size_t count = node->kind == JSON_ARRAY ? node->count : 1;
	const struct json *child = node->kind == JSON_ARRAY ? node->first : node;

	if (count == 0 || count > CALENDAR_RANGES_MAX)
		return read_refuse(r, node, "\"hours\" lists 1 to %d ranges", CALENDAR_RANGES_MAX);
	for (size_t i = 0; i < count; i++, child = child->next)
		TRY(read_range(r, child, &calendar->ranges[i]));
	calendar->range_count = count;
	return ST_OK;
}

static enum st read_days(struct reader *r, const struct json *node, struct calendar *calendar)
{
	if (node->kind != JSON_ARRAY || node->count == 0)
		return read_refuse(r, node,
				   "\"days\" is a list of mon, tue, wed, thu, fri, sat, sun");
	for (const struct json *day = node->first; day; day = day->next) {
		size_t number;
		TRY(read_word(r, day, "days", day_names, &number));
		calendar->days = (uint8_t)(calendar->days | 1u << number);
	}
	return ST_OK;
}

static int compare_days(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

static enum st read_holidays(struct reader *r, const struct json *node, struct calendar *calendar)
{
	int32_t *days;

	if (node->kind != JSON_ARRAY)
		return read_refuse(r, node, "\"holidays\" is a list of days");
	if (node->count > CALENDAR_HOLIDAYS_MAX)
		return read_refuse(r, node, "\"holidays\" lists at most %d", CALENDAR_HOLIDAYS_MAX);
	days = ARENA_ARRAY(r->arena, int32_t, node->count);
	if (!days)
		return ST_TOO_LARGE;
	size_t count = 0;
	for (const struct json *day = node->first; day; day = day->next)
		if (day->kind != JSON_STRING || !calendar_day_parse(day->text, &days[count++]))
			return read_refuse(r, day, "a holiday is written like \"2026-12-25\"");
	qsort(days, count, sizeof(*days), compare_days);
	calendar->holidays = days;
	calendar->holiday_count = count;
	return ST_OK;
}

static enum st read_calendar(struct reader *r, const struct json *node, struct calendar *calendar)
{
	static const char *const members[] = { "time_zone", "days", "hours", "holidays", NULL };
	const struct document_environment *environment = r->environment;
	const struct json *member;
	struct str zone;

	TRY(name_free(r, node));
	TRY(read_members(r, node, "a calendar", members));
	calendar->name = node->name;
	TRY(need(r, node, "time_zone", &member));
	TRY(read_text(r, member, "time_zone", 64, &zone));
	calendar->zone = environment->zone_find(environment->zone_context, zone);
	if (!calendar->zone)
		return read_refuse(r, member,
				   "no time zone is called \"%.*s\"; an example is Europe/London",
				   STR_ARG(zone));
	TRY(need(r, node, "days", &member));
	TRY(read_days(r, member, calendar));
	TRY(need(r, node, "hours", &member));
	TRY(read_hours(r, member, calendar));
	member = json_member(node, "holidays");
	return member ? read_holidays(r, member, calendar) : ST_OK;
}

static enum st read_calendars(struct reader *r, const struct json *node)
{
	const struct calendar **calendars;
	size_t count = 0;

	if (node->kind != JSON_OBJECT || node->count > DOCUMENT_CALENDARS_MAX)
		return read_refuse(r, node, "\"calendars\" names at most %d calendars",
				   DOCUMENT_CALENDARS_MAX);
	calendars = ARENA_ARRAY(r->arena, const struct calendar *, node->count);
	if (!calendars)
		return ST_TOO_LARGE;
	for (const struct json *child = node->first; child; child = child->next) {
		struct calendar *calendar = ARENA_NEW(r->arena, struct calendar);
		if (!calendar)
			return ST_TOO_LARGE;
		TRY(read_calendar(r, child, calendar));
		calendars[count++] = calendar;
	}
	r->document->names.calendars = calendars;
	r->document->names.calendar_count = count;
	return ST_OK;
}

static enum st read_sets(struct reader *r, const struct json *node)
{
	struct named_set *sets;
	size_t count = 0;

	if (node->kind != JSON_OBJECT || node->count > DOCUMENT_SETS_MAX)
		return read_refuse(r, node, "\"sets\" names at most %d sets", DOCUMENT_SETS_MAX);
	sets = ARENA_ARRAY(r->arena, struct named_set, node->count);
	if (!sets)
		return ST_TOO_LARGE;
	for (const struct json *child = node->first; child; child = child->next) {
		struct str_list list;
		TRY(name_free(r, child));
		TRY(read_texts(r, child, "a set", &list));
		sets[count++] = (struct named_set){ child->name, list.items, list.count };
	}
	r->document->names.sets = sets;
	r->document->names.set_count = count;
	return ST_OK;
}

static enum st read_context(struct reader *r, const struct json *node)
{
	static const char *const types[] = { "text", "number", "boolean", "time", "texts", NULL };
	static const enum value_type values[] = { VALUE_STRING, VALUE_NUMBER, VALUE_BOOL,
						  VALUE_TIME, VALUE_LIST };
	struct context_declaration *context;
	size_t count = 0, type;

	if (node->kind != JSON_OBJECT || node->count > CONDITION_CONTEXT_MAX)
		return read_refuse(r, node, "\"context\" declares at most %d attributes",
				   CONDITION_CONTEXT_MAX);
	context = ARENA_ARRAY(r->arena, struct context_declaration, node->count);
	if (!context)
		return ST_TOO_LARGE;
	for (const struct json *child = node->first; child; child = child->next) {
		TRY(name_free(r, child));
		TRY(read_word(r, child, "context", types, &type));
		context[count++] = (struct context_declaration){ child->name, values[type] };
	}
	r->document->names.context = context;
	r->document->names.context_count = count;
	return ST_OK;
}

enum st read_names(struct reader *r, const struct json *body)
{
	const struct json *calendars = json_member(body, "calendars");
	const struct json *sets = json_member(body, "sets");
	const struct json *context = json_member(body, "context");

	r->document->names.outer = r->environment->names;
	if (calendars)
		TRY(read_calendars(r, calendars));
	if (sets)
		TRY(read_sets(r, sets));
	return context ? read_context(r, context) : ST_OK;
}

void calendar_business_hours(const struct zone *zone, struct calendar *ret)
{
	*ret = (struct calendar){
		.name = STR("business_hours"),
		.zone = zone,
		.days = 31,
		.range_count = 1,
		.ranges = { { 9 * 60, 17 * 60 } },
	};
}
