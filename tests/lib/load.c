/* load.c: see load.h. */
#include <postgresql/libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define SQL_WAIT_MS 30000
#define TRY_TIMEOUT_MS 1500
#define TRY_PAUSE_US 20000

/* May it pass when repeated? Everything else ends the client: it is a fault of ours. */
static bool is_of_the_world(enum st st)
{
	return st_info(st)->kind == ST_KIND_UNAVAILABLE;
}

static bool put_once(struct load_client *client, struct bus *bus, const char *name,
		     struct arena *arena)
{
	struct load *load = client->load;
	struct bus_call_options options = { .idempotency_key = name, .timeout_ms = TRY_TIMEOUT_MS };
	struct problem problem = { 0 };
	char body[256];
	struct str reply;

	snprintf(body, sizeof(body), "{\"name\":\"%s\",\"value\":\"v\"%s}", name,
		 load->tell ? ",\"tell\":true" : "");
	arena_reset(arena);
	enum st st =
		bus_call_text(bus, load->call, str_of(body), &options, arena, &reply, &problem);
	ASSERT((unsigned)st < ST_COUNT);
	client->answers[st]++;
	if (st == ST_OK)
		return true;
	if (!is_of_the_world(st))
		snprintf(client->fault, sizeof(client->fault), "item \"%s\": %s: %s", name,
			 st_info(st)->code, problem.detail);
	return false;
}

static void put_until_acknowledged(struct load_client *client, struct bus *bus, const char *name,
				   struct arena *arena)
{
	int64_t begin = harness_now_ms();

	while (!put_once(client, bus, name, arena)) {
		if (client->fault[0])
			return;
		if (client->load->stop && harness_now_ms() - begin > LOAD_FINISH_MS_MAX) {
			snprintf(client->fault, sizeof(client->fault),
				 "item \"%s\" is not acknowledged", name);
			return;
		}
		client->repeated++;
		usleep(TRY_PAUSE_US);
	}
	int64_t took_ms = harness_now_ms() - begin;
	if (took_ms > client->worst_ms)
		client->worst_ms = took_ms;
	client->acknowledged++;
}

static void *client_run(void *argument)
{
	struct load_client *client = argument;
	struct load *load = client->load;
	const struct bus_options options = { .url = load->url,
					     .name = "terminal",
					     .connect_timeout_ms = 10000,
					     .sending = BUS_SEND_AT_ONCE };
	struct problem problem = { 0 };
	struct arena arena;
	struct bus *bus;
	char name[64];

	if (bus_open(&options, &bus, &problem) != ST_OK) {
		snprintf(client->fault, sizeof(client->fault), "%s", problem.detail);
		return NULL;
	}
	arena_init(&arena, 1024 * 1024);
	for (int64_t i = 0; !load->stop && !client->fault[0]; i++) {
		snprintf(name, sizeof(name), "%s-%u-%lld", load->prefix, client->number,
			 (long long)i);
		put_until_acknowledged(client, bus, name, &arena);
		if (load->pause_us > 0)
			usleep(load->pause_us);
	}
	arena_free(&arena);
	bus_close(bus);
	return NULL;
}

void load_start(struct load *load)
{
	ASSERT(load->clients <= LOAD_CLIENTS_MAX);
	load->stop = false;
	for (unsigned i = 0; i < load->clients; i++) {
		load->client[i] = (struct load_client){ .load = load, .number = i };
		ASSERT(pthread_create(&load->client[i].thread, NULL, client_run,
				      &load->client[i]) == 0);
	}
}

bool load_finish(struct load *load)
{
	bool good = true;

	load->stop = true;
	for (unsigned i = 0; i < load->clients; i++) {
		pthread_join(load->client[i].thread, NULL);
		if (load->client[i].fault[0])
			fprintf(stderr, "client %u: %s\n", i, load->client[i].fault);
		good = good && !load->client[i].fault[0];
	}
	return good;
}

int64_t load_acknowledged(const struct load *load)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < load->clients; i++)
		sum += load->client[i].acknowledged;
	return sum;
}

void load_print(const struct load *load, const char *title)
{
	int64_t worst_ms = 0, repeated = 0;

	for (unsigned i = 0; i < load->clients; i++) {
		repeated += load->client[i].repeated;
		if (load->client[i].worst_ms > worst_ms)
			worst_ms = load->client[i].worst_ms;
	}
	printf("%s: %lld acknowledged, %lld tries repeated, longest wait %lld ms;", title,
	       (long long)load_acknowledged(load), (long long)repeated, (long long)worst_ms);
	for (int st = 0; st < ST_COUNT; st++) {
		int64_t sum = 0;
		for (unsigned i = 0; i < load->clients; i++)
			sum += load->client[i].answers[st];
		if (sum > 0)
			printf(" %s %lld", st_info((enum st)st)->code, (long long)sum);
	}
	printf("\n");
	fflush(stdout);
}

