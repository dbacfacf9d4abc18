/* http.c: x-http, the HTTP route of a call. */
#include "compile.h"

#include <string.h>

static bool is_method(const char *method)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE", NULL };

	for (const char *const *known = methods; *known; known++) {
		if (strcmp(*known, method) == 0)
			return true;
	}
	return false;
}

/* The path with every {name} as {}, so that two routes that would meet compare equal. */
static char *path_form(const char *path)
{
	char *form = region_printf("%s", path);
	char *out = form;

	for (const char *c = path; *c; c++) {
		if (*c == '{') {
			while (c[1] && *c != '}')
				c++;
			*out++ = '{';
		}
		*out++ = *c;
	}
	*out = '\0';
	return form;
}

bool path_has_member(const char *path, const char *name)
{
	return strstr(path, region_printf("{%s}", name)) != NULL;
}

static void check_path(const struct call *call, const cJSON *node, const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789_-./{}:";

	bool authzen = strncmp(path, "/access/v1/", 11) == 0; /* a standard's own prefix */
	if ((strncmp(path, "/v1/", 4) != 0 && !authzen) || strspn(path, plain) != strlen(path))
		refuse(call->document, node,
		       "a path is under '/v1/', of small letters and digits, not '%s'", path);
	for (const char *open = strchr(path, '{'); open; open = strchr(open + 1, '{')) {
		const char *close = strchr(open, '}');
		char *name = region_printf("%.*s", close ? (int)(close - open - 1) : 0, open + 1);
		const struct member *member = schema_member(call->request, name);

		if (!member || !member->required || !shape_is_scalar(member->shape))
			refuse(call->document, node,
			       "'{%s}' in the path is no required scalar of the request", name);
	}
}

static bool fits_query(const struct shape *shape)
{
	if (shape->kind == KIND_ARRAY)
		return shape_is_scalar(shape->items);
	return shape_is_scalar(shape);
}

static void check_get(const struct call *call, const cJSON *node, const char *path)
{
	if (!call->reads)
		refuse(call->document, node, "GET is for calls with 'x-reads'");
	for (size_t i = 0; i < call->request->member_count; i++) {
		const struct member *member = &call->request->members[i];

		if (!path_has_member(path, member->name) && !fits_query(member->shape))
			refuse(call->document, node,
			       "'%s' cannot be in a query: it is no scalar and no array of scalars",
			       member->name);
	}
}

static void check_route_is_free(const struct contract *contract, const struct call *call,
				const cJSON *node, const struct http *http)
{
	for (size_t i = 0; i < contract->document_count; i++) {
		const struct document *document = &contract->documents[i];

		for (size_t j = 0; j < document->call_count; j++) {
			const struct http *other = document->calls[j].http;

			if (other && strcmp(other->method, http->method) == 0 &&
			    strcmp(path_form(other->path), path_form(http->path)) == 0)
				refuse(call->document, node,
				       "the route '%s %s' is taken by '%s.%s'", http->method,
				       http->path, document->name, document->calls[j].name);
		}
	}
}

static bool gateway_may_call(const struct call *call)
{
	for (size_t i = 0; i < call->caller_count; i++) {
		if (strcmp(call->callers[i], "*") == 0 || strcmp(call->callers[i], "gateway") == 0)
			return true;
	}
	return false;
}

/* Who may ask: humans and services unless the route says otherwise. */
static unsigned gather_principals(const struct call *call, const cJSON *node)
{
	static const char *const names[] = { "human", "agent", "operator", "service", NULL };
	const cJSON *list = node_member(node, "principals");
	const cJSON *item;
	unsigned bits = 0;

	if (!list)
		return 1u << 0 | 1u << 3;
	cJSON_ArrayForEach(item, list)
	{
		const char *name = cJSON_IsString(item) ? item->valuestring : "";
		size_t i = 0;

		while (names[i] && strcmp(names[i], name) != 0)
			i++;
		if (!names[i])
			refuse(call->document, item,
			       "a principal is human, agent, operator or service, not '%s'", name);
		bits |= 1u << i;
	}
	if (bits == 0)
		refuse(call->document, list, "'principals' is a list of kinds");
	return bits;
}

/* An agent or an operator asks about itself only, so the route has to say where it is named. */
static void check_own(const struct call *call, const cJSON *node, const struct http *http)
{
	const struct member *member = http->own ? schema_member(call->request, http->own) : NULL;

	if (http->own && (!member || !shape_is_scalar(member->shape)))
		refuse(call->document, node, "'own' is a scalar of the request, not '%s'",
		       http->own);
}

/* Whoever needs no credential is nobody in particular: there is nothing to say about them. */
static void check_open(const struct call *call, const cJSON *node, const struct http *http)
{
	static const char *const pointless[] = { "scope", "principals", "own", NULL };

	for (size_t i = 0; http->open && pointless[i]; i++) {
		if (node_member(node, pointless[i]))
			refuse(call->document, node, "a route that is open has no '%s'",
			       pointless[i]);
	}
}

void gather_http(struct contract *contract, struct call *call)
{
	static const char *const keys[] = { "method", "path", "scope", "principals",
					    "own",    "open", NULL };
	const cJSON *node = node_member(call->node, "x-http");
	struct http http;

	if (!node || !call->request)
		return;
	node_only(call->document, node, "'x-http'", keys);
	http.method = node_string(call->document, node, "'x-http'", "method");
	http.path = node_string(call->document, node, "'x-http'", "path");
	http.open = node_true(call->document, node, "open");
	http.scope = http.open ? "" : node_string(call->document, node, "'x-http'", "scope");
	if (!http.method || !http.path || !http.scope)
		return;
	check_open(call, node, &http);
	http.principals = http.open ? 0 : gather_principals(call, node);
	http.own = node_member(node, "own") ? node_string(call->document, node, "'x-http'", "own")
					    : NULL;
	check_own(call, node, &http);
	if (!is_method(http.method))
		refuse(call->document, node,
		       "the method is GET, POST, PUT, PATCH or DELETE, not '%s'", http.method);
	if (http.scope[strspn(http.scope, "abcdefghijklmnopqrstuvwxyz_:-")])
		refuse(call->document, node, "a scope is like 'agents:write', not '%s'",
		       http.scope);
	if (!gateway_may_call(call))
		refuse(call->document, node,
		       "a call with 'x-http' lets the gateway call: add it to x-callers");
	check_path(call, node, http.path);
	if (strcmp(http.method, "GET") == 0)
		check_get(call, node, http.path);
	check_route_is_free(contract, call, node, &http);
	call->http = region_alloc(sizeof(http));
	*call->http = http;
}
