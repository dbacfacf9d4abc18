/* tick_test.c: the life of jobs and sandboxes, minute by minute. */
#include "fixture.h"

/* [MET-1] [MET-2] the money ends, and with it what it paid, to the minute */
static void it_stops_exactly_when_the_money_ends(void **state)
{
	struct id wallet = wallet_made("ada");
	int64_t began_ms;

	(void)state;
	deposited(wallet, "0.00252"); /* 20 minutes of one */
	struct id job = job_made(wallet, "");
	struct id a = admitted(job, ""), b = admitted(job, "");
	assert_int_equal(held(wallet), 2 * MINUTE_PRICE);
	began_ms = world.now_ms;
	assert_int_equal(began(a), began_ms + MINUTE_MS);
	assert_int_equal(began(b), began_ms + MINUTE_MS);
	assert_int_equal(held(wallet), 0);
	passed(20 * MINUTE_MS);
	assert_int_equal(available(wallet), 0);
	assert_int_equal(sandbox_shown(a)->minutes, 10);
	assert_int_equal(sandbox_shown(b)->minutes, 10);
	assert_int_equal(sandbox_shown(a)->reason, METER_STOP_REASON_ACCOUNT);
	assert_int_equal(sandbox_shown(a)->lease_until_ms, began_ms + 10 * MINUTE_MS);
	assert_int_equal(sandbox_shown(a)->stop_at_ms, began_ms + 10 * MINUTE_MS);
	assert_int_equal(sandbox_shown(a)->state, METER_SANDBOX_STATE_ENDED); /* silent runner */
	assert_int_equal(job_shown(job)->state, METER_JOB_STATE_RUNNING);
	assert_int_equal(job_shown(job)->spent.micros, 20 * MINUTE_PRICE);
	books_balance();
}

/* [MET-1] every lease that goes on is longer than the tick may be late */
static void a_lease_is_extended_before_it_ends(void **state)
{
	struct id wallet = wallet_made("bea");
	struct id sandboxes[7];

	(void)state;
	deposited(wallet, "5");
	struct id job = job_made(wallet, "");
	for (size_t i = 0; i < 7; i++) {
		sandboxes[i] = admitted(job, "");
		began(sandboxes[i]);
		passed(11000);
	}
	for (int step = 0; step < 200; step++) {
		world.now_ms += 1000;
		ticked(tick_partitions);
		for (size_t i = 0; i < 7; i++) {
			const struct meter_sandbox *s = sandbox_shown(sandboxes[i]);
			assert_int_equal(s->state, METER_SANDBOX_STATE_RUNNING);
			assert_true(s->lease_until_ms >= world.now_ms + 19000);
			assert_true(s->lease_until_ms < world.now_ms + 140000);
			assert_int_equal((s->lease_until_ms - s->began_at_ms) % MINUTE_MS, 0);
		}
	}
	books_balance();
	OK("job_stop", "{\"job_id\":\"%s\"}", job.text);
}

/* [MET-4] */
static void what_never_began_is_not_charged(void **state)
{
	struct id wallet = wallet_made("cleo");

	(void)state;
	deposited(wallet, "1");
	struct id job = job_made(wallet, "");
	struct id late = admitted(job, ""), failed = admitted(job, "");
	OK("sandbox_abort", "{\"sandbox_id\":\"%s\",\"note\":\"no image\"}", failed.text);
	assert_int_equal(held(wallet), MINUTE_PRICE);
	REFUSED(ST_SANDBOX_NOT_ADMITTED, "/sandbox_id", "sandbox_begin", "{\"sandbox_id\":\"%s\"}",
		failed.text);
	world.now_ms += 119999;
	ticked(tick_due);
	assert_int_equal(held(wallet), MINUTE_PRICE);
	world.now_ms += 1;
	REFUSED(ST_HOLD_EXPIRED, "/sandbox_id", "sandbox_begin", "{\"sandbox_id\":\"%s\"}",
		late.text);
	ticked(tick_due);
	assert_int_equal(held(wallet), 0);
	assert_int_equal(available(wallet), 1000000);
	assert_int_equal(sandbox_shown(late)->state, METER_SANDBOX_STATE_FAILED);
	assert_int_equal(sandbox_shown(late)->reason, METER_STOP_REASON_NEVER_BEGAN);
	assert_int_equal(job_shown(job)->held.micros, 0);
	assert_int_equal(job_shown(job)->spent.micros, 0);
	books_balance();
}

