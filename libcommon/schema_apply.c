/* Keywords that apply subschemas: references, logic, conditions, children, and what is left over.
 */
#include "schema_internal.h"

static enum st apply_here(struct schema_validation *v, const struct schema_node *node,
			  struct schema_frame *frame)
{
	bool valid;

	TRY(schema_apply(v, node, frame, &valid));
	if (!valid)
		frame->valid = false;
	return ST_OK;
}

enum st schema_check_ref(struct schema_validation *v, const struct schema_rule *rule,
			 struct schema_frame *frame)
{
	return apply_here(v, rule->node, frame);
}

/* The outermost resource of the dynamic scope that has the anchor wins. */
enum st schema_check_dynamic_ref(struct schema_validation *v, const struct schema_rule *rule,
				 struct schema_frame *frame)
{
	const struct schema_node *target = rule->node;
	const struct schema_scope *scope = rule->anchor.data ? frame->scope : NULL;

	for (; scope; scope = scope->outer) {
		const struct schema_anchor *anchor = scope->resource->anchors;
		TRY(schema_spend(v, 1));
		while (anchor && !(anchor->dynamic && str_equal(anchor->name, rule->anchor)))
			anchor = anchor->next;
		if (anchor)
			target = anchor->node;
	}
	return apply_here(v, target, frame);
}

enum st schema_check_all_of(struct schema_validation *v, const struct schema_rule *rule,
			    struct schema_frame *frame)
{
	for (size_t i = 0; i < rule->member_count && (frame->valid || !v->quiet); i++)
		TRY(apply_here(v, rule->members[i].node, frame));
	return ST_OK;
}

/* All are tried where marks are kept: each that holds adds its own. */
enum st schema_check_any_of(struct schema_validation *v, const struct schema_rule *rule,
			    struct schema_frame *frame)
{
	bool any = false;

	for (size_t i = 0; i < rule->member_count && (!any || frame->marks); i++) {
		bool valid;
		TRY(schema_try(v, rule->members[i].node, frame, &valid));
		any |= valid;
	}
	return any ? ST_OK
		   : schema_fail(v, rule, frame, "it matches none of the %zu alternatives",
				 rule->member_count);
}

enum st schema_check_one_of(struct schema_validation *v, const struct schema_rule *rule,
			    struct schema_frame *frame)
{
	size_t count = 0, first = 0;

	for (size_t i = 0; i < rule->member_count; i++) {
		bool valid;
		TRY(schema_try(v, rule->members[i].node, frame, &valid));
		if (valid && count++ == 0)
			first = i;
		else if (valid)
			return schema_fail(v, rule, frame,
					   "it matches alternatives %zu and %zu where one only is "
					   "wanted",
					   first, i);
	}
	return count ? ST_OK
		     : schema_fail(v, rule, frame, "it matches none of the %zu alternatives",
				   rule->member_count);
}

enum st schema_check_not(struct schema_validation *v, const struct schema_rule *rule,
			 struct schema_frame *frame)
{
	bool valid;

	TRY(schema_try_value(v, rule->node, frame, frame->instance, &valid));
	return valid ? schema_fail(v, rule, frame, "it matches what it may not match") : ST_OK;
}

enum st schema_check_if(struct schema_validation *v, const struct schema_rule *rule,
			struct schema_frame *frame)
{
	const struct schema_rule *branch;
	bool valid;

	TRY(schema_try(v, rule->node, frame, &valid));
	branch = schema_rule_of(frame->node, valid ? "then" : "else");
	return branch ? apply_here(v, branch->node, frame) : ST_OK;
}

enum st schema_check_dependent_schemas(struct schema_validation *v, const struct schema_rule *rule,
				       struct schema_frame *frame)
{
	if (frame->instance->kind != JSON_OBJECT)
		return ST_OK;
	for (size_t i = 0; i < rule->member_count; i++) {
		TRY(schema_spend(v, 1 + frame->instance->count / 8));
		if (json_member_str(frame->instance, rule->members[i].name))
			TRY(apply_here(v, rule->members[i].node, frame));
	}
	return ST_OK;
}

static enum st apply_child(struct schema_validation *v, const struct schema_node *node,
			   struct schema_frame *frame, const struct json *child, size_t index)
{
	bool valid;

	TRY(schema_apply_child(v, node, frame, child, index, &valid));
	schema_mark(frame, index);
	if (!valid)
		frame->valid = false;
	return ST_OK;
}

/* Whether the rest of the children can be left: the answer is known and nobody reads errors. */
static bool is_settled(const struct schema_validation *v, const struct schema_frame *frame)
{
	return !frame->valid && (v->quiet || v->error_count == SCHEMA_ERRORS_MAX);
}

enum st schema_check_prefix_items(struct schema_validation *v, const struct schema_rule *rule,
				  struct schema_frame *frame)
{
	const struct json *item = frame->instance->first;

	if (frame->instance->kind != JSON_ARRAY)
		return ST_OK;
	for (size_t i = 0; item && i < rule->member_count; item = item->next, i++) {
		if (is_settled(v, frame))
			return ST_OK;
		TRY(apply_child(v, rule->members[i].node, frame, item, i));
	}
	return ST_OK;
}

enum st schema_check_items(struct schema_validation *v, const struct schema_rule *rule,
			   struct schema_frame *frame)
{
	const struct schema_rule *prefix = schema_rule_of(frame->node, "prefixItems");
	const struct json *item = frame->instance->first;

