/* demonstration_authority.c: what agents may do, shown: policies of every level and type from the
 * starter catalog, tokens, one action that is allowed, one that is denied, and one that waits for a
 * person, is approved with a signature and passes once. */
#include <stdio.h>
#include <unistd.h>

#include "gen/token.h"
#include "services/terminal/demonstration.h"
#include "services/terminal/policy.h"
#include "services/terminal/process.h"

#define DOCUMENTS_MAX 64
#define HEARD_MS_MAX 20000
#define HEARD_WAIT_MS 50
#define PUBLISHED "templates.spring"

struct show {
	struct terminal *t;
	struct str agent_id;
	bool active; /* it was before */
	struct str token;
	struct signing_key approver;
	struct str approver_id;
};

/* --- policies --- */

static enum st documents_apply(struct terminal *t, const char *folder, const char *reason,
			       struct problem *problem)
{
	struct policy_document_change changes[DOCUMENTS_MAX];
	struct policy_version version;
	struct policy_document d;
	struct policy_file *files;
	struct str person;
	size_t count;
	bool is_new;

	TRY(terminal_person(t, &person, problem));
	TRY(policy_files(t, folder, &files, &count, problem));
	ASSERT(count <= DOCUMENTS_MAX);
	for (size_t i = 0; i < count; i++) {
		TRY(policy_put(t, files[i].text, str_of(reason), &d, &is_new, problem));
		changes[i] =
			(struct policy_document_change){ .document_id = d.document_id,
							 .has_revision = true,
							 .revision = d.revision,
							 .state = POLICY_DOCUMENT_STATE_ACTIVE };
	}
	const struct policy_apply_request request = { .changes = { changes, count },
						      .reason = str_of(reason) };
	TRY(policy_apply(t, &request, &version, problem));
	t->principal = NULL;
	demonstration_done(t, "policies, version %lld: %zu documents of %s",
			   (long long)version.version, count, reason);
	return ST_OK;
}

/* The folder of the root, then those below it: what is applied may only restrict what is there. */
static enum st policies_apply(struct terminal *t, struct problem *problem)
{
	char path[SITE_PATH_MAX + 16];

	TRY(documents_apply(t, t->site.catalog, "the root, all five types and CRUDLEX", problem));
	snprintf(path, sizeof(path), "%s/studio", t->site.catalog);
	return documents_apply(t, path, "area, team and one agent", problem);
}

/* --- people and agents --- */

/* What another service has not heard yet is no refusal. */
static bool not_heard(enum st st)
{
	return st == ST_AGENT_UNKNOWN || st == ST_APPROVAL_AGENT_UNKNOWN || st == ST_KEY_UNKNOWN ||
	       st == ST_ROLE_REQUIRED || st == ST_SIGNING_KEY_MISSING;
}

static enum st key_make(struct terminal *t, struct signing_key *ret, struct problem *problem)
{
	struct site_text path = site_path(&t->site, "keys/people/approver.key");

	if (access(path.text, F_OK) == 0)
		return signing_key_load(path.text, ret, problem);
	signing_key_generate(ret);
	return signing_key_create(path.text, ret, problem);
}

static enum st approver_add(struct show *show, struct problem *problem)
{
	enum registry_person_role role = REGISTRY_PERSON_ROLE_APPROVER;
	char text[PUBLIC_KEY_TEXT_SIZE];
	struct terminal *t = show->t;
	struct registry_person_add_request request;
	struct registry_person_reply reply;

	TRY(key_make(t, &show->approver, problem));
	base64_encode(show->approver.public_key, PUBLIC_KEY_BYTES, text);
	struct registry_person_addition act = { .name = STR("Approver"),
						.roles = { &role, 1 },
						.public_key = str_of(text),
						.nonce = terminal_nonce(t),
						.issued_at_ms = terminal_now_ms(t) };
	TRY(terminal_sign(t, REGISTRY_PERSON_ADDITION_PURPOSE, &registry_person_addition_type, &act,
			  &request.act, problem));
	TRY(terminal_call(t, &CALL_REGISTRY_PERSON_ADD, &request, &reply, problem));
	show->approver_id = reply.person.person_id;
	demonstration_done(t, "approver %.*s, key %s", STR_ARG(show->approver_id),
			   site_path(&t->site, "keys/people/approver.key").text);
	return ST_OK;
}

static enum st agent_activate(struct show *show, struct problem *problem)
{
	struct terminal *t = show->t;
	struct registry_agent_activation act = { .agent_id = show->agent_id,
						 .reason = STR("first of the studio"),
						 .nonce = terminal_nonce(t),
						 .issued_at_ms = terminal_now_ms(t) };
	struct registry_agent_activate_request request = { .agent_id = show->agent_id };
	struct registry_agent_reply reply;