/* [MET-2] each limit with its reason, at it and one past */
static void each_limit_stops_with_its_reason(void **state)
{
	struct id wallet = wallet_made("dan");

	(void)state;
	deposited(wallet, "5");
	OK("wallet_set", "{\"wallet_id\":\"%s\",\"tier\":2}", wallet.text);
	/* 3 minutes of a cap, 4 minutes of life, 2 minutes of idleness, a job of 5 minutes */
	struct id job = job_made(wallet, ",\"ttl_s\":3600");
	struct id cap =
		admitted(job, ",\"spend_cap\":{\"amount\":\"0.000378\",\"currency\":\"USD\"}");
	struct id ttl = admitted(job, ",\"ttl_s\":240");
	struct id idle = admitted(job, ",\"idle_timeout_s\":120");
	struct id small =
		job_made(wallet, ",\"max_spend\":{\"amount\":\"0.00063\",\"currency\":\"USD\"}");
	struct id budget = admitted(small, ""), second = admitted(small, "");
	began(cap), began(ttl), began(idle), began(budget), began(second);
	passed(15 * MINUTE_MS);
	assert_int_equal(sandbox_shown(cap)->reason, METER_STOP_REASON_SANDBOX_CAP);
	assert_int_equal(sandbox_shown(cap)->minutes, 3);
	assert_int_equal(sandbox_shown(ttl)->reason, METER_STOP_REASON_TIME_TO_LIVE);
	assert_int_equal(sandbox_shown(ttl)->minutes, 4);
	assert_int_equal(sandbox_shown(idle)->reason, METER_STOP_REASON_IDLE);
	assert_true(sandbox_shown(idle)->minutes <= 4);
	assert_int_equal(sandbox_shown(budget)->reason, METER_STOP_REASON_JOB_CAP);
	assert_int_equal(sandbox_shown(budget)->minutes, 3);
	assert_int_equal(sandbox_shown(second)->reason, METER_STOP_REASON_JOB_CAP);
	assert_int_equal(sandbox_shown(second)->minutes, 2);
	assert_int_equal(job_shown(small)->state, METER_JOB_STATE_ENDED);
	assert_int_equal(job_shown(small)->reason, METER_JOB_REASON_BUDGET);
	assert_int_equal(job_shown(small)->spent.micros, 5 * MINUTE_PRICE);
	assert_int_equal(job_shown(job)->state, METER_JOB_STATE_RUNNING);
	books_balance();
}

/* [MET-5] */
static void activity_keeps_it_awake(void **state)
{
	struct id wallet = wallet_made("eli");

	(void)state;
	deposited(wallet, "1");
	struct id job = job_made(wallet, ",\"idle_timeout_s\":180");
	struct id a = admitted(job, ",\"idle_timeout_s\":120");
	began(a);
	for (int i = 0; i < 10; i++) {
		passed(MINUTE_MS);
		OK("activity_report", "{\"items\":[{\"sandbox_id\":\"%s\"}]}", a.text);
		assert_int_equal(((const struct meter_activity_report_reply *)world.answer)->moved,
				 1);
	}
	assert_int_equal(sandbox_shown(a)->state, METER_SANDBOX_STATE_RUNNING);
	passed(4 * MINUTE_MS);
	assert_int_equal(sandbox_shown(a)->reason, METER_STOP_REASON_IDLE);
	/* the job has one of its own */
	passed(2 * MINUTE_MS);
	assert_int_equal(job_shown(job)->reason, METER_JOB_REASON_IDLE);
	books_balance();
}

