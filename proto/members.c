/* members.c: object schemas become structs with members. */
#include "compile.h"
#include "shape.h"

#include <stdlib.h>
#include <string.h>

static bool has_flag(const struct shape *shape)
{
	switch (shape->kind) {
	case KIND_TIME:
	case KIND_I64:
	case KIND_INTEGER:
	case KIND_NUMBER:
	case KIND_BOOL:
	case KIND_MONEY:
	case KIND_PAIRS:
	case KIND_ARRAY:
		return true;
	case KIND_STRING:
	case KIND_ENUM:
	case KIND_OBJECT:
	case KIND_ANY:
		break;
	}
	return false;
}

static const char *member_c_name(const struct member *member)
{
	return member->shape->kind == KIND_TIME ? region_printf("%s_ms", member->name)
						: member->name;
}

static bool is_required(const struct schema *schema, const char *name)
{
	const cJSON *entry;

	cJSON_ArrayForEach(entry, node_member(schema->node, "required"))
	{
		if (cJSON_IsString(entry) && strcmp(entry->valuestring, name) == 0)
			return true;
	}
	return false;
}

static void check_required(const struct schema *schema, const cJSON *properties)
{
	const cJSON *list = node_member(schema->node, "required");
	const cJSON *entry;

	if (list && !cJSON_IsArray(list)) {
		refuse(schema->document, list, "'required' is not a list");
		return;
	}
	cJSON_ArrayForEach(entry, list)
	{
		const char *name = cJSON_IsString(entry) ? entry->valuestring : "";

		if (!node_member(properties, name))
			refuse(schema->document, entry,
			       "'required' names '%s', which is not a property", name);
		for (const cJSON *other = list->child; other != entry; other = other->next) {
			if (cJSON_IsString(other) && strcmp(other->valuestring, name) == 0)
				refuse(schema->document, entry, "'required' names '%s' twice",
				       name);
		}
	}
}

static void add_member(struct contract *contract, struct schema *schema, const cJSON *node)
{
	struct member *member = &schema->members[schema->member_count];
	const struct document *document = schema->document;
	const char *ident = region_printf("%s_%s", schema->ident, node->string);

	if (!name_is_snake(node->string)) {
		refuse(document, node, "the member '%s' is not snake_case", node->string);
		return;
	}
	if (name_is_reserved_in_c(node->string)) {
		refuse(document, node, "the member '%s' is a reserved word in C", node->string);
		return;
	}
	member->name = node->string;
	member->node = node;
	member->shape = shape_of(contract, document, node, ident);
	if (!member->shape)
		return;
	member->description = node_string_optional(document, node, "description");
	member->required = is_required(schema, node->string);
	member->c_name = member_c_name(member);
	member->has = !member->required && has_flag(member->shape);
	member->pointer = !member->required && member->shape->kind == KIND_OBJECT;
	schema->member_count++;
}

static void check_member_names(const struct schema *schema)
{
	for (size_t i = 0; i < schema->member_count; i++) {
		const struct member *member = &schema->members[i];
		const char *has = member->has ? region_printf("has_%s", member->c_name) : "";

		for (size_t j = 0; j < schema->member_count; j++) {
			const struct member *other = &schema->members[j];
			bool same = j < i && strcmp(other->c_name, member->c_name) == 0;

			if (same || strcmp(other->c_name, has) == 0)
				refuse(schema->document, member->node,
				       "the members '%s' and '%s' collide in C", other->name,
				       member->name);
		}
	}
}

static void shape_bytes_max(struct schema *schema)
{
	const cJSON *node = node_member(schema->node, "x-bytes-max");

	if (!node)
		return;
	if (!node_is_integer(node) || node->valuedouble < 2 || node->valuedouble > BYTES_MAX_LIMIT)
		refuse(schema->document, node, "'x-bytes-max' is a number from 2 to %d",
		       BYTES_MAX_LIMIT);
	else
		schema->bytes_max = (size_t)node->valuedouble;
}

static void shape_purpose(struct schema *schema)
{
	const cJSON *node = node_member(schema->node, "x-purpose");
	const char *rest;

	schema->purpose = node_string_optional(schema->document, schema->node, "x-purpose");
	if (!schema->purpose)
		return;
	rest = strncmp(schema->purpose, "piopl/", 6) == 0 ? schema->purpose + 6 : "";
	rest += strspn(rest, "abcdefghijklmnopqrstuvwxyz0123456789-");
	if (strncmp(rest, "/v", 2) != 0 || !rest[2] || rest[2 + strspn(rest + 2, "0123456789")])
		refuse(schema->document, node, "a purpose is 'piopl/<what>/v<number>', not '%s'",
		       schema->purpose);
}

static void check_money(const struct schema *schema)
{
	if (!node_true(schema->document, schema->node, "x-money"))
		return;
	if (!schema->document->common || strcmp(schema->name, "Money") != 0)
		refuse(schema->document, schema->node,
		       "'x-money' is for 'Money' of common.yaml only");
	if (schema->member_count != 2 || !schema_member(schema, "amount") ||
	    !schema_member(schema, "currency"))
		refuse(schema->document, schema->node,
		       "money has the members 'amount' and 'currency'");
}

static void shape_struct(struct contract *contract, struct schema *schema)
{
	const struct document *document = schema->document;
	const cJSON *properties = node_member(schema->node, "properties");
	const cJSON *additional = node_member(schema->node, "additionalProperties");
	const cJSON *node;

	check_keywords(document, schema->node, KIND_OBJECT);
	if (properties && !cJSON_IsObject(properties)) {
		refuse(document, properties, "'properties' is not a mapping");
		return;
	}
	if (additional && !cJSON_IsFalse(additional))
		refuse(document, additional, "'additionalProperties' beside 'properties' is false");
	if (node_count(properties) > MEMBERS_MAX)
		refuse(document, properties, "an object has at most %d members", MEMBERS_MAX);
	schema->members = region_alloc((node_count(properties) + 1) * sizeof(struct member));
	cJSON_ArrayForEach(node, properties) add_member(contract, schema, node);
	check_required(schema, properties);
	check_member_names(schema);
	shape_bytes_max(schema);
	shape_purpose(schema);
	check_money(schema);
	node_true(document, schema->node, "x-document");
}

/* A struct is what has members, or could have none: everything else is a shape in place. */
static bool becomes_struct(const cJSON *node)
{
	const cJSON *type = node_member(node, "type");

	return cJSON_IsString(type) && strcmp(type->valuestring, "object") == 0 &&
	       !cJSON_IsObject(node_member(node, "additionalProperties")) &&
	       !node_member(node, "x-any");
}

void shape_schemas(struct contract *contract)
{
	for (size_t i = 0; i < contract->document_count; i++) {
		struct document *document = &contract->documents[i];

		for (size_t j = 0; j < document->schema_count; j++)
			document->schemas[j].is_struct = becomes_struct(document->schemas[j].node);
	}
	for (size_t i = 0; i < contract->document_count; i++) {
		struct document *document = &contract->documents[i];

		for (size_t j = 0; j < document->schema_count; j++) {
			struct schema *schema = &document->schemas[j];

			if (schema->is_struct)
				shape_struct(contract, schema);
			else
				shape_of_schema(contract, schema);
		}
	}
}
