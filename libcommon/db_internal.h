/* db_internal.h: shared by the files of the database layer.
 *
 * db.c       connection: connect, prepare and compare, lose, reconnect with back-off
 * db_pipe.c  the pipeline: commands out, answers in, in order, bounded in time and number
 * db_tx.c    transactions, questions, writes, leadership
 * db_copy.c  COPY ... FROM STDIN
 * db_admin.c plain SQL for migrations and tests
 * db_value.c, db_sql.c  what needs no connection */
#ifndef PIOPL_DB_INTERNAL_H
#define PIOPL_DB_INTERNAL_H

#include <assert.h>
#include <postgresql/libpq-fe.h>

#include "db.h"
#include "db_value.h"

#define DB_STATEMENT_TIMEOUT_MS 10000
#define DB_LOCK_TIMEOUT_MS 3000
#define DB_IDLE_IN_TRANSACTION_TIMEOUT_MS 60000
/* The server answers before this (its own timeouts are shorter), or is not there. */
#define DB_ANSWER_MS_MAX 15000
#define DB_CONNECT_TIMEOUT_S 2
#define DB_BACKOFF_MS_MIN 50
#define DB_BACKOFF_MS_MAX 2000
/* Commands and bytes queued before answers are read without being asked for. */
#define DB_PIPELINE_MAX 4096
#define DB_PIPELINE_BYTES_MAX ((size_t)8 * 1024 * 1024)
#define DB_LEADERSHIPS_MAX 16
#define DB_LEADERSHIP_NAME_BYTES_MAX 64
#define DB_ERROR_BYTES_MAX 512

enum db_entry_kind {
	DB_ENTRY_CONTROL, /* BEGIN */
	DB_ENTRY_WRITE,
	DB_ENTRY_QUESTION,
	DB_ENTRY_COMMIT,
	DB_ENTRY_SYNC,
	DB_ENTRY_STALE, /* of a transaction that is over: the answer is read and dropped */
};

/* A command on its way and what its answer must be. */
struct db_entry {
	enum db_entry_kind kind;
	enum st otherwise;
	int64_t rows;
	const struct db_statement *statement;
};

/* A statement table, and what the text of each of its statements promises. */
struct db_table {
	const struct db_statement *statements;
	size_t count;
	struct db_traits {
		bool reads;
		bool inserts_one;
		bool locks;
	} * traits;
};

struct db_tx {
	struct db *db;
	bool open;
	bool locks;      /* it holds what others ask for: its COMMIT is waited for */
	size_t writes;   /* queued, questions that may write among them */
	bool uncertain;  /* a queued write's row count has to be seen before COMMIT may be sent */
	bool committing; /* COMMIT is on its way */
	enum st status;  /* the first failure */
	char error[DB_ERROR_BYTES_MAX];
	struct arena *arena; /* of the question being waited for */
	struct db_rows *rows;
};

struct db_copy {
	struct db_tx *tx;
	const char *columns;
	size_t column_count;
	int64_t rows;
	char *data; /* rows not yet given to libpq; kept between copies */
	size_t size;
	size_t capacity;
	bool open;
};

struct db {
	char *conninfo;
	struct db_table *tables;
	size_t table_count;
	PGconn *conn;                             /* NULL: not connected */
	int64_t connection;                       /* how often it connected */
	struct db_entry entries[DB_PIPELINE_MAX]; /* a ring */
	size_t entry_first;
	size_t entry_count;
	size_t queued_bytes;
	struct arena scratch; /* encoded parameters of one execution */
	struct db_tx tx;
	struct db_copy copy;
	int64_t retry_at_ms; /* monotonic */
	int backoff_ms;
	enum st failure; /* why there is no connection, in `failure_words` */
	char failure_words[DB_ERROR_BYTES_MAX];
	char leaderships[DB_LEADERSHIPS_MAX][DB_LEADERSHIP_NAME_BYTES_MAX + 1];
	size_t leadership_count;
};

/* The library's own, prepared on every connection. */
enum db_own {
	DB_BEGIN,
	DB_COMMIT,
	DB_ROLLBACK,
	DB_LEAD,
};
extern const struct db_statement db_own_statements[];

static inline void db_result_cleanup(PGresult **result)
{
	PQclear(*result);
}
#define DB_RESULT __attribute__((cleanup(db_result_cleanup))) PGresult *

/* db.c */
int64_t db_monotonic_ms(void);
/* Connects unless connected; an idle connection that the server closed is noticed and replaced. */
MUST_CHECK enum st db_connect(struct db *db, struct problem *problem);
/* The connection is gone: closes it, forgets what hung on it, fails the open transaction. */
void db_lose(struct db *db, const char *words);
/* Asserts that the statement is in a table of this connection, and so prepared. */
struct db_traits db_traits_of(const struct db *db, const struct db_statement *statement);

/* db_pipe.c */
/* Waits for the next result of the connection (NULL result: the command's answer is complete).
 * False: `deadline_ms` passed. A lost connection comes as an error result without SQLSTATE. */
MUST_CHECK bool db_result_wait(struct db *db, int64_t deadline_ms, PGresult **ret);
/* Queues an execution. Values are encoded at once and may go away. Failures go to db->tx. */
MUST_CHECK enum st db_pipe_push(struct db *db, const struct db_entry *entry,
				const struct db_value *values, size_t count);
void db_pipe_sync(struct db *db);
/* Asks the server to answer what it has, reads all of it; the verdict is db->tx.status. */
void db_pipe_drain(struct db *db);
/* Sends what is queued without waiting for answers; reads them only when that cannot be. */
void db_pipe_send(struct db *db);
/* Leaves pipeline mode, for what it does not allow; db_pipe_enter returns to it. */
MUST_CHECK bool db_pipe_leave(struct db *db);
void db_pipe_enter(struct db *db);
/* Waits until libpq has given everything to the kernel. */
MUST_CHECK bool db_pipe_flush(struct db *db, int64_t deadline_ms);

/* db_tx.c */
/* Keeps the first failure; returns it. */
enum st db_tx_fail(struct db_tx *tx, enum st st, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* An answer to `entry`: checks or copies it, or fails the transaction. */
void db_tx_answer(struct db *db, const struct db_entry *entry, const PGresult *result);

#endif
