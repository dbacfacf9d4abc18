/* The rules of asking, judging and using an approval, as functions of their arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/approval/approval.h"

#define NOW_MS INT64_C(1767225600000)
#define DIGEST "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define OTHER "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define BOB "per_01900000-0000-7000-8000-00000000000b"
#define EVE "per_01900000-0000-7000-8000-00000000000e"

static const struct approval_limits limits = {
	.deadline_default_ms = 900000,
	.deadline_max_ms = 604800000,
	.validity_default_ms = 300000,
	.validity_max_ms = 86400000,
};
static struct problem problem;

static struct person_row bob(void)
{
	return (struct person_row){ .person_id = STR(BOB),
				    .name = STR("Bob"),
				    .email = STR("bob@css"),
				    .roles = APPROVERS_DEFAULT };
}

static struct request_row pending(void)
{
	return (struct request_row){
		.request_id = STR("apr_01900000-0000-7000-8000-000000000001"),
		.digest = STR(DIGEST),
		.owner = STR("andy@css"),
		.requested_by = STR("agent:piopl_00001"),
		.group = { .roles = APPROVERS_DEFAULT },
		.needed = 1,
		.created_ms = NOW_MS,
		.deadline_ms = NOW_MS + 60000,
		.validity_ms = 1000,
		.state = APPROVAL_REQUEST_STATE_PENDING,
	};
}

static struct request_row approved(void)
{
	struct request_row row = pending();

	row.state = APPROVAL_REQUEST_STATE_APPROVED;
	row.approvals = 1;
	row.approved_ms = NOW_MS;
	row.valid_until_ms = NOW_MS + 1000;
	return row;
}

static enum st judge(const struct request_row *row, const struct person_row *person, bool given,
		     int64_t now_ms)
{
	struct verdict_view view = { row, STR("andy@css"), person, given };
	bool escalated = false;

	return verdict_decide(&view, STR(DIGEST), now_ms, &escalated, &problem);
}

/* [APR-3] */
static void a_person_of_the_group_may_judge(void **state)
{
	struct request_row row = pending();
	struct person_row person = bob();

	(void)state;
	assert_int_equal(judge(&row, &person, false, NOW_MS), ST_OK);
}

/* [APR-3] */
static void who_lost_the_role_may_not(void **state)
{
	struct request_row row = pending();
	struct person_row person = bob();

	(void)state;
	person.roles = APPROVER_BIT(APPROVAL_APPROVER_ROLE_AUDITOR);
	assert_int_equal(judge(&row, &person, false, NOW_MS), ST_ROLE_REQUIRED);
	person.roles = 0;
	assert_int_equal(judge(&row, &person, false, NOW_MS), ST_ROLE_REQUIRED);
}

static void who_is_not_named_may_not(void **state)
{
	struct str eve = STR(EVE);
	struct request_row row = pending();
	struct person_row person = bob();

	(void)state;
	row.group.people = &eve;
	row.group.people_count = 1;
	assert_int_equal(judge(&row, &person, false, NOW_MS), ST_APPROVAL_NOT_IN_GROUP);
	person.person_id = eve;
	assert_int_equal(judge(&row, &person, false, NOW_MS), ST_OK);
}

/* [APR-3] Whatever name the owner, the asker or the one it is done for goes by. */
static void nobody_judges_for_their_own_agent(void **state)
{
	static const struct str names[] = { { BOB, sizeof(BOB) - 1 },
					    { "human:" BOB, sizeof("human:" BOB) - 1 },
					    { "bob@css", 7 },
					    { "BOB@CSS", 7 },
					    { "bob", 3 } };
	struct person_row person = bob();

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (int place = 0; place < 3; place++) {
			struct request_row row = pending();
			struct str *places[] = { &row.owner, &row.requested_by,
						 &row.action.on_behalf_of };
			*places[place] = names[i];
			assert_int_equal(judge(&row, &person, false, NOW_MS),
					 ST_APPROVAL_OWN_AGENT);
			row.own_allowed = true;
			assert_int_equal(judge(&row, &person, false, NOW_MS), ST_OK);
		}
	}
}

