/* emit_c.c: the C source of a document: the tables that codec.c decodes and encodes by. */
#include "emit_c.h"

#include "compile.h"

#include <float.h>
#include <string.h>

static const char *const kind_names[] = {
	"PROTO_STRING",  "PROTO_ENUM",   "PROTO_TIME",  "PROTO_I64",
	"PROTO_INTEGER", "PROTO_NUMBER", "PROTO_BOOL",  "PROTO_ARRAY",
	"PROTO_OBJECT",  "PROTO_MONEY",  "PROTO_PAIRS", "PROTO_ANY",
};

/* The patterns of one source, each once. */
struct patterns {
	size_t count;
	const char *items[4096];
};

static size_t pattern_index(struct patterns *patterns, const char *pattern)
{
	for (size_t i = 0; i < patterns->count; i++) {
		if (strcmp(patterns->items[i], pattern) == 0)
			return i;
	}
	patterns->items[patterns->count] = pattern;
	return patterns->count++;
}

static void collect_patterns(struct patterns *patterns, const struct document *document)
{
	for (size_t i = 0; i < document->order_count; i++) {
		const struct schema *schema = document->order[i];
		bool money = node_member(schema->node, "x-money") != NULL;

		for (size_t j = 0; !money && j < schema->member_count; j++) {
			for (const struct shape *s = schema->members[j].shape; s; s = s->items) {
				if (s->pattern)
					pattern_index(patterns, s->pattern);
			}
		}
	}
}

static void emit_patterns(struct text *text, const struct patterns *patterns)
{
	if (patterns->count == 0)
		return;
	text_add(text,
		 "static void *compiled[%zu];\nstatic const struct proto_pattern patterns[] = {\n",
		 patterns->count);
	for (size_t i = 0; i < patterns->count; i++) {
		text_add(text, "\t{ .regex = ");
		text_quote(text, patterns->items[i]);
		text_add(text, ", .compiled = &compiled[%zu] },\n", i);
	}
	text_add(text, "};\n\n");
}

static const char *c_integer(int64_t value)
{
	if (value == INT64_MAX)
		return "INT64_MAX";
	if (value == INT64_MIN)
		return "INT64_MIN";
	return region_printf("%lldLL", (long long)value);
}

static const char *item_size(const struct shape *items)
{
	switch (items->kind) {
	case KIND_STRING:
		return "sizeof(struct str)";
	case KIND_ENUM:
		return region_printf("sizeof(enum %s)", items->enumeration->ident);
	case KIND_TIME:
	case KIND_I64:
	case KIND_INTEGER:
		return "sizeof(int64_t)";
	case KIND_NUMBER:
		return "sizeof(double)";
	case KIND_BOOL:
		return "sizeof(bool)";
	case KIND_OBJECT:
		return region_printf("sizeof(struct %s)", items->object->ident);
	case KIND_MONEY:
		return "sizeof(struct money)";
	case KIND_PAIRS:
		return "sizeof(struct proto_pairs)";
	case KIND_ANY:
	case KIND_ARRAY:
		break;
	}
	return "sizeof(const struct json *)";
}

/* `items` names the array's item value, which was emitted before. */
static void emit_value(struct text *text, struct patterns *patterns, const struct shape *shape,
		       const char *items)
{
	bool numeric = shape->kind == KIND_NUMBER || shape->kind == KIND_INTEGER;

	text_add(text, "{ .kind = %s", kind_names[shape->kind]);
	if (shape->kind == KIND_STRING || shape->kind == KIND_INTEGER || shape->kind == KIND_BOOL ||
	    shape->kind == KIND_ARRAY || shape->kind == KIND_PAIRS)
		text_add(text, ", .min = %s, .max = %s", c_integer(shape->min),
			 c_integer(shape->max));
	if (numeric)
		text_add(text, ", .number_min = %.17g, .number_max = %.17g", shape->number_min,
			 shape->number_max);
	if (shape->enumeration)
		text_add(text, ", .names = %s_names", shape->enumeration->ident);
	if (shape->pattern)
		text_add(text, ", .pattern = &patterns[%zu]",
			 pattern_index(patterns, shape->pattern));
	if (shape->kind == KIND_OBJECT)
		text_add(text, ", .object = &%s_type", shape->object->ident);
	if (shape->items)
		text_add(text, ", .items = &%s", items);
	if (shape->kind == KIND_ARRAY)
		text_add(text, ", .item_size_bytes = %s", item_size(shape->items));
	if (shape->unique)
		text_add(text, ", .unique = true");
	text_add(text, " }");
}

