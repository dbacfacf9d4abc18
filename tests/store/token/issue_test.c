/* Issuing, renewing, showing and listing on a real database. [TOK-1] [TOK-3] [TOK-8] */
#include "fixture.h"

static int setup(void **state)
{
	(void)state;
	memset(&world, 0, sizeof(world));
	world_ready();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop();
	return 0;
}

static void a_token_is_issued_kept_told_and_recorded(void **state)
{
	const struct token_capability *c;
	struct token_key_set keys = { 0 };
	struct token_view view;
	struct problem problem;

	(void)state;
	OK("token_issue",
	   "{\"agent_id\":\"piopl_00002\",\"scopes\":[\"sales_read\",\"payout_request\"],"
	   "\"risk\":\"high\",\"life_s\":3600,\"holder_key\":\"%s\",\"limits\":{\"endpoints\":["
	   "\"stripe_api\"],\"amount_per_day\":{\"amount\":\"12.5\",\"currency\":\"GBP\"}}}",
	   world.holder_key);
	c = kept_issue();
	assert_int_equal(c->state, TOKEN_CAPABILITY_STATE_LIVE);
	assert_true(c->bound);
	assert_int_equal(c->expires_at_ms - c->issued_at_ms, 3600 * 1000);
	assert_int_equal(events("token.capability.issued"), 1);
	assert_int_equal(evidence("token.issue", "success"), 1);
	/* the text verifies with the published keys, and says the same */
	OK("token_keys", "%s", "{}");
	const struct token_keys_reply *reply = world.answer;
	assert_int_equal(reply->keys.count, 2);
	for (size_t i = 0; i < reply->keys.count; i++)
		assert_int_equal(token_key_set_put(&keys, &reply->keys.items[i]), ST_OK);
	assert_int_equal(
		token_open(&keys, str_of(world.token_text), &world.svc.arena, &view, &problem),
		ST_OK);
	assert_string_equal(view.token_id, world.token_id);
	assert_int_equal(view.agent_number, 2);
	assert_int_equal(view.risk, TOKEN_RISK_HIGH);
	assert_int_equal(view.amount_per_day.micros, 12500000);
	assert_memory_equal(view.holder_key, world.holder.public_key, PUBLIC_KEY_BYTES);
	/* the text is nowhere in the table */
	assert_int_equal(
		sql_i64("SELECT count(*) FROM token.token t WHERE t::text LIKE '%%%.40s%%'",
			world.token_text + 10),
		0);
	/* and what is kept is what was said */
	OK("token_show", "{\"token_id\":\"%s\"}", view.token_id);
	const struct token_show_reply *show = world.answer;
	assert_true(show->verdict.valid);
	assert_true(show->capability.limits->has_endpoints);
	assert_true(str_is(show->capability.limits->endpoints.items[0], "stripe_api"));
	assert_int_equal(show->capability.limits->amount_per_day.micros, 12500000);
	assert_true(str_is(show->capability.holder_key, world.holder_key));
	char digest[HASH_TEXT_SIZE];
	hash_to_text(&view.digest, digest);
	assert_true(str_is(show->capability.digest, digest));
}

static void each_refusal_names_its_rule_and_is_evidence(void **state)
{
	(void)state;
#define ISSUE(rest) "token_issue", "%s", rest
	REFUSED(ST_AGENT_UNKNOWN, "/agent_id",
		ISSUE("{\"agent_id\":\"piopl_00099\",\"scopes\":[\"a\"],\"risk\":\"low\"}"));
	REFUSED(ST_TOKEN_SCOPE_NOT_OF_AGENT, "/scopes",
		ISSUE("{\"agent_id\":\"piopl_00001\",\"scopes\":[\"payout_request\"],"
		      "\"risk\":\"low\"}"));
	REFUSED(ST_RISK_ABOVE_TIER, "/risk",
		ISSUE("{\"agent_id\":\"piopl_00001\",\"scopes\":[\"trend_scan\"],"
		      "\"risk\":\"medium\"}"));
	REFUSED(ST_RISK_ABOVE_TIER, "/risk",
		ISSUE("{\"agent_id\":\"piopl_00003\",\"scopes\":[\"listing_create\"],"
		      "\"risk\":\"high\"}"));
	REFUSED(ST_HOLDER_KEY_REQUIRED, "/holder_key",
		ISSUE("{\"agent_id\":\"piopl_00002\",\"scopes\":[\"sales_read\"],"
		      "\"risk\":\"critical\"}"));
	REFUSED(ST_TOKEN_LIFE_TOO_LONG, "/life_s",
		ISSUE("{\"agent_id\":\"piopl_00001\",\"scopes\":[\"trend_scan\"],\"risk\":\"low\","
		      "\"life_s\":5184001}"));
	agent_is("piopl_00001", REGISTRY_AGENT_STATE_PAUSED);
	REFUSED(ST_AGENT_NOT_LIVE, "/agent_id",
		ISSUE("{\"agent_id\":\"piopl_00001\",\"scopes\":[\"trend_scan\"],"
		      "\"risk\":\"low\"}"));
	assert_int_equal(evidence("token.issue", "refused"), 7);
	assert_int_equal(sql_i64("SELECT count(*) FROM token.token"), 0);
	agent_is("piopl_00001", REGISTRY_AGENT_STATE_ACTIVE);
	issued("piopl_00001", "trend_scan");
}

