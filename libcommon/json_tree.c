/* Nodes: finding, comparing, ordering and building them. */
#include <math.h>

#include "json_internal.h"

struct json *json_member_str(const struct json *object, struct str name)
{
	if (!object || object->kind != JSON_OBJECT)
		return NULL;
	for (struct json *member = object->first; member; member = member->next) {
		if (str_equal(member->name, name))
			return member;
	}
	return NULL;
}

struct json *json_member(const struct json *object, const char *name)
{
	return json_member_str(object, str_of(name));
}

/* One step of a pointer against a name: ~1 is "/", ~0 is "~", any other "~" matches nothing. */
static bool token_is(struct str token, struct str name)
{
	size_t at = 0;

	for (size_t i = 0; i < token.size; i++, at++) {
		char c = token.data[i];

		if (c == '~') {
			if (++i == token.size || (token.data[i] != '0' && token.data[i] != '1'))
				return false;
			c = token.data[i] == '0' ? '~' : '/';
		}
		if (at == name.size || name.data[at] != c)
			return false;
	}
	return at == name.size;
}

static struct json *step_into(const struct json *node, struct str token)
{
	struct json *child = node->first;
	int64_t index;

	if (node->kind == JSON_OBJECT) {
		while (child && !token_is(token, child->name))
			child = child->next;
		return child;
	}
	if (node->kind != JSON_ARRAY || !str_to_i64(token, &index) || index < 0)
		return NULL;
	while (child && index-- > 0)
		child = child->next;
	return child;
}

struct json *json_at(struct json *root, struct str pointer)
{
	struct json *node = root;
	struct str token, rest;

	if (pointer.size == 0)
		return node;
	if (pointer.data[0] != '/')
		return NULL;
	rest = (struct str){ .data = pointer.data + 1, .size = pointer.size - 1 };
	while (node) {
		struct str here = rest;

		if (!str_cut(here, '/', &token, &rest))
			return step_into(node, here);
		node = step_into(node, token);
	}
	return NULL;
}

static bool equal_at_depth(const struct json *a, const struct json *b, size_t depth);

static bool arrays_equal(const struct json *a, const struct json *b, size_t depth)
{
	const struct json *y = b->first;

	for (const struct json *x = a->first; x; x = x->next, y = y->next) {
		if (!equal_at_depth(x, y, depth + 1))
			return false;
	}
	return true;
}

/* Usually the order is the same: look first where the member would be then. */
static bool objects_equal(const struct json *a, const struct json *b, size_t depth)
{
	const struct json *beside = b->first;

	for (const struct json *x = a->first; x; x = x->next, beside = beside->next) {
		const struct json *y =
			str_equal(x->name, beside->name) ? beside : json_member_str(b, x->name);

		if (!y || !equal_at_depth(x, y, depth + 1))
			return false;
	}
	return true;
}

static bool equal_at_depth(const struct json *a, const struct json *b, size_t depth)
{
	if (a->kind != b->kind || a->count != b->count || depth > JSON_DEPTH_MAX)
		return false;
	switch (a->kind) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return a->boolean == b->boolean;
	case JSON_NUMBER:
		return a->number >= b->number && a->number <= b->number;
	case JSON_STRING:
		return str_equal(a->text, b->text);
	case JSON_ARRAY:
		return arrays_equal(a, b, depth);
	case JSON_OBJECT:
		return objects_equal(a, b, depth);
	}
	return false;
}

bool json_equal(const struct json *a, const struct json *b)
{
	if (!a || !b)
		return a == b;
	return equal_at_depth(a, b, 0);
}

bool json_is_integer(const struct json *node)
{
	return node && node->kind == JSON_NUMBER && !(fabs(node->number - trunc(node->number)) > 0);
}

/* UTF-8 bytes sort as code points; UTF-16 units sort the same but for one case: a character above
 * U+FFFF (first byte from 0xf0) is written with surrogates, which come before U+E000..U+FFFF. */
