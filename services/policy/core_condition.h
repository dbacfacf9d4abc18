/* core_condition.h: what the sources of the condition language share; not for others. */
#ifndef PIOPL_POLICY_CORE_CONDITION_H
#define PIOPL_POLICY_CORE_CONDITION_H

#include "condition.h"

enum token_kind {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_STRING,
	TOKEN_NUMBER,
	TOKEN_DURATION,
	TOKEN_TRUE,
	TOKEN_FALSE,
	TOKEN_AND,
	TOKEN_OR,
	TOKEN_NOT,
	TOKEN_IN,
	TOKEN_LIKE,
	TOKEN_EQ,
	TOKEN_NE,
	TOKEN_LT,
	TOKEN_LE,
	TOKEN_GT,
	TOKEN_GE,
	TOKEN_PLUS,
	TOKEN_MINUS,
	TOKEN_TIMES,
	TOKEN_DIVIDE,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_LIST,
	TOKEN_LIST_END,
	TOKEN_COMMA,
};

struct token {
	enum token_kind kind;
	struct str text;
	int64_t number; /* millionths, or milliseconds */
	size_t place;
};

struct lexer {
	struct str text;
	size_t next;
	struct token token;
	struct problem *problem;
};

/* ST_POLICY_INVALID: token.place is where. */
MUST_CHECK enum st lexer_next(struct lexer *lexer);

enum code {
	CODE_CONSTANT, /* operand: constant */
	CODE_ATTRIBUTE,
	CODE_CONTEXT, /* operand: constant with its name, i64: type */
	CODE_NEGATE,
	CODE_ADD,
	CODE_SUBTRACT,
	CODE_MULTIPLY, /* of millionths */
	CODE_DIVIDE,
	CODE_COMPARE_I64,
	CODE_COMPARE_TEXT,
	CODE_ATTRIBUTE_I64,  /* attribute compared with i64 */
	CODE_ATTRIBUTE_TEXT, /* attribute compared with constant `operand` */
	CODE_IN_TEXTS,
	CODE_IN_CALENDAR,
	CODE_LIKE,
	CODE_NOT,
	CODE_AND,
	CODE_OR,
};

/* Arithmetic on millionths; false: overflow or division by zero. */
bool number_multiply(int64_t a, int64_t b, int64_t *ret);
bool number_divide(int64_t a, int64_t b, int64_t *ret);

#endif
