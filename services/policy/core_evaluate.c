/* core_evaluate.c: the five types over one request. Everything was compiled and indexed when the
 * documents were loaded; here is only reading. */
#include "evaluate.h"

struct run {
	const struct evaluation *e;
	struct outcome *out;
	uint64_t tool_hash;
	uint16_t at; /* document in the chain */
};

static const struct value *attribute(const struct run *run, enum attribute attribute)
{
	return &run->e->request.attributes[attribute];
}

static void say(struct run *run, enum reason_kind kind, enum verdict verdict,
		const struct rule *rule, struct str subject)
{
	struct outcome *out = run->out;
	struct reason reason = { kind, verdict, run->at, rule, subject };

	if (out->reason_count < REASONS_MAX) {
		out->reasons[out->reason_count++] = reason;
	} else {
		out->more_reasons = true;
		if (verdict > out->verdict)
			out->reasons[REASONS_MAX - 1] = reason;
	}
	if (verdict > out->verdict)
		out->verdict = verdict;
}

/* The strictest: people whom every rule would have, and as many as the most demanding wants. */
static void approvers_add(struct run *run, const struct rule *rule)
{
	struct approvers_said *all = &run->out->approvers;

	if (rule->approvers.count == 0)
		return;
	all->roles &= rule->approvers.roles;
	if (rule->approvers.count > all->count)
		all->count = rule->approvers.count;
}

static void say_rule(struct run *run, enum reason_kind kind, enum verdict verdict,
		     const struct rule *rule)
{
	say(run, kind, verdict, rule, (struct str){ 0 });
}

static void oblige(struct run *run, enum obligation_kind kind, struct str subject,
		   struct rate_limit rate)
{
	struct outcome *out = run->out;

	for (size_t i = 0; i < out->obligation_count; i++) {
		struct obligation *o = &out->obligations[i];
		if (o->kind == kind && str_equal(o->subject, subject) &&
		    o->rate.per_ms == rate.per_ms) {
			if (rate.count < o->rate.count)
				o->rate = rate;
			return;
		}
	}
	if (out->obligation_count == OBLIGATIONS_MAX) {
		say_rule(run, REASON_TOO_MANY, VERDICT_DENY, NULL);
		return;
	}
	out->obligations[out->obligation_count++] = (struct obligation){ kind, subject, rate };
}

static bool any_matches(const struct str_list *patterns, struct str name)
{
	for (size_t i = 0; i < patterns->count; i++)
		if (pattern_matches(patterns->items[i], name))
			return true;
	return false;
}

/* -- tool-access -- */

/* A rule over some resources, and a request that does not say which: a denial holds, an
 * allowance does not. */
static bool scope_covers(const struct run *run, const struct rule *rule)
{
	const struct value *resource = attribute(run, ATTRIBUTE_RESOURCE);

	if (rule->scope.count == 0)
		return true;
	if (resource->type == VALUE_NONE)
		return rule->allow == CHOICE_NO;
	return any_matches(&rule->scope, resource->text);
}

static bool tool_rule_applies(const struct run *run, const struct rule *rule)
{
	if (!scope_covers(run, rule))
		return false;
	if (!rule->has_condition)
		return true;
	enum truth truth = condition_test(&rule->condition, &run->e->request);
	return rule->allow == CHOICE_NO ? truth != TRUTH_FALSE : truth == TRUTH_TRUE;
}

static bool amount_passes(const struct run *run, const struct rule *rule)
{
	const struct value *amount = attribute(run, ATTRIBUTE_AMOUNT);

	return !rule->has_amount_max ||
	       (amount->type == VALUE_NUMBER && amount->i64 <= rule->amount_max);
}

static void limits_add(struct run *run, const struct rule *rule)
{
	if (rule->has_amount_max && rule->amount_max < run->out->amount_max)
		run->out->amount_max = rule->amount_max;
	if (rule->rate.count > 0)
		oblige(run, OBLIGATION_RATE_LIMIT, attribute(run, ATTRIBUTE_TOOL)->text,
		       rule->rate);
}

