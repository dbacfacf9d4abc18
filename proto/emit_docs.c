/* emit_docs.c: the reference, a Markdown page a service: calls, events, schemas with their limits,
 * refusals, each message with an example. */
#include "compile.h"

#include <float.h>
#include <string.h>

static void add_cell(struct text *text, const char *s)
{
	for (const char *c = s ? s : ""; *c; c++) {
		if (*c == '|')
			text_add(text, "\\|");
		else
			text_add(text, "%c", *c == '\n' ? ' ' : *c);
	}
}

static void add_example(struct text *text, const struct schema *schema)
{
	text_add(text, "```json\n");
	text_json(text, example_of_schema(schema));
	text_add(text, "```\n\n");
}

/* A schema's heading is its name; the library's are on common.md. */
static char *schema_link(const struct schema *schema, const struct document *page)
{
	char *anchor = region_printf("%s", schema->name);

	for (char *c = anchor; *c; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
	if (schema->document == page)
		return region_printf("[%s](#%s)", schema->name, anchor);
	return region_printf("[%s](%s.md#%s)", schema->name, schema->document->name, anchor);
}

static const char *type_words(const struct shape *shape, const struct document *page)
{
	switch (shape->kind) {
	case KIND_STRING:
		return "string";
	case KIND_ENUM:
		return "one of";
	case KIND_TIME:
		return "time";
	case KIND_I64:
		return "int64 as a string";
	case KIND_INTEGER:
		return "integer";
	case KIND_NUMBER:
		return "number";
	case KIND_BOOL:
		return "boolean";
	case KIND_ARRAY:
		return region_printf("array of %s", type_words(shape->items, page));
	case KIND_OBJECT:
	case KIND_MONEY:
		return schema_link(shape->object, page);
	case KIND_PAIRS:
		return "object of strings";
	case KIND_ANY:
		break;
	}
	return "any JSON";
}

static void add_count(struct text *text, const struct shape *shape, const char *what)
{
	if (shape->max == INT64_MAX && shape->min == 0)
		return;
	if (shape->max == INT64_MAX)
		text_add(text, "at least %lld %s ", (long long)shape->min, what);
	else if (shape->min == 0)
		text_add(text, "at most %lld %s ", (long long)shape->max, what);
	else
		text_add(text, "%lld to %lld %s ", (long long)shape->min, (long long)shape->max,
			 what);
}

static void add_range(struct text *text, const struct shape *shape)
{
	double widest = shape->kind == KIND_INTEGER ? (double)INTEGER_MAX : DBL_MAX;

	if (shape->number_min > -widest && shape->number_max < widest)
		text_add(text, "%.15g to %.15g ", shape->number_min, shape->number_max);
	else if (shape->number_min > -widest)
		text_add(text, "at least %.15g ", shape->number_min);
	else if (shape->number_max < widest)
		text_add(text, "at most %.15g ", shape->number_max);
}

static void add_limits(struct text *text, const struct shape *shape)
{
	const cJSON *fallback = node_member(shape->node, "default");

	if (shape->kind == KIND_STRING)
		add_count(text, shape, "characters");
	if (shape->kind == KIND_ARRAY)
		add_count(text, shape, "items");
	if (shape->kind == KIND_PAIRS)
		add_count(text, shape, "members");
	if (shape->kind == KIND_INTEGER || shape->kind == KIND_NUMBER)
		add_range(text, shape);
	if (shape->kind == KIND_BOOL && shape->min == shape->max)
		text_add(text, "always %s ", shape->min ? "true" : "false");
	if (shape->unique)
		text_add(text, "each once ");
	if (shape->pattern) {
		text_add(text, "`");
		add_cell(text, shape->pattern);
		text_add(text, "` ");
	}
	for (size_t i = 0; shape->enumeration && i < shape->enumeration->count; i++)
		text_add(text, "`%s` ", shape->enumeration->values[i]);
	if (fallback)
		text_add(text, "default `%s` ", cJSON_PrintUnformatted(fallback));
	if (shape->items && shape_is_scalar(shape->items)) {
		struct text inner = { 0 };

		add_limits(&inner, shape->items);
		if (inner.size)
			text_add(text, "each: %s", inner.data);
	}
}

static void add_schema(struct text *text, const struct schema *schema)
{
	const struct document *page = schema->document;
	const char *description = node_string_optional(page, schema->node, "description");

	text_add(text, "### %s\n\n", schema->name);
	if (description)
		text_add(text, "%s\n\n", description);
	if (schema->purpose)
		text_add(text, "Signed as `%s`.\n\n", schema->purpose);
	if (schema->bytes_max != BYTES_MAX_DEFAULT)
		text_add(text, "At most %zu bytes.\n\n", schema->bytes_max);
	if (schema->member_count == 0) {
		text_add(text, "No members.\n\n");
		return;
	}
	text_add(text, "| member | type | required | limits | meaning |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < schema->member_count; i++) {
		const struct member *member = &schema->members[i];

		text_add(text, "| `%s` | %s | %s | ", member->name, type_words(member->shape, page),
			 member->required ? "yes" : "");
		add_limits(text, member->shape);
		text_add(text, "| ");
		add_cell(text, member->description);
		text_add(text, " |\n");
	}
	text_add(text, "\n");
}

static void add_call(struct text *text, const struct contract *contract,
		     const struct document *page, const struct call *call)
{
	text_add(text, "### %s\n\n%s\n\n", call->name, call->description);
	text_add(text, "- subject: `" SUBJECT_CALL "%s.%s.<caller>`\n",
		 page->common ? "<service>" : page->name, call->name);
	text_add(text, "- callers: ");
	for (size_t i = 0; i < call->caller_count; i++)
		text_add(text, "%s%s", i ? ", " : "",
			 strcmp(call->callers[i], "*") == 0 ? "every identity" : call->callers[i]);
	text_add(text, "\n- deadline: %u ms\n", call->deadline_ms);
	if (call->reads)
		text_add(text, "- writes nothing\n");
	if (call->idempotent)
		text_add(text, "- takes an `Idempotency-Key`\n");
	if (call->http)
		text_add(text, "- HTTP: `%s %s`, %s\n", call->http->method, call->http->path,
			 call->http->open ? "no credential needed"
					  : region_printf("scope `%s`", call->http->scope));
	text_add(text, "- request: %s\n", schema_link(call->request, page));
	text_add(text, "- reply: %s\n", schema_link(call->reply, page));
	for (size_t i = 0; i < call->status_count; i++)
		text_add(text, "- refusal `%s`: %s\n", call->statuses[i],
			 status_title(contract, call->statuses[i]));
	text_add(text, "\nRequest:\n\n");
	add_example(text, call->request);
	text_add(text, "Reply:\n\n");
	add_example(text, call->reply);
}

static void add_event(struct text *text, const struct document *page, const struct event *event)
{
	const char *service = page->common ? "<service>" : page->name;

	if (event->type)
		text_add(text, "### %s\n\n%s\n\n- subject: `" SUBJECT_EVENT "%s.%s`\n", event->type,
			 event->description, service, event->type);
	else
		text_add(text, "### %s\n\n%s\n\n- subject: `" SUBJECT_HEAD "%s`\n", event->name,
			 event->description, service);
	text_add(text, "- data: %s\n\n", schema_link(event->data, page));
	add_example(text, event->data);
}

static void add_statuses(struct text *text, const struct contract *contract,
			 const struct document *document)
{
	bool any = false;

	for (size_t i = 0; i < contract->status_count; i++) {
		const struct status *status = &contract->statuses[i];

		if (status->document != document)
			continue;
		if (!any)
			text_add(text, "## Statuses\n\n| code | kind | HTTP | rule "
				       "|\n|---|---|---|---|\n");
		any = true;
		text_add(text, "| `%s` | %s | %d | ", status->code, status->kind, status->http);
		add_cell(text, status->title);
		text_add(text, " |\n");
	}
}

static bool emit_page(const struct contract *contract, const struct document *document,
		      const char *docs)
{
	struct text text = { 0 };

	text_add(&text, "# %s\n\n%s\n\n", document->title, document->description);
	text_add(&text, "Generated from `proto/%s.yaml` by `make contract`; edits are lost.\n\n",
		 document->name);
	if (!document->common)
		text_add(&text,
			 "It also has [the calls and events of every service](common.md).\n\n");
	if (document->call_count)
		text_add(&text, "## Calls\n\n");
	for (size_t i = 0; i < document->call_count; i++)
		add_call(&text, contract, document, &document->calls[i]);
	if (document->event_count)
		text_add(&text, "## Events\n\n");
	for (size_t i = 0; i < document->event_count; i++)
		add_event(&text, document, &document->events[i]);
	text_add(&text, "## Schemas\n\n");
	for (size_t i = 0; i < document->schema_count; i++) {
		if (document->schemas[i].is_struct)
			add_schema(&text, &document->schemas[i]);
	}
	add_statuses(&text, contract, document);
	return text_write(&text, docs, region_printf("%s.md", document->name));
}

bool emit_docs(const struct contract *contract, const char *docs)
{
	struct text index = { 0 };

	text_add(&index, "# Reference\n\nGenerated by `make contract`; edits are lost.\n\n");
	for (size_t i = 0; i < contract->document_count; i++) {
		const struct document *document = &contract->documents[i];

		text_add(&index, "- [%s](%s.md): %s\n", document->title, document->name,
			 document->description);
		if (!emit_page(contract, document, docs))
			return false;
	}
	return text_write(&index, docs, "README.md");
}
