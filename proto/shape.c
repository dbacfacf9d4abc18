/* shape.c: schemas become shapes: what a value is in C and which limits it has. Structs and their
 * members are in members.c. */
#include "shape.h"
#include "compile.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define BIT(kind) (1u << (kind))
#define EVERY 0xffffu

struct keyword {
	const char *name;
	unsigned kinds; /* where it may stand */
};

static const struct keyword keywords[] = {
	{ "type", EVERY & ~BIT(KIND_ANY) },
	{ "description", EVERY },
	{ "title", EVERY },
	{ "default", EVERY & ~BIT(KIND_ANY) },
	{ "examples", EVERY },
	{ "enum", BIT(KIND_ENUM) },
	{ "const", BIT(KIND_ENUM) | BIT(KIND_INTEGER) | BIT(KIND_BOOL) },
	{ "minLength", BIT(KIND_STRING) },
	{ "maxLength", BIT(KIND_STRING) },
	{ "pattern", BIT(KIND_STRING) | BIT(KIND_I64) },
	{ "format", BIT(KIND_TIME) | BIT(KIND_I64) },
	{ "minimum", BIT(KIND_INTEGER) | BIT(KIND_NUMBER) },
	{ "maximum", BIT(KIND_INTEGER) | BIT(KIND_NUMBER) },
	{ "exclusiveMinimum", BIT(KIND_INTEGER) | BIT(KIND_NUMBER) },
	{ "exclusiveMaximum", BIT(KIND_INTEGER) | BIT(KIND_NUMBER) },
	{ "items", BIT(KIND_ARRAY) },
	{ "minItems", BIT(KIND_ARRAY) },
	{ "maxItems", BIT(KIND_ARRAY) },
	{ "uniqueItems", BIT(KIND_ARRAY) },
	{ "properties", BIT(KIND_OBJECT) },
	{ "required", BIT(KIND_OBJECT) },
	{ "additionalProperties", BIT(KIND_OBJECT) | BIT(KIND_PAIRS) },
	{ "minProperties", BIT(KIND_PAIRS) },
	{ "maxProperties", BIT(KIND_PAIRS) },
	{ "x-bytes-max", BIT(KIND_OBJECT) },
	{ "x-money", BIT(KIND_OBJECT) },
	{ "x-purpose", BIT(KIND_OBJECT) },
	{ "x-document", BIT(KIND_OBJECT) },
	{ "x-any", BIT(KIND_ANY) },
};

static const char *const kind_words[] = {
	"a string",  "an enum",  "a date-time", "an int64", "an integer", "a number",
	"a boolean", "an array", "an object",   "money",    "pairs",      "any JSON",
};

void check_keywords(const struct document *document, const cJSON *node, enum kind kind)
{
	const cJSON *member;

	cJSON_ArrayForEach(member, node)
	{
		const struct keyword *keyword = NULL;

		for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
			if (strcmp(keywords[i].name, member->string) == 0)
				keyword = &keywords[i];
		}
		if (!keyword)
			refuse(document, member, "unknown keyword '%s' in a schema",
			       member->string);
		else if (!(keyword->kinds & BIT(kind)))
			refuse(document, member, "the keyword '%s' does not apply to %s",
			       member->string, kind_words[kind]);
	}
	node_string_optional(document, node, "description");
	node_string_optional(document, node, "title");
	member = node_member(node, "examples");
	if (member && (!cJSON_IsArray(member) || !member->child))
		refuse(document, member, "'examples' is a list with something in it");
}

static bool string_kind(const struct document *document, const cJSON *node, enum kind *ret)
{
	const char *format = node_string_optional(document, node, "format");

	if (node_member(node, "enum") || node_member(node, "const"))
		*ret = KIND_ENUM;
	else if (!format)
		*ret = KIND_STRING;
	else if (strcmp(format, "date-time") == 0)
		*ret = KIND_TIME;
	else if (strcmp(format, "int64") == 0)
		*ret = KIND_I64;
	else {
		refuse(document, node_member(node, "format"),
		       "a string's format is date-time or int64, not '%s'", format);
		return false;
	}
	return true;
}

static bool shape_kind(const struct document *document, const cJSON *node, enum kind *ret)
{
	const char *type;

	if (!cJSON_IsObject(node)) {
		refuse(document, node, "a schema is a mapping");
		return false;
	}
	if (node_true(document, node, "x-any")) {
		*ret = KIND_ANY;
		return true;
	}
	type = node_string(document, node, "a schema", "type");
	if (!type)
		return false;
	if (strcmp(type, "string") == 0)
		return string_kind(document, node, ret);
	if (strcmp(type, "integer") == 0)
		*ret = KIND_INTEGER;
	else if (strcmp(type, "number") == 0)
		*ret = KIND_NUMBER;
	else if (strcmp(type, "boolean") == 0)
		*ret = KIND_BOOL;
	else if (strcmp(type, "array") == 0)
		*ret = KIND_ARRAY;
	else if (strcmp(type, "object") == 0)
		*ret = cJSON_IsObject(node_member(node, "additionalProperties")) ? KIND_PAIRS
										 : KIND_OBJECT;
	else {
		refuse(document, node, "unknown type '%s'", type);
		return false;
	}
	return true;
}