/* [JOB-3] */
static void a_job_that_is_stopped_takes_its_sandboxes_along(void **state)
{
	struct id wallet = wallet_made("fay");

	(void)state;
	deposited(wallet, "1");
	struct id job = job_made(wallet, "");
	struct id a = admitted(job, ""), b = admitted(job, ""), waiting = admitted(job, "");
	began(a), began(b);
	passed(3 * MINUTE_MS + 1000);
	int64_t stops = events("meter.sandbox.stopping");
	OK("job_stop", "{\"job_id\":\"%s\"}", job.text);
	assert_int_equal(events("meter.sandbox.stopping"), stops + 2);
	assert_int_equal(events("meter.job.ended"), sql_i64("SELECT count(*) FROM meter.job WHERE "
							    "state = 2"));
	assert_int_equal(sandbox_shown(a)->reason, METER_STOP_REASON_JOB_ENDED);
	assert_int_equal(sandbox_shown(a)->stop_at_ms, world.now_ms);
	assert_int_equal(sandbox_shown(waiting)->state, METER_SANDBOX_STATE_FAILED);
	assert_int_equal(held(wallet), 0);
	REFUSED(ST_JOB_CLOSED, "/job_id", "job_stop", "{\"job_id\":\"%s\"}", job.text);
	REFUSED(ST_JOB_CLOSED, "/job_id", "sandbox_admit",
		"{\"job_id\":\"%s\",\"runner\":\"mock\",\"shape\":" SHAPE "}", job.text);
	OK("sandbox_end", "{\"sandbox_id\":\"%s\"}", a.text);
	assert_int_equal(sandbox_shown(a)->state, METER_SANDBOX_STATE_ENDED);
	books_balance();
}

/* [JOB-1] [JOB-3] */
static void a_job_ends_by_its_time(void **state)
{
	struct id wallet = wallet_made("gil");

	(void)state;
	deposited(wallet, "1");
	struct id job = job_made(wallet, ",\"ttl_s\":300");
	struct id a = admitted(job, "");
	int64_t began_ms = world.now_ms;
	began(a);
	passed(10 * MINUTE_MS);
	assert_int_equal(job_shown(job)->reason, METER_JOB_REASON_TIME);
	assert_int_equal(sandbox_shown(a)->minutes, 5);
	assert_true(sandbox_shown(a)->stop_at_ms <= began_ms + 300000);
	books_balance();
}

/* [MET-2] [MET-3] an outage: what was paid is kept, nothing else is charged */
static void after_an_outage_each_minute_is_charged_once(void **state)
{
	struct id wallet = wallet_made("hugo");

	(void)state;
	deposited(wallet, "1");
	struct id job = job_made(wallet, "");
	struct id a = admitted(job, "");
	began(a);
	passed(3 * MINUTE_MS);
	int64_t until_ms = sandbox_shown(a)->lease_until_ms;
	/* late, but the lease is still there: it goes on, and each minute is charged once */
	world.now_ms = until_ms - 1;
	ticked(tick_partitions);
	assert_int_equal(sandbox_shown(a)->state, METER_SANDBOX_STATE_RUNNING);
	int64_t minutes = sandbox_shown(a)->minutes;
	until_ms = sandbox_shown(a)->lease_until_ms;
	assert_int_equal(available(wallet), 1000000 - minutes * MINUTE_PRICE);
	ticked(tick_partitions);
	assert_int_equal(sandbox_shown(a)->minutes, minutes);
	/* too late: it has stopped by itself, and not a minute more is charged */
	world.now_ms = until_ms + 10 * MINUTE_MS;
	ticked(tick_partitions);
	assert_int_equal(sandbox_shown(a)->reason, METER_STOP_REASON_LEASE_ENDED);
	assert_int_equal(sandbox_shown(a)->minutes, minutes);
	assert_int_equal(sandbox_shown(a)->stop_at_ms, until_ms);
	assert_int_equal(available(wallet), 1000000 - minutes * MINUTE_PRICE);
	books_balance();
}

