/* compile.h: the contract generator. It reads proto/<service>.yaml and common.yaml (the dialect is
 * in proto/README.md), refuses what it does not understand, and writes C, NATS permissions,
 * OpenAPI, AsyncAPI and reference pages. It links libyaml and cJSON and nothing of libcommon,
 * because libcommon is built from what it writes.
 *
 * Stages: load (YAML to cJSON), gather (names, statuses, channels), shape (schemas to C shapes),
 * check (what can be seen only with all of it), emit. All memory is one region, freed at exit. */
#ifndef PIOPL_COMPILE_H
#define PIOPL_COMPILE_H

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BYTES_MAX_DEFAULT 262144
#define BYTES_MAX_LIMIT 1048576
#define DEADLINE_MS_DEFAULT 2000
#define DEADLINE_MS_MAX 600000
#define INTEGER_MAX 9007199254740991  /* 2^53 - 1: the widest integer every JSON reader keeps */
#define IDEMPOTENCY_KEY_CHARS_MAX 255 /* as libcommon takes it */
#define MEMBERS_MAX 256               /* of one object; libcommon's PROTO_FIELDS_MAX */
#define REFUSALS_MAX 50               /* then the rest is not printed */

/* ---- region and text (text.c) ---- */

/* Zeroed memory that lives until region_free; ends the program when there is none. */
void *region_alloc(size_t size);
char *region_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void region_free(void);

struct text {
	char *data;
	size_t size;
	size_t capacity;
};
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A C string literal, or a JSON string, with its quotes. */
void text_quote(struct text *text, const char *s);
void text_json(struct text *text, const cJSON *node); /* indented, ends with a newline */
/* Writes folder/name unless it holds the same bytes already. False, said on stderr, on failure. */
bool text_write(const struct text *text, const char *folder, const char *name);

char *name_snake(const char *camel);  /* "AgentId" -> "agent_id", '-' and '.' -> '_' */
char *name_upper(const char *snake);  /* "agent_id" -> "AGENT_ID", others -> '_' */
bool name_is_snake(const char *name); /* ^[a-z][a-z0-9_]*$ */
bool name_is_camel(const char *name); /* ^[A-Z][A-Za-z0-9]*$ */
bool name_is_reserved_in_c(const char *name);

/* ---- model ---- */

struct schema;
struct document;

enum kind {
	KIND_STRING,
	KIND_ENUM,
	KIND_TIME,
	KIND_I64,
	KIND_INTEGER,
	KIND_NUMBER,
	KIND_BOOL,
	KIND_ARRAY,
	KIND_OBJECT,
	KIND_MONEY,
	KIND_PAIRS,
	KIND_ANY,
};

struct enumeration {
	const struct document *document;
	const cJSON *node;
	const char *ident; /* "registry_agent_state" */
	size_t count;
	const char **values;
	struct enumeration *next; /* of its document */
};

struct shape { /* one value: a member's, or an array's items' */
	enum kind kind;
	const struct document *document;
	const cJSON *node; /* the schema it came from, $ref followed */
	int64_t min, max;  /* integer, length, count */
	bool bounded;      /* max was given */
	double number_min, number_max;
	const char *pattern;
	struct enumeration *enumeration;
	struct schema *object;
	struct shape *items;  /* of an array; the values of pairs */
	struct schema *named; /* the schema it is the whole of, when that is no struct */
	bool unique;
	bool checked;
};

struct member {
	const char *name;
	const char *c_name;
	const char *description;
	const cJSON *node;
	struct shape *shape;
	bool required;
	bool pointer;
	bool has;
};

enum mark { MARK_NEW, MARK_OPEN, MARK_DONE };

struct schema {
	struct document *document;
	const char *name;  /* "AgentCreateRequest" */
	const char *ident; /* "registry_agent_create_request" */
	const cJSON *node;
	bool is_struct;
	bool used;
	bool in_request;
	bool payload;
	enum mark mark;
	size_t bytes_max;
	const char *purpose;
	size_t member_count;
	struct member *members;
	struct shape *shape; /* when it is no struct */
};

struct http {
	const char *method;
	const char *path;
	const char *scope;
	unsigned principals; /* bits, as PROTO_HUMAN ... of proto.h */
	const char *own;     /* NULL, or the member that names the agent or operator who asks */
	bool open;           /* needs no credential */
};

struct call {
	struct document *document;
	const char *name;
	const char *description;
	const cJSON *node;
	struct schema *request;
	struct schema *reply;
	size_t caller_count;
	const char **callers;
	size_t status_count;
	const char **statuses;
	struct http *http;
	uint32_t deadline_ms;
	bool idempotent;
	bool reads;
	bool pure;
};

struct event {
	struct document *document;
	const char *name; /* "agent_created" */
	const char *type; /* "agent.created"; NULL: the relay's head, which is a hint, no event */
	const char *description;
	const cJSON *node;
	struct schema *data;
};

struct status {
	const char *code;
	const char *kind;
	const char *title;
	int http;
	const struct document *document;
};

enum identity_kind { IDENTITY_SERVICE, IDENTITY_CLIENT, IDENTITY_EXTERNAL };

