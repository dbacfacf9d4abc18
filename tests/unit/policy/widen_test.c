/* A document can only restrict: what would widen is found and shown with a request; what restricts,
 * or speaks of something else, is let pass. [POL-4] */
#include "generate.h"
#include "services/policy/widen.h"

#define TOOLS "policy:\n  id: d\n  type: tool-access\n  root: true\n  tools:\n"
#define RULES "policy:\n  id: d\n  type: temporal-and-thresholds\n  root: true\n  rules:\n"
#define DATA "policy:\n  id: d\n  type: data-access\n  root: true\n  data_classes:\n"
#define IDENTITY "policy:\n  id: d\n  type: identity\n  root: true\n"
#define VALIDATION "policy:\n  id: d\n  type: validation\n  root: true\n  rules:\n"
#define GRANTS "crudlex:\n  id: d\n  root: true\n  users:\n"
#define CALENDAR                                                                                   \
	"policy:\n  id: d\n  type: temporal-and-thresholds\n  root: true\n  calendars:\n"          \
	"    open: {time_zone: Europe/London, days: [mon], hours: \"09:00-10:00\"}\n  rules:\n"

static const struct {
	const char *above, *below;
	const char *request; /* a part of the words; NULL: does not widen */
} cases[] = {
	/* tools by name and pattern */
	{ TOOLS "    - {name: bank.transfer, allow: false}\n",
	  TOOLS "    - {name: bank.transfer, allow: true}\n", "tool \"bank.transfer\"" },
	{ TOOLS "    - {name: \"bank.*\", allow: false}\n",
	  TOOLS "    - {name: bank.balance, allow: true}\n", "tool \"bank.balance\"" },
	{ TOOLS "    - {name: bank.transfer, allow: false}\n",
	  TOOLS "    - {name: \"bank.*\", allow: true}\n", "tool \"bank.transfer\"" },
	{ TOOLS "    - {name: \"*.write\", allow: false}\n",
	  TOOLS "    - {name: \"ledger.*\", allow: true}\n", "tool \"ledger.write\"" },
	{ TOOLS "    - {name: \"*.write\", allow: false}\n",
	  TOOLS "    - {name: \"ledger.r*\", allow: true}\n", NULL },
	{ TOOLS "    - {name: bank.transfer, allow: false}\n",
	  TOOLS
	  "    - {name: \"bank.*\", allow: true}\n    - {name: bank.transfer, allow: false}\n",
	  NULL },
	{ TOOLS "    - {name: bank.transfer, allow: false}\n",
	  TOOLS "    - {name: ledger.read, allow: true}\n", NULL },
	{ TOOLS "    - {name: ledger.read, allow: true}\n",
	  TOOLS "    - {name: ledger.read, allow: false}\n", NULL },
	/* scopes */
	{ TOOLS "    - {name: a, allow: true, scope: [x, y]}\n",
	  TOOLS "    - {name: a, allow: true, scope: [y, z]}\n", "resource \"z\"" },
	{ TOOLS "    - {name: a, allow: true, scope: [x, y]}\n",
	  TOOLS "    - {name: a, allow: true, scope: [y]}\n", NULL },
	{ TOOLS "    - {name: a, allow: true, scope: [x]}\n",
	  TOOLS "    - {name: a, allow: true}\n", "resource \"other\"" },
	{ TOOLS "    - {name: a, allow: true, scope: [\"x.*\"]}\n",
	  TOOLS "    - {name: a, allow: true, scope: [\"x.y.*\"]}\n", NULL },
	{ TOOLS "    - {name: a, allow: true}\n    - {name: a, allow: false, scope: [\"x.*\"]}\n",
	  TOOLS "    - {name: a, allow: true, scope: [\"*.y\"]}\n", "resource \"x.y\"" },
	/* what is not listed */
	{ "policy:\n  id: d\n  type: tool-access\n  root: true\n  others: deny\n  tools:\n"
	  "    - {name: a, allow: true}\n",
	  TOOLS "    - {name: b, allow: true}\n", "tool \"b\"" },
	/* who approves */
	{ TOOLS "    - {name: a, allow: true, require_approval: true, approvers: {count: 2}}\n",
	  TOOLS "    - {name: a, allow: true, require_approval: true, approvers: {count: 1}}\n",
	  "have fewer or other people approve" },
	{ TOOLS "    - {name: a, allow: true, require_approval: true, approvers: {count: 2}}\n",
	  TOOLS "    - {name: a, allow: true, require_approval: true, approvers: {count: 2}}\n",
	  NULL },
	{ TOOLS "    - {name: a, allow: true, require_approval: true, approvers: {count: 2}}\n",
	  TOOLS "    - {name: a, allow: true, require_approval: true}\n", NULL },
	{ TOOLS "    - {name: a, allow: true, require_approval: true}\n",
	  TOOLS "    - {name: a, allow: true, require_approval: true, approvers: {count: 1}}\n",
	  NULL },
	{ TOOLS "    - {name: \"p.*\", allow: true, require_approval: true, approvers: {roles: "
		"steward}}\n",
	  TOOLS
	  "    - {name: p.q, allow: true, require_approval: true, approvers: {roles: [steward, "
	  "approver]}}\n",
	  "tool \"p.q\"" },
	{ TOOLS "    - {name: a, allow: true, require_approval: true, approvers: {roles: [steward, "
		"approver]}}\n",
	  TOOLS
	  "    - {name: a, allow: true, require_approval: true, approvers: {roles: steward, count: "
	  "3}}\n",
	  NULL },
	{ RULES
	  "    - {condition: \"amount > 10\", require_approval: true, approvers: {count: 2}}\n",
	  RULES
	  "    - {condition: \"amount > 20\", require_approval: true, approvers: {count: 1}}\n",
	  "amount 20.000001" },
	{ RULES
	  "    - {condition: \"amount > 10\", require_approval: true, approvers: {count: 2}}\n",
	  RULES
	  "    - {condition: \"amount > 20\", require_approval: true, approvers: {count: 1}}\n"
	  "    - {condition: \"amount > 5\", require_approval: true, approvers: {count: 2}}\n",
	  NULL },
	{ RULES
	  "    - {condition: \"amount > 10\", require_approval: true, approvers: {count: 2}}\n",
	  RULES
	  "    - {condition: \"amount < 10\", require_approval: true, approvers: {count: 1}}\n",
	  NULL },
	/* amounts: at the boundary and one past */
	{ TOOLS "    - {name: a, allow: true, amount_max: 100}\n",
	  TOOLS "    - {name: a, allow: true, amount_max: 100}\n", NULL },
	{ TOOLS "    - {name: a, allow: true, amount_max: 100}\n",
	  TOOLS "    - {name: a, allow: true, amount_max: 100.000001}\n", "amount 100.000001" },
	{ TOOLS "    - {name: a, allow: true, amount_max: 100}\n",
	  TOOLS "    - {name: a, allow: true, when: \"amount < 200\"}\n", "amount 1" },
	{ TOOLS "    - {name: a, allow: true, amount_max: 100}\n",
	  TOOLS "    - {name: a, allow: true, when: \"amount < 100\"}\n", NULL },
	{ TOOLS "    - {name: a, allow: true, amount_max: 100}\n",
	  TOOLS "    - {name: a, allow: true}\n", NULL },
	{ RULES "    - {condition: \"amount > 1000000\", allow: false}\n",
	  TOOLS "    - {name: bank.transfer, allow: true, amount_max: 2000000}\n",
	  "amount 1000000.000001" },
	{ RULES "    - {condition: \"amount > 1000000\", allow: false}\n",
	  TOOLS "    - {name: bank.transfer, allow: true, amount_max: 1000000}\n", NULL },
	{ RULES "    - {condition: \"amount > 1000000\", allow: false}\n",
	  TOOLS "    - {name: bank.transfer, allow: true}\n", NULL },
	{ RULES "    - {condition: \"amount > 1000000\", allow: false}\n",
	  RULES "    - {condition: \"amount > 100000\", allow: false}\n", NULL },
	{ RULES "    - {condition: \"amount > 1000000\", allow: false}\n",
	  RULES "    - {condition: \"amount <= 1000001\", allow: true}\n",
	  "amount 1000000.000001" },
	{ RULES "    - {condition: \"amount * 2 > 1000\", allow: false}\n",
	  RULES "    - {condition: \"amount < 501\", allow: true}\n", "amount 500.000001" },
	{ RULES "    - {condition: \"amount + 10 > 1000 / 4\", allow: false}\n",
	  RULES "    - {condition: \"amount <= 240\", allow: true}\n", NULL },
	/* times */
	{ CALENDAR "    - {condition: \"time NOT IN open\", allow: false}\n",
	  RULES "    - {condition: \"time NOT IN business_hours\", allow: true}\n", "time 2026" },
	{ RULES "    - {condition: \"time NOT IN business_hours\", allow: false}\n",
	  RULES "    - {condition: \"time IN business_hours\", allow: true}\n", NULL },
	/* texts */
	{ RULES "    - {condition: \"currency NOT IN ['GBP', 'EUR']\", allow: false}\n",
	  RULES "    - {condition: \"currency IN ['EUR', 'USD']\", allow: true}\n",
	  "currency \"USD\"" },
	{ RULES "    - {condition: \"location LIKE 'eu-*'\", allow: false}\n",
	  RULES "    - {condition: \"location = 'eu-west'\", allow: true}\n",
	  "location \"eu-west\"" },
	{ RULES "    - {condition: \"agent.tier < 2\", tools: [\"pay.*\"], allow: false}\n",
	  RULES "    - {condition: \"agent.tier >= 1\", tools: [pay.out], allow: true}\n",
	  "tool \"pay.out\"" },
	{ RULES "    - {condition: \"agent.tier < 2\", tools: [\"pay.*\"], allow: false}\n",
	  RULES "    - {condition: \"agent.tier >= 1\", tools: [buy], allow: true}\n", NULL },
	/* approval that is waived */
	{ TOOLS "    - {name: a, allow: true, require_approval: true}\n",
	  TOOLS "    - {name: a, allow: true, require_approval: false}\n", "tool \"a\"" },
	{ TOOLS "    - {name: a, allow: true, require_approval: true}\n",
	  TOOLS "    - {name: a, allow: true}\n", NULL },
	{ RULES "    - {condition: \"amount > 10\", require_approval: true}\n",
	  RULES "    - {condition: \"amount > 9\", require_approval: false}\n",
	  "amount 10.000001" },
	/* data */
	{ DATA "    - {class: pii.ssn, allow: false}\n",
	  DATA "    - {class: \"pii.*\", allow: read}\n", "data_in pii.ssn" },
	{ DATA "    - {class: \"pii.*\", allow: read}\n",
	  DATA "    - {class: pii.ssn, allow: read-write}\n", "data_out pii.ssn" },
	{ DATA "    - {class: \"pii.*\", allow: read}\n",
	  DATA "    - {class: pii.ssn, allow: read}\n", NULL },
	{ DATA "    - {class: pii.ssn, allow: read, require_tokenization: true}\n",
	  DATA "    - {class: pii.ssn, allow: read, require_tokenization: false}\n",
	  "data_in pii.ssn" },
	{ DATA "    - {class: pii.ssn, allow: read, require_tokenization: true}\n",
	  DATA "    - {class: pii.ssn, allow: read}\n", NULL },
	/* identity */
	{ IDENTITY "  delegation: {on_behalf_of: [user-a]}\n",
	  IDENTITY "  delegation: {on_behalf_of: [user-a, user-b]}\n", "user \"user-b\"" },
	{ IDENTITY "  delegation: {on_behalf_of: [\"user-*\"]}\n",
	  IDENTITY "  delegation: {on_behalf_of: [user-b]}\n", NULL },
	{ IDENTITY "  authentication: {method: oauth2, issuer: a.example}\n",
	  IDENTITY "  authentication: {method: oauth2, issuer: b.example}\n", "user" },
	/* validation */
	{ VALIDATION "    - {validation: hallucination-check, threshold: 0.95}\n",
	  VALIDATION "    - {validation: hallucination-check, threshold: 0.949999}\n",
	  "confidence 0.949999" },
	{ VALIDATION "    - {validation: hallucination-check, threshold: 0.95}\n",
	  VALIDATION "    - {validation: hallucination-check, threshold: 0.96}\n", NULL },
	{ VALIDATION
	  "    - {validation: dlp, data_classes: [\"pii.*\"], action_on_detection: block}\n",
	  VALIDATION
	  "    - {validation: dlp, data_classes: [pii.ssn], action_on_detection: tokenize}\n",
	  "line 6" },
	/* grants */
	{ GRANTS "    - {user: \"*\", resource: \"customers.*\", deny: [list]}\n",
	  GRANTS "    - {user: user-a, resource: \"customers.eu.*\", level: READONLY}\n",
	  "resource \"customers.eu.x\"" },
	{ GRANTS "    - {user: \"*\", resource: \"customers.*\", deny: [delete]}\n",
	  GRANTS "    - {user: user-a, resource: \"customers.eu.*\", level: READONLY}\n", NULL },
};

