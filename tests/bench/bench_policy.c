/* bench_policy.c: evaluation alone at 4 levels of 25 rules, with one agent and with 10,000 that
 * have documents of their own; decisions with durable evidence over the bus, one a message and in
 * bulk, beside a bare NATS echo that parses the same message. */
#include <cjson/cJSON.h>
#include <nats/nats.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"
#include "gen/policy.h"
#include "services/policy/evaluate.h"

#define LEVELS 4
#define RULES 25
#define AGENTS_MANY 10000
#define SAMPLES 200000
#define HASH "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* -- evaluation alone -- */

static const struct zone *no_zone(void *context, struct str name)
{
	(void)context;
	(void)name;
	return NULL;
}

/* 20 tools and 5 thresholds. */
static const struct document *level_document(struct arena *arena, int level, int agent,
					     const char *type)
{
	static const struct condition_names names;
	const struct document_environment environment = { .names = &names, .zone_find = no_zone };
	struct problem problem = { 0 };
	struct document *document;
	struct buf buf;

	buf_init(&buf, arena, 2048);
	buf_printf(&buf, "policy:\n  id: l%d-%d\n  type: %s\n  %s\n", level, agent, type,
		   level == LEVELS - 1 ? "agent: a" : "root: true");
	if (type[1] == 'o') {
		buf_add_c(&buf, "  tools:\n");
		for (int i = 0; i < 20; i++)
			buf_printf(&buf,
				   "    - {name: tool%d.use, allow: true, scope: [\"r%d.*\"]}\n", i,
				   i);
	} else {
		buf_add_c(&buf, "  rules:\n");
		for (int i = 0; i < 5; i++)
			buf_printf(&buf,
				   "    - {condition: \"amount > %d AND tool != 'x%d'\", "
				   "require_approval: true}\n",
				   1000 * (level + 1) + i + agent % 7, i);
	}
	if (document_load(arena, buf_str(&buf), &environment, &document, &problem) != ST_OK) {
		fprintf(stderr, "%s %s\n", problem.pointer, problem.detail);
		exit(1);
	}
	return document;
}

static void chain_add(struct chain *chain, struct arena *arena, int level, int agent)
{
	chain->documents[chain->count++] = level_document(arena, level, agent, "tool-access");
	chain->documents[chain->count++] =
		level_document(arena, level, agent, "temporal-and-thresholds");
}

static double evaluate_percentile(struct chain *chains, size_t count, double percent)
{
	static double took[SAMPLES];
	char resources[20][16], tools[20][16];
	struct evaluation e = { 0 };
	struct outcome out;
	uint64_t random = 7;

	for (int i = 0; i < 20; i++) {
		snprintf(tools[i], sizeof(tools[i]), "tool%d.use", i);
		snprintf(resources[i], sizeof(resources[i]), "r%d.x", i);
	}
	e.request.attributes[ATTRIBUTE_AMOUNT] =
		(struct value){ .type = VALUE_NUMBER, .i64 = 5 * NUMBER_ONE };
	for (size_t i = 0; i < SAMPLES; i++) {
		random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
		size_t t = (random >> 33) % 20;
		e.request.attributes[ATTRIBUTE_TOOL] =
			(struct value){ .type = VALUE_STRING, .text = str_of(tools[t]) };
		e.request.attributes[ATTRIBUTE_RESOURCE] =
			(struct value){ .type = VALUE_STRING, .text = str_of(resources[t]) };
		uint64_t begin = clock_mono_ns();
		evaluate(&chains[(random >> 40) % count], &e, &out);
		took[i] = (double)(clock_mono_ns() - begin) / 1000;
		if (out.verdict != VERDICT_ALLOW)
			exit(1);
	}
	return bench_percentile(took, SAMPLES, percent);
}

