/* cmd_meter.c: jobs, what runs on them, the horizon, prices. */
#include "clock.h"
#include "json.h"
#include "services/terminal/money.h"

#define DAY_MS INT64_C(86400000)

/* -- jobs -- */

static void job_say(struct terminal *t, const struct meter_job *j)
{
	terminal_say(t, "%.*s \"%.*s\": %s%s%s%s\n", STR_ARG(j->job_id), STR_ARG(j->purpose),
		     meter_job_state_names[j->state - 1], j->reason ? " by " : "",
		     j->reason ? meter_job_reason_names[j->reason - 1] : "",
		     j->primary ? ", primary" : "");
	terminal_say(t, "  may spend %.*s, has spent %.*s, %.*s is left\n",
		     STR_ARG(money_shown(t, j->max_spend)), STR_ARG(money_shown(t, j->spent)),
		     STR_ARG(money_shown(t, j->remaining)));
	terminal_say(t, "  until %s; %lld sandboxes burn %.*s a minute\n",
		     terminal_time(t, j->expires_at_ms), (long long)j->sandboxes,
		     STR_ARG(money_shown(t, j->burn_per_minute)));
	if (j->has_minutes_left)
		terminal_say(t, "  %lld minutes left\n", (long long)j->minutes_left);
}

static void integer_row(struct table *table, const char *field, const struct meter_integer_grant *g)
{
	table_cell_c(table, field);
	g->has_requested ? table_cell_i64(table, g->requested) : table_cell_c(table, "");
	g->has_cap ? table_cell_i64(table, g->cap) : table_cell_c(table, "");
	g->has_remaining ? table_cell_i64(table, g->remaining) : table_cell_c(table, "");
	table_cell_i64(table, g->granted);
	table_cell_c(table, meter_bound_by_names[g->bound_by - 1]);
}

static void money_row(struct terminal *t, struct table *table, const struct meter_money_grant *g)
{
	struct str none = STR("");

	table_cell_c(table, "spend");
	table_cell(table, g->has_requested ? money_shown(t, g->requested) : none);
	table_cell(table, g->has_cap ? money_shown(t, g->cap) : none);
	table_cell(table, g->has_remaining ? money_shown(t, g->remaining) : none);
	table_cell(table, money_shown(t, g->granted));
	table_cell_c(table, meter_bound_by_names[g->bound_by - 1]);
}

static void grants_say(struct terminal *t, const struct meter_job_grants *g)
{
	struct table table;

	table_init(&table, &t->arena, "field|>requested|>cap|>remaining|>granted|bound by");
	money_row(t, &table, &g->spend);
	integer_row(&table, "ttl_s", &g->ttl_s);
	integer_row(&table, "idle_timeout_s", &g->idle_timeout_s);
	terminal_table(t, &table);
}

enum st cmd_job_create(struct terminal *t, struct problem *problem)
{
	struct meter_job_create_request request = {
		.wallet_id = terminal_text(t, "wallet"),
		.purpose = terminal_text(t, "purpose"),
		.has_ttl_s = args_has(&t->args, "ttl"),
		.ttl_s = args_i64(&t->args, "ttl", 0) / 1000,
		.has_idle_timeout_s = args_has(&t->args, "idle"),
		.idle_timeout_s = args_i64(&t->args, "idle", 0) / 1000,
	};
	struct meter_job_grant_reply reply;
	struct str currency;
	bool printed;

