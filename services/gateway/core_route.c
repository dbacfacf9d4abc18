/* core_route.c: the contract's paths as a tree of segments, and the way of a request through it. A
 * name in a path is tried after the literal segments beside it. */
#include "gateway.h"

struct node {
	struct str segment; /* of a hole: its name, without braces */
	bool hole;
	struct node *first;
	struct node *next;
	const struct proto_call **calls; /* with this path, one a method; NULL ends */
	size_t call_count;
};

struct routes {
	struct node root;
};

#define METHODS_MAX 8

static bool segment_next(struct str *rest, struct str *ret)
{
	if (rest->size == 0 || rest->data[0] != '/')
		return false;
	struct str tail = { rest->data + 1, rest->size - 1 };
	const char *end = memchr(tail.data, '/', tail.size);
	size_t size = end ? (size_t)(end - tail.data) : tail.size;

	*ret = (struct str){ tail.data, size };
	*rest = (struct str){ tail.data + size, tail.size - size };
	return true;
}

static struct node *child_get(struct arena *arena, struct node *parent, struct str segment)
{
	bool hole = segment.size > 2 && segment.data[0] == '{';
	struct str text = hole ? (struct str){ segment.data + 1, segment.size - 2 } : segment;
	struct node **at = &parent->first;

	for (; *at; at = &(*at)->next)
		if ((*at)->hole == hole && str_equal((*at)->segment, text))
			return *at;
	/* holes stand behind the literal ones */
	if (!hole)
		for (at = &parent->first; *at && !(*at)->hole; at = &(*at)->next)
			;
	struct node *node = ARENA_NEW(arena, struct node);
	if (!node)
		return NULL;
	*node = (struct node){ .segment = text, .hole = hole, .next = *at };
	*at = node;
	return node;
}

static bool route_add(struct arena *arena, struct routes *routes, const struct proto_call *call)
{
	struct str rest = str_of(call->http->path), segment;
	struct node *node = &routes->root;

	while (node && segment_next(&rest, &segment))
		node = child_get(arena, node, segment);
	if (!node)
		return false;
	if (!node->calls)
		node->calls = ARENA_ARRAY(arena, const struct proto_call *, METHODS_MAX + 1);
	if (!node->calls)
		return false;
	ASSERT(node->call_count < METHODS_MAX);
	node->calls[node->call_count++] = call;
	return true;
}

struct routes *routes_build(struct arena *arena, const struct proto_call *const *calls)
{
	struct routes *routes = ARENA_NEW(arena, struct routes);

	for (const struct proto_call *const *c = calls; routes && *c; c++)
		if ((*c)->http && !route_add(arena, routes, *c))
			return NULL;
	return routes;
}

static const struct node *walk(const struct node *node, struct str rest, size_t depth,
			       struct route_match *match)
{
	struct str segment;

	if (rest.size == 0)
		return node->calls ? node : NULL;
	if (depth == GATEWAY_SEGMENTS_MAX || !segment_next(&rest, &segment))
		return NULL;
	for (const struct node *child = node->first; child; child = child->next) {
		if (!child->hole && !str_equal(child->segment, segment))
			continue;
		if (child->hole && segment.size == 0)
			continue;
		size_t count = match->count;
		if (child->hole) {
			match->names[count] = child->segment;
			match->values[count] = segment;
			match->count++;
		}
		const struct node *found = walk(child, rest, depth + 1, match);
		if (found)
			return found;
		match->count = count;
	}
	return NULL;
}

enum st routes_match(const struct routes *routes, const char *method, struct str path,
		     struct route_match *ret)
{
	size_t size = 0;

	ret->count = 0;
	ret->call = NULL;
	ret->allow[0] = 0;
	if (path.size == 0)
		return ST_ROUTE_UNKNOWN;
	const struct node *node = walk(&routes->root, path, 0, ret);
	if (!node)
		return ST_ROUTE_UNKNOWN;
	for (size_t i = 0; i < node->call_count; i++) {
		const char *known = node->calls[i]->http->method;
		if (strcmp(known, method) == 0) {
			ret->call = node->calls[i];
			return ST_OK;
		}
		if (size + strlen(known) + 3 > sizeof(ret->allow))
			continue;
		if (size > 0) {
			memcpy(ret->allow + size, ", ", 2);
			size += 2;
		}
		memcpy(ret->allow + size, known, strlen(known) + 1);
		size += strlen(known);
	}
	return ST_METHOD_NOT_ALLOWED;
}

bool routes_scope_known(const struct proto_call *const *calls, struct str scope)
{
	if (str_is(scope, GATEWAY_SCOPE_SELF) || str_is(scope, GATEWAY_SCOPE_EVENTS) ||
	    str_starts(scope, "events:") || str_is(scope, "keys:admin"))
		return true;
	for (const struct proto_call *const *c = calls; *c; c++)
		if ((*c)->http && str_is(scope, (*c)->http->scope))
			return true;
	return false;
}
