/* handlers_lifecycle.c: agents become active, are paused, throttled, resumed, and are ended. */
#include "handlers.h"
#include "id.h"

/* One change of state: who it is about, what is wanted and why. */
struct change {
	enum agent_act act;
	bool automatic;
	struct str reason;
	struct str approved_by; /* .data NULL: leaves it as it was */
	const struct proto_event *event;
};

static struct agent_condition condition_of(const struct registry_agent *agent)
{
	return (struct agent_condition){
		.state = agent->identity.status,
		.throttled = agent->lifecycle.throttled,
		.paused_automatically = agent->lifecycle.paused_automatically,
	};
}

static void condition_put(struct registry_agent *agent, const struct agent_condition *condition,
			  const struct change *change, int64_t now_ms)
{
	agent->identity.status = condition->state;
	agent->lifecycle.throttled = condition->throttled;
	agent->lifecycle.paused_automatically = condition->paused_automatically;
	agent->lifecycle.changed_at_ms = now_ms;
	agent->lifecycle.reason = change->reason;
	if (change->approved_by.data)
		agent->lifecycle.approved_by = change->approved_by;
}

static enum st change_emit(struct svc_request *req, const struct change *change,
			   const struct registry_agent *agent, enum registry_agent_state from,
			   struct str by)
{
	struct registry_agent_transition event = {
		.agent_id = agent->identity.agent_id,
		.role = agent->identity.role,
		.tier = agent->identity.tier,
		.unit = agent->identity.unit,
		.from = from,
		.to = agent->identity.status,
		.throttled = agent->lifecycle.throttled,
		.paused_automatically = agent->lifecycle.paused_automatically,
		.reason = change->reason,
		.by = by,
		.at_ms = req->now_ms,
	};

	return svc_emit(req, change->event, event.agent_id, &event);
}

/* The agent was loaded and locked; `to` was decided. */
static enum st change_write(struct svc_request *req, const struct change *change, int64_t number,
			    struct registry_agent *agent, const struct agent_condition *to,
			    struct str by)
{
	struct registry_agent_reply *answer = req->answer;
	int64_t before_ms = agent->lifecycle.changed_at_ms;
	struct transition transition = {
		.number = number,
		.from = agent->identity.status,
		.to = *to,
		/* this worker may have waited for one whose clock is ahead: history keeps its order
		 */
		.at_ms = req->now_ms > before_ms ? req->now_ms : before_ms,
		.reason = change->reason,
		.by = by,
		.approved_by = change->approved_by,
	};

	TRY(store_transition(req->tx, &transition));
	condition_put(agent, to, change, transition.at_ms);
	TRY(change_emit(req, change, agent, transition.from, by));
	answer->agent = *agent;
	return ST_OK;
}

/* A change that takes nobody's signature. */
static enum st change_plain(struct svc_request *req, const struct change *change,
			    struct str agent_id, struct str by)
{
	struct registry_agent agent;
	struct agent_condition from, to;
	int64_t number;

	TRY(agent_load(req, agent_id, &number, &agent));
	from = condition_of(&agent);
	TRY(lifecycle_decide(&from, change->act, change->automatic, &to, &req->problem));
	return change_write(req, change, number, &agent, &to, by);
}

static enum st act_names(struct svc_request *req, struct str in_act, struct str in_request)
{
	if (str_equal(in_act, in_request))
		return ST_OK;
	return svc_refuse(req, ST_ACT_MISMATCH, "/act/payload/agent_id",
			  "the act is about \"%.*s\", the call about \"%.*s\"", STR_ARG(in_act),
			  STR_ARG(in_request));
}

/* Activate */

static enum st profile_still_valid(struct svc_request *req, const struct registry_agent *agent)
{
	struct rules_loaded loaded;

	TRY(rules_load(req->tx, req->arena, agent->identity.role, agent->identity.unit, &loaded));
	return profile_validate(agent, &loaded.rules, "/agent_id", &req->problem);
}

static enum st agent_activate(struct svc_request *req, struct note *note)
{
	const struct registry_agent_activate_request *in = req->body;
	struct registry_agent_activation *payload =
		ARENA_NEW(req->arena, struct registry_agent_activation);
	struct act *act = ARENA_NEW(req->arena, struct act);
	struct registry_agent agent;
	struct agent_condition from, to;
	int64_t number;

