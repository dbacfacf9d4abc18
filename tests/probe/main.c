/* main.c: the probe service: items, events of its own that it follows, and faults on request. A
 * value of "poison" makes applying its event fail for ever, "deadly" kills the process. */
#include <stdlib.h>
#include <unistd.h>

#include "gen/probe.h"
#include "svc.h"

enum probe_statement { PUT, PUT_TWICE, COUNT, GET, APPLY };

static const struct db_statement probe_statements[] = {
	[PUT] = { "probe_put",
		  "INSERT INTO item (name, value, put_ms) VALUES ($1, $2, $3) RETURNING id", "tti",
		  "i" },
	[PUT_TWICE] = { "probe_wrong_rows", "UPDATE item SET value = $1 WHERE name = $2", "tt",
			"" },
	[COUNT] = { "probe_count",
		    "SELECT (SELECT count(*) FROM item), (SELECT count(*) FROM applied), "
		    "(SELECT count(*) FROM applied WHERE times > 1)",
		    "", "iii" },
	[GET] = { "probe_get", "SELECT value FROM item WHERE name = $1", "t", "t" },
	[APPLY] = { "probe_apply",
		    "INSERT INTO applied (name) SELECT n FROM unnest($1::text[]) AS u (n) "
		    "ON CONFLICT (name) DO UPDATE SET times = applied.times + 1",
		    "T", "" },
	{ .name = NULL },
};

static enum st misbehave(struct svc_request *req, const struct probe_item_put_request *in)
{
	switch (in->behaviour) {
	case PROBE_BEHAVIOUR_NONE:
		return ST_OK;
	case PROBE_BEHAVIOUR_DIE:
		abort();
	case PROBE_BEHAVIOUR_REFUSE_AFTER_WRITE:
		return svc_refuse(req, ST_CONFLICT, "/behaviour", "as asked");
	case PROBE_BEHAVIOUR_REFUSE_AND_KEEP:
		req->keep_writes = true;
		return svc_refuse(req, ST_ROLE_REQUIRED, "/behaviour", "as asked");
	case PROBE_BEHAVIOUR_CONFLICT:
		return ST_SERIALIZATION;
	case PROBE_BEHAVIOUR_SLOW:
		usleep(500000);
		return ST_OK;
	case PROBE_BEHAVIOUR_WRONG_ROWS:
		return db_write(req->tx, &probe_statements[PUT_TWICE], 1, ST_VERSION_CONFLICT,
				DB_TEXT(STR("x")), DB_TEXT(STR("no such item")));
	}
	return ST_INTERNAL;
}

static enum st on_item_put(struct svc_request *req)
{
	const struct probe_item_put_request *in = req->body;
	struct probe_item_put_reply *out = req->answer;
	struct str value = in->value.data ? in->value : STR("");
	struct db_rows rows;

	TRY(db_query(req->tx, &probe_statements[PUT], req->arena, &rows, DB_TEXT(in->name),
		     DB_TEXT(value), DB_I64(req->now_ms)));
	out->id = db_i64(&rows, 0, 0);
	if (in->has_tell && in->tell)
		TRY(svc_emit(req, &EVT_PROBE_ITEM_CHANGED, in->name,
			     &(struct probe_item_changed){ .name = in->name, .value = value }));
	return misbehave(req, in);
}

static enum st on_item_get(struct svc_request *req)
{
	const struct probe_item_get_request *in = req->body;
	struct probe_item_get_reply *out = req->answer;
	struct db_rows rows;

	if (in->name.data) {
		TRY(db_query(req->tx, &probe_statements[GET], req->arena, &rows,
			     DB_TEXT(in->name)));
		if (rows.count == 0)
			return svc_refuse(req, ST_NOT_FOUND, "/name", "no item \"%.*s\"",
					  STR_ARG(in->name));
		out->value = db_text(&rows, 0, 0);
	}
	TRY(db_query0(req->tx, &probe_statements[COUNT], req->arena, &rows));
	out->items = db_i64(&rows, 0, 0);
	out->applied = db_i64(&rows, 0, 1);
	out->applied_twice = db_i64(&rows, 0, 2);
	return ST_OK;
}

static enum st on_items_put(struct svc_request *req)
{
	const struct probe_items_put_request *in = req->body;
	struct probe_items_put_reply *out = req->answer;
	size_t count = (size_t)in->count;
	struct probe_item_changed *items =
		ARENA_ARRAY(req->arena, struct probe_item_changed, count);
	struct str *names = ARENA_ARRAY(req->arena, struct str, count);

	if (!items || !names)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		names[i] = arena_printf(req->arena, "%.*s%zu", STR_ARG(in->prefix), i);
		if (!names[i].data)
			return ST_TOO_LARGE;
		items[i] = (struct probe_item_changed){ .name = names[i], .value = in->value };
	}
	out->count = in->count;
	return svc_emit_many(req, &EVT_PROBE_ITEM_CHANGED, names, items, count);
}

static const struct svc_call probe_calls[] = {
	{ &CALL_PROBE_ITEM_PUT, on_item_put },
	{ &CALL_PROBE_ITEM_GET, on_item_get },
	{ &CALL_PROBE_ITEMS_PUT, on_items_put },
	{ NULL, NULL },
};

static enum st on_items_changed(struct svc_event *events, size_t count)
{
	struct str *names = ARENA_ARRAY(events->arena, struct str, count);

	if (!names)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		const struct probe_item_changed *data = events[i].data;
		if (data->value.data && str_is(data->value, "deadly"))
			abort();
		if (data->value.data && str_is(data->value, "poison"))
			return problem_set(&events->problem, ST_CONFLICT, "", "it is poisoned");
		names[i] = data->name;
	}
	return db_write(events->tx, &probe_statements[APPLY], (int64_t)count, ST_CONFLICT,
			DB_TEXTS(names, count));
}

static const struct svc_follow probe_follows[] = {
	{ .source = "probe", .event = &EVT_PROBE_ITEM_CHANGED, .handle_batch = on_items_changed },
	{ .source = NULL },
};

int main(int argc, char **argv)
{
	return svc_main(argc, argv,
			&(const struct svc_definition){
				.name = "probe",
				.schema_version = 1,
				.statements = probe_statements,
				.calls = probe_calls,
				.follows = probe_follows,
			});
}