static void tool_allow(struct run *run, const struct rule *rule)
{
	limits_add(run, rule);
	if (!amount_passes(run, rule))
		say_rule(run, REASON_AMOUNT, VERDICT_DENY, rule);
	else
		say_rule(run, REASON_RULE,
			 rule->require_approval == CHOICE_YES ? VERDICT_REQUIRE_APPROVAL
							      : VERDICT_ALLOW,
			 rule);
	approvers_add(run, rule);
	run->out->tool_allowed = true;
}

static void tool_group(struct run *run, const struct document *d, uint32_t number)
{
	const struct rule_group *group = &d->groups[number];
	const struct rule *allowing = NULL;
	bool applied = false;

	for (uint32_t i = group->first; i < group->first + group->count; i++) {
		const struct rule *rule = &d->rules[i];
		if (rule->allow == CHOICE_YES)
			allowing = rule;
		if (!tool_rule_applies(run, rule))
			continue;
		applied = true;
		if (rule->allow == CHOICE_YES)
			tool_allow(run, rule);
		else
			say_rule(run, REASON_RULE, VERDICT_DENY, rule);
	}
	if (!applied && allowing)
		say_rule(run, REASON_OUTSIDE_SCOPE, VERDICT_DENY, allowing);
}

static const struct tool_entry *tool_find(const struct run *run, const struct document *d)
{
	struct str tool = attribute(run, ATTRIBUTE_TOOL)->text;
	uint32_t at = (uint32_t)run->tool_hash & d->tool_mask;

	for (; d->tool_entries[at].hash != 0; at = (at + 1) & d->tool_mask)
		if (d->tool_entries[at].hash == run->tool_hash &&
		    str_equal(d->tool_entries[at].tool, tool))
			return &d->tool_entries[at];
	return NULL;
}

static void run_tools(struct run *run, const struct document *d)
{
	const struct tool_entry *entry = tool_find(run, d);
	struct str tool = attribute(run, ATTRIBUTE_TOOL)->text;
	bool named = entry != NULL;

	for (uint32_t i = 0; entry && i < entry->count; i++)
		tool_group(run, d, d->tool_groups[entry->first + i]);
	for (uint32_t i = 0; !entry && i < d->pattern_group_count; i++) {
		uint32_t group = d->pattern_groups[i];
		if (!pattern_matches(d->groups[group].name, tool))
			continue;
		named = true;
		tool_group(run, d, group);
	}
	if (!named && d->others_denied)
		say_rule(run, REASON_OTHERS_DENIED, VERDICT_DENY, NULL);
}

/* -- data-access -- */

static void data_class(struct run *run, const struct document *d, struct str class, bool writes,
		       uint32_t *allowed, uint32_t bit)
{
	bool named = false;

	for (size_t i = 0; i < d->rule_count; i++) {
		const struct rule *rule = &d->rules[i];
		if (!pattern_matches(rule->name, class))
			continue;
		named = true;
		if (rule->allow == CHOICE_NO || !(writes ? rule->write : rule->read)) {
			say(run, REASON_RULE, VERDICT_DENY, rule, class);
			continue;
		}
		*allowed |= bit;
		if (rule->tokenize == CHOICE_YES) {
			oblige(run, OBLIGATION_TOKENIZE, class, (struct rate_limit){ 0 });
			say(run, REASON_RULE, VERDICT_MODIFY, rule, class);
		}
	}
	if (!named && d->others_denied)
		say(run, REASON_OTHERS_DENIED, VERDICT_DENY, NULL, class);
}

static void run_data(struct run *run, const struct document *d)
{
	const struct value *in = attribute(run, ATTRIBUTE_DATA_IN);
	const struct value *out = attribute(run, ATTRIBUTE_DATA_OUT);

	for (size_t i = 0; i < in->count; i++)
		data_class(run, d, in->items[i], false, &run->out->in_allowed,
			   UINT32_C(1) << (i % EVALUATE_CLASSES_MAX));
	for (size_t i = 0; i < out->count; i++)
		data_class(run, d, out->items[i], true, &run->out->out_allowed,
			   UINT32_C(1) << (i % EVALUATE_CLASSES_MAX));
}

/* -- temporal-and-thresholds -- */

