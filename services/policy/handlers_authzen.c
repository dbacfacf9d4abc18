/* handlers_authzen.c: the OpenID AuthZEN 1.0 access evaluations, as decisions of ours. The subject
 * is an agent; the action's name is the tool, or an operation with the tool in its properties; the
 * rest of a decision's request stands in the context, under the same names. */
#include "service.h"

struct access {
	const struct policy_access_entity *subject;
	const struct policy_access_action *action;
	const struct policy_access_entity *resource;
	const struct json *context;
};

/* Members of the context that are members of a decision's request. */
static const char *const passed[] = { "token",     "proof",       "on_behalf_of",
				      "amount",    "data_in",     "data_out",
				      "endpoint",  "confidence",  "location",
				      "urgency",   "detections",  "parameters_hash",
				      "operation", "approval_id", "constitution_hash" };

static struct json *copy_member(struct arena *arena, const struct json *node)
{
	struct json *copy = ARENA_NEW(arena, struct json);

	if (copy)
		*copy = *node;
	if (copy)
		copy->next = NULL;
	return copy;
}

static bool is_passed(struct str name)
{
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		if (str_is(name, passed[i]))
			return true;
	return false;
}

static struct json *request_node(struct arena *arena, const struct access *in, struct str hash)
{
	struct json *node = json_new(arena, JSON_OBJECT), *rest = json_new(arena, JSON_OBJECT);
	const struct json *tool =
		in->action->properties ? json_member(in->action->properties, "tool") : NULL;

	json_set(arena, node, "agent_id", json_new_string(arena, in->subject->id));
	json_set(arena, node, "tool",
		 tool ? copy_member(arena, tool) : json_new_string(arena, in->action->name));
	if (tool)
		json_set(arena, node, "operation", json_new_string(arena, in->action->name));
	json_set(arena, node, "resource", json_new_string(arena, in->resource->id));
	json_set(arena, node, "parameters_hash", json_new_string(arena, hash));
	for (const struct json *m = in->context ? in->context->first : NULL; m; m = m->next) {
		char name[128];
		if (!str_copy(m->name, name, sizeof(name)))
			continue;
		json_set(arena, is_passed(m->name) ? node : rest, name, copy_member(arena, m));
	}
	json_set(arena, node, "context", rest);
	return node;
}

static enum st access_decide(struct svc_request *req, const struct access *in,
			     struct policy_access_evaluation_reply *ret)
{
	struct policy_access_evaluation_context *context =
		ARENA_NEW(req->arena, struct policy_access_evaluation_context);
	struct policy_decide_request decide_request;
	struct policy_decision decision;
	char hash_text[HASH_TEXT_SIZE];
	struct hash hash;

	sha256_of(req->body_text.data, req->body_text.size, &hash);
	hash_to_text(&hash, hash_text);
	struct json *node = request_node(req->arena, in, str_of(hash_text));
	if (req->arena->failed || !context)
		return ST_TOO_LARGE;
	TRY(proto_decode_node(&policy_decide_request_type, node, PROTO_UNKNOWN_REFUSED, req->arena,
			      &decide_request, &req->problem));
	TRY(decision_make(req, &decide_request, true, &decision));
	context->verdict = decision.verdict;
	context->evidence_id = decision.evidence_id;
	for (size_t i = 0; i < decision.reasons.count; i++)
		if (decision.reasons.items[i].verdict == decision.verdict && !context->reason.data)
			context->reason = decision.reasons.items[i].words;
	/* True is for what may be done as it stands: obligations are not AuthZEN's. */
	ret->decision = decision.verdict == POLICY_VERDICT_ALLOW;
	ret->context = context;
	return ST_OK;
}

enum st on_access_evaluation(struct svc_request *req)
{
	const struct policy_access_evaluation_request *in = req->body;
	const struct access access = { &in->subject, &in->action, &in->resource, in->context };

	struct decision_mark mark = decisions_mark(req->state);

	return decisions_end(req->state, mark, access_decide(req, &access, req->answer));
}

static bool ends_here(const struct policy_access_evaluations_request *in, bool decision)
{
	if (!in->options)
		return false;
	if (in->options->evaluations_semantic ==
	    POLICY_ACCESS_OPTIONS_EVALUATIONS_SEMANTIC_DENY_ON_FIRST_DENY)
		return !decision;
	return decision &&
	       in->options->evaluations_semantic ==
		       POLICY_ACCESS_OPTIONS_EVALUATIONS_SEMANTIC_PERMIT_ON_FIRST_PERMIT;
}

static enum st evaluations_decide(struct svc_request *req)
{
	const struct policy_access_evaluations_request *in = req->body;
	struct policy_access_evaluations_reply *out = req->answer;

	out->evaluations.items = ARENA_ARRAY(req->arena, struct policy_access_evaluation_reply,
					     in->evaluations.count);
	if (!out->evaluations.items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < in->evaluations.count; i++) {
		const struct policy_access_evaluation *one = &in->evaluations.items[i];
		struct access access = {
			one->subject ? one->subject : in->subject,
			one->action ? one->action : in->action,
			one->resource ? one->resource : in->resource,
			one->context ? one->context : in->context,
		};
		if (!access.subject || !access.action || !access.resource)
			return svc_refuse(req, ST_MESSAGE_INVALID, "/evaluations",
					  "number %zu has no subject, action or resource", i);
		struct policy_access_evaluation_reply *reply = &out->evaluations.items[i];
		TRY(access_decide(req, &access, reply));
		out->evaluations.count++;
		if (ends_here(in, reply->decision))
			break;
	}
	return ST_OK;
}

enum st on_access_evaluations(struct svc_request *req)
{
	struct decision_mark mark = decisions_mark(req->state);

	return decisions_end(req->state, mark, evaluations_decide(req));
}
