/* fleet_test.c: the tick against its rules. Random fleets with so little money, budget, time and
 * use that each of the five limits binds often; before each tick every sandbox is judged by itself,
 * by limits_decide and, so that a rule cannot change unseen in both, once more by hand, as the
 * specification says it. What the tick then did (sums over a wallet in SQL, or in detail) has to be
 * that, sandbox by sandbox. Times are whole seconds and caps whole minutes, so that "just enough"
 * and "one too little" are as frequent as the rest. FLEET_SEED repeats a run. */
#include <postgresql/libpq-fe.h>
#include <time.h>

#include "fixture.h"

#define WALLETS 120
#define ROUNDS 40
#define RUNS_MAX 8192
#define JOBS_MAX 4096
#define SANDBOXES_MAX 16384

struct judged {
	struct run run;
	enum meter_stop_reason reason;
	int64_t minutes, stop_at_ms;
};
struct judged_job {
	struct job_state state;
	int64_t wallet, spent_by_stopped, price_least, going;
};
struct state_before {
	struct judged runs[RUNS_MAX];
	size_t run_count;
	struct judged_job jobs[JOBS_MAX];
	size_t job_count;
	int64_t available[WALLETS + 1], cost[WALLETS + 1];
	int64_t through_ms[METER_PARTITIONS], join_ms[METER_PARTITIONS], next_ms[METER_PARTITIONS];
	bool has_new[METER_PARTITIONS];
	int64_t transfer;
};
static struct state_before before;
static struct judged *judged_of[SANDBOXES_MAX]; /* by number */
static uint64_t seed, random_state;
static int64_t seen[METER_STOP_REASON_NEVER_BEGAN + 1];
static int64_t detailed, budgets_ended;
static PGconn *reader;

/* -- chance -- */

static int64_t below(int64_t n)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (int64_t)((random_state * UINT64_C(2685821657736338717)) >> 33) % n;
}

static bool chance(int64_t in)
{
	return below(in) == 0;
}

/* -- the fleet -- */

static struct id wallets[WALLETS];
static struct id jobs[WALLETS][2];

#define MONEY "{\"amount\":\"0.%06lld\",\"currency\":\"USD\"}"

/* A member of a request, or nothing. */
static const char *perhaps_money(const char *name, int64_t micros, char out[128])
{
	out[0] = '\0';
	if (chance(2))
		snprintf(out, 128, ",\"%s\":" MONEY, name, (long long)micros);
	return out;
}

static const char *perhaps_seconds(const char *name, int64_t seconds, char out[128])
{
	out[0] = '\0';
	if (chance(2))
		snprintf(out, 128, ",\"%s\":%lld", name, (long long)seconds);
	return out;
}

static void wallet_fill_up(size_t w)
{
	OK("wallet_deposit", "{\"wallet_id\":\"%s\",\"amount\":" MONEY "}", wallets[w].text,
	   (long long)(51 * (1 + below(25))));
}

static void job_open(size_t w, size_t j)
{
	char spend[128], ttl[128], idle[128];
	enum st st = call("job_create", "{\"wallet_id\":\"%s\",\"purpose\":\"fleet\"%s%s%s}",
			  wallets[w].text, perhaps_money("max_spend", 51 * (2 + below(8)), spend),
			  perhaps_seconds("ttl_s", 120 + 30 * below(30), ttl),
			  perhaps_seconds("idle_timeout_s", 60 + 10 * below(30), idle));

	if (st == ST_JOB_LIMIT)
		return;
	assert_int_equal(st, ST_OK);
	jobs[w][j] = id_of(((const struct meter_job_grant_reply *)world.answer)->job.job_id);
}

