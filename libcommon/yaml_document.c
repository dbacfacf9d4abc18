/* From libyaml's events to nodes. Its marks count characters, ours count bytes, so a cursor walks
 * the text along with the events. What plain scalars mean is in yaml_scalar.c. */
#include "yaml_document.h"

#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "yaml_scalar.h"

struct anchor {
	struct str name;
	struct json *node; /* NULL while the node is still open */
};

struct name { /* of a member, with its place */
	struct name *next;
	struct str text;
	size_t offset_bytes;
};

struct loader {
	yaml_parser_t parser;
	yaml_event_t event; /* the current one; freed when the next is taken */
	bool has_event;
	struct arena *arena;
	struct problem *problem;
	struct str text;
	size_t cursor_chars, cursor_bytes; /* the same place, counted twice */
	size_t node_count, depth;
	struct anchor anchors[YAML_ANCHORS_MAX];
	size_t anchor_count;
};

static void position(struct str text, size_t offset_bytes, size_t *ret_line, size_t *ret_column)
{
	size_t line = 1, column = 1;

	for (size_t i = 0; i < offset_bytes && i < text.size; i++) {
		char c = text.data[i];
		bool crlf = c == '\r' && i + 1 < text.size && text.data[i + 1] == '\n';
		if (c == '\n' || (c == '\r' && !crlf)) {
			line++;
			column = 1;
		} else if (!crlf && ((unsigned char)c & 0xc0) != 0x80) {
			column++;
		}
	}
	*ret_line = line;
	*ret_column = column;
}

static void place_print(struct str text, size_t offset_bytes, char *ret, size_t size)
{
	size_t line, column;

	position(text, offset_bytes, &line, &column);
	snprintf(ret, size, "line %zu, column %zu", line, column);
}

/* libyaml's marks seldom go back; when one does, the cursor starts again. */
static size_t offset_of(struct loader *l, const yaml_mark_t *mark)
{
	if (mark->index < l->cursor_chars)
		l->cursor_chars = l->cursor_bytes = 0;
	while (l->cursor_chars < mark->index && l->cursor_bytes < l->text.size) {
		struct str rest = { .data = l->text.data + l->cursor_bytes,
				    .size = l->text.size - l->cursor_bytes };
		l->cursor_bytes += utf8_size(rest);
		l->cursor_chars++;
	}
	return l->cursor_bytes;
}

__attribute__((format(printf, 3, 4))) static enum st refuse(struct loader *l, size_t offset_bytes,
							    const char *format, ...)
{
	char place[64], detail[sizeof(((struct problem *)0)->detail)];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	place_print(l->text, offset_bytes, place, sizeof(place));
	return problem_set(l->problem, ST_YAML_INVALID, place, "%s", detail);
}

static enum st refuse_arena(struct loader *l)
{
	return problem_set(
		l->problem, ST_TOO_LARGE, "",
		"the YAML document needs more memory than the %zu bytes there are for it",
		l->arena->used_bytes_max);
}

static enum st refuse_parser(struct loader *l)
{
	const yaml_parser_t *p = &l->parser;
	size_t offset;

	if (p->error == YAML_MEMORY_ERROR)
		return problem_set(l->problem, ST_NO_MEMORY, "", "no memory for a YAML document");
	offset = p->error == YAML_READER_ERROR ? p->problem_offset : offset_of(l, &p->problem_mark);
	return refuse(l, offset, "%s%s%s", p->problem ? p->problem : "the document is broken",
		      p->context ? " " : "", p->context ? p->context : "");
}

static enum st next_event(struct loader *l)
{
	if (l->has_event)
		yaml_event_delete(&l->event);
	l->has_event = yaml_parser_parse(&l->parser, &l->event) != 0;
	return l->has_event ? ST_OK : refuse_parser(l);
}

static struct str event_text(const yaml_event_t *event)
{
	return (struct str){ .data = (const char *)event->data.scalar.value,
			     .size = event->data.scalar.length };
}

static enum st node_new(struct loader *l, enum json_kind kind, size_t offset_bytes,
			struct json **ret)
{
	struct json *node;

	if (l->node_count == YAML_NODES_MAX)
		return refuse(l, offset_bytes,
			      "the document has more than %d nodes, those that "
			      "aliases bring counted each time",
			      YAML_NODES_MAX);
	l->node_count++;
	node = ARENA_NEW(l->arena, struct json);
	if (!node)
		return refuse_arena(l);
	node->kind = kind;
	node->offset_bytes = offset_bytes;
	*ret = node;
	return ST_OK;
}

