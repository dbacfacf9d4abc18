/* core_document_read.c: single values of a document, each refused with its place. */
#include <stdio.h>

#include "clock.h"
#include "core_document.h"
#include "money.h"

enum st read_refuse(struct reader *r, const struct json *node, const char *format, ...)
{
	struct str words;
	va_list args;

	va_start(args, format);
	words = arena_vprintf(r->arena, format, args);
	va_end(args);
	return yaml_refuse(&r->yaml, node, ST_POLICY_INVALID, r->problem, "%.*s", STR_ARG(words));
}

uint32_t line_of(struct reader *r, const struct json *node)
{
	size_t line, column;

	yaml_position(&r->yaml, node, &line, &column);
	return (uint32_t)line;
}

enum st read_text(struct reader *r, const struct json *node, const char *what, size_t bytes_max,
		  struct str *ret)
{
	if (node->kind != JSON_STRING || node->text.size == 0)
		return read_refuse(r, node, "\"%s\" is a text", what);
	if (node->text.size > bytes_max)
		return read_refuse(r, node, "\"%s\" has at most %zu bytes", what, bytes_max);
	*ret = node->text;
	return ST_OK;
}

enum st read_bool(struct reader *r, const struct json *node, const char *what, bool *ret)
{
	if (node->kind != JSON_BOOL)
		return read_refuse(r, node, "\"%s\" is true or false", what);
	*ret = node->boolean;
	return ST_OK;
}

enum st read_choice(struct reader *r, const struct json *node, const char *what, enum choice *ret)
{
	bool yes = false;

	TRY(read_bool(r, node, what, &yes));
	*ret = yes ? CHOICE_YES : CHOICE_NO;
	return ST_OK;
}

enum st read_number(struct reader *r, const struct json *node, const char *what, int64_t min,
		    int64_t max, int64_t *ret)
{
	char low[MONEY_TEXT_SIZE], high[MONEY_TEXT_SIZE];
	int64_t value;

	micros_print(min, low);
	micros_print(max, high);
	if (node->kind != JSON_NUMBER || micros_parse(node->text, &value) != ST_OK)
		return read_refuse(r, node,
				   "\"%s\" is a number with at most six digits after its point",
				   what);
	if (value < min || value > max)
		return read_refuse(r, node, "\"%s\" is from %s to %s", what, low, high);
	*ret = value;
	return ST_OK;
}

enum st read_pattern(struct reader *r, const struct json *node, const char *what, struct str *ret)
{
	struct str text;

	TRY(read_text(r, node, what, PATTERN_BYTES_MAX, &text));
	if (!pattern_valid(text))
		return read_refuse(
			r, node,
			"\"%s\" is a name or a pattern such as \"ledger.*\", without spaces", what);
	*ret = text;
	return ST_OK;
}

static enum st read_each(struct reader *r, const struct json *node, const char *what,
			 enum st (*one)(struct reader *r, const struct json *node, const char *what,
					struct str *ret),
			 struct str_list *ret)
{
	size_t count = node->kind == JSON_ARRAY ? node->count : 1;
	const struct json *child = node->kind == JSON_ARRAY ? node->first : node;
	struct str *items = ARENA_ARRAY(r->arena, struct str, count);

	if (!items)
		return ST_TOO_LARGE;
	if (count == 0)
		return read_refuse(r, node, "\"%s\" lists at least one; leave it out for any",
				   what);
	if (count > DOCUMENT_LIST_MAX)
		return read_refuse(r, node, "\"%s\" lists at most %d", what, DOCUMENT_LIST_MAX);
	for (size_t i = 0; i < count; i++, child = child->next)
		TRY(one(r, child, what, &items[i]));
	*ret = (struct str_list){ items, count };
	return ST_OK;
}

static enum st read_name(struct reader *r, const struct json *node, const char *what,
			 struct str *ret)
{
	return read_text(r, node, what, PATTERN_BYTES_MAX, ret);
}

enum st read_patterns(struct reader *r, const struct json *node, const char *what,
		      struct str_list *ret)
{
	return read_each(r, node, what, read_pattern, ret);
}

enum st read_texts(struct reader *r, const struct json *node, const char *what,
		   struct str_list *ret)
{
	return read_each(r, node, what, read_name, ret);
}

