/* How a token ends, when it is renewed, when keys change, and how seeds are kept.
 * [TOK-4] [TOK-5] [TOK-8] */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/token/service.h"

#define NOW_MS INT64_C(1767225600000)
#define DAY_MS INT64_C(86400000)

static struct problem problem;

static struct token_row live_row(void)
{
	return (struct token_row){
		.capability = { .token_id = STR("tok_1"),
				.issued_at_ms = NOW_MS,
				.expires_at_ms = NOW_MS + 30 * DAY_MS,
				.auto_renew = true },
		.agent_state = REGISTRY_AGENT_STATE_ACTIVE,
	};
}

static void each_death_has_its_reason(void **state)
{
	static const struct {
		enum token_death death;
		enum st st;
	} cases[] = {
		{ TOKEN_LIVES, ST_OK },
		{ TOKEN_DEAD_ITSELF, ST_TOKEN_REVOKED },
		{ TOKEN_DEAD_KEY, ST_TOKEN_KEY_REVOKED },
		{ TOKEN_DEAD_ALL, ST_TOKEN_ALL_REVOKED },
		{ TOKEN_DEAD_AGENT, ST_TOKEN_AGENT_REVOKED },
		{ TOKEN_DEAD_SCOPE, ST_TOKEN_SCOPE_REVOKED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct token_row row = live_row();
		row.death = cases[i].death;
		assert_int_equal(token_usable(&row, NOW_MS, &problem), cases[i].st);
		assert_int_equal(token_state_of(&row, NOW_MS),
				 i == 0 ? TOKEN_CAPABILITY_STATE_LIVE
					: TOKEN_CAPABILITY_STATE_REVOKED);
	}
}

static void a_token_ends_at_its_time_and_with_its_agent(void **state)
{
	struct token_row row = live_row();

	(void)state;
	assert_int_equal(token_usable(&row, row.capability.expires_at_ms - 1, &problem), ST_OK);
	assert_int_equal(token_usable(&row, row.capability.expires_at_ms, &problem),
			 ST_TOKEN_EXPIRED);
	assert_int_equal(token_state_of(&row, row.capability.expires_at_ms),
			 TOKEN_CAPABILITY_STATE_EXPIRED);
	row.agent_state = REGISTRY_AGENT_STATE_PAUSED;
	assert_int_equal(token_usable(&row, NOW_MS, &problem), ST_AGENT_NOT_LIVE);
	row.agent_state = 0;
	assert_int_equal(token_usable(&row, NOW_MS, &problem), ST_AGENT_NOT_LIVE);
	row = live_row();
	row.agent_killed = true;
	assert_int_equal(token_usable(&row, NOW_MS, &problem), ST_AGENT_NOT_LIVE);
}

static void the_end_is_announced_in_the_last_part_of_a_life(void **state)
{
	(void)state;
	assert_int_equal(token_notice_at_ms(0, 30 * DAY_MS, 3 * DAY_MS), 27 * DAY_MS);
	assert_int_equal(token_notice_at_ms(0, 3 * DAY_MS, 3 * DAY_MS), 2 * DAY_MS);
	assert_int_equal(token_notice_at_ms(0, 9 * DAY_MS, 3 * DAY_MS), 6 * DAY_MS);
	assert_int_equal(token_notice_at_ms(0, 60000, 3 * DAY_MS), 40000);
}

static void renewal_is_for_tokens_made_for_it_in_their_last_part(void **state)
{
	struct token_row row = live_row();
	int64_t from = NOW_MS + 27 * DAY_MS;

	(void)state;
	assert_int_equal(renew_decide(&row, 3 * DAY_MS, from, &problem), ST_OK);
	assert_int_equal(renew_decide(&row, 3 * DAY_MS, from - 1, &problem), ST_RENEWAL_TOO_EARLY);
	row.capability.auto_renew = false;
	assert_int_equal(renew_decide(&row, 3 * DAY_MS, from, &problem), ST_RENEWAL_NOT_ALLOWED);
	row = live_row();
	row.death = TOKEN_DEAD_SCOPE;
	assert_int_equal(renew_decide(&row, 3 * DAY_MS, from, &problem), ST_TOKEN_SCOPE_REVOKED);
	row = live_row();
	assert_int_equal(renew_decide(&row, 3 * DAY_MS, row.capability.expires_at_ms, &problem),
			 ST_TOKEN_EXPIRED);
}

static void each_phase_has_its_step(void **state)
{
	struct token_row row = live_row();
	int64_t end = row.capability.expires_at_ms;

	(void)state;
	assert_int_equal(token_step_due(&row, end - 1), TOKEN_STEP_RENEW);
	row.capability.renewed_by = STR("tok_2");
	assert_int_equal(token_step_due(&row, end - 1), TOKEN_STEP_ANNOUNCE);
	row.capability.renewed_by = (struct str){ 0 };
	row.capability.auto_renew = false;
	assert_int_equal(token_step_due(&row, end - 1), TOKEN_STEP_ANNOUNCE);
	row.phase = 1;
	assert_int_equal(token_step_due(&row, end), TOKEN_STEP_EXPIRE);
	row.death = TOKEN_DEAD_AGENT;
	assert_int_equal(token_step_due(&row, end), TOKEN_STEP_END);
	row.phase = 2;
	assert_int_equal(token_step_due(&row, end), TOKEN_STEP_FORGET);
}

static void a_revocation_names_exactly_one_thing(void **state)
{
	struct token_revoke_request in = { 0 };
	enum token_revocation_kind kind = 0;

	(void)state;
	for (unsigned bits = 0; bits < 32; bits++) {
		in = (struct token_revoke_request){ .has_before_ms = bits & 16,
						    .before_ms = NOW_MS };
		if (bits & 1)
			in.token_id = STR("tok_1");
		if (bits & 2)
			in.agent_id = STR("piopl_00001");
		if (bits & 4)
			in.scope = STR("a");
		if (bits & 8)
			in.key_id = STR("key_0");
		bool one = bits != 0 && (bits & (bits - 1)) == 0;
		kind = 0;
		assert_int_equal(revocation_kind(&in, NOW_MS, &kind, &problem),
				 one ? ST_OK : ST_REVOCATION_TARGET);
		assert_int_equal(kind, one ? (int)__builtin_ctz(bits) + 1 : 0);
	}
	in = (struct token_revoke_request){ .has_before_ms = true, .before_ms = NOW_MS + 1 };
	assert_int_equal(revocation_kind(&in, NOW_MS, &kind, &problem), ST_REVOCATION_FROM_FUTURE);
}

static void keys_follow_each_other(void **state)
{
	(void)state;
#define STEP(now, ...) key_step_due(&(const struct key_states){ __VA_ARGS__ }, 30 * DAY_MS, (now))
	assert_int_equal(STEP(NOW_MS, 0), KEY_STEP_CREATE_ACTIVE);
	assert_int_equal(STEP(NOW_MS, .has_next = true), KEY_STEP_CREATE_ACTIVE);
	assert_int_equal(STEP(NOW_MS, .has_active = true, .active_since_ms = NOW_MS),
			 KEY_STEP_CREATE_NEXT);
	assert_int_equal(STEP(NOW_MS + 30 * DAY_MS - 1, true, true, NOW_MS), KEY_STEP_NONE);
	assert_int_equal(STEP(NOW_MS + 30 * DAY_MS, true, true, NOW_MS), KEY_STEP_ROTATE);
}

static void a_sealed_seed_opens_with_its_sealing_key_only(void **state)
{
	uint8_t sealing[SEALING_KEY_BYTES], other[SEALING_KEY_BYTES], seed[SEED_BYTES];
	uint8_t sealed[SEALED_BYTES_MAX], again[SEALED_BYTES_MAX];
	struct signing_key key, opened;
	size_t size, again_size;

	(void)state;
	crypto_init();
	random_bytes(sealing, sizeof(sealing));
	random_bytes(other, sizeof(other));
	random_bytes(seed, sizeof(seed));
	signing_key_of_seed(seed, &key);
	key_seal(sealing, seed, sealed, &size);
	key_seal(sealing, seed, again, &again_size);
	assert_memory_not_equal(sealed, again, size);
	struct str box = { (const char *)sealed, size };
	assert_int_equal(key_unseal(sealing, box, str_of(key.key_id), &opened), ST_OK);
	assert_memory_equal(opened.secret, key.secret, SECRET_KEY_BYTES);
	assert_int_equal(key_unseal(other, box, str_of(key.key_id), &opened),
			 ST_SIGNING_KEY_SEALED);
	assert_int_equal(key_unseal(sealing, box, STR("key_0123456789abcdef"), &opened),
			 ST_SIGNING_KEY_SEALED);
	for (size_t i = 0; i < size; i++) {
		sealed[i] ^= 1;
		assert_int_equal(key_unseal(sealing, box, str_of(key.key_id), &opened),
				 ST_SIGNING_KEY_SEALED);
		sealed[i] ^= 1;
	}
	for (size_t cut = 0; cut < size; cut++)
		assert_int_equal(key_unseal(sealing, (struct str){ box.data, cut },
					    str_of(key.key_id), &opened),
				 ST_SIGNING_KEY_SEALED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_death_has_its_reason),
		cmocka_unit_test(a_token_ends_at_its_time_and_with_its_agent),
		cmocka_unit_test(the_end_is_announced_in_the_last_part_of_a_life),
		cmocka_unit_test(renewal_is_for_tokens_made_for_it_in_their_last_part),
		cmocka_unit_test(each_phase_has_its_step),
		cmocka_unit_test(a_revocation_names_exactly_one_thing),
		cmocka_unit_test(keys_follow_each_other),
		cmocka_unit_test(a_sealed_seed_opens_with_its_sealing_key_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