/* What may be refused for money or time is refused; whatever is admitted mostly begins. */
static void sandbox_try(size_t w)
{
	static const int64_t cpus[] = { 100, 200, 500, 1000, 2000 };
	char cap[128], ttl[128], idle[128];
	int64_t cpu = cpus[below(5)], price = cpu / 10 + 1;
	enum st st = call(
		"sandbox_admit",
		"{\"job_id\":\"%s\",\"runner\":\"mock\",\"shape\":{\"image_class\":\"standard\","
		"\"cpu_milli\":%lld,\"ram_mb\":1,\"disk_mb\":0}%s%s%s}",
		jobs[w][below(2)].text, (long long)cpu,
		perhaps_money("spend_cap", price * (1 + below(8)) - chance(4), cap),
		perhaps_seconds("ttl_s", 60 + 15 * below(30), ttl),
		perhaps_seconds("idle_timeout_s", 60 + 10 * below(20), idle));

	if (st != ST_OK || chance(12)) {
		assert_true(st == ST_OK || st_info(st)->kind == ST_KIND_REFUSAL);
		return;
	}
	struct id sandbox =
		id_of(((const struct meter_sandbox_admit_reply *)world.answer)->sandbox.sandbox_id);
	world.now_ms += 1000 * chance(8);
	st = call("sandbox_begin", "{\"sandbox_id\":\"%s\"}", sandbox.text);
	assert_true(st == ST_OK || st_info(st)->kind == ST_KIND_REFUSAL);
}

static void fleet_make(void)
{
	char owner[32];

	/* partitions whose minutes do not begin together */
	harness_sql(world.harness, "UPDATE meter.partition SET paid_through_ms = 1767225480000 + "
				   "id * 7000 % 60000");
	for (size_t w = 0; w < WALLETS; w++) {
		snprintf(owner, sizeof(owner), "owner%zu", w);
		OK("wallet_create", "{\"owner\":\"%s\",\"currency\":\"USD\",\"tier\":1}", owner);
		wallets[w] =
			id_of(((const struct meter_wallet_reply *)world.answer)->wallet.wallet_id);
		wallet_fill_up(w);
		job_open(w, 0);
		job_open(w, 1);
		for (int64_t n = below(5); n >= 0; n--)
			sandbox_try(w);
	}
	/* a job's time binds by itself: no sandbox is ever granted more, so some jobs are cut */
	harness_sql(world.harness,
		    "UPDATE meter.job SET expires_ms = expires_ms - 120000 WHERE number % 4 = 0");
}

/* -- as it is before a tick -- */

static int64_t value(const PGresult *rows, int row, int column)
{
	return strtoll(PQgetvalue(rows, row, column), NULL, 10);
}

static PGresult *rows_of(const char *sql)
{
	PGresult *rows = PQexec(reader, sql);

	if (PQresultStatus(rows) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(reader));
	return rows;
}

static void runs_read(void)
{
	PGresult *r = rows_of("SELECT sandbox, wallet, job, price, cap, from_ms, expires_ms, "
			      "activity_ms, idle_ms, joined::int FROM meter.run ORDER BY wallet, "
			      "from_ms, sandbox");

	before.run_count = (size_t)PQntuples(r);
	assert_true(before.run_count <= RUNS_MAX);
	for (int i = 0; i < PQntuples(r); i++) {
		struct run run = { .sandbox = value(r, i, 0),
				   .wallet = value(r, i, 1),
				   .job = value(r, i, 2),
				   .price = value(r, i, 3),
				   .cap = value(r, i, 4),
				   .from_ms = value(r, i, 5),
				   .expires_ms = value(r, i, 6),
				   .activity_ms = value(r, i, 7),
				   .idle_ms = value(r, i, 8),
				   .joined = value(r, i, 9) != 0 };
		assert_true(run.sandbox < SANDBOXES_MAX);
		before.runs[i] = (struct judged){ .run = run };
		judged_of[run.sandbox] = &before.runs[i];
		before.has_new[run.wallet % METER_PARTITIONS] |= !run.joined;
	}
	PQclear(r);
}

