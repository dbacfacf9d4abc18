/* Revocation, kill orders, keys and the check of a text, on a real database.
 * [TOK-4] [TOK-5] [TOK-6] [TOK-7] [TOK-10] */
#include "fixture.h"

#define BODY "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

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

struct known {
	char id[TOKEN_ID_SIZE];
	char text[TOKEN_BYTES_MAX + 1];
};

static struct known known_now(void)
{
	struct known known;

	memcpy(known.id, world.token_id, sizeof(known.id));
	memcpy(known.text, world.token_text, sizeof(known.text));
	return known;
}

static struct known known_issued(const char *agent_id, const char *scope)
{
	issued(agent_id, scope);
	return known_now();
}

/* The same word from what is kept and from the text. */
#define IS(known, reason)                                                                          \
	do {                                                                                       \
		assert_string_equal(shown((known).id), reason);                                    \
		assert_string_equal(checked((known).text, ""), reason);                            \
	} while (0)

static void one_token_is_revoked(void **state)
{
	struct known one = known_issued("piopl_00001", "trend_scan");
	struct known two = known_issued("piopl_00001", "trend_scan");

	(void)state;
	OK("token_revoke", "{\"token_id\":\"%s\",\"reason\":\"lost\"}", one.id);
	const struct token_revoke_reply *reply = world.answer;
	assert_int_equal(reply->revocation.kind, TOKEN_REVOCATION_KIND_TOKENS);
	assert_true(str_is(reply->revocation.token_ids.items[0], one.id));
	assert_true(str_is(reply->revocation.by, "terminal"));
	IS(one, "token_revoked");
	IS(two, "");
	assert_int_equal(events("token.revocation.ordered"), 1);
	assert_int_equal(evidence("token.revoke", "success"), 1);
	REFUSED(ST_NOT_FOUND, "/token_id", "token_revoke", "{\"token_id\":\"%s\",\"reason\":\"x\"}",
		"tok_0190b0a0-0000-7000-8000-000000000000");
	assert_int_equal(evidence("token.revoke", "refused"), 1);
}

static void all_of_an_agent_are_revoked_and_new_ones_live(void **state)
{
	struct known mine = known_issued("piopl_00001", "trend_scan");
	struct known other = known_issued("piopl_00002", "sales_read");

	(void)state;
	OK("token_revoke", "%s", "{\"agent_id\":\"piopl_00001\",\"reason\":\"x\"}");
	IS(mine, "token_agent_revoked");
	IS(other, "");
	world.now_ms -= 60; /* a worker whose clock is a little behind */
	struct known fresh = known_issued("piopl_00001", "trend_scan");
	world.now_ms += 60;
	IS(fresh, "");
	REFUSED(ST_AGENT_UNKNOWN, "/agent_id", "token_revoke", "%s",
		"{\"agent_id\":\"piopl_00077\",\"reason\":\"x\"}");
}

static void all_of_a_scope_are_revoked(void **state)
{
	struct known with = known_issued("piopl_00001", "trend_scan");
	struct known without = known_issued("piopl_00001", "template_gen");

	(void)state;
	OK("token_revoke", "%s", "{\"scope\":\"trend_scan\",\"reason\":\"x\"}");
	IS(with, "token_scope_revoked");
	IS(without, "");
	struct known fresh = known_issued("piopl_00001", "trend_scan");
	IS(fresh, "");
}

static void everything_until_a_time_is_revoked(void **state)
{
	struct known old = known_issued("piopl_00001", "trend_scan");
	char time[TIME_TEXT_SIZE];

	(void)state;
	time_format(world.now_ms, time);
	struct known young = known_issued("piopl_00001", "trend_scan");
	OK("token_revoke", "{\"before\":\"%s\",\"reason\":\"x\"}", time);
	IS(old, "token_all_revoked");
	IS(young, "");
	time_format(world.now_ms + 1000, time);
	REFUSED(ST_REVOCATION_FROM_FUTURE, "/before", "token_revoke",
		"{\"before\":\"%s\",\"reason\":\"x\"}", time);
	REFUSED(ST_REVOCATION_TARGET, "", "token_revoke", "%s", "{\"reason\":\"x\"}");
}

