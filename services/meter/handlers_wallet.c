/* handlers_wallet.c: wallets, and reading their books. */
#include "clock.h"

#define HORIZON_JOBS_MAX 1000 /* as many as caps allow */
#include "handlers.h"

/* -- making and changing -- */

static enum st wallet_told(struct svc_request *req, const struct proto_event *event,
			   struct str wallet_id, struct meter_wallet *ret)
{
	struct meter_wallet_created told;
	struct wallet_view view;
	bool found;

	TRY(store_wallet_load(req->tx, req->arena, wallet_id, &view, &found));
	if (!found)
		return ST_INTERNAL;
	TRY(wallet_fill(req->arena, &view, ret));
	told.wallet = *ret;
	return svc_emit(req, event, wallet_id, &told);
}

static enum st create(struct svc_request *req)
{
	const struct meter_wallet_create_request *in = req->body;
	struct meter_wallet_reply *out = req->answer;
	struct wallet_view wallet = { .owner = in->owner,
				      .title = in->title,
				      .tier = in->has_tier ? in->tier : 0 };
	bool found, owned;

	TRY(store_currency_find(req->tx, req->arena, in->currency, &wallet.currency, &found));
	if (!found)
		return svc_refuse(req, ST_CURRENCY_UNKNOWN, "/currency", "\"%.*s\"",
				  STR_ARG(in->currency));
	TRY(store_wallet_owned(req->tx, req->arena, in->owner, wallet.currency, &owned));
	if (owned && !(in->has_another && in->another)) {
		svc_refuse(req, ST_WALLET_EXISTS, "/owner", "\"%.*s\"", STR_ARG(in->owner));
		problem_hint(&req->problem, "\"another\": true makes one beside it");
		return ST_WALLET_EXISTS;
	}
	TRY(new_id("wal", req->now_ms, req->arena, &wallet.wallet_id));
	TRY(store_wallet_insert(req->tx, req->arena, &wallet, req->now_ms));
	return wallet_told(req, &EVT_METER_WALLET_CREATED, wallet.wallet_id, &out->wallet);
}

enum st on_wallet_create(struct svc_request *req)
{
	return recorded(req, "wallet.create", create);
}

static enum st caps_check(struct svc_request *req, const struct meter_caps *caps, struct str code)
{
	if (caps->has_job_spend && !str_is(code, caps->job_spend.currency))
		return svc_refuse(req, ST_CURRENCY_MISMATCH, "/caps/job_spend", "%s",
				  caps->job_spend.currency);
	if (caps->has_sandbox_spend && !str_is(code, caps->sandbox_spend.currency))
		return svc_refuse(req, ST_CURRENCY_MISMATCH, "/caps/sandbox_spend", "%s",
				  caps->sandbox_spend.currency);
	if ((caps->has_job_spend && caps->job_spend.micros < 0) ||
	    (caps->has_sandbox_spend && caps->sandbox_spend.micros < 0))
		return svc_refuse(req, ST_MONEY_INVALID, "/caps", "a cap is zero or more");
	return ST_OK;
}

static enum st reserve_check(struct svc_request *req, struct money reserve, struct str code)
{
	if (!str_is(code, reserve.currency))
		return svc_refuse(req, ST_CURRENCY_MISMATCH, "/reserve", "%s", reserve.currency);
	if (reserve.micros < 0)
		return svc_refuse(req, ST_MONEY_INVALID, "/reserve", "a reserve is zero or more");
	return ST_OK;
}

static enum st set(struct svc_request *req)
{
	const struct meter_wallet_set_request *in = req->body;
	struct meter_wallet_reply *out = req->answer;
	struct svc_scope scope = svc_scope_of_request(req);
	struct account *pair;
	struct wallet_view view;

	TRY(wallet_found(req, in->wallet_id, "/wallet_id", &view));
	if (in->has_reserve)
		TRY(reserve_check(req, in->reserve, view.code));
	if (in->caps)
		TRY(caps_check(req, in->caps, view.code));
	TRY(ledger_lock_wallet(&scope, req->state, view.number, &pair));
	TRY(wallet_found(req, in->wallet_id, "/wallet_id", &view));
	if (in->has_tier)
		view.tier = in->tier;
	if (in->has_reserve)
		view.reserve = in->reserve.micros;
	if (in->has_reserve_minutes)
		view.reserve_minutes = in->reserve_minutes;
	if (in->caps)
		TRY(proto_encode(&meter_caps_type, in->caps, req->arena, &view.caps));
	TRY(store_wallet_update(req->tx, &view));
	return wallet_told(req, &EVT_METER_WALLET_CHANGED, in->wallet_id, &out->wallet);
}