static void a_role_that_was_changed_bounds_the_scopes(void **state)
{
	struct registry_role_changed data = { .role = { .name = STR("generator") } };
	struct str listed[] = { STR("template_gen") };

	(void)state;
	issued("piopl_00001", "trend_scan");
	char revoked[TOKEN_ID_SIZE];
	memcpy(revoked, world.token_id, sizeof(revoked));
	issued("piopl_00001", "template_gen");
	data.role.template.capability_scopes.items = listed;
	data.role.template.capability_scopes.count = 1;
	heard(on_role_changed, &data);
	REFUSED(ST_TOKEN_SCOPE_NOT_OF_ROLE, "/scopes",
		ISSUE("{\"agent_id\":\"piopl_00001\",\"scopes\":[\"trend_scan\"],"
		      "\"risk\":\"low\"}"));
	/* what was issued goes no further than what may be issued */
	assert_string_equal(shown(revoked), "token_revoked");
	assert_string_equal(shown(world.token_id), "");
	assert_int_equal(events("token.revocation.ordered"), 1);
}

static void a_profile_that_shrinks_ends_what_goes_further(void **state)
{
	struct registry_agent_updated data = {
		.agent = agent_of("piopl_00002", "publisher", 1, "studio.beta",
				  SCOPES(STR("sales_read"), STR("payout_request"))),
	};

	(void)state;
	data.agent.identity.status = REGISTRY_AGENT_STATE_ACTIVE;
	issued_bound();
	char critical[TOKEN_ID_SIZE];
	memcpy(critical, world.token_id, sizeof(critical));
	issued("piopl_00002", "sales_read");
	heard(on_agent_updated, &data); /* to tier 1 */
	assert_string_equal(shown(critical), "token_revoked");
	assert_string_equal(shown(world.token_id), "");
	data.agent.capability.capability_scopes.count = 0;
	heard(on_agent_updated, &data);
	assert_string_equal(shown(world.token_id), "token_revoked");
}

/* [TOK-3] the limit is 4 here */
static void an_agent_holds_so_many_live_tokens_and_no_more(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		issued("piopl_00001", "trend_scan");
	REFUSED(ST_TOO_MANY_TOKENS, "/agent_id",
		ISSUE("{\"agent_id\":\"piopl_00001\",\"scopes\":[\"trend_scan\"],"
		      "\"risk\":\"low\"}"));
	issued("piopl_00002", "sales_read");
	/* dead ones do not count: one revoked, then all of them expired */
	OK("token_revoke", "{\"agent_id\":\"%s\",\"reason\":\"x\"}", "piopl_00001");
	for (int i = 0; i < 4; i++)
		issued("piopl_00001", "trend_scan");
	assert_int_equal(call("token_issue", "%s",
			      "{\"agent_id\":\"piopl_00001\",\"scopes\":[\"trend_scan\"],"
			      "\"risk\":\"low\"}"),
			 ST_TOO_MANY_TOKENS);
	world.now_ms += 31 * DAY_MS;
	issued("piopl_00001", "trend_scan");
}

