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
static enum st reserve_of(struct svc_request *req, struct str wallet_id, int64_t *ret)
{
	struct wallet_view now = { 0 };
	int64_t minutes;
	bool found;

	TRY(store_wallet_load(req->tx, req->arena, wallet_id, &now, &found));
	if (!found || micros_multiply(now.burn, now.reserve_minutes, 1, MONEY_CEIL, &minutes))
		minutes = INT64_MAX;
	*ret = now.reserve > minutes ? now.reserve : minutes;
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
	struct posting p = {
		.kind = METER_TRANSFER_KIND_WITHDRAW,
		.from = account_available(view.number),
		.to = account_system(view.currency, SYSTEM_EXTERNAL, wallet_partition(view.number)),
		.amount = in->amount.micros,
		.reference = in->reference,
		.by = asker_of(req),
	};
	TRY(reserve_of(req, in->wallet_id, &p.keep));
	TRY(ledger_post(&scope, meter, pair, &p, 1, view.code, &req->problem));
	return posted(req, &p, view.code, pair[0].balance);
}

enum st on_wallet_withdraw(struct svc_request *req)
{
	return recorded(req, "wallet.withdraw", withdraw);
}

/* -- between wallets -- */

/* -- transfers of a worker's batch, together: the wallets of all are locked at once -- */

/* A message's transfers: one, or a list that is made whole or not at all. */
struct moved {
	const struct meter_wallet_transfer_request *in;
	size_t count;
	struct posting *postings;
};

struct crowd {
	struct svc_request *const *reqs;
	size_t count;
	enum st *outcomes;
	struct moved *moved;
	size_t total;
	struct known *known;
	struct wallet_views found; /* that were not known, by wallet_id */
	struct account *accounts;
	size_t account_count;
};

static enum st crowd_gather(struct crowd *c, struct arena *arena)
{
	c->moved = ARENA_ARRAY(arena, struct moved, c->count);
	if (!c->moved)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < c->count; i++) {
		struct svc_request *req = c->reqs[i];
		const struct meter_wallet_transfer_batch_request *batch = req->body;
		bool one = req->call == &CALL_METER_WALLET_TRANSFER;
		struct moved *m = &c->moved[i];
		m->in = one ? req->body : batch->transfers.items;
		m->count = one ? 1 : batch->transfers.count;
		m->postings = ARENA_ARRAY(arena, struct posting, m->count);
		if (!m->postings)
			return ST_TOO_LARGE;
		c->total += m->count;
	}
	return ST_OK;
}

/* Finds the wallets that are not known. */
static enum st crowd_wallets(struct crowd *c, struct arena *arena)
{
	struct str *ids = ARENA_ARRAY(arena, struct str, 2 * c->total);
	struct known_wallet known;
	size_t n = 0;

	if (!ids)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < c->count; i++)
		for (size_t k = 0; k < c->moved[i].count; k++) {
			if (!known_find(c->known, c->moved[i].in[k].wallet_id, &known))
				ids[n++] = c->moved[i].in[k].wallet_id;
			if (!known_find(c->known, c->moved[i].in[k].to, &known))
				ids[n++] = c->moved[i].in[k].to;
		}
	return n == 0 ? ST_OK : store_wallets_find(c->reqs[0]->tx, arena, ids, n, &c->found);
}

static void wallet_known(const struct wallet_view *view, struct known_wallet *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (view->wallet_id.size == sizeof(ret->id))
		memcpy(ret->id, view->wallet_id.data, sizeof(ret->id));
	ret->number = view->number;
	ret->currency = view->currency;
	(void)str_copy(view->code, ret->code, sizeof(ret->code));
}

