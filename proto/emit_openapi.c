/* emit_openapi.c: OpenAPI 3.1 of every call with x-http; what the gateway serves. */
#include "compile.h"

#include <ctype.h>
#include <string.h>

static void add_parameter(cJSON *parameters, const char *name, const char *in, bool required,
			  cJSON *schema)
{
	cJSON *parameter = cJSON_CreateObject();

	json_string(parameter, "name", name);
	json_string(parameter, "in", in);
	cJSON_AddBoolToObject(parameter, "required", required);
	cJSON_AddItemToObject(parameter, "schema", schema);
	cJSON_AddItemToArray(parameters, parameter);
}

static void add_parameters(const struct contract *contract, const struct call *call,
			   cJSON *operation, cJSON *schemas)
{
	bool get = strcmp(call->http->method, "GET") == 0;
	cJSON *parameters = json_array(operation, "parameters");

	for (size_t i = 0; i < call->request->member_count; i++) {
		const struct member *member = &call->request->members[i];
		bool in_path = path_has_member(call->http->path, member->name);

		if (!in_path && !get)
			continue;
		add_parameter(parameters, member->name, in_path ? "path" : "query",
			      member->required,
			      expand_member(contract, call->request, member, schemas));
	}
	bool post = strcmp(call->http->method, "POST") == 0 && !call->reads &&
		    strncmp(call->http->path, "/v1/", 4) == 0;
	if (call->idempotent || post) {
		cJSON *key = cJSON_CreateObject();

		json_string(key, "type", "string");
		cJSON_AddNumberToObject(key, "minLength", 1);
		cJSON_AddNumberToObject(key, "maxLength", IDEMPOTENCY_KEY_CHARS_MAX);
		add_parameter(parameters, "Idempotency-Key", "header", post, key);
	}
}

/* The request without what is in the path. */
static cJSON *body_schema(const struct contract *contract, const struct call *call, cJSON *schemas)
{
	const struct schema *request = call->request;
	cJSON *schema, *properties, *required;

	if (!strchr(call->http->path, '{'))
		return expand_schema(contract, request, schemas);
	schema = cJSON_CreateObject();
	json_string(schema, "type", "object");
	cJSON_AddFalseToObject(schema, "additionalProperties");
	properties = cJSON_CreateObject();
	required = cJSON_CreateArray();
	for (size_t i = 0; i < request->member_count; i++) {
		const struct member *member = &request->members[i];

		if (path_has_member(call->http->path, member->name))
			continue;
		cJSON_AddItemToObject(properties, member->name,
				      expand_member(contract, request, member, schemas));
		if (member->required)
			json_item(required, member->name);
	}
	if (!properties->child)
		return NULL;
	if (required->child)
		cJSON_AddItemToObject(schema, "required", required);
	cJSON_AddItemToObject(schema, "properties", properties);
	return schema;
}

static void add_body(const struct contract *contract, const struct call *call, cJSON *operation,
		     cJSON *schemas)
{
	cJSON *schema, *body;

	if (strcmp(call->http->method, "GET") == 0 || call->request->member_count == 0)
		return;
	schema = body_schema(contract, call, schemas);
	if (!schema)
		return;
	body = json_object(operation, "requestBody");
	cJSON_AddBoolToObject(body, "required", true);
	cJSON_AddItemToObject(json_object(json_object(body, "content"), "application/json"),
			      "schema", schema);
}

static void add_problem(cJSON *responses, const char *status, const char *description)
{
	cJSON *response = json_object(responses, status);

	json_string(response, "description", description);
	json_string(json_object(json_object(json_object(response, "content"),
					    "application/problem+json"),
				"schema"),
		    "$ref", "#/components/schemas/Problem");
}

static int status_http(const struct contract *contract, const char *code)
{
	for (size_t i = 0; i < contract->status_count; i++) {
		if (strcmp(contract->statuses[i].code, code) == 0)
			return contract->statuses[i].http;
	}
	return 500;
}

