/* cmd_service.c: the stack's clock and messages that were set aside. */
#include <stdio.h>

#include "clock.h"
#include "services/terminal/supervise.h"
#include "services/terminal/terminal.h"

/* --- clock --- */

static enum st clock_answer(struct terminal *t)
{
	char now[TIME_TEXT_SIZE];
	char offset[DURATION_TEXT_SIZE];

	time_format(clock_now_ms(), now);
	duration_format(clock_offset_ms(), offset);
	if (t->json)
		printf("{\"now\":\"%s\",\"offset_ms\":%lld,\"development\":%s}\n", now,
		       (long long)clock_offset_ms(), clock_is_development() ? "true" : "false");
	terminal_say(t, "%s%s%s\n", now, clock_offset_ms() > 0 ? ", ahead by " : "",
		     clock_offset_ms() > 0 ? offset : "");
	return ST_OK;
}

enum st cmd_clock_show(struct terminal *t, struct problem *problem)
{
	(void)problem;
	terminal_now_ms(t);
	return clock_answer(t);
}

enum st cmd_clock_advance(struct terminal *t, struct problem *problem)
{
	enum st st;

	terminal_now_ms(t);
	st = clock_advance(args_i64(&t->args, "by", 0));
	if (st == ST_DEVELOPMENT_ONLY) {
		problem_set(problem, st, "", "the clock moves in development mode only");
		problem_hint(problem, "piopl down, then: piopl up --dev");
	}
	if (st == ST_CONFIG_INVALID)
		problem_set(problem, st, "", "the clock cannot be moved a hundred years ahead");
	return st == ST_OK ? clock_answer(t) : st;
}

/* --- parked messages --- */

static void parked_rows(struct terminal *t, struct table *table, const char *service,
			const struct common_parked_list_reply *reply)
{
	for (size_t i = 0; i < reply->items.count; i++) {
		const struct common_parked_message *m = &reply->items.items[i];

		table_cell_c(table, service);
		table_cell_i64(table, m->id);
		table_cell(table, m->type);
		table_cell(table, m->source);
		table_cell_i64(table, m->sequence);
		table_cell_i64(table, m->tries);
		table_cell_c(table, terminal_time(t, m->parked_at_ms));
		table_cell_c(table, terminal_time(t, m->replayed_at_ms));
		table_cell(table, m->error);
	}
}

/* {"registry": {"items": [...]}, "audit": {...}} */
static void parked_json(struct buf *buf, const char *service,
			const struct common_parked_list_reply *reply)
{
	buf_printf(buf, "%s\"%s\":", buf->size == 0 ? "{" : ",", service);
	proto_encode_to(&common_parked_list_reply_type, reply, buf);
}

enum st cmd_parked_list(struct terminal *t, struct problem *problem)
{
	const char *only = args_text(&t->args, "service");
	struct common_parked_list_request request = {
		.has_limit = true,
		.limit = args_i64(&t->args, "limit", 100),
	};
	struct common_parked_list_reply reply;
	struct table table;
	struct buf json;

	buf_init(&json, &t->arena, 1024);
	table_init(&table, &t->arena,
		   "service|>id|type|source|>sequence|>tries|parked|replayed|error");
	for (size_t i = 0; site_services[i]; i++) {
		if (only && strcmp(only, site_services[i]) != 0)
			continue;
		TRY(terminal_call_service(t, site_services[i], &CALL_PARKED_LIST, &request, &reply,
					  problem));
		parked_rows(t, &table, site_services[i], &reply);
		parked_json(&json, site_services[i], &reply);
	}
	buf_add_c(&json, "}\n");
	if (t->json)
		terminal_write(buf_str(&json));
	else if (table.count == 0)
		terminal_say(t, "nothing was set aside\n");
	else
		terminal_table(t, &table);
	return ST_OK;
}

enum st cmd_parked_replay(struct terminal *t, struct problem *problem)
{
	const char *service = args_text(&t->args, "service");
	struct common_parked_replay_request request = { .id = args_i64(&t->args, "id", 0) };
	struct common_parked_replay_reply reply;

	TRY(terminal_call_service(t, service, &CALL_PARKED_REPLAY, &request, &reply, problem));
	if (t->json)
		TRY(terminal_json(t, &common_parked_replay_reply_type, &reply));
	if (!reply.replayed) {
		problem_set(problem, ST_CONFLICT, "", "it failed again: %.*s",
			    STR_ARG(reply.error));
		problem_hint(problem, "it stays in the list");
		return ST_CONFLICT;
	}
	terminal_say(t, "%s applied message %lld\n", service, (long long)request.id);
	return ST_OK;
}