/* ---- enums ---- */

static bool enum_value_is_plain(const char *value)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:/-";

	return value[0] && strspn(value, allowed) == strlen(value);
}

static void enum_add(struct enumeration *enumeration, const cJSON *node)
{
	const struct document *document = enumeration->document;
	const char *value = cJSON_IsString(node) ? node->valuestring : "";

	if (!enum_value_is_plain(value)) {
		refuse(document, node, "an enum's values are strings of letters, digits and _.:/-");
		return;
	}
	if (strcmp(name_upper(value), "NONE") == 0)
		refuse(document, node, "the value '%s' collides in C with the constant for absent",
		       value);
	for (size_t i = 0; i < enumeration->count; i++) {
		if (strcmp(enumeration->values[i], value) == 0)
			refuse(document, node, "the value '%s' is in the enum twice", value);
		else if (strcmp(name_upper(enumeration->values[i]), name_upper(value)) == 0)
			refuse(document, node, "the values '%s' and '%s' have the same name in C",
			       enumeration->values[i], value);
	}
	enumeration->values[enumeration->count++] = value;
}

static struct enumeration *enum_of(struct document *document, const cJSON *node, const char *ident)
{
	const cJSON *list = node_member(node, "enum");
	const cJSON *constant = node_member(node, "const");
	struct enumeration *enumeration = region_alloc(sizeof(*enumeration));
	struct enumeration **end = &document->enumerations;
	const cJSON *value;

	enumeration->document = document;
	enumeration->node = node;
	enumeration->ident = ident;
	enumeration->values = region_alloc((node_count(list) + 2) * sizeof(char *));
	if (constant && list)
		refuse(document, constant, "'enum' and 'const' do not go together");
	else if (constant)
		enum_add(enumeration, constant);
	else if (!cJSON_IsArray(list) || node_count(list) == 0)
		refuse(document, list, "'enum' is a list with something in it");
	cJSON_ArrayForEach(value, list) enum_add(enumeration, value);
	while (*end)
		end = &(*end)->next;
	*end = enumeration;
	return enumeration;
}

/* ---- limits ---- */

static int64_t limit_count(const struct shape *shape, const char *name, int64_t fallback)
{
	const cJSON *member = node_member(shape->node, name);

	if (!member)
		return fallback;
	if (!node_is_integer(member) || member->valuedouble < 0) {
		refuse(shape->document, member, "'%s' is a whole number from 0", name);
		return fallback;
	}
	return (int64_t)member->valuedouble;
}

static void limits_count(struct shape *shape, const char *least, const char *most)
{
	shape->min = limit_count(shape, least, 0);
	shape->max = limit_count(shape, most, INT64_MAX);
	shape->bounded = node_member(shape->node, most) != NULL;
	if (shape->min > shape->max)
		refuse(shape->document, node_member(shape->node, least), "'%s' is above '%s'",
		       least, most);
}

static bool limit_number(const struct shape *shape, const char *name, double *ret)
{
	const cJSON *member = node_member(shape->node, name);

	if (!member)
		return false;
	if (!cJSON_IsNumber(member) || (shape->kind == KIND_INTEGER && !node_is_integer(member))) {
		refuse(shape->document, member, "'%s' is not a number of the schema's type", name);
		return false;
	}
	*ret = member->valuedouble;
	return true;
}

static void limits_range(struct shape *shape)
{
	bool integer = shape->kind == KIND_INTEGER;
	double least = integer ? -(double)INTEGER_MAX : -DBL_MAX;
	double most = -least;
	double bound;

	limit_number(shape, "minimum", &least);
	limit_number(shape, "maximum", &most);
	if (limit_number(shape, "exclusiveMinimum", &bound) && bound >= least)
		least = integer ? bound + 1 : nextafter(bound, DBL_MAX);
	if (limit_number(shape, "exclusiveMaximum", &bound) && bound <= most)
		most = integer ? bound - 1 : nextafter(bound, -DBL_MAX);
	if (limit_number(shape, "const", &bound))
		least = most = bound;
	if (least > most)
		refuse(shape->document, shape->node, "the minimum is above the maximum");
	shape->number_min = least;
	shape->number_max = most;
	shape->min = integer ? (int64_t)least : 0;
	shape->max = integer ? (int64_t)most : 0;
}

static void limits_bool(struct shape *shape)
{
	const cJSON *constant = node_member(shape->node, "const");

	shape->max = 1;
	if (constant && !cJSON_IsBool(constant))
		refuse(shape->document, constant, "'const' of a boolean is true or false");
	else if (constant)
		shape->min = shape->max = cJSON_IsTrue(constant);
}

