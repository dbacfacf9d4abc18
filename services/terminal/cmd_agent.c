/* cmd_agent.c: create, look at, list, count, change and export agents. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "gen/audit.h"
#include "services/terminal/operation.h"
#include "services/terminal/profile.h"

static const char *agent_state(enum registry_agent_state state)
{
	return state == REGISTRY_AGENT_STATE_NONE ? "" : registry_agent_state_names[state - 1];
}

/* "a, b, c" */
static struct str joined(struct terminal *t, const struct str *items, size_t count)
{
	struct buf buf;

	buf_init(&buf, &t->arena, 128);
	for (size_t i = 0; i < count; i++) {
		buf_add_c(&buf, i == 0 ? "" : ", ");
		buf_add_str(&buf, items[i]);
	}
	return buf_str(&buf);
}

static struct str money_text(struct terminal *t, struct money money)
{
	char amount[MONEY_TEXT_SIZE];

	money_print(money, amount);
	return arena_printf(&t->arena, "%s %s", amount, money.currency);
}

static void field(struct table *table, const char *name, struct str value)
{
	table_cell_c(table, name);
	table_cell(table, value);
}

static struct str number_text(struct terminal *t, double value)
{
	return arena_printf(&t->arena, "%g", value);
}

static void identity_rows(struct terminal *t, const struct registry_agent *agent,
			  struct table *table)
{
	const struct registry_agent_identity *i = &agent->identity;
	const struct registry_agent_lifecycle *l = &agent->lifecycle;

	field(table, "agent", i->agent_id);
	field(table, "name", i->name);
	field(table, "role", i->role);
	field(table, "tier", arena_printf(&t->arena, "%d", (int)i->tier));
	field(table, "version", i->version);
	field(table, "state",
	      arena_printf(&t->arena, "%s%s%s", agent_state(i->status),
			   l->throttled ? ", throttled" : "",
			   l->paused_automatically ? ", paused automatically" : ""));
	field(table, "unit", i->unit);
	field(table, "owner", i->owner);
	field(table, "created", str_of(terminal_time(t, i->created_ms)));
	field(table, "approved by", l->approved_by);
	field(table, "reason", l->reason);
}

static void other_rows(struct terminal *t, const struct registry_agent *agent, struct table *table)
{
	const struct registry_agent_capability *c = &agent->capability;
	const struct registry_agent_governance *g = &agent->governance;
	const struct registry_agent_revenue *r = &agent->revenue;

	field(table, "tokens", joined(t, c->capabilities.items, c->capabilities.count));
	field(table, "scopes", joined(t, c->capability_scopes.items, c->capability_scopes.count));
	field(table, "can send to", joined(t, c->can_send_to.items, c->can_send_to.count));
	field(table, "never sends", joined(t, c->never_sends.items, c->never_sends.count));
	field(table, "spend per day", money_text(t, c->max_spend_per_day));
	field(table, "output floor", number_text(t, c->output_confidence_floor));
	field(table, "constitution", g->constitution_hash);
	field(table, "invariants",
	      joined(t, g->invariants_enforced.items, g->invariants_enforced.count));
	field(table, "kill switch", g->kill_switch ? STR("true") : STR("false"));
	field(table, "evidence chain", g->audit_chain);
	field(table, "behaviour score", number_text(t, g->behaviour_score));
	field(table, "earning model", str_of(registry_earning_model_names[r->earning_model - 1]));
	field(table, "house share", arena_printf(&t->arena, "%d%%", (int)r->revenue_share_pct));
	field(table, "settled to", r->settlement_account);
	field(table, "revenue", money_text(t, r->lifetime_revenue));
	field(table, "cost", money_text(t, r->cost_to_date));
}

static void agent_show(struct terminal *t, const struct registry_agent *agent)
{
	struct table table;

	table_init(&table, &t->arena, "field|value");
	identity_rows(t, agent, &table);
	other_rows(t, agent, &table);
	terminal_table(t, &table);
}

enum st cmd_agent_create(struct terminal *t, struct problem *problem)
{
	struct registry_agent_create_request request = { .name = terminal_text(t, "name") };
	struct registry_agent_reply reply;
	bool printed;

	TRY(profile_read(t, &request.profile, problem));
	TRY(terminal_ask(t, &CALL_REGISTRY_AGENT_CREATE, &request, &reply, &printed, problem));
	if (!printed)
		terminal_say(t, "%.*s is registered, %s, version %.*s\n",
			     STR_ARG(reply.agent.identity.agent_id),
			     agent_state(reply.agent.identity.status),
			     STR_ARG(reply.agent.identity.version));
	return ST_OK;
}

enum st cmd_agent_batch(struct terminal *t, struct problem *problem)
{
	struct registry_agents_create_request request = {
		.count = args_i64(&t->args, "count", 1),
		.name_prefix = terminal_text(t, "prefix"),
	};
	struct registry_operation_reply reply;

