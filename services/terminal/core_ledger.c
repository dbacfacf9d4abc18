/* core_ledger.c: what an answer to a cut says of the month. */
#include "services/terminal/money.h"

bool ledger_cut_refused(enum st st)
{
	return st == ST_LEDGER_RETAINED || st == ST_LEDGER_NOT_OLDEST ||
	       st == ST_LEDGER_EXPORT_DIFFERS || st == ST_LEDGER_MONTH_UNKNOWN;
}