/* [JOB-2] field by field, in this order */
static void clamping_is_reported_field_by_field(void **state)
{
	struct id wallet = wallet_made("ivy");

	(void)state;
	deposited(wallet, "100");
	OK("job_create",
	   "{\"wallet_id\":\"%s\",\"purpose\":\"p\",\"max_spend\":{\"amount\":\"70\",\"currency\":"
	   "\"USD\"},\"ttl_s\":3600}",
	   wallet.text);
	const struct meter_job_grant_reply *granted = world.answer;
	assert_int_equal(granted->grants.spend.requested.micros, 70000000);
	assert_int_equal(granted->grants.spend.cap.micros, 50000000);
	assert_int_equal(granted->grants.spend.granted.micros, 50000000);
	assert_int_equal(granted->grants.spend.bound_by, METER_BOUND_BY_POLICY_CAP);
	assert_int_equal(granted->grants.ttl_s.bound_by, METER_BOUND_BY_REQUESTED);
	assert_true(granted->job.primary);
	struct id job = id_of(granted->job.job_id);
	OK("sandbox_admit",
	   "{\"job_id\":\"%s\",\"runner\":\"mock\",\"ttl_s\":7200,\"spend_cap\":{\"amount\":\"5\","
	   "\"currency\":\"USD\"},\"shape\":{\"image_class\":\"large\",\"cpu_milli\":16000,"
	   "\"ram_mb\":1024,\"disk_mb\":0}}",
	   job.text);
	const struct meter_sandbox_admit_reply *admission = world.answer;
	assert_int_equal(admission->sandbox.shape.cpu_milli, 2000);
	assert_int_equal(admission->grants.cpu_milli.bound_by, METER_BOUND_BY_POLICY_CAP);
	assert_int_equal(admission->grants.ttl_s.remaining, 3600);
	assert_int_equal(admission->grants.ttl_s.granted, 3600);
	assert_int_equal(admission->grants.ttl_s.bound_by, METER_BOUND_BY_JOB_REMAINING);
	assert_int_equal(admission->grants.spend.bound_by, METER_BOUND_BY_REQUESTED);
	assert_int_equal(admission->sandbox.price_per_minute.micros, 200 + 25 + 0 + 50);
	REFUSED(ST_JOB_LIMIT, "/wallet_id", "job_create",
		"{\"wallet_id\":\"%s\",\"purpose\":\"another\"}", wallet.text);
	REFUSED(ST_PRICE_UNKNOWN, "/shape/image_class", "sandbox_admit",
		"{\"job_id\":\"%s\",\"runner\":\"mock\",\"shape\":{\"image_class\":\"gold\","
		"\"cpu_milli\":1,\"ram_mb\":1,\"disk_mb\":0}}",
		job.text);
	REFUSED(ST_SANDBOX_CAP_TOO_SMALL, "/spend_cap", "sandbox_admit",
		"{\"job_id\":\"%s\",\"runner\":\"mock\",\"shape\":" SHAPE
		",\"spend_cap\":{\"amount\":\"0.000125\",\"currency\":\"USD\"}}",
		job.text);
	assert_string_equal(world.problem.hint, "at least 0.000126 USD");
	OK("job_stop", "{\"job_id\":\"%s\"}", job.text);
	books_balance();
}

/* [JOB-2] a sandbox never outspends its job, also while others wait to begin */
static void the_first_minutes_are_set_aside_by_the_job(void **state)
{
	struct id wallet = wallet_made("jill");

	(void)state;
	deposited(wallet, "1");
	struct id job =
		job_made(wallet, ",\"max_spend\":{\"amount\":\"0.000252\",\"currency\":\"USD\"}");
	struct id a = admitted(job, ""), b = admitted(job, "");
	REFUSED(ST_JOB_BUDGET_EXHAUSTED, "/job_id", "sandbox_admit",
		"{\"job_id\":\"%s\",\"runner\":\"mock\",\"shape\":" SHAPE "}", job.text);
	began(a);
	passed(2 * MINUTE_MS - 1000);
	assert_int_equal(sandbox_shown(a)->reason, METER_STOP_REASON_JOB_CAP);
	assert_int_equal(job_shown(job)->state, METER_JOB_STATE_RUNNING); /* b may begin yet */
	began(b);
	passed(2 * MINUTE_MS);
	assert_int_equal(job_shown(job)->reason, METER_JOB_REASON_BUDGET);
	assert_int_equal(job_shown(job)->spent.micros, 2 * MINUTE_PRICE);
	assert_int_equal(sandbox_shown(b)->minutes, 1);
	books_balance();
}

