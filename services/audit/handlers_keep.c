/* handlers_keep.c: how long records are kept, holds, alarms. People's acts here are evidence. */
#include "service.h"

#define LIST_LIMIT 100
#define PART_LIST_LIMIT 1000

struct str audit_who(const struct svc_request *req)
{
	return req->principal.size > 0 ? req->principal : req->caller;
}

static enum st act(struct svc_request *req, const char *type, const char *tool, struct str result)
{
	struct svc_scope scope = svc_scope_of_request(req);

	return audit_act_emit(&scope, &(struct audit_act){ .agent_id = STR("audit"),
							   .type = type,
							   .tool = tool,
							   .user_id = audit_who(req),
							   .parameters = req->body_text,
							   .result = result });
}

/* ---- retention ---- */

static enum st retention_load(struct svc_request *req, struct audit_retention_list_reply *ret)
{
	struct db_rows rows;

	TRY(db_query0(req->tx, &audit_statements[AUDIT_RETENTION_ALL], req->arena, &rows));
	ret->items.items = ARENA_ARRAY(req->arena, struct audit_retention, rows.count);
	if (!ret->items.items)
		return ST_TOO_LARGE;
	ret->items.count = rows.count;
	for (size_t i = 0; i < rows.count; i++)
		ret->items.items[i] = (struct audit_retention){
			.domain = db_text(&rows, i, 0),
			.days = db_i64(&rows, i, 1),
			.changed_at_ms = db_i64(&rows, i, 2),
			.reason = db_text(&rows, i, 3),
		};
	return ST_OK;
}

enum st audit_retention_list(struct svc_request *req)
{
	return retention_load(req, req->answer);
}

/* Records that exist are only ever kept longer. Those of a class that is new are among the default
 * ones, and lengthen whatever partition they are in. */
static enum st parts_lengthen(struct svc_request *req, const struct audit_retention_put_request *in,
			      bool known)
{
	int64_t indexed;

	if (known)
		return db_write(req->tx, &audit_statements[AUDIT_PART_LENGTHEN], DB_ANY_ROWS,
				ST_CONFLICT, DB_TEXT(in->domain), DB_I32((int32_t)in->days));
	TRY(audit_indexed_to(req->tx, req->arena, &indexed));
	return db_write(req->tx, &audit_statements[AUDIT_PART_LENGTHEN_HOLDING], DB_ANY_ROWS,
			ST_CONFLICT, DB_I64(audit_term(AUDIT_DOMAIN, in->domain)),
			DB_I32((int32_t)in->days), DB_I64(indexed));
}

enum st audit_retention_put(struct svc_request *req)
{
	const struct audit_retention_put_request *in = req->body;
	struct audit_retention_list_reply all;
	struct db_rows rows;
	bool known = false;

	/* the appender is held off, so that no partition is made with the former days */
	TRY(db_query0(req->tx, &audit_statements[AUDIT_TREE_LOCK], req->arena, &rows));
	TRY(retention_load(req, &all));
	for (size_t i = 0; i < all.items.count; i++)
		known = known || str_equal(all.items.items[i].domain, in->domain);
	if (!known && all.items.count >= AUDIT_CLASSES_MAX)
		return svc_refuse(req, ST_TOO_LARGE, "/domain",
				  "there are rules for %d domains already", AUDIT_CLASSES_MAX);
	TRY(db_write(req->tx, &audit_statements[AUDIT_RETENTION_SET], 1, ST_CONFLICT,
		     DB_TEXT(in->domain), DB_I32((int32_t)in->days), DB_I64(req->now_ms),
		     DB_TEXT(in->reason)));
	TRY(db_write0(req->tx, &audit_statements[AUDIT_SETTINGS_BUMP], 1, ST_CONFLICT));
	TRY(parts_lengthen(req, in, known));
	*(struct audit_retention *)req->answer = (struct audit_retention){
		.domain = in->domain,
		.days = in->days,
		.changed_at_ms = req->now_ms,
		.reason = in->reason,
	};
	return act(req, "retention.put", "audit.retention", in->domain);
}