	if (show->active)
		return ST_OK;
	TRY(terminal_sign(t, REGISTRY_AGENT_ACTIVATION_PURPOSE, &registry_agent_activation_type,
			  &act, &request.act, problem));
	TRY(terminal_call(t, &CALL_REGISTRY_AGENT_ACTIVATE, &request, &reply, problem));
	demonstration_done(t, "%.*s is active", STR_ARG(show->agent_id));
	return ST_OK;
}

static enum st token_issue(struct terminal *t, struct str agent_id, struct str *ret,
			   struct problem *problem)
{
	struct str scopes[] = { STR("trend_scan"), STR("template_gen") };
	struct token_issue_request request = { .agent_id = agent_id,
					       .scopes = { scopes, 2 },
					       .risk = TOKEN_RISK_LOW };
	int64_t until_ms = clock_boot_ms() + HEARD_MS_MAX;
	struct token_issue_reply reply;
	enum st st;

	while ((st = terminal_call(t, &CALL_TOKEN_TOKEN_ISSUE, &request, &reply, problem)) !=
	       ST_OK) {
		if (!not_heard(st) || clock_boot_ms() > until_ms)
			return st;
		process_sleep_ms(HEARD_WAIT_MS);
	}
	*ret = reply.token;
	return ST_OK;
}

static enum st tokens_issue(struct show *show, const struct registry_agent_list_reply *team,
			    struct problem *problem)
{
	struct terminal *t = show->t;
	struct site_text path =
		site_path(&t->site, "demonstration/%.*s.token", STR_ARG(show->agent_id));
	struct str token, line;

	for (size_t i = 0; i < team->agents.count; i++) {
		TRY(token_issue(t, team->agents.items[i].agent_id, &token, problem));
		if (i == 0)
			show->token = token;
	}
	line = arena_printf(&t->arena, "%.*s\n", STR_ARG(show->token));
	if (!directory_make(site_path(&t->site, "demonstration").text, 0755) || !line.data ||
	    !file_write(path.text, line.data, line.size, 0600))
		return problem_set(problem, ST_UNAVAILABLE, "", "cannot write \"%s\"", path.text);
	demonstration_done(t, "%zu tokens for trend_scan and template_gen; one is in %s",
			   team->agents.count, path.text);
	return ST_OK;
}

/* --- decisions --- */

static struct policy_decide_request action(const struct show *show, const char *tool,
					   const char *resource, struct str approval_id)
{
	return (struct policy_decide_request){
		.agent_id = show->agent_id,
		.token = show->token,
		.tool = str_of(tool),
		.resource = str_of(resource),
		.has_confidence = true,
		.confidence = 0.97,
		.parameters_hash = STR(HASH_OF_NOTHING),
		.approval_id = approval_id,
	};
}

/* Waits until policy has heard what it needs for this verdict; nothing is recorded meanwhile. */
static enum st verdict_wait(struct terminal *t, const struct policy_decide_request *in,
			    enum policy_verdict wanted, struct problem *problem)
{
	int64_t until_ms = clock_boot_ms() + HEARD_MS_MAX;
	struct policy_decision decision;

	for (;;) {
		TRY(terminal_call(t, &CALL_POLICY_TRY, in, &decision, problem));
		if (decision.verdict == wanted)
			return ST_OK;
		if (clock_boot_ms() > until_ms)
			return problem_set(problem, ST_INTERNAL, "", "%.*s is %s: %.*s",
					   STR_ARG(in->tool),
					   policy_verdict_names[decision.verdict - 1],
					   STR_ARG(decision.reasons.items[0].words));
		process_sleep_ms(HEARD_WAIT_MS);
	}
}

static enum st decide_and_show(struct show *show, const struct policy_decide_request *in,
			       enum policy_verdict wanted, struct policy_decision *ret,
			       struct problem *problem)
{
	struct terminal *t = show->t;

	TRY(terminal_call(t, &CALL_POLICY_DECIDE, in, ret, problem));
	if (ret->verdict != wanted)
		return problem_set(problem, ST_INTERNAL, "", "%.*s is %s, not %s",
				   STR_ARG(in->tool), policy_verdict_names[ret->verdict - 1],
				   policy_verdict_names[wanted - 1]);
	demonstration_done(t, "%s: %.*s %.*s on %.*s", policy_verdict_names[wanted - 1],
			   STR_ARG(in->agent_id), STR_ARG(in->tool), STR_ARG(in->resource));
	for (size_t i = 0; i < ret->reasons.count; i++)
		if (ret->reasons.items[i].verdict == wanted)
			terminal_say(t, "           %s%.*s%s%.*s\n",
				     ret->reasons.items[i].document_id.data ? "by " : "",
				     STR_ARG(ret->reasons.items[i].document_id),
				     ret->reasons.items[i].document_id.data ? ", " : "",
				     STR_ARG(ret->reasons.items[i].words));
	TRY(demonstration_evidence(t, ret->evidence_id, problem));
	terminal_say(t, "           evidence %.*s\n", STR_ARG(ret->evidence_id));
	return ST_OK;
}

