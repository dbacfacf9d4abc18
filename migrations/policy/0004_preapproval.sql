-- What people approved in advance, as the approval service told, and what decisions used up of it,
-- under the lock of meter_clock. Times are milliseconds since 1970, UTC; amounts are millionths.
CREATE TABLE preapproval (
	preapproval_id text COLLATE "C" PRIMARY KEY,
	number bigint,
	unit text COLLATE "C",
	tool text COLLATE "C" NOT NULL,
	operation integer NOT NULL,
	resource text NOT NULL,
	currency text NOT NULL,
	amount_max bigint NOT NULL CHECK (amount_max >= 0),
	amount_total bigint NOT NULL,
	uses_max bigint NOT NULL,
	valid_until_ms bigint NOT NULL,
	approver text COLLATE "C" NOT NULL,
	approved_ms bigint NOT NULL,
	revoked boolean NOT NULL DEFAULT false,
	uses bigint NOT NULL DEFAULT 0,
	amount_used bigint NOT NULL DEFAULT 0,
	CHECK ((number IS NULL) <> (unit IS NULL)),
	CHECK (uses BETWEEN 0 AND uses_max),
	CHECK (amount_used BETWEEN 0 AND amount_total)
);
CREATE INDEX preapproval_tool ON preapproval (tool, valid_until_ms);
CREATE INDEX preapproval_valid_until ON preapproval (valid_until_ms);

-- Whose agent it is, is said by name or address. Of whom was told before, neither is known until the
-- registry tells of them again; nothing that they signed in advance is used until then.
ALTER TABLE person ADD name text, ADD email text;
