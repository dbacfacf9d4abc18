/* bus_test.c: a buffered bus. What is held back and what is not, a server that does not read, one
 * that goes and comes back, and two threads that write at once. */
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "libcommon/bus_internal.h"
#include "tests/lib/harness_internal.h"

#define MESSAGES 20000
#define MAILBOX_MAX 32768
#define BIG (512 * 1024)

static struct harness *harness;
static struct bus *bus;   /* buffered */
static struct bus *other; /* at once */

static struct bus *bus_of(const char *name, enum bus_sending sending)
{
	const struct bus_options options = { .url = harness_nats_url(harness),
					     .name = name,
					     .sending = sending };
	struct problem problem = { 0 };
	struct bus *opened;

	if (bus_open(&options, &opened, &problem) != ST_OK)
		fail_msg("%s", problem.detail);
	return opened;
}

static struct mailbox *listen_on(struct bus *on, const char *subject, struct bus_subscription **ret)
{
	struct mailbox *mailbox = mailbox_new(MAILBOX_MAX, NULL);
	struct problem problem = { 0 };

	assert_non_null(mailbox);
	if (bus_subscribe(on, subject, NULL, mailbox, ret, &problem) != ST_OK)
		fail_msg("%s", problem.detail);
	assert_int_equal(bus_flush(on, 2000), ST_OK);
	return mailbox;
}

/* How many come within the time, up to `max`. */
static size_t come(struct mailbox *mailbox, size_t max, uint32_t ms)
{
	static struct bus_message messages[MAILBOX_MAX];
	uint64_t until_ns = clock_mono_ns() + (uint64_t)ms * 1000000u;
	size_t count = 0;

	while (count < max && clock_mono_ns() < until_ns) {
		size_t taken = mailbox_take(mailbox, messages, max - count, 20);
		mailbox_done(mailbox, taken);
		for (size_t i = 0; i < taken; i++)
			bus_message_free(&messages[i]);
		count += taken;
	}
	return count;
}

/* So many and none more. */
static void assert_come(struct mailbox *mailbox, size_t count)
{
	assert_int_equal(come(mailbox, count, 10000), count);
	assert_int_equal(come(mailbox, 1, 100), 0);
}

static bool gone(void *context)
{
	const struct bus *of = context;

	return natsConnection_IsClosed(of->connection);
}

static bool connected(void *context)
{
	return bus_renew(context);
}

/* [PLT-9] */
static void a_corked_bus_sends_nothing_until_it_is_told_to(void **state)
{
	struct bus_subscription *subscription;
	struct mailbox *mailbox = listen_on(other, "held.>", &subscription);

	(void)state;
	bus_cork(bus);
	for (int i = 0; i < 100; i++)
		assert_int_equal(bus_publish(bus, "held.x", STR("x")), ST_OK);
	assert_int_equal(come(mailbox, 1, 100), 0);
	assert_int_equal(bus_send(bus, 1000), ST_OK);
	assert_come(mailbox, 100);
	/* and from then on by itself */
	assert_int_equal(bus_publish(bus, "held.x", STR("x")), ST_OK);
	assert_come(mailbox, 1);
	/* nothing to send is nothing wrong */
	assert_int_equal(bus_send(bus, 1000), ST_OK);
	assert_true(bus_is_connected(bus));
	bus_unsubscribe(subscription);
	mailbox_free(mailbox);
}

/* [PLT-9] the loop's thread writes and so does this one, with messages coming in meanwhile: the
 * library takes an empty write for the connection's end, so nobody may make one */