static void limits_pattern(struct shape *shape)
{
	const cJSON *node = node_member(shape->node, "pattern");
	const char *fault;

	shape->pattern = node_string_optional(shape->document, shape->node, "pattern");
	fault = shape->pattern ? pattern_fault(shape->pattern) : NULL;
	if (fault)
		refuse(shape->document, node, "the pattern '%s' is not understood: %s",
		       shape->pattern, fault);
}

/* ---- shapes ---- */

bool shape_is_scalar(const struct shape *shape)
{
	return shape->kind <= KIND_BOOL;
}

static void shape_array(struct contract *contract, struct shape *shape, const char *ident)
{
	const cJSON *items = node_member(shape->node, "items");

	limits_count(shape, "minItems", "maxItems");
	shape->unique = node_true(shape->document, shape->node, "uniqueItems");
	if (!items) {
		refuse(shape->document, shape->node, "an array has no 'items'");
		return;
	}
	shape->items = shape_of(contract, shape->document, items, ident);
	if (shape->items && shape->items->kind == KIND_ARRAY)
		refuse(shape->document, items,
		       "an array of arrays is not understood: name an object between");
	if (shape->items && shape->unique && !shape_is_scalar(shape->items))
		refuse(shape->document, shape->node, "'uniqueItems' is for arrays of scalars");
}

static void shape_pairs(struct contract *contract, struct shape *shape, const char *ident)
{
	const cJSON *values = node_member(shape->node, "additionalProperties");

	limits_count(shape, "minProperties", "maxProperties");
	shape->items = shape_of(contract, shape->document, values, ident);
	if (shape->items && shape->items->kind != KIND_STRING)
		refuse(shape->document, shape->node,
		       "the values of 'additionalProperties' are strings");
}

static struct shape *shape_inline(struct contract *contract, const struct document *document,
				  const cJSON *node, const char *ident)
{
	struct shape *shape = region_alloc(sizeof(*shape));

	shape->document = document;
	shape->node = node;
	if (!shape_kind(document, node, &shape->kind))
		return NULL;
	check_keywords(document, node, shape->kind);
	if (shape->kind == KIND_OBJECT) {
		refuse(document, node,
		       "an object inside another needs a name under components.schemas");
		return NULL;
	}
	if (shape->kind == KIND_STRING)
		limits_count(shape, "minLength", "maxLength");
	if (shape->kind == KIND_STRING || shape->kind == KIND_I64)
		limits_pattern(shape);
	if (shape->kind == KIND_ENUM)
		shape->enumeration =
			enum_of(&contract->documents[document - contract->documents], node, ident);
	if (shape->kind == KIND_INTEGER || shape->kind == KIND_NUMBER)
		limits_range(shape);
	if (shape->kind == KIND_BOOL)
		limits_bool(shape);
	if (shape->kind == KIND_ARRAY)
		shape_array(contract, shape, ident);
	if (shape->kind == KIND_PAIRS)
		shape_pairs(contract, shape, ident);
	return shape;
}

static struct shape *shape_of_struct(struct schema *schema)
{
	struct shape *shape = region_alloc(sizeof(*shape));

	shape->kind = node_member(schema->node, "x-money") ? KIND_MONEY : KIND_OBJECT;
	shape->document = schema->document;
	shape->node = schema->node;
	shape->object = schema;
	return shape;
}

struct shape *shape_of_schema(struct contract *contract, struct schema *schema)
{
	struct shape *shape;

	if (schema->is_struct)
		return shape_of_struct(schema);
	if (schema->mark == MARK_OPEN) {
		refuse(schema->document, schema->node, "the schema '%s' refers to itself",
		       schema->name);
		return NULL;
	}
	if (schema->mark == MARK_DONE)
		return schema->shape;
	if (node_member(schema->node, "$ref")) {
		refuse(schema->document, schema->node,
		       "'%s' is only a '$ref': use what it points at", schema->name);
		schema->mark = MARK_DONE;
		return NULL;
	}
	schema->mark = MARK_OPEN;
	shape = shape_of(contract, schema->document, schema->node, schema->ident);
	if (shape)
		shape->named = schema;
	schema->shape = shape;
	schema->mark = MARK_DONE;
	return shape;
}

struct shape *shape_of(struct contract *contract, const struct document *document,
		       const cJSON *node, const char *ident)
{
	static const char *const ref_keys[] = { "$ref", "description", NULL };
	const cJSON *ref = node_member(node, "$ref");
	struct schema *schema;

	if (!ref)
		return shape_inline(contract, document, node, ident);
	node_only(document, node, "a '$ref'", ref_keys);
	schema = schema_of_ref(contract, document, ref);
	return schema ? shape_of_schema(contract, schema) : NULL;
}
