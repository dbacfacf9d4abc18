/* core_condition_lex.c: the words of a condition. */
#include "core_condition.h"

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const struct {
	const char *word;
	enum token_kind kind;
} keywords[] = {
	{ "AND", TOKEN_AND },   { "and", TOKEN_AND },   { "OR", TOKEN_OR },
	{ "or", TOKEN_OR },     { "NOT", TOKEN_NOT },   { "not", TOKEN_NOT },
	{ "IN", TOKEN_IN },     { "in", TOKEN_IN },     { "LIKE", TOKEN_LIKE },
	{ "like", TOKEN_LIKE }, { "true", TOKEN_TRUE }, { "false", TOKEN_FALSE },
};

static const struct {
	const char *sign;
	enum token_kind kind;
} signs[] = {
	/* longer ones first */
	{ "==", TOKEN_EQ },   { "!=", TOKEN_NE },   { "<=", TOKEN_LE },      { ">=", TOKEN_GE },
	{ "<", TOKEN_LT },    { ">", TOKEN_GT },    { "=", TOKEN_EQ },       { "+", TOKEN_PLUS },
	{ "-", TOKEN_MINUS }, { "*", TOKEN_TIMES }, { "/", TOKEN_DIVIDE },   { "(", TOKEN_OPEN },
	{ ")", TOKEN_CLOSE }, { "[", TOKEN_LIST },  { "]", TOKEN_LIST_END }, { ",", TOKEN_COMMA },
};

static enum st lex_refuse(struct lexer *lexer, size_t place, const char *words)
{
	lexer->token.place = place;
	return problem_set(lexer->problem, ST_POLICY_INVALID, "", "%s", words);
}

static void take_word(struct lexer *lexer)
{
	struct str text = lexer->text;
	size_t end = lexer->next;

	while (end < text.size &&
	       (is_letter(text.data[end]) || is_digit(text.data[end]) ||
		(text.data[end] == '.' && end + 1 < text.size && is_letter(text.data[end + 1]))))
		end++;
	lexer->token.kind = TOKEN_NAME;
	lexer->token.text = (struct str){ text.data + lexer->next, end - lexer->next };
	lexer->next = end;
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (str_is(lexer->token.text, keywords[i].word))
			lexer->token.kind = keywords[i].kind;
}

/* No escapes: a text with one kind of quotes stands in the other kind. */
static enum st take_string(struct lexer *lexer)
{
	const char *begin = lexer->text.data + lexer->next;
	const char *end = memchr(begin + 1, *begin, lexer->text.size - lexer->next - 1);

	if (!end)
		return lex_refuse(lexer, lexer->next, "the text has no closing quote");
	lexer->token.kind = TOKEN_STRING;
	lexer->token.text = (struct str){ begin + 1, (size_t)(end - begin) - 1 };
	lexer->next += (size_t)(end - begin) + 1;
	return ST_OK;
}

static bool unit_ms(struct str unit, int64_t *ret)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {
		{ "ms", 1 },      { "s", 1000 },     { "m", 60000 },
		{ "h", 3600000 }, { "d", 86400000 }, { "w", 604800000 },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!str_is(unit, units[i].unit))
			continue;
		*ret = units[i].ms;
		return true;
	}
	return false;
}

static size_t digits_end(struct str text, size_t from)
{
	while (from < text.size && (is_digit(text.data[from]) || text.data[from] == '_'))
		from++;
	return from;
}

/* Digits, "_" between them, into a count of `scale`. */
static bool digits_read(struct str text, size_t from, size_t to, int64_t *value)
{
	for (size_t i = from; i < to; i++) {
		if (text.data[i] == '_')
			continue;
		if (__builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, text.data[i] - '0', value))
			return false;
	}
	return true;
}

static enum st take_fraction(struct lexer *lexer, int64_t *value)
{
	size_t from = lexer->next + 1, to = digits_end(lexer->text, from);

	if (to == from || to - from > 6)
		return lex_refuse(lexer, lexer->next,
				  "a number has one to six digits after its point");
	if (!digits_read(lexer->text, from, to, value))
		return lex_refuse(lexer, lexer->next, "the number is too large");
	for (size_t i = to - from; i < 6; i++)
		if (__builtin_mul_overflow(*value, 10, value))
			return lex_refuse(lexer, lexer->next, "the number is too large");
	lexer->next = to;
	return ST_OK;
}

static enum st take_number(struct lexer *lexer)
{
	struct str text = lexer->text;
	size_t begin = lexer->next, end = digits_end(text, begin), unit_end;
	int64_t value = 0, ms;

	if (!digits_read(text, begin, end, &value))
		return lex_refuse(lexer, begin, "the number is too large");
	lexer->next = end;
	lexer->token.kind = TOKEN_NUMBER;
	if (end < text.size && text.data[end] == '.') {
		TRY(take_fraction(lexer, &value));
	} else if (end < text.size && is_letter(text.data[end])) {
		for (unit_end = end; unit_end < text.size && is_letter(text.data[unit_end]);)
			unit_end++;
		if (!unit_ms((struct str){ text.data + end, unit_end - end }, &ms))
			return lex_refuse(lexer, end, "units of time are ms, s, m, h, d and w");
		if (__builtin_mul_overflow(value, ms, &value))
			return lex_refuse(lexer, begin, "the duration is too long");
		lexer->token.kind = TOKEN_DURATION;
		lexer->next = unit_end;
	} else if (__builtin_mul_overflow(value, NUMBER_ONE, &value)) {
		return lex_refuse(lexer, begin, "the number is too large");
	}
	lexer->token.number = value;
	return ST_OK;
}

static enum st take_sign(struct lexer *lexer)
{
	struct str rest = { lexer->text.data + lexer->next, lexer->text.size - lexer->next };

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		if (!str_starts(rest, signs[i].sign))
			continue;
		lexer->token.kind = signs[i].kind;
		lexer->token.text = (struct str){ rest.data, strlen(signs[i].sign) };
		lexer->next += lexer->token.text.size;
		return ST_OK;
	}
	return lex_refuse(lexer, lexer->next, "this character means nothing in a condition");
}

enum st lexer_next(struct lexer *lexer)
{
	struct str text = lexer->text;

	while (lexer->next < text.size &&
	       (text.data[lexer->next] == ' ' || text.data[lexer->next] == '\t' ||
		text.data[lexer->next] == '\n'))
		lexer->next++;
	lexer->token = (struct token){ .kind = TOKEN_END, .place = lexer->next };
	if (lexer->next == text.size)
		return ST_OK;
	char c = text.data[lexer->next];
	if (is_letter(c)) {
		take_word(lexer);
		return ST_OK;
	}
	if (is_digit(c))
		return take_number(lexer);
	if (c == '"' || c == '\'')
		return take_string(lexer);
	return take_sign(lexer);
}
