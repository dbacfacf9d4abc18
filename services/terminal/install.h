/* install.h: what an installation is made of, created once: directories, keys, the key list, the
 * database cluster, the bus's configuration. Each step can be repeated. */
#ifndef PIOPL_TERMINAL_INSTALL_H
#define PIOPL_TERMINAL_INSTALL_H

#include "services/terminal/terminal.h"

/* What is missing on this machine, with the command that installs it. */
MUST_CHECK enum st install_check_programs(const struct site *site, struct problem *problem);
/* Ports that are free, or held by our own parts. */
MUST_CHECK enum st install_check_ports(const struct site *site, struct problem *problem);

MUST_CHECK enum st install_directories(const struct site *site, struct problem *problem);
MUST_CHECK enum st install_keys(struct terminal *t, struct problem *problem);
MUST_CHECK enum st install_cluster(const struct site *site, struct problem *problem);
/* Made again at each start, from the contract's permissions. */
MUST_CHECK enum st install_bus(struct terminal *t, struct problem *problem);
MUST_CHECK enum st install_finish(struct terminal *t, struct problem *problem);
MUST_CHECK enum st install_database(const struct site *site, struct problem *problem);

/* Gives `service` a new signing key, listed beside the old one, in its key file. */
MUST_CHECK enum st install_rotate(struct terminal *t, const char *service,
				  char ret_key_id[KEY_ID_SIZE], struct problem *problem);
/* Ends every key of `service` but `key_id`; what they signed before stays verifiable. */
MUST_CHECK enum st install_retire(struct terminal *t, const char *service, const char *key_id,
				  struct problem *problem);

#endif
