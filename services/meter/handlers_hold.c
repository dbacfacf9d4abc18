/* handlers_hold.c: reserve, capture, release. */
#include "handlers.h"

#define HOLD_TTL_S 900

static enum st told(struct svc_request *req, const struct hold_view *hold)
{
	struct meter_hold_reply *out = req->answer;
	struct meter_hold_changed event;

	hold_fill(hold, &out->hold);
	event.hold = out->hold;
	return svc_emit(req, &EVT_METER_HOLD_CHANGED, hold->hold_id, &event);
}

static enum st create(struct svc_request *req)
{
	const struct meter_hold_create_request *in = req->body;
	struct svc_scope scope = svc_scope_of_request(req);
	struct meter_service *meter = req->state;
	struct account *pair;
	struct wallet_view view;

	TRY(wallet_found(req, in->wallet_id, "/wallet_id", &view));
	TRY(amount_check(req, in->amount, "/amount", view.code));
	TRY(ledger_lock_wallet(&scope, meter, view.number, &pair));
	struct posting p = { .kind = METER_TRANSFER_KIND_HOLD,
			     .from = account_available(view.number),
			     .to = account_held(view.number),
			     .amount = in->amount.micros,
			     .reference = in->reference,
			     .by = asker_of(req) };
	TRY(ledger_post(&scope, meter, pair, &p, 1, view.code, &req->problem));
	struct hold_view hold = {
		.wallet = view.number,
		.wallet_id = view.wallet_id,
		.code = view.code,
		.amount = in->amount.micros,
		.state = METER_HOLD_STATE_ACTIVE,
		.created_ms = req->now_ms,
		.expires_ms = req->now_ms + (in->has_ttl_s ? in->ttl_s : HOLD_TTL_S) * 1000,
		.reference = in->reference,
	};
	TRY(new_id("hld", req->now_ms, req->arena, &hold.hold_id));
	TRY(store_hold_insert(req->tx, req->arena, &hold));
	return told(req, &hold);
}

enum st on_hold_create(struct svc_request *req)
{
	return recorded(req, "hold.create", create);
}

static enum st hold_found(struct svc_request *req, struct str hold_id, struct hold_view *ret)
{
	bool found;

	TRY(store_hold_load(req->tx, req->arena, hold_id, 0, ret, &found));
	if (!found)
		return svc_refuse(req, ST_HOLD_UNKNOWN, "/hold_id", "no hold \"%.*s\"",
				  STR_ARG(hold_id));
	return ST_OK;
}

/* An open hold, its wallet locked (with that of `other`, when it is not 0). Holds of sandboxes are
 * the meter's own. */
static enum st hold_locked(struct svc_request *req, struct str hold_id, int64_t other,
			   struct hold_view *ret, struct account **ret_accounts, size_t *ret_count)
{
	struct svc_scope scope = svc_scope_of_request(req);

	TRY(hold_found(req, hold_id, ret));
	int64_t ids[3] = { account_available(ret->wallet), account_held(ret->wallet),
			   other ? account_available(other) : account_held(ret->wallet) };
	TRY(ledger_lock(&scope, req->state, ids, 3, ret_accounts, ret_count));
	TRY(hold_found(req, hold_id, ret));
	if (ret->state != METER_HOLD_STATE_ACTIVE || ret->sandbox != 0)
		return svc_refuse(req, ST_HOLD_CLOSED, "/hold_id", "%s",
				  ret->sandbox ? "it is the first minute of a sandbox"
					       : meter_hold_state_names[ret->state - 1]);
	return ST_OK;
}

static enum st capture_amount(struct svc_request *req, const struct hold_view *hold, int64_t *ret)
{
	const struct meter_hold_capture_request *in = req->body;
	char most[MONEY_TEXT_SIZE];

	*ret = hold->amount;
	if (!in->has_amount)
		return ST_OK;
	TRY(amount_check(req, in->amount, "/amount", hold->code));
	*ret = in->amount.micros;
	if (*ret <= hold->amount)
		return ST_OK;
	micros_print(hold->amount, most);
	svc_refuse(req, ST_CAPTURE_ABOVE_HOLD, "/amount", "%s is held", most);
	problem_hint(&req->problem, "at most %s %.*s", most, STR_ARG(hold->code));
	return ST_CAPTURE_ABOVE_HOLD;
}

