/* bench_registry.c: agents created in one batch call until the operation is finished, pages of the
 * inventory at 25,000 agents for every filter and order that is offered, and the time from a kill
 * order's commit to the event at a subscriber. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"
#include "tests/lib/fleet.h"

#define PAGE_TRIES 15

static double page_median(struct stack *stack, const struct registry_agent_list_request *request)
{
	double took[PAGE_TRIES];

	for (int i = 0; i < PAGE_TRIES; i++) {
		struct registry_agent_list_reply reply;
		struct problem problem = { 0 };
		double begin = bench_seconds();
		if (stack_call(stack, &CALL_REGISTRY_AGENT_LIST, request, &reply, &problem) !=
		    ST_OK) {
			fprintf(stderr, "no page: %s %s\n", problem.pointer, problem.detail);
			exit(1);
		}
		took[i] = (bench_seconds() - begin) * 1000;
	}
	return bench_median(took, PAGE_TRIES);
}

static void bench_pages(struct stack *stack)
{
	const struct registry_agent_list_request requests[] = {
		{ .has_limit = true, .limit = 100 },
		{ .has_limit = true, .limit = 100, .sort = REGISTRY_AGENT_SORT_NAME },
		{ .has_limit = true, .limit = 100, .sort = REGISTRY_AGENT_SORT_SCORE },
		{ .has_limit = true,
		  .limit = 100,
		  .sort = REGISTRY_AGENT_SORT_CREATED,
		  .order = REGISTRY_SORT_ORDER_DESCENDING },
		{ .has_limit = true, .limit = 100, .role = STR(FLEET_ROLE) },
		{ .has_limit = true, .limit = 100, .unit = STR(FLEET_UNIT) },
		{ .has_limit = true, .limit = 100, .state = REGISTRY_AGENT_STATE_PENDING },
		{ .has_limit = true, .limit = 100, .owner = STR("steward") },
		{ .has_limit = true, .limit = 100, .has_tier = true, .tier = 0 },
		{ .has_limit = true, .limit = 100, .has_score_min = true, .score_min = 50 },
		{ .has_limit = true,
		  .limit = 100,
		  .state = REGISTRY_AGENT_STATE_ACTIVE,
		  .sort = REGISTRY_AGENT_SORT_NAME },
	};
	size_t count = sizeof(requests) / sizeof(requests[0]);
	double worst = 0;
	char note[128];

	for (size_t i = 0; i < count; i++) {
		double median = page_median(stack, &requests[i]);
		worst = median > worst ? median : worst;
	}
	snprintf(note, sizeof(note),
		 "slowest of %zu filters and orders, median, 100 agents a page, over the bus",
		 count);
	bench_row("registry.page_ms", worst, "ms", 0, note);
}

static void bench_kill(struct fleet *fleet)
{
	struct mailbox *mailbox = mailbox_new(4096, NULL);
	struct bus_subscription *subscription;
	struct bus_message message;
	struct problem problem = { 0 };
	double took[30];
	int64_t tries = 30;

	if (bus_subscribe(fleet->stack->bus, "piopl.evt.registry.kill.ordered", NULL, mailbox,
			  &subscription, &problem) != ST_OK)
		exit(1);
	for (int64_t i = 0; i < tries; i++) {
		struct registry_kill_reply reply;
		char id[32];
		snprintf(id, sizeof(id), "piopl_%05lld", (long long)i + 100);
		struct registry_kill_scope scope = { .kind = REGISTRY_KILL_SCOPE_KIND_AGENT,
						     .value = str_of(id) };
		double begin = bench_seconds();
		if (fleet_kill(fleet, &scope, &reply, &problem) != ST_OK ||
		    mailbox_take(mailbox, &message, 1, 5000) != 1) {
			fprintf(stderr, "no kill: %s\n", problem.detail);
			exit(1);
		}
		took[i] = (bench_seconds() - begin) * 1000;
		mailbox_done(mailbox, 1);
		bus_message_free(&message);
	}
	bench_row("registry.kill_ms", bench_percentile(took, (size_t)tries, 99), "ms", 0,
		  "p99, order sent to signed event at a subscriber, one of 25,000 agents");
	bus_unsubscribe(subscription);
	mailbox_free(mailbox);
}

void bench_registry(void)
{
	static const char *const names[] = { "registry", NULL };
	int64_t count = bench_size("BENCH_AGENTS", 25000);
	struct stack stack;
	struct fleet fleet;
	char note[128];

	stack_start(&stack,
		    &(struct harness_options){ .postgres = true, .nats = true, .durable = true },
		    names);
	stack_service_start(&stack, "registry", NULL);
	fleet_found(&fleet, &stack);
	double begin = bench_seconds();
	fleet_agents(&fleet, count, "agent");
	double took = bench_seconds() - begin;
	snprintf(note, sizeof(note), "%lld agents in one call, with versions, events and evidence",
		 (long long)count);
	bench_row("registry.create", (double)count / took, "/s", 0, note);
	harness_sql(stack.harness, "ANALYZE");
	bench_pages(&stack);
	bench_kill(&fleet);
	stack_stop(&stack);
}
