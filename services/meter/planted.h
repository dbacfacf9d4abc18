/* planted.h: known mistakes, in the simulator's build only (libcommon/fault.h): one at a time is
 * made on purpose, and the simulator has to find it. */
#ifndef PIOPL_METER_PLANTED_H
#define PIOPL_METER_PLANTED_H

#include "fault.h"
#include "handlers.h"

enum meter_planted {
	METER_PLANTED_CHARGE_AFTER_LEASE = 1, /* a tick commits leases, the next one charges them */
	METER_PLANTED_LOST_STOP,              /* nobody is told of the stop list */
	METER_PLANTED_DOUBLE_CATCH_UP,        /* more than a minute at once is charged twice */
	METER_PLANTED_FLOOR_OUTSIDE_LOCK,     /* balances are judged without their lock */
	METER_PLANTED_HOLD_KEPT,              /* no hold is ever given back */
	METER_PLANTED_END,
};

#ifdef PIOPL_FAULTS
/* The first mistake: remembers what is to be charged instead of charging it, and does it later. */
void planted_charge_remember(int64_t account, int64_t amount, int64_t currency, int64_t partition);
MUST_CHECK enum st planted_charges_make(const struct svc_scope *scope, struct meter_service *meter);
#else
#define planted_charge_remember(account, amount, currency, partition) ((void)0)
#define planted_charges_make(scope, meter) ST_OK
#endif

#endif
