/* start_test.c: a service that cannot start right does not start: a wrong value, key, list or
 * schema ends it with one line that says which and what would be right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "probe/gen/probe.h"
#include "tests/lib/stack.h"

static struct stack stack;

static int group_start(void **state)
{
	static const char *const names[] = { "probe", NULL };

	(void)state;
	stack_start(&stack, &(struct harness_options){ .postgres = true, .nats = true }, names);
	return 0;
}

static int group_stop(void **state)
{
	(void)state;
	stack_stop(&stack);
	return 0;
}

/* What it said when it refused; allocated. */
static char *refused_words(const char *const *env)
{
	struct stack_service *service = stack_service_get(&stack, "probe");
	char path[512];
	int status = 0;

	snprintf(path, sizeof(path), "%s/probe.log", harness_folder(stack.harness));
	unlink(path);
	stack_service_spawn(&stack, "probe", env);
	if (!harness_wait_exit(stack.harness, service->pid, 15000, &status)) {
		harness_kill9(stack.harness, service->pid);
		service->pid = 0;
		fail_msg("it starts with %s: %s", env ? env[0] : "this schema",
			 stack_log(&stack, "probe"));
	}
	service->pid = 0;
	char *words = stack_log(&stack, "probe");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 2)
		fail_msg("wait status %d with %s: %s", status, env ? env[0] : "this schema", words);
	return words;
}

static void assert_one_line(const char *words, const char *about)
{
	const char *end = strchr(words, '\n');

	if (strncmp(words, "piopl-probe: ", 13) != 0 || !end || end[1] != 0)
		fail_msg("not one line about %s: %s", about, words);
}

static void assert_says(const char *words, const char *what, const char *about)
{
	if (!strstr(words, what))
		fail_msg("nothing of \"%s\" about %s: %s", what, about, words);
}

/* The setting, and what the refusal has to name. */
static const struct {
	const char *setting, *variable, *range;
} wrong[] = {
	{ "PIOPL_WORKERS=0", "PIOPL_WORKERS", "48" },
	{ "PIOPL_WORKERS=49", "PIOPL_WORKERS", "48" },
	{ "PIOPL_WORKERS=-1", "PIOPL_WORKERS", "1" },
	{ "PIOPL_WORKERS=two", "PIOPL_WORKERS", "48" },
	{ "PIOPL_WORKERS=2.5", "PIOPL_WORKERS", "48" },
	{ "PIOPL_WORKERS=99999999999999999999", "PIOPL_WORKERS", "48" },
	{ "PIOPL_PROBE_WORKERS=0", "PIOPL_PROBE_WORKERS", "48" },
	{ "PIOPL_HTTP_PORT=-1", "PIOPL_HTTP_PORT", "65535" },
	{ "PIOPL_HTTP_PORT=65536", "PIOPL_HTTP_PORT", "65535" },
	{ "PIOPL_HTTP_PORT=http", "PIOPL_HTTP_PORT", "65535" },
	{ "PIOPL_MAILBOX=0", "PIOPL_MAILBOX", "65536" },
	{ "PIOPL_MAILBOX=65537", "PIOPL_MAILBOX", "65536" },
	{ "PIOPL_RELAY_BATCH=0", "PIOPL_RELAY_BATCH", "512" },
	{ "PIOPL_RELAY_BATCH=513", "PIOPL_RELAY_BATCH", "512" },
	{ "PIOPL_DRAIN=99ms", "PIOPL_DRAIN", "100ms" },
	{ "PIOPL_DRAIN=601s", "PIOPL_DRAIN", "10m" },
	{ "PIOPL_DRAIN=soon", "PIOPL_DRAIN", "100ms" },
	{ "PIOPL_STUCK=999ms", "PIOPL_STUCK", "1s" },
	{ "PIOPL_STUCK=61m", "PIOPL_STUCK", "1h" },
	{ "PIOPL_OUTBOX_KEEP=59s", "PIOPL_OUTBOX_KEEP", "1m" },
	{ "PIOPL_OUTBOX_KEEP=-1d", "PIOPL_OUTBOX_KEEP", "1m" },
	{ "PIOPL_LOG_LEVEL=loud", "PIOPL_LOG_LEVEL", "debug" },
	{ "PIOPL_DEVELOPMENT=perhaps", "PIOPL_DEVELOPMENT", "true" },
	{ "PIOPL_HTTP_ANY_ADDRESS=2", "PIOPL_HTTP_ANY_ADDRESS", "false" },
	{ "PIOPL_DATABASE=", "PIOPL_DATABASE", "511" },
	{ "PIOPL_SIGNING_KEY_FILE=", "PIOPL_SIGNING_KEY_FILE", "255" },
	{ "PIOPL_KEYRING_FILE=", "PIOPL_KEYRING_FILE", "255" },
	{ "PIOPL_SIGNING_KEY_FILE=/no/such/key", "/no/such/key", "" },
	{ "PIOPL_KEYRING_FILE=/no/such/list", "/no/such/list", "" },
	{ "PIOPL_ROOT_PUBLIC_KEY_FILE=/no/such/root", "PIOPL_ROOT_PUBLIC_KEY_FILE",
	  "/no/such/root" },
	{ "PIOPL_ROOT_PUBLIC_KEY_FILE=/etc/hostname", "PIOPL_ROOT_PUBLIC_KEY_FILE", "base64" },
	{ "PIOPL_CONFIG_FILE=/no/such/file", "/no/such/file", "" },
};

