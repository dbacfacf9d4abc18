/* The inventory over a whole fleet. Prints what pages cost; the limits asserted are far above the
 * figures of a quiet machine, so that they fail for a lost index and not for a busy one. */
#include "fixture.h"

#define FLEET BATCH_AGENTS_MAX
#define PAGE_US_LIMIT 200000
#define PAGE_TRIES 3
#define KILL_MS_LIMIT 20000

static int64_t batch_ms;

static void fleet_made(void)
{
	static const struct {
		const char *prefix;
		const char *profile;
		int count;
	} batches[] = {
		{ "generator", GENERATOR, 20000 },
		{ "promoter", PROFILE("social_promoter", "content.beta"), 4000 },
		{ "operator", PROFILE("revenue_operator", "sales"), 1000 },
	};
	int64_t began = harness_now_ms();

	for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
		OK("agents_create", "{\"count\":%d,\"name_prefix\":\"%s\",\"profile\":%s}",
		   batches[i].count, batches[i].prefix, batches[i].profile);
		while (batch_ticked()) {
		}
	}
	batch_ms = harness_now_ms() - began;
	harness_sql(world.harness,
		    "UPDATE registry.agent SET behaviour_score = (number * 7919) % 101,"
		    " state = CASE WHEN number % 10 < 7 THEN 2 WHEN number % 10 < 9 THEN 3 "
		    "ELSE 1 END, owner = 'owner_' || (number % 20);"
		    "UPDATE registry.agent SET name = 'same' WHERE number % 50 = 0");
	harness_sql(world.harness, "VACUUM ANALYZE registry.agent");
}

static int start(void **state)
{
	(void)state;
	world_ready();
	fleet_made();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	world_stop();
	return 0;
}

static const struct registry_agent_list_reply *listed(void)
{
	return world.answer;
}

/* [AGT-13] */
static void twenty_five_thousand_agents_are_made(void **state)
{
	(void)state;
	print_message("batch creation: %d agents in %lld ms, %lld/s\n", FLEET, (long long)batch_ms,
		      (long long)FLEET * 1000 / (long long)batch_ms);
	assert_int_equal(sql_i64("SELECT count(*) FROM registry.agent"), FLEET);
	assert_int_equal(events("registry.agent.created"), FLEET);
	assert_int_equal(evidence("agent.create", "success"), FLEET);
	assert_int_equal(sql_i64("SELECT count(*) FROM registry.agent_version"), FLEET);
}

struct walked {
	int64_t count;
	int64_t slowest_us;
	int64_t pages;
};

/* Asks for a page, again if it takes too long, since it may be the machine that stood still; what
 * it takes is the least of the tries. */
static int64_t page_us(const char *request)
{
	int64_t least = INT64_MAX;

	for (int tries = 0; tries < PAGE_TRIES && least >= PAGE_US_LIMIT; tries++) {
		uint64_t began_ns = clock_mono_ns();
		OK("agent_list", "%s", request);
		int64_t us = (int64_t)(clock_mono_ns() - began_ns) / 1000;
		least = us < least ? us : least;
	}
	return least;
}

/* Before or the same, in the sort and order asked for. */
static bool in_order(const char *sort, bool down, const struct registry_agent_summary *a,
		     const struct registry_agent_summary *b)
{
	int64_t first, second;
	int compared = 0;

	assert_true(agent_id_parse(a->agent_id, &first) && agent_id_parse(b->agent_id, &second));
	if (strcmp(sort, "name") == 0)
		compared = str_compare(a->name, b->name);
	else if (strcmp(sort, "score") == 0)
		compared = a->score < b->score ? -1 : a->score > b->score;
	else if (strcmp(sort, "created") == 0)
		compared = a->created_ms < b->created_ms ? -1 : a->created_ms > b->created_ms;
	if (compared == 0)
		compared = first < second ? -1 : 1;
	return down ? compared > 0 : compared < 0;
}