void bench_evaluate(void)
{
	struct chain *chains = calloc(AGENTS_MANY, sizeof(struct chain));
	static struct arena arena;
	char note[200];

	arena_init(&arena, (size_t)2048 * 1024 * 1024);
	for (int level = 0; level < LEVELS - 1; level++)
		chain_add(&chains[0], &arena, level, 0);
	for (int i = 1; i < AGENTS_MANY; i++)
		chains[i] = chains[0];
	for (int i = 0; i < AGENTS_MANY; i++)
		chain_add(&chains[i], &arena, LEVELS - 1, i);
	double one = evaluate_percentile(chains, 1, 50);
	double many = evaluate_percentile(chains, AGENTS_MANY, 50);
	snprintf(note, sizeof(note), "p50, 4 levels of 25 rules, one agent; p99 %.2f",
		 evaluate_percentile(chains, 1, 99));
	bench_row("policy.evaluate_us", one, "us", 0, note);
	snprintf(note, sizeof(note), "p50, 10,000 agents with documents of their own; p99 %.2f",
		 evaluate_percentile(chains, AGENTS_MANY, 99));
	bench_row("policy.evaluate_many_us", many, "us", 0, note);
	arena_free(&arena);
	free(chains);
}

/* -- others -- */

/* Cedar and OPA on the same policies, each a line "name microseconds". */
void bench_engines(void)
{
	char command[1100], name[32], figure[64];
	double us;

	snprintf(command, sizeof(command),
		 "exec timeout 120 node %s/tests/bench/engines/engines.mjs", harness_root_folder());
	FILE *out = popen(command, "r");
	if (!out)
		exit(1);
	while (fscanf(out, "%31s %lf", name, &us) == 2) {
		snprintf(figure, sizeof(figure), "policy.%s_us", name);
		bench_row(
			figure, us, "us", 0,
			"p50, the policies of policy.evaluate_us, preparsed, WebAssembly in node");
	}
	if (pclose(out) != 0) {
		fprintf(stderr,
			"engines: make tests/bench/engines/node_modules/.stamp, and see above\n");
		exit(1);
	}
}

/* -- over the bus -- */

static int decide_body(void *context, int64_t number, char *out, size_t size)
{
	(void)context;
	return snprintf(
		out, size,
		"{\"agent_id\":\"piopl_%05lld\",\"tool\":\"trend.scan\",\"operation\":\"list\","
		"\"resource\":\"trends.uk\",\"data_in\":[\"public.trends\"],"
		"\"confidence\":0.97,\"location\":\"lon-1\",\"urgency\":\"normal\","
		"\"parameters_hash\":\"" HASH "\"}",
		(long long)(number % 100 + 1));
}

/* The bare floor: an answer to the same message, which it parses. */
static void on_echo(natsConnection *connection, natsSubscription *subscription, natsMsg *msg,
		    void *closure)
{
	cJSON *node =
		cJSON_ParseWithLength(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg));

	(void)subscription;
	(void)closure;
	natsConnection_Publish(connection, natsMsg_GetReply(msg), natsMsg_GetData(msg),
			       natsMsg_GetDataLength(msg));
	cJSON_Delete(node);
	natsMsg_Destroy(msg);
}

