#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/registry/registry.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PENDING REGISTRY_AGENT_STATE_PENDING
#define ACTIVE REGISTRY_AGENT_STATE_ACTIVE
#define PAUSED REGISTRY_AGENT_STATE_PAUSED
#define TERMINATED REGISTRY_AGENT_STATE_TERMINATED

/* Everything that is allowed; what is not here is refused. */
static const struct {
	enum registry_agent_state from;
	bool throttled;
	enum agent_act act;
	enum registry_agent_state to;
	bool to_throttled;
} allowed[] = {
	{ PENDING, false, AGENT_ACTIVATE, ACTIVE, false },
	{ PENDING, false, AGENT_TERMINATE, TERMINATED, false },
	{ PENDING, true, AGENT_ACTIVATE, ACTIVE, true },
	{ PENDING, true, AGENT_TERMINATE, TERMINATED, false },
	{ ACTIVE, false, AGENT_PAUSE, PAUSED, false },
	{ ACTIVE, false, AGENT_THROTTLE, ACTIVE, true },
	{ ACTIVE, false, AGENT_TERMINATE, TERMINATED, false },
	{ ACTIVE, true, AGENT_PAUSE, PAUSED, true },
	{ ACTIVE, true, AGENT_UNTHROTTLE, ACTIVE, false },
	{ ACTIVE, true, AGENT_TERMINATE, TERMINATED, false },
	{ PAUSED, false, AGENT_RESUME, ACTIVE, false },
	{ PAUSED, false, AGENT_TERMINATE, TERMINATED, false },
	{ PAUSED, true, AGENT_RESUME, ACTIVE, true },
	{ PAUSED, true, AGENT_TERMINATE, TERMINATED, false },
};

static int allowed_at(enum registry_agent_state from, bool throttled, enum agent_act act)
{
	for (size_t i = 0; i < COUNT(allowed); i++)
		if (allowed[i].from == from && allowed[i].throttled == throttled &&
		    allowed[i].act == act)
			return (int)i;
	return -1;
}

static const char *const words[AGENT_ACT_COUNT] = {
	[AGENT_ACTIVATE] = "activated",     [AGENT_PAUSE] = "paused",
	[AGENT_RESUME] = "resumed",         [AGENT_THROTTLE] = " throttled",
	[AGENT_UNTHROTTLE] = "unthrottled", [AGENT_TERMINATE] = "terminated",
};

/* A refusal says what would pass: every act of the table from here, and no other. */
static void check_hint(enum registry_agent_state state, bool throttled, const char *hint)
{
	for (int act = 0; act < AGENT_ACT_COUNT; act++)
		assert_int_equal(strstr(hint, words[act]) != NULL,
				 allowed_at(state, throttled, (enum agent_act)act) >= 0);
}

static void check_one(enum registry_agent_state state, bool throttled, enum agent_act act)
{
	struct agent_condition from = { state, throttled, false };
	struct agent_condition to = { 0 };
	struct problem problem = { 0 };
	enum st st = lifecycle_decide(&from, act, false, &to, &problem);
	int i = allowed_at(state, throttled, act);

	if (i >= 0) {
		assert_int_equal(st, ST_OK);
		assert_int_equal(to.state, allowed[i].to);
		assert_int_equal(to.throttled, allowed[i].to_throttled);
		return;
	}
	assert_int_equal(st, state == TERMINATED ? ST_AGENT_TERMINATED : ST_TRANSITION_ILLEGAL);
	assert_non_null(strstr(problem.detail, registry_agent_state_names[state - 1]));
	assert_int_equal(to.state, REGISTRY_AGENT_STATE_NONE);
	check_hint(state, throttled, problem.hint);
}

/* [AGT-8] */
static void only_the_transitions_of_the_table_are_allowed(void **state)
{
	(void)state;
	for (int from = PENDING; from <= TERMINATED; from++)
		for (int throttled = 0; throttled <= 1; throttled++)
			for (int act = 0; act < AGENT_ACT_COUNT; act++)
				check_one((enum registry_agent_state)from, throttled,
					  (enum agent_act)act);
}

/* [AGT-8] */
static void nothing_follows_termination(void **state)
{
	struct agent_condition from = { TERMINATED, false, false }, to;

	(void)state;
	for (int act = 0; act < AGENT_ACT_COUNT; act++)
		assert_int_equal(lifecycle_decide(&from, (enum agent_act)act, false, &to, NULL),
				 ST_AGENT_TERMINATED);
}

/* [AGT-10] */
static void an_automatic_pause_takes_a_steward_to_resume(void **state)
{
	struct agent_condition active = { ACTIVE, false, false }, paused, resumed;

	(void)state;
	assert_int_equal(lifecycle_decide(&active, AGENT_PAUSE, true, &paused, NULL), ST_OK);
	assert_true(paused.paused_automatically);
	assert_true(lifecycle_resume_needs_steward(&paused));
	assert_int_equal(lifecycle_decide(&paused, AGENT_RESUME, false, &resumed, NULL), ST_OK);
	assert_false(resumed.paused_automatically);
	assert_int_equal(lifecycle_decide(&active, AGENT_PAUSE, false, &paused, NULL), ST_OK);
	assert_false(lifecycle_resume_needs_steward(&paused));
}

