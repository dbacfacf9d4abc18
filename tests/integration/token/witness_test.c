/* Another library's view of our tokens, and ours of what it made. Needs node; the library comes
 * from tests/integration/token/package.json. [TOK-1] [TOK-6] [TOK-7] [TOK-10] */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "id.h"
#include "tests/lib/harness.h"
#include "token_check.h"

#define FOLDER "tests/integration/token"
#define DAY_MS INT64_C(86400000)

static struct signing_key issuer, holder, next;
static struct token_key_set keys;
static struct arena arena;
static struct json *answer;
static struct str token;

static struct str said(const char *name)
{
	const struct json *member = json_member(answer, name);

	assert_non_null(member);
	return member->text;
}

static struct token_key public_key(void)
{
	char x[BASE64URL_SIZE(PUBLIC_KEY_BYTES)];

	base64url_encode(issuer.public_key, PUBLIC_KEY_BYTES, x);
	return (struct token_key){ .kid = str_of(issuer.key_id),
				   .x = arena_copy(&arena, str_of(x)),
				   .state = TOKEN_KEY_STATE_ACTIVE };
}

static void token_make(void)
{
	static struct str scopes[] = { { "trend_scan", 10 }, { "gumroad_publish", 15 } };
	char id[ID_TEXT_SIZE], text[PUBLIC_KEY_TEXT_SIZE];
	struct token_holder cnf = { .public_key = { text, sizeof(text) - 1 } };
	struct token_limits limits = { .has_amount_per_day = true,
				       .amount_per_day = { 12500000, "GBP" } };
	int64_t now_ms = clock_now_ms();
	struct token_claims claims = { .sub = STR("piopl_00042"),
				       .scopes = { scopes, 2 },
				       .risk = TOKEN_RISK_HIGH,
				       .iat_ms = now_ms,
				       .exp_ms = now_ms + DAY_MS,
				       .limits = &limits,
				       .cnf = &cnf };

	id_make("tok", now_ms, id);
	claims.jti = str_of(id);
	base64_encode(holder.public_key, PUBLIC_KEY_BYTES, text);
	assert_int_equal(token_mint(&issuer, &claims, &arena, &token), ST_OK);
}

static const char *seed_text(const struct signing_key *key)
{
	char text[HEX_SIZE(SEED_BYTES)];

	hex_encode(key->secret, SEED_BYTES, text);
	return arena_copy(&arena, str_of(text)).data;
}

/* The library is fetched once, as the other witnesses' are. */
static void witness_ask(void)
{
	char path[] = "/tmp/piopl-witness-XXXXXX", command[1024];
	static char text[64 * 1024];
	int fd = mkstemp(path);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
	struct problem problem;

	assert_non_null(file);
	fprintf(file,
		"{\"issuer_seed\":\"%s\",\"holder_seed\":\"%s\",\"next_seed\":\"%s\",\"token\":"
		"\"%.*s\"}",
		seed_text(&issuer), seed_text(&holder), seed_text(&next), STR_ARG(token));
	assert_int_equal(fclose(file), 0);
	snprintf(command, sizeof(command),
		 "cd %s/" FOLDER " && { [ -d node_modules/paseto ] || npm ci --no-audit --no-fund "
		 ">&2; } && node witness.mjs %s",
		 harness_root_folder(), path);
	FILE *pipe = popen(command, "r");
	assert_non_null(pipe);
	size_t size = fread(text, 1, sizeof(text), pipe);
	assert_int_equal(pclose(pipe), 0);
	unlink(path);
	assert_int_equal(json_parse(&arena, (struct str){ text, size }, &answer, &problem), ST_OK);
}

static int setup(void **state)
{
	(void)state;
	crypto_init();
	arena_init(&arena, 4 * 1024 * 1024);
	signing_key_generate(&issuer);
	signing_key_generate(&holder);
	signing_key_generate(&next);
	struct token_key key = public_key();
	assert_int_equal(token_key_set_put(&keys, &key), ST_OK);
	token_make();
	witness_ask();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static enum st opened(struct str text, struct token_view *view)
{
	struct problem problem = { 0 };

	return token_open(&keys, text, &arena, view, &problem);
}

static void another_library_reads_our_claims(void **state)
{
	const struct json *claims = json_member(answer, "claims");

	(void)state;
	assert_true(str_is(json_member(claims, "sub")->text, "piopl_00042"));
	assert_true(str_is(json_member(claims, "risk")->text, "high"));
	assert_int_equal(json_member(claims, "scopes")->count, 2);
}

static void another_library_refuses_every_changed_token(void **state)
{
	(void)state;
	assert_true(json_member(answer, "mutations")->number > 400);
	assert_true(json_member(answer, "refused")->number ==
		    json_member(answer, "mutations")->number);
}

static void we_take_what_another_library_signed_and_nothing_near_it(void **state)
{
	struct str minted = said("minted");
	struct token_view view;

	(void)state;
	assert_int_equal(opened(minted, &view), ST_OK);
	assert_int_equal(view.agent_number, 42);
	assert_int_equal(view.amount_per_day.micros, 12500000);
	char *text = arena_alloc(&arena, minted.size);
	for (size_t i = 0; i < minted.size; i++) {
		memcpy(text, minted.data, minted.size);
		text[i] = text[i] == 'A' ? 'B' : 'A';
		struct arena small;
		struct problem problem;
		arena_init(&small, 64 * 1024);
		assert_int_not_equal(token_open(&keys, (struct str){ text, minted.size }, &small,
						&view, &problem),
				     ST_OK);
		arena_free(&small);
	}
}

static void we_take_blocks_and_proofs_that_another_program_made(void **state)
{
	struct token_proof proof = { .text = said("proof"),
				     .method = STR("POST"),
				     .target = STR("/v1/tools/gumroad"),
				     .body_hash = said("body_hash") };
	struct token_view view;
	struct problem problem;
	struct hash nonce;
	int64_t made_at_ms;

	(void)state;
	assert_int_equal(opened(said("child"), &view), ST_OK);
	assert_int_equal(view.scope_count, 1);
	assert_int_equal(view.risk, TOKEN_RISK_LOW);
	assert_memory_equal(view.holder_key, next.public_key, PUBLIC_KEY_BYTES);
	assert_int_equal(opened(said("widened"), &view), ST_TOKEN_CHAIN_WIDENS);
	assert_int_equal(opened(said("grandchild"), &view), ST_OK);
	assert_int_equal(view.depth, 2);
	assert_int_equal(token_proof_verify(&view, &proof, clock_now_ms(), TOKEN_PROOF_WINDOW_MS,
					    &nonce, &made_at_ms, &problem),
			 ST_OK);
	proof.target = STR("/v1/tools/other");
	assert_int_equal(token_proof_verify(&view, &proof, clock_now_ms(), TOKEN_PROOF_WINDOW_MS,
					    &nonce, &made_at_ms, &problem),
			 ST_PROOF_SIGNATURE_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_library_reads_our_claims),
		cmocka_unit_test(another_library_refuses_every_changed_token),
		cmocka_unit_test(we_take_what_another_library_signed_and_nothing_near_it),
		cmocka_unit_test(we_take_blocks_and_proofs_that_another_program_made),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