static bool wallet_in(const struct crowd *c, struct str id, struct known_wallet *ret)
{
	size_t low = 0, high = c->found.count;

	if (known_find(c->known, id, ret))
		return true;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = str_compare(c->found.items[middle].wallet_id, id);
		if (order == 0) {
			wallet_known(&c->found.items[middle], ret);
			return true;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* Last, since one that is put may take another's place. */
static void crowd_remember(struct crowd *c)
{
	struct known_wallet wallet;

	for (size_t i = 0; i < c->found.count; i++) {
		wallet_known(&c->found.items[i], &wallet);
		known_put(c->known, &wallet);
	}
}

static enum st move_prepare(struct svc_request *req, const struct meter_wallet_transfer_request *in,
			    const struct crowd *c, struct posting *ret)
{
	struct known_wallet from, to;
	bool has_from = wallet_in(c, in->wallet_id, &from);

	if (!has_from || !wallet_in(c, in->to, &to))
		return svc_refuse(req, ST_WALLET_UNKNOWN, has_from ? "/to" : "/wallet_id",
				  "no wallet \"%.*s\"", STR_ARG(has_from ? in->to : in->wallet_id));
	if (from.number == to.number)
		return svc_refuse(req, ST_SAME_WALLET, "/to", "\"%.*s\"", STR_ARG(in->to));
	TRY(amount_check(req, in->amount, "/amount", str_of(from.code)));
	if (from.currency != to.currency)
		return svc_refuse(req, ST_CURRENCY_MISMATCH, "/to", "that wallet has %s", to.code);
	*ret = (struct posting){
		.kind = METER_TRANSFER_KIND_TRANSFER,
		.from = account_available(from.number),
		.to = account_available(to.number),
		.amount = in->amount.micros,
		.reference = in->reference,
		.by = asker_of(req),
	};
	return ST_OK;
}

/* Says which transfer of a list was refused. */
static enum st refused_at(struct svc_request *req, size_t k, enum st st)
{
	char pointer[sizeof(req->problem.pointer)];

	if (req->call == &CALL_METER_WALLET_TRANSFER || req->problem.st != st)
		return st;
	snprintf(pointer, sizeof(pointer), "/transfers/%zu%.40s", k, req->problem.pointer);
	memcpy(req->problem.pointer, pointer, sizeof(pointer));
	return st;
}

static enum st moved_prepare(struct crowd *c, size_t i)
{
	struct moved *m = &c->moved[i];

	for (size_t k = 0; k < m->count; k++) {
		enum st st = move_prepare(c->reqs[i], &m->in[k], c, &m->postings[k]);
		if (st != ST_OK)
			return refused_at(c->reqs[i], k, st);
	}
	return ST_OK;
}

/* Locks the accounts of those that are well formed. */
static enum st crowd_lock(struct crowd *c, const struct svc_scope *scope, struct arena *arena)
{
	int64_t *ids = ARENA_ARRAY(arena, int64_t, 2 * c->total);
	size_t n = 0;

	if (!ids)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < c->count; i++) {
		c->outcomes[i] = moved_prepare(c, i);
		if (st_info(c->outcomes[i])->kind != ST_KIND_REFUSAL && c->outcomes[i] != ST_OK)
			return c->outcomes[i];
		for (size_t k = 0; k < c->moved[i].count && c->outcomes[i] == ST_OK; k++) {
			ids[n++] = c->moved[i].postings[k].from;
			ids[n++] = c->moved[i].postings[k].to;
		}
	}
	return ledger_lock(scope, c->reqs[0]->state, ids, n, &c->accounts, &c->account_count);
}

/* Of accounts on which something has to stay. They are locked, so it is read once. */
static enum st keeps_read(struct crowd *c, size_t i)
{
	struct moved *m = &c->moved[i];

	for (size_t k = 0; k < m->count; k++) {
		struct account *from =
			account_find(c->accounts, c->account_count, m->postings[k].from);
		if (!from || !from->kept)
			continue;
		if (!from->keep_read)
			TRY(reserve_of(c->reqs[i], m->in[k].wallet_id, &from->keep));
		from->keep_read = true;
		m->postings[k].keep = from->keep;
	}
	return ST_OK;
}

static enum st crowd_write(struct crowd *c, const struct svc_scope *scope, struct arena *arena)
{
	struct posting *made = ARENA_ARRAY(arena, struct posting, c->total);
	size_t n = 0, failed;

	if (!made)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < c->count; i++) {
		struct moved *m = &c->moved[i];
		if (c->outcomes[i] != ST_OK)
			continue;
		TRY(keeps_read(c, i));
		enum st st = postings_apply(c->accounts, c->account_count, m->postings, m->count,
					    scope->now_ms, m->in[0].amount.currency, &failed,
					    &c->reqs[i]->problem);
		c->outcomes[i] = st == ST_OK ? st : refused_at(c->reqs[i], failed, st);
		for (size_t k = 0; k < m->count && st == ST_OK; k++)
			made[n++] = m->postings[k];
	}
	if (n == 0)
		return ST_OK;
	TRY(ledger_write(scope, c->reqs[0]->state, c->accounts, c->account_count, made, n));
	n = 0;
	for (size_t i = 0; i < c->count; i++)
		for (size_t k = 0; k < c->moved[i].count && c->outcomes[i] == ST_OK; k++)
			c->moved[i].postings[k].id = made[n++].id;
	return ST_OK;
}

