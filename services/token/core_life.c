/* core_life.c: how a token ends: by its time, by a revocation, or with its agent. */
#include "service.h"

#define NOTICE_PART 3 /* of a life, at most */

enum token_capability_state token_state_of(const struct token_row *row, int64_t now_ms)
{
	if (row->death != TOKEN_LIVES)
		return TOKEN_CAPABILITY_STATE_REVOKED;
	if (now_ms >= row->capability.expires_at_ms)
		return TOKEN_CAPABILITY_STATE_EXPIRED;
	return TOKEN_CAPABILITY_STATE_LIVE;
}

static enum st death_status(enum token_death death)
{
	switch (death) {
	case TOKEN_LIVES:
		return ST_OK;
	case TOKEN_DEAD_ITSELF:
		return ST_TOKEN_REVOKED;
	case TOKEN_DEAD_KEY:
		return ST_TOKEN_KEY_REVOKED;
	case TOKEN_DEAD_ALL:
		return ST_TOKEN_ALL_REVOKED;
	case TOKEN_DEAD_AGENT:
		return ST_TOKEN_AGENT_REVOKED;
	case TOKEN_DEAD_SCOPE:
		return ST_TOKEN_SCOPE_REVOKED;
	}
	return ST_INTERNAL;
}

enum st token_usable(const struct token_row *row, int64_t now_ms, struct problem *problem)
{
	enum st st = death_status(row->death);

	if (st != ST_OK)
		return problem_set(problem, st, "", "%s", "");
	if (now_ms >= row->capability.expires_at_ms)
		return problem_set(problem, ST_TOKEN_EXPIRED, "", "it ended %lld ms ago",
				   (long long)(now_ms - row->capability.expires_at_ms));
	if (row->agent_killed)
		return problem_set(problem, ST_AGENT_NOT_LIVE, "", "a kill order covers the agent");
	if (row->agent_state != REGISTRY_AGENT_STATE_PENDING &&
	    row->agent_state != REGISTRY_AGENT_STATE_ACTIVE)
		return problem_set(problem, ST_AGENT_NOT_LIVE, "", "the agent is %s",
				   row->agent_state
					   ? registry_agent_state_names[row->agent_state - 1]
					   : "unknown");
	return ST_OK;
}

int64_t token_notice_at_ms(int64_t issued_ms, int64_t expires_ms, int64_t notice_ms)
{
	int64_t part = (expires_ms - issued_ms) / NOTICE_PART;

	ASSERT(expires_ms > issued_ms && notice_ms >= 0);
	return expires_ms - (notice_ms < part ? notice_ms : part);
}

enum st renew_decide(const struct token_row *row, int64_t notice_ms, int64_t now_ms,
		     struct problem *problem)
{
	const struct token_capability *c = &row->capability;

	TRY(token_usable(row, now_ms, problem));
	if (!c->auto_renew)
		return problem_set(problem, ST_RENEWAL_NOT_ALLOWED, "/token_id", "%s", "");
	int64_t from_ms = token_notice_at_ms(c->issued_at_ms, c->expires_at_ms, notice_ms);
	if (now_ms < from_ms)
		return problem_set(problem, ST_RENEWAL_TOO_EARLY, "/token_id",
				   "it can be renewed in %lld s",
				   (long long)((from_ms - now_ms + 999) / 1000));
	return ST_OK;
}

enum token_step token_step_due(const struct token_row *row, int64_t now_ms)
{
	if (row->phase >= 2)
		return TOKEN_STEP_FORGET;
	if (row->death != TOKEN_LIVES)
		return TOKEN_STEP_END;
	if (now_ms >= row->capability.expires_at_ms)
		return TOKEN_STEP_EXPIRE;
	if (row->capability.auto_renew && !row->capability.renewed_by.data)
		return TOKEN_STEP_RENEW;
	return TOKEN_STEP_ANNOUNCE;
}

enum st revocation_kind(const struct token_revoke_request *in, int64_t now_ms,
			enum token_revocation_kind *ret, struct problem *problem)
{
	int named = !!in->token_id.data + !!in->agent_id.data + !!in->scope.data +
		    !!in->key_id.data + in->has_before_ms;

	if (named != 1)
		return problem_set(problem, ST_REVOCATION_TARGET, "", "it names %d", named);
	if (in->has_before_ms && in->before_ms > now_ms)
		return problem_set(problem, ST_REVOCATION_FROM_FUTURE, "/before",
				   "it is %lld ms ahead", (long long)(in->before_ms - now_ms));
	*ret = in->token_id.data   ? TOKEN_REVOCATION_KIND_TOKENS
	       : in->agent_id.data ? TOKEN_REVOCATION_KIND_AGENTS
	       : in->scope.data    ? TOKEN_REVOCATION_KIND_SCOPE
	       : in->key_id.data   ? TOKEN_REVOCATION_KIND_KEY
				   : TOKEN_REVOCATION_KIND_ALL;
	return ST_OK;
}
