/* expand.c: schemas for other people's tools, and small helpers for documents made of cJSON nodes.
 */
#include "compile.h"

#include <string.h>

#define PATTERN_I64 "^(0|-?[1-9][0-9]{0,18})$"
#define PATTERN_TIME "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,3})?Z$"

cJSON *json_object(cJSON *parent, const char *name)
{
	return cJSON_AddObjectToObject(parent, name);
}

cJSON *json_array(cJSON *parent, const char *name)
{
	return cJSON_AddArrayToObject(parent, name);
}

void json_string(cJSON *parent, const char *name, const char *value)
{
	if (value)
		cJSON_AddStringToObject(parent, name, value);
}

void json_item(cJSON *array, const char *value)
{
	cJSON_AddItemToArray(array, cJSON_CreateString(value));
}

char *stream_name(const struct document *document)
{
	return region_printf("PIOPL_EVT_%s", name_upper(document->name));
}

const struct call *document_call(const struct contract *contract, const struct document *document,
				 size_t index)
{
	if (index < document->call_count)
		return &document->calls[index];
	index -= document->call_count;
	if (!document->common && index < contract->common->call_count)
		return &contract->common->calls[index];
	return NULL;
}

const struct event *document_event(const struct contract *contract, const struct document *document,
				   size_t index)
{
	if (index < document->event_count)
		return &document->events[index];
	index -= document->event_count;
	if (!document->common && index < contract->common->event_count)
		return &contract->common->events[index];
	return NULL;
}

char *schema_public_name(const struct schema *schema)
{
	char *name, *out;

	if (schema->document->common)
		return region_printf("%s", schema->name);
	name = region_printf("%s%s", schema->document->name, schema->name);
	out = name;
	for (const char *c = name; *c; c++) {
		bool starts_word = c == name || c[-1] == '-';

		if (*c != '-')
			*out++ =
				starts_word && *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
	}
	*out = '\0';
	return name;
}

static cJSON *expand_node(const struct contract *contract, const struct document *document,
			  const cJSON *node, cJSON *components);

static bool is_own_keyword(const char *name)
{
	return strncmp(name, "x-", 2) == 0 && strcmp(name, "x-bytes-max") != 0;
}

static cJSON *expand_map(const struct contract *contract, const struct document *document,
			 const cJSON *map, cJSON *components)
{
	cJSON *copy = cJSON_CreateObject();
	const cJSON *node;

	cJSON_ArrayForEach(node, map) cJSON_AddItemToObject(
		copy, node->string, expand_node(contract, document, node, components));
	return copy;
}

static cJSON *expand_keyword(const struct contract *contract, const struct document *document,
			     const cJSON *node, cJSON *components)
{
	if (strcmp(node->string, "properties") == 0)
		return expand_map(contract, document, node, components);
	if (strcmp(node->string, "items") == 0 ||
	    (strcmp(node->string, "additionalProperties") == 0 && cJSON_IsObject(node)))
		return expand_node(contract, document, node, components);
	return cJSON_Duplicate(node, true);
}

static void add_format_pattern(const cJSON *node, cJSON *copy)
{
	const cJSON *format = node_member(node, "format");

	if (!cJSON_IsString(format) || node_member(node, "pattern"))
		return;
	json_string(copy, "pattern",
		    strcmp(format->valuestring, "int64") == 0 ? PATTERN_I64 : PATTERN_TIME);
}

static cJSON *expand_node(const struct contract *contract, const struct document *document,
			  const cJSON *node, cJSON *components)
{
	const cJSON *ref = node_member(node, "$ref");
	const cJSON *keyword;
	cJSON *copy;

	if (ref) {
		copy = expand_schema(contract, schema_of_ref(contract, document, ref), components);
		json_string(copy, "description",
			    node_string_optional(document, node, "description"));
		return copy;
	}
	copy = cJSON_CreateObject();
	cJSON_ArrayForEach(keyword, node)
	{
		if (!is_own_keyword(keyword->string))
			cJSON_AddItemToObject(
				copy, keyword->string,
				expand_keyword(contract, document, keyword, components));
	}
	add_format_pattern(node, copy);
	return copy;
}

cJSON *expand_schema(const struct contract *contract, const struct schema *schema,
		     cJSON *components)
{
	const char *name = schema_public_name(schema);
	cJSON *ref = cJSON_CreateObject();

	if (!node_member(components, name)) {
		/* There before it is filled: schemas may refer to each other in a circle. */
		json_object(components, name);
		cJSON_ReplaceItemInObjectCaseSensitive(
			components, name,
			expand_node(contract, schema->document, schema->node, components));
	}
	json_string(ref, "$ref", region_printf("#/components/schemas/%s", name));
	return ref;
}

cJSON *expand_member(const struct contract *contract, const struct schema *schema,
		     const struct member *member, cJSON *components)
{
	return expand_node(contract, schema->document, member->node, components);
}