static enum verdict temporal_verdict(const struct rule *rule)
{
	if (rule->allow == CHOICE_NO)
		return VERDICT_DENY;
	if (rule->defer)
		return VERDICT_DEFER;
	if (rule->require_approval == CHOICE_YES)
		return VERDICT_REQUIRE_APPROVAL;
	return VERDICT_SILENT;
}

/* Whatever such a rule says restricts, so unknown is as true. */
static void run_temporal(struct run *run, const struct document *d)
{
	struct str tool = attribute(run, ATTRIBUTE_TOOL)->text;

	for (size_t i = 0; i < d->rule_count; i++) {
		const struct rule *rule = &d->rules[i];
		if (rule->tools.count > 0 && !any_matches(&rule->tools, tool))
			continue;
		if (condition_test(&rule->condition, &run->e->request) == TRUTH_FALSE)
			continue;
		limits_add(run, rule);
		approvers_add(run, rule);
		if (!amount_passes(run, rule))
			say_rule(run, REASON_AMOUNT, VERDICT_DENY, rule);
		enum verdict verdict = temporal_verdict(rule);
		if (verdict != VERDICT_SILENT)
			say_rule(run, REASON_RULE, verdict, rule);
	}
}

/* -- identity -- */

static bool agent_named(const struct run *run, const struct document *d)
{
	const struct value *id = attribute(run, ATTRIBUTE_AGENT_ID);
	const struct value *name = attribute(run, ATTRIBUTE_AGENT_NAME);

	return (id->type == VALUE_STRING && any_matches(&d->agents, id->text)) ||
	       (name->type == VALUE_STRING && any_matches(&d->agents, name->text));
}

/* An agent that acts for nobody needs no identity here; CRUDLEX asks it for a standing grant. */
static void run_identity(struct run *run, const struct document *d)
{
	const struct value *user = attribute(run, ATTRIBUTE_USER);

	if (user->type == VALUE_NONE)
		return;
	if (d->method.size > 0 &&
	    (!str_equal(d->method, run->e->auth_method) ||
	     (d->issuer.size > 0 && !str_equal(d->issuer, run->e->auth_issuer))))
		say_rule(run, REASON_NOT_AUTHENTICATED, VERDICT_DENY, d->rules);
	if (d->has_agents && !agent_named(run, d))
		say_rule(run, REASON_AGENT_NOT_NAMED, VERDICT_DENY, d->rules);
	if (!d->has_users)
		return;
	if (any_matches(&d->users, user->text))
		run->out->user_allowed = true;
	else
		say_rule(run, REASON_USER_NOT_NAMED, VERDICT_DENY, d->rules);
}

/* -- validation -- */

static const struct detection *detection_of(const struct run *run, struct str validation)
{
	for (size_t i = 0; i < run->e->detection_count; i++)
		if (str_equal(run->e->detections[i].validation, validation))
			return &run->e->detections[i];
	return NULL;
}

/* What only reads gives nothing out that could be wrong. */
static bool gives_out(const struct run *run)
{
	const struct value *operation = attribute(run, ATTRIBUTE_OPERATION);

	return operation->type == VALUE_NONE ||
	       !(str_is(operation->text, "read") || str_is(operation->text, "list"));
}

static void run_threshold(struct run *run, const struct rule *rule,
			  const struct detection *detection)
{
	const struct value *confidence = attribute(run, ATTRIBUTE_CONFIDENCE);
	int64_t score = -1;

	if (detection && detection->score >= 0)
		score = detection->score;
	else if (confidence->type == VALUE_NUMBER && str_is(rule->name, "hallucination-check"))
		score = confidence->i64;
	if (score < 0 && !gives_out(run))
		return;
	if (score < rule->threshold)
		say_rule(run, REASON_CONFIDENCE, VERDICT_DENY, rule);
}

