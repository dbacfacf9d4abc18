/* cmd_approval.c: what waits for a person, their signed verdicts, and approvals in advance. */
#include "services/terminal/policy.h"

#include <stdio.h>

#include "clock.h"
#include "services/terminal/process.h"

#define WAIT_POLL_MS 250

static struct str money_text(struct terminal *t, bool there, const struct money *money)
{
	char amount[MONEY_TEXT_SIZE];

	if (!there)
		return (struct str){ 0 };
	micros_print(money->micros, amount);
	return arena_printf(&t->arena, "%s %s", amount, money->currency);
}

static struct str roles_text(struct terminal *t, const struct approval_approver_group *group)
{
	struct buf buf;

	buf_init(&buf, &t->arena, 64);
	for (size_t i = 0; i < group->roles.count; i++)
		buf_printf(&buf, "%s%s", i > 0 ? ", " : "",
			   approval_approver_role_names[group->roles.items[i] - 1]);
	return buf_str(&buf);
}

static struct str history_text(struct terminal *t, const struct approval_similar_verdicts *s)
{
	return arena_printf(&t->arena, "%lld approved, %lld rejected, %lld expired",
			    (long long)s->approved, (long long)s->rejected, (long long)s->expired);
}

/* --- asking --- */

enum st approval_ask(struct terminal *t, const struct policy_decide_request *in,
		     const struct policy_decision *decision, struct approval_approval_reply *ret,
		     struct problem *problem)
{
	const struct policy_approval_ask *ask = decision->ask;
	struct approval_approver_group group = { 0 };
	enum approval_approver_role roles[APPROVAL_APPROVER_ROLE_OWNER];
	struct approval_approval_request_request request = {
		.agent_id = in->agent_id,
		.tool = in->tool,
		.operation = (enum approval_operation)ask->operation,
		.resource = in->resource,
		.has_amount = in->has_amount,
		.amount = in->amount,
		.parameters_hash = in->parameters_hash,
		.on_behalf_of = in->on_behalf_of ? in->on_behalf_of->user : (struct str){ 0 },
		.reason = ask->reason,
		.trigger = (enum approval_trigger)ask->trigger,
		.has_rules = ask->rules.count > 0,
		.rules = { ask->rules.items, ask->rules.count },
		.has_confidence = in->has_confidence,
		.confidence = in->confidence,
		.has_needed = ask->has_needed,
		.needed = ask->needed,
	};

	for (size_t i = 0; ask->approvers && i < ask->approvers->roles.count; i++)
		roles[group.roles.count++] =
			(enum approval_approver_role)ask->approvers->roles.items[i];
	group.roles.items = roles;
	if (group.roles.count > 0)
		request.approvers = &group;

	return terminal_call(t, &CALL_APPROVAL_APPROVAL_REQUEST, &request, ret, problem);
}

/* --- looking --- */

enum st cmd_approval_list(struct terminal *t, struct problem *problem)
{
	struct approval_approval_list_request request = {
		.state = (enum approval_request_state)terminal_choice(t, "state"),
		.agent_id = terminal_text(t, "agent"),
		.after = terminal_text(t, "after"),
		.has_limit = true,
		.limit = args_i64(&t->args, "limit", 20),
	};
	struct approval_approval_list_reply reply;
	struct table table;
	bool printed;

