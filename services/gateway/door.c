/* door.c: the daemon, its connections and the loop: epoll over the HTTP library's own epoll and the
 * event descriptor that the bus writes. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "door.h"
#include "gen/contract.h"
#include "log.h"

#define ANSWERS_TAKE 256
#define ATTEMPTS_WINDOW_S 60.0
#define TLS_FILE_BYTES_MAX (256 * 1024)
#define FILES_BESIDE 64 /* descriptors that are no connections */
#define ROUTES_ARENA_BYTES (8 * 1024 * 1024)

/* TLS 1.2 with forward secrecy and authenticated ciphers only, and 1.3. */
#define TLS_PRIORITIES                                                                             \
	"NONE:+VERS-TLS1.3:+VERS-TLS1.2:+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:"             \
	"+ECDHE-ECDSA:+ECDHE-RSA:+AEAD:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:"           \
	"+SIGN-ALL:-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:+COMP-NULL:+CTYPE-X509:%SERVER_PRECEDENCE"

const struct metric_definition gateway_metrics[] = {
	[GATEWAY_METRIC_OK - METRIC_SERVICE_FIRST] = { "piopl_http_requests_total", METRIC_COUNTER,
						       "requests answered", "class=\"2xx\"" },
	[GATEWAY_METRIC_REFUSED - METRIC_SERVICE_FIRST] = { "piopl_http_requests_total",
							    METRIC_COUNTER, "requests answered",
							    "class=\"4xx\"" },
	[GATEWAY_METRIC_FAILED - METRIC_SERVICE_FIRST] = { "piopl_http_requests_total",
							   METRIC_COUNTER, "requests answered",
							   "class=\"5xx\"" },
	[GATEWAY_METRIC_UNAUTHENTICATED -
		METRIC_SERVICE_FIRST] = { "piopl_http_credentials_refused_total", METRIC_COUNTER,
					  "credentials that were not good", NULL },
	[GATEWAY_METRIC_LIMITED - METRIC_SERVICE_FIRST] = { "piopl_http_limited_total",
							    METRIC_COUNTER,
							    "requests over their rate", NULL },
	[GATEWAY_METRIC_SLOW - METRIC_SERVICE_FIRST] = { "piopl_http_slow_clients_total",
							 METRIC_COUNTER,
							 "connections ended for being slow", NULL },
	[GATEWAY_METRIC_CONNECTIONS - METRIC_SERVICE_FIRST] = { "piopl_http_connections",
								METRIC_GAUGE, "open connections",
								NULL },
	[GATEWAY_METRIC_STREAMS - METRIC_SERVICE_FIRST] = { "piopl_http_streams", METRIC_GAUGE,
							    "open event streams", NULL },
	[GATEWAY_METRIC_EVENTS - METRIC_SERVICE_FIRST] = { "piopl_http_events_total",
							   METRIC_COUNTER,
							   "events taken for the streams", NULL },
	[GATEWAY_METRIC_REQUEST_MS - METRIC_SERVICE_FIRST] = { "piopl_http_request_milliseconds",
							       METRIC_HISTOGRAM_MS,
							       "from head to answer", NULL },
	{ .name = NULL },
};

/* ---- connections ---- */

static void address_text(const struct sockaddr *address, char ret[DOOR_ADDRESS_SIZE])
{
	const struct sockaddr_in6 *six = (const void *)address;

	ret[0] = 0;
	if (address->sa_family == AF_INET) {
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr,
			  ret, DOOR_ADDRESS_SIZE);
	} else if (address->sa_family == AF_INET6) {
		struct in6_addr network = six->sin6_addr;
		if (!IN6_IS_ADDR_V4MAPPED(&network))
			memset(network.s6_addr + 8, 0, 8);
		inet_ntop(AF_INET6, &network, ret, DOOR_ADDRESS_SIZE);
	}
}

static void connection_open(struct door *door, struct MHD_Connection *handle, void **socket_context)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	const union MHD_ConnectionInfo *info;

	if (!connection)
		return;
	connection->handle = handle;
	connection->since_ns = clock_mono_ns();
	info = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CONNECTION_FD);
	connection->fd = info ? info->connect_fd : -1;
	info = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	if (info && info->client_addr)
		address_text(info->client_addr, connection->address);
	connection->next = door->connections;
	if (door->connections)
		door->connections->previous = connection;
	door->connections = connection;
	door->connection_count++;
	*socket_context = connection;
}

