#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"

enum colour { RED, GREEN, BLUE };

struct library {
	int64_t workers;
	char url[32];
};

struct own {
	char name[16];
	char path[32];
	int64_t ttl_ms;
	bool strict;
	enum colour colour;
	char password[16];
	int64_t any;
};

static const char *const colours[] = { "red", "green", "blue", NULL };

static const struct config_field library_fields[] = {
	{ "workers", CONFIG_I64, CONFIG_MEMBER(struct library, workers), "4", 1, 64, NULL,
	  "processes that answer calls" },
	{ "nats_url", CONFIG_TEXT, CONFIG_MEMBER(struct library, url), "nats://localhost", 3, 31,
	  NULL, "where the bus is" },
	{ 0 },
};

static const struct config_field own_fields[] = {
	{ "name", CONFIG_TEXT, CONFIG_MEMBER(struct own, name), NULL, 0, 0, NULL, "what it is" },
	{ "data_dir", CONFIG_PATH, CONFIG_MEMBER(struct own, path), "", 0, 0, NULL, "where it is" },
	{ "ttl", CONFIG_DURATION_MS, CONFIG_MEMBER(struct own, ttl_ms), "15m", 1000, 86400000, NULL,
	  "how long a token lives" },
	{ "strict", CONFIG_BOOL, CONFIG_MEMBER(struct own, strict), "true", 0, 0, NULL, "or not" },
	{ "colour", CONFIG_ENUM, CONFIG_MEMBER(struct own, colour), "green", 0, 0, colours,
	  "of the door" },
	{ "password_file", CONFIG_SECRET_FILE, CONFIG_MEMBER(struct own, password), "", 4, 15, NULL,
	  "of the database" },
	{ "any", CONFIG_I64, CONFIG_MEMBER(struct own, any), "0", 0, 0, NULL, "anything" },
	{ 0 },
};

static struct library library;
static struct own own;
static struct problem problem;
static char directory[64], file[128];

static const struct config_section sections[] = { { library_fields, &library },
						  { own_fields, &own } };

static enum st load(void)
{
	return config_load("ledger-reconciler", sections, 2, &problem);
}

extern char **environ;

static int setup(void **state)
{
	(void)state;
	clearenv();
	setenv("PIOPL_NAME", "given", 1);
	memset(&library, 0x55, sizeof(library));
	memset(&own, 0x55, sizeof(own));
	memset(&problem, 0, sizeof(problem));
	snprintf(directory, sizeof(directory), "/tmp/piopl-config-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(file, sizeof(file), "%s/file", directory);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(file);
	return rmdir(directory);
}

static void file_write(const char *text, size_t size, mode_t mode)
{
	FILE *out = fopen(file, "w");

	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, size, out), size);
	fclose(out);
	assert_int_equal(chmod(file, mode), 0);
}

static void config_file_write(const char *text)
{
	file_write(text, strlen(text), 0644);
	setenv("PIOPL_LEDGER_RECONCILER_CONFIG_FILE", file, 1);
}

/* The load is refused, names `variable`, says `detail`, and nothing has changed. */
static void assert_refused(const char *variable, const char *detail)
{
	struct library library_before = library;
	struct own own_before = own;

	assert_int_equal(load(), ST_CONFIG_INVALID);
	assert_string_equal(problem.detail, detail);
	assert_string_equal(problem.pointer, variable);
	assert_memory_equal(&library, &library_before, sizeof(library));
	assert_memory_equal(&own, &own_before, sizeof(own));
	assert_int_equal(config_load("ledger-reconciler", sections, 2, NULL), ST_CONFIG_INVALID);
}

/* [PLT-13] */
static void defaults_count_where_nothing_is_given(void **state)
{
	(void)state;
	assert_int_equal(load(), ST_OK);
	assert_int_equal(library.workers, 4);
	assert_string_equal(library.url, "nats://localhost");
	assert_string_equal(own.name, "given");
	assert_string_equal(own.path, "");
	assert_int_equal(own.ttl_ms, 900000);
	assert_true(own.strict);
	assert_int_equal(own.colour, GREEN);
	assert_string_equal(own.password, "");
	assert_int_equal(own.any, 0);
}

