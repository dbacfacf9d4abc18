/* money.h: amounts on the command line. */
#ifndef PIOPL_TERMINAL_MONEY_H
#define PIOPL_TERMINAL_MONEY_H

#include "gen/meter.h"
#include "services/terminal/terminal.h"

/* "12.5 USD" */
struct str money_shown(struct terminal *t, struct money money);
/* The option's amount; its currency is the wallet's. ST_MONEY_INVALID with what would do. */
MUST_CHECK enum st money_given(struct terminal *t, struct str currency, const char *option,
			       bool *ret_has, struct money *ret, struct problem *problem);
MUST_CHECK enum st wallet_currency(struct terminal *t, struct str wallet_id, struct str *ret,
				   struct problem *problem);

/* Pages grow and shrink with what they take, so that the size of the books does not matter.
 * `began_ns`: of clock_mono_ns(), when the last page was asked for. */
int64_t page_size_next(int64_t size, int64_t max, uint64_t began_ns);

/* RFC 4180: quotes around, quotes doubled. A leading "=", "+", "-" or "@" would be a formula. */
void csv_text(struct buf *buf, struct str text);

/* The meter itself said that the month is still in the books. Of any other failure, one on this
 * side too, nobody knows: the cut may be committed, and its file all that remains. */
bool ledger_cut_refused(enum st st);

#endif