static void child_add(struct json *parent, struct json *child)
{
	if (parent->last)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
	parent->count++;
}

static struct anchor *anchor_find(struct loader *l, struct str name)
{
	for (size_t i = 0; i < l->anchor_count; i++) {
		if (str_equal(l->anchors[i].name, name))
			return &l->anchors[i];
	}
	return NULL;
}

/* A name that was used before names the newer node from here on. */
static enum st anchor_open(struct loader *l, const yaml_char_t *name, size_t offset_bytes,
			   struct anchor **ret)
{
	struct str text = name ? str_of((const char *)name) : (struct str){ 0 };
	struct anchor *anchor;

	*ret = NULL;
	if (!name)
		return ST_OK;
	anchor = anchor_find(l, text);
	if (!anchor) {
		if (l->anchor_count == YAML_ANCHORS_MAX)
			return refuse(l, offset_bytes, "the document has more than %d anchors",
				      YAML_ANCHORS_MAX);
		text = arena_copy(l->arena, text);
		if (!text.data)
			return refuse_arena(l);
		anchor = &l->anchors[l->anchor_count++];
		anchor->name = text;
	}
	anchor->node = NULL;
	*ret = anchor;
	return ST_OK;
}

static enum st copy_node(struct loader *l, const struct json *from, size_t depth, size_t offset_use,
			 struct json **ret)
{
	struct json *copy;

	if (from->kind == JSON_ARRAY || from->kind == JSON_OBJECT) {
		if (++depth > YAML_DEPTH_MAX)
			return refuse(l, offset_use, "the document is nested deeper than %d",
				      YAML_DEPTH_MAX);
	}
	TRY(node_new(l, from->kind, offset_use, &copy));
	copy->offset_bytes = from->offset_bytes;
	copy->boolean = from->boolean;
	copy->number = from->number;
	copy->text = from->text;
	for (const struct json *child = from->first; child; child = child->next) {
		struct json *item;
		TRY(copy_node(l, child, depth, offset_use, &item));
		item->name = child->name;
		child_add(copy, item);
	}
	*ret = copy;
	return ST_OK;
}

static enum st load_alias(struct loader *l, struct json **ret)
{
	struct str name = str_of((const char *)l->event.data.alias.anchor);
	size_t offset = offset_of(l, &l->event.start_mark);
	struct anchor *anchor = anchor_find(l, name);

	if (!anchor)
		return refuse(l, offset, "the anchor \"%.*s\" is not known here", STR_ARG(name));
	if (!anchor->node)
		return refuse(l, offset, "the anchor \"%.*s\" contains itself", STR_ARG(name));
	return copy_node(l, anchor->node, l->depth, offset, ret);
}

static enum st load_scalar(struct loader *l, struct json **ret)
{
	const yaml_event_t *event = &l->event;
	size_t offset = offset_of(l, &event->start_mark);
	struct str text = arena_copy(l->arena, event_text(event));
	const char *why = NULL;
	struct anchor *anchor;
	struct json *node;
	enum st st;

	if (!text.data)
		return refuse_arena(l);
	TRY(node_new(l, JSON_STRING, offset, &node));
	TRY(anchor_open(l, event->data.scalar.anchor, offset, &anchor));
	st = yaml_scalar(l->arena, text, (const char *)event->data.scalar.tag,
			 event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? YAML_PLAIN
									     : YAML_QUOTED,
			 node, &why);
	if (st == ST_TOO_LARGE)
		return refuse_arena(l);
	if (st != ST_OK)
		return refuse(l, offset, "\"%.*s\" %s", text.size > 80 ? 80 : (int)text.size,
			      text.data, why);
	if (anchor)
		anchor->node = node;
	*ret = node;
	return ST_OK;
}

static enum st load_node(struct loader *l, struct json **ret);

static enum st load_sequence(struct loader *l, struct json *array)
{
	for (;;) {
		struct json *item;

		TRY(next_event(l));
		if (l->event.type == YAML_SEQUENCE_END_EVENT)
			return ST_OK;
		TRY(load_node(l, &item));
		child_add(array, item);
	}
}

static enum st load_name(struct loader *l, struct name **ret)
{
	const yaml_event_t *event = &l->event;
	size_t offset = offset_of(l, &event->start_mark);
	bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct name *name;

