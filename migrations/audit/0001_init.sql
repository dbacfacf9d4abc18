-- The audit log. What is the log itself (record, leaf_run, node_run, checkpoint) can only be added
-- to: the service's role has no other right on it, and triggers refuse the owner too. Expiry drops a
-- whole partition through a function that looks for itself whether its time has come.

CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'the audit log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
		USING ERRCODE = 'insufficient_privilege';
END $$;

-- The Merkle tree's size and the roots of its complete subtrees, largest first. Its row lock is what
-- makes the log one sequence.
CREATE TABLE tree (
	one boolean PRIMARY KEY DEFAULT true CHECK (one),
	size bigint NOT NULL CHECK (size >= 0),
	frontier bytea NOT NULL CHECK (length(frontier) % 32 = 0)
) WITH (fillfactor = 20);
INSERT INTO tree (size, frontier) VALUES (0, '');

-- How long each class of records is kept. A class is a domain with a rule of its own, or 'default'.
CREATE TABLE retention (
	class text PRIMARY KEY CHECK (length(class) BETWEEN 1 AND 128),
	days integer NOT NULL CHECK (days BETWEEN 1 AND 36525),
	changed_ms bigint NOT NULL,
	reason text NOT NULL
);
INSERT INTO retention (class, days, changed_ms, reason) VALUES
	('default', 731, 0, 'two years, as installed'),
	('finance', 2557, 0, 'seven years, as installed'),
	('health', 3653, 0, 'ten years, as installed');
-- Counts changes of retention, so that the appender's copy of it is never stale.
CREATE TABLE settings (
	one boolean PRIMARY KEY DEFAULT true CHECK (one),
	version bigint NOT NULL
);
INSERT INTO settings (version) VALUES (1);

-- One row a partition of the log: a class and the month (from 1970) in which records entered it.
CREATE TABLE record_part (
	part integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	class text NOT NULL,
	month integer NOT NULL CHECK (month BETWEEN 0 AND 95999),
	from_ms bigint NOT NULL,
	to_ms bigint NOT NULL CHECK (to_ms > from_ms),
	days integer NOT NULL CHECK (days BETWEEN 1 AND 36525),
	first_position bigint,
	last_position bigint,
	records bigint NOT NULL DEFAULT 0,
	time_min_ms bigint,
	time_max_ms bigint,
	expired_ms bigint,
	UNIQUE (class, month)
) WITH (fillfactor = 50);

-- terms: 64-bit hashes of what can be filtered by, the agent's first. They only propose; the record
-- decides. packed: the record (core_pack.c), from which its text is made again. evidence_key: the first 8 bytes of the evidence id's UUIDv7, so nearly in order.
CREATE TABLE record (
	part integer NOT NULL,
	position bigint NOT NULL CHECK (position >= 0),
	time_ms bigint NOT NULL,
	evidence_key bigint NOT NULL,
	terms bigint[] NOT NULL,
	packed bytea NOT NULL,
	PRIMARY KEY (part, position)
) PARTITION BY LIST (part);
ALTER TABLE record ALTER packed SET STORAGE EXTERNAL;
CREATE INDEX record_evidence ON record (evidence_key);
CREATE TRIGGER record_append_only BEFORE UPDATE OR DELETE ON record
	FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER record_no_truncate BEFORE TRUNCATE ON record
	FOR EACH STATEMENT EXECUTE FUNCTION append_only();

