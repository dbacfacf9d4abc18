/* A schema, a zero byte, an instance; formats asserted. Whatever comes, there is an answer within
 * the budget, and it is the same twice. */
#include "schema.h"

#define ARENA_BYTES_MAX (32 * 1024 * 1024)

static struct arena arena;

static void validate(const struct schema *schema, struct str text)
{
	struct schema_result first, second;
	struct json *instance;
	enum st st;

	if (json_parse(&arena, text, &instance, NULL) != ST_OK)
		return;
	st = schema_validate(schema, instance, &arena, &first);
	if (st != schema_validate(schema, instance, &arena, &second))
		ASSERT(arena.failed);
	else if (st == ST_OK)
		ASSERT(first.valid == second.valid && first.steps == second.steps &&
		       first.valid == (first.error_count == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct schema_options options = { .formats = SCHEMA_FORMATS_ASSERTED };
	struct str input = { .data = (const char *)data, .size = size }, schema_text, instance;
	struct problem problem = { 0 };
	struct schema *schema;

	if (!str_cut(input, '\0', &schema_text, &instance))
		return 0;
	if (arena.used_bytes_max == 0)
		arena_init(&arena, ARENA_BYTES_MAX);
	arena_reset(&arena);
	if (schema_compile_text(&arena, schema_text, &options, &schema, &problem) == ST_OK)
		validate(schema, instance);
	else
		ASSERT(problem.detail[0] != '\0');
	return 0;
}
