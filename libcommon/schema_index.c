/* The first pass: every subschema becomes a node, every $id a resource, every anchor a name of its
 * resource. Only the positions that keywords define are schemas; an "$id" inside an enum is data.
 */
#include "schema_internal.h"

#include <stdio.h>

#include "schema_uri.h"

struct position { /* where the walk is */
	struct schema_resource *resource;
	struct str place;
	size_t depth;
	/* Set inside what only a pointer found: its names are nobody's. */
	bool nameless;
};

enum st schema_refuse(struct schema_compiler *c, struct str place, const char *keyword,
		      const char *format, ...)
{
	char pointer[sizeof(((struct problem *)0)->pointer)];
	char detail[sizeof(((struct problem *)0)->detail)];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	snprintf(pointer, sizeof(pointer), "%.*s%s%s", STR_ARG(place), *keyword ? "/" : "",
		 keyword);
	return problem_set(c->problem, ST_SCHEMA_INVALID, pointer, "%s", detail);
}

enum st schema_refuse_arena(struct schema_compiler *c)
{
	return problem_set(c->problem, ST_TOO_LARGE, "",
			   "the JSON Schema needs more memory than the %zu bytes there are for it",
			   c->arena->used_bytes_max);
}

bool schema_is_subschema(const struct json *json)
{
	return json->kind == JSON_OBJECT || json->kind == JSON_BOOL;
}

struct str schema_place_add(struct arena *arena, struct str place, struct str step)
{
	struct buf buf;

	buf_init(&buf, arena, place.size + step.size + 8);
	buf_add_str(&buf, place);
	buf_add_char(&buf, '/');
	for (size_t i = 0; i < step.size; i++) {
		if (step.data[i] == '~')
			buf_add_c(&buf, "~0");
		else if (step.data[i] == '/')
			buf_add_c(&buf, "~1");
		else
			buf_add_char(&buf, step.data[i]);
	}
	return buf_str(&buf);
}

static size_t slot_of(const struct schema_compiler *c, const struct json *json)
{
	size_t at = ((uintptr_t)json >> 4) * 0x9e3779b97f4a7c15U >> 20 & (c->slot_count - 1);

	while (c->slots[at] && c->slots[at]->json != json)
		at = (at + 1) & (c->slot_count - 1);
	return at;
}

struct schema_node *schema_node_of(const struct schema_compiler *c, const struct json *json)
{
	return c->slot_count ? c->slots[slot_of(c, json)] : NULL;
}

static enum st slots_grow(struct schema_compiler *c)
{
	size_t count = c->slot_count ? c->slot_count * 4 : 64;
	struct schema_node **slots = ARENA_ARRAY(c->arena, struct schema_node *, count);

	if (!slots)
		return schema_refuse_arena(c);
	c->slots = slots;
	c->slot_count = count;
	for (struct schema_node *node = c->nodes_first; node; node = node->next)
		c->slots[slot_of(c, node->json)] = node;
	return ST_OK;
}

static enum st node_add(struct schema_compiler *c, const struct json *json,
			const struct position *at, struct schema_node **ret)
{
	struct schema_node *node;

	if (c->node_count == SCHEMA_NODES_MAX)
		return schema_refuse(c, at->place, "", "there are more than %d subschemas",
				     SCHEMA_NODES_MAX);
	if (c->node_count * 2 >= c->slot_count)
		TRY(slots_grow(c));
	node = ARENA_NEW(c->arena, struct schema_node);
	if (!node)
		return schema_refuse_arena(c);
	*node = (struct schema_node){ .json = json, .resource = at->resource, .place = at->place };
	if (c->nodes_last)
		c->nodes_last->next = node;
	else
		c->nodes_first = node;
	c->nodes_last = node;
	c->node_count++;
	c->slots[slot_of(c, json)] = node;
	*ret = node;
	return ST_OK;
}

static bool is_anchor_name(struct str name)
{
	for (size_t i = 0; i < name.size; i++) {
		char c = name.data[i];
		bool first = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		bool later = (c >= '0' && c <= '9') || c == '-' || c == '.';
		if (!first && (i == 0 || !later))
			return false;
	}
	return name.size > 0;
}

const struct schema_anchor *schema_anchor_of(const struct schema_resource *resource,
					     struct str name)
{
	for (const struct schema_anchor *anchor = resource->anchors; anchor;
	     anchor = anchor->next) {
		if (str_equal(anchor->name, name))
			return anchor;
	}
	return NULL;
}

static enum st anchor_add(struct schema_compiler *c, struct schema_node *node, const char *keyword)
{
	const struct json *value = json_member(node->json, keyword);
	const struct schema_anchor *other;
	struct schema_anchor *anchor;
	bool dynamic = strcmp(keyword, "$dynamicAnchor") == 0;

