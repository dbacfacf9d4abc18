/* generator.h: running the contract generator from a test. Tests run in the root of the tree. */
#ifndef PIOPL_TEST_GENERATOR_H
#define PIOPL_TEST_GENERATOR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT_MAX (1 << 20)

/* The generator of the same build: <build>/test/unit/proto/x_test -> <build>/bin/proto-compile. */
static inline const char *generator_path(void)
{
	static char path[4096];
	ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 32);

	assert_true(size > 0);
	path[size] = '\0';
	for (int i = 0; i < 4; i++) {
		char *slash = strrchr(path, '/');

		assert_non_null(slash);
		*slash = '\0';
	}
	strcat(path, "/bin/proto-compile");
	return path;
}

/* A new folder under /tmp; remove_folder takes it away with all that is in it. */
static inline char *make_folder(void)
{
	char *folder = strdup("/tmp/piopl-proto-XXXXXX");

	assert_non_null(mkdtemp(folder));
	return folder;
}

static inline void remove_folder(char *folder)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	assert_int_equal(system(command), 0);
	free(folder);
}

/* The file's text, to be freed; fails the test when it is not there. */
static inline char *read_text(const char *path)
{
	char *text = calloc(1, TEXT_MAX);
	FILE *file = fopen(path, "rb");

	assert_non_null(text);
	if (!file)
		fail_msg("\"%s\" is not there", path);
	assert_true(fread(text, 1, TEXT_MAX - 1, file) < TEXT_MAX - 1);
	fclose(file);
	return text;
}

static inline char *read_in(const char *folder, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return read_text(path);
}

static inline void write_in(const char *folder, const char *name, const char *text)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

/* Runs a command; its exit status, and what it said on stderr and stdout, to be freed. */
static inline int run(const char *command, char **ret_said)
{
	char *said = calloc(1, TEXT_MAX);
	FILE *pipe = popen(command, "r");
	int status;

	assert_non_null(said);
	assert_non_null(pipe);
	assert_true(fread(said, 1, TEXT_MAX - 1, pipe) < TEXT_MAX - 1);
	status = pclose(pipe);
	assert_true(WIFEXITED(status));
	*ret_said = said;
	return WEXITSTATUS(status);
}

/* Generates from `files` (names in `folder`, or paths) into folder/out. */
static inline int generate(const char *folder, const char *files, char **ret_said)
{
	char command[8192];

	snprintf(command, sizeof(command), "cd '%s' && '%s' --out out %s 2>&1", folder,
		 generator_path(), files);
	return run(command, ret_said);
}

#endif