static void an_owner_of_today_may_not_either(void **state)
{
	struct request_row row = pending();
	struct person_row person = bob();
	struct verdict_view view = { &row, STR("bob@css"), &person, false };
	bool escalated;

	(void)state;
	assert_int_equal(verdict_decide(&view, STR(DIGEST), NOW_MS, &escalated, &problem),
			 ST_APPROVAL_OWN_AGENT);
}

/* [APR-5] */
static void a_second_verdict_is_refused_whatever_became_of_the_request(void **state)
{
	struct request_row row = pending();
	struct person_row person = bob();

	(void)state;
	assert_int_equal(judge(&row, &person, true, NOW_MS), ST_APPROVAL_VERDICT_GIVEN);
	row = approved();
	assert_int_equal(judge(&row, &person, true, NOW_MS), ST_APPROVAL_VERDICT_GIVEN);
}

/* [APR-4] At the deadline and one before it. */
static void the_deadline_aborts(void **state)
{
	struct request_row row = pending();
	struct person_row person = bob();

	(void)state;
	assert_int_equal(judge(&row, &person, false, row.deadline_ms - 1), ST_OK);
	assert_int_equal(judge(&row, &person, false, row.deadline_ms), ST_APPROVAL_DEADLINE_PASSED);
	assert_int_equal(request_state_at(&row, row.deadline_ms), APPROVAL_REQUEST_STATE_EXPIRED);
}

static void a_decided_request_is_not_judged_again(void **state)
{
	struct request_row row = approved();
	struct person_row person = bob();

	(void)state;
	assert_int_equal(judge(&row, &person, false, NOW_MS), ST_APPROVAL_NOT_PENDING);
}

static void a_verdict_about_another_action_is_refused(void **state)
{
	struct request_row row = pending();
	struct person_row person = bob();
	struct verdict_view view = { &row, STR(""), &person, false };
	bool escalated;

	(void)state;
	assert_int_equal(verdict_decide(&view, STR(OTHER), NOW_MS, &escalated, &problem),
			 ST_APPROVAL_DIGEST_DIFFERS);
}

/* [APR-4] */
static void the_second_group_judges_only_after_escalation(void **state)
{
	struct request_row row = pending();
	struct person_row person = bob();
	struct verdict_view view = { &row, STR(""), &person, false };
	bool escalated = false;

	(void)state;
	person.roles = APPROVER_BIT(APPROVAL_APPROVER_ROLE_STEWARD);
	row.second.roles = person.roles;
	row.escalate_ms = NOW_MS + 1000;
	assert_int_equal(verdict_decide(&view, STR(DIGEST), NOW_MS, &escalated, &problem),
			 ST_ROLE_REQUIRED);
	row.escalated_ms = NOW_MS + 1000;
	assert_int_equal(verdict_decide(&view, STR(DIGEST), NOW_MS, &escalated, &problem), ST_OK);
	assert_true(escalated);
}

/* [APR-4] */
static void as_many_as_are_needed_approve_and_one_rejects(void **state)
{
	(void)state;
	for (int64_t needed = 1; needed <= 10; needed++) {
		struct request_row row = pending();
		row.needed = needed;
		for (row.approvals = 0; row.approvals < needed; row.approvals++) {
			assert_int_equal(verdict_outcome(&row, APPROVAL_VERDICT_KIND_APPROVE),
					 row.approvals + 1 == needed
						 ? APPROVAL_REQUEST_STATE_APPROVED
						 : APPROVAL_REQUEST_STATE_PENDING);
			assert_int_equal(verdict_outcome(&row, APPROVAL_VERDICT_KIND_REJECT),
					 APPROVAL_REQUEST_STATE_REJECTED);
		}
	}
}

