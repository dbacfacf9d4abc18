/* core_test.c: the pure rules of money: postings, paid minutes, prices, clamping, limits, the
 * horizon. Tables for what is said, random fleets for what must always hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"
#include "services/meter/known.h"
#include "services/meter/meter.h"

#define ROUNDS 3000

static uint64_t seed = 20260101;

static int64_t any(int64_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (int64_t)((seed >> 33) % (uint64_t)below);
}

/* -- postings -- */

/* [WAL-1] whatever is posted, nothing is made, lost or overdrawn */
static void postings_keep_the_sum_and_the_floor(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct account accounts[4];
		struct posting postings[6];
		int64_t before = 0, after = 0, kept[4];
		size_t failed;

		for (int i = 0; i < 4; i++) {
			accounts[i] = (struct account){ .id = 2 * (i + 1),
							.balance = any(100),
							.last_ms = any(50),
							.currency = 1 };
			kept[i] = accounts[i].balance;
			before += kept[i];
		}
		for (int i = 0; i < 6; i++) {
			int64_t from = any(4), to = (from + 1 + any(3)) % 4;
			postings[i] = (struct posting){ .from = 2 * (from + 1),
							.to = 2 * (to + 1),
							.amount = any(60),
							.keep = any(10) };
		}
		enum st st = postings_apply(accounts, 4, postings, 6, 25, "USD", &failed, NULL);
		for (int i = 0; i < 4; i++) {
			after += accounts[i].balance;
			assert_true(accounts[i].balance >= 0);
			if (st != ST_OK)
				assert_int_equal(accounts[i].balance, kept[i]);
		}
		assert_int_equal(before, after);
		if (st != ST_OK)
			assert_true(failed < 6);
	}
}

static void times_of_an_account_never_go_back(void **state)
{
	struct account a[2] = { { .id = 2, .balance = 10, .last_ms = 900, .currency = 1 },
				{ .id = 4, .balance = 0, .last_ms = 100, .currency = 1 } };
	struct posting p = { .from = 2, .to = 4, .amount = 10 };

	(void)state;
	assert_int_equal(posting_apply(a, 2, &p, 500, "USD", NULL), ST_OK);
	assert_int_equal(p.at_ms, 900);
	assert_int_equal(a[1].last_ms, 900);
	assert_int_equal(p.from_balance, 0);
	assert_int_equal(p.to_balance, 10);
}

