/* What a person approves in advance lets the actions it covers through, as often and as far as it
 * says, and nothing that is denied. Registry, approval and policy run together. */
#include <pthread.h>

#include "approval_stack.h"

#define CLIENTS 6
#define CLIENT_TRIES 5
#define SHARED_USES 7

static const char rated_rules[] = "policy:\n"
				  "  id: team-rated\n"
				  "  type: tool-access\n"
				  "  unit: studio\n"
				  "  tools:\n"
				  "    - name: template.sell\n"
				  "      allow: true\n"
				  "      require_approval: true\n"
				  "      rate_limit: 3 per 1h\n"
				  "    - name: template.lend\n"
				  "      allow: true\n"
				  "      require_approval: true\n";

static enum st signed_call(const struct proto_call *call, const char *purpose, const char *members,
			   struct str id, struct approval_preapproval_reply *ret)
{
	char payload[1024], time[TIME_TEXT_SIZE], text[SIGNATURE_TEXT_SIZE];
	uint8_t signature[SIGNATURE_BYTES];
	static int nonce;

	time_format(clock_now_ms(), time);
	snprintf(payload, sizeof(payload), "{%s,\"nonce\":\"advance-%06d\",\"issued_at\":\"%s\"}",
		 members, ++nonce, time);
	must_be(sign_purpose(&bob, purpose, str_of(payload), signature), ST_OK);
	base64_encode(signature, sizeof(signature), text);
	const struct common_signed_act act = { .payload = str_of(payload),
					       .key_id = str_of(bob.key_id),
					       .signature = str_of(text) };
	struct approval_preapproval_add_request add = { .act = act };
	struct approval_preapproval_revoke_request revoke = { .preapproval_id = id, .act = act };

	problem = (struct problem){ 0 };
	return stack_call(&stack, call, id.data ? (void *)&revoke : (void *)&add, ret, &problem);
}

/* Signed by Bob, and known to policy. */
static void preapprove(const char *who, const char *tool, const char *operation,
		       const char *resource, int uses, char ret_id[64])
{
	struct approval_preapproval_reply reply;
	char members[600], until[TIME_TEXT_SIZE], sql[200];

	time_format(clock_now_ms() + 3600000, until);
	snprintf(members, sizeof(members),
		 "%s,\"tool\":\"%s\",\"operation\":\"%s\",\"resource\":\"%s\",\"amount_max\":{"
		 "\"amount\":\"20\",\"currency\":\"GBP\"},\"amount_total\":{\"amount\":\"30\","
		 "\"currency\":\"GBP\"},\"uses_max\":%d,\"valid_until\":\"%s\",\"reason\":\"r\"",
		 who, tool, operation, resource, uses, until);
	must_be(signed_call(&CALL_APPROVAL_PREAPPROVAL_ADD, APPROVAL_PREAPPROVAL_GRANT_PURPOSE,
			    members, (struct str){ 0 }, &reply),
		ST_OK);
	snprintf(ret_id, 64, "%.*s", STR_ARG(reply.preapproval.preapproval_id));
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM policy.preapproval WHERE preapproval_id = '%s'", ret_id);
	wait_sql(sql);
}

static void revoked(const char *id)
{
	struct approval_preapproval_reply reply;
	char members[200], sql[200];

	snprintf(members, sizeof(members), "\"preapproval_id\":\"%s\",\"reason\":\"over\"", id);
	must_be(signed_call(&CALL_APPROVAL_PREAPPROVAL_REVOKE,
			    APPROVAL_PREAPPROVAL_REVOCATION_PURPOSE, members, str_of(id), &reply),
		ST_OK);
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM policy.preapproval WHERE preapproval_id = '%s' AND revoked",
		 id);
	wait_sql(sql);
}

#define AGENT "\"agent_id\":\"piopl_00001\""

static struct policy_decide_request publish_on(const char *resource)
{
	struct policy_decide_request in = publish(NULL);

	in.resource = str_of(resource);
	return in;
}

static int64_t uses_of(const char *id)
{
	char sql[200];

	snprintf(sql, sizeof(sql),
		 "SELECT uses FROM policy.preapproval WHERE preapproval_id = '%s'", id);
	return harness_sql_i64(stack.harness, sql);
}

