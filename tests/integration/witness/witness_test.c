/* witness_test.c: starts a service on a bus with accounts and lets an outside program (witness.mjs,
 * Node, its own NATS client and cryptography) read it by the generated document alone.
 * [PLT-1] [PLT-4] [PLT-5] [PLT-6] */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "probe/gen/probe.h"
#include "tests/lib/accounts.h"
#include "tests/lib/fleet.h"
#include "tests/lib/load.h"

#define WITNESS_MS_MAX 60000
#define INSTALL_MS_MAX 60000

/* Its libraries, as the lock file has them. */
static void witness_install(struct stack *stack)
{
	static const char *const argv[] = { "sh", "-c",
					    "test -d node_modules || npm ci --no-audit --no-fund",
					    NULL };
	char folder[512];
	int status = -1;

	snprintf(folder, sizeof(folder), "%s/tests/integration/witness", harness_root_folder());
	assert_int_equal(chdir(folder), 0);
	pid_t pid = harness_spawn(stack->harness, argv, NULL, "install.log");
	assert_true(harness_wait_exit(stack->harness, pid, INSTALL_MS_MAX, &status));
	assert_int_equal(status, 0);
}

static void log_show(struct stack *stack, const char *name)
{
	char *log = stack_log(stack, name);

	printf("%s", log);
	free(log);
}

static void witness_run(struct stack *stack, const char *document, int64_t events)
{
	static const char *const argv[] = { "node", "witness.mjs", NULL };
	const char *folder = harness_folder(stack->harness);
	char texts[7][600];
	const char *env[8];
	int status = -1;

	snprintf(texts[0], sizeof(texts[0]), "WITNESS_URL=%s", harness_nats_url(stack->harness));
	snprintf(texts[1], sizeof(texts[1]), "WITNESS_DOCUMENT=%s/%s", harness_build_folder(),
		 document);
	snprintf(texts[2], sizeof(texts[2]), "WITNESS_SEED_EXTERNAL=%s/external.seed", folder);
	snprintf(texts[3], sizeof(texts[3]), "WITNESS_SEED_TERMINAL=%s/terminal.seed", folder);
	snprintf(texts[4], sizeof(texts[4]), "WITNESS_KEYS=%s", stack->keyring_path);
	snprintf(texts[5], sizeof(texts[5]), "WITNESS_ROOT=%s", stack->root_path);
	snprintf(texts[6], sizeof(texts[6]), "WITNESS_EVENTS=%lld", (long long)events);
	for (int i = 0; i < 7; i++)
		env[i] = texts[i];
	env[7] = NULL;
	pid_t pid = harness_spawn(stack->harness, argv, env, "witness.log");
	bool ended = harness_wait_exit(stack->harness, pid, WITNESS_MS_MAX, &status);
	log_show(stack, "witness");
	assert_true(ended);
	assert_int_equal(status, 0);
}

static void stack_open(struct stack *stack, const char *name, const char *permissions)
{
	const char *const names[] = { name, NULL };
	char path[600];

	stack_start(stack, &(struct harness_options){ .postgres = true, .nats = true }, names);
	snprintf(path, sizeof(path), "%s/%s", harness_build_folder(), permissions);
	accounts_start(stack, path);
	const char *const env[] = { accounts_env(stack, name), NULL };
	stack_service_start(stack, name, env);
	witness_install(stack);
}

static int64_t published(struct stack *stack, const char *name)
{
	char sql[200];

	snprintf(sql, sizeof(sql),
		 "SELECT CASE WHEN published = (SELECT count(*) FROM %s.outbox) THEN published "
		 "ELSE 0 "
		 "END FROM %s.relay",
		 name, name);
	for (int i = 0; i < 500; i++) {
		int64_t count = harness_sql_i64(stack->harness, sql);
		if (count > 0)
			return count;
		usleep(20000);
	}
	return 0;
}

static void an_outside_program_reads_the_probe_by_its_document(void **state)
{
	struct probe_item_put_reply put;
	struct probe_items_put_reply many;
	struct problem problem = { 0 };
	struct stack stack;

	(void)state;
	stack_open(&stack, "probe", "probe/gen/nats-permissions.json");
	/* batches of one, of a few and full ones; letters of more than one byte */
	for (int i = 0; i < 20; i++) {
		char name[64];
		snprintf(name, sizeof(name), "one by one %d \xc3\xa9\xe2\x82\xac", i);
		assert_int_equal(stack_call(&stack, &CALL_PROBE_ITEM_PUT,
					    &(struct probe_item_put_request){ .name = str_of(name),
									      .has_tell = true,
									      .tell = true },
					    &put, &problem),
				 ST_OK);
	}
	assert_int_equal(stack_call(&stack, &CALL_PROBE_ITEMS_PUT,
				    &(struct probe_items_put_request){ .prefix = STR("many"),
								       .count = 1500 },
				    &many, &problem),
			 ST_OK);
	int64_t events = published(&stack, "probe");
	assert_int_equal(events, 1520);
	witness_run(&stack, "probe/gen/asyncapi/probe.json", events);
	stack_stop(&stack);
}

static void an_outside_program_reads_the_registry_by_its_document(void **state)
{
	struct stack stack;
	struct fleet fleet;

	(void)state;
	stack_open(&stack, "registry", "gen/nats-permissions.json");
	fleet_found(&fleet, &stack);
	fleet_agents(&fleet, 30, "witnessed");
	int64_t events = published(&stack, "registry");
	assert_true(events > 30);
	witness_run(&stack, "gen/asyncapi/registry.json", events);
	stack_stop(&stack);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_outside_program_reads_the_probe_by_its_document),
		cmocka_unit_test(an_outside_program_reads_the_registry_by_its_document),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