static struct token_key key_in(enum token_key_state state)
{
	OK("token_keys", "%s", "{\"all\":true}");
	const struct token_keys_reply *reply = world.answer;
	for (size_t i = 0; i < reply->keys.count; i++)
		if (reply->keys.items[i].state == state)
			return reply->keys.items[i];
	return (struct token_key){ 0 };
}

/* [TOK-5] */
static void a_key_rotates_without_a_gap(void **state)
{
	struct known before = known_issued("piopl_00001", "trend_scan");
	char next[KEY_ID_SIZE], active[KEY_ID_SIZE];

	(void)state;
	snprintf(next, sizeof(next), "%.*s", STR_ARG(key_in(TOKEN_KEY_STATE_NEXT).kid));
	snprintf(active, sizeof(active), "%.*s", STR_ARG(key_in(TOKEN_KEY_STATE_ACTIVE).kid));
	OK("token_key_rotate", "%s", "{\"reason\":\"monthly\"}");
	const struct token_key_rotate_reply *reply = world.answer;
	assert_true(str_is(reply->active.kid, next));
	assert_true(str_is(reply->retired.kid, active));
	assert_false(str_is(reply->next.kid, next));
	IS(before, "");
	struct known after = known_issued("piopl_00001", "trend_scan");
	IS(after, "");
	assert_true(strstr(after.text, before.text + strlen(before.text) - 20) == NULL);
	/* a retired key cannot sign any more: its seed is gone */
	assert_int_equal(sql_i64("SELECT count(*) FROM token.signing_key WHERE sealed IS NOT NULL"),
			 2);
	assert_int_equal(events("token.key.changed"), 2 + 3);
	/* by time */
	world.now_ms += 30 * DAY_MS;
	keys_ticked();
	assert_int_equal(sql_i64("SELECT count(*) FROM token.signing_key"), 4);
	keys_ticked();
	assert_int_equal(sql_i64("SELECT count(*) FROM token.signing_key"), 4);
	/* when the last token a retired key can have signed is over, it is published no more */
	world.now_ms += 91 * DAY_MS;
	OK("token_keys", "%s", "{}");
	const struct token_keys_reply *keys = world.answer;
	assert_int_equal(keys->keys.count, 2);
}

static void all_under_a_key_are_revoked_and_the_next_takes_over(void **state)
{
	struct known old = known_issued("piopl_00001", "trend_scan");
	char active[KEY_ID_SIZE], next[KEY_ID_SIZE];

	(void)state;
	snprintf(active, sizeof(active), "%.*s", STR_ARG(key_in(TOKEN_KEY_STATE_ACTIVE).kid));
	OK("token_revoke", "{\"key_id\":\"%s\",\"reason\":\"stolen\"}", active);
	IS(old, "token_key_revoked");
	struct known fresh = known_issued("piopl_00001", "trend_scan");
	IS(fresh, "");
	snprintf(next, sizeof(next), "%.*s", STR_ARG(key_in(TOKEN_KEY_STATE_NEXT).kid));
	OK("token_revoke", "{\"key_id\":\"%s\",\"reason\":\"stolen\"}", next);
	assert_false(str_is(key_in(TOKEN_KEY_STATE_NEXT).kid, next));
	IS(fresh, "");
	/* again is harmless */
	OK("token_revoke", "{\"key_id\":\"%s\",\"reason\":\"stolen\"}", active);
	REFUSED(ST_TOKEN_KEY_UNKNOWN, "/key_id", "token_revoke",
		"{\"key_id\":\"%s\",\"reason\":\"x\"}", "key_0123456789abcdef");
	assert_int_equal(sql_i64("SELECT count(*) FROM token.signing_key WHERE state = 2"), 1);
	assert_int_equal(sql_i64("SELECT count(*) FROM token.signing_key WHERE state = 1"), 1);
}

/* No private key is at rest in the open: not its seed, not its secret. */
static void keys_at_rest_are_sealed(void **state)
{
	(void)state;
	issued("piopl_00001", "trend_scan");
	char seed[HEX_SIZE(SEED_BYTES)];
	hex_encode(world.token.key.secret, SEED_BYTES, seed);
	assert_int_equal(sql_i64("SELECT count(*) FROM token.signing_key k WHERE "
				 "encode(k.sealed, 'hex') LIKE '%%%s%%' OR k::text LIKE '%%%s%%'",
				 seed, seed),
			 0);
	assert_int_equal(
		sql_i64("SELECT count(*) FROM token.signing_key WHERE length(sealed) = 72"), 2);
}

