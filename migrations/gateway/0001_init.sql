-- API keys. The text of a key is nowhere: `hash` is HMAC-SHA-256 over it under a secret that only the
-- gateway's processes read, so neither the table nor a copy of it lets anyone in.
CREATE TABLE api_key (
	key_id text COLLATE "C" PRIMARY KEY CHECK (key_id ~ '^pk_[0-9a-f]{16}$'),
	hash bytea NOT NULL CHECK (length(hash) = 32),
	name text NOT NULL,
	kind integer NOT NULL CHECK (kind BETWEEN 1 AND 4), -- human, agent, operator, service
	subject text COLLATE "C" NOT NULL,
	scopes text[] NOT NULL,
	created_ms bigint NOT NULL,
	created_by text COLLATE "C" NOT NULL,
	request_key text COLLATE "C" NOT NULL, -- the idempotency key it was made with
	request_digest bytea NOT NULL,
	expires_ms bigint NOT NULL,
	revoked_ms bigint,
	revoked_by text,
	last_used_ms bigint,
	serial bigint GENERATED ALWAYS AS IDENTITY,
	UNIQUE (created_by, request_key)
);
CREATE INDEX api_key_of_subject ON api_key (kind, subject, serial);
CREATE UNIQUE INDEX api_key_serial ON api_key (serial);
