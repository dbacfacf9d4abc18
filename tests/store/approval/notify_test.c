/* What is told outside: one row for a channel and a step, claimed by one sender; two who use one
 * approval at the same time. */
#include "fixture.h"

static int start(void **state)
{
	(void)state;
	world_start();
	strcpy(world.approval.webhook_url, "http://127.0.0.1:9/");
	strcpy(world.approval.smtp_url, "smtp://127.0.0.1:9");
	return 0;
}

static int stop(void **state)
{
	(void)state;
	world_stop();
	return 0;
}

static int each(void **state)
{
	(void)state;
	harness_sql(world.harness, "UPDATE approval.notification SET state = 4, claim = NULL");
	return 0;
}

static size_t claimed(const char *claim, int64_t limit, struct notice *ret)
{
	struct db_tx *tx = transaction_begin();
	struct notice *notices;
	size_t count;

	assert_int_equal(store_notices_claim(tx, &world.svc.arena, str_of(claim), limit,
					     world.now_ms, &notices, &count),
			 ST_OK);
	for (size_t i = 0; i < count; i++)
		ret[i] = notices[i];
	transaction_end(tx, true);
	return count;
}

static void finished(const struct notice *notice, const char *claim, enum notify_state state,
		     int64_t due_ms)
{
	struct asked id;
	struct notice copy = *notice;
	struct db_tx *tx;

	snprintf(id.request_id, sizeof(id.request_id), "%s", text_of(notice->request_id));
	tx = transaction_begin();
	copy.request_id = str_of(id.request_id);
	assert_int_equal(
		store_notice_finish(tx, &copy, str_of(claim), state, due_ms, world.now_ms, ""),
		ST_OK);
	transaction_end(tx, true);
}

static void orphans_taken(const char *claim, int64_t before_ms)
{
	struct db_tx *tx = transaction_begin();

	assert_int_equal(store_notice_orphans(tx, str_of(claim), before_ms, world.now_ms), ST_OK);
	transaction_end(tx, true);
}

/* [APR-8] */
static void a_step_is_put_once_for_each_channel(void **state)
{
	struct asked one = asked("");

	(void)state;
	assert_int_equal(
		sql_i64("SELECT count(*) FROM approval.notification WHERE request_id = '%s' "
			"AND step = 1",
			one.request_id),
		2);
	OK(VERDICT(one, BOB, "approve"));
	assert_int_equal(
		sql_i64("SELECT count(*) FROM approval.notification WHERE request_id = '%s' "
			"AND step = 3 AND channel = 1",
			one.request_id),
		1);
	assert_int_equal(
		sql_i64("SELECT count(*) FROM approval.notification WHERE request_id = '%s' "
			"AND step = 3 AND channel = 2",
			one.request_id),
		0);
}

static void what_one_sender_claimed_another_does_not(void **state)
{
	struct notice mine[8], theirs[8];

	(void)state;
	(void)asked("");
	assert_int_equal(claimed("a", 1, mine), 1);
	assert_int_equal(claimed("b", 8, theirs), 1);
	assert_int_not_equal(mine[0].channel, theirs[0].channel);
	assert_int_equal(claimed("c", 8, theirs), 0);
}

/* [APR-8] */
static void what_was_sent_is_not_sent_again(void **state)
{
	struct notice notices[8];

	(void)state;
	(void)asked("");
	assert_int_equal(claimed("a", 1, notices), 1);
	finished(&notices[0], "a", NOTIFY_SENT, world.now_ms);
	assert_int_equal(claimed("a", 8, notices), 1);
	orphans_taken("b", world.now_ms + 1000000);
	assert_int_equal(sql_i64("SELECT count(*) FROM approval.notification WHERE state = 3"), 1);
}

