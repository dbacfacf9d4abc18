/* disk_test.c: the disk under PostgreSQL and the one under the broker are full. Calls are answered
 * with a clear fault, nothing that was acknowledged is lost, and when there is space again
 * everything goes on by itself.
 *
 * The full disks are small file systems in memory, in a mount namespace of this program, so they
 * end with it. Needs the right to mount; skipped without. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "probe/gen/probe.h"
#include "tests/lib/load.h"

#define SETTLE_MS 60000
#define SERVED_MIN 21 /* calls, while the disk is full */

static struct stack stack;
static int64_t items;
static bool may_mount;

/* Before anything has a thread or a child. */
static bool namespace_make(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void shell(const char *format, ...)
{
	char command[1000];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

/* The folder's content moves to a file system of this size. */
static void disk_make(const char *name, const char *size)
{
	const char *folder = harness_folder(stack.harness);
	char path[256], options[64];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	snprintf(options, sizeof(options), "size=%s,mode=0700", size);
	shell("mv %s %s.was && mkdir %s", path, path, path);
	if (mount("tmpfs", path, "tmpfs", 0, options) != 0)
		fail_msg("no file system for \"%s\": %s", path, strerror(errno));
	shell("cp -a %s.was/. %s/ && chown --reference=%s.was %s && rm -rf %s.was", path, path,
	      path, path, path);
}

static void disk_fill(const char *name)
{
	static char zeros[65536];
	char path[256];

	snprintf(path, sizeof(path), "%s/%s/filler", harness_folder(stack.harness), name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

static void disk_free(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s/filler", harness_folder(stack.harness), name);
	assert_int_equal(unlink(path), 0);
}

static int group_start(void **state)
{
	static const char *const names[] = { "probe", NULL };

	(void)state;
	may_mount = namespace_make();
	if (!may_mount)
		return 0;
	stack_start(&stack,
		    &(struct harness_options){ .postgres = true,
					       .nats = true,
					       .pg_config = "max_wal_size = 64MB\n"
							    "min_wal_size = 32MB\n" },
		    names);
	harness_pg_stop(stack.harness);
	disk_make("pg", "160m");
	harness_pg_start(stack.harness);
	harness_nats_stop(stack.harness);
	disk_make("nats", "128m");
	harness_nats_start(stack.harness);
	stack_service_start(&stack, "probe", NULL);
	return 0;
}

static int group_stop(void **state)
{
	char path[256];

	(void)state;
	if (!may_mount)
		return 0;
	snprintf(path, sizeof(path), "%s/pg", harness_folder(stack.harness));
	umount2(path, MNT_DETACH);
	snprintf(path, sizeof(path), "%s/nats", harness_folder(stack.harness));
	umount2(path, MNT_DETACH);
	stack_stop(&stack);
	return 0;
}

static void load_open(struct load *load, const char *prefix)
{
	*load = (struct load){ .url = harness_nats_url(stack.harness),
			       .call = &CALL_PROBE_ITEM_PUT,
			       .prefix = prefix,
			       .clients = 2,
			       .pause_us = 1000,
			       .tell = true };
	load_start(load);
}

static int64_t answers_of(const struct load *load, enum st st)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < load->clients; i++)
		sum += load->client[i].answers[st];
	return sum;
}

static void load_close(struct load *load, const char *title)
{
	char faults[1000];
	bool good = load_finish(load);
	int64_t begin = harness_now_ms();

	load_print(load, title);
	items += load_acknowledged(load);
	bool settled = chaos_settled(&stack, SETTLE_MS);
	printf("%s: settled after %lld ms\n", title, (long long)(harness_now_ms() - begin));
	chaos_check(&stack, items, faults, sizeof(faults));
	bool ready = stack_service_ready(&stack, "probe", SETTLE_MS);
	if (!good || !settled || faults[0] || !ready) {
		shell("tail -n 20 %s/probe.log %s/nats.log >&2", harness_folder(stack.harness),
		      harness_folder(stack.harness));
		fail_msg("%s: %d %d %d %s", title, good, settled, ready, faults);
	}
}

/* PostgreSQL ends when even its journal finds no space; whoever supervises it starts it again. */
static bool postgres_ended(void)
{
	char path[64], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)harness_pg_pid(stack.harness));
	FILE *file = fopen(path, "r");
	bool read = file && fscanf(file, "%*d %*s %c", &state) == 1;
	if (file)
		fclose(file);
	return !read || state == 'Z';
}

