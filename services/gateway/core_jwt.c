/* core_jwt.c: bearer tokens of the organisation's provider. Three algorithms, chosen by the key and
 * not by the token: the token's `alg` only has to agree. */
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "gateway.h"

#define JWT_ARENA_BYTES_MAX (256 * 1024)
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define P256_BYTES 32

enum jwt_algorithm { JWT_RS256, JWT_ES256, JWT_EDDSA };
static const char *const algorithm_names[] = { "RS256", "ES256", "EdDSA" };

struct jwt_key {
	char id[JWT_KEY_ID_SIZE];
	enum jwt_algorithm algorithm;
	EVP_PKEY *key;
};

struct jwt_keys {
	size_t count;
	struct jwt_key keys[JWT_KEYS_MAX];
};

/* base64url without padding (RFC 7515); no other character, unused bits are zero. */
static bool base64url_decode(struct str text, struct arena *arena, struct str *ret)
{
	size_t padded = (text.size + 3) / 4 * 4, size = 0;
	char *standard = arena_alloc(arena, padded + 1);
	char *out = arena_alloc(arena, padded + 1);

	if (!standard || !out || text.size % 4 == 1)
		return false;
	for (size_t i = 0; i < padded; i++) {
		char c = i < text.size ? text.data[i] : '=';
		if (i < text.size && (c == '+' || c == '/' || c == '='))
			return false;
		standard[i] = c == '-' ? '+' : c == '_' ? '/' : c;
	}
	if (base64_decode((struct str){ standard, padded }, out, padded, &size) != ST_OK)
		return false;
	*ret = (struct str){ out, size };
	return true;
}

static bool member_bytes(const struct json *jwk, const char *name, struct arena *arena,
			 struct str *ret)
{
	const struct json *member = json_member(jwk, name);

	return member && member->kind == JSON_STRING && member->text.size > 0 &&
	       base64url_decode(member->text, arena, ret);
}

static bool member_is(const struct json *object, const char *name, const char *wanted)
{
	const struct json *member = json_member(object, name);

	return member && member->kind == JSON_STRING && str_is(member->text, wanted);
}

static EVP_PKEY *key_of_params(const char *type, OSSL_PARAM_BLD *builder)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (!params || !context || EVP_PKEY_fromdata_init(context) <= 0 ||
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
		key = NULL;
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(context);
	return key;
}

static EVP_PKEY *rsa_key(const struct json *jwk, struct arena *arena)
{
	struct str n, e;

	if (!member_bytes(jwk, "n", arena, &n) || !member_bytes(jwk, "e", arena, &e) ||
	    n.size > RSA_BITS_MAX / 8 || e.size > 8)
		return NULL;
	BIGNUM *modulus = BN_bin2bn((const unsigned char *)n.data, (int)n.size, NULL);
	BIGNUM *exponent = BN_bin2bn((const unsigned char *)e.data, (int)e.size, NULL);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;

	if (modulus && exponent && builder && BN_num_bits(modulus) >= RSA_BITS_MIN &&
	    BN_is_odd(exponent) && BN_num_bits(exponent) > 1 &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent))
		key = key_of_params("RSA", builder);
	OSSL_PARAM_BLD_free(builder);
	BN_free(modulus);
	BN_free(exponent);
	return key;
}

static EVP_PKEY *ec_key(const struct json *jwk, struct arena *arena)
{
	unsigned char point[1 + 2 * P256_BYTES] = { 4 };
	OSSL_PARAM_BLD *builder;
	EVP_PKEY *key = NULL;
	struct str x, y;

	if (!member_is(jwk, "crv", "P-256") || !member_bytes(jwk, "x", arena, &x) ||
	    !member_bytes(jwk, "y", arena, &y) || x.size != P256_BYTES || y.size != P256_BYTES)
		return NULL;
	memcpy(point + 1, x.data, P256_BYTES);
	memcpy(point + 1 + P256_BYTES, y.data, P256_BYTES);
	builder = OSSL_PARAM_BLD_new();
	if (builder &&
	    OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) &&
	    OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point,
					     sizeof(point)))
		key = key_of_params("EC", builder);
	OSSL_PARAM_BLD_free(builder);
	return key;
}

