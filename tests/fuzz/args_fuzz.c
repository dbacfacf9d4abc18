/* Any words, one a line: refused in one line that names the command line's own rules, or understood
 * with values within their ranges. And any constitution: its invariants stand in it word for word.
 */
#include "services/terminal/command.h"
#include "services/terminal/constitution.h"

#define CAP ((size_t)4 * 1024 * 1024)
#define WORDS_MAX 256
#define NOW_MS INT64_C(1771254000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int words_of(struct arena *arena, struct str text, const char **words)
{
	struct str rest = text;
	int count = 0;

	while (rest.size > 0 && count < WORDS_MAX) {
		struct str word = rest;
		struct str tail = { 0 };

		if (!str_cut(rest, '\n', &word, &tail))
			tail = (struct str){ 0 };
		word = arena_copy(arena, word);
		ASSERT(word.data != NULL);
		words[count++] = word.data;
		rest = tail;
	}
	return count;
}

static void values_check(const struct args *args)
{
	for (size_t i = 0; i < args->count; i++) {
		const struct arg_value *value = &args->values[i];

		ASSERT(args_has(args, value->spec->name));
		if (value->spec->kind == OPTION_INTEGER)
			ASSERT(value->number >= value->spec->min &&
			       value->number <= value->spec->max);
		if (value->spec->kind != OPTION_FLAG)
			ASSERT(value->text != NULL);
	}
}

static void as_words(struct arena *arena, struct str text)
{
	const char *words[WORDS_MAX];
	int count = words_of(arena, text, words);
	struct problem problem = { 0 };
	struct args args;

	if (args_parse(command_table(), count, words, NOW_MS, &args, &problem) != ST_OK) {
		ASSERT(problem.st == ST_USAGE && problem.detail[0] != '\0');
		return;
	}
	values_check(&args);
}

static void as_constitution(struct arena *arena, struct str text)
{
	struct registry_invariant *invariants;
	struct problem problem = { 0 };
	size_t count;

	if (constitution_invariants(text, arena, &invariants, &count, &problem) != ST_OK)
		return;
	ASSERT(count > 0 && count <= INVARIANTS_MAX);
	for (size_t i = 0; i < count; i++)
		ASSERT(memmem(text.data, text.size, invariants[i].text.data,
			      invariants[i].text.size) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct str text = { (const char *)data, size };

	arena_init(&arena, CAP);
	as_words(&arena, text);
	as_constitution(&arena, text);
	arena_free(&arena);
	return 0;
}
