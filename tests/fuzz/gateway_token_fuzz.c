/* Credentials, key sets, tokens and stream positions from anyone: the first byte says which. */
#include "services/gateway/gateway.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char keys_text[] = "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"a\","
				"\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";

static void check_token(struct str text)
{
	const struct jwt_rules rules = { .issuer = STR("i"),
					 .audience = STR("a"),
					 .scopes_claim = STR("scope"),
					 .now_ms = 1700000000000 };
	static struct jwt_keys *keys;
	struct principal principal;
	struct problem problem;

	if (!keys)
		ASSERT(jwt_keys_parse(str_of(keys_text), &keys, &problem) == ST_OK);
	/* nobody here can sign */
	ASSERT(jwt_check(text, keys, &rules, &principal, &problem) != ST_OK);
}

static void check_keys(struct str text)
{
	struct jwt_keys *keys = NULL;
	struct problem problem;

	if (jwt_keys_parse(text, &keys, &problem) != ST_OK)
		return;
	ASSERT(jwt_keys_count(keys) > 0 && jwt_keys_count(keys) <= JWT_KEYS_MAX);
	jwt_keys_free(keys);
}

static void check_position(struct str text)
{
	static const char *const names[] = { "audit", "registry" };
	struct stream_position position = { .count = 2, .names = names, .sequences = { -1, -1 } };
	char again[STREAM_POSITION_SIZE];
	struct problem problem;

	if (stream_position_parse(text, &position, &problem) == ST_OK)
		stream_position_format(&position, again);
}

static void check_header(struct str text)
{
	char header[512], trace[TRACE_ID_TEXT_SIZE], id[API_KEY_ID_SIZE];
	struct credential credential;

	if (!str_copy(text, header, sizeof(header)))
		return;
	(void)traceparent_parse(header, trace);
	if (credential_parse(header, &credential) == ST_OK && credential.kind == CREDENTIAL_API_KEY)
		(void)!api_key_id_of(credential.text, id);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	if (size == 0)
		return 0;
	struct str text = { (const char *)bytes + 1, size - 1 };

	switch (bytes[0]) {
	case 't':
		check_token(text);
		break;
	case 'k':
		check_keys(text);
		break;
	case 'p':
		check_position(text);
		break;
	default:
		check_header(text);
		break;
	}
	return 0;
}