#define ONE "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define TWO "sha256:2222222222222222222222222222222222222222222222222222222222222222"

/* [AGT-7] */
static void an_agent_starts_only_with_the_constitution_in_force(void **state)
{
	struct check_in got;

	(void)state;
	got = check_in_decide(ACTIVE, STR(ONE), STR(ONE), STR(ONE));
	assert_true(got.accepted && !got.rebind);
	got = check_in_decide(PENDING, STR(ONE), STR(ONE), STR(ONE));
	assert_true(got.accepted);
	got = check_in_decide(ACTIVE, STR(ONE), STR(TWO), STR(ONE));
	assert_false(got.accepted);
	assert_int_equal(got.reason, REGISTRY_CHECK_IN_REASON_CONSTITUTION_DIFFERS);
	/* bound to the old one, and starts with the old one, while a new one is in force */
	got = check_in_decide(ACTIVE, STR(ONE), STR(ONE), STR(TWO));
	assert_false(got.accepted);
	/* restarted with the new one: its profile follows */
	got = check_in_decide(ACTIVE, STR(ONE), STR(TWO), STR(TWO));
	assert_true(got.accepted && got.rebind);
	got = check_in_decide(ACTIVE, STR(ONE), STR(ONE), (struct str){ 0 });
	assert_false(got.accepted);
	assert_int_equal(got.reason, REGISTRY_CHECK_IN_REASON_NO_CONSTITUTION);
	got = check_in_decide(TERMINATED, STR(ONE), STR(ONE), STR(ONE));
	assert_false(got.accepted);
	assert_int_equal(got.reason, REGISTRY_CHECK_IN_REASON_TERMINATED);
}

#define AGENT REGISTRY_KILL_SCOPE_KIND_AGENT
#define ROLE REGISTRY_KILL_SCOPE_KIND_ROLE
#define TIER REGISTRY_KILL_SCOPE_KIND_TIER
#define UNIT REGISTRY_KILL_SCOPE_KIND_UNIT
#define FLEET REGISTRY_KILL_SCOPE_KIND_FLEET

/* [AGT-9] */
static void a_kill_scope_is_one_of_five_and_well_formed(void **state)
{
	static const struct {
		enum registry_kill_scope_kind kind;
		const char *value;
		bool valid;
	} table[] = {
		{ AGENT, "piopl_00042", true },
		{ AGENT, "piopl_123456", true },
		{ AGENT, "piopl_42", false },
		{ AGENT, "", false },
		{ ROLE, "social_promoter", true },
		{ ROLE, NULL, false },
		{ TIER, "0", true },
		{ TIER, "2", true },
		{ TIER, "3", false },
		{ TIER, "-1", false },
		{ TIER, "x", false },
		{ TIER, NULL, false },
		{ UNIT, "content.alpha", true },
		{ UNIT, "content..alpha", false },
		{ UNIT, "Content", false },
		{ UNIT, NULL, false },
		{ FLEET, NULL, true },
		{ FLEET, "all", false },
		{ REGISTRY_KILL_SCOPE_KIND_NONE, NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct registry_kill_scope in = { .kind = table[i].kind };
		struct kill_scope scope;

		if (table[i].value)
			in.value = str_of(table[i].value);
		assert_int_equal(kill_scope_parse(&in, &scope, NULL),
				 table[i].valid ? ST_OK : ST_KILL_SCOPE_INVALID);
		if (table[i].valid)
			assert_int_equal(scope.kind, table[i].kind);
	}
}

static void a_kill_scope_carries_what_it_names(void **state)
{
	struct kill_scope scope;

	(void)state;
	assert_int_equal(
		kill_scope_parse(&(struct registry_kill_scope){ AGENT, STR("piopl_00042") }, &scope,
				 NULL),
		ST_OK);
	assert_int_equal(scope.number, 42);
	assert_int_equal(
		kill_scope_parse(&(struct registry_kill_scope){ TIER, STR("2") }, &scope, NULL),
		ST_OK);
	assert_int_equal(scope.tier, 2);
	assert_int_equal(
		kill_scope_parse(&(struct registry_kill_scope){ UNIT, STR("a.b") }, &scope, NULL),
		ST_OK);
	assert_true(str_is(scope.text, "a.b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_transitions_of_the_table_are_allowed),
		cmocka_unit_test(nothing_follows_termination),
		cmocka_unit_test(an_automatic_pause_takes_a_steward_to_resume),
		cmocka_unit_test(an_agent_starts_only_with_the_constitution_in_force),
		cmocka_unit_test(a_kill_scope_is_one_of_five_and_well_formed),
		cmocka_unit_test(a_kill_scope_carries_what_it_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
