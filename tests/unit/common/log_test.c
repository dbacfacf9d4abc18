#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "json.h"
#include "log.h"

static struct arena arena;
static char said[64 * 1024];
static int said_fd, stderr_fd;

static int setup(void **state)
{
	char path[] = "/tmp/piopl-log-XXXXXX";

	(void)state;
	arena_init(&arena, 1 << 22);
	log_open("token", LOG_INFO);
	said_fd = mkstemp(path);
	unlink(path);
	stderr_fd = dup(STDERR_FILENO);
	dup2(said_fd, STDERR_FILENO);
	return said_fd < 0;
}

static int teardown(void **state)
{
	(void)state;
	dup2(stderr_fd, STDERR_FILENO);
	close(stderr_fd);
	close(said_fd);
	arena_free(&arena);
	return 0;
}

/* What was written since the last call, as one line. */
static struct str line(void)
{
	ssize_t size = pread(said_fd, said, sizeof(said) - 1, 0);

	assert_true(size >= 0);
	said[size] = '\0';
	assert_int_equal(ftruncate(said_fd, 0), 0);
	assert_int_equal(lseek(said_fd, 0, SEEK_SET), 0);
	return (struct str){ said, (size_t)size };
}

static struct json *parsed_line(void)
{
	struct str text = line();
	struct problem problem;
	struct json *root = NULL;

	assert_true(text.size > 0 && text.size <= LOG_LINE_BYTES_MAX);
	assert_int_equal(text.data[text.size - 1], '\n');
	assert_ptr_equal(memchr(text.data, '\n', text.size), text.data + text.size - 1);
	if (json_parse(&arena, text, &root, &problem) != ST_OK)
		fail_msg("%s: %s in %s", problem.pointer, problem.detail, text.data);
	return root;
}

static void assert_member(const struct json *object, const char *name, const char *value)
{
	const struct json *member = json_member(object, name);

	assert_non_null(member);
	assert_string_equal(member->text.data, value);
}

/* [PLT-14] */
static void a_line_is_an_object_with_all_that_is_known(void **state)
{
	int64_t now = clock_now_ms(), time;
	struct json *root;

	(void)state;
	log_write(LOG_WARN,
		  &(struct log_fields){ .category = "relay",
					.event = "evt_1",
					.subject = "sbx_2",
					.agent = "piopl_00042",
					.trace = "4bf92f3577b34da6a3ce929d0e0e4736",
					.status = "not_found",
					.more = (const struct log_pair[]){ { "rows", "3" },
									   { "source", "meter" },
									   { 0 } } },
		  "no %s for \"%d\"", "agent", 42);
	root = parsed_line();
	assert_true(time_parse(json_member(root, "time")->text, &time));
	assert_true(time >= now && time < now + 60000);
	assert_member(root, "level", "warn");
	assert_member(root, "service", "token");
	assert_member(root, "category", "relay");
	assert_member(root, "event", "evt_1");
	assert_member(root, "subject", "sbx_2");
	assert_member(root, "agent", "piopl_00042");
	assert_member(root, "trace", "4bf92f3577b34da6a3ce929d0e0e4736");
	assert_member(root, "status", "not_found");
	assert_member(root, "message", "no agent for \"42\"");
	assert_member(root, "rows", "3");
	assert_member(root, "source", "meter");
	assert_null(json_member(root, "cut"));
}

static void what_is_not_known_is_left_out(void **state)
{
	struct json *root;

	(void)state;
	log_write(LOG_ERROR, NULL, "x");
	root = parsed_line();
	assert_int_equal(root->count, 4);
	log_write(LOG_ERROR, &(struct log_fields){ .category = "", .agent = "a" }, "x");
	assert_int_equal(parsed_line()->count, 5);
}

static void levels_below_the_configured_one_are_silent(void **state)
{
	(void)state;
	for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
		log_open("token", (enum log_level)level);
		for (int written = LOG_DEBUG; written <= LOG_ERROR; written++) {
			log_write((enum log_level)written, NULL, "x");
			assert_true((line().size > 0) == (written >= level));
			assert_true(log_enabled((enum log_level)written) == (written >= level));
		}
	}
}

static void levels_have_names(void **state)
{
	enum log_level level = LOG_ERROR;

	(void)state;
	for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
		assert_true(log_level_parse(str_of(log_level_name((enum log_level)i)), &level));
		assert_int_equal(level, i);
	}
	level = LOG_WARN;
	assert_false(log_level_parse(STR("WARN"), &level));
	assert_false(log_level_parse(STR(""), &level));
	assert_int_equal(level, LOG_WARN);
}

