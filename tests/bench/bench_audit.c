/* bench_audit.c [AUD-12]: evidence from the bus into the log (verified, chained, in the tree,
 * durable), then filtered pages over it. The evidence is put into registry's outbox and relayed
 * first; audit's follower stands by meanwhile. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"
#include "gen/audit.h"
#include "services/terminal/evidence.h"

#define QUERY_TRIES 11

/* Like what agents do: a thousand of them, some tools, mostly allowed. */
static const char evidence_sql[] =
	"INSERT INTO registry.outbox (event_id, type, subject, trace_id, time_ms, data) "
	"SELECT gen_random_uuid(), 'registry.evidence.recorded', 'piopl_' || lpad((1 + g %% "
	"1000)::text, 5, '0'), md5(g::text), 1790000000000 + g, "
	"convert_to('{\"evidence_id\":\"evd_' "
	"|| gen_random_uuid() || '\",\"timestamp\":\"' || to_char(to_timestamp(1790000000 + g / "
	"100) "
	"AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS') || '.000Z\",\"agent_id\":\"piopl_' || "
	"lpad((1 + g %% 1000)::text, 5, '0') || '\",\"trace_id\":\"' || md5((g / 3)::text) || "
	"'\",\"operation\":{\"type\":\"' || "
	"(ARRAY['tool.call','data.read','data.write','listing.publish',"
	"'message.send'])[1 + g %% 5] || '\",\"tool\":\"tool_' || g %% 40 || "
	"'\",\"parameters_hash\":\"sha256:' || encode(sha256(g::text::bytea), 'hex') || "
	"'\"},\"context\":{\"user_id\":\"user_' || g %% 200 || '\"},\"policy_evaluation\":"
	"{\"policies_applied\":[\"root.tools\",\"team.limits\"],\"decision\":\"' || CASE WHEN g %% "
	"20 = 0 "
	"THEN 'deny' ELSE 'allow' END || '\"},\"outcome\":{\"status\":\"' || CASE WHEN g %% 20 = 0 "
	"THEN "
	"'refused' ELSE 'success' END || '\"},\"domain\":\"' || "
	"(ARRAY['default','finance','health'])[1 + "
	"g %% 3] || '\"}', 'UTF8') FROM generate_series(%lld::bigint, %lld::bigint) g";

static void wait_for(struct stack *stack, const char *sql, int64_t want, int seconds)
{
	double begin = bench_seconds();

	while (harness_sql_i64(stack->harness, sql) < want) {
		if (bench_seconds() - begin > seconds) {
			fprintf(stderr, "waited too long for: %s\n", sql);
			exit(1);
		}
		usleep(10000);
	}
}

static double query_median(struct stack *stack, const struct audit_record_query_request *request)
{
	double took[QUERY_TRIES];

	for (int i = 0; i < QUERY_TRIES; i++) {
		struct audit_record_query_reply reply;
		struct problem problem = { 0 };
		double begin = bench_seconds();
		if (stack_call(stack, &CALL_AUDIT_RECORD_QUERY, request, &reply, &problem) !=
		    ST_OK) {
			fprintf(stderr, "no query: %s %s\n", problem.pointer, problem.detail);
			exit(1);
		}
		took[i] = (bench_seconds() - begin) * 1000;
	}
	return bench_median(took, QUERY_TRIES);
}

static void bench_queries(struct stack *stack, int64_t count)
{
	const struct audit_record_query_request requests[] = {
		{ .has_limit = true, .limit = 100 },
		{ .has_limit = true, .limit = 100, .agent_id = STR("piopl_00042") },
		{ .has_limit = true, .limit = 100, .user_id = STR("user_7") },
		{ .has_limit = true,
		  .limit = 100,
		  .trace_id = STR("c81e728d9d4c2f636f067f89cc14862c") },
		{ .has_limit = true, .limit = 100, .operation_type = STR("message.send") },
		{ .has_limit = true, .limit = 100, .tool = STR("tool_13") },
		{ .has_limit = true,
		  .limit = 100,
		  .decision = AUDIT_RECORD_QUERY_REQUEST_DECISION_DENY },
		{ .has_limit = true, .limit = 100, .domain = STR("health") },
		{ .has_limit = true,
		  .limit = 100,
		  .has_from_ms = true,
		  .from_ms = 1790000000000 + count * 5,
		  .has_to_ms = true,
		  .to_ms = 1790000000000 + count * 5 + 60000 },
		{ .has_limit = true,
		  .limit = 100,
		  .agent_id = STR("piopl_00042"),
		  .decision = AUDIT_RECORD_QUERY_REQUEST_DECISION_DENY },
		{ .has_limit = true,
		  .limit = 100,
		  .tool = STR("tool_13"),
		  .user_id = STR("user_13"),
		  .domain = STR("finance") },
	};
	size_t total = sizeof(requests) / sizeof(requests[0]);
	double worst = 0;
	char note[160];

	for (size_t i = 0; i < total; i++) {
		double median = query_median(stack, &requests[i]);
		if (getenv("BENCH_VERBOSE"))
			printf("  query %zu: %.2f ms\n", i, median);
		worst = median > worst ? median : worst;
	}
	snprintf(note, sizeof(note),
		 "slowest of %zu filters, median, 100 records a page, %lld records", total,
		 (long long)count);
	bench_row("audit.query_ms", worst, "ms", 0, note);
}

