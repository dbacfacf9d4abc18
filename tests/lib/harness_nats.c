/* A private nats-server with JetStream. It is asked over plain TCP whether it is there, so the
 * harness needs no client library. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness_internal.h"

#define PORT_TRIES_MAX 5
#define PORT_FIRST 10000 /* below those the kernel gives out, and those of shell.h */
#define PORTS 9999
#define GREETING_MS_MAX 200

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((uint16_t)port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

/* A name that only one socket of the machine can have; it goes with the program. */
static bool port_claim(int port)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int size = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "piopl-port-%d", port);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		harness_die("cannot claim a port: %s", strerror(errno));
	if (bind(fd, (struct sockaddr *)&name,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)size)) == 0)
		return true;
	close(fd);
	return false;
}

static bool port_is_free(int port)
{
	struct sockaddr_in address = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_free = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

	if (fd >= 0)
		close(fd);
	return is_free;
}

int harness_free_port(void)
{
	for (int tries = 0; tries < PORTS; tries++) {
		int port = PORT_FIRST + (getpid() * 16 + tries) % PORTS;

		if (port_claim(port) && port_is_free(port))
			return port;
	}
	harness_die("cannot find a free port");
}

static void config_write(struct harness *harness)
{
	char path[96];
	char *text;

	snprintf(path, sizeof(path), "%s/nats.conf", harness->folder);
	if (asprintf(&text,
		     "host: 127.0.0.1\n"
		     "port: %d\n"
		     "server_name: test\n"
		     "max_payload: 1MB\n"
		     "jetstream {\n\tstore_dir: \"%s/nats\"\n\tmax_mem: 256MB\n\tmax_file: 8GB\n}\n"
		     "%s\n",
		     harness->nats_port, harness->folder,
		     harness->nats_config ? harness->nats_config : "") < 0)
		harness_die("no memory");
	harness_write_file(path, text);
	free(text);
}

/* The greeting names JetStream once it is up. */
static bool greets(int port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = loopback(port);
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	char greeting[2048] = "";

	if (fd < 0)
		return false;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	    poll(&poll_fd, 1, GREETING_MS_MAX) == 1 &&
	    recv(fd, greeting, sizeof(greeting) - 1, 0) < 0)
		greeting[0] = '\0';
	close(fd);
	return strncmp(greeting, "INFO ", 5) == 0 && strstr(greeting, "\"jetstream\":true");
}

static bool greets_or_ended(void *context)
{
	struct harness *harness = context;

	if (harness_reap(harness->nats_pid, 0, NULL)) {
		harness->nats_pid = 0;
		return true;
	}
	return greets(harness->nats_port);
}

static void log_path(const struct harness *harness, char *path, size_t path_size)
{
	snprintf(path, path_size, "%s/nats.log", harness->folder);
}

static bool start_once(struct harness *harness)
{
	char config[96], log[96];
	const char *const argv[] = { "nats-server", "-c", config, NULL };
	struct harness_child child = { .argv = argv, .logfile = log, .death_signal = SIGKILL };

	snprintf(config, sizeof(config), "%s/nats.conf", harness->folder);
	log_path(harness, log, sizeof(log));
	config_write(harness);
	harness->nats_pid = harness_fork(&child);
	return harness_wait_for(greets_or_ended, harness, HARNESS_START_MS_MAX) &&
	       harness->nats_pid != 0;
}

void harness_nats_start(struct harness *harness)
{
	char log[96];

	if (harness->nats_pid != 0)
		harness_die("nats-server runs already");
	if (start_once(harness))
		return;
	log_path(harness, log, sizeof(log));
	harness_show_file(log);
	harness_die("nats-server does not answer on port %d", harness->nats_port);
}

static void nats_end(struct harness *harness, int signal_number)
{
	if (harness->nats_pid == 0)
		return;
	kill(harness->nats_pid, signal_number);
	if (!harness_reap(harness->nats_pid, HARNESS_STOP_MS_MAX, NULL))
		harness_die("nats-server does not stop");
	harness->nats_pid = 0;
}

void harness_nats_stop(struct harness *harness)
{
	nats_end(harness, SIGTERM);
}

void harness_nats_kill9(struct harness *harness)
{
	nats_end(harness, SIGKILL);
}

void harness_nats_wipe_store(struct harness *harness)
{
	char store[96];
	const char *const argv[] = { "rm", "-rf", store, NULL };
	struct harness_child child = { .argv = argv,
				       .logfile = "/dev/null",
				       .death_signal = SIGKILL };

	if (harness->nats_pid != 0)
		harness_die("the store is wiped while nats-server is stopped");
	snprintf(store, sizeof(store), "%s/nats", harness->folder);
	harness_run(&child, HARNESS_STOP_MS_MAX);
}

void harness_nats_configure(struct harness *harness, const char *config)
{
	free(harness->nats_config);
	harness->nats_config = config ? strdup(config) : NULL;
	config_write(harness);
}

void harness_nats_reload(struct harness *harness)
{
	if (harness->nats_pid == 0)
		harness_die("nats-server does not run");
	kill(harness->nats_pid, SIGHUP);
}

const char *harness_nats_url(const struct harness *harness)
{
	return harness->nats_url;
}

int harness_nats_port(const struct harness *harness)
{
	return harness->nats_port;
}

void harness_nats_create(struct harness *harness)
{
	if (harness->options.nats_config)
		harness->nats_config = strdup(harness->options.nats_config);
	/* someone else may take the port between our look and the server's start */
	for (int tries = 1; tries < PORT_TRIES_MAX; tries++) {
		harness->nats_port = harness_free_port();
		if (start_once(harness))
			break;
		nats_end(harness, SIGKILL);
	}
	if (harness->nats_pid == 0) {
		harness->nats_port = harness_free_port();
		harness_nats_start(harness);
	}
	snprintf(harness->nats_url, sizeof(harness->nats_url), "nats://127.0.0.1:%d",
		 harness->nats_port);
}

void harness_nats_destroy(struct harness *harness)
{
	nats_end(harness, SIGKILL);
	free(harness->nats_config);
}