/* [APR-6] */
static void a_use_is_named_recorded_and_told(void **state)
{
	char id[64], evidence[64], sql[900];

	(void)state;
	preapprove(AGENT, TOOL, "create", "named/*", 3, id);
	struct policy_decision d = decided(publish_on("named/1"));
	expect(d, POLICY_VERDICT_ALLOW, "approved such actions in advance");
	assert_true(str_is(d.preapproval_id, id));
	assert_true(d.approval_id.data == NULL && d.ask == NULL);
	assert_true(d.valid_for_ms > 0);
	snprintf(evidence, sizeof(evidence), "%.*s", STR_ARG(d.evidence_id));
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM (SELECT convert_from(data, 'UTF8')::jsonb AS r FROM "
		 "policy.outbox WHERE type = 'policy.evidence.recorded' UNION ALL SELECT "
		 "jsonb_array_elements(convert_from(data, 'UTF8')::jsonb -> 'records') FROM "
		 "policy.outbox WHERE type = 'policy.evidence.packed') AS e WHERE r ->> "
		 "'evidence_id' = '%s' AND r #>> '{context,capability_applied}' = '%s' AND r #>> "
		 "'{policy_evaluation,approval,approver}' LIKE 'per_%%'",
		 evidence, id);
	assert_int_equal(harness_sql_i64(stack.harness, sql), 1);
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM approval.preapproval p JOIN approval.preapproval_use u "
		 "USING (preapproval_id) WHERE preapproval_id = '%s' AND p.uses = 1 AND u.use = 1 "
		 "AND u.used_for = '%s' AND u.caller = 'policy'",
		 id, evidence);
	wait_sql(sql);
}

/* [APR-6] */
static void uses_end_with_the_last(void **state)
{
	char id[64];

	(void)state;
	preapprove(AGENT, TOOL, "create", "counted/*", 2, id);
	expect(decided(publish_on("counted/1")), POLICY_VERDICT_ALLOW, NULL);
	expect(decided(publish_on("counted/1")), POLICY_VERDICT_ALLOW, NULL);
	expect(decided(publish_on("counted/1")), POLICY_VERDICT_REQUIRE_APPROVAL, NULL);
	assert_int_equal(uses_of(id), 2);
}

/* [APR-6] */
static void what_it_does_not_cover_is_asked_for(void **state)
{
	struct policy_decide_request in = publish_on("covered/1");
	char id[64];

	(void)state;
	preapprove(AGENT, TOOL, "create", "covered/*", 5, id);
	in.agent_id = STR("piopl_00002");
	expect(decided(in), POLICY_VERDICT_REQUIRE_APPROVAL, NULL);
	expect(decided(publish_on("covered/1/2")), POLICY_VERDICT_REQUIRE_APPROVAL, NULL);
	expect(decided(publish_on("other/1")), POLICY_VERDICT_REQUIRE_APPROVAL, NULL);
	in = publish_on("covered/1");
	in.tool = STR("template.lend");
	expect(decided(in), POLICY_VERDICT_REQUIRE_APPROVAL, NULL);
	assert_int_equal(uses_of(id), 0);
	preapprove("\"unit\":\"studio\"", TOOL, "create", "covered/*", 5, id);
	in = publish_on("covered/1");
	in.agent_id = STR("piopl_00002");
	expect(decided(in), POLICY_VERDICT_ALLOW, NULL);
}

/* [APR-6] 20 at once, 30 together; the last millionth counts */
static void amounts_end_it_too(void **state)
{
	static const struct {
		int64_t micros;
		enum policy_verdict verdict;
	} steps[] = {
		{ 20000001, POLICY_VERDICT_REQUIRE_APPROVAL }, { 20000000, POLICY_VERDICT_ALLOW },
		{ 10000001, POLICY_VERDICT_REQUIRE_APPROVAL }, { 10000000, POLICY_VERDICT_ALLOW },
		{ 1, POLICY_VERDICT_REQUIRE_APPROVAL },
	};
	struct policy_decide_request in = publish_on("paid/1");
	char id[64];

	(void)state;
	agent_may_spend(1, "1000");
	preapprove(AGENT, TOOL, "create", "paid/*", 10, id);
	in.has_amount = true;
	in.amount = (struct money){ 0, "GBP" };
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		in.amount.micros = steps[i].micros;
		expect(decided(in), steps[i].verdict, NULL);
	}
	assert_int_equal(uses_of(id), 2);
}

