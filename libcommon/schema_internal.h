/* schema_internal.h: what the files of the JSON Schema module share and nobody else includes.
 *   schema_keywords.c  the table of keywords
 *   schema_index.c     finds resources, anchors and subschemas
 *   schema_compile.c   makes rules of keywords, and follows references
 *   schema_validate.c  walks rules; schema_check.c and schema_apply.c are the rules
 *   schema_number.c, schema_equal.c, schema_uri.c, schema_format.c  what they need
 *   schema_meta.c      the meta-schema's text */
#ifndef PIOPL_SCHEMA_INTERNAL_H
#define PIOPL_SCHEMA_INTERNAL_H

#include "regex.h"
#include "schema.h"

enum schema_vocabulary {
	VOCABULARY_CORE = 1,
	VOCABULARY_APPLICATOR = 2,
	VOCABULARY_UNEVALUATED = 4,
	VOCABULARY_VALIDATION = 8,
	VOCABULARY_META_DATA = 16,
	VOCABULARY_FORMAT = 32,
	VOCABULARY_FORMAT_ASSERTION = 64,
	VOCABULARY_CONTENT = 128,
	VOCABULARY_STANDARD = 255 - 64,
};

/* What the value of a keyword looks like; it decides how it is compiled and where subschemas are.
 */
enum schema_shape {
	SHAPE_ANY,
	SHAPE_STRING,
	SHAPE_BOOL,
	SHAPE_COUNT,    /* an integer from 0: rule.count */
	SHAPE_NUMBER,   /* rule.number */
	SHAPE_MULTIPLE, /* above 0: rule.number */
	SHAPE_ARRAY,
	SHAPE_TYPES, /* rule.count, bits by schema_type */
	SHAPE_NAMES, /* different strings: rule.members */
	SHAPE_NAMES_MAP,
	SHAPE_BOOL_MAP,
	SHAPE_SCHEMA,       /* rule.node */
	SHAPE_SCHEMA_ARRAY, /* rule.members */
	SHAPE_SCHEMA_MAP,   /* rule.members, sorted by name */
	SHAPE_PATTERN_MAP,  /* rule.members, with their regex */
	SHAPE_PATTERN,      /* rule.regex */
	SHAPE_FORMAT,       /* rule.format */
	SHAPE_IDENTIFIER,   /* $id, $schema: see schema_index.c */
	SHAPE_ANCHOR,
	SHAPE_REFERENCE,         /* rule.node */
	SHAPE_DYNAMIC_REFERENCE, /* rule.node, rule.anchor when it is looked up at run time */
	SHAPE_COUNT_OF,
};

enum schema_type {
	TYPE_NULL = 1,
	TYPE_BOOLEAN = 2,
	TYPE_OBJECT = 4,
	TYPE_ARRAY = 8,
	TYPE_NUMBER = 16,
	TYPE_STRING = 32,
	TYPE_INTEGER = 64,
};

struct schema_rule;
struct schema_frame;
struct schema_validation;

struct schema_keyword {
	const char *name;
	enum schema_vocabulary vocabulary;
	enum schema_shape shape;
	/* NULL: nothing to do at run time. Sets frame->valid, reports by schema_fail. */
	enum st (*check)(struct schema_validation *v, const struct schema_rule *rule,
			 struct schema_frame *frame);
};

/* In the order of evaluation: what leaves marks comes before what reads them. NULL name ends. */
extern const struct schema_keyword schema_keywords[];

/* A number as its text: `size` digits from `first` (a point among them is skipped), first and last
 * not zero; the last one stands for 10^exponent. Zero has no digits. */
struct schema_number {
	const char *first;
	size_t size;
	int64_t exponent;
	bool negative;
};

struct schema_anchor {
	struct schema_anchor *next;
	struct str name;
	const struct schema_node *node;
	bool dynamic;
};

