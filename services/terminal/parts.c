/* parts.c: the parts, how each is started and how it is asked whether it is ready. */
#include "services/terminal/parts.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/terminal/process.h"
#include "services/terminal/supervise.h"

enum { POSTGRES, BUS, MIGRATE, FIRST_SERVICE };

const struct part_spec *parts_of(const struct site *site, size_t *ret_count)
{
	static struct part_spec specs[PARTS_MAX] = {
		[POSTGRES] = { "postgres", PART_POSTGRES, 0, SIGINT },
		[BUS] = { "nats", PART_BUS, 0, SIGTERM },
		[MIGRATE] = { "migrate", PART_TASK, 1u << POSTGRES, SIGTERM },
	};
	size_t count = FIRST_SERVICE;

	(void)site;
	for (size_t i = 0; site_services[i]; i++, count++) {
		ASSERT(count < PARTS_MAX);
		specs[count] = (struct part_spec){
			.name = site_services[i],
			.kind = PART_SERVICE,
			.needs = 1u << POSTGRES | 1u << BUS | 1u << MIGRATE,
			.stop_signal = SIGTERM,
		};
	}
	*ret_count = count;
	return specs;
}

static void env(const char *name, const char *value)
{
	setenv(name, value, 1);
}

void part_environment(const struct site *site, const char *service, bool development)
{
	char port[8], door[8], domain[32];

	snprintf(port, sizeof(port), "%u", (unsigned)site_http_port(site, service));
	snprintf(door, sizeof(door), "%u", (unsigned)site_door_port(site));
	env("PIOPL_NATS_URL", site_nats_url(site).text);
	env("PIOPL_NKEY_FILE", site_path(site, "keys/nkeys/%s.seed", service).text);
	env("PIOPL_DATABASE", site_conninfo(site, service, SITE_DATABASE).text);
	env("PIOPL_SIGNING_KEY_FILE", site_path(site, "keys/%s.key", service).text);
	env("PIOPL_KEYRING_FILE", site_path(site, "keys/keyring.json").text);
	env("PIOPL_ROOT_PUBLIC_KEY_FILE", site_path(site, "keys/root.pub").text);
	env("PIOPL_AUDIT_ORIGIN", SITE_AUDIT_ORIGIN);
	env("PIOPL_TOKEN_SEALING_KEY_FILE", site_path(site, "keys/token.sealing").text);
	env("PIOPL_GATEWAY_KEY_SECRET_FILE", site_path(site, "keys/gateway.secret").text);
	env("PIOPL_GATEWAY_LISTEN_PORT", door);
	snprintf(domain, sizeof(domain), "127.0.0.1:%s", door);
	setenv("PIOPL_GATEWAY_LOGIN_DOMAIN", domain, 0); /* unless the installation has a name */
	env("PIOPL_HTTP_PORT", port);
	env("PIOPL_CLOCK_FILE", site_path(site, "clock").text);
	env("PIOPL_DEVELOPMENT", development ? "true" : "false");
	env("TZ", "UTC");
}

static void postgres_become(const struct site *site)
{
	char program[SITE_PATH_MAX + 16];
	char port[8];

	if (chdir("/") != 0 || !process_become(site->postgres_uid, site->postgres_gid))
		return;
	umask(0077);
	/* A transaction's memory comes again with the next one: it is kept, not faulted in anew. */
	env("MALLOC_TRIM_THRESHOLD_", "67108864");
	env("MALLOC_MMAP_THRESHOLD_", "4194304");
	snprintf(port, sizeof(port), "%d", SITE_DATABASE_PORT);
	snprintf(program, sizeof(program), "%s/postgres", site->postgres_dir);
	execl(program, "postgres", "-D", site_path(site, "pg").text, "-k", site->socket_dir, "-p",
	      port, (char *)NULL);
}

static void service_become(const struct site *site, const char *service, bool development)
{
	char program[SITE_PATH_MAX + 64];

	part_environment(site, service, development);
	snprintf(program, sizeof(program), "%s/piopl-%s", site->bin_dir, service);
	execl(program, program, (char *)NULL);
}

void part_become(const struct site *site, const struct part_spec *spec, bool development)
{
	char program[SITE_PATH_MAX + 16];

	env("PIOPL_DATA", site->data);
	switch (spec->kind) {
	case PART_POSTGRES:
		postgres_become(site);
		break;
	case PART_BUS:
		execl(site->nats_server, "nats-server", "-c",
		      site_path(site, "nats/nats.conf").text, (char *)NULL);
		break;
	case PART_TASK:
		snprintf(program, sizeof(program), "%s/piopl", site->bin_dir);
		execl(program, "piopl", spec->name, (char *)NULL);
		break;
	case PART_SERVICE:
		service_become(site, spec->name, development);
		break;
	}
}

enum part_answer part_ask(const struct site *site, const struct part_spec *spec, char *note,
			  size_t note_size)
{
	switch (spec->kind) {
	case PART_POSTGRES:
		return probe_postgres(site, note, note_size);
	case PART_BUS:
		return probe_nats(site, note, note_size);
	case PART_TASK:
		return ANSWER_UNREADY;
	case PART_SERVICE:
		return probe_http(site_http_port(site, spec->name), note, note_size);
	}
	return ANSWER_UNREADY;
}