static EVP_PKEY *okp_key(const struct json *jwk, struct arena *arena)
{
	struct str x;

	if (!member_is(jwk, "crv", "Ed25519") || !member_bytes(jwk, "x", arena, &x) ||
	    x.size != PUBLIC_KEY_BYTES)
		return NULL;
	return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)x.data,
					   x.size);
}

static void key_add(struct jwt_keys *keys, const struct json *jwk, struct arena *arena)
{
	struct jwt_key *key = &keys->keys[keys->count];
	const struct json *id = json_member(jwk, "kid");
	const struct json *use = json_member(jwk, "use"), *alg = json_member(jwk, "alg");

	if (jwk->kind != JSON_OBJECT || (use && !member_is(jwk, "use", "sig")) ||
	    (id && (id->kind != JSON_STRING || id->text.size >= sizeof(key->id))))
		return;
	*key = (struct jwt_key){ .algorithm = JWT_RS256 };
	if (member_is(jwk, "kty", "RSA")) {
		key->key = rsa_key(jwk, arena);
	} else if (member_is(jwk, "kty", "EC")) {
		key->algorithm = JWT_ES256;
		key->key = ec_key(jwk, arena);
	} else if (member_is(jwk, "kty", "OKP")) {
		key->algorithm = JWT_EDDSA;
		key->key = okp_key(jwk, arena);
	}
	if (key->key && alg && !member_is(jwk, "alg", algorithm_names[key->algorithm])) {
		EVP_PKEY_free(key->key);
		key->key = NULL;
	}
	if (!key->key)
		return;
	if (id)
		memcpy(key->id, id->text.data, id->text.size);
	keys->count++;
}

static enum st keys_read(struct str text, struct arena *arena, struct jwt_keys *keys,
			 struct problem *problem)
{
	struct json *root = NULL;

	TRY(json_parse(arena, text, &root, problem));
	const struct json *list = json_member(root, "keys");
	if (!list || list->kind != JSON_ARRAY)
		return problem_set(problem, ST_MESSAGE_INVALID, "/keys", "a key set has keys");
	for (const struct json *jwk = list->first; jwk && keys->count < JWT_KEYS_MAX;
	     jwk = jwk->next)
		key_add(keys, jwk, arena);
	if (keys->count == 0)
		return problem_set(problem, ST_KEY_UNKNOWN, "/keys", "no key in it can be used");
	return ST_OK;
}

enum st jwt_keys_parse(struct str text, struct jwt_keys **ret, struct problem *problem)
{
	struct jwt_keys *keys = calloc(1, sizeof(*keys));
	struct arena arena;

	if (!keys)
		return ST_NO_MEMORY;
	arena_init(&arena, 4 * JWT_KEY_SET_BYTES_MAX);
	enum st st = text.size > JWT_KEY_SET_BYTES_MAX
			     ? problem_set(problem, ST_TOO_LARGE, "", "the key set is too large")
			     : keys_read(text, &arena, keys, problem);
	arena_free(&arena);
	if (st != ST_OK) {
		jwt_keys_free(keys);
		return st;
	}
	*ret = keys;
	return ST_OK;
}

void jwt_keys_free(struct jwt_keys *keys)
{
	if (!keys)
		return;
	for (size_t i = 0; i < keys->count; i++)
		EVP_PKEY_free(keys->keys[i].key);
	free(keys);
}

size_t jwt_keys_count(const struct jwt_keys *keys)
{
	return keys ? keys->count : 0;
}

