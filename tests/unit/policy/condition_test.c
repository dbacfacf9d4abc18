/* The language of conditions: what it means, what it refuses and where, and that what is unknown
 * stays unknown. */
#include "policy_test.h"

#include "clock.h"

#define WORKING_TIME INT64_C(1767607200000) /* Monday 2026-01-05 10:00 UTC */

static const struct str test_set[] = { STR("gold"), STR("silver") };

static const struct condition_names *names(void)
{
	static const struct named_set set = { STR("metals"), test_set, 2 };
	static const struct context_declaration context[] = { { STR("case"), VALUE_STRING },
							      { STR("count"), VALUE_NUMBER } };
	static struct condition_names n;

	n = (struct condition_names){ .sets = &set,
				      .set_count = 1,
				      .context = context,
				      .context_count = 2,
				      .outer = test_environment()->names };
	return &n;
}

static const struct str out_classes[] = { STR("pii.name"), STR("pii.address.street") };
static const struct context_value context_values[] = {
	{ STR("case"), { .type = VALUE_STRING, .text = STR("C-17") } },
	{ STR("count"), { .type = VALUE_STRING, .text = STR("not a number") } },
};

static struct request sample(void)
{
	struct request request = { .context = context_values, .context_count = 2 };

	request.attributes[ATTRIBUTE_TOOL] = text_value("bank.transfer");
	request.attributes[ATTRIBUTE_AMOUNT] = number_value(1500 * NUMBER_ONE);
	request.attributes[ATTRIBUTE_TIME] = time_value(WORKING_TIME);
	request.attributes[ATTRIBUTE_AGENT_TIER] = number_value(2 * NUMBER_ONE);
	request.attributes[ATTRIBUTE_AGENT_SINCE] = time_value(WORKING_TIME - 3 * 86400000);
	request.attributes[ATTRIBUTE_REVERSIBLE] = (struct value){ .type = VALUE_BOOL, .i64 = 1 };
	request.attributes[ATTRIBUTE_DATA_OUT] =
		(struct value){ .type = VALUE_LIST, .items = out_classes, .count = 2 };
	return request;
}

static enum truth truth_of(const char *text)
{
	struct condition condition;
	struct problem problem = { 0 };
	struct request request = sample();
	size_t place = 0;

	arena_reset(&test_arena);
	if (condition_compile(&test_arena, str_of(text), names(), &condition, &place, &problem) !=
	    ST_OK)
		fail_msg("%s: at %zu: %s", text, place, problem.detail);
	return condition_test(&condition, &request);
}

static const struct {
	const char *text;
	enum truth truth;
} meanings[] = {
	/* [POL-2] the seed's */
	{ "amount > 100000", TRUTH_FALSE },
	{ "amount > 1000000", TRUTH_FALSE },
	{ "time NOT IN business_hours", TRUTH_FALSE },
	/* comparisons at their edge */
	{ "amount = 1500", TRUTH_TRUE },
	{ "amount == 1500.000000", TRUTH_TRUE },
	{ "amount >= 1500.000001", TRUTH_FALSE },
	{ "amount > 1499.999999", TRUTH_TRUE },
	{ "amount < 1500", TRUTH_FALSE },
	{ "amount <= 1_500", TRUTH_TRUE },
	{ "amount != 1500", TRUTH_FALSE },
	{ "1000 < amount", TRUTH_TRUE },
	{ "2000 <= amount", TRUTH_FALSE },
	{ "-1 < amount", TRUTH_TRUE },
	{ "tool = 'bank.transfer'", TRUTH_TRUE },
	{ "tool != \"bank.transfer\"", TRUTH_FALSE },
	{ "'a' < tool", TRUTH_TRUE },
	{ "reversible", TRUTH_TRUE },
	{ "reversible = false", TRUTH_FALSE },
	/* arithmetic */
	{ "amount * 2 > 2999.999999", TRUTH_TRUE },
	{ "amount / 4 = 375", TRUTH_TRUE },
	{ "amount - 500 + 1 = 1001", TRUTH_TRUE },
	{ "2 + 3 * 4 = 14", TRUTH_TRUE },
	{ "(2 + 3) * 4 = 20", TRUTH_TRUE },
	{ "0.1 + 0.2 = 0.3", TRUTH_TRUE },
	{ "-(1 + 1) = -2", TRUTH_TRUE },
	{ "10 - 3 - 2 = 5", TRUTH_TRUE },
	/* times and durations */
	{ "time - agent.since = 3d", TRUTH_TRUE },
	{ "time - agent.since > 2d + 23h + 59m", TRUTH_TRUE },
	{ "time < '2026-01-05T10:00:00.001Z'", TRUTH_TRUE },
	{ "time > '2026-01-05T10:00:00Z'", TRUTH_FALSE },
	{ "agent.since + 72h = time", TRUTH_TRUE },
	{ "1h * 2 = 120m", TRUTH_TRUE },
	{ "1d / 24 = 1h", TRUTH_TRUE },
	{ "time IN business_hours", TRUTH_TRUE },
	{ "time + 10h IN business_hours", TRUTH_FALSE },
	/* lists, sets and patterns */
	{ "tool IN ['ledger.read', 'bank.transfer']", TRUTH_TRUE },
	{ "tool NOT IN ['ledger.read']", TRUTH_TRUE },
	{ "tool IN []", TRUTH_FALSE },
	{ "'gold' IN metals", TRUTH_TRUE },
	{ "tool in metals", TRUTH_FALSE },
	{ "'pii.name' IN data_out", TRUTH_TRUE },
	{ "data_out LIKE 'pii.*'", TRUTH_TRUE },
	{ "data_out LIKE 'financial.*'", TRUTH_FALSE },
	{ "tool LIKE 'bank.*'", TRUTH_TRUE },
	{ "tool NOT LIKE 'b*.transfer'", TRUTH_FALSE },
	/* AND before OR, NOT before both */
	{ "true OR true AND false", TRUTH_TRUE },
	{ "(true OR true) AND false", TRUTH_FALSE },
	{ "NOT false AND true", TRUTH_TRUE },
	{ "NOT NOT true", TRUTH_TRUE },
	{ "not false and true or false", TRUTH_TRUE },
	{ "context.case = 'C-17'", TRUTH_TRUE },
	/* what is missing, of another type, or not a number is unknown */
	{ "confidence > 0.5", TRUTH_UNKNOWN },
	{ "NOT confidence > 0.5", TRUTH_UNKNOWN },
	{ "confidence > 0.5 AND false", TRUTH_FALSE },
	{ "false AND confidence > 0.5", TRUTH_FALSE },
	{ "confidence > 0.5 AND true", TRUTH_UNKNOWN },
	{ "confidence > 0.5 OR true", TRUTH_TRUE },
	{ "confidence > 0.5 OR false", TRUTH_UNKNOWN },
	{ "resource IN ['a']", TRUTH_UNKNOWN },
	{ "resource LIKE 'a*'", TRUTH_UNKNOWN },
	{ "resource = 'a'", TRUTH_UNKNOWN },
	{ "context.count > 1", TRUTH_UNKNOWN },
	{ "amount / 0 > 1", TRUTH_UNKNOWN },
	{ "amount * 9000000000000 > 1", TRUTH_UNKNOWN },
	{ "confidence + 1 = confidence + 1", TRUTH_UNKNOWN },
};