	if (args_has(&t->args, "mine"))
		TRY(terminal_person(t, &request.person_id, problem));
	TRY(terminal_ask(t, &CALL_APPROVAL_APPROVAL_LIST, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena,
		   "request|state|agent|owner|>score|tool|resource|>amount|why|trigger|before|"
		   "deadline");
	for (size_t i = 0; i < reply.items.count; i++) {
		const struct approval_approval *a = &reply.items.items[i];

		table_cell(&table, a->request_id);
		table_cell_c(&table, approval_request_state_names[a->state - 1]);
		table_cell(&table, a->action.agent_id);
		table_cell(&table, a->agent.owner);
		table_cell(&table, arena_printf(&t->arena, "%g", a->agent.score));
		table_cell(&table, a->action.tool);
		table_cell(&table, a->action.resource);
		table_cell(&table, money_text(t, a->action.has_amount, &a->action.amount));
		table_cell(&table, a->reason);
		table_cell_c(&table, approval_trigger_names[a->trigger - 1]);
		table_cell(&table, history_text(t, &a->similar));
		table_cell_c(&table, terminal_time(t, a->deadline_ms));
	}
	if (table.count == 0)
		terminal_say(t, "nothing waits\n");
	else
		terminal_table(t, &table);
	if (reply.next.data)
		terminal_say(t, "more: --after %.*s\n", STR_ARG(reply.next));
	return ST_OK;
}

static void who_and_what(struct terminal *t, const struct approval_approval *a)
{
	terminal_field(t, "agent",
		       arena_printf(&t->arena, "%.*s (%.*s), %.*s, tier %lld, %s",
				    STR_ARG(a->action.agent_id), STR_ARG(a->agent.name),
				    STR_ARG(a->agent.role), (long long)a->agent.tier,
				    approval_agent_view_state_names[a->agent.state - 1]));
	terminal_field(t, "of",
		       arena_printf(&t->arena, "%.*s, owner %.*s, score %g", STR_ARG(a->agent.unit),
				    STR_ARG(a->agent.owner), a->agent.score));
	terminal_field(t, "acts for", a->action.on_behalf_of);
	terminal_field(t, "wants",
		       arena_printf(&t->arena, "%s with %.*s",
				    approval_operation_names[a->action.operation - 1],
				    STR_ARG(a->action.tool)));
	terminal_field(t, "on", a->action.resource);
	terminal_field(t, "amount", money_text(t, a->action.has_amount, &a->action.amount));
	terminal_field(t, "summary", a->summary);
	terminal_field(t, "parameters", a->parameters);
	terminal_field(t, "parameters hash", a->action.parameters_hash);
	terminal_field(t, "action digest", a->action_digest);
}

static void why_and_until(struct terminal *t, const struct approval_approval *a)
{
	terminal_field(t, "why", a->reason);
	terminal_field(t, "trigger", str_of(approval_trigger_names[a->trigger - 1]));
	for (size_t i = 0; i < a->rules.count; i++)
		terminal_field(t, "rule", a->rules.items[i]);
	if (a->has_confidence)
		terminal_field(t, "confidence", arena_printf(&t->arena, "%g", a->confidence));
	terminal_field(t, "before", history_text(t, &a->similar));
	terminal_field(t, "asked by", a->requested_by);
	terminal_field(t, "asked are", roles_text(t, &a->group));
	terminal_field(t, "approvals",
		       arena_printf(&t->arena, "%lld of %lld", (long long)a->approvals,
				    (long long)a->needed));
	terminal_field(t, "asked at", str_of(terminal_time(t, a->created_at_ms)));
	terminal_field(t, "deadline", str_of(terminal_time(t, a->deadline_ms)));
	if (a->has_valid_until_ms)
		terminal_field(t, "good until", str_of(terminal_time(t, a->valid_until_ms)));
	if (a->has_ended_at_ms)
		terminal_field(t, "ended",
			       arena_printf(&t->arena, "%s by %.*s %.*s",
					    terminal_time(t, a->ended_at_ms), STR_ARG(a->ended_by),
					    STR_ARG(a->end_reason)));
}

static void request_say(struct terminal *t, const struct approval_approval_reply *reply)
{
	const struct approval_approval *a = &reply->approval;

	if (t->json)
		return;
	terminal_field(t, "id", a->request_id);
	terminal_field(t, "state", str_of(approval_request_state_names[a->state - 1]));
	who_and_what(t, a);
	why_and_until(t, a);
	for (size_t i = 0; i < reply->verdicts.count; i++) {
		const struct approval_given_verdict *v = &reply->verdicts.items[i];

		terminal_say(t, "%s: %s by %.*s with %.*s %.*s\n", terminal_time(t, v->given_at_ms),
			     approval_verdict_kind_names[v->verdict - 1], STR_ARG(v->person_id),
			     STR_ARG(v->act.key_id), STR_ARG(v->comment));
	}
}

static enum st request_get(struct terminal *t, struct str request_id,
			   struct approval_approval_reply *ret, struct problem *problem)
{
	struct approval_approval_get_request request = { .request_id = request_id };

