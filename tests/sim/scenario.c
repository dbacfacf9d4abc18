/* scenario.c: what is asked in a scenario, and what its answers change. */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "sim.h"
#include "tests/lib/load.h"

#define MINUTE_MS INT64_C(60000)

uint64_t scenario_random(struct scenario *s, uint64_t bound)
{
	return chaos_random(&s->random, bound);
}

bool scenario_chance(struct scenario *s, uint64_t percent)
{
	return scenario_random(s, 100) < percent;
}

void scenario_fail(struct scenario *s, const char *format, ...)
{
	size_t size = strlen(s->violation);
	va_list args;

	if (size > 0)
		size += (size_t)snprintf(s->violation + size, sizeof(s->violation) - size, "; ");
	if (size >= sizeof(s->violation))
		return;
	va_start(args, format);
	vsnprintf(s->violation + size, sizeof(s->violation) - size, format, args);
	va_end(args);
}

static struct money usd(int64_t micros)
{
	return (struct money){ .micros = micros, .currency = "USD" };
}

/* ---- what answers change ---- */

static void wallet_made(struct scenario *s, struct sim_ask *ask, enum st st, const void *reply)
{
	const struct meter_wallet_reply *r = reply;

	if (st != ST_OK)
		scenario_fail(s, "a wallet is refused: %s", st_info(st)->code);
	else if (!str_copy(r->wallet.wallet_id, s->wallets[ask->subject], 64))
		scenario_fail(s, "a wallet has no id");
}

static void job_made(struct scenario *s, struct sim_ask *ask, enum st st, const void *reply)
{
	const struct meter_job_grant_reply *r = reply;
	struct sim_job *job = &s->jobs[s->job_count];

	if (st != ST_OK || s->job_count == SIM_JOBS_MAX)
		return;
	*job = (struct sim_job){ .wallet = ask->subject };
	if (str_copy(r->job.job_id, job->id, sizeof(job->id)))
		s->job_count++;
}

static void job_stopped(struct scenario *s, struct sim_ask *ask, enum st st, const void *reply)
{
	(void)reply;
	if (st == ST_OK || st == ST_JOB_CLOSED)
		s->jobs[ask->subject].ended = true;
}

static void admitted(struct scenario *s, struct sim_ask *ask, enum st st, const void *reply)
{
	const struct meter_sandbox_admit_reply *r = reply;
	struct sim_sandbox *box = &s->sandboxes[s->sandbox_count];

	if (st != ST_OK || s->sandbox_count == SIM_SANDBOXES_MAX)
		return;
	*box = (struct sim_sandbox){ .wallet = s->jobs[ask->subject].wallet, .job = ask->subject };
	if (!str_copy(r->sandbox.sandbox_id, box->id, sizeof(box->id)))
		return;
	s->sandbox_count++;
	s->sim->report->sandboxes++;
}

static void gone(struct sim_sandbox *box, int64_t at_ms)
{
	box->state = RUNNER_GONE;
	box->gone_ms = at_ms < box->lease_ms ? at_ms : box->lease_ms;
}

/* A runner that is told nothing starts nothing. */
static void began(struct scenario *s, struct sim_ask *ask, enum st st, const void *reply)
{
	const struct meter_lease_reply *r = reply;
	struct sim_sandbox *box = &s->sandboxes[ask->subject];

	if (st != ST_OK) {
		box->state = RUNNER_GONE;
		return;
	}
	box->state = RUNNER_RUNNING;
	box->lease_ms = r->lease.lease_until_ms;
	box->began_ms = r->lease.lease_until_ms - MINUTE_MS;
	if (r->lease.state != METER_SANDBOX_STATE_RUNNING)
		gone(box, clock_now_ms());
}

static void left(struct scenario *s, struct sim_ask *ask, enum st st, const void *reply)
{
	struct sim_sandbox *box = &s->sandboxes[ask->subject];

	(void)reply;
	if (st == ST_OK)
		box->closed = true;
	if (box->state == RUNNER_ADMITTED)
		box->state = RUNNER_GONE;
}

static void leases_told(struct scenario *s, struct sim_ask *ask, enum st st, const void *reply)
{
	const struct meter_lease_read_reply *r = reply;

	(void)ask;
	for (size_t i = 0; st == ST_OK && i < r->leases.count; i++) {
		const struct meter_lease *lease = &r->leases.items[i];
		for (int b = 0; b < s->sandbox_count; b++) {
			struct sim_sandbox *box = &s->sandboxes[b];
			if (!str_is(lease->sandbox_id, box->id) || box->state != RUNNER_RUNNING)
				continue;
			if (lease->lease_until_ms > box->lease_ms)
				box->lease_ms = lease->lease_until_ms;
			if (lease->has_stop_at_ms)
				gone(box, clock_now_ms());
		}
	}
}

