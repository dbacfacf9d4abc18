/* cmd_ledger.c: months of the ledger: which there are, reading one out to a file, and cutting it
 * once it is in one; and holds, which set money aside. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "crypto.h"
#include "file.h"
#include "services/terminal/money.h"
#include "services/terminal/process.h"

/* -- months -- */

#define COUNT_NUMBERS_FIRST 1000000
#define COUNT_NUMBERS_MAX 1000000000

enum st cmd_ledger_list(struct terminal *t, struct problem *problem)
{
	struct meter_ledger_list_request request = { 0 };
	struct meter_ledger_list_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_METER_LEDGER_LIST, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, "month|state|>transfers|>bytes|file");
	for (size_t i = reply.cuts.count; i > 0; i--) {
		const struct meter_ledger_cut_record *cut = &reply.cuts.items[i - 1];
		table_cell(&table, cut->month);
		table_cell_c(&table, "cut");
		table_cell_i64(&table, cut->transfers);
		table_cell_c(&table, "");
		table_cell(&table, cut->file);
	}
	for (size_t i = 0; i < reply.months.count; i++) {
		const struct meter_ledger_month_kept *month = &reply.months.items[i];
		table_cell(&table, month->month);
		table_cell_c(&table, month->due ? "due" : "kept");
		table_cell_c(&table, "");
		table_cell_i64(&table, month->bytes);
		table_cell_c(&table, "");
	}
	terminal_table(t, &table);
	terminal_say(t, "%lld whole months are kept (PIOPL_METER_RETENTION_MONTHS)\n",
		     (long long)reply.retention_months);
	return ST_OK;
}

struct export
{
	FILE *out;
	struct sha256 digest;
	int64_t transfers, last;
	bool written;
};

static void line_put(struct export *e, struct str line)
{
	sha256_add(&e->digest, line.data, line.size);
	e->written = e->written && fwrite(line.data, 1, line.size, e->out) == line.size;
}

static void number_or_nothing(struct buf *buf, bool has, int64_t number)
{
	if (has)
		buf_printf(buf, "%lld", (long long)number);
	buf_add_char(buf, ',');
}

static void row_csv(struct buf *buf, const struct meter_ledger_row *row)
{
	char time[TIME_TEXT_SIZE];

	time_format(row->at_ms, time);
	buf_printf(buf, "%lld,%s,%s,%lld,%lld,%lld,", (long long)row->number, time,
		   meter_transfer_kind_names[row->kind - 1], (long long)row->from_account,
		   (long long)row->to_account, (long long)row->amount);
	number_or_nothing(buf, row->has_from_balance, row->from_balance);
	number_or_nothing(buf, row->has_to_balance, row->to_balance);
	number_or_nothing(buf, row->has_reverses, row->reverses);
	csv_text(buf, str_or_empty(row->reference));
	buf_add_char(buf, ',');
	csv_text(buf, str_or_empty(row->by));
	buf_add_c(buf, "\r\n");
}

/* Counted by windows too, which grow and shrink with what they take. */
static enum st month_count(struct terminal *t, struct str month,
			   struct meter_ledger_month_reply *ret, struct problem *problem)
{
	struct meter_ledger_month_request ask = { .month = month,
						  .has_numbers = true,
						  .numbers = COUNT_NUMBERS_FIRST };
	struct meter_ledger_month_reply window = { .has_next = true };

	*ret = (struct meter_ledger_month_reply){ 0 };
	while (window.has_next) {
		uint64_t began_ns = clock_mono_ns();
		arena_reset(&t->arena);
		TRY(terminal_call(t, &CALL_METER_LEDGER_MONTH, &ask, &window, problem));
		if (ret->transfers == 0)
			ret->first = window.first;
		if (window.transfers > 0)
			ret->last = window.last;
		ret->transfers += window.transfers;
		ask.has_after = true;
		ask.after = window.next;
		ask.numbers = page_size_next(ask.numbers, COUNT_NUMBERS_MAX, began_ns);
	}
	return ST_OK;
}

/* Windows of numbers, until the last of the month. */
static enum st month_write(struct terminal *t, struct str month, struct export *e,
			   struct problem *problem)
{
	struct meter_ledger_month_reply extent;
	struct meter_ledger_export_reply page;
	struct buf buf;

	TRY(month_count(t, month, &extent, problem));
	struct meter_ledger_export_request request = { .month = month, .from = extent.first };
	line_put(e, STR("number,at,kind,from_account,to_account,amount,from_balance,to_balance,"
			"reverses,reference,by\r\n"));
	e->last = extent.last;
	while (e->transfers < extent.transfers && request.from <= extent.last) {
		arena_reset(&t->arena);
		TRY(terminal_call(t, &CALL_METER_LEDGER_EXPORT, &request, &page, problem));
		buf_init(&buf, &t->arena, 4096);
		for (size_t i = 0; i < page.rows.count; i++)
			row_csv(&buf, &page.rows.items[i]);
		line_put(e, buf_str(&buf));
		e->transfers += (int64_t)page.rows.count;
		request.from = page.next;
	}
	if (e->transfers == extent.transfers)
		return ST_OK;
	return problem_set(problem, ST_LEDGER_EXPORT_DIFFERS, "", "%lld of %lld transfers came",
			   (long long)e->transfers, (long long)extent.transfers);
}

/* The file is new, and on the disk when this returns. */
static enum st month_export(struct terminal *t, struct export *e, char ret_digest[HASH_TEXT_SIZE],
			    struct problem *problem)
{
	const char *path = args_text(&t->args, "output");
	struct hash hash;

