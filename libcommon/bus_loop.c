/* bus_loop.c: one thread reads the socket, hands messages to their mailboxes and writes what nobody
 * else does. The NATS library's own way is three threads a connection, and a message that comes or
 * goes passes two of them; under a load of single messages that cost more than the work. Whoever
 * answers in batches corks the bus meanwhile and writes by itself.
 *
 * The library's callbacks come with its lock held, from any thread: they only set what is below and
 * wake the thread.
 *
 * The library reads on after a reconnect where it stopped, in the middle of a message perhaps, when
 * it does not read by itself. So it does not reconnect: a connection that is lost is replaced
 * (bus_renew), and what the old one still says is not listened to. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bus_loop.h"
#include "clock.h"

#define ATTACHMENTS 8 /* connections whose last words may still come */

struct attachment {
	struct bus_loop *loop;
	unsigned number;
};

struct bus_loop {
	_Atomic(natsConnection *) connection; /* NULL: not yet attached */
	_Atomic int socket;                   /* -1: nothing to wait for */
	atomic_uint attached;                 /* the number of the connection in use */
	atomic_bool unwritten;                /* the library has something for the socket */
	atomic_bool corked;
	atomic_bool stopping;
	int wake_fd;
	pthread_t thread;
	pthread_mutex_t read_lock; /* of the list, of reading and delivering */
	pthread_mutex_t write_lock;
	struct bus_subscription *subscriptions;
	struct attachment attachments[ATTACHMENTS];
};

static void loop_wake(struct bus_loop *loop)
{
	(void)!write(loop->wake_fd, &(uint64_t){ 1 }, sizeof(uint64_t));
}

/* The library takes a write of nothing for the end of the connection: who writes makes sure, while
 * nobody else does, that there is something. */
static void loop_write(struct bus_loop *loop)
{
	pthread_mutex_lock(&loop->write_lock);
	if (loop->unwritten && loop->socket >= 0)
		natsConnection_ProcessWriteEvent(loop->connection);
	pthread_mutex_unlock(&loop->write_lock);
}

/* -- called by the library -- */

static natsStatus on_attach(void **user, void *closure, natsConnection *connection, natsSock socket)
{
	struct bus_loop *loop = closure;
	unsigned number = loop->attached + 1;
	struct attachment *attachment = &loop->attachments[number % ATTACHMENTS];

	*attachment = (struct attachment){ loop, number };
	*user = attachment;
	loop->connection = connection;
	loop->unwritten = false;
	loop->attached = number;
	loop->socket = socket;
	loop_wake(loop);
	return NATS_OK;
}

/* NULL: of a connection that is not in use any more. */
static struct bus_loop *loop_of(const struct attachment *attachment)
{
	return attachment->number == attachment->loop->attached ? attachment->loop : NULL;
}

/* Reading is wanted as long as there is a socket; it ends with it. */
static natsStatus on_read_wanted(void *user, bool wanted)
{
	struct bus_loop *loop = loop_of(user);

	if (loop && !wanted)
		loop->socket = -1;
	return NATS_OK;
}

static natsStatus on_write_wanted(void *user, bool wanted)
{
	struct bus_loop *loop = loop_of(user);

	if (!loop)
		return NATS_OK;
	loop->unwritten = wanted;
	if (wanted && !loop->corked)
		loop_wake(loop);
	return NATS_OK;
}

/* It may come when the loop is gone. */
static natsStatus on_detach(void *user)
{
	(void)user;
	return NATS_OK;
}

/* -- the thread -- */

/* True when one of them found its mailbox full: it was answered, and that should leave. Under the
 * read lock. */
static bool deliver(struct bus_loop *loop)
{
	bool refused = false;

	for (struct bus_subscription *s = loop->subscriptions; s; s = s->next) {
		for (;;) {
			natsMsg *msg = NULL;
			natsStatus status = natsSubscription_NextMsg(&msg, s->subscription, 0);
			if (status == NATS_NO_RESPONDERS)
				continue; /* it looked like the server's word; nobody asked for it
					   */
			if (status != NATS_OK)
				break;
			refused = !bus_deliver(s, msg) || refused;
		}
	}
	return refused;
}

static bool loop_read(struct bus_loop *loop)
{
	bool refused = false;

	pthread_mutex_lock(&loop->read_lock);
	if (loop->socket >= 0) {
		natsConnection_ProcessReadEvent(loop->connection);
		refused = deliver(loop);
	}
	pthread_mutex_unlock(&loop->read_lock);
	return refused;
}

