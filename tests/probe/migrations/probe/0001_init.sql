CREATE TABLE item (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL UNIQUE,
	value text NOT NULL,
	put_ms bigint NOT NULL
);

-- One row an event applied; `times` shows an event that took effect twice.
CREATE TABLE applied (
	name text PRIMARY KEY,
	times integer NOT NULL DEFAULT 1
);
