/* Transactions. Nothing here waits unless an answer is needed: BEGIN and writes travel with the
 * next question or with COMMIT, and the COMMIT or ROLLBACK of a transaction that changed nothing is
 * sent without waiting; its answer is read with the next transaction's. */
#include <stdio.h>
#include <stdlib.h>

#include "db_internal.h"
#include "fault.h"

/* More answers than this are read at once when a transaction is given up, rather than later. */
#define STALE_ENTRIES_MAX 64

enum st db_tx_fail(struct db_tx *tx, enum st st, const char *format, ...)
{
	va_list args;

	ASSERT(st != ST_OK);
	if (tx->status != ST_OK)
		return tx->status;
	tx->status = st;
	va_start(args, format);
	vsnprintf(tx->error, sizeof(tx->error), format, args);
	va_end(args);
	return st;
}

int64_t db_tx_connection(const struct db_tx *tx)
{
	return tx->db->connection;
}

const char *db_tx_error(const struct db_tx *tx)
{
	return tx->error;
}

size_t db_tx_writes(const struct db_tx *tx)
{
	return tx->writes;
}

enum st db_check_sticky(const struct db_tx *tx)
{
	return tx->status;
}

/* answers */

static enum st rows_copy(const struct db_statement *statement, const PGresult *result,
			 struct arena *arena, struct db_rows *ret)
{
	size_t columns = strlen(statement->out);
	size_t count = (size_t)PQntuples(result);
	struct db_value *values;

	ASSERT((size_t)PQnfields(result) == columns);
	values = ARENA_ARRAY(arena, struct db_value, count * columns);
	if (!values && count * columns > 0)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count * columns; i++) {
		int row = (int)(i / columns), column = (int)(i % columns);
		struct str wire = { .data = PQgetvalue(result, row, column),
				    .size = (size_t)PQgetlength(result, row, column) };

		if (PQgetisnull(result, row, column))
			values[i] = DB_NULL(statement->out[column]);
		else
			TRY(db_value_read(statement->out[column], wire, arena, &values[i]));
	}
	*ret = (struct db_rows){ .values = values, .count = count, .columns = columns };
	return ST_OK;
}

static int64_t rows_touched(const PGresult *result)
{
	const char *count = PQcmdTuples((PGresult *)result); /* takes no const, changes nothing */

	return *count ? strtoll(count, NULL, 10) : 0;
}

static void write_answer(struct db_tx *tx, const struct db_entry *entry, const PGresult *result)
{
	int64_t touched = rows_touched(result);

	if (entry->rows == DB_ANY_ROWS || touched == entry->rows)
		return;
	/* such a write was allowed to travel with its COMMIT only because this cannot be */
	ASSERT(!tx->committing);
	db_tx_fail(tx, entry->otherwise, "statement '%s' touched %lld rows, expected %lld",
		   entry->statement->name, (long long)touched, (long long)entry->rows);
}

static void question_answer(struct db_tx *tx, const struct db_entry *entry, const PGresult *result)
{
	enum st st;

	ASSERT(tx->rows);
	if (PQresultStatus(result) == PGRES_COMMAND_OK) {
		*tx->rows = (struct db_rows){ .count = 0 };
		return;
	}
	st = rows_copy(entry->statement, result, tx->arena, tx->rows);
	if (st != ST_OK)
		db_tx_fail(tx, st, "statement '%s': the answer of %d rows cannot be kept",
			   entry->statement->name, PQntuples(result));
}

static enum st status_of_error(const struct db_entry *entry, const char *sqlstate)
{
	enum st st = db_status_of_sqlstate(sqlstate);

	if (st == ST_ALREADY_EXISTS && entry->kind == DB_ENTRY_WRITE && entry->otherwise != ST_OK)
		return entry->otherwise;
	return st == ST_OK ? ST_INTERNAL : st;
}

