/* migrate.h: numbered SQL files become a schema and its roles, once, in order, recorded with their
 * checksums.
 *
 * For a service "token": role token_owner (no login) owns schema token and all in it; role token
 * (login) holds rights only: SELECT, INSERT, UPDATE, DELETE on tables, USAGE on sequences, EXECUTE
 * on functions, by default privileges, and a migration takes away what the service must not have
 * (REVOKE UPDATE, DELETE ON record FROM token). The service's role owns nothing, so it cannot give
 * itself anything back. Its search_path is its schema alone.
 *
 * First migrations/library/ then migrations/<service>/, in that schema, each file in a transaction
 * of its own: files hold no BEGIN or COMMIT. */
#ifndef PIOPL_MIGRATE_H
#define PIOPL_MIGRATE_H

#include "db.h"

/* The highest number in migrations/library this library knows. */
#define MIGRATE_LIBRARY_VERSION 2
#define MIGRATE_FILES_MAX 1000 /* in one folder */
#define MIGRATE_FILE_BYTES_MAX (1024 * 1024)
#define MIGRATE_SERVICE_NAME_BYTES_MAX 40

struct migrate_plan {
	const char *conninfo;        /* of the owner of the database, a superuser */
	const char *folder;          /* holds library/ and <service>/ */
	const char *const *services; /* names, NULL ends */
	/* A file <password_folder>/<service> holds that role's password, one line. NULL: the
	 * server lets roles in by other means (peer, trust). */
	const char *password_folder;
	/* After each file applied; may be NULL. */
	void (*progress)(void *context, const char *service, const char *file);
	void *context;
};

/* Idempotent. Everything is compared before anything is applied: a recorded file that changed or
 * is missing, a gap in the numbers, or a record newer than the folder is ST_SCHEMA_MISMATCH and
 * leaves the database as it was. ST_CONFIG_INVALID: a folder, name or password file is not right.
 * A file that fails is ST_SCHEMA_MISMATCH with its name and the server's words, and files before it
 * stay applied. */
MUST_CHECK enum st migrate_run(const struct migrate_plan *plan, struct problem *problem);

/* At a service's start, on a connection of its own role opened without statements (they would not
 * prepare on another schema): is the schema exactly the one this binary knows? */
MUST_CHECK enum st migrate_check(struct db *db, const char *service, uint32_t schema_version,
				 struct problem *problem);

#endif
