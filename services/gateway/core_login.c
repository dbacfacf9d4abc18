/* core_login.c: a wallet's login: the nonce, the message to sign, and whether a signed message is
 * good here and now. A nonce is 16 random bytes, when it ends, and half of an HMAC over these and
 * what it was given for; so nothing is kept of those that are never used. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#include "clock.h"
#include "login.h"
#include "schema_uri.h"

#define NONCE_PURPOSE "piopl/login-nonce/v1\n"
#define RANDOM_DIGITS ((size_t)2 * LOGIN_RANDOM_BYTES)
#define END_DIGITS 12 /* of milliseconds */
#define TAG_BYTES 16
#define STATEMENT                                                                                  \
	"Log in to PIOPL. The key that is made for this wallet opens the scopes listed below."

/* ---- what an installation says ---- */

static bool is_loopback(struct str domain)
{
	return str_is(domain, "localhost") || str_starts(domain, "localhost:") ||
	       str_is(domain, "127.0.0.1") || str_starts(domain, "127.0.0.1:") ||
	       str_starts(domain, "[::1]");
}

static bool chains_parse(struct str text, struct login_rules *rules)
{
	struct str head, tail = text;
	bool more = true;

	while (more) {
		more = str_cut(tail, ',', &head, &tail);
		int64_t *chain = &rules->chains[rules->chain_count];
		if (rules->chain_count == LOGIN_CHAINS_MAX ||
		    !str_to_i64(more ? head : tail, chain) || *chain < 0)
			return false;
		rules->chain_count++;
	}
	return true;
}

enum st login_rules_make(struct str domain, struct str uri, struct str chains,
			 struct login_rules *ret, struct problem *problem)
{
	struct schema_uri parts;

	*ret = (struct login_rules){ .domain = domain };
	if (domain.size == 0)
		return ST_OK;
	if (uri.size == 0) {
		snprintf(ret->uri, sizeof(ret->uri), "%s://%.*s",
			 is_loopback(domain) ? "http" : "https", STR_ARG(domain));
	} else if (!str_copy(uri, ret->uri, sizeof(ret->uri))) {
		return problem_set(problem, ST_CONFIG_INVALID, "login_uri", "it is too long");
	}
	schema_uri_split(str_of(ret->uri), &parts);
	if (!schema_uri_is_reference(str_of(ret->uri), SCHEMA_URI_ASCII) ||
	    !str_equal(parts.authority, domain) ||
	    !(str_is(parts.scheme, "https") || str_is(parts.scheme, "http")))
		return problem_set(problem, ST_CONFIG_INVALID, "login_uri",
				   "\"%s\" is not https://%.*s or an address below it", ret->uri,
				   STR_ARG(domain));
	if (!chains_parse(chains, ret))
		return problem_set(problem, ST_CONFIG_INVALID, "login_chains",
				   "chain ids are up to %d numbers with commas between, not "
				   "\"%.*s\"",
				   LOGIN_CHAINS_MAX, STR_ARG(chains));
	return ST_OK;
}

static bool chain_is_accepted(const struct login_rules *rules, int64_t chain_id)
{
	for (size_t i = 0; i < rules->chain_count; i++)
		if (rules->chains[i] == chain_id)
			return true;
	return false;
}

/* ---- nonces ---- */

static void nonce_tag(struct str secret, struct str random_and_end, const struct siwe *message,
		      char ret[HEX_SIZE(TAG_BYTES)])
{
	char address[ETHEREUM_ADDRESS_TEXT_SIZE], text[512];
	uint8_t tag[HASH_BYTES];
	unsigned size = sizeof(tag);
	int length;

	ethereum_address_to_text(&message->address, address);
	length = snprintf(text, sizeof(text), NONCE_PURPOSE "%.*s\n%s\n%lld\n%.*s",
			  STR_ARG(random_and_end), address, (long long)message->chain_id,
			  STR_ARG(message->domain));
	ASSERT(length > 0 && (size_t)length < sizeof(text)); /* LOGIN_DOMAIN_BYTES_MAX */
	ASSERT(HMAC(EVP_sha256(), secret.data, (int)secret.size, (const unsigned char *)text,
		    (size_t)length, tag, &size));
	hex_encode(tag, TAG_BYTES, ret);
}

void login_nonce_make(struct str secret, const uint8_t random[LOGIN_RANDOM_BYTES], int64_t end_ms,
		      const struct siwe *message, char ret[LOGIN_NONCE_SIZE])
{
	ASSERT(end_ms >= 0 && end_ms < (int64_t)1 << (4 * END_DIGITS));
	hex_encode(random, LOGIN_RANDOM_BYTES, ret);
	snprintf(ret + RANDOM_DIGITS, END_DIGITS + 1, "%0*llx", END_DIGITS, (long long)end_ms);
	nonce_tag(secret, (struct str){ ret, RANDOM_DIGITS + END_DIGITS }, message,
		  ret + RANDOM_DIGITS + END_DIGITS);
}

