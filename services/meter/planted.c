#include "planted.h"

#ifdef PIOPL_FAULTS
#define WAITING_MAX 1024

static struct waiting {
	int64_t account, amount, currency, partition;
} waiting[WAITING_MAX];
static size_t waiting_count;

void planted_charge_remember(int64_t account, int64_t amount, int64_t currency, int64_t partition)
{
	if (waiting_count < WAITING_MAX)
		waiting[waiting_count++] = (struct waiting){ account, amount, currency, partition };
}

enum st planted_charges_make(const struct svc_scope *scope, struct meter_service *meter)
{
	struct problem problem;
	struct account *pair;

	for (size_t i = 0; i < waiting_count; i++) {
		const struct waiting *w = &waiting[i];
		struct posting p = { .kind = METER_TRANSFER_KIND_CHARGE,
				     .from = w->account,
				     .to = account_system(w->currency, SYSTEM_REVENUE,
							  w->partition),
				     .amount = w->amount };
		TRY(ledger_lock_wallet(scope, meter, account_wallet(w->account), &pair));
		enum st st = ledger_post(scope, meter, pair, &p, 1, STR("USD"), &problem);
		if (st != ST_OK && st != ST_FUNDS_INSUFFICIENT)
			return st;
	}
	waiting_count = 0;
	return ST_OK;
}
#else
typedef int planted_is_not_built;
#endif
