/* core_condition_parse.c: words to a typed tree. Types are checked as the tree grows, so a mistake
 * is told where it stands.
 *
 *	or         = and { OR and }
 *	and        = not { AND not }
 *	not        = NOT not | comparison
 *	comparison = sum [ sign sum | [NOT] IN sum | [NOT] LIKE text ]
 *	sum        = product { + product | - product }
 *	product    = unary { * unary | / unary }
 *	unary      = - unary | ( or ) | [ value, ... ] | value | name */
#include <assert.h>

#include "clock.h"
#include "core_condition.h"

struct parser {
	struct lexer lexer;
	struct arena *arena;
	const struct condition_names *names;
	unsigned depth;
	size_t place; /* of the mistake */
};

static enum st parse_or(struct parser *p, struct node **ret);

static enum st refuse(struct parser *p, size_t place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static enum st refuse(struct parser *p, size_t place, const char *format, ...)
{
	va_list args;
	struct str words;

	va_start(args, format);
	words = arena_vprintf(p->arena, format, args);
	va_end(args);
	p->place = place;
	return problem_set(p->lexer.problem, ST_POLICY_INVALID, "", "%.*s", STR_ARG(words));
}

static enum st next(struct parser *p)
{
	enum st st = lexer_next(&p->lexer);

	if (st != ST_OK)
		p->place = p->lexer.token.place;
	return st;
}

static enum st node_new(struct parser *p, enum node_kind kind, enum value_type type, size_t place,
			struct node **ret)
{
	struct node *node = ARENA_NEW(p->arena, struct node);

	if (!node)
		return ST_TOO_LARGE;
	node->kind = kind;
	node->type = type;
	node->place = place;
	*ret = node;
	return ST_OK;
}

static enum st node_binary(struct parser *p, enum node_kind kind, enum value_type type,
			   size_t place, struct node *left, struct node *right, struct node **ret)
{
	TRY(node_new(p, kind, type, place, ret));
	(*ret)->left = left;
	(*ret)->right = right;
	return ST_OK;
}

/* -- values and names -- */

static enum st constant(struct parser *p, enum value_type type, struct node **ret)
{
	const struct token *token = &p->lexer.token;

	TRY(node_new(p, NODE_CONSTANT, type, token->place, ret));
	(*ret)->constant =
		(struct value){ .type = type, .i64 = token->number, .text = token->text };
	if (token->kind == TOKEN_TRUE)
		(*ret)->constant.i64 = 1;
	return next(p);
}

static enum st list(struct parser *p, struct node **ret)
{
	size_t place = p->lexer.token.place, count = 0;
	struct str *items = ARENA_ARRAY(p->arena, struct str, CONDITION_LIST_MAX);

	if (!items)
		return ST_TOO_LARGE;
	TRY(next(p));
	while (p->lexer.token.kind != TOKEN_LIST_END) {
		if (p->lexer.token.kind != TOKEN_STRING)
			return refuse(p, p->lexer.token.place, "a list holds texts in quotes");
		if (count == CONDITION_LIST_MAX)
			return refuse(p, p->lexer.token.place, "a list holds at most %d texts",
				      CONDITION_LIST_MAX);
		items[count++] = p->lexer.token.text;
		TRY(next(p));
		if (p->lexer.token.kind == TOKEN_COMMA)
			TRY(next(p));
		else if (p->lexer.token.kind != TOKEN_LIST_END)
			return refuse(p, p->lexer.token.place, "a \",\" or \"]\" is missing here");
	}
	TRY(node_new(p, NODE_CONSTANT, VALUE_LIST, place, ret));
	(*ret)->constant = (struct value){ .type = VALUE_LIST, .items = items, .count = count };
	return next(p);
}

static enum st name_context(struct parser *p, struct str name, size_t place, struct node **ret)
{
	struct str own = { name.data + sizeof("context.") - 1,
			   name.size - (sizeof("context.") - 1) };

	for (const struct condition_names *n = p->names; n; n = n->outer) {
		for (size_t i = 0; i < n->context_count; i++) {
			if (!str_equal(n->context[i].name, own))
				continue;
			TRY(node_new(p, NODE_CONTEXT, n->context[i].type, place, ret));
			(*ret)->constant.text = own;
			return ST_OK;
		}
	}
	return refuse(p, place, "\"%.*s\" is not declared under \"context\" in this document",
		      STR_ARG(name));
}

static bool find_set(const struct condition_names *names, struct str name, struct value *ret)
{
	for (const struct condition_names *n = names; n; n = n->outer) {
		for (size_t i = 0; i < n->set_count; i++) {
			if (!str_equal(n->sets[i].name, name))
				continue;
			*ret = (struct value){ .type = VALUE_LIST,
					       .items = n->sets[i].items,
					       .count = n->sets[i].count };
			return true;
		}
	}
	return false;
}

static const struct calendar *find_calendar(const struct condition_names *names, struct str name)
{
	for (const struct condition_names *n = names; n; n = n->outer)
		for (size_t i = 0; i < n->calendar_count; i++)
			if (str_equal(n->calendars[i]->name, name))
				return n->calendars[i];
	return NULL;
}

static enum st name(struct parser *p, struct node **ret)
{
	struct str word = p->lexer.token.text;
	size_t place = p->lexer.token.place;
	enum attribute attribute;
	struct value set;

	if (attribute_find(word, &attribute)) {
		TRY(node_new(p, NODE_ATTRIBUTE, attribute_type(attribute), place, ret));
		(*ret)->attribute = attribute;
	} else if (str_starts(word, "context.")) {
		TRY(name_context(p, word, place, ret));
	} else if (find_set(p->names, word, &set)) {
		TRY(node_new(p, NODE_CONSTANT, VALUE_LIST, place, ret));
		(*ret)->constant = set;
	} else if (find_calendar(p->names, word)) {
		return refuse(p, place, "\"%.*s\" is a calendar: write \"time IN %.*s\"",
			      STR_ARG(word), STR_ARG(word));
	} else {
		return refuse(p, place, "nothing is called \"%.*s\"", STR_ARG(word));
	}
	return next(p);
}

static enum st descend(struct parser *p)
{
	if (p->depth == CONDITION_DEPTH_MAX)
		return refuse(p, p->lexer.token.place,
			      "brackets, NOT and minus are nested deeper than %d",
			      CONDITION_DEPTH_MAX);
	p->depth++;
	return ST_OK;
}

static enum st bracket(struct parser *p, struct node **ret)
{
	TRY(descend(p));
	TRY(next(p));
	TRY(parse_or(p, ret));
	p->depth--;
	if (p->lexer.token.kind != TOKEN_CLOSE)
		return refuse(p, p->lexer.token.place, "a \")\" is missing here");
	return next(p);
}

static bool is_measure(enum value_type type)
{
	return type == VALUE_NUMBER || type == VALUE_DURATION;
}

static enum st unary(struct parser *p, struct node **ret);

static enum st negative(struct parser *p, struct node **ret)
{
	struct node *inner;
	size_t place = p->lexer.token.place;

	TRY(descend(p));
	TRY(next(p));
	TRY(unary(p, &inner));
	p->depth--;
	if (!is_measure(inner->type))
		return refuse(p, inner->place, "minus needs a number, and this is %s",
			      value_type_name(inner->type));
	return node_binary(p, NODE_NEGATE, inner->type, place, inner, NULL, ret);
}

static enum st unary(struct parser *p, struct node **ret)
{
	switch (p->lexer.token.kind) {
	case TOKEN_NUMBER:
		return constant(p, VALUE_NUMBER, ret);
	case TOKEN_DURATION:
		return constant(p, VALUE_DURATION, ret);
	case TOKEN_STRING:
		return constant(p, VALUE_STRING, ret);
	case TOKEN_TRUE:
	case TOKEN_FALSE:
		return constant(p, VALUE_BOOL, ret);
	case TOKEN_LIST:
		return list(p, ret);
	case TOKEN_NAME:
		return name(p, ret);
	case TOKEN_OPEN:
		return bracket(p, ret);
	case TOKEN_MINUS:
		return negative(p, ret);
	case TOKEN_END:
		return refuse(p, p->lexer.token.place, "a value is missing at the end");
	case TOKEN_AND:
	case TOKEN_OR:
	case TOKEN_NOT:
	case TOKEN_IN:
	case TOKEN_LIKE:
	case TOKEN_EQ:
	case TOKEN_NE:
	case TOKEN_LT:
	case TOKEN_LE:
	case TOKEN_GT:
	case TOKEN_GE:
	case TOKEN_PLUS:
	case TOKEN_TIMES:
	case TOKEN_DIVIDE:
	case TOKEN_CLOSE:
	case TOKEN_LIST_END:
	case TOKEN_COMMA:
		break;
	}
	return refuse(p, p->lexer.token.place, "a value is missing before \"%.*s\"",
		      STR_ARG(p->lexer.token.text));
}

/* -- arithmetic -- */

/* number by number, duration by number (either way), duration or number divided by number */
static enum value_type product_type(enum node_kind kind, enum value_type a, enum value_type b)
{
	if (a == VALUE_NUMBER && b == VALUE_NUMBER)
		return VALUE_NUMBER;
	if (a == VALUE_DURATION && b == VALUE_NUMBER)
		return VALUE_DURATION;
	if (kind == NODE_MULTIPLY && a == VALUE_NUMBER && b == VALUE_DURATION)
		return VALUE_DURATION;
	return VALUE_NONE;
}

static enum st product(struct parser *p, struct node **ret)
{
	TRY(unary(p, ret));
	while (p->lexer.token.kind == TOKEN_TIMES || p->lexer.token.kind == TOKEN_DIVIDE) {
		enum node_kind kind =
			p->lexer.token.kind == TOKEN_TIMES ? NODE_MULTIPLY : NODE_DIVIDE;
		size_t place = p->lexer.token.place;
		struct node *left = *ret, *right;
		TRY(next(p));
		TRY(unary(p, &right));
		enum value_type type = product_type(kind, left->type, right->type);
		if (type == VALUE_NONE)
			return refuse(p, place, "%s cannot be %s by %s",
				      value_type_name(left->type),
				      kind == NODE_MULTIPLY ? "multiplied" : "divided",
				      value_type_name(right->type));
		TRY(node_binary(p, kind, type, place, left, right, ret));
	}
	return ST_OK;
}

static enum value_type sum_type(enum node_kind kind, enum value_type a, enum value_type b)
{
	if (a == b && is_measure(a))
		return a;
	if (a == VALUE_TIME && b == VALUE_DURATION)
		return VALUE_TIME;
	if (kind == NODE_ADD && a == VALUE_DURATION && b == VALUE_TIME)
		return VALUE_TIME;
	if (kind == NODE_SUBTRACT && a == VALUE_TIME && b == VALUE_TIME)
		return VALUE_DURATION;
	return VALUE_NONE;
}

static enum st sum(struct parser *p, struct node **ret)
{
	TRY(product(p, ret));
	while (p->lexer.token.kind == TOKEN_PLUS || p->lexer.token.kind == TOKEN_MINUS) {
		enum node_kind kind = p->lexer.token.kind == TOKEN_PLUS ? NODE_ADD : NODE_SUBTRACT;
		size_t place = p->lexer.token.place;
		struct node *left = *ret, *right;
		TRY(next(p));
		TRY(product(p, &right));
		enum value_type type = sum_type(kind, left->type, right->type);
		if (type == VALUE_NONE)
			return refuse(p, place, "%s and %s cannot be %s",
				      value_type_name(left->type), value_type_name(right->type),
				      kind == NODE_ADD ? "added" : "subtracted");
		TRY(node_binary(p, kind, type, place, left, right, ret));
	}
	return ST_OK;
}

/* -- comparisons -- */

/* A text in quotes beside a time is a time. */
static enum st text_as_time(struct parser *p, struct node *text, enum value_type other)
{
	if (other != VALUE_TIME || text->kind != NODE_CONSTANT || text->type != VALUE_STRING)
		return ST_OK;
	if (!time_parse(text->constant.text, &text->constant.i64))
		return refuse(p, text->place,
			      "\"%.*s\" is not a time; write \"2026-01-31T09:00:00Z\"",
			      STR_ARG(text->constant.text));
	text->constant.type = VALUE_TIME;
	text->type = VALUE_TIME;
	return ST_OK;
}

static enum st compare(struct parser *p, enum comparison comparison, struct node **ret)
{
	struct node *left = *ret, *right;
	size_t place = p->lexer.token.place;

	TRY(next(p));
	TRY(sum(p, &right));
	TRY(text_as_time(p, left, right->type));
	TRY(text_as_time(p, right, left->type));
	if (left->type != right->type)
		return refuse(p, place, "%s cannot be compared with %s",
			      value_type_name(left->type), value_type_name(right->type));
	if (left->type == VALUE_LIST)
		return refuse(p, place, "lists are not compared; use IN or LIKE");
	if (left->type == VALUE_BOOL && comparison > COMPARE_NE)
		return refuse(p, place, "true and false have no order");
	TRY(node_binary(p, NODE_COMPARE, VALUE_BOOL, place, left, right, ret));
	(*ret)->comparison = comparison;
	return ST_OK;
}

static enum st in_calendar(struct parser *p, size_t place, const struct calendar *calendar,
			   struct node **ret)
{
	struct node *left = *ret;

	if (left->type != VALUE_TIME)
		return refuse(p, left->place, "a calendar is asked for a time, and this is %s",
			      value_type_name(left->type));
	TRY(node_binary(p, NODE_IN_CALENDAR, VALUE_BOOL, place, left, NULL, ret));
	(*ret)->calendar = calendar;
	return next(p);
}

static enum st in(struct parser *p, struct node **ret)
{
	size_t place = p->lexer.token.place;
	struct node *left = *ret, *right;
	enum attribute attribute;

	TRY(next(p));
	if (p->lexer.token.kind == TOKEN_NAME && !attribute_find(p->lexer.token.text, &attribute)) {
		const struct calendar *calendar = find_calendar(p->names, p->lexer.token.text);
		if (calendar)
			return in_calendar(p, place, calendar, ret);
	}
	TRY(sum(p, &right));
	if (right->type != VALUE_LIST)
		return refuse(p, right->place,
			      "IN needs a list, a set or a calendar, and this is %s",
			      value_type_name(right->type));
	if (left->type != VALUE_STRING)
		return refuse(p, left->place, "only a text can be in a list, and this is %s",
			      value_type_name(left->type));
	return node_binary(p, NODE_IN, VALUE_BOOL, place, left, right, ret);
}

static enum st like(struct parser *p, struct node **ret)
{
	size_t place = p->lexer.token.place;
	struct node *left = *ret, *right;

	TRY(next(p));
	if (p->lexer.token.kind != TOKEN_STRING || !pattern_valid(p->lexer.token.text))
		return refuse(p, p->lexer.token.place,
			      "LIKE needs a pattern in quotes, such as \"pii.*\"");
	if (left->type != VALUE_STRING && left->type != VALUE_LIST)
		return refuse(p, left->place, "LIKE needs a text or a list, and this is %s",
			      value_type_name(left->type));
	TRY(constant(p, VALUE_STRING, &right));
	return node_binary(p, NODE_LIKE, VALUE_BOOL, place, left, right, ret);
}

static bool comparison_of(enum token_kind kind, enum comparison *ret)
{
	if (kind < TOKEN_EQ || kind > TOKEN_GE)
		return false;
	*ret = (enum comparison)(kind - TOKEN_EQ);
	return true;
}

static_assert(TOKEN_GE - TOKEN_EQ == (int)COMPARE_GE, "signs stand in the order of comparisons");

static enum st comparison(struct parser *p, struct node **ret)
{
	enum comparison how;
	size_t place;

	TRY(sum(p, ret));
	place = p->lexer.token.place;
	if (comparison_of(p->lexer.token.kind, &how))
		return compare(p, how, ret);
	bool negated = p->lexer.token.kind == TOKEN_NOT;
	if (negated) {
		TRY(next(p));
		if (p->lexer.token.kind != TOKEN_IN && p->lexer.token.kind != TOKEN_LIKE)
			return refuse(p, p->lexer.token.place, "IN or LIKE is missing after NOT");
	}
	if (p->lexer.token.kind == TOKEN_IN)
		TRY(in(p, ret));
	else if (p->lexer.token.kind == TOKEN_LIKE)
		TRY(like(p, ret));
	if (!negated)
		return ST_OK;
	return node_binary(p, NODE_NOT, VALUE_BOOL, place, *ret, NULL, ret);
}

/* -- NOT, AND, OR -- */

static enum st need_truth(struct parser *p, const struct node *node)
{
	if (node->type == VALUE_BOOL)
		return ST_OK;
	return refuse(p, node->place, "a condition is true or false, and this is %s",
		      value_type_name(node->type));
}

static enum st parse_not(struct parser *p, struct node **ret)
{
	size_t place = p->lexer.token.place;
	struct node *inner;

	if (p->lexer.token.kind != TOKEN_NOT)
		return comparison(p, ret);
	TRY(descend(p));
	TRY(next(p));
	TRY(parse_not(p, &inner));
	p->depth--;
	TRY(need_truth(p, inner));
	return node_binary(p, NODE_NOT, VALUE_BOOL, place, inner, NULL, ret);
}

static enum st joined(struct parser *p, enum token_kind token, enum node_kind kind,
		      enum st (*part)(struct parser *p, struct node **ret), struct node **ret)
{
	TRY(part(p, ret));
	while (p->lexer.token.kind == token) {
		size_t place = p->lexer.token.place;
		struct node *left = *ret, *right;
		TRY(need_truth(p, left));
		TRY(next(p));
		TRY(part(p, &right));
		TRY(need_truth(p, right));
		TRY(node_binary(p, kind, VALUE_BOOL, place, left, right, ret));
	}
	return ST_OK;
}

static enum st parse_and(struct parser *p, struct node **ret)
{
	return joined(p, TOKEN_AND, NODE_AND, parse_not, ret);
}

static enum st parse_or(struct parser *p, struct node **ret)
{
	return joined(p, TOKEN_OR, NODE_OR, parse_and, ret);
}

static enum st parse_all(struct parser *p, struct node **ret)
{
	if (p->lexer.text.size > CONDITION_BYTES_MAX)
		return refuse(p, CONDITION_BYTES_MAX, "a condition has at most %d bytes",
			      CONDITION_BYTES_MAX);
	TRY(next(p));
	TRY(parse_or(p, ret));
	TRY(need_truth(p, *ret));
	if (p->lexer.token.kind != TOKEN_END)
		return refuse(p, p->lexer.token.place, "the condition should end here");
	return ST_OK;
}

enum st condition_parse(struct arena *arena, struct str text, const struct condition_names *names,
			const struct node **ret, size_t *ret_place, struct problem *problem)
{
	struct parser parser = {
		.lexer = { .text = text, .problem = problem },
		.arena = arena,
		.names = names,
	};
	struct node *tree;
	enum st st = parse_all(&parser, &tree);

	if (st != ST_OK) {
		*ret_place = parser.place;
		return st;
	}
	*ret = tree;
	return ST_OK;
}