static void act_on(struct run *run, const struct rule *rule, struct str class)
{
	switch (rule->action) {
	case DETECTION_BLOCK_AND_ALERT:
		oblige(run, OBLIGATION_ALERT, rule->name, (struct rate_limit){ 0 });
		say(run, REASON_RULE, VERDICT_DENY, rule, class);
		return;
	case DETECTION_BLOCK:
		say(run, REASON_RULE, VERDICT_DENY, rule, class);
		return;
	case DETECTION_ESCALATE:
		say(run, REASON_RULE, VERDICT_REQUIRE_APPROVAL, rule, class);
		return;
	case DETECTION_TOKENIZE:
	case DETECTION_MASK:
		oblige(run, rule->action == DETECTION_MASK ? OBLIGATION_MASK : OBLIGATION_TOKENIZE,
		       class, (struct rate_limit){ 0 });
		say(run, REASON_RULE, VERDICT_MODIFY, rule, class);
		return;
	case DETECTION_NONE:
		return;
	}
}

static void classes_found(struct run *run, const struct rule *rule, const struct value *classes)
{
	for (size_t i = 0; i < classes->count; i++)
		if (any_matches(&rule->classes, classes->items[i]))
			act_on(run, rule, classes->items[i]);
}

static void run_validation(struct run *run, const struct document *d)
{
	for (size_t i = 0; i < d->rule_count; i++) {
		const struct rule *rule = &d->rules[i];
		const struct detection *detection = detection_of(run, rule->name);
		if (rule->threshold >= 0)
			run_threshold(run, rule, detection);
		if (rule->action == DETECTION_NONE)
			continue;
		/* Classes that the request itself names need no scan to be found. */
		classes_found(run, rule, attribute(run, ATTRIBUTE_DATA_IN));
		classes_found(run, rule, attribute(run, ATTRIBUTE_DATA_OUT));
		if (!detection)
			oblige(run, OBLIGATION_VALIDATE, rule->name, (struct rate_limit){ 0 });
		else if (detection->detected)
			act_on(run, rule,
			       rule->classes.count > 0 ? rule->classes.items[0] : rule->name);
	}
}

/* -- all together -- */

static void run_document(struct run *run, const struct document *d)
{
	switch (d->type) {
	case POLICY_TOOL_ACCESS:
		run_tools(run, d);
		return;
	case POLICY_DATA_ACCESS:
		run_data(run, d);
		return;
	case POLICY_TEMPORAL:
		run_temporal(run, d);
		return;
	case POLICY_IDENTITY:
		run_identity(run, d);
		return;
	case POLICY_VALIDATION:
		run_validation(run, d);
		return;
	case POLICY_CRUDLEX:
	case POLICY_TYPE_COUNT:
		return;
	}
}

static void outcome_init(struct outcome *out)
{
	out->verdict = VERDICT_SILENT;
	out->amount_max = INT64_MAX;
	out->reason_count = out->obligation_count = 0;
	out->more_reasons = false;
	out->in_allowed = out->out_allowed = 0;
	out->tool_allowed = out->user_allowed = false;
	out->approvers = (struct approvers_said){ APPROVER_ROLES_ALL, 0 };
}

static void need_allowed(struct run *run, const struct value *classes, uint32_t allowed)
{
	for (size_t i = 0; i < classes->count; i++)
		if (!(allowed >> (i % EVALUATE_CLASSES_MAX) & 1))
			say(run, REASON_DATA_NOT_ALLOWED, VERDICT_DENY, NULL, classes->items[i]);
}

/* Nothing by omission. */
static void finish(struct run *run)
{
	const struct value *in = attribute(run, ATTRIBUTE_DATA_IN);
	const struct value *out = attribute(run, ATTRIBUTE_DATA_OUT);

	run->at = UINT16_MAX;
	if (!run->out->tool_allowed)
		say_rule(run, REASON_TOOL_NOT_ALLOWED, VERDICT_DENY, NULL);
	need_allowed(run, in, run->out->in_allowed);
	need_allowed(run, out, run->out->out_allowed);
	if (attribute(run, ATTRIBUTE_USER)->type == VALUE_STRING && !run->out->user_allowed)
		say_rule(run, REASON_USER_NOT_ALLOWED, VERDICT_DENY, NULL);
	/* More classes than bits would share them. */
	if (in->count > EVALUATE_CLASSES_MAX || out->count > EVALUATE_CLASSES_MAX)
		say_rule(run, REASON_TOO_MANY, VERDICT_DENY, NULL);
}

