/* Finding records: whatever the filter, the order and the page size, the answer is what looking at
 * every record would give; before, while and after segments are indexed. */
#include "world.h"

#define RECORDS (2 * AUDIT_SEGMENT + 1500)
#define TOOLS 10
#define TYPES 5
#define AGENTS 40
#define USERS 60
#define TRACE_LENGTH 3

static struct world world;

/* What the test knows of each record. */
struct known {
	int agent, user, tool, type, domain, provenance;
	int decision, outcome;
	int64_t trace, time_ms;
};
static struct known known[RECORDS];
static size_t known_count;

static const char *const domains[] = { "finance", "health", "support" };

static struct str label(struct world *w, const char *prefix, int64_t number)
{
	return arena_printf(&w->svc.arena, "%s%lld", prefix, (long long)number);
}

static struct str trace_text(struct arena *arena, int64_t number)
{
	return arena_printf(arena, "%032llx", (unsigned long long)number + 1);
}

static void make_known(struct world *w, size_t index, struct common_evidence *e)
{
	struct known *k = &known[known_count];
	uint64_t dice = sample_next(&w->random);

	(void)index;
	*k = (struct known){
		.agent = (int)(dice % AGENTS),
		.user = dice >> 8 & 1 ? (int)((dice >> 9) % USERS) : -1,
		/* a tool that is rare, one that is only used late */
		.tool = known_count == 5000 || known_count == 17000 ? TOOLS
			: known_count > RECORDS - 100               ? TOOLS + 1
								    : (int)((dice >> 16) % TOOLS),
		.type = (int)((dice >> 24) % TYPES),
		.domain = (int)((dice >> 32) % 3),
		.provenance = dice >> 40 & 1 ? (int)((dice >> 41) % 4) : -1,
		.decision = (dice >> 48) % 20 == 0 ? 5 : 1,
		.outcome = (int)((dice >> 53) % 4) + 1,
		.trace = (int64_t)known_count / TRACE_LENGTH,
		.time_ms = WORLD_START_MS + (int64_t)known_count * 1000 -
			   (int64_t)(sample_next(&w->random) % 5000),
	};
	*e = (struct common_evidence){
		.evidence_id = e->evidence_id,
		.timestamp_ms = k->time_ms,
		.agent_id = label(w, "piopl_1000", k->agent),
		.trace_id = trace_text(&w->svc.arena, k->trace),
		.operation = { label(w, "type", k->type), label(w, "tool", k->tool),
			       e->operation.parameters_hash },
		.policy_evaluation = { .decision =
					       (enum common_evidence_policy_decision)k->decision },
		.outcome = { .status = (enum common_evidence_outcome_status)k->outcome },
		.domain = str_of(domains[k->domain]),
	};
	if (k->user >= 0)
		e->context.user_id = label(w, "user", k->user);
	if (k->provenance >= 0)
		e->provenance = label(w, "from", k->provenance);
	known_count++;
}

static int setup(void **state)
{
	(void)state;
	world_start(&world);
	world_append(&world, RECORDS, 1, make_known);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop(&world);
	return 0;
}

/* ---- questions ---- */

struct question {
	struct audit_record_query_request in;
	int agent, user, tool, type, domain, provenance, decision, outcome; /* -1: any */
	int64_t trace;
};

static struct question anything(void)
{
	return (struct question){ .agent = -1,
				  .user = -1,
				  .tool = -1,
				  .type = -1,
				  .domain = -1,
				  .provenance = -1,
				  .decision = -1,
				  .outcome = -1,
				  .trace = -1 };
}

