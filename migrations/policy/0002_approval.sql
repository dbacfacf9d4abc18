-- What people approved, as the approval service told. Each is used by one decision, under the lock
-- of meter_clock. Times are milliseconds since 1970, UTC.
CREATE TABLE approval (
	request_id text COLLATE "C" PRIMARY KEY,
	number bigint NOT NULL,
	digest text NOT NULL,
	approver text NOT NULL,
	approved_ms bigint NOT NULL,
	valid_until_ms bigint NOT NULL,
	withdrawn boolean NOT NULL DEFAULT false,
	used_by uuid
);
CREATE INDEX approval_valid_until ON approval (valid_until_ms);
