/* approval_stack.h: registry, approval and policy running together, with an agent whose actions
 * people approve, an approver (Bob) and an auditor (Eve). */
#ifndef PIOPL_POLICY_APPROVAL_STACK_H
#define PIOPL_POLICY_APPROVAL_STACK_H

#include "gen/approval.h"
#include "policy_stack.h"

#define TOOL "template.publish"

static const char *const env[] = { "PIOPL_POLICY_TOKENS=development", "PIOPL_WORKERS=2", NULL };
static const char team_rules[] = "policy:\n"
				 "  id: team-tools\n"
				 "  type: tool-access\n"
				 "  unit: studio\n"
				 "  tools:\n"
				 "    - name: template.publish\n"
				 "      allow: true\n"
				 "      require_approval: true\n";
static const char team_thresholds[] = "policy:\n"
				      "  id: team-thresholds\n"
				      "  type: temporal-and-thresholds\n"
				      "  unit: studio\n"
				      "  rules:\n"
				      "    - condition: \"context.pages > 100\"\n"
				      "      tools: [template.make]\n"
				      "      require_approval: true\n"
				      "    - condition: \"confidence < 0.9\"\n"
				      "      tools: [asset.*]\n"
				      "      require_approval: true\n"
				      "  context: {pages: number}\n";

static struct signing_key bob, eve; /* an approver, an auditor */
static struct bus *gateway;         /* who asks for agents */

static inline void person_add(const char *name, enum registry_person_role role,
			      struct signing_key *key)
{
	struct registry_person_reply reply;
	char text[PUBLIC_KEY_TEXT_SIZE];

	signing_key_generate(key);
	base64_encode(key->public_key, PUBLIC_KEY_BYTES, text);
	arena_reset(&stack.arena);
	struct registry_person_addition act = { .name = str_of(name),
						.roles = { &role, 1 },
						.public_key = str_of(text),
						.nonce = fleet_nonce(&fleet),
						.issued_at_ms = clock_now_ms() };
	struct registry_person_add_request request = {
		.act = fleet_sign(&fleet, REGISTRY_PERSON_ADDITION_PURPOSE,
				  &registry_person_addition_type, &act),
	};
	must_be(as_steward(&CALL_REGISTRY_PERSON_ADD, &request, &reply), ST_OK);
}

static inline int group_start(void **state)
{
	static const char *const names[] = { "registry", "approval", "policy", NULL };

	(void)state;
	stack_start(&stack, &(struct harness_options){ .postgres = true, .nats = true }, names);
	must_be(clock_open(stack.clock_path, true), ST_OK);
	assert_true(stack_clock_off_boundary());
	stack_service_start(&stack, "registry", NULL);
	stack_service_start(&stack, "approval", NULL);
	stack_service_start(&stack, "policy", env);
	must_be(bus_open(&(struct bus_options){ .url = harness_nats_url(stack.harness),
						.name = "gateway",
						.sending = BUS_SEND_AT_ONCE },
			 &gateway, &problem),
		ST_OK);
	fleet_found(&fleet, &stack);
	fleet_agents(&fleet, 3, "agent");
	wait_sql("SELECT count(*) / 3 FROM policy.agent");
	wait_sql("SELECT count(*) FROM policy.person");
	wait_sql("SELECT count(*) FROM policy.policy_state WHERE constitution_hash <> ''");
	catalog_load();
	document_activate(team_rules, "team-tools");
	document_activate(team_thresholds, "team-thresholds");
	agent_activate("piopl_00001");
	wait_sql("SELECT count(*) FROM policy.agent WHERE number = 1 AND state = 2");
	person_add("Bob", REGISTRY_PERSON_ROLE_APPROVER, &bob);
	person_add("Eve", REGISTRY_PERSON_ROLE_AUDITOR, &eve);
	wait_sql("SELECT count(*) / 3 FROM approval.person_key");
	wait_sql("SELECT count(*) FROM approval.agent WHERE number = 1 AND state = 2");
	return 0;
}

static inline int group_stop(void **state)
{
	(void)state;
	bus_close(gateway);
	stack_stop(&stack);
	return 0;
}

static inline struct policy_decide_request publish(const char *approval_id)
{
	return (struct policy_decide_request){
		.agent_id = STR("piopl_00001"),
		.tool = STR(TOOL),
		.resource = STR("templates.spring"),
		.has_confidence = true,
		.confidence = 0.95,
		.parameters_hash = STR(HASH_OF_NOTHING),
		.approval_id = approval_id ? str_of(approval_id) : (struct str){ 0 },
	};
}