	if (event->type != YAML_SCALAR_EVENT)
		return refuse(l, offset, "the name of a member is a plain or quoted text");
	if (event->data.scalar.tag && strcmp((const char *)event->data.scalar.tag, YAML_STR_TAG))
		return refuse(l, offset, "the name of a member has no tag but !!str");
	if (event->data.scalar.anchor)
		return refuse(l, offset, "the name of a member has no anchor");
	if (plain && str_is(event_text(event), "<<"))
		return refuse(l, offset,
			      "merge keys (<<) are not supported, write the members out");
	if (plain && yaml_is_null(event_text(event)))
		return refuse(l, offset, "the name of a member is missing or null");
	name = ARENA_NEW(l->arena, struct name);
	if (!name)
		return refuse_arena(l);
	name->text = arena_copy(l->arena, event_text(event));
	name->offset_bytes = offset;
	*ret = name;
	return name->text.data ? ST_OK : refuse_arena(l);
}

static int name_order(const void *a, const void *b)
{
	const struct name *x = *(struct name *const *)a, *y = *(struct name *const *)b;
	int order = str_compare(x->text, y->text);

	if (order != 0)
		return order;
	return (x->offset_bytes > y->offset_bytes) - (x->offset_bytes < y->offset_bytes);
}

/* Sorted, because comparing each with each takes seconds at the size limit. */
static enum st check_names(struct loader *l, struct name *names, size_t count)
{
	struct name **sorted = ARENA_ARRAY(l->arena, struct name *, count);
	size_t i = 0;

	if (!sorted)
		return refuse_arena(l);
	for (; names; names = names->next)
		sorted[i++] = names;
	ASSERT(i == count);
	qsort(sorted, count, sizeof(*sorted), name_order);
	for (i = 1; i < count; i++) {
		struct str text = sorted[i]->text;
		if (str_equal(text, sorted[i - 1]->text))
			return refuse(l, sorted[i]->offset_bytes,
				      "the name \"%.*s\" is there twice",
				      text.size > 80 ? 80 : (int)text.size, text.data);
	}
	return ST_OK;
}

static enum st load_mapping(struct loader *l, struct json *object)
{
	struct name *names = NULL;

	for (;;) {
		struct json *value;
		struct name *name = NULL;

		TRY(next_event(l));
		if (l->event.type == YAML_MAPPING_END_EVENT)
			return check_names(l, names, object->count);
		TRY(load_name(l, &name));
		TRY(next_event(l));
		TRY(load_node(l, &value));
		name->next = names;
		names = name;
		value->name = name->text;
		child_add(object, value);
	}
}

/* Sequence and mapping events carry their tag and anchor in the same way, under two names. */
static enum st load_collection(struct loader *l, enum json_kind kind, struct json **ret)
{
	const yaml_event_t *event = &l->event;
	bool is_array = kind == JSON_ARRAY;
	const char *tag = (const char *)(is_array ? event->data.sequence_start.tag
						  : event->data.mapping_start.tag);
	const yaml_char_t *name =
		is_array ? event->data.sequence_start.anchor : event->data.mapping_start.anchor;
	size_t offset = offset_of(l, &event->start_mark);
	struct anchor *anchor;
	struct json *node;

	if (tag && strcmp(tag, is_array ? YAML_SEQ_TAG : YAML_MAP_TAG))
		return refuse(l, offset, "the tag \"%.80s\" is not supported here", tag);
	if (l->depth == YAML_DEPTH_MAX)
		return refuse(l, offset, "the document is nested deeper than %d", YAML_DEPTH_MAX);
	TRY(node_new(l, kind, offset, &node));
	TRY(anchor_open(l, name, offset, &anchor));
	l->depth++;
	TRY(is_array ? load_sequence(l, node) : load_mapping(l, node));
	l->depth--;
	/* The same name may have been given to a node inside; that one is newer and stays. */
	if (anchor && !anchor->node)
		anchor->node = node;
	*ret = node;
	return ST_OK;
}

static enum st load_node(struct loader *l, struct json **ret)
{
	if (l->event.type == YAML_ALIAS_EVENT)
		return load_alias(l, ret);
	if (l->event.type == YAML_SCALAR_EVENT)
		return load_scalar(l, ret);
	if (l->event.type == YAML_SEQUENCE_START_EVENT)
		return load_collection(l, JSON_ARRAY, ret);
	ASSERT(l->event.type == YAML_MAPPING_START_EVENT);
	return load_collection(l, JSON_OBJECT, ret);
}

