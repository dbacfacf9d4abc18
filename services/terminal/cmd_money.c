/* cmd_money.c: wallets, and the books as people read them. */
#include <stdio.h>

#include "clock.h"
#include "services/terminal/money.h"

struct str money_shown(struct terminal *t, struct money money)
{
	char text[MONEY_TEXT_SIZE];

	money_print(money, text);
	return arena_printf(&t->arena, "%s %s", text, money.currency);
}

enum st money_given(struct terminal *t, struct str currency, const char *option, bool *ret_has,
		    struct money *ret, struct problem *problem)
{
	struct str text = terminal_text(t, option);

	*ret_has = text.data != NULL;
	if (!text.data)
		return ST_OK;
	enum st st = money_parse(text, currency, ret);
	if (st != ST_OK) {
		problem_set(problem, st, option, "\"%.*s\"", STR_ARG(text));
		problem_hint(problem, "an amount like 12.50");
	}
	return st;
}

enum st wallet_currency(struct terminal *t, struct str wallet_id, struct str *ret,
			struct problem *problem)
{
	struct meter_wallet_show_request request = { .wallet_id = wallet_id };
	struct meter_wallet_reply reply;

	TRY(terminal_call(t, &CALL_METER_WALLET_SHOW, &request, &reply, problem));
	*ret = reply.wallet.currency;
	return ST_OK;
}

static void wallet_say(struct terminal *t, const struct meter_wallet *w)
{
	terminal_say(t, "%.*s of %.*s, tier %lld\n", STR_ARG(w->wallet_id), STR_ARG(w->owner),
		     (long long)w->tier);
	terminal_say(t, "  available %.*s, held %.*s, reserve %.*s\n",
		     STR_ARG(money_shown(t, w->available)), STR_ARG(money_shown(t, w->held)),
		     STR_ARG(money_shown(t, w->reserve)));
	terminal_say(t, "  %lld sandboxes burn %.*s a minute\n", (long long)w->sandboxes,
		     STR_ARG(money_shown(t, w->burn_per_minute)));
	if (w->horizon)
		terminal_say(t, "  %s: %lld minutes, bound by %s\n",
			     meter_horizon_state_names[w->horizon->state - 1],
			     (long long)w->horizon->minutes,
			     meter_binding_names[w->horizon->binding - 1]);
}

enum st cmd_wallet_create(struct terminal *t, struct problem *problem)
{
	struct str currency = terminal_text(t, "currency");
	struct meter_wallet_create_request request = {
		.owner = terminal_text(t, "owner"),
		.currency = currency.data ? currency : STR("USD"),
		.title = terminal_text(t, "title"),
		.has_tier = args_has(&t->args, "tier"),
		.tier = args_i64(&t->args, "tier", 0),
		.has_another = args_has(&t->args, "another"),
		.another = true,
	};
	struct meter_wallet_reply reply;
	bool printed;

	TRY(terminal_ask(t, &CALL_METER_WALLET_CREATE, &request, &reply, &printed, problem));
	if (!printed)
		wallet_say(t, &reply.wallet);
	return ST_OK;
}

enum st cmd_wallet_show(struct terminal *t, struct problem *problem)
{
	struct meter_wallet_show_request request = { .wallet_id = terminal_text(t, "wallet") };
	struct meter_wallet_reply reply;
	bool printed;

	TRY(terminal_ask(t, &CALL_METER_WALLET_SHOW, &request, &reply, &printed, problem));
	if (!printed)
		wallet_say(t, &reply.wallet);
	return ST_OK;
}