	if (!value)
		return ST_OK;
	if (value->kind != JSON_STRING || !is_anchor_name(value->text))
		return schema_refuse(
			c, node->place, keyword,
			"an anchor is a name of letters, digits, \"-\", \"_\" and \".\"");
	other = schema_anchor_of(node->resource, value->text);
	if (other && other->node != node)
		return schema_refuse(c, node->place, keyword, "the anchor \"%.*s\" is there twice",
				     STR_ARG(value->text));
	anchor = ARENA_NEW(c->arena, struct schema_anchor);
	if (!anchor)
		return schema_refuse_arena(c);
	*anchor = (struct schema_anchor){ .next = node->resource->anchors,
					  .name = value->text,
					  .node = node,
					  .dynamic = dynamic };
	node->resource->anchors = anchor;
	return ST_OK;
}

static unsigned int vocabulary_of(struct str uri)
{
	static const char prefix[] = "https://json-schema.org/draft/2020-12/vocab/";
	static const struct {
		const char *name;
		enum schema_vocabulary bit;
	} names[] = {
		{ "core", VOCABULARY_CORE },
		{ "applicator", VOCABULARY_APPLICATOR },
		{ "unevaluated", VOCABULARY_UNEVALUATED },
		{ "validation", VOCABULARY_VALIDATION },
		{ "meta-data", VOCABULARY_META_DATA },
		{ "format-annotation", VOCABULARY_FORMAT },
		{ "format-assertion", VOCABULARY_FORMAT_ASSERTION },
		{ "content", VOCABULARY_CONTENT },
	};
	struct str name;

	if (!str_starts(uri, prefix))
		return 0;
	name = (struct str){ .data = uri.data + sizeof(prefix) - 1,
			     .size = uri.size - sizeof(prefix) + 1 };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (str_is(name, names[i].name))
			return names[i].bit;
	}
	return 0;
}

static enum st vocabularies_read(struct schema_compiler *c, const struct json *meta,
				 struct str place, unsigned int *ret)
{
	const struct json *list = json_member(meta, "$vocabulary");
	unsigned int bits = VOCABULARY_CORE;

	*ret = VOCABULARY_STANDARD;
	if (!list || list->kind != JSON_OBJECT)
		return ST_OK;
	for (const struct json *item = list->first; item; item = item->next) {
		unsigned int bit = vocabulary_of(item->name);
		if (bit == 0 && item->kind == JSON_BOOL && item->boolean)
			return schema_refuse(
				c, place, "$schema",
				"the meta-schema needs the unknown vocabulary \"%.*s\"",
				STR_ARG(item->name));
		bits |= bit;
	}
	if (bits & VOCABULARY_FORMAT_ASSERTION)
		bits |= VOCABULARY_FORMAT;
	*ret = bits;
	return ST_OK;
}

/* What "$schema" asks for; `inherited` without one. */
static enum st dialect_read(struct schema_compiler *c, const struct json *json, struct str place,
			    unsigned int inherited, unsigned int *ret)
{
	const struct json *value = json_member(json, "$schema");
	struct str uri;

	*ret = inherited;
	if (!value)
		return ST_OK;
	if (value->kind != JSON_STRING)
		return schema_refuse(c, place, "$schema", "\"$schema\" is a URI");
	uri = value->text;
	if (uri.size > 0 && uri.data[uri.size - 1] == '#')
		uri.size--;
	*ret = VOCABULARY_STANDARD;
	if (str_is(uri, SCHEMA_META_URI))
		return ST_OK;
	for (size_t i = 0; c->options && i < c->options->document_count; i++) {
		const struct schema_document *document = &c->options->documents[i];
		if (str_equal(document->uri, uri))
			return vocabularies_read(c, document->root, place, ret);
	}
	return schema_refuse(c, place, "$schema",
			     "only \"" SCHEMA_META_URI "\" and meta-schemas in the set are known");
}

struct schema_resource *schema_resource_named(const struct schema_compiler *c, struct str uri)
{
	for (struct schema_resource *r = c->resources; r; r = r->next) {
		if (!r->nameless &&
		    (str_equal(r->uri, uri) || (r->other_uri.data && str_equal(r->other_uri, uri))))
			return r;
	}
	return NULL;
}

static enum st resource_add(struct schema_compiler *c, const struct json *root, struct str uri,
			    const struct position *at, struct schema_resource **ret)
{
	struct schema_resource *resource;
	unsigned int inherited = at->resource ? at->resource->vocabularies : VOCABULARY_STANDARD;

	if (c->resource_count == SCHEMA_RESOURCES_MAX)
		return schema_refuse(c, at->place, "", "there are more than %d documents and $id",
				     SCHEMA_RESOURCES_MAX);
	if (!at->nameless && schema_resource_named(c, uri))
		return schema_refuse(c, at->place, "$id", "the identifier \"%.*s\" is there twice",
				     STR_ARG(uri));
	resource = ARENA_NEW(c->arena, struct schema_resource);
	if (!resource)
		return schema_refuse_arena(c);
	*resource = (struct schema_resource){
		.next = c->resources, .uri = uri, .root = root, .nameless = at->nameless
	};
	TRY(dialect_read(c, root, at->place, inherited, &resource->vocabularies));
	c->resources = resource;
	c->resource_count++;
	*ret = resource;
	return ST_OK;
}

