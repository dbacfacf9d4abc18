-- Decisions of one transaction are one row: a column of each thing a decision says, in the order of
-- their ids. A row each would cost the server four times as much for what is mostly never read
-- again. What becomes of a decision stands in a row of its own, under the lock of meter_clock.
-- `decision` shows them one by one. Times are milliseconds since 1970, UTC.
ALTER TABLE decision RENAME TO decision_old;
ALTER INDEX decision_pkey RENAME TO decision_old_pkey;

-- ids: 16 bytes each. verdict: 1 allow .. 5 deny; shadow: the same with documents in simulation, 0
-- where there were none. outcome: 0 is awaited, 4 none is. swept: nothing is awaited, or when it was
-- due what had not come was given up and its reservation released.
CREATE TABLE decision_run (
	run bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	first_id uuid NOT NULL,
	last_id uuid NOT NULL,
	at_ms bigint NOT NULL,
	due_ms bigint NOT NULL,
	version bigint NOT NULL,
	swept boolean NOT NULL,
	ids bytea NOT NULL,
	numbers bigint[] NOT NULL,
	tools text[] NOT NULL,
	verdicts integer[] NOT NULL,
	shadows integer[] NOT NULL,
	requests bytea[] NOT NULL,
	reasons text[] NOT NULL,
	reserved bigint[] NOT NULL,
	outcomes integer[] NOT NULL
);
ALTER TABLE decision_run
	ALTER ids SET STORAGE EXTERNAL,
	ALTER tools SET COMPRESSION lz4,
	ALTER requests SET COMPRESSION lz4,
	ALTER reasons SET COMPRESSION lz4,
	ALTER numbers SET COMPRESSION lz4,
	ALTER verdicts SET COMPRESSION lz4,
	ALTER shadows SET COMPRESSION lz4,
	ALTER reserved SET COMPRESSION lz4,
	ALTER outcomes SET COMPRESSION lz4;
CREATE INDEX decision_run_first ON decision_run (first_id);
CREATE INDEX decision_run_due ON decision_run (due_ms) WHERE NOT swept;

-- outcome: 1 success, 2 failed, 3 cancelled. overdue: it came after the decision was given up.
CREATE TABLE outcome (
	evidence_id uuid PRIMARY KEY,
	outcome integer NOT NULL,
	result_hash text NOT NULL,
	captured bigint NOT NULL,
	overdue boolean NOT NULL,
	at_ms bigint NOT NULL
);

INSERT INTO decision_run (first_id, last_id, at_ms, due_ms, version, swept, ids, numbers, tools,
	verdicts, shadows, requests, reasons, reserved, outcomes)
SELECT evidence_id, evidence_id, at_ms, due_ms, version, overdue OR outcome = 4,
	uuid_send(evidence_id), ARRAY[number], ARRAY[tool], ARRAY[verdict], ARRAY[shadow],
	ARRAY[request], ARRAY[reasons], ARRAY[reserved], ARRAY[CASE outcome WHEN 4 THEN 4 ELSE 0 END]
FROM decision_old ORDER BY evidence_id;
INSERT INTO outcome SELECT evidence_id, outcome, COALESCE(result_hash, ''), captured, overdue, at_ms
FROM decision_old WHERE outcome BETWEEN 1 AND 3;
DROP TABLE decision_old;

CREATE VIEW decision AS
SELECT d.evidence_id, d.number, d.at_ms, d.tool, d.verdict, d.shadow, d.version, d.request,
	d.reasons, CASE WHEN d.given_up THEN 0 ELSE d.reserved END AS reserved,
	COALESCE(o.outcome, d.outcome) AS outcome, d.due_ms,
	COALESCE(o.overdue, d.given_up) AS overdue, o.result_hash,
	COALESCE(o.captured, 0) AS captured, d.run
FROM (SELECT r.run, r.at_ms, r.due_ms, r.version, r.swept AND u.outcome = 0 AS given_up, u.*,
		encode(substring(r.ids FROM (u.place * 16 - 15)::int FOR 16), 'hex')::uuid AS evidence_id
	FROM decision_run r CROSS JOIN LATERAL unnest(r.numbers, r.tools, r.verdicts, r.shadows,
		r.requests, r.reasons, r.reserved, r.outcomes) WITH ORDINALITY AS u (number, tool,
		verdict, shadow, request, reasons, reserved, outcome, place)) d
LEFT JOIN outcome o ON o.evidence_id = d.evidence_id;
