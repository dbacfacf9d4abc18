/* The second pass: keywords become rules. References are followed here, which may bring in new
 * nodes (a place that no keyword names, a built-in document); the loop runs until none is left. */
#include "schema_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "schema_uri.h"

struct shaping { /* one keyword under compilation */
	struct schema_compiler *c;
	struct schema_node *node;
	struct schema_rule *rule;
};

static enum st refuse_value(const struct shaping *s, const char *expected)
{
	return schema_refuse(s->c, s->node->place, s->rule->keyword->name, "\"%s\" is %s",
			     s->rule->keyword->name, expected);
}

static enum st shape_any(struct shaping *s)
{
	(void)s;
	return ST_OK;
}

static enum st shape_string(struct shaping *s)
{
	return s->rule->value->kind == JSON_STRING ? ST_OK : refuse_value(s, "a string");
}

static enum st shape_bool(struct shaping *s)
{
	return s->rule->value->kind == JSON_BOOL ? ST_OK : refuse_value(s, "true or false");
}

static enum st shape_array(struct shaping *s)
{
	return s->rule->value->kind == JSON_ARRAY ? ST_OK : refuse_value(s, "an array");
}

static enum st shape_number(struct shaping *s)
{
	if (s->rule->value->kind != JSON_NUMBER)
		return refuse_value(s, "a number");
	if (!schema_number_of(s->c->arena, s->rule->value, &s->rule->number))
		return schema_refuse_arena(s->c);
	return ST_OK;
}

static enum st shape_count(struct shaping *s)
{
	const struct schema_number *number = &s->rule->number;

	if (s->rule->value->kind != JSON_NUMBER)
		return refuse_value(s, "an integer from 0");
	TRY(shape_number(s));
	if (number->negative || !schema_number_is_integer(number))
		return refuse_value(s, "an integer from 0");
	s->rule->count = schema_number_count(number);
	return ST_OK;
}

static enum st shape_multiple(struct shaping *s)
{
	TRY(shape_number(s));
	if (s->rule->number.negative || s->rule->number.size == 0)
		return refuse_value(s, "a number above 0");
	if (s->rule->number.size > SCHEMA_MULTIPLE_DIGITS_MAX)
		return refuse_value(s, "a number of at most 18 significant digits");
	return ST_OK;
}

static unsigned int type_of(struct str name)
{
	static const char *const names[] = { "null",   "boolean", "object", "array",
					     "number", "string",  "integer" };

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (str_is(name, names[i]))
			return 1U << i;
	}
	return 0;
}

static enum st shape_types(struct shaping *s)
{
	const struct json *value = s->rule->value;
	const struct json *name = value->kind == JSON_ARRAY ? value->first : value;

	if (!name)
		return refuse_value(s, "the name of a type or an array of them, not empty");
	for (; name; name = value->kind == JSON_ARRAY ? name->next : NULL) {
		unsigned int type = name->kind == JSON_STRING ? type_of(name->text) : 0;
		if (type == 0)
			return refuse_value(s, "of null, boolean, object, array, number, string, "
					       "integer");
		if (s->rule->count & type)
			return refuse_value(s, "an array of different types");
		s->rule->count |= type;
	}
	return ST_OK;
}

static int member_order(const void *a, const void *b)
{
	return str_compare(((const struct schema_member *)a)->name,
			   ((const struct schema_member *)b)->name);
}

static struct schema_member *members_new(struct shaping *s, const struct json *value)
{
	struct schema_member *members =
		ARENA_ARRAY(s->c->arena, struct schema_member, value->count + 1);

	s->rule->members = members;
	s->rule->member_count = value->count;
	return members;
}

/* `ret` in the order of the array. */
static enum st names_read(struct shaping *s, const struct json *array, struct schema_member **ret)
{
	struct schema_member *names, *sorted;
	size_t i = 0;

