#include "fixture.h"

static int start(void **state)
{
	(void)state;
	world_start();
	world_found();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	world_stop();
	return 0;
}

#define TEMPLATE                                                                                   \
	"{\"tier\":1,\"capability_scopes\":[\"cover_design\"],\"can_send_to\":[\"print_api\"],"    \
	"\"output_confidence_floor\":0.7,\"earning_model\":\"hybrid\",\"revenue_share_pct\":75,"   \
	"\"sandbox\":{\"image\":\"sandbox-base:v1.0.0\",\"cpu_millis\":100,\"memory_mib\":64,"     \
	"\"disk_mib\":128}}"

static const struct registry_role *role(void)
{
	return &((const struct registry_role_reply *)world.answer)->role;
}

/* [AGT-6] */
static void roles_of_the_cycle_are_there_from_the_start(void **state)
{
	static const struct {
		const char *name;
		int tier;
	} seeded[] = {
		{ "digital_product_generator", 0 }, { "marketplace_publisher", 1 },
		{ "social_promoter", 1 },           { "revenue_operator", 2 },
		{ "customer_supporter", 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(seeded) / sizeof(seeded[0]); i++) {
		OK("role_get", "{\"name\":\"%s\"}", seeded[i].name);
		assert_int_equal(role()->template.tier, seeded[i].tier);
		assert_true(role()->template.capability_scopes.count > 0);
		assert_true(role()->template.sandbox.memory_mib > 0);
	}
}

/* [AGT-6] */
static void a_role_is_added_and_changed_without_code(void **state)
{
	(void)state;
	OK("role_put", "{\"name\":\"cover_designer\",\"title\":\"Designer\",\"template\":%s}",
	   TEMPLATE);
	assert_int_equal(role()->revision, 1);
	REFUSED(ST_ALREADY_EXISTS, "/name", "role_put",
		"{\"name\":\"cover_designer\",\"title\":\"Again\",\"template\":%s}", TEMPLATE);
	OK("role_put",
	   "{\"name\":\"cover_designer\",\"title\":\"Covers\",\"template\":%s,"
	   "\"expected_revision\":1}",
	   TEMPLATE);
	REFUSED(ST_VERSION_CONFLICT, "/expected_revision", "role_put",
		"{\"name\":\"cover_designer\",\"title\":\"Late\",\"template\":%s,"
		"\"expected_revision\":1}",
		TEMPLATE);
	REFUSED(ST_NOT_FOUND, "/name", "role_put",
		"{\"name\":\"nobody\",\"title\":\"N\",\"template\":%s,\"expected_revision\":1}",
		TEMPLATE);
	OK("role_get", "{\"name\":\"cover_designer\"}");
	assert_true(str_is(role()->title, "Covers"));
	assert_int_equal(role()->revision, 2);
	assert_int_equal(events("registry.role.changed"), 2);
	REFUSED(ST_NOT_FOUND, "/name", "role_get", "{\"name\":\"nobody\"}");
	OK("role_list", "{\"limit\":2}");
	assert_int_equal(((const struct registry_role_list_reply *)world.answer)->roles.count, 2);
	OK("role_list", "{\"after\":\"revenue_operator\"}");
	assert_int_equal(((const struct registry_role_list_reply *)world.answer)->roles.count, 1);
}

static void before_a_constitution_is_in_force_no_agent_is_made(void **state)
{
	(void)state;
	world_units();
	REFUSED(ST_CONSTITUTION_MISSING, "", "constitution_get", "{}");
	REFUSED(ST_CONSTITUTION_MISSING, "/profile/governance/constitution_hash", "agent_create",
		"{\"name\":\"x\",\"profile\":%s}", GENERATOR);
}

static const struct registry_constitution *constitution(void)
{
	return &((const struct registry_constitution_reply *)world.answer)->constitution;
}

/* [AGT-7] */
static void a_constitution_is_its_exact_bytes(void **state)
{
	(void)state;
	OK("constitution_add", "{\"title\":\"C\",\"text\":\"Caf\\u00e9 \\n One. Two.\","
			       "\"invariants\":[{\"invariant_id\":\"INV-1\",\"text\":\"One.\"}]}");
	/* PostgreSQL's own SHA-256 of the same bytes */
	assert_int_equal(constitution()->size_bytes, 17);
	assert_int_equal(sql_i64("SELECT count(*) FROM registry.constitution WHERE hash = '%s' "
				 "AND hash = 'sha256:' || encode(sha256(convert_to("
				 "E'Caf\\u00e9 \\n One. Two.', 'UTF8')), 'hex')",
				 text_of(constitution()->hash)),
			 1);
	char kept[HASH_TEXT_SIZE];
	snprintf(kept, sizeof(kept), "%.*s", STR_ARG(constitution()->hash));
	OK("constitution_get", "{\"hash\":\"%s\"}", kept);
	assert_true(str_is(constitution()->text, "Caf\xc3\xa9 \n One. Two."));
	assert_false(constitution()->in_force);
	REFUSED(ST_ALREADY_EXISTS, "/text", "constitution_add",
		"{\"title\":\"D\",\"text\":\"Caf\\u00e9 \\n One. Two.\",\"invariants\":["
		"{\"invariant_id\":\"INV-9\",\"text\":\"Two.\"}]}");
	REFUSED(ST_INVARIANT_NOT_IN_TEXT, "/invariants/0", "constitution_add",
		"{\"title\":\"D\",\"text\":\"Nothing.\",\"invariants\":["
		"{\"invariant_id\":\"INV-9\",\"text\":\"Two.\"}]}");
}

#define ACTIVATION(hash)                                                                           \
	"constitution_activate", "{\"act\":%s}",                                                   \
		SIGNED(REGISTRY_CONSTITUTION_ACTIVATION_PURPOSE,                                   \
		       "\"hash\":\"%s\",\"reason\":\"x\"", hash)

/* [AGT-7] */
static void one_constitution_is_in_force_by_a_stewards_signature(void **state)
{
	char first[HASH_TEXT_SIZE];

	(void)state;
	REFUSED(ST_NOT_FOUND, "/act/payload/hash", ACTIVATION(HASH_ZERO_TEXT));
	world_constitution("First.");
	strcpy(first, world.hash);
	REFUSED(ST_CONFLICT, "/act/payload/hash", ACTIVATION(first));
	world_constitution("Second.");
	assert_int_equal(sql_i64("SELECT count(*) FROM registry.constitution WHERE in_force"), 1);
	OK("constitution_get", "{}");
	assert_true(str_is(constitution()->hash, world.hash));
	assert_true(constitution()->in_force);
	assert_true(str_is(constitution()->activated_by, world.steward_id));
	/* back to the first: an earlier one can be put in force again */
	used_once("constitution_activate", SIGNED(REGISTRY_CONSTITUTION_ACTIVATION_PURPOSE,
						  "\"hash\":\"%s\",\"reason\":\"back\"", first));
	assert_int_equal(events("registry.constitution.activated"), 3);
	OK("constitution_list", "{}");
	const struct registry_constitution_list_reply *list = world.answer;
	assert_int_equal(list->constitutions.count, 3);
	assert_true(list->constitutions.items[1].in_force);
}

/* [AGT-1] */
static void units_stand_below_units(void **state)
{
	const struct registry_unit_list_reply *answer;

	(void)state;
	REFUSED(ST_UNIT_UNKNOWN, "/path", "unit_create",
		"{\"path\":\"research.lab\",\"title\":\"Lab\"}");
	REFUSED(ST_ALREADY_EXISTS, "/path", "unit_create",
		"{\"path\":\"content\",\"title\":\"Content\"}");
	OK("unit_create", "{\"path\":\"content-2\",\"title\":\"Beside, not below\"}");
	OK("unit_list", "{\"under\":\"content\"}");
	answer = world.answer;
	assert_int_equal(answer->units.count, 3);
	assert_true(str_is(answer->units.items[0].path, "content"));
	assert_true(str_is(answer->units.items[2].path, "content.beta"));
	OK("unit_list", "{\"under\":\"content\",\"after\":\"content\",\"limit\":1}");
	answer = world.answer;
	assert_int_equal(answer->units.count, 1);
	assert_true(str_is(answer->units.items[0].path, "content.alpha"));
}

static void a_unit_is_at_most_eight_deep(void **state)
{
	char path[32] = "d1";

	(void)state;
	OK("unit_create", "{\"path\":\"%s\",\"title\":\"t\"}", path);
	for (int i = 2; i <= UNIT_DEPTH_MAX; i++) {
		strcat(path, ".d");
		OK("unit_create", "{\"path\":\"%s\",\"title\":\"t\"}", path);
	}
	strcat(path, ".d");
	REFUSED(ST_UNIT_TOO_DEEP, "/path", "unit_create", "{\"path\":\"%s\",\"title\":\"t\"}",
		path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roles_of_the_cycle_are_there_from_the_start),
		cmocka_unit_test(a_role_is_added_and_changed_without_code),
		cmocka_unit_test(before_a_constitution_is_in_force_no_agent_is_made),
		cmocka_unit_test(a_constitution_is_its_exact_bytes),
		cmocka_unit_test(one_constitution_is_in_force_by_a_stewards_signature),
		cmocka_unit_test(units_stand_below_units),
		cmocka_unit_test(a_unit_is_at_most_eight_deep),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
