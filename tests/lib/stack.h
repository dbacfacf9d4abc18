/* stack.h: services under test: their keys, their schema, their processes, and a client on the bus.
 * Built on harness.h; bounded in time like it. */
#ifndef PIOPL_TEST_STACK_H
#define PIOPL_TEST_STACK_H

#include "bus.h"
#include "harness.h"
#include "keyring.h"

#define STACK_SERVICES_MAX 8

struct stack_service {
	char name[32];
	char program[512];
	struct signing_key key;
	pid_t pid;
	int http_port;
};

struct stack {
	struct harness *harness;
	struct signing_key root;
	struct stack_service services[STACK_SERVICES_MAX];
	size_t service_count;
	char keyring_path[512];
	char root_path[512];
	char clock_path[512];
	int64_t key_version;
	struct bus *bus; /* as "terminal" */
	struct arena arena;
};

/* Outside the office hours of the catalog's documents (London, Monday to Friday, no holiday) the
 * development clock, which is open, goes on to the next: what they say depends on the time of day.
 */
bool stack_clock_to_office_hours(void);
/* Goes past the end of the hour, and so of the day, when less than two minutes are left of it: what
 * is counted for an hour or a day is then counted in one. */
bool stack_clock_off_boundary(void);
/* Servers, keys and schemas; services are started by stack_service_start. `names`, NULL ends:
 * "probe" is build/bin/probe, another one build/bin/piopl-<name>. */
void stack_start(struct stack *stack, const struct harness_options *options,
		 const char *const *names);
void stack_stop(struct stack *stack);
/* Starts the service's process with more of the environment ("NAME=value", NULL ends; may be NULL)
 * and waits until it says it is ready. */
void stack_service_start(struct stack *stack, const char *name, const char *const *env);
/* The same without waiting. */
void stack_service_spawn(struct stack *stack, const char *name, const char *const *env);
bool stack_service_ready(struct stack *stack, const char *name, int timeout_ms);
/* SIGTERM and wait; its exit status. */
int stack_service_stop(struct stack *stack, const char *name);
struct stack_service *stack_service_get(struct stack *stack, const char *name);
/* GET of the service's health port; the body, valid until the next call; ret_status may be NULL. */
const char *stack_http_get(struct stack *stack, const char *name, const char *path,
			   int *ret_status);
/* The value of a metric's line whose start is `name`, summed; -1 when absent. */
double stack_metric(struct stack *stack, const char *service, const char *name);
/* A call as "terminal", which waits for its answer as long as the call says and at least 10 s; the
 * arena is the stack's and is reset by each call. */
enum st stack_call(struct stack *stack, const struct proto_call *call, const void *request,
		   void *reply, struct problem *problem);
/* The processes of a service but its parent. */
size_t stack_children(pid_t parent, pid_t *ret, size_t max);
/* What the service wrote to its log since the start; allocated. */
char *stack_log(struct stack *stack, const char *name);

#endif
