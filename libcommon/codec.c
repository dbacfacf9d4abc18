/* codec.c: decoding by table. A JSON text becomes nodes (json.c), and the nodes fill the struct
 * that the type describes. What is refused is refused with a JSON pointer to it. Encoding is in
 * codec_encode.c. */
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "proto.h"
#include "regex.h"

#define QUOTED_BYTES_MAX 64 /* of a refused value, in the sentence about it */
#define POINTER_BYTES_MAX (sizeof(((struct problem *)NULL)->pointer) - 1)
/* One character more than is kept, so that a cut is seen and falls between characters. */
#define POINTER_DRAFT_SIZE (POINTER_BYTES_MAX + 5)

/* The way from the root to the value at hand, for pointers; on the stack. */
struct place {
	const struct place *parent;
	struct str name; /* of a member; .data NULL: an item */
	size_t index;
};

struct decoder {
	struct arena *arena;
	enum proto_unknown unknown;
	struct problem *problem;
};

/* ---- refusals ---- */

static size_t pointer_add(char *pointer, size_t size, char c)
{
	if (size + 1 < POINTER_DRAFT_SIZE)
		pointer[size++] = c;
	pointer[size] = '\0';
	return size;
}

static size_t pointer_add_name(char *pointer, size_t size, struct str name)
{
	for (size_t i = 0; i < name.size; i++) {
		char c = name.data[i];

		if (c == '~' || c == '/') {
			size = pointer_add(pointer, size, '~');
			c = c == '~' ? '0' : '1';
		}
		size = pointer_add(pointer, size, c);
	}
	return size;
}

static size_t pointer_write(char *pointer, const struct place *place)
{
	char digits[24];
	struct str token = place->name;
	size_t size;

	if (!place->parent)
		return 0;
	size = pointer_add(pointer, pointer_write(pointer, place->parent), '/');
	if (!token.data) {
		snprintf(digits, sizeof(digits), "%zu", place->index);
		token = str_of(digits);
	}
	return pointer_add_name(pointer, size, token);
}

