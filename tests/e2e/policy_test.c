/* policy_test.c: authority as people meet it: policies from files to force and back, grants,
 * tokens, approvals and the HTTP door, by command lines and by an agent of somebody else's making.
 * The tests run in order, on one installation. */
#include "shell.h"

#define UP_MS_MAX 180000
#define TOKEN "--token data/demonstration/piopl_00001.token"
#define APPROVER "--key data/keys/people/approver.key"
#define PUBLISH "piopl_00001 template.publish --resource templates.%s --confidence 0.97 " TOKEN

static bool stands;

static int needs_the_system(void **state)
{
	(void)state;
	return stands ? 0 : -1;
}

static void up_shows_who_may_do_what(void **state)
{
	int64_t start_ms = harness_now_ms();

	(void)state;
	must(0, run("piopl up"));
	assert_true(harness_now_ms() - start_ms < UP_MS_MAX);
	says("was used before; an approval is used once");
	must(0, run("test $(stat -c %%a data/demonstration/piopl_00001.token) = 600"));
	must(0, run("piopl policy list --state active --json"));
	assert_int_equal(json_member(parsed(), "documents")->count, 12);
	stands = true;
}

/* The first word of that kind in what was said. */
static const char *word(const char *start)
{
	static char text[64];
	const char *at = strstr(output, start);

	if (!at)
		fail_msg("no \"%s...\" in:\n%s", start, output);
	snprintf(text, sizeof(text), "%.*s",
		 (int)strspn(at, "abcdefghijklmnopqrstuvwxyz_0123456789-"), at);
	return text;
}

/* [POL-1] [POL-2] [POL-4] */
static void a_mistake_is_named_with_its_place_and_a_widening_with_a_request(void **state)
{
	(void)state;
	must(0, run("piopl policy validate $ROOT/services/policy/catalog"));
	must(0,
	     run("printf 'policy:\\n  id: bad\\n  type: temporal-and-thresholds\\n  unit: "
		 "studio\\n  "
		 "rules:\\n    - condition: \"amuont > 1\"\\n      allow: false\\n' > bad.yaml"));
	must(1, run("piopl policy validate bad.yaml"));
	says("bad.yaml: line 6, column 19: ");
	says("amuont");
	must(0, run("printf 'policy:\\n  id: wide\\n  type: tool-access\\n  unit: studio\\n  "
		    "tools:\\n    - "
		    "name: bank.transfer\\n      allow: true\\n' > wide.yaml"));
	must(1, run("piopl policy put wide.yaml"));
	says("(policy_widens)");
	says("bank.transfer");
	must(1, run("piopl policy validate wide.yaml --json 2>/dev/null"));
	assert_false(json_member(parsed()->first, "valid")->boolean);
}

/* [POL-7] */
static void tests_run_offline_and_say_what_they_do_not_cover(void **state)
{
	(void)state;
	must(0, run("env PIOPL_DATA=/nowhere PATH=$PATH %s/bin/piopl policy test "
		    "$ROOT/services/policy/catalog/studio",
		    harness_build_folder()));
	says("8 of 8 rules covered");
	must(0,
	     run("mkdir -p own && cp $ROOT/services/policy/catalog/root-tools.yaml own/ && printf "
		 "'tests:\\n  - name: transfers\\n    request: {tool: bank.transfer}\\n    expect: "
		 "allow\\n' > own/own.test.yaml"));
	must(1, run("piopl policy test own"));
	says("transfers: deny, not allow");
	says("not covered: root-tools, line 36");
}

/* [POL-5] */
static void documents_are_planned_applied_and_rolled_back(void **state)
{
	(void)state;
	must(0, run("piopl policy try piopl_00001 asset.make --confidence 0.97 --token "
		    "data/demonstration/piopl_00001.token --json"));
	must(0,
	     run("printf 'policy:\\n  id: strict\\n  type: tool-access\\n  unit: studio.alpha\\n  "
		 "tools:\\n    - name: \"trend.*\"\\n      allow: false\\n' > strict.yaml"));
	must(0, run("piopl policy plan strict.yaml"));
	says("version 2 is in force");
	says("come out differently");
	says("allow  deny");
	must(0, run("piopl policy list --state active --json"));
	assert_int_equal(json_member(parsed(), "documents")->count, 12);
	must(2, run("piopl policy apply strict.yaml --reason no"));
	says("add --yes");
	must(1, run("piopl policy apply strict.yaml --reason spite --yes " APPROVER));
	says("(role_required)");
	must(0, run("piopl policy apply strict.yaml --reason drill --yes"));
	says("version 3 is in force: 13 documents");
	must(0, run("piopl policy try piopl_00001 trend.scan --resource trends.public " TOKEN));
	says("deny, by version 3");
	says("\"strict\" (studio.alpha) line 6");
	must(0, run("piopl policy rollback 2 --reason enough --yes"));
	says("version 4 is in force: 12 documents");
	must(0, run("piopl policy try piopl_00001 trend.scan --resource trends.public " TOKEN));
	says("allow, by version 4");
	must(1, run("piopl policy rollback 99 --reason none --yes"));
	says("(not_found)");
	must(0, run("piopl policy versions"));
	says("drill");
}

