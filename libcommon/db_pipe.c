/* The pipeline: commands leave in order and are answered in order. Sending never blocks: while the
 * kernel's buffer is full we read, since a server that cannot write does not read either. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "db_internal.h"

static bool socket_wait(struct db *db, bool to_send, int64_t deadline_ms)
{
	int64_t left_ms = deadline_ms - db_monotonic_ms();
	struct pollfd poll_fd = { .fd = PQsocket(db->conn), .events = POLLIN };

	if (left_ms <= 0)
		return false;
	if (to_send)
		poll_fd.events |= POLLOUT;
	/* a signal or an early end: the caller's loop looks again */
	return poll(&poll_fd, 1, (int)left_ms) != 0;
}

bool db_result_wait(struct db *db, int64_t deadline_ms, PGresult **ret)
{
	for (;;) {
		/* a failed send shows when reading, together with the server's last words */
		bool unsent = PQflush(db->conn) == 1;

		if (!PQisBusy(db->conn))
			break;
		if (!socket_wait(db, unsent, deadline_ms))
			return false;
		if (!PQconsumeInput(db->conn) && PQstatus(db->conn) != CONNECTION_OK)
			break;
	}
	*ret = PQgetResult(db->conn);
	return true;
}

bool db_pipe_flush(struct db *db, int64_t deadline_ms)
{
	int unsent;

	while ((unsent = PQflush(db->conn)) == 1) {
		if (!socket_wait(db, true, deadline_ms))
			return false;
		if (!PQconsumeInput(db->conn))
			return false;
	}
	return unsent == 0;
}

/* out */

struct encoded {
	const char *values[DB_PARAMETERS_MAX];
	int sizes[DB_PARAMETERS_MAX];
	int formats[DB_PARAMETERS_MAX];
	size_t bytes;
};

/* Texts and bytes go to libpq as they are; the rest is written into the scratch arena. */
static bool is_direct(const struct db_value *value)
{
	return value->type == 't' || value->type == 'x';
}

static enum st encode(struct db *db, const struct db_statement *statement,
		      const struct db_value *values, size_t count, struct encoded *ret)
{
	size_t written_bytes = 0;
	char *out;

	ret->bytes = 0;
	for (size_t i = 0; i < count; i++) {
		size_t size;

		ASSERT(values[i].type == statement->in[i]);
		size = values[i].null ? 0 : db_value_size(&values[i]);
		if (size > DB_STATEMENT_BYTES_MAX - ret->bytes)
			return ST_TOO_LARGE;
		ret->bytes += size;
		ret->sizes[i] = (int)size;
		ret->formats[i] = 1;
		if (!is_direct(&values[i]))
			written_bytes += size;
	}
	arena_reset(&db->scratch);
	out = arena_alloc(&db->scratch, written_bytes + 1);
	if (!out)
		return ST_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		if (values[i].null) {
			ret->values[i] = NULL;
			continue;
		}
		if (is_direct(&values[i])) {
			ret->values[i] = values[i].text.data ? values[i].text.data : "";
			continue;
		}
		TRY(db_value_write(&values[i], out));
		ret->values[i] = out;
		out += ret->sizes[i];
	}
	return ST_OK;
}

static struct db_entry *entry_append(struct db *db)
{
	ASSERT(db->entry_count < DB_PIPELINE_MAX);
	return &db->entries[(db->entry_first + db->entry_count++) % DB_PIPELINE_MAX];
}

enum st db_pipe_push(struct db *db, const struct db_entry *entry, const struct db_value *values,
		     size_t count)
{
	const struct db_statement *statement = entry->statement;
	struct encoded encoded;
	enum st st;

	ASSERT(db->conn);
	ASSERT(count == strlen(statement->in));
	st = encode(db, statement, values, count, &encoded);
	if (st != ST_OK)
		return db_tx_fail(&db->tx, st, "statement '%s': a value cannot be sent",
				  statement->name);
	/* one place is left for a SYNC */
	if (db->entry_count + 2 > DB_PIPELINE_MAX ||
	    db->queued_bytes + encoded.bytes > DB_PIPELINE_BYTES_MAX) {
		db_pipe_drain(db);
		if (db->tx.status != ST_OK)
			return db->tx.status;
	}
	if (!db->conn)
		return ST_DATABASE_UNAVAILABLE;
	if (!PQsendQueryPrepared(db->conn, statement->name, (int)count, encoded.values,
				 encoded.sizes, encoded.formats, 1)) {
		db_lose(db, PQerrorMessage(db->conn));
		return db->tx.open ? db->tx.status : ST_DATABASE_UNAVAILABLE;
	}
	*entry_append(db) = *entry;
	db->queued_bytes += encoded.bytes;
	return ST_OK;
}

void db_pipe_sync(struct db *db)
{
	if (!db->conn)
		return;
	if (!PQpipelineSync(db->conn)) {
		db_lose(db, PQerrorMessage(db->conn));
		return;
	}
	*entry_append(db) = (struct db_entry){ .kind = DB_ENTRY_SYNC };
}

/* in */

/* All results of one command; false when the connection was lost. */
static bool entry_read(struct db *db, const struct db_entry *entry, int64_t deadline_ms)
{
	for (;;) {
		DB_RESULT result = NULL;

		if (!db_result_wait(db, deadline_ms, &result)) {
			db_lose(db, "the server did not answer in time");
			return false;
		}
		if (entry->kind == DB_ENTRY_SYNC && result &&
		    PQresultStatus(result) == PGRES_PIPELINE_SYNC)
			return true;
		if (!result && entry->kind != DB_ENTRY_SYNC)
			return true;
		if (!result && PQstatus(db->conn) != CONNECTION_OK) {
			db_lose(db, PQerrorMessage(db->conn));
			return false;
		}
		if (result)
			db_tx_answer(db, entry, result);
		if (!db->conn)
			return false;
	}
}

/* Without a sync at its end the server keeps answers until it is asked for them. */
static void ask_for_answers(struct db *db)
{
	size_t last = (db->entry_first + db->entry_count - 1) % DB_PIPELINE_MAX;

	if (db->entries[last].kind == DB_ENTRY_SYNC)
		return;
	if (!PQsendFlushRequest(db->conn))
		db_lose(db, PQerrorMessage(db->conn));
}

void db_pipe_drain(struct db *db)
{
	int64_t deadline_ms = db_monotonic_ms() + DB_ANSWER_MS_MAX;

	if (db->conn && db->entry_count > 0)
		ask_for_answers(db);
	while (db->conn && db->entry_count > 0) {
		struct db_entry entry = db->entries[db->entry_first];

		if (!entry_read(db, &entry, deadline_ms))
			return;
		db->entry_first = (db->entry_first + 1) % DB_PIPELINE_MAX;
		db->entry_count--;
	}
	db->queued_bytes = 0;
}

void db_pipe_send(struct db *db)
{
	if (db->conn && PQflush(db->conn) != 0)
		db_pipe_drain(db);
}

bool db_pipe_leave(struct db *db)
{
	db_pipe_sync(db);
	db_pipe_drain(db);
	if (db->conn && !PQexitPipelineMode(db->conn))
		db_lose(db, PQerrorMessage(db->conn));
	return db->conn != NULL;
}

void db_pipe_enter(struct db *db)
{
	if (db->conn && !PQenterPipelineMode(db->conn))
		db_lose(db, PQerrorMessage(db->conn));
}