static void a_result_of_someone_elses_claim_changes_nothing(void **state)
{
	struct notice notices[8];

	(void)state;
	(void)asked("");
	assert_int_equal(claimed("a", 8, notices), 2);
	finished(&notices[0], "b", NOTIFY_SENT, world.now_ms);
	assert_int_equal(
		sql_i64("SELECT count(*) FROM approval.notification WHERE state = 2 AND claim = "
			"'a'"),
		2);
}

static void what_failed_waits_for_its_time(void **state)
{
	struct notice notices[8];

	(void)state;
	(void)asked("");
	assert_int_equal(claimed("a", 1, notices), 1);
	finished(&notices[0], "a", NOTIFY_DUE, world.now_ms + 5000);
	assert_int_equal(claimed("a", 8, notices), 1);
	assert_int_equal(claimed("a", 8, notices), 0);
	world.now_ms += 5000;
	assert_int_equal(claimed("a", 8, notices), 1);
	assert_int_equal(notices[0].tries, 2);
}

/* [APR-8] The sender ended: a receiver of webhooks can tell a repetition, one of mail cannot. */
static void a_dead_senders_webhook_is_due_and_its_mail_is_not(void **state)
{
	struct notice notices[8];

	(void)state;
	(void)asked("");
	assert_int_equal(claimed("a", 8, notices), 2);
	orphans_taken("b", world.now_ms - 1000);
	assert_int_equal(claimed("b", 8, notices), 0);
	orphans_taken("a", world.now_ms + 1000);
	assert_int_equal(claimed("a", 8, notices), 0);
	orphans_taken("b", world.now_ms + 1000);
	assert_int_equal(claimed("b", 8, notices), 1);
	assert_int_equal(notices[0].channel, NOTIFY_WEBHOOK);
	assert_int_equal(sql_i64("SELECT count(*) FROM approval.notification WHERE state = 5"), 1);
}

static void addresses_are_those_of_the_group(void **state)
{
	struct str bob = str_of(person_id(BOB));
	struct group all = { .roles = APPROVERS_DEFAULT };
	struct group named = { .roles = APPROVERS_DEFAULT, .people = &bob, .people_count = 1 };
	struct str *addresses;
	size_t count;
	struct db_tx *tx = transaction_begin();

	(void)state;
	assert_int_equal(store_addresses(tx, &world.svc.arena, &all, &addresses, &count), ST_OK);
	assert_int_equal(count, 3);
	assert_int_equal(store_addresses(tx, &world.svc.arena, &named, &addresses, &count), ST_OK);
	assert_int_equal(count, 1);
	assert_true(str_is(addresses[0], "bob@css"));
	transaction_end(tx, false);
}

/* [APR-7] Even a worker that knew nothing of the state could not write a second use. */
static void the_table_of_uses_takes_one(void **state)
{
	struct asked one = asked("");
	struct request_row row = { 0 };
	struct problem problem = { 0 };
	struct db_tx *tx;

	(void)state;
	OK(VERDICT(one, BOB, "approve"));
	OK(CONSUME(one));
	tx = transaction_begin();
	row.request_id = str_of(one.request_id);
	row.digest = str_of(one.digest);
	assert_int_equal(store_consume(tx, &row, STR("policy"), (struct str){ 0 }, world.now_ms),
			 ST_OK);
	assert_int_equal(db_commit(tx, &problem), ST_APPROVAL_USED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_step_is_put_once_for_each_channel, each),
		cmocka_unit_test_setup(what_one_sender_claimed_another_does_not, each),
		cmocka_unit_test_setup(what_was_sent_is_not_sent_again, each),
		cmocka_unit_test_setup(a_result_of_someone_elses_claim_changes_nothing, each),
		cmocka_unit_test_setup(what_failed_waits_for_its_time, each),
		cmocka_unit_test_setup(a_dead_senders_webhook_is_due_and_its_mail_is_not, each),
		cmocka_unit_test_setup(addresses_are_those_of_the_group, each),
		cmocka_unit_test_setup(the_table_of_uses_takes_one, each),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