static void connection_close(struct door *door, struct connection *connection)
{
	if (!connection)
		return;
	if (connection->previous)
		connection->previous->next = connection->next;
	else
		door->connections = connection->next;
	if (connection->next)
		connection->next->previous = connection->previous;
	door->connection_count--;
	free(connection);
}

static void on_connection(void *closure, struct MHD_Connection *handle, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		connection_open(closure, handle, socket_context);
	else
		connection_close(closure, *socket_context);
}

static void connection_set(struct connection *connection, enum connection_state state)
{
	if (!connection)
		return;
	connection->state = state;
	connection->since_ns = clock_mono_ns();
}

static struct connection *connection_of(struct MHD_Connection *handle)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(handle, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

/* The status is written past the HTTP library, which could only close; not possible under TLS. */
static void connection_end(struct door *door, struct connection *connection)
{
	static const char text[] = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
				   "Content-Length: 0\r\n\r\n";

	connection->ended = true;
	if (connection->state != CONNECTION_IDLE) {
		metric_add(GATEWAY_METRIC_SLOW, 1);
		if (!door->tls)
			(void)!send(connection->fd, text, sizeof(text) - 1,
				    MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	shutdown(connection->fd, SHUT_RDWR);
}

/* Slow clients: a head, a body and a pause have their times. What waits for us does not count. */
static void connections_sweep(struct door *door)
{
	const struct gateway_config *config = door->config;
	uint64_t now_ns = clock_mono_ns();

	for (struct connection *c = door->connections; c; c = c->next) {
		int64_t limit_ms = c->state == CONNECTION_FRESH  ? config->header_timeout_ms
				   : c->state == CONNECTION_BUSY ? config->body_timeout_ms
								 : config->idle_timeout_ms;
		if (!c->ended && c->since_ns != UINT64_MAX && now_ns > c->since_ns &&
		    now_ns - c->since_ns > (uint64_t)limit_ms * 1000000u)
			connection_end(door, c);
	}
	metric_set(GATEWAY_METRIC_CONNECTIONS, (int64_t)door->connection_count);
}

/* ---- callbacks of the HTTP library ---- */

static void *on_uri(void *closure, const char *uri, struct MHD_Connection *handle)
{
	struct request *request = request_new(closure, uri, handle);

	if (!request)
		return NULL;
	request->connection = connection_of(handle);
	return request;
}

static enum MHD_Result on_request(void *closure, struct MHD_Connection *handle, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **context)
{
	struct request *request = *context;
	enum MHD_Result result;

	(void)closure;
	(void)handle;
	(void)url;
	(void)version;
	if (!request || !request->connection)
		return MHD_NO;
	if (request->state == REQUEST_NEW)
		connection_set(request->connection, CONNECTION_BUSY);
	result = request_step(request, method, upload, upload_size);
	if (request->state == REQUEST_WAITING || request->state == REQUEST_DONE)
		request->connection->since_ns = UINT64_MAX; /* it waits for us */
	return result;
}

static void on_completed(void *closure, struct MHD_Connection *handle, void **context,
			 enum MHD_RequestTerminationCode code)
{
	struct request *request = *context;

	(void)closure;
	(void)handle;
	(void)code;
	if (!request)
		return;
	connection_set(request->connection, CONNECTION_IDLE);
	request_free(request);
	*context = NULL;
}

/* Nothing is decoded by the HTTP library: a "%2F" is no "/", and a "%00" no end. */
static size_t on_unescape(void *closure, struct MHD_Connection *handle, char *text)
{
	(void)closure;
	(void)handle;
	return strlen(text);
}

/* ---- starting ---- */

static char *file_read(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = calloc(1, TLS_FILE_BYTES_MAX + 1);
	size_t size = file && text ? fread(text, 1, TLS_FILE_BYTES_MAX, file) : 0;

	if (file)
		fclose(file);
	if (size > 0)
		return text;
	free(text);
	return NULL;
}

static int listen_socket(const struct gateway_config *config, struct problem *problem)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6,
				    .sin6_port = htons((uint16_t)config->listen_port) };
	struct sockaddr_in four = { .sin_family = AF_INET,
				    .sin_port = htons((uint16_t)config->listen_port) };
	bool is_six = inet_pton(AF_INET6, config->listen_address, &six.sin6_addr) == 1;
	int one = 1, fd = -1;

	if (is_six || inet_pton(AF_INET, config->listen_address, &four.sin_addr) == 1)
		fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			    0);
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		const struct sockaddr *address = is_six ? (const void *)&six : (const void *)&four;
		if (bind(fd, address, is_six ? sizeof(six) : sizeof(four)) == 0 &&
		    listen(fd, 4096) == 0)
			return fd;
		close(fd);
	}
	problem_set(problem, ST_CONFIG_INVALID, "PIOPL_GATEWAY_LISTEN_PORT",
		    "cannot listen on %s, port %lld: %s; choose another one",
		    config->listen_address, (long long)config->listen_port, strerror(errno));
	return -1;
}

