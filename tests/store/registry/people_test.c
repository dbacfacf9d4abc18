#include "fixture.h"

static int start(void **state)
{
	(void)state;
	world_start();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	world_stop();
	return 0;
}

static const struct registry_person_reply *person(void)
{
	return world.answer;
}

static const struct registry_key *key(void)
{
	return &((const struct registry_key_reply *)world.answer)->key;
}

/* [AGT-12] */
static void the_first_steward_is_made_by_the_root_key_once(void **state)
{
	struct signing_key stranger;

	(void)state;
	signing_key_generate(&stranger);
	REFUSED(ST_KEY_UNKNOWN, "/act/key_id", "found", "{\"act\":%s}",
		signed_by(&stranger, REGISTRY_FOUNDING_PURPOSE,
			  "\"name\":\"Eve\",\"public_key\":\"%s\"", public_key_text(&stranger)));
	REFUSED(ST_KEY_UNKNOWN, "/act/key_id", "person_add", "{\"act\":%s}",
		signed_by(&world.root, REGISTRY_PERSON_ADDITION_PURPOSE,
			  "\"name\":\"Eve\",\"roles\":[\"steward\"]"));
	world_found();
	assert_true(str_is(person()->person.name, "Andy"));
	assert_int_equal(person()->person.roles.count, 1);
	assert_int_equal(person()->person.roles.items[0], REGISTRY_PERSON_ROLE_STEWARD);
	assert_true(str_is(person()->keys.items[0].key_id, world.steward.key_id));
	REFUSED(ST_ALREADY_FOUNDED, "", "found", "{\"act\":%s}",
		signed_by(&world.root, REGISTRY_FOUNDING_PURPOSE,
			  "\"name\":\"Eve\",\"public_key\":\"%s\"", public_key_text(&stranger)));
	assert_int_equal(events("registry.person.changed"), 1);
	assert_int_equal(events("registry.key.changed"), 1);
	assert_int_equal(evidence("person.found", "success"), 1);
	assert_int_equal(evidence("person.found", "refused"), 2);
}

/* [AGT-12] */
static void the_last_steward_cannot_be_removed(void **state)
{
	(void)state;
	REFUSED(ST_LAST_STEWARD, "/act/payload", "person_remove", "{\"act\":%s}",
		SIGNED(REGISTRY_PERSON_REMOVAL_PURPOSE, "\"person_id\":\"%s\",\"reason\":\"x\"",
		       world.steward_id));
	REFUSED(ST_LAST_STEWARD, "/act/payload", "key_remove", "{\"act\":%s}",
		SIGNED(REGISTRY_KEY_REMOVAL_PURPOSE, "\"key_id\":\"%s\",\"reason\":\"x\"",
		       world.steward.key_id));
}

/* Adds a person with a key; the id is in the answer. */
static void add(const char *name, const char *roles, const struct signing_key *with)
{
	OK("person_add", "{\"act\":%s}",
	   SIGNED(REGISTRY_PERSON_ADDITION_PURPOSE,
		  "\"name\":\"%s\",\"email\":\"%s@css\",\"roles\":%s,\"public_key\":\"%s\"", name,
		  name, roles, public_key_text(with)));
}

