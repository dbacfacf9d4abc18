-- Changes of what the installation itself does wait for people too. It is asked for under the number
-- no agent has.
ALTER TABLE agent
	DROP CONSTRAINT agent_number_check,
	ADD CONSTRAINT agent_number_check CHECK (number >= 0);
INSERT INTO agent (number, name, owner, unit, role, tier, score, state)
VALUES (0, 'installation', '', 'installation', 'installation', 2, 100, 2);