static void each_refusal_of_a_posting_has_its_code(void **state)
{
	static const struct {
		struct posting posting;
		enum st st;
	} cases[] = {
		{ { .from = 2, .to = 4, .amount = 0 }, ST_AMOUNT_NOT_POSITIVE },
		{ { .from = 2, .to = 4, .amount = -1 }, ST_AMOUNT_NOT_POSITIVE },
		{ { .from = 2, .to = 4, .amount = 100 }, ST_OK },
		{ { .from = 2, .to = 4, .amount = 101 }, ST_FUNDS_INSUFFICIENT },
		{ { .from = 2, .to = 4, .amount = INT64_MAX }, ST_FUNDS_INSUFFICIENT },
		{ { .from = 2, .to = 4, .amount = 90, .keep = 10 }, ST_OK },
		{ { .from = 2, .to = 4, .amount = 91, .keep = 10 }, ST_RESERVE_PROTECTED },
		{ { .from = 2, .to = 4, .amount = 1, .keep = INT64_MAX }, ST_RESERVE_PROTECTED },
		{ { .from = -1000, .to = 6, .amount = 1 }, ST_OK },
		{ { .from = -1000, .to = 6, .amount = 2 }, ST_BALANCE_OVERFLOW },
		{ { .from = 2, .to = 8, .amount = 1 }, ST_CURRENCY_MISMATCH },
		{ { .from = 2, .to = 10, .amount = 1 }, ST_WALLET_UNKNOWN },
		{ { .from = 10, .to = 2, .amount = 1 }, ST_WALLET_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct account a[] = { { .id = 2, .balance = 100, .currency = 1 },
				       { .id = 4, .balance = 0, .currency = 1 },
				       { .id = 6, .balance = INT64_MAX - 1, .currency = 1 },
				       { .id = 8, .balance = 0, .currency = 2 } };
		struct posting p = cases[i].posting;
		struct problem problem = { 0 };
		assert_int_equal(posting_apply(a, 4, &p, 1, "USD", &problem), cases[i].st);
		if (cases[i].st != ST_OK)
			assert_int_equal(problem.st, cases[i].st);
	}
}

static void accounts_are_numbered_so_that_they_tell_their_wallet(void **state)
{
	int64_t id;
	char text[TRANSFER_ID_SIZE];

	(void)state;
	for (int64_t wallet = 1; wallet < 100; wallet++) {
		assert_int_equal(account_wallet(account_available(wallet)), wallet);
		assert_int_equal(account_wallet(account_held(wallet)), wallet);
		assert_true(wallet_partition(wallet) < METER_PARTITIONS);
	}
	for (int64_t c = 1; c <= METER_CURRENCIES_MAX; c++)
		for (int64_t p = 0; p < METER_PARTITIONS; p++)
			assert_true(account_system(c, SYSTEM_REVENUE, p) !=
				    account_system(c, SYSTEM_EXTERNAL, p));
	transfer_id_print(INT64_MAX, text);
	assert_true(transfer_id_parse(str_of(text), &id));
	assert_int_equal(id, INT64_MAX);
	assert_false(transfer_id_parse(STR("trf_"), &id));
	assert_false(transfer_id_parse(STR("trf_0"), &id));
	assert_false(transfer_id_parse(STR("trf_x"), &id));
}

/* -- paid minutes -- */

/* [MET-1] [MET-2] however the ticks come, each minute is paid once and before it begins */
static void minutes_are_paid_once_whenever_the_ticks_come(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		int64_t from_ms = 1000000 + any(60000), margin_ms = 1000 + any(40000);
		int64_t through_ms = any(3) ? any(2000000) : 0, now_ms = from_ms;
		int64_t paid = minutes_paid(from_ms, through_ms), charged = paid;
		for (int tick = 0; tick < 20; tick++) {
			now_ms += any(90000);
			int64_t next_ms = paid_through_next(through_ms, now_ms, margin_ms);
			assert_true(next_ms >= through_ms && next_ms >= now_ms + margin_ms);
			assert_int_equal((next_ms - through_ms) % MINUTE_MS, 0);
			charged +=
				minutes_paid(from_ms, next_ms) - minutes_paid(from_ms, through_ms);
			through_ms = next_ms;
			assert_int_equal(charged, minutes_paid(from_ms, through_ms));
			int64_t until_ms = from_ms + charged * MINUTE_MS;
			assert_true(until_ms >= through_ms || charged == 1);
			/* not a minute more than is needed */
			assert_true(charged == 1 || until_ms - MINUTE_MS < through_ms);
		}
	}
}

/* [MET-1] [MET-3] how far ahead a lease can be paid: less than the margin and two minutes, of which
 * one is the step of the partition and one the minute it ends in; nothing smaller holds */
static void a_lease_is_ahead_by_less_than_the_margin_and_two_minutes(void **state)
{
	int64_t worst_ms = 0;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		int64_t margin_ms = 10000 + any(35001), through_ms = 600000, from_ms = any(600000);
		int64_t now_ms = through_ms - margin_ms + any(180000);
		int64_t next_ms = paid_through_next(through_ms, now_ms, margin_ms);
		int64_t until_ms = from_ms + minutes_paid(from_ms, next_ms) * MINUTE_MS;
		if (next_ms > through_ms)
			assert_true(until_ms - now_ms < margin_ms + 2 * MINUTE_MS);
	}
	/* a tick a millisecond after it is due, minutes that begin a millisecond too early */
	for (int64_t from_ms = 0; from_ms < MINUTE_MS; from_ms++) {
		int64_t next_ms = paid_through_next(600000, 580001, 20000);
		int64_t ahead_ms = from_ms + minutes_paid(from_ms, next_ms) * MINUTE_MS - 580001;
		worst_ms = ahead_ms > worst_ms ? ahead_ms : worst_ms;
	}
	assert_int_equal(worst_ms, 20000 + 2 * MINUTE_MS - 2);
}

