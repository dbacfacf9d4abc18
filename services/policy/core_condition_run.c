/* core_condition_run.c: the instructions of a condition over one request. A value without a type is
 * unknown; everything that touches it is unknown, except where AND or OR is settled by the other
 * side. No memory is asked for. */
#include "core_condition.h"

bool number_multiply(int64_t a, int64_t b, int64_t *ret)
{
	__int128 product = (__int128)a * b / NUMBER_ONE;

	*ret = (int64_t)product;
	return product >= INT64_MIN && product <= INT64_MAX;
}

bool number_divide(int64_t a, int64_t b, int64_t *ret)
{
	if (b == 0)
		return false;
	__int128 quotient = (__int128)a * NUMBER_ONE / b;

	*ret = (int64_t)quotient;
	return quotient >= INT64_MIN && quotient <= INT64_MAX;
}

static bool holds(enum comparison how, int order)
{
	switch (how) {
	case COMPARE_EQ:
		return order == 0;
	case COMPARE_NE:
		return order != 0;
	case COMPARE_LT:
		return order < 0;
	case COMPARE_LE:
		return order <= 0;
	case COMPARE_GT:
		return order > 0;
	case COMPARE_GE:
		return order >= 0;
	}
	return false;
}

static int order_i64(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static struct value boolean(bool value)
{
	return (struct value){ .type = VALUE_BOOL, .i64 = value };
}

static const struct value unknown = { .type = VALUE_NONE };

static struct value arithmetic(enum code code, const struct value *a, const struct value *b)
{
	struct value ret = { .type = VALUE_NUMBER };
	bool good = true;

	if (a->type == VALUE_NONE || b->type == VALUE_NONE)
		return unknown;
	if (code == CODE_ADD)
		good = !__builtin_add_overflow(a->i64, b->i64, &ret.i64);
	else if (code == CODE_SUBTRACT)
		good = !__builtin_sub_overflow(a->i64, b->i64, &ret.i64);
	else if (code == CODE_MULTIPLY)
		good = number_multiply(a->i64, b->i64, &ret.i64);
	else
		good = number_divide(a->i64, b->i64, &ret.i64);
	return good ? ret : unknown;
}

static bool text_in(struct str text, const struct value *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (str_equal(list->items[i], text))
			return true;
	return false;
}

static bool like(const struct value *value, struct str pattern)
{
	if (value->type == VALUE_STRING)
		return pattern_matches(pattern, value->text);
	for (size_t i = 0; i < value->count; i++)
		if (pattern_matches(pattern, value->items[i]))
			return true;
	return false;
}

static const struct value *context_find(const struct request *request, struct str name,
					enum value_type type)
{
	for (size_t i = 0; i < request->context_count; i++)
		if (str_equal(request->context[i].name, name))
			return request->context[i].value.type == type ? &request->context[i].value
								      : &unknown;
	return &unknown;
}

static struct value joined(enum code code, const struct value *a, const struct value *b)
{
	int64_t settles = code == CODE_OR;

	if ((a->type != VALUE_NONE && a->i64 == settles) ||
	    (b->type != VALUE_NONE && b->i64 == settles))
		return boolean(settles);
	if (a->type == VALUE_NONE || b->type == VALUE_NONE)
		return unknown;
	return boolean(!settles);
}

static struct value negated(const struct value *a)
{
	struct value ret = *a;

	if (a->type == VALUE_NONE)
		return unknown;
	if (__builtin_sub_overflow(0, a->i64, &ret.i64))
		return unknown;
	return ret;
}

/* One operand: a; two: a and b. */
static struct value operate(const struct condition *condition, const struct instruction *i,
			    const struct value *a, const struct value *b)
{
	switch ((enum code)i->code) {
	case CODE_NEGATE:
		return negated(a);
	case CODE_NOT:
		return a->type == VALUE_NONE ? unknown : boolean(!a->i64);
	case CODE_IN_CALENDAR:
		if (a->type == VALUE_NONE)
			return unknown;
		return boolean(calendar_holds(condition->calendars[i->operand], a->i64));
	case CODE_ADD:
	case CODE_SUBTRACT:
	case CODE_MULTIPLY:
	case CODE_DIVIDE:
		return arithmetic((enum code)i->code, a, b);
	case CODE_AND:
	case CODE_OR:
		return joined((enum code)i->code, a, b);
	case CODE_COMPARE_I64:
	case CODE_COMPARE_TEXT:
	case CODE_IN_TEXTS:
	case CODE_LIKE:
		break;
	case CODE_CONSTANT:
	case CODE_ATTRIBUTE:
	case CODE_CONTEXT:
	case CODE_ATTRIBUTE_I64:
	case CODE_ATTRIBUTE_TEXT:
		ASSERT(false);
	}
	if (a->type == VALUE_NONE || b->type == VALUE_NONE)
		return unknown;
	if (i->code == CODE_COMPARE_I64)
		return boolean(holds((enum comparison)i->comparison, order_i64(a->i64, b->i64)));
	if (i->code == CODE_COMPARE_TEXT)
		return boolean(
			holds((enum comparison)i->comparison, str_compare(a->text, b->text)));
	if (i->code == CODE_IN_TEXTS)
		return boolean(text_in(a->text, b));
	return boolean(like(a, b->text));
}

/* Instructions that only put a value on the stack. */
static bool load(const struct condition *condition, const struct instruction *i,
		 const struct request *request, struct value *ret)
{
	const struct value *attribute = &request->attributes[i->attribute];

	switch ((enum code)i->code) {
	case CODE_ATTRIBUTE_I64:
		if (attribute->type == VALUE_NONE)
			*ret = unknown;
		else
			*ret = boolean(holds((enum comparison)i->comparison,
					     order_i64(attribute->i64, i->i64)));
		return true;
	case CODE_ATTRIBUTE_TEXT:
		if (attribute->type == VALUE_NONE)
			*ret = unknown;
		else
			*ret = boolean(holds((enum comparison)i->comparison,
					     str_compare(attribute->text,
							 condition->constants[i->operand].text)));
		return true;
	case CODE_CONSTANT:
		*ret = condition->constants[i->operand];
		return true;
	case CODE_ATTRIBUTE:
		*ret = *attribute;
		return true;
	case CODE_CONTEXT:
		*ret = *context_find(request, condition->constants[i->operand].text,
				     (enum value_type)i->i64);
		return true;
	case CODE_NEGATE:
	case CODE_ADD:
	case CODE_SUBTRACT:
	case CODE_MULTIPLY:
	case CODE_DIVIDE:
	case CODE_COMPARE_I64:
	case CODE_COMPARE_TEXT:
	case CODE_IN_TEXTS:
	case CODE_IN_CALENDAR:
	case CODE_LIKE:
	case CODE_NOT:
	case CODE_AND:
	case CODE_OR:
		break;
	}
	return false;
}

static bool takes_one(enum code code)
{
	return code == CODE_NEGATE || code == CODE_NOT || code == CODE_IN_CALENDAR;
}

static enum truth truth_of(const struct value *value)
{
	if (value->type == VALUE_NONE)
		return TRUTH_UNKNOWN;
	return value->i64 ? TRUTH_TRUE : TRUTH_FALSE;
}

enum truth condition_test(const struct condition *condition, const struct request *request)
{
	struct value stack[CONDITION_STACK_MAX];
	size_t top = 0;

	for (uint32_t n = 0; n < condition->instruction_count; n++) {
		const struct instruction *i = &condition->instructions[n];
		if (load(condition, i, request, &stack[top])) {
			top++;
		} else if (takes_one((enum code)i->code)) {
			stack[top - 1] = operate(condition, i, &stack[top - 1], NULL);
		} else {
			stack[top - 2] = operate(condition, i, &stack[top - 2], &stack[top - 1]);
			top--;
		}
	}
	ASSERT(top == 1);
	return truth_of(&stack[0]);
}
