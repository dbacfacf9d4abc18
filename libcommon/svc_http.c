/* svc_http.c: /metrics, /healthz and /readyz on loopback, served by the parent between its other
 * duties. No threads: the parent forks. */
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#include "svc_internal.h"

#define HTTP_METRICS_BYTES_MAX (256 * 1024)
#define HTTP_CONNECTIONS_MAX 64
#define HTTP_TIMEOUT_S 5

static struct MHD_Daemon *daemon_handle;

static enum MHD_Result respond(struct MHD_Connection *connection, unsigned status, const char *type,
			       const char *text)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", type);
	enum MHD_Result result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result on_metrics(struct MHD_Connection *connection)
{
	struct arena arena;
	struct buf buf;

	arena_init(&arena, HTTP_METRICS_BYTES_MAX);
	buf_init(&buf, &arena, 16 * 1024);
	metrics_print(&buf);
	struct str text = buf_str(&buf);
	enum MHD_Result result =
		text.data ? respond(connection, 200, "text/plain; version=0.0.4", text.data)
			  : respond(connection, 500, "text/plain", "too large\n");
	arena_free(&arena);
	return result;
}

static enum MHD_Result on_request(void *closure, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **context)
{
	const struct svc *svc = closure;

	(void)version;
	(void)upload;
	(void)upload_size;
	(void)context;
	if (strcmp(method, "GET") != 0)
		return respond(connection, 405, "text/plain", "only GET\n");
	if (strcmp(url, "/metrics") == 0)
		return on_metrics(connection);
	if (strcmp(url, "/healthz") == 0)
		return respond(connection, 200, "text/plain", "ok\n");
	if (strcmp(url, "/readyz") == 0)
		return svc_is_ready(svc) ? respond(connection, 200, "text/plain", "ready\n")
					 : respond(connection, 503, "text/plain", "not ready\n");
	return respond(connection, 404, "text/plain",
		       "no such page; there are /metrics, /healthz and /readyz\n");
}

enum st svc_http_start(struct svc *svc, struct problem *problem)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)svc->config.http_port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	if (svc->config.http_any_address)
		address.sin_addr.s_addr = htonl(INADDR_ANY);
	if (svc->config.http_port == 0)
		return ST_OK;
	daemon_handle = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, on_request, svc, MHD_OPTION_SOCK_ADDR, &address,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_TIMEOUT_S, MHD_OPTION_END);
	if (!daemon_handle)
		return problem_set(problem, ST_CONFIG_INVALID, "",
				   "cannot listen on port %lld; set PIOPL_HTTP_PORT to a free one",
				   (long long)svc->config.http_port);
	return ST_OK;
}

void svc_http_run(uint32_t timeout_ms)
{
	if (daemon_handle)
		MHD_run_wait(daemon_handle, (int32_t)timeout_ms);
	else
		svc_pause(timeout_ms);
}

void svc_http_stop(void)
{
	if (daemon_handle)
		MHD_stop_daemon(daemon_handle);
	daemon_handle = NULL;
}

void svc_http_stop_in_child(void)
{
	const union MHD_DaemonInfo *info;

	if (!daemon_handle)
		return;
	info = MHD_get_daemon_info(daemon_handle, MHD_DAEMON_INFO_LISTEN_FD);
	if (info)
		close(info->listen_fd);
	daemon_handle = NULL;
}