static void minutes_at_the_edges(void **state)
{
	(void)state;
	assert_int_equal(minutes_paid(1000, 0), 1);
	assert_int_equal(minutes_paid(1000, 61000), 1);
	assert_int_equal(minutes_paid(1000, 61001), 2);
	assert_int_equal(minutes_paid(1000, 121000), 2);
	assert_int_equal(minutes_paid(1000, 121001), 3);
	struct run fresh = { .from_ms = 1000 };
	assert_int_equal(run_minutes(&fresh, 10000000), 1);
	assert_int_equal(run_lease_until_ms(&fresh, 10000000), 61000);
	assert_int_equal(paid_through_next(60000, 40000, 20000), 60000);
	assert_int_equal(paid_through_next(60000, 40001, 20000), 120000);
}

/* -- prices -- */

static void prices_are_rounded_up_part_by_part(void **state)
{
	const struct price_rates rates = { .cpu = 100, .ram = 25, .disk = 1, .class = 7 };
	int64_t price;

	(void)state;
	assert_int_equal(price_of_minute(&rates, 1000, 1024, 1024, &price), ST_OK);
	assert_int_equal(price, 100 + 25 + 1 + 7);
	assert_int_equal(price_of_minute(&rates, 1, 1, 1, &price), ST_OK);
	assert_int_equal(price, 1 + 1 + 1 + 7);
	assert_int_equal(price_of_minute(&(struct price_rates){ 0 }, 1, 1, 0, &price), ST_OK);
	assert_int_equal(price, 1); /* nothing is free */
	const struct price_rates huge = { .cpu = INT64_MAX, .ram = 1 };
	assert_int_equal(price_of_minute(&huge, 1001, 0, 0, &price), ST_MONEY_OVERFLOW);
	assert_int_equal(price_of_minute(&huge, 1000, 1, 0, &price), ST_MONEY_OVERFLOW);
}

/* -- months -- */

/* [WAL-4] every day from 1970 on is in the month it is in, and months follow each other */
static void months_follow_the_calendar(void **state)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int64_t ms = 0, month = 197001;

	(void)state;
	for (int year = 1970; year < 2410; year++)
		for (int m = 0; m < 12; m++) {
			bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
			assert_int_equal(month, year * 100 + m + 1);
			assert_int_equal(month_first_ms(month), ms);
			assert_int_equal(month_of(ms), month);
			ms += (days[m] + (m == 1 && leap)) * INT64_C(86400000);
			assert_int_equal(month_of(ms - 1), month);
			month = month_after(month);
		}
	assert_false(month_valid(202600));
	assert_true(month_valid(202612));
	assert_false(month_valid(202613));
	assert_false(month_valid(196912));
}

/* [WAL-4] at the retention and one past */
static void a_month_is_due_when_it_is_older_than_the_retention(void **state)
{
	(void)state;
	assert_false(month_due(202601, month_first_ms(202702) - 1, 12));
	assert_true(month_due(202601, month_first_ms(202702), 12));
	assert_false(month_due(202612, month_first_ms(202702) - 1, 1));
	assert_true(month_due(202612, month_first_ms(202702), 1));
	assert_false(month_due(202705, month_first_ms(202702), 1));
}

/* -- clamping -- */

