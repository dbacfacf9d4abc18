/* Documents: the seed's five load as they stand and decide as their text says; every valid one
 * loads; every wrong one is refused with the line, column and sentence in its first line; limits.
 */
#include "policy_test.h"

#include <dirent.h>

#define WORKING_TIME INT64_C(1767607200000) /* Monday 2026-01-05 10:00 UTC */
#define NIGHT (WORKING_TIME + 10 * 3600000)

static struct outcome decide(const struct document *const *documents, size_t count,
			     const struct evaluation *e)
{
	struct chain chain = { .count = count };
	struct outcome out;

	for (size_t i = 0; i < count; i++)
		chain.documents[i] = documents[i];
	evaluate(&chain, e, &out);
	return out;
}

static struct document *file_document(const char *path)
{
	struct str text = { 0 };

	if (!test_file_read(&test_arena, path, &text))
		fail_msg("%s does not read", path);
	return test_document(&test_arena, text.data);
}

static enum verdict tool_verdict(const struct document *d, const char *tool, const char *resource)
{
	struct evaluation e = { 0 };

	e.request.attributes[ATTRIBUTE_TOOL] = text_value(tool);
	if (resource)
		e.request.attributes[ATTRIBUTE_RESOURCE] = text_value(resource);
	return decide(&d, 1, &e).verdict;
}

/* [POL-1] "permit reads of the ledger over two companies, writes over only one of them but with
 * approval, and categorically prohibit any bank transfer" */
static void the_seeds_tool_policy_decides_as_its_text_says(void **state)
{
	(void)state;
	arena_reset(&test_arena);
	struct document *d = file_document("tests/policy/seed/tool-access.yaml");
	assert_int_equal(d->place, PLACE_AGENT);
	assert_true(str_is(d->node, "agent-finance-001"));
	assert_int_equal(tool_verdict(d, "ledger.read", "company-A"), VERDICT_ALLOW);
	assert_int_equal(tool_verdict(d, "ledger.read", "company-B"), VERDICT_ALLOW);
	assert_int_equal(tool_verdict(d, "ledger.read", "company-C"), VERDICT_DENY);
	assert_int_equal(tool_verdict(d, "ledger.read", NULL), VERDICT_DENY);
	assert_int_equal(tool_verdict(d, "ledger.write", "company-A"), VERDICT_REQUIRE_APPROVAL);
	assert_int_equal(tool_verdict(d, "ledger.write", "company-B"), VERDICT_DENY);
	assert_int_equal(tool_verdict(d, "bank.transfer", "company-A"), VERDICT_DENY);
	assert_int_equal(tool_verdict(d, "bank.balance", "company-A"), VERDICT_DENY);
}

static struct outcome data_outcome(const struct document *d, const char *in, const char *out)
{
	struct evaluation e = { 0 };
	static struct str items[2];
	struct outcome ret;

	items[0] = str_of(in ? in : "");
	items[1] = str_of(out ? out : "");
	e.request.attributes[ATTRIBUTE_TOOL] = text_value("any");
	if (in)
		e.request.attributes[ATTRIBUTE_DATA_IN] =
			(struct value){ .type = VALUE_LIST, .items = &items[0], .count = 1 };
	if (out)
		e.request.attributes[ATTRIBUTE_DATA_OUT] =
			(struct value){ .type = VALUE_LIST, .items = &items[1], .count = 1 };
	evaluate_document(d, &e, &ret);
	return ret;
}

