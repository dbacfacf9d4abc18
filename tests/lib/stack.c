/* stack.c: see stack.h. */
#include <arpa/inet.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "stack.h"

#define READY_MS_MAX 20000
#define CONNECT_MS_MAX 10000
#define STOP_MS_MAX 20000
#define CALL_MS_MIN 10000 /* so long the machine may stand still, and more */
#define HOUR_MS 3600000
#define BOUNDARY_MS (2 * 60000)

static _Noreturn void stack_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static void must(enum st st, const char *what, const struct problem *problem)
{
	if (st != ST_OK)
		stack_fail("%s: %s: %s", what, st_info(st)->code, problem ? problem->detail : "");
}

static void file_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		stack_fail("cannot write %s", path);
}

static void keyring_write(struct stack *stack)
{
	struct keyring_key keys[STACK_SERVICES_MAX];
	struct problem problem = { 0 };
	struct str payload, text;

	arena_reset(&stack->arena);
	memset(keys, 0, sizeof(keys));
	for (size_t i = 0; i < stack->service_count; i++) {
		const struct stack_service *service = &stack->services[i];
		keys[i] = (struct keyring_key){ .until_ms = INT64_MAX, .state = KEY_ACTIVE };
		memcpy(keys[i].key_id, service->key.key_id, KEY_ID_SIZE);
		snprintf(keys[i].owner, sizeof(keys[i].owner), "%s", service->name);
		memcpy(keys[i].public_key, service->key.public_key, PUBLIC_KEY_BYTES);
	}
	must(key_list_build(++stack->key_version, clock_now_ms(), keys, stack->service_count,
			    &stack->arena, &payload, &problem),
	     "key list", &problem);
	must(key_list_sign(&stack->root, payload, &stack->arena, &text), "key list", NULL);
	must(key_list_write(stack->keyring_path, text, &problem), "key list", &problem);
}

static void keys_make(struct stack *stack)
{
	const char *folder = harness_folder(stack->harness);
	char path[512], text[PUBLIC_KEY_TEXT_SIZE];
	struct problem problem = { 0 };

	signing_key_generate(&stack->root);
	base64_encode(stack->root.public_key, PUBLIC_KEY_BYTES, text);
	snprintf(stack->root_path, sizeof(stack->root_path), "%s/root.pub", folder);
	snprintf(stack->clock_path, sizeof(stack->clock_path), "%s/clock", folder);
	snprintf(stack->keyring_path, sizeof(stack->keyring_path), "%s/keyring.json", folder);
	file_write(stack->root_path, text);
	for (size_t i = 0; i < stack->service_count; i++) {
		struct stack_service *service = &stack->services[i];
		signing_key_generate(&service->key);
		snprintf(path, sizeof(path), "%s/%s.key", folder, service->name);
		must(signing_key_create(path, &service->key, &problem), path, &problem);
	}
	keyring_write(stack);
}

/* A folder with library/ and each service's migrations, wherever they come from. */
static void schemas_make(struct stack *stack, const char *const *names)
{
	char folder[480], from[512], to[512];

	snprintf(folder, sizeof(folder), "%s/migrations", harness_folder(stack->harness));
	if (mkdir(folder, 0755) != 0)
		stack_fail("cannot make %s", folder);
	snprintf(from, sizeof(from), "%s/migrations/library", harness_root_folder());
	snprintf(to, sizeof(to), "%s/library", folder);
	if (symlink(from, to) != 0)
		stack_fail("cannot link %s", to);
	for (size_t i = 0; names[i]; i++) {
		snprintf(from, sizeof(from), "%s/%smigrations/%s", harness_root_folder(),
			 strcmp(names[i], "probe") == 0 ? "tests/probe/" : "", names[i]);
		snprintf(to, sizeof(to), "%s/%s", folder, names[i]);
		if (symlink(from, to) != 0)
			stack_fail("cannot link %s", to);
	}
	harness_migrate_from(stack->harness, folder, names);
}

static void bus_connect(struct stack *stack)
{
	const struct bus_options options = { .url = harness_nats_url(stack->harness),
					     .name = "terminal",
					     .connect_timeout_ms = CONNECT_MS_MAX,
					     .sending = BUS_SEND_AT_ONCE };
	struct problem problem = { 0 };

	must(bus_open(&options, &stack->bus, &problem), "bus", &problem);
}

