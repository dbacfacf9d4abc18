/* tick.c: the tick of one partition, in one transaction. The common case is decided for a wallet as
 * a whole from sums; a wallet in which anything may not pass is decided sandbox by sandbox by
 * limits_decide. Both give the same, which a test holds against random fleets. */
#include <stdlib.h>

#include "clock.h"
#include "planted.h"

struct tick {
	const struct svc_scope *scope;
	struct meter_service *meter;
	int64_t partition;
	int64_t through_ms, next_ms; /* paid through, before and after */
	bool full;                   /* not only to take in new sandboxes */
	struct account *accounts;    /* of the wallets it is about, locked */
	size_t account_count;
	struct run_group *groups;
	size_t group_count;
	struct charge *charges;
	int64_t *currencies; /* of the charges */
	size_t charge_count;
	struct burning *burning;
	size_t burning_count;
	int64_t *wallets; /* that are locked */
	int64_t *odd;     /* that are decided in detail */
	size_t odd_count;
	struct run_stop *stops;
	size_t stop_count;
	int64_t *over; /* jobs that end by their budget */
	size_t over_count;
	int64_t minutes;
	int64_t sandboxes;
};

static struct account *account_of(struct tick *t, int64_t wallet)
{
	size_t low = 0, high = t->account_count;
	int64_t id = account_available(wallet);

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (t->accounts[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < t->account_count && t->accounts[low].id == id ? &t->accounts[low] : NULL;
}

static void burns(struct tick *t, const struct account *account, int64_t wallet, int64_t burn,
		  int64_t left, int64_t expires_ms)
{
	t->burning[t->burning_count++] = (struct burning){
		.wallet = wallet,
		.available = account->balance,
		.job = { .burn = burn,
			 .left = left,
			 .time_left_ms = expires_ms - t->scope->now_ms },
	};
}

static void charged(struct tick *t, struct account *account, int64_t amount)
{
	if (amount == 0)
		return;
	ASSERT(amount > 0 && amount <= account->balance);
	if (PLANTED(METER_PLANTED_CHARGE_AFTER_LEASE)) {
		planted_charge_remember(account->id, amount, account->currency, t->partition);
		return;
	}
	if (PLANTED(METER_PLANTED_DOUBLE_CATCH_UP) && t->next_ms - t->through_ms > MINUTE_MS &&
	    amount <= account->balance / 2)
		amount *= 2;
	account->balance -= amount;
	if (account->last_ms < t->scope->now_ms)
		account->last_ms = t->scope->now_ms;
	t->currencies[t->charge_count] = account->currency;
	t->charges[t->charge_count++] = (struct charge){ .account = account->id,
							 .amount = amount,
							 .balance = account->balance,
							 .at_ms = account->last_ms };
}

static int64_t group_left(const struct run_group *g)
{
	return g->job.budget - g->job.closed - g->job.held - g->spent;
}

/* May all sandboxes of the wallet go on? Then `ret_cost` is what it costs. */
static bool wallet_passes(const struct run_group *groups, size_t count, int64_t available,
			  int64_t *ret_cost)
{
	int64_t cost = 0;

	for (size_t i = 0; i < count; i++) {
		const struct run_group *g = &groups[i];
		if (g->exceptional || g->cost > group_left(g) ||
		    g->until_ms_max > g->job.expires_ms || g->cost > available - cost)
			return false;
		cost += g->cost;
	}
	*ret_cost = cost;
	return true;
}

static void wallet_whole(struct tick *t, const struct run_group *groups, size_t count)
{
	struct account *account = account_of(t, groups[0].wallet);
	int64_t cost;

	if (!account)
		return; /* it began to run after the accounts were locked: the next time */
	if (!wallet_passes(groups, count, account->balance, &cost)) {
		t->odd[t->odd_count++] = groups[0].wallet;
		return;
	}
	charged(t, account, cost);
	for (size_t i = 0; i < count; i++) {
		t->minutes += groups[i].more;
		t->sandboxes += groups[i].count;
		burns(t, account, groups[i].wallet, groups[i].burn,
		      group_left(&groups[i]) - groups[i].cost, groups[i].job.expires_ms);
	}
}

static size_t wallet_end(const struct tick *t, size_t from)
{
	size_t to = from + 1;

	while (to < t->group_count && t->groups[to].wallet == t->groups[from].wallet)
		to++;
	return to;
}

/* -- one wallet in detail -- */

static int64_t stop_at(const struct tick *t, const struct run *run, enum meter_stop_reason reason)
{
	int64_t until_ms = run_lease_until_ms(run, t->through_ms);

	if (reason == METER_STOP_REASON_IDLE)
		return t->scope->now_ms;
	if (reason == METER_STOP_REASON_TIME_TO_LIVE && run->expires_ms < until_ms)
		return run->expires_ms;
	return until_ms;
}

struct job_outcome {
	int64_t burn, cost;
	int64_t price_least; /* of those a cap stopped; 0: none */
};

static void run_outcome(struct tick *t, const struct run *run, enum meter_stop_reason reason,
			struct job_outcome *job)
{
	int64_t had = run_minutes(run, t->through_ms);
	int64_t more = minutes_paid(run->from_ms, t->next_ms) - had;

	if (reason != METER_STOP_REASON_NONE) {
		t->stops[t->stop_count++] =
			(struct run_stop){ .run = *run,
					   .minutes = had,
					   .stop_at_ms = stop_at(t, run, reason),
					   .reason = reason };
		if ((reason == METER_STOP_REASON_JOB_CAP ||
		     reason == METER_STOP_REASON_SANDBOX_CAP) &&
		    (job->price_least == 0 || run->price < job->price_least))
			job->price_least = run->price;
		return;
	}
	job->burn += run->price;
	job->cost += run->price * more; /* at most what the wallet had */
	t->minutes += more;
	t->sandboxes++;
}

static size_t group_of(const struct run_group *groups, size_t count, int64_t job)
{
	for (size_t i = 0; i < count; i++)
		if (groups[i].job.job == job)
			return i;
	assert_fail("every job of a run has a group", __FILE__, __LINE__);
}

/* Nothing of it runs or waits to begin, and what is left pays no minute of what ran. */
static bool job_is_over(const struct run_group *g, const struct job_outcome *outcome)
{
	return outcome->price_least > 0 && g->job.held == 0 && group_left(g) < outcome->price_least;
}

static enum st wallet_detail(struct tick *t, const struct run_group *groups, size_t count,
			     const struct run *runs, size_t run_count)
{
	struct arena *arena = t->scope->arena;
	struct account *account = account_of(t, groups[0].wallet);
	struct job_state *jobs = ARENA_ARRAY(arena, struct job_state, count);
	struct job_outcome *outcomes = ARENA_ARRAY(arena, struct job_outcome, count);
	enum meter_stop_reason *reasons = ARENA_ARRAY(arena, enum meter_stop_reason, run_count);
	int64_t cost = 0;

	if (!jobs || !outcomes || !reasons)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++)
		jobs[i] = groups[i].job;
	limits_decide(&(struct limit_input){ .runs = runs,
					     .run_count = run_count,
					     .jobs = jobs,
					     .job_count = count,
					     .available = account->balance,
					     .paid_through_ms = t->through_ms,
					     .next_ms = t->next_ms,
					     .now_ms = t->scope->now_ms },
		      reasons, arena);
	for (size_t i = 0; i < run_count; i++)
		run_outcome(t, &runs[i], reasons[i],
			    &outcomes[group_of(groups, count, runs[i].job)]);
	for (size_t i = 0; i < count; i++)
		cost += outcomes[i].cost;
	charged(t, account, cost);
	for (size_t i = 0; i < count; i++) {
		if (outcomes[i].burn > 0)
			burns(t, account, groups[i].wallet, outcomes[i].burn,
			      group_left(&groups[i]) - outcomes[i].cost, groups[i].job.expires_ms);
		else if (job_is_over(&groups[i], &outcomes[i]))
			t->over[t->over_count++] = groups[i].job.job;
	}
	return ST_OK;
}

static enum st wallets_detail(struct tick *t)
{
	struct run_list runs;
	size_t r = 0, g = 0;