	if (array->kind != JSON_ARRAY)
		return refuse_value(s, "made of arrays of names");
	names = ARENA_ARRAY(s->c->arena, struct schema_member, array->count + 1);
	sorted = ARENA_ARRAY(s->c->arena, struct schema_member, array->count + 1);
	if (!names || !sorted)
		return schema_refuse_arena(s->c);
	for (const struct json *name = array->first; name; name = name->next) {
		if (name->kind != JSON_STRING)
			return refuse_value(s, "made of arrays of names");
		sorted[i].name = names[i].name = name->text;
		i++;
	}
	qsort(sorted, i, sizeof(*sorted), member_order);
	for (size_t j = 1; j < i; j++) {
		if (str_equal(sorted[j].name, sorted[j - 1].name))
			return refuse_value(s, "made of arrays of different names");
	}
	*ret = names;
	return ST_OK;
}

static enum st shape_names(struct shaping *s)
{
	struct schema_member *names;

	if (s->rule->value->kind != JSON_ARRAY)
		return refuse_value(s, "an array of names");
	TRY(names_read(s, s->rule->value, &names));
	s->rule->members = names;
	s->rule->member_count = s->rule->value->count;
	return ST_OK;
}

static enum st shape_names_map(struct shaping *s)
{
	struct schema_member *members;
	size_t i = 0;

	if (s->rule->value->kind != JSON_OBJECT)
		return refuse_value(s, "an object of arrays of names");
	members = members_new(s, s->rule->value);
	if (!members)
		return schema_refuse_arena(s->c);
	for (const struct json *item = s->rule->value->first; item; item = item->next, i++) {
		struct schema_member *names;
		TRY(names_read(s, item, &names));
		members[i].name = item->name;
		members[i].names = names;
		members[i].name_count = item->count;
	}
	return ST_OK;
}

static enum st shape_bool_map(struct shaping *s)
{
	const struct json *value = s->rule->value;

	if (value->kind != JSON_OBJECT)
		return refuse_value(s, "an object of true and false");
	for (const struct json *item = value->first; item; item = item->next) {
		if (item->kind != JSON_BOOL)
			return refuse_value(s, "an object of true and false");
	}
	return ST_OK;
}

/* The walk over the document made a node of every subschema. */
static const struct schema_node *node_known(struct shaping *s, const struct json *json)
{
	const struct schema_node *node = schema_node_of(s->c, json);

	ASSERT(node);
	return node;
}

static enum st shape_schema(struct shaping *s)
{
	s->rule->node = node_known(s, s->rule->value);
	return ST_OK;
}

static enum st shape_schema_array(struct shaping *s)
{
	struct schema_member *members;
	size_t i = 0;

	if (s->rule->value->kind != JSON_ARRAY || s->rule->value->count == 0)
		return refuse_value(s, "an array of schemas, not empty");
	members = members_new(s, s->rule->value);
	if (!members)
		return schema_refuse_arena(s->c);
	for (const struct json *item = s->rule->value->first; item; item = item->next)
		members[i++].node = node_known(s, item);
	return ST_OK;
}

static enum st shape_schema_map(struct shaping *s)
{
	struct schema_member *members;
	size_t i = 0;

	if (s->rule->value->kind != JSON_OBJECT)
		return refuse_value(s, "an object of schemas");
	members = members_new(s, s->rule->value);
	if (!members)
		return schema_refuse_arena(s->c);
	for (const struct json *item = s->rule->value->first; item; item = item->next, i++) {
		members[i].name = item->name;
		members[i].node = node_known(s, item);
	}
	qsort(members, i, sizeof(*members), member_order);
	return ST_OK;
}

static enum st pattern_compile(struct shaping *s, struct str text, const struct regex **ret)
{
	struct problem problem = { 0 };
	struct regex *regex;
	enum st st = regex_compile(s->c->arena, text, &regex, &problem);

