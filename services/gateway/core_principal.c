/* core_principal.c: who asks, what credential says so, and whether a route is open to them. */
#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "gateway.h"

static const struct {
	const char *name;
	enum proto_principal kind;
} kinds[] = {
	{ "human", PROTO_HUMAN },
	{ "agent", PROTO_AGENT },
	{ "operator", PROTO_OPERATOR },
	{ "service", PROTO_SERVICE },
};

const char *principal_kind_name(enum proto_principal kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].kind == kind)
			return kinds[i].name;
	return "";
}

bool principal_kind_parse(struct str name, enum proto_principal *ret)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (str_is(name, kinds[i].name)) {
			*ret = kinds[i].kind;
			return true;
		}
	return false;
}

/* It travels in headers and stands in logs: nothing that could end a line or a field. */
static bool subject_is_valid(struct str s)
{
	static const char others[] = "_@.:|/-";

	if (s.size == 0 || s.size >= GATEWAY_SUBJECT_SIZE)
		return false;
	for (size_t i = 0; i < s.size; i++) {
		char c = s.data[i];
		bool letter =
			(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!letter && !memchr(others, c, sizeof(others) - 1))
			return false;
	}
	return true;
}

enum st principal_set(struct principal *principal, enum proto_principal kind, struct str subject)
{
	const char *name = principal_kind_name(kind);
	size_t size = strlen(name);

	if (size == 0 || !subject_is_valid(subject))
		return ST_CREDENTIAL_INVALID;
	*principal = (struct principal){ .kind = kind };
	memcpy(principal->subject, subject.data, subject.size);
	memcpy(principal->text, name, size);
	principal->text[size] = ':';
	memcpy(principal->text + size + 1, subject.data, subject.size);
	return ST_OK;
}

static bool scope_is_valid(struct str s)
{
	if (s.size == 0 || s.size > GATEWAY_SCOPE_BYTES_MAX || s.data[0] < 'a' || s.data[0] > 'z')
		return false;
	for (size_t i = 0; i < s.size; i++)
		if (!(s.data[i] >= 'a' && s.data[i] <= 'z') && s.data[i] != '_' &&
		    s.data[i] != ':' && s.data[i] != '-')
			return false;
	return true;
}

enum st principal_scope_add(struct principal *principal, struct str scope)
{
	size_t size = strlen(principal->scopes), count = size > 0;

	for (size_t i = 0; i < size; i++)
		count += principal->scopes[i] == ' ';
	if (!scope_is_valid(scope) || count == GATEWAY_SCOPES_MAX)
		return ST_CREDENTIAL_INVALID;
	ASSERT(size + 1 + scope.size < sizeof(principal->scopes));
	if (size > 0)
		principal->scopes[size++] = ' ';
	memcpy(principal->scopes + size, scope.data, scope.size);
	principal->scopes[size + scope.size] = 0;
	return ST_OK;
}

bool scopes_have(struct str scopes, struct str scope)
{
	struct str head, tail = scopes;

	while (str_cut(tail, ' ', &head, &tail))
		if (str_equal(head, scope))
			return true;
	return scope.size > 0 && str_equal(tail, scope);
}

enum st principal_may_enter(const struct principal *principal, const struct proto_call *call,
			    struct problem *problem)
{
	const struct proto_http *http = call->http;

	if (!(http->principals & principal->kind))
		return problem_set(
			problem, ST_PRINCIPAL_NOT_ALLOWED, "",
			"\"%s\" is %s %s and %s %s is not for them", principal->text,
			principal->kind == PROTO_AGENT || principal->kind == PROTO_OPERATOR ? "an"
											    : "a",
			principal_kind_name(principal->kind), http->method, http->path);
	if (strcmp(http->scope, GATEWAY_SCOPE_SELF) != 0 &&
	    !scopes_have(str_of(principal->scopes), str_of(http->scope))) {
		problem_set(problem, ST_SCOPE_MISSING, "", "%s %s needs the scope \"%s\"",
			    http->method, http->path, http->scope);
		problem_hint(problem, "use a credential that was made with \"%s\"", http->scope);
		return ST_SCOPE_MISSING;
	}
	return ST_OK;
}

enum st principal_may(const struct principal *principal, const struct proto_call *call,
		      struct str request, struct arena *arena, struct problem *problem)
{
	const char *own = call->http->own;
	struct json *root = NULL;

