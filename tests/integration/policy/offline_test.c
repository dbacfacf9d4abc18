/* Policies tried without a server: `piopl-policy test`. [POL-7] */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/harness.h"

static char output[64 * 1024];
static char folder[] = "/tmp/piopl-policy-XXXXXX";

static int policy_test(const char *path)
{
	char command[2048];

	snprintf(command, sizeof(command), "%s/bin/piopl-policy test %s 2>&1",
		 harness_build_folder(), path);
	FILE *out = popen(command, "r");
	assert_non_null(out);
	output[fread(output, 1, sizeof(output) - 1, out)] = 0;
	return WEXITSTATUS(pclose(out));
}

static void file_put(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void the_starter_catalog_passes_its_tests(void **state)
{
	char path[1200];

	(void)state;
	snprintf(path, sizeof(path), "%s/services/policy/catalog", harness_root_folder());
	if (policy_test(path) != 0)
		fail_msg("%s", output);
	assert_non_null(strstr(output, "27 of 30 rules covered"));
	assert_non_null(strstr(output, ", 0 failed"));
	snprintf(path, sizeof(path), "%s/services/policy/catalog/studio", harness_root_folder());
	if (policy_test(path) != 0)
		fail_msg("%s", output);
	assert_non_null(strstr(output, "8 of 8 rules covered"));
}

static void a_wrong_expectation_fails_with_the_rules_that_decided(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	file_put("a.yaml", "policy:\n  id: a\n  type: tool-access\n  root: true\n  tools:\n"
			   "    - {name: x, allow: true}\n    - {name: y, allow: false}\n");
	file_put("a.test.yaml", "tests:\n  - {name: one, request: {tool: x}, expect: deny}\n");
	assert_int_equal(policy_test(folder), 1);
	assert_non_null(strstr(output, "a.test.yaml: one: allow, not deny"));
	assert_non_null(strstr(output, "not covered: a, line 7"));
	file_put("a.test.yaml",
		 "tests:\n  - {name: one, request: {tool: x}, expect: allow, rule: \"a:7\"}\n");
	assert_int_equal(policy_test(folder), 1);
	assert_non_null(strstr(output, "rule a:7 did not decide"));
	file_put("a.test.yaml",
		 "tests:\n  - {name: one, request: {tool: x}, expect: allow, rule: \"a:6\"}\n");
	assert_int_equal(policy_test(folder), 0);
}

static void a_mistake_is_told_with_its_place(void **state)
{
	(void)state;
	file_put("a.test.yaml",
		 "tests:\n  - name: one\n    request: {tol: x}\n    expect: allow\n");
	assert_int_equal(policy_test(folder), 2);
	assert_non_null(
		strstr(output, "a.test.yaml: line 3, column 20: \"tol\" is not an attribute"));
	file_put("b.yaml", "policy: 1\n");
	assert_int_equal(policy_test(folder), 2);
	assert_non_null(strstr(output, "b.yaml: line 1, column 9"));
	file_put("b.yaml", "");
	char command[128];
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_starter_catalog_passes_its_tests),
		cmocka_unit_test(a_wrong_expectation_fails_with_the_rules_that_decided),
		cmocka_unit_test(a_mistake_is_told_with_its_place),
	};

	return cmocka_run_group_tests_name("policy offline", tests, NULL, NULL);
}
