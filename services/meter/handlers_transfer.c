/* handlers_transfer.c: deposits, withdrawals, transfers, and their reversal. */
#include "handlers.h"

/* -- one wallet and the outside -- */

static enum st posted(struct svc_request *req, const struct posting *p, struct str code,
		      int64_t available)
{
	struct meter_posting_reply *out = req->answer;
	struct svc_scope scope = svc_scope_of_request(req);
	struct meter_transfer_posted told;

	TRY(transfer_fill(&scope, p, code, &out->transfer));
	out->available = money_of(available, code);
	told.transfer = out->transfer;
	return svc_emit(req, &EVT_METER_TRANSFER_POSTED, out->transfer.transfer_id, &told);
}

static enum st deposit(struct svc_request *req)
{
	const struct meter_wallet_deposit_request *in = req->body;
	struct svc_scope scope = svc_scope_of_request(req);
	struct meter_service *meter = req->state;
	struct account *pair;
	struct wallet_view view;

	TRY(wallet_found(req, in->wallet_id, "/wallet_id", &view));
	TRY(amount_check(req, in->amount, "/amount", view.code));
	TRY(ledger_lock_wallet(&scope, meter, view.number, &pair));
	struct posting p = {
		.kind = METER_TRANSFER_KIND_DEPOSIT,
		.from = account_system(view.currency, SYSTEM_EXTERNAL,
				       wallet_partition(view.number)),
		.to = account_available(view.number),
		.amount = in->amount.micros,
		.reference = in->reference,
		.by = asker_of(req),
	};
	TRY(ledger_post(&scope, meter, pair, &p, 1, view.code, &req->problem));
	return posted(req, &p, view.code, pair[0].balance);
}

enum st on_wallet_deposit(struct svc_request *req)
{
	return recorded(req, "wallet.deposit", deposit);
}

/* What has to be left: the reserve, or so many minutes of what burns now. */
static enum st reserve_of(struct svc_request *req, const struct wallet_view *view, int64_t *ret)
{
	struct wallet_view now;
	int64_t minutes;
	bool found;

	*ret = view->reserve;
	if (view->reserve_minutes == 0)
		return ST_OK;
	TRY(store_wallet_load(req->tx, req->arena, view->wallet_id, &now, &found));
	if (!found || micros_multiply(now.burn, now.reserve_minutes, 1, MONEY_CEIL, &minutes))
		minutes = INT64_MAX;
	if (minutes > *ret)
		*ret = minutes;
	return ST_OK;
}

static enum st withdraw(struct svc_request *req)
{
	const struct meter_wallet_withdraw_request *in = req->body;
	struct svc_scope scope = svc_scope_of_request(req);
	struct meter_service *meter = req->state;
	struct account *pair;
	struct wallet_view view;

	TRY(wallet_found(req, in->wallet_id, "/wallet_id", &view));
	TRY(amount_check(req, in->amount, "/amount", view.code));
	TRY(ledger_lock_wallet(&scope, meter, view.number, &pair));
	/* Again, as the reserve is under the lock. */
	TRY(wallet_found(req, in->wallet_id, "/wallet_id", &view));
	struct posting p = {
		.kind = METER_TRANSFER_KIND_WITHDRAW,
		.from = account_available(view.number),
		.to = account_system(view.currency, SYSTEM_EXTERNAL, wallet_partition(view.number)),
		.amount = in->amount.micros,
		.reference = in->reference,
		.by = asker_of(req),
	};
	TRY(reserve_of(req, &view, &p.keep));
	TRY(ledger_post(&scope, meter, pair, &p, 1, view.code, &req->problem));
	return posted(req, &p, view.code, pair[0].balance);
}

enum st on_wallet_withdraw(struct svc_request *req)
{
	return recorded(req, "wallet.withdraw", withdraw);
}

/* -- between wallets -- */

struct moves {
	struct wallet_views wallets; /* by wallet_id */
	struct posting *postings;
	struct account *accounts;
	size_t account_count;
};

