/* replica_test.c: several tickers, each with a connection of its own, and a fleet of some size. One
 * is slow, or dies in the middle: the others go on beside it, and every wallet is charged each
 * minute once. */
#include "fixture.h"

#define WALLETS 2500
#define EACH 4 /* sandboxes of a wallet */
#define FIRST_MICROS INT64_C(1000000000)
#define TICK_MS_MAX 2000 /* what ten times as many may take where nothing else runs */

/* A second ticker. */
static struct meter_service other_meter;
static struct svc other_svc;

static void fleet_fill(void)
{
	char sql[1200];

	snprintf(sql, sizeof(sql),
		 "INSERT INTO meter.wallet (number, wallet_id, owner, currency, tier, created_ms) "
		 "OVERRIDING SYSTEM VALUE SELECT i, 'wal_00000000-0000-7000-8000-' || "
		 "lpad(to_hex(i), 12, '0'), 'fleet', 1, 2, 0 FROM "
		 "generate_series(1, %d) AS i; "
		 "INSERT INTO meter.account (id, part, currency, balance, floor) SELECT 2 * i + k, "
		 "i %% 32, 1, (1 - k) * %lld, 0 FROM generate_series(1, %d) AS i, "
		 "generate_series(0, 1) AS k; "
		 "UPDATE meter.account SET balance = balance - %d::bigint * %lld WHERE id = -1000",
		 WALLETS, (long long)FIRST_MICROS, WALLETS, WALLETS, (long long)FIRST_MICROS);
	harness_sql(world.harness, sql);
	snprintf(
		sql, sizeof(sql),
		"INSERT INTO meter.job (number, job_id, wallet, part, is_primary, purpose, budget, "
		"idle_ms, created_ms, expires_ms, activity_ms) OVERRIDING SYSTEM VALUE SELECT i, "
		"'job_' || i, i, i %% 32, true, 'fleet', 1000000000, 1000000000000, 0, "
		"9000000000000, %lld FROM generate_series(1, %d) AS i; "
		"INSERT INTO meter.run (sandbox, wallet, job, price, cap, from_ms, expires_ms, "
		"activity_ms, idle_ms, part, joined) SELECT i, 1 + i %% %d, 1 + i %% %d, 126, "
		"1000000000, %lld - i %% 60 * 1000, 9000000000000, %lld, 1000000000000, (1 + i %% "
		"%d) %% 32, true FROM generate_series(1, %d) AS i; "
		"UPDATE meter.partition SET paid_through_ms = %lld",
		(long long)START_MS, WALLETS, WALLETS, WALLETS, (long long)START_MS,
		(long long)START_MS, WALLETS, WALLETS * EACH, (long long)START_MS + 60000);
	harness_sql(world.harness, sql);
}

static int64_t charges(void)
{
	return sql_i64("SELECT count(*) FROM meter.transfer WHERE kind = 7");
}

/* Every wallet has `times` charges and has paid its sandboxes' minutes for them. */
static void each_charged(int64_t times)
{
	assert_int_equal(charges(), times * WALLETS);
	assert_int_equal(sql_i64("SELECT count(*) FROM (SELECT from_account FROM meter.transfer "
				 "WHERE kind = 7 GROUP BY 1 HAVING count(*) = %lld AND sum(amount) "
				 "= %lld) AS t",
				 (long long)times, (long long)times * EACH * MINUTE_PRICE),
			 WALLETS);
	assert_int_equal(sql_i64("SELECT count(*) FROM meter.account WHERE id > 0 AND id %% 2 = 0 "
				 "AND balance = %lld",
				 (long long)(FIRST_MICROS - times * EACH * MINUTE_PRICE)),
			 WALLETS);
	assert_int_equal(sql_i64("SELECT sum(balance) FROM meter.account"), 0);
}

static struct svc_scope other_begin(struct db_tx **ret_tx)
{
	struct problem problem = { 0 };

	arena_reset(&other_svc.arena);
	svc_outbox_reset(&other_svc);
	assert_int_equal(db_begin(other_svc.db, ret_tx, &problem), ST_OK);
	struct svc_scope scope = { .svc = &other_svc,
				   .arena = &other_svc.arena,
				   .tx = *ret_tx,
				   .now_ms = world.now_ms,
				   .trace_id = STR("0123456789abcdef0123456789abcdef") };
	assert_int_equal(ledger_begin(&scope, &other_meter), ST_OK);
	return scope;
}