enum st cmd_wallet_list(struct terminal *t, struct problem *problem)
{
	struct meter_wallet_list_request request = { .owner = terminal_text(t, "owner"),
						     .after = terminal_text(t, "after"),
						     .has_limit = args_has(&t->args, "limit"),
						     .limit = args_i64(&t->args, "limit", 0) };
	struct meter_wallet_list_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_METER_WALLET_LIST, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, "wallet|owner|>available|>held|>burn a minute|>sandboxes");
	for (size_t i = 0; i < reply.wallets.count; i++) {
		const struct meter_wallet *w = &reply.wallets.items[i];
		table_cell(&table, w->wallet_id);
		table_cell(&table, w->owner);
		table_cell(&table, money_shown(t, w->available));
		table_cell(&table, money_shown(t, w->held));
		table_cell(&table, money_shown(t, w->burn_per_minute));
		table_cell_i64(&table, w->sandboxes);
	}
	if (table.count == 0)
		terminal_say(t, "no wallets: piopl wallet create OWNER makes one\n");
	else
		terminal_table(t, &table);
	return ST_OK;
}

enum st cmd_wallet_set(struct terminal *t, struct problem *problem)
{
	struct meter_wallet_set_request request = {
		.wallet_id = terminal_text(t, "wallet"),
		.has_tier = args_has(&t->args, "tier"),
		.tier = args_i64(&t->args, "tier", 0),
		.has_reserve_minutes = args_has(&t->args, "reserve-minutes"),
		.reserve_minutes = args_i64(&t->args, "reserve-minutes", 0),
	};
	struct meter_wallet_reply reply;
	struct str currency;
	bool printed;

	TRY(wallet_currency(t, request.wallet_id, &currency, problem));
	TRY(money_given(t, currency, "reserve", &request.has_reserve, &request.reserve, problem));
	TRY(terminal_ask(t, &CALL_METER_WALLET_SET, &request, &reply, &printed, problem));
	if (!printed)
		wallet_say(t, &reply.wallet);
	return ST_OK;
}

static enum st posting_say(struct terminal *t, const struct meter_posting_reply *reply)
{
	terminal_say(t, "%.*s: %s of %.*s; %.*s is available now\n",
		     STR_ARG(reply->transfer.transfer_id),
		     meter_transfer_kind_names[reply->transfer.kind - 1],
		     STR_ARG(money_shown(t, reply->transfer.amount)),
		     STR_ARG(money_shown(t, reply->available)));
	return ST_OK;
}

enum st cmd_wallet_deposit(struct terminal *t, struct problem *problem)
{
	struct meter_wallet_deposit_request request = { .wallet_id = terminal_text(t, "wallet"),
							.reference =
								terminal_text(t, "reference") };
	struct meter_posting_reply reply;
	struct str currency;
	bool has, printed;

	TRY(wallet_currency(t, request.wallet_id, &currency, problem));
	TRY(money_given(t, currency, "amount", &has, &request.amount, problem));
	TRY(terminal_ask(t, &CALL_METER_WALLET_DEPOSIT, &request, &reply, &printed, problem));
	return printed ? ST_OK : posting_say(t, &reply);
}

enum st cmd_wallet_withdraw(struct terminal *t, struct problem *problem)
{
	struct meter_wallet_withdraw_request request = { .wallet_id = terminal_text(t, "wallet"),
							 .reference =
								 terminal_text(t, "reference") };
	struct meter_posting_reply reply;
	struct str currency;
	bool has, printed;

	TRY(wallet_currency(t, request.wallet_id, &currency, problem));
	TRY(money_given(t, currency, "amount", &has, &request.amount, problem));
	TRY(terminal_ask(t, &CALL_METER_WALLET_WITHDRAW, &request, &reply, &printed, problem));
	return printed ? ST_OK : posting_say(t, &reply);
}

enum st cmd_wallet_transfer(struct terminal *t, struct problem *problem)
{
	struct meter_wallet_transfer_request request = { .wallet_id = terminal_text(t, "wallet"),
							 .to = terminal_text(t, "to"),
							 .reference =
								 terminal_text(t, "reference") };
	struct meter_posting_reply reply;
	struct str currency;
	bool has, printed;

	TRY(wallet_currency(t, request.wallet_id, &currency, problem));
	TRY(money_given(t, currency, "amount", &has, &request.amount, problem));
	TRY(terminal_ask(t, &CALL_METER_WALLET_TRANSFER, &request, &reply, &printed, problem));
	return printed ? ST_OK : posting_say(t, &reply);
}

