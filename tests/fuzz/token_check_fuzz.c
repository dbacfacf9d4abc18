/* Tokens, claims, blocks and proofs from anyone. The first byte says what the rest is: a text; the
 * claims of a token the issuer signed by mistake; a block its holder signed; a proof. What opens is
 * within its bounds, a chain is within its parent, and the verifier says what the opening said. */
#include <stdio.h>

#include "token_check.h"

#include "clock.h"

#define NOW_MS INT64_C(1767225600000)
#define DAY_MS INT64_C(86400000)
#define BODY "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static struct signing_key issuer, holder;
static struct token_key_set keys;
static struct token_verifier *verifier;
static struct arena arena;

static struct token_key key_of(const struct signing_key *key, char x[BASE64URL_SIZE(32)])
{
	base64url_encode(key->public_key, PUBLIC_KEY_BYTES, x);
	return (struct token_key){ .kid = str_of(key->key_id),
				   .x = str_of(x),
				   .state = TOKEN_KEY_STATE_ACTIVE };
}

static void start(void)
{
	static const uint8_t first[SEED_BYTES] = { 1 }, second[SEED_BYTES] = { 2 };
	struct token_verifier_limits limits = token_verifier_defaults;
	char x[BASE64URL_SIZE(32)];

	crypto_init();
	signing_key_of_seed(first, &issuer);
	signing_key_of_seed(second, &holder);
	limits.tokens_max = 16;
	limits.revocations_max = limits.agents_max = 4;
	limits.nonces = token_nonces_map(TOKEN_NONCE_BUCKET);
	verifier = token_verifier_new(&limits);
	struct token_key key = key_of(&issuer, x);
	ASSERT(verifier && token_verifier_key(verifier, &key) == ST_OK);
	ASSERT(token_key_set_put(&keys, &key) == ST_OK);
	token_verifier_heard(verifier, NOW_MS);
	arena_init(&arena, 1024 * 1024);
}

static struct str bound_token(void)
{
	static struct str scopes[] = { { "a", 1 }, { "b", 1 } };
	static struct str endpoints[] = { { "x", 1 } };
	char text[PUBLIC_KEY_TEXT_SIZE];
	struct token_holder cnf = { .public_key = { text, sizeof(text) - 1 } };
	struct token_limits limits = { .has_endpoints = true,
				       .endpoints = { endpoints, 1 },
				       .has_amount_per_day = true,
				       .amount_per_day = { 5000000, "GBP" } };
	struct token_claims claims = { .jti = STR("tok_0190b0a0-0000-7000-8000-000000000000"),
				       .sub = STR("piopl_00001"),
				       .scopes = { scopes, 2 },
				       .risk = TOKEN_RISK_HIGH,
				       .iat_ms = NOW_MS,
				       .exp_ms = NOW_MS + DAY_MS,
				       .limits = &limits,
				       .cnf = &cnf };
	struct str token;

	base64_encode(holder.public_key, PUBLIC_KEY_BYTES, text);
	ASSERT(token_mint(&issuer, &claims, &arena, &token) == ST_OK);
	return token;
}

static void check_bounds(const struct token_view *view)
{
	ASSERT(view->depth <= TOKEN_DEPTH_MAX && view->scope_count > 0);
	ASSERT(view->scope_count <= TOKEN_SCOPES_MAX);
	ASSERT(view->endpoint_count <= TOKEN_ENDPOINTS_MAX);
	ASSERT(view->risk >= TOKEN_RISK_LOW && view->risk <= TOKEN_RISK_CRITICAL);
	ASSERT(view->issued_at_ms < TIME_MS_MAX && view->latest_ms >= view->issued_at_ms);
	ASSERT(view->expires_at_ms - view->issued_at_ms <= TOKEN_LIFE_MS_MAX);
	ASSERT(!view->amount_limited || view->amount_per_day.micros >= 0);
	ASSERT(view->depth == 0 || view->bound);
}