/* [PLT-13] */
static void each_wrong_value_refuses_to_start_with_one_line_that_names_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const char *const env[] = { wrong[i].setting, NULL };
		char *words = refused_words(env);
		assert_one_line(words, wrong[i].setting);
		assert_says(words, wrong[i].variable, wrong[i].setting);
		assert_says(words, wrong[i].range, wrong[i].setting);
		free(words);
	}
}

static void a_bus_key_that_is_not_there_refuses_to_start(void **state)
{
	static const char *const env[] = { "PIOPL_NKEY_FILE=/no/such/seed", NULL };

	(void)state;
	char *words = refused_words(env);
	assert_says(words, "PIOPL_NKEY_FILE", env[0]);
	assert_says(words, "/no/such/seed", env[0]);
	free(words);
}

/* [PLT-6] */
static void a_key_list_of_another_root_refuses_to_start(void **state)
{
	char path[512], setting[600], text[PUBLIC_KEY_TEXT_SIZE];
	struct signing_key other;

	(void)state;
	signing_key_generate(&other);
	base64_encode(other.public_key, PUBLIC_KEY_BYTES, text);
	snprintf(path, sizeof(path), "%s/other.pub", harness_folder(stack.harness));
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	snprintf(setting, sizeof(setting), "PIOPL_ROOT_PUBLIC_KEY_FILE=%s", path);
	const char *const env[] = { setting, NULL };
	char *words = refused_words(env);
	assert_one_line(words, "another root");
	assert_says(words, "root key", "another root");
	free(words);
}

static void a_port_that_is_taken_refuses_to_start(void **state)
{
	char setting[64];

	(void)state;
	snprintf(setting, sizeof(setting), "PIOPL_HTTP_PORT=%d", harness_nats_port(stack.harness));
	const char *const env[] = { setting, NULL };
	char *words = refused_words(env);
	assert_says(words, "PIOPL_HTTP_PORT", setting);
	free(words);
}

static void assert_schema_refused(const char *what, const char *hint)
{
	char *words = refused_words(NULL);

	assert_one_line(words, what);
	assert_says(words, "schema", what);
	assert_says(words, hint, what);
	free(words);
}

/* [PLT-16] */
static void another_schema_than_the_program_knows_refuses_to_start(void **state)
{
	(void)state;
	harness_sql(stack.harness, "CREATE TABLE public.kept AS SELECT * FROM probe.migration");
	harness_sql(stack.harness,
		    "INSERT INTO probe.migration (set, number, name, checksum, applied_at) SELECT "
		    "'service', 2, '0002_newer.sql', checksum, applied_at FROM probe.migration "
		    "LIMIT 1");
	assert_schema_refused("a newer schema", "the database is newer");
	harness_sql(stack.harness, "DELETE FROM probe.migration WHERE name = '0002_newer.sql'");
	harness_sql(stack.harness, "DELETE FROM probe.migration WHERE set <> 'library'");
	assert_schema_refused("an older schema", "run piopl migrate");
	harness_sql(stack.harness, "DELETE FROM probe.migration");
	assert_schema_refused("a schema that was never migrated", "run piopl migrate");
	harness_sql(stack.harness, "INSERT INTO probe.migration SELECT * FROM public.kept");
	/* a table that is not as recorded: statements do not prepare */
	harness_sql(stack.harness, "ALTER TABLE probe.item RENAME COLUMN value TO worth");
	char *words = refused_words(NULL);
	assert_says(words, "probe_", "a changed table");
	free(words);
	harness_sql(stack.harness, "ALTER TABLE probe.item RENAME COLUMN worth TO value");
	stack_service_start(&stack, "probe", NULL);
	assert_int_equal(stack_service_stop(&stack, "probe"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_wrong_value_refuses_to_start_with_one_line_that_names_it),
		cmocka_unit_test(a_bus_key_that_is_not_there_refuses_to_start),
		cmocka_unit_test(a_key_list_of_another_root_refuses_to_start),
		cmocka_unit_test(a_port_that_is_taken_refuses_to_start),
		cmocka_unit_test(another_schema_than_the_program_knows_refuses_to_start),
	};

	return cmocka_run_group_tests(tests, group_start, group_stop);
}