	if (st == ST_PATTERN_INVALID)
		return schema_refuse(s->c, s->node->place, s->rule->keyword->name, "%s",
				     problem.detail);
	if (st != ST_OK)
		return schema_refuse_arena(s->c);
	*ret = regex;
	return ST_OK;
}

static enum st shape_pattern(struct shaping *s)
{
	TRY(shape_string(s));
	return pattern_compile(s, s->rule->value->text, &s->rule->regex);
}

static enum st shape_pattern_map(struct shaping *s)
{
	struct schema_member *members;
	size_t i = 0;

	if (s->rule->value->kind != JSON_OBJECT)
		return refuse_value(s, "an object of schemas");
	members = members_new(s, s->rule->value);
	if (!members)
		return schema_refuse_arena(s->c);
	for (const struct json *item = s->rule->value->first; item; item = item->next, i++) {
		members[i].name = item->name;
		members[i].node = node_known(s, item);
		TRY(pattern_compile(s, item->name, &members[i].regex));
	}
	return ST_OK;
}

static enum st shape_format(struct shaping *s)
{
	bool asserted = s->node->resource->vocabularies & VOCABULARY_FORMAT_ASSERTION;

	TRY(shape_string(s));
	if (s->c->options && s->c->options->formats == SCHEMA_FORMATS_ASSERTED)
		asserted = true;
	if (asserted)
		s->rule->format = schema_format_of(s->rule->value->text);
	return ST_OK;
}

static enum st resource_of(struct shaping *s, struct str uri, struct schema_resource **ret)
{
	struct schema_compiler *c = s->c;
	struct json *root;
	struct str text, place;

	*ret = s->node->resource;
	if (str_equal((*ret)->uri, uri))
		return ST_OK;
	*ret = schema_resource_named(c, uri);
	if (*ret)
		return ST_OK;
	place = arena_printf(c->arena, "%.*s#", STR_ARG(uri));
	if (!place.data)
		return schema_refuse_arena(c);
	for (size_t i = 0; c->options && i < c->options->document_count; i++) {
		const struct schema_document *document = &c->options->documents[i];
		if (str_equal(document->uri, uri))
			return schema_index_document(c, document->root, uri, place, ret);
	}
	text = schema_meta_text(uri);
	if (text.size == 0)
		return schema_refuse(c, s->node->place, s->rule->keyword->name,
				     "the document \"%.*s\" is not in the set, and nothing is "
				     "fetched",
				     STR_ARG(uri));
	TRY(json_parse(c->arena, text, &root, c->problem));
	return schema_index_document(c, root, uri, place, ret);
}

static enum st refuse_nowhere(struct shaping *s)
{
	return schema_refuse(s->c, s->node->place, s->rule->keyword->name, "\"%.*s\" leads nowhere",
			     STR_ARG(s->rule->value->text));
}

static const struct json *pointer_step(const struct json *from, struct str step)
{
	size_t index = 0;
	struct json *child = from->first;

	if (from->kind == JSON_OBJECT)
		return json_member_str(from, step);
	if (from->kind != JSON_ARRAY || step.size == 0 || step.size > 9 ||
	    (step.size > 1 && step.data[0] == '0'))
		return NULL;
	for (size_t i = 0; i < step.size; i++) {
		if (step.data[i] < '0' || step.data[i] > '9')
			return NULL;
		index = index * 10 + (size_t)(step.data[i] - '0');
	}
	while (child && index-- > 0)
		child = child->next;
	return child;
}

/* "~1" is a slash and "~0" a tilde; `step` is the compiler's own copy and is changed in place. */
static bool unescape(char *step, size_t *size)
{
	size_t out = 0;

	for (size_t i = 0; i < *size; i++) {
		char c = step[i];
		if (c == '~') {
			if (i + 1 == *size || (step[i + 1] != '0' && step[i + 1] != '1'))
				return false;
			c = step[++i] == '0' ? '~' : '/';
		}
		step[out++] = c;
	}
	*size = out;
	return true;
}