static inline struct policy_decision decided(struct policy_decide_request request)
{
	struct policy_decision reply = { 0 };

	problem = (struct problem){ 0 };
	must_be(stack_call(&stack, &CALL_POLICY_DECIDE, &request, &reply, &problem), ST_OK);
	return reply;
}

static inline void expect(struct policy_decision d, enum policy_verdict verdict, const char *words)
{
	bool found = words == NULL;

	if (d.verdict != verdict)
		fail_msg("%s: %.*s", policy_verdict_names[d.verdict - 1],
			 STR_ARG(d.reasons.items[d.reasons.count - 1].words));
	for (size_t i = 0; i < d.reasons.count; i++)
		found |= strstr(d.reasons.items[i].words.data, words ? words : "") != NULL;
	if (!found)
		fail_msg("\"%s\" is not among the reasons", words);
}

/* Asks a group for what was decided, as an agent does; the request's id. */
static inline void ask_group(struct approval_approver_group group, int64_t needed,
			     const struct policy_decide_request *in,
			     const struct policy_decision *d, char ret_id[64], char ret_digest[80])
{
	const struct bus_call_options options = { .principal = "agent:piopl_00001",
						  .timeout_ms = 10000 };
	struct approval_approval_request_request request = {
		.agent_id = in->agent_id,
		.tool = in->tool,
		.operation = (enum approval_operation)d->ask->operation,
		.resource = in->resource,
		.has_amount = in->has_amount,
		.amount = in->amount,
		.parameters_hash = in->parameters_hash,
		.reason = d->ask->reason,
		.trigger = (enum approval_trigger)d->ask->trigger,
		.has_rules = true,
		.rules = { d->ask->rules.items, d->ask->rules.count },
		.approvers = &group,
		.has_needed = true,
		.needed = needed,
	};
	struct approval_approval_reply reply;

	must_be(bus_call(gateway, &CALL_APPROVAL_APPROVAL_REQUEST, &request, &options, &stack.arena,
			 &reply, &problem),
		ST_OK);
	snprintf(ret_id, 64, "%.*s", STR_ARG(reply.approval.request_id));
	snprintf(ret_digest, 80, "%.*s", STR_ARG(reply.approval.action_digest));
	assert_true(reply.wait != NULL);
}

static inline void ask(enum approval_approver_role role, const struct policy_decide_request *in,
		       const struct policy_decision *d, char ret_id[64], char ret_digest[80])
{
	ask_group((struct approval_approver_group){ .roles = { &role, 1 } }, 1, in, d, ret_id,
		  ret_digest);
}

static inline enum st judge(const struct signing_key *key, const char *id, const char *digest,
			    const char *verdict)
{
	char payload[600], time[TIME_TEXT_SIZE], text[SIGNATURE_TEXT_SIZE];
	struct approval_approval_reply reply;
	uint8_t signature[SIGNATURE_BYTES];
	static int nonce;

	time_format(clock_now_ms(), time);
	snprintf(payload, sizeof(payload),
		 "{\"request_id\":\"%s\",\"action_digest\":\"%s\",\"verdict\":\"%s\",\"nonce\":"
		 "\"verdict-%06d\",\"issued_at\":\"%s\"}",
		 id, digest, verdict, ++nonce, time);
	must_be(sign_purpose(key, APPROVAL_VERDICT_PURPOSE, str_of(payload), signature), ST_OK);
	base64_encode(signature, sizeof(signature), text);
	struct approval_approval_verdict_request request = {
		.request_id = str_of(id),
		.act = { .payload = str_of(payload),
			 .key_id = str_of(key->key_id),
			 .signature = str_of(text) },
	};
	problem = (struct problem){ 0 };
	return stack_call(&stack, &CALL_APPROVAL_APPROVAL_VERDICT, &request, &reply, &problem);
}

static inline void wait_known(const char *id)
{
	char sql[200];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM policy.approval WHERE request_id = '%s'",
		 id);
	wait_sql(sql);
}

/* An approved request for `in`, known to policy. */
static inline void approved(const struct policy_decide_request *in, char ret_id[64])
{
	struct policy_decision d = decided(*in);
	char digest[80];

	expect(d, POLICY_VERDICT_REQUIRE_APPROVAL, NULL);
	ask(APPROVAL_APPROVER_ROLE_APPROVER, in, &d, ret_id, digest);
	must_be(judge(&bob, ret_id, digest, "approve"), ST_OK);
	wait_known(ret_id);
}

#endif
