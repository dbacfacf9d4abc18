/* load.c: YAML to cJSON nodes. Anchors, aliases, tags and duplicate keys are refused, so that every
 * reader of the documents sees the same tree; so are plain scalars that YAML 1.1 and 1.2 readers
 * take differently. cJSON has no place for a line, so a node's `valueint` holds it: the generator
 * reads numbers from `valuedouble` only. */
#include "compile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define LOAD_DEPTH_MAX 40

struct loader {
	struct document *document;
	yaml_parser_t parser;
	unsigned depth;
	bool failed;
};

static void load_refuse(struct loader *loader, size_t line, const char *sentence)
{
	cJSON at = { .valueint = (int)line + 1 };

	if (!loader->failed)
		refuse(loader->document, &at, "%s", sentence);
	loader->failed = true;
}

/* False after the refusal of a syntax error; otherwise the event is the caller's to delete. */
static bool load_event(struct loader *loader, yaml_event_t *ret)
{
	if (loader->failed)
		return false;
	if (yaml_parser_parse(&loader->parser, ret))
		return true;
	load_refuse(loader, loader->parser.problem_mark.line,
		    region_printf("not valid YAML: %s",
				  loader->parser.problem ? loader->parser.problem : "unreadable"));
	return false;
}

static bool is_number(const char *s)
{
	const char *digits = *s == '-' ? s + 1 : s;
	char *end;

	if (*digits < '0' || *digits > '9')
		return false;
	strtod(s, &end);
	return *end == '\0' && s[strcspn(s, "xXpP")] == '\0';
}

static bool looks_like_a_date(const char *s)
{
	for (size_t i = 0; i < 10; i++) {
		bool dash = i == 4 || i == 7;

		if (dash ? s[i] != '-' : (s[i] < '0' || s[i] > '9'))
			return false;
	}
	return true;
}

static cJSON *load_plain(struct loader *loader, const char *s, size_t line)
{
	if (strcmp(s, "true") == 0)
		return cJSON_CreateTrue();
	if (strcmp(s, "false") == 0)
		return cJSON_CreateFalse();
	if (s[0] == '\0' || strcmp(s, "~") == 0 || strcmp(s, "null") == 0)
		return cJSON_CreateNull();
	if (looks_like_a_date(s) || (s[0] == '0' && s[1] >= '0' && s[1] <= '9') ||
	    (s[0] == '0' && strchr("xob", s[1] ? s[1] : '!')))
		load_refuse(loader, line,
			    region_printf("write '%s' in quotes: YAML readers differ on it", s));
	if (is_number(s))
		return cJSON_CreateNumber(strtod(s, NULL));
	return cJSON_CreateString(s);
}

static cJSON *load_scalar(struct loader *loader, const yaml_event_t *event)
{
	const char *s = (const char *)event->data.scalar.value;

	if (strlen(s) != event->data.scalar.length)
		load_refuse(loader, event->start_mark.line, "a string holds a NUL");
	if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		return load_plain(loader, s, event->start_mark.line);
	return cJSON_CreateString(s);
}

static cJSON *load_node(struct loader *loader, const yaml_event_t *event);

static cJSON *load_sequence(struct loader *loader)
{
	cJSON *array = cJSON_CreateArray();
	yaml_event_t event;

	while (load_event(loader, &event)) {
		bool end = event.type == YAML_SEQUENCE_END_EVENT;

		if (!end)
			cJSON_AddItemToArray(array, load_node(loader, &event));
		yaml_event_delete(&event);
		if (end)
			break;
	}
	return array;
}

static void load_pair(struct loader *loader, cJSON *object, const yaml_event_t *key)
{
	size_t line = key->start_mark.line;
	yaml_event_t value;
	cJSON *node;
	const char *name;

	if (key->type != YAML_SCALAR_EVENT || key->data.scalar.anchor || key->data.scalar.tag) {
		load_refuse(loader, line, "a key is a plain string");
		return;
	}
	name = (const char *)key->data.scalar.value;
	if (cJSON_GetObjectItemCaseSensitive(object, name)) {
		load_refuse(loader, line, region_printf("the key '%s' is here twice", name));
		return;
	}
	if (!load_event(loader, &value))
		return;
	node = load_node(loader, &value);
	yaml_event_delete(&value);
	if (!node)
		return;
	node->valueint = (int)line + 1;
	cJSON_AddItemToObject(object, name, node);
}

static cJSON *load_mapping(struct loader *loader)
{
	cJSON *object = cJSON_CreateObject();
	yaml_event_t event;

	while (load_event(loader, &event)) {
		bool end = event.type == YAML_MAPPING_END_EVENT;

		if (!end)
			load_pair(loader, object, &event);
		yaml_event_delete(&event);
		if (end)
			break;
	}
	return object;
}

static bool event_is_decorated(const yaml_event_t *event)
{
	if (event->type == YAML_SCALAR_EVENT)
		return event->data.scalar.anchor || event->data.scalar.tag;
	if (event->type == YAML_SEQUENCE_START_EVENT)
		return event->data.sequence_start.anchor || event->data.sequence_start.tag;
	if (event->type == YAML_MAPPING_START_EVENT)
		return event->data.mapping_start.anchor || event->data.mapping_start.tag;
	return true;
}

/* NULL after a refusal. */
static cJSON *load_node(struct loader *loader, const yaml_event_t *event)
{
	cJSON *node;

	if (event_is_decorated(event)) {
		load_refuse(loader, event->start_mark.line,
			    "anchors, aliases and tags are not understood");
		return NULL;
	}
	if (loader->depth == LOAD_DEPTH_MAX) {
		load_refuse(loader, event->start_mark.line, "nested too deep");
		return NULL;
	}
	loader->depth++;
	if (event->type == YAML_SCALAR_EVENT)
		node = load_scalar(loader, event);
	else if (event->type == YAML_SEQUENCE_START_EVENT)
		node = load_sequence(loader);
	else
		node = load_mapping(loader);
	loader->depth--;
	node->valueint = (int)event->start_mark.line + 1;
	return node;
}

static cJSON *load_document(struct loader *loader)
{
	cJSON *root = NULL;
	bool more = true;
	yaml_event_t event;

	while (more && load_event(loader, &event)) {
		bool framing = event.type == YAML_STREAM_START_EVENT ||
			       event.type == YAML_DOCUMENT_START_EVENT ||
			       event.type == YAML_DOCUMENT_END_EVENT;

		more = event.type != YAML_STREAM_END_EVENT;
		if (more && !framing && root)
			load_refuse(loader, event.start_mark.line, "one document a file");
		else if (more && !framing)
			root = load_node(loader, &event);
		yaml_event_delete(&event);
	}
	return loader->failed ? NULL : root;
}

cJSON *load_yaml(struct document *document)
{
	struct loader loader = { .document = document };
	FILE *file = fopen(document->path, "rb");
	cJSON *root;

	if (!file) {
		refuse(document, NULL, "cannot be read: %s", strerror(errno));
		return NULL;
	}
	if (!yaml_parser_initialize(&loader.parser)) {
		fclose(file);
		refuse(document, NULL, "not enough memory");
		return NULL;
	}
	yaml_parser_set_input_file(&loader.parser, file);
	root = load_document(&loader);
	yaml_parser_delete(&loader.parser);
	fclose(file);
	if (!loader.failed && !cJSON_IsObject(root)) {
		refuse(document, NULL, "the document is not a mapping");
		return NULL;
	}
	return root;
}
