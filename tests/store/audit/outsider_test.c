/* docs/verify-export.mjs shares no code with us: what we export it proves, what was changed it
 * names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/harness.h"
#include "tests/unit/audit/sample.h"

#define COUNT 700
#define OUTPUT_BYTES_MAX 8192

static struct sample_log made;
static struct sample_lines lines;
static char output[OUTPUT_BYTES_MAX];

static int setup(void **state)
{
	(void)state;
	sample_log_make(&made, COUNT, 650);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&made.arena);
	return 0;
}

/* Writes the lines to a file, runs the script on it; its exit status, its words in `output`. */
static int outsider(void)
{
	char path[] = "/tmp/piopl-export-XXXXXX", key[NOTE_VKEY_SIZE], command[1024];
	int file = mkstemp(path), status;
	FILE *out = fdopen(file, "w"), *pipe;

	assert_non_null(out);
	for (size_t i = 0; i < lines.count; i++)
		fprintf(out, "%.*s\n", STR_ARG(lines.items[i]));
	fclose(out);
	note_key_to_text(&made.note_key, key);
	snprintf(command, sizeof(command), "node %s/docs/verify-export.mjs %s '%s' 2>&1",
		 harness_root_folder(), path, key);
	pipe = popen(command, "re");
	assert_non_null(pipe);
	output[fread(output, 1, sizeof(output) - 1, pipe)] = '\0';
	status = pclose(pipe);
	unlink(path);
	return WEXITSTATUS(status);
}

/* Position 650 seals the chain of agent 0, so its later records are left out of the ranges. */
/* [AUD-6] [AUD-9] */
static void an_outsider_proves_what_we_export(void **state)
{
	static bool expired[SAMPLE_LOG_MAX];
	static const int64_t ranges[][2] = { { 0, 651 }, { 1, 300 }, { 256, 512 }, { 649, 650 } };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		sample_export(&made, ranges[i][0], ranges[i][1], 100, NULL, true, &lines);
		assert_int_equal(outsider(), 0);
		assert_non_null(strstr(output, "proved"));
	}
	for (int64_t i = 0; i < COUNT; i++)
		expired[i] = i % 100 == 2 || i % 100 == 3;
	sample_export(&made, 3, 640, 64, expired, false, &lines);
	assert_int_equal(outsider(), 0);
	/* that they expired is the file's word: it is told, so that it can be held against the log
	 */
	assert_non_null(strstr(output, "1 said to be expired, from position 3 to 3\n"));
	assert_non_null(strstr(output, "2 said to be expired, from position 602 to 603\n"));
}

static void an_outsider_names_what_was_changed(void **state)
{
	char *bytes;

	(void)state;
	sample_export(&made, 0, 300, 100, NULL, true, &lines);
	lines.items[50] = arena_copy(&made.arena, lines.items[50]); /* header, block: position 48 */
	bytes = strstr(lines.items[50].data, "finance");
	bytes[0] = 'F';
	assert_int_equal(outsider(), 1);
	assert_non_null(strstr(output, "another record than was signed at position 48"));
	sample_export(&made, 0, 300, 100, NULL, true, &lines);
	memmove(&lines.items[50], &lines.items[51], (lines.count - 51) * sizeof(lines.items[0]));
	lines.count--;
	assert_int_equal(outsider(), 1);
	assert_non_null(strstr(output, "no record at position 48"));
}

static void line_replaced(size_t at, const char *text)
{
	sample_export(&made, 0, 300, 100, NULL, true, &lines);
	lines.items[at] = str_of(text);
}

/* [AUD-6] */
static void an_outsider_says_what_is_no_export(void **state)
{
	struct str was;

	(void)state;
	sample_export(&made, 0, 300, 100, NULL, true, &lines);
	lines.count = 0;
	assert_int_equal(outsider(), 1);
	assert_non_null(strstr(output, "the file is empty"));
	line_replaced(0, "{}");
	assert_int_equal(outsider(), 1);
	assert_non_null(strstr(output, "its first line is no header"));
	line_replaced(7, "{\"agent_id\":\"pio");
	assert_int_equal(outsider(), 1);
	assert_non_null(strstr(output, "line 8 is not JSON"));
	/* one byte more at the end of a line is another record */
	sample_export(&made, 0, 300, 100, NULL, true, &lines);
	was = lines.items[50];
	lines.items[50] = arena_printf(&made.arena, "%.*s\r", STR_ARG(was));
	assert_int_equal(outsider(), 1);
	assert_non_null(strstr(output, "another record than was signed at position 48"));
}

static void an_outsider_with_another_key_proves_nothing(void **state)
{
	struct note_key was = made.note_key;
	struct signing_key other;

	(void)state;
	sample_export(&made, 0, 300, 100, NULL, true, &lines);
	signing_key_generate(&other);
	assert_int_equal(
		note_key_make(STR(SAMPLE_ORIGIN), NOTE_ED25519, other.public_key, &made.note_key),
		ST_OK);
	assert_int_equal(outsider(), 1);
	assert_non_null(strstr(output, "not signed by this key"));
	made.note_key = was;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_outsider_proves_what_we_export),
		cmocka_unit_test(an_outsider_names_what_was_changed),
		cmocka_unit_test(an_outsider_says_what_is_no_export),
		cmocka_unit_test(an_outsider_with_another_key_proves_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
