/* schema_uri.h: URI references (RFC 3986): splitting, resolving, and the grammar. */
#ifndef PIOPL_SCHEMA_URI_H
#define PIOPL_SCHEMA_URI_H

#include "arena.h"

/* Parts without their delimiters; a part that is absent has `.data` NULL (the path never is). */
struct schema_uri {
	struct str scheme, authority, path, query, fragment;
};

void schema_uri_split(struct str text, struct schema_uri *ret);
/* `reference` against `base` (section 5.2), dot segments removed, without the fragment. `.data`
 * NULL when the arena is full. A base without a scheme is taken as it is. */
struct str schema_uri_resolve(struct arena *arena, struct str base, struct str reference);
/* Percent-decoded; `.data` NULL when a percent sign is not followed by two digits, or the arena is
 * full. */
struct str schema_uri_decode(struct arena *arena, struct str text);

enum schema_uri_characters { SCHEMA_URI_ASCII, SCHEMA_URI_UNICODE /* an IRI */ };
/* Whether it follows the grammar of a URI reference. */
bool schema_uri_is_reference(struct str text, enum schema_uri_characters characters);

#endif
