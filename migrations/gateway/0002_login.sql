-- Nonces of logins that were used. A nonce carries its own end and a keyed hash over what it is for,
-- so one that was only asked for is nowhere: a stranger's question writes nothing. A used one is kept
-- until it would have ended by itself.
CREATE TABLE login_nonce (
	nonce text COLLATE "C" PRIMARY KEY CHECK (nonce ~ '^[0-9a-f]{76}$'),
	address text COLLATE "C" NOT NULL,
	key_id text COLLATE "C" NOT NULL,
	used_ms bigint NOT NULL,
	expires_ms bigint NOT NULL
);
CREATE INDEX login_nonce_expires ON login_nonce (expires_ms);
