-- Agents, roles, constitutions, units, people and keys. Times are milliseconds since 1970, UTC.
-- Text that is compared or sorted is in collation "C": byte order, the same on every machine.

CREATE SEQUENCE agent_number AS bigint MINVALUE 1 MAXVALUE 999999999999999999;

CREATE TABLE unit (
	path text COLLATE "C" PRIMARY KEY CHECK (length(path) BETWEEN 1 AND 256),
	title text NOT NULL,
	created_ms bigint NOT NULL
);

CREATE TABLE role (
	name text COLLATE "C" PRIMARY KEY,
	title text NOT NULL,
	tier integer NOT NULL CHECK (tier BETWEEN 0 AND 2),
	capability_scopes text[] NOT NULL,
	can_send_to text[] NOT NULL,
	output_confidence_floor double precision NOT NULL
		CHECK (output_confidence_floor BETWEEN 0 AND 1),
	earning_model integer NOT NULL CHECK (earning_model BETWEEN 1 AND 3),
	revenue_share_pct bigint NOT NULL CHECK (revenue_share_pct BETWEEN 0 AND 100),
	sandbox_image text NOT NULL,
	sandbox_cpu_millis bigint NOT NULL,
	sandbox_memory_mib bigint NOT NULL,
	sandbox_disk_mib bigint NOT NULL,
	revision bigint NOT NULL CHECK (revision > 0),
	updated_ms bigint NOT NULL
);

CREATE TABLE constitution (
	hash text COLLATE "C" PRIMARY KEY CHECK (hash ~ '^sha256:[0-9a-f]{64}$'),
	title text NOT NULL,
	body bytea NOT NULL CHECK (hash = 'sha256:' || encode(sha256(body), 'hex')),
	invariant_ids text[] NOT NULL CHECK (cardinality(invariant_ids) > 0),
	invariant_texts text[] NOT NULL
		CHECK (cardinality(invariant_texts) = cardinality(invariant_ids)),
	added_ms bigint NOT NULL,
	in_force boolean NOT NULL DEFAULT false,
	activated_ms bigint,
	activated_by text
);
CREATE UNIQUE INDEX constitution_one_in_force ON constitution (in_force) WHERE in_force;

CREATE TABLE constitution_activation (
	activation bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	hash text NOT NULL REFERENCES constitution,
	previous_hash text,
	activated_by text NOT NULL,
	activated_ms bigint NOT NULL,
	reason text NOT NULL
);