void stack_start(struct stack *stack, const struct harness_options *options,
		 const char *const *names)
{
	*stack = (struct stack){ 0 };
	crypto_init();
	log_open("test", LOG_ERROR);
	arena_init(&stack->arena, 64 * 1024 * 1024);
	stack->harness = harness_start_with(options);
	for (size_t i = 0; names[i]; i++) {
		struct stack_service *service = &stack->services[stack->service_count++];
		snprintf(service->name, sizeof(service->name), "%s", names[i]);
		snprintf(service->program, sizeof(service->program), "%s/bin/%s%s",
			 harness_build_folder(), strcmp(names[i], "probe") == 0 ? "" : "piopl-",
			 names[i]);
		service->http_port = harness_free_port();
	}
	keys_make(stack);
	schemas_make(stack, names);
	bus_connect(stack);
}

void stack_stop(struct stack *stack)
{
	bus_close(stack->bus);
	for (size_t i = 0; i < stack->service_count; i++)
		if (stack->services[i].pid > 0)
			harness_kill9(stack->harness, stack->services[i].pid);
	harness_stop(stack->harness);
	arena_free(&stack->arena);
	*stack = (struct stack){ 0 };
}

struct stack_service *stack_service_get(struct stack *stack, const char *name)
{
	for (size_t i = 0; i < stack->service_count; i++)
		if (strcmp(stack->services[i].name, name) == 0)
			return &stack->services[i];
	stack_fail("no service %s", name);
}

void stack_service_spawn(struct stack *stack, const char *name, const char *const *env)
{
	struct stack_service *service = stack_service_get(stack, name);
	const char *folder = harness_folder(stack->harness);
	const char *argv[] = { service->program, NULL };
	char texts[8][640];
	const char *all[32];
	char logfile[64];
	size_t n = 0;

	snprintf(texts[0], sizeof(texts[0]), "PIOPL_NATS_URL=%s", harness_nats_url(stack->harness));
	snprintf(texts[1], sizeof(texts[1]), "PIOPL_DATABASE=%s",
		 harness_conninfo(stack->harness, name));
	snprintf(texts[2], sizeof(texts[2]), "PIOPL_SIGNING_KEY_FILE=%s/%s.key", folder, name);
	snprintf(texts[3], sizeof(texts[3]), "PIOPL_KEYRING_FILE=%s", stack->keyring_path);
	snprintf(texts[4], sizeof(texts[4]), "PIOPL_ROOT_PUBLIC_KEY_FILE=%s", stack->root_path);
	snprintf(texts[5], sizeof(texts[5]), "PIOPL_HTTP_PORT=%d", service->http_port);
	snprintf(texts[6], sizeof(texts[6]), "PIOPL_CLOCK_FILE=%s", stack->clock_path);
	snprintf(texts[7], sizeof(texts[7]), "PIOPL_DEVELOPMENT=true");
	for (; n < 8; n++)
		all[n] = texts[n];
	for (size_t i = 0; env && env[i] && n < 31; i++)
		all[n++] = env[i];
	all[n] = NULL;
	snprintf(logfile, sizeof(logfile), "%s.log", name);
	service->pid = harness_spawn(stack->harness, argv, all, logfile);
}

bool stack_service_ready(struct stack *stack, const char *name, int timeout_ms)
{
	int64_t until = harness_now_ms() + timeout_ms;
	int status = 0;

	while (harness_now_ms() < until) {
		stack_http_get(stack, name, "/readyz", &status);
		if (status == 200)
			return true;
		usleep(20000);
	}
	return false;
}

void stack_service_start(struct stack *stack, const char *name, const char *const *env)
{
	stack_service_spawn(stack, name, env);
	if (!stack_service_ready(stack, name, READY_MS_MAX)) {
		char *log = stack_log(stack, name);
		size_t size = strlen(log);
		stack_fail("service %s is not ready: %s", name,
			   size > 1500 ? log + size - 1500 : log);
	}
}

