/* cmd_token.c: capability tokens and the keys that sign them. */
#include <stdio.h>
#include <unistd.h>

#include "gen/token.h"
#include "services/terminal/process.h"
#include "services/terminal/terminal.h"

static struct str joined(struct terminal *t, const struct str *items, size_t count)
{
	struct buf buf;

	buf_init(&buf, &t->arena, 128);
	for (size_t i = 0; i < count; i++)
		buf_printf(&buf, "%s%.*s", i > 0 ? ", " : "", STR_ARG(items[i]));
	return buf_str(&buf);
}

static struct str limits_text(struct terminal *t, const struct token_limits *limits)
{
	char amount[MONEY_TEXT_SIZE];
	struct buf buf;

	buf_init(&buf, &t->arena, 128);
	if (limits && limits->has_endpoints)
		buf_printf(&buf, "endpoints: %.*s; ",
			   STR_ARG(joined(t, limits->endpoints.items, limits->endpoints.count)));
	if (limits && limits->has_amount_per_day) {
		micros_print(limits->amount_per_day.micros, amount);
		buf_printf(&buf, "at most %s %s a day", amount, limits->amount_per_day.currency);
	}
	return buf_str(&buf);
}

static const char *risk_name(enum token_risk risk)
{
	return risk == TOKEN_RISK_NONE ? "" : token_risk_names[risk - 1];
}

/* --- issuing --- */

static enum st limits_read(struct terminal *t, struct token_limits **ret, struct problem *problem)
{
	struct token_limits *limits = ARENA_NEW(&t->arena, struct token_limits);

	if (!limits)
		return ST_NO_MEMORY;
	limits->has_endpoints = args_has(&t->args, "endpoint");
	TRY(terminal_texts(t, "endpoint", &limits->endpoints.items, &limits->endpoints.count));
	limits->has_amount_per_day = args_has(&t->args, "spend");
	if (limits->has_amount_per_day)
		TRY(terminal_money(t, "spend", &limits->amount_per_day, problem));
	if (limits->has_endpoints || limits->has_amount_per_day)
		*ret = limits;
	return ST_OK;
}

static enum st text_keep(struct terminal *t, struct str token, struct problem *problem)
{
	const char *path = args_text(&t->args, "output");
	struct str line = arena_printf(&t->arena, "%.*s\n", STR_ARG(token));

	if (!path || !line.data)
		return path ? ST_NO_MEMORY : ST_OK;
	if (!file_write(path, line.data, line.size, 0600))
		return problem_set(problem, ST_UNAVAILABLE, "", "cannot write \"%s\"", path);
	return ST_OK;
}

enum st cmd_token_issue(struct terminal *t, struct problem *problem)
{
	const char *holder = args_text(&t->args, "holder");
	struct token_issue_request request = {
		.agent_id = terminal_text(t, "agent"),
		.risk = args_has(&t->args, "risk") ? (enum token_risk)terminal_choice(t, "risk")
						   : TOKEN_RISK_LOW,
		.has_life_s = args_has(&t->args, "for"),
		.life_s = args_i64(&t->args, "for", 0) / 1000,
		.has_auto_renew = args_has(&t->args, "renew"),
		.auto_renew = true,
	};
	struct token_issue_reply reply;

	TRY(terminal_texts(t, "scope", &request.scopes.items, &request.scopes.count));
	TRY(limits_read(t, &request.limits, problem));
	if (holder)
		TRY(terminal_public_key_file(t, holder, &request.holder_key, problem));
	TRY(terminal_call(t, &CALL_TOKEN_TOKEN_ISSUE, &request, &reply, problem));
	TRY(text_keep(t, reply.token, problem));
	if (t->json)
		return terminal_json(t, &token_issue_reply_type, &reply);
	terminal_say(
		t, "%.*s for %.*s: %.*s, %s risk, until %s%s\n", STR_ARG(reply.capability.token_id),
		STR_ARG(reply.capability.agent_id),
		STR_ARG(joined(t, reply.capability.scopes.items, reply.capability.scopes.count)),
		risk_name(reply.capability.risk), terminal_time(t, reply.capability.expires_at_ms),
		reply.capability.bound ? ", bound to the holder's key" : "");
	if (args_has(&t->args, "output"))
		terminal_say(t, "its text is in %s\n", args_text(&t->args, "output"));
	else
		terminal_say(t, "its text, which is not kept:\n%.*s\n", STR_ARG(reply.token));
	return ST_OK;
}

/* --- looking --- */