static void jobs_read(void)
{
	PGresult *r = rows_of("SELECT number, wallet, budget, closed, held, expires_ms, "
			      "activity_ms, idle_ms FROM meter.job WHERE state = 1 ORDER BY "
			      "wallet, number");

	before.job_count = (size_t)PQntuples(r);
	assert_true(before.job_count <= JOBS_MAX);
	for (int i = 0; i < PQntuples(r); i++)
		before.jobs[i] = (struct judged_job){ .wallet = value(r, i, 1),
						      .state = { .job = value(r, i, 0),
								 .budget = value(r, i, 2),
								 .closed = value(r, i, 3),
								 .held = value(r, i, 4),
								 .expires_ms = value(r, i, 5),
								 .activity_ms = value(r, i, 6),
								 .idle_ms = value(r, i, 7) } };
	PQclear(r);
}

static void all_read(void)
{
	memset(&before, 0, sizeof(before));
	memset(judged_of, 0, sizeof(judged_of));
	runs_read();
	jobs_read();
	PGresult *r = rows_of("SELECT id / 2, balance FROM meter.account WHERE id > 0 AND id % 2 "
			      "= 0");
	for (int i = 0; i < PQntuples(r); i++)
		before.available[value(r, i, 0)] = value(r, i, 1);
	PQclear(r);
	r = rows_of("SELECT id, paid_through_ms, join_ms FROM meter.partition");
	for (int i = 0; i < PQntuples(r); i++) {
		before.through_ms[value(r, i, 0)] = value(r, i, 1);
		before.join_ms[value(r, i, 0)] = value(r, i, 2);
	}
	PQclear(r);
	before.transfer = sql_i64("SELECT max(id) FROM meter.transfer");
}

/* -- the rules by hand, as the specification has them -- */

/* It is paid to the end of its first minute that ends then or later. */
static int64_t minutes_by_hand(const struct run *run, int64_t through_ms)
{
	int64_t minutes = 1;

	while (run->from_ms + minutes * MINUTE_MS < through_ms)
		minutes++;
	return minutes;
}

struct purse {
	int64_t job_left, available;
};

static enum meter_stop_reason by_hand(const struct run *run, const struct job_state *job,
				      int64_t had, int64_t wanted, struct purse purse)
{
	int64_t cost = (wanted - had) * run->price;
	int64_t ends_ms = run->from_ms + wanted * MINUTE_MS;

	if (run->from_ms + had * MINUTE_MS <= world.now_ms)
		return METER_STOP_REASON_LEASE_ENDED;
	if (wanted * run->price > run->cap)
		return METER_STOP_REASON_SANDBOX_CAP;
	if (cost > purse.job_left)
		return METER_STOP_REASON_JOB_CAP;
	if (cost > purse.available)
		return METER_STOP_REASON_ACCOUNT;
	if (wanted > had && (ends_ms > run->expires_ms || ends_ms > job->expires_ms))
		return METER_STOP_REASON_TIME_TO_LIVE;
	if (world.now_ms - run->activity_ms >= run->idle_ms)
		return METER_STOP_REASON_IDLE;
	return METER_STOP_REASON_NONE;
}

static struct judged_job *job_of(int64_t number)
{
	for (size_t i = 0; i < before.job_count; i++)
		if (before.jobs[i].state.job == number)
			return &before.jobs[i];
	fail_msg("a sandbox runs in job %lld, which does not", (long long)number);
	return NULL;
}

static int64_t stop_by_hand(const struct run *run, enum meter_stop_reason reason, int64_t had)
{
	int64_t until_ms = run->from_ms + had * MINUTE_MS;

	if (reason == METER_STOP_REASON_IDLE)
		return world.now_ms;
	if (reason == METER_STOP_REASON_TIME_TO_LIVE && run->expires_ms < until_ms)
		return run->expires_ms;
	return until_ms;
}

