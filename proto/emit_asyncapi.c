/* emit_asyncapi.c: a service's whole document for outside readers: every channel concrete, replies
 * and refusals as messages, CloudEvents headers, nothing to fetch from elsewhere. */
#include "compile.h"

#include <string.h>

static void add_ref(cJSON *parent, const char *name, const char *to)
{
	json_string(json_object(parent, name), "$ref", to);
}

static void add_ref_item(cJSON *array, const char *to)
{
	cJSON *item = cJSON_CreateObject();

	json_string(item, "$ref", to);
	cJSON_AddItemToArray(array, item);
}

static cJSON *add_message(cJSON *messages, const char *name, const char *title)
{
	cJSON *message = json_object(messages, name);

	json_string(message, "name", title);
	json_string(message, "contentType", "application/json");
	return message;
}

static void add_payload(const struct contract *contract, cJSON *message,
			const struct schema *schema, cJSON *schemas)
{
	cJSON *examples, *example;

	cJSON_AddItemToObject(message, "payload", expand_schema(contract, schema, schemas));
	examples = json_array(message, "examples");
	example = cJSON_CreateObject();
	cJSON_AddItemToObject(example, "payload", example_of_schema(schema));
	cJSON_AddItemToArray(examples, example);
}

static void add_call_channels(const struct contract *contract, const struct document *document,
			      const struct call *call, cJSON *channels, cJSON *schemas)
{
	cJSON *channel = json_object(channels, call->name);
	cJSON *messages, *message;

	json_string(channel, "address",
		    region_printf(SUBJECT_CALL "%s.%s.{caller}", document->name, call->name));
	json_string(channel, "description", call->description);
	json_string(json_object(json_object(channel, "parameters"), "caller"), "description",
		    "who asks; the account's own name");
	messages = json_object(channel, "messages");
	message = add_message(messages, "request", region_printf("%s request", call->name));
	add_payload(contract, message, call->request, schemas);

	channel = json_object(channels, region_printf("%s_reply", call->name));
	cJSON_AddNullToObject(channel, "address");
	json_string(channel, "description",
		    "The reply subject of the request, an inbox of the caller.");
	messages = json_object(channel, "messages");
	message = add_message(messages, "reply", region_printf("%s reply", call->name));
	add_payload(contract, message, call->reply, schemas);
	message = add_message(messages, "problem", region_printf("%s problem", call->name));
	json_string(message, "description",
		    "A refusal or a fault: told by the header Nats-Service-Error-Code.");
	add_payload(contract, message, contract->problem, schemas);
}

static void add_call_operation(const struct call *call, cJSON *operations)
{
	static const char *const kept[] = {
		"x-callers", "x-reads", "x-idempotent", "x-deadline-ms", "x-http", "x-status", NULL
	};
	cJSON *operation = json_object(operations, call->name);
	cJSON *reply, *list;

	json_string(operation, "action", "receive");
	add_ref(operation, "channel", region_printf("#/channels/%s", call->name));
	json_string(operation, "summary", call->description);
	list = json_array(operation, "messages");
	add_ref_item(list, region_printf("#/channels/%s/messages/request", call->name));
	reply = json_object(operation, "reply");
	add_ref(reply, "channel", region_printf("#/channels/%s_reply", call->name));
	list = json_array(reply, "messages");
	add_ref_item(list, region_printf("#/channels/%s_reply/messages/reply", call->name));
	add_ref_item(list, region_printf("#/channels/%s_reply/messages/problem", call->name));
	for (const char *const *key = kept; *key; key++) {
		const cJSON *node = node_member(call->node, *key);

		if (node)
			cJSON_AddItemToObject(operation, *key, cJSON_Duplicate(node, true));
	}
}

static const char *event_address(const struct document *document, const struct event *event)
{
	if (!event->type)
		return region_printf(SUBJECT_HEAD "%s", document->name);
	return region_printf(SUBJECT_EVENT "%s.%s", document->name, event->type);
}