static void due_steps_come_in_their_order(void **state)
{
	struct request_row row = pending();

	(void)state;
	assert_int_equal(request_due_ms(&row), row.deadline_ms);
	row.escalate_ms = NOW_MS + 1000;
	assert_int_equal(request_due_ms(&row), row.escalate_ms);
	assert_int_equal(request_due_at(&row, NOW_MS + 999), REQUEST_DUE_NOTHING);
	assert_int_equal(request_due_at(&row, NOW_MS + 1000), REQUEST_DUE_ESCALATE);
	row.escalated_ms = NOW_MS + 1000;
	assert_int_equal(request_due_at(&row, NOW_MS + 1001), REQUEST_DUE_NOTHING);
	assert_int_equal(request_due_at(&row, row.deadline_ms), REQUEST_DUE_EXPIRE);
	row = approved();
	assert_int_equal(request_due_ms(&row), row.valid_until_ms);
	assert_int_equal(request_due_at(&row, row.valid_until_ms - 1), REQUEST_DUE_NOTHING);
	assert_int_equal(request_due_at(&row, row.valid_until_ms), REQUEST_DUE_LAPSE);
	row.state = APPROVAL_REQUEST_STATE_CONSUMED;
	assert_int_equal(request_due_ms(&row), 0);
}

static enum st use(const struct request_row *row, const char *digest, uint32_t roles,
		   int64_t needed, int64_t now_ms)
{
	struct approving approving = { STR(BOB), APPROVERS_DEFAULT };
	struct required required = { roles, needed };

	return consume_decide(row, &approving, 1, str_of(digest), &required, now_ms, &problem);
}

/* [APR-7] Each state, the digest, and the time at the end and one before it. */
static void only_what_was_approved_is_used_and_in_time(void **state)
{
	static const struct {
		enum approval_request_state state;
		enum st st;
	} cases[] = {
		{ APPROVAL_REQUEST_STATE_PENDING, ST_APPROVAL_NOT_GIVEN },
		{ APPROVAL_REQUEST_STATE_REJECTED, ST_APPROVAL_REJECTED },
		{ APPROVAL_REQUEST_STATE_EXPIRED, ST_APPROVAL_DEADLINE_PASSED },
		{ APPROVAL_REQUEST_STATE_WITHDRAWN, ST_APPROVAL_WITHDRAWN },
		{ APPROVAL_REQUEST_STATE_CONSUMED, ST_APPROVAL_USED },
		{ APPROVAL_REQUEST_STATE_LAPSED, ST_APPROVAL_LAPSED },
	};
	struct request_row row = approved();

	(void)state;
	assert_int_equal(use(&row, DIGEST, APPROVERS_DEFAULT, 1, NOW_MS + 999), ST_OK);
	assert_int_equal(use(&row, DIGEST, APPROVERS_DEFAULT, 1, NOW_MS + 1000),
			 ST_APPROVAL_LAPSED);
	assert_int_equal(use(&row, OTHER, APPROVERS_DEFAULT, 1, NOW_MS),
			 ST_APPROVAL_DIGEST_DIFFERS);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		row.state = cases[i].state;
		assert_int_equal(use(&row, DIGEST, APPROVERS_DEFAULT, 1, NOW_MS), cases[i].st);
	}
}

static void weaker_terms_than_the_policy_requires_are_refused(void **state)
{
	struct request_row row = approved();

	(void)state;
	assert_int_equal(use(&row, DIGEST, APPROVERS_DEFAULT, 2, NOW_MS), ST_APPROVAL_TERMS_WEAKER);
	assert_int_equal(use(&row, DIGEST, APPROVER_BIT(APPROVAL_APPROVER_ROLE_STEWARD), 1, NOW_MS),
			 ST_APPROVAL_TERMS_WEAKER);
}

static enum approval_approver_role approver[] = { APPROVAL_APPROVER_ROLE_APPROVER };

static struct approval_approval_request_request request(void)
{
	return (struct approval_approval_request_request){ .agent_id = STR("piopl_00001") };
}