static void *loop_run(void *closure)
{
	struct bus_loop *loop = closure;
	uint64_t woken;

	while (!loop->stopping) {
		short wanted = loop->unwritten && !loop->corked ? POLLIN | POLLOUT : POLLIN;
		struct pollfd fds[] = { { .fd = loop->wake_fd, .events = POLLIN },
					{ .fd = loop->socket, .events = wanted } };
		bool refused = false;
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents)
			(void)!read(loop->wake_fd, &woken, sizeof(woken));
		if (fds[1].revents & ~POLLOUT)
			refused = loop_read(loop);
		if (!loop->corked || refused)
			loop_write(loop);
	}
	return NULL;
}

/* -- for the bus -- */

/* Signals are the main thread's. */
static bool thread_start(struct bus_loop *loop)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&loop->thread, NULL, loop_run, loop);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed == 0;
}

natsStatus bus_loop_new(struct bus *bus, natsOptions *options)
{
	struct bus_loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NATS_NO_MEMORY;
	loop->socket = -1;
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&loop->read_lock, NULL);
	pthread_mutex_init(&loop->write_lock, NULL);
	if (loop->wake_fd < 0 || !thread_start(loop)) {
		if (loop->wake_fd >= 0)
			close(loop->wake_fd);
		free(loop);
		return NATS_NO_MEMORY;
	}
	bus->loop = loop;
	return natsOptions_SetEventLoop(options, loop, on_attach, on_read_wanted, on_write_wanted,
					on_detach);
}

void bus_loop_free(struct bus_loop *loop)
{
	if (!loop)
		return;
	loop->stopping = true;
	loop_wake(loop);
	pthread_join(loop->thread, NULL);
	close(loop->wake_fd);
	pthread_mutex_destroy(&loop->read_lock);
	pthread_mutex_destroy(&loop->write_lock);
	free(loop);
}

void bus_loop_follow(struct bus_loop *loop, struct bus_subscription *subscription)
{
	pthread_mutex_lock(&loop->read_lock);
	subscription->next = loop->subscriptions;
	loop->subscriptions = subscription;
	(void)deliver(loop); /* what came before it was followed */
	pthread_mutex_unlock(&loop->read_lock);
}

void bus_loop_forget(struct bus_loop *loop, struct bus_subscription *subscription)
{
	pthread_mutex_lock(&loop->read_lock);
	(void)deliver(loop);
	bus_subscription_unlink(&loop->subscriptions, subscription);
	pthread_mutex_unlock(&loop->read_lock);
}

natsStatus bus_loop_renew(struct bus_loop *loop, natsConnection *connection)
{
	natsStatus status = NATS_OK;

	pthread_mutex_lock(&loop->read_lock);
	for (struct bus_subscription *s = loop->subscriptions; s && status == NATS_OK; s = s->next)
		status = bus_subscription_renew(s, connection);
	pthread_mutex_unlock(&loop->read_lock);
	return status;
}

void bus_loop_settle(struct bus_loop *loop)
{
	pthread_mutex_lock(&loop->read_lock);
	pthread_mutex_unlock(&loop->read_lock);
	pthread_mutex_lock(&loop->write_lock);
	pthread_mutex_unlock(&loop->write_lock);
}

void bus_loop_cork(struct bus_loop *loop)
{
	loop->corked = true;
}

enum st bus_loop_send(struct bus_loop *loop, uint32_t timeout_ms)
{
	uint64_t until_ns = clock_mono_ns() + (uint64_t)timeout_ms * 1000000u;

	loop->corked = false;
	for (;;) {
		struct pollfd fd = { .fd = loop->socket, .events = POLLOUT };
		if (fd.fd < 0)
			return ST_BUS_UNAVAILABLE;
		loop_write(loop);
		if (!loop->unwritten) /* written, or the connection ended and took it along */
			return loop->socket >= 0 ? ST_OK : ST_BUS_UNAVAILABLE;
		uint64_t now_ns = clock_mono_ns();
		if (now_ns >= until_ns) {
			loop_wake(loop);
			return ST_DEADLINE;
		}
		(void)poll(&fd, 1, (int)((until_ns - now_ns) / 1000000u) + 1);
	}
}
