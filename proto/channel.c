/* channel.c: channels and operations become calls and events. */
#include "compile.h"

#include <string.h>

/* What an address says. */
struct address {
	enum { ADDRESS_CALL, ADDRESS_EVENT, ADDRESS_HEAD } kind;
	const char *call;
	const char *entity;
	const char *verb;
};

static bool token_is(const char *token, size_t size, const char *expected)
{
	return strlen(expected) == size && strncmp(token, expected, size) == 0;
}

static size_t address_split(const char *address, char *tokens[6])
{
	char *copy = region_printf("%s", address);
	size_t count = 0;

	for (char *token = copy; token && count < 6; count++) {
		char *dot = strchr(token, '.');

		if (dot)
			*dot = '\0';
		tokens[count] = token;
		token = dot ? dot + 1 : NULL;
	}
	return count;
}

static bool address_parse(const struct document *document, const cJSON *node, const char *address,
			  struct address *ret)
{
	const char *service = document->common ? "{service}" : document->name;
	char *tokens[6] = { 0 };
	size_t count = address_split(address, tokens);
	const char *kind = count >= 3 && token_is(tokens[0], 5, "piopl") ? tokens[1] : "";

	if (count >= 3 && strcmp(tokens[2], service) != 0) {
		refuse(document, node, "the address '%s' is not of the service '%s'", address,
		       service);
		return false;
	}
	if (strcmp(kind, "rpc") == 0 && count == 5 && strcmp(tokens[4], "{caller}") == 0 &&
	    name_is_snake(tokens[3])) {
		*ret = (struct address){ .kind = ADDRESS_CALL, .call = tokens[3] };
		return true;
	}
	if (strcmp(kind, "evt") == 0 && count == 5 && name_is_snake(tokens[3]) &&
	    name_is_snake(tokens[4])) {
		*ret = (struct address){ .kind = ADDRESS_EVENT,
					 .entity = tokens[3],
					 .verb = tokens[4] };
		return true;
	}
	if (strcmp(kind, "head") == 0 && count == 3 && document->common) {
		*ret = (struct address){ .kind = ADDRESS_HEAD };
		return true;
	}
	refuse(document, node,
	       "an address is 'piopl.rpc.%s.<call>.{caller}' or 'piopl.evt.%s.<entity>.<verb>', "
	       "not '%s'",
	       service, service, address);
	return false;
}

static void check_parameters(const struct document *document, const cJSON *channel,
			     const char *address)
{
	static const char *const keys[] = { "description", NULL };
	const cJSON *parameters = node_member(channel, "parameters");
	const cJSON *parameter;

	cJSON_ArrayForEach(parameter, parameters)
	{
		node_only(document, parameter, "a parameter", keys);
		if (!strstr(address, region_printf("{%s}", parameter->string)))
			refuse(document, parameter, "the address has no '{%s}'", parameter->string);
	}
	for (const char *open = strchr(address, '{'); open; open = strchr(open + 1, '{')) {
		const char *close = strchr(open, '}');
		char *name = region_printf("%.*s", close ? (int)(close - open - 1) : 0, open + 1);

		if (!node_member(parameters, name))
			refuse(document, channel, "'parameters' does not describe '{%s}'", name);
	}
}

static struct schema *message_payload(struct contract *contract, const struct document *document,
				      const cJSON *messages, const char *name)
{
	static const char *const keys[] = { "payload", "description", NULL };
	static const char *const only_ref[] = { "$ref", NULL };
	const cJSON *message = node_object(document, messages, "'messages'", name);
	const cJSON *payload =
		message ? node_object(document, message, "a message", "payload") : NULL;
	const cJSON *ref = node_member(payload, "$ref");
	struct schema *schema;

	if (!payload)
		return NULL;
	node_only(document, message, "a message", keys);
	if (!ref) {
		refuse(document, payload, "a payload is a '$ref' to a named schema");
		return NULL;
	}
	node_only(document, payload, "a payload", only_ref);
	schema = schema_of_ref(contract, document, ref);
	if (schema)
		schema->payload = true;
	return schema;
}

static void gather_callers(struct contract *contract, struct call *call, const cJSON *operation)
{
	const struct document *document = call->document;
	const cJSON *list = node_member(operation, "x-callers");
	const cJSON *caller;

	if (!cJSON_IsArray(list) || node_count(list) == 0) {
		refuse(document, operation, "the call has no 'x-callers'");
		return;
	}
	call->callers = region_alloc((node_count(list) + 1) * sizeof(char *));
	cJSON_ArrayForEach(caller, list)
	{
		const char *name = cJSON_IsString(caller) ? caller->valuestring : "";
		bool known = strcmp(name, "*") == 0 && node_count(list) == 1;

		for (size_t i = 0; i < contract->identity_count; i++)
			known = known || strcmp(contract->identities[i].name, name) == 0;
		if (!known && strcmp(name, "*") == 0)
			refuse(document, caller, "'*' is every caller and stands alone");
		else if (!known)
			refuse(document, caller,
			       "the caller '%s' is not among common.yaml's x-identities", name);
		for (size_t i = 0; i < call->caller_count; i++) {
			if (strcmp(call->callers[i], name) == 0)
				refuse(document, caller, "the caller '%s' is here twice", name);
		}
		call->callers[call->caller_count++] = name;
	}
}

