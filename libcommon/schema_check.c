/* Keywords that look at the instance alone: the validation vocabulary, and asserted formats. */
#include "schema_internal.h"

static const char *const kind_names[] = {
	[JSON_NULL] = "null",     [JSON_BOOL] = "boolean", [JSON_NUMBER] = "number",
	[JSON_STRING] = "string", [JSON_ARRAY] = "array",  [JSON_OBJECT] = "object",
};

static const uint64_t kind_types[] = {
	[JSON_NULL] = TYPE_NULL,     [JSON_BOOL] = TYPE_BOOLEAN, [JSON_NUMBER] = TYPE_NUMBER,
	[JSON_STRING] = TYPE_STRING, [JSON_ARRAY] = TYPE_ARRAY,  [JSON_OBJECT] = TYPE_OBJECT,
};

static void types_print(uint64_t types, struct buf *buf)
{
	static const char *const names[] = { "null",   "boolean", "object", "array",
					     "number", "string",  "integer" };

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!(types >> i & 1))
			continue;
		if (buf->size > 0)
			buf_add_c(buf, " or ");
		buf_add_c(buf, names[i]);
	}
}

static enum st number_of(struct schema_validation *v, const struct json *node,
			 struct schema_number *ret)
{
	TRY(schema_spend(v, 1 + node->text.size / 16));
	return schema_number_of(v->arena, node, ret) ? ST_OK : ST_TOO_LARGE;
}

enum st schema_check_type(struct schema_validation *v, const struct schema_rule *rule,
			  struct schema_frame *frame)
{
	const struct json *instance = frame->instance;
	struct schema_number number;
	struct buf buf;
	struct str wanted;

	if (rule->count & kind_types[instance->kind])
		return ST_OK;
	if (instance->kind == JSON_NUMBER && (rule->count & TYPE_INTEGER)) {
		TRY(number_of(v, instance, &number));
		if (schema_number_is_integer(&number))
			return ST_OK;
	}
	if (v->quiet) {
		frame->valid = false;
		return ST_OK;
	}
	buf_init(&buf, v->arena, 64);
	types_print(rule->count, &buf);
	wanted = buf_str(&buf);
	return schema_fail(v, rule, frame, "it is of type %s where %.*s is wanted",
			   kind_names[instance->kind], STR_ARG(wanted));
}

enum st schema_check_enum(struct schema_validation *v, const struct schema_rule *rule,
			  struct schema_frame *frame)
{
	for (const struct json *value = rule->value->first; value; value = value->next) {
		bool equal;
		TRY(schema_equal(v, frame->instance, value, &equal));
		if (equal)
			return ST_OK;
	}
	return schema_fail(v, rule, frame, "it is none of the %zu values allowed",
			   rule->value->count);
}

enum st schema_check_const(struct schema_validation *v, const struct schema_rule *rule,
			   struct schema_frame *frame)
{
	bool equal;

	TRY(schema_equal(v, frame->instance, rule->value, &equal));
	return equal ? ST_OK : schema_fail(v, rule, frame, "it is not the one value allowed");
}

enum st schema_check_multiple_of(struct schema_validation *v, const struct schema_rule *rule,
				 struct schema_frame *frame)
{
	struct schema_number number;

	if (frame->instance->kind != JSON_NUMBER)
		return ST_OK;
	TRY(number_of(v, frame->instance, &number));
	if (schema_number_is_multiple(&number, &rule->number))
		return ST_OK;
	return schema_fail(v, rule, frame, "it is not a multiple of %.*s",
			   STR_ARG(rule->value->text));
}

/* `ret_order` is 0 for what is no number. */
static enum st compare(struct schema_validation *v, const struct schema_rule *rule,
		       const struct schema_frame *frame, int *ret_order)
{
	struct schema_number number;

	*ret_order = 0;
	TRY(number_of(v, frame->instance, &number));
	*ret_order = schema_number_compare(&number, &rule->number);
	return ST_OK;
}

enum st schema_check_maximum(struct schema_validation *v, const struct schema_rule *rule,
			     struct schema_frame *frame)
{
	int order;

	if (frame->instance->kind != JSON_NUMBER)
		return ST_OK;
	TRY(compare(v, rule, frame, &order));
	return order <= 0 ? ST_OK
			  : schema_fail(v, rule, frame, "it is more than %.*s",
					STR_ARG(rule->value->text));
}

enum st schema_check_exclusive_maximum(struct schema_validation *v, const struct schema_rule *rule,
				       struct schema_frame *frame)
{
	int order;

	if (frame->instance->kind != JSON_NUMBER)
		return ST_OK;
	TRY(compare(v, rule, frame, &order));
	return order < 0 ? ST_OK
			 : schema_fail(v, rule, frame, "it is not less than %.*s",
				       STR_ARG(rule->value->text));
}

enum st schema_check_minimum(struct schema_validation *v, const struct schema_rule *rule,
			     struct schema_frame *frame)
{
	int order;

	if (frame->instance->kind != JSON_NUMBER)
		return ST_OK;
	TRY(compare(v, rule, frame, &order));
	return order >= 0 ? ST_OK
			  : schema_fail(v, rule, frame, "it is less than %.*s",
					STR_ARG(rule->value->text));
}

enum st schema_check_exclusive_minimum(struct schema_validation *v, const struct schema_rule *rule,
				       struct schema_frame *frame)
{
	int order;

	if (frame->instance->kind != JSON_NUMBER)
		return ST_OK;
	TRY(compare(v, rule, frame, &order));
	return order > 0 ? ST_OK
			 : schema_fail(v, rule, frame, "it is not more than %.*s",
				       STR_ARG(rule->value->text));
}

