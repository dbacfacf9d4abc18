/* The registry as a process: founded, asked and killed over the bus. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "clock.h"
#include "gen/registry.h"
#include "tests/lib/stack.h"

#define BATCH_COUNT 12000

static struct stack stack;
static struct signing_key steward;
static int nonce;

static int start(void **state)
{
	static const char *const names[] = { "registry", NULL };

	(void)state;
	stack_start(&stack, &(struct harness_options){ .postgres = true, .nats = true }, names);
	stack_service_start(&stack, "registry", NULL);
	signing_key_generate(&steward);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	stack_stop(&stack);
	return 0;
}

struct signed_text {
	char payload[2048];
	char signature[SIGNATURE_TEXT_SIZE];
	struct common_signed_act act;
};

__attribute__((format(printf, 4, 5))) static struct common_signed_act
sign(struct signed_text *text, const struct signing_key *key, const char *purpose,
     const char *format, ...)
{
	char members[1024], time[TIME_TEXT_SIZE];
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

/* [AGT-12] */
static void an_installation_is_founded_over_the_bus(void **state)
{
	struct registry_person_reply person;
	struct signed_text text;
	char public_key[PUBLIC_KEY_TEXT_SIZE];

	(void)state;
	base64_encode(steward.public_key, PUBLIC_KEY_BYTES, public_key);
	struct registry_found_request request = {
		.act = sign(&text, &stack.root, REGISTRY_FOUNDING_PURPOSE,
			    "\"name\":\"Andy\",\"public_key\":\"%s\"", public_key),
	};
	CALL(CALL_REGISTRY_FOUND, &person, &request);
	assert_true(str_is(person.keys.items[0].key_id, steward.key_id));
}

/* [AGT-7] */
static void a_constitution_is_put_in_force(void **state)
{
	struct registry_invariant invariant = { STR("INV-1"), STR("Every agent can be stopped.") };
	struct registry_constitution_add_request add = {
		.title = STR("Constitution"),
		.text = STR("1. Every agent can be stopped."),
		.invariants = { &invariant, 1 },
	};
	struct registry_constitution_reply added;
	struct registry_constitution_activate_reply activated;
	struct signed_text text;

	(void)state;
	CALL(CALL_REGISTRY_CONSTITUTION_ADD, &added, &add);
	struct registry_constitution_activate_request activate = {
		.act = sign(&text, &steward, REGISTRY_CONSTITUTION_ACTIVATION_PURPOSE,
			    "\"hash\":\"%.*s\",\"reason\":\"first\"",
			    STR_ARG(added.constitution.hash)),
	};
	CALL(CALL_REGISTRY_CONSTITUTION_ACTIVATE, &activated, &activate);
	assert_int_equal(activated.must_restart_count, 0);
}

static struct registry_revenue_input revenue = { .settlement_account = { "acct_1", 6 } };

static struct registry_agents_create_request batch_of(int64_t count, const char *prefix)
{
	return (struct registry_agents_create_request){
		.count = count,
		.name_prefix = str_of(prefix),
		.profile = { .role = STR("digital_product_generator"),
			     .owner = STR("andy"),
			     .unit = STR("content"),
			     .revenue = &revenue },
	};
}

static char operation_id[64];

/* Also false while nobody answers. */
static bool operation_finished(void *context)
{
	struct registry_operation_reply reply;
	struct registry_operation_get_request get = { .operation_id = str_of(operation_id) };
	struct problem problem = { 0 };

	(void)context;
	return stack_call(&stack, &CALL_REGISTRY_OPERATION_GET, &get, &reply, &problem) == ST_OK &&
	       reply.operation.state == REGISTRY_OPERATION_STATE_FINISHED &&
	       reply.operation.done == BATCH_COUNT;
}

static bool some_made(void *context)
{
	const int64_t *more_than = context;

	return harness_sql_i64(stack.harness, "SELECT count(*) FROM registry.agent") > *more_than;
}

static void batch_begun(int64_t count, const char *prefix)
{
	struct registry_agents_create_request batch = batch_of(count, prefix);
	struct registry_operation_reply reply;

	CALL(CALL_REGISTRY_AGENTS_CREATE, &reply, &batch);
	snprintf(operation_id, sizeof(operation_id), "%.*s", STR_ARG(reply.operation.operation_id));
}

