/* bench_gateway.c: requests through the gateway and the bus to a call that touches no database,
 * beside a bare server of the same HTTP library in the same run; and what idle connections cost. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "gen/gateway.h"

#define CONNECTIONS 128
#define ROUNDS 3
#define BARE_WAIT_MS 100

struct load_connection {
	int fd;
	size_t got;
	double sent;
	char buffer[4096];
};

struct http_load {
	int port;
	const char *request;
	int64_t count;
	int64_t sent, answered, failed;
	double *took_ms;
};

static int http_connect(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		fprintf(stderr, "cannot connect to port %d: %s\n", port, strerror(errno));
		exit(1);
	}
	return fd;
}

static void load_send(struct http_load *load, struct load_connection *c)
{
	size_t size = strlen(load->request);

	if (load->sent == load->count)
		return;
	load->sent++;
	c->got = 0;
	c->sent = bench_seconds();
	if (send(c->fd, load->request, size, MSG_NOSIGNAL) != (ssize_t)size) {
		fprintf(stderr, "a connection of the load broke\n");
		exit(1);
	}
}

/* True when a whole answer is there. */
static bool load_receive(struct http_load *load, struct load_connection *c)
{
	ssize_t got = recv(c->fd, c->buffer + c->got, sizeof(c->buffer) - 1 - c->got, 0);
	const char *end, *length;

	if (got <= 0) {
		fprintf(stderr, "a connection of the load was closed\n");
		exit(1);
	}
	c->got += (size_t)got;
	c->buffer[c->got] = 0;
	end = strstr(c->buffer, "\r\n\r\n");
	length = strcasestr(c->buffer, "content-length: ");
	if (!end || !length || c->got < (size_t)(end + 4 - c->buffer) + (size_t)atoi(length + 16))
		return false;
	if (strncmp(c->buffer, "HTTP/1.1 200", 12) != 0)
		load->failed++;
	load->took_ms[load->answered++] = (bench_seconds() - c->sent) * 1000;
	return true;
}

static double http_load_run(struct http_load *load)
{
	static struct load_connection connections[CONNECTIONS];
	struct epoll_event events[CONNECTIONS];
	int epoll = epoll_create1(0);
	double begin;

	load->took_ms = calloc((size_t)load->count, sizeof(double));
	for (size_t i = 0; i < CONNECTIONS; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = &connections[i] };
		connections[i].fd = http_connect(load->port);
		epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].fd, &event);
	}
	begin = bench_seconds();
	for (size_t i = 0; i < CONNECTIONS; i++)
		load_send(load, &connections[i]);
	while (load->answered < load->count) {
		int n = epoll_wait(epoll, events, CONNECTIONS, 10000);
		if (n <= 0) {
			fprintf(stderr, "port %d: answers stopped at %lld\n", load->port,
				(long long)load->answered);
			exit(1);
		}
		for (int i = 0; i < n; i++)
			if (load_receive(load, events[i].data.ptr))
				load_send(load, events[i].data.ptr);
	}
	double rate = (double)load->count / (bench_seconds() - begin);
	for (size_t i = 0; i < CONNECTIONS; i++)
		close(connections[i].fd);
	close(epoll);
	return rate;
}

/* ---- the bare server, a process of its own ---- */

static enum MHD_Result bare_answer(void *closure, struct MHD_Connection *connection,
				   const char *url, const char *method, const char *version,
				   const char *upload, size_t *upload_size, void **context)
{
	static const char body[] = "{\"principal\":\"human:bench\",\"scopes\":[\"agents:read\"],"
				   "\"time\":\"2026-01-01T00:00:00.000Z\"}";

	(void)closure;
	(void)url;
	(void)method;
	(void)version;
	(void)upload;
	(void)upload_size;
	if (!*context) {
		*context = connection;
		return MHD_YES;
	}
	struct MHD_Response *response = MHD_create_response_from_buffer(
		sizeof(body) - 1, (void *)(uintptr_t)body, MHD_RESPMEM_PERSISTENT);
	MHD_add_response_header(response, "Content-Type", "application/json");
	enum MHD_Result result = MHD_queue_response(connection, 200, response);
	MHD_destroy_response(response);
	return result;
}

static pid_t bare_start(int port)
{
	pid_t pid = fork();

	if (pid != 0) {
		usleep(200000);
		return pid;
	}
	struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL, (uint16_t)port, NULL, NULL,
						     bare_answer, NULL, MHD_OPTION_END);
	if (!daemon)
		_exit(1);
	struct pollfd readable = {
		.fd = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
		.events = POLLIN
	};
	for (;;) {
		MHD_UNSIGNED_LONG_LONG wait_ms = 0;
		if (MHD_get_timeout(daemon, &wait_ms) != MHD_YES || wait_ms > BARE_WAIT_MS)
			wait_ms = BARE_WAIT_MS;
		(void)poll(&readable, 1, (int)wait_ms);
		MHD_run(daemon);
	}
}

/* ---- idle connections ---- */

static int64_t resident_bytes(pid_t pid)
{
	char path[64];
	long long size = 0, resident = 0;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	FILE *file = fopen(path, "r");
	if (file && fscanf(file, "%lld %lld", &size, &resident) != 2)
		resident = 0;
	if (file)
		fclose(file);
	return resident * sysconf(_SC_PAGESIZE);
}

static pid_t door_pid(struct stack *stack)
{
	pid_t children[64];
	size_t count = stack_children(stack_service_get(stack, "gateway")->pid, children, 64);
	char path[64], name[64];

	for (size_t i = 0; i < count; i++) {
		name[0] = 0;
		snprintf(path, sizeof(path), "/proc/%d/comm", (int)children[i]);
		FILE *file = fopen(path, "r");
		if (file && fgets(name, sizeof(name), file) && strcmp(name, "door\n") == 0) {
			fclose(file);
			return children[i];
		}
		if (file)
			fclose(file);
	}
	return 0;
}