static bool matches(const struct question *q, const struct known *k)
{
	return (q->agent < 0 || q->agent == k->agent) && (q->user < 0 || q->user == k->user) &&
	       (q->tool < 0 || q->tool == k->tool) && (q->type < 0 || q->type == k->type) &&
	       (q->domain < 0 || q->domain == k->domain) &&
	       (q->provenance < 0 || q->provenance == k->provenance) &&
	       (q->decision < 0 || q->decision == k->decision) &&
	       (q->outcome < 0 || q->outcome == k->outcome) &&
	       (q->trace < 0 || q->trace == k->trace) &&
	       (!q->in.has_from_ms || k->time_ms >= q->in.from_ms) &&
	       (!q->in.has_to_ms || k->time_ms < q->in.to_ms);
}

static void question_fill(struct question *q)
{
	struct arena *arena = &world.keep;

	if (q->agent >= 0)
		q->in.agent_id = arena_printf(arena, "piopl_1000%d", q->agent);
	if (q->user >= 0)
		q->in.user_id = arena_printf(arena, "user%d", q->user);
	if (q->tool >= 0)
		q->in.tool = arena_printf(arena, "tool%d", q->tool);
	if (q->type >= 0)
		q->in.operation_type = arena_printf(arena, "type%d", q->type);
	if (q->domain >= 0)
		q->in.domain = str_of(domains[q->domain]);
	if (q->provenance >= 0)
		q->in.provenance = arena_printf(arena, "from%d", q->provenance);
	if (q->decision >= 0)
		q->in.decision = (enum audit_record_query_request_decision)q->decision;
	if (q->outcome >= 0)
		q->in.outcome = (enum audit_record_query_request_outcome)q->outcome;
	if (q->trace >= 0)
		q->in.trace_id = trace_text(arena, q->trace);
}

/* Reads pages to the end, or `pages_max` of them, and holds them against the truth. */
static size_t ask(struct question *q, int64_t limit, enum audit_order order, size_t pages_max)
{
	bool newest = order != AUDIT_ORDER_OLDEST;
	int64_t at = newest ? RECORDS - 1 : 0, step = newest ? -1 : 1;
	size_t found = 0, pages = 0;

	arena_reset(&world.keep);
	question_fill(q);
	q->in.order = order;
	q->in.has_limit = true;
	q->in.limit = limit;
	q->in.has_cursor = false;
	for (;;) {
		struct audit_record_query_reply out = { 0 };

		assert_int_equal(world_call(&world, audit_record_query, &q->in, &out), ST_OK);
		assert_true(out.records.count <= (size_t)limit);
		for (size_t i = 0; i < out.records.count; i++) {
			while (at >= 0 && at < RECORDS && !matches(q, &known[at]))
				at += step;
			assert_int_equal(out.records.items[i].log_id, at);
			at += step;
		}
		found += out.records.count;
		pages++;
		assert_true(pages < 10000);
		if (!out.has_next)
			break;
		if (pages == pages_max)
			return found;
		q->in.has_cursor = true;
		q->in.cursor = out.next;
	}
	while (at >= 0 && at < RECORDS) { /* nothing was left out at the end */
		assert_false(matches(q, &known[at]));
		at += step;
	}
	return found;
}

static void ask_both_ways(struct question q, int64_t limit)
{
	size_t newest = ask(&q, limit, AUDIT_ORDER_NEWEST, 0);

	assert_int_equal(ask(&q, limit, AUDIT_ORDER_OLDEST, 0), newest);
}

/* [AUD-7] each attribute alone */
static void ask_by_each_attribute(void)
{
	struct question q = anything();

	q.agent = 7;
	ask_both_ways(q, 100);
	q = anything();
	q.user = 3;
	ask_both_ways(q, 50);
	q = anything();
	q.trace = 1234;
	ask_both_ways(q, 100);
	assert_int_equal(ask(&q, 2, AUDIT_ORDER_NEWEST, 0), TRACE_LENGTH);
	q = anything();
	q.type = 2;
	ask_both_ways(q, 1000);
	q = anything();
	q.tool = TOOLS; /* twice in all */
	assert_int_equal(ask(&q, 100, AUDIT_ORDER_NEWEST, 0), 2);
	ask_both_ways(q, 1);
	q.tool = TOOLS + 1;
	ask_both_ways(q, 100);
	q = anything();
	q.decision = 5;
	ask_both_ways(q, 300);
	q = anything();
	q.outcome = 4;
	ask_both_ways(q, 999);
	q = anything();
	q.domain = 1;
	ask_both_ways(q, 1000);
	q = anything();
	q.provenance = 2;
	ask_both_ways(q, 500);
}

