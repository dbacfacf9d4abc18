-- What the library keeps in every service's schema. Times are milliseconds and come from the
-- caller: no statement asks the server's clock.

-- Events, written in the transaction of the change they tell. `id` is taken before the commit, so
-- it does not say in which order transactions became visible; `xid` says when a row is settled.
CREATE TABLE outbox (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
	event_id uuid NOT NULL,
	type text NOT NULL,
	subject text NOT NULL,
	trace_id text NOT NULL,
	time_ms bigint NOT NULL,
	data bytea NOT NULL
);
CREATE INDEX outbox_xid ON outbox (xid);

-- Numbered and signed runs of events: sequences first .. first + count - 1. Its rows are those with
-- id from id_first to id_last and xid in [xid_low, xid_high), in the order of id.
CREATE TABLE outbox_batch (
	first bigint PRIMARY KEY,
	count int NOT NULL,
	xid_low xid8 NOT NULL,
	xid_high xid8 NOT NULL,
	id_first bigint NOT NULL,
	id_last bigint NOT NULL,
	key_id text NOT NULL,
	signature bytea NOT NULL,
	time_ms bigint NOT NULL
);

-- Where the relay is: the next sequence to give, the round of transactions being swept and the last
-- id taken in it, the last sequence known to be published.
CREATE TABLE relay (
	singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	next bigint NOT NULL DEFAULT 1,
	xid_low xid8 NOT NULL DEFAULT '0',
	xid_high xid8 NOT NULL DEFAULT '0',
	id_last bigint NOT NULL DEFAULT 0,
	published bigint NOT NULL DEFAULT 0
);
INSERT INTO relay DEFAULT VALUES;

-- The last sequence applied of each source, moved in the transaction of the effect.
CREATE TABLE inbox (
	source text PRIMARY KEY,
	sequence bigint NOT NULL,
	stopped_reason text,
	head bigint NOT NULL DEFAULT 0,
	updated_ms bigint NOT NULL
);

-- Answers of idempotent calls. No answer yet: the call is in flight.
CREATE TABLE idempotency (
	principal text NOT NULL,
	call text NOT NULL,
	key text NOT NULL,
	digest bytea NOT NULL,
	answer bytea,
	status text,
	expires_ms bigint NOT NULL,
	PRIMARY KEY (principal, call, key)
);
CREATE INDEX idempotency_expires_ms ON idempotency (expires_ms);

-- Messages whose tries are used up.
CREATE TABLE parked (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	source text NOT NULL,
	sequence bigint NOT NULL,
	event_id uuid NOT NULL,
	type text NOT NULL,
	subject text NOT NULL,
	trace_id text NOT NULL,
	time_ms bigint NOT NULL,
	data bytea NOT NULL,
	tries int NOT NULL,
	error text NOT NULL,
	parked_ms bigint NOT NULL,
	replayed_ms bigint
);

-- A person's signed act is used once.
CREATE TABLE signed_act (
	digest bytea PRIMARY KEY,
	purpose text NOT NULL,
	key_id text NOT NULL,
	payload bytea NOT NULL,
	signature bytea NOT NULL,
	used_ms bigint NOT NULL
);
