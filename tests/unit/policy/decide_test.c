/* The order of checks, each at its limit and one past. [POL-11] */
#include "policy_test.h"
#include "services/policy/decide.h"

struct world {
	struct agent agent;
	struct evaluation e;
	struct decide_input in;
	int64_t taken, room;
};

static struct world w;
static struct str class_out;
static const struct str endpoints[] = { STR("shop.example") };
static const struct str never[] = { STR("customer_pii"), STR("secret") };

static bool take(void *context, struct str subject, const struct rate_limit *rate)
{
	struct world *world = context;

	(void)subject;
	(void)rate;
	return world->taken++ < world->room;
}

static const char tools[] = "policy:\n  id: t\n  type: tool-access\n  root: true\n  tools:\n"
			    "    - {name: read.it, allow: true}\n"
			    "    - {name: buy.it, allow: true, rate_limit: 2 per 1m}\n";
static const char data[] = "policy:\n  id: d\n  type: data-access\n  root: true\n  data_classes:\n"
			   "    - {class: \"*\", allow: read-write}\n";
static const char grants[] =
	"crudlex:\n  id: g\n  root: true\n  tools:\n"
	"    - {name: read.it, operation: read, risk: low}\n"
	"    - {name: buy.it, operation: execute, reversible: true, phase: 2, "
	"risk: medium}\n"
	"  agents:\n    - {agent: \"*\", standing: true, resource: \"*\", level: "
	"FULL}\n"
	"  contexts:\n    - {resource: \"*\", level: FULL}\n";

/* All in order: an agent of tier 1 that buys something for 5 of 10. */
static void reset(const char *tool)
{
	memset(&w, 0, sizeof(w));
	arena_reset(&test_arena);
	w.agent = (struct agent){ .id = STR("piopl_00001"),
				  .name = STR("a"),
				  .role = STR("r"),
				  .unit = STR("u"),
				  .constitution_hash = STR("sha256:1"),
				  .tier = 1,
				  .state = AGENT_ACTIVE,
				  .can_send_to = { endpoints, 1 },
				  .never_sends = { never, 2 },
				  .spend_max = 10 * NUMBER_ONE,
				  .currency = "GBP",
				  .floor = 850000 };
	w.agent.chain.count = 3;
	w.agent.chain.documents[0] = test_document(&test_arena, tools);
	w.agent.chain.documents[1] = test_document(&test_arena, data);
	w.agent.chain.documents[2] = test_document(&test_arena, grants);
	w.room = 100;
	w.in = (struct decide_input){ .approver_roles = APPROVER_ROLES_ALL,
				      .agent = &w.agent,
				      .constitution_hash = STR("sha256:1"),
				      .evaluation = &w.e,
				      .currency = STR("GBP"),
				      .spent_today = 5 * NUMBER_ONE,
				      .phase = 2,
				      .take = take,
				      .take_context = &w };
	crudlex_declaration(w.agent.chain.documents, 3, str_of(tool), &w.in.tool);
	struct value *a = w.e.request.attributes;
	a[ATTRIBUTE_TOOL] = text_value(tool);
	a[ATTRIBUTE_OPERATION] = text_value(crudlex_operation_name(w.in.tool.operation));
	a[ATTRIBUTE_RESOURCE] = text_value("x");
	a[ATTRIBUTE_AMOUNT] = number_value(5 * NUMBER_ONE);
	a[ATTRIBUTE_CONFIDENCE] = number_value(850000);
}

static struct decision run(void)
{
	static struct decision decision;

	decide(&w.in, &test_arena, &decision);
	return decision;
}

static void passes(void)
{
	struct decision d = run();

	struct str words = d.note_count > 0 ? d.notes[0].words : STR("by policy");

	if (d.verdict != VERDICT_ALLOW)
		fail_msg("%s: %.*s", verdict_name(d.verdict), STR_ARG(words));
}