-- Leaf hashes as they came, a row an append; parts: runs of partition number and count, so that a
-- position's partition is known also after it expired.
CREATE TABLE leaf_run (
	first bigint PRIMARY KEY CHECK (first >= 0),
	hashes bytea NOT NULL CHECK (length(hashes) BETWEEN 32 AND 16384 AND length(hashes) % 32 = 0),
	parts integer[] NOT NULL
);
ALTER TABLE leaf_run ALTER hashes SET STORAGE EXTERNAL;
-- Roots of complete subtrees of 256^level leaves: the entries of the C2SP tiles above the leaves.
CREATE TABLE node_run (
	level integer NOT NULL CHECK (level BETWEEN 1 AND 7),
	first bigint NOT NULL CHECK (first >= 0),
	hashes bytea NOT NULL CHECK (length(hashes) >= 32 AND length(hashes) % 32 = 0),
	PRIMARY KEY (level, first)
);
ALTER TABLE node_run ALTER hashes SET STORAGE EXTERNAL;
CREATE TABLE checkpoint (
	size bigint PRIMARY KEY CHECK (size > 0),
	root bytea NOT NULL CHECK (length(root) = 32),
	signed_ms bigint NOT NULL,
	note text NOT NULL
);
CREATE TABLE cosignature (
	size bigint NOT NULL REFERENCES checkpoint,
	witness text NOT NULL,
	line text NOT NULL,
	added_ms bigint NOT NULL,
	PRIMARY KEY (size, witness)
);
DO $$
DECLARE t text;
BEGIN
	FOREACH t IN ARRAY ARRAY['leaf_run', 'node_run', 'checkpoint', 'cosignature'] LOOP
		EXECUTE format('CREATE TRIGGER %1$s_append_only BEFORE UPDATE OR DELETE ON %1$I '
			'FOR EACH ROW EXECUTE FUNCTION append_only()', t);
		EXECUTE format('CREATE TRIGGER %1$s_no_truncate BEFORE TRUNCATE ON %1$I '
			'FOR EACH STATEMENT EXECUTE FUNCTION append_only()', t);
	END LOOP;
END $$;

-- The index: for each term and each segment of 8,192 positions, where in the segment it occurs.
CREATE TABLE posting (
	term bigint NOT NULL,
	segment integer NOT NULL,
	positions bytea NOT NULL CHECK (length(positions) BETWEEN 2 AND 1024),
	PRIMARY KEY (term, segment)
);
ALTER TABLE posting ALTER positions SET STORAGE PLAIN;
CREATE TABLE segment (
	segment integer PRIMARY KEY CHECK (segment >= 0),
	time_min_ms bigint NOT NULL,
	time_max_ms bigint NOT NULL,
	stale boolean NOT NULL DEFAULT false
);
CREATE INDEX segment_stale ON segment (segment) WHERE stale;