#define TRIED_MAX 256

/* As many that hold for a tool are looked at, those that end first; one more is not. */
static void a_bounded_number_is_looked_at(void **state)
{
	char id[64], sql[600];

	(void)state;
	preapprove(AGENT, TOOL, "create", "tried/*", 9, id);
	snprintf(
		sql, sizeof(sql),
		"INSERT INTO policy.preapproval (preapproval_id, number, tool, operation, "
		"resource, currency, amount_max, amount_total, uses_max, valid_until_ms, approver, "
		"approved_ms) SELECT 'pre_' || g, 1, tool, operation, 'elsewhere', currency, 0, 0, "
		"1, "
		"valid_until_ms - 1, approver, 0 FROM policy.preapproval p, generate_series(1, %d) "
		"g "
		"WHERE p.preapproval_id = '%s'",
		TRIED_MAX - 1, id);
	harness_sql(stack.harness, "UPDATE policy.preapproval SET revoked = true WHERE "
				   "resource <> 'tried/*'");
	harness_sql(stack.harness, sql);
	expect(decided(publish_on("tried/1")), POLICY_VERDICT_ALLOW, NULL);
	snprintf(
		sql, sizeof(sql),
		"INSERT INTO policy.preapproval (preapproval_id, number, tool, operation, "
		"resource, currency, amount_max, amount_total, uses_max, valid_until_ms, approver, "
		"approved_ms) SELECT 'pre_last', 1, tool, operation, 'elsewhere', currency, 0, 0, "
		"1, "
		"valid_until_ms - 1, approver, 0 FROM policy.preapproval WHERE preapproval_id = "
		"'%s'",
		id);
	harness_sql(stack.harness, sql);
	expect(decided(publish_on("tried/1")), POLICY_VERDICT_REQUIRE_APPROVAL, NULL);
	harness_sql(stack.harness, "UPDATE policy.preapproval SET revoked = true");
}

/* [APR-6] A denial stays a denial and uses nothing up, nor does a try. */
static void what_is_denied_stays_denied(void **state)
{
	struct policy_decide_request in = publish_on("denied/1");
	struct policy_decision d = { 0 };
	char id[64];

	(void)state;
	preapprove(AGENT, TOOL, "create", "denied/*", 5, id);
	in.confidence = 0.5;
	d = decided(in);
	expect(d, POLICY_VERDICT_DENY, NULL);
	assert_true(d.preapproval_id.data == NULL);
	must_be(document_put("policy:\n  id: team-late\n  type: temporal-and-thresholds\n"
			     "  unit: studio\n  rules:\n    - condition: \"urgency = 'low'\"\n"
			     "      tools: [template.publish]\n      defer: true\n"),
		ST_OK);
	must_be(document_apply("team-late", POLICY_DOCUMENT_STATE_ACTIVE, NULL), ST_OK);
	in = publish_on("denied/1");
	in.urgency = POLICY_URGENCY_LOW;
	expect(decided(in), POLICY_VERDICT_DEFER, NULL);
	in.urgency = POLICY_URGENCY_NORMAL;
	must_be(stack_call(&stack, &CALL_POLICY_TRY, &in, &d, &problem), ST_OK);
	expect(d, POLICY_VERDICT_ALLOW, NULL);
	assert_int_equal(uses_of(id), 0);
	expect(decided(in), POLICY_VERDICT_ALLOW, NULL);
	assert_int_equal(uses_of(id), 1);
	must_be(document_apply("team-late", POLICY_DOCUMENT_STATE_RETIRED, NULL), ST_OK);
}

/* Deciding a second time does not count a rate twice. */
static void a_rate_is_counted_once_a_use(void **state)
{
	struct policy_decide_request in = publish_on("rated/1");
	char id[64];

	(void)state;
	assert_true(stack_clock_off_boundary());
	preapprove(AGENT, "template.sell", "create", "rated/*", 9, id);
	in.tool = STR("template.sell");
	for (int i = 0; i < 3; i++)
		expect(decided(in), POLICY_VERDICT_ALLOW, NULL);
	expect(decided(in), POLICY_VERDICT_DENY, "used 3 times");
	assert_int_equal(uses_of(id), 3);
}