static enum st load_stream(struct loader *l, size_t count_max, struct yaml_document *items,
			   size_t *ret_count)
{
	size_t count = 0;

	TRY(next_event(l));
	ASSERT(l->event.type == YAML_STREAM_START_EVENT);
	for (;;) {
		TRY(next_event(l));
		if (l->event.type == YAML_STREAM_END_EVENT)
			break;
		ASSERT(l->event.type == YAML_DOCUMENT_START_EVENT);
		if (count == count_max)
			return refuse(l, offset_of(l, &l->event.start_mark),
				      "there are more documents than %zu", count_max);
		l->anchor_count = 0;
		TRY(next_event(l));
		TRY(load_node(l, &items[count].root));
		items[count++].text = l->text;
		TRY(next_event(l));
		ASSERT(l->event.type == YAML_DOCUMENT_END_EVENT);
	}
	*ret_count = count;
	return ST_OK;
}

static enum st load(struct loader *l, size_t count_max, struct yaml_document *items,
		    size_t *ret_count)
{
	size_t valid = 0;
	enum st st;

	while (valid < l->text.size) {
		size_t size = utf8_size(
			(struct str){ .data = l->text.data + valid, .size = l->text.size - valid });
		if (size == 0)
			return refuse(l, valid, "the document is not UTF-8");
		valid += size;
	}
	if (!yaml_parser_initialize(&l->parser))
		return problem_set(l->problem, ST_NO_MEMORY, "", "no memory for a YAML document");
	yaml_parser_set_encoding(&l->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&l->parser, (const unsigned char *)l->text.data, l->text.size);
	st = load_stream(l, count_max, items, ret_count);
	if (l->has_event)
		yaml_event_delete(&l->event);
	yaml_parser_delete(&l->parser);
	return st;
}

static enum st parse(struct arena *arena, struct str text, size_t count_max,
		     struct yaml_document *items, size_t *ret_count, struct problem *problem)
{
	/* The anchors and libyaml's state are too much for the stack of a deep caller. */
	struct loader *l = ARENA_NEW(arena, struct loader);

	if (text.size > YAML_BYTES_MAX)
		return problem_set(problem, ST_MESSAGE_TOO_LARGE, "",
				   "the YAML document is larger than %d bytes", YAML_BYTES_MAX);
	if (!l)
		return problem_set(problem, ST_TOO_LARGE, "",
				   "the YAML document needs more memory than there is for it");
	l->arena = arena;
	l->problem = problem;
	/* libyaml would count a byte order mark as a column and then miss the next line's. */
	if (str_starts(text, "\xef\xbb\xbf")) {
		text.data += 3;
		text.size -= 3;
	}
	l->text = arena_copy(arena, text);
	if (!l->text.data)
		return refuse_arena(l);
	return load(l, count_max, items, ret_count);
}

enum st yaml_parse(struct arena *arena, struct str text, struct yaml_document *ret,
		   struct problem *problem)
{
	struct yaml_document document = { 0 };
	size_t count;

	TRY(parse(arena, text, 1, &document, &count, problem));
	if (count == 0) {
		document.root = json_new(arena, JSON_NULL);
		document.text = arena_copy(arena, text);
		if (!document.root || !document.text.data)
			return problem_set(problem, ST_TOO_LARGE, "",
					   "no memory for the YAML document");
	}
	*ret = document;
	return ST_OK;
}

enum st yaml_parse_many(struct arena *arena, struct str text, struct yaml_documents *ret,
			struct problem *problem)
{
	struct yaml_document *items = ARENA_ARRAY(arena, struct yaml_document, YAML_DOCUMENTS_MAX);
	size_t count;

	if (!items)
		return problem_set(problem, ST_TOO_LARGE, "", "no memory for the YAML document");
	TRY(parse(arena, text, YAML_DOCUMENTS_MAX, items, &count, problem));
	*ret = (struct yaml_documents){ .items = items, .count = count };
	return ST_OK;
}

void yaml_position(const struct yaml_document *document, const struct json *node, size_t *ret_line,
		   size_t *ret_column)
{
	position(document->text, node->offset_bytes, ret_line, ret_column);
}

enum st yaml_refuse(const struct yaml_document *document, const struct json *node, enum st st,
		    struct problem *problem, const char *format, ...)
{
	char place[64], detail[sizeof(problem->detail)];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	place_print(document->text, node->offset_bytes, place, sizeof(place));
	return problem_set(problem, st, place, "%s", detail);
}