	TRY(wallet_currency(t, request.wallet_id, &currency, problem));
	TRY(money_given(t, currency, "max-spend", &request.has_max_spend, &request.max_spend,
			problem));
	TRY(terminal_ask(t, &CALL_METER_JOB_CREATE, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	job_say(t, &reply.job);
	grants_say(t, &reply.grants);
	return ST_OK;
}

enum st cmd_job_extend(struct terminal *t, struct problem *problem)
{
	struct meter_job_show_request show = { .job_id = terminal_text(t, "job") };
	struct meter_job_extend_request request = {
		.job_id = show.job_id,
		.has_ttl_s = args_has(&t->args, "ttl"),
		.ttl_s = args_i64(&t->args, "ttl", 0) / 1000,
		.has_idle_timeout_s = args_has(&t->args, "idle"),
		.idle_timeout_s = args_i64(&t->args, "idle", 0) / 1000,
	};
	struct meter_job_grant_reply reply;
	struct meter_job_reply job;
	bool printed;

	TRY(terminal_call(t, &CALL_METER_JOB_SHOW, &show, &job, problem));
	TRY(money_given(t, str_of(job.job.max_spend.currency), "max-spend", &request.has_max_spend,
			&request.max_spend, problem));
	TRY(terminal_ask(t, &CALL_METER_JOB_EXTEND, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	job_say(t, &reply.job);
	grants_say(t, &reply.grants);
	return ST_OK;
}

enum st cmd_job_stop(struct terminal *t, struct problem *problem)
{
	struct meter_job_stop_request request = { .job_id = terminal_text(t, "job") };
	struct meter_job_reply reply;
	bool printed;

	TRY(terminal_confirm(t, "this stops all sandboxes of the job", "stop", problem));
	TRY(terminal_ask(t, &CALL_METER_JOB_STOP, &request, &reply, &printed, problem));
	if (!printed)
		job_say(t, &reply.job);
	return ST_OK;
}

enum st cmd_job_show(struct terminal *t, struct problem *problem)
{
	struct meter_job_show_request request = { .job_id = terminal_text(t, "job") };
	struct meter_job_reply reply;
	bool printed;

	TRY(terminal_ask(t, &CALL_METER_JOB_SHOW, &request, &reply, &printed, problem));
	if (!printed)
		job_say(t, &reply.job);
	return ST_OK;
}

enum st cmd_job_list(struct terminal *t, struct problem *problem)
{
	struct meter_job_list_request request = {
		.wallet_id = terminal_text(t, "wallet"),
		.state = (enum meter_job_state)terminal_choice(t, "state"),
		.after = terminal_text(t, "after"),
		.has_limit = args_has(&t->args, "limit"),
		.limit = args_i64(&t->args, "limit", 0),
	};
	struct meter_job_list_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_METER_JOB_LIST, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, "job|purpose|state|reason|>spent|>remaining|>sandboxes");
	for (size_t i = 0; i < reply.jobs.count; i++) {
		const struct meter_job *j = &reply.jobs.items[i];
		table_cell(&table, j->job_id);
		table_cell(&table, j->purpose);
		table_cell_c(&table, meter_job_state_names[j->state - 1]);
		table_cell_c(&table, j->reason ? meter_job_reason_names[j->reason - 1] : "");
		table_cell(&table, money_shown(t, j->spent));
		table_cell(&table, money_shown(t, j->remaining));
		table_cell_i64(&table, j->sandboxes);
	}
	if (table.count == 0)
		terminal_say(t, "no jobs\n");
	else
		terminal_table(t, &table);
	return ST_OK;
}

/* -- the meter -- */

enum st cmd_meter_show(struct terminal *t, struct problem *problem)
{
	struct meter_meter_show_request request = {
		.has_partitions = true,
		.partitions = args_has(&t->args, "partitions"),
	};
	struct meter_meter_show_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_METER_METER_SHOW, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	terminal_say(t, "%lld sandboxes of %lld wallets run, paid at least until %s\n",
		     (long long)reply.running, (long long)reply.wallets_burning,
		     terminal_time(t, reply.paid_through_oldest_ms));
	if (reply.partitions.count == 0)
		return ST_OK;
	table_init(&table, &t->arena, ">partition|paid through|next tick|>running");
	for (size_t i = 0; i < reply.partitions.count; i++) {
		const struct meter_meter_partition *p = &reply.partitions.items[i];
		table_cell_i64(&table, p->partition);
		table_cell_c(&table, terminal_time(t, p->paid_through_ms));
		table_cell_c(&table, terminal_time(t, p->next_at_ms));
		table_cell_i64(&table, p->running);
	}
	terminal_table(t, &table);
	return ST_OK;
}

enum st cmd_meter_sandboxes(struct terminal *t, struct problem *problem)
{
	struct meter_sandbox_list_request request = {
		.wallet_id = terminal_text(t, "wallet"),
		.job_id = terminal_text(t, "job"),
		.state = (enum meter_sandbox_state)terminal_choice(t, "state"),
		.after = terminal_text(t, "after"),
		.has_limit = args_has(&t->args, "limit"),
		.limit = args_i64(&t->args, "limit", 0),
	};
	struct meter_sandbox_list_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_METER_SANDBOX_LIST, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, "sandbox|state|reason|>minutes|>spent|lease until");
	for (size_t i = 0; i < reply.sandboxes.count; i++) {
		const struct meter_sandbox *s = &reply.sandboxes.items[i];
		table_cell(&table, s->sandbox_id);
		table_cell_c(&table, meter_sandbox_state_names[s->state - 1]);
		table_cell_c(&table, s->reason ? meter_stop_reason_names[s->reason - 1] : "");
		table_cell_i64(&table, s->minutes);
		table_cell(&table, money_shown(t, s->spent));
		table_cell_c(&table, terminal_time(t, s->lease_until_ms));
	}
	if (table.count == 0)
		terminal_say(t, "no sandboxes\n");
	else
		terminal_table(t, &table);
	return ST_OK;
}

enum st cmd_meter_usage(struct terminal *t, struct problem *problem)
{
	int64_t now_ms = terminal_now_ms(t);
	struct meter_usage_read_request request = {
		.wallet_id = terminal_text(t, "wallet"),
		.job_id = terminal_text(t, "job"),
		.sandbox_id = terminal_text(t, "sandbox"),
		.by = (enum meter_usage_read_request_by)terminal_choice(t, "by"),
		.from_ms = args_i64(&t->args, "since", now_ms - 30 * DAY_MS),
		.to_ms = args_i64(&t->args, "until", now_ms + DAY_MS),
	};
	struct meter_usage_read_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_METER_USAGE_READ, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, "of|>minutes|>cost");
	for (size_t i = 0; i < reply.rows.count; i++) {
		table_cell(&table, reply.rows.items[i].key);
		table_cell_i64(&table, reply.rows.items[i].minutes);
		table_cell(&table, money_shown(t, reply.rows.items[i].cost));
	}
	if (table.count > 0)
		terminal_table(t, &table);
	terminal_say(t, "%lld minutes, %.*s\n", (long long)reply.total_minutes,
		     STR_ARG(money_shown(t, reply.total_cost)));
	return ST_OK;
}

static enum st forecasts(struct terminal *t, struct problem *problem)
{
	struct meter_forecast_list_request request = { .wallet_id = terminal_text(t, "wallet") };
	struct meter_forecast_list_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_METER_FORECAST_LIST, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, "made|ends|>minutes|binding|ended|>error, minutes");
	for (size_t i = 0; i < reply.forecasts.count; i++) {
		const struct meter_forecast *f = &reply.forecasts.items[i];
		table_cell_c(&table, terminal_time(t, f->made_at_ms));
		table_cell_c(&table, terminal_time(t, f->ends_at_ms));
		table_cell_i64(&table, f->minutes);
		table_cell_c(&table, meter_binding_names[f->binding - 1]);
		table_cell_c(&table, terminal_time(t, f->ended_at_ms));
		f->has_error_minutes ? table_cell_i64(&table, f->error_minutes)
				     : table_cell_c(&table, "");
	}
	if (table.count == 0)
		terminal_say(t, "no forecasts\n");
	else
		terminal_table(t, &table);
	return ST_OK;
}

