/* cmd_decision.c: decisions and the questions around them. */
#include "services/terminal/policy.h"

#include "json.h"
#include "token_check.h"

static const char *verdict_name(enum policy_verdict verdict)
{
	return policy_verdict_names[verdict - 1];
}

void decision_say(struct terminal *t, const struct policy_decision *decision)
{
	if (t->json)
		return;
	terminal_say(t, "%s, by version %lld of the documents%s%.*s\n",
		     verdict_name(decision->verdict), (long long)decision->version,
		     decision->evidence_id.data ? ", evidence " : "; nothing is recorded",
		     STR_ARG(decision->evidence_id));
	for (size_t i = 0; i < decision->reasons.count; i++) {
		const struct policy_decision_reason *r = &decision->reasons.items[i];

		terminal_say(t, "  %s, %s: %s%.*s%s%.*s%s%.*s\n", policy_check_names[r->check - 1],
			     verdict_name(r->verdict), r->document_id.data ? "\"" : "",
			     STR_ARG(r->document_id), r->document_id.data ? "\" (" : "",
			     STR_ARG(r->level), r->document_id.data ? ") " : "", STR_ARG(r->words));
	}
	for (size_t i = 0; i < decision->obligations.count; i++)
		terminal_say(t, "to do first: %s %.*s\n",
			     policy_obligation_kind_names[decision->obligations.items[i].kind - 1],
			     STR_ARG(decision->obligations.items[i].subject));
	if (decision->valid_for_ms > 0)
		terminal_say(t, "good for %.*s\n",
			     STR_ARG(duration_print(&t->arena, decision->valid_for_ms)));
}

/* --- what an agent would do --- */

static enum st token_read(struct terminal *t, struct str *ret, struct problem *problem)
{
	const char *file = args_text(&t->args, "token");

	if (!file)
		return ST_OK;
	TRY(terminal_read_file(t, file, ret, problem));
	while (ret->size > 0 &&
	       (ret->data[ret->size - 1] == '\n' || ret->data[ret->size - 1] == ' '))
		ret->size--;
	return ST_OK;
}

static enum st proof_make(struct terminal *t, struct policy_decide_request *in,
			  struct problem *problem)
{
	const char *file = args_text(&t->args, "holder-key");
	char text[TOKEN_PROOF_SIZE_MAX];
	struct signing_key key;
	enum st st;

	if (!file || !in->token.data)
		return ST_OK;
	TRY(signing_key_load(file, &key, problem));
	st = token_proof_make(&key, in->token, STR("decide"), in->tool, in->parameters_hash,
			      terminal_nonce(t), terminal_now_ms(t), text);
	signing_key_clear(&key);
	TRY(st);
	in->proof = arena_copy(&t->arena, str_of(text));
	return in->proof.data ? ST_OK : ST_NO_MEMORY;
}

static enum st context_read(struct terminal *t, const struct json **ret, struct problem *problem)
{
	struct str text = terminal_text(t, "context");
	struct json *node;

	if (!text.data)
		return ST_OK;
	if (json_parse(&t->arena, text, &node, problem) != ST_OK || node->kind != JSON_OBJECT)
		return problem_set(problem, ST_USAGE, "--context", "not a JSON object: %.*s",
				   STR_ARG(text));
	*ret = node;
	return ST_OK;
}

static enum st request_read(struct terminal *t, struct policy_decide_request *ret,
			    struct problem *problem)
{
	struct str hash = terminal_text(t, "hash");

	*ret = (struct policy_decide_request){
		.agent_id = terminal_text(t, "agent"),
		.tool = terminal_text(t, "tool"),
		.resource = terminal_text(t, "resource"),
		.has_amount = args_has(&t->args, "amount"),
		.has_confidence = args_has(&t->args, "confidence"),
		.confidence = args_fraction(&t->args, "confidence", 0),
		.has_data_in = args_has(&t->args, "data-in"),
		.has_data_out = args_has(&t->args, "data-out"),
		.endpoint = terminal_text(t, "endpoint"),
		.parameters_hash = hash.data ? hash : STR(HASH_OF_NOTHING),
		.approval_id = terminal_text(t, "approval"),
	};
	if (ret->has_amount)
		TRY(terminal_money(t, "amount", &ret->amount, problem));
	TRY(terminal_texts(t, "data-in", &ret->data_in.items, &ret->data_in.count));
	TRY(terminal_texts(t, "data-out", &ret->data_out.items, &ret->data_out.count));
	if (args_has(&t->args, "for")) {
		ret->on_behalf_of = ARENA_NEW(&t->arena, struct policy_delegation);
		if (!ret->on_behalf_of)
			return ST_NO_MEMORY;
		ret->on_behalf_of->user = terminal_text(t, "for");
	}
	TRY(context_read(t, &ret->context, problem));
	TRY(token_read(t, &ret->token, problem));
	return proof_make(t, ret, problem);
}