static struct registry_agent_summary copied(const struct registry_agent_summary *s)
{
	struct registry_agent_summary copy = *s;

	copy.agent_id = str_of(text_of(s->agent_id));
	copy.name = str_of(text_of(s->name));
	return copy;
}

static struct walked walk(const char *filter, const char *sort, bool down, int limit)
{
	struct walked walked = { 0 };
	struct registry_agent_summary last = { 0 };
	char request[5000], cursor[4096] = "";

	for (;;) {
		snprintf(request, sizeof(request),
			 "{%s%s\"sort\":\"%s\",\"order\":\"%s\",\"limit\":%d%s}", filter,
			 filter[0] ? "," : "", sort, down ? "descending" : "ascending", limit,
			 cursor);
		int64_t us = page_us(request);
		const struct registry_agent_list_reply *page = listed();

		walked.slowest_us = us > walked.slowest_us ? us : walked.slowest_us;
		walked.pages++;
		for (size_t i = 0; i < page->agents.count; i++) {
			const struct registry_agent_summary *before =
				i > 0 ? &page->agents.items[i - 1] : &last;
			if (before->agent_id.data)
				assert_true(in_order(sort, down, before, &page->agents.items[i]));
		}
		walked.count += (int64_t)page->agents.count;
		if (!page->next_cursor.data)
			return walked;
		last = copied(&page->agents.items[page->agents.count - 1]);
		snprintf(cursor, sizeof(cursor), ",\"cursor\":\"%.*s\"",
			 STR_ARG(page->next_cursor));
	}
}

/* [AGT-11] */
static void every_sort_walks_the_whole_fleet_in_order(void **state)
{
	static const char *const sorts[] = { "id", "name", "score", "created" };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		for (int down = 0; down <= 1; down++) {
			struct walked walked = walk("", sorts[i], down, PAGE_MAX);

			assert_int_equal(walked.count, FLEET);
			assert_int_equal(walked.pages, FLEET / PAGE_MAX);
			print_message("pages of 1,000 by %s %s: slowest %lld ms\n", sorts[i],
				      down ? "down" : "up", (long long)walked.slowest_us / 1000);
			assert_true(walked.slowest_us < PAGE_US_LIMIT);
		}
	}
}

static const struct {
	const char *json;
	const char *sql;
} filters[] = {
	{ "", "true" },
	{ "\"role\":\"social_promoter\"", "role = 'social_promoter'" },
	{ "\"role\":\"nobody\"", "false" },
	{ "\"tier\":0", "tier = 0" },
	{ "\"tier\":2", "tier = 2" },
	{ "\"unit\":\"content\"", "unit ~ '^content'" },
	{ "\"unit\":\"content.beta\"", "unit = 'content.beta'" },
	{ "\"state\":\"pending\"", "state = 1" },
	{ "\"state\":\"terminated\"", "state = 4" },
	{ "\"owner\":\"owner_7\"", "owner = 'owner_7'" },
	{ "\"score_min\":99", "behaviour_score >= 99" },
	{ "\"score_max\":39", "behaviour_score <= 39" },
	{ "\"score_min\":40,\"score_max\":59", "behaviour_score BETWEEN 40 AND 59" },
	{ "\"capability\":\"social_post\"", "'social_post' = ANY (capability_scopes)" },
	{ "\"capability\":\"gumroad_publish\"", "'gumroad_publish' = ANY (capability_scopes)" },
	{ "\"capability\":\"nothing\"", "false" },
	{ "\"must_restart\":true", "false" },
	{ "\"unit\":\"content\",\"state\":\"active\",\"owner\":\"owner_2\",\"score_min\":50",
	  "unit ~ '^content' AND state = 2 AND owner = 'owner_2' AND behaviour_score >= 50" },
};

