/* token_fixture.h: tokens made by hand, for the tests of their text, their proofs and their
 * verifier. */
#ifndef PIOPL_TOKEN_FIXTURE_H
#define PIOPL_TOKEN_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "clock.h"
#include "id.h"
#include "token_check.h"

#define NOW_MS INT64_C(1767225600000) /* 2026-01-01 */
#define DAY_MS INT64_C(86400000)

static struct signing_key issuer, holder, second_holder, stranger;
static struct token_key_set keys;
static struct arena arena;

static inline struct str keep(const char *text)
{
	return arena_copy(&arena, str_of(text));
}

static inline struct token_key public_of(const struct signing_key *key, enum token_key_state state)
{
	char x[BASE64URL_SIZE(PUBLIC_KEY_BYTES)];

	base64url_encode(key->public_key, PUBLIC_KEY_BYTES, x);
	return (struct token_key){ .kid = keep(key->key_id), .x = keep(x), .state = state };
}

static inline struct token_holder *holder_of(const struct signing_key *key)
{
	struct token_holder *ret = ARENA_NEW(&arena, struct token_holder);
	char text[PUBLIC_KEY_TEXT_SIZE];

	base64_encode(key->public_key, PUBLIC_KEY_BYTES, text);
	ret->public_key = keep(text);
	return ret;
}

/* An array of the contract: LIST(claims.scopes, "a", "b") */
#define LIST(member, ...)                                                                          \
	do {                                                                                       \
		static struct str list_[] = { __VA_ARGS__ };                                       \
		(member).items = list_;                                                            \
		(member).count = sizeof(list_) / sizeof(list_[0]);                                 \
	} while (0)

/* Low risk, one scope, thirty days, bound to nobody. */
static inline struct token_claims plain_claims(void)
{
	char id[ID_TEXT_SIZE];

	id_make("tok", NOW_MS, id);
	struct token_claims claims = { .jti = keep(id),
				       .sub = STR("piopl_00042"),
				       .risk = TOKEN_RISK_LOW,
				       .iat_ms = NOW_MS,
				       .exp_ms = NOW_MS + 30 * DAY_MS };
	LIST(claims.scopes, STR("trend_scan"), STR("gumroad_publish"));
	return claims;
}

static inline struct token_claims bound_claims(void)
{
	struct token_claims claims = plain_claims();

	claims.risk = TOKEN_RISK_CRITICAL;
	claims.cnf = holder_of(&holder);
	return claims;
}

static inline struct str minted(const struct token_claims *claims)
{
	struct str text;

	assert_int_equal(token_mint(&issuer, claims, &arena, &text), ST_OK);
	return text;
}

static inline struct str appended(const struct signing_key *by, struct str token,
				  const struct token_block *block)
{
	struct str text;

	assert_int_equal(token_append(by, token, block, &arena, &text), ST_OK);
	return text;
}

static inline int fixture_setup(void **state)
{
	(void)state;
	crypto_init();
	arena_init(&arena, 16 * 1024 * 1024);
	signing_key_generate(&issuer);
	signing_key_generate(&holder);
	signing_key_generate(&second_holder);
	signing_key_generate(&stranger);
	keys = (struct token_key_set){ 0 };
	struct token_key key = public_of(&issuer, TOKEN_KEY_STATE_ACTIVE);
	assert_int_equal(token_key_set_put(&keys, &key), ST_OK);
	return 0;
}

static inline int fixture_teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

#endif