enum st cmd_policy_try(struct terminal *t, struct problem *problem)
{
	struct policy_decide_request request;
	struct policy_decision decision;
	bool printed;

	TRY(request_read(t, &request, problem));
	TRY(terminal_ask(t, &CALL_POLICY_TRY, &request, &decision, &printed, problem));
	decision_say(t, &decision);
	return ST_OK;
}

static enum st person_ask(struct terminal *t, const struct policy_decide_request *request,
			  const struct policy_decision *decision, struct problem *problem)
{
	struct approval_approval_reply reply;

	TRY(approval_ask(t, request, decision, &reply, problem));
	terminal_say(t,
		     "asked: %.*s waits for a person until %s\n"
		     "when it is approved, decide again with: --approval %.*s\n",
		     STR_ARG(reply.approval.request_id),
		     terminal_time(t, reply.approval.deadline_ms),
		     STR_ARG(reply.approval.request_id));
	return t->json ? terminal_json(t, &approval_approval_reply_type, &reply) : ST_OK;
}

enum st cmd_policy_decide(struct terminal *t, struct problem *problem)
{
	struct policy_decide_request request;
	struct policy_decision decision;
	bool asks;

	TRY(request_read(t, &request, problem));
	TRY(terminal_call(t, &CALL_POLICY_DECIDE, &request, &decision, problem));
	asks = args_has(&t->args, "ask") && decision.ask;
	decision_say(t, &decision);
	if (asks)
		return person_ask(t, &request, &decision, problem);
	if (t->json)
		return terminal_json(t, &policy_decision_type, &decision);
	if (decision.ask)
		terminal_say(t, "a person is needed; ask one with: --ask\n");
	return ST_OK;
}

/* --- questions --- */

enum st cmd_policy_explain(struct terminal *t, struct problem *problem)
{
	struct policy_explain_request request = { .evidence_id = terminal_text(t, "decision") };
	struct policy_explanation reply;
	bool printed;

	TRY(terminal_ask(t, &CALL_POLICY_EXPLAIN, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	terminal_say(t, "%.*s wanted %.*s at %s: %s, by version %lld of the documents\n",
		     STR_ARG(reply.agent_id), STR_ARG(reply.tool), terminal_time(t, reply.at_ms),
		     verdict_name(reply.verdict), (long long)reply.version);
	for (size_t i = 0; i < reply.reasons.count; i++)
		terminal_say(t, "  %.*s\n", STR_ARG(reply.reasons.items[i]));
	if (reply.shadow != POLICY_VERDICT_NONE)
		terminal_say(t, "with the documents in shadow it would have been: %s\n",
			     verdict_name(reply.shadow));
	terminal_say(t, "outcome: %.*s%s\n", STR_ARG(reply.outcome),
		     reply.overdue ? ", not reported in time" : "");
	return ST_OK;
}

enum st cmd_policy_what_may(struct terminal *t, struct problem *problem)
{
	struct policy_what_may_request request = { .agent_id = terminal_text(t, "agent"),
						   .on_behalf_of = terminal_text(t, "for"),
						   .resource = terminal_text(t, "resource") };
	struct policy_what_may_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_POLICY_WHAT_MAY, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, "tool|verdict|why");
	for (size_t i = 0; i < reply.tools.count; i++) {
		table_cell(&table, reply.tools.items[i].tool);
		table_cell_c(&table, verdict_name(reply.tools.items[i].verdict));
		table_cell(&table, reply.tools.items[i].words);
	}
	terminal_table(t, &table);
	return ST_OK;
}

enum st cmd_policy_who_may(struct terminal *t, struct problem *problem)
{
	struct policy_who_may_request request = {
		.tool = terminal_text(t, "tool"),
		.resource = terminal_text(t, "resource"),
		.has_limit = true,
		.limit = args_i64(&t->args, "limit", 100),
		.after = terminal_text(t, "after"),
	};
	struct policy_who_may_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_POLICY_WHO_MAY, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, "agent|verdict");
	for (size_t i = 0; i < reply.agents.count; i++) {
		table_cell(&table, reply.agents.items[i].agent_id);
		table_cell_c(&table, verdict_name(reply.agents.items[i].verdict));
	}
	terminal_table(t, &table);
	if (reply.next.data)
		terminal_say(t, "more: --after %.*s\n", STR_ARG(reply.next));
	return ST_OK;
}