static enum st id_resolve(struct schema_compiler *c, const struct json *id, struct str base,
			  struct str place, struct str *ret)
{
	struct schema_uri parts;

	if (id->kind != JSON_STRING || !schema_uri_is_reference(id->text, SCHEMA_URI_UNICODE))
		return schema_refuse(c, place, "$id", "\"$id\" is a URI reference");
	schema_uri_split(id->text, &parts);
	if (parts.fragment.size > 0)
		return schema_refuse(c, place, "$id",
				     "\"$id\" has no fragment, that is for \"$anchor\"");
	*ret = schema_uri_resolve(c->arena, base, id->text);
	return ret->data ? ST_OK : schema_refuse_arena(c);
}

static enum st walk(struct schema_compiler *c, const struct json *json, struct position at);

static enum st walk_step(struct schema_compiler *c, const struct json *json, struct position at,
			 struct str step)
{
	at.place = schema_place_add(c->arena, at.place, step);
	return at.place.data ? walk(c, json, at) : schema_refuse_arena(c);
}

static enum st walk_children(struct schema_compiler *c, const struct json *value,
			     struct position at, struct str keyword)
{
	char index[24];
	size_t i = 0;

	at.place = schema_place_add(c->arena, at.place, keyword);
	if (!at.place.data)
		return schema_refuse_arena(c);
	for (const struct json *child = value->first; child; child = child->next, i++) {
		snprintf(index, sizeof(index), "%zu", i);
		TRY(walk_step(c, child, at,
			      value->kind == JSON_OBJECT ? child->name : str_of(index)));
	}
	return ST_OK;
}

static const struct schema_keyword *keyword_of(struct str name)
{
	for (const struct schema_keyword *keyword = schema_keywords; keyword->name; keyword++) {
		if (str_is(name, keyword->name))
			return keyword;
	}
	return NULL;
}

/* Values of the wrong kind are passed over here: compilation refuses them with a better sentence.
 */
static enum st walk_member(struct schema_compiler *c, const struct json *member, struct position at)
{
	const struct schema_keyword *keyword = keyword_of(member->name);

	if (!keyword)
		return ST_OK;
	if (keyword->shape == SHAPE_SCHEMA)
		return walk_step(c, member, at, member->name);
	if (keyword->shape == SHAPE_SCHEMA_ARRAY && member->kind == JSON_ARRAY)
		return walk_children(c, member, at, member->name);
	if ((keyword->shape == SHAPE_SCHEMA_MAP || keyword->shape == SHAPE_PATTERN_MAP) &&
	    member->kind == JSON_OBJECT)
		return walk_children(c, member, at, member->name);
	return ST_OK;
}

static enum st walk(struct schema_compiler *c, const struct json *json, struct position at)
{
	const struct json *id = json_member(json, "$id");
	struct schema_node *node = NULL;
	struct str uri;

	if (schema_node_of(c, json))
		return ST_OK;
	if (!schema_is_subschema(json))
		return schema_refuse(c, at.place, "", "a schema is an object, true or false");
	if (++at.depth > JSON_DEPTH_MAX)
		return schema_refuse(c, at.place, "", "schemas are nested deeper than %d",
				     JSON_DEPTH_MAX);
	/* The root of a document has its resource already. */
	if (id && at.resource->root != json) {
		TRY(id_resolve(c, id, at.resource->uri, at.place, &uri));
		TRY(resource_add(c, json, uri, &at, &at.resource));
	} else if (at.resource->root != json && json_member(json, "$schema")) {
		return schema_refuse(c, at.place, "$schema",
				     "\"$schema\" stands only beside \"$id\" or at the root");
	}
	TRY(node_add(c, json, &at, &node));
	if (!at.nameless || at.resource->nameless) {
		TRY(anchor_add(c, node, "$anchor"));
		TRY(anchor_add(c, node, "$dynamicAnchor"));
	}
	for (const struct json *member = json->first; member; member = member->next)
		TRY(walk_member(c, member, at));
	return ST_OK;
}

enum st schema_index_document(struct schema_compiler *c, const struct json *root, struct str uri,
			      struct str place, struct schema_resource **ret)
{
	struct position at = { .place = place };
	struct str base = schema_uri_resolve(c->arena, STR(""), uri), own = base;
	const struct json *id = json_member(root, "$id");
	struct schema_resource *resource;

	if (!base.data)
		return schema_refuse_arena(c);
	if (id)
		TRY(id_resolve(c, id, base, place, &own));
	TRY(resource_add(c, root, own, &at, &resource));
	if (!str_equal(base, own) && base.size > 0)
		resource->other_uri = base;
	at.resource = resource;
	TRY(walk(c, root, at));
	*ret = resource;
	return ST_OK;
}

enum st schema_index_nameless(struct schema_compiler *c, const struct json *json,
			      struct schema_resource *resource, struct str place,
			      struct schema_node **ret)
{
	struct position at = { .resource = resource, .place = place, .nameless = true };

	TRY(walk(c, json, at));
	*ret = schema_node_of(c, json);
	ASSERT(*ret);
	return ST_OK;
}
