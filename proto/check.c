/* check.c: what can be seen only when every schema has its shape: use, bounds of requests, structs
 * that contain themselves, names that collide in C. */
#include "compile.h"

#include <string.h>

/* ---- use ---- */

static void use_schema(struct schema *schema, bool in_request);

static void use_shape(struct shape *shape, bool in_request)
{
	if (!shape)
		return;
	if (shape->named)
		shape->named->used = true;
	if (shape->object)
		use_schema(shape->object, in_request);
	use_shape(shape->items, in_request);
}

static void use_schema(struct schema *schema, bool in_request)
{
	if (!schema || (schema->used && (schema->in_request || !in_request)))
		return;
	schema->used = true;
	schema->in_request = schema->in_request || in_request;
	for (size_t i = 0; i < schema->member_count; i++)
		use_shape(schema->members[i].shape, in_request);
}

static void use_document(struct document *document)
{
	for (size_t i = 0; i < document->call_count; i++) {
		use_schema(document->calls[i].request, true);
		use_schema(document->calls[i].reply, false);
	}
	for (size_t i = 0; i < document->event_count; i++)
		use_schema(document->events[i].data, false);
	for (size_t i = 0; i < document->schema_count; i++) {
		struct schema *schema = &document->schemas[i];

		if (schema->purpose)
			use_schema(schema, true);
		else if (node_member(schema->node, "x-document"))
			use_schema(schema, false);
	}
}

/* ---- bounds ---- */

static void check_bounded(struct shape *shape)
{
	if (!shape || shape->checked)
		return;
	shape->checked = true;
	if (shape->kind == KIND_STRING && !shape->bounded)
		refuse(shape->document, shape->node, "a string in a request has 'maxLength'");
	if (shape->kind == KIND_ARRAY && !shape->bounded)
		refuse(shape->document, shape->node, "an array in a request has 'maxItems'");
	if (shape->kind == KIND_PAIRS && !shape->bounded)
		refuse(shape->document, shape->node, "pairs in a request have 'maxProperties'");
	check_bounded(shape->items);
}

static void check_schema(struct schema *schema)
{
	const struct document *document = schema->document;

	if (!schema->used && !document->common)
		refuse(document, schema->node, "nothing uses the schema '%s'", schema->name);
	if (schema->payload && !schema->is_struct)
		refuse(document, schema->node,
		       "'%s' is a payload, so it is an object with properties", schema->name);
	if (!schema->in_request)
		return;
	if (schema->is_struct && !node_member(schema->node, "additionalProperties"))
		refuse(document, schema->node,
		       "an object in a request has 'additionalProperties: false'");
	for (size_t i = 0; i < schema->member_count; i++)
		check_bounded(schema->members[i].shape);
}

/* ---- order ---- */

static void order_schema(struct document *document, struct schema *schema)
{
	if (!schema->is_struct || schema->document != document || schema->mark == MARK_DONE)
		return;
	if (schema->mark == MARK_OPEN) {
		refuse(document, schema->node,
		       "the struct of '%s' contains itself: make a member optional", schema->name);
		return;
	}
	schema->mark = MARK_OPEN;
	for (size_t i = 0; i < schema->member_count; i++) {
		const struct member *member = &schema->members[i];

		if (member->shape->object && !member->pointer && member->shape->kind == KIND_OBJECT)
			order_schema(document, member->shape->object);
	}
	schema->mark = MARK_DONE;
	document->order[document->order_count++] = schema;
}

/* ---- names ---- */

struct names {
	size_t count;
	size_t capacity;
	const char **items;
};

static void name_add(struct names *names, const struct document *document, const cJSON *node,
		     const char *name)
{
	for (size_t i = 0; i < names->count; i++) {
		if (strcmp(names->items[i], name) == 0) {
			refuse(document, node, "the name '%s' is taken in C already", name);
			return;
		}
	}
	if (names->count == names->capacity) {
		const char **grown = region_alloc((names->capacity * 2 + 64) * sizeof(char *));

		if (names->count)
			memcpy(grown, names->items, names->count * sizeof(char *));
		names->capacity = names->capacity * 2 + 64;
		names->items = grown;
	}
	names->items[names->count++] = name;
}

