/* site.c: finds the installation and the programs it needs. */
#include "services/terminal/site.h"

#include <fcntl.h>
#include <glob.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena.h"
#include "json.h"

#define INSTALL_BYTES_MAX 4096

const char *const site_services[] = { "registry", "audit", "token",   "approval",
				      "policy",   "meter", "gateway", NULL };

/* Every path is short enough or the site does not load, so cutting here cannot be silent. */
static bool path_print(char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool path_print(char *path, const char *format, ...)
{
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(path, SITE_PATH_MAX, format, args);
	va_end(args);
	return size > 0 && size < SITE_PATH_MAX;
}

struct site_text site_path(const struct site *site, const char *format, ...)
{
	struct site_text path;
	int size = snprintf(path.text, sizeof(path.text), "%s/", site->data);
	va_list args;

	va_start(args, format);
	vsnprintf(path.text + size, sizeof(path.text) - (size_t)size, format, args);
	va_end(args);
	return path;
}

/* Leaves the port as it is when the environment says nothing. */
static enum st port_load(const char *name, uint16_t *ret, struct problem *problem)
{
	const char *text = getenv(name);
	int64_t port;

	if (!text || text[0] == '\0')
		return ST_OK;
	if (!str_to_i64(str_of(text), &port) || port < 1 || port > SITE_PORT_MAX) {
		problem_set(problem, ST_CONFIG_INVALID, name, "\"%s\" is not a port", text);
		problem_hint(problem, "a number from 1 to %d", SITE_PORT_MAX);
		return ST_CONFIG_INVALID;
	}
	*ret = (uint16_t)port;
	return ST_OK;
}

/* The ports an installation was started with last; ours when it does not say. */
static void ports_remembered(struct site *site)
{
	char text[INSTALL_BYTES_MAX];
	struct arena arena;
	struct json *root;
	int fd = open(site_path(site, "install.json").text, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd >= 0 ? read(fd, text, sizeof(text)) : -1;

	if (fd >= 0)
		close(fd);
	arena_init(&arena, 64 * 1024);
	if (size > 0 &&
	    json_parse(&arena, (struct str){ text, (size_t)size }, &root, NULL) == ST_OK) {
		const struct json *nats = json_member(root, "port_nats");
		const struct json *http = json_member(root, "port_http");

		if (nats && nats->number >= 1 && nats->number <= SITE_PORT_MAX)
			site->port_nats = (uint16_t)nats->number;
		if (http && http->number >= 1 && http->number <= SITE_PORT_MAX)
			site->port_http = (uint16_t)http->number;
	}
	arena_free(&arena);
}

static bool data_load(struct site *site)
{
	const char *data = getenv("PIOPL_DATA");
	const char *home = getenv("HOME");
	char cwd[SITE_PATH_MAX];

	if (data && data[0] == '/')
		return path_print(site->data, "%s", data);
	if (data && data[0] != '\0')
		return getcwd(cwd, sizeof(cwd)) && path_print(site->data, "%s/%s", cwd, data);
	if (site->root)
		return path_print(site->data, "/var/lib/piopl");
	return home && path_print(site->data, "%s/.local/share/piopl", home);
}

static bool is_file(const char *path)
{
	return access(path, R_OK) == 0;
}

/* PostgreSQL 15 or newer, from Debian's place or the path. */
static void postgres_find(struct site *site)
{
	static const char *const patterns[] = {
		"/usr/lib/postgresql/15/bin/postgres",
		"/usr/lib/postgresql/1[6-9]/bin/postgres",
		"/usr/local/pgsql/bin/postgres",
	};

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		glob_t found = { 0 };

		if (glob(patterns[i], 0, NULL, &found) == 0 && found.gl_pathc > 0) {
			char *slash;

			path_print(site->postgres_dir, "%s", found.gl_pathv[0]);
			slash = strrchr(site->postgres_dir, '/');
			*slash = '\0';
			globfree(&found);
			return;
		}
		globfree(&found);
	}
}

static void nats_find(struct site *site)
{
	static const char *const places[] = {
		"/usr/sbin/nats-server",
		"/usr/bin/nats-server",
		"/usr/local/bin/nats-server",
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (access(places[i], X_OK) == 0) {
			path_print(site->nats_server, "%s", places[i]);
			return;
		}
}

static void postgres_user_find(struct site *site)
{
	const struct passwd *user;

	site->postgres_uid = geteuid();
	site->postgres_gid = getegid();
	if (!site->root)
		return;
	user = getpwnam("postgres");
	site->postgres_user_missing = !user;
	if (user) {
		site->postgres_uid = user->pw_uid;
		site->postgres_gid = user->pw_gid;
	}
}

/* Beside the program when run from the build, under share/ when installed. */
static void share_find(struct site *site)
{
	ssize_t size = readlink("/proc/self/exe", site->bin_dir, sizeof(site->bin_dir) - 1);
	char *slash;

	if (size <= 0)
		return;
	site->bin_dir[size] = '\0';
	slash = strrchr(site->bin_dir, '/');
	*slash = '\0';
	path_print(site->gen_dir, "%s/../gen", site->bin_dir);
	path_print(site->migrations_dir, "%s/../../migrations", site->bin_dir);
	path_print(site->constitution, "%s/../../services/terminal/constitution.md", site->bin_dir);
	path_print(site->catalog, "%s/../../services/policy/catalog", site->bin_dir);
	if (!is_file(site->gen_dir))
		path_print(site->gen_dir, "%s/../share/piopl", site->bin_dir);
	if (!is_file(site->migrations_dir))
		path_print(site->migrations_dir, "%s/../share/piopl/migrations", site->bin_dir);
	if (!is_file(site->constitution))
		path_print(site->constitution, "%s/../share/piopl/constitution.md", site->bin_dir);
	if (!is_file(site->catalog))
		path_print(site->catalog, "%s/../share/piopl/catalog", site->bin_dir);
}

/* A socket's name has a hard limit, so a long data directory gets a short place of its own. */
static void socket_dir_choose(struct site *site)
{
	uint64_t hash = 14695981039346656037u;

	if (path_print(site->socket_dir, "%s/run/pg", site->data) &&
	    strlen(site->socket_dir) <= SITE_SOCKET_PATH_MAX)
		return;
	for (const char *c = site->data; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 1099511628211u;
	path_print(site->socket_dir, "/tmp/piopl-%u-%08x", (unsigned)geteuid(), (unsigned)hash);
}

enum st site_load(struct site *ret, struct problem *problem)
{
	struct site site = { .root = geteuid() == 0 };

	if (!data_load(&site) || strlen(site.data) > SITE_PATH_MAX - 64) {
		problem_set(problem, ST_CONFIG_INVALID, "PIOPL_DATA",
			    "there is no usable data directory");
		problem_hint(problem, "an absolute path shorter than %d bytes", SITE_PATH_MAX - 64);
		return ST_CONFIG_INVALID;
	}
	site.port_nats = SITE_PORT_NATS;
	site.port_http = SITE_PORT_HTTP;
	ports_remembered(&site);
	TRY(port_load("PIOPL_PORT_NATS", &site.port_nats, problem));
	TRY(port_load("PIOPL_PORT_HTTP", &site.port_http, problem));
	postgres_find(&site);
	nats_find(&site);
	postgres_user_find(&site);
	share_find(&site);
	socket_dir_choose(&site);
	*ret = site;
	return ST_OK;
}

bool site_is_installed(const struct site *site)
{
	return access(site_path(site, "install.json").text, F_OK) == 0;
}

uint16_t site_http_port(const struct site *site, const char *service)
{
	uint16_t port = site->port_http;

	for (size_t i = 0; site_services[i]; i++, port++)
		if (strcmp(site_services[i], service) == 0)
			return port;
	assert_fail("the service is in the list", __FILE__, __LINE__);
}

uint16_t site_door_port(const struct site *site)
{
	return (uint16_t)(site->port_http - 1);
}

struct site_text site_conninfo(const struct site *site, const char *role, const char *database)
{
	struct site_text info;

	snprintf(info.text, sizeof(info.text),
		 "host=%s port=%d dbname=%s user=%s passfile=%s/keys/pg/%s.pass "
		 "connect_timeout=5 application_name=piopl-%s",
		 site->socket_dir, SITE_DATABASE_PORT, database, role, site->data, role, role);
	return info;
}

struct site_text site_nats_url(const struct site *site)
{
	struct site_text url;

	snprintf(url.text, sizeof(url.text), "nats://127.0.0.1:%u", (unsigned)site->port_nats);
	return url;
}

struct site_text site_steward_key(const struct site *site)
{
	const char *chosen = getenv("PIOPL_STEWARD_KEY");
	struct site_text path = site_path(site, "keys/people/steward.key");

	if (chosen && chosen[0] != '\0')
		snprintf(path.text, sizeof(path.text), "%s", chosen);
	return path;
}
