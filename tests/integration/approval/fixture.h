/* fixture.h: registry and approval as processes over the bus; people who sign; calls as "policy".
 */
#ifndef PIOPL_APPROVAL_INTEGRATION_H
#define PIOPL_APPROVAL_INTEGRATION_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "action.h"
#include "clock.h"
#include "gen/registry.h"
#include "tests/lib/stack.h"

#define FOLLOW_MS_MAX 20000

static struct stack stack;
static struct bus *policy;
static struct signing_key steward, bob;
static char agent_id[32];
static int nonce;

struct signed_text {
	char payload[4096];
	char signature[SIGNATURE_TEXT_SIZE];
};

__attribute__((format(printf, 4, 5))) static inline struct common_signed_act
sign(struct signed_text *text, const struct signing_key *key, const char *purpose,
     const char *format, ...)
{
	char members[2048], time[TIME_TEXT_SIZE];
	uint8_t signature[SIGNATURE_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(members, sizeof(members), format, args);
	va_end(args);
	time_format(clock_now_ms(), time);
	snprintf(text->payload, sizeof(text->payload),
		 "{%s,\"nonce\":\"nonce-%06d\",\"issued_at\":\"%s\"}", members, ++nonce, time);
	assert_int_equal(sign_purpose(key, purpose, str_of(text->payload), signature), ST_OK);
	base64_encode(signature, sizeof(signature), text->signature);
	return (struct common_signed_act){ .payload = str_of(text->payload),
					   .key_id = str_of(key->key_id),
					   .signature = str_of(text->signature) };
}

#define CALL(call, reply, ...)                                                                     \
	do {                                                                                       \
		struct problem problem_ = { 0 };                                                   \
		enum st st_ = stack_call(&stack, &(call), __VA_ARGS__, reply, &problem_);          \
		if (st_ != ST_OK)                                                                  \
			fail_msg("%s: %s %s", (call).name, problem_.pointer, problem_.detail);     \
	} while (0)

static inline void people_make(void)
{
	char steward_key[PUBLIC_KEY_TEXT_SIZE], bob_key[PUBLIC_KEY_TEXT_SIZE];
	struct registry_person_reply person;
	struct signed_text text;

	signing_key_generate(&steward);
	signing_key_generate(&bob);
	base64_encode(steward.public_key, PUBLIC_KEY_BYTES, steward_key);
	base64_encode(bob.public_key, PUBLIC_KEY_BYTES, bob_key);
	struct registry_found_request found = {
		.act = sign(&text, &stack.root, REGISTRY_FOUNDING_PURPOSE,
			    "\"name\":\"Andy\",\"public_key\":\"%s\"", steward_key),
	};
	CALL(CALL_REGISTRY_FOUND, &person, &found);
	struct registry_person_add_request add = {
		.act = sign(
			&text, &steward, REGISTRY_PERSON_ADDITION_PURPOSE,
			"\"name\":\"Bob\",\"email\":\"bob@css.example\",\"roles\":[\"approver\"],"
			"\"public_key\":\"%s\"",
			bob_key),
	};
	CALL(CALL_REGISTRY_PERSON_ADD, &person, &add);
}

static inline void agent_make(void)
{
	struct registry_invariant invariant = { STR("INV-1"), STR("One.") };
	struct registry_constitution_add_request text = { .title = STR("C"),
							  .text = STR("One."),
							  .invariants = { &invariant, 1 } };
	struct registry_constitution_reply added;
	struct registry_constitution_activate_reply activated;
	struct registry_unit_reply unit;
	struct registry_agent_reply agent;
	struct registry_revenue_input revenue = { .settlement_account = STR("acct_1") };
	struct signed_text signed_text;

	CALL(CALL_REGISTRY_CONSTITUTION_ADD, &added, &text);
	struct registry_constitution_activate_request activate = {
		.act = sign(&signed_text, &steward, REGISTRY_CONSTITUTION_ACTIVATION_PURPOSE,
			    "\"hash\":\"%.*s\",\"reason\":\"first\"",
			    STR_ARG(added.constitution.hash)),
	};
	CALL(CALL_REGISTRY_CONSTITUTION_ACTIVATE, &activated, &activate);
	CALL(CALL_REGISTRY_UNIT_CREATE, &unit,
	     &((struct registry_unit_create_request){ .path = STR("content"), .title = STR("C") }));
	struct registry_agent_create_request create = {
		.name = STR("Ann"),
		.profile = { .role = STR("digital_product_generator"),
			     .owner = STR("dora@css.example"),
			     .unit = STR("content"),
			     .revenue = &revenue },
	};
	CALL(CALL_REGISTRY_AGENT_CREATE, &agent, &create);
	snprintf(agent_id, sizeof(agent_id), "%.*s", STR_ARG(agent.agent.identity.agent_id));
}

static inline bool registry_is_followed(void *context)
{
	(void)context;
	return harness_sql_i64(stack.harness, "SELECT count(*) FROM approval.agent WHERE "
					      "number > 0") == 1 &&
	       harness_sql_i64(stack.harness, "SELECT count(*) FROM approval.person_key") == 2;
}

static inline void world_start(const char *const *env)
{
	static const char *const names[] = { "registry", "approval", NULL };
	struct problem problem = { 0 };

	stack_start(&stack, &(struct harness_options){ .postgres = true, .nats = true }, names);
	stack_service_start(&stack, "registry", NULL);
	stack_service_start(&stack, "approval", env);
	assert_int_equal(bus_open(&(struct bus_options){ .url = harness_nats_url(stack.harness),
							 .name = "policy",
							 .sending = BUS_SEND_AT_ONCE },
				  &policy, &problem),
			 ST_OK);
	people_make();
	agent_make();
	if (!harness_wait_for(registry_is_followed, NULL, FOLLOW_MS_MAX)) {
		char *log = stack_log(&stack, "approval");
		fail_msg("the registry was not followed: %s", log);
	}
}

static inline void world_stop(void)
{
	bus_close(policy);
	stack_stop(&stack);
}

static inline struct approval_approval_request_request request_of(void)
{
	return (struct approval_approval_request_request){
		.agent_id = str_of(agent_id),
		.tool = STR("bank.transfer"),
		.operation = APPROVAL_OPERATION_EXECUTE,
		.resource = STR("accounts/1"),
		.parameters_hash = STR("sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c0"
				       "60f61caaff8a"),
		.reason = STR("above the threshold"),
	};
}

static inline struct common_signed_act verdict_of(struct signed_text *text,
						  const struct signing_key *key,
						  const char *request_id, const char *digest,
						  const char *verdict)
{
	return sign(text, key, APPROVAL_VERDICT_PURPOSE,
		    "\"request_id\":\"%s\",\"action_digest\":\"%s\",\"verdict\":\"%s\"", request_id,
		    digest, verdict);
}

#endif
