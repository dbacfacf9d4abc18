/* core_widen.c: two rules, one below and one above: is there a request that the one allows and the
 * other does not? */
#include "core_widen.h"
#include "money.h"

struct search {
	struct arena *arena;
	struct candidates *candidates;
	const struct document *below, *above;
	struct widening *ret;
	bool asks_less; /* what was found is about who approves */
};

static bool found(struct search *s, const struct request *request, const struct rule *below,
		  uint32_t line_above)
{
	struct widening *ret = s->ret;

	ret->above = s->above;
	ret->line = below ? below->line : 1;
	ret->line_above = line_above;
	ret->request = request_words(s->arena, request);
	ret->words = arena_printf(
		s->arena, "line %u would %s \"%.*s\" (line %u) %s; for example: %.*s", ret->line,
		s->asks_less ? "have fewer or other people approve than" : "allow what",
		STR_ARG(s->above->id), line_above, s->asks_less ? "asks for" : "denies",
		STR_ARG(ret->request));
	return true;
}

/* -- tool-access and temporal rules -- */

static uint64_t depends_on(const struct document *d, const struct rule *rule)
{
	uint64_t mask = rule->has_condition ? rule->condition.attributes : 0;

	if (d->type == POLICY_TOOL_ACCESS)
		mask |= UINT64_C(1) << ATTRIBUTE_TOOL | UINT64_C(1) << ATTRIBUTE_RESOURCE;
	if (rule->tools.count > 0)
		mask |= UINT64_C(1) << ATTRIBUTE_TOOL;
	if (rule->has_amount_max)
		mask |= UINT64_C(1) << ATTRIBUTE_AMOUNT;
	return mask;
}

/* Both say who approves, and what the document below says of it altogether is less. */
static bool asks_less(const struct search *s, const struct rule *below, const struct rule *above,
		      const struct evaluation *e)
{
	struct outcome whole;

	if (below->approvers.count == 0 || above->approvers.count == 0 ||
	    rule_verdict(s->below, below, e) != VERDICT_REQUIRE_APPROVAL ||
	    rule_verdict(s->above, above, e) != VERDICT_REQUIRE_APPROVAL)
		return false;
	evaluate_document(s->below, e, &whole);
	return whole.verdict == VERDICT_REQUIRE_APPROVAL &&
	       (whole.approvers.count < above->approvers.count ||
		(whole.approvers.roles & ~above->approvers.roles));
}

static bool contradicts(const struct search *s, const struct rule *below, const struct rule *above,
			const struct evaluation *e)
{
	struct outcome whole;

	if (!rule_allows(s->below, below, e))
		return false;
	enum verdict verdict = rule_verdict(s->above, above, e);
	if (verdict < VERDICT_DENY &&
	    !(verdict >= VERDICT_REQUIRE_APPROVAL && below->require_approval == CHOICE_NO))
		return false;
	evaluate_document(s->below, e, &whole);
	return whole.verdict < verdict;
}

/* The next combination of candidates, like the digits of a counter. */
static bool step(const struct candidates *c, size_t digits[ATTRIBUTE_COUNT], struct evaluation *e)
{
	for (unsigned a = 0; a < ATTRIBUTE_COUNT; a++) {
		if (c->counts[a] == 0)
			continue;
		digits[a]++;
		bool carry = digits[a] == c->counts[a];
		if (carry)
			digits[a] = 0;
		e->request.attributes[a] = c->items[a][digits[a]];
		if (!carry)
			return true;
	}
	return false;
}

static bool search_pair(struct search *s, const struct rule *below, const struct rule *above)
{
	size_t digits[ATTRIBUTE_COUNT] = { 0 };
	struct candidates *c = s->candidates;
	struct evaluation e = { 0 };

	if (depends_on(s->above, above) & ~depends_on(s->below, below))
		return false;
	candidates_of_pair(c, s->below, below, s->above, above);
	for (unsigned a = 0; a < ATTRIBUTE_COUNT; a++)
		if (c->counts[a] > 0)
			e.request.attributes[a] = c->items[a][0];
	for (size_t steps = 0; steps < WIDEN_STEPS_MAX; steps++) {
		s->asks_less = asks_less(s, below, above, &e);
		if (s->asks_less || contradicts(s, below, above, &e))
			return found(s, &e.request, below, above->line);
		if (!step(c, digits, &e))
			return false;
	}
	return false;
}

