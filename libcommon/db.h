/* db.h: PostgreSQL. One connection, all statements from constant tables, prepared at connect and
 * after every reconnect, their parameter and column types checked against the declaration.
 *
 * A transaction is a pipeline: BEGIN and writes are queued and travel with the next question or
 * with COMMIT, so a handler that only writes costs one round trip for its whole batch. A queued
 * write says how many rows it must touch and which status a different count means. */
#ifndef PIOPL_DB_H
#define PIOPL_DB_H

#include "arena.h"
#include "st.h"

/* Types, one letter each in `in` and `out`:
 *   i int8   n int4   f float8   b bool   t text   x bytea   j jsonb (as text)   g uuid (as text)
 *   I int8[] T text[] X bytea[]  F float8[] B bool[] N int4[]                      */
struct db_statement {
	const char *name; /* unique in the process; also the name in the server's statistics */
	const char *sql;
	const char *in;
	const char *out;
};

struct db;

/* `urls` is a libpq connection string. Tables end with an entry whose name is NULL.
 * db_open never fails for a dead server: the first use reconnects (with back-off). */
struct db *db_open(const char *conninfo, const struct db_statement *const *tables,
		   size_t table_count);
void db_close(struct db *db);
/* Connects if needed. ST_DATABASE_UNAVAILABLE with the server's words in `problem`;
 * ST_SCHEMA_MISMATCH when a statement does not prepare or its types differ. */
MUST_CHECK enum st db_ready(struct db *db, struct problem *problem);
bool db_is_connected(const struct db *db);

/* A value in or out. NULL of any type: .null = true. Arrays: `items` of the element type. */
struct db_value {
	char type;
	bool null;
	int64_t i64;
	double f64;
	bool boolean;
	struct str text;   /* t, x, j, g */
	const void *items; /* I: const int64_t *, T/X: const struct str *, F: const double *,
			    * B: const bool *, N: const int32_t * */
	size_t count;
};

#define DB_I64(v) ((struct db_value){ .type = 'i', .i64 = (v) })
#define DB_I32(v) ((struct db_value){ .type = 'n', .i64 = (v) })
#define DB_F64(v) ((struct db_value){ .type = 'f', .f64 = (v) })
#define DB_BOOL(v) ((struct db_value){ .type = 'b', .boolean = (v) })
#define DB_TEXT(v) ((struct db_value){ .type = 't', .text = (v) })
/* NULL when the string's data is NULL */
#define DB_TEXT_OR_NULL(v) ((struct db_value){ .type = 't', .text = (v), .null = !(v).data })
#define DB_BYTES(v) ((struct db_value){ .type = 'x', .text = (v) })
#define DB_JSON(v) ((struct db_value){ .type = 'j', .text = (v) })
#define DB_UUID(v) ((struct db_value){ .type = 'g', .text = (v) })
#define DB_NULL(t) ((struct db_value){ .type = (t), .null = true })
#define DB_I64S(p, n) ((struct db_value){ .type = 'I', .items = (p), .count = (n) })
#define DB_TEXTS(p, n) ((struct db_value){ .type = 'T', .items = (p), .count = (n) })
#define DB_BYTESS(p, n) ((struct db_value){ .type = 'X', .items = (p), .count = (n) })
#define DB_F64S(p, n) ((struct db_value){ .type = 'F', .items = (p), .count = (n) })
#define DB_BOOLS(p, n) ((struct db_value){ .type = 'B', .items = (p), .count = (n) })
#define DB_I32S(p, n) ((struct db_value){ .type = 'N', .items = (p), .count = (n) })

/* Rows of an answer, copied into the arena given with the question. */
struct db_rows {
	const struct db_value *values; /* count * columns */
	size_t count;
	size_t columns;
};

/* Asserts the column's declared type; `null` reads as 0, "" or false unless asked first. */
int64_t db_i64(const struct db_rows *rows, size_t row, size_t column);
double db_f64(const struct db_rows *rows, size_t row, size_t column);
bool db_bool(const struct db_rows *rows, size_t row, size_t column);
struct str db_text(const struct db_rows *rows, size_t row, size_t column); /* t x j g */
bool db_is_null(const struct db_rows *rows, size_t row, size_t column);
const struct db_value *db_at(const struct db_rows *rows, size_t row, size_t column);

