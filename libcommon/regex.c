/* Compilation and search. A metered pattern is compiled with a call-out before each of its items;
 * the call-out charges the distance travelled, so a search that is quadratic, or worse, ends at its
 * budget however PCRE2 counts. Patterns of the contract go without: they are ours, their subjects
 * are bounded, and they run on every message. */
#include "regex.h"

#include <pthread.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "regex_ecma.h"

#define TRANSLATION_BYTES_MAX (4 * 1024 * 1024)
#define OUT_OF_STEPS (-1000) /* what our call-out answers; no error number of PCRE2 */

struct regex {
	pcre2_code *code;
	bool metered;
};

struct meter {
	uint64_t steps_left;
	size_t position;
};

/* PCRE2's scratch memory, one a thread: it holds no result between searches. It goes with its
 * thread: the key is there for its destructor. */
static _Thread_local pcre2_match_data *scratch;
static _Thread_local pcre2_match_context *limits;
static pthread_key_t scratch_key;
static pthread_once_t scratch_key_once = PTHREAD_ONCE_INIT;

static void *arena_malloc(size_t size, void *arena)
{
	return arena_alloc(arena, size);
}

static void arena_forget(void *pointer, void *arena)
{
	(void)pointer;
	(void)arena;
}

static enum st refuse_compile(struct str translated, int error, size_t offset,
			      struct problem *problem)
{
	PCRE2_UCHAR message[160];

	/* Compilation knows two ways to be out of memory. */
	if (error == PCRE2_ERROR_HEAP_FAILED || error == PCRE2_ERROR_NOMEMORY)
		return problem_set(problem, ST_TOO_LARGE, "",
				   "the regular expression needs more memory than its limit");
	if (pcre2_get_error_message(error, message, sizeof(message)) < 0)
		message[0] = '\0';
	return problem_set(problem, ST_PATTERN_INVALID, "",
			   "the regular expression is wrong: %s (\"%.*s\")", (const char *)message,
			   (int)(translated.size - offset < 40 ? translated.size - offset : 40),
			   translated.data + offset);
}

static enum st compile(struct str pattern, struct arena *scratch_arena, uint32_t options,
		       pcre2_general_context *general, pcre2_code **ret, struct problem *problem)
{
	const uint32_t ecma = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS |
			      PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C |
			      PCRE2_NO_UTF_CHECK;
	pcre2_compile_context *context;
	struct buf buf;
	struct str translated;
	size_t offset = 0;
	int error = 0;

	buf_init(&buf, scratch_arena, pattern.size + 64);
	TRY(regex_translate(pattern, &buf, problem));
	translated = buf_str(&buf);
	if (!translated.data)
		return problem_set(problem, ST_TOO_LARGE, "",
				   "the regular expression needs more memory than its limit");
	context = pcre2_compile_context_create(general);
	if (!context)
		return problem_set(problem, ST_TOO_LARGE, "", "no memory for a regular expression");
	*ret = pcre2_compile((PCRE2_SPTR)translated.data, translated.size, ecma | options, &error,
			     &offset, context);
	pcre2_compile_context_free(context);
	return *ret ? ST_OK : refuse_compile(translated, error, offset, problem);
}

enum st regex_compile(struct arena *arena, struct str pattern, struct regex **ret,
		      struct problem *problem)
{
	pcre2_general_context *general;
	struct regex *regex = ARENA_NEW(arena, struct regex);
	pcre2_code *code;

	general = pcre2_general_context_create(arena_malloc, arena_forget, arena);
	if (!regex || !general)
		return problem_set(problem, ST_TOO_LARGE, "", "no memory for a regular expression");
	TRY(compile(pattern, arena, PCRE2_AUTO_CALLOUT, general, &code, problem));
	regex->code = code;
	regex->metered = true;
	*ret = regex;
	return ST_OK;
}

enum st regex_compile_fixed(struct str pattern, struct regex **ret, struct problem *problem)
{
	struct arena arena;
	struct regex *regex;
	pcre2_code *code;
	enum st st;