enum st cmd_token_list(struct terminal *t, struct problem *problem)
{
	struct token_list_request request = {
		.agent_id = terminal_text(t, "agent"),
		.scope = terminal_text(t, "scope"),
		.state = (enum token_capability_state)terminal_choice(t, "state"),
		.after = terminal_text(t, "after"),
		.has_limit = true,
		.limit = args_i64(&t->args, "limit", 100),
	};
	struct token_list_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_TOKEN_TOKEN_LIST, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, "token|agent|scopes|risk|state|issued|expires|bound|renews");
	for (size_t i = 0; i < reply.capabilities.count; i++) {
		const struct token_capability *c = &reply.capabilities.items[i];

		table_cell(&table, c->token_id);
		table_cell(&table, c->agent_id);
		table_cell(&table, joined(t, c->scopes.items, c->scopes.count));
		table_cell_c(&table, risk_name(c->risk));
		table_cell_c(&table, token_capability_state_names[c->state - 1]);
		table_cell_c(&table, terminal_time(t, c->issued_at_ms));
		table_cell_c(&table, terminal_time(t, c->expires_at_ms));
		table_cell_c(&table, c->bound ? "yes" : "");
		table_cell_c(&table, c->auto_renew ? "yes" : "");
	}
	terminal_table(t, &table);
	if (reply.next.data)
		terminal_say(t, "more: --after %.*s\n", STR_ARG(reply.next));
	return ST_OK;
}

static void moment(struct terminal *t, const char *name, int64_t ms)
{
	terminal_field(t, name, str_of(terminal_time(t, ms)));
}

static void verdict_say(struct terminal *t, const struct token_verdict *verdict)
{
	if (verdict->valid)
		terminal_say(t, "\nwould be accepted now\n");
	else
		terminal_say(t, "\nwould be refused now: %.*s%s%.*s (%.*s)\n",
			     STR_ARG(verdict->title), verdict->detail.size > 0 ? ": " : "",
			     STR_ARG(verdict->detail), STR_ARG(verdict->reason));
}

static enum st kept_show(struct terminal *t, struct problem *problem)
{
	struct token_show_request request = { .token_id = terminal_text(t, "token") };
	struct token_show_reply reply;
	const struct token_capability *c = &reply.capability;
	bool printed;

