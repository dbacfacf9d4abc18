#include "quote.h"

#include <stdio.h>

#include "money.h"

static struct money money_of(int64_t micros, const char currency[4])
{
	struct money money = { .micros = micros };

	memcpy(money.currency, currency, sizeof(money.currency));
	return money;
}

struct common_payment_quote *quote_to_wire(const struct quote *quote, struct quote_wire *ret)
{
	if (!quote->currency[0])
		return NULL;
	snprintf(ret->pay, sizeof(ret->pay), "/v1/wallets/%s/deposits", quote->wallet_id);
	ret->wire = (struct common_payment_quote){
		.wallet_id = str_of(quote->wallet_id),
		.needed = money_of(quote->needed_micros, quote->currency),
		.available = money_of(quote->available_micros, quote->currency),
		.missing =
			money_of(quote->needed_micros - quote->available_micros, quote->currency),
		.pay = str_of(ret->pay),
	};
	return &ret->wire;
}

struct quote quote_of_wire(const struct common_payment_quote *wire)
{
	struct problem problem = { 0 };

	if (wire && money_same_currency(wire->needed, wire->available) &&
	    wire->available.micros >= 0 && wire->needed.micros > wire->available.micros)
		problem_quote(&problem, wire->wallet_id, str_of(wire->needed.currency),
			      wire->needed.micros, wire->available.micros);
	return problem.quote;
}
