#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "act.h"
#include "clock.h"
#include "gen/registry.h"

#define NOW_MS INT64_C(1767225600000)
#define STEWARD 2u
#define AUDITOR 4u

static const struct act_rule *const kill_rule = ACT_RULE(
	REGISTRY_KILL_ORDER_PURPOSE, registry_kill_order_type, struct registry_kill_order, STEWARD);

struct world {
	struct arena arena;
	struct signing_key signing;
	struct act_key key;
	struct common_signed_act signed_act;
	char payload[1024];
	char signature[SIGNATURE_TEXT_SIZE];
	struct act act;
	struct registry_kill_order order;
	struct problem problem;
};

static void sign_as(struct world *world, const char *purpose, const char *payload)
{
	uint8_t signature[SIGNATURE_BYTES];

	snprintf(world->payload, sizeof(world->payload), "%s", payload);
	assert_int_equal(sign_purpose(&world->signing, purpose, str_of(world->payload), signature),
			 ST_OK);
	base64_encode(signature, sizeof(signature), world->signature);
	world->signed_act = (struct common_signed_act){
		.payload = str_of(world->payload),
		.key_id = str_of(world->signing.key_id),
		.signature = str_of(world->signature),
	};
}

static void sign_at(struct world *world, int64_t issued_at_ms)
{
	char payload[1024], time[TIME_TEXT_SIZE];

	time_format(issued_at_ms, time);
	snprintf(payload, sizeof(payload),
		 "{\"issued_at\":\"%s\",\"nonce\":\"abcdefgh\",\"reason\":\"drill\","
		 "\"scope\":{\"kind\":\"fleet\"}}",
		 time);
	sign_as(world, REGISTRY_KILL_ORDER_PURPOSE, payload);
}

static int setup(void **state)
{
	static struct world world;

	world = (struct world){ 0 };
	crypto_init();
	arena_init(&world.arena, 1 << 20);
	signing_key_generate(&world.signing);
	world.key = (struct act_key){
		.person_id = STR("per_1"),
		.valid_from_ms = NOW_MS - 1000,
		.valid_until_ms = INT64_MAX,
		.roles = STEWARD,
	};
	memcpy(world.key.public_key, world.signing.public_key, PUBLIC_KEY_BYTES);
	sign_at(&world, NOW_MS);
	*state = &world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	arena_free(&world->arena);
	return 0;
}

static enum st check(struct world *world)
{
	return act_check(&world->signed_act, kill_rule, &world->key, NOW_MS, &world->arena,
			 &world->act, &world->order, &world->problem);
}

/* [AGT-9] */
static void an_act_signed_by_a_steward_counts(void **state)
{
	struct world *world = *state;

	assert_int_equal(check(world), ST_OK);
	assert_int_equal(world->order.scope.kind, REGISTRY_KILL_SCOPE_KIND_FLEET);
	assert_true(str_is(world->order.reason, "drill"));
	assert_true(str_is(world->act.person_id, "per_1"));
	assert_int_equal(world->act.issued_at_ms, NOW_MS);
}

/* [AGT-9] */
static void an_act_of_another_purpose_does_not_count(void **state)
{
	struct world *world = *state;

	sign_as(world, REGISTRY_AGENT_ACTIVATION_PURPOSE, world->payload);
	assert_int_equal(check(world), ST_SIGNATURE_INVALID);
	assert_string_equal(world->problem.pointer, "/act/signature");
}

static void a_changed_payload_does_not_count(void **state)
{
	struct world *world = *state;
	char *kind = strstr(world->payload, "drill");

	for (size_t i = 0; world->payload[i]; i++) {
		world->payload[i] ^= 1;
		assert_int_equal(check(world), ST_SIGNATURE_INVALID);
		world->payload[i] ^= 1;
	}
	assert_int_equal(check(world), ST_OK);
	kind[0] = 'x';
	assert_int_equal(check(world), ST_SIGNATURE_INVALID);
}

static void another_persons_key_does_not_count(void **state)
{
	struct world *world = *state;
	struct signing_key other;

	signing_key_generate(&other);
	memcpy(world->key.public_key, other.public_key, PUBLIC_KEY_BYTES);
	assert_int_equal(check(world), ST_SIGNATURE_INVALID);
}

static void a_malformed_signature_does_not_count(void **state)
{
	struct world *world = *state;

	world->signed_act.signature.size--;
	assert_int_equal(check(world), ST_SIGNATURE_INVALID);
}

/* [AGT-12] */
static void an_unknown_key_does_not_count(void **state)
{
	struct world *world = *state;

	assert_int_equal(act_check(&world->signed_act, kill_rule, NULL, NOW_MS, &world->arena,
				   &world->act, &world->order, &world->problem),
			 ST_KEY_UNKNOWN);
	assert_string_equal(world->problem.pointer, "/act/key_id");
}

