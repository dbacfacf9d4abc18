-- Whether something has to stay on an account when money is moved away from it. It stands beside the
-- balance, so that one who has locked it knows, and reads the wallet only where it matters. Whoever
-- changes what has to stay changes this with it.
ALTER TABLE account ADD COLUMN kept boolean NOT NULL DEFAULT false;
UPDATE account SET kept = true FROM wallet w
	WHERE account.id = w.number * 2 AND (w.reserve > 0 OR w.reserve_minutes > 0);

CREATE FUNCTION wallet_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE meter.account SET kept = NEW.reserve > 0 OR NEW.reserve_minutes > 0
		WHERE id = NEW.number * 2;
	RETURN NULL;
END $$;
CREATE TRIGGER wallet_kept AFTER UPDATE OF reserve, reserve_minutes ON wallet
	FOR EACH ROW EXECUTE FUNCTION wallet_kept();