/* Its session has nothing under way: a transaction that is given up ends when the database comes to
 * it, which nobody waits for. */
static void other_settled(void)
{
	struct db_tx *tx;
	struct svc_scope scope = other_begin(&tx);
	struct db_rows due;

	assert_int_equal(store_tick_due(tx, scope.arena, scope.now_ms, scope.now_ms, &due), ST_OK);
	db_rollback(tx);
}

/* It does a partition and does not commit. */
static struct svc_scope slow_tick(int64_t partition)
{
	struct db_tx *tx;
	struct svc_scope scope = other_begin(&tx);
	bool did;

	enum st st = partition_tick(&scope, &other_meter, partition, &did);
	if (st != ST_OK)
		fail_msg("%s: %s", st_info(st)->code, db_tx_error(tx));
	assert_true(did);
	assert_int_equal(ledger_flush(&scope, &other_meter), ST_OK);
	assert_int_equal(svc_outbox_write(&other_svc, tx), ST_OK);
	return scope;
}

static int64_t behind(void)
{
	int64_t due_ms = world.now_ms + world.meter.margin_ms;

	return sql_i64("SELECT count(*) FROM meter.partition WHERE paid_through_ms < %lld",
		       (long long)due_ms);
}

/* [MET-6] the partitions are shared out: nobody waits for a slow one, and its charges are its own
 */
static void a_slow_tick_holds_up_nobody_and_charges_once(void **state)
{
	struct problem problem = { 0 };

	(void)state;
	world.now_ms = START_MS + 40001;
	struct svc_scope slow = slow_tick(5);
	ticked(tick_partitions); /* the others, all but that one */
	assert_int_equal(behind(), 1);
	assert_true(charges() < WALLETS && charges() > WALLETS * 30 / 32);
	ticked(tick_partitions); /* asked again it is still the other's */
	assert_int_equal(behind(), 1);
	assert_int_equal(db_commit(slow.tx, &problem), ST_OK);
	assert_int_equal(behind(), 0);
	ticked(tick_partitions); /* nothing is left to do */
	each_charged(1);
}

/* [MET-6] one that dies before it commits has charged nothing; whoever comes next does, once */
static void a_tick_that_dies_skips_nothing(void **state)
{
	(void)state;
	world.now_ms += MINUTE_MS;
	struct svc_scope dying = slow_tick(7);
	ticked(tick_partitions);
	assert_int_equal(behind(), 1);
	db_rollback(dying.tx);
	other_settled();
	assert_int_equal(behind(), 1);
	ticked(tick_partitions);
	assert_int_equal(behind(), 0);
	each_charged(2);
}

/* [MET-6] a minute late, all in one: each minute once, and in time (the least of three, for the
 * machine may stand still) */
static void a_fleet_is_ticked_in_time(void **state)
{
	int64_t least_ms = INT64_MAX;

	(void)state;
	for (int64_t minute = 3; minute <= 5; minute++) {
		world.now_ms += MINUTE_MS;
		uint64_t began_ns = clock_mono_ns();
		ticked(tick_partitions);
		int64_t took_ms = (int64_t)(clock_mono_ns() - began_ns) / 1000000;
		each_charged(minute);
		least_ms = took_ms < least_ms ? took_ms : least_ms;
	}
	assert_true(least_ms < TICK_MS_MAX);
	assert_int_equal(sql_i64("SELECT count(*) FROM meter.run"), WALLETS * EACH);
}

static int start(void **state)
{
	static const struct db_statement *const tables[] = { svc_statements, meter_statements };
	struct problem problem = { 0 };

	(void)state;
	world_start();
	ticked(tick_due); /* the months have their partitions, for both */
	other_meter = world.meter;
	other_svc = world.svc;
	other_svc.state = &other_meter;
	other_svc.arena = (struct arena){ 0 };
	arena_init(&other_svc.arena, SVC_ARENA_BYTES_MAX);
	other_svc.db = harness_db_open(world.harness, "meter", tables, 2);
	assert_int_equal(db_ready(other_svc.db, &problem), ST_OK);
	fleet_fill();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	db_close(other_svc.db);
	arena_free(&other_svc.arena);
	world_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slow_tick_holds_up_nobody_and_charges_once),
		cmocka_unit_test(a_tick_that_dies_skips_nothing),
		cmocka_unit_test(a_fleet_is_ticked_in_time),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
