/* policy_test.h: documents and requests for the tests of policy's core. Run from the repository's
 * root, as `make test` does. */
#ifndef PIOPL_POLICY_TEST_H
#define PIOPL_POLICY_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "services/policy/evaluate.h"

#define ZONES_MAX 600
#define FILE_BYTES_MAX (512 * 1024)

static struct arena test_arena __attribute__((unused));
static struct zone *test_zones[ZONES_MAX];
static size_t test_zone_count;

static inline bool test_file_read(struct arena *arena, const char *path, struct str *ret)
{
	FILE *file = fopen(path, "re");
	char *data;

	if (!file)
		return false;
	data = arena_alloc(arena, FILE_BYTES_MAX);
	assert_non_null(data);
	*ret = (struct str){ data, fread(data, 1, FILE_BYTES_MAX - 1, file) };
	fclose(file);
	return true;
}

/* Zones are read once and stay. */
static inline const struct zone *test_zone(void *context, struct str name)
{
	static struct arena zone_arena, file_arena;
	char path[128];
	struct str bytes = { 0 };

	(void)context;
	if (!zone_arena.used_bytes_max) {
		arena_init(&zone_arena, 64 * 1024 * 1024);
		arena_init(&file_arena, 1024 * 1024);
	}
	for (size_t i = 0; i < test_zone_count; i++)
		if (str_equal(zone_name(test_zones[i]), name))
			return test_zones[i];
	arena_reset(&file_arena);
	snprintf(path, sizeof(path), "/usr/share/zoneinfo/%.*s", STR_ARG(name));
	if (memchr(name.data, '.', name.size) || !test_file_read(&file_arena, path, &bytes) ||
	    zone_parse(&zone_arena, name, bytes, &test_zones[test_zone_count]) != ST_OK)
		return NULL;
	return test_zones[test_zone_count++];
}

static inline const struct document_environment *test_environment(void)
{
	static struct calendar hours;
	static const struct calendar *calendars[] = { &hours };
	static struct condition_names names = { .calendars = calendars, .calendar_count = 1 };
	static struct document_environment environment = { .names = &names,
							   .zone_find = test_zone };

	if (!hours.zone)
		calendar_business_hours(test_zone(NULL, STR("Europe/London")), &hours);
	return &environment;
}

static inline struct document *test_document(struct arena *arena, const char *text)
{
	struct problem problem = { 0 };
	struct document *document;

	if (document_load(arena, str_of(text), test_environment(), &document, &problem) != ST_OK)
		fail_msg("%s: %s\n%s", problem.pointer, problem.detail, text);
	return document;
}

static inline struct value text_value(const char *text)
{
	return (struct value){ .type = VALUE_STRING, .text = str_of(text) };
}

static inline struct value number_value(int64_t micros)
{
	return (struct value){ .type = VALUE_NUMBER, .i64 = micros };
}

static inline struct value time_value(int64_t ms)
{
	return (struct value){ .type = VALUE_TIME, .i64 = ms };
}

#endif
