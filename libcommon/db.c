/* One connection to PostgreSQL: connecting, preparing every statement in one round trip and
 * comparing its types with the declaration, losing the connection and finding it again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "db_internal.h"

const struct db_statement db_own_statements[] = {
	[DB_BEGIN] = { "piopl_begin", "BEGIN", "", "" },
	[DB_COMMIT] = { "piopl_commit", "COMMIT", "", "" },
	[DB_ROLLBACK] = { "piopl_rollback", "ROLLBACK", "", "" },
	[DB_LEAD] = { "piopl_lead", "SELECT pg_try_advisory_lock(hashtextextended($1, 0))", "t",
		      "b" },
	{ 0 },
};

int64_t db_monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct db_table table_read(const struct db_statement *statements)
{
	struct db_table table = { .statements = statements };

	while (statements[table.count].name)
		table.count++;
	table.traits = calloc(table.count + 1, sizeof(table.traits[0]));
	ASSERT(table.traits);
	for (size_t i = 0; i < table.count; i++) {
		table.traits[i].reads = db_sql_reads(statements[i].sql);
		table.traits[i].inserts_one = db_sql_inserts_one(statements[i].sql);
		table.traits[i].locks = db_sql_locks(statements[i].sql);
	}
	return table;
}

struct db *db_open(const char *conninfo, const struct db_statement *const *tables,
		   size_t table_count)
{
	struct db *db = calloc(1, sizeof(*db));

	ASSERT(db);
	db->conninfo = strdup(conninfo);
	db->tables = calloc(table_count + 1, sizeof(db->tables[0]));
	ASSERT(db->conninfo && db->tables);
	db->tables[0] = table_read(db_own_statements);
	for (size_t i = 0; i < table_count; i++)
		db->tables[i + 1] = table_read(tables[i]);
	db->table_count = table_count + 1;
	db->tx.db = db;
	/* parameters are cut into one piece an execution */
	arena_init(&db->scratch, DB_STATEMENT_BYTES_MAX + 1);
	return db;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	PQfinish(db->conn);
	arena_free(&db->scratch);
	for (size_t i = 0; i < db->table_count; i++)
		free(db->tables[i].traits);
	free(db->tables);
	free(db->copy.data);
	free(db->conninfo);
	free(db);
}

bool db_is_connected(const struct db *db)
{
	return db->conn != NULL;
}

struct db_traits db_traits_of(const struct db *db, const struct db_statement *statement)
{
	const struct db_table *table = db->tables;

	for (;; table++) {
		ASSERT(table < db->tables + db->table_count);
		uintptr_t offset = (uintptr_t)statement - (uintptr_t)table->statements;

		if (offset < table->count * sizeof(*statement))
			return table->traits[offset / sizeof(*statement)];
	}
}

/* libpq ends its messages with a newline and may use several lines. */
static void words_copy(char *out, size_t out_size, const char *words)
{
	size_t size;

	snprintf(out, out_size, "%s", words);
	for (char *at = out; *at; at++) {
		if (*at == '\n' || *at == '\t')
			*at = ' ';
	}
	for (size = strlen(out); size > 0 && out[size - 1] == ' '; size--)
		out[size - 1] = '\0';
}

void db_lose(struct db *db, const char *words)
{
	struct db_tx *tx = &db->tx;
	bool unknown = tx->committing && tx->writes > 0;

	/* the words may be libpq's own, which end with the connection */
	words_copy(db->failure_words, sizeof(db->failure_words), words);
	db->failure = ST_DATABASE_UNAVAILABLE;
	if (tx->open)
		db_tx_fail(tx, unknown ? ST_COMMIT_UNKNOWN : ST_DATABASE_UNAVAILABLE, "%s",
			   db->failure_words);
	PQfinish(db->conn);
	db->conn = NULL;
	db->entry_count = 0;
	db->queued_bytes = 0;
	db->leadership_count = 0;
	db->copy.open = false;
}

/* preparing */

static const char *oid_text(uint32_t oid, char *buffer, size_t buffer_size)
{
	const char *name = db_oid_name(oid);

	if (name)
		return name;
	snprintf(buffer, buffer_size, "the type with oid %u", oid);
	return buffer;
}