/* What the level above did not list is denied there. */
static bool search_unlisted(struct search *s, const struct rule *below)
{
	struct evaluation e = { 0 };
	struct str tool = pattern_example(s->arena, below->name);
	struct outcome out;

	if (!s->above->others_denied || s->above->type != POLICY_TOOL_ACCESS ||
	    s->below->type != POLICY_TOOL_ACCESS || !tool.data || below->allow != CHOICE_YES)
		return false;
	e.request.attributes[ATTRIBUTE_TOOL] = (struct value){ .type = VALUE_STRING, .text = tool };
	evaluate_document(s->above, &e, &out);
	for (size_t i = 0; i < out.reason_count; i++)
		if (out.reasons[i].kind == REASON_OTHERS_DENIED)
			return found(s, &e.request, below, 1);
	return false;
}

static bool search_rules(struct search *s)
{
	for (size_t i = 0; i < s->below->rule_count; i++) {
		const struct rule *below = &s->below->rules[i];
		if (below->allow != CHOICE_YES && below->require_approval != CHOICE_NO &&
		    below->approvers.count == 0)
			continue;
		if (search_unlisted(s, below))
			return true;
		for (size_t j = 0; j < s->above->rule_count; j++)
			if (search_pair(s, below, &s->above->rules[j]))
				return true;
	}
	return false;
}

/* -- data-access -- */

static bool data_contradicts(const struct rule *below, const struct rule *above)
{
	if (below->allow != CHOICE_YES)
		return false;
	if (above->allow == CHOICE_NO || (below->read && !above->read) ||
	    (below->write && !above->write))
		return true;
	return below->tokenize == CHOICE_NO && above->tokenize == CHOICE_YES;
}

static bool data_found(struct search *s, const struct rule *below, struct str class, bool writes,
		       uint32_t line_above)
{
	struct request request = { 0 };

	request.attributes[writes ? ATTRIBUTE_DATA_OUT : ATTRIBUTE_DATA_IN] =
		(struct value){ .type = VALUE_LIST, .items = &class, .count = 1 };
	return found(s, &request, below, line_above);
}

/* The whole document below may deny it by another rule. */
static bool data_denied_below(const struct search *s, struct str class, bool writes)
{
	for (size_t i = 0; i < s->below->rule_count; i++) {
		const struct rule *rule = &s->below->rules[i];
		if (pattern_matches(rule->name, class) &&
		    (rule->allow == CHOICE_NO || !(writes ? rule->write : rule->read)))
			return true;
	}
	return false;
}

static bool data_unlisted(struct search *s, const struct rule *below)
{
	struct str class = pattern_example(s->arena, below->name);

	if (!s->above->others_denied || below->allow != CHOICE_YES || !class.data)
		return false;
	for (size_t j = 0; j < s->above->rule_count; j++)
		if (pattern_matches(s->above->rules[j].name, class))
			return false;
	return data_found(s, below, class, !below->read, 1);
}

static bool search_data(struct search *s)
{
	for (size_t i = 0; i < s->below->rule_count; i++) {
		const struct rule *below = &s->below->rules[i];
		if (data_unlisted(s, below))
			return true;
		for (size_t j = 0; j < s->above->rule_count; j++) {
			const struct rule *above = &s->above->rules[j];
			struct str class = common_example(s->arena, below->name, above->name);
			bool writes = below->write && (!above->write || above->allow == CHOICE_NO);
			if (class.data && data_contradicts(below, above) &&
			    !data_denied_below(s, class, writes))
				return data_found(s, below, class, writes, above->line);
		}
	}
	return false;
}

/* -- identity, validation, crudlex -- */

static bool search_identity(struct search *s)
{
	const struct document *below = s->below, *above = s->above;
	struct request request = { 0 };

	request.attributes[ATTRIBUTE_USER] =
		(struct value){ .type = VALUE_STRING, .text = STR("anyone") };
	if (below->method.size > 0 && above->method.size > 0 &&
	    (!str_equal(below->method, above->method) ||
	     (above->issuer.size > 0 && !str_equal(below->issuer, above->issuer))))
		return found(s, &request, below->rules, above->rules->line);
	for (size_t i = 0; above->has_users && i < below->users.count; i++) {
		struct str user = pattern_example(s->arena, below->users.items[i]);
		bool named = !user.data;
		for (size_t j = 0; !named && j < above->users.count; j++)
			named = pattern_matches(above->users.items[j], user);
		if (named)
			continue;
		request.attributes[ATTRIBUTE_USER].text = user;
		return found(s, &request, below->rules, above->rules->line);
	}
	return false;
}