enum st on_wallet_set(struct svc_request *req)
{
	return recorded(req, "wallet.set", set);
}

/* -- reading -- */

/* As it is now, not as of the last tick. */
static enum st horizon_now(struct svc_request *req, const struct wallet_view *view,
			   struct meter_wallet *ret)
{
	struct meter_job_list_request filter = { .wallet_id = view->wallet_id,
						 .state = METER_JOB_STATE_RUNNING };
	struct horizon_thresholds thresholds = thresholds_of(req->state);
	struct meter_horizon *horizon = ARENA_NEW(req->arena, struct meter_horizon);
	struct job_views jobs;

	TRY(store_job_list(req->tx, req->arena, &filter, HORIZON_JOBS_MAX, &jobs));
	struct horizon_job *each = ARENA_ARRAY(req->arena, struct horizon_job, jobs.count);
	if (!horizon || !each)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < jobs.count; i++)
		each[i] = (struct horizon_job){ .burn = jobs.items[i].burn,
						.left = job_left(&jobs.items[i]),
						.time_left_ms =
							jobs.items[i].expires_ms - req->now_ms };
	struct horizon h = horizon_of(view->available, 1, each, jobs.count, &thresholds);
	*horizon = horizon_view(&h, req->now_ms, view->code);
	ret->horizon = horizon;
	return ST_OK;
}

enum st on_wallet_show(struct svc_request *req)
{
	const struct meter_wallet_show_request *in = req->body;
	struct meter_wallet_reply *out = req->answer;
	struct wallet_view view;
	bool found;

	TRY(store_wallet_load(req->tx, req->arena, in->wallet_id, &view, &found));
	if (!found)
		return svc_refuse(req, ST_WALLET_UNKNOWN, "/wallet_id", "no wallet \"%.*s\"",
				  STR_ARG(in->wallet_id));
	TRY(wallet_fill(req->arena, &view, &out->wallet));
	return horizon_now(req, &view, &out->wallet);
}

enum st on_wallet_list(struct svc_request *req)
{
	const struct meter_wallet_list_request *in = req->body;
	struct meter_wallet_list_reply *out = req->answer;
	int64_t limit = in->has_limit ? in->limit : METER_PAGE_DEFAULT;
	struct wallet_views views;

	TRY(store_wallet_list(req->tx, req->arena, str_or_empty(in->owner), str_or_empty(in->after),
			      limit, &views));
	out->wallets.items = ARENA_ARRAY(req->arena, struct meter_wallet, views.count);
	if (!out->wallets.items)
		return ST_TOO_LARGE;
	out->wallets.count = views.count;
	for (size_t i = 0; i < views.count; i++)
		TRY(wallet_fill(req->arena, &views.items[i], &out->wallets.items[i]));
	if ((int64_t)views.count == limit)
		out->next = views.items[views.count - 1].wallet_id;
	return ST_OK;
}

enum st on_wallet_balance(struct svc_request *req)
{
	const struct meter_wallet_balance_request *in = req->body;
	struct meter_wallet_balance_reply *out = req->answer;
	int64_t at_ms = in->has_at_ms ? in->at_ms : TIME_MS_MAX;
	struct wallet_view view;
	int64_t available, held;

	TRY(wallet_found(req, in->wallet_id, "/wallet_id", &view));
	TRY(store_balance_at(req->tx, req->arena, account_available(view.number), at_ms,
			     &available));
	TRY(store_balance_at(req->tx, req->arena, account_held(view.number), at_ms, &held));
	/* what accounts open with is the balance just before; asked last, see ledger_since */
	if (in->has_at_ms)
		TRY(ledger_since(req, at_ms + 1, "/at"));
	*out = (struct meter_wallet_balance_reply){
		.wallet_id = view.wallet_id,
		.at_ms = in->has_at_ms ? in->at_ms : req->now_ms,
		.available = money_of(available, view.code),
		.held = money_of(held, view.code),
		.balance = money_of(available + held, view.code),
	};
	return ST_OK;
}

static enum st entry_fill(struct arena *arena, const struct statement_row *row, struct str code,
			  struct meter_entry *ret)
{
	char id[TRANSFER_ID_SIZE];