/* Walks from the root of `resource`; on the way the nearest schema tells whose the place is. */
static enum st follow_pointer(struct shaping *s, struct schema_resource *resource, struct str text,
			      const struct schema_node **ret)
{
	const struct json *json = resource->root;
	const struct schema_node *owner = schema_node_of(s->c, json);
	struct str copy = arena_copy(s->c->arena, text);
	char *at = (char *)(uintptr_t)copy.data, *end = at + copy.size;
	struct schema_node *found;
	struct str place = owner->place;

	if (!at)
		return schema_refuse_arena(s->c);
	while (at < end) {
		char *start = ++at;
		size_t size;
		while (at < end && *at != '/')
			at++;
		size = (size_t)(at - start);
		if (!unescape(start, &size))
			return refuse_nowhere(s);
		json = pointer_step(json, (struct str){ .data = start, .size = size });
		if (!json)
			return refuse_nowhere(s);
		place = schema_place_add(s->c->arena, place,
					 (struct str){ .data = start, .size = size });
		if (!place.data)
			return schema_refuse_arena(s->c);
		found = schema_node_of(s->c, json);
		owner = found ? found : owner;
	}
	if (owner->json != json) {
		if (!schema_is_subschema(json))
			return schema_refuse(s->c, s->node->place, s->rule->keyword->name,
					     "\"%.*s\" leads to what is no schema",
					     STR_ARG(s->rule->value->text));
		TRY(schema_index_nameless(s->c, json, owner->resource, place, &found));
		owner = found;
	}
	*ret = owner;
	return ST_OK;
}

static enum st follow(struct shaping *s, struct schema_resource *resource, struct str fragment,
		      const struct schema_node **ret)
{
	const struct schema_anchor *anchor;

	if (fragment.size == 0) {
		*ret = schema_node_of(s->c, resource->root);
		return ST_OK;
	}
	if (fragment.data[0] == '/')
		return follow_pointer(s, resource, fragment, ret);
	anchor = schema_anchor_of(resource, fragment);
	if (!anchor)
		return refuse_nowhere(s);
	*ret = anchor->node;
	return ST_OK;
}

static enum st reference_read(struct shaping *s, struct schema_resource **ret_resource,
			      struct str *ret_fragment)
{
	struct schema_uri parts;
	struct str uri, value = s->rule->value->text;

	if (s->rule->value->kind != JSON_STRING ||
	    !schema_uri_is_reference(value, SCHEMA_URI_UNICODE))
		return refuse_value(s, "a URI reference");
	schema_uri_split(value, &parts);
	uri = schema_uri_resolve(s->c->arena, s->node->resource->uri, value);
	*ret_fragment = schema_uri_decode(s->c->arena, parts.fragment);
	if (!uri.data || !ret_fragment->data)
		return schema_refuse_arena(s->c);
	return resource_of(s, uri, ret_resource);
}

static enum st shape_reference(struct shaping *s)
{
	struct schema_resource *resource;
	struct str fragment;

	TRY(reference_read(s, &resource, &fragment));
	return follow(s, resource, fragment, &s->rule->node);
}

static const struct schema_anchor *dynamic_anchor_of(const struct schema_resource *resource,
						     struct str name)
{
	for (const struct schema_anchor *a = resource->anchors; a; a = a->next) {
		if (a->dynamic && str_equal(a->name, name))
			return a;
	}
	return NULL;
}

/* Looked up again at run time only when it begins at a dynamic anchor; else it is a "$ref". */
static enum st shape_dynamic_reference(struct shaping *s)
{
	struct schema_resource *resource;
	struct str fragment;

	TRY(reference_read(s, &resource, &fragment));
	TRY(follow(s, resource, fragment, &s->rule->node));
	if (fragment.size > 0 && fragment.data[0] != '/' && dynamic_anchor_of(resource, fragment))
		s->rule->anchor = fragment;
	return ST_OK;
}