/* [AGT-12] */
static void a_removed_persons_signatures_stay_verifiable_but_count_no_more(void **state)
{
	struct signing_key second;
	char second_id[64];
	const struct registry_key_list_reply *keys;

	(void)state;
	signing_key_generate(&second);
	add("second", "[\"steward\",\"owner\"]", &second);
	snprintf(second_id, sizeof(second_id), "%.*s", STR_ARG(person()->person.person_id));
	OK("person_add", "{\"act\":%s}",
	   signed_by(&second, REGISTRY_PERSON_ADDITION_PURPOSE,
		     "\"name\":\"third\",\"roles\":[\"approver\"]"));
	world.now_ms += 1000;
	OK("person_remove", "{\"act\":%s}",
	   SIGNED(REGISTRY_PERSON_REMOVAL_PURPOSE, "\"person_id\":\"%s\",\"reason\":\"left\"",
		  second_id));
	assert_true(person()->person.has_removed_at_ms);
	assert_int_equal(person()->keys.items[0].valid_until_ms, world.now_ms);
	REFUSED(ST_KEY_UNKNOWN, "/act/key_id", "person_add", "{\"act\":%s}",
		signed_by(&second, REGISTRY_PERSON_ADDITION_PURPOSE,
			  "\"name\":\"fourth\",\"roles\":[\"approver\"]"));
	/* the key is still there with the time it was valid, and so is the act it signed */
	OK("key_list", "{\"person_id\":\"%s\"}", second_id);
	keys = world.answer;
	assert_int_equal(keys->keys.count, 1);
	assert_true(str_is(keys->keys.items[0].public_key, public_key_text(&second)));
	assert_true(keys->keys.items[0].has_valid_until_ms);
	assert_int_equal(sql_i64("SELECT count(*) FROM registry.signed_act WHERE key_id = '%s'",
				 second.key_id),
			 1);
	REFUSED(ST_NOT_FOUND, "/act/payload/person_id", "person_remove", "{\"act\":%s}",
		SIGNED(REGISTRY_PERSON_REMOVAL_PURPOSE, "\"person_id\":\"%s\",\"reason\":\"x\"",
		       second_id));
}

/* [AGT-12] */
static void keys_are_added_and_ended_by_a_stewards_signature(void **state)
{
	struct signing_key first, second;
	char person_id[64], until[TIME_TEXT_SIZE];

	(void)state;
	signing_key_generate(&first);
	signing_key_generate(&second);
	add("keys", "[\"approver\"]", &first);
	snprintf(person_id, sizeof(person_id), "%.*s", STR_ARG(person()->person.person_id));
	/* not by oneself */
	REFUSED(ST_ROLE_REQUIRED, "/act/key_id", "key_add", "{\"act\":%s}",
		signed_by(&first, REGISTRY_KEY_ADDITION_PURPOSE,
			  "\"person_id\":\"%s\",\"public_key\":\"%s\"", person_id,
			  public_key_text(&second)));
	time_format(world.now_ms + 60000, until);
	OK("key_add", "{\"act\":%s}",
	   SIGNED(REGISTRY_KEY_ADDITION_PURPOSE,
		  "\"person_id\":\"%s\",\"public_key\":\"%s\",\"valid_until\":\"%s\"", person_id,
		  public_key_text(&second), until));
	assert_true(str_is(key()->key_id, second.key_id));
	assert_true(key()->has_valid_until_ms);
	REFUSED(ST_ALREADY_EXISTS, "/act/payload/public_key", "key_add", "{\"act\":%s}",
		SIGNED(REGISTRY_KEY_ADDITION_PURPOSE, "\"person_id\":\"%s\",\"public_key\":\"%s\"",
		       world.steward_id, public_key_text(&second)));
	OK("key_remove", "{\"act\":%s}",
	   SIGNED(REGISTRY_KEY_REMOVAL_PURPOSE, "\"key_id\":\"%s\",\"reason\":\"lost\"",
		  second.key_id));
	assert_int_equal(key()->valid_until_ms, world.now_ms);
	REFUSED(ST_CONFLICT, "/act/payload/key_id", "key_remove", "{\"act\":%s}",
		SIGNED(REGISTRY_KEY_REMOVAL_PURPOSE, "\"key_id\":\"%s\",\"reason\":\"lost\"",
		       second.key_id));
	OK("person_get", "{\"person_id\":\"%s\"}", person_id);
	assert_int_equal(person()->keys.count, 2);
}

static void what_is_no_public_key_is_refused(void **state)
{
	static const char small_order[] = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
	char past[TIME_TEXT_SIZE];
	struct signing_key fresh;

	(void)state;
	REFUSED(ST_MESSAGE_INVALID, "/act/payload/public_key", "key_add", "{\"act\":%s}",
		SIGNED(REGISTRY_KEY_ADDITION_PURPOSE, "\"person_id\":\"%s\",\"public_key\":\"%s\"",
		       world.steward_id, small_order));
	signing_key_generate(&fresh);
	time_format(world.now_ms, past);
	REFUSED(ST_MESSAGE_INVALID, "/act/payload/valid_until", "key_add", "{\"act\":%s}",
		SIGNED(REGISTRY_KEY_ADDITION_PURPOSE,
		       "\"person_id\":\"%s\",\"public_key\":\"%s\",\"valid_until\":\"%s\"",
		       world.steward_id, public_key_text(&fresh), past));
}