static int name_compare(struct str a, struct str b)
{
	size_t common = a.size < b.size ? a.size : b.size;

	for (size_t i = 0; i < common; i++) {
		unsigned char x = (unsigned char)a.data[i];
		unsigned char y = (unsigned char)b.data[i];

		if (x == y)
			continue;
		if (x >= 0xf0 && (y == 0xee || y == 0xef))
			return -1;
		if (y >= 0xf0 && (x == 0xee || x == 0xef))
			return 1;
		return x < y ? -1 : 1;
	}
	return (a.size > b.size) - (a.size < b.size);
}

/* Merges the sorted runs [from, middle) and [middle, to) into `out`; equal names keep their order.
 */
static void merge(const struct json **in, const struct json **out, size_t from, size_t middle,
		  size_t to)
{
	size_t left = from, right = middle;

	for (size_t i = from; i < to; i++) {
		if (left < middle &&
		    (right >= to || name_compare(in[left]->name, in[right]->name) <= 0))
			out[i] = in[left++];
		else
			out[i] = in[right++];
	}
}

/* A merge sort, because its worst case is its usual case: names are chosen by others. */
const struct json **json_sorted_members(struct arena *arena, const struct json *object)
{
	size_t count = object->count;
	const struct json **members = ARENA_ARRAY(arena, const struct json *, count);
	const struct json **spare = ARENA_ARRAY(arena, const struct json *, count);
	size_t filled = 0;

	if (!members || !spare)
		return NULL;
	for (const struct json *member = object->first; member; member = member->next)
		members[filled++] = member;
	ASSERT(filled == count);
	for (size_t width = 1; width < count; width *= 2) {
		const struct json **swap = members;

		for (size_t from = 0; from < count; from += 2 * width) {
			size_t middle = from + width < count ? from + width : count;
			size_t to = middle + width < count ? middle + width : count;

			merge(members, spare, from, middle, to);
		}
		members = spare;
		spare = swap;
	}
	return members;
}

void json_append(struct json *parent, struct json *child)
{
	if (parent->last)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
	parent->count++;
}

struct json *json_new(struct arena *arena, enum json_kind kind)
{
	struct json *node = ARENA_NEW(arena, struct json);

	if (node)
		node->kind = kind;
	return node;
}

struct json *json_new_string(struct arena *arena, struct str s)
{
	struct str copy = arena_copy(arena, s);
	struct json *node = copy.data ? json_new(arena, JSON_STRING) : NULL;

	if (node)
		node->text = copy;
	return node;
}

struct json *json_new_number(struct arena *arena, double number)
{
	struct json *node = json_new(arena, JSON_NUMBER);

	ASSERT(isfinite(number));
	if (node)
		node->number = number;
	return node;
}

struct json *json_new_i64(struct arena *arena, int64_t value)
{
	struct str text = arena_printf(arena, "%lld", (long long)value);
	struct json *node = text.data ? json_new_number(arena, (double)value) : NULL;

	if (node)
		node->text = text;
	return node;
}

struct json *json_new_bool(struct arena *arena, bool value)
{
	struct json *node = json_new(arena, JSON_BOOL);

	if (node)
		node->boolean = value;
	return node;
}

void json_add(struct json *array, struct json *item)
{
	if (!array || !item)
		return;
	ASSERT(array->kind == JSON_ARRAY);
	ASSERT(!item->next);
	json_append(array, item);
}

/* `value` takes the place of `old` among its siblings. */
static void replace(struct json *object, const struct json *old, struct json *value)
{
	struct json **link = &object->first;

	while (*link != old)
		link = &(*link)->next;
	*link = value;
	value->next = old->next;
	if (object->last == old)
		object->last = value;
}

void json_set(struct arena *arena, struct json *object, const char *name, struct json *value)
{
	struct json *old = json_member(object, name);
	struct str copy;

	if (!object || !value)
		return;
	ASSERT(object->kind == JSON_OBJECT);
	ASSERT(!value->next);
	copy = old ? old->name : arena_copy(arena, str_of(name));
	if (!copy.data)
		return;
	value->name = copy;
	if (old)
		replace(object, old, value);
	else
		json_append(object, value);
}