	if (t->odd_count == 0)
		return ST_OK;
	TRY(store_tick_runs(t->scope->tx, t->scope->arena, t->partition, t->odd, t->odd_count,
			    &runs));
	t->stops = ARENA_ARRAY(t->scope->arena, struct run_stop, runs.count);
	if (!t->stops)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < t->odd_count; i++) {
		size_t from = r;
		while (t->groups[g].wallet < t->odd[i])
			g++;
		while (r < runs.count && runs.items[r].wallet == t->odd[i])
			r++;
		TRY(wallet_detail(t, &t->groups[g], wallet_end(t, g) - g, &runs.items[from],
				  r - from));
	}
	return ST_OK;
}

/* -- the whole -- */

static enum st tick_load(struct tick *t)
{
	const struct svc_scope *scope = t->scope;
	struct arena *arena = scope->arena;

	TRY(store_tick_lock(scope->tx, arena, t->partition, !t->full, &t->accounts,
			    &t->account_count));
	TRY(store_tick_groups(scope->tx, arena, t->partition, t->through_ms, t->next_ms,
			      scope->now_ms, !t->full, &t->groups, &t->group_count));
	t->charges = ARENA_ARRAY(arena, struct charge, t->account_count);
	t->currencies = ARENA_ARRAY(arena, int64_t, t->account_count);
	t->wallets = ARENA_ARRAY(arena, int64_t, t->account_count);
	t->odd = ARENA_ARRAY(arena, int64_t, t->account_count);
	t->burning = ARENA_ARRAY(arena, struct burning, t->group_count);
	t->over = ARENA_ARRAY(arena, int64_t, t->group_count);
	if (arena->failed)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < t->account_count; i++)
		t->wallets[i] = account_wallet(t->accounts[i].id);
	return ST_OK;
}