static void every_process_killed(void)
{
	pid_t children[64];
	size_t count = stack_children(stack_service_get(&stack, "registry")->pid, children, 64);

	assert_true(count >= 3);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(kill(children[i], SIGKILL), 0);
}

/* [AGT-13] */
static void a_batch_survives_the_death_of_every_process(void **state)
{
	struct registry_unit_create_request unit = { STR("content"), STR("Content") };
	struct registry_unit_reply made;

	(void)state;
	CALL(CALL_REGISTRY_UNIT_CREATE, &made, &unit);
	batch_begun(BATCH_COUNT, "batch");
	for (int64_t made_before = 0; made_before < BATCH_COUNT / 2; made_before += 3000) {
		assert_true(harness_wait_for(some_made, &made_before, 30000));
		every_process_killed();
	}
	assert_true(harness_wait_for(operation_finished, NULL, 60000));
	assert_int_equal(
		harness_sql_i64(stack.harness, "SELECT count(DISTINCT name) FROM registry.agent"),
		BATCH_COUNT);
	assert_int_equal(harness_sql_i64(stack.harness, "SELECT count(*) FROM registry.agent"),
			 BATCH_COUNT);
	assert_int_equal(harness_sql_i64(stack.harness, "SELECT count(*) FROM registry.outbox "
							"WHERE type = 'registry.agent.created'"),
			 BATCH_COUNT);
}

static enum st kill_fleet(struct registry_kill_reply *reply, struct problem *problem,
			  const struct signing_key *key)
{
	struct signed_text text;
	struct registry_kill_request request = {
		.act = sign(&text, key, REGISTRY_KILL_ORDER_PURPOSE,
			    "\"scope\":{\"kind\":\"fleet\"},\"reason\":\"drill\""),
	};

	return stack_call(&stack, &CALL_REGISTRY_KILL, &request, reply, problem);
}

static int64_t refusals(void)
{
	return harness_sql_i64(stack.harness,
			       "SELECT count(*) FROM registry.outbox WHERE type = "
			       "'registry.evidence.recorded' AND convert_from(data, "
			       "'UTF8')::jsonb @> '{\"operation\":{\"type\":\"kill.order\"},"
			       "\"outcome\":{\"status\":\"refused\"}}'");
}

/* [AGT-9] A refused order leaves its evidence committed, though it was refused. */
static void an_order_of_a_stranger_is_refused_with_evidence(void **state)
{
	struct registry_kill_reply reply;
	struct problem problem = { 0 };
	struct signing_key stranger;

	(void)state;
	signing_key_generate(&stranger);
	assert_int_equal(kill_fleet(&reply, &problem, &stranger), ST_KEY_UNKNOWN);
	assert_string_equal(problem.pointer, "/act/key_id");
	assert_int_equal(refusals(), 1);
}

/* Events of the order are numbered, signed and published: the relay is past them. */
static bool outbox_published(void *context)
{
	(void)context;
	return harness_sql_i64(stack.harness,
			       "SELECT (SELECT count(*) FROM registry.outbox) - (SELECT published "
			       "FROM registry.relay)") == 0;
}

/* [AGT-9] */
static void a_stewards_order_ends_the_fleet(void **state)
{
	struct registry_kill_reply reply;
	struct problem problem = { 0 };
	int64_t began = harness_now_ms();

	(void)state;
	assert_int_equal(kill_fleet(&reply, &problem, &steward), ST_OK);
	print_message("kill over the bus, %d agents: %lld ms\n", BATCH_COUNT,
		      (long long)(harness_now_ms() - began));
	assert_int_equal(reply.terminated, BATCH_COUNT);
	assert_int_equal(harness_sql_i64(stack.harness,
					 "SELECT count(*) FROM registry.agent WHERE state <> 4"),
			 0);
	assert_true(harness_wait_for(outbox_published, NULL, 60000));
	print_message("its events were published after %lld ms\n",
		      (long long)(harness_now_ms() - began));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_installation_is_founded_over_the_bus),
		cmocka_unit_test(a_constitution_is_put_in_force),
		cmocka_unit_test(a_batch_survives_the_death_of_every_process),
		cmocka_unit_test(an_order_of_a_stranger_is_refused_with_evidence),
		cmocka_unit_test(a_stewards_order_ends_the_fleet),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
