/* Equality by value: numbers exactly, objects without regard to order. Everything is paid in steps,
 * because instances are chosen by those who may want it to be slow. */
#include "schema_internal.h"

#include <stdlib.h>

enum st schema_equal(struct schema_validation *v, const struct json *a, const struct json *b,
		     bool *ret);

static enum st numbers_equal(struct schema_validation *v, const struct json *a,
			     const struct json *b, bool *ret)
{
	struct schema_number number_a, number_b;

	TRY(schema_spend(v, (a->text.size + b->text.size) / 16));
	if (!schema_number_of(v->arena, a, &number_a) || !schema_number_of(v->arena, b, &number_b))
		return ST_TOO_LARGE;
	*ret = schema_number_compare(&number_a, &number_b) == 0;
	return ST_OK;
}

static enum st arrays_equal(struct schema_validation *v, const struct json *a, const struct json *b,
			    bool *ret)
{
	const struct json *item_b = b->first;

	*ret = a->count == b->count;
	for (const struct json *item = a->first; item && *ret; item = item->next) {
		TRY(schema_equal(v, item, item_b, ret));
		item_b = item_b->next;
	}
	return ST_OK;
}

static enum st objects_equal(struct schema_validation *v, const struct json *a,
			     const struct json *b, bool *ret)
{
	*ret = a->count == b->count;
	for (const struct json *member = a->first; member && *ret; member = member->next) {
		const struct json *other;
		TRY(schema_spend(v, b->count / 8));
		other = json_member_str(b, member->name);
		*ret = other != NULL;
		if (other)
			TRY(schema_equal(v, member, other, ret));
	}
	return ST_OK;
}

enum st schema_equal(struct schema_validation *v, const struct json *a, const struct json *b,
		     bool *ret)
{
	TRY(schema_spend(v, 1));
	*ret = a->kind == b->kind;
	if (!*ret)
		return ST_OK;
	switch (a->kind) {
	case JSON_NULL:
		return ST_OK;
	case JSON_BOOL:
		*ret = a->boolean == b->boolean;
		return ST_OK;
	case JSON_NUMBER:
		return numbers_equal(v, a, b, ret);
	case JSON_STRING:
		TRY(schema_spend(v, a->text.size / 64));
		*ret = str_equal(a->text, b->text);
		return ST_OK;
	case JSON_ARRAY:
		return arrays_equal(v, a, b, ret);
	case JSON_OBJECT:
		return objects_equal(v, a, b, ret);
	}
	return ST_INTERNAL;
}

static uint64_t mix(uint64_t hash)
{
	hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9U;
	hash = (hash ^ hash >> 27) * 0x94d049bb133111ebU;
	return hash ^ hash >> 31;
}

static uint64_t hash_text(struct str text)
{
	uint64_t hash = 14695981039346656037U;

	for (size_t i = 0; i < text.size; i++)
		hash = (hash ^ (unsigned char)text.data[i]) * 1099511628211U;
	return hash;
}

/* A sum of members does not depend on their order. */
enum st schema_hash(struct schema_validation *v, const struct json *node, uint64_t *ret)
{
	uint64_t hash = (uint64_t)node->kind + 1, inner;
	struct schema_number number;

	TRY(schema_spend(v, 1 + node->text.size / 32));
	if (node->kind == JSON_BOOL)
		hash = hash * 31 + node->boolean;
	if (node->kind == JSON_STRING)
		hash ^= hash_text(node->text);
	if (node->kind == JSON_NUMBER) {
		if (!schema_number_of(v->arena, node, &number))
			return ST_TOO_LARGE;
		hash ^= schema_number_hash(&number);
	}
	for (const struct json *child = node->first; child; child = child->next) {
		TRY(schema_hash(v, child, &inner));
		if (node->kind == JSON_OBJECT)
			hash += mix(inner ^ hash_text(child->name));
		else
			hash = mix(hash + inner);
	}
	*ret = mix(hash);
	return ST_OK;
}

struct hashed {
	uint64_t hash;
	size_t index;
	const struct json *item;
};

static int hashed_order(const void *a, const void *b)
{
	const struct hashed *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

enum st schema_find_twins(struct schema_validation *v, const struct json *array, size_t *ret_first,
			  size_t *ret_second, bool *ret_found)
{
	struct hashed *items = ARENA_ARRAY(v->arena, struct hashed, array->count);
	size_t count = 0;

	*ret_found = false;
	if (!items)
		return ST_TOO_LARGE;
	for (const struct json *item = array->first; item; item = item->next, count++) {
		items[count] = (struct hashed){ .index = count, .item = item };
		TRY(schema_hash(v, item, &items[count].hash));
	}
	qsort(items, count, sizeof(*items), hashed_order);
	for (size_t i = 0; i < count; i++) {
		for (size_t j = i + 1; j < count && items[j].hash == items[i].hash; j++) {
			TRY(schema_equal(v, items[i].item, items[j].item, ret_found));
			if (!*ret_found)
				continue;
			*ret_first = items[i].index;
			*ret_second = items[j].index;
			return ST_OK;
		}
	}
	return ST_OK;
}