/* Each connection asks once and stays; all of them ask again at the end. */
static void bench_idle(struct stack *stack, int port)
{
	static const char request[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
	int64_t count = bench_size("BENCH_IDLE", 10000), alive = 0;
	struct rlimit limit;
	char buffer[2048], note[200];
	int *fds;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < (rlim_t)count + 64)
		count = (int64_t)limit.rlim_max - 64;
	fds = calloc((size_t)count, sizeof(int));
	int64_t before = resident_bytes(door_pid(stack));
	for (int64_t i = 0; i < count; i++) {
		fds[i] = http_connect(port);
		(void)!send(fds[i], request, sizeof(request) - 1, MSG_NOSIGNAL);
		(void)!recv(fds[i], buffer, sizeof(buffer), 0);
	}
	int64_t bytes = resident_bytes(door_pid(stack)) - before;
	for (int64_t i = 0; i < count; i++)
		if (send(fds[i], request, sizeof(request) - 1, MSG_NOSIGNAL) > 0 &&
		    recv(fds[i], buffer, sizeof(buffer), 0) > 12 &&
		    strncmp(buffer, "HTTP/1.1 200", 12) == 0)
			alive++;
	for (int64_t i = 0; i < count; i++)
		close(fds[i]);
	free(fds);
	snprintf(note, sizeof(note), "%.1f KiB each, %.1f MiB in all",
		 (double)bytes / 1024.0 / (double)count, (double)bytes / 1048576.0);
	bench_row("gateway.idle", (double)alive, "open", 0, note);
}

/* ---- all of it ---- */

static void secret_write(struct stack *stack, char *path, size_t size)
{
	snprintf(path, size, "PIOPL_GATEWAY_KEY_SECRET_FILE=%s/gateway.secret",
		 harness_folder(stack->harness));
	FILE *file = fopen(strchr(path, '=') + 1, "w");
	fputs("0123456789abcdef0123456789abcdef", file);
	fclose(file);
	chmod(strchr(path, '=') + 1, 0600);
}

static void key_make(struct stack *stack, char *ret, size_t size)
{
	struct str scope = STR("agents:read");
	struct gateway_api_key_create_request in = { .name = STR("bench"),
						     .kind = GATEWAY_PRINCIPAL_KIND_HUMAN,
						     .subject = STR("bench"),
						     .scopes = { &scope, 1 } };
	struct gateway_api_key_create_reply reply;
	struct problem problem = { 0 };

	if (stack_call(stack, &CALL_GATEWAY_API_KEY_CREATE, &in, &reply, &problem) != ST_OK) {
		fprintf(stderr, "no key: %s\n", problem.detail);
		exit(1);
	}
	snprintf(ret, size, "%.*s", STR_ARG(reply.token));
}

static void bench_rps(int port, int bare_port, const char *token)
{
	double through[ROUNDS], bare[ROUNDS], ratios[ROUNDS];
	char request[512], note[200];
	struct http_load load = { 0 };

	snprintf(request, sizeof(request),
		 "GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n",
		 token);
	for (int i = 0; i < ROUNDS; i++) {
		struct http_load floor = { .port = bare_port,
					   .request = request,
					   .count = bench_size("BENCH_HTTP", 100000) };
		free(load.took_ms);
		load = (struct http_load){ .port = port,
					   .request = request,
					   .count = bench_size("BENCH_HTTP", 100000) };
		bare[i] = http_load_run(&floor);
		through[i] = http_load_run(&load);
		ratios[i] = through[i] / bare[i];
		free(floor.took_ms);
	}
	double p50 = bench_percentile(load.took_ms, (size_t)load.answered, 50);
	double p99 = bench_percentile(load.took_ms, (size_t)load.answered, 99);
	snprintf(note, sizeof(note),
		 "whoami, %d connections, p50 %.2f p99 %.2f ms, %lld failed; ratios %.2f to %.2f; "
		 "floor: a bare server",
		 CONNECTIONS, p50, p99, (long long)load.failed, bench_percentile(ratios, ROUNDS, 0),
		 bench_percentile(ratios, ROUNDS, 99));
	bench_row("gateway.rps", bench_median(through, ROUNDS), "/s", bench_median(bare, ROUNDS),
		  note);
	free(load.took_ms);
}

void bench_gateway(void)
{
	static const char *const names[] = { "gateway", NULL };
	char secret[640], listen[64], token[96];
	const char *env[] = { secret,
			      listen,
			      "PIOPL_GATEWAY_RATE=1000000",
			      "PIOPL_GATEWAY_BURST=1000000",
			      "PIOPL_GATEWAY_CONNECTIONS_PER_ADDRESS=20000",
			      "PIOPL_WORKERS=1",
			      NULL };
	int port = harness_free_port(), bare_port = harness_free_port();
	struct stack stack;

	stack_start(&stack, &(struct harness_options){ .postgres = true, .nats = true }, names);
	secret_write(&stack, secret, sizeof(secret));
	snprintf(listen, sizeof(listen), "PIOPL_GATEWAY_LISTEN_PORT=%d", port);
	stack_service_start(&stack, "gateway", env);
	key_make(&stack, token, sizeof(token));
	pid_t bare = bare_start(bare_port);
	bench_rps(port, bare_port, token);
	bench_idle(&stack, port);
	kill(bare, SIGKILL);
	waitpid(bare, NULL, 0);
	stack_stop(&stack);
}
