/* core_condition_compile.c: a typed tree to instructions for a stack, in the order they run. The
 * commonest forms, an attribute against a constant, are one instruction. */
#include "core_condition.h"

struct compiler {
	struct instruction *instructions;
	struct value *constants;
	const struct calendar **calendars;
	uint32_t instruction_count, constant_count, calendar_count;
	unsigned depth, depth_max;
	uint64_t attributes;
	bool full;
};

static void emit(struct compiler *c, struct instruction instruction, int stack_change)
{
	if (c->instruction_count == CONDITION_INSTRUCTIONS_MAX) {
		c->full = true;
		return;
	}
	c->instructions[c->instruction_count++] = instruction;
	c->depth = (unsigned)((int)c->depth + stack_change);
	if (c->depth > c->depth_max)
		c->depth_max = c->depth;
}

static uint32_t constant_add(struct compiler *c, const struct value *value)
{
	if (c->constant_count == CONDITION_INSTRUCTIONS_MAX) {
		c->full = true;
		return 0;
	}
	c->constants[c->constant_count] = *value;
	return c->constant_count++;
}

static bool is_i64(enum value_type type)
{
	return type != VALUE_STRING && type != VALUE_LIST;
}

static enum comparison mirrored(enum comparison comparison)
{
	switch (comparison) {
	case COMPARE_LT:
		return COMPARE_GT;
	case COMPARE_LE:
		return COMPARE_GE;
	case COMPARE_GT:
		return COMPARE_LT;
	case COMPARE_GE:
		return COMPARE_LE;
	case COMPARE_EQ:
	case COMPARE_NE:
		break;
	}
	return comparison;
}

static void walk(struct compiler *c, const struct node *node);

static void compare(struct compiler *c, const struct node *node)
{
	const struct node *left = node->left, *right = node->right;
	enum comparison how = node->comparison;

	if (left->kind == NODE_CONSTANT && right->kind == NODE_ATTRIBUTE) {
		left = node->right;
		right = node->left;
		how = mirrored(how);
	}
	if (left->kind == NODE_ATTRIBUTE && right->kind == NODE_CONSTANT) {
		struct instruction i = {
			.code = is_i64(left->type) ? CODE_ATTRIBUTE_I64 : CODE_ATTRIBUTE_TEXT,
			.comparison = (uint8_t)how,
			.attribute = (uint16_t)left->attribute,
			.i64 = right->constant.i64,
		};
		if (i.code == CODE_ATTRIBUTE_TEXT)
			i.operand = constant_add(c, &right->constant);
		c->attributes |= UINT64_C(1) << left->attribute;
		emit(c, i, 1);
		return;
	}
	walk(c, left);
	walk(c, right);
	emit(c,
	     (struct instruction){ .code = is_i64(left->type) ? CODE_COMPARE_I64
							      : CODE_COMPARE_TEXT,
				   .comparison = (uint8_t)how },
	     -1);
}

static void calendar(struct compiler *c, const struct node *node)
{
	walk(c, node->left);
	if (c->calendar_count == CONDITION_INSTRUCTIONS_MAX) {
		c->full = true;
		return;
	}
	c->calendars[c->calendar_count] = node->calendar;
	emit(c, (struct instruction){ .code = CODE_IN_CALENDAR, .operand = c->calendar_count++ },
	     0);
}

static enum code code_of(const struct node *node)
{
	switch (node->kind) {
	case NODE_ADD:
		return CODE_ADD;
	case NODE_SUBTRACT:
		return CODE_SUBTRACT;
	case NODE_MULTIPLY:
		return CODE_MULTIPLY;
	case NODE_DIVIDE:
		return CODE_DIVIDE;
	case NODE_IN:
		return CODE_IN_TEXTS;
	case NODE_LIKE:
		return CODE_LIKE;
	case NODE_AND:
		return CODE_AND;
	case NODE_OR:
		return CODE_OR;
	case NODE_NEGATE:
		return CODE_NEGATE;
	case NODE_NOT:
		return CODE_NOT;
	case NODE_CONSTANT:
	case NODE_ATTRIBUTE:
	case NODE_CONTEXT:
	case NODE_COMPARE:
	case NODE_IN_CALENDAR:
		break;
	}
	ASSERT(false);
}