enum st cmd_meter_horizon(struct terminal *t, struct problem *problem)
{
	struct meter_horizon_list_request request = {
		.state = (enum meter_horizon_state)terminal_choice(t, "state"),
		.after = terminal_text(t, "after"),
		.has_limit = args_has(&t->args, "limit"),
		.limit = args_i64(&t->args, "limit", 0),
	};
	struct meter_horizon_list_reply reply;
	struct table table;
	bool printed;

	if (args_has(&t->args, "wallet"))
		return forecasts(t, problem);
	TRY(terminal_ask(t, &CALL_METER_HORIZON_LIST, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, "wallet|state|>minutes|binding|>burn a minute|at");
	for (size_t i = 0; i < reply.horizons.count; i++) {
		const struct meter_horizon *h = &reply.horizons.items[i].horizon;
		table_cell(&table, reply.horizons.items[i].wallet_id);
		table_cell_c(&table, meter_horizon_state_names[h->state - 1]);
		table_cell_i64(&table, h->minutes);
		table_cell_c(&table, meter_binding_names[h->binding - 1]);
		table_cell(&table, money_shown(t, h->burn_per_minute));
		table_cell_c(&table, terminal_time(t, h->at_ms));
	}
	if (table.count == 0)
		terminal_say(t, "no wallet burns\n");
	else
		terminal_table(t, &table);
	return ST_OK;
}

/* -- prices -- */

enum st cmd_price_list(struct terminal *t, struct problem *problem)
{
	struct meter_price_list_request request = { .currency = terminal_text(t, "currency") };
	struct meter_price_list_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_METER_PRICE_LIST, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena,
		   ">version|from|>cpu minute|>GB ram minute|>GB disk minute|class|>and a minute");
	for (size_t i = 0; i < reply.prices.count; i++) {
		const struct meter_price_table *p = &reply.prices.items[i];
		for (size_t k = 0; k < p->classes.count; k++) {
			table_cell_i64(&table, p->version);
			table_cell_c(&table, terminal_time(t, p->from_ms));
			table_cell(&table, money_shown(t, p->cpu_minute));
			table_cell(&table, money_shown(t, p->ram_gb_minute));
			table_cell(&table, money_shown(t, p->disk_gb_minute));
			table_cell(&table, p->classes.items[k].image_class);
			table_cell(&table, money_shown(t, p->classes.items[k].minute));
		}
	}
	terminal_table(t, &table);
	return ST_OK;
}

