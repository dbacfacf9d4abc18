/* accounts.h: the bus with accounts: an nkey for each identity of the contract and the permissions
 * that the contract gives it, as an installation has them. */
#ifndef PIOPL_TEST_ACCOUNTS_H
#define PIOPL_TEST_ACCOUNTS_H

#include "tests/lib/stack.h"

/* Makes keys in the stack's folder, configures the stack's nats-server anew with them and restarts
 * it; the stack's own connection is opened again as "terminal" with its key. `permissions` is the
 * generated nats-permissions.json. */
void accounts_start(struct stack *stack, const char *permissions);
/* File with the seed of an identity; valid until the next call. */
const char *accounts_seed_file(struct stack *stack, const char *identity);
/* "PIOPL_NKEY_FILE=..." for a service's environment; valid until the next call. */
const char *accounts_env(struct stack *stack, const char *identity);

#endif