static void what_widens_is_found_with_a_request(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct widening widening = { 0 };
		arena_reset(&test_arena);
		const struct document *above = test_document(&test_arena, cases[i].above);
		const struct document *below = test_document(&test_arena, cases[i].below);
		bool found = widening_find(&test_arena, below, &above, 1, &widening);
		if (found != (cases[i].request != NULL))
			fail_msg("%s%s%s", cases[i].above, cases[i].below,
				 found ? widening.words.data : "not found");
		if (found && !strstr(widening.words.data, cases[i].request))
			fail_msg("%s\nnot: %s", widening.words.data, cases[i].request);
	}
}

/* The same text on two levels restricts nothing and widens nothing; only one that waives an
 * approval it asks for elsewhere contradicts itself. */
static void no_document_widens_itself(void **state)
{
	int found = 0;

	(void)state;
	random_seed("policy widening");
	for (size_t i = 0; i < 3000; i++) {
		struct widening widening = { 0 };
		arena_reset(&test_arena);
		const struct document *above = generate_document(&test_arena, i);
		const struct document *below = generate_document(&test_arena, i + 100000);
		found += widening_find(&test_arena, below, &above, 1, &widening);
		if (!strstr(above->text.data, "require_approval: false") &&
		    !strstr(above->text.data, "require_tokenization: false") &&
		    widening_find(&test_arena, above, &above, 1, &widening))
			fail_msg("%s%s", above->text.data, widening.words.data);
	}
	printf("%d of 3000 pairs widen\n", found);
	assert_true(found > 100);
}

