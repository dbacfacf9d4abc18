/* bench_token.c: tokens issued over the bus, and a verifier with as many tokens and revocations as
 * it is meant to hold. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"
#include "gen/token.h"
#include "id.h"
#include "tests/lib/fleet.h"
#include "token_check.h"

#define HOT_TOKENS 10000
#define REVOKED_PER_NEWS 500
#define NOW_MS INT64_C(1767225600000)

static int64_t agents;

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "token: %s\n", what);
	exit(1);
}

/* -- issuing -- */

static int issue_body(void *context, int64_t number, char *out, size_t size)
{
	(void)context;
	return snprintf(out, size,
			"{\"agent_id\":\"piopl_%05lld\",\"scopes\":[\"trend_scan\"],"
			"\"risk\":\"low\"}",
			(long long)1 + (long long)(number % agents));
}

void bench_sealing_key(struct stack *stack, char *ret_variable, size_t size)
{
	char path[600], text[BASE64_SIZE(32)];
	uint8_t key[32];

	random_bytes(key, sizeof(key));
	base64_encode(key, sizeof(key), text);
	snprintf(path, sizeof(path), "%s/token.sealing", harness_folder(stack->harness));
	FILE *file = fopen(path, "w");
	if (!file || fputs(text, file) < 0 || fclose(file) != 0 || chmod(path, 0600) != 0)
		give_up("cannot write the sealing key");
	snprintf(ret_variable, size, "PIOPL_TOKEN_SEALING_KEY_FILE=%s", path);
}

/* Until the projection knows the last agent and there is a key. */
static void wait_ready(struct stack *stack)
{
	struct str scope = STR("trend_scan");
	char id[AGENT_ID_TEXT_SIZE];
	struct token_issue_reply reply;
	struct problem problem;

	agent_id_format(agents, id);
	struct token_issue_request request = { .agent_id = str_of(id), .risk = TOKEN_RISK_LOW };
	request.scopes.items = &scope;
	request.scopes.count = 1;
	for (int tries = 0; tries < 2000; tries++) {
		if (stack_call(stack, &CALL_TOKEN_TOKEN_ISSUE, &request, &reply, &problem) == ST_OK)
			return;
		usleep(10000);
	}
	give_up("the agents do not arrive");
}

void bench_token_issue(void)
{
	static const char *const names[] = { "registry", "token", NULL };
	int64_t count = bench_size("BENCH_ISSUES", 40000);
	char sealing[700], note[400], cpu[200];
	const char *env[] = { sealing, "PIOPL_WORKERS=1", NULL };
	struct bench_result result;
	struct stack stack;
	struct fleet fleet;
	struct bench_cpu before;

	agents = bench_size("BENCH_TOKEN_AGENTS", 2000);
	stack_start(&stack,
		    &(struct harness_options){ .postgres = true, .nats = true, .durable = true },
		    names);
	stack_service_start(&stack, "registry", NULL);
	bench_sealing_key(&stack, sealing, sizeof(sealing));
	stack_service_start(&stack, "token", env);
	fleet_found(&fleet, &stack);
	fleet_agents(&fleet, agents, "agent");
	wait_ready(&stack);
	struct bench_load load = { .url = harness_nats_url(stack.harness),
				   .subject = "piopl.rpc.token.token_issue.terminal",
				   .body = issue_body,
				   .count = count,
				   .in_flight = 512 };
	bench_cpu_read(&before);
	bench_load_run(&load, &result);
	bench_cpu_note(&before, (double)count, cpu, sizeof(cpu));
	snprintf(note, sizeof(note),
		 "signed, durable, with event and evidence; 1 worker, 512 in flight, failed %lld; "
		 "%s",
		 (long long)result.failed, cpu);
	bench_row("token.issue", result.per_second, "/s", 0, note);
	stack_stop(&stack);
}

/* -- verifying -- */

static size_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	size_t size, resident;

	if (!file || fscanf(file, "%zu %zu", &size, &resident) != 2)
		give_up("cannot read its own size");
	fclose(file);
	return resident * (size_t)sysconf(_SC_PAGESIZE);
}

struct mint {
	struct signing_key key;
	struct arena arena;
};

static struct str token_numbered(struct mint *mint, int64_t number)
{
	struct str scopes[] = { STR("trend_scan"), STR("gumroad_publish") };
	char id[ID_TEXT_SIZE], agent[AGENT_ID_TEXT_SIZE];
	struct token_claims claims = { .risk = TOKEN_RISK_LOW,
				       .iat_ms = NOW_MS,
				       .exp_ms = NOW_MS + INT64_C(30) * 86400000 };
	struct str text;

