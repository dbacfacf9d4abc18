/* URI references. */
#include "schema_uri.h"

#include <arpa/inet.h>

static struct str part(const char *start, const char *end)
{
	return (struct str){ .data = start, .size = (size_t)(end - start) };
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static const char *find_any(const char *at, const char *end, const char *set)
{
	while (at < end && (*at == '\0' || !strchr(set, *at)))
		at++;
	return at;
}

void schema_uri_split(struct str text, struct schema_uri *ret)
{
	const char *at = text.data ? text.data : "", *end = at + text.size, *stop;

	*ret = (struct schema_uri){ 0 };
	stop = find_any(at, end, ":/?#");
	if (stop < end && *stop == ':' && stop > at && is_letter(*at)) {
		ret->scheme = part(at, stop);
		at = stop + 1;
	}
	if (end - at >= 2 && at[0] == '/' && at[1] == '/') {
		stop = find_any(at + 2, end, "/?#");
		ret->authority = part(at + 2, stop);
		at = stop;
	}
	stop = find_any(at, end, "?#");
	ret->path = part(at, stop);
	at = stop;
	if (at < end && *at == '?') {
		stop = find_any(at + 1, end, "#");
		ret->query = part(at + 1, stop);
		at = stop;
	}
	if (at < end)
		ret->fragment = part(at + 1, end);
}

/* Section 5.2.4, over segments: "." is dropped, ".." drops the one before it. */
static struct str remove_dots(struct arena *arena, struct str path)
{
	char *out = arena_alloc(arena, path.size + 1);
	size_t size = 0, at = 0;

	if (!out)
		return (struct str){ 0 };
	while (at < path.size) {
		size_t end = at + (path.data[at] == '/');
		struct str segment;
		bool last;

		while (end < path.size && path.data[end] != '/')
			end++;
		segment = part(path.data + at, path.data + end);
		last = end == path.size;
		at = end;
		if (str_is(segment, "/..") || str_is(segment, "/.")) {
			if (segment.size == 3)
				while (size > 0 && out[--size] != '/')
					;
			if (last)
				out[size++] = '/';
		} else if (!str_is(segment, "..") && !str_is(segment, ".")) {
			memcpy(out + size, segment.data, segment.size);
			size += segment.size;
		}
	}
	return (struct str){ .data = out, .size = size };
}

static struct str merge(struct arena *arena, const struct schema_uri *base, struct str path)
{
	size_t keep = base->path.size;

	if (base->authority.data && keep == 0)
		return arena_printf(arena, "/%.*s", STR_ARG(path));
	while (keep > 0 && base->path.data[keep - 1] != '/')
		keep--;
	return arena_printf(arena, "%.*s%.*s", (int)keep, base->path.data, STR_ARG(path));
}

static struct str write_uri(struct arena *arena, const struct schema_uri *uri)
{
	struct buf buf;

	buf_init(&buf, arena, uri->scheme.size + uri->authority.size + uri->path.size + 64);
	if (uri->scheme.data) {
		buf_add_str(&buf, uri->scheme);
		buf_add_char(&buf, ':');
	}
	if (uri->authority.data) {
		buf_add_c(&buf, "//");
		buf_add_str(&buf, uri->authority);
	}
	buf_add_str(&buf, uri->path);
	if (uri->query.data) {
		buf_add_char(&buf, '?');
		buf_add_str(&buf, uri->query);
	}
	return buf_str(&buf);
}

struct str schema_uri_resolve(struct arena *arena, struct str base, struct str reference)
{
	struct schema_uri b, r;

	schema_uri_split(base, &b);
	schema_uri_split(reference, &r);
	if (r.scheme.data || r.authority.data) {
		if (!r.scheme.data)
			r.scheme = b.scheme;
		r.path = remove_dots(arena, r.path);
		return r.path.data ? write_uri(arena, &r) : r.path;
	}
	r.scheme = b.scheme;
	r.authority = b.authority;
	if (r.path.size == 0) {
		r.path = b.path;
		if (!r.query.data)
			r.query = b.query;
		return write_uri(arena, &r);
	}
	if (r.path.data[0] != '/')
		r.path = merge(arena, &b, r.path);
	if (r.path.data)
		r.path = remove_dots(arena, r.path);
	return r.path.data ? write_uri(arena, &r) : r.path;
}

static unsigned int hex_value(char c)
{
	return is_digit(c) ? (unsigned int)(c - '0') : (unsigned int)((c | 0x20) - 'a' + 10);
}

struct str schema_uri_decode(struct arena *arena, struct str text)
{
	char *out = arena_alloc(arena, text.size + 1);
	size_t size = 0;

