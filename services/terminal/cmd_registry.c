/* cmd_registry.c: roles, constitutions, units. */
#include "json.h"
#include "services/terminal/constitution.h"

/* --- roles --- */

static void role_row(struct terminal *t, struct table *table, const struct registry_role *role)
{
	table_cell(table, role->name);
	table_cell(table, role->title);
	table_cell_i64(table, role->template.tier);
	table_cell(table, arena_printf(&t->arena, "%g", role->template.output_confidence_floor));
	table_cell_c(table, registry_earning_model_names[role->template.earning_model - 1]);
	table_cell(table, arena_printf(&t->arena, "%d%%", (int)role->template.revenue_share_pct));
	table_cell_i64(table, role->revision);
}

enum st cmd_role_list(struct terminal *t, struct problem *problem)
{
	struct registry_role_list_request request = { 0 };
	struct registry_role_list_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_REGISTRY_ROLE_LIST, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, "role|title|>tier|>floor|earning|>house|>revision");
	for (size_t i = 0; i < reply.roles.count; i++)
		role_row(t, &table, &reply.roles.items[i]);
	terminal_table(t, &table);
	return ST_OK;
}

enum st cmd_role_get(struct terminal *t, struct problem *problem)
{
	struct registry_role_get_request request = { .name = terminal_text(t, "role") };
	struct registry_role_reply reply;

	TRY(terminal_call(t, &CALL_REGISTRY_ROLE_GET, &request, &reply, problem));
	return terminal_json(t, &registry_role_reply_type, &reply);
}

/* What role get prints, as what role_put takes. */
static enum st role_request(struct terminal *t, struct str text,
			    struct registry_role_put_request *ret, struct problem *problem)
{
	struct json *role;
	struct json *in = json_new(&t->arena, JSON_OBJECT);

	TRY(json_parse(&t->arena, text, &role, problem));
	if (json_member(role, "role"))
		role = json_member(role, "role");
	for (struct json *member = role->first; in && member;) {
		struct json *next = member->next;

		member->next = NULL; /* a node has one parent, and its neighbours there */
		if (str_is(member->name, "revision"))
			json_set(&t->arena, in, "expected_revision", member);
		else if (!str_is(member->name, "updated_at"))
			json_set(&t->arena, in, arena_copy(&t->arena, member->name).data, member);
		member = next;
	}
	if (!in)
		return ST_NO_MEMORY;
	return proto_decode_node(&registry_role_put_request_type, in, PROTO_UNKNOWN_REFUSED,
				 &t->arena, ret, problem);
}

enum st cmd_role_put(struct terminal *t, struct problem *problem)
{
	struct registry_role_put_request request;
	struct registry_role_reply reply;
	struct str text;
	bool printed;

	TRY(terminal_read_file(t, args_text(&t->args, "file"), &text, problem));
	TRY(role_request(t, text, &request, problem));
	TRY(terminal_ask(t, &CALL_REGISTRY_ROLE_PUT, &request, &reply, &printed, problem));
	if (!printed)
		terminal_say(t, "%.*s is revision %lld\n", STR_ARG(reply.role.name),
			     (long long)reply.role.revision);
	return ST_OK;
}

/* --- constitutions --- */

enum st cmd_constitution_list(struct terminal *t, struct problem *problem)
{
	struct registry_constitution_list_request request = { 0 };
	struct registry_constitution_list_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_REGISTRY_CONSTITUTION_LIST, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, "hash|title|>bytes|in force|added|activated by");
	for (size_t i = 0; i < reply.constitutions.count; i++) {
		const struct registry_constitution_summary *c = &reply.constitutions.items[i];

		table_cell(&table, c->hash);
		table_cell(&table, c->title);
		table_cell_i64(&table, c->size_bytes);
		table_cell_c(&table, c->in_force ? "yes" : "");
		table_cell_c(&table, terminal_time(t, c->added_at_ms));
		table_cell(&table, c->activated_by);
	}
	terminal_table(t, &table);
	return ST_OK;
}