static bool classes_meet(struct search *s, const struct rule *below, const struct rule *above)
{
	if (below->classes.count == 0 || above->classes.count == 0)
		return true;
	for (size_t i = 0; i < below->classes.count; i++)
		for (size_t j = 0; j < above->classes.count; j++)
			if (common_example(s->arena, below->classes.items[i],
					   above->classes.items[j])
				    .data)
				return true;
	return false;
}

static unsigned action_weight(enum detection_action action)
{
	static const unsigned weights[] = { 0, 3, 3, 1, 1, 2 };

	return weights[action];
}

static bool search_validation(struct search *s)
{
	for (size_t i = 0; i < s->below->rule_count; i++) {
		for (size_t j = 0; j < s->above->rule_count; j++) {
			const struct rule *below = &s->below->rules[i];
			const struct rule *above = &s->above->rules[j];
			struct request request = { 0 };
			if (!str_equal(below->name, above->name) || !classes_meet(s, below, above))
				continue;
			if (below->threshold >= 0 && below->threshold < above->threshold) {
				request.attributes[ATTRIBUTE_CONFIDENCE] =
					(struct value){ .type = VALUE_NUMBER,
							.i64 = below->threshold };
				return found(s, &request, below, above->line);
			}
			if (below->action != DETECTION_NONE &&
			    action_weight(below->action) < action_weight(above->action))
				return found(s, &request, below, above->line);
		}
	}
	return false;
}

static bool grants_contradict(struct search *s, const struct grant *below,
			      const struct grant *above, struct str *ret_resource)
{
	if (below->deny || !above->deny || !(below->operations & above->operations) ||
	    (below->dimension != above->dimension) || above->has_condition)
		return false;
	if (below->subject.size > 0 && above->subject.size > 0 &&
	    !common_example(s->arena, below->subject, above->subject).data)
		return false;
	if (!str_equal(below->role, above->role) || !str_equal(below->unit, above->unit))
		return false;
	for (size_t i = 0; i < below->resources.count; i++) {
		for (size_t j = 0; j < above->resources.count; j++) {
			*ret_resource = common_example(s->arena, below->resources.items[i],
						       above->resources.items[j]);
			if (ret_resource->data)
				return true;
		}
	}
	return false;
}

static bool search_grants(struct search *s)
{
	for (size_t i = 0; i < s->below->grant_count; i++) {
		for (size_t j = 0; j < s->above->grant_count; j++) {
			const struct rule at = { .line = s->below->grants[i].line };
			struct request request = { 0 };
			struct str resource;
			if (!grants_contradict(s, &s->below->grants[i], &s->above->grants[j],
					       &resource))
				continue;
			request.attributes[ATTRIBUTE_RESOURCE] =
				(struct value){ .type = VALUE_STRING, .text = resource };
			return found(s, &request, &at, s->above->grants[j].line);
		}
	}
	return false;
}

static bool is_rules(const struct document *d)
{
	return d->type == POLICY_TOOL_ACCESS || d->type == POLICY_TEMPORAL;
}

static bool search_document(struct search *s)
{
	if (is_rules(s->below) && is_rules(s->above))
		return search_rules(s);
	if (s->below->type != s->above->type)
		return false;
	switch (s->below->type) {
	case POLICY_DATA_ACCESS:
		return search_data(s);
	case POLICY_IDENTITY:
		return search_identity(s);
	case POLICY_VALIDATION:
		return search_validation(s);
	case POLICY_CRUDLEX:
		return search_grants(s);
	case POLICY_TOOL_ACCESS:
	case POLICY_TEMPORAL:
	case POLICY_TYPE_COUNT:
		break;
	}
	return false;
}

bool widening_find(struct arena *arena, const struct document *document,
		   const struct document *const *above, size_t above_count, struct widening *ret)
{
	struct search s = {
		.arena = arena,
		.candidates = ARENA_NEW(arena, struct candidates),
		.below = document,
		.ret = ret,
	};

	if (!s.candidates)
		return false;
	s.candidates->arena = arena;
	for (size_t i = 0; i < above_count; i++) {
		s.above = above[i];
		if (search_document(&s))
			return true;
	}
	return false;
}
