-- Requests for approval, verdicts, uses, pre-approvals, what was told to whom; and what the registry
-- says about agents, people and keys. Times are milliseconds since 1970, UTC. Enumerations are kept
-- by their number in the contract. Roles are bits, 1 shifted by the role's number.

CREATE TABLE agent (
	number bigint PRIMARY KEY CHECK (number > 0),
	name text NOT NULL,
	owner text NOT NULL,
	unit text COLLATE "C" NOT NULL,
	role text NOT NULL,
	tier integer NOT NULL CHECK (tier BETWEEN 0 AND 2),
	score double precision NOT NULL,
	state integer NOT NULL CHECK (state BETWEEN 1 AND 4)
);

CREATE TABLE person (
	person_id text COLLATE "C" PRIMARY KEY,
	name text NOT NULL,
	email text,
	roles integer NOT NULL,
	removed_ms bigint
);

CREATE TABLE person_key (
	key_id text COLLATE "C" PRIMARY KEY,
	person_id text COLLATE "C" NOT NULL,
	public_key bytea NOT NULL CHECK (length(public_key) = 32),
	valid_from_ms bigint NOT NULL,
	valid_until_ms bigint
);

-- state: 1 pending, 2 approved, 3 rejected, 4 expired, 5 withdrawn, 6 consumed, 7 lapsed.
-- due_ms: when the tick has something to do; none once the request has ended.
CREATE TABLE request (
	request_id text COLLATE "C" PRIMARY KEY CHECK (request_id ~ '^apr_[0-9a-f-]{36}$'),
	agent_number bigint NOT NULL REFERENCES agent,
	tool text COLLATE "C" NOT NULL,
	operation integer NOT NULL CHECK (operation BETWEEN 1 AND 6),
	resource text,
	amount_micros bigint,
	currency text CHECK (currency ~ '^[A-Z]{3}$'),
	parameters_hash text NOT NULL,
	on_behalf_of text,
	digest text NOT NULL CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
	reason text NOT NULL,
	trigger integer NOT NULL CHECK (trigger BETWEEN 1 AND 3),
	rules text[] NOT NULL,
	confidence double precision,
	summary text,
	parameters text,
	roles integer NOT NULL CHECK (roles > 0),
	people text[] NOT NULL,
	needed integer NOT NULL CHECK (needed BETWEEN 1 AND 10),
	own_allowed boolean NOT NULL,
	second_roles integer NOT NULL,
	second_people text[] NOT NULL,
	escalate_ms bigint CHECK ((escalate_ms IS NULL) = (second_roles = 0)),
	escalated_ms bigint,
	owner text NOT NULL,
	requested_by text NOT NULL,
	asked_by text NOT NULL,
	trace_id text NOT NULL,
	created_ms bigint NOT NULL,
	deadline_ms bigint NOT NULL CHECK (deadline_ms > created_ms),
	validity_ms bigint NOT NULL CHECK (validity_ms > 0),
	state integer NOT NULL CHECK (state BETWEEN 1 AND 7),
	approved_ms bigint CHECK (approved_ms < deadline_ms),
	valid_until_ms bigint,
	ended_ms bigint,
	ended_by text,
	end_reason text,
	due_ms bigint,
	CHECK ((amount_micros IS NULL) = (currency IS NULL)),
	CHECK ((approved_ms IS NULL) = (valid_until_ms IS NULL)),
	CHECK (state NOT IN (2, 6, 7) OR approved_ms IS NOT NULL),
	CHECK ((ended_ms IS NULL) = (state <= 2)),
	CHECK ((due_ms IS NULL) = (state > 2))
);
CREATE INDEX request_by_state ON request (state, request_id);
CREATE INDEX request_by_agent ON request (agent_number, tool, operation, created_ms DESC);
CREATE INDEX request_due ON request (due_ms) WHERE due_ms IS NOT NULL;

