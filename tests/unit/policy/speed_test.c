/* What a decision costs does not grow with the fleet: an agent's chain is evaluated, not the
 * documents of others. Bounds are generous, for loaded machines and sanitizers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "clock.h"
#include "services/policy/evaluate.h"

#define LEVELS 4
#define TOOLS 20
#define THRESHOLDS 5
#define AGENTS 10000 /* each with a document of its own */
#define SAMPLES 20000
#define GROWS_MAX 8.0 /* caches hold one chain and not ten thousand */
#define P50_US_MAX 50.0

static struct arena arena;
static struct chain *chains;

static const struct zone *no_zone(void *context, struct str name)
{
	(void)context;
	(void)name;
	return NULL;
}

static void load(struct chain *chain, int level, struct buf *text)
{
	static const struct condition_names names;
	const struct document_environment environment = { .names = &names, .zone_find = no_zone };
	struct problem problem = { 0 };
	struct document *document;

	if (document_load(&arena, buf_str(text), &environment, &document, &problem) != ST_OK)
		fail_msg("%s %s", problem.pointer, problem.detail);
	chain->levels[chain->count] = (uint8_t)level;
	chain->documents[chain->count++] = document;
}

static void head_write(struct buf *text, int level, int agent, const char *type)
{
	buf_printf(text, "policy:\n  id: %s%d-%d\n  type: %s\n  %s\n", type, level, agent, type,
		   level == LEVELS - 1 ? "agent: a" : "root: true");
}

/* 25 rules of a level; an agent's own are its thresholds. */
static void level_add(struct chain *chain, int level, int agent)
{
	struct buf text;

	if (level < LEVELS - 1) {
		buf_init(&text, &arena, 2048);
		head_write(&text, level, agent, "tool-access");
		buf_add_c(&text, "  tools:\n");
		for (int i = 0; i < TOOLS; i++)
			buf_printf(&text,
				   "    - {name: tool%d.use, allow: true, scope: [\"r%d.*\"]}\n", i,
				   i);
		load(chain, level, &text);
	}
	buf_init(&text, &arena, 2048);
	head_write(&text, level, agent, "temporal-and-thresholds");
	buf_add_c(&text, "  rules:\n");
	for (int i = 0; i < THRESHOLDS; i++)
		buf_printf(&text, "    - {condition: \"amount > %d\", require_approval: true}\n",
			   1000 * (level + 1) + i + agent % 7);
	load(chain, level, &text);
}

static int make(void **state)
{
	(void)state;
	arena_init(&arena, (size_t)2048 * 1024 * 1024);
	chains = calloc(AGENTS, sizeof(*chains));
	if (!chains)
		return -1;
	for (int level = 0; level < LEVELS - 1; level++)
		level_add(&chains[0], level, 0);
	for (int i = 1; i < AGENTS; i++)
		chains[i] = chains[0];
	for (int i = 0; i < AGENTS; i++)
		level_add(&chains[i], LEVELS - 1, i);
	return 0;
}

static int end(void **state)
{
	(void)state;
	free(chains);
	arena_free(&arena);
	return 0;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double p50_us(size_t agents, struct evaluation *e, struct outcome *out)
{
	static double took[SAMPLES];
	uint64_t random = 7;

	for (size_t i = 0; i < SAMPLES; i++) {
		random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
		uint64_t begin = clock_mono_ns();
		evaluate(&chains[(random >> 40) % agents], e, out);
		took[i] = (double)(clock_mono_ns() - begin) / 1000;
		assert_int_equal(out->verdict, VERDICT_ALLOW);
	}
	qsort(took, SAMPLES, sizeof(took[0]), compare);
	return took[SAMPLES / 2];
}

static void request_fill(struct evaluation *e)
{
	struct value *a = e->request.attributes;

	a[ATTRIBUTE_AMOUNT] = (struct value){ .type = VALUE_NUMBER, .i64 = 5 * NUMBER_ONE };
	a[ATTRIBUTE_TOOL] = (struct value){ .type = VALUE_STRING, .text = STR("tool7.use") };
	a[ATTRIBUTE_RESOURCE] = (struct value){ .type = VALUE_STRING, .text = STR("r7.x") };
}

/* [POL-16] */
static void an_evaluation_costs_the_same_among_ten_thousand_agents(void **state)
{
	struct evaluation e = { 0 };
	struct outcome out;

	(void)state;
	request_fill(&e);
	double one = p50_us(1, &e, &out), many = p50_us(AGENTS, &e, &out);
	print_message("p50 %.2f us with one agent, %.2f us with %d\n", one, many, AGENTS);
	assert_true(one < P50_US_MAX);
	assert_true(many < P50_US_MAX);
	assert_true(many < GROWS_MAX * one + 1);
}

/* The same work, whoever asks: as many reasons from as many documents. [POL-16] */
static void the_work_of_an_evaluation_is_that_of_its_chain(void **state)
{
	struct evaluation e = { 0 };
	struct outcome first, out;

	(void)state;
	request_fill(&e);
	assert_int_equal(chains[0].count, 2 * LEVELS - 1);
	evaluate(&chains[0], &e, &first);
	for (size_t i = 0; i < AGENTS; i += 97) {
		evaluate(&chains[i], &e, &out);
		assert_int_equal(out.verdict, first.verdict);
		assert_int_equal(out.reason_count, first.reason_count);
	}
	e.request.attributes[ATTRIBUTE_AMOUNT].i64 = INT64_C(1000000) * NUMBER_ONE;
	evaluate(&chains[AGENTS - 1], &e, &out);
	assert_int_equal(out.verdict, VERDICT_REQUIRE_APPROVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_evaluation_costs_the_same_among_ten_thousand_agents),
		cmocka_unit_test(the_work_of_an_evaluation_is_that_of_its_chain),
	};

	return cmocka_run_group_tests(tests, make, end);
}
