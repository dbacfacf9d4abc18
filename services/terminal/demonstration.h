/* demonstration.h: what piopl up does once everything runs: it founds the fleet. */
#ifndef PIOPL_TERMINAL_DEMONSTRATION_H
#define PIOPL_TERMINAL_DEMONSTRATION_H

#include "services/terminal/terminal.h"

#define DEMONSTRATION_AREA "studio"
#define DEMONSTRATION_TEAM "studio.alpha"
#define DEMONSTRATION_AGENTS 10
#define DEMONSTRATION_ROLE "digital_product_generator"

/* First steward, constitution, a team of ten agents, their evidence, and a check of it offline.
 * Each step looks first whether it was done, so an interrupted one goes on where it stopped. */
MUST_CHECK enum st demonstration_run(struct terminal *t, struct problem *problem);

#endif