-- verdict: 1 approve, 2 reject. roles: what the person could do when they signed.
CREATE TABLE verdict (
	request_id text COLLATE "C" NOT NULL REFERENCES request,
	person_id text COLLATE "C" NOT NULL,
	verdict integer NOT NULL CHECK (verdict BETWEEN 1 AND 2),
	comment text,
	roles integer NOT NULL,
	escalated boolean NOT NULL,
	key_id text NOT NULL,
	payload bytea NOT NULL,
	signature bytea NOT NULL CHECK (length(signature) = 64),
	given_ms bigint NOT NULL,
	PRIMARY KEY (request_id, person_id)
);

-- One row a request: an approval is used once, whatever else fails.
CREATE TABLE consumption (
	request_id text COLLATE "C" PRIMARY KEY REFERENCES request,
	digest text NOT NULL,
	caller text NOT NULL,
	used_for text,
	used_ms bigint NOT NULL
);

CREATE TABLE preapproval (
	preapproval_id text COLLATE "C" PRIMARY KEY CHECK (preapproval_id ~ '^pre_[0-9a-f-]{36}$'),
	agent_number bigint REFERENCES agent,
	unit text COLLATE "C",
	tool text COLLATE "C" NOT NULL,
	operation integer NOT NULL CHECK (operation BETWEEN 1 AND 6),
	resource text NOT NULL,
	amount_max_micros bigint NOT NULL CHECK (amount_max_micros >= 0),
	amount_total_micros bigint NOT NULL CHECK (amount_total_micros >= amount_max_micros),
	currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
	uses_max bigint NOT NULL CHECK (uses_max > 0),
	valid_until_ms bigint NOT NULL,
	reason text NOT NULL,
	person_id text COLLATE "C" NOT NULL,
	key_id text NOT NULL,
	payload bytea NOT NULL,
	signature bytea NOT NULL CHECK (length(signature) = 64),
	added_ms bigint NOT NULL,
	uses bigint NOT NULL DEFAULT 0,
	amount_used_micros bigint NOT NULL DEFAULT 0,
	revoked_ms bigint,
	revoked_by text,
	revoke_reason text,
	CHECK ((agent_number IS NULL) <> (unit IS NULL)),
	CHECK (uses BETWEEN 0 AND uses_max),
	CHECK (amount_used_micros BETWEEN 0 AND amount_total_micros),
	CHECK (valid_until_ms > added_ms)
);
CREATE INDEX preapproval_by_agent ON preapproval (agent_number, preapproval_id);

CREATE TABLE preapproval_use (
	preapproval_id text COLLATE "C" NOT NULL REFERENCES preapproval,
	use bigint NOT NULL CHECK (use > 0),
	agent_number bigint NOT NULL,
	digest text NOT NULL,
	amount_micros bigint NOT NULL CHECK (amount_micros >= 0),
	caller text NOT NULL,
	used_for text,
	used_ms bigint NOT NULL,
	PRIMARY KEY (preapproval_id, use)
);

-- What is told outside, once for a channel and a step. channel: 1 webhook, 2 mail. state: 1 due,
-- 2 sending, 3 sent, 4 failed, 5 unknown (it may have arrived, and is not sent again).
CREATE TABLE notification (
	request_id text COLLATE "C" NOT NULL REFERENCES request,
	step integer NOT NULL CHECK (step BETWEEN 1 AND 8),
	channel integer NOT NULL CHECK (channel BETWEEN 1 AND 2),
	state integer NOT NULL CHECK (state BETWEEN 1 AND 5),
	tries integer NOT NULL DEFAULT 0,
	due_ms bigint NOT NULL,
	claim text,
	claimed_ms bigint,
	ended_ms bigint,
	error text,
	PRIMARY KEY (request_id, step, channel),
	CHECK ((claim IS NOT NULL) = (state = 2))
);
CREATE INDEX notification_due ON notification (due_ms) WHERE state <= 2;

-- What was said and done stays as it was.
REVOKE DELETE ON agent, person, person_key, request, verdict, consumption, preapproval,
	preapproval_use, notification FROM approval;
REVOKE UPDATE ON verdict, consumption, preapproval_use FROM approval;