static void the_nearer_source_counts(void **state)
{
	(void)state;
	config_file_write("PIOPL_WORKERS=5\n");
	assert_int_equal(load(), ST_OK);
	assert_int_equal(library.workers, 5);
	config_file_write("PIOPL_WORKERS=5\nPIOPL_LEDGER_RECONCILER_WORKERS=6\n");
	assert_int_equal(load(), ST_OK);
	assert_int_equal(library.workers, 6);
	setenv("PIOPL_WORKERS", "7", 1);
	assert_int_equal(load(), ST_OK);
	assert_int_equal(library.workers, 7);
	setenv("PIOPL_LEDGER_RECONCILER_WORKERS", "8", 1);
	assert_int_equal(load(), ST_OK);
	assert_int_equal(library.workers, 8);
	setenv("PIOPL_LEDGER_RECONCILER_WORKERS", "", 1);
	assert_int_equal(load(), ST_OK);
	assert_int_equal(library.workers, 7);
}

static void every_type_is_read(void **state)
{
	(void)state;
	config_file_write(
		"# a comment\n\n  PIOPL_NAME = in the file \r\nPIOPL_DATA_DIR=/var/lib/x\n"
		"PIOPL_TTL=1h\nPIOPL_STRICT=false\n\tPIOPL_COLOUR=blue\n"
		"PIOPL_NATS_URL=a=b\nPIOPL_ANY=-9223372036854775808");
	unsetenv("PIOPL_NAME");
	assert_int_equal(load(), ST_OK);
	assert_string_equal(own.name, "in the file");
	assert_string_equal(own.path, "/var/lib/x");
	assert_int_equal(own.ttl_ms, 3600000);
	assert_false(own.strict);
	assert_int_equal(own.colour, BLUE);
	assert_string_equal(library.url, "a=b");
	assert_int_equal(own.any, INT64_MIN);
}

/* [PLT-13] */
static void a_value_that_must_be_given_is_asked_for(void **state)
{
	(void)state;
	unsetenv("PIOPL_NAME");
	assert_refused("PIOPL_NAME", "PIOPL_NAME is not set; it must be a text of 1 to 15 bytes");
	setenv("PIOPL_NAME", "", 1);
	assert_refused("PIOPL_NAME", "PIOPL_NAME is not set; it must be a text of 1 to 15 bytes");
}