static const struct wallet_view *wallet_in(const struct wallet_views *views, struct str id)
{
	size_t low = 0, high = views->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = str_compare(views->items[middle].wallet_id, id);
		if (order == 0)
			return &views->items[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static enum st wallets_of(struct svc_request *req, const struct meter_wallet_transfer_request *in,
			  size_t count, struct moves *m)
{
	struct str *ids = ARENA_ARRAY(req->arena, struct str, 2 * count);

	if (!ids)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		ids[2 * i] = in[i].wallet_id;
		ids[2 * i + 1] = in[i].to;
	}
	return store_wallets_find(req->tx, req->arena, ids, 2 * count, &m->wallets);
}

static enum st move_prepare(struct svc_request *req, const struct meter_wallet_transfer_request *in,
			    const struct wallet_views *wallets, struct posting *ret)
{
	const struct wallet_view *from = wallet_in(wallets, in->wallet_id);
	const struct wallet_view *to = wallet_in(wallets, in->to);

	if (!from || !to)
		return svc_refuse(req, ST_WALLET_UNKNOWN, from ? "/to" : "/wallet_id",
				  "no wallet \"%.*s\"", STR_ARG(from ? in->to : in->wallet_id));
	if (from == to)
		return svc_refuse(req, ST_SAME_WALLET, "/to", "\"%.*s\"", STR_ARG(in->to));
	TRY(amount_check(req, in->amount, "/amount", from->code));
	if (from->currency != to->currency)
		return svc_refuse(req, ST_CURRENCY_MISMATCH, "/to", "that wallet has %.*s",
				  STR_ARG(to->code));
	*ret = (struct posting){
		.kind = METER_TRANSFER_KIND_TRANSFER,
		.from = account_available(from->number),
		.to = account_available(to->number),
		.amount = in->amount.micros,
		.reference = in->reference,
		.by = asker_of(req),
	};
	return reserve_of(req, from, &ret->keep);
}

static enum st moves_lock(struct svc_request *req, size_t count, struct moves *m)
{
	struct svc_scope scope = svc_scope_of_request(req);
	int64_t *ids = ARENA_ARRAY(req->arena, int64_t, 2 * count);

	if (!ids)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		ids[2 * i] = m->postings[i].from;
		ids[2 * i + 1] = m->postings[i].to;
	}
	return ledger_lock(&scope, req->state, ids, 2 * count, &m->accounts, &m->account_count);
}

/* In the order given, all or nothing. */
static enum st moves_make(struct svc_request *req, const struct meter_wallet_transfer_request *in,
			  size_t count, struct moves *m, size_t *ret_failed)
{
	struct svc_scope scope = svc_scope_of_request(req);

	m->postings = ARENA_ARRAY(req->arena, struct posting, count);
	if (!m->postings)
		return ST_TOO_LARGE;
	TRY(wallets_of(req, in, count, m));
	for (size_t i = 0; i < count; i++) {
		*ret_failed = i;
		TRY(move_prepare(req, &in[i], &m->wallets, &m->postings[i]));
	}
	TRY(moves_lock(req, count, m));
	TRY(postings_apply(m->accounts, m->account_count, m->postings, count, req->now_ms,
			   in[0].amount.currency, ret_failed, &req->problem));
	return ledger_write(&scope, req->state, m->accounts, m->account_count, m->postings, count);
}

static enum st transfer(struct svc_request *req)
{
	const struct meter_wallet_transfer_request *in = req->body;
	struct moves m = { 0 };
	size_t failed = 0;

	TRY(moves_make(req, in, 1, &m, &failed));
	return posted(req, &m.postings[0], str_of(in->amount.currency), m.postings[0].from_balance);
}

enum st on_wallet_transfer(struct svc_request *req)
{
	return recorded(req, "wallet.transfer", transfer);
}

static enum st transfer_batch(struct svc_request *req)
{
	const struct meter_wallet_transfer_batch_request *in = req->body;
	struct meter_wallet_transfer_batch_reply *out = req->answer;
	size_t count = in->transfers.count, failed = 0;
	struct moves m = { 0 };
	char id[TRANSFER_ID_SIZE], pointer[sizeof(req->problem.pointer)];

