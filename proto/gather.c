/* gather.c: what the documents declare by name: identities, statuses, schemas. Channels and
 * operations are in channel.c. */
#include "compile.h"

#include <string.h>

static const cJSON *document_list(const struct document *document, const char *name)
{
	const cJSON *list = node_member(document->root, name);

	if (list && !cJSON_IsArray(list)) {
		refuse(document, list, "'%s' is not a list", name);
		return NULL;
	}
	return list;
}

static bool identity_kind_of(const char *name, enum identity_kind *ret)
{
	static const char *const kinds[] = { "service", "client", "external" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i], name) == 0) {
			*ret = (enum identity_kind)i;
			return true;
		}
	}
	return false;
}

static void gather_identity(struct contract *contract, const cJSON *node)
{
	static const char *const keys[] = { "name", "kind", NULL };
	struct document *common = contract->common;
	struct identity *identity = &contract->identities[contract->identity_count];
	const char *kind;

	node_only(common, node, "an identity", keys);
	identity->name = node_string(common, node, "an identity", "name");
	kind = node_string(common, node, "an identity", "kind");
	if (!identity->name || !kind)
		return;
	if (!identity_kind_of(kind, &identity->kind)) {
		refuse(common, node, "an identity's kind is service, client or external, not '%s'",
		       kind);
		return;
	}
	for (size_t i = 0; i < contract->identity_count; i++) {
		if (strcmp(contract->identities[i].name, identity->name) == 0) {
			refuse(common, node, "the identity '%s' is here twice", identity->name);
			return;
		}
	}
	contract->identity_count++;
}

void gather_identities(struct contract *contract)
{
	const cJSON *list, *node;

	if (!contract->common)
		return;
	list = document_list(contract->common, "x-identities");
	if (!list)
		refuse(contract->common, NULL, "common.yaml has no 'x-identities'");
	contract->identities = region_alloc((node_count(list) + 1) * sizeof(struct identity));
	cJSON_ArrayForEach(node, list) gather_identity(contract, node);

	for (size_t i = 0; i < contract->document_count; i++) {
		struct document *document = &contract->documents[i];
		struct identity *found = NULL;

		for (size_t j = 0; j < contract->identity_count; j++) {
			if (strcmp(contract->identities[j].name, document->name) == 0)
				found = &contract->identities[j];
		}
		if (found && found->kind == IDENTITY_SERVICE)
			found->documented = true;
		else if (!document->common)
			refuse(document, NULL,
			       "'%s' is no service among common.yaml's x-identities",
			       document->name);
	}
}

static bool status_fits_kind(const char *kind, int http)
{
	if (strcmp(kind, "refusal") == 0)
		return http >= 400 && http <= 499;
	if (strcmp(kind, "unavailable") == 0)
		return http >= 400 && http <= 599;
	return http >= 500 && http <= 599;
}

static void check_status(const struct contract *contract, const struct document *document,
			 const cJSON *node, const struct status *status)
{
	if (!name_is_snake(status->code))
		refuse(document, node, "the status '%s' is not snake_case", status->code);
	if (strcmp(status->code, "ok") == 0 || strcmp(status->code, "count") == 0)
		refuse(document, node, "the status '%s' is taken by the library", status->code);
	if (strncmp(status->code, "kind_", 5) == 0)
		refuse(document, node, "the status '%s' collides in C with ST_KIND_*",
		       status->code);
	if (strcmp(status->kind, "refusal") != 0 && strcmp(status->kind, "unavailable") != 0 &&
	    strcmp(status->kind, "bug") != 0)
		refuse(document, node, "a status's kind is refusal, unavailable or bug, not '%s'",
		       status->kind);
	else if (!status_fits_kind(status->kind, status->http))
		refuse(document, node, "HTTP status %d does not fit kind '%s'", status->http,
		       status->kind);
	for (size_t i = 0; i < contract->status_count; i++) {
		if (strcmp(contract->statuses[i].code, status->code) == 0)
			refuse(document, node, "the status '%s' is declared in %s too",
			       status->code, contract->statuses[i].document->path);
	}
}