static void fails(enum check check)
{
	struct decision d = run();

	assert_int_equal(d.verdict, VERDICT_DENY);
	assert_int_equal(d.reserve, 0);
	if (check == CHECK_POLICY) {
		assert_true(d.evaluated && d.outcome.verdict == VERDICT_DENY);
		return;
	}
	assert_int_equal(d.note_count, 1);
	assert_int_equal(d.notes[0].check, check);
	assert_true(d.notes[0].words.size > 0);
}

static void each_check_denies_at_its_limit(void **state)
{
	(void)state;
	reset("buy.it");
	passes();
	assert_true(run().reserve == 5 * NUMBER_ONE);

	w.in.agent = NULL;
	fails(CHECK_AGENT);
	reset("buy.it");
	for (unsigned s = AGENT_PENDING; s <= AGENT_TERMINATED; s++) {
		w.agent.state = (enum agent_state)s;
		if (s != AGENT_ACTIVE)
			fails(CHECK_AGENT);
	}
	reset("buy.it");
	w.in.constitution_hash = STR("");
	fails(CHECK_CONSTITUTION);
	w.in.constitution_hash = STR("sha256:2");
	fails(CHECK_CONSTITUTION);
	reset("buy.it");
	w.in.said_constitution_hash = STR("sha256:2");
	fails(CHECK_CONSTITUTION);
	w.in.said_constitution_hash = STR("sha256:1");
	passes();
}

static void tokens_are_needed_valid_and_of_enough_risk(void **state)
{
	(void)state;
	reset("buy.it");
	w.in.token = (struct token_answer){ .required = true };
	fails(CHECK_TOKEN);
	w.in.token.given = true;
	w.in.token.st = ST_TOKEN_EXPIRED;
	fails(CHECK_TOKEN);
	w.in.token.st = ST_OK;
	w.in.token.risk = 1; /* the tool is of medium risk */
	fails(CHECK_TOKEN);
	w.in.token.risk = 2;
	passes();
	w.in.token.amount_limited = true;
	w.in.token.amount_max = 10 * NUMBER_ONE;
	passes();
	w.in.token.amount_max = 10 * NUMBER_ONE - 1;
	fails(CHECK_SPEND_CAP);
}

static void tiers_bound_risk_and_spending(void **state)
{
	static const uint32_t steward = APPROVER_BIT(1);

	(void)state;
	reset("buy.it");
	w.agent.tier = 0;
	fails(CHECK_TIER);
	reset("read.it");
	w.agent.tier = 0;
	fails(CHECK_TIER); /* an amount */
	w.e.request.attributes[ATTRIBUTE_AMOUNT] = number_value(0);
	passes();
	reset("buy.it");
	w.in.tool.risk = 3;
	fails(CHECK_TIER);
	w.agent.tier = 2;
	passes();
	w.in.tool.reversible = false; /* a human looks at what cannot be undone */
	assert_int_equal(run().verdict, VERDICT_REQUIRE_APPROVAL);
	w.in.approved = true;
	w.in.approving = &steward;
	w.in.approving_count = 1;
	passes();
	/* old news: high risk only */
	w.in.stale = true;
	fails(CHECK_AGENT);
	w.in.tool.risk = 2;
	passes();
}

static void what_goes_out_is_bounded(void **state)
{
	(void)state;
	reset("buy.it");
	w.e.request.attributes[ATTRIBUTE_ENDPOINT] = text_value("shop.example");
	passes();
	w.e.request.attributes[ATTRIBUTE_ENDPOINT] = text_value("shop.example.evil");
	fails(CHECK_ENDPOINT);
	static const char *const classes[] = { "customer_pii", "secret", "secret.key" };
	for (size_t i = 0; i < 3; i++) {
		reset("buy.it");
		class_out = str_of(classes[i]);
		w.e.request.attributes[ATTRIBUTE_DATA_OUT] =
			(struct value){ .type = VALUE_LIST, .items = &class_out, .count = 1 };
		fails(CHECK_NEVER_SENDS);
	}
	class_out = STR("secrets");
	passes();
}