/* [WAL-3] */
static void holds_are_captured_released_and_expire(void **state)
{
	struct id wallet = wallet_made("kay"), shop = wallet_made("shop");
	struct id hold;

	(void)state;
	deposited(wallet, "10");
#define HOLD(amount, ttl)                                                                          \
	do {                                                                                       \
		OK("hold_create",                                                                  \
		   "{\"wallet_id\":\"%s\",\"amount\":{\"amount\":\"" amount                        \
		   "\",\"currency\":\"USD\"},\"ttl_s\":" ttl "}",                                  \
		   wallet.text);                                                                   \
		hold = id_of(((const struct meter_hold_reply *)world.answer)->hold.hold_id);       \
	} while (0)
	HOLD("4", "60");
	assert_int_equal(available(wallet), 6000000);
	assert_int_equal(held(wallet), 4000000);
	REFUSED(ST_CAPTURE_ABOVE_HOLD, "/amount", "hold_capture",
		"{\"hold_id\":\"%s\",\"amount\":{\"amount\":\"4.000001\",\"currency\":\"USD\"}}",
		hold.text);
	OK("hold_capture",
	   "{\"hold_id\":\"%s\",\"to\":\"%s\",\"amount\":{\"amount\":\"1.5\",\"currency\":"
	   "\"USD\"}}",
	   hold.text, shop.text);
	assert_int_equal(available(wallet), 8500000);
	assert_int_equal(available(shop), 1500000);
	assert_int_equal(held(wallet), 0);
	REFUSED(ST_HOLD_CLOSED, "/hold_id", "hold_capture", "{\"hold_id\":\"%s\"}", hold.text);
	HOLD("8.5", "60");
	OK("hold_release", "{\"hold_id\":\"%s\"}", hold.text);
	assert_int_equal(available(wallet), 8500000);
	HOLD("1", "60");
	OK("hold_capture", "{\"hold_id\":\"%s\"}", hold.text);
	HOLD("2", "60");
	world.now_ms += 60000;
	REFUSED(ST_HOLD_EXPIRED, "/hold_id", "hold_capture", "{\"hold_id\":\"%s\"}", hold.text);
	ticked(tick_due);
	OK("hold_show", "{\"hold_id\":\"%s\"}", hold.text);
	assert_int_equal(((const struct meter_hold_reply *)world.answer)->hold.state,
			 METER_HOLD_STATE_EXPIRED);
	assert_int_equal(available(wallet), 7500000);
	REFUSED(ST_HOLD_UNKNOWN, "/hold_id", "hold_release",
		"{\"hold_id\":\"hld_00000000-0000-7000-8000-000000000000\"}");
	books_balance();
}

/* [MET-8] hours add up to the whole, and the whole to what was charged */
static void usage_adds_up(void **state)
{
	struct id wallet = wallet_made("lou");
	char from[TIME_TEXT_SIZE], to[TIME_TEXT_SIZE];
	static const char *const by[] = { "total", "hour", "job", "sandbox" };

	(void)state;
	deposited(wallet, "1");
	time_format(world.now_ms, from);
	struct id job = job_made(wallet, "");
	struct id a = admitted(job, "");
	began(a);
	passed(50 * MINUTE_MS);
	struct id b = admitted(job, "");
	began(b);
	passed(50 * MINUTE_MS);
	OK("sandbox_stop", "{\"sandbox_id\":\"%s\"}", a.text);
	time_format(world.now_ms + 7200000, to);
	int64_t spent = 1000000 - available(wallet);
	for (size_t i = 0; i < 4; i++) {
		OK("usage_read",
		   "{\"wallet_id\":\"%s\",\"from\":\"%s\",\"to\":\"%s\",\"by\":\"%s\"}",
		   wallet.text, from, to, by[i]);
		const struct meter_usage_read_reply *usage = world.answer;
		assert_int_equal(usage->total_cost.micros, spent);
		assert_int_equal(usage->total_minutes, spent / MINUTE_PRICE);
		assert_true(usage->rows.count >= (i == 3 || i == 1 ? 2u : 1u));
	}
	REFUSED(ST_USAGE_SUBJECT, "", "usage_read", "{\"from\":\"%s\",\"to\":\"%s\"}", from, to);
	REFUSED(ST_USAGE_SPAN, "/to", "usage_read",
		"{\"wallet_id\":\"%s\",\"from\":\"%s\",\"to\":\"%s\"}", wallet.text, to, to);
	OK("job_stop", "{\"job_id\":\"%s\"}", job.text);
	books_balance();
}