	transfer_id_print(row->id, id);
	*ret = (struct meter_entry){
		.transfer_id = arena_copy(arena, str_of(id)),
		.at_ms = row->at_ms,
		.kind = row->kind,
		.amount = money_of(row->amount, code),
		.balance = money_of(row->balance, code),
		.counter_account = row->counter,
		.reference = row->reference,
	};
	if (row->reverses > 0) {
		transfer_id_print(row->reverses, id);
		ret->reverses = arena_copy(arena, str_of(id));
	}
	return ret->transfer_id.data ? ST_OK : ST_TOO_LARGE;
}

/* The entry a page begins after. */
static enum st page_found(struct svc_request *req, struct str after, int64_t *ret)
{
	struct transfer_row row;
	bool found = false;

	if (transfer_id_parse(after, ret))
		TRY(store_transfer_load(req->tx, req->arena, *ret, &row, &found));
	return found ? ST_OK : transfer_missing(req, *ret, after, "/after");
}

enum st on_wallet_statement(struct svc_request *req)
{
	const struct meter_wallet_statement_request *in = req->body;
	struct meter_wallet_statement_reply *out = req->answer;
	bool held = in->account == METER_ACCOUNT_KIND_HELD;
	struct statement_query query = { .from_ms = in->has_from_ms ? in->from_ms : 0,
					 .to_ms = in->has_to_ms ? in->to_ms : TIME_MS_MAX,
					 .limit = in->has_limit ? in->limit : METER_PAGE_DEFAULT };
	struct statement_row *rows;
	struct wallet_view view;
	int64_t opening;
	size_t count;

	TRY(wallet_found(req, in->wallet_id, "/wallet_id", &view));
	query.account = held ? account_held(view.number) : account_available(view.number);
	if (in->after.data)
		TRY(page_found(req, in->after, &query.after));
	TRY(store_statement(req->tx, req->arena, &query, &rows, &count));
	if (count > 0)
		opening = rows[0].balance - rows[0].amount;
	else
		TRY(store_balance_at(req->tx, req->arena, query.account, query.to_ms - 1,
				     &opening));
	if (in->has_from_ms)
		TRY(ledger_since(req, in->from_ms, "/from"));
	if (in->has_to_ms)
		TRY(ledger_since(req, in->to_ms, "/to"));
	out->wallet_id = view.wallet_id;
	out->account = held ? METER_ACCOUNT_KIND_HELD : METER_ACCOUNT_KIND_AVAILABLE;
	out->opening = money_of(opening, view.code);
	out->entries.items = ARENA_ARRAY(req->arena, struct meter_entry, count);
	if (!out->entries.items)
		return ST_TOO_LARGE;
	out->entries.count = count;
	for (size_t i = 0; i < count; i++)
		TRY(entry_fill(req->arena, &rows[i], view.code, &out->entries.items[i]));
	if ((int64_t)count == query.limit)
		out->next = out->entries.items[count - 1].transfer_id;
	return ST_OK;
}

/* One of: all, a wallet, a page of wallets, a window of numbers. */
static enum st audit_asked(struct svc_request *req, const struct meter_wallet_audit_request *in)
{
	if (in->has_wallets && in->wallet_id.data)
		return svc_refuse(req, ST_MESSAGE_INVALID, "/wallets",
				  "a wallet_id is audited whole, leave wallets out");
	if (in->has_numbers && (in->wallet_id.data || in->has_wallets))
		return svc_refuse(req, ST_MESSAGE_INVALID, "/numbers",
				  "numbers are of no wallet, leave wallet_id and wallets out");
	if (in->has_after && !in->has_wallets && !in->has_numbers)
		return svc_refuse(req, ST_MESSAGE_INVALID, "/after",
				  "what follows is counted in wallets or numbers: name how many");
	return ST_OK;
}

enum st on_wallet_audit(struct svc_request *req)
{
	const struct meter_wallet_audit_request *in = req->body;
	struct meter_wallet_audit_reply *out = req->answer;
	struct wallet_view view = { 0 };

	TRY(audit_asked(req, in));
	if (in->wallet_id.data)
		TRY(wallet_found(req, in->wallet_id, "/wallet_id", &view));
	out->at_ms = req->now_ms;
	int64_t after = in->has_after && in->after > 0 ? in->after : 0;
	if (in->has_wallets)
		return store_audit_page(req->tx, req->arena, after, in->wallets, out);
	if (in->has_numbers)
		return store_audit_own(req->tx, req->arena, after, in->numbers, out);
	return store_audit(req->tx, req->arena, view.number, out);
}