enum st cmd_wallet_reverse(struct terminal *t, struct problem *problem)
{
	struct meter_transfer_reverse_request request = { .transfer_id =
								  terminal_text(t, "transfer"),
							  .reference = terminal_text(t, "reason") };
	struct meter_posting_reply reply;
	bool printed;

	TRY(terminal_ask(t, &CALL_METER_TRANSFER_REVERSE, &request, &reply, &printed, problem));
	return printed ? ST_OK : posting_say(t, &reply);
}

enum st cmd_wallet_balance(struct terminal *t, struct problem *problem)
{
	struct meter_wallet_balance_request request = { .wallet_id = terminal_text(t, "wallet"),
							.has_at_ms = args_has(&t->args, "at"),
							.at_ms = args_i64(&t->args, "at", 0) };
	struct meter_wallet_balance_reply reply;
	bool printed;

	TRY(terminal_ask(t, &CALL_METER_WALLET_BALANCE, &request, &reply, &printed, problem));
	if (!printed)
		terminal_say(t, "%s: available %.*s, held %.*s\n", terminal_time(t, reply.at_ms),
			     STR_ARG(money_shown(t, reply.available)),
			     STR_ARG(money_shown(t, reply.held)));
	return ST_OK;
}

/* -- statements -- */

#define TRANSFER_TEXT_SIZE 32

void csv_text(struct buf *buf, struct str text)
{
	buf_add_char(buf, '"');
	if (text.size > 0 && strchr("=+-@", text.data[0]))
		buf_add_char(buf, '\'');
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] == '"')
			buf_add_char(buf, '"');
		buf_add_char(buf, text.data[i]);
	}
	buf_add_char(buf, '"');
}

static void entry_csv(struct buf *buf, const struct meter_entry *e)
{
	char amount[MONEY_TEXT_SIZE], balance[MONEY_TEXT_SIZE], time[TIME_TEXT_SIZE];

	money_print(e->amount, amount);
	money_print(e->balance, balance);
	time_format(e->at_ms, time);
	buf_printf(buf, "%.*s,%s,%s,%s,%s,%s,%lld,", STR_ARG(e->transfer_id), time,
		   meter_transfer_kind_names[e->kind - 1], amount, balance, e->amount.currency,
		   (long long)e->counter_account);
	csv_text(buf, str_or_empty(e->reference));
	buf_add_c(buf, "\r\n");
}

static void entry_row(struct terminal *t, struct table *table, const struct meter_entry *e)
{
	table_cell(table, e->transfer_id);
	table_cell_c(table, terminal_time(t, e->at_ms));
	table_cell_c(table, meter_transfer_kind_names[e->kind - 1]);
	table_cell(table, money_shown(t, e->amount));
	table_cell(table, money_shown(t, e->balance));
	table_cell(table, str_or_empty(e->reference));
}

static enum st statement_csv(struct terminal *t, struct meter_wallet_statement_request *request,
			     struct problem *problem)
{
	struct meter_wallet_statement_reply page;
	struct buf buf;
	char after[TRANSFER_TEXT_SIZE];

	request->has_limit = true;
	request->limit = 500;
	terminal_write(
		STR("transfer,at,kind,amount,balance,currency,counter_account,reference\r\n"));
	do {
		arena_reset(&t->arena);
		TRY(terminal_call(t, &CALL_METER_WALLET_STATEMENT, request, &page, problem));
		buf_init(&buf, &t->arena, 4096);
		for (size_t i = 0; i < page.entries.count; i++)
			entry_csv(&buf, &page.entries.items[i]);
		terminal_write(buf_str(&buf));
		request->after = page.next;
		if (page.next.data && str_copy(page.next, after, sizeof(after)))
			request->after = str_of(after);
	} while (request->after.data);
	return ST_OK;
}