enum st read_rate(struct reader *r, const struct json *node, struct rate_limit *ret)
{
	struct str text, count, rest, per;
	struct rate_limit rate;

	TRY(read_text(r, node, "rate_limit", 64, &text));
	if (!str_cut(text, ' ', &count, &rest) || !str_starts(rest, "per ") ||
	    !str_to_i64(count, &rate.count) || rate.count < 1)
		return read_refuse(r, node, "\"rate_limit\" is written like \"10 per 1m\"");
	per = (struct str){ rest.data + 4, rest.size - 4 };
	if (!duration_parse(per, &rate.per_ms) || rate.per_ms < 1000 || rate.per_ms > 86400000)
		return read_refuse(r, node, "\"rate_limit\" is per 1s to 24h, like \"10 per 1m\"");
	*ret = rate;
	return ST_OK;
}

/* Where a byte of a condition is in the document: conditions are plain or quoted words on a line.
 */
static void condition_place(struct reader *r, const struct json *node, size_t place,
			    const char *words)
{
	struct json at = *node;
	size_t line, column;

	if (node->offset_bytes < r->yaml.text.size &&
	    strchr("\"'", r->yaml.text.data[node->offset_bytes]))
		place++;
	if (at.offset_bytes + place <= r->yaml.text.size)
		at.offset_bytes += place;
	yaml_position(&r->yaml, &at, &line, &column);
	problem_set(r->problem, ST_POLICY_INVALID, "", "%s", words);
	if (r->problem)
		snprintf(r->problem->pointer, sizeof(r->problem->pointer), "line %zu, column %zu",
			 line, column);
}

enum st read_condition(struct reader *r, const struct json *node, struct condition *ret)
{
	struct problem problem = { 0 };
	struct str text;
	size_t place = 0;

	TRY(read_text(r, node, "condition", CONDITION_BYTES_MAX, &text));
	enum st st = condition_compile(r->arena, text, &r->document->names, ret, &place, &problem);
	if (st == ST_POLICY_INVALID)
		condition_place(r, node, place, problem.detail);
	return st;
}

enum st read_list(struct reader *r, const struct json *node, const char *what, size_t count_max)
{
	if (node->kind != JSON_ARRAY || node->count == 0)
		return read_refuse(r, node, "\"%s\" is a list of at least one", what);
	if (node->count > count_max)
		return read_refuse(r, node, "\"%s\" lists at most %zu", what, count_max);
	return ST_OK;
}

enum st read_members(struct reader *r, const struct json *object, const char *what,
		     const char *const *names)
{
	if (object->kind != JSON_OBJECT)
		return read_refuse(r, object, "%s is made of names and values", what);
	for (const struct json *m = object->first; m; m = m->next) {
		const char *const *n = names;
		while (*n && !str_is(m->name, *n))
			n++;
		if (*n)
			continue;
		struct buf known;
		buf_init(&known, r->arena, 128);
		for (n = names; *n; n++)
			buf_printf(&known, "%s%s", n == names ? "" : ", ", *n);
		return read_refuse(r, m, "%s has no \"%.*s\"; it has %.*s", what, STR_ARG(m->name),
				   STR_ARG(buf_str(&known)));
	}
	return ST_OK;
}

enum st read_word(struct reader *r, const struct json *node, const char *what,
		  const char *const *names, size_t *ret)
{
	struct buf known;

	for (size_t i = 0; node->kind == JSON_STRING && names[i]; i++) {
		if (!str_is(node->text, names[i]))
			continue;
		*ret = i;
		return ST_OK;
	}
	buf_init(&known, r->arena, 128);
	for (size_t i = 0; names[i]; i++)
		buf_printf(&known, "%s%s", i == 0 ? "" : names[i + 1] ? ", " : " or ", names[i]);
	return read_refuse(r, node, "\"%s\" is %.*s", what, STR_ARG(buf_str(&known)));
}

enum st need(struct reader *r, const struct json *object, const char *name, const struct json **ret)
{
	const struct json *member = json_member(object, name);

	if (!member)
		return read_refuse(r, object, "\"%s\" is missing here", name);
	*ret = member;
	return ST_OK;
}