/* As many descriptors as connections need, or as many connections as descriptors allow. */
static unsigned connections_max(const struct gateway_config *config)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return (unsigned)config->connections;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max == RLIM_INFINITY ||
	    limit.rlim_max >= (rlim_t)config->connections + FILES_BESIDE)
		return (unsigned)config->connections;
	log_write(LOG_WARN, &(struct log_fields){ .category = "http" },
		  "%llu descriptors are allowed: fewer connections than configured",
		  (unsigned long long)limit.rlim_max);
	return (unsigned)(limit.rlim_max - FILES_BESIDE);
}

static enum st daemon_start(struct door *door, struct problem *problem)
{
	const struct gateway_config *config = door->config;
	char *certificate = NULL, *key = NULL;
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, NULL },
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, NULL },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES },
		{ MHD_OPTION_END, 0, NULL },
	};
	struct MHD_OptionItem *extra = &tls[3];
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;

	if (config->tls_certificate_file[0]) {
		certificate = file_read(config->tls_certificate_file);
		key = file_read(config->tls_key_file);
		if (!certificate || !key)
			return problem_set(problem, ST_CONFIG_INVALID,
					   "PIOPL_GATEWAY_TLS_CERTIFICATE_FILE",
					   "certificate or key cannot be read");
		tls[0].ptr_value = key;
		tls[1].ptr_value = certificate;
		extra = tls;
		flags |= MHD_USE_TLS;
		door->tls = true;
	}
	int fd = listen_socket(config, problem);
	if (fd < 0)
		return ST_CONFIG_INVALID;
	door->daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, on_request, door, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, door, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, door, MHD_OPTION_URI_LOG_CALLBACK, on_uri, door,
		MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL, MHD_OPTION_CONNECTION_LIMIT,
		connections_max(config), MHD_OPTION_PER_IP_CONNECTION_LIMIT,
		(unsigned)config->connections_per_address, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)DOOR_CONNECTION_BYTES, MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)1024,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, extra, MHD_OPTION_END);
	free(certificate);
	free(key);
	if (!door->daemon) {
		close(fd);
		return problem_set(problem, ST_CONFIG_INVALID, "PIOPL_GATEWAY_LISTEN_PORT",
				   "the HTTP daemon does not start%s",
				   door->tls ? "; are certificate and key of each other?" : "");
	}
	return ST_OK;
}

static enum st loop_open(struct door *door, struct problem *problem)
{
	struct epoll_event event = { .events = EPOLLIN };
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(door->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	door->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (door->epoll_fd < 0 || !info ||
	    epoll_ctl(door->epoll_fd, EPOLL_CTL_ADD, info->epoll_fd, &event) != 0 ||
	    epoll_ctl(door->epoll_fd, EPOLL_CTL_ADD, door->event_fd, &event) != 0)
		return problem_set(problem, ST_NO_MEMORY, "", "no epoll descriptor");
	return ST_OK;
}

static enum st door_open(struct door *door, struct problem *problem)
{
	const struct gateway_config *config = door->config;