	arena_init(&arena, TRANSLATION_BYTES_MAX);
	st = compile(pattern, &arena, 0, NULL, &code, problem);
	arena_free(&arena);
	if (st != ST_OK)
		return st;
	regex = malloc(sizeof(*regex));
	if (!regex) {
		pcre2_code_free(code);
		return problem_set(problem, ST_NO_MEMORY, "", "no memory for a regular expression");
	}
	/* Where machine code is not to be had, the interpreter does the same work. */
	(void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	*regex = (struct regex){ .code = code };
	*ret = regex;
	return ST_OK;
}

void regex_free(struct regex *regex)
{
	if (!regex)
		return;
	ASSERT(!regex->metered);
	pcre2_code_free(regex->code);
	free(regex);
}

static void scratch_free(void *ignored)
{
	(void)ignored;
	pcre2_match_data_free(scratch);
	pcre2_match_context_free(limits);
	scratch = NULL;
	limits = NULL;
}

static void scratch_key_create(void)
{
	int error = pthread_key_create(&scratch_key, scratch_free);

	ASSERT(error == 0);
}

static bool scratch_ready(void)
{
	if (!scratch)
		scratch = pcre2_match_data_create(1, NULL);
	if (!limits) {
		limits = pcre2_match_context_create(NULL);
		if (!limits)
			return false;
		pthread_once(&scratch_key_once, scratch_key_create);
		pthread_setspecific(scratch_key, limits);
		pcre2_set_match_limit(limits, REGEX_MATCH_LIMIT);
		pcre2_set_depth_limit(limits, REGEX_DEPTH_LIMIT);
		pcre2_set_heap_limit(limits, REGEX_HEAP_KIB_LIMIT);
	}
	return scratch != NULL;
}

static int on_callout(pcre2_callout_block *block, void *data)
{
	struct meter *meter = data;
	size_t now = block->current_position;
	size_t distance = now > meter->position ? now - meter->position : meter->position - now;
	uint64_t cost = 1 + distance / REGEX_STEP_BYTES;

	meter->position = now;
	if (cost > meter->steps_left) {
		meter->steps_left = 0;
		return OUT_OF_STEPS;
	}
	meter->steps_left -= cost;
	return 0;
}

static int run(const struct regex *regex, struct str subject, struct meter *meter)
{
	PCRE2_SPTR data = (PCRE2_SPTR)(subject.data ? subject.data : "");
	int result;

	pcre2_set_callout(limits, regex->metered ? on_callout : NULL, meter);
	result = pcre2_match(regex->code, data, subject.size, 0, 0, scratch, limits);
	/* Machine code has a small stack of its own; the interpreter's is bounded by our limits. */
	if (result == PCRE2_ERROR_JIT_STACKLIMIT)
		result = pcre2_match(regex->code, data, subject.size, 0, PCRE2_NO_JIT, scratch,
				     limits);
	pcre2_set_callout(limits, NULL, NULL);
	return result;
}

enum st regex_search(const struct regex *regex, struct str subject, uint64_t *steps, bool *ret)
{
	struct meter meter = { .steps_left = steps ? *steps : REGEX_STEPS_MAX };
	int result;

	if (!scratch_ready())
		return ST_NO_MEMORY;
	result = run(regex, subject, &meter);
	if (steps)
		*steps = meter.steps_left;
	switch (result) {
	case OUT_OF_STEPS:
	case PCRE2_ERROR_MATCHLIMIT:
	case PCRE2_ERROR_DEPTHLIMIT:
	case PCRE2_ERROR_HEAPLIMIT:
	case PCRE2_ERROR_JIT_STACKLIMIT:
		return ST_PATTERN_TOO_COSTLY;
	case PCRE2_ERROR_NOMEMORY:
		return ST_NO_MEMORY;
	default: /* no match, or a subject that is not UTF-8 */
		*ret = result >= 0;
		return ST_OK;
	}
}

bool regex_matches(const struct regex *regex, struct str subject)
{
	bool found = false;

	return regex_search(regex, subject, NULL, &found) == ST_OK && found;
}

/* Two threads may compile at once; the first to finish keeps the slot. */
const struct regex *regex_of_slot(const char *pattern, void **slot)
{
	void *kept = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
	struct problem problem = { 0 };
	struct regex *regex;

	if (kept)
		return kept;
	if (regex_compile_fixed(str_of(pattern), &regex, &problem) != ST_OK)
		assert_fail(problem.detail, pattern, 0);
	if (__atomic_compare_exchange_n(slot, &kept, regex, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return regex;
	regex_free(regex);
	return kept;
}