static enum st one_answer(struct svc_request *req, const struct posting *p)
{
	const struct meter_wallet_transfer_request *in = req->body;
	struct meter_posting_reply *out = req->answer;
	struct meter_transfer_posted told;
	char id[TRANSFER_ID_SIZE];

	transfer_id_print(p->id, id);
	out->transfer = (struct meter_transfer){ .transfer_id = arena_copy(req->arena, str_of(id)),
						 .kind = p->kind,
						 .at_ms = p->at_ms,
						 .amount = in->amount,
						 .from_account = p->from,
						 .to_account = p->to,
						 .from_wallet = in->wallet_id,
						 .to_wallet = in->to,
						 .reference = in->reference,
						 .by = p->by };
	out->available = money_of(p->from_balance, str_of(in->amount.currency));
	told.transfer = out->transfer;
	return svc_emit(req, &EVT_METER_TRANSFER_POSTED, out->transfer.transfer_id, &told);
}

static enum st list_answer(struct svc_request *req, const struct moved *m)
{
	struct meter_wallet_transfer_batch_reply *out = req->answer;
	char id[TRANSFER_ID_SIZE];

	out->transfer_ids.items = ARENA_ARRAY(req->arena, struct str, m->count);
	if (!out->transfer_ids.items)
		return ST_TOO_LARGE;
	out->transfer_ids.count = m->count;
	for (size_t k = 0; k < m->count; k++) {
		transfer_id_print(m->postings[k].id, id);
		out->transfer_ids.items[k] = arena_copy(req->arena, str_of(id));
	}
	return req->arena->failed ? ST_TOO_LARGE : ST_OK;
}

enum st on_wallet_transfers(struct svc_request *const *reqs, size_t count, enum st *ret)
{
	struct arena *arena = reqs[0]->arena;
	struct svc_scope scope = svc_scope_of_request(reqs[0]);
	struct meter_service *meter = reqs[0]->state;
	struct crowd c = { .reqs = reqs, .count = count, .outcomes = ret, .known = &meter->known };

	TRY(crowd_gather(&c, arena));
	TRY(crowd_wallets(&c, arena));
	TRY(crowd_lock(&c, &scope, arena));
	crowd_remember(&c);
	TRY(crowd_write(&c, &scope, arena));
	for (size_t i = 0; i < count; i++) {
		bool one = reqs[i]->call == &CALL_METER_WALLET_TRANSFER;
		if (ret[i] == ST_OK)
			TRY(one ? one_answer(reqs[i], c.moved[i].postings)
				: list_answer(reqs[i], &c.moved[i]));
		TRY(quote_name(reqs[i]));
		TRY(evidence_emit(reqs[i], one ? "wallet.transfer" : "wallet.transfer_batch",
				  ret[i] != ST_OK));
	}
	return ST_OK;
}

/* A message by itself is a group of one. */
static enum st transfers_alone(struct svc_request *req)
{
	enum st outcome = ST_INTERNAL;

	TRY(on_wallet_transfers(&req, 1, &outcome));
	req->keep_writes = outcome != ST_OK;
	return outcome;
}

enum st on_wallet_transfer(struct svc_request *req)
{
	return transfers_alone(req);
}

enum st on_wallet_transfer_batch(struct svc_request *req)
{
	return transfers_alone(req);
}

/* -- one transfer -- */

static enum st transfer_found(struct svc_request *req, struct str text, struct transfer_row *ret)
{
	int64_t id = 0;
	bool found = false;

	if (transfer_id_parse(text, &id))
		TRY(store_transfer_load(req->tx, req->arena, id, ret, &found));
	if (!found)
		return transfer_missing(req, id, text, "/transfer_id");
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
