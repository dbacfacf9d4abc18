/* gateway.h: the pure half of the gateway: routes from the contract, binding a request to a call's
 * body, who asks and what they may, limits, problem documents, positions in the event streams. All
 * of it is in core_*.c, touches no socket, no bus and no clock, and is fuzzed. */
#ifndef PIOPL_GATEWAY_H
#define PIOPL_GATEWAY_H

#include "arena.h"
#include "crypto.h"
#include "proto.h"

#define GATEWAY_URI_BYTES_MAX 8192
#define GATEWAY_SEGMENTS_MAX 16    /* of a path */
#define GATEWAY_PARAMETERS_MAX 128 /* of a query */
#define GATEWAY_BODY_BYTES_MAX PROTO_BYTES_MAX
#define GATEWAY_IDEMPOTENCY_KEY_MAX 255
#define GATEWAY_SCOPES_MAX 64 /* of a credential */
#define GATEWAY_SCOPE_BYTES_MAX 64
#define GATEWAY_SCOPES_TEXT_SIZE (GATEWAY_SCOPES_MAX * (GATEWAY_SCOPE_BYTES_MAX + 1))
#define GATEWAY_SUBJECT_SIZE 129
#define GATEWAY_PRINCIPAL_SIZE (GATEWAY_SUBJECT_SIZE + 10) /* "operator:" and the subject */
#define GATEWAY_SCOPE_SELF "self:read" /* what every credential gives: asking who one is */
#define GATEWAY_SCOPE_EVENTS "events:read"

/* -- routes (core_route.c) -- */

struct route;
struct routes;

/* Every call with x-http of `calls` (NULL ends). NULL when the arena is full. */
struct routes *routes_build(struct arena *arena, const struct proto_call *const *calls);
/* What stands in the path's holes, in the order of the path; still percent-encoded. */
struct route_match {
	const struct proto_call *call;
	size_t count;
	struct str names[GATEWAY_SEGMENTS_MAX];
	struct str values[GATEWAY_SEGMENTS_MAX];
	char allow[64]; /* for ST_METHOD_NOT_ALLOWED: "GET, POST" */
};
/* `path` is without the query. ST_ROUTE_UNKNOWN, ST_METHOD_NOT_ALLOWED (`allow` is filled). */
MUST_CHECK enum st routes_match(const struct routes *routes, const char *method, struct str path,
				struct route_match *ret);
/* True when some route has this scope. */
bool routes_scope_known(const struct proto_call *const *calls, struct str scope);

/* -- binding (core_bind.c) -- */

/* The call's request as JSON: path and query by the types of the contract, or the body as it came
 * with the path's members put first. The service checks it against the schema; refused here is what
 * cannot be said in it: ST_REQUEST_MALFORMED (percent-encoding, NUL, bytes that are not UTF-8),
 * ST_MESSAGE_INVALID with a pointer (unknown or repeated parameter, no number where one belongs, a
 * body that names what the path names), ST_JSON_INVALID, ST_TOO_LARGE. */
MUST_CHECK enum st gateway_bind(const struct proto_call *call, const struct route_match *match,
				struct str query, struct str body, struct arena *arena,
				struct str *ret, struct problem *problem);
/* Percent-decoded; `plus` also turns "+" into a space. ST_REQUEST_MALFORMED, ST_TOO_LARGE. */
MUST_CHECK enum st uri_decode_plain(struct str text, struct arena *arena, struct str *ret);
MUST_CHECK enum st uri_decode_query(struct str text, struct arena *arena, struct str *ret);
/* One parameter after the other; false at the end. */
bool query_next(struct str *rest, struct str *ret_name, struct str *ret_value);

/* -- principals (core_principal.c) -- */

struct principal {
	enum proto_principal kind;
	char subject[GATEWAY_SUBJECT_SIZE];
	char text[GATEWAY_PRINCIPAL_SIZE];     /* "agent:piopl_00001" */
	char scopes[GATEWAY_SCOPES_TEXT_SIZE]; /* a space between */
	int64_t expires_ms;                    /* of the credential */
};

const char *principal_kind_name(enum proto_principal kind);
bool principal_kind_parse(struct str name, enum proto_principal *ret);
/* ST_CREDENTIAL_INVALID when the subject has other characters than the contract's or is too long.
 */
MUST_CHECK enum st principal_set(struct principal *principal, enum proto_principal kind,
				 struct str subject);
/* ST_CREDENTIAL_INVALID past GATEWAY_SCOPES_MAX or a malformed one. */
MUST_CHECK enum st principal_scope_add(struct principal *principal, struct str scope);
bool scopes_have(struct str scopes, struct str scope);
/* May this principal use this route with this request (its JSON)? ST_PRINCIPAL_NOT_ALLOWED,
 * ST_SCOPE_MISSING, ST_NOT_OWN. */
MUST_CHECK enum st principal_may(const struct principal *principal, const struct proto_call *call,
				 struct str request, struct arena *arena, struct problem *problem);
/* Kind and scope alone, before the request is read. */
MUST_CHECK enum st principal_may_enter(const struct principal *principal,
				       const struct proto_call *call, struct problem *problem);

enum credential_kind {
	CREDENTIAL_NONE,
	CREDENTIAL_API_KEY,
	CREDENTIAL_JWT,
	CREDENTIAL_CAPABILITY,
};

struct credential {
	enum credential_kind kind;
	struct str text; /* a view of the header */
};

