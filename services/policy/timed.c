/* timed.c: reservations whose outcome never came are given back and their decisions flagged; old
 * decisions and news are forgotten. */
#include <stdio.h>

#include "id.h"
#include "service.h"

#define RUNS_DUE_MAX 16
#define NEWS_GRACE_MS INT64_C(86400000)

static const struct db_statement *sql(enum policy_statement statement)
{
	return &policy_statements[statement];
}

static enum st reservation_release(struct svc_tick_context *tick, const struct db_rows *rows,
				   size_t i, int64_t stamp)
{
	int64_t at_ms = db_i64(rows, i, 2), reserved = db_i64(rows, i, 3);

	if (reserved == 0 || day_of(at_ms) != day_of(tick->now_ms))
		return ST_OK;
	return db_write(tick->tx, sql(POL_METER_RELEASE), DB_ANY_ROWS, ST_INTERNAL,
			DB_I64(db_i64(rows, i, 1)), DB_TEXT(STR("spend")), DB_I64(day_of(at_ms)),
			DB_I64(reserved), DB_I64(stamp));
}

static enum st overdue_tell(struct svc_tick_context *tick, const struct db_rows *rows, size_t i)
{
	struct svc_scope scope = svc_scope_of_tick(tick);
	char agent[AGENT_ID_TEXT_SIZE];
	struct str evidence_id =
		arena_printf(tick->arena, "evd_%.*s", STR_ARG(db_text(rows, i, 0)));

	if (!evidence_id.data)
		return ST_TOO_LARGE;
	agent_id_format(db_i64(rows, i, 1), agent);
	struct policy_decision_overdue data = { .evidence_id = evidence_id,
						.agent_id = str_of(agent),
						.decided_at_ms = db_i64(rows, i, 2) };
	return svc_emit_in(&scope, &EVT_POLICY_DECISION_OVERDUE, &data.evidence_id, &data, 1);
}

/* Outcomes change under the lock of the meters only, so what is read under it stays as it is. */
enum st tick_due(struct svc_tick_context *tick)
{
	struct db_rows runs, rows, clock;
	int64_t due[RUNS_DUE_MAX];

	TRY(db_query(tick->tx, sql(POL_RUNS_DUE), tick->arena, &runs, DB_I64(tick->now_ms),
		     DB_I64(RUNS_DUE_MAX)));
	if (runs.count == 0)
		return ST_OK;
	for (size_t i = 0; i < runs.count; i++)
		due[i] = db_i64(&runs, i, 0);
	TRY(db_query0(tick->tx, sql(POL_METER_LOCK), tick->arena, &clock));
	TRY(db_query(tick->tx, sql(POL_DECISIONS_DUE), tick->arena, &rows,
		     DB_I64S(due, runs.count)));
	for (size_t i = 0; i < rows.count; i++) {
		TRY(reservation_release(tick, &rows, i, db_i64(&clock, 0, 0)));
		TRY(overdue_tell(tick, &rows, i));
	}
	TRY(db_write(tick->tx, sql(POL_RUNS_SWEPT), (int64_t)runs.count, ST_CONFLICT,
		     DB_I64S(due, runs.count)));
	tick->again = runs.count == RUNS_DUE_MAX;
	return ST_OK;
}

enum st tick_forget(struct svc_tick_context *tick)
{
	struct policy_service *policy = tick->state;
	char uuid[UUID_TEXT_SIZE];

	TRY(db_write(tick->tx, sql(POL_TOKEN_FORGET), DB_ANY_ROWS, ST_INTERNAL,
		     DB_I64(tick->now_ms - NEWS_GRACE_MS)));
	TRY(approvals_forget(tick));
	TRY(preapprovals_forget(tick));
	if (tick->now_ms <= policy->keep_ms)
		return ST_OK;
	/* Ids of decisions carry their time; this is the smallest of that time. */
	int64_t before_ms = tick->now_ms - policy->keep_ms;
	snprintf(uuid, sizeof(uuid), "%08x-%04x-7000-8000-000000000000",
		 (unsigned)(before_ms >> 16), (unsigned)(before_ms & 0xffff));
	TRY(db_write(tick->tx, sql(POL_RUNS_EXPIRE), DB_ANY_ROWS, ST_INTERNAL,
		     DB_UUID(str_of(uuid))));
	return db_write(tick->tx, sql(POL_OUTCOMES_EXPIRE), DB_ANY_ROWS, ST_INTERNAL,
			DB_UUID(str_of(uuid)));
}