-- state: 1 pending, 2 active, 3 paused, 4 terminated, as in the contract.
CREATE TABLE agent (
	number bigint PRIMARY KEY CHECK (number > 0),
	name text COLLATE "C" NOT NULL,
	role text COLLATE "C" NOT NULL REFERENCES role,
	tier integer NOT NULL CHECK (tier BETWEEN 0 AND 2),
	version text NOT NULL,
	created_ms bigint NOT NULL,
	state integer NOT NULL CHECK (state BETWEEN 1 AND 4),
	owner text COLLATE "C" NOT NULL CHECK (owner <> ''),
	unit text COLLATE "C" NOT NULL REFERENCES unit,
	capabilities text[] NOT NULL DEFAULT '{}',
	capability_scopes text[] NOT NULL,
	can_send_to text[] NOT NULL,
	never_sends text[] NOT NULL
		CHECK (never_sends @> '{customer_pii,financial_credentials,unauthorised_prompts}'),
	max_spend_micros bigint NOT NULL CHECK (max_spend_micros >= 0),
	currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
	output_confidence_floor double precision NOT NULL
		CHECK (output_confidence_floor BETWEEN 0 AND 1),
	constitution_hash text COLLATE "C" NOT NULL,
	invariants_enforced text[] NOT NULL CHECK (cardinality(invariants_enforced) > 0),
	kill_switch boolean NOT NULL DEFAULT true CHECK (kill_switch),
	audit_chain text NOT NULL
		DEFAULT 'sha256:0000000000000000000000000000000000000000000000000000000000000000',
	behaviour_score double precision NOT NULL DEFAULT 100
		CHECK (behaviour_score BETWEEN 0 AND 100),
	earning_model integer NOT NULL CHECK (earning_model BETWEEN 1 AND 3),
	revenue_share_pct bigint NOT NULL CHECK (revenue_share_pct BETWEEN 0 AND 100),
	settlement_account text NOT NULL CHECK (settlement_account <> ''),
	lifetime_revenue_micros bigint NOT NULL DEFAULT 0,
	cost_to_date_micros bigint NOT NULL DEFAULT 0,
	throttled boolean NOT NULL DEFAULT false,
	paused_automatically boolean NOT NULL DEFAULT false,
	changed_ms bigint NOT NULL,
	reason text,
	approved_by text,
	CHECK (tier > 0 OR max_spend_micros = 0)
);
-- What the inventory sorts by, then what it filters by.
CREATE INDEX agent_by_name ON agent (name, number);
CREATE INDEX agent_by_score ON agent (behaviour_score, number);
CREATE INDEX agent_by_created ON agent (created_ms, number);
CREATE INDEX agent_by_role ON agent (role, number);
CREATE INDEX agent_by_unit ON agent (unit, number);
CREATE INDEX agent_by_owner ON agent (owner, number);
CREATE INDEX agent_by_state ON agent (state, number);
CREATE INDEX agent_by_constitution ON agent (constitution_hash, number);
CREATE INDEX agent_by_capability_scope ON agent USING gin (capability_scopes);
CREATE INDEX agent_by_capability ON agent USING gin (capabilities);

-- Every profile there ever was: the agent's row as it stood from valid_from_ms on.
CREATE TABLE agent_version (
	number bigint NOT NULL,
	valid_from_ms bigint NOT NULL,
	ordinal bigint GENERATED ALWAYS AS IDENTITY,
	changed_by text NOT NULL,
	name text NOT NULL,
	role text NOT NULL,
	tier integer NOT NULL,
	version text NOT NULL,
	created_ms bigint NOT NULL,
	owner text NOT NULL,
	unit text NOT NULL,
	capabilities text[] NOT NULL,
	capability_scopes text[] NOT NULL,
	can_send_to text[] NOT NULL,
	never_sends text[] NOT NULL,
	max_spend_micros bigint NOT NULL,
	currency text NOT NULL,
	output_confidence_floor double precision NOT NULL,
	constitution_hash text NOT NULL,
	invariants_enforced text[] NOT NULL,
	audit_chain text NOT NULL,
	behaviour_score double precision NOT NULL,
	earning_model integer NOT NULL,
	revenue_share_pct bigint NOT NULL,
	settlement_account text NOT NULL,
	lifetime_revenue_micros bigint NOT NULL,
	cost_to_date_micros bigint NOT NULL,
	PRIMARY KEY (number, valid_from_ms, ordinal)
);

-- Every change of state or throttle; an agent without a row is as it was created: pending.
CREATE TABLE agent_transition (
	number bigint NOT NULL,
	at_ms bigint NOT NULL,
	ordinal bigint GENERATED ALWAYS AS IDENTITY,
	from_state integer NOT NULL,
	to_state integer NOT NULL,
	throttled boolean NOT NULL,
	paused_automatically boolean NOT NULL,
	reason text NOT NULL,
	changed_by text NOT NULL,
	approved_by text,
	kill_id text,
	PRIMARY KEY (number, at_ms, ordinal)
);

CREATE TABLE kill_order (
	kill_id text PRIMARY KEY,
	scope_kind integer NOT NULL CHECK (scope_kind BETWEEN 1 AND 5),
	scope_value text,
	reason text NOT NULL,
	ordered_by text NOT NULL,
	ordered_ms bigint NOT NULL,
	terminated bigint NOT NULL,
	cancelled bigint NOT NULL
);

