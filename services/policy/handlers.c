/* handlers.c: the service's calls, events, ticks and configuration; what each process makes at its
 * start, and what happens around a batch. */
#include <stdlib.h>

#include "service.h"

static const char *const token_modes[] = { "required", "development", NULL };

const struct config_field policy_config[] = {
	{ .name = "tokens",
	  .type = CONFIG_ENUM,
	  CONFIG_MEMBER(struct policy_service, tokens),
	  .default_value = "required",
	  .choices = token_modes,
	  .doc = "\"development\" decides without capability tokens, in development only" },
	{ .name = "development",
	  .type = CONFIG_BOOL,
	  CONFIG_MEMBER(struct policy_service, development),
	  .default_value = "false",
	  .doc = "as for the library" },
	{ .name = "reservation",
	  .type = CONFIG_DURATION_MS,
	  CONFIG_MEMBER(struct policy_service, reservation_ms),
	  .default_value = "15m",
	  .min = 1000,
	  .max = 86400000,
	  .doc = "how long a reservation waits for its outcome" },
	{ .name = "keep",
	  .type = CONFIG_DURATION_MS,
	  CONFIG_MEMBER(struct policy_service, keep_ms),
	  .default_value = "30d",
	  .min = 86400000,
	  .max = INT64_C(3660) * 86400000,
	  .doc = "how long decisions are kept for explaining and replaying" },
	{ .name = "stale",
	  .type = CONFIG_DURATION_MS,
	  CONFIG_MEMBER(struct policy_service, stale_ms),
	  .default_value = "5s",
	  .min = 1000,
	  .max = 3600000,
	  .doc = "without news from others for so long, high risk is denied" },
	{ .name = "zone_folder",
	  .type = CONFIG_PATH,
	  CONFIG_MEMBER(struct policy_service, zone_folder),
	  .default_value = "/usr/share/zoneinfo",
	  .doc = "time zones (package tzdata)" },
	{ .name = "business_zone",
	  .type = CONFIG_TEXT,
	  CONFIG_MEMBER(struct policy_service, business_zone),
	  .default_value = "Europe/London",
	  .doc = "time zone of the calendar business_hours" },
	{ .name = "activation_role",
	  .type = CONFIG_TEXT,
	  CONFIG_MEMBER(struct policy_service, activation_role),
	  .default_value = "steward",
	  .doc = "the role of who may put documents in force" },
	{ .name = "approver_roles",
	  .type = CONFIG_TEXT,
	  CONFIG_MEMBER(struct policy_service, approver_roles),
	  .default_value = "approver steward",
	  .doc = "roles whose approval lets an action through, a space between" },
	{ .name = NULL },
};

const struct svc_call policy_calls[] = {
	{ &CALL_POLICY_DECIDE, on_decide },
	{ &CALL_POLICY_DECIDE_MANY, on_decide_many },
	{ &CALL_POLICY_TRY, on_try },
	{ &CALL_POLICY_OUTCOME_REPORT, on_outcome_report },
	{ &CALL_POLICY_EXPLAIN, on_explain },
	{ &CALL_POLICY_ACCESS_EVALUATION, on_access_evaluation },
	{ &CALL_POLICY_ACCESS_EVALUATIONS, on_access_evaluations },
	{ &CALL_POLICY_WHAT_MAY, on_what_may },
	{ &CALL_POLICY_WHO_MAY, on_who_may },
	{ &CALL_POLICY_WHICH_POLICIES, on_which_policies },
	{ &CALL_POLICY_DOCUMENT_CHECK, on_document_check },
	{ &CALL_POLICY_DOCUMENT_PUT, on_document_put },
	{ &CALL_POLICY_DOCUMENT_GET, on_document_get },
	{ &CALL_POLICY_DOCUMENT_LIST, on_document_list },
	{ &CALL_POLICY_PLAN, on_plan },
	{ &CALL_POLICY_ACTIVATION_TERMS, on_activation_terms },
	{ &CALL_POLICY_APPLY, on_apply },
	{ &CALL_POLICY_ROLLBACK, on_rollback },
	{ &CALL_POLICY_VERSION_LIST, on_version_list },
	{ &CALL_POLICY_REPLAY, on_replay },
	{ .call = NULL },
};

const struct svc_tick policy_ticks[] = {
	{ "due", 1000, tick_due },
	{ "forget", 60000, tick_forget },
	{ .name = NULL },
};

enum st policy_start(struct svc *svc, void *state)
{
	struct policy_service *policy = state;
	struct token_verifier_limits limits = token_verifier_defaults;

	(void)svc;
	if (policy->tokens == TOKENS_DEVELOPMENT && !policy->development)
		return ST_CONFIG_INVALID;
	limits.nonces = policy->nonces;
	limits.silence_ms_max = policy->stale_ms;
	policy->stamp = -1;
	policy->agents = calloc(AGENTS_MAX, sizeof(struct agent_slot *));
	policy->documents = calloc(DOCUMENTS_MAX, sizeof(struct loaded *));
	policy->meters = calloc(METERS_MAX, sizeof(struct meter));
	policy->verifier = token_verifier_new(&limits);
	if (!policy->agents || !policy->documents || !policy->meters || !policy->verifier)
		return ST_NO_MEMORY;
	return zones_init(policy);
}

enum st policy_batch(const struct svc_scope *scope, void *state, enum svc_batch_step step)
{
	struct policy_service *policy = state;

	switch (step) {
	case SVC_BATCH_BEGIN:
		/* The last one did not end well: what it added to the meters did not happen. */
		if (policy->batch_open && (policy->meters_locked || policy->dirty_count > 0))
			meters_forget(policy);
		policy->batch_open = true;
		policy->meters_locked = false;
		policy->rows.count = 0;
		policy->change_count = 0;
		return state_refresh(scope, policy);
	case SVC_BATCH_END:
		TRY(decisions_write(scope, policy));
		return meters_write(scope, policy);
	case SVC_BATCH_DONE:
		policy->batch_open = false;
		policy->meters_locked = false;
		return ST_OK;
	}
	return ST_INTERNAL;
}