static enum st terms(const struct approval_approval_request_request *in, bool by_policy,
		     struct request_row *ret)
{
	*ret = (struct request_row){ 0 };
	return terms_decide(&limits, in, by_policy, NOW_MS, ret, &problem);
}

/* [APR-4] */
static void what_is_not_said_has_a_default(void **state)
{
	struct approval_approval_request_request in = request();
	struct request_row row;

	(void)state;
	assert_int_equal(terms(&in, false, &row), ST_OK);
	assert_int_equal(row.deadline_ms, NOW_MS + limits.deadline_default_ms);
	assert_int_equal(row.validity_ms, limits.validity_default_ms);
	assert_int_equal(row.needed, 1);
	assert_int_equal(row.group.roles, APPROVERS_DEFAULT);
	assert_false(row.own_allowed);
}

static void times_are_bounded_at_their_limit_and_one_past_it(void **state)
{
	struct approval_approval_request_request in = request();
	struct request_row row;

	(void)state;
	in.has_deadline_s = in.has_validity_s = true;
	in.deadline_s = limits.deadline_max_ms / 1000;
	in.validity_s = limits.validity_max_ms / 1000;
	assert_int_equal(terms(&in, false, &row), ST_OK);
	in.deadline_s++;
	assert_int_equal(terms(&in, false, &row), ST_APPROVAL_TERMS_INVALID);
	in.deadline_s--;
	in.validity_s++;
	assert_int_equal(terms(&in, false, &row), ST_APPROVAL_TERMS_INVALID);
}

/* [APR-3] [APR-4] */
static void only_a_policy_permits_escalation_and_own_agents(void **state)
{
	struct approval_escalation escalation = { 60, { .roles = { approver, 1 } } };
	struct approval_approval_request_request in = request();
	struct request_row row;

	(void)state;
	in.escalation = &escalation;
	assert_int_equal(terms(&in, false, &row), ST_APPROVAL_TERMS_OF_POLICY);
	assert_int_equal(terms(&in, true, &row), ST_OK);
	assert_int_equal(row.escalate_ms, NOW_MS + 60000);
	in.escalation = NULL;
	in.has_own_agent_allowed = in.own_agent_allowed = true;
	assert_int_equal(terms(&in, false, &row), ST_APPROVAL_TERMS_OF_POLICY);
	assert_int_equal(terms(&in, true, &row), ST_OK);
	assert_true(row.own_allowed);
}

static void escalation_comes_before_the_deadline(void **state)
{
	struct approval_escalation escalation = { 59, { .roles = { approver, 1 } } };
	struct approval_approval_request_request in = request();
	struct request_row row;

	(void)state;
	in.escalation = &escalation;
	in.has_deadline_s = true;
	in.deadline_s = 60;
	assert_int_equal(terms(&in, true, &row), ST_OK);
	escalation.after_s = 60;
	assert_int_equal(terms(&in, true, &row), ST_APPROVAL_TERMS_INVALID);
}

static void more_than_are_named_cannot_be_needed(void **state)
{
	struct str people[] = { STR(BOB), STR(EVE) };
	struct approval_approver_group group = { .roles = { approver, 1 },
						 .has_people = true,
						 .people = { people, 2 } };
	struct approval_approval_request_request in = request();
	struct request_row row;

	(void)state;
	in.approvers = &group;
	in.has_needed = true;
	in.needed = 2;
	assert_int_equal(terms(&in, false, &row), ST_OK);
	in.needed = 3;
	assert_int_equal(terms(&in, false, &row), ST_APPROVAL_TERMS_INVALID);
}

static void parameters_are_what_their_hash_says(void **state)
{
	struct str hash =
		STR("sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");

	(void)state;
	assert_int_equal(parameters_check(STR("{}"), hash, &problem), ST_OK);
	assert_int_equal(parameters_check((struct str){ 0 }, hash, &problem), ST_OK);
	assert_int_equal(parameters_check(STR("{} "), hash, &problem),
			 ST_APPROVAL_PARAMETERS_DIFFER);
}