/* [POL-6] */
static void a_shadow_is_recorded_and_a_draft_replayed(void **state)
{
	char evidence[64];

	(void)state;
	must(0, run("piopl policy shadow strict.yaml --reason look"));
	must(0, run("piopl policy decide piopl_00001 trend.scan --resource trends.public " TOKEN));
	says("allow, by version");
	snprintf(evidence, sizeof(evidence), "%s", word("evd_"));
	must(0, run("piopl policy explain %s", evidence));
	says("with the documents in shadow it would have been: deny");
	must(0, run("piopl policy replay strict --json"));
	assert_true(json_member(parsed(), "compared")->number >= 4);
	assert_true(json_member(parsed(), "differences")->count >= 1);
	must(0, run("piopl policy retire strict --reason looked --yes"));
	must(0, run("piopl policy decide piopl_00001 trend.scan --resource trends.public " TOKEN));
	must(0, run("piopl policy explain %s", word("evd_")));
	assert_null(strstr(output, "shadow"));
}

/* [POL-8] */
static void questions_are_answered_in_words(void **state)
{
	char evidence[64];

	(void)state;
	must(0, run("piopl policy decide piopl_00001 trend.scan --resource trends.private " TOKEN));
	says("deny, by version");
	snprintf(evidence, sizeof(evidence), "%s", word("evd_"));
	must(0, run("piopl policy explain %s", evidence));
	says("policy, allow: \"root-tools\" (root) line 11: tool trend.* is allowed");
	says("policy, deny: \"crafter-tools\" (ContentCrafter_00001) the request is outside");
	must(0, run("piopl audit show %s", evidence));
	says("\"decision\": \"deny\"");
	must(0, run("piopl policy what-may piopl_00001"));
	says("template.publish  require_approval");
	must(0, run("piopl policy who-may template.make"));
	says("piopl_00001  allow");
	assert_null(strstr(output, "piopl_00002")); /* not active */
	must(0, run("piopl policy touching --tool template.publish"));
	says("alpha-tools");
	says("root-tools");
	must(0, run("piopl policy touching --data pii.name"));
	says("studio-data");
	must(1, run("piopl policy explain evd_00000000-0000-7000-8000-000000000000"));
	says("(not_found)");
}

/* [CRX-4] */
static void a_grant_is_taken_away_and_given_back(void **state)
{
	(void)state;
	must(0, run("piopl grant add no-making --node studio.alpha --unit studio.alpha --resource "
		    "'templates.*' --operation create --deny --reason drill --yes"));
	must(0,
	     run("piopl policy try piopl_00001 template.make --resource templates.x --confidence "
		 "0.97 " TOKEN));
	says("create is denied by \"no-making\"");
	must(0, run("piopl grant list --resource templates.x"));
	says("agents of studio.alpha may never create over templates.*");
	must(0, run("piopl grant remove no-making --reason over --yes"));
	must(0,
	     run("piopl policy try piopl_00001 template.make --resource templates.x --confidence "
		 "0.97 " TOKEN));
	says("allow, by version");
	must(2, run("piopl grant add x --agent a --resource r --reason none --yes"));
	says("--level, or --operation");
}

/* [TOK-4] [TOK-8] */
static void a_token_says_all_it_is_and_ends_when_it_is_revoked(void **state)
{
	char token[64];

	(void)state;
	must(1, run("piopl token issue piopl_00001 --scope bank"));
	says("(token_scope_not_of_agent)");
	must(0, run("piopl token issue piopl_00001 --scope trend_scan --for 1h --output t.token"));
	snprintf(token, sizeof(token), "%s", word("tok_"));
	must(0,
	     run("test $(stat -c %%a t.token) = 600; piopl token show t.token --scope trend_scan"));
	says("would be accepted now");
	must(0, run("piopl token show t.token --scope template_gen"));
	says("(token_scope_missing)");
	must(0, run("piopl token list --agent piopl_00001 --state live"));
	says(token);
	must(2, run("piopl token revoke --token %s --agent piopl_00001 --reason x --yes", token));
	must(0, run("piopl token revoke --token %s --reason drill --yes", token));
	must(0, run("piopl token show %s", token));
	says("revoked");
	says("(token_revoked)");
	must(0, run("for i in $(seq 50); do piopl policy try piopl_00001 trend.scan --resource "
		    "trends.public --token t.token | grep -q token_revoked && exit 0; sleep 0.1; "
		    "done; "
		    "exit 1"));
	must(0, run("piopl token rotate --reason drill --yes; piopl token keys"));
	says("retired");
	must(0, run("piopl policy try piopl_00001 trend.scan --resource trends.public " TOKEN));
	says("allow, by version"); /* what the old key signed stays good */
}

