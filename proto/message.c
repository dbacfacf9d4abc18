/* message.c: example messages, and whether a value written in the contract (a default, an example)
 * matches its schema. Patterns are left to the decoder's tests, which decode every example. */
#include "compile.h"

#include <string.h>

static size_t code_points(const char *s)
{
	size_t count = 0;

	for (; *s; s++)
		count += ((unsigned char)*s & 0xc0) != 0x80;
	return count;
}

static bool count_fits(const struct shape *shape, size_t count)
{
	return (int64_t)count >= shape->min && (int64_t)count <= shape->max;
}

static bool enum_accepts(const struct enumeration *enumeration, const cJSON *value)
{
	for (size_t i = 0; cJSON_IsString(value) && i < enumeration->count; i++) {
		if (strcmp(enumeration->values[i], value->valuestring) == 0)
			return true;
	}
	return false;
}

static bool members_accept(const struct schema *schema, const cJSON *value)
{
	const cJSON *node;

	if (!cJSON_IsObject(value))
		return false;
	cJSON_ArrayForEach(node, value)
	{
		const struct member *member = schema_member(schema, node->string);

		if (!member || !shape_accepts(member->shape, node))
			return false;
	}
	for (size_t i = 0; i < schema->member_count; i++) {
		if (schema->members[i].required && !node_member(value, schema->members[i].name))
			return false;
	}
	return true;
}

static bool items_accept(const struct shape *shape, const cJSON *value)
{
	const cJSON *item;

	if (!count_fits(shape, node_count(value)))
		return false;
	cJSON_ArrayForEach(item, value)
	{
		if (!shape_accepts(shape->items, item))
			return false;
	}
	return true;
}

bool shape_accepts(const struct shape *shape, const cJSON *value)
{
	switch (shape->kind) {
	case KIND_STRING:
		return cJSON_IsString(value) && count_fits(shape, code_points(value->valuestring));
	case KIND_ENUM:
		return enum_accepts(shape->enumeration, value);
	case KIND_TIME:
		return cJSON_IsString(value) && strlen(value->valuestring) == 24;
	case KIND_I64:
		return cJSON_IsString(value) &&
		       !value->valuestring[strspn(value->valuestring, "-0123456789")];
	case KIND_INTEGER:
		if (!node_is_integer(value))
			return false;
		return value->valuedouble >= shape->number_min &&
		       value->valuedouble <= shape->number_max;
	case KIND_NUMBER:
		return cJSON_IsNumber(value) && value->valuedouble >= shape->number_min &&
		       value->valuedouble <= shape->number_max;
	case KIND_BOOL:
		return cJSON_IsBool(value) && cJSON_IsTrue(value) >= shape->min &&
		       cJSON_IsTrue(value) <= shape->max;
	case KIND_ARRAY:
		return cJSON_IsArray(value) && items_accept(shape, value);
	case KIND_PAIRS:
		return cJSON_IsObject(value) && items_accept(shape, value);
	case KIND_OBJECT:
	case KIND_MONEY:
		return members_accept(shape->object, value);
	case KIND_ANY:
		break;
	}
	return true;
}
