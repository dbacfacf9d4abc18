/* bench_refusal.c [AGT-9] [TOK-4]: from a kill order or a revocation to the first decision that is
 * refused for it: agents with tokens of their own, while decisions are asked for all the time. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"
#include "gen/policy.h"
#include "gen/token.h"
#include "id.h"
#include "tests/lib/fleet.h"

#define TRIES 40
#define TOKEN_TEXT_SIZE 1024
#define ISSUE_PARALLEL 128
#define HASH "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static int64_t agents;
static char (*tokens)[TOKEN_TEXT_SIZE];
static char (*token_ids)[ID_TEXT_SIZE];
static struct stack stack;
static struct fleet fleet;

static _Noreturn void give_up(const char *what, const struct problem *problem)
{
	fprintf(stderr, "refusal: %s: %s %s\n", what, problem ? problem->pointer : "",
		problem ? problem->detail : "");
	exit(1);
}

/* -- a fleet with tokens -- */

static struct bus_ask *token_ask(int64_t agent)
{
	const struct bus_call_options options = { .timeout_ms = 10000 };
	struct str scope = STR("trend_scan");
	char id[AGENT_ID_TEXT_SIZE];
	struct problem problem = { 0 };
	struct bus_ask *ask;

	agent_id_format(agent, id);
	const struct token_issue_request request = { .agent_id = str_of(id),
						     .scopes = { &scope, 1 },
						     .risk = TOKEN_RISK_LOW };
	if (bus_ask_begin(stack.bus, &CALL_TOKEN_TOKEN_ISSUE, &request, &options, &stack.arena,
			  &ask, &problem) != ST_OK)
		give_up("a token is not asked for", &problem);
	return ask;
}

static bool token_take(int64_t agent, struct bus_ask *ask)
{
	struct token_issue_reply reply;
	struct problem problem = { 0 };

	if (bus_ask_end(ask, &stack.arena, &reply, &problem) != ST_OK)
		return false;
	snprintf(tokens[agent], TOKEN_TEXT_SIZE, "%.*s", STR_ARG(reply.token));
	snprintf(token_ids[agent], ID_TEXT_SIZE, "%.*s", STR_ARG(reply.capability.token_id));
	return true;
}

/* The token service may not know the last agents yet, nor have its key. */
static void tokens_issue(void)
{
	struct bus_ask *asks[ISSUE_PARALLEL];
	double until = bench_seconds() + 120;

	for (int64_t from = 1; from <= agents;) {
		int64_t n = agents - from + 1 < ISSUE_PARALLEL ? agents - from + 1 : ISSUE_PARALLEL;
		int64_t taken = 0;
		bool all = true;
		arena_reset(&stack.arena);
		for (int64_t i = 0; i < n; i++)
			asks[i] = token_ask(from + i);
		for (int64_t i = 0; i < n; i++) {
			all = token_take(from + i, asks[i]) && all;
			taken += all;
		}
		from += taken;
		if (bench_seconds() > until)
			give_up("the tokens are not issued", NULL);
		if (!all)
			usleep(10000);
	}
}

static bool agents_known(void *context)
{
	(void)context;
	return harness_sql_i64(stack.harness, "SELECT count(*) FROM policy.agent") == agents;
}

static void fleet_make(void)
{
	tokens = calloc((size_t)agents + 1, sizeof(*tokens));
	token_ids = calloc((size_t)agents + 1, sizeof(*token_ids));
	if (!tokens || !token_ids)
		give_up("no memory", NULL);
	fleet_found(&fleet, &stack);
	fleet_agents(&fleet, agents, "agent");
	if (!harness_wait_for(agents_known, NULL, 60000))
		give_up("the agents do not arrive", NULL);
	harness_sql(stack.harness, "INSERT INTO policy.person VALUES ('per_bench', '{1}', false);"
				   "UPDATE policy.policy_state SET stamp = stamp + 1;"
				   "UPDATE policy.agent SET state = 2, stamp = (SELECT stamp FROM "
				   "policy.policy_state)");
	bench_documents(&stack);
	tokens_issue();
}

/* -- load -- */

static int decide_write(int64_t agent, char *out, size_t size)
{
	return snprintf(out, size,
			"{\"agent_id\":\"piopl_%05lld\",\"tool\":\"trend.scan\","
			"\"resource\":\"trends.uk\",\"confidence\":0.97,\"token\":\"%s\","
			"\"parameters_hash\":\"" HASH "\"}",
			(long long)agent, tokens[agent]);
}