static void the_seeds_data_policy_decides_as_its_text_says(void **state)
{
	struct outcome out;

	(void)state;
	arena_reset(&test_arena);
	struct document *d = file_document("tests/policy/seed/data-access.yaml");
	assert_int_equal(data_outcome(d, "pii.name", NULL).verdict, VERDICT_SILENT);
	assert_int_equal(data_outcome(d, "pii.name", NULL).in_allowed, 1);
	assert_int_equal(data_outcome(d, NULL, "pii.name").verdict, VERDICT_DENY);
	out = data_outcome(d, "pii.ssn", NULL);
	assert_int_equal(out.verdict, VERDICT_MODIFY);
	assert_int_equal(out.obligation_count, 1);
	assert_int_equal(out.obligations[0].kind, OBLIGATION_TOKENIZE);
	assert_true(str_is(out.obligations[0].subject, "pii.ssn"));
	assert_int_equal(data_outcome(d, "pii.financial", NULL).verdict, VERDICT_DENY);
	assert_int_equal(data_outcome(d, "internal.public", "internal.public").verdict,
			 VERDICT_SILENT);
	/* nothing by omission */
	assert_int_equal(data_outcome(d, "pii.birthday", NULL).in_allowed, 0);
}

static enum verdict temporal_verdict(const struct document *d, int64_t amount, int64_t time)
{
	struct evaluation e = { 0 };
	struct outcome out;

	e.request.attributes[ATTRIBUTE_TOOL] = text_value("trade");
	if (amount >= 0)
		e.request.attributes[ATTRIBUTE_AMOUNT] = number_value(amount);
	e.request.attributes[ATTRIBUTE_TIME] = time_value(time);
	evaluate_document(d, &e, &out);
	return out.verdict;
}

static void the_seeds_threshold_policy_decides_as_its_text_says(void **state)
{
	(void)state;
	arena_reset(&test_arena);
	struct document *d = file_document("tests/policy/seed/temporal-and-thresholds.yaml");
	assert_int_equal(temporal_verdict(d, 100000 * NUMBER_ONE, WORKING_TIME), VERDICT_SILENT);
	assert_int_equal(temporal_verdict(d, 100000 * NUMBER_ONE + 1, WORKING_TIME),
			 VERDICT_REQUIRE_APPROVAL);
	assert_int_equal(temporal_verdict(d, 1000000 * NUMBER_ONE, WORKING_TIME),
			 VERDICT_REQUIRE_APPROVAL);
	assert_int_equal(temporal_verdict(d, 1000000 * NUMBER_ONE + 1, WORKING_TIME), VERDICT_DENY);
	assert_int_equal(temporal_verdict(d, NUMBER_ONE, NIGHT), VERDICT_REQUIRE_APPROVAL);
	/* an amount that is not said could be any */
	assert_int_equal(temporal_verdict(d, -1, WORKING_TIME), VERDICT_DENY);
}

static enum verdict identity_verdict(const struct document *d, const char *user, const char *agent,
				     const char *method, const char *issuer)
{
	struct evaluation e = { .auth_method = str_of(method), .auth_issuer = str_of(issuer) };
	struct outcome out;

	e.request.attributes[ATTRIBUTE_TOOL] = text_value("any");
	if (user)
		e.request.attributes[ATTRIBUTE_USER] = text_value(user);
	e.request.attributes[ATTRIBUTE_AGENT_ID] = text_value("piopl_00001");
	e.request.attributes[ATTRIBUTE_AGENT_NAME] = text_value(agent);
	evaluate_document(d, &e, &out);
	return out.verdict;
}

static void the_seeds_identity_policy_decides_as_its_text_says(void **state)
{
	const char *agent = "agent-finance-001", *idp = "corporate-idp.example.com";

	(void)state;
	arena_reset(&test_arena);
	struct document *d = file_document("tests/policy/seed/identity.yaml");
	assert_int_equal(identity_verdict(d, "user-cfo", agent, "oauth2", idp), VERDICT_SILENT);
	assert_int_equal(identity_verdict(d, "user-controller", agent, "oauth2", idp),
			 VERDICT_SILENT);
	assert_int_equal(identity_verdict(d, "user-ceo", agent, "oauth2", idp), VERDICT_DENY);
	assert_int_equal(identity_verdict(d, "user-cfo", "agent-x", "oauth2", idp), VERDICT_DENY);
	assert_int_equal(identity_verdict(d, "user-cfo", agent, "session", idp), VERDICT_DENY);
	assert_int_equal(identity_verdict(d, "user-cfo", agent, "oauth2", "evil.example"),
			 VERDICT_DENY);
	assert_int_equal(identity_verdict(d, "user-cfo", agent, "", ""), VERDICT_DENY);
	assert_int_equal(identity_verdict(d, NULL, agent, "", ""), VERDICT_SILENT);
}