static void error_answer(struct db *db, const struct db_entry *entry, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *words = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *name = entry->statement ? entry->statement->name : "sync";
	enum st st = status_of_error(entry, sqlstate);
	char lost[DB_ERROR_BYTES_MAX];

	/* the detail is left out: it may hold values */
	if (!words)
		words = PQresultErrorMessage(result);
	if (st != ST_DATABASE_UNAVAILABLE) {
		if (entry->kind != DB_ENTRY_STALE && db->tx.open)
			db_tx_fail(&db->tx, st, "statement '%s': %s %s", name, sqlstate, words);
		if (st == ST_SCHEMA_MISMATCH) /* prepared again with the next connection */
			db_lose(db, words);
		return;
	}
	/* The server's own last words for a command before COMMIT: it never came to the COMMIT.
	 * Without such words nobody knows. */
	if (sqlstate && entry->kind != DB_ENTRY_COMMIT)
		db->tx.committing = false;
	snprintf(lost, sizeof(lost), "statement '%s': %s", name, words);
	db_lose(db, lost);
}

void db_tx_answer(struct db *db, const struct db_entry *entry, const PGresult *result)
{
	struct db_tx *tx = &db->tx;
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_PIPELINE_ABORTED) /* after an error that was told already */
		return;
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
		error_answer(db, entry, result);
		return;
	}
	if (entry->kind == DB_ENTRY_WRITE)
		write_answer(tx, entry, result);
	if (entry->kind == DB_ENTRY_QUESTION)
		question_answer(tx, entry, result);
	if (entry->kind == DB_ENTRY_COMMIT &&
	    strcmp(PQcmdStatus((PGresult *)result), "COMMIT") != 0)
		db_tx_fail(tx, ST_INTERNAL, "the server rolled back instead of committing");
}

/* the life of a transaction */

enum st db_begin(struct db *db, struct db_tx **ret, struct problem *problem)
{
	struct db_tx *tx = &db->tx;
	struct db_entry begin = { .kind = DB_ENTRY_CONTROL,
				  .statement = &db_own_statements[DB_BEGIN] };

	ASSERT(!tx->open);
	ASSERT(!db->copy.open);
	TRY(db_connect(db, problem));
	*tx = (struct db_tx){ .db = db, .open = true };
	if (db_pipe_push(db, &begin, NULL, 0) != ST_OK) {
		tx->open = false;
		return problem_set(problem, tx->status, "", "%s", tx->error);
	}
	*ret = tx;
	return ST_OK;
}

/* Ends the transaction for us; whatever answers are missing are dropped when they come. */
static void tx_leave(struct db_tx *tx, const struct db_statement *end)
{
	struct db *db = tx->db;
	struct db_entry entry = { .kind = DB_ENTRY_STALE, .statement = end };

	for (size_t i = 0; i < db->entry_count; i++) {
		struct db_entry *old = &db->entries[(db->entry_first + i) % DB_PIPELINE_MAX];

		if (old->kind != DB_ENTRY_SYNC)
			old->kind = DB_ENTRY_STALE;
	}
	tx->open = false;
	tx->committing = false;
	if (!db->conn)
		return;
	/* after an error the server skips everything up to a sync, the end too */
	if (tx->status != ST_OK || db->entry_count > 0)
		db_pipe_sync(db);
	if (db->entry_count > STALE_ENTRIES_MAX)
		db_pipe_drain(db);
	if (db->conn && db_pipe_push(db, &entry, NULL, 0) == ST_OK)
		db_pipe_sync(db);
	db_pipe_send(db);
}

void db_rollback(struct db_tx *tx)
{
	ASSERT(tx->open);
	if (tx->db->copy.open) { /* a COPY cannot be left but by ending the session */
		db_lose(tx->db, "a copy was given up");
		tx->open = false;
		return;
	}
	tx_leave(tx, &db_own_statements[DB_ROLLBACK]);
}

static enum st commit_failed(struct db_tx *tx, struct problem *problem)
{
	enum st st = tx->status;

	if (tx->open)
		db_rollback(tx);
	return problem_set(problem, st, "", "%s", "the transaction was not committed");
}

enum st db_commit(struct db_tx *tx, struct problem *problem)
{
	struct db *db = tx->db;
	struct db_entry commit = { .kind = DB_ENTRY_COMMIT,
				   .statement = &db_own_statements[DB_COMMIT] };