static void check_text(struct str text)
{
	const struct token_use use = { .token = text };
	struct problem problem = { 0 }, again = { 0 };
	struct token_view view;

	enum st st = token_open(&keys, text, &arena, &view, &problem);
	ASSERT(st == ST_OK || st_info(st)->kind == ST_KIND_REFUSAL);
	enum st used = token_check(verifier, &use, NOW_MS, NULL, &again);
	if (st != ST_OK) {
		ASSERT(used == st);
		return;
	}
	check_bounds(&view);
	/* and again from its memory */
	ASSERT(token_check(verifier, &use, NOW_MS, NULL, &again) == used);
}

static void check_signed(const struct signing_key *key, struct str payload, struct str footer)
{
	struct str text;

	if (paseto_sign(key, payload, footer, STR(TOKEN_ASSERTION), &arena, &text) == ST_OK)
		check_text(text);
}

static void check_block(struct str payload)
{
	struct str parent = bound_token(), block;
	char footer[64];
	struct token_view view;
	struct problem problem;

	struct str assertion =
		arena_printf(&arena, TOKEN_BLOCK_ASSERTION "\n%.*s", STR_ARG(parent));
	snprintf(footer, sizeof(footer), "{\"kid\":\"%s\"}", holder.key_id);
	if (paseto_sign(&holder, payload, str_of(footer), assertion, &arena, &block) != ST_OK)
		return;
	struct str text = arena_printf(&arena, "%.*s~%.*s", STR_ARG(parent), STR_ARG(block));
	if (text.data)
		check_text(text);
	if (!text.data || token_open(&keys, text, &arena, &view, &problem) != ST_OK)
		return;
	ASSERT(view.depth == 1 && view.risk <= TOKEN_RISK_HIGH);
	ASSERT(view.expires_at_ms <= NOW_MS + DAY_MS && view.issued_at_ms == NOW_MS);
	for (size_t i = 0; i < view.scope_count; i++)
		ASSERT(str_is(view.scopes[i], "a") || str_is(view.scopes[i], "b"));
	ASSERT(view.endpoints_limited && !token_reaches(&view, STR("y")));
	ASSERT(view.amount_limited && view.amount_per_day.micros <= 5000000);
	ASSERT(strcmp(view.amount_per_day.currency, "GBP") == 0);
}

static void check_proof(struct str text)
{
	struct token_view view;
	struct problem problem;
	struct hash nonce;
	int64_t made_at_ms;
	struct token_proof proof = {
		.text = text, .method = STR("POST"), .target = STR("/v1"), .body_hash = STR(BODY)
	};

	ASSERT(token_open(&keys, bound_token(), &arena, &view, &problem) == ST_OK);
	enum st st = token_proof_verify(&view, &proof, NOW_MS, TOKEN_PROOF_WINDOW_MS, &nonce,
					&made_at_ms, &problem);
	ASSERT(st != ST_OK || (made_at_ms >= NOW_MS - TOKEN_PROOF_WINDOW_MS &&
			       made_at_ms <= NOW_MS + TOKEN_PROOF_WINDOW_MS));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char footer[64];

	if (!verifier)
		start();
	arena_reset(&arena);
	if (size == 0)
		return 0;
	struct str rest = { (const char *)bytes + 1, size - 1 };
	snprintf(footer, sizeof(footer), "{\"kid\":\"%s\"}", issuer.key_id);
	if (bytes[0] == 'c')
		check_signed(&issuer, rest, str_of(footer));
	else if (bytes[0] == 'f')
		check_signed(&issuer, STR("{}"),
			     (struct str){ rest.data,
					   rest.size < PASETO_FOOTER_BYTES_MAX ? rest.size : 8 });
	else if (bytes[0] == 'b')
		check_block(rest);
	else if (bytes[0] == 'p')
		check_proof(rest);
	else
		check_text(rest);
	return 0;
}
