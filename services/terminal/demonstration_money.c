/* demonstration_money.c: money at work: a wallet gets exactly so much, a job is opened, two
 * sandboxes are admitted and live, the horizon says what binds them, and they are stopped when the
 * money ends, with every minute accounted for. There is nothing behind these sandboxes yet: only
 * their meter runs. */
#include <stdio.h>

#include "clock.h"
#include "services/terminal/demonstration.h"
#include "services/terminal/money.h"
#include "services/terminal/process.h"

#define OWNER "studio"
#define SANDBOXES 2
#define STOP_MS_MAX 60000
#define STOP_WAIT_MS 300
#define STEP_MS 15000 /* of the development clock: less than a tick may be late */

struct money_show {
	struct terminal *t;
	struct str wallet_id, job_id;
	struct str sandboxes[SANDBOXES];
	int64_t minutes; /* that the money pays of each */
	int64_t price;
};

static enum st wallet_there(struct terminal *t, bool *ret, struct problem *problem)
{
	struct meter_wallet_list_request request = { .owner = STR(OWNER) };
	struct meter_wallet_list_reply reply;

	TRY(terminal_call(t, &CALL_METER_WALLET_LIST, &request, &reply, problem));
	*ret = reply.wallets.count > 0;
	return ST_OK;
}

static enum st wallet_fund(struct money_show *show, struct problem *problem)
{
	struct meter_price_quote_request quote = { .currency = STR("USD"),
						   .image_class = STR("standard"),
						   .cpu_milli = 1000,
						   .ram_mb = 1024,
						   .disk_mb = 1024 };
	struct meter_wallet_create_request create = { .owner = STR(OWNER), .currency = STR("USD") };
	struct meter_price_quote_reply price;
	struct meter_posting_reply posted;
	struct meter_wallet_reply wallet;
	struct terminal *t = show->t;

	TRY(terminal_call(t, &CALL_METER_PRICE_QUOTE, &quote, &price, problem));
	TRY(terminal_call(t, &CALL_METER_WALLET_CREATE, &create, &wallet, problem));
	show->wallet_id = wallet.wallet.wallet_id;
	show->price = price.price_per_minute.micros;
	struct meter_wallet_deposit_request deposit = {
		.wallet_id = show->wallet_id,
		.amount = { .micros = show->price * SANDBOXES * show->minutes, .currency = "USD" },
		.reference = STR("first money"),
	};
	TRY(terminal_call(t, &CALL_METER_WALLET_DEPOSIT, &deposit, &posted, problem));
	demonstration_done(t, "wallet of %s with %.*s: %lld minute%s of two sandboxes", OWNER,
			   STR_ARG(money_shown(t, posted.available)), (long long)show->minutes,
			   show->minutes == 1 ? "" : "s");
	return ST_OK;
}

static enum st sandbox_run(struct money_show *show, size_t i, struct problem *problem)
{
	struct meter_sandbox_admit_request admit = { .job_id = show->job_id,
						     .runner = STR("demonstration"),
						     .shape = { STR("standard"), 1000, 1024,
								1024 } };
	struct meter_sandbox_admit_reply admitted;
	struct meter_lease_reply lease;

	TRY(terminal_call(show->t, &CALL_METER_SANDBOX_ADMIT, &admit, &admitted, problem));
	show->sandboxes[i] = admitted.sandbox.sandbox_id;
	struct meter_sandbox_begin_request begin = { .sandbox_id = show->sandboxes[i] };
	return terminal_call(show->t, &CALL_METER_SANDBOX_BEGIN, &begin, &lease, problem);
}

static enum st job_run(struct money_show *show, struct problem *problem)
{
	struct meter_job_create_request create = { .wallet_id = show->wallet_id,
						   .purpose = STR("first shift") };
	struct meter_job_grant_reply granted;
	struct meter_wallet_show_request ask = { .wallet_id = show->wallet_id };
	struct meter_wallet_reply wallet;
	struct terminal *t = show->t;