/* The whole log exported to a file, then checked by the command line with the public key alone. */
static void bench_verify(struct stack *stack, int64_t count)
{
	static struct terminal terminal;
	const char *const words[] = { "audit", "export" };
	struct stack_service *audit = stack_service_get(stack, "audit");
	char path[512], key_path[512], key[PUBLIC_KEY_TEXT_SIZE], command[2048], note[160];
	struct problem problem = { 0 };

	snprintf(path, sizeof(path), "%s/export.jsonl", harness_folder(stack->harness));
	snprintf(key_path, sizeof(key_path), "%s/audit.pub", harness_folder(stack->harness));
	base64_encode(audit->key.public_key, PUBLIC_KEY_BYTES, key);
	FILE *file = fopen(key_path, "w");
	fprintf(file, "%s\n", key);
	fclose(file);
	arena_init(&terminal.arena, TERMINAL_ARENA_BYTES_MAX);
	terminal.bus = stack->bus;
	if (args_parse(command_table(), 2, words, 0, &terminal.args, &problem) != ST_OK ||
	    evidence_checkpoint_wait(&terminal, &problem) != ST_OK ||
	    evidence_export(&terminal, path, 0, -1, &problem) != ST_OK) {
		fprintf(stderr, "no export: %s\n", problem.detail);
		exit(1);
	}
	arena_free(&terminal.arena);
	snprintf(command, sizeof(command),
		 "%s/bin/piopl audit verify --file %s --public-key %s > %s/verify.txt",
		 harness_build_folder(), path, key_path, harness_folder(stack->harness));
	double begin = bench_seconds();
	int status = system(command);
	double took = bench_seconds() - begin;
	if (status != 0) {
		fprintf(stderr, "the export does not verify\n");
		exit(1);
	}
	snprintf(note, sizeof(note), "%lld records from a file, the program's start included",
		 (long long)count);
	bench_row("audit.verify", (double)count / took, "/s", 0, note);
}

void bench_audit(void)
{
	static const char *const names[] = { "registry", "audit", NULL };
	static const char *const env[] = { "PIOPL_ORIGIN=piopl/audit", NULL };
	int64_t count = bench_size("BENCH_RECORDS", 500000);
	struct stack stack;
	char sql[sizeof(evidence_sql) + 64], note[160];

	stack_start(&stack,
		    &(struct harness_options){ .postgres = true, .nats = true, .durable = true },
		    names);
	harness_sql(stack.harness,
		    "SELECT pg_advisory_lock(hashtextextended('piopl/audit/follower', 0))");
	stack_service_start(&stack, "registry", NULL);
	stack_service_start(&stack, "audit", env);
	for (int64_t made = 0; made < count; made += 50000) {
		snprintf(sql, sizeof(sql), evidence_sql, (long long)made + 1,
			 (long long)(made + 50000 < count ? made + 50000 : count));
		harness_sql(stack.harness, sql);
	}
	wait_for(&stack, "SELECT published FROM registry.relay", count, 600);
	double begin = bench_seconds();
	harness_sql(stack.harness,
		    "SELECT pg_advisory_unlock(hashtextextended('piopl/audit/follower', 0))");
	wait_for(&stack,
		 "SELECT coalesce(max(sequence), 0) FROM audit.inbox WHERE source = 'registry'",
		 count, 1200);
	double took = bench_seconds() - begin;
	snprintf(note, sizeof(note),
		 "%lld records: verified, chained by agent, in the tree, indexed, committed",
		 (long long)count);
	bench_row("audit.append", (double)count / took, "/s", 0, note);
	bench_verify(&stack, count);
	harness_sql(stack.harness, "ANALYZE");
	bench_queries(&stack, count);
	stack_stop(&stack);
}