static struct outcome validation_outcome(const struct document *d, int64_t confidence,
					 const char *out_class, const struct detection *detection)
{
	struct evaluation e = { .detections = detection, .detection_count = detection ? 1 : 0 };
	static struct str class;
	struct outcome out;

	e.request.attributes[ATTRIBUTE_TOOL] = text_value("any");
	if (confidence >= 0)
		e.request.attributes[ATTRIBUTE_CONFIDENCE] = number_value(confidence);
	class = str_of(out_class ? out_class : "");
	if (out_class)
		e.request.attributes[ATTRIBUTE_DATA_OUT] =
			(struct value){ .type = VALUE_LIST, .items = &class, .count = 1 };
	evaluate_document(d, &e, &out);
	return out;
}

static void the_seeds_validation_policy_decides_as_its_text_says(void **state)
{
	struct detection injected = { STR("prompt-injection-check"), true, -1 };
	struct outcome out;

	(void)state;
	arena_reset(&test_arena);
	struct document *d = file_document("tests/policy/seed/validation.yaml");
	assert_int_equal(validation_outcome(d, 950000, NULL, NULL).verdict, VERDICT_SILENT);
	assert_int_equal(validation_outcome(d, 949999, NULL, NULL).verdict, VERDICT_DENY);
	assert_int_equal(validation_outcome(d, -1, NULL, NULL).verdict, VERDICT_DENY);
	out = validation_outcome(d, 950000, NULL, &injected);
	assert_int_equal(out.verdict, VERDICT_DENY);
	assert_int_equal(out.obligations[0].kind, OBLIGATION_ALERT);
	injected.detected = false;
	assert_int_equal(validation_outcome(d, 950000, NULL, &injected).verdict, VERDICT_SILENT);
	out = validation_outcome(d, 950000, "pii.ssn", NULL);
	assert_int_equal(out.verdict, VERDICT_MODIFY);
	out = validation_outcome(d, 950000, "financial.account", NULL);
	assert_int_equal(out.verdict, VERDICT_MODIFY);
	out = validation_outcome(d, 950000, "internal.public", NULL);
	assert_int_equal(out.verdict, VERDICT_SILENT);
	assert_int_equal(out.obligation_count, 2); /* two scans are still to be made */
}

