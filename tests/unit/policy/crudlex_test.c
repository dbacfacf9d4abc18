/* Six operations, three dimensions, levels, denials. [CRX-1] [CRX-2] [CRX-3] [CRX-4] */
#include "policy_test.h"
#include "services/policy/crudlex.h"

static const struct document *documents[2];
static size_t document_count;

static void load(const char *grants)
{
	char text[4096];

	arena_reset(&test_arena);
	snprintf(text, sizeof(text), "crudlex:\n  id: g\n  root: true\n%s", grants);
	documents[0] = test_document(&test_arena, text);
	document_count = 1;
}

static struct crudlex_answer ask(const char *user, uint8_t operation, bool reversible,
				 const char *resource)
{
	struct crudlex_subject subject = { .agent_id = STR("piopl_00001"),
					   .agent_name = STR("writer"),
					   .role = STR("editor"),
					   .unit = STR("studio.lab"),
					   .user = user ? str_of(user) : STR("") };
	struct request request = { 0 };
	struct crudlex_answer answer;

	if (resource)
		request.attributes[ATTRIBUTE_RESOURCE] = text_value(resource);
	crudlex_decide(documents, document_count, &subject, operation, reversible, &request,
		       &answer);
	return answer;
}

static uint8_t granted(const char *user, bool reversible, const char *resource)
{
	unsigned all = 0;

	for (unsigned operation = 1; operation < 64; operation *= 2)
		if (ask(user, (uint8_t)operation, reversible, resource).result == CRUDLEX_GRANTED)
			all |= operation;
	return (uint8_t)all;
}

#define C CRUDLEX_CREATE
#define R CRUDLEX_READ
#define U CRUDLEX_UPDATE
#define D CRUDLEX_DELETE
#define L CRUDLEX_LIST
#define X CRUDLEX_EXECUTE

static void levels_give_what_they_say(void **state)
{
	static const struct {
		const char *level;
		uint8_t irreversible, reversible;
	} levels[] = {
		{ "FULL", C | R | U | D | L | X, C | R | U | D | L | X },
		{ "READ-WRITE", C | R | U | D | L, C | R | U | D | L },
		{ "READONLY", R | L, R | L },
		{ "SAFE", R | L, R | L | X },
		{ "NO-SEND", C | R | U | L, C | R | U | L },
		{ "NO-DELETE", C | R | U | L | X, C | R | U | L | X },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		snprintf(text, sizeof(text),
			 "  agents:\n    - {agent: writer, resource: \"*\", level: %s}\n"
			 "  users:\n    - {user: u, resource: \"*\", level: FULL}\n"
			 "  contexts:\n    - {resource: \"*\", level: FULL}\n",
			 levels[i].level);
		load(text);
		assert_int_equal(granted("u", false, "x"), levels[i].irreversible);
		assert_int_equal(granted("u", true, "x"), levels[i].reversible);
	}
}

/* Each operation by itself: none implies another. */
static void an_operation_implies_no_other(void **state)
{
	static const char *const names[] = {
		"create", "read", "update", "delete", "list", "execute"
	};
	char text[512];

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		snprintf(text, sizeof(text),
			 "  agents:\n    - {agent: writer, resource: \"*\", operations: [%s]}\n"
			 "  users:\n    - {user: u, resource: \"*\", level: FULL}\n"
			 "  contexts:\n    - {resource: \"*\", level: FULL}\n",
			 names[i]);
		load(text);
		assert_int_equal(granted("u", true, "x"), 1u << i);
	}
}

