-- Money: accounts, transfers, holds; what money is spent on: jobs, sandboxes, paid minutes; prices and
-- the survival horizon. Times are milliseconds since 1970, UTC; amounts are millionths of a currency.
-- Text that is compared or sorted is in collation "C".
--
-- Numbers that several tables share. A wallet w has two accounts: 2w is what is available, 2w + 1 what
-- is held. The installation's own accounts are below zero, one a currency, kind and partition, so that
-- nothing waits for one row: -(1000 * currency + 100 * kind + partition), kind 0 the outside world,
-- kind 1 revenue. A wallet's partition is w % 32.

CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION '% is append only', TG_TABLE_NAME;
END $$;

CREATE TABLE currency (
	number smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	code text COLLATE "C" NOT NULL UNIQUE CHECK (code ~ '^[A-Z]{3}$')
);

-- Balances are moved in place beside the entries that explain them; the floor holds whatever moves
-- them. last_ms: when it was last moved, so that times of one account never go back.
CREATE TABLE account (
	id bigint PRIMARY KEY,
	part smallint NOT NULL,
	currency smallint NOT NULL,
	balance bigint NOT NULL DEFAULT 0,
	floor bigint,
	last_ms bigint NOT NULL DEFAULT 0,
	CONSTRAINT account_floor CHECK (balance >= floor)
) WITH (fillfactor = 50);

CREATE TABLE wallet (
	number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	wallet_id text COLLATE "C" NOT NULL UNIQUE,
	owner text COLLATE "C" NOT NULL,
	title text,
	currency smallint NOT NULL,
	tier integer NOT NULL,
	reserve bigint NOT NULL DEFAULT 0 CHECK (reserve >= 0),
	reserve_minutes bigint NOT NULL DEFAULT 0,
	caps jsonb,
	created_ms bigint NOT NULL
);
CREATE INDEX wallet_owner ON wallet (owner, wallet_id);