static void names_of_document(struct names *names, const struct document *document)
{
	for (size_t i = 0; i < document->schema_count; i++) {
		const struct schema *schema = &document->schemas[i];

		if (!schema->is_struct)
			continue;
		name_add(names, document, schema->node, region_printf("struct %s", schema->ident));
		name_add(names, document, schema->node, region_printf("%s_type", schema->ident));
		if (schema->purpose)
			name_add(names, document, schema->node,
				 region_printf("%s_PURPOSE", name_upper(schema->ident)));
	}
	for (const struct enumeration *e = document->enumerations; e; e = e->next) {
		name_add(names, document, e->node, region_printf("struct %s", e->ident));
		name_add(names, document, e->node, region_printf("%s_names", e->ident));
		name_add(names, document, e->node, region_printf("%s_NONE", name_upper(e->ident)));
		for (size_t i = 0; i < e->count; i++)
			name_add(names, document, e->node,
				 region_printf("%s_%s", name_upper(e->ident),
					       name_upper(e->values[i])));
	}
	for (size_t i = 0; i < document->call_count; i++)
		name_add(names, document, document->calls[i].node,
			 region_printf("CALL_%s%s", document->prefix,
				       name_upper(document->calls[i].name)));
	for (size_t i = 0; i < document->event_count; i++)
		name_add(names, document, document->events[i].node,
			 region_printf("EVT_%s%s", document->prefix,
				       name_upper(document->events[i].name)));
}

/* The calls every service has, under each service's name. */
static void names_of_library_calls(struct names *names, const struct contract *contract,
				   const struct document *document)
{
	for (size_t i = 0; contract->common && i < contract->common->call_count; i++)
		name_add(names, document, NULL,
			 region_printf("CALL_%s%s", document->prefix,
				       name_upper(contract->common->calls[i].name)));
}

/* ---- defaults and examples ---- */

static void check_values(const struct shape *shape)
{
	const cJSON *fallback, *example;

	if (!shape || !shape->node)
		return;
	fallback = node_member(shape->node, "default");
	if (fallback && !shape_accepts(shape, fallback))
		refuse(shape->document, fallback, "the 'default' does not match its own schema");
	cJSON_ArrayForEach(example, node_member(shape->node, "examples"))
	{
		if (!shape_accepts(shape, example))
			refuse(shape->document, example,
			       "the example does not match its own schema");
	}
	check_values(shape->items);
}

static void check_schema_values(const struct schema *schema)
{
	struct shape whole = { .kind = KIND_OBJECT,
			       .document = schema->document,
			       .node = schema->node,
			       .object = (struct schema *)(uintptr_t)schema };

	if (!schema->is_struct) {
		check_values(schema->shape);
		return;
	}
	check_values(&whole);
	for (size_t i = 0; i < schema->member_count; i++)
		check_values(schema->members[i].shape);
}

static void find_problem(struct contract *contract)
{
	struct document *common = contract->common;

	for (size_t i = 0; i < common->schema_count; i++) {
		if (strcmp(common->schemas[i].name, "Problem") == 0 && common->schemas[i].is_struct)
			contract->problem = &common->schemas[i];
	}
	if (!contract->problem)
		refuse(common, NULL,
		       "common.yaml has no object 'Problem', the body of every refusal");
}

void check_contract(struct contract *contract)
{
	struct names names = { 0 };

	find_problem(contract);
	for (size_t i = 0; i < contract->document_count; i++)
		use_document(&contract->documents[i]);
	for (size_t i = 0; i < contract->document_count; i++) {
		struct document *document = &contract->documents[i];

		document->order =
			region_alloc((document->schema_count + 1) * sizeof(struct schema *));
		for (size_t j = 0; j < document->schema_count; j++) {
			check_schema(&document->schemas[j]);
			check_schema_values(&document->schemas[j]);
			order_schema(document, &document->schemas[j]);
		}
		for (size_t j = 0; j < document->call_count; j++)
			gather_http(contract, &document->calls[j]);
		names_of_document(&names, document);
		if (!document->common)
			names_of_library_calls(&names, contract, document);
	}
}