/* Random triples: what is granted is the intersection. */
static void the_three_dimensions_intersect(void **state)
{
	static const char *const names[] = {
		"create", "read", "update", "delete", "list", "execute"
	};
	uint64_t random = 42;
	char lists[3][128], text[1024];

	(void)state;
	for (int round = 0; round < 3000; round++) {
		unsigned masks[3];
		for (int k = 0; k < 3; k++) {
			random = random * UINT64_C(6364136223846793005) + 1;
			masks[k] = 1 + (unsigned)(random >> 40) % 63;
			lists[k][0] = 0;
			for (unsigned i = 0; i < 6; i++)
				if (masks[k] >> i & 1)
					sprintf(lists[k] + strlen(lists[k]), "%s%s",
						lists[k][0] ? ", " : "", names[i]);
		}
		snprintf(text, sizeof(text),
			 "  users:\n    - {user: u, resource: r, operations: [%s]}\n"
			 "  agents:\n    - {role: editor, resource: r, operations: [%s]}\n"
			 "  contexts:\n    - {resource: r, operations: [%s]}\n",
			 lists[0], lists[1], lists[2]);
		load(text);
		assert_int_equal(granted("u", false, "r"), masks[0] & masks[1] & masks[2]);
		assert_int_equal(granted("other", false, "r"), 0);
		assert_int_equal(granted("u", false, "elsewhere"), 0);
		assert_int_equal(granted(NULL, false, "r"), 0);
	}
}

static void a_silent_dimension_gives_nothing(void **state)
{
	struct crudlex_answer answer;

	(void)state;
	load("  users:\n    - {user: u, resource: \"*\", level: FULL}\n"
	     "  agents:\n    - {agent: \"*\", resource: \"*\", level: FULL}\n");
	answer = ask("u", R, false, "x");
	assert_int_equal(answer.result, CRUDLEX_NOT_GRANTED);
	assert_int_equal(answer.dimension, CRUDLEX_CONTEXT);
	load("  agents:\n    - {agent: \"*\", resource: \"*\", level: FULL}\n"
	     "  contexts:\n    - {resource: \"*\", level: FULL}\n");
	answer = ask("u", R, false, "x");
	assert_int_equal(answer.dimension, CRUDLEX_USER);
	answer = ask(NULL, R, false, "x");
	assert_int_equal(answer.dimension, CRUDLEX_STANDING);
	document_count = 0;
	assert_int_equal(ask("u", R, false, "x").result, CRUDLEX_NOT_GRANTED);
}

static void who_acts_for_nobody_needs_a_standing_grant(void **state)
{
	(void)state;
	load("  agents:\n    - {unit: studio, standing: true, resource: reports, operations: "
	     "[read]}\n"
	     "  contexts:\n    - {resource: \"*\", level: FULL}\n");
	assert_int_equal(granted(NULL, false, "reports"), R);
	assert_int_equal(granted(NULL, false, "drafts"), 0);
	/* and it is of no use on behalf of a user who has nothing */
	assert_int_equal(granted("u", false, "reports"), 0);
}

/* [CRX-4] */
static void a_denial_wins_over_the_most_specific_grant(void **state)
{
	(void)state;
	load("  users:\n    - {user: u, resource: \"customers.eu.7\", level: FULL}\n"
	     "    - {user: \"*\", resource: \"customers.*\", deny: [list, delete]}\n"
	     "  agents:\n    - {agent: piopl_00001, resource: \"*\", level: FULL}\n"
	     "  contexts:\n    - {resource: \"*\", level: FULL}\n");
	assert_int_equal(granted("u", false, "customers.eu.7"), C | R | U | X);
	struct crudlex_answer answer = ask("u", D, false, "customers.eu.7");
	assert_int_equal(answer.result, CRUDLEX_DENIED);
	assert_int_equal(answer.grant->line, 6);
}

static void a_resource_not_named_meets_denials_but_no_narrow_grant(void **state)
{
	(void)state;
	load("  users:\n    - {user: u, resource: \"a.*\", level: FULL}\n"
	     "  agents:\n    - {agent: \"*\", resource: \"*\", level: FULL}\n"
	     "    - {agent: \"*\", resource: b, deny: [delete]}\n"
	     "  contexts:\n    - {resource: \"*\", level: FULL}\n");
	assert_int_equal(ask("u", R, false, NULL).result, CRUDLEX_NOT_GRANTED);
	assert_int_equal(ask("u", D, false, NULL).result, CRUDLEX_DENIED);
}

