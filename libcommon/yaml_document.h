/* yaml_document.h: YAML documents as JSON nodes, for what people write by hand (policies,
 * fixtures). Not named yaml.h, which would hide the one of libyaml from everybody.
 *
 * The core schema of YAML 1.2: plain null, ~ and nothing are null; true and false (also True, TRUE)
 * booleans; 12, 0x1f, 0o17, 1.5e3 numbers, their text rewritten as JSON writes them; everything
 * else plain, and everything quoted, is a string, so yes, no, on and off are strings. Names of
 * members are scalars, taken as their text. Refused with their line and column: duplicate names,
 * names that are not scalars or are null, merge keys (<<), tags other than !!str !!int !!float
 * !!bool !!null !!map !!seq, numbers JSON cannot hold (.inf, .nan, past a double), an alias inside
 * its own anchor, more than one document, and everything past a limit below. */
#ifndef PIOPL_YAML_DOCUMENT_H
#define PIOPL_YAML_DOCUMENT_H

#include "json.h"

#define YAML_BYTES_MAX (256 * 1024)
#define YAML_DEPTH_MAX JSON_DEPTH_MAX /* arrays and objects open at once */
#define YAML_NODES_MAX 100000         /* copies made by aliases included */
#define YAML_ANCHORS_MAX 256
#define YAML_DOCUMENTS_MAX 256 /* yaml_parse_many */

/* A node's offset_bytes is where it begins in `text` (its quote, bracket, first character or first
 * key; a tag or an anchor before it counts). What an alias brings keeps the place where it was
 * written, under the anchor. */
struct yaml_document {
	struct str text; /* of the whole stream, a copy in the arena, without a byte order mark */
	struct json *root;
};

struct yaml_documents {
	struct yaml_document *items;
	size_t count;
};

/* Nodes live in `arena` and do not depend on `text`. ST_YAML_INVALID with "line L, column C" as the
 * problem's pointer; ST_MESSAGE_TOO_LARGE past YAML_BYTES_MAX; ST_TOO_LARGE when the arena is full,
 * ST_NO_MEMORY. A text without a document is a null. */
MUST_CHECK enum st yaml_parse(struct arena *arena, struct str text, struct yaml_document *ret,
			      struct problem *problem);
/* A stream of up to YAML_DOCUMENTS_MAX documents; the limits hold for all of it together. */
MUST_CHECK enum st yaml_parse_many(struct arena *arena, struct str text, struct yaml_documents *ret,
				   struct problem *problem);
/* Line and column, from 1, in characters. */
void yaml_position(const struct yaml_document *document, const struct json *node, size_t *ret_line,
		   size_t *ret_column);
/* Fills `problem` (NULL is allowed) with the node's position and returns `st`. */
enum st yaml_refuse(const struct yaml_document *document, const struct json *node, enum st st,
		    struct problem *problem, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

#endif