static void conditions_mean_what_they_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (truth_of(meanings[i].text) != meanings[i].truth)
			fail_msg("%s is not %d", meanings[i].text, meanings[i].truth);
}

static const struct {
	const char *text;
	size_t place;
	const char *words;
} mistakes[] = {
	{ "", 0, "a value is missing at the end" },
	{ "amount >", 8, "a value is missing at the end" },
	{ "amount > > 1", 9, "a value is missing before \">\"" },
	{ "amont > 1", 0, "nothing is called \"amont\"" },
	{ "amount > 'x'", 7, "a number cannot be compared with a text" },
	{ "amount", 0, "a condition is true or false, and this is a number" },
	{ "amount + 1", 7, "a condition is true or false, and this is a number" },
	{ "tool > 1 AND true", 5, "a text cannot be compared with a number" },
	{ "amount AND true", 0, "a condition is true or false, and this is a number" },
	{ "true AND amount", 9, "a condition is true or false, and this is a number" },
	{ "NOT amount", 4, "a condition is true or false, and this is a number" },
	{ "tool + 1 > 2", 5, "a text and a number cannot be added" },
	{ "time + time = time", 5, "a time and a time cannot be added" },
	{ "tool * 2 = 2", 5, "a text cannot be multiplied by a number" },
	{ "2 / 1h = 2", 2, "a number cannot be divided by a duration" },
	{ "-tool = 'a'", 1, "minus needs a number, and this is a text" },
	{ "(amount > 1", 11, "a \")\" is missing here" },
	{ "amount > 1)", 10, "the condition should end here" },
	{ "amount > 1 amount", 11, "the condition should end here" },
	{ "tool IN ['a' 'b']", 13, "a \",\" or \"]\" is missing here" },
	{ "tool IN [1]", 9, "a list holds texts in quotes" },
	{ "amount IN ['a']", 0, "only a text can be in a list, and this is a number" },
	{ "tool IN amount", 8, "IN needs a list, a set or a calendar, and this is a number" },
	{ "tool IN business_hours", 0, "a calendar is asked for a time, and this is a text" },
	{ "business_hours", 0,
	  "\"business_hours\" is a calendar: write \"time IN "
	  "business_hours\"" },
	{ "tool NOT = 'a'", 9, "IN or LIKE is missing after NOT" },
	{ "tool LIKE 1", 10, "LIKE needs a pattern in quotes, such as \"pii.*\"" },
	{ "tool LIKE 'a b'", 10, "LIKE needs a pattern in quotes, such as \"pii.*\"" },
	{ "amount LIKE 'a'", 0, "LIKE needs a text or a list, and this is a number" },
	{ "tool = 'a", 7, "the text has no closing quote" },
	{ "amount > 1x", 10, "units of time are ms, s, m, h, d and w" },
	{ "amount > 1.", 10, "a number has one to six digits after its point" },
	{ "amount > 1.1234567", 10, "a number has one to six digits after its point" },
	{ "amount > 99999999999999999999", 9, "the number is too large" },
	{ "amount > 9300000000000", 9, "the number is too large" },
	{ "amount > 9300000000000.1", 22, "the number is too large" },
	{ "time - agent.since > 99999999999999999w", 21, "the duration is too long" },
	{ "amount > 1 # note", 11, "this character means nothing in a condition" },
	{ "time > 'soon'", 7, "\"soon\" is not a time; write \"2026-01-31T09:00:00Z\"" },
	{ "reversible > false", 11, "true and false have no order" },
	{ "data_out = data_in", 9, "lists are not compared; use IN or LIKE" },
	{ "context.other = 'a'", 0,
	  "\"context.other\" is not declared under \"context\" in this document" },
};