	TRY(profile_read(t, &request.profile, problem));
	TRY(terminal_call(t, &CALL_REGISTRY_AGENTS_CREATE, &request, &reply, problem));
	if (!args_has(&t->args, "no-wait"))
		TRY(operation_wait(t, reply.operation.operation_id, &reply.operation, problem));
	if (t->json)
		return terminal_json(t, &registry_operation_reply_type, &reply);
	operation_say(t, &reply.operation);
	return ST_OK;
}

enum st cmd_agent_get(struct terminal *t, struct problem *problem)
{
	struct registry_agent_get_request request = {
		.agent_id = terminal_text(t, "agent"),
		.has_as_of_ms = args_has(&t->args, "as-of"),
		.as_of_ms = args_i64(&t->args, "as-of", 0),
	};
	struct registry_agent_reply reply;

	TRY(terminal_call(t, &CALL_REGISTRY_AGENT_GET, &request, &reply, problem));
	if (t->json)
		return terminal_json(t, &registry_agent_reply_type, &reply);
	agent_show(t, &reply.agent);
	return ST_OK;
}

/* --- inventory --- */

static void inventory_rows(struct terminal *t, struct table *table,
			   const struct registry_agent_list_reply *page)
{
	for (size_t i = 0; i < page->agents.count; i++) {
		const struct registry_agent_summary *a = &page->agents.items[i];

		table_cell(table, a->agent_id);
		table_cell(table, a->name);
		table_cell(table, a->role);
		table_cell_i64(table, a->tier);
		table_cell(table, a->unit);
		table_cell(table, arena_printf(&t->arena, "%s%s", agent_state(a->state),
					       a->throttled ? " (throttled)" : ""));
		table_cell(table, a->version);
		table_cell(table, number_text(t, a->score));
		table_cell(table, joined(t, a->tools.items, a->tools.count));
		table_cell(table, a->owner);
		table_cell(table, a->approved_by);
	}
}

void inventory_show(struct terminal *t, const struct registry_agent_list_reply *page)
{
	struct table table;

	table_init(&table, &t->arena,
		   "agent|name|role|>tier|unit|state|version|>score|tools|owner|approved by");
	inventory_rows(t, &table, page);
	terminal_table(t, &table);
}

static enum st pages_join(struct terminal *t, struct registry_agent_list_request *request,
			  struct registry_agent_list_reply *all, struct problem *problem)
{
	size_t capacity = all->agents.count;

	while (all->next_cursor.data) {
		struct registry_agent_list_reply page;
		size_t count = all->agents.count;

		request->cursor = all->next_cursor;
		TRY(terminal_call(t, &CALL_REGISTRY_AGENT_LIST, request, &page, problem));
		if (count + page.agents.count > capacity) {
			struct registry_agent_summary *grown;

			capacity = (count + page.agents.count) * 2;
			grown = ARENA_ARRAY(&t->arena, struct registry_agent_summary, capacity);
			if (!grown)
				return ST_NO_MEMORY;
			memcpy(grown, all->agents.items, count * sizeof(*grown));
			all->agents.items = grown;
		}
		memcpy(all->agents.items + count, page.agents.items,
		       page.agents.count * sizeof(*page.agents.items));
		all->agents.count += page.agents.count;
		all->next_cursor = page.next_cursor;
	}
	return ST_OK;
}

/* Past what one message may hold, every agent is a line of its own. */
static enum st inventory_json(struct terminal *t, const struct registry_agent_list_reply *all)
{
	struct buf buf;

	if (all->agents.count <= 1000)
		return terminal_json(t, &registry_agent_list_reply_type, all);
	buf_init(&buf, &t->arena, all->agents.count * 512);
	buf_add_c(&buf, "{\"agents\":[\n");
	for (size_t i = 0; i < all->agents.count; i++) {
		proto_encode_to(&registry_agent_summary_type, &all->agents.items[i], &buf);
		buf_add_c(&buf, i + 1 < all->agents.count ? ",\n" : "\n");
	}
	buf_add_c(&buf, "]}\n");
	if (buf.failed)
		return ST_NO_MEMORY;
	terminal_write(buf_str(&buf));
	return ST_OK;
}

enum st cmd_agent_list(struct terminal *t, struct problem *problem)
{
	bool all = args_has(&t->args, "all");
	struct registry_agent_list_request request = {
		.sort = (enum registry_agent_sort)terminal_choice(t, "sort"),
		.cursor = terminal_text(t, "cursor"),
		.has_limit = true,
		.limit = args_i64(&t->args, "limit", all ? 1000 : 100),
	};
	struct registry_agent_list_reply reply;

