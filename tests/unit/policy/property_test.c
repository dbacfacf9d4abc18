/* Properties over generated hierarchies: the fast evaluator is the slow one; a level below is never
 * laxer than the one above; one more document never gives what was denied; order does not count. */
#include "generate.h"
#include "slow.h"

#define HIERARCHIES 120000
#define POOL 400
#define POOL_USES 4000 /* hierarchies before the documents are made anew */
#define DEPTH_MAX 10

static struct arena pool_arena;
static const struct document *pool[POOL];

static void pool_fill(void)
{
	arena_reset(&pool_arena);
	for (size_t i = 0; i < POOL; i++)
		pool[i] = generate_document(&pool_arena, i);
}

static void chain_of(struct chain *chain, const struct document *const *documents, size_t count)
{
	chain->count = count;
	for (size_t i = 0; i < count; i++) {
		chain->documents[i] = documents[i];
		chain->levels[i] = 0;
	}
}

static struct outcome fast(const struct document *const *documents, size_t count,
			   const struct evaluation *e)
{
	struct outcome out;
	struct chain chain;

	chain_of(&chain, documents, count);
	evaluate(&chain, e, &out);
	return out;
}

static void print_documents(const struct document *const *documents, size_t count)
{
	for (size_t i = 0; i < count; i++)
		printf("%.*s---\n", STR_ARG(documents[i]->text));
}

/* What some level already said about everything the request names: then nothing that is added may
 * make it laxer. Where no level allowed, the first to allow may. */
static bool all_allowed(const struct outcome *out, const struct evaluation *e)
{
	size_t in = e->request.attributes[ATTRIBUTE_DATA_IN].count;
	size_t given = e->request.attributes[ATTRIBUTE_DATA_OUT].count;

	return out->tool_allowed && out->in_allowed == (1u << in) - 1 &&
	       out->out_allowed == (1u << given) - 1 &&
	       (out->user_allowed || e->request.attributes[ATTRIBUTE_USER].type == VALUE_NONE);
}

/* The strictest that a rule said, omissions aside. */
static enum verdict strictest_rule(const struct outcome *out)
{
	enum verdict strictest = VERDICT_SILENT;

	for (size_t i = 0; i < out->reason_count; i++)
		if (out->reasons[i].verdict > strictest &&
		    out->reasons[i].kind != REASON_TOOL_NOT_ALLOWED &&
		    out->reasons[i].kind != REASON_DATA_NOT_ALLOWED &&
		    out->reasons[i].kind != REASON_USER_NOT_ALLOWED)
			strictest = out->reasons[i].verdict;
	return strictest;
}

static int64_t verdicts_seen[VERDICT_DENY + 1];

static void check_same_as_slow(const struct document *const *documents, size_t count,
			       const struct evaluation *e, const struct outcome *out)
{
	struct slow_outcome slow = slow_evaluate(documents, count, e);

	if (slow.verdict == out->verdict && slow.amount_max == out->amount_max)
		return;
	print_documents(documents, count);
	fail_msg("fast %s, slow %s", verdict_name(out->verdict), verdict_name(slow.verdict));
}

/* [POL-3] [POL-4] */
static void check_narrows(const struct document *const *documents, size_t count,
			  const struct evaluation *e, const struct outcome *out)
{
	for (size_t n = 1; n < count; n++) {
		struct outcome above = fast(documents, n, e);
		bool holds = out->verdict >=
			     (all_allowed(&above, e) ? above.verdict : strictest_rule(&above));
		if (out->amount_max > above.amount_max || !holds) {
			print_documents(documents, count);
			fail_msg("%zu levels %s, %zu levels %s", n, verdict_name(above.verdict),
				 count, verdict_name(out->verdict));
		}
	}
}

static void check_order(const struct document **documents, size_t count, const struct evaluation *e,
			const struct outcome *out)
{
	for (size_t i = count - 1; i > 0; i--) {
		size_t j = (size_t)random_below(i + 1);
		const struct document *d = documents[i];
		documents[i] = documents[j];
		documents[j] = d;
	}
	struct outcome again = fast(documents, count, e);
	assert_int_equal(again.verdict, out->verdict);
	assert_true(again.amount_max == out->amount_max);
	assert_int_equal(again.obligation_count, out->obligation_count);
}

static void hierarchies_hold_their_properties(void **state)
{
	const struct document *documents[DEPTH_MAX];
	struct generated_request g;

	(void)state;
	random_seed("policy properties");
	for (int i = 0; i < HIERARCHIES; i++) {
		if (i % POOL_USES == 0)
			pool_fill();
		size_t count = 1 + (size_t)random_below(chance(70) ? 3 : DEPTH_MAX);
		for (size_t d = 0; d < count; d++)
			documents[d] = pool[random_below(POOL)];
		generate_request(&g);
		struct outcome out = fast(documents, count, &g.e);
		verdicts_seen[out.verdict]++;
		check_same_as_slow(documents, count, &g.e, &out);
		check_narrows(documents, count, &g.e, &out);
		check_order(documents, count, &g.e, &out);
	}
	/* The world is one in which each verdict happens. */
	for (unsigned v = VERDICT_ALLOW; v <= VERDICT_DENY; v++) {
		printf("%s %lld\n", verdict_name((enum verdict)v), (long long)verdicts_seen[v]);
		assert_true(verdicts_seen[v] > 20);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hierarchies_hold_their_properties),
	};

	arena_init(&pool_arena, 512 * 1024 * 1024);
	return cmocka_run_group_tests_name("policy properties", tests, NULL, NULL);
}