CREATE TABLE person (
	person_id text COLLATE "C" PRIMARY KEY,
	name text NOT NULL,
	email text,
	roles text[] NOT NULL CHECK (cardinality(roles) > 0),
	added_ms bigint NOT NULL,
	removed_ms bigint
);

-- Keys end, they are never deleted: what was signed before stays verifiable.
CREATE TABLE person_key (
	key_id text COLLATE "C" PRIMARY KEY,
	person_id text NOT NULL REFERENCES person,
	public_key bytea NOT NULL UNIQUE CHECK (length(public_key) = 32),
	valid_from_ms bigint NOT NULL,
	valid_until_ms bigint
);
CREATE INDEX person_key_by_person ON person_key (person_id, key_id);

-- state: 1 running, 2 finished, 3 failed, 4 cancelled, as in the contract.
CREATE TABLE operation (
	operation_id text COLLATE "C" PRIMARY KEY,
	kind text NOT NULL,
	state integer NOT NULL CHECK (state BETWEEN 1 AND 4),
	total bigint NOT NULL CHECK (total > 0),
	done bigint NOT NULL DEFAULT 0 CHECK (done BETWEEN 0 AND total),
	plan text NOT NULL,
	role text COLLATE "C" NOT NULL,
	tier integer NOT NULL,
	unit text COLLATE "C" NOT NULL,
	principal text NOT NULL,
	trace_id text NOT NULL,
	parameters_hash text NOT NULL,
	started_ms bigint NOT NULL,
	updated_ms bigint NOT NULL,
	finished_ms bigint,
	error_code text,
	error_detail text,
	first_number bigint,
	last_number bigint
);
CREATE INDEX operation_running ON operation (operation_id) WHERE state = 1;

-- Roles of the cycle scan, generate, publish, promote, earn. The first does scan and generate.
INSERT INTO role (name, title, tier, capability_scopes, can_send_to, output_confidence_floor,
	earning_model, revenue_share_pct, sandbox_image, sandbox_cpu_millis, sandbox_memory_mib,
	sandbox_disk_mib, revision, updated_ms)
VALUES
	('digital_product_generator', 'Digital product generator', 0,
	 '{trend_scan,template_gen,gumroad_publish}', '{gumroad_api,linkedin_api}', 0.85,
	 1, 80, 'sandbox-base:v1.0.0', 250, 256, 512, 1, 0),
	('marketplace_publisher', 'Marketplace publisher', 1,
	 '{listing_create,listing_update,gumroad_publish}', '{gumroad_api,etsy_api}', 0.85,
	 1, 80, 'sandbox-base:v1.0.0', 250, 256, 512, 1, 0),
	('social_promoter', 'Social promoter', 1,
	 '{campaign_plan,post_draft,social_post}', '{linkedin_api,mastodon_api}', 0.85,
	 1, 80, 'sandbox-base:v1.0.0', 250, 256, 512, 1, 0),
	('revenue_operator', 'Revenue operator', 2,
	 '{sales_read,payout_request,refund_propose}', '{stripe_api,gumroad_api}', 0.9,
	 3, 80, 'sandbox-base:v1.0.0', 500, 512, 1024, 1, 0),
	('customer_supporter', 'Customer supporter', 2,
	 '{ticket_read,reply_draft,refund_propose}', '{helpdesk_api}', 0.9,
	 2, 80, 'sandbox-base:v1.0.0', 500, 512, 1024, 1, 0);

-- What was, stays: nobody is deleted, and history is not rewritten.
REVOKE DELETE ON agent, agent_version, agent_transition, kill_order, person, person_key, role, unit,
	constitution, constitution_activation, operation FROM registry;
REVOKE UPDATE ON agent_version, agent_transition, kill_order, unit, constitution_activation
	FROM registry;