	out->transfer_ids.items = ARENA_ARRAY(req->arena, struct str, count);
	if (!out->transfer_ids.items)
		return ST_TOO_LARGE;
	enum st st = moves_make(req, in->transfers.items, count, &m, &failed);
	if (st != ST_OK && req->problem.st == st) {
		snprintf(pointer, sizeof(pointer), "/transfers/%zu%.40s", failed,
			 req->problem.pointer);
		memcpy(req->problem.pointer, pointer, sizeof(pointer));
	}
	TRY(st);
	out->transfer_ids.count = count;
	for (size_t i = 0; i < count; i++) {
		transfer_id_print(m.postings[i].id, id);
		out->transfer_ids.items[i] = arena_copy(req->arena, str_of(id));
	}
	return req->arena->failed ? ST_TOO_LARGE : ST_OK;
}

enum st on_wallet_transfer_batch(struct svc_request *req)
{
	return recorded(req, "wallet.transfer_batch", transfer_batch);
}

/* -- one transfer -- */

static enum st transfer_found(struct svc_request *req, struct str text, struct transfer_row *ret)
{
	int64_t id = 0;
	bool found = false;

	if (transfer_id_parse(text, &id))
		TRY(store_transfer_load(req->tx, req->arena, id, ret, &found));
	if (!found)
		return svc_refuse(req, ST_TRANSFER_UNKNOWN, "/transfer_id", "\"%.*s\"",
				  STR_ARG(text));
	return ST_OK;
}

enum st on_transfer_show(struct svc_request *req)
{
	const struct meter_transfer_show_request *in = req->body;
	struct meter_transfer_reply *out = req->answer;
	struct svc_scope scope = svc_scope_of_request(req);
	struct transfer_row row;

	TRY(transfer_found(req, in->transfer_id, &row));
	return transfer_fill(&scope, &row.posting, row.code, &out->transfer);
}

static bool kind_reversible(enum meter_transfer_kind kind)
{
	return kind == METER_TRANSFER_KIND_DEPOSIT || kind == METER_TRANSFER_KIND_WITHDRAW ||
	       kind == METER_TRANSFER_KIND_TRANSFER || kind == METER_TRANSFER_KIND_CHARGE;
}

static enum st reverse(struct svc_request *req)
{
	const struct meter_transfer_reverse_request *in = req->body;
	struct svc_scope scope = svc_scope_of_request(req);
	struct transfer_row row;
	struct account *accounts;
	size_t count, failed;

	TRY(transfer_found(req, in->transfer_id, &row));
	int64_t ids[2] = { row.posting.from, row.posting.to };
	char code[8] = "";

	if (!kind_reversible(row.posting.kind))
		return svc_refuse(req, ST_TRANSFER_NOT_REVERSIBLE, "/transfer_id", "it is a %s",
				  meter_transfer_kind_names[row.posting.kind - 1]);
	TRY(ledger_lock(&scope, req->state, ids, 2, &accounts, &count));
	TRY(transfer_found(req, in->transfer_id, &row));
	if (row.reversed_by > 0)
		return svc_refuse(req, ST_TRANSFER_REVERSED, "/transfer_id", "by trf_%lld",
				  (long long)row.reversed_by);
	struct posting p = {
		.kind = METER_TRANSFER_KIND_REVERSAL,
		.from = row.posting.to,
		.to = row.posting.from,
		.amount = row.posting.amount,
		.reference = in->reference,
		.by = asker_of(req),
		.reverses = row.posting.id,
	};
	(void)str_copy(row.code, code, sizeof(code));
	TRY(postings_apply(accounts, count, &p, 1, req->now_ms, code, &failed, &req->problem));
	TRY(ledger_write(&scope, req->state, accounts, count, &p, 1));
	return posted(req, &p, row.code, account_is_system(p.to) ? p.from_balance : p.to_balance);
}

enum st on_transfer_reverse(struct svc_request *req)
{
	return recorded(req, "transfer.reverse", reverse);
}