/* [JOB-2] requested, cap, remaining; the first of them that is the smallest binds */
static void clamping_goes_in_its_order(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		int64_t requested = any(10), cap = any(10), remaining = any(10);
		bool has = any(2), left = any(2);
		struct clamp c = clamp_of(has, requested, cap, left, remaining);
		assert_true(c.granted <= cap);
		assert_true(!has || c.granted <= requested);
		assert_true(!left || c.granted <= remaining);
		if (has && requested <= cap && (!left || requested <= remaining))
			assert_int_equal(c.bound_by, METER_BOUND_BY_REQUESTED);
		else if (left && remaining < (has && requested < cap ? requested : cap))
			assert_int_equal(c.bound_by, METER_BOUND_BY_JOB_REMAINING);
		else
			assert_int_equal(c.bound_by, METER_BOUND_BY_POLICY_CAP);
		assert_true(c.granted == cap || (has && c.granted == requested) ||
			    (left && c.granted == remaining));
	}
}

/* [JOB-2] an extension is what was there or more, and says which */
static void an_extension_never_shrinks(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		int64_t had = any(10);
		bool asked = any(2);
		struct clamp c = clamp_of(asked, any(10), any(10), any(2), any(10));
		struct clamp kept = clamp_kept(c, asked, had);
		assert_int_equal(kept.granted, asked && c.granted > had ? c.granted : had);
		assert_int_equal(kept.has_requested, asked);
		if (asked && c.granted >= had)
			assert_int_equal(kept.bound_by, c.bound_by);
		else
			assert_int_equal(kept.bound_by, METER_BOUND_BY_ALREADY_GRANTED);
	}
}

static void own_caps_replace_those_of_the_tier(void **state)
{
	const struct meter_caps own = { .has_jobs = true, .jobs = 9 };

	(void)state;
	for (int64_t tier = 0; tier < METER_TIERS; tier++) {
		assert_int_equal(caps_of(tier, &own).jobs, 9);
		assert_int_equal(caps_of(tier, &own).ram_mb, caps_of(tier, NULL).ram_mb);
	}
	assert_int_equal(caps_of(0, NULL).jobs, 1); /* [JOB-1] */
}

/* -- limits -- */

struct fleet {
	struct run runs[6];
	struct job_state jobs[2];
	struct limit_input in;
};

static void fleet_make(struct fleet *f)
{
	int64_t now_ms = 1000000, through_ms = now_ms + 20000 - any(2) * any(60000);

	for (int j = 0; j < 2; j++)
		f->jobs[j] = (struct job_state){ .job = j + 1,
						 .budget = 20 + any(60),
						 .held = any(5),
						 .expires_ms = now_ms + any(400000),
						 .idle_ms = 1000000 };
	for (int i = 0; i < 6; i++)
		f->runs[i] = (struct run){ .sandbox = i + 1,
					   .wallet = 1,
					   .job = 1 + any(2),
					   .price = 1 + any(5),
					   .cap = 5 + any(20),
					   .from_ms = now_ms - 100000 + i * 15000,
					   .expires_ms = now_ms + any(400000),
					   .activity_ms = now_ms - any(100000),
					   .idle_ms = 50000 + any(100000),
					   .joined = any(4) > 0 };
	f->in = (struct limit_input){ .runs = f->runs,
				      .run_count = 6,
				      .jobs = f->jobs,
				      .job_count = 2,
				      .available = any(20),
				      .paid_through_ms = through_ms,
				      .next_ms = paid_through_next(through_ms, now_ms, 20000),
				      .now_ms = now_ms };
}

static int64_t more_of(const struct fleet *f, const struct run *run)
{
	return minutes_paid(run->from_ms, f->in.next_ms) - run_minutes(run, f->in.paid_through_ms);
}

/* [MET-2] whoever passes is paid for by sandbox cap, job and wallet, together; whoever does not has
 * a reason that holds */