static void spending_stops_at_the_cap(void **state)
{
	(void)state;
	reset("buy.it");
	w.in.spent_today = 5 * NUMBER_ONE + 1;
	fails(CHECK_SPEND_CAP);
	w.in.spent_today = INT64_MAX;
	fails(CHECK_SPEND_CAP);
	reset("buy.it");
	w.in.currency = STR("EUR");
	fails(CHECK_SPEND_CAP);
	reset("buy.it");
	w.e.request.attributes[ATTRIBUTE_AMOUNT] = number_value(-1);
	fails(CHECK_SPEND_CAP);
}

static void output_below_the_floor_is_halted(void **state)
{
	(void)state;
	reset("buy.it");
	w.e.request.attributes[ATTRIBUTE_CONFIDENCE] = number_value(849999);
	fails(CHECK_CONFIDENCE_FLOOR);
	w.e.request.attributes[ATTRIBUTE_CONFIDENCE] = (struct value){ 0 };
	fails(CHECK_CONFIDENCE_FLOOR);
	reset("read.it");
	w.e.request.attributes[ATTRIBUTE_CONFIDENCE] = (struct value){ 0 };
	passes();
}

static void operations_policies_rates_and_phases_come_last(void **state)
{
	(void)state;
	reset("buy.it");
	w.in.operation = CRUDLEX_READ;
	fails(CHECK_CRUDLEX);
	w.in.operation = CRUDLEX_EXECUTE;
	passes();
	w.e.request.attributes[ATTRIBUTE_USER] = text_value("somebody");
	fails(CHECK_CRUDLEX);
	reset("other.tool");
	w.in.tool.risk = 1;
	fails(CHECK_POLICY);
	reset("buy.it");
	w.room = 0;
	fails(CHECK_RATE_LIMIT);
	reset("read.it");
	w.room = 0;
	passes(); /* has no rate */
	w.agent.throttled = true;
	fails(CHECK_RATE_LIMIT);
	reset("buy.it");
	w.in.phase = 1;
	fails(CHECK_PHASE);
}

/* What fails first is named, whatever else would fail. */
static void the_order_of_checks_is_the_specifications(void **state)
{
	(void)state;
	reset("buy.it");
	w.in.phase = 1;
	fails(CHECK_PHASE);
	w.room = 0;
	fails(CHECK_RATE_LIMIT);
	w.in.operation = CRUDLEX_READ;
	fails(CHECK_CRUDLEX);
	w.e.request.attributes[ATTRIBUTE_CONFIDENCE] = number_value(0);
	fails(CHECK_CONFIDENCE_FLOOR);
	w.in.spent_today = 10 * NUMBER_ONE;
	fails(CHECK_SPEND_CAP);
	class_out = STR("secret");
	w.e.request.attributes[ATTRIBUTE_DATA_OUT] =
		(struct value){ .type = VALUE_LIST, .items = &class_out, .count = 1 };
	fails(CHECK_NEVER_SENDS);
	w.e.request.attributes[ATTRIBUTE_ENDPOINT] = text_value("evil");
	fails(CHECK_ENDPOINT);
	w.agent.tier = 0;
	fails(CHECK_TIER);
	w.in.token.required = true;
	fails(CHECK_TOKEN);
	w.in.constitution_hash = STR("sha256:9");
	fails(CHECK_CONSTITUTION);
	w.agent.state = AGENT_PAUSED;
	fails(CHECK_AGENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_check_denies_at_its_limit),
		cmocka_unit_test(tokens_are_needed_valid_and_of_enough_risk),
		cmocka_unit_test(tiers_bound_risk_and_spending),
		cmocka_unit_test(what_goes_out_is_bounded),
		cmocka_unit_test(spending_stops_at_the_cap),
		cmocka_unit_test(output_below_the_floor_is_halted),
		cmocka_unit_test(operations_policies_rates_and_phases_come_last),
		cmocka_unit_test(the_order_of_checks_is_the_specifications),
	};

	arena_init(&test_arena, 256 * 1024 * 1024);
	return cmocka_run_group_tests_name("policy checks", tests, NULL, NULL);
}
