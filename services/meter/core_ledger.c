/* core_ledger.c: accounts, and whether money may move between them. */
#include <inttypes.h>
#include <stdio.h>

#include "meter.h"

int64_t account_available(int64_t wallet)
{
	ASSERT(wallet > 0);
	return wallet * 2;
}

int64_t account_held(int64_t wallet)
{
	return account_available(wallet) + 1;
}

int64_t wallet_partition(int64_t wallet)
{
	ASSERT(wallet > 0);
	return wallet % METER_PARTITIONS;
}

int64_t account_system(int64_t currency, enum system_account kind, int64_t partition)
{
	ASSERT(currency > 0 && partition >= 0 && partition < METER_PARTITIONS);
	return -(1000 * currency + 100 * (int64_t)kind + partition);
}

bool account_is_system(int64_t account)
{
	return account < 0;
}

int64_t account_wallet(int64_t account)
{
	return account < 0 ? 0 : account / 2;
}

struct account *account_find(struct account *accounts, size_t count, int64_t id)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (accounts[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && accounts[low].id == id ? &accounts[low] : NULL;
}

static void amount_text(int64_t micros, const char *code, char *ret, size_t size)
{
	char text[MONEY_TEXT_SIZE];

	micros_print(micros, text);
	snprintf(ret, size, "%s %s", text, code);
}

/* What would have been needed. The wallet is its number: who knows its id puts that in its place.
 */
static void quote_set(const struct account *from, const struct posting *p, const char *code,
		      struct problem *problem)
{
	char number[24];

	if (p->amount > INT64_MAX - p->keep)
		return;
	snprintf(number, sizeof(number), "%lld", (long long)account_wallet(from->id));
	problem_quote(problem, str_of(number), str_of(code), p->amount + p->keep, from->balance);
}

static enum st funds_refuse(const struct account *from, const struct posting *p, const char *code,
			    struct problem *problem)
{
	bool reserve = p->amount <= from->balance;
	enum st st = reserve ? ST_RESERVE_PROTECTED : ST_FUNDS_INSUFFICIENT;
	int64_t most = from->balance > p->keep ? from->balance - p->keep : 0;
	char wanted[40], has[40], accepted[40];

	amount_text(p->amount, code, wanted, sizeof(wanted));
	amount_text(reserve ? p->keep : from->balance, code, has, sizeof(has));
	amount_text(most, code, accepted, sizeof(accepted));
	problem_set(problem, st, "/amount", "%s is asked for and %s is %s", wanted, has,
		    reserve ? "to be left" : "available");
	problem_hint(problem, "at most %s", accepted);
	if (!reserve)
		quote_set(from, p, code, problem);
	return st;
}

static enum st overflow_refuse(const struct account *to, const char *code, struct problem *problem)
{
	char most[40];

	amount_text(INT64_MAX - to->balance, code, most, sizeof(most));
	problem_set(problem, ST_BALANCE_OVERFLOW, "/amount", "%s", "");
	problem_hint(problem, "at most %s", most);
	return ST_BALANCE_OVERFLOW;
}

static enum st posting_judge(const struct account *from, const struct account *to,
			     const struct posting *p, const char *code, struct problem *problem)
{
	if (p->amount <= 0)
		return problem_set(problem, ST_AMOUNT_NOT_POSITIVE, "/amount", "%s", "");
	if ((!account_is_system(p->from) && !from) || (!account_is_system(p->to) && !to))
		return problem_set(problem, ST_WALLET_UNKNOWN, "", "%s", "");
	if (from && to && from->currency != to->currency)
		return problem_set(problem, ST_CURRENCY_MISMATCH, "/to",
				   "the other wallet has another currency");
	/* Without the sum amount + keep, which could overflow. */
	if (from && (from->balance < p->amount || from->balance - p->amount < p->keep))
		return funds_refuse(from, p, code, problem);
	if (to && to->balance > INT64_MAX - p->amount)
		return overflow_refuse(to, code, problem);
	return ST_OK;
}

enum st posting_apply(struct account *accounts, size_t account_count, struct posting *p,
		      int64_t now_ms, const char *code, struct problem *problem)
{
	struct account *from = account_find(accounts, account_count, p->from);
	struct account *to = account_find(accounts, account_count, p->to);

	ASSERT(p->from != p->to && p->keep >= 0);
	TRY(posting_judge(from, to, p, code, problem));
	p->at_ms = now_ms;
	if (from && from->last_ms > p->at_ms)
		p->at_ms = from->last_ms;
	if (to && to->last_ms > p->at_ms)
		p->at_ms = to->last_ms;
	if (from) {
		from->balance -= p->amount;
		from->last_ms = p->at_ms;
		p->from_balance = from->balance;
		ASSERT(from->balance >= 0);
	}
	if (to) {
		to->balance += p->amount;
		to->last_ms = p->at_ms;
		p->to_balance = to->balance;
	}
	return ST_OK;
}

/* The times are only moved forward, so a run that is taken back leaves them later than they were,
 * which breaks no rule; the balances are exactly as before. */
static void posting_undo(struct account *accounts, size_t account_count, const struct posting *p)
{
	struct account *from = account_find(accounts, account_count, p->from);
	struct account *to = account_find(accounts, account_count, p->to);

	if (from)
		from->balance += p->amount;
	if (to)
		to->balance -= p->amount;
}

enum st postings_apply(struct account *accounts, size_t account_count, struct posting *postings,
		       size_t count, int64_t now_ms, const char *code, size_t *ret_failed,
		       struct problem *problem)
{
	for (size_t i = 0; i < count; i++) {
		enum st st =
			posting_apply(accounts, account_count, &postings[i], now_ms, code, problem);
		if (st == ST_OK)
			continue;
		*ret_failed = i;
		while (i-- > 0)
			posting_undo(accounts, account_count, &postings[i]);
		return st;
	}
	return ST_OK;
}

void transfer_id_print(int64_t id, char ret[TRANSFER_ID_SIZE])
{
	snprintf(ret, TRANSFER_ID_SIZE, "trf_%" PRId64, id);
}

bool transfer_id_parse(struct str text, int64_t *ret)
{
	if (text.size < 5 || memcmp(text.data, "trf_", 4) != 0)
		return false;
	return str_to_i64((struct str){ text.data + 4, text.size - 4 }, ret) && *ret > 0;
}
