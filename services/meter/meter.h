/* meter.h: money and what it is spent on. What is decided is here and in core_*.c (pure); what is
 * kept in store_*.c; what is answered in handlers_*.c; what time does in tick.c and timed.c.
 *
 * The golden rule, "an unpaid minute never happens", rests on one number a partition: every sandbox
 * that joined the partition is paid to the end of its first minute that ends at `paid_through` or
 * later. A tick moves that number on by whole minutes, so how many minutes a sandbox has paid is a
 * function of it and of when the sandbox began, and nothing is charged twice or skipped. */
#ifndef PIOPL_METER_H
#define PIOPL_METER_H

#include "gen/meter.h"
#include "money.h"

#define METER_SCHEMA_VERSION 4
#define METER_PARTITIONS 32
#define MINUTE_MS INT64_C(60000)
#define METER_CLOCK_SKEW_MS                                                                        \
	INT64_C(5000) /* of a runner against the meter, at most (docs/runners.md) */
#define METER_TIERS 3
#define METER_SYSTEM_KINDS 2
#define METER_CURRENCIES_MAX 60
#define METER_PAGE_DEFAULT 100
#define METER_TEXT_BYTES_MAX 128

/* -- accounts (core_ledger.c) -- */

enum system_account { SYSTEM_EXTERNAL, SYSTEM_REVENUE };

int64_t account_available(int64_t wallet);
int64_t account_held(int64_t wallet);
int64_t account_system(int64_t currency, enum system_account kind, int64_t partition);
bool account_is_system(int64_t account);
int64_t account_wallet(int64_t account); /* 0 for the installation's own */
int64_t wallet_partition(int64_t wallet);

/* A wallet's account as it is locked. */
struct account {
	int64_t id;
	int64_t balance;
	int64_t last_ms;
	int64_t currency;
	bool kept;      /* something has to stay on it */
	bool keep_read; /* how much, once that was read */
	int64_t keep;
};

/* A transfer to be made. `keep`: what the account it leaves must have left, 0 or more; when that is
 * what stops it the refusal is ST_RESERVE_PROTECTED. */
struct posting {
	enum meter_transfer_kind kind;
	int64_t from, to; /* accounts */
	int64_t amount;
	int64_t keep;
	/* filled by postings_apply */
	int64_t id;
	int64_t at_ms;
	int64_t from_balance, to_balance;
	/* what is said of it; .data NULL and 0: nothing */
	struct str reference, by;
	int64_t reverses;
};

/* Applies postings one after the other to accounts (sorted by id, those of the installation not
 * among them) or, at the first that may not be, to none: the accounts are then as they were and
 * `ret_failed` says which. Balances never go below zero, nor past what int64_t holds; times of an
 * account never go back. ST_AMOUNT_NOT_POSITIVE, ST_FUNDS_INSUFFICIENT, ST_RESERVE_PROTECTED,
 * ST_BALANCE_OVERFLOW, ST_CURRENCY_MISMATCH; ST_WALLET_UNKNOWN: an account is not there. `problem`
 * says the most that would be accepted; `code` is the currency of its texts. */
struct account *account_find(struct account *accounts, size_t count, int64_t id);
MUST_CHECK enum st postings_apply(struct account *accounts, size_t account_count,
				  struct posting *postings, size_t count, int64_t now_ms,
				  const char *code, size_t *ret_failed, struct problem *problem);
/* One more of them, by itself. */
MUST_CHECK enum st posting_apply(struct account *accounts, size_t account_count,
				 struct posting *posting, int64_t now_ms, const char *code,
				 struct problem *problem);

/* -- paid minutes (core_lease.c) -- */

/* What the arithmetic needs of a sandbox that runs. */
struct run {
	int64_t sandbox, wallet, job;
	int64_t price, cap;
	int64_t from_ms, expires_ms, activity_ms, idle_ms;
	bool joined;
};

/* Minutes paid by a sandbox that began at `from_ms` when its partition is paid through a time. */
int64_t minutes_paid(int64_t from_ms, int64_t paid_through_ms);
int64_t run_minutes(const struct run *run, int64_t paid_through_ms);
int64_t run_lease_until_ms(const struct run *run, int64_t paid_through_ms);
/* The partition's next number: the old one and whole minutes, at least `now_ms` + `lead_ms`. */
int64_t paid_through_next(int64_t paid_through_ms, int64_t now_ms, int64_t lead_ms);

/* -- prices (core_price.c) -- */

struct price_rates {
	int64_t cpu, ram, disk, class; /* a minute of a processor, 1024 MB, 1024 MB, the class */
};
/* Each part is rounded up to a whole micro-unit; nothing is free, so it is at least one.
 * ST_MONEY_OVERFLOW. */
MUST_CHECK enum st price_of_minute(const struct price_rates *rates, int64_t cpu_milli,
				   int64_t ram_mb, int64_t disk_mb, int64_t *ret);

/* -- clamping (core_clamp.c) -- */

