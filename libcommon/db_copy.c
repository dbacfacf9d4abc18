/* COPY ... FROM STDIN (FORMAT binary), for the heaviest inserts. libpq allows no COPY in pipeline
 * mode, so the pipeline is left for its time: two round trips more than a write. */
#include <stdlib.h>

#include "db_internal.h"

#define COPY_CHUNK_BYTES ((size_t)64 * 1024)

static const char signature[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0";
#define SIGNATURE_BYTES ((size_t)19)
static_assert(sizeof(signature) == SIGNATURE_BYTES + 1, "11 bytes, flags, extension length");

static void put_u16(char *out, unsigned value)
{
	out[0] = (char)(unsigned char)(value >> 8);
	out[1] = (char)(unsigned char)value;
}

static void put_u32(char *out, uint32_t value)
{
	put_u16(out, value >> 16);
	put_u16(out + 2, value & 0xffff);
}

/* Room for `size` more bytes, after what is there. */
static char *copy_room(struct db_copy *copy, size_t size)
{
	char *room;

	if (copy->size + size > copy->capacity) {
		size_t capacity = copy->capacity ? copy->capacity : 2 * COPY_CHUNK_BYTES;

		while (capacity < copy->size + size)
			capacity *= 2;
		room = realloc(copy->data, capacity);
		if (!room)
			return NULL;
		copy->data = room;
		copy->capacity = capacity;
	}
	room = copy->data + copy->size;
	copy->size += size;
	return room;
}

static enum st copy_lost(struct db_copy *copy)
{
	struct db *db = copy->tx->db;

	copy->open = false;
	if (db->conn)
		db_lose(db, PQerrorMessage(db->conn));
	return copy->tx->status;
}

static enum st copy_send(struct db_copy *copy)
{
	struct db *db = copy->tx->db;

	if (copy->size == 0)
		return ST_OK;
	if (PQputCopyData(db->conn, copy->data, (int)copy->size) != 1 ||
	    !db_pipe_flush(db, db_monotonic_ms() + DB_ANSWER_MS_MAX))
		return copy_lost(copy);
	copy->size = 0;
	return ST_OK;
}

/* The answer to the whole COPY or to its start: reads results until `wanted` or the end. */
static enum st copy_answer(struct db *db, ExecStatusType wanted, int64_t *ret_rows)
{
	struct db_entry entry = { .kind = DB_ENTRY_CONTROL, .statement = NULL };
	int64_t deadline_ms = db_monotonic_ms() + DB_ANSWER_MS_MAX;

	for (;;) {
		DB_RESULT result = NULL;

		if (!db_result_wait(db, deadline_ms, &result)) {
			db_lose(db, "the server did not answer in time");
			return db->tx.status;
		}
		if (!result)
			return db->tx.status;
		if (PQresultStatus(result) == PGRES_COPY_IN && wanted == PGRES_COPY_IN)
			return ST_OK;
		if (PQresultStatus(result) == PGRES_COMMAND_OK)
			*ret_rows = strtoll(PQcmdTuples(result), NULL, 10);
		else
			db_tx_answer(db, &entry, result);
		if (!db->conn)
			return db->tx.status;
	}
}

enum st db_copy_begin(struct db_tx *tx, const char *copy_sql, const char *columns,
		      struct db_copy **ret)
{
	struct db *db = tx->db;
	struct db_copy *copy = &db->copy;
	int64_t none = 0;

	ASSERT(tx->open && !copy->open);
	TRY(db_check(tx));
	tx->writes++;
	if (!db_pipe_leave(db))
		return tx->status;
	*copy = (struct db_copy){ .tx = tx,
				  .columns = columns,
				  .column_count = strlen(columns),
				  .data = copy->data,
				  .capacity = copy->capacity };
	if (!PQsendQuery(db->conn, copy_sql))
		return copy_lost(copy);
	if (copy_answer(db, PGRES_COPY_IN, &none) != ST_OK) {
		db_pipe_enter(db);
		return tx->status;
	}
	copy->open = true;
	char *head = copy_room(copy, SIGNATURE_BYTES);
	if (!head)
		return db_tx_fail(tx, ST_NO_MEMORY, "no memory for a copy");
	memcpy(head, signature, SIGNATURE_BYTES);
	*ret = copy;
	return ST_OK;
}

static enum st copy_value(struct db_copy *copy, const struct db_value *value)
{
	size_t size;
	char *out;

	if (value->null) {
		out = copy_room(copy, 4);
		if (!out)
			return ST_NO_MEMORY;
		put_u32(out, UINT32_MAX);
		return ST_OK;
	}
	size = db_value_size(value);
	if (size > DB_STATEMENT_BYTES_MAX)
		return ST_TOO_LARGE;
	out = copy_room(copy, 4 + size);
	if (!out)
		return ST_NO_MEMORY;
	put_u32(out, (uint32_t)size);
	return db_value_write(value, out + 4);
}

enum st db_copy_row(struct db_copy *copy, const struct db_value *values)
{
	struct db_tx *tx = copy->tx;
	char *out;

	if (tx->status != ST_OK)
		return tx->status;
	ASSERT(copy->open);
	out = copy_room(copy, 2);
	if (!out)
		return db_tx_fail(tx, ST_NO_MEMORY, "no memory for a copy");
	put_u16(out, (unsigned)copy->column_count);
	for (size_t i = 0; i < copy->column_count; i++) {
		enum st st;

		ASSERT(values[i].type == copy->columns[i]);
		st = copy_value(copy, &values[i]);
		if (st != ST_OK)
			return db_tx_fail(tx, st, "copy: value %zu cannot be sent", i + 1);
	}
	copy->rows++;
	return copy->size >= COPY_CHUNK_BYTES ? copy_send(copy) : ST_OK;
}

enum st db_copy_end(struct db_copy *copy, int64_t rows)
{
	struct db_tx *tx = copy->tx;
	struct db *db = tx->db;
	bool whole = tx->status == ST_OK;
	int64_t copied = 0;
	char *tail;

	if (!db->conn || !copy->open)
		return tx->status;
	tail = whole ? copy_room(copy, 2) : NULL;
	if (tail) {
		put_u16(tail, 0xffff);
		TRY(copy_send(copy));
	}
	copy->open = false;
	if (PQputCopyEnd(db->conn, tail ? NULL : "given up") != 1)
		return copy_lost(copy);
	(void)copy_answer(db, PGRES_COMMAND_OK, &copied);
	db_pipe_enter(db);
	if (tx->status == ST_OK && copied != rows)
		return db_tx_fail(tx, ST_INTERNAL, "copy of %lld rows, expected %lld",
				  (long long)copied, (long long)rows);
	return tx->status;
}
