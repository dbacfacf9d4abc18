-- A month of the ledger that is old enough is exported, then cut: its sums are carried to what each
-- account opens with, and its rows go. What remains explains every balance from there on.

-- What was cut, by whom, and which file it is in. transfers and last_id are what the exporter had to
-- name, so that nothing goes that was not exported.
CREATE TABLE ledger_cut (
	month bigint PRIMARY KEY, -- 202601
	until_ms bigint NOT NULL,
	transfers bigint NOT NULL,
	first_id bigint NOT NULL,
	last_id bigint NOT NULL,
	file_sha256 text NOT NULL,
	said_by text NOT NULL,
	at_ms bigint NOT NULL
);
CREATE TRIGGER ledger_cut_append_only BEFORE UPDATE OR DELETE ON ledger_cut
	FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER ledger_cut_no_truncate BEFORE TRUNCATE ON ledger_cut
	FOR EACH STATEMENT EXECUTE FUNCTION append_only();

-- balance: the sum of an account's entries that were cut. Of a wallet, on its available account,
-- charged: what of them were charges; used: what the paid minutes that went with them cost.
CREATE TABLE opening (
	account bigint PRIMARY KEY,
	balance bigint NOT NULL,
	charged bigint NOT NULL DEFAULT 0,
	used bigint NOT NULL DEFAULT 0
);
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON ledger_cut, opening FROM meter;

-- A note goes with the cut that names its transfer, paid minutes when they had ended before one;
-- otherwise both stay.
CREATE FUNCTION transfer_note_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'DELETE' AND EXISTS (SELECT FROM meter.ledger_cut
			WHERE OLD.transfer BETWEEN first_id AND last_id) THEN
		RETURN OLD;
	END IF;
	RAISE EXCEPTION '% is append only', TG_TABLE_NAME;
END $$;
CREATE FUNCTION activity_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'DELETE' AND OLD.from_ms + 60000 * OLD.minutes
			<= (SELECT max(until_ms) FROM meter.ledger_cut) THEN
		RETURN OLD;
	END IF;
	RAISE EXCEPTION '% is append only', TG_TABLE_NAME;
END $$;
DROP TRIGGER transfer_note_append_only ON transfer_note;
CREATE TRIGGER transfer_note_append_only BEFORE UPDATE OR DELETE ON transfer_note
	FOR EACH ROW EXECUTE FUNCTION transfer_note_stays();
DROP TRIGGER activity_append_only ON activity;
CREATE TRIGGER activity_append_only BEFORE UPDATE OR DELETE ON activity
	FOR EACH ROW EXECUTE FUNCTION activity_stays();

-- Cuts a month. What it returns says why it did not: 'unknown' (there is no such month), 'order' (an
-- older one is there), 'young' (no whole month lies between it and the last that moved any account: by
-- the ledger's own time, whatever a clock says), 'differs' (it holds something else than was exported);
-- '': it is cut. Whether it is past the retention is judged by the caller. Nothing is added to it from
-- before it is counted until it is gone; readers wait last, for as long as it takes to go.
CREATE FUNCTION ledger_cut_month(v_month bigint, v_transfers bigint, v_last bigint, v_sha256 text,
		v_by text, v_now bigint) RETURNS text
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = meter, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
	v_name text := 'transfer_' || v_month;
	v_until bigint := (extract(epoch FROM to_date(v_month::text, 'YYYYMM') + interval '1 month')
		* 1000)::bigint;
	v_due bigint := (extract(epoch FROM to_date(v_month::text, 'YYYYMM') + interval '2 months')
		* 1000)::bigint;
	v_count bigint;
	v_least bigint;
	v_greatest bigint;
BEGIN
	PERFORM pg_advisory_xact_lock(hashtextextended('piopl/meter/ledger-month', 0));
	IF to_regclass('meter.' || v_name) IS NULL THEN
		RETURN 'unknown';
	END IF;
	IF EXISTS (SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
			WHERE i.inhparent = 'meter.transfer'::regclass AND c.relname < v_name) THEN
		RETURN 'order';
	END IF;
	IF v_due > (SELECT max(last_ms) FROM account) THEN
		RETURN 'young';
	END IF;
	EXECUTE format('LOCK TABLE %I IN SHARE MODE', v_name);
	EXECUTE format('SELECT count(*), coalesce(min(id), 0), coalesce(max(id), 0) FROM %I', v_name)
		INTO v_count, v_least, v_greatest;
	IF v_count <> v_transfers OR v_greatest <> v_last THEN
		RETURN 'differs';
	END IF;
	INSERT INTO ledger_cut VALUES (v_month, v_until, v_count, v_least, v_greatest, v_sha256, v_by, v_now);
	EXECUTE format('INSERT INTO opening AS o (account, balance, charged)
		SELECT account, sum(amount), coalesce(-sum(amount) FILTER (WHERE kind = 7 AND amount < 0), 0)
		FROM (SELECT from_account AS account, -amount AS amount, kind FROM %1$I
			UNION ALL SELECT to_account, amount, kind FROM %1$I) AS e GROUP BY account
		ON CONFLICT (account) DO UPDATE SET balance = o.balance + excluded.balance,
			charged = o.charged + excluded.charged', v_name);
	EXECUTE format('DELETE FROM transfer_note n USING %I t WHERE n.transfer = t.id', v_name);
	WITH gone AS (DELETE FROM activity WHERE from_ms + 60000 * minutes <= v_until
		RETURNING wallet, minutes * price AS cost)
	INSERT INTO opening AS o (account, balance, used) SELECT wallet * 2, 0, sum(cost) FROM gone
		GROUP BY wallet ON CONFLICT (account) DO UPDATE SET used = o.used + excluded.used;
	EXECUTE format('DROP TABLE %I', v_name);
	RETURN '';
END $$;

-- The audit reads what was captured of the wallets of a page, and no other hold.
CREATE INDEX hold_captured ON hold (wallet) INCLUDE (captured)
	WHERE sandbox IS NOT NULL AND captured > 0;