/* -- agents that end -- */

static void a_terminated_agent_leaves_nothing_behind(void **state)
{
	struct known token = known_issued("piopl_00001", "trend_scan");
	struct registry_agent_transition data =
		transition_of("piopl_00001", REGISTRY_AGENT_STATE_TERMINATED);

	(void)state;
	heard(on_agent_terminated, &data);
	IS(token, "token_agent_revoked");
	assert_int_equal(events("token.revocation.ordered"), 1);
	assert_int_equal(call("token_issue", "%s",
			      "{\"agent_id\":\"piopl_00001\",\"scopes\":[\"trend_scan\"],"
			      "\"risk\":\"low\"}"),
			 ST_AGENT_NOT_LIVE);
}

static void a_paused_agents_tokens_rest_and_come_back(void **state)
{
	struct known token = known_issued("piopl_00001", "trend_scan");

	(void)state;
	agent_is("piopl_00001", REGISTRY_AGENT_STATE_PAUSED);
	IS(token, "agent_not_live");
	agent_is("piopl_00001", REGISTRY_AGENT_STATE_ACTIVE);
	IS(token, "");
}

/* [AGT-9] by scope, from the order's own event on */
static void a_kill_order_ends_the_tokens_in_its_scope_at_once(void **state)
{
	static const struct {
		enum registry_kill_scope_kind kind;
		const char *value;
		bool dead[3];
	} cases[] = {
		{ REGISTRY_KILL_SCOPE_KIND_AGENT, "piopl_00003", { false, false, true } },
		{ REGISTRY_KILL_SCOPE_KIND_ROLE, "publisher", { false, false, true } },
		{ REGISTRY_KILL_SCOPE_KIND_TIER, "0", { true, false, false } },
		{ REGISTRY_KILL_SCOPE_KIND_UNIT, "studio", { true, true, false } },
		{ REGISTRY_KILL_SCOPE_KIND_UNIT, "studio.beta", { false, true, false } },
		{ REGISTRY_KILL_SCOPE_KIND_UNIT, "stu", { false, false, false } },
		{ REGISTRY_KILL_SCOPE_KIND_FLEET, NULL, { true, true, true } },
	};
	static const char *const scopes[] = { "trend_scan", "sales_read", "listing_create" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct known tokens[3];
		char id[AGENT_ID_TEXT_SIZE];
		harness_sql(world.harness,
			    "DELETE FROM token.kill_order; UPDATE token.revoked_all SET until_ms = "
			    "0; DELETE FROM token.token; DELETE FROM token.outbox");
		for (int a = 0; a < 3; a++) {
			agent_id_format(a + 1, id);
			tokens[a] = known_issued(id, scopes[a]);
		}
		kill_heard(cases[i].kind, cases[i].value);
		size_t dead = 0;
		for (int a = 0; a < 3; a++) {
			const char *reason = cases[i].kind == REGISTRY_KILL_SCOPE_KIND_FLEET
						     ? "token_all_revoked"
						     : "token_agent_revoked";
			IS(tokens[a], cases[i].dead[a] ? reason : "");
			agent_id_format(a + 1, id);
			enum st st = call("token_issue",
					  "{\"agent_id\":\"%s\",\"scopes\":[\"%s\"],\"risk\":"
					  "\"low\"}",
					  id, scopes[a]);
			assert_int_equal(st, cases[i].dead[a] ? ST_AGENT_NOT_LIVE : ST_OK);
			dead += cases[i].dead[a];
		}
		assert_int_equal(events("token.revocation.ordered"), dead > 0);
	}
}

static void an_agent_made_after_a_kill_order_is_not_covered_by_it(void **state)
{
	struct registry_agent_transition data =
		transition_of("piopl_00003", REGISTRY_AGENT_STATE_TERMINATED);

	(void)state;
	kill_heard(REGISTRY_KILL_SCOPE_KIND_ROLE, "publisher");
	agent_made("piopl_00004", "publisher", 1, "sales", SCOPES(STR("listing_create")));
	struct known token = known_issued("piopl_00004", "listing_create");
	IS(token, "");
	/* the killed agent's own event adds nothing but its state */
	int64_t before = events("token.revocation.ordered");
	data.kill_id = STR("kil_1");
	heard(on_agent_terminated, &data);
	assert_int_equal(events("token.revocation.ordered"), before);
	assert_int_equal(sql_i64("SELECT state FROM token.agent WHERE number = 3"), 4);
}