enum st cmd_wallet_statement(struct terminal *t, struct problem *problem)
{
	bool held = args_has(&t->args, "held");
	struct meter_wallet_statement_request request = {
		.wallet_id = terminal_text(t, "wallet"),
		.account = held ? METER_ACCOUNT_KIND_HELD : METER_ACCOUNT_KIND_AVAILABLE,
		.has_from_ms = args_has(&t->args, "since"),
		.from_ms = args_i64(&t->args, "since", 0),
		.has_to_ms = args_has(&t->args, "until"),
		.to_ms = args_i64(&t->args, "until", 0),
	};
	struct meter_wallet_statement_reply reply;
	struct table table;
	bool printed;

	if (args_has(&t->args, "csv"))
		return statement_csv(t, &request, problem);
	TRY(terminal_ask(t, &CALL_METER_WALLET_STATEMENT, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, "transfer|at|kind|>amount|>balance|reference");
	for (size_t i = 0; i < reply.entries.count; i++)
		entry_row(t, &table, &reply.entries.items[i]);
	terminal_say(t, "opening %.*s\n", STR_ARG(money_shown(t, reply.opening)));
	if (table.count > 0)
		terminal_table(t, &table);
	if (reply.next.data)
		terminal_say(t, "there is more: --csv has all of it\n");
	return ST_OK;
}

/* -- the proof -- */

#define AUDIT_FAULTS_MAX 100
#define AUDIT_WALLETS_FIRST 16
#define AUDIT_WALLETS_MAX 10000
#define PAGE_MS 500
#define AUDIT_NUMBERS_FIRST 100000
#define AUDIT_NUMBERS_MAX 1000000000
#define AUDIT_TRIES 3

static enum st audit_say(struct terminal *t, const struct meter_wallet_audit_reply *r,
			 struct problem *problem)
{
	char sum[MONEY_TEXT_SIZE];

	for (size_t i = 0; i < r->currencies.count; i++) {
		micros_print(r->currencies.items[i].sum, sum);
		terminal_say(t, "%.*s: all accounts sum to %s\n",
			     STR_ARG(r->currencies.items[i].currency), sum);
	}
	for (size_t i = 0; i < r->faults.count; i++)
		terminal_say(t, "account %lld: %s broken, %lld expected, %lld found\n",
			     (long long)r->faults.items[i].account,
			     meter_audit_fault_rule_names[r->faults.items[i].rule - 1],
			     (long long)r->faults.items[i].expected,
			     (long long)r->faults.items[i].found);
	terminal_say(t, "%lld transfers on %lld accounts: %s\n", (long long)r->transfers,
		     (long long)r->accounts, r->balanced ? "the books balance" : "NOT in balance");
	if (r->balanced)
		return ST_OK;
	return problem_set(problem, ST_CONFLICT, "", "the books do not balance");
}

int64_t page_size_next(int64_t size, int64_t max, uint64_t began_ns)
{
	uint64_t took_ms = (clock_mono_ns() - began_ns) / 1000000;

	if (took_ms < PAGE_MS && size <= max / 2)
		return size * 2;
	return took_ms > 4 * PAGE_MS && size > 1 ? size / 2 : size;
}

/* A page adds to what was found before it. */
static void audit_add(struct meter_wallet_audit_reply *sum,
		      const struct meter_wallet_audit_reply *page)
{
	sum->balanced = sum->balanced && page->balanced;
	sum->accounts += page->accounts;
	sum->transfers += page->transfers;
	sum->at_ms = page->at_ms;
	if (page->currencies.count > 0) {
		sum->currencies.items = page->currencies.items;
		sum->currencies.count = page->currencies.count;
	}
	for (size_t i = 0; i < page->faults.count && sum->faults.count < AUDIT_FAULTS_MAX; i++)
		sum->faults.items[sum->faults.count++] = page->faults.items[i];
}

/* What all pages of wallets say together. */
static enum st audit_all(struct terminal *t, struct meter_wallet_audit_reply *ret,
			 struct problem *problem)
{
	struct meter_wallet_audit_request request = { .has_wallets = true,
						      .wallets = AUDIT_WALLETS_FIRST };
	struct meter_wallet_audit_reply page = { .has_next = true };