static void gather_call_statuses(struct contract *contract, struct call *call,
				 const cJSON *operation)
{
	const cJSON *list = node_member(operation, "x-status");
	const cJSON *code;

	if (!list)
		return;
	if (!cJSON_IsArray(list)) {
		refuse(call->document, list, "'x-status' of an operation is a list of codes");
		return;
	}
	call->statuses = region_alloc((node_count(list) + 1) * sizeof(char *));
	cJSON_ArrayForEach(code, list)
	{
		const char *name = cJSON_IsString(code) ? code->valuestring : "";

		if (status_title(contract, name))
			call->statuses[call->status_count++] = name;
		else
			refuse(call->document, code, "the status '%s' is declared nowhere", name);
	}
}

static void gather_deadline(struct call *call, const cJSON *operation)
{
	const cJSON *deadline = node_member(operation, "x-deadline-ms");

	call->deadline_ms = DEADLINE_MS_DEFAULT;
	if (!deadline)
		return;
	if (!node_is_integer(deadline) || deadline->valuedouble < 1 ||
	    deadline->valuedouble > DEADLINE_MS_MAX)
		refuse(call->document, deadline, "'x-deadline-ms' is a number from 1 to %d",
		       DEADLINE_MS_MAX);
	else
		call->deadline_ms = (uint32_t)deadline->valuedouble;
}

/* Where a document's channels stand, as its own '$ref's say it. */
static const char *channel_pointer(const struct document *document, const char *channel)
{
	return region_printf("#%s/channels/%s", document->common ? "/x-every-service" : "",
			     channel);
}

/* AsyncAPI's own `messages` and `reply` say what the dialect says already: they may only agree. */
static void check_spelled_out(const struct document *document, const char *channel,
			      const char *message, const cJSON *list)
{
	const char *wanted =
		region_printf("%s/messages/%s", channel_pointer(document, channel), message);
	const cJSON *ref = node_member(list ? list->child : NULL, "$ref");

	if (!list)
		return;
	if (!cJSON_IsArray(list) || node_count(list) != 1 || !cJSON_IsString(ref) ||
	    strcmp(ref->valuestring, wanted) != 0)
		refuse(document, list, "'messages' is one '$ref' to '%s'", wanted);
}

static void gather_call(struct contract *contract, struct document *document, const cJSON *channel,
			const cJSON *operation, const struct address *address)
{
	static const char *const keys[] = {
		"action",    "channel",  "messages",     "reply",
		"x-callers", "x-reads",  "x-idempotent", "x-deadline-ms",
		"x-http",    "x-status", "description",  "x-pure",
		NULL
	};
	static const char *const reply_keys[] = { "messages", NULL };
	static const char *const messages[] = { "request", "reply", NULL };
	struct call *call = &document->calls[document->call_count];
	const cJSON *list = node_member(channel, "messages");
	const cJSON *reply = node_member(operation, "reply");

	*call = (struct call){ .document = document, .name = address->call, .node = operation };
	call->description = node_string(document, channel, "a channel", "description");
	node_only(document, operation, "an operation that receives", keys);
	node_only(document, list, "a call's messages", messages);
	call->request = message_payload(contract, document, list, "request");
	call->reply = message_payload(contract, document, list, "reply");
	call->reads = node_true(document, operation, "x-reads");
	call->idempotent = node_true(document, operation, "x-idempotent");
	call->pure = node_true(document, operation, "x-pure");
	if (call->pure && !call->reads)
		refuse(document, operation, "'x-pure' is for calls with 'x-reads'");
	if (call->reads && call->idempotent)
		refuse(document, operation, "a call that only reads needs no 'x-idempotent'");
	if (strcmp(address->call, channel->string) != 0)
		refuse(document, channel, "the channel's key '%s' is not the call's name '%s'",
		       channel->string, address->call);
	check_spelled_out(document, channel->string, "request", node_member(operation, "messages"));
	node_only(document, reply, "'reply'", reply_keys);
	check_spelled_out(document, channel->string, "reply", node_member(reply, "messages"));
	gather_callers(contract, call, operation);
	gather_call_statuses(contract, call, operation);
	gather_deadline(call, operation);
	document->call_count++;
}

static void gather_event(struct contract *contract, struct document *document, const cJSON *channel,
			 const cJSON *operation, const struct address *address)
{
	static const char *const keys[] = { "action", "channel", "messages", "description", NULL };
	static const char *const messages[] = { "event", NULL };
	struct event *event = &document->events[document->event_count++];
	const cJSON *list = node_member(channel, "messages");

	*event = (struct event){ .document = document, .name = channel->string, .node = operation };
	event->description = node_string(document, channel, "a channel", "description");
	node_only(document, operation, "an operation that sends", keys);
	node_only(document, list, "an event's messages", messages);
	event->data = message_payload(contract, document, list, "event");
	check_spelled_out(document, channel->string, "event", node_member(operation, "messages"));
	if (address->kind == ADDRESS_HEAD)
		return;
	event->type = region_printf("%s.%s", address->entity, address->verb);
	if (strcmp(channel->string, region_printf("%s_%s", address->entity, address->verb)) != 0)
		refuse(document, channel,
		       "the channel's key '%s' is not '%s_%s', as its address says",
		       channel->string, address->entity, address->verb);
}

