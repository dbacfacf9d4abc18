/* money.h: amounts as integers of a millionth and a currency. No float touches them. Outputs are
 * untouched on failure. */
#ifndef PIOPL_MONEY_H
#define PIOPL_MONEY_H

#include "st.h"

#define MONEY_MICROS_PER_UNIT 1000000
#define MONEY_PLACES_MAX 6
#define MONEY_WHOLE_DIGITS_MAX 13 /* as in the contract */
#define MONEY_TEXT_SIZE 24        /* a printed amount and its NUL */

struct money {
	int64_t micros;
	char currency[4]; /* three capital letters and a NUL */
};

/* An amount as the contract writes it: no plus sign, no leading zero, at most 13 digits before the
 * point and six after it, no "-0". ST_MONEY_INVALID; ST_MONEY_OVERFLOW past what an int64_t holds
 * (9223372036854.775807). */
MUST_CHECK enum st money_parse(struct str amount, struct str currency, struct money *ret);
MUST_CHECK enum st micros_parse(struct str amount, int64_t *ret);
/* Without zeros at the end of the fraction. Every int64_t prints, and reads back the same. Returns
 * the length. */
size_t money_print(struct money money, char ret[MONEY_TEXT_SIZE]);
size_t micros_print(int64_t micros, char ret[MONEY_TEXT_SIZE]);

bool currency_valid(struct str currency);
bool money_same_currency(struct money a, struct money b);

/* ST_CURRENCY_MISMATCH, ST_MONEY_OVERFLOW. */
MUST_CHECK enum st money_add(struct money a, struct money b, struct money *ret);
MUST_CHECK enum st money_sub(struct money a, struct money b, struct money *ret);
/* -1, 0, 1; ST_CURRENCY_MISMATCH. */
MUST_CHECK enum st money_compare(struct money a, struct money b, int *ret);

enum money_rounding {
	MONEY_FLOOR,     /* towards minus infinity */
	MONEY_CEIL,      /* towards plus infinity */
	MONEY_HALF_EVEN, /* to the nearest; from the middle to the even one */
};

/* micros * numerator / denominator, exact to 128 bits before it is rounded. The denominator is
 * positive. ST_MONEY_OVERFLOW when the result is not an int64_t. */
MUST_CHECK enum st micros_multiply(int64_t micros, int64_t numerator, int64_t denominator,
				   enum money_rounding rounding, int64_t *ret);
MUST_CHECK enum st money_multiply(struct money money, int64_t numerator, int64_t denominator,
				  enum money_rounding rounding, struct money *ret);

#endif