struct client {
	pthread_t thread;
	int allowed, asked, other;
};

static const struct bus_call_options patient = { .timeout_ms = 10000 };

static enum st external_open(struct bus **ret)
{
	struct problem faults = { 0 };

	return bus_open(&(struct bus_options){ .url = harness_nats_url(stack.harness),
					       .name = "external",
					       .connect_timeout_ms = 10000,
					       .sending = BUS_SEND_AT_ONCE },
			ret, &faults);
}

static void *client_run(void *context)
{
	struct policy_decide_request in = publish_on("shared/1");
	struct problem faults = { 0 };
	struct client *client = context;
	struct policy_decision d;
	struct arena arena;
	struct bus *bus;

	arena_init(&arena, 4 << 20);
	if (external_open(&bus) != ST_OK)
		return NULL;
	for (int i = 0; i < CLIENT_TRIES; i++) {
		arena_reset(&arena);
		enum st st = bus_call(bus, &CALL_POLICY_DECIDE, &in, &patient, &arena, &d, &faults);
		if (st == ST_OK && d.verdict == POLICY_VERDICT_ALLOW)
			client->allowed++;
		else if (st == ST_OK && d.verdict == POLICY_VERDICT_REQUIRE_APPROVAL)
			client->asked++;
		else
			client->other++;
	}
	bus_close(bus);
	arena_free(&arena);
	return NULL;
}

/* [APR-6] Two workers never pass the bound together, and none is refused for the other's sake. */
static void workers_share_the_last_uses(void **state)
{
	struct client clients[CLIENTS] = { 0 };
	int allowed = 0, asked = 0;
	char id[64];

	(void)state;
	preapprove(AGENT, TOOL, "create", "shared/*", SHARED_USES, id);
	for (int i = 0; i < CLIENTS; i++)
		pthread_create(&clients[i].thread, NULL, client_run, &clients[i]);
	for (int i = 0; i < CLIENTS; i++) {
		pthread_join(clients[i].thread, NULL);
		allowed += clients[i].allowed;
		asked += clients[i].asked;
	}
	assert_int_equal(allowed, SHARED_USES);
	assert_int_equal(asked, CLIENTS * CLIENT_TRIES - SHARED_USES);
	assert_int_equal(uses_of(id), SHARED_USES);
}

/* [APR-6] */
static void a_revoked_one_lets_nothing_through(void **state)
{
	char id[64];

	(void)state;
	preapprove(AGENT, TOOL, "create", "revoked/*", 5, id);
	expect(decided(publish_on("revoked/1")), POLICY_VERDICT_ALLOW, NULL);
	revoked(id);
	expect(decided(publish_on("revoked/1")), POLICY_VERDICT_REQUIRE_APPROVAL, NULL);
}

/* [APR-3] */
static void a_signer_without_the_role_approved_nothing(void **state)
{
	char id[64];

	(void)state;
	preapprove(AGENT, TOOL, "create", "role/*", 5, id);
	harness_sql(stack.harness, "UPDATE policy.person SET roles = '{4}' WHERE name = 'Bob'");
	expect(decided(publish_on("role/1")), POLICY_VERDICT_REQUIRE_APPROVAL, NULL);
	harness_sql(stack.harness, "UPDATE policy.person SET roles = '{3}' WHERE name = 'Bob'");
	expect(decided(publish_on("role/1")), POLICY_VERDICT_ALLOW, NULL);
	harness_sql(stack.harness, "UPDATE policy.person SET removed = true WHERE name = 'Bob'");
	expect(decided(publish_on("role/1")), POLICY_VERDICT_REQUIRE_APPROVAL, NULL);
	harness_sql(stack.harness, "UPDATE policy.person SET removed = false WHERE name = 'Bob'");
}

/* -- a call that is refused halfway -- */

struct counted {
	int64_t uses, decisions, evidence, told, spent;
};

static struct counted counted_now(const char *id)
{
	return (struct counted){
		.uses = uses_of(id),
		.decisions = harness_sql_i64(stack.harness, "SELECT count(*) FROM policy.decision"),
		.evidence = harness_sql_i64(stack.harness, "SELECT count(*) FROM " EVIDENCE_IDS),
		.told = harness_sql_i64(stack.harness, "SELECT count(*) FROM policy.outbox WHERE "
						       "type = 'policy.preapproval.used'"),
		.spent =
			harness_sql_i64(stack.harness, "SELECT used FROM policy.meter WHERE number "
						       "= 1 AND kind = 'spend'"),
	};
}

