/* emit_header.c: the C header of a document: enums, structs, types, calls and events. */
#include "compile.h"
#include "emit_c.h"

#include <string.h>

static void emit_enum(struct text *text, const struct enumeration *e)
{
	const char *upper = name_upper(e->ident);

	text_add(text, "enum %s {\n\t%s_NONE = 0,\n", e->ident, upper);
	for (size_t i = 0; i < e->count; i++)
		text_add(text, "\t%s_%s,\n", upper, name_upper(e->values[i]));
	text_add(text, "};\nextern const char *const %s_names[];\n\n", e->ident);
}

/* The C type of one value; an array's is that of its items. */
static const char *c_type(const struct shape *shape)
{
	switch (shape->kind) {
	case KIND_STRING:
		return "struct str ";
	case KIND_ENUM:
		return region_printf("enum %s ", shape->enumeration->ident);
	case KIND_TIME:
	case KIND_I64:
	case KIND_INTEGER:
		return "int64_t ";
	case KIND_NUMBER:
		return "double ";
	case KIND_BOOL:
		return "bool ";
	case KIND_ARRAY:
		return c_type(shape->items);
	case KIND_OBJECT:
		return region_printf("struct %s ", shape->object->ident);
	case KIND_MONEY:
		return "struct money ";
	case KIND_PAIRS:
		return "struct proto_pairs ";
	case KIND_ANY:
		return "const struct json *";
	}
	return "";
}

static void emit_member(struct text *text, const struct member *member)
{
	const struct shape *shape = member->shape;

	if (member->has)
		text_add(text, "\tbool has_%s;\n", member->c_name);
	if (shape->kind == KIND_ARRAY)
		text_add(text, "\tstruct {\n\t\t%s*items;\n\t\tsize_t count;\n\t} %s;",
			 c_type(shape), member->c_name);
	else
		text_add(text, "\t%s%s%s;", c_type(shape), member->pointer ? "*" : "",
			 member->c_name);
	if (member->description && !strstr(member->description, "*/"))
		text_add(text, " /* %s */", member->description);
	text_add(text, "\n");
}

static void emit_struct(struct text *text, const struct schema *schema)
{
	const char *description =
		node_string_optional(schema->document, schema->node, "description");

	if (node_member(schema->node, "x-money"))
		return;
	if (description && !strstr(description, "*/"))
		text_add(text, "/* %s */\n", description);
	text_add(text, "struct %s {\n", schema->ident);
	for (size_t i = 0; i < schema->member_count; i++)
		emit_member(text, &schema->members[i]);
	if (schema->member_count == 0)
		text_add(text, "\tchar nothing; /* the schema has no members */\n");
	text_add(text, "};\nextern const struct proto_type %s_type;\n", schema->ident);
	if (schema->purpose)
		text_add(text, "#define %s_PURPOSE \"%s\"\n", name_upper(schema->ident),
			 schema->purpose);
	text_add(text, "\n");
}

static void emit_calls(struct text *text, const struct document *from, const char *prefix)
{
	for (size_t i = 0; i < from->call_count; i++)
		text_add(text, "extern const struct proto_call CALL_%s%s;\n", prefix,
			 name_upper(from->calls[i].name));
}

void emit_header(struct text *text, const struct contract *contract,
		 const struct document *document)
{
	const char *guard = name_upper(document->ident);

	text_add(text, "/* Generated from %s.yaml; edits are lost. */\n", document->name);
	text_add(text, "#ifndef PIOPL_GEN_%s_H\n#define PIOPL_GEN_%s_H\n\n#include \"proto.h\"\n",
		 guard, guard);
	if (!document->common && contract->common)
		text_add(text, "#include \"common.h\"\n");
	text_add(text, "\n");
	for (const struct enumeration *e = document->enumerations; e; e = e->next)
		emit_enum(text, e);
	for (size_t i = 0; i < document->order_count; i++) {
		if (!node_member(document->order[i]->node, "x-money"))
			text_add(text, "struct %s;\n", document->order[i]->ident);
	}
	text_add(text, "\n");
	for (size_t i = 0; i < document->order_count; i++)
		emit_struct(text, document->order[i]);
	emit_calls(text, document, document->prefix);
	if (!document->common && contract->common)
		emit_calls(text, contract->common, document->prefix);
	for (size_t i = 0; i < document->event_count; i++) {
		if (document->events[i].type)
			text_add(text, "extern const struct proto_event EVT_%s%s;\n",
				 document->prefix, name_upper(document->events[i].name));
	}
	text_add(text, "\n#endif\n");
}
