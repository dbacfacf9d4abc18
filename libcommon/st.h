/* st.h: status values. One closed enum for the whole system; it and its table are generated from
 * `x-status` in proto/ (gen/status.h), so the contract is where a new refusal is declared.
 * Functions that can fail return `enum st`; outputs are untouched unless ST_OK is returned. */
#ifndef PIOPL_ST_H
#define PIOPL_ST_H

#include <stdint.h>

#include "gen/status.h" /* enum st: ST_OK = 0, then one ST_<CODE> for each x-status entry */
#include "str.h"

#define MUST_CHECK __attribute__((warn_unused_result))

enum st_kind {
	ST_KIND_OK,
	ST_KIND_REFUSAL,     /* the caller's fault, will not pass unchanged */
	ST_KIND_UNAVAILABLE, /* the world's, may pass when repeated */
	ST_KIND_BUG,         /* ours */
};

struct st_info {
	const char *code;  /* stable, snake_case: "agent_not_live" */
	const char *title; /* one sentence saying the rule */
	enum st_kind kind;
	uint16_t http;
	bool retry;
};

const struct st_info *st_info(enum st st);
/* ST_OK or the status with that code; ST_INTERNAL when unknown. */
enum st st_of_code(struct str code);

#define TRY(expression)                                                                            \
	do {                                                                                       \
		enum st try_st_ = (expression);                                                    \
		if (try_st_ != ST_OK)                                                              \
			return try_st_;                                                            \
	} while (0)

/* Stays on in release. */
#define ASSERT(condition) ((condition) ? (void)0 : assert_fail(#condition, __FILE__, __LINE__))
_Noreturn void assert_fail(const char *condition, const char *file, int line);

/* What a call that was refused for lack of balance would have needed: millionths of the currency;
 * none while `currency` is empty. */
struct quote {
	char wallet_id[64];
	char currency[4];
	int64_t needed_micros;
	int64_t available_micros;
};

/* What was refused, where, and what would make it pass. Fixed size, so it survives any arena. */
struct problem {
	enum st st;
	char pointer[192]; /* JSON pointer into the request, or "line 3, column 7" for documents */
	char detail[400];  /* one sentence, lower case, no full stop, values quoted */
	char hint[200];    /* what would be accepted; may be empty */
	uint32_t retry_after_ms;
	struct quote quote;
};

/* Fills `problem` (NULL is allowed) and returns `st`. Long texts are cut at a UTF-8 boundary. */
enum st problem_set(struct problem *problem, enum st st, const char *pointer, const char *format,
		    ...) __attribute__((format(printf, 4, 5)));
void problem_hint(struct problem *problem, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A wallet has `available` and would have needed `needed`, which is more. No quote is set when one
 * of the texts is too long. */
void problem_quote(struct problem *problem, struct str wallet_id, struct str currency,
		   int64_t needed_micros, int64_t available_micros);

#endif