enum st cmd_price_quote(struct terminal *t, struct problem *problem)
{
	struct str currency = terminal_text(t, "currency"), class = terminal_text(t, "class");
	struct meter_price_quote_request request = {
		.currency = currency.data ? currency : STR("USD"),
		.image_class = class.data ? class : STR("standard"),
		.cpu_milli = args_i64(&t->args, "cpu", 1000),
		.ram_mb = args_i64(&t->args, "ram", 1024),
		.disk_mb = args_i64(&t->args, "disk", 1024),
		.has_minutes = args_has(&t->args, "minutes"),
		.minutes = args_i64(&t->args, "minutes", 1),
	};
	struct meter_price_quote_reply reply;
	bool printed;

	TRY(terminal_ask(t, &CALL_METER_PRICE_QUOTE, &request, &reply, &printed, problem));
	if (!printed)
		terminal_say(t, "%.*s a minute, %.*s for %lld (price table %lld)\n",
			     STR_ARG(money_shown(t, reply.price_per_minute)),
			     STR_ARG(money_shown(t, reply.total)), (long long)reply.minutes,
			     (long long)reply.version);
	return ST_OK;
}

enum st cmd_price_put(struct terminal *t, struct problem *problem)
{
	struct meter_price_table_input request = { 0 };
	struct meter_price_reply reply;
	struct str text;
	bool printed;

	TRY(terminal_read_file(t, args_text(&t->args, "file"), &text, problem));
	TRY(proto_decode(&meter_price_table_input_type, text, PROTO_UNKNOWN_REFUSED, &t->arena,
			 &request, problem));
	TRY(terminal_ask(t, &CALL_METER_PRICE_PUT, &request, &reply, &printed, problem));
	if (!printed)
		terminal_say(t, "price table %lld of %.*s is in force from %s\n",
			     (long long)reply.price.version, STR_ARG(reply.price.currency),
			     terminal_time(t, reply.price.from_ms));
	return ST_OK;
}