/* One response a HTTP status, naming each refusal that has it. */
static void add_refusals(const struct contract *contract, const struct call *call, cJSON *responses)
{
	for (size_t i = 0; i < call->status_count; i++) {
		int http = status_http(contract, call->statuses[i]);
		const char *key = region_printf("%d", http);
		struct text text = { 0 };

		if (node_member(responses, key))
			continue;
		for (size_t j = i; j < call->status_count; j++) {
			if (status_http(contract, call->statuses[j]) == http)
				text_add(&text, "%s%s: %s", text.size ? "; " : "",
					 call->statuses[j],
					 status_title(contract, call->statuses[j]));
		}
		add_problem(responses, key, text.data);
	}
	add_problem(responses, "default", "A refusal or a fault.");
}

static void add_route(const struct contract *contract, const struct call *call, cJSON *paths,
		      cJSON *schemas)
{
	cJSON *path = cJSON_GetObjectItemCaseSensitive(paths, call->http->path);
	char *method = region_printf("%s", call->http->method);
	cJSON *operation, *responses, *ok, *security;

	for (char *c = method; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	operation = json_object(path ? path : json_object(paths, call->http->path), method);
	json_string(operation, "operationId",
		    region_printf("%s_%s", call->document->ident, call->name));
	json_item(json_array(operation, "tags"), call->document->name);
	json_string(operation, "summary", call->description);
	security = cJSON_CreateObject(); /* empty: none is needed */
	if (!call->http->open)
		json_item(json_array(security, "bearer"), call->http->scope);
	cJSON_AddItemToArray(json_array(operation, "security"), security);
	add_parameters(contract, call, operation, schemas);
	add_body(contract, call, operation, schemas);
	responses = json_object(operation, "responses");
	ok = json_object(responses, "200");
	json_string(ok, "description", "Done.");
	cJSON_AddItemToObject(json_object(json_object(ok, "content"), "application/json"), "schema",
			      expand_schema(contract, call->reply, schemas));
	add_refusals(contract, call, responses);
}

static void add_tags(const struct contract *contract, cJSON *root)
{
	cJSON *tags = json_array(root, "tags");

	for (size_t i = 0; i < contract->document_count; i++) {
		const struct document *document = &contract->documents[i];
		cJSON *tag = cJSON_CreateObject();

		if (document->common)
			continue;
		json_string(tag, "name", document->name);
		json_string(tag, "description", document->description);
		cJSON_AddItemToArray(tags, tag);
	}
}

bool emit_openapi(const struct contract *contract, const char *out)
{
	cJSON *root = cJSON_CreateObject();
	cJSON *schemas = cJSON_CreateObject();
	cJSON *info, *paths, *components, *bearer, *server;
	struct text text = { 0 };

	json_string(root, "openapi", "3.1.0");
	info = json_object(root, "info");
	json_string(info, "title", "PIOPL");
	json_string(info, "version", contract->common->version);
	json_string(info, "description", "Every call that the gateway answers over HTTP.");
	server = cJSON_CreateObject();
	json_string(server, "url", "/");
	cJSON_AddItemToArray(json_array(root, "servers"), server);
	add_tags(contract, root);
	paths = json_object(root, "paths");
	expand_schema(contract, contract->problem, schemas);
	for (size_t i = 0; i < contract->document_count; i++) {
		for (size_t j = 0; j < contract->documents[i].call_count; j++) {
			if (contract->documents[i].calls[j].http)
				add_route(contract, &contract->documents[i].calls[j], paths,
					  schemas);
		}
	}
	components = json_object(root, "components");
	cJSON_AddItemToObject(components, "schemas", schemas);
	bearer = json_object(json_object(components, "securitySchemes"), "bearer");
	json_string(bearer, "type", "http");
	json_string(bearer, "scheme", "bearer");
	text_json(&text, root);
	return text_write(&text, out, "openapi.json");
}