	if (frame->instance->kind != JSON_ARRAY)
		return ST_OK;
	for (size_t i = 0; item && !is_settled(v, frame); item = item->next, i++) {
		if (!prefix || i >= prefix->member_count)
			TRY(apply_child(v, rule->node, frame, item, i));
	}
	return ST_OK;
}

enum st schema_check_contains(struct schema_validation *v, const struct schema_rule *rule,
			      struct schema_frame *frame)
{
	const struct schema_rule *least = schema_rule_of(frame->node, "minContains");
	const struct schema_rule *most = schema_rule_of(frame->node, "maxContains");
	uint64_t min = least ? least->count : 1, max = most ? most->count : UINT64_MAX, count = 0;
	const struct json *item = frame->instance->first;

	if (frame->instance->kind != JSON_ARRAY)
		return ST_OK;
	for (size_t i = 0; item; item = item->next, i++) {
		bool valid;
		TRY(schema_try_child(v, rule->node, frame, item, i, &valid));
		if (valid) {
			count++;
			schema_mark(frame, i);
		}
	}
	if (count < min)
		return schema_fail(v, least ? least : rule, frame,
				   "%llu items match \"contains\" where at least %llu must",
				   (unsigned long long)count, (unsigned long long)min);
	if (count > max)
		return schema_fail(v, most, frame,
				   "%llu items match \"contains\" where at most %llu may",
				   (unsigned long long)count, (unsigned long long)max);
	return ST_OK;
}

enum st schema_check_properties(struct schema_validation *v, const struct schema_rule *rule,
				struct schema_frame *frame)
{
	const struct json *child = frame->instance->first;

	if (frame->instance->kind != JSON_OBJECT)
		return ST_OK;
	for (size_t i = 0; child && !is_settled(v, frame); child = child->next, i++) {
		const struct schema_member *member = schema_member_of(rule, child->name);
		TRY(schema_spend(v, 1));
		if (member)
			TRY(apply_child(v, member->node, frame, child, i));
	}
	return ST_OK;
}

enum st schema_check_pattern_properties(struct schema_validation *v, const struct schema_rule *rule,
					struct schema_frame *frame)
{
	const struct json *child = frame->instance->first;

	if (frame->instance->kind != JSON_OBJECT)
		return ST_OK;
	for (size_t i = 0; child && !is_settled(v, frame); child = child->next, i++) {
		for (size_t j = 0; j < rule->member_count; j++) {
			bool found;
			TRY(schema_spend(v, 1));
			TRY(regex_search(rule->members[j].regex, child->name, &v->steps_left,
					 &found));
			if (found)
				TRY(apply_child(v, rule->members[j].node, frame, child, i));
		}
	}
	return ST_OK;
}

static enum st is_additional(struct schema_validation *v, const struct schema_frame *frame,
			     struct str name, bool *ret)
{
	const struct schema_rule *named = schema_rule_of(frame->node, "properties");
	const struct schema_rule *patterns = schema_rule_of(frame->node, "patternProperties");
	bool found = schema_member_of(named, name) != NULL;

	TRY(schema_spend(v, 1));
	for (size_t i = 0; patterns && !found && i < patterns->member_count; i++) {
		TRY(schema_spend(v, 1));
		TRY(regex_search(patterns->members[i].regex, name, &v->steps_left, &found));
	}
	*ret = !found;
	return ST_OK;
}

enum st schema_check_additional_properties(struct schema_validation *v,
					   const struct schema_rule *rule,
					   struct schema_frame *frame)
{
	const struct json *child = frame->instance->first;

	if (frame->instance->kind != JSON_OBJECT)
		return ST_OK;
	for (size_t i = 0; child && !is_settled(v, frame); child = child->next, i++) {
		bool additional;
		TRY(is_additional(v, frame, child->name, &additional));
		if (additional)
			TRY(apply_child(v, rule->node, frame, child, i));
	}
	return ST_OK;
}

enum st schema_check_property_names(struct schema_validation *v, const struct schema_rule *rule,
				    struct schema_frame *frame)
{
	if (frame->instance->kind != JSON_OBJECT)
		return ST_OK;
	for (const struct json *child = frame->instance->first; child; child = child->next) {
		const struct json name = { .kind = JSON_STRING, .text = child->name };
		bool valid;
		TRY(schema_try_value(v, rule->node, frame, &name, &valid));
		if (!valid)
			return schema_fail(v, rule, frame, "the name \"%.*s\" is not allowed",
					   child->name.size > 80 ? 80 : (int)child->name.size,
					   child->name.data);
	}
	return ST_OK;
}

static enum st check_unevaluated(struct schema_validation *v, const struct schema_rule *rule,
				 struct schema_frame *frame)
{
	const struct json *child = frame->instance->first;

	for (size_t i = 0; child && !is_settled(v, frame); child = child->next, i++) {
		if (!schema_is_marked(frame, i))
			TRY(apply_child(v, rule->node, frame, child, i));
	}
	schema_mark_all(frame);
	return ST_OK;
}

enum st schema_check_unevaluated_items(struct schema_validation *v, const struct schema_rule *rule,
				       struct schema_frame *frame)
{
	return frame->instance->kind == JSON_ARRAY ? check_unevaluated(v, rule, frame) : ST_OK;
}

enum st schema_check_unevaluated_properties(struct schema_validation *v,
					    const struct schema_rule *rule,
					    struct schema_frame *frame)
{
	return frame->instance->kind == JSON_OBJECT ? check_unevaluated(v, rule, frame) : ST_OK;
}