static enum st charges_write(struct tick *t)
{
	const struct svc_scope *scope = t->scope;
	struct charge *some = ARENA_ARRAY(scope->arena, struct charge, t->charge_count);

	if (!some)
		return ST_TOO_LARGE;
	for (int64_t currency = 1; currency <= METER_CURRENCIES_MAX; currency++) {
		int64_t revenue = account_system(currency, SYSTEM_REVENUE, t->partition);
		int64_t sum = 0;
		size_t n = 0;
		for (size_t i = 0; i < t->charge_count; i++) {
			if (t->currencies[i] != currency)
				continue;
			some[n++] = t->charges[i];
			sum += t->charges[i].amount;
		}
		if (n == 0)
			continue;
		TRY(store_tick_charge(scope->tx, scope->arena, revenue, some, n));
		TRY(ledger_owe(&t->meter->ledger, revenue, sum));
	}
	return ST_OK;
}

static enum st tick_tell(struct tick *t)
{
	struct str subject = arena_printf(t->scope->arena, "%lld", (long long)t->partition);
	struct meter_lease_extended told = {
		.partition = t->partition,
		.paid_through_ms = t->next_ms,
		.charged = t->minutes,
		.sandboxes = t->sandboxes,
		.wallets = (int64_t)t->charge_count,
		.stopped = (int64_t)t->stop_count,
	};

	if (!subject.data)
		return ST_TOO_LARGE;
	if (t->account_count == 0)
		return ST_OK;
	return svc_emit_in(t->scope, &EVT_METER_LEASE_EXTENDED, &subject, &told, 1);
}

