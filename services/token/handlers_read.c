/* handlers_read.c: tokens as they are kept, one or by page. */
#include "handlers.h"
#include "id.h"

struct token_verdict verdict_of(enum st st, const struct problem *problem, struct arena *arena)
{
	if (st == ST_OK)
		return (struct token_verdict){ .valid = true };
	struct token_verdict verdict = {
		.reason = str_of(st_info(st)->code),
		.title = str_of(st_info(st)->title),
	};
	if (problem->detail[0])
		verdict.detail = arena_copy(arena, str_of(problem->detail));
	if (problem->pointer[0])
		verdict.pointer = arena_copy(arena, str_of(problem->pointer));
	return verdict;
}

enum st on_show(struct svc_request *req)
{
	const struct token_show_request *in = req->body;
	struct token_show_reply *answer = req->answer;
	struct token_row *row = ARENA_NEW(req->arena, struct token_row);
	struct problem why = { 0 };
	bool found;

	if (!row)
		return ST_TOO_LARGE;
	TRY(store_token_get(req->tx, req->arena, in->token_id, row, &found));
	if (!found)
		return svc_refuse(req, ST_NOT_FOUND, "/token_id", "\"%.*s\"",
				  STR_ARG(in->token_id));
	answer->capability = row->capability;
	answer->capability.state = token_state_of(row, req->now_ms);
	answer->verdict = verdict_of(token_usable(row, req->now_ms, &why), &why, req->arena);
	return ST_OK;
}

enum st on_list(struct svc_request *req)
{
	const struct token_list_request *in = req->body;
	struct token_list_reply *answer = req->answer;
	struct token_filter filter = {
		.scope = str_or_empty(in->scope),
		.state = in->state,
		.after = str_or_empty(in->after),
		.limit = in->has_limit ? in->limit : TOKEN_PAGE_DEFAULT,
		.now_ms = req->now_ms,
	};
	struct token_rows rows;

	if (in->agent_id.data && !agent_id_parse(in->agent_id, &filter.agent_number))
		return svc_refuse(req, ST_MESSAGE_INVALID, "/agent_id", "it is no agent id");
	TRY(store_token_list(req->tx, req->arena, &filter, &rows));
	answer->capabilities.items = ARENA_ARRAY(req->arena, struct token_capability, rows.count);
	if (!answer->capabilities.items)
		return ST_TOO_LARGE;
	answer->capabilities.count = rows.count;
	for (size_t i = 0; i < rows.count; i++) {
		answer->capabilities.items[i] = rows.items[i].capability;
		answer->capabilities.items[i].state = token_state_of(&rows.items[i], req->now_ms);
	}
	if ((int64_t)rows.count == filter.limit)
		answer->next = rows.items[rows.count - 1].capability.token_id;
	return ST_OK;
}