#define CALLS 16 /* at once, so that refused ones share a commit with good ones */
#define CALL_EVALUATIONS 3
#define EACH_MICROS 10000

static struct bus_ask *evaluations_begin(const char *tool, const char *last_subject)
{
	struct policy_access_entity subject = { .type = STR("agent"), .id = STR("piopl_00001") };
	struct policy_access_entity last = { .type = STR("agent"), .id = str_of(last_subject) };
	struct policy_access_action action = { .name = str_of(tool) };
	struct policy_access_entity half = { .type = STR("template"), .id = STR("half/1") };
	struct policy_access_evaluation items[CALL_EVALUATIONS] = {
		{ .resource = &half },
		{ .resource = &half },
		{ .resource = &half, .subject = &last },
	};
	struct policy_access_evaluations_request request = {
		.subject = &subject,
		.action = &action,
		.evaluations = { items, CALL_EVALUATIONS },
	};
	const struct bus_call_options options = { .timeout_ms = 10000 };
	struct json *context;
	struct bus_ask *ask;

	must_be(json_parse(&stack.arena,
			   STR("{\"confidence\":0.95,\"amount\":{\"amount\":\"0.01\","
			       "\"currency\":\"GBP\"}}"),
			   &context, NULL),
		ST_OK);
	request.context = context;
	must_be(bus_ask_begin(stack.bus, &CALL_POLICY_ACCESS_EVALUATIONS, &request, &options,
			      &stack.arena, &ask, &problem),
		ST_OK);
	return ask;
}

static void evaluations_end(struct bus_ask *ask, enum st wanted)
{
	struct policy_access_evaluations_reply reply;

	problem = (struct problem){ 0 };
	must_be(bus_ask_end(ask, &stack.arena, &reply, &problem), wanted);
	for (size_t i = 0; wanted == ST_OK && i < CALL_EVALUATIONS; i++)
		assert_true(reply.evaluations.items[i].decision);
}

/* [POL-15] [APR-6] The third of three is refused: of the two before it nothing stays. Of calls made
 * in between all three are counted once. */
static void halfway(const char *tool, bool uses)
{
	struct bus_ask *refused[CALLS], *good[CALLS];
	const int64_t counted = CALLS * CALL_EVALUATIONS, used = uses ? counted : 0;
	struct counted before, after;
	char id[64];

	assert_true(stack_clock_off_boundary()); /* what is spent is counted for a day */
	agent_may_spend(1, "1000");
	preapprove(AGENT, TOOL, "create", "half/*", 1000, id);
	before = counted_now(id);
	for (int i = 0; i < CALLS; i++) {
		good[i] = evaluations_begin(tool, "piopl_00001");
		refused[i] = evaluations_begin(tool, "nobody");
	}
	for (int i = 0; i < CALLS; i++) {
		evaluations_end(good[i], ST_OK);
		evaluations_end(refused[i], ST_MESSAGE_INVALID);
	}
	after = counted_now(id);
	assert_int_equal(after.uses, before.uses + used);
	assert_int_equal(after.decisions, before.decisions + counted);
	assert_int_equal(after.evidence, before.evidence + counted);
	assert_int_equal(after.told, before.told + used);
	assert_int_equal(after.spent, before.spent + counted * EACH_MICROS);
}

static void a_call_refused_halfway_counts_nothing(void **state)
{
	(void)state;
	halfway(TOOL, true);
	halfway("asset.make", false); /* nothing but counters in memory */
}

/* -- revocation while it is used -- */

#define LOAD_CLIENTS 4

struct user {
	pthread_t thread;
	struct bus *bus;
	_Atomic int64_t allowed, asked;
	int64_t other, last_begun_ns;
};

static volatile bool over;