static int burning_order(const void *a, const void *b)
{
	int64_t x = ((const struct burning *)a)->wallet;
	int64_t y = ((const struct burning *)b)->wallet;

	return x < y ? -1 : x > y;
}

/* Those decided in detail came after the others; horizons go by wallet. */
static enum st horizons_store(struct tick *t)
{
	if (!t->full)
		return ST_OK;
	qsort(t->burning, t->burning_count, sizeof(*t->burning), burning_order);
	return horizons_tick(t->scope, t->meter, t->partition, t->burning, t->burning_count);
}

static enum st tick_store(struct tick *t)
{
	const struct svc_scope *scope = t->scope;
	int64_t next_ms = t->next_ms - t->meter->margin_ms;

	TRY(runs_stop(scope, t->partition, t->stops, t->stop_count));
	if (t->account_count > 0)
		TRY(store_tick_join(scope->tx, t->partition, t->wallets, t->account_count));
	TRY(charges_write(t));
	for (size_t i = 0; i < t->over_count; i++)
		TRY(job_end(scope, t->meter, NULL, t->over[i], METER_JOB_REASON_BUDGET));
	TRY(store_tick_advance(scope->tx, t->partition, t->through_ms, t->next_ms,
			       next_ms > 0 ? next_ms : 0, scope->now_ms + t->meter->join_ms));
	TRY(horizons_store(t));
	return tick_tell(t);
}

static void tick_count(const struct tick *t, uint64_t began_ns)
{
	int64_t late_ms = t->scope->now_ms + t->meter->margin_ms - t->through_ms;

	metric_add(METER_METRIC_MINUTES, (uint64_t)t->minutes);
	metric_add(METER_METRIC_CHARGED, t->charge_count);
	if (!t->full)
		return;
	metric_add(METER_METRIC_TICKS, 1);
	metric_observe(METER_METRIC_TICK_MS, (double)(clock_mono_ns() - began_ns) / 1e6);
	if (t->through_ms > 0)
		metric_set(METER_METRIC_LATE_MS, late_ms);
}

enum st partition_tick(const struct svc_scope *scope, struct meter_service *meter,
		       int64_t partition, bool *ret_did)
{
	struct tick t = { .scope = scope, .meter = meter, .partition = partition };
	uint64_t began_ns = clock_mono_ns();
	struct partition_state state;
	bool leads;

	*ret_did = false;
	TRY(store_tick_lead(scope->tx, scope->arena, partition, &state, &leads));
	if (!leads)
		return ST_OK;
	t.through_ms = state.paid_through_ms;
	t.next_ms = paid_through_next(state.paid_through_ms, scope->now_ms, meter->margin_ms);
	t.full = t.next_ms > t.through_ms;
	if (!t.full && !(state.has_new && state.join_ms <= scope->now_ms))
		return ST_OK;
	TRY(tick_load(&t));
	for (size_t from = 0, to; from < t.group_count; from = to) {
		to = wallet_end(&t, from);
		wallet_whole(&t, &t.groups[from], to - from);
	}
	TRY(wallets_detail(&t));
	TRY(tick_store(&t));
	tick_count(&t, began_ns);
	*ret_did = true;
	return ST_OK;
}

enum st tick_partitions(struct svc_tick_context *tick)
{
	struct meter_service *meter = tick->state;
	struct svc_scope scope = svc_scope_of_tick(tick);
	struct db_rows due;
	bool did = false;

	TRY(ledger_begin(&scope, meter));
	TRY(store_tick_due(tick->tx, tick->arena, tick->now_ms + meter->margin_ms, tick->now_ms,
			   &due));
	for (size_t i = 0; i < due.count && !did; i++)
		TRY(partition_tick(&scope, meter, db_i64(&due, i, 0), &did));
	TRY(ledger_flush(&scope, meter));
	tick->again = did;
	return ST_OK;
}