enum st cmd_constitution_show(struct terminal *t, struct problem *problem)
{
	struct registry_constitution_get_request request = { .hash = terminal_text(t, "hash") };
	struct registry_constitution_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_REGISTRY_CONSTITUTION_GET, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	if (!args_has(&t->args, "invariants")) {
		terminal_say(t, "%.*s%s\n\n%.*s\n", STR_ARG(reply.constitution.hash),
			     reply.constitution.in_force ? " (in force)" : "",
			     STR_ARG(reply.constitution.text));
		return ST_OK;
	}
	table_init(&table, &t->arena, "invariant|text");
	for (size_t i = 0; i < reply.constitution.invariants.count; i++) {
		table_cell(&table, reply.constitution.invariants.items[i].invariant_id);
		table_cell(&table, reply.constitution.invariants.items[i].text);
	}
	terminal_table(t, &table);
	return ST_OK;
}

enum st constitution_add(struct terminal *t, const char *path, struct str title,
			 struct registry_constitution_reply *ret, struct problem *problem)
{
	struct registry_constitution_add_request request = { .title = title };

	TRY(terminal_read_file(t, path, &request.text, problem));
	TRY(constitution_invariants(request.text, &t->arena, &request.invariants.items,
				    &request.invariants.count, problem));
	return terminal_call(t, &CALL_REGISTRY_CONSTITUTION_ADD, &request, ret, problem);
}

enum st cmd_constitution_add(struct terminal *t, struct problem *problem)
{
	struct registry_constitution_reply reply;

	TRY(constitution_add(t, args_text(&t->args, "file"), terminal_text(t, "title"), &reply,
			     problem));
	if (t->json)
		return terminal_json(t, &registry_constitution_reply_type, &reply);
	terminal_say(t,
		     "stored %.*s, %zu invariants\nput it in force with: piopl constitution "
		     "activate %.*s --reason ...\n",
		     STR_ARG(reply.constitution.hash), reply.constitution.invariants.count,
		     STR_ARG(reply.constitution.hash));
	return ST_OK;
}

enum st constitution_activate(struct terminal *t, struct str hash, struct str reason,
			      struct registry_constitution_activate_reply *ret,
			      struct problem *problem)
{
	struct registry_constitution_activation act = {
		.hash = hash,
		.reason = reason,
		.nonce = terminal_nonce(t),
		.issued_at_ms = terminal_now_ms(t),
	};
	struct registry_constitution_activate_request request;

	TRY(terminal_sign(t, REGISTRY_CONSTITUTION_ACTIVATION_PURPOSE,
			  &registry_constitution_activation_type, &act, &request.act, problem));
	return terminal_call(t, &CALL_REGISTRY_CONSTITUTION_ACTIVATE, &request, ret, problem);
}

enum st cmd_constitution_activate(struct terminal *t, struct problem *problem)
{
	struct registry_constitution_activate_reply reply;

	TRY(terminal_confirm(t, "Every agent that is bound to another constitution must restart.",
			     "activate", problem));
	TRY(constitution_activate(t, terminal_text(t, "hash"), terminal_text(t, "reason"), &reply,
				  problem));
	if (t->json)
		return terminal_json(t, &registry_constitution_activate_reply_type, &reply);
	terminal_say(t, "in force: %.*s; %lld agents must restart%s\n", STR_ARG(reply.hash),
		     (long long)reply.must_restart_count,
		     reply.must_restart_count > 0 ? ": piopl agent list --must-restart" : "");
	return ST_OK;
}

/* --- units --- */

enum st cmd_unit_create(struct terminal *t, struct problem *problem)
{
	struct registry_unit_create_request request = {
		.path = terminal_text(t, "path"),
		.title = terminal_text(t, "title"),
	};
	struct registry_unit_reply reply;
	bool printed;

	TRY(terminal_ask(t, &CALL_REGISTRY_UNIT_CREATE, &request, &reply, &printed, problem));
	if (!printed)
		terminal_say(t, "%.*s is there\n", STR_ARG(reply.unit.path));
	return ST_OK;
}

enum st cmd_unit_list(struct terminal *t, struct problem *problem)
{
	struct registry_unit_list_request request = {
		.under = terminal_text(t, "under"),
		.has_limit = true,
		.limit = args_i64(&t->args, "limit", 1000),
	};
	struct registry_unit_list_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_REGISTRY_UNIT_LIST, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, "unit|title|created");
	for (size_t i = 0; i < reply.units.count; i++) {
		table_cell(&table, reply.units.items[i].path);
		table_cell(&table, reply.units.items[i].title);
		table_cell_c(&table, terminal_time(t, reply.units.items[i].created_at_ms));
	}
	terminal_table(t, &table);
	return ST_OK;
}