static int load_body(void *context, int64_t number, char *out, size_t size)
{
	(void)context;
	return decide_write(1 + number * 7919 % agents, out, size);
}

static struct bench_load load = { .subject = "piopl.rpc.policy.decide.terminal",
				  .body = load_body,
				  .in_flight = 512 };

static void *load_run(void *result)
{
	bench_load_run(&load, result);
	return NULL;
}

/* -- first refusal -- */

static bool decided(int64_t agent)
{
	struct problem problem = { 0 };
	char id[AGENT_ID_TEXT_SIZE];
	struct policy_decision decision;

	agent_id_format(agent, id);
	struct policy_decide_request request = { .agent_id = str_of(id),
						 .tool = STR("trend.scan"),
						 .resource = STR("trends.uk"),
						 .has_confidence = true,
						 .confidence = 0.97,
						 .token = str_of(tokens[agent]),
						 .parameters_hash = STR(HASH) };
	arena_reset(&stack.arena);
	if (stack_call(&stack, &CALL_POLICY_DECIDE, &request, &decision, &problem) != ST_OK)
		give_up("no decision", &problem);
	return decision.verdict <= POLICY_VERDICT_MODIFY;
}

static void token_end(int64_t agent)
{
	struct token_revoke_request request = { .token_id = str_of(token_ids[agent]),
						.reason = STR("measured") };
	struct token_revoke_reply reply;
	struct problem problem = { 0 };

	if (stack_call(&stack, &CALL_TOKEN_TOKEN_REVOKE, &request, &reply, &problem) != ST_OK)
		give_up("no revocation", &problem);
}

static void agent_end(int64_t agent)
{
	struct registry_kill_reply reply;
	struct problem problem = { 0 };
	char id[AGENT_ID_TEXT_SIZE];

	agent_id_format(agent, id);
	struct registry_kill_scope scope = { .kind = REGISTRY_KILL_SCOPE_KIND_AGENT,
					     .value = str_of(id) };
	if (fleet_kill(&fleet, &scope, &reply, &problem) != ST_OK)
		give_up("no kill", &problem);
}

static void measure(const char *name, void (*end)(int64_t agent), int64_t from, const char *what)
{
	double took[TRIES];
	char note[300];

	for (int64_t i = 0; i < TRIES; i++) {
		int64_t agent = from + i;
		if (!decided(agent))
			give_up("it was refused before", NULL);
		double begin = bench_seconds();
		end(agent);
		while (decided(agent))
			if (bench_seconds() - begin > 10)
				give_up("it is never refused", NULL);
		took[i] = (bench_seconds() - begin) * 1000;
	}
	double p50 = bench_median(took, TRIES);
	snprintf(note, sizeof(note),
		 "%s sent to the first decision refused, its answer; %lld agents with tokens, "
		 "%.0f decisions/s beside it; p50 %.1f ms",
		 what, (long long)agents, load.rate, p50);
	bench_row(name, bench_percentile(took, TRIES, 99), "ms", 0, note);
}

void bench_refusal(void)
{
	static const char *const names[] = { "registry", "token", "policy", NULL };
	char sealing[700];
	const char *token_env[] = { sealing, NULL };
	static const char *const policy_env[] = { "PIOPL_WORKERS=1", NULL };
	struct bench_result result;
	pthread_t thread;

	agents = bench_size("BENCH_REFUSAL_AGENTS", 25000);
	stack_start(&stack,
		    &(struct harness_options){ .postgres = true, .nats = true, .durable = true },
		    names);
	stack_service_start(&stack, "registry", NULL);
	bench_sealing_key(&stack, sealing, sizeof(sealing));
	stack_service_start(&stack, "token", token_env);
	stack_service_start(&stack, "policy", policy_env);
	fleet_make();
	load.url = harness_nats_url(stack.harness);
	load.rate = (double)bench_size("BENCH_REFUSAL_RATE", 2000);
	load.count = (int64_t)(load.rate * 20);
	pthread_create(&thread, NULL, load_run, &result);
	sleep(1);
	measure("revoke.p99_ms", token_end, 100, "revocation");
	measure("kill.p99_ms", agent_end, 1000, "order");
	pthread_join(thread, NULL);
	if (result.failed > 0)
		give_up("decisions failed", NULL);
	stack_stop(&stack);
	free(tokens);
	free(token_ids);
}
