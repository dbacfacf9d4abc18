/* The daily cap: many clients spend at once through several workers, which are killed again and
 * again; together they never pass it, and what was acknowledged is what was recorded. */
#include <pthread.h>
#include <signal.h>

#include "policy_stack.h"

#define CLIENTS 8
#define CAP 300 /* units */
#define KILLS 25

static const char *const env[] = { "PIOPL_POLICY_TOKENS=development", "PIOPL_WORKERS=4", NULL };

struct client {
	pthread_t thread;
	int64_t allowed, unknown;
	_Atomic int64_t denied;
};

static volatile bool over;

static int group_start(void **state)
{
	(void)state;
	policy_stack_start(env);
	return 0;
}

static int group_stop(void **state)
{
	(void)state;
	stack_stop(&stack);
	return 0;
}

static void *client_run(void *argument)
{
	struct client *client = argument;
	struct policy_decide_request request = {
		.agent_id = STR("piopl_00004"),
		.tool = STR("trend.scan"),
		.has_amount = true,
		.amount = { MONEY_MICROS_PER_UNIT, "GBP" },
		.parameters_hash = STR(HASH_OF_NOTHING),
	};
	const struct bus_call_options options = { .timeout_ms = 3000 };
	struct problem faults = { 0 };
	struct arena arena;
	struct bus *bus;

	arena_init(&arena, 8 * 1024 * 1024);
	if (bus_open(&(const struct bus_options){ .url = harness_nats_url(stack.harness),
						  .name = "terminal",
						  .connect_timeout_ms = 10000,
						  .sending = BUS_SEND_AT_ONCE },
		     &bus, &faults) != ST_OK)
		return NULL;
	while (!over) {
		struct policy_decision reply;
		arena_reset(&arena);
		enum st st = bus_call(bus, &CALL_POLICY_DECIDE, &request, &options, &arena, &reply,
				      &faults);
		if (st != ST_OK)
			client->unknown++;
		else if (reply.has_reserved)
			client->allowed++;
		else
			client->denied++;
	}
	bus_close(bus);
	arena_free(&arena);
	return NULL;
}

static void kill_workers(void)
{
	struct stack_service *service = stack_service_get(&stack, "policy");
	pid_t children[16];

	for (int i = 0; i < KILLS; i++) {
		usleep(80000);
		size_t count = stack_children(service->pid, children, 16);
		if (count > 0)
			kill(children[(size_t)i % count], SIGKILL);
	}
}

static bool all_denied(void *context)
{
	const struct client *clients = context;
	int count = 0;

	for (int i = 0; i < CLIENTS; i++)
		count += clients[i].denied > 0;
	return count == CLIENTS;
}

/* [POL-11] [POL-12] */
static void clients_never_pass_the_cap_together_though_workers_die(void **state)
{
	struct client clients[CLIENTS] = { 0 };
	int64_t allowed = 0, denied = 0, unknown = 0;

	(void)state;
	assert_true(stack_clock_off_boundary());
	agent_may_spend(4, "300");
	for (int i = 0; i < CLIENTS; i++)
		pthread_create(&clients[i].thread, NULL, client_run, &clients[i]);
	kill_workers();
	assert_true(stack_service_ready(&stack, "policy", 20000));
	bool all = harness_wait_for(all_denied, clients, 20000);
	over = true;
	for (int i = 0; i < CLIENTS; i++) {
		pthread_join(clients[i].thread, NULL);
		allowed += clients[i].allowed;
		denied += clients[i].denied;
		unknown += clients[i].unknown;
	}
	int64_t used = harness_sql_i64(
		stack.harness,
		"SELECT used / 1000000 FROM policy.meter WHERE number = 4 AND kind = 'spend'");
	int64_t rows = harness_sql_i64(
		stack.harness,
		"SELECT count(*) FROM policy.decision WHERE number = 4 AND reserved > 0");
	printf("allowed %lld, recorded %lld, denied %lld, unanswered %lld\n", (long long)allowed,
	       (long long)rows, (long long)denied, (long long)unknown);
	assert_int_equal(used, CAP);
	assert_int_equal(rows, CAP);
	assert_true(allowed <= CAP && allowed + unknown >= CAP);
	assert_true(all);
	/* Each decision of a client has its evidence. */
	assert_int_equal(harness_sql_i64(stack.harness,
					 "SELECT count(*) FROM policy.decision d WHERE NOT EXISTS "
					 "(SELECT 1 FROM " EVIDENCE_IDS " WHERE e.id = 'evd_' || "
					 "d.evidence_id)"),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients_never_pass_the_cap_together_though_workers_die),
	};

	return cmocka_run_group_tests_name("policy caps", tests, group_start, group_stop);
}
