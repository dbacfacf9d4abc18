/* view.c: what is kept, as the contract has it. */
#include "handlers.h"
#include "id.h"

struct money money_of(int64_t micros, struct str code)
{
	struct money money = { .micros = micros };

	ASSERT(code.size == 3);
	memcpy(money.currency, code.data, 3);
	return money;
}

enum st new_id(const char *prefix, int64_t now_ms, struct arena *arena, struct str *ret)
{
	char id[ID_TEXT_SIZE];

	id_make(prefix, now_ms, id);
	*ret = arena_copy(arena, str_of(id));
	return ret->data ? ST_OK : ST_TOO_LARGE;
}

enum st caps_read(struct arena *arena, const struct wallet_view *view, struct meter_caps **ret)
{
	struct meter_caps *caps = ARENA_NEW(arena, struct meter_caps);

	if (!caps)
		return ST_TOO_LARGE;
	if (view->caps.data)
		TRY(proto_decode(&meter_caps_type, view->caps, PROTO_UNKNOWN_IGNORED, arena, caps,
				 NULL));
	*ret = caps;
	return ST_OK;
}

/* The caps in force: the wallet's own over the tier's. */
static struct meter_caps caps_whole(const struct wallet_view *view, const struct meter_caps *own)
{
	struct cap_limits l = caps_of(view->tier, own);

	return (struct meter_caps){
		.has_jobs = true,
		.jobs = l.jobs,
		.has_sandboxes = true,
		.sandboxes = l.sandboxes,
		.has_job_spend = true,
		.job_spend = money_of(l.job_spend, view->code),
		.has_job_ttl_s = true,
		.job_ttl_s = l.job_ttl_s,
		.has_sandbox_spend = true,
		.sandbox_spend = money_of(l.sandbox_spend, view->code),
		.has_sandbox_ttl_s = true,
		.sandbox_ttl_s = l.sandbox_ttl_s,
		.has_idle_timeout_s = true,
		.idle_timeout_s = l.idle_timeout_s,
		.has_cpu_milli = true,
		.cpu_milli = l.cpu_milli,
		.has_ram_mb = true,
		.ram_mb = l.ram_mb,
		.has_disk_mb = true,
		.disk_mb = l.disk_mb,
	};
}

enum st wallet_fill(struct arena *arena, const struct wallet_view *view, struct meter_wallet *ret)
{
	struct meter_caps *own;

	TRY(caps_read(arena, view, &own));
	*ret = (struct meter_wallet){
		.wallet_id = view->wallet_id,
		.owner = view->owner,
		.title = view->title,
		.currency = view->code,
		.tier = view->tier,
		.available = money_of(view->available, view->code),
		.held = money_of(view->held, view->code),
		.balance = money_of(view->available + view->held, view->code),
		.reserve = money_of(view->reserve, view->code),
		.reserve_minutes = view->reserve_minutes,
		.caps = caps_whole(view, own),
		.created_at_ms = view->created_ms,
		.burn_per_minute = money_of(view->burn, view->code),
		.sandboxes = view->running,
		.partition = wallet_partition(view->number),
	};
	return ST_OK;
}

enum st transfer_fill(const struct svc_scope *scope, const struct posting *p, struct str code,
		      struct meter_transfer *ret)
{
	int64_t numbers[2] = { account_wallet(p->from), account_wallet(p->to) };
	char id[TRANSFER_ID_SIZE];
	struct str ids[2];

	TRY(store_wallet_ids(scope->tx, scope->arena, numbers, 2, ids));
	transfer_id_print(p->id, id);
	*ret = (struct meter_transfer){
		.transfer_id = arena_copy(scope->arena, str_of(id)),
		.kind = p->kind,
		.at_ms = p->at_ms,
		.amount = money_of(p->amount, code),
		.from_account = p->from,
		.to_account = p->to,
		.from_wallet = ids[0].size > 0 ? ids[0] : (struct str){ 0 },
		.to_wallet = ids[1].size > 0 ? ids[1] : (struct str){ 0 },
		.reference = p->reference,
		.by = p->by,
	};
	if (p->reverses > 0) {
		transfer_id_print(p->reverses, id);
		ret->reverses = arena_copy(scope->arena, str_of(id));
	}
	return ret->transfer_id.data ? ST_OK : ST_TOO_LARGE;
}

enum st wallet_found(struct svc_request *req, struct str wallet_id, const char *pointer,
		     struct wallet_view *ret)
{
	struct wallet_views views;

	TRY(store_wallets_find(req->tx, req->arena, &wallet_id, 1, &views));
	if (views.count == 0)
		return svc_refuse(req, ST_WALLET_UNKNOWN, pointer, "no wallet \"%.*s\"",
				  STR_ARG(wallet_id));
	*ret = views.items[0];
	return ST_OK;
}

enum st amount_check(struct svc_request *req, struct money amount, const char *pointer,
		     struct str code)
{
	char text[MONEY_TEXT_SIZE];

	if (!str_is(code, amount.currency)) {
		svc_refuse(req, ST_CURRENCY_MISMATCH, pointer, "%s where the wallet has %.*s",
			   amount.currency, STR_ARG(code));
		problem_hint(&req->problem, "an amount of %.*s", STR_ARG(code));
		return ST_CURRENCY_MISMATCH;
	}
	if (amount.micros > 0)
		return ST_OK;
	money_print(amount, text);
	svc_refuse(req, ST_AMOUNT_NOT_POSITIVE, pointer, "%s", text);
	problem_hint(&req->problem, "at least 0.000001 %.*s", STR_ARG(code));
	return ST_AMOUNT_NOT_POSITIVE;
}
