/* slow.h: the obviously right evaluator, written from the rules and not from the fast one: no
 * index, no groups made beforehand, conditions walked as trees. */
#ifndef PIOPL_POLICY_SLOW_H
#define PIOPL_POLICY_SLOW_H

#include "policy_test.h"

struct slow_value {
	bool known;
	struct value v;
};

static inline struct slow_value slow_walk(const struct node *n, const struct request *r);

static inline struct slow_value slow_bool(bool known, bool b)
{
	return (struct slow_value){ known, { .type = VALUE_BOOL, .i64 = b } };
}

static inline bool slow_in(struct str text, const struct value *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (str_equal(list->items[i], text))
			return true;
	return false;
}

static inline struct slow_value slow_arithmetic(const struct node *n, const struct request *r)
{
	struct slow_value a = slow_walk(n->left, r), b = slow_walk(n->right, r);
	__int128 x = a.v.i64, y = b.v.i64, z = 0;

	if (!a.known || !b.known || (n->kind == NODE_DIVIDE && y == 0))
		return (struct slow_value){ 0 };
	if (n->kind == NODE_ADD)
		z = x + y;
	else if (n->kind == NODE_SUBTRACT)
		z = x - y;
	else if (n->kind == NODE_MULTIPLY)
		z = x * y / NUMBER_ONE;
	else
		z = x * NUMBER_ONE / y;
	if (z > INT64_MAX || z < INT64_MIN)
		return (struct slow_value){ 0 };
	return (struct slow_value){ true, { .type = n->type, .i64 = (int64_t)z } };
}

static inline struct slow_value slow_compare(const struct node *n, const struct request *r)
{
	struct slow_value a = slow_walk(n->left, r), b = slow_walk(n->right, r);
	int order;

	if (!a.known || !b.known)
		return (struct slow_value){ 0 };
	if (n->left->type == VALUE_STRING)
		order = str_compare(a.v.text, b.v.text);
	else
		order = a.v.i64 < b.v.i64 ? -1 : a.v.i64 > b.v.i64;
	switch (n->comparison) {
	case COMPARE_EQ:
		return slow_bool(true, order == 0);
	case COMPARE_NE:
		return slow_bool(true, order != 0);
	case COMPARE_LT:
		return slow_bool(true, order < 0);
	case COMPARE_LE:
		return slow_bool(true, order <= 0);
	case COMPARE_GT:
		return slow_bool(true, order > 0);
	case COMPARE_GE:
		return slow_bool(true, order >= 0);
	}
	abort();
}

static inline struct slow_value slow_like(const struct node *n, const struct request *r)
{
	struct slow_value a = slow_walk(n->left, r);
	bool any = false;

	if (a.known && n->left->type == VALUE_STRING)
		any = pattern_matches(n->right->constant.text, a.v.text);
	for (size_t i = 0; a.known && n->left->type == VALUE_LIST && i < a.v.count; i++)
		any = any || pattern_matches(n->right->constant.text, a.v.items[i]);
	return slow_bool(a.known, any);
}

static inline struct slow_value slow_logic(const struct node *n, const struct request *r)
{
	struct slow_value a = slow_walk(n->left, r), b = slow_walk(n->right, r);
	/* false 0, unknown 1, true 2: AND is the minimum, OR the maximum */
	int x = a.known ? a.v.i64 ? 2 : 0 : 1, y = b.known ? b.v.i64 ? 2 : 0 : 1;
	int z = n->kind == NODE_AND ? (x < y ? x : y) : (x > y ? x : y);

	return slow_bool(z != 1, z == 2);
}

static inline struct slow_value slow_walk(const struct node *n, const struct request *r)
{
	struct slow_value a = { 0 }, b;

	switch (n->kind) {
	case NODE_CONSTANT:
		return (struct slow_value){ true, n->constant };
	case NODE_ATTRIBUTE:
		a.v = r->attributes[n->attribute];
		a.known = a.v.type != VALUE_NONE;
		return a;
	case NODE_CONTEXT:
		for (size_t i = 0; i < r->context_count; i++)
			if (str_equal(r->context[i].name, n->constant.text) &&
			    r->context[i].value.type == n->type)
				return (struct slow_value){ true, r->context[i].value };
		return a;
	case NODE_NEGATE:
		a = slow_walk(n->left, r);
		a.known = a.known && a.v.i64 != INT64_MIN;
		if (a.known)
			a.v.i64 = -a.v.i64;
		return a;
	case NODE_ADD:
	case NODE_SUBTRACT:
	case NODE_MULTIPLY:
	case NODE_DIVIDE:
		return slow_arithmetic(n, r);
	case NODE_COMPARE:
		return slow_compare(n, r);
	case NODE_IN:
		a = slow_walk(n->left, r);
		b = slow_walk(n->right, r);
		return slow_bool(a.known && b.known, a.known && b.known && slow_in(a.v.text, &b.v));
	case NODE_IN_CALENDAR:
		a = slow_walk(n->left, r);
		return slow_bool(a.known, a.known && calendar_holds(n->calendar, a.v.i64));
	case NODE_LIKE:
		return slow_like(n, r);
	case NODE_NOT:
		a = slow_walk(n->left, r);
		return slow_bool(a.known, !a.v.i64);
	case NODE_AND:
	case NODE_OR:
		return slow_logic(n, r);
	}
	abort();
}

