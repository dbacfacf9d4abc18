/* json.h: strict JSON (RFC 8259) into arena nodes, and a writer. Refused: duplicate names, invalid
 * UTF-8, lone surrogates, numbers outside a double, depth or size past the limit, trailing bytes.
 * Strings are decoded; numbers keep their text. cJSON is not used on the wire because it accepts
 * all of these, truncates at \u0000, and allocates a node at a time. */
#ifndef PIOPL_JSON_H
#define PIOPL_JSON_H

#include "arena.h"
#include "st.h"

#define JSON_DEPTH_MAX 64
#define JSON_BYTES_MAX (1024 * 1024)

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
	enum json_kind kind;
	bool boolean;
	double number;
	struct str text;    /* string: decoded, NUL after it; number: as written, no NUL after it */
	struct str name;    /* as a member of an object: decoded name */
	struct json *first; /* array, object: children in order */
	struct json *next;
	struct json *last;   /* array, object: the newest child; json_add and json_set keep it */
	size_t count;        /* array, object: children */
	size_t offset_bytes; /* where it starts in the source (YAML: see yaml_document.h) */
};

/* Copies the text into the arena first, so nodes do not depend on `text`. JSON_DEPTH_MAX arrays and
 * objects may be open at once. ST_JSON_INVALID with "line L, column C" as the problem's pointer;
 * ST_MESSAGE_TOO_LARGE past JSON_BYTES_MAX; ST_TOO_LARGE when the arena is full. */
MUST_CHECK enum st json_parse(struct arena *arena, struct str text, struct json **ret,
			      struct problem *problem);
/* NULL when absent or not an object. */
struct json *json_member(const struct json *object, const char *name);
struct json *json_member_str(const struct json *object, struct str name);
/* RFC 6901; NULL when it points nowhere. */
struct json *json_at(struct json *root, struct str pointer);
/* Numbers by value, objects without regard to order (quadratic when the order differs). */
bool json_equal(const struct json *a, const struct json *b);
/* Has no fraction: 1, 1.0 and 1e3 are integers. Says nothing about the range. */
bool json_is_integer(const struct json *node);

/* Builders, for code that makes documents. Texts are copied. NULL-safe: an allocation past the cap
 * gives NULL, and adding NULL or adding to NULL does nothing; so check arena->failed once, at the
 * end. json_set replaces a member of that name. A node has one parent at most. */
struct json *json_new(struct arena *arena, enum json_kind kind);
struct json *json_new_string(struct arena *arena, struct str s);
struct json *json_new_number(struct arena *arena, double number);
struct json *json_new_i64(struct arena *arena, int64_t value);
struct json *json_new_bool(struct arena *arena, bool value);
void json_add(struct json *array, struct json *item);
void json_set(struct arena *arena, struct json *object, const char *name, struct json *value);

/* Writing. json_write_string quotes and escapes (minimal, as RFC 8785 does). Doubles are finite.
 * Nodes nested deeper than JSON_DEPTH_MAX make the buffer fail. */
void json_write_string(struct buf *buf, struct str s);
void json_write_double(struct buf *buf, double number); /* ECMAScript's shortest form, RFC 8785 */
void json_write(struct buf *buf, const struct json *node); /* members as they stand */
void json_write_pretty(struct buf *buf, const struct json *node);
/* RFC 8785: members sorted by UTF-16 code units, numbers in ECMAScript form. */
void json_write_canonical(struct buf *buf, const struct json *node);
/* Canonical form of a text. */
MUST_CHECK enum st json_canonical(struct arena *arena, struct str text, struct str *ret,
				  struct problem *problem);

/* Line and column (from 1, in characters) of a byte offset. */
void text_position(struct str text, size_t offset_bytes, size_t *ret_line, size_t *ret_column);

#endif