	return terminal_call(t, &CALL_APPROVAL_APPROVAL_GET, &request, ret, problem);
}

enum st cmd_approval_show(struct terminal *t, struct problem *problem)
{
	int64_t until_ms = clock_boot_ms() + args_i64(&t->args, "wait", 0);
	struct str id = terminal_text(t, "request");
	struct approval_approval_reply reply;

	TRY(request_get(t, id, &reply, problem));
	while (reply.wait && clock_boot_ms() < until_ms) {
		process_sleep_ms(WAIT_POLL_MS);
		TRY(request_get(t, id, &reply, problem));
	}
	if (t->json)
		return terminal_json(t, &approval_approval_reply_type, &reply);
	request_say(t, &reply);
	return ST_OK;
}

/* --- judging --- */

enum st approval_judge(struct terminal *t, const struct signing_key *key,
		       const struct approval_approval *approval, enum approval_verdict_kind verdict,
		       struct str comment, struct approval_approval_reply *ret,
		       struct problem *problem)
{
	struct approval_verdict act = {
		.request_id = approval->request_id,
		.action_digest = approval->action_digest,
		.verdict = verdict,
		.comment = comment,
		.nonce = terminal_nonce(t),
		.issued_at_ms = terminal_now_ms(t),
	};
	struct approval_approval_verdict_request request = { .request_id = approval->request_id };

	TRY(terminal_sign_with(t, key, APPROVAL_VERDICT_PURPOSE, &approval_verdict_type, &act,
			       &request.act, problem));
	return terminal_call(t, &CALL_APPROVAL_APPROVAL_VERDICT, &request, ret, problem);
}

/* What is signed is shown first. */
static enum st judge(struct terminal *t, enum approval_verdict_kind verdict, const char *question,
		     const char *word, struct problem *problem)
{
	struct approval_approval_reply reply;
	struct signing_key key;
	enum st st;

	TRY(request_get(t, terminal_text(t, "request"), &reply, problem));
	request_say(t, &reply);
	TRY(terminal_confirm(t, question, word, problem));
	TRY(terminal_key(t, &key, problem));
	st = approval_judge(t, &key, &reply.approval, verdict, terminal_text(t, "comment"), &reply,
			    problem);
	signing_key_clear(&key);
	TRY(st);
	if (t->json)
		return terminal_json(t, &approval_approval_reply_type, &reply);
	terminal_say(t, "\nsigned; the request is %s%s%s\n",
		     approval_request_state_names[reply.approval.state - 1],
		     reply.approval.has_valid_until_ms ? ", good once until " : "",
		     reply.approval.has_valid_until_ms
			     ? terminal_time(t, reply.approval.valid_until_ms)
			     : "");
	return ST_OK;
}

enum st cmd_approval_approve(struct terminal *t, struct problem *problem)
{
	return judge(t, APPROVAL_VERDICT_KIND_APPROVE,
		     "You sign that exactly this action may be done once. A verdict stays.",
		     "approve", problem);
}

enum st cmd_approval_reject(struct terminal *t, struct problem *problem)
{
	return judge(t, APPROVAL_VERDICT_KIND_REJECT,
		     "You sign that this action is aborted. A verdict stays.", "reject", problem);
}

/* --- in advance --- */

static enum st grant_read(struct terminal *t, struct approval_preapproval_grant *ret,
			  struct problem *problem)
{
	*ret = (struct approval_preapproval_grant){
		.agent_id = terminal_text(t, "agent"),
		.unit = terminal_text(t, "unit"),
		.tool = terminal_text(t, "tool"),
		.operation = (enum approval_operation)terminal_choice(t, "operation"),
		.resource = terminal_text(t, "resource"),
		.uses_max = args_i64(&t->args, "uses", 0),
		.reason = terminal_text(t, "reason"),
		.nonce = terminal_nonce(t),
		.issued_at_ms = terminal_now_ms(t),
	};
	ret->valid_until_ms = ret->issued_at_ms + args_i64(&t->args, "for", 0);
	TRY(terminal_money(t, "each", &ret->amount_max, problem));
	return terminal_money(t, "total", &ret->amount_total, problem);
}

enum st cmd_approval_preapprove(struct terminal *t, struct problem *problem)
{
	struct approval_preapproval_add_request request;
	struct approval_preapproval_grant act;
	struct approval_preapproval_reply reply;
	bool printed;