/* [AGT-11] */
static void every_filter_finds_what_a_plain_question_finds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		int64_t expected =
			sql_i64("SELECT count(*) FROM registry.agent WHERE %s", filters[i].sql);

		OK("agent_count", "{%s}", filters[i].json);
		assert_int_equal(((const struct registry_agent_count_reply *)world.answer)->count,
				 expected);
		assert_int_equal(walk(filters[i].json, "name", false, PAGE_MAX).count, expected);
	}
}

/* [AGT-11] The first page of every filter in every sort. */
static void a_page_is_quick_for_every_filter_and_sort(void **state)
{
	static const char *const sorts[] = { "id", "name", "score", "created" };
	int64_t slowest = 0, total = 0, count = 0;
	const char *slowest_filter = "", *slowest_sort = "";

	(void)state;
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		for (size_t s = 0; s < 8; s++) {
			char request[1000];
			snprintf(request, sizeof(request),
				 "{%s%s\"sort\":\"%s\",\"order\":\"%s\",\"limit\":100}",
				 filters[i].json, filters[i].json[0] ? "," : "", sorts[s / 2],
				 s % 2 ? "descending" : "ascending");
			int64_t us = page_us(request);
			total += us;
			count++;
			if (us > slowest) {
				slowest = us;
				slowest_filter = filters[i].json;
				slowest_sort = sorts[s / 2];
			}
		}
	}
	print_message("pages of 100: mean %.2f ms, slowest %.2f ms ({%s} by %s)\n",
		      (double)total / (double)count / 1000, (double)slowest / 1000, slowest_filter,
		      slowest_sort);
	assert_true(slowest < PAGE_US_LIMIT);
}

/* [AGT-11] */
static void a_page_has_as_many_agents_as_asked_for(void **state)
{
	(void)state;
	OK("agent_list", "{}");
	assert_int_equal(listed()->agents.count, PAGE_DEFAULT);
	OK("agent_list", "{\"limit\":1000}");
	assert_int_equal(listed()->agents.count, PAGE_MAX);
	REFUSED(ST_MESSAGE_INVALID, "/limit", "agent_list", "{\"limit\":1001}");
	REFUSED(ST_MESSAGE_INVALID, "/limit", "agent_list", "{\"limit\":0}");
	OK("agent_list", "{\"limit\":1,\"state\":\"active\"}");
	const struct registry_agent_summary *agent = &listed()->agents.items[0];
	assert_true(str_is(agent->role, "digital_product_generator"));
	assert_int_equal(agent->state, REGISTRY_AGENT_STATE_ACTIVE);
	assert_int_equal(agent->tools.count, 2);
	assert_int_equal(agent->capability_scopes.count, 3);
}

/* [AGT-11] */
static void a_cursor_of_another_listing_is_refused(void **state)
{
	char cursor[4096];

	(void)state;
	OK("agent_list", "{\"tier\":0}");
	snprintf(cursor, sizeof(cursor), "%.*s", STR_ARG(listed()->next_cursor));
	REFUSED(ST_CURSOR_INVALID, "/cursor", "agent_list", "{\"tier\":1,\"cursor\":\"%s\"}",
		cursor);
	REFUSED(ST_CURSOR_INVALID, "/cursor", "agent_list",
		"{\"tier\":0,\"sort\":\"name\",\"cursor\":\"%s\"}", cursor);
	REFUSED(ST_CURSOR_INVALID, "/cursor", "agent_list", "{\"cursor\":\"00\"}");
	OK("agent_list", "{\"tier\":0,\"cursor\":\"%s\"}", cursor);
}

