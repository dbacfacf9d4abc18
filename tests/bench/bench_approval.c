/* bench_approval.c [APR-2] [APR-10]: one approval from its request to the caller that waits for it:
 * the request is made, the approver hears of it by event, signs a verdict, and the caller hears the
 * end by event. Beside it the same messages bare: a question, an event, a question, an event. */
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"
#include "gen/approval.h"
#include "tests/lib/fleet.h"

#define AGENTS 4
#define TRIES 200 /* an agent has at most 100 that wait or were not used */
#define EVENT_MS_MAX 5000
#define FLOOR_BYTES 1000 /* about what a request's event has */
#define HASH "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct stack stack;
static struct fleet fleet;
static struct signing_key bob;
static struct mailbox *events;

static _Noreturn void give_up(const char *what, const struct problem *problem)
{
	fprintf(stderr, "approval: %s: %s %s\n", what, problem ? problem->pointer : "",
		problem ? problem->detail : "");
	exit(1);
}

static void approver_add(void)
{
	enum registry_person_role role = REGISTRY_PERSON_ROLE_APPROVER;
	struct registry_person_reply reply;
	char text[PUBLIC_KEY_TEXT_SIZE];
	struct problem problem = { 0 };

	signing_key_generate(&bob);
	base64_encode(bob.public_key, PUBLIC_KEY_BYTES, text);
	struct registry_person_addition act = { .name = STR("Bob"),
						.roles = { &role, 1 },
						.public_key = str_of(text),
						.nonce = fleet_nonce(&fleet),
						.issued_at_ms = clock_now_ms() };
	struct registry_person_add_request request = {
		.act = fleet_sign(&fleet, REGISTRY_PERSON_ADDITION_PURPOSE,
				  &registry_person_addition_type, &act),
	};
	if (stack_call(&stack, &CALL_REGISTRY_PERSON_ADD, &request, &reply, &problem) != ST_OK)
		give_up("no approver", &problem);
}

static bool is_known(void *context)
{
	(void)context;
	return harness_sql_i64(stack.harness,
			       "SELECT (SELECT count(*) FROM approval.agent) + "
			       "(SELECT count(*) FROM approval.person_key)") == 1 + AGENTS + 2;
}

/* The next step of the only request there is. */
static void event_wait(const char *step)
{
	struct bus_message message;

	if (mailbox_take(events, &message, 1, EVENT_MS_MAX) != 1 ||
	    !str_ends(str_of(message.subject), step))
		give_up("an event did not come", NULL);
	mailbox_done(events, 1);
	bus_message_free(&message);
}

static void verdict_give(const struct approval_approval *approval, int number)
{
	char payload[600], time[TIME_TEXT_SIZE], text[SIGNATURE_TEXT_SIZE];
	struct approval_approval_reply reply;
	uint8_t signature[SIGNATURE_BYTES];
	struct problem problem = { 0 };

	time_format(clock_now_ms(), time);
	snprintf(payload, sizeof(payload),
		 "{\"request_id\":\"%.*s\",\"action_digest\":\"%.*s\",\"verdict\":\"approve\","
		 "\"nonce\":\"verdict-%06d\",\"issued_at\":\"%s\"}",
		 STR_ARG(approval->request_id), STR_ARG(approval->action_digest), number, time);
	if (sign_purpose(&bob, APPROVAL_VERDICT_PURPOSE, str_of(payload), signature) != ST_OK)
		give_up("no signature", NULL);
	base64_encode(signature, sizeof(signature), text);
	struct approval_approval_verdict_request request = {
		.request_id = approval->request_id,
		.act = { .payload = str_of(payload),
			 .key_id = str_of(bob.key_id),
			 .signature = str_of(text) },
	};
	if (stack_call(&stack, &CALL_APPROVAL_APPROVAL_VERDICT, &request, &reply, &problem) !=
	    ST_OK)
		give_up("the verdict", &problem);
}

static double approval_once(int number)
{
	char agent[32];
	struct approval_approval_reply reply;
	struct problem problem = { 0 };

	snprintf(agent, sizeof(agent), "piopl_%05d", 1 + number % AGENTS);
	const struct approval_approval_request_request request = {
		.agent_id = str_of(agent),
		.tool = STR("payment.send"),
		.operation = APPROVAL_OPERATION_EXECUTE,
		.resource = STR("accounts/1"),
		.parameters_hash = STR(HASH),
		.reason = STR("above the threshold"),
	};
	double begin = bench_seconds();
	arena_reset(&stack.arena);
	if (stack_call(&stack, &CALL_APPROVAL_APPROVAL_REQUEST, &request, &reply, &problem) !=
	    ST_OK)
		give_up("the request", &problem);
	event_wait(".created");
	verdict_give(&reply.approval, number);
	event_wait(".approved");
	return (bench_seconds() - begin) * 1000;
}