static void hold_made(struct scenario *s, struct sim_ask *ask, enum st st, const void *reply)
{
	const struct meter_hold_reply *r = reply;
	struct sim_hold *hold = &s->holds[s->hold_count];

	if (st != ST_OK || s->hold_count == SIM_HOLDS_MAX)
		return;
	*hold = (struct sim_hold){ .wallet = ask->subject, .open = true };
	if (str_copy(r->hold.hold_id, hold->id, sizeof(hold->id)))
		s->hold_count++;
}

static void hold_closed(struct scenario *s, struct sim_ask *ask, enum st st, const void *reply)
{
	(void)reply;
	if (st == ST_OK || st == ST_HOLD_CLOSED || st == ST_HOLD_EXPIRED)
		s->holds[ask->subject].open = false;
}

/* ---- what is asked ---- */

static void ask_deposit(struct scenario *s, struct sim_ask *ask, int wallet)
{
	ask->call = &CALL_METER_WALLET_DEPOSIT;
	ask->in.deposit = (struct meter_wallet_deposit_request){
		.wallet_id = str_of(s->wallets[wallet]),
		.amount =
			usd(1 + (int64_t)scenario_random(s, scenario_chance(s, 30) ? 1000 : 12000)),
	};
}

static bool ask_money(struct scenario *s, struct sim_ask *ask)
{
	int wallet = (int)scenario_random(s, (uint64_t)s->wallet_count);
	int other = (int)scenario_random(s, (uint64_t)s->wallet_count);
	struct money amount = usd(1 + (int64_t)scenario_random(s, 1500));

	switch (scenario_random(s, 3)) {
	case 0:
		ask_deposit(s, ask, wallet);
		return true;
	case 1:
		ask->call = &CALL_METER_WALLET_WITHDRAW;
		ask->in.withdraw = (struct meter_wallet_withdraw_request){
			.wallet_id = str_of(s->wallets[wallet]), .amount = amount
		};
		return true;
	default:
		ask->call = &CALL_METER_WALLET_TRANSFER;
		ask->in.transfer =
			(struct meter_wallet_transfer_request){ .wallet_id =
									str_of(s->wallets[wallet]),
								.to = str_of(s->wallets[other]),
								.amount = amount };
		return wallet != other;
	}
}

static bool ask_hold(struct scenario *s, struct sim_ask *ask)
{
	int wallet = (int)scenario_random(s, (uint64_t)s->wallet_count);
	int h = s->hold_count ? (int)scenario_random(s, (uint64_t)s->hold_count) : -1;

	if (h >= 0 && s->holds[h].open && scenario_chance(s, 60)) {
		ask->subject = h;
		ask->done = hold_closed;
		if (scenario_chance(s, 50)) {
			ask->call = &CALL_METER_HOLD_RELEASE;
			ask->in.release = (struct meter_hold_release_request){
				.hold_id = str_of(s->holds[h].id)
			};
		} else {
			ask->call = &CALL_METER_HOLD_CAPTURE;
			ask->in.capture = (struct meter_hold_capture_request){
				.hold_id = str_of(s->holds[h].id)
			};
		}
		return true;
	}
	ask->call = &CALL_METER_HOLD_CREATE;
	ask->subject = wallet;
	ask->done = hold_made;
	ask->in.hold_create = (struct meter_hold_create_request){
		.wallet_id = str_of(s->wallets[wallet]),
		.amount = usd(1 + (int64_t)scenario_random(s, 800)),
		.has_ttl_s = true,
		.ttl_s = 30 + (int64_t)scenario_random(s, 600),
	};
	return s->hold_count < SIM_HOLDS_MAX - SIM_ASKS_MAX;
}

static bool ask_job(struct scenario *s, struct sim_ask *ask, int wallet)
{
	ask->call = &CALL_METER_JOB_CREATE;
	ask->subject = wallet;
	ask->done = job_made;
	ask->in.job_create = (struct meter_job_create_request){
		.wallet_id = str_of(s->wallets[wallet]),
		.purpose = STR("simulated"),
		.has_max_spend = scenario_chance(s, 60),
		.max_spend = usd(100 + (int64_t)scenario_random(s, 6000)),
		.has_ttl_s = scenario_chance(s, 50),
		.ttl_s = 60 + (int64_t)scenario_random(s, 3600),
		.has_idle_timeout_s = scenario_chance(s, 30),
		.idle_timeout_s = 60 + (int64_t)scenario_random(s, 600),
	};
	return s->job_count < SIM_JOBS_MAX;
}