static enum st (*const shapes[SHAPE_COUNT_OF])(struct shaping *s) = {
	[SHAPE_ANY] = shape_any,
	[SHAPE_STRING] = shape_string,
	[SHAPE_BOOL] = shape_bool,
	[SHAPE_COUNT] = shape_count,
	[SHAPE_NUMBER] = shape_number,
	[SHAPE_MULTIPLE] = shape_multiple,
	[SHAPE_ARRAY] = shape_array,
	[SHAPE_TYPES] = shape_types,
	[SHAPE_NAMES] = shape_names,
	[SHAPE_NAMES_MAP] = shape_names_map,
	[SHAPE_BOOL_MAP] = shape_bool_map,
	[SHAPE_SCHEMA] = shape_schema,
	[SHAPE_SCHEMA_ARRAY] = shape_schema_array,
	[SHAPE_SCHEMA_MAP] = shape_schema_map,
	[SHAPE_PATTERN_MAP] = shape_pattern_map,
	[SHAPE_PATTERN] = shape_pattern,
	[SHAPE_FORMAT] = shape_format,
	[SHAPE_IDENTIFIER] = shape_any,
	[SHAPE_ANCHOR] = shape_any,
	[SHAPE_REFERENCE] = shape_reference,
	[SHAPE_DYNAMIC_REFERENCE] = shape_dynamic_reference,
};

static enum st compile_node(struct schema_compiler *c, struct schema_node *node)
{
	struct schema_rule *rules;
	size_t count = 0;

	if (node->json->kind != JSON_OBJECT || node->json->count == 0)
		return ST_OK;
	rules = ARENA_ARRAY(c->arena, struct schema_rule, node->json->count);
	if (!rules)
		return schema_refuse_arena(c);
	for (const struct schema_keyword *keyword = schema_keywords; keyword->name; keyword++) {
		const struct json *value = json_member(node->json, keyword->name);
		struct schema_rule *rule = &rules[count];
		struct shaping shaping = { .c = c, .node = node, .rule = rule };

		if (!value || !(node->resource->vocabularies & keyword->vocabulary))
			continue;
		*rule = (struct schema_rule){ .keyword = keyword, .value = value };
		count++;
		TRY(shapes[keyword->shape](&shaping));
		if (keyword->vocabulary == VOCABULARY_UNEVALUATED)
			node->reads_marks = true;
	}
	node->rules = rules;
	node->rule_count = count;
	return ST_OK;
}

static enum st compile(struct schema_compiler *c, const struct json *root,
		       struct schema_resource **ret)
{
	struct str base = c->options ? c->options->base_uri : STR("");

	TRY(schema_index_document(c, root, base, STR(""), ret));
	for (struct schema_node *node = c->nodes_first; node; node = node->next)
		TRY(compile_node(c, node));
	return ST_OK;
}

enum st schema_compile(struct arena *arena, const struct json *root,
		       const struct schema_options *options, struct schema **ret,
		       struct problem *problem)
{
	struct schema_compiler c = { .arena = arena, .problem = problem, .options = options };
	struct schema_resource *resource;
	struct schema *schema = ARENA_NEW(arena, struct schema);

	if (!schema)
		return schema_refuse_arena(&c);
	TRY(compile(&c, root, &resource));
	schema->root = schema_node_of(&c, resource->root);
	*ret = schema;
	return ST_OK;
}

enum st schema_compile_text(struct arena *arena, struct str text,
			    const struct schema_options *options, struct schema **ret,
			    struct problem *problem)
{
	struct json *root;

	TRY(json_parse(arena, text, &root, problem));
	return schema_compile(arena, root, options, ret, problem);
}

enum st schema_compile_meta(struct arena *arena, struct schema **ret, struct problem *problem)
{
	return schema_compile_text(arena, STR("{\"$ref\":\"" SCHEMA_META_URI "\"}"), NULL, ret,
				   problem);
}