static void every_common_name_is_matched_by_both_patterns(void **state)
{
	static const char letters[] = "ab.*";
	int common = 0;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		char p[2][12], name[64], probe[12];
		size_t length;
		for (int k = 0; k < 2; k++) {
			size_t n = 1 + (size_t)random_below(8);
			for (size_t j = 0; j < n; j++)
				p[k][j] = letters[random_below(4)];
			p[k][n] = 0;
		}
		struct str a = str_of(p[0]), b = str_of(p[1]);
		if (!pattern_valid(a) || !pattern_valid(b))
			continue;
		bool found = pattern_common(a, b, name, sizeof(name), &length);
		common += found;
		if (found && !(pattern_matches(a, (struct str){ name, length }) &&
			       pattern_matches(b, (struct str){ name, length })))
			fail_msg("%s %s: %s", p[0], p[1], name);
		/* Nothing both match is missed: a random name that both match proves one exists. */
		size_t n = (size_t)random_below(8);
		for (size_t j = 0; j < n; j++)
			probe[j] = letters[random_below(3)];
		struct str other = { probe, n };
		if (!found && pattern_matches(a, other) && pattern_matches(b, other))
			fail_msg("%s %s have %.*s in common", p[0], p[1], STR_ARG(other));
	}
	assert_true(common > 10000);
}