#define API_KEY_ID_SIZE 20   /* "pk_", 16 hex digits, NUL */
#define API_KEY_TEXT_SIZE 85 /* key id, "_", 64 hex digits, NUL */

/* What an Authorization header says; `header` NULL is none. ST_CREDENTIAL_UNSUPPORTED,
 * ST_CREDENTIAL_INVALID. */
MUST_CHECK enum st credential_parse(const char *header, struct credential *ret);
/* ST_CREDENTIAL_INVALID */
MUST_CHECK enum st api_key_id_of(struct str text, char ret[API_KEY_ID_SIZE]);
/* HMAC-SHA-256 under the gateway's secret. */
void api_key_hash(struct str secret, struct str text, struct hash *ret);
/* 1 to 255 printable ASCII characters. */
bool idempotency_key_is_valid(struct str key);
/* The trace id of a traceparent; false when it is not one. */
bool traceparent_parse(const char *header, char ret[TRACE_ID_TEXT_SIZE]);

/* -- JSON Web Tokens (core_jwt.c) -- */

#define JWT_BYTES_MAX 8192
#define JWT_KEYS_MAX 32
#define JWT_SKEW_MS 60000
#define JWT_LIFE_MS_MAX (24 * 3600 * 1000LL) /* a token that says more is refused */
#define JWT_KEY_SET_BYTES_MAX (256 * 1024)
#define JWT_KEY_ID_SIZE 129

struct jwt_keys;

/* A JWK set (RFC 7517): RSA from 2048 to 8192 bits, EC P-256, OKP Ed25519; other keys, and those
 * for encryption, are passed over. ST_MESSAGE_INVALID, ST_JSON_INVALID, ST_TOO_LARGE,
 * ST_KEY_UNKNOWN when nothing usable is in it. */
MUST_CHECK enum st jwt_keys_parse(struct str text, struct jwt_keys **ret, struct problem *problem);
void jwt_keys_free(struct jwt_keys *keys);
size_t jwt_keys_count(const struct jwt_keys *keys);

struct jwt_rules {
	struct str issuer;
	struct str audience;
	struct str
		scopes_claim; /* "scope" (a text with spaces), or a claim that is a list of texts */
	int64_t now_ms;
};

/* Whose it is, a human: subject, scopes (those that are not of a scope's form are passed over),
 * end. ST_KEY_UNKNOWN (the caller may fetch the keys again), ST_CREDENTIAL_INVALID,
 * ST_CREDENTIAL_EXPIRED, each with its reason for the log. */
MUST_CHECK enum st jwt_check(struct str token, const struct jwt_keys *keys,
			     const struct jwt_rules *rules, struct principal *ret,
			     struct problem *problem);

/* -- limits (core_limit.c) -- */

#define LIMIT_WAYS 8 /* entries of one name's set; the one used longest ago gives way */

struct limit_entry {
	uint64_t name; /* 0: free */
	uint64_t at_ns;
	double tokens;
};

/* Token buckets by name, in a table that does not grow. */
struct limit {
	struct limit_entry *entries;
	size_t sets;
	double rate;  /* a second */
	double burst; /* a bucket that is full */
};

/* `sets` is a power of two. False: no memory. */
bool limit_init(struct limit *limit, size_t sets, double rate, double burst);
void limit_free(struct limit *limit);

struct limit_state {
	bool allowed;
	uint32_t remaining;
	uint32_t reset_s;       /* until the bucket is full */
	uint32_t retry_after_s; /* when not allowed, at least 1 */
};

/* Takes one. */
void limit_take(struct limit *limit, struct str name, uint64_t now_ns, struct limit_state *ret);
/* Looks without taking. */
void limit_look(struct limit *limit, struct str name, uint64_t now_ns, struct limit_state *ret);

/* -- problem documents (core_problem.c) -- */

/* RFC 9457, of the contract's Problem. A fault of ours or of the world says its code, title and
 * trace id and nothing else. `.data` is NULL when the arena is full. */
struct str problem_document(const struct problem *problem, const char *trace_id,
			    struct arena *arena);

/* -- streams (core_stream.c) -- */

#define STREAM_SOURCES_MAX 32
#define STREAM_POSITION_SIZE (STREAM_SOURCES_MAX * 40)

/* The last sequence seen of each source, in the order of `names`. -1: from now on. */
struct stream_position {
	size_t count;
	const char *const *names;
	int64_t sequences[STREAM_SOURCES_MAX];
};

/* "audit.12,registry.345"; sources with -1 are left out. */
void stream_position_format(const struct stream_position *position, char ret[STREAM_POSITION_SIZE]);
/* Fills the sequences of those named. ST_CURSOR_UNKNOWN: another form, a source that is not in
 * `names` or comes twice. */
MUST_CHECK enum st stream_position_parse(struct str text, struct stream_position *position,
					 struct problem *problem);

struct stream_event {
	struct str id, source, type, time, subject, trace_id, data;
	int64_t sequence;
};

/* A CloudEvent as JSON on one line; no line ends inside. */
struct str stream_event_json(const struct stream_event *event, struct arena *arena);
/* May this principal see it? Agents and operators: those about themselves. */
bool stream_event_visible(const struct principal *principal, struct str subject, struct str data,
			  struct arena *arena);
/* May this principal see events of this source at all? */
bool stream_source_visible(const struct principal *principal, const char *source);

#endif
