/* Approvals in advance, on a real database. */
#include "fixture.h"
#include "gen/policy.h"

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

#define DIGEST "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

/* What the policy service tells of a decision that used it. */
static enum st used(const char *id, int64_t use, int64_t micros)
{
	struct policy_preapproval_used data = {
		.preapproval_id = str_of(id),
		.use = use,
		.evidence_id = STR("evd_01900000-0000-7000-8000-000000000001"),
		.agent_id = STR("piopl_00001"),
		.tool = STR("bank.transfer"),
		.action_digest = STR(DIGEST),
		.has_amount = micros > 0,
		.amount = { micros, "GBP" },
		.used_at_ms = world.now_ms,
	};
	struct db_tx *tx = transaction_begin();
	struct svc_event event = { .svc = &world.svc,
				   .state = &world.approval,
				   .arena = &world.svc.arena,
				   .tx = tx,
				   .data = &data,
				   .source = STR("policy"),
				   .trace_id = STR("0123456789abcdef0123456789abcdef"),
				   .now_ms = world.now_ms };
	struct problem problem = { 0 };
	enum st st = on_preapproval_used(&event);

	if (st != ST_OK) {
		db_rollback(tx);
		return st;
	}
	assert_int_equal(svc_outbox_write(&world.svc, tx), ST_OK);
	return db_commit(tx, &problem);
}

/* [APR-6] */
static void each_use_is_counted_named_and_recorded(void **state)
{
	const char *id = added(BOB, GRANT(BY_AGENT, "accounts/*", "5"));
	int64_t told = events("preapproval.used");

	(void)state;
	assert_int_equal(used(id, 1, 12500000), ST_OK);
	assert_int_equal(events("preapproval.used"), told + 1);
	assert_int_equal(
		sql_i64("SELECT count(*) FROM approval.outbox WHERE type = "
			"'approval.preapproval.used' AND convert_from(data, 'UTF8')::jsonb @> "
			"'{\"preapproval_id\":\"%s\",\"use\":1,\"uses_left\":4,\"amount_left\":"
			"{\"amount\":\"17.5\",\"currency\":\"GBP\"}}'",
			id),
		1);
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

/* A use that was told before is not counted; one that was set aside comes after later ones. */
static void each_use_is_counted_once_in_any_order(void **state)
{
	const char *id = added(BOB, GRANT(BY_AGENT, "accounts/*", "5"));

	(void)state;
	assert_int_equal(used(id, 1, 0), ST_OK);
	assert_int_equal(used(id, 1, 0), ST_CONFLICT);
	assert_int_equal(used(id, 3, 0), ST_OK);
	assert_int_equal(used(id, 2, 0), ST_OK);
	assert_int_equal(used(id, 3, 0), ST_CONFLICT);
	assert_int_equal(used("pre_01900000-0000-7000-8000-000000000009", 1, 0), ST_NOT_FOUND);
	assert_int_equal(sql_i64("SELECT uses FROM approval.preapproval WHERE preapproval_id = "
				 "'%s'",
				 id),
			 3);
}

/* The decision came before the revocation was heard: it is counted all the same. */
static void a_use_told_after_the_revocation_counts(void **state)
{
	char id[48];

	(void)state;
	snprintf(id, sizeof(id), "%s", added(BOB, GRANT(BY_AGENT, "accounts/*", "5")));
	OK("preapproval_revoke", "{\"preapproval_id\":\"%s\",\"act\":%s}", id,
	   signed_by(CAROL, APPROVAL_PREAPPROVAL_REVOCATION_PURPOSE,
		     "\"preapproval_id\":\"%s\",\"reason\":\"r\"", id));
	assert_int_equal(used(id, 1, 12500000), ST_OK);
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
	REFUSED(ST_PREAPPROVAL_UNBOUNDED, "/act/payload/agent_id", "preapproval_add",
		"{\"act\":%s}",
		signed_by(BOB, APPROVAL_PREAPPROVAL_GRANT_PURPOSE, "%s",
			  GRANT("\"agent_id\":\"piopl_00000\"", "policy-versions", "5")));
	assert_int_equal(evidence("preapproval.add", "deny", "refused"), before + 4);
}

/* [APR-3] */
static void nobody_approves_for_their_own_agent_in_advance(void **state)
{
	(void)state;
	REFUSED(ST_APPROVAL_OWN_AGENT, "/act/key_id", "preapproval_add", "{\"act\":%s}",
		signed_by(ANDY, APPROVAL_PREAPPROVAL_GRANT_PURPOSE, "%s",
			  GRANT(BY_AGENT, "accounts/*", "5")));
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
	assert_int_equal(used(id, 1, 12500000), ST_OK);
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
		cmocka_unit_test_setup(each_use_is_counted_once_in_any_order, each),
		cmocka_unit_test_setup(a_use_told_after_the_revocation_counts, each),
		cmocka_unit_test_setup(it_is_revocable_by_a_signed_act, each),
		cmocka_unit_test_setup(an_unbounded_one_is_refused_and_recorded, each),
		cmocka_unit_test_setup(nobody_approves_for_their_own_agent_in_advance, each),
		cmocka_unit_test_setup(they_are_listed_with_what_is_left, each),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
