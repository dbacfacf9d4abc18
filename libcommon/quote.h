/* quote.h: the quote of a refusal for lack of balance, as messages carry it. */
#ifndef PIOPL_QUOTE_H
#define PIOPL_QUOTE_H

#include "gen/common.h"
#include "st.h"

/* `wire` points into the struct and into the quote it was made of. */
struct quote_wire {
	struct common_payment_quote wire;
	char pay[128];
};

/* NULL when `quote` is none. */
struct common_payment_quote *quote_to_wire(const struct quote *quote, struct quote_wire *ret);
/* None for NULL, and for one that contradicts itself. */
struct quote quote_of_wire(const struct common_payment_quote *wire);

#endif
