/* bench_meter.c: money over the bus, and ticks of large fleets. The fleets are put into the tables
 * directly; the tick is the service's own, in as many tickers as there are processors, made due by
 * the development clock. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"
#include "gen/meter.h"
#include "services/meter/meter.h"

#define WALLETS 20000
#define BATCH 500
#define BATCHES_IN_FLIGHT 32
#define SANDBOXES_PER_WALLET 4
#define WARM_UP 5 /* minutes until all of a fleet, which begins a little later, burns */

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "meter: %s\n", what);
	exit(1);
}

__attribute__((format(printf, 2, 3))) static void sql(struct stack *stack, const char *format, ...)
{
	char text[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	harness_sql(stack->harness, text);
}

static void wallets_fill(struct stack *stack, int64_t count)
{
	sql(stack,
	    "INSERT INTO meter.wallet (number, wallet_id, owner, currency, tier, created_ms) "
	    "OVERRIDING SYSTEM VALUE SELECT i, 'wal_00000000-0000-7000-8000-' || lpad(to_hex(i), "
	    "12, '0'), 'bench', 1, 2, 0 FROM generate_series(1, %lld) AS i",
	    (long long)count);
	sql(stack,
	    "INSERT INTO meter.account (id, part, currency, balance, floor) SELECT 2 * i + k, i %% "
	    "32, 1, (1 - k) * 1000000000000, 0 FROM generate_series(1, %lld) AS i, "
	    "generate_series(0, 1) AS k",
	    (long long)count);
	sql(stack,
	    "UPDATE meter.account SET balance = balance - %lld * 1000000000000 WHERE id = -1000",
	    (long long)count);
	sql(stack, "VACUUM ANALYZE meter.account, meter.wallet");
}

/* -- the ledger -- */

struct moves {
	bool hot;
	int count; /* in one call */
};

static int move_print(const struct moves *moves, uint64_t number, char *out, size_t size)
{
	uint64_t from = 1 + (number * UINT64_C(2654435761)) % WALLETS;
	uint64_t to = 1 + (from + 1 + number % (WALLETS - 1)) % WALLETS;

	if (moves->hot)
		from = 7;
	if (to == from)
		to = from % WALLETS + 1;
	return snprintf(out, size,
			"{\"wallet_id\":\"wal_00000000-0000-7000-8000-%012llx\",\"to\":\"wal_"
			"00000000-0000-7000-8000-%012llx\",\"amount\":{\"amount\":\"0.000001\","
			"\"currency\":\"USD\"}}",
			(unsigned long long)from, (unsigned long long)to);
}

static int transfer_body(void *context, int64_t number, char *out, size_t size)
{
	return move_print(context, (uint64_t)number, out, size);
}

static int batch_body(void *context, int64_t number, char *out, size_t size)
{
	const struct moves *moves = context;
	int at = snprintf(out, size, "{\"transfers\":[");

	for (int i = 0; i < moves->count; i++) {
		if (i > 0)
			out[at++] = ',';
		at += move_print(moves, (uint64_t)(number * moves->count + i), out + at,
				 size - (size_t)at);
	}
	return at + snprintf(out + at, size - (size_t)at, "]}");
}

static double load_run(struct stack *stack, const char *call,
		       int (*body)(void *, int64_t, char *, size_t), struct moves *moves,
		       int64_t count, int in_flight)
{
	char subject[96];
	struct bench_result result;

	snprintf(subject, sizeof(subject), "piopl.rpc.meter.%s.terminal", call);
	struct bench_load load = { .url = harness_nats_url(stack->harness),
				   .subject = subject,
				   .body = body,
				   .context = moves,
				   .count = count,
				   .in_flight = in_flight };
	bench_load_run(&load, &result);
	if (getenv("BENCH_SHOW"))
		fprintf(stderr, "%s %d: %.0f/s p50 %.2f ms, failed %lld\n", call, in_flight,
			result.per_second, result.p50_ms, (long long)result.failed);
	if (result.failed > 0)
		give_up("transfers failed");
	return result.per_second;
}

/* The statements of one transfer, as pgbench sends them: 8 connections, a commit each. */
static double pgbench_floor(struct stack *stack)
{
	char script[600], command[1600], line[512];
	double tps = 0;

	snprintf(script, sizeof(script), "%s/transfer.sql", harness_folder(stack->harness));
	FILE *file = fopen(script, "w");
	if (!file)
		give_up("cannot write the script");
	fprintf(file,
		"\\set a random(1, %d)\n\\set b 1 + (:a + 5) %% %d\n"
		"BEGIN;\n"
		"SELECT number FROM meter.wallet WHERE wallet_id IN "
		"('wal_00000000-0000-7000-8000-' "
		"|| lpad(to_hex(:a::bigint), 12, '0'), 'wal_00000000-0000-7000-8000-' || "
		"lpad(to_hex(:b::bigint), "
		"12, '0'));\n"
		"SELECT id, balance, last_ms FROM meter.account WHERE id IN (2 * :a::bigint, 2 * "
		":b::bigint) ORDER "
		"BY id FOR NO KEY UPDATE;\n"
		"INSERT INTO meter.transfer (at_ms, from_account, to_account, amount, "
		"from_balance, "
		"to_balance, kind) VALUES (%lld, 2 * :a::bigint, 2 * :b::bigint, 1, 1, 1, 3) "
		"RETURNING id;\n"
		"UPDATE meter.account SET balance = balance + CASE WHEN id = 2 * :a::bigint THEN "
		"-1 ELSE 1 "
		"END WHERE id IN (2 * :a::bigint, 2 * :b::bigint);\n"
		"COMMIT;\n",
		WALLETS, WALLETS, (long long)clock_now_ms());
	fclose(file);
	snprintf(command, sizeof(command),
		 "PATH=/usr/lib/postgresql/15/bin:$PATH pgbench -n -M prepared -c 8 -j 2 -T 5 -f "
		 "'%s' '%s' 2>&1",
		 script, harness_conninfo(stack->harness, NULL));
	FILE *pipe = popen(command, "r");
	while (pipe && fgets(line, sizeof(line), pipe)) {
		if (getenv("BENCH_SHOW"))
			fputs(line, stderr), (void)0;
		(void)(sscanf(line, "tps = %lf", &tps) == 1);
	}
	if (!pipe || pclose(pipe) != 0 || tps <= 0)
		give_up("pgbench did not run");
	return tps;
}

void bench_ledger(void)
{
	static const char *const names[] = { "meter", NULL };
	const char *env[] = { "PIOPL_WORKERS=1", NULL };
	int64_t count = bench_size("BENCH_TRANSFERS", 60000);
	struct moves single = { .count = 1 }, hot = { .hot = true, .count = 1 };
	struct moves batch = { .count = BATCH };
	struct stack stack;
	char note[200];

	stack_start(&stack,
		    &(struct harness_options){ .postgres = true,
					       .nats = true,
					       .durable = true,
					       .pg_config = getenv("BENCH_PG") },
		    names);
	wallets_fill(&stack, WALLETS);
	stack_service_start(&stack, "meter", env);
	double eight = load_run(&stack, "wallet_transfer", transfer_body, &single, count / 4, 8);
	double many = load_run(&stack, "wallet_transfer", transfer_body, &single, count, 512);
	double contended = load_run(&stack, "wallet_transfer", transfer_body, &hot, count, 512);
	double batched = load_run(&stack, "wallet_transfer_batch", batch_body, &batch,
				  count / BATCH * 4, BATCHES_IN_FLIGHT);
	double floor = pgbench_floor(&stack);
	snprintf(note, sizeof(note),
		 "durable, with event and evidence; 512 in flight, 1 worker; 8 in flight %.0f/s; "
		 "floor: pgbench, same statements, 8 clients",
		 eight);
	bench_row("wallet.transfer", many, "/s", floor, note);
	bench_row("wallet.batch", batched * BATCH, "/s", floor,
		  "transfers, 500 a call, all or nothing, 32 calls in flight, 1 worker");
	snprintf(note, sizeof(note), "all out of one wallet; %.2f of wallet.transfer",
		 contended / many);
	bench_row("wallet.hot", contended, "/s", many, note);
	stack_stop(&stack);
}

/* -- the proof -- */

#define DEPOSITS 50 /* a wallet */

/* The same as `piopl wallet audit` asks it: page by page. */
static double audit_pages(struct stack *stack, int64_t transfers)
{
	struct meter_wallet_audit_request request = { .has_wallets = true,
						      .wallets = 2000,
						      .has_after = true };
	struct meter_wallet_audit_reply reply = { .has_next = true };
	struct problem problem = { 0 };
	double begin = bench_seconds();
	int64_t counted = 0;

	while (reply.has_next) {
		if (stack_call(stack, &CALL_METER_WALLET_AUDIT, &request, &reply, &problem) !=
		    ST_OK)
			give_up("the audit of a page failed");
		counted += reply.transfers;
		request.after = reply.next;
	}
	if (counted != transfers)
		give_up("the pages of the audit are not the whole");
	return bench_seconds() - begin;
}

/* Every balance of a ledger of `transfers` (two entries each) recomputed, over the bus. */
static double audit_run(struct stack *stack, int64_t transfers)
{
	struct meter_wallet_audit_request request = { 0 };
	struct meter_wallet_audit_reply reply;
	struct problem problem = { 0 };
	long long wallets = (long long)(transfers / DEPOSITS);
	long long past_ms = (long long)clock_now_ms() - 70 * INT64_C(86400000);

	wallets_fill(stack, wallets);
	sql(stack, "SELECT meter.ledger_month_ensure(%lld)", past_ms);
	for (int k = 1; k <= DEPOSITS; k++)
		sql(stack,
		    "INSERT INTO meter.transfer (at_ms, from_account, to_account, amount, "
		    "to_balance, kind) SELECT %lld, -1000, 2 * i, 1000000000000 / %d, %d * "
		    "(1000000000000 / %d), 1 FROM generate_series(1, %lld) AS i",
		    past_ms, DEPOSITS, k, DEPOSITS, wallets);
	sql(stack, "VACUUM ANALYZE meter.transfer");
	stack_service_start(stack, "meter", NULL);
	double begin = bench_seconds();
	enum st st = stack_call(stack, &CALL_METER_WALLET_AUDIT, &request, &reply, &problem);
	double took = bench_seconds() - begin;
	if (st != ST_OK || !reply.balanced || reply.transfers != transfers)
		give_up("the audit of the large ledger does not balance");
	return took;
}

/* The month read out page by page, as `piopl ledger export` does; transfers a second. */
static double export_run(struct stack *stack, const char *month, int64_t transfers)
{
	struct meter_ledger_month_request ask = { .month = str_of(month) };
	struct meter_ledger_export_request request = { .month = str_of(month) };
	struct meter_ledger_month_reply extent;
	struct meter_ledger_export_reply page;
	struct problem problem = { 0 };
	double begin = bench_seconds();
	int64_t count = 0;

	if (stack_call(stack, &CALL_METER_LEDGER_MONTH, &ask, &extent, &problem) != ST_OK)
		give_up("the month is not there");
	for (request.from = extent.first; request.from <= extent.last; request.from = page.next) {
		if (stack_call(stack, &CALL_METER_LEDGER_EXPORT, &request, &page, &problem) !=
		    ST_OK)
			give_up("the month is not read out");
		count += (int64_t)page.rows.count;
	}
	if (count != transfers)
		give_up("the month is not all that was exported");
	return (double)count / (bench_seconds() - begin);
}

static void cut_rows(struct stack *stack, int64_t transfers)
{
	char month[16], note[100];

	snprintf(month, sizeof(month), "%s",
		 harness_sql_text(stack->harness,
				  "SELECT to_char(timestamp '1970-01-01' + max(at_ms) * "
				  "interval '1 ms', 'YYYY-MM') FROM "
				  "meter.transfer"));
	double rate = export_run(stack, month, transfers);
	bench_row("ledger.export", rate, "/s", 0, "transfers of a month, by page");
	int64_t last = harness_sql_i64(stack->harness, "SELECT max(id) FROM meter.transfer");
	sql(stack, "UPDATE meter.account SET last_ms = %lld WHERE id = 2",
	    (long long)clock_now_ms());
	double begin = bench_seconds();
	sql(stack,
	    "SELECT meter.ledger_cut_month(replace('%s', '-', '')::bigint, %lld, %lld, "
	    "'bench', 'bench', 0)",
	    month, (long long)transfers, (long long)last);
	double took = bench_seconds() - begin;
	if (harness_sql_i64(stack->harness, "SELECT count(*) FROM meter.ledger_cut") != 1)
		give_up("the month was not cut");
	snprintf(note, sizeof(note), "a month of %lld transfers", (long long)transfers);
	bench_row("ledger.cut_s", took, "s", 0, note);
}

void bench_ledger_audit(void)
{
	static const char *const names[] = { "meter", NULL };
	int64_t transfers = bench_size("BENCH_AUDIT", 1000000);
	struct stack stack;
	char note[160];

	stack_start(&stack,
		    &(struct harness_options){ .postgres = true, .nats = true, .durable = true },
		    names);
	double took = audit_run(&stack, transfers);
	snprintf(note, sizeof(note),
		 "%lld transfers, two entries each, on %lld wallets; one answer; by page %.2f s",
		 (long long)transfers, (long long)(transfers / DEPOSITS),
		 audit_pages(&stack, transfers));
	bench_row("wallet.audit_s", took, "s", 0, note);
	cut_rows(&stack, transfers);
	stack_stop(&stack);
}

/* -- the tick -- */

static void fleet_fill(struct stack *stack, int64_t sandboxes)
{
	long long wallets = (long long)(sandboxes / SANDBOXES_PER_WALLET);
	long long now_ms = (long long)clock_now_ms() + 120000;

	wallets_fill(stack, wallets);
	sql(stack,
	    "INSERT INTO meter.job (number, job_id, wallet, part, is_primary, purpose, budget, "
	    "idle_ms, created_ms, expires_ms, activity_ms) OVERRIDING SYSTEM VALUE SELECT i, "
	    "'job_' || i, i, i %% 32, true, 'bench', 1000000000000, 1000000000000, 0, "
	    "9000000000000, %lld FROM generate_series(1, %lld) AS i",
	    now_ms, wallets);
	for (long long first = 1; first <= sandboxes; first += 100000)
		sql(stack,
		    "INSERT INTO meter.run (sandbox, wallet, job, price, cap, from_ms, expires_ms, "
		    "activity_ms, idle_ms, part, joined) SELECT i, 1 + i %% %lld, 1 + i %% %lld, "
		    "126, 1000000000000, %lld + 30000 - i %% 50 * 1000, 9000000000000, %lld, "
		    "1000000000000, (1 + i %% %lld) %% 32, true FROM generate_series(%lld, %lld) "
		    "AS "
		    "i",
		    wallets, wallets, now_ms, now_ms, wallets, first, first + 99999);
	sql(stack, "VACUUM ANALYZE meter.run, meter.job");
}

static int64_t through_least(struct stack *stack)
{
	return harness_sql_i64(stack->harness, "SELECT min(paid_through_ms) FROM meter.partition");
}

/* Until every partition is paid beyond `ms`; how long it took. */
static double wait_beyond(struct stack *stack, int64_t ms)
{
	double begin = bench_seconds();

	while (through_least(stack) <= ms) {
		if (bench_seconds() - begin > 300)
			give_up("the tick does not end");
		usleep(10000);
	}
	return bench_seconds() - begin;
}

static int64_t ledger_bytes(struct stack *stack)
{
	return harness_sql_i64(
		stack->harness,
		"SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE "
		"inhparent = 'meter.transfer'::regclass");
}

struct fleet_figures {
	double tick_s, bytes_per_minute, bytes_per_charge;
};

/* Moves the clock to when the next minute is due, and waits until all have it. */
static double minute_run(struct stack *stack)
{
	int64_t through_ms = through_least(stack);
	int64_t wait_ms = through_ms - 20000 + 1 - clock_now_ms();

	if (wait_ms > 0 && clock_advance(wait_ms) != ST_OK)
		give_up("the clock does not move");
	return wait_beyond(stack, through_ms);
}

static struct fleet_figures fleet_run(int64_t sandboxes, int rounds)
{
	static const char *const names[] = { "meter", NULL };
	const char *env[] = { "PIOPL_WORKERS=1", "PIOPL_TICKERS=2", NULL };
	double took[16];
	struct stack stack;

	stack_start(&stack,
		    &(struct harness_options){ .postgres = true,
					       .nats = true,
					       .durable = true,
					       .pg_config = "shared_buffers = 512MB\n"
							    "max_wal_size = 4GB\n" },
		    names);
	if (clock_open(stack.clock_path, true) != ST_OK)
		give_up("no development clock");
	fleet_fill(&stack, sandboxes);
	stack_service_start(&stack, "meter", env);
	(void)wait_beyond(&stack, 0);
	for (int i = 0; i < WARM_UP; i++)
		(void)minute_run(&stack);
	int64_t bytes = ledger_bytes(&stack);
	int64_t charges = harness_sql_i64(stack.harness, "SELECT count(*) FROM meter.transfer");
	for (int i = 0; i < rounds; i++)
		took[i] = minute_run(&stack);
	bytes = ledger_bytes(&stack) - bytes;
	charges = harness_sql_i64(stack.harness, "SELECT count(*) FROM meter.transfer") - charges;
	int64_t left = harness_sql_i64(stack.harness, "SELECT count(*) FROM meter.run");
	if (left != sandboxes || charges != rounds * sandboxes / SANDBOXES_PER_WALLET)
		give_up("the ticks did not charge every wallet once a minute");
	struct fleet_figures figures = {
		.tick_s = bench_median(took, (size_t)rounds),
		.bytes_per_minute = (double)bytes / (double)(rounds * sandboxes),
		.bytes_per_charge = (double)bytes / (double)charges,
	};
	clock_close();
	stack_stop(&stack);
	return figures;
}

static void bench_horizon(void)
{
	const struct horizon_thresholds thresholds = { 2880, 2160, 1440 };
	double begin = bench_seconds();
	int64_t sum = 0;

	for (int64_t i = 0; i < 100000; i++) {
		const struct horizon_job jobs[] = {
			{ .burn = 126 + i % 7, .left = 1000000 + i, .time_left_ms = 86400000 },
		};
		sum += horizon_of(500000 + i, 1, jobs, 1, &thresholds).minutes;
	}
	if (sum <= 0)
		give_up("no horizon");
	bench_row("horizon.recompute_100k_s", bench_seconds() - begin, "s", 0,
		  "the decision for 100,000 wallets; what it reads and writes is in the tick's "
		  "figures");
}

void bench_meter(void)
{
	struct fleet_figures small, large;
	char note[300];

	bench_horizon();
	small = fleet_run(100000, 5);
	snprintf(
		note, sizeof(note),
		"25,000 wallets, 4 sandboxes each, 2 tickers, durable, horizons recomputed; median "
		"of 5");
	bench_row("meter.tick_100k_s", small.tick_s, "s", 0, note);
	snprintf(note, sizeof(note),
		 "%.0f bytes a charge (row and index); 25,000 agents with a wallet each, a year: "
		 "%.2f TB, with one wallet for all: %.0f MB",
		 small.bytes_per_charge, small.bytes_per_charge * 25000 * 525600 / 1e12,
		 small.bytes_per_charge * 525600 / 1e6);
	bench_row("meter.bytes_per_minute", small.bytes_per_minute, "B", 0, note);
	large = fleet_run(bench_size("BENCH_METER_SANDBOXES", 1000000), 3);
	bench_row("meter.tick_1m_s", large.tick_s, "s", 0,
		  "250,000 wallets, 4 sandboxes each, 2 tickers; median of 3");
}