static enum st at_most(struct schema_validation *v, const struct schema_rule *rule,
		       struct schema_frame *frame, size_t count, const char *what)
{
	if (count <= rule->count)
		return ST_OK;
	return schema_fail(v, rule, frame, "it has %zu %s where at most %llu are allowed", count,
			   what, (unsigned long long)rule->count);
}

static enum st at_least(struct schema_validation *v, const struct schema_rule *rule,
			struct schema_frame *frame, size_t count, const char *what)
{
	if (count >= rule->count)
		return ST_OK;
	return schema_fail(v, rule, frame, "it has %zu %s where at least %llu are wanted", count,
			   what, (unsigned long long)rule->count);
}

enum st schema_check_max_length(struct schema_validation *v, const struct schema_rule *rule,
				struct schema_frame *frame)
{
	if (frame->instance->kind != JSON_STRING)
		return ST_OK;
	TRY(schema_spend(v, 1 + frame->instance->text.size / 64));
	return at_most(v, rule, frame, schema_string_length(frame->instance->text), "characters");
}

enum st schema_check_min_length(struct schema_validation *v, const struct schema_rule *rule,
				struct schema_frame *frame)
{
	if (frame->instance->kind != JSON_STRING)
		return ST_OK;
	TRY(schema_spend(v, 1 + frame->instance->text.size / 64));
	return at_least(v, rule, frame, schema_string_length(frame->instance->text), "characters");
}

enum st schema_check_pattern(struct schema_validation *v, const struct schema_rule *rule,
			     struct schema_frame *frame)
{
	bool found;

	if (frame->instance->kind != JSON_STRING)
		return ST_OK;
	TRY(schema_spend(v, 1 + frame->instance->text.size / 64));
	TRY(regex_search(rule->regex, frame->instance->text, &v->steps_left, &found));
	return found ? ST_OK
		     : schema_fail(v, rule, frame, "it does not match the pattern \"%.*s\"",
				   STR_ARG(rule->value->text));
}

enum st schema_check_max_items(struct schema_validation *v, const struct schema_rule *rule,
			       struct schema_frame *frame)
{
	return frame->instance->kind != JSON_ARRAY
		       ? ST_OK
		       : at_most(v, rule, frame, frame->instance->count, "items");
}

enum st schema_check_min_items(struct schema_validation *v, const struct schema_rule *rule,
			       struct schema_frame *frame)
{
	return frame->instance->kind != JSON_ARRAY
		       ? ST_OK
		       : at_least(v, rule, frame, frame->instance->count, "items");
}

enum st schema_check_unique_items(struct schema_validation *v, const struct schema_rule *rule,
				  struct schema_frame *frame)
{
	size_t first, second;
	bool found;

	if (!rule->value->boolean || frame->instance->kind != JSON_ARRAY)
		return ST_OK;
	TRY(schema_find_twins(v, frame->instance, &first, &second, &found));
	return found ? schema_fail(v, rule, frame, "items %zu and %zu are equal", first, second)
		     : ST_OK;
}

enum st schema_check_max_properties(struct schema_validation *v, const struct schema_rule *rule,
				    struct schema_frame *frame)
{
	return frame->instance->kind != JSON_OBJECT
		       ? ST_OK
		       : at_most(v, rule, frame, frame->instance->count, "properties");
}

enum st schema_check_min_properties(struct schema_validation *v, const struct schema_rule *rule,
				    struct schema_frame *frame)
{
	return frame->instance->kind != JSON_OBJECT
		       ? ST_OK
		       : at_least(v, rule, frame, frame->instance->count, "properties");
}

static enum st require(struct schema_validation *v, const struct schema_rule *rule,
		       struct schema_frame *frame, const struct schema_member *names, size_t count)
{
	for (size_t i = 0; i < count && (frame->valid || !v->quiet); i++) {
		TRY(schema_spend(v, 1 + frame->instance->count / 8));
		if (!json_member_str(frame->instance, names[i].name))
			TRY(schema_fail(v, rule, frame, "the property \"%.*s\" is missing",
					names[i].name.size > 80 ? 80 : (int)names[i].name.size,
					names[i].name.data));
	}
	return ST_OK;
}

enum st schema_check_required(struct schema_validation *v, const struct schema_rule *rule,
			      struct schema_frame *frame)
{
	if (frame->instance->kind != JSON_OBJECT)
		return ST_OK;
	return require(v, rule, frame, rule->members, rule->member_count);
}

enum st schema_check_dependent_required(struct schema_validation *v, const struct schema_rule *rule,
					struct schema_frame *frame)
{
	if (frame->instance->kind != JSON_OBJECT)
		return ST_OK;
	for (size_t i = 0; i < rule->member_count; i++) {
		const struct schema_member *member = &rule->members[i];
		TRY(schema_spend(v, 1 + frame->instance->count / 8));
		if (json_member_str(frame->instance, member->name))
			TRY(require(v, rule, frame, member->names, member->name_count));
	}
	return ST_OK;
}

enum st schema_check_format(struct schema_validation *v, const struct schema_rule *rule,
			    struct schema_frame *frame)
{
	if (!rule->format || frame->instance->kind != JSON_STRING)
		return ST_OK;
	TRY(schema_spend(v, 1 + frame->instance->text.size / 8));
	if (rule->format(frame->instance->text))
		return ST_OK;
	return schema_fail(v, rule, frame, "it is not in the format \"%.*s\"",
			   STR_ARG(rule->value->text));
}
