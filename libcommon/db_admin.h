/* db_admin.h: plain SQL, several statements at once, for migrations and tests. Services never
 * include this: theirs is the statement table. */
#ifndef PIOPL_DB_ADMIN_H
#define PIOPL_DB_ADMIN_H

#include "db.h"

/* Longer than any statement that should run beside a living service. */
#define DB_ADMIN_ANSWER_MS_MAX (10 * 60 * 1000)

/* Runs SQL as it stands, outside db_begin (it may hold its own BEGIN and COMMIT). The server's
 * words are in `problem`; the status is that of its SQLSTATE. */
MUST_CHECK enum st db_simple(struct db *db, const char *sql, struct problem *problem);
/* The same, and waits so long for it. */
MUST_CHECK enum st db_simple_within(struct db *db, const char *sql, int64_t wait_ms,
				    struct problem *problem);
/* As db_simple, and the rows of the last statement that gave any; every column reads as text. */
MUST_CHECK enum st db_simple_rows(struct db *db, const char *sql, struct arena *arena,
				  struct db_rows *ret, struct problem *problem);
/* Sets a role's password; the server and its log see only the SCRAM verifier. */
MUST_CHECK enum st db_simple_password(struct db *db, const char *role, const char *password,
				      struct problem *problem);

#endif
