/* cmd_audit_keep.c: how long evidence is kept, and legal holds. */
#include "gen/audit.h"
#include "services/terminal/terminal.h"

static enum st reason_needed(struct terminal *t, struct problem *problem)
{
	if (args_has(&t->args, "reason"))
		return ST_OK;
	return problem_set(problem, ST_USAGE, "", "--reason is missing");
}

static enum st hold_list(struct terminal *t, struct problem *problem)
{
	struct audit_hold_list_request request = {
		.has_released = true,
		.released = args_has(&t->args, "released"),
	};
	struct audit_hold_list_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_AUDIT_HOLD_LIST, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, "hold|domain|agent|from|to|placed|released|reason");
	for (size_t i = 0; i < reply.items.count; i++) {
		const struct audit_hold *h = &reply.items.items[i];

		table_cell(&table, h->hold_id);
		table_cell(&table, h->domain);
		table_cell(&table, h->agent_id);
		table_cell_c(&table, terminal_time(t, h->from_ms));
		table_cell_c(&table, terminal_time(t, h->to_ms));
		table_cell_c(&table, terminal_time(t, h->placed_at_ms));
		table_cell_c(&table, terminal_time(t, h->released_at_ms));
		table_cell(&table, h->reason);
	}
	if (table.count == 0)
		terminal_say(t, "no holds\n");
	else
		terminal_table(t, &table);
	return ST_OK;
}

static enum st hold_place(struct terminal *t, struct problem *problem)
{
	struct audit_hold_put_request request = {
		.domain = terminal_text(t, "domain"),
		.agent_id = terminal_text(t, "agent"),
		.has_from_ms = args_has(&t->args, "since"),
		.from_ms = args_i64(&t->args, "since", 0),
		.has_to_ms = args_has(&t->args, "until"),
		.to_ms = args_i64(&t->args, "until", 0),
		.reason = terminal_text(t, "reason"),
	};
	struct audit_hold reply;
	bool printed;

	TRY(reason_needed(t, problem));
	TRY(terminal_ask(t, &CALL_AUDIT_HOLD_PUT, &request, &reply, &printed, problem));
	if (!printed)
		terminal_say(t, "%.*s is placed\n", STR_ARG(reply.hold_id));
	return ST_OK;
}

static enum st hold_release(struct terminal *t, struct problem *problem)
{
	struct audit_hold_release_request request = {
		.hold_id = terminal_text(t, "hold"),
		.reason = terminal_text(t, "reason"),
	};
	struct audit_hold reply;
	bool printed;

	if (!request.hold_id.data)
		return problem_set(problem, ST_USAGE, "hold", "which one is missing");
	TRY(reason_needed(t, problem));
	TRY(terminal_ask(t, &CALL_AUDIT_HOLD_RELEASE, &request, &reply, &printed, problem));
	if (!printed)
		terminal_say(t, "%.*s is released\n", STR_ARG(reply.hold_id));
	return ST_OK;
}

enum st cmd_audit_hold(struct terminal *t, struct problem *problem)
{
	enum { LIST, PLACE, RELEASE };

	switch (args_i64(&t->args, "action", LIST)) {
	case PLACE:
		return hold_place(t, problem);
	case RELEASE:
		return hold_release(t, problem);
	default:
		return hold_list(t, problem);
	}
}

/* --- retention --- */

static enum st retention_list(struct terminal *t, struct problem *problem)
{
	struct audit_retention_list_request request = { 0 };
	struct audit_retention_list_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_AUDIT_RETENTION_LIST, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, "domain|>days|since|reason");
	for (size_t i = 0; i < reply.items.count; i++) {
		table_cell(&table, reply.items.items[i].domain);
		table_cell_i64(&table, reply.items.items[i].days);
		table_cell_c(&table, terminal_time(t, reply.items.items[i].changed_at_ms));
		table_cell(&table, reply.items.items[i].reason);
	}
	terminal_table(t, &table);
	return ST_OK;
}

static enum st retention_set(struct terminal *t, struct problem *problem)
{
	struct audit_retention_put_request request = {
		.domain = terminal_text(t, "domain"),
		.days = args_i64(&t->args, "days", 0),
		.reason = terminal_text(t, "reason"),
	};
	struct audit_retention reply;
	bool printed;

	if (!request.domain.data || request.days == 0)
		return problem_set(problem, ST_USAGE, "", "--domain and --days are needed");
	TRY(reason_needed(t, problem));
	TRY(terminal_ask(t, &CALL_AUDIT_RETENTION_PUT, &request, &reply, &printed, problem));
	if (!printed)
		terminal_say(t, "records of %.*s are kept for %lld days\n", STR_ARG(reply.domain),
			     (long long)reply.days);
	return ST_OK;
}

static enum st partition_list(struct terminal *t, struct problem *problem)
{
	struct audit_partition_list_request request = { .domain = terminal_text(t, "domain") };
	struct audit_partition_list_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_AUDIT_PARTITION_LIST, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, ">part|domain|from|>records|>first|>last|expires|expired");
	for (size_t i = 0; i < reply.items.count; i++) {
		const struct audit_partition *p = &reply.items.items[i];

		table_cell_i64(&table, p->partition);
		table_cell(&table, p->domain);
		table_cell_c(&table, terminal_time(t, p->from_ms));
		table_cell_i64(&table, p->records);
		table_cell_i64(&table, p->first);
		table_cell_i64(&table, p->last);
		table_cell_c(&table, terminal_time(t, p->expires_at_ms));
		table_cell_c(&table, terminal_time(t, p->expired_at_ms));
	}
	terminal_table(t, &table);
	return ST_OK;
}

enum st cmd_audit_retention(struct terminal *t, struct problem *problem)
{
	enum { LIST, SET, PARTITIONS };

	switch (args_i64(&t->args, "action", LIST)) {
	case SET:
		return retention_set(t, problem);
	case PARTITIONS:
		return partition_list(t, problem);
	default:
		return retention_list(t, problem);
	}
}
