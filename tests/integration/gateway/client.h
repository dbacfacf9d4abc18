/* client.h: a gateway under test and a plain HTTP/1.1 client, for the tests in this folder. */
#ifndef PIOPL_TEST_GATEWAY_CLIENT_H
#define PIOPL_TEST_GATEWAY_CLIENT_H

#define GATEWAY_TEST_BODY_MAX (256 * 1024)

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gen/gateway.h"
#include "tests/lib/stack.h"

struct client {
	struct stack stack;
	int port;
	char secret[600];
};

struct answer {
	int status;
	size_t size;
	char text[512 * 1024]; /* head and body */
	char *body;
};

static inline void client_gateway_start(struct client *client, const char *const *env)
{
	char secret_env[700], port_env[64];
	const char *all[24] = { secret_env, port_env };
	size_t n = 2;

	snprintf(secret_env, sizeof(secret_env), "PIOPL_GATEWAY_KEY_SECRET_FILE=%s",
		 client->secret);
	snprintf(port_env, sizeof(port_env), "PIOPL_GATEWAY_LISTEN_PORT=%d", client->port);
	for (; env && *env && n < 23; env++)
		all[n++] = *env;
	stack_service_start(&client->stack, "gateway", all);
}

static inline void client_start(struct client *client, const char *const *names,
				const char *const *env)
{
	stack_start(&client->stack, &(struct harness_options){ .postgres = true, .nats = true },
		    names);
	snprintf(client->secret, sizeof(client->secret), "%s/gateway.secret",
		 harness_folder(client->stack.harness));
	FILE *file = fopen(client->secret, "w");
	assert_non_null(file);
	fputs("0123456789abcdef0123456789abcdef", file);
	fclose(file);
	chmod(client->secret, 0600);
	client->port = harness_free_port();
	for (; *names; names++) {
		if (strcmp(*names, "gateway") == 0)
			client_gateway_start(client, env);
		else
			stack_service_start(&client->stack, *names, NULL);
	}
}

/* For harness_wait_for; the context is a port. */
static inline bool client_port_answers(void *context)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t) * (const int *)context),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bool up = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

	close(fd);
	return up;
}

/* The packages of this folder, as the lock file has them; the last that came is looked for. */
static inline void client_packages(const struct client *client)
{
	static const char *const argv[] = { "sh", "-c",
					    "test -d node_modules/viem || npm ci --no-audit "
					    "--no-fund",
					    NULL };
	char path[512];
	int status = -1;

	snprintf(path, sizeof(path), "%s/tests/integration/gateway", harness_root_folder());
	assert_int_equal(chdir(path), 0);
	pid_t pid = harness_spawn(client->stack.harness, argv, NULL, "install.log");
	assert_true(harness_wait_exit(client->stack.harness, pid, 60000, &status));
	assert_int_equal(status, 0);
}

static inline int client_connect(const struct client *client)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)client->port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval limit = { .tv_sec = 20 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static inline void client_send(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
		if (sent <= 0)
			return; /* the answer says why */
		data += sent;
		size -= (size_t)sent;
	}
}

static inline void client_receive(int fd, struct answer *ret)
{
	ssize_t got;

	ret->size = 0;
	ret->status = 0;
	while (ret->size < sizeof(ret->text) - 1 &&
	       (got = read(fd, ret->text + ret->size, sizeof(ret->text) - 1 - ret->size)) > 0)
		ret->size += (size_t)got;
	ret->text[ret->size] = 0;
	if (strncmp(ret->text, "HTTP/1.1 ", 9) == 0)
		ret->status = atoi(ret->text + 9);
	ret->body = strstr(ret->text, "\r\n\r\n");
	ret->body = ret->body ? ret->body + 4 : ret->text + ret->size;
}

/* One request on a connection of its own. `headers` are whole lines with "\r\n"; a credential and
 * an idempotency key are added when they are not NULL. */
static inline struct answer *client_ask(const struct client *client, const char *method,
					const char *path, const char *token, const char *key,
					const char *headers, const char *body)
{
	static struct answer answer;
	size_t body_size = body ? strlen(body) : 0, head_size;
	char *head = malloc(64 * 1024);
	int fd = client_connect(client);

	head_size = (size_t)snprintf(
		head, 64 * 1024,
		"%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s%s%s"
		"%s%s%s%s",
		method, path, token ? "Authorization: Bearer " : "", token ? token : "",
		token ? "\r\n" : "", key ? "Idempotency-Key: " : "", key ? key : "",
		key ? "\r\n" : "", headers ? headers : "");
	if (body)
		head_size += (size_t)snprintf(head + head_size, 64 * 1024 - head_size,
					      "Content-Type: application/json\r\n"
					      "Content-Length: %zu\r\n",
					      body_size);
	head_size += (size_t)snprintf(head + head_size, 64 * 1024 - head_size, "\r\n");
	client_send(fd, head, head_size);
	if (body)
		client_send(fd, body, body_size);
	client_receive(fd, &answer);
	close(fd);
	free(head);
	return &answer;
}

static inline struct answer *client_get(const struct client *client, const char *path,
					const char *token)
{
	return client_ask(client, "GET", path, token, NULL, NULL, NULL);
}

/* The code of a problem document, "" when it is none. */
static inline const char *answer_code(const struct answer *answer)
{
	static char code[64];
	const char *at = strstr(answer->body, "\"code\":\"");

	code[0] = 0;
	if (at)
		snprintf(code, sizeof(code), "%.*s", (int)strcspn(at + 8, "\""), at + 8);
	return code;
}

static inline bool answer_has_header(const struct answer *answer, const char *line_start)
{
	char wanted[256];
	const char *at;

	snprintf(wanted, sizeof(wanted), "\r\n%s", line_start);
	at = strcasestr(answer->text, wanted);
	return at && at < answer->body;
}

/* A key made by the terminal; NULL ends the scopes. */
static inline void client_key_full(struct client *client, enum gateway_principal_kind kind,
				   const char *subject, const char *const *scopes, int64_t ttl_s,
				   struct gateway_api_key_create_reply *ret)
{
	struct gateway_api_key_create_request in = { .name = STR("test"),
						     .kind = kind,
						     .subject = str_of(subject) };
	struct problem problem = { 0 };
	struct str list[64];

	for (; scopes[in.scopes.count]; in.scopes.count++)
		list[in.scopes.count] = str_of(scopes[in.scopes.count]);
	in.scopes.items = list;
	in.has_ttl_s = ttl_s > 0;
	in.ttl_s = ttl_s;
	enum st st = stack_call(&client->stack, &CALL_GATEWAY_API_KEY_CREATE, &in, ret, &problem);
	if (st != ST_OK)
		fail_msg("api_key_create: %s: %s", st_info(st)->code, problem.detail);
}

static inline const char *client_key(struct client *client, enum gateway_principal_kind kind,
				     const char *subject, const char *const *scopes, char ret[96])
{
	struct gateway_api_key_create_reply reply;

	client_key_full(client, kind, subject, scopes, 0, &reply);
	snprintf(ret, 96, "%.*s", STR_ARG(reply.token));
	return ret;
}

#endif