/* Where captured money goes: a wallet, or the installation. */
static enum st capture_target(struct svc_request *req, const struct hold_view *hold,
			      int64_t *ret_wallet, int64_t *ret_account)
{
	const struct meter_hold_capture_request *in = req->body;
	struct wallet_view to;

	*ret_wallet = 0;
	*ret_account =
		account_system(hold->currency, SYSTEM_REVENUE, wallet_partition(hold->wallet));
	if (!in->to.data)
		return ST_OK;
	TRY(wallet_found(req, in->to, "/to", &to));
	if (to.currency != hold->currency)
		return svc_refuse(req, ST_CURRENCY_MISMATCH, "/to", "that wallet has %.*s",
				  STR_ARG(to.code));
	*ret_wallet = to.number;
	*ret_account = account_available(to.number);
	return ST_OK;
}

static enum st capture(struct svc_request *req)
{
	const struct meter_hold_capture_request *in = req->body;
	struct svc_scope scope = svc_scope_of_request(req);
	struct account *accounts;
	size_t account_count, failed;
	struct hold_view hold;
	int64_t amount, wallet, target;

	TRY(hold_found(req, in->hold_id, &hold));
	TRY(capture_target(req, &hold, &wallet, &target));
	TRY(hold_locked(req, in->hold_id, wallet, &hold, &accounts, &account_count));
	if (hold.expires_ms <= req->now_ms)
		return svc_refuse(req, ST_HOLD_EXPIRED, "/hold_id", "%s", "");
	TRY(capture_amount(req, &hold, &amount));
	struct posting p[2] = {
		{ .kind = METER_TRANSFER_KIND_CAPTURE,
		  .from = account_held(hold.wallet),
		  .to = target,
		  .amount = amount,
		  .reference = hold.reference,
		  .by = asker_of(req) },
		{ .kind = METER_TRANSFER_KIND_RELEASE,
		  .from = account_held(hold.wallet),
		  .to = account_available(hold.wallet),
		  .amount = hold.amount - amount },
	};
	size_t count = amount < hold.amount ? 2 : 1;
	TRY(postings_apply(accounts, account_count, p, count, req->now_ms, "", &failed,
			   &req->problem));
	TRY(ledger_write(&scope, req->state, accounts, account_count, p, count));
	TRY(store_hold_close(req->tx, hold.number, METER_HOLD_STATE_CAPTURED, amount, req->now_ms));
	hold.state = METER_HOLD_STATE_CAPTURED;
	hold.captured = amount;
	hold.closed_ms = req->now_ms;
	return told(req, &hold);
}

enum st on_hold_capture(struct svc_request *req)
{
	return recorded(req, "hold.capture", capture);
}

static enum st release(struct svc_request *req)
{
	const struct meter_hold_release_request *in = req->body;
	struct meter_hold_reply *out = req->answer;
	struct svc_scope scope = svc_scope_of_request(req);
	struct account *pair;
	struct hold_view hold;
	size_t count;

	TRY(hold_locked(req, in->hold_id, 0, &hold, &pair, &count));
	TRY(hold_give_back(&scope, req->state, pair, hold.number, METER_HOLD_STATE_RELEASED));
	hold.state = METER_HOLD_STATE_RELEASED;
	hold.closed_ms = req->now_ms;
	hold_fill(&hold, &out->hold);
	return ST_OK;
}

enum st on_hold_release(struct svc_request *req)
{
	return recorded(req, "hold.release", release);
}

enum st on_hold_show(struct svc_request *req)
{
	const struct meter_hold_show_request *in = req->body;
	struct meter_hold_reply *out = req->answer;
	struct hold_view hold;

	TRY(hold_found(req, in->hold_id, &hold));
	hold_fill(&hold, &out->hold);
	return ST_OK;
}