static enum st rules_ask(struct terminal *t, const struct policy_which_policies_request *request,
			 struct problem *problem)
{
	struct policy_which_policies_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_POLICY_WHICH_POLICIES, request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, "document|node|>line|what it says");
	for (size_t i = 0; i < reply.rules.count; i++) {
		table_cell(&table, reply.rules.items[i].document_id);
		table_cell(&table, reply.rules.items[i].node);
		table_cell_i64(&table, reply.rules.items[i].line);
		table_cell(&table, reply.rules.items[i].words);
	}
	terminal_table(t, &table);
	return ST_OK;
}

enum st cmd_policy_touching(struct terminal *t, struct problem *problem)
{
	struct policy_which_policies_request request = { .tool = terminal_text(t, "tool"),
							 .resource = terminal_text(t, "resource"),
							 .data_class = terminal_text(t, "data") };

	return rules_ask(t, &request, problem);
}

enum st cmd_grant_list(struct terminal *t, struct problem *problem)
{
	struct policy_which_policies_request request = { .tool = terminal_text(t, "tool"),
							 .resource = terminal_text(t, "resource"),
							 .has_grants = true,
							 .grants = true };

	return rules_ask(t, &request, problem);
}

/* --- a grant as a document --- */

static void quoted(struct buf *buf, const char *name, struct str value)
{
	if (!value.data)
		return;
	buf_printf(buf, "%s: ", name);
	json_write_string(buf, value);
	buf_add_c(buf, ", ");
}

/* Names and values are quoted as JSON, which YAML reads the same. */
static enum st grant_text(struct terminal *t, struct str *ret, struct problem *problem)
{
	struct str node = terminal_text(t, "node"), level = terminal_text(t, "level");
	struct str user = terminal_text(t, "user");
	size_t operations = args_times(&t->args, "operation");
	struct buf buf;

	if ((level.data != NULL) == (operations > 0))
		return problem_set(problem, ST_USAGE, "", "give --level, or --operation");
	buf_init(&buf, &t->arena, 512);
	buf_add_c(&buf, "crudlex:\n  id: ");
	json_write_string(&buf, terminal_text(t, "grant"));
	if (!node.data || str_is(node, "root"))
		buf_add_c(&buf, "\n  root: true\n");
	else
		buf_printf(&buf, "\n  %s: \"%.*s\"\n",
			   str_starts(node, "piopl_") ? "agent" : "unit", STR_ARG(node));
	buf_add_c(&buf, user.data ? "  users:\n    - {" : "  agents:\n    - {");
	quoted(&buf, "user", user);
	quoted(&buf, "agent", terminal_text(t, "agent"));
	quoted(&buf, "role", terminal_text(t, "role"));
	quoted(&buf, "unit", terminal_text(t, "unit"));
	quoted(&buf, "resource", terminal_text(t, "resource"));
	if (args_has(&t->args, "standing"))
		buf_add_c(&buf, "standing: true, ");
	if (!args_has(&t->args, "deny") && level.data)
		quoted(&buf, "level", level);
	else
		buf_add_c(&buf, args_has(&t->args, "deny") ? "deny: [" : "operations: [");
	for (size_t i = 0; i < operations; i++)
		buf_printf(&buf, "%s%s", i > 0 ? ", " : "", args_nth(&t->args, "operation", i));
	buf_printf(&buf, "%s}\n", operations > 0 ? "]" : "");
	*ret = buf_str(&buf);
	return ret->data ? ST_OK : ST_NO_MEMORY;
}

enum st cmd_grant_add(struct terminal *t, struct problem *problem)
{
	struct policy_document_change change = { .has_revision = true,
						 .state = POLICY_DOCUMENT_STATE_ACTIVE };
	struct policy_version version;
	struct policy_document d;
	struct str text, person;
	bool is_new;

	if (args_has(&t->args, "deny") && args_has(&t->args, "level"))
		return problem_set(problem, ST_USAGE, "", "--deny takes away single --operation");
	TRY(grant_text(t, &text, problem));
	TRY(terminal_person(t, &person, problem));
	TRY(policy_put(t, text, (struct str){ 0 }, &d, &is_new, problem));
	terminal_say(t, "%.*s", STR_ARG(text));
	TRY(terminal_confirm(t, "The grant counts from then on.", "grant", problem));
	change.document_id = d.document_id;
	change.revision = d.revision;
	TRY(policy_change(t, &change, 1, -1, &version, problem));
	if (version.version < 0) /* people were asked instead */
		return ST_OK;
	if (t->json)
		return terminal_json(t, &policy_version_type, &version);
	terminal_say(t, "version %lld is in force: %lld documents\n", (long long)version.version,
		     (long long)version.documents);
	return ST_OK;
}