/* [AUD-7] together, with times, and none */
static void ask_by_several(void)
{
	struct question q = anything();

	ask_both_ways(q, 1000);
	q.agent = 7;
	q.decision = 5;
	ask_both_ways(q, 3);
	q.tool = 4;
	q.outcome = 2;
	ask_both_ways(q, 100);
	q = anything();
	q.tool = 4;
	q.agent = AGENTS; /* nobody */
	assert_int_equal(ask(&q, 100, AUDIT_ORDER_NEWEST, 0), 0);
	q = anything();
	q.in.has_from_ms = q.in.has_to_ms = true;
	q.in.from_ms = WORLD_START_MS + 8000 * 1000;
	q.in.to_ms = WORLD_START_MS + 8400 * 1000;
	ask_both_ways(q, 64);
	q.type = 1;
	ask_both_ways(q, 10);
	q.in.has_to_ms = false;
	ask_both_ways(q, 777);
	q.in.has_from_ms = false;
	q.in.has_to_ms = true;
	q.in.to_ms = WORLD_START_MS + 20 * 1000;
	ask_both_ways(q, 10);
	q = anything();
	q.in.has_from_ms = true;
	q.in.from_ms = WORLD_START_MS + (int64_t)RECORDS * 2000; /* the future */
	assert_int_equal(ask(&q, 10, AUDIT_ORDER_NEWEST, 0), 0);
}

static void before_anything_is_indexed_records_are_found(void **state)
{
	(void)state;
	assert_int_equal(harness_sql_i64(world.harness, "SELECT count(*) FROM audit.segment"), 0);
	ask_by_each_attribute();
	ask_by_several();
}

static void indexing_covers_the_segments_that_are_full(void **state)
{
	(void)state;
	assert_int_equal(world_tick(&world, audit_tick_index), ST_OK);
	assert_int_equal(harness_sql_i64(world.harness, "SELECT count(*) FROM audit.segment"), 2);
	assert_int_equal(world_tick(&world, audit_tick_index), ST_OK); /* nothing more to do */
	assert_int_equal(harness_sql_i64(world.harness, "SELECT count(*) FROM audit.segment"), 2);
	assert_int_equal(harness_sql_i64(world.harness, "SELECT sum(length) FROM audit.chain"),
			 2 * AUDIT_SEGMENT);
}

static void after_indexing_the_same_records_are_found(void **state)
{
	(void)state;
	ask_by_each_attribute();
	ask_by_several();
}

/* A term is only a hash: records that merely share it are not in the answer. */
static void records_whose_terms_only_look_alike_are_left_out(void **state)
{
	struct question q = anything();

	(void)state;
	harness_sql(world.harness,
		    "SET session_replication_role = replica; UPDATE audit.posting SET positions = "
		    "decode(repeat('ff', 1024), 'hex') WHERE term = (SELECT terms[3] FROM "
		    "audit.record WHERE position = 5000); RESET session_replication_role");
	q.tool = TOOLS;
	ask_both_ways(q, 100);
	ask_both_ways(q, 1);
}

static void a_page_is_bounded_in_bytes(void **state)
{
	struct question q = anything();

	(void)state;
	q.domain = 0;
	size_t first = ask(&q, 1000, AUDIT_ORDER_NEWEST, 1);
	assert_in_range(first, 300, 1000);
}