/* [AGT-12] */
static void a_key_counts_from_its_begin_until_before_its_end(void **state)
{
	struct world *world = *state;

	world->key.valid_from_ms = NOW_MS;
	world->key.valid_until_ms = NOW_MS + 1;
	assert_int_equal(check(world), ST_OK);
	world->key.valid_from_ms = NOW_MS + 1;
	world->key.valid_until_ms = INT64_MAX;
	assert_int_equal(check(world), ST_KEY_UNKNOWN);
	world->key.valid_from_ms = NOW_MS - 1000;
	world->key.valid_until_ms = NOW_MS;
	assert_int_equal(check(world), ST_KEY_UNKNOWN);
}

static void an_act_is_taken_for_five_minutes(void **state)
{
	struct world *world = *state;

	sign_at(world, NOW_MS - ACT_AGE_MS_MAX);
	assert_int_equal(check(world), ST_OK);
	sign_at(world, NOW_MS - ACT_AGE_MS_MAX - 1);
	assert_int_equal(check(world), ST_SIGNATURE_EXPIRED);
	assert_string_equal(world->problem.pointer, "/act/payload/issued_at");
	sign_at(world, NOW_MS + ACT_FUTURE_MS_MAX);
	assert_int_equal(check(world), ST_OK);
	sign_at(world, NOW_MS + ACT_FUTURE_MS_MAX + 1);
	assert_int_equal(check(world), ST_SIGNATURE_EXPIRED);
}

/* [AGT-9] */
static void a_signer_without_the_role_is_refused(void **state)
{
	struct world *world = *state;

	world->key.roles = AUDITOR;
	assert_int_equal(check(world), ST_ROLE_REQUIRED);
	world->key.roles = AUDITOR | STEWARD;
	assert_int_equal(check(world), ST_OK);
}

static void a_signed_payload_still_obeys_its_schema(void **state)
{
	struct world *world = *state;

	sign_as(world, REGISTRY_KILL_ORDER_PURPOSE, "{\"nonce\":\"abcdefgh\"}");
	assert_int_equal(check(world), ST_MESSAGE_INVALID);
	assert_int_equal(strncmp(world->problem.pointer, "/act/payload", 12), 0);
	sign_as(world, REGISTRY_KILL_ORDER_PURPOSE,
		"{\"issued_at\":\"2026-01-01T00:00:00.000Z\",\"nonce\":\"abcdefgh\","
		"\"reason\":\"drill\",\"scope\":{\"kind\":\"planet\"}}");
	assert_int_equal(check(world), ST_MESSAGE_INVALID);
	assert_string_equal(world->problem.pointer, "/act/payload/scope/kind");
	sign_as(world, REGISTRY_KILL_ORDER_PURPOSE, "not json");
	assert_int_equal(check(world), ST_JSON_INVALID);
}

static void digests_differ_by_purpose_and_payload(void **state)
{
	struct world *world = *state;
	struct hash first, expected;
	struct sha256 sha;

	assert_int_equal(check(world), ST_OK);
	first = world->act.digest;
	sha256_init(&sha);
	sha256_add(&sha, REGISTRY_KILL_ORDER_PURPOSE "\n", strlen(REGISTRY_KILL_ORDER_PURPOSE) + 1);
	sha256_add(&sha, world->payload, strlen(world->payload));
	sha256_final(&sha, &expected);
	assert_true(hash_equal(&first, &expected));
	sign_at(world, NOW_MS + 1);
	assert_int_equal(check(world), ST_OK);
	assert_false(hash_equal(&first, &world->act.digest));
}

static void a_refused_act_leaves_its_outputs_alone(void **state)
{
	struct world *world = *state;

	world->key.roles = AUDITOR;
	world->act.purpose = "untouched";
	assert_int_equal(check(world), ST_ROLE_REQUIRED);
	assert_string_equal(world->act.purpose, "untouched");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_act_signed_by_a_steward_counts),
		TEST(an_act_of_another_purpose_does_not_count),
		TEST(a_changed_payload_does_not_count),
		TEST(another_persons_key_does_not_count),
		TEST(a_malformed_signature_does_not_count),
		TEST(an_unknown_key_does_not_count),
		TEST(a_key_counts_from_its_begin_until_before_its_end),
		TEST(an_act_is_taken_for_five_minutes),
		TEST(a_signer_without_the_role_is_refused),
		TEST(a_signed_payload_still_obeys_its_schema),
		TEST(digests_differ_by_purpose_and_payload),
		TEST(a_refused_act_leaves_its_outputs_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
