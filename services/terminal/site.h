/* site.h: where one installation lives: its directories, ports, programs and user. Nothing is
 * created here. */
#ifndef PIOPL_TERMINAL_SITE_H
#define PIOPL_TERMINAL_SITE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "st.h"

#define SITE_PATH_MAX 512
#define SITE_TEXT_MAX 1536
#define SITE_SOCKET_PATH_MAX 90 /* of the directory; the kernel takes 107 with the file's name */
#define SITE_PORT_NATS 4222
#define SITE_PORT_HTTP 4601
#define SITE_PORT_MAX 65000 /* of those given; services take the ones after the first */
#define SITE_DATABASE "piopl"
#define SITE_AUDIT_ORIGIN "piopl/audit" /* the name the log signs its checkpoints with */
#define SITE_DATABASE_PORT 5432 /* only a part of the socket's name; nothing listens on TCP */

struct site {
	char data[SITE_PATH_MAX];
	char socket_dir[SITE_PATH_MAX]; /* of PostgreSQL */
	char bin_dir[SITE_PATH_MAX];    /* where piopl and the services are */
	char gen_dir[SITE_PATH_MAX];    /* generated files that are read at run time */
	char migrations_dir[SITE_PATH_MAX];
	char constitution[SITE_PATH_MAX];
	char catalog[SITE_PATH_MAX];      /* starter policies */
	char postgres_dir[SITE_PATH_MAX]; /* PostgreSQL's programs; "" when not found */
	char nats_server[SITE_PATH_MAX];  /* "" when not found */
	uint16_t port_nats;
	uint16_t port_http; /* of the first service; the others follow */
	bool root;
	uid_t postgres_uid; /* who runs PostgreSQL: it refuses to be root */
	gid_t postgres_gid;
	bool postgres_user_missing;
};

/* Services in the order they start; NULL ends. */
extern const char *const site_services[];

MUST_CHECK enum st site_load(struct site *ret, struct problem *problem);
/* Texts by value: what holds one for longer than a statement keeps the struct, not `.text`. */
struct site_text {
	char text[SITE_TEXT_MAX];
};

/* A path under the data directory. */
struct site_text site_path(const struct site *site, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
bool site_is_installed(const struct site *site);
uint16_t site_http_port(const struct site *site, const char *service);
/* Where programs outside come in: the port below the first health port. */
uint16_t site_door_port(const struct site *site);
/* libpq conninfo for a role, password in a file. */
struct site_text site_conninfo(const struct site *site, const char *role, const char *database);
struct site_text site_nats_url(const struct site *site);
/* The key file that signs a person's weighty acts. */
struct site_text site_steward_key(const struct site *site);

#endif