static void a_large_kill_is_told_in_pieces(void **state)
{
	(void)state;
	harness_sql(
		world.harness,
		"INSERT INTO token.agent (number, role, tier, unit, state, scopes, sequence) "
		"SELECT n, 'many', 0, 'studio', 2, '{a}', 1 FROM generate_series(1000, 2000) n");
	kill_heard(REGISTRY_KILL_SCOPE_KIND_ROLE, "many");
	assert_int_equal(events("token.revocation.ordered"), 3); /* 500, 500, 1 */
	assert_int_equal(sql_i64("SELECT sum(cardinality(agent_numbers)) FROM token.revocation"),
			 1001);
}

/* -- what a verifier that starts asks for -- */

static void revocations_are_listed_in_order_until_they_do_not_matter(void **state)
{
	(void)state;
	struct known one = known_issued("piopl_00001", "trend_scan");
	OK("token_revoke", "{\"token_id\":\"%s\",\"reason\":\"1\"}", one.id);
	OK("token_revoke", "%s", "{\"agent_id\":\"piopl_00002\",\"reason\":\"2\"}");
	OK("token_revoke", "%s", "{\"scope\":\"sales_read\",\"reason\":\"3\"}");
	OK("revocation_list", "%s", "{\"limit\":2}");
	const struct token_revocation_list_reply *reply = world.answer;
	assert_int_equal(reply->revocations.count, 2);
	assert_true(reply->more);
	assert_true(str_is(reply->revocations.items[0].token_ids.items[0], one.id));
	assert_true(str_is(reply->revocations.items[1].agent_ids.items[0], "piopl_00002"));
	OK("revocation_list", "{\"after\":\"%lld\"}",
	   (long long)reply->revocations.items[1].number);
	reply = world.answer;
	assert_int_equal(reply->revocations.count, 1);
	assert_false(reply->more);
	assert_true(str_is(reply->revocations.items[0].scope, "sales_read"));
	world.now_ms += 31 * DAY_MS; /* the token is over, the rules are not */
	OK("revocation_list", "%s", "{}");
	reply = world.answer;
	assert_int_equal(reply->revocations.count, 2);
	world.now_ms += 180 * DAY_MS;
	OK("revocation_list", "%s", "{}");
	reply = world.answer;
	assert_int_equal(reply->revocations.count, 0);
	ticked(tick_forget);
	assert_int_equal(sql_i64("SELECT count(*) FROM token.revocation"), 0);
}

static void a_page_of_large_revocations_fits_into_an_answer(void **state)
{
	int64_t after = 0;
	size_t seen = 0;
	bool more = true;

	(void)state;
	harness_sql(
		world.harness,
		"INSERT INTO token.revocation (revocation_id, kind, agent_numbers, before_ms, "
		"until_ms, reason, revoked_by, revoked_ms) SELECT 'rev_0190b0a0-0000-7000-8000-' "
		"|| lpad(n::text, 12, '0'), 2, (SELECT array_agg(999999999999999000 + i) FROM "
		"generate_series(1, 500) i), 253402300799999, 253402300799999, repeat('r', 500), "
		"'x', 1 FROM generate_series(1, 120) n");
	while (more) {
		OK("revocation_list", "{\"after\":\"%lld\"}", (long long)after);
		const struct token_revocation_list_reply *reply = world.answer;
		assert_true(reply->revocations.count > 0);
		seen += reply->revocations.count;
		after = reply->revocations.items[reply->revocations.count - 1].number;
		more = reply->more;
	}
	assert_int_equal(seen, 120);
}

/* -- the check of a text -- */

