/* Statuses: look-up in the generated table, problems, and the end of the program on our own bug. */
#include "st.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

extern const struct st_info st_table[ST_COUNT];

const struct st_info *st_info(enum st st)
{
	ASSERT((unsigned int)st < ST_COUNT);
	return &st_table[st];
}

enum st st_of_code(struct str code)
{
	for (unsigned int i = 0; i < ST_COUNT; i++) {
		if (str_is(code, st_table[i].code))
			return (enum st)i;
	}
	return ST_INTERNAL;
}

void assert_fail(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
	abort();
}

__attribute__((format(printf, 3, 0))) static void format_cut(char *buffer, size_t buffer_size,
							     const char *format, va_list args)
{
	int size = vsnprintf(buffer, buffer_size, format, args);
	size_t start = buffer_size - 1;

	ASSERT(size >= 0);
	if ((size_t)size < buffer_size)
		return;
	/* The cut may have split a character: look at the last one that begins before it. */
	while (start > 0 && buffer_size - start < 4 &&
	       ((unsigned char)buffer[start - 1] & 0xc0) == 0x80)
		start--;
	if (start > 0 && (unsigned char)buffer[start - 1] >= 0xc0 &&
	    utf8_size(str_of(buffer + start - 1)) == 0)
		buffer[start - 1] = '\0';
}

enum st problem_set(struct problem *problem, enum st st, const char *pointer, const char *format,
		    ...)
{
	/* Filled aside, because the arguments may point into `problem`. */
	struct problem filled = { .st = st };
	struct str place = str_of(pointer);
	va_list args;

	if (!problem)
		return st;
	place.size = utf8_cut(place, sizeof(filled.pointer) - 1);
	str_copy(place, filled.pointer, sizeof(filled.pointer));
	va_start(args, format);
	format_cut(filled.detail, sizeof(filled.detail), format, args);
	va_end(args);
	*problem = filled;
	return st;
}

void problem_hint(struct problem *problem, const char *format, ...)
{
	char hint[sizeof(problem->hint)];
	va_list args;

	if (!problem)
		return;
	va_start(args, format);
	format_cut(hint, sizeof(hint), format, args);
	va_end(args);
	memcpy(problem->hint, hint, strlen(hint) + 1);
}

void problem_quote(struct problem *problem, struct str wallet_id, struct str currency,
		   int64_t needed_micros, int64_t available_micros)
{
	struct quote quote = { .needed_micros = needed_micros,
			       .available_micros = available_micros };

	ASSERT(needed_micros > available_micros && available_micros >= 0);
	if (problem && str_copy(wallet_id, quote.wallet_id, sizeof(quote.wallet_id)) &&
	    currency.size == sizeof(quote.currency) - 1 &&
	    str_copy(currency, quote.currency, sizeof(quote.currency)))
		problem->quote = quote;
}
