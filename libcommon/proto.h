/* proto.h: what the generated code is made of. The generator (proto/compile.c) writes, for every
 * schema, a C struct and a constant `struct proto_type` that describes it; one table-driven
 * decoder and encoder (codec.c) serves them all. Hand-written code never parses the wire. */
#ifndef PIOPL_PROTO_H
#define PIOPL_PROTO_H

#include "arena.h"
#include "json.h"
#include "money.h"
#include "st.h"

/* How a schema maps to C (member name = property name in snake_case):
 *   string                          struct str            (decoded, NUL after it)
 *   string + enum                   enum <struct>_<member> (first value is 1; 0 means absent)
 *   string, format: date-time       int64_t, member gets suffix _ms
 *   string, format: int64           int64_t               (decimal string on the wire)
 *   string, format: money           struct money via $ref common Money object {amount, currency}
 *   integer                         int64_t
 *   number                          double
 *   boolean                         bool
 *   array of T                      struct { T *items; size_t count; }
 *   $ref to an object               the struct by value when required, a pointer (NULL: absent)
 *                                   when optional
 *   object with additionalProperties: {type: string} and no properties
 *                                   struct proto_pairs
 *   object with x-any: true, or any schema with x-any: true
 *                                   const struct json *   (any JSON value, kept as nodes)
 * Optional members that are not pointers, strings, arrays or enums get `bool has_<member>` before
 * them; an optional string is absent when .data is NULL, an optional array when .items is NULL and
 * has_<member> is false. */
enum proto_kind {
	PROTO_STRING,
	PROTO_ENUM,
	PROTO_TIME, /* RFC 3339 with milliseconds, int64_t ms */
	PROTO_I64,  /* decimal string */
	PROTO_INTEGER,
	PROTO_NUMBER,
	PROTO_BOOL,
	PROTO_ARRAY,
	PROTO_OBJECT,
	PROTO_MONEY,
	PROTO_PAIRS,
	PROTO_ANY,
};

struct proto_pair {
	struct str name;
	struct str value;
};

struct proto_pairs {
	struct proto_pair *items;
	size_t count;
};

struct proto_pattern {
	const char *regex; /* as in the contract (ECMA-262 subset that PCRE2 shares) */
	void **compiled;   /* a static slot, filled at first use */
};

struct proto_type;

struct proto_value { /* the shape of one value: a member's, or an array's items' */
	enum proto_kind kind;
	int64_t min, max; /* integer, 0 and 1 of a boolean; length in code points; count */
	double number_min, number_max;
	const char *const *names; /* PROTO_ENUM: wire names; value i+1 is names[i]; NULL ends */
	const struct proto_pattern *pattern;
	const struct proto_type *object;
	const struct proto_value *items; /* PROTO_ARRAY; the values of PROTO_PAIRS */
	uint32_t item_size_bytes;
	bool unique;
};

struct proto_field {
	const char *name;
	const char *key; /* the name as it stands before its value: "\"name\":" */
	uint32_t key_size;
	struct proto_value value;
	uint32_t offset;
	uint32_t offset_has; /* of bool has_<member>; UINT32_MAX when there is none */
	bool required;
	bool pointer; /* an optional nested object */
};

struct proto_type {
	const char *name; /* "registry.AgentCreateRequest" */
	size_t size_bytes;
	const struct proto_field *fields;
	size_t field_count;
	size_t bytes_max; /* of the JSON text; 256 KiB unless x-bytes-max says otherwise */
};

enum proto_unknown {
	PROTO_UNKNOWN_REFUSED, /* requests */
	PROTO_UNKNOWN_IGNORED, /* events and replies: the sender may be newer */
};

#define PROTO_FIELDS_MAX 256          /* of one struct; the generator refuses more */
#define PROTO_PAIR_NAME_CHARS_MAX 128 /* a name in a struct proto_pairs */

/* Decodes a JSON text into `ret` (size type->size_bytes); strings and arrays live in `arena`.
 * ST_MESSAGE_INVALID with a JSON pointer, what was found and what would be accepted;
 * ST_MESSAGE_TOO_LARGE past bytes_max; ST_JSON_INVALID; ST_TOO_LARGE when the arena is full. Text
 * with U+0000 is refused everywhere, because the database cannot keep it. */
MUST_CHECK enum st proto_decode(const struct proto_type *type, struct str text,
				enum proto_unknown unknown, struct arena *arena, void *ret,
				struct problem *problem);
MUST_CHECK enum st proto_decode_node(const struct proto_type *type, const struct json *node,
				     enum proto_unknown unknown, struct arena *arena, void *ret,
				     struct problem *problem);
/* Encodes in the contract's member order; absent members are left out. A value that breaks its own
 * schema is our bug and gives ST_INTERNAL, so that no reader meets what it must refuse.
 * ST_MESSAGE_TOO_LARGE past bytes_max; ST_TOO_LARGE when the arena is full. proto_encode_to leaves
 * `buf` failed in each of these cases. */
MUST_CHECK enum st proto_encode(const struct proto_type *type, const void *in, struct arena *arena,
				struct str *ret);
void proto_encode_to(const struct proto_type *type, const void *in, struct buf *buf);

#define PROTO_BYTES_MAX (256 * 1024)

enum proto_principal {
	PROTO_HUMAN = 1 << 0,
	PROTO_AGENT = 1 << 1,
	PROTO_OPERATOR = 1 << 2,
	PROTO_SERVICE = 1 << 3,
};

struct proto_http {
	const char *method;  /* "POST" */
	const char *path;    /* "/v1/agents/{agent_id}" */
	const char *scope;   /* "agents:write" */
	unsigned principals; /* enum proto_principal, or-ed: the kinds that may ask */
	const char *own;     /* NULL, or the request's member that must name the agent or the
			      * operator who asks: they see their own things only */
	bool open;           /* needs no credential: how one gets the first one */
};

struct proto_call {
	const char *service;
	const char *name; /* "agent_create" */
	const struct proto_type *request;
	const struct proto_type *reply;
	const char *const *callers;    /* names, NULL ends; "*" is any authenticated identity */
	const struct proto_http *http; /* NULL: not over HTTP */
	uint32_t deadline_ms;          /* 2,000 unless x-deadline-ms */
	bool idempotent;               /* takes an Idempotency-Key */
	bool reads; /* x-reads: no write, may run outside the batch's transaction */
	bool pure;  /* x-pure: touches no database; its handler has no tx */
};

struct proto_event {
	const char *service; /* "registry"; NULL for the library's own events, any service's */
	const char *type;    /* "registry.agent.created" ("evidence.recorded" for the library's) */
	const struct proto_type *data;
};

/* Generated, gen/<service>.h for each service and gen/common.h:
 *   extern const struct proto_type <service>_<schema>_type;
 *   extern const struct proto_call CALL_<SERVICE>_<CALL>;    (library's: CALL_OUTBOX_READ, ...)
 *   extern const struct proto_event EVT_<SERVICE>_<ENTITY>_<VERB>;
 * and gen/contract.h:
 *   extern const struct proto_call *const proto_calls[];     NULL ends
 *   extern const struct proto_event *const proto_events[];   NULL ends */

#endif