static const char *proof_json(const char *token, const char *nonce)
{
	static char json[1024];
	char made[TOKEN_PROOF_SIZE_MAX];

	assert_int_equal(token_proof_make(&world.holder, str_of(token), STR("POST"), STR("/v1/x"),
					  STR(BODY), str_of(nonce), world.now_ms, made),
			 ST_OK);
	snprintf(json, sizeof(json),
		 ",\"proof\":{\"text\":\"%s\",\"method\":\"POST\",\"target\":\"/v1/x\","
		 "\"body_hash\":\"" BODY "\"}",
		 made);
	return json;
}

/* [TOK-6] */
static void a_bound_token_is_checked_with_its_proof_once(void **state)
{
	(void)state;
	issued_bound();
	struct known token = known_now();
	assert_string_equal(checked(token.text, ""), "proof_required");
	char first[1024];
	snprintf(first, sizeof(first), "%s", proof_json(token.text, "nonce-number-0001"));
	assert_string_equal(checked(token.text, first), "");
	assert_string_equal(checked(token.text, first), "proof_replayed");
	assert_string_equal(checked(token.text, proof_json(token.text, "nonce-number-0002")), "");
	world.now_ms += TOKEN_PROOF_WINDOW_MS + 1000;
	assert_string_equal(checked(token.text, first), "proof_time_wrong");
	assert_int_equal(evidence("token.check", "success"), 2);
	assert_int_equal(evidence("token.check", "refused"), 3);
	assert_int_equal(sql_i64("SELECT count(*) FROM token.used_proof"), 2);
	world.now_ms += TOKEN_PROOF_WINDOW_MS;
	ticked(tick_forget);
	assert_int_equal(sql_i64("SELECT count(*) FROM token.used_proof"), 0);
}

/* [TOK-2] */
static void a_check_tells_agent_scope_and_endpoint(void **state)
{
	(void)state;
	struct known token = known_issued("piopl_00001", "trend_scan");
	assert_string_equal(checked(token.text, ",\"agent_id\":\"piopl_00001\",\"scope\":"
						"\"trend_scan\",\"endpoint\":\"any_api\""),
			    "");
	assert_string_equal(checked(token.text, ",\"agent_id\":\"piopl_00002\""),
			    "token_agent_wrong");
	assert_string_equal(checked(token.text, ",\"scope\":\"payout_request\""),
			    "token_scope_missing");
	OK("token_issue", "%s",
	   "{\"agent_id\":\"piopl_00001\",\"scopes\":[\"trend_scan\"],\"risk\":\"low\",\"limits\":{"
	   "\"endpoints\":[]}}");
	kept_issue();
	assert_string_equal(checked(world.token_text, ",\"endpoint\":\"any_api\""),
			    "token_endpoint_denied");
}

/* [TOK-7] */
static void a_chain_is_shown_and_dies_with_its_parent(void **state)
{
	struct token_block block = { .iat_ms = world.now_ms, .risk = TOKEN_RISK_LOW };
	static char text[TOKEN_BYTES_MAX + 1];
	struct arena arena;
	struct str chained;

	(void)state;
	issued_bound();
	struct known parent = known_now();
	arena_init(&arena, 1024 * 1024);
	assert_int_equal(token_append(&world.holder, str_of(parent.text), &block, &arena, &chained),
			 ST_OK);
	snprintf(text, sizeof(text), "%.*s", STR_ARG(chained));
	assert_string_equal(checked(text, proof_json(text, "nonce-number-0001")), "");
	const struct token_check_reply *reply = world.answer;
	assert_int_equal(reply->grant->chain.count, 1);
	assert_true(str_is(reply->grant->chain.items[0].signed_by, world.holder.key_id));
	assert_int_equal(reply->grant->risk, TOKEN_RISK_LOW);
	/* a proof for the child is none for the parent */
	assert_string_equal(checked(parent.text, proof_json(text, "nonce-number-0002")),
			    "proof_signature_invalid");
	/* it may end before its parent */
	block.has_exp_ms = true;
	block.exp_ms = world.now_ms + 1000;
	assert_int_equal(token_append(&world.holder, str_of(parent.text), &block, &arena, &chained),
			 ST_OK);
	world.now_ms += 1000;
	assert_string_equal(checked(chained.data, ""), "token_expired");
	block.has_scopes = true;
	block.has_exp_ms = false;
	block.scopes.items = (struct str[]){ STR("sales_read") };
	block.scopes.count = 1;
	assert_int_equal(token_append(&world.holder, str_of(parent.text), &block, &arena, &chained),
			 ST_OK);
	assert_string_equal(checked(chained.data, ""), "token_chain_widens");
	reply = world.answer;
	assert_null(reply->grant);
	assert_true(str_is(reply->verdict.pointer, "/chain/0/scopes"));
	OK("token_revoke", "{\"token_id\":\"%s\",\"reason\":\"x\"}", parent.id);
	assert_string_equal(checked(text, proof_json(text, "nonce-number-0003")), "token_revoked");
	arena_free(&arena);
}

