/* A document loads or is refused with a place; what loads can be decided, told in words and
 * compared with itself. */
#include "services/policy/evaluate.h"
#include "services/policy/widen.h"

#define ARENA_BYTES_MAX (64 * 1024 * 1024)
#define WIDEN_BYTES_MAX 2000 /* larger ones are only loaded */

static struct arena arena;

static const struct zone *no_zone(void *context, struct str name)
{
	(void)context;
	(void)name;
	return NULL;
}

static void use(const struct document *document, size_t size)
{
	struct evaluation e = { 0 };
	struct widening widening;
	struct outcome out;

	e.request.attributes[ATTRIBUTE_TOOL] =
		(struct value){ .type = VALUE_STRING, .text = STR("ledger.read") };
	evaluate_document(document, &e, &out);
	ASSERT(out.verdict <= VERDICT_DENY);
	for (size_t i = 0; i < document->rule_count; i++)
		ASSERT(rule_words(document, &document->rules[i], &arena).data || arena.failed);
	if (size <= WIDEN_BYTES_MAX)
		(void)widening_find(&arena, document, &document, 1, &widening);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct condition_names names;
	const struct document_environment environment = { .names = &names, .zone_find = no_zone };
	struct problem problem = { 0 };
	struct document *document;

	if (!arena.used_bytes_max)
		arena_init(&arena, ARENA_BYTES_MAX);
	arena_reset(&arena);
	enum st st = document_load(&arena, (struct str){ (const char *)data, size }, &environment,
				   &document, &problem);
	if (st == ST_OK)
		use(document, size);
	else if (st == ST_POLICY_INVALID)
		ASSERT(problem.pointer[0] && problem.detail[0]);
	return 0;
}
