/* fleet.c: see fleet.h. */
#include "tests/lib/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"

#define BATCH_MS_MAX 120000

static void must(enum st st, const char *what, const struct problem *problem)
{
	if (st == ST_OK)
		return;
	fprintf(stderr, "fleet: %s: %s: %s %s\n", what, st_info(st)->code, problem->pointer,
		problem->detail);
	exit(1);
}

struct str fleet_nonce(struct fleet *fleet)
{
	uint8_t bytes[16];
	char text[HEX_SIZE(16)];

	random_bytes(bytes, sizeof(bytes));
	hex_encode(bytes, sizeof(bytes), text);
	return arena_copy(&fleet->stack->arena, str_of(text));
}

static struct common_signed_act sign_with(struct stack *stack, const struct signing_key *key,
					  const char *purpose, const struct proto_type *type,
					  const void *act)
{
	uint8_t signature[SIGNATURE_BYTES];
	char text[SIGNATURE_TEXT_SIZE];
	struct problem problem = { 0 };
	struct str encoded, payload;

	must(proto_encode(type, act, &stack->arena, &encoded), purpose, &problem);
	must(json_canonical(&stack->arena, encoded, &payload, &problem), purpose, &problem);
	must(sign_purpose(key, purpose, payload, signature), purpose, &problem);
	base64_encode(signature, sizeof(signature), text);
	return (struct common_signed_act){
		.payload = payload,
		.key_id = arena_copy(&stack->arena, str_of(key->key_id)),
		.signature = arena_copy(&stack->arena, str_of(text)),
	};
}

struct common_signed_act fleet_sign(struct fleet *fleet, const char *purpose,
				    const struct proto_type *type, const void *act)
{
	return sign_with(fleet->stack, &fleet->steward, purpose, type, act);
}

/* Unlike stack_call it keeps the arena: the request's texts may live there. */
static enum st call(struct fleet *fleet, const struct proto_call *proto_call, const void *request,
		    void *reply, struct problem *problem)
{
	const struct bus_call_options options = { .timeout_ms = 30000 };

	return bus_call(fleet->stack->bus, proto_call, request, &options, &fleet->stack->arena,
			reply, problem);
}

static void found_steward(struct fleet *fleet)
{
	char text[PUBLIC_KEY_TEXT_SIZE];
	struct registry_person_reply reply;
	struct problem problem = { 0 };

	base64_encode(fleet->steward.public_key, PUBLIC_KEY_BYTES, text);
	struct registry_founding act = { .name = STR("Steward"),
					 .public_key = str_of(text),
					 .nonce = fleet_nonce(fleet),
					 .issued_at_ms = clock_now_ms() };
	struct registry_found_request request = {
		.act = sign_with(fleet->stack, &fleet->stack->root, REGISTRY_FOUNDING_PURPOSE,
				 &registry_founding_type, &act),
	};
	must(call(fleet, &CALL_REGISTRY_FOUND, &request, &reply, &problem), "found", &problem);
	snprintf(fleet->steward_id, sizeof(fleet->steward_id), "%.*s",
		 STR_ARG(reply.person.person_id));
}

static void found_constitution(struct fleet *fleet)
{
	struct registry_invariant invariant = { .invariant_id = STR("INV-1"),
						.text = STR("Every act leaves evidence.") };
	struct registry_constitution_add_request add = {
		.title = STR("Constitution"),
		.text = STR("INV-1: Every act leaves evidence.\n"),
		.invariants = { &invariant, 1 },
	};
	struct registry_constitution_reply added;
	struct registry_constitution_activate_reply activated;
	struct problem problem = { 0 };

	must(call(fleet, &CALL_REGISTRY_CONSTITUTION_ADD, &add, &added, &problem), "constitution",
	     &problem);
	struct registry_constitution_activation act = { .hash = added.constitution.hash,
							.reason = STR("founding"),
							.nonce = fleet_nonce(fleet),
							.issued_at_ms = clock_now_ms() };
	struct registry_constitution_activate_request request = {
		.act = fleet_sign(fleet, REGISTRY_CONSTITUTION_ACTIVATION_PURPOSE,
				  &registry_constitution_activation_type, &act),
	};
	must(call(fleet, &CALL_REGISTRY_CONSTITUTION_ACTIVATE, &request, &activated, &problem),
	     "activation", &problem);
}

void fleet_found(struct fleet *fleet, struct stack *stack)
{
	struct registry_unit_create_request unit = { .path = STR(FLEET_UNIT),
						     .title = STR("Studio") };
	struct registry_unit_reply reply;
	struct problem problem = { 0 };

	*fleet = (struct fleet){ .stack = stack };
	arena_reset(&stack->arena);
	signing_key_generate(&fleet->steward);
	found_steward(fleet);
	found_constitution(fleet);
	must(call(fleet, &CALL_REGISTRY_UNIT_CREATE, &unit, &reply, &problem), "unit", &problem);
}

void fleet_agents(struct fleet *fleet, int64_t count, const char *prefix)
{
	struct registry_revenue_input revenue = { .settlement_account = STR("acct_test") };
	struct registry_agents_create_request request = {
		.count = count,
		.name_prefix = str_of(prefix),
		.profile = { .role = STR(FLEET_ROLE),
			     .owner = STR("steward"),
			     .unit = STR(FLEET_UNIT),
			     .revenue = &revenue },
	};
	struct registry_operation_reply reply;
	struct problem problem = { 0 };
	int64_t until = harness_now_ms() + BATCH_MS_MAX;
	char id[64];

	arena_reset(&fleet->stack->arena);
	must(call(fleet, &CALL_REGISTRY_AGENTS_CREATE, &request, &reply, &problem), "agents",
	     &problem);
	snprintf(id, sizeof(id), "%.*s", STR_ARG(reply.operation.operation_id));
	while (reply.operation.state != REGISTRY_OPERATION_STATE_FINISHED) {
		if (harness_now_ms() > until) {
			fprintf(stderr, "fleet: the batch does not finish\n");
			exit(1);
		}
		usleep(5000);
		arena_reset(&fleet->stack->arena);
		must(call(fleet, &CALL_REGISTRY_OPERATION_GET,
			  &(struct registry_operation_get_request){ .operation_id = str_of(id) },
			  &reply, &problem),
		     "operation", &problem);
	}
}

enum st fleet_kill(struct fleet *fleet, const struct registry_kill_scope *scope,
		   struct registry_kill_reply *ret, struct problem *problem)
{
	arena_reset(&fleet->stack->arena);
	struct registry_kill_order act = { .scope = *scope,
					   .reason = STR("test"),
					   .nonce = fleet_nonce(fleet),
					   .issued_at_ms = clock_now_ms() };
	struct registry_kill_request request = {
		.act = fleet_sign(fleet, REGISTRY_KILL_ORDER_PURPOSE, &registry_kill_order_type,
				  &act),
	};
	return call(fleet, &CALL_REGISTRY_KILL, &request, ret, problem);
}
