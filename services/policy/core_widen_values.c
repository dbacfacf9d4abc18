/* core_widen_values.c: values worth trying: those that rules mention, and those just beside them.
 */
#include "clock.h"
#include "core_condition.h"
#include "core_widen.h"
#include "money.h"

#define WEEK_BEGIN_MS INT64_C(1767571200000) /* Monday, 2026-01-05 */
#define CALENDAR_STEP_MS (15 * 60000)
#define CALENDAR_STEPS (8 * 24 * 4)
#define NUMBERS_MAX 16

static bool same_value(const struct value *a, const struct value *b)
{
	if (a->type != b->type || a->i64 != b->i64 || !str_equal(a->text, b->text) ||
	    a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!str_equal(a->items[i], b->items[i]))
			return false;
	return true;
}

static void candidate_add(struct candidates *c, enum attribute attribute, struct value value)
{
	size_t *count = &c->counts[attribute];

	for (size_t i = 0; i < *count; i++)
		if (same_value(&c->items[attribute][i], &value))
			return;
	if (*count < WIDEN_CANDIDATES_MAX)
		c->items[attribute][(*count)++] = value;
}

void candidate_text(struct candidates *c, enum attribute attribute, struct str text)
{
	struct str *item;

	if (!text.data)
		return;
	if (attribute_type(attribute) == VALUE_STRING) {
		candidate_add(c, attribute, (struct value){ .type = VALUE_STRING, .text = text });
		return;
	}
	item = ARENA_NEW(c->arena, struct str);
	if (!item)
		return;
	*item = text;
	candidate_add(c, attribute,
		      (struct value){ .type = VALUE_LIST, .items = item, .count = 1 });
}

static void candidate_around(struct candidates *c, enum attribute attribute, int64_t value)
{
	enum value_type type = attribute_type(attribute);

	for (int64_t i = -1; i <= 1; i++) {
		int64_t near;
		if (__builtin_add_overflow(value, i, &near) ||
		    (attribute == ATTRIBUTE_AMOUNT && near < 0))
			continue;
		candidate_add(c, attribute, (struct value){ .type = type, .i64 = near });
	}
}

struct str pattern_example(struct arena *arena, struct str pattern)
{
	return common_example(arena, pattern, pattern);
}

struct str common_example(struct arena *arena, struct str a, struct str b)
{
	char name[2 * PATTERN_BYTES_MAX + 2];
	size_t length;

	if (!pattern_common(a, b, name, sizeof(name), &length))
		return (struct str){ 0 };
	return arena_copy(arena, (struct str){ name, length });
}

/* -- what a condition mentions -- */

struct mention {
	struct candidates *c;
	int64_t numbers[NUMBERS_MAX];
	size_t number_count;
	bool arithmetic;
	uint64_t attributes;
};

static void calendar_times(struct candidates *c, const struct calendar *calendar)
{
	bool open = false, closed = false;

	for (int64_t i = 0; i < CALENDAR_STEPS && !(open && closed); i++) {
		int64_t at = WEEK_BEGIN_MS + i * CALENDAR_STEP_MS;
		bool *seen = calendar_holds(calendar, at) ? &open : &closed;
		if (*seen)
			continue;
		*seen = true;
		candidate_add(c, ATTRIBUTE_TIME, (struct value){ .type = VALUE_TIME, .i64 = at });
	}
	if (calendar->holiday_count > 0)
		candidate_add(c, ATTRIBUTE_TIME,
			      (struct value){ .type = VALUE_TIME,
					      .i64 = calendar->holidays[0] * INT64_C(86400000) +
						     INT64_C(43200000) });
}

static bool is_list_of_texts(const struct node *node)
{
	return node->kind == NODE_CONSTANT && node->type == VALUE_LIST;
}

static void mention_texts(struct mention *m, const struct node *node)
{
	const struct node *left = node->left, *right = node->right;

	if (left->kind != NODE_ATTRIBUTE && right && right->kind == NODE_ATTRIBUTE) {
		left = node->right;
		right = node->left;
	}
	if (left->kind != NODE_ATTRIBUTE || !right)
		return;
	candidate_text(m->c, left->attribute, STR("other"));
	if (is_list_of_texts(right))
		for (size_t i = 0; i < right->constant.count; i++)
			candidate_text(m->c, left->attribute, right->constant.items[i]);
	else if (right->kind == NODE_CONSTANT && right->type == VALUE_STRING)
		candidate_text(m->c, left->attribute,
			       node->kind == NODE_LIKE
				       ? pattern_example(m->c->arena, right->constant.text)
				       : right->constant.text);
}

static void mention_walk(struct mention *m, const struct node *node)
{
	if (!node)
		return;
	if (node->kind == NODE_ATTRIBUTE)
		m->attributes |= UINT64_C(1) << node->attribute;
	if (node->kind >= NODE_NEGATE && node->kind <= NODE_DIVIDE)
		m->arithmetic = true;
	if (node->kind == NODE_CONSTANT && node->type != VALUE_STRING && node->type != VALUE_LIST &&
	    m->number_count < NUMBERS_MAX)
		m->numbers[m->number_count++] = node->constant.i64;
	if (node->kind == NODE_COMPARE || node->kind == NODE_IN || node->kind == NODE_LIKE)
		if (node->left->type == VALUE_STRING || node->left->type == VALUE_LIST)
			mention_texts(m, node);
	if (node->kind == NODE_IN_CALENDAR)
		calendar_times(m->c, node->calendar);
	mention_walk(m, node->left);
	mention_walk(m, node->right);
}