static void patterns_match_parts(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool matches;
	} pairs[] = {
		{ "*", "anything.at/all", true },
		{ "a", "a", true },
		{ "a", "ab", false },
		{ "a.*", "a.b", true },
		{ "a.*", "a.b.c", true },
		{ "a.*", "a", false },
		{ "a.*", "ab.c", false },
		{ "*.b", "a.b", true },
		{ "*.b", "a.c.b", false },
		{ "a*.c", "abc.c", true },
		{ "a*.c", "ab.x.c", false },
		{ "a.*.c", "a.b.c", true },
		{ "a.*.c", "a..c", true },
		{ "company-*", "company-A", true },
		{ "company-*", "company-A.x", false },
		{ "a/*", "a/b/c", true },
		{ "a*b*c", "aXbYc", true },
		{ "a*b*c", "acb", false },
		{ "ledger.*", "ledger-x", false },
		{ "pii.*", "pii.ssn", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (pattern_matches(str_of(pairs[i].pattern), str_of(pairs[i].name)) !=
		    pairs[i].matches)
			fail_msg("%s %s", pairs[i].pattern, pairs[i].name);
	assert_false(pattern_valid(STR("")));
	assert_false(pattern_valid(STR("a**")));
	assert_false(pattern_valid(STR("a b")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_widens_is_found_with_a_request),
		cmocka_unit_test(no_document_widens_itself),
		cmocka_unit_test(every_common_name_is_matched_by_both_patterns),
		cmocka_unit_test(patterns_match_parts),
	};

	arena_init(&test_arena, 256 * 1024 * 1024);
	return cmocka_run_group_tests_name("policy widening", tests, NULL, NULL);
}