static size_t each_file(const char *folder, void (*one)(const char *path))
{
	DIR *dir = opendir(folder);
	size_t count = 0;
	char path[600];

	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));) {
		if (!strstr(e->d_name, ".yaml") || strstr(e->d_name, ".test.yaml"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		arena_reset(&test_arena);
		one(path);
		count++;
	}
	closedir(dir);
	return count;
}

static void one_valid(const char *path)
{
	struct document *d = file_document(path);

	for (size_t i = 0; i < d->rule_count; i++)
		assert_true(rule_words(d, &d->rules[i], &test_arena).size > 0);
}

static void every_valid_document_loads(void **state)
{
	(void)state;
	assert_true(each_file("tests/policy/valid", one_valid) >= 30);
	assert_true(each_file("services/policy/catalog", one_valid) >= 6);
	assert_true(each_file("services/policy/catalog/studio", one_valid) >= 6);
}

static void one_wrong(const char *path)
{
	struct problem problem = { 0 };
	struct document *document;
	struct str text = { 0 }, first, rest;
	char found[1024];

	assert_true(test_file_read(&test_arena, path, &text));
	enum st st = document_load(&test_arena, text, test_environment(), &document, &problem);
	if (st != ST_POLICY_INVALID && st != ST_YAML_INVALID)
		fail_msg("%s: %s", path, st_info(st)->code);
	assert_true(str_cut(text, '\n', &first, &rest));
	snprintf(found, sizeof(found), "# %s: %s", problem.pointer, problem.detail);
	if (!str_is(first, found))
		fail_msg("%s: %s", path, found);
}

/* [POL-2] "refused when the document is loaded, with line and column" */
static void every_wrong_document_is_refused_with_its_place_and_sentence(void **state)
{
	(void)state;
	assert_true(each_file("tests/policy/wrong", one_wrong) >= 60);
}

/* [POL-9] the starter catalog has all five types */
static unsigned catalog_types;

static void one_catalog(const char *path)
{
	struct document *d = file_document(path);

	assert_int_equal(d->place, PLACE_ROOT);
	assert_true(d->id.size > 0 && d->title.size > 0);
	catalog_types |= 1u << d->type;
}

static void the_starter_catalog_has_all_types(void **state)
{
	(void)state;
	each_file("services/policy/catalog", one_catalog);
	assert_int_equal(catalog_types, (1u << POLICY_TYPE_COUNT) - 1);
}

static struct problem load_many(size_t rules, const char *rule, size_t pad)
{
	struct problem problem = { 0 };
	struct document *document;
	struct buf buf;

	arena_reset(&test_arena);
	buf_init(&buf, &test_arena, 1024);
	buf_add_c(&buf, "policy:\n  type: tool-access\n  root: true\n  tools:\n");
	for (size_t i = 0; i < rules; i++)
		buf_printf(&buf, rule, i);
	buf_printf(&buf, "#%*s\n", (int)pad, "");
	problem.st =
		document_load(&test_arena, buf_str(&buf), test_environment(), &document, &problem);
	return problem;
}

static void limits_of_documents_hold_at_and_one_past(void **state)
{
	const char *rule = "    - {name: tool.%zu, allow: true}\n";

	(void)state;
	assert_int_equal(load_many(DOCUMENT_RULES_MAX, rule, 0).st, ST_OK);
	assert_int_equal(load_many(DOCUMENT_RULES_MAX + 1, rule, 0).st, ST_POLICY_INVALID);
	/* head 48, rule 35, "#" and "\n" */
	size_t rest = DOCUMENT_BYTES_MAX -
		      strlen("policy:\n  type: tool-access\n  root: true\n"
			     "  tools:\n") -
		      strlen("    - {name: tool.0, allow: true}\n") - 2;
	assert_int_equal(load_many(1, rule, rest).st, ST_OK);
	assert_int_equal(load_many(1, rule, rest + 1).st, ST_MESSAGE_TOO_LARGE);
}

static void rules_are_told_in_words(void **state)
{
	(void)state;
	arena_reset(&test_arena);
	struct document *d = test_document(
		&test_arena, "policy:\n  type: tool-access\n  root: true\n  tools:\n"
			     "    - name: a.b\n      allow: true\n      scope: [x, y]\n"
			     "      require_approval: true\n      amount_max: 1.5\n");
	assert_string_equal(rule_words(d, &d->rules[0], &test_arena).data,
			    "line 5: tool a.b over x, y is allowed with a human's approval, up to "
			    "1.5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_seeds_tool_policy_decides_as_its_text_says),
		cmocka_unit_test(the_seeds_data_policy_decides_as_its_text_says),
		cmocka_unit_test(the_seeds_threshold_policy_decides_as_its_text_says),
		cmocka_unit_test(the_seeds_identity_policy_decides_as_its_text_says),
		cmocka_unit_test(the_seeds_validation_policy_decides_as_its_text_says),
		cmocka_unit_test(every_valid_document_loads),
		cmocka_unit_test(every_wrong_document_is_refused_with_its_place_and_sentence),
		cmocka_unit_test(the_starter_catalog_has_all_types),
		cmocka_unit_test(limits_of_documents_hold_at_and_one_past),
		cmocka_unit_test(rules_are_told_in_words),
	};

	arena_init(&test_arena, 256 * 1024 * 1024);
	return cmocka_run_group_tests_name("policy documents", tests, NULL, NULL);
}