/* [AGT-12] A steward whose key ends by itself is none to rely on. */
static void two_stewards_can_part_but_one_stays(void **state)
{
	struct signing_key second;
	char second_id[64];

	(void)state;
	signing_key_generate(&second);
	add("partner", "[\"steward\"]", &second);
	snprintf(second_id, sizeof(second_id), "%.*s", STR_ARG(person()->person.person_id));
	OK("key_remove", "{\"act\":%s}",
	   SIGNED(REGISTRY_KEY_REMOVAL_PURPOSE, "\"key_id\":\"%s\",\"reason\":\"x\"",
		  second.key_id));
	REFUSED(ST_LAST_STEWARD, "/act/payload", "person_remove", "{\"act\":%s}",
		SIGNED(REGISTRY_PERSON_REMOVAL_PURPOSE, "\"person_id\":\"%s\",\"reason\":\"x\"",
		       world.steward_id));
	OK("person_remove", "{\"act\":%s}",
	   SIGNED(REGISTRY_PERSON_REMOVAL_PURPOSE, "\"person_id\":\"%s\",\"reason\":\"x\"",
		  second_id));
}

/* [AGT-12] */
static void acts_about_people_and_keys_are_used_once(void **state)
{
	struct signing_key first, second;
	char person_id[64];

	(void)state;
	signing_key_generate(&first);
	signing_key_generate(&second);
	used_once("person_add",
		  SIGNED(REGISTRY_PERSON_ADDITION_PURPOSE,
			 "\"name\":\"once\",\"roles\":[\"owner\"],\"public_key\":\"%s\"",
			 public_key_text(&first)));
	OK("key_list", "{\"limit\":1000}");
	const struct registry_key_list_reply *keys = world.answer;
	for (size_t i = 0; i < keys->keys.count; i++)
		if (str_is(keys->keys.items[i].key_id, first.key_id))
			snprintf(person_id, sizeof(person_id), "%.*s",
				 STR_ARG(keys->keys.items[i].person_id));
	used_once("key_add", SIGNED(REGISTRY_KEY_ADDITION_PURPOSE,
				    "\"person_id\":\"%s\",\"public_key\":\"%s\"", person_id,
				    public_key_text(&second)));
	used_once("key_remove", SIGNED(REGISTRY_KEY_REMOVAL_PURPOSE,
				       "\"key_id\":\"%s\",\"reason\":\"x\"", second.key_id));
	used_once("person_remove", SIGNED(REGISTRY_PERSON_REMOVAL_PURPOSE,
					  "\"person_id\":\"%s\",\"reason\":\"x\"", person_id));
}

static void people_are_listed_by_role_and_page(void **state)
{
	const struct registry_person_list_reply *answer;
	char last[64];
	size_t all;

	(void)state;
	OK("person_list", "{\"role\":\"steward\"}");
	answer = world.answer;
	assert_int_equal(answer->people.count, 1);
	OK("person_list", "{}");
	answer = world.answer;
	all = answer->people.count;
	OK("person_list", "{\"removed\":true}");
	answer = world.answer;
	assert_true(answer->people.count > all);
	OK("person_list", "{\"limit\":1}");
	answer = world.answer;
	assert_int_equal(answer->people.count, 1);
	snprintf(last, sizeof(last), "%.*s", STR_ARG(answer->people.items[0].person_id));
	OK("person_list", "{\"after\":\"%s\"}", last);
	answer = world.answer;
	assert_int_equal(answer->people.count, all - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_steward_is_made_by_the_root_key_once),
		cmocka_unit_test(the_last_steward_cannot_be_removed),
		cmocka_unit_test(a_removed_persons_signatures_stay_verifiable_but_count_no_more),
		cmocka_unit_test(keys_are_added_and_ended_by_a_stewards_signature),
		cmocka_unit_test(what_is_no_public_key_is_refused),
		cmocka_unit_test(two_stewards_can_part_but_one_stays),
		cmocka_unit_test(acts_about_people_and_keys_are_used_once),
		cmocka_unit_test(people_are_listed_by_role_and_page),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
