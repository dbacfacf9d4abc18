-- Whether something has to stay on an account when money is moved away from it. It stands beside the
-- balance, so that one who has locked it knows, and reads the wallet only where it matters.
ALTER TABLE account ADD COLUMN kept boolean NOT NULL DEFAULT false;
UPDATE account SET kept = true FROM wallet w
	WHERE account.id = w.number * 2 AND (w.reserve > 0 OR w.reserve_minutes > 0);