/* What is decided of one of them, and what it leaves for the next. */
static void judge(struct judged *j, int64_t had, int64_t wanted, struct purse *purses,
		  int64_t *available)
{
	struct judged_job *job = job_of(j->run.job);
	struct purse *purse = &purses[job - before.jobs];

	purse->available = *available;
	j->reason = by_hand(&j->run, &job->state, had, wanted, *purse);
	j->minutes = j->reason == METER_STOP_REASON_NONE ? wanted : had;
	seen[j->reason]++;
	if (j->reason == METER_STOP_REASON_NONE) {
		job->going++;
		purse->job_left -= (wanted - had) * j->run.price;
		*available -= (wanted - had) * j->run.price;
		return;
	}
	j->stop_at_ms = stop_by_hand(&j->run, j->reason, had);
	job->spent_by_stopped += had * j->run.price;
	if ((j->reason == METER_STOP_REASON_JOB_CAP ||
	     j->reason == METER_STOP_REASON_SANDBOX_CAP) &&
	    (job->price_least == 0 || j->run.price < job->price_least))
		job->price_least = j->run.price;
}

/* limits_decide says the same of each. */
static void agrees(const struct judged *first, size_t count, int64_t through_ms, int64_t next_ms)
{
	static enum meter_stop_reason reasons[RUNS_MAX];
	static struct run runs[RUNS_MAX];
	static struct job_state states[JOBS_MAX];
	int64_t wallet = first->run.wallet;
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		runs[i] = first[i].run;
	for (size_t i = 0; i < before.job_count; i++)
		if (before.jobs[i].wallet == wallet)
			states[n++] = before.jobs[i].state;
	arena_reset(&world.svc.arena);
	limits_decide(&(struct limit_input){ .runs = runs,
					     .run_count = count,
					     .jobs = states,
					     .job_count = n,
					     .available = before.available[wallet],
					     .paid_through_ms = through_ms,
					     .next_ms = next_ms,
					     .now_ms = world.now_ms },
		      reasons, &world.svc.arena);
	for (size_t i = 0; i < count; i++) {
		if (reasons[i] != first[i].reason)
			fail_msg("sandbox %lld: limits_decide says %d, the specification %d",
				 (long long)runs[i].sandbox, reasons[i], first[i].reason);
	}
}

static void wallet_judge(struct judged *first, size_t count)
{
	static struct purse purses[JOBS_MAX];
	int64_t wallet = first->run.wallet, part = wallet % METER_PARTITIONS;
	int64_t through_ms = before.through_ms[part], next_ms = before.next_ms[part];
	int64_t available = before.available[wallet];
	bool is_new = false, stops = false;

	for (size_t i = 0; i < count; i++) {
		int64_t had = first[i].run.joined ? minutes_by_hand(&first[i].run, through_ms) : 1;
		first[i].minutes = had; /* where the tick is not about it */
		is_new = is_new || !first[i].run.joined;
	}
	if (next_ms == through_ms &&
	    !(is_new && before.has_new[part] && before.join_ms[part] <= world.now_ms))
		return;
	for (size_t i = 0; i < before.job_count; i++)
		purses[i].job_left = before.jobs[i].state.budget - before.jobs[i].state.closed -
				     before.jobs[i].state.held;
	for (size_t i = 0; i < count; i++)
		purses[job_of(first[i].run.job) - before.jobs].job_left -=
			first[i].minutes * first[i].run.price;
	for (size_t i = 0; i < count; i++) {
		judge(&first[i], first[i].minutes, minutes_by_hand(&first[i].run, next_ms), purses,
		      &available);
		stops = stops || first[i].reason != METER_STOP_REASON_NONE;
	}
	detailed += is_new || stops;
	before.cost[wallet] = before.available[wallet] - available;
	agrees(first, count, through_ms, next_ms);
}

static void all_judge(void)
{
	for (int p = 0; p < METER_PARTITIONS; p++) {
		int64_t wanted_ms = world.now_ms + world.meter.margin_ms;
		int64_t next_ms = before.through_ms[p];
		while (next_ms < wanted_ms)
			next_ms += MINUTE_MS;
		before.next_ms[p] = next_ms;
		assert_int_equal(paid_through_next(before.through_ms[p], world.now_ms,
						   world.meter.margin_ms),
				 next_ms);
	}
	for (size_t i = 0, to; i < before.run_count; i = to) {
		for (to = i; to < before.run_count &&
			     before.runs[to].run.wallet == before.runs[i].run.wallet;)
			to++;
		wallet_judge(&before.runs[i], to - i);
	}
}

