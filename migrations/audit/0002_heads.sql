-- Up to which position the heads of chains were told to who keeps agents. Where the index is they are
-- told in passes over all chains, in the order of names: one is under way when pass_to is there, it is
-- behind pass_after, and then everything before pass_to has been told.
CREATE TABLE heads_told (
	one boolean PRIMARY KEY DEFAULT true CHECK (one),
	position bigint NOT NULL CHECK (position >= 0),
	pass_to bigint CHECK (pass_to > position),
	pass_after text NOT NULL DEFAULT ''
);
INSERT INTO heads_told (position) VALUES (0);
REVOKE INSERT, DELETE ON heads_told FROM audit;
