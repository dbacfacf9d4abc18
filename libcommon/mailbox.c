/* mailbox.c: the bounded ring between the bus' callbacks and a worker's one thread. Positions only
 * grow; a slot is position modulo capacity. `taken` runs ahead of `done`: messages in between are
 * being worked on, and their reply subjects stay on record until they are answered. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bus_internal.h"
#include "mailbox.h"

struct mailbox {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct bus_open_replies *open;
	size_t capacity;
	uint64_t put;
	uint64_t taken;
	uint64_t done;
	uint64_t refused;
	size_t waiting_bytes; /* put and not taken */
	bool woken;
	int notify_fd;
	struct bus_message slots[];
};

struct mailbox *mailbox_new(size_t capacity, struct bus_open_replies *open_replies)
{
	ASSERT(capacity > 0);
	struct mailbox *mailbox =
		calloc(1, sizeof(*mailbox) + capacity * sizeof(struct bus_message));
	if (!mailbox)
		return NULL;
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_mutex_init(&mailbox->lock, NULL);
	pthread_cond_init(&mailbox->filled, &attributes);
	pthread_condattr_destroy(&attributes);
	mailbox->capacity = capacity;
	mailbox->open = open_replies;
	mailbox->notify_fd = -1;
	return mailbox;
}

void mailbox_free(struct mailbox *mailbox)
{
	if (!mailbox)
		return;
	for (uint64_t i = mailbox->taken; i < mailbox->put; i++)
		bus_message_free(&mailbox->slots[i % mailbox->capacity]);
	pthread_mutex_destroy(&mailbox->lock);
	pthread_cond_destroy(&mailbox->filled);
	free(mailbox);
}

static void remember_reply(struct mailbox *mailbox, const char *reply)
{
	if (!mailbox->open)
		return;
	char *slot = mailbox->open->replies[mailbox->put % mailbox->capacity];
	if (!reply || !str_copy(str_of(reply), slot, BUS_REPLY_MAX))
		slot[0] = 0;
	mailbox->open->head = (uint32_t)(mailbox->put + 1);
}

bool mailbox_put(struct mailbox *mailbox, const struct bus_message *message)
{
	pthread_mutex_lock(&mailbox->lock);
	bool fits = mailbox->put - mailbox->done < mailbox->capacity &&
		    mailbox->waiting_bytes + message->data.size <= MAILBOX_BYTES_MAX;
	bool first = mailbox->put == mailbox->taken;
	if (fits) {
		remember_reply(mailbox, message->reply);
		mailbox->slots[mailbox->put % mailbox->capacity] = *message;
		mailbox->put++;
		mailbox->waiting_bytes += message->data.size;
		pthread_cond_signal(&mailbox->filled);
	} else {
		mailbox->refused++;
	}
	int fd = fits && first ? mailbox->notify_fd : -1;
	pthread_mutex_unlock(&mailbox->lock);
	if (fd >= 0)
		(void)!write(fd, &(uint64_t){ 1 }, sizeof(uint64_t));
	return fits;
}

static void wait_filled(struct mailbox *mailbox, uint32_t timeout_ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += (long)(timeout_ms % 1000) * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	while (mailbox->put == mailbox->taken && !mailbox->woken)
		if (pthread_cond_timedwait(&mailbox->filled, &mailbox->lock, &until) != 0)
			break;
	mailbox->woken = false;
}

size_t mailbox_take(struct mailbox *mailbox, struct bus_message *ret, size_t max,
		    uint32_t timeout_ms)
{
	size_t count = 0, bytes = 0;

	pthread_mutex_lock(&mailbox->lock);
	if (mailbox->put == mailbox->taken && timeout_ms > 0)
		wait_filled(mailbox, timeout_ms);
	while (count < max && mailbox->taken < mailbox->put) {
		const struct bus_message *next =
			&mailbox->slots[mailbox->taken % mailbox->capacity];
		bytes += next->data.size;
		if (count > 0 && bytes > MAILBOX_TAKE_BYTES_MAX)
			break;
		ret[count++] = *next;
		mailbox->taken++;
		mailbox->waiting_bytes -= next->data.size;
	}
	pthread_mutex_unlock(&mailbox->lock);
	return count;
}

void mailbox_done(struct mailbox *mailbox, size_t count)
{
	pthread_mutex_lock(&mailbox->lock);
	ASSERT(mailbox->done + count <= mailbox->taken);
	mailbox->done += count;
	if (mailbox->open)
		mailbox->open->tail = (uint32_t)mailbox->done;
	pthread_mutex_unlock(&mailbox->lock);
}

void mailbox_notify(struct mailbox *mailbox, int fd)
{
	pthread_mutex_lock(&mailbox->lock);
	mailbox->notify_fd = fd;
	pthread_mutex_unlock(&mailbox->lock);
}

void mailbox_wake(struct mailbox *mailbox)
{
	pthread_mutex_lock(&mailbox->lock);
	mailbox->woken = true;
	pthread_cond_signal(&mailbox->filled);
	pthread_mutex_unlock(&mailbox->lock);
}

size_t mailbox_waiting(struct mailbox *mailbox)
{
	pthread_mutex_lock(&mailbox->lock);
	size_t waiting = (size_t)(mailbox->put - mailbox->taken);
	pthread_mutex_unlock(&mailbox->lock);
	return waiting;
}

uint64_t mailbox_refused(struct mailbox *mailbox)
{
	pthread_mutex_lock(&mailbox->lock);
	uint64_t refused = mailbox->refused;
	mailbox->refused = 0;
	pthread_mutex_unlock(&mailbox->lock);
	return refused;
}