/* Some calls in one batch of a worker. */
static void issued_together(const char *const *texts, size_t count, enum st *outcomes)
{
	static struct svc_request reqs[8];
	struct svc_request *pointers[8];
	struct db_tx *tx = begin();

	for (size_t i = 0; i < count; i++) {
		void *body = arena_alloc(&world.svc.arena, sizeof(struct token_issue_request));
		reqs[i] = (struct svc_request){
			.svc = &world.svc,
			.state = &world.token,
			.arena = &world.svc.arena,
			.tx = tx,
			.body = body,
			.body_text = str_of(texts[i]),
			.answer = arena_alloc(&world.svc.arena, sizeof(struct token_issue_reply)),
			.caller = STR("terminal"),
			.principal = STR(""),
			.trace_id = STR("0123456789abcdef0123456789abcdef"),
			.now_ms = world.now_ms,
			.call = &CALL_TOKEN_TOKEN_ISSUE,
		};
		assert_int_equal(proto_decode(CALL_TOKEN_TOKEN_ISSUE.request, reqs[i].body_text,
					      PROTO_UNKNOWN_REFUSED, &world.svc.arena, body,
					      &reqs[i].problem),
				 ST_OK);
		pointers[i] = &reqs[i];
	}
	assert_int_equal(on_issues(pointers, count, outcomes), ST_OK);
	for (size_t i = 0; i < count; i++) {
		const struct token_issue_reply *reply = reqs[i].answer;
		assert_true((reply->token.size > 0) == (outcomes[i] == ST_OK));
		if (outcomes[i] != ST_OK)
			assert_int_equal(reqs[i].problem.st, outcomes[i]);
	}
	assert_int_equal(finish(tx, ST_OK, false), ST_OK);
}

/* [TOK-3] [TOK-1] calls of one batch are judged one after the other, each as if it were alone: what
 * the first got the next one has, and a refusal is nobody else's. The limit is 4 here. */
static void calls_of_one_batch_are_judged_one_after_the_other(void **state)
{
	static const char one[] = "{\"agent_id\":\"piopl_00001\",\"scopes\":[\"trend_scan\"],"
				  "\"risk\":\"low\"}";
	static const char other[] = "{\"agent_id\":\"piopl_00002\",\"scopes\":[\"sales_read\"],"
				    "\"risk\":\"medium\",\"limits\":{\"endpoints\":[]},"
				    "\"auto_renew\":true}";
	static const char unknown[] = "{\"agent_id\":\"piopl_00999\",\"scopes\":[\"trend_scan\"],"
				      "\"risk\":\"low\"}";
	static const char wrong[] = "{\"agent_id\":\"piopl_00001\",\"scopes\":[\"sales_read\"],"
				    "\"risk\":\"low\"}";
	static const char *const texts[] = { one, unknown, one, wrong, other, one, one };
	enum st got[7];

	(void)state;
	/* three of its own that are dead, which the cheap count takes for living */
	for (int i = 0; i < 3; i++)
		issued("piopl_00001", "trend_scan");
	OK("token_revoke", "{\"agent_id\":\"%s\",\"reason\":\"x\"}", "piopl_00001");
	issued("piopl_00001", "trend_scan");
	issued_together(texts, 7, got);
	static const enum st wanted[] = {
		ST_OK, ST_AGENT_UNKNOWN,  ST_OK, ST_TOKEN_SCOPE_NOT_OF_AGENT, ST_OK,
		ST_OK, ST_TOO_MANY_TOKENS
	};
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(got[i], wanted[i]);
	assert_int_equal(
		sql_i64("SELECT count(*) FROM token.token WHERE agent_number = 1 AND "
			"scopes = '{trend_scan}' AND endpoints IS NULL AND NOT auto_renew"),
		7);
	assert_int_equal(
		sql_i64("SELECT count(*) FROM token.token WHERE agent_number = 2 AND "
			"endpoints = '{}' AND auto_renew AND risk = 2 AND amount_micros IS "
			"NULL AND holder_key IS NULL AND renewed_from IS NULL"),
		1);
	/* all seven acts are recorded, in one event */
	assert_int_equal(sql_i64("SELECT count(*) FROM (SELECT regexp_matches(convert_from(data, "
				 "'UTF8'), '\"evidence_id\"', 'g') FROM token.outbox WHERE id = "
				 "(SELECT max(id) FROM token.outbox)) m"),
			 7);
}

static void without_a_key_nothing_is_issued(void **state)
{
	(void)state;
	harness_sql(world.harness, "DELETE FROM token.signing_key");
	assert_int_equal(call("token_issue", "%s",
			      "{\"agent_id\":\"piopl_00001\",\"scopes\":[\"trend_scan\"],"
			      "\"risk\":\"low\"}"),
			 ST_SIGNING_KEY_MISSING);
	keys_ticked();
	issued("piopl_00001", "trend_scan");
	/* another sealing key opens nothing */
	signing_key_clear(&world.token.key);
	memset(&world.token.key, 0, sizeof(world.token.key));
	random_bytes(world.token.sealing_key, SEALING_KEY_BYTES);
	assert_int_equal(call("token_issue", "%s",
			      "{\"agent_id\":\"piopl_00001\",\"scopes\":[\"trend_scan\"],"
			      "\"risk\":\"low\"}"),
			 ST_SIGNING_KEY_SEALED);
}