	*e = (struct export){ .out = fopen(path, "wxe"), .written = true };
	if (!e->out)
		return problem_set(problem, ST_USAGE, "output", "cannot make \"%s\": %s", path,
				   strerror(errno));
	sha256_init(&e->digest);
	enum st st = month_write(t, terminal_text(t, "month"), e, problem);
	bool kept = e->written && fflush(e->out) == 0 && fsync(fileno(e->out)) == 0;
	kept = fclose(e->out) == 0 && kept && directory_sync(path);
	sha256_final(&e->digest, &hash);
	hash_to_text(&hash, ret_digest);
	if (st == ST_OK && !kept)
		st = problem_set(problem, ST_UNAVAILABLE, "output", "cannot write \"%s\": %s", path,
				 strerror(errno));
	if (st != ST_OK) /* nothing was asked for yet */
		(void)unlink(path);
	return st;
}

enum st cmd_ledger_export(struct terminal *t, struct problem *problem)
{
	char digest[HASH_TEXT_SIZE];
	struct export e;

	TRY(month_export(t, &e, digest, problem));
	terminal_say(t, "%lld transfers are in %s, %s\n", (long long)e.transfers,
		     args_text(&t->args, "output"), digest);
	return ST_OK;
}

static enum st cut_ask(struct terminal *t, const struct export *e, const char *digest,
		       struct meter_ledger_cut_reply *ret, struct problem *problem)
{
	const struct meter_ledger_cut_request request = { .month = terminal_text(t, "month"),
							  .transfers = e->transfers,
							  .last = e->last,
							  .file = str_of(digest) };
	const char *path = args_text(&t->args, "output");
	struct str person;
	enum st st = terminal_person(t, &person, problem); /* who takes books away is kept */

	if (st != ST_OK) {
		(void)unlink(path);
		return st;
	}
	st = terminal_call(t, &CALL_METER_LEDGER_CUT, &request, ret, problem);
	if (ledger_cut_refused(st))
		(void)unlink(path);
	else if (st != ST_OK)
		problem_hint(problem,
			     "\"%s\" is kept, it may be all that remains; see: piopl ledger list",
			     path);
	return st;
}

enum st cmd_ledger_cut(struct terminal *t, struct problem *problem)
{
	struct meter_ledger_cut_reply reply;
	char digest[HASH_TEXT_SIZE];
	struct export e;

	TRY(terminal_confirm(t, "this takes the month out of the ledger; the file is what remains",
			     "cut", problem));
	TRY(month_export(t, &e, digest, problem));
	TRY(cut_ask(t, &e, digest, &reply, problem));
	if (t->json)
		return terminal_json(t, CALL_METER_LEDGER_CUT.reply, &reply);
	terminal_say(t, "%.*s is cut; %lld transfers are in %s, %s\n", STR_ARG(reply.cut.month),
		     (long long)reply.cut.transfers, args_text(&t->args, "output"), digest);
	return ST_OK;
}

/* -- holds -- */

static void hold_say(struct terminal *t, const struct meter_hold *h)
{
	terminal_say(t, "%.*s: %.*s, %s", STR_ARG(h->hold_id), STR_ARG(money_shown(t, h->amount)),
		     meter_hold_state_names[h->state - 1]);
	if (h->state == METER_HOLD_STATE_ACTIVE)
		terminal_say(t, " until %s", terminal_time(t, h->expires_at_ms));
	else if (h->state == METER_HOLD_STATE_CAPTURED)
		terminal_say(t, ", %.*s of it", STR_ARG(money_shown(t, h->captured)));
	terminal_say(t, "\n");
}

enum st cmd_wallet_hold(struct terminal *t, struct problem *problem)
{
	struct meter_hold_create_request request = {
		.wallet_id = terminal_text(t, "wallet"),
		.has_ttl_s = args_has(&t->args, "ttl"),
		.ttl_s = args_i64(&t->args, "ttl", 0) / 1000,
		.reference = terminal_text(t, "reference"),
	};
	struct meter_hold_reply reply;
	struct str currency;
	bool has, printed;

	TRY(wallet_currency(t, request.wallet_id, &currency, problem));
	TRY(money_given(t, currency, "amount", &has, &request.amount, problem));
	TRY(terminal_ask(t, &CALL_METER_HOLD_CREATE, &request, &reply, &printed, problem));
	if (!printed)
		hold_say(t, &reply.hold);
	return ST_OK;
}

enum st cmd_wallet_capture(struct terminal *t, struct problem *problem)
{
	struct meter_hold_show_request show = { .hold_id = terminal_text(t, "hold") };
	struct meter_hold_capture_request request = { .hold_id = show.hold_id,
						      .to = terminal_text(t, "to") };
	struct meter_hold_reply hold, reply;
	bool printed;

	TRY(terminal_call(t, &CALL_METER_HOLD_SHOW, &show, &hold, problem));
	TRY(money_given(t, str_of(hold.hold.amount.currency), "amount", &request.has_amount,
			&request.amount, problem));
	TRY(terminal_ask(t, &CALL_METER_HOLD_CAPTURE, &request, &reply, &printed, problem));
	if (!printed)
		hold_say(t, &reply.hold);
	return ST_OK;
}

enum st cmd_wallet_release(struct terminal *t, struct problem *problem)
{
	struct meter_hold_release_request request = { .hold_id = terminal_text(t, "hold") };
	struct meter_hold_reply reply;
	bool printed;

	TRY(terminal_ask(t, &CALL_METER_HOLD_RELEASE, &request, &reply, &printed, problem));
	if (!printed)
		hold_say(t, &reply.hold);
	return ST_OK;
}