static void gather_status(struct contract *contract, const struct document *document,
			  const cJSON *node)
{
	static const char *const keys[] = { "code", "kind", "http", "title", NULL };
	struct status status = { .document = document };
	const cJSON *http = node_member(node, "http");

	if (!cJSON_IsObject(node)) {
		refuse(document, node, "a status is a mapping of code, kind, http and title");
		return;
	}
	node_only(document, node, "a status", keys);
	status.code = node_string(document, node, "a status", "code");
	status.kind = node_string(document, node, "a status", "kind");
	status.title = node_string(document, node, "a status", "title");
	if (!status.code || !status.kind || !status.title)
		return;
	if (!node_is_integer(http)) {
		refuse(document, node, "a status's 'http' is a number");
		return;
	}
	status.http = (int)http->valuedouble;
	check_status(contract, document, node, &status);
	contract->statuses[contract->status_count++] = status;
}

void gather_statuses(struct contract *contract)
{
	size_t count = 0;

	for (size_t i = 0; i < contract->document_count; i++)
		count += node_count(node_member(contract->documents[i].root, "x-status"));
	contract->statuses = region_alloc((count + 1) * sizeof(struct status));
	for (size_t i = 0; i < contract->document_count; i++) {
		const struct document *document = &contract->documents[i];
		const cJSON *node;

		cJSON_ArrayForEach(node, document_list(document, "x-status"))
			gather_status(contract, document, node);
	}
}

const char *status_title(const struct contract *contract, const char *code)
{
	for (size_t i = 0; i < contract->status_count; i++) {
		if (strcmp(contract->statuses[i].code, code) == 0)
			return contract->statuses[i].title;
	}
	return NULL;
}

static void gather_document_schemas(struct document *document)
{
	static const char *const keys[] = { "schemas", NULL };
	const cJSON *components = node_member(document->root, "components");
	const cJSON *schemas, *node;

	if (!components)
		return;
	node_only(document, components, "components", keys);
	schemas = node_object(document, components, "components", "schemas");
	document->schemas = region_alloc((node_count(schemas) + 1) * sizeof(struct schema));
	cJSON_ArrayForEach(node, schemas)
	{
		struct schema *schema = &document->schemas[document->schema_count++];

		schema->document = document;
		schema->node = node;
		schema->name = node->string;
		schema->bytes_max = BYTES_MAX_DEFAULT;
		schema->ident = region_printf("%s_%s", document->ident, name_snake(node->string));
		if (!name_is_camel(node->string))
			refuse(document, node, "the schema's name '%s' is not CamelCase",
			       node->string);
	}
}

void gather_schemas(struct contract *contract)
{
	for (size_t i = 0; i < contract->document_count; i++)
		gather_document_schemas(&contract->documents[i]);
}

static struct schema *document_schema(struct document *document, const char *name)
{
	for (size_t i = 0; document && i < document->schema_count; i++) {
		if (strcmp(document->schemas[i].name, name) == 0)
			return &document->schemas[i];
	}
	return NULL;
}

struct schema *schema_of_ref(const struct contract *contract, const struct document *document,
			     const cJSON *ref)
{
	static const char local[] = "#/components/schemas/";
	static const char shared[] = "common.yaml#/components/schemas/";
	struct document *target = NULL;
	struct schema *schema;
	const char *name = NULL;

	if (cJSON_IsString(ref) && strncmp(ref->valuestring, local, strlen(local)) == 0) {
		name = ref->valuestring + strlen(local);
		target = &contract->documents[document - contract->documents];
	} else if (cJSON_IsString(ref) && strncmp(ref->valuestring, shared, strlen(shared)) == 0) {
		name = ref->valuestring + strlen(shared);
		target = contract->common;
	}
	if (!name) {
		refuse(document, ref, "a '$ref' is '%sX' or '%sX'", local, shared);
		return NULL;
	}
	schema = document_schema(target, name);
	if (!schema)
		refuse(document, ref, "'$ref' points at '%s', which is not there",
		       ref->valuestring);
	return schema;
}

struct member *schema_member(const struct schema *schema, const char *name)
{
	for (size_t i = 0; i < schema->member_count; i++) {
		if (strcmp(schema->members[i].name, name) == 0)
			return &schema->members[i];
	}
	return NULL;
}