	*ret = (struct meter_wallet_audit_reply){ .balanced = true };
	ret->faults.items = ARENA_ARRAY(&t->arena, struct meter_audit_fault, AUDIT_FAULTS_MAX);
	if (!ret->faults.items)
		return ST_TOO_LARGE;
	while (page.has_next) {
		uint64_t began_ns = clock_mono_ns();
		TRY(terminal_call(t, &CALL_METER_WALLET_AUDIT, &request, &page, problem));
		audit_add(ret, &page);
		request.has_after = true;
		request.after = page.next;
		request.wallets = page_size_next(request.wallets, AUDIT_WALLETS_MAX, began_ns);
	}
	return ST_OK;
}

/* Of each own account, what its entries were in the windows before. */
static void own_add(const struct meter_wallet_audit_reply *before,
		    struct meter_wallet_audit_reply *page)
{
	for (size_t i = 0; i < page->own.count; i++)
		for (size_t k = 0; k < before->own.count; k++)
			if (before->own.items[k].account == page->own.items[i].account)
				page->own.items[i].entries += before->own.items[k].entries;
}

/* The last answer, with the entries of all windows. */
static enum st own_read(struct terminal *t, struct meter_wallet_audit_reply *ret,
			struct problem *problem)
{
	struct meter_wallet_audit_request request = { .has_numbers = true,
						      .numbers = AUDIT_NUMBERS_FIRST };
	struct meter_wallet_audit_reply page;

	*ret = (struct meter_wallet_audit_reply){ .has_next = true };
	while (ret->has_next) {
		uint64_t began_ns = clock_mono_ns();
		TRY(terminal_call(t, &CALL_METER_WALLET_AUDIT, &request, &page, problem));
		if (page.own.count == 0)
			return problem_set(problem, ST_INTERNAL, "", "no account came");
		own_add(ret, &page);
		*ret = page;
		request.has_after = true;
		request.after = page.next;
		request.numbers = page_size_next(request.numbers, AUDIT_NUMBERS_MAX, began_ns);
	}
	return ST_OK;
}

static bool own_balances(const struct meter_own_account *own)
{
	return own->opening + own->entries == own->balance;
}

/* A month that is cut between two windows is in both its entries and its opening, and a transfer
 * that was slow to commit in neither: what differs is read again before it is called a fault. */
static enum st own_prove(struct terminal *t, struct meter_wallet_audit_reply *ret,
			 struct problem *problem)
{
	struct meter_wallet_audit_reply last;
	bool balanced = false;

	for (int tries = 0; tries < AUDIT_TRIES && !balanced; tries++) {
		TRY(own_read(t, &last, problem));
		balanced = true;
		for (size_t i = 0; i < last.own.count; i++)
			balanced = balanced && own_balances(&last.own.items[i]);
	}
	ret->accounts += (int64_t)last.own.count;
	ret->balanced = ret->balanced && balanced;
	for (size_t i = 0; i < last.own.count && ret->faults.count < AUDIT_FAULTS_MAX; i++) {
		const struct meter_own_account *own = &last.own.items[i];
		if (!own_balances(own))
			ret->faults.items[ret->faults.count++] = (struct meter_audit_fault){
				.account = own->account,
				.rule = METER_AUDIT_FAULT_RULE_BALANCE_IS_SUM_OF_ENTRIES,
				.expected = own->opening + own->entries,
				.found = own->balance,
			};
	}
	return ST_OK;
}

enum st cmd_wallet_audit(struct terminal *t, struct problem *problem)
{
	struct meter_wallet_audit_request request = { .wallet_id = terminal_text(t, "wallet") };
	struct meter_wallet_audit_reply reply;

	TRY(request.wallet_id.data
		    ? terminal_call(t, &CALL_METER_WALLET_AUDIT, &request, &reply, problem)
		    : audit_all(t, &reply, problem));
	if (!request.wallet_id.data)
		TRY(own_prove(t, &reply, problem));
	if (!t->json)
		return audit_say(t, &reply, problem);
	TRY(terminal_json(t, CALL_METER_WALLET_AUDIT.reply, &reply));
	return reply.balanced ? ST_OK
			      : problem_set(problem, ST_CONFLICT, "", "the books do not balance");
}