static void two_that_write_at_once_lose_nothing(void **state)
{
	const natsConnection *connection = bus->connection;
	struct bus_subscription *mine, *theirs;
	struct mailbox *here = listen_on(bus, "echo.in", &mine);
	struct mailbox *there = listen_on(other, "echo.out", &theirs);
	size_t in = 0, out = 0;

	(void)state;
	for (int i = 0; i < MESSAGES; i++) {
		if (i % 8 == 0)
			bus_cork(bus);
		assert_int_equal(bus_publish(bus, "echo.out", STR("from here")), ST_OK);
		assert_int_equal(bus_publish(other, "echo.in", STR("from there")), ST_OK);
		if (i % 8 == 5)
			assert_int_equal(bus_send(bus, 1000), ST_OK);
		if (i % 1000 == 0) {
			in += come(here, MAILBOX_MAX, 1);
			out += come(there, MAILBOX_MAX, 1);
		}
	}
	assert_int_equal(bus_send(bus, 1000), ST_OK);
	in += come(here, MESSAGES - in, 10000);
	out += come(there, MESSAGES - out, 10000);
	assert_int_equal(in, MESSAGES);
	assert_int_equal(out, MESSAGES);
	assert_ptr_equal(bus->connection, connection);
	assert_false(gone(bus));
	bus_unsubscribe(mine);
	bus_unsubscribe(theirs);
	mailbox_free(here);
	mailbox_free(there);
}

/* [PLT-9] a batch of answers waits for a server that does not read no longer than it says, and what
 * was not written then is written when the server reads again */
static void a_server_that_does_not_read_holds_a_sender_for_so_long(void **state)
{
	const natsConnection *connection = bus->connection;
	static char big[BIG];
	struct bus_subscription *subscription;
	struct mailbox *mailbox = listen_on(other, "big", &subscription);
	size_t sent = 0;
	enum st st;

	(void)state;
	memset(big, 'x', sizeof(big));
	kill(harness->nats_pid, SIGSTOP);
	int64_t began_ms, began_awake_ms;
	do {
		bus_cork(bus);
		assert_int_equal(bus_publish(bus, "big", (struct str){ big, sizeof(big) }), ST_OK);
		sent++;
		began_ms = harness_now_ms();
		began_awake_ms = harness_awake_ms();
		st = bus_send(bus, 300);
	} while (st == ST_OK && sent < 100);
	int64_t took_ms = harness_now_ms() - began_ms;
	int64_t took_awake_ms = harness_awake_ms() - began_awake_ms;
	kill(harness->nats_pid, SIGCONT);
	assert_int_equal(st, ST_DEADLINE);
	assert_true(took_ms >= 290 && took_awake_ms <= 2000);
	assert_int_equal(come(mailbox, sent, 10000), sent);
	assert_ptr_equal(bus->connection, connection);
	assert_false(gone(bus));
	bus_unsubscribe(subscription);
	mailbox_free(mailbox);
}

/* [PLT-9] what is published while it is away is refused, not kept: nobody waits for it any more */
static void a_bus_comes_back_with_its_subscriptions(void **state)
{
	struct bus_subscription *mine, *inbox;
	struct mailbox *here = listen_on(bus, "back.in", &mine);
	struct mailbox *answers = listen_on(bus, "_INBOX.buffered.x", &inbox);

	(void)state;
	for (int round = 1; round <= 3; round++) {
		harness_nats_kill9(harness);
		assert_true(harness_wait_for(gone, bus, 5000));
		bus_cork(bus);
		assert_int_equal(bus_publish(bus, "back.out", STR("x")), ST_BUS_UNAVAILABLE);
		assert_int_equal(bus_send(bus, 10), ST_BUS_UNAVAILABLE);
		assert_int_equal(bus_flush(bus, 10), ST_BUS_UNAVAILABLE);
		assert_false(bus_renew(bus));
		harness_nats_start(harness);
		assert_true(harness_wait_for(connected, other, 10000));
		assert_true(harness_wait_for(connected, bus, 10000));
		assert_int_equal(bus_flush(other, 2000), ST_OK);
		assert_int_equal(bus_flush(bus, 2000), ST_OK);
		assert_int_equal(bus_publish(other, "back.in", STR("again")), ST_OK);
		assert_int_equal(bus_publish(other, "_INBOX.buffered.x", STR("again")), ST_OK);
		assert_come(here, 1);
		assert_come(answers, 1);
		assert_false(bus_is_closed(bus));
	}
	bus_unsubscribe(mine);
	bus_unsubscribe(inbox);
	mailbox_free(here);
	mailbox_free(answers);
}