/* What two numbers make of each other, for a threshold such as amount * 2 > 1000. */
static void mention_derived(struct mention *m, enum attribute attribute)
{
	int64_t value;

	for (size_t i = 0; i < m->number_count; i++) {
		for (size_t j = 0; j < m->number_count; j++) {
			int64_t a = m->numbers[i], b = m->numbers[j];
			if (number_multiply(a, b, &value))
				candidate_around(m->c, attribute, value);
			if (number_divide(a, b, &value))
				candidate_around(m->c, attribute, value);
			if (!__builtin_add_overflow(a, b, &value))
				candidate_around(m->c, attribute, value);
			if (!__builtin_sub_overflow(a, b, &value))
				candidate_around(m->c, attribute, value);
		}
	}
}

static void mention_numbers(struct mention *m)
{
	for (unsigned a = 0; a < ATTRIBUTE_COUNT; a++) {
		enum attribute attribute = (enum attribute)a;
		enum value_type type = attribute_type(attribute);
		if (!(m->attributes >> a & 1) || type == VALUE_STRING || type == VALUE_LIST)
			continue;
		if (type == VALUE_BOOL) {
			for (int64_t i = 0; i < 2; i++)
				candidate_add(m->c, attribute,
					      (struct value){ .type = type, .i64 = i });
			continue;
		}
		for (size_t i = 0; i < m->number_count; i++)
			candidate_around(m->c, attribute, m->numbers[i]);
		if (m->arithmetic)
			mention_derived(m, attribute);
		if (m->c->counts[attribute] == 0)
			candidate_around(m->c, attribute, NUMBER_ONE);
	}
}

static void mention_rule(struct candidates *c, const struct rule *rule)
{
	struct mention m = { .c = c };

	if (rule->has_amount_max)
		candidate_around(c, ATTRIBUTE_AMOUNT, rule->amount_max);
	if (!rule->has_condition)
		return;
	mention_walk(&m, rule->condition.tree);
	mention_numbers(&m);
}

static struct str_list tools_of(const struct document *d, const struct rule *rule)
{
	if (d->type == POLICY_TOOL_ACCESS)
		return (struct str_list){ &rule->name, 1 };
	return rule->tools;
}

static void pair_names(struct candidates *c, enum attribute attribute, const struct str_list *a,
		       const struct str_list *b)
{
	for (size_t i = 0; i < a->count; i++)
		for (size_t j = 0; j < b->count; j++)
			candidate_text(c, attribute,
				       common_example(c->arena, a->items[i], b->items[j]));
	for (size_t i = 0; i < a->count; i++)
		candidate_text(c, attribute, pattern_example(c->arena, a->items[i]));
	for (size_t i = 0; i < b->count; i++)
		candidate_text(c, attribute, pattern_example(c->arena, b->items[i]));
}

void candidates_of_pair(struct candidates *c, const struct document *d1, const struct rule *below,
			const struct document *d2, const struct rule *above)
{
	struct str_list tools1 = tools_of(d1, below), tools2 = tools_of(d2, above);

	memset(c->counts, 0, sizeof(c->counts));
	pair_names(c, ATTRIBUTE_TOOL, &tools1, &tools2);
	if (below->scope.count > 0 || above->scope.count > 0) {
		pair_names(c, ATTRIBUTE_RESOURCE, &below->scope, &above->scope);
		if (below->scope.count == 0)
			candidate_text(c, ATTRIBUTE_RESOURCE, STR("other"));
	}
	mention_rule(c, above);
	mention_rule(c, below);
	if (c->counts[ATTRIBUTE_TOOL] == 0)
		candidate_text(c, ATTRIBUTE_TOOL, STR("any.tool"));
}

/* -- words -- */

static void value_words(struct buf *buf, const struct value *value)
{
	char number[MONEY_TEXT_SIZE], time[TIME_TEXT_SIZE];

	switch (value->type) {
	case VALUE_NUMBER:
		micros_print(value->i64, number);
		buf_add_c(buf, number);
		return;
	case VALUE_TIME:
		if (value->i64 < 0 || value->i64 > TIME_MS_MAX)
			return;
		time_format(value->i64, time);
		buf_add_c(buf, time);
		return;
	case VALUE_BOOL:
		buf_add_c(buf, value->i64 ? "true" : "false");
		return;
	case VALUE_LIST:
		for (size_t i = 0; i < value->count; i++)
			buf_printf(buf, "%s%.*s", i ? " " : "", STR_ARG(value->items[i]));
		return;
	case VALUE_STRING:
		buf_printf(buf, "\"%.*s\"", STR_ARG(value->text));
		return;
	case VALUE_DURATION:
		buf_printf(buf, "%lldms", (long long)value->i64);
		return;
	case VALUE_NONE:
	case VALUE_TYPE_COUNT:
		return;
	}
}

struct str request_words(struct arena *arena, const struct request *request)
{
	struct buf buf;
	bool first = true;

	buf_init(&buf, arena, 128);
	for (unsigned a = 0; a < ATTRIBUTE_COUNT; a++) {
		if (request->attributes[a].type == VALUE_NONE)
			continue;
		buf_printf(&buf, "%s%s ", first ? "" : ", ", attribute_name((enum attribute)a));
		value_words(&buf, &request->attributes[a]);
		first = false;
	}
	return buf_str(&buf);
}
