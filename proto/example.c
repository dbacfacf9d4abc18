/* example.c: a valid message of every type, for the reference, for tests and as seeds for fuzzing.
 */
#include "compile.h"

#include <string.h>

#define DEPTH_MAX 4 /* of optional members; required ones always are there */
#define TIME_EXAMPLE "2026-03-01T12:00:00.000Z"

static cJSON *example_of_shape(const struct shape *shape, const char *name, unsigned depth);

static double clamp(double wanted, double min, double max)
{
	if (wanted < min)
		return min;
	return wanted > max ? max : wanted;
}

static char *text_of_length(const char *text, int64_t min, int64_t max)
{
	size_t size = strlen(text);
	size_t least = (size_t)min, most = max > 4096 ? 4096 : (size_t)max;
	size_t wanted = size < least ? least : size > most ? most : size;
	char *s = region_alloc(wanted + 1);

	for (size_t i = 0; i < wanted; i++)
		s[i] = i < size ? text[i] : 'x';
	return s;
}

static cJSON *example_string(const struct shape *shape, const char *name)
{
	if (shape->pattern)
		return cJSON_CreateString(pattern_example(shape->pattern, (size_t)shape->min));
	return cJSON_CreateString(text_of_length(name, shape->min, shape->max));
}

static cJSON *example_array(const struct shape *shape, const char *name, unsigned depth)
{
	cJSON *array = cJSON_CreateArray();
	int64_t count = shape->min;

	if (count == 0 && shape->max > 0 && depth < DEPTH_MAX)
		count = 1;
	for (int64_t i = 0; i < count; i++)
		cJSON_AddItemToArray(array, example_of_shape(shape->items, name, depth + 1));
	return array;
}

static cJSON *example_pairs(const struct shape *shape, unsigned depth)
{
	cJSON *object = cJSON_CreateObject();
	int64_t count = shape->min > 0 || shape->max == 0 ? shape->min : 1;

	for (int64_t i = 0; i < count; i++)
		cJSON_AddItemToObject(
			object,
			region_printf("name%s", i ? region_printf("%lld", (long long)i) : ""),
			example_of_shape(shape->items, "value", depth + 1));
	return object;
}

static cJSON *example_members(const struct schema *schema, unsigned depth)
{
	cJSON *object = cJSON_CreateObject();

	for (size_t i = 0; i < schema->member_count; i++) {
		const struct member *member = &schema->members[i];

		if (!member->required && depth >= DEPTH_MAX)
			continue;
		cJSON_AddItemToObject(object, member->name,
				      example_of_shape(member->shape, member->name, depth + 1));
	}
	return object;
}

static cJSON *example_money(void)
{
	cJSON *money = cJSON_CreateObject();

	json_string(money, "amount", "12.5");
	json_string(money, "currency", "GBP");
	return money;
}

static cJSON *example_of_shape(const struct shape *shape, const char *name, unsigned depth)
{
	const cJSON *given = node_member(shape->node, "examples");

	if (given)
		return cJSON_Duplicate(given->child, true);
	given = node_member(shape->node, "default");
	if (given)
		return cJSON_Duplicate(given, true);
	switch (shape->kind) {
	case KIND_STRING:
		return example_string(shape, name);
	case KIND_ENUM:
		return cJSON_CreateString(shape->enumeration->values[0]);
	case KIND_TIME:
		return cJSON_CreateString(TIME_EXAMPLE);
	case KIND_I64:
		return shape->pattern ? cJSON_CreateString(pattern_example(shape->pattern, 1))
				      : cJSON_CreateString("42");
	case KIND_INTEGER:
		return cJSON_CreateNumber(clamp(1, shape->number_min, shape->number_max));
	case KIND_NUMBER:
		return cJSON_CreateNumber(clamp(0.5, shape->number_min, shape->number_max));
	case KIND_BOOL:
		return cJSON_CreateBool(shape->max > 0);
	case KIND_ARRAY:
		return example_array(shape, name, depth);
	case KIND_OBJECT:
		return example_members(shape->object, depth);
	case KIND_MONEY:
		return example_money();
	case KIND_PAIRS:
		return example_pairs(shape, depth);
	case KIND_ANY:
		break;
	}
	return cJSON_CreateObject();
}

cJSON *example_of_schema(const struct schema *schema)
{
	const struct shape whole = { .kind = KIND_OBJECT,
				     .node = schema->node,
				     .object = (struct schema *)(uintptr_t)schema };

	return example_of_shape(&whole, "", 0);
}

bool emit_examples(const struct contract *contract, const char *out)
{
	cJSON *all = cJSON_CreateObject();
	struct text text = { 0 };

	for (size_t i = 0; i < contract->document_count; i++) {
		const struct document *document = &contract->documents[i];

		for (size_t j = 0; j < document->order_count; j++) {
			const struct schema *schema = document->order[j];

			if (!node_member(schema->node, "x-money"))
				cJSON_AddItemToObject(
					all, region_printf("%s.%s", document->name, schema->name),
					example_of_schema(schema));
		}
	}
	text_json(&text, all);
	return text_write(&text, out, "examples.json");
}