static enum st nonce_check(struct str secret, const struct siwe *message, int64_t now_ms,
			   int64_t *ret_end_ms, struct problem *problem)
{
	char tag[HEX_SIZE(TAG_BYTES)];
	struct str nonce = message->nonce;
	struct str signed_part = { nonce.data, RANDOM_DIGITS + END_DIGITS };
	int64_t end_ms = 0;
	bool hex = nonce.size == LOGIN_NONCE_SIZE - 1;

	for (size_t i = 0; hex && i < nonce.size; i++) {
		char c = nonce.data[i];
		hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
		if (hex && i >= RANDOM_DIGITS && i < RANDOM_DIGITS + END_DIGITS)
			end_ms = end_ms << 4 | (c <= '9' ? c - '0' : c - 'a' + 10);
	}
	if (hex)
		nonce_tag(secret, signed_part, message, tag);
	if (!hex || !bytes_equal(tag, nonce.data + signed_part.size, sizeof(tag) - 1)) {
		problem_set(problem, ST_LOGIN_NONCE_UNKNOWN, "/message",
			    "the nonce was not given here for this wallet, domain and chain");
		problem_hint(problem, "ask POST /v1/auth/nonce for one");
		return ST_LOGIN_NONCE_UNKNOWN;
	}
	if (end_ms <= now_ms)
		return problem_set(problem, ST_LOGIN_NONCE_EXPIRED, "/message",
				   "the nonce ended %lld s ago",
				   (long long)((now_ms - end_ms) / 1000));
	*ret_end_ms = end_ms;
	return ST_OK;
}

/* ---- the message ---- */

static bool scope_in(const struct str *scopes, size_t count, struct str scope)
{
	for (size_t i = 0; i < count; i++)
		if (str_equal(scopes[i], scope))
			return true;
	return false;
}

size_t login_scopes_all(const struct proto_call *const *calls, struct str ret[GATEWAY_SCOPES_MAX])
{
	size_t count = 0;

	for (; *calls; calls++) {
		const struct proto_http *http = (*calls)->http;
		if (http && (http->principals & PROTO_OPERATOR) && count < GATEWAY_SCOPES_MAX &&
		    !scope_in(ret, count, str_of(http->scope)))
			ret[count++] = str_of(http->scope);
	}
	return count;
}

enum st login_message_make(const struct login_ask *ask, struct arena *arena, struct str *ret)
{
	struct siwe message = {
		.domain = ask->rules->domain,
		.statement = STR(STATEMENT),
		.uri = str_of(ask->rules->uri),
		.nonce = ask->nonce,
		.address = ask->address,
		.chain_id = ask->chain_id,
		.issued_at_ms = ask->now_ms,
		.has_expiration_ms = true,
		.expiration_ms = ask->end_ms,
		.resource_count = ask->scope_count,
	};

	for (size_t i = 0; i < ask->scope_count; i++) {
		message.resources[i] =
			arena_printf(arena, LOGIN_SCOPE_URN "%.*s", STR_ARG(ask->scopes[i]));
		if (!message.resources[i].data)
			return ST_TOO_LARGE;
	}
	*ret = siwe_print(&message, arena);
	return ret->data ? ST_OK : ST_TOO_LARGE;
}

static enum st place_check(const struct login_rules *rules, const struct siwe *message,
			   struct problem *problem)
{
	struct schema_uri ours, theirs;

	if (!str_equal(message->domain, rules->domain))
		return problem_set(problem, ST_LOGIN_DOMAIN_MISMATCH, "/message",
				   "it is for \"%.*s\", this is \"%.*s\"", STR_ARG(message->domain),
				   STR_ARG(rules->domain));
	schema_uri_split(str_of(rules->uri), &ours);
	schema_uri_split(message->uri, &theirs);
	if (!str_equal(theirs.authority, ours.authority) || !str_equal(theirs.scheme, ours.scheme))
		return problem_set(problem, ST_LOGIN_URI_MISMATCH, "/message",
				   "its URI is not at %s", rules->uri);
	if (message->scheme.data && !str_equal(message->scheme, ours.scheme))
		return problem_set(problem, ST_LOGIN_URI_MISMATCH, "/message",
				   "its scheme is \"%.*s\", not \"%.*s\"", STR_ARG(message->scheme),
				   STR_ARG(ours.scheme));
	if (!chain_is_accepted(rules, message->chain_id))
		return problem_set(problem, ST_LOGIN_CHAIN_MISMATCH, "/message",
				   "chain %lld is not accepted", (long long)message->chain_id);
	return ST_OK;
}