	TRY(terminal_ask(t, &CALL_TOKEN_TOKEN_SHOW, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	terminal_field(t, "token", c->token_id);
	terminal_field(t, "agent", c->agent_id);
	terminal_field(t, "scopes", joined(t, c->scopes.items, c->scopes.count));
	terminal_field(t, "risk", str_of(risk_name(c->risk)));
	terminal_field(t, "limits", limits_text(t, c->limits));
	terminal_field(t, "state", str_of(token_capability_state_names[c->state - 1]));
	moment(t, "issued", c->issued_at_ms);
	moment(t, "expires", c->expires_at_ms);
	moment(t, "revoked", c->has_revoked_at_ms ? c->revoked_at_ms : 0);
	terminal_field(t, "issued by", c->issued_by);
	terminal_field(t, "signed with", c->key_id);
	terminal_field(t, "digest", c->digest);
	terminal_field(t, "bound to", c->holder_key);
	terminal_field(t, "renews itself", c->auto_renew ? STR("yes") : STR("no"));
	terminal_field(t, "renewed from", c->renewed_from);
	terminal_field(t, "renewed by", c->renewed_by);
	verdict_say(t, &reply.verdict);
	return ST_OK;
}

/* The blocks a token was handed on with: what each took away, and whose it became. */
static void chain_say(struct terminal *t, const struct token_grant *grant)
{
	struct table table;

	if (grant->chain.count == 0)
		return;
	terminal_say(t, "\nhanded on %zu times:\n", grant->chain.count);
	table_init(&table, &t->arena, "signed by|when|scopes|risk|until|limits|next holder");
	for (size_t i = 0; i < grant->chain.count; i++) {
		const struct token_block *b = &grant->chain.items[i].block;

		table_cell(&table, grant->chain.items[i].signed_by);
		table_cell_c(&table, terminal_time(t, b->iat_ms));
		table_cell(&table, joined(t, b->scopes.items, b->has_scopes ? b->scopes.count : 0));
		table_cell_c(&table, risk_name(b->risk));
		table_cell_c(&table, terminal_time(t, b->has_exp_ms ? b->exp_ms : 0));
		table_cell(&table, limits_text(t, b->limits));
		table_cell(&table, b->cnf ? b->cnf->public_key : STR("the same"));
	}
	terminal_table(t, &table);
}

static void grant_say(struct terminal *t, const struct token_grant *g)
{
	terminal_field(t, "token", g->token_id);
	terminal_field(t, "agent", g->agent_id);
	terminal_field(t, "scopes", joined(t, g->scopes.items, g->scopes.count));
	terminal_field(t, "risk", str_of(risk_name(g->risk)));
	terminal_field(t, "limits", limits_text(t, g->limits));
	moment(t, "issued", g->issued_at_ms);
	moment(t, "expires", g->expires_at_ms);
	terminal_field(t, "signed with", g->key_id);
	terminal_field(t, "digest", g->digest);
	terminal_field(t, "bound to", g->holder_key);
	chain_say(t, g);
}

/* A token's text is verified as whoever receives it does. */
static enum st text_show(struct terminal *t, struct str text, struct problem *problem)
{
	struct token_check_request request = { .agent_id = terminal_text(t, "agent"),
					       .scope = terminal_text(t, "scope"),
					       .endpoint = terminal_text(t, "endpoint") };
	struct token_check_reply reply;
	bool printed;

	while (text.size > 0 &&
	       (text.data[text.size - 1] == '\n' || text.data[text.size - 1] == ' '))
		text.size--;
	request.token = text;
	TRY(terminal_ask(t, &CALL_TOKEN_TOKEN_CHECK, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	if (reply.grant)
		grant_say(t, reply.grant);
	verdict_say(t, &reply.verdict);
	return ST_OK;
}

enum st cmd_token_show(struct terminal *t, struct problem *problem)
{
	struct str token = terminal_text(t, "token");
	struct str text;

	if (str_starts(token, "tok_"))
		return kept_show(t, problem);
	if (str_starts(token, "v4.public."))
		return text_show(t, token, problem);
	TRY(terminal_read_file(t, token.data, &text, problem));
	return text_show(t, text, problem);
}

/* --- ending --- */

static enum st target_read(struct terminal *t, struct token_revoke_request *ret,
			   struct problem *problem)
{
	static const char *const names[] = { "token", "agent", "scope", "key-id", "before" };
	int given = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		given += args_has(&t->args, names[i]);
	if (given != 1)
		return problem_set(problem, ST_USAGE, "",
				   "give exactly one of --token, --agent, --scope, --key-id and "
				   "--before");
	*ret = (struct token_revoke_request){
		.token_id = terminal_text(t, "token"),
		.agent_id = terminal_text(t, "agent"),
		.scope = terminal_text(t, "scope"),
		.key_id = terminal_text(t, "key-id"),
		.has_before_ms = args_has(&t->args, "before"),
		.before_ms = args_i64(&t->args, "before", 0),
		.reason = terminal_text(t, "reason"),
	};
	return ST_OK;
}

enum st cmd_token_revoke(struct terminal *t, struct problem *problem)
{
	struct token_revoke_request request;
	struct token_revoke_reply reply;
	bool printed;

	TRY(target_read(t, &request, problem));
	TRY(terminal_confirm(t, "The tokens are dead from then on, everywhere.", "revoke",
			     problem));
	TRY(terminal_ask(t, &CALL_TOKEN_TOKEN_REVOKE, &request, &reply, &printed, problem));
	if (!printed)
		terminal_say(t, "%.*s: revoked\n", STR_ARG(reply.revocation.revocation_id));
	return ST_OK;
}

/* --- keys --- */

enum st cmd_token_keys(struct terminal *t, struct problem *problem)
{
	struct token_keys_request request = { .has_all = args_has(&t->args, "all"), .all = true };
	struct token_keys_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_TOKEN_TOKEN_KEYS, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, "key|state|made|active from|retired|revoked|public key");
	for (size_t i = 0; i < reply.keys.count; i++) {
		const struct token_key *k = &reply.keys.items[i];

		table_cell(&table, k->kid);
		table_cell_c(&table, token_key_state_names[k->state - 1]);
		table_cell_c(&table, terminal_time(t, k->created_at_ms));
		table_cell_c(&table,
			     terminal_time(t, k->has_active_from_ms ? k->active_from_ms : 0));
		table_cell_c(&table, terminal_time(t, k->has_retired_at_ms ? k->retired_at_ms : 0));
		table_cell_c(&table, terminal_time(t, k->has_revoked_at_ms ? k->revoked_at_ms : 0));
		table_cell(&table, k->x);
	}
	terminal_table(t, &table);
	return ST_OK;
}

enum st cmd_token_rotate(struct terminal *t, struct problem *problem)
{
	struct token_key_rotate_request request = { .reason = terminal_text(t, "reason") };
	struct token_key_rotate_reply reply;
	bool printed;

	TRY(terminal_confirm(t, "New tokens are signed with the next key from then on.", "rotate",
			     problem));
	TRY(terminal_ask(t, &CALL_TOKEN_TOKEN_KEY_ROTATE, &request, &reply, &printed, problem));
	if (!printed)
		terminal_say(t, "%.*s signs now; what %.*s signed stays good until it expires\n",
			     STR_ARG(reply.active.kid), STR_ARG(reply.retired.kid));
	return ST_OK;
}