static void limits_hold_for_random_fleets(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 1024 * 1024);
	for (int round = 0; round < ROUNDS; round++) {
		enum meter_stop_reason reasons[6];
		int64_t wallet = 0, job[2] = { 0, 0 }, spent[2] = { 0, 0 };
		struct fleet f;
		fleet_make(&f);
		arena_reset(&arena);
		limits_decide(&f.in, reasons, &arena);
		for (int i = 0; i < 6; i++)
			spent[f.runs[i].job - 1] +=
				f.runs[i].price * run_minutes(&f.runs[i], f.in.paid_through_ms);
		for (int i = 0; i < 6; i++) {
			const struct run *r = &f.runs[i];
			const struct job_state *j = &f.jobs[r->job - 1];
			int64_t cost = r->price * more_of(&f, r);
			int64_t had = r->price * run_minutes(r, f.in.paid_through_ms);
			int64_t until_ms =
				r->from_ms + minutes_paid(r->from_ms, f.in.next_ms) * MINUTE_MS;
			switch (reasons[i]) {
			case METER_STOP_REASON_NONE:
				assert_true(had + cost <= r->cap);
				assert_true(more_of(&f, r) == 0 || (until_ms <= r->expires_ms &&
								    until_ms <= j->expires_ms));
				assert_true(r->activity_ms + r->idle_ms > f.in.now_ms);
				wallet += cost;
				job[r->job - 1] += cost;
				break;
			case METER_STOP_REASON_SANDBOX_CAP:
				assert_true(had + cost > r->cap);
				break;
			case METER_STOP_REASON_JOB_CAP:
				assert_true(had + cost <= r->cap);
				assert_true(spent[r->job - 1] + job[r->job - 1] + cost >
					    j->budget - j->closed - j->held);
				break;
			case METER_STOP_REASON_ACCOUNT:
				assert_true(wallet + cost > f.in.available);
				break;
			case METER_STOP_REASON_TIME_TO_LIVE:
				assert_true(until_ms > r->expires_ms || until_ms > j->expires_ms);
				break;
			case METER_STOP_REASON_IDLE:
				assert_true(r->activity_ms + r->idle_ms <= f.in.now_ms);
				break;
			case METER_STOP_REASON_LEASE_ENDED:
				assert_true(run_lease_until_ms(r, f.in.paid_through_ms) <=
					    f.in.now_ms);
				break;
			case METER_STOP_REASON_JOB_ENDED:
			case METER_STOP_REASON_ASKED:
			case METER_STOP_REASON_RUNNER:
			case METER_STOP_REASON_NEVER_BEGAN:
			default:
				fail();
			}
		}
		assert_true(wallet <= f.in.available);
		for (int j = 0; j < 2; j++)
			assert_true(job[j] == 0 ||
				    spent[j] + job[j] <= f.jobs[j].budget - f.jobs[j].held);
	}
	arena_free(&arena);
}

/* -- the horizon -- */

static const struct horizon_thresholds thresholds = { 2880, 2160, 1440 };

/* [PSH-1] by the formula, with what binds it */
static void the_horizon_is_the_least_of_three(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct horizon_job job = { .burn = 1 + any(50),
					   .left = any(100000),
					   .time_left_ms = any(400000000) };
		int64_t available = any(100000);
		struct horizon h = horizon_of(available, 1, &job, 1, &thresholds);
		int64_t balance = available / job.burn, budget = job.left / job.burn;
		int64_t time = job.time_left_ms / MINUTE_MS, least = balance;
		if (budget < least)
			least = budget;
		if (time < least)
			least = time;
		assert_int_equal(h.minutes, least);
		assert_int_equal(h.balance_minutes, balance);
		assert_int_equal(h.job_minutes, budget);
		assert_int_equal(h.job_time_minutes, time);
		assert_int_equal(h.binding == METER_BINDING_BALANCE      ? balance
				 : h.binding == METER_BINDING_JOB_BUDGET ? budget
									 : time,
				 least);
	}
}