	if (!out)
		return (struct str){ 0 };
	for (size_t i = 0; i < text.size; i++) {
		char c = text.data[i];
		if (c == '%') {
			if (text.size - i < 3 || !is_hex(text.data[i + 1]) ||
			    !is_hex(text.data[i + 2]))
				return (struct str){ 0 };
			c = (char)(hex_value(text.data[i + 1]) << 4 | hex_value(text.data[i + 2]));
			i += 2;
		}
		out[size++] = c;
	}
	return (struct str){ .data = out, .size = size };
}

static bool all_in(struct str text, const char *extra, enum schema_uri_characters characters)
{
	static const char common[] = "-._~!$&'()*+,;=";

	for (size_t i = 0; i < text.size; i++) {
		char c = text.data[i];
		if (c == '%') {
			if (text.size - i < 3 || !is_hex(text.data[i + 1]) ||
			    !is_hex(text.data[i + 2]))
				return false;
			i += 2;
		} else if ((unsigned char)c >= 0x80) {
			if (characters == SCHEMA_URI_ASCII)
				return false;
		} else if (c == '\0' || (!is_letter(c) && !is_digit(c) && !strchr(common, c) &&
					 !strchr(extra, c))) {
			return false;
		}
	}
	return true;
}

static bool is_ip_literal(struct str text)
{
	char buffer[64];
	struct in6_addr address;

	if (text.size > 0 && (text.data[0] == 'v' || text.data[0] == 'V')) {
		size_t at = 1;
		while (at < text.size && is_hex(text.data[at]))
			at++;
		return at > 1 && at + 1 < text.size && text.data[at] == '.' &&
		       all_in(part(text.data + at + 1, text.data + text.size), ":",
			      SCHEMA_URI_ASCII);
	}
	return str_copy(text, buffer, sizeof(buffer)) && inet_pton(AF_INET6, buffer, &address) == 1;
}

static bool is_port(struct str text)
{
	for (size_t i = 0; i < text.size; i++) {
		if (!is_digit(text.data[i]))
			return false;
	}
	return true;
}

static bool is_authority(struct str text, enum schema_uri_characters characters)
{
	struct str user, rest = text, host, port;

	if (str_cut(text, '@', &user, &rest)) {
		if (!all_in(user, ":", characters))
			return false;
	} else {
		rest = text;
	}
	if (rest.size > 0 && rest.data[0] == '[') {
		const char *close = memchr(rest.data, ']', rest.size);
		if (!close || !is_ip_literal(part(rest.data + 1, close)))
			return false;
		rest = part(close + 1, rest.data + rest.size);
		return rest.size == 0 ||
		       (rest.data[0] == ':' && is_port(part(rest.data + 1, rest.data + rest.size)));
	}
	if (!str_cut(rest, ':', &host, &port))
		return all_in(rest, "", characters);
	return all_in(host, "", characters) && is_port(port);
}

bool schema_uri_is_reference(struct str text, enum schema_uri_characters characters)
{
	struct schema_uri uri;
	const char *colon, *slash;

	schema_uri_split(text, &uri);
	for (size_t i = 0; i < uri.scheme.size; i++) {
		char c = uri.scheme.data[i];
		if (!is_letter(c) && !is_digit(c) && c != '+' && c != '-' && c != '.')
			return false;
	}
	if (uri.authority.data && !is_authority(uri.authority, characters))
		return false;
	if (!uri.scheme.data && !uri.authority.data && uri.path.size > 0) {
		/* a colon in the first segment would have made it a scheme */
		colon = memchr(uri.path.data, ':', uri.path.size);
		slash = memchr(uri.path.data, '/', uri.path.size);
		if (colon && (!slash || colon < slash))
			return false;
	}
	return all_in(uri.path, ":@/", characters) && all_in(uri.query, ":@/?", characters) &&
	       all_in(uri.fragment, ":@/?", characters);
}