/* [APR-3] [APR-5] [APR-9] [APR-10] */
static void a_person_judges_with_everything_before_them(void **state)
{
	char request[64];

	(void)state;
	must(0, run("piopl policy decide " PUBLISH " --ask", "autumn"));
	says("require_approval, by version");
	snprintf(request, sizeof(request), "%s", word("apr_"));
	must(0, run("piopl approval list --mine " APPROVER));
	says(request);
	says("1 approved, 0 rejected, 0 expired"); /* the demonstration's */
	must(0, run("piopl approval show %s --wait 300ms", request));
	says("state            pending");
	says("alpha-tools:8");
	must(2, run("piopl approval approve %s " APPROVER, request));
	says("add --yes");
	must(1, run("piopl approval approve %s --yes", request)); /* the steward was not asked */
	says("(role_required)");
	must(0, run("(sleep 1; piopl approval approve %s " APPROVER
		    " --comment fine --yes >judged) & piopl approval show %s --wait 20s; wait; cat "
		    "judged",
		    request, request));
	says("state            approved");
	says("fine");
	must(1, run("piopl approval reject %s " APPROVER " --yes", request));
	says("(approval_verdict_given)");
	must(0, run("for i in $(seq 50); do piopl policy try " PUBLISH " --approval %s | grep -q "
		    "^allow && exit 0; sleep 0.1; done; exit 1",
		    "autumn", request));
	must(0, run("piopl policy decide " PUBLISH " --approval %s", "winter", request));
	says("another action");
	must(0, run("piopl policy decide " PUBLISH " --approval %s", "autumn", request));
	says("allow, by version");
	must(0, run("piopl policy decide " PUBLISH " --approval %s", "autumn", request));
	says("was used before");
}

/* [APR-6] */
static void an_approval_in_advance_is_bounded_and_revocable(void **state)
{
	char id[64];

	(void)state;
	must(1, run("piopl approval preapprove --agent piopl_00001 --tool template.publish "
		    "--operation "
		    "create --resource '*' --each '0 GBP' --total '0 GBP' --uses 3 --for 1h "
		    "--reason r "
		    "--yes " APPROVER));
	says("(preapproval_unbounded)");
	must(0, run("piopl approval preapprove --agent piopl_00001 --tool template.publish "
		    "--operation "
		    "create --resource 'templates.early*' --each '0 GBP' --total '0 GBP' --uses 3 "
		    "--for 1h --reason r --yes " APPROVER));
	snprintf(id, sizeof(id), "%s", word("pre_"));
	must(0, run("piopl approval preapprovals"));
	says("0 of 3");
	must(0, run("for i in $(seq 50); do piopl policy try " PUBLISH " | grep -q "
		    "'in advance' && exit 0; sleep 0.1; done; exit 1",
		    "earlyone"));
	must(0, run("piopl policy decide " PUBLISH, "earlyone"));
	says("approved such actions in advance");
	must(0, run("for i in $(seq 50); do piopl approval preapprovals | grep -q '1 of 3' && exit "
		    "0; sleep 0.1; done; exit 1"));
	must(0, run("piopl approval revoke %s --reason over --yes " APPROVER, id));
	must(0, run("for i in $(seq 50); do piopl policy try " PUBLISH " | grep -q "
		    "'in advance' || exit 0; sleep 0.1; done; exit 1",
		    "earlytwo"));
	must(0, run("piopl approval preapprovals --ended"));
	says("no");
}

#define ACTIVATION                                                                                 \
	"policy:\\n  id: root-activation\\n  type: validation\\n  root: true\\n  activation: "     \
	"{require_approval: true}\\n  rules:\\n    - {validation: nothing-else, threshold: 0}\\n"

/* [POL-5] */
static void what_is_in_force_changes_when_a_person_approved_it(void **state)
{
	char id[64];

	(void)state;
	must(0, run("printf '" ACTIVATION "' >activation.yaml; piopl policy apply "
		    "activation.yaml --reason r --yes"));
	must(1, run("piopl policy retire root-activation --reason r --yes"));
	says("approve first");
	says("(activation_not_approved)");
	must(0, run("piopl policy retire root-activation --reason r --yes --ask"));
	snprintf(id, sizeof(id), "%s", word("apr_"));
	must(1, run("piopl approval approve %s --yes", id)); /* who asked */
	must(0, run("piopl approval approve %s --yes " APPROVER, id));
	must(0, run("for i in $(seq 50); do piopl policy retire root-activation --reason r --yes "
		    "--approval %s && exit 0; sleep 0.1; done; exit 1",
		    id));
	says("is in force");
	must(2, run("piopl policy retire root-activation --reason r --yes --ask"));
	says("nobody has to approve this");
}