/* -- as it is afterwards -- */

/* As runners and owners are told of them. */
static void sandboxes_compare(void)
{
	static int64_t numbers[RUNS_MAX];
	struct sandbox_views views;
	struct db_tx *tx = begin();

	for (size_t i = 0; i < before.run_count; i++)
		numbers[i] = before.runs[i].run.sandbox;
	assert_int_equal(
		store_sandboxes_load(tx, &world.svc.arena, numbers, before.run_count, &views),
		ST_OK);
	assert_int_equal(views.count, before.run_count);
	for (size_t i = 0; i < views.count; i++) {
		const struct sandbox_view *s = &views.items[i];
		const struct judged *j = judged_of[s->number];
		bool stops = j->reason != METER_STOP_REASON_NONE;
		assert_true(s->paid_until_ms <
			    world.now_ms + world.meter.margin_ms + 2 * MINUTE_MS);
		if (s->reason != j->reason || s->minutes != j->minutes ||
		    s->stop_at_ms != j->stop_at_ms ||
		    s->paid_until_ms != j->run.from_ms + j->minutes * MINUTE_MS ||
		    s->state !=
			    (stops ? METER_SANDBOX_STATE_STOPPING : METER_SANDBOX_STATE_RUNNING))
			fail_msg("sandbox %lld: reason %d, %lld minutes, stops at %lld; has to be "
				 "%d, %lld, %lld",
				 (long long)s->number, s->reason, (long long)s->minutes,
				 (long long)s->stop_at_ms, j->reason, (long long)j->minutes,
				 (long long)j->stop_at_ms);
	}
	db_rollback(tx);
}

/* One ledger pair a wallet, of what its sandboxes cost together. */
static void wallets_compare(void)
{
	int64_t charged = 0;
	char sql[200];

	PGresult *r = rows_of("SELECT id / 2, balance FROM meter.account WHERE id > 0 AND id % 2 "
			      "= 0");
	for (int i = 0; i < PQntuples(r); i++) {
		int64_t w = value(r, i, 0);
		assert_int_equal(value(r, i, 1), before.available[w] - before.cost[w]);
		charged += before.cost[w] > 0;
	}
	PQclear(r);
	snprintf(sql, sizeof(sql),
		 "SELECT from_account / 2, amount FROM meter.transfer WHERE id > %lld",
		 (long long)before.transfer);
	r = rows_of(sql);
	assert_int_equal(PQntuples(r), charged);
	for (int i = 0; i < PQntuples(r); i++)
		assert_int_equal(value(r, i, 1), before.cost[value(r, i, 0)]);
	PQclear(r);
}

/* [PSH-2] every wallet that burns has the horizon of what burns now */
static void horizons_compare(void)
{
	int64_t burn[WALLETS + 1] = { 0 };

	for (size_t i = 0; i < before.run_count; i++)
		if (before.runs[i].reason == METER_STOP_REASON_NONE)
			burn[before.runs[i].run.wallet] += before.runs[i].run.price;
	PGresult *r = rows_of("SELECT w.number, coalesce(h.burn, 0), coalesce(h.state, 5) FROM "
			      "meter.wallet w LEFT JOIN meter.horizon h ON h.wallet = w.number");
	for (int i = 0; i < PQntuples(r); i++) {
		int64_t w = value(r, i, 0), part = w % METER_PARTITIONS;
		if (before.next_ms[part] == before.through_ms[part])
			continue;
		if (burn[w] > 0 || value(r, i, 2) != METER_HORIZON_STATE_DORMANT)
			assert_int_equal(value(r, i, 1), burn[w]);
	}
	PQclear(r);
}