struct identity {
	const char *name;
	enum identity_kind kind;
	bool documented; /* a service with a document of its own */
};

struct document {
	const char *path;
	const char *name;   /* "ledger-reconciler", "common" */
	const char *ident;  /* "ledger_reconciler" */
	const char *prefix; /* of its constants: "LEDGER_RECONCILER_", "" for common */
	const char *title;
	const char *description;
	const char *version;
	cJSON *root;
	bool common;
	size_t schema_count;
	struct schema *schemas;
	size_t order_count;
	struct schema **order; /* the structs, each after those it contains */
	size_t call_count;
	struct call *calls;
	size_t event_count;
	struct event *events;
	struct enumeration *enumerations;
};

struct contract {
	size_t document_count;
	struct document *documents; /* common first, then by name */
	struct document *common;    /* NULL when it was not given */
	struct schema *problem;     /* common.yaml's Problem, the body of every refusal */
	size_t status_count;
	struct status *statuses;
	size_t identity_count;
	struct identity *identities;
};

/* ---- refusals (text.c) ---- */

/* Prints `file:line: sentence`; `node` may be NULL (line 1). */
void refuse(const struct document *document, const cJSON *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
size_t refusal_count(void);

/* ---- reading nodes (node.c); each refuses what is wrong and gives NULL, 0 or false then ---- */

const cJSON *node_member(const cJSON *object, const char *name);
/* Refuses members that are not in `names` (NULL ends). */
void node_only(const struct document *document, const cJSON *object, const char *what,
	       const char *const *names);
const char *node_string(const struct document *document, const cJSON *object, const char *what,
			const char *name);
const char *node_string_optional(const struct document *document, const cJSON *object,
				 const char *name);
bool node_true(const struct document *document, const cJSON *object, const char *name);
const cJSON *node_object(const struct document *document, const cJSON *object, const char *what,
			 const char *name);
bool node_is_integer(const cJSON *node);
size_t node_count(const cJSON *node);

/* ---- stages ---- */

/* NULL after a refusal. Every node's `valueint` is its line (of its key, in a mapping). */
cJSON *load_yaml(struct document *document);
void gather_schemas(struct contract *contract);
void gather_statuses(struct contract *contract);
void gather_identities(struct contract *contract);
void gather_channels(struct contract *contract);
void gather_http(struct contract *contract, struct call *call);
void shape_schemas(struct contract *contract);
/* Follows '$ref'; refuses and gives NULL when it points nowhere. */
struct schema *schema_of_ref(const struct contract *contract, const struct document *document,
			     const cJSON *ref);
struct member *schema_member(const struct schema *schema, const char *name);
void check_contract(struct contract *contract);
const char *status_title(const struct contract *contract, const char *code);
bool shape_is_scalar(const struct shape *shape);

/* NULL when the pattern is in the subset that ECMA-262 and PCRE2 read alike, else why not. */
const char *pattern_fault(const char *pattern);
/* A short text that matches, at least `length_min` long where repetition allows it. */
char *pattern_example(const char *pattern, size_t length_min);

bool emit_status(const struct contract *contract, const char *out);
bool emit_c(const struct contract *contract, const char *out);
bool path_has_member(const char *path, const char *name); /* "{name}" is in it */
bool emit_contract_c(const struct contract *contract, const char *out);
bool emit_nats(const struct contract *contract, const char *out);
bool emit_openapi(const struct contract *contract, const char *out);
bool emit_asyncapi(const struct contract *contract, const char *out);
bool emit_examples(const struct contract *contract, const char *out);
bool emit_docs(const struct contract *contract, const char *docs);

/* ---- what the emitters of documents share ---- */

/* Does `value` match, patterns aside? (message.c) */
bool shape_accepts(const struct shape *shape, const cJSON *value);
/* A message that the decoder accepts. (example.c) */
cJSON *example_of_schema(const struct schema *schema);
/* A '$ref' to `schema` under `components`, to which it and all it needs are added in a form that
 * any JSON Schema tool reads: own $refs, no own keywords, times and int64 with a pattern.
 * (expand.c) */
cJSON *expand_schema(const struct contract *contract, const struct schema *schema,
		     cJSON *components);
/* The same for one member, in place. */
cJSON *expand_member(const struct contract *contract, const struct schema *schema,
		     const struct member *member, cJSON *components);
/* "Money", "RegistryAgent": unique in the whole contract. */
char *schema_public_name(const struct schema *schema);
/* Visits the calls of a service: its own, then every service's. NULL ends. */
const struct call *document_call(const struct contract *contract, const struct document *document,
				 size_t index);
const struct event *document_event(const struct contract *contract, const struct document *document,
				   size_t index);
cJSON *json_object(cJSON *parent, const char *name); /* a new object as a member of parent */
cJSON *json_array(cJSON *parent, const char *name);
void json_string(cJSON *parent, const char *name, const char *value); /* NULL value: nothing */
void json_item(cJSON *array, const char *value);
char *stream_name(const struct document *document); /* "PIOPL_EVT_REGISTRY" */

#define SUBJECT_CALL "piopl.rpc."
#define SUBJECT_EVENT "piopl.evt."
#define SUBJECT_HEAD "piopl.head."

#endif