/* What a tier allows when the wallet has no caps of its own; `caps` (may be NULL) replaces. */
struct cap_limits {
	int64_t jobs, sandboxes;
	int64_t job_spend, job_ttl_s;
	int64_t sandbox_spend, sandbox_ttl_s;
	int64_t idle_timeout_s;
	int64_t cpu_milli, ram_mb, disk_mb;
};
struct cap_limits caps_of(int64_t tier, const struct meter_caps *caps);

/* requested, then the policy's cap, then what is left of the job: the smallest, and the first of
 * them in this order that is it. */
struct clamp {
	bool has_requested, has_remaining;
	int64_t requested, cap, remaining;
	int64_t granted;
	enum meter_bound_by bound_by;
};
struct clamp clamp_of(bool has_requested, int64_t requested, int64_t cap, bool has_remaining,
		      int64_t remaining);

/* As an extension reports it: nothing shrinks, so what it `had` stays where no more is granted. */
struct clamp clamp_kept(struct clamp clamp, bool asked, int64_t had);

struct job_wish {
	bool has_spend, has_ttl, has_idle;
	int64_t spend, ttl_s, idle_s;
};
struct job_clamps {
	struct clamp spend, ttl_s, idle_s;
};
struct job_clamps job_clamp(const struct cap_limits *caps, const struct job_wish *wish);

struct sandbox_wish {
	bool has_spend, has_ttl, has_idle;
	int64_t cpu_milli, ram_mb, disk_mb;
	int64_t spend, ttl_s, idle_s;
};
struct sandbox_clamps {
	struct clamp cpu_milli, ram_mb, disk_mb, spend, ttl_s, idle_s;
};
/* `job_left`, `job_left_s`: budget and time the job has left. */
struct sandbox_clamps sandbox_clamp(const struct cap_limits *caps, const struct sandbox_wish *wish,
				    int64_t job_left, int64_t job_left_s, int64_t job_idle_s);

/* -- months of the ledger (core_month.c): 202601 -- */

bool month_valid(int64_t month); /* 197001 to 999912 */
int64_t month_first_ms(int64_t month);
int64_t month_after(int64_t month);
int64_t month_of(int64_t ms);
/* More than so many whole months lie between it and the present one, or as many: it may be cut. */
bool month_due(int64_t month, int64_t now_ms, int64_t retention_months);

/* -- the five limits (core_limit.c) -- */

struct job_state {
	int64_t job;
	int64_t budget, closed, held; /* what its running sandboxes spent is not in it */
	int64_t expires_ms, activity_ms, idle_ms;
};

/* Decides for all sandboxes of one wallet that run, oldest first, which of them get `minutes_more`.
 * In this order: sandbox cap, job cap, account, time to live, idle; and before them whether the
 * lease has ended already. Where money does not reach for all, the oldest have it. A sandbox that
 * is stopped for another reason takes none of it. `ret_reasons[i]` is 0 for those that pass. */
struct limit_input {
	const struct run *runs; /* by from_ms, then sandbox */
	size_t run_count;
	const struct job_state *jobs; /* by job; every job of `runs` */
	size_t job_count;
	int64_t available;
	int64_t paid_through_ms, next_ms; /* of the partition, before and after */
	int64_t now_ms;
};
void limits_decide(const struct limit_input *in, enum meter_stop_reason *ret_reasons,
		   struct arena *arena);
/* Does the sandbox pass, apart from money that it shares with others? 0 when it does. */
enum meter_stop_reason limit_own(const struct run *run, const struct job_state *job,
				 int64_t paid_through_ms, int64_t next_ms, int64_t now_ms);

/* -- the survival horizon (core_horizon.c) -- */

struct horizon_job {
	int64_t burn; /* a minute of its running sandboxes */
	int64_t left; /* budget */
	int64_t time_left_ms;
};
struct horizon_thresholds {
	int64_t alive_minutes, warning_minutes, critical_minutes;
};
struct horizon {
	enum meter_horizon_state state;
	enum meter_binding binding;
	int64_t minutes;
	int64_t burn;
	bool has_balance, has_job, has_time;
	int64_t balance_minutes, job_minutes, job_time_minutes;
};
/* Jobs that run, at least those that burn. `minute_least`: what the cheapest minute costs; a wallet
 * that burns nothing is alive as long as it can pay that from a job. Of several jobs the one that
 * lasts longest counts: the wallet lives as long as one of them does. */
struct horizon horizon_of(int64_t available, int64_t minute_least, const struct horizon_job *jobs,
			  size_t job_count, const struct horizon_thresholds *thresholds);
enum meter_horizon_state horizon_state(int64_t minutes, const struct horizon_thresholds *t);

/* -- numbers as text (core_ledger.c) -- */

#define TRANSFER_ID_SIZE 24
void transfer_id_print(int64_t id, char ret[TRANSFER_ID_SIZE]);
bool transfer_id_parse(struct str text, int64_t *ret);

#endif