/* [PSH-2] each threshold at and one past */
static void states_change_at_their_thresholds(void **state)
{
	static const struct {
		int64_t minutes;
		enum meter_horizon_state state;
	} cases[] = {
		{ 100000, METER_HORIZON_STATE_ALIVE },   { 2880, METER_HORIZON_STATE_ALIVE },
		{ 2879, METER_HORIZON_STATE_WARNING },   { 2160, METER_HORIZON_STATE_WARNING },
		{ 2159, METER_HORIZON_STATE_CRITICAL },  { 1440, METER_HORIZON_STATE_CRITICAL },
		{ 1439, METER_HORIZON_STATE_EMERGENCY }, { 1, METER_HORIZON_STATE_EMERGENCY },
		{ 0, METER_HORIZON_STATE_DORMANT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(horizon_state(cases[i].minutes, &thresholds), cases[i].state);
}

static void without_burn_the_jobs_time_limits(void **state)
{
	const struct horizon_job jobs[] = { { .left = 5, .time_left_ms = 3000 * MINUTE_MS },
					    { .left = 0, .time_left_ms = 9000 * MINUTE_MS } };

	(void)state;
	struct horizon h = horizon_of(10, 1, jobs, 2, &thresholds);
	assert_int_equal(h.minutes, 3000);
	assert_int_equal(h.binding, METER_BINDING_JOB_TIME);
	assert_int_equal(h.state, METER_HORIZON_STATE_ALIVE);
	h = horizon_of(0, 1, jobs, 2, &thresholds);
	assert_int_equal(h.state, METER_HORIZON_STATE_DORMANT);
	assert_int_equal(h.binding, METER_BINDING_BALANCE);
	h = horizon_of(10, 1, NULL, 0, &thresholds);
	assert_int_equal(h.state, METER_HORIZON_STATE_DORMANT);
	assert_int_equal(h.binding, METER_BINDING_NOTHING_RUNS);
}

/* [WAL-5] */
static void a_wallet_is_known_until_the_connection_changes(void **state)
{
	struct known known = { 0 };
	struct known_wallet wallet = { .currency = 1, .code = "USD" }, found;
	char text[48];
	int met = 0;

	(void)state;
	assert_false(known_find(&known, STR("wal_00000000-0000-7000-8000-000000000001"), &found));
	known_begin(&known, 1);
	for (int64_t i = 1; i <= 100000; i++) {
		snprintf(text, sizeof(text), "wal_00000000-0000-7000-8000-%012llx", (long long)i);
		memcpy(wallet.id, text, sizeof(wallet.id));
		wallet.number = i;
		known_put(&known, &wallet);
		known_begin(&known, 1);
		assert_true(known_find(&known, str_of(text), &found));
		assert_int_equal(found.number, i);
	}
	for (int64_t i = 1; i <= 100000; i++) {
		snprintf(text, sizeof(text), "wal_00000000-0000-7000-8000-%012llx", (long long)i);
		if (!known_find(&known, str_of(text), &found))
			continue;
		assert_int_equal(found.number, i); /* never another one's */
		met++;
	}
	assert_in_range(met, 40000, 65536); /* spread evenly over the places */
	assert_false(known_find(&known, STR("wal_"), &found));
	known_begin(&known, 2);
	assert_false(known_find(&known, str_of(text), &found));
	free(known.places);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(postings_keep_the_sum_and_the_floor),
		cmocka_unit_test(times_of_an_account_never_go_back),
		cmocka_unit_test(each_refusal_of_a_posting_has_its_code),
		cmocka_unit_test(accounts_are_numbered_so_that_they_tell_their_wallet),
		cmocka_unit_test(a_wallet_is_known_until_the_connection_changes),
		cmocka_unit_test(minutes_are_paid_once_whenever_the_ticks_come),
		cmocka_unit_test(a_lease_is_ahead_by_less_than_the_margin_and_two_minutes),
		cmocka_unit_test(minutes_at_the_edges),
		cmocka_unit_test(prices_are_rounded_up_part_by_part),
		cmocka_unit_test(months_follow_the_calendar),
		cmocka_unit_test(a_month_is_due_when_it_is_older_than_the_retention),
		cmocka_unit_test(clamping_goes_in_its_order),
		cmocka_unit_test(an_extension_never_shrinks),
		cmocka_unit_test(own_caps_replace_those_of_the_tier),
		cmocka_unit_test(limits_hold_for_random_fleets),
		cmocka_unit_test(the_horizon_is_the_least_of_three),
		cmocka_unit_test(states_change_at_their_thresholds),
		cmocka_unit_test(without_burn_the_jobs_time_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