	arena_init(&door->arena, ROUTES_ARENA_BYTES);
	door->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	door->routes = routes_build(&door->arena, proto_calls);
	door->cache = calloc((size_t)DOOR_CACHE_SETS * DOOR_CACHE_WAYS, sizeof(*door->cache));
	if (door->event_fd < 0 || !door->routes || !door->cache ||
	    !limit_init(&door->rates, DOOR_LIMIT_SETS, (double)config->rate,
			(double)config->burst) ||
	    !limit_init(&door->attempts, DOOR_LIMIT_SETS,
			(double)config->attempts / ATTEMPTS_WINDOW_S, (double)config->attempts))
		return problem_set(problem, ST_NO_MEMORY, "", "no memory for the door");
	TRY(bus_async_open(svc_bus(door->svc), (size_t)config->in_flight, door->event_fd,
			   &door->async, problem));
	TRY(oidc_open(door, problem));
	TRY(hub_open(door, problem));
	TRY(daemon_start(door, problem));
	return loop_open(door, problem);
}

/* ---- the loop ---- */

static void answers_take(struct door *door)
{
	static struct bus_answer answers[ANSWERS_TAKE];
	size_t count = bus_async_take(door->async, answers, ANSWERS_TAKE);

	for (size_t i = 0; i < count; i++) {
		enum asker asker = *(const enum asker *)answers[i].context;
		if (asker == ASKER_REQUEST)
			request_on_answer(answers[i].context, &answers[i]);
		else if (asker == ASKER_SOURCE)
			source_on_answer(door, answers[i].context, &answers[i]);
		else
			stream_on_answer(answers[i].context, &answers[i]);
	}
	if (count == ANSWERS_TAKE) /* there may be more */
		(void)!write(door->event_fd, &(uint64_t){ 1 }, sizeof(uint64_t));
}

static int wait_ms(struct door *door)
{
	MHD_UNSIGNED_LONG_LONG library_ms = 0;
	int ms = oidc_is_busy(door) ? DOOR_TICK_MS / 10 : DOOR_TICK_MS;

	if (MHD_get_timeout(door->daemon, &library_ms) == MHD_YES &&
	    library_ms < (MHD_UNSIGNED_LONG_LONG)ms)
		return (int)library_ms;
	return ms;
}

static void turn(struct door *door)
{
	struct epoll_event events[2];
	uint64_t count;

	(void)epoll_wait(door->epoll_fd, events, 2, wait_ms(door));
	(void)!read(door->event_fd, &count, sizeof(count));
	bus_cork(svc_bus(door->svc));
	hub_run(door); /* an event is heard before an answer that counts it */
	answers_take(door);
	oidc_run(door);
	MHD_run(door->daemon);
	(void)!bus_send(svc_bus(door->svc), 0);
	log_release();
}

/* Requests that wait get their answers, streams end, new connections find nobody. */
static void door_drain(struct door *door)
{
	uint64_t until_ns = clock_mono_ns() + DOOR_DRAIN_MS * 1000000ull;
	int fd;

	door->draining = true;
	fd = MHD_quiesce_daemon(door->daemon);
	if (fd >= 0)
		close(fd);
	streams_end(door);
	while (door->busy > 0 && clock_mono_ns() < until_ns)
		turn(door);
}

static void door_close(struct door *door)
{
	if (door->oidc)
		oidc_close(door);
	if (door->daemon)
		MHD_stop_daemon(door->daemon);
	bus_async_close(door->async);
	hub_close(door);
	limit_free(&door->rates);
	limit_free(&door->attempts);
	free(door->cache);
	arena_free(&door->arena);
}

void gateway_door(struct svc *svc, void *state)
{
	static struct door door;
	struct problem problem = { 0 };
	uint64_t tick_ns = 0;

	door.svc = svc;
	door.config = state;
	enum st st = door_open(&door, &problem);
	if (st != ST_OK) {
		log_write(LOG_ERROR,
			  &(struct log_fields){ .category = "http", .status = st_info(st)->code },
			  "%s: %s", problem.pointer, problem.detail);
		return;
	}
	log_write(LOG_INFO, &(struct log_fields){ .category = "http" },
		  "listening on %s, port %lld", door.config->listen_address,
		  (long long)door.config->listen_port);
	log_hold();
	for (;;) {
		turn(&door);
		if (clock_mono_ns() - tick_ns < DOOR_TICK_MS * 1000000ull)
			continue;
		tick_ns = clock_mono_ns();
		if (!svc_door_continues(svc, true))
			break;
		connections_sweep(&door);
		streams_tick(&door);
	}
	door_drain(&door);
	door_close(&door);
}
