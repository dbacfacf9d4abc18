-- Up to which position the heads of chains were told to who keeps agents.
CREATE TABLE heads_told (
	one boolean PRIMARY KEY DEFAULT true CHECK (one),
	position bigint NOT NULL CHECK (position >= 0)
);
INSERT INTO heads_told (position) VALUES (0);
REVOKE INSERT, DELETE ON heads_told FROM audit;
