/* core_decide.c: the checks of one decision, in their order. The first that denies ends it. */
#include "decide.h"
#include "money.h"

#define RISK_HIGH 3

struct run {
	const struct decide_input *in;
	struct arena *arena;
	struct decision *out;
};

static const struct value *attribute(const struct run *run, enum attribute attribute)
{
	return &run->in->evaluation->request.attributes[attribute];
}

static void note(struct run *run, enum check check, enum verdict verdict, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void note(struct run *run, enum check check, enum verdict verdict, const char *format, ...)
{
	struct decision *out = run->out;
	va_list args;

	ASSERT(out->note_count < CHECKS_MAX);
	va_start(args, format);
	out->notes[out->note_count++] =
		(struct check_note){ check, verdict, arena_vprintf(run->arena, format, args) };
	va_end(args);
	if (verdict > out->verdict)
		out->verdict = verdict;
}

static bool denied(const struct run *run)
{
	return run->out->verdict == VERDICT_DENY;
}

uint8_t tool_risk(const struct tool_declaration *tool)
{
	if (tool->risk > 0)
		return tool->risk;
	if (tool->operation == CRUDLEX_READ || tool->operation == CRUDLEX_LIST || tool->reversible)
		return 1;
	return tool->operation == CRUDLEX_EXECUTE ? RISK_HIGH : 2;
}

static const char *risk_name(uint8_t risk)
{
	static const char *const names[] = { "no", "low", "medium", "high", "critical" };

	return names[risk];
}

static void check_agent(struct run *run)
{
	static const char *const states[] = { "", "pending", "active", "paused", "terminated" };
	const struct agent *agent = run->in->agent;

	if (!agent)
		note(run, CHECK_AGENT, VERDICT_DENY, "no such agent is registered");
	else if (agent->state != AGENT_ACTIVE)
		note(run, CHECK_AGENT, VERDICT_DENY, "the agent is %s, not active",
		     states[agent->state]);
	else if (run->in->stale && tool_risk(&run->in->tool) >= RISK_HIGH)
		note(run, CHECK_AGENT, VERDICT_DENY,
		     "what is known of agents and tokens is too old for a use of %s risk",
		     risk_name(tool_risk(&run->in->tool)));
}

static void check_constitution(struct run *run)
{
	const struct decide_input *in = run->in;

	if (in->constitution_hash.size == 0)
		note(run, CHECK_CONSTITUTION, VERDICT_DENY, "no constitution is in force");
	else if (!str_equal(in->agent->constitution_hash, in->constitution_hash))
		note(run, CHECK_CONSTITUTION, VERDICT_DENY,
		     "the agent is bound to another constitution than the one in force");
	else if (in->said_constitution_hash.size > 0 &&
		 !str_equal(in->said_constitution_hash, in->constitution_hash))
		note(run, CHECK_CONSTITUTION, VERDICT_DENY,
		     "the agent runs under another constitution than the one in force");
}

static void check_token(struct run *run)
{
	const struct token_answer *token = &run->in->token;
	uint8_t risk = tool_risk(&run->in->tool);

	if (!token->required)
		return;
	if (!token->given)
		note(run, CHECK_TOKEN, VERDICT_DENY, "a capability token is required");
	else if (token->st != ST_OK)
		note(run, CHECK_TOKEN, VERDICT_DENY, "%s (%s)", st_info(token->st)->title,
		     st_info(token->st)->code);
	else if (token->risk < risk)
		note(run, CHECK_TOKEN, VERDICT_DENY,
		     "the token is of %s risk, the tool's use of %s", risk_name(token->risk),
		     risk_name(risk));
}

struct approvers approvers_wanted(const struct decide_input *in, const struct outcome *outcome)
{
	return (struct approvers){ .roles = in->approver_roles & outcome->approvers.roles,
				   .count = outcome->approvers.count > 0 ? outcome->approvers.count
									 : 1 };
}

/* Asked where people's approval is needed: each of them counts once. */
static bool approved(struct run *run, struct approvers wanted)
{
	int64_t count = 0;

	for (size_t i = 0; i < run->in->approving_count; i++)
		count += (run->in->approving[i] & wanted.roles) != 0;
	if (run->in->approved && count >= wanted.count) {
		run->out->approval_used = true;
		return true;
	}
	run->out->approval_short |= run->in->approved;
	return false;
}

static void check_tier(struct run *run)
{
	const struct tool_declaration *tool = &run->in->tool;
	const struct value *amount = attribute(run, ATTRIBUTE_AMOUNT);
	int tier = run->in->agent->tier;
	uint8_t risk = tool_risk(tool);

	if (risk > 1 && tier == 0)
		note(run, CHECK_TIER, VERDICT_DENY, "tier 0 has low risk only, this is of %s risk",
		     risk_name(risk));
	else if (risk >= RISK_HIGH && tier < 2)
		note(run, CHECK_TIER, VERDICT_DENY, "%s risk needs tier 2", risk_name(risk));
	else if (amount->type == VALUE_NUMBER && amount->i64 > 0 && tier == 0)
		note(run, CHECK_TIER, VERDICT_DENY, "a tier 0 agent cannot spend");
	else if (tier == 2 && !tool->reversible &&
		 (tool->operation == CRUDLEX_EXECUTE || tool->operation == CRUDLEX_DELETE) &&
		 !approved(run, (struct approvers){ run->in->approver_roles, 1 }))
		note(run, CHECK_TIER, VERDICT_REQUIRE_APPROVAL,
		     "at tier 2 a human approves what cannot be undone");
}

static bool listed(const struct str_list *list, struct str text)
{
	for (size_t i = 0; i < list->count; i++)
		if (str_equal(list->items[i], text))
			return true;
	return false;
}

static void check_endpoint(struct run *run)
{
	const struct value *endpoint = attribute(run, ATTRIBUTE_ENDPOINT);

	if (endpoint->type == VALUE_STRING && !listed(&run->in->agent->can_send_to, endpoint->text))
		note(run, CHECK_ENDPOINT, VERDICT_DENY,
		     "\"%.*s\" is not among the endpoints the agent can send to",
		     STR_ARG(endpoint->text));
}

/* The class itself, or one below it. */
static bool is_class(struct str class, struct str above)
{
	return class.size >= above.size && memcmp(class.data, above.data, above.size) == 0 &&
	       (class.size == above.size || class.data[above.size] == '.');
}

static void check_never_sends(struct run *run)
{
	const struct value *classes = attribute(run, ATTRIBUTE_DATA_OUT);
	const struct str_list *never = &run->in->agent->never_sends;

	for (size_t i = 0; i < classes->count; i++) {
		for (size_t j = 0; j < never->count; j++) {
			if (!is_class(classes->items[i], never->items[j]))
				continue;
			note(run, CHECK_NEVER_SENDS, VERDICT_DENY, "the agent never sends \"%.*s\"",
			     STR_ARG(never->items[j]));
			return;
		}
	}
}

static void check_spend(struct run *run)
{
	const struct value *amount = attribute(run, ATTRIBUTE_AMOUNT);
	const struct agent *agent = run->in->agent;
	const struct token_answer *token = &run->in->token;
	char number[MONEY_TEXT_SIZE];
	int64_t max = agent->spend_max, total;

	if (amount->type != VALUE_NUMBER || amount->i64 == 0)
		return;
	if (amount->i64 < 0) {
		note(run, CHECK_SPEND_CAP, VERDICT_DENY, "an amount is not negative");
		return;
	}
	if (!str_is(run->in->currency, agent->currency)) {
		note(run, CHECK_SPEND_CAP, VERDICT_DENY, "the agent spends %s, not %.*s",
		     agent->currency, STR_ARG(run->in->currency));
		return;
	}
	if (token->required && token->amount_limited && token->amount_max < max)
		max = token->amount_max;
	if (__builtin_add_overflow(run->in->spent_today, amount->i64, &total) || total > max) {
		micros_print(max, number);
		note(run, CHECK_SPEND_CAP, VERDICT_DENY,
		     "with this the agent would spend more than %s %s today", number,
		     agent->currency);
		return;
	}
	run->out->reserve = amount->i64;
}

static uint8_t operation_of(const struct run *run)
{
	return run->in->tool.operation;
}

static void check_floor(struct run *run)
{
	const struct value *confidence = attribute(run, ATTRIBUTE_CONFIDENCE);
	uint8_t operation = operation_of(run);
	char number[MONEY_TEXT_SIZE];

	if (confidence->type == VALUE_NONE &&
	    (operation == CRUDLEX_READ || operation == CRUDLEX_LIST))
		return;
	if (confidence->type == VALUE_NUMBER && confidence->i64 >= run->in->agent->floor)
		return;
	micros_print(run->in->agent->floor, number);
	note(run, CHECK_CONFIDENCE_FLOOR, VERDICT_DENY,
	     "the confidence is below the agent's floor of %s, or not said", number);
}

static void check_crudlex(struct run *run)
{
	const struct agent *agent = run->in->agent;
	const struct value *user = attribute(run, ATTRIBUTE_USER);
	struct crudlex_subject subject = { agent->id, agent->name, agent->role, agent->unit,
					   user->text };
	struct crudlex_answer answer;
	uint8_t operation = operation_of(run);

	if (run->in->operation != 0 && run->in->operation != operation) {
		note(run, CHECK_CRUDLEX, VERDICT_DENY, "the tool's operation is %s, not %s",
		     crudlex_operation_name(operation), crudlex_operation_name(run->in->operation));
		return;
	}
	crudlex_decide(agent->chain.documents, agent->chain.count, &subject, operation,
		       run->in->tool.reversible, &run->in->evaluation->request, &answer);
	if (answer.result == CRUDLEX_DENIED)
		note(run, CHECK_CRUDLEX, VERDICT_DENY, "%s is denied by \"%.*s\", line %u",
		     crudlex_operation_name(operation), STR_ARG(answer.document->id),
		     answer.grant->line);
	else if (answer.result == CRUDLEX_NOT_GRANTED)
		note(run, CHECK_CRUDLEX, VERDICT_DENY, "no grant of the %s dimension gives %s",
		     crudlex_dimension_name(answer.dimension), crudlex_operation_name(operation));
}

/* What an approval leaves: data that has to be changed stays so. */
static bool changes_data(const struct outcome *outcome)
{
	for (size_t i = 0; i < outcome->obligation_count; i++)
		if (outcome->obligations[i].kind == OBLIGATION_TOKENIZE ||
		    outcome->obligations[i].kind == OBLIGATION_MASK)
			return true;
	return false;
}

static void check_policy(struct run *run)
{
	struct decision *out = run->out;

	out->evaluated = true;
	evaluate(&run->in->agent->chain, run->in->evaluation, &out->outcome);
	enum verdict verdict = out->outcome.verdict;
	struct approvers wanted = approvers_wanted(run->in, &out->outcome);
	if (verdict == VERDICT_REQUIRE_APPROVAL && wanted.roles == 0) {
		note(run, CHECK_POLICY, VERDICT_DENY,
		     "nobody may approve this: the rules have no role in common");
		return;
	}
	if (verdict == VERDICT_REQUIRE_APPROVAL && approved(run, wanted))
		verdict = changes_data(&out->outcome) ? VERDICT_MODIFY : VERDICT_ALLOW;
	if (verdict > out->verdict)
		out->verdict = verdict;
}

static void check_rates(struct run *run)
{
	static const struct rate_limit throttle = { THROTTLED_COUNT, THROTTLED_PER_MS };
	const struct outcome *outcome = &run->out->outcome;

	if (run->in->agent->throttled &&
	    !run->in->take(run->in->take_context, STR("*"), &throttle)) {
		note(run, CHECK_RATE_LIMIT, VERDICT_DENY, "the agent is throttled to %d per %d s",
		     THROTTLED_COUNT, THROTTLED_PER_MS / 1000);
		return;
	}
	for (size_t i = 0; i < outcome->obligation_count; i++) {
		const struct obligation *o = &outcome->obligations[i];
		if (o->kind != OBLIGATION_RATE_LIMIT ||
		    run->in->take(run->in->take_context, o->subject, &o->rate))
			continue;
		note(run, CHECK_RATE_LIMIT, VERDICT_DENY, "\"%.*s\" was used %lld times in %lld s",
		     STR_ARG(o->subject), (long long)o->rate.count,
		     (long long)o->rate.per_ms / 1000);
		return;
	}
}

static void check_phase(struct run *run)
{
	if (run->in->tool.phase > run->in->phase)
		note(run, CHECK_PHASE, VERDICT_DENY,
		     "the tool opens with phase %lld, the installation is in phase %lld",
		     (long long)run->in->tool.phase, (long long)run->in->phase);
}

/* What became of an approval that was named, where one was needed. */
static void note_approval(struct run *run)
{
	const struct decide_input *in = run->in;
	bool asks = run->out->verdict == VERDICT_REQUIRE_APPROVAL;

	if (in->approval_words.size == 0 ||
	    (in->approved ? !run->out->approval_used && !asks : !asks))
		return;
	if (asks && run->out->approval_short)
		note(run, CHECK_POLICY, VERDICT_REQUIRE_APPROVAL,
		     "%.*s; the rules want more or other people", STR_ARG(in->approval_words));
	else
		note(run, CHECK_POLICY, in->approved ? VERDICT_ALLOW : VERDICT_REQUIRE_APPROVAL,
		     "%.*s", STR_ARG(in->approval_words));
}

void decide(const struct decide_input *in, struct arena *arena, struct decision *ret)
{
	static void (*const checks[])(struct run * run) = {
		check_agent,    check_constitution, check_token, check_tier,
		check_endpoint, check_never_sends,  check_spend, check_floor,
		check_crudlex,  check_policy,       check_rates, check_phase,
	};
	struct run run = { in, arena, ret };

	ret->verdict = VERDICT_ALLOW;
	ret->note_count = 0;
	ret->evaluated = false;
	ret->approval_used = ret->approval_short = false;
	ret->reserve = 0;
	ret->outcome.obligation_count = ret->outcome.reason_count = 0;
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && !denied(&run); i++)
		checks[i](&run);
	note_approval(&run);
	if (denied(&run))
		ret->reserve = 0;
}