/* [GTW-3] */
static void a_key_for_the_door_is_kept_by_its_owner_alone(void **state)
{
	(void)state;
	must(1, run("piopl whoami --file nothing || exit 1"));
	must(0, run("piopl login --scope approvals:read"));
	says("keys/people/door.key");
	must(0, run("test $(stat -c %%a data/keys/people/door.key) = 600; piopl whoami"));
	says("human:per_");
	says("approvals:read");
	must(0, run("echo pk_0123456789abcdef_%064d > false.key", 0));
	must(1, run("piopl whoami --file false.key"));
	says("(credential_invalid)");
}

/* An agent that knows the OpenAPI document and the documentation alone. [TOK-6] [APR-2] [APR-7]
 * [GTW-2] */
static void an_agent_of_others_is_allowed_denied_and_approved_over_http(void **state)
{
	(void)state;
	must(0,
	     run("mkdir -p agent; "
		 "piopl login --service issuer --scope tokens:write --scope tokens:revoke --scope "
		 "decisions:write --scope decisions:read --output agent/issuer.key && "
		 "piopl login --agent piopl_00001 --scope decisions:write --scope "
		 "approvals:request "
		 "--scope approvals:read --output agent/agent.key && "
		 "piopl login " APPROVER
		 " --scope approvals:read --scope approvals:decide --output "
		 "agent/approver.key && cp data/keys/people/approver.key agent/approver.seed"));
	must(0, run("timeout 60 node $ROOT/tests/integration/agent/agent.mjs $DOOR $PWD/agent "
		    "piopl_00001"));
	says("approved and done evd_");
}

/* [AGT-9] */
static void after_a_kill_order_nothing_is_allowed_and_the_tokens_are_dead(void **state)
{
	(void)state;
	must(0, run("piopl policy try piopl_00001 trend.scan --resource trends.public " TOKEN));
	says("allow, by version");
	must(0, run("piopl kill --agent piopl_00001 --reason drill --yes"));
	must(0,
	     run("for i in $(seq 50); do piopl policy decide piopl_00001 trend.scan --resource "
		 "trends.public " TOKEN " | grep -q '^deny' && exit 0; sleep 0.1; done; exit 1"));
	must(0, run("piopl policy decide " PUBLISH, "spring"));
	says("deny, by version");
	says("the agent is terminated, not active");
	must(0, run("for i in $(seq 50); do piopl token list --agent piopl_00001 --state live "
		    "--json | "
		    "grep -q tok_ || exit 0; sleep 0.1; done; exit 1"));
	must(0, run("piopl token show data/demonstration/piopl_00001.token"));
	says("would be refused now");
	must(0, run("piopl policy what-may piopl_00001"));
	assert_null(strstr(output, " allow "));
}

static void the_evidence_of_all_that_holds(void **state)
{
	(void)state;
	must(0, run("piopl parked list"));
	says("nothing was set aside");
	must(0, run("piopl audit verify"));
	must(0, run("piopl audit query --type policy.apply"));
	says("refused"); /* the approver's try */
}

#define TEST(name) cmocka_unit_test_setup(name, needs_the_system)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(up_shows_who_may_do_what),
		TEST(a_mistake_is_named_with_its_place_and_a_widening_with_a_request),
		TEST(tests_run_offline_and_say_what_they_do_not_cover),
		TEST(documents_are_planned_applied_and_rolled_back),
		TEST(a_shadow_is_recorded_and_a_draft_replayed),
		TEST(questions_are_answered_in_words),
		TEST(a_grant_is_taken_away_and_given_back),
		TEST(a_token_says_all_it_is_and_ends_when_it_is_revoked),
		TEST(a_person_judges_with_everything_before_them),
		TEST(an_approval_in_advance_is_bounded_and_revocable),
		TEST(what_is_in_force_changes_when_a_person_approved_it),
		TEST(a_key_for_the_door_is_kept_by_its_owner_alone),
		TEST(an_agent_of_others_is_allowed_denied_and_approved_over_http),
		TEST(after_a_kill_order_nothing_is_allowed_and_the_tokens_are_dead),
		TEST(the_evidence_of_all_that_holds),
	};

	return cmocka_run_group_tests_name("authority", tests, shell_start, shell_stop);
}