/* -- a server that says what a test wants -- */

struct fake {
	pthread_t thread;
	int listener;
	int fd;
	char sid[16];
	char text[4096];
	size_t size;
};

static void fake_open(struct fake *fake, char url[64])
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);

	fake->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fake->listener, (void *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fake->listener, 4), 0);
	assert_int_equal(getsockname(fake->listener, (void *)&address, &size), 0);
	snprintf(url, 64, "nats://127.0.0.1:%d", ntohs(address.sin_port));
}

static void fake_say(const struct fake *fake, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void fake_say(const struct fake *fake, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	int size = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	assert_int_equal(send(fake->fd, text, (size_t)size, MSG_NOSIGNAL), size);
}

/* Reads until `text` came. */
static void fake_hear(struct fake *fake, const char *text)
{
	while (!strstr(fake->text, text)) {
		ssize_t got = recv(fake->fd, fake->text + fake->size,
				   sizeof(fake->text) - 1 - fake->size, 0);
		assert_true(got > 0);
		fake->size += (size_t)got;
		fake->text[fake->size] = 0;
	}
}

/* Takes the connection and its one subscription. */
static void *fake_take(void *closure)
{
	struct fake *fake = closure;

	fake->size = 0;
	fake->text[0] = 0;
	fake->fd = accept4(fake->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fake->fd >= 0);
	fake_say(fake, "INFO {\"server_id\":\"x\",\"version\":\"2.9.10\",\"headers\":true,"
		       "\"max_payload\":1048576}\r\n");
	fake_hear(fake, "PING\r\n");
	fake_say(fake, "PONG\r\n");
	fake_hear(fake, "SUB cut");
	fake_hear(fake, "\r\n");
	const char *sub = strstr(fake->text, "SUB cut");
	assert_int_equal(sscanf(sub, "SUB cut  %15s", fake->sid), 1);
	return NULL;
}

static void fake_begin(struct fake *fake)
{
	assert_int_equal(pthread_create(&fake->thread, NULL, fake_take, fake), 0);
}

static void fake_begun(struct fake *fake, struct bus *on)
{
	assert_int_equal(bus_send(on, 1000), ST_OK);
	assert_int_equal(pthread_join(fake->thread, NULL), 0);
}

/* [PLT-9] a connection that ends in the middle of a message leaves nothing of it to the next one */
static void a_message_cut_off_is_not_continued_by_the_next_connection(void **state)
{
	static const char *const cuts[] = { "MSG cut SID 40\r\n{\"half\":\"of a mess", "MSG cu",
					    "M", "HMSG cut SID 12 20\r\nNATS/1" };
	struct bus_subscription *subscription;
	struct problem problem = { 0 };
	struct bus_message message;
	struct fake fake = { 0 };
	struct bus *cut;
	char url[64];

	(void)state;
	fake_open(&fake, url);
	const struct bus_options options = { .url = url,
					     .name = "cut",
					     .sending = BUS_SEND_BUFFERED };
	struct mailbox *mailbox = mailbox_new(8, NULL);
	fake_begin(&fake);
	assert_int_equal(bus_open(&options, &cut, &problem), ST_OK);
	assert_int_equal(bus_subscribe(cut, "cut", NULL, mailbox, &subscription, &problem), ST_OK);
	fake_begun(&fake, cut);
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		char text[64];
		const char *at = strstr(cuts[i], "SID");
		if (at)
			snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - cuts[i]), cuts[i],
				 fake.sid, at + 3);
		else
			snprintf(text, sizeof(text), "%s", cuts[i]);
		fake_say(&fake, "%s", text);
		usleep(20000);
		close(fake.fd);
		assert_true(harness_wait_for(gone, cut, 5000));
		fake_begin(&fake);
		assert_true(harness_wait_for(connected, cut, 5000));
		fake_begun(&fake, cut);
		/* the empty one with the server's status is nobody's, and does not hold up the next
		 */
		fake_say(&fake,
			 "HMSG cut %s 16 16\r\nNATS/1.0 503\r\n\r\n\r\nMSG cut %s 5\r\nwhole\r\n",
			 fake.sid, fake.sid);
		assert_int_equal(mailbox_take(mailbox, &message, 1, 1000), 1);
		assert_true(str_is(message.data, "whole"));
		bus_message_free(&message);
		mailbox_done(mailbox, 1);
		assert_int_equal(mailbox_waiting(mailbox), 0);
	}
	close(fake.fd);
	close(fake.listener);
	bus_unsubscribe(subscription);
	bus_close(cut);
	mailbox_free(mailbox);
}