static const struct meter_horizon *horizon_in(const char *name, struct id wallet)
{
	OK("horizon_list", "{\"state\":\"%s\"}", name);
	const struct meter_horizon_list_reply *list = world.answer;
	for (size_t i = 0; i < list->horizons.count; i++)
		if (str_is(list->horizons.items[i].wallet_id, wallet.text))
			return &list->horizons.items[i].horizon;
	fail_msg("the wallet is not %s", name);
	return NULL;
}

/* [PSH-1] [PSH-2] [PSH-3] */
static void the_horizon_is_told_as_it_shrinks(void **state)
{
	struct id wallet = wallet_made("max");

	(void)state;
	deposited(wallet, "0.01512"); /* 120 minutes of one */
	struct id job = job_made(wallet, ",\"ttl_s\":604800");
	struct id a = admitted(job, ",\"ttl_s\":86400");
	began(a);
	passed(10 * MINUTE_MS);
	const struct meter_horizon *h = horizon_in("emergency", wallet);
	assert_int_equal(h->binding, METER_BINDING_BALANCE);
	const struct meter_horizon *now = shown(wallet)->horizon;
	assert_non_null(now);
	assert_int_equal(now->binding, METER_BINDING_BALANCE);
	assert_int_equal(now->minutes, available(wallet) / MINUTE_PRICE);
	int64_t changes = events("meter.horizon.changed");
	deposited(wallet, "1"); /* 5 days and more of it */
	passed(MINUTE_MS);
	assert_int_equal(events("meter.horizon.changed"), changes + 1);
	(void)horizon_in("alive", wallet);
	OK("wallet_withdraw",
	   "{\"wallet_id\":\"%s\",\"amount\":{\"amount\":\"1\",\"currency\":\"USD\"}}",
	   wallet.text);
	passed(130 * MINUTE_MS);
	assert_int_equal(sandbox_shown(a)->reason, METER_STOP_REASON_ACCOUNT);
	OK("forecast_list", "{\"wallet_id\":\"%s\"}", wallet.text);
	const struct meter_forecast_list_reply *forecasts = world.answer;
	assert_true(forecasts->forecasts.count >= 3);
	for (size_t i = 0; i < forecasts->forecasts.count; i++)
		assert_true(forecasts->forecasts.items[i].has_ended_at_ms);
	/* the last one was made when nothing changed any more: it was right */
	assert_in_range(forecasts->forecasts.items[0].error_minutes + 2, 0, 4);
	OK("job_stop", "{\"job_id\":\"%s\"}", job.text);
	books_balance();
}

/* [PSH-2] [MET-2] a wallet decided in detail beside one that is not, in one partition: each has one
 * horizon, and the tick goes on */
static void wallets_of_one_partition_have_a_horizon_each(void **state)
{
	struct id first = wallet_made("ola"), second = { "" };

	(void)state;
	for (int i = 0; i < METER_PARTITIONS; i++)
		second = wallet_made("pia");
	deposited(first, "1"), deposited(second, "1");
	assert_int_equal(shown(first)->partition, shown(second)->partition);
	struct id a = job_made(first, ""), b = job_made(second, "");
	struct id stays = admitted(a, ""), goes = admitted(a, ",\"ttl_s\":240");
	struct id other = admitted(b, "");
	began(stays), began(goes), began(other);
	passed(3 * MINUTE_MS);
	assert_int_equal(horizon_in("alive", first)->burn_per_minute.micros, 2 * MINUTE_PRICE);
	passed(3 * MINUTE_MS);
	assert_int_equal(sandbox_shown(goes)->reason, METER_STOP_REASON_TIME_TO_LIVE);
	assert_int_equal(sandbox_shown(stays)->state, METER_SANDBOX_STATE_RUNNING);
	assert_int_equal(sandbox_shown(other)->state, METER_SANDBOX_STATE_RUNNING);
	assert_int_equal(horizon_in("alive", first)->burn_per_minute.micros, MINUTE_PRICE);
	assert_int_equal(horizon_in("alive", second)->burn_per_minute.micros, MINUTE_PRICE);
	OK("job_stop", "{\"job_id\":\"%s\"}", a.text);
	OK("job_stop", "{\"job_id\":\"%s\"}", b.text);
	books_balance();
}