/* -- renewal [TOK-8] -- */

static void issue_renewing(const char *life)
{
	OK("token_issue",
	   "{\"agent_id\":\"piopl_00001\",\"scopes\":[\"trend_scan\"],\"risk\":\"low\","
	   "\"auto_renew\":true,\"life_s\":%s}",
	   life);
	kept_issue();
}

static void the_end_is_announced_once_and_then_comes(void **state)
{
	(void)state;
	issued("piopl_00001", "trend_scan");
	world.now_ms = START_MS + 26 * DAY_MS;
	assert_false(ticked(tick_due));
	assert_int_equal(events("token.capability.expiring"), 0);
	world.now_ms = START_MS + 27 * DAY_MS + 60000;
	assert_false(ticked(tick_due));
	assert_false(ticked(tick_due));
	assert_int_equal(events("token.capability.expiring"), 1);
	assert_int_equal(events("token.capability.expired"), 0);
	world.now_ms = START_MS + 30 * DAY_MS + 60000;
	assert_string_equal(shown(world.token_id), "token_expired");
	assert_false(ticked(tick_due));
	assert_false(ticked(tick_due));
	assert_int_equal(events("token.capability.expired"), 1);
	/* and in the end it is forgotten */
	world.now_ms += 89 * DAY_MS;
	ticked(tick_due);
	assert_int_equal(sql_i64("SELECT count(*) FROM token.token"), 1);
	world.now_ms += 2 * DAY_MS;
	ticked(tick_due);
	assert_int_equal(sql_i64("SELECT count(*) FROM token.token"), 0);
}

static void a_revoked_token_ends_without_a_word(void **state)
{
	(void)state;
	issued("piopl_00001", "trend_scan");
	OK("token_revoke", "{\"token_id\":\"%s\",\"reason\":\"x\"}", world.token_id);
	world.now_ms = START_MS + 31 * DAY_MS;
	ticked(tick_due);
	assert_int_equal(events("token.capability.expiring"), 0);
	assert_int_equal(events("token.capability.expired"), 0);
	assert_int_equal(sql_i64("SELECT phase FROM token.token"), 2);
}

static void a_token_is_renewed_before_its_end_and_its_text_asked_for(void **state)
{
	char first[TOKEN_ID_SIZE], second[TOKEN_ID_SIZE], text[TOKEN_BYTES_MAX + 1];

	(void)state;
	issue_renewing("864000"); /* ten days: three are less than a third */
	memcpy(first, world.token_id, sizeof(first));
	REFUSED(ST_RENEWAL_TOO_EARLY, "/token_id", "token_renew", "{\"token_id\":\"%s\"}", first);
	world.now_ms = START_MS + 7 * DAY_MS + 60000;
	ticked(tick_due);
	assert_int_equal(events("token.capability.issued"), 2);
	assert_int_equal(evidence("token.renew", "success"), 1);
	assert_int_equal(sql_i64("SELECT count(*) FROM token.outbox WHERE type = "
				 "'token.capability.expiring' AND convert_from(data, 'UTF8') LIKE "
				 "'%%renewed_by%%'"),
			 1);
	/* asked for, twice: the same successor, the same text */
	OK("token_renew", "{\"token_id\":\"%s\"}", first);
	kept_issue();
	memcpy(second, world.token_id, sizeof(second));
	memcpy(text, world.token_text, sizeof(text));
	OK("token_renew", "{\"token_id\":\"%s\"}", first);
	kept_issue();
	assert_string_equal(second, world.token_id);
	assert_string_equal(text, world.token_text);
	assert_string_not_equal(first, second);
	assert_string_equal(checked(text, ""), "");
	assert_string_equal(shown(first), "");
	/* after a rotation another key signs the same claims */
	OK("token_key_rotate", "%s", "{\"reason\":\"test\"}");
	OK("token_renew", "{\"token_id\":\"%s\"}", first);
	kept_issue();
	assert_string_equal(second, world.token_id);
	assert_string_not_equal(text, world.token_text);
	assert_string_equal(checked(text, ""), "");
	assert_string_equal(checked(world.token_text, ""), "");
	assert_int_equal(sql_i64("SELECT count(*) FROM token.token"), 2);
	/* the successor is renewed in its turn */
	world.now_ms += 8 * DAY_MS;
	while (ticked(tick_due))
		;
	assert_int_equal(sql_i64("SELECT count(*) FROM token.token"), 3);
}