/* JOSE has r and s side by side, OpenSSL wants them in DER. */
static size_t ecdsa_der(struct str raw, unsigned char ret[80])
{
	const unsigned char *bytes = (const unsigned char *)raw.data;
	unsigned char *out = ret;
	int size = 0;

	if (raw.size != 2 * P256_BYTES)
		return 0;
	ECDSA_SIG *signature = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(bytes, P256_BYTES, NULL);
	BIGNUM *s = BN_bin2bn(bytes + P256_BYTES, P256_BYTES, NULL);
	if (signature && r && s && ECDSA_SIG_set0(signature, r, s)) {
		size = i2d_ECDSA_SIG(signature, &out);
	} else {
		BN_free(r);
		BN_free(s);
	}
	ECDSA_SIG_free(signature);
	return size > 0 ? (size_t)size : 0;
}

static bool signature_holds(const struct jwt_key *key, struct str input, struct str signature)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char der[80];

	if (key->algorithm == JWT_ES256) {
		size_t size = ecdsa_der(signature, der);
		signature = (struct str){ (const char *)der, size };
	}
	bool holds =
		context && signature.size > 0 &&
		EVP_DigestVerifyInit(context, NULL,
				     key->algorithm == JWT_EDDSA ? NULL : EVP_sha256(), NULL,
				     key->key) > 0 &&
		EVP_DigestVerify(context, (const unsigned char *)signature.data, signature.size,
				 (const unsigned char *)input.data, input.size) == 1;
	EVP_MD_CTX_free(context);
	return holds;
}

static enum st invalid(struct problem *problem, const char *reason)
{
	return problem_set(problem, ST_CREDENTIAL_INVALID, "", "%s", reason);
}

static enum st object_of(struct str part, struct arena *arena, struct json **ret,
			 struct problem *problem)
{
	struct problem ignored;
	struct str text;

	if (!base64url_decode(part, arena, &text) ||
	    json_parse(arena, text, ret, &ignored) != ST_OK || (*ret)->kind != JSON_OBJECT)
		return invalid(problem, "a part of the token is no JSON object in base64url");
	return ST_OK;
}

/* Without a key id any key of the algorithm may have signed. */
static enum st signature_check(const struct json *head, struct str input, struct str signature,
			       const struct jwt_keys *keys, struct problem *problem)
{
	const struct json *id = json_member(head, "kid");
	bool known = false;

	if (json_member(head, "crit"))
		return invalid(problem, "the token has critical headers");
	if (id && id->kind != JSON_STRING)
		return invalid(problem, "the token's key id is no text");
	for (size_t i = 0; keys && i < keys->count; i++) {
		const struct jwt_key *key = &keys->keys[i];
		if (id && !str_is(id->text, key->id))
			continue;
		if (!member_is(head, "alg", algorithm_names[key->algorithm])) {
			if (id)
				return invalid(problem, "the token's algorithm is not its key's");
			continue;
		}
		known = true;
		if (signature_holds(key, input, signature))
			return ST_OK;
	}
	if (!known)
		return problem_set(problem, ST_KEY_UNKNOWN, "", "no key has signed this token");
	return invalid(problem, "the token's signature does not verify");
}

static bool audience_holds(const struct json *claims, struct str wanted)
{
	const struct json *audience = json_member(claims, "aud");

	if (!audience)
		return false;
	if (audience->kind == JSON_STRING)
		return str_equal(audience->text, wanted);
	for (const struct json *item = audience->kind == JSON_ARRAY ? audience->first : NULL; item;
	     item = item->next)
		if (item->kind == JSON_STRING && str_equal(item->text, wanted))
			return true;
	return false;
}

/* Seconds, a fraction allowed; far from what a double cannot hold. */
static bool claim_ms(const struct json *claims, const char *name, int64_t *ret)
{
	const struct json *claim = json_member(claims, name);

	if (!claim || claim->kind != JSON_NUMBER || !(claim->number >= 0 && claim->number < 1e11))
		return false;
	*ret = (int64_t)(claim->number * 1000);
	return true;
}

static enum st times_check(const struct json *claims, int64_t now_ms, int64_t *ret_expires_ms,
			   struct problem *problem)
{
	int64_t expires_ms, issued_ms = 0, not_before_ms = 0;