static inline enum truth slow_truth(const struct condition *c, const struct request *r)
{
	struct slow_value v = slow_walk(c->tree, r);

	return !v.known ? TRUTH_UNKNOWN : v.v.i64 ? TRUTH_TRUE : TRUTH_FALSE;
}

/* -- documents -- */

struct slow_outcome {
	enum verdict verdict;
	int64_t amount_max;
	bool tool, user;
	bool in[64], out[64];
};

static inline void slow_raise(struct slow_outcome *o, enum verdict v)
{
	if (v > o->verdict)
		o->verdict = v;
}

static inline bool slow_any(const struct str_list *list, struct str name)
{
	for (size_t i = 0; i < list->count; i++)
		if (pattern_matches(list->items[i], name))
			return true;
	return false;
}

static inline bool slow_tool_applies(const struct rule *r, const struct request *q)
{
	const struct value *resource = &q->attributes[ATTRIBUTE_RESOURCE];
	bool deny = r->allow == CHOICE_NO;

	if (r->scope.count > 0) {
		if (resource->type == VALUE_NONE && !deny)
			return false;
		if (resource->type != VALUE_NONE && !slow_any(&r->scope, resource->text))
			return false;
	}
	if (!r->has_condition)
		return true;
	enum truth t = slow_truth(&r->condition, q);
	return t == TRUTH_TRUE || (deny && t == TRUTH_UNKNOWN);
}

static inline bool slow_amount_ok(const struct rule *r, const struct request *q)
{
	const struct value *amount = &q->attributes[ATTRIBUTE_AMOUNT];

	return !r->has_amount_max || (amount->type != VALUE_NONE && amount->i64 <= r->amount_max);
}

static inline void slow_limit(struct slow_outcome *o, const struct rule *r)
{
	if (r->has_amount_max && r->amount_max < o->amount_max)
		o->amount_max = r->amount_max;
}

static inline void slow_tools(const struct document *d, const struct request *q,
			      struct slow_outcome *o)
{
	struct str tool = q->attributes[ATTRIBUTE_TOOL].text;
	bool named = false;

	for (size_t i = 0; i < d->rule_count; i++) {
		const struct rule *r = &d->rules[i];
		bool covered = false, allows = false;
		if (!pattern_matches(r->name, tool))
			continue;
		named = true;
		if (slow_tool_applies(r, q)) {
			if (r->allow == CHOICE_NO) {
				slow_raise(o, VERDICT_DENY);
			} else {
				o->tool = true;
				slow_limit(o, r);
				slow_raise(o, !slow_amount_ok(r, q) ? VERDICT_DENY
					      : r->require_approval == CHOICE_YES
						      ? VERDICT_REQUIRE_APPROVAL
						      : VERDICT_ALLOW);
			}
		}
		/* Every name that is allowed for something must be allowed for this. */
		for (size_t j = 0; j < d->rule_count; j++) {
			const struct rule *s = &d->rules[j];
			if (!str_equal(s->name, r->name))
				continue;
			allows = allows || s->allow == CHOICE_YES;
			covered = covered || slow_tool_applies(s, q);
		}
		if (allows && !covered)
			slow_raise(o, VERDICT_DENY);
	}
	if (!named && d->others_denied)
		slow_raise(o, VERDICT_DENY);
}

static inline void slow_data(const struct document *d, const struct request *q,
			     struct slow_outcome *o)
{
	for (int writes = 0; writes < 2; writes++) {
		const struct value *classes =
			&q->attributes[writes ? ATTRIBUTE_DATA_OUT : ATTRIBUTE_DATA_IN];
		for (size_t c = 0; c < classes->count; c++) {
			bool named = false;
			for (size_t i = 0; i < d->rule_count; i++) {
				const struct rule *r = &d->rules[i];
				if (!pattern_matches(r->name, classes->items[c]))
					continue;
				named = true;
				if (r->allow == CHOICE_NO || (writes ? !r->write : !r->read)) {
					slow_raise(o, VERDICT_DENY);
					continue;
				}
				(writes ? o->out : o->in)[c] = true;
				if (r->tokenize == CHOICE_YES)
					slow_raise(o, VERDICT_MODIFY);
			}
			if (!named && d->others_denied)
				slow_raise(o, VERDICT_DENY);
		}
	}
}