static void walk(struct compiler *c, const struct node *node)
{
	switch (node->kind) {
	case NODE_CONSTANT:
		emit(c,
		     (struct instruction){ .code = CODE_CONSTANT,
					   .operand = constant_add(c, &node->constant) },
		     1);
		return;
	case NODE_ATTRIBUTE:
		c->attributes |= UINT64_C(1) << node->attribute;
		emit(c,
		     (struct instruction){ .code = CODE_ATTRIBUTE,
					   .attribute = (uint16_t)node->attribute },
		     1);
		return;
	case NODE_CONTEXT:
		c->attributes |= UINT64_C(1) << ATTRIBUTE_CONTEXT_BIT;
		emit(c,
		     (struct instruction){ .code = CODE_CONTEXT,
					   .operand = constant_add(c, &node->constant),
					   .i64 = (int64_t)node->type },
		     1);
		return;
	case NODE_COMPARE:
		compare(c, node);
		return;
	case NODE_IN_CALENDAR:
		calendar(c, node);
		return;
	case NODE_NEGATE:
	case NODE_NOT:
		walk(c, node->left);
		emit(c, (struct instruction){ .code = (uint8_t)code_of(node) }, 0);
		return;
	case NODE_ADD:
	case NODE_SUBTRACT:
	case NODE_MULTIPLY:
	case NODE_DIVIDE:
	case NODE_IN:
	case NODE_LIKE:
	case NODE_AND:
	case NODE_OR:
		walk(c, node->left);
		walk(c, node->right);
		emit(c, (struct instruction){ .code = (uint8_t)code_of(node) }, -1);
		return;
	}
}

static enum st copy_out(struct arena *arena, const struct compiler *c, struct condition *ret)
{
	struct instruction *instructions =
		ARENA_ARRAY(arena, struct instruction, c->instruction_count);
	struct value *constants = ARENA_ARRAY(arena, struct value, c->constant_count);
	const struct calendar **calendars =
		ARENA_ARRAY(arena, const struct calendar *, c->calendar_count);

	if (!instructions || !constants || !calendars)
		return ST_TOO_LARGE;
	memcpy(instructions, c->instructions, c->instruction_count * sizeof(*instructions));
	memcpy(constants, c->constants, c->constant_count * sizeof(*constants));
	memcpy(calendars, c->calendars, c->calendar_count * sizeof(*calendars));
	ret->instructions = instructions;
	ret->constants = constants;
	ret->calendars = calendars;
	ret->instruction_count = c->instruction_count;
	ret->constant_count = c->constant_count;
	ret->calendar_count = c->calendar_count;
	ret->attributes = c->attributes;
	return ST_OK;
}

enum st condition_compile(struct arena *arena, struct str text, const struct condition_names *names,
			  struct condition *ret, size_t *ret_place, struct problem *problem)
{
	struct instruction instructions[CONDITION_INSTRUCTIONS_MAX];
	struct value constants[CONDITION_INSTRUCTIONS_MAX];
	const struct calendar *calendars[CONDITION_INSTRUCTIONS_MAX];
	struct compiler c = {
		.instructions = instructions,
		.constants = constants,
		.calendars = calendars,
	};
	const struct node *tree;

	TRY(condition_parse(arena, text, names, &tree, ret_place, problem));
	walk(&c, tree);
	if (c.full || c.depth_max > CONDITION_STACK_MAX) {
		*ret_place = 0;
		return problem_set(problem, ST_POLICY_INVALID, "",
				   "the condition has more than %d steps; make two rules of it",
				   CONDITION_INSTRUCTIONS_MAX);
	}
	*ret = (struct condition){ .text = text, .tree = tree };
	return copy_out(arena, &c, ret);
}