static void renewal_by_hand_works_in_the_window_and_at_the_limit(void **state)
{
	(void)state;
	issue_renewing("900");
	char first[TOKEN_ID_SIZE];
	memcpy(first, world.token_id, sizeof(first));
	for (int i = 0; i < 3; i++)
		issued("piopl_00001", "trend_scan");
	world.now_ms += 600 * 1000;
	OK("token_renew", "{\"token_id\":\"%s\"}", first);
	kept_issue();
	assert_string_equal(checked(world.token_text, ""), "");
	REFUSED(ST_NOT_FOUND, "/token_id", "token_renew", "{\"token_id\":\"%s\"}",
		"tok_0190b0a0-0000-7000-8000-000000000000");
	issued("piopl_00002", "sales_read");
	REFUSED(ST_RENEWAL_NOT_ALLOWED, "/token_id", "token_renew", "{\"token_id\":\"%s\"}",
		world.token_id);
}

static void who_may_not_have_it_any_more_is_not_renewed(void **state)
{
	(void)state;
	issue_renewing("900");
	agent_is("piopl_00001", REGISTRY_AGENT_STATE_PAUSED);
	world.now_ms += 700 * 1000;
	ticked(tick_due);
	assert_int_equal(events("token.capability.issued"), 1);
	assert_int_equal(events("token.capability.expiring"), 1);
	assert_int_equal(evidence("token.renew", "refused"), 1);
	REFUSED(ST_AGENT_NOT_LIVE, "", "token_renew", "{\"token_id\":\"%s\"}", world.token_id);
}

/* -- listing [TOK-8] -- */

static void tokens_are_listed_by_page_and_filter(void **state)
{
	char after[TOKEN_ID_SIZE] = "";
	size_t seen = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		issued("piopl_00001", "trend_scan");
	issued("piopl_00001", "template_gen");
	issued("piopl_00002", "sales_read");
	OK("token_revoke", "{\"token_id\":\"%s\",\"reason\":\"x\"}", world.token_id);
	for (int page = 0; page < 3; page++) {
		if (page == 0)
			OK("token_list", "{\"limit\":2}");
		else
			OK("token_list", "{\"limit\":2,\"after\":\"%s\"}", after);
		const struct token_list_reply *reply = world.answer;
		seen += reply->capabilities.count;
		assert_int_equal(reply->next.data != NULL, page < 2);
		snprintf(after, sizeof(after), "%.*s", STR_ARG(reply->next));
	}
	assert_int_equal(seen, 5);
	static const struct {
		const char *filter;
		size_t count;
	} cases[] = {
		{ "{}", 5 },
		{ "{\"agent_id\":\"piopl_00001\"}", 4 },
		{ "{\"agent_id\":\"piopl_00001\",\"scope\":\"template_gen\"}", 1 },
		{ "{\"scope\":\"sales_read\"}", 1 },
		{ "{\"state\":\"live\"}", 4 },
		{ "{\"state\":\"revoked\"}", 1 },
		{ "{\"state\":\"expired\"}", 0 },
		{ "{\"agent_id\":\"piopl_00002\",\"state\":\"revoked\"}", 1 },
		{ "{\"agent_id\":\"piopl_00077\"}", 0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		OK("token_list", "%s", cases[i].filter);
		const struct token_list_reply *reply = world.answer;
		assert_int_equal(reply->capabilities.count, cases[i].count);
	}
	REFUSED(ST_NOT_FOUND, "/token_id", "token_show", "{\"token_id\":\"%s\"}",
		"tok_0190b0a0-0000-7000-8000-000000000000");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_token_is_issued_kept_told_and_recorded),
		TEST(each_refusal_names_its_rule_and_is_evidence),
		TEST(a_role_that_was_changed_bounds_the_scopes),
		TEST(a_profile_that_shrinks_ends_what_goes_further),
		TEST(an_agent_holds_so_many_live_tokens_and_no_more),
		TEST(calls_of_one_batch_are_judged_one_after_the_other),
		TEST(without_a_key_nothing_is_issued),
		TEST(the_end_is_announced_once_and_then_comes),
		TEST(a_revoked_token_ends_without_a_word),
		TEST(a_token_is_renewed_before_its_end_and_its_text_asked_for),
		TEST(renewal_by_hand_works_in_the_window_and_at_the_limit),
		TEST(who_may_not_have_it_any_more_is_not_renewed),
		TEST(tokens_are_listed_by_page_and_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
