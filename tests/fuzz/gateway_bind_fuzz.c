/* A request's address and body from anyone: "<method>\n<uri>\n<body>". What is bound is JSON. */
#include "gen/contract.h"
#include "services/gateway/gateway.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(const struct proto_call *call, const struct route_match *match, struct str query,
		  struct str body, struct arena *arena)
{
	struct problem problem = { 0 };
	struct json *root = NULL;
	struct str bound;

	if (gateway_bind(call, match, query, body, arena, &bound, &problem) != ST_OK)
		return;
	if (match->count > 0 || body.size == 0)
		ASSERT(json_parse(arena, bound, &root, &problem) == ST_OK &&
		       root->kind == JSON_OBJECT);
	for (size_t i = 0; i < match->count; i++)
		ASSERT(json_member_str(root, match->names[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct routes *routes;
	static struct arena kept;
	struct str method, uri, body = { (const char *)bytes, size }, path, query = STR("");
	struct route_match match;
	struct arena arena;
	char name[8];

	if (!routes) {
		arena_init(&kept, 8 * 1024 * 1024);
		routes = routes_build(&kept, proto_calls);
	}
	if (!str_cut(body, '\n', &method, &body) || !str_cut(body, '\n', &uri, &body) ||
	    !str_copy(method, name, sizeof(name)))
		return 0;
	path = uri;
	(void)!str_cut(uri, '?', &path, &query);
	arena_init(&arena, 4 * 1024 * 1024);
	if (routes_match(routes, name, path, &match) == ST_OK)
		check(match.call, &match, query, body, &arena);
	arena_free(&arena);
	return 0;
}