	ASSERT(tx->open);
	ASSERT(!db->copy.open);
	if (tx->status != ST_OK || (tx->uncertain && db_check(tx) != ST_OK))
		return commit_failed(tx, problem);
	if (tx->writes == 0 && !tx->locks) {
		tx_leave(tx, &db_own_statements[DB_COMMIT]);
		return ST_OK;
	}
	if (db_pipe_push(db, &commit, NULL, 0) != ST_OK)
		return commit_failed(tx, problem);
	tx->committing = true;
	FAULT(FAULT_COMMIT_BEFORE);
	db_pipe_sync(db);
	db_pipe_drain(db);
	FAULT(FAULT_COMMIT_AFTER);
	if (tx->status != ST_OK)
		return commit_failed(tx, problem);
	tx->open = false;
	tx->committing = false;
	return ST_OK;
}

/* questions and writes */

enum st db_query_(struct db_tx *tx, const struct db_statement *statement, struct arena *arena,
		  struct db_rows *ret, const struct db_value *values, size_t count)
{
	struct db_entry entry = { .kind = DB_ENTRY_QUESTION, .statement = statement };
	struct db_rows rows = { .count = 0 };

	ASSERT(tx->open && !tx->db->copy.open);
	if (tx->status != ST_OK)
		return tx->status;
	if (!db_traits_of(tx->db, statement).reads)
		tx->writes++;
	tx->locks = tx->locks || db_traits_of(tx->db, statement).locks;
	tx->arena = arena;
	tx->rows = &rows;
	TRY(db_pipe_push(tx->db, &entry, values, count));
	TRY(db_check(tx));
	tx->rows = NULL;
	*ret = rows;
	return ST_OK;
}

enum st db_write_(struct db_tx *tx, const struct db_statement *statement, int64_t rows,
		  enum st otherwise, const struct db_value *values, size_t count)
{
	struct db_entry entry = {
		.kind = DB_ENTRY_WRITE, .statement = statement, .rows = rows, .otherwise = otherwise
	};

	ASSERT(tx->open && !tx->db->copy.open);
	ASSERT(rows == DB_ANY_ROWS || (rows >= 0 && otherwise != ST_OK));
	if (tx->status != ST_OK)
		return tx->status;
	tx->writes++;
	if (rows != DB_ANY_ROWS && !(rows == 1 && db_traits_of(tx->db, statement).inserts_one))
		tx->uncertain = true;
	return db_pipe_push(tx->db, &entry, values, count);
}

enum st db_check(struct db_tx *tx)
{
	ASSERT(tx->open);
	if (tx->status != ST_OK)
		return tx->status;
	db_pipe_drain(tx->db);
	if (tx->status == ST_OK)
		tx->uncertain = false;
	return tx->status;
}

/* leadership */

static bool holds(const struct db *db, const char *name)
{
	for (size_t i = 0; i < db->leadership_count; i++) {
		if (strcmp(db->leaderships[i], name) == 0)
			return true;
	}
	return false;
}

static enum st lead_ask(struct db *db, const char *name, bool *ret)
{
	struct arena arena;
	struct db_rows rows;
	struct db_tx *tx;
	enum st st;

	TRY(db_begin(db, &tx, NULL));
	arena_init(&arena, 4096);
	st = db_query(tx, &db_own_statements[DB_LEAD], &arena, &rows, DB_TEXT(str_of(name)));
	if (st == ST_OK)
		*ret = db_bool(&rows, 0, 0);
	arena_free(&arena);
	db_rollback(tx); /* the lock is the session's, not the transaction's */
	return st;
}

bool db_lead(struct db *db, const char *name)
{
	bool got = false;

	ASSERT(!db->tx.open);
	ASSERT(strlen(name) <= DB_LEADERSHIP_NAME_BYTES_MAX);
	/* forgets leaderships when the connection turns out to be gone */
	if (db_connect(db, NULL) != ST_OK)
		return false;
	if (holds(db, name))
		return true;
	ASSERT(db->leadership_count < DB_LEADERSHIPS_MAX);
	if (lead_ask(db, name, &got) != ST_OK || !got || !db->conn)
		return false;
	str_copy(str_of(name), db->leaderships[db->leadership_count], sizeof(db->leaderships[0]));
	db->leadership_count++;
	return true;
}

bool db_leads(struct db *db, const char *name)
{
	return db_ready(db, NULL) == ST_OK && holds(db, name);
}