/* [PLT-13] */
static void a_wrong_value_is_named_with_its_range_and_default(void **state)
{
	static const struct {
		const char *variable, *value, *detail;
	} cases[] = {
		{ "PIOPL_WORKERS", "0",
		  "PIOPL_WORKERS is \"0\", which is not a whole number from 1 to 64 (default 4)" },
		{ "PIOPL_LEDGER_RECONCILER_WORKERS", "65",
		  "PIOPL_LEDGER_RECONCILER_WORKERS is \"65\", which is not a whole number from 1 "
		  "to 64 "
		  "(default 4)" },
		{ "PIOPL_WORKERS", "four",
		  "PIOPL_WORKERS is \"four\", which is not a whole number from 1 to 64 (default "
		  "4)" },
		{ "PIOPL_ANY", "1.5",
		  "PIOPL_ANY is \"1.5\", which is not a whole number (default 0)" },
		{ "PIOPL_TTL", "999ms",
		  "PIOPL_TTL is \"999ms\", which is not a duration from 1s to 1d (units ms, s, m, "
		  "h, d) "
		  "(default 15m)" },
		{ "PIOPL_TTL", "25h",
		  "PIOPL_TTL is \"25h\", which is not a duration from 1s to 1d (units ms, s, m, h, "
		  "d) "
		  "(default 15m)" },
		{ "PIOPL_STRICT", "yes",
		  "PIOPL_STRICT is \"yes\", which is not true or false (default true)" },
		{ "PIOPL_COLOUR", "Red",
		  "PIOPL_COLOUR is \"Red\", which is not one of red, green, blue (default green)" },
		{ "PIOPL_NATS_URL", "ab",
		  "PIOPL_NATS_URL is \"ab\", which is not a text of 3 to 31 bytes "
		  "(default nats://localhost)" },
		{ "PIOPL_NAME", "sixteen letters.",
		  "PIOPL_NAME is \"sixteen letters.\", which is not a text of 1 to 15 bytes" },
		{ "PIOPL_NAME", "a\nb",
		  "PIOPL_NAME is \"a\nb\", which is not a text of 1 to 15 bytes" },
		{ "PIOPL_NAME", "\xff",
		  "PIOPL_NAME is \"\xff\", which is not a text of 1 to 15 bytes" },
		{ "PIOPL_DATA_DIR", "/a/path/that/is/longer/than/its/32",
		  "PIOPL_DATA_DIR is \"/a/path/that/is/longer/than/its/32\", which is not a path "
		  "of 1 "
		  "to 31 bytes" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		clearenv();
		setenv("PIOPL_NAME", "given", 1);
		setenv(cases[i].variable, cases[i].value, 1);
		assert_refused(cases[i].variable, cases[i].detail);
	}
}

static void values_at_their_limits_are_taken(void **state)
{
	(void)state;
	setenv("PIOPL_WORKERS", "64", 1);
	setenv("PIOPL_TTL", "1d", 1);
	setenv("PIOPL_NAME", "fifteen letters", 1);
	setenv("PIOPL_NATS_URL", "abc", 1);
	assert_int_equal(load(), ST_OK);
	assert_int_equal(library.workers, 64);
	assert_int_equal(own.ttl_ms, 86400000);
	setenv("PIOPL_WORKERS", "1", 1);
	setenv("PIOPL_TTL", "1s", 1);
	assert_int_equal(load(), ST_OK);
	assert_int_equal(library.workers, 1);
	assert_int_equal(own.ttl_ms, 1000);
}

static void a_file_with_a_wrong_line_is_refused_with_its_number(void **state)
{
	static const struct {
		const char *text, *place, *words;
	} cases[] = {
		{ "PIOPL_WORKERS=5\nPIOPL_WORKRES=6\n", "line 2",
		  "\"PIOPL_WORKRES\" is not a name this service knows" },
		{ "WORKERS=5", "line 1", "\"WORKERS\" is not a name this service knows" },
		{ "PIOPL_TOKEN_WORKERS=5", "line 1", "is not a name this service knows" },
		{ "\n\nPIOPL_WORKERS\n", "line 3", "is not NAME=VALUE" },
		{ "PIOPL_WORKERS=5\n#\nPIOPL_WORKERS=5\n", "line 3",
		  "\"PIOPL_WORKERS\" is given twice" },
		{ "=5", "line 1", "\"\" is not a name" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		config_file_write(cases[i].text);
		assert_int_equal(load(), ST_CONFIG_INVALID);
		assert_string_equal(problem.pointer, cases[i].place);
		assert_non_null(strstr(problem.detail, cases[i].words));
		assert_non_null(strstr(problem.detail, file));
	}
}

static void a_wrong_value_in_the_file_is_named_by_its_variable(void **state)
{
	(void)state;
	config_file_write("PIOPL_WORKERS=0\n");
	assert_refused(
		"PIOPL_WORKERS",
		"PIOPL_WORKERS is \"0\", which is not a whole number from 1 to 64 (default 4)");
}

static void a_file_that_cannot_be_read_is_refused(void **state)
{
	char *large = calloc(1, CONFIG_FILE_BYTES_MAX + 1);

	(void)state;
	setenv("PIOPL_CONFIG_FILE", "/nowhere/at/all", 1);
	assert_int_equal(load(), ST_CONFIG_INVALID);
	assert_non_null(strstr(problem.detail, "\"/nowhere/at/all\" cannot be read"));
	setenv("PIOPL_CONFIG_FILE", file, 1);
	memset(large, '\n', CONFIG_FILE_BYTES_MAX + 1);
	file_write(large, CONFIG_FILE_BYTES_MAX, 0600);
	assert_int_equal(load(), ST_OK);
	file_write(large, CONFIG_FILE_BYTES_MAX + 1, 0600);
	assert_int_equal(load(), ST_CONFIG_INVALID);
	assert_non_null(strstr(problem.detail, "cannot be read: File too large"));
	file_write("#\0\n", 3, 0600);
	assert_int_equal(load(), ST_CONFIG_INVALID);
	free(large);
}

/* [PLT-13] */
static void a_secret_is_read_from_its_file(void **state)
{
	(void)state;
	setenv("PIOPL_PASSWORD_FILE", file, 1);
	file_write("correct horse\n", 14, 0640);
	assert_int_equal(load(), ST_OK);
	assert_string_equal(own.password, "correct horse");
	file_write("four", 4, 0600);
	assert_int_equal(load(), ST_OK);
	assert_string_equal(own.password, "four");
	file_write("fifteen letters\n", 15, 0600);
	assert_int_equal(load(), ST_OK);
	assert_string_equal(own.password, "fifteen letters");
}

/* [PLT-13] */
static void a_secret_in_an_unfit_file_is_refused_and_never_shown(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		mode_t mode;
		const char *words;
	} cases[] = {
		{ "hunter2", 7, 0604, "is open to others" },
		{ "hunter2", 7, 0602, "is open to others" },
		{ "", 0, 0600, "is empty" },
		{ "\n", 1, 0600, "is empty" },
		{ "hunter2hunter2xx", 16, 0600, "is too large for a secret" },
		{ "hun", 3, 0600, "too short or too long" },
		{ "hunter\0002", 8, 0600, "is not a text file" },
	};
	char long_path[5000] = "";

	(void)state;
	setenv("PIOPL_PASSWORD_FILE", file, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		file_write(cases[i].text, cases[i].size, cases[i].mode);
		assert_int_equal(load(), ST_CONFIG_INVALID);
		assert_non_null(strstr(problem.detail, cases[i].words));
		assert_null(strstr(problem.detail, "hun"));
		assert_string_equal(problem.pointer, "PIOPL_PASSWORD_FILE");
	}
	memset(long_path, 'h', sizeof(long_path) - 1);
	setenv("PIOPL_PASSWORD_FILE", long_path, 1);
	assert_refused("PIOPL_PASSWORD_FILE",
		       "PIOPL_PASSWORD_FILE is not the path of a file that others cannot read");
	setenv("PIOPL_PASSWORD_FILE", "/hunter2", 1);
	assert_refused("PIOPL_PASSWORD_FILE",
		       "the file that PIOPL_PASSWORD_FILE names does not exist");
	setenv("PIOPL_PASSWORD_FILE", directory, 1);
	assert_refused("PIOPL_PASSWORD_FILE",
		       "the file that PIOPL_PASSWORD_FILE names is not a regular file");
}

/* [PLT-13] */
static void help_prints_every_variable_its_range_and_default(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	config_help("ledger-reconciler", sections, 2, out);
	fclose(out);
	assert_non_null(strstr(text, "  PIOPL_LEDGER_RECONCILER_WORKERS\n"
				     "      processes that answer calls\n"
				     "      a whole number from 1 to 64; default 4\n"));
	assert_non_null(strstr(text, "a text of 1 to 15 bytes; must be set\n"));
	assert_non_null(strstr(text, "a path of 1 to 31 bytes; may be left out\n"));
	assert_non_null(strstr(text, "one of red, green, blue; default green\n"));
	assert_non_null(
		strstr(text, "a duration from 1s to 1d (units ms, s, m, h, d); default 15m"));
	assert_non_null(
		strstr(text, "the path of a file that others cannot read; may be left out"));
	assert_non_null(strstr(text, "PIOPL_LEDGER_RECONCILER_CONFIG_FILE"));
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(defaults_count_where_nothing_is_given),
		TEST(the_nearer_source_counts),
		TEST(every_type_is_read),
		TEST(a_value_that_must_be_given_is_asked_for),
		TEST(a_wrong_value_is_named_with_its_range_and_default),
		TEST(values_at_their_limits_are_taken),
		TEST(a_file_with_a_wrong_line_is_refused_with_its_number),
		TEST(a_wrong_value_in_the_file_is_named_by_its_variable),
		TEST(a_file_that_cannot_be_read_is_refused),
		TEST(a_secret_is_read_from_its_file),
		TEST(a_secret_in_an_unfit_file_is_refused_and_never_shown),
		TEST(help_prints_every_variable_its_range_and_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