static void jobs_compare(void)
{
	PGresult *r = rows_of("SELECT number, state, coalesce(reason, 0), closed FROM meter.job");

	for (int i = 0; i < PQntuples(r); i++) {
		for (size_t k = 0; k < before.job_count; k++) {
			const struct judged_job *j = &before.jobs[k];
			int64_t closed = j->state.closed + j->spent_by_stopped;
			if (j->state.job != value(r, i, 0))
				continue;
			bool over = j->going == 0 && j->price_least > 0 && j->state.held == 0 &&
				    j->state.budget - closed < j->price_least;
			assert_int_equal(value(r, i, 3), closed);
			assert_int_equal(value(r, i, 1),
					 over ? METER_JOB_STATE_ENDED : METER_JOB_STATE_RUNNING);
			assert_int_equal(value(r, i, 2), over ? METER_JOB_REASON_BUDGET : 0);
			budgets_ended += over;
		}
	}
	PQclear(r);
}

/* -- rounds -- */

/* Some are used, some wallets get money, jobs and sandboxes. */
static void fleet_lives(void)
{
	for (size_t i = 0; i < before.run_count; i++) {
		char sql[128];
		if (before.runs[i].reason != METER_STOP_REASON_NONE || !chance(6))
			continue;
		snprintf(sql, sizeof(sql),
			 "SELECT sandbox_id FROM meter.sandbox WHERE number = %lld",
			 (long long)before.runs[i].run.sandbox);
		struct id id;
		snprintf(id.text, sizeof(id.text), "%s", harness_sql_text(world.harness, sql));
		OK("activity_report", "{\"items\":[{\"sandbox_id\":\"%s\"}]}", id.text);
	}
	for (size_t w = 0; w < WALLETS; w++) {
		if (!chance(5))
			continue;
		if (chance(3))
			wallet_fill_up(w);
		if (chance(3))
			job_open(w, (size_t)below(2));
		sandbox_try(w);
	}
}

/* [MET-2] [MET-1] */
static void the_tick_and_the_rules_agree_on_every_sandbox(void **state)
{
	static const int64_t gaps_s[] = { 1, 5, 8, 10, 10, 10, 12, 15, 15, 15, 15, 15, 15, 20 };

	(void)state;
	fleet_make();
	for (int round = 0; round < ROUNDS; round++) {
		/* now and then nobody ticks for more than a minute: leases lapse */
		world.now_ms += 1000 * (round % 13 == 12 ? 75 : gaps_s[below(14)]);
		ticked(tick_due);
		all_read();
		all_judge();
		ticked(tick_partitions);
		sandboxes_compare();
		wallets_compare();
		jobs_compare();
		horizons_compare();
		fleet_lives();
	}
	books_balance();
	printf("fleet: %lld passed; stopped by its cap %lld, its job %lld, the wallet %lld, time "
	       "%lld, idleness %lld, a lapsed lease %lld; %lld wallets in detail, %lld jobs over\n",
	       (long long)seen[METER_STOP_REASON_NONE],
	       (long long)seen[METER_STOP_REASON_SANDBOX_CAP],
	       (long long)seen[METER_STOP_REASON_JOB_CAP],
	       (long long)seen[METER_STOP_REASON_ACCOUNT],
	       (long long)seen[METER_STOP_REASON_TIME_TO_LIVE],
	       (long long)seen[METER_STOP_REASON_IDLE],
	       (long long)seen[METER_STOP_REASON_LEASE_ENDED], (long long)detailed,
	       (long long)budgets_ended);
	for (int reason = METER_STOP_REASON_NONE; reason <= METER_STOP_REASON_LEASE_ENDED; reason++)
		assert_true(seen[reason] >= 5);
	assert_true(budgets_ended > 0);
}

static int start(void **state)
{
	const char *wanted = getenv("FLEET_SEED");

	(void)state;
	world_start();
	seed = wanted ? strtoull(wanted, NULL, 10) : (uint64_t)clock_mono_ns() % 1000000007;
	random_state = seed * 2 + 1;
	printf("FLEET_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	reader = PQconnectdb(harness_conninfo(world.harness, NULL));
	return PQstatus(reader) == CONNECTION_OK ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	PQfinish(reader);
	world_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tick_and_the_rules_agree_on_every_sandbox),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
