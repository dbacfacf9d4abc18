/* shell.h: an installation of its own, driven by command lines as a person types them. Included by
 * the tests of one program, which run in order on that installation. */
#ifndef PIOPL_E2E_SHELL_H
#define PIOPL_E2E_SHELL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "json.h"
#include "tests/lib/harness.h"

#define OUTPUT_BYTES_MAX (512 * 1024)
#define PORTS_IN_A_ROW 24

static char folder[] = "/tmp/piopl-e2e-XXXXXX";
static char output[OUTPUT_BYTES_MAX];
static char environment[2048];
static struct arena arena;
static int nats_port;
static int http_port;

/* Runs a command line of the shell with "piopl" being the program under test; its exit status. */
static inline int run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline int run(const char *format, ...)
{
	char words[1024];
	char line[4096];
	va_list args;
	FILE *pipe;
	size_t size;
	int status;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	snprintf(line, sizeof(line),
		 "%s; piopl() { %s/bin/piopl \"$@\"; }; { %s; } 2>&1 </dev/null", environment,
		 harness_build_folder(), words);
	pipe = popen(line, "r");
	assert_non_null(pipe);
	size = fread(output, 1, sizeof(output) - 1, pipe);
	output[size] = '\0';
	status = pclose(pipe);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline void must(int expected, int status)
{
	if (status != expected)
		fail_msg("exit status %d, expected %d:\n%s", status, expected, output);
}

static inline void says(const char *text)
{
	if (!strstr(output, text))
		fail_msg("\"%s\" is not in:\n%s", text, output);
}

static inline struct json *parsed(void)
{
	struct json *root = NULL;

	arena_reset(&arena);
	if (json_parse(&arena, str_of(output), &root, NULL) != ST_OK)
		fail_msg("not JSON:\n%s", output);
	return root;
}

/* Ports in a row for the services, the door before them; below those the kernel gives out. */
static inline int shell_ports(void)
{
	for (int port = 20000 + getpid() % 10000;; port += PORTS_IN_A_ROW) {
		char line[160];

		snprintf(line, sizeof(line),
			 "ss -ltn | awk '{ sub(/.*:/, \"\", $4); if ($4 + 0 >= %d && $4 + 0 < %d) "
			 "taken = 1 } END { exit taken }'",
			 port - 1, port + PORTS_IN_A_ROW);
		if (system(line) == 0)
			return port;
	}
}

static inline int shell_start(void **state)
{
	char root[1024];

	(void)state;
	arena_init(&arena, 8 * 1024 * 1024);
	if (!getcwd(root, sizeof(root)) || !mkdtemp(folder) || chmod(folder, 0755) != 0)
		return -1;
	nats_port = harness_free_port();
	http_port = shell_ports();
	snprintf(environment, sizeof(environment),
		 "export PIOPL_DATA=%s/data PIOPL_PORT_NATS=%d PIOPL_PORT_HTTP=%d; "
		 "export ROOT=%s DOOR=http://127.0.0.1:%d; "
		 "unset NO_COLOR PIOPL_STEWARD_KEY PIOPL_NATS_URL; cd %s",
		 folder, nats_port, http_port, root, http_port - 1, folder);
	return 0;
}

static inline int shell_stop(void **state)
{
	char line[128];

	(void)state;
	run("piopl reset --yes");
	snprintf(line, sizeof(line), "rm -rf %s", folder);
	arena_free(&arena);
	return system(line);
}

#endif