static enum st refuse(const struct decoder *d, const struct place *place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static enum st refuse(const struct decoder *d, const struct place *place, const char *format, ...)
{
	char pointer[POINTER_DRAFT_SIZE] = "";
	char detail[sizeof(((struct problem *)NULL)->detail)];
	size_t size = pointer_write(pointer, place);
	va_list args;

	pointer[utf8_cut((struct str){ pointer, size }, POINTER_BYTES_MAX)] = '\0';
	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	return problem_set(d->problem, ST_MESSAGE_INVALID, pointer, "%s", detail);
}

static enum st refuse_full(const struct decoder *d, const struct place *place)
{
	(void)place;
	return problem_set(d->problem, ST_TOO_LARGE, "",
			   "decoding this message needs more memory than its limit");
}

static struct str cut(struct str s)
{
	s.size = utf8_cut(s, QUOTED_BYTES_MAX);
	return s;
}

static const char *found_word(const struct json *node)
{
	static const char *const words[] = { "null",     "a boolean", "a number",
					     "a string", "an array",  "an object" };

	return words[node->kind];
}

static const char *expected_word(enum proto_kind kind)
{
	static const char *const words[] = {
		"a string",
		"a string",
		"a time as a string",
		"an integer as a string",
		"a whole number",
		"a number",
		"true or false",
		"an array",
		"an object",
		"an object with amount and currency",
		"an object of strings",
		"anything",
	};

	return words[kind];
}

static enum st refuse_kind(const struct decoder *d, const struct place *place, enum proto_kind kind,
			   const struct json *node)
{
	refuse(d, place, "%s is not %s", found_word(node), expected_word(kind));
	if (node->kind == JSON_NULL)
		problem_hint(d->problem, "leave the member out, or give %s", expected_word(kind));
	else
		problem_hint(d->problem, "give %s", expected_word(kind));
	return ST_MESSAGE_INVALID;
}

static enum st refuse_enum(const struct decoder *d, const struct place *place,
			   const char *const *names, struct str found)
{
	char list[sizeof(((struct problem *)NULL)->hint)] = "";
	size_t size = 0;

	refuse(d, place, "\"%.*s\" is not among the values accepted", STR_ARG(cut(found)));
	for (size_t i = 0; names[i] && size < sizeof(list); i++)
		size += (size_t)snprintf(list + size, sizeof(list) - size, "%s\"%s\"",
					 i ? ", " : "", names[i]);
	problem_hint(d->problem, "one of %s", list);
	return ST_MESSAGE_INVALID;
}

static enum st refuse_unknown(const struct decoder *d, const struct place *parent,
			      const struct proto_type *type, struct str name)
{
	const struct place place = { .parent = parent, .name = name };
	char list[sizeof(((struct problem *)NULL)->hint)] = "none";
	size_t size = 0;

	refuse(d, &place, "there is no member \"%.*s\" here", STR_ARG(cut(name)));
	for (size_t i = 0; i < type->field_count && size < sizeof(list); i++)
		size += (size_t)snprintf(list + size, sizeof(list) - size, "%s\"%s\"",
					 i ? ", " : "", type->fields[i].name);
	problem_hint(d->problem, "members: %s", list);
	return ST_MESSAGE_INVALID;
}

/* json_parse lets no name stand twice; nodes that were built may. */
static enum st refuse_twice(const struct decoder *d, const struct place *parent, struct str name)
{
	const struct place place = { .parent = parent, .name = name };

	refuse(d, &place, "the member \"%.*s\" stands twice", STR_ARG(cut(name)));
	problem_hint(d->problem, "each member once");
	return ST_MESSAGE_INVALID;
}

/* ---- scalars ---- */

/* Bytes that do not continue a character; `s` is valid UTF-8. */
static int64_t count_chars(struct str s)
{
	int64_t count = 0;

	for (size_t i = 0; i < s.size; i++)
		count += ((unsigned char)s.data[i] & 0xc0) != 0x80;
	return count;
}

static enum st check_length(const struct decoder *d, const struct place *place, int64_t min,
			    int64_t max, struct str s)
{
	int64_t count = (int64_t)s.size;

	if (count <= max && (min <= 1 ? count >= min : count >= min * 4))
		return ST_OK;
	count = count_chars(s);
	if (count >= min && count <= max)
		return ST_OK;
	refuse(d, place, "%lld characters are too %s", (long long)count,
	       count < min ? "few" : "many");
	if (max == INT64_MAX)
		problem_hint(d->problem, "at least %lld characters", (long long)min);
	else
		problem_hint(d->problem, "%lld to %lld characters", (long long)min, (long long)max);
	return ST_MESSAGE_INVALID;
}

static enum st check_text(const struct decoder *d, const struct place *place, struct str s)
{
	if (s.size == 0 || !memchr(s.data, '\0', s.size))
		return ST_OK;
	refuse(d, place, "the text holds the character U+0000");
	problem_hint(d->problem, "text without U+0000");
	return ST_MESSAGE_INVALID;
}

static enum st check_pattern(const struct decoder *d, const struct place *place,
			     const struct proto_pattern *pattern, struct str s)
{
	if (!pattern || regex_matches(regex_of_slot(pattern->regex, pattern->compiled), s))
		return ST_OK;
	refuse(d, place, "\"%.*s\" does not have the form asked for", STR_ARG(cut(s)));
	problem_hint(d->problem, "text that matches %s", pattern->regex);
	return ST_MESSAGE_INVALID;
}

static enum st decode_string(const struct decoder *d, const struct place *place,
			     const struct proto_value *value, const struct json *node, void *ret)
{
	struct str s = str_or_empty(node->text);

	TRY(check_length(d, place, value->min, value->max, s));
	TRY(check_text(d, place, s));
	TRY(check_pattern(d, place, value->pattern, s));
	memcpy(ret, &s, sizeof(s));
	return ST_OK;
}

static enum st decode_enum(const struct decoder *d, const struct place *place,
			   const struct proto_value *value, const struct json *node, void *ret)
{
	for (unsigned i = 0; value->names[i]; i++) {
		unsigned found = i + 1;

		if (!str_is(node->text, value->names[i]))
			continue;
		memcpy(ret, &found, sizeof(found));
		return ST_OK;
	}
	return refuse_enum(d, place, value->names, node->text);
}

static enum st decode_time(const struct decoder *d, const struct place *place,
			   const struct json *node, void *ret)
{
	int64_t ms;

	if (!time_parse(node->text, &ms)) {
		refuse(d, place, "\"%.*s\" is not a time", STR_ARG(cut(node->text)));
		problem_hint(d->problem, "RFC 3339 in UTC, like 2026-03-01T12:00:00.000Z");
		return ST_MESSAGE_INVALID;
	}
	memcpy(ret, &ms, sizeof(ms));
	return ST_OK;
}

static enum st decode_i64(const struct decoder *d, const struct place *place,
			  const struct proto_value *value, const struct json *node, void *ret)
{
	int64_t number;

	if (!str_to_i64(node->text, &number)) {
		refuse(d, place, "\"%.*s\" is not a decimal integer of 64 bits",
		       STR_ARG(cut(node->text)));
		problem_hint(d->problem, "digits without leading zeros, like \"42\"");
		return ST_MESSAGE_INVALID;
	}
	TRY(check_pattern(d, place, value->pattern, node->text));
	memcpy(ret, &number, sizeof(number));
	return ST_OK;
}

static enum st decode_integer(const struct decoder *d, const struct place *place,
			      const struct proto_value *value, const struct json *node, void *ret)
{
	int64_t number;

	if (!json_is_integer(node))
		return refuse_kind(d, place, PROTO_INTEGER, node);
	if (node->number < value->number_min || node->number > value->number_max) {
		refuse(d, place, "%.*s is out of range", STR_ARG(cut(node->text)));
		problem_hint(d->problem, "a whole number from %lld to %lld", (long long)value->min,
			     (long long)value->max);
		return ST_MESSAGE_INVALID;
	}
	number = (int64_t)node->number;
	memcpy(ret, &number, sizeof(number));
	return ST_OK;
}

static enum st decode_number(const struct decoder *d, const struct place *place,
			     const struct proto_value *value, const struct json *node, void *ret)
{
	if (node->number < value->number_min || node->number > value->number_max) {
		refuse(d, place, "%.*s is out of range", STR_ARG(cut(node->text)));
		problem_hint(d->problem, "a number from %g to %g", value->number_min,
			     value->number_max);
		return ST_MESSAGE_INVALID;
	}
	memcpy(ret, &node->number, sizeof(node->number));
	return ST_OK;
}

static enum st decode_bool(const struct decoder *d, const struct place *place,
			   const struct proto_value *value, const struct json *node, void *ret)
{
	if (node->boolean < value->min || node->boolean > value->max) {
		refuse(d, place, "%s is not accepted here", node->boolean ? "true" : "false");
		problem_hint(d->problem, "only %s", node->boolean ? "false" : "true");
		return ST_MESSAGE_INVALID;
	}
	memcpy(ret, &node->boolean, sizeof(node->boolean));
	return ST_OK;
}

/* ---- what holds other values ---- */

static enum st decode_value(const struct decoder *d, const struct place *place,
			    const struct proto_value *value, const struct json *node, void *ret);

static enum st check_count(const struct decoder *d, const struct place *place,
			   const struct proto_value *value, size_t count, const char *what)
{
	if ((int64_t)count >= value->min && (int64_t)count <= value->max)
		return ST_OK;
	refuse(d, place, "%zu %s are too %s", count, what,
	       (int64_t)count < value->min ? "few" : "many");
	if (value->max == INT64_MAX)
		problem_hint(d->problem, "at least %lld %s", (long long)value->min, what);
	else
		problem_hint(d->problem, "%lld to %lld %s", (long long)value->min,
			     (long long)value->max, what);
	return ST_MESSAGE_INVALID;
}

/* qsort_r's argument is the kind of the items. */
static int compare_items(const void *a, const void *b, void *kind)
{
	const void *x = *(void *const *)a, *y = *(void *const *)b;
	double n, m;
	int64_t i, j;

	switch (*(const enum proto_kind *)kind) {
	case PROTO_STRING:
		return str_compare(*(const struct str *)x, *(const struct str *)y);
	case PROTO_NUMBER:
		memcpy(&n, x, sizeof(n));
		memcpy(&m, y, sizeof(m));
		return (n > m) - (n < m);
	case PROTO_TIME:
	case PROTO_I64:
	case PROTO_INTEGER:
		memcpy(&i, x, sizeof(i));
		memcpy(&j, y, sizeof(j));
		return (i > j) - (i < j);
	case PROTO_ENUM:
		return memcmp(x, y, sizeof(unsigned));
	case PROTO_BOOL:
		return *(const bool *)x - *(const bool *)y;
	case PROTO_ARRAY:
	case PROTO_OBJECT:
	case PROTO_MONEY:
	case PROTO_PAIRS:
	case PROTO_ANY:
		break;
	}
	ASSERT(*(const enum proto_kind *)kind <=
	       PROTO_BOOL); /* the generator lets no other be unique */
	return 0;
}

static enum st check_unique(const struct decoder *d, const struct place *place,
			    const struct proto_value *value, const char *items, size_t count)
{
	enum proto_kind kind = value->items->kind;
	const char **order = ARENA_ARRAY(d->arena, const char *, count);

	if (!order)
		return refuse_full(d, place);
	for (size_t i = 0; i < count; i++)
		order[i] = items + i * value->item_size_bytes;
	qsort_r(order, count, sizeof(*order), compare_items, &kind);
	for (size_t i = 1; i < count; i++) {
		const char *later = order[i] > order[i - 1] ? order[i] : order[i - 1];
		const struct place item = {
			.parent = place, .index = (size_t)(later - items) / value->item_size_bytes
		};

		if (compare_items(&order[i], &order[i - 1], &kind) != 0)
			continue;
		refuse(d, &item, "the same item stands earlier in the array");
		problem_hint(d->problem, "each item once");
		return ST_MESSAGE_INVALID;
	}
	return ST_OK;
}

static enum st decode_array(const struct decoder *d, const struct place *place,
			    const struct proto_value *value, const struct json *node, void *ret)
{
	struct place item = { .parent = place };
	char *items;

	TRY(check_count(d, place, value, node->count, "items"));
	items = arena_array(d->arena, node->count, value->item_size_bytes);
	if (!items)
		return refuse_full(d, place);
	for (const struct json *child = node->first; child; child = child->next) {
		TRY(decode_value(d, &item, value->items, child,
				 items + item.index * value->item_size_bytes));
		item.index++;
	}
	if (value->unique && node->count > 1)
		TRY(check_unique(d, place, value, items, node->count));
	memcpy(ret, &items, sizeof(items));
	memcpy((char *)ret + sizeof(items), &node->count, sizeof(node->count));
	return ST_OK;
}

static enum st decode_pairs(const struct decoder *d, const struct place *place,
			    const struct proto_value *value, const struct json *node, void *ret)
{
	struct proto_pairs pairs = { 0 };

	TRY(check_count(d, place, value, node->count, "members"));
	pairs.items = ARENA_ARRAY(d->arena, struct proto_pair, node->count);
	if (!pairs.items)
		return refuse_full(d, place);
	for (const struct json *child = node->first; child; child = child->next) {
		const struct place member = { .parent = place, .name = child->name };

		TRY(check_length(d, &member, 0, PROTO_PAIR_NAME_CHARS_MAX, child->name));
		TRY(check_text(d, &member, child->name));
		pairs.items[pairs.count].name = child->name;
		TRY(decode_value(d, &member, value->items, child, &pairs.items[pairs.count].value));
		pairs.count++;
	}
	memcpy(ret, &pairs, sizeof(pairs));
	return ST_OK;
}

/* Any JSON is kept as it is, once no text in it holds what the database cannot keep. */
static enum st decode_any(const struct decoder *d, const struct place *parent,
			  const struct json *node)
{
	struct place place = { .parent = parent };

	if (node->kind == JSON_STRING)
		return check_text(d, parent, node->text);
	if (node->kind != JSON_ARRAY && node->kind != JSON_OBJECT)
		return ST_OK;
	for (const struct json *child = node->first; child; child = child->next) {
		if (node->kind == JSON_OBJECT)
			place.name = child->name;
		TRY(check_text(d, &place, child->name));
		TRY(decode_any(d, &place, child));
		place.index++;
	}
	return ST_OK;
}

static enum st decode_money(const struct decoder *d, const struct place *place,
			    const struct json *node, void *ret)
{
	const struct json *amount = json_member(node, "amount");
	const struct json *currency = json_member(node, "currency");
	struct money money = { 0 };

	if (!amount || !currency || node->count != 2 || amount->kind != JSON_STRING ||
	    currency->kind != JSON_STRING) {
		refuse(d, place, "the object is not an amount and a currency");
		problem_hint(d->problem, "{\"amount\": \"12.5\", \"currency\": \"GBP\"}");
		return ST_MESSAGE_INVALID;
	}
	if (money_parse(amount->text, currency->text, &money) != ST_OK) {
		refuse(d, place, "\"%.*s\" and \"%.*s\" are no amount and currency",
		       STR_ARG(cut(amount->text)), STR_ARG(cut(currency->text)));
		problem_hint(d->problem,
			     "a decimal with at most %d places, like \"12.5\", and \"GBP\"",
			     MONEY_PLACES_MAX);
		return ST_MESSAGE_INVALID;
	}
	memcpy(ret, &money, sizeof(money));
	return ST_OK;
}

static bool kind_is_right(enum proto_kind kind, enum json_kind found)
{
	static const enum json_kind wanted[] = {
		[PROTO_STRING] = JSON_STRING,  [PROTO_ENUM] = JSON_STRING,
		[PROTO_TIME] = JSON_STRING,    [PROTO_I64] = JSON_STRING,
		[PROTO_INTEGER] = JSON_NUMBER, [PROTO_NUMBER] = JSON_NUMBER,
		[PROTO_BOOL] = JSON_BOOL,      [PROTO_ARRAY] = JSON_ARRAY,
		[PROTO_OBJECT] = JSON_OBJECT,  [PROTO_MONEY] = JSON_OBJECT,
		[PROTO_PAIRS] = JSON_OBJECT,
	};

	return kind == PROTO_ANY || wanted[kind] == found;
}

static enum st decode_struct(const struct decoder *d, const struct place *place,
			     const struct proto_type *type, const struct json *node, void *ret);

static enum st decode_value(const struct decoder *d, const struct place *place,
			    const struct proto_value *value, const struct json *node, void *ret)
{
	if (!kind_is_right(value->kind, node->kind))
		return refuse_kind(d, place, value->kind, node);
	switch (value->kind) {
	case PROTO_STRING:
		return decode_string(d, place, value, node, ret);
	case PROTO_ENUM:
		return decode_enum(d, place, value, node, ret);
	case PROTO_TIME:
		return decode_time(d, place, node, ret);
	case PROTO_I64:
		return decode_i64(d, place, value, node, ret);
	case PROTO_INTEGER:
		return decode_integer(d, place, value, node, ret);
	case PROTO_NUMBER:
		return decode_number(d, place, value, node, ret);
	case PROTO_BOOL:
		return decode_bool(d, place, value, node, ret);
	case PROTO_ARRAY:
		return decode_array(d, place, value, node, ret);
	case PROTO_OBJECT:
		return decode_struct(d, place, value->object, node, ret);
	case PROTO_MONEY:
		return decode_money(d, place, node, ret);
	case PROTO_PAIRS:
		return decode_pairs(d, place, value, node, ret);
	case PROTO_ANY:
		TRY(decode_any(d, place, node));
		memcpy(ret, &node, sizeof(node));
		return ST_OK;
	}
	ASSERT(value->kind <= PROTO_ANY);
	return ST_INTERNAL;
}

static enum st decode_field(const struct decoder *d, const struct place *parent,
			    const struct proto_field *field, const struct json *node, char *base)
{
	const struct place place = { .parent = parent, .name = node->name };
	void *target = base + field->offset;
	static const bool yes = true;

	if (field->pointer) {
		void *nested = arena_alloc(d->arena, field->value.object->size_bytes);

		if (!nested)
			return refuse_full(d, &place);
		memcpy(target, &nested, sizeof(nested));
		target = nested;
	}
	TRY(decode_value(d, &place, &field->value, node, target));
	if (field->offset_has != UINT32_MAX)
		memcpy(base + field->offset_has, &yes, sizeof(yes));
	return ST_OK;
}

static bool field_is(const struct proto_field *field, struct str name)
{
	return field->key_size == name.size + 3 && memcmp(field->name, name.data, name.size) == 0;
}

/* Senders write members in the contract's order, so the search starts where the last one ended. */
static size_t field_find(const struct proto_type *type, size_t from, struct str name)
{
	for (size_t i = from; i < type->field_count; i++) {
		if (field_is(&type->fields[i], name))
			return i;
	}
	for (size_t i = 0; i < from; i++) {
		if (field_is(&type->fields[i], name))
			return i;
	}
	return type->field_count;
}

static enum st check_required(const struct decoder *d, const struct place *parent,
			      const struct proto_type *type, const bool *seen)
{
	for (size_t i = 0; i < type->field_count; i++) {
		const struct place place = { .parent = parent,
					     .name = str_of(type->fields[i].name) };

		if (seen[i] || !type->fields[i].required)
			continue;
		refuse(d, &place, "the member \"%s\" is missing", type->fields[i].name);
		problem_hint(d->problem, "give %s", expected_word(type->fields[i].value.kind));
		return ST_MESSAGE_INVALID;
	}
	return ST_OK;
}

static enum st decode_struct(const struct decoder *d, const struct place *place,
			     const struct proto_type *type, const struct json *node, void *ret)
{
	bool seen[PROTO_FIELDS_MAX];
	size_t next = 0;

	ASSERT(type->field_count <= PROTO_FIELDS_MAX);
	memset(seen, 0, type->field_count);
	for (const struct json *child = node->first; child; child = child->next) {
		size_t i = field_find(type, next, child->name);

		if (i == type->field_count && d->unknown == PROTO_UNKNOWN_IGNORED)
			continue;
		if (i == type->field_count)
			return refuse_unknown(d, place, type, child->name);
		if (seen[i])
			return refuse_twice(d, place, child->name);
		TRY(decode_field(d, place, &type->fields[i], child, ret));
		seen[i] = true;
		next = i + 1;
	}
	return check_required(d, place, type, seen);
}

enum st proto_decode_node(const struct proto_type *type, const struct json *node,
			  enum proto_unknown unknown, struct arena *arena, void *ret,
			  struct problem *problem)
{
	const struct decoder d = { .arena = arena, .unknown = unknown, .problem = problem };
	const struct place root = { .parent = NULL };
	void *decoded = arena_alloc(arena, type->size_bytes);

	if (!decoded)
		return refuse_full(&d, &root);
	if (node->kind != JSON_OBJECT)
		return refuse_kind(&d, &root, PROTO_OBJECT, node);
	TRY(decode_struct(&d, &root, type, node, decoded));
	memcpy(ret, decoded, type->size_bytes);
	return ST_OK;
}

enum st proto_decode(const struct proto_type *type, struct str text, enum proto_unknown unknown,
		     struct arena *arena, void *ret, struct problem *problem)
{
	struct json *node;

	if (text.size > type->bytes_max) {
		problem_set(problem, ST_MESSAGE_TOO_LARGE, "", "the message has %zu bytes",
			    text.size);
		problem_hint(problem, "at most %zu bytes", type->bytes_max);
		return ST_MESSAGE_TOO_LARGE;
	}
	TRY(json_parse(arena, text, &node, problem));
	return proto_decode_node(type, node, unknown, arena, ret, problem);
}