static enum st times_check(const struct login_rules *rules, const struct siwe *message,
			   int64_t now_ms, struct problem *problem)
{
	char now[TIME_TEXT_SIZE];

	time_format(now_ms, now);
	if (message->issued_at_ms + rules->nonce_ms <= now_ms)
		return problem_set(problem, ST_LOGIN_TOO_OLD, "/message",
				   "it was issued more than %lld s ago; it is %s",
				   (long long)(rules->nonce_ms / 1000), now);
	if (message->issued_at_ms > now_ms + LOGIN_SKEW_MS)
		return problem_set(problem, ST_LOGIN_NOT_YET_VALID, "/message",
				   "it was issued in the future; it is %s", now);
	if (message->has_not_before_ms && message->not_before_ms > now_ms)
		return problem_set(problem, ST_LOGIN_NOT_YET_VALID, "/message",
				   "its Not Before is in the future; it is %s", now);
	if (message->has_expiration_ms && message->expiration_ms <= now_ms)
		return problem_set(problem, ST_LOGIN_EXPIRED, "/message",
				   "its Expiration Time has passed; it is %s", now);
	return ST_OK;
}

static enum st signature_check(struct str text, struct str signature_text,
			       const struct siwe *message, struct problem *problem)
{
	char address[ETHEREUM_ADDRESS_TEXT_SIZE];
	struct ethereum_signature signature;
	struct ethereum_address signer;
	struct hash hash;
	enum st st = ethereum_signature_of_text(signature_text, &signature, problem);

	ethereum_message_hash(text, &hash);
	if (st == ST_OK)
		st = ethereum_recover(&hash, &signature, &signer, problem);
	if (st != ST_OK) {
		struct problem why = problem ? *problem : (struct problem){ 0 };
		return problem_set(problem, ST_LOGIN_SIGNATURE_INVALID, "/signature", "%s",
				   why.detail);
	}
	if (ethereum_address_equal(&signer, &message->address))
		return ST_OK;
	ethereum_address_to_text(&signer, address);
	return problem_set(problem, ST_LOGIN_SIGNATURE_INVALID, "/signature",
			   "over this message it is %s's, not the wallet's", address);
}

enum st login_check(const struct login_rules *rules, struct str secret, const struct login_try *in,
		    struct siwe *ret, int64_t *ret_end_ms, struct problem *problem)
{
	struct problem why = { 0 };
	struct siwe message;
	int64_t end_ms = 0;

	if (rules->domain.size == 0)
		return problem_set(problem, ST_LOGIN_DISABLED, "", "no domain is configured");
	if (siwe_parse(in->message, &message, &why) != ST_OK) {
		problem_set(problem, ST_LOGIN_MESSAGE_INVALID, "/message", "%s%s%s", why.pointer,
			    why.pointer[0] ? ": " : "", why.detail);
		problem_hint(problem, "%s", why.hint);
		return ST_LOGIN_MESSAGE_INVALID;
	}
	TRY(place_check(rules, &message, problem));
	TRY(times_check(rules, &message, in->now_ms, problem));
	TRY(nonce_check(secret, &message, in->now_ms, &end_ms, problem));
	TRY(signature_check(in->message, in->signature, &message, problem));
	*ret = message;
	*ret_end_ms = end_ms;
	return ST_OK;
}

enum st login_scopes(const struct siwe *message, const struct proto_call *const *calls,
		     struct str ret[GATEWAY_SCOPES_MAX], size_t *ret_count, struct problem *problem)
{
	struct str all[GATEWAY_SCOPES_MAX];
	size_t all_count = login_scopes_all(calls, all), count = 0;

	for (size_t i = 0; i < message->resource_count; i++) {
		struct str scope = message->resources[i];
		if (!str_starts(scope, LOGIN_SCOPE_URN))
			continue;
		scope.data += sizeof(LOGIN_SCOPE_URN) - 1;
		scope.size -= sizeof(LOGIN_SCOPE_URN) - 1;
		if (!scope_in(all, all_count, scope))
			return problem_set(problem, ST_SCOPE_UNKNOWN, "/message",
					   "no route for operators has the scope \"%.*s\"",
					   STR_ARG(scope));
		if (!scope_in(ret, count, scope))
			ret[count++] = scope;
	}
	*ret_count = count;
	return ST_OK;
}
