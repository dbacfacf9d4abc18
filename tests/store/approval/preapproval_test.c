/* Approvals in advance, on a real database. */
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

static int each(void **state)
{
	(void)state;
	world.caller = "policy";
	person_told(BOB, "bob@css", REGISTRY_PERSON_ROLE_APPROVER, false);
	return 0;
}

#define GRANT(who, resource, uses)                                                                 \
	who ",\"tool\":\"bank.transfer\",\"operation\":\"execute\",\"resource\":\"" resource       \
	    "\",\"amount_max\":{\"amount\":\"20\",\"currency\":\"GBP\"},\"uses_max\":" uses        \
	    ",\"amount_total\":{\"amount\":\"30\",\"currency\":\"GBP\"},\"valid_until\":"          \
	    "\"2026-01-10T00:00:00.000Z\",\"reason\":\"payday\""
#define BY_AGENT "\"agent_id\":\"piopl_00001\""
#define BY_UNIT "\"unit\":\"content\""

static const char *added(int person, const char *members)
{
	static char id[48];

	OK("preapproval_add", "{\"act\":%s}",
	   signed_by(person, APPROVAL_PREAPPROVAL_GRANT_PURPOSE, "%s", members));
	snprintf(id, sizeof(id), "%s",
		 text_of(((struct approval_preapproval_reply *)world.answer)
				 ->preapproval.preapproval_id));
	return id;
}

#define USE(id)                                                                                    \
	"preapproval_use", "{\"preapproval_id\":\"%s\",\"action\":{" ACTION "}," REQUIRED "}", (id)

/* [APR-6] */
static void each_use_is_counted_named_and_recorded(void **state)
{
	const char *id = added(BOB, GRANT(BY_AGENT, "accounts/*", "5"));
	int64_t told = events("preapproval.used");

	(void)state;
	OK(USE(id));
	const struct approval_preapproval_use_reply *answer = world.answer;
	assert_int_equal(answer->use, 1);
	assert_int_equal(answer->uses_left, 4);
	assert_int_equal(answer->amount_left.micros, 17500000);
	assert_int_equal(events("preapproval.used"), told + 1);
	assert_int_equal(
		sql_i64("SELECT count(*) FROM approval.preapproval_use WHERE preapproval_id = "
			"'%s' AND agent_number = 1 AND amount_micros = 12500000",
			id),
		1);
	assert_int_equal(
		sql_i64("SELECT count(*) FROM approval.outbox WHERE type = "
			"'approval.evidence.recorded' AND convert_from(data, 'UTF8')::jsonb @> "
			"'{\"operation\":{\"type\":\"preapproval.use\"},\"context\":"
			"{\"capability_applied\":\"%s\"}}'",
			id),
		1);
}

/* [APR-6] 12.5 and 12.5 are 25 of 30: the third does not fit. */
static void amounts_and_uses_end_it(void **state)
{
	const char *id = added(BOB, GRANT(BY_AGENT, "accounts/*", "5"));

	(void)state;
	OK(USE(id));
	OK(USE(id));
	REFUSED(ST_PREAPPROVAL_AMOUNT_EXCEEDED, "/action/amount", USE(id));
	id = added(BOB, GRANT(BY_AGENT, "accounts/*", "1"));
	OK(USE(id));
	REFUSED(ST_PREAPPROVAL_USED_UP, "/preapproval_id", USE(id));
	assert_int_equal(
		sql_i64("SELECT count(*) FROM approval.preapproval_use WHERE preapproval_id = "
			"'%s'",
			id),
		1);
}

/* [APR-6] */
static void it_is_revocable_by_a_signed_act(void **state)
{
	char id[48];

	(void)state;
	snprintf(id, sizeof(id), "%s", added(BOB, GRANT(BY_AGENT, "accounts/*", "5")));
	REFUSED(ST_ROLE_REQUIRED, "/act/key_id", "preapproval_revoke",
		"{\"preapproval_id\":\"%s\",\"act\":%s}", id,
		signed_by(LOST, APPROVAL_PREAPPROVAL_REVOCATION_PURPOSE,
			  "\"preapproval_id\":\"%s\",\"reason\":\"r\"", id));
	OK("preapproval_revoke", "{\"preapproval_id\":\"%s\",\"act\":%s}", id,
	   signed_by(CAROL, APPROVAL_PREAPPROVAL_REVOCATION_PURPOSE,
		     "\"preapproval_id\":\"%s\",\"reason\":\"r\"", id));
	REFUSED(ST_PREAPPROVAL_REVOKED, "/preapproval_id", USE(id));
	REFUSED(ST_PREAPPROVAL_REVOKED, "/preapproval_id", "preapproval_revoke",
		"{\"preapproval_id\":\"%s\",\"act\":%s}", id,
		signed_by(CAROL, APPROVAL_PREAPPROVAL_REVOCATION_PURPOSE,
			  "\"preapproval_id\":\"%s\",\"reason\":\"r\"", id));
	REFUSED(ST_ACT_MISMATCH, "/act/payload/preapproval_id", "preapproval_revoke",
		"{\"preapproval_id\":\"%s\",\"act\":%s}", id,
		signed_by(CAROL, APPROVAL_PREAPPROVAL_REVOCATION_PURPOSE,
			  "\"preapproval_id\":\"pre_01900000-0000-7000-8000-000000000001\","
			  "\"reason\":\"r\""));
}