static enum st mismatch(struct db *db, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static enum st mismatch(struct db *db, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(db->failure_words, sizeof(db->failure_words), format, args);
	va_end(args);
	db->failure = ST_SCHEMA_MISMATCH;
	return ST_SCHEMA_MISMATCH;
}

static enum st compare(struct db *db, const struct db_statement *statement, const PGresult *found)
{
	int parameters = (int)strlen(statement->in);
	int columns = (int)strlen(statement->out);
	char type[48];

	ASSERT(parameters <= DB_PARAMETERS_MAX);
	if (PQnparams(found) != parameters)
		return mismatch(db, "statement '%s' has %d parameters, declared are %d",
				statement->name, PQnparams(found), parameters);
	for (int i = 0; i < parameters; i++) {
		uint32_t oid = PQparamtype(found, i);

		if (oid != db_type_oid(statement->in[i]))
			return mismatch(db,
					"statement '%s', parameter $%d: declared %s, the server "
					"expects %s",
					statement->name, i + 1, db_type_name(statement->in[i]),
					oid_text(oid, type, sizeof(type)));
	}
	if (PQnfields(found) != columns)
		return mismatch(db, "statement '%s' answers %d columns, declared are %d",
				statement->name, PQnfields(found), columns);
	for (int i = 0; i < columns; i++) {
		uint32_t oid = PQftype(found, i);

		if (!db_type_reads(statement->out[i], oid))
			return mismatch(db,
					"statement '%s', column %d '%s': declared %s, the server "
					"answers %s",
					statement->name, i + 1, PQfname(found, i),
					db_type_name(statement->out[i]),
					oid_text(oid, type, sizeof(type)));
	}
	return ST_OK;
}

static enum st prepare_failed(struct db *db, const char *name, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const struct st_info *info = st_info(db_status_of_sqlstate(sqlstate));
	char words[DB_ERROR_BYTES_MAX / 2];

	words_copy(words, sizeof(words), PQresultErrorMessage(result));
	/* a server that stops, a lock held by a migration: not the schema's fault */
	if (info->kind == ST_KIND_UNAVAILABLE) {
		db->failure = ST_DATABASE_UNAVAILABLE;
		snprintf(db->failure_words, sizeof(db->failure_words), "%s", words);
		return ST_DATABASE_UNAVAILABLE;
	}
	return mismatch(db, "statement '%s' does not prepare: %s", name, words);
}

/* The one result of the next command, which must have succeeded. */
static enum st prepare_answer(struct db *db, const char *name, int64_t deadline_ms, PGresult **ret)
{
	PGresult *result, *end;

	if (!db_result_wait(db, deadline_ms, &result)) {
		db->failure = ST_DATABASE_UNAVAILABLE;
		snprintf(db->failure_words, sizeof(db->failure_words),
			 "no answer while preparing '%s'", name);
		return ST_DATABASE_UNAVAILABLE;
	}
	if (PQresultStatus(result) != PGRES_COMMAND_OK &&
	    PQresultStatus(result) != PGRES_TUPLES_OK) {
		enum st st = prepare_failed(db, name, result);

		PQclear(result);
		return st;
	}
	if (!db_result_wait(db, deadline_ms, &end)) {
		PQclear(result);
		db->failure = ST_DATABASE_UNAVAILABLE;
		return ST_DATABASE_UNAVAILABLE;
	}
	ASSERT(!end);
	*ret = result;
	return ST_OK;
}

static bool prepare_send(PGconn *conn, const struct db_statement *statement)
{
	ASSERT(strlen(statement->in) <= DB_PARAMETERS_MAX);
	return PQsendPrepare(conn, statement->name, statement->sql, 0, NULL) &&
	       PQsendDescribePrepared(conn, statement->name);
}

static bool prepare_send_all(struct db *db)
{
	/* One statement, so that it fits the pipeline. UTC is for what is read by people only:
	 * times are int8 milliseconds in every table. */
	char settings[400];

	snprintf(settings, sizeof(settings),
		 "SELECT set_config('TimeZone', 'UTC', false),"
		 " set_config('statement_timeout', '%d', false),"
		 " set_config('lock_timeout', '%d', false),"
		 " set_config('idle_in_transaction_session_timeout', '%d', false)",
		 DB_STATEMENT_TIMEOUT_MS, DB_LOCK_TIMEOUT_MS, DB_IDLE_IN_TRANSACTION_TIMEOUT_MS);
	if (!PQsendQueryParams(db->conn, settings, 0, NULL, NULL, NULL, NULL, 1))
		return false;
	for (size_t t = 0; t < db->table_count; t++) {
		for (size_t i = 0; i < db->tables[t].count; i++) {
			if (!prepare_send(db->conn, &db->tables[t].statements[i]))
				return false;
		}
	}
	return PQpipelineSync(db->conn);
}

static enum st prepare_check(struct db *db, const struct db_statement *statement,
			     int64_t deadline_ms)
{
	DB_RESULT prepared = NULL;
	DB_RESULT described = NULL;

	TRY(prepare_answer(db, statement->name, deadline_ms, &prepared));
	TRY(prepare_answer(db, statement->name, deadline_ms, &described));
	return compare(db, statement, described);
}

static enum st prepare_all(struct db *db)
{
	int64_t deadline_ms = db_monotonic_ms() + DB_ANSWER_MS_MAX;
	DB_RESULT settings = NULL;
	DB_RESULT sync = NULL;

	if (!prepare_send_all(db)) {
		db->failure = ST_DATABASE_UNAVAILABLE;
		words_copy(db->failure_words, sizeof(db->failure_words), PQerrorMessage(db->conn));
		return ST_DATABASE_UNAVAILABLE;
	}
	TRY(prepare_answer(db, "settings", deadline_ms, &settings));
	for (size_t t = 0; t < db->table_count; t++) {
		for (size_t i = 0; i < db->tables[t].count; i++)
			TRY(prepare_check(db, &db->tables[t].statements[i], deadline_ms));
	}
	if (!db_result_wait(db, deadline_ms, &sync) ||
	    PQresultStatus(sync) != PGRES_PIPELINE_SYNC) {
		db->failure = ST_DATABASE_UNAVAILABLE;
		snprintf(db->failure_words, sizeof(db->failure_words),
			 "the connection was lost while preparing");
		return ST_DATABASE_UNAVAILABLE;
	}
	return ST_OK;
}

/* connecting */

static void ignore_notice(void *context, const PGresult *notice)
{
	(void)context;
	(void)notice;
}

static enum st connect_now(struct db *db)
{
	static const char *const names[] = {
		"dbname",           "client_encoding",           "connect_timeout",
		"keepalives_idle",  "keepalives_interval",       "keepalives_count",
		"tcp_user_timeout", "fallback_application_name", NULL,
	};
	const char *values[] = {
		db->conninfo, "UTF8", "2", "10", "5", "3", "15000", "piopl", NULL
	};

	static_assert(sizeof(names) / sizeof(names[0]) == sizeof(values) / sizeof(values[0]),
		      "every setting has a value");
	static_assert(DB_CONNECT_TIMEOUT_S == 2 && DB_ANSWER_MS_MAX == 15000,
		      "the texts above say the same");
	db->conn = PQconnectdbParams(names, values, 1);
	if (PQstatus(db->conn) != CONNECTION_OK || PQsetnonblocking(db->conn, 1) != 0 ||
	    !PQenterPipelineMode(db->conn)) {
		db->failure = ST_DATABASE_UNAVAILABLE;
		words_copy(db->failure_words, sizeof(db->failure_words), PQerrorMessage(db->conn));
		return ST_DATABASE_UNAVAILABLE;
	}
	PQsetNoticeReceiver(db->conn, ignore_notice, NULL);
	return prepare_all(db);
}

static enum st failure_report(const struct db *db, struct problem *problem)
{
	return problem_set(problem, db->failure, "", "%s", db->failure_words);
}

/* Nothing is expected from the server: end of file, or its last words, mean that it left. */
static bool idle_is_alive(struct db *db)
{
	char byte;

	for (int tries = 0; tries < 3; tries++) {
		ssize_t size = recv(PQsocket(db->conn), &byte, 1, MSG_PEEK | MSG_DONTWAIT);

		if (size < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
		if (size == 0 || !PQconsumeInput(db->conn))
			return false;
		/* a message from the server's own: parsed, and dropped, where it is harmless */
		if (PQstatus(db->conn) != CONNECTION_OK)
			return false;
		(void)PQisBusy(db->conn);
	}
	return true;
}

static bool answers_wait(const struct db *db)
{
	char byte;

	return recv(PQsocket(db->conn), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

static void connection_look(struct db *db)
{
	/* answers of the transaction before: without waiting, for they may still be on their way */
	if (db->entry_count > 0 && answers_wait(db))
		db_pipe_drain(db);
	if (db->conn && db->entry_count == 0 && !idle_is_alive(db))
		db_lose(db, "the server closed the connection");
}

enum st db_connect(struct db *db, struct problem *problem)
{
	int64_t now_ms = db_monotonic_ms();

	ASSERT(!db->tx.open);
	if (db->conn)
		connection_look(db);
	if (db->conn)
		return ST_OK;
	if (now_ms < db->retry_at_ms)
		return failure_report(db, problem);
	if (connect_now(db) == ST_OK) {
		db->connection++;
		db->backoff_ms = 0;
		db->retry_at_ms = 0;
		return ST_OK;
	}
	PQfinish(db->conn);
	db->conn = NULL;
	db->backoff_ms = db->backoff_ms * 2;
	if (db->backoff_ms < DB_BACKOFF_MS_MIN)
		db->backoff_ms = DB_BACKOFF_MS_MIN;
	if (db->backoff_ms > DB_BACKOFF_MS_MAX)
		db->backoff_ms = DB_BACKOFF_MS_MAX;
	db->retry_at_ms = db_monotonic_ms() + db->backoff_ms;
	return failure_report(db, problem);
}

enum st db_ready(struct db *db, struct problem *problem)
{
	if (db->tx.open)
		return db->conn ? ST_OK : failure_report(db, problem);
	return db_connect(db, problem);
}