enum st audit_partition_list(struct svc_request *req)
{
	const struct audit_partition_list_request *in = req->body;
	struct audit_partition_list_reply *out = req->answer;
	struct db_rows rows;

	TRY(db_query(req->tx, &audit_statements[AUDIT_PART_LIST], req->arena, &rows,
		     DB_I32(in->has_after ? (int32_t)in->after : 0), DB_TEXT_OR_NULL(in->domain),
		     DB_I64(in->has_limit ? in->limit : PART_LIST_LIMIT)));
	out->items.items = ARENA_ARRAY(req->arena, struct audit_partition, rows.count);
	if (!out->items.items)
		return ST_TOO_LARGE;
	out->items.count = rows.count;
	for (size_t i = 0; i < rows.count; i++)
		out->items.items[i] = (struct audit_partition){
			.partition = db_i64(&rows, i, 0),
			.domain = db_text(&rows, i, 1),
			.from_ms = db_i64(&rows, i, 2),
			.to_ms = db_i64(&rows, i, 3),
			.first = db_i64(&rows, i, 4),
			.last = db_i64(&rows, i, 5),
			.records = db_i64(&rows, i, 6),
			.days = db_i64(&rows, i, 7),
			.expires_at_ms = audit_expires_ms(db_i64(&rows, i, 3), db_i64(&rows, i, 7)),
			.has_expired_at_ms = !db_is_null(&rows, i, 8),
			.expired_at_ms = db_i64(&rows, i, 8),
		};
	return ST_OK;
}

/* ---- holds ---- */

static struct audit_hold hold_of_row(const struct db_rows *rows, size_t row)
{
	return (struct audit_hold){
		.hold_id = db_text(rows, row, 0),
		.domain = db_is_null(rows, row, 1) ? (struct str){ 0 } : db_text(rows, row, 1),
		.agent_id = db_is_null(rows, row, 2) ? (struct str){ 0 } : db_text(rows, row, 2),
		.has_from_ms = !db_is_null(rows, row, 3),
		.from_ms = db_i64(rows, row, 3),
		.has_to_ms = !db_is_null(rows, row, 4),
		.to_ms = db_i64(rows, row, 4),
		.reason = db_text(rows, row, 5),
		.placed_at_ms = db_i64(rows, row, 6),
		.placed_by = db_text(rows, row, 7),
		.has_released_at_ms = !db_is_null(rows, row, 8),
		.released_at_ms = db_i64(rows, row, 8),
		.release_reason =
			db_is_null(rows, row, 9) ? (struct str){ 0 } : db_text(rows, row, 9),
	};
}

static enum st hold_answer(struct svc_request *req, struct str hold_id)
{
	struct db_rows rows;

	TRY(db_query(req->tx, &audit_statements[AUDIT_HOLD_GET], req->arena, &rows,
		     DB_TEXT(hold_id)));
	if (rows.count == 0)
		return svc_refuse(req, ST_NOT_FOUND, "/hold_id", "there is no hold '%.*s'",
				  STR_ARG(hold_id));
	*(struct audit_hold *)req->answer = hold_of_row(&rows, 0);
	return ST_OK;
}

static struct db_value term_or_null(enum audit_attribute attribute, struct str value)
{
	return value.data ? DB_I64(audit_term(attribute, value)) : DB_NULL('i');
}

static struct db_value time_or_null(bool has, int64_t ms)
{
	return has ? DB_I64(ms) : DB_NULL('i');
}

enum st audit_hold_put(struct svc_request *req)
{
	const struct audit_hold_put_request *in = req->body;
	char id[ID_TEXT_SIZE];
	struct str hold_id;

