/* Who approves and how many: what documents say of it together, and what counts as enough. [APR-4]
 * [POL-3] */
#include "policy_test.h"
#include "services/policy/decide.h"

#define HEAD "policy:\n  id: t\n  type: tool-access\n  root: true\n  tools:\n"
#define LIMITS "policy:\n  id: h\n  type: temporal-and-thresholds\n  root: true\n  rules:\n"
#define ASKS(approvers)                                                                            \
	HEAD "    - {name: a, allow: true, require_approval: true, approvers: " approvers "}\n"
#define STEWARD APPROVER_BIT(1)
#define APPROVER APPROVER_BIT(3)
#define AUDITOR APPROVER_BIT(4)

static struct outcome outcome_of(const char *const *texts, size_t count)
{
	struct evaluation e = { 0 };
	struct chain chain = { .count = count };
	struct outcome out;

	for (size_t i = 0; i < count; i++)
		chain.documents[i] = test_document(&test_arena, texts[i]);
	e.request.attributes[ATTRIBUTE_TOOL] =
		(struct value){ .type = VALUE_STRING, .text = STR("a") };
	e.request.attributes[ATTRIBUTE_AMOUNT] = (struct value){ .type = VALUE_NUMBER };
	evaluate(&chain, &e, &out);
	return out;
}

static void the_strictest_of_all_rules_counts(void **state)
{
	static const char plain[] = HEAD "    - {name: a, allow: true, require_approval: true}\n";
	static const char two[] = ASKS("{roles: [steward, approver], count: 2}");
	static const char three[] = ASKS("{count: 3}");
	static const char other[] =
		LIMITS "    - {condition: \"amount >= 0\", require_approval: true, approvers: "
		       "{roles: [approver, auditor]}}\n"
		       "    - {condition: \"amount > 0\", require_approval: true, approvers: "
		       "{roles: [owner], count: 9}}\n";
	static const char auditors[] = ASKS("{roles: auditor}");
	struct outcome out;

	(void)state;
	arena_reset(&test_arena);
	out = outcome_of((const char *const[]){ plain }, 1);
	assert_int_equal(out.approvers.count, 0);
	assert_int_equal(out.approvers.roles, APPROVER_ROLES_ALL);
	out = outcome_of((const char *const[]){ plain, two }, 2);
	assert_int_equal(out.approvers.count, 2);
	assert_int_equal(out.approvers.roles, STEWARD | APPROVER);
	out = outcome_of((const char *const[]){ two, three }, 2);
	assert_int_equal(out.approvers.count, 3);
	assert_int_equal(out.approvers.roles, STEWARD | APPROVER);
	/* a rule whose condition does not hold asks for nobody */
	out = outcome_of((const char *const[]){ two, other }, 2);
	assert_int_equal(out.approvers.count, 2);
	assert_int_equal(out.approvers.roles, APPROVER);
	out = outcome_of((const char *const[]){ two, auditors }, 2);
	assert_int_equal(out.verdict, VERDICT_REQUIRE_APPROVAL);
	assert_int_equal(out.approvers.roles, 0);
}

static const char *random_approvers(char ret[320])
{
	static const char *const roles[] = { "steward", "lt_member", "approver", "auditor",
					     "owner" };
	size_t size = (size_t)snprintf(ret, 320,
				       HEAD "    - {name: a, allow: true, "
					    "require_approval: true, approvers: "
					    "{count: %d, roles: [%s",
				       1 + rand() % 10, roles[rand() % 5]);

	for (int i = rand() % 4; i > 0; i--)
		size += (size_t)snprintf(ret + size, 320 - size, ", %s", roles[rand() % 5]);
	snprintf(ret + size, 320 - size, "]}}\n");
	return ret;
}

/* [POL-4] Property: a document more never asks fewer people, or others. */
static void a_document_more_only_restricts(void **state)
{
	char texts[6][320];

	(void)state;
	srand(7);
	for (int round = 0; round < 2000; round++) {
		const char *list[6];
		size_t count = 1 + (size_t)rand() % 5;
		arena_reset(&test_arena);
		for (size_t i = 0; i <= count; i++)
			list[i] = random_approvers(texts[i]);
		struct outcome less = outcome_of(list, count), more = outcome_of(list, count + 1);
		assert_true(more.approvers.count >= less.approvers.count);
		assert_int_equal(more.approvers.roles & ~less.approvers.roles, 0);
	}
}

static bool take(void *context, struct str subject, const struct rate_limit *rate)
{
	(void)context;
	(void)subject;
	(void)rate;
	return true;
}

static const char grants[] =
	"crudlex:\n  id: g\n  root: true\n  tools:\n    - {name: a, operation: read, risk: low}\n"
	"  agents:\n    - {agent: \"*\", standing: true, resource: \"*\", level: FULL}\n"
	"  contexts:\n    - {resource: \"*\", level: FULL}\n";

/* What is decided with these people's approval, where `approvers` is wanted. */
static struct decision decided(const char *rules, const uint32_t *people, size_t count)
{
	static struct agent agent;
	static struct evaluation e;
	struct decide_input in = {
		.agent = &agent,
		.constitution_hash = STR("sha256:1"),
		.evaluation = &e,
		.phase = 9,
		.approved = count > 0,
		.approving = people,
		.approving_count = count,
		.approver_roles = STEWARD | APPROVER,
		.approval_words = count > 0 ? STR("they approved") : (struct str){ 0 },
		.take = take,
	};
	struct decision out;