/* The operation of a channel; refuses when its key, action or channel say otherwise. */
static const cJSON *channel_operation(const struct document *document, const cJSON *channel,
				      const cJSON *operations, const char *action)
{
	static const char *const only_ref[] = { "$ref", NULL };
	const char *pointer = channel_pointer(document, channel->string);
	const cJSON *operation = node_member(operations, channel->string);
	const cJSON *target, *ref;
	const char *said;

	if (!operation) {
		refuse(document, channel, "the channel '%s' has no operation of the same key",
		       channel->string);
		return NULL;
	}
	said = node_string(document, operation, "an operation", "action");
	if (said && strcmp(said, action) != 0)
		refuse(document, operation, "the address of '%s' asks for action '%s', not '%s'",
		       channel->string, action, said);
	target = node_object(document, operation, "an operation", "channel");
	node_only(document, target, "an operation's channel", only_ref);
	ref = node_member(target, "$ref");
	if (!cJSON_IsString(ref) || strcmp(ref->valuestring, pointer) != 0)
		refuse(document, operation, "the operation's channel is not '%s'", pointer);
	return operation;
}

static void gather_channel(struct contract *contract, struct document *document,
			   const cJSON *channel, const cJSON *operations)
{
	static const char *const keys[] = { "address", "description", "parameters", "messages",
					    NULL };
	struct address parsed;
	const char *address;
	const cJSON *operation;

	if (!name_is_snake(channel->string))
		refuse(document, channel, "the channel's key '%s' is not snake_case",
		       channel->string);
	node_only(document, channel, "a channel", keys);
	address = node_string(document, channel, "a channel", "address");
	if (!address || !address_parse(document, channel, address, &parsed))
		return;
	check_parameters(document, channel, address);
	if (!node_object(document, channel, "a channel", "messages"))
		return;
	for (const cJSON *other = channel->prev; other->next; other = other->prev) {
		const cJSON *taken = node_member(other, "address");

		if (cJSON_IsString(taken) && strcmp(taken->valuestring, address) == 0)
			refuse(document, channel, "the address '%s' is the channel '%s' already",
			       address, other->string);
	}
	operation = channel_operation(document, channel, operations,
				      parsed.kind == ADDRESS_CALL ? "receive" : "send");
	if (!operation)
		return;
	if (parsed.kind == ADDRESS_CALL)
		gather_call(contract, document, channel, operation, &parsed);
	else
		gather_event(contract, document, channel, operation, &parsed);
}

static void gather_document_channels(struct contract *contract, struct document *document)
{
	static const char *const keys[] = { "channels", "operations", NULL };
	const cJSON *holder = document->root;
	const cJSON *channels, *operations, *node;

	if (document->common) {
		holder = node_member(document->root, "x-every-service");
		node_only(document, holder, "'x-every-service'", keys);
		if (!holder)
			return;
	}
	channels = node_object(document, holder, "the document", "channels");
	operations = node_object(document, holder, "the document", "operations");
	document->calls = region_alloc((node_count(channels) + 1) * sizeof(struct call));
	document->events = region_alloc((node_count(channels) + 1) * sizeof(struct event));
	cJSON_ArrayForEach(node, channels) gather_channel(contract, document, node, operations);
	cJSON_ArrayForEach(node, operations)
	{
		if (!node_member(channels, node->string))
			refuse(document, node, "the operation '%s' has no channel of the same key",
			       node->string);
	}
}

static bool repeats_common(const struct contract *contract, const char *name)
{
	const struct document *common = contract->common;

	for (size_t i = 0; common && i < common->call_count; i++) {
		if (strcmp(common->calls[i].name, name) == 0)
			return true;
	}
	for (size_t i = 0; common && i < common->event_count; i++) {
		if (strcmp(common->events[i].name, name) == 0)
			return true;
	}
	return false;
}

void gather_channels(struct contract *contract)
{
	for (size_t i = 0; i < contract->document_count; i++) {
		struct document *document = &contract->documents[i];

		gather_document_channels(contract, document);
		for (size_t j = 0; !document->common && j < document->call_count; j++) {
			if (repeats_common(contract, document->calls[j].name))
				refuse(document, document->calls[j].node,
				       "'%s' is a call of every service already",
				       document->calls[j].name);
		}
		for (size_t j = 0; !document->common && j < document->event_count; j++) {
			if (repeats_common(contract, document->events[j].name))
				refuse(document, document->events[j].node,
				       "'%s' is an event of every service already",
				       document->events[j].name);
		}
	}
}
