/* emit_call.c: calls and events as C constants, and the tables of all of them (contract.h, .c). */
#include "compile.h"
#include "emit_c.h"

#include <string.h>

static void emit_call(struct text *text, const struct call *call, const struct document *owner)
{
	const char *name = region_printf("%s%s", owner->prefix, name_upper(call->name));

	text_add(text, "static const char *const callers_%s[] = { ", name);
	for (size_t i = 0; i < call->caller_count; i++)
		text_add(text, "\"%s\", ", call->callers[i]);
	text_add(text, "NULL };\n");
	if (call->http)
		text_add(text,
			 "static const struct proto_http http_%s = { \"%s\", \"%s\", \"%s\", %u, "
			 "%s, %s };\n",
			 name, call->http->method, call->http->path, call->http->scope,
			 call->http->principals,
			 call->http->own ? region_printf("\"%s\"", call->http->own) : "NULL",
			 call->http->open ? "true" : "false");
	text_add(text, "const struct proto_call CALL_%s = {\n\t.service = ", name);
	if (owner->common)
		text_add(text, "NULL, /* every service */\n");
	else
		text_add(text, "\"%s\",\n", owner->name);
	text_add(text, "\t.name = \"%s\",\n\t.request = &%s_type,\n\t.reply = &%s_type,\n",
		 call->name, call->request->ident, call->reply->ident);
	text_add(text, "\t.callers = callers_%s,\n", name);
	if (call->http)
		text_add(text, "\t.http = &http_%s,\n", name);
	text_add(text, "\t.deadline_ms = %u,\n\t.idempotent = %s,\n\t.reads = %s,\n",
		 call->deadline_ms, call->idempotent ? "true" : "false",
		 call->reads ? "true" : "false");
	text_add(text, "\t.pure = %s,\n};\n\n", call->pure ? "true" : "false");
}

static void emit_event(struct text *text, const struct event *event)
{
	const struct document *document = event->document;

	if (!event->type)
		return;
	text_add(text, "const struct proto_event EVT_%s%s = {\n\t.service = ", document->prefix,
		 name_upper(event->name));
	if (document->common)
		text_add(text, "NULL, /* any service's */\n\t.type = \"%s\",\n", event->type);
	else
		text_add(text, "\"%s\",\n\t.type = \"%s.%s\",\n", document->name, document->name,
			 event->type);
	text_add(text, "\t.data = &%s_type,\n};\n\n", event->data->ident);
}

void emit_calls_and_events(struct text *text, const struct contract *contract,
			   const struct document *document)
{
	for (size_t i = 0; i < document->call_count; i++)
		emit_call(text, &document->calls[i], document);
	for (size_t i = 0;
	     !document->common && contract->common && i < contract->common->call_count; i++)
		emit_call(text, &contract->common->calls[i], document);
	for (size_t i = 0; i < document->event_count; i++)
		emit_event(text, &document->events[i]);
}

static void emit_contract_header(struct text *text, const struct contract *contract)
{
	text_add(text,
		 "/* Generated from proto/; edits are lost. */\n"
		 "#ifndef PIOPL_GEN_CONTRACT_H\n#define PIOPL_GEN_CONTRACT_H\n\n"
		 "#include \"proto.h\"\n\n"
		 "/* Each service's calls, those that every service has included. NULL ends all "
		 "three. */\n"
		 "extern const struct proto_call *const proto_calls[];\n"
		 "/* Each service's own events; the library's stand once, with service NULL. */\n"
		 "extern const struct proto_event *const proto_events[];\n"
		 "extern const char *const proto_services[];\n\n");
	text_add(text, "#endif\n");
	(void)contract;
}

static void emit_call_pointers(struct text *text, const struct document *from, const char *prefix)
{
	for (size_t i = 0; i < from->call_count; i++)
		text_add(text, "\t&CALL_%s%s,\n", prefix, name_upper(from->calls[i].name));
}

static void emit_contract_source(struct text *text, const struct contract *contract)
{
	text_add(text, "/* Generated from proto/; edits are lost. */\n#include \"contract.h\"\n\n");
	for (size_t i = 0; i < contract->document_count; i++)
		text_add(text, "#include \"%s.h\"\n", contract->documents[i].name);
	text_add(text, "\nconst struct proto_call *const proto_calls[] = {\n");
	for (size_t i = 0; i < contract->document_count; i++) {
		const struct document *document = &contract->documents[i];

		if (document->common)
			continue;
		emit_call_pointers(text, document, document->prefix);
		if (contract->common)
			emit_call_pointers(text, contract->common, document->prefix);
	}
	text_add(text, "\tNULL,\n};\n\nconst struct proto_event *const proto_events[] = {\n");
	for (size_t i = 0; i < contract->document_count; i++) {
		const struct document *document = &contract->documents[i];

		for (size_t j = 0; j < document->event_count; j++) {
			if (document->events[j].type)
				text_add(text, "\t&EVT_%s%s,\n", document->prefix,
					 name_upper(document->events[j].name));
		}
	}
	text_add(text, "\tNULL,\n};\n\nconst char *const proto_services[] = { ");
	for (size_t i = 0; i < contract->document_count; i++) {
		if (!contract->documents[i].common)
			text_add(text, "\"%s\", ", contract->documents[i].name);
	}
	text_add(text, "NULL };\n");
}

bool emit_contract_c(const struct contract *contract, const char *out)
{
	struct text header = { 0 }, source = { 0 };

	emit_contract_header(&header, contract);
	emit_contract_source(&source, contract);
	return text_write(&header, out, "contract.h") && text_write(&source, out, "contract.c");
}