static void run_init(struct run *run, const struct evaluation *evaluation, struct outcome *ret)
{
	const struct value *tool = &evaluation->request.attributes[ATTRIBUTE_TOOL];

	ASSERT(tool->type == VALUE_STRING);
	outcome_init(ret);
	*run = (struct run){ .e = evaluation, .out = ret, .tool_hash = tool_hash(tool->text) };
}

/* Documents of one agent alone are seldom in a cache. What will be read of them is asked for while
 * those that everybody shares are decided, so that it comes all at once and not line by line. */
#define LINE_BYTES 64

static bool is_own(const struct document *d)
{
	return d->place == PLACE_AGENT;
}

static void fetch_heads(const struct chain *chain)
{
	for (size_t i = chain->count; i > 0 && i + 8 > chain->count; i--) {
		const char *head = (const char *)chain->documents[i - 1];
		__builtin_prefetch(head);
		__builtin_prefetch(head + LINE_BYTES);
	}
}

static void fetch_own(const struct run *run, const struct chain *chain)
{
	for (size_t i = chain->count; i > 0 && is_own(chain->documents[i - 1]); i--) {
		const struct document *d = chain->documents[i - 1];
		if (d->type == POLICY_TOOL_ACCESS) {
			__builtin_prefetch(&d->tool_entries[run->tool_hash & d->tool_mask]);
			__builtin_prefetch(d->tool_groups);
			__builtin_prefetch(d->groups);
			continue;
		}
		for (const char *p = (const char *)d->rules; p < d->packed_end; p += LINE_BYTES)
			__builtin_prefetch(p);
	}
}

void evaluate(const struct chain *chain, const struct evaluation *evaluation, struct outcome *ret)
{
	struct run run;

	ASSERT(chain->count <= CHAIN_DOCUMENTS_MAX);
	fetch_heads(chain);
	run_init(&run, evaluation, ret);
	for (size_t i = 0; i < chain->count; i++) {
		run.at = (uint16_t)i;
		run_document(&run, chain->documents[i]);
		if (i == 0)
			fetch_own(&run, chain);
	}
	finish(&run);
	ASSERT(ret->verdict != VERDICT_SILENT);
}

void evaluate_document(const struct document *document, const struct evaluation *evaluation,
		       struct outcome *ret)
{
	struct run run;

	run_init(&run, evaluation, ret);
	run_document(&run, document);
}

static bool temporal_applies(const struct run *run, const struct rule *rule)
{
	struct str tool = attribute(run, ATTRIBUTE_TOOL)->text;

	return (rule->tools.count == 0 || any_matches(&rule->tools, tool)) &&
	       condition_test(&rule->condition, &run->e->request) == TRUTH_TRUE;
}

bool rule_allows(const struct document *document, const struct rule *rule,
		 const struct evaluation *evaluation)
{
	struct outcome out;
	struct run run;

	run_init(&run, evaluation, &out);
	if (rule->allow == CHOICE_NO ||
	    (rule->allow == CHOICE_UNSAID && rule->require_approval != CHOICE_NO) ||
	    !amount_passes(&run, rule))
		return false;
	if (document->type == POLICY_TEMPORAL)
		return temporal_applies(&run, rule);
	return document->type == POLICY_TOOL_ACCESS &&
	       pattern_matches(rule->name, attribute(&run, ATTRIBUTE_TOOL)->text) &&
	       tool_rule_applies(&run, rule);
}

enum verdict rule_verdict(const struct document *document, const struct rule *rule,
			  const struct evaluation *evaluation)
{
	struct outcome out;
	struct run run;

	run_init(&run, evaluation, &out);
	if (document->type == POLICY_TEMPORAL) {
		if (!temporal_applies(&run, rule))
			return VERDICT_SILENT;
		return amount_passes(&run, rule) ? temporal_verdict(rule) : VERDICT_DENY;
	}
	if (document->type != POLICY_TOOL_ACCESS ||
	    !pattern_matches(rule->name, attribute(&run, ATTRIBUTE_TOOL)->text))
		return VERDICT_SILENT;
	if (rule->allow == CHOICE_YES)
		tool_group(&run, document, rule->group);
	else if (tool_rule_applies(&run, rule))
		return VERDICT_DENY;
	return out.verdict;
}