static enum st outcome_report(struct terminal *t, const struct policy_decision *decision,
			      struct problem *problem)
{
	struct policy_outcome_report_request request = { .evidence_id = decision->evidence_id,
							 .status = POLICY_OUTCOME_STATUS_SUCCESS };
	struct policy_outcome_report_reply reply;

	return terminal_call(t, &CALL_POLICY_OUTCOME_REPORT, &request, &reply, problem);
}

static enum st ask_until_heard(struct terminal *t, const struct policy_decide_request *in,
			       const struct policy_decision *decision,
			       struct approval_approval_reply *ret, struct problem *problem)
{
	int64_t until_ms = clock_boot_ms() + HEARD_MS_MAX;
	enum st st;

	while (not_heard(st = approval_ask(t, in, decision, ret, problem)) &&
	       clock_boot_ms() < until_ms)
		process_sleep_ms(HEARD_WAIT_MS);
	return st;
}

static enum st judge_until_heard(struct show *show, struct approval_approval_reply *reply,
				 struct problem *problem)
{
	int64_t until_ms = clock_boot_ms() + HEARD_MS_MAX;
	struct approval_approval asked = reply->approval;
	enum st st;

	while (not_heard(st = approval_judge(show->t, &show->approver, &asked,
					     APPROVAL_VERDICT_KIND_APPROVE, STR("looked at it"),
					     reply, problem)) &&
	       clock_boot_ms() < until_ms)
		process_sleep_ms(HEARD_WAIT_MS);
	return st;
}

/* One action that a person approves: it waits, passes, and does not pass again. */
static enum st approval_show(struct show *show, struct problem *problem)
{
	struct policy_decide_request in =
		action(show, "template.publish", PUBLISHED, (struct str){ 0 });
	struct approval_approval_reply asked;
	struct terminal *t = show->t;
	struct policy_decision decision;

	TRY(decide_and_show(show, &in, POLICY_VERDICT_REQUIRE_APPROVAL, &decision, problem));
	TRY(ask_until_heard(t, &in, &decision, &asked, problem));
	TRY(judge_until_heard(show, &asked, problem));
	in.approval_id = asked.approval.request_id;
	demonstration_done(t, "approved: %.*s, signed by %.*s", STR_ARG(in.approval_id),
			   STR_ARG(show->approver_id));
	TRY(verdict_wait(t, &in, POLICY_VERDICT_ALLOW, problem));
	TRY(decide_and_show(show, &in, POLICY_VERDICT_ALLOW, &decision, problem));
	TRY(outcome_report(t, &decision, problem));
	return decide_and_show(show, &in, POLICY_VERDICT_REQUIRE_APPROVAL, &decision, problem);
}

static enum st decisions_show(struct show *show, struct problem *problem)
{
	struct policy_decide_request allowed =
		action(show, "trend.scan", "trends.public", (struct str){ 0 });
	struct policy_decide_request denied =
		action(show, "trend.scan", "trends.private", (struct str){ 0 });
	struct policy_decision decision;

	TRY(verdict_wait(show->t, &allowed, POLICY_VERDICT_ALLOW, problem));
	TRY(decide_and_show(show, &allowed, POLICY_VERDICT_ALLOW, &decision, problem));
	TRY(outcome_report(show->t, &decision, problem));
	TRY(decide_and_show(show, &denied, POLICY_VERDICT_DENY, &decision, problem));
	return approval_show(show, problem);
}

/* An installation that lived before policies came may have ended its first agent. */
static bool may_act(const struct registry_agent_summary *agent)
{
	return agent->state == REGISTRY_AGENT_STATE_PENDING ||
	       agent->state == REGISTRY_AGENT_STATE_ACTIVE;
}

enum st demonstration_authority(struct terminal *t, const struct registry_agent_list_reply *team,
				bool *ret_shown, struct problem *problem)
{
	struct policy_version_list_request request = { .has_limit = true, .limit = 1 };
	struct policy_version_list_reply versions;
	struct show show = { .t = t };
	enum st st;

	TRY(terminal_call(t, &CALL_POLICY_VERSION_LIST, &request, &versions, problem));
	*ret_shown = versions.versions.count > 0 && versions.versions.items[0].version == 0 &&
		     team->agents.count > 0 && may_act(&team->agents.items[0]);
	if (!*ret_shown)
		return ST_OK;
	show.agent_id = team->agents.items[0].agent_id;
	show.active = team->agents.items[0].state == REGISTRY_AGENT_STATE_ACTIVE;
	TRY(policies_apply(t, problem));
	TRY(approver_add(&show, problem));
	st = agent_activate(&show, problem);
	if (st == ST_OK)
		st = tokens_issue(&show, team, problem);
	if (st == ST_OK)
		st = decisions_show(&show, problem);
	signing_key_clear(&show.approver);
	return st;
}