-- Heads of the agents' chains as of the last indexed segment; later ones are in the records.
CREATE TABLE chain (
	agent_id text PRIMARY KEY,
	head_hash bytea NOT NULL CHECK (length(head_hash) = 32),
	length bigint NOT NULL CHECK (length > 0),
	last_position bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE seal (
	agent_id text PRIMARY KEY,
	due_ms bigint NOT NULL,
	emitted_ms bigint,
	log_id bigint,
	sealed_ms bigint,
	records_after bigint NOT NULL DEFAULT 0
);
CREATE INDEX seal_due ON seal (due_ms) WHERE emitted_ms IS NULL;

CREATE TABLE evidence_source (
	source text PRIMARY KEY,
	last_sequence bigint NOT NULL,
	last_position bigint NOT NULL,
	records bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE witness (
	name text PRIMARY KEY,
	public_key bytea NOT NULL CHECK (length(public_key) = 32),
	since_ms bigint NOT NULL,
	ended_ms bigint
);

CREATE TABLE legal_hold (
	hold_id text PRIMARY KEY,
	domain text,
	domain_term bigint,
	agent_id text,
	agent_term bigint,
	from_ms bigint,
	to_ms bigint,
	reason text NOT NULL,
	placed_ms bigint NOT NULL,
	placed_by text NOT NULL,
	released_ms bigint,
	release_reason text,
	CHECK ((domain IS NULL) = (domain_term IS NULL)),
	CHECK ((agent_id IS NULL) = (agent_term IS NULL))
);

CREATE TABLE alarm (
	alarm_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	kind text NOT NULL,
	raised_ms bigint NOT NULL,
	subject text NOT NULL,
	log_id bigint,
	detail text NOT NULL
);
CREATE INDEX alarm_kind ON alarm (kind, alarm_id);

-- A partition of the log, made by its owner on the service's behalf; the service gets no rights on
-- it but those on `record`.
CREATE FUNCTION record_part_create(p_class text, p_month integer, p_from_ms bigint, p_to_ms bigint,
				   p_days integer) RETURNS integer
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = audit, pg_temp AS $$
DECLARE
	v_part integer;
BEGIN
	INSERT INTO record_part (class, month, from_ms, to_ms, days)
		VALUES (p_class, p_month, p_from_ms, p_to_ms, p_days)
		RETURNING part INTO v_part;
	EXECUTE format('CREATE TABLE record_p%1$s PARTITION OF record FOR VALUES IN (%1$s)', v_part);
	EXECUTE format('CREATE TRIGGER record_no_truncate BEFORE TRUNCATE ON record_p%s '
		'FOR EACH STATEMENT EXECUTE FUNCTION append_only()', v_part);
	EXECUTE format('REVOKE ALL ON record_p%s FROM audit', v_part);
	RETURN v_part;
END $$;

-- Does a hold that was not released cover a record of the partition?
CREATE FUNCTION record_part_held(p_part integer) RETURNS boolean
	LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = audit, pg_temp AS $$
BEGIN
	RETURN EXISTS (SELECT FROM record_part p JOIN legal_hold h
			ON coalesce(h.from_ms <= p.time_max_ms, true)
			AND coalesce(h.to_ms > p.time_min_ms, true)
		WHERE p.part = p_part AND h.released_ms IS NULL
		AND EXISTS (SELECT FROM record r WHERE r.part = p_part
			AND (h.domain_term IS NULL OR r.terms @> ARRAY[h.domain_term])
			AND (h.agent_term IS NULL OR r.terms @> ARRAY[h.agent_term])
			AND coalesce(r.time_ms >= h.from_ms, true)
			AND coalesce(r.time_ms < h.to_ms, true)));
END $$;

-- Drops a partition whose time is over; false when it may not go. Retention and holds are judged
-- here, not by the caller.
CREATE FUNCTION record_part_expire(p_part integer, p_now_ms bigint) RETURNS boolean
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = audit, pg_temp AS $$
BEGIN
	-- no hold comes in between
	LOCK TABLE legal_hold IN SHARE ROW EXCLUSIVE MODE;
	PERFORM FROM record_part WHERE part = p_part AND expired_ms IS NULL
		AND to_ms + days * bigint '86400000' <= p_now_ms FOR UPDATE;
	IF NOT FOUND OR record_part_held(p_part) THEN
		RETURN false;
	END IF;
	EXECUTE format('DROP TABLE record_p%s', p_part);
	UPDATE record_part SET expired_ms = p_now_ms WHERE part = p_part;
	RETURN true;
END $$;

-- Rights of the service's role: by default it may do everything to rows of the owner's tables.
REVOKE UPDATE, DELETE ON record, leaf_run, node_run, checkpoint, cosignature FROM audit;
REVOKE INSERT, DELETE ON tree, settings FROM audit;
REVOKE DELETE ON retention, chain, seal, evidence_source, witness, segment FROM audit;
REVOKE INSERT, DELETE ON record_part FROM audit;
REVOKE UPDATE ON record_part FROM audit;
GRANT UPDATE (first_position, last_position, records, time_min_ms, time_max_ms, days)
	ON record_part TO audit;
REVOKE UPDATE, DELETE ON alarm, legal_hold FROM audit;
GRANT UPDATE (released_ms, release_reason) ON legal_hold TO audit;
-- Days are only ever added for records that exist.
CREATE FUNCTION record_part_days_grow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.days < OLD.days OR (OLD.expired_ms IS NOT NULL) THEN
		RAISE EXCEPTION 'the retention of records that exist is only ever lengthened'
			USING ERRCODE = 'insufficient_privilege';
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER record_part_days_grow BEFORE UPDATE OF days ON record_part
	FOR EACH ROW EXECUTE FUNCTION record_part_days_grow();