static void mistakes_are_refused_with_their_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct condition condition = { 0 };
		struct problem problem = { 0 };
		size_t place = 9999;
		arena_reset(&test_arena);
		enum st st = condition_compile(&test_arena, str_of(mistakes[i].text), names(),
					       &condition, &place, &problem);
		if (st != ST_POLICY_INVALID || place != mistakes[i].place ||
		    strcmp(problem.detail, mistakes[i].words) != 0)
			fail_msg("%s: %s at %zu: %s", mistakes[i].text, st_info(st)->code, place,
				 problem.detail);
	}
}

static enum st compile(struct str text)
{
	struct condition condition;
	struct problem problem = { 0 };
	size_t place;

	arena_reset(&test_arena);
	return condition_compile(&test_arena, text, names(), &condition, &place, &problem);
}

static struct str repeated(char *buffer, const char *head, const char *piece, size_t count,
			   const char *tail, const char *tail_piece)
{
	char *p = buffer + sprintf(buffer, "%s", head);

	for (size_t i = 0; i < count; i++)
		p += sprintf(p, "%s", piece);
	p += sprintf(p, "%s", tail);
	for (size_t i = 0; i < count; i++)
		p += sprintf(p, "%s", tail_piece);
	return str_of(buffer);
}

static void limits_hold_at_and_one_past(void **state)
{
	static char buffer[64 * 1024];
	char spaces[CONDITION_BYTES_MAX + 2];

	(void)state;
	memset(spaces, ' ', sizeof(spaces));
	memcpy(spaces, "true", 4);
	assert_int_equal(compile((struct str){ spaces, CONDITION_BYTES_MAX }), ST_OK);
	assert_int_equal(compile((struct str){ spaces, CONDITION_BYTES_MAX + 1 }),
			 ST_POLICY_INVALID);
	assert_int_equal(compile(repeated(buffer, "", "(", CONDITION_DEPTH_MAX, "true", ")")),
			 ST_OK);
	assert_int_equal(compile(repeated(buffer, "", "(", CONDITION_DEPTH_MAX + 1, "true", ")")),
			 ST_POLICY_INVALID);
	/* n values and n - 1 joins */
	size_t most = (CONDITION_INSTRUCTIONS_MAX - 1) / 2;
	assert_int_equal(compile(repeated(buffer, "true", " OR true", most, "", "")), ST_OK);
	assert_int_equal(compile(repeated(buffer, "true", " OR true", most + 1, "", "")),
			 ST_POLICY_INVALID);
	assert_int_equal(
		compile(repeated(buffer, "tool IN ['a'", ",'b'", CONDITION_LIST_MAX - 1, "]", "")),
		ST_OK);
	assert_int_equal(
		compile(repeated(buffer, "tool IN ['a'", ",'b'", CONDITION_LIST_MAX, "]", "")),
		ST_POLICY_INVALID);
}

static void a_condition_knows_what_it_reads(void **state)
{
	struct condition condition;
	struct problem problem = { 0 };
	size_t place;

	(void)state;
	arena_reset(&test_arena);
	assert_int_equal(condition_compile(&test_arena,
					   STR("amount > 1 AND (context.case = 'a' OR tool = 'b')"),
					   names(), &condition, &place, &problem),
			 ST_OK);
	assert_true(condition.attributes ==
		    (UINT64_C(1) << ATTRIBUTE_AMOUNT | UINT64_C(1) << ATTRIBUTE_TOOL |
		     UINT64_C(1) << ATTRIBUTE_CONTEXT_BIT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conditions_mean_what_they_say),
		cmocka_unit_test(mistakes_are_refused_with_their_place),
		cmocka_unit_test(limits_hold_at_and_one_past),
		cmocka_unit_test(a_condition_knows_what_it_reads),
	};

	arena_init(&test_arena, 64 * 1024 * 1024);
	return cmocka_run_group_tests_name("policy conditions", tests, NULL, NULL);
}
