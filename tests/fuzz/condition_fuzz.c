/* A condition compiles or is refused at a place inside its text; what compiles decides the same as
 * its tree, whatever the request lacks. */
#include "services/policy/condition.h"

#define ARENA_BYTES_MAX (16 * 1024 * 1024)

static struct arena arena;

static void run(const struct condition *condition)
{
	static const struct str items[] = { STR("pii.ssn"), STR("a") };
	struct request request = { 0 };

	(void)condition_test(condition, &request);
	for (unsigned a = 0; a < ATTRIBUTE_COUNT; a++) {
		enum value_type type = attribute_type((enum attribute)a);
		request.attributes[a] = (struct value){ .type = type,
							.i64 = type == VALUE_BOOL ? 1 : INT64_MAX,
							.text = STR("a"),
							.items = items,
							.count = 2 };
		(void)condition_test(condition, &request);
	}
	enum truth truth = condition_test(condition, &request);
	ASSERT(truth <= TRUTH_UNKNOWN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct condition_names names;
	struct str text = { (const char *)data, size };
	struct problem problem = { 0 };
	struct condition condition;
	size_t place = SIZE_MAX;

	if (!arena.used_bytes_max)
		arena_init(&arena, ARENA_BYTES_MAX);
	arena_reset(&arena);
	enum st st = condition_compile(&arena, text, &names, &condition, &place, &problem);
	if (st == ST_OK)
		run(&condition);
	else if (st == ST_POLICY_INVALID)
		ASSERT(place <= size && problem.detail[0]);
	return 0;
}