static void add_event(const struct contract *contract, const struct document *document,
		      const struct event *event, cJSON *root, cJSON *schemas)
{
	cJSON *channel = json_object(cJSON_GetObjectItem(root, "channels"), event->name);
	cJSON *operation = json_object(cJSON_GetObjectItem(root, "operations"), event->name);
	cJSON *message;

	json_string(channel, "address", event_address(document, event));
	json_string(channel, "description", event->description);
	message =
		add_message(json_object(channel, "messages"), "event",
			    event->type ? region_printf("piopl.%s.%s", document->name, event->type)
					: event->name);
	if (event->type) {
		json_string(channel, "x-stream", stream_name(document));
		add_ref(message, "headers", "#/components/schemas/EventHeaders");
	}
	add_payload(contract, message, event->data, schemas);
	json_string(operation, "action", "send");
	add_ref(operation, "channel", region_printf("#/channels/%s", event->name));
	json_string(operation, "summary", event->description);
	add_ref_item(json_array(operation, "messages"),
		     region_printf("#/channels/%s/messages/event", event->name));
}

/* What every event carries beside its data; the words of the wire, in proto/README.md. */
static void add_event_headers(cJSON *schemas)
{
	static const char *const headers[][2] = {
		{ "ce-specversion", "1.0" },
		{ "ce-id", "A UUID; the same in every delivery." },
		{ "ce-source", "piopl/<service>" },
		{ "ce-type", "piopl.<service>.<entity>.<verb>" },
		{ "ce-time", "RFC 3339, milliseconds." },
		{ "ce-subject", "The id of the entity it is about." },
		{ "ce-sequence", "Decimal, gapless in its source." },
		{ "ce-traceid", "32 hexadecimal digits." },
		{ "content-type", "application/json" },
		{ "ce-keyid", "The key that signed." },
		{ "ce-signature", "Ed25519 over the batch's root, base64." },
		{ "ce-proof", "<index>/<size>:<base64 of the hashes from leaf to root>" },
		{ "Nats-Msg-Id", "<source>:<sequence>" },
	};
	cJSON *schema = json_object(schemas, "EventHeaders");
	cJSON *properties, *required;

	json_string(schema, "description",
		    "CloudEvents 1.0 in binary mode, and the proof of the signed batch.");
	json_string(schema, "type", "object");
	required = json_array(schema, "required");
	properties = json_object(schema, "properties");
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		cJSON *property = json_object(properties, headers[i][0]);

		json_string(property, "type", "string");
		json_string(property, "description", headers[i][1]);
		if (strcmp(headers[i][0], "ce-traceid") != 0)
			json_item(required, headers[i][0]);
	}
}

/* The rules of the wire stand in the common document. */
static const char *whole_description(const struct contract *contract,
				     const struct document *document)
{
	if (!contract->common)
		return document->description;
	return region_printf("%s\n\n%s", document->description, contract->common->description);
}

static cJSON *asyncapi_of(const struct contract *contract, const struct document *document)
{
	cJSON *root = cJSON_CreateObject();
	cJSON *schemas = cJSON_CreateObject();
	cJSON *info, *channels, *operations;

	json_string(root, "asyncapi", "3.0.0");
	json_string(root, "id", region_printf("urn:piopl:%s", document->name));
	info = json_object(root, "info");
	json_string(info, "title", document->title);
	json_string(info, "version", document->version);
	json_string(info, "description", whole_description(contract, document));
	json_string(root, "defaultContentType", "application/json");
	channels = json_object(root, "channels");
	operations = json_object(root, "operations");
	add_event_headers(schemas);
	for (size_t i = 0; document_call(contract, document, i); i++) {
		const struct call *call = document_call(contract, document, i);

		add_call_channels(contract, document, call, channels, schemas);
		add_call_operation(call, operations);
	}
	for (size_t i = 0; document_event(contract, document, i); i++)
		add_event(contract, document, document_event(contract, document, i), root, schemas);
	cJSON_AddItemToObject(json_object(root, "components"), "schemas", schemas);
	return root;
}

bool emit_asyncapi(const struct contract *contract, const char *out)
{
	const char *folder = region_printf("%s/asyncapi", out);

	for (size_t i = 0; i < contract->document_count; i++) {
		const struct document *document = &contract->documents[i];
		struct text text = { 0 };

		if (document->common)
			continue;
		text_json(&text, asyncapi_of(contract, document));
		if (!text_write(&text, folder, region_printf("%s.json", document->name)))
			return false;
	}
	return true;
}
