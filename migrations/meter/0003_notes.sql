-- What was said about a transfer stands in the transfer itself, so that one row is all that is written
-- for it; a charge of the tick has none of it. What was reversed is looked up by what reversed it in a
-- small table, which also holds that it happens once.
-- Each month is written anew, in the order of its numbers: to change it in place would leave its rows in
-- an order that the index of numbers cannot use. Nothing reads or writes transfers meanwhile.
CREATE TABLE reversal (
	reversed bigint PRIMARY KEY,
	transfer bigint NOT NULL
);
INSERT INTO reversal SELECT reverses, transfer FROM transfer_note WHERE reverses IS NOT NULL;

DO $$
DECLARE
	v_months text[] := ARRAY(SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'transfer'::regclass ORDER BY c.relname);
	v_month text;
BEGIN
	FOREACH v_month IN ARRAY v_months LOOP
		EXECUTE format('ALTER TABLE transfer DETACH PARTITION %I', v_month);
		EXECUTE format('ALTER TABLE %I RENAME TO %I', v_month, 'old_' || v_month);
	END LOOP;
	ALTER TABLE transfer ADD COLUMN reference text;
	ALTER TABLE transfer ADD COLUMN said_by text;
	ALTER TABLE transfer ADD COLUMN reverses bigint;
	FOREACH v_month IN ARRAY v_months LOOP
		PERFORM ledger_month_ensure((extract(epoch FROM to_date(substr(v_month, 10), 'YYYYMM')) * 1000)::bigint);
		EXECUTE format('INSERT INTO transfer SELECT t.*, n.reference, n.said_by, n.reverses FROM %I t '
			'LEFT JOIN transfer_note n ON n.transfer = t.id ORDER BY t.id', 'old_' || v_month);
		EXECUTE format('DROP TABLE %I', 'old_' || v_month);
	END LOOP;
END $$;
DROP TABLE transfer_note;
DROP FUNCTION transfer_note_stays;

CREATE FUNCTION reversal_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'DELETE' AND EXISTS (SELECT FROM meter.ledger_cut
			WHERE OLD.transfer BETWEEN first_id AND last_id) THEN
		RETURN OLD;
	END IF;
	RAISE EXCEPTION '% is append only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER reversal_append_only BEFORE UPDATE OR DELETE ON reversal
	FOR EACH ROW EXECUTE FUNCTION reversal_stays();
CREATE TRIGGER reversal_no_truncate BEFORE TRUNCATE ON reversal
	FOR EACH STATEMENT EXECUTE FUNCTION append_only();
REVOKE UPDATE, DELETE, TRUNCATE ON reversal FROM meter;

-- Cuts a month. What it returns says why it did not: 'unknown' (there is no such month), 'order' (an
-- older one is there), 'young' (no whole month lies between it and the last that moved any account: by
-- the ledger's own time, whatever a clock says), 'differs' (it holds something else than was exported);
-- '': it is cut. Whether it is past the retention is judged by the caller. Nothing is added to it from
-- before it is counted until it is gone; readers wait last, for as long as it takes to go.
CREATE OR REPLACE FUNCTION ledger_cut_month(v_month bigint, v_transfers bigint, v_last bigint, v_sha256 text,
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
	EXECUTE format('DELETE FROM reversal r USING %I t WHERE r.transfer = t.id AND t.reverses IS NOT NULL', v_name);
	WITH gone AS (DELETE FROM activity WHERE from_ms + 60000 * minutes <= v_until
		RETURNING wallet, minutes * price AS cost)
	INSERT INTO opening AS o (account, balance, used) SELECT wallet * 2, 0, sum(cost) FROM gone
		GROUP BY wallet ON CONFLICT (account) DO UPDATE SET used = o.used + excluded.used;
	EXECUTE format('DROP TABLE %I', v_name);
	RETURN '';
END $$;
