/* policy_stack.h: registry and policy running together, the starter catalog in force, an active
 * agent; and calls as a person. Paths are from the repository's root. */
#ifndef PIOPL_POLICY_STACK_H
#define PIOPL_POLICY_STACK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "gen/policy.h"
#include "tests/lib/fleet.h"

#define HASH_OF_NOTHING "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SEEN_MS_MAX 10000

/* The ids of all evidence that the service told, alone or packed, as e (id). */
#define EVIDENCE_IDS                                                                               \
	"(SELECT convert_from(data, 'UTF8')::jsonb ->> 'evidence_id' AS id FROM policy.outbox "    \
	"WHERE type = 'policy.evidence.recorded' UNION ALL SELECT "                                \
	"jsonb_array_elements(convert_from(data, 'UTF8')::jsonb -> 'records') ->> 'evidence_id' "  \
	"FROM policy.outbox WHERE type = 'policy.evidence.packed') AS e (id)"

static struct stack stack;
static struct fleet fleet;
static struct problem problem;

static inline enum st as_steward(const struct proto_call *call, const void *request, void *reply)
{
	const struct bus_call_options options = { .principal = fleet.steward_id,
						  .timeout_ms = 10000 };

	problem = (struct problem){ 0 };
	return bus_call(stack.bus, call, request, &options, &stack.arena, reply, &problem);
}

static inline void must_be(enum st st, enum st wanted)
{
	if (st != wanted)
		fail_msg("%s, not %s: %s %s", st_info(st)->code, st_info(wanted)->code,
			 problem.pointer, problem.detail);
}

static inline char *file_text(const char *path)
{
	static char text[300 * 1024];
	FILE *file = fopen(path, "re");

	if (!file)
		fail_msg("no %s", path);
	text[fread(text, 1, sizeof(text) - 1, file)] = 0;
	fclose(file);
	return text;
}

static inline enum st document_put(const char *text)
{
	struct policy_document_put_request request = { .text = str_of(text) };
	struct policy_document_reply reply;

	arena_reset(&stack.arena);
	return as_steward(&CALL_POLICY_DOCUMENT_PUT, &request, &reply);
}

static inline enum st document_apply(const char *id, enum policy_document_state state,
				     int64_t *ret_version)
{
	struct policy_document_change change = { .document_id = str_of(id), .state = state };
	struct policy_apply_request request = { .changes = { &change, 1 }, .reason = STR("test") };
	struct policy_version_reply reply;

	arena_reset(&stack.arena);
	enum st st = as_steward(&CALL_POLICY_APPLY, &request, &reply);
	if (st == ST_OK && ret_version)
		*ret_version = reply.version.version;
	return st;
}

static inline void document_activate(const char *text, const char *id)
{
	must_be(document_put(text), ST_OK);
	must_be(document_apply(id, POLICY_DOCUMENT_STATE_ACTIVE, NULL), ST_OK);
}

static inline void catalog_load(void)
{
	static const char *const names[] = { "root-tools",    "root-data",       "root-thresholds",
					     "root-identity", "root-validation", "root-crudlex" };
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "services/policy/catalog/%s.yaml", names[i]);
		document_activate(file_text(path), names[i]);
	}
}

static inline void agent_activate(const char *agent_id)
{
	struct registry_agent_reply reply;

	arena_reset(&stack.arena);
	struct registry_agent_activation act = { .agent_id = str_of(agent_id),
						 .reason = STR("test"),
						 .nonce = fleet_nonce(&fleet),
						 .issued_at_ms = clock_now_ms() };
	struct registry_agent_activate_request request = {
		.agent_id = str_of(agent_id),
		.act = fleet_sign(&fleet, REGISTRY_AGENT_ACTIVATION_PURPOSE,
				  &registry_agent_activation_type, &act),
	};
	must_be(as_steward(&CALL_REGISTRY_AGENT_ACTIVATE, &request, &reply), ST_OK);
}

static inline bool sql_true(void *sql)
{
	return harness_sql_i64(stack.harness, sql) != 0;
}

static inline void wait_sql(const char *sql)
{
	if (!harness_wait_for(sql_true, (void *)(uintptr_t)sql, SEEN_MS_MAX))
		fail_msg("never true: %s\n%s", sql, stack_log(&stack, "policy"));
}

static inline struct policy_decision decide_as(struct policy_decide_request request,
					       const struct proto_call *call)
{
	struct policy_decision reply = { 0 };

	request.parameters_hash = STR(HASH_OF_NOTHING);
	problem = (struct problem){ 0 };
	must_be(stack_call(&stack, call, &request, &reply, &problem), ST_OK);
	return reply;
}

static inline struct policy_decision decide(struct policy_decide_request request)
{
	return decide_as(request, &CALL_POLICY_DECIDE);
}

static inline void policy_stack_start(const char *const *env)
{
	static const char *const names[] = { "registry", "policy", NULL };

	stack_start(&stack, &(struct harness_options){ .postgres = true, .nats = true }, names);
	must_be(clock_open(stack.clock_path, true), ST_OK);
	assert_true(stack_clock_off_boundary());
	stack_service_start(&stack, "registry", NULL);
	stack_service_start(&stack, "policy", env);
	fleet_found(&fleet, &stack);
	fleet_agents(&fleet, 5, "agent");
	wait_sql("SELECT count(*) / 5 FROM policy.agent");
	wait_sql("SELECT count(*) FROM policy.person");
	wait_sql("SELECT count(*) FROM policy.policy_state WHERE constitution_hash <> ''");
	catalog_load();
	agent_activate("piopl_00001");
	wait_sql("SELECT count(*) FROM policy.agent WHERE number = 1 AND state = 2");
}

/* What no event of the registry can bring about yet: a spending agent of tier 2. */
static inline void agent_may_spend(int number, const char *amount)
{
	char sql[512];

	snprintf(sql, sizeof(sql),
		 "WITH s AS (UPDATE policy.policy_state SET stamp = stamp + 1 RETURNING stamp) "
		 "UPDATE policy.agent SET tier = 1, state = 2, spend_max = %s * 1000000::bigint, "
		 "currency = 'GBP', stamp = s.stamp FROM s WHERE number = %d",
		 amount, number);
	harness_sql(stack.harness, sql);
}

#endif