	TRY(terminal_call(t, &CALL_METER_JOB_CREATE, &create, &granted, problem));
	show->job_id = granted.job.job_id;
	for (size_t i = 0; i < SANDBOXES; i++)
		TRY(sandbox_run(show, i, problem));
	TRY(terminal_call(t, &CALL_METER_WALLET_SHOW, &ask, &wallet, problem));
	demonstration_done(t, "a job and two metered sandboxes: %.*s a minute, the first is paid",
			   STR_ARG(money_shown(t, wallet.wallet.burn_per_minute)));
	if (wallet.wallet.horizon)
		demonstration_done(t, "its horizon: %lld more minutes, bound by %s",
				   (long long)wallet.wallet.horizon->minutes,
				   meter_binding_names[wallet.wallet.horizon->binding - 1]);
	return ST_OK;
}

/* How many are on the stop list, and how many minutes they paid. */
static enum st stopped(struct money_show *show, size_t *ret_count, int64_t *ret_minutes,
		       struct problem *problem)
{
	struct meter_sandbox_show_request ask;
	struct meter_sandbox_reply reply;

	*ret_count = 0;
	*ret_minutes = 0;
	for (size_t i = 0; i < SANDBOXES; i++) {
		ask.sandbox_id = show->sandboxes[i];
		TRY(terminal_call(show->t, &CALL_METER_SANDBOX_SHOW, &ask, &reply, problem));
		*ret_count += reply.sandbox.reason == METER_STOP_REASON_ACCOUNT;
		*ret_minutes += reply.sandbox.minutes;
	}
	return ST_OK;
}

static enum st end_wait(struct money_show *show, int64_t *ret_minutes, bool *ret_ended,
			struct problem *problem)
{
	int64_t until_ms = clock_boot_ms() + STOP_MS_MAX;
	size_t count = 0;

	while (clock_boot_ms() < until_ms) {
		TRY(stopped(show, &count, ret_minutes, problem));
		*ret_ended = count == SANDBOXES;
		if (*ret_ended)
			return ST_OK;
		if (clock_is_development())
			TRY(clock_advance(STEP_MS));
		process_sleep_ms(STOP_WAIT_MS);
	}
	return ST_OK;
}

static enum st books_say(struct money_show *show, int64_t minutes, struct problem *problem)
{
	struct meter_wallet_show_request ask = { .wallet_id = show->wallet_id };
	struct meter_wallet_audit_request audit = { 0 };
	struct meter_wallet_audit_reply books;
	struct meter_wallet_reply wallet;
	struct terminal *t = show->t;

	TRY(terminal_call(t, &CALL_METER_WALLET_SHOW, &ask, &wallet, problem));
	TRY(terminal_call(t, &CALL_METER_WALLET_AUDIT, &audit, &books, problem));
	if (!books.balanced)
		return problem_set(problem, ST_CONFLICT, "", "the books do not balance");
	demonstration_done(t,
			   "stopped when the money ended: %lld minutes paid, %.*s left, the books "
			   "balance",
			   (long long)minutes, STR_ARG(money_shown(t, wallet.wallet.available)));
	return ST_OK;
}

enum st demonstration_money(struct terminal *t, bool *ret_shown, struct problem *problem)
{
	struct money_show show = { .t = t };
	int64_t minutes = 0;
	bool there, ended = false;

	*ret_shown = false;
	TRY(wallet_there(t, &there, problem));
	if (there)
		return ST_OK;
	(void)terminal_now_ms(t); /* opens the stack's clock */
	show.minutes = clock_is_development() ? 5 : 1;
	TRY(wallet_fund(&show, problem));
	TRY(job_run(&show, problem));
	TRY(end_wait(&show, &minutes, &ended, problem));
	*ret_shown = true;
	if (ended)
		return books_say(&show, minutes, problem);
	demonstration_done(t, "they run on until the money ends; see: piopl meter sandboxes");
	return ST_OK;
}