struct db_tx; /* one open transaction of a connection */

/* Queues BEGIN. One transaction at a time a connection. */
MUST_CHECK enum st db_begin(struct db *db, struct db_tx **ret, struct problem *problem);
/* The commit is durable when ST_OK comes back. Any other answer: rolled back, or (connection lost
 * during COMMIT) ST_COMMIT_UNKNOWN. */
MUST_CHECK enum st db_commit(struct db_tx *tx, struct problem *problem);
void db_rollback(struct db_tx *tx);
/* How many writes were queued in this transaction so far. */
size_t db_tx_writes(const struct db_tx *tx);

/* Asks and waits. Checks all writes queued before it first. */
MUST_CHECK enum st db_query_(struct db_tx *tx, const struct db_statement *statement,
			     struct arena *arena, struct db_rows *ret,
			     const struct db_value *values, size_t count);
#define db_query(tx, statement, arena, ret, ...)                                                   \
	db_query_((tx), (statement), (arena), (ret), (const struct db_value[]){ __VA_ARGS__ },     \
		  sizeof((const struct db_value[]){ __VA_ARGS__ }) / sizeof(struct db_value))
/* For statements without parameters. */
#define db_query0(tx, statement, arena, ret) db_query_((tx), (statement), (arena), (ret), NULL, 0)

/* Queues a write. When it is checked (next question, db_check, commit) and touched a number of rows
 * other than `rows`, the transaction fails with `otherwise`. DB_ANY_ROWS accepts any number.
 * A unique violation, where the statement can meet one, also gives `otherwise`. */
#define DB_ANY_ROWS ((int64_t)-1)
MUST_CHECK enum st db_write_(struct db_tx *tx, const struct db_statement *statement, int64_t rows,
			     enum st otherwise, const struct db_value *values, size_t count);
#define db_write(tx, statement, rows, otherwise, ...)                                              \
	db_write_((tx), (statement), (rows), (otherwise),                                          \
		  (const struct db_value[]){ __VA_ARGS__ },                                        \
		  sizeof((const struct db_value[]){ __VA_ARGS__ }) / sizeof(struct db_value))
#define db_write0(tx, statement, rows, otherwise)                                                  \
	db_write_((tx), (statement), (rows), (otherwise), NULL, 0)
/* Waits for all queued writes and gives the first failure. */
MUST_CHECK enum st db_check(struct db_tx *tx);
/* The first failure known so far, without waiting. */
enum st db_check_sticky(const struct db_tx *tx);
/* What failed, in the server's words, for logs (never for callers). */
const char *db_tx_error(const struct db_tx *tx);
/* The number of its connection: who keeps what was read forgets it when this is another one. */
int64_t db_tx_connection(const struct db_tx *tx);

/* COPY ... FROM STDIN (FORMAT binary) inside the transaction, for the heaviest inserts. Values
 * come row by row, in the types of `columns` (letters as above). */
struct db_copy;
MUST_CHECK enum st db_copy_begin(struct db_tx *tx, const char *copy_sql, const char *columns,
				 struct db_copy **ret);
MUST_CHECK enum st db_copy_row(struct db_copy *copy, const struct db_value *values);
MUST_CHECK enum st db_copy_end(struct db_copy *copy, int64_t rows);

/* Leadership: a session-level advisory lock (key = hash of `name`). True while this connection
 * holds it; lost with the connection. Not inside a transaction. */
bool db_lead(struct db *db, const char *name);
/* Whether the connection of now still holds it: false after a reconnect, which is found out here.
 * Who leads asks before each piece of work. */
bool db_leads(struct db *db, const char *name);

/* ST_OK, a retry-worthy failure (serialization, deadlock), or the rest, by SQLSTATE. */
enum st db_status_of_sqlstate(const char *sqlstate);

#endif