static struct approval_action action(void)
{
	return (struct approval_action){
		.agent_id = STR("piopl_00001"),
		.tool = STR("bank.transfer"),
		.operation = APPROVAL_OPERATION_EXECUTE,
		.resource = STR("accounts/1"),
		.has_amount = true,
		.amount = { 12500000, "GBP" },
		.parameters_hash = STR(DIGEST),
		.on_behalf_of = STR("andy@css"),
	};
}

/* [APR-2] The text was made by hand: members sorted, no space, the amount without zeros. */
static void the_digest_is_of_the_canonical_form(void **state)
{
	static const char text[] =
		"{\"agent_id\":\"piopl_00001\",\"amount\":{\"amount\":\"12.5\",\"currency\":"
		"\"GBP\"},"
		"\"on_behalf_of\":\"andy@css\",\"operation\":\"execute\",\"parameters_hash\":"
		"\"" DIGEST "\",\"resource\":\"accounts/1\",\"tool\":\"bank.transfer\"}";
	struct approval_action one = action();
	char expected[HASH_TEXT_SIZE], found[HASH_TEXT_SIZE];
	struct arena arena;
	struct hash hash;

	(void)state;
	arena_init(&arena, 64 * 1024);
	sha256_of(text, sizeof(text) - 1, &hash);
	hash_to_text(&hash, expected);
	assert_int_equal(action_digest(&one, &arena, found), ST_OK);
	assert_string_equal(found, expected);
	arena_free(&arena);
}

/* [APR-7] */
static void whatever_changes_in_an_action_changes_its_digest(void **state)
{
	struct approval_action all[8];
	char digests[8][HASH_TEXT_SIZE];
	struct arena arena;

	(void)state;
	arena_init(&arena, 256 * 1024);
	for (int i = 0; i < 8; i++)
		all[i] = action();
	all[1].agent_id = STR("piopl_00002");
	all[2].tool = STR("bank.transfer2");
	all[3].operation = APPROVAL_OPERATION_UPDATE;
	all[4].resource = (struct str){ 0 };
	all[5].amount.micros++;
	all[6].parameters_hash = STR(OTHER);
	all[7].on_behalf_of = STR("andy@css ");
	for (int i = 0; i < 8; i++) {
		assert_int_equal(action_digest(&all[i], &arena, digests[i]), ST_OK);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(digests[i], digests[j]);
	}
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_person_of_the_group_may_judge),
		cmocka_unit_test(who_lost_the_role_may_not),
		cmocka_unit_test(who_is_not_named_may_not),
		cmocka_unit_test(nobody_judges_for_their_own_agent),
		cmocka_unit_test(an_owner_of_today_may_not_either),
		cmocka_unit_test(a_second_verdict_is_refused_whatever_became_of_the_request),
		cmocka_unit_test(the_deadline_aborts),
		cmocka_unit_test(a_decided_request_is_not_judged_again),
		cmocka_unit_test(a_verdict_about_another_action_is_refused),
		cmocka_unit_test(the_second_group_judges_only_after_escalation),
		cmocka_unit_test(as_many_as_are_needed_approve_and_one_rejects),
		cmocka_unit_test(due_steps_come_in_their_order),
		cmocka_unit_test(only_what_was_approved_is_used_and_in_time),
		cmocka_unit_test(weaker_terms_than_the_policy_requires_are_refused),
		cmocka_unit_test(what_is_not_said_has_a_default),
		cmocka_unit_test(times_are_bounded_at_their_limit_and_one_past_it),
		cmocka_unit_test(only_a_policy_permits_escalation_and_own_agents),
		cmocka_unit_test(escalation_comes_before_the_deadline),
		cmocka_unit_test(more_than_are_named_cannot_be_needed),
		cmocka_unit_test(parameters_are_what_their_hash_says),
		cmocka_unit_test(the_digest_is_of_the_canonical_form),
		cmocka_unit_test(whatever_changes_in_an_action_changes_its_digest),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