	agent = (struct agent){ .id = STR("piopl_00001"),
				.constitution_hash = STR("sha256:1"),
				.tier = 1,
				.state = AGENT_ACTIVE };
	agent.chain.count = 2;
	agent.chain.documents[0] = test_document(&test_arena, rules);
	agent.chain.documents[1] = test_document(&test_arena, grants);
	memset(&e, 0, sizeof(e));
	e.request.attributes[ATTRIBUTE_TOOL] =
		(struct value){ .type = VALUE_STRING, .text = STR("a") };
	e.request.attributes[ATTRIBUTE_RESOURCE] =
		(struct value){ .type = VALUE_STRING, .text = STR("x") };
	e.request.attributes[ATTRIBUTE_AMOUNT] = (struct value){ .type = VALUE_NUMBER };
	crudlex_declaration(agent.chain.documents, 2, STR("a"), &in.tool);
	decide(&in, &test_arena, &out);
	return out;
}

static bool noted(const struct decision *d, const char *words)
{
	for (size_t i = 0; i < d->note_count; i++)
		if (strstr(d->notes[i].words.data, words))
			return true;
	return false;
}

/* At the count and one short; who holds another role does not count, nor does one who counts
 * nowhere. */
static void enough_people_of_the_roles_let_it_pass(void **state)
{
	static const char two[] = ASKS("{roles: [steward, approver], count: 2}");
	static const char stewards[] = ASKS("{roles: steward}");
	static const char plain[] = HEAD "    - {name: a, allow: true, require_approval: true}\n";
	static const char auditors[] = ASKS("{roles: [auditor, owner]}");
	struct decision d;

	(void)state;
	arena_reset(&test_arena);
	assert_int_equal(decided(two, NULL, 0).verdict, VERDICT_REQUIRE_APPROVAL);
	d = decided(two, (const uint32_t[]){ STEWARD, APPROVER }, 2);
	assert_int_equal(d.verdict, VERDICT_ALLOW);
	assert_true(d.approval_used && noted(&d, "they approved"));
	d = decided(two, (const uint32_t[]){ STEWARD | APPROVER }, 1);
	assert_int_equal(d.verdict, VERDICT_REQUIRE_APPROVAL); /* two roles are one person */
	assert_false(d.approval_used);
	assert_true(noted(&d, "more or other people"));
	d = decided(two, (const uint32_t[]){ STEWARD, AUDITOR }, 2);
	assert_int_equal(d.verdict, VERDICT_REQUIRE_APPROVAL);
	assert_int_equal(decided(stewards, (const uint32_t[]){ APPROVER }, 1).verdict,
			 VERDICT_REQUIRE_APPROVAL);
	assert_int_equal(decided(stewards, (const uint32_t[]){ STEWARD }, 1).verdict,
			 VERDICT_ALLOW);
	assert_int_equal(decided(plain, (const uint32_t[]){ APPROVER }, 1).verdict, VERDICT_ALLOW);
	assert_int_equal(decided(plain, (const uint32_t[]){ AUDITOR }, 1).verdict,
			 VERDICT_REQUIRE_APPROVAL);
	/* roles that count nowhere in the installation: nobody may */
	d = decided(auditors, (const uint32_t[]){ AUDITOR }, 1);
	assert_int_equal(d.verdict, VERDICT_DENY);
	assert_true(noted(&d, "nobody may approve"));
}

static void words_say_who(void **state)
{
	struct document *d;

	(void)state;
	arena_reset(&test_arena);
	d = test_document(&test_arena, ASKS("{roles: [approver, steward], count: 2}"));
	assert_true(str_ends(rule_words(d, &d->rules[0], &test_arena),
			     "with a human's approval, 2 of steward, approver"));
	d = test_document(&test_arena, ASKS("{count: 3}"));
	assert_true(
		str_ends(rule_words(d, &d->rules[0], &test_arena), "with a human's approval, 3"));
}

static void activation_is_read(void **state)
{
	struct document *d;

	(void)state;
	arena_reset(&test_arena);
	d = test_document(&test_arena,
			  "policy:\n  type: validation\n  root: true\n  activation:\n"
			  "    require_approval: true\n    approvers: {roles: [owner], "
			  "count: 2}\n  rules:\n    - {validation: v, threshold: 1}\n");
	assert_int_equal(d->activation.count, 2);
	assert_int_equal(d->activation.roles, APPROVER_BIT(5));
	assert_int_equal(d->activation_line, 5);
	d = test_document(&test_arena, "policy:\n  type: validation\n  root: true\n  activation: "
				       "{require_approval: true}\n  rules:\n"
				       "    - {validation: v, threshold: 1}\n");
	assert_int_equal(d->activation.count, 1);
	assert_int_equal(d->activation.roles, APPROVER_ROLES_ALL);
	d = test_document(&test_arena, "policy:\n  type: validation\n  root: true\n  rules:\n"
				       "    - {validation: v, threshold: 1}\n");
	assert_int_equal(d->activation.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_strictest_of_all_rules_counts),
		cmocka_unit_test(a_document_more_only_restricts),
		cmocka_unit_test(enough_people_of_the_roles_let_it_pass),
		cmocka_unit_test(words_say_who),
		cmocka_unit_test(activation_is_read),
	};

	arena_init(&test_arena, 64 * 1024 * 1024);
	return cmocka_run_group_tests_name("policy approvers", tests, NULL, NULL);
}
