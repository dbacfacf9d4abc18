/* probe.c: is a part ready? Each question has a short limit, since one asks for all. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <postgresql/libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "services/terminal/supervise.h"

#define PROBE_MS_MAX 300

enum part_answer probe_postgres(const struct site *site, char *note, size_t note_size)
{
	char conninfo[SITE_PATH_MAX + 128];

	snprintf(conninfo, sizeof(conninfo), "host=%s port=%d dbname=postgres connect_timeout=2",
		 site->socket_dir, SITE_DATABASE_PORT);
	switch (PQping(conninfo)) {
	case PQPING_OK:
		return ANSWER_READY;
	case PQPING_REJECT:
		snprintf(note, note_size, "starting or recovering");
		return ANSWER_UNREADY;
	case PQPING_NO_RESPONSE:
	case PQPING_NO_ATTEMPT:
		break;
	}
	snprintf(note, note_size, "does not answer on its socket");
	return ANSWER_NONE;
}

/* Connected within the limit, or -1. */
static int loopback_connect(uint16_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd wait = { .fd = fd, .events = POLLOUT };
	int error = 0;
	socklen_t size = sizeof(error);

	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 &&
	    errno != EINPROGRESS)
		goto fail;
	if (poll(&wait, 1, PROBE_MS_MAX) != 1 ||
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0)
		goto fail;
	return fd;
fail:
	close(fd);
	return -1;
}

static size_t read_some(int fd, char *buffer, size_t buffer_size)
{
	size_t size = 0;
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	while (size + 1 < buffer_size && poll(&wait, 1, PROBE_MS_MAX) == 1) {
		ssize_t got = read(fd, buffer + size, buffer_size - 1 - size);

		if (got <= 0)
			break;
		size += (size_t)got;
		if (memchr(buffer, '\n', size) && !strstr(buffer, "HTTP/"))
			break;
	}
	buffer[size] = '\0';
	return size;
}

enum part_answer probe_nats(const struct site *site, char *note, size_t note_size)
{
	char text[64] = "";
	int fd = loopback_connect(site->port_nats);

	if (fd < 0) {
		snprintf(note, note_size, "does not answer on port %u", (unsigned)site->port_nats);
		return ANSWER_NONE;
	}
	read_some(fd, text, sizeof(text));
	close(fd);
	if (strncmp(text, "INFO ", 5) == 0)
		return ANSWER_READY;
	snprintf(note, note_size, "port %u does not speak NATS", (unsigned)site->port_nats);
	return text[0] ? ANSWER_UNREADY : ANSWER_NONE;
}

/* False when nobody listens; else the answer as far as it came. */
static bool http_get(uint16_t port, const char *path, char *ret, size_t ret_size)
{
	char request[128];
	int size =
		snprintf(request, sizeof(request),
			 "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
	int fd = loopback_connect(port);

	ret[0] = '\0';
	if (fd < 0)
		return false;
	if (write(fd, request, (size_t)size) == size)
		read_some(fd, ret, ret_size);
	close(fd);
	return true;
}

bool probe_page(uint16_t port, const char *path, char *text, size_t text_size, struct str *ret)
{
	const char *body = http_get(port, path, text, text_size) ? strstr(text, "\r\n\r\n") : NULL;

	if (!body || strncmp(text, "HTTP/1.1 200", 12) != 0)
		return false;
	*ret = str_of(body + 4);
	return true;
}

enum part_answer probe_http(uint16_t port, char *note, size_t note_size)
{
	char text[2048] = "";
	const char *body;

	if (!http_get(port, "/readyz", text, sizeof(text))) {
		snprintf(note, note_size, "does not answer on port %u", (unsigned)port);
		return ANSWER_NONE;
	}
	if (strncmp(text, "HTTP/1.1 200", 12) == 0)
		return ANSWER_READY;
	body = strstr(text, "\r\n\r\n");
	snprintf(note, note_size, "%s", body ? body + 4 : "says nothing on its health port");
	note[strcspn(note, "\r\n")] = '\0';
	return text[0] ? ANSWER_UNREADY : ANSWER_NONE;
}