/* [TOK-10] */
static void texts_that_are_no_tokens_are_named_and_recorded(void **state)
{
	struct token_claims claims = { .jti = STR("tok_0190b0a0-0000-7000-8000-000000000000"),
				       .sub = STR("piopl_00001"),
				       .risk = TOKEN_RISK_LOW,
				       .iat_ms = world.now_ms,
				       .exp_ms = world.now_ms + DAY_MS };
	struct arena arena;
	struct str text;

	(void)state;
	claims.scopes.items = (struct str[]){ STR("trend_scan") };
	claims.scopes.count = 1;
	assert_string_equal(checked("hello", ""), "token_malformed");
	assert_string_equal(checked("v4.local.AAAA", ""), "token_version_wrong");
	assert_string_equal(checked("v4.public.AAAA", ""), "token_truncated");
	arena_init(&arena, 1024 * 1024);
	assert_int_equal(token_mint(&world.holder, &claims, &arena, &text), ST_OK);
	assert_string_equal(checked(text.data, ""), "token_key_unknown");
	/* our own key, and yet nothing we issued */
	issued("piopl_00001", "trend_scan");
	assert_int_equal(token_mint(&world.token.key, &claims, &arena, &text), ST_OK);
	assert_string_equal(checked(text.data, ""), "token_unknown");
	claims.iat_ms += DAY_MS;
	claims.exp_ms += DAY_MS;
	char id[TOKEN_ID_SIZE];
	memcpy(id, world.token_id, sizeof(id));
	claims.jti = str_of(id);
	assert_int_equal(token_mint(&world.token.key, &claims, &arena, &text), ST_OK);
	assert_string_equal(checked(text.data, ""), "token_from_future");
	assert_int_equal(evidence("token.check", "refused"), 6);
	arena_free(&arena);
}

static void what_was_revoked_cannot_be_taken_back_in_the_database(void **state)
{
	static const char *const wrong[] = {
		"DELETE FROM token.signing_key",
		"DELETE FROM token.revoked_scope",
		"DELETE FROM token.kill_order",
		"UPDATE token.revocation SET before_ms = 0",
		"UPDATE token.kill_order SET sequence = 0",
		"DELETE FROM token.agent",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char sql[512];
		snprintf(sql, sizeof(sql),
			 "DO $$ BEGIN SET LOCAL ROLE token; %s; RAISE 'done'; EXCEPTION WHEN "
			 "insufficient_privilege THEN NULL; END $$",
			 wrong[i]);
		harness_sql(world.harness, sql);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(one_token_is_revoked),
		TEST(all_of_an_agent_are_revoked_and_new_ones_live),
		TEST(all_of_a_scope_are_revoked),
		TEST(everything_until_a_time_is_revoked),
		TEST(a_key_rotates_without_a_gap),
		TEST(all_under_a_key_are_revoked_and_the_next_takes_over),
		TEST(keys_at_rest_are_sealed),
		TEST(a_terminated_agent_leaves_nothing_behind),
		TEST(a_paused_agents_tokens_rest_and_come_back),
		TEST(a_kill_order_ends_the_tokens_in_its_scope_at_once),
		TEST(an_agent_made_after_a_kill_order_is_not_covered_by_it),
		TEST(a_large_kill_is_told_in_pieces),
		TEST(revocations_are_listed_in_order_until_they_do_not_matter),
		TEST(a_page_of_large_revocations_fits_into_an_answer),
		TEST(a_bound_token_is_checked_with_its_proof_once),
		TEST(a_check_tells_agent_scope_and_endpoint),
		TEST(a_chain_is_shown_and_dies_with_its_parent),
		TEST(texts_that_are_no_tokens_are_named_and_recorded),
		TEST(what_was_revoked_cannot_be_taken_back_in_the_database),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