	id_make("tok", NOW_MS, id);
	agent_id_format(1 + number % 25000, agent);
	claims.jti = str_of(id);
	claims.sub = str_of(agent);
	claims.scopes.items = scopes;
	claims.scopes.count = 2;
	if (token_mint(&mint->key, &claims, &mint->arena, &text) != ST_OK)
		give_up("cannot mint");
	return text;
}

static void revoke_many(struct token_verifier *verifier, int64_t count)
{
	static char ids[REVOKED_PER_NEWS][ID_TEXT_SIZE];
	static struct str texts[REVOKED_PER_NEWS];
	struct token_revocation news = { .kind = TOKEN_REVOCATION_KIND_TOKENS,
					 .before_ms = NOW_MS,
					 .until_ms = NOW_MS + INT64_C(30) * 86400000,
					 .has_token_ids = true };

	news.token_ids.items = texts;
	news.token_ids.count = REVOKED_PER_NEWS;
	for (int64_t done = 0; done < count; done += REVOKED_PER_NEWS) {
		for (size_t i = 0; i < REVOKED_PER_NEWS; i++) {
			id_make("tok", NOW_MS, ids[i]);
			texts[i] = str_of(ids[i]);
		}
		token_verifier_revoke(verifier, &news, NOW_MS);
	}
}

static void check_one(struct token_verifier *verifier, struct str text)
{
	const struct token_use use = { .token = text, .scope = STR("trend_scan") };
	struct token_view view;
	struct problem problem;

	if (token_check(verifier, &use, NOW_MS, &view, &problem) != ST_OK)
		give_up(problem.detail);
}

static void key_tell(struct token_verifier *verifier, const struct signing_key *key)
{
	char x[BASE64URL_SIZE(PUBLIC_KEY_BYTES)];

	base64url_encode(key->public_key, PUBLIC_KEY_BYTES, x);
	const struct token_key public = { .kid = str_of(key->key_id),
					  .x = str_of(x),
					  .state = TOKEN_KEY_STATE_ACTIVE };
	if (token_verifier_key(verifier, &public) != ST_OK)
		give_up("the key is not taken");
	token_verifier_heard(verifier, NOW_MS);
}

static void bench_cached(struct token_verifier *verifier, const struct str *hot, double open_us)
{
	int64_t checks = bench_size("BENCH_CHECKS", 2000000);
	double begin = bench_seconds();
	uint64_t place = 1;
	char note[160];

	for (int64_t i = 0; i < checks; i++) {
		place = place * UINT64_C(6364136223846793005) + 1442695040888963407u;
		check_one(verifier, hot[(place >> 33) % HOT_TOKENS]);
	}
	double cached_us = (bench_seconds() - begin) / (double)checks * 1e6;
	snprintf(note, sizeof(note),
		 "one of %d tokens of %zu bytes at random, digest to verdict; the first time %.0f "
		 "us",
		 HOT_TOKENS, hot[0].size, open_us);
	bench_row("token.verify_cached_us", cached_us, "us", 0, note);
}

void bench_token_verify(void)
{
	int64_t live = bench_size("BENCH_TOKENS", 100000), revoked = live / 10;
	struct str *hot = calloc(HOT_TOKENS, sizeof(*hot));
	struct arena kept;
	struct mint mint;
	char note[160];

	signing_key_generate(&mint.key);
	arena_init(&mint.arena, 1024 * 1024);
	arena_init(&kept, 64 * 1024 * 1024);
	if (!hot || live < HOT_TOKENS)
		give_up("BENCH_TOKENS is at least 10000");
	for (size_t i = 0; i < HOT_TOKENS; i++) {
		arena_reset(&mint.arena);
		hot[i] = arena_copy(&kept, token_numbered(&mint, (int64_t)i));
	}
	size_t before = resident_bytes();
	struct token_verifier *verifier = token_verifier_new(&token_verifier_defaults);
	key_tell(verifier, &mint.key);
	double begin = bench_seconds();
	for (size_t i = 0; i < HOT_TOKENS; i++)
		check_one(verifier, hot[i]);
	double open_us = (bench_seconds() - begin) / HOT_TOKENS * 1e6;
	for (int64_t i = HOT_TOKENS; i < live; i++) {
		arena_reset(&mint.arena);
		check_one(verifier, token_numbered(&mint, i));
	}
	revoke_many(verifier, revoked);
	double memory = (double)(resident_bytes() - before) / 1e6;
	bench_cached(verifier, hot, open_us);
	snprintf(note, sizeof(note), "resident, %lld live tokens and %lld revoked ones",
		 (long long)live, (long long)revoked);
	bench_row("token.memory_mb", memory, "MB", 0, note);
	token_verifier_free(verifier);
	arena_free(&mint.arena);
	arena_free(&kept);
	free(hot);
}