static void floor_echo(struct stack *stack, const struct bench_load *like, struct bench_result *ret)
{
	struct bench_load load = *like;
	pid_t pid = fork();

	if (pid == 0) {
		natsConnection *connection;
		natsSubscription *subscription;
		if (natsConnection_ConnectTo(&connection, harness_nats_url(stack->harness)) ==
		    NATS_OK) {
			natsConnection_Subscribe(&subscription, connection, "floor.echo", on_echo,
						 NULL);
			natsSubscription_SetPendingLimits(subscription, -1, -1);
		}
		pause();
		_exit(0);
	}
	usleep(500000);
	load.subject = "floor.echo";
	bench_load_run(&load, ret);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

void bench_documents(struct stack *stack)
{
	static const char *const names[] = { "root-tools",    "root-data",       "root-thresholds",
					     "root-identity", "root-validation", "root-crudlex" };
	static char text[64 * 1024];
	const struct bus_call_options options = { .principal = "per_bench" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct policy_document_change change = { .document_id = str_of(names[i]),
							 .state = POLICY_DOCUMENT_STATE_ACTIVE };
		struct policy_apply_request apply = { .changes = { &change, 1 } };
		struct policy_document_put_request put;
		struct policy_document_reply put_reply;
		struct policy_version_reply reply;
		struct problem problem = { 0 };
		char path[1200];
		snprintf(path, sizeof(path), "%s/services/policy/catalog/%s.yaml",
			 harness_root_folder(), names[i]);
		FILE *file = fopen(path, "re");
		if (!file)
			exit(1);
		put = (struct policy_document_put_request){
			.text = { text, fread(text, 1, sizeof(text), file) }
		};
		fclose(file);
		arena_reset(&stack->arena);
		if (bus_call(stack->bus, &CALL_POLICY_DOCUMENT_PUT, &put, &options, &stack->arena,
			     &put_reply, &problem) != ST_OK ||
		    bus_call(stack->bus, &CALL_POLICY_APPLY, &apply, &options, &stack->arena,
			     &reply, &problem) != ST_OK) {
			fprintf(stderr, "%s: %s %s\n", names[i], problem.pointer, problem.detail);
			exit(1);
		}
	}
}

#define AGENTS_SQL                                                                                 \
	"INSERT INTO policy.person VALUES ('per_bench', '{1}', false);"                            \
	"UPDATE policy.policy_state SET constitution_hash = 'sha256:c', stamp = stamp + 1;"        \
	"INSERT INTO policy.agent SELECT n, 'agent' || n, 'role', 'studio', 'owner', 0, 2, "       \
	"false, "                                                                                  \
	"'sha256:c', '{}', '{customer_pii}', 0, 'GBP', 850000, 100000000, 1, 1 "                   \
	"FROM generate_series(1, 100) n"

/* Bulk calls from several threads, each waiting for its answer. */
struct bulk {
	struct stack *stack;
	pthread_t thread;
	int64_t calls;
	int64_t failed;
};

#define BULK_SIZE 500
#define BULK_THREADS 24

static void *bulk_run(void *argument)
{
	struct bulk *bulk = argument;
	natsConnection *connection;
	natsMsg *reply;
	char *body = malloc(BULK_SIZE * 512 + 64), one[1024];
	const char *code;
	int size = sprintf(body, "{\"requests\":[");

	for (int i = 0; i < BULK_SIZE; i++) {
		decide_body(NULL, i, one, sizeof(one));
		size += sprintf(body + size, "%s%s", i ? "," : "", one);
	}
	size += sprintf(body + size, "]}");
	natsOptions *options;
	natsOptions_Create(&options);
	natsOptions_SetURL(options, harness_nats_url(bulk->stack->harness));
	natsOptions_SetSendAsap(options, true);
	if (natsConnection_Connect(&connection, options) != NATS_OK)
		exit(1);
	for (int64_t i = 0; i < bulk->calls; i++) {
		char inbox[96];
		natsSubscription *subscription;
		snprintf(inbox, sizeof(inbox), "_INBOX.terminal.%lx.%lld",
			 (unsigned long)bulk->thread, (long long)i);
		natsConnection_SubscribeSync(&subscription, connection, inbox);
		natsConnection_PublishRequest(connection, "piopl.rpc.policy.decide_many.terminal",
					      inbox, body, size);
		if (natsSubscription_NextMsg(&reply, subscription, 20000) != NATS_OK) {
			bulk->failed++;
		} else {
			bulk->failed +=
				natsMsgHeader_Get(reply, "Nats-Service-Error", &code) == NATS_OK;
			natsMsg_Destroy(reply);
		}
		natsSubscription_Destroy(subscription);
	}
	natsConnection_Destroy(connection);
	natsOptions_Destroy(options);
	free(body);
	return NULL;
}

static bool relay_is_even(void *context)
{
	struct stack *stack = context;

	return harness_sql_i64(stack->harness,
			       "SELECT count(*) FROM policy.relay WHERE published + 1 >= next AND "
			       "(SELECT count(*) FROM policy.outbox) < next") > 0;
}

/* What a measurement left to be published is not the next one's. */
static void relay_settle(struct stack *stack)
{
	if (!harness_wait_for(relay_is_even, stack, 60000))
		fprintf(stderr, "the relay does not settle\n");
}

static void bench_bulk(struct stack *stack)
{
	struct bulk bulks[BULK_THREADS];
	int64_t calls = bench_size("BENCH_BULK", 60), failed = 0;
	double begin = bench_seconds();
	struct bench_cpu before;
	char note[400], cpu[200];

	bench_cpu_read(&before);
	for (int i = 0; i < BULK_THREADS; i++) {
		bulks[i] = (struct bulk){ .stack = stack, .calls = calls };
		pthread_create(&bulks[i].thread, NULL, bulk_run, &bulks[i]);
	}
	for (int i = 0; i < BULK_THREADS; i++) {
		pthread_join(bulks[i].thread, NULL);
		failed += bulks[i].failed;
	}
	double took = bench_seconds() - begin;
	relay_settle(stack);
	bench_cpu_note(&before, (double)(calls * BULK_THREADS * BULK_SIZE), cpu, sizeof(cpu));
	snprintf(note, sizeof(note),
		 "%d a call, %d clients, 2 workers, durable evidence, %lld failed; %s", BULK_SIZE,
		 BULK_THREADS, (long long)failed, cpu);
	bench_row("policy.decide_bulk", (double)(calls * BULK_THREADS * BULK_SIZE) / took, "/s", 0,
		  note);
}

static void bench_decide(struct stack *stack, const struct bench_load *load)
{
	struct bench_result floor;
	struct bench_result result;
	struct bench_cpu before;
	char note[400], cpu[200];

	floor_echo(stack, load, &floor);
	bench_cpu_read(&before);
	bench_load_run(load, &result);
	relay_settle(stack);
	bench_cpu_note(&before, (double)load->count, cpu, sizeof(cpu));
	snprintf(note, sizeof(note),
		 "one a message, durable evidence, 1 worker, %d in flight, %lld failed; floor: "
		 "NATS echo "
		 "with cJSON; %s",
		 load->in_flight, (long long)result.failed, cpu);
	bench_row("policy.decide", result.per_second, "/s", floor.per_second, note);
}

/* At half of the rate that is asked for. */
static void bench_decide_p99(struct stack *stack, const struct bench_load *like)
{
	struct bench_load load = *like;
	struct bench_result result, floor;
	struct bench_cpu before;
	char note[400], cpu[200];

	load.rate = (double)bench_size("BENCH_RATE", 10000);
	load.count = (int64_t)(load.rate * 4);
	floor_echo(stack, &load, &floor);
	bench_cpu_read(&before);
	bench_load_run(&load, &result);
	relay_settle(stack);
	bench_cpu_note(&before, (double)load.count, cpu, sizeof(cpu));
	snprintf(note, sizeof(note),
		 "at %.0f/s; p50 %.2f ms, %lld failed; floor: NATS echo with cJSON at that rate, "
		 "p50 "
		 "%.2f ms; %s",
		 result.per_second, result.p50_ms, (long long)result.failed, floor.p50_ms, cpu);
	bench_row("policy.decide_p99_ms", result.p99_ms, "ms", floor.p99_ms, note);
}

void bench_policy(void)
{
	static const char *const names[] = { "policy", NULL };
	static const char *const env[] = { "PIOPL_WORKERS=1", "PIOPL_POLICY_TOKENS=development",
					   NULL };
	static const char *const bulk_env[] = { "PIOPL_WORKERS=2",
						"PIOPL_POLICY_TOKENS=development", NULL };
	struct stack stack;

	stack_start(&stack,
		    &(struct harness_options){ .postgres = true, .nats = true, .durable = true },
		    names);
	int64_t count = bench_size("BENCH_DECISIONS", 100000);
	stack_service_start(&stack, "policy", env);
	harness_sql(stack.harness, AGENTS_SQL);
	bench_documents(&stack);
	struct bench_load load = { .url = harness_nats_url(stack.harness),
				   .subject = "piopl.rpc.policy.decide.terminal",
				   .body = decide_body,
				   .count = count,
				   .in_flight = 1024 };
	if (bench_wanted("policy.decide"))
		bench_decide(&stack, &load);
	if (bench_wanted("policy.decide_p99_ms"))
		bench_decide_p99(&stack, &load);
	if (bench_wanted("policy.decide_bulk")) {
		/* one fills its batches by itself; calls that are batches are shared out */
		stack_service_stop(&stack, "policy");
		stack_service_start(&stack, "policy", bulk_env);
		bench_bulk(&stack);
	}
	stack_stop(&stack);
}
