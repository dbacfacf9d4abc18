/* Plain SQL on a connection that otherwise speaks in pipelines. */
#include "db_admin.h"

#include <stdio.h>

#include "db_internal.h"

struct answer {
	struct arena *arena; /* NULL: rows are not kept */
	struct db_rows rows;
	enum st st;
	struct problem *problem;
};

static enum st rows_keep(const PGresult *result, struct answer *answer)
{
	size_t columns = (size_t)PQnfields(result);
	size_t count = (size_t)PQntuples(result);
	struct db_value *values = ARENA_ARRAY(answer->arena, struct db_value, count * columns + 1);

	if (!values)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count * columns; i++) {
		int row = (int)(i / columns), column = (int)(i % columns);
		struct str text = { .data = PQgetvalue(result, row, column),
				    .size = (size_t)PQgetlength(result, row, column) };

		values[i] = DB_NULL('t');
		if (PQgetisnull(result, row, column))
			continue;
		values[i] = DB_TEXT(arena_copy(answer->arena, text));
		if (!values[i].text.data)
			return ST_TOO_LARGE;
	}
	answer->rows = (struct db_rows){ .values = values, .count = count, .columns = columns };
	return ST_OK;
}

static void result_take(const PGresult *result, struct answer *answer)
{
	ExecStatusType status = PQresultStatus(result);

	if (answer->st != ST_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY)
		return;
	if (status == PGRES_TUPLES_OK) {
		if (answer->arena)
			answer->st = rows_keep(result, answer);
		return;
	}
	answer->st = db_status_of_sqlstate(PQresultErrorField(result, PG_DIAG_SQLSTATE));
	problem_set(answer->problem, answer->st, "", "%.*s",
		    (int)strcspn(PQresultErrorMessage(result), "\n"), PQresultErrorMessage(result));
}

static enum st simple(struct db *db, const char *sql, int64_t wait_ms, struct answer *answer)
{
	int64_t deadline_ms = db_monotonic_ms() + wait_ms;

	TRY(db_connect(db, answer->problem));
	if (!db_pipe_leave(db) || !PQsendQuery(db->conn, sql))
		return problem_set(answer->problem, ST_DATABASE_UNAVAILABLE, "",
				   "the connection was lost");
	for (;;) {
		DB_RESULT result = NULL;

		if (!db_result_wait(db, deadline_ms, &result)) {
			db_lose(db, "the server did not answer in time");
			return problem_set(answer->problem, ST_DATABASE_UNAVAILABLE, "",
					   "the server did not answer in time");
		}
		if (!result)
			break;
		result_take(result, answer);
	}
	if (PQstatus(db->conn) != CONNECTION_OK)
		db_lose(db, PQerrorMessage(db->conn));
	db_pipe_enter(db);
	return answer->st;
}

enum st db_simple(struct db *db, const char *sql, struct problem *problem)
{
	return db_simple_within(db, sql, DB_ADMIN_ANSWER_MS_MAX, problem);
}

enum st db_simple_within(struct db *db, const char *sql, int64_t wait_ms, struct problem *problem)
{
	struct answer answer = { .problem = problem };

	return simple(db, sql, wait_ms, &answer);
}

enum st db_simple_rows(struct db *db, const char *sql, struct arena *arena, struct db_rows *ret,
		       struct problem *problem)
{
	struct answer answer = { .arena = arena, .problem = problem };

	TRY(simple(db, sql, DB_ADMIN_ANSWER_MS_MAX, &answer));
	*ret = answer.rows;
	return ST_OK;
}

enum st db_simple_password(struct db *db, const char *role, const char *password,
			   struct problem *problem)
{
	char sql[512];
	char *verifier;
	int size;

	TRY(db_connect(db, problem));
	verifier = PQencryptPasswordConn(db->conn, password, role, "scram-sha-256");
	if (!verifier)
		return problem_set(problem, ST_INTERNAL, "", "the password cannot be prepared");
	/* the verifier is base64 and punctuation, without quotes */
	size = snprintf(sql, sizeof(sql), "ALTER ROLE \"%s\" PASSWORD '%s'", role, verifier);
	PQfreemem(verifier);
	ASSERT(size > 0 && (size_t)size < sizeof(sql));
	return db_simple(db, sql, problem);
}