	TRY(principal_may_enter(principal, call, problem));
	if (principal->kind != PROTO_AGENT && principal->kind != PROTO_OPERATOR)
		return ST_OK;
	if (!own) /* theirs by its nature: the service takes it from the principal */
		return ST_OK;
	TRY(json_parse(arena, request, &root, problem));
	const struct json *member = json_member(root, own);
	if (member && member->kind == JSON_STRING && str_is(member->text, principal->subject))
		return ST_OK;
	return problem_set(problem, ST_NOT_OWN, "", "\"%s\" has to be \"%s\"", own,
			   principal->subject);
}

static bool has_prefix_ignoring_case(const char *text, const char *prefix)
{
	for (; *prefix; text++, prefix++)
		if (tolower((unsigned char)*text) != *prefix)
			return false;
	return true;
}

static size_t dots(struct str s)
{
	size_t count = 0;

	for (size_t i = 0; i < s.size; i++)
		count += s.data[i] == '.';
	return count;
}

enum st credential_parse(const char *header, struct credential *ret)
{
	static const char bearer[] = "bearer ";

	*ret = (struct credential){ .kind = CREDENTIAL_NONE };
	if (!header)
		return ST_OK;
	if (!has_prefix_ignoring_case(header, bearer))
		return ST_CREDENTIAL_UNSUPPORTED;
	struct str text = str_of(header + sizeof(bearer) - 1);
	if (text.size == 0 || text.size > JWT_BYTES_MAX)
		return ST_CREDENTIAL_INVALID;
	ret->text = text;
	if (str_starts(text, "pk_"))
		ret->kind = CREDENTIAL_API_KEY;
	else if (str_starts(text, "v4.public."))
		ret->kind = CREDENTIAL_CAPABILITY;
	else if (dots(text) == 2)
		ret->kind = CREDENTIAL_JWT;
	else
		return ST_CREDENTIAL_UNSUPPORTED;
	return ST_OK;
}

static bool all_hex(struct str s)
{
	for (size_t i = 0; i < s.size; i++)
		if (!(s.data[i] >= '0' && s.data[i] <= '9') &&
		    !(s.data[i] >= 'a' && s.data[i] <= 'f'))
			return false;
	return true;
}

enum st api_key_id_of(struct str text, char ret[API_KEY_ID_SIZE])
{
	if (text.size != API_KEY_TEXT_SIZE - 1 || !str_starts(text, "pk_") ||
	    text.data[API_KEY_ID_SIZE - 1] != '_' || !all_hex((struct str){ text.data + 3, 16 }) ||
	    !all_hex((struct str){ text.data + API_KEY_ID_SIZE, 64 }))
		return ST_CREDENTIAL_INVALID;
	memcpy(ret, text.data, API_KEY_ID_SIZE - 1);
	ret[API_KEY_ID_SIZE - 1] = 0;
	return ST_OK;
}

void api_key_hash(struct str secret, struct str text, struct hash *ret)
{
	unsigned size = sizeof(ret->bytes);

	ASSERT(HMAC(EVP_sha256(), secret.data, (int)secret.size, (const unsigned char *)text.data,
		    text.size, ret->bytes, &size));
	ASSERT(size == sizeof(ret->bytes));
}

bool idempotency_key_is_valid(struct str key)
{
	if (key.size == 0 || key.size > GATEWAY_IDEMPOTENCY_KEY_MAX)
		return false;
	for (size_t i = 0; i < key.size; i++)
		if (key.data[i] < 0x21 || key.data[i] > 0x7e)
			return false;
	return true;
}

bool traceparent_parse(const char *header, char ret[TRACE_ID_TEXT_SIZE])
{
	struct str s = header ? str_of(header) : (struct str){ "", 0 };
	bool zero = true;

	if (s.size != 55 || memcmp(s.data, "00-", 3) != 0 || s.data[35] != '-' ||
	    s.data[52] != '-' || !all_hex((struct str){ s.data + 3, 32 }) ||
	    !all_hex((struct str){ s.data + 36, 16 }) || !all_hex((struct str){ s.data + 53, 2 }))
		return false;
	for (size_t i = 3; i < 35; i++)
		zero = zero && s.data[i] == '0';
	if (zero)
		return false;
	memcpy(ret, s.data + 3, 32);
	ret[32] = 0;
	return true;
}