/* [PLT-17] */
static void a_full_disk_under_the_database_loses_nothing(void **state)
{
	struct load load;

	(void)state;
	if (!may_mount)
		skip();
	load_open(&load, "pg");
	usleep(500000);
	disk_fill("pg");
	int64_t until = harness_now_ms() + 5000;
	while (harness_now_ms() < until && answers_of(&load, ST_DISK_FULL) < 100)
		usleep(50000);
	bool ended = postgres_ended();
	printf("disk: %lld answers \"disk_full\"; PostgreSQL %s\n",
	       (long long)answers_of(&load, ST_DISK_FULL), ended ? "ended" : "stayed");
	disk_free("pg");
	if (postgres_ended()) {
		harness_pg_kill9(stack.harness);
		harness_pg_start(stack.harness);
	}
	usleep(1000000);
	int64_t told = answers_of(&load, ST_DISK_FULL) + answers_of(&load, ST_DATABASE_UNAVAILABLE);
	load_close(&load, "disk of the database");
	assert_true(told > 0);
}

static bool events_wait(void *context)
{
	(void)context;
	return chaos_sql_i64(&stack, "SELECT (SELECT count(*) FROM probe.outbox) - published FROM "
				     "probe.relay") > 500;
}

static bool events_applied(void *context)
{
	return chaos_sql_i64(&stack, "SELECT count(*) FROM probe.applied") >= *(int64_t *)context;
}

static bool all_published(void *context)
{
	(void)context;
	return chaos_sql_i64(&stack, "SELECT next - 1 - published FROM probe.relay") < 100;
}

struct serving {
	const struct load *load;
	int64_t due;
};

static bool serves(void *context)
{
	const struct serving *serving = context;

	return load_acknowledged(serving->load) >= serving->due;
}

/* [PLT-7] [PLT-8] */
static void a_full_disk_under_the_broker_keeps_events_in_the_outbox(void **state)
{
	struct load load;

	(void)state;
	if (!may_mount)
		skip();
	disk_fill("nats");
	load_open(&load, "nats");
	assert_true(harness_wait_for(events_wait, NULL, 20000));
	/* calls are served all the same */
	struct serving serving = { &load, load_acknowledged(&load) + SERVED_MIN };
	int64_t begin_ms = harness_now_ms();
	bool served = harness_wait_for(serves, &serving, 20000);
	printf("disk: %d calls served in %lld ms while the broker's disk is full\n", SERVED_MIN,
	       (long long)(harness_now_ms() - begin_ms));
	/* and events reach their readers through the outbox */
	int64_t due = items + load_acknowledged(&load);
	assert_true(harness_wait_for(events_applied, &due, 15000));
	disk_free("nats");
	/* nats-server 2.9.10 locks itself up when a stream's disk is full: whoever supervises it
	 * has to start it again */
	if (!harness_wait_for(all_published, NULL, 6000)) {
		printf("disk: the broker takes nothing although there is space; it is restarted\n");
		harness_nats_kill9(stack.harness);
		harness_nats_start(stack.harness);
	}
	usleep(1000000);
	load_close(&load, "disk of the broker");
	assert_true(served);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_disk_under_the_database_loses_nothing),
		cmocka_unit_test(a_full_disk_under_the_broker_keeps_events_in_the_outbox),
	};

	return cmocka_run_group_tests(tests, group_start, group_stop);
}
