-- Capability tokens, the keys that sign them, what was revoked, and what the registry says about
-- agents and roles. Times are milliseconds since 1970, UTC. Text that is compared or sorted is in
-- collation "C". A token's text is never kept: only its SHA-256.

-- Agents and roles as far as issuing needs them; filled by the registry's events.
-- state: 1 pending, 2 active, 3 paused, 4 terminated, as in the registry's contract.
-- sequence: of the event that last said role, tier and unit; orders it against kill orders.
CREATE TABLE agent (
	number bigint PRIMARY KEY CHECK (number > 0),
	role text COLLATE "C" NOT NULL,
	tier integer NOT NULL CHECK (tier BETWEEN 0 AND 2),
	unit text COLLATE "C" NOT NULL,
	state integer NOT NULL CHECK (state BETWEEN 1 AND 4),
	scopes text[] NOT NULL,
	sequence bigint NOT NULL,
	revoked_until_ms bigint NOT NULL DEFAULT 0
);
CREATE INDEX agent_role ON agent (role);

-- A role that no event told of still has its first template, which the registry held every profile
-- against; so an agent whose role is not here is judged by its profile alone.
CREATE TABLE role (
	name text COLLATE "C" PRIMARY KEY,
	scopes text[] NOT NULL
);

-- Kill orders, by scope: an order counts from its own event on, before the agents' own events
-- arrive. kind: 1 agent, 2 role, 3 tier, 4 unit, 5 fleet.
CREATE TABLE kill_order (
	kill_id text PRIMARY KEY,
	kind integer NOT NULL CHECK (kind BETWEEN 1 AND 5),
	number bigint NOT NULL,
	text text COLLATE "C" NOT NULL,
	sequence bigint NOT NULL
);

-- state: 1 next, 2 active, 3 retired, 4 revoked. The sealed seed is there as long as it may sign.
CREATE TABLE signing_key (
	key_id text COLLATE "C" PRIMARY KEY CHECK (key_id ~ '^key_[0-9a-f]{16}$'),
	public_key bytea NOT NULL CHECK (length(public_key) = 32),
	sealed bytea,
	state integer NOT NULL CHECK (state BETWEEN 1 AND 4),
	created_ms bigint NOT NULL,
	active_ms bigint,
	retired_ms bigint,
	revoked_ms bigint,
	CHECK ((sealed IS NOT NULL) = (state <= 2))
);
CREATE UNIQUE INDEX signing_key_next ON signing_key (state) WHERE state = 1;
CREATE UNIQUE INDEX signing_key_active ON signing_key (state) WHERE state = 2;

-- risk: 1 low, 2 medium, 3 high, 4 critical. phase: 0 issued, 1 its end was announced, 2 ended.
-- due_ms: when its next phase begins, or when it is forgotten.
CREATE TABLE token (
	token_id text COLLATE "C" PRIMARY KEY,
	agent_number bigint NOT NULL,
	scopes text[] NOT NULL CHECK (cardinality(scopes) BETWEEN 1 AND 16),
	risk integer NOT NULL CHECK (risk BETWEEN 1 AND 4),
	issued_ms bigint NOT NULL,
	expires_ms bigint NOT NULL CHECK (expires_ms > issued_ms),
	key_id text NOT NULL,
	digest bytea NOT NULL CHECK (length(digest) = 32),
	holder_key bytea CHECK (length(holder_key) = 32),
	endpoints text[],
	amount_micros bigint CHECK (amount_micros >= 0),
	currency text,
	auto_renew boolean NOT NULL,
	renewed_from text,
	renewed_by text,
	issued_by text NOT NULL,
	revoked_ms bigint,
	phase integer NOT NULL DEFAULT 0 CHECK (phase BETWEEN 0 AND 2),
	due_ms bigint NOT NULL,
	CHECK (risk < 3 OR holder_key IS NOT NULL)
);
CREATE INDEX token_agent ON token (agent_number, token_id);
CREATE INDEX token_due ON token (due_ms);

-- Everything that was revoked, in order. kind: 1 tokens, 2 agents, 3 scope, 4 key, 5 all.
CREATE TABLE revocation (
	number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	revocation_id text NOT NULL UNIQUE,
	kind integer NOT NULL CHECK (kind BETWEEN 1 AND 5),
	token_ids text[],
	agent_numbers bigint[],
	scope text,
	key_id text,
	before_ms bigint NOT NULL,
	until_ms bigint NOT NULL,
	reason text NOT NULL,
	revoked_by text NOT NULL,
	revoked_ms bigint NOT NULL
);
CREATE INDEX revocation_until ON revocation (until_ms);

-- Rules that outlive their revocation's row.
CREATE TABLE revoked_scope (
	scope text COLLATE "C" PRIMARY KEY,
	until_ms bigint NOT NULL
);
CREATE TABLE revoked_all (
	singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	until_ms bigint NOT NULL DEFAULT 0
);
INSERT INTO revoked_all DEFAULT VALUES;

-- Proofs that were used at this service, until their window is over.
CREATE TABLE used_proof (
	nonce bytea PRIMARY KEY CHECK (length(nonce) = 32),
	until_ms bigint NOT NULL
);
CREATE INDEX used_proof_until ON used_proof (until_ms);

-- What was revoked stays revoked.
REVOKE DELETE ON agent, role, kill_order, signing_key, revoked_scope, revoked_all FROM token;
REVOKE UPDATE ON kill_order, revocation, used_proof FROM token;
