/* core_issue.c: may this agent have this token? */
#include "service.h"

enum token_risk tier_risk_max(int64_t tier)
{
	ASSERT(tier >= 0 && tier <= 2);
	return tier == 0 ? TOKEN_RISK_LOW : tier == 1 ? TOKEN_RISK_MEDIUM : TOKEN_RISK_CRITICAL;
}

static bool list_has(struct label_list list, struct str item)
{
	for (size_t i = 0; i < list.count; i++)
		if (str_equal(list.items[i], item))
			return true;
	return false;
}

int64_t rules_dead_until_ms(const struct issue_rules *rules, struct label_list scopes)
{
	int64_t until_ms = rules->all_until_ms;

	for (size_t i = 0; i < rules->scopes.count; i++)
		if (list_has(scopes, rules->scopes.items[i]) &&
		    rules->scopes_until_ms[i] > until_ms)
			until_ms = rules->scopes_until_ms[i];
	return until_ms;
}

static enum st scopes_check(const struct agent_view *agent, struct label_list scopes,
			    struct problem *problem)
{
	for (size_t i = 0; i < scopes.count; i++) {
		struct str scope = scopes.items[i];
		enum st st = ST_OK;
		if (agent->role_known && !list_has(agent->role_scopes, scope))
			st = ST_TOKEN_SCOPE_NOT_OF_ROLE;
		else if (!list_has(agent->scopes, scope))
			st = ST_TOKEN_SCOPE_NOT_OF_AGENT;
		if (st != ST_OK)
			return problem_set(problem, st, "/scopes", "scope \"%.*s\"",
					   STR_ARG(scope));
	}
	return ST_OK;
}

static enum st state_check(const struct agent_view *agent, struct problem *problem)
{
	if (!agent->known)
		return problem_set(problem, ST_AGENT_UNKNOWN, "/agent_id", "%s", "");
	if (agent->killed)
		return problem_set(problem, ST_AGENT_NOT_LIVE, "/agent_id",
				   "a kill order covers it");
	if (agent->state != REGISTRY_AGENT_STATE_PENDING &&
	    agent->state != REGISTRY_AGENT_STATE_ACTIVE)
		return problem_set(problem, ST_AGENT_NOT_LIVE, "/agent_id", "it is %s",
				   registry_agent_state_names[agent->state - 1]);
	return ST_OK;
}

static enum st holder_check(const struct issue_wish *wish, struct issue_grant *grant,
			    struct problem *problem)
{
	if (!wish->holder_key.data && wish->risk >= TOKEN_RISK_HIGH)
		return problem_set(problem, ST_HOLDER_KEY_REQUIRED, "/holder_key", "risk %s",
				   token_risk_names[wish->risk - 1]);
	if (!wish->holder_key.data)
		return ST_OK;
	if (base64_decode_exact(wish->holder_key, grant->holder_key, PUBLIC_KEY_BYTES) != ST_OK ||
	    !public_key_is_valid(grant->holder_key))
		return problem_set(problem, ST_HOLDER_KEY_INVALID, "/holder_key", "%s", "");
	grant->bound = true;
	return ST_OK;
}

static enum st life_check(const struct issue_limits *limits, int64_t life_ms,
			  struct problem *problem)
{
	if (life_ms <= limits->life_max_ms)
		return ST_OK;
	problem_set(problem, ST_TOKEN_LIFE_TOO_LONG, "/life_s", "%lld s",
		    (long long)(life_ms / 1000));
	problem_hint(problem, "at most %lld s", (long long)(limits->life_max_ms / 1000));
	return ST_TOKEN_LIFE_TOO_LONG;
}

enum st issue_decide(const struct issue_limits *limits, const struct agent_view *agent,
		     const struct issue_wish *wish, int64_t now_ms, struct issue_grant *ret,
		     struct problem *problem)
{
	int64_t life_ms = wish->life_ms ? wish->life_ms : limits->life_default_ms;
	struct issue_grant grant = { .issued_at_ms = now_ms };

	ASSERT(limits->life_default_ms <= limits->life_max_ms);
	ASSERT(limits->life_max_ms <= TOKEN_LIFE_MS_MAX && limits->live_max > 0);
	TRY(state_check(agent, problem));
	TRY(scopes_check(agent, wish->scopes, problem));
	if (wish->risk > tier_risk_max(agent->tier))
		return problem_set(problem, ST_RISK_ABOVE_TIER, "/risk", "risk %s at tier %lld",
				   token_risk_names[wish->risk - 1], (long long)agent->tier);
	TRY(life_check(limits, life_ms, problem));
	TRY(holder_check(wish, &grant, problem));
	if (wish->limits && wish->limits->has_amount_per_day &&
	    wish->limits->amount_per_day.micros < 0)
		return problem_set(problem, ST_MONEY_INVALID, "/limits/amount_per_day",
				   "it is below zero");
	if (agent->live_count >= limits->live_max)
		return problem_set(problem, ST_TOO_MANY_TOKENS, "/agent_id", "%lld live tokens",
				   (long long)agent->live_count);
	/* A token issued in the millisecond of a revocation is a new one, not a revoked one. */
	if (grant.issued_at_ms <= agent->dead_until_ms)
		grant.issued_at_ms = agent->dead_until_ms + 1;
	grant.expires_at_ms = grant.issued_at_ms + life_ms;
	ASSERT(grant.expires_at_ms > grant.issued_at_ms);
	*ret = grant;
	return ST_OK;
}
