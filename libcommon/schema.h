/* schema.h: JSON Schema 2020-12, whole: core, applicator, unevaluated, validation, meta-data,
 * format and content. Nothing is ever fetched: a reference leads into the schema, into a document
 * given at compilation, or into the standard's own meta-schema, which is built in.
 *
 * Compile once, validate many times. A compiled schema is constant; it lives in its arena and
 * points into the nodes it was made from, so these must live as long. Formats are annotations
 * unless the options (or a meta-schema with the format-assertion vocabulary) say otherwise; content
 * keywords are annotations always. Numbers are compared and divided exactly, whatever their size.
 *
 * Patterns run under a budget and so does the whole validation: whoever writes the schema and
 * whoever writes the instance can make it be refused, not make it wait. */
#ifndef PIOPL_SCHEMA_H
#define PIOPL_SCHEMA_H

#include "json.h"

#define SCHEMA_NODES_MAX 10000        /* subschemas of a compiled set */
#define SCHEMA_RESOURCES_MAX 1000     /* documents and embedded $id */
#define SCHEMA_DEPTH_MAX 512          /* schemas under evaluation within each other */
#define SCHEMA_STEPS_MAX 2000000      /* of one validation: about a tenth of a second */
#define SCHEMA_ERRORS_MAX 16          /* kept of one validation */
#define SCHEMA_MULTIPLE_DIGITS_MAX 18 /* significant digits of multipleOf */

#define SCHEMA_META_URI "https://json-schema.org/draft/2020-12/schema"

struct schema;

enum schema_formats {
	SCHEMA_FORMATS_ANNOTATED,
	SCHEMA_FORMATS_ASSERTED, /* those below; an unknown one stays an annotation */
};
/* date-time date time duration email idn-email hostname ipv4 ipv6 uri uri-reference iri
 * iri-reference uri-template uuid json-pointer relative-json-pointer regex */

/* Read when a reference leads to `uri`, which is written as references resolve to it. */
struct schema_document {
	struct str uri;
	const struct json *root;
};

struct schema_options {
	struct str base_uri; /* of the schema, when it has no $id; may be empty */
	enum schema_formats formats;
	const struct schema_document *documents; /* others that references may lead into */
	size_t document_count;
};

/* ST_SCHEMA_INVALID with a JSON pointer into the schema (behind its URI when it is in another
 * document) and a sentence; ST_TOO_LARGE when the arena is full. `options` may be NULL. */
MUST_CHECK enum st schema_compile(struct arena *arena, const struct json *root,
				  const struct schema_options *options, struct schema **ret,
				  struct problem *problem);
/* Also ST_JSON_INVALID, ST_MESSAGE_TOO_LARGE, as json_parse. */
MUST_CHECK enum st schema_compile_text(struct arena *arena, struct str text,
				       const struct schema_options *options, struct schema **ret,
				       struct problem *problem);
/* The meta-schema, to validate schemas against. */
MUST_CHECK enum st schema_compile_meta(struct arena *arena, struct schema **ret,
				       struct problem *problem);

struct schema_error {
	struct str instance; /* JSON pointer */
	struct str schema;   /* JSON pointer of the keyword, behind a URI as above */
	struct str sentence;
};

struct schema_result {
	bool valid;
	const struct schema_error *errors; /* in `arena`, at most SCHEMA_ERRORS_MAX */
	size_t error_count;
	uint64_t steps; /* spent */
};

/* ST_OK says only that there is an answer. ST_SCHEMA_TOO_COSTLY past SCHEMA_STEPS_MAX or
 * SCHEMA_DEPTH_MAX (a schema that refers to itself without end gets there), ST_PATTERN_TOO_COSTLY,
 * ST_TOO_LARGE when the arena is full, ST_NO_MEMORY. */
MUST_CHECK enum st schema_validate(const struct schema *schema, const struct json *instance,
				   struct arena *arena, struct schema_result *ret);
/* For those who want one answer: ST_MESSAGE_INVALID with the first error in `problem`. */
MUST_CHECK enum st schema_check(const struct schema *schema, const struct json *instance,
				struct arena *arena, struct problem *problem);

#endif
