/* db_value.h: what the database layer knows about values and statements without a connection:
 * PostgreSQL's binary formats, and what a statement's text promises. Internal to libcommon. */
#ifndef PIOPL_DB_VALUE_H
#define PIOPL_DB_VALUE_H

#include "db.h"

#define DB_PARAMETERS_MAX 64
/* All values of one execution together, encoded. */
#define DB_STATEMENT_BYTES_MAX ((size_t)64 * 1024 * 1024)

/* The server's number and name of a type letter; asserts the letter. */
uint32_t db_type_oid(char type);
const char *db_type_name(char type);
/* Name of a server type for messages; NULL when it is not a common one. */
const char *db_oid_name(uint32_t oid);
/* Does a result column of the server's type read as this letter? (int2 reads as 'n') */
bool db_type_reads(char type, uint32_t oid);

/* How many bytes db_value_write needs. Not for NULL. */
size_t db_value_size(const struct db_value *value);
/* Writes the binary form, exactly db_value_size bytes. In an array of texts or bytes an item whose
 * data is NULL is a NULL. ST_MESSAGE_INVALID: not a uuid; ST_INTERNAL: does not fit an int4. */
MUST_CHECK enum st db_value_write(const struct db_value *value, char *out);
/* Reads a binary form. Texts are copied with a NUL after them; a NULL item of an array of texts or
 * bytes has data NULL. ST_INTERNAL: not that form, more than one dimension, or a NULL item where
 * the letter has no way to say so; ST_TOO_LARGE: the arena is full. */
MUST_CHECK enum st db_value_read(char type, struct str wire, struct arena *arena,
				 struct db_value *ret);

/* True when the statement cannot do anything but read: a SELECT that calls nothing but functions
 * known here to be harmless. An unknown one may write, so its COMMIT is waited for. */
bool db_sql_reads(const char *sql);
/* True when the statement takes a lock that lasts as long as its transaction: whoever is answered
 * must not meet it when it comes back. */
bool db_sql_locks(const char *sql);
/* True when the statement, if it succeeds at all, inserts exactly one row: INSERT of one tuple of
 * VALUES without ON CONFLICT. Such a write may travel with its COMMIT; any other expected row count
 * has to be seen first. */
bool db_sql_inserts_one(const char *sql);

#endif