/* -- the floor -- */

static void on_question(natsConnection *connection, natsSubscription *subscription, natsMsg *msg,
			void *closure)
{
	(void)subscription;
	(void)closure;
	natsConnection_Publish(connection, natsMsg_GetReply(msg), natsMsg_GetData(msg),
			       natsMsg_GetDataLength(msg));
	natsConnection_Publish(connection, "floor.event", natsMsg_GetData(msg),
			       natsMsg_GetDataLength(msg));
	natsConnection_Flush(connection);
	natsMsg_Destroy(msg);
}

static pid_t answerer_start(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		natsConnection *connection;
		natsSubscription *subscription;
		if (natsConnection_ConnectTo(&connection, harness_nats_url(stack.harness)) ==
		    NATS_OK)
			natsConnection_Subscribe(&subscription, connection, "floor.question",
						 on_question, NULL);
		pause();
		_exit(0);
	}
	usleep(500000);
	return pid;
}

static bool floor_question(natsConnection *connection, natsSubscription *heard)
{
	static char body[FLOOR_BYTES];
	natsMsg *answer = NULL, *event = NULL;
	bool done;

	memset(body, 'x', sizeof(body));
	done = natsConnection_Request(&answer, connection, "floor.question", body, sizeof(body),
				      EVENT_MS_MAX) == NATS_OK &&
	       natsSubscription_NextMsg(&event, heard, EVENT_MS_MAX) == NATS_OK;
	natsMsg_Destroy(answer);
	natsMsg_Destroy(event);
	return done;
}

static double floor_ms(void)
{
	pid_t pid = answerer_start();
	natsConnection *connection;
	natsSubscription *heard;
	natsOptions *options;
	double took[TRIES];

	if (natsOptions_Create(&options) != NATS_OK ||
	    natsOptions_SetURL(options, harness_nats_url(stack.harness)) != NATS_OK ||
	    natsOptions_SetSendAsap(options, true) != NATS_OK ||
	    natsConnection_Connect(&connection, options) != NATS_OK ||
	    natsConnection_SubscribeSync(&heard, connection, "floor.event") != NATS_OK)
		give_up("no floor", NULL);
	for (size_t i = 0; i < TRIES; i++) {
		double begin = bench_seconds();
		if (!floor_question(connection, heard) || !floor_question(connection, heard))
			give_up("the floor is not answered", NULL);
		took[i] = (bench_seconds() - begin) * 1000;
	}
	natsSubscription_Destroy(heard);
	natsConnection_Destroy(connection);
	natsOptions_Destroy(options);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return bench_median(took, TRIES);
}

void bench_approval(void)
{
	static const char *const names[] = { "registry", "approval", NULL };
	struct bus_subscription *subscription;
	struct problem problem = { 0 };
	double took[TRIES];
	char note[200];

	stack_start(&stack,
		    &(struct harness_options){ .postgres = true, .nats = true, .durable = true },
		    names);
	stack_service_start(&stack, "registry", NULL);
	stack_service_start(&stack, "approval", NULL);
	fleet_found(&fleet, &stack);
	fleet_agents(&fleet, AGENTS, "agent");
	approver_add();
	if (!harness_wait_for(is_known, NULL, 30000))
		give_up("the registry is not followed", NULL);
	events = mailbox_new(64, NULL);
	if (bus_subscribe(stack.bus, "piopl.evt.approval.request.*", NULL, events, &subscription,
			  &problem) != ST_OK)
		give_up("no events", &problem);
	double floor = floor_ms();
	for (int i = 0; i < TRIES; i++)
		took[i] = approval_once(i);
	double p99 = bench_percentile(took, TRIES, 99);
	snprintf(note, sizeof(note),
		 "median of %d, p99 %.1f ms: asked, told by event, signed, told by event, each "
		 "durable with evidence; floor: the messages alone",
		 TRIES, p99);
	bench_row("approval.roundtrip_ms", bench_median(took, TRIES), "ms", floor, note);
	bus_unsubscribe(subscription);
	mailbox_free(events);
	stack_stop(&stack);
}