	if (in->has_from_ms && in->has_to_ms && in->from_ms >= in->to_ms)
		return svc_refuse(req, ST_MESSAGE_INVALID, "/to", "'to' must be after 'from'");
	id_make("hld", req->now_ms, id);
	hold_id = arena_copy(req->arena, str_of(id));
	if (!hold_id.data)
		return ST_TOO_LARGE;
	TRY(db_write(
		req->tx, &audit_statements[AUDIT_HOLD_INSERT], 1, ST_CONFLICT, DB_TEXT(hold_id),
		DB_TEXT_OR_NULL(in->domain), term_or_null(AUDIT_DOMAIN, in->domain),
		DB_TEXT_OR_NULL(in->agent_id), term_or_null(AUDIT_AGENT, in->agent_id),
		time_or_null(in->has_from_ms, in->from_ms), time_or_null(in->has_to_ms, in->to_ms),
		DB_TEXT(in->reason), DB_I64(req->now_ms), DB_TEXT(audit_who(req))));
	TRY(hold_answer(req, hold_id));
	return act(req, "hold.put", "audit.hold", hold_id);
}

enum st audit_hold_release(struct svc_request *req)
{
	const struct audit_hold_release_request *in = req->body;
	const struct audit_hold *hold = req->answer;

	TRY(hold_answer(req, in->hold_id));
	if (hold->has_released_at_ms)
		return svc_refuse(req, ST_HOLD_RELEASED, "/hold_id",
				  "hold '%.*s' was released before", STR_ARG(in->hold_id));
	TRY(db_write(req->tx, &audit_statements[AUDIT_HOLD_RELEASE], 1, ST_CONFLICT,
		     DB_TEXT(in->hold_id), DB_I64(req->now_ms), DB_TEXT(in->reason)));
	TRY(hold_answer(req, in->hold_id));
	return act(req, "hold.release", "audit.hold", in->hold_id);
}

enum st audit_hold_list(struct svc_request *req)
{
	const struct audit_hold_list_request *in = req->body;
	struct audit_hold_list_reply *out = req->answer;
	struct db_rows rows;

	/* "hle" comes after every id of a hold */
	TRY(db_query(req->tx, &audit_statements[AUDIT_HOLD_LIST], req->arena, &rows,
		     DB_TEXT(in->before.data ? in->before : STR("hle")), DB_BOOL(in->released),
		     DB_I64(in->has_limit ? in->limit : LIST_LIMIT)));
	out->items.items = ARENA_ARRAY(req->arena, struct audit_hold, rows.count);
	if (!out->items.items)
		return ST_TOO_LARGE;
	out->items.count = rows.count;
	for (size_t i = 0; i < rows.count; i++)
		out->items.items[i] = hold_of_row(&rows, i);
	return ST_OK;
}

/* ---- alarms ---- */

static enum audit_alarm_kind alarm_kind_of(struct str name)
{
	for (int i = 0; audit_alarm_kind_names[i]; i++)
		if (str_is(name, audit_alarm_kind_names[i]))
			return (enum audit_alarm_kind)(i + 1);
	return AUDIT_ALARM_KIND_NONE;
}

enum st audit_alarm_list(struct svc_request *req)
{
	const struct audit_alarm_list_request *in = req->body;
	struct audit_alarm_list_reply *out = req->answer;
	struct str kind = { 0 };
	struct db_rows rows;

	if (in->kind != AUDIT_ALARM_KIND_NONE)
		kind = str_of(audit_alarm_kind_names[in->kind - 1]);
	TRY(db_query(req->tx, &audit_statements[AUDIT_ALARM_LIST], req->arena, &rows,
		     DB_I64(in->has_before ? in->before : INT64_MAX), DB_TEXT_OR_NULL(kind),
		     DB_I64(in->has_limit ? in->limit : LIST_LIMIT)));
	out->items.items = ARENA_ARRAY(req->arena, struct audit_alarm, rows.count);
	if (!out->items.items)
		return ST_TOO_LARGE;
	out->items.count = rows.count;
	for (size_t i = 0; i < rows.count; i++)
		out->items.items[i] = (struct audit_alarm){
			.alarm_id = db_i64(&rows, i, 0),
			.kind = alarm_kind_of(db_text(&rows, i, 1)),
			.raised_at_ms = db_i64(&rows, i, 2),
			.subject = db_text(&rows, i, 3),
			.has_log_id = !db_is_null(&rows, i, 4),
			.log_id = db_i64(&rows, i, 4),
			.detail = db_text(&rows, i, 5),
		};
	return ST_OK;
}