/* [APR-6] */
static void an_unbounded_one_is_refused_and_recorded(void **state)
{
	int64_t before = evidence("preapproval.add", "deny", "refused");

	(void)state;
	REFUSED(ST_PREAPPROVAL_UNBOUNDED, "/act/payload/resource", "preapproval_add",
		"{\"act\":%s}",
		signed_by(BOB, APPROVAL_PREAPPROVAL_GRANT_PURPOSE, "%s",
			  GRANT(BY_AGENT, "**", "5")));
	REFUSED(ST_PREAPPROVAL_UNBOUNDED, "/act/payload", "preapproval_add", "{\"act\":%s}",
		signed_by(BOB, APPROVAL_PREAPPROVAL_GRANT_PURPOSE, "%s",
			  GRANT(BY_AGENT "," BY_UNIT, "accounts/*", "5")));
	REFUSED(ST_PREAPPROVAL_TOO_WIDE, "/act/payload/uses_max", "preapproval_add", "{\"act\":%s}",
		signed_by(BOB, APPROVAL_PREAPPROVAL_GRANT_PURPOSE, "%s",
			  GRANT(BY_AGENT, "accounts/*", "1001")));
	assert_int_equal(evidence("preapproval.add", "deny", "refused"), before + 3);
}

/* [APR-3] */
static void nobody_approves_for_their_own_agent_in_advance(void **state)
{
	const char *id;

	(void)state;
	REFUSED(ST_APPROVAL_OWN_AGENT, "/act/key_id", "preapproval_add", "{\"act\":%s}",
		signed_by(ANDY, APPROVAL_PREAPPROVAL_GRANT_PURPOSE, "%s",
			  GRANT(BY_AGENT, "accounts/*", "5")));
	id = added(ANDY, GRANT(BY_UNIT, "accounts/*", "5"));
	REFUSED(ST_APPROVAL_OWN_AGENT, "/preapproval_id", USE(id));
}

static void who_lost_the_role_approved_nothing_any_more(void **state)
{
	const char *id = added(BOB, GRANT(BY_AGENT, "accounts/*", "5"));

	(void)state;
	person_told(BOB, "bob@css", REGISTRY_PERSON_ROLE_AUDITOR, false);
	REFUSED(ST_PREAPPROVAL_SIGNER_LOST, "/preapproval_id", USE(id));
	person_told(BOB, "bob@css", REGISTRY_PERSON_ROLE_APPROVER, true);
	REFUSED(ST_PREAPPROVAL_SIGNER_LOST, "/preapproval_id", USE(id));
	person_told(BOB, "bob@css", REGISTRY_PERSON_ROLE_APPROVER, false);
	OK(USE(id));
}

static void it_ends_at_its_time(void **state)
{
	const char *id = added(BOB, GRANT(BY_AGENT, "accounts/*", "5"));
	int64_t now_ms = world.now_ms;

	(void)state;
	world.now_ms = INT64_C(1768003200000) - 10; /* 2026-01-10; a call takes 10 */
	REFUSED(ST_PREAPPROVAL_ENDED, "/preapproval_id", USE(id));
	world.now_ms = now_ms;
}

static void a_rule_that_needs_two_people_is_not_met(void **state)
{
	const char *id = added(BOB, GRANT(BY_AGENT, "accounts/*", "5"));

	(void)state;
	REFUSED(ST_APPROVAL_TERMS_WEAKER, "/required", "preapproval_use",
		"{\"preapproval_id\":\"%s\",\"action\":{" ACTION "},\"required\":{\"roles\":"
		"[\"approver\"],\"needed\":2}}",
		id);
}

static void they_are_listed_with_what_is_left(void **state)
{
	const char *id = added(BOB, GRANT(BY_AGENT, "accounts/*", "1"));
	const struct approval_preapproval_list_reply *answer;

	(void)state;
	OK("preapproval_list", "{\"agent_id\":\"piopl_00001\",\"limit\":1}");
	answer = world.answer;
	assert_int_equal(answer->items.count, 1);
	assert_true(str_is(answer->items.items[0].preapproval_id, id));
	assert_true(answer->items.items[0].usable);
	assert_non_null(answer->next.data);
	OK(USE(id));
	OK("preapproval_list", "{\"agent_id\":\"piopl_00001\",\"limit\":1}");
	answer = world.answer;
	assert_false(str_is(answer->items.items[0].preapproval_id, id));
	OK("preapproval_list", "{\"agent_id\":\"piopl_00001\",\"limit\":1,\"ended\":true}");
	answer = world.answer;
	assert_true(str_is(answer->items.items[0].preapproval_id, id));
	assert_false(answer->items.items[0].usable);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_use_is_counted_named_and_recorded, each),
		cmocka_unit_test_setup(amounts_and_uses_end_it, each),
		cmocka_unit_test_setup(it_is_revocable_by_a_signed_act, each),
		cmocka_unit_test_setup(an_unbounded_one_is_refused_and_recorded, each),
		cmocka_unit_test_setup(nobody_approves_for_their_own_agent_in_advance, each),
		cmocka_unit_test_setup(who_lost_the_role_approved_nothing_any_more, each),
		cmocka_unit_test_setup(it_ends_at_its_time, each),
		cmocka_unit_test_setup(a_rule_that_needs_two_people_is_not_met, each),
		cmocka_unit_test_setup(they_are_listed_with_what_is_left, each),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