	TRY(grant_read(t, &act, problem));
	TRY(terminal_confirm(t, "You sign for actions you will not see one by one.", "preapprove",
			     problem));
	act.issued_at_ms = terminal_now_ms(t);
	TRY(terminal_sign(t, APPROVAL_PREAPPROVAL_GRANT_PURPOSE, &approval_preapproval_grant_type,
			  &act, &request.act, problem));
	TRY(terminal_ask(t, &CALL_APPROVAL_PREAPPROVAL_ADD, &request, &reply, &printed, problem));
	if (!printed)
		terminal_say(t, "%.*s holds until %s; end it with: piopl approval revoke %.*s\n",
			     STR_ARG(reply.preapproval.preapproval_id),
			     terminal_time(t, reply.preapproval.valid_until_ms),
			     STR_ARG(reply.preapproval.preapproval_id));
	return ST_OK;
}

enum st cmd_approval_preapprovals(struct terminal *t, struct problem *problem)
{
	struct approval_preapproval_list_request request = {
		.agent_id = terminal_text(t, "agent"),
		.has_ended = args_has(&t->args, "ended"),
		.ended = true,
	};
	struct approval_preapproval_list_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_APPROVAL_PREAPPROVAL_LIST, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena,
		   "pre-approval|for|tool|operation|resource|used|amount used|until|usable|by");
	for (size_t i = 0; i < reply.items.count; i++) {
		const struct approval_preapproval *p = &reply.items.items[i];
		struct str used = money_text(t, true, &p->amount_used);

		table_cell(&table, p->preapproval_id);
		table_cell(&table, p->agent_id.data ? p->agent_id : p->unit);
		table_cell(&table, p->tool);
		table_cell_c(&table, approval_operation_names[p->operation - 1]);
		table_cell(&table, p->resource);
		table_cell(&table, arena_printf(&t->arena, "%lld of %lld", (long long)p->uses,
						(long long)p->uses_max));
		table_cell(&table, arena_printf(&t->arena, "%.*s of %.*s", STR_ARG(used),
						STR_ARG(money_text(t, true, &p->amount_total))));
		table_cell_c(&table, terminal_time(t, p->valid_until_ms));
		table_cell_c(&table, p->usable ? "yes" : "no");
		table_cell(&table, p->approved_by);
	}
	terminal_table(t, &table);
	return ST_OK;
}

static enum st request_withdraw(struct terminal *t, struct problem *problem)
{
	struct approval_approval_withdraw_request request = { .request_id = terminal_text(t, "id"),
							      .reason =
								      terminal_text(t, "reason") };
	struct approval_approval_reply reply;
	bool printed;

	TRY(terminal_ask(t, &CALL_APPROVAL_APPROVAL_WITHDRAW, &request, &reply, &printed, problem));
	if (!printed)
		terminal_say(t, "%.*s is taken back\n", STR_ARG(reply.approval.request_id));
	return ST_OK;
}

enum st cmd_approval_revoke(struct terminal *t, struct problem *problem)
{
	struct str id = terminal_text(t, "id");
	struct approval_preapproval_revocation act = { .preapproval_id = id,
						       .reason = terminal_text(t, "reason"),
						       .nonce = terminal_nonce(t) };
	struct approval_preapproval_revoke_request request = { .preapproval_id = id };
	struct approval_preapproval_reply reply;
	bool printed;

	TRY(terminal_confirm(t, "Nothing more is done by it.", id.data, problem));
	if (str_starts(id, "apr_"))
		return request_withdraw(t, problem);
	act.issued_at_ms = terminal_now_ms(t);
	TRY(terminal_sign(t, APPROVAL_PREAPPROVAL_REVOCATION_PURPOSE,
			  &approval_preapproval_revocation_type, &act, &request.act, problem));
	TRY(terminal_ask(t, &CALL_APPROVAL_PREAPPROVAL_REVOKE, &request, &reply, &printed,
			 problem));
	if (!printed)
		terminal_say(t, "%.*s has ended\n", STR_ARG(reply.preapproval.preapproval_id));
	return ST_OK;
}
