/* The harness itself: what the other tests stand on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/harness.h"

static struct harness *harness;

static int start(void **state)
{
	(void)state;
	harness = harness_start(.nats = true);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	harness_stop(harness);
	return 0;
}

static bool nats_listens(void *context)
{
	const struct harness *of = context;
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)harness_nats_port(of)),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bool listens = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

	close(fd);
	return listens;
}

static bool folder_is_gone(void *folder)
{
	struct stat info;

	return stat(folder, &info) != 0;
}

static bool process_is_gone(void *pid)
{
	return kill(*(pid_t *)pid, 0) != 0;
}

static void nats_stops_and_starts_on_its_port(void **state)
{
	char store[128];
	int port = harness_nats_port(harness);

	(void)state;
	assert_true(nats_listens(harness));
	harness_nats_stop(harness);
	assert_false(nats_listens(harness));
	harness_nats_start(harness);
	harness_nats_kill9(harness);
	snprintf(store, sizeof(store), "%s/nats", harness_folder(harness));
	assert_false(folder_is_gone(store));
	harness_nats_wipe_store(harness);
	assert_true(folder_is_gone(store));
	harness_nats_start(harness);
	assert_true(nats_listens(harness));
	assert_int_equal(harness_nats_port(harness), port);
}

static void processes_get_their_environment_and_their_log(void **state)
{
	const char *const argv[] = { "sh", "-c", "echo \"$GREETING\"; exit 7", NULL };
	const char *const env[] = { "GREETING=good day", NULL };
	char path[128], line[32] = "";
	int status = 0;
	FILE *log;
	pid_t pid = harness_spawn(harness, argv, env, "greeting.log");

	(void)state;
	assert_true(harness_wait_exit(harness, pid, 5000, &status));
	assert_int_equal(WEXITSTATUS(status), 7);
	snprintf(path, sizeof(path), "%s/greeting.log", harness_folder(harness));
	log = fopen(path, "r");
	assert_non_null(log);
	assert_non_null(fgets(line, sizeof(line), log));
	fclose(log);
	assert_string_equal(line, "good day\n");
}

static void waiting_for_a_process_is_bounded(void **state)
{
	const char *const argv[] = { "sleep", "60", NULL };
	pid_t pid = harness_spawn(harness, argv, NULL, "sleep.log");

	(void)state;
	assert_false(harness_wait_exit(harness, pid, 20, NULL));
	harness_kill9(harness, pid);
	assert_true(process_is_gone(&pid));
}

static bool never(void *context)
{
	++*(int *)context;
	return false;
}

static void waiting_for_what_never_comes_is_bounded(void **state)
{
	int64_t start_ms = harness_now_ms(), start_awake_ms = harness_awake_ms();
	int asked = 0;

	(void)state;
	assert_false(harness_wait_for(never, &asked, 50));
	assert_true(harness_now_ms() - start_ms >= 50);
	assert_true(harness_awake_ms() - start_awake_ms <= 1000);
	assert_true(asked > 1);
}

/* In a process of its own: starts everything, says what it started, waits to be killed. */
struct started {
	char folder[64];
	pid_t postgres;
	pid_t sleeper;
};

static _Noreturn void victim_main(int pipe_end)
{
	const char *const argv[] = { "sleep", "600", NULL };
	struct harness *mine = harness_start(.postgres = true, .nats = true);
	struct started started = { .postgres = harness_pg_pid(mine) };

	snprintf(started.folder, sizeof(started.folder), "%s", harness_folder(mine));
	started.sleeper = harness_spawn(mine, argv, NULL, "sleep.log");
	if (write(pipe_end, &started, sizeof(started)) != (ssize_t)sizeof(started))
		_exit(1);
	for (;;)
		pause();
}

static void a_killed_test_leaves_no_process_and_no_folder(void **state)
{
	struct started started;
	int ends[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0)
		victim_main(ends[1]);
	close(ends[1]);
	assert_int_equal(read(ends[0], &started, sizeof(started)), sizeof(started));
	close(ends[0]);
	assert_false(process_is_gone(&started.postgres));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(harness_wait_for(process_is_gone, &started.postgres, 10000));
	assert_true(harness_wait_for(process_is_gone, &started.sleeper, 10000));
	assert_true(harness_wait_for(folder_is_gone, started.folder, 10000));
}

static void everything_starts_in_little_time(void **state)
{
	int64_t start_ms, took_ms;
	struct harness *other;

	(void)state;
	other = harness_start(.postgres = true, .nats = true); /* makes the template if need be */
	harness_stop(other);
	start_ms = harness_awake_ms();
	other = harness_start(.postgres = true, .nats = true);
	took_ms = harness_awake_ms() - start_ms;
	print_message("started in %d ms\n", (int)took_ms);
	assert_string_equal(harness_sql_text(other, "SELECT current_database()"), "piopl");
	/* a loaded machine may take longer; ten seconds would make every test slow */
	assert_true(took_ms <= 10000);
	harness_stop(other);
}

static bool stood_still(void *since_ms)
{
	return harness_stall_ms() >= *(int64_t *)since_ms + 400;
}

/* A stopped process sees what one sees on a machine that stands still. */
static void what_the_machine_stood_still_is_not_counted(void **state)
{
	const char *const argv[] = { "sh", "-c", "kill -STOP $PPID; sleep 0.5; kill -CONT $PPID",
				     NULL };
	int64_t stall_ms = harness_stall_ms();
	int64_t start_ms = harness_now_ms(), start_awake_ms = harness_awake_ms();
	pid_t pid = harness_spawn(harness, argv, NULL, "stop.log");

	(void)state;
	assert_true(harness_wait_for(stood_still, &stall_ms, 20000));
	assert_true(harness_wait_exit(harness, pid, 20000, NULL));
	int64_t took_ms = harness_now_ms() - start_ms;
	int64_t took_awake_ms = harness_awake_ms() - start_awake_ms;
	assert_true(took_ms >= 400 && took_awake_ms <= took_ms - 400);
}

static void a_port_is_given_once(void **state)
{
	int ports[64];

	(void)state;
	for (int i = 0; i < 64; i++) {
		ports[i] = harness_free_port();
		for (int before = 0; before < i; before++)
			assert_int_not_equal(ports[i], ports[before]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nats_stops_and_starts_on_its_port),
		cmocka_unit_test(processes_get_their_environment_and_their_log),
		cmocka_unit_test(waiting_for_a_process_is_bounded),
		cmocka_unit_test(waiting_for_what_never_comes_is_bounded),
		cmocka_unit_test(a_killed_test_leaves_no_process_and_no_folder),
		cmocka_unit_test(everything_starts_in_little_time),
		cmocka_unit_test(what_the_machine_stood_still_is_not_counted),
		cmocka_unit_test(a_port_is_given_once),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