/* [PLT-9] one refused for want of room is told so although the sender is in the middle of a batch
 */
static void a_full_mailbox_answers_while_the_bus_is_corked(void **state)
{
	struct mailbox *small = mailbox_new(1, NULL);
	struct bus_subscription *full, *answers;
	struct mailbox *mailbox = listen_on(other, "full.answer", &answers);
	struct problem problem = { 0 };
	struct bus_message message;

	(void)state;
	assert_int_equal(bus_subscribe(bus, "full.in", NULL, small, &full, &problem), ST_OK);
	assert_int_equal(bus_flush(bus, 2000), ST_OK);
	bus_cork(bus);
	for (int i = 0; i < 2; i++)
		assert_int_equal(natsConnection_PublishRequest(other->connection, "full.in",
							       "full.answer", "x", 1),
				 NATS_OK);
	assert_int_equal(mailbox_take(mailbox, &message, 1, 2000), 1);
	assert_string_equal(bus_message_header(&message, "Nats-Service-Error"), "overloaded");
	bus_message_free(&message);
	mailbox_done(mailbox, 1);
	assert_int_equal(mailbox_refused(small), 1);
	assert_int_equal(bus_send(bus, 1000), ST_OK);
	bus_unsubscribe(full);
	bus_unsubscribe(answers);
	mailbox_free(small);
	mailbox_free(mailbox);
}

/* [PLT-9] closing with messages under way leaves nobody behind */
static void a_bus_closes_in_the_middle_of_traffic(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++) {
		struct bus *busy = bus_of("closing", BUS_SEND_BUFFERED);
		struct bus_subscription *subscription;
		struct mailbox *mailbox = listen_on(busy, "closing", &subscription);
		for (int i = 0; i < 200; i++) {
			assert_int_equal(bus_publish(other, "closing", STR("x")), ST_OK);
			assert_int_equal(bus_publish(busy, "closing", STR("y")), ST_OK);
		}
		bus_unsubscribe(subscription);
		bus_close(busy);
		mailbox_free(mailbox);
	}
}

static int start(void **state)
{
	(void)state;
	harness = harness_start(.nats = true);
	bus = bus_of("buffered", BUS_SEND_BUFFERED);
	other = bus_of("other", BUS_SEND_AT_ONCE);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	bus_close(bus);
	bus_close(other);
	harness_stop(harness);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_corked_bus_sends_nothing_until_it_is_told_to),
		cmocka_unit_test(two_that_write_at_once_lose_nothing),
		cmocka_unit_test(a_server_that_does_not_read_holds_a_sender_for_so_long),
		cmocka_unit_test(a_full_mailbox_answers_while_the_bus_is_corked),
		cmocka_unit_test(a_bus_comes_back_with_its_subscriptions),
		cmocka_unit_test(a_message_cut_off_is_not_continued_by_the_next_connection),
		cmocka_unit_test(a_bus_closes_in_the_middle_of_traffic),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