-- One row is both legs of a transfer, so none can be out of balance; a leg's account has this balance
-- after it (of the installation's own accounts none is kept). kind: 1 deposit, 2 withdraw, 3 transfer,
-- 4 hold, 5 release, 6 capture, 7 charge, 8 reversal. A partition a month.
CREATE SEQUENCE transfer_number;
CREATE TABLE transfer (
	id bigint NOT NULL DEFAULT nextval('transfer_number'),
	at_ms bigint NOT NULL,
	from_account bigint NOT NULL,
	to_account bigint NOT NULL,
	amount bigint NOT NULL CONSTRAINT transfer_amount CHECK (amount > 0),
	from_balance bigint,
	to_balance bigint,
	kind smallint NOT NULL
) PARTITION BY RANGE (at_ms);
CREATE INDEX transfer_id ON transfer USING brin (id) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX transfer_from ON transfer (from_account, at_ms) WHERE from_account > 0;
CREATE INDEX transfer_to ON transfer (to_account, at_ms) WHERE to_account > 0;
CREATE TRIGGER transfer_append_only BEFORE UPDATE OR DELETE ON transfer
	FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER transfer_no_truncate BEFORE TRUNCATE ON transfer
	FOR EACH STATEMENT EXECUTE FUNCTION append_only();

-- What a person or a service said about a transfer; charges of the tick have none.
CREATE TABLE transfer_note (
	transfer bigint PRIMARY KEY,
	reference text,
	reverses bigint UNIQUE,
	said_by text NOT NULL
);
CREATE TRIGGER transfer_note_append_only BEFORE UPDATE OR DELETE ON transfer_note
	FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER transfer_note_no_truncate BEFORE TRUNCATE ON transfer_note
	FOR EACH STATEMENT EXECUTE FUNCTION append_only();

-- The double entries, as a bookkeeper reads them.
CREATE VIEW entry AS
	SELECT id AS transfer, at_ms, from_account AS account, -amount AS amount,
		from_balance AS balance, to_account AS counter_account, kind FROM transfer
	UNION ALL
	SELECT id, at_ms, to_account, amount, to_balance, from_account, kind FROM transfer;

-- The month of a time gets its partition; attaching it waits for nobody. Months are 1970's on.
CREATE FUNCTION ledger_month_ensure(v_ms bigint) RETURNS boolean
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = meter, pg_temp AS $$
DECLARE
	v_first timestamp := date_trunc('month', timestamp '1970-01-01' + v_ms * interval '1 ms');
	v_name text := 'transfer_' || to_char(v_first, 'YYYYMM');
	v_from bigint := (extract(epoch FROM v_first) * 1000)::bigint;
	v_to bigint := (extract(epoch FROM v_first + interval '1 month') * 1000)::bigint;
BEGIN
	IF to_regclass('meter.' || v_name) IS NOT NULL THEN
		RETURN false;
	END IF;
	PERFORM pg_advisory_xact_lock(hashtextextended('piopl/meter/ledger-month', 0));
	IF to_regclass('meter.' || v_name) IS NOT NULL THEN
		RETURN false;
	END IF;
	EXECUTE format('CREATE TABLE %I (LIKE transfer INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', v_name);
	EXECUTE format('ALTER TABLE transfer ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', v_name,
		v_from, v_to);
	EXECUTE format('CREATE TRIGGER %1$s_no_truncate BEFORE TRUNCATE ON %1$I '
		'FOR EACH STATEMENT EXECUTE FUNCTION append_only()', v_name);
	EXECUTE format('REVOKE ALL ON %I FROM meter', v_name);
	RETURN true;
END $$;

-- state: 1 active, 2 captured, 3 released, 4 expired. sandbox: whose first minute it is.
CREATE TABLE hold (
	number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	hold_id text COLLATE "C" NOT NULL UNIQUE,
	wallet bigint NOT NULL,
	amount bigint NOT NULL,
	captured bigint NOT NULL DEFAULT 0,
	state smallint NOT NULL DEFAULT 1,
	created_ms bigint NOT NULL,
	expires_ms bigint NOT NULL,
	closed_ms bigint,
	reference text,
	sandbox bigint,
	CHECK (captured BETWEEN 0 AND amount)
) WITH (fillfactor = 80);
CREATE INDEX hold_due ON hold (expires_ms) WHERE state = 1;
CREATE INDEX hold_wallet ON hold (wallet) WHERE state = 1;

-- state: 1 running, 2 ended. reason: 1 budget, 2 time, 3 idle, 4 stop. closed: spent by sandboxes that
-- have ended; held: first minutes of sandboxes that did not begin yet. What running ones spent is in
-- `run`. activity_ms: of itself and of sandboxes that have ended.
CREATE TABLE job (
	number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	job_id text COLLATE "C" NOT NULL UNIQUE,
	wallet bigint NOT NULL,
	part smallint NOT NULL,
	is_primary boolean NOT NULL,
	purpose text NOT NULL,
	state smallint NOT NULL DEFAULT 1,
	reason smallint,
	budget bigint NOT NULL,
	closed bigint NOT NULL DEFAULT 0,
	held bigint NOT NULL DEFAULT 0,
	idle_ms bigint NOT NULL,
	created_ms bigint NOT NULL,
	expires_ms bigint NOT NULL,
	activity_ms bigint NOT NULL,
	ended_ms bigint,
	CHECK (closed >= 0 AND held >= 0 AND closed + held <= budget)
) WITH (fillfactor = 80);
CREATE INDEX job_wallet ON job (wallet, job_id);
CREATE UNIQUE INDEX job_primary ON job (wallet) WHERE is_primary AND state = 1;
CREATE INDEX job_due ON job (least(expires_ms, activity_ms + idle_ms)) WHERE state = 1;

-- state: 1 admitted, 2 running, 3 stopping, 4 ended, 5 failed. reason: enum of the contract.
-- minutes and paid_until_ms are final from state 3 on.
CREATE TABLE sandbox (
	number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	sandbox_id text COLLATE "C" NOT NULL UNIQUE,
	wallet bigint NOT NULL,
	job bigint NOT NULL,
	part smallint NOT NULL,
	runner text COLLATE "C" NOT NULL,
	agent_id text COLLATE "C",
	image_class text NOT NULL,
	cpu_milli bigint NOT NULL,
	ram_mb bigint NOT NULL,
	disk_mb bigint NOT NULL,
	price bigint NOT NULL,
	price_version bigint NOT NULL,
	cap bigint NOT NULL,
	idle_ms bigint NOT NULL,
	expires_ms bigint NOT NULL,
	hold bigint NOT NULL,
	state smallint NOT NULL DEFAULT 1,
	reason smallint,
	note text,
	admitted_ms bigint NOT NULL,
	begin_by_ms bigint NOT NULL,
	began_ms bigint,
	activity_ms bigint,
	minutes bigint NOT NULL DEFAULT 0,
	paid_until_ms bigint,
	stop_at_ms bigint,
	ended_ms bigint
) WITH (fillfactor = 70);
CREATE INDEX sandbox_wallet ON sandbox (wallet, sandbox_id);
CREATE INDEX sandbox_job ON sandbox (job, sandbox_id);
CREATE INDEX sandbox_runner ON sandbox (runner, sandbox_id) WHERE state <= 3;
CREATE INDEX sandbox_leaving ON sandbox (stop_at_ms) WHERE state = 3;
CREATE INDEX sandbox_waiting ON sandbox (begin_by_ms) WHERE state = 1;

-- How far the sandboxes of a partition are paid. Moved on by whole minutes; every sandbox of the
-- partition that has joined is paid to the end of its first minute that ends then or later. So what a
-- sandbox has paid is a function of this number and of when it began, and no row of a sandbox is
-- touched by a tick.
CREATE TABLE partition (
	id smallint PRIMARY KEY,
	paid_through_ms bigint NOT NULL DEFAULT 0,
	next_ms bigint NOT NULL DEFAULT 0,
	join_ms bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
INSERT INTO partition (id) SELECT generate_series(0, 31);

-- Sandboxes that run. Only the tick lets one join; until then exactly its first minute is paid.
CREATE TABLE run (
	sandbox bigint NOT NULL,
	wallet bigint NOT NULL,
	job bigint NOT NULL,
	price bigint NOT NULL,
	cap bigint NOT NULL,
	from_ms bigint NOT NULL,
	expires_ms bigint NOT NULL,
	activity_ms bigint NOT NULL,
	idle_ms bigint NOT NULL,
	part smallint NOT NULL,
	joined boolean NOT NULL DEFAULT false
) PARTITION BY LIST (part);
DO $$
BEGIN
	FOR p IN 0..31 LOOP
		EXECUTE format('CREATE TABLE run_%s PARTITION OF run FOR VALUES IN (%s) '
			'WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05)', p, p);
	END LOOP;
END $$;
CREATE UNIQUE INDEX run_sandbox ON run (part, sandbox);
CREATE INDEX run_wallet ON run (wallet);
CREATE INDEX run_new ON run (part) WHERE NOT joined;

-- Paid minutes of a sandbox that has ended: `minutes` of them from `from_ms`, each at `price`. Those of
-- running ones are in `run`.
CREATE TABLE activity (
	sandbox bigint NOT NULL,
	wallet bigint NOT NULL,
	job bigint NOT NULL,
	from_ms bigint NOT NULL,
	minutes bigint NOT NULL,
	price bigint NOT NULL
);
CREATE UNIQUE INDEX activity_sandbox ON activity (sandbox);
CREATE INDEX activity_wallet ON activity (wallet, from_ms);
CREATE INDEX activity_job ON activity (job);
CREATE TRIGGER activity_append_only BEFORE UPDATE OR DELETE ON activity
	FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER activity_no_truncate BEFORE TRUNCATE ON activity
	FOR EACH STATEMENT EXECUTE FUNCTION append_only();

-- Prices, by version; never changed.
CREATE TABLE price_table (
	version bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	currency smallint NOT NULL,
	from_ms bigint NOT NULL,
	cpu bigint NOT NULL CHECK (cpu >= 0),
	ram bigint NOT NULL CHECK (ram >= 0),
	disk bigint NOT NULL CHECK (disk >= 0),
	said_by text NOT NULL
);
CREATE INDEX price_table_force ON price_table (currency, from_ms, version);
CREATE TABLE price_class (
	version bigint NOT NULL,
	image_class text COLLATE "C" NOT NULL,
	minute bigint NOT NULL CHECK (minute >= 0),
	PRIMARY KEY (version, image_class)
);
CREATE TRIGGER price_table_append_only BEFORE UPDATE OR DELETE ON price_table
	FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER price_class_append_only BEFORE UPDATE OR DELETE ON price_class
	FOR EACH ROW EXECUTE FUNCTION append_only();

-- The last horizon of a wallet that differed from what was foretold. state: 1 alive, 2 warning,
-- 3 critical, 4 emergency, 5 dormant. binding: 1 balance, 2 job_budget, 3 job_time, 4 nothing_runs.
CREATE TABLE horizon (
	wallet bigint PRIMARY KEY,
	part smallint NOT NULL,
	state smallint NOT NULL,
	binding smallint NOT NULL,
	minutes bigint NOT NULL,
	burn bigint NOT NULL,
	balance_minutes bigint,
	job_minutes bigint,
	job_time_minutes bigint,
	at_ms bigint NOT NULL,
	forecast_ms bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE INDEX horizon_state ON horizon (state, wallet);
CREATE INDEX horizon_part ON horizon (part) WHERE state <> 5;

CREATE TABLE forecast (
	wallet bigint NOT NULL,
	made_ms bigint NOT NULL,
	ends_ms bigint NOT NULL,
	minutes bigint NOT NULL,
	binding smallint NOT NULL,
	ended_ms bigint,
	error_minutes bigint,
	PRIMARY KEY (wallet, made_ms)
);
CREATE INDEX forecast_open ON forecast (wallet) WHERE ended_ms IS NULL;

-- A first table of prices, so that an installation can meter at once.
INSERT INTO currency (code) VALUES ('USD'), ('EUR');
INSERT INTO price_table (currency, from_ms, cpu, ram, disk, said_by)
	SELECT number, 0, 100, 25, 1, 'migration' FROM currency ORDER BY number;
INSERT INTO price_class (version, image_class, minute)
	SELECT version, image_class, minute FROM price_table,
		(VALUES ('standard', 0), ('large', 50)) AS c (image_class, minute);
INSERT INTO account (id, part, currency)
	SELECT -(1000 * c.number + 100 * k + p), p, c.number
	FROM currency c, generate_series(0, 1) AS k, generate_series(0, 31) AS p;

-- Books are written once. Balances move and never go; nothing is deleted but what stopped running and
-- holds or forecasts of no use any more.
REVOKE UPDATE, DELETE, TRUNCATE ON transfer, transfer_note, activity, price_table, price_class,
	currency FROM meter;
REVOKE DELETE, TRUNCATE ON account, wallet, job, sandbox, hold, horizon, partition FROM meter;
REVOKE INSERT ON partition FROM meter;