	if (!claim_ms(claims, "exp", &expires_ms))
		return invalid(problem, "the token does not say when it ends");
	if (json_member(claims, "iat") && !claim_ms(claims, "iat", &issued_ms))
		return invalid(problem, "the token's iat is no time");
	if (json_member(claims, "nbf") && !claim_ms(claims, "nbf", &not_before_ms))
		return invalid(problem, "the token's nbf is no time");
	if (expires_ms + JWT_SKEW_MS <= now_ms)
		return problem_set(problem, ST_CREDENTIAL_EXPIRED, "", "the token has ended");
	if (not_before_ms > now_ms + JWT_SKEW_MS || issued_ms > now_ms + JWT_SKEW_MS)
		return problem_set(problem, ST_CREDENTIAL_EXPIRED, "",
				   "the token is from the future");
	if (expires_ms > now_ms + JWT_LIFE_MS_MAX + JWT_SKEW_MS)
		return invalid(problem, "the token lives longer than a day");
	*ret_expires_ms = expires_ms + JWT_SKEW_MS;
	return ST_OK;
}

static void scopes_add(struct principal *principal, const struct json *claim)
{
	struct str rest, part;

	if (!claim)
		return;
	if (claim->kind == JSON_STRING) {
		rest = claim->text;
		while (str_cut(rest, ' ', &part, &rest))
			(void)!principal_scope_add(principal, part);
		(void)!principal_scope_add(principal, rest);
	}
	for (const struct json *item = claim->kind == JSON_ARRAY ? claim->first : NULL; item;
	     item = item->next)
		if (item->kind == JSON_STRING)
			(void)!principal_scope_add(principal, item->text);
}

static enum st claims_check(const struct json *claims, const struct jwt_rules *rules,
			    struct principal *ret, struct problem *problem)
{
	const struct json *issuer = json_member(claims, "iss"),
			  *subject = json_member(claims, "sub");
	int64_t expires_ms = 0;
	char name[64];

	if (!issuer || issuer->kind != JSON_STRING || !str_equal(issuer->text, rules->issuer))
		return invalid(problem, "the token is from another issuer");
	if (!audience_holds(claims, rules->audience))
		return invalid(problem, "the token is for another audience");
	TRY(times_check(claims, rules->now_ms, &expires_ms, problem));
	if (!subject || subject->kind != JSON_STRING ||
	    principal_set(ret, PROTO_HUMAN, subject->text) != ST_OK)
		return invalid(problem, "the token's subject cannot be a principal");
	ret->expires_ms = expires_ms;
	if (str_copy(rules->scopes_claim, name, sizeof(name)))
		scopes_add(ret, json_member(claims, name));
	return ST_OK;
}

static enum st token_check(struct str token, const struct jwt_keys *keys,
			   const struct jwt_rules *rules, struct arena *arena,
			   struct principal *ret, struct problem *problem)
{
	struct str head_part, rest, claims_part, signature_part, signature;
	struct json *head = NULL, *claims = NULL;

	if (token.size > JWT_BYTES_MAX || !str_cut(token, '.', &head_part, &rest) ||
	    !str_cut(rest, '.', &claims_part, &signature_part) ||
	    !base64url_decode(signature_part, arena, &signature))
		return invalid(problem, "the token is not of the form of a JSON Web Token");
	TRY(object_of(head_part, arena, &head, problem));
	struct str input = { token.data, head_part.size + 1 + claims_part.size };
	TRY(signature_check(head, input, signature, keys, problem));
	TRY(object_of(claims_part, arena, &claims, problem));
	return claims_check(claims, rules, ret, problem);
}

enum st jwt_check(struct str token, const struct jwt_keys *keys, const struct jwt_rules *rules,
		  struct principal *ret, struct problem *problem)
{
	struct principal principal = { 0 };
	struct arena arena;

	arena_init(&arena, JWT_ARENA_BYTES_MAX);
	enum st st = token_check(token, keys, rules, &arena, &principal, problem);
	arena_free(&arena);
	if (st == ST_OK)
		*ret = principal;
	return st;
}