int stack_service_stop(struct stack *stack, const char *name)
{
	struct stack_service *service = stack_service_get(stack, name);
	int status = -1;

	harness_signal(stack->harness, service->pid, SIGTERM);
	if (!harness_wait_exit(stack->harness, service->pid, STOP_MS_MAX, &status))
		stack_fail("service %s does not stop", name);
	service->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int http_connect(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval limit = { .tv_sec = 5 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

const char *stack_http_get(struct stack *stack, const char *name, const char *path, int *ret_status)
{
	static char answer[256 * 1024];
	char request[256];
	size_t size = 0;
	int fd = http_connect(stack_service_get(stack, name)->http_port);

	answer[0] = 0;
	if (ret_status)
		*ret_status = 0;
	if (fd < 0)
		return answer;
	int length = snprintf(request, sizeof(request),
			      "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path);
	if (write(fd, request, (size_t)length) == length) {
		ssize_t got;
		while (size < sizeof(answer) - 1 &&
		       (got = read(fd, answer + size, sizeof(answer) - 1 - size)) > 0)
			size += (size_t)got;
	}
	close(fd);
	answer[size] = 0;
	if (ret_status && strncmp(answer, "HTTP/1.", 7) == 0)
		*ret_status = atoi(answer + 9);
	char *body = strstr(answer, "\r\n\r\n");
	return body ? body + 4 : answer;
}

double stack_metric(struct stack *stack, const char *service, const char *name)
{
	const char *line = stack_http_get(stack, service, "/metrics", NULL);
	double sum = -1;

	while (line && *line) {
		if (strncmp(line, name, strlen(name)) == 0) {
			const char *value = strchr(line, ' ');
			/* a label value may hold a space: the number is after the brace */
			const char *brace = strchr(line, '}');
			const char *end = strchr(line, '\n');
			if (brace && (!end || brace < end))
				value = brace + 1;
			sum = (sum < 0 ? 0 : sum) + (value ? atof(value) : 0);
		}
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return sum;
}

enum st stack_call(struct stack *stack, const struct proto_call *call, const void *request,
		   void *reply, struct problem *problem)
{
	const struct bus_call_options options = { .timeout_ms = call->deadline_ms > CALL_MS_MIN
									? call->deadline_ms
									: CALL_MS_MIN };

	arena_reset(&stack->arena);
	return bus_call(stack->bus, call, request, &options, &stack->arena, reply, problem);
}

size_t stack_children(pid_t parent, pid_t *ret, size_t max)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	size_t count = 0;

	while (proc && (entry = readdir(proc)) && count < max) {
		char path[300], comm[64];
		int ppid = 0;
		pid_t pid = (pid_t)atoi(entry->d_name);
		if (pid <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		FILE *file = fopen(path, "r");
		if (!file)
			continue;
		if (fscanf(file, "%*d %63s %*c %d", comm, &ppid) == 2 && ppid == parent)
			ret[count++] = pid;
		fclose(file);
	}
	if (proc)
		closedir(proc);
	return count;
}

char *stack_log(struct stack *stack, const char *name)
{
	char path[512];
	char *text = calloc(1, 1024 * 1024);

	snprintf(path, sizeof(path), "%s/%s.log", harness_folder(stack->harness), name);
	FILE *file = fopen(path, "r");
	if (file && text) {
		(void)!fread(text, 1, 1024 * 1024 - 1, file);
		fclose(file);
	}
	return text;
}

/* Hours that are office hours in summer and in winter, with room for a test to pass some. */
static bool is_office_hour(const struct tm *at)
{
	static const int holidays[][2] = { { 0, 1 },  { 3, 3 },  { 3, 6 },   { 4, 4 },
					   { 4, 25 }, { 7, 31 }, { 11, 25 }, { 11, 28 } };

	for (size_t i = 0; i < sizeof(holidays) / sizeof(holidays[0]); i++)
		if (at->tm_mon == holidays[i][0] && at->tm_mday == holidays[i][1])
			return false;
	return at->tm_wday >= 1 && at->tm_wday <= 5 && at->tm_hour >= 9 && at->tm_hour <= 13;
}

bool stack_clock_to_office_hours(void)
{
	struct tm at;

	for (;;) {
		time_t now = (time_t)(clock_now_ms() / 1000);
		if (is_office_hour(gmtime_r(&now, &at)))
			return true;
		if (clock_advance(30 * 60000) != ST_OK)
			return false;
	}
}

bool stack_clock_off_boundary(void)
{
	int64_t left_ms = HOUR_MS - clock_now_ms() % HOUR_MS;

	return left_ms >= BOUNDARY_MS || clock_advance(left_ms) == ST_OK;
}
