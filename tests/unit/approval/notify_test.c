/* What is told over which channel, when it is tried again, and what it looks like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "services/approval/approval.h"

#define NOW_MS INT64_C(1767225600123) /* 2026-01-01T00:00:00.123Z, a Thursday */

static void waiting_is_told_everywhere_and_the_end_to_programs(void **state)
{
	(void)state;
	for (int step = APPROVAL_REQUEST_STEP_CREATED; step <= APPROVAL_REQUEST_STEP_LAPSED;
	     step++) {
		bool waits = step == APPROVAL_REQUEST_STEP_CREATED ||
			     step == APPROVAL_REQUEST_STEP_ESCALATED;
		bool used = step == APPROVAL_REQUEST_STEP_CONSUMED ||
			    step == APPROVAL_REQUEST_STEP_LAPSED;
		assert_int_equal(notify_wanted(NOTIFY_MAIL, (enum approval_request_step)step),
				 waits);
		assert_int_equal(notify_wanted(NOTIFY_WEBHOOK, (enum approval_request_step)step),
				 !used);
	}
}

static void waiting_between_tries_grows_to_a_limit(void **state)
{
	(void)state;
	assert_int_equal(notify_backoff_ms(1), 1000);
	assert_int_equal(notify_backoff_ms(2), 4000);
	assert_int_equal(notify_backoff_ms(5), 256000);
	assert_int_equal(notify_backoff_ms(6), NOTIFY_BACKOFF_MAX_MS);
	assert_int_equal(notify_backoff_ms(1000000), NOTIFY_BACKOFF_MAX_MS);
}

/* [APR-8] */
static void a_webhook_is_tried_again_where_that_can_help(void **state)
{
	static const struct {
		long status;
		enum notify_state state;
	} cases[] = { { 200, NOTIFY_SENT },   { 204, NOTIFY_SENT },   { 299, NOTIFY_SENT },
		      { 0, NOTIFY_DUE },      { 500, NOTIFY_DUE },    { 503, NOTIFY_DUE },
		      { 429, NOTIFY_DUE },    { 408, NOTIFY_DUE },    { 301, NOTIFY_FAILED },
		      { 400, NOTIFY_FAILED }, { 404, NOTIFY_FAILED }, { 410, NOTIFY_FAILED } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(webhook_outcome(cases[i].status, 1), cases[i].state);
	assert_int_equal(webhook_outcome(500, NOTIFY_TRIES_MAX - 1), NOTIFY_DUE);
	assert_int_equal(webhook_outcome(500, NOTIFY_TRIES_MAX), NOTIFY_FAILED);
	assert_int_equal(webhook_outcome(200, NOTIFY_TRIES_MAX), NOTIFY_SENT);
}

/* [APR-8] */
static void mail_that_may_have_arrived_is_not_sent_again(void **state)
{
	(void)state;
	assert_int_equal(mail_outcome(true, 250, true, 1), NOTIFY_SENT);
	assert_int_equal(mail_outcome(false, 354, true, 1), NOTIFY_UNKNOWN);
	assert_int_equal(mail_outcome(false, 354, false, 1), NOTIFY_DUE);
	assert_int_equal(mail_outcome(false, 0, false, 1), NOTIFY_DUE);
	assert_int_equal(mail_outcome(false, 451, true, 1), NOTIFY_DUE);
	assert_int_equal(mail_outcome(false, 554, true, 1), NOTIFY_FAILED);
	assert_int_equal(mail_outcome(false, 0, false, NOTIFY_TRIES_MAX), NOTIFY_FAILED);
}

/* The expected value was made by another program: openssl dgst -sha256 -hmac. */
static void a_webhook_is_signed_over_time_id_and_body(void **state)
{
	char one[WEBHOOK_SIGNATURE_SIZE], two[WEBHOOK_SIGNATURE_SIZE];

	(void)state;
	webhook_signature(STR("0123456789abcdef"), NOW_MS, STR("apr_1/created/webhook"), STR("{}"),
			  one);
	assert_string_equal(one,
			    "t=1767225600,v1="
			    "5236a610d31d192003754b7a323fce11e8f1458c509704b1b85dcf07d45beb01");
	webhook_signature(STR("0123456789abcdeg"), NOW_MS, STR("apr_1/created/webhook"), STR("{}"),
			  two);
	assert_string_not_equal(one, two);
	webhook_signature(STR("0123456789abcdef"), NOW_MS, STR("apr_1/created/webhook"), STR("{ }"),
			  two);
	assert_string_not_equal(one, two);
}

static const struct mail mail = {
	.from = { "piopl@css.example", 17 },
	.delivery_id = { "apr_1/created/mail", 18 },
	.subject = { "Approval needed\r\nBcc: evil@example \xc3\xa9", 37 },
	.text = { "hello\n", 6 },
	.now_ms = NOW_MS,
};

static void a_message_has_the_headers_a_mail_needs(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 64 * 1024);
	struct str message = mail_message(&mail, &arena);
	assert_non_null(message.data);
	assert_non_null(strstr(message.data, "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n"));
	assert_non_null(strstr(message.data, "Message-ID: <apr_1.created.mail@css.example>\r\n"));
	assert_non_null(strstr(message.data, "\r\n\r\naGVsbG8K\r\n"));
	arena_free(&arena);
}

static void nothing_in_it_can_add_a_header(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 64 * 1024);
	struct str message = mail_message(&mail, &arena);
	assert_null(strstr(message.data, "\nBcc:"));
	assert_non_null(strstr(message.data, "Subject: Approval needed??Bcc: evil@example ??\r\n"));
	arena_free(&arena);
}

static void no_line_is_longer_than_mail_allows(void **state)
{
	char text[5000];
	struct mail longer = mail;
	struct arena arena;
	size_t line = 0;

	(void)state;
	memset(text, 'x', sizeof(text));
	longer.text = (struct str){ text, sizeof(text) };
	arena_init(&arena, 64 * 1024);
	struct str message = mail_message(&longer, &arena);
	for (size_t i = 0; i < message.size; i++) {
		line = message.data[i] == '\n' ? 0 : line + 1;
		assert_true(line < 200);
	}
	arena_free(&arena);
}

static void a_delivery_has_the_same_id_at_each_try(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 4096);
	assert_true(str_is(
		delivery_id_of(STR("apr_1"), APPROVAL_REQUEST_STEP_ESCALATED, NOTIFY_MAIL, &arena),
		"apr_1/escalated/mail"));
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waiting_is_told_everywhere_and_the_end_to_programs),
		cmocka_unit_test(waiting_between_tries_grows_to_a_limit),
		cmocka_unit_test(a_webhook_is_tried_again_where_that_can_help),
		cmocka_unit_test(mail_that_may_have_arrived_is_not_sent_again),
		cmocka_unit_test(a_webhook_is_signed_over_time_id_and_body),
		cmocka_unit_test(a_message_has_the_headers_a_mail_needs),
		cmocka_unit_test(nothing_in_it_can_add_a_header),
		cmocka_unit_test(no_line_is_longer_than_mail_allows),
		cmocka_unit_test(a_delivery_has_the_same_id_at_each_try),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