/* Prices are kept by version; what runs keeps the price it was admitted at. */
static void a_new_price_is_for_those_admitted_later(void **state)
{
	(void)state;
	OK("wallet_create", "{\"owner\":\"nia\",\"currency\":\"EUR\"}");
	struct id wallet =
		id_of(((const struct meter_wallet_reply *)world.answer)->wallet.wallet_id);
	OK("wallet_deposit",
	   "{\"wallet_id\":\"%s\",\"amount\":{\"amount\":\"1\",\"currency\":\"EUR\"}}",
	   wallet.text);
	struct id job = job_made(wallet, "");
	struct id a = admitted(job, "");
#define EUR(amount) "{\"amount\":\"" amount "\",\"currency\":\"EUR\"}"
	OK("price_put",
	   "{\"currency\":\"EUR\",\"cpu_minute\":" EUR("0.001") ",\"ram_gb_minute\":" EUR(
		   "0") ",\"disk_gb_minute\":" EUR("0") ",\"classes\":[{\"image_class\":"
							"\"standard\",\"minute\":" EUR("0") "}]}");
	struct id b = admitted(job, "");
	assert_int_equal(sandbox_shown(a)->price_per_minute.micros, MINUTE_PRICE);
	assert_int_equal(sandbox_shown(b)->price_per_minute.micros, 1000);
	OK("price_quote", "{\"currency\":\"EUR\",\"image_class\":\"standard\",\"cpu_milli\":1001,"
			  "\"ram_mb\":1,\"disk_mb\":0,\"minutes\":60}");
	assert_int_equal(((const struct meter_price_quote_reply *)world.answer)->total.micros,
			 60 * 1001);
	REFUSED(ST_PRICE_IN_PAST, "/from", "price_put",
		"{\"currency\":\"EUR\",\"from\":\"2020-01-01T00:00:00Z\",\"cpu_minute\":" EUR(
			"0") ",\"ram_gb_minute\":" EUR("0") ",\"disk_gb_minute\":" EUR("0") ",\"cla"
											    "sses\""
											    ":[{"
											    "\"imag"
											    "e_"
											    "class"
											    "\":"
											    "\"stan"
											    "dard\""
											    ",\"min"
											    "ute\""
											    ":" EUR("0") "}]}");
	began(a), began(b);
	passed(3 * MINUTE_MS);
	OK("job_stop", "{\"job_id\":\"%s\"}", job.text);
	books_balance();
}

static int start(void **state)
{
	(void)state;
	world_start();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	world_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_stops_exactly_when_the_money_ends),
		cmocka_unit_test(a_lease_is_extended_before_it_ends),
		cmocka_unit_test(what_never_began_is_not_charged),
		cmocka_unit_test(each_limit_stops_with_its_reason),
		cmocka_unit_test(activity_keeps_it_awake),
		cmocka_unit_test(a_job_that_is_stopped_takes_its_sandboxes_along),
		cmocka_unit_test(a_job_ends_by_its_time),
		cmocka_unit_test(after_an_outage_each_minute_is_charged_once),
		cmocka_unit_test(clamping_is_reported_field_by_field),
		cmocka_unit_test(the_first_minutes_are_set_aside_by_the_job),
		cmocka_unit_test(holds_are_captured_released_and_expire),
		cmocka_unit_test(usage_adds_up),
		cmocka_unit_test(the_horizon_is_told_as_it_shrinks),
		cmocka_unit_test(wallets_of_one_partition_have_a_horizon_each),
		cmocka_unit_test(a_new_price_is_for_those_admitted_later),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