static bool ask_admit(struct scenario *s, struct sim_ask *ask, int job)
{
	ask->call = &CALL_METER_SANDBOX_ADMIT;
	ask->subject = job;
	ask->done = admitted;
	ask->in.admit = (struct meter_sandbox_admit_request){
		.job_id = str_of(s->jobs[job].id),
		.runner = STR("sim"),
		.shape = { .image_class = STR("standard"),
			   .cpu_milli = 250 + 250 * (int64_t)scenario_random(s, 8),
			   .ram_mb = 256 * (1 + (int64_t)scenario_random(s, 8)),
			   .disk_mb = 1024 },
		.has_spend_cap = scenario_chance(s, 30),
		.spend_cap = usd(200 + (int64_t)scenario_random(s, 1500)),
		.has_ttl_s = scenario_chance(s, 30),
		.ttl_s = 60 + (int64_t)scenario_random(s, 1800),
		.has_idle_timeout_s = scenario_chance(s, 20),
		.idle_timeout_s = 60 + (int64_t)scenario_random(s, 300),
	};
	return !s->jobs[job].ended && s->sandbox_count < SIM_SANDBOXES_MAX - SIM_ASKS_MAX;
}

static void ask_end_of(struct scenario *s, struct sim_ask *ask, int b)
{
	const struct sim_sandbox *box = &s->sandboxes[b];

	ask->call = &CALL_METER_SANDBOX_END;
	ask->subject = b;
	ask->done = left;
	ask->in.end = (struct meter_sandbox_end_request){ .sandbox_id = str_of(box->id) };
	if (box->gone_ms > 0 && scenario_chance(s, 70)) {
		ask->in.end.has_ended_at_ms = true;
		ask->in.end.ended_at_ms = box->gone_ms;
	}
}

static bool ask_waiting(struct scenario *s, struct sim_ask *ask, int b)
{
	struct str id = str_of(s->sandboxes[b].id);

	ask->subject = b;
	if (scenario_chance(s, 80)) {
		ask->call = &CALL_METER_SANDBOX_BEGIN;
		ask->in.begin.sandbox_id = id;
		ask->done = began;
	} else {
		ask->call = &CALL_METER_SANDBOX_ABORT;
		ask->in.abort = (struct meter_sandbox_abort_request){ .sandbox_id = id };
		ask->done = left;
	}
	return scenario_chance(s, 85); /* some never say a word */
}

static bool ask_running(struct scenario *s, struct sim_ask *ask, int b)
{
	struct sim_sandbox *box = &s->sandboxes[b];

	switch (scenario_random(s, 4)) {
	case 0:
		ask->call = &CALL_METER_SANDBOX_STOP;
		ask->in.stop = (struct meter_sandbox_stop_request){ .sandbox_id = str_of(box->id) };
		return true;
	case 1:
		gone(box, clock_now_ms());
		ask_end_of(s, ask, b);
		return true;
	case 2:
		ask->call = &CALL_METER_SANDBOX_EXTEND;
		ask->in.extend = (struct meter_sandbox_extend_request){
			.sandbox_id = str_of(box->id),
			.has_spend_cap = true,
			.spend_cap = usd(500 + (int64_t)scenario_random(s, 3000)),
			.has_ttl_s = scenario_chance(s, 50),
			.ttl_s = 60 + (int64_t)scenario_random(s, 3600)
		};
		return true;
	default:
		ask->call = &CALL_METER_ACTIVITY_REPORT;
		ask->one = (struct meter_activity){ .sandbox_id = str_of(box->id) };
		ask->in.activity.items.items = &ask->one;
		ask->in.activity.items.count = 1;
		return true;
	}
}

static bool ask_sandbox(struct scenario *s, struct sim_ask *ask, bool *taken)
{
	int b = s->sandbox_count ? (int)scenario_random(s, (uint64_t)s->sandbox_count) : -1;

	if (b < 0 || taken[b])
		return false;
	taken[b] = true;
	if (s->sandboxes[b].state == RUNNER_ADMITTED)
		return ask_waiting(s, ask, b);
	if (s->sandboxes[b].state == RUNNER_RUNNING)
		return ask_running(s, ask, b);
	ask_end_of(s, ask, b);
	return !s->sandboxes[b].closed && s->sandboxes[b].gone_ms > 0;
}

/* False: not now. */
static bool ask_any(struct scenario *s, struct sim_ask *ask, bool *taken)
{
	uint64_t choice = scenario_random(s, 100);
	int job = s->job_count ? (int)scenario_random(s, (uint64_t)s->job_count) : -1;

	*ask = (struct sim_ask){ .s = s };
	if (choice < 20)
		return ask_money(s, ask);
	if (choice < 32)
		return ask_hold(s, ask);
	if (choice < 55)
		return job >= 0 && ask_admit(s, ask, job);
	if (choice < 92)
		return ask_sandbox(s, ask, taken);
	if (choice < 96)
		return ask_job(s, ask, (int)scenario_random(s, (uint64_t)s->wallet_count));
	if (job < 0 || s->jobs[job].ended)
		return false;
	ask->call = &CALL_METER_JOB_STOP;
	ask->subject = job;
	ask->done = job_stopped;
	ask->in.job_stop.job_id = str_of(s->jobs[job].id);
	return true;
}