struct schema_resource {
	struct schema_resource *next;
	struct str uri;       /* without fragment */
	struct str other_uri; /* where it was retrieved, when $id says something else */
	const struct json *root;
	struct schema_anchor *anchors;
	unsigned int vocabularies;
	/* Found only by a pointer through something that is no keyword, so it has no name. */
	bool nameless;
};

struct schema_member {
	struct str name;
	const struct schema_node *node;
	const struct regex *regex;
	const struct schema_member *names; /* SHAPE_NAMES_MAP */
	size_t name_count;
};

struct schema_rule {
	const struct schema_keyword *keyword;
	const struct json *value;
	const struct schema_node *node;
	const struct regex *regex;
	const struct schema_member *members;
	size_t member_count;
	uint64_t count;
	struct schema_number number;
	struct str anchor;
	bool (*format)(struct str text);
};

struct schema_node {
	struct schema_node *next;
	const struct json *json;
	struct schema_resource *resource;
	struct str place; /* JSON pointer, behind a URI when in another document */
	const struct schema_rule *rules;
	size_t rule_count;
	bool reads_marks; /* has unevaluatedItems or unevaluatedProperties */
};

struct schema {
	const struct schema_node *root;
};

struct schema_compiler {
	struct arena *arena;
	struct problem *problem;
	const struct schema_options *options;
	struct schema_resource *resources;
	size_t resource_count;
	struct schema_node *nodes_first, *nodes_last;
	size_t node_count;
	struct schema_node **slots; /* by address of their json: open addressing */
	size_t slot_count;
};

/* index */
MUST_CHECK enum st schema_index_document(struct schema_compiler *c, const struct json *root,
					 struct str uri, struct str place,
					 struct schema_resource **ret);
MUST_CHECK enum st schema_index_nameless(struct schema_compiler *c, const struct json *json,
					 struct schema_resource *resource, struct str place,
					 struct schema_node **ret);
/* By what it is called; NULL when there is none. */
struct schema_resource *schema_resource_named(const struct schema_compiler *c, struct str uri);
struct schema_node *schema_node_of(const struct schema_compiler *c, const struct json *json);
enum st schema_refuse(struct schema_compiler *c, struct str place, const char *keyword,
		      const char *format, ...) __attribute__((format(printf, 4, 5)));
enum st schema_refuse_arena(struct schema_compiler *c);
const struct schema_anchor *schema_anchor_of(const struct schema_resource *resource,
					     struct str name);
bool schema_is_subschema(const struct json *json);

/* One step of a JSON pointer, escaped, after `place`; `.data` NULL when the arena is full. */
struct str schema_place_add(struct arena *arena, struct str place, struct str step);

/* meta: the text of a built-in document; empty when there is none of this URI */
struct str schema_meta_text(struct str uri);

/* numbers */
void schema_number_read(struct str text, struct schema_number *ret);
/* Of a number node; one that a program built has no text yet. False when the arena is full. */
bool schema_number_of(struct arena *arena, const struct json *node, struct schema_number *ret);
int schema_number_compare(const struct schema_number *a, const struct schema_number *b);
bool schema_number_is_integer(const struct schema_number *number);
/* `divisor` is above 0 and has at most SCHEMA_MULTIPLE_DIGITS_MAX digits. */
bool schema_number_is_multiple(const struct schema_number *number,
			       const struct schema_number *divisor);
uint64_t schema_number_hash(const struct schema_number *number);
/* Of an integer from 0; UINT64_MAX when it is larger. */
uint64_t schema_number_count(const struct schema_number *number);
size_t schema_string_length(struct str text); /* in code points */

/* format: NULL when unknown */
typedef bool schema_format_check(struct str text);
schema_format_check *schema_format_of(struct str name);

/* validation */
struct schema_path {
	const struct schema_path *up;
	const struct json *member; /* object: the member; array: NULL */
	size_t index;
};

struct schema_scope { /* the dynamic scope: resources entered, innermost first */
	const struct schema_scope *outer;
	const struct schema_resource *resource;
};

