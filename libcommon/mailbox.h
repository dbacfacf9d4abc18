/* mailbox.h: the putting side of a mailbox, for the bus' callbacks only. */
#ifndef PIOPL_MAILBOX_H
#define PIOPL_MAILBOX_H

#include "bus.h"

/* Takes the message over when it fits; false: full, the message is still the caller's. */
bool mailbox_put(struct mailbox *mailbox, const struct bus_message *message);

#endif