static void context_grants_and_denials_take_unknown_strictly(void **state)
{
	(void)state;
	load("  users:\n    - {user: u, resource: \"*\", level: FULL}\n"
	     "  agents:\n    - {agent: \"*\", resource: \"*\", level: FULL}\n"
	     "  contexts:\n    - {resource: \"*\", level: FULL, condition: \"urgency = 'low'\"}\n");
	assert_int_equal(granted("u", false, "x"), 0);
	load("  users:\n    - {user: u, resource: \"*\", level: FULL}\n"
	     "  agents:\n    - {agent: \"*\", resource: \"*\", level: FULL}\n"
	     "  contexts:\n    - {resource: \"*\", level: FULL}\n"
	     "    - {resource: \"*\", deny: [delete], condition: \"urgency = 'low'\"}\n");
	assert_int_equal(granted("u", false, "x"), C | R | U | L | X);
}

/* [CRX-3] "an undeclared tool is Execute and irreversible" */
static void tools_are_what_they_declare_and_the_strictest_of_it(void **state)
{
	struct tool_declaration tool;

	(void)state;
	load("  tools:\n    - {name: \"mail.*\", operation: read}\n"
	     "    - {name: mail.send, operation: execute, reversible: true, money: false}\n");
	crudlex_declaration(documents, 1, STR("unheard.of"), &tool);
	assert_int_equal(tool.operation, CRUDLEX_EXECUTE);
	assert_false(tool.reversible);
	assert_true(tool.money);
	crudlex_declaration(documents, 1, STR("mail.read"), &tool);
	assert_int_equal(tool.operation, CRUDLEX_READ);
	assert_false(tool.money);
	crudlex_declaration(documents, 1, STR("mail.send"), &tool);
	assert_int_equal(tool.operation, CRUDLEX_EXECUTE);
	assert_false(tool.reversible); /* one of the two does not say so */
}

/* [POL-8] */
static void grants_and_declarations_are_told_in_words(void **state)
{
	static const char *const grants[] = {
		"for user user-* may create, read, update, list, execute over *",
		"agents of studio.lab may read, list, execute what can be undone over a.*, b.c",
		"agents of the role editor may read over x, acting for nobody",
		"agent writer may never delete over *",
		"anybody when urgency = 'critical' may never list, execute over *",
	};

	(void)state;
	load("  tools:\n"
	     "    - {name: t.run, operation: execute, reversible: true, risk: high, phase: 2, "
	     "capability: runs}\n"
	     "  users:\n    - {user: 'user-*', resource: '*', level: NO-DELETE}\n"
	     "  agents:\n"
	     "    - {unit: studio.lab, resource: ['a.*', b.c], level: SAFE}\n"
	     "    - {role: editor, standing: true, resource: x, operations: [read]}\n"
	     "    - {agent: writer, resource: '*', deny: [delete]}\n"
	     "  contexts:\n"
	     "    - {condition: \"urgency = 'critical'\", resource: '*', deny: [list, execute]}\n");
	assert_int_equal(documents[0]->grant_count, 5);
	for (size_t i = 0; i < 5; i++) {
		struct str words = grant_words(&documents[0]->grants[i], &test_arena);
		if (!str_is(words, grants[i]))
			fail_msg("%.*s, not %s", STR_ARG(words), grants[i]);
	}
	struct str words = declaration_words(&documents[0]->declarations[0], &test_arena);
	if (!str_is(words, "tool t.run does execute, can be undone, high risk, with a token for "
			   "runs, from phase 2"))
		fail_msg("%.*s", STR_ARG(words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grants_and_declarations_are_told_in_words),
		cmocka_unit_test(levels_give_what_they_say),
		cmocka_unit_test(an_operation_implies_no_other),
		cmocka_unit_test(the_three_dimensions_intersect),
		cmocka_unit_test(a_silent_dimension_gives_nothing),
		cmocka_unit_test(who_acts_for_nobody_needs_a_standing_grant),
		cmocka_unit_test(a_denial_wins_over_the_most_specific_grant),
		cmocka_unit_test(a_resource_not_named_meets_denials_but_no_narrow_grant),
		cmocka_unit_test(context_grants_and_denials_take_unknown_strictly),
		cmocka_unit_test(tools_are_what_they_declare_and_the_strictest_of_it),
	};

	arena_init(&test_arena, 256 * 1024 * 1024);
	return cmocka_run_group_tests_name("policy crudlex", tests, NULL, NULL);
}
