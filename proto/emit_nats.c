/* emit_nats.c: what each identity may publish and subscribe on the bus, from x-callers. A caller is
 * the last token of the subject it publishes to, so the server proves who asks. */
#include "compile.h"

#include <string.h>

static bool may_call(const struct call *call, const struct identity *identity)
{
	for (size_t i = 0; i < call->caller_count; i++) {
		if (strcmp(call->callers[i], "*") == 0 ||
		    strcmp(call->callers[i], identity->name) == 0)
			return true;
	}
	return false;
}

/* A service that asks itself over the bus says so by its name. */
static bool names_itself(const struct call *call, const struct identity *identity)
{
	for (size_t i = 0; i < call->caller_count; i++) {
		if (strcmp(call->callers[i], identity->name) == 0)
			return true;
	}
	return false;
}

static void add_calls(const struct contract *contract, const struct identity *identity,
		      cJSON *publish)
{
	for (size_t i = 0; i < contract->document_count; i++) {
		const struct document *document = &contract->documents[i];
		const char *service = document->common ? "*" : document->name;

		bool own = strcmp(service, identity->name) == 0;

		for (size_t j = 0; j < document->call_count; j++) {
			if (own && !names_itself(&document->calls[j], identity))
				continue;
			if (may_call(&document->calls[j], identity))
				json_item(publish,
					  region_printf(SUBJECT_CALL "%s.%s.%s", service,
							document->calls[j].name, identity->name));
		}
	}
}

static void add_service(const struct identity *identity, cJSON *publish, cJSON *subscribe)
{
	static const char *const api[] = { "STREAM.CREATE", "STREAM.UPDATE", "STREAM.INFO", NULL };

	json_item(subscribe, region_printf(SUBJECT_CALL "%s.>", identity->name));
	json_item(publish, region_printf(SUBJECT_EVENT "%s.>", identity->name));
	json_item(publish, region_printf(SUBJECT_HEAD "%s", identity->name));
	json_item(publish, "_INBOX.>");
	json_item(publish, "$JS.API.INFO");
	for (const char *const *name = api; *name; name++)
		json_item(publish, region_printf("$JS.API.%s.PIOPL_EVT_%s", *name,
						 name_upper(identity->name)));
}

/* JetStream as a reader: consumers of its own on the event streams, never the streams themselves.
 */
static void add_external(const struct contract *contract, cJSON *publish)
{
	static const char *const api[] = {
		"STREAM.INFO.%s",
		"STREAM.MSG.GET.%s",
		"DIRECT.GET.%s",
		"DIRECT.GET.%s.>",
		"CONSUMER.CREATE.%s",
		"CONSUMER.CREATE.%s.>",
		"CONSUMER.DURABLE.CREATE.%s.>",
		"CONSUMER.INFO.%s.>",
		"CONSUMER.MSG.NEXT.%s.>",
		"CONSUMER.DELETE.%s.>",
		"CONSUMER.NAMES.%s",
		"CONSUMER.LIST.%s",
	};

	json_item(publish, "$JS.API.INFO");
	json_item(publish, "$JS.API.STREAM.NAMES");
	for (size_t i = 0; i < contract->document_count; i++) {
		const struct document *document = &contract->documents[i];
		const char *stream = stream_name(document);

		if (document->common)
			continue;
		for (size_t j = 0; j < sizeof(api) / sizeof(api[0]); j++) {
			const char *hole = strstr(api[j], "%s");

			json_item(publish, region_printf("$JS.API.%.*s%s%s", (int)(hole - api[j]),
							 api[j], stream, hole + 2));
		}
		json_item(publish, region_printf("$JS.ACK.%s.>", stream));
	}
}

static void add_identity(const struct contract *contract, const struct identity *identity,
			 cJSON *all)
{
	static const char *const kinds[] = { "service", "client", "external" };
	cJSON *entry = json_object(all, identity->name);
	cJSON *publish, *subscribe;

	json_string(entry, "kind", kinds[identity->kind]);
	publish = json_array(entry, "publish");
	subscribe = json_array(entry, "subscribe");
	add_calls(contract, identity, publish);
	json_item(subscribe, SUBJECT_EVENT ">");
	json_item(subscribe, SUBJECT_HEAD ">");
	json_item(subscribe, region_printf("_INBOX.%s.>", identity->name));
	if (identity->kind == IDENTITY_SERVICE)
		add_service(identity, publish, subscribe);
	if (identity->kind == IDENTITY_EXTERNAL)
		add_external(contract, publish);
}

bool emit_nats(const struct contract *contract, const char *out)
{
	cJSON *all = cJSON_CreateObject();
	struct text text = { 0 };

	for (size_t i = 0; i < contract->identity_count; i++) {
		const struct identity *identity = &contract->identities[i];

		if (identity->kind != IDENTITY_SERVICE || identity->documented)
			add_identity(contract, identity, all);
	}
	text_json(&text, all);
	return text_write(&text, out, "nats-permissions.json");
}