/* ---- what a lane asks at once ---- */

size_t scenario_wallets_make(struct scenario *s, struct sim_ask *ret)
{
	s->wallet_count = 1 + (int)scenario_random(s, SIM_WALLETS_MAX);
	for (int w = 0; w < s->wallet_count; w++) {
		snprintf(s->owners[w], sizeof(s->owners[w]), "sim.%s.%d", s->name, w);
		ret[w] = (struct sim_ask){
			.s = s, .call = &CALL_METER_WALLET_CREATE, .subject = w, .done = wallet_made
		};
		ret[w].in.wallet_create =
			(struct meter_wallet_create_request){ .owner = str_of(s->owners[w]),
							      .currency = STR("USD"),
							      .has_tier = true,
							      .tier = 2 };
	}
	return (size_t)s->wallet_count;
}

size_t scenario_jobs_make(struct scenario *s, struct sim_ask *ret)
{
	size_t count = 0;

	for (int w = 0; w < s->wallet_count; w++) {
		ret[count] = (struct sim_ask){ .s = s };
		if (scenario_chance(s, 90))
			ask_deposit(s, &ret[count++], w);
		ret[count] = (struct sim_ask){ .s = s };
		(void)ask_job(s, &ret[count++], w);
	}
	return count;
}

size_t scenario_acts(struct scenario *s, struct sim_ask *ret)
{
	bool taken[SIM_SANDBOXES_MAX] = { false };
	size_t count = 0, wanted = 1 + scenario_random(s, SIM_ASKS_MAX - 1);

	for (size_t i = 0; i < 3 * wanted && count < wanted; i++)
		count += ask_any(s, &ret[count], taken);
	return count;
}

size_t scenario_boxes_begin(struct scenario *s, struct sim_ask *ret)
{
	size_t count = 0;

	for (int b = 0; b < s->sandbox_count && count < SIM_ASKS_MAX; b++) {
		if (s->sandboxes[b].state != RUNNER_ADMITTED || !scenario_chance(s, 70))
			continue;
		ret[count] = (struct sim_ask){
			.s = s, .call = &CALL_METER_SANDBOX_BEGIN, .subject = b, .done = began
		};
		ret[count++].in.begin.sandbox_id = str_of(s->sandboxes[b].id);
	}
	return count;
}

size_t scenario_jobs_stop(struct scenario *s, struct sim_ask *ret)
{
	size_t count = 0;

	for (int j = 0; j < s->job_count; j++) {
		if (s->jobs[j].ended)
			continue;
		ret[count] = (struct sim_ask){
			.s = s, .call = &CALL_METER_JOB_STOP, .subject = j, .done = job_stopped
		};
		ret[count++].in.job_stop.job_id = str_of(s->jobs[j].id);
	}
	return count;
}

/* Some runners say that what they ran is gone, others are silent for ever. */
size_t scenario_boxes_end(struct scenario *s, struct sim_ask *ret)
{
	size_t count = 0;

	for (int b = 0; b < s->sandbox_count && count < SIM_ASKS_MAX; b++) {
		struct sim_sandbox *box = &s->sandboxes[b];
		if (box->state == RUNNER_RUNNING)
			gone(box, clock_now_ms());
		if (box->closed || box->gone_ms == 0 || !scenario_chance(s, 60))
			continue;
		ret[count] = (struct sim_ask){ .s = s };
		ask_end_of(s, &ret[count++], b);
	}
	return count;
}

/* ---- the runner ---- */

size_t scenario_leases(struct scenario *s, struct sim_ask *ret)
{
	struct meter_lease_read_request *in = &ret->in.lease_read;

	*ret = (struct sim_ask){ .s = s, .call = &CALL_METER_LEASE_READ, .done = leases_told };
	in->sandbox_ids.items = ret->ids;
	for (int b = 0; b < s->sandbox_count; b++)
		if (s->sandboxes[b].state == RUNNER_RUNNING)
			ret->ids[in->sandbox_ids.count++] = str_of(s->sandboxes[b].id);
	return in->sandbox_ids.count > 0;
}

void scenario_lapse(struct scenario *s)
{
	int64_t now_ms = clock_now_ms();

	for (int b = 0; b < s->sandbox_count; b++)
		if (s->sandboxes[b].state == RUNNER_RUNNING && s->sandboxes[b].lease_ms <= now_ms)
			gone(&s->sandboxes[b], s->sandboxes[b].lease_ms);
}
