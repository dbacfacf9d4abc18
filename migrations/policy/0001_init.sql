-- Policy documents, what is known of agents, people and tokens, decisions, and what agents used up.
-- Times are milliseconds since 1970, UTC; amounts are millionths.

-- One row that tells a worker in one question what it has to read again. `stamp` grows with every
-- change of agent, document, token_news and this row; the changed rows carry its value.
CREATE TABLE policy_state (
	singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	version bigint NOT NULL DEFAULT 0,
	stamp bigint NOT NULL DEFAULT 0,
	constitution_hash text NOT NULL DEFAULT '',
	phase bigint NOT NULL DEFAULT 1,
	token_heard_ms bigint NOT NULL DEFAULT 0
);
INSERT INTO policy_state DEFAULT VALUES;

-- state: 1 draft, 2 simulate, 3 active, 4 retired, as in the contract.
CREATE TABLE document (
	document_id text COLLATE "C" NOT NULL,
	revision bigint NOT NULL CHECK (revision > 0),
	type integer NOT NULL,
	node text COLLATE "C" NOT NULL,
	state integer NOT NULL CHECK (state BETWEEN 1 AND 4),
	title text NOT NULL,
	body bytea NOT NULL,
	hash text NOT NULL,
	created_ms bigint NOT NULL,
	created_by text NOT NULL,
	note text NOT NULL,
	stamp bigint NOT NULL,
	PRIMARY KEY (document_id, revision)
);
CREATE UNIQUE INDEX document_one_active ON document (document_id) WHERE state = 3;
CREATE INDEX document_stamp ON document (stamp);

-- What was in force: documents and their revisions, so that it can be again.
CREATE TABLE version (
	version bigint PRIMARY KEY,
	at_ms bigint NOT NULL,
	by_person text NOT NULL,
	reason text NOT NULL,
	document_ids text[] NOT NULL,
	revisions bigint[] NOT NULL,
	rolled_back_to bigint
);
INSERT INTO version VALUES (0, 0, 'policy', 'as installed', '{}', '{}', NULL);

-- What the registry told. state: 1 pending, 2 active, 3 paused, 4 terminated.
CREATE TABLE agent (
	number bigint PRIMARY KEY,
	name text NOT NULL,
	role text NOT NULL,
	unit text COLLATE "C" NOT NULL,
	owner text NOT NULL,
	tier integer NOT NULL,
	state integer NOT NULL,
	throttled boolean NOT NULL,
	constitution_hash text NOT NULL,
	can_send_to text[] NOT NULL,
	never_sends text[] NOT NULL,
	spend_max bigint NOT NULL,
	currency text NOT NULL,
	floor bigint NOT NULL,
	score bigint NOT NULL,
	since_ms bigint NOT NULL,
	stamp bigint NOT NULL
);
CREATE INDEX agent_stamp ON agent (stamp);

CREATE TABLE person (
	person_id text PRIMARY KEY,
	roles integer[] NOT NULL,
	removed boolean NOT NULL
);

-- What the token service told, as it was told. kind: 1 key, 2 revocation.
CREATE TABLE token_news (
	stamp bigint NOT NULL,
	ordinal bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	kind integer NOT NULL,
	data bytea NOT NULL,
	until_ms bigint NOT NULL
);
CREATE INDEX token_news_stamp ON token_news (stamp);

-- How much of a daily cap or of a rate is used in the window that began at window_ms. The row of
-- meter_clock is the lock under which all of them change; `stamp` tells other workers which did.
CREATE TABLE meter_clock (
	singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	stamp bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 20);
INSERT INTO meter_clock DEFAULT VALUES;

CREATE TABLE meter (
	number bigint NOT NULL,
	kind text COLLATE "C" NOT NULL,
	window_ms bigint NOT NULL,
	used bigint NOT NULL CHECK (used >= 0),
	stamp bigint NOT NULL,
	PRIMARY KEY (number, kind)
) WITH (fillfactor = 70);
CREATE INDEX meter_stamp ON meter (stamp);

-- Ids are made in the order of time. verdict: 1 allow .. 5 deny; shadow: the same with documents in simulation, 0 where there were
-- none. outcome: 0 none yet, 1 success, 2 failed, 3 cancelled, 4 none is awaited.
CREATE TABLE decision (
	evidence_id uuid PRIMARY KEY,
	number bigint NOT NULL,
	at_ms bigint NOT NULL,
	tool text NOT NULL,
	verdict integer NOT NULL,
	shadow integer NOT NULL,
	version bigint NOT NULL,
	request bytea NOT NULL,
	reasons text NOT NULL,
	reserved bigint NOT NULL,
	outcome integer NOT NULL,
	due_ms bigint NOT NULL,
	overdue boolean NOT NULL DEFAULT false,
	result_hash text,
	captured bigint NOT NULL DEFAULT 0
);
CREATE INDEX decision_due ON decision (due_ms) WHERE outcome = 0 AND NOT overdue;