uint64_t chaos_seed(const char *test)
{
	const char *text = getenv("PIOPL_SEED");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t seed = text ? strtoull(text, NULL, 0)
			     : (uint64_t)now.tv_sec * 1000000007u ^ (uint64_t)now.tv_nsec;
	printf("%s: PIOPL_SEED=%llu\n", test, (unsigned long long)seed);
	fflush(stdout);
	return seed;
}

uint64_t chaos_random(uint64_t *state, uint64_t bound)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (z ^ (z >> 31)) % bound;
}

int chaos_seconds(const char *variable, int otherwise)
{
	const char *text = getenv(variable);

	return text && atoi(text) > 0 ? atoi(text) : otherwise;
}

void chaos_sql_text(struct stack *stack, const char *sql, char *ret, size_t size)
{
	int64_t until = harness_now_ms() + SQL_WAIT_MS;
	char words[300] = "";

	do {
		PGconn *conn = PQconnectdb(harness_conninfo(stack->harness, NULL));
		PGresult *result = PQexec(conn, sql);
		bool done = PQresultStatus(result) == PGRES_TUPLES_OK ||
			    PQresultStatus(result) == PGRES_COMMAND_OK;
		if (done)
			snprintf(ret, size, "%s",
				 PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
		else
			snprintf(words, sizeof(words), "%s", PQerrorMessage(conn));
		PQclear(result);
		PQfinish(conn);
		if (done)
			return;
		usleep(50000);
	} while (harness_now_ms() < until);
	fprintf(stderr, "'%s': %s\n", sql, words);
	exit(1);
}

int64_t chaos_sql_i64(struct stack *stack, const char *sql)
{
	char text[64];

	chaos_sql_text(stack, sql, text, sizeof(text));
	return atoll(text);
}

bool chaos_settled(struct stack *stack, int timeout_ms)
{
	int64_t until = harness_now_ms() + timeout_ms;

	do {
		if (chaos_sql_i64(stack,
				  "SELECT count(*) FROM probe.relay r, probe.inbox i WHERE "
				  "i.sequence = r.next - 1 AND r.published = r.next - 1 AND "
				  "i.stopped_reason IS NULL AND r.next - 1 = (SELECT count(*) FROM "
				  "probe.outbox)") == 1)
			return true;
		usleep(20000);
	} while (harness_now_ms() < until);
	return false;
}

/* Each question counts what must not be. */
static const struct {
	const char *what, *sql;
} faults[] = {
	{ "outbox rows in no batch or in two",
	  "SELECT abs(count(*) - count(DISTINCT o.id)) + abs(count(*) - (SELECT count(*) FROM "
	  "probe.outbox)) FROM probe.outbox_batch b, LATERAL (SELECT id FROM probe.outbox WHERE id "
	  ">= b.id_first AND id <= b.id_last AND xid >= b.xid_low AND xid < b.xid_high OFFSET 0) "
	  "o" },
	{ "gaps between batches",
	  "SELECT count(*) FROM (SELECT first, lag(first + count, 1, 1::bigint) OVER (ORDER BY "
	  "first) AS due FROM probe.outbox_batch) AS b WHERE first <> due" },
	{ "batches that hold another number of rows than they say",
	  "SELECT (SELECT coalesce(sum(count), 0) FROM probe.outbox_batch) - (SELECT count(*) FROM "
	  "probe.outbox)" },
	{ "events applied more than once", "SELECT count(*) FROM probe.applied WHERE times <> 1" },
	{ "events not applied",
	  "SELECT count(*) FROM probe.outbox o WHERE type = 'probe.item.changed' AND NOT EXISTS "
	  "(SELECT FROM probe.applied a WHERE a.name = o.subject)" },
	{ "effects without an event",
	  "SELECT count(*) FROM probe.applied a WHERE NOT EXISTS (SELECT FROM probe.outbox o WHERE "
	  "o.subject = a.name)" },
	{ "parked events", "SELECT count(*) FROM probe.parked" },
	{ "stopped sources", "SELECT count(*) FROM probe.inbox WHERE stopped_reason IS NOT NULL" },
};

void chaos_check(struct stack *stack, int64_t items, char *ret, size_t size)
{
	size_t used = 0;

	ret[0] = 0;
	int64_t found = chaos_sql_i64(stack, "SELECT count(*) FROM probe.item");
	if (found != items)
		used += (size_t)snprintf(ret, size, "%lld items, acknowledged were %lld; ",
					 (long long)found, (long long)items);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]) && used < size; i++) {
		int64_t count = chaos_sql_i64(stack, faults[i].sql);
		if (count != 0)
			used += (size_t)snprintf(ret + used, size - used, "%lld %s; ",
						 (long long)count, faults[i].what);
	}
}