static void *user_run(void *context)
{
	struct policy_decide_request in = publish_on("load/1");
	struct problem faults = { 0 };
	struct user *user = context;
	struct policy_decision d;
	struct arena arena;

	arena_init(&arena, 4 << 20);
	while (!over) {
		int64_t begun_ns = (int64_t)clock_mono_ns();
		arena_reset(&arena);
		enum st st = bus_call(user->bus, &CALL_POLICY_DECIDE, &in, &patient, &arena, &d,
				      &faults);
		if (st == ST_OK && d.verdict == POLICY_VERDICT_ALLOW) {
			user->allowed++;
			user->last_begun_ns = begun_ns;
		} else if (st == ST_OK && d.verdict == POLICY_VERDICT_REQUIRE_APPROVAL) {
			user->asked++;
		} else {
			user->other++;
		}
	}
	arena_free(&arena);
	return NULL;
}

static bool all_allowed(void *context)
{
	const struct user *users = context;
	int count = 0;

	for (int i = 0; i < LOAD_CLIENTS; i++)
		count += users[i].allowed > 0;
	return count == LOAD_CLIENTS;
}

static bool all_asked(void *context)
{
	const struct user *users = context;
	int count = 0;

	for (int i = 0; i < LOAD_CLIENTS; i++)
		count += users[i].asked > 0;
	return count == LOAD_CLIENTS;
}

/* [APR-6] Nothing that begins after the revocation is known passes; nothing fails for it; and every
 * use that passed is counted at both ends. */
static void a_revocation_under_load_ends_it(void **state)
{
	struct user users[LOAD_CLIENTS] = { 0 };
	int64_t allowed = 0, known_ns;
	char id[64], sql[200];

	(void)state;
	preapprove(AGENT, TOOL, "create", "load/*", 1000, id);
	for (int i = 0; i < LOAD_CLIENTS; i++)
		must_be(external_open(&users[i].bus), ST_OK);
	for (int i = 0; i < LOAD_CLIENTS; i++)
		pthread_create(&users[i].thread, NULL, user_run, &users[i]);
	bool passed = harness_wait_for(all_allowed, users, 20000);
	revoked(id);
	known_ns = (int64_t)clock_mono_ns();
	bool ended = harness_wait_for(all_asked, users, 20000);
	over = true;
	for (int i = 0; i < LOAD_CLIENTS; i++) {
		pthread_join(users[i].thread, NULL);
		bus_close(users[i].bus);
		allowed += users[i].allowed;
		assert_int_equal(users[i].other, 0);
		assert_true(users[i].last_begun_ns < known_ns);
	}
	assert_true(passed && ended);
	assert_int_equal(uses_of(id), allowed);
	snprintf(sql, sizeof(sql),
		 "SELECT (uses = %lld)::int FROM approval.preapproval WHERE preapproval_id = '%s'",
		 (long long)allowed, id);
	wait_sql(sql);
}

/* [APR-6] The last test: it moves the clock. */

static void its_time_ends_it(void **state)
{
	char id[64];

	(void)state;
	preapprove(AGENT, TOOL, "create", "timed/*", 5, id);
	expect(decided(publish_on("timed/1")), POLICY_VERDICT_ALLOW, NULL);
	must_be(clock_advance(3600000), ST_OK);
	expect(decided(publish_on("timed/1")), POLICY_VERDICT_REQUIRE_APPROVAL, NULL);
}

static int start(void **state)
{
	group_start(state);
	assert_true(stack_clock_to_office_hours()); /* out of them money is asked for */
	document_activate(rated_rules, "team-rated");
	agent_activate("piopl_00002");
	wait_sql("SELECT count(*) FROM policy.agent WHERE number = 2 AND state = 2");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_use_is_named_recorded_and_told),
		cmocka_unit_test(uses_end_with_the_last),
		cmocka_unit_test(what_it_does_not_cover_is_asked_for),
		cmocka_unit_test(a_bounded_number_is_looked_at),
		cmocka_unit_test(what_is_denied_stays_denied),
		cmocka_unit_test(a_rate_is_counted_once_a_use),
		cmocka_unit_test(workers_share_the_last_uses),
		cmocka_unit_test(a_revoked_one_lets_nothing_through),
		cmocka_unit_test(a_signer_without_the_role_approved_nothing),
		cmocka_unit_test(amounts_end_it_too),
		cmocka_unit_test(a_call_refused_halfway_counts_nothing),
		cmocka_unit_test(a_revocation_under_load_ends_it),
		cmocka_unit_test(its_time_ends_it),
	};

	return cmocka_run_group_tests_name("policy and pre-approvals", tests, start, group_stop);
}