	if (!payload || !act)
		return ST_TOO_LARGE;
	TRY(person_act(req, &in->act,
		       ACT_RULE(REGISTRY_AGENT_ACTIVATION_PURPOSE, registry_agent_activation_type,
				struct registry_agent_activation, ROLE_BITS_STEWARD),
		       note, act, payload));
	TRY(act_names(req, payload->agent_id, in->agent_id));
	TRY(agent_load(req, in->agent_id, &number, &agent));
	from = condition_of(&agent);
	TRY(lifecycle_decide(&from, AGENT_ACTIVATE, false, &to, &req->problem));
	TRY(profile_still_valid(req, &agent));
	struct change change = {
		.act = AGENT_ACTIVATE,
		.reason = payload->reason,
		.approved_by = act->person_id,
		.event = &EVT_REGISTRY_AGENT_ACTIVATED,
	};
	TRY(act_spent(req, act));
	return change_write(req, &change, number, &agent, &to, act->person_id);
}

enum st on_agent_activate(struct svc_request *req)
{
	const struct registry_agent_activate_request *in = req->body;

	return recorded(req, "agent.activate", in->agent_id, agent_activate);
}

/* Pause, throttle */

static enum st agent_pause(struct svc_request *req, struct note *note)
{
	const struct registry_agent_pause_request *in = req->body;
	struct change change = {
		.act = AGENT_PAUSE,
		.automatic = in->has_automatic && in->automatic,
		.reason = in->reason,
		.event = &EVT_REGISTRY_AGENT_PAUSED,
	};

	return change_plain(req, &change, in->agent_id, note->user_id);
}

enum st on_agent_pause(struct svc_request *req)
{
	const struct registry_agent_pause_request *in = req->body;

	return recorded(req, "agent.pause", in->agent_id, agent_pause);
}

static enum st agent_throttle(struct svc_request *req, struct note *note)
{
	const struct registry_agent_throttle_request *in = req->body;
	struct change change = {
		.act = in->throttled ? AGENT_THROTTLE : AGENT_UNTHROTTLE,
		.reason = in->reason,
		.event = &EVT_REGISTRY_AGENT_THROTTLED,
	};

	return change_plain(req, &change, in->agent_id, note->user_id);
}

enum st on_agent_throttle(struct svc_request *req)
{
	const struct registry_agent_throttle_request *in = req->body;

	return recorded(req, "agent.throttle", in->agent_id, agent_throttle);
}

/* Resume */

static enum st resume_act(struct svc_request *req, const struct agent_condition *from,
			  struct note *note, struct act **ret)
{
	const struct registry_agent_resume_request *in = req->body;
	struct registry_agent_resumption *payload =
		ARENA_NEW(req->arena, struct registry_agent_resumption);
	struct act *act = ARENA_NEW(req->arena, struct act);

	if (!payload || !act)
		return ST_TOO_LARGE;
	*ret = NULL;
	if (!in->act) {
		if (lifecycle_resume_needs_steward(from))
			return svc_refuse(req, ST_STEWARD_REQUIRED, "/act",
					  "\"%.*s\" was paused automatically",
					  STR_ARG(in->agent_id));
		return ST_OK;
	}
	TRY(person_act(req, in->act,
		       ACT_RULE(REGISTRY_AGENT_RESUMPTION_PURPOSE, registry_agent_resumption_type,
				struct registry_agent_resumption, ROLE_BITS_STEWARD),
		       note, act, payload));
	TRY(act_names(req, payload->agent_id, in->agent_id));
	*ret = act;
	return ST_OK;
}

static enum st agent_resume(struct svc_request *req, struct note *note)
{
	const struct registry_agent_resume_request *in = req->body;
	struct change change = {
		.act = AGENT_RESUME,
		.reason = in->reason,
		.event = &EVT_REGISTRY_AGENT_RESUMED,
	};
	struct registry_agent agent;
	struct agent_condition from, to;
	struct act *act;
	int64_t number;

	TRY(agent_load(req, in->agent_id, &number, &agent));
	from = condition_of(&agent);
	TRY(lifecycle_decide(&from, AGENT_RESUME, false, &to, &req->problem));
	TRY(resume_act(req, &from, note, &act));
	if (act)
		TRY(act_spent(req, act));
	return change_write(req, &change, number, &agent, &to, note->user_id);
}

enum st on_agent_resume(struct svc_request *req)
{
	const struct registry_agent_resume_request *in = req->body;

	return recorded(req, "agent.resume", in->agent_id, agent_resume);
}