	PROFILE_FILTER(t, &request);
	if (args_has(&t->args, "descending"))
		request.order = REGISTRY_SORT_ORDER_DESCENDING;
	TRY(terminal_call(t, &CALL_REGISTRY_AGENT_LIST, &request, &reply, problem));
	if (all)
		TRY(pages_join(t, &request, &reply, problem));
	if (t->json)
		return inventory_json(t, &reply);
	inventory_show(t, &reply);
	if (reply.next_cursor.data)
		terminal_say(t, "more: --cursor %.*s (or --all)\n", STR_ARG(reply.next_cursor));
	return ST_OK;
}

enum st cmd_agent_count(struct terminal *t, struct problem *problem)
{
	struct registry_agent_count_request request = { 0 };
	struct registry_agent_count_reply reply;
	bool printed;

	PROFILE_FILTER(t, &request);
	TRY(terminal_ask(t, &CALL_REGISTRY_AGENT_COUNT, &request, &reply, &printed, problem));
	if (!printed)
		terminal_say(t, "%lld\n", (long long)reply.count);
	return ST_OK;
}

/* --- change --- */

enum st cmd_agent_update(struct terminal *t, struct problem *problem)
{
	struct registry_agent_get_request get = { .agent_id = terminal_text(t, "agent") };
	struct registry_agent_update_request request = {
		.agent_id = get.agent_id,
		.expected_version = terminal_text(t, "expect"),
	};
	struct registry_profile_change *change = &request.change;
	struct registry_agent_reply now;
	struct registry_agent_reply reply;
	struct profile_blocks blocks;
	bool printed;

	TRY(terminal_call(t, &CALL_REGISTRY_AGENT_GET, &get, &now, problem));
	if (!request.expected_version.data)
		request.expected_version = now.agent.identity.version;
	TRY(profile_blocks_read(t, now.agent.capability.never_sends.items,
				now.agent.capability.never_sends.count, &blocks, problem));
	change->name = terminal_text(t, "name");
	change->role = terminal_text(t, "role");
	change->owner = terminal_text(t, "owner");
	change->unit = terminal_text(t, "unit");
	change->has_tier = args_has(&t->args, "tier");
	change->tier = args_i64(&t->args, "tier", 0);
	change->capability = blocks.capability;
	change->governance = blocks.governance;
	change->revenue = blocks.revenue;
	TRY(terminal_ask(t, &CALL_REGISTRY_AGENT_UPDATE, &request, &reply, &printed, problem));
	if (!printed)
		terminal_say(t, "%.*s is now version %.*s\n",
			     STR_ARG(reply.agent.identity.agent_id),
			     STR_ARG(reply.agent.identity.version));
	return ST_OK;
}

enum st cmd_agent_versions(struct terminal *t, struct problem *problem)
{
	struct registry_agent_versions_request request = {
		.agent_id = terminal_text(t, "agent"),
		.has_before_ms = args_has(&t->args, "before"),
		.before_ms = args_i64(&t->args, "before", 0),
		.has_limit = true,
		.limit = args_i64(&t->args, "limit", 100),
	};
	struct registry_agent_versions_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_REGISTRY_AGENT_VERSIONS, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, "version|from|changed by");
	for (size_t i = 0; i < reply.versions.count; i++) {
		table_cell(&table, reply.versions.items[i].version);
		table_cell_c(&table, terminal_time(t, reply.versions.items[i].valid_from_ms));
		table_cell(&table, reply.versions.items[i].changed_by);
	}
	terminal_table(t, &table);
	return ST_OK;
}

/* --- export --- */

static enum st export_pages(struct terminal *t, FILE *out, struct problem *problem)
{
	struct registry_agent_export_request request = {
		.format = (enum registry_export_format)terminal_choice(t, "format"),
	};
	struct registry_agent_export_reply reply;
	int64_t count = 0;

	PROFILE_FILTER(t, &request);
	do {
		TRY(terminal_call(t, &CALL_REGISTRY_AGENT_EXPORT, &request, &reply, problem));
		if (fwrite(reply.content.data, 1, reply.content.size, out) != reply.content.size)
			return problem_set(problem, ST_DISK_FULL, "", "cannot write: %s",
					   strerror(errno));
		count += reply.count;
		request.cursor = reply.next_cursor;
	} while (reply.next_cursor.data);
	if (out != stdout)
		terminal_say(t, "%lld agents\n", (long long)count);
	return ST_OK;
}

enum st cmd_agent_export(struct terminal *t, struct problem *problem)
{
	const char *path = args_text(&t->args, "output");
	FILE *out = path && strcmp(path, "-") != 0 ? fopen(path, "we") : stdout;
	enum st st;

	if (!out)
		return problem_set(problem, ST_USAGE, "--output", "cannot write \"%s\": %s", path,
				   strerror(errno));
	st = export_pages(t, out, problem);
	if (out != stdout && fclose(out) != 0 && st == ST_OK)
		st = problem_set(problem, ST_DISK_FULL, "", "cannot write \"%s\"", path);
	return st;
}