static void emit_field(struct text *text, struct patterns *patterns, const struct schema *schema,
		       const struct member *member)
{
	text_add(text,
		 "\t{ .name = \"%s\", .key = \"\\\"%s\\\":\", .key_size = %zu,\n\t  .value = ",
		 member->name, member->name, strlen(member->name) + 3);
	emit_value(text, patterns, member->shape,
		   region_printf("%s_%s_items", schema->ident, member->name));
	text_add(text, ",\n\t  .offset = offsetof(struct %s, %s), .offset_has = ", schema->ident,
		 member->c_name);
	if (member->has)
		text_add(text, "offsetof(struct %s, has_%s)", schema->ident, member->c_name);
	else
		text_add(text, "UINT32_MAX");
	if (member->required)
		text_add(text, ", .required = true");
	if (member->pointer)
		text_add(text, ", .pointer = true");
	text_add(text, " },\n");
}

/* The values of an array's items or of pairs, innermost first. */
static void emit_items(struct text *text, struct patterns *patterns, const struct shape *items,
		       const char *name)
{
	const char *inner = region_printf("%s_items", name);

	if (items->items)
		emit_items(text, patterns, items->items, inner);
	text_add(text, "static const struct proto_value %s = ", name);
	emit_value(text, patterns, items, inner);
	text_add(text, ";\n");
}

static void emit_type(struct text *text, struct patterns *patterns, const struct schema *schema)
{
	if (node_member(schema->node, "x-money"))
		return;
	for (size_t i = 0; i < schema->member_count; i++) {
		const struct member *member = &schema->members[i];

		if (member->shape->items)
			emit_items(text, patterns, member->shape->items,
				   region_printf("%s_%s_items", schema->ident, member->name));
	}
	if (schema->member_count > 0) {
		text_add(text, "static const struct proto_field %s_fields[] = {\n", schema->ident);
		for (size_t i = 0; i < schema->member_count; i++)
			emit_field(text, patterns, schema, &schema->members[i]);
		text_add(text, "};\n");
	}
	text_add(text, "const struct proto_type %s_type = {\n\t.name = \"%s.%s\",\n", schema->ident,
		 schema->document->name, schema->name);
	text_add(text, "\t.size_bytes = sizeof(struct %s),\n", schema->ident);
	if (schema->member_count > 0)
		text_add(text, "\t.fields = %s_fields,\n\t.field_count = %zu,\n", schema->ident,
			 schema->member_count);
	text_add(text, "\t.bytes_max = %zu,\n};\n\n", schema->bytes_max);
}

static void emit_enum_names(struct text *text, const struct enumeration *e)
{
	text_add(text, "const char *const %s_names[] = { ", e->ident);
	for (size_t i = 0; i < e->count; i++)
		text_add(text, "\"%s\", ", e->values[i]);
	text_add(text, "NULL };\n");
}

static void emit_source(struct text *text, const struct contract *contract,
			const struct document *document)
{
	struct patterns *patterns = region_alloc(sizeof(*patterns));

	text_add(text, "/* Generated from %s.yaml; edits are lost. */\n#include \"%s.h\"\n\n",
		 document->name, document->name);
	text_add(text, "#include <float.h>\n#include <stddef.h>\n\n");
	collect_patterns(patterns, document);
	emit_patterns(text, patterns);
	for (const struct enumeration *e = document->enumerations; e; e = e->next)
		emit_enum_names(text, e);
	text_add(text, "\n");
	for (size_t i = 0; i < document->order_count; i++)
		emit_type(text, patterns, document->order[i]);
	emit_calls_and_events(text, contract, document);
}

bool emit_c(const struct contract *contract, const char *out)
{
	for (size_t i = 0; i < contract->document_count; i++) {
		const struct document *document = &contract->documents[i];
		struct text header = { 0 }, source = { 0 };

		emit_header(&header, contract, document);
		emit_source(&source, contract, document);
		if (!text_write(&header, out, region_printf("%s.h", document->name)) ||
		    !text_write(&source, out, region_printf("%s.c", document->name)))
			return false;
	}
	return true;
}