static void values_cannot_break_out_of_their_quotes(void **state)
{
	struct json *root;

	(void)state;
	log_write(LOG_INFO, &(struct log_fields){ .subject = "a\",\"level\":\"x\n\\\x01\x7f" },
		  "%s",
		  "1\xff"
		  "2\xed\xa0\x80 \xc3\xbc");
	root = parsed_line();
	assert_member(root, "subject", "a\",\"level\":\"x\n\\\x01\x7f");
	assert_member(root, "message",
		      "1\xef\xbf\xbd"
		      "2\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xc3\xbc");
}

static void long_values_are_cut_and_say_so(void **state)
{
	char value[2000];
	struct json *root;

	(void)state;
	memset(value, 'v', sizeof(value));
	value[LOG_VALUE_BYTES_MAX] = '\0';
	log_write(LOG_INFO, &(struct log_fields){ .subject = value }, "x");
	root = parsed_line();
	assert_int_equal(json_member(root, "subject")->text.size, LOG_VALUE_BYTES_MAX);
	assert_null(json_member(root, "cut"));

	value[LOG_VALUE_BYTES_MAX] = 'v';
	value[LOG_VALUE_BYTES_MAX + 1] = '\0';
	log_write(LOG_INFO, &(struct log_fields){ .subject = value }, "x");
	root = parsed_line();
	assert_int_equal(json_member(root, "subject")->text.size, LOG_VALUE_BYTES_MAX);
	assert_true(json_member(root, "cut")->boolean);
	assert_member(root, "message", "x");

	memset(value, 'v', sizeof(value));
	value[LOG_MESSAGE_BYTES_MAX] = '\0';
	log_write(LOG_INFO, NULL, "%s", value);
	root = parsed_line();
	assert_int_equal(json_member(root, "message")->text.size, LOG_MESSAGE_BYTES_MAX);
	assert_null(json_member(root, "cut"));
	value[LOG_MESSAGE_BYTES_MAX] = 'v';
	value[LOG_MESSAGE_BYTES_MAX + 1] = '\0';
	log_write(LOG_INFO, NULL, "%s", value);
	root = parsed_line();
	assert_int_equal(json_member(root, "message")->text.size, LOG_MESSAGE_BYTES_MAX);
	assert_true(json_member(root, "cut")->boolean);
}

/* Every way to fill a line to the end, byte by byte: it never passes its limit and stays JSON. */
static void long_lines_are_cut_and_stay_json(void **state)
{
	static const char *const fill[] = { "v", "\x01", "\"", "\xc3\xbc", "\xff" };
	char value[LOG_MESSAGE_BYTES_MAX + 8];
	size_t longest = 0;

	(void)state;
	for (size_t kind = 0; kind < 5; kind++) {
		for (size_t size = 500; size < LOG_MESSAGE_BYTES_MAX + 4; size++) {
			size_t width = strlen(fill[kind]);
			struct json *root;
			size_t written;
			struct log_pair more[12] = { 0 };

			for (size_t i = 0; i < size; i++)
				value[i] = fill[kind][i % width];
			value[size] = '\0';
			for (size_t i = 0; i < 10; i++)
				more[i] = (struct log_pair){ &"abcdefghijk"[i], value };
			more[9].name = NULL;
			log_write(LOG_INFO, &(struct log_fields){ .more = more }, "%s", value);
			root = parsed_line();
			written = strlen(said);
			longest = written > longest ? written : longest;
			assert_non_null(json_member(root, "message"));
			assert_true(json_member(root, "cut")->boolean);
			arena_reset(&arena);
		}
	}
	assert_in_range(longest, LOG_LINE_BYTES_MAX - 16, LOG_LINE_BYTES_MAX);
}

static void errno_is_kept(void **state)
{
	(void)state;
	dup2(open("/dev/null", O_RDONLY), STDERR_FILENO);
	errno = ENOSPC;
	log_write(LOG_INFO, NULL, "goes nowhere");
	assert_int_equal(errno, ENOSPC);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_is_an_object_with_all_that_is_known),
		TEST(what_is_not_known_is_left_out),
		TEST(levels_below_the_configured_one_are_silent),
		TEST(levels_have_names),
		TEST(values_cannot_break_out_of_their_quotes),
		TEST(long_values_are_cut_and_say_so),
		TEST(long_lines_are_cut_and_stay_json),
		TEST(errno_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