struct schema_scratch {
	struct schema_scratch *below, *above;
	size_t used, capacity;
	uint64_t words[];
};

struct schema_validation {
	struct arena *arena;
	uint64_t steps_left;
	size_t depth;
	size_t quiet; /* above 0: a failure here is not the answer */
	struct schema_error *errors;
	size_t error_count;
	struct schema_scratch *scratch;
};

struct schema_frame {
	const struct schema_node *node;
	const struct json *instance;
	const struct schema_path *path;
	const struct schema_scope *scope;
	uint64_t *marks; /* a bit for each child that was evaluated; NULL when nobody asks */
	bool valid;
};

MUST_CHECK enum st schema_spend(struct schema_validation *v, uint64_t steps);
MUST_CHECK enum st schema_fail(struct schema_validation *v, const struct schema_rule *rule,
			       struct schema_frame *frame, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* On the same instance; marks are the frame's when valid. Failures are reported. */
MUST_CHECK enum st schema_apply(struct schema_validation *v, const struct schema_node *node,
				struct schema_frame *frame, bool *ret_valid);
/* The same, failures not reported. */
MUST_CHECK enum st schema_try(struct schema_validation *v, const struct schema_node *node,
			      struct schema_frame *frame, bool *ret_valid);
/* On a child of the instance. */
MUST_CHECK enum st schema_apply_child(struct schema_validation *v, const struct schema_node *node,
				      struct schema_frame *frame, const struct json *child,
				      size_t index, bool *ret_valid);
MUST_CHECK enum st schema_try_child(struct schema_validation *v, const struct schema_node *node,
				    struct schema_frame *frame, const struct json *child,
				    size_t index, bool *ret_valid);
/* On something that is no child: a name. Not reported. */
MUST_CHECK enum st schema_try_value(struct schema_validation *v, const struct schema_node *node,
				    struct schema_frame *frame, const struct json *value,
				    bool *ret_valid);
void schema_mark(struct schema_frame *frame, size_t index);
void schema_mark_all(struct schema_frame *frame);
bool schema_is_marked(const struct schema_frame *frame, size_t index);
const struct schema_rule *schema_rule_of(const struct schema_node *node, const char *keyword);
const struct schema_member *schema_member_of(const struct schema_rule *rule, struct str name);

/* equality by value, paid in steps */
MUST_CHECK enum st schema_equal(struct schema_validation *v, const struct json *a,
				const struct json *b, bool *ret);
MUST_CHECK enum st schema_hash(struct schema_validation *v, const struct json *node, uint64_t *ret);
/* Two equal items, the earlier one first; `ret_found` false when there are none. */
MUST_CHECK enum st schema_find_twins(struct schema_validation *v, const struct json *array,
				     size_t *ret_first, size_t *ret_second, bool *ret_found);

typedef enum st schema_rule_check(struct schema_validation *v, const struct schema_rule *rule,
				  struct schema_frame *frame);
schema_rule_check schema_check_ref, schema_check_dynamic_ref, schema_check_all_of,
	schema_check_any_of, schema_check_one_of, schema_check_not, schema_check_if,
	schema_check_dependent_schemas, schema_check_prefix_items, schema_check_items,
	schema_check_contains, schema_check_properties, schema_check_pattern_properties,
	schema_check_additional_properties, schema_check_property_names,
	schema_check_unevaluated_items, schema_check_unevaluated_properties;
schema_rule_check schema_check_type, schema_check_enum, schema_check_const,
	schema_check_multiple_of, schema_check_maximum, schema_check_exclusive_maximum,
	schema_check_minimum, schema_check_exclusive_minimum, schema_check_max_length,
	schema_check_min_length, schema_check_pattern, schema_check_max_items,
	schema_check_min_items, schema_check_unique_items, schema_check_max_properties,
	schema_check_min_properties, schema_check_required, schema_check_dependent_required,
	schema_check_format;

#endif