static inline void slow_temporal(const struct document *d, const struct request *q,
				 struct slow_outcome *o)
{
	for (size_t i = 0; i < d->rule_count; i++) {
		const struct rule *r = &d->rules[i];
		if (r->tools.count > 0 && !slow_any(&r->tools, q->attributes[ATTRIBUTE_TOOL].text))
			continue;
		if (slow_truth(&r->condition, q) == TRUTH_FALSE)
			continue;
		slow_limit(o, r);
		if (!slow_amount_ok(r, q) || r->allow == CHOICE_NO)
			slow_raise(o, VERDICT_DENY);
		if (r->defer)
			slow_raise(o, VERDICT_DEFER);
		if (r->require_approval == CHOICE_YES)
			slow_raise(o, VERDICT_REQUIRE_APPROVAL);
	}
}

static inline void slow_identity(const struct document *d, const struct evaluation *e,
				 struct slow_outcome *o)
{
	const struct value *user = &e->request.attributes[ATTRIBUTE_USER];
	const struct value *id = &e->request.attributes[ATTRIBUTE_AGENT_ID];

	if (user->type == VALUE_NONE)
		return;
	if (d->method.size > 0 && !str_equal(d->method, e->auth_method))
		slow_raise(o, VERDICT_DENY);
	if (d->issuer.size > 0 && !str_equal(d->issuer, e->auth_issuer))
		slow_raise(o, VERDICT_DENY);
	if (d->has_agents && !(id->type == VALUE_STRING && slow_any(&d->agents, id->text)))
		slow_raise(o, VERDICT_DENY);
	if (d->has_users && slow_any(&d->users, user->text))
		o->user = true;
	else if (d->has_users)
		slow_raise(o, VERDICT_DENY);
}

static inline void slow_validation(const struct document *d, const struct evaluation *e,
				   struct slow_outcome *o)
{
	const struct value *operation = &e->request.attributes[ATTRIBUTE_OPERATION];
	const struct value *confidence = &e->request.attributes[ATTRIBUTE_CONFIDENCE];
	static const enum verdict verdicts[] = { VERDICT_SILENT, VERDICT_DENY,
						 VERDICT_DENY,   VERDICT_MODIFY,
						 VERDICT_MODIFY, VERDICT_REQUIRE_APPROVAL };
	bool quiet = operation->type == VALUE_STRING &&
		     (str_is(operation->text, "read") || str_is(operation->text, "list"));

	for (size_t i = 0; i < d->rule_count; i++) {
		const struct rule *r = &d->rules[i];
		if (r->threshold >= 0) {
			bool known = confidence->type != VALUE_NONE &&
				     str_is(r->name, "hallucination-check");
			if (known ? confidence->i64 < r->threshold : !quiet)
				slow_raise(o, VERDICT_DENY);
		}
		for (int w = 0; w < 2; w++) {
			const struct value *c =
				&e->request.attributes[w ? ATTRIBUTE_DATA_OUT : ATTRIBUTE_DATA_IN];
			for (size_t j = 0; j < c->count; j++)
				if (slow_any(&r->classes, c->items[j]))
					slow_raise(o, verdicts[r->action]);
		}
	}
}

static inline struct slow_outcome slow_evaluate(const struct document *const *documents,
						size_t count, const struct evaluation *e)
{
	struct slow_outcome o = { .amount_max = INT64_MAX };
	const struct request *q = &e->request;

	for (size_t i = 0; i < count; i++) {
		if (documents[i]->type == POLICY_TOOL_ACCESS)
			slow_tools(documents[i], q, &o);
		else if (documents[i]->type == POLICY_DATA_ACCESS)
			slow_data(documents[i], q, &o);
		else if (documents[i]->type == POLICY_TEMPORAL)
			slow_temporal(documents[i], q, &o);
		else if (documents[i]->type == POLICY_IDENTITY)
			slow_identity(documents[i], e, &o);
		else if (documents[i]->type == POLICY_VALIDATION)
			slow_validation(documents[i], e, &o);
	}
	for (size_t i = 0; i < q->attributes[ATTRIBUTE_DATA_IN].count; i++)
		if (!o.in[i])
			slow_raise(&o, VERDICT_DENY);
	for (size_t i = 0; i < q->attributes[ATTRIBUTE_DATA_OUT].count; i++)
		if (!o.out[i])
			slow_raise(&o, VERDICT_DENY);
	if (!o.tool || (q->attributes[ATTRIBUTE_USER].type != VALUE_NONE && !o.user))
		slow_raise(&o, VERDICT_DENY);
	return o;
}

#endif
