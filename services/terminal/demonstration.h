/* demonstration.h: what piopl up does once everything runs: it founds the fleet. */
#ifndef PIOPL_TERMINAL_DEMONSTRATION_H
#define PIOPL_TERMINAL_DEMONSTRATION_H

#include "gen/registry.h"
#include "services/terminal/terminal.h"

#define DEMONSTRATION_AREA "studio"
#define DEMONSTRATION_TEAM "studio.alpha"
#define DEMONSTRATION_AGENTS 10
#define DEMONSTRATION_ROLE "digital_product_generator"

/* A step that is done, for people. */
void demonstration_done(struct terminal *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Policies of all levels, an approver, tokens, and four decisions with their reasons and evidence.
 * Nothing when documents are in force already: then not
 * `ret_shown`. */
MUST_CHECK enum st demonstration_authority(struct terminal *t,
					   const struct registry_agent_list_reply *team,
					   bool *ret_shown, struct problem *problem);
/* A wallet, a job, two metered sandboxes, the end of the money. Nothing when the wallet is there
 * already: then not `ret_shown`. */
MUST_CHECK enum st demonstration_money(struct terminal *t, bool *ret_shown,
				       struct problem *problem);
/* Until the log has the evidence with this id, within a limit. */
MUST_CHECK enum st demonstration_evidence(struct terminal *t, struct str evidence_id,
					  struct problem *problem);

/* First steward, constitution, a team of ten agents, their evidence, and a check of it offline.
 * Each step looks first whether it was done, so an interrupted one goes on where it stopped. */
MUST_CHECK enum st demonstration_run(struct terminal *t, struct problem *problem);

#endif