static void a_time_that_ends_before_it_begins_is_refused(void **state)
{
	struct audit_record_query_request in = {
		.has_from_ms = true, .from_ms = 5, .has_to_ms = true, .to_ms = 5
	};
	struct audit_record_query_reply out = { 0 };

	(void)state;
	assert_int_equal(world_call(&world, audit_record_query, &in, &out), ST_MESSAGE_INVALID);
	assert_string_equal(world.problem.pointer, "/to");
}

/* ---- chains ---- */

/* [AUD-4] [AUD-6] the whole chain, page by page, links from first to head */
static void a_chain_reads_from_its_first_record_to_its_head(void **state)
{
	struct audit_chain_get_request get = { .agent_id = STR("piopl_10007") };
	struct audit_chain_read_request read = { .agent_id = STR("piopl_10007"),
						 .has_limit = true,
						 .limit = 70 };
	struct audit_chain chain = { 0 };
	struct audit_chain_read_reply page;
	struct hash head = { { 0 } };
	char text[HASH_TEXT_SIZE];
	int64_t count = 0;

	(void)state;
	do {
		page = (struct audit_chain_read_reply){ 0 };
		assert_int_equal(world_call(&world, audit_chain_read, &read, &page), ST_OK);
		for (size_t i = 0; i < page.texts.count; i++) {
			struct auditlog_view view;

			assert_int_equal(auditlog_record_read(page.texts.items[i], &view), ST_OK);
			assert_true(hash_equal(&view.previous, &head));
			sha256_of(page.texts.items[i].data, page.texts.items[i].size, &head);
			count++;
		}
		read.has_cursor = true;
		read.cursor = page.next;
	} while (page.has_next);
	hash_to_text(&head, text);
	assert_int_equal(world_call(&world, audit_chain_get, &get, &chain), ST_OK);
	assert_int_equal(chain.length, count);
	assert_string_equal(chain.head_hash.data, text);
	assert_false(chain.sealed);
	get.agent_id = STR("piopl_99999");
	assert_int_equal(world_call(&world, audit_chain_get, &get, &chain), ST_NOT_FOUND);
}

static int64_t wide_next;

static void agent_of_its_own(struct world *w, size_t index, struct common_evidence *e)
{
	(void)index;
	e->agent_id = label(w, "wide \"agent\" \xe2\x82\xac ", wide_next++);
}

/* As when thousands of agents are registered at once; their names need escapes. */
static void a_segment_of_as_many_chains_as_records_is_indexed(void **state)
{
	struct audit_chain_get_request get = { .agent_id = STR("wide \"agent\" \xe2\x82\xac 77") };
	struct audit_chain chain = { 0 };

	(void)state;
	world_append(&world, 3 * AUDIT_SEGMENT, 1, agent_of_its_own);
	assert_int_equal(world_tick(&world, audit_tick_index), ST_OK);
	assert_int_equal(harness_sql_i64(world.harness, "SELECT count(*) FROM audit.segment"), 5);
	wide_next = 77;
	world_append(&world, 1, 1, agent_of_its_own);
	memset(&world_audit.cache, 0, sizeof(world_audit.cache));
	wide_next = 77;
	world_append(&world, 1, 1, agent_of_its_own);
	assert_int_equal(world_call(&world, audit_chain_get, &get, &chain), ST_OK);
	assert_int_equal(chain.length, 3);
	assert_int_equal(chain.last_log_id, RECORDS + 3 * AUDIT_SEGMENT + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_anything_is_indexed_records_are_found),
		cmocka_unit_test(a_chain_reads_from_its_first_record_to_its_head),
		cmocka_unit_test(indexing_covers_the_segments_that_are_full),
		cmocka_unit_test(after_indexing_the_same_records_are_found),
		cmocka_unit_test(a_chain_reads_from_its_first_record_to_its_head),
		cmocka_unit_test(records_whose_terms_only_look_alike_are_left_out),
		cmocka_unit_test(a_page_is_bounded_in_bytes),
		cmocka_unit_test(a_segment_of_as_many_chains_as_records_is_indexed),
		cmocka_unit_test(a_time_that_ends_before_it_begins_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