/* Lines of the whole export; the pages are joined as they come. */
static int64_t exported_lines(const char *format, const char *filter, char first[512])
{
	char cursor[4096] = "";
	int64_t lines = 0, counted = 0;
	bool first_page = true;

	for (;;) {
		OK("agent_export", "{\"format\":\"%s\"%s%s}", format, filter, cursor);
		const struct registry_agent_export_reply *answer = world.answer;

		counted += answer->count;
		for (size_t i = 0; i < answer->content.size; i++)
			lines += answer->content.data[i] == '\n';
		if (first_page) {
			size_t size = strcspn(answer->content.data, "\r\n");
			assert_true(size < 512);
			snprintf(first, 512, "%.*s", (int)size, answer->content.data);
		}
		first_page = false;
		if (!answer->next_cursor.data)
			break;
		snprintf(cursor, sizeof(cursor), ",\"cursor\":\"%.*s\"",
			 STR_ARG(answer->next_cursor));
	}
	assert_int_equal(lines, counted + (strcmp(format, "csv") == 0));
	return counted;
}

/* [AGT-11] */
static void the_fleet_is_exported_as_csv_and_as_json_lines(void **state)
{
	char first[512];

	(void)state;
	assert_int_equal(exported_lines("csv", "", first), FLEET);
	assert_int_equal(strncmp(first, "agent_id,name,role,", 19), 0);
	assert_int_equal(exported_lines("json", ",\"tier\":2", first), 1000);
	struct problem problem = { 0 };
	struct registry_agent_summary summary;
	assert_int_equal(proto_decode(&registry_agent_summary_type, str_of(first),
				      PROTO_UNKNOWN_REFUSED, &world.svc.arena, &summary, &problem),
			 ST_OK);
	assert_int_equal(summary.tier, 2);
}

/* [AGT-11] A page of agents with long names and full lists ends early and still fits its reply. */
static void a_page_that_would_be_too_large_ends_early(void **state)
{
	(void)state;
	harness_sql(world.harness,
		    "UPDATE registry.agent SET capabilities = ARRAY(SELECT 'tok_' || repeat('x', "
		    "56) || lpad(i::text, 4, '0') FROM generate_series(1, 256) i) WHERE tier = 2");
	OK("agent_list", "{\"tier\":2,\"limit\":1000}");
	assert_true(listed()->agents.count > 10 && listed()->agents.count < 100);
	assert_non_null(listed()->next_cursor.data);
	assert_int_equal(walk("\"tier\":2", "id", false, PAGE_MAX).count, 1000);
	assert_int_equal(walk("\"tier\":2", "score", true, 7).count, 1000);
}

/* [AGT-9] Last: it ends the fleet. */
static void the_whole_fleet_is_ended_by_one_order(void **state)
{
	int64_t before = events("registry.agent.terminated"), began, ms;
	const char *act;

	(void)state;
	act = SIGNED(REGISTRY_KILL_ORDER_PURPOSE,
		     "\"scope\":{\"kind\":\"fleet\"},\"reason\":\"drill\"");
	began = harness_now_ms();
	OK("kill", "{\"act\":%s}", act);
	ms = harness_now_ms() - began;
	print_message("kill order over %d agents: %lld ms to its commit\n", FLEET, (long long)ms);
	assert_int_equal(((const struct registry_kill_reply *)world.answer)->terminated, FLEET);
	assert_int_equal(sql_i64("SELECT count(*) FROM registry.agent WHERE state <> 4"), 0);
	assert_int_equal(events("registry.agent.terminated") - before, FLEET);
	assert_int_equal(evidence("agent.terminate", "success"), FLEET);
	assert_true(ms < KILL_MS_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(twenty_five_thousand_agents_are_made),
		cmocka_unit_test(every_sort_walks_the_whole_fleet_in_order),
		cmocka_unit_test(every_filter_finds_what_a_plain_question_finds),
		cmocka_unit_test(a_page_is_quick_for_every_filter_and_sort),
		cmocka_unit_test(a_page_has_as_many_agents_as_asked_for),
		cmocka_unit_test(a_cursor_of_another_listing_is_refused),
		cmocka_unit_test(the_fleet_is_exported_as_csv_and_as_json_lines),
		cmocka_unit_test(a_page_that_would_be_too_large_ends_early),
		cmocka_unit_test(the_whole_fleet_is_ended_by_one_order),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
