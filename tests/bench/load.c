/* load.c: a client that keeps calls in flight and measures each answer. Answers come on one
 * subscription; the call's number is the last token of its reply subject. */
#include <nats/nats.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

struct client {
	pthread_mutex_t lock;
	pthread_cond_t freed;
	int64_t answered;
	int64_t failed;
	double *sent;
	double *took_ms;
};

static void on_answer(natsConnection *connection, natsSubscription *subscription, natsMsg *msg,
		      void *closure)
{
	struct client *client = closure;
	const char *subject = natsMsg_GetSubject(msg), *code = NULL;
	int64_t number = atoll(strrchr(subject, '.') + 1);
	double now = bench_seconds();

	(void)connection;
	(void)subscription;
	pthread_mutex_lock(&client->lock);
	client->took_ms[client->answered++] = (now - client->sent[number]) * 1000;
	if (natsMsgHeader_Get(msg, "Nats-Service-Error", &code) == NATS_OK)
		client->failed++;
	pthread_cond_signal(&client->freed);
	pthread_mutex_unlock(&client->lock);
	natsMsg_Destroy(msg);
}

static void wait_room(struct client *client, int64_t sent, int64_t in_flight)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 30;
	pthread_mutex_lock(&client->lock);
	while (sent - client->answered >= in_flight)
		if (pthread_cond_timedwait(&client->freed, &client->lock, &until) != 0) {
			fprintf(stderr, "answers stopped at %lld of %lld\n",
				(long long)client->answered, (long long)sent);
			exit(1);
		}
	pthread_mutex_unlock(&client->lock);
}

static void pace(const struct bench_load *load, double begin, int64_t number)
{
	double due = begin + (double)number / load->rate;
	double left = due - bench_seconds();

	if (left > 0) {
		struct timespec pause = { (time_t)left,
					  (long)((left - (double)(time_t)left) * 1e9) };
		nanosleep(&pause, NULL);
	}
}

void bench_load_run(const struct bench_load *load, struct bench_result *ret)
{
	struct client client = { .lock = PTHREAD_MUTEX_INITIALIZER,
				 .freed = PTHREAD_COND_INITIALIZER };
	natsOptions *options;
	natsConnection *connection;
	natsSubscription *subscription;
	static char body[BENCH_BODY_BYTES_MAX];
	char reply[64];

	client.sent = calloc((size_t)load->count, sizeof(double));
	client.took_ms = calloc((size_t)load->count, sizeof(double));
	natsOptions_Create(&options);
	natsOptions_SetURL(options, load->url);
	natsOptions_SetSendAsap(options, load->rate > 0);
	if (natsConnection_Connect(&connection, options) != NATS_OK ||
	    natsConnection_Subscribe(&subscription, connection, "_INBOX.terminal.bench.*",
				     on_answer, &client) != NATS_OK) {
		fprintf(stderr, "the load cannot connect\n");
		exit(1);
	}
	natsSubscription_SetPendingLimits(subscription, -1, -1);
	double begin = bench_seconds();
	for (int64_t i = 0; i < load->count; i++) {
		wait_room(&client, i, load->in_flight);
		if (load->rate > 0)
			pace(load, begin, i);
		int size = load->body(load->context, i, body, sizeof(body));
		snprintf(reply, sizeof(reply), "_INBOX.terminal.bench.%lld", (long long)i);
		client.sent[i] = bench_seconds();
		natsConnection_PublishRequest(connection, load->subject, reply, body, size);
	}
	wait_room(&client, load->count, 1);
	double took = bench_seconds() - begin;
	*ret = (struct bench_result){
		.per_second = (double)load->count / took,
		.p50_ms = bench_percentile(client.took_ms, (size_t)load->count, 50),
		.p99_ms = bench_percentile(client.took_ms, (size_t)load->count, 99),
		.failed = client.failed,
	};
	natsSubscription_Destroy(subscription);
	natsConnection_Destroy(connection);
	natsOptions_Destroy(options);
	free(client.sent);
	free(client.took_ms);
}
